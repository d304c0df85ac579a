/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena - memory that dies together: one per call, one per config snapshot.
 *
 * Bump allocation in chunks that double up to ARENA_CHUNK_MAX; nothing is freed alone. Every arena
 * is born with a byte cap; at the cap, or when the heap is empty, allocations return NULL and
 * arena_is_full() stays true, so a caller may check once at the end of a step.
 *
 *     +--chunk---------------------------+    +--chunk----------+
 *     | next | size | used ..... free .. | -> | older chunk ... | -> NULL
 *     +----------------------------------+    +-----------------+
 *
 * Rules: an arena pointer is never freed, and never stored in anything that outlives the arena.
 * Resources that are not memory register a hook; hooks run last-in first-out when the arena dies.
 * Under ASan the unused tail is poisoned. Not thread-safe: one owner.
 */
#pragma once
#include <stddef.h>

#include "base/str.h"

#define ARENA_CHUNK_MIN 4096
#define ARENA_CHUNK_MAX (256 * 1024)

struct arena_chunk;
struct arena_hook;

struct arena {
    struct arena_chunk *chunk; /* newest */
    struct arena_hook *hooks;
    size_t taken; /* bytes of all chunks */
    size_t cap;
    size_t first; /* bytes of the first chunk, its head included */
    bool full;
};

/* A place to come back to: everything allocated after it dies in arena_reset_to. */
struct arena_mark {
    struct arena_chunk *chunk;
    size_t used;
};

void arena_init(struct arena *a, size_t cap);
/* With a first chunk of `first` bytes instead of ARENA_CHUNK_MIN, for owners who know what they
 * usually need: what fits into it costs no further allocation when the arena is reset and reused.
 */
void arena_init_with(struct arena *a, size_t cap, size_t first);
void arena_fini(struct arena *a); /* runs the hooks; the arena may be init'ed again */
/* As fini and init, but keeps one chunk for the next use. */
void arena_reset(struct arena *a);

/* 16-byte aligned, not zeroed. NULL when full. */
void *arena_alloc(struct arena *a, size_t n);
void *arena_zalloc(struct arena *a, size_t n);
/* Grow the newest allocation in place if it is `p`, else move it. NULL when full. One that has a
 * chunk to itself takes the chunk along and leaves nothing behind. */
void *arena_grow(struct arena *a, void *p, size_t old_n, size_t n);
/* Give back the end of `p`, if it is the newest allocation; else nothing happens. */
void arena_trim(struct arena *a, void *p, size_t old_n, size_t n);
/* Copy; the copy has a NUL behind it that does not count. Absent slice when full. */
str arena_dup(struct arena *a, str s);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
str arena_strf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define arena_new(a, type)      ((type *)arena_zalloc((a), sizeof(type)))
#define arena_array(a, type, n) ((type *)arena_zalloc_array((a), (n), sizeof(type)))
void *arena_zalloc_array(struct arena *a, size_t n, size_t size); /* overflow-checked */

struct arena_mark arena_mark(const struct arena *a);
void arena_reset_to(struct arena *a, struct arena_mark m); /* hooks are not touched */

/* Call fn(arg) when the arena dies. False when full (nothing is registered then). */
bool arena_hook(struct arena *a, void (*fn)(void *), void *arg);

static inline bool arena_is_full(const struct arena *a)
{
    return a->full;
}
