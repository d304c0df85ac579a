/* SPDX-License-Identifier: Apache-2.0 */
/* builtin - the scenarios that the program carries; made of share/scenarios at build time. */
#include "base/check.h"
#include "sim/scenario.h"

#define BUILTIN(id, name)              \
    extern const char scenario_##id[]; \
    extern const size_t scenario_##id##_size;
#include "sim/builtins.def"
#undef BUILTIN

static const struct {
    str name;
    const char *text;
    const size_t *size;
} rows[] = {
#define BUILTIN(id, name) {STR(name), scenario_##id, &scenario_##id##_size},
#include "sim/builtins.def"
#undef BUILTIN
};

str sim_builtin_name(size_t i)
{
    return i < ARRAY_LEN(rows) ? rows[i].name : STR_NONE;
}

str sim_builtin(str name)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (str_eq(rows[i].name, name))
            return str_of(rows[i].text, *rows[i].size);
    return STR_NONE;
}
