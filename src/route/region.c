/* SPDX-License-Identifier: Apache-2.0 */
/* region - one breaker for targets that share their fate; see the header. */
#include "route/region.h"

#include "base/check.h"
#include "base/mem.h"

_Static_assert(REGION_LAST == 8, "a member's outcomes are the bits of one byte");

void regions_init(struct regions *t, struct hash_key key)
{
    map_init(&t->by_name, key);
    t->limits = (struct region_limits){.open_ms = REGION_OPEN_MS, .max_ms = REGION_OPEN_MAX_MS};
}

void regions_fini(struct regions *t)
{
    size_t pos = 0;
    const struct map_slot *slot;
    while ((slot = map_next(&t->by_name, &pos))) {
        struct region *r = slot->value;
        CHECK(list_is_empty(&r->members)); /* a record that outlives it would point to nowhere */
        mem_free(r);
    }
    map_fini(&t->by_name);
}

struct region *region_of(struct regions *t, str name)
{
    struct region *r = map_get(&t->by_name, name);
    if (r || t->by_name.count >= REGIONS_MAX)
        return r;
    r = mem_zalloc(sizeof(*r) + name.n);
    if (!r)
        return NULL;
    char *copy = (char *)(r + 1);
    if (name.n)
        memcpy(copy, name.p, name.n);
    r->name = str_of(copy, name.n);
    r->table = t;
    list_init(&r->members);
    if (map_put(&t->by_name, r->name, r, NULL) == RC_OK)
        return r;
    mem_free(r);
    return NULL;
}

void region_join(struct region *r, struct region_member *m, str target)
{
    if (m->region == r)
        return;
    region_leave(m);
    if (!r)
        return;
    *m = (struct region_member){.region = r, .target = target};
    list_push_back(&r->members, &m->link);
}

void region_leave(struct region_member *m)
{
    if (!m->region)
        return;
    list_remove(&m->link);
    m->region = NULL;
}

static bool is_bad(const struct region_member *m)
{
    return __builtin_popcount(m->outcomes) >= REGION_BAD_MIN;
}

/* An outcome pushes the oldest one out, and a success takes a failure back: two failures among
 * many calls make nobody bad. */
static void note(struct region_member *m, bool failed, msec now)
{
    m->outcomes = (uint8_t)(m->outcomes << 1 | failed);
    if (!failed)
        m->outcomes &= (uint8_t)(m->outcomes - 1); /* its newest one */
    m->at = now;
}

static bool most_are_bad(const struct region *r, msec now)
{
    unsigned recent = 0, bad = 0, walked = 0;
    bool differ = false;
    str first = STR_NONE;
    list_each(it, &r->members)
    {
        const struct region_member *m = list_entry(it, struct region_member, link);
        if (++walked > REGION_WALK_MAX)
            break;
        if (!m->at || now - m->at > REGION_RECENT_MS)
            continue;
        recent++;
        if (!is_bad(m))
            continue;
        bad++;
        if (!first.p)
            first = m->target;
        differ = differ || !str_eq(first, m->target);
    }
    ASSERT(bad <= recent);
    return differ && 2 * bad > recent;
}

/* Each quiet while takes one opening off the count, so that the trouble of last week does not make
 * today's outage longer than it is. */
static void open(struct region *r, msec now)
{
    const msec calm =
        r->closed_at && now > r->closed_at ? (now - r->closed_at) / REGION_CALM_MS : 0;
    r->openings = r->openings > calm ? r->openings - (unsigned)calm : 0;
    r->openings++;
    r->opened++;
    r->table->opened++;
    const msec ms = r->table->limits.open_ms * r->openings;
    r->open_until = now + (ms < r->table->limits.max_ms ? ms : r->table->limits.max_ms);
    r->closed_at = 0;
    r->probing = false;
}

bool region_failed(struct region_member *m, msec now)
{
    struct region *r = m->region;
    if (!r)
        return false;
    note(m, true, now);
    switch (region_state(r, now)) {
    case REGION_OPEN: /* an attempt from before it opened */
        return false;
    case REGION_HALF_OPEN:
        break;
    case REGION_CLOSED:
        if (r->table->limits.off || !most_are_bad(r, now))
            return false;
    }
    open(r, now);
    return true;
}

/* The members' pasts are forgotten with the outage, or the first failure after it would open the
 * region again. */
static void close(struct region *r, msec now)
{
    list_each(it, &r->members)
    {
        struct region_member *m = list_entry(it, struct region_member, link);
        m->outcomes = 0;
    }
    r->open_until = 0;
    r->closed_at = now;
    r->probing = false;
}

bool region_served(struct region_member *m, msec now)
{
    struct region *r = m->region;
    if (!r)
        return false;
    note(m, false, now);
    if (region_state(r, now) != REGION_HALF_OPEN)
        return false; /* closed; or open, and the answer is to a call from before */
    close(r, now);
    return true;
}

bool region_seems_well(struct region *r, msec now)
{
    if (region_state(r, now) != REGION_OPEN)
        return false;
    r->open_until = now; /* not 0: that would be closed */
    return true;
}
