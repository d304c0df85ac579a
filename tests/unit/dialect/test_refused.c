/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is refused in a request, and with which words: J13, J2, and the limits of a reader.
 */
#include "drive.h"

#include "dialect/field.h"

#define CHAT_MIN   "\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define CLAUDE_MIN CHAT_MIN ",\"max_tokens\":9"

static void refused(const struct dialect *dialect, const char *body, const char *param)
{
    struct drive d;
    struct ir_request r;
    drive_init(&d);
    if (drive_decode(&d, dialect, str_c(body), &r) == RC_OK)
        fail_msg("accepted: %s", body);
    assert_int_equal(d.fail.kind, ERR_BAD_REQUEST);
    assert_true(d.fail.message.n > 0);
    if (!str_eq(d.fail.param, str_c(param)))
        fail_msg("%s: param \"" STR_FMT "\", want \"%s\"", body, STR_ARG(d.fail.param), param);
    drive_fini(&d);
}

static void taken(const struct dialect *dialect, const char *body)
{
    struct drive d;
    struct ir_request r;
    drive_init(&d);
    if (drive_decode(&d, dialect, str_c(body), &r) != RC_OK)
        fail_msg("%s: " STR_FMT, body, STR_ARG(d.fail.message));
    drive_fini(&d);
}

#define CHAT(more, param)   refused(&dialect_openai_chat, "{" CHAT_MIN "," more "}", param)
#define CLAUDE(more, param) refused(&dialect_anthropic, "{" CLAUDE_MIN "," more "}", param)

static void test_j13_chat(void **state)
{
    (void)state;
    CHAT("\"stream\":\"true\"", "stream");
    CHAT("\"stream\":1", "stream");
    CHAT("\"max_tokens\":1.5", "max_tokens");
    CHAT("\"max_tokens\":0", "max_tokens");
    CHAT("\"max_tokens\":-1", "max_tokens");
    CHAT("\"max_tokens\":\"9\"", "max_tokens");
    CHAT("\"max_tokens\":99999999999", "max_tokens");
    CHAT("\"max_completion_tokens\":1e3", "max_completion_tokens");
    CHAT("\"n\":0", "n");
    CHAT("\"n\":1.5", "n");
    CHAT("\"temperature\":\"hot\"", "temperature");
    CHAT("\"top_p\":true", "top_p");
    CHAT("\"stop\":7", "stop");
    CHAT("\"stop\":[\"a\",7]", "stop");
    CHAT("\"tools\":{}", "tools");
    CHAT("\"tools\":[{\"type\":\"function\"}]", "tools[0].function");
    CHAT("\"tools\":[{\"type\":\"function\",\"function\":{}}]", "tools[0].function");
    CHAT("\"tool_choice\":7", "tool_choice");
    CHAT("\"tool_choice\":\"perhaps\"", "tool_choice");
    CHAT("\"response_format\":{}", "response_format");
    CHAT("\"response_format\":{\"type\":\"json_schema\"}", "response_format.json_schema");
    CHAT("\"reasoning_effort\":7", "reasoning_effort");
    CHAT("\"stream_options\":{\"include_usage\":\"yes\"}", "include_usage");
    CHAT("\"parallel_tool_calls\":\"no\"", "parallel_tool_calls");
    /* null is absent */
    taken(&dialect_openai_chat,
          "{" CHAT_MIN ",\"temperature\":null,\"stream\":null,\"max_tokens\":null,\"n\":null,"
          "\"tools\":null,\"tool_choice\":null,\"stop\":null,\"response_format\":null,"
          "\"stream_options\":null,\"unheard_of\":null}");
}

static void test_j13_messages(void **state)
{
    (void)state;
    CLAUDE("\"stream\":\"true\"", "stream");
    CLAUDE("\"temperature\":\"hot\"", "temperature");
    CLAUDE("\"thinking\":{\"type\":\"maybe\"}", "thinking");
    CLAUDE("\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1.5}", "thinking.budget_tokens");
    CLAUDE("\"tool_choice\":{\"type\":\"tool\"}", "tool_choice");
    CLAUDE("\"tools\":[{}]", "tools[0]");
    CLAUDE("\"system\":7", "system");
    CLAUDE("\"system\":[{\"type\":\"text\"}]", "system[0]");
    CLAUDE("\"stop_sequences\":[7]", "stop_sequences");
    CLAUDE("\"output_config\":{\"format\":{\"type\":\"xml\"}}", "output_config.format");
    refused(&dialect_anthropic, "{" CHAT_MIN "}", "max_tokens");
    refused(&dialect_anthropic, "{" CHAT_MIN ",\"max_tokens\":0}", "max_tokens");
    taken(&dialect_anthropic, "{" CLAUDE_MIN ",\"temperature\":null,\"system\":null,\"tools\":null,"
                              "\"thinking\":null,\"metadata\":null}");
}

static void test_bodies_that_are_no_request(void **state)
{
    static const char *const bodies[] = {"[]", "7", "\"x\"", "null", "true"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        refused(&dialect_openai_chat, bodies[i], "");
        refused(&dialect_anthropic, bodies[i], "");
    }
    refused(&dialect_openai_chat, "{}", "model");
    refused(&dialect_openai_chat, "{\"model\":\"\"}", "model");
    refused(&dialect_openai_chat, "{\"model\":7,\"messages\":[]}", "model");
    refused(&dialect_openai_chat, "{\"model\":\"m\"}", "messages");
    refused(&dialect_openai_chat, "{\"model\":\"m\",\"messages\":\"hi\"}", "messages");
    refused(&dialect_openai_chat, "{\"model\":\"m\",\"messages\":[]}", "messages");
    refused(&dialect_anthropic, "{\"model\":\"m\",\"messages\":[],\"max_tokens\":1}", "messages");
}

#define MESSAGE(m) "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[" m "]}"

static void test_the_path_of_what_is_wrong(void **state)
{
    (void)state;
    refused(&dialect_openai_chat, MESSAGE("7"), "messages[0]");
    refused(&dialect_openai_chat, MESSAGE("{\"role\":\"king\",\"content\":\"\"}"), "messages[0]");
    refused(&dialect_openai_chat, MESSAGE("{\"role\":\"user\",\"content\":7}"),
            "messages[0].content");
    refused(&dialect_openai_chat, MESSAGE("{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}"),
            "messages[0].content[0]");
    refused(
        &dialect_openai_chat,
        MESSAGE("{\"role\":\"user\",\"content\":\"\"},{\"role\":\"user\",\"content\":[{\"type\":"
                "\"text\",\"text\":\"a\"},{\"type\":\"image_url\",\"image_url\":{\"url\":7}}]}"),
        "messages[1].content[1].url");
    refused(
        &dialect_openai_chat,
        MESSAGE("{\"role\":\"assistant\",\"tool_calls\":[{\"function\":{\"arguments\":\"\"}}]}"),
        "messages[0].tool_calls[0]");
    refused(&dialect_anthropic, MESSAGE("{\"role\":\"user\"}"), "messages[0].content");
    refused(&dialect_anthropic, MESSAGE("{\"role\":\"tool\",\"content\":\"\"}"), "messages[0]");
    refused(
        &dialect_anthropic,
        MESSAGE(
            "{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"x\"}}]}"),
        "messages[0].content[0].source");
    refused(
        &dialect_anthropic,
        MESSAGE("{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"content\":\"\"}]}"),
        "messages[0].content[0]");
}

/* J2: names are exact, and an escaped name is the name. */
static void test_j2_names(void **state)
{
    struct drive d;
    struct ir_request r;
    (void)state;
    drive_init(&d);
    assert_int_equal(
        drive_decode(&d, &dialect_openai_chat,
                     STR("{\"mo\\u0064el\":\"g\\u0070t\",\"Model\":\"x\",\"messages\":"
                         "[{\"role\":\"user\",\"content\":\"hi\"}],\"Temperature\":9}"),
                     &r),
        RC_OK);
    assert_str(r.model, "gpt");
    assert_false(r.temperature.n > 0);
    assert_str(r.unknown->name, "Model");
    assert_str(r.unknown->next->name, "Temperature");
    drive_fini(&d);
}

/* Unknown members are named once, by their path, and not without end. */
static void test_unknown_members_are_bounded(void **state)
{
    struct drive d;
    struct ir_request r;
    struct buf b = BUF_INIT(1u << 20);
    unsigned n = 0;
    (void)state;
    drive_init(&d);
    buf_lit(&b, "{" CHAT_MIN);
    for (unsigned i = 0; i < 5000; i++)
        buf_addf(&b, ",\"k%u\":%u", i, i);
    buf_lit(&b, "}");
    assert_int_equal(drive_decode(&d, &dialect_openai_chat, buf_str(&b), &r), RC_OK);
    for (struct ir_field *f = r.unknown; f; f = f->next)
        n++;
    assert_int_equal(n, FIELD_UNKNOWN_MAX + 1); /* the last is "other" */
    buf_clear(&b);
    buf_lit(&b, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[");
    for (unsigned i = 0; i < 300; i++)
        buf_addf(&b, "%s{\"type\":\"text\",\"text\":\"a\",\"odd\":1}", i ? "," : "");
    buf_lit(&b, "]}]}");
    assert_int_equal(drive_decode(&d, &dialect_openai_chat, buf_str(&b), &r), RC_OK);
    assert_str(r.unknown->name, "messages.content.odd");
    assert_null(r.unknown->next);
    buf_fini(&b);
    drive_fini(&d);
}

/* A full arena is a refusal, not a crash: every smaller size is tried. */
static void test_a_full_arena_is_refused(void **state)
{
    static const char *const bodies[] = {
        "{" CHAT_MIN
        ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],\"stop\":[\"a\"],"
        "\"odd\":1}",
        "{" CLAUDE_MIN ",\"tools\":[{\"name\":\"f\"}],\"system\":\"s\",\"stop_sequences\":[\"a\"],"
        "\"odd\":1}"};
    static const struct dialect *const fronts[] = {&dialect_openai_chat, &dialect_anthropic};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fronts); i++) {
        struct drive d;
        struct front_route route = {.op = FRONT_CHAT};
        unsigned refusals = 0;
        drive_init(&d);
        jval root = drive_json(&d, str_c(bodies[i]));
        for (size_t cap = 0; cap < 16384; cap += 512) {
            struct arena a;
            struct ir_request r;
            struct fail f;
            arena_init(&a, cap);
            enum rc rc = fronts[i]->front->decode_request(root, &route, &a, &r, &f);
            assert_true(rc == RC_OK || rc == RC_NOMEM);
            refusals += rc != RC_OK;
            arena_fini(&a);
        }
        assert_true(refusals > 0);
        drive_fini(&d);
    }
}

/* Content within content within content: refused, before the writer's own bound is reached. */
static void test_nesting(void **state)
{
    (void)state;
    for (unsigned depth = 1; depth <= 30; depth++) {
        struct drive d;
        struct buf b = BUF_INIT(65536);
        struct ir_request r;
        drive_init(&d);
        buf_lit(&b,
                "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":");
        for (unsigned i = 0; i < depth; i++)
            buf_lit(&b, "[{\"type\":\"tool_result\",\"tool_use_id\":\"i\",\"content\":");
        buf_lit(&b, "\"end\"");
        for (unsigned i = 0; i < depth; i++)
            buf_lit(&b, "}]");
        buf_lit(&b, "}]}");
        enum rc rc = drive_decode(&d, &dialect_anthropic, buf_str(&b), &r);
        assert_int_equal(rc, depth <= 4 ? RC_OK : RC_SYNTAX);
        if (rc == RC_OK) {
            assert_non_null(
                drive_request(&d, &dialect_anthropic, buf_str(&b), &dialect_anthropic, "c").p);
            assert_non_null(
                drive_request(&d, &dialect_anthropic, buf_str(&b), &dialect_openai_chat, "c").p);
        }
        buf_fini(&b);
        drive_fini(&d);
    }
}

static void test_peek(void **state)
{
    struct drive d;
    struct ir_peek p;
    struct fail f;
    struct front_route route = {.op = FRONT_CHAT};
    (void)state;
    drive_init(&d);
    jval root = drive_json(
        &d,
        STR("{\"model\":\"a\\/b\",\"stream\":true,\"max_tokens\":7,\"max_completion_tokens\":8,"
            "\"n\":3,\"stream_options\":{\"include_usage\":true},\"user\":\"u\",\"tools\":[{}],"
            "\"reasoning_effort\":\"low\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
            "\"image_url\"},{\"type\":\"file\"}]},{\"role\":\"assistant\",\"content\":null}]}"));
    assert_int_equal(dialect_openai_chat.front->peek(root, &route, &d.arena, &p, &f), RC_OK);
    assert_str(p.model, "a/b");
    assert_true(p.stream && p.include_usage && p.has_tools && p.has_images && p.has_documents &&
                p.thinks && !p.has_web_search);
    assert_int_equal(p.max_tokens, 8);
    assert_int_equal(p.n, 3);
    assert_int_equal(p.messages, 2);
    assert_str(p.user, "u");
    root = drive_json(
        &d, STR("{\"model\":\"m\",\"max_tokens\":5,\"metadata\":{\"user_id\":\"u\"},"
                "\"thinking\":{\"type\":\"adaptive\"},\"tools\":[{\"type\":"
                "\"web_search_20250305\"}],\"messages\":[{\"role\":\"user\",\"content\":[{"
                "\"type\":\"tool_result\",\"content\":[{\"type\":\"image\"}]}]}]}"));
    assert_int_equal(dialect_anthropic.front->peek(root, &route, &d.arena, &p, &f), RC_OK);
    assert_true(p.has_images && p.has_tools && p.has_web_search && p.thinks && !p.stream);
    assert_str(p.user, "u");
    assert_int_equal(p.n, 1);
    drive_fini(&d);
}

/* The errors that a beginner meets first have each vendor's own words, and a wrong type is not told
 * as a missing member. */
static void test_words_of_each_vendor(void **state)
{
    static const struct {
        const struct dialect *dialect;
        const char *body, *param, *code, *message;
    } t[] = {
        {&dialect_openai_chat, "{\"messages\":[]}", "model", "missing_required_parameter",
         "Missing required parameter: 'model'."},
        {&dialect_openai_chat, "{\"model\":7,\"messages\":[]}", "model", "invalid_type",
         "Invalid type for 'model': expected a string, but got an integer instead."},
        {&dialect_openai_chat, "{\"model\":\"m\"}", "messages", "missing_required_parameter",
         "Missing required parameter: 'messages'."},
        {&dialect_openai_chat, "{\"model\":\"m\",\"messages\":\"hi\"}", "messages", "invalid_type",
         "Invalid type for 'messages': expected an array of objects, but got a string instead."},
        {&dialect_openai_chat, "{" CHAT_MIN ",\"stream\":\"yes\"}", "stream", "invalid_type",
         "Invalid type for 'stream': expected a boolean, but got a string instead."},
        {&dialect_openai_chat, "{" CHAT_MIN ",\"max_tokens\":1.5}", "max_tokens", "invalid_type",
         "Invalid type for 'max_tokens': expected an integer, but got a decimal number instead."},
        {&dialect_openai_chat, "{" CHAT_MIN ",\"n\":0}", "n", "integer_below_min_value",
         "Invalid 'n': integer below minimum value. Expected a value >= 1, but got 0 instead."},
        {&dialect_responses, "{\"model\":true,\"input\":\"hi\"}", "model", "invalid_type",
         "Invalid type for 'model': expected a string, but got a boolean instead."},
        {&dialect_responses, "{\"model\":\"m\"}", "input", "missing_required_parameter",
         "Missing required parameter: 'input'."},
        {&dialect_responses, "{\"model\":\"m\",\"input\":{}}", "input", "invalid_type",
         "Invalid type for 'input': expected one of an array of objects or string, but got an "
         "object instead."},
        {&dialect_anthropic, "{\"max_tokens\":9,\"messages\":[]}", "model",
         "missing_required_parameter", "model: Field required"},
        {&dialect_anthropic, "{\"model\":[],\"max_tokens\":9,\"messages\":[]}", "model",
         "invalid_type", "model: Input should be a valid string"},
        {&dialect_anthropic, "{\"model\":\"m\",\"max_tokens\":9}", "messages",
         "missing_required_parameter", "messages: Field required"},
        {&dialect_anthropic, "{\"model\":\"m\",\"max_tokens\":9,\"messages\":\"hi\"}", "messages",
         "invalid_type", "messages: Input should be a valid list"},
        {&dialect_anthropic, "{" CHAT_MIN "}", "max_tokens", "missing_required_parameter",
         "max_tokens: Field required"},
        {&dialect_anthropic, "{" CHAT_MIN ",\"max_tokens\":\"9\"}", "max_tokens", "invalid_type",
         "max_tokens: Input should be a valid integer"},
        {&dialect_anthropic, "{" CHAT_MIN ",\"max_tokens\":0}", "max_tokens",
         "integer_below_min_value", "max_tokens: Input should be greater than or equal to 1"},
        {&dialect_gemini, "{}", "contents", "missing_required_parameter",
         "* GenerateContentRequest.contents: contents is not specified"},
        {&dialect_gemini, "{\"contents\":7}", "contents", "invalid_type",
         "Invalid value at 'contents': it must be a list of contents, each with its parts."},
        {&dialect_bedrock, "{}", "messages", "missing_required_parameter",
         "messages: at least one message is required"},
        {&dialect_bedrock, "{\"messages\":\"hi\"}", "messages", "invalid_type",
         "messages: Input should be a valid list"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        struct drive d;
        struct ir_request r;
        drive_init(&d);
        if (drive_decode(&d, t[i].dialect, str_c(t[i].body), &r) == RC_OK)
            fail_msg("accepted: %s", t[i].body);
        if (!str_eq(d.fail.param, str_c(t[i].param)) || !str_eq(d.fail.code, str_c(t[i].code)) ||
            !str_eq(d.fail.message, str_c(t[i].message)))
            fail_msg("%s: " STR_FMT ", " STR_FMT ": " STR_FMT, t[i].body, STR_ARG(d.fail.param),
                     STR_ARG(d.fail.code), STR_ARG(d.fail.message));
        drive_fini(&d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_j13_chat),
        cmocka_unit_test(test_j13_messages),
        cmocka_unit_test(test_words_of_each_vendor),
        cmocka_unit_test(test_bodies_that_are_no_request),
        cmocka_unit_test(test_the_path_of_what_is_wrong),
        cmocka_unit_test(test_j2_names),
        cmocka_unit_test(test_unknown_members_are_bounded),
        cmocka_unit_test(test_a_full_arena_is_refused),
        cmocka_unit_test(test_nesting),
        cmocka_unit_test(test_peek),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
