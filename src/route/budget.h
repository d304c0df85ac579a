/* SPDX-License-Identifier: Apache-2.0 */
/*
 * budget - how many retries a route may afford: RELIABILITY §7.
 *
 * Retries are a share of the calls of the same route in the same window, so that an outage is not
 * doubled by those who suffer from it (U15); and whatever that share, a few may be under way at one
 * time: a route that is seldom called has no share to speak of, and its calls must not fail for
 * that. (A few per window instead left the fourth of five agents without its answer when their
 * provider died; a few at a time is what Envoy's retry budgets grant.) Where refusals come at once
 * a few at a time can be many: the breakers end that, after some failures of each, and when all are
 * broken there is the share alone. Each
 * logical model has a budget of its own, and each provider one for the calls that name it or a
 * model of it directly: what one route spends on its broken targets must not leave another without
 * its retry. A call counts on the route it asked for, also while it is served by one of its
 * fallbacks.
 *
 * Budgets are kept by name and counted by reference. A generation of the configuration holds those
 * it names; as the next one is made before the last one goes, a reload keeps the counts, and what
 * no generation names any more is gone. So there are never more than two configurations name, and
 * what clients write as a model's name makes none.
 *
 * Pure: the clock comes as an argument. One worker's own, as is all of route_state.
 */
#pragma once
#include "base/map.h"
#include "base/time.h"

#define RETRY_WINDOW_MS 10000
#define RETRY_SHARE     5 /* one retry for five calls … */
#define RETRY_FLOOR     3 /* … and so many at one time in any case */

/* A hedge counts as a retry, and besides of all calls the share that the route allows; one always
 * may be. */
#define HEDGE_FLOOR 1

struct retry_budget {
    msec window;
    unsigned calls, retries, hedges;
    unsigned calls_before, retries_before; /* in the window before this one */
    unsigned active;                       /* retries that have not ended */
};
void retry_budget_call(struct retry_budget *b, msec now);
/* True: one more may be sent, and each ends by one of the two below. `panic`: all that could serve
 * are broken, so that it would hardly help. */
bool retry_budget_take(struct retry_budget *b, bool panic, msec now);
/* One that is sent whatever the share: it counts, and ends, as all others do. */
void retry_budget_owe(struct retry_budget *b, msec now);
void retry_budget_return(struct retry_budget *b); /* it was not sent: nobody was left to try */
void retry_budget_over(struct retry_budget *b);   /* it has ended, however */

bool retry_budget_hedge(struct retry_budget *b, uint32_t millionths, msec now); /* of the calls */
void retry_budget_unhedge(struct retry_budget *b); /* it was not sent */

/* Two name spaces: a logical model may be called as a provider is. */
enum budget_kind { BUDGET_MODEL, BUDGET_PROVIDER, BUDGET_KINDS };

struct budgets {
    struct map by_name[BUDGET_KINDS];
};
void budgets_init(struct budgets *t, struct hash_key key);
void budgets_fini(struct budgets *t); /* every one was given back */
/* The budget of that name, made where there is none: one reference more. NULL: no memory. */
struct retry_budget *budget_ref(struct budgets *t, enum budget_kind kind, str name);
void budget_unref(struct budgets *t, struct retry_budget *b); /* accepts NULL */
