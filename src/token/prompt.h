/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prompt - how many tokens a request is for its model: text, tools, images, documents, and what the
 * maker wraps around them.
 *
 * One walk over the canonical request. Text is measured by byte-pair encoding where the encodings
 * are there (struct token_counter), else by classes of bytes (token/estimate.h); for models with an
 * encoding of their own that is not public, o200k_base's count is taken times the family's factor.
 * Tools are written out as the model reads them and measured as text. The rest are the family's
 * constants.
 *
 * Exact texts give an exact count only where nothing else is in the request; so the answer says
 * whether it is counted (the model's own encoding, text alone) or estimated. Errors that are left:
 * docs/tokens.md. Good for count_tokens answers, admission, reservations, and the bill of a
 * provider that reports none; what a provider reports always wins.
 *
 * Bounded: texts beyond counter->exact_max bytes in one request are sampled, not encoded.
 * Pure: all memory is the caller's, one counter a thread.
 */
#pragma once
#include "ir/request.h"
#include "ir/usage.h"
#include "token/bpe.h"
#include "token/family.h"
#include "token/memo.h"

struct token_counter {
    const struct bpe *o200k, *cl100k; /* both NULL: no ranks, all is estimated */
    struct bpe_work *work;            /* where there are encodings */
    struct token_memo *memo;          /* NULL: nothing is remembered */
    struct buf *text;                 /* scratch; its maximum is that of one text */
    size_t exact_max;                 /* bytes of text to encode in one request; 0: sample all */
};

struct token_target {
    str model; /* as its provider calls it */
    enum token_way way;
    const struct ir_message *last; /* count up to this one; NULL: all messages */
};

struct token_count {
    uint64_t tokens;
    enum usage_source source; /* USAGE_COUNTED or USAGE_ESTIMATED */
};

struct token_count token_prompt(struct token_counter *c, const struct ir_request *r,
                                const struct token_target *t);
