/* SPDX-License-Identifier: Apache-2.0 */
#include "guard.h"

#include "json/json.h"

static void test_shape(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    struct guard g = guard_new(STR("{\"a\":[1,\"x\"]}"));
    struct json_doc d;
    assert_int_equal(json_parse(&a, g.text, &d, NULL), RC_OK);
    assert_int_equal(d.count, 5);
    assert_int_equal(d.nodes[0].next, 5);
    assert_int_equal(d.nodes[2].next, 5);
    assert_str(json_text(json_get_lit(json_root(&d), "a")), "[1,\"x\"]");
    guard_free(&g);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shape),
    };
    return cmocka_run_group_tests_name("json/parse", tests, NULL, NULL);
}
