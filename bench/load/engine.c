/* SPDX-License-Identifier: Apache-2.0 */
#include "engine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sock.h"
#include "tool.h"

#define READ_BYTES    ((size_t)256 << 10)
#define BATCH         256
#define RAMP_PARALLEL 64u              /* calls under way while the ramp climbs */
#define SETTLE_NS     (1 * NS_PER_SEC) /* between the last one ready and the window */
#define DRAIN_NS      (10 * NS_PER_SEC)
#define SWEEP_NS      (NS_PER_SEC / 2) /* how often stuck calls are looked for */

enum phase { PHASE_RAMP, PHASE_WARMUP, PHASE_WINDOW, PHASE_DRAIN };

struct conn {
    int fd;
    bool busy, writing, retried;
    bool climbing;         /* part of the ramp, not yet ready */
    bool ready;            /* its stream has begun, or its one call is answered */
    bool asleep;           /* refused: tried again at the next sweep, not hammered */
    unsigned calls_before; /* on this connection */
    unsigned seen;         /* events of this answer already counted */
    size_t sent;
    uint64_t due, heard; /* when the call was due; when bytes last came or went */
    struct answer answer;
    struct conn *next_idle;
};

struct engine {
    const struct load_options *o;
    struct load_figures *f;
    struct answer_rules rules;
    int ep;
    enum phase phase;
    uint64_t phase_end, window_start, window_end, sweep_at, progress_at;
    struct conn *conns, *idle;
    unsigned started, busy, ramping;
    uint64_t open_start, open_next; /* the open loop's calls are numbered from its start */
    uint64_t cpu_start, upstream_start, own_start;
    uint64_t all_calls; /* since the start, for progress lines */
    char scratch[READ_BYTES];
};

static uint64_t own_cpu_ns(void)
{
    pid_t self = getpid();
    return proc_cpu_ns(&self, 1);
}

static uint64_t open_due(const struct engine *e, uint64_t n)
{
    return e->open_start + (uint64_t)((__uint128_t)n * NS_PER_SEC / e->o->rate);
}

/* Whether what ends now belongs to the figures. */
static bool is_measured(const struct engine *e, const struct conn *c)
{
    if (e->o->rate)
        return e->window_start && c->due >= e->window_start &&
               (e->phase == PHASE_WINDOW || c->due < e->window_end);
    return e->phase == PHASE_WINDOW;
}

static void note_error(struct engine *e, const struct conn *c, enum answer_fault fault)
{
    struct load_figures *f = e->f;
    f->errors++;
    f->faults[fault]++;
    if (f->first_error[0] == 0)
        snprintf(f->first_error, sizeof f->first_error,
                 "%s: status %u, %u events, %llu bytes: %.*s", answer_fault_names[fault],
                 c->answer.status, c->answer.events, (unsigned long long)c->answer.body_bytes,
                 (int)c->answer.sample_len, c->answer.sample);
}

static void conn_watch(struct engine *e, struct conn *c, bool writing, int op)
{
    struct epoll_event ev = {.events = EPOLLIN | (writing ? EPOLLOUT : 0u), .data.ptr = c};
    if (epoll_ctl(e->ep, op, c->fd, &ev) != 0)
        die("epoll_ctl: %s", strerror(errno));
    c->writing = writing;
}

static bool conn_open(struct engine *e, struct conn *c)
{
    unsigned n = (unsigned)(c - e->conns);
    struct sockaddr_in from = {.sin_family = AF_INET};
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + n % e->o->sources);
    c->fd = sock_connect(&e->o->to, e->o->sources > 1 ? &from : NULL);
    c->calls_before = 0;
    if (c->fd < 0)
        return false;
    conn_watch(e, c, false, EPOLL_CTL_ADD);
    return true;
}

static void conn_shut(struct conn *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

/* Send what the socket takes. False: the connection is lost. */
static bool conn_push(struct engine *e, struct conn *c)
{
    const struct text *r = &e->o->request;
    while (c->sent < r->len) {
        ssize_t n = send(c->fd, r->at + c->sent, r->len - c->sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            return false;
        if (n < 0)
            break;
        c->sent += (size_t)n;
    }
    bool more = c->sent < r->len;
    if (c->writing != more)
        conn_watch(e, c, more, EPOLL_CTL_MOD);
    return true;
}

static void call_end(struct engine *e, struct conn *c, enum answer_fault fault, uint64_t now);

/* The connection broke before a byte of the answer. A server may close an idle connection just as a
 * call is sent on it, so a reused one gets a second try, as every HTTP client does. */
static void call_lost(struct engine *e, struct conn *c, uint64_t now)
{
    bool again = c->calls_before > 0 && !c->retried;
    conn_shut(c);
    if (again && conn_open(e, c)) {
        c->retried = true;
        c->sent = 0;
        e->f->reconnects++;
        if (conn_push(e, c))
            return;
    }
    call_end(e, c, FAULT_CONNECT, now);
}

static void call_start(struct engine *e, struct conn *c, uint64_t due, uint64_t now)
{
    answer_begin(&c->answer);
    c->busy = true;
    c->retried = false;
    c->due = due;
    c->heard = now;
    c->sent = 0;
    c->seen = 0;
    e->busy++;
    if (c->fd < 0 && !conn_open(e, c))
        call_end(e, c, FAULT_CONNECT, now);
    else if (!conn_push(e, c))
        call_lost(e, c, now);
}

/* What an idle connection does next. */
static void conn_next(struct engine *e, struct conn *c, uint64_t now)
{
    bool over = e->phase == PHASE_DRAIN && !e->o->rate;
    if (e->o->mode != LOAD_CALLS || over)
        return;
    if (!e->o->rate) {
        call_start(e, c, now, now);
        return;
    }
    c->next_idle = e->idle;
    e->idle = c;
}

static void climb_end(struct engine *e, struct conn *c, bool ready)
{
    if (!c->climbing)
        return;
    c->climbing = false;
    c->ready = ready;
    e->ramping--;
    e->f->ready += ready;
}

static void call_end(struct engine *e, struct conn *c, enum answer_fault fault, uint64_t now)
{
    struct load_figures *f = e->f;
    if (fault == FAULT_NONE && e->o->mode == LOAD_HOLD)
        fault = FAULT_EVENTS; /* a stream without end has ended */
    if (e->o->mode != LOAD_CALLS || is_measured(e, c)) {
        f->calls++;
        hist_add(&f->latency, now - c->due);
    }
    e->all_calls++;
    if (fault != FAULT_NONE)
        note_error(e, c, fault);
    climb_end(e, c, fault == FAULT_NONE);
    e->busy--;
    c->busy = false;
    c->calls_before++;
    if (fault != FAULT_NONE || c->answer.close || c->sent < e->o->request.len)
        conn_shut(c);
    c->asleep = fault == FAULT_CONNECT;
    if (!c->asleep)
        conn_next(e, c, now);
}

/* Count events that came with the last read. */
static void take_events(struct engine *e, struct conn *c, uint64_t now)
{
    unsigned fresh = c->answer.events - c->seen;
    if (fresh == 0)
        return;
    if (c->seen == 0 && (e->o->mode == LOAD_HOLD || is_measured(e, c)))
        hist_add(&e->f->first, now - c->due);
    if (e->phase == PHASE_WINDOW)
        e->f->events += fresh;
    if (e->o->mode == LOAD_HOLD)
        climb_end(e, c, true);
    c->seen = c->answer.events;
}

static void conn_read(struct engine *e, struct conn *c)
{
    ssize_t n = recv(c->fd, e->scratch, sizeof e->scratch, 0);
    uint64_t now = now_ns();
    if (n < 0 && errno == EAGAIN)
        return;
    c->heard = now;
    if (!c->busy) { /* closed while idle: reopened at its next call */
        if (e->o->mode == LOAD_IDLE)
            note_error(e, c, FAULT_CONNECT); /* it should have been kept */
        conn_shut(c);
        return;
    }
    if (n <= 0 && c->answer.state == ANSWER_HEAD && c->answer.held_len == 0) {
        call_lost(e, c, now);
        return;
    }
    if (n > 0)
        answer_feed(&c->answer, &e->rules, e->scratch, (size_t)n, now);
    else
        answer_eof(&c->answer);
    take_events(e, c, now);
    if (c->answer.state == ANSWER_DONE || c->answer.state == ANSWER_BAD)
        call_end(e, c, answer_judge(&c->answer, &e->rules), now);
}

static void sweep(struct engine *e, uint64_t now)
{
    e->sweep_at = now + SWEEP_NS;
    for (unsigned i = 0; i < e->o->conns; i++) {
        struct conn *c = &e->conns[i];
        if (c->busy && now - c->heard > e->o->timeout_ns) {
            conn_shut(c);
            call_end(e, c, FAULT_TIMEOUT, now);
        } else if (c->asleep) {
            c->asleep = false;
            conn_next(e, c, now);
        }
    }
}

static void progress(struct engine *e, uint64_t now)
{
    struct proc_memory m = proc_memory(e->o->pids, e->o->pid_count);
    e->progress_at = now + e->o->progress_ns;
    fprintf(stderr,
            "{\"seconds\":%.1f,\"calls\":%llu,\"errors\":%llu,\"rss_kb\":%llu,\"pss_kb\":%llu,"
            "\"fds\":%llu}\n",
            e->window_start ? (double)(now - e->window_start) / 1e9 : 0.0,
            (unsigned long long)e->all_calls, (unsigned long long)e->f->errors,
            (unsigned long long)m.rss_kb, (unsigned long long)m.pss_kb, (unsigned long long)m.fds);
}

static void enter_window(struct engine *e, uint64_t now)
{
    const struct load_options *o = e->o;
    e->phase = PHASE_WINDOW;
    e->window_start = now;
    e->phase_end = o->window_ns ? now + o->window_ns : UINT64_MAX;
    e->rules.event_hist = &e->f->event;
    e->own_start = own_cpu_ns();
    e->upstream_start = proc_cpu_ns(o->upstream_pids, o->upstream_pid_count);
    e->cpu_start = proc_cpu_ns(o->pids, o->pid_count);
}

static void leave_window(struct engine *e, uint64_t now)
{
    const struct load_options *o = e->o;
    struct load_figures *f = e->f;
    f->cpu_ns = proc_cpu_ns(o->pids, o->pid_count) - e->cpu_start;
    f->upstream_cpu_ns = proc_cpu_ns(o->upstream_pids, o->upstream_pid_count) - e->upstream_start;
    f->own_cpu_ns = own_cpu_ns() - e->own_start;
    f->after = proc_memory(o->pids, o->pid_count);
    f->window_ns = now - e->window_start;
    e->window_end = now;
    e->rules.event_hist = NULL;
    e->phase = PHASE_DRAIN;
    e->phase_end = now + DRAIN_NS;
}

/* Start what the ramp may start, and see whether it is over. */
static void ramp(struct engine *e, uint64_t now)
{
    while (e->started < e->o->conns && e->ramping < RAMP_PARALLEL) {
        struct conn *c = &e->conns[e->started++];
        c->climbing = true;
        e->ramping++;
        call_start(e, c, now, now);
    }
    if (e->started == e->o->conns && e->ramping == 0) {
        e->phase = PHASE_WARMUP;
        e->phase_end = now + SETTLE_NS + e->o->warmup_ns;
    }
}

/* Send the calls that are due, as far as there are idle connections. */
static void open_loop(struct engine *e, uint64_t now)
{
    while (e->idle) {
        uint64_t due = open_due(e, e->open_next);
        if (due > now || (e->phase == PHASE_DRAIN && due >= e->window_end))
            return;
        struct conn *c = e->idle;
        e->idle = c->next_idle;
        e->open_next++;
        call_start(e, c, due, now);
    }
}

/* Nothing is left to do. */
static bool is_over(const struct engine *e, uint64_t now)
{
    if (e->phase != PHASE_DRAIN)
        return false;
    if (e->o->mode == LOAD_HOLD || now >= e->phase_end)
        return true;
    return e->busy == 0 && (!e->o->rate || open_due(e, e->open_next) >= e->window_end);
}

static void step_phase(struct engine *e, uint64_t now)
{
    if (e->phase == PHASE_RAMP)
        ramp(e, now);
    if (e->phase == PHASE_WARMUP && now >= e->phase_end)
        enter_window(e, now);
    if (e->phase == PHASE_WINDOW &&
        (now >= e->phase_end || (e->o->calls && e->f->calls >= e->o->calls)))
        leave_window(e, now);
    if (e->o->rate)
        open_loop(e, now);
    if (now >= e->sweep_at)
        sweep(e, now);
    if (e->o->progress_ns && now >= e->progress_at)
        progress(e, now);
}

static struct timespec next_wait(const struct engine *e, uint64_t now)
{
    uint64_t at = e->sweep_at < e->phase_end ? e->sweep_at : e->phase_end;
    if (e->idle && e->o->rate) {
        uint64_t due = open_due(e, e->open_next);
        if (due < at && !(e->phase == PHASE_DRAIN && due >= e->window_end))
            at = due;
    }
    uint64_t left = at > now ? at - now : 0;
    return (struct timespec){.tv_sec = (time_t)(left / NS_PER_SEC),
                             .tv_nsec = (long)(left % NS_PER_SEC)};
}

static void begin(struct engine *e, uint64_t now)
{
    const struct load_options *o = e->o;
    e->sweep_at = now + SWEEP_NS;
    e->progress_at = now + o->progress_ns;
    e->phase = o->mode == LOAD_CALLS ? PHASE_WARMUP : PHASE_RAMP;
    e->phase_end = now + o->warmup_ns;
    e->f->before = proc_memory(o->pids, o->pid_count);
    e->open_start = now;
    if (e->phase == PHASE_RAMP) {
        e->phase_end = UINT64_MAX;
        return;
    }
    for (unsigned i = 0; i < o->conns; i++) {
        if (o->rate)
            conn_open(e, &e->conns[i]); /* so that no call has to wait for a connection */
        conn_next(e, &e->conns[i], now);
    }
}

/* Calls that never came back. */
static void count_stuck(struct engine *e)
{
    for (unsigned i = 0; i < e->o->conns; i++) {
        const struct conn *c = &e->conns[i];
        if (c->busy && e->o->mode == LOAD_CALLS)
            note_error(e, c, FAULT_TIMEOUT);
    }
}

void load_run(const struct load_options *o, struct load_figures *ret)
{
    struct engine *e = xalloc(sizeof *e);
    struct epoll_event ev[BATCH];
    *e = (struct engine){.o = o, .f = ret, .rules = o->rules};
    e->ep = epoll_create1(EPOLL_CLOEXEC);
    if (e->ep < 0)
        die("epoll: %s", strerror(errno));
    e->conns = xalloc(sizeof *e->conns * o->conns);
    for (unsigned i = 0; i < o->conns; i++)
        e->conns[i].fd = -1;
    prctl(PR_SET_TIMERSLACK, 1ul); /* else the kernel may be 50 us late for every call due */

    uint64_t now = now_ns();
    begin(e, now);
    while (!is_over(e, now)) {
        struct timespec wait = next_wait(e, now);
        int n = epoll_pwait2(e->ep, ev, BATCH, &wait, NULL);
        if (n < 0 && errno != EINTR)
            die("epoll_wait: %s", strerror(errno));
        for (int i = 0; i < n; i++) {
            struct conn *c = ev[i].data.ptr;
            if (c->fd < 0)
                continue;
            if ((ev[i].events & EPOLLOUT) && c->busy && !conn_push(e, c))
                call_lost(e, c, now_ns());
            else if (ev[i].events & ~(uint32_t)EPOLLOUT)
                conn_read(e, c);
        }
        now = now_ns();
        step_phase(e, now);
    }
    count_stuck(e);
}
