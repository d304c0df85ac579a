/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1_name - which of the fields that weir reads is this?
 *
 * Most fields of a request are none of ours, and their length alone says so for half of them. The
 * lengths of all known names lie in one small array; comparing all of it with the wanted length
 * yields a mask of candidates, seldom more than two, which are compared eight bytes at a time.
 * h1_names.def stays the only place that lists names.
 *
 * Case: a name holds tchars only, and our names hold [a-z-] only. Among tchars exactly one
 * upper-case letter folds onto each of a-z when bit 5 is set, and only '-' onto '-'; so `c | 0x20`
 * is exact.
 */
#include "base/check.h"
#include "http/h1_int.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define SLOTS 32

_Static_assert(H1_NAME_COUNT <= SLOTS, "the masks of names have 32 bits");

/* Index 0 is H1_OTHER: length 0 matches no token. */
static const uint8_t lengths[SLOTS] __attribute__((aligned(16))) = {
#define H1_NAME(id, text) [H1_##id] = sizeof(text) - 1,
#include "http/h1_names.def"
#undef H1_NAME
};

static const char *const texts[H1_NAME_COUNT] = {
#define H1_NAME(id, text) [H1_##id] = (text),
#include "http/h1_names.def"
#undef H1_NAME
};

static uint32_t with_length(size_t n)
{
#ifdef __SSE2__
    const __m128i *l = (const __m128i *)(const void *)lengths;
    __m128i want = _mm_set1_epi8((char)n);
    uint32_t low = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_load_si128(l), want));
    uint32_t high = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_load_si128(l + 1), want));
    return low | high << 16;
#else
    uint32_t mask = 0;
    for (unsigned i = 0; i < SLOTS; i++)
        mask |= (uint32_t)(lengths[i] == n) << i;
    return mask;
#endif
}

static uint64_t load8(const char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

/* Eight bytes at a time, the last eight overlapping those before. */
static bool equals(const char *p, const char *text, size_t n)
{
    const uint64_t fold = 0x2020202020202020u;
    if (n < 8) {
        for (size_t i = 0; i < n; i++)
            if ((p[i] | 0x20) != text[i])
                return false;
        return true;
    }
    uint64_t diff = (load8(p + n - 8) | fold) ^ load8(text + n - 8);
    for (size_t i = 0; i + 8 < n; i += 8)
        diff |= (load8(p + i) | fold) ^ load8(text + i);
    return diff == 0;
}

enum h1_name h1_int_name(str name)
{
    if (name.n > UINT8_MAX || name.n == 0)
        return H1_OTHER;
    for (uint32_t mask = with_length(name.n); mask; mask &= mask - 1) {
        unsigned id = (unsigned)__builtin_ctz(mask);
        if (equals(name.p, texts[id], name.n))
            return (enum h1_name)id;
    }
    return H1_OTHER;
}
