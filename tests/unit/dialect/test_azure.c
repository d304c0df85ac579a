/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Azure: addresses of three families, the key's header, what its clients ask for at weir, and the
 * errors it has of its own. The language itself is Chat's and tested there.
 */
#include "drive.h"

static void path(const char *base, const char *version, const char *query, const char *want)
{
    struct buf b = BUF_INIT(4096);
    struct dialect_opts o = {.api_version = str_c(version)};
    struct back_call c = {.opts = &o, .model = STR("gpt 4/o"), .query = str_c(query)};
    dialect_azure.back->request_path(&c, str_c(base), &b);
    assert_str(buf_str(&b), want);
    buf_fini(&b);
}

static void test_addresses(void **state)
{
    (void)state;
    /* the v1 API, from the resource's address or written out */
    path("", "", "", "/openai/v1/chat/completions");
    path("/openai", "", "", "/openai/v1/chat/completions");
    path("/openai/v1", "", "", "/openai/v1/chat/completions");
    path("/openai/v1", "preview", "", "/openai/v1/chat/completions?api-version=preview");
    /* deployments */
    path("", "2024-10-21", "",
         "/openai/deployments/gpt%204%2Fo/chat/completions?api-version=2024-10-21");
    path("/openai", "2025-01-01-preview", "",
         "/openai/deployments/gpt%204%2Fo/chat/completions?api-version=2025-01-01-preview");
    path("/openai/deployments/prod", "", "",
         "/openai/deployments/prod/chat/completions?api-version=2024-10-21");
    path("/openai/deployments/prod", "2024-06-01", "",
         "/openai/deployments/prod/chat/completions?api-version=2024-06-01");
    /* a version in the base's own query: the gate appends it */
    path("/openai/deployments/prod", "", "api-version=x",
         "/openai/deployments/prod/chat/completions");
    path("", "", "api-version=x", "/openai/deployments/gpt%204%2Fo/chat/completions");
    /* Foundry, and whatever else is like it */
    path("/models", "", "", "/models/chat/completions?api-version=2024-05-01-preview");
    path("/models", "", "api-version=x", "/models/chat/completions");
    path("/serving-endpoints", "", "", "/serving-endpoints/chat/completions");
}

static void responses_path(const char *base, const char *version, const char *want)
{
    struct buf b = BUF_INIT(4096);
    struct dialect_opts o = {.api_version = str_c(version)};
    struct back_call c = {.opts = &o, .model = STR("m")};
    dialect_azure_responses.back->request_path(&c, str_c(base), &b);
    assert_str(buf_str(&b), want);
    buf_fini(&b);
}

static void test_addresses_of_responses(void **state)
{
    (void)state;
    responses_path("", "", "/openai/v1/responses");
    responses_path("/openai/v1", "", "/openai/v1/responses");
    responses_path("/openai", "2025-04-01-preview",
                   "/openai/responses?api-version=2025-04-01-preview");
    assert_true(dialect_is_same(&dialect_responses, &dialect_azure_responses));
    assert_false(dialect_is_same(&dialect_openai_chat, &dialect_azure_responses));
}

static void collect_header(void *ctx, str name, str value)
{
    buf_addf(ctx, STR_FMT ": " STR_FMT "\n", STR_ARG(name), STR_ARG(value));
}

static void test_headers(void **state)
{
    struct dialect_opts o = {0};
    struct back_call c = {.opts = &o, .model = STR("m"), .key = STR("k"), .stream = true};
    struct buf b = BUF_INIT(4096);
    (void)state;
    dialect_azure.back->request_headers(&c, collect_header, &b);
    assert_str(buf_str(&b), "api-key: k\naccept: text/event-stream\n");
    buf_clear(&b);
    o.auth = AUTH_BEARER; /* a token of Entra ID */
    dialect_azure.back->request_headers(&c, collect_header, &b);
    assert_str(buf_str(&b), "authorization: Bearer k\naccept: text/event-stream\n");
    buf_fini(&b);
}

static void test_one_family_with_chat(void **state)
{
    struct drive d;
    (void)state;
    drive_init(&d);
    assert_true(dialect_is_same(&dialect_openai_chat, &dialect_azure));
    assert_false(dialect_is_same(&dialect_anthropic, &dialect_azure));
    assert_str(drive_splice(&d, &dialect_azure, STR("{\"messages\":[]}"), "prod", false),
               "{\"model\":\"prod\",\"messages\":[]}");
    assert_str(drive_splice(&d, &dialect_azure, STR("{\"x\":1,\"model\":null}"), "o4-mini", false),
               "{\"x\":1,\"model\":\"o4-mini\"}");
    drive_fini(&d);
}

/* ---- its clients, at weir ---- */

static void routed(const char *path, bool mine, const char *model)
{
    struct front_route r;
    const struct dialect *d = dialect_route(str_c(path), STR_NONE, &r);
    if ((d == &dialect_openai_chat) != mine)
        fail_msg("%s", path);
    if (mine)
        assert_str(r.model, model);
}

static void test_paths_of_its_clients(void **state)
{
    struct front_route r;
    (void)state;
    assert_ptr_equal(dialect_route(STR("/openai/responses"), STR_NONE, &r), &dialect_responses);
    assert_ptr_equal(dialect_route(STR("/openai/v1/responses"), STR_NONE, &r), &dialect_responses);
    routed("/openai/deployments/dep1/chat/completions", true, "dep1");
    routed("/openai/deployments/a%20b/chat/completions", true, "a%20b");
    routed("/openai/v1/chat/completions", true, "");
    routed("/openai/deployments//chat/completions", false, "");
    routed("/openai/deployments/a/b/chat/completions", false, "");
    routed("/openai/deployments/a/completions", false, "");
}

static void test_the_deployment_is_the_model(void **state)
{
    struct front_route r = {.op = FRONT_CHAT, .model = STR("my%20dep")};
    struct ir_peek p;
    struct fail f;
    struct drive d;
    (void)state;
    drive_init(&d);
    jval root = drive_json(&d, STR("{\"model\":\"gpt-4o\",\"messages\":[]}"));
    assert_int_equal(dialect_openai_chat.front->peek(root, &r, &d.arena, &p, &f), RC_OK);
    assert_str(p.model, "my dep");
    root = drive_json(&d, STR("{\"messages\":[]}"));
    assert_int_equal(dialect_openai_chat.front->peek(root, &r, &d.arena, &p, &f), RC_OK);
    r.model = STR("a%2");
    assert_int_equal(dialect_openai_chat.front->peek(root, &r, &d.arena, &p, &f), RC_SYNTAX);
    assert_str(f.param, "model");
    drive_fini(&d);
}

/* ---- answers ---- */

static void test_errors(void **state)
{
    static const struct {
        unsigned status;
        const char *body;
        enum err kind;
        const char *message;
    } rows[] = {
        {401, "{\"error\":{\"code\":\"401\",\"message\":\"Access denied\"}}", ERR_UPSTREAM_AUTH,
         ""},
        {404,
         "{\"error\":{\"type\":\"invalid_request_error\",\"code\":\"DeploymentNotFound\","
         "\"message\":\"The API deployment for this resource does not exist.\"}}",
         ERR_NOT_FOUND, "The API deployment for this resource does not exist."},
        {429, "{\"error\":{\"code\":\"RateLimitReached\",\"message\":\"m\",\"details\":\"m\"}}",
         ERR_RATE_LIMITED, "m"},
        {400,
         "{\"error\":{\"message\":\"The response was filtered\",\"type\":null,\"param\":\"prompt\","
         "\"code\":\"content_filter\",\"status\":400,\"innererror\":{\"code\":"
         "\"ResponsibleAIPolicyViolation\",\"content_filter_result\":{\"hate\":{\"filtered\":true,"
         "\"severity\":\"high\"}}}}}",
         ERR_POLICY, "The response was filtered"},
    };
    struct drive d;
    (void)state;
    drive_init(&d);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct reply_facts facts = {.status = rows[i].status};
        struct fail f;
        dialect_azure.back->decode_error(&facts, str_c(rows[i].body), &d.arena, &f);
        if (f.kind != rows[i].kind)
            fail_msg("%s gives %s", rows[i].body, err_row(f.kind)->name.p);
        assert_str(f.message, rows[i].message);
    }
    drive_fini(&d);
}

static void test_u44_more_cached_than_there_was(void **state)
{
    struct drive d;
    (void)state;
    drive_init(&d);
    struct answer a = {
        .dialect = &dialect_azure,
        .bytes =
            STR("{\"id\":\"1\",\"model\":\"grok\",\"choices\":[{\"message\":{\"content\":\"a\"},"
                "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":5,"
                "\"completion_tokens\":1,\"prompt_tokens_details\":{\"cached_tokens\":9}}}")};
    assert_true(str_find(drive_lines(&d, &a), STR("usage in=0 read=5 w5m=0 w1h=0 out=1 reason=0 "
                                                  "suspect")) != SIZE_MAX);
    drive_fini(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_addresses_of_responses),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_one_family_with_chat),
        cmocka_unit_test(test_paths_of_its_clients),
        cmocka_unit_test(test_the_deployment_is_the_model),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_u44_more_cached_than_there_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
