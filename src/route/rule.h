/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rule - which of the operator's rules (conf/rule.h) a call meets, and what they ask.
 *
 * One walk over the list: a rule whose conditions all hold does its part, and unless it goes on,
 * the walk ends. Of several that choose a model the first has the word; tags and edits add up. A
 * rule that leads where the caller's key may not go is passed over as if it did not match: a rule
 * sends calls to a place, it does not give anybody the right to it.
 *
 * Chance. A share of 10 % is not a die thrown for each call: of each DICE_SIDES calls each side
 * comes once, in an order that is drawn anew every time. So a share is right within a call or two
 * after thousands, and two rules that throw at the same calls do not fall into step, as two
 * counters would. What is sticky throws no dice: its hash decides, salted by the rule's name, so
 * that one user is not in the small arm of every rule; a share that grows keeps those it had.
 *
 * Pure; the view's functions answer for the call. No allocation; the recursion is as deep as the
 * file's conditions, at most CONF_RULE_DEPTH.
 */
#pragma once
#include "base/rand.h"
#include "conf/snapshot.h"

#define RULE_MATCHES_MAX 8 /* rules of one call; those behind are not looked at */
#define RULE_TAGS_MAX    16
#define DICE_SIDES       128

struct rule_dice {
    uint8_t thrown, from, turn, way; /* of this round; how it goes through the sides */
};

/* A throw: parts of a million, below CONF_MILLION. */
uint32_t dice_throw(struct rule_dice *d, struct rand *r);

/* What conditions look at: what lies at hand, and functions for what has to be found out, which are
 * asked when a condition is. Conditions come cheapest first (conf/build_when.c). An absent text is
 * like no pattern, not even "*". */
struct rule_view {
    void *arg;
    str (*header)(void *arg, str name);
    str (*metadata)(void *arg, str name);
    /* Of the prompt, as exact as it takes to compare it with `mark`. */
    uint64_t (*tokens)(void *arg, uint64_t mark);
    uint64_t (*identity)(void *arg, const struct conf_sticky *by); /* 0: nobody's */
    bool (*may)(void *arg, const struct conf_route *r);            /* the caller's key */
    str (*user)(void *arg);
    bool (*trait)(void *arg, unsigned trait); /* CONF_TRAIT_*, one of them */
    str key, path, model, front;
    uint64_t unix_ms;
    struct rule_dice *dice; /* conf_rules.throws of them */
    /* Of a canary now, in parts of a million (route/trial.h); NULL: its first. */
    uint32_t (*share)(void *arg, const struct conf_canary *canary);
    struct rand *rand;
};

struct rule_outcome {
    const struct conf_rule *matched[RULE_MATCHES_MAX];
    uint32_t n;
    const struct conf_rule *by;     /* who chose the route, or denied; NULL: nobody */
    const struct conf_route *route; /* NULL: as the model's name says */
    const struct conf_deny *deny;   /* NULL: it may go on */
    const struct conf_rule *trial;  /* a canary's rule, for the outcome is to be noted … */
    bool is_canary;                 /* … as its own, else as the others' */
    const struct conf_rule *mirror; /* whose copy is to be made */
    str tags[RULE_TAGS_MAX];
    uint32_t ntags;
};

/* `out` may hold tags of the caller's own; the rest is set here. */
void rules_apply(const struct conf_rules *rules, const struct rule_view *v,
                 struct rule_outcome *out);
