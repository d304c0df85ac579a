/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash - SipHash-2-4 (Aumasson, Bernstein 2012): keyed, so that nobody outside can make keys that
 * collide in our tables.
 */
#pragma once
#include <stdint.h>

#include "base/str.h"

struct hash_key {
    uint64_t k0, k1;
};

uint64_t hash_bytes(struct hash_key key, str s);

/* FNV-1a, 64 bits (Fowler, Noll, Vo 1991): the same in every process, and no defence. For names of
 * the operator's, and for what is only compared with its neighbours. `h` is HASH_FNV, or the hash
 * of what stands before. */
#define HASH_FNV UINT64_C(0xcbf29ce484222325)
static inline uint64_t hash_fnv(uint64_t h, str s)
{
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (uint8_t)s.p[i]) * UINT64_C(0x100000001b3);
    return h;
}
