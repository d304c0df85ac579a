/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hist - a log-linear histogram of durations.
 *
 * Each power of two is cut into 64 equal steps, so any value is known to 1.6 % over the whole range
 * from a nanosecond to centuries, adding costs a few instructions, and nothing has to be sorted.
 */
#pragma once
#include <stdint.h>

#define HIST_SUB_BITS 6
#define HIST_BUCKETS  ((64 - HIST_SUB_BITS + 1) << HIST_SUB_BITS)

struct hist {
    uint64_t n, sum, max;
    uint64_t bucket[HIST_BUCKETS];
};

void hist_reset(struct hist *h);
void hist_add(struct hist *h, uint64_t ns);

/* The value below which the fraction `q` (0..1) of the samples lies; 0 when there is none. */
uint64_t hist_quantile(const struct hist *h, double q);
