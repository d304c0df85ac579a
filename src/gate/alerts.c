/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alerts - what firing alerts ask of calls, and their list for GET /api/v1/alerts.
 *
 * The board speaks of names, a generation of indices: it is translated once, when either changes. A
 * call looks at bytes, and where nothing fires there are none.
 */
#include "gate/gate_int.h"

#include "base/mem.h"

/* ---- what is watched */

static bool is_part_scope(enum conf_alert_scope s)
{
    return s == CONF_ALERT_TARGET || s == CONF_ALERT_KEY;
}

static bool is_watched(const struct snapshot *s, enum conf_alert_scope scope, str name)
{
    for (uint32_t i = 0; i < s->nalerts; i++)
        if (s->alerts[i].scope == scope && s->alerts[i].metric != CONF_ALERT_KEY_REFUSED &&
            conf_alert_means(&s->alerts[i], name))
            return true;
    return false;
}

/* Those of one scope; with `to` NULL they are only counted. */
static uint32_t each_place(struct gen *gen, enum conf_alert_scope scope, struct alert_place *to)
{
    const struct snapshot *s = gen->snap;
    const str *names;
    const uint32_t all = conf_alert_subjects(s, scope, &gen->alerts.names, &names);
    uint32_t n = 0;
    for (uint32_t i = 0; i < all; i++) {
        struct alert_place p = {.patience = alerts_patience(s, scope, names[i])};
        if (!is_watched(s, scope, names[i]) ||
            conf_alert_part(s, scope, names[i], &p.provider, &p.model, &p.key) != RC_OK)
            continue;
        if (scope == CONF_ALERT_TARGET)
            p.key = ALERT_NO_KEY;
        if (to && !(p.sums = metric_place(gen->gate->set.metrics, names[i])))
            continue;
        if (to)
            to[n] = p;
        n++;
    }
    return n;
}

enum rc alerts_new_places(struct gen *gen)
{
    struct gen_alerts *a = &gen->alerts;
    bool some = false;
    for (uint32_t i = 0; i < gen->snap->nalerts; i++)
        some |= is_part_scope(gen->snap->alerts[i].scope);
    if (!some)
        return RC_OK;
    const uint32_t n =
        each_place(gen, CONF_ALERT_TARGET, NULL) + each_place(gen, CONF_ALERT_KEY, NULL);
    a->places = n ? mem_zalloc(n * sizeof(*a->places)) : NULL;
    if (!a->places)
        return n ? RC_NOMEM : RC_OK;
    a->nplaces = each_place(gen, CONF_ALERT_TARGET, a->places);
    a->nplaces += each_place(gen, CONF_ALERT_KEY, a->places + a->nplaces);
    CHECK(a->nplaces <= n);
    return RC_OK;
}

/* The target has some name more than one alert may know: each place that is about the attempt. */
static bool is_about(const struct alert_place *p, uint32_t provider, str model, uint32_t key)
{
    return p->provider == provider &&
           (p->key == ALERT_NO_KEY ? str_eq(p->model, model) : p->key == key);
}

/* ---- what is asked */

static void add_part(struct gen *gen, const struct board_order *o)
{
    struct gen_alerts *a = &gen->alerts;
    struct alert_part p = {.asked = order_asks(o)};
    if (conf_alert_part(gen->snap, o->scope, o->name, &p.provider, &p.model, &p.key) != RC_OK)
        return; /* of the configuration before: the next board will not have it */
    if (o->scope == CONF_ALERT_TARGET)
        p.key = ALERT_NO_KEY;
    a->provider[p.provider] |= ALERT_PARTS;
    a->parts[a->nparts++] = p;
}

void alerts_bind(struct gen *gen, struct board *b)
{
    const struct snapshot *s = gen->snap;
    struct gen_alerts *a = &gen->alerts;
    struct board *old = a->board;
    a->board = board_ref(b); /* the names of its parts are slices of it */
    board_unref(old);
    mem_free(a->parts);
    a->provider = a->route = NULL;
    a->parts = NULL;
    a->nparts = 0;
    if (!b || !b->norders)
        return;
    a->parts = mem_zalloc(b->norders * sizeof(*a->parts) + s->nproviders + s->nmodels);
    if (!a->parts)
        return; /* calls go as if nothing fired; the next board tries again */
    a->provider = (uint8_t *)(a->parts + b->norders);
    a->route = a->provider + s->nproviders;
    for (uint32_t i = 0; i < s->nproviders; i++)
        a->provider[i] = (uint8_t)board_asks(b, CONF_ALERT_PROVIDER, s->providers[i].name);
    for (uint32_t i = 0; i < s->nmodels; i++)
        a->route[i] = (uint8_t)board_asks(b, CONF_ALERT_MODEL, s->models[i]->name);
    for (uint32_t i = 0; i < b->norders; i++)
        if (is_part_scope(b->orders[i].scope))
            add_part(gen, &b->orders[i]);
}

void alerts_unbind(struct gen *gen)
{
    mem_free(gen->alerts.parts);
    mem_free(gen->alerts.places);
    board_unref(gen->alerts.board);
    arena_fini(&gen->alerts.names);
}

static bool waits_for(const struct conf_alert *a, enum conf_alert_scope scope, str name)
{
    return a->scope == scope && a->action == CONF_ALERT_FALLBACK &&
           a->metric == CONF_ALERT_RESPONSE_TIME && conf_alert_means(a, name);
}

msec alerts_patience(const struct snapshot *s, enum conf_alert_scope scope, str name)
{
    msec least = 0;
    for (uint32_t i = 0; i < s->nalerts; i++) {
        const msec ms = (msec)s->alerts[i].threshold;
        if (waits_for(&s->alerts[i], scope, name) && ms && (!least || ms < least))
            least = ms;
    }
    return least;
}

static msec shorter(msec a, msec b)
{
    return !a || (b && b < a) ? b : a;
}

/* How long alerts that rescue a call wait for its attempt; 0: none is waiting. */
static msec patience_with(const struct call *c)
{
    const struct gen_alerts *a = &c->gen->alerts;
    const struct conf_target *t = c->cand->target;
    msec most = c->bind->patience;
    if (c->found.route->logical && c->gen->snap->nalerts)
        most = shorter(most, alerts_patience(c->gen->snap, CONF_ALERT_MODEL, c->found.route->name));
    for (uint32_t i = 0; i < a->nplaces; i++)
        if (is_about(&a->places[i], t->provider, t->model, c->cand->key))
            most = shorter(most, a->places[i].patience);
    return most;
}

void alerts_limit_exchange(struct call *c)
{
    struct exchange_limits *l = &c->x.limits;
    const msec most = patience_with(c);
    if (most && most < l->first_byte_ms)
        l->first_byte_ms = most;
}

/* It was not the provider's time that was over, but an alert's patience: that it was slow is what
 * is known of it. As a failure it would set off alerts about errors, which are about other things.
 */
static bool is_cut_by_alert(const struct call *c, enum err error)
{
    const msec most = patience_with(c);
    return error == ERR_TIMEOUT && !c->attempt_content && !c->status && most &&
           c->x.limits.first_byte_ms == most;
}

bool alerts_degrade(struct call *c)
{
    const struct conf_route *r = c->found.route;
    const unsigned asked = c->gen->alerts.route && r->logical ? c->gen->alerts.route[r->index] : 0;
    if (!(asked & ALERT_FALLBACK))
        return c->plan.degraded;
    struct rand copy = c->gate->rand; /* whoever is only asked about must not move the dice */
    return !(asked & ALERT_TRIAL) ||
           rand_below(c->shadow ? &copy : &c->gate->rand, ALERT_TRIAL_SHARE) != 0;
}

/* ---- what calls bring */

void alerts_attempt(struct call *c, enum err error, enum figures_end how, msec now)
{
    const msec first = c->attempt_content;
    const msec ms = (first ? first : now) - c->attempt_began;
    enum outcome_end end = OUTCOME_SERVED;
    if (how == FIGURES_VOID && error != ERR_RATE_LIMITED)
        return; /* the caller's own fault, or his own leaving */
    if (how != FIGURES_SERVED && !is_cut_by_alert(c, error))
        end = how == FIGURES_FAILED ? OUTCOME_FAILED : OUTCOME_LIMITED;
    /* It would have taken longer, and nobody knows how much: but never just what it was given, or
     * an alert that cuts at its threshold would see nothing above it. */
    const msec took = error == ERR_TIMEOUT ? 2 * ms : ms;
    outcome_add(&c->bind->metric->attempts, end, took, first > 0);
    const struct gen_alerts *a = &c->gen->alerts;
    const struct conf_target *t = c->cand->target;
    for (uint32_t i = 0; i < a->nplaces; i++)
        if (is_about(&a->places[i], t->provider, t->model, c->cand->key))
            outcome_add(&a->places[i].sums->calls, end, took, first > 0);
}

void alerts_charge(struct call *c, uint64_t tokens, nanousd usd)
{
    const struct gen_alerts *a = &c->gen->alerts;
    const struct attempt_record *t = &c->tried[c->attempts - 1];
    for (uint32_t i = 0; i < a->nplaces; i++) {
        if (!is_about(&a->places[i], t->provider->index, t->model, t->key))
            continue;
        metric_add(&a->places[i].sums->tokens, tokens);
        metric_add(&a->places[i].sums->usd, (uint64_t)usd);
    }
}

void alerts_serve(struct call *c)
{
    const struct board *b = c->gate->board;
    struct rope r = ROPE_INIT(BOARD_MAX);
    rope_put(&r, b ? b->json : STR("{\"data\":[],\"history\":[]}"));
    local_answer_json(c, 200, &r);
}
