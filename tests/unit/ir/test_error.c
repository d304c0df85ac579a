/* SPDX-License-Identifier: Apache-2.0 */
/* The table of errors against RELIABILITY section 6, and what is read off a fail. */
#include "../unit.h"

#include "ir/error.h"

static void row(enum err e, unsigned openai, const char *ot, const char *oc, unsigned anthropic,
                const char *at, unsigned gemini, const char *gn, enum err_retry retry)
{
    const struct err_row *r = err_row(e);
    assert_int_equal(r->openai_status, openai);
    assert_str(r->openai_type, ot);
    assert_str(r->openai_code, oc);
    assert_int_equal(r->anthropic_status, anthropic);
    assert_str(r->anthropic_type, at);
    assert_int_equal(r->gemini_status, gemini);
    assert_str(r->gemini_name, gn);
    assert_int_equal(r->should_retry, retry);
}

static void test_the_table(void **state)
{
    (void)state;
    row(ERR_UNSUPPORTED, 400, "invalid_request_error", "unsupported_parameter", 400,
        "invalid_request_error", 400, "INVALID_ARGUMENT", ERR_RETRY_NO);
    row(ERR_CONTEXT_LENGTH, 400, "invalid_request_error", "context_length_exceeded", 400,
        "invalid_request_error", 400, "INVALID_ARGUMENT", ERR_RETRY_NO);
    row(ERR_POLICY, 400, "invalid_request_error", "content_filter", 400, "invalid_request_error",
        400, "FAILED_PRECONDITION", ERR_RETRY_NO);
    row(ERR_AUTH, 401, "invalid_request_error", "invalid_api_key", 401, "authentication_error", 400,
        "INVALID_ARGUMENT", ERR_RETRY_NO);
    row(ERR_NO_KEY, 401, "invalid_request_error", "invalid_api_key", 401, "authentication_error",
        403, "PERMISSION_DENIED", ERR_RETRY_NO);
    row(ERR_FORBIDDEN, 403, "invalid_request_error", "permission_denied", 403, "permission_error",
        403, "PERMISSION_DENIED", ERR_RETRY_NO);
    row(ERR_NOT_FOUND, 404, "invalid_request_error", "model_not_found", 404, "not_found_error", 404,
        "NOT_FOUND", ERR_RETRY_NO);
    row(ERR_REQUEST_TIMEOUT, 408, "invalid_request_error", "request_timeout", 408,
        "invalid_request_error", 408, "DEADLINE_EXCEEDED", ERR_RETRY_UNSAID);
    row(ERR_TOO_LARGE, 413, "invalid_request_error", "request_too_large", 413, "request_too_large",
        413, "INVALID_ARGUMENT", ERR_RETRY_NO);
    row(ERR_RATE_LIMITED, 429, "requests", "rate_limit_exceeded", 429, "rate_limit_error", 429,
        "RESOURCE_EXHAUSTED", ERR_RETRY_UNSAID);
    row(ERR_BUDGET, 429, "insufficient_quota", "insufficient_quota", 402, "billing_error", 429,
        "RESOURCE_EXHAUSTED", ERR_RETRY_NO);
    row(ERR_INTERNAL, 500, "server_error", "internal_error", 500, "api_error", 500, "INTERNAL",
        ERR_RETRY_UNSAID);
    row(ERR_UPSTREAM, 502, "server_error", "upstream_error", 502, "api_error", 503, "UNAVAILABLE",
        ERR_RETRY_UNSAID);
    row(ERR_UPSTREAM_AUTH, 502, "server_error", "upstream_auth_error", 502, "api_error", 503,
        "UNAVAILABLE", ERR_RETRY_NO);
    row(ERR_OVERLOADED, 503, "service_unavailable_error", "server_is_overloaded", 529,
        "overloaded_error", 503, "UNAVAILABLE", ERR_RETRY_UNSAID);
    row(ERR_TIMEOUT, 504, "server_error", "timeout", 504, "timeout_error", 504, "DEADLINE_EXCEEDED",
        ERR_RETRY_UNSAID);
    assert_str(err_row(ERR_RATE_LIMITED)->name, "rate_limited");
}

static void test_a_fail_speaks_for_itself(void **state)
{
    struct fail f = {.kind = ERR_OVERLOADED};
    (void)state;
    assert_str(fail_message(&f), "The provider is overloaded.");
    assert_str(fail_code(&f), "server_is_overloaded");
    assert_int_equal(fail_retry_after_s(&f), 2);
    f.message = STR("m");
    f.code = STR("c");
    f.retry_after_ms = 1;
    assert_str(fail_message(&f), "m");
    assert_str(fail_code(&f), "c");
    assert_int_equal(fail_retry_after_s(&f), 1);
    f.retry_after_ms = 60001;
    assert_int_equal(fail_retry_after_s(&f), 61);
    f.retry_after_ms = UINT64_MAX / 2;
    assert_int_equal(fail_retry_after_s(&f), 3600); /* U11 */
    assert_int_equal(fail_set(&f, ERR_BAD_REQUEST, STR("x"), STR("p"), STR_NONE), RC_SYNTAX);
    assert_int_equal(f.kind, ERR_BAD_REQUEST);
    assert_int_equal(f.retry_after_ms, 0);
}

/* A provider's 401 and 403 are between it and us. */
static void test_statuses_never_blame_the_client_for_our_key(void **state)
{
    (void)state;
    for (unsigned s = 300; s < 600; s++) {
        enum err e = err_of_status(s);
        assert_true(e != ERR_AUTH && e != ERR_NO_KEY && e != ERR_FORBIDDEN);
        if (s >= 500)
            assert_true(err_row(e)->openai_status >= 500);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_table),
        cmocka_unit_test(test_a_fail_speaks_for_itself),
        cmocka_unit_test(test_statuses_never_blame_the_client_for_our_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
