/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan_wide - what the scanners of 64 bytes a step have in common. Internal to json/.
 *
 * Each step turns 64 bytes into 64-bit masks, one bit a byte, and does the rest of its work on
 * those. There is no branch per escape: prompts are full of \n and \", at no distance a branch
 * predictor could learn.
 *
 *     bytes     a b \ " c \ \ " , ...
 *     slash         1     1 1
 *     escaped         1     1          the byte behind a backslash that is not itself escaped
 *     quote           1         1
 *     end                       1      the first of quote & ~escaped
 *     live      1 1 1 1 1 1 1          what stands before it
 *
 * Which backslashes are themselves escaped is the odd-even question of Langdale and Lemire
 * ("Parsing Gigabytes of JSON per Second", 2019): a subtraction carries along each run of them.
 * UTF-8 is checked by the three look-ups of Keiser and Lemire ("Validating UTF-8 In Less Than One
 * Instruction Per Byte", 2020), and only in blocks that have bytes beyond ASCII.
 *
 * The masks are made by scan_avx2.c and scan_avx512.c, each in the way that its instructions do
 * best; the arithmetic on them, and the tables, stand here once.
 */
#pragma once
#include "json/scan_int.h"

#define JSON_WIDE_BLOCK 64

/* What a block needs to know of those before it, but for their last bytes. */
struct json_wide {
    uint64_t odd;  /* bit 0: the last block's last byte was a backslash that escapes */
    uint64_t owed; /* low bits: digits that the last block's \u still wants */
    bool cut;      /* the last block ended beyond ASCII, perhaps inside a sequence */
    bool escaped;  /* there was a backslash in the string */
};

/* A bit for each byte of a block. */
struct json_masks {
    uint64_t slash, quote;
    uint64_t high;    /* beyond ASCII */
    uint64_t control; /* below a blank */
};

/* What is found in a block. */
struct json_found {
    uint64_t end;     /* the closing quote's bit; 0: not in here */
    uint64_t live;    /* the bytes before it; without an end, all */
    uint64_t escaped; /* the bytes behind backslashes, also behind the end */
};

/* Bytes that an odd number of backslashes stands before. */
static inline uint64_t json_wide_escaped_by(uint64_t slash, uint64_t *odd)
{
    const uint64_t odd_bits = 0xAAAAAAAAAAAAAAAAULL;
    uint64_t starts = slash & ~*odd;
    uint64_t run = ((starts << 1) | odd_bits) - starts;
    uint64_t codes = run ^ odd_bits;
    uint64_t escaped = codes ^ (slash | *odd);
    *odd = (codes & slash) >> 63;
    return escaped;
}

static inline struct json_found json_wide_find(struct json_wide *w, const struct json_masks *m)
{
    struct json_found f = {0};
    uint64_t quote = m->quote;
    if (m->slash | w->odd) {
        f.escaped = json_wide_escaped_by(m->slash, &w->odd);
        quote &= ~f.escaped;
    }
    f.end = quote & -quote;
    f.live = f.end - 1;
    w->escaped |= (m->slash & f.live) != 0;
    return f;
}

/* Where hexadecimal digits must stand, given the live u's behind backslashes; and what the next
 * block owes. */
static inline uint64_t json_wide_digits(struct json_wide *w, uint64_t u)
{
    uint64_t digits = u << 1 | u << 2 | u << 3 | u << 4 | w->owed;
    w->owed = u >> 63 | u >> 62 | u >> 61 | u >> 60;
    return digits;
}

/* What a pair of bytes may be guilty of, seen in the high and the low half of its first byte and in
 * the high half of its second: it is, when all three tables say so. */
enum json_guilt {
    JSON_TOO_SHORT = 0x01,  /* a lead byte, then no tail */
    JSON_TOO_LONG = 0x02,   /* ASCII, then a tail */
    JSON_OVERLONG_3 = 0x04, /* E0 80..9F */
    JSON_TOO_LARGE = 0x08,  /* F4 90.. and F5.. 90.. */
    JSON_SURROGATE = 0x10,  /* ED A0..BF */
    JSON_OVERLONG_2 = 0x20, /* C0, C1 */
    JSON_LARGE_1000 = 0x40, /* F5.. 80..8F; shares its bit with: */
    JSON_OVERLONG_4 = 0x40, /* F0 80..8F */
    JSON_TWO_TAILS = 0x80,  /* right only as the 3rd or 4th byte of a sequence */
    JSON_ANY_LOW = JSON_TOO_SHORT | JSON_TOO_LONG | JSON_TWO_TAILS,
    JSON_LARGE_LOW = JSON_ANY_LOW | JSON_TOO_LARGE | JSON_LARGE_1000,
    JSON_TAIL = JSON_TOO_LONG | JSON_TWO_TAILS | JSON_OVERLONG_2,
};

struct json_utf8_tables {
    unsigned char first_high[16], first_low[16], second_high[16];
};

#define JSON_TWO(x)   (x), (x)
#define JSON_FOUR(x)  JSON_TWO(x), JSON_TWO(x)
#define JSON_EIGHT(x) JSON_FOUR(x), JSON_FOUR(x)

static const struct json_utf8_tables json_utf8_tables = {
    .first_high = {JSON_EIGHT(JSON_TOO_LONG), JSON_FOUR(JSON_TWO_TAILS),
                   /* C */ JSON_TOO_SHORT | JSON_OVERLONG_2,
                   /* D */ JSON_TOO_SHORT,
                   /* E */ JSON_TOO_SHORT | JSON_OVERLONG_3 | JSON_SURROGATE,
                   /* F */ JSON_TOO_SHORT | JSON_TOO_LARGE | JSON_LARGE_1000 | JSON_OVERLONG_4},
    .first_low = {/* 0 */ JSON_ANY_LOW | JSON_OVERLONG_3 | JSON_OVERLONG_2 | JSON_OVERLONG_4,
                  /* 1 */ JSON_ANY_LOW | JSON_OVERLONG_2, JSON_TWO(JSON_ANY_LOW),
                  /* 4 */ JSON_ANY_LOW | JSON_TOO_LARGE, JSON_EIGHT(JSON_LARGE_LOW),
                  /* D */ JSON_LARGE_LOW | JSON_SURROGATE, JSON_TWO(JSON_LARGE_LOW)},
    .second_high = {JSON_EIGHT(JSON_TOO_SHORT),
                    /* 8 */ JSON_TAIL | JSON_OVERLONG_3 | JSON_LARGE_1000 | JSON_OVERLONG_4,
                    /* 9 */ JSON_TAIL | JSON_OVERLONG_3 | JSON_TOO_LARGE,
                    JSON_TWO(JSON_TAIL | JSON_SURROGATE | JSON_TOO_LARGE),
                    JSON_FOUR(JSON_TOO_SHORT)},
};
/* A third byte follows E0.. two places before, a fourth F0.. three: what is left of those after
 * subtracting these has its high bit set, and there JSON_TWO_TAILS is right and its lack wrong. */
#define JSON_THIRD_FROM  (0xE0 - 0x80)
#define JSON_FOURTH_FROM (0xF0 - 0x80)
