/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bedrock: what is neither an answer's decoding nor the usual request (the golden cases have
 * those): paths, credentials, errors with their type in a header, what each maker's models take,
 * names of documents, and the envelope of InvokeModel.
 */
#include "drive.h"

#include "dialect/aws.h"
#include "dialect/bedrock_int.h"
#include "http/eventstream.h"

/* ---- paths and headers -------------------------------------------------------------------------
 */

static str path_of(struct drive *d, const struct dialect *dialect, const char *base,
                   const char *model, bool stream)
{
    struct back_call c = {.opts = &d->opts, .model = str_c(model), .stream = stream};
    struct buf b = BUF_INIT(4096);
    dialect->back->request_path(&c, str_c(base), &b);
    str path = arena_dup(&d->arena, buf_str(&b));
    buf_fini(&b);
    return path;
}

static void test_paths(void **state)
{
    struct drive d;
    (void)state;
    drive_init(&d);
    assert_str(path_of(&d, &dialect_bedrock, "", "amazon.nova-lite-v1:0", false),
               "/model/amazon.nova-lite-v1%3A0/converse");
    assert_str(path_of(&d, &dialect_bedrock, "/proxy", "us.anthropic.claude-sonnet-5", true),
               "/proxy/model/us.anthropic.claude-sonnet-5/converse-stream");
    assert_str(path_of(&d, &dialect_bedrock, "", "anthropic.claude-v2%3A1", false),
               "/model/anthropic.claude-v2%3A1/converse");
    assert_str(
        path_of(&d, &dialect_bedrock_invoke, "",
                "arn:aws:bedrock:us-east-1:1:application-inference-profile/a b?", true),
        "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aapplication-inference-profile%2Fa%20b%3F"
        "/invoke-with-response-stream");
    assert_str(path_of(&d, &dialect_bedrock_invoke, "", "50%", false), "/model/50%25/invoke");
    drive_fini(&d);
}

static void note_header(void *ctx, str name, str value)
{
    buf_addf(ctx, STR_FMT ": " STR_FMT "\n", STR_ARG(name), STR_ARG(value));
}

static void test_a_token_is_sent_and_a_secret_is_not(void **state)
{
    struct drive d;
    struct buf b = BUF_INIT(4096);
    (void)state;
    drive_init(&d);
    struct back_call c = {.opts = &d.opts, .model = STR("m"), .key = STR("the-key")};
    struct back_signing s = {.method = STR("POST"),
                             .path = STR("/model/m/converse"),
                             .content_type = STR("application/json"),
                             .host = STR("bedrock-runtime.us-east-1.amazonaws.com"),
                             .body_sha256 = (const uint8_t *)"0123456789abcdef0123456789abcdef",
                             .unix_seconds = 1440938160};
    dialect_bedrock.back->request_headers(&c, note_header, &b);
    dialect_bedrock.back->sign(&c, &s, note_header, &b);
    assert_str(buf_str(&b), "authorization: Bearer the-key\naccept: application/json\n");
    buf_clear(&b);
    c.stream = true;
    c.aws = (struct back_aws){STR("AKIDEXAMPLE"), STR("session"), STR("us-east-1")};
    dialect_bedrock.back->request_headers(&c, note_header, &b);
    assert_str(buf_str(&b), "accept: application/vnd.amazon.eventstream\n");
    buf_clear(&b);
    dialect_bedrock.back->sign(&c, &s, note_header, &b);
    assert_true(str_has_prefix(
        buf_str(&b),
        STR("x-amz-date: 20150830T123600Z\nx-amz-security-token: session\nauthorization: "
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/bedrock/aws4_request, "
            "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature=")));
    assert_int_equal(str_find(buf_str(&b), STR("the-key")), SIZE_MAX);
    buf_fini(&b);
    drive_fini(&d);
}

/* ---- errors ------------------------------------------------------------------------------------
 */

static void test_errors_by_their_type(void **state)
{
    static const struct {
        unsigned status;
        const char *type, *body;
        enum err kind;
        const char *message;
    } rows[] = {
        {400, "ValidationException:http://internal.amazon.com/coral/x/", "{\"message\":\"m\"}",
         ERR_BAD_REQUEST, "m"},
        {400, "ValidationException", "{\"message\":\"Input is too long for requested model.\"}",
         ERR_CONTEXT_LENGTH, "Input is too long for requested model."},
        {429, "ThrottlingException:", "{\"message\":\"slow\"}", ERR_RATE_LIMITED, "slow"},
        {400, "ServiceQuotaExceededException", "{\"message\":\"q\"}", ERR_RATE_LIMITED, "q"},
        {424, "ModelErrorException", "{\"message\":\"m\"}", ERR_UPSTREAM, ""},
        {408, "ModelTimeoutException", "{\"message\":\"m\"}", ERR_TIMEOUT, ""},
        {429, "ModelNotReadyException", "{\"message\":\"m\"}", ERR_OVERLOADED, ""},
        {403, "ExpiredTokenException", "{\"message\":\"The security token … is expired\"}",
         ERR_UPSTREAM_AUTH, ""},
        {403, "AccessDeniedException", "{\"Message\":\"User: arn:aws:iam::1:user/x is not …\"}",
         ERR_UPSTREAM_AUTH, ""},
        {404, "ResourceNotFoundException", "{\"Message\":\"no such model\"}", ERR_NOT_FOUND,
         "no such model"},
        {404, "", "{\"Output\":{\"__type\":\"x#UnknownOperationException\"},\"Version\":\"1.0\"}",
         ERR_NOT_FOUND, ""},
        {400, "", "{\"__type\":\"com.amazon.coral.service#ThrottlingException\",\"message\":\"m\"}",
         ERR_RATE_LIMITED, "m"},
        {503, "", "<html>", ERR_OVERLOADED, ""},
        {500, "SomethingNew", "{\"message\":\"m\"}", ERR_UPSTREAM, ""},
    };
    struct drive d;
    (void)state;
    drive_init(&d);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct reply_facts r = {
            .status = rows[i].status, .error_type = str_c(rows[i].type), .retry_after = STR("3")};
        struct fail f;
        dialect_bedrock.back->decode_error(&r, str_c(rows[i].body), &d.arena, &f);
        if (f.kind != rows[i].kind)
            fail_msg("%s gives " STR_FMT, rows[i].type, STR_ARG(err_row(f.kind)->name));
        assert_str(f.message.p ? f.message : STR(""), rows[i].message);
        assert_int_equal(f.upstream_status, rows[i].status);
        assert_int_equal(f.retry_after_ms, 3000);
    }
    drive_fini(&d);
}

static void test_plain_words_of_a_fault(void **state)
{
    struct drive d;
    struct aws_fault f;
    (void)state;
    drive_init(&d);
    aws_read_fault(STR("ValidationException"), STR("just words"), &d.scratch, &f);
    assert_int_equal(f.fail.kind, ERR_BAD_REQUEST);
    assert_str(f.fail.message, "just words");
    aws_read_fault(STR_NONE, STR_NONE, &d.scratch, &f);
    assert_int_equal(f.fail.kind, ERR_UPSTREAM);
    aws_read_fault(STR("validationException"), STR("a\\"), &d.scratch, &f);
    assert_int_equal(f.fail.message.n, 0);
    drive_fini(&d);
}

/* ---- what models take --------------------------------------------------------------------------
 */

static void test_makers(void **state)
{
    static const struct {
        const char *model;
        enum bedrock_maker maker;
    } rows[] = {
        {"anthropic.claude-v2", BEDROCK_CLAUDE},
        {"us.anthropic.claude-opus-4-7", BEDROCK_CLAUDE},
        {"eu.amazon.nova-micro-v1:0", BEDROCK_NOVA},
        {"global.amazon.nova-2-lite-v1:0", BEDROCK_NOVA2},
        {"openai.gpt-oss-120b-1:0", BEDROCK_GPT_OSS},
        {"qwen.qwen3-32b-v1:0", BEDROCK_QWEN},
        {"us.deepseek.r1-v1:0", BEDROCK_OTHER},
        {"meta.llama3-1-8b-instruct-v1:0", BEDROCK_OTHER},
        {"amazon.titan-text-lite-v1", BEDROCK_OTHER},
        {"arn:aws:bedrock:us-east-1:1:application-inference-profile/abc", BEDROCK_UNKNOWN},
        {"arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-x", BEDROCK_CLAUDE},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (bedrock_maker(str_c(rows[i].model)) != rows[i].maker)
            fail_msg("%s", rows[i].model);
}

#define ASK                                                                   \
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]," \
    "\"reasoning_effort\":\"high\",\"top_k\":7,\"temperature\":0.3,\"max_tokens\":9000"

/* The one member of the translated request, and what was lost. */
static void expect(struct drive *d, const char *body, const char *model, const char *member,
                   const char *want, const char *lost)
{
    str out = drive_request(d, &dialect_openai_chat, str_c(body), &dialect_bedrock, model);
    str got = json_text(json_get(drive_json(d, out), str_c(member)));
    if (!str_eq(got, str_c(want)))
        fail_msg("%s %s: " STR_FMT, model, member, STR_ARG(got));
    assert_str(drive_losses(d), lost);
}

static void test_reasoning_and_top_k_by_maker(void **state)
{
    struct drive d;
    const char *extra = "additionalModelRequestFields", *config = "inferenceConfig";
    (void)state;
    drive_init(&d);
    expect(&d, ASK "}", "us.anthropic.claude-sonnet-4-5", extra,
           "{\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":7976}}", "temperature, top_k");
    expect(&d, ASK "}", "us.anthropic.claude-opus-4-8", extra,
           "{\"thinking\":{\"type\":\"adaptive\",\"display\":\"summarized\"},"
           "\"output_config\":{\"effort\":\"high\"}}",
           "temperature, top_k");
    expect(&d, ASK "}", "anthropic.claude-v2", extra, "{\"top_k\":7}", "thinking");
    expect(&d, ASK "}", "us.amazon.nova-2-lite-v1:0", extra,
           "{\"reasoningConfig\":{\"type\":\"enabled\",\"maxReasoningEffort\":\"high\"},"
           "\"inferenceConfig\":{\"topK\":7}}",
           "max_tokens, temperature");
    expect(&d, ASK "}", "amazon.nova-lite-v1:0", extra, "{\"inferenceConfig\":{\"topK\":7}}",
           "thinking");
    expect(&d, ASK "}", "openai.gpt-oss-20b-1:0", extra, "{\"reasoning_effort\":\"high\"}",
           "top_k");
    expect(&d, ASK "}", "qwen.qwen3-32b-v1:0", extra, "{\"reasoning_config\":\"high\"}", "top_k");
    expect(&d, ASK "}", "meta.llama3-1-8b-instruct-v1:0", extra, "", "thinking, top_k");
    expect(&d, ASK "}", "amazon.nova-lite-v1:0", config, "{\"maxTokens\":9000,\"temperature\":0.3}",
           "thinking");
    drive_fini(&d);
}

static void test_clients_own_fields_of_converse(void **state)
{
    struct drive d;
    const char *body =
        ASK ",\"guardrailConfig\":{\"guardrailIdentifier\":\"g\",\"guardrailVersion\":\"1\"},"
            "\"additionalModelRequestFields\":{\"reasoning_effort\":\"low\",\"x\":[1]},"
            "\"additionalModelResponseFieldPaths\":[\"/a\"],\"somethingElse\":1}";
    (void)state;
    drive_init(&d);
    expect(&d, body, "openai.gpt-oss-20b-1:0", "guardrailConfig",
           "{\"guardrailIdentifier\":\"g\",\"guardrailVersion\":\"1\"}", "top_k, somethingElse");
    expect(&d, body, "openai.gpt-oss-20b-1:0", "additionalModelRequestFields",
           "{\"reasoning_effort\":\"high\",\"x\":[1]}", "top_k, somethingElse");
    expect(&d, body, "openai.gpt-oss-20b-1:0", "additionalModelResponseFieldPaths", "[\"/a\"]",
           "top_k, somethingElse");
    drive_fini(&d);
}

#define FILE_PART(name, type)                                                           \
    "{\"type\":\"file\",\"file\":{\"filename\":\"" name "\",\"file_data\":\"data:" type \
    ";base64,QUJD\"}}"

static void test_names_of_documents(void **state)
{
    struct drive d;
    (void)state;
    drive_init(&d);
    expect(
        &d,
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[" FILE_PART(
            "R\\u00e9port  (1).v2.pdf",
            "application/pdf") "," FILE_PART("a.csv",
                                             "application/octet-stream") "," FILE_PART("a.csv",
                                                                                       "text/"
                                                                                       "csv") "," FILE_PART("..",
                                                                                                            "text/markdown") "," FILE_PART("a.bin",
                                                                                                                                           "application/zip") "]}]}",
        "anthropic.claude-v2", "messages",
        "[{\"role\":\"user\",\"content\":["
        "{\"document\":{\"format\":\"pdf\",\"name\":\"R-port (1)-v2\",\"source\":{\"bytes\":"
        "\"QUJD\"}}},"
        "{\"document\":{\"format\":\"csv\",\"name\":\"a\",\"source\":{\"bytes\":\"QUJD\"}}},"
        "{\"document\":{\"format\":\"csv\",\"name\":\"a-2\",\"source\":{\"bytes\":\"QUJD\"}}},"
        "{\"document\":{\"format\":\"md\",\"name\":\"document\",\"source\":{\"bytes\":\"QUJD\"}}"
        "},"
        "{\"text\":\"[a file was here of a kind that this model can't read]\"}]}]",
        "document.title, document");
    /* a document alone needs words beside it */
    expect(&d,
           "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[" FILE_PART(
               "a.pdf", "application/pdf") "]}]}",
           "anthropic.claude-v2", "messages",
           "[{\"role\":\"user\",\"content\":["
           "{\"document\":{\"format\":\"pdf\",\"name\":\"a\",\"source\":{\"bytes\":\"QUJD\"}}},"
           "{\"text\":\"See the document.\"}]}]",
           "document.title");
    drive_fini(&d);
}

static void test_blank_text_and_long_ids(void **state)
{
    struct drive d;
    (void)state;
    drive_init(&d);
    expect(&d,
           "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\" \\n\"},"
           "{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\" \"},"
           "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":"
           "\"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff.123456789\","
           "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]},"
           "{\"role\":\"tool\",\"tool_call_id\":"
           "\"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff.123456789\","
           "\"content\":\"\\t\"}]}",
           "anthropic.claude-v2", "messages",
           "[{\"role\":\"user\",\"content\":[{\"text\":\"a\"}]},"
           "{\"role\":\"assistant\",\"content\":[{\"toolUse\":{\"toolUseId\":"
           "\"aaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff_123456789\","
           "\"name\":\"f\",\"input\":{}}}]},"
           "{\"role\":\"user\",\"content\":[{\"toolResult\":{\"toolUseId\":"
           "\"aaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff_123456789\","
           "\"content\":[{\"text\":\"(empty)\"}]}}]}]",
           "");
    drive_fini(&d);
}

/* ---- seals -------------------------------------------------------------------------------------
 */

static void test_sealed_thoughts_there_and_back(void **state)
{
    static const char *const blobs[] = {
        "RXRrRUNrZ0lCeEFCR0FJ", /* of "EtkECkgIBxABGAI": what Anthropic calls data */
        "AP8BAsg=",             /* of bytes */
        "",                     /* of nothing */
        "no base64!",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(blobs); i++) {
        struct buf data = BUF_INIT(256), blob = BUF_INIT(256);
        buf_lit(&data, "x"); /* both append */
        bedrock_unseal(str_c(blobs[i]), &data);
        bedrock_seal(STR(""), str_from(buf_str(&data), 1), &blob);
        assert_str(buf_str(&blob), blobs[i]);
        if (i == 0)
            assert_str(buf_str(&data), "xEtkECkgIBxABGAI");
        buf_fini(&data);
        buf_fini(&blob);
    }
}

/* ---- the front ----------------------------------------------------------------------------------
 */

static void test_routes(void **state)
{
    static const struct {
        const char *path, *model;
        enum { NO, YES, STREAM, ABSENT } is;
    } t[] = {
        {"/model/m/converse", "m", YES},
        {"/model/openai%2Fgpt-5/converse-stream", "openai%2Fgpt-5", STREAM},
        {"/model/m/invoke", "", ABSENT},
        {"/model/m/converse/", NULL, NO},
        {"/model/a/b/converse", NULL, NO},
        {"/model//converse", NULL, NO},
        {"/model/converse", NULL, NO},
        {"/v1/model/m/converse", NULL, NO},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        struct front_route r = {0};
        bool is = dialect_bedrock.front->route(str_c(t[i].path), STR(""), &r);
        if (is != (t[i].is != NO))
            fail_msg("%s", t[i].path);
        if (!is)
            continue;
        assert_int_equal(r.op == FRONT_ABSENT, t[i].is == ABSENT);
        assert_int_equal(r.stream, t[i].is == STREAM);
        assert_str(r.model, t[i].model);
    }
}

/* The constant is what the writer writes. */
static void test_the_ping_is_a_message(void **state)
{
    struct buf b = BUF_INIT(256);
    size_t at = eventstream_begin(&b, EVENTSTREAM_EVENT, STR("ping"));
    (void)state;
    buf_lit(&b, "{}");
    eventstream_end(&b, at);
    assert_true(str_eq(buf_str(&b), dialect_bedrock.front->ping));
    buf_fini(&b);
}

static void test_every_error_has_a_name(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < ERR_COUNT; kind++) {
        struct fail f = {.kind = (enum err)kind};
        struct front_error head = {0};
        struct buf body = BUF_INIT(512);
        dialect_bedrock.front->encode_error(&f, STR("r"), &head, &body);
        assert_in_range(head.status, 400, 599);
        assert_true(head.aws_type.n > 0);
        assert_true(str_has_prefix(buf_str(&body), STR("{\"message\":\"")));
        buf_fini(&body);
    }
}

/* ---- InvokeModel -------------------------------------------------------------------------------
 */

static str invoke(struct drive *d, const char *body, const char *beta)
{
    struct rope r = ROPE_INIT(1u << 20);
    struct back_call c = {.opts = &d->opts,
                          .model = STR("anthropic.claude-x"),
                          .same = true,
                          .client_beta = beta ? str_c(beta) : STR_NONE,
                          .lossy = &d->lossy};
    struct buf b = BUF_INIT(1u << 20);
    d->lossy = (struct ir_lossy){0};
    assert_int_equal(
        dialect_bedrock_invoke.back->splice_request(drive_json(d, str_c(body)), &c, &d->arena, &r),
        RC_OK);
    rope_flatten(&r, &b);
    rope_fini(&r);
    str out = arena_dup(&d->arena, buf_str(&b));
    buf_fini(&b);
    (void)drive_json(d, out);
    return out;
}

static void test_envelope_of_a_clients_own_bytes(void **state)
{
    struct drive d;
    (void)state;
    drive_init(&d);
    assert_true(dialect_is_same(&dialect_anthropic, &dialect_bedrock_invoke));
    assert_str(
        invoke(&d, "{\"model\":\"m\", \"max_tokens\":5,\"stream\":true,\"messages\":[] }", NULL),
        "{\"anthropic_version\":\"bedrock-2023-05-31\",\"max_tokens\":5,\"messages\":[] }");
    assert_str(drive_losses(&d), "");
    assert_str(
        invoke(&d,
               "{\"max_tokens\":5,\"metadata\":{\"user_id\":\"u\"},\"service_tier\":\"auto\","
               "\"x\":[1],\"stream\":true,\"model\":\"m\"}",
               "claude-code-20250219, interleaved-thinking-2025-05-14,"
               "advanced-tool-use-2025-11-20,"),
        "{\"anthropic_version\":\"bedrock-2023-05-31\",\"anthropic_beta\":["
        "\"interleaved-thinking-2025-05-14\",\"tool-search-tool-2025-10-19\"],"
        "\"max_tokens\":5,\"x\":[1]}");
    assert_str(drive_losses(&d), "metadata, service_tier");
    assert_str(invoke(&d,
                      "{\"anthropic_beta\":[\"own\"],\"anthropic_version\":\"2026-10-21\","
                      "\"messages\":[]}",
                      "compact-2026-01-12"),
               "{\"anthropic_version\":\"bedrock-2023-05-31\",\"anthropic_beta\":[\"own\"],"
               "\"messages\":[]}");
    assert_str(invoke(&d, "{\"messages\":[]}", "unknown-1, \"\\"),
               "{\"anthropic_version\":\"bedrock-2023-05-31\",\"messages\":[]}");
    drive_fini(&d);
}

/* A client of Messages gets its own frames, each event's JSON as Bedrock sent it. */
static void test_chunks_become_the_clients_frames(void **state)
{
    struct drive d;
    struct ir_collect c;
    struct buf raw = BUF_INIT(1u << 20);
    (void)state;
    drive_init(&d);
    str bytes = drive_frames(
        &d,
        STR("chunk {\"bytes\":\"eyJ0eXBlIjoibWVzc2FnZV9zdGFydCIsIm1lc3NhZ2UiOnsiaWQiOiJtIn19\","
            "\"p\":\"abc\"}\n"
            "unknown {}\n"
            "chunk {\"bytes\":\"eyJ0eXBlIjoibWVzc2FnZV9kZWx0YSIsImRlbHRhIjp7InN0b3BfcmVhc29uIjoi"
            "ZW5kX3R1cm4ifX0=\"}\n"
            "chunk {\"bytes\":\"eyJ0eXBlIjoibWVzc2FnZV9zdG9wIiwieCI6MX0=\"}\n"
            "chunk {\"bytes\":\"eyJ0eXBlIjoibWVzc2FnZV9zdG9wIiwieCI6MX0=\"}\n"));
    struct answer a = {.dialect = &dialect_bedrock_invoke, .bytes = bytes, .stream = true};
    for (a.step = 0; a.step < 50; a.step += 7) {
        buf_clear(&raw);
        ir_collect_init(&c, &d.arena, false);
        assert_int_equal(drive_answer(&d, &a, ir_collect_sink(&c), &raw), ANSWER_WHOLE);
        assert_str(
            buf_str(&raw),
            "event: message_start\ndata: "
            "{\"type\":\"message_start\",\"message\":{\"id\":\"m\"}}\n\n"
            "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
            "\"end_turn\"}}\n\n"
            "event: message_stop\ndata: {\"type\":\"message_stop\",\"x\":1}\n\n");
    }
    buf_fini(&raw);
    drive_fini(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_a_token_is_sent_and_a_secret_is_not),
        cmocka_unit_test(test_errors_by_their_type),
        cmocka_unit_test(test_plain_words_of_a_fault),
        cmocka_unit_test(test_makers),
        cmocka_unit_test(test_reasoning_and_top_k_by_maker),
        cmocka_unit_test(test_clients_own_fields_of_converse),
        cmocka_unit_test(test_names_of_documents),
        cmocka_unit_test(test_blank_text_and_long_ids),
        cmocka_unit_test(test_sealed_thoughts_there_and_back),
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_the_ping_is_a_message),
        cmocka_unit_test(test_every_error_has_a_name),
        cmocka_unit_test(test_envelope_of_a_clients_own_bytes),
        cmocka_unit_test(test_chunks_become_the_clients_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
