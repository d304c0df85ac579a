/* SPDX-License-Identifier: Apache-2.0 */
/* str - the few slice functions that are not one line. */
#include "base/str.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* ASCII only, and no locale: names of fields, schemes and codings. */
bool str_eq_nocase(str a, str b)
{
    return a.n == b.n && str_has_prefix_nocase(a, b);
}

bool str_has_prefix_nocase(str s, str prefix)
{
    if (s.n < prefix.n)
        return false;
    for (size_t i = 0; i < prefix.n; i++)
        if (lower(s.p[i]) != lower(prefix.p[i]))
            return false;
    return true;
}

int str_cmp(str a, str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

size_t str_find(str s, str needle)
{
    if (needle.n == 0)
        return 0;
    const char *at = s.n ? memmem(s.p, s.n, needle.p, needle.n) : NULL;
    return at ? (size_t)(at - s.p) : SIZE_MAX;
}

size_t str_find_char(str s, char c)
{
    const char *at = s.n ? memchr(s.p, c, s.n) : NULL;
    return at ? (size_t)(at - s.p) : SIZE_MAX;
}

size_t str_rfind_char(str s, char c)
{
    const char *at = s.n ? memrchr(s.p, c, s.n) : NULL;
    return at ? (size_t)(at - s.p) : SIZE_MAX;
}

static bool is_ows(char c)
{
    return c == ' ' || c == '\t';
}

str str_trim(str s)
{
    while (s.n && is_ows(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n && is_ows(s.p[s.n - 1]))
        s.n--;
    return s;
}

/* The last piece leaves *s absent, not empty: so "a," is two pieces and "a" one. */
str str_cut(str *s, char sep)
{
    size_t at = str_find_char(*s, sep);
    str head;
    if (at == SIZE_MAX) {
        head = *s;
        *s = STR_NONE;
        return head;
    }
    head = str_head(*s, at);
    *s = str_from(*s, at + 1);
    return head;
}
