/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quota - what a provider has said of its own limits, and how much of them is left now.
 *
 * Nearly every provider tells in the head of each answer how many requests and tokens a credential
 * may still use of a model, and when there will be more:
 *
 *     x-ratelimit-remaining-tokens: 149984            anthropic-ratelimit-tokens-remaining: 479000
 *     x-ratelimit-reset-tokens: 6ms                   anthropic-ratelimit-tokens-reset: 2026-…T…Z
 *
 * The names are put together of a beginning, the part (limit, remaining, reset) and the word for
 * what is limited, in one order or the other; so they are taken apart and the word is looked up
 * (quota_words.def), instead of listing every name of every provider. A reset may be a duration
 * ("6m0s", "20ms"), seconds, a Unix time in seconds or milliseconds, or an RFC 3339 time: its form
 * tells which.
 *
 * What was said is old at once: this worker has sent more since, and a bucket fills again. So what
 * is left is worked out when it is asked for: what was said, and what came back since, less what
 * the attempts that began since will probably use. Attempts of the last QUOTA_LAG_MS before a head
 * came are counted against it too, for the provider may not have seen them when it wrote it; that
 * errs on the side of one call too few.
 *
 * Nobody is kept waiting for long by an old word: after QUOTA_BELIEVED_MS without a new one a limit
 * that was used up is doubted, and the next call asks. And a limit ends as it began, by what
 * answers say: when QUOTA_SILENT good ones in a row, to attempts that began behind its last word,
 * do not name it, it is in force no more. Who was called before may have been answered by a machine
 * that did not know yet, so those do not count. (An operator lifts a limit and the headers go with
 * it; Anthropic's name whichever limit is the nearest.) To wait for the minute instead would keep a
 * provider that is free again from its callers for all of it.
 *
 * Kept in a health record (credential and model). A provider that says nothing costs one test.
 *
 * Pure: the clock comes as an argument. No allocation.
 * Trust: the numbers are a provider's; absurd ones are left out, never computed with.
 */
#pragma once
#include <stdbool.h>

#include "base/str.h"
#include "base/time.h"

#define QUOTA_LAG_MS      500
#define QUOTA_HEAR_MS     100 /* where there is plenty, an answer in so many is heard */
#define QUOTA_BELIEVED_MS 60000
#define QUOTA_SILENT      2
#define QUOTA_MOST        (UINT64_C(1) << 50) /* a greater limit is none */

enum quota_slot {
    QUOTA_REQUESTS,
    QUOTA_TOKENS,
    QUOTA_INPUT,
    QUOTA_OUTPUT,
    QUOTA_REQUESTS_OTHER, /* of a second window: ten seconds, an hour, a day */
    QUOTA_TOKENS_OTHER,
    QUOTA_SHARE, /* in 1/QUOTA_WHOLE of the window: what one call takes of it is not known */
    QUOTA_SHARE_OTHER,
    QUOTA_SLOTS
};
#define QUOTA_WHOLE 10000

/* What one answer's head says; zeroed before the first header. */
struct quota_said {
    uint8_t limit, left, reset; /* bits 1 << slot: which of these three were said */
    uint8_t refills;            /* … and it is a bucket */
    struct {
        uint64_t limit, left;
        uint64_t reset_ms;  /* from now */
        uint64_t window_ms; /* where no reset was said */
    } of[QUOTA_SLOTS];
};

/* Could the header be one of these? A look at two letters, for all headers of all answers. */
static inline bool quota_is_likely(str name)
{
    if (name.n < sizeof("x-ratelimit-limit") - 1)
        return false;
    return ((name.p[0] | 32) == 'x' && (name.p[2] | 32) == 'r') ||
           ((name.p[0] | 32) == 'a' && (name.p[10] | 32) == 'r');
}

/* Take one header in. `unix_ms`: the provider's clock where it is known, else ours. False: it is
 * none of these, or makes no sense. */
bool quota_header(struct quota_said *s, str name, str value, uint64_t unix_ms);

/* What a call will take of a limit, guessed before it is sent. */
struct quota_need {
    uint64_t input, output; /* tokens */
};

struct quota_window {
    uint64_t limit, left; /* as said at `seen` */
    msec seen, reset_at;
};

/* What attempts have taken that the provider may not have counted yet. */
struct quota_spent {
    uint64_t requests, input, output;
};

struct quota {
    uint8_t known, refills; /* bits 1 << slot */
    bool low;               /* less than a quarter was left of something when it was heard last */
    msec heard;             /* … and when that was; 0: never */
    msec late_at;           /* when lately[0] began */
    /* So much may go out whatever comes back meanwhile: the least that was left of any limit. */
    struct quota_spent calm;
    struct quota_spent since, lately[2];
    uint8_t silent[QUOTA_SLOTS]; /* good answers in a row that did not name it */
    struct quota_window of[QUOTA_SLOTS];
};

/* Is the head of an answer worth reading? Not where there was plenty a moment ago, and not half of
 * it has gone since: what this worker sends is counted, and reading ten headers costs more than all
 * the rest of a plan. */
static inline bool quota_is_due(const struct quota *q, msec now)
{
    return q->low || !q->heard || now - q->heard >= QUOTA_HEAR_MS ||
           q->since.requests * 2 > q->calm.requests ||
           (q->since.input + q->since.output) * 2 > q->calm.input;
}

/* An attempt is sent. */
void quota_begin(struct quota *q, const struct quota_need *need, msec now);
/* The head of its answer came: the provider has counted it by then. `began`: when it was sent. */
void quota_answered(struct quota *q, const struct quota_need *need, msec began);
/* … and said so, if anything. */
void quota_learn(struct quota *q, const struct quota_said *s, msec now);
/* … and it was a good answer (2xx) to an attempt that began then: ends what it does not name, see
 * above. Behind quota_learn(), with the same `s`. An answer that never names limits (a count of
 * tokens) is none of these. */
void quota_good(struct quota *q, const struct quota_said *s, msec began, msec now);
/* What is known of it at a time, in the words it was learned in; `ret` zeroed before. */
void quota_tell(const struct quota *q, msec now, struct quota_said *ret);
/* The share that is free of the limit that is nearest to its end, 0 to 1; 1: none is known. */
double quota_room(const struct quota *q, msec now);
/* When a call of that size may be sent; 0: now, as far as is known. */
msec quota_ready_at(const struct quota *q, const struct quota_need *need, msec now);
