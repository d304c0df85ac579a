/* SPDX-License-Identifier: Apache-2.0 */
/* plan - candidates in order; see the header. */
#include "route/plan.h"

#include <math.h>

#include "base/check.h"
#include "base/hash.h"
#include "route/filter.h"
#include "route/order.h"
#include "route/policy.h"
#include "route/trace.h"

#define TARGETS_MAX 64

static void adopt(struct plan *p, const struct candidate *c)
{
    CHECK(p->n < PLAN_MAX);
    p->c[p->n] = *c;
    candidate_hold(&p->c[p->n]);
    p->n++;
}

void plan_release(struct plan *p)
{
    for (unsigned i = 0; i < p->n; i++)
        candidate_release(&p->c[i]);
    p->n = p->next = 0;
}

/* Both records together: the worse one. */
static enum health_state state_of(const struct candidate *c, msec now)
{
    enum health_state a = health_state(c->credential, now), b = health_state(c->health, now);
    return a > b ? a : b;
}

static uint32_t key_count(const struct conf_provider *p)
{
    return p->nkeys ? p->nkeys : 1;
}

/* What alerts ask of the target with this key. */
static inline unsigned asked_of(const struct plan_ask *ask, const struct conf_target *t,
                                uint32_t key)
{
    return ask->alerts ? order_of(ask, t, key) : 0;
}

/* May this key serve, as far as it and the alerts go? On trial one call at a time may. */
static enum plan_reason reason_for(const struct candidate *c, const struct plan_ask *ask,
                                   unsigned asked, msec now, msec *ret_at)
{
    const enum plan_reason why = filter_candidate(c, ask, now, ret_at);
    if (why != REASON_FITS || !asked)
        return why;
    return !(asked & ALERT_TRIAL) ? REASON_ALERTED : c->health->probing ? REASON_PROBING : why;
}

/* Whose turn it is among the keys; but where the prompt is cached with one, that comes first. */
static uint64_t first_key(struct route_state *s, const struct contender *c, uint32_t n)
{
    return c && c->warm > 0 ? c->key : n > 1 ? s->key_turn++ : 0;
}

/* Add the target's usable keys, in turn. `as`: it was ranked; or NULL. */
static void add_target(struct plan *p, struct route_state *s, const struct snapshot *snap,
                       const struct conf_target *t, const struct contender *as,
                       const struct plan_ask *ask, msec now)
{
    const uint32_t n = key_count(&snap->providers[t->provider]);
    const uint64_t first = first_key(s, as, n);
    for (uint32_t i = 0; i < n && p->n < PLAN_MAX; i++) {
        struct candidate c;
        const uint32_t key = (uint32_t)((first + i) % n);
        const bool known = candidate_of(s, snap, t, key, &c);
        const unsigned asked = asked_of(ask, t, key);
        msec at = 0;
        const enum plan_reason why = known ? reason_for(&c, ask, asked, now, &at) : REASON_MEMORY;
        trace_key(ask->trace, &c, why, at);
        if (why != REASON_FITS)
            continue;
        c.probe = asked || state_of(&c, now) == HEALTH_HALF_OPEN;
        adopt(p, &c);
    }
}

/* Half open, and the one probe is under way: it is no other's turn, and it contends. */
static bool contends(enum plan_reason why)
{
    return why == REASON_FITS || why == REASON_PROBING;
}

/* Of several keys the one with the most room, and the surest. */
static void take_best(struct contender *to, const struct candidate *c, unsigned needs,
                      const struct plan_ask *ask, msec now)
{
    to->trial = fmin(to->trial, recovery_trial(&c->health->figures.recovery, now));
    if (needs & STRATEGY_ROOM && to->room < 1)
        to->room = fmax(to->room, filter_room(c, ask, now));
}

/* Whether one of the target's keys can serve; and what all of them together have shown, where the
 * strategy looks at that. */
static bool can_serve(struct route_state *s, const struct snapshot *snap,
                      const struct conf_target *t, unsigned needs, const struct plan_ask *ask,
                      msec now, struct contender *ret)
{
    const uint32_t n = key_count(&snap->providers[t->provider]);
    struct figures all = {0};
    bool can = false;
    enum plan_reason why = REASON_FITS;
    ret->trial = (needs & STRATEGY_FIGURES) != 0;
    ret->room = !(needs & STRATEGY_ROOM);
    for (uint32_t i = 0; i < n; i++) {
        struct candidate c;
        msec at = 0;
        const bool known = candidate_of(s, snap, t, i, &c);
        why = !known                              ? REASON_MEMORY
              : order_is_out(asked_of(ask, t, i)) ? REASON_ALERTED
                                                  : filter_candidate(&c, ask, now, &at);
        trace_key(ask->trace, &c, why, at);
        if (!known)
            continue;
        can |= contends(why);
        if (!(needs & (STRATEGY_FIGURES | STRATEGY_ROOM)) && can)
            return true;
        figures_add(&all, &c.health->figures, now);
        trace_faults(ask->trace, &c, now);
        if (contends(why))
            take_best(ret, &c, needs, ask, now);
    }
    ret->seen = figures_read(&all, now);
    ret->last = all.begun;
    ret->in_flight = all.in_flight;
    ret->news = all.recovery.wanted > 0;
    trace_seen(ask->trace, ret);
    trace_target(ask->trace, t, can ? REASON_FITS : why);
    return can;
}

#define TOKENS_UNKNOWN 200 /* of an answer, before any was seen */

/* The answer's length does not depend on who gives it, as far as anybody knows: the average of all
 * those that are known. */
static double tokens_of(const struct contender *c, uint32_t n)
{
    double sum = 0, samples = 0;
    for (uint32_t i = 0; i < n; i++)
        if (c[i].seen.tokens > 0)
            sum += c[i].seen.tokens * c[i].seen.n, samples += c[i].seen.n;
    return samples > 0 ? sum / samples : TOKENS_UNKNOWN;
}

uint64_t plan_place(const struct snapshot *snap, const struct conf_target *t)
{
    const uint64_t h = hash_fnv(HASH_FNV, snap->providers[t->provider].name);
    return hash_fnv(hash_fnv(h, STR("/")), t->model);
}

/* What keeps a target out whatever its health is; see filter.h. */
static enum plan_reason unfit(const struct plan_ask *ask, const struct conf_target *t)
{
    return ask->fits ? ask->fits(ask->arg, t) : REASON_FITS;
}

/* What the call would find and cost there, where the strategy looks at it. */
static void ask_of_call(const struct plan_ask *ask, unsigned needs, double tokens,
                        struct contender *c, uint32_t n)
{
    for (uint32_t i = 0; i < n && (needs & STRATEGY_WARM) && ask->warm; i++)
        c[i].warm = ask->warm(ask->arg, c[i].target, &c[i].key);
    for (uint32_t i = 0; i < n && (needs & STRATEGY_COST) && ask->usd; i++)
        c[i].usd =
            reading_usd(&c[i].seen, ask->usd(ask->arg, c[i].target, tokens, c[i].seen.cached));
}

/* Is the target one that the strategy may choose? */
static bool is_contender(struct route_state *s, const struct snapshot *snap,
                         const struct plan_ask *ask, unsigned needs, msec now, struct contender *c)
{
    enum plan_reason why = unfit(ask, c->target);
    if (why == REASON_FITS && !can_serve(s, snap, c->target, needs, ask, now, c))
        return false;
    if (why == REASON_FITS && ask->policy && policy_is_too_slow(ask->policy, &c->seen))
        why = REASON_MAX_TTFT;
    if (why != REASON_FITS)
        trace_target(ask->trace, c->target, why);
    return why == REASON_FITS;
}

/* The targets that can serve, the first to try first; how many. */
static uint32_t rank(struct route_state *s, const struct snapshot *snap, const struct conf_route *r,
                     const struct plan_ask *ask, msec now, struct contender *c)
{
    const uint32_t most = r->ntargets < TARGETS_MAX ? r->ntargets : TARGETS_MAX;
    const unsigned needs = strategy_needs(r->strategy) |
                           (ask->policy ? policy_needs(ask->policy) : 0) |
                           (ask->trace && !ask->trace->light
                                ? STRATEGY_FIGURES | STRATEGY_COST | STRATEGY_ROOM | STRATEGY_WARM
                                : 0);
    uint32_t n = 0;
    for (uint32_t i = 0; i < most; i++) {
        c[n] = (struct contender){
            .target = &r->targets[i], .index = i, .usd = -1, .room = 1, .seen = {.tokens = -1}};
        n += is_contender(s, snap, ask, needs, now, &c[n]);
    }
    struct choice x = {.strategy = r->strategy,
                       .routing = &snap->routing,
                       .latency = r->latency,
                       .session = ask->session,
                       .looks = &s->looks[r->index % PLAN_LOOKS],
                       .rand = ask->rand};
    if (needs & STRATEGY_FIGURES)
        x.tokens = tokens_of(c, n);
    if (needs & STRATEGY_TURNS) {
        struct plan_turn *t = route_state_turn(s, r);
        x.account = t ? t->account : NULL;
    }
    for (uint32_t i = 0; i < n && (needs & STRATEGY_SESSION) && ask->session; i++)
        c[i].place = plan_place(snap, c[i].target);
    ask_of_call(ask, needs, x.tokens, c, n);
    strategy_rank(&x, c, n);
    if (ask->policy)
        policy_rank(ask->policy, snap, c, n);
    trace_ranked(ask->trace, &x, c, n);
    return n;
}

/* At the turn of a window the targets of a route are compared by it: once, with the first call that
 * comes, so that a route without calls costs nothing. */
static void judge(struct route_state *s, const struct snapshot *snap, const struct conf_route *r,
                  uint32_t n, msec now)
{
    const msec window = now / OUTLIER_INTERVAL_MS;
    if (!route_state_judges(s, r, window))
        return;
    struct outlier_member m[OUTLIER_MEMBERS_MAX];
    size_t count = 0;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t keys = key_count(&snap->providers[r->targets[i].provider]);
        for (uint32_t k = 0; k < keys && count < ARRAY_LEN(m); k++) {
            struct candidate c;
            if (candidate_of(s, snap, &r->targets[i], k, &c))
                m[count++] = (struct outlier_member){.of = &c.health->outlier,
                                                     .out = state_of(&c, now) > HEALTH_HALF_OPEN};
        }
    }
    s->ejected += outlier_judge(m, count, &s->outliers, now);
}

/* Who fails often still serves often: better than nobody, as far as the configuration allows. */
static void recall_ejected(struct plan *p, struct route_state *s, const struct snapshot *snap,
                           const struct conf_route *r, const struct plan_ask *ask, uint32_t n,
                           msec now)
{
    for (uint32_t i = 0; i < n; i++) {
        if (unfit(ask, &r->targets[i]) != REASON_FITS)
            continue;
        const uint32_t keys = key_count(&snap->providers[r->targets[i].provider]);
        for (uint32_t k = 0; k < keys && p->n < PLAN_MAX; k++) {
            struct candidate c;
            msec at;
            if (candidate_of(s, snap, &r->targets[i], k, &c) &&
                state_of(&c, now) == HEALTH_EJECTED &&
                filter_allowance(&c, ask, now, &at) == REASON_FITS)
                adopt(p, &c);
        }
    }
}

static bool is_broken(const struct candidate *c, msec now)
{
    const enum health_state state = state_of(c, now);
    return state == HEALTH_OPEN || state == HEALTH_REGION_OPEN || state == HEALTH_HALF_OPEN;
}

/* What stands in the way of those who would serve. */
struct obstacles {
    msec soonest; /* when the first of them may */
    bool limited, refused, busy;
};

/* One key of a target; a broken one is probed, if nobody is yet. An ejected one would have been
 * recalled, were it not for its limits. */
static void look_at(struct plan *p, struct candidate *c, const struct plan_ask *ask,
                    struct obstacles *o, msec now)
{
    msec at;
    enum plan_reason why = filter_candidate(c, ask, now, &at);
    if (why == REASON_EJECTED)
        why = filter_allowance(c, ask, now, &at);
    o->soonest = at < o->soonest ? at : o->soonest;
    o->limited |= why == REASON_COOLING || why == REASON_LIMITED || why == REASON_BUSY;
    o->refused |= why == REASON_REFUSED;
    o->busy |= why == REASON_BUSY;
    if (p->n == 0 && is_broken(c, now) && !health_is_probed(c->health, now)) {
        c->probe = p->panic = true;
        adopt(p, c);
    }
}

/* Nothing is wrong with it, and yet it was no contender: the caller finds it too slow. */
static bool is_left_out_well(const struct plan_ask *ask, const struct candidate *c, msec now)
{
    return ask->policy && ask->policy->max_ttft && reason_of_health(c, now) == REASON_FITS;
}

/* Nothing can serve: a broken target is probed; else say what stands in the way. Those that could
 * not serve such a call are not asked, and told only where there is nobody else. */
static void panic(struct plan *p, struct route_state *s, const struct snapshot *snap,
                  const struct conf_route *r, const struct plan_ask *ask, uint32_t n, msec now)
{
    struct obstacles o = {.soonest = UINT64_MAX};
    bool some = false;
    for (uint32_t i = 0; i < n; i++) {
        const enum plan_reason why = unfit(ask, &r->targets[i]);
        if (why != REASON_FITS) {
            if (p->unfit == REASON_FITS || filter_is_soft(why))
                p->unfit = why;
            continue;
        }
        const uint32_t keys = key_count(&snap->providers[r->targets[i].provider]);
        for (uint32_t k = 0; k < keys; k++) {
            struct candidate c;
            const bool known = candidate_of(s, snap, &r->targets[i], k, &c);
            some |= !known || !is_left_out_well(ask, &c, now);
            if (known)
                look_at(p, &c, ask, &o, now);
        }
        if (!some)
            p->unfit = REASON_MAX_TTFT;
    }
    if (some)
        p->unfit = REASON_FITS;
    p->busy = o.busy;
    p->why = o.limited ? ERR_RATE_LIMITED : o.refused ? ERR_UPSTREAM_AUTH : ERR_UNAVAILABLE;
    p->ready_at = o.soonest == UINT64_MAX || o.soonest < now ? now : o.soonest;
}

/* No other target behind the first one, for a caller that wants none; all of its keys. With an
 * `order` those that are named in it are the ones that may follow, and others are out already. */
static void keep_first(struct plan *p, const struct route_policy *policy)
{
    while (policy->no_fallbacks && !policy->order.n && p->n > 1 &&
           p->c[p->n - 1].target != p->c[0].target)
        candidate_release(&p->c[--p->n]);
}

/* Those that can serve, in their order. */
static void fill(struct plan *p, struct route_state *s, const struct snapshot *snap,
                 const struct conf_route *r, const struct plan_ask *ask, msec now)
{
    if (r->ntargets == 1 && !ask->trace &&
        !ask->policy) { /* whatever the strategy, it is the first */
        if (unfit(ask, &r->targets[0]) == REASON_FITS)
            add_target(p, s, snap, &r->targets[0], NULL, ask, now);
        return;
    }
    struct contender c[TARGETS_MAX];
    if (!ask->trace || ask->trace->light) /* who only asks ejects nobody */
        judge(s, snap, r, r->ntargets < TARGETS_MAX ? r->ntargets : TARGETS_MAX, now);
    const uint32_t n = rank(s, snap, r, ask, now, c);
    for (uint32_t i = 0; i < n && p->n < PLAN_MAX; i++)
        add_target(p, s, snap, c[i].target, &c[i], ask, now);
    if (ask->policy)
        keep_first(p, ask->policy);
}

/* Alerts send calls elsewhere, and there must be an elsewhere: where nobody else can serve, those
 * they speak against do after all, behind the fallback models. So do those on trial whose one call
 * is under way. */
static void heed_alerts(struct plan *p, struct route_state *s, const struct snapshot *snap,
                        const struct conf_route *r, const struct plan_ask *ask, msec now)
{
    unsigned all = 0, firing = 0;
    for (uint32_t i = 0; i < r->ntargets; i++) {
        const struct conf_target *t = &r->targets[i];
        unsigned out;
        all |= order_of_any(ask, t, key_count(&snap->providers[t->provider]), &out);
        firing |= out;
    }
    p->degraded = (firing & ALERT_FALLBACK) != 0;
    if (p->n || !all)
        return;
    struct plan_ask after_all = *ask;
    after_all.alerts = NULL;
    after_all.trace = NULL; /* it has said why they are out */
    fill(p, s, snap, r, &after_all, now);
    p->reluctant = p->n > 0;
}

/* What a provider said of its limits is old, and may be wrong: it is enough to prefer others, not
 * to refuse a call that it would have served. Where nobody else can, it is asked, and its 429 cools
 * it. What the configuration allows holds all the same. */
static void doubt_quotas(struct plan *p, struct route_state *s, const struct snapshot *snap,
                         const struct conf_route *r, const struct plan_ask *ask, msec now)
{
    struct plan_ask doubting = *ask;
    doubting.doubts = true;
    doubting.trace = NULL; /* it has said why they are out */
    p->doubts = true;
    fill(p, s, snap, r, &doubting, now);
    if (p->n == 0 && ask->alerts) { /* nor do alerts refuse anybody */
        doubting.alerts = NULL;
        fill(p, s, snap, r, &doubting, now);
    }
    p->reluctant = p->n > 0;
}

void plan_build(struct plan *p, struct route_state *s, const struct snapshot *snap,
                const struct conf_route *r, const struct plan_ask *ask, msec now)
{
    const uint32_t most = r->ntargets < TARGETS_MAX ? r->ntargets : TARGETS_MAX;
    if (s->limits_of != snap || s->limits_generation != snap->generation)
        route_state_follow(s, snap);
    plan_clear(p);
    p->why = ERR_UNAVAILABLE;
    p->ready_at = now;
    p->unfit = REASON_FITS;
    p->need = ask->need ? *ask->need : (struct quota_need){0, 0};
    trace_begin(ask->trace, snap, r);
    fill(p, s, snap, r, ask, now);
    if (ask->alerts)
        heed_alerts(p, s, snap, r, ask, now);
    if (p->n == 0 && ask->need)
        doubt_quotas(p, s, snap, r, ask, now);
    if (p->n == 0)
        recall_ejected(p, s, snap, r, ask, most, now);
    if (p->n == 0)
        panic(p, s, snap, r, ask, most, now);
    trace_planned(ask->trace, p);
}

void plan_explain(struct plan *p, struct route_state *s, const struct snapshot *snap,
                  const struct conf_route *r, const struct plan_ask *ask, msec now)
{
    const struct plan_turn *t = map_get(&s->turns, r->name);
    const struct looks looks = s->looks[r->index % PLAN_LOOKS];
    const uint32_t n = t && t->n < TARGETS_MAX ? t->n : TARGETS_MAX;
    const uint64_t key_turn = s->key_turn;
    int64_t account[TARGETS_MAX] = {0};
    if (t)
        memcpy(account, t->account, n * sizeof(*account));
    plan_build(p, s, snap, r, ask, now);
    s->looks[r->index % PLAN_LOOKS] = looks;
    s->key_turn = key_turn;
    struct plan_turn *after = map_get(&s->turns, r->name);
    if (after) /* one that was made just now begins with zeros */
        memcpy(after->account, account,
               (after->n < TARGETS_MAX ? after->n : TARGETS_MAX) * sizeof(*account));
}

void plan_prefer(struct plan *p, const struct conf_provider *provider)
{
    struct candidate others[PLAN_MAX];
    unsigned first = 0, n = 0;
    CHECK(p->next == 0 && p->n <= PLAN_MAX); /* nobody was asked yet */
    for (unsigned i = 0; i < p->n; i++) {
        if (p->c[i].provider == provider)
            p->c[first++] = p->c[i];
        else
            others[n++] = p->c[i];
    }
    CHECK(first + n == p->n);
    memcpy(p->c + first, others, n * sizeof(*others));
}

/* Who failed just now may not be the only one in its region to do so: of those that are left the
 * first one elsewhere is next, and the order is kept but for it. A limited key is no failure: it is
 * replaced by its neighbour. */
static void prefer_another_region(struct plan *p)
{
    const struct region_member *last = &p->c[p->next - 1].health->in_region;
    unsigned at = p->next;
    if (!last->region || !(last->outcomes & 1))
        return;
    while (at < p->n && p->c[at].health->in_region.region == last->region)
        at++;
    if (at == p->n)
        return;
    const struct candidate next = p->c[at];
    memmove(&p->c[p->next + 1], &p->c[p->next], (at - p->next) * sizeof(next));
    p->c[p->next] = next;
}

/* Of the first candidate it was asked just now. */
static bool has_used_up(const struct plan *p, const struct candidate *c, msec now)
{
    return p->next > 1 && !p->doubts && quota_ready_at(&c->health->quota, &p->need, now) > now;
}

struct candidate *plan_next(struct plan *p, msec now)
{
    CHECK(p->n <= PLAN_MAX && p->next <= p->n);
    if (p->next && p->next < p->n)
        prefer_another_region(p);
    while (p->next < p->n) {
        struct candidate *c = &p->c[p->next++];
        const enum health_state state = state_of(c, now);
        const bool broken = state == HEALTH_OPEN || state == HEALTH_REGION_OPEN;
        if (state == HEALTH_REFUSED || state == HEALTH_COOLING || (broken && !c->probe))
            continue; /* learned while this call was under way */
        if (has_used_up(p, c, now))
            continue; /* the same */
        if (c->probe && health_is_probed(c->health, now))
            continue;
        c->probing = c->probe;
        if (c->probe)
            health_probe_begin(c->health, now);
        return c;
    }
    return NULL;
}
