/* SPDX-License-Identifier: Apache-2.0 */
#include "guard.h"

#include "base/check.h"
#include "http/h1.h"

static void test_typical(void **state)
{
    (void)state;
    static struct h1_head h;
    str in = STR("POST /v1/messages?beta=true HTTP/1.1\r\nHost: gateway.local:3456\r\n"
                 "Content-Type:application/json\r\nX-Api-Key: \t k \t\r\nX-Empty:\r\n"
                 "CONTENT-LENGTH: 12\r\n\r\nbody");
    size_t used = 0;
    assert_int_equal(h1_request(&h, in, 0, &used), H1_DONE);
    assert_int_equal(used, in.n - 4);
    assert_int_equal(h.method, H1_POST);
    assert_str(h.path, "/v1/messages");
    assert_str(h.query, "beta=true");
    assert_str(h.host, "gateway.local:3456");
    assert_str(h1_get(&h, H1_CONTENT_TYPE), "application/json");
    assert_str(h1_get(&h, H1_X_API_KEY), "k");
    assert_str(h1_find(&h, STR("x-EMPTY")), "");
    assert_null(h1_find(&h, STR("x-none")).p);
    assert_int_equal(h.body, H1_BODY_LENGTH);
    assert_int_equal(h.content_length, 12);
    assert_true(h.keep_alive);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_typical),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
