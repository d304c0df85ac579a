/* SPDX-License-Identifier: Apache-2.0 */
/* board - see the header. */
#include "gate/board.h"

#include "base/check.h"
#include "base/mem.h"
#include "route/order.h"

struct board *board_new(void)
{
    struct board *b = mem_zalloc(sizeof(*b));
    if (!b)
        return NULL;
    atomic_init(&b->refs_, 1);
    arena_init(&b->arena_, BOARD_MAX);
    return b;
}

struct board *board_ref(struct board *b)
{
    if (b)
        atomic_fetch_add_explicit(&b->refs_, 1, memory_order_relaxed);
    return b;
}

struct board *board_unref(struct board *b)
{
    if (!b || atomic_fetch_sub_explicit(&b->refs_, 1, memory_order_acq_rel) != 1)
        return NULL;
    arena_fini(&b->arena_);
    mem_free(b);
    return NULL;
}

unsigned order_asks(const struct board_order *o)
{
    ASSERT(o->action != CONF_ALERT_NOTIFY);
    return (o->action == CONF_ALERT_FALLBACK ? ALERT_FALLBACK : ALERT_OUT) |
           (o->trial ? ALERT_TRIAL : 0);
}

/* A trial counts only where nothing else keeps it out: two alerts end one after the other. */
unsigned board_asks(const struct board *b, enum conf_alert_scope scope, str name)
{
    unsigned asks = 0;
    for (uint32_t i = 0; b && i < b->norders; i++)
        if (b->orders[i].scope == scope && str_eq(b->orders[i].name, name))
            asks = order_add(asks, order_asks(&b->orders[i]));
    return asks;
}
