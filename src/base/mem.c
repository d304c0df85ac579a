/* SPDX-License-Identifier: Apache-2.0 */
/* mem - malloc with a switch that makes it fail. The counters only move while injection is armed or
 * asked for, so the ordinary path is malloc and one predictable branch. */
#include "base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>

static _Atomic size_t fail_at; /* 0: off; n: the n-th allocation fails */
static _Atomic size_t served;

static int must_fail(void)
{
    size_t n = atomic_load_explicit(&fail_at, memory_order_relaxed);
    if (WEIR_LIKELY(n == 0))
        return 0;
    size_t k = atomic_fetch_add_explicit(&served, 1, memory_order_relaxed) + 1;
    return k >= n;
}

void *mem_alloc(size_t n)
{
    return must_fail() ? NULL : malloc(n ? n : 1);
}

void *mem_zalloc(size_t n)
{
    return must_fail() ? NULL : calloc(1, n ? n : 1);
}

void *mem_realloc(void *p, size_t n)
{
    return must_fail() ? NULL : realloc(p, n ? n : 1);
}

void mem_free(void *p)
{
    free(p);
}

void *mem_need(size_t n)
{
    void *p = calloc(1, n ? n : 1);
    CHECK(p != NULL);
    return p;
}

void mem_fail_after(size_t n)
{
    atomic_store(&served, 0);
    atomic_store(&fail_at, n);
}

size_t mem_count(void)
{
    return atomic_load(&served);
}
