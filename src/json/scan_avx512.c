/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan_avx512 - a string, 64 bytes a step, in one vector; see scan_wide_int.h for the idea.
 *
 * The same steps as scan_avx2.c in half the instructions: comparisons give masks at once, and one
 * look-up of 128 entries tells the class of any ASCII byte. Only machines with VBMI2 come here (Ice
 * Lake, Zen 4 and later): earlier ones slow their clock down for vectors so wide.
 *
 * The last, incomplete block of the text is a load that reads only the bytes there are.
 */
#include "json/scan_wide_int.h"

#if JSON_AVX2
#include <immintrin.h>

#include "base/check.h"

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vbmi,bmi,lzcnt,popcnt")))

/* Classes of ASCII bytes. */
#define SLASH 0x01 /* may stand behind a backslash */
#define HEX   0x02

static const unsigned char class_of[128] = {
    ['"'] = SLASH,       ['/'] = SLASH,       ['\\'] = SLASH,      ['b'] = SLASH | HEX,
    ['f'] = SLASH | HEX, ['n'] = SLASH,       ['r'] = SLASH,       ['t'] = SLASH,
    ['u'] = SLASH,       ['0' ... '9'] = HEX, ['A' ... 'F'] = HEX, ['a'] = HEX,
    ['c' ... 'e'] = HEX,
};

AVX512 static inline uint64_t equal_to(__m512i b, char c)
{
    return _mm512_cmpeq_epi8_mask(b, _mm512_set1_epi8(c));
}

AVX512 static inline struct json_masks masks_of(__m512i b)
{
    return (struct json_masks){.slash = equal_to(b, '\\'),
                               .quote = equal_to(b, '"'),
                               .high = _mm512_movepi8_mask(b),
                               .control = _mm512_cmplt_epu8_mask(b, _mm512_set1_epi8(' '))};
}

/* Bits of the bytes whose class is not `mask`; those beyond ASCII have the class of what they are
 * without their highest bit. */
AVX512 static inline uint64_t not_in(__m512i b, char mask)
{
    __m512i lo = _mm512_loadu_si512(class_of), hi = _mm512_loadu_si512(class_of + 64);
    return _mm512_testn_epi8_mask(_mm512_permutex2var_epi8(lo, b, hi), _mm512_set1_epi8(mask));
}

/* Bits where an escape goes wrong. `rare`: escaped bytes of which more is to be known. */
AVX512 static inline uint64_t bad_escapes(__m512i b, uint64_t high, uint64_t rare,
                                          struct json_wide *w)
{
    uint64_t bad = rare & (not_in(b, SLASH) | high), u = rare & equal_to(b, 'u');
    if (u | w->owed)
        bad |= json_wide_digits(w, u) & (not_in(b, HEX) | high);
    return bad;
}

AVX512 static inline __m512i table_of(const unsigned char t[16])
{
    return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(const void *)t));
}

AVX512 static inline __m512i high_nibbles(__m512i v)
{
    return _mm512_and_si512(_mm512_srli_epi16(v, 4), _mm512_set1_epi8(0x0F));
}

AVX512 static inline __m512i low_nibbles(__m512i v)
{
    return _mm512_and_si512(v, _mm512_set1_epi8(0x0F));
}

/* v moved up by n bytes, the last bytes of `before` moving in. */
#define MOVED(v, before, n) _mm512_alignr_epi8((v), _mm512_alignr_epi64((v), (before), 6), 16 - (n))

AVX512 static inline uint64_t bad_utf8(__m512i v, __m512i before)
{
    const struct json_utf8_tables *t = &json_utf8_tables;
    __m512i first = MOVED(v, before, 1);
    __m512i guilt =
        _mm512_and_si512(_mm512_shuffle_epi8(table_of(t->first_high), high_nibbles(first)),
                         _mm512_shuffle_epi8(table_of(t->first_low), low_nibbles(first)));
    guilt = _mm512_and_si512(guilt, _mm512_shuffle_epi8(table_of(t->second_high), high_nibbles(v)));
    __m512i third = _mm512_subs_epu8(MOVED(v, before, 2), _mm512_set1_epi8(JSON_THIRD_FROM));
    __m512i fourth = _mm512_subs_epu8(MOVED(v, before, 3), _mm512_set1_epi8(JSON_FOURTH_FROM));
    __m512i tails =
        _mm512_and_si512(_mm512_or_si512(third, fourth), _mm512_set1_epi8((char)JSON_TWO_TAILS));
    __m512i wrong = _mm512_xor_si512(guilt, tails);
    return _mm512_test_epi8_mask(wrong, wrong);
}

/* One block; `last` is the one before it. *end gets the bit of the closing quote, 0 when it is not
 * in here. False: something is wrong at or before it. */
AVX512 static inline bool step(struct json_wide *w, __m512i b, __m512i last, uint64_t *end)
{
    struct json_masks m = masks_of(b);
    struct json_found f = json_wide_find(w, &m);
    uint64_t bad = m.control, rare = f.escaped & f.live & ~(m.quote | m.slash);
    if (rare)
        rare &= ~equal_to(b, 'n');
    if (rare | w->owed)
        bad |= bad_escapes(b, m.high, rare, w);
    if (m.high | w->cut)
        bad |= bad_utf8(b, last);
    w->cut = (m.high >> 61) != 0;
    *end = f.end;
    return (bad & (f.live | f.end)) == 0;
}

AVX512 const char *json_scan_avx512(const char *s, const char *end, bool *escaped)
{
    struct json_wide w = {0};
    __m512i b, last = _mm512_setzero_si512();
    uint64_t ends;
    for (; end - s >= JSON_WIDE_BLOCK; s += JSON_WIDE_BLOCK) {
        b = _mm512_loadu_si512(s);
        if (!step(&w, b, last, &ends))
            return NULL;
        if (ends) {
            *escaped |= w.escaped;
            return s + __builtin_ctzll(ends);
        }
        last = b;
    }
    b = _mm512_maskz_loadu_epi8((1ULL << (end - s)) - 1, s);
    if (!step(&w, b, last, &ends) || !ends)
        return NULL;
    *escaped |= w.escaped;
    s += __builtin_ctzll(ends);
    ASSERT(s < end && *s == '"');
    return s;
}
#endif
