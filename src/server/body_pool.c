/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body_pool - memory for request bodies, kept warm.
 *
 * A fresh megabyte from the kernel costs 256 page faults, more than parsing what is read into it.
 * So blocks come in powers of two and a bounded amount of them is kept for the next body. What a
 * block held is not wiped: a body is written to its length before anything reads it, and never read
 * beyond.
 */
#include "base/mem.h"
#include "server/server_int.h"

#define CLASS_MIN_BITS 13 /* 8 KiB */
#define CLASSES        14 /* up to 64 MiB */
#define KEEP_BYTES     (12u << 20)

struct block {
    struct block *next;
};

struct body_pool {
    struct block *free[CLASSES];
    size_t kept;
};

struct body_pool *body_pool_new(void)
{
    return mem_zalloc(sizeof(struct body_pool));
}

void body_pool_free(struct body_pool *p)
{
    if (!p)
        return;
    for (unsigned i = 0; i < CLASSES; i++)
        while (p->free[i]) {
            struct block *b = p->free[i];
            p->free[i] = b->next;
            mem_free(b);
        }
    mem_free(p);
}

static unsigned class_of(size_t need)
{
    unsigned i = 0;
    while (i < CLASSES && ((size_t)1 << (CLASS_MIN_BITS + i)) < need)
        i++;
    return i;
}

char *body_take(struct body_pool *p, size_t need, size_t *ret_cap)
{
    unsigned i = class_of(need);
    if (i >= CLASSES) { /* larger than any class: exact, never kept */
        *ret_cap = need;
        return mem_alloc(need);
    }
    *ret_cap = (size_t)1 << (CLASS_MIN_BITS + i);
    struct block *b = p->free[i];
    if (!b)
        return mem_alloc(*ret_cap);
    CHECK(p->kept >= *ret_cap);
    p->free[i] = b->next;
    p->kept -= *ret_cap;
    return (char *)b;
}

void body_give(struct body_pool *p, char *mem, size_t cap)
{
    if (!mem)
        return;
    unsigned i = class_of(cap);
    if (i >= CLASSES || p->kept + cap > KEEP_BYTES) {
        mem_free(mem);
        return;
    }
    /* as it was taken: a smaller block in a larger class would be written over its end */
    CHECK(cap == (size_t)1 << (CLASS_MIN_BITS + i));
    struct block *b = (struct block *)(void *)mem;
    b->next = p->free[i];
    p->free[i] = b;
    p->kept += cap;
}
