/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "base/check.h"
#include "base/utf8.h"

static void test_table(void **state)
{
    (void)state;
    static const char *const good[] = {"",
                                       "abc",
                                       "\xc3\xa9",
                                       "\xe2\x82\xac",
                                       "\xf0\x9f\x98\x80",
                                       "\xf4\x8f\xbf\xbf",
                                       "\xed\x9f\xbf",
                                       "12345678\xc3\xa9 12345678"};
    static const char *const bad[] = {"\x80",
                                      "\xc0\x80",
                                      "\xc3",
                                      "\xe0\x80\x80",
                                      "\xed\xa0\x80",
                                      "\xf0\x80\x80\x80",
                                      "\xf4\x90\x80\x80",
                                      "\xff",
                                      "12345678\xe2\x82",
                                      "\xf8\x88\x80\x80\x80"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(utf8_is_valid(str_c(good[i])));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(utf8_is_valid(str_c(bad[i])));
    assert_int_equal(utf8_valid_prefix(STR("abc\xff")), 3);
}

/* Every code point round-trips; surrogates do not. */
static void test_every_code_point(void **state)
{
    (void)state;
    char b[4];
    for (uint32_t cp = 0; cp <= 0x10FFFF; cp++) {
        size_t n = utf8_encode(b, cp);
        bool surrogate = cp >= 0xD800 && cp <= 0xDFFF;
        if (utf8_is_valid(str_of(b, n)) == surrogate)
            fail_msg("U+%X", cp);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_every_code_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
