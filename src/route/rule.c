/* SPDX-License-Identifier: Apache-2.0 */
/* rule - the walk over an operator's rules; see the header. */
#include "route/rule.h"

#include "base/check.h"
#include "conf/zone.h"

#define DAY_MS    UINT64_C(86400000)
#define MINUTE_MS 60000

/* The how-manieth throw of a round to a side, each once: all steps can be undone, as a product with
 * an odd number can modulo a power of two, and a number with its own higher bits put over it. The
 * factors are such that neighbours come far apart: with one step of 1 half of all calls would go
 * one way for 64 calls on end. */
static uint32_t side_of(const struct rule_dice *d, uint32_t throw)
{
    static const uint8_t factors[8] = {29, 37, 45, 53, 75, 83, 91, 99};
    uint32_t s = (d->from + throw *factors[d->way & 7]) % DICE_SIDES;
    s ^= s >> 3;
    s = (s + d->turn) * factors[d->way >> 3 & 7] % DICE_SIDES;
    return s ^ s >> 4;
}

uint32_t dice_throw(struct rule_dice *d, struct rand *r)
{
    _Static_assert(DICE_SIDES == 128, "side_of counts on seven bits");
    if (d->thrown % DICE_SIDES == 0) {
        const uint64_t x = rand_u64(r);
        *d = (struct rule_dice){
            .from = (uint8_t)x, .turn = (uint8_t)(x >> 8), .way = (uint8_t)(x >> 16)};
    }
    const uint32_t side = side_of(d, d->thrown++);
    return (uint32_t)((side * (uint64_t)CONF_MILLION + rand_below(r, CONF_MILLION)) / DICE_SIDES);
}

/* ---- conditions */

static bool like_one_of(const struct conf_cond *c, str s)
{
    for (uint32_t i = 0; s.p && i < c->nglobs; i++)
        if (conf_glob_is_like(&c->globs[i], s))
            return true;
    return false;
}

static bool has_tag(const struct conf_cond *c, const struct rule_outcome *out)
{
    for (uint32_t i = 0; i < out->ntags; i++)
        if (like_one_of(c, out->tags[i]))
            return true;
    return false;
}

static bool is_within(const struct rule_view *v, const struct conf_cond *c)
{
    if (c->min && v->tokens(v->arg, c->min) < c->min)
        return false;
    return c->max == UINT64_MAX || v->tokens(v->arg, c->max) <= c->max;
}

/* Hours past midnight belong to the day on which they began. */
static bool is_time(const struct conf_hours *h, uint64_t unix_ms)
{
    const int64_t east = h->zone
                             ? conf_zone_offset(h->zone, (int64_t)(unix_ms / 1000)) * INT64_C(1000)
                             : h->utc_offset * INT64_C(60000);
    const uint64_t local = unix_ms + DAY_MS + (uint64_t)east;
    const unsigned minute = (unsigned)(local % DAY_MS / MINUTE_MS);
    unsigned day = (unsigned)((local / DAY_MS - 1 + 3) % 7); /* 1970 began on a Thursday */
    if (h->from < h->to)
        return minute >= h->from && minute < h->to && (h->days >> day & 1);
    if (minute < h->to)
        day = (day + 6) % 7;
    else if (minute < h->from)
        return false;
    return h->days >> day & 1;
}

static bool holds(const struct conf_cond *c, const struct rule_view *v, struct rule_outcome *out);

static bool any_holds(const struct conf_cond *c, const struct rule_view *v,
                      struct rule_outcome *out)
{
    for (uint32_t i = 0; i < c->nsub; i++)
        if (holds(&c->sub[i], v, out))
            return true;
    return false;
}

static bool all_hold(const struct conf_cond *c, const struct rule_view *v, struct rule_outcome *out)
{
    for (uint32_t i = 0; i < c->nsub; i++)
        if (!holds(&c->sub[i], v, out))
            return false;
    return true;
}

/* The text that a condition is about; TAG is about several and not here. */
static str text_of(const struct conf_cond *c, const struct rule_view *v)
{
    switch (c->kind) {
    case CONF_COND_HEADER:
        return v->header(v->arg, c->name);
    case CONF_COND_METADATA:
        return v->metadata(v->arg, c->name);
    case CONF_COND_KEY:
        return v->key;
    case CONF_COND_PATH:
        return v->path;
    case CONF_COND_MODEL:
        return v->model;
    case CONF_COND_FRONT:
        return v->front;
    case CONF_COND_USER:
        return v->user(v->arg);
    case CONF_COND_TAG:
    case CONF_COND_TRAIT:
    case CONF_COND_TOKENS:
    case CONF_COND_TIME:
    case CONF_COND_SHARE:
    case CONF_COND_ALL:
    case CONF_COND_ANY:
    case CONF_COND_NOT:
        break;
    }
    return STR_NONE;
}

static bool holds(const struct conf_cond *c, const struct rule_view *v, struct rule_outcome *out)
{
    switch (c->kind) {
    case CONF_COND_HEADER:
    case CONF_COND_METADATA:
    case CONF_COND_KEY:
    case CONF_COND_PATH:
    case CONF_COND_MODEL:
    case CONF_COND_FRONT:
    case CONF_COND_USER:
        return like_one_of(c, text_of(c, v));
    case CONF_COND_TAG:
        return has_tag(c, out);
    case CONF_COND_TRAIT:
        return v->trait(v->arg, c->trait) == c->wanted;
    case CONF_COND_TOKENS:
        return is_within(v, c);
    case CONF_COND_TIME:
        return is_time(&c->hours, v->unix_ms);
    case CONF_COND_SHARE:
        return dice_throw(&v->dice[c->throw], v->rand) < c->share;
    case CONF_COND_ALL:
        return all_hold(c, v, out);
    case CONF_COND_ANY:
        return any_holds(c, v, out);
    case CONF_COND_NOT:
        return !any_holds(c, v, out);
    }
    return false;
}

/* ---- what follows */

static uint64_t mix(uint64_t h)
{
    h = (h ^ h >> 30) * UINT64_C(0xbf58476d1ce4e5b9); /* SplitMix64's finish */
    h = (h ^ h >> 27) * UINT64_C(0x94d049bb133111eb);
    return h ^ h >> 31;
}

/* Parts of a million: by who it is, or by the dice. */
static uint32_t draw(const struct conf_rule *r, const struct rule_view *v, uint32_t place)
{
    const uint64_t who = r->is_sticky ? v->identity(v->arg, &r->sticky) : 0;
    return who ? (uint32_t)(mix(who ^ r->salt) % CONF_MILLION)
               : dice_throw(&v->dice[place], v->rand);
}

static const struct conf_route *arm_of(const struct conf_rule *r, const struct rule_view *v)
{
    const struct conf_split *s = r->split;
    uint64_t at = draw(r, v, s->throw) * s->total / CONF_MILLION;
    CHECK(s->n > 0 && s->total > 0);
    for (uint32_t i = 0; i < s->n; i++) {
        if (at < s->arms[i].weight)
            return s->arms[i].route;
        at -= s->arms[i].weight;
    }
    return s->arms[s->n - 1].route;
}

/* Where the rule sends the call; NULL: nowhere else. */
static const struct conf_route *route_of(const struct conf_rule *r, const struct rule_view *v,
                                         bool *ret_canary)
{
    *ret_canary = false;
    if (r->split)
        return arm_of(r, v);
    if (!r->canary || !r->canary->route || !v->may(v->arg, r->canary->route))
        return r->use;
    const uint32_t share = v->share ? v->share(v->arg, r->canary) : r->canary->steps[0];
    *ret_canary = draw(r, v, r->canary->throw) < share;
    return *ret_canary ? r->canary->route : r->use;
}

static void add_tags(struct rule_outcome *out, const struct conf_rule *r)
{
    for (uint32_t i = 0; i < r->ntags && out->ntags < RULE_TAGS_MAX; i++) {
        uint32_t k = 0;
        while (k < out->ntags && !str_eq(out->tags[k], r->tags[i]))
            k++;
        if (k == out->ntags)
            out->tags[out->ntags++] = r->tags[i];
    }
}

/* The model that the rule chooses, where none before it did. False: the caller's key may not go
 * there. */
static bool choose(const struct conf_rule *r, const struct rule_view *v, struct rule_outcome *out)
{
    bool is_canary;
    if ((!r->use && !r->split && !r->canary) || out->route || out->trial)
        return true;
    const struct conf_route *to = route_of(r, v, &is_canary);
    if (to && !v->may(v->arg, to))
        return false;
    out->route = to;
    out->by = to ? r : NULL;
    if (r->canary && r->canary->route) {
        out->trial = r;
        out->is_canary = is_canary;
    }
    return true;
}

static void copy_for(const struct conf_rule *r, const struct rule_view *v, struct rule_outcome *out)
{
    const struct conf_mirror *m = r->mirror;
    if (m && m->route && !out->mirror && v->may(v->arg, m->route) &&
        dice_throw(&v->dice[m->throw], v->rand) < m->share)
        out->mirror = r;
}

/* False: it is passed over. */
static bool apply(const struct conf_rule *r, const struct rule_view *v, struct rule_outcome *out)
{
    if (!choose(r, v, out))
        return false;
    if (r->deny.status) {
        out->deny = &r->deny;
        out->by = r;
    }
    copy_for(r, v, out);
    add_tags(out, r);
    CHECK(out->n < RULE_MATCHES_MAX);
    out->matched[out->n++] = r;
    return true;
}

void rules_apply(const struct conf_rules *rules, const struct rule_view *v,
                 struct rule_outcome *out)
{
    out->n = 0;
    out->by = out->trial = NULL;
    out->route = NULL;
    out->deny = NULL;
    out->mirror = NULL;
    out->is_canary = false;
    for (uint32_t i = 0; i < rules->n && out->n < RULE_MATCHES_MAX; i++) {
        const struct conf_rule *r = &rules->v[i];
        if (r->when && !holds(r->when, v, out))
            continue;
        if (apply(r, v, out) && (!r->goes_on || out->deny))
            return;
    }
}
