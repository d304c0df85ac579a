/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recovery - has a target that did badly become well again? Part of its figures (figures.h).
 *
 * A target that does badly is called rarely, so its figures would stay bad for a long time after it
 * is well. Yet one good answer proves little: of a target that fails three times in ten, seven
 * answers are good. So good answers are added up as evidence, in natural logarithms of how much
 * likelier each is of a target that is well than of one that does what is known of it (Wald's
 * sequential test of 1945, with the sum begun anew at each bad one, as Page's CUSUM of 1954):
 *
 *     an answer, of a target that fails with the share e        ln((1 - WELL) / (1 - e))
 *     … that came x times faster than it is known to            ln(x)^2 / (2 * SPREAD^2)
 *
 * RECOVERY_ENOUGH of it is news, and what was known before is forgotten. That is one answer that
 * came ten times faster, two where nine in ten failed, and twelve in a row where three in ten did.
 *
 * Two things then happen, both because the next seconds decide how soon its callers have it back:
 *   What began before the answer that was news says nothing of now, whenever it ends. An answer
 *   that took ten seconds in the bad time would otherwise come in as the freshest sample of all.
 *   It is on trial. It gets calls at once to confirm the news, two for each good answer (`wanted`),
 *   as in TCP's slow start, and beyond those a share that grows with its answers: a few of them say
 *   too little of its times for a crowd to follow. One that is well has all of its share within a
 *   few seconds; one that is not costs a few calls, for the first bad one ends it.
 *
 * What was rejected: forgetting after one good answer, as the figures did before (a brownout is
 * "well again" each second), and a ramp by the clock alone (Envoy's slow_start), which takes as
 * long for a target with a thousand calls a second as for one with three.
 *
 * Pure: the clock comes as an argument. No allocation.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

#define RECOVERY_ENOUGH   4.0   /* nats: it is fifty times likelier to be well */
#define RECOVERY_FAILS    0.03  /* share of failed attempts from which on an answer is evidence */
#define RECOVERY_FASTER   1.5   /* how much faster an answer must come to be some */
#define RECOVERY_WANTED   8     /* calls that it should get soon, at most … */
#define RECOVERY_ANSWERS  16    /* … until so many were good: then it is as any other … */
#define RECOVERY_TRIAL_MS 10000 /* … or until so long has passed without a bad one */

struct recovery {
    double evidence;
    msec since;           /* attempts sent before that are of another time; 0: there was no news */
    msec heard;           /* when the news came … */
    uint32_t old_waiting; /* … and who was waiting for an answer then, and still is … */
    msec old_since;       /* … the sum of the times at which those were sent */
    uint32_t wanted;      /* calls it should get soon */
    uint32_t answers;     /* good ones since the news */
};

/* What is known of the target, before this answer. */
struct recovery_known {
    double error_rate; /* 0 to 1 */
    double first_ms;   /* to the first token; negative: not known */
    /* It is slower than it used to be, or nothing was heard of it for a while. Times of answers to
     * short prompts vary: among many others a quick one is no evidence. */
    bool in_doubt;
};

/* Was the attempt sent before the last recovery? Then it is no sample. */
static inline bool recovery_is_old(const struct recovery *r, msec began)
{
    return began < r->since;
}

/* An attempt is sent. In the millisecond of the news it is of the old time still, for nothing tells
 * it from those that were sent before. */
static inline void recovery_begin(struct recovery *r, msec now)
{
    if (r->wanted)
        r->wanted--;
    if (now == r->heard && r->heard) {
        r->old_waiting++;
        r->old_since += now;
    }
}

/* The answer to an attempt of this time began after `ms`. True: that is news, and what was known is
 * to be forgotten; `waiting` and `waiting_since` are the figures' own, without this one. */
bool recovery_answer(struct recovery *r, const struct recovery_known *k, double ms, msec began,
                     msec now, uint32_t waiting, msec waiting_since);
/* The same, known for certain from elsewhere: its breaker has closed. */
void recovery_declare(struct recovery *r, msec now, uint32_t waiting, msec waiting_since);
/* An attempt of this time failed. */
void recovery_failed(struct recovery *r);
/* The part of its share that it has not won back yet, 0 to 1; 0: it is on no trial. */
double recovery_trial(const struct recovery *r, msec now);
/* An attempt waits no longer. */
void recovery_waited(struct recovery *r, msec began);
