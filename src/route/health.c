/* SPDX-License-Identifier: Apache-2.0 */
/* health - cooling, breaker and refused credentials; see the header. */
#include "route/health.h"

#include "base/check.h"
#include "base/mem.h"

void health_init(struct health_table *t, struct hash_key key)
{
    map_init(&t->map, key);
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
    if (map_put(&t->map, h->id, h, NULL) != RC_OK) {
        mem_free(h);
        return NULL;
    }
    list_push_front(&t->used, &h->link);
    return h;
}

enum health_state health_state(const struct health *h, msec now)
{
    if (h->refused_until > now)
        return HEALTH_REFUSED;
    if (h->open_until > now)
        return HEALTH_OPEN;
    if (h->cool_until > now)
        return HEALTH_COOLING;
    return h->open_until ? HEALTH_HALF_OPEN : HEALTH_OK;
}

msec health_ready_at(const struct health *h, msec now)
{
    msec at = 0;
    if (h->refused_until > now)
        at = h->refused_until;
    if (h->open_until > now && h->open_until > at)
        at = h->open_until;
    if (h->cool_until > now && h->cool_until > at)
        at = h->cool_until;
    return at;
}

void health_answers(struct health *h)
{
    h->open_until = h->cool_until = h->refused_until = 0;
    h->probing = false;
}

void health_success(struct health *h)
{
    health_answers(h);
    h->failures = h->openings = 0;
}

void health_failure(struct health *h, msec now)
{
    bool half_open = h->open_until && h->open_until <= now;
    h->probing = false;
    h->failures++;
    if (h->failures < HEALTH_FAIL_MAX && !half_open)
        return;
    h->openings++;
    uint64_t ms = (uint64_t)HEALTH_OPEN_MS * h->openings;
    h->open_until = now + (ms < HEALTH_OPEN_MAX_MS ? ms : HEALTH_OPEN_MAX_MS);
    h->failures = 0;
}

void health_cool(struct health *h, msec now, uint64_t retry_after_ms)
{
    uint64_t ms = retry_after_ms < HEALTH_COOL_MIN_MS ? HEALTH_COOL_MIN_MS : retry_after_ms;
    h->cool_until = now + (ms < HEALTH_COOL_MAX_MS ? ms : HEALTH_COOL_MAX_MS);
    h->probing = false;
}

void health_refuse(struct health *h, msec now)
{
    h->refused_until = now + HEALTH_REFUSED_MS;
    h->probing = false;
}
