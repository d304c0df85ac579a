/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kept - answers that a client reads again, deletes, or goes on from by their id (OpenAI's
 * previous_response_id), where the provider behind keeps none, or fails.
 *
 *     resp_3 ─ previous ─> resp_2 ─ previous ─> resp_1
 *     what the client sent in that call, and what was answered: items, JSON text
 *
 * A link holds what one call added, so a conversation of n turns takes n links, not n²/2; several
 * may go on from one. Links are bounded in bytes and in age, the oldest go first; going on from an
 * answer renews all that it rests on. A chain of which a link is gone is gone altogether: half a
 * conversation would be another one, and nobody would know.
 *
 * The answer stands as the client got it, cut around its items, so that it is kept once for both
 * uses:
 *
 *     {"id":"resp_3",…,"output":[ | {…},{…} | ],…,"usage":{…}}
 *              before               output       after
 *
 * A provider that keeps its answers itself is named in the link: it is asked first. If nobody else
 * could be asked, the link is its name alone (`asked` absent).
 *
 * Links are found by their owner and id together. So one client never reads another's, and cannot
 * learn whether an id exists. The bytes are compared, not their hash alone.
 *
 * Pure; worker-local. Memory is malloc'd, at most what kept_put is told.
 */
#pragma once
#include "base/arena.h"
#include "base/hash.h"
#include "base/rc.h"
#include "base/time.h"

#define KEPT_LINK_MAX (8u << 20) /* one call's texts; a longer turn is not kept */
#define KEPT_NAME_MAX 256        /* of an owner, an id or a provider */
#define KEPT_TURNS    1000       /* of a conversation */
#define KEPT_FOR_MS   (24 * 60 * 60 * 1000u)

struct kept;

struct kept_link {
    str owner, id;
    uint64_t session; /* hash of the one the call was of (gate/feature.h); 0: nobody asked */
    str previous;     /* absent: the conversation begins here */
    str provider;     /* who keeps the answer itself; absent: nobody but us */
    str asked; /* what the client sent: the inside of a JSON array, may be empty. Absent: only
                  its provider knows the conversation */
    str before, output, after; /* the answer; `output` may be empty. All absent with `asked` */
};

/* How much of a conversation. */
enum kept_part { KEPT_ALL, KEPT_ASKED /* but for the last answer */ };

struct kept *kept_new(struct hash_key key); /* NULL: no memory */
void kept_free(struct kept *k);             /* accepts NULL */
bool kept_is_empty(const struct kept *k);
/* Copies; `most` bytes are kept in all. What is too long, or finds no memory, is not kept. One of
 * the same owner and id is replaced. */
void kept_put(struct kept *k, const struct kept_link *in, size_t most, msec now);
/* RC_NOTFOUND: it is not here, or too old. *ret's slices are good until the next call that is not
 * const. */
enum rc kept_find(const struct kept *k, str owner, str id, msec now,
                  struct kept_link *ret) MUST_CHECK;
/* The items of the conversation up to this answer, the oldest first, in `a`. RC_NOTFOUND: a part of
 * it is not here. RC_NOMEM: the arena is full. */
enum rc kept_get(const struct kept *k, str owner, str id, enum kept_part part, struct arena *a,
                 msec now, str *ret) MUST_CHECK;
void kept_forget(struct kept *k, str owner, str id); /* what is not here already is no news */
