/* SPDX-License-Identifier: Apache-2.0 */
/* guard - a copy of a text that ends where the readable memory ends: a byte read behind it, even by
 * a vector load that a sanitizer does not see, is a crash. */
#pragma once
#include <sys/mman.h>
#include <unistd.h>

#include "../unit.h"

struct guard {
    char *base;
    size_t mapped;
    str text;
};

static inline struct guard guard_new(str s)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), body = (s.n + page - 1) / page * page;
    struct guard g = {.mapped = body + page};
    g.base = mmap(NULL, g.mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(g.base != MAP_FAILED);
    assert_int_equal(mprotect(g.base + body, page, PROT_NONE), 0);
    if (s.n)
        memcpy(g.base + body - s.n, s.p, s.n);
    g.text = str_of(g.base + body - s.n, s.n);
    return g;
}

static inline void guard_free(struct guard *g)
{
    munmap(g->base, g->mapped);
}
