/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trial - the canaries of the process, shared by its workers.
 *
 * A trial is named by its rule and the model that is tried, and outlives reloads; the process keeps
 * TRIALS_MAX of them. Counts are atomic cells that every worker adds to. The verdict is made by the
 * worker whose call has just ended, on a copy, while it holds the trial's flag; who finds the flag
 * taken goes on without, for the next call will ask again. So nobody waits, and no step is taken
 * twice.
 *
 * A call that began in an earlier step counts nowhere: it was chosen by another share. Between a
 * worker's look at the step and its adding, another one may begin a new step: then a call or two
 * are counted there. That is noise, and the tests (canary.h) are made for noise.
 *
 * A table that is full has no trial: the canary stays at its first share, and is not judged.
 * Pure but for memory; the clock comes as an argument.
 */
#pragma once
#include <stdatomic.h>

#include "base/str.h"
#include "route/canary.h"

#define TRIALS_MAX     64
#define TRIAL_NAME_MAX 512 /* bytes of each name: those of the configuration are shorter */

struct trial_arm {
    _Atomic uint32_t calls, failed;
    _Atomic uint32_t ms[CANARY_BUCKETS];
};

struct trial {
    str rule, model;
    _Atomic uint32_t place; /* state and step in one: trial_place */
    _Atomic uint64_t since;
    _Atomic uint32_t fault;
    atomic_bool judged; /* somebody is at it */
    struct trial_arm arms[2];
};

struct trials {
    struct trial *_Atomic slot[TRIALS_MAX];
    _Atomic uint32_t news; /* goes up with each step, promotion and roll-back */
};

/* Found or made, from any thread. NULL: the table is full, or there is no memory. */
struct trial *trial_of(struct trials *all, str rule, str model, msec now);
void trials_free(struct trials *all); /* nobody uses it any more */

/* State and step as one number: what a call remembers of when it was chosen. */
static inline uint32_t trial_place(const struct trial *t)
{
    return atomic_load_explicit(&t->place, memory_order_relaxed);
}
uint32_t trial_share(const struct trial *t, const struct conf_canary *conf);

/* A call that was chosen at `place` has ended. *ret_fault: why, when it was taken back now. */
enum canary_event trial_note(struct trials *all, struct trial *t, const struct conf_canary *conf,
                             uint32_t place, bool is_canary, bool failed, msec took, msec now,
                             enum canary_fault *ret_fault);

/* For whoever keeps it over a restart. */
void trial_read(const struct trial *t, struct canary *ret);
void trial_restore(struct trial *t, const struct canary *c); /* before any call is noted */
