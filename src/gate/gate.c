/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate - one worker's gate: its parts, its generations of configuration, its tick.
 *
 * A generation binds each provider of a snapshot to what this worker holds of it: the dialect, the
 * origin with its pool, the metric series. Calls keep the generation they began with; the last one
 * frees it (worker-local counts, no atomics on a call's way).
 */
#include "gate/mirror.h"
#include "gate/outs.h"
#include "gate/recovery.h"

#include "base/mem.h"
#include "client/download.h"

#define TICK_MS    1000
#define LINES_MAX  (32u << 10)
#define LOG_MAX    (64u << 10)
#define OUT_MAX    (64u << 20)
#define ARENA_BASE (8u << 20)

/* ---- generations */

static enum dialect_auth auth_of(enum conf_auth a)
{
    switch (a) {
    case CONF_AUTH_DIALECT:
        return AUTH_DEFAULT;
    case CONF_AUTH_BEARER:
        return AUTH_BEARER;
    case CONF_AUTH_X_API_KEY:
        return AUTH_X_API_KEY;
    case CONF_AUTH_API_KEY:
        return AUTH_API_KEY;
    }
    return AUTH_DEFAULT;
}

_Static_assert((int)CONF_MAXTOK_NEW == (int)MAXTOK_NEW, "conf and dialect count alike");
_Static_assert((int)CONF_EFFORT_SWITCH == (int)EFFORT_SWITCH, "conf and dialect count alike");
_Static_assert((int)CONF_REPLAY_PARTS == (int)REPLAY_PARTS, "conf and dialect count alike");
_Static_assert((int)CONF_MID_USER == (int)MID_SYSTEM_USER, "conf and dialect count alike");

static uint64_t params_of(const str *names, uint32_t n)
{
    uint64_t all = 0, bit;
    for (uint32_t i = 0; i < n; i++)
        if (quirk_param_find(names[i], &bit))
            all |= bit;
    return all;
}

/* What the configuration says of the provider's ways goes before all that weir knows. */
static void bind_quirks(const struct conf_provider *p, struct binding *b)
{
    const struct conf_quirks *q = &p->quirks;
    b->opts = (struct dialect_opts){
        .auth = auth_of(p->auth),
        .api_version = p->api_version.n ? p->api_version : p->anthropic_version,
        .max_tokens = (enum dialect_max_tokens)q->max_tokens,
        .effort = (enum dialect_effort)q->effort,
        .replay = (enum dialect_replay)q->replay,
        .mid_system = (enum dialect_mid_system)q->mid_system,
        .temperature_max = q->temperature_max,
        .accepted = params_of(q->accepts, q->naccepts),
    };
    b->opts.refused = params_of(q->refuses, q->nrefuses) & ~b->opts.accepted;
    if (q->max_tokens != CONF_MAXTOK_UNSAID) /* also in a client's own bytes */
        b->opts.refused |=
            q->max_tokens == CONF_MAXTOK_NEW ? REFUSES(MAX_TOKENS) : REFUSES(MAX_COMPLETION);
    quirk_select(&b->quirks, p->preset, p->dialect);
}

/* Its limits are counted together by all workers, and go on through a reload. */
static void bind_limits(struct gate *g, const struct conf_provider *p, struct gen *gen)
{
    const struct conf_rates *r = &p->rates;
    if (!r->rpm && !r->tpm && !r->concurrency)
        return;
    struct hash_key key = g->set.world->recall_key; /* the same on all workers */
    const uint64_t id = hash_bytes(key, p->name) ^ (hash_bytes(key, p->origin.text) << 1);
    struct meter *m = meter_take(&g->set.world->meters, id);
    gen->bindings[p->index].meter = m;
    if (m && !gen->meters) /* no memory: its limits are only those it tells itself */
        gen->meters = mem_zalloc(gen->snap->nproviders * sizeof(*gen->meters));
    if (gen->meters)
        gen->meters[p->index] = m;
}

static enum rc bind_provider(struct gate *g, const struct snapshot *s,
                             const struct conf_provider *p, struct binding *b)
{
    b->metric = metric_provider(g->set.metrics, p->name);
    b->budget = budget_ref(&g->route.budgets, BUDGET_PROVIDER, p->name);
    if (!b->metric || !b->budget)
        return RC_NOMEM;
    if (p->demo)
        return RC_OK;
    struct origin_spec spec = {
        .tls = p->origin.https,
        .host = p->origin.host,
        .port = p->origin.port,
        .ca_file = p->ca_file,
        .tls_no_verify = !p->tls_verify,
    };
    if (p->proxy) {
        spec.proxy_host = p->proxy->host;
        spec.proxy_port = p->proxy->port;
        spec.proxy_auth = secret_reveal(&p->proxy->authorization);
    }
    b->origin = client_origin(g->client, &spec);
    b->dialect = dialect_find(p->dialect);
    b->patience = alerts_patience(s, CONF_ALERT_PROVIDER, p->name);
    bind_quirks(p, b);
    if (p->oauth) {
        b->oauth = token_source(g, p);
        if (!b->oauth)
            return RC_NOMEM;
        if (b->opts.auth == AUTH_DEFAULT)
            b->opts.auth = AUTH_BEARER;
    }
    return !b->origin ? RC_NOMEM : b->dialect && b->dialect->back ? RC_OK : RC_CONFIG;
}

/* Budgets and series of its names; a name that the last generation had too keeps its counts. */
static enum rc bind_models(struct gate *g, struct gen *gen)
{
    const struct snapshot *s = gen->snap;
    for (uint32_t i = 0; i < s->nmodels; i++) {
        gen->budgets[i] = budget_ref(&g->route.budgets, BUDGET_MODEL, s->models[i]->name);
        gen->series[i] = metric_route(g->set.metrics, s->models[i]->name);
        if (!gen->budgets[i] || !gen->series[i])
            return RC_NOMEM;
    }
    return RC_OK;
}

/* Also of one that was made by half. */
static void gen_free(struct gen *gen)
{
    struct budgets *t = &gen->gate->route.budgets;
    for (uint32_t i = 0; gen->budgets && i < gen->snap->nmodels; i++)
        budget_unref(t, gen->budgets[i]);
    for (uint32_t i = 0; gen->bindings && i < gen->snap->nproviders; i++) {
        budget_unref(t, gen->bindings[i].budget);
        meter_give(&gen->gate->set.world->meters, gen->bindings[i].meter);
    }
    probes_stop(gen);
    pricing_fini(&gen->pricing);
    rules_unbind(gen);
    alerts_unbind(gen);
    mem_free(gen->budgets);
    mem_free(gen->series);
    mem_free(gen->able);
    mem_free(gen->meters);
    mem_free(gen->bindings);
    snapshot_unref(gen->snap);
    mem_free(gen);
}

static enum rc gen_new(struct gate *g, struct snapshot *snap, struct catalogue *models,
                       struct gen **ret)
{
    struct gen *gen = mem_zalloc(sizeof(*gen));
    if (!gen)
        return RC_NOMEM;
    gen->refs = 1;
    known_keys_init(&gen->known, &g->rand);
    gen->gate = g;
    gen->snap = snapshot_ref(snap);
    arena_init(&gen->alerts.names, ALERT_NAMES_MAX);
    gen->bindings = mem_zalloc((snap->nproviders + 1) * sizeof(*gen->bindings));
    gen->budgets = mem_zalloc((snap->nmodels + 1) * sizeof(*gen->budgets));
    gen->series = mem_zalloc((snap->nmodels + 1) * sizeof(*gen->series));
    gen->able = mem_zalloc((snap->nmodels + 1) * sizeof(*gen->able));
    const bool room = gen->bindings && gen->budgets && gen->series && gen->able;
    enum rc rc = room ? bind_models(g, gen) : RC_NOMEM;
    for (uint32_t i = 0; rc == RC_OK && i < snap->nproviders; i++)
        if (snap->providers[i].enabled) {
            bind_limits(g, &snap->providers[i], gen);
            rc = bind_provider(g, snap, &snap->providers[i], &gen->bindings[i]);
        }
    if (rc == RC_OK)
        rc = alerts_new_places(gen);
    if (rc == RC_OK && !probes_new(gen))
        rc = RC_NOMEM;
    if (rc == RC_OK)
        rc = pricing_init(&gen->pricing, models, snap, g->route.turns.key);
    if (rc == RC_OK)
        rc = rules_bind(g, gen);
    if (rc != RC_OK) {
        gen_free(gen);
        return rc;
    }
    *ret = gen;
    return RC_OK;
}

void gen_unref(struct gen *gen)
{
    CHECK(gen->refs > 0);
    if (--gen->refs == 0)
        gen_free(gen);
}

static void set_limits(struct gate *g, const struct snapshot *s)
{
    uint32_t all = s->limits.connections ? s->limits.connections : UINT32_MAX;
    struct server_limits l = {
        .body_max = s->limits.body,
        .arena_max = ARENA_BASE + (size_t)s->limits.body * 12, /* J6: nodes of a hostile body */
        .conns_max = (all - 1) / g->set.world->nworkers + 1,
        .head_ms = s->client_timeouts.header,
        .idle_ms = s->client_timeouts.keep_alive,
        .body_grace_ms = s->client_timeouts.body_grace,
        .body_min_rate = s->limits.body_rate,
        .body_total_ms = s->client_timeouts.body_total,
        .write_ms = s->client_timeouts.write,
    };
    server_set_limits(g->server, &l);
}

enum rc gate_reload(struct gate *g, struct snapshot *snap, struct catalogue *models)
{
    struct gen *gen;
    TRY(gen_new(g, snap, models, &gen));
    struct gen *old = g->gen;
    alerts_bind(gen, g->board);
    g->gen = gen;
    set_limits(g, snap);
    if (g->tokens.ranks == RANKS_ABSENT)
        g->tokens.ranks = RANKS_UNASKED; /* they may have been installed since */
    if (old) {
        probes_stop(old); /* calls may hold it for long */
        gen_unref(old);
    }
    return RC_OK;
}

void gate_set_board(struct gate *g, struct board *b)
{
    struct board *old = g->board;
    g->board = board_ref(b);
    alerts_bind(g->gen, b);
    board_unref(old);
}

/* ---- the tick: pools shrink, gauges are set */

static void on_tick(struct alarm *a)
{
    struct gate *g = (struct gate *)(void *)((char *)a - offsetof(struct gate, tick));
    client_tick(g->client, loop_now(g->loop));
    probes_tick(g->gen, loop_now(g->loop));
    outs_tick(g);
    atomic_store_explicit(&g->set.metrics->connections, server_conns(g->server),
                          memory_order_relaxed);
    if (g->set.access)
        atomic_store_explicit(&g->set.metrics->counter[METRIC_LOG_DROPPED],
                              log_dropped(g->set.access), memory_order_relaxed);
    if (alarm_set(g->alarms, a, loop_now(g->loop) + TICK_MS) != RC_OK)
        return; /* no memory now: the next reload of the tick is lost, the calls go on */
}

/* ---- life */

enum rc gate_new(const struct gate_setup *setup, struct snapshot *snap, struct catalogue *models,
                 struct gate **ret)
{
    struct gate *g = mem_zalloc(sizeof(*g));
    if (!g)
        return RC_NOMEM;
    g->set = *setup;
    g->loop = setup->loop;
    list_init(&g->calls);
    list_init(&g->wires);
    room_init(g);
    g->out = BUF_INIT(OUT_MAX);
    g->lines = BUF_INIT(LINES_MAX);
    g->line = BUF_INIT(LOG_MAX);
    rand_init(&g->rand, setup->seed);
    g->id_low = rand_u64(&g->rand);
    scratch_init(&g->scratch);
    g->learned = learned_new();
    tokens_init(g);
    g->recall = recall_new(setup->world->recall_key);
    g->kept = kept_new(setup->world->recall_key);
    struct hash_key key = {rand_u64(&g->rand), rand_u64(&g->rand)};
    enum rc rc = g->learned && g->recall && g->kept ? route_state_init(&g->route, key) : RC_NOMEM;
    if (rc == RC_OK)
        route_state_recall(&g->route, setup->world->identity, setup->world->remembered);
    if (rc == RC_OK)
        rc = alarms_new(g->loop, &g->alarms);
    if (rc == RC_OK)
        rc = client_new(g->loop, &g->client);
    if (rc == RC_OK)
        rc = server_new(g->loop, &gate_server_ops, g, &g->server);
    if (rc == RC_OK)
        rc = gate_reload(g, snap, models);
    g->tick.fn = on_tick;
    if (rc == RC_OK)
        rc = alarm_set(g->alarms, &g->tick, loop_now(g->loop) + TICK_MS);
    if (rc != RC_OK)
        return rc; /* start-up only: the process ends */
    warmth_recall(g);
    CHECK(setup->worker < GATE_WORKERS_MAX);
    atomic_store(&setup->world->gates[setup->worker], g);
    *ret = g;
    return RC_OK;
}

void gate_drain(struct gate *g)
{
    g->draining = true;
    drains_cut(g);
    server_drain(g->server);
}

void gate_end_calls(struct gate *g)
{
    list_each_safe(it, tmp, &g->calls)
    {
        struct call *c = list_entry(it, struct call, link);
        if (c->draining) {
            drain_cut(c);
            continue;
        }
        hedge_end(c, ERR_UNAVAILABLE);
        if (c->route && !c->answered)
            call_fail_kind(c, ERR_UNAVAILABLE, STR("The gateway is shutting down."),
                           STR("draining"));
    }
}

void gate_close(struct gate *g)
{
    g->draining = true;
    drains_cut(g);
    server_close_all(g->server);
    mirrors_stop(g);
    for (unsigned i = 0; i < g->noauths; i++)
        oauth_close(g->oauths[i]);
    probes_stop(g->gen);
    room_fini(g);
    client_free(g->client);
    g->client = NULL;
    downloads_free(g->downloads);
    g->downloads = NULL;
    alarms_free(g->alarms);
    g->alarms = NULL;
}

void gate_free(struct gate *g)
{
    CHECK(list_is_empty(&g->calls));
    server_free(g->server);
    mirrors_free(g);
    if (g->gen)
        gen_unref(g->gen);
    list_each_safe(it, tmp, &g->wires) wire_free(list_entry(it, struct wire, link));
    board_unref(g->board);
    route_state_fini(&g->route);
    scratch_fini(&g->scratch);
    learned_free(g->learned);
    warm_free(g->warm);
    mem_free(g->past);
    for (unsigned i = 0; i < g->noauths; i++)
        oauth_free(g->oauths[i]);
    tokens_fini(g);
    recall_free(g->recall);
    kept_free(g->kept);
    buf_fini(&g->out);
    buf_fini(&g->lines);
    buf_fini(&g->line);
    mem_free(g);
}

unsigned gate_calls(const struct gate *g)
{
    return g->ncalls;
}

struct server *gate_server(struct gate *g)
{
    return g->server;
}
