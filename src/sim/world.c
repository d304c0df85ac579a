/* SPDX-License-Identifier: Apache-2.0 */
/* world - natures, events and the fate of an attempt; see the header. */
#include "sim/world.h"

#include <math.h>

#include "base/check.h"
#include "base/mem.h"

#define REFUSED_MS    50 /* a 429 comes at once */
#define DOWN_MS       5
#define DRAWN_MOST    1e9 /* tokens or milliseconds */
#define EXPONENT_MOST 50
#define BUCKET_S      10 /* seconds' worth that a limit's bucket holds */

/* ---- chance */

double world_chance(struct rand *dice)
{
    return (double)((rand_u64(dice) >> 11) + 1) * 0x1p-53;
}

/* Times of answers are skewed: log-normal, by Box and Muller. Bounded, whatever a scenario says, so
 * that sums of them stay numbers. */
double world_around(struct rand *dice, double median, double sigma)
{
    const double z =
        sqrt(-2 * log(world_chance(dice))) * cos(6.283185307179586 * world_chance(dice));
    return fmin(median * exp(fmin(sigma * z, EXPONENT_MOST)), DRAWN_MOST);
}

/* ---- who there is */

static bool is_of(const struct server *s, const struct conf_provider *p, str model)
{
    return s->provider == p && str_eq(s->model, model);
}

static void add_server(struct world *w, const struct conf_provider *p, str model)
{
    for (uint32_t i = 0; i < w->nservers; i++)
        if (is_of(&w->servers[i], p, model))
            return;
    w->servers[w->nservers++] = (struct server){.provider = p, .model = model};
}

static uint32_t count_targets(const struct snapshot *snap)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < snap->nmodels; i++)
        n += snap->models[i]->ntargets;
    for (uint32_t i = 0; i < snap->nproviders; i++)
        n += snap->providers[i].nmodels;
    return n;
}

/* What the scenario says of it by name, else by its place. */
static const struct sim_nature *usual_of(const struct sim_scenario *s, const struct server *sv,
                                         uint32_t place)
{
    const struct sim_nature *by_place = &s->places[s->nplaces - 1].is;
    uint32_t at = 0;
    CHECK(s->nplaces > 0);
    for (uint32_t i = 0; i < s->nplaces; i++) {
        const struct sim_place *p = &s->places[i];
        if (p->provider.n && str_eq(p->provider, sv->provider->name) &&
            (!p->model.n || str_eq(p->model, sv->model)))
            return &p->is;
        if (!p->provider.n && at++ <= place)
            by_place = &p->is;
    }
    return by_place;
}

static bool has_sessions(const struct sim_scenario *s)
{
    bool has = s->ncalls > 0;
    for (uint32_t i = 0; i < s->ntraffic; i++)
        has |= s->traffic[i].sessions > 0;
    return has;
}

enum rc world_init(struct world *w, const struct snapshot *snap, const struct sim_scenario *s)
{
    const uint32_t most = count_targets(snap);
    *w = (struct world){.scenario = s, .rate = s->rate};
    rand_init(&w->dice, s->seed * 2 + 1);
    if (!most)
        return RC_CONFIG;
    w->servers = mem_zalloc(most * sizeof(*w->servers));
    if (!w->servers)
        return RC_NOMEM;
    for (uint32_t i = 0; i < snap->nmodels; i++)
        for (uint32_t k = 0; k < snap->models[i]->ntargets; k++) {
            const struct conf_target *t = &snap->models[i]->targets[k];
            add_server(w, &snap->providers[t->provider], t->model);
        }
    for (uint32_t i = 0; i < snap->nproviders; i++) /* those that are named directly */
        for (uint32_t k = 0; snap->providers[i].enabled && k < snap->providers[i].nmodels; k++)
            add_server(w, &snap->providers[i], snap->providers[i].models[k]);
    for (uint32_t i = 0; i < w->nservers; i++) {
        struct server *sv = &w->servers[i];
        sv->usual = sv->now = *usual_of(s, sv, i);
        if (has_sessions(s) && !(sv->cache = mem_zalloc(WORLD_MEMORY * sizeof(*sv->cache))))
            return RC_NOMEM;
    }
    w->first_region = w->servers[0].provider->region;
    return RC_OK;
}

void world_fini(struct world *w)
{
    for (uint32_t i = 0; i < w->nservers; i++)
        mem_free(w->servers[i].cache);
    mem_free(w->servers);
    *w = (struct world){0};
}

struct server *world_server(struct world *w, const struct conf_target *t)
{
    for (uint32_t i = 0; i < w->nservers; i++)
        if (w->servers[i].provider->index == t->provider && str_eq(w->servers[i].model, t->model))
            return &w->servers[i];
    return NULL;
}

/* ---- events */

static bool is_meant(const struct world *w, const struct sim_event *e, uint32_t i)
{
    const struct server *s = &w->servers[i];
    if (e->target)
        return e->target == i + 1;
    if (e->provider.n)
        return str_eq(e->provider, s->provider->name) &&
               (!e->model.n || str_eq(e->model, s->model));
    if (!e->region.n)
        return true;
    if (!str_eq(e->region, STR("first")))
        return str_eq(e->region, s->provider->region);
    /* Where no regions are configured, half of the targets stand for one. */
    return w->first_region.n ? str_eq(w->first_region, s->provider->region)
                             : i < (w->nservers + 1) / 2;
}

static void set(double *to, double v)
{
    if (v >= 0)
        *to = v;
}

static void overlay(struct sim_nature *n, const struct sim_nature *e)
{
    set(&n->first_ms, e->first_ms);
    set(&n->token_ms, e->token_ms);
    set(&n->prefill_ms, e->prefill_ms);
    set(&n->errors, e->errors);
    set(&n->fault, e->fault);
    set(&n->price, e->price);
    set(&n->rpm, e->rpm);
    set(&n->tpm, e->tpm);
    set(&n->tells, e->tells);
    set(&n->concurrency, e->concurrency);
    set(&n->capacity, e->capacity);
    set(&n->retry_after_ms, e->retry_after_ms);
    set(&n->spread, e->spread);
    if (e->fault >= 0 && e->errors < 0) /* a fault without a share befalls all */
        n->errors = 1;
}

void world_turn(struct world *w, msec now)
{
    const struct sim_scenario *s = w->scenario;
    if (now < w->valid_until)
        return;
    w->valid_until = UINT64_MAX;
    w->rate = s->rate;
    for (uint32_t i = 0; i < w->nservers; i++)
        w->servers[i].now = w->servers[i].usual;
    for (uint32_t k = 0; k < s->nevents; k++) {
        const struct sim_event *e = &s->events[k];
        const msec from = WORLD_START + e->from,
                   until = e->until ? WORLD_START + e->until : UINT64_MAX;
        const msec next = now < from ? from : now < until ? until : UINT64_MAX;
        w->valid_until = next < w->valid_until ? next : w->valid_until;
        if (now < from || now >= until)
            continue;
        set(&w->rate, e->rate);
        for (uint32_t i = 0; i < w->nservers; i++)
            if (is_meant(w, e, i))
                overlay(&w->servers[i].now, &e->set);
    }
}

/* ---- prompt caches */

double world_cached(const struct server *s, uint64_t session, msec now)
{
    if (!s->cache || !session)
        return 0;
    const struct world_cache *c = &s->cache[session % WORLD_MEMORY];
    return c->session == session && now - c->at < WORLD_CACHE_MS ? c->tokens : 0;
}

void world_warm(struct server *s, uint64_t session, double tokens, msec now)
{
    if (s->cache && session)
        s->cache[session % WORLD_MEMORY] = (struct world_cache){session, tokens, now};
}

/* ---- an attempt */

static double a_second(const struct server *s, enum world_limit which)
{
    return (which == WORLD_REQUESTS ? s->now.rpm : s->now.tpm) / 60;
}

static double most_of(const struct server *s, enum world_limit which)
{
    const double most = a_second(s, which) * BUCKET_S;
    return most > 1 ? most : 1;
}

static double left_of(const struct server *s, enum world_limit which, msec now)
{
    const struct world_bucket *b = &s->bucket[which];
    const double most = most_of(s, which),
                 left = b->left + a_second(s, which) * (double)(now - b->at) / 1000;
    return !b->filled || left > most ? most : left;
}

/* A call larger than the whole bucket goes when that is full. */
static bool fits(const struct server *s, enum world_limit which, double want, msec now)
{
    const double most = most_of(s, which);
    return a_second(s, which) <= 0 || left_of(s, which, now) >= (want < most ? want : most);
}

static void take(struct server *s, enum world_limit which, double want, msec now)
{
    const double left = left_of(s, which, now);
    s->bucket[which] = (struct world_bucket){true, left > want ? left - want : 0, now};
}

static bool over_limit(struct server *s, const struct sim_usage *u, msec now)
{
    const double tokens = u->prompt + u->output;
    if (!fits(s, WORLD_REQUESTS, 1, now) || !fits(s, WORLD_TOKENS, tokens, now))
        return true;
    take(s, WORLD_REQUESTS, 1, now);
    take(s, WORLD_TOKENS, tokens, now);
    return false;
}

struct world_says world_says(struct server *s, enum world_limit which, msec now)
{
    const double pace = a_second(s, which);
    if (pace <= 0)
        return (struct world_says){0, 0, 0};
    const double most = most_of(s, which), left = floor(left_of(s, which, now));
    return (struct world_says){ceil(most), left, ceil((most - left) / pace * 1000)};
}

bool world_answers(const struct world *w, const struct conf_provider *p)
{
    for (uint32_t i = 0; i < w->nservers; i++) {
        const struct sim_nature *n = &w->servers[i].now;
        const bool gone = (int)n->fault == SIM_DOWN || (int)n->fault == SIM_HANG ||
                          (p->probe.path.n && (int)n->fault == SIM_ERROR);
        if (w->servers[i].provider == p && gone && n->errors >= 0.5)
            return false;
    }
    return true;
}

/* Beyond its capacity all share what there is. */
static double crowd(const struct server *s)
{
    const double cap = s->now.capacity;
    return cap > 0 && s->in_flight >= cap ? (s->in_flight + 1) / cap : 1;
}

double world_ms(const struct server *s, const struct sim_usage *u, double cached)
{
    const double fresh = u->prompt > cached ? u->prompt - cached : 0;
    return (s->now.first_ms + s->now.prefill_ms * fresh / 1000 + s->now.token_ms * u->output) *
           crowd(s);
}

static struct outcome_of failure(struct world *w, const struct server *s, enum sim_fault how,
                                 msec patience)
{
    const double first = world_around(&w->dice, s->now.first_ms, s->now.spread);
    struct outcome_of o = {.end = WORLD_FAILS, .fault = how, .first_ms = first};
    switch (how) {
    case SIM_ERROR:
    case SIM_FAULTS:
        break;
    case SIM_LIMIT:
        o.first_ms = first < REFUSED_MS ? first : REFUSED_MS;
        o.retry_after_ms = (uint64_t)s->now.retry_after_ms;
        break;
    case SIM_DOWN:
        o.first_ms = DOWN_MS;
        break;
    case SIM_HANG:
        o.first_ms = (double)patience;
        break;
    case SIM_CUT:
        o.end = WORLD_CUTS;
        break;
    }
    return o;
}

struct outcome_of world_attempt(struct world *w, struct server *s, const struct sim_usage *u,
                                uint64_t session, msec patience, msec now)
{
    const struct sim_nature *n = &s->now;
    const double cached = world_cached(s, session, now);
    const bool full = n->concurrency > 0 && s->in_flight >= n->concurrency;
    if (full || over_limit(s, u, now))
        return failure(w, s, SIM_LIMIT, patience);
    struct outcome_of o = {.end = WORLD_SERVES};
    if (world_chance(&w->dice) <= n->errors) {
        o = failure(w, s, (enum sim_fault)n->fault, patience);
        if (o.end == WORLD_FAILS)
            return o;
    }
    o.cached = cached < u->prompt ? cached : u->prompt;
    o.first_ms = (world_around(&w->dice, n->first_ms, n->spread) +
                  n->prefill_ms * (u->prompt - o.cached) / 1000) *
                 crowd(s);
    o.rest_ms = world_around(&w->dice, n->token_ms * u->output, n->spread / 2) * crowd(s);
    if (patience > 0 && o.first_ms > (double)patience)
        return failure(w, s, SIM_HANG, patience);
    if (o.end == WORLD_CUTS)
        o.rest_ms /= 2;
    return o;
}

bool world_serves(const struct server *s, msec now)
{
    const bool full = s->now.concurrency > 0 && s->in_flight >= s->now.concurrency;
    return s->now.errors < 0.5 && !full && fits(s, WORLD_REQUESTS, 1, now) &&
           fits(s, WORLD_TOKENS, 1, now);
}

bool world_is_well(const struct server *s, msec now)
{
    return s->now.errors <= s->usual.errors && world_serves(s, now);
}
