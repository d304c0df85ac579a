/* SPDX-License-Identifier: Apache-2.0 */
/* known_keys - a small table by tag; see the header. */
#include "gate/known_keys.h"

#include "base/check.h"

void known_keys_init(struct known_keys *k, struct rand *dice)
{
    *k = (struct known_keys){0};
    for (int i = 0; i < 2; i++)
        k->secret[i] = (struct hash_key){rand_u64(dice), rand_u64(dice)};
}

struct known_tag known_keys_tag(const struct known_keys *k, str secret)
{
    return (struct known_tag){{hash_bytes(k->secret[0], secret), hash_bytes(k->secret[1], secret)}};
}

static size_t slot_of(struct known_tag tag)
{
    return tag.part[0] % KNOWN_KEYS;
}

const struct conf_key *known_keys_find(const struct known_keys *k, struct known_tag tag)
{
    const struct known_key *s = &k->slots[slot_of(tag)];
    /* both halves in one test: which of them differs is nobody's business */
    return ((s->tag[0] ^ tag.part[0]) | (s->tag[1] ^ tag.part[1])) == 0 ? s->key : NULL;
}

void known_keys_add(struct known_keys *k, struct known_tag tag, const struct conf_key *key)
{
    CHECK(key != NULL);
    k->slots[slot_of(tag)] = (struct known_key){{tag.part[0], tag.part[1]}, key};
}
