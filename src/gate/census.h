/* SPDX-License-Identifier: Apache-2.0 */
/*
 * census - what all workers know of all targets, together (route/record.h).
 *
 * One message goes round the workers; each adds copies of its own records and passes it on, and at
 * the end it is back with whoever sent it. It is in one hand at a time, so nobody locks anything,
 * and nothing is done on a call's way: whoever wants to know pays for it, some microseconds of each
 * worker for some hundred targets. (The other design, figures that lie open to all threads as the
 * metrics do, would make each sample of each attempt a store that other cores read.)
 *
 *     asker --> worker 0 --> worker 1 --> … --> asker
 *
 * Who asks: GET /api/v1/targets (gate/targets.c) and the file that outlives a restart
 * (app/state.h). A worker that is closing drops it: then the process ends, and nobody waits any
 * more.
 */
#pragma once
#include "gate/gate.h"

#define CENSUS_ASKER 64

struct census {
    struct mail mail; /* first */
    struct gate_world *world;
    unsigned next; /* whose turn it is */
    struct loop *home;
    void (*done)(struct census *c); /* on home's thread; takes it */
    void *arg;                      /* the asker's */
    char asker[CENSUS_ASKER];       /* the same: for one who may have left meanwhile */
    struct records all;
};

/* NULL: no memory. */
struct census *census_new(struct gate_world *world, struct loop *home,
                          void (*done)(struct census *c), void *arg);
void census_start(struct census *c); /* takes it; from the thread of `home` */
void census_free(struct census *c);  /* accepts NULL */
/* What one worker knows: on its own thread, or when that has ended. */
void census_take(struct gate *g, struct records *to);
