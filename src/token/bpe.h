/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bpe - byte-pair encoding as OpenAI's models do it: o200k_base and cl100k_base, exactly.
 *
 * A text is cut into pieces (token/split.h); each piece starts as single bytes, and of all
 * neighbours whose concatenation is a token the one of the lowest rank is merged, the leftmost
 * first, until none is. What is left are the tokens. Special tokens are text like any other, as in
 * tiktoken's encode_ordinary.
 *
 *     "tokenizer" -> t o k e n i z e r -> … -> token izer
 *
 * How it is fast: most pieces are a token as they stand, and most of those are the same few
 * thousand words. A cache of short pieces (in struct bpe_work, one per worker) answers those from
 * one line of memory; a hash table over the tokens answers whole pieces; the rest are merged.
 *
 * How it stays linear: a piece may be a megabyte of one letter. Long pieces are merged in windows
 * that overlap (token/merge_int.h says why the result is the same), so the work per byte and the
 * memory are bounded.
 *
 * The encoding itself is immutable once made: any number of threads may share it, each with a
 * bpe_work of its own. Pure: the file's bytes are an argument. The file is not trusted: its digest
 * and every length are checked before anything is built from it.
 *
 *     offset  0  "weir-bpe"
 *             8  version, little-endian u32: BPE_FILE_VERSION
 *            12  kind, u32: enum split_kind
 *            16  number of tokens, u32
 *            20  bytes of all tokens, u32
 *            24  the length of each token, a byte each, in the order of their ranks
 *                the tokens' bytes, one after the other
 *                SHA-256 of all that precedes
 *
 * tools/make-ranks writes it from the rank data of an npm package.
 */
#pragma once
#include "base/rc.h"
#include "token/split.h"

#define BPE_FILE_VERSION 1
#define BPE_FILE_MAX     (8u << 20)
#define BPE_TOKENS_MAX   ((1u << 18) - 2) /* a rank and an empty slot fit in 18 bits */
#define BPE_TOKEN_MAX    128              /* bytes: the longest of both encodings are blanks */

#define BPE_CACHE_SLOTS 8192 /* 128 KiB: the working set of ordinary text */
#define BPE_CACHE_BYTES 13   /* of a piece; 97 of 100 words are no longer */
#define BPE_WINDOW      2048 /* bytes of a long piece merged at once */

struct bpe;

struct bpe_cached { /* a short piece and how many tokens it is; all zero: free */
    uint64_t head;  /* its first eight bytes, little-endian */
    uint64_t tail;  /* the next five; tokens << 40; kind << 56; length << 60 */
};

/* One thread's memory for counting; all zero is ready. About 190 KiB. */
struct bpe_work {
    struct bpe_cached cache[BPE_CACHE_SLOTS];
    uint32_t rank[BPE_WINDOW];
    uint32_t heap[3 * BPE_WINDOW];
    uint16_t next[BPE_WINDOW + 1], prev[BPE_WINDOW + 1];
    uint16_t starts[2][BPE_WINDOW + 1];
    uint64_t
        seams; /* windows that had to be joined without a token in common: tests hold it at 0 */
};

/* Build an encoding from a file. On failure *ret is untouched and *why is static text, but for
 * RC_NOMEM. RC_SYNTAX: it is no such file, or is damaged; RC_LIMIT: too large. */
enum rc bpe_new(str file, struct bpe **ret, const char **why) MUST_CHECK;
void bpe_free(struct bpe *b); /* accepts NULL */
size_t bpe_tokens(const struct bpe *b);
/* The bytes of a token. rank < bpe_tokens. */
str bpe_token(const struct bpe *b, uint32_t rank);

/* How many tokens the text is. Any bytes will do; those that are no UTF-8 are signs. */
uint64_t bpe_count(const struct bpe *b, struct bpe_work *w, str text);
/* The tokens themselves, without the cache. Returns how many there are; those beyond `cap` are not
 * written. For tests and tools. */
size_t bpe_encode(const struct bpe *b, struct bpe_work *w, str text, uint32_t *ids, size_t cap);
