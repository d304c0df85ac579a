/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash - SipHash-2-4 over little-endian words: two rounds for each eight bytes, four at the end.
 *
 * The four constants spell "somepseudorandomlygeneratedbytes": they only keep the halves of the
 * state apart. The length goes into the last word, so that a text and the same with zero bytes
 * behind it differ.
 */
#include "base/hash.h"

struct sip {
    uint64_t v0, v1, v2, v3;
};

static uint64_t rotl(uint64_t x, int b)
{
    return (x << b) | (x >> (64 - b));
}

/* Additions, rotations and exclusive ors, whose mixture nobody can undo without the key. */
static void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v1 = rotl(s->v1, 13) ^ s->v0;
    s->v0 = rotl(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotl(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotl(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotl(s->v1, 17) ^ s->v2;
    s->v2 = rotl(s->v2, 32);
}

static void absorb(struct sip *s, uint64_t m)
{
    s->v3 ^= m;
    sip_round(s);
    sip_round(s);
    s->v0 ^= m;
}

uint64_t hash_bytes(struct hash_key key, str s)
{
    struct sip h = {key.k0 ^ 0x736f6d6570736575ULL, key.k1 ^ 0x646f72616e646f6dULL,
                    key.k0 ^ 0x6c7967656e657261ULL, key.k1 ^ 0x7465646279746573ULL};
    size_t i = 0;
    uint64_t m;
    for (; i + 8 <= s.n; i += 8) {
        memcpy(&m, s.p + i, 8);
        absorb(&h, m);
    }
    m = (uint64_t)s.n << 56;
    size_t rest = s.n - i;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (rest && s.n >= 8) { /* the last 8 bytes, less those that went in before */
        uint64_t last;
        memcpy(&last, s.p + s.n - 8, 8);
        m |= last >> (8 * (8 - rest));
        rest = 0;
    }
#endif
    for (size_t k = 0; k < rest; k++)
        m |= (uint64_t)(unsigned char)s.p[i + k] << (8 * k);
    absorb(&h, m);
    h.v2 ^= 0xff;
    for (int k = 0; k < 4; k++)
        sip_round(&h);
    return h.v0 ^ h.v1 ^ h.v2 ^ h.v3;
}
