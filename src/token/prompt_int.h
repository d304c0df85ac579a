/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prompt_int - the walk over one request, and how it measures texts; not for other folders.
 *
 * prompt.c knows what is in a request and what is wrapped around it, prompt_text.c how many tokens
 * a text is: by an encoding or by its look, as it stands or undone, anew or as it was counted
 * before. Sums are thousandths of a token, for families count by factors.
 */
#pragma once
#include "token/prompt.h"

#define WALK_MILLI 1000

/* How the bytes of a text were read: kinds of memo, which tells them apart. */
#define WALK_ESCAPED  0 /* a JSON string's body, undone */
#define WALK_PLAIN    2 /* as it stands */
#define WALK_SQUEEZED 4 /* JSON without the blanks between its tokens */
#define WALK_FILE     8 /* of a file in base64 */
#define WALK_WORDS    12

struct walk {
    struct token_counter *c;
    const struct token_family *f;
    const struct token_target *target;
    uint64_t milli;
    size_t read; /* bytes of text so far */
    bool exact;  /* all of it was encoded as the model does */
    bool loop;   /* thoughts of this turn are read again: it goes on behind a tool's result */
};

typedef uint64_t (*walk_count_fn)(struct walk *w, str text);

/* NULL: the encoding of this family is not here. */
const struct bpe *walk_encoding(const struct walk *w);
/* Tokens of the encoding; adds to w->read. */
uint64_t walk_measure(struct walk *w, str plain);
/* Of strings that stand one after the other, each with a zero byte behind it. */
uint64_t walk_words(struct walk *w, str words);
/* Of JSON, whose blanks between tokens no model is shown. */
uint64_t walk_squeezed(struct walk *w, str json);
/* What `count` says of a text, or said before. Only what was encoded is remembered, for an estimate
 * may be bettered. */
uint64_t walk_remember(struct walk *w, str text, unsigned kind, walk_count_fn count);
/* Tokens of the encoding to thousandths of the family's. */
uint64_t walk_by_family(const struct walk *w, uint64_t n);

/* The same, added to the sum. */
void walk_tokens(struct walk *w, uint64_t n); /* whole ones, of templates */
void walk_plain(struct walk *w, str plain);
void walk_text(struct walk *w, jtext t);
void walk_json(struct walk *w, str json); /* arguments of calls, results, blocks of one dialect */
