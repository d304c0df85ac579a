/* SPDX-License-Identifier: Apache-2.0 */
/*
 * learn - what providers report teaches how far our own figures are off, for each model.
 *
 * Three ratios a model at a provider, in thousandths: what was reported of a prompt to what
 * token/prompt.h says of it, to what its bytes say (four a token), and of an answer's text to its
 * bytes. Each moves an eighth of the way to what it sees (the first ones more), within bounds, so
 * that a provider which reports nonsense once, or a request with parts we do not see, bends nothing
 * for long.
 *
 * A table of LEARN_SETS places of LEARN_WAYS models; the one longest unused makes room. Names are
 * kept as keyed hashes. Owner: one thread. Pure.
 */
#pragma once
#include "base/hash.h"

#define LEARN_SETS  64
#define LEARN_WAYS  4
#define LEARN_LEAST 400  /* thousandths */
#define LEARN_MOST  2500 /* what is further off is another matter than a tokenizer */
#define LEARN_SMALL \
    256 /* tokens: smaller prompts are mostly template, and bend a count to no good */
/* Our count is good to begin with: as if four reports had agreed with it. */
#define LEARN_PRIOR ((struct learned_ratio){1000, 4})

struct learned_ratio {
    uint16_t mille; /* 0: nothing was learned */
    uint16_t seen;  /* how often, up to 8 */
};

struct lesson {
    uint64_t hash;               /* 0: free */
    struct learned_ratio prompt; /* begins at LEARN_PRIOR */
    struct learned_ratio bytes, answer;
};

struct lessons {
    struct hash_key key;
    struct lesson set[LEARN_SETS][LEARN_WAYS]; /* the last used first */
};

void lessons_init(struct lessons *l, struct hash_key key);
/* What is known of this model; made when it is new. Good until the next call. */
struct lesson *lesson_of(struct lessons *l, str provider, str model);
/* In two steps, for who asks often: the hash under which a model is kept, never 0, and the rest. */
uint64_t lesson_name(const struct lessons *l, str provider, str model);
struct lesson *lesson_named(struct lessons *l, uint64_t hash);
/* We said `ours`, they said `theirs`. Nothing is learned from zeroes. */
void ratio_learn(struct learned_ratio *r, uint64_t ours, uint64_t theirs);
/* `ours` as it probably would be reported. */
uint64_t ratio_apply(const struct learned_ratio *r, uint64_t ours);
