/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quirks: patterns of model names, how rows are laid over each other, what a request loses to them,
 * and what is cut from a client's own bytes.
 */
#include "drive.h"

/* ---- patterns and rows --------------------------------------------------------------------------
 */

static void test_patterns(void **state)
{
    static const struct {
        const char *patterns, *model;
        bool match;
    } rows[] = {
        {"", "anything", true},
        {"", "", true},
        {"gpt-5*", "gpt-5", true},
        {"gpt-5*", "openai/GPT-5.1-mini", true},
        {"gpt-5*", "my-gpt-5", false},
        {"gpt-5* !*-chat*", "gpt-5-chat-latest", false},
        {"!*-chat* gpt-5*", "gpt-5-mini", true},
        {"a b*", "b", true},
        {"a b*", "ab", false},
        {"*x*y*", "axxby", true},
        {"*x*y", "axyb", false},
        {"*", "", true},
        {"o1*", "o", false},
        {"claude>=4.6", "claude-opus-4-6", true},
        {"claude>=4.6", "us.anthropic.claude-opus-4-8-v1:0", true},
        {"claude>=4.6", "claude-sonnet-4-5-20250929", false},
        {"claude>=4.6", "gpt-5", false},
        {"claude>=x", "claude-opus-4-8", false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (quirk_model_matches(rows[i].patterns, str_c(rows[i].model)) != rows[i].match)
            fail_msg("\"%s\" and \"%s\"", rows[i].patterns, rows[i].model);
}

static struct dialect_opts opts_of(const char *preset, const char *model)
{
    struct quirk_set s;
    struct dialect_opts o = {0};
    quirk_select(&s, str_c(preset), STR("openai"));
    quirk_fill(&o, &s, str_c(model));
    return o;
}

static void test_models_by_their_names(void **state)
{
    static const struct {
        const char *model;
        bool openai, reasoning, effort;
    } rows[] = {
        {"gpt-4o", true, false, false},
        {"gpt-5", true, true, true},
        {"openai/gpt-5.1-mini", true, true, true},
        {"gpt-5-chat-latest", true, false, false},
        {"o3-mini", true, true, true},
        {"chatgpt-4o-latest", true, false, false},
        {"ft:gpt-4o:org", true, false, false},
        {"gpt-oss-120b", false, false, true},
        {"openai/gpt-oss-20b", false, false, true},
        {"olmo-2", false, false, false},
        {"qwen3", false, false, false},
        {"o", false, false, false},
        {"", false, false, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dialect_opts o = opts_of("", rows[i].model);
        if (o.developer != rows[i].openai || (o.max_tokens == MAXTOK_NEW) != rows[i].openai ||
            ((o.refused & REFUSES(TEMPERATURE)) != 0) != rows[i].reasoning ||
            (o.effort == EFFORT_FIELD) != rows[i].effort)
            fail_msg("%s", rows[i].model);
    }
    assert_false(opts_of("", "o1-mini").developer);
    assert_int_equal(opts_of("", "claude-opus-4-8").thinking, THINKING_ADAPTIVE);
    assert_int_equal(opts_of("", "claude-opus-4-5").thinking, THINKING_BUDGET);
    assert_int_equal(opts_of("", "claude-next").thinking, THINKING_AUTO);
}

static void test_the_nearer_row_wins(void **state)
{
    (void)state;
    struct dialect_opts o = opts_of("openrouter", "openai/gpt-5");
    assert_int_equal(o.effort, EFFORT_OBJECT);     /* the provider's way … */
    assert_true(o.refused & REFUSES(TEMPERATURE)); /* … and the model's refusals */
    assert_true(o.cache_markers);
    o = opts_of("xai", "grok-4.3");
    assert_int_equal(o.effort, EFFORT_FIELD);
    assert_true(o.refused & REFUSES(STOP));
    assert_false(o.refused & REFUSES(EFFORT));
    o = opts_of("xai", "grok-4-fast-non-reasoning");
    assert_int_equal(o.effort, EFFORT_NONE);
    assert_false(o.refused & REFUSES(STOP));
    /* two regions of one company; another company whose name begins alike */
    assert_int_equal(opts_of("moonshot-cn", "kimi-k2").temperature_max, 10);
    assert_int_equal(opts_of("zai-coding", "glm-5").effort, EFFORT_THINKING);
    assert_int_equal(opts_of("moonshots", "kimi-k2").temperature_max, 0);
}

static void test_the_configuration_wins(void **state)
{
    struct quirk_set s;
    struct dialect_opts o = {.effort = EFFORT_NONE,
                             .accepted = REFUSES(TEMPERATURE) | REFUSES(CACHE_CONTROL),
                             .refused = REFUSES(DEVELOPER) | REFUSES(STRICT)};
    (void)state;
    quirk_select(&s, STR("openai"), STR("openai"));
    quirk_fill(&o, &s, STR("gpt-5"));
    assert_int_equal(o.effort, EFFORT_NONE);
    assert_false(o.refused & REFUSES(TEMPERATURE));
    assert_true(o.refused & REFUSES(TOP_P));
    assert_true(o.cache_markers && o.no_strict && !o.developer);
}

static void test_rows_are_sound(void **state)
{
    struct quirk_row row;
    bool general = false;
    (void)state;
    for (size_t i = 0; quirk_row_at(i, &row); i++) {
        assert_true(!general || !*row.presets); /* rows for anybody stand last */
        general |= !*row.presets;
        assert_false(row.opts.refused & row.opts.accepted);
        assert_true(row.opts.temperature_max <= 20);
        assert_int_equal(row.opts.extra.n > 0, row.opts.extra_value.n > 0);
    }
    assert_true(general);
    for (size_t i = 0; i < PARAM_COUNT; i++) {
        uint64_t bit = 0;
        assert_true(quirk_param_find(str_c(quirk_param_name(i)), &bit));
        assert_true(bit == UINT64_C(1) << i);
    }
    assert_null(quirk_param_name(PARAM_COUNT));
    assert_false(quirk_param_find(STR("nothing"), &(uint64_t){0}));
}

/* ---- what a request loses
 * ------------------------------------------------------------------------
 */

static str chat_to(struct drive *d, const char *preset, const char *model, const char *more)
{
    str body = arena_strf(
        &d->arena, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]%s}",
        more);
    d->preset = preset;
    return drive_request(d, &dialect_openai_chat, body, &dialect_openai_chat, model);
}

static void lost(const char *preset, const char *model, const char *more, const char *losses,
                 const char *rest)
{
    struct drive d;
    drive_init(&d);
    str out = chat_to(&d, preset, model, more);
    str want = arena_strf(&d.arena, "%s", rest);
    if (!str_eq(drive_losses(&d), str_c(losses)))
        fail_msg("%s %s%s: lost " STR_FMT, preset, model, more, STR_ARG(drive_losses(&d)));
    if (str_find(out, want) == SIZE_MAX)
        fail_msg("%s %s: no %s in " STR_FMT, preset, model, rest, STR_ARG(out));
    drive_fini(&d);
}

#define TOOL  ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]"
#define NAMED ",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}}"

static void test_what_a_target_refuses_is_left_out(void **state)
{
    (void)state;
    lost("", "gpt-5", ",\"temperature\":0.5,\"top_p\":1,\"presence_penalty\":0", "temperature",
         "{\"model\":\"gpt-5\",\"messages\"");
    lost("groq", "llama", ",\"logprobs\":true,\"top_logprobs\":2,\"n\":2", "logprobs, n",
         "{\"model\":\"llama\",\"messages\"");
    lost("groq", "llama", ",\"logprobs\":false,\"n\":1", "", "{\"model\":\"llama\",\"messages\"");
    lost("moonshot", "kimi-k2", ",\"temperature\":1.7", "temperature", "\"temperature\":1,");
    lost("moonshot", "kimi-k2", ",\"temperature\":0.70", "", "\"temperature\":0.70,");
    lost("zhipu", "glm-4.6", ",\"stop\":[\"a\",\"b\"]", "stop_sequences", "\"stop\":[\"a\"]");
    lost("xai", "grok-4", ",\"stop\":\"a\"", "stop_sequences",
         "{\"model\":\"grok-4\",\"messages\"");
    lost("zhipu", "glm-4.6", TOOL NAMED, "tool_choice.function, tool_choice.required",
         "\"tool_choice\":\"auto\"");
    lost("lmstudio", "x", TOOL NAMED, "tool_choice.function", "\"tool_choice\":\"required\"");
    lost("perplexity", "sonar", TOOL ",\"tool_choice\":\"auto\"", "tools",
         "{\"model\":\"sonar\",\"messages\"");
    lost("lmstudio", "x", ",\"response_format\":{\"type\":\"json_object\"}", "response_format",
         "{\"model\":\"x\",\"messages\"");
}

static void test_a_forced_call_or_a_thought(void **state)
{
    (void)state;
    lost("deepseek", "deepseek-v4", TOOL NAMED, "", "\"thinking\":{\"type\":\"disabled\"}");
    lost("deepseek", "deepseek-v4", TOOL NAMED ",\"reasoning_effort\":\"high\"", "thinking",
         "\"thinking\":{\"type\":\"disabled\"}");
    lost("deepseek", "deepseek-v4", TOOL ",\"reasoning_effort\":\"max\"", "",
         "\"thinking\":{\"type\":\"enabled\"},\"reasoning_effort\":\"max\"");
}

static void test_a_schema_in_words(void **state)
{
    (void)state;
    lost("deepseek", "deepseek-v4",
         ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\","
         "\"schema\":{\"type\":\"object\"}}}",
         "response_format",
         "\"response_format\":{\"type\":\"json_object\"},\"messages\":[{\"role\":\"system\","
         "\"content\":\"Answer only with a JSON document that matches this JSON "
         "Schema:\\n{\\\"type\\\":\\\"object\\\"}\"}");
}

static void test_a_member_of_ones_own(void **state)
{
    (void)state;
    lost("minimax", "MiniMax-M2", "", "", "\"reasoning_split\":true");
}

/* ---- a client's own bytes
 * ------------------------------------------------------------------------
 */

static void spliced(const char *preset, const char *model, const char *in, const char *want,
                    const char *losses)
{
    struct drive d;
    drive_init(&d);
    d.preset = preset;
    str out = drive_splice(&d, &dialect_openai_chat, str_c(in), model, false);
    assert_str(out, want);
    assert_str(drive_losses(&d), losses);
    (void)drive_json(&d, out);
    drive_fini(&d);
}

static void test_cut_from_the_clients_bytes(void **state)
{
    (void)state;
    /* first, in the middle, last, neighbours, all with their blanks; null is no loss */
    spliced("groq", "m", "{ \"logprobs\" : true , \"model\":\"o\"}", "{ \"model\":\"m\"}",
            "logprobs");
    spliced("groq", "m", "{\"model\":\"o\", \"n\":2, \"top_k\":[1] ,\"x\":1 }",
            "{\"model\":\"m\" ,\"x\":1 }", "n, top_k");
    spliced("groq", "m", "{\"model\":\"o\",\"x\":{\"n\":1},\"n\" :null }",
            "{\"model\":\"m\",\"x\":{\"n\":1} }", "");
    spliced("groq", "m", "{\"n\":1,\"top_k\":2,\"model\":\"o\",\"logit_bias\":{}}",
            "{\"model\":\"m\"}", "n, top_k, logit_bias");
    /* nobody's: nothing changes */
    spliced("", "m", "{\"n\":1,\"top_k\":2,\"max_tokens\":3,\"model\":\"o\"}",
            "{\"n\":1,\"top_k\":2,\"max_tokens\":3,\"model\":\"m\"}", "");
    spliced("", "gpt-4o", "{\"max_tokens\":3,\"temperature\":0.2,\"model\":\"o\"}",
            "{\"max_tokens\":3,\"temperature\":0.2,\"model\":\"gpt-4o\"}", "");
    spliced("", "o3", "{\"max_tokens\":3,\"temperature\":0.2,\"model\":\"o\"}",
            "{\"max_completion_tokens\":3,\"model\":\"o3\"}", "temperature");
    spliced("moonshot", "m", "{\"temperature\":1.5,\"model\":\"o\"}",
            "{\"temperature\":1,\"model\":\"m\"}", "temperature");
}

static void test_words_exchanged_in_the_clients_bytes(void **state)
{
    (void)state;
    spliced("deepseek", "m",
            "{\"messages\":[{\"role\":\"developer\",\"content\":\"a\"},{\"role\" : "
            "\"user\"}],\"model\":\"o\",\"max_completion_tokens\":5}",
            "{\"messages\":[{\"role\":\"system\",\"content\":\"a\"},{\"role\" : "
            "\"user\"}],\"model\":\"m\",\"max_tokens\":5}",
            "");
    spliced("deepseek", "m", "{\"tool_choice\":\"required\",\"model\":\"o\"}",
            "{\"thinking\":{\"type\":\"disabled\"},\"tool_choice\":\"required\",\"model\":\"m\"}",
            "");
    spliced("deepseek", "m",
            "{\"tool_choice\":\"required\",\"thinking\":{\"type\":\"enabled\"},\"model\":\"o\"}",
            "{\"tool_choice\":\"required\",\"thinking\":{\"type\":\"disabled\"},\"model\":\"m\"}",
            "thinking");
    spliced("deepseek", "m", "{\"tool_choice\":\"auto\",\"model\":\"o\"}",
            "{\"tool_choice\":\"auto\",\"model\":\"m\"}", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_models_by_their_names),
        cmocka_unit_test(test_the_nearer_row_wins),
        cmocka_unit_test(test_the_configuration_wins),
        cmocka_unit_test(test_rows_are_sound),
        cmocka_unit_test(test_what_a_target_refuses_is_left_out),
        cmocka_unit_test(test_a_forced_call_or_a_thought),
        cmocka_unit_test(test_a_schema_in_words),
        cmocka_unit_test(test_a_member_of_ones_own),
        cmocka_unit_test(test_cut_from_the_clients_bytes),
        cmocka_unit_test(test_words_exchanged_in_the_clients_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
