/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health - what one worker has learned of each credential and each target.
 *
 * Two records a candidate: the credential's (provider, origin, key) and the target's (the same and
 * a model). Both are kept by identity, so they survive a reload; a changed key is a new identity.
 * Five independent reasons keep a record out of a plan (RELIABILITY §7):
 *   cooling   429: until the provider's Retry-After; not a failure
 *   open      so many failures in a row of one kind (what it says, or that it cannot be reached):
 *             the breaker; half-open afterwards, one probe at a time
 *   refused   401, 403 or an exhausted quota: the credential is no good; half-open afterwards
 *   ejected   it fails much more often than those beside it (outlier.h); serves when nobody else
 * can region    most of its region fails (region.h); half-open afterwards, one probe for all of it
 * While a region is open it answers for its members: none of their breakers stays open for longer,
 * and when it closes they are half-open.
 * A call keeps pointers to the records of its plan, so it holds them: at the cap a record that
 * nobody holds gives way, never one that is held (clients choose model names, and with them how
 * many records there are).
 *
 * Pure: the clock comes as an argument.
 */
#pragma once
#include "base/list.h"
#include "base/map.h"
#include "base/time.h"
#include "ir/error.h"
#include "route/figures.h"
#include "route/outlier.h"
#include "route/quota.h"
#include "route/region.h"
#include "route/window.h"

#define HEALTH_CALM_MS     10000 /* so much health takes one opening off their number */
#define HEALTH_REFUSED_MS  60000
#define HEALTH_COOL_MIN_MS 1000
#define HEALTH_COOL_MAX_MS 60000 /* a provider may say an hour: ask again sooner */
#define HEALTH_RECORDS_MAX 4096

/* What the operator may set; these are the defaults of the configuration (routing.breaker). */
struct health_limits {
    unsigned failures; /* in a row open the breaker: Envoy's consecutive_5xx */
    msec open_ms;      /* times the number of openings in a row … */
    msec max_ms;       /* … up to this */
};
#define HEALTH_FAIL_MAX    5
#define HEALTH_OPEN_MS     30000
#define HEALTH_OPEN_MAX_MS 300000

struct health {
    struct health_table *table;
    struct list link; /* by last use */
    str id;
    msec cool_until, open_until, refused_until;
    msec closed_at;     /* when its breaker closed last; 0: it never opened, or is open */
    unsigned failures;  /* in a row, of what the provider said */
    unsigned unreached; /* in a row, of this side of the wire: counted apart (RELIABILITY §7) */
    unsigned openings;  /* lately */
    unsigned holders;   /* plans and calls that point here */
    bool probing;       /* half-open, and the probe is under way … */
    bool for_region;    /* … for its whole region */
    struct figures figures; /* of a target; nothing in a credential's */
    struct outlier outlier;
    struct region_member in_region;
    struct quota quota;    /* of a target, as the figures */
    struct window *window; /* the same; NULL: of a credential, or there was no memory */
    bool recalled;         /* what was known of it before the start was looked for (record.h) */
};

struct health_table {
    struct health_limits limits; /* may be changed at any time */
    struct map map;
    struct list used; /* most recent first */
    uint64_t dropped; /* records that gave way: pointers from before may dangle */
    uint64_t opened;  /* breakers, ever */
};

void health_init(struct health_table *t, struct hash_key key);
void health_fini(struct health_table *t);
/* Find or make; at the cap the oldest record that nobody holds gives way. NULL: no memory. Borrowed
 * until the next health_get, unless it is held. */
struct health *health_get(struct health_table *t, str id);
void health_touch(struct health_table *t, struct health *h); /* as if it had been found */
void health_hold(struct health *h);
void health_release(struct health *h);

/* The worse, the greater; what is greater than HALF_OPEN has no place in a usual plan. */
enum health_state {
    HEALTH_OK,
    HEALTH_HALF_OPEN,
    HEALTH_EJECTED,
    HEALTH_COOLING,
    HEALTH_REGION_OPEN,
    HEALTH_OPEN,
    HEALTH_REFUSED
};

enum health_state health_state(const struct health *h, msec now);
/* What is left by now of the openings of a breaker that closed then (0: it is open): health since
 * takes them back one by one. */
unsigned health_openings(unsigned openings, msec closed_at, msec now);
/* When the record may serve again; 0: now. */
msec health_ready_at(const struct health *h, msec now);

/* Half-open: is the one probe of it, or of its region, under way? Only one call may be. */
bool health_is_probed(const struct health *h, msec now);
void health_probe_begin(struct health *h, msec now);
void health_probe_end(struct health *h); /* without a verdict; idempotent */
/* An active probe found its origin alive: what is open is half-open, the next call finds out. */
void health_seems_well(struct health *h, msec now);
/* … or found that nobody is there: its breaker opens, though no call has failed. */
void health_seems_down(struct health *h, msec now);

/* Figures and window together: an attempt is over; it failed in this way. As figures_end and
 * figures_fault. */
void health_end(struct health *h, msec now, msec began, msec first, enum figures_end how,
                uint64_t tokens);
void health_fault(struct health *h, msec now, enum fault how);

/* An attempt ended. Client aborts count as nothing and are not reported. */
void health_success(struct health *h, msec now);
/* It answers, and the answer is not over: it may serve again, and nothing is forgiven yet, for one
 * that cuts every stream in the middle must not pass for healthy. */
void health_answers(struct health *h, msec now);
void health_failure(struct health *h, bool ours, msec now); /* fault_is_ours */
void health_cool(struct health *h, msec now, uint64_t retry_after_ms);
void health_refuse(struct health *h, msec now);
