/* SPDX-License-Identifier: Apache-2.0 */
/* meter - slices of a minute, shared by the workers; see the header. */
#include "route/meter.h"

#include "base/check.h"

#define COUNT_BITS 40
#define COUNT_MAX  ((UINT64_C(1) << COUNT_BITS) - 1)
#define BUSY_MS    1000 /* when to ask again where only calls under way stand in the way */

_Static_assert((METER_SLICES - 1) * METER_SLICE_MS == 60000,
               "a minute is a whole number of slices");

/* ---- one minute */

static uint64_t number_of(msec t)
{
    return (t / METER_SLICE_MS + 1) &
           ((UINT64_C(1) << (64 - COUNT_BITS)) - 1); /* never 0 at start */
}

static _Atomic uint64_t *slice_at(struct meter_minute *w, msec t)
{
    return &w->slice[t / METER_SLICE_MS % METER_SLICES];
}

/* Add to the slice of a time; the first one there begins it anew. A slice that is over by then, and
 * has become another one, is left alone. */
static void add(struct meter_minute *w, msec t, int64_t by, bool begins)
{
    _Atomic uint64_t *cell = slice_at(w, t);
    const uint64_t number = number_of(t);
    uint64_t old = atomic_load_explicit(cell, memory_order_relaxed), new;
    do {
        const bool same = old >> COUNT_BITS == number;
        if (!same && !begins)
            return;
        uint64_t n = same ? old & COUNT_MAX : 0;
        if (by < 0)
            n = n > (uint64_t)-by ? n - (uint64_t)-by : 0;
        else
            n = n + (uint64_t)by < COUNT_MAX ? n + (uint64_t)by : COUNT_MAX;
        new = number << COUNT_BITS | n;
    } while (!atomic_compare_exchange_weak_explicit(cell, &old, new, memory_order_relaxed,
                                                    memory_order_relaxed));
}

/* The count of the slice that is so many back; 0: nothing was counted then. */
static uint64_t count_back(const struct meter_minute *w, msec now, unsigned back)
{
    const msec t = now - (msec)back * METER_SLICE_MS;
    const uint64_t v =
        atomic_load_explicit(&w->slice[t / METER_SLICE_MS % METER_SLICES], memory_order_relaxed);
    return v >> COUNT_BITS == number_of(t) ? v & COUNT_MAX : 0;
}

static unsigned slices_until(msec now) /* there is none before the clock began */
{
    return now / METER_SLICE_MS < METER_SLICES ? (unsigned)(now / METER_SLICE_MS) + 1
                                               : METER_SLICES;
}

static uint64_t count(const struct meter_minute *w, msec now)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < slices_until(now); i++)
        sum += count_back(w, now, i);
    return sum;
}

/* When `want` more fit into `most`: slices leave the minute, the oldest first. */
static msec ready_at(const struct meter_minute *w, uint64_t most, uint64_t want, msec now)
{
    uint64_t sum = count(w, now);
    want = want < most ? want : most; /* what is more than the limit can only ask for all of it */
    if (sum + want <= most)
        return 0;
    const msec begin = now / METER_SLICE_MS * METER_SLICE_MS;
    for (unsigned i = slices_until(now); i-- > 0;) {
        sum -= count_back(w, now, i);
        if (sum + want <= most)
            return begin - (msec)i * METER_SLICE_MS + (msec)METER_SLICES * METER_SLICE_MS;
    }
    return begin + (msec)METER_SLICES * METER_SLICE_MS; /* others count while we do */
}

/* ---- meters */

/* Identity and holders are one word, so that a place changes hands in one step. */
#define HOLDER_BITS 16
#define HOLDERS_MAX ((UINT64_C(1) << HOLDER_BITS) - 1)

static uint64_t id_of(uint64_t owner)
{
    return owner >> HOLDER_BITS;
}

static uint64_t holders_of(uint64_t owner)
{
    return owner & HOLDERS_MAX;
}

/* Its own place; else one that was never anybody's, else one that nobody holds. NULL: none. */
static struct meter *place_for(struct meters *all, uint64_t id, uint64_t *ret_owner)
{
    struct meter *idle = NULL;
    for (unsigned i = 0; i < METERS_MAX; i++) {
        struct meter *m = &all->m[(id + i) % METERS_MAX];
        const uint64_t owner = atomic_load(&m->owner);
        if (id_of(owner) != id && (holders_of(owner) || (idle && (!*ret_owner || owner))))
            continue;
        idle = m;
        *ret_owner = owner;
        if (id_of(owner) == id)
            break;
    }
    return idle;
}

static void clear(struct meter_minute *w)
{
    for (unsigned i = 0; i < METER_SLICES; i++)
        atomic_store_explicit(&w->slice[i], 0, memory_order_relaxed);
}

/* One holder more, if the place is still as it was seen. */
static bool hold(struct meter *m, uint64_t id, uint64_t seen)
{
    const bool own = id_of(seen) == id;
    const uint64_t new = id << HOLDER_BITS | ((own ? holders_of(seen) : 0) + 1);
    if (!atomic_compare_exchange_strong(&m->owner, &seen, new))
        return false;
    if (!own) { /* who finds it in this moment, and counts already, loses a call of its minute */
        clear(&m->requests);
        clear(&m->tokens);
    }
    return true;
}

/* `forget`: the last one leaves nothing behind. */
static void let_go(struct meter *m, bool forget)
{
    uint64_t old = atomic_load(&m->owner), new;
    do {
        CHECK(holders_of(old) > 0);
        new = forget &&holders_of(old) == 1 ? 0 : old - 1;
    } while (!atomic_compare_exchange_weak(&m->owner, &old, new));
}

/* Two that look for the same new identity may each have found a place idle that the other saw
 * taken. All these steps have one order (they are sequentially consistent): whoever held its place
 * last sees the other's here, so of two at most one stays. */
static bool is_the_only_one(struct meters *all, const struct meter *m, uint64_t id)
{
    for (unsigned i = 0; i < METERS_MAX; i++) {
        const uint64_t owner = atomic_load(&all->m[i].owner);
        if (&all->m[i] != m && id_of(owner) == id && holders_of(owner))
            return false;
    }
    return true;
}

struct meter *meter_take(struct meters *all, uint64_t id)
{
    id = id << HOLDER_BITS >> HOLDER_BITS; /* of a hash, 48 bits do as well */
    id += id == 0;
    for (;;) { /* once more only where another has moved meanwhile: nobody is waited for */
        uint64_t seen = 0;
        struct meter *m = place_for(all, id, &seen);
        if (!m || holders_of(seen) == HOLDERS_MAX)
            return NULL;
        if (!hold(m, id, seen))
            continue;
        if (is_the_only_one(all, m, id))
            return m;
        let_go(m, true);
    }
}

void meter_give(struct meters *all, struct meter *m)
{
    if (!m)
        return;
    CHECK(m >= all->m && m < all->m + METERS_MAX);
    let_go(m, false);
}

void meter_begin(struct meter *m, uint64_t tokens, msec now, struct meter_share *ret)
{
    CHECK(!ret->of);
    *ret = (struct meter_share){.of = m, .at = now, .tokens = tokens};
    atomic_fetch_add_explicit(&m->in_flight, 1, memory_order_relaxed);
    add(&m->requests, now, 1, true);
    add(&m->tokens, now, (int64_t)tokens, true);
}

void meter_end(struct meter_share *s, uint64_t tokens)
{
    struct meter *m = s->of;
    if (!m)
        return;
    s->of = NULL;
    atomic_fetch_sub_explicit(&m->in_flight, 1, memory_order_relaxed);
    if (tokens)
        add(&m->tokens, s->at, (int64_t)tokens - (int64_t)s->tokens, false);
}

static double free_share(uint64_t used, uint64_t most)
{
    return used < most ? 1 - (double)used / (double)most : 0;
}

double meter_room(const struct meter *m, const struct conf_rates *limits, msec now)
{
    double room = 1, x;
    if (limits->rpm && (x = free_share(count(&m->requests, now), limits->rpm)) < room)
        room = x;
    if (limits->tpm && (x = free_share(count(&m->tokens, now), limits->tpm)) < room)
        room = x;
    const uint64_t n = atomic_load_explicit(&m->in_flight, memory_order_relaxed);
    if (limits->concurrency && (x = free_share(n, limits->concurrency)) < room)
        room = x;
    return room;
}

enum meter_says meter_look(const struct meter *m, const struct conf_rates *limits, uint64_t tokens,
                           msec now, msec *ret_at)
{
    const msec a = limits->rpm ? ready_at(&m->requests, limits->rpm, 1, now) : 0;
    const msec b = limits->tpm ? ready_at(&m->tokens, limits->tpm, tokens, now) : 0;
    *ret_at = a > b ? a : b;
    if (*ret_at)
        return METER_LIMITED;
    if (!limits->concurrency ||
        atomic_load_explicit(&m->in_flight, memory_order_relaxed) < limits->concurrency)
        return METER_FITS;
    *ret_at = now + BUSY_MS;
    return METER_BUSY;
}
