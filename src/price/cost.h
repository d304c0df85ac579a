/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cost - what the tokens of a call cost, exactly.
 *
 * The usage's classes are split so that no token is paid twice (usage.h: cached parts stand beside
 * the uncached input; reasoning, sound and images are parts of input and output), each part is
 * multiplied with its class's price, and the sum is rounded once, to the nearest nano-dollar. All
 * in integers of 128 bits; past what nanousd holds ($9.2 billion) it stays there and says so.
 *
 * The size of the prompt decides about the tier, the time of the call about the period, both of the
 * whole call: so do those who charge.
 *
 * What has no price is not free: `missing` names each class that was used and has none, nor another
 * that stands for it (base/price_class.def). Then `usd` is what the rest costs: a lower bound.
 */
#pragma once
#include "ir/usage.h"
#include "price/card.h"

struct cost {
    nanousd usd;
    uint32_t missing; /* bits 1 << enum price_class; 0: usd is all of it */
    bool saturated;
};

/* `p` NULL: nothing is known of its prices; all that was used is missing. */
void cost_of(const struct price_period *p, const struct usage *u, struct cost *ret);
/* The price of one class, with what stands for it; false: unknown. */
bool price_of_class(const struct price_set *set, enum price_class c, uint64_t *ret);
/* a + b, at most INT64_MAX. Neither is negative. */
nanousd usd_add(nanousd a, nanousd b);
