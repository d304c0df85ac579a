/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meter - what the configuration lets a provider be asked (`limits`), counted for all workers.
 *
 * Requests and tokens of the last minute stand in slices of METER_SLICE_MS; a minute is all whole
 * slices that touch it, so never more than the limit goes out in any sixty seconds, wherever the
 * provider's own minute begins. That costs up to one slice in thirteen of what would be allowed. A
 * token bucket lets twice the limit through in its first minute, and two weighted windows half as
 * much again when a burst stands at the end of one: both run into the 429 that this is to prevent.
 *
 * Tokens are taken by an estimate when an attempt is sent, and set right when it is over.
 *
 * Threads: workers share a meter; each slice is one atomic word (its number and its count), changed
 * by compare-and-swap. Looking and taking are two steps, so workers that look at once may take one
 * each: an overshoot of at most the number of workers, against a lock on every call's way.
 * Meters are found by identity, so a reload keeps them: each generation of each worker holds those
 * of its providers, and the next one holds them before the last lets go. What nobody holds keeps
 * its counts until its place is wanted, so a provider that was taken out and put back within a
 * minute has used up what it has. METERS_MAX are held at once; one that finds no place is not
 * metered. Holding and letting go is done at a reload, by all workers at once, and takes no lock
 * either: a place's identity and its holders are one word as well.
 *
 * Pure: the clock comes as an argument. No allocation.
 */
#pragma once
#include <stdatomic.h>

#include "conf/snapshot.h"

#define METER_SLICE_MS 5000
#define METER_SLICES   13 /* a minute's, and the one that it begins in */
#define METERS_MAX     256

struct meter_minute {
    _Atomic uint64_t slice[METER_SLICES]; /* number of the slice << 40 | count */
};

struct meter {
    _Atomic uint64_t owner; /* identity << 16 | generations that hold it; 0: it is nobody's */
    _Atomic uint64_t in_flight;
    struct meter_minute requests, tokens;
};

struct meters {
    struct meter m[METERS_MAX];
}; /* zeroed */

/* Of an identity (a hash that is the same on all workers); made where there is none. It is held
 * until meter_give, which comes after the last meter_end. NULL: full. */
struct meter *meter_take(struct meters *all, uint64_t id);
void meter_give(struct meters *all, struct meter *m); /* accepts NULL */

/* An attempt's share, to be given back; zeroed: it has none. */
struct meter_share {
    struct meter *of;
    msec at;
    uint64_t tokens;
};

void meter_begin(struct meter *m, uint64_t tokens, msec now, struct meter_share *ret);
/* It is over, and took so many tokens; 0: that is not known, the estimate stands. Idempotent. */
void meter_end(struct meter_share *s, uint64_t tokens);

/* The free share of the limit that is nearest to its end, 0 to 1. */
double meter_room(const struct meter *m, const struct conf_rates *limits, msec now);
/* Is a call of so many tokens more than `limits` allow now? *ret_at: when it will be less, where
 * that is known: calls under way end when they end. */
enum meter_says { METER_FITS, METER_LIMITED, METER_BUSY };
enum meter_says meter_look(const struct meter *m, const struct conf_rates *limits, uint64_t tokens,
                           msec now, msec *ret_at);
