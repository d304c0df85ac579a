/* SPDX-License-Identifier: Apache-2.0 */
/* arena - chunked bump allocation; see the header for the picture. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define POISON(p, n)   ASAN_POISON_MEMORY_REGION((p), (n))
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION((p), (n))
#else
#define POISON(p, n)   ((void)0)
#define UNPOISON(p, n) ((void)0)
#endif

#define ALIGN 16

struct arena_chunk {
    struct arena_chunk *next;
    size_t size; /* of data */
    size_t used;
    size_t marked; /* a mark knows this chunk: it must stay where it is */
    char data[];   /* on a 16-byte boundary */
};

struct arena_hook {
    struct arena_hook *next;
    void (*fn)(void *);
    void *arg;
};

static size_t round_up(size_t n)
{
    return (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

void arena_init(struct arena *a, size_t cap)
{
    arena_init_with(a, cap, ARENA_CHUNK_MIN);
}

void arena_init_with(struct arena *a, size_t cap, size_t first)
{
    CHECK(first > sizeof(struct arena_chunk) && first <= ARENA_CHUNK_MAX);
    *a = (struct arena){.cap = cap, .first = first};
}

static void run_hooks(struct arena *a)
{
    while (a->hooks) {
        struct arena_hook *h = a->hooks;
        a->hooks = h->next;
        h->fn(h->arg);
    }
}

static void free_chunks(struct arena *a, struct arena_chunk *keep)
{
    while (a->chunk != keep) {
        struct arena_chunk *c = a->chunk;
        CHECK(c != NULL); /* `keep` is one of this arena's, or NULL */
        a->chunk = c->next;
        a->taken -= c->size;
        UNPOISON(c->data, c->size);
        mem_free(c);
    }
}

void arena_fini(struct arena *a)
{
    run_hooks(a);
    free_chunks(a, NULL);
    a->full = false;
}

void arena_reset(struct arena *a)
{
    run_hooks(a);
    struct arena_chunk *first = a->chunk;
    while (first && first->next)
        first = first->next;
    free_chunks(a, first);
    if (first) {
        first->used = 0;
        POISON(first->data, first->size);
    }
    a->full = false;
}

/*
 * Chunks double, so a call that needs much allocates seldom; near the cap it gets no more than it
 * asks for, so that the cap can be used to its end. Full is a state, not a result: whoever builds
 * something of many pieces looks once, at the end.
 */
static struct arena_chunk *add_chunk(struct arena *a, size_t need)
{
    ASSERT(a->taken <= a->cap);
    size_t size = a->chunk ? a->chunk->size * 2 : a->first - sizeof(struct arena_chunk);
    if (size > ARENA_CHUNK_MAX)
        size = ARENA_CHUNK_MAX;
    if (size < need)
        size = need;
    if (size > a->cap - a->taken)
        size = need; /* near the cap: no more than asked */
    if (a->taken >= a->cap || size > a->cap - a->taken) {
        a->full = true;
        return NULL;
    }
    struct arena_chunk *c = mem_alloc(sizeof(*c) + size);
    if (!c) {
        a->full = true;
        return NULL;
    }
    c->next = a->chunk;
    c->size = size;
    c->used = 0;
    c->marked = false;
    a->chunk = c;
    a->taken += size;
    POISON(c->data, c->size);
    return c;
}

void *arena_alloc(struct arena *a, size_t n)
{
    if (n > SIZE_MAX / 2) {
        a->full = true;
        return NULL;
    }
    size_t need = round_up(n ? n : 1);
    struct arena_chunk *c = a->chunk;
    if (!c || c->size - c->used < need) {
        c = add_chunk(a, need);
        if (!c)
            return NULL;
    }
    char *p = c->data + c->used;
    c->used += need;
    CHECK(c->used <= c->size);
    UNPOISON(p, n);
    return p;
}

void *arena_zalloc(struct arena *a, size_t n)
{
    void *p = arena_alloc(a, n);
    return p ? memset(p, 0, n) : NULL;
}

void *arena_zalloc_array(struct arena *a, size_t n, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(n, size, &total)) {
        a->full = true;
        return NULL;
    }
    return arena_zalloc(a, total);
}

/* The newest chunk holds one allocation, which is to have `need` bytes: the chunk moves as a whole.
 * Nothing is left behind, and the heap moves large blocks without copying them. */
static void *grow_chunk(struct arena *a, size_t need)
{
    struct arena_chunk *c = a->chunk;
    size_t more = need - c->size;
    if (a->taken >= a->cap || more > a->cap - a->taken) {
        a->full = true;
        return NULL;
    }
    UNPOISON(c->data, c->size);
    c = mem_realloc(c, sizeof(*c) + need);
    if (!c) {
        a->full = true;
        return NULL;
    }
    c->size = c->used = need;
    a->chunk = c;
    a->taken += more;
    return c->data;
}

/* Is p, of `need` bytes, the newest allocation? */
static bool is_newest(const struct arena *a, const char *p, size_t need)
{
    const struct arena_chunk *c = a->chunk;
    return p && c && p + need == c->data + c->used;
}

void *arena_grow(struct arena *a, void *p, size_t old_n, size_t n)
{
    size_t old_need = round_up(old_n ? old_n : 1), need = round_up(n ? n : 1);
    ASSERT(n >= old_n);
    if (n <= SIZE_MAX / 2 && is_newest(a, p, old_need)) {
        struct arena_chunk *c = a->chunk;
        if (need - old_need <= c->size - c->used) {
            c->used += need - old_need;
            UNPOISON(p, n);
            return p;
        }
        if (p == c->data && !c->marked)
            return grow_chunk(a, need);
    }
    void *q = arena_alloc(a, n);
    if (q && p && old_n)
        memcpy(q, p, old_n);
    return q;
}

void arena_trim(struct arena *a, void *p, size_t old_n, size_t n)
{
    size_t old_need = round_up(old_n ? old_n : 1), need = round_up(n ? n : 1);
    ASSERT(n <= old_n);
    if (!is_newest(a, p, old_need))
        return;
    struct arena_chunk *c = a->chunk;
    c->used -= old_need - need;
    POISON(c->data + c->used, c->size - c->used);
}

str arena_dup(struct arena *a, str s)
{
    char *p = arena_alloc(a, s.n + 1);
    if (!p)
        return STR_NONE;
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return str_of(p, s.n);
}

PRINTF_LIKE(2, 0)
static str vstrf(struct arena *a, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    char *p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (p)
        vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return p ? str_of(p, (size_t)n) : STR_NONE;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    str s = vstrf(a, fmt, ap);
    va_end(ap);
    if (!s.p)
        return NULL;
    char *p;
    memcpy(&p, &s.p, sizeof(p)); /* the bytes are the arena's own, so writable */
    return p;
}

str arena_strf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    str s = vstrf(a, fmt, ap);
    va_end(ap);
    return s;
}

struct arena_mark arena_mark(const struct arena *a)
{
    if (!a->chunk)
        return (struct arena_mark){NULL, 0};
    a->chunk->marked = true;
    return (struct arena_mark){a->chunk, a->chunk->used};
}

void arena_reset_to(struct arena *a, struct arena_mark m)
{
    free_chunks(a, m.chunk);
    if (a->chunk) {
        CHECK(a->chunk->used >=
              m.used); /* or the mark is of another time, and what follows alive */
        a->chunk->used = m.used;
        POISON(a->chunk->data + m.used, a->chunk->size - m.used);
    }
    a->full = false;
}

/* Last come, first called, as scopes end. */
bool arena_hook(struct arena *a, void (*fn)(void *), void *arg)
{
    struct arena_hook *h = arena_alloc(a, sizeof(*h));
    if (!h)
        return false;
    *h = (struct arena_hook){a->hooks, fn, arg};
    a->hooks = h;
    return true;
}
