/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan - where does this run of bytes end? The inner loops of the HTTP parsers.
 *
 * Each function looks for the first byte that ends a run in [p, end) and returns its place, or
 * `end`. Sixteen bytes at a time where SSE2 is there (every x86-64), one at a time elsewhere and in
 * the last fifteen, so that no byte behind `end` is ever read: inputs may lie flush against an
 * unmapped page.
 *
 *     field value   ends at a control byte other than HTAB, or DEL    (RFC 9110 §5.5)
 *     target        ends at anything outside %x21-7E                   (RFC 9112 §3.2)
 *     line          ends at CR or LF                                   (WHATWG HTML §9.2.5)
 *     token         ends at a byte that is no tchar                    (RFC 9110 §5.6.2)
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Not zero for the tchars of RFC 9110. */
extern const uint8_t scan_tchar[256];

static inline bool scan_ends_value(char c)
{
    uint8_t b = (uint8_t)c;
    return (b < 0x20 && b != '\t') || b == 0x7f;
}

static inline bool scan_ends_target(char c)
{
    uint8_t b = (uint8_t)c;
    return b <= 0x20 || b >= 0x7f;
}

static inline bool scan_ends_line(char c)
{
    return c == '\n' || c == '\r';
}

#ifdef __SSE2__
static inline __m128i scan_load(const char *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* Names are letters, digits, '-' and '_', nearly always: those are skipped by ranges, and the table
 * decides about the rest. */
static inline const char *scan_token(const char *p, const char *end)
{
    for (; end - p >= 16; p += 16) {
        __m128i v = scan_load(p);
        __m128i letter = _mm_sub_epi8(_mm_or_si128(v, _mm_set1_epi8(0x20)), _mm_set1_epi8('a'));
        __m128i digit = _mm_sub_epi8(v, _mm_set1_epi8('0'));
        __m128i good = _mm_or_si128(
            _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(letter, _mm_set1_epi8(25)), letter),
                         _mm_cmpeq_epi8(_mm_min_epu8(digit, _mm_set1_epi8(9)), digit)),
            _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('-')),
                         _mm_cmpeq_epi8(v, _mm_set1_epi8('_'))));
        unsigned mask = (unsigned)_mm_movemask_epi8(good) ^ 0xffff;
        if (mask) {
            p += __builtin_ctz(mask);
            break;
        }
    }
    while (p < end && scan_tchar[(uint8_t)*p])
        p++;
    return p;
}

static inline const char *scan_value(const char *p, const char *end)
{
    const __m128i low = _mm_set1_epi8(0x1f), tab = _mm_set1_epi8('\t'), del = _mm_set1_epi8(0x7f);
    for (; end - p >= 16; p += 16) {
        __m128i v = scan_load(p);
        __m128i ctl = _mm_cmpeq_epi8(_mm_max_epu8(v, low), low); /* v <= 0x1f, unsigned */
        __m128i hit =
            _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(v, tab), ctl), _mm_cmpeq_epi8(v, del));
        unsigned mask = (unsigned)_mm_movemask_epi8(hit);
        if (mask)
            return p + __builtin_ctz(mask);
    }
    while (p < end && !scan_ends_value(*p))
        p++;
    return p;
}

static inline const char *scan_target(const char *p, const char *end)
{
    const __m128i space = _mm_set1_epi8(0x20), del = _mm_set1_epi8(0x7f);
    for (; end - p >= 16; p += 16) {
        __m128i v = scan_load(p);
        /* Signed: the high half is negative, hence not above a space. */
        __m128i good = _mm_andnot_si128(_mm_cmpeq_epi8(v, del), _mm_cmpgt_epi8(v, space));
        unsigned mask = (unsigned)_mm_movemask_epi8(good) ^ 0xffff;
        if (mask)
            return p + __builtin_ctz(mask);
    }
    while (p < end && !scan_ends_target(*p))
        p++;
    return p;
}

static inline const char *scan_line(const char *p, const char *end)
{
    const __m128i lf = _mm_set1_epi8('\n'), cr = _mm_set1_epi8('\r');
    for (; end - p >= 16; p += 16) {
        __m128i v = scan_load(p);
        __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(v, lf), _mm_cmpeq_epi8(v, cr));
        unsigned mask = (unsigned)_mm_movemask_epi8(hit);
        if (mask)
            return p + __builtin_ctz(mask);
    }
    while (p < end && !scan_ends_line(*p))
        p++;
    return p;
}
#else
static inline const char *scan_token(const char *p, const char *end)
{
    while (p < end && scan_tchar[(uint8_t)*p])
        p++;
    return p;
}

static inline const char *scan_value(const char *p, const char *end)
{
    while (p < end && !scan_ends_value(*p))
        p++;
    return p;
}

static inline const char *scan_target(const char *p, const char *end)
{
    while (p < end && !scan_ends_target(*p))
        p++;
    return p;
}

static inline const char *scan_line(const char *p, const char *end)
{
    while (p < end && !scan_ends_line(*p))
        p++;
    return p;
}
#endif
