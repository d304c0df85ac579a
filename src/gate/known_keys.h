/* SPDX-License-Identifier: Apache-2.0 */
/*
 * known_keys - whose key a text was found to be, so that it is not looked for again.
 *
 * Keys are compared as SHA-256, each with all there are, in constant time (conf_find_key): a
 * twentieth of what a small call costs, and more with many keys. A program shows the same key call
 * after call. So one that was found is remembered by a tag of 128 bits, SipHash under two secrets
 * of this table: who hits a tag has shown the same text, but for a chance of 2^-128 a try, and no
 * time that is taken tells anything of a tag. The text itself is not kept.
 *
 * Only keys that were found are remembered, so strangers push nobody out; two that fall on one slot
 * cost each other the long way, no more. A table belongs to one generation of the configuration,
 * whose keys it points to. One worker's own; pure.
 */
#pragma once
#include "base/hash.h"
#include "base/rand.h"

struct conf_key;

#define KNOWN_KEYS 64 /* slots; a power of two */

struct known_keys {
    struct hash_key secret[2];
    struct known_key {
        uint64_t tag[2];
        const struct conf_key *key; /* NULL: the slot is free */
    } slots[KNOWN_KEYS];
};

void known_keys_init(struct known_keys *k, struct rand *dice);

struct known_tag {
    uint64_t part[2];
};
struct known_tag known_keys_tag(const struct known_keys *k, str secret);
/* NULL: not known, look for it. */
const struct conf_key *known_keys_find(const struct known_keys *k, struct known_tag tag);
void known_keys_add(struct known_keys *k, struct known_tag tag, const struct conf_key *key);
