/* SPDX-License-Identifier: Apache-2.0 */
/* canary - a new model on trial; see the header. */
#include "route/canary.h"

#include "base/check.h"

void canary_init(struct canary *c, msec now)
{
    *c = (struct canary){.since = now};
}

uint32_t canary_share(const struct canary *c, const struct conf_canary *conf)
{
    CHECK(conf->nsteps > 0 && conf->nsteps <= CONF_CANARY_STEPS);
    if (c->state == CANARY_ROLLED_BACK)
        return 0;
    /* a file that was changed may have fewer steps than the one it went up */
    return conf->steps[c->step < conf->nsteps ? c->step : conf->nsteps - 1];
}

void canary_roll_back(struct canary *c, const char *why)
{
    c->state = CANARY_ROLLED_BACK;
    c->why = why;
}

static double errors_of(const struct canary_arm *a)
{
    return a->calls ? (double)a->failed / a->calls : 0;
}

static double ms_of(const struct canary_arm *a)
{
    return a->calls > a->failed ? a->ms / (a->calls - a->failed) : 0;
}

/* What speaks against it; NULL: nothing. */
static const char *fault_of(const struct canary *c, const struct conf_canary *conf)
{
    const struct canary_arm *others = &c->arms[0], *own = &c->arms[1];
    const uint32_t judged = own->calls > conf->min_calls ? own->calls : conf->min_calls;
    if (own->failed > conf->max_errors * judged) /* also before there are enough */
        return "it failed too often";
    if (own->calls < conf->min_calls || others->calls < conf->min_calls)
        return NULL;
    if (errors_of(own) > errors_of(others) + conf->more_errors)
        return "it failed more often than the others";
    if (conf->slower > 0 && ms_of(others) > 0 && ms_of(own) > conf->slower * ms_of(others))
        return "it was slower than the others";
    return NULL;
}

enum canary_event canary_note(struct canary *c, const struct conf_canary *conf, bool is_canary,
                              bool failed, msec took, msec now)
{
    struct canary_arm *arm = &c->arms[is_canary];
    if (c->state != CANARY_RUNNING)
        return CANARY_NO_NEWS;
    arm->calls++;
    arm->failed += failed;
    arm->ms += failed ? 0 : (double)took;
    const char *fault = fault_of(c, conf);
    if (fault) {
        canary_roll_back(c, fault);
        return CANARY_ROLLED_BACK_NOW;
    }
    if (c->arms[1].calls < conf->min_calls || now - c->since < conf->hold)
        return CANARY_NO_NEWS;
    c->since = now;
    c->arms[0] = c->arms[1] = (struct canary_arm){0};
    if (++c->step < conf->nsteps)
        return CANARY_STEPPED;
    c->state = CANARY_PROMOTED;
    return CANARY_PROMOTED_NOW;
}
