/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outlier - a target that fails much more often than those it stands beside is left out for a
 * while: Envoy's outlier detection (config.cluster.v3.OutlierDetection), for the brownouts that a
 * breaker does not see because every other call succeeds.
 *
 * What happened on this side of the wire (no connection, a reset, silence: obs/fault.h) is counted
 * apart from what the provider answered, as Envoy's split_external_local_origin_errors does: each
 * kind is compared with the same kind of the neighbours. A provider that cannot be reached from
 * here must not hide in its good answers, nor one that answers 500 in its good connections.
 *
 * Outcomes are counted in windows of OUTLIER_INTERVAL_MS. When a window is over, the targets of a
 * route are compared by it, in two ways:
 *   success rate        with OUTLIER_RATE_HOSTS members of `rate_calls` calls each: who is more
 *                       than `sigmas` standard deviations below the mean
 *   failure percentage  with OUTLIER_SHARE_HOSTS members of `share_calls` calls each: who failed
 *                       in `share` of a hundred, or more
 * Envoy's figures stand for the first; its second one wants five hosts, fifty calls and 85 %, which
 * is made for clusters: a model has two or three targets, and half of all calls failing is no
 * brownout any more.
 *
 * Kept within bounds: `max_percent` of the members may be out, but one always; and never so
 * many that less than OUTLIER_PANIC_PERCENT of them are left, whatever took the others out. The
 * worst go first. An ejected target is no broken one: when nothing else can serve, it does.
 *
 * An ejection lasts `base_ms` times the number of ejections, at most `max_ms`; each
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
#define OUTLIER_RATE_HOSTS    5
#define OUTLIER_SHARE_HOSTS   2
#define OUTLIER_PANIC_PERCENT 50
#define OUTLIER_MEMBERS_MAX   128

/* What the operator may set; these are the defaults of the configuration (routing.ejection). */
struct outlier_limits {
    bool off;
    uint32_t rate_calls; /* of a member in a window, for the comparison with the mean */
    double sigmas;
    uint32_t share_calls; /* the same, for the share of failures */
    uint32_t share;       /* in a hundred calls */
    msec base_ms, max_ms; /* of an ejection */
    uint32_t max_percent; /* of the members, though one always may go */
};
#define OUTLIER_RATE_CALLS  100
#define OUTLIER_SIGMAS      1.9
#define OUTLIER_SHARE_CALLS 20
#define OUTLIER_SHARE       50
#define OUTLIER_BASE_MS     30000
#define OUTLIER_MAX_MS      300000
#define OUTLIER_MAX_PERCENT 10

/* Who saw it. */
enum outlier_kind { OUTLIER_SAID /* by the provider */, OUTLIER_OURS, OUTLIER_KINDS };

struct outlier_count {
    uint32_t n, failed;
};

/* What a health record has of it. */
struct outlier {
    msec window;                               /* the how-manieth interval the counts are of */
    struct outlier_count count[OUTLIER_KINDS]; /* in that one … */
    struct outlier_count last[OUTLIER_KINDS];  /* … and in the one before */
    msec judged;                               /* the last window it was judged by */
    msec ejected_until;                        /* 0: never */
    uint32_t ejections;
};

/* A call was served: well in both ways. */
void outlier_served(struct outlier *o, msec now);
/* It failed, in one of the ways. What the provider said proves that it can be reached. */
void outlier_failed(struct outlier *o, enum outlier_kind how, msec now);

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
unsigned outlier_judge(struct outlier_member *m, size_t n, const struct outlier_limits *limits,
                       msec now);
