/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve_int - the process, as serve.c (its life), reload.c (what it goes by) and secure.c (its
 * certificate) see it; not for other files.
 *
 * All of it belongs to the main thread, but for `world` (gate/gate.h says who may touch what in
 * it), `wanted`, and what is immutable once a worker was given it: snapshots, catalogues, ranks,
 * TLS contexts. None of it moves: workers have its address.
 */
#pragma once
#include "app/alerts.h"
#include "app/canaries.h"
#include "app/command.h"
#include "app/fetch.h"
#include "app/models.h"
#include "app/projects.h"
#include "app/ranks.h"
#include "app/state.h"
#include "app/worker.h"
#include "io/signal.h"
#include "io/tls.h"
#include "io/watch.h"

#define WORKERS_MAX GATE_WORKERS_MAX
#define SIGNALS     4

/* In this order, one after the other; serve.c tells what each is for. */
enum stage { STAGE_SERVING, STAGE_LAME, STAGE_DRAINING, STAGE_ENDING, STAGE_STOPPING };

struct process;

/* A signal, and whose it is. */
struct process_signal {
    struct signal_watch watch; /* first */
    struct process *process;
};

struct process {
    const struct options *o;
    struct loop *loop;
    struct snapshot *snap;
    struct catalogue *built_in, *models; /* models: in force, maybe the same */
    struct catalogue *fetched;           /* the last good one of the snapshot's URL; or NULL */
    struct fetch *fetch;                 /* NULL: no URL was ever given */
    struct timer fetch_clock;
    struct projects projects;
    struct timer projects_clock;
    uint64_t generation;
    struct alerts *alerts;
    struct canaries canaries;
    struct state state;
    struct gate_world world;
    struct metric_shard *shards[WORKERS_MAX];
    struct worker *workers[WORKERS_MAX];
    unsigned nworkers;
    struct log *access;
    struct arena said; /* texts of refused reloads: workers may show them */
    struct tls_ctx *tls;
    struct watch *watch, *models_watch; /* of the configuration and of the catalogue; or NULL */
    struct watch *cert_watch, *key_watch;
    struct process_signal signals[SIGNALS];
    struct ranks ranks;  /* immutable once a worker has them */
    struct mail want;    /* from the first worker that must count tokens */
    _Atomic bool wanted; /* … and is on its way */
    struct timer look;
    enum stage stage;
    msec stage_ends;
    int failed; /* the exit code */
};

/* reload.c */
/* The first configuration and its catalogue. False: refused, said. */
bool reload_first(struct process *p);
/* Look out for changes of both files. */
void reload_watch(struct process *p);
/* Read both anew: a whole new generation, or the old one and a word about it. */
void reload_all(struct process *p);
void reload_close(struct process *p); /* what is on the loop; before it is freed */
void reload_fini(struct process *p);
/* Say that a new `what` is refused, and keep why for whoever asks. */
void reload_refuse(struct process *p, _Atomic(const char *) *slot, const char *what, str why);
void reload_publish(struct process *p); /* what is in force now, to all workers */

/* secure.c */
/* *ret NULL: the configuration wants none. RC_CONFIG, RC_NOMEM with a text in *why. `old` may be
 * NULL. */
enum rc secure_load(const struct snapshot *s, const struct tls_ctx *old, struct tls_ctx **ret,
                    struct buf *why) MUST_CHECK;
bool secure_first(struct process *p);                     /* false: said */
void secure_set(struct process *p, struct tls_ctx *next); /* takes next; to be published */
void secure_watch(struct process *p);                     /* look out for the snapshot's files */
void secure_close(struct process *p);
