/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "base/num.h"

static void test_u64(void **state)
{
    (void)state;
    uint64_t v = 77;
    static const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "0x10", "1_0", "1.0"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(num_u64(str_c(bad[i]), &v), RC_SYNTAX);
    assert_int_equal(num_u64(STR("18446744073709551616"), &v), RC_RANGE);
    assert_int_equal(v, 77); /* outputs only on success */
    assert_int_equal(num_u64(STR("18446744073709551615"), &v), RC_OK);
    assert_true(v == UINT64_MAX);
}

static void test_i64(void **state)
{
    (void)state;
    int64_t v;
    assert_int_equal(num_i64(STR("-9223372036854775808"), &v), RC_OK);
    assert_true(v == INT64_MIN);
    assert_int_equal(num_i64(STR("9223372036854775808"), &v), RC_RANGE);
    assert_int_equal(num_i64(STR("-"), &v), RC_SYNTAX);
}

static void test_hex(void **state)
{
    (void)state;
    uint64_t v;
    assert_int_equal(num_hex(STR("fF"), &v), RC_OK);
    assert_int_equal(v, 255);
    assert_int_equal(num_hex(STR("0x1"), &v), RC_SYNTAX);
    assert_int_equal(num_hex(STR("11111111111111111"), &v), RC_RANGE);
}

static void test_double(void **state)
{
    (void)state;
    double v;
    assert_int_equal(num_double(STR("-0.5e1"), &v), RC_OK);
    assert_true(v > -5.01 && v < -4.99);
    static const char *const bad[] = {"", "01", "1.", ".5", "1e", "inf", "nan", "0x1", "1 "};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(num_double(str_c(bad[i]), &v), RC_SYNTAX);
    assert_int_equal(num_double(STR("1e999"), &v), RC_RANGE);
}

static void test_units(void **state)
{
    (void)state;
    uint64_t v;
    assert_int_equal(num_count(STR("2M"), &v), RC_OK);
    assert_int_equal(v, 2000000);
    assert_int_equal(num_count(STR("1.5k"), &v), RC_OK);
    assert_int_equal(v, 1500);
    assert_int_equal(num_duration(STR("10m"), &v), RC_OK);
    assert_int_equal(v, 600000);
    assert_int_equal(num_duration(STR("500ms"), &v), RC_OK);
    assert_int_equal(v, 500);
    assert_int_equal(num_bytes(STR("32MiB"), &v), RC_OK);
    assert_int_equal(v, 33554432);
    assert_int_equal(num_bytes(STR("12 parsecs"), &v), RC_SYNTAX);
    assert_int_equal(num_duration(STR("99999999999999999999d"), &v), RC_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_u64),    cmocka_unit_test(test_i64),   cmocka_unit_test(test_hex),
        cmocka_unit_test(test_double), cmocka_unit_test(test_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
