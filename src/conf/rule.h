/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rule - what an operator wants done with which calls.
 *
 *     rules:
 *       - name: beta                                  # for the log; "rule 1" without one
 *         when: { header.x-tag: beta, not: { key: [ "ci-*" ] } }
 *         split: { smart: 95, cheap: 5 }
 *         sticky: user
 *       - { when: { tokens: "> 100k" }, use: long, tag: big }
 *       - { when: { path: "/v1/embeddings" }, deny: { status: 403, message: "Not from here." } }
 *
 * The first rule that matches counts; one with `continue: true` does its part and lets the next
 * ones have theirs, and of several that choose a model the first has the word. All of `when` must
 * hold; without one a rule matches every call.
 *
 * route/rule.h evaluates them. Everything that can be worked out beforehand is: patterns are told
 * apart, models are routes, percentages are parts of a million, each throw of the dice has a place
 * of its own.
 */
#pragma once
#include "base/time.h"
#include "conf/transform.h"

struct conf_route;
struct conf_zone;

/* What `sticky` and the like hold to one target. */
enum conf_sticky_by {
    CONF_STICKY_SESSION,
    CONF_STICKY_USER,
    CONF_STICKY_KEY,
    CONF_STICKY_HEADER,
    CONF_STICKY_METADATA,
    CONF_STICKY_BODY,
};

struct conf_sticky {
    enum conf_sticky_by by;
    str name; /* HEADER, METADATA: its name */
    /* BODY: the keys and indices of a JSON pointer (RFC 6901), without its escapes. */
    const str *path;
    uint32_t npath;
};

#define CONF_RULE_DEPTH 8       /* of conditions within conditions */
#define CONF_MILLION    1000000 /* shares are parts of it */

/* What a text may be: with '*' for any bytes and '?' for one. Letter case does not count. */
enum conf_glob_kind { CONF_GLOB_EXACT, CONF_GLOB_PREFIX, CONF_GLOB_ANY, CONF_GLOB_PATTERN };

struct conf_glob {
    enum conf_glob_kind kind;
    str text; /* PREFIX: without the star */
};

enum conf_cond_kind {
    /* of a text, which must be like one of `globs` */
    CONF_COND_HEADER, /* `name` */
    CONF_COND_METADATA,
    CONF_COND_KEY,
    CONF_COND_TAG, /* one of several */
    CONF_COND_PATH,
    CONF_COND_MODEL,
    CONF_COND_FRONT,
    CONF_COND_USER,
    /* yes or no */
    CONF_COND_TRAIT,
    /* the others */
    CONF_COND_TOKENS,
    CONF_COND_TIME,
    CONF_COND_SHARE,
    CONF_COND_ALL,
    CONF_COND_ANY,
    CONF_COND_NOT, /* none of them */
};

/* What a request may be; bits. */
#define CONF_TRAIT_TOOLS      1u
#define CONF_TRAIT_IMAGES     2u
#define CONF_TRAIT_DOCUMENTS  4u
#define CONF_TRAIT_AUDIO      8u
#define CONF_TRAIT_THINKING   16u
#define CONF_TRAIT_WEB_SEARCH 32u
#define CONF_TRAIT_STRUCTURED 64u
#define CONF_TRAIT_STREAM     128u

/* Some hours of some days, where clocks go as somewhere. */
struct conf_hours {
    uint16_t from, to;  /* minutes of the day; `to` may be the smaller one: past midnight */
    uint8_t days;       /* bits, Monday's is the lowest; of the day on which the hours begin */
    int16_t utc_offset; /* minutes east of it … */
    const struct conf_zone *zone; /* … or as there, with its summer time; usually NULL */
};

struct conf_cond {
    enum conf_cond_kind kind;
    str name;                      /* HEADER, METADATA */
    const struct conf_glob *globs; /* those of a text */
    uint32_t nglobs;
    unsigned trait; /* TRAIT: which … */
    bool wanted;    /* … and whether it must be there */
    uint64_t min, max;
    struct conf_hours hours;
    uint32_t share, throw;       /* SHARE: parts of a million; its place among the dice */
    const struct conf_cond *sub; /* ALL, ANY, NOT */
    uint32_t nsub;
};

struct conf_arm {
    const struct conf_route *route;
    uint32_t weight;
};

struct conf_split {
    const struct conf_arm *arms;
    uint32_t n;
    uint64_t total; /* of their weights; more than 0 */
    uint32_t throw;
};

struct conf_deny {
    uint32_t status; /* 0: the rule denies nothing */
    str message;
};

#define CONF_CANARY_STEPS 8

/* A new model that gets more and more of the calls while it does well. */
struct conf_canary {
    const struct conf_route *route;
    uint32_t steps[CONF_CANARY_STEPS]; /* shares, rising, parts of a million; the last may be all */
    uint32_t nsteps;
    msec hold;          /* at least so long at each step */
    uint32_t min_calls; /* of the canary's, before a step is judged */
    double max_errors;  /* share of failed calls, … */
    double more_errors; /* … or so much more than the others' … */
    double slower;      /* … or so many times their time: back to none */
    uint32_t throw;
    uint32_t index; /* among all canaries of the file */
};

/* A copy for another model, whose answer nobody gets. */
struct conf_mirror {
    const struct conf_route *route;
    uint32_t share, throw;
    uint32_t at_once; /* copies under way, on each worker */
};

struct conf_rule {
    str name;
    const struct conf_cond *when; /* of kind ALL; NULL: always */
    bool goes_on;                 /* the rules behind it are looked at, too */
    const struct conf_route *use; /* NULL: it chooses no model */
    const struct conf_split *split;
    const struct conf_canary *canary;
    const struct conf_mirror *mirror;
    bool is_sticky; /* split and canary: by what `sticky` says */
    struct conf_sticky sticky;
    uint64_t salt; /* of its name: what is sticky falls otherwise in each rule */
    const str *tags;
    uint32_t ntags;
    struct conf_transforms transforms; /* behind those of provider and model */
    struct conf_deny deny;
};

struct conf_rules {
    const struct conf_rule *v;
    uint32_t n;
    uint32_t throws;   /* places for dice */
    uint32_t canaries; /* how many rules have one */
};

bool conf_tag_ok(str tag); /* may it be one? */
bool conf_glob_is_like(const struct conf_glob *g, str s);
