/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map - from a byte string to a pointer: open addressing, linear probing, robin-hood order.
 *
 * Keys are borrowed: whoever puts an entry keeps the key's bytes as long as the entry is in. Values
 * are never NULL. Keyed hash (hash.h). Not thread-safe.
 */
#pragma once
#include "base/hash.h"
#include "base/rc.h"

struct map_slot {
    str key;
    uint64_t hash;
    void *value; /* NULL: free slot */
};

struct map {
    struct map_slot *slots;
    size_t count, mask; /* mask + 1 slots, a power of two; 0 when none yet */
    struct hash_key key;
};

void map_init(struct map *m, struct hash_key key);
void map_fini(struct map *m);
void *map_get(const struct map *m, str key); /* NULL = absent */
/* Insert or replace. ret_old (may be NULL) gets what was there. RC_NOMEM. */
enum rc map_put(struct map *m, str key, void *value, void **ret_old) MUST_CHECK;
void *map_take(struct map *m, str key); /* remove and return; NULL = absent */
/* Walk: start with *pos = 0; returns NULL at the end. The map must not change meanwhile. */
const struct map_slot *map_next(const struct map *m, size_t *pos);
