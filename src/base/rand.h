/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rand - xoshiro256** for jitter, sampling and ids that need not be secret. Seeded by the caller,
 * so that a simulation repeats. Secrets come from libcrypto.
 */
#pragma once
#include <stdint.h>

struct rand {
    uint64_t s[4];
};

void rand_init(struct rand *r, uint64_t seed);
uint64_t rand_u64(struct rand *r);
uint64_t rand_below(struct rand *r, uint64_t n); /* uniform in [0, n), n > 0 */
