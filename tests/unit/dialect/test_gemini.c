/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gemini's front and back, and Vertex: paths both ways, what is refused (J13), how it is asked to
 * think, where signatures go, the array form, errors both ways, and counts that are none (U44).
 */
#include <stdio.h>

#include "drive.h"

#include "dialect/gemini_ground.h"
#include "dialect/openapi.h"

/* ---- paths --------------------------------------------------------------------------------------
 */

static void test_paths_of_clients(void **state)
{
    static const struct {
        const char *path, *query, *model;
        const struct dialect *dialect;
        bool stream, count;
    } rows[] = {
        {"/v1beta/models/gemini-2.5-flash:generateContent", "", "gemini-2.5-flash", &dialect_gemini,
         false, false},
        {"/v1/models/gemini-2.5-flash:streamGenerateContent", "alt=sse", "gemini-2.5-flash",
         &dialect_gemini, true, false},
        {"/v1beta/models/g:streamGenerateContent", "key=k&alt=sse", "g", &dialect_gemini, true,
         false},
        {"/v1beta/models/g:streamGenerateContent", "", "g", &dialect_gemini_array, true, false},
        {"/v1beta/models/g:streamGenerateContent", "alt=json", "g", &dialect_gemini_array, true,
         false},
        {"/v1beta/models/openai/gpt-5:generateContent", "", "openai/gpt-5", &dialect_gemini, false,
         false},
        {"/v1beta/models/qwen2.5:7b:countTokens", "", "qwen2.5:7b", &dialect_gemini, false, true},
        {"/v1alpha/models/a%20b%3Ac:generateContent", "", "a b:c", &dialect_gemini, false, false},
        {"/v1beta1/projects/p/locations/l/publishers/google/models/g:generateContent", "", "g",
         &dialect_gemini, false, false},
        {"/v1/projects/p/locations/l/publishers/openai/models/gpt-5:streamGenerateContent",
         "alt=sse", "openai/gpt-5", &dialect_gemini, true, false},
        {"/v1beta1/publishers/google/models/g:countTokens", "", "g", &dialect_gemini, false, true},
        {"/v1beta/models/accounts/fireworks/models/x:generateContent", "",
         "accounts/fireworks/models/x", &dialect_gemini, false, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct front_route r = {0};
        struct ir_peek p;
        struct fail f;
        struct drive d;
        drive_init(&d);
        const struct dialect *found = dialect_route(str_c(rows[i].path), str_c(rows[i].query), &r);
        if (found != rows[i].dialect)
            fail_msg("%s: wrong dialect", rows[i].path);
        assert_int_equal(r.stream, rows[i].stream);
        assert_int_equal(r.op == FRONT_COUNT, rows[i].count);
        jval body = drive_json(&d, STR("{\"contents\":[{\"parts\":[{\"text\":\"x\"}]}]}"));
        assert_int_equal(found->front->peek(body, &r, &d.arena, &p, &f), RC_OK);
        assert_true(str_eq(p.model, str_c(rows[i].model)));
        assert_int_equal(p.stream, rows[i].stream);
        assert_int_equal(p.messages, 1);
        drive_fini(&d);
    }
}

static void test_paths_of_others(void **state)
{
    static const char *const paths[] = {
        "/v1beta/models",
        "/v1beta/models/g",
        "/v1beta/models/g:",
        "/v1beta/models/:generateContent",
        "/v1beta/models/g:embedContent",
        "/v2/models/g:generateContent",
        "/models/g:generateContent",
        "/v1/projects/p/publishers/google/models/g:generateContent",
        "/v1/projects//locations/l/publishers/google/models/g:generateContent",
        "/v1beta/tunedModels/g:generateContent",
    };
    struct front_route r;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        if (dialect_gemini.front->route(str_c(paths[i]), STR(""), &r) ||
            dialect_gemini_array.front->route(str_c(paths[i]), STR(""), &r))
            fail_msg("taken: %s", paths[i]);
}

static void to_path(const struct dialect *dialect, const char *base, const char *model, bool stream,
                    const char *want)
{
    struct dialect_opts opts = {0};
    struct back_call c = {.opts = &opts, .model = str_c(model), .stream = stream};
    struct buf b = BUF_INIT(4096);
    dialect->back->request_path(&c, str_c(base), &b);
    if (!str_eq(buf_str(&b), str_c(want)))
        fail_msg("got " STR_FMT ", want %s", STR_ARG(buf_str(&b)), want);
    buf_fini(&b);
}

static void test_paths_of_providers(void **state)
{
#define P "/v1/projects/p/locations/l"
    (void)state;
    to_path(&dialect_gemini, "", "g", false, "/v1beta/models/g:generateContent");
    to_path(&dialect_gemini, "/v1", "g", true, "/v1/models/g:streamGenerateContent?alt=sse");
    to_path(&dialect_gemini, "/v1beta", "tunedModels/x", false,
            "/v1beta/tunedModels/x:generateContent");
    to_path(&dialect_gemini, "/v1beta", "models/x", false, "/v1beta/models/x:generateContent");
    to_path(&dialect_gemini, "/g/v1beta", "a/b c:d", false,
            "/g/v1beta/models/a/b%20c%3Ad:generateContent");
    to_path(&dialect_vertex, P, "g", false, P "/publishers/google/models/g:generateContent");
    to_path(&dialect_vertex, P "/publishers/google", "g", true,
            P "/publishers/google/models/g:streamGenerateContent?alt=sse");
    to_path(&dialect_vertex, "", "g", false, "/v1/publishers/google/models/g:generateContent");
    to_path(&dialect_vertex_anthropic, P, "claude-sonnet-4-5@20250929", false,
            P "/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict");
    to_path(&dialect_vertex_anthropic, P "/publishers/anthropic", "m", true,
            P "/publishers/anthropic/models/m:streamRawPredict");
#undef P
}

static void note_header(void *ctx, str name, str value)
{
    buf_addf(ctx, STR_FMT "=" STR_FMT ";", STR_ARG(name), STR_ARG(value));
}

static void test_headers(void **state)
{
    static const struct {
        const struct dialect *dialect;
        const char *key, *beta, *want;
    } rows[] = {
        {&dialect_gemini, "k", "", "x-goog-api-key=k;accept=application/json;"},
        {&dialect_vertex, "ya29.t", "", "authorization=Bearer ya29.t;accept=application/json;"},
        {&dialect_vertex, "AIzaX", "", "x-goog-api-key=AIzaX;accept=application/json;"},
        {&dialect_vertex_anthropic, "t", "", "authorization=Bearer t;accept=application/json;"},
        /* what Vertex does not know would be a 400 */
        {&dialect_vertex_anthropic, "t",
         "claude-code-20250219, context-1m-2025-08-07,"
         "advanced-tool-use-2025-11-20",
         "authorization=Bearer t;anthropic-beta=context-1m-2025-08-07,tool-search-tool-2025-10-19;"
         "accept=application/json;"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dialect_opts opts = {0};
        struct back_call c = {.opts = &opts,
                              .model = STR("m"),
                              .same = true,
                              .key = str_c(rows[i].key),
                              .client_beta = str_c(rows[i].beta)};
        struct buf b = BUF_INIT(4096);
        rows[i].dialect->back->request_headers(&c, note_header, &b);
        if (!str_eq(buf_str(&b), str_c(rows[i].want)))
            fail_msg("got " STR_FMT, STR_ARG(buf_str(&b)));
        buf_fini(&b);
    }
}

/* ---- requests -----------------------------------------------------------------------------------
 */

#define TEXT      "\"contents\":[{\"parts\":[{\"text\":\"hi\"}]}]"
#define CONFIG(c) "{" TEXT ",\"generationConfig\":{" c "}}"
#define PARTS(p)  "{\"contents\":[{\"role\":\"user\",\"parts\":[" p "]}]}"

static void test_j13_refused(void **state)
{
    static const struct {
        const char *body, *param;
    } rows[] = {
        {"[]", ""},
        {"7", ""},
        {"{}", "contents"},
        {"{\"contents\":\"hi\"}", "contents"},
        {"{\"contents\":[]}", "contents"},
        {"{\"contents\":[7]}", "contents[0]"},
        {"{\"contents\":[{\"role\":\"king\",\"parts\":[]}]}", "contents[0]"},
        {"{\"contents\":[{\"parts\":\"x\"}]}", "contents[0].parts"},
        {PARTS("{\"text\":7}"), "contents[0].parts[0].text"},
        {PARTS("{\"inlineData\":{}}"), "contents[0].parts[0].inlineData"},
        {PARTS("{\"functionCall\":{}}"), "contents[0].parts[0].functionCall"},
        {PARTS("{\"functionResponse\":{\"response\":{}}}"),
         "contents[0].parts[0].functionResponse"},
        {"{" TEXT ",\"systemInstruction\":7}", "systemInstruction"},
        {CONFIG("\"maxOutputTokens\":1.5"), "maxOutputTokens"},
        {CONFIG("\"maxOutputTokens\":0"), "maxOutputTokens"},
        {CONFIG("\"max_output_tokens\":-1"), "maxOutputTokens"},
        {CONFIG("\"candidateCount\":0"), "candidateCount"},
        {CONFIG("\"temperature\":\"hot\""), "generationConfig.temperature"},
        {CONFIG("\"stopSequences\":[7]"), "generationConfig.stopSequences"},
        {CONFIG("\"thinkingConfig\":{\"thinkingBudget\":1.5}"), "generationConfig.thinkingConfig"},
        {"{" TEXT ",\"tools\":7}", "tools"},
        {"{" TEXT ",\"tools\":[7]}", "tools[0]"},
        {"{" TEXT ",\"tools\":[{\"functionDeclarations\":[{}]}]}",
         "tools[0].functionDeclarations[0]"},
        {"{" TEXT ",\"toolConfig\":{\"functionCallingConfig\":{\"mode\":\"perhaps\"}}}",
         "toolConfig.functionCallingConfig"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ir_request r;
        struct drive d;
        drive_init(&d);
        if (drive_decode(&d, &dialect_gemini, str_c(rows[i].body), &r) == RC_OK)
            fail_msg("accepted: %s", rows[i].body);
        assert_int_equal(d.fail.kind, ERR_BAD_REQUEST);
        if (!str_eq(d.fail.param, str_c(rows[i].param)))
            fail_msg("%s: param " STR_FMT, rows[i].body, STR_ARG(d.fail.param));
        drive_fini(&d);
    }
}

static void test_j13_taken(void **state)
{
    static const char *const bodies[] = {
        CONFIG("\"temperature\":null,\"topK\":1e1,\"maxOutputTokens\":null"),
        CONFIG("\"thinkingConfig\":{\"thinkingBudget\":-1,\"includeThoughts\":true}"),
        "{" TEXT ",\"tools\":null,\"toolConfig\":null,\"generationConfig\":null,\"unheard\":{}}",
        PARTS("{},{\"thoughtSignature\":\"U0lH\"},{\"text\":\"\"}"),
        PARTS("{\"functionResponse\":{\"name\":\"f\"}}"),
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct ir_request r;
        struct drive d;
        drive_init(&d);
        if (drive_decode(&d, &dialect_gemini, str_c(bodies[i]), &r) != RC_OK)
            fail_msg("%s: " STR_FMT, bodies[i], STR_ARG(d.fail.message));
        drive_fini(&d);
    }
}

/* What only Google has a part of cannot be asked of anybody else. */
static void test_cached_content_is_refused(void **state)
{
    struct ir_request r;
    struct drive d;
    (void)state;
    drive_init(&d);
    assert_int_equal(drive_decode(&d, &dialect_gemini,
                                  STR("{" TEXT ",\"cachedContent\":\"cachedContents/a\"}"), &r),
                     RC_SYNTAX);
    assert_int_equal(d.fail.kind, ERR_UNSUPPORTED);
    drive_fini(&d);
}

static void test_counts(void **state)
{
    static const char *const bodies[] = {
        "{" TEXT "}",
        "{\"generateContentRequest\":{\"model\":\"models/g\"," TEXT
        ",\"systemInstruction\":{\"parts\":[{\"text\":\"s\"}]}}}",
    };
    struct front_route route = {.op = FRONT_COUNT, .model = STR("g"), .stream_said = true};
    struct buf b = BUF_INIT(64);
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct ir_request r;
        struct drive d;
        struct fail f;
        drive_init(&d);
        assert_int_equal(dialect_gemini.front->decode_request(drive_json(&d, str_c(bodies[i])),
                                                              &route, &d.arena, &r, &f),
                         RC_OK);
        assert_int_equal(r.messages->role, i ? IR_SYSTEM : IR_USER);
        drive_fini(&d);
    }
    dialect_gemini.front->encode_count(42, &b);
    assert_true(str_eq(buf_str(&b), STR("{\"totalTokens\":42}")));
    buf_fini(&b);
}

static void test_when_gemini_thinks(void **state)
{
    static const struct {
        const char *more, *model, *want, *lost;
    } rows[] = {
        {"\"reasoning_effort\":\"low\"", "gemini-2.5-flash",
         "{\"thinkingBudget\":2048,\"includeThoughts\":true}", ""},
        {"\"reasoning_effort\":\"minimal\"", "gemini-2.5-flash-lite",
         "{\"thinkingBudget\":512,\"includeThoughts\":true}", ""},
        {"\"reasoning_effort\":\"max\"", "gemini-2.5-pro",
         "{\"thinkingBudget\":32768,\"includeThoughts\":true}", ""},
        {"\"reasoning_effort\":\"none\"", "gemini-2.5-flash", "{\"thinkingBudget\":0}", ""},
        {"\"reasoning_effort\":\"none\"", "gemini-2.5-pro", "{\"thinkingBudget\":128}", ""},
        {"\"reasoning\":{\"max_tokens\":90000}", "gemini-2.5-flash",
         "{\"thinkingBudget\":24576,\"includeThoughts\":true}", ""},
        {"\"thinking\":{\"type\":\"adaptive\"}", "gemini-2.5-flash",
         "{\"thinkingBudget\":-1,\"includeThoughts\":true}", ""},
        {"\"reasoning_effort\":\"high\"", "gemini-3-pro-preview",
         "{\"thinkingLevel\":\"HIGH\",\"includeThoughts\":true}", ""},
        {"\"reasoning_effort\":\"medium\"", "gemini-3-pro-preview",
         "{\"thinkingLevel\":\"HIGH\",\"includeThoughts\":true}", ""},
        {"\"reasoning_effort\":\"medium\"", "gemini-3.1-pro-preview",
         "{\"thinkingLevel\":\"MEDIUM\",\"includeThoughts\":true}", ""},
        {"\"reasoning_effort\":\"none\"", "google/gemini-3-flash",
         "{\"thinkingLevel\":\"MINIMAL\"}", "effort"},
        {"\"reasoning_effort\":\"xhigh\"", "gemini-3-flash",
         "{\"thinkingLevel\":\"HIGH\",\"includeThoughts\":true}", "effort"},
        {"\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1000}", "gemini-flash-latest",
         "{\"thinkingBudget\":1000,\"includeThoughts\":true}", ""},
        {"\"reasoning_effort\":\"high\"", "gemini-2.0-flash", NULL, "thinking"},
        {"\"n\":1", "gemini-2.5-flash", NULL, ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct drive d;
        drive_init(&d);
        str body = arena_strf(&d.arena,
                              "{\"model\":\"m\",\"messages\":[{\"role\":\"user\","
                              "\"content\":\"hi\"}],%s}",
                              rows[i].more);
        str out = drive_request(&d, &dialect_openai_chat, body, &dialect_gemini, rows[i].model);
        assert_non_null(out.p);
        str got =
            json_text(json_path(drive_json(&d, out), "generationConfig", "thinkingConfig", NULL));
        if (!str_eq(got, rows[i].want ? str_c(rows[i].want) : STR("")))
            fail_msg("%s %s: " STR_FMT, rows[i].model, rows[i].more, STR_ARG(got));
        assert_true(str_eq(drive_losses(&d), str_c(rows[i].lost)));
        drive_fini(&d);
    }
}

/* ---- signatures ---------------------------------------------------------------------------------
 */

#define CALL(id, extra)                                                               \
    "{\"id\":\"" id "\",\"type\":\"function\"" extra ",\"function\":{\"name\":\"f\"," \
    "\"arguments\":\"{}\"}}"
#define SIGNED ",\"extra_content\":{\"google\":{\"thought_signature\":\"U0lH\"}}"
#define TURN(members)                                                                 \
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":" \
    "\"assistant\"," members "},{\"role\":\"user\",\"content\":\"b\"}]}"

static void test_where_signatures_go(void **state)
{
    static const struct {
        const char *body, *model, *want, *lost;
    } rows[] = {
        {TURN("\"tool_calls\":[" CALL("1", SIGNED) "," CALL("2", "") "]"), "gemini-3-pro",
         "[{\"functionCall\":{\"id\":\"1\",\"name\":\"f\",\"args\":{}},\"thoughtSignature\":"
         "\"U0lH\"},{\"functionCall\":{\"id\":\"2\",\"name\":\"f\",\"args\":{}}}]",
         ""},
        /* nothing was kept: the first call gets the word that skips the check, the second does not
         */
        {TURN("\"tool_calls\":[" CALL("1", "") "," CALL("2", "") "]"), "gemini-3-pro",
         "[{\"functionCall\":{\"id\":\"1\",\"name\":\"f\",\"args\":{}},\"thoughtSignature\":"
         "\"skip_thought_signature_validator\"},{\"functionCall\":{\"id\":\"2\",\"name\":\"f\","
         "\"args\":{}}}]",
         ""},
        {TURN("\"tool_calls\":[" CALL("1", "") "]"), "gemini-2.5-pro",
         "[{\"functionCall\":{\"id\":\"1\",\"name\":\"f\",\"args\":{}}}]", ""},
        /* one that came alone stands on the first call, else on the last text */
        {TURN("\"reasoning_details\":[{\"type\":\"reasoning.encrypted\",\"data\":\"U0VBTA\","
              "\"format\":\"google-gemini-v1\"}],\"content\":\"x\",\"tool_calls\":[" CALL("1",
                                                                                          "") "]"),
         "gemini-3-pro",
         "[{\"text\":\"x\"},{\"functionCall\":{\"id\":\"1\",\"name\":\"f\",\"args\":{}},"
         "\"thoughtSignature\":\"U0VBTA\"}]",
         ""},
        {TURN("\"reasoning_details\":[{\"type\":\"reasoning.encrypted\",\"data\":\"U0VBTA\","
              "\"format\":\"google-gemini-v1\"}],\"content\":\"x\""),
         "gemini-3-pro", "[{\"text\":\"x\",\"thoughtSignature\":\"U0VBTA\"}]", ""},
        /* another maker's is of no use */
        {TURN("\"reasoning_details\":[{\"type\":\"reasoning.encrypted\",\"data\":\"U0VBTA\","
              "\"format\":\"anthropic-claude-v1\"}],\"content\":\"x\""),
         "gemini-3-pro", "[{\"text\":\"x\"}]", "thinking"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct drive d;
        drive_init(&d);
        str out = drive_request(&d, &dialect_openai_chat, str_c(rows[i].body), &dialect_gemini,
                                rows[i].model);
        assert_non_null(out.p);
        struct json_iter it = json_iter(json_get_lit(drive_json(&d, out), "contents"));
        assert_true(json_next(&it) && json_next(&it));
        str got = json_text(json_get_lit(it.val, "parts"));
        if (!str_eq(got, str_c(rows[i].want)))
            fail_msg("%zu: " STR_FMT, i, STR_ARG(got));
        assert_true(str_eq(drive_losses(&d), str_c(rows[i].lost)));
        drive_fini(&d);
    }
}

/* What a function answers with is for the model to read, too, and when: no other language has a
 * place for it. */
static void test_what_functions_have_here_only(void **state)
{
    static const char body[] =
        "{\"contents\":[{\"parts\":[{\"text\":\"a\"}]},{\"role\":\"model\",\"parts\":[{"
        "\"functionCall\":{\"name\":\"f\"}}]},{\"parts\":[{\"functionResponse\":{\"name\":\"f\","
        "\"response\":{},\"scheduling\":\"WHEN_IDLE\",\"willContinue\":true}}]}],"
        "\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\",\"response\":{\"type\":\"OBJECT\"}},"
        "{\"name\":\"g\",\"responseJsonSchema\":{\"type\":\"object\"}}]}]}";
    struct drive d;
    (void)state;
    drive_init(&d);
    assert_non_null(drive_request(&d, &dialect_gemini, str_c(body), &dialect_openai_chat, "m").p);
    assert_str(
        drive_losses(&d),
        "contents.parts.functionResponse.scheduling, contents.parts.functionResponse.willContinue, "
        "tools.functionDeclarations.response, tools.functionDeclarations.responseJsonSchema");
    drive_fini(&d);
}

/* ---- splicing -----------------------------------------------------------------------------------
 */

static void test_splices(void **state)
{
    struct drive d;
    (void)state;
    drive_init(&d);
    str body = STR("{ \"contents\": [ {\"unheard\": 1.0} ], \"model\": \"models/a\" }");
    assert_true(str_eq(drive_splice(&d, &dialect_gemini, body, "b\"c", true),
                       STR("{ \"contents\": [ {\"unheard\": 1.0} ], \"model\": \"models/b\\\"c\" "
                           "}")));
    body = STR("{\"contents\":[]}");
    assert_true(str_eq(drive_splice(&d, &dialect_vertex, body, "b", false), body));
    body = STR("{\"model\":\"m\",\"max_tokens\":1,\"stream\":true,\"container\":\"c\",\"messages\":"
               "[]}");
    str out = drive_splice(&d, &dialect_vertex_anthropic, body, "b", true);
    assert_true(str_eq(out, STR("{\"anthropic_version\":\"vertex-2023-10-16\",\"max_tokens\":1,"
                                "\"stream\":true,\"messages\":[]}")));
    assert_true(str_eq(drive_losses(&d), STR("container")));
    drive_fini(&d);
}

static void test_claude_on_vertex(void **state)
{
    struct drive d;
    (void)state;
    drive_init(&d);
    str out = drive_request(&d, &dialect_openai_chat,
                            STR("{\"model\":\"m\",\"stream\":true,\"max_tokens\":5,\"messages\":["
                                "{\"role\":\"user\",\"content\":\"hi\"}]}"),
                            &dialect_vertex_anthropic, "claude-sonnet-4-5@20250929");
    assert_true(str_eq(out, STR("{\"anthropic_version\":\"vertex-2023-10-16\",\"max_tokens\":5,"
                                "\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":[{"
                                "\"type\":\"text\",\"text\":\"hi\"}]}]}")));
    drive_fini(&d);
}

/* ---- answers ------------------------------------------------------------------------------------
 */

static const struct front_opts opts = {.id = {"i", 1}, .model = {"m", 1}, .created = 1};

#define CHUNK(parts, more)                                                                \
    "{\"candidates\":[{\"content\":{\"parts\":[" parts "],\"role\":\"model\"}" more "}]," \
    "\"modelVersion\":\"g\",\"responseId\":\"r\"}"
#define STOP ",\"finishReason\":\"STOP\""
#define TEXT_STREAM                                  \
    "data: " CHUNK("{\"text\":\"a\",\"unheard\":1}", \
                   "") "\r\n\r\ndata: " CHUNK("{\"text\":\"b\"}", STOP) "\r\n\r\n"

/* Streams that are no answer: what the events end in. */
static void test_streams_that_break(void **state)
{
    static const struct {
        const char *bytes, *end;
    } rows[] = {
        {"", "cut off"},
        {"data: {}\r\n\r\n", "cut off"},
        {"data: " CHUNK("{\"text\":\"a\"}", "") "\r\n\r\n", "cut off"},
        {"data: {\"candidates\":[]}\r\n\r\n", "cut off"},
        {"data: nonsense\r\n\r\n", "error upstream: The provider sent an event that is no JSON."},
        {"data: 7\r\n\r\n", "error upstream: The provider sent an event that is no chunk."},
        {"data: " CHUNK("{\"functionCall\":{\"args\":{}}}", "") "\r\n\r\n",
         "error upstream: The provider sent a tool call without a name."},
        {"[{\"error\":{\"code\":400,\"message\":\"No.\",\"status\":\"INVALID_ARGUMENT\"}}]\r\n\r\n",
         "error bad_request: No."},
        {"data: {\"error\":\"words\"}\r\n\r\n",
         "error upstream: The provider's answer could not be "
         "used."},
        /* arguments that never ended */
        {"data: " CHUNK("{\"functionCall\":{\"name\":\"f\",\"willContinue\":true}}", "") "\r\n\r\n",
         "cut off"},
        {"data: " CHUNK("{\"functionCall\":{\"name\":\"f\",\"partialArgs\":[{\"jsonPath\":\"$[0]\","
                        "\"numberValue\":1}],\"willContinue\":true}}",
                        "") "\r\n\r\n",
         "error upstream: The provider sent arguments that are no object."},
        {"data: " CHUNK(
             "{\"functionCall\":{\"name\":\"f\",\"partialArgs\":[{\"jsonPath\":\"$.a.b\","
             "\"numberValue\":1},{\"jsonPath\":\"$.a[0]\",\"numberValue\":1}]}}",
             "") "\r\n\r\n",
         "error upstream: The provider sent arguments that are no object."},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct drive d;
        drive_init(&d);
        struct answer a = {
            .dialect = &dialect_gemini, .bytes = str_c(rows[i].bytes), .stream = true};
        str lines = drive_lines(&d, &a);
        str want = arena_strf(&d.arena, "%s\n", rows[i].end);
        if (!str_has_suffix(lines, want))
            fail_msg("%zu: " STR_FMT, i, STR_ARG(lines));
        drive_fini(&d);
    }
}

/* The arguments in pieces are the object, whatever the order of closing. */
static void test_arguments_in_pieces(void **state)
{
    static const struct {
        const char *pieces, *want;
    } rows[] = {
        {"", "{}"},
        {"{\"jsonPath\":\"$.a\",\"stringValue\":\"x\",\"willContinue\":true}", "{\"a\":\"x\"}"},
        {"{\"jsonPath\":\"$.a\",\"numberValue\":-1.5e3},{\"jsonPath\":\"$.b\",\"boolValue\":false}",
         "{\"a\":-1.5e3,\"b\":false}"},
        {"{\"jsonPath\":\"$.a[0][0]\",\"numberValue\":1},{\"jsonPath\":\"$.a[0][1]\","
         "\"numberValue\":2},{\"jsonPath\":\"$.a[1][0]\",\"nullValue\":\"NULL_VALUE\"}",
         "{\"a\":[[1,2],[null]]}"},
        {"{\"jsonPath\":\"$.a.b.c\",\"stringValue\":\"\\\"\\u00e9\"},{\"jsonPath\":\"$.a.d\","
         "\"numberValue\":1}",
         "{\"a\":{\"b\":{\"c\":\"\\\"\\u00e9\"},\"d\":1}}"},
        {"{\"jsonPath\":\"$.a\",\"numberValue\":1},{\"jsonPath\":\"$.a\",\"numberValue\":2}",
         "{\"a\":1}"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ir_collect c;
        struct drive d;
        drive_init(&d);
        str bytes = arena_strf(&d.arena,
                               "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{"
                               "\"name\":\"f\",\"partialArgs\":[%s]}}]},\"finishReason\":\"STOP\"}]"
                               "}\n\n",
                               rows[i].pieces);
        struct answer a = {.dialect = &dialect_gemini, .bytes = bytes, .stream = true};
        ir_collect_init(&c, &d.arena, false);
        assert_int_equal(drive_answer(&d, &a, ir_collect_sink(&c), NULL), ANSWER_WHOLE);
        str got = c.response.answers->blocks->use.args;
        if (!str_eq(got, str_c(rows[i].want)))
            fail_msg("%zu: " STR_FMT, i, STR_ARG(got));
        drive_fini(&d);
    }
}

static void test_u44_counts_that_are_none(void **state)
{
    static const struct {
        const char *usage, *want;
    } rows[] = {
        {"{}", ""},
        {"null", ""},
        {"{\"trafficType\":\"ON_DEMAND\"}", ""},
        {"{\"promptTokenCount\":-1,\"candidatesTokenCount\":\"7\"}", ""},
        {"{\"promptTokenCount\":1.5,\"totalTokenCount\":3}",
         "usage in=0 read=0 w5m=0 w1h=0 out=0 reason=0 suspect\n"},
        {"{\"promptTokenCount\":3,\"cachedContentTokenCount\":9,\"totalTokenCount\":3}",
         "usage in=0 read=3 w5m=0 w1h=0 out=0 reason=0 suspect\n"},
        {"{\"promptTokenCount\":9007199254740993,\"candidatesTokenCount\":2}",
         "usage in=0 read=0 w5m=0 w1h=0 out=2 reason=0 suspect\n"},
        {"{\"promptTokenCount\":3,\"candidatesTokenCount\":2,\"thoughtsTokenCount\":5}",
         "usage in=3 read=0 w5m=0 w1h=0 out=7 reason=5\n"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct drive d;
        drive_init(&d);
        str body = arena_strf(&d.arena,
                              "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},"
                              "\"finishReason\":\"STOP\"}],\"usageMetadata\":%s}",
                              rows[i].usage);
        struct answer a = {.dialect = &dialect_gemini, .bytes = body};
        str lines = drive_lines(&d, &a);
        size_t at = str_find(lines, STR("usage "));
        str got = at == SIZE_MAX ? STR("") : str_from(lines, at);
        if (got.n)
            got = str_head(got, str_find_char(got, '\n') + 1);
        if (!str_eq(got, str_c(rows[i].want)))
            fail_msg("%s: " STR_FMT, rows[i].usage, STR_ARG(got));
        drive_fini(&d);
    }
}

static void test_bodies_that_are_no_answer(void **state)
{
    static const char *const bodies[] = {
        "{}", "[]", "[7]", "7", "null", "{\"error\":{\"code\":500,\"message\":\"x\"}}"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct drive d;
        drive_init(&d);
        struct answer a = {.dialect = &dialect_gemini, .bytes = str_c(bodies[i])};
        if (str_find(drive_lines(&d, &a), STR("error upstream")) == SIZE_MAX)
            fail_msg("%s: no error", bodies[i]);
        drive_fini(&d);
    }
}

/* ---- the array ----------------------------------------------------------------------------------
 */

static void test_the_array_is_one_document(void **state)
{
    struct drive d;
    (void)state;
    drive_init(&d);
    struct answer a = {.dialect = &dialect_gemini, .bytes = STR(TEXT_STREAM), .stream = true};
    jval list = drive_json(&d, drive_to_stream(&d, &a, &dialect_gemini_array, &opts));
    assert_int_equal(json_len(list), 3); /* two texts and the end */
    a.bytes = STR("data: " CHUNK("{\"text\":\"a\"}",
                                 "") "\r\n\r\ndata: {\"error\":{\"code\":503,"
                                     "\"message\":\"x\",\"status\":\"UNAVAILABLE\"}}\r\n\r\n");
    list = drive_json(&d, drive_to_stream(&d, &a, &dialect_gemini_array, &opts));
    struct json_iter it = json_iter(list);
    assert_true(json_next(&it) && json_next(&it));
    assert_true(json_is(json_get_lit(it.val, "error"), JSON_OBJECT));
    assert_false(json_next(&it));
    drive_fini(&d);
}

struct reframing {
    const struct dialect_front *front;
    void *state;
    struct buf *out;
};

static void only_the_end(void *ctx, const struct ir_event *ev)
{
    struct reframing *r = ctx;
    if (ev->type == IR_EV_END || ev->type == IR_EV_ERROR)
        r->front->encode_event(r->state, ev, r->out);
}

/* A provider's own chunks go in unread: what nobody knows survives. */
static void test_raw_chunks_are_framed_unread(void **state)
{
    const struct dialect_front *front = dialect_gemini_array.front;
    const struct dialect_back *back = dialect_gemini.back;
    struct buf out = BUF_INIT(65536);
    struct frame_parser p;
    struct sse_event ev;
    struct drive d;
    str in = STR(": a comment\r\n\r\n" TEXT_STREAM);
    (void)state;
    drive_init(&d);
    struct front_opts o = opts;
    o.arena = &d.arena;
    void *stream = arena_alloc(&d.arena, front->stream_size);
    void *decoder = arena_alloc(&d.arena, back->decoder_size);
    struct reframing r = {front, stream, &out};
    struct ir_sink sink = {only_the_end, &r};
    front->stream_init(stream, &o);
    back->decoder_init(decoder, false);
    frame_init(&p, back->framing, SSE_EVENT_MAX);
    while (frame_next(&p, &in, &ev) == SSE_EVENT)
        if (back->feed(decoder, &d.scratch, &ev, sink) == FEED_FORWARD)
            front->encode_raw(stream, &ev, &out);
    assert_true(back->end(decoder, sink));
    assert_true(
        str_eq(buf_str(&out), STR("[" CHUNK("{\"text\":\"a\",\"unheard\":1}",
                                            "") ",\r\n" CHUNK("{\"text\":\"b\"}", STOP) "]")));
    frame_fini(&p);
    buf_fini(&out);
    drive_fini(&d);
}

/* ---- errors -------------------------------------------------------------------------------------
 */

static void test_errors_to_clients(void **state)
{
    static const struct {
        struct fail fail;
        unsigned status;
        const char *want;
    } rows[] = {
        {{.kind = ERR_AUTH}, 400, "\"reason\":\"API_KEY_INVALID\""},
        {{.kind = ERR_NO_KEY}, 403, "\"status\":\"PERMISSION_DENIED\"}}"},
        {{.kind = ERR_RATE_LIMITED, .retry_after_ms = 16500}, 429, "\"retryDelay\":\"17s\""},
        {{.kind = ERR_RATE_LIMITED}, 429, "QuotaFailure"},
        {{.kind = ERR_BUDGET}, 429, "QuotaFailure"},
        {{.kind = ERR_BAD_REQUEST, .param = STR("a.b"), .message = STR("No \"x\".")},
         400,
         "\"fieldViolations\":[{\"field\":\"a.b\",\"description\":\"No \\\"x\\\".\"}]"},
        {{.kind = ERR_NOT_FOUND}, 404, "\"status\":\"NOT_FOUND\"}}"},
        {{.kind = ERR_UPSTREAM_AUTH}, 503, "\"status\":\"UNAVAILABLE\"}}"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b = BUF_INIT(4096), s = BUF_INIT(4096), l = BUF_INIT(4096);
        struct front_error e;
        struct drive d;
        drive_init(&d);
        dialect_gemini.front->encode_error(&rows[i].fail, STR("r"), &e, &b);
        dialect_gemini.front->encode_stream_error(&rows[i].fail, STR("r"), &s);
        dialect_gemini_array.front->encode_stream_error(&rows[i].fail, STR("r"), &l);
        assert_int_equal(e.status, rows[i].status);
        assert_true(str_has_prefix(buf_str(&b), STR("{\"error\":{\"code\":")));
        if (str_find(buf_str(&b), str_c(rows[i].want)) == SIZE_MAX)
            fail_msg("%s: " STR_FMT, rows[i].want, STR_ARG(buf_str(&b)));
        assert_int_equal(str_find(buf_str(&b), STR("RetryInfo")) != SIZE_MAX,
                         rows[i].fail.kind == ERR_RATE_LIMITED);
        (void)drive_json(&d, buf_str(&b));
        assert_true(str_has_prefix(buf_str(&s), STR("data: {\"error\":{")));
        assert_true(str_has_suffix(buf_str(&s), STR("}\r\n\r\n")));
        assert_true(json_is(drive_json(&d, buf_str(&l)), JSON_ARRAY));
        buf_fini(&b);
        buf_fini(&s);
        buf_fini(&l);
        drive_fini(&d);
    }
}

#define DETAILS(d) "{\"error\":{\"code\":400,\"message\":\"m\",\"details\":[" d "]}}"

static void test_errors_of_providers(void **state)
{
    static const struct {
        const char *body;
        unsigned status;
        enum err kind;
        uint64_t retry_after_ms;
        bool bad_key;
    } rows[] = {
        {DETAILS("{\"@type\":\"t\",\"retryDelay\":\"48.5s\"}"), 429, ERR_RATE_LIMITED, 48500,
         false},
        {DETAILS("{\"retryDelay\":\"soon\"},{\"retryDelay\":7}"), 429, ERR_RATE_LIMITED, 0, false},
        {DETAILS("{\"reason\":\"API_KEY_INVALID\"}"), 400, ERR_BAD_REQUEST, 0, true},
        {"[" DETAILS("{\"retryDelay\":\"2s\"}") "]", 503, ERR_OVERLOADED, 2000, false},
        {"{\"error\":{\"code\":400,\"message\":\"The input token count (9) exceeds the maximum "
         "number of tokens allowed (1).\",\"status\":\"INVALID_ARGUMENT\"}}",
         400, ERR_CONTEXT_LENGTH, 0, false},
        {"no JSON", 404, ERR_NOT_FOUND, 0, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct reply_facts facts = {.status = rows[i].status};
        struct fail f;
        struct drive d;
        drive_init(&d);
        dialect_gemini.back->decode_error(&facts, str_c(rows[i].body), &d.arena, &f);
        assert_int_equal(f.kind, rows[i].kind);
        assert_int_equal(f.retry_after_ms, rows[i].retry_after_ms);
        assert_int_equal(f.bad_key, rows[i].bad_key);
        drive_fini(&d);
    }
}

/* ---- schemas ------------------------------------------------------------------------------------
 */

static void test_schemas(void **state)
{
    static const struct {
        const char *from, *to; /* NULL: it is left as it is */
    } rows[] = {
        {"{\"type\":\"object\",\"properties\":{\"format\":{\"type\":\"string\"}}}", NULL},
        {"{}", NULL},
        {"{\"type\":[\"STRING\",\"NULL\"]}", NULL}, /* a list is no form of Google's */
        {"{\"type\":\"STRING\"}", "{\"type\":\"string\"}"},
        {"{\"type\":\"TYPE_UNSPECIFIED\",\"any_of\":[{\"type\":\"NUMBER\"}]}",
         "{\"anyOf\":[{\"type\":\"number\"}]}"},
        {"{\"nullable\":true,\"type\":\"object\",\"properties\":{\"nullable\":{\"type\":\"A\"}}}",
         "{\"type\":[\"object\",\"null\"],\"properties\":{\"nullable\":{\"type\":\"a\"}}}"},
        {"{\"type\":\"STRING\",\"enum\":[\"STRING\",null],\"nullable\":true}",
         "{\"type\":[\"string\",\"null\"],\"enum\":[\"STRING\",null]}"},
        {"{\"type\":\"STRING\",\"minLength\":\"x\",\"max_length\":\"5\"}",
         "{\"type\":\"string\",\"minLength\":\"x\",\"maxLength\":5}"},
        /* one member in two spellings: left alone rather than made invalid */
        {"{\"minItems\":\"1\",\"min_items\":\"1\"}", NULL},
        {"{\"properties\":7,\"items\":[],\"type\":\"ARRAY\"}",
         "{\"properties\":7,\"items\":[],\"type\":\"array\"}"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct drive d;
        drive_init(&d);
        jval from = drive_json(&d, str_c(rows[i].from));
        jval to = openapi_to_json_schema(&d.arena, from);
        str want = str_c(rows[i].to ? rows[i].to : rows[i].from);
        if (!str_eq(json_text(to), want))
            fail_msg("%s: " STR_FMT, rows[i].from, STR_ARG(json_text(to)));
        drive_fini(&d);
    }
}

/* ---- sources ------------------------------------------------------------------------------------
 */

static void test_bytes_of_escaped_text(void **state)
{
    static const struct {
        const char *text;
        unsigned bytes;
    } rows[] = {
        {"", 0},        {"abc", 3},     {"a\\nb", 3},   {"\\\"\\\\", 2},       {"\xc3\xa9", 2},
        {"\\u00e9", 2}, {"\\u0041", 1}, {"\\u20ac", 3}, {"\\ud83d\\ude00", 4}, {"\\ud83dx", 4},
        {"\\u12", 3},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (ground_bytes(str_c(rows[i].text)) != rows[i].bytes)
            fail_msg("%s: %u", rows[i].text, (unsigned)ground_bytes(str_c(rows[i].text)));
}

#define CITE(url) "{\"type\":\"web_search_result_location\",\"url\":\"" url "\",\"title\":\"T\"}"

static void grounded(const struct grounding *g, const char *want)
{
    struct buf b = BUF_INIT(1 << 20);
    ground_write(g, &b);
    assert_str(buf_str(&b), want);
    buf_fini(&b);
}

static void test_grounding(void **state)
{
    struct drive d;
    struct grounding *g = NULL;
    (void)state;
    drive_init(&d);
    struct arena *a = &d.arena;
    ground_cite(&g, a, STR("{\"type\":\"char_location\",\"cited_text\":\"of a document\"}"));
    ground_search(&g, a, STR("{\"type\":\"code_execution_tool_result\"}"), STR_NONE);
    ground_search(&g, a, STR("no JSON"), STR_NONE);
    ground_search(&g, a,
                  STR("{\"type\":\"web_search_tool_result\",\"content\":{\"error_code\":1}}"),
                  STR_NONE);
    ground_support(g, a, 0, 5);
    grounded(g, "");
    ground_search(&g, a, STR("{\"type\":\"server_tool_use\",\"name\":\"web_search\",\"input\":{}}"),
                  STR("{\\\"query\\\":\\\"a \\\\\\\"b\\\\\\\"\\\"}"));
    grounded(g, "{\"webSearchQueries\":[\"a \\\"b\\\"\"]}");
    ground_search(
        &g, a,
        STR("{\"type\":\"web_search_tool_result\",\"content\":[{\"url\":\"u1\",\"title\":\"T\"},"
            "{\"url\":\"u2\",\"title\":\"\"},{\"url\":\"u1\"}]}"),
        STR_NONE);
    ground_cite(&g, a, STR(CITE("u2")));
    ground_support(g, a, 3, 3); /* no words */
    ground_support(g, a, 3, 9); /* … and nothing cited since */
    ground_cite(&g, a, STR(CITE("u3")));
    ground_cite(&g, a, STR(CITE("u1")));
    ground_cite(&g, a, STR(CITE("u3")));
    ground_support(g, a, 9, 12);
    ground_support(g, a, 12, 15);
    grounded(g,
             "{\"webSearchQueries\":[\"a \\\"b\\\"\"],\"groundingChunks\":["
             "{\"web\":{\"uri\":\"u1\",\"title\":\"T\"}},{\"web\":{\"uri\":\"u2\",\"title\":\"\"}},"
             "{\"web\":{\"uri\":\"u3\",\"title\":\"T\"}}],\"groundingSupports\":[{\"segment\":"
             "{\"startIndex\":9,\"endIndex\":12},\"groundingChunkIndices\":[0,2]}]}");
    drive_fini(&d);
}

/* A page more than there is room for is not told, nor what rests on it alone. */
static void test_grounding_is_bounded(void **state)
{
    struct drive d;
    struct grounding *g = NULL;
    (void)state;
    drive_init(&d);
    for (unsigned i = 0; i < GROUND_SOURCES + 10; i++) {
        char text[128];
        snprintf(text, sizeof text, CITE("https://e.org/%u"), i);
        ground_cite(&g, &d.arena, str_c(text));
        ground_support(g, &d.arena, i, i + 1);
    }
    assert_int_equal(g->n, GROUND_SOURCES);
    struct buf b = BUF_INIT(1 << 20);
    ground_write(g, &b);
    assert_int_equal(str_find(buf_str(&b), STR("e.org/128")), SIZE_MAX);
    assert_true(json_has(json_path(drive_json(&d, buf_str(&b)), "groundingSupports", NULL)));
    buf_fini(&b);
    drive_fini(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths_of_clients),
        cmocka_unit_test(test_paths_of_others),
        cmocka_unit_test(test_paths_of_providers),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_j13_refused),
        cmocka_unit_test(test_j13_taken),
        cmocka_unit_test(test_cached_content_is_refused),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_when_gemini_thinks),
        cmocka_unit_test(test_where_signatures_go),
        cmocka_unit_test(test_what_functions_have_here_only),
        cmocka_unit_test(test_splices),
        cmocka_unit_test(test_claude_on_vertex),
        cmocka_unit_test(test_streams_that_break),
        cmocka_unit_test(test_arguments_in_pieces),
        cmocka_unit_test(test_u44_counts_that_are_none),
        cmocka_unit_test(test_bodies_that_are_no_answer),
        cmocka_unit_test(test_the_array_is_one_document),
        cmocka_unit_test(test_raw_chunks_are_framed_unread),
        cmocka_unit_test(test_errors_to_clients),
        cmocka_unit_test(test_errors_of_providers),
        cmocka_unit_test(test_schemas),
        cmocka_unit_test(test_bytes_of_escaped_text),
        cmocka_unit_test(test_grounding),
        cmocka_unit_test(test_grounding_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
