/* SPDX-License-Identifier: Apache-2.0 */
/* outlier - who fails more than its neighbours; see the header. */
#include "route/outlier.h"

#include <math.h>

#include "base/check.h"

static void roll(struct outlier *o, msec now)
{
    const msec window = now / OUTLIER_INTERVAL_MS;
    if (window == o->window)
        return;
    const bool next = window == o->window + 1;
    for (unsigned k = 0; k < OUTLIER_KINDS; k++) {
        o->last[k] = next ? o->count[k] : (struct outlier_count){0};
        o->count[k] = (struct outlier_count){0};
    }
    o->window = window;
}

void outlier_served(struct outlier *o, msec now)
{
    roll(o, now);
    for (unsigned k = 0; k < OUTLIER_KINDS; k++)
        o->count[k].n++;
}

void outlier_failed(struct outlier *o, enum outlier_kind how, msec now)
{
    CHECK(how < OUTLIER_KINDS);
    roll(o, now);
    o->count[how].n++;
    o->count[how].failed++;
    if (how == OUTLIER_SAID)
        o->count[OUTLIER_OURS].n++;
    ASSERT(o->count[how].failed <= o->count[how].n);
}

struct field {
    struct outlier_member *m;
    size_t n;
    const struct outlier_limits *limits;
    enum outlier_kind kind;                           /* that is compared */
    double rate[OUTLIER_KINDS], share[OUTLIER_KINDS]; /* below them a member is an outlier */
    msec now;
};

/* Share of the calls that were good in the last window; negative: too few to tell. */
static double success(const struct field *f, size_t i, uint32_t calls)
{
    const struct outlier_count *c = &f->m[i].of->last[f->kind];
    return c->n >= calls && c->n ? 1 - (double)c->failed / c->n : -1;
}

/* Below which share of success a member is an outlier; negative: there is no telling. */
static double rate_threshold(const struct field *f)
{
    double sum = 0, squares = 0, hosts = 0;
    for (size_t i = 0; i < f->n; i++) {
        const double s = success(f, i, f->limits->rate_calls);
        if (s >= 0)
            sum += s, squares += s * s, hosts++;
    }
    if (hosts < OUTLIER_RATE_HOSTS)
        return -1;
    const double mean = sum / hosts, variance = squares / hosts - mean * mean;
    return mean - f->limits->sigmas * sqrt(variance > 0 ? variance : 0);
}

static double share_threshold(const struct field *f)
{
    unsigned hosts = 0;
    for (size_t i = 0; i < f->n; i++)
        hosts += success(f, i, f->limits->share_calls) >= 0;
    return hosts >= OUTLIER_SHARE_HOSTS ? 1 - f->limits->share / 100.0 : -1;
}

/* The worst member below one of the thresholds that is still in, and how it does; NULL: none. */
static struct outlier_member *worst_of_kind(const struct field *f, double *lowest)
{
    const double rate = f->rate[f->kind], share = f->share[f->kind];
    struct outlier_member *ret = NULL;
    for (size_t i = 0; i < f->n; i++) {
        if (f->m[i].out)
            continue;
        const double by_rate = success(f, i, f->limits->rate_calls);
        const double by_share = success(f, i, f->limits->share_calls);
        const bool bad = (by_rate >= 0 && by_rate < rate) || (by_share >= 0 && by_share <= share);
        const double seen = by_share >= 0 ? by_share : by_rate;
        if (bad && seen < *lowest) {
            *lowest = seen;
            ret = &f->m[i];
        }
    }
    return ret;
}

/* Once, before anybody goes: who goes first must not make the mean of the others look better. */
static void compare(struct field *f)
{
    for (unsigned k = 0; k < OUTLIER_KINDS; k++) {
        f->kind = (enum outlier_kind)k;
        f->rate[k] = rate_threshold(f);
        f->share[k] = share_threshold(f);
    }
}

static struct outlier_member *worst(struct field *f)
{
    struct outlier_member *ret = NULL;
    double lowest = 2;
    for (unsigned k = 0; k < OUTLIER_KINDS; k++) {
        f->kind = (enum outlier_kind)k;
        struct outlier_member *one = worst_of_kind(f, &lowest);
        ret = one ? one : ret;
    }
    return ret;
}

/* May one more go? `out`: who cannot serve; `ejected`: how many of them for being outliers. */
static bool may_eject(const struct field *f, size_t out, size_t ejected)
{
    const size_t n = f->n;
    const bool within = (ejected + 1) * 100 <= n * f->limits->max_percent || ejected == 0;
    return within && (n - out - 1) * 100 >= n * OUTLIER_PANIC_PERCENT;
}

static void eject(struct outlier_member *m, const struct outlier_limits *limits, msec now)
{
    struct outlier *o = m->of;
    o->ejections++;
    const msec ms = limits->base_ms * o->ejections;
    o->ejected_until = now + (ms < limits->max_ms ? ms : limits->max_ms);
    for (unsigned k = 0; k < OUTLIER_KINDS; k++) /* judged by what it does afterwards */
        o->count[k] = o->last[k] = (struct outlier_count){0};
    m->out = true;
}

/* A window as others have them. Once a window, for a member may stand in several routes. */
static void forgive(const struct field *f)
{
    for (size_t i = 0; i < f->n; i++) {
        struct outlier *o = f->m[i].of;
        if (o->judged != o->window && o->ejections && !outlier_is_ejected(o, f->now))
            o->ejections--;
        o->judged = o->window;
    }
}

unsigned outlier_judge(struct outlier_member *m, size_t n, const struct outlier_limits *limits,
                       msec now)
{
    CHECK(n <= OUTLIER_MEMBERS_MAX);
    struct field f = {.m = m, .n = n, .limits = limits, .now = now};
    size_t out = 0, ejected = 0;
    unsigned found = 0;
    for (size_t i = 0; i < n; i++) {
        struct outlier *o = m[i].of;
        roll(o, now);
        ejected += outlier_is_ejected(o, now);
        m[i].out |= outlier_is_ejected(o, now);
        out += m[i].out;
    }
    compare(&f);
    while (!limits->off && out < n && may_eject(&f, out, ejected)) {
        struct outlier_member *bad = worst(&f);
        if (!bad)
            break;
        eject(bad, limits, now);
        out++, ejected++, found++;
    }
    forgive(&f);
    return found;
}
