/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash - SipHash-2-4 (Aumasson, Bernstein 2012): keyed, so that nobody outside can make keys that
 * collide in our tables.
 */
#pragma once
#include "base/str.h"

struct hash_key {
    uint64_t k0, k1;
};

uint64_t hash_bytes(struct hash_key key, str s);
