/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tool - the few helpers both measuring programs share.
 *
 * The programs of this folder deliberately use nothing from src/: a benchmark that shares code with
 * what it measures would get faster and slower together with it, and a bug could hide on both
 * sides. They are short-lived single-purpose processes, so an allocation or a socket that can't be
 * had ends the program at once: there is no error to hand upward.
 */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdnoreturn.h>

#define NS_PER_SEC 1000000000ull
#define NS_PER_MS  1000000ull

/* Print "<program>: <message>" on stderr and exit 2. */
noreturn void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* CLOCK_MONOTONIC in nanoseconds: the same clock in every process of the machine, which is what
 * lets the client subtract a time that the upstream wrote into an event. */
uint64_t now_ns(void);

/* Zeroed memory, or the program ends. Never freed: everything lives as long as the run. */
void *xalloc(size_t n);

/* Digits at `s`; `*ret_end` is the first byte after them. False: no digit, or more than 18. */
bool parse_digits(const char *s, const char *limit, const char **ret_end, uint64_t *ret);

/* A whole option value: digits with an optional k/m suffix (1k = 1,000), or the program ends. */
uint64_t option_count(const char *option, const char *value);

/* A whole option value in seconds, with up to three decimals, as nanoseconds; or the program ends.
 */
uint64_t option_seconds(const char *option, const char *value);

/* Raise the limit on open files as far as it goes. */
void raise_file_limit(void);

/* A byte string that grows: the prompts and the answers are built in these, once, at start. */
struct text {
    char *at;
    size_t len, cap;
};
void text_add(struct text *t, const char *bytes, size_t n);
void text_puts(struct text *t, const char *s);
void text_printf(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
