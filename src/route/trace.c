/* SPDX-License-Identifier: Apache-2.0 */
/* trace - what a plan looked at; see the header. */
#include "route/trace.h"

#include "base/check.h"

void trace_begin(struct plan_trace *t, const struct snapshot *snap, const struct conf_route *r)
{
    if (!t)
        return;
    struct arena *a = t->arena;
    *t = (struct plan_trace){.arena = a, .light = t->light, .route = r};
    t->targets = arena_zalloc(a, r->ntargets * sizeof(*t->targets));
    t->cut = !t->targets;
    for (uint32_t i = 0; !t->cut && i < r->ntargets; i++) {
        const struct conf_provider *p = &snap->providers[r->targets[i].provider];
        const uint32_t nkeys = p->nkeys ? p->nkeys : 1;
        struct trace_key *keys = arena_zalloc(a, nkeys * sizeof(*keys));
        if (!keys) {
            t->cut = true;
            return;
        }
        for (uint32_t k = 0; k < nkeys; k++)
            keys[k].place = TRACE_NOWHERE;
        t->targets[i] = (struct trace_target){.target = &r->targets[i],
                                              .provider = p,
                                              .as = {.target = &r->targets[i],
                                                     .index = i,
                                                     .usd = -1,
                                                     .seen = {.first_ms = -1, .token_ms = -1}},
                                              .first_ms = -1,
                                              .call_ms = -1,
                                              .rank = TRACE_NOWHERE,
                                              .nkeys = nkeys,
                                              .keys = keys};
        t->n++;
    }
}

/* The row of a target of the route; NULL: memory ended before it. */
static struct trace_target *row_of(struct plan_trace *t, const struct conf_target *target)
{
    CHECK(target >= t->route->targets && target < t->route->targets + t->route->ntargets);
    const size_t i = (size_t)(target - t->route->targets);
    return i < t->n ? &t->targets[i] : NULL;
}

void trace_target(struct plan_trace *t, const struct conf_target *target, enum plan_reason why)
{
    struct trace_target *row = t ? row_of(t, target) : NULL;
    if (row && row->why == REASON_FITS)
        row->why = why;
}

void trace_seen(struct plan_trace *t, const struct contender *c)
{
    struct trace_target *row = t ? row_of(t, c->target) : NULL;
    if (!row)
        return;
    row->as = *c;
    row->first_ms = c->seen.first_ms;
}

void trace_faults(struct plan_trace *t, const struct candidate *c, msec now)
{
    struct trace_target *row = t && !t->light ? row_of(t, c->target) : NULL;
    if (!row)
        return;
    figures_add(&row->faults, &c->health->figures, now);
    figures_add_faults(&row->faults, &c->health->figures, now);
}

void trace_key(struct plan_trace *t, const struct candidate *c, enum plan_reason why, msec ready_at)
{
    struct trace_target *row = t ? row_of(t, c->target) : NULL;
    if (!row)
        return;
    CHECK(c->key < row->nkeys);
    struct trace_key *key = &row->keys[c->key];
    key->why = why;
    key->ready_at = ready_at;
}

void trace_ranked(struct plan_trace *t, const struct choice *x, const struct contender *c,
                  uint32_t n)
{
    if (!t)
        return;
    t->tokens = x->tokens;
    t->explored = x->explored;
    for (uint32_t i = 0; i < n; i++) {
        struct trace_target *row = row_of(t, c[i].target);
        if (!row)
            continue;
        row->as = c[i];
        row->rank = i;
        row->first_ms = c[i].seen.first_ms;
        row->call_ms = reading_call_ms(&c[i].seen, x->tokens);
        if (!t->light)
            strategy_parts(x, c, n, i, &row->parts);
    }
}

/* Those that nothing kept out but the plan's end; and those behind the most that are looked at. */
static void name_the_full(struct trace_target *row, bool full)
{
    bool none = true;
    for (uint32_t k = 0; k < row->nkeys; k++) {
        if (full && row->keys[k].why == REASON_FITS && row->keys[k].place == TRACE_NOWHERE)
            row->keys[k].why = REASON_ROOM;
        none &= row->keys[k].place == TRACE_NOWHERE;
    }
    if (none && row->why == REASON_FITS)
        row->why = full ? REASON_ROOM : row->keys[0].why;
}

void trace_planned(struct plan_trace *t, const struct plan *p)
{
    if (!t)
        return;
    t->panic = p->panic;
    for (uint32_t i = 0; i < p->n; i++) {
        struct trace_target *row = row_of(t, p->c[i].target);
        if (!row)
            continue;
        CHECK(p->c[i].key < row->nkeys);
        row->keys[p->c[i].key].place = i;
        row->keys[p->c[i].key].probe = p->c[i].probe;
    }
    for (uint32_t i = 0; i < t->n; i++)
        name_the_full(&t->targets[i], p->n == PLAN_MAX);
}
