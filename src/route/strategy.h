/* SPDX-License-Identifier: Apache-2.0 */
/*
 * strategy - in which order the targets that can serve a call are tried.
 *
 * Each strategy is one function that gives every contender a score, lower first; ranking is the
 * same for all. A score is kept, so that a plan can be explained afterwards. What cannot serve
 * (health, capability, region, what the caller ruled out) is not among the contenders: filters come
 * before any strategy. A target of weight 0 stands behind all others, whatever the strategy.
 *
 * `balanced` weighs three figures against the best contender's: the time of this call, the share of
 * failed attempts, the cost. Targets whose scores are close share the calls by weight (softmin), so
 * that a hair's breadth does not move all traffic at once and back.
 *
 *     score = wt * (1 - ms_best/ms) + we * ERROR_PRICE * (e - e_best) + wc * (1 - usd_best/usd)
 *
 * A time is the one that the figures tell, as it will be for what is under way there (load.h).
 * Times and costs enter as shares of themselves that the best would save, never more than their
 * weight: one that answers at once, with an error, makes everybody else look a hundred times
 * slower, and must not win by that.
 *
 * A target that fails beyond chance more than the others is *ill*. Strategies of one figure put it
 * behind the others, for an error is the quickest and the cheapest answer of all. Whom a strategy
 * does not choose for what was learned must be tried all the same, or it never shows that it became
 * better: look.h.
 *
 * Pure; chance comes as an argument. No allocation.
 */
#pragma once
#include "base/rand.h"
#include "conf/snapshot.h"
#include "route/figures.h"
#include "route/look.h"

/* A target that can serve the call, with all a strategy may want to know of it. */
struct contender {
    const struct conf_target *target;
    uint32_t index;      /* in the route, as written */
    uint32_t in_flight;  /* attempts under way */
    struct reading seen; /* of its figures */
    msec last;           /* when it was last tried */
    bool news;           /* it seems to have recovered: a few calls more are to confirm it */
    double trial;        /* … and this part of its share it has not won back yet, 0 to 1 */
    double usd;     /* nano-dollars of this call: what is cached there, and what is paid in vain
                     * there, counted; negative: not known */
    double room;    /* share of its rate limit that is free, 0 to 1; 1 where none is known */
    double warm;    /* share of this prompt that its provider has cached, 0 to 1 … */
    uint32_t key;   /* … with this key of it */
    bool ill;       /* out: it fails more than others, and stands behind them */
    uint64_t place; /* hash of the names of provider and model: the same everywhere */
    double score;   /* out: lower is tried first */
};

/* What the choice is for. */
struct choice {
    enum conf_strategy strategy;
    const struct conf_routing *routing; /* the weights of `balanced` */
    enum conf_latency latency;          /* what `lowest_latency` compares */
    double tokens;                      /* that the answer will probably have */
    uint64_t session;                   /* hash of what `sticky` holds together; 0: nothing */
    struct looks *looks;                /* for strategies that explore */
    int64_t *account;                   /* smooth round robin, by index; NULL: no memory for one */
    struct rand *rand;
    bool explored; /* out: the first one is tried to learn of it */
};

/* What a strategy looks at, so that nothing else is worked out. */
#define STRATEGY_TURNS   1u  /* choice.account */
#define STRATEGY_FIGURES 2u  /* contender.seen, last, news, in_flight */
#define STRATEGY_COST    4u  /* contender.usd */
#define STRATEGY_SESSION 8u  /* choice.session, contender.place */
#define STRATEGY_ROOM    16u /* contender.room */
#define STRATEGY_WARM    32u /* contender.warm and key */
unsigned strategy_needs(enum conf_strategy s);

/* Score and order. */
void strategy_rank(struct choice *x, struct contender *c, uint32_t n);

/* What `balanced` and `cache_aware` weigh against the best contender, for whoever asks why: each
 * part as it entered the score, 0 where it is as good as the best. Of the others: what would have.
 */
struct score_parts {
    double time, errors, cost, warm, room, busy;
};
void strategy_parts(const struct choice *x, const struct contender *c, uint32_t n, uint32_t i,
                    struct score_parts *ret);
