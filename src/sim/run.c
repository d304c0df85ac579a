/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run - the clock of a simulation: what happens next, who arrives, what came of it.
 *
 * A heap by time, and of equal times by order. Arrivals make the next arrival, so that as many are
 * in the heap as calls are under way, and one more.
 */
#include <math.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"
#include "sim/run_int.h"

#define WARM_MS     10000 /* at first the router knows nothing */
#define PROGRESS_MS 5000  /* of scenario time */
#define LOOK_MS     500   /* how often alerts are looked at: as app/alerts.c */

/* ---- what happens next */

static bool before(const struct happening *a, const struct happening *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void push(struct run *r, struct happening h)
{
    if (r->nqueue == r->cap_queue) {
        const size_t cap = r->cap_queue ? r->cap_queue * 2 : 1024;
        struct happening *q = mem_realloc(r->queue, cap * sizeof(*q));
        if (!q) {
            r->failed = true;
            return;
        }
        r->queue = q, r->cap_queue = cap;
    }
    h.order = r->order++;
    size_t i = r->nqueue++;
    for (; i > 0 && before(&h, &r->queue[(i - 1) / 2]); i = (i - 1) / 2)
        r->queue[i] = r->queue[(i - 1) / 2];
    r->queue[i] = h;
    if (h.call)
        h.call->queued++;
}

void run_push(struct run *r, msec at, enum happening_kind kind, struct run_call *c)
{
    push(r, (struct happening){.at = at, .kind = kind, .call = c});
}

void run_push_probe(struct run *r, msec at, uint32_t provider)
{
    if (r->under_way || r->now < WORLD_START + r->set->scenario->duration) /* else all is over */
        push(r, (struct happening){.at = at, .kind = HAPPENS_PROBE, .provider = provider});
}

static struct happening pop(struct run *r)
{
    CHECK(r->nqueue > 0);
    const struct happening first = r->queue[0], last = r->queue[--r->nqueue];
    size_t i = 0, k;
    while ((k = 2 * i + 1) < r->nqueue) {
        if (k + 1 < r->nqueue && before(&r->queue[k + 1], &r->queue[k]))
            k++;
        if (!before(&r->queue[k], &last))
            break;
        r->queue[i] = r->queue[k];
        i = k;
    }
    if (r->nqueue)
        r->queue[i] = last;
    return first;
}

/* ---- who arrives */

static const struct sim_traffic *draw_traffic(struct run *r, uint32_t *ret_base)
{
    const struct sim_scenario *s = r->set->scenario;
    double all = 0;
    uint32_t base = 0;
    for (uint32_t i = 0; i < s->ntraffic; i++)
        all += s->traffic[i].share;
    double x = world_chance(&r->callers) * all;
    for (uint32_t i = 0; i < s->ntraffic; i++) {
        *ret_base = base;
        x -= s->traffic[i].share;
        if (x <= 0 || i + 1 == s->ntraffic)
            return &s->traffic[i];
        base += (uint32_t)s->traffic[i].sessions;
    }
    return &s->traffic[0];
}

static void fill_from_traffic(struct run *r, struct run_call *c, str *ret_model)
{
    uint32_t base = 0;
    const struct sim_traffic *t = draw_traffic(r, &base);
    c->usage.prompt = world_around(&r->callers, t->prompt, t->spread);
    c->usage.output = fmax(1, world_around(&r->callers, t->output, t->spread));
    *ret_model = t->model;
    if (t->sessions < 1)
        return;
    struct run_session *s =
        &r->sessions[base + (uint32_t)rand_below(&r->callers, (uint64_t)t->sessions)];
    if (!s->id || s->turns >= t->turns)
        *s = (struct run_session){.id = ++r->next_session * UINT64_C(0x9e3779b97f4a7c15),
                                  .prompt = c->usage.prompt};
    c->session = s->id;
    c->usage.prompt = s->prompt;
    s->prompt += t->grows + c->usage.output;
    s->turns++;
}

static bool find_route(struct run *r, struct run_call *c, str model)
{
    const struct snapshot *snap = r->set->snap;
    struct retry_budget **providers = r->budgets + snap->nmodels;
    if (!model.n && snap->nmodels)
        c->route = snap->models[0];
    else if (!model.n)
        conf_found_provider(snap, r->world.servers[0].provider, r->world.servers[0].model,
                            &c->found);
    if (c->found.route || c->route)
        c->route = c->route ? c->route : c->found.route;
    else if (conf_resolve(snap, NULL, model, &c->found) == RC_OK)
        c->route = c->found.route;
    if (!c->route || !world_server(&r->world, &c->route->targets[0]))
        return false;
    c->budget =
        c->route->logical ? r->budgets[c->route->index] : providers[c->route->targets->provider];
    return true;
}

static struct run_call *arrival(struct run *r)
{
    const struct sim_scenario *s = r->set->scenario;
    struct run_call *c = mem_zalloc(sizeof(*c));
    str model = STR_NONE;
    if (!c) {
        r->failed = true;
        return NULL;
    }
    if (s->ncalls) {
        const struct sim_call *was = &s->calls[r->next_recorded++];
        c->usage = (struct sim_usage){.prompt = was->prompt, .output = fmax(1, was->output)};
        c->session = was->session;
        model = was->model;
    } else {
        fill_from_traffic(r, c, &model);
    }
    r->result->calls++;
    if (find_route(r, c, model))
        return c;
    r->result->failed++;
    r->result->unknown++;
    mem_free(c);
    return NULL;
}

/* The one after this. */
static void push_arrival(struct run *r)
{
    const struct sim_scenario *s = r->set->scenario;
    if (s->ncalls) {
        if (r->next_recorded < s->ncalls)
            run_push(r, WORLD_START + s->calls[r->next_recorded].at, HAPPENS_ARRIVAL, NULL);
        return;
    }
    r->arrives -= log(world_chance(&r->callers)) * 1000 / r->world.rate;
    if (r->arrives < (double)s->duration)
        run_push(r, WORLD_START + (msec)r->arrives, HAPPENS_ARRIVAL, NULL);
}

/* ---- what came of it */

static bool keep(struct run *r, double all, double first, bool warm)
{
    if (r->nall == r->cap_all) {
        const size_t cap = r->cap_all ? r->cap_all * 2 : 4096;
        double **lists[] = {&r->all, &r->first, &r->warm};
        for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
            double *p = mem_realloc(*lists[i], cap * sizeof(*p));
            if (!p)
                return false;
            *lists[i] = p;
        }
        r->cap_all = cap;
    }
    r->all[r->nall] = all;
    r->first[r->nall++] = first;
    if (warm)
        r->warm[r->nwarm++] = all;
    return true;
}

void run_forget(struct run_call *c)
{
    if (c->has_cand)
        candidate_release(&c->cand);
    if (c->retrying)
        retry_budget_over(c->budget);
    c->has_cand = c->retrying = false;
    c->over = true;
    if (!c->queued)
        mem_free(c);
}

void run_served(struct run *r, struct run_call *c)
{
    CHECK(r->under_way > 0);
    r->under_way--;
    r->result->served++;
    r->result->prompt += c->usage.prompt;
    r->result->cached += c->usage.cached;
    r->failed |= !keep(r, (double)(r->now - c->began), (double)(c->first - c->began),
                       c->began >= WORLD_START + WARM_MS);
    run_forget(c);
}

void run_failed(struct run *r, struct run_call *c)
{
    CHECK(r->under_way > 0);
    r->under_way--;
    r->result->failed++;
    run_forget(c);
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static struct sim_spread spread_of(double *list, size_t n)
{
    if (!n)
        return (struct sim_spread){0, 0, 0};
    qsort(list, n, sizeof(*list), by_size);
    return (struct sim_spread){list[n / 2], list[n * 95 / 100], list[n * 99 / 100]};
}

/* ---- a whole run */

static void arrive(struct run *r)
{
    struct run_call *c = arrival(r);
    push_arrival(r);
    if (!c)
        return;
    r->under_way++;
    run_begin(r, c);
}

static void look(struct run *r)
{
    watch_look(r);
    if (r->under_way || r->now < WORLD_START + r->set->scenario->duration)
        run_push(r, r->now + LOOK_MS, HAPPENS_LOOK, NULL);
}

/* Of a call that is over only happenings are left: they pass without a word. */
static bool is_over(struct run_call *c)
{
    CHECK(c->queued > 0);
    c->queued--;
    const bool over = c->over;
    if (over && !c->queued)
        mem_free(c);
    return over;
}

static void happen(struct run *r, const struct happening *h)
{
    struct run_call *c = h->call;
    if (c && is_over(c))
        return;
    switch (h->kind) {
    case HAPPENS_ARRIVAL:
        arrive(r);
        break;
    case HAPPENS_FIRST:
        run_first(r, c);
        break;
    case HAPPENS_END:
        run_end(r, c);
        break;
    case HAPPENS_FAILURE:
        run_failure(r, c);
        break;
    case HAPPENS_AGAIN:
        run_start(r, c);
        break;
    case HAPPENS_ROOM:
        run_room(r, c);
        break;
    case HAPPENS_SLOW:
        run_slow(r, c);
        break;
    case HAPPENS_LOOK:
        look(r);
        break;
    case HAPPENS_PROBE:
        run_probe(r, h->provider);
        break;
    }
}

static void live(struct run *r)
{
    const msec end = WORLD_START + r->set->scenario->duration;
    msec told = 0;
    r->now = WORLD_START;
    world_turn(&r->world, r->now);
    push_arrival(r);
    if (r->nwatches)
        run_push(r, r->now + LOOK_MS, HAPPENS_LOOK, NULL);
    probes_begin(r);
    while (r->nqueue && !r->failed) {
        const struct happening h = pop(r);
        CHECK(h.at >= r->now);
        r->now = h.at;
        world_turn(&r->world, r->now);
        happen(r, &h);
        if (r->set->progress && r->now >= told + PROGRESS_MS) {
            told = r->now;
            r->set->progress(r->set->arg, r->now - WORLD_START, end - WORLD_START);
        }
    }
}

static enum rc bind_budgets(struct run *r)
{
    const struct snapshot *snap = r->set->snap;
    r->budgets = mem_zalloc((snap->nmodels + snap->nproviders + 1) * sizeof(struct retry_budget *));
    if (!r->budgets)
        return RC_NOMEM;
    for (uint32_t i = 0; i < snap->nmodels; i++)
        r->budgets[i] = budget_ref(&r->state.budgets, BUDGET_MODEL, snap->models[i]->name);
    for (uint32_t i = 0; i < snap->nproviders; i++)
        r->budgets[snap->nmodels + i] =
            budget_ref(&r->state.budgets, BUDGET_PROVIDER, snap->providers[i].name);
    for (uint32_t i = 0; i < snap->nmodels + snap->nproviders; i++)
        if (!r->budgets[i])
            return RC_NOMEM;
    return RC_OK;
}

static enum rc force_strategy(struct run *r)
{
    const struct snapshot *snap = r->set->snap;
    if (!r->set->force && !r->set->oracle)
        return RC_OK;
    r->routes = mem_zalloc((snap->nmodels + 1) * sizeof(*r->routes));
    if (!r->routes)
        return RC_NOMEM;
    for (uint32_t i = 0; i < snap->nmodels; i++) {
        r->routes[i] = *snap->models[i];
        r->routes[i].strategy = r->set->oracle ? CONF_STRATEGY_PRIORITY : r->set->strategy;
    }
    return RC_OK;
}

static enum rc make_parts(struct run *r)
{
    struct sim_result *to = r->result;
    to->seconds = (uint32_t)(r->set->scenario->duration / 1000 + 1);
    to->parts = mem_zalloc(r->world.nservers * sizeof(*to->parts));
    if (!to->parts)
        return RC_NOMEM;
    for (uint32_t i = 0; i < r->world.nservers; i++) {
        struct sim_part *p = &to->parts[to->nparts++];
        *p = (struct sim_part){.provider = r->world.servers[i].provider,
                               .model = r->world.servers[i].model};
        p->by_second = mem_zalloc(to->seconds * sizeof(*p->by_second));
        if (!p->by_second)
            return RC_NOMEM;
    }
    return RC_OK;
}

static enum rc make_sessions(struct run *r)
{
    const struct sim_scenario *s = r->set->scenario;
    size_t n = 1;
    for (uint32_t i = 0; i < s->ntraffic; i++)
        n += (size_t)s->traffic[i].sessions;
    r->sessions = mem_zalloc(n * sizeof(*r->sessions));
    return r->sessions ? RC_OK : RC_NOMEM;
}

static enum rc prepare(struct run *r)
{
    const uint64_t seed = r->set->scenario->seed;
    rand_init(&r->dice, seed * 2);
    rand_init(&r->callers, ~seed);
    TRY(route_state_init(&r->state, (struct hash_key){seed, ~seed}));
    TRY(world_init(&r->world, r->set->snap, r->set->scenario));
    TRY(bind_budgets(r));
    TRY(force_strategy(r));
    TRY(make_sessions(r));
    TRY(limits_init(r));
    TRY(watch_init(r));
    r->bad_probes = mem_zalloc((r->set->snap->nproviders + 1) * sizeof(*r->bad_probes));
    if (!r->bad_probes)
        return RC_NOMEM;
    return make_parts(r);
}

/* What is left when memory ended: calls under way. Several happenings may point to one. */
static void drop_calls(struct run *r)
{
    for (size_t i = 0; i < r->nqueue; i++) {
        struct run_call *c = r->queue[i].call;
        if (c && !is_over(c)) {
            plan_release(&c->plan);
            run_forget(c);
        }
    }
}

static void finish(struct run *r)
{
    const struct snapshot *snap = r->set->snap;
    drop_calls(r);
    limits_fini(r);
    watch_fini(r);
    mem_free(r->bad_probes);
    for (uint32_t i = 0; r->budgets && i < snap->nmodels + snap->nproviders; i++)
        budget_unref(&r->state.budgets, r->budgets[i]);
    mem_free(r->budgets);
    mem_free(r->routes);
    mem_free(r->sessions);
    mem_free(r->queue);
    mem_free(r->all);
    mem_free(r->first);
    mem_free(r->warm);
    world_fini(&r->world);
    route_state_fini(&r->state);
}

enum rc sim_run(const struct sim_setup *setup, struct sim_result *ret)
{
    struct run r = {.set = setup, .result = ret};
    *ret = (struct sim_result){0};
    enum rc rc = prepare(&r);
    if (rc == RC_OK) {
        live(&r);
        ret->all = spread_of(r.all, r.nall);
        ret->first = spread_of(r.first, r.nall);
        ret->warm = spread_of(r.warm, r.nwarm);
        rc = r.failed ? RC_NOMEM : RC_OK;
    }
    finish(&r);
    if (rc != RC_OK)
        sim_result_fini(ret);
    return rc;
}

void sim_result_fini(struct sim_result *r)
{
    for (uint32_t i = 0; i < r->nparts; i++)
        mem_free(r->parts[i].by_second);
    mem_free(r->parts);
    *r = (struct sim_result){0};
}

uint64_t sim_attempts(const struct sim_result *r, uint32_t part, msec from, msec until)
{
    uint64_t n = 0;
    CHECK(part < r->nparts);
    for (msec t = from / 1000; t < until / 1000 && t < r->seconds; t++)
        n += r->parts[part].by_second[t];
    return n;
}
