/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memo - texts that have been counted before, so that of a conversation only what is new is
 * counted.
 *
 * An agent sends its whole history with every turn: the system text, the tools, all earlier
 * messages. Each such text is remembered by a hash of its bytes and the encoding, with its count;
 * the next turn pays a hash (a gigabyte a second) for what it has in common with the last one, and
 * encodes the rest. By text and not by prefix: an edit in the middle, another session with the same
 * tools, or messages that were cut away cost nothing either.
 *
 * Bounded: MEMO_WAYS entries in each of MEMO_SETS places; the one that was not used for longest
 * makes room. SipHash with a key of the owner's, 64 bits of it kept: nobody outside can make texts
 * that are taken for each other. Owner: one thread. Pure.
 */
#pragma once
#include "base/hash.h"

#define MEMO_SETS  1024
#define MEMO_WAYS  4
#define MEMO_KINDS 256
#define MEMO_MIN   96 /* bytes: shorter texts are counted as quickly as they are hashed */

struct memo_entry {
    uint64_t hash; /* 0: free */
    uint32_t bytes, tokens;
};

struct token_memo { /* 64 KiB */
    struct hash_key key;
    uint64_t hits, misses;
    struct memo_entry set[MEMO_SETS][MEMO_WAYS]; /* the last used first */
};

void memo_init(struct token_memo *m, struct hash_key key);
/* True: *ret is what was put. `kind` tells encodings and readings of a text apart (below
 * MEMO_KINDS). */
bool memo_get(struct token_memo *m, str text, unsigned kind, uint32_t *ret);
void memo_put(struct token_memo *m, str text, unsigned kind, uint32_t tokens);
