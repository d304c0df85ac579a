/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cohere: what its requests have of their own, its addresses and errors. Its answers are golden and
 * recorded cases.
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

static str chat(struct drive *d, const char *more)
{
    str body = arena_strf(
        &d->arena, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]%s}",
        more);
    return drive_request(d, &dialect_openai_chat, body, &dialect_cohere, "command-a-03-2025");
}

#define FN(name, more) "{\"type\":\"function\",\"function\":{\"name\":\"" name "\"" more "}}"
#define TOOLS          ",\"tools\":[" FN("f", "") "," FN("g", ",\"strict\":true") "]"

static void test_addresses(void **state)
{
    static const char *const rows[][2] = {{"", "/v2/chat"},
                                          {"/v2", "/v2/chat"},
                                          {"/x/v2/chat", "/x/v2/chat"},
                                          {"/proxy", "/proxy/v2/chat"}};
    struct dialect_opts o = {0};
    struct back_call c = {.opts = &o};
    struct buf b = BUF_INIT(256);
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_clear(&b);
        dialect_cohere.back->request_path(&c, str_c(rows[i][0]), &b);
        assert_str(buf_str(&b), rows[i][1]);
    }
    buf_fini(&b);
}

static void test_choice_of_tools(void **state)
{
    struct drive d;
    (void)state;
    drive_init(&d);
    str out = chat(&d, TOOLS);
    has_not(out, "tool_choice");
    has_not(out, "strict");
    assert_str(drive_losses(&d), "tools.strict"); /* one of two: all or none */
    has(chat(&d, ",\"tools\":[" FN("g", ",\"strict\":true") "]"), "\"strict_tools\":true");
    has(chat(&d, TOOLS ",\"tool_choice\":\"none\""), "\"tool_choice\":\"NONE\"");
    has(chat(&d, TOOLS ",\"tool_choice\":\"required\""), "\"tool_choice\":\"REQUIRED\"");
    /* one is forced by offering no other */
    out = chat(&d, TOOLS ",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}}");
    has(out, "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{"
             "\"type\":\"object\","
             "\"properties\":{}}}}],\"tool_choice\":\"REQUIRED\"");
    assert_int_equal(d.lossy.n, 0);
    drive_fini(&d);
}

static void test_numbers_within_their_bounds(void **state)
{
    struct drive d;
    (void)state;
    drive_init(&d);
    has(chat(&d, ",\"top_p\":1.0,\"top_k\":4"), "\"p\":0.99,\"k\":4");
    assert_int_equal(d.lossy.n, 0);
    has(chat(&d, ",\"top_p\":0.50"), "\"p\":0.50");
    has(chat(&d, ",\"presence_penalty\":1.5"), "\"presence_penalty\":1,");
    assert_str(drive_losses(&d), "presence_penalty");
    has_not(chat(&d, ",\"frequency_penalty\":-1"), "penalty");
    assert_str(drive_losses(&d), "frequency_penalty");
    drive_fini(&d);
}

static void test_formats(void **state)
{
    static const char schema[] =
        ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\","
        "\"schema\":{\"type\":\"object\"}}}";
    struct drive d;
    (void)state;
    drive_init(&d);
    has(chat(&d, schema),
        "\"response_format\":{\"type\":\"json_object\",\"json_schema\":{\"type\":\"object\"}}");
    assert_int_equal(d.lossy.n, 0);
    str out = chat(&d, arena_strf(&d.arena, "%s" TOOLS, schema).p); /* the API refuses the two */
    has_not(out, "response_format");
    has(out, "Answer only with a JSON document");
    assert_true(ir_lossy_has(&d.lossy, STR("response_format")));
    drive_fini(&d);
}

static void test_its_own_members_and_thinking(void **state)
{
    struct drive d;
    (void)state;
    drive_init(&d);
    str out = chat(&d, ",\"safety_mode\":\"NONE\",\"citation_options\":{\"mode\":\"off\"},\"x\":1");
    has(out, "\"safety_mode\":\"NONE\",\"citation_options\":{\"mode\":\"off\"}");
    assert_str(drive_losses(&d), "x");
    has_not(chat(&d, ",\"reasoning_effort\":\"high\""), "thinking");
    assert_str(drive_losses(&d), "thinking");
    out = drive_request(&d, &dialect_openai_chat,
                        STR("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],"
                            "\"thinking\":{\"type\":\"disabled\"}}"),
                        &dialect_cohere, "command-a-reasoning-08-2025");
    has(out, "\"thinking\":{\"type\":\"disabled\"}");
    drive_fini(&d);
}

static void test_search_results(void **state)
{
    static const char body[] =
        "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
        "\"search_result\",\"title\":\"T\",\"source\":\"https://"
        "e.org\",\"content\":[{\"type\":\"text\",\"text\":"
        "\"one\"},{\"type\":\"text\",\"text\":\"two\"}]},{\"type\":\"text\",\"text\":\"hi\"}]},{"
        "\"role\":"
        "\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"1\",\"name\":\"f\",\"input\":{}"
        "}]},{\"role\":"
        "\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"1\",\"content\":[{"
        "\"type\":"
        "\"search_result\",\"title\":\"R\",\"source\":\"s\",\"content\":[{\"type\":\"text\","
        "\"text\":\"three\"}]}]}]}]}";
    struct drive d;
    (void)state;
    drive_init(&d);
    str out = drive_request(&d, &dialect_anthropic, str_c(body), &dialect_cohere, "m");
    has(out, "\"documents\":[{\"id\":\"doc:0\",\"data\":{\"title\":\"T\",\"url\":\"https://"
             "e.org\",\"text\":"
             "\"one\\n\\ntwo\"}}]");
    has(out, "{\"role\":\"user\",\"content\":\"hi\"}");
    has(out, "\"tool_call_id\":\"1\",\"content\":\"R\\n\\ns\\n\\nthree\"");
    assert_int_equal(d.lossy.n, 0);
    drive_fini(&d);
}

static void test_errors(void **state)
{
    struct reply_facts facts = {.status = 400};
    struct drive d;
    struct fail f;
    (void)state;
    drive_init(&d);
    dialect_cohere.back->decode_error(
        &facts,
        STR("{\"error_type\":\"TOO_MANY_TOKENS\",\"id\":\"x\",\"message\":\"too many tokens\"}"),
        &d.arena, &f);
    assert_int_equal(f.kind, ERR_CONTEXT_LENGTH);
    assert_str(f.message, "too many tokens");
    facts.status = 401;
    dialect_cohere.back->decode_error(
        &facts, STR("{\"id\":\"x\",\"message\":\"Incorrect API key\"}"), &d.arena, &f);
    assert_int_equal(f.kind, ERR_UPSTREAM_AUTH);
    drive_fini(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),      cmocka_unit_test(test_choice_of_tools),
        cmocka_unit_test(test_formats),        cmocka_unit_test(test_numbers_within_their_bounds),
        cmocka_unit_test(test_search_results), cmocka_unit_test(test_its_own_members_and_thinking),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
