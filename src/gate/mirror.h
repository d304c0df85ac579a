/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mirror - a copy of a call for another model, whose answer nobody gets.
 *
 * A rule asks for it (routing.rules[].mirror): a new model sees the traffic of the old one, and
 * what it would have answered is compared with what was. The copy is a struct call with a request
 * and an arena of its own, which no connection carries, as the shadow of explain.c is one. It runs
 * through the very functions that serve (decode, plan, encode, exchange, answer), so it may be of
 * any language; where a real call would reply to its client, it ends here.
 *
 *     the caller's answer ── mirror_listen: its events are gathered beside their way
 *     call_settle ────────── mirror_settle: summed up; request and head are copied; an alarm is set
 *     the loop's next turn ─ decode, plan, one attempt ──> mirror_served │ mirror_failed
 *                                                          compared, counted, logged, freed
 *
 * Why at the end of the caller's call and not beside it: then his answer is whole, nothing of the
 * copy can be in its way, and the copy lives off memory that nobody else waits for.
 *
 * What it may do to others: nothing that they could see. One attempt, no retry, no fallback, no
 * hedge, no retry budget; never where a breaker is open or a key cools, and never as a probe. Its
 * failures count for no breaker, region, ejection, alert or error rate, for a shadow must not take
 * a target away from callers. But a target's load, its limits and how fast it answers are true
 * whoever asked: those it tells (route/quota.h, route/figures.h).
 *
 * Bounded: MIRROR_MAX and MIRROR_BYTES_MAX a worker, the rule's own `atOnce`; what is beyond is not
 * sent and counted. Chats only. When the worker stops, those under way are cut off; a drain does
 * not wait for them.
 *
 * What the copy saw and cost stands in a line of its own in the access log ("mirror_of") and in
 * weir_mirror_…; no caller's usage and no model's cost has it.
 */
#pragma once
#include "gate/gate_int.h"
#include "ir/likeness.h"

#define MIRROR_MAX        32          /* under way at once, on each worker */
#define MIRROR_BYTES_MAX  (32u << 20) /* of their requests, together */
#define MIRROR_ANSWER_MAX (4u << 20)  /* of the caller's answer, to be compared */

enum mirror_outcome {
#define OUTCOME(id, name) MIRROR_##id,
#include "gate/mirror.def"
#undef OUTCOME
    MIRROR_OUTCOMES
};

/* What is known of an answer: the caller's, or the copy's. */
struct mirror_side {
    const struct conf_provider *provider; /* NULL: nobody was asked */
    str model;
    unsigned status;
    enum err error; /* ERR_COUNT: it was served */
    uint64_t ms, ttft_ms;
    struct usage usage;
    struct charge charge;
    bool charged;
    struct likeness like;
};

struct mirror {
    struct call call;
    struct request req;
    struct list link; /* mirrors.all */
    const struct conf_rule *rule;
    str id; /* of the caller's call */
    size_t bytes;
    struct mirror_side theirs, own;
    enum mirror_outcome outcome;
    unsigned differs; /* LIKENESS_… */
};

/* An answer begins that will be compared; without memory it is not. */
void mirror_listen(struct call *c);
void mirror_hear(struct call *c, const struct ir_event *ev); /* of a call that listens */
/* The caller's call is over, its charge is known: the copy, where a rule asks for one. */
void mirror_settle(struct call *c, unsigned status, bool gone);

/* Of a call that is a copy: it is over, and must not be touched. */
void mirror_served(struct call *k); /* k->collect holds the answer */
void mirror_failed(struct call *k, const struct fail *f);

void mirrors_stop(struct gate *g); /* those under way are cut off; idempotent */
void mirrors_free(struct gate *g);

/* mirror_log.c */
enum mirror_outcome mirror_compare(struct mirror *m); /* sets m->differs; both sides are known */
void mirror_count(struct gate *g, const struct conf_rule *r, enum mirror_outcome how);
void mirror_record(struct mirror *m); /* metrics and the log line; m->outcome is set */

/* settle.c, for those */
void settle_usage(struct call *c); /* what the provider did not report is counted or estimated */
void settle_log(struct call *c, struct buf *b); /* a line */
