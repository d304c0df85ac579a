/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metric - the shards: written by their worker, summed by whoever reads.
 *
 * Providers and models are lists that only grow, at the front, by their own worker. A reader on
 * another thread follows them while they do: a new entry is whole before it is published (release,
 * acquire), and none is freed before the last reader is gone. No lock is taken on a call's way.
 * Their numbers are bounded, for names come from configurations and from clients: what is beyond is
 * counted together, as "other".
 */
#include "obs/metric.h"

#include "base/check.h"
#include "base/mem.h"

struct metric_shard *metric_shard_new(void)
{
    return mem_zalloc(sizeof(struct metric_shard));
}

static void free_routes(struct metric_route *r)
{
    while (r) {
        struct metric_route *next = atomic_load(&r->next);
        mem_free(r);
        r = next;
    }
}

void metric_shard_free(struct metric_shard *m)
{
    if (!m)
        return;
    struct metric_provider *p = atomic_load(&m->providers);
    while (p) {
        struct metric_provider *next = atomic_load(&p->next);
        mem_free(p);
        p = next;
    }
    struct metric_model *k = atomic_load(&m->models);
    while (k) {
        struct metric_model *next = atomic_load(&k->next);
        mem_free(k);
        k = next;
    }
    free_routes(atomic_load(&m->routes));
    free_routes(atomic_load(&m->places));
    series_free(&m->series);
    mem_free(m);
}

static struct metric_provider *find(const struct metric_shard *m, str name)
{
    struct metric_provider *p = atomic_load_explicit(&m->providers, memory_order_acquire);
    while (p && !str_eq(p->name, name))
        p = atomic_load_explicit(&p->next, memory_order_acquire);
    return p;
}

struct metric_provider *metric_provider(struct metric_shard *m, str name)
{
    struct metric_provider *p = find(m, name);
    if (!p && m->nproviders >= METRIC_PROVIDERS_MAX) {
        name = STR("other");
        p = find(m, name);
    }
    if (p)
        return p;
    p = mem_zalloc(sizeof(*p) + name.n);
    if (!p)
        return NULL;
    char *copy = (char *)(p + 1);
    if (name.n)
        memcpy(copy, name.p, name.n);
    p->name = str_of(copy, name.n);
    atomic_store(&p->next, atomic_load(&m->providers));
    atomic_store_explicit(&m->providers, p, memory_order_release);
    m->nproviders++;
    ASSERT(m->nproviders <= METRIC_PROVIDERS_MAX + 1); /* and "other" */
    return p;
}

/* ---- models */

static struct metric_model *find_model(const struct metric_shard *m, str provider, str model)
{
    struct metric_model *k = atomic_load_explicit(&m->models, memory_order_acquire);
    while (k && !(str_eq(k->model, model) && str_eq(k->provider, provider)))
        k = atomic_load_explicit(&k->next, memory_order_acquire);
    return k;
}

struct metric_model *metric_model(struct metric_shard *m, str provider, str model)
{
    struct metric_model *k = find_model(m, provider, model);
    if (!k && m->nmodels >= METRIC_MODELS_MAX) {
        provider = model = STR("other");
        k = find_model(m, provider, model);
    }
    if (k)
        return k;
    k = mem_zalloc(sizeof(*k) + provider.n + model.n);
    if (!k)
        return NULL;
    char *copy = (char *)(k + 1);
    k->provider = str_of(copy, provider.n);
    k->model = str_of(copy + provider.n, model.n);
    memcpy(copy, provider.p, provider.n);
    memcpy(copy + provider.n, model.p, model.n);
    atomic_store(&k->next, atomic_load(&m->models));
    atomic_store_explicit(&m->models, k, memory_order_release);
    m->nmodels++;
    ASSERT(m->nmodels <= METRIC_MODELS_MAX + 1);
    return k;
}

/* ---- logical models */

static struct metric_route *find_in(struct metric_route *const _Atomic *list, str name)
{
    struct metric_route *r = atomic_load_explicit(list, memory_order_acquire);
    while (r && !str_eq(r->name, name))
        r = atomic_load_explicit(&r->next, memory_order_acquire);
    return r;
}

static struct metric_route *find_route(const struct metric_shard *m, str name)
{
    return find_in(&m->routes, name);
}

static struct metric_route *add_to(struct metric_route *_Atomic *list, unsigned *n, str name)
{
    struct metric_route *r = mem_zalloc(sizeof(*r) + name.n);
    if (!r)
        return NULL;
    char *copy = (char *)(r + 1);
    if (name.n)
        memcpy(copy, name.p, name.n);
    r->name = str_of(copy, name.n);
    atomic_store(&r->next, atomic_load(list));
    atomic_store_explicit(list, r, memory_order_release);
    ++*n;
    return r;
}

struct metric_route *metric_route(struct metric_shard *m, str name)
{
    struct metric_route *r = find_route(m, name);
    if (!r && m->nroutes >= METRIC_ROUTES_MAX) {
        name = STR("other");
        r = find_route(m, name);
    }
    if (!r)
        r = add_to(&m->routes, &m->nroutes, name);
    ASSERT(m->nroutes <= METRIC_ROUTES_MAX + 1);
    return r;
}

struct metric_route *metric_place(struct metric_shard *m, str name)
{
    struct metric_route *r = find_in(&m->places, name);
    return r ? r : m->nplaces >= METRIC_PLACES_MAX ? NULL : add_to(&m->places, &m->nplaces, name);
}

/* ---- reading */

/* Of one provider's models; name absent: of all. */
static void add_spending(const struct metric_shard *m, str provider, uint64_t *tokens, nanousd *usd)
{
    struct metric_model *k = atomic_load_explicit(&m->models, memory_order_acquire);
    for (; k; k = atomic_load_explicit(&k->next, memory_order_acquire)) {
        if (provider.p && !str_eq(k->provider, provider))
            continue;
        *tokens += metric_get(&k->counter[METRIC_M_PRICED_TOKENS]);
        *usd += (nanousd)metric_get(&k->counter[METRIC_M_COST]);
    }
}

void metric_read_provider(struct metric_shard *const *shards, unsigned n, str name,
                          struct outcome_sums *ret)
{
    *ret = (struct outcome_sums){0};
    for (unsigned i = 0; i < n; i++) {
        const struct metric_provider *p = find(shards[i], name);
        if (p)
            outcome_read(&p->attempts, ret);
        add_spending(shards[i], name, &ret->tokens, &ret->usd);
    }
}

static void read_route(const struct metric_route *r, struct outcome_sums *sum)
{
    if (!r)
        return;
    outcome_read(&r->calls, sum);
    sum->tokens += metric_get(&r->tokens);
    sum->usd += (nanousd)metric_get(&r->usd);
}

void metric_read_route(struct metric_shard *const *shards, unsigned n, str name,
                       struct outcome_sums *ret)
{
    *ret = (struct outcome_sums){0};
    for (unsigned i = 0; i < n; i++)
        read_route(find_route(shards[i], name), ret);
}

void metric_read_place(struct metric_shard *const *shards, unsigned n, str name,
                       struct outcome_sums *ret)
{
    *ret = (struct outcome_sums){0};
    for (unsigned i = 0; i < n; i++)
        read_route(find_in(&shards[i]->places, name), ret);
}

void metric_read_all(struct metric_shard *const *shards, unsigned n, struct outcome_sums *ret)
{
    *ret = (struct outcome_sums){0};
    for (unsigned i = 0; i < n; i++) {
        outcome_read(&shards[i]->calls, ret);
        add_spending(shards[i], STR_NONE, &ret->tokens, &ret->usd);
    }
}

/* The last minutes, as a ring of windows: one that belongs to an older round is begun anew when its
 * turn comes again, so nothing has to tick. */
static struct metric_window *window_at(struct metric_provider *p, msec now)
{
    uint64_t slot = now / METRIC_WINDOW_MS;
    struct metric_window *w = &p->window[slot % METRIC_WINDOW_SLOTS];
    if (metric_get(&w->slot) != slot) {
        atomic_store_explicit(&w->calls, 0, memory_order_relaxed);
        atomic_store_explicit(&w->errors, 0, memory_order_relaxed);
        for (unsigned i = 0; i < FAULT_COUNT; i++)
            atomic_store_explicit(&w->fault[i], 0, memory_order_relaxed);
        atomic_store_explicit(&w->slot, slot, memory_order_relaxed);
    }
    return w;
}

void metric_provider_served(struct metric_provider *p, msec now)
{
    metric_add(&window_at(p, now)->calls, 1);
}

void metric_provider_failed(struct metric_provider *p, msec now, enum fault how)
{
    CHECK(how < FAULT_COUNT);
    struct metric_window *w = window_at(p, now);
    metric_add(&w->calls, 1);
    metric_add(&w->errors, fault_counts(how));
    metric_add(&w->fault[how], 1);
    metric_add(&p->fault[how], 1);
    metric_add(&p->counter[METRIC_P_ERRORS], 1);
}

/* What /health says of a provider: all of it since the start, and errors of the last windows only.
 */
void metric_summarise(struct metric_shard *const *shards, unsigned n, str name, msec now,
                      struct metric_summary *ret)
{
    struct hist_view total = {0}, ttft = {0};
    *ret = (struct metric_summary){0};
    for (unsigned i = 0; i < n; i++) {
        const struct metric_provider *p = find(shards[i], name);
        add_spending(shards[i], name, &ret->priced_tokens, &ret->cost);
        if (!p)
            continue;
        ret->calls += metric_get(&p->counter[METRIC_P_CALLS]);
        ret->errors += metric_get(&p->counter[METRIC_P_ERRORS]);
        ret->in_flight += metric_get(&p->in_flight);
        ret->open |= metric_get(&p->circuit_open_until) > now;
        hist_view_add(&total, &p->total_ms);
        hist_view_add(&ttft, &p->ttft_ms);
        for (unsigned k = 0; k < METRIC_WINDOW_SLOTS; k++) {
            const struct metric_window *w = &p->window[k];
            if (metric_get(&w->slot) + METRIC_WINDOW_SLOTS <= now / METRIC_WINDOW_MS)
                continue;
            ret->window_calls += metric_get(&w->calls);
            ret->window_errors += metric_get(&w->errors);
            for (unsigned f = 0; f < FAULT_COUNT; f++)
                ret->window_fault[f] += metric_get(&w->fault[f]);
        }
    }
    ret->p50_ms = hist_quantile(&total, 0.50);
    ret->p95_ms = hist_quantile(&total, 0.95);
    ret->ttft_ms = hist_quantile(&ttft, 0.50);
}
