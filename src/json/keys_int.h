/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys - no object has the same key twice. Internal to json/.
 *
 * A duplicate key is how one reader is made to see another request than the next one, so every
 * object is checked, cheaply in the common case and in linear time in the worst.
 *
 * Few keys (almost every object): each key leaves its print (print.h) in a row of at most 32, and a
 * new print is held against all of them with a handful of vector instructions. Only where one
 * matches are the keys themselves compared. An attacker can choose keys whose prints match; that
 * costs at most 32 * 31 / 2 comparisons an object.
 *
 * Many keys: when the object closes, all keys go into a table by their SipHash. Its key comes from
 * the kernel's random bytes of this process, so nobody outside can make keys collide; the outcome
 * does not depend on it, only the time.
 */
#pragma once
#include "base/hash.h"
#include "json/json.h"
#include "json/print.h"

#define JSON_KEYS_FEW 32

typedef uint16_t json_prints __attribute__((vector_size(16))); /* 8 of them */

struct json_keys {
    json_prints row[JSON_KEYS_FEW / 8]; /* 0: empty; the upper half is cleared when it is reached */
};

/* The print of a key as it stands in the text: the same for the same bytes after unescaping. */
uint16_t json_keys_print(str key, bool escaped);

static inline void json_keys_clear(struct json_keys *k)
{
    k->row[0] = k->row[1] = (json_prints){0};
}

/* Is `print` among the first n (< JSON_KEYS_FEW)? Adds it as the n-th. */
static inline bool json_keys_seen(struct json_keys *k, uint32_t n, uint16_t print)
{
    json_prints hit = (json_prints)(k->row[0] == print) | (json_prints)(k->row[1] == print);
    if (n >= JSON_KEYS_FEW / 2) {
        if (n == JSON_KEYS_FEW / 2)
            k->row[2] = k->row[3] = (json_prints){0};
        hit |= (json_prints)(k->row[2] == print) | (json_prints)(k->row[3] == print);
    }
    k->row[n / 8][n % 8] = print;
    uint64_t any[2];
    memcpy(any, &hit, sizeof(any));
    return (any[0] | any[1]) != 0;
}

/* Among the keys of the object before node `key`: is there one that is equal to it? */
bool json_keys_has_before(const struct json_doc *doc, uint32_t object, uint32_t key);

/* A check of a whole object. */
struct json_keys_table {
    uint64_t *slots;      /* json_keys_slots(keys) of them, any content */
    struct hash_key hash; /* json_keys_secret() */
    uint64_t probes;      /* out: slots looked at; the tests hold it to be linear */
};
/* Number of slots for so many keys; a power of two. */
size_t json_keys_slots(uint32_t keys);
struct hash_key json_keys_secret(void);
/* The first key of the object that repeats an earlier one, or 0. */
uint32_t json_keys_repeated(const struct json_doc *doc, uint32_t object, uint32_t keys,
                            struct json_keys_table *t);
