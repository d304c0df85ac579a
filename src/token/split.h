/* SPDX-License-Identifier: Apache-2.0 */
/*
 * split - a text into the pieces that an encoding's pattern makes of it, before any merging.
 *
 * tiktoken cuts text with a regular expression first: words with the blank before them, up to three
 * digits, runs of punctuation, line ends, blanks. A general engine would cost more than the merging
 * that follows, so each alternative of the two patterns (in split.c, beside its function) is
 * written out by hand, with what backtracking would find as a closed rule. Exact against
 * js-tiktoken on generated Unicode (tests/it/test_tokens.py).
 *
 * Pure, no state, no allocation; linear: no byte is looked at more than a few times.
 */
#pragma once
#include "base/str.h"

enum split_kind { SPLIT_CL100K, SPLIT_O200K };

/* Where the piece that begins at p (p < end) ends: never p, never beyond end. */
const uint8_t *split_next(enum split_kind kind, const uint8_t *p, const uint8_t *end);
