/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy - which targets a caller leaves in, and in which order.
 *
 * The order comes behind the strategy's and is stable: targets that the policy says nothing of, or
 * the same, stay as the strategy put them. So `order` alone still spreads the rest by weight.
 */
#include "route/policy.h"

#include <math.h>

#include "base/check.h"

/* "anthropic", a preset's name, or "anthropic/claude-sonnet-4-5" of a target. */
bool policy_names_provider(str name, const struct conf_provider *p)
{
    return str_eq_nocase(name, p->name) || (p->preset.n && str_eq_nocase(name, p->preset));
}

static bool names(str name, const struct conf_provider *p, const struct conf_target *t)
{
    size_t slash = str_find_char(name, '/');
    if (policy_names_provider(name, p))
        return true;
    return slash != SIZE_MAX && policy_names_provider(str_head(name, slash), p) &&
           str_eq_nocase(str_from(name, slash + 1), t->model);
}

/* ---- judging a target */

static uint32_t place_in(const struct policy_names *list, const struct conf_provider *p,
                         const struct conf_target *t)
{
    uint32_t i = 0;
    while (i < list->n && !names(list->v[i], p, t))
        i++;
    return i;
}

/* A price that nobody knows is no bargain. */
static bool is_too_dear(const struct route_policy *p, const struct policy_target *t)
{
    if (!policy_needs_price(p))
        return false;
    return !t->priced || (p->has_max_prompt && t->prompt > p->max_prompt) ||
           (p->has_max_completion && t->completion > p->max_completion);
}

enum plan_reason policy_judge(const struct route_policy *p, const struct policy_target *t)
{
    if (p->only.n && place_in(&p->only, t->provider, t->target) == p->only.n)
        return REASON_NOT_IN_ONLY;
    if (place_in(&p->ignore, t->provider, t->target) < p->ignore.n)
        return REASON_IGNORED;
    if (p->no_fallbacks && p->order.n && place_in(&p->order, t->provider, t->target) == p->order.n)
        return REASON_NOT_IN_ORDER;
    if (is_too_dear(p, t))
        return REASON_MAX_PRICE;
    return REASON_FITS;
}

bool policy_is_too_slow(const struct route_policy *p, const struct reading *seen)
{
    return p->max_ttft && seen->n >= POLICY_TTFT_SAMPLES && seen->first_ms > (double)p->max_ttft;
}

/* By `order`, then by `sort`; what is not known of a target puts it behind those it is known of. */
static double figure_of(const struct route_policy *p, const struct contender *c)
{
    double v = 0;
    switch (p->sort) {
    case POLICY_SORT_NONE:
        return 0;
    case POLICY_SORT_PRICE:
        v = c->usd;
        break;
    case POLICY_SORT_LATENCY:
        v = c->seen.n > 0 ? c->seen.first_ms : -1;
        break;
    case POLICY_SORT_PACE:
        v = c->seen.n > 0 ? c->seen.token_ms : -1;
        break;
    }
    return v < 0 || isnan(v) ? (double)INFINITY : v;
}

unsigned policy_needs(const struct route_policy *p)
{
    const bool seen = p->max_ttft || p->sort == POLICY_SORT_LATENCY || p->sort == POLICY_SORT_PACE;
    return (seen ? STRATEGY_FIGURES : 0) |
           (p->sort == POLICY_SORT_PRICE ? STRATEGY_COST | STRATEGY_FIGURES : 0);
}

/* Insertion, stable; there are few. */
void policy_rank(const struct route_policy *p, const struct snapshot *s, struct contender *c,
                 uint32_t n)
{
    for (uint32_t i = 1; (p->order.n || p->sort) && i < n; i++) {
        const struct contender x = c[i];
        const uint32_t place = place_in(&p->order, &s->providers[x.target->provider], x.target);
        const double figure = figure_of(p, &x);
        uint32_t k = i;
        for (; k > 0; k--) {
            const struct contender *before = &c[k - 1];
            const uint32_t at =
                place_in(&p->order, &s->providers[before->target->provider], before->target);
            if (at < place || (at == place && figure_of(p, before) <= figure))
                break;
            c[k] = c[k - 1];
        }
        c[k] = x;
    }
}

/* ---- the body without it */

str policy_cut(str body, jval root, struct arena *a)
{
    struct json_iter it = json_iter(root);
    const char *from = NULL, *to = NULL, *kept = NULL; /* kept: end of the member before */
    while (json_next(&it)) {
        str value = json_text(it.val);
        if (from && !to) { /* the first of all goes with the comma behind it */
            to = json_text(it.key).p;
        } else if (json_str_is(it.key, STR(POLICY_MEMBER))) {
            from = kept ? kept : json_text(it.key).p;
            to = kept ? value.p + value.n : NULL;
        }
        kept = value.p + value.n;
    }
    if (!from)
        return body;
    if (!to) /* there is no other */
        to = kept;
    CHECK(from >= body.p && to > from && to <= body.p + body.n);
    size_t before = (size_t)(from - body.p), behind = (size_t)(body.p + body.n - to);
    char *out = arena_alloc(a, before + behind + 1);
    if (!out)
        return STR_NONE;
    memcpy(out, body.p, before);
    memcpy(out + before, to, behind);
    return str_of(out, before + behind);
}
