/* SPDX-License-Identifier: Apache-2.0 */
/*
 * canary - a new model on trial: its share grows while it does well, and ends when it does not.
 *
 *     RUNNING (5 %) ── enough calls, long enough, no worse ──> RUNNING (25 %) ──> … ──> PROMOTED
 *         └── more errors, or slower, than is allowed, beyond chance ──> ROLLED_BACK (0 %)
 *
 * It is compared with the calls of the same rule that went elsewhere, in the same step: yesterday's
 * figures would blame it for today's trouble of everybody. Where there are too few of those the
 * absolute limit alone counts.
 *
 * What chance could have done takes nothing back. Each limit is a statistical test, and since it is
 * asked anew with each call, its quantile is CANARY_Z = 3 (one in 740 for a single look):
 *
 *     failed too often            lower end of Wilson's interval of its failures above the limit
 *                                 (Wilson 1927), and CANARY_FAILS of them: four failures of four
 *                                 end it at the usual 20 %, at once, however few calls there were
 *     more often than the others  two proportions, one success and one failure added to each
 *                                 (Agresti and Caffo 2000), their difference above the limit
 *     slower than the others      ranks (Mann and Whitney 1947): are its times above those of the
 *                                 others, times the limit? Ranks, for one answer of ten minutes
 *                                 says nothing; and its median above theirs by CANARY_FLOOR_MS,
 *                                 for nobody minds 8 ms instead of 3
 *
 * What is over a limit without being proven keeps the trial where it is: more calls will tell. So a
 * bad model does not climb on the grounds that there were too few calls to convict it.
 *
 * Times are kept in buckets, four an octave: a test by ranks needs no more, and counts of two
 * processes can be added.
 *
 * What ends it for good is the operator's: a rolled back canary stays so until its rule has another
 * name, or its canary another model.
 *
 * Pure: the clock comes as an argument. No allocation. Shared by workers: route/trial.h.
 */
#pragma once
#include "conf/rule.h"

#define CANARY_BUCKETS  80 /* to 17 minutes */
#define CANARY_Z        3.0
#define CANARY_FAILS    4
#define CANARY_FLOOR_MS 50

enum canary_state { CANARY_RUNNING, CANARY_PROMOTED, CANARY_ROLLED_BACK };
enum canary_event { CANARY_NO_NEWS, CANARY_STEPPED, CANARY_PROMOTED_NOW, CANARY_ROLLED_BACK_NOW };

/* Why it was taken back. */
enum canary_fault {
#define FAULT(id, text) CANARY_##id,
#include "route/canary_faults.def"
#undef FAULT
    CANARY_FAULTS
};

struct canary_arm {
    uint32_t calls, failed;
    uint32_t ms[CANARY_BUCKETS]; /* of those that did not fail: how many took so long */
};

struct canary {
    enum canary_state state;
    uint32_t step;
    msec since;                /* of this step */
    struct canary_arm arms[2]; /* the others', the canary's */
    enum canary_fault fault;   /* rolled back: why; else NO_FAULT */
};

void canary_init(struct canary *c, msec now);
/* The share of a trial in that state, in parts of a million. */
uint32_t canary_share(enum canary_state state, uint32_t step, const struct conf_canary *conf);
/* A call of the rule ended: the canary's, or one that went elsewhere. */
void canary_add(struct canary_arm *arm, bool failed, msec took);
/* What follows of all that was noted, by the canary's own last call. A new step begins with empty
 * arms. */
enum canary_event canary_judge(struct canary *c, const struct conf_canary *conf, msec now);
/* Both. */
enum canary_event canary_note(struct canary *c, const struct conf_canary *conf, bool is_canary,
                              bool failed, msec took, msec now);
unsigned canary_bucket(msec took);
const char *canary_fault_text(enum canary_fault f); /* "it failed too often" */
