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

static void test_nano(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t want;
    } good[] = {
        {"0", 0},
        {"0.0", 0},
        {"3", 3000000000},
        {"0.27", 270000000},
        {"0.000000001", 1},
        {"0.0000000005", 1}, /* half up */
        {"0.00000000049", 0},
        {"0.00014399999999999998", 144000},
        {"2e-7", 200},
        {"1.5E+1", 15000000000},
        {"1e-400", 0},
        {"0e999999999", 0},
        {"0.000000000000000000000000001e18", 1},
        {"123456789012345678901e-12", 123456789012345678},
        {"18446744073", UINT64_C(18446744073000000000)},
        {"9999999999.999999999", UINT64_C(9999999999999999990)}, /* 18 digits are kept */
    };
    uint64_t v = 77;
    static const char *const bad[] = {"", ".5", "1.", "+1", " 1", "1 ", "$1", "1e", "0x1", "nan"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(num_nano(str_c(bad[i]), &v), RC_SYNTAX);
    assert_int_equal(num_nano(STR("-1"), &v), RC_RANGE);
    assert_int_equal(num_nano(STR("18446744074"), &v), RC_RANGE);
    assert_int_equal(num_nano(STR("1e11"), &v), RC_RANGE);
    assert_int_equal(num_nano(STR("1e99999999999999999999"), &v), RC_RANGE);
    assert_int_equal(v, 77);
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(num_nano(str_c(good[i].text), &v), RC_OK);
        if (v != good[i].want)
            fail_msg("%s: got %llu", good[i].text, (unsigned long long)v);
    }
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
        cmocka_unit_test(test_u64),    cmocka_unit_test(test_i64),  cmocka_unit_test(test_hex),
        cmocka_unit_test(test_double), cmocka_unit_test(test_nano), cmocka_unit_test(test_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
