/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage - the tokens of one answer, in classes that do not overlap on the input side.
 *
 *     what a provider calls the prompt =
 *         input_uncached + cache_read + cache_write_5m + cache_write_1h      (OpenAI, Gemini:
 * inclusive) output includes reasoning; a dialect whose output excludes it (Gemini, xAI) is added
 * up first.
 *
 * Numbers from providers are not trusted: a missing, negative, fractional or absurd one
 * (> USAGE_TOKENS_MAX) counts as not given, cached parts are clamped to the prompt, reasoning to
 * the output. Snapshots, not increments: the last valid one wins.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

#define USAGE_TOKENS_MAX (UINT64_C(1) << 53) /* beyond it JSON numbers stop being exact */

enum usage_source { USAGE_NONE, USAGE_ESTIMATED, USAGE_COUNTED, USAGE_REPORTED };

#define USAGE_HAS_INPUT     1u /* the input classes are known */
#define USAGE_HAS_OUTPUT    2u
#define USAGE_HAS_CACHE     4u /* the provider spoke of its cache */
#define USAGE_HAS_REASONING 8u
#define USAGE_HAS_AUDIO     16u
#define USAGE_HAS_IMAGE     32u
#define USAGE_HAS_COST      64u /* the provider said what it asks for the call */
#define USAGE_HAS_BILLED    128u

struct usage {
    uint64_t input_uncached;
    uint64_t cache_read;
    uint64_t cache_write_5m, cache_write_1h;
    uint64_t output;              /* everything generated, reasoning included */
    uint64_t reasoning;           /* part of output */
    uint64_t audio_in, audio_out; /* parts of input and output */
    uint64_t image_in, image_out; /* the same, for images */
    uint64_t audio_ms;            /* sound transcribed, where it is billed by time */
    uint64_t searches;            /* server-side web searches made, where billed */
    nanousd cost;                 /* as the provider says it; USAGE_HAS_COST */
    /* The tokens that are paid for, where those are fewer than the model read and wrote: Cohere
     * asks nothing for its templates. USAGE_HAS_BILLED. */
    uint64_t billed_in, billed_out;
    /* What calls that are no chat are billed by besides; 0: unsaid. */
    uint64_t pictures;   /* images made */
    uint64_t units;      /* search units of a ranking */
    uint64_t characters; /* of the text that was spoken */
    uint32_t has;        /* USAGE_HAS_* */
    uint8_t source;      /* enum usage_source */
    bool suspect;        /* something had to be clamped or thrown away */
};

/* input_uncached + the three cache classes. */
uint64_t usage_prompt(const struct usage *u);
/* Take over from `next` what it knows; the rest stays. Output is cumulative: replaced, never added.
 */
void usage_merge(struct usage *u, const struct usage *next);
/* The tokens of two answers that are paid for together: all of `more` is added. The worse of the
 * two sources is the sum's. */
void usage_add(struct usage *u, const struct usage *more);
/* Inclusive prompt and its cached parts to the exclusive classes, clamped. */
void usage_set_prompt(struct usage *u, uint64_t prompt, uint64_t cached, uint64_t written);
