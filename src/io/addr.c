/* SPDX-License-Identifier: Apache-2.0 */
/* addr - see the header. Two tables of blocks, compared bit by bit; a few dozen rows at most, once
 * a connection. */
#include "io/addr.h"

#include "base/check.h"

struct block {
    uint8_t bits;    /* of the prefix */
    uint8_t head[4]; /* its first bytes; those behind are zero, or do not count */
};

/* https://www.iana.org/assignments/iana-ipv4-special-registry */
static const struct block not_public_v4[] = {
    {8, {0}},             /* this network */
    {8, {10}},            /* private */
    {10, {100, 64}},      /* carrier-grade NAT; 100.100.100.200 is a cloud's metadata */
    {8, {127}},           /* loopback */
    {16, {169, 254}},     /* link-local; .169.254 is most clouds' metadata */
    {12, {172, 16}},      /* private */
    {24, {192, 0, 0}},    /* protocol assignments; .192 is a cloud's metadata */
    {24, {192, 0, 2}},    /* documentation */
    {24, {192, 88, 99}},  /* 6to4 relays */
    {16, {192, 168}},     /* private */
    {15, {198, 18}},      /* benchmarks */
    {24, {198, 51, 100}}, /* documentation */
    {24, {203, 0, 113}},  /* documentation */
    {32,
     {168, 63, 129,
      16}},     /* a cloud's services for its own machines, though out of a public block */
    {4, {224}}, /* multicast */
    {4, {240}}, /* reserved, and broadcast */
};

/* https://www.iana.org/assignments/iana-ipv6-special-registry: of 2000::/3 */
static const struct block not_public_v6[] = {
    {23, {0x20, 0x01, 0x00, 0x00}}, /* protocol assignments: Teredo, ORCHID, benchmarks */
    {32, {0x20, 0x01, 0x0d, 0xb8}}, /* documentation */
    {16, {0x20, 0x02}},             /* 6to4 */
    {20, {0x3f, 0xff}},             /* documentation */
};

static const struct block global_v6 = {3, {0x20}};

static bool is_in(const struct block *b, const uint8_t *addr)
{
    ASSERT(b->bits > 0 && b->bits <= 32);
    for (unsigned at = 0; at < b->bits; at += 8) {
        unsigned left = b->bits - at;
        unsigned mask = left >= 8 ? 0xffu : 0xffu << (8 - left);
        if ((unsigned)(addr[at / 8] ^ b->head[at / 8]) & mask)
            return false;
    }
    return true;
}

static bool is_in_any(const struct block *rows, size_t n, const uint8_t *addr)
{
    for (size_t i = 0; i < n; i++)
        if (is_in(&rows[i], addr))
            return true;
    return false;
}

bool addr_is_public(const union dns_addr *a)
{
    if (a->any.sa_family == AF_INET)
        return !is_in_any(not_public_v4, ARRAY_LEN(not_public_v4),
                          (const uint8_t *)&a->v4.sin_addr);
    if (a->any.sa_family == AF_INET6) {
        const uint8_t *p = a->v6.sin6_addr.s6_addr;
        return is_in(&global_v6, p) && !is_in_any(not_public_v6, ARRAY_LEN(not_public_v6), p);
    }
    return false;
}

static bool is_same(const union dns_addr *a, const union dns_addr *b)
{
    if (a->any.sa_family != b->any.sa_family)
        return false;
    return a->any.sa_family == AF_INET
               ? a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr
               : !memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof(a->v6.sin6_addr));
}

static bool is_named(const union dns_addr *a, str list)
{
    union dns_addr other;
    while (list.n)
        if (dns_literal(str_cut(&list, ' '), &other) && is_same(a, &other))
            return true;
    return false;
}

bool addr_all_public(const union dns_addr *addrs, size_t n, str besides)
{
    for (size_t i = 0; i < n; i++)
        if (!addr_is_public(&addrs[i]) && !is_named(&addrs[i], besides))
            return false;
    return n > 0;
}
