/* SPDX-License-Identifier: Apache-2.0 */
/* preset - look-ups in two short constant tables; only asked while a configuration is loaded. */
#include "conf/preset.h"

#define PRESET(name, env, serves, flagship, keyless, region, balance, ...) \
    {name, env, serves, flagship, keyless, region, balance, {__VA_ARGS__}},
const struct preset presets[] = {
#include "conf/presets.def"
    {0},
};
#undef PRESET

#define DIALECT(name, endpoint, extra) {name, endpoint, extra},
const struct wire wires[] = {
#include "conf/dialects.def"
    {0},
};
#undef DIALECT

const struct preset *preset_find(str name)
{
    for (const struct preset *p = presets; p->name; p++)
        if (str_eq_nocase(name, str_c(p->name)))
            return p;
    return NULL;
}

bool preset_is_host(const char *base, str host)
{
    str rest = str_c(base);
    size_t at = str_find(rest, STR("://"));
    if (at == SIZE_MAX)
        return false;
    rest = str_from(rest, at + 3);
    rest = str_cut(&rest, '/');
    return str_eq_nocase(str_cut(&rest, ':'), host);
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
