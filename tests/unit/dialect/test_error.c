/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors: what a provider's answer means, what of it a client may see, and how each canonical error
 * reads in each language (RELIABILITY section 6), before and inside a stream.
 */
#include "drive.h"

static struct fail decode(struct drive *d, unsigned status, const char *body)
{
    struct reply_facts r = {.status = status};
    struct fail f;
    dialect_decode_error(&r, str_c(body), &d->arena, &f);
    return f;
}

static void test_what_a_status_means(void **state)
{
    static const struct {
        unsigned status;
        enum err kind;
    } rows[] = {
        {400, ERR_BAD_REQUEST},   {401, ERR_UPSTREAM_AUTH}, {402, ERR_BUDGET},
        {403, ERR_UPSTREAM_AUTH}, {404, ERR_NOT_FOUND},     {408, ERR_TIMEOUT},
        {409, ERR_BAD_REQUEST},   {413, ERR_TOO_LARGE},     {418, ERR_BAD_REQUEST},
        {422, ERR_BAD_REQUEST},   {429, ERR_RATE_LIMITED},  {500, ERR_UPSTREAM},
        {501, ERR_UPSTREAM},      {502, ERR_UPSTREAM},      {503, ERR_OVERLOADED},
        {504, ERR_TIMEOUT},       {529, ERR_OVERLOADED},    {301, ERR_UPSTREAM},
        {307, ERR_UPSTREAM},
    };
    struct drive d;
    (void)state;
    drive_init(&d);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fail f = decode(&d, rows[i].status, "<html>no JSON</html>");
        if (f.kind != rows[i].kind)
            fail_msg("%u gives %s", rows[i].status, err_row(f.kind)->name.p);
        assert_int_equal(f.upstream_status, rows[i].status);
        assert_int_equal(f.message.n, 0);
    }
    drive_fini(&d);
}

static void test_the_shapes_of_providers(void **state)
{
    static const struct {
        unsigned status;
        const char *body;
        enum err kind;
        const char *message;
    } rows[] = {
        {400, "{\"error\":{\"message\":\"m\",\"type\":\"t\",\"param\":\"p\",\"code\":\"c\"}}",
         ERR_BAD_REQUEST, "m"},
        {400,
         "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"m\"}}",
         ERR_BAD_REQUEST, "m"},
        {400, "{\"error\":\"m\"}", ERR_BAD_REQUEST, "m"},
        {400, "{\"object\":\"error\",\"message\":\"m\"}", ERR_BAD_REQUEST, "m"},
        {400, "{\"message\":\"m\"}", ERR_BAD_REQUEST, "m"},
        {422, "{\"detail\":[{\"msg\":\"m\",\"loc\":[\"body\"]}]}", ERR_BAD_REQUEST, "m"},
        {422, "{\"detail\":\"m\"}", ERR_BAD_REQUEST, "m"},
        {404, "[{\"error\":{\"message\":\"m\"}}]", ERR_NOT_FOUND, "m"},
        {400, "{\"error\":{\"message\":\"prompt is too long: 5 tokens > 4 maximum\"}}",
         ERR_CONTEXT_LENGTH, "prompt is too long: 5 tokens > 4 maximum"},
        {400, "{\"error\":{\"message\":\"m\",\"code\":\"context_length_exceeded\"}}",
         ERR_CONTEXT_LENGTH, "m"},
        {400, "{\"error\":{\"message\":\"m\",\"code\":\"content_filter\"}}", ERR_POLICY, "m"},
        {500, "{\"error\":{\"message\":\"m\",\"type\":\"overloaded_error\"}}", ERR_OVERLOADED, ""},
        /* what is between us and the provider is not shown */
        {401, "{\"error\":{\"message\":\"Incorrect API key provided: sk-abc\"}}", ERR_UPSTREAM_AUTH,
         ""},
        {402, "{\"error\":{\"message\":\"no credits left\"}}", ERR_BUDGET, ""},
        {500, "{\"error\":{\"message\":\"db01.internal is down\"}}", ERR_UPSTREAM, ""},
        {429, "{\"error\":{\"message\":\"too long a context window\"}}", ERR_RATE_LIMITED,
         "too long a context window"},
    };
    struct drive d;
    (void)state;
    drive_init(&d);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fail f = decode(&d, rows[i].status, rows[i].body);
        if (f.kind != rows[i].kind || !str_eq(f.message, str_c(rows[i].message)))
            fail_msg("%s gives %s \"" STR_FMT "\"", rows[i].body, err_row(f.kind)->name.p,
                     STR_ARG(f.message));
    }
    struct fail f = decode(&d, 400, rows[0].body);
    assert_str(f.param, "p");
    assert_str(f.code, "c");
    drive_fini(&d);
}

static void test_secrets_are_masked(void **state)
{
    static const char *const in[] = {
        "limit of org-AbC123 reached", "key sk-proj-a_b-C9, sorry",
        "use AIzaSyD-123 or gsk_Zz",   "eyJhbGciOi.J9 is no token",
        "a task-sk is fine",           "model gpt-4o-mini-2024 is fine",
    };
    static const char *const out[] = {
        "limit of *** reached", "key ***, sorry",    "use *** or ***",
        "***.J9 is no token",   "a task-sk is fine", "model gpt-4o-mini-2024 is fine",
    };
    struct drive d;
    (void)state;
    drive_init(&d);
    for (size_t i = 0; i < ARRAY_LEN(in); i++) {
        str body = arena_strf(&d.arena, "{\"error\":{\"message\":\"%s\"}}", in[i]);
        assert_str(decode(&d, 400, body.p).message, out[i]);
    }
    drive_fini(&d);
}

/* A long message is shortened, and not in the middle of a character or an escape. */
static void test_long_messages_are_cut(void **state)
{
    struct drive d;
    (void)state;
    drive_init(&d);
    for (unsigned pad = 0; pad < 8; pad++) {
        struct buf b = BUF_INIT(1u << 20);
        buf_lit(&b, "{\"error\":{\"message\":\"");
        for (unsigned i = 0; i < pad; i++)
            buf_lit(&b, "x");
        for (unsigned i = 0; i < 2000; i++)
            buf_lit(&b, "\xc3\xa9\\u00e9\\n");
        buf_lit(&b, "\"}}");
        buf_add_char(&b, 0);
        struct fail f = decode(&d, 400, b.p);
        assert_true(f.message.n > 500 && f.message.n <= 2048);
        struct buf out = BUF_INIT(1u << 16);
        struct front_error e;
        dialect_openai_chat.front->encode_error(&f, STR_NONE, &e, &out);
        (void)drive_json(&d, buf_str(&out)); /* valid UTF-8, valid JSON */
        assert_int_equal(str_find(buf_str(&out), STR("\xef\xbf\xbd")), SIZE_MAX);
        buf_fini(&out);
        buf_fini(&b);
    }
    drive_fini(&d);
}

static void test_retry_after(void **state)
{
    static const struct {
        const char *s, *ms, *retry;
        uint64_t want;
        bool stop;
    } rows[] = {{"7", NULL, NULL, 7000, false},
                {"0.5", NULL, NULL, 500, false},
                {"7", "250", NULL, 250, false},
                {" 3 ", NULL, "false", 3000, true},
                {"-1", NULL, "true", 0, false},
                {"Wed, 21 Oct 2026 07:28:00 GMT", NULL, NULL, 0, false}, /* no clock */
                {"1e99", NULL, NULL, 3600000, false},
                {"NaN", "NaN", NULL, 0, false},
                {"999999999", NULL, NULL, 3600000, false}};
    struct drive d;
    (void)state;
    drive_init(&d);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct reply_facts r = {.status = 429,
                                .retry_after = str_c(rows[i].s),
                                .retry_after_ms = str_c(rows[i].ms),
                                .should_retry = str_c(rows[i].retry)};
        struct fail f;
        dialect_decode_error(&r, STR("{}"), &d.arena, &f);
        assert_int_equal(f.retry_after_ms, rows[i].want);
        assert_int_equal(f.stop_retry, rows[i].stop);
    }
    drive_fini(&d);
}

/* U11: a date, by the provider's clock where it tells it, else by ours. */
static void test_u11_retry_after_as_a_date(void **state)
{
    static const struct {
        const char *when, *date;
        uint64_t unix_s, want;
    } rows[] = {
        {"Sun, 06 Nov 1994 08:50:07 GMT", "Sun, 06 Nov 1994 08:49:37 GMT", 5, 30000},
        {" Sunday, 06-Nov-94 08:50:07 GMT", "Sun Nov  6 08:49:37 1994", 1795824000, 30000},
        {"Sun Nov  6 08:50:07 1994", NULL, 784111777, 30000},
        {"Sun Nov  6 08:50:07 1994", "yesterday", 784111777, 30000},
        {"Sun, 06 Nov 1994 08:49:37 GMT", NULL, 784111777, 0}, /* now */
        {"Sun, 06 Nov 1994 08:49:36 GMT", NULL, 784111777, 0}, /* over */
        {"Wed, 21 Oct 2065 07:28:00 GMT", NULL, 784111777, 3600000},
        {"Sun, 06 Nov 1994 08:50:07", NULL, 784111777, 0},
    };
    struct drive d;
    (void)state;
    drive_init(&d);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct reply_facts r = {.status = 429,
                                .retry_after = str_c(rows[i].when),
                                .date = str_c(rows[i].date),
                                .unix_s = rows[i].unix_s};
        struct fail f;
        dialect_decode_error(&r, STR("{}"), &d.arena, &f);
        if (f.retry_after_ms != rows[i].want)
            fail_msg("%s: %llu", rows[i].when, (unsigned long long)f.retry_after_ms);
    }
    drive_fini(&d);
}

/* The operator's money is used up: that is no matter of waiting, and no client's business. */
static void test_u12_spent(void **state)
{
    static const char *const bodies[] = {
        "{\"error\":{\"code\":\"insufficient_quota\",\"message\":\"m\"}}",
        "{\"error\":{\"code\":\"credit_balance_exhausted\",\"message\":\"m\"}}",
        "{\"error\":{\"code\":\"project_spend_limit_exceeded\",\"message\":\"m\"}}",
        "{\"error\":{\"type\":\"enforced_spend_limit_reached\",\"message\":\"m\"}}",
    };
    struct drive d;
    (void)state;
    drive_init(&d);
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct fail f = decode(&d, 429, bodies[i]);
        assert_int_equal(f.kind, ERR_BUDGET);
        assert_true(f.stop_retry);
        assert_int_equal(f.message.n, 0);
    }
    drive_fini(&d);
}

/* ---- in the clients' words ----------------------------------------------------------------------
 */

static void written(const struct dialect *dialect, const struct fail *f, unsigned status,
                    const char *want)
{
    struct buf b = BUF_INIT(4096);
    struct front_error e;
    dialect->front->encode_error(f, STR("req_1"), &e, &b);
    assert_str(buf_str(&b), want);
    assert_int_equal(e.status, status);
    buf_fini(&b);
}

static void test_in_the_clients_words(void **state)
{
    struct fail f = {.kind = ERR_RATE_LIMITED, .retry_after_ms = 1500};
    struct front_error e;
    struct buf b = BUF_INIT(4096);
    (void)state;
    written(&dialect_openai_chat, &f, 429,
            "{\"error\":{\"message\":\"Too many requests.\",\"type\":\"requests\",\"param\":null,"
            "\"code\":\"rate_limit_exceeded\"}}");
    written(&dialect_anthropic, &f, 429,
            "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":"
            "\"Too many requests.\"},\"request_id\":\"req_1\"}");
    dialect_anthropic.front->encode_error(&f, STR_NONE, &e, &b);
    assert_int_equal(e.retry_after_s, 2); /* rounded up */
    assert_int_equal(e.retry_after_ms, 1500);
    assert_false(e.should_retry_no);
    buf_fini(&b);
    f = (struct fail){.kind = ERR_OVERLOADED};
    written(&dialect_anthropic, &f, 529,
            "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":"
            "\"The provider is overloaded.\"},\"request_id\":\"req_1\"}");
    f = (struct fail){.kind = ERR_BUDGET};
    written(&dialect_anthropic, &f, 402,
            "{\"type\":\"error\",\"error\":{\"type\":\"billing_error\",\"message\":"
            "\"The budget of this key is spent.\"},\"request_id\":\"req_1\"}");
    f = (struct fail){.kind = ERR_BAD_REQUEST,
                      .message = STR("say \"hi\"\n"),
                      .param = STR("messages[0]"),
                      .code = STR("duplicate_key")};
    written(&dialect_openai_chat, &f, 400,
            "{\"error\":{\"message\":\"say \\\"hi\\\"\\n\",\"type\":\"invalid_request_error\","
            "\"param\":\"messages[0]\",\"code\":\"duplicate_key\"}}");
}

/* Every row in both languages: valid JSON, the status of the table, and no retry where it is in
 * vain. */
static void test_every_row(void **state)
{
    struct drive d;
    (void)state;
    drive_init(&d);
    for (unsigned k = 0; k < ERR_COUNT; k++) {
        struct fail f = {.kind = (enum err)k};
        struct front_error e;
        struct buf b = BUF_INIT(4096);
        dialect_openai_chat.front->encode_error(&f, STR("r"), &e, &b);
        jval root = drive_json(&d, buf_str(&b));
        assert_int_equal(e.status, err_row(f.kind)->openai_status);
        assert_true(json_raw(json_path(root, "error", "message", NULL)).n > 0);
        assert_true(json_raw(json_path(root, "error", "code", NULL)).n > 0);
        /* a permanent failure may not look like one that passes */
        if (e.status == 408 || e.status == 409 || e.status == 429 || e.status >= 500)
            assert_true(e.should_retry_no || e.retry_after_s || k == ERR_REQUEST_TIMEOUT ||
                        k == ERR_INTERNAL || k == ERR_TIMEOUT);
        buf_clear(&b);
        dialect_anthropic.front->encode_error(&f, STR("r"), &e, &b);
        root = drive_json(&d, buf_str(&b));
        assert_int_equal(e.status, err_row(f.kind)->anthropic_status);
        assert_true(json_str_is(json_get_lit(root, "type"), STR("error")));
        assert_str(json_raw(json_path(root, "error", "type", NULL)),
                   err_row(f.kind)->anthropic_type.p);
        buf_clear(&b);
        dialect_openai_chat.front->encode_stream_error(&f, STR("r"), &b);
        assert_true(str_has_prefix(buf_str(&b), STR("data: {\"error\":{")));
        assert_true(str_has_suffix(buf_str(&b), STR("}}\n\n")));
        buf_clear(&b);
        dialect_anthropic.front->encode_stream_error(&f, STR("r"), &b);
        assert_true(str_has_prefix(buf_str(&b), STR("event: error\ndata: {\"type\":\"error\",")));
        buf_fini(&b);
    }
    drive_fini(&d);
}

/* The stream is over, whatever the gate still sends. */
static void test_nothing_follows_an_error_event(void **state)
{
    static const struct dialect *const fronts[] = {&dialect_openai_chat, &dialect_anthropic};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fronts); i++) {
        struct fail f = {.kind = ERR_TIMEOUT};
        struct ir_event ev = {.type = IR_EV_ERROR, .fail = &f};
        struct front_opts o = {.id = STR("i"), .model = STR("m")};
        struct buf b = BUF_INIT(4096);
        void *st = test_malloc(fronts[i]->front->stream_size);
        fronts[i]->front->stream_init(st, &o);
        fronts[i]->front->encode_event(st, &ev, &b);
        size_t n = buf_size(&b);
        assert_true(n > 0);
        for (int t = IR_EV_START; t <= IR_EV_END; t++) {
            struct ir_event more = {.type = (enum ir_event_type)t};
            fronts[i]->front->encode_event(st, &more, &b);
        }
        assert_int_equal(buf_size(&b), n);
        test_free(st);
        buf_fini(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_status_means),
        cmocka_unit_test(test_the_shapes_of_providers),
        cmocka_unit_test(test_secrets_are_masked),
        cmocka_unit_test(test_long_messages_are_cut),
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_u11_retry_after_as_a_date),
        cmocka_unit_test(test_u12_spent),
        cmocka_unit_test(test_in_the_clients_words),
        cmocka_unit_test(test_every_row),
        cmocka_unit_test(test_nothing_follows_an_error_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
