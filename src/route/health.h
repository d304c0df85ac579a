/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health - what one worker has learned of each credential and each target.
 *
 * Two records a candidate: the credential's (provider, origin, key) and the target's (the same and
 * a model). Both are kept by identity, so they survive a reload; a changed key is a new identity.
 * Three independent reasons keep a record out of a plan (RELIABILITY §7):
 *   cooling   429: until the provider's Retry-After; not a failure
 *   open      FAIL_MAX failures in a row: the breaker; half-open afterwards, one probe at a time
 *   refused   401, 403 or an exhausted quota: the credential is no good, looked at again later
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

#define HEALTH_FAIL_MAX    5      /* failures in a row that open the breaker (Envoy's default) */
#define HEALTH_OPEN_MS     30000  /* times the number of openings in a row … */
#define HEALTH_OPEN_MAX_MS 300000 /* … up to this */
#define HEALTH_REFUSED_MS  60000
#define HEALTH_COOL_MIN_MS 1000
#define HEALTH_COOL_MAX_MS 60000 /* a provider may say an hour: ask again sooner */
#define HEALTH_RECORDS_MAX 4096

struct health {
    struct list link; /* by last use */
    str id;
    msec cool_until, open_until, refused_until;
    unsigned failures;      /* in a row */
    unsigned openings;      /* in a row */
    unsigned holders;       /* plans and calls that point here */
    bool probing;           /* half-open, and the probe is under way */
    struct figures figures; /* of a target; nothing in a credential's */
};

struct health_table {
    struct map map;
    struct list used; /* most recent first */
    uint64_t dropped; /* records that gave way: pointers from before may dangle */
};

void health_init(struct health_table *t, struct hash_key key);
void health_fini(struct health_table *t);
/* Find or make; at the cap the oldest record that nobody holds gives way. NULL: no memory. Borrowed
 * until the next health_get, unless it is held. */
struct health *health_get(struct health_table *t, str id);
void health_touch(struct health_table *t, struct health *h); /* as if it had been found */
void health_hold(struct health *h);
void health_release(struct health *h);

enum health_state { HEALTH_OK, HEALTH_HALF_OPEN, HEALTH_COOLING, HEALTH_OPEN, HEALTH_REFUSED };

enum health_state health_state(const struct health *h, msec now);
/* When the record may serve again; 0: now. */
msec health_ready_at(const struct health *h, msec now);

/* An attempt ended. Client aborts count as nothing and are not reported. */
void health_success(struct health *h);
/* It answers, and the answer is not over: it may serve again, and nothing is forgiven yet, for one
 * that cuts every stream in the middle must not pass for healthy. */
void health_answers(struct health *h);
void health_failure(struct health *h, msec now);
void health_cool(struct health *h, msec now, uint64_t retry_after_ms);
void health_refuse(struct health *h, msec now);
