/* SPDX-License-Identifier: Apache-2.0 */
/* alert - see the header. */
#include "route/alert.h"

#include <math.h>

#include "base/check.h"

#define WILSON_Z 1.645 /* one-sided, 95 % */

str alert_state_name(enum alert_state s)
{
    static const char *const names[ALERT_STATES] = {"ok", "pending", "firing", "recovering"};
    CHECK(s < ALERT_STATES);
    return str_c(names[s]);
}

/* ---- the window */

static void mark_take(struct alert_mark *m, const struct conf_alert *rule,
                      const struct outcome_sums *s, msec now)
{
    const struct hist_view *times =
        rule->metric == CONF_ALERT_TTFT ? &s->first_ms : &s->response_ms;
    *m = (struct alert_mark){.at = now,
                             .ended = s->ended,
                             .failed = s->failed,
                             .limited = s->limited,
                             .tokens = s->tokens,
                             .usd = s->usd};
    for (unsigned i = 0; i < HIST_BUCKETS; i++)
        m->cell[i] = (uint32_t)times->cell[i]; /* differences hold, whatever wraps */
}

static void begin_anew(struct alert_watch *w, const struct outcome_sums *sums, msec now)
{
    w->n = 1;
    w->newest = 0;
    mark_take(&w->mark[0], w->rule, sums, now);
}

/* A mark each slice of the window; the oldest is as old as the window, or the beginning. */
static void mark_if_due(struct alert_watch *w, const struct outcome_sums *sums, msec now)
{
    if (now - w->mark[w->newest].at < w->rule->window / ALERT_SLICES)
        return;
    w->newest = (w->newest + 1) % ARRAY_LEN(w->mark);
    if (w->n < ARRAY_LEN(w->mark))
        w->n++;
    mark_take(&w->mark[w->newest], w->rule, sums, now);
}

static const struct alert_mark *oldest(const struct alert_watch *w)
{
    ASSERT(w->n > 0 && w->n <= ARRAY_LEN(w->mark));
    return &w->mark[(w->newest + ARRAY_LEN(w->mark) + 1 - w->n) % ARRAY_LEN(w->mark)];
}

/* ---- the value */

/* What the share is at least, as far as so few tell. */
static double wilson(double failed, double n)
{
    const double z2 = WILSON_Z * WILSON_Z, p = failed / n;
    const double middle = p + z2 / (2 * n);
    const double half = WILSON_Z * sqrt(p * (1 - p) / n + z2 / (4 * n * n));
    return (middle - half) / (1 + z2 / n);
}

/* What has happened since the oldest mark. */
struct lately {
    double value;     /* negative: not known */
    double at_least;  /* of a share: beyond chance; else the value */
    uint64_t samples; /* calls it stands on */
};

static struct lately share_of(uint64_t part, uint64_t all)
{
    if (!all)
        return (struct lately){-1, -1, 0};
    if (part > all) /* the reader saw them grow in another order */
        part = all;
    return (struct lately){(double)part / (double)all, wilson((double)part, (double)all), all};
}

static struct lately time_of(const struct alert_watch *w, const struct outcome_sums *now,
                             const struct alert_mark *then)
{
    const struct hist_view *times =
        w->rule->metric == CONF_ALERT_TTFT ? &now->first_ms : &now->response_ms;
    struct hist_view v = {0};
    for (unsigned i = 0; i < HIST_BUCKETS; i++) {
        v.cell[i] = (uint32_t)times->cell[i] - then->cell[i];
        v.count += v.cell[i];
    }
    const double ms = v.count ? (double)hist_quantile(&v, w->rule->quantile) : -1;
    return (struct lately){ms, ms, v.count};
}

static struct lately lately(const struct alert_watch *w, const struct outcome_sums *now)
{
    const struct alert_mark *then = oldest(w);
    const uint64_t ended = now->ended - then->ended, tokens = now->tokens - then->tokens;
    const double usd = (double)(now->usd - then->usd) * 1e-9;
    switch (w->rule->metric) {
    case CONF_ALERT_ERROR_RATE:
        return share_of(now->failed - then->failed, ended);
    case CONF_ALERT_RATE_LIMITED:
        return share_of(now->limited - then->limited, ended);
    case CONF_ALERT_RESPONSE_TIME:
    case CONF_ALERT_TTFT:
        return time_of(w, now, then);
    case CONF_ALERT_COST_PER_TOKEN:
        return tokens ? (struct lately){usd / (double)tokens, usd / (double)tokens, ended}
                      : (struct lately){-1, -1, 0};
    case CONF_ALERT_SPEND:
        return (struct lately){usd, usd, ended};
    case CONF_ALERT_KEY_REFUSED: /* not by figures: a worker tells */
    case CONF_ALERT_METRICS:
        break;
    }
    return (struct lately){-1, -1, 0};
}

/* ---- the states */

static bool enter(struct alert_watch *w, enum alert_state s, msec now)
{
    w->state = s;
    w->since = now;
    return true;
}

static bool fire(struct alert_watch *w, const struct outcome_sums *sums, msec now)
{
    if (w->rule->action != CONF_ALERT_NOTIFY)
        begin_anew(w, sums, now); /* what it did before is no news of what it does then */
    return enter(w, ALERT_FIRING, now);
}

static bool fire_again(struct alert_watch *w, const struct outcome_sums *sums, msec now)
{
    const msec most = w->rule->hold > ALERT_HOLD_MAX_MS ? w->rule->hold : ALERT_HOLD_MAX_MS;
    w->hold = w->hold * 2 < most ? w->hold * 2 : most;
    return fire(w, sums, now);
}

static bool end(struct alert_watch *w, const struct outcome_sums *sums, msec now)
{
    w->hold = w->rule->hold;
    w->bad_since = 0;
    if (w->rule->action != CONF_ALERT_NOTIFY)
        begin_anew(w, sums, now);
    return enter(w, ALERT_OK, now);
}

/* A trial is over when enough calls have ended. Money has no trial: it is what it is. */
static bool look_at_trial(struct alert_watch *w, const struct lately *l,
                          const struct outcome_sums *sums, msec now)
{
    const uint64_t enough =
        w->rule->min_calls < ALERT_TRIAL_CALLS ? w->rule->min_calls : (uint64_t)ALERT_TRIAL_CALLS;
    if (l->samples < enough || l->value < 0)
        return false;
    return l->value > w->rule->threshold ? fire_again(w, sums, now)
           : l->value <= w->rule->clear  ? end(w, sums, now)
                                         : false;
}

void alert_begin(struct alert_watch *w, const struct conf_alert *rule,
                 const struct outcome_sums *sums, msec now)
{
    CHECK(rule->window >= ALERT_SLICES && rule->clear <= rule->threshold);
    *w = (struct alert_watch){.rule = rule, .hold = rule->hold, .since = now, .value = -1};
    begin_anew(w, sums, now);
}

bool alert_look(struct alert_watch *w, const struct outcome_sums *sums, msec now)
{
    const struct conf_alert *rule = w->rule;
    const struct lately l = lately(w, sums);
    const bool counts = rule->metric == CONF_ALERT_SPEND || l.samples >= rule->min_calls;
    const bool bad = counts && l.at_least > rule->threshold;
    const bool good = l.value <= rule->clear; /* also when nothing is known any more */
    w->value = l.value;
    w->samples = l.samples;
    mark_if_due(w, sums, now);
    w->bad_since = !bad ? 0 : w->bad_since ? w->bad_since : now;
    switch (w->state) {
    case ALERT_OK:
        if (bad && now - w->bad_since >= rule->duration)
            return fire(w, sums, now);
        return bad ? enter(w, ALERT_PENDING, now) : false;
    case ALERT_PENDING:
        if (bad && now - w->bad_since >= rule->duration)
            return fire(w, sums, now);
        return bad ? false : enter(w, ALERT_OK, now);
    case ALERT_FIRING:
        if (now - w->since < w->hold)
            return false;
        if (rule->action == CONF_ALERT_NOTIFY)
            return good ? end(w, sums, now) : false;
        begin_anew(w, sums, now);
        return enter(w, ALERT_RECOVERING, now);
    case ALERT_RECOVERING:
        return look_at_trial(w, &l, sums, now);
    case ALERT_STATES:
        break;
    }
    CHECK(false);
    return false;
}
