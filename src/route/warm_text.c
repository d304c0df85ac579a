/* SPDX-License-Identifier: Apache-2.0 */
/*
 * warm_text - which prompts lie in providers' caches, as JSON for the file that outlives a restart:
 *
 *     [["9f3c…","02be…",0,0,0.98,241000], …]     boundary, place, key, missed, share, ms left
 *
 * A provider's cache does not end with this process; what a restart of some seconds would cost
 * without this is the price of every conversation's next turn.
 */
#include <stdio.h>

#include "base/fmt.h"
#include "base/num.h"
#include "route/warm.h"
#include "json/write.h"

#define TTL_MOST  (24 * 3600 * 1000u)
#define MISS_MOST 1000

static void put_hex(struct json_writer *w, uint64_t v)
{
    char hex[16];
    json_put_str(w, str_of(hex, fmt_hex64(hex, v)));
}

void warm_write(const struct warm_note *notes, unsigned n, struct json_writer *w)
{
    json_begin_array(w);
    for (unsigned i = 0; i < n; i++) {
        char share[32];
        const int len = snprintf(share, sizeof(share), "%.4f", notes[i].share);
        json_begin_array(w);
        put_hex(w, notes[i].hash);
        put_hex(w, notes[i].place);
        json_put_u64(w, notes[i].key);
        json_put_u64(w, notes[i].missed);
        json_put_text(w, str_of(share, (size_t)len));
        json_put_u64(w, notes[i].ttl);
        json_end(w);
    }
    json_end(w);
}

/* The next element as a number of at most so much. */
static bool next_number(struct json_iter *it, uint64_t most, uint64_t *ret)
{
    return json_next(it) && json_u64(it->val, ret) == RC_OK && *ret <= most;
}

static bool next_hex(struct json_iter *it, uint64_t *ret)
{
    return json_next(it) && num_hex(json_raw(it->val), ret) == RC_OK && *ret;
}

static bool read_note(jval v, struct warm_note *ret)
{
    struct json_iter it = json_iter(v);
    struct warm_note n = {0};
    uint64_t key, missed;
    if (!json_is(v, JSON_ARRAY) || !next_hex(&it, &n.hash) || !next_hex(&it, &n.place) ||
        !next_number(&it, UINT16_MAX, &key) || !next_number(&it, MISS_MOST, &missed) ||
        !json_next(&it) || json_double(it.val, &n.share) != RC_OK || !(n.share >= 0) ||
        n.share > 1 || !next_number(&it, TTL_MOST, &n.ttl))
        return false;
    n.key = (uint32_t)key;
    n.missed = (uint32_t)missed;
    *ret = n;
    return true;
}

unsigned warm_read(jval v, uint64_t age, struct warm_note *to, unsigned most)
{
    struct json_iter it = json_iter(v);
    unsigned n = 0;
    while (n < most && json_next(&it)) {
        if (!read_note(it.val, &to[n]) || to[n].ttl <= age)
            continue;
        to[n++].ttl -= age;
    }
    return n;
}
