/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules - the operator's rules (route/rule.h) on the way of a call.
 *
 * They are asked before anything else says where a call goes, and what they ask is kept with the
 * call: where it goes, what is edited, which words it carries, whose trial it is part of. A file
 * without rules costs a call one comparison.
 *
 * Dice are a worker's and a generation's. Trials of canaries are the process's, for all workers
 * together (route/trial.h), and outlive reload and restart, by the name of their rule and of the
 * new model.
 */
#pragma once
#include "route/rule.h"
#include "route/trial.h"

struct call;
struct json_writer;
struct gate;
struct gen;

#define RULES_CALLER_TAGS "x-weir-tags" /* of a caller's own, and what goes to a provider */

/* What a generation has of its own. */
struct gen_rules {
    struct rule_dice *dice;
    struct trial **trials; /* by index of canaries; NULL: the process has no room for it */
};

/* What one call has met. */
struct call_rules {
    struct rule_outcome out;
    const struct conf_route *usual; /* where a canary's call had gone without it; NULL: no such */
    struct trial *trial;            /* of out.trial's canary; or NULL */
    uint32_t trial_place;           /* where that was when the call was sent on its way */
    str trial_news; /* what its end decided about a canary, for the log; usually absent */
};

enum rc rules_bind(struct gate *g, struct gen *gen) MUST_CHECK; /* RC_NOMEM */
void rules_unbind(struct gen *gen);

/* Sets c->rules, and c->found where one chooses the model. False: a rule refuses the call, and it
 * was answered. */
bool rules_resolve(struct call *c);
/* A canary's call goes there when the canary fails: a trial is no caller's loss. NULL: it is
 * none's. */
const struct conf_route *rules_usual(const struct call *c);
/* … and it has not been there yet. */
bool rules_owe_usual(const struct call *c);
/* The call is over; `status` as the client got it. */
void rules_settle(struct call *c, unsigned status, bool gone, uint64_t ms);

/* In weir_routed_… and weir_tagged_…: by who chose the model (a scenario, too), and by tags. */
void rules_count(struct call *c, unsigned status);
void rules_explain(const struct call *c, struct json_writer *w); /* members of an object */
void rules_metrics(const struct gate *g, struct buf *to);        /* where the canaries stand */
void rules_log(const struct call *c, struct buf *b);             /* members of the log line */
void rules_write_headers(const struct call *c, struct buf *b);   /* towards the provider */
/* The i-th rule's edits, behind those of provider and model; NULL: there are no more. */
const struct conf_transforms *rules_transforms(const struct call *c, unsigned i);
