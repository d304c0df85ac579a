/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model_name.c - a few prefixes and one version number. The catalogue of models knows more; this is
 * what holds without it.
 */
#include "dialect/model_name.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static str without_vendor(str model)
{
    size_t slash = str_rfind_char(model, '/');

    return slash == SIZE_MAX ? model : str_from(model, slash + 1);
}

bool model_is_openai(str model)
{
    str m = without_vendor(model);

    if (str_has_prefix(m, STR("gpt-oss")))
        return false;
    if (str_has_prefix(m, STR("gpt-")) || str_has_prefix(m, STR("chatgpt-")) ||
        str_has_prefix(m, STR("codex-")) || str_has_prefix(m, STR("ft:gpt-")))
        return true;
    return m.n >= 2 && m.p[0] == 'o' && is_digit(m.p[1]);
}

bool model_is_openai_reasoning(str model)
{
    str m = without_vendor(model);

    if (!model_is_openai(m))
        return false;
    if (m.p[0] == 'o' || str_has_prefix(m, STR("codex-")))
        return true;
    return str_has_prefix(m, STR("gpt-")) && m.n > 4 && m.p[4] >= '5' && m.p[4] <= '9' &&
           str_find(m, STR("-chat")) == SIZE_MAX;
}

bool model_takes_effort(str model)
{
    return model_is_openai_reasoning(model) ||
           str_has_prefix(without_vendor(model), STR("gpt-oss"));
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
