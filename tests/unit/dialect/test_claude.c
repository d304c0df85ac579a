/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request must become to please Claude: when it is asked to think, temperatures, bound
 * answers, strict tools.
 */
#include "drive.h"

#define USER "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

static str member(struct drive *d, str json, const char *key)
{
    return json_text(json_get(drive_json(d, json), str_c(key)));
}

static str chat(struct drive *d, const char *more, const char *model)
{
    str body = arena_strf(&d->arena, "{\"model\":\"m\"," USER "%s}", more);
    return drive_request(d, &dialect_openai_chat, body, &dialect_anthropic, model);
}

static str claude(struct drive *d, const char *more, const char *model)
{
    str body = arena_strf(&d->arena, "{\"model\":\"m\",\"max_tokens\":9," USER "%s}", more);
    return drive_request(d, &dialect_anthropic, body, &dialect_openai_chat, model);
}

static void test_when_claude_thinks(void **state)
{
    static const struct {
        const char *more, *model, *thinking, *limit, *effort;
    } rows[] = {
        /* a budget for older models, room for the answer beside it */
        {",\"reasoning_effort\":\"low\"", "claude-sonnet-4-5",
         "{\"type\":\"enabled\",\"budget_tokens\":4096}", "36096", NULL},
        {",\"reasoning_effort\":\"high\",\"max_tokens\":8000", "claude-sonnet-4-5",
         "{\"type\":\"enabled\",\"budget_tokens\":6976}", "8000", NULL},
        {",\"reasoning\":{\"max_tokens\":100}", "claude-3-7-sonnet-20250219",
         "{\"type\":\"enabled\",\"budget_tokens\":1024}", "33024", NULL},
        /* no room at all, no such model, a forced call */
        {",\"reasoning_effort\":\"high\",\"max_tokens\":1000", "claude-sonnet-4-5", NULL, "1000",
         NULL},
        {",\"reasoning_effort\":\"high\"", "claude-3-5-haiku-20241022", NULL, "8192", NULL},
        {",\"reasoning_effort\":\"high\",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":"
         "\"f\"}}],"
         "\"tool_choice\":\"required\"",
         "claude-sonnet-4-5", NULL, "32000", NULL},
        /* newer ones decide for themselves */
        {",\"reasoning_effort\":\"minimal\"", "claude-opus-4-6", "{\"type\":\"adaptive\"}", "32000",
         "{\"effort\":\"low\"}"},
        {",\"reasoning_effort\":\"xhigh\"", "us.anthropic.claude-opus-4-8-v1:0",
         "{\"type\":\"adaptive\",\"display\":\"summarized\"}", "32000", "{\"effort\":\"xhigh\"}"},
        {",\"reasoning\":{\"max_tokens\":5000}", "claude-sonnet-5",
         "{\"type\":\"adaptive\",\"display\":\"summarized\"}", "32000", "{\"effort\":\"medium\"}"},
        {",\"reasoning_effort\":\"none\"", "claude-sonnet-5", NULL, "32000", NULL},
        {"", "claude-sonnet-5", NULL, "32000", NULL},
        {",\"reasoning_effort\":\"low\"", "kimi-k2",
         "{\"type\":\"enabled\",\"budget_tokens\":4096}", "12288", NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct drive d;
        drive_init(&d);
        str out = chat(&d, rows[i].more, rows[i].model);
        const char *keys[] = {"thinking", "max_tokens", "output_config"};
        const char *wants[] = {rows[i].thinking, rows[i].limit, rows[i].effort};
        for (size_t k = 0; k < 3; k++) {
            str got = member(&d, out, keys[k]);
            if (!str_eq(got, str_c(wants[k])))
                fail_msg("%s %s: %s is " STR_FMT, rows[i].model, rows[i].more, keys[k],
                         STR_ARG(got));
        }
        /* asked for and not given is a loss */
        bool asked = *rows[i].more && !strstr(rows[i].more, "none");
        assert_int_equal(ir_lossy_has(&d.lossy, STR("thinking")), asked && !rows[i].thinking);
        drive_fini(&d);
    }
}

/* A tool loop that was begun without signed thoughts can't be gone on with thinking. */
static void test_unsigned_loops(void **state)
{
#define LOOP(details)                                                                             \
    "{\"model\":\"m\",\"reasoning_effort\":\"low\",\"messages\":[{\"role\":\"user\",\"content\":" \
    "\"a\"},{"                                                                                    \
    "\"role\":\"assistant\",\"content\":null," details                                            \
    "\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\","                                        \
    "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":"  \
    "\"c\","                                                                                      \
    "\"content\":\"r\"}"
    static const struct {
        const char *body;
        bool thinks;
    } rows[] = {
        {LOOP("") "]}", false},
        {LOOP("\"reasoning_content\":\"unsigned\",") "]}", false},
        {LOOP("\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"t\",\"signature\":"
              "\"s\"}],") "]}",
         true},
        {LOOP("\"reasoning_details\":[{\"type\":\"reasoning.encrypted\",\"data\":\"d\",\"format\":"
              "\"google-gemini-v1\"}],") "]}",
         false},
        {LOOP("") ",{\"role\":\"user\",\"content\":\"new question\"}]}", true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct drive d;
        drive_init(&d);
        str out = drive_request(&d, &dialect_openai_chat, str_c(rows[i].body), &dialect_anthropic,
                                "claude-sonnet-4-5");
        if ((member(&d, out, "thinking").p != NULL) != rows[i].thinks)
            fail_msg("row %zu: " STR_FMT, i, STR_ARG(out));
        /* a model that adapts needs no signature */
        out = drive_request(&d, &dialect_openai_chat, str_c(rows[i].body), &dialect_anthropic,
                            "claude-opus-4-7");
        assert_non_null(member(&d, out, "thinking").p);
        drive_fini(&d);
    }
#undef LOOP
}

static void test_temperature_for_claude(void **state)
{
    struct drive d;
    (void)state;
    drive_init(&d);
    assert_str(member(&d, chat(&d, ",\"temperature\":1.7", "claude-sonnet-4-5"), "temperature"),
               "1");
    assert_true(ir_lossy_has(&d.lossy, STR("temperature")));
    assert_str(member(&d, chat(&d, ",\"temperature\":0.20", "claude-sonnet-4-5"), "temperature"),
               "0.20");
    assert_int_equal(d.lossy.n, 0);
    str out = chat(&d, ",\"temperature\":0.2,\"top_p\":0.9", "claude-sonnet-4-5");
    assert_null(member(&d, out, "top_p").p); /* one of the two, from 4.1 on */
    assert_true(ir_lossy_has(&d.lossy, STR("top_p")));
    out = chat(&d, ",\"temperature\":0.2,\"top_p\":0.9", "claude-3-haiku-20240307");
    assert_str(member(&d, out, "top_p"), "0.9");
    out = chat(&d, ",\"temperature\":0.2,\"reasoning_effort\":\"low\"", "claude-sonnet-4-5");
    assert_null(member(&d, out, "temperature").p);
    assert_true(ir_lossy_has(&d.lossy, STR("temperature")));
    drive_fini(&d);
}

#define SCHEMA(s)                                                                                  \
    ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":" s \
    "}}"
#define CLOSED "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{}}"

static void test_structured_output_for_claude(void **state)
{
    struct drive d;
    (void)state;
    drive_init(&d);
    str out = chat(&d, SCHEMA(CLOSED), "claude-sonnet-4-5");
    assert_str(member(&d, out, "output_config"),
               "{\"format\":{\"type\":\"json_schema\",\"schema\":" CLOSED "}}");
    assert_int_equal(d.lossy.n, 0);
    /* what Claude can't be bound to is asked for in words */
    out = chat(&d, SCHEMA("{\"type\":\"object\",\"properties\":{}}"), "claude-sonnet-4-5");
    assert_null(member(&d, out, "output_config").p);
    assert_true(str_find(member(&d, out, "system"), STR("JSON Schema:\\n{\\\"type\\\"")) !=
                SIZE_MAX);
    assert_true(ir_lossy_has(&d.lossy, STR("response_format")));
    out = chat(&d, SCHEMA(CLOSED), "claude-3-5-sonnet-20241022");
    assert_null(member(&d, out, "output_config").p);
    assert_true(ir_lossy_has(&d.lossy, STR("response_format")));
    /* and a binding schema stays one on the way to Chat */
    out = claude(&d,
                 ",\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":" CLOSED "}}",
                 "gpt-5");
    assert_str(member(&d, out, "response_format"),
               "{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"response\",\"strict\":true,"
               "\"schema\":" CLOSED "}}");
    assert_int_equal(d.lossy.n, 0);
    drive_fini(&d);
}

static void test_at_most_twenty_strict_tools(void **state)
{
    struct drive d;
    struct buf b = BUF_INIT(65536);
    unsigned n = 0;
    (void)state;
    drive_init(&d);
    buf_lit(&b, "{\"model\":\"m\"," USER ",\"tools\":[");
    for (unsigned i = 0; i < 25; i++)
        buf_addf(&b, "%s{\"type\":\"function\",\"function\":{\"name\":\"f%u\",\"strict\":true}}",
                 i ? "," : "", i);
    buf_lit(&b, "]}");
    str out = drive_request(&d, &dialect_openai_chat, buf_str(&b), &dialect_anthropic,
                            "claude-sonnet-4-5");
    for (str rest = out; str_find(rest, STR("\"strict\":true")) != SIZE_MAX; n++)
        rest = str_from(rest, str_find(rest, STR("\"strict\":true")) + 1);
    assert_int_equal(n, 20);
    assert_true(ir_lossy_has(&d.lossy, STR("tools.strict")));
    buf_fini(&b);
    drive_fini(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_when_claude_thinks),
        cmocka_unit_test(test_unsigned_loops),
        cmocka_unit_test(test_temperature_for_claude),
        cmocka_unit_test(test_structured_output_for_claude),
        cmocka_unit_test(test_at_most_twenty_strict_tools),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
