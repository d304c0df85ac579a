/* SPDX-License-Identifier: Apache-2.0 */
/* map - robin-hood hashing with backward-shift deletion; at most 7/8 full. */
#include "base/map.h"

#include "base/mem.h"

#define FIRST_SLOTS 16

void map_init(struct map *m, struct hash_key key)
{
    *m = (struct map){.key = key};
}

void map_fini(struct map *m)
{
    mem_free(m->slots);
    *m = (struct map){.key = m->key};
}

/* How far slot i is from where its hash wants it. */
static size_t distance(const struct map *m, size_t i)
{
    return (i - m->slots[i].hash) & m->mask;
}

/* Robin hood: no entry is farther from home than the one that would take its place, so a search may
 * end at the first that is nearer to its own. */
static struct map_slot *find(const struct map *m, str key, uint64_t hash)
{
    if (!m->slots)
        return NULL;
    for (size_t i = hash & m->mask, d = 0;; i = (i + 1) & m->mask, d++) {
        struct map_slot *s = &m->slots[i];
        if (!s->value || distance(m, i) < d)
            return NULL;
        if (s->hash == hash && str_eq(s->key, key))
            return s;
    }
}

void *map_get(const struct map *m, str key)
{
    struct map_slot *s = m->count ? find(m, key, hash_bytes(m->key, key)) : NULL;
    return s ? s->value : NULL;
}

static void place(struct map *m, struct map_slot e)
{
    size_t d = 0;
    for (size_t i = e.hash & m->mask;; i = (i + 1) & m->mask, d++) {
        if (!m->slots[i].value) {
            m->slots[i] = e;
            m->count++;
            ASSERT(m->count <= m->mask); /* one slot stays free, or a search would not end */
            return;
        }
        if (distance(m, i) < d) { /* the rich gives way to the poor */
            struct map_slot t = m->slots[i];
            d = distance(m, i);
            m->slots[i] = e;
            e = t;
        }
    }
}

static enum rc grow(struct map *m)
{
    struct map old = *m;
    size_t n = old.slots ? (old.mask + 1) * 2 : FIRST_SLOTS;
    struct map_slot *slots = mem_zalloc(n * sizeof(*slots));
    if (!slots)
        return RC_NOMEM;
    m->slots = slots;
    m->mask = n - 1;
    m->count = 0;
    for (size_t i = 0; old.slots && i <= old.mask; i++)
        if (old.slots[i].value)
            place(m, old.slots[i]);
    mem_free(old.slots);
    return RC_OK;
}

enum rc map_put(struct map *m, str key, void *value, void **ret_old)
{
    CHECK(value != NULL);
    uint64_t hash = hash_bytes(m->key, key);
    struct map_slot *s = find(m, key, hash);
    if (s) {
        if (ret_old)
            *ret_old = s->value;
        s->key = key;
        s->value = value;
        return RC_OK;
    }
    if (!m->slots || (m->count + 1) * 8 > (m->mask + 1) * 7)
        TRY(grow(m));
    place(m, (struct map_slot){key, hash, value});
    if (ret_old)
        *ret_old = NULL;
    return RC_OK;
}

void *map_take(struct map *m, str key)
{
    struct map_slot *s = m->count ? find(m, key, hash_bytes(m->key, key)) : NULL;
    if (!s)
        return NULL;
    void *value = s->value;
    size_t i = (size_t)(s - m->slots);
    /* Those behind it move up, to the next that is at home: no tombstones, which would grow old. */
    for (;;) {
        size_t next = (i + 1) & m->mask;
        if (!m->slots[next].value || distance(m, next) == 0)
            break;
        m->slots[i] = m->slots[next];
        i = next;
    }
    ASSERT(m->count > 0);
    m->slots[i] = (struct map_slot){0};
    m->count--;
    return value;
}

const struct map_slot *map_next(const struct map *m, size_t *pos)
{
    while (m->slots && *pos <= m->mask) {
        const struct map_slot *s = &m->slots[(*pos)++];
        if (s->value)
            return s;
    }
    return NULL;
}
