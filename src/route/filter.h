/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter - what keeps a target out of a plan before any strategy speaks.
 *
 * Two kinds, in two places:
 *   of a target: what it can do and how much it can take, where it runs. That holds for the whole
 *   call, so it is asked once for each target (plan_ask.fits, which whoever knows the request and
 *   the catalogue answers, with the pure functions below);
 *   of a candidate, that is a target with one of its keys: health and what is left of its limits.
 *   That is over some time, so it comes with a time.
 *
 * What is not known never keeps a target out: the catalogue has no entry for it, or none that says
 * what it can do. Where it runs is the exception: a call that may only be served in some regions is
 * not sent to where nobody said which one it is.
 *
 * Some words of the catalogue are surer than others. That a model takes no pictures is known; that
 * it calls no tools or takes no documents may only mean that nobody wrote it down, and how many
 * tokens a prompt has is an estimate. Such a reason is *soft* (filter_is_soft): it puts others
 * first, and where nobody is left the call is tried all the same, so that its provider decides.
 *
 * Pure.
 */
#pragma once
#include "conf/snapshot.h"
#include "route/reason.h"

/* What a call may need and a model may lack. */
#define FILTER_TOOLS      1u
#define FILTER_IMAGES     2u
#define FILTER_AUDIO      4u
#define FILTER_DOCUMENTS  8u
#define FILTER_STRUCTURED 16u

struct filter_needs {
    unsigned can;    /* FILTER_… */
    uint64_t prompt; /* tokens, estimated; 0: not known */
    uint64_t output; /* tokens the answer may have, as asked for; 0: unsaid */
};

struct filter_able {
    bool knows_can;
    unsigned can;
    uint64_t context, max_output; /* 0: not known */
};

/* REASON_FITS, or the first thing it cannot. */
enum plan_reason filter_able(const struct filter_able *able, const struct filter_needs *needs);
bool filter_is_soft(enum plan_reason why);
/* What is missing, for people: "pictures"; only for reasons of filter_able. */
str filter_word(enum plan_reason why);

struct candidate;
struct plan_ask;
/* May this key of a target be used now? Its health, and what is left of its limits and of the
 * provider's. *ret_at: when it may; 0: now. */
enum plan_reason filter_candidate(const struct candidate *c, const struct plan_ask *ask, msec now,
                                  msec *ret_at);

/* The same of its provider's limits alone, as the configuration sets them. */
enum plan_reason filter_allowance(const struct candidate *c, const struct plan_ask *ask, msec now,
                                  msec *ret_at);

/* The free share of its limit that is nearest to its end, 0 to 1. */
double filter_room(const struct candidate *c, const struct plan_ask *ask, msec now);

/* Is a region one of these? "eu" is each of "eu", "eu-west-1" and "EU-north-1"; "europe*" is all
 * that begin so. Without a list every region is, and no region is none of a list. */
bool filter_region(const struct conf_regions *of, str region);
