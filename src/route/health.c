/* SPDX-License-Identifier: Apache-2.0 */
/* health - cooling, breaker and refused credentials; see the header. */
#include "route/health.h"

#include "base/check.h"
#include "base/mem.h"

void health_init(struct health_table *t, struct hash_key key)
{
    map_init(&t->map, key);
    t->limits = (struct health_limits){HEALTH_FAIL_MAX, HEALTH_OPEN_MS, HEALTH_OPEN_MAX_MS};
    list_init(&t->used);
}

void health_hold(struct health *h)
{
    h->holders++;
}

void health_release(struct health *h)
{
    CHECK(h->holders > 0);
    h->holders--;
}

static void drop(struct health_table *t, struct health *h)
{
    t->dropped++;
    map_take(&t->map, h->id);
    list_remove(&h->link);
    region_leave(&h->in_region);
    mem_free(h->window);
    mem_free(h);
}

void health_fini(struct health_table *t)
{
    list_each_safe(it, tmp, &t->used)
    {
        struct health *h = list_entry(it, struct health, link);
        ASSERT(h->holders == 0);
        drop(t, h);
    }
    map_fini(&t->map);
}

static void make_room(struct health_table *t)
{
    for (struct list *it = t->used.prev; it != &t->used; it = it->prev) {
        struct health *h = list_entry(it, struct health, link);
        if (h->holders)
            continue;
        drop(t, h);
        return;
    }
}

void health_touch(struct health_table *t, struct health *h)
{
    list_remove(&h->link);
    list_push_front(&t->used, &h->link);
}

struct health *health_get(struct health_table *t, str id)
{
    struct health *h = map_get(&t->map, id);
    if (h) {
        health_touch(t, h);
        return h;
    }
    if (t->map.count >= HEALTH_RECORDS_MAX)
        make_room(t);
    h = mem_zalloc(sizeof(*h) + id.n);
    if (!h)
        return NULL;
    char *copy = (char *)(h + 1);
    memcpy(copy, id.p, id.n);
    h->id = str_of(copy, id.n);
    h->table = t;
    if (map_put(&t->map, h->id, h, NULL) != RC_OK) {
        mem_free(h);
        return NULL;
    }
    list_push_front(&t->used, &h->link);
    return h;
}

enum health_state health_state(const struct health *h, msec now)
{
    const enum region_state region = region_state(h->in_region.region, now);
    if (h->refused_until > now)
        return HEALTH_REFUSED;
    if (h->open_until > now)
        return HEALTH_OPEN;
    if (region == REGION_OPEN)
        return HEALTH_REGION_OPEN;
    if (h->cool_until > now)
        return HEALTH_COOLING;
    if (outlier_is_ejected(&h->outlier, now))
        return HEALTH_EJECTED;
    const bool was_out = h->open_until || h->refused_until;
    return was_out || region == REGION_HALF_OPEN ? HEALTH_HALF_OPEN : HEALTH_OK;
}

static msec later(msec at, msec until, msec now)
{
    return until > now && until > at ? until : at;
}

msec health_ready_at(const struct health *h, msec now)
{
    msec at = later(0, h->refused_until, now);
    at = later(at, h->open_until, now);
    at = later(at, h->cool_until, now);
    at = later(at, h->outlier.ejected_until, now);
    return h->in_region.region ? later(at, h->in_region.region->open_until, now) : at;
}

/* ---- probes */

bool health_is_probed(const struct health *h, msec now)
{
    const struct region *r = h->in_region.region;
    return h->probing || (region_state(r, now) != REGION_CLOSED && r->probing);
}

void health_probe_begin(struct health *h, msec now)
{
    struct region *r = h->in_region.region;
    CHECK(!h->probing);
    h->probing = true;
    h->for_region = region_state(r, now) != REGION_CLOSED;
    if (h->for_region)
        r->probing = true;
}

void health_probe_end(struct health *h)
{
    if (h->for_region && h->in_region.region)
        h->in_region.region->probing = false;
    h->probing = h->for_region = false;
}

/* ---- figures */

void health_end(struct health *h, msec now, msec began, msec first, enum figures_end how,
                uint64_t tokens)
{
    figures_end(&h->figures, now, began, first, how, tokens);
    if (!h->window || how != FIGURES_SERVED)
        return;
    window_served(h->window, now,
                  &(struct window_answer){.ms = now - began,
                                          .first = first > 0,
                                          .first_ms = first - began,
                                          .tokens = tokens ? tokens - 1 : 0,
                                          .tokens_ms = tokens > 1 ? now - first : 0});
}

void health_fault(struct health *h, msec now, enum fault how)
{
    figures_fault(&h->figures, now, how);
    if (h->window)
        window_fault(h->window, now, how);
}

/* ---- outcomes */

/* What its region's outage opened must not outlast it. */
static void bound_members(struct region *r, msec until)
{
    list_each(it, &r->members)
    {
        struct region_member *m = list_entry(it, struct region_member, link);
        struct health *h = list_entry(m, struct health, in_region);
        if (h->open_until > until)
            h->open_until = until;
    }
}

void health_seems_well(struct health *h, msec now)
{
    if (h->refused_until > now)
        h->refused_until = now;
    if (h->open_until > now)
        h->open_until = now; /* not 0: that would be closed */
    if (outlier_is_ejected(&h->outlier, now))
        h->outlier.ejected_until = now;
    if (region_seems_well(h->in_region.region, now))
        bound_members(h->in_region.region, now);
}

void health_answers(struct health *h, msec now)
{
    struct region *r = h->in_region.region;
    if (h->open_until) {
        h->closed_at = now;
        figures_recovered(&h->figures, now);
    }
    /* Not cool_until: who is cooling is sent nothing, so this is the answer to an older call, which
     * was let in before the limit was reached. */
    h->open_until = h->refused_until = 0;
    health_probe_end(h);
    if (region_served(&h->in_region, now))
        bound_members(r, now);
}

void health_success(struct health *h, msec now)
{
    health_answers(h, now);
    outlier_served(&h->outlier, now);
    h->failures = h->unreached = 0;
}

unsigned health_openings(unsigned openings, msec closed_at, msec now)
{
    const msec calm = closed_at && now > closed_at ? (now - closed_at) / HEALTH_CALM_MS : 0;
    return openings > calm ? openings - (unsigned)calm : 0;
}

static void open(struct health *h, msec now)
{
    h->openings = health_openings(h->openings, h->closed_at, now) + 1;
    h->table->opened++;
    const struct health_limits *l = &h->table->limits;
    const msec ms = l->open_ms * h->openings;
    h->open_until = now + (ms < l->max_ms ? ms : l->max_ms);
    h->closed_at = 0;
    h->failures = h->unreached = 0;
}

void health_seems_down(struct health *h, msec now)
{
    health_probe_end(h);
    open(h, now);
}

/* In a row: what it says proves that it can be reached, and takes back what did not reach it; that
 * it could not be reached says nothing of its answers. */
static bool one_too_many(struct health *h, bool ours)
{
    if (!ours)
        h->unreached = 0;
    return ++*(ours ? &h->unreached : &h->failures) >= h->table->limits.failures;
}

void health_failure(struct health *h, bool ours, msec now)
{
    const bool half_open = h->open_until && h->open_until <= now;
    struct region *r = h->in_region.region;
    health_probe_end(h);
    outlier_failed(&h->outlier, ours ? OUTLIER_OURS : OUTLIER_SAID, now);
    if (one_too_many(h, ours) || half_open)
        open(h, now);
    region_failed(&h->in_region, now);
    if (region_state(r, now) == REGION_OPEN)
        bound_members(r, r->open_until);
}

void health_cool(struct health *h, msec now, uint64_t retry_after_ms)
{
    uint64_t ms = retry_after_ms < HEALTH_COOL_MIN_MS ? HEALTH_COOL_MIN_MS : retry_after_ms;
    h->cool_until = now + (ms < HEALTH_COOL_MAX_MS ? ms : HEALTH_COOL_MAX_MS);
    health_probe_end(h);
}

void health_refuse(struct health *h, msec now)
{
    h->refused_until = now + HEALTH_REFUSED_MS;
    health_probe_end(h);
}
