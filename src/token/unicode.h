/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unicode - what kind of character stands here, as the split patterns of tokenizers ask it.
 *
 * Each kind is a bit, so that a set such as [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}] is one mask and a run
 * of it is one loop. The table is made by tools/make-unicode (which says the version of Unicode):
 * two stages, 128 code points a block, half a byte each, 17 KiB in all. \s is JavaScript's: with
 * U+FEFF and without U+0085, the other way round than in Rust; no text that anybody writes can
 * tell.
 *
 * Pure. Bytes that are no UTF-8 are characters of kind UNI_OTHER, one byte long.
 */
#pragma once
#include "base/str.h"

enum uni_kind {
    UNI_OTHER = 1 << 0,
    UNI_UPPER = 1 << 1,  /* Lu, Lt */
    UNI_LOWER = 1 << 2,  /* Ll */
    UNI_LETTER = 1 << 3, /* Lm, Lo: neither upper nor lower, both in patterns */
    UNI_MARK = 1 << 4,   /* M: combining, no \p{L} */
    UNI_NUMBER = 1 << 5, /* N */
    UNI_LINE = 1 << 6,   /* \r \n */
    UNI_SPACE = 1 << 7,  /* the rest of \s */
};

extern const uint8_t uni_ascii[128]; /* enum uni_kind */

/* The kind of a code point <= 0x10FFFF. */
unsigned uni_kind(uint32_t code);
/* The kind of the character at p (p < end), which is beyond ASCII, and its length in bytes. */
unsigned uni_wide(const uint8_t *p, const uint8_t *end, unsigned *ret_len);

/* The kind of the character at p (p < end) and its length in bytes, 1 to 4. */
static inline unsigned uni_at(const uint8_t *p, const uint8_t *end, unsigned *ret_len)
{
    if (*p < 0x80) {
        *ret_len = 1;
        return uni_ascii[*p];
    }
    return uni_wide(p, end, ret_len);
}
