/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys - see the header.
 *
 * A slot of the big table holds the upper half of a key's hash and the key's node; the lower bits
 * of the hash say where it stands. Node 0 is never a key, so 0 is an empty slot.
 *
 *     slot   | hash >> 32 | node |
 */
#include "json/keys_int.h"

#if defined(__linux__)
#include <sys/auxv.h>
#endif

#include "json/text_int.h"

/* Odd constants with bits all over: 2^64 divided by the golden ratio, and the primes of xxHash64.
 */
#define MIX_1 0x9E3779B97F4A7C15ULL
#define MIX_2 0xC2B2AE3D27D4EB4FULL
#define MIX_3 0x165667B19E3779F9ULL

/* Up to 8 bytes as a number. */
static uint64_t word_of(const char *p, size_t n)
{
    uint64_t w = 0;
    if (n >= 8) {
        memcpy(&w, p, 8);
    } else if (n >= 4) {
        uint32_t a, b;
        memcpy(&a, p, 4);
        memcpy(&b, p + n - 4, 4);
        w = (uint64_t)a << 32 | b;
    } else if (n > 0) {
        w = (uint64_t)(unsigned char)p[0] << 16 | (uint64_t)(unsigned char)p[n / 2] << 8 |
            (unsigned char)p[n - 1];
    }
    return w;
}

/* First and last bytes and the length: real keys hardly ever agree in all of these. */
static uint16_t print_of(const char *head, const char *tail, size_t n)
{
    uint64_t h = (word_of(head, n) ^ n * MIX_3) * MIX_1;
    if (n > 8)
        h ^= word_of(tail, 8) * MIX_2;
    return (uint16_t)(h >> 48 | 1);
}

uint16_t json_keys_print(str key, bool escaped)
{
    if (WEIR_LIKELY(!escaped))
        return print_of(key.p, key.n > 8 ? key.p + key.n - 8 : NULL, key.n);
    char head[8] = {0}, tail[8] = {0};
    size_t n = json_text_edges(key, head, tail);
    return print_of(head, tail, n);
}

static bool same_key(const struct json_doc *doc, uint32_t a, uint32_t b)
{
    const struct json_node *x = &doc->nodes[a], *y = &doc->nodes[b];
    return json_text_eq(str_of(doc->src + x->off, x->len), x->flags & JSON_F_ESCAPED,
                        str_of(doc->src + y->off, y->len), y->flags & JSON_F_ESCAPED);
}

bool json_keys_has_before(const struct json_doc *doc, uint32_t object, uint32_t key)
{
    for (uint32_t k = object + 1; k < key; k = doc->nodes[k + 1].next)
        if (same_key(doc, k, key))
            return true;
    return false;
}

size_t json_keys_slots(uint32_t keys)
{
    size_t n = 2 * JSON_KEYS_FEW;
    while (n < (size_t)keys + keys / 2)
        n *= 2;
    return n;
}

/* AT_RANDOM: 16 random bytes that the kernel gave this process. They never change, so nothing is
 * kept here. Elsewhere the places where the system put code and stack have to do. */
struct hash_key json_keys_secret(void)
{
    struct hash_key key = {MIX_1, MIX_2};
#if defined(__linux__)
    const char *bytes;
    unsigned long at = getauxval(AT_RANDOM);
    memcpy(&bytes, &at, sizeof(bytes));
    if (bytes)
        memcpy(&key, bytes, sizeof(key));
#else
    key.k0 ^= (uintptr_t)&json_keys_secret;
    key.k1 ^= (uintptr_t)&key;
#endif
    return key;
}

/* Put `key` into the table. True: an equal one is in. */
static bool put(const struct json_doc *doc, struct json_keys_table *t, size_t mask, uint32_t key)
{
    const struct json_node *n = &doc->nodes[key];
    uint64_t h =
        json_text_hash(t->hash, str_of(doc->src + n->off, n->len), n->flags & JSON_F_ESCAPED);
    for (size_t i = h & mask;; i = (i + 1) & mask) {
        t->probes++;
        if (t->slots[i] == 0) {
            t->slots[i] = h >> 32 << 32 | key;
            return false;
        }
        if (t->slots[i] >> 32 == h >> 32 && same_key(doc, (uint32_t)t->slots[i], key))
            return true;
    }
}

uint32_t json_keys_repeated(const struct json_doc *doc, uint32_t object, uint32_t keys,
                            struct json_keys_table *t)
{
    size_t slots = json_keys_slots(keys);
    memset(t->slots, 0, slots * sizeof(t->slots[0]));
    t->probes = 0;
    for (uint32_t k = object + 1; keys; keys--, k = doc->nodes[k + 1].next)
        if (put(doc, t, slots - 1, k))
            return k;
    return 0;
}
