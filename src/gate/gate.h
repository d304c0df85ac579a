/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate - the life of a call: from the head of a request to its one settlement.
 *
 * One gate per worker, over that worker's server and client. A call runs through named steps
 * (stages.def); a step that must wait returns WAIT and the callback it waits for runs the rest.
 * Whatever happens, a call ends exactly once, in settle().
 *
 * Shared with other threads: nothing but the metric shards (read) and the snapshot (immutable).
 */
#pragma once
#include "base/hash.h"
#include "client/client.h"
#include "conf/snapshot.h"
#include "gate/board.h"
#include "gate/sessions.h"
#include "obs/log.h"
#include "obs/metric.h"
#include "price/catalogue.h"
#include "route/meter.h"
#include "route/record.h"
#include "route/trial.h"
#include "server/server.h"

#define GATE_WORKERS_MAX 64

struct bpe;
struct gate;

/* What the process knows and a worker shows: for /health and /metrics. Filled by app/, read by all.
 */
struct gate_world {
    struct metric_shard *const *shards;
    unsigned nworkers;
    uint64_t started_unix_ms;
    msec started;
    _Atomic(const char *) reload_error; /* static or leaked text: last refused reload; NULL: none */
    _Atomic(const char *) models_error; /* the same of the last refused catalogue */
    _Atomic(const char *) tls_error;    /* … and of the last refused certificate */
    _Atomic bool draining;
    _Atomic uint64_t replay;    /* bytes of requests kept only to be sent again, perhaps */
    struct trials trials;       /* of canaries, counted by all workers */
    struct meters meters;       /* of providers' limits, counted for all workers together */
    struct hash_key recall_key; /* of what is kept for conversations, the same for all workers */
    struct hash_key identity;   /* of targets and keys: for all workers, and after a restart */
    const struct records *remembered;               /* of an earlier run, immutable; or NULL */
    struct sessions sessions;                       /* how long their last prompts were */
    struct sessions projects;                       /* sessions_tag of the project they belong to */
    _Atomic(struct gate *) gates[GATE_WORKERS_MAX]; /* each set once, by its worker's gate_new */
};

/* The encodings for counting tokens, immutable; whoever made them outlives the gates. */
struct gate_ranks {
    const struct bpe *o200k, *cl100k;
};

/* A provider does not take one of its keys, or takes it again. */
struct gate_key_news {
    str provider;
    uint64_t hash; /* of the key, by world->recall_key; 0: it has none of its own */
    uint32_t nkeys;
    unsigned status; /* that said so */
    uint32_t retry_ms;
    bool used_up; /* its quota is, or else it is no good */
    bool taken;   /* again: the others are nothing then */
};

struct gate_setup {
    struct loop *loop;
    unsigned worker;
    struct gate_world *world;
    struct metric_shard *metrics; /* this worker's */
    struct log_ring *access;      /* NULL: no access log */
    uint64_t seed;
    /* Called on the worker's thread when tokens must be counted and the ranks are not here yet: at
     * most once before gate_ranks answers. NULL: there are none. */
    void (*want_ranks)(void *arg);
    /* On the worker's thread: must not wait. NULL: nobody wants to know. */
    void (*key_news)(void *arg, const struct gate_key_news *news);
    void *want_arg; /* of both */
};

/* References to `snap` and `models` are taken. */
enum rc gate_new(const struct gate_setup *setup, struct snapshot *snap, struct catalogue *models,
                 struct gate **ret) MUST_CHECK;
void gate_free(struct gate *g); /* after gate_close and a run of the loop */

/* A new generation of the configuration, of the catalogue or of both: calls in flight keep theirs.
 * References are taken. RC_NOMEM: the old one stays. */
enum rc gate_reload(struct gate *g, struct snapshot *snap, struct catalogue *models) MUST_CHECK;
/* What alerts ask from now on. A reference is taken. */
void gate_set_board(struct gate *g, struct board *b);
/* The ranks that want_ranks asked for; NULL: they cannot be had, tokens are estimated. */
void gate_ranks(struct gate *g, const struct gate_ranks *r);
/* Stop taking connections seriously: idle ones close, replies say so. */
void gate_drain(struct gate *g);
/* The drain is over: end live streams with an error event in their dialect, then close. */
void gate_end_calls(struct gate *g);
/* Close everything; handles close while the loop runs on. */
void gate_close(struct gate *g);
unsigned gate_calls(const struct gate *g); /* in flight */

struct fail;
/* Where a request would go now, and why, as JSON onto `to`; nothing is sent. `question` is the body
 * of POST /api/v1/explain, `query` what its path has behind '?'. RC_SYNTAX: *f says what is wrong
 * with the question, its text in `a`. RC_NOMEM. */
enum rc gate_explain(struct gate *g, str question, str query, struct arena *a, struct buf *to,
                     struct fail *f) MUST_CHECK;
struct server *gate_server(struct gate *g);
