/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mistral: what its requests have of their own (short ids, thoughts as parts, the switch, what
 * passes of a Chat client's members), and its errors. Its answers are golden and recorded cases.
 */
#include "drive.h"

#define LOOP                                                                                       \
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":"              \
    "\"assistant\","                                                                               \
    "\"tool_calls\":[{\"id\":\"call_1234\",\"type\":\"function\",\"function\":{\"name\":\"f\","    \
    "\"arguments\":\"{}\"}},{\"id\":\"abcDEF123\",\"type\":\"custom\",\"custom\":{\"name\":\"g\"," \
    "\"input\":\"a\\n\\\"b\\\"\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"call_1234\","           \
    "\"content\":"                                                                                 \
    "\"r\"},{\"role\":\"tool\",\"tool_call_id\":\"abcDEF123\",\"content\":\"s\"}]}"

static void has(str out, const char *part)
{
    if (str_find(out, str_c(part)) == SIZE_MAX)
        fail_msg("no %s in " STR_FMT, part, STR_ARG(out));
}

static void test_ids_of_older_models(void **state)
{
    struct drive d;
    (void)state;
    drive_init(&d);
    str out = drive_request(&d, &dialect_openai_chat, STR(LOOP), &dialect_mistral,
                            "mistral-large-latest");
    has(out, "{\"id\":\"call_1234\"");
    out = drive_request(&d, &dialect_openai_chat, STR(LOOP), &dialect_mistral, "open-mistral-7b");
    assert_true(str_find(out, STR("call_1234")) == SIZE_MAX);
    has(out, "\"tool_call_id\":\"abcDEF123\""); /* was short already */
    /* the call and its result have the same new one */
    jval messages = json_get_lit(drive_json(&d, out), "messages");
    struct json_iter it = json_iter(messages);
    (void)json_next(&it);
    (void)json_next(&it);
    struct json_iter calls = json_iter(json_get_lit(it.val, "tool_calls"));
    (void)json_next(&calls);
    str id = json_raw(json_get_lit(calls.val, "id"));
    assert_int_equal(id.n, 9);
    (void)json_next(&it);
    assert_true(str_eq(json_raw(json_get_lit(it.val, "tool_call_id")), id));
    drive_fini(&d);
}

static void test_calls_of_custom_tools(void **state)
{
    struct drive d;
    (void)state;
    drive_init(&d);
    str out = drive_request(&d, &dialect_openai_chat, STR(LOOP), &dialect_mistral, "m");
    has(out, "\"function\":{\"name\":\"g\",\"arguments\":\"{\\\"input\\\":"
             "\\\"a\\\\n\\\\\\\"b\\\\\\\"\\\"}\"}");
    has(out, "\"content\":\"\",\"tool_calls\"");
    assert_true(ir_lossy_has(&d.lossy, STR("tool_calls.custom")));
    drive_fini(&d);
}

static str chat(struct drive *d, const char *more, const char *model)
{
    str body = arena_strf(
        &d->arena, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]%s}",
        more);
    return drive_request(d, &dialect_openai_chat, body, &dialect_mistral, model);
}

static void test_its_own_words(void **state)
{
    struct drive d;
    (void)state;
    drive_init(&d);
    str out = chat(
        &d, ",\"seed\":7,\"safe_prompt\":true,\"x\":1,\"stream\":true,\"max_completion_tokens\":5",
        "mistral-large-latest");
    has(out, "\"random_seed\":7");
    has(out, "\"safe_prompt\":true");
    has(out, "\"max_tokens\":5");
    assert_true(str_find(out, STR("stream_options")) == SIZE_MAX);
    assert_str(drive_losses(&d), "x");
    /* thinking: a switch where there is one */
    has(chat(&d, ",\"reasoning_effort\":\"low\"", "mistral-small-latest"),
        "\"reasoning_effort\":\"high\"");
    assert_str(drive_losses(&d), "effort"); /* that it should have been low */
    has(chat(&d, ",\"reasoning_effort\":\"high\"", "mistral-small-latest"),
        "\"reasoning_effort\":\"high\"");
    assert_int_equal(d.lossy.n, 0);
    out = chat(&d, ",\"reasoning_effort\":\"low\"", "mistral-large-latest");
    assert_true(str_find(out, STR("reasoning_effort")) == SIZE_MAX);
    assert_str(drive_losses(&d), "thinking");
    has(chat(&d,
             ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],\"tool_choice\":"
             "\"required\"",
             "m"),
        "\"tool_choice\":\"any\"");
    drive_fini(&d);
}

/* What Mistral's clients say shortly: a sound as plain text, a file by its URL. */
static void test_media_as_its_clients_give_them(void **state)
{
    static const struct {
        const char *part;
        const struct dialect *to;
        const char *want;
    } rows[] = {
        {"\"input_audio\",\"input_audio\":\"SUQzBAA=\"", &dialect_openai_chat,
         "{\"data\":\"SUQzBAA=\",\"format\":\"mp3\"}"},
        {"\"input_audio\",\"input_audio\":\"data:audio/flac;base64,ZkxhQw==\"",
         &dialect_openai_chat, "{\"data\":\"ZkxhQw==\",\"format\":\"flac\"}"},
        {"\"input_audio\",\"input_audio\":\"UklGRg==\"", &dialect_mistral,
         "\"input_audio\":\"UklGRg==\""},
        {"\"input_audio\",\"input_audio\":{\"data\":\"UklGRg==\",\"format\":\"wav\"}",
         &dialect_mistral, "\"input_audio\":\"UklGRg==\""},
        {"\"input_audio\",\"input_audio\":\"https://e.org/a.mp3\"", &dialect_mistral,
         "\"input_audio\":\"https://e.org/a.mp3\""},
        {"\"input_audio\",\"input_audio\":\"https://e.org/a.mp3\"", &dialect_gemini,
         "{\"mimeType\":\"audio/mp3\",\"fileUri\":\"https://e.org/a.mp3\"}"},
        {"\"input_audio\",\"input_audio\":\"https://e.org/a.mp3\"", &dialect_openai_chat,
         "[a sound was here, which this model can't fetch]"},
        {"\"document_url\",\"document_url\":\"https://e.org/a.pdf\",\"document_name\":\"a\"",
         &dialect_anthropic, "{\"type\":\"url\",\"url\":\"https://e.org/a.pdf\"},\"title\":\"a\""},
        {"\"document_url\",\"document_url\":\"https://e.org/a.pdf\"", &dialect_mistral,
         "\"document_url\":\"https://e.org/a.pdf\""},
    };
    struct drive d;
    (void)state;
    drive_init(&d);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        str body = arena_strf(&d.arena,
                              "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{"
                              "\"type\":%s}]}]}",
                              rows[i].part);
        has(drive_request(&d, &dialect_openai_chat, body, rows[i].to, "m"), rows[i].want);
    }
    drive_fini(&d);
}

static void test_errors(void **state)
{
    static const struct {
        unsigned status;
        const char *body;
        enum err kind;
        const char *message, *param;
    } rows[] = {
        {401, "{\"detail\":\"Unauthorized\"}", ERR_UPSTREAM_AUTH, "", ""},
        {400,
         "{\"object\":\"error\",\"message\":\"Invalid model: "
         "x\",\"type\":\"invalid_model\",\"param\":null,"
         "\"code\":\"1500\",\"raw_status_code\":400}",
         ERR_BAD_REQUEST, "Invalid model: x", ""},
        {422,
         "{\"object\":\"error\",\"message\":{\"detail\":[{\"type\":\"extra_forbidden\",\"loc\":["
         "\"body\","
         "\"logprobs\"],\"msg\":\"Extra inputs are not permitted\",\"input\":true}]},\"type\":"
         "\"invalid_request_error\",\"param\":null,\"code\":null}",
         ERR_BAD_REQUEST, "Extra inputs are not permitted", "logprobs"},
        {422,
         "{\"detail\":[{\"type\":\"missing\",\"loc\":[\"body\",\"messages\",0,\"content\"],\"msg\":"
         "\"Field "
         "required\"}]}",
         ERR_BAD_REQUEST, "Field required", "content"},
        {429,
         "{\"object\":\"error\",\"message\":\"Requests rate limit "
         "exceeded\",\"type\":\"rate_limited\"}",
         ERR_RATE_LIMITED, "Requests rate limit exceeded", ""},
    };
    struct drive d;
    (void)state;
    drive_init(&d);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct reply_facts facts = {.status = rows[i].status};
        struct fail f;
        dialect_mistral.back->decode_error(&facts, str_c(rows[i].body), &d.arena, &f);
        if (f.kind != rows[i].kind)
            fail_msg("%s gives %s", rows[i].body, err_row(f.kind)->name.p);
        assert_str(f.message, rows[i].message);
        assert_str(f.param, rows[i].param);
    }
    drive_fini(&d);
}

static void test_its_bytes_do_not_pass(void **state)
{
    (void)state; /* a content that is a list breaks Chat clients */
    assert_false(dialect_is_same(&dialect_openai_chat, &dialect_mistral));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_of_older_models),
        cmocka_unit_test(test_calls_of_custom_tools),
        cmocka_unit_test(test_its_own_words),
        cmocka_unit_test(test_media_as_its_clients_give_them),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_its_bytes_do_not_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
