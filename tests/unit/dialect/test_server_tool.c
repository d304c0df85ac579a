/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tools that vendors run themselves, from each language to each: what is declared, what is lost.
 */
#include "drive.h"

#define SEARCH_ALL                                                                          \
    "{\"type\":\"web_search_20250305\",\"name\":\"web_search\",\"max_uses\":3,"             \
    "\"allowed_domains\":[\"a.com\"],\"user_location\":{\"type\":\"approximate\",\"city\":" \
    "\"Rome\"}}"

#define GLM_SEARCH                                                                               \
    "{\"type\":\"web_search\",\"web_search\":{\"enable\":true,\"search_engine\":\"search_std\"," \
    "\"search_result\":true}}"

enum from { MESSAGES, RESPONSES, GEMINI, CHAT };

static const struct {
    const struct dialect *dialect;
    const char *head; /* `tools` follow */
} froms[] = {
    [MESSAGES] = {&dialect_anthropic, "\"model\":\"m\",\"max_tokens\":99,\"messages\":"
                                      "[{\"role\":\"user\",\"content\":\"hi\"}]"},
    [RESPONSES] = {&dialect_responses, "\"model\":\"m\",\"input\":\"hi\""},
    [GEMINI] = {&dialect_gemini,
                "\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}]"},
    [CHAT] = {&dialect_openai_chat,
              "\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"},
};

static const struct row {
    enum from from;
    const char *more; /* members of the request */
    const struct dialect *to;
    const char *preset, *model;
    const char *member, *want; /* of the request that goes out; NULL: it is not there */
    const char *losses;
} rows[] = {
    /* every option that both have */
    {MESSAGES, "\"tools\":[" SEARCH_ALL "]", &dialect_responses, NULL, "gpt-5.1", "tools",
     "[{\"type\":\"web_search\",\"filters\":{\"allowed_domains\":[\"a.com\"]},\"user_location\":"
     "{\"type\":\"approximate\",\"city\":\"Rome\"}}]",
     "tools.web_search_20250305.max_uses"},
    {RESPONSES,
     "\"tools\":[{\"type\":\"web_search\",\"filters\":{\"blocked_domains\":[\"b.com\"]},"
     "\"user_location\":{\"type\":\"approximate\",\"country\":\"IT\"},\"search_context_size\":"
     "\"high\"}]",
     &dialect_anthropic, NULL, "claude-sonnet-4-5", "tools",
     "[{\"type\":\"web_search_20250305\",\"name\":\"web_search\",\"blocked_domains\":[\"b.com\"],"
     "\"user_location\":{\"type\":\"approximate\",\"country\":\"IT\"}}]",
     "tools.web_search.search_context_size"},
    {RESPONSES, "\"tools\":[{\"type\":\"web_search_preview\",\"search_context_size\":\"medium\"}]",
     &dialect_anthropic, NULL, "claude-sonnet-4-5", "tools",
     "[{\"type\":\"web_search_20250305\",\"name\":\"web_search\"}]", ""},
    /* Anthropic refuses both lists at once */
    {RESPONSES,
     "\"tools\":[{\"type\":\"web_search\",\"filters\":{\"allowed_domains\":[\"a.com\"],"
     "\"blocked_domains\":[\"b.com\"]}}]",
     &dialect_anthropic, NULL, "claude-sonnet-4-5", "tools",
     "[{\"type\":\"web_search_20250305\",\"name\":\"web_search\",\"allowed_domains\":[\"a.com\"]}]",
     "tools.web_search.blocked_domains"},
    /* what must stay offline is not brought online */
    {RESPONSES, "\"tools\":[{\"type\":\"web_search\",\"external_web_access\":false}]",
     &dialect_anthropic, NULL, "claude-sonnet-4-5", "tools", NULL, "tools.web_search"},
    /* code, fetches */
    {MESSAGES, "\"tools\":[{\"type\":\"code_execution_20250825\",\"name\":\"code_execution\"}]",
     &dialect_responses, NULL, "gpt-5.1", "tools",
     "[{\"type\":\"code_interpreter\",\"container\":{\"type\":\"auto\"}}]", ""},
    {RESPONSES,
     "\"tools\":[{\"type\":\"code_interpreter\",\"container\":{\"type\":\"auto\",\"file_ids\":"
     "[\"f\"]}}]",
     &dialect_gemini, NULL, "gemini-2.5-flash", "tools", "[{\"codeExecution\":{}}]",
     "tools.code_interpreter.container"},
    {MESSAGES, "\"tools\":[{\"type\":\"web_fetch_20250910\",\"name\":\"web_fetch\"}]",
     &dialect_gemini, NULL, "gemini-2.5-flash", "tools", "[{\"urlContext\":{}}]", ""},
    {GEMINI, "\"tools\":[{\"url_context\":{}}]", &dialect_responses, NULL, "gpt-5.1", "tools", NULL,
     "tools.urlContext"},
    {GEMINI, "\"tools\":[{\"google_search\":{}},{\"codeExecution\":{}}]", &dialect_anthropic, NULL,
     "claude-sonnet-4-5", "tools",
     "[{\"type\":\"web_search_20250305\",\"name\":\"web_search\"},"
     "{\"type\":\"code_execution_20250825\",\"name\":\"code_execution\"}]",
     ""},
    /* what only one vendor has */
    {RESPONSES, "\"tools\":[{\"type\":\"file_search\",\"vector_store_ids\":[\"v\"]}]",
     &dialect_anthropic, NULL, "claude-sonnet-4-5", "tools", NULL, "tools.file_search"},
    {MESSAGES, "\"tools\":[{\"type\":\"bash_20250124\",\"name\":\"bash\"}]", &dialect_responses,
     NULL, "gpt-5.1", "tools", NULL, "tools.bash_20250124"},
    /* a cloud that serves Claude runs none of it */
    {RESPONSES, "\"tools\":[{\"type\":\"web_search\"}]", &dialect_bedrock_invoke, NULL,
     "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "tools", NULL, "tools.web_search"},
    /* a compatible service that has none */
    {RESPONSES, "\"tools\":[{\"type\":\"web_search\"}]", &dialect_anthropic, "zhipu", "glm-4.7",
     "tools", NULL, "tools.web_search"},
    /* Chat, each provider in its own way */
    {MESSAGES, "\"tools\":[" SEARCH_ALL "]", &dialect_openai_chat, NULL, "gpt-4o-search-preview",
     "web_search_options",
     "{\"user_location\":{\"type\":\"approximate\",\"approximate\":{\"city\":\"Rome\"}}}",
     "tools.web_search_20250305.max_uses, tools.web_search_20250305.allowed_domains"},
    {MESSAGES, "\"tools\":[" SEARCH_ALL "]", &dialect_openai_chat, "openrouter",
     "deepseek/deepseek-chat", "tools",
     "[{\"type\":\"openrouter:web_search\",\"parameters\":{\"max_uses\":3,\"allowed_domains\":"
     "[\"a.com\"],\"user_location\":{\"type\":\"approximate\",\"city\":\"Rome\"}}}]",
     ""},
    {MESSAGES, "\"tools\":[" SEARCH_ALL "]", &dialect_openai_chat, "perplexity", "sonar",
     "search_domain_filter", "[\"a.com\"]", "tools.web_search_20250305.max_uses"},
    {GEMINI, "\"tools\":[{\"googleSearch\":{}}]", &dialect_openai_chat, "dashscope", "qwen3-max",
     "enable_search", "true", ""},
    {MESSAGES, "\"tools\":[" SEARCH_ALL "]", &dialect_openai_chat, "zhipu", "glm-4.7", "tools",
     "[" GLM_SEARCH "]",
     "tools.web_search_20250305.max_uses, tools.web_search_20250305.allowed_domains, "
     "tools.web_search_20250305.user_location"},
    {CHAT, "\"web_search_options\":{}", &dialect_openai_chat, "zhipu", "glm-4.7", "tools",
     "[" GLM_SEARCH "]", ""},
    {CHAT, "\"tools\":[{\"type\":\"web_search\",\"web_search\":{\"enable\":true,\"count\":3}}]",
     &dialect_openai_chat, "zhipu-coding", "glm-4.7", "tools",
     "[{\"type\":\"web_search\",\"web_search\":{\"enable\":true,\"count\":3}}]", ""},
    {MESSAGES, "\"tools\":[" SEARCH_ALL "]", &dialect_openai_chat, NULL, "gpt-5.1",
     "web_search_options", NULL, "tools.web_search_20250305"},
    {CHAT,
     "\"web_search_options\":{\"search_context_size\":\"low\",\"user_location\":{\"type\":"
     "\"approximate\",\"approximate\":{\"city\":\"Utrecht\",\"country\":\"NL\"}}}",
     &dialect_responses, NULL, "gpt-5.1", "tools",
     "[{\"type\":\"web_search\",\"user_location\":{\"type\":\"approximate\",\"city\":\"Utrecht\","
     "\"country\":\"NL\"},\"search_context_size\":\"low\"}]",
     ""},
    {CHAT,
     "\"tools\":[{\"type\":\"openrouter:web_search\",\"parameters\":{\"max_uses\":1,"
     "\"search_context_size\":\"medium\"}}]",
     &dialect_anthropic, NULL, "claude-sonnet-4-5", "tools",
     "[{\"type\":\"web_search_20250305\",\"name\":\"web_search\",\"max_uses\":1}]", ""},
    /* the choice of one */
    {MESSAGES,
     "\"tools\":[" SEARCH_ALL "],\"tool_choice\":{\"type\":\"tool\",\"name\":\"web_search\"}",
     &dialect_responses, NULL, "gpt-5.1", "tool_choice", "{\"type\":\"web_search\"}",
     "tools.web_search_20250305.max_uses"},
    {RESPONSES, "\"tools\":[{\"type\":\"web_search\"}],\"tool_choice\":{\"type\":\"web_search\"}",
     &dialect_anthropic, NULL, "claude-sonnet-4-5", "tool_choice",
     "{\"type\":\"tool\",\"name\":\"web_search\"}", ""},
    {RESPONSES, "\"tools\":[{\"type\":\"web_search\"}],\"tool_choice\":{\"type\":\"web_search\"}",
     &dialect_openai_chat, NULL, "gpt-5.1", "tool_choice", NULL, "tools.web_search, tool_choice"},
};

static void test_tools_that_vendors_run(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        struct drive d;
        drive_init(&d);
        d.preset = row->preset;
        str body = arena_strf(&d.arena, "{%s,%s}", froms[row->from].head, row->more);
        str out = drive_request(&d, froms[row->from].dialect, body, row->to, row->model);
        assert_non_null(out.p);
        str got = json_text(json_get(drive_json(&d, out), str_c(row->member)));
        if (!str_eq(got, str_c(row->want)))
            fail_msg("row %zu: %s is " STR_FMT, i, row->member, STR_ARG(got));
        if (!str_eq(drive_losses(&d), str_c(row->losses)))
            fail_msg("row %zu lost " STR_FMT, i, STR_ARG(drive_losses(&d)));
        drive_fini(&d);
    }
}

/* What is found and printed is told only when it is asked for. */
static void test_results_are_asked_for(void **state)
{
    static const char body[] =
        "{\"model\":\"m\",\"max_tokens\":99,\"messages\":[{\"role\":\"user\","
        "\"content\":\"hi\"}],\"tools\":[" SEARCH_ALL
        ",{\"type\":\"code_execution_20250825\",\"name\":\"code_execution\"}"
        "]}";
    struct drive d;
    (void)state;
    drive_init(&d);
    str out = drive_request(&d, &dialect_anthropic, str_c(body), &dialect_responses, "gpt-4.1");
    assert_true(
        str_eq(json_text(json_get_lit(drive_json(&d, out), "include")),
               STR("[\"web_search_call.action.sources\",\"code_interpreter_call.outputs\"]")));
    drive_fini(&d);
}

/* A search beside functions, where functions are refused: the search stays. */
static void test_a_search_where_tools_are_refused(void **state)
{
    static const char body[] =
        "{\"model\":\"m\",\"max_tokens\":99,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],"
        "\"tools\":[{\"name\":\"f\",\"input_schema\":{\"type\":\"object\"}},{\"type\":"
        "\"web_search_20250305\",\"name\":\"web_search\"}],\"tool_choice\":{\"type\":\"any\"}}";
    struct drive d;
    (void)state;
    drive_init(&d);
    d.preset = "perplexity";
    str out = drive_request(&d, &dialect_anthropic, str_c(body), &dialect_openai_chat, "sonar");
    jval root = drive_json(&d, out);
    assert_false(json_has(json_get_lit(root, "tools")));
    assert_false(json_has(json_get_lit(root, "tool_choice")));
    assert_true(json_has(json_get_lit(root, "web_search_options")));
    assert_true(str_eq(drive_losses(&d), STR("tools")));
    drive_fini(&d);
}

/* ---- what they did */

#define MADE                                                                               \
    "{\"type\":\"server_tool_use\",\"id\":\"srvtoolu_weir_ws_0\",\"name\":\"web_search\"," \
    "\"input\":{\"query\":\"q\"}}, {\"type\":\"web_search_tool_result\","                  \
    "\"tool_use_id\":\"srvtoolu_weir_ws_0\",\"content\":[]}"
#define REAL                                                                         \
    "{\"type\":\"server_tool_use\",\"id\":\"srvtoolu_01A\",\"name\":\"web_search\"," \
    "\"input\":{\"query\":\"q\"}}"
#define TEXT "{\"type\":\"text\",\"text\":\"so\"}"

static str turn(struct drive *d, const char *content)
{
    return arena_strf(&d->arena,
                      "{\"model\":\"m\",\"max_tokens\":99,\"messages\":[{\"role\":\"user\","
                      "\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":[%s]},"
                      "{\"role\":\"user\",\"content\":\"on\"}]}",
                      content);
}

/* Anthropic refuses results that it did not make itself: they are cut from the client's bytes. */
static void test_made_blocks_do_not_go_to_anthropic(void **state)
{
    static const struct {
        const char *content, *sent;
    } cuts[] = {
        {MADE ", " TEXT, "[" TEXT "]"},
        {TEXT ", " MADE, "[" TEXT "]"},
        {TEXT "," MADE "," REAL, "[" TEXT "," REAL "]"},
        {REAL "," TEXT, "[" REAL "," TEXT "]"},
        {MADE, "\"(The assistant searched the web.)\""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
        struct drive d;
        drive_init(&d);
        str out = drive_splice(&d, &dialect_anthropic, turn(&d, cuts[i].content), "claude", false);
        jval turns = json_get_lit(drive_json(&d, out), "messages");
        struct json_iter it = json_iter(turns);
        assert_true(json_next(&it) && json_next(&it));
        str got = json_text(json_get_lit(it.val, "content"));
        /* only blanks between elements may differ */
        if (json_is(json_get_lit(it.val, "content"), JSON_STRING) || i == 3)
            assert_true(str_eq(got, str_c(cuts[i].sent)));
        assert_int_equal(json_len(json_get_lit(it.val, "content")),
                         json_len(drive_json(&d, str_c(cuts[i].sent))));
        assert_true(i == 3 || str_find(got, STR("srvtoolu_weir_")) == SIZE_MAX);
        drive_fini(&d);
    }
}

static uint64_t searches_of(struct drive *d, const struct dialect *dialect, const char *body)
{
    struct ir_collect c;
    struct answer a = {.dialect = dialect, .bytes = str_c(body)};
    ir_collect_init(&c, &d->arena, false);
    assert_int_equal(drive_answer(d, &a, ir_collect_sink(&c), NULL), ANSWER_WHOLE);
    return c.response.usage.searches;
}

/* Searches are billed: they are counted, told or not. */
static void test_searches_are_counted(void **state)
{
#define CALL(what) "{\"type\":\"web_search_call\",\"id\":\"w\",\"action\":{\"type\":\"" what "\""
#define USED       "],\"usage\":{\"input_tokens\":1,\"output_tokens\":1}"
#define SAID                                                                                   \
    "{\"choices\":[{\"index\":0,\"message\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]," \
    "\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1,"
    struct drive d;
    (void)state;
    drive_init(&d);
    assert_int_equal(searches_of(&d, &dialect_responses,
                                 "{\"output\":[" CALL("search") "}}," CALL("search") "}}," CALL(
                                     "open_page") ",\"url\":\"u\"}}" USED "}"),
                     2);
    assert_int_equal(
        searches_of(&d, &dialect_responses,
                    "{\"output\":[" CALL(
                        "search") "}}" USED
                                  ",\"tool_usage\":{\"web_search\":{\"num_requests\":5}}}"),
        5);
    assert_int_equal(searches_of(&d, &dialect_openai_chat, SAID "\"num_search_queries\":3}}"), 3);
    assert_int_equal(searches_of(&d, &dialect_openai_chat,
                                 SAID "\"server_tool_use_details\":{\"web_search_requests\":4}}}"),
                     4);
    assert_int_equal(searches_of(&d, &dialect_openai_chat, SAID "\"num_search_queries\":-1}}"), 0);
    drive_fini(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tools_that_vendors_run),
        cmocka_unit_test(test_results_are_asked_for),
        cmocka_unit_test(test_a_search_where_tools_are_refused),
        cmocka_unit_test(test_made_blocks_do_not_go_to_anthropic),
        cmocka_unit_test(test_searches_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
