/* SPDX-License-Identifier: Apache-2.0 */
/* run_int - what the files of a running simulation share: clock, calls, what is still to happen. */
#pragma once
#include "base/arena.h"
#include "obs/outcome.h"
#include "route/order.h"
#include "route/plan.h"
#include "route/retry.h"
#include "sim/world.h"

enum happening_kind {
    HAPPENS_ARRIVAL,
    HAPPENS_FIRST,
    HAPPENS_END,
    HAPPENS_FAILURE,
    HAPPENS_AGAIN,
    HAPPENS_ROOM,  /* whether there is some now is looked at */
    HAPPENS_SLOW,  /* it is time for a rival */
    HAPPENS_LOOK,  /* at the alerts */
    HAPPENS_PROBE, /* of a provider */
};

struct run_call;

struct happening {
    msec at;
    uint64_t order; /* of equal times: first come, first served, so that a run repeats */
    enum happening_kind kind;
    struct run_call *call; /* NULL: of nobody */
    uint32_t provider;     /* of a probe */
};

struct run_call {
    const struct conf_route *route; /* that it asked for */
    struct retry_budget *budget;
    bool retrying; /* it counts as one of the budget's */
    struct sim_usage usage;
    struct quota_need need;
    uint64_t session;
    msec began, first, deadline;
    /* the attempt under way */
    struct plan plan;
    struct candidate cand;
    bool has_cand;
    struct server *at;
    struct outcome_of fate;
    msec attempt_began, attempt_first;
    bool record_open;         /* it has begun and has not ended */
    struct meter_share share; /* of its provider's limits */
    /* its rival, see twin.c */
    struct run_call *twin;
    bool second, hedged;
    msec slow_at;
    /* Happenings that point here: what is over stays until the last of them has passed. */
    unsigned queued;
    bool over;
    /* as in attempt.c */
    unsigned attempts, same_tries, next_fallback;
    bool last_resort;
    bool crowded, waiting;   /* some had only too many calls under way; it waits for one to end */
    struct conf_found found; /* of a name that is no logical model */
};

/* A conversation that goes on. */
struct run_session {
    uint64_t id;
    double prompt, turns;
};

struct run {
    const struct sim_setup *set;
    struct world world;
    struct route_state state;
    struct rand dice; /* the router's own */
    /* When calls arrive, of whom and how large. Not those of the world: lines that are compared get
     * the same calls, however differently these were answered. */
    struct rand callers;
    msec now;
    struct conf_route *routes;     /* copies with another strategy, by index; NULL: as they are */
    struct retry_budget **budgets; /* by index of models, then of providers */
    struct happening *queue;
    size_t nqueue, cap_queue;
    uint64_t order;
    struct run_session *sessions; /* of all rows of the traffic */
    double arrives; /* the next call, in milliseconds of the scenario: fractions add up */
    uint32_t next_recorded;
    uint64_t under_way; /* calls */
    unsigned waiting;   /* those of them that wait for room */
    struct meters *meters;
    struct meter **meter_of; /* by provider; NULL: it has no limits */
    struct run_watch **watches;
    uint32_t nwatches, nparts;
    uint8_t *asked; /* by provider, then by model; NULL: there are no alerts */
    struct alert_part *parts;
    struct arena names;
    unsigned *bad_probes; /* by provider, in a row */
    uint64_t next_session;
    double *all, *first, *warm; /* milliseconds of served calls */
    size_t nall, cap_all, nwarm;
    bool failed; /* no memory */
    struct sim_result *result;
};

/* attempts.c: what gate/attempt.c does between the functions of route/ */
void run_begin(struct run *r, struct run_call *c);
void run_room(struct run *r, struct run_call *c); /* planned anew, as when it began */
void run_first(struct run *r, struct run_call *c);
void run_end(struct run *r, struct run_call *c);
void run_failure(struct run *r, struct run_call *c);
void run_start(struct run *r, struct run_call *c); /* also after a wait */
/* … and for twin.c */
bool run_may_follow(struct run *r, const struct run_call *c);
void run_learn(struct run *r, struct run_call *c, const struct attempt_failure *f);
void run_end_record(struct run *r, struct run_call *c, enum figures_end how);
double run_charge(struct run *r, struct run_call *c, const struct sim_usage *u);

/* oracle.c: the order of a plan by what is true now. `usd` by candidate; negative: not known. */
void oracle_order(struct run *r, struct run_call *c, double *usd);

/* twin.c */
void twin_arm(struct run *r, struct run_call *c);
void run_slow(struct run *r, struct run_call *c);
void twin_won(struct run *r, struct run_call *c);
bool twin_failed(struct run *r, struct run_call *c, const struct attempt_failure *f);

/* limits.c */
enum rc limits_init(struct run *r) MUST_CHECK;
void limits_fini(struct run *r);
struct quota_need limits_need(const struct sim_usage *u);
void limits_begin(struct run *r, struct run_call *c);
void limits_head(struct run *r, struct run_call *c, enum outcome_end how); /* of an answer */
void limits_end(struct run_call *c, bool served);

/* watch.c: alerts */
enum rc watch_init(struct run *r) MUST_CHECK;
void watch_fini(struct run *r);
void watch_attempt(struct run *r, const struct run_call *c, enum outcome_end how, double usd);
void watch_call(struct run *r, const struct run_call *c, enum outcome_end how, double usd);
void watch_look(struct run *r);
bool watch_degrades(struct run *r, const struct run_call *c);
msec watch_patience(const struct run *r, const struct run_call *c); /* 0: as the provider's own */

/* probes.c */
void probes_begin(struct run *r);
void run_probe(struct run *r, uint32_t provider);

/* run.c */
void run_push(struct run *r, msec at, enum happening_kind kind, struct run_call *c);
void run_push_probe(struct run *r, msec at, uint32_t provider);
void run_served(struct run *r, struct run_call *c);
void run_failed(struct run *r, struct run_call *c);
void run_forget(struct run_call *c); /* it is over, and freed when nothing points to it any more */
