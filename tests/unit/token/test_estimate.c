/* SPDX-License-Identifier: Apache-2.0 */
/* Estimates of tokens: about right for kinds of text, steady, and cheap for long ones. */
#include "../json/guard.h"
#include "base/buf.h"
#include "token/estimate.h"

static void about(const char *text, uint64_t tokens, unsigned percent)
{
    uint64_t got = estimate_text(str_c(text)), slack = tokens * percent / 100 + 1;
    if (got + slack < tokens || got > tokens + slack)
        fail_msg("%lu for \"%s\", which is %lu", (unsigned long)got, text, (unsigned long)tokens);
}

/* Counts by o200k_base. */
static void test_kinds_of_text(void **state)
{
    (void)state;
    about("The quick brown fox jumps over the lazy dog.", 10, 20);
    about("Please read the file and tell me what it does, then fix the bug in it.", 17, 20);
    about("for (int i = 0; i < n; i++) {\\n    sum += a[i];\\n}", 24, 25);
    about("{\\\"city\\\":\\\"Paris\\\",\\\"unit\\\":\\\"celsius\\\"}", 11, 40);
    about("1234567890 3.14159", 9, 25);
    about("\xe4\xbb\x8a\xe5\xa4\xa9\xe5\xa4\xa9\xe6\xb0\x94\xe5\xbe\x88\xe5\xa5\xbd", 5, 40);
    about("", 0, 0);
}

static void test_long_text_is_sampled(void **state)
{
    const char *line = "some words of a long and rather even prompt, 42 of them\\n";
    struct buf b = BUF_INIT(8u << 20);
    (void)state;
    for (unsigned i = 0; i < 60000; i++)
        buf_add(&b, str_c(line));
    uint64_t one = estimate_text(str_head(buf_str(&b), ESTIMATE_SAMPLE));
    uint64_t all = estimate_text(buf_str(&b));
    double ratio = (double)all / ((double)one * (double)buf_size(&b) / ESTIMATE_SAMPLE);
    assert_true(ratio > 0.98 && ratio < 1.02);
    buf_fini(&b);
}

/* Without a byte beyond its end, whatever it ends in. */
static void test_ends_of_text(void **state)
{
    static const char *const ends[] = {"\\", "a\\", "\\u00", "\xe4", "12", "  ", "\n"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        struct guard g = guard_new(str_c(ends[i]));
        assert_true(estimate_text(g.text) <= 4);
        guard_free(&g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds_of_text),
        cmocka_unit_test(test_long_text_is_sampled),
        cmocka_unit_test(test_ends_of_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
