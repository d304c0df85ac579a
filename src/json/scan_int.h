/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan - find where a string ends, and check everything in it on the way. Internal to json/.
 *
 * Nearly all bytes of model traffic stand inside strings, so this is where the time of the reader
 * goes. Three scanners share the work, and every one of them checks the whole of RFC 8259 §7: no
 * control characters, only the nine escapes, four digits after \u, well-formed UTF-8.
 *
 *   json_scan_short  inline, one look at 32 bytes: ends most keys and short values
 *   json_scan_wide   AVX2 or AVX-512: 64 bytes a step without a branch per escape; says where, or
 *                    "not like this"
 *   json_scan_exact  every machine; the one that says what is wrong, and at which byte
 *
 * The first two only ever accept. Whatever they do not accept is scanned again by the third, whose
 * word is final; so an error message has one source, and a fast scanner that errs on the side of
 * refusing costs time but never a wrong answer.
 *
 * All read [s, end) only, where s is the byte behind the opening quote.
 */
#pragma once
#include "base/rc.h"
#include "base/str.h"

/* JSON_PORTABLE: do without vector instructions, so that the tests see what other machines run. */
#if defined(__SSE2__) && !defined(JSON_PORTABLE)
#define JSON_SSE2 1
#include <emmintrin.h>
#else
#define JSON_SSE2 0
#endif
#if defined(__x86_64__) && !defined(JSON_PORTABLE)
#define JSON_AVX2 1
#else
#define JSON_AVX2 0
#endif

#define JSON_SCAN_SHORT 32 /* bytes that must be readable for json_scan_short */

/* Why a string is not one. */
struct json_flaw {
    enum rc rc; /* RC_SYNTAX or RC_UTF8 */
    const char *at;
    const char *what; /* static text */
};

/* The closing quote, or NULL and *flaw. *escaped is set, never cleared, when there is a backslash.
 */
const char *json_scan_exact(const char *s, const char *end, bool *escaped, struct json_flaw *flaw);

/* A wide scanner: the closing quote, or NULL: ask json_scan_exact. */
typedef const char *(*json_scan_fn)(const char *s, const char *end, bool *escaped);
#if JSON_AVX2
const char *json_scan_avx2(const char *s, const char *end, bool *escaped);
const char *json_scan_avx512(const char *s, const char *end, bool *escaped);
/* NULL where the machine has not what it takes. The compiler's start-up code has asked the
 * processor; these are a load and a test. */
static inline json_scan_fn json_scan_with_avx2(void)
{
    return __builtin_cpu_supports("avx2") ? json_scan_avx2 : NULL;
}
static inline json_scan_fn json_scan_with_avx512(void)
{
    return __builtin_cpu_supports("avx512vbmi2") ? json_scan_avx512 : NULL;
}
#else
static inline json_scan_fn json_scan_with_avx2(void)
{
    return NULL;
}
static inline json_scan_fn json_scan_with_avx512(void)
{
    return NULL;
}
#endif
/* The widest that this machine has; NULL: none. */
static inline json_scan_fn json_scan_wide(void)
{
    json_scan_fn best = json_scan_with_avx512();
    return best ? best : json_scan_with_avx2();
}

/* First byte of [s, end) that does not simply stand for itself inside a string: a quote, a
 * backslash, a control character, or the start of something beyond ASCII. `end` if there is none.
 */
const char *json_scan_plain(const char *s, const char *end);

#if JSON_SSE2
/* A bit for each of 16 bytes: set where the byte is not plain. The bit is the byte's highest: it is
 * set beyond ASCII, and after taking 32 from a control character. */
static inline unsigned json_scan_mask(const char *s)
{
    __m128i v = _mm_loadu_si128((const __m128i_u *)(const void *)s);
    __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
    __m128i slash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
    __m128i other = _mm_or_si128(v, _mm_sub_epi8(v, _mm_set1_epi8(' ')));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, slash), other));
}
#endif

/* The closing quote if it is among the first 32 bytes with plain text before it, else NULL. */
static inline const char *json_scan_short(const char *s)
{
#if JSON_SSE2
    unsigned m = json_scan_mask(s) | json_scan_mask(s + 16) << 16;
    if (m == 0)
        return NULL;
    s += __builtin_ctz(m);
    return *s == '"' ? s : NULL;
#else
    (void)s;
    return NULL;
#endif
}
