/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace - a plan that says how it came about: for `weir explain` and the tests.
 *
 * plan_build writes down, where plan_ask.trace is set, what it looks at anyway: each target of the
 * route with the state of each of its keys, what left it out, its figures, its score and the parts
 * of it, its place in the plan. The calls of production carry none; each function below returns at
 * once for NULL, so that the planning has no second path that could tell another story.
 *
 *     struct plan_trace t = {.arena = a};
 *     plan_explain(&plan, state, snap, route, &(struct plan_ask){.trace = &t, …}, now);
 *
 * Pure. All of it lives in the caller's arena; when that is full `cut` says so, and what is missing
 * is missing here and not in the plan.
 */
#pragma once
#include "base/arena.h"
#include "route/plan.h"
#include "route/reason.h"

#define TRACE_NOWHERE UINT32_MAX

struct trace_key {
    enum plan_reason why; /* REASON_FITS: this key may be used */
    msec ready_at;        /* when it may serve again; 0: now */
    uint32_t place;       /* in the plan, 0: tried first; TRACE_NOWHERE: not in it */
    bool probe;
};

struct trace_target {
    const struct conf_target *target;
    const struct conf_provider *provider;
    enum plan_reason why; /* REASON_FITS: it was among the contenders */
    struct contender as;  /* figures and score; score only where it was ranked */
    struct score_parts parts;
    struct figures faults;    /* how its attempts failed, all keys together; not in a light one */
    double first_ms, call_ms; /* expected; negative: nothing is known */
    uint32_t rank;            /* in the order of the strategy; TRACE_NOWHERE: not ranked */
    uint32_t nkeys;
    struct trace_key *keys; /* at least one, also where the provider wants no key */
};

struct plan_trace {
    struct arena *arena; /* in */
    bool light;          /* in: no figure is worked out for it that the strategy does not need */
    const struct conf_route *route;
    struct trace_target *targets; /* as written in the route; n of them */
    uint32_t n;
    double tokens; /* that the answer was expected to have */
    bool explored; /* the first one is tried to learn of it, not because it is best */
    bool panic;    /* all are broken: a last resort */
    bool cut;
};

void trace_begin(struct plan_trace *t, const struct snapshot *snap, const struct conf_route *r);
/* A target as a whole, or one of its keys, was looked at: left out, or REASON_FITS. A target's
 * first reason stays: what keeps it out is what was found first. */
void trace_target(struct plan_trace *t, const struct conf_target *target, enum plan_reason why);
/* The figures of a target, whether it contends or not. */
void trace_seen(struct plan_trace *t, const struct contender *c);
/* What one of its keys has shown. */
void trace_faults(struct plan_trace *t, const struct candidate *c, msec now);
void trace_key(struct plan_trace *t, const struct candidate *c, enum plan_reason why,
               msec ready_at);
/* After the strategy: who contended, in its order. */
void trace_ranked(struct plan_trace *t, const struct choice *x, const struct contender *c,
                  uint32_t n);
void trace_planned(struct plan_trace *t, const struct plan *p);
