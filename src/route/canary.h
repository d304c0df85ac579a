/* SPDX-License-Identifier: Apache-2.0 */
/*
 * canary - a new model on trial: its share grows while it does well, and ends when it does not.
 *
 *     RUNNING (5 %) ── enough calls, long enough, no worse ──> RUNNING (25 %) ──> … ──> PROMOTED
 *         └── more errors, or slower, than is allowed ──> ROLLED_BACK (0 %)
 *
 * It is compared with the calls of the same rule that went elsewhere, in the same step: yesterday's
 * figures would blame it for today's trouble of everybody. Where there are too few of those the
 * absolute limit alone counts. A step is judged once there are min_calls of the canary's, but for
 * one case: what has failed so often already that the missing calls could not save it.
 *
 * What ends it for good is the operator's: a rolled back canary stays so until its rule changes.
 *
 * Each worker keeps its own; the gate tells the others of a roll-back. Pure: the clock comes as an
 * argument. No allocation.
 */
#pragma once
#include "conf/rule.h"

enum canary_state { CANARY_RUNNING, CANARY_PROMOTED, CANARY_ROLLED_BACK };
enum canary_event { CANARY_NO_NEWS, CANARY_STEPPED, CANARY_PROMOTED_NOW, CANARY_ROLLED_BACK_NOW };

struct canary_arm {
    uint32_t calls, failed;
    double ms; /* of those that did not fail, together */
};

struct canary {
    enum canary_state state;
    uint32_t step;
    msec since;                /* of this step */
    struct canary_arm arms[2]; /* the others', the canary's */
    const char *why;           /* rolled back: "it failed too often"; static */
};

void canary_init(struct canary *c, msec now);
/* Its share now, in parts of a million. */
uint32_t canary_share(const struct canary *c, const struct conf_canary *conf);
/* A call of the rule ended: the canary's, or one that went elsewhere. */
enum canary_event canary_note(struct canary *c, const struct conf_canary *conf, bool is_canary,
                              bool failed, msec took, msec now);
/* Another worker has seen enough. */
void canary_roll_back(struct canary *c, const char *why);
