/* SPDX-License-Identifier: Apache-2.0 */
/* alive - probes and the records of one provider; see the header. */
#include "route/alive.h"

#include "base/check.h"
#include "base/hash.h"

/* An id is the key's hash, then provider, origin and model, each with a zero byte behind it
 * (plan.c). */
static bool is_of(const struct health *h, const struct conf_provider *p)
{
    const str names[2] = {p->name, p->origin.text};
    size_t at = sizeof(uint64_t);
    for (unsigned i = 0; i < 2; i++) {
        if (h->id.n < at + names[i].n + 1 || memcmp(h->id.p + at, names[i].p, names[i].n) != 0 ||
            h->id.p[at + names[i].n])
            return false;
        at += names[i].n + 1;
    }
    return true;
}

static bool is_target(const struct health *h, const struct conf_provider *p)
{
    const size_t names = p->name.n + 1 + p->origin.text.n + 1;
    CHECK(h->id.n > sizeof(uint64_t) + names);
    return h->id.n > sizeof(uint64_t) + names + 1; /* else the model is "": it is a credential's */
}

static bool is_out(const struct health *h, msec now)
{
    const enum health_state state = health_state(h, now);
    return state == HEALTH_OPEN || state == HEALTH_EJECTED || state == HEALTH_REGION_OPEN;
}

/* The record of its first key, which is what a probe with a path shows: an id begins with its hash.
 * REFUSED is a state of credentials alone. */
static bool is_first_key_refused(const struct route_state *s, const struct health *h,
                                 const struct conf_provider *p, msec now)
{
    const uint64_t hash = p->nkeys ? hash_bytes(s->identity, secret_reveal(&p->keys[0])) : 0;
    return p->probe.path.n && health_state(h, now) == HEALTH_REFUSED && is_of(h, p) &&
           memcmp(h->id.p, &hash, sizeof(hash)) == 0;
}

bool alive_is_wanted(const struct route_state *s, const struct conf_provider *p, msec now)
{
    list_each(it, &s->health.used)
    {
        const struct health *h = list_entry(it, struct health, link);
        if ((is_out(h, now) && is_of(h, p)) || is_first_key_refused(s, h, p, now))
            return true;
    }
    return false;
}

bool alive_key(struct route_state *s, const struct conf_provider *p, msec now)
{
    list_each(it, &s->health.used)
    {
        struct health *h = list_entry(it, struct health, link);
        if (!is_first_key_refused(s, h, p, now))
            continue;
        health_seems_well(h, now);
        return true;
    }
    return false;
}

unsigned alive_yes(struct route_state *s, const struct conf_provider *p, msec now)
{
    unsigned n = 0;
    list_each(it, &s->health.used)
    {
        struct health *h = list_entry(it, struct health, link);
        if (!is_out(h, now) || !is_of(h, p))
            continue;
        health_seems_well(h, now);
        n++;
    }
    return n;
}

unsigned alive_no(struct route_state *s, const struct conf_provider *p, msec now)
{
    unsigned n = 0;
    list_each(it, &s->health.used)
    {
        struct health *h = list_entry(it, struct health, link);
        if (!is_of(h, p) || !is_target(h, p) || is_out(h, now))
            continue;
        health_seems_down(h, now);
        n++;
    }
    return n;
}
