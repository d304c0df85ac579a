/* SPDX-License-Identifier: Apache-2.0 */
/*
 * str - a slice: pointer and length, by value. It owns nothing; whoever made the bytes keeps them.
 * Not NUL-terminated. An absent slice has p == NULL; an empty one has n == 0.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct str {
    const char *p;
    size_t n;
} str;

#define STR(lit)   ((str){"" lit, sizeof(lit) - 1})
#define STR_NONE   ((str){NULL, 0})
#define STR_FMT    "%.*s"
#define STR_ARG(s) (int)(s).n, (s).p ? (s).p : ""

static inline str str_of(const char *p, size_t n)
{
    return (str){p, n};
}

static inline str str_c(const char *z)
{
    return (str){z, z ? strlen(z) : 0};
}

static inline bool str_eq(str a, str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool str_has_prefix(str s, str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

static inline bool str_has_suffix(str s, str suffix)
{
    return s.n >= suffix.n &&
           (suffix.n == 0 || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}

/* From `at` to the end; at > n gives an empty slice. */
static inline str str_from(str s, size_t at)
{
    size_t n = at < s.n ? at : s.n;
    return (str){n ? s.p + n : s.p, s.n - n}; /* p may be NULL */
}

/* The first n bytes, or all. */
static inline str str_head(str s, size_t n)
{
    return (str){s.p, n < s.n ? n : s.n};
}

bool str_eq_nocase(str a, str b); /* ASCII case only */
bool str_has_prefix_nocase(str s, str prefix);
int str_cmp(str a, str b); /* byte order, as memcmp then length */
/* Offset of the first occurrence, or SIZE_MAX. */
size_t str_find(str s, str needle);
size_t str_find_char(str s, char c);
size_t str_rfind_char(str s, char c);
/* Without leading and trailing blanks and tabs (HTTP OWS). */
str str_trim(str s);
/* The part of *s before the first `sep`; *s moves past it. With no sep left, all of *s, and *s
 * becomes absent (p == NULL). */
str str_cut(str *s, char sep);
