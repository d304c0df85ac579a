/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan_avx2 - a string, 64 bytes a step.
 *
 * Each step turns 64 bytes into 64-bit masks, one bit a byte, and does the rest of its work on
 * those. There is no branch per escape: prompts are full of \n and \", at no distance a branch
 * predictor could learn.
 *
 *     bytes     a b \ " c \ \ " , ...
 *     slash         1     1 1
 *     escaped         1     1          the byte behind a backslash that is not itself escaped
 *     quote           1         1
 *     ends                      1      quote & ~escaped
 *
 * Which backslashes are themselves escaped is the odd-even question of Langdale and Lemire
 * ("Parsing Gigabytes of JSON per Second", 2019): a subtraction carries along each run of them.
 * One pair of table look-ups gives the class of each byte: what may stand behind a backslash, and
 * what is a hexadecimal digit. Where escaped u's are, the four bits behind each must be digits.
 * UTF-8 is checked by the three look-ups of Keiser and Lemire ("Validating UTF-8 In Less Than One
 * Instruction Per Byte", 2020), and only in blocks that have bytes beyond ASCII.
 *
 * The last, incomplete block of the text is copied onto zeros, so nothing behind the text is read.
 */
#include "json/scan_int.h"

#if JSON_AVX2
#include <immintrin.h>

#include "base/check.h"

#define AVX2  __attribute__((target("avx2,bmi,lzcnt,popcnt")))
#define BLOCK 64

/* Classes of bytes in the look-up tables below. */
#define SLASH_2 0x01 /* " / */
#define SLASH_5 0x02 /* \ */
#define SLASH_6 0x04 /* b f n */
#define SLASH_7 0x08 /* r t u */
#define HEX_3   0x10 /* 0-9 */
#define HEX_46  0x20 /* A-F a-f */
#define SLASHES (SLASH_2 | SLASH_5 | SLASH_6 | SLASH_7)
#define HEXES   (HEX_3 | HEX_46)

/* What a pair of bytes may be guilty of. */
#define TOO_SHORT  0x01 /* a lead byte, then no tail */
#define TOO_LONG   0x02 /* ASCII, then a tail */
#define OVERLONG_3 0x04 /* E0 80..9F */
#define TOO_LARGE  0x08 /* F4 90.. and F5.. 90.. */
#define SURROGATE  0x10 /* ED A0..BF */
#define OVERLONG_2 0x20 /* C0, C1 */
#define LARGE_1000 0x40 /* F5.. 80..8F; shares its bit with: */
#define OVERLONG_4 0x40 /* F0 80..8F */
#define TWO_TAILS  0x80 /* right only as the 3rd or 4th byte of a sequence */
#define ANY_LOW    (TOO_SHORT | TOO_LONG | TWO_TAILS)
#define LARGE_LOW  (ANY_LOW | TOO_LARGE | LARGE_1000)

struct scan {
    uint64_t odd;  /* bit 0: the last block's last byte was a backslash that escapes */
    uint64_t owed; /* low bits: digits that the last block's \u still wants */
    bool cut;      /* the last block ended beyond ASCII, perhaps inside a sequence */
    bool escaped;
    __m256i last; /* upper half of the last block */
};

struct block {
    __m256i lo, hi;
};

AVX2 static inline uint64_t bits_of(__m256i lo, __m256i hi)
{
    return (uint64_t)(uint32_t)_mm256_movemask_epi8(hi) << 32 | (uint32_t)_mm256_movemask_epi8(lo);
}

AVX2 static inline uint64_t equal_to(const struct block *b, char c)
{
    __m256i want = _mm256_set1_epi8(c);
    return bits_of(_mm256_cmpeq_epi8(b->lo, want), _mm256_cmpeq_epi8(b->hi, want));
}

AVX2 static inline uint64_t controls(const struct block *b)
{
    __m256i top = _mm256_set1_epi8(0x1F);
    return bits_of(_mm256_cmpeq_epi8(_mm256_max_epu8(b->lo, top), top),
                   _mm256_cmpeq_epi8(_mm256_max_epu8(b->hi, top), top));
}

/* Bytes that an odd number of backslashes stands before. */
static inline uint64_t escaped_by(uint64_t slash, uint64_t *odd)
{
    const uint64_t odd_bits = 0xAAAAAAAAAAAAAAAAULL;
    uint64_t starts = slash & ~*odd;
    uint64_t run = ((starts << 1) | odd_bits) - starts;
    uint64_t codes = run ^ odd_bits;
    uint64_t escaped = codes ^ (slash | *odd);
    *odd = (codes & slash) >> 63;
    return escaped;
}

AVX2 static inline __m256i look_up(__m256i table, __m256i nibbles)
{
    return _mm256_shuffle_epi8(table, nibbles);
}

AVX2 static inline __m256i high_nibbles(__m256i v)
{
    return _mm256_and_si256(_mm256_srli_epi16(v, 4), _mm256_set1_epi8(0x0F));
}

AVX2 static inline __m256i low_nibbles(__m256i v)
{
    return _mm256_and_si256(v, _mm256_set1_epi8(0x0F));
}

AVX2 static inline __m256i table_of(const unsigned char t[16])
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)t));
}

AVX2 static inline __m256i classes(__m256i v)
{
    static const unsigned char by_high[16] = {
        [2] = SLASH_2,          [3] = HEX_3,  [4] = HEX_46, [5] = SLASH_5,
        [6] = SLASH_6 | HEX_46, [7] = SLASH_7};
    static const unsigned char by_low[16] = {
        HEX_3,
        HEX_3 | HEX_46,
        HEX_3 | HEX_46 | SLASH_2 | SLASH_6 | SLASH_7,
        HEX_3 | HEX_46,
        HEX_3 | HEX_46 | SLASH_7,
        HEX_3 | HEX_46 | SLASH_7,
        HEX_3 | HEX_46 | SLASH_6,
        HEX_3,
        HEX_3,
        HEX_3,
        0,
        0,
        SLASH_5,
        0,
        SLASH_6,
        SLASH_2,
    };
    return _mm256_and_si256(look_up(table_of(by_high), high_nibbles(v)),
                            look_up(table_of(by_low), low_nibbles(v)));
}

/* Bits of the bytes whose class is none of `mask`. */
AVX2 static inline uint64_t not_in(__m256i lo, __m256i hi, char mask)
{
    __m256i m = _mm256_set1_epi8(mask), none = _mm256_setzero_si256();
    return bits_of(_mm256_cmpeq_epi8(_mm256_and_si256(lo, m), none),
                   _mm256_cmpeq_epi8(_mm256_and_si256(hi, m), none));
}

/* Bits where an escape goes wrong. `live`: bytes before the string's end. */
AVX2 static inline uint64_t bad_escapes(const struct block *b, uint64_t escaped, uint64_t live,
                                        uint64_t *owed)
{
    __m256i lo = classes(b->lo), hi = classes(b->hi);
    uint64_t bad = escaped & not_in(lo, hi, SLASHES);
    uint64_t u = escaped & live & equal_to(b, 'u');
    if (u | *owed) {
        uint64_t digits = u << 1 | u << 2 | u << 3 | u << 4 | *owed;
        bad |= digits & not_in(lo, hi, HEXES);
        *owed = u >> 63 | u >> 62 | u >> 61 | u >> 60;
    }
    return bad;
}

/* v moved up by n bytes, the last bytes of `before` moving in. */
#define MOVED(v, before, n) \
    _mm256_alignr_epi8((v), _mm256_permute2x128_si256((before), (v), 0x21), 16 - (n))

AVX2 static inline __m256i bad_utf8_half(__m256i v, __m256i before)
{
    static const unsigned char first_high[16] = {
        TOO_LONG,
        TOO_LONG,
        TOO_LONG,
        TOO_LONG,
        TOO_LONG,
        TOO_LONG,
        TOO_LONG,
        TOO_LONG,
        TWO_TAILS,
        TWO_TAILS,
        TWO_TAILS,
        TWO_TAILS,
        TOO_SHORT | OVERLONG_2,
        TOO_SHORT,
        TOO_SHORT | OVERLONG_3 | SURROGATE,
        TOO_SHORT | TOO_LARGE | LARGE_1000 | OVERLONG_4,
    };
    static const unsigned char first_low[16] = {
        ANY_LOW | OVERLONG_3 | OVERLONG_2 | OVERLONG_4,
        ANY_LOW | OVERLONG_2,
        ANY_LOW,
        ANY_LOW,
        ANY_LOW | TOO_LARGE,
        LARGE_LOW,
        LARGE_LOW,
        LARGE_LOW,
        LARGE_LOW,
        LARGE_LOW,
        LARGE_LOW,
        LARGE_LOW,
        LARGE_LOW,
        LARGE_LOW | SURROGATE,
        LARGE_LOW,
        LARGE_LOW,
    };
    static const unsigned char second_high[16] = {
        TOO_SHORT,
        TOO_SHORT,
        TOO_SHORT,
        TOO_SHORT,
        TOO_SHORT,
        TOO_SHORT,
        TOO_SHORT,
        TOO_SHORT,
        TOO_LONG | TWO_TAILS | OVERLONG_2 | OVERLONG_3 | LARGE_1000 | OVERLONG_4,
        TOO_LONG | TWO_TAILS | OVERLONG_2 | OVERLONG_3 | TOO_LARGE,
        TOO_LONG | TWO_TAILS | OVERLONG_2 | SURROGATE | TOO_LARGE,
        TOO_LONG | TWO_TAILS | OVERLONG_2 | SURROGATE | TOO_LARGE,
        TOO_SHORT,
        TOO_SHORT,
        TOO_SHORT,
        TOO_SHORT,
    };
    __m256i first = MOVED(v, before, 1);
    __m256i guilt = _mm256_and_si256(look_up(table_of(first_high), high_nibbles(first)),
                                     look_up(table_of(first_low), low_nibbles(first)));
    guilt = _mm256_and_si256(guilt, look_up(table_of(second_high), high_nibbles(v)));
    /* A third byte follows E0.. two places before, a fourth F0.. three: there TWO_TAILS is right,
     * and its lack wrong. */
    __m256i third = _mm256_subs_epu8(MOVED(v, before, 2), _mm256_set1_epi8((char)(0xE0 - 0x80)));
    __m256i fourth = _mm256_subs_epu8(MOVED(v, before, 3), _mm256_set1_epi8((char)(0xF0 - 0x80)));
    __m256i tails = _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8((char)0x80));
    return _mm256_xor_si256(guilt, tails);
}

AVX2 static inline uint64_t bad_utf8(const struct block *b, __m256i before)
{
    __m256i lo = bad_utf8_half(b->lo, before), hi = bad_utf8_half(b->hi, b->lo);
    __m256i none = _mm256_setzero_si256();
    return ~bits_of(_mm256_cmpeq_epi8(lo, none), _mm256_cmpeq_epi8(hi, none));
}

/* One block. *ends gets the bit of the closing quote, 0 when it is not in here. False: something is
 * wrong at or before it. */
AVX2 static inline bool step(struct scan *s, struct block b, uint64_t *ends)
{
    uint64_t slash = equal_to(&b, '\\'), high = bits_of(b.lo, b.hi);
    uint64_t quote = equal_to(&b, '"'), bad = controls(&b), escaped = 0;
    if (slash | s->odd | s->owed) {
        escaped = escaped_by(slash, &s->odd);
        quote &= ~escaped;
    }
    uint64_t end = quote & -quote, live = end - 1; /* no end: all bits */
    if (slash & live)
        s->escaped = true;
    if (escaped | s->owed)
        bad |= bad_escapes(&b, escaped, live, &s->owed);
    if (high | s->cut)
        bad |= bad_utf8(&b, s->last);
    s->cut = (high >> 61) != 0;
    s->last = b.hi;
    *ends = end;
    return (bad & (live | end)) == 0;
}

/* 64 bytes from any address. (A memcpy into the struct would be done by halves, through the stack.)
 */
AVX2 static inline struct block load(const char *s)
{
    return (struct block){_mm256_loadu_si256((const __m256i_u *)(const void *)s),
                          _mm256_loadu_si256((const __m256i_u *)(const void *)(s + 32))};
}

/* The last bytes of the text, fewer than a block. */
AVX2 static __attribute__((noinline)) const char *last_step(struct scan *scan, const char *s,
                                                            const char *end)
{
    char tail[BLOCK] = {0};
    uint64_t ends = 0;
    memcpy(tail, s, (size_t)(end - s));
    if (!step(scan, load(tail), &ends) || !ends)
        return NULL;
    return s + __builtin_ctzll(ends);
}

AVX2 const char *json_scan_avx2(const char *s, const char *end, bool *escaped)
{
    struct scan scan = {.last = _mm256_setzero_si256()};
    for (; end - s >= BLOCK; s += BLOCK) {
        uint64_t ends;
        if (!step(&scan, load(s), &ends))
            return NULL;
        if (ends) {
            *escaped |= scan.escaped;
            return s + __builtin_ctzll(ends);
        }
    }
    s = last_step(&scan, s, end);
    *escaped |= scan.escaped;
    ASSERT(!s || (s < end && *s == '"'));
    return s;
}
#endif
