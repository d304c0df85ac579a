/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gather - text that grows in the call's arena while a stream goes on, for encoders whose language
 * wants a thing whole that others tell in pieces.
 *
 * The newest allocation of an arena grows in place, and room doubles, so a text of n bytes costs at
 * most 2n. Every gather has its maximum: beyond it, and when the arena is full, `failed` is set and
 * nothing more is taken.
 */
#pragma once
#include "base/arena.h"

struct gather {
    char *p;
    size_t n, cap;
    bool failed;
};

/* Append; `a` may be NULL, then it fails. */
void gather_add(struct gather *g, struct arena *a, size_t max, str s);
/* Forget the text, keep the room. */
void gather_clear(struct gather *g);

static inline str gather_str(const struct gather *g)
{
    return str_of(g->p, g->n);
}
