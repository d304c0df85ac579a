/* SPDX-License-Identifier: Apache-2.0 */
/* model_name.c - one version number. The catalogue of models knows more; this holds without it. */
#include "dialect/model_name.h"

#include "base/check.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool model_is_claude(str model)
{
    return str_find(model, STR("claude")) != SIZE_MAX;
}

/* 100 * major + minor of the first number behind `family`; a number of three digits and more is a
 * date. */
static unsigned version_after(str model, str family)
{
    size_t at = str_find(model, family);
    unsigned parts[2] = {0, 0}, n = 0;
    str m;

    if (at == SIZE_MAX)
        return 0;
    m = str_from(model, at + family.n);
    for (size_t i = 0; i < m.n && n < 2;) {
        size_t start = i;
        unsigned v = 0;

        while (i < m.n && is_digit(m.p[i]) && i - start < 9)
            v = v * 10 + (unsigned)(m.p[i++] - '0');
        if (i == start) {
            if (n && m.p[i] != '-' && m.p[i] != '.')
                break; /* the minor number follows the major at once or not at all */
            i++;
            continue;
        }
        if (i - start > 2) /* a date */
            break;
        parts[n++] = v;
    }
    return parts[0] * 100 + parts[1];
}

unsigned model_claude_version(str model)
{
    return version_after(model, STR("claude"));
}

static bool has_word(str s, str word)
{
    for (size_t i = 0; i + word.n <= s.n; i++)
        if (str_has_prefix_nocase(str_from(s, i), word))
            return true;
    return false;
}

bool model_embeds(str model)
{
    static const str families[] = {STR("bge-"), STR("e5-"), STR("gte-"), STR("voyage-")};
    size_t slash = str_rfind_char(model, '/');
    str own = slash == SIZE_MAX ? model : str_from(model, slash + 1);

    if (has_word(own, STR("rerank")))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(families); i++)
        if (str_has_prefix_nocase(own, families[i]))
            return true;
    return has_word(own, STR("embed"));
}

bool model_is_gemini(str model)
{
    return str_find(model, STR("gemini")) != SIZE_MAX;
}

unsigned model_gemini_version(str model)
{
    return version_after(model, STR("gemini"));
}

uint64_t model_claude_max_tokens(str model)
{
    unsigned v = model_claude_version(model);

    if (!v)
        return 8192;
    if (v < 305)
        return 4096;
    return v < 307 ? 8192 : 32000;
}
