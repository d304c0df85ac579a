/* SPDX-License-Identifier: Apache-2.0 */
/* look - see the header. */
#include "route/look.h"

#include "base/check.h"
#include "route/strategy.h"

#define AT_ONCE 16 /* calls at a target in trouble: where those hang, more would hang too */

/* Which of two is more worth a look: who has trouble that may be over, then who was not tried for
 * longer. */
static bool rather(const struct contender *a, const struct contender *b)
{
    if (a->seen.troubled != b->seen.troubled)
        return a->seen.troubled;
    return a->last < b->last;
}

static bool is_meant(const struct contender *c, enum look_at whom)
{
    if (!c->target->weight || (c->seen.troubled && c->in_flight >= AT_ONCE))
        return false;
    return whom == LOOK_AT_ALL || c->ill || c->trial > 0;
}

/* How many times as much the call would cost there as where it would go; what has no price costs no
 * more. */
static double dearness(const struct contender *there, const struct contender *best)
{
    if (there->usd <= best->usd || best->usd < 0)
        return 1;
    return there->usd < EXPLORE_MOST * best->usd ? there->usd / best->usd : EXPLORE_MOST;
}

uint32_t look_where(struct looks *l, enum look_at whom, const struct contender *c, uint32_t n)
{
    const uint32_t since = ++l->calls - l->looked;
    const bool look = since >= EXPLORE_EVERY;
    uint32_t at = 0;
    ASSERT(whom != LOOK_AT_NOBODY && n > 0);
    if (!look && l->calls % CONFIRM_EVERY)
        return 0;
    for (uint32_t i = 1; i < n; i++) {
        if (!is_meant(&c[i], whom))
            continue;
        const double times = dearness(&c[i], &c[0]);
        if (c[i].news && l->calls % (uint32_t)(CONFIRM_EVERY * times) == 0)
            return i;
        if (look && since >= EXPLORE_EVERY * times && (!at || rather(&c[i], &c[at])))
            at = i;
    }
    if (at)
        l->looked = l->calls;
    return at;
}
