/* SPDX-License-Identifier: Apache-2.0 */
/*
 * likeness - what two answers to the same request have in common.
 *
 * An answer is summed up in some numbers: how it ended, how long its text is and its hash, which
 * tools it calls and with what. Two such sums can be compared long after the answers themselves are
 * gone, and tell nobody what was said.
 *
 * Compared is what is meant, not how it is written, for two languages write the same otherwise:
 * texts are unescaped ("\u00e9" is "é"), all text blocks are one text, arguments of a tool are
 * compared as JSON values (order of members, blanks and 1.0 for 1 do not count). Left out are
 * thoughts, ids, citations and log probabilities, which no two models share, and all choices but
 * the first.
 *
 * The hashes are no defence (FNV-1a): whoever makes two answers collide deceives himself.
 * Pure; memory: scratch in the caller's arena.
 */
#pragma once
#include "ir/response.h"

#define LIKENESS_CALLS_MAX 32 /* of tools; those behind count, and are not compared */

struct likeness_call {
    uint64_t name, args;
};

struct likeness {
    bool whole; /* an answer came to its end; else nothing below can be relied on */
    enum ir_finish finish;
    uint64_t text, bytes; /* hash and length of the visible text, in UTF-8 */
    uint32_t calls;       /* of tools */
    struct likeness_call call[LIKENESS_CALLS_MAX];
};

/* What differs; bits. */
#define LIKENESS_FINISH 1u
#define LIKENESS_TEXT   2u
#define LIKENESS_TOOLS  4u /* other ones, in another order, or not as many */
#define LIKENESS_ARGS   8u /* the same ones, asked otherwise */

/* Sum up what was collected. False: no memory, and *ret is of no answer. */
bool likeness_of(const struct ir_response *r, struct arena *scratch, struct likeness *ret);
/* LIKENESS_…, 0 when they are alike. Both whole. */
unsigned likeness_compare(const struct likeness *a, const struct likeness *b);
