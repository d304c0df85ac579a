/* SPDX-License-Identifier: Apache-2.0 */
/* order - see the header. */
#include "route/order.h"

#include "route/plan.h"

unsigned order_add(unsigned a, unsigned b)
{
    const unsigned trial = a && b ? a & b & ALERT_TRIAL : (a | b) & ALERT_TRIAL;
    return ((a | b) & ~ALERT_TRIAL) | trial;
}

static bool is_about(const struct alert_part *p, const struct conf_target *t, uint32_t key)
{
    return p->provider == t->provider &&
           (p->key == ALERT_NO_KEY ? str_eq(p->model, t->model) : p->key == key);
}

unsigned order_of(const struct plan_ask *ask, const struct conf_target *t, uint32_t key)
{
    unsigned asked = ask->alerts ? ask->alerts[t->provider] : 0;
    if (!(asked & ALERT_PARTS))
        return asked;
    asked &= ~ALERT_PARTS;
    for (uint32_t i = 0; i < ask->nparts; i++)
        if (is_about(&ask->parts[i], t, key))
            asked = order_add(asked, ask->parts[i].asked);
    return asked;
}

unsigned order_of_any(const struct plan_ask *ask, const struct conf_target *t, uint32_t nkeys,
                      unsigned *ret_firing)
{
    unsigned all = 0;
    *ret_firing = 0;
    for (uint32_t i = 0; i < nkeys; i++) {
        const unsigned asked = order_of(ask, t, i);
        all |= asked;
        *ret_firing |= order_is_out(asked) ? asked : 0;
    }
    return all;
}
