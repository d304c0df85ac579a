/* SPDX-License-Identifier: Apache-2.0 */
/* reason - the table's words, and health as one of them; see the header. */
#include "route/reason.h"

#include "base/check.h"
#include "route/plan.h"

static const struct {
    str name, help;
} rows[REASON_COUNT] = {
#define REASON(id, name, help) [REASON_##id] = {STR(name), STR(help)},
#include "route/reasons.def"
#undef REASON
};

str reason_name(enum plan_reason r)
{
    CHECK(r < REASON_COUNT);
    return rows[r].name;
}

str reason_help(enum plan_reason r)
{
    CHECK(r < REASON_COUNT);
    return rows[r].help;
}

enum plan_reason reason_of_health(const struct candidate *c, msec now)
{
    enum health_state a = health_state(c->credential, now), b = health_state(c->health, now);
    switch (a > b ? a : b) {
    case HEALTH_OK:
        return REASON_FITS;
    case HEALTH_HALF_OPEN: /* one at a time; plan_next marks it */
        return health_is_probed(c->health, now) ? REASON_PROBING : REASON_FITS;
    case HEALTH_EJECTED:
        return REASON_EJECTED;
    case HEALTH_REGION_OPEN:
        return REASON_REGION_DOWN;
    case HEALTH_COOLING:
        return REASON_COOLING;
    case HEALTH_OPEN:
        return REASON_OPEN;
    case HEALTH_REFUSED:
        return REASON_REFUSED;
    }
    return REASON_FITS;
}
