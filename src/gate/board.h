/* SPDX-License-Identifier: Apache-2.0 */
/*
 * board - what is known of the alerts now: to be shown, and to be followed.
 *
 * The main thread watches (app/alerts.c), for it alone sees the figures of all workers. Whenever
 * something has changed it makes a new board and gives it to each worker; a board is immutable from
 * then on and counted, so no call ever waits for another thread to find out where it may go.
 */
#pragma once
#include "base/arena.h"
#include "conf/snapshot.h"

/* An alert that fires, or whose end is being tried, and what it asks for: never just to tell. */
struct board_order {
    enum conf_alert_scope scope; /* of a provider, a logical model, a target or a key */
    str name;
    enum conf_alert_action action;
    bool trial; /* let a little through, to see whether it is over */
};

struct board {
    str json;    /* the answer of GET /api/v1/alerts */
    str metrics; /* … and what GET /metrics says of alerts */
    const struct board_order *orders;
    uint32_t norders;
    atomic_uint refs_;
    struct arena arena_;
};

#define BOARD_MAX (4u << 20)

/* One reference; to be filled from its arena, then given away. NULL: no memory. */
struct board *board_new(void);
struct board *board_ref(struct board *b);   /* returns b; accepts NULL */
struct board *board_unref(struct board *b); /* returns NULL; accepts NULL */

/* What is asked of a provider or a model, all orders about it together: ALERT_OUT and its kin.
 * Accepts NULL. */
unsigned order_asks(const struct board_order *o); /* of one order */
unsigned board_asks(const struct board *b, enum conf_alert_scope scope, str name);
