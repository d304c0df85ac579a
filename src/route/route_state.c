/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route_state - what one worker keeps between calls: made, freed, told of an earlier run and of a
 * new configuration; and the accounts of routes that take turns. See plan.h.
 */
#include "base/check.h"
#include "base/mem.h"
#include "route/plan.h"

/* Routes with an account; past it weights are taken in the order written. */
#define TURNS_MAX 4096
enum rc route_state_init(struct route_state *s, struct hash_key key)
{
    *s = (struct route_state){.identity = key};
    health_init(&s->health, key);
    regions_init(&s->regions, key);
    map_init(&s->turns, key);
    budgets_init(&s->budgets, key);
    s->outliers = (struct outlier_limits){.rate_calls = OUTLIER_RATE_CALLS,
                                          .sigmas = OUTLIER_SIGMAS,
                                          .share_calls = OUTLIER_SHARE_CALLS,
                                          .share = OUTLIER_SHARE,
                                          .base_ms = OUTLIER_BASE_MS,
                                          .max_ms = OUTLIER_MAX_MS,
                                          .max_percent = OUTLIER_MAX_PERCENT};
    return RC_OK;
}

/* No memory: those routes are compared with each of their calls, which finds nothing new. */
static void make_judged(struct route_state *s, uint32_t nroutes)
{
    mem_free(s->judged);
    s->judged = nroutes ? mem_zalloc(nroutes * sizeof(*s->judged)) : NULL;
    s->njudged = s->judged ? nroutes : 0;
}

bool route_state_judges(struct route_state *s, const struct conf_route *r, msec window)
{
    const bool own = r->logical && r->index < s->njudged;
    msec *last = own ? &s->judged[r->index] : &s->judged_other;
    if (*last == window && (own || s->judged_route == r))
        return false;
    *last = window;
    s->judged_route = own ? s->judged_route : r;
    return true;
}

/* What the configuration says of breakers, regions and ejections. One that was made by hand may say
 * nothing, and then the defaults stand. */
void route_state_follow(struct route_state *s, const struct snapshot *snap)
{
    const struct conf_breaker *b = &snap->routing.breaker;
    const struct conf_region_breaker *r = &snap->routing.region_breaker;
    const struct conf_ejection *e = &snap->routing.ejection;
    s->limits_of = snap;
    s->limits_generation = snap->generation;
    make_judged(s, snap->nmodels);
    if (!b->failures)
        return;
    s->health.limits = (struct health_limits){b->failures, b->open, b->max};
    s->regions.limits = (struct region_limits){.off = !r->on, .open_ms = r->open, .max_ms = r->max};
    s->outliers = (struct outlier_limits){.off = !e->on,
                                          .rate_calls = e->calls,
                                          .sigmas = e->deviations,
                                          .share_calls = e->min_calls,
                                          .share = e->share,
                                          .base_ms = e->open,
                                          .max_ms = e->max,
                                          .max_percent = e->max_percent};
}

void route_state_recall(struct route_state *s, struct hash_key identity,
                        const struct records *remembered)
{
    ASSERT(s->health.map.count == 0);
    s->identity = identity;
    s->remembered = remembered;
}

void route_state_fini(struct route_state *s)
{
    size_t pos = 0;
    const struct map_slot *slot;
    while ((slot = map_next(&s->turns, &pos)))
        mem_free(slot->value);
    map_fini(&s->turns);
    mem_free(s->judged);
    budgets_fini(&s->budgets);
    health_fini(&s->health);
    regions_fini(&s->regions);
}

struct plan_turn *route_state_turn(struct route_state *s, const struct conf_route *r)
{
    struct plan_turn *t = map_get(&s->turns, r->name);
    if (t && t->n == r->ntargets)
        return t;
    if (t) { /* the route changed in a reload */
        map_take(&s->turns, r->name);
        mem_free(t);
    } else if (s->turns.count >= TURNS_MAX) {
        return NULL;
    }
    t = mem_zalloc(sizeof(*t) + r->ntargets * sizeof(int64_t) + r->name.n);
    if (!t)
        return NULL;
    t->n = r->ntargets;
    char *name = (char *)(t->account + t->n);
    memcpy(name, r->name.p, r->name.n);
    t->name = str_of(name, r->name.n);
    if (map_put(&s->turns, t->name, t, NULL) != RC_OK) {
        mem_free(t);
        return NULL;
    }
    return t;
}
