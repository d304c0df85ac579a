/* SPDX-License-Identifier: Apache-2.0 */
/* What digits and underscores add for others' encodings, and what seals and sounds weigh. */
#include "../unit.h"

#include "token/pieces.h"
#include "token/sealed.h"

static void more(const char *text, unsigned digits, unsigned gemma)
{
    assert_int_equal(pieces_more(PIECES_OPENAI, str_c(text)), 0);
    assert_int_equal(pieces_more(PIECES_DIGITS, str_c(text)), digits);
    assert_int_equal(pieces_more(PIECES_GEMMA, str_c(text)), gemma);
}

static void test_digits_are_one_each(void **state)
{
    (void)state;
    more("", 0, 0);
    more("no figures", 0, 0);
    more("7", 0, 0);
    more("42 apples", 1, 1);
    more("2018", 2, 2);       /* 201 8 */
    more("1234567 12", 5, 5); /* 123 456 7, 12 */
    more("3.14159", 3, 3);
    more("a1b22c333", 3, 3);
}

static void test_gemma_cuts_at_underscores(void **state)
{
    (void)state;
    more("get_current_weather", 0, 2);
    more("call_12", 1, 1);
    more("_", 0, 0);
    more("a_", 0, 0);
    more("__init__", 0, 1);
}

static uint64_t seal(enum seal_maker maker, size_t n)
{
    static char text[8192];

    assert_true(n <= sizeof(text));
    return sealed_tokens(maker, str_of(text, n));
}

static void test_seals(void **state)
{
    (void)state;
    assert_int_equal(seal(SEAL_OPENAI, 0), 0);
    assert_int_equal(seal(SEAL_OPENAI, 930), 0);
    assert_in_range(seal(SEAL_OPENAI, 2572), 230, 290);   /* 256 were reported */
    assert_in_range(seal(SEAL_OPENAI, 8140), 1000, 1210); /* 1,088 */
    assert_int_equal(seal(SEAL_GEMINI, 48), 0);           /* a made-up one */
    assert_int_equal(seal(SEAL_NONE, 8000), 0);
    assert_int_equal(sealed_tokens(SEAL_CLAUDE, STR_NONE), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digits_are_one_each),
        cmocka_unit_test(test_gemma_cuts_at_underscores),
        cmocka_unit_test(test_seals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
