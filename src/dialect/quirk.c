/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quirk.c - quirks.def as a table, the laying of its rows over each other, and patterns of names.
 *
 * A provider's rows are chosen once by name, so that a call compares its model with a dozen
 * patterns, not with all of them.
 */
#include "dialect/quirk.h"

#include "base/num.h"
#include "dialect/model_name.h"

#define MODEL_MAX 256 /* as the gate's own limit; a longer name matches by its first bytes */

#define QUIRK(presets, models, ...) {presets, models, {__VA_ARGS__}},
static const struct quirk_row rows[] = {
#include "dialect/quirks.def"
};
#undef QUIRK

_Static_assert(ARRAY_LEN(rows) <= QUIRK_ROWS_MAX, "QUIRK_ROWS_MAX is too small");
_Static_assert(PARAM_COUNT <= 64, "dialect_opts.refused has too few bits");

static const char *const params[] = {
#define PARAM(id, name) name,
#include "dialect/param.def"
#undef PARAM
};

const char *quirk_param_name(size_t i)
{
    return i < ARRAY_LEN(params) ? params[i] : NULL;
}

bool quirk_param_find(str name, uint64_t *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(params); i++)
        if (str_eq(name, str_c(params[i]))) {
            *ret = UINT64_C(1) << i;
            return true;
        }
    return false;
}

str quirk_temperature(const struct dialect_opts *opts)
{
    static const char *const tenths[] = {
        "0",   "0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9", "1",
        "1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7", "1.8", "1.9", "2",
    };
    size_t i = opts->temperature_max;

    return str_c(tenths[i < ARRAY_LEN(tenths) ? i : ARRAY_LEN(tenths) - 1]);
}

bool quirk_row_at(size_t i, struct quirk_row *ret)
{
    if (i >= ARRAY_LEN(rows))
        return false;
    *ret = rows[i];
    return true;
}

/* ---- patterns -----------------------------------------------------------------------------------
 */

/* `*` stands for any run of bytes. Greedy with one step back: linear but for the stars. */
static bool glob(str pattern, str s)
{
    size_t p = 0, i = 0, star = SIZE_MAX, mark = 0;

    while (i < s.n) {
        if (p < pattern.n && pattern.p[p] == '*') {
            star = p++;
            mark = i;
        } else if (p < pattern.n && pattern.p[p] == s.p[i]) {
            p++;
            i++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            i = ++mark;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*')
        p++;
    return p == pattern.n;
}

/* "claude>=4.6" */
static bool word_matches(str word, str model)
{
    static const str claude = STR("claude>=");
    uint64_t major, minor;
    str number;

    if (!str_has_prefix(word, claude))
        return glob(word, model);
    number = str_from(word, claude.n);
    if (num_u64(str_cut(&number, '.'), &major) != RC_OK || num_u64(number, &minor) != RC_OK)
        return false;
    return model_claude_version(model) >= major * 100 + minor;
}

static str short_name(str model, char room[MODEL_MAX])
{
    size_t slash = str_rfind_char(model, '/');
    str s = str_head(slash == SIZE_MAX ? model : str_from(model, slash + 1), MODEL_MAX);

    for (size_t i = 0; i < s.n; i++)
        room[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] + 32) : s.p[i];
    return str_of(room, s.n);
}

/* `model` in its short form. No pattern: any model. */
static bool matches(str patterns, str model)
{
    bool found = !patterns.n;

    while (patterns.n) {
        str word = str_cut(&patterns, ' ');

        if (!word.n)
            continue;
        if (word.p[0] != '!')
            found = found || word_matches(word, model);
        else if (word_matches(str_from(word, 1), model))
            return false;
    }
    return found;
}

bool quirk_model_matches(const char *patterns, str model)
{
    char room[MODEL_MAX];

    return matches(str_c(patterns), short_name(model, room));
}

/* ---- rows ---------------------------------------------------------------------------------------
 */

/* A preset of one company in two regions is one company: "moonshot-cn" has the rows of "moonshot".
 */
static bool is_of(str names, str name)
{
    while (names.n) {
        str one = str_cut(&names, ' ');

        if (str_has_prefix(name, one) && (name.n == one.n || name.p[one.n] == '-'))
            return true;
    }
    return false;
}

void quirk_select(struct quirk_set *s, str preset, str dialect)
{
    s->n = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (!*rows[i].presets || is_of(str_c(rows[i].presets), preset) ||
            is_of(str_c(rows[i].presets), dialect))
            s->rows[s->n++] = (uint8_t)i;
}

#define LAY(field)                   \
    do {                             \
        if (!to->field)              \
            to->field = from->field; \
    } while (0)

static void lay(struct dialect_opts *to, const struct dialect_opts *from)
{
    uint64_t open = ~(to->refused | to->accepted);

    LAY(auth);
    LAY(max_tokens);
    LAY(effort);
    LAY(replay);
    LAY(search);
    LAY(thinking);
    LAY(mid_system);
    LAY(prefill);
    LAY(temperature_max);
    LAY(stop_max);
    LAY(default_max_tokens);
    LAY(told_effort);
    if (!to->api_version.n)
        to->api_version = from->api_version;
    if (!to->path.n)
        to->path = from->path;
    if (!to->extra.n) {
        to->extra = from->extra;
        to->extra_value = from->extra_value;
    }
    to->refused |= from->refused & open;
    to->accepted |= from->accepted & open;
    ASSERT(!(to->refused & to->accepted));
}

void quirk_fill(struct dialect_opts *opts, const struct quirk_set *s, str model)
{
    char room[MODEL_MAX];
    str name = short_name(model, room);

    for (unsigned i = 0; i < s->n; i++) {
        const struct quirk_row *row = &rows[s->rows[i]];

        if (matches(str_c(row->models), name))
            lay(opts, &row->opts);
    }
    opts->no_stream_options |= (opts->refused & REFUSES(STREAM_OPTIONS)) != 0;
    opts->no_strict |= (opts->refused & REFUSES(STRICT)) != 0;
    opts->text_only_parts |= (opts->refused & REFUSES(PARTS)) != 0;
    opts->cache_markers |= (opts->accepted & REFUSES(CACHE_CONTROL)) != 0;
    opts->developer |= (opts->accepted & REFUSES(DEVELOPER)) != 0;
}
