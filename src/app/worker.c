/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker - a thread and its messages; see the header.
 *
 * Every order comes as mail and runs on the worker's own loop, between two callbacks of its calls:
 * so none of them needs a lock, and a reload can never fall into the middle of a call's step. An
 * order that arrives after the stop only gives back what it carries.
 */
#include "app/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "base/mem.h"
#include "io/alarm.h"
#include "io/listen.h"

#define DRAIN_LOOK_MS 20

struct worker {
    struct worker_setup set;
    pthread_t thread;
    struct loop *loop;
    struct gate *gate;
    struct acceptor *acceptors[WORKER_LISTENS_MAX];
    struct timer drain;
    bool draining, stopping;
    _Atomic bool done;
};

enum order { ORDER_RELOAD, ORDER_DRAIN, ORDER_END_CALLS, ORDER_STOP, ORDER_RANKS, ORDER_BOARD };

struct message {
    struct mail mail; /* first */
    struct worker *worker;
    enum order order;
    struct snapshot *snap; /* RELOAD: a reference, as of the next */
    struct catalogue *models;
    struct tls_ctx *tls;            /* or NULL; the same */
    const struct gate_ranks *ranks; /* RANKS: the main thread's, immutable */
    struct board *board;            /* BOARD: a reference */
};

static void on_accept(void *arg, int fd)
{
    struct worker *w = arg;
    metric_count(w->set.metrics, CONNS);
    server_accept(gate_server(w->gate), fd, w->set.tls);
}

/* ---- ending */

static void close_listeners(struct worker *w)
{
    for (unsigned i = 0; i < w->set.nfds; i++) {
        acceptor_free(w->acceptors[i]);
        w->acceptors[i] = NULL;
    }
}

static void on_drain_closed(struct timer *t)
{
    (void)t;
}

static void stop(struct worker *w)
{
    if (w->stopping)
        return;
    w->stopping = true;
    /* first the doors, then the calls behind them; the loop runs on until all handles are closed */
    close_listeners(w);
    gate_close(w->gate);
    timer_close(&w->drain, on_drain_closed);
    loop_stop(w->loop);
}

static void on_drain_look(struct timer *t)
{
    struct worker *w = (struct worker *)(void *)((char *)t - offsetof(struct worker, drain));
    ASSERT(w->draining && !w->stopping);
    if (gate_calls(w->gate) == 0)
        stop(w);
    else
        timer_set(t, loop_now(w->loop) + DRAIN_LOOK_MS);
}

/* ---- messages */

/* For connections from now on; each that is open holds its own. */
static void use_tls(struct worker *w, struct message *msg)
{
    struct tls_ctx *old = w->set.tls;
    w->set.tls = msg->tls;
    msg->tls = old; /* goes with the message */
}

static void on_message(struct mail *m)
{
    struct message *msg = (struct message *)(void *)m;
    struct worker *w = msg->worker;
    if (!w->stopping) {
        switch (msg->order) {
        case ORDER_RELOAD:
            if (gate_reload(w->gate, msg->snap, msg->models) != RC_OK)
                break; /* no memory: this worker serves on with the old generation */
            use_tls(w, msg);
            break;
        case ORDER_DRAIN:
            close_listeners(w);
            gate_drain(w->gate);
            w->draining = true;
            on_drain_look(&w->drain);
            break;
        case ORDER_END_CALLS:
            gate_end_calls(w->gate);
            break;
        case ORDER_STOP:
            stop(w);
            break;
        case ORDER_RANKS:
            gate_ranks(w->gate, msg->ranks);
            break;
        case ORDER_BOARD:
            gate_set_board(w->gate, msg->board);
            break;
        }
    }
    snapshot_unref(msg->snap);
    catalogue_unref(msg->models);
    tls_ctx_unref(msg->tls);
    board_unref(msg->board);
    mem_free(msg);
}

/* The message takes references of its own. */
static enum rc post_message(struct worker *w, struct message m)
{
    struct message *msg = mem_alloc(sizeof(*msg));
    if (!msg)
        return RC_NOMEM;
    *msg = m;
    ASSERT((m.order == ORDER_RELOAD) == (m.snap && m.models)); /* a generation is both, or none */
    ASSERT(m.tls == NULL || m.order == ORDER_RELOAD);
    msg->mail.fn = on_message;
    msg->worker = w;
    msg->snap = m.snap ? snapshot_ref(m.snap) : NULL;
    msg->models = m.models ? catalogue_ref(m.models) : NULL;
    msg->tls = m.tls ? tls_ctx_ref(m.tls) : NULL;
    msg->board = board_ref(m.board);
    loop_post(w->loop, &msg->mail);
    return RC_OK;
}

static enum rc post(struct worker *w, enum order order)
{
    return post_message(w, (struct message){.order = order});
}

enum rc worker_reload(struct worker *w, struct snapshot *snap, struct catalogue *models,
                      struct tls_ctx *tls)
{
    return post_message(
        w, (struct message){.order = ORDER_RELOAD, .snap = snap, .models = models, .tls = tls});
}

enum rc worker_ranks(struct worker *w, const struct gate_ranks *r)
{
    return post_message(w, (struct message){.order = ORDER_RANKS, .ranks = r});
}

enum rc worker_board(struct worker *w, struct board *b)
{
    return post_message(w, (struct message){.order = ORDER_BOARD, .board = b});
}

enum rc worker_drain(struct worker *w)
{
    return post(w, ORDER_DRAIN);
}

enum rc worker_end_calls(struct worker *w)
{
    return post(w, ORDER_END_CALLS);
}

enum rc worker_stop(struct worker *w)
{
    return post(w, ORDER_STOP);
}

bool worker_is_done(const struct worker *w)
{
    return atomic_load(&w->done);
}

/* ---- the thread */

static void *worker_thread(void *arg)
{
    struct worker *w = arg;
    loop_run(w->loop);
    atomic_store(&w->done, true); /* the loop stays until the join: mail may still come */
    return NULL;
}

/* Signals are the main thread's. A new thread inherits the mask of the one that makes it: blocked
 * here, they are delivered to the main thread whichever thread the kernel would have picked.
 * Blocking inside the new thread would leave a moment in which it could be picked.
 */
static int spawn(struct worker *w)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int err = pthread_create(&w->thread, NULL, worker_thread, w);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return err;
}

enum rc worker_start(const struct worker_setup *setup, struct worker **ret)
{
    struct worker *w = mem_zalloc(sizeof(*w));
    if (!w)
        return RC_NOMEM;
    CHECK(setup->nfds <= WORKER_LISTENS_MAX && setup->index < setup->world->nworkers);
    ASSERT(setup->snap && setup->models);
    w->set = *setup;
    enum rc rc = loop_new(&w->loop);
    if (rc != RC_OK)
        return rc; /* start-up only: the process ends */
    timer_init(&w->drain, w->loop, on_drain_look);
    struct gate_setup g = {
        .loop = w->loop,
        .worker = setup->index,
        .world = setup->world,
        .metrics = setup->metrics,
        .access = setup->access,
        .seed = setup->seed,
        .want_ranks = setup->want_ranks,
        .key_news = setup->key_news,
        .want_arg = setup->want_arg,
    };
    TRY(gate_new(&g, setup->snap, setup->models, &w->gate));
    if (setup->tls)
        tls_ctx_ref(setup->tls);
    for (unsigned i = 0; i < setup->nfds; i++)
        TRY(acceptor_new(w->loop, setup->fds[i], on_accept, w, &w->acceptors[i]));
    if (spawn(w) != 0)
        return RC_IO;
    *ret = w;
    return RC_OK;
}

void worker_join(struct worker *w)
{
    pthread_join(w->thread, NULL);
}

void worker_free(struct worker *w)
{
    CHECK(
        atomic_load(&w->done)); /* its thread has left the loop, or it would run on freed memory */
    loop_free(w->loop);         /* mail that is left is run and frees what it carries */
    gate_free(w->gate);
    tls_ctx_unref(w->set.tls);
    mem_free(w);
}
