/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attempts - the life of a simulated call between the functions of route/.
 *
 * This is gate/attempt.c without the wire: the same calls of plan, retry, budget, health and
 * figures in the same order. Whoever changes what happens there between two attempts changes it
 * here.
 */
#include <math.h>

#include "base/check.h"
#include "sim/run_int.h"

#define ATTEMPTS_MAX 8 /* as GATE_ATTEMPTS_MAX */

static const struct conf_routing *routing_of(const struct run *r)
{
    return &r->set->snap->routing;
}

static const struct conf_route *as_forced(const struct run *r, const struct conf_route *route)
{
    return r->routes && route->logical ? &r->routes[route->index] : route;
}

/* What a plan asks of a call. */
struct asking {
    struct run *run;
    const struct run_call *call;
    bool counts_warmth; /* in costs, as gate/ask.c: where the strategy looks at it */
};

static double cached_at(const struct asking *a, const struct server *s)
{
    const double cached = world_cached(s, a->call->session, a->run->now);
    return cached < a->call->usage.prompt ? cached : a->call->usage.prompt;
}

static double usd_of(void *arg, const struct conf_target *t, double tokens)
{
    const struct asking *a = arg;
    const struct run *r = a->run;
    const struct server *s = world_server(&a->run->world, t);
    if (!s || !r->set->usd)
        return -1;
    const struct sim_usage u = {.prompt = a->call->usage.prompt,
                                .cached = a->counts_warmth ? cached_at(a, s) : 0,
                                .output = tokens};
    const double usd = r->set->usd(r->set->arg, s->provider, t->model, &u);
    return usd < 0 ? -1 : usd * s->now.price;
}

/* The gate learns it from what providers report; here it is known. */
static double warm_of(void *arg, const struct conf_target *t, uint32_t *ret_key)
{
    const struct asking *a = arg;
    const struct server *s = world_server(&a->run->world, t);
    *ret_key = 0;
    return s && a->call->usage.prompt > 0 ? cached_at(a, s) / a->call->usage.prompt : 0;
}

/* ---- the oracle */

/* As balanced weighs, with what is true now. */
static double truth(struct run *r, const struct run_call *c, const struct candidate *k,
                    double best_ms, double best_usd, double usd)
{
    const struct conf_routing *w = routing_of(r);
    const struct server *s = world_server(&r->world, k->target);
    const double ms = s ? world_ms(s, &c->usage, world_cached(s, c->session, r->now)) : 1e9;
    double score = s && world_is_well(s, r->now) ? 0 : 100;
    score += w->weight_response_time * (ms > best_ms ? 1 - best_ms / ms : 0);
    score += s ? w->weight_error_rate * 10 * s->now.errors : 0;
    score += w->weight_cost * (usd > best_usd && best_usd >= 0 ? 1 - best_usd / usd : 0);
    return score;
}

static void order_by_truth(struct run *r, struct run_call *c)
{
    struct plan *p = &c->plan;
    double ms = HUGE_VAL, least = -1, usd[PLAN_MAX], score[PLAN_MAX];
    struct asking asking = {r, c, true};
    for (unsigned i = 0; i < p->n; i++) {
        const struct server *s = world_server(&r->world, p->c[i].target);
        usd[i] = usd_of(&asking, p->c[i].target, c->usage.output);
        if (!s || !world_is_well(s, r->now))
            continue;
        ms = fmin(ms, world_ms(s, &c->usage, world_cached(s, c->session, r->now)));
        least = usd[i] >= 0 && (least < 0 || usd[i] < least) ? usd[i] : least;
    }
    for (unsigned i = 0; i < p->n; i++)
        score[i] = truth(r, c, &p->c[i], ms, least, usd[i]);
    for (unsigned i = 1; i < p->n; i++) /* stable, and there are few */
        for (unsigned k = i; k > 0 && score[k] < score[k - 1]; k--) {
            const struct candidate other = p->c[k];
            const double s = score[k];
            p->c[k] = p->c[k - 1], p->c[k - 1] = other;
            score[k] = score[k - 1], score[k - 1] = s;
        }
}

/* ---- one attempt */

static void go_route(struct run *r, struct run_call *c, const struct conf_route *route)
{
    const struct conf_route *as = as_forced(r, route);
    struct asking asking = {r, c, (strategy_needs(as->strategy) & STRATEGY_WARM) != 0};
    const struct plan_ask ask = {.rand = &r->dice,
                                 .session = c->session,
                                 .usd = usd_of,
                                 .warm = c->session ? warm_of : NULL,
                                 .arg = &asking};
    plan_release(&c->plan);
    plan_build(&c->plan, &r->state, r->set->snap, as, &ask, r->now);
    if (r->set->oracle)
        order_by_truth(r, c);
}

static bool next_route(struct run *r, struct run_call *c)
{
    if (routing_of(r)->fallback && c->next_fallback < c->route->nfallback) {
        go_route(r, c, c->route->fallback[c->next_fallback++]);
        return true;
    }
    if (!c->last_resort)
        return false;
    c->last_resort = false;
    go_route(r, c, c->route);
    return true;
}

static void let_go(struct run_call *c)
{
    if (c->has_cand)
        candidate_release(&c->cand);
    c->has_cand = false;
}

static bool next_candidate(struct run *r, struct run_call *c)
{
    struct candidate *next;
    do {
        next = plan_next(&c->plan, r->now);
    } while (!next && next_route(r, c));
    if (!next)
        return false;
    let_go(c);
    candidate_take(&c->cand, next);
    c->has_cand = true;
    c->same_tries = 1;
    return true;
}

static struct sim_part *part_of(struct run *r, const struct server *s)
{
    return &r->result->parts[s - r->world.servers];
}

static msec rounded(double ms)
{
    return (msec)(ms < 1 ? 1 : ms);
}

static void start(struct run *r, struct run_call *c)
{
    c->at = world_server(&r->world, c->cand.target);
    CHECK(c->at); /* the world has all targets that the configuration names */
    c->attempts++;
    c->attempt_began = r->now;
    c->attempt_first = 0;
    figures_begin(&c->cand.health->figures, r->now);
    c->fate = world_attempt(&r->world, c->at, &c->usage, c->session, r->now);
    c->at->in_flight++;
    struct sim_part *part = part_of(r, c->at);
    const uint64_t second = (r->now - WORLD_START) / 1000;
    part->attempts++;
    r->result->attempts++;
    if (second < r->result->seconds)
        part->by_second[second]++;
    run_push(r, r->now + rounded(c->fate.first_ms),
             c->fate.end == WORLD_FAILS ? HAPPENS_FAILURE : HAPPENS_FIRST, c);
}

static bool any_is_well(struct run *r, const struct conf_route *route)
{
    for (uint32_t i = 0; i < route->ntargets; i++) {
        const struct server *s = world_server(&r->world, &route->targets[i]);
        if (s && world_is_well(s, r->now))
            return true;
    }
    return false;
}

static void give_up(struct run *r, struct run_call *c, enum sim_end why)
{
    r->result->needless += why != SIM_END_CUT && any_is_well(r, c->route);
    r->result->ends[why]++;
    let_go(c);
    plan_release(&c->plan);
    run_failed(r, c);
}

void run_begin(struct run *r, struct run_call *c)
{
    const msec total = r->set->snap->timeouts.total;
    c->began = r->now;
    c->deadline = r->now + (total ? total : 600000);
    retry_budget_call(c->budget, r->now);
    go_route(r, c, c->route);
    c->last_resort =
        (c->plan.panic || c->plan.reluctant) && routing_of(r)->fallback && c->route->nfallback > 0;
    if (c->last_resort)
        plan_release(&c->plan);
    if (next_candidate(r, c))
        start(r, c);
    else
        give_up(r, c, SIM_END_NOBODY);
}

void run_first(struct run *r, struct run_call *c)
{
    c->attempt_first = r->now;
    c->first = r->now;
    figures_first(&c->cand.health->figures, r->now, c->attempt_began);
    candidate_probe_over(&c->cand);
    health_answers(c->cand.health, r->now);
    health_answers(c->cand.credential, r->now);
    run_push(r, r->now + rounded(c->fate.rest_ms), HAPPENS_END, c);
}

static void retry_over(struct run_call *c)
{
    if (c->retrying)
        retry_budget_over(c->budget);
    c->retrying = false;
}

static void end_record(struct run *r, struct run_call *c, enum figures_end how)
{
    const uint64_t tokens = how == FIGURES_SERVED ? (uint64_t)c->usage.output : 0;
    figures_end(&c->cand.health->figures, r->now, c->attempt_began, c->attempt_first, how, tokens);
    candidate_probe_over(&c->cand);
    retry_over(c);
    c->at->in_flight--;
    if (how != FIGURES_SERVED) {
        r->result->wasted++;
        part_of(r, c->at)->failed++;
    }
}

void run_end(struct run *r, struct run_call *c)
{
    if (c->fate.end == WORLD_CUTS) { /* behind the commit point: nobody may try again */
        end_record(r, c, FIGURES_FAILED);
        health_failure(c->cand.health, r->now);
        give_up(r, c, SIM_END_CUT);
        return;
    }
    const struct sim_usage *u = &c->usage;
    end_record(r, c, FIGURES_SERVED);
    health_success(c->cand.health, r->now);
    health_success(c->cand.credential, r->now);
    c->usage.cached = c->fate.cached;
    world_warm(c->at, c->session, u->prompt + u->output, r->now);
    const double usd =
        r->set->usd ? r->set->usd(r->set->arg, c->at->provider, c->at->model, u) : -1;
    if (usd >= 0) {
        r->result->usd += usd * c->at->now.price;
        part_of(r, c->at)->usd += usd * c->at->now.price;
        r->result->priced++;
    }
    let_go(c);
    plan_release(&c->plan);
    run_served(r, c);
}

/* ---- after a failure */

static struct attempt_failure failure_of(const struct run *r, const struct run_call *c)
{
    struct attempt_failure f = {.end = ATTEMPT_STATUS,
                                .kind = ERR_UPSTREAM,
                                .status = 500,
                                .replay = routing_of(r)->replay,
                                .same_tried = c->same_tries > 1};
    switch (c->fate.fault) {
    case SIM_LIMIT:
        f.kind = ERR_RATE_LIMITED, f.status = 429, f.retry_after_ms = c->fate.retry_after_ms;
        break;
    case SIM_DOWN:
        f.end = ATTEMPT_NOT_SENT, f.kind = ERR_UNAVAILABLE, f.status = 0;
        break;
    case SIM_HANG:
        f.end = ATTEMPT_TIMED_OUT, f.kind = ERR_TIMEOUT, f.status = 0;
        break;
    case SIM_ERROR:
    case SIM_CUT:
    case SIM_FAULTS:
        break;
    }
    return f;
}

static void learn(struct run *r, struct run_call *c, const struct attempt_failure *f)
{
    const bool bad = retry_is_failure(f);
    end_record(r, c, bad ? FIGURES_FAILED : FIGURES_VOID);
    if (r->set->oracle) /* it needs no breakers */
        return;
    if (f->kind == ERR_RATE_LIMITED)
        health_cool(c->cand.health, r->now, f->retry_after_ms);
    else if (bad)
        health_failure(c->cand.health, r->now);
}

static bool out_of_attempts(const struct run *r, const struct run_call *c)
{
    return c->attempts >= routing_of(r)->attempts || c->attempts >= ATTEMPTS_MAX;
}

static bool enough_time(const struct run *r, const struct run_call *c)
{
    return r->now < c->deadline && (c->deadline - r->now) * 4 >= c->deadline - c->began;
}

static bool try_more(struct run *r, struct run_call *c, const struct retry_rule *rule)
{
    if (out_of_attempts(r, c))
        return false;
    if (next_candidate(r, c)) {
        c->retrying = true;
        start(r, c);
        return true;
    }
    if (rule->where != RETRY_ANYWHERE || r->now + rule->wait_ms >= c->deadline)
        return false;
    c->same_tries++;
    c->retrying = true;
    run_push(r, r->now + (rule->wait_ms ? rule->wait_ms : 1), HAPPENS_AGAIN, c);
    return true;
}

void run_failure(struct run *r, struct run_call *c)
{
    const struct attempt_failure f = failure_of(r, c);
    const struct retry_rule rule = retry_decide(&f, &r->dice);
    learn(r, c, &f);
    if (rule.where == RETRY_NOWHERE || !routing_of(r)->fallback || !enough_time(r, c)) {
        give_up(r, c, SIM_END_TIME);
    } else if (!retry_budget_take(c->budget, c->plan.panic, r->now)) {
        give_up(r, c, SIM_END_BUDGET);
    } else if (!try_more(r, c, &rule)) {
        retry_budget_return(c->budget);
        give_up(r, c, out_of_attempts(r, c) ? SIM_END_ATTEMPTS : SIM_END_NOBODY);
    }
}

void run_again(struct run *r, struct run_call *c)
{
    start(r, c);
}
