/* SPDX-License-Identifier: Apache-2.0 */
/* run_int - what the files of a running simulation share: clock, calls, what is still to happen. */
#pragma once
#include "route/plan.h"
#include "route/retry.h"
#include "sim/world.h"

enum happening_kind { HAPPENS_ARRIVAL, HAPPENS_FIRST, HAPPENS_END, HAPPENS_FAILURE, HAPPENS_AGAIN };

struct run_call;

struct happening {
    msec at;
    uint64_t order; /* of equal times: first come, first served, so that a run repeats */
    enum happening_kind kind;
    struct run_call *call; /* NULL: an arrival */
};

struct run_call {
    const struct conf_route *route; /* that it asked for */
    struct retry_budget *budget;
    bool retrying; /* it counts as one of the budget's */
    struct sim_usage usage;
    uint64_t session;
    msec began, first, deadline;
    /* the attempt under way */
    struct plan plan;
    struct candidate cand;
    bool has_cand;
    struct server *at;
    struct outcome_of fate;
    msec attempt_began, attempt_first;
    /* as in attempt.c */
    unsigned attempts, same_tries, next_fallback;
    bool last_resort;
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
    msec now;
    struct conf_route *routes;     /* copies with another strategy, by index; NULL: as they are */
    struct retry_budget **budgets; /* by index of models, then of providers */
    struct happening *queue;
    size_t nqueue, cap_queue;
    uint64_t order;
    struct run_session *sessions; /* of all rows of the traffic */
    double arrives; /* the next call, in milliseconds of the scenario: fractions add up */
    uint32_t next_recorded;
    uint64_t next_session;
    double *all, *first, *warm; /* milliseconds of served calls */
    size_t nall, cap_all, nwarm;
    bool failed; /* no memory */
    struct sim_result *result;
};

/* attempts.c: what gate/attempt.c does between the functions of route/ */
void run_begin(struct run *r, struct run_call *c);
void run_first(struct run *r, struct run_call *c);
void run_end(struct run *r, struct run_call *c);
void run_failure(struct run *r, struct run_call *c);
void run_again(struct run *r, struct run_call *c);

/* run.c */
void run_push(struct run *r, msec at, enum happening_kind kind, struct run_call *c);
void run_served(struct run *r, struct run_call *c);
void run_failed(struct run *r, struct run_call *c);
