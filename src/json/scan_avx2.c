/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan_avx2 - a string, 64 bytes a step, in two vectors of 32; see scan_wide_int.h for the idea.
 *
 * One pair of table look-ups gives the class of each byte: what may stand behind a backslash, and
 * what is a hexadecimal digit. They are asked only where something else than a quote, a backslash
 * or an n is escaped, which is rare in prompts. Where escaped u's are, the four bits behind each
 * must be digits.
 *
 * The last, incomplete block of the text is copied onto zeros, so nothing behind the text is read.
 */
#include "json/scan_wide_int.h"

#if JSON_AVX2
#include <immintrin.h>

#include "base/check.h"

#define AVX2 __attribute__((target("avx2,bmi,lzcnt,popcnt")))

/* Classes of bytes in the look-up tables below. */
#define SLASH_2 0x01 /* " / */
#define SLASH_5 0x02 /* \ */
#define SLASH_6 0x04 /* b f n */
#define SLASH_7 0x08 /* r t u */
#define HEX_3   0x10 /* 0-9 */
#define HEX_46  0x20 /* A-F a-f */
#define SLASHES (SLASH_2 | SLASH_5 | SLASH_6 | SLASH_7)
#define HEXES   (HEX_3 | HEX_46)

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

AVX2 static inline struct json_masks masks_of(const struct block *b)
{
    __m256i blank = _mm256_set1_epi8(' ');
    uint64_t high = bits_of(b->lo, b->hi);
    /* As signed numbers, bytes beyond ASCII are below the blank too. */
    uint64_t low = bits_of(_mm256_cmpgt_epi8(blank, b->lo), _mm256_cmpgt_epi8(blank, b->hi));
    return (struct json_masks){.slash = equal_to(b, '\\'),
                               .quote = equal_to(b, '"'),
                               .high = high,
                               .control = low & ~high};
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

/* Bits where an escape goes wrong. `rare`: escaped bytes of which more is to be known. */
AVX2 static inline uint64_t bad_escapes(const struct block *b, uint64_t rare, struct json_wide *w)
{
    __m256i lo = classes(b->lo), hi = classes(b->hi);
    uint64_t bad = rare & not_in(lo, hi, SLASHES);
    uint64_t u = rare & equal_to(b, 'u');
    if (u | w->owed)
        bad |= json_wide_digits(w, u) & not_in(lo, hi, HEXES);
    return bad;
}

/* v moved up by n bytes, the last bytes of `before` moving in. */
#define MOVED(v, before, n) \
    _mm256_alignr_epi8((v), _mm256_permute2x128_si256((before), (v), 0x21), 16 - (n))

AVX2 static inline __m256i bad_utf8_half(__m256i v, __m256i before)
{
    const struct json_utf8_tables *t = &json_utf8_tables;
    __m256i first = MOVED(v, before, 1);
    __m256i guilt = _mm256_and_si256(look_up(table_of(t->first_high), high_nibbles(first)),
                                     look_up(table_of(t->first_low), low_nibbles(first)));
    guilt = _mm256_and_si256(guilt, look_up(table_of(t->second_high), high_nibbles(v)));
    __m256i third = _mm256_subs_epu8(MOVED(v, before, 2), _mm256_set1_epi8(JSON_THIRD_FROM));
    __m256i fourth = _mm256_subs_epu8(MOVED(v, before, 3), _mm256_set1_epi8(JSON_FOURTH_FROM));
    __m256i tails =
        _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8((char)JSON_TWO_TAILS));
    return _mm256_xor_si256(guilt, tails);
}

AVX2 static inline uint64_t bad_utf8(const struct block *b, __m256i before)
{
    __m256i lo = bad_utf8_half(b->lo, before), hi = bad_utf8_half(b->hi, b->lo);
    __m256i none = _mm256_setzero_si256();
    return ~bits_of(_mm256_cmpeq_epi8(lo, none), _mm256_cmpeq_epi8(hi, none));
}

/* One block; `last` is the upper half of the one before it. *end gets the bit of the closing quote,
 * 0 when it is not in here. False: something is wrong at or before it. */
AVX2 static inline bool step(struct json_wide *w, struct block b, __m256i last, uint64_t *end)
{
    struct json_masks m = masks_of(&b);
    struct json_found f = json_wide_find(w, &m);
    uint64_t bad = m.control, rare = f.escaped & f.live & ~(m.quote | m.slash);
    if (rare)
        rare &= ~equal_to(&b, 'n');
    if (rare | w->owed)
        bad |= bad_escapes(&b, rare, w);
    if (m.high | w->cut)
        bad |= bad_utf8(&b, last);
    w->cut = (m.high >> 61) != 0;
    *end = f.end;
    return (bad & (f.live | f.end)) == 0;
}

/* 64 bytes from any address. (A memcpy into the struct would be done by halves, through the stack.)
 */
AVX2 static inline struct block load(const char *s)
{
    return (struct block){_mm256_loadu_si256((const __m256i_u *)(const void *)s),
                          _mm256_loadu_si256((const __m256i_u *)(const void *)(s + 32))};
}

/* The last bytes of the text, fewer than a block. */
AVX2 static __attribute__((noinline)) const char *last_step(struct json_wide *w, __m256i last,
                                                            const char *s, const char *end)
{
    char tail[JSON_WIDE_BLOCK] = {0};
    uint64_t ends = 0;
    memcpy(tail, s, (size_t)(end - s));
    if (!step(w, load(tail), last, &ends) || !ends)
        return NULL;
    return s + __builtin_ctzll(ends);
}

AVX2 const char *json_scan_avx2(const char *s, const char *end, bool *escaped)
{
    struct json_wide w = {0};
    __m256i last = _mm256_setzero_si256();
    for (; end - s >= JSON_WIDE_BLOCK; s += JSON_WIDE_BLOCK) {
        uint64_t ends;
        struct block b = load(s);
        if (!step(&w, b, last, &ends))
            return NULL;
        if (ends) {
            *escaped |= w.escaped;
            return s + __builtin_ctzll(ends);
        }
        last = b.hi;
    }
    s = last_step(&w, last, s, end);
    *escaped |= w.escaped;
    ASSERT(!s || (s < end && *s == '"'));
    return s;
}
#endif
