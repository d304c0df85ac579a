/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams that are not as they should be: rows U22, U26, U31, U33, U44, U46, U48 of what a provider
 * may do, and J12. drive.c watches that the decoder's promises hold in each.
 */
#include "drive.h"

#include "json/write.h"

#define CHAT(s)   (&dialect_openai_chat), (s)
#define CLAUDE(s) (&dialect_anthropic), (s)

#define START                                                                                      \
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":" \
    "\"c\",\"usage\":{\"input_tokens\":5,\"output_tokens\":1}}}\n\n"
#define OPEN(i)                                             \
    "data: {\"type\":\"content_block_start\",\"index\":" #i \
    ",\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
#define TEXT(i, t)                                          \
    "data: {\"type\":\"content_block_delta\",\"index\":" #i \
    ",\"delta\":{\"type\":\"text_delta\",\"text\":\"" t "\"}}\n\n"
#define CLOSE(i) "data: {\"type\":\"content_block_stop\",\"index\":" #i "}\n\n"
#define DELTA(usage)                                                                              \
    "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":" usage \
    "}\n\n"
#define STOP "data: {\"type\":\"message_stop\"}\n\n"

#define CHUNK(delta, finish)                                                         \
    "data: {\"id\":\"x\",\"model\":\"g\",\"choices\":[{\"index\":0,\"delta\":" delta \
    ",\"finish_reason\":" finish "}]}\n\n"
#define USAGE(u) "data: {\"id\":\"x\",\"choices\":[],\"usage\":" u "}\n\n"
#define DONE     "data: [DONE]\n\n"

static void lines(const struct dialect *dialect, const char *in, const char *want)
{
    struct drive d;
    struct answer a = {
        .dialect = dialect, .bytes = str_c(in), .stream = true, .client_usage = true};
    drive_init(&d);
    assert_str(drive_lines(&d, &a), want);
    /* and the same when it comes byte by byte */
    a.first = a.step = 1;
    assert_str(drive_lines(&d, &a), want);
    drive_fini(&d);
}

static void has(const struct dialect *dialect, const char *in, const char *want)
{
    struct drive d;
    struct answer a = {
        .dialect = dialect, .bytes = str_c(in), .stream = true, .client_usage = true};
    drive_init(&d);
    str got = drive_lines(&d, &a);
    if (str_find(got, str_c(want)) == SIZE_MAX)
        fail_msg("no \"%s\" in\n" STR_FMT, want, STR_ARG(got));
    drive_fini(&d);
}

/* ---- U48: events out of order -------------------------------------------------------------------
 */

static void test_u48_a_second_message_start_is_ignored(void **state)
{
    (void)state;
    lines(CLAUDE(START START OPEN(0) TEXT(0, "a") CLOSE(0) DELTA("{\"output_tokens\":2}") STOP),
          "start m c\n"
          "usage in=5 read=0 w5m=0 w1h=0 out=1 reason=0\n"
          "usage in=5 read=0 w5m=0 w1h=0 out=1 reason=0\n"
          "open 0 text\n  text a\nclose 0\n"
          "usage in=5 read=0 w5m=0 w1h=0 out=2 reason=0\n"
          "finish stop (end_turn)\nend\n");
}

static void test_u48_content_after_the_end_is_ignored(void **state)
{
    (void)state;
    lines(CLAUDE(START DELTA("{\"output_tokens\":2}") OPEN(0) TEXT(0, "late") STOP OPEN(1)
                     TEXT(1, "later")),
          "start m c\n"
          "usage in=5 read=0 w5m=0 w1h=0 out=1 reason=0\n"
          "usage in=5 read=0 w5m=0 w1h=0 out=2 reason=0\n"
          "finish stop (end_turn)\nend\n");
    lines(CHAT(CHUNK("{\"content\":\"a\"}", "\"stop\"") DONE CHUNK("{\"content\":\"b\"}", "null")),
          "start x g\nopen 0 text\n  text a\nclose 0\nfinish stop (stop)\nend\n");
}

static void test_u48_gaps_in_the_indices_are_closed(void **state)
{
    (void)state;
    lines(CLAUDE(START OPEN(3) TEXT(3, "a") CLOSE(3) OPEN(7) TEXT(7, "b") STOP),
          "start m c\n"
          "usage in=5 read=0 w5m=0 w1h=0 out=1 reason=0\n"
          "open 0 text\n  text a\nclose 0\n"
          "open 1 text\n  text b\nclose 1\n"
          "finish stop ()\nend\n");
    has(CHAT(CHUNK("{\"tool_calls\":[{\"index\":4,\"id\":\"i\",\"function\":{\"name\":\"f\","
                   "\"arguments\":\"{}\"}}]}",
                   "null") DONE),
        "open 0 tool_use i f\n  args {}\nclose 0\nfinish tool");
}

static void test_u48_a_block_left_open_is_closed(void **state)
{
    (void)state;
    has(CLAUDE(START
               "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":"
               "\"tool_use\",\"id\":\"i\",\"name\":\"f\",\"input\":{}}}\n\n"
               "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
               "\"input_json_delta\",\"partial_json\":\"{\\\"a\\\"\"}}\n\n" OPEN(1) TEXT(1, "b")
                   DELTA("{\"output_tokens\":2}") STOP),
        "open 0 tool_use i f\n  args {\\\"a\\\"\nclose 0\nopen 1 text\n  text b\n");
}

static void test_u48_a_delta_without_a_block_opens_one(void **state)
{
    (void)state;
    has(CLAUDE(TEXT(0, "a") TEXT(0, "b") STOP),
        "start  \nopen 0 text\n  text a\n  text b\nclose 0\nfinish stop ()\nend\n");
}

static void test_u48_arguments_without_a_call_are_an_error(void **state)
{
    (void)state;
    has(CLAUDE(
            START OPEN(0) "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
                          "\"input_json_delta\",\"partial_json\":\"{}\"}}\n\n" STOP),
        "error upstream: The provider sent arguments that belong to no tool call.\n");
    has(CHAT(CHUNK("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{}\"}}]}", "null")),
        "error upstream: The provider sent a tool call without a name.\n");
}

static void test_u48_calls_without_a_name(void **state)
{
    (void)state;
    has(CLAUDE(START
               "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":"
               "\"tool_use\",\"id\":\"i\",\"input\":{}}}\n\n" STOP),
        "error upstream: The provider sent a tool call without a name.\n");
}

static void test_u48_usage_before_everything(void **state)
{
    (void)state;
    has(CHAT(USAGE("{\"prompt_tokens\":5,\"completion_tokens\":0}")
                 CHUNK("{\"content\":\"a\"}", "\"stop\"") DONE),
        "start x \nusage in=5 read=0 w5m=0 w1h=0 out=0 reason=0\nopen 0 text\n");
}

/* Fragments of a call that is closed can't be said any more. */
static void test_u48_a_call_that_comes_back_is_an_error(void **state)
{
    (void)state;
    has(CHAT(CHUNK("{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\","
                   "\"arguments\":\"{\"}}]}",
                   "null")
                 CHUNK("{\"tool_calls\":[{\"index\":1,\"id\":\"b\",\"function\":{\"name\":\"g\","
                       "\"arguments\":\"{\"}}]}",
                       "null")
                     CHUNK("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"}\"}}]}",
                           "null")),
        "error upstream");
    /* but an empty one is nothing */
    has(CHAT(CHUNK("{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\","
                   "\"arguments\":\"{}\"}}]}",
                   "null") CHUNK("{\"content\":\"t\"}", "null")
                 CHUNK("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"\"}}]}",
                       "\"tool_calls\"") DONE),
        "close 1\nfinish tool (tool_calls)\nend\n");
}

/* ---- U44: counts that can't be true -------------------------------------------------------------
 */

static void chat_usage(const char *usage, const char *want)
{
    struct drive d;
    struct answer a = {.dialect = &dialect_openai_chat, .stream = true, .client_usage = true};
    drive_init(&d);
    a.bytes = arena_strf(&d.arena, "%sdata: {\"id\":\"x\",\"choices\":[],\"usage\":%s}\n\n%s",
                         CHUNK("{\"content\":\"a\"}", "\"stop\""), usage, DONE);
    str got = drive_lines(&d, &a);
    if (want ? str_find(got, str_c(want)) == SIZE_MAX : str_find(got, STR("usage")) != SIZE_MAX)
        fail_msg("%s: want %s in\n" STR_FMT, usage, want ? want : "no usage", STR_ARG(got));
    drive_fini(&d);
}

static void test_u44_chat(void **state)
{
    (void)state;
    chat_usage("null", NULL);
    chat_usage("{}", NULL);
    chat_usage("\"12\"", NULL);
    chat_usage("{\"prompt_tokens\":null,\"completion_tokens\":null}", NULL);
    chat_usage("{\"prompt_tokens\":-1,\"completion_tokens\":\"7\"}", NULL);
    chat_usage("{\"prompt_tokens\":1.5,\"completion_tokens\":9007199254740993}", NULL);
    chat_usage("{\"prompt_tokens\":-1,\"completion_tokens\":7}",
               "usage in=0 read=0 w5m=0 w1h=0 out=7 reason=0 suspect\n");
    /* more cached than there was, more thought than was said */
    chat_usage("{\"prompt_tokens\":10,\"completion_tokens\":3,\"prompt_tokens_details\":"
               "{\"cached_tokens\":25},\"completion_tokens_details\":{\"reasoning_tokens\":9}}",
               "usage in=0 read=10 w5m=0 w1h=0 out=3 reason=3 suspect\n");
    /* xAI: the total tells that reasoning is not in the completion */
    chat_usage("{\"prompt_tokens\":10,\"completion_tokens\":3,\"total_tokens\":22,"
               "\"completion_tokens_details\":{\"reasoning_tokens\":9}}",
               "usage in=10 read=0 w5m=0 w1h=0 out=12 reason=9\n");
    /* DeepSeek, Mistral, Moonshot */
    chat_usage("{\"prompt_tokens\":10,\"completion_tokens\":3,\"prompt_cache_hit_tokens\":6}",
               "in=4 read=6");
    chat_usage("{\"prompt_tokens\":10,\"completion_tokens\":3,\"num_cached_tokens\":7}",
               "in=3 read=7");
    chat_usage("{\"prompt_tokens\":10,\"completion_tokens\":3,\"cached_tokens\":8}", "in=2 read=8");
    chat_usage("{\"prompt_tokens\":10,\"completion_tokens\":3,\"prompt_tokens_details\":"
               "{\"cached_tokens\":2,\"cache_write_tokens\":5}}",
               "in=3 read=2 w5m=5");
}

static void test_u44_the_last_valid_count_wins(void **state)
{
    (void)state;
    has(CHAT(CHUNK("{\"content\":\"a\"}", "null")
                 USAGE("{\"prompt_tokens\":5,\"completion_tokens\":1}")
                     USAGE("{\"prompt_tokens\":5,\"completion_tokens\":8}")
                         USAGE("{\"prompt_tokens\":\"x\",\"completion_tokens\":null}")
                             CHUNK("{}", "\"stop\"") DONE),
        "usage in=5 read=0 w5m=0 w1h=0 out=8 reason=0\nclose 0\nfinish stop (stop)\nend\n");
}

static void test_u44_messages(void **state)
{
    (void)state;
    has(CLAUDE(START DELTA("{\"output_tokens\":-4}") STOP), "out=1 reason=0 suspect\nfinish");
    has(CLAUDE(START DELTA("null") STOP), "out=1 reason=0\nfinish");
    /* a prompt of no tokens is no count */
    has(CLAUDE(START DELTA("{\"input_tokens\":0,\"output_tokens\":4}") STOP),
        "usage in=5 read=0 w5m=0 "
        "w1h=0 out=4");
    /* all of it from the cache is one */
    has(CLAUDE(START DELTA(
            "{\"input_tokens\":0,\"cache_read_input_tokens\":90,\"output_tokens\":4}") STOP),
        "usage in=0 read=90 w5m=0 w1h=0 out=4");
    /* the split of what was written survives a later sum without one */
    has(CLAUDE(
            "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":1,"
            "\"cache_creation_input_tokens\":30,\"cache_creation\":{\"ephemeral_5m_input_tokens\":"
            "10,\"ephemeral_1h_input_tokens\":20},\"output_tokens\":1}}}\n\n" DELTA(
                "{\"cache_creation_input_tokens\":30,\"output_tokens\":4}") STOP),
        "w5m=10 w1h=20 out=4");
    has(CLAUDE(START DELTA(
            "{\"output_tokens\":4,\"output_tokens_details\":{\"thinking_tokens\":9}}") STOP),
        "out=4 reason=4 suspect");
}

/* ---- U26, U31: errors ---------------------------------------------------------------------------
 */

static void test_u26_errors_in_a_stream(void **state)
{
    static const struct {
        const char *event, *want;
    } rows[] = {
        {"data: {\"error\":{\"message\":\"m\",\"code\":429}}\n\n", "error rate_limited: m\n"},
        {"data: {\"error\":{\"message\":\"m\",\"code\":\"502\"}}\n\n", "error upstream: "},
        {"data: {\"error\":{\"message\":\"m\",\"type\":\"invalid_request_error\"}}\n\n",
         "error bad_request: m\n"},
        {"data: {\"error\":\"text\"}\n\n", "error upstream: "},
        {"event: error\ndata: {\"message\":\"m\",\"status_code\":503}\n\n", "error overloaded: "},
        {"data: {\"object\":\"error\",\"message\":\"m\",\"type\":\"x\",\"code\":400}\n\n",
         "error bad_request: m\n"},
        {"data: {\"detail\":\"m\"}\n\n", "error upstream: "},
        {"data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"},\"error\":{"
         "\"code\":400,\"message\":\"m\"}}]}\n\n",
         "error bad_request: m\n"},
        {"data: {\"id\":\"x\",\"choices\":[],\"error\":{\"code\":\"context_length_exceeded\","
         "\"message\":\"m\"}}\n\n",
         "error context_length: m\n"},
        {"{\"error\":{\"message\":\"bare\",\"code\":400}}", "error bad_request: bare\n"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct drive d;
        struct answer a = {.dialect = &dialect_openai_chat, .stream = true};
        drive_init(&d);
        a.bytes = arena_strf(&d.arena, "%s%s", CHUNK("{\"content\":\"a\"}", "null"), rows[i].event);
        str got = drive_lines(&d, &a);
        if (str_find(got, str_c(rows[i].want)) == SIZE_MAX)
            fail_msg("%s gives\n" STR_FMT, rows[i].event, STR_ARG(got));
        drive_fini(&d);
    }
    has(CLAUDE(START
               "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
               "\"message\":\"Overloaded\"}}\n\n" OPEN(0)),
        "error overloaded: The provider is overloaded.\n");
}

static void test_u31_garbage_is_never_skipped(void **state)
{
    static const char *const garbage[] = {"data: {\"id\":\"x\",\"choi\n\n", "data: hello\n\n",
                                          "data: [1]\n\n", "data: 7\n\n",
                                          "data: {\"a\":1,\"a\":2}\n\n"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(garbage); i++) {
        struct drive d;
        struct answer a = {.dialect = &dialect_openai_chat, .stream = true};
        drive_init(&d);
        a.bytes = arena_strf(&d.arena, "%s%s%s", CHUNK("{\"content\":\"a\"}", "null"), garbage[i],
                             CHUNK("{\"content\":\"b\"}", "\"stop\""));
        str got = drive_lines(&d, &a);
        if (str_find(got, STR("\nerror upstream: ")) == SIZE_MAX ||
            str_find(got, STR("text b")) != SIZE_MAX)
            fail_msg("%s gives\n" STR_FMT, garbage[i], STR_ARG(got));
        a.dialect = &dialect_anthropic;
        a.bytes = arena_strf(&d.arena, "%s%s%s", START, garbage[i], STOP);
        got = drive_lines(&d, &a);
        if (str_find(got, STR("\nerror upstream: ")) == SIZE_MAX)
            fail_msg("%s gives\n" STR_FMT, garbage[i], STR_ARG(got));
        drive_fini(&d);
    }
}

/* ---- U33: bytes that are no text ----------------------------------------------------------------
 */

static void test_u33_bad_bytes(void **state)
{
    (void)state;
    has(CHAT("data: "
             "{\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\xff\xc3z\"}}]}"
             "\n\n" DONE),
        "  text a\xef\xbf\xbd\xef\xbf\xbdz\n");
    /* halves of a pair, and NUL, stay the escapes that they were */
    has(CHAT(CHUNK("{\"content\":\"\\ud83d\"}", "null")
                 CHUNK("{\"content\":\"\\ude00\\u0000\"}", "null") DONE),
        "  text \\ud83d\n  text \\ude00\\u0000\n");
}

static void test_u33_same_dialect_leaves_the_bytes_alone(void **state)
{
    static const char in[] = "data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"content\":"
                             "\"a\xff\\ud83d\"},\"finish_reason\":\"stop\"}]}\r\n\r\n" DONE;
    struct drive d;
    struct buf raw = BUF_INIT(4096);
    struct ir_collect c;
    struct answer a = {.dialect = &dialect_openai_chat, .bytes = str_c(in), .stream = true};
    (void)state;
    drive_init(&d);
    ir_collect_init(&c, &d.arena, false);
    assert_int_equal(drive_answer(&d, &a, ir_collect_sink(&c), &raw), ANSWER_WHOLE);
    assert_str(buf_str(&raw), in);
    buf_fini(&raw);
    drive_fini(&d);
}

/* ---- ends ---------------------------------------------------------------------------------------
 */

static void test_u22_an_end_without_a_terminal_event(void **state)
{
    (void)state;
    has(CHAT(CHUNK("{\"content\":\"a\"}", "null")), "text a\ncut off\n");
    has(CHAT(CHUNK("{\"content\":\"a\"}", "\"stop\"")), "close 0\nfinish stop (stop)\nend\n");
    has(CHAT(""), "cut off\n");
    has(CHAT(DONE), "error upstream: The provider's stream was empty.\n");
    has(CLAUDE(START OPEN(0) TEXT(0, "a")), "text a\ncut off\n");
    has(CLAUDE(START DELTA("{\"output_tokens\":1}")), "finish stop (end_turn)\nend\n");
}

static void test_a_finish_that_comes_twice_is_said_once(void **state)
{
    (void)state;
    lines(CHAT(CHUNK("{\"content\":\"a\"}", "\"length\"") CHUNK("{\"content\":\"\"}", "\"length\"")
                   DONE),
          "start x g\nopen 0 text\n  text a\nclose 0\nfinish length (length)\nend\n");
}

static void test_stop_with_calls_means_calls(void **state)
{
    (void)state;
    has(CHAT(CHUNK(
            "{\"tool_calls\":[{\"id\":\"i\",\"function\":{\"name\":\"f\",\"arguments\":{}}}]}",
            "\"stop\"")),
        "finish tool (stop)\n");
}

/* All calls under index 0, as some servers number them, or under none. */
static void test_calls_are_told_apart_by_their_ids(void **state)
{
    (void)state;
    has(CHAT(CHUNK("{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\","
                   "\"arguments\":\"{}\"}},{\"index\":0,\"id\":\"b\",\"function\":{\"name\":\"f\","
                   "\"arguments\":\"{}\"}}]}",
                   "\"tool_calls\"")),
        "open 0 tool_use a f\n  args {}\nclose 0\nopen 1 tool_use b f\n  args {}\nclose 1\n");
    has(CHAT(CHUNK(
            "{\"tool_calls\":[{\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}",
            "null") CHUNK("{\"tool_calls\":[{\"function\":{\"arguments\":\"{}\"}}]}", "null") DONE),
        "open 0 tool_use a f\n  args {}\nclose 0\n");
}

/* ---- the usage chunk ----------------------------------------------------------------------------
 */

static void test_the_usage_nobody_asked_for_is_dropped(void **state)
{
    static const char in[] = CHUNK("{\"content\":\"a\"}", "\"stop\"")
        USAGE("{\"prompt_tokens\":5,\"completion_tokens\":1}") DONE;
    struct answer a = {.dialect = &dialect_openai_chat, .bytes = str_c(in), .stream = true};
    (void)state;
    for (int asked = 0; asked < 2; asked++) {
        struct drive d;
        struct buf raw = BUF_INIT(4096);
        struct ir_collect c;
        drive_init(&d);
        ir_collect_init(&c, &d.arena, false);
        a.client_usage = asked;
        assert_int_equal(drive_answer(&d, &a, ir_collect_sink(&c), &raw), ANSWER_WHOLE);
        assert_str(buf_str(&raw), asked ? in : CHUNK("{\"content\":\"a\"}", "\"stop\"") DONE);
        assert_int_equal(c.response.usage.output, 1); /* we know it either way */
        buf_fini(&raw);
        drive_fini(&d);
    }
}

static void test_a_client_gets_usage_only_when_it_asked(void **state)
{
    struct drive d;
    struct answer a = {
        .dialect = &dialect_anthropic,
        .bytes = str_c(START OPEN(0) TEXT(0, "a") CLOSE(0) DELTA("{\"output_tokens\":2}") STOP),
        .stream = true};
    struct front_opts o = {.id = STR("i"), .model = STR("m"), .created = 1};
    (void)state;
    drive_init(&d);
    str out = drive_to_stream(&d, &a, &dialect_openai_chat, &o);
    assert_int_equal(str_find(out, STR("usage")), SIZE_MAX);
    o.include_usage = true;
    out = drive_to_stream(&d, &a, &dialect_openai_chat, &o);
    assert_true(str_find(out, STR("\"choices\":[],\"usage\":{\"prompt_tokens\":5,")) != SIZE_MAX);
    assert_true(str_find(out, STR("\"content\":\"a\"},\"finish_reason\":null}],\"usage\":null}")) !=
                SIZE_MAX);
    drive_fini(&d);
}

/* ---- J12: arguments cut anywhere ----------------------------------------------------------------
 */

/* The argument text is cut into two fragments at every byte, also inside its escapes, and the
 * escape of the fragment's own string never; put together it is byte for byte what it was. */
static void test_j12_arguments_cut_inside_escapes(void **state)
{
    static const char args[] = "{\"a\":\"\\u00e9\\ud83d\\ude00 \\\\ \\\" \\n\",\"b\":[1,{}]}";
    struct drive d;
    (void)state;
    drive_init(&d);
    for (size_t cut = 0; cut <= sizeof args - 1; cut++) {
        struct buf one = BUF_INIT(1024), two = BUF_INIT(1024);
        json_escape(&one, str_of(args, cut));
        json_escape(&two, str_of(args + cut, sizeof args - 1 - cut));
        struct answer a = {.dialect = &dialect_anthropic, .stream = true};
        a.bytes = arena_strf(
            &d.arena,
            START "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":"
                  "\"tool_use\",\"id\":\"i\",\"name\":\"f\",\"input\":{}}}\n\n"
                  "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
                  "\"input_json_delta\",\"partial_json\":\"" STR_FMT "\"}}\n\n"
                  "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
                  "\"input_json_delta\",\"partial_json\":\"" STR_FMT "\"}}\n\n" STOP,
            STR_ARG(buf_str(&one)), STR_ARG(buf_str(&two)));
        struct ir_collect c;
        ir_collect_init(&c, &d.arena, false);
        assert_int_equal(drive_answer(&d, &a, ir_collect_sink(&c), NULL), ANSWER_WHOLE);
        assert_str(c.response.answers->blocks->use.args, args);
        /* and the same through a Chat client's stream */
        struct front_opts o = {.id = STR("i"), .model = STR("m"), .created = 1};
        struct answer back = {.dialect = &dialect_openai_chat,
                              .bytes = drive_to_stream(&d, &a, &dialect_openai_chat, &o),
                              .stream = true};
        ir_collect_init(&c, &d.arena, false);
        assert_int_equal(drive_answer(&d, &back, ir_collect_sink(&c), NULL), ANSWER_WHOLE);
        assert_str(c.response.answers->blocks->use.args, args);
        buf_fini(&one);
        buf_fini(&two);
    }
    drive_fini(&d);
}

/* ---- U46, and bodies that are no answer ---------------------------------------------------------
 */

static void test_bodies_that_are_no_answer(void **state)
{
    static const char *const bodies[] = {"{}",
                                         "[]",
                                         "7",
                                         "{\"choices\":[]}",
                                         "{\"choices\":null}",
                                         "{\"error\":{\"message\":\"m\"}}",
                                         "{\"detail\":\"m\"}",
                                         "{\"content\":\"no list\"}",
                                         "null"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct drive d;
        struct answer a = {.dialect = &dialect_openai_chat, .bytes = str_c(bodies[i])};
        drive_init(&d);
        if (!str_has_prefix(drive_lines(&d, &a), STR("error upstream")))
            fail_msg("chat: %s", bodies[i]);
        a.dialect = &dialect_anthropic;
        if (!str_has_prefix(drive_lines(&d, &a), STR("error upstream")))
            fail_msg("messages: %s", bodies[i]);
        drive_fini(&d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_u48_a_second_message_start_is_ignored),
        cmocka_unit_test(test_u48_content_after_the_end_is_ignored),
        cmocka_unit_test(test_u48_gaps_in_the_indices_are_closed),
        cmocka_unit_test(test_u48_a_block_left_open_is_closed),
        cmocka_unit_test(test_u48_a_delta_without_a_block_opens_one),
        cmocka_unit_test(test_u48_arguments_without_a_call_are_an_error),
        cmocka_unit_test(test_u48_calls_without_a_name),
        cmocka_unit_test(test_u48_usage_before_everything),
        cmocka_unit_test(test_u48_a_call_that_comes_back_is_an_error),
        cmocka_unit_test(test_u44_chat),
        cmocka_unit_test(test_u44_the_last_valid_count_wins),
        cmocka_unit_test(test_u44_messages),
        cmocka_unit_test(test_u26_errors_in_a_stream),
        cmocka_unit_test(test_u31_garbage_is_never_skipped),
        cmocka_unit_test(test_u33_bad_bytes),
        cmocka_unit_test(test_u33_same_dialect_leaves_the_bytes_alone),
        cmocka_unit_test(test_u22_an_end_without_a_terminal_event),
        cmocka_unit_test(test_a_finish_that_comes_twice_is_said_once),
        cmocka_unit_test(test_stop_with_calls_means_calls),
        cmocka_unit_test(test_calls_are_told_apart_by_their_ids),
        cmocka_unit_test(test_the_usage_nobody_asked_for_is_dropped),
        cmocka_unit_test(test_a_client_gets_usage_only_when_it_asked),
        cmocka_unit_test(test_j12_arguments_cut_inside_escapes),
        cmocka_unit_test(test_bodies_that_are_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
