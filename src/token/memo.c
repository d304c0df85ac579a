/* SPDX-License-Identifier: Apache-2.0 */
/* memo - sets of entries in the order of their use; see the header. */
#include "token/memo.h"

#include "base/check.h"

void memo_init(struct token_memo *m, struct hash_key key)
{
    memset(m, 0, sizeof(*m));
    m->key = key;
}

static uint64_t hash_of(const struct token_memo *m, str text, unsigned kind)
{
    struct hash_key key = {m->key.k0 ^ kind, m->key.k1};
    uint64_t h = hash_bytes(key, text);

    ASSERT(kind < MEMO_KINDS);
    return h ? h : 1;
}

/* To the front; the others keep their order. */
static void use(struct memo_entry *set, size_t at, struct memo_entry e)
{
    ASSERT(at < MEMO_WAYS && e.hash != 0);
    memmove(set + 1, set, at * sizeof(*set));
    set[0] = e;
}

bool memo_get(struct token_memo *m, str text, unsigned kind, uint32_t *ret)
{
    uint64_t hash = hash_of(m, text, kind);
    struct memo_entry *set = m->set[hash % MEMO_SETS];

    for (size_t i = 0; i < MEMO_WAYS; i++) {
        if (set[i].hash == hash && set[i].bytes == (uint32_t)text.n) {
            use(set, i, set[i]);
            m->hits++;
            *ret = set[0].tokens;
            return true;
        }
    }
    m->misses++;
    return false;
}

void memo_put(struct token_memo *m, str text, unsigned kind, uint32_t tokens)
{
    uint64_t hash = hash_of(m, text, kind);
    struct memo_entry *set = m->set[hash % MEMO_SETS], e = {hash, (uint32_t)text.n, tokens};
    size_t at = 0;

    while (at < MEMO_WAYS - 1 && set[at].hash != 0 && set[at].hash != hash)
        at++;
    use(set, at, e);
}
