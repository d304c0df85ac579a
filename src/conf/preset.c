/* SPDX-License-Identifier: Apache-2.0 */
/*
 * preset - look-ups in two short constant tables; only asked while a configuration is loaded.
 *
 * A host is compared whole, never by its end: a key of the environment goes to a preset's own host
 * without being asked for (build_provider.c), so "api.openai.com.example.net" and
 * "xapi.openai.com" must be strangers. Where a region stands in a base, exactly one label may.
 */
#include "conf/preset.h"

#include "base/check.h"

#define PRESET(name, env, serves, flagship, keyless, region, balance, ...) \
    {name, env, serves, flagship, keyless, region, balance, {__VA_ARGS__}},
const struct preset presets[] = {
#include "conf/presets.def"
    {0},
};
#undef PRESET

#define DIALECT(name, endpoint, extra, counts) {name, endpoint, extra, counts},
const struct wire wires[] = {
#include "conf/dialects.def"
    {0},
};
#undef DIALECT

bool preset_bills_on(const struct preset *p)
{
    static const char *const names[] = {"bedrock",   "groq",           "gemini",
                                        "vertex",    "mistral",        "perplexity",
                                        "dashscope", "dashscope-intl", "dashscope-us"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq(str_c(p->name), str_c(names[i])))
            return true;
    return false;
}

const struct preset *preset_find(str name)
{
    for (const struct preset *p = presets; p->name; p++)
        if (str_eq_nocase(name, str_c(p->name)))
            return p;
    return NULL;
}

/* `host` is `pattern` with one label of a name in the place of the region. */
static bool is_in_region(str pattern, size_t at, str host)
{
    str tail = str_from(pattern, at + sizeof(PRESET_REGION) - 1);
    if (host.n <= at + tail.n || !str_has_prefix_nocase(host, str_head(pattern, at)) ||
        !str_eq_nocase(str_from(host, host.n - tail.n), tail))
        return false;
    ASSERT(at + tail.n < host.n); /* the region has at least one character */
    return str_find_char(str_of(host.p + at, host.n - tail.n - at), '.') == SIZE_MAX;
}

bool preset_is_host(const char *base, str host)
{
    str rest = str_c(base);
    size_t at = str_find(rest, STR("://"));
    if (at == SIZE_MAX)
        return false;
    rest = str_from(rest, at + 3);
    rest = str_cut(&rest, '/');
    rest = str_cut(&rest, ':');
    at = str_find(rest, STR(PRESET_REGION));
    return at == SIZE_MAX ? str_eq_nocase(rest, host) : is_in_region(rest, at, host);
}

const struct preset *preset_by_host(str host)
{
    for (const struct preset *p = presets; p->name; p++)
        for (size_t i = 0; i < PRESET_WAYS && p->ways[i].dialect; i++)
            if (str_has_prefix(str_c(p->ways[i].base), STR("https://")) &&
                preset_is_host(p->ways[i].base, host))
                return p;
    return NULL;
}

const struct preset *preset_by_dialect(str dialect)
{
    for (const struct preset *p = presets; p->name; p++)
        if (preset_way(p, dialect))
            return p;
    return NULL;
}

const struct preset_way *preset_way(const struct preset *p, str dialect)
{
    for (size_t i = 0; i < PRESET_WAYS && p->ways[i].dialect; i++)
        if (str_eq(dialect, str_c(p->ways[i].dialect)))
            return &p->ways[i];
    return NULL;
}

const struct wire *wire_find(str name)
{
    for (const struct wire *w = wires; w->name; w++)
        if (str_eq_nocase(name, str_c(w->name)))
            return w;
    return NULL;
}
