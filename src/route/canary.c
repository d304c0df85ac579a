/* SPDX-License-Identifier: Apache-2.0 */
/* canary - a new model on trial; see the header. */
#include "route/canary.h"

#include <math.h>

#include "base/check.h"

#define PER_OCTAVE 4

static const char *const fault_texts[] = {
#define FAULT(id, text) text,
#include "route/canary_faults.def"
#undef FAULT
};

const char *canary_fault_text(enum canary_fault f)
{
    CHECK(f < CANARY_FAULTS);
    return fault_texts[f];
}

void canary_init(struct canary *c, msec now)
{
    *c = (struct canary){.since = now};
}

uint32_t canary_share(enum canary_state state, uint32_t step, const struct conf_canary *conf)
{
    CHECK(conf->nsteps > 0 && conf->nsteps <= CONF_CANARY_STEPS);
    if (state == CANARY_ROLLED_BACK)
        return 0;
    /* a file that was changed may have fewer steps than the one it went up */
    return conf->steps[step < conf->nsteps ? step : conf->nsteps - 1];
}

/* ---- times: bucket b begins at edge_of(b) */

static double edge_of(unsigned bucket)
{
    return exp2((double)bucket / PER_OCTAVE);
}

static unsigned bucket_of(double ms)
{
    const double b = ms <= 1 ? 0 : floor(log2(ms) * PER_OCTAVE + 1e-9);
    return b < CANARY_BUCKETS - 1 ? (unsigned)b : CANARY_BUCKETS - 1;
}

unsigned canary_bucket(msec took)
{
    return bucket_of((double)took);
}

void canary_add(struct canary_arm *arm, bool failed, msec took)
{
    arm->calls++;
    if (failed)
        arm->failed++;
    else
        arm->ms[canary_bucket(took)]++;
}

static double median_of(const struct canary_arm *a)
{
    const uint32_t half = (a->calls - a->failed + 1) / 2;
    uint32_t seen = 0;
    for (unsigned i = 0; i < CANARY_BUCKETS; i++)
        if ((seen += a->ms[i]) >= half)
            return edge_of(i);
    return 0;
}

/* ---- the tests: z, how many standard deviations beyond chance; above CANARY_Z it is proven */

static double rate_of(const struct canary_arm *a)
{
    return a->calls ? (double)a->failed / a->calls : 0;
}

/* The lower end of Wilson's interval. */
static double rate_at_least(const struct canary_arm *a)
{
    const double n = a->calls, p = rate_of(a), zz = CANARY_Z * CANARY_Z;
    const double middle = p + zz / (2 * n), spread = p * (1 - p) / n + zz / (4 * n * n);
    return (middle - CANARY_Z * sqrt(spread)) / (1 + zz / n);
}

static double z_of_rates(const struct canary_arm *own, const struct canary_arm *others, double more)
{
    const double n = own->calls + 2.0, m = others->calls + 2.0;
    const double p = (own->failed + 1) / n, q = (others->failed + 1) / m;
    return (p - q - more) / sqrt(p * (1 - p) / n + q * (1 - q) / m);
}

/* Mann and Whitney's U of its times and theirs times `slower`, with its correction for ties. */
static double z_of_times(const struct canary_arm *own, const struct canary_arm *others,
                         double slower)
{
    double theirs[CANARY_BUCKETS] = {0}, u = 0, below = 0, ties = 0;
    const double n = own->calls - own->failed, m = others->calls - others->failed;
    for (unsigned i = 0; i < CANARY_BUCKETS; i++)
        if (others->ms[i])
            theirs[bucket_of(edge_of(i) * slower)] += others->ms[i];
    for (unsigned i = 0; i < CANARY_BUCKETS; i++) {
        const double t = own->ms[i] + theirs[i];
        u += own->ms[i] * (below + theirs[i] / 2);
        below += theirs[i];
        ties += t * t * t - t;
    }
    const double all = n + m, spread = n * m / 12 * (all + 1 - ties / (all * (all - 1)));
    return spread > 0 ? (u - n * m / 2) / sqrt(spread) : 0;
}

/* ---- the verdict */

enum verdict { VERDICT_GOOD, VERDICT_DOUBTFUL, VERDICT_BAD };

static enum verdict errors_alone(const struct canary_arm *own, const struct conf_canary *conf)
{
    if (rate_of(own) <= conf->max_errors)
        return VERDICT_GOOD;
    if (conf->max_errors <= 0) /* none is allowed, and there is one */
        return VERDICT_BAD;
    return own->failed >= CANARY_FAILS && rate_at_least(own) > conf->max_errors ? VERDICT_BAD
                                                                                : VERDICT_DOUBTFUL;
}

static enum verdict errors_beside(const struct canary_arm *own, const struct canary_arm *others,
                                  const struct conf_canary *conf)
{
    if (rate_of(own) <= rate_of(others) + conf->more_errors)
        return VERDICT_GOOD;
    return own->failed >= CANARY_FAILS && z_of_rates(own, others, conf->more_errors) > CANARY_Z
               ? VERDICT_BAD
               : VERDICT_DOUBTFUL;
}

static enum verdict times_beside(const struct canary_arm *own, const struct canary_arm *others,
                                 const struct conf_canary *conf)
{
    if (conf->slower <= 0 || own->calls == own->failed || others->calls == others->failed)
        return VERDICT_GOOD;
    const double mine = median_of(own), theirs = median_of(others);
    if (mine <= theirs * conf->slower || mine < theirs + CANARY_FLOOR_MS)
        return VERDICT_GOOD;
    return z_of_times(own, others, conf->slower) > CANARY_Z ? VERDICT_BAD : VERDICT_DOUBTFUL;
}

/* NO_FAULT: nothing is proven; *ret_doubt: but something is suspected. */
static enum canary_fault fault_of(const struct canary *c, const struct conf_canary *conf,
                                  bool *ret_doubt)
{
    const struct canary_arm *others = &c->arms[0], *own = &c->arms[1];
    const bool enough = own->calls >= conf->min_calls && others->calls >= conf->min_calls;
    const enum verdict verdicts[CANARY_FAULTS] = {
        [CANARY_FAILED] = errors_alone(own, conf),
        [CANARY_FAILED_MORE] = enough ? errors_beside(own, others, conf) : VERDICT_GOOD,
        [CANARY_SLOWER] = enough ? times_beside(own, others, conf) : VERDICT_GOOD,
    };
    *ret_doubt = false;
    for (unsigned i = 0; i < CANARY_FAULTS; i++) {
        if (verdicts[i] == VERDICT_BAD)
            return (enum canary_fault)i;
        *ret_doubt |= verdicts[i] == VERDICT_DOUBTFUL;
    }
    return CANARY_NO_FAULT;
}

/* At this step. Workers' clocks are some milliseconds apart: who is behind has waited for nothing;
 * and a trial of an earlier process may have begun before this clock did (trial_keep.c). */
static msec held(const struct canary *c, msec now)
{
    const int64_t ms = (int64_t)(now - c->since);
    return ms < 0 ? 0 : (msec)ms;
}

enum canary_event canary_judge(struct canary *c, const struct conf_canary *conf, msec now)
{
    bool doubt;
    if (c->state != CANARY_RUNNING || !c->arms[1].calls)
        return CANARY_NO_NEWS;
    const enum canary_fault fault = fault_of(c, conf, &doubt);
    if (fault != CANARY_NO_FAULT) {
        c->state = CANARY_ROLLED_BACK;
        c->fault = fault;
        return CANARY_ROLLED_BACK_NOW;
    }
    if (doubt || c->arms[1].calls < conf->min_calls || held(c, now) < conf->hold)
        return CANARY_NO_NEWS;
    c->since = now;
    c->arms[0] = c->arms[1] = (struct canary_arm){0};
    if (++c->step < conf->nsteps)
        return CANARY_STEPPED;
    c->state = CANARY_PROMOTED;
    return CANARY_PROMOTED_NOW;
}

enum canary_event canary_note(struct canary *c, const struct conf_canary *conf, bool is_canary,
                              bool failed, msec took, msec now)
{
    if (c->state != CANARY_RUNNING)
        return CANARY_NO_NEWS;
    canary_add(&c->arms[is_canary], failed, took);
    return is_canary ? canary_judge(c, conf, now) : CANARY_NO_NEWS;
}
