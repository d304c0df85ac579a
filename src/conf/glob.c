/* SPDX-License-Identifier: Apache-2.0 */
/*
 * glob - is a text like a pattern? '*' stands for any bytes, '?' for one.
 *
 * Most patterns are a plain word, or a beginning with a star, and those were told apart when the
 * file was read. The rest goes back to the last star and lets it take one byte more, so the time is
 * the product of the two lengths at worst, and never more: a pattern is the operator's, the text a
 * stranger's.
 */
#include "base/check.h"
#include "conf/rule.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 32) : c;
}

static bool is_like(str pattern, str s)
{
    size_t p = 0, i = 0, star = SIZE_MAX, taken = 0;
    while (i < s.n) {
        if (p < pattern.n && pattern.p[p] == '*') {
            star = p++;
            taken = i;
        } else if (p < pattern.n && (pattern.p[p] == '?' || lower(pattern.p[p]) == lower(s.p[i]))) {
            p++, i++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            i = ++taken;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*')
        p++;
    return p == pattern.n;
}

bool conf_glob_is_like(const struct conf_glob *g, str s)
{
    switch (g->kind) {
    case CONF_GLOB_EXACT:
        return str_eq_nocase(g->text, s);
    case CONF_GLOB_PREFIX:
        return str_has_prefix_nocase(s, g->text);
    case CONF_GLOB_ANY:
        return true;
    case CONF_GLOB_PATTERN:
        return is_like(g->text, s);
    }
    return false;
}
