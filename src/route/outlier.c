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
    o->last_n = next ? o->n : 0;
    o->last_failed = next ? o->failed : 0;
    o->n = o->failed = 0;
    o->window = window;
}

void outlier_count(struct outlier *o, bool failed, msec now)
{
    roll(o, now);
    o->n++;
    o->failed += failed;
    ASSERT(o->failed <= o->n);
}

/* Share of the calls that were served in the last window; negative: too few to tell. */
static double success(const struct outlier *o, uint32_t calls)
{
    return o->last_n >= calls ? 1 - (double)o->last_failed / o->last_n : -1;
}

struct field {
    struct outlier_member *m;
    size_t n;
    msec now;
};

/* Below which share of success a member is an outlier; negative: there is no telling. */
static double rate_threshold(const struct field *f)
{
    double sum = 0, squares = 0, hosts = 0;
    for (size_t i = 0; i < f->n; i++) {
        const double s = success(f->m[i].of, OUTLIER_RATE_CALLS);
        if (s >= 0)
            sum += s, squares += s * s, hosts++;
    }
    if (hosts < OUTLIER_RATE_HOSTS)
        return -1;
    const double mean = sum / hosts, variance = squares / hosts - mean * mean;
    return mean - OUTLIER_SIGMAS * sqrt(variance > 0 ? variance : 0);
}

static double share_threshold(const struct field *f)
{
    unsigned hosts = 0;
    for (size_t i = 0; i < f->n; i++)
        hosts += success(f->m[i].of, OUTLIER_SHARE_CALLS) >= 0;
    return hosts >= OUTLIER_SHARE_HOSTS ? 1 - OUTLIER_SHARE / 100.0 : -1;
}

/* The worst member below one of the thresholds that is still in; NULL: none. */
static struct outlier_member *worst(const struct field *f, double rate, double share)
{
    struct outlier_member *ret = NULL;
    double lowest = 2;
    for (size_t i = 0; i < f->n; i++) {
        if (f->m[i].out)
            continue;
        const double by_rate = success(f->m[i].of, OUTLIER_RATE_CALLS);
        const double by_share = success(f->m[i].of, OUTLIER_SHARE_CALLS);
        const bool bad = (by_rate >= 0 && by_rate < rate) || (by_share >= 0 && by_share <= share);
        if (bad && by_share < lowest) {
            lowest = by_share;
            ret = &f->m[i];
        }
    }
    return ret;
}

/* May one more go? `out`: who cannot serve; `ejected`: how many of them for being outliers. */
static bool may_eject(size_t n, size_t out, size_t ejected)
{
    const bool within = (ejected + 1) * 100 <= n * OUTLIER_MAX_PERCENT || ejected == 0;
    return within && (n - out - 1) * 100 >= n * OUTLIER_PANIC_PERCENT;
}

static void eject(struct outlier_member *m, msec now)
{
    struct outlier *o = m->of;
    o->ejections++;
    const msec ms = (msec)OUTLIER_BASE_MS * o->ejections;
    o->ejected_until = now + (ms < OUTLIER_MAX_MS ? ms : OUTLIER_MAX_MS);
    o->n = o->failed = o->last_n = o->last_failed = 0; /* judged by what it does afterwards */
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

unsigned outlier_judge(struct outlier_member *m, size_t n, msec now)
{
    CHECK(n <= OUTLIER_MEMBERS_MAX);
    const struct field f = {m, n, now};
    size_t out = 0, ejected = 0;
    unsigned found = 0;
    for (size_t i = 0; i < n; i++) {
        struct outlier *o = m[i].of;
        roll(o, now);
        ejected += outlier_is_ejected(o, now);
        m[i].out |= outlier_is_ejected(o, now);
        out += m[i].out;
    }
    const double rate = rate_threshold(&f), share = share_threshold(&f);
    while (out < n && may_eject(n, out, ejected)) {
        struct outlier_member *bad = worst(&f, rate, share);
        if (!bad)
            break;
        eject(bad, now);
        out++, ejected++, found++;
    }
    forgive(&f);
    return found;
}
