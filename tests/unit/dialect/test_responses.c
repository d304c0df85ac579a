/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Responses dialect where golden cases do not reach: answers that are not as they should be
 * (U26, U31, U33, U44, U48, J12), requests that are refused (J13), and what an answer takes from
 * the client's own request: its echo, namespaces, free-text tools.
 */
#include "drive.h"

#include "json/write.h"

#define R(s) (&dialect_responses), (s)

#define CREATED \
    "data: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\",\"model\":\"g\"}}\n\n"
#define ADDED(i, item)                                                                            \
    "data: {\"type\":\"response.output_item.added\",\"output_index\":" #i ",\"item\":" item "}\n" \
    "\n"
#define DONE(i, item) \
    "data: {\"type\":\"response.output_item.done\",\"output_index\":" #i ",\"item\":" item "}\n\n"
#define MESSAGE "{\"type\":\"message\",\"content\":[]}"
#define CALL    "{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"\"}"
#define TEXT(i, t)                                                        \
    "data: {\"type\":\"response.output_text.delta\",\"output_index\":" #i \
    ",\"content_index\":0,\"delta\":\"" t "\"}\n\n"
#define ARGS(i, t)                                                                    \
    "data: {\"type\":\"response.function_call_arguments.delta\",\"output_index\":" #i \
    ",\"delta\":\"" t "\"}\n\n"
#define END(usage)                                                                                 \
    "data: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\"output\":[]," \
    "\"usage\":" usage "}}\n\n"

static void has(const char *in, const char *want)
{
    struct drive d;
    struct answer a = {.dialect = &dialect_responses, .bytes = str_c(in), .stream = true};
    drive_init(&d);
    str got = drive_lines(&d, &a);
    if (str_find(got, str_c(want)) == SIZE_MAX)
        fail_msg("no \"%s\" in\n" STR_FMT, want, STR_ARG(got));
    drive_fini(&d);
}

/* ---- U48: events that are missing, twice, or late -----------------------------------------------
 */

static void test_u48_a_delta_without_an_item_opens_a_block(void **state)
{
    (void)state;
    has(TEXT(0, "a") TEXT(0, "b") END("null"),
        "start  \nopen 0 text\n  text a\n  text b\nclose 0\nfinish stop (completed)\nend\n");
    has(CREATED TEXT(4, "a") END("null"), "open 0 text\n  text a\nclose 0\n");
}

static void test_u48_what_was_told_is_told_once(void **state)
{
    (void)state;
    has(CREATED CREATED ADDED(0, MESSAGE) TEXT(0, "a") DONE(
            0, "{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"a\"}]}")
            DONE(0,
                 "{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"a\"}]}")
                TEXT(0, "late") END("null") END("null") TEXT(1, "later"),
        "start resp_1 g\nopen 0 text\n  text a\nclose 0\nfinish stop (completed)\nend\n");
    has(CREATED ADDED(0, CALL) ARGS(0, "{}")
            DONE(0, "{\"type\":\"function_call\",\"name\":\"f\",\"arguments\":\"{}\"}") END("null"),
        "open 0 tool_use c f\n  args {}\nclose 0\nfinish tool");
}

static void test_u48_arguments_that_no_delta_brought(void **state)
{
    (void)state;
    has(CREATED ADDED(0, CALL)
            DONE(0, "{\"type\":\"function_call\",\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}")
                END("null"),
        "  args {\\\"a\\\":1}\nclose 0\n");
    has(CREATED ADDED(0, CALL) "data: {\"type\":\"response.function_call_arguments.done\","
                               "\"output_index\":0,\"arguments\":\"{}\"}\n\n" END("null"),
        "  args {}\nclose 0\nfinish tool");
}

static void test_u48_items_left_open_are_closed(void **state)
{
    (void)state;
    has(CREATED ADDED(0, CALL) ARGS(0, "{") ADDED(1, MESSAGE) TEXT(1, "b") END("null"),
        "open 0 tool_use c f\n  args {\nclose 0\nopen 1 text\n  text b\nclose 1\n");
}

static void test_u48_pieces_that_have_no_place_are_an_error(void **state)
{
    (void)state;
    has(CREATED ARGS(0, "{}"),
        "error upstream: The provider sent arguments that belong to no tool call.\n");
    has(CREATED ADDED(0, MESSAGE) ARGS(0, "{}"),
        "error upstream: The provider sent arguments that belong to no tool call.\n");
    has(CREATED ADDED(0, CALL) ADDED(1, MESSAGE) ARGS(0, "{}"),
        "error upstream: The provider sent two parts of its answer at once.\n");
    has(CREATED ADDED(0, "{\"type\":\"function_call\",\"call_id\":\"c\"}"),
        "error upstream: The provider sent a tool call without a name.\n");
}

static void test_u22_an_end_without_a_terminal_event(void **state)
{
    (void)state;
    has(CREATED ADDED(0, MESSAGE) TEXT(0, "a"), "text a\ncut off\n");
    has(CREATED TEXT(0, "a") "data: [DONE]\n\n", "finish stop ()\nend\n");
    has("data: [DONE]\n\n", "error upstream: The provider's stream was empty.\n");
    has("", "cut off\n");
}

/* ---- U26, U31, U33, U44 -------------------------------------------------------------------------
 */

static void test_u26_errors_in_a_stream(void **state)
{
    (void)state;
    has(CREATED "data: {\"type\":\"error\",\"code\":\"rate_limit_exceeded\",\"message\":\"m\"}\n\n",
        "error rate_limited: m\n");
    has(CREATED "data: {\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"code\":"
                "\"context_length_exceeded\",\"message\":\"m\",\"param\":\"input\"}}\n\n",
        "error context_length: m\n");
    has(CREATED
        "data: {\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":{"
        "\"code\":\"server_is_overloaded\",\"message\":\"m\"}}}\n\n",
        "error overloaded: ");
    has(CREATED "event: error\ndata: {\"code\":\"invalid-argument\",\"error\":\"m\"}\n\n",
        "error upstream: ");
    has("{\"error\":{\"message\":\"bare\",\"code\":400}}", "error bad_request: bare\n");
}

static void test_u31_garbage_is_never_skipped(void **state)
{
    (void)state;
    has(CREATED "data: {\"type\":\"respon\n\n" TEXT(0, "b"), "\nerror upstream: ");
    has(CREATED "data: hello\n\n" TEXT(0, "b"), "\nerror upstream: ");
    has(CREATED "data: [1]\n\n" TEXT(0, "b"), "\nerror upstream: ");
    /* but what later versions may bring is */
    has(CREATED "data: {\"type\":\"response.telepathy.begun\"}\n\n" TEXT(0, "b") END("null"),
        "ping\nopen 0 text\n  text b\n");
}

static void test_u33_bad_bytes(void **state)
{
    (void)state;
    has(CREATED TEXT(0, "a\xff\xc3z") END("null"), "  text a\xef\xbf\xbd\xef\xbf\xbdz\n");
    has(CREATED TEXT(0, "\\ud83d") TEXT(0, "\\ude00\\u0000") END("null"),
        "  text \\ud83d\n  text \\ude00\\u0000\n");
}

static void test_u44_counts_that_cannot_be_true(void **state)
{
    static const char *const nothing[] = {"null", "{}", "\"12\"",
                                          "{\"input_tokens\":null,\"output_tokens\":\"7\"}",
                                          "{\"input_tokens\":-1,\"output_tokens\":1.5}"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(nothing); i++) {
        struct drive d;
        struct answer a = {.dialect = &dialect_responses, .stream = true};
        drive_init(&d);
        a.bytes = arena_strf(&d.arena,
                             "%sdata: {\"type\":\"response.completed\",\"response\":{\"usage\":%s}}"
                             "\n\n",
                             CREATED, nothing[i]);
        str got = drive_lines(&d, &a);
        if (str_find(got, STR("usage")) != SIZE_MAX)
            fail_msg("%s gives " STR_FMT, nothing[i], STR_ARG(got));
        drive_fini(&d);
    }
    has(CREATED END("{\"input_tokens\":10,\"output_tokens\":3,\"input_tokens_details\":{"
                    "\"cached_tokens\":25},\"output_tokens_details\":{\"reasoning_tokens\":9}}"),
        "usage in=0 read=10 w5m=0 w1h=0 out=3 reason=3 suspect\n");
    has(CREATED END("{\"input_tokens\":10,\"output_tokens\":3,\"input_tokens_details\":{"
                    "\"cached_tokens\":2,\"cache_write_tokens\":5}}"),
        "in=3 read=2 w5m=5 w1h=0 out=3");
}

static void test_bodies_that_are_no_answer(void **state)
{
    static const char *const bodies[] = {
        "{}",
        "[]",
        "7",
        "null",
        "{\"output\":\"no list\"}",
        "{\"output\":null}",
        "{\"status\":\"failed\",\"output\":[]}",
        "{\"error\":{\"message\":\"m\"},\"output\":[]}",
        "{\"output\":[{\"type\":\"function_call\",\"arguments\":\"{}\"}]}"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct drive d;
        struct answer a = {.dialect = &dialect_responses, .bytes = str_c(bodies[i])};
        drive_init(&d);
        if (str_find(drive_lines(&d, &a), STR("error upstream")) == SIZE_MAX)
            fail_msg("%s", bodies[i]);
        drive_fini(&d);
    }
}

/* ---- J12 ----------------------------------------------------------------------------------------
 */

/* Cut into two fragments at every byte, read, told to a Responses client and read again. */
static void test_j12_arguments_cut_inside_escapes(void **state)
{
    static const char args[] = "{\"a\":\"\\u00e9\\ud83d\\ude00 \\\\ \\\" \\n\",\"b\":[1,{}]}";
    struct front_opts o = {.id = STR("i"), .model = STR("m"), .created = 1};
    struct drive d;
    (void)state;
    drive_init(&d);
    for (size_t cut = 0; cut <= sizeof args - 1; cut++) {
        struct buf one = BUF_INIT(1024), two = BUF_INIT(1024);
        json_escape(&one, str_of(args, cut));
        json_escape(&two, str_of(args + cut, sizeof args - 1 - cut));
        struct answer a = {.dialect = &dialect_responses, .stream = true};
        a.bytes =
            arena_strf(&d.arena, CREATED ADDED(0, CALL) ARGS(0, "%.*s") ARGS(0, "%.*s") END("null"),
                       STR_ARG(buf_str(&one)), STR_ARG(buf_str(&two)));
        for (int round = 0; round < 2; round++) {
            struct ir_collect c;
            ir_collect_init(&c, &d.arena, false);
            assert_int_equal(drive_answer(&d, &a, ir_collect_sink(&c), NULL), ANSWER_WHOLE);
            assert_str(c.response.answers->blocks->use.args, args);
            a.bytes = drive_to_stream(&d, &a, &dialect_responses, &o);
        }
        buf_fini(&one);
        buf_fini(&two);
    }
    drive_fini(&d);
}

/* ---- J13: requests that are refused -------------------------------------------------------------
 */

#define MIN "\"model\":\"m\",\"input\":\"hi\""

static void refused_as(const char *body, const char *param, enum err kind)
{
    struct drive d;
    struct ir_request r;
    drive_init(&d);
    if (drive_decode(&d, &dialect_responses, str_c(body), &r) == RC_OK)
        fail_msg("accepted: %s", body);
    assert_int_equal(d.fail.kind, kind);
    assert_true(d.fail.message.n > 0);
    if (!str_eq(d.fail.param, str_c(param)))
        fail_msg("%s: param \"" STR_FMT "\", want \"%s\"", body, STR_ARG(d.fail.param), param);
    drive_fini(&d);
}

#define REFUSED(more, param) refused_as("{" MIN "," more "}", param, ERR_BAD_REQUEST)
#define INPUT(item, param) \
    refused_as("{\"model\":\"m\",\"input\":[" item "]}", param, ERR_BAD_REQUEST)

static void test_j13_wrong_types(void **state)
{
    (void)state;
    REFUSED("\"stream\":\"true\"", "stream");
    REFUSED("\"max_output_tokens\":1.5", "max_output_tokens");
    REFUSED("\"max_output_tokens\":0", "max_output_tokens");
    REFUSED("\"temperature\":\"hot\"", "temperature");
    REFUSED("\"tools\":{}", "tools");
    REFUSED("\"tools\":[7]", "tools[0]");
    REFUSED("\"tools\":[{\"type\":\"function\"}]", "tools[0]");
    REFUSED(
        "\"tools\":[{\"type\":\"namespace\",\"name\":\"n\",\"tools\":[{\"type\":\"function\"}]}]",
        "tools[0].tools[0]");
    REFUSED("\"tool_choice\":\"perhaps\"", "tool_choice");
    REFUSED("\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"n\"}}", "text.format");
    REFUSED("\"text\":{\"format\":{}}", "text.format");
    REFUSED("\"reasoning\":{\"effort\":7}", "reasoning.effort");
    REFUSED("\"include\":\"all\"", "include");
    REFUSED("\"instructions\":7", "instructions");
    refused_as("{\"input\":\"hi\"}", "model", ERR_BAD_REQUEST);
    refused_as("{\"model\":\"m\"}", "input", ERR_BAD_REQUEST);
    refused_as("{\"model\":\"m\",\"input\":7}", "input", ERR_BAD_REQUEST);
    refused_as("[]", "", ERR_BAD_REQUEST);
}

static void test_the_path_of_what_is_wrong(void **state)
{
    (void)state;
    INPUT("7", "input[0]");
    INPUT("{}", "input[0]");
    INPUT("{\"role\":\"king\",\"content\":\"\"}", "input[0]");
    INPUT("{\"role\":\"user\",\"content\":7}", "input[0].content");
    INPUT("{\"role\":\"user\",\"content\":[{\"type\":\"input_image\"}]}", "input[0].content[0]");
    INPUT("{\"type\":\"function_call\",\"call_id\":\"c\"}", "input[0]");
    INPUT("{\"type\":\"function_call\",\"name\":\"f\",\"arguments\":7}", "input[0]");
    INPUT(
        "{\"role\":\"user\",\"content\":\"a\"},{\"type\":\"function_call_output\",\"output\":\"\"}",
        "input[1]");
}

static void test_what_only_its_own_service_can_do(void **state)
{
    (void)state;
    refused_as("{" MIN ",\"previous_response_id\":\"resp_1\"}", "previous_response_id",
               ERR_UNSUPPORTED);
    refused_as("{\"model\":\"m\",\"previous_response_id\":\"resp_1\"}", "previous_response_id",
               ERR_UNSUPPORTED);
    refused_as("{" MIN ",\"conversation\":{\"id\":\"conv_1\"}}", "conversation", ERR_UNSUPPORTED);
    refused_as("{\"model\":\"m\",\"prompt\":{\"id\":\"pmpt_1\"}}", "prompt", ERR_UNSUPPORTED);
    refused_as("{" MIN ",\"background\":true}", "background", ERR_UNSUPPORTED);
    refused_as("{\"model\":\"m\",\"input\":[{\"type\":\"item_reference\",\"id\":\"msg_1\"}]}",
               "input[0]", ERR_UNSUPPORTED);
    refused_as("{\"model\":\"m\",\"input\":[{\"id\":\"msg_1\"}]}", "input[0]", ERR_UNSUPPORTED);
    /* and the values that say nothing are taken, null among them */
    struct drive d;
    struct ir_request r;
    drive_init(&d);
    assert_int_equal(
        drive_decode(
            &d, &dialect_responses,
            STR("{" MIN ",\"previous_response_id\":null,\"conversation\":null,\"background\":"
                "false,\"store\":false,\"truncation\":\"disabled\",\"tools\":null,\"stream\":"
                "null,\"max_output_tokens\":null,\"text\":null,\"reasoning\":null}"),
            &r),
        RC_OK);
    assert_null(r.unknown);
    drive_fini(&d);
}

/* ---- what an answer takes from its request ------------------------------------------------------
 */

#define REQUEST                                                                                   \
    "{\"model\":\"m\",\"input\":\"hi\",\"instructions\":\"Be\\nkind\",\n \"temperature\": "       \
    "0.25,\n "                                                                                    \
    "\"tools\":[{\"type\":\"custom\",\"name\":\"patch\"},\n{\"type\":\"namespace\",\"name\":"     \
    "\"ns\","                                                                                     \
    "\"tools\":[{\"type\":\"function\",\"name\":\"f\"},{\"type\":\"custom\",\"name\":\"say\"}]}," \
    "{\"type\":\"function\",\"name\":\"plain\"}]}"

#define TOOL_USE(name, args)                                                                       \
    "data: {\"id\":\"x\",\"model\":\"g\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{"   \
    "\"index\":0,\"id\":\"c\",\"function\":{\"name\":\"" name "\",\"arguments\":\"" args "\"}}]}," \
    "\"finish_reason\":\"tool_calls\"}]}\n\ndata: [DONE]\n\n"

static str said(struct drive *d, const char *in)
{
    struct answer a = {.dialect = &dialect_openai_chat, .bytes = str_c(in), .stream = true};
    struct front_opts o = {.id = STR("i"), .model = STR("m"), .created = 1};
    o.request = drive_json(d, STR(REQUEST));
    return drive_to_stream(d, &a, &dialect_responses, &o);
}

static void tells(const char *in, const char *want)
{
    struct drive d;
    drive_init(&d);
    str got = said(&d, in);
    if (str_find(got, str_c(want)) == SIZE_MAX)
        fail_msg("no %s in\n" STR_FMT, want, STR_ARG(got));
    drive_fini(&d);
}

static void test_the_request_is_repeated_on_one_line(void **state)
{
    struct drive d;
    unsigned n = 0;
    (void)state;
    drive_init(&d);
    str got =
        said(&d, "data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},"
                 "\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n");
    while (got.p && got.n) {
        str line = str_cut(&got, '\n');
        if (!str_has_prefix(line, STR("data: ")))
            continue;
        jval e = drive_json(&d, str_from(line, 6)), r = json_get_lit(e, "response");
        uint64_t seq;
        assert_int_equal(json_u64(json_get_lit(e, "sequence_number"), &seq), RC_OK);
        assert_int_equal(seq, n++);
        if (!json_has(r))
            continue;
        assert_str(json_raw(json_get_lit(r, "instructions")), "Be\\nkind");
        assert_str(json_text(json_get_lit(r, "temperature")), "0.25");
        assert_int_equal(json_len(json_get_lit(r, "tools")), 3);
        assert_true(json_is(json_get_lit(r, "top_p"), JSON_NULL));
        assert_true(json_is(json_get_lit(r, "store"), JSON_FALSE));
    }
    assert_int_equal(n, 9);
    drive_fini(&d);
}

static void test_large_instructions_are_repeated_at_the_end_only(void **state)
{
    struct drive d;
    (void)state;
    drive_init(&d);
    char *words = arena_alloc(&d.arena, 60000);
    memset(words, 'w', 60000);
    struct answer a = {.dialect = &dialect_responses,
                       .bytes = STR(CREATED TEXT(0, "a") END("null")),
                       .stream = true};
    struct front_opts o = {.id = STR("i"), .model = STR("m")};
    o.request = drive_json(&d, arena_strf(&d.arena, "{\"instructions\":\"%.60000s\"}", words));
    str got = drive_to_stream(&d, &a, &dialect_responses, &o);
    size_t at = str_find(got, STR("event: response.output_item.added"));
    assert_true(at < 10000 && got.n > 60000 + at);
    assert_true(str_find(str_from(got, at), STR("\"instructions\":\"wwww")) != SIZE_MAX);
    drive_fini(&d);
}

static void test_calls_find_their_tool_again(void **state)
{
    (void)state;
    tells(TOOL_USE("plain", "{}"),
          "\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"plain\","
          "\"arguments\":\"{}\",\"status\":\"completed\"}");
    tells(TOOL_USE("ns__f", "{}"),
          "\"type\":\"function_call\",\"call_id\":\"c\",\"namespace\":\"ns\","
          "\"name\":\"f\",\"arguments\":\"{}\"");
    tells(TOOL_USE("ns__say", "{\\\"input\\\":\\\"hm\\\"}"),
          "\"type\":\"custom_tool_call\",\"call_id\":\"c\",\"namespace\":\"ns\",\"name\":\"say\","
          "\"input\":\"hm\"");
    tells(TOOL_USE("unheard_of", "{}"), "\"name\":\"unheard_of\"");
}

static void test_free_text_is_taken_out_of_its_arguments(void **state)
{
    (void)state;
    tells(TOOL_USE("patch", "{\\\"input\\\": \\\"a\\\\n\\\\\\\"b\\\\\\\"\\\"}"),
          "\"type\":\"response.custom_tool_call_input.done\",\"sequence_number\":4,\"output_"
          "index\":0,"
          "\"item_id\":\"ctc_i_0\",\"input\":\"a\\n\\\"b\\\"\"}");
    /* what is none is told as it came */
    tells(TOOL_USE("patch", "{\\\"path\\\":1}"), "\"input\":\"{\\\"path\\\":1}\",\"status\"");
    tells(TOOL_USE("patch", "{\\\"inp"), "\"input\":\"{\\\"inp\",\"status\"");
    tells(TOOL_USE("patch", ""), "\"input\":\"\",\"status\":\"completed\"}");
}

/* ---- failures and paths -------------------------------------------------------------------------
 */

static void test_failures_before_and_after_the_beginning(void **state)
{
    struct front_opts o = {.id = STR("i"), .model = STR("m")};
    struct fail f = {.kind = ERR_CONTEXT_LENGTH, .message = STR("too \"long\"")};
    struct ir_event error = {.type = IR_EV_ERROR, .fail = &f}, start = {.type = IR_EV_START};
    const struct dialect_front *front = dialect_responses.front;
    struct drive d;
    (void)state;
    drive_init(&d);
    o.arena = &d.arena;
    for (int begun = 0; begun < 2; begun++) {
        struct buf b = BUF_INIT(1u << 20);
        void *st = arena_alloc(&d.arena, front->stream_size);
        front->stream_init(st, &o);
        if (begun)
            front->encode_event(st, &start, &b);
        buf_clear(&b);
        front->encode_event(st, &error, &b);
        str got = buf_str(&b);
        assert_true(
            str_has_prefix(got, begun ? STR("event: response.failed\n") : STR("event: error\n")));
        assert_true(str_find(got, STR("\"code\":\"context_length_exceeded\",\"message\":\"too "
                                      "\\\"long\\\"\"")) != SIZE_MAX);
        size_t n = buf_size(&b);
        for (int t = IR_EV_START; t <= IR_EV_END; t++) {
            struct ir_event more = {.type = (enum ir_event_type)t};
            front->encode_event(st, &more, &b);
        }
        assert_int_equal(buf_size(&b), n); /* nothing follows */
        buf_fini(&b);
    }
    drive_fini(&d);
}

static void test_an_unknown_model_is_the_requests_fault(void **state)
{
    struct fail ours = {.kind = ERR_NOT_FOUND}, theirs = {.kind = ERR_NOT_FOUND};
    struct fail path = {.kind = ERR_NOT_FOUND, .code = STR("not_found")};
    struct front_error head;
    struct buf b = BUF_INIT(4096);
    (void)state;
    theirs.upstream_status = 404;
    dialect_responses.front->encode_error(&ours, STR_NONE, &head, &b);
    assert_int_equal(head.status, 400);
    assert_true(str_find(buf_str(&b), STR("\"code\":\"model_not_found\"")) != SIZE_MAX);
    dialect_responses.front->encode_error(&theirs, STR_NONE, &head, &b);
    assert_int_equal(head.status, 404);
    dialect_responses.front->encode_error(&path, STR_NONE, &head, &b);
    assert_int_equal(head.status, 404);
    buf_fini(&b);
}

static void test_paths(void **state)
{
    static const struct {
        const char *path;
        int op; /* -1: another's */
    } rows[] = {
        {"/v1/responses", FRONT_CHAT},
        {"/responses", FRONT_CHAT},
        {"/v1/responses/input_tokens", FRONT_COUNT},
        {"/v1/responses/compact", FRONT_ABSENT},
        {"/v1/responses/resp_1", FRONT_STORED},
        {"/openai/v1/responses/resp_1/input_items", FRONT_STORED},
        {"/responses/resp_1/cancel", FRONT_STORED},
        {"/v1/responses/resp_1/else", FRONT_ABSENT},
        {"/v1/responses/resp_1/", FRONT_ABSENT},
        {"/v1/responses/", FRONT_ABSENT},
        {"/v1/responsesx", -1},
        {"/v2/responses", -1},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct front_route r = {0};
        bool mine = dialect_responses.front->route(str_c(rows[i].path), STR_NONE, &r);
        assert_int_equal(mine, rows[i].op >= 0);
        if (mine)
            assert_int_equal((int)r.op, rows[i].op);
        assert_true(!mine || r.op != FRONT_ABSENT || r.why.n > 0);
        assert_true(!mine || r.op != FRONT_STORED || str_eq(r.id, STR("resp_1")));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_u48_a_delta_without_an_item_opens_a_block),
        cmocka_unit_test(test_u48_what_was_told_is_told_once),
        cmocka_unit_test(test_u48_arguments_that_no_delta_brought),
        cmocka_unit_test(test_u48_items_left_open_are_closed),
        cmocka_unit_test(test_u48_pieces_that_have_no_place_are_an_error),
        cmocka_unit_test(test_u22_an_end_without_a_terminal_event),
        cmocka_unit_test(test_u26_errors_in_a_stream),
        cmocka_unit_test(test_u31_garbage_is_never_skipped),
        cmocka_unit_test(test_u33_bad_bytes),
        cmocka_unit_test(test_u44_counts_that_cannot_be_true),
        cmocka_unit_test(test_bodies_that_are_no_answer),
        cmocka_unit_test(test_j12_arguments_cut_inside_escapes),
        cmocka_unit_test(test_j13_wrong_types),
        cmocka_unit_test(test_the_path_of_what_is_wrong),
        cmocka_unit_test(test_what_only_its_own_service_can_do),
        cmocka_unit_test(test_the_request_is_repeated_on_one_line),
        cmocka_unit_test(test_large_instructions_are_repeated_at_the_end_only),
        cmocka_unit_test(test_calls_find_their_tool_again),
        cmocka_unit_test(test_free_text_is_taken_out_of_its_arguments),
        cmocka_unit_test(test_failures_before_and_after_the_beginning),
        cmocka_unit_test(test_an_unknown_model_is_the_requests_fault),
        cmocka_unit_test(test_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
