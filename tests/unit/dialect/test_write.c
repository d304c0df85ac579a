/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is sent to a provider: splicing, paths and headers, and parameters of Chat by model and by
 * option. (Claude's are in test_claude.c.)
 */
#include "drive.h"

#define USER "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

static str member(struct drive *d, str json, const char *key)
{
    return json_text(json_get(drive_json(d, json), str_c(key)));
}

static str claude(struct drive *d, const char *more, const char *model)
{
    str body = arena_strf(&d->arena, "{\"model\":\"m\",\"max_tokens\":9," USER "%s}", more);
    return drive_request(d, &dialect_anthropic, body, &dialect_openai_chat, model);
}

/* ---- splicing -----------------------------------------------------------------------------------
 */

static void spliced(const struct dialect *dialect, const char *in, bool stream, const char *want)
{
    struct drive d;
    drive_init(&d);
    assert_str(drive_splice(&d, dialect, str_c(in), "new/\"m\"", stream), want);
    drive_fini(&d);
}

#define NEW "\"new/\\\"m\\\"\""

static void test_only_the_model_changes(void **state)
{
    (void)state;
    spliced(&dialect_anthropic, "{ \"x\" : [1.00, 1e2],\n\t\"model\" :\"old\", \"\\u0061\":null }",
            true, "{ \"x\" : [1.00, 1e2],\n\t\"model\" :" NEW ", \"\\u0061\":null }");
    spliced(&dialect_openai_chat, "{\"mod\\u0065l\":\"o\",\"z\":{\"model\":\"inner\"}}", false,
            "{\"mod\\u0065l\":" NEW ",\"z\":{\"model\":\"inner\"}}");
}

static void test_usage_is_asked_for_in_streams(void **state)
{
    (void)state;
    spliced(&dialect_openai_chat, "{\"model\":\"o\",\"stream\":true}", true,
            "{\"stream_options\":{\"include_usage\":true},\"model\":" NEW ",\"stream\":true}");
    spliced(&dialect_openai_chat, "{\"stream_options\":{},\"model\":\"o\"}", true,
            "{\"stream_options\":{\"include_usage\":true},\"model\":" NEW "}");
    spliced(&dialect_openai_chat, "{\"stream_options\":null,\"model\":\"o\"}", true,
            "{\"stream_options\":{\"include_usage\":true},\"model\":" NEW "}");
    spliced(&dialect_openai_chat, "{\"model\":\"o\",\"stream_options\":{\"a\":1}}", true,
            "{\"model\":" NEW ",\"stream_options\":{\"include_usage\":true,\"a\":1}}");
    spliced(&dialect_openai_chat, "{\"model\":\"o\",\"stream_options\":{\"include_usage\":false}}",
            true, "{\"model\":" NEW ",\"stream_options\":{\"include_usage\":true}}");
    spliced(&dialect_openai_chat, "{\"model\":\"o\",\"stream_options\":{\"include_usage\":true}}",
            true, "{\"model\":" NEW ",\"stream_options\":{\"include_usage\":true}}");
}

static void test_splicing_by_options(void **state)
{
    struct drive d;
    (void)state;
    drive_init(&d);
    d.opts.no_stream_options = true;
    d.opts.refused = REFUSES(MAX_TOKENS);
    assert_str(drive_splice(&d, &dialect_openai_chat, STR("{\"max_tokens\":5,\"model\":\"o\"}"),
                            "n", true),
               "{\"max_completion_tokens\":5,\"model\":\"n\"}");
    d.opts.refused = REFUSES(MAX_COMPLETION);
    assert_str(drive_splice(&d, &dialect_openai_chat,
                            STR("{\"max_completion_tokens\":5,\"model\":\"o\"}"), "n", true),
               "{\"max_tokens\":5,\"model\":\"n\"}");
    assert_str(drive_splice(&d, &dialect_openai_chat,
                            STR("{\"max_completion_tokens\":5,\"max_tokens\":4,\"model\":\"o\"}"),
                            "n", true),
               "{\"max_completion_tokens\":5,\"max_tokens\":4,\"model\":\"n\"}");
    drive_fini(&d);
}

/* A long prompt is referred to, not copied: splicing and translation alike. */
static void test_long_text_is_not_copied(void **state)
{
    struct drive d;
    struct buf b = BUF_INIT(4u << 20);
    (void)state;
    drive_init(&d);
    buf_lit(&b,
            "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"");
    for (unsigned i = 0; i < 100000; i++)
        buf_lit(&b, "word \\n ");
    buf_lit(&b, "\"}]}");
    jval root = drive_json(&d, buf_str(&b));
    struct rope r = ROPE_INIT(1u << 20);
    struct back_call c = {.opts = &d.opts, .model = STR("n"), .same = true};
    assert_int_equal(dialect_anthropic.back->splice_request(root, &c, &d.arena, &r), RC_OK);
    assert_true(buf_size(&r.own) < 2048);
    rope_clear(&r);
    struct ir_request q;
    struct ir_lossy l = {0};
    assert_int_equal(drive_decode(&d, &dialect_anthropic, buf_str(&b), &q), RC_OK);
    size_t before = d.arena.taken;
    assert_int_equal(dialect_openai_chat.back->encode_request(&q, &c, &d.arena, &r, &l, &d.fail),
                     RC_OK);
    assert_true(buf_size(&r.own) < 2048);
    assert_true(rope_size(&r) > 800000);
    assert_int_equal(d.arena.taken, before);
    rope_fini(&r);
    buf_fini(&b);
    drive_fini(&d);
}

/* ---- paths and headers --------------------------------------------------------------------------
 */

static void path(const struct dialect *dialect, const char *base, const char *want)
{
    struct dialect_opts o = {0};
    struct back_call c = {.opts = &o, .model = STR("m")};
    struct buf b = BUF_INIT(1024);
    dialect->back->request_path(&c, str_c(base), &b);
    assert_str(buf_str(&b), want);
    buf_fini(&b);
}

static void test_paths(void **state)
{
    (void)state;
    path(&dialect_openai_chat, "/v1", "/v1/chat/completions");
    path(&dialect_openai_chat, "", "/chat/completions");
    path(&dialect_openai_chat, "/api/v1/chat/completions", "/api/v1/chat/completions");
    path(&dialect_anthropic, "", "/v1/messages");
    path(&dialect_anthropic, "/v1", "/v1/messages");
    path(&dialect_anthropic, "/anthropic", "/anthropic/v1/messages");
    path(&dialect_anthropic, "/v1/messages", "/v1/messages");
}

static void collect_header(void *ctx, str name, str value)
{
    buf_addf(ctx, STR_FMT ": " STR_FMT "\n", STR_ARG(name), STR_ARG(value));
}

static void headers(const struct dialect *dialect, const struct back_call *c, const char *want)
{
    struct buf b = BUF_INIT(32768);
    dialect->back->request_headers(c, collect_header, &b);
    assert_str(buf_str(&b), want);
    buf_fini(&b);
}

static void test_headers(void **state)
{
    struct dialect_opts o = {0};
    struct back_call c = {.opts = &o, .model = STR("m"), .key = STR("k"), .stream = true};
    (void)state;
    headers(&dialect_openai_chat, &c, "authorization: Bearer k\naccept: text/event-stream\n");
    headers(&dialect_anthropic, &c,
            "x-api-key: k\nanthropic-version: 2023-06-01\naccept: text/event-stream\n");
    c.stream = false;
    headers(&dialect_anthropic, &c, /* another dialect's client: none of its headers */
            "x-api-key: k\nanthropic-version: 2023-06-01\naccept: application/json\n");
    c.client_version = STR("2026-10-21");
    c.client_beta = STR("a,b");
    o.auth = AUTH_BEARER;
    headers(&dialect_anthropic, &c,
            "authorization: Bearer k\nanthropic-version: 2026-10-21\nanthropic-beta: a,b\n"
            "accept: application/json\n");
    o.auth = AUTH_API_KEY;
    headers(&dialect_openai_chat, &c, "api-key: k\naccept: application/json\n");
    o.auth = AUTH_NONE;
    headers(&dialect_openai_chat, &c, "accept: application/json\n");
}

static void test_routes(void **state)
{
    struct front_route r;
    (void)state;
    assert_ptr_equal(dialect_route(STR("/v1/chat/completions"), STR_NONE, &r),
                     &dialect_openai_chat);
    assert_int_equal(r.op, FRONT_CHAT);
    assert_ptr_equal(dialect_route(STR("/v1/messages"), STR("beta=true"), &r), &dialect_anthropic);
    assert_ptr_equal(dialect_route(STR("/v1/messages/count_tokens"), STR_NONE, &r),
                     &dialect_anthropic);
    assert_int_equal(r.op, FRONT_COUNT);
    assert_null(dialect_route(STR("/v1/models"), STR_NONE, &r));
    assert_ptr_equal(dialect_find(STR("openai")), &dialect_openai_chat);
    assert_ptr_equal(dialect_find(STR("anthropic")), &dialect_anthropic);
    assert_null(dialect_find(STR("klingon")));
    assert_non_null(dialect_at(0));
    assert_null(dialect_at(99));
}

/* ---- Chat providers -----------------------------------------------------------------------------
 */

static void test_limits_under_the_right_name(void **state)
{
    struct drive d;
    (void)state;
    drive_init(&d);
    assert_str(member(&d, claude(&d, "", "gpt-5"), "max_completion_tokens"), "9");
    assert_str(member(&d, claude(&d, "", "openai/o3-mini"), "max_completion_tokens"), "9");
    assert_str(member(&d, claude(&d, "", "llama-3"), "max_tokens"), "9");
    assert_str(member(&d, claude(&d, "", "gpt-oss-120b"), "max_tokens"), "9");
    d.opts.max_tokens = MAXTOK_OLD;
    assert_str(member(&d, claude(&d, "", "gpt-5"), "max_tokens"), "9");
    drive_fini(&d);
}

#define THINK(b) ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":" #b "}"

static void test_reasoning_in_the_words_of_the_provider(void **state)
{
    struct drive d;
    (void)state;
    drive_init(&d);
    assert_str(member(&d, claude(&d, THINK(1024), "gpt-5"), "reasoning_effort"), "\"low\"");
    assert_str(member(&d, claude(&d, THINK(10000), "o3"), "reasoning_effort"), "\"medium\"");
    assert_str(member(&d, claude(&d, THINK(31999), "gpt-oss-20b"), "reasoning_effort"), "\"high\"");
    assert_str(member(&d,
                      claude(&d,
                             ",\"thinking\":{\"type\":\"adaptive\"},\"output_config\":"
                             "{\"effort\":\"max\"}",
                             "gpt-5"),
                      "reasoning_effort"),
               "\"high\"");
    assert_true(ir_lossy_has(&d.lossy, STR("effort")));
    /* adaptive without more: the model's own choice */
    str out = claude(&d, ",\"thinking\":{\"type\":\"adaptive\"}", "gpt-5");
    assert_null(member(&d, out, "reasoning_effort").p);
    assert_int_equal(d.lossy.n, 0);
    /* a model that can't, and one of which we don't know */
    out = claude(&d, THINK(1024), "gpt-4o");
    assert_null(member(&d, out, "reasoning_effort").p);
    assert_true(ir_lossy_has(&d.lossy, STR("thinking")));
    out = claude(&d, ",\"thinking\":{\"type\":\"disabled\"}", "gpt-5");
    assert_null(member(&d, out, "reasoning_effort").p);
    assert_int_equal(d.lossy.n, 0);
    d.opts.effort = EFFORT_OBJECT;
    assert_str(member(&d, claude(&d, THINK(2000), "x"), "reasoning"), "{\"max_tokens\":2000}");
    d.opts.effort = EFFORT_THINKING;
    assert_str(member(&d, claude(&d, THINK(2000), "x"), "thinking"), "{\"type\":\"enabled\"}");
    assert_str(member(&d, claude(&d, ",\"thinking\":{\"type\":\"disabled\"}", "x"), "thinking"),
               "{\"type\":\"disabled\"}");
    d.opts.effort = EFFORT_ENABLE;
    assert_str(member(&d, claude(&d, THINK(2000), "x"), "enable_thinking"), "true");
    drive_fini(&d);
}

static void test_sampling_that_a_model_refuses(void **state)
{
    struct drive d;
    (void)state;
    drive_init(&d);
    str out = claude(&d, ",\"temperature\":0.3,\"top_k\":5", "gpt-5");
    assert_null(member(&d, out, "temperature").p);
    assert_null(member(&d, out, "top_k").p);
    assert_true(ir_lossy_has(&d.lossy, STR("temperature")) && ir_lossy_has(&d.lossy, STR("top_k")));
    out = claude(&d, ",\"temperature\":1.0", "gpt-5"); /* the default: nothing is lost */
    assert_int_equal(d.lossy.n, 0);
    out = claude(&d, ",\"temperature\":0.30,\"top_k\":5", "gpt-4o");
    assert_str(member(&d, out, "temperature"), "0.30");
    assert_null(member(&d, out, "top_k").p);
    out = claude(&d, ",\"temperature\":0.3,\"top_k\":5", "qwen3");
    assert_str(member(&d, out, "top_k"), "5");
    assert_int_equal(d.lossy.n, 0);
    drive_fini(&d);
}

static void test_thoughts_go_back_as_the_provider_wants(void **state)
{
    static const char body[] = "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\","
                               "\"content\":\"a\"},{\"role\":"
                               "\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":"
                               "\"hm\",\"signature\":\"s\"},{"
                               "\"type\":\"redacted_thinking\",\"data\":\"d\"},{\"type\":\"text\","
                               "\"text\":\"b\"}]},{\"role\":"
                               "\"user\",\"content\":\"c\"}]}";
    static const struct {
        enum dialect_replay replay;
        const char *model, *want;
    } rows[] = {
        {REPLAY_AUTO, "gpt-5", "{\"role\":\"assistant\",\"content\":\"b\"}"},
        {REPLAY_AUTO, "deepseek-v4",
         "{\"role\":\"assistant\",\"reasoning_content\":\"hm\",\"content\":\"b\"}"},
        {REPLAY_NONE, "deepseek-v4", "{\"role\":\"assistant\",\"content\":\"b\"}"},
        {REPLAY_REASONING, "x", "{\"role\":\"assistant\",\"reasoning\":\"hm\",\"content\":\"b\"}"},
        {REPLAY_DETAILS, "x",
         "{\"role\":\"assistant\",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":"
         "\"hm\","
         "\"signature\":\"s\",\"index\":0},{\"type\":\"reasoning.encrypted\",\"data\":\"d\","
         "\"index\":1}],"
         "\"content\":\"b\"}"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct drive d;
        drive_init(&d);
        d.opts.replay = rows[i].replay;
        str out =
            drive_request(&d, &dialect_anthropic, str_c(body), &dialect_openai_chat, rows[i].model);
        if (str_find(out, str_c(rows[i].want)) == SIZE_MAX)
            fail_msg("no %s in " STR_FMT, rows[i].want, STR_ARG(out));
        assert_int_equal(ir_lossy_has(&d.lossy, STR("thinking")), rows[i].replay != REPLAY_DETAILS);
        drive_fini(&d);
    }
}

static void test_system_text_among_the_turns(void **state)
{
    static const char more[] = "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\","
                               "\"content\":\"a\"},{\"role\":\"system\",\"content\":\"s\"}]}";
    struct drive d;
    str out;
    (void)state;
    drive_init(&d);
    out = drive_request(&d, &dialect_anthropic, str_c(more), &dialect_openai_chat, "gpt-5");
    assert_true(str_find(out, STR("{\"role\":\"system\",\"content\":\"s\"}")) != SIZE_MAX);
    assert_int_equal(d.lossy.n, 0);
    out = drive_request(&d, &dialect_anthropic, str_c(more), &dialect_openai_chat, "qwen3");
    assert_true(
        str_find(out, STR("{\"role\":\"user\",\"content\":\"<system>\\ns\\n</system>\"}")) !=
        SIZE_MAX);
    assert_true(ir_lossy_has(&d.lossy, STR("messages.role")));
    d.opts.mid_system = MID_SYSTEM_KEEP;
    out = drive_request(&d, &dialect_anthropic, str_c(more), &dialect_openai_chat, "qwen3");
    assert_true(str_find(out, STR("{\"role\":\"system\",\"content\":\"s\"}")) != SIZE_MAX);
    out = drive_request(&d, &dialect_anthropic, str_c(more), &dialect_anthropic, "claude-opus-4-8");
    assert_true(
        str_find(out,
                 STR("{\"role\":\"system\",\"content\":[{\"type\":\"text\",\"text\":\"s\"}]}")) !=
        SIZE_MAX);
    drive_fini(&d);
}

static void test_servers_that_take_text_only(void **state)
{
    struct drive d;
    (void)state;
    drive_init(&d);
    d.opts.text_only_parts = true;
    str out = drive_request(
        &d, &dialect_anthropic,
        STR("{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[{"
            "\"type\":"
            "\"text\",\"text\":\"look\"},{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":"
            "\"https://e.org/\"}}]}]}"),
        &dialect_openai_chat, "x");
    assert_true(
        str_find(out, STR("\"look\\n\\n[an image was here, which this model can't see]\"")) !=
        SIZE_MAX);
    assert_true(ir_lossy_has(&d.lossy, STR("image")));
    drive_fini(&d);
}

static void test_cache_markers_where_they_are_known(void **state)
{
    static const char body[] =
        "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":"
        "[{\"type\":\"text\",\"text\":\"a\",\"cache_control\":{\"type\":\"ephemeral\"}}"
        "]}]}";
    struct drive d;
    (void)state;
    drive_init(&d);
    str out = drive_request(&d, &dialect_anthropic, str_c(body), &dialect_openai_chat, "x");
    assert_int_equal(str_find(out, STR("cache_control")), SIZE_MAX);
    assert_true(ir_lossy_has(&d.lossy, STR("cache_control")));
    d.opts.cache_markers = true;
    out = drive_request(&d, &dialect_anthropic, str_c(body), &dialect_openai_chat, "x");
    assert_true(str_find(out, STR("\"cache_control\":{\"type\":\"ephemeral\"}")) != SIZE_MAX);
    assert_int_equal(d.lossy.n, 0);
    drive_fini(&d);
}

/* The rope's limit, and the arena's, end a translation cleanly. */
static void test_limits_of_memory(void **state)
{
    struct drive d;
    struct ir_request q;
    (void)state;
    drive_init(&d);
    str body = drive_file(&d, SOURCE_ROOT
                          "/tests/fixtures/dialect/openai/request-everything/request.json");
    assert_int_equal(drive_decode(&d, &dialect_openai_chat, body, &q), RC_OK);
    for (size_t cap = 0; cap < 8192; cap += 512) {
        struct arena a;
        struct rope r = ROPE_INIT(cap);
        struct ir_lossy l = {0};
        struct back_call c = {.opts = &d.opts, .model = STR("claude-sonnet-4-5")};
        arena_init(&a, cap);
        enum rc rc = dialect_anthropic.back->encode_request(&q, &c, &a, &r, &l, &d.fail);
        assert_true(rc == RC_OK || rc == RC_LIMIT || rc == RC_NOMEM);
        if (cap == 0)
            assert_true(rc != RC_OK);
        rope_fini(&r);
        arena_fini(&a);
    }
    drive_fini(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_the_model_changes),
        cmocka_unit_test(test_usage_is_asked_for_in_streams),
        cmocka_unit_test(test_splicing_by_options),
        cmocka_unit_test(test_long_text_is_not_copied),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_limits_under_the_right_name),
        cmocka_unit_test(test_reasoning_in_the_words_of_the_provider),
        cmocka_unit_test(test_sampling_that_a_model_refuses),
        cmocka_unit_test(test_thoughts_go_back_as_the_provider_wants),
        cmocka_unit_test(test_system_text_among_the_turns),
        cmocka_unit_test(test_servers_that_take_text_only),
        cmocka_unit_test(test_cache_markers_where_they_are_known),
        cmocka_unit_test(test_limits_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
