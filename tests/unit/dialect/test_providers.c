/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docs/providers.md is what presets.def and quirks.def say (UPDATE_GOLDEN=1 writes it anew), and
 * the two tables know each other's names.
 */
#include <stdio.h>
#include <stdlib.h>

#include "conf/preset.h"
#include "drive.h"

#define PAGE SOURCE_ROOT "/docs/providers.md"

static const char intro[] =
    "# Providers\n\n"
    "What weir knows of providers without a word in the configuration: where they are\n"
    "(`src/conf/presets.def`) and how they deviate from the language they speak\n"
    "(`src/dialect/quirks.def`). A provider of the configuration gets it by its `name`, by the "
    "host "
    "of its\n`baseURL`, or by `dialect:`. This page is written by a test from the two tables.\n\n"
    "What a provider is known to refuse is not sent to it: it is left out, or said in the nearest "
    "way, and named\nin `x-weir-lossy`. That holds for translated requests and for a Chat client's "
    "own bytes alike, but there\nfor single members only. `quirks` of a provider in the "
    "[configuration](config.md) goes before all that\nstands here:\n\n"
    "```yaml\n"
    "providers:\n"
    "  - name: box\n"
    "    dialect: openai\n"
    "    baseURL: http://gpu1:8000/v1\n"
    "    quirks: { effort: enable_thinking, maxTemperature: 1, refuses: [strict, top_k], accepts: "
    "[cache_control] }\n"
    "```\n";

/* ---- where they are */

static void put_where(struct buf *to)
{
    buf_lit(to, "\n## Where they are\n\n"
                "`yours`: only you know the address; give `baseURL`. The keys' variables are in "
                "[config.md](config.md#known-providers).\n\n"
                "| name | region | dialect: base URL | credit of the key |\n"
                "| --- | --- | --- | --- |\n");
    for (const struct preset *p = presets; p->name; p++) {
        buf_addf(to, "| `%s` | %s |", p->name, p->region);
        for (size_t i = 0; i < PRESET_WAYS && p->ways[i].dialect; i++)
            buf_addf(to, "%s %s: %s", i ? "," : "", p->ways[i].dialect,
                     *p->ways[i].base ? p->ways[i].base : "yours");
        buf_addf(to, " | %s |\n", p->balance);
    }
}

/* ---- how they deviate */

static const char *const efforts[] = {
    [EFFORT_NONE] = "not asked for",
    [EFFORT_FIELD] = "`reasoning_effort`",
    [EFFORT_OBJECT] = "`reasoning`",
    [EFFORT_THINKING] = "`thinking`",
    [EFFORT_ENABLE] = "`enable_thinking`",
    [EFFORT_BOTH] = "`thinking` and `reasoning_effort`",
    [EFFORT_SWITCH] = "`reasoning_effort` (high or none)",
};
static const char *const replays[] = {
    [REPLAY_NONE] = "not sent back",         [REPLAY_CONTENT] = "`reasoning_content`",
    [REPLAY_REASONING] = "`reasoning`",      [REPLAY_DETAILS] = "`reasoning_details`",
    [REPLAY_PARTS] = "parts of the content",
};

static const char *const searches[] = {
    [SEARCH_OPTIONS] = "`web_search_options`",
    [SEARCH_TOOL] = "a tool `openrouter:web_search`",
    [SEARCH_FILTER] = "`web_search_options`, `search_domain_filter`",
    [SEARCH_ENABLE] = "`enable_search`",
    [SEARCH_GLM] = "a tool `web_search`",
};

static const char *const prefills[] = {
    [PREFILL_NONE] = "is not gone on with",
    [PREFILL_PLAIN] = "is gone on with",
    [PREFILL_PREFIX] = "is gone on with (`prefix`)",
    [PREFILL_PARTIAL] = "is gone on with (`partial`)",
};

static void put_set(struct buf *to, const char *word, uint64_t set)
{
    const char *sep = word;
    for (size_t i = 0; i < PARAM_COUNT; i++)
        if (set >> i & 1) {
            buf_addf(to, "%s`%s`", sep, quirk_param_name(i));
            sep = ", ";
        }
    if (set)
        buf_lit(to, "; ");
}

static void put_row(struct buf *to, const struct quirk_row *row)
{
    const struct dialect_opts *o = &row->opts;
    const char *quote = *row->models ? "`" : "";
    buf_addf(to, "| %s | %s%s%s | ", *row->presets ? row->presets : "any", quote,
             *row->models ? row->models : "all", quote);
    if (o->max_tokens)
        buf_addf(to, "limit `%s`; ",
                 o->max_tokens == MAXTOK_NEW ? "max_completion_tokens" : "max_tokens");
    if (o->effort)
        buf_addf(to, "thinking %s; ", efforts[o->effort]);
    if (o->thinking)
        buf_addf(to, "thinking %s; ",
                 o->thinking == THINKING_ADAPTIVE ? "adaptive" : "with a budget");
    if (o->told_effort)
        buf_lit(to, "thinks only when told how hard: `medium` where the client left that open; ");
    if (o->replay)
        buf_addf(to, "thoughts %s; ", replays[o->replay]);
    if (o->search)
        buf_addf(to, "searches by %s; ", searches[o->search]);
    if (o->prefill)
        buf_addf(to, "a begun answer %s; ", prefills[o->prefill]);
    if (o->mid_system)
        buf_lit(to, "system messages anywhere; ");
    if (o->temperature_max)
        buf_addf(to, "temperature up to " STR_FMT "; ", STR_ARG(quirk_temperature(o)));
    if (o->stop_max)
        buf_addf(to, "%u stop sequence%s; ", o->stop_max, o->stop_max == 1 ? "" : "s");
    if (o->extra.n)
        buf_addf(to, "always `" STR_FMT ": " STR_FMT "`; ", STR_ARG(o->extra),
                 STR_ARG(o->extra_value));
    put_set(to, "knows ", o->accepted);
    put_set(to, "refuses ", o->refused);
    to->len -= 2; /* the last "; " */
    buf_lit(to, " |\n");
}

static void put_how(struct buf *to)
{
    struct quirk_row row;
    buf_lit(to,
            "\n## How they deviate\n\n"
            "A provider's rows count for its regional presets too (`moonshot` for "
            "`moonshot-cn`). The first row that\nsays something about a point wins, so rows for "
            "any provider come last. A provider without a row does as\nits language's inventor "
            "does. Patterns are looked at without the vendor in front of a name; `!` excludes.\n\n"
            "| provider | models | |\n| --- | --- | --- |\n");
    for (size_t i = 0; quirk_row_at(i, &row); i++)
        put_row(to, &row);
}

static void put_names(struct buf *to)
{
    buf_lit(to, "\n## What can be refused\n\nThe names for `refuses` and `accepts`:\n");
    for (size_t i = 0; i < PARAM_COUNT; i++)
        buf_addf(to, "%s`%s`", i ? ", " : "", quirk_param_name(i));
    buf_lit(to, ".\n");
}

static void test_the_page_is_fresh(void **state)
{
    struct drive d;
    struct buf b = BUF_INIT(1 << 20);
    (void)state;
    drive_init(&d);
    buf_add(&b, str_c(intro));
    put_where(&b);
    put_how(&b);
    put_names(&b);
    assert_false(b.failed);
    if (getenv("UPDATE_GOLDEN")) {
        FILE *f = fopen(PAGE, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(b.p, 1, buf_size(&b), f), buf_size(&b));
        assert_int_equal(fclose(f), 0);
    }
    if (!str_eq(drive_file(&d, PAGE), buf_str(&b)))
        fail_msg("docs/providers.md is stale; run this test with UPDATE_GOLDEN=1");
    buf_fini(&b);
    drive_fini(&d);
}

/* A preset or a dialect of that name, or a preset that begins with it ("kimi-coding"). */
static bool has_bearer(str name)
{
    for (const struct preset *p = presets; p->name; p++)
        if (str_has_prefix(str_c(p->name), name))
            return true;
    return dialect_find(name) != NULL;
}

static void test_both_tables_know_the_names(void **state)
{
    struct quirk_row row;
    size_t n = 0;
    (void)state;
    for (size_t i = 0; quirk_row_at(i, &row); i++)
        for (str names = str_c(row.presets); names.n;) {
            str name = str_cut(&names, ' ');
            if (!has_bearer(name))
                fail_msg("quirks.def: nobody is called " STR_FMT, STR_ARG(name));
        }
    for (const struct preset *p = presets; p->name; p++)
        n++;
    assert_true(n >= 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_page_is_fresh),
        cmocka_unit_test(test_both_tables_know_the_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
