/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prose - the text that prompts and answers are made of.
 *
 * What a coding agent sends is source code, logs, diffs and prose, full of newlines, quotes,
 * backslashes and indentation, with a little beyond ASCII. All of that matters to a JSON reader: a
 * prompt of one repeated letter would flatter it. The same seed always gives the same text.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "tool.h"

/* Append about `n` bytes (never more, at most 160 fewer) of agent text to `t`, as it stands inside
 * a JSON string: escaped, without the quotes. Advances `*seed`, which must not be 0. */
void prose_add(struct text *t, size_t n, uint64_t *seed);

/* Append exactly `n` bytes of plain words, nothing in them to be escaped. */
void prose_pad(struct text *t, size_t n);

/* The i-th piece of an answer, about one token, escaped as above. Any `i`; the pieces go round. */
const char *prose_token(unsigned i);
