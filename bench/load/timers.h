/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timers - a binary heap of absolute times, for thousands of paced streams on one loop.
 *
 * Intrusive: the owner embeds `struct timer` and must not move while it is armed.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timer {
    uint64_t due; /* CLOCK_MONOTONIC, ns */
    size_t place; /* 1-based place in the heap; 0: not armed */
};

struct timers {
    struct timer **at; /* at[0] is unused */
    size_t n, cap;
};

/* Arm, or move to another time. */
void timers_set(struct timers *h, struct timer *t, uint64_t due);
void timers_cancel(struct timers *h, struct timer *t);
/* The earliest timer, or NULL; it stays armed. */
struct timer *timers_first(const struct timers *h);
