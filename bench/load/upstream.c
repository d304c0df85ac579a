/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upstream - a mock provider of four languages, fast enough to stand behind a proxy under test.
 *
 * One epoll loop a thread, each with its own listener (SO_REUSEPORT) and nothing shared but the
 * counters. A request costs one recv and one send: answers are made once (reply.h), the body is
 * only sniffed at (sniff.h), and the middle of a large one is thrown away in the kernel
 * (MSG_TRUNC), so that 1 MB prompts cost this program next to nothing. What to answer is in the
 * model name (shape.h).
 *
 * The events of paced streams are sent each at its own time, from one heap of timers. Streams start
 * at spread phases, since the point is events that arrive one by one and can't be read together.
 *
 * `GET /bench/stats` answers the counters as JSON: calls, events, connections, streams that a
 * client left in the middle. So a test can compare what was asked of the provider with what clients
 * got.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "reply.h"
#include "request.h"
#include "sock.h"
#include "timers.h"
#include "tool.h"

#define READ_BYTES   ((size_t)256 << 10)
#define FIRST_BYTES  ((size_t)16 << 10)
#define BATCH        256
#define REPLIES_MAX  64
#define THREADS_MAX  16
#define EVENT_MAX    2048
#define PHASE_STEPS  1009u
#define PHASE_STRIDE 624u

/* Written by one thread, read by whoever answers /bench/stats. */
enum counter {
    COUNT_CALLS,
    COUNT_EVENTS,
    COUNT_BODY_BYTES,
    COUNT_CONNS_TOTAL,
    COUNT_CONNS_OPEN,
    COUNT_STREAMS_OPEN,
    COUNT_STREAMS_CUT,
    COUNT_SEND_STALLS,
    COUNTERS
};
static const char *const counter_names[COUNTERS] = {
    "calls",      "events",       "body_bytes",  "conns_total",
    "conns_open", "streams_open", "streams_cut", "send_stalls",
};

struct server {
    struct worker *workers;
    unsigned threads;
};

struct worker {
    const struct server *server;
    int ep, listener;
    struct timers timers;
    struct reply *replies[REPLIES_MAX];
    unsigned reply_count, next_reply, phase;
    _Atomic uint64_t counters[COUNTERS];
    char scratch[READ_BYTES];
};

struct conn {
    struct timer timer; /* first: a timer is its conn */
    struct worker *w;
    int fd;
    bool writing; /* EPOLLOUT is asked for */
    struct request req;
    const struct reply *stream; /* the timed stream under way, or NULL */
    unsigned events_left;
    struct text spill; /* bytes the socket did not take, from spill_at on */
    size_t spill_at;
};

static void count(struct worker *w, enum counter which, uint64_t by)
{
    uint64_t now = atomic_load_explicit(&w->counters[which], memory_order_relaxed);
    atomic_store_explicit(&w->counters[which], now + by, memory_order_relaxed);
}

static void conn_close(struct conn *c)
{
    if (c->stream) {
        timers_cancel(&c->w->timers, &c->timer);
        count(c->w, COUNT_STREAMS_CUT, 1);
        count(c->w, COUNT_STREAMS_OPEN, (uint64_t)-1);
    }
    count(c->w, COUNT_CONNS_OPEN, (uint64_t)-1);
    close(c->fd);
    request_fini(&c->req);
    free(c->spill.at);
    free(c);
}

static void conn_watch(struct conn *c, bool writing)
{
    if (c->writing == writing)
        return;
    struct epoll_event ev = {.events = EPOLLIN | (writing ? EPOLLOUT : 0u), .data.ptr = c};
    if (epoll_ctl(c->w->ep, EPOLL_CTL_MOD, c->fd, &ev) != 0)
        die("epoll_ctl: %s", strerror(errno));
    c->writing = writing;
}

/* Send, and keep what the socket does not take. False: the peer is gone (the caller closes). */
static bool conn_send(struct conn *c, const char *bytes, size_t n)
{
    ssize_t sent = 0;
    if (c->spill.len == 0) {
        sent = send(c->fd, bytes, n, MSG_NOSIGNAL);
        if (sent == (ssize_t)n)
            return true;
        if (sent < 0 && errno != EAGAIN)
            return false;
        count(c->w, COUNT_SEND_STALLS, 1);
    }
    size_t done = sent > 0 ? (size_t)sent : 0;
    text_add(&c->spill, bytes + done, n - done);
    conn_watch(c, true);
    return true;
}

/* The socket takes bytes again. */
static bool conn_flush(struct conn *c)
{
    while (c->spill_at < c->spill.len) {
        ssize_t sent =
            send(c->fd, c->spill.at + c->spill_at, c->spill.len - c->spill_at, MSG_NOSIGNAL);
        if (sent < 0)
            return errno == EAGAIN;
        c->spill_at += (size_t)sent;
    }
    c->spill.len = c->spill_at = 0;
    conn_watch(c, false);
    return true;
}

static struct reply *find_reply(struct worker *w, const struct reply_key *key)
{
    for (unsigned i = 0; i < w->reply_count; i++)
        if (reply_fits(w->replies[i], key))
            return w->replies[i];
    if (w->reply_count == REPLIES_MAX)
        die("more than %u kinds of answer were asked for in one run", REPLIES_MAX);
    return w->replies[w->reply_count++] = reply_make(key);
}

static size_t copy_event(const struct reply *r, char *to)
{
    if (r->event.len > EVENT_MAX)
        die("an event of %zu bytes", r->event.len);
    memcpy(to, r->event.at, r->event.len);
    reply_stamp(r, to, now_ns());
    return r->event.len;
}

static bool stream_end(struct conn *c)
{
    const struct reply *r = c->stream;
    timers_cancel(&c->w->timers, &c->timer);
    c->stream = NULL;
    count(c->w, COUNT_STREAMS_OPEN, (uint64_t)-1);
    return conn_send(c, r->closing.at, r->closing.len);
}

/* The opening and the first content at once, as a provider does; the rest at a phase of its own. */
static bool stream_begin(struct conn *c, const struct reply *r)
{
    struct worker *w = c->w;
    char first[EVENT_MAX];
    struct text both = {0};
    text_add(&both, r->opening.at, r->opening.len);
    text_add(&both, first, copy_event(r, first));
    bool ok = conn_send(c, both.at, both.len);
    free(both.at);
    c->stream = r;
    c->events_left = r->shape.kind == SHAPE_HOLD ? 0 : r->shape.events - 1;
    count(w, COUNT_STREAMS_OPEN, 1);
    count(w, COUNT_EVENTS, 1);
    if (ok && r->shape.kind != SHAPE_HOLD && c->events_left == 0)
        return stream_end(c);
    /* Steps of 0.618 of a prime number: streams that start together end up far apart in phase. */
    w->phase = (w->phase + PHASE_STRIDE) % PHASE_STEPS;
    timers_set(&w->timers, &c->timer,
               now_ns() + r->shape.gap_ns / 2 + r->shape.gap_ns * w->phase / PHASE_STEPS);
    return ok;
}

/* The stream's timer is due. */
static bool stream_step(struct conn *c, uint64_t now)
{
    const struct reply *r = c->stream;
    uint64_t next = c->timer.due + r->shape.gap_ns;
    timers_set(&c->w->timers, &c->timer, next > now ? next : now + r->shape.gap_ns);
    if (c->spill.len)
        return true; /* the reader is slow: like a model, wait, and lose nothing */
    char event[EVENT_MAX];
    if (!conn_send(c, event, copy_event(r, event)))
        return false;
    count(c->w, COUNT_EVENTS, 1);
    if (r->shape.kind != SHAPE_HOLD && --c->events_left == 0)
        return stream_end(c);
    return true;
}

static bool answer_stats(struct conn *c)
{
    const struct server *s = c->w->server;
    struct text json = {0}, out = {0};
    for (unsigned k = 0; k < COUNTERS; k++) {
        uint64_t sum = 0;
        for (unsigned i = 0; i < s->threads; i++)
            sum += atomic_load_explicit(&s->workers[i].counters[k], memory_order_relaxed);
        text_printf(&json, "%c\"%s\":%llu", k ? ',' : '{', counter_names[k],
                    (unsigned long long)sum);
    }
    text_puts(&json, "}");
    reply_add_json(&out, "200 OK", json.at, json.len);
    bool ok = conn_send(c, out.at, out.len);
    free(json.at);
    free(out.at);
    return ok;
}

static bool answer_fixed(struct conn *c, const char *json)
{
    struct text out = {0};
    reply_add_json(&out, "200 OK", json, strlen(json));
    bool ok = conn_send(c, out.at, out.len);
    free(out.at);
    return ok;
}

static bool answer_chat(struct conn *c)
{
    const struct sniff *s = &c->req.sniff;
    struct reply_key key = {
        .dialect = c->req.target == TARGET_MESSAGES   ? DIALECT_ANTHROPIC
                   : c->req.target == TARGET_GEMINI   ? DIALECT_GEMINI
                   : c->req.target == TARGET_CONVERSE ? DIALECT_CONVERSE
                                                      : DIALECT_OPENAI,
        .stream = s->stream,
        .include_usage = s->include_usage,
        .model = s->model,
        .model_len = s->model_len,
    };
    const struct reply *r = find_reply(c->w, &key);
    count(c->w, COUNT_CALLS, 1);
    count(c->w, COUNT_BODY_BYTES, c->req.body_bytes);
    if (r->timed)
        return stream_begin(c, r);
    if (key.stream)
        count(c->w, COUNT_EVENTS, r->shape.events);
    return conn_send(c, r->whole.at, r->whole.len);
}

static bool answer(struct conn *c)
{
    switch (c->req.target) {
    case TARGET_STATS:
        return answer_stats(c);
    case TARGET_COUNT:
        return answer_fixed(c, "{\"input_tokens\":1187}");
    case TARGET_MODELS:
        return answer_fixed(c, "{\"object\":\"list\",\"data\":[{\"id\":\"bench-json\",\"object\":"
                               "\"model\",\"created\":1934270561,\"owned_by\":\"bench\"}]}");
    case TARGET_CHAT:
    case TARGET_MESSAGES:
    case TARGET_GEMINI:
    case TARGET_CONVERSE:
        break;
    }
    return answer_chat(c);
}

/* Bytes came. False: close. */
static bool conn_take(struct conn *c, const char *bytes, size_t n)
{
    while (n) {
        if (c->stream)
            return false; /* a request on top of a stream under way: no proxy does that */
        bool had_head = c->req.state != REQUEST_HEAD;
        size_t used = request_feed(&c->req, bytes, n);
        bytes += used;
        n -= used;
        if (c->req.state == REQUEST_BAD)
            return false;
        if (c->req.state == REQUEST_DONE) {
            if (!answer(c)) /* the client closes, also after its "Connection: close" */
                return false;
            request_begin(&c->req);
        } else if (c->req.expect && !had_head && c->req.state != REQUEST_HEAD && n == 0) {
            static const char go[] = "HTTP/1.1 100 Continue\r\n\r\n";
            if (!conn_send(c, go, sizeof go - 1))
                return false;
        }
    }
    return true;
}

static bool conn_read(struct conn *c)
{
    uint64_t skip = request_can_skip(&c->req);
    if (skip) {
        ssize_t n = recv(c->fd, NULL, (size_t)skip, MSG_TRUNC);
        if (n > 0)
            request_skipped(&c->req, (uint64_t)n);
        return n > 0 || (n < 0 && errno == EAGAIN);
    }
    /* Little at first, so that the middle of a large prompt can be skipped above. */
    size_t room = c->req.state == REQUEST_CHUNKED ? READ_BYTES : FIRST_BYTES;
    ssize_t n = recv(c->fd, c->w->scratch, room, 0);
    if (n <= 0)
        return n < 0 && errno == EAGAIN;
    return conn_take(c, c->w->scratch, (size_t)n);
}

static void accept_all(struct worker *w)
{
    for (int fd; (fd = sock_accept(w->listener)) >= 0;) {
        struct conn *c = xalloc(sizeof *c);
        c->w = w;
        c->fd = fd;
        request_begin(&c->req);
        struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
        if (epoll_ctl(w->ep, EPOLL_CTL_ADD, fd, &ev) != 0)
            die("epoll_ctl: %s", strerror(errno));
        count(w, COUNT_CONNS_TOTAL, 1);
        count(w, COUNT_CONNS_OPEN, 1);
    }
}

static void fire_timers(struct worker *w)
{
    uint64_t now = now_ns();
    for (struct timer *t; (t = timers_first(&w->timers)) != NULL && t->due <= now;) {
        struct conn *c = (struct conn *)t;
        if (!stream_step(c, now))
            conn_close(c);
    }
}

static void *worker_run(void *arg)
{
    struct worker *w = arg;
    struct epoll_event ev[BATCH];
    prctl(PR_SET_TIMERSLACK, 1ul); /* else the kernel may be 50 us late for every event */
    for (;;) {
        struct timer *first = timers_first(&w->timers);
        struct timespec wait = {0};
        if (first) {
            uint64_t now = now_ns(), left = first->due > now ? first->due - now : 0;
            wait.tv_sec = (time_t)(left / NS_PER_SEC);
            wait.tv_nsec = (long)(left % NS_PER_SEC);
        }
        int n = epoll_pwait2(w->ep, ev, BATCH, first ? &wait : NULL, NULL);
        if (n < 0 && errno != EINTR)
            die("epoll_wait: %s", strerror(errno));
        for (int i = 0; i < n; i++) {
            struct conn *c = ev[i].data.ptr;
            if (!c) {
                accept_all(w);
                continue;
            }
            bool ok = true;
            if (ev[i].events & EPOLLOUT)
                ok = conn_flush(c);
            if (ok && (ev[i].events & ~(uint32_t)EPOLLOUT))
                ok = conn_read(c);
            if (!ok)
                conn_close(c);
        }
        fire_timers(w);
    }
    return NULL;
}

static void worker_init(struct worker *w, const struct server *s, const struct sockaddr_in *at)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL};
    w->server = s;
    w->listener = sock_listen(at);
    w->ep = epoll_create1(EPOLL_CLOEXEC);
    if (w->ep < 0 || epoll_ctl(w->ep, EPOLL_CTL_ADD, w->listener, &ev) != 0)
        die("epoll: %s", strerror(errno));
}

static void usage(void)
{
    puts(
        "usage: upstream [--listen ADDRESS:PORT] [--threads N]\n"
        "\n"
        "A mock provider: POST */chat/completions (OpenAI), */messages (Anthropic),\n"
        "*:generateContent (Gemini) and */converse (Bedrock), streamed or not;\n"
        "GET /bench/stats. Port 0, the default, picks a free one; the first line on stdout "
        "is\n"
        "\"listening ADDRESS:PORT\". The model name says what is answered:\n"
        "\n"
        "  bench-json[-BYTESb]    at once            bench-burst-N          N events in one write\n"
        "  bench-paced-N-GAPms    an event each GAP  bench-hold-GAPms       the same, without end\n"
        "  bench-error-STATUS     an error");
}

int main(int argc, char **argv)
{
    const char *listen_at = "127.0.0.1:0";
    struct server server = {.threads = 1};
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "--listen") == 0 && more) {
            listen_at = argv[++i];
        } else if (strcmp(argv[i], "--threads") == 0 && more) {
            server.threads = (unsigned)option_count("--threads", argv[++i]);
        } else {
            usage();
            return strcmp(argv[i], "--help") == 0 ? 0 : 2;
        }
    }
    if (server.threads < 1 || server.threads > THREADS_MAX)
        die("--threads: 1 to %d", THREADS_MAX);
    signal(SIGPIPE, SIG_IGN);
    raise_file_limit();

    struct sockaddr_in at = sock_address(listen_at);
    server.workers = xalloc(sizeof *server.workers * server.threads);
    for (unsigned i = 0; i < server.threads; i++) {
        worker_init(&server.workers[i], &server, &at);
        at.sin_port = htons(sock_local_port(server.workers[i].listener));
    }
    printf("listening 127.0.0.1:%u\n", ntohs(at.sin_port));
    fflush(stdout);
    for (unsigned i = 1; i < server.threads; i++) {
        pthread_t t;
        if (pthread_create(&t, NULL, worker_run, &server.workers[i]) != 0)
            die("no thread");
    }
    worker_run(&server.workers[0]);
}
