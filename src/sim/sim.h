/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim - the real router in a made-up world: a configuration and a scenario in, figures out.
 *
 * Plans, strategies, health, breakers, regions, figures, retry rules and budgets are those of
 * route/, under a clock, dice and providers of the simulation's own; what attempt.c does between
 * them is done here in the same order. Nothing is sent, nothing is read, and the same seed gives
 * the same result on every machine with the same arithmetic. Some hundred thousand calls a second.
 *
 * What providers say of their rate limits and what `limits` allows, alerts and what they ask for,
 * waiting for room, hedges, active probes, retry budgets, ejection and the breakers of regions: all
 * of it is there. What it leaves out: what is decided by a request's content (scenarios and rules
 * of the configuration, transforms), limits of client keys, rescue, refused keys, and weir's own
 * time, which is a ten-thousandth. One worker is simulated: more of them learn separately.
 *
 * With `oracle` the order of a plan is not the strategy's but that of the truth: the best target at
 * each moment by the weights of `balanced`, breakers aside. Nobody can be that good; it is what the
 * strategies are measured with.
 */
#pragma once
#include "conf/snapshot.h"
#include "sim/scenario.h"

struct sim_usage {
    double prompt, cached, output; /* tokens */
};

struct sim_setup {
    const struct snapshot *snap;
    const struct sim_scenario *scenario;
    bool force; /* every route has `strategy`, whatever the configuration says */
    enum conf_strategy strategy;
    bool oracle;
    /* Nano-dollars of a call at a provider's model; negative: not known. NULL: of nobody. */
    double (*usd)(void *arg, const struct conf_provider *p, str model, const struct sim_usage *u);
    void (*progress)(void *arg, msec now, msec end); /* now and then; NULL: nobody wants to know */
    void *arg;
};

/* Why a call was given up. */
enum sim_end {
    SIM_END_NOBODY,   /* no target was left to try */
    SIM_END_LIMITED,  /* … for rate limits: it was told when there will be room */
    SIM_END_ATTEMPTS, /* it had all its attempts */
    SIM_END_BUDGET,   /* its route had spent its retries (route/budget.h) */
    SIM_END_TIME,     /* too little was left, or the rules forbid another try */
    SIM_END_CUT,      /* it broke behind the first token */
    SIM_ENDS
};

/* One target's part. */
struct sim_part {
    const struct conf_provider *provider;
    str model;
    uint64_t attempts, failed;
    double usd;          /* nano-dollars */
    uint32_t *by_second; /* attempts; sim_result.seconds of them */
};

struct sim_spread {
    double p50, p95, p99; /* milliseconds */
};

struct sim_result {
    uint64_t calls, served, failed;
    uint64_t needless; /* of the failed: some target of their route was well at that moment */
    uint64_t attempts, wasted;    /* … that brought nothing */
    uint64_t hedges, hedges_won;  /* second attempts beside slow ones */
    uint64_t alerts;              /* that fired */
    uint64_t ends[SIM_ENDS];      /* of the failed */
    uint64_t unknown;             /* … asked for a model that this configuration does not know */
    struct sim_spread all, first; /* of served calls; to the first token */
    struct sim_spread warm; /* as `all`, without the first ten seconds: nothing is known then */
    double usd;             /* nano-dollars */
    uint64_t priced;        /* served calls whose cost is known */
    double cached, prompt;  /* tokens of served calls */
    uint32_t seconds, nparts;
    struct sim_part *parts; /* targets in the order the configuration names them */
};

/* RC_CONFIG: the configuration names no target. RC_NOMEM. */
enum rc sim_run(const struct sim_setup *setup, struct sim_result *ret) MUST_CHECK;
void sim_result_fini(struct sim_result *r); /* accepts a zeroed one */

/* Attempts at a part in [from, until) of scenario time. */
uint64_t sim_attempts(const struct sim_result *r, uint32_t part, msec from, msec until);
