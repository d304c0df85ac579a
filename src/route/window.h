/* SPDX-License-Identifier: Apache-2.0 */
/*
 * window - how a target has done in the last minute, in plain counts: medians, 95th percentiles,
 * tokens a second, failures by class.
 *
 * Beside the fading sums (figures.h) and not instead of them: those say in two numbers what a plan
 * wants to know now, these are for who looks (the operator, roll-ups, alerts of a target), for
 * percentiles cannot be had of sums, and "three timeouts in the last minute" is not what a faded
 * 0.07 tells.
 *
 * A ring of WINDOW_SLOTS slices; the one whose turn comes again is begun anew by the first count
 * that falls into it, so nothing has to tick. What is read covers the slice under way and the ones
 * before it: 49 to 65 seconds. Times are counted in a histogram's buckets (obs/hist.h), four a
 * power of two, in sixteen bits each: what overflows stays at its most.
 *
 * Windows of several keys, targets or workers add up, slice by slice: so a provider's percentile is
 * one of all its answers and no average of percentiles.
 *
 * Pure: the clock comes as an argument. No allocation.
 */
#pragma once
#include "base/time.h"
#include "obs/fault.h"

#define WINDOW_SLOTS   4
#define WINDOW_SLOT_MS 16384     /* a shift instead of a division, at each answer */
#define WINDOW_MOST_MS (1 << 20) /* 17 minutes; what is longer counts as that */
#define WINDOW_BUCKETS 76

struct window_slot {
    uint32_t number; /* of the slice: time / WINDOW_SLOT_MS */
    uint32_t served;
    uint64_t tokens, tokens_ms; /* behind the first one, and the time they took */
    uint16_t fault[FAULT_COUNT];
    uint16_t answer[WINDOW_BUCKETS]; /* whole answers: from sending to the end */
    uint16_t first[WINDOW_BUCKETS];  /* … and to the first content */
};

struct window {
    struct window_slot slot[WINDOW_SLOTS];
}; /* zeroed: nothing was counted */

/* An answer that served. All of it is counted at its end: one look for its slice. */
struct window_answer {
    msec ms;         /* from sending to the end */
    msec first_ms;   /* … and to the first content, where `first` … */
    bool first;      /* … that came before the end */
    uint64_t tokens; /* behind the first, in `tokens_ms`; 0: not known */
    msec tokens_ms;
};
void window_served(struct window *w, msec now, const struct window_answer *a);
void window_fault(struct window *w, msec now, enum fault how);
/* Add what is not older than the window. */
void window_add(struct window *sum, const struct window *w, msec now);

/* What it says at a time. A negative figure is not known. */
struct window_reading {
    uint64_t attempts, served, failed; /* failed: those that count against the target */
    uint64_t fault[FAULT_COUNT];
    double answer_p50, answer_p95, first_p50, first_p95; /* ms */
    double tokens_per_s;                                 /* of one answer, on average */
};
struct window_reading window_read(const struct window *w, msec now);
