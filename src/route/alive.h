/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alive - what is found out about a provider without a call: for active probes (gate/probe.c).
 *
 * A probe speaks of an origin, health of targets and credentials. That the origin answers says that
 * calls may be tried again, and no more: open breakers become half-open, and the next call is the
 * judge. That it does not answer says that all calls would fail.
 *
 * Pure. Walks all records of the worker: for probes, which come every few seconds.
 */
#pragma once
#include "route/plan.h"

/* Is one of the provider's records, or its region, open, or ejected; or its first key refused,
 * where the probe shows it? */
bool alive_is_wanted(const struct route_state *s, const struct conf_provider *p, msec now);
/* It takes the provider's first key: where that was refused it is half-open now. */
bool alive_key(struct route_state *s, const struct conf_provider *p, msec now);
/* It answers: what is open becomes half-open. How many records did. */
unsigned alive_yes(struct route_state *s, const struct conf_provider *p, msec now);
/* It does not: each of its targets is as if it had failed as often as its breaker allows. How many
 * were not open before. */
unsigned alive_no(struct route_state *s, const struct conf_provider *p, msec now);
