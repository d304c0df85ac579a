/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve - the life of the process.
 *
 * The main thread owns the signals, the watch on the configuration file and the drain; it serves no
 * call. A new configuration is parsed here, off the workers' loops; each worker swaps it in by
 * message, and calls in flight keep the one they began with (P3, P4).
 *
 *     SIGHUP, file changed   reload: a whole new snapshot, or the old one and a word about it
 *     SIGHUP                 besides: reopen the access log, as every daemon does
 *     certificate changed    the listeners' new one, or the old one and a word about it
 *     SIGUSR1                reopen the access log
 *     SIGTERM, SIGINT        not ready; after lameDuck close the listeners; after drain end streams
 *     a second one           end now
 *
 * Why the lame duck: a load balancer goes on sending until it has seen /readyz fail, some seconds
 * later. Who closes the listeners at once refuses those connections; who waits serves them.
 *
 * SIGKILL and a crash need no clean-up: nothing of a call is on disk, a pid file whose process is
 * gone counts as none, and the log thread's last lines are all that is lost.
 */
#include "app/serve.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "app/config.h"
#include "app/pidfile.h"
#include "app/serve_int.h"
#include "base/auto.h"
#include "base/mem.h"
#include "io/listen.h"

#define END_MS    1500 /* from ending the calls to stopping, for the last bytes */
#define LOOK_MS   20
#define HEAP_KEEP (8 << 20) /* bytes each worker's heap may keep at its top */
#define WHY_MAX   (64u << 10)

/* Seeds of hash tables that strangers fill: unpredictable, or a client could make all its keys fall
 * into one bucket. getrandom(2) fails on kernels before 3.17 alone; the clock is better than 0. */
static uint64_t seed(void)
{
    uint64_t v = 0;
    if (getrandom(&v, sizeof(v), 0) != (ssize_t)sizeof(v))
        v = loop_now_us() ^ (uint64_t)getpid() << 32;
    return v;
}

/* ---- token ranks */

/* On the main thread: reading 5 MiB would hold up the calls of a worker. All workers get the
 * answer, for the next will ask in a moment. */
static void on_want(struct mail *m)
{
    struct process *p = (struct process *)(void *)((char *)m - offsetof(struct process, want));
    AUTO(buf_fini) struct buf why = BUF_INIT(WHY_MAX);
    bool here = p->ranks.o200k || ranks_load(&p->ranks, &why);
    if (!here)
        fprintf(stderr, "weir: " STR_FMT "\n", STR_ARG(buf_str(&why)));
    atomic_store(&p->wanted, false);
    for (unsigned i = 0; i < p->nworkers; i++)
        if (p->workers[i] &&
            worker_ranks(p->workers[i], here ? &p->ranks.encodings : NULL) != RC_OK)
            fprintf(stderr, "weir: out of memory: worker %u estimates tokens\n", i);
}

/* On a worker's thread. `want` is one message: while it is on its way it may not be posted again,
 * and who asks meanwhile is answered by the same. */
static void want_ranks(void *arg)
{
    struct process *p = arg;
    if (!atomic_exchange(&p->wanted, true))
        loop_post(p->loop, &p->want);
}

/* ---- what a worker says of keys, on its way to the alerts */

struct key_mail {
    struct mail mail; /* first */
    struct process *process;
    struct gate_key_news news;
    char provider[];
};

static void on_key_mail(struct mail *m)
{
    struct key_mail *k = (struct key_mail *)(void *)m;
    if (k->process->alerts)
        alerts_key(k->process->alerts, &k->news);
    mem_free(k);
}

static void post_key_news(void *arg, const struct gate_key_news *news)
{
    struct process *p = arg;
    struct key_mail *k = mem_alloc(sizeof(*k) + news->provider.n);
    if (!k)
        return; /* the metrics count it all the same */
    *k = (struct key_mail){.mail = {.fn = on_key_mail}, .process = p, .news = *news};
    memcpy(k->provider, news->provider.p, news->provider.n);
    k->news.provider = str_of(k->provider, news->provider.n);
    loop_post(p->loop, &k->mail);
}

/* ---- alerts */

static void on_board(void *arg, struct board *b)
{
    struct process *p = arg;
    for (unsigned i = 0; i < p->nworkers; i++)
        if (p->workers[i] && worker_board(p->workers[i], b) != RC_OK)
            fprintf(stderr, "weir: out of memory: worker %u goes by the alerts of before\n", i);
}

/* After the workers: they get the first board. */
static bool start_alerts(struct process *p)
{
    const struct alerts_setup set = {.loop = p->loop,
                                     .shards = p->shards,
                                     .nshards = p->nworkers,
                                     .publish = on_board,
                                     .arg = p,
                                     .key = p->world.recall_key};
    if (alerts_new(&set, &p->alerts) != RC_OK)
        return false;
    alerts_follow(p->alerts, p->snap);
    return true;
}

/* ---- drain */

static void each_worker(struct process *p, enum rc (*tell)(struct worker *))
{
    for (unsigned i = 0; i < p->nworkers; i++)
        if (tell(p->workers[i]) != RC_OK)
            p->failed = EXIT_FAILED;
}

/* Stages only go forward: nothing that was closed is opened again. */
static void enter(struct process *p, enum stage stage, msec lasts)
{
    ASSERT(stage == p->stage + 1);
    p->stage = stage;
    p->stage_ends = loop_now(p->loop) + lasts;
}

static bool all_done(const struct process *p)
{
    for (unsigned i = 0; i < p->nworkers; i++)
        if (!worker_is_done(p->workers[i]))
            return false;
    return true;
}

static void next_stage(struct process *p)
{
    switch (p->stage) {
    case STAGE_SERVING:
        atomic_store(&p->world.draining, true);
        enter(p, STAGE_LAME, p->snap->lame_duck);
        return;
    case STAGE_LAME:
        each_worker(p, worker_drain);
        enter(p, STAGE_DRAINING, p->snap->drain);
        return;
    case STAGE_DRAINING:
        fprintf(stderr, "weir: ending the calls that are left\n");
        each_worker(p, worker_end_calls);
        enter(p, STAGE_ENDING, END_MS);
        return;
    case STAGE_ENDING:
        each_worker(p, worker_stop);
        enter(p, STAGE_STOPPING, UINT32_MAX);
        return;
    case STAGE_STOPPING:
        return;
    }
}

static void on_look(struct timer *t)
{
    struct process *p = (struct process *)(void *)((char *)t - offsetof(struct process, look));
    if (p->stage > STAGE_LAME && all_done(p)) {
        loop_stop(p->loop);
        return;
    }
    if (loop_now(p->loop) >= p->stage_ends)
        next_stage(p);
    timer_set(t, loop_now(p->loop) + LOOK_MS);
}

/* The first asks for a gentle end; a second one, of an operator who has waited enough, skips what
 * is left of the lame duck and the drain. From ENDING on it takes END_MS anyway. */
static void on_end_signal(struct process *p)
{
    if (p->stage == STAGE_SERVING) {
        fprintf(stderr, "weir: shutting down; once more ends it at once\n");
        next_stage(p);
        timer_set(&p->look, loop_now(p->loop) + LOOK_MS);
        return;
    }
    if (p->stage == STAGE_LAME)
        next_stage(p);
    if (p->stage == STAGE_DRAINING)
        next_stage(p);
}

static void on_signal(struct signal_watch *w, int signum)
{
    struct process *p = ((struct process_signal *)(void *)w)->process;
    switch (signum) {
    case SIGHUP:
        if (p->access)
            log_reopen(p->access);
        reload_all(p);
        return;
    case SIGUSR1:
        if (p->access)
            log_reopen(p->access);
        return;
    default:
        on_end_signal(p);
        return;
    }
}

/* ---- start */

static bool start_signals(struct process *p)
{
    static const int signums[SIGNALS] = {SIGHUP, SIGUSR1, SIGTERM, SIGINT};
    for (size_t i = 0; i < SIGNALS; i++) {
        p->signals[i].process = p;
        if (signal_watch_init(&p->signals[i].watch, p->loop, signums[i], on_signal) != RC_OK)
            return false;
    }
    return true;
}

/* A socket of its own for each worker and address (SO_REUSEPORT): the kernel spreads connections by
 * a hash of both ends, and a worker that is busy holds up only its own. */
static bool open_listeners(struct process *p, struct worker_setup *set)
{
    const struct snapshot *s = p->snap;
    CHECK(s->nlistens <= WORKER_LISTENS_MAX);
    for (uint32_t i = 0; i < s->nlistens; i++) {
        const char *why = NULL;
        uint16_t port;
        enum rc rc = listen_open(s->listens[i].host, s->listens[i].port, LISTEN_BACKLOG,
                                 &set->fds[i], &port, &why);
        if (rc != RC_OK) {
            fprintf(stderr, "weir: cannot listen on " STR_FMT ": %s\n", STR_ARG(s->listens[i].text),
                    why ? why : rc_text(rc));
            return false;
        }
        set->nfds = i + 1;
    }
    return true;
}

static bool open_access_log(struct process *p)
{
    const struct conf_log *l = &p->snap->log;
    if (l->access_to == CONF_LOG_OFF)
        return true;
    const char *path = l->access_to == CONF_LOG_FILE ? l->access_path.p : NULL;
    enum rc rc = log_new(path, l->access_to == CONF_LOG_STDOUT ? 1 : 2, p->nworkers, &p->access);
    if (rc != RC_OK)
        fprintf(stderr, "weir: cannot open the access log %s: %s\n", path ? path : "", rc_text(rc));
    return rc == RC_OK;
}

static unsigned count_workers(const struct snapshot *s)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t n = s->workers ? s->workers : cores > 0 ? (uint32_t)cores : 1;
    n = n < WORKERS_MAX ? n : WORKERS_MAX;
    CHECK(n > 0); /* arrays of the process are as long as WORKERS_MAX; someone must serve */
    return n;
}

/* SO_REUSEPORT would let a second weir take half of the calls in silence. */
static bool addresses_are_free(const struct snapshot *s)
{
    for (uint32_t i = 0; i < s->nlistens; i++) {
        const char *why = NULL;
        if (listen_check(s->listens[i].host, s->listens[i].port, &why) != RC_BUSY)
            continue;
        fprintf(stderr,
                "weir: cannot listen on " STR_FMT
                ": %s (is weir running already? `weir status` tells; or set "
                "another `listen:`)\n",
                STR_ARG(s->listens[i].text), why);
        return false;
    }
    return true;
}

static bool start_workers(struct process *p)
{
    if (!addresses_are_free(p->snap))
        return false;
    for (unsigned i = 0; i < p->nworkers; i++) {
        struct worker_setup set = {
            .index = i,
            .world = &p->world,
            .metrics = p->shards[i],
            .access = p->access ? log_ring(p->access, i) : NULL,
            .snap = p->snap,
            .models = p->models,
            .tls = p->tls,
            .seed = seed(),
            .want_ranks = want_ranks,
            .key_news = post_key_news,
            .want_arg = p,
        };
        if (!open_listeners(p, &set))
            return false;
        enum rc rc = worker_start(&set, &p->workers[i]);
        if (rc != RC_OK) {
            fprintf(stderr, "weir: worker %u did not start: %s\n", i, rc_text(rc));
            return false;
        }
    }
    return true;
}

static void greet(const struct process *p)
{
    const struct snapshot *s = p->snap;
    AUTO(buf_fini) struct buf url = BUF_INIT(512);
    config_base_url(s, &url);
    buf_add_char(&url, '\0');
    fprintf(stderr, "weir " WEIR_VERSION " on %s, %u worker%s", url.failed ? "?" : url.p,
            p->nworkers, p->nworkers == 1 ? "" : "s");
    if (s->file.n)
        fprintf(stderr, ", configuration " STR_FMT, STR_ARG(s->file));
    if (s->demo)
        fprintf(stderr,
                "\nno provider is configured: the built-in demo answers. Set OPENAI_API_KEY or "
                "ANTHROPIC_API_KEY, or write config/weir.yaml");
    fprintf(stderr, "\n");
}

/* The order: what workers read must be there before the first of them runs, and what fails for want
 * of a right (a log, a certificate, a port) must fail before anyone is served. */
static bool start(struct process *p)
{
    p->nworkers = count_workers(p->snap);
    p->world.shards = p->shards;
    p->world.recall_key = (struct hash_key){seed(), seed()};
    p->world.identity = (struct hash_key){seed(), seed()};
    p->world.nworkers = p->nworkers;
    p->world.started = loop_now(p->loop);
    p->world.started_unix_ms = loop_unix_ms(p->loop);
    for (unsigned i = 0; i < p->nworkers; i++)
        if (!(p->shards[i] = metric_shard_new()))
            return false;
    state_load(p);
    timer_init(&p->look, p->loop, on_look);
    p->want.fn = on_want;
    canaries_start(&p->canaries, p->loop, &p->world.trials, &p->snap);
    reload_watch(p); /* before anyone is served: what changes from then on is seen */
    const bool good = open_access_log(p) && secure_first(p) && start_signals(p) &&
                      start_workers(p) && start_alerts(p);
    if (good)
        state_begin(p);
    return good;
}

/* ---- end */

/* Backwards: threads, then what is on the loop, then the loop, then what workers referred to. */
static void finish(struct process *p)
{
    ASSERT(p->stage > STAGE_LAME && all_done(p)); /* nothing else stops the main loop */
    sigset_t all; /* a third signal must not spoil the exit code: libuv gives the handlers back */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    for (unsigned i = 0; i < p->nworkers; i++)
        worker_join(p->workers[i]);
    state_end(p);
    for (unsigned i = 0; i < p->nworkers; i++) {
        worker_free(p->workers[i]);
        p->workers[i] = NULL; /* mail that is left must not find it */
    }
    reload_close(p);
    canaries_stop(&p->canaries);
    trials_free(&p->world.trials);
    alerts_free(p->alerts);
    p->alerts = NULL; /* mail that is left must not find it */
    for (size_t i = 0; i < SIGNALS; i++)
        signal_watch_close(&p->signals[i].watch, NULL);
    timer_close(&p->look, NULL);
    loop_free(p->loop);
    log_free(p->access);
    tls_ctx_unref(p->tls);
    for (unsigned i = 0; i < p->nworkers; i++)
        metric_shard_free(p->shards[i]);
    ranks_free(&p->ranks);
    state_fini(p);
    reload_fini(p);
    mem_free(p);
}

/* A call of a megabyte takes and gives back a few large blocks. Left alone, malloc would return
 * them to the kernel each time and fault them in again page by page, which costs more than the
 * call. */
static void keep_memory_warm(void)
{
    mallopt(M_MMAP_THRESHOLD, HEAP_KEEP);
    mallopt(M_TRIM_THRESHOLD, HEAP_KEEP);
}

int serve_run(const struct options *o, int ready_fd)
{
    struct process *p = mem_need(sizeof(*p)); /* its address is in the workers */
    p->o = o;
#ifndef __SANITIZE_ADDRESS__
    prctl(PR_SET_DUMPABLE,
          0); /* P8: no core file with keys in it; LeakSanitizer needs the opposite */
#endif
    if (!reload_first(p)) {
        reload_fini(p);
        mem_free(p);
        return EXIT_USAGE;
    }
    keep_memory_warm(); /* after the catalogue: what reading it took goes back */
    if (loop_new(&p->loop) != RC_OK || !start(p))
        return EXIT_FAILED;
    greet(p);
    pidfile_write(p->snap);
    if (ready_fd >= 0 && write(ready_fd, "r", 1) != 1)
        fprintf(stderr, "weir: whoever started this has gone\n");
    loop_run(p->loop);
    pidfile_remove(p->snap);
    int failed = p->failed;
    finish(p);
    return failed;
}
