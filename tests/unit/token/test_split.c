/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of text, as the two patterns cut them. Expected cuts are what js-tiktoken's expression
 * does. */
#include "../json/guard.h"

#include "base/check.h"
#include "base/rand.h"
#include "base/utf8.h"
#include "token/split.h"
#include "token/unicode.h"

/* The pieces with | between them; the text flush against unreadable memory. */
static void cuts(enum split_kind kind, const char *text, const char *want)
{
    struct guard g = guard_new(str_c(text));
    const uint8_t *p = (const uint8_t *)g.text.p, *end = p + g.text.n;
    char got[512];
    size_t n = 0;

    while (p < end) {
        const uint8_t *to = split_next(kind, p, end);
        assert_true(to > p && to <= end);
        if (n)
            got[n++] = '|';
        memcpy(got + n, p, (size_t)(to - p));
        n += (size_t)(to - p);
        p = to;
    }
    assert_str(str_of(got, n), want);
    guard_free(&g);
}

static void both(const char *text, const char *want)
{
    cuts(SPLIT_CL100K, text, want);
    cuts(SPLIT_O200K, text, want);
}

static void test_words(void **state)
{
    (void)state;
    both("Hello, world", "Hello|,| world");
    both("tab\tword _name", "tab|\tword| _|name");
    both("_name(x)", "_name|(x|)");
    cuts(SPLIT_CL100K, "camelCase HTTPServer", "camelCase| HTTPServer");
    cuts(SPLIT_O200K, "camelCase HTTPServer", "camel|Case| HTTPServer");
    cuts(SPLIT_O200K, "ABC aBC", "ABC| a|BC");
}

static void test_contractions(void **state)
{
    (void)state;
    cuts(SPLIT_CL100K, "don't WE'LL it's", "don|'t| WE|'LL| it|'s");
    cuts(SPLIT_O200K, "don't WE'LL it's", "don't| WE'LL| it's");
    cuts(SPLIT_O200K, "x'ray'", "x|'ray|'");
    cuts(SPLIT_CL100K, "'re'x", "'re|'x");
    cuts(SPLIT_CL100K, "'r", "'r");
    cuts(SPLIT_CL100K, "'", "'");
}

static void test_numbers(void **state)
{
    (void)state;
    both("1234567 89", "123|456|7| |89");
    both("\xd9\xa1\xd9\xa2\xd9\xa3\xd9\xa4",
         "\xd9\xa1\xd9\xa2\xd9\xa3|\xd9\xa4"); /* Arabic digits */
    both("x1y", "x|1|y");
}

static void test_signs(void **state)
{
    (void)state;
    both("a == b;\n", "a| ==| b|;\n");
    cuts(SPLIT_CL100K, "//\n/x", "//\n|/x");
    cuts(SPLIT_O200K, "//\n/x", "//\n/|x");
    both("!\r\n\r\nx", "!\r\n\r\n|x");
}

static void test_blanks(void **state)
{
    (void)state;
    both("a  b", "a| | b");
    both("a   ", "a|   ");
    both("a \n  b", "a| \n| | b");
    both(" \t\n\n \n", " \t\n\n \n");
    both("1 2", "1| |2");
    both("\n1", "\n|1");
    both(" \xe3\x80\x80z", " |\xe3\x80\x80z"); /* an ideographic space */
}

/* Where both sets of o200k_base meet: letters without case, and marks. */
static void test_case_and_marks(void **state)
{
    (void)state;
    both("\xe4\xb8\xad\xe6\x96\x87", "\xe4\xb8\xad\xe6\x96\x87");
    cuts(SPLIT_O200K, "A\xc2\xaaPQ", "A\xc2\xaa|PQ"); /* feminine ordinal: goes back to it */
    cuts(SPLIT_O200K, "A\xc2\xaaPq", "A\xc2\xaaPq");
    cuts(SPLIT_O200K, "a\xcc\x81Z",
         "a\xcc\x81|Z"); /* a combining acute accent is part of the word */
    cuts(SPLIT_CL100K, "a\xcc\x81Z", "a|\xcc\x81Z"); /* … or the sign before the next */
    cuts(SPLIT_O200K, "\xcc\x81", "\xcc\x81");
    cuts(SPLIT_O200K, "\xcc\x81ZZ", "\xcc\x81|ZZ");
}

/* Bytes that are no UTF-8 are signs, one byte each, and never read beyond the end. */
static void test_broken_text(void **state)
{
    static const char *const bad[] = {
        "\x80",         "\xc3",     "\xe4\xb8",         "\xf0\x9f\x98",
        "\xed\xa0\x80", "\xc0\x80", "\xf5\x80\x80\x80", "\xff",
        "\xe0\x80\x80"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        both(bad[i], bad[i]);
    both("a\xff z", "a|\xff| z");
}

static void test_any_bytes_are_cut_up(void **state)
{
    struct rand r;
    (void)state;
    rand_init(&r, 20);
    for (int round = 0; round < 3000; round++) {
        char text[40];
        size_t n = 1 + rand_below(&r, sizeof(text));
        for (size_t i = 0; i < n; i++)
            text[i] = (char)(rand_below(&r, 3) ? "aA1 \n'\xcc\x81\xe4\xb8\xad"[rand_below(&r, 11)]
                                               : (char)rand_u64(&r));
        struct guard g = guard_new(str_of(text, n));
        for (int kind = SPLIT_CL100K; kind <= SPLIT_O200K; kind++) {
            const uint8_t *p = (const uint8_t *)g.text.p, *end = p + n;
            for (const uint8_t *to; p < end; p = to) {
                to = split_next((enum split_kind)kind, p, end);
                assert_true(to > p && to <= end);
            }
        }
        guard_free(&g);
    }
}

static void test_kinds(void **state)
{
    static const struct {
        uint32_t code;
        unsigned kind;
    } rows[] = {
        {'a', UNI_LOWER},      {'Z', UNI_UPPER},      {'7', UNI_NUMBER},   {'\r', UNI_LINE},
        {0xA0, UNI_SPACE},     {0x1C5, UNI_UPPER},    {0x2B0, UNI_LETTER}, {0x301, UNI_MARK},
        {0x4E2D, UNI_LETTER},  {0x1F600, UNI_OTHER},  {0xFEFF, UNI_SPACE}, {0x85, UNI_OTHER},
        {0xBD, UNI_NUMBER},    {0xE0100, UNI_MARK},   {0xE01EF, UNI_MARK}, {0xE01F0, UNI_OTHER},
        {0x10FFFF, UNI_OTHER}, {0x33479, UNI_LETTER}, {0x3347A, UNI_OTHER}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(uni_kind(rows[i].code), rows[i].kind);
    for (uint32_t code = 0; code < 128; code++)
        assert_int_equal(uni_kind(code), uni_ascii[code]);
    for (uint32_t code = 128; code <= 0x10FFFF; code += 1 + code / 512) {
        char text[4];
        unsigned len;
        if (code >= 0xD800 && code < 0xE000)
            continue;
        size_t n = utf8_encode(text, code);
        const uint8_t *p = (const uint8_t *)text;
        assert_int_equal(uni_at(p, p + n, &len), uni_kind(code));
        assert_int_equal(len, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),       cmocka_unit_test(test_contractions),
        cmocka_unit_test(test_numbers),     cmocka_unit_test(test_signs),
        cmocka_unit_test(test_blanks),      cmocka_unit_test(test_case_and_marks),
        cmocka_unit_test(test_broken_text), cmocka_unit_test(test_any_bytes_are_cut_up),
        cmocka_unit_test(test_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
