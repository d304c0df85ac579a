/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker - one thread: a loop, a gate on it, and a listening socket for each address.
 *
 * The main thread makes workers, posts them messages (a new snapshot, drain, stop) and joins them.
 * Nothing else is shared but what gate/gate.h names.
 *
 *     start --> serving --drain--> no listeners, no keep-alive --last call ended--> done
 *                  |                   |--end_calls--> streams get their error ---^
 *                  `-----------------------------------stop (now) ----------------^
 *
 * A worker that is done has left its loop, but the loop stays until worker_free: mail may still
 * come from the others. Threads of a pool that take calls from one accept queue were rejected: a
 * call that stays where its connection is needs no lock anywhere.
 */
#pragma once
#include "conf/snapshot.h"
#include "gate/gate.h"
#include "io/tls.h"

#define WORKER_LISTENS_MAX CONF_LISTENS_MAX

struct worker;

struct worker_setup {
    unsigned index;
    struct gate_world *world;
    struct metric_shard *metrics;
    struct log_ring *access;     /* or NULL */
    struct snapshot *snap;       /* a reference is taken */
    struct catalogue *models;    /* the same */
    struct tls_ctx *tls;         /* or NULL; a reference is taken */
    int fds[WORKER_LISTENS_MAX]; /* taken */
    unsigned nfds;
    uint64_t seed;
    void (*want_ranks)(void *arg); /* on the worker's thread; see gate/gate.h */
    void (*key_news)(void *arg, const struct gate_key_news *news); /* the same */
    void *want_arg;
};

/* RC_NOMEM, RC_IO. What was begun is not undone: the caller ends the process. */
enum rc worker_start(const struct worker_setup *setup, struct worker **ret) MUST_CHECK;
/* From any thread; RC_NOMEM: the message could not be made. tls: of connections from then on; NULL:
 * they are plain. */
enum rc worker_reload(struct worker *w, struct snapshot *snap, struct catalogue *models,
                      struct tls_ctx *tls) MUST_CHECK;
/* The answer to want_ranks: `r` outlives the worker; NULL: there are none. */
enum rc worker_ranks(struct worker *w, const struct gate_ranks *r) MUST_CHECK;
/* What alerts ask from now on; a reference is taken. */
enum rc worker_board(struct worker *w, struct board *b) MUST_CHECK;
enum rc worker_drain(struct worker *w) MUST_CHECK; /* ends by itself when the last call has ended */
enum rc worker_end_calls(struct worker *w) MUST_CHECK; /* live streams get an error event */
enum rc worker_stop(struct worker *w) MUST_CHECK;      /* now */
bool worker_is_done(const struct worker *w);           /* from any thread */
/* Workers post mail to each other: all are joined before the first is freed. */
void worker_join(struct worker *w);
void worker_free(struct worker *w);
