/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve_int - the process, as serve.c (its life) and reload.c (what it goes by) see it; not for
 * other files.
 */
#pragma once
#include "app/command.h"
#include "app/fetch.h"
#include "app/models.h"
#include "app/ranks.h"
#include "app/worker.h"
#include "io/signal.h"
#include "io/watch.h"

#define WORKERS_MAX GATE_WORKERS_MAX
#define SIGNALS     4

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
    uint64_t generation;
    struct gate_world world;
    struct metric_shard *shards[WORKERS_MAX];
    struct worker *workers[WORKERS_MAX];
    unsigned nworkers;
    struct log *access;
    struct arena said; /* texts of refused reloads: workers may show them */
    struct tls_ctx *tls;
    struct watch *watch, *models_watch; /* of the configuration and of the catalogue; or NULL */
    struct process_signal signals[SIGNALS];
    struct ranks ranks;  /* immutable once a worker has them */
    struct mail want;    /* from the first worker that must count tokens */
    _Atomic bool wanted; /* … and is on its way */
    struct timer look;
    enum stage stage;
    msec stage_ends;
    int failed;
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
