/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Chat client's free-text tools: called as a function by a provider that knows nothing else, the
 * call comes back as what the client declared.
 */
#include "drive.h"

#define REQUEST                                                             \
    "{\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"look\"}}," \
    "{\"type\":\"custom\",\"custom\":{\"name\":\"sh\",\"description\":\"runs\"}}]}"

static const struct front_opts *opts_of(struct drive *d, const char *request)
{
    static const struct front_opts plain = {
        .id = {"test", 4}, .model = {"m", 1}, .created = 1, .include_usage = false};
    struct front_opts *o = arena_new(&d->arena, struct front_opts);
    *o = plain;
    o->arena = &d->arena;
    o->request = drive_json(d, str_c(request));
    return o;
}

/* A call of `name` as Claude tells it, its input in two pieces. */
static str called(struct drive *d, const char *name, const char *one, const char *two)
{
    return arena_strf(
        &d->arena,
        "event: content_block_start\n"
        "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":"
        "\"tool_use\",\"id\":\"c1\",\"name\":\"%s\",\"input\":{}}}\n\n"
        "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
        "\"input_json_delta\",\"partial_json\":\"%s\"}}\n\n"
        "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
        "\"input_json_delta\",\"partial_json\":\"%s\"}}\n\n"
        "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"}}\n\n"
        "data: {\"type\":\"message_stop\"}\n\n",
        name, one, two);
}

static const struct {
    const char *name, *one, *two;
    const char *call;   /* of the whole answer */
    const char *opened; /* in the stream … */
    const char *last;   /* … and its last piece */
} rows[] = {
    {"sh", "{\\\"input\\\":\\\"ls \\\\\\\"a", "\\\\\\\"\\\\n\\\"}",
     "\"type\":\"custom\",\"custom\":{\"name\":\"sh\",\"input\":\"ls \\\"a\\\"\\n\"}",
     "\"type\":\"custom\",\"custom\":{\"name\":\"sh\",\"input\":\"\"}",
     "\"custom\":{\"input\":\"ls \\\"a\\\"\\n\"}"},
    /* something else than was asked for: as it is, for a model may have its own mind */
    {"sh", "{\\\"cmd\\\":", "1}",
     "\"type\":\"custom\",\"custom\":{\"name\":\"sh\",\"input\":\"{\\\"cmd\\\":1}\"}",
     "\"type\":\"custom\"", "\"custom\":{\"input\":\"{\\\"cmd\\\":1}\"}"},
    /* a function stays one */
    {"look", "{\\\"input\\\":", "\\\"x\\\"}",
     "\"type\":\"function\",\"function\":{\"name\":\"look\",\"arguments\":\"{\\\"input\\\":"
     "\\\"x\\\"}\"}",
     "\"type\":\"function\"", "\"function\":{\"arguments\":\"\\\"x\\\"}\"}"},
    /* a tool that nobody declared */
    {"odd", "{\\\"input\\\":", "\\\"x\\\"}", "\"type\":\"function\"", "\"type\":\"function\"",
     "\"function\":{\"arguments\":\"\\\"x\\\"}\"}"},
};

static void assert_holds(str text, const char *what)
{
    if (str_find(text, str_c(what)) == SIZE_MAX)
        fail_msg("%s is not in\n" STR_FMT, what, STR_ARG(text));
}

static void test_calls_of_free_text_tools_come_back_as_such(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct drive d;
        drive_init(&d);
        struct answer a = {.dialect = &dialect_anthropic,
                           .bytes = called(&d, rows[i].name, rows[i].one, rows[i].two),
                           .stream = true};
        str stream = drive_to_stream(&d, &a, &dialect_openai_chat, opts_of(&d, REQUEST));
        assert_holds(stream, rows[i].opened);
        assert_holds(stream, rows[i].last);
        str body = drive_to_body(&d, &a, &dialect_openai_chat, opts_of(&d, REQUEST));
        assert_holds(body, rows[i].call);
        assert_true(json_is(drive_json(&d, body), JSON_OBJECT));
        drive_fini(&d);
    }
}

/* What the text must look like is said to every model that is offered the tool as a function. */
static void test_a_grammar_is_told(void **state)
{
    static const char request[] =
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"tools\":[{"
        "\"type\":"
        "\"custom\",\"custom\":{\"name\":\"patch\",\"format\":{\"type\":\"grammar\",\"grammar\":{"
        "\"syntax\":\"lark\",\"definition\":\"start: LINE+\"}}}}]}";
    static const struct {
        const struct dialect *to;
        const char *model;
    } targets[] = {
        {&dialect_anthropic, "claude-sonnet-4-5"},
        {&dialect_gemini, "gemini-2.5-flash"},
        {&dialect_bedrock, "us.anthropic.claude-sonnet-4-5-20250929-v1:0"},
        {&dialect_mistral, "mistral-small-latest"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        struct drive d;
        drive_init(&d);
        str out = drive_request(&d, &dialect_openai_chat, str_c(request), targets[i].to,
                                targets[i].model);
        assert_holds(out, "It must match this lark grammar:\\nstart: LINE+");
        assert_holds(drive_losses(&d), "tools.custom");
        drive_fini(&d);
    }
}

/* Without a request there is nothing to ask: a function. */
static void test_without_a_request(void **state)
{
    struct drive d;
    (void)state;
    drive_init(&d);
    struct answer a = {.dialect = &dialect_anthropic,
                       .bytes = called(&d, "sh", "{\\\"input\\\":", "\\\"x\\\"}"),
                       .stream = true};
    assert_holds(drive_to_body(&d, &a, &dialect_openai_chat, opts_of(&d, "{}")),
                 "\"type\":\"function\"");
    drive_fini(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_of_free_text_tools_come_back_as_such),
        cmocka_unit_test(test_a_grammar_is_told),
        cmocka_unit_test(test_without_a_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
