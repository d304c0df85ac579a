/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attempts - the life of a simulated call between the functions of route/.
 *
 * This is gate/attempt.c without the wire: the same calls of plan, retry, budget, health and
 * figures in the same order. Whoever changes what happens there between two attempts changes it
 * here.
 */
#include "base/check.h"
#include "sim/run_int.h"

#define ATTEMPTS_MAX 8   /* as GATE_ATTEMPTS_MAX */
#define ROOM_MAX     128 /* as gate/room.h */
#define ROOM_LOOK_MS 25  /* the same */

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

static double usd_of(void *arg, const struct conf_target *t, double tokens, double cached)
{
    (void)cached; /* the world knows what is */
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

/* ---- one attempt */

static void order_by_truth(struct run *r, struct run_call *c)
{
    struct asking asking = {r, c, true};
    double usd[PLAN_MAX];
    for (unsigned i = 0; i < c->plan.n; i++)
        usd[i] = usd_of(&asking, c->plan.c[i].target, c->usage.output, 0);
    oracle_order(r, c, usd);
}

static void go_route(struct run *r, struct run_call *c, const struct conf_route *route)
{
    const struct conf_route *as = as_forced(r, route);
    struct asking asking = {r, c, (strategy_needs(as->strategy) & STRATEGY_WARM) != 0};
    const struct plan_ask ask = {.rand = &r->dice,
                                 .session = c->session,
                                 .usd = usd_of,
                                 .warm = c->session ? warm_of : NULL,
                                 .need = &c->need,
                                 .doubts = r->set->oracle,
                                 .meters = r->meter_of,
                                 .alerts = r->set->oracle ? NULL : r->asked,
                                 .parts = r->parts,
                                 .nparts = r->nparts,
                                 .arg = &asking};
    plan_release(&c->plan);
    plan_build(&c->plan, &r->state, r->set->snap, as, &ask, r->now);
    c->crowded |= c->plan.n == 0 && c->plan.busy;
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
    if (c->second) /* the plan is the other one's, until that is gone */
        return false;
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

static bool out_of_attempts(const struct run *r, const struct run_call *c)
{
    return c->attempts >= routing_of(r)->attempts || c->attempts >= ATTEMPTS_MAX;
}

/* When it is ended, whatever it has brought. */
static msec end_of(const struct run_call *c)
{
    const msec own = c->attempt_began + c->cand.provider->timeouts.total;
    return own < c->deadline ? own : c->deadline;
}

/* How long its first token is waited for: less where an alert says so and somebody else is left. */
static msec patience_of(const struct run *r, const struct run_call *c)
{
    const msec left_ms = end_of(c) > r->now ? end_of(c) - r->now : 1;
    const msec first = c->cand.provider->timeouts.first_byte;
    const msec usual = first && first < left_ms ? first : left_ms;
    const bool left =
        !out_of_attempts(r, c) && routing_of(r)->fallback &&
        (c->plan.next < c->plan.n || c->last_resort || c->next_fallback < c->route->nfallback);
    const msec asked = left ? watch_patience(r, c) : 0;
    return asked && asked < usual ? asked : usual;
}

void run_start(struct run *r, struct run_call *c)
{
    CHECK(c->has_cand && !c->record_open);
    c->at = world_server(&r->world, c->cand.target);
    CHECK(c->at); /* the world has all targets that the configuration names */
    c->attempts++;
    c->attempt_began = r->now;
    c->attempt_first = 0;
    c->record_open = true;
    figures_begin(&c->cand.health->figures, r->now);
    limits_begin(r, c);
    c->fate = world_attempt(&r->world, c->at, &c->usage, c->session, patience_of(r, c), r->now);
    c->at->in_flight++;
    struct sim_part *part = part_of(r, c->at);
    const uint64_t second = (r->now - WORLD_START) / 1000;
    part->attempts++;
    r->result->attempts++;
    if (second < r->result->seconds)
        part->by_second[second]++;
    run_push(r, r->now + rounded(c->fate.first_ms),
             c->fate.end == WORLD_FAILS ? HAPPENS_FAILURE : HAPPENS_FIRST, c);
    twin_arm(r, c);
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
    const bool limited = why == SIM_END_NOBODY && c->plan.why == ERR_RATE_LIMITED;
    CHECK(!c->twin);
    r->result->needless += why != SIM_END_CUT && any_is_well(r, c->route);
    r->result->ends[limited ? SIM_END_LIMITED : why]++;
    watch_call(r, c, limited ? OUTCOME_LIMITED : OUTCOME_FAILED, -1);
    let_go(c);
    plan_release(&c->plan);
    run_failed(r, c);
}

/* Nobody had room: as gate/room.c, but that each looks for itself, and the newest is never first.
 */
static bool wait_for_room(struct run *r, struct run_call *c)
{
    const bool waits = c->crowded && r->now < c->began + routing_of(r)->wait &&
                       r->now < c->deadline && r->waiting < ROOM_MAX;
    if (!waits)
        return false;
    r->waiting++;
    c->waiting = true;
    run_push(r, r->now + ROOM_LOOK_MS, HAPPENS_ROOM, c);
    return true;
}

static void plan_and_start(struct run *r, struct run_call *c)
{
    go_route(r, c, c->route);
    c->last_resort = (c->plan.panic || c->plan.reluctant || watch_degrades(r, c)) &&
                     routing_of(r)->fallback && c->route->nfallback > 0;
    if (c->last_resort)
        plan_release(&c->plan);
    if (next_candidate(r, c))
        run_start(r, c);
    else if (!wait_for_room(r, c))
        give_up(r, c, SIM_END_NOBODY);
}

void run_begin(struct run *r, struct run_call *c)
{
    const msec total = r->set->snap->timeouts.total;
    c->began = r->now;
    c->deadline = r->now + (total ? total : 600000);
    c->need = limits_need(&c->usage);
    retry_budget_call(c->budget, r->now);
    plan_and_start(r, c);
}

void run_room(struct run *r, struct run_call *c)
{
    CHECK(c->waiting && r->waiting > 0 && !c->has_cand);
    r->waiting--;
    c->waiting = c->crowded = false;
    c->next_fallback = 0;
    plan_and_start(r, c);
}

void run_first(struct run *r, struct run_call *c)
{
    if (c->twin)
        twin_won(r, c);
    c->attempt_first = r->now;
    c->first = r->now;
    limits_head(r, c, OUTCOME_SERVED);
    figures_first(&c->cand.health->figures, r->now, c->attempt_began);
    candidate_probe_over(&c->cand);
    health_answers(c->cand.health, r->now);
    health_answers(c->cand.credential, r->now);
    msec over = r->now + rounded(c->fate.rest_ms);
    if (over > end_of(c)) { /* its time is over in the middle of the answer */
        over = end_of(c) > r->now ? end_of(c) : r->now + 1;
        c->fate.end = WORLD_CUTS;
    }
    run_push(r, over, HAPPENS_END, c);
}

static void retry_over(struct run_call *c)
{
    if (c->retrying)
        retry_budget_over(c->budget);
    c->retrying = false;
}

void run_end_record(struct run *r, struct run_call *c, enum figures_end how)
{
    const uint64_t tokens = how == FIGURES_SERVED ? (uint64_t)c->usage.output : 0;
    CHECK(c->record_open);
    figures_end(&c->cand.health->figures, r->now, c->attempt_began, c->attempt_first, how, tokens);
    candidate_probe_over(&c->cand);
    retry_over(c);
    limits_end(c, how == FIGURES_SERVED);
    c->record_open = false;
    c->at->in_flight--;
    if (how != FIGURES_SERVED) {
        r->result->wasted++;
        part_of(r, c->at)->failed++;
    }
}

/* What is paid for so much at the attempt's target; negative: nobody knows. */
double run_charge(struct run *r, struct run_call *c, const struct sim_usage *u)
{
    const double usd =
        r->set->usd ? r->set->usd(r->set->arg, c->at->provider, c->at->model, u) : -1;
    if (usd < 0)
        return -1;
    r->result->usd += usd * c->at->now.price;
    part_of(r, c->at)->usd += usd * c->at->now.price;
    return usd * c->at->now.price;
}

void run_end(struct run *r, struct run_call *c)
{
    const struct sim_usage *u = &c->usage;
    if (c->fate.end == WORLD_CUTS) { /* behind the commit point: nobody may try again */
        watch_attempt(r, c, OUTCOME_FAILED, -1);
        run_end_record(r, c, FIGURES_FAILED);
        health_failure(c->cand.health, false, r->now);
        give_up(r, c, SIM_END_CUT);
        return;
    }
    c->usage.cached = c->fate.cached;
    const double usd = run_charge(r, c, u);
    r->result->priced += usd >= 0;
    watch_attempt(r, c, OUTCOME_SERVED, usd);
    watch_call(r, c, OUTCOME_SERVED, usd);
    run_end_record(r, c, FIGURES_SERVED);
    health_success(c->cand.health, r->now);
    health_success(c->cand.credential, r->now);
    world_warm(c->at, c->session, u->prompt + u->output, r->now);
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

void run_learn(struct run *r, struct run_call *c, const struct attempt_failure *f)
{
    const bool bad = retry_is_failure(f), limited = f->kind == ERR_RATE_LIMITED;
    if (f->status) /* it has a head */
        limits_head(r, c, limited ? OUTCOME_LIMITED : OUTCOME_FAILED);
    if (bad || limited)
        watch_attempt(r, c, limited ? OUTCOME_LIMITED : OUTCOME_FAILED, -1);
    run_end_record(r, c, bad ? FIGURES_FAILED : FIGURES_VOID);
    figures_fault(&c->cand.health->figures, r->now, retry_fault(f));
    if (r->set->oracle) /* it needs no breakers */
        return;
    if (limited)
        health_cool(c->cand.health, r->now, f->retry_after_ms);
    else if (bad)
        health_failure(c->cand.health, fault_is_ours(retry_fault(f)), r->now);
}

static bool enough_time(const struct run *r, const struct run_call *c)
{
    return r->now < c->deadline && (c->deadline - r->now) * 4 >= c->deadline - c->began;
}

bool run_may_follow(struct run *r, const struct run_call *c)
{
    return !out_of_attempts(r, c) && routing_of(r)->fallback && enough_time(r, c) &&
           retry_budget_take(c->budget, c->plan.panic, r->now);
}

static bool try_more(struct run *r, struct run_call *c, const struct retry_rule *rule)
{
    if (out_of_attempts(r, c))
        return false;
    if (next_candidate(r, c)) {
        c->retrying = true;
        run_start(r, c);
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
    if (c->twin && twin_failed(r, c, &f))
        return;
    const struct retry_rule rule = retry_decide(&f, &r->dice);
    run_learn(r, c, &f);
    if (rule.where == RETRY_NOWHERE || !routing_of(r)->fallback || !enough_time(r, c)) {
        give_up(r, c, SIM_END_TIME);
    } else if (!retry_budget_take(c->budget, c->plan.panic, r->now)) {
        give_up(r, c, SIM_END_BUDGET);
    } else if (!try_more(r, c, &rule)) {
        retry_budget_return(c->budget);
        give_up(r, c, out_of_attempts(r, c) ? SIM_END_ATTEMPTS : SIM_END_NOBODY);
    }
}
