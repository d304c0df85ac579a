/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ollama: what its requests have of their own. Its answers are golden and recorded cases; the rest
 * of its requests too.
 */
#include "drive.h"

static void has(str out, const char *part)
{
    if (str_find(out, str_c(part)) == SIZE_MAX)
        fail_msg("no %s in " STR_FMT, part, STR_ARG(out));
}

static void has_not(str out, const char *part)
{
    if (str_find(out, str_c(part)) != SIZE_MAX)
        fail_msg("%s in " STR_FMT, part, STR_ARG(out));
}

static str chat(struct drive *d, const char *more, const char *model)
{
    str body = arena_strf(
        &d->arena, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]%s}",
        more);
    return drive_request(d, &dialect_openai_chat, body, &dialect_ollama, model);
}

#define TOOL ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]"

static void test_options(void **state)
{
    struct drive d;
    (void)state;
    drive_init(&d);
    assert_str(
        chat(&d, "", "llama3.2"),
        "{\"model\":\"llama3.2\",\"stream\":false,\"messages\":[{\"role\":\"user\",\"content\":"
        "\"hi\"}]}");
    str out = chat(
        &d,
        ",\"max_tokens\":7,\"temperature\":0.10,\"repetition_penalty\":1.1,\"keep_alive\":\"5m\","
        "\"options\":{\"num_ctx\":8192,\"temperature\":1,\"num_predict\":9,\"stop\":[\"x\"]}",
        "llama3.2");
    has(out, "\"options\":{\"num_predict\":7,\"temperature\":0.10,\"repeat_penalty\":1.1,\"num_"
             "ctx\":8192,"
             "\"stop\":[\"x\"]}");
    has(out, "\"keep_alive\":\"5m\"");
    assert_int_equal(d.lossy.n, 0);
    out = chat(&d, ",\"options\":[1],\"x\":1", "llama3.2"); /* no options at all */
    has(out, "\"options\":{}");
    assert_str(drive_losses(&d), "x");
    drive_fini(&d);
}

static void test_thinking_for_those_who_can(void **state)
{
    struct drive d;
    (void)state;
    drive_init(&d);
    has(chat(&d, ",\"reasoning_effort\":\"low\"", "gpt-oss:20b"), "\"think\":\"low\"");
    has(chat(&d, ",\"thinking\":{\"type\":\"enabled\"}", "qwen3:8b"), "\"think\":true");
    assert_int_equal(d.lossy.n, 0);
    has(chat(&d, ",\"reasoning_effort\":\"low\"", "qwen3:8b"), "\"think\":true");
    assert_str(drive_losses(&d), "effort"); /* it thinks as hard as it likes */
    has(chat(&d, ",\"reasoning_effort\":\"xhigh\"", "gpt-oss:20b"), "\"think\":true");
    assert_str(drive_losses(&d), "effort");
    has(chat(&d, ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2048}", "qwen3:8b"),
        "\"think\":true");
    assert_str(drive_losses(&d), "effort");
    has_not(chat(&d, ",\"reasoning_effort\":\"low\"", "llama3.2"), "think");
    assert_str(drive_losses(&d), "thinking");
    has(chat(&d, ",\"thinking\":{\"type\":\"disabled\"}", "qwen3:8b"), "\"think\":false");
    has_not(chat(&d, ",\"thinking\":{\"type\":\"disabled\"}", "llama3.2"), "think");
    has_not(chat(&d, ",\"reasoning_effort\":\"low\"", "qwen3-coder:30b"), "think");
    d.opts.effort = EFFORT_ENABLE; /* the configuration knows better */
    has(chat(&d, ",\"reasoning_effort\":\"low\"", "llama3.2"), "\"think\":true");
    drive_fini(&d);
}

/* A picture is shown at one size only; that another was asked for is said. */
static void test_detail_of_pictures(void **state)
{
    static const char *const rows[][2] = {{"auto", ""}, {"high", "image.detail"}};
    struct drive d;
    (void)state;
    drive_init(&d);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        str body =
            arena_strf(&d.arena,
                       "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{"
                       "\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,"
                       "iVBORw0KGgo=\",\"detail\":\"%s\"}}]}]}",
                       rows[i][0]);
        has(drive_request(&d, &dialect_openai_chat, body, &dialect_ollama, "llava"),
            "\"images\":[\"iVBORw0KGgo=\"]");
        assert_str(drive_losses(&d), rows[i][1]);
    }
    drive_fini(&d);
}

static void test_choice_of_tools(void **state)
{
    struct drive d;
    (void)state;
    drive_init(&d);
    has(chat(&d, TOOL, "m"),
        "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":"
        "\"\",\"parameters\":{\"type\":\"object\",\"properties\":{}}}}]");
    has_not(chat(&d, TOOL ",\"tool_choice\":\"none\"", "m"), "tools");
    assert_int_equal(d.lossy.n, 0);
    has_not(chat(&d, TOOL ",\"tool_choice\":\"required\"", "m"), "tool_choice");
    assert_str(drive_losses(&d), "tool_choice");
    drive_fini(&d);
}

static void test_results_find_their_tool(void **state)
{
    static const char body[] =
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"},"
        "{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"1\",\"type\":\"function\",\"function\":{"
        "\"name\":"
        "\"first\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"1\",\"content\":"
        "\"x\"},"
        "{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"2\",\"type\":\"function\",\"function\":{"
        "\"name\":"
        "\"second\",\"arguments\":\"no "
        "JSON\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"1\",\"content\":\"late\"},"
        "{\"role\":\"tool\",\"tool_call_id\":\"9\",\"content\":\"nobody's\"}]}";
    struct drive d;
    (void)state;
    drive_init(&d);
    str out = drive_request(&d, &dialect_openai_chat, str_c(body), &dialect_ollama, "m");
    has(out, "\"tool_name\":\"first\",\"tool_call_id\":\"1\",\"content\":\"x\"");
    has(out, "\"tool_name\":\"first\",\"tool_call_id\":\"1\",\"content\":\"late\"");
    has(out, "{\"role\":\"tool\",\"tool_call_id\":\"9\",\"content\":\"nobody's\"}");
    has(out, "\"name\":\"second\",\"arguments\":{\"input\":\"no JSON\"}");
    assert_str(drive_losses(&d), "tool_calls.arguments");
    drive_fini(&d);
}

static void test_errors(void **state)
{
    struct reply_facts facts = {.status = 404};
    struct drive d;
    struct fail f;
    (void)state;
    drive_init(&d);
    dialect_ollama.back->decode_error(&facts, STR("{\"error\":\"model 'x' not found\"}"), &d.arena,
                                      &f);
    assert_int_equal(f.kind, ERR_NOT_FOUND);
    assert_str(f.message, "model 'x' not found");
    facts.status = 400;
    dialect_ollama.back->decode_error(
        &facts, STR("{\"error\":\"\\\"m\\\" does not support tools\"}"), &d.arena, &f);
    assert_int_equal(f.kind, ERR_BAD_REQUEST);
    assert_str(f.message, "\"m\" does not support tools");
    drive_fini(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options),         cmocka_unit_test(test_thinking_for_those_who_can),
        cmocka_unit_test(test_choice_of_tools), cmocka_unit_test(test_results_find_their_tool),
        cmocka_unit_test(test_errors),          cmocka_unit_test(test_detail_of_pictures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
