/* SPDX-License-Identifier: Apache-2.0 */
/*
 * candidate - the health records of a target with one of its keys: found by identity, remembered,
 * held. See plan.h; what a plan makes of them is plan.c.
 */
#include "base/check.h"
#include "base/mem.h"
#include "route/plan.h"
#include "route/record.h"

#define ID_MAX          512
#define REGION_NAME_MAX 256

/* Identity of a credential, and with a model of a target. The key itself is only hashed into it. */
static struct health *record(struct route_state *s, const struct conf_provider *p, uint32_t key,
                             str model)
{
    char id[ID_MAX];
    size_t n = 0;
    str parts[3] = {p->name, p->origin.text, model};
    uint64_t h = p->nkeys ? hash_bytes(s->identity, secret_reveal(&p->keys[key])) : 0;
    memcpy(id, &h, sizeof(h));
    n = sizeof(h);
    for (int i = 0; i < 3; i++) {
        size_t take = parts[i].n < (ID_MAX - n - 1) / 2 ? parts[i].n : (ID_MAX - n - 1) / 2;
        if (take)
            memcpy(id + n, parts[i].p, take);
        n += take;
        id[n++] = '\0';
    }
    struct health *found = health_get(&s->health, str_of(id, n));
    if (found && !found->recalled) {
        found->recalled = true;
        found->window = model.n ? mem_zalloc(sizeof(*found->window)) : NULL;
        if (s->remembered)
            record_restore(records_find(s->remembered, found->id), found);
    }
    return found;
}

/* Is h of this model at p? An id ends in names as record() put them there. */
static bool is_of(const struct health *h, const struct conf_provider *p, str model)
{
    size_t names = p->name.n + 1 + p->origin.text.n + 1;
    return h->id.n == sizeof(uint64_t) + names + model.n + 1 &&
           memcmp(h->id.p + sizeof(uint64_t) + names, model.p, model.n) == 0;
}

static struct plan_memo *memo_for(struct route_state *s, const struct conf_provider *p,
                                  uint32_t key, str model)
{
    size_t last = model.n ? (unsigned char)model.p[model.n - 1] : 0;
    return &s->memo[(p->index * 5 + key * 3 + model.n + last) % PLAN_MEMO];
}

static bool recall(struct route_state *s, const struct plan_memo *m, const struct snapshot *snap,
                   struct candidate *c)
{
    if (m->provider != c->provider || m->generation != snap->generation || m->key != c->key ||
        m->dropped != s->health.dropped || !is_of(m->health, c->provider, c->target->model))
        return false;
    c->credential = m->credential;
    c->health = m->health;
    health_touch(&s->health, c->credential);
    health_touch(&s->health, c->health);
    return true;
}

/* One company's region: "us" of one provider has nothing to do with "us" of another one, where the
 * table of known providers is who says so. NULL: it is in none. */
static struct region *region_of_provider(struct route_state *s, const struct conf_provider *p)
{
    char name[REGION_NAME_MAX];
    if (!p->region.n || p->preset.n + 1 + p->region.n > sizeof(name))
        return NULL;
    if (p->preset.n)
        memcpy(name, p->preset.p, p->preset.n);
    name[p->preset.n] = ' ';
    memcpy(name + p->preset.n + 1, p->region.p, p->region.n);
    return region_of(&s->regions, str_of(name, p->preset.n + 1 + p->region.n));
}

bool candidate_of(struct route_state *s, const struct snapshot *snap, const struct conf_target *t,
                  uint32_t key, struct candidate *ret)
{
    const struct conf_provider *p = &snap->providers[t->provider];
    struct plan_memo *memo = memo_for(s, p, key, t->model);
    *ret = (struct candidate){.target = t, .provider = p, .key = key};
    if (recall(s, memo, snap, ret))
        return true;
    ret->credential = record(s, p, key, STR(""));
    if (!ret->credential)
        return false;
    health_hold(ret->credential); /* the next line may make room for itself */
    ret->health = record(s, p, key, t->model);
    health_release(ret->credential);
    if (!ret->health)
        return false;
    region_join(region_of_provider(s, p), &ret->health->in_region,
                str_from(ret->health->id, sizeof(uint64_t)));
    *memo = (struct plan_memo){.provider = p,
                               .generation = snap->generation,
                               .dropped = s->health.dropped,
                               .key = key,
                               .credential = ret->credential,
                               .health = ret->health};
    return true;
}

void candidate_hold(struct candidate *c)
{
    health_hold(c->credential);
    health_hold(c->health);
}

void candidate_probe_over(struct candidate *c)
{
    if (c->probing)
        health_probe_end(c->health);
    c->probing = false;
}

void candidate_release(struct candidate *c)
{
    candidate_probe_over(c);
    health_release(c->credential);
    health_release(c->health);
}

void candidate_take(struct candidate *to, struct candidate *from)
{
    candidate_hold(from);
    *to = *from;
    from->probing = false; /* there is one probe, and one who gives it back */
}
