/* SPDX-License-Identifier: Apache-2.0 */
/* gather.c - see the header. The arena's newest block grows in place, so as long as nothing else is
 * taken from it, a text that grows is never moved. */
#include "dialect/gather.h"

#include "base/check.h"

#define GATHER_MIN 256

void gather_add(struct gather *g, struct arena *a, size_t max, str s)
{
    size_t want;
    char *p;

    if (g->failed || !s.n)
        return;
    g->failed = !a || s.n > max || g->n > max - s.n;
    if (g->failed)
        return;
    if (g->n + s.n > g->cap) {
        want = 2 * (g->n + s.n);
        want = want < GATHER_MIN ? GATHER_MIN : want;
        p = g->p ? arena_grow(a, g->p, g->cap, want) : arena_alloc(a, want);
        if (!p) {
            g->failed = true;
            return;
        }
        g->p = p;
        g->cap = want;
    }
    CHECK(s.n <= g->cap - g->n);
    memcpy(g->p + g->n, s.p, s.n);
    g->n += s.n;
    ASSERT(g->n <= max);
}

void gather_clear(struct gather *g)
{
    g->n = 0;
    g->failed = false;
}
