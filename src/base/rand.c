/* SPDX-License-Identifier: Apache-2.0 */
/* rand - xoshiro256** (Blackman, Vigna 2018), seeded by splitmix64. */
#include "base/rand.h"

#include "base/check.h"

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

void rand_init(struct rand *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        uint64_t z = (seed += 0x9e3779b97f4a7c15ULL);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        r->s[i] = z ^ (z >> 31);
    }
}

uint64_t rand_u64(struct rand *r)
{
    uint64_t *s = r->s, out = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return out;
}

uint64_t rand_below(struct rand *r, uint64_t n)
{
    CHECK(n > 0);
    return (uint64_t)(((unsigned __int128)rand_u64(r) * n) >> 64);
}
