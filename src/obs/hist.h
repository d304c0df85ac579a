/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hist - a histogram of whole numbers with at most 12.5 % error: four buckets a power of two.
 *
 * One writer, any readers: cells are relaxed atomics that only the writer adds to, so a reader on
 * another thread may be a moment behind, never wrong.
 */
#pragma once
#include <stdatomic.h>
#include <stdint.h>

#define HIST_BUCKETS 128

struct hist {
    _Atomic uint64_t cell[HIST_BUCKETS];
    _Atomic uint64_t sum;
};

/* A plain sum of histograms, for reading. */
struct hist_view {
    uint64_t cell[HIST_BUCKETS];
    uint64_t sum, count;
};

/* In which a value is counted: hist.c says how they lie. */
static inline unsigned hist_bucket(uint64_t v)
{
    if (v < 4)
        return (unsigned)v;
    unsigned top = 63 - (unsigned)__builtin_clzll(v); /* v has top+1 bits */
    unsigned i = (top - 1) * 4 + (unsigned)((v >> (top - 2)) & 3);
    return i < HIST_BUCKETS ? i : HIST_BUCKETS - 1;
}
uint64_t hist_middle(unsigned bucket); /* what stands for the values in it */

void hist_add(struct hist *h, uint64_t v);
void hist_view_add(struct hist_view *to, const struct hist *h);
/* The value below which the share q (0..1) of all lies; 0 when there is none. */
uint64_t hist_quantile(const struct hist_view *v, double q);
/* How many values are <= limit, counting whole buckets only. */
uint64_t hist_count_to(const struct hist_view *v, uint64_t limit);
