/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build_route - logical models, fallback lists and scenarios: every name made a pointer.
 *
 * Logical models get their structs first, so that fallback lists may name any of them in any order.
 * A name that leads nowhere is told with its place and the nearest one that does. What leads to a
 * provider that is switched off is dropped with a warning; a model with nothing left is a fault.
 *
 * Fallback lists are not followed further: a call tries its route, then each route of its list, and
 * their own lists do not count (snapshot.h). So loops among models are harmless and need no search;
 * and whoever reads a model's list sees all that can ever answer for it.
 */
#include "base/auto.h"
#include "base/map.h"
#include "base/num.h"
#include "conf/build_int.h"
#include "conf/nearest.h"

struct routes {
    struct builder *b;
    struct conf_route *models; /* the logical ones, as many as rows */
    struct map by_name;        /* logical models; exact case, as two that differ in it are two */
};

/* --- names ------------------------------------------------------------------------------------ */

static void fault_provider(struct builder *b, struct place at, str name)
{
    struct nearest near;
    size_t comma = str_find_char(name, ',');
    str provider = str_head(name, comma != SIZE_MAX ? comma : str_find_char(name, '/'));
    nearest_init(&near, provider);
    for (uint32_t i = 0; i < b->s->nproviders; i++)
        nearest_offer(&near, b->providers[i].name);
    BUILD_FAULT(b, at, "'" STR_FMT "': no provider is named '" STR_FMT "'%s" STR_FMT "%s",
                STR_ARG(conf_brief(name)), STR_ARG(conf_brief(provider)),
                near.best.p ? "; did you mean '" : "; add it under providers", STR_ARG(near.best),
                near.best.p ? "'?" : "");
}

static void fault_unknown(struct builder *b, struct place at, str name)
{
    struct nearest near;
    nearest_init(&near, name);
    const struct raw_model *rows = b->raw->models.p;
    for (uint32_t i = 0; i < b->raw->models.n; i++)
        nearest_offer(&near, rows[i].name);
    for (uint32_t i = 0; i < b->s->nproviders; i++)
        for (uint32_t k = 0; k < b->providers[i].nmodels; k++)
            nearest_offer(&near, b->providers[i].models[k]);
    BUILD_FAULT(b, at, "'" STR_FMT "' is no model known here%s" STR_FMT "%s",
                STR_ARG(conf_brief(name)),
                near.best.p ? "; did you mean '" : "; write provider/model", STR_ARG(near.best),
                near.best.p ? "'?" : "");
}

/* A listed model that is not in its provider's list is often a slip, but the provider knows best.
 */
static void warn_unlisted(struct builder *b, struct place at, const struct conf_target *t)
{
    const struct conf_provider *p = &b->providers[t->provider];
    struct nearest near;
    nearest_init(&near, t->model);
    for (uint32_t i = 0; i < p->nmodels; i++) {
        if (str_eq(p->models[i], t->model))
            return;
        nearest_offer(&near, p->models[i]);
    }
    if (!p->models_open)
        BUILD_WARN(
            b, at, "provider '" STR_FMT "' does not list the model '" STR_FMT "'%s" STR_FMT "%s",
            STR_ARG(conf_brief(p->name)), STR_ARG(conf_brief(t->model)),
            near.best.p ? "; did you mean '" : "", STR_ARG(near.best), near.best.p ? "'?" : "");
}

/* One target of `name`. False: there is none, and that was noted. */
static bool find_target(struct builder *b, struct place at, str name, struct conf_target *ret)
{
    switch (conf_find_direct(b->s, name, DIRECT_WRITTEN, ret)) {
    case DIRECT_NO_PROVIDER:
        fault_provider(b, at, name);
        return false;
    case DIRECT_AMBIGUOUS:
        BUILD_FAULT(b, at, "more than one provider serves '" STR_FMT "'; write provider/model",
                    STR_ARG(conf_brief(name)));
        return false;
    case DIRECT_UNKNOWN:
        fault_unknown(b, at, name);
        return false;
    case DIRECT_FOUND:
        break;
    }
    const struct conf_provider *p = &b->providers[ret->provider];
    if (!ret->model.n) {
        BUILD_FAULT(b, at, "'" STR_FMT "': the model is missing; write provider/model",
                    STR_ARG(conf_brief(name)));
        return false;
    }
    if (!p->enabled) {
        BUILD_WARN(b, at, "'" STR_FMT "' is left out, as its provider is",
                   STR_ARG(conf_brief(name)));
        return false;
    }
    warn_unlisted(b, at, ret);
    return true;
}

/* A route for one target, to be named by a scenario or a fallback list. NULL: out of memory. */
static struct conf_route *direct_route(struct builder *b, const struct conf_target *t)
{
    struct conf_route *r = arena_new(b->arena, struct conf_route);
    struct conf_target *copy = arena_new(b->arena, struct conf_target);
    str name = arena_strf(b->arena, STR_FMT "/" STR_FMT, STR_ARG(b->providers[t->provider].name),
                          STR_ARG(t->model));
    if (!r || !copy || !name.p)
        return NULL;
    *copy = *t;
    *r = (struct conf_route){
        .name = name, .strategy = b->s->routing.strategy, .targets = copy, .ntargets = 1};
    return r;
}

/* A logical model, or one target. *ret NULL: none, and that was noted. */
enum rc build_find_route(struct routes *x, struct place at, str name, struct conf_route **ret)
{
    struct conf_target t;
    *ret = map_get(&x->by_name, name);
    if (*ret || !find_target(x->b, at, name, &t))
        return RC_OK;
    *ret = direct_route(x->b, &t);
    return *ret ? RC_OK : RC_NOMEM;
}

/* --- fallback lists --------------------------------------------------------------------------- */

static enum rc build_fallback(struct routes *x, const struct raw_texts *list,
                              struct conf_route *route)
{
    struct builder *b = x->b;
    if (!b->s->routing.fallback || !list->n)
        return RC_OK;
    const struct conf_route **all = arena_array(b->arena, const struct conf_route *, list->n);
    if (!all)
        return RC_NOMEM;
    uint32_t n = 0;
    for (uint32_t i = 0; i < list->n; i++) {
        struct place at = place_of_item(list, i);
        struct conf_route *to;
        TRY(build_find_route(x, at, list->p[i], &to));
        if (to == route || (to && str_eq(to->name, route->name)))
            BUILD_FAULT(b, at, "'" STR_FMT "' falls back to itself; remove it",
                        STR_ARG(conf_brief(route->name)));
        else if (to)
            all[n++] = to;
    }
    route->fallback = all;
    route->nfallback = n;
    return RC_OK;
}

/* --- logical models --------------------------------------------------------------------------- */

/* The text that names a target, from `use` or from `provider` and `model`. Absent: noted. */
static str target_name(struct builder *b, const struct raw_target *raw)
{
    struct place at = place_of(raw->at.node, NULL);
    if (raw->use.n && (raw->provider.n || raw->model.n))
        BUILD_FAULT(b, at, "a target has either `use` or `provider` and `model`; remove one");
    else if (raw->use.n)
        return raw->use;
    else if (raw->provider.n && raw->model.n)
        return arena_strf(b->arena, STR_FMT "/" STR_FMT, STR_ARG(raw->provider),
                          STR_ARG(raw->model));
    else
        BUILD_FAULT(b, at, "a target needs `use: provider/model`; add it");
    return STR_NONE;
}

static enum rc build_targets(struct builder *b, const struct raw_model *raw,
                             struct conf_route *route)
{
    const struct raw_target *rows = raw->targets.p;
    struct conf_target *all = arena_array(b->arena, struct conf_target, raw->targets.n);
    if (!all)
        return RC_NOMEM;
    uint32_t n = 0;
    uint64_t weight = 0;
    bool failed = false;
    for (uint32_t i = 0; i < raw->targets.n; i++) {
        str name = target_name(b, &rows[i]);
        struct place at = place_of(rows[i].at.node, "use");
        uint32_t errors = b->report->of[CONF_ERROR].count;
        CHECK(n < raw->targets.n);
        if (name.p && find_target(b, at, name, &all[n])) {
            all[n].weight = rows[i].weight;
            weight += rows[i].weight;
            n++;
        }
        failed = failed || !name.p || b->report->of[CONF_ERROR].count != errors;
    }
    route->targets = all;
    route->ntargets = n;
    struct place at = place_of(raw->at.node, "targets");
    if (!n && !failed)
        BUILD_FAULT(b, at, "model '" STR_FMT "' has no target%s; add one",
                    STR_ARG(conf_brief(raw->name)), raw->targets.n ? " left" : "");
    if (n && !weight)
        BUILD_FAULT(b, at, "all targets of model '" STR_FMT "' have weight 0; give one a weight",
                    STR_ARG(conf_brief(raw->name)));
    return RC_OK;
}

static enum rc name_model(struct routes *x, const struct raw_model *raw, struct conf_route *route)
{
    struct builder *b = x->b;
    struct place at = place_of(raw->at.node, "name");
    void *old = NULL;
    route->name = raw->name;
    route->logical = true;
    route->strategy = raw->strategy == OPTION_WORD_UNSET ? b->s->routing.strategy
                                                         : (enum conf_strategy)raw->strategy;
    route->latency =
        raw->latency == OPTION_WORD_UNSET ? b->s->routing.latency : (enum conf_latency)raw->latency;
    route->sticky = b->s->routing.sticky;
    TRY(build_sticky(b, place_of(raw->at.node, "stickyBy"), raw->sticky_by, &route->sticky));
    if (!raw->name.n || !build_name_ok(b, at, "the model's name", raw->name, ""))
        return RC_OK;
    route->regions = build_regions(b, &raw->regions);
    TRY(map_put(&x->by_name, raw->name, route, &old));
    if (old) {
        const struct raw_model *rows = b->raw->models.p;
        ptrdiff_t nth = (struct conf_route *)old - x->models; /* rows and routes are in step */
        CHECK(nth >= 0 && nth < (ptrdiff_t)b->raw->models.n);
        const struct raw_model *first = &rows[nth];
        BUILD_FAULT(b, at, "the model '" STR_FMT "' is given twice (first in line %u); rename one",
                    STR_ARG(conf_brief(raw->name)), place_of(first->at.node, "name").line);
    }
    return RC_OK;
}

static void build_hedge(struct builder *b, const struct raw_hedge *raw, struct conf_hedge *to)
{
    if (!raw->at.node)
        return;
    to->on = true;
    to->percentile = str_eq_nocase(raw->after, STR("p95"));
    if (!to->percentile && (num_duration(raw->after, &to->after) != RC_OK || !to->after))
        BUILD_FAULT(b, place_of(raw->at.node, "after"),
                    "hedge: '" STR_FMT "' is no time; write a duration (2s) or p95",
                    STR_ARG(conf_brief(raw->after)));
    if (!build_percent(raw->max, &to->max) || !to->max)
        BUILD_FAULT(b, place_of(raw->at.node, "max"),
                    "hedge: '" STR_FMT "' is no share of the calls; write a percentage (2%%)",
                    STR_ARG(conf_brief(raw->max)));
}

static enum rc build_models(struct routes *x)
{
    struct builder *b = x->b;
    const struct raw_model *rows = b->raw->models.p;
    uint32_t n = b->raw->models.n;
    const struct conf_route **all = arena_array(b->arena, const struct conf_route *, n);
    x->models = arena_array(b->arena, struct conf_route, n);
    if (!all || !x->models)
        return RC_NOMEM;
    for (uint32_t i = 0; i < n; i++) {
        TRY(name_model(x, &rows[i], &x->models[i]));
        x->models[i].index = i;
        all[i] = &x->models[i];
    }
    for (uint32_t i = 0; i < n; i++) {
        TRY(build_targets(b, &rows[i], &x->models[i]));
        TRY(build_fallback(x, &rows[i].fallback, &x->models[i]));
        const struct raw_timeouts *t = &rows[i].timeouts;
        x->models[i].timeouts = (struct conf_timeouts){
            .first_byte = t->first_byte, .idle = t->idle, .total = t->total, .firm = t->total != 0};
        build_hedge(b, &rows[i].hedge, &x->models[i].hedge);
        x->models[i].rescue = rows[i].rescue;
        TRY(build_transforms(b, rows[i].transforms, &x->models[i].transforms));
    }
    b->s->models = all;
    b->s->nmodels = n;
    return RC_OK;
}

/* --- scenarios -------------------------------------------------------------------------------- */

/* What one scenario says: weir's own section first, then claude-code-router's. */
static const struct raw_slot *slot_of(const struct raw_root *raw, enum conf_scenario i)
{
    const struct raw_slot *own = &raw->routing.scenarios.slot[i];
    return own->use.n ? own : &raw->ccr.router.slot[i];
}

enum rc build_slot(struct routes *x, const struct raw_slot *slot, const struct raw_texts *list,
                   const struct conf_route **ret)
{
    struct builder *b = x->b;
    struct conf_route *route;
    if (!slot->use.n)
        return RC_OK;
    TRY(build_find_route(x, place_of(slot->at.node, "use"), slot->use, &route));
    if (!route)
        return RC_OK;
    if (list->n) { /* a list of its own: the route is not the model's any more. The copy keeps the
                    * model's index and targets, so its counters and turns are shared */
        struct conf_route *copy = arena_new(b->arena, struct conf_route);
        if (!copy)
            return RC_NOMEM;
        *copy = *route;
        TRY(build_fallback(x, list, copy));
        route = copy;
    }
    *ret = route;
    return RC_OK;
}

static enum rc build_scenario(struct routes *x, enum conf_scenario i)
{
    const struct raw_slot *slot = slot_of(x->b->raw, i);
    const struct raw_texts *ccr = &x->b->raw->ccr.fallback.list[i];
    return build_slot(x, slot, slot->fallback.n ? &slot->fallback : ccr,
                      &x->b->s->routing.scenarios[i]);
}

/* Without a file, the first provider's best known model answers what nobody else would. */
static enum rc default_scenario(struct builder *b)
{
    const struct conf_route **slot = &b->s->routing.scenarios[CONF_SCENARIO_DEFAULT];
    for (uint32_t i = 0; i < b->s->nproviders && !*slot; i++) {
        const struct conf_provider *p = &b->providers[i];
        const struct preset *preset = preset_find(p->preset);
        struct conf_target t = {i, 1, p->demo ? p->models[0] : STR_NONE};
        if (preset)
            t.model = str_c(preset->flagship);
        if (!p->enabled || !t.model.n)
            continue;
        *slot = direct_route(b, &t);
        if (!*slot)
            return RC_NOMEM;
    }
    return RC_OK;
}

/* --- what routes say about providers ---------------------------------------------------------- */

static void each_target(const struct builder *b, build_target_fn *fn, void *arg)
{
    const struct snapshot *s = b->s;
    for (uint32_t i = 0; i < s->nmodels; i++)
        for (uint32_t k = 0; k < s->models[i]->ntargets; k++)
            fn(&s->models[i]->targets[k], arg);
    for (int i = 0; i < CONF_SCENARIO_COUNT; i++)
        if (s->routing.scenarios[i] && !s->routing.scenarios[i]->logical)
            fn(&s->routing.scenarios[i]->targets[0], arg);
    build_rule_targets(&s->routing.rules, fn, arg);
}

/* One provider's models while they are gathered: counted first, so that the array is made once. */
struct learner {
    uint32_t provider;
    uint32_t count; /* targets of this provider, the same model counted again */
    str *models;
    uint32_t n, room;
    struct map seen;
    enum rc rc;
};

static void learner_fini(struct learner *l)
{
    map_fini(&l->seen);
}

static void count_target(const struct conf_target *t, void *arg)
{
    struct learner *l = arg;
    l->count += t->provider == l->provider;
}

static void learn(struct learner *l, str model)
{
    void *old = NULL;
    if (l->rc == RC_OK)
        l->rc = map_put(&l->seen, model, l, &old);
    if (l->rc != RC_OK || old)
        return;
    CHECK(l->n < l->room);
    l->models[l->n++] = model;
}

static void learn_target(const struct conf_target *t, void *arg)
{
    struct learner *l = arg;
    if (t->provider == l->provider)
        learn(l, t->model);
}

/* A model that a target names is one its provider serves: bare requests for it find it there. */
static enum rc learn_models(struct builder *b, struct conf_provider *p)
{
    AUTO(learner_fini) struct learner l = {.provider = p->index};
    map_init(&l.seen, (struct hash_key){0, 0});
    each_target(b, count_target, &l);
    if (!l.count)
        return RC_OK;
    l.room = p->nmodels + l.count;
    l.models = arena_array(b->arena, str, l.room);
    if (!l.models)
        return RC_NOMEM;
    for (uint32_t i = 0; i < p->nmodels; i++)
        learn(&l, p->models[i]);
    each_target(b, learn_target, &l);
    TRY(l.rc);
    p->models = l.models;
    p->nmodels = l.n;
    return RC_OK;
}

static enum rc build_all(struct routes *x)
{
    struct builder *b = x->b;
    TRY(build_routing(b));
    TRY(build_models(x));
    for (int i = 0; i < CONF_SCENARIO_COUNT; i++)
        TRY(build_scenario(x, (enum conf_scenario)i));
    TRY(build_rules(b, x));
    if (b->no_file)
        TRY(default_scenario(b));
    TRY(build_projects(b, x));
    if (conf_report_failed(b->report))
        return RC_OK;
    for (uint32_t i = 0; i < b->s->nproviders; i++)
        TRY(learn_models(b, &b->providers[i]));
    build_needs(b);
    return RC_OK;
}

static void routes_fini(struct routes *x)
{
    map_fini(&x->by_name);
}

enum rc build_routes(struct builder *b)
{
    AUTO(routes_fini) struct routes x = {.b = b};
    map_init(&x.by_name, (struct hash_key){0, 0});
    return build_all(&x);
}
