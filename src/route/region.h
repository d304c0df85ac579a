/* SPDX-License-Identifier: Apache-2.0 */
/*
 * region - targets of one region fail together, and come back together.
 *
 * A region is what providers[].region says, of one company: two accounts of one cloud in
 * "eu-central-1" are in the same one, and so are two providers that are not known by name; "us" of
 * OpenAI and "us" of Anthropic are two. A target of no region, and a region of one target, have the
 * target's own breaker (health.h) and need no other.
 *
 * Its breaker is fed by its members, which are health records of targets. A member is bad while
 * failures lead its last REGION_LAST outcomes by REGION_BAD_MIN. The breaker opens when
 * more than half of the members that were heard of in the last REGION_RECENT_MS are bad, and
 * those are not all the same target with several keys. So the third failure in a region that went
 * dark is enough, where each of its targets would have had to fail five times on its own; and one
 * bad model among good ones closes nobody's region.
 *
 *     CLOSED ── most members bad ──> OPEN ── open_ms ──> HALF_OPEN ── one probe, of any
 *       ^                             ^                           │    │      member: served
 *       │                             └────────── failed ─────────┘    │
 *       └──────────────────────────────────────────────────────────────┘
 *
 * When it closes, the breakers of its members are half-open at once: what opened them was the
 * region. Waits grow with the number of openings in a row, up to `max_ms`, and that
 * number goes down again by one for each REGION_CALM_MS without trouble.
 *
 * Counting over all outcomes of a region, without members, was the other choice: there a single
 * busy target that fails speaks for all the others.
 *
 * Pure: the clock comes as an argument. One worker's own, as is all of route_state.
 */
#pragma once
#include "base/list.h"
#include "base/map.h"
#include "base/time.h"

#define REGION_LAST      8 /* outcomes of a member that are looked at */
#define REGION_BAD_MIN   2 /* more of them failed than were served: it is bad */
#define REGION_RECENT_MS 30000
#define REGION_CALM_MS   60000
#define REGIONS_MAX      256 /* names are the operator's; past it a region has no breaker */
#define REGION_WALK_MAX  256 /* members looked at after one failure */

/* What a health record has of it. */
struct region_member {
    struct region *region; /* NULL: of none */
    struct list link;
    str target; /* whose it is, without the key: two keys of one target are one voice */
    msec at;    /* of its last outcome; 0: none since it joined */
    uint8_t
        outcomes; /* the last ones, newest lowest. Set: it failed, and no success took it back */
};

/* What the operator may set; these are the defaults of the configuration (routing.regionBreaker).
 */
struct region_limits {
    bool off;
    msec open_ms, max_ms;
};
#define REGION_OPEN_MS     10000
#define REGION_OPEN_MAX_MS 120000

struct region {
    struct regions *table;
    str name;
    struct list members;
    msec open_until;
    msec closed_at;    /* when it closed last */
    unsigned openings; /* lately */
    unsigned opened;   /* ever */
    bool probing;      /* half-open, and the probe is under way */
};

struct regions {
    struct map by_name;
    struct region_limits limits; /* may be changed at any time */
    uint64_t opened;             /* of all of them, ever */
};

void regions_init(struct regions *t, struct hash_key key);
void regions_fini(struct regions *t); /* every member has left */
/* Find or make. NULL: no memory, or too many: then it has no breaker. */
struct region *region_of(struct regions *t, str name);

/* `target` lives as long as the member. `r` NULL: of none. Joining where it is already changes
 * nothing; joining another one begins anew. */
void region_join(struct region *r, struct region_member *m, str target);
void region_leave(struct region_member *m); /* idempotent, also for a zeroed member */

enum region_state { REGION_CLOSED, REGION_HALF_OPEN, REGION_OPEN };
static inline enum region_state region_state(const struct region *r, msec now)
{
    return !r || !r->open_until  ? REGION_CLOSED
           : r->open_until > now ? REGION_OPEN
                                 : REGION_HALF_OPEN;
}

/* An attempt at a member failed, in a way that says something of it. True: the region has just
 * opened. */
bool region_failed(struct region_member *m, msec now);
/* A member answers. True: its region was half-open and has closed. */
bool region_served(struct region_member *m, msec now);
/* Somebody else found a member alive (an active probe): an open region is half-open from now on,
 * and true is returned. */
bool region_seems_well(struct region *r, msec now); /* accepts NULL */
