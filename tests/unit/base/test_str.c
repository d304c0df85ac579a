/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

static void test_cut(void **state)
{
    (void)state;
    str s = STR("a,b,,c");
    assert_str(str_cut(&s, ','), "a");
    assert_str(str_cut(&s, ','), "b");
    assert_str(str_cut(&s, ','), "");
    assert_str(str_cut(&s, ','), "c");
    assert_null(s.p);
}

static void test_search(void **state)
{
    (void)state;
    assert_int_equal(str_find(STR("hello"), STR("ll")), 2);
    assert_true(str_find(STR("hello"), STR("x")) == SIZE_MAX);
    assert_true(str_find_char(STR_NONE, 'x') == SIZE_MAX);
    assert_int_equal(str_rfind_char(STR("a/b/c"), '/'), 3);
    assert_str(str_trim(STR(" \t x \t")), "x");
    assert_str(str_trim(STR("   ")), "");
}

static void test_compare(void **state)
{
    (void)state;
    assert_true(str_eq_nocase(STR("Content-Type"), STR("content-type")));
    assert_false(str_eq_nocase(STR("a"), STR("ab")));
    assert_true(str_eq(STR_NONE, STR("")));
    assert_true(str_cmp(STR("a"), STR("ab")) < 0);
    assert_true(str_cmp(STR("b"), STR("ab")) > 0);
    assert_true(str_has_suffix(STR("/v1/messages"), STR("/messages")));
    assert_false(str_has_prefix(STR("a"), STR("ab")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_search),
        cmocka_unit_test(test_compare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
