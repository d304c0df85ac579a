/* SPDX-License-Identifier: Apache-2.0 */
/* explain_write - an explanation as JSON: what was asked, every candidate, the plan, and why. */
#include "gate/explain.h"

#include <math.h>

#include "base/fmt.h"

/* ---- small things */

static void put_usd(struct json_writer *w, double nano)
{
    char text[FMT_USD_MAX];
    if (!isfinite(nano) || nano < 0 || nano > 1e18)
        json_put_null(w);
    else
        json_put_text(w, str_of(text, fmt_usd(text, (nanousd)nano)));
}

static str how_name(enum conf_how how)
{
    switch (how) {
    case CONF_BY_MODEL:
        return STR("model");
    case CONF_BY_PROVIDER:
        return STR("provider");
    case CONF_BY_BARE_NAME:
        return STR("bare_name");
    case CONF_BY_DEFAULT:
        return STR("default");
    case CONF_BY_RULE:
        return STR("rule");
    case CONF_BY_SCENARIO:
        return STR("scenario");
    }
    return STR("model");
}

str explain_strategy(enum conf_strategy s)
{
    static const str names[CONF_STRATEGY_COUNT] = {
#define STRATEGY(id, name, active, help) [CONF_STRATEGY_##id] = STR(name),
#include "conf/strategies.def"
#undef STRATEGY
    };
    CHECK(s < CONF_STRATEGY_COUNT);
    return names[s];
}

static uint64_t wait_of(const struct explain *e, msec ready_at)
{
    const msec now = loop_now(e->call->gate->loop);
    return ready_at > now ? ready_at - now : 0;
}

/* ---- a candidate */

static void write_keys(const struct explain *e, const struct trace_target *t, struct json_writer *w)
{
    json_key(w, "keys");
    json_begin_array(w);
    for (uint32_t i = 0; i < t->nkeys; i++) {
        const struct trace_key *k = &t->keys[i];
        json_begin_object(w);
        json_key(w, "key"); /* its place in the pool; never the key */
        json_put_u64(w, i);
        json_member_text(w, "reason", reason_name(k->why));
        if (wait_of(e, k->ready_at)) {
            json_key(w, "ready_in_ms");
            json_put_u64(w, wait_of(e, k->ready_at));
        }
        if (k->probe) {
            json_key(w, "probe");
            json_put_bool(w, true);
        }
        json_end(w);
    }
    json_end(w);
}

/* Of all attempts, in which way so many failed: only those ways that were seen. */
static void write_faults(const struct figures *f, msec now, struct json_writer *w)
{
    double rates[FAULT_COUNT];
    figures_faults(f, now, rates);
    json_key(w, "errors_by_class");
    json_begin_object(w);
    for (unsigned i = 0; i < FAULT_COUNT; i++) {
        if (rates[i] < 0.00005)
            continue;
        json_key_str(w, fault_name(i));
        json_put_fixed(w, rates[i], 4);
    }
    json_end(w);
}

static void write_figures(const struct explain *e, const struct trace_target *t,
                          struct json_writer *w)
{
    const struct contender *c = &t->as;
    json_key(w, "figures");
    json_begin_object(w);
    json_member_known(w, "samples", c->seen.n, 1);
    json_member_known(w, "error_rate", c->seen.error_rate, 4);
    write_faults(&t->faults, loop_now(e->call->gate->loop), w);
    json_member_known(w, "ttft_ms", c->seen.first_ms, 0);
    json_member_known(w, "ms_per_token", c->seen.token_ms, 2);
    json_member_known(w, "tokens_per_s", c->seen.token_ms > 0 ? 1000 / c->seen.token_ms : -1, 1);
    json_member_known(w, "output_tokens", c->seen.tokens, 0);
    json_member_known(w, "response_ms", figures_answer_ms(&t->faults), 0);
    json_member_known(w, "cached_share", figures_cached(&t->faults), 4);
    json_member_known(w, "wasted_share",
                      t->faults.bills > 0 ? c->seen.waste / (1 + c->seen.waste) : -1, 4);
    json_key(w, "in_flight");
    json_put_u64(w, c->in_flight);
    json_key(w, "troubled");
    json_put_bool(w, c->seen.troubled);
    json_end(w);
}

/* What weighs against it, beside the best: the strategies that weigh use these parts. */
static void write_score(const struct trace_target *t, struct json_writer *w)
{
    json_key(w, "rank");
    json_put_u64(w, t->rank + 1);
    json_key(w, "score");
    json_put_fixed(w, t->as.score, 6);
    json_key(w, "parts");
    json_begin_object(w);
    json_member_known(w, "time", t->parts.time, 4);
    json_member_known(w, "errors", t->parts.errors, 4);
    json_member_known(w, "cost", t->parts.cost, 4);
    json_member_known(w, "warm", t->parts.warm, 4);
    json_member_known(w, "room", t->parts.room, 4);
    json_key(w, "overloaded");
    json_put_bool(w, t->parts.busy > 0);
    json_end(w);
}

/* Something speaks against it, and as nobody else can serve it is asked all the same. */
static bool is_after_all(const struct trace_target *t)
{
    for (uint32_t i = 0; i < t->nkeys; i++)
        if (t->why != REASON_FITS && t->keys[i].place != TRACE_NOWHERE)
            return true;
    return false;
}

static void write_candidate(const struct explain *e, const struct explain_route *r, uint32_t i,
                            struct json_writer *w)
{
    const struct trace_target *t = &r->trace.targets[i];
    json_begin_object(w);
    json_member_text(w, "route", r->route->name);
    json_member_text(w, "provider", t->provider->name);
    json_member_text(w, "model", t->target->model);
    json_key(w, "weight");
    json_put_u64(w, t->target->weight);
    json_key(w, "eligible");
    json_put_bool(w, t->why == REASON_FITS);
    json_member_text(w, "reason", reason_name(t->why));
    json_member_text(w, "why", reason_help(t->why));
    json_key(w, "last_resort"); /* … and stands in the plan all the same */
    json_put_bool(w, is_after_all(t));
    if (t->rank != TRACE_NOWHERE)
        write_score(t, w);
    json_key(w, "expected");
    json_begin_object(w);
    json_member_known(w, "ttft_ms", t->first_ms, 0);
    json_member_known(w, "latency_ms", t->call_ms, 0);
    json_key(w, "cost_usd");
    put_usd(w, i < ARRAY_LEN(r->usd) ? r->usd[i] : -1);
    json_end(w);
    write_figures(e, t, w);
    write_keys(e, t, w);
    json_end(w);
}

/* ---- the plan */

static str why_first(const struct explain_route *r, const struct trace_target *t, struct arena *a)
{
    const str name = explain_strategy(r->route->strategy);
    unsigned ranked = 0;
    for (uint32_t i = 0; i < r->trace.n; i++)
        ranked += r->trace.targets[i].rank != TRACE_NOWHERE;
    if (is_after_all(t))
        return arena_strf(a, "a last resort, as nobody else can serve: " STR_FMT,
                          STR_ARG(reason_help(t->why)));
    if (ranked < 2)
        return r->trace.n > 1 ? STR("the only one that can serve now")
                              : STR("the only target of its route");
    if (r->trace.explored && t->rank == 0)
        return arena_strf(a, STR_FMT " looks at it, to learn how it does now", STR_ARG(name));
    if (t->rank == 0)
        return arena_strf(a, "first of %u by " STR_FMT, ranked, STR_ARG(name));
    return arena_strf(a, "if those before it fail: place %u of %u by " STR_FMT, t->rank + 1, ranked,
                      STR_ARG(name));
}

static str why_of(const struct explain *e, const struct explain_route *r, const struct candidate *c)
{
    const size_t i = (size_t)(c->target - r->route->targets);
    if (r->lenient)
        return STR("nobody is known to take what the request needs: its provider decides");
    if (r->plan.panic)
        return STR("everything is broken: a last resort");
    if (c->probe)
        return STR("its breaker is half open: this would be the one probe");
    if (i >= r->trace.n)
        return STR("");
    return why_first(r, &r->trace.targets[i], &e->call->req->arena);
}

struct steps {
    uint64_t n, most; /* written, and how many attempts a call has */
};

static void write_step(const struct explain *e, const struct explain_route *r,
                       const struct candidate *c, struct steps *s, struct json_writer *w)
{
    const size_t i = (size_t)(c->target - r->route->targets);
    json_begin_object(w);
    json_key(w, "step");
    json_put_u64(w, ++s->n);
    json_member_text(w, "route", r->route->name);
    json_member_text(w, "provider", c->provider->name);
    json_member_text(w, "model", c->target->model);
    json_key(w, "key");
    json_put_u64(w, c->key);
    json_key(w, "fallback");
    json_put_bool(w, r->route != e->routes[0].route);
    json_key(w, "beyond_attempts"); /* it stands in line, and a call never comes so far */
    json_put_bool(w, s->n > s->most);
    if (i < r->trace.n) {
        json_member_known(w, "expected_ms", r->trace.targets[i].call_ms, 0);
        json_member_known(w, "expected_ttft_ms", r->trace.targets[i].first_ms, 0);
        json_key(w, "expected_cost_usd");
        put_usd(w, i < ARRAY_LEN(r->usd) ? r->usd[i] : -1);
    }
    json_member_text(w, "why", why_of(e, r, c));
    json_end(w);
}

static void write_plan_of(const struct explain *e, const struct explain_route *r, struct steps *s,
                          struct json_writer *w)
{
    for (unsigned i = 0; i < r->plan.n; i++)
        write_step(e, r, &r->plan.c[i], s, w);
}

/* The order in which attempt.c goes: the route, its fallbacks, and what is all broken at last,
 * where there were fallbacks to try before it. */
static void write_plan(const struct explain *e, struct json_writer *w)
{
    const struct conf_routing *routing = &e->call->gen->snap->routing;
    struct steps s = {.most = routing->fallback ? routing->attempts : 1};
    json_key(w, "plan");
    json_begin_array(w);
    for (unsigned i = e->last_resort; i < e->nroutes; i++)
        write_plan_of(e, &e->routes[i], &s, w);
    if (e->last_resort)
        write_plan_of(e, &e->routes[0], &s, w);
    json_end(w);
}

/* ---- the whole */

static void write_routes(const struct explain *e, struct json_writer *w)
{
    json_key(w, "routes");
    json_begin_array(w);
    for (unsigned i = 0; i < e->nroutes; i++) {
        const struct explain_route *r = &e->routes[i];
        json_begin_object(w);
        json_member_text(w, "route", r->route->name);
        json_member_text(w, "strategy", explain_strategy(r->route->strategy));
        json_key(w, "explores");
        json_put_bool(w, r->trace.explored);
        json_key(w, "last_resort");
        json_put_bool(w, r->plan.panic || (r == &e->routes[0] && e->last_resort));
        json_key(w, "lenient"); /* tried once more with who is not known to fit */
        json_put_bool(w, r->lenient);
        if (r->plan.n == 0) {
            json_member_text(w, "error", err_row(r->plan.why)->name);
            json_key(w, "ready_in_ms");
            json_put_u64(w, wait_of(e, r->plan.ready_at));
        }
        json_end(w);
    }
    json_end(w);
    json_key(w, "fallbacks");
    json_begin_array(w);
    for (unsigned i = 1; i < e->nroutes; i++)
        if (!e->routes[i].lenient)
            json_put_str(w, e->routes[i].route->name);
    json_end(w);
}

static void write_error(const struct explain *e, struct json_writer *w)
{
    const struct fail *f = &e->fail;
    json_key(w, "error"); /* what the client would be told */
    json_begin_object(w);
    json_member_text(w, "kind", err_row(f->kind)->name);
    json_key(w, "status");
    json_put_u64(w, err_row(f->kind)->openai_status);
    json_member_text(w, "message", fail_message(f));
    json_end(w);
}

void explain_write(const struct explain *e, struct json_writer *w)
{
    struct call *c = e->call;
    json_begin_object(w);
    json_key(w, "request");
    json_begin_object(w);
    json_member_text(w, "path", c->req->head->path);
    json_member_text(w, "front", c->front->name);
    json_member_text(w, "model", c->peek.model);
    json_key(w, "stream");
    json_put_bool(w, c->peek.stream);
    json_key(w, "bytes");
    json_put_u64(w, c->req->body.n);
    json_key(w, "prompt_tokens"); /* by its bytes, as costs are compared */
    json_put_u64(w, tokens_estimate(c));
    if (e->nroutes)
        json_member_known(w, "expected_output_tokens", e->routes[0].trace.tokens, 0);
    json_end(w);
    if (e->failed)
        write_error(e, w);
    if (e->nroutes) {
        json_key(w, "resolved");
        json_begin_object(w);
        str by = routed_text(c); /* "scenario:think"; absent: by the name alone */
        json_member_text(w, "by", by.n ? by : how_name(c->found.how));
        json_member_text(w, "route", c->found.route->name);
        rules_explain(c, w);
        json_end(w);
    }
    json_key(w, "worker");
    json_put_u64(w, c->gate->set.worker);
    json_key(w, "candidates");
    json_begin_array(w);
    for (unsigned i = 0; i < e->nroutes; i++) /* the second pass has no others */
        for (uint32_t k = 0; !e->routes[i].lenient && k < e->routes[i].trace.n; k++)
            write_candidate(e, &e->routes[i], k, w);
    json_end(w);
    write_plan(e, w);
    write_routes(e, w);
    json_end(w);
}
