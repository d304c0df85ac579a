/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nearest - optimal string alignment: insert, delete, replace, swap neighbours; each costs one.
 *
 * rows[i][k] is the cost of turning the first i characters of `a` into the first k of `b`: the
 * cheapest of one more deletion (from the row above), one more insertion (from the left), a
 * replacement or a match (from the upper left), or, where the last two are crosswise the same, a
 * swap (from two up, two left). The swap is what tells this from Levenshtein's distance, and what
 * hands on a keyboard do most: "provdiers" is one slip, not two.
 *
 * The costs are len * len: names above NEAREST_MAX are left out, so that an offer is bounded.
 */
#include "conf/nearest.h"

#include "base/check.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned m = a < b ? a : b;
    return m < c ? m : c;
}

/* Three rows of the table are enough: the swap looks back two. */
static unsigned edit_distance(str a, str b)
{
    unsigned rows[3][NEAREST_MAX + 1];
    CHECK(a.n <= NEAREST_MAX && b.n <= NEAREST_MAX);
    for (unsigned k = 0; k <= b.n; k++)
        rows[0][k] = k;
    for (unsigned i = 1; i <= a.n; i++) {
        unsigned *now = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        now[0] = i;
        for (unsigned k = 1; k <= b.n; k++) {
            char x = lower(a.p[i - 1]), y = lower(b.p[k - 1]);
            now[k] = min3(last[k] + 1, now[k - 1] + 1, last[k - 1] + (x != y));
            if (i > 1 && k > 1 && x == lower(b.p[k - 2]) && lower(a.p[i - 2]) == y &&
                before[k - 2] + 1 < now[k])
                now[k] = before[k - 2] + 1;
        }
    }
    return rows[a.n % 3][b.n];
}

void nearest_offer(struct nearest *n, str name)
{
    if (!name.n || name.n > NEAREST_MAX || n->wanted.n > NEAREST_MAX)
        return;
    unsigned d = edit_distance(n->wanted, name);
    if (d < n->distance) {
        n->distance = d;
        n->best = name;
    }
}
