/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan - which targets a call tries, and in which order.
 *
 * Built for one route at a time: the targets that can serve, in the order of the route's strategy
 * (strategy.h); each contributes its keys, the next key in turn first, so that a limited key is
 * replaced before the provider is. What is cooling, open, refused or ejected, or in a region that
 * is down, is left out. When that leaves nothing, who was ejected serves after all; else a broken
 * target is tried all the same, one probe at a time (panic rule; a call that has fallback routes
 * tries those first); a rate-limited or refused one is not: then `why` says what to answer, and
 * `ready_at` when.
 *
 * The accounts of strategies that take turns are the worker's own, by route name.
 *
 * A plan holds the health records of its candidates: each plan_build is followed by one
 * plan_release. A candidate that is to outlive its plan is copied, and held by itself.
 */
#pragma once
#include "base/rand.h"
#include "conf/snapshot.h"
#include "route/budget.h"
#include "route/health.h"
#include "route/meter.h"
#include "route/reason.h"
#include "route/strategy.h"

#define PLAN_MAX 16

struct alert_part;
struct plan_trace;
struct records;
struct route_policy;

struct candidate {
    const struct conf_target *target;
    const struct conf_provider *provider;
    uint32_t key; /* index into provider->keys; 0 when it has none */
    struct health *credential, *health;
    bool probe;   /* half-open or panic: to be the one probe */
    bool probing; /* … and it is: marked by plan_next, given back by candidate_release at the latest
                   */
};

struct plan {
    unsigned n, next;
    bool panic; /* all are broken: the one candidate is a last resort */
    /* All that could serve were left out by alerts, or for rate limits that seem to be used up, and
     * they are in after all: fallback models first. */
    bool reluctant;
    bool doubts;   /* quotas that seem to be used up keep nobody out */
    bool degraded; /* an alert asks for fallback models first */
    bool busy;     /* n == 0: some would serve, were it not for calls under way there */
    /* n == 0, or panic: */
    enum err why;
    msec ready_at;
    struct quota_need need; /* as asked for */
    enum plan_reason unfit; /* n == 0: none can serve such a call (filter.h); else REASON_FITS */
    struct candidate c[PLAN_MAX]; /* n of them */
};

static inline void plan_clear(struct plan *p) /* of nobody, also where nothing was before */
{
    p->n = p->next = 0;
    p->panic = p->reluctant = p->doubts = p->degraded = p->busy = false;
}

#define PLAN_MEMO 64

/* The records of a credential and of a model there, as they were found last: an identity takes
 * three hashes to find, and most calls go where others went. Good while no record has given way. */
struct plan_memo {
    const struct conf_provider *provider; /* of that generation; NULL: free */
    uint64_t generation, dropped;
    uint32_t key;
    struct health *credential, *health;
};

#define PLAN_LOOKS 256 /* routes with a place of their own; past it they share */

/* The accounts of a route whose targets take turns. */
struct plan_turn {
    uint32_t n;
    str name;
    int64_t account[];
};

/* What one worker keeps between calls. */
struct route_state {
    struct health_table health;
    struct regions regions;
    struct outlier_limits outliers;
    const struct snapshot *limits_of; /* whose limits these three have; never looked into */
    uint64_t limits_generation;
    uint64_t ejected; /* targets, ever */
    struct map turns; /* route name -> struct plan_turn */
    struct budgets budgets;
    uint64_t key_turn;
    struct looks looks[PLAN_LOOKS]; /* by index of route; where two share one, each is a sample */
    struct plan_memo memo[PLAN_MEMO];
    /* The window in which the targets of a route were last compared (outlier.h), by index of
     * logical model; of the one other route that was last, beside them. */
    msec *judged, judged_other;
    uint32_t njudged;
    const struct conf_route *judged_route;
    /* Keys of providers are hashed with it into identities; the same on all workers and, where what
     * was learned is kept, after a restart. */
    struct hash_key identity;
    const struct records *remembered; /* of an earlier run: immutable, outlives this; or NULL */
};

/* `key` of its tables, and of identities until route_state_recall says another. */
enum rc route_state_init(struct route_state *s, struct hash_key key) MUST_CHECK;
void route_state_fini(struct route_state *s);
/* Before the first plan. `remembered` may be NULL. */
void route_state_recall(struct route_state *s, struct hash_key identity,
                        const struct records *remembered);
/* The configuration is another one than before. */
void route_state_follow(struct route_state *s, const struct snapshot *snap);
/* NULL: there are too many, or no memory. */
struct plan_turn *route_state_turn(struct route_state *s, const struct conf_route *r);
/* Are the targets of a route to be compared now? True once for each window. */
bool route_state_judges(struct route_state *s, const struct conf_route *r, msec window);

/* What a strategy may want to know of the call. */
struct plan_ask {
    struct rand *rand;
    uint64_t session; /* hash of the conversation or whatever else belongs together; 0: nothing */
    /* Nano-dollars that the call would cost there, for an answer of so many tokens; negative: not
     * known. `cached`: the share of a prompt that turns out to be cached there, where nothing is
     * known of this one. Asked only by strategies that weigh costs. NULL: of nobody. */
    double (*usd)(void *arg, const struct conf_target *t, double tokens, double cached);
    /* Can this target serve such a call at all? REASON_FITS, or what it lacks. NULL: each can. */
    enum plan_reason (*fits)(void *arg, const struct conf_target *t);
    /* The share of the prompt that is cached there, 0 to 1, and with which of its keys. Asked only
     * by strategies that look at it. NULL: nothing is cached anywhere. */
    double (*warm)(void *arg, const struct conf_target *t, uint32_t *ret_key);
    void *arg;
    const struct route_policy *policy; /* how the caller wants them ordered; usually NULL */
    const uint8_t *alerts; /* ALERT_OUT and its kin, by index of provider; NULL: nothing is asked */
    const struct alert_part *parts; /* of some that have ALERT_PARTS there (order.h) */
    uint32_t nparts;
    const struct quota_need *need; /* what it takes of rate limits; NULL: they are not asked */
    bool doubts;                   /* what providers said of their limits may be wrong: ask them */
    struct meter *const *meters;   /* by provider; NULL where it has no limits, or nobody has */
    struct plan_trace *trace;      /* what was looked at is written there (trace.h); usually NULL */
};

/* Provider and model by their names: the same on all workers, and after a reload. */
uint64_t plan_place(const struct snapshot *snap, const struct conf_target *t);

void plan_build(struct plan *p, struct route_state *s, const struct snapshot *snap,
                const struct conf_route *route, const struct plan_ask *ask, msec now);
/* The plan that plan_build would make now, and nobody's turn is over by it: for who only wants to
 * know. The dice are ask's own: whoever must not disturb them hands in a copy. */
void plan_explain(struct plan *p, struct route_state *s, const struct snapshot *snap,
                  const struct conf_route *route, const struct plan_ask *ask, msec now);
/* Of a plan just built: who is of this provider goes first; else the order stays. */
void plan_prefer(struct plan *p, const struct conf_provider *provider);
void plan_release(struct plan *p); /* the candidates are gone; idempotent, also for a zeroed plan */
/* The records of a target with a key; not held. False: no memory. */
bool candidate_of(struct route_state *s, const struct snapshot *snap, const struct conf_target *t,
                  uint32_t key, struct candidate *ret);
void candidate_hold(struct candidate *c);
void candidate_release(struct candidate *c);
/* A copy of one that plan_next gave, which outlives its plan: it is held, and if it is the probe,
 * that goes along. */
void candidate_take(struct candidate *to, struct candidate *from);
void candidate_probe_over(struct candidate *c); /* no verdict: another may be it. Idempotent */
/* The next candidate that still may be tried at `now`; NULL: none left. Marks probes. After one
 * that failed, one of another region comes first. The candidates may change places: what was
 * returned before is the caller's no more, but for the copy it took. */
struct candidate *plan_next(struct plan *p, msec now);
