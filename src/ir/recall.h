/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recall - the reasoning behind recent tool calls, for clients that drop it.
 *
 * Models that think and call tools want their thoughts back with the results: DeepSeek answers 400
 * without reasoning_content, Gemini without its thought signatures, Claude refuses a loop that
 * began signed and goes on unsigned. Many clients keep the call and forget the thought. So what
 * stood before a call is kept here, and found again by the call.
 *
 *     gather    events of an answer -> "thoughts", JSON text, if it thought and called
 *     put, get  a store of such texts by key: bounded in bytes and in age, the oldest go first
 *     restore   puts them into a decoded request, where the client has none; or has their words
 *               but not the seal that its language has no place for, and a provider must have back
 *
 * A key is a hash of whose conversation it is (recall_scope) and of the call. Tool ids alone would
 * not do: some servers count them from 0 in every conversation, and one client's thoughts must
 * never reach another.
 *
 * Pure; worker-local. Memory is malloc'd, RECALL_MAX bytes at most.
 */
#pragma once
#include "base/hash.h"
#include "base/time.h"
#include "ir/event.h"

#define RECALL_MAX       (16u << 20)  /* of one worker: some thousand tool loops */
#define RECALL_ENTRY_MAX (256u << 10) /* thoughts of one answer; longer ones are not kept */
#define RECALL_FOR_MS    (60 * 60 * 1000u)
#define RECALL_CALLS     32 /* calls of one answer under which it is found */

/* ---- gathering */

struct recall_gather {
    struct buf text;                              /* JSON text of an array */
    jtext ids[RECALL_CALLS], names[RECALL_CALLS]; /* in the arena */
    unsigned ncalls;
    bool thought; /* there is something worth keeping */
    bool signing; /* in the open thought's signature */
    bool open;    /* a thought's text or signature is being written */
};

void gather_init(struct recall_gather *g);
void gather_fini(struct recall_gather *g);
void gather_event(struct recall_gather *g, struct arena *a, const struct ir_event *ev);
/* The text, when the answer called tools and thought before; else absent. Valid until fini. */
str gather_end(struct recall_gather *g);

/* ---- the store */

struct recall;

struct recall *recall_new(struct hash_key key); /* NULL: no memory */
void recall_free(struct recall *r);             /* accepts NULL */
/* Copies. Without memory nothing is kept. */
void recall_put(struct recall *r, uint64_t key, str thoughts, msec now);
str recall_get(const struct recall *r, uint64_t key, msec now); /* until the next put; or absent */
bool recall_is_empty(const struct recall *r);

/* ---- keys */

/* Whose conversation: the client's key (its name; absent: none) and how the conversation began. */
uint64_t recall_scope(struct hash_key key, str client, const struct ir_request *q);
uint64_t recall_key(struct hash_key key, uint64_t scope, jtext id, jtext name);

/* ---- restoring: how many assistant turns got their thoughts back. RC_NOMEM: the arena is full. */
enum rc recall_restore(const struct recall *r, struct hash_key key, uint64_t scope,
                       struct ir_request *q, struct arena *a, msec now, unsigned *ret) MUST_CHECK;
