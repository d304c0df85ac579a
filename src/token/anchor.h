/* SPDX-License-Identifier: Apache-2.0 */
/*
 * anchor - what a provider reported of a conversation's last turn is the size of the next one's
 * beginning.
 *
 * An agent's request is the last one and a little more. So the last one's bill answers nearly all
 * of what would have to be estimated: the hidden instructions, the tools, the template, another
 * vocabulary, and everything else that a reader of the request cannot know. Only what came behind
 * it is estimated:
 *
 *     turn n      [system, tools, m1 … mk]              the provider reports P tokens
 *     turn n + 1  [system, tools, m1 … mk, answer, m]   P + ours(all of it) - ours(up to mk)
 *
 * A request is known again by its provider, model, number of tools, first message, number of
 * messages and last message; of a text its length and its last ANCHOR_TEXT bytes. So a turn costs a
 * hash of a few hundred bytes, and the next one as many as ANCHOR_LOOK of them to find where the
 * last one ended. A hash of the whole prefix was rejected: a hundred microseconds a call at 100 KB.
 * Two conversations that agree in all of that are taken for one; then an estimate is wrong, as it
 * might have been without.
 *
 * Bounded: ANCHOR_WAYS in each of ANCHOR_SETS places, the longest unused makes room. Keyed hashes,
 * no text is kept. Owner: one thread. Pure.
 */
#pragma once
#include "base/hash.h"
#include "ir/request.h"

#define ANCHOR_SETS 512
#define ANCHOR_WAYS 4
#define ANCHOR_TEXT 256 /* bytes of a text that tell it from others */
#define ANCHOR_LOOK 8   /* messages from the end: an answer, its calls' results, what was said */

struct anchor_entry {
    uint64_t hash; /* 0: free */
    uint64_t tokens;
};

struct anchors { /* 32 KiB */
    struct hash_key key;
    struct anchor_entry set[ANCHOR_SETS][ANCHOR_WAYS]; /* the last used first */
};

struct anchor {
    uint64_t tokens;               /* as reported, of the request that ended … */
    const struct ir_message *last; /* … with this message of the one in hand */
};

void anchors_init(struct anchors *a, struct hash_key key);
/* The provider says that this request's prompt was so many tokens. */
void anchors_put(struct anchors *a, str provider, str model, const struct ir_request *r,
                 uint64_t tokens);
/* The longest beginning of a request whose size is known; perhaps all of it. False: none is. */
bool anchors_find(struct anchors *a, str provider, str model, const struct ir_request *r,
                  struct anchor *ret);
