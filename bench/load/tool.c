/* SPDX-License-Identifier: Apache-2.0 */
#include "tool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define DIGITS_MAX 18 /* what a uint64_t surely holds */

noreturn void die(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(2);
}

uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

void *xalloc(size_t n)
{
    void *p = calloc(1, n ? n : 1);
    if (!p)
        die("out of memory (%zu bytes)", n);
    return p;
}

bool parse_digits(const char *s, const char *limit, const char **ret_end, uint64_t *ret)
{
    uint64_t v = 0;
    const char *p = s;
    for (; p < limit && *p >= '0' && *p <= '9'; p++) {
        if (p - s >= DIGITS_MAX)
            return false;
        v = v * 10 + (uint64_t)(*p - '0');
    }
    if (p == s)
        return false;
    *ret_end = p;
    *ret = v;
    return true;
}

uint64_t option_count(const char *option, const char *value)
{
    const char *end = value, *limit = value + strlen(value);
    uint64_t v = 0;
    bool ok = parse_digits(value, limit, &end, &v);
    if (ok && end + 1 == limit && (*end == 'k' || *end == 'm')) {
        v *= *end == 'k' ? 1000 : 1000000;
        end++;
    }
    if (!ok || end != limit)
        die("%s %s: a whole number is needed, such as 64, 100k or 1m", option, value);
    return v;
}

uint64_t option_seconds(const char *option, const char *value)
{
    const char *end = value, *limit = value + strlen(value);
    uint64_t whole = 0, milli = 0;
    bool ok = parse_digits(value, limit, &end, &whole);
    if (ok && end < limit && *end == '.') {
        uint64_t scale = 100;
        for (end++; end < limit && *end >= '0' && *end <= '9' && scale; end++, scale /= 10)
            milli += (uint64_t)(*end - '0') * scale;
    }
    if (!ok || end != limit)
        die("%s %s: seconds are needed, such as 5 or 0.25", option, value);
    return whole * NS_PER_SEC + milli * NS_PER_MS;
}

void raise_file_limit(void)
{
    struct rlimit lim;
    if (getrlimit(RLIMIT_NOFILE, &lim) == 0 && lim.rlim_cur < lim.rlim_max) {
        lim.rlim_cur = lim.rlim_max;
        setrlimit(RLIMIT_NOFILE, &lim);
    }
}

static void text_reserve(struct text *t, size_t more)
{
    if (t->cap - t->len >= more)
        return;
    size_t cap = t->cap ? t->cap * 2 : 1024;
    while (cap - t->len < more)
        cap *= 2;
    char *at = realloc(t->at, cap);
    if (!at)
        die("out of memory (%zu bytes)", cap);
    t->at = at;
    t->cap = cap;
}

void text_add(struct text *t, const char *bytes, size_t n)
{
    text_reserve(t, n + 1);
    memcpy(t->at + t->len, bytes, n);
    t->len += n;
    t->at[t->len] = 0;
}

void text_puts(struct text *t, const char *s)
{
    text_add(t, s, strlen(s));
}

void text_printf(struct text *t, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        die("bad format");
    text_reserve(t, (size_t)n + 1);
    vsnprintf(t->at + t->len, (size_t)n + 1, fmt, again);
    va_end(again);
    t->len += (size_t)n;
}
