/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refused - a table of the sentences in use; a name stands behind one, or before it.
 */
#include "dialect/refused.h"

#include "base/num.h"

/* What surrounds the name. With no text before it, the name is the word before `behind`. */
static const struct {
    const char *before, *behind;
} sentences[] = {
    {"Unsupported parameter: ", NULL},
    {"Unsupported value: ", NULL},
    {"Unknown parameter: ", NULL},
    {"Unrecognized request argument supplied: ", NULL},
    {"Unrecognized request arguments supplied: ", NULL},
    {"Unknown name ", NULL},
    {"unknown field ", NULL},
    {"unexpected keyword argument ", NULL},
    {"property ", " is unsupported"},
    {"does not support parameter ", NULL},
    {"does not support the parameter ", NULL},
    {NULL, ": Extra inputs are not permitted"},
    {NULL, " is not supported with this model"},
    {NULL, " is not supported by this model"},
    {NULL, " is not supported for this model"},
    {NULL, " is deprecated for this model"},
    {NULL, " is unsupported"},
    {NULL, " is not a supported parameter"},
};

/* Codes whose `param` is the name. */
static const char *const codes[] = {"unsupported_parameter", "unknown_parameter",
                                    "unsupported_value", "extra_forbidden"};

/* What a request is about: without it, it is another request. */
static const char *const kept[] = {
    "model",           "messages",          "input", "contents",   "prompt", "system",
    "instructions",    "systemInstruction", "tools", "toolConfig", "stream", "previous_response_id",
    "inferenceConfig",
};

static bool in_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
}

static bool is_quote(char c)
{
    return c == '\'' || c == '"' || c == '`';
}

/* A name, perhaps in quotes, at the beginning of what follows the sentence's first half. */
static str name_at(str text)
{
    size_t n = 0;
    if (text.n && is_quote(text.p[0]))
        text = str_from(text, 1);
    while (n < text.n && in_name(text.p[n]))
        n++;
    while (n && text.p[n - 1] == '.') /* of the sentence */
        n--;
    return str_head(text, n);
}

static str name_before(str text)
{
    size_t n = 0;
    if (text.n && is_quote(text.p[text.n - 1]))
        text.n--;
    while (n < text.n && in_name(text.p[text.n - 1 - n]))
        n++;
    return str_from(text, text.n - n);
}

static str name_in(str message)
{
    for (size_t i = 0; i < ARRAY_LEN(sentences); i++) {
        const char *before = sentences[i].before, *behind = sentences[i].behind;
        size_t at = str_find(message, str_c(before ? before : behind));
        if (at == SIZE_MAX || (before && behind && str_find(message, str_c(behind)) == SIZE_MAX))
            continue;
        str name = before ? name_at(str_from(message, at + strlen(before)))
                          : name_before(str_head(message, at));
        if (name.n)
            return name;
    }
    return STR_NONE;
}

/* "Use 'max_completion_tokens' instead": then it is not dropped but renamed. */
static str instead_of(str message, str name)
{
    static const char *const words[] = {"Use ", "use ", "Please use "};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        size_t at = str_find(message, str_c(words[i]));
        str rest = at == SIZE_MAX ? STR_NONE : str_from(message, at + strlen(words[i]));
        str other = rest.n && is_quote(rest.p[0]) ? name_at(rest) : STR_NONE;
        if (other.n && !str_eq(other, name) && str_find(rest, STR(" instead")) != SIZE_MAX)
            return other;
    }
    return STR_NONE;
}

/* Names come out of a provider's prose: whatever is no member's name, or a member without which the
 * request would be another one, stays. */
static bool may_go(str name)
{
    str first = str_head(name, str_find_char(name, '.'));
    if (!first.n || name.n > REFUSED_NAME_MAX || first.p[0] == '-' ||
        (first.p[0] >= '0' && first.p[0] <= '9'))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        if (str_eq(first, str_c(kept[i])))
            return false;
    return true;
}

bool refused_read(const struct fail *f, struct refused *ret)
{
    str name = STR_NONE;
    if (f->kind != ERR_BAD_REQUEST && f->kind != ERR_UNSUPPORTED)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(codes) && f->param.n; i++)
        if (str_eq(f->code, str_c(codes[i])))
            name = f->param;
    if (!name.n)
        name = name_in(f->message);
    if (!may_go(name))
        return false;
    ASSERT(name.n && name.n <= REFUSED_NAME_MAX);
    *ret = (struct refused){name, instead_of(f->message, name)};
    if (ret->instead.n && !may_go(ret->instead))
        ret->instead = STR_NONE;
    return true;
}
