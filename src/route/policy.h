/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy - what a caller asks of the choice among targets, for one call.
 *
 * The words are OpenRouter's (openrouter.ai/docs/features/provider-routing), so that a client that
 * knows them needs no second set: a `provider` object in the body, or a header for each of them.
 *
 *     "provider": { "order": ["anthropic"], "ignore": ["azure"], "max_price": {"prompt": 3} }
 *     x-weir-order: anthropic          x-weir-ignore: azure          x-weir-max-price: prompt=3
 *
 * A policy only narrows and orders what the call may use anyway: the targets of the model that it
 * asked for, and of the fallback models that its key may use. It cannot open anything. Headers are
 * read first, and what one of them says is not said again by the body.
 *
 * What weir knows nothing of (how long a provider keeps data, quantizations) is refused where it
 * would be a promise, and let pass where it asks for nothing (`data_collection: "allow"`).
 *
 * Pure. Slices point into the body, the head or the call's arena.
 * Fails: RC_SYNTAX with *f (bad_request, its message and the member that is at fault); RC_NOMEM.
 */
#pragma once
#include "conf/snapshot.h"
#include "ir/error.h"
#include "route/reason.h"
#include "route/strategy.h"
#include "json/json.h"

#define POLICY_NAMES_MAX    16 /* in one list: nobody has more providers of one model */
#define POLICY_MEMBER       "provider"
#define POLICY_HEADER       "x-weir-"
#define POLICY_TTFT_SAMPLES 3.0 /* below, what is known of a target refuses nobody */

enum policy_sort { POLICY_SORT_NONE, POLICY_SORT_PRICE, POLICY_SORT_LATENCY, POLICY_SORT_PACE };

struct policy_names {
    uint32_t n;
    str v[POLICY_NAMES_MAX]; /* a provider's name or preset, or "provider/model" */
};

struct route_policy {
    unsigned said; /* bits of policy.c's rows: by a header, so the body does not say it again */
    struct policy_names order, only, ignore;
    struct policy_names fallback; /* models, to be tried when the one asked for did not serve */
    enum policy_sort sort;
    bool no_fallbacks;       /* allow_fallbacks: false */
    bool require_parameters; /* no target that would not be told all of the request */
    bool has_max_prompt, has_max_completion;
    uint64_t max_prompt, max_completion; /* nano-dollars for a million tokens */
    msec max_ttft;                       /* 0: any */
};

/* Is it one of a policy's headers? Others begin like these, and are no policy. */
bool policy_is_header(str name);
str policy_word(size_t i); /* the object's members in turn, and those of headers; absent: no more */
/* Begins like one of weir's headers and is none: false, and what to say of it. Those that are read
 * elsewhere (x-weir-tags, x-weir-session) may stand, and so may most that weir answers with, for
 * some clients send back what they got. */
bool policy_may_stand(str name, struct arena *a, struct fail *f);
/* One header of the caller's; names that are none of ours are left alone. *ret_took: it was one. */
enum rc policy_header(struct route_policy *p, str name, str value, struct arena *a, bool *ret_took,
                      struct fail *f) MUST_CHECK;
/* The body's object. */
enum rc policy_object(struct route_policy *p, jval object, struct arena *a,
                      struct fail *f) MUST_CHECK;
/* Is each name one of a provider here? A slip in `ignore` must not send a prompt where it was not
 * to go. */
enum rc policy_check(struct route_policy *p, const struct snapshot *s, struct arena *a,
                     struct fail *f) MUST_CHECK;

/* What the test of one target looks at. */
struct policy_target {
    const struct conf_provider *provider;
    const struct conf_target *target;
    bool priced;                 /* the two prices are known */
    uint64_t prompt, completion; /* nano-dollars for a million tokens */
};

/* REASON_FITS, or why the caller does not want it, whatever it has shown. */
enum plan_reason policy_judge(const struct route_policy *p, const struct policy_target *t);
/* … and that it begins its answers too late, as far as enough of them were seen lately. */
bool policy_is_too_slow(const struct route_policy *p, const struct reading *seen);

/* What the judgement and the order look at, so that nothing else is worked out. */
static inline bool policy_needs_price(const struct route_policy *p)
{
    return p->has_max_prompt || p->has_max_completion;
}
unsigned policy_needs(const struct route_policy *p); /* STRATEGY_… */

/* Put the contenders, as the strategy ordered them, into the order that the caller asks for. */
void policy_rank(const struct route_policy *p, const struct snapshot *s, struct contender *c,
                 uint32_t n);

/* Is it the provider's name, or that of what it stands on? Case does not count. */
bool policy_names_provider(str name, const struct conf_provider *p);

/* The body without the member, in the arena. Absent: no memory. */
str policy_cut(str body, jval root, struct arena *a);
