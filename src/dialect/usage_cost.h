/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage_cost - what a provider says its answer costs, in the usage object.
 *
 *     "cost": 0.00129                                   OpenRouter
 *     "cost": 0, "is_byok": true,                       … through the caller's own key: its fee,
 *       "cost_details": {"upstream_inference_cost": …}      and what the key's owner is asked
 *     "cost": {"total_cost": 0.00621, …}                Perplexity
 *     "cost_in_usd_ticks": 4389400                      xAI: 10^-10 dollars
 *
 * Whether these are dollars is for others to know: any server may write a number there.
 */
#pragma once
#include "ir/usage.h"
#include "json/json.h"

/* Sets cost and USAGE_HAS_COST where `u`, a usage object, has one that can be money. */
void usage_read_cost(jval u, struct usage *to);
