/* SPDX-License-Identifier: Apache-2.0 */
/*
 * merge - one piece of a text, from bytes to tokens. Internal to token/.
 *
 * Short pieces are merged in an array that is searched for its lowest rank again and again: for a
 * few dozen bytes nothing is faster. Up to a window, a heap of the ranks makes it n log n.
 *
 * Beyond a window, windows that overlap are merged each for itself and joined at a token they have
 * in common. That is exact, by what BPE is: merging proceeds by rank, so what happens inside a
 * stretch of text depends on its neighbours only through a merge across its edge. Hence a row of
 * tokens is the encoding of its text if and only if each two neighbours are the encoding of
 * theirs. Inside a window every two neighbours are so; a token that two windows have in common at
 * the same place has a right neighbour on both sides; so the joined row is the encoding of the
 * whole.
 */
#pragma once
#include "token/bpe.h"

#define MERGE_NONE  UINT32_MAX /* no token */
#define MERGE_SHORT 48         /* bytes that are merged without a heap */

/* The rank of these bytes as a token, or MERGE_NONE. n > 0. */
uint32_t bpe_rank(const struct bpe *b, const uint8_t *p, size_t n);

/* Merge p[0..n), 0 < n <= BPE_WINDOW: fills starts[0..k] (starts[0] == 0, starts[k] == n), returns
 * k. */
size_t merge_window(const struct bpe *b, struct bpe_work *w, const uint8_t *p, size_t n,
                    uint16_t *starts);
/* The same for any length, in windows; calls `token` for each token in order, or only counts. */
typedef void (*merge_token_fn)(void *ctx, const uint8_t *p, size_t n);
size_t merge_piece(const struct bpe *b, struct bpe_work *w, const uint8_t *p, size_t n,
                   merge_token_fn token, void *ctx);
