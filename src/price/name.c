/* SPDX-License-Identifier: Apache-2.0 */
/*
 * name - a table of what is taken off, in order; each row once.
 *
 *     claude-sonnet-4-5@20250929                      Vertex
 *     anthropic.claude-sonnet-4-5-20250929-v1:0       Bedrock
 *     claude-sonnet-4-5-20250929                      Anthropic
 *     gpt-5-2025-08-07, gemini-flash-latest           OpenAI, Google
 *
 * What is left is looked up again after each row, so a model that has its date in its name in the
 * catalogue is found with it. Nothing is taken off that could be another model's name: a size, a
 * "-mini", a "-preview".
 */
#include "price/name.h"

#include "base/check.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool all_digits(str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_digit(s.p[i]))
            return false;
    return s.n > 0;
}

/* "accounts/fireworks/models/qwen3" and "openai/gpt-5": whose model it is, and where it stands. */
str name_tail(str s)
{
    size_t slash = str_rfind_char(s, '/');
    return slash == SIZE_MAX ? s : str_from(s, slash + 1);
}

/* Cross-region inference profiles of Bedrock name where they may run. */
str name_at_home(str s)
{
    static const str regions[] = {{"us.", 3},     {"eu.", 3}, {"apac.", 5}, {"global.", 7},
                                  {"us-gov.", 7}, {"jp.", 3}, {"au.", 3},   {"ca.", 3}};
    for (size_t i = 0; i < ARRAY_LEN(regions); i++)
        if (str_has_prefix_nocase(s, regions[i]))
            return str_from(s, regions[i].n);
    return s;
}

/* Vertex: a version behind '@'. */
static str without_at(str s)
{
    size_t at = str_rfind_char(s, '@');
    return at == SIZE_MAX || at == 0 ? s : str_head(s, at);
}

/* "-v1:0", ":0", "-v2" */
static str without_version(str s)
{
    size_t colon = str_rfind_char(s, ':');
    if (colon != SIZE_MAX && all_digits(str_from(s, colon + 1)))
        s = str_head(s, colon);
    size_t dash = str_rfind_char(s, '-');
    if (dash != SIZE_MAX && s.n > dash + 1 && (s.p[dash + 1] | 32) == 'v' &&
        all_digits(str_from(s, dash + 2)))
        s = str_head(s, dash);
    return s;
}

/* "20250929" or "2025-08-07", this century */
static bool is_date(str s)
{
    if (s.n == 8)
        return all_digits(s) && str_has_prefix(s, STR("20"));
    return s.n == 10 && s.p[4] == '-' && s.p[7] == '-' && str_has_prefix(s, STR("20")) &&
           all_digits(str_head(s, 4)) && all_digits(str_of(s.p + 5, 2)) &&
           all_digits(str_from(s, 8));
}

static str without_date(str s)
{
    static const size_t lengths[] = {8, 10};
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++)
        if (s.n > lengths[i] + 1 && s.p[s.n - lengths[i] - 1] == '-' &&
            is_date(str_from(s, s.n - lengths[i])))
            return str_head(s, s.n - lengths[i] - 1);
    if (s.n > 7 && str_eq_nocase(str_from(s, s.n - 7), STR("-latest")))
        return str_head(s, s.n - 7);
    return s;
}

static str (*const steps[])(str s) = {without_at, without_version, without_date};

bool name_shorten(str *name, unsigned *step)
{
    while (*step < ARRAY_LEN(steps)) {
        str shorter = steps[(*step)++](*name);
        ASSERT(shorter.n <= name->n);
        if (shorter.n == name->n || !shorter.n)
            continue;
        *name = shorter;
        return true;
    }
    return false;
}
