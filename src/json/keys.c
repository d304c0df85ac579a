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

#define BATCH 32

uint16_t json_keys_print(str key, bool escaped)
{
    char head[8] = {0}, tail[8] = {0};
    if (WEIR_LIKELY(!escaped))
        return json_print(key);
    size_t n = json_text_edges(key, head, tail);
    uint64_t h, t;
    memcpy(&h, head, 8);
    memcpy(&t, tail, 8);
    return json_print_mix(h, n > 8 ? t : 0, n);
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

/* A power of two, filled to two thirds at most. */
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
    struct hash_key key = {JSON_MIX_1, JSON_MIX_2};
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

struct hashed {
    uint64_t hash;
    uint32_t key;
};

/* Put a key into the table. True: an equal one is in. */
static bool put(const struct json_doc *doc, struct json_keys_table *t, size_t mask, struct hashed k)
{
    for (size_t i = k.hash & mask;; i = (i + 1) & mask) {
        t->probes++; /* a third of the slots stay free, so each search ends */
        if (t->slots[i] == 0) {
            t->slots[i] = k.hash >> 32 << 32 | k.key;
            return false;
        }
        if (t->slots[i] >> 32 == k.hash >> 32 && same_key(doc, (uint32_t)t->slots[i], k.key))
            return true;
    }
}

/* A million keys make a table far larger than any cache, so the slots of a batch are asked for
 * before the first of them is looked at. */
uint32_t json_keys_repeated(const struct json_doc *doc, uint32_t object, uint32_t keys,
                            struct json_keys_table *t)
{
    struct hashed batch[BATCH];
    size_t mask = json_keys_slots(keys) - 1;
    uint32_t key = object + 1;
    ASSERT((mask & (mask + 1)) == 0 && mask > keys && object + 1 < doc->count);
    memset(t->slots, 0, (mask + 1) * sizeof(t->slots[0]));
    t->probes = 0;
    while (keys) {
        size_t n = keys < BATCH ? keys : BATCH;
        for (size_t i = 0; i < n; i++, key = doc->nodes[key + 1].next) {
            const struct json_node *k = &doc->nodes[key];
            uint64_t h = json_text_hash(t->hash, str_of(doc->src + k->off, k->len),
                                        k->flags & JSON_F_ESCAPED);
            batch[i] = (struct hashed){h, key};
            __builtin_prefetch(&t->slots[h & mask], 1);
        }
        for (size_t i = 0; i < n; i++)
            if (put(doc, t, mask, batch[i]))
                return batch[i].key;
        keys -= (uint32_t)n;
    }
    return 0;
}
