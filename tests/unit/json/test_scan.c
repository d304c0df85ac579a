/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scanners against one that is written down as plainly as RFC 8259 and RFC 3629 are, on random
 * strings of what matters, at every distance from the end of the readable memory.
 */
#include "guard.h"

#include "base/rand.h"
#include "json/scan_int.h"

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static size_t plain_escape(const char *s, size_t n)
{
    if (n >= 2 && s[1] != 0 && strchr("\"\\/bfnrt", s[1]))
        return 2;
    if (n >= 6 && s[1] == 'u' && is_hex(s[2]) && is_hex(s[3]) && is_hex(s[4]) && is_hex(s[5]))
        return 6;
    return 0;
}

/* Decode, then compare with the smallest code point that needs so many bytes. */
static size_t plain_utf8(const unsigned char *s, size_t n)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
    if (s[0] < 0xC0 || s[0] >= 0xF8 || n < len)
        return 0;
    uint32_t cp = s[0] & (0xFFu >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if (s[i] >> 6 != 2)
            return 0;
        cp = cp << 6 | (s[i] & 63);
    }
    bool good = cp >= least[len] && cp <= 0x10FFFF && (cp < 0xD800 || cp > 0xDFFF);
    return good ? len : 0;
}

/* Bytes before the closing quote, or SIZE_MAX with *bad where it went wrong. */
static size_t plain_scan(const char *s, size_t n, bool *escaped, size_t *bad)
{
    for (size_t i = 0; i < n;) {
        unsigned char c = (unsigned char)s[i];
        size_t step = 1;
        if (c == '"')
            return i;
        if (c == '\\')
            step = plain_escape(s + i, n - i);
        else if (c >= 0x80)
            step = plain_utf8((const unsigned char *)s + i, n - i);
        else if (c < 0x20)
            step = 0;
        *escaped |= c == '\\';
        *bad = i;
        if (step == 0)
            return SIZE_MAX;
        i += step;
    }
    *bad = n;
    return SIZE_MAX;
}

static void check(str s, bool short_too)
{
    bool want_escaped = false, escaped = false;
    size_t bad = 0, want = plain_scan(s.p, s.n, &want_escaped, &bad);
    struct json_flaw flaw = {0};
    const char *end = s.p + s.n, *e = json_scan_exact(s.p, end, &escaped, &flaw);
    if (want == SIZE_MAX) {
        assert_null(e);
        assert_int_equal(flaw.at - s.p, bad);
        assert_int_equal(flaw.rc, bad < s.n && (s.p[bad] & 0x80) ? RC_UTF8 : RC_SYNTAX);
    } else {
        assert_ptr_equal(e, s.p + want);
        assert_int_equal(escaped, want_escaped);
    }
    const json_scan_fn wide[] = {json_scan_with_avx2(), json_scan_with_avx512()};
    for (size_t i = 0; i < ARRAY_LEN(wide); i++) {
        if (!wide[i])
            continue;
        escaped = false;
        const char *f = wide[i](s.p, end, &escaped);
        assert_ptr_equal(f, e); /* it accepts all that is right, and nothing else */
        assert_true(!f || escaped == want_escaped);
    }
    const char *g = short_too && s.n >= JSON_SCAN_SHORT ? json_scan_short(s.p) : NULL;
    assert_true(!g || (g == e && !want_escaped));
}

/* Pieces that make all kinds of strings, right and wrong, probable. */
static const char *const pieces[] = {
    "a",
    "word ",
    "0123456789",
    "\\n",
    "\\\\",
    "\\\"",
    "\\u00e9",
    "\\uD83D",
    "\\/",
    "\xC3\xA9",
    "\xE6\x97\xA5",
    "\xF0\x9F\x98\x80",
    "\\u12",
    "\\x",
    "\xE6\x97",
    "\x80",
    "\xF0\x9F",
    "\xC0\x80",
    "\xE0\x9F",
    "\xED\xA0",
    "\xF4\x90\x80\x80",
    "\xFF",
    "\x1F",
    "\\",
    "\xF0\x8F\x80\x80",
    "\xF5\x80\x80\x80",
    "\xE0\x80\x80",
    "\"",
    "\x7F",
    "    ",
};
#define RIGHT_PIECES 12 /* the first so many leave the string right */

static size_t random_string(struct rand *r, char *to, size_t max)
{
    size_t n = 0, want = rand_below(r, max - 32);
    uint64_t wrong = rand_below(r, 4) ? 0 : 3; /* most strings have nothing wrong in them */
    while (n < want) {
        size_t kinds = rand_below(r, 40) < wrong ? ARRAY_LEN(pieces) : RIGHT_PIECES;
        const char *p = rand_below(r, 3) ? pieces[rand_below(r, kinds)] : "plain text here ";
        memcpy(to + n, p, strlen(p));
        n += strlen(p);
    }
    return n;
}

static void test_random(void **state)
{
    (void)state;
    struct rand r;
    rand_init(&r, 20261123);
    struct guard g = guard_new(str_of((char[4096]){0}, 4096));
    char text[512];
    for (int i = 0; i < 60000; i++) {
        size_t n = random_string(&r, text, 300);
        bool ends = rand_below(&r, 8) != 0;
        if (ends)
            text[n++] = '"';
        /* What follows is other text, up to the end of the memory. */
        size_t more = rand_below(&r, 3) ? rand_below(&r, 100) : 0;
        for (size_t k = 0; k < more; k++)
            text[n + k] = pieces[rand_below(&r, ARRAY_LEN(pieces))][0];
        n += more;
        char *at = g.base + 4096 - n;
        memcpy(at, text, n);
        check(str_of(at, n), true);
    }
    guard_free(&g);
}

/* Each byte at each place of a long string, alone and behind a backslash. */
static void test_every_byte(void **state)
{
    (void)state;
    struct guard g = guard_new(str_of((char[160]){0}, 160));
    char *s = g.base + g.mapped / 2 - 160;
    assert_ptr_equal(s, g.text.p);
    for (int slash = 0; slash < 2; slash++) {
        for (size_t at = 1; at < 159; at++) {
            for (int c = 0; c < 256; c++) {
                memset(s, 'x', 159);
                s[159] = '"';
                s[at] = (char)c;
                if (slash)
                    s[at - 1] = '\\';
                check(g.text, true);
            }
        }
    }
    guard_free(&g);
}

/* All pairs and triples of bytes at the seam of two blocks, where UTF-8 is decided by both. */
static void test_utf8_seams(void **state)
{
    (void)state;
    static const unsigned char edge[] = {0x00, 0x22, 0x41, 0x5C, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0,
                                         0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE,
                                         0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF7, 0xF8, 0xFF};
    const size_t k = ARRAY_LEN(edge);
    struct guard g = guard_new(str_of((char[140]){0}, 140));
    char *s = g.base + g.mapped / 2 - 140;
    for (size_t at = 60; at < 66; at++) {
        for (size_t i = 0; i < k * k * k; i++) {
            memset(s, 'x', 139);
            s[139] = '"';
            s[at] = (char)edge[i % k];
            s[at + 1] = (char)edge[i / k % k];
            s[at + 2] = (char)edge[i / k / k];
            s[at + 3] = (char)(i % 2 ? 0x80 : 'x');
            check(g.text, false);
        }
    }
    guard_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_utf8_seams),
    };
    return cmocka_run_group_tests_name("json/scan", tests, NULL, NULL);
}
