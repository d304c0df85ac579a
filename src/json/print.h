/* SPDX-License-Identifier: Apache-2.0 */
/*
 * print - 16 bits of a key's text, by which most keys are told apart without reading it.
 *
 * The reader makes one for each key, to find repeated ones (keys_int.h), and leaves it in the key's
 * node. Whoever looks for a member later compares prints in the node table and reads the text only
 * where they match: the keys of a megabyte's prompt lie each on a cache line of their own, and most
 * of them are asked for more than once. A match proves nothing: the text decides.
 */
#pragma once
#include "base/str.h"

/* Odd constants with bits all over: 2^64 divided by the golden ratio, and primes of xxHash64. */
#define JSON_MIX_1 0x9E3779B97F4A7C15ULL
#define JSON_MIX_2 0xC2B2AE3D27D4EB4FULL
#define JSON_MIX_3 0x165667B19E3779F9ULL

/* The print of a key of n bytes: `head` is its first 8 as a number, 0 where it has fewer, `tail`
 * its last 8, or 0 where `head` says all. Never 0. Real keys hardly ever agree in all of these. */
static inline uint16_t json_print_mix(uint64_t head, uint64_t tail, size_t n)
{
    return (uint16_t)((((head ^ n * JSON_MIX_3) * JSON_MIX_1) ^ tail * JSON_MIX_2) >> 48 | 1);
}

/* The print of a key without escapes. Of a literal, the compiler makes a number. */
static inline __attribute__((always_inline)) uint16_t json_print(str key)
{
    uint64_t head = 0, tail = 0;
    if (key.n)
        memcpy(&head, key.p, key.n < 8 ? key.n : 8);
    if (key.n > 8)
        memcpy(&tail, key.p + key.n - 8, 8);
    return json_print_mix(head, tail, key.n);
}

/* The same, where at least 8 bytes can be read from key.p on, whatever key.n is. */
static inline uint16_t json_print_fast(str key)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t head, tail;
    bool all = key.n <= 8;
    memcpy(&head, key.p, 8);
    memcpy(&tail, key.p + (all ? 0 : key.n - 8), 8);
    if (key.n < 8)
        head &= ~(~0ULL << 8 * key.n);
    return json_print_mix(head, all ? 0 : tail, key.n);
#else
    return json_print(key);
#endif
}
