/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard - test inputs that end where memory ends: one byte read too far is a fault, in every build.
 * A page is mapped in front of an unreadable one, and each input lies flush against it.
 */
#pragma once
#include "../unit.h"

#include <sys/mman.h>
#include <unistd.h>

struct guard {
    char *base;
    size_t room; /* bytes in front of the unreadable page */
};

static inline struct guard guard_new(size_t max)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (max + page) / page * page;
    char *p = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(p != MAP_FAILED);
    assert_int_equal(mprotect(p + room, page, PROT_NONE), 0);
    return (struct guard){p, room};
}

/* A copy of s at the end; the last copy is gone. */
static inline str guard_put(struct guard g, str s)
{
    assert_true(s.n <= g.room);
    char *to = g.base + g.room - s.n;
    if (s.n)
        memcpy(to, s.p, s.n);
    return str_of(to, s.n);
}

static inline void guard_free(struct guard g)
{
    munmap(g.base, g.room + (size_t)sysconf(_SC_PAGESIZE));
}
