/* SPDX-License-Identifier: Apache-2.0 */
/* record - copies that add up; see the header. */
#include "route/record.h"

#include "base/check.h"
#include "base/mem.h"

void records_init(struct records *s, struct hash_key key)
{
    *s = (struct records){0};
    map_init(&s->map, key);
    list_init(&s->all);
}

void records_fini(struct records *s)
{
    list_each_safe(it, tmp, &s->all) mem_free(list_entry(it, struct record, link));
    map_fini(&s->map);
    list_init(&s->all);
    mem_free(s->warm);
    s->warm = NULL;
    s->nwarm = 0;
}

struct record *records_find(const struct records *s, str id)
{
    return map_get(&s->map, id);
}

struct record *records_take(struct records *s, str id)
{
    struct record *r = records_find(s, id);
    if (r)
        return r;
    CHECK(id.n <= RECORD_ID_MAX);
    r = s->map.count < RECORDS_MAX ? mem_zalloc(sizeof(*r) + id.n) : NULL;
    if (!r) {
        s->failed = true;
        return NULL;
    }
    char *copy = (char *)(r + 1);
    if (id.n)
        memcpy(copy, id.p, id.n);
    r->id = str_of(copy, id.n);
    if (map_put(&s->map, r->id, r, NULL) != RC_OK) {
        mem_free(r);
        s->failed = true;
        return NULL;
    }
    list_push_back(&s->all, &r->link);
    return r;
}

/* ---- adding up */

static msec latest(msec a, msec b)
{
    return a > b ? a : b;
}

static unsigned most(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

static void add_figures(struct record *r, const struct figures *f, msec now)
{
    figures_add(&r->figures, f, now);
    figures_add_faults(&r->figures, f, now);
}

void record_add(struct record *r, const struct health *h, msec now)
{
    add_figures(r, &h->figures, now);
    if (h->window)
        window_add(&r->window, h->window, now);
    r->cool_until = latest(r->cool_until, h->cool_until);
    r->open_until = latest(r->open_until, h->open_until);
    r->refused_until = latest(r->refused_until, h->refused_until);
    r->ejected_until = latest(r->ejected_until, h->outlier.ejected_until);
    r->openings = most(r->openings, health_openings(h->openings, h->closed_at, now));
    r->closed_at = r->open_until ? 0 : now;
    r->ejections = most(r->ejections, h->outlier.ejections);
    r->workers++;
    r->out += health_state(h, now) > HEALTH_HALF_OPEN;
    if (h->quota.known && h->quota.heard > r->heard) {
        r->said = (struct quota_said){0};
        quota_tell(&h->quota, now, &r->said);
        r->said_at = now;
        r->heard = h->quota.heard;
    }
}

void records_add_table(struct records *s, const struct health_table *t, msec now)
{
    list_each(it, &t->used)
    {
        const struct health *h = list_entry(it, struct health, link);
        struct record *r = records_take(s, h->id);
        if (r)
            record_add(r, h, now);
    }
}

void records_add_warm(struct records *s, const struct warm *w, msec now)
{
    if (!w || s->nwarm)
        return;
    if (!s->warm)
        s->warm = mem_alloc(WARM_MOST * sizeof(*s->warm));
    if (s->warm)
        s->nwarm = warm_notes(w, now, s->warm, WARM_MOST);
}

void record_merge(struct record *to, const struct record *from, msec now)
{
    add_figures(to, &from->figures, now);
    window_add(&to->window, &from->window, now);
    to->cool_until = latest(to->cool_until, from->cool_until);
    to->open_until = latest(to->open_until, from->open_until);
    to->refused_until = latest(to->refused_until, from->refused_until);
    to->ejected_until = latest(to->ejected_until, from->ejected_until);
    to->openings = most(to->openings, health_openings(from->openings, from->closed_at, now));
    to->closed_at = to->open_until ? 0 : now;
    to->ejections = most(to->ejections, from->ejections);
    to->workers = most(to->workers, from->workers);
    to->out = most(to->out, from->out);
    if (from->said_at && from->heard > to->heard) {
        to->said = from->said;
        to->heard = from->heard;
        to->said_at = from->said_at;
    }
}

void records_inherit(struct records *s, const struct records *from, msec now)
{
    list_each(it, &from->all)
    {
        const struct record *old = list_entry(it, struct record, link);
        struct record *r = records_find(s, old->id) ? NULL : records_take(s, old->id);
        if (!r)
            continue;
        record_merge(r, old, now);
        r->workers = 0;
    }
}

enum health_state record_state(const struct record *r, msec now)
{
    if (r->refused_until > now)
        return HEALTH_REFUSED;
    if (r->open_until > now)
        return HEALTH_OPEN;
    if (r->cool_until > now)
        return HEALTH_COOLING;
    if (r->ejected_until > now)
        return HEALTH_EJECTED;
    return r->open_until ? HEALTH_HALF_OPEN : HEALTH_OK;
}

/* ---- coming back */

void record_restore(const struct record *r, struct health *h)
{
    if (!r)
        return;
    ASSERT(h->figures.n <= 0 && !h->figures.in_flight); /* it is new */
    figures_restore(&h->figures, &r->figures);
    h->cool_until = r->cool_until;
    h->open_until = r->open_until;
    h->refused_until = r->refused_until;
    h->openings = r->openings;
    h->closed_at = r->closed_at;
    h->outlier.ejected_until = r->ejected_until;
    h->outlier.ejections = r->ejections;
    if (r->said_at)
        quota_learn(&h->quota, &r->said, r->said_at);
}

/* ---- names */

bool record_name(str id, struct record_name *ret)
{
    struct record_name n;
    if (id.n < sizeof(n.key) + 3)
        return false;
    memcpy(&n.key, id.p, sizeof(n.key));
    str rest = str_from(id, sizeof(n.key));
    str *parts[] = {&n.provider, &n.origin, &n.model};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        const char *end = memchr(rest.p, '\0', rest.n);
        if (!end)
            return false;
        *parts[i] = str_head(rest, (size_t)(end - rest.p));
        rest = str_from(rest, parts[i]->n + 1);
    }
    *ret = n;
    return rest.n == 0;
}

bool record_is_target(const struct record *r)
{
    return r->id.n >= 2 && r->id.p[r->id.n - 2] != '\0';
}
