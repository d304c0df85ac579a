/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outlier - a target that fails much more often than those it stands beside is left out for a
 * while: Envoy's outlier detection (config.cluster.v3.OutlierDetection), for the brownouts that a
 * breaker does not see because every other call succeeds.
 *
 * Outcomes are counted in windows of OUTLIER_INTERVAL_MS. When a window is over, the targets of a
 * route are compared by it, in two ways:
 *   success rate        with OUTLIER_RATE_HOSTS members of OUTLIER_RATE_CALLS calls each: who is
 *                       more than OUTLIER_SIGMAS standard deviations below the mean
 *   failure percentage  with OUTLIER_SHARE_HOSTS members of OUTLIER_SHARE_CALLS calls each: who
 *                       failed in OUTLIER_SHARE of a hundred, or more
 * Envoy's figures stand for the first; its second one wants five hosts, fifty calls and 85 %, which
 * is made for clusters: a model has two or three targets, and half of all calls failing is no
 * brownout any more.
 *
 * Kept within bounds: OUTLIER_MAX_PERCENT of the members may be out, but one always; and never so
 * many that less than OUTLIER_PANIC_PERCENT of them are left, whatever took the others out. The
 * worst go first. An ejected target is no broken one: when nothing else can serve, it does.
 *
 * An ejection lasts OUTLIER_BASE_MS times the number of ejections, at most OUTLIER_MAX_MS; each
 * window without one takes one off that number. Whoever comes back is judged by what it does then.
 *
 * Rate limits (429) and refusals are not counted: they cool a key, and eject nobody.
 *
 * Pure: the clock comes as an argument.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"

#define OUTLIER_INTERVAL_MS   10000
#define OUTLIER_BASE_MS       30000
#define OUTLIER_MAX_MS        300000
#define OUTLIER_RATE_HOSTS    5
#define OUTLIER_RATE_CALLS    100
#define OUTLIER_SIGMAS        1.9
#define OUTLIER_SHARE_HOSTS   2
#define OUTLIER_SHARE_CALLS   20
#define OUTLIER_SHARE         50
#define OUTLIER_MAX_PERCENT   10
#define OUTLIER_PANIC_PERCENT 50
#define OUTLIER_MEMBERS_MAX   128

/* What a health record has of it. */
struct outlier {
    msec window;                  /* the how-manieth interval the counts are of */
    uint32_t n, failed;           /* in that one … */
    uint32_t last_n, last_failed; /* … and in the one before */
    msec judged;                  /* the last window it was judged by */
    msec ejected_until;           /* 0: never */
    uint32_t ejections;
};

void outlier_count(struct outlier *o, bool failed, msec now);

static inline bool outlier_is_ejected(const struct outlier *o, msec now)
{
    return o->ejected_until > now;
}

/* One member of a comparison. */
struct outlier_member {
    struct outlier *of;
    bool out; /* it cannot serve at the moment, for whatever reason */
};

/* Judge the targets of one route by the window before `now`; how many were ejected. Again within
 * one window: nothing new is found. `n` at most OUTLIER_MEMBERS_MAX. */
unsigned outlier_judge(struct outlier_member *m, size_t n, msec now);
