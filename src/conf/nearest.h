/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nearest - "did you mean": of the names offered, the one with the smallest edit distance to what
 * was written, if it is near enough (a third of its length; letter case costs nothing).
 */
#pragma once
#include "base/str.h"

#define NEAREST_MAX 48 /* longer names are not compared */

struct nearest {
    str wanted;
    str best; /* absent: none near enough yet */
    unsigned distance;
};

static inline void nearest_init(struct nearest *n, str wanted)
{
    *n = (struct nearest){wanted, STR_NONE, wanted.n < 3 ? 2 : (unsigned)(wanted.n / 3) + 1};
}

void nearest_offer(struct nearest *n, str name);
