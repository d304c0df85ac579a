/* SPDX-License-Identifier: Apache-2.0 */
/*
 * look - whom to try first although another one is better: whoever chooses by what was learned must
 * also try what looks worse, or it never learns that it became better.
 *
 * Each EXPLORE_EVERY-th call goes first to a target that is worse than it used to be, else to the
 * one that was not tried for the longest time; and each CONFIRM_EVERY-th to one that has just shown
 * a recovery (recovery.h). The others stay behind it in the plan, so an exploring call that fails
 * is served by the best.
 *
 * A look has its price: a conversation whose prompt is cached at its own target costs several times
 * as much anywhere else. So one that costs r times as much is due r times later, and all looks
 * together never add more than an EXPLORE_EVERY-th to what is spent; mostly a cheap call comes
 * first (the first turn of a conversation is cold everywhere).
 *
 * Pure. No allocation.
 */
#pragma once
#include <stdint.h>

#define EXPLORE_EVERY 40
#define EXPLORE_MOST  10 /* times as much; what is dearer is looked at all the same */
#define CONFIRM_EVERY 4

/* When to look, by route: it counts its calls, and how many of them there were at the last look. */
struct looks {
    uint32_t calls, looked;
};

/* At whom: a strategy that passes over nobody but the ill has nothing to learn of the others. */
enum look_at { LOOK_AT_NOBODY, LOOK_AT_ILL, LOOK_AT_ALL };

struct contender;
/* One more call: the index of the contender to try first instead of the first of these, which are
 * in their order; 0: none. */
uint32_t look_where(struct looks *l, enum look_at whom, const struct contender *c, uint32_t n);
