/* SPDX-License-Identifier: Apache-2.0 */
#include "reader.h"

#include <stdio.h>

static const char text[] =
    "{\"model\":\"m\",\"n\":5,\"list\":[1,\"two\",null,true,{\"deep\":{\"er\":\"x\"}}],"
    "\"esc\":\"a\\tb\\u00e9\\ud83d\\ude00\",\"k\\u0065y\":\"by "
    "escape\",\"\":\"empty\",\"no\":null}";

static jval root_of(struct reading *r)
{
    assert_int_equal(r->rc, RC_OK);
    return json_root(&r->doc);
}

static void test_get(void **state)
{
    (void)state;
    struct reading r;
    read_text(&r, str_c(text));
    jval v = root_of(&r);
    assert_str(json_text(json_get_lit(v, "model")), "\"m\"");
    assert_str(json_raw(json_get_lit(v, "key")), "by escape");
    assert_str(json_raw(json_get(v, STR_NONE)), "empty");
    assert_false(json_has(json_get_lit(v, "k\\u0065y")));
    assert_false(json_has(json_get_lit(v, "mode")));
    assert_false(json_has(json_get_lit(v, "deep"))); /* not a member of its own */
    assert_str(json_raw(json_path(json_get_lit(v, "list"), NULL)), "");
    assert_false(json_has(json_path(v, "list", "deep", NULL)));
    assert_false(json_has(json_path(JVAL_NONE, "a", "b", NULL)));
    assert_true(json_is_nothing(json_get_lit(v, "no")));
    assert_true(json_is_nothing(json_get_lit(v, "absent")));
    assert_false(json_is_nothing(json_get_lit(v, "n")));
    assert_true(json_is(json_get_lit(v, "n"), JSON_NUMBER));
    assert_false(json_is(JVAL_NONE, JSON_NULL));
    read_done(&r);
}

/* Keys whose prints are the same are still not the same key. */
static void test_get_prints(void **state)
{
    (void)state;
    char first[] = "k1000", other[8] = "";
    for (unsigned i = 1001; i < 1000000 && !other[0]; i++) {
        snprintf(other, sizeof(other), "k%u", i);
        if (json_print(str_c(other)) != json_print(str_c(first)))
            other[0] = 0;
    }
    assert_true(other[0]);
    struct buf b = BUF_INIT(4096);
    buf_addf(&b, "{\"%s\":1,\"%s\":2}", other, first);
    struct reading r;
    read_text(&r, buf_str(&b));
    assert_str(json_text(json_get(root_of(&r), str_c(first))), "2");
    assert_str(json_text(json_get(root_of(&r), str_c(other))), "1");
    assert_false(json_has(json_get_printed(root_of(&r), STR("k0000"), json_print(str_c(first)))));
    read_done(&r);
    buf_fini(&b);
}

/* More keys than are compared one by one; one of them spelt with an escape. */
static void test_get_among_many(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(1u << 20);
    char key[16];
    buf_lit(&b, "{\"la\\u0073t\":-1");
    for (unsigned i = 0; i < 200; i++)
        buf_addf(&b, ",\"key%u\":%u", i, i);
    buf_lit(&b, "}");
    struct reading r;
    read_text(&r, buf_str(&b));
    for (unsigned i = 0; i < 200; i++) {
        uint64_t got = 0;
        snprintf(key, sizeof(key), "key%u", i);
        assert_int_equal(json_u64(json_get(root_of(&r), str_c(key)), &got), RC_OK);
        assert_int_equal(got, i);
    }
    assert_str(json_text(json_get_lit(root_of(&r), "last")), "-1");
    read_done(&r);
    buf_fini(&b);
}

static void test_walk(void **state)
{
    (void)state;
    struct reading r;
    read_text(&r, str_c(text));
    jval v = root_of(&r), list = json_get_lit(v, "list");
    assert_int_equal(json_len(v), 7);
    assert_int_equal(json_len(list), 5);
    assert_int_equal(json_len(json_get_lit(v, "model")), 0);
    assert_int_equal(json_len(JVAL_NONE), 0);
    static const char *const want[] = {"1", "\"two\"", "null", "true", "{\"deep\":{\"er\":\"x\"}}"};
    struct json_iter it = json_iter(list);
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_true(json_next(&it));
        assert_str(json_text(it.val), want[i]);
        assert_false(json_has(it.key));
    }
    assert_str(json_raw(json_path(it.val, "deep", "er", NULL)), "x");
    assert_false(json_next(&it));
    assert_false(json_next(&it));
    it = json_iter(v);
    assert_true(json_next(&it));
    assert_true(json_str_is(it.key, STR("model")));
    it = json_iter(json_get_lit(v, "n"));
    assert_false(json_next(&it));
    read_done(&r);
}

static void test_str(void **state)
{
    (void)state;
    struct reading r;
    str s = STR("untouched");
    read_text(&r, str_c(text));
    jval v = root_of(&r), esc = json_get_lit(v, "esc");
    assert_int_equal(json_str(json_get_lit(v, "model"), NULL, &s), RC_OK); /* no copy, no arena */
    assert_ptr_equal(s.p, r.guard.text.p + 10);
    assert_true(json_is_escaped(esc) && !json_is_escaped(json_get_lit(v, "model")));
    assert_int_equal(json_str(esc, &r.arena, &s), RC_OK);
    assert_str(s, "a\tb\xC3\xA9\xF0\x9F\x98\x80");
    assert_true(json_str_is(esc, s));
    assert_false(json_str_is(esc, STR("a\tb")));
    assert_false(json_str_is(esc, json_raw(esc)));
    assert_true(json_str_is(json_get_lit(v, ""), STR("empty")));
    assert_false(json_str_is(json_get_lit(v, "n"), STR("5")));
    assert_false(json_str_is(JVAL_NONE, STR("")));
    s = STR("untouched");
    assert_int_equal(json_str(json_get_lit(v, "n"), &r.arena, &s), RC_TYPE);
    assert_int_equal(json_str(JVAL_NONE, &r.arena, &s), RC_TYPE);
    struct arena none;
    arena_init(&none, 0);
    assert_int_equal(json_str(esc, &none, &s), RC_NOMEM);
    assert_str(s, "untouched");
    assert_str(json_raw(json_get_lit(v, "n")), "");
    assert_null(json_text(JVAL_NONE).p);
    arena_fini(&none);
    read_done(&r);
}

struct number_row {
    const char *text;
    enum rc u, i, d;
    uint64_t u64;
    int64_t i64;
    double f;
};

/* J3: integers in range or told so; nothing is rounded into one. */
static void test_numbers_J3(void **state)
{
    (void)state;
    static const struct number_row rows[] = {
        {"0", RC_OK, RC_OK, RC_OK, 0, 0, 0},
        {"-0", RC_OK, RC_OK, RC_OK, 0, 0, 0},
        {"42", RC_OK, RC_OK, RC_OK, 42, 42, 42},
        {"-7", RC_RANGE, RC_OK, RC_OK, 0, -7, -7},
        {"18446744073709551615", RC_OK, RC_RANGE, RC_OK, UINT64_MAX, 0, 18446744073709551615.0},
        {"18446744073709551616", RC_RANGE, RC_RANGE, RC_OK, 0, 0, 18446744073709551616.0},
        {"-9223372036854775808", RC_RANGE, RC_OK, RC_OK, 0, INT64_MIN, -9223372036854775808.0},
        {"-9223372036854775809", RC_RANGE, RC_RANGE, RC_OK, 0, 0, -9223372036854775809.0},
        {"1.0", RC_TYPE, RC_TYPE, RC_OK, 0, 0, 1},
        {"1.5", RC_TYPE, RC_TYPE, RC_OK, 0, 0, 1.5},
        {"1e3", RC_TYPE, RC_TYPE, RC_OK, 0, 0, 1000},
        {"-1E-2", RC_TYPE, RC_TYPE, RC_OK, 0, 0, -0.01},
        {"1e999", RC_TYPE, RC_TYPE, RC_RANGE, 0, 0, 0},
        {"0.1000000000000000055511151231257827", RC_TYPE, RC_TYPE, RC_OK, 0, 0, 0.1},
        {"\"5\"", RC_TYPE, RC_TYPE, RC_TYPE, 0, 0, 0},
        {"true", RC_TYPE, RC_TYPE, RC_TYPE, 0, 0, 0},
        {"null", RC_TYPE, RC_TYPE, RC_TYPE, 0, 0, 0},
        {"[1]", RC_TYPE, RC_TYPE, RC_TYPE, 0, 0, 0},
    };
    for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
        struct reading r;
        read_text(&r, str_c(rows[k].text));
        jval v = root_of(&r);
        uint64_t u = rows[k].u64;
        int64_t i = rows[k].i64;
        double f = rows[k].f;
        assert_int_equal(json_u64(v, &u), rows[k].u);
        assert_int_equal(json_i64(v, &i), rows[k].i);
        assert_int_equal(json_double(v, &f), rows[k].d);
        assert_true(u == rows[k].u64 && i == rows[k].i64 && f == rows[k].f);
        read_done(&r);
    }
    uint64_t u;
    double f;
    assert_int_equal(json_u64(JVAL_NONE, &u), RC_TYPE);
    assert_int_equal(json_double(JVAL_NONE, &f), RC_TYPE);
}

static void test_bool(void **state)
{
    (void)state;
    struct reading r;
    bool b = false;
    read_text(&r, STR("[true,false,\"true\",1]"));
    struct json_iter it = json_iter(root_of(&r));
    assert_true(json_next(&it));
    assert_true(json_bool(it.val, &b) == RC_OK && b);
    assert_true(json_next(&it));
    assert_true(json_bool(it.val, &b) == RC_OK && !b);
    while (json_next(&it))
        assert_int_equal(json_bool(it.val, &b), RC_TYPE);
    assert_int_equal(json_bool(JVAL_NONE, &b), RC_TYPE);
    read_done(&r);
}

static void undo(const char *raw, enum rc rc, str want)
{
    struct buf b = BUF_INIT(1000);
    struct guard g = guard_new(str_c(raw));
    buf_lit(&b, "before ");
    assert_int_equal(json_unescape(&b, g.text), rc);
    str got = str_from(buf_str(&b), 7);
    assert_true(str_eq(got, rc == RC_OK ? want : STR("")));
    assert_false(b.failed);
    guard_free(&g);
    buf_fini(&b);
}

static void test_unescape_J4(void **state)
{
    (void)state;
    undo("", RC_OK, STR(""));
    undo("plain", RC_OK, STR("plain"));
    undo("\\\"\\\\\\/\\b\\f\\n\\r\\t", RC_OK, STR("\"\\/\b\f\n\r\t"));
    undo("\\u0041\\u00e9\\u65E5\\uD83D\\uDE00", RC_OK,
         STR("A\xC3\xA9\xE6\x97\xA5\xF0\x9F\x98\x80"));
    undo("a\\u0000b", RC_OK, str_of("a\0b", 3));
    undo("\\ud800", RC_OK, STR("\xEF\xBF\xBD"));
    undo("\\udc00", RC_OK, STR("\xEF\xBF\xBD"));
    undo("\\ud800x", RC_OK, STR("\xEF\xBF\xBDx"));
    undo("\\ud800\\n", RC_OK, STR("\xEF\xBF\xBD\n"));
    undo("\\ud800\\ud83d\\ude00", RC_OK, STR("\xEF\xBF\xBD\xF0\x9F\x98\x80"));
    undo("\\udc00\\udc00", RC_OK, STR("\xEF\xBF\xBD\xEF\xBF\xBD"));
    undo("\\ud83d\\ue000", RC_OK, STR("\xEF\xBF\xBD\xEE\x80\x80"));
    undo("\\ude00\\ud83d", RC_OK, STR("\xEF\xBF\xBD\xEF\xBF\xBD"));
    undo("\\ud83d\\u0041", RC_OK,
         STR("\xEF\xBF\xBD"
             "A"));
    /* J12: an escape that is cut, at each of its bytes */
    undo("x\\", RC_SYNTAX, STR_NONE);
    undo("x\\u", RC_SYNTAX, STR_NONE);
    undo("x\\u00", RC_SYNTAX, STR_NONE);
    undo("x\\u00e", RC_SYNTAX, STR_NONE);
    undo("\\ud83d\\", RC_SYNTAX, STR_NONE);
    undo("\\ud83d\\ude0", RC_SYNTAX, STR_NONE);
    undo("\\x41", RC_SYNTAX, STR_NONE);
    undo("\\u00g0", RC_SYNTAX, STR_NONE);
    undo("\\U0041", RC_SYNTAX, STR_NONE);
}

/* Every code point, as escapes and back. */
static void test_unescape_all(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(64);
    for (uint32_t cp = 0; cp <= 0x10FFFF; cp += cp < 0x3000 ? 1 : 61) {
        char raw[16];
        int n;
        if (cp >= 0xD800 && cp <= 0xDFFF)
            continue;
        if (cp < 0x10000)
            n = snprintf(raw, sizeof(raw), "\\u%04x", cp);
        else
            n = snprintf(raw, sizeof(raw), "\\u%04X\\u%04x", 0xD7C0 + (cp >> 10),
                         0xDC00 + (cp & 0x3FF));
        buf_clear(&b);
        assert_int_equal(json_unescape(&b, str_of(raw, (size_t)n)), RC_OK);
        const unsigned char *p = (const unsigned char *)buf_str(&b).p;
        uint32_t back = p[0] < 0x80   ? p[0]
                        : p[0] < 0xE0 ? (p[0] & 31u) << 6 | (p[1] & 63u)
                        : p[0] < 0xF0 ? (p[0] & 15u) << 12 | (p[1] & 63u) << 6 | (p[2] & 63u)
                                      : (p[0] & 7u) << 18 | (p[1] & 63u) << 12 | (p[2] & 63u) << 6 |
                                            (p[3] & 63u);
        assert_int_equal(back, cp);
    }
    buf_fini(&b);
}

/* What fits once undone is not refused for its escapes; what does not, is. */
static void test_unescape_limits(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(4);
    assert_int_equal(json_unescape(&b, STR("\\u0041\\n\\u0042x")), RC_OK);
    assert_str(buf_str(&b), "A\nBx");
    assert_int_equal(json_unescape(&b, STR("y")), RC_LIMIT);
    buf_fini(&b);
    b = BUF_INIT(4);
    assert_int_equal(json_unescape(&b, STR("\\u00e9\\u00e9\\n")), RC_LIMIT);
    buf_fini(&b);
    b = BUF_INIT(1000);
    mem_fail_after(1);
    assert_int_equal(json_unescape(&b, STR("x\\n")), RC_LIMIT);
    mem_fail_after(0);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get),
        cmocka_unit_test(test_get_prints),
        cmocka_unit_test(test_get_among_many),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_str),
        cmocka_unit_test(test_numbers_J3),
        cmocka_unit_test(test_bool),
        cmocka_unit_test(test_unescape_J4),
        cmocka_unit_test(test_unescape_all),
        cmocka_unit_test(test_unescape_limits),
    };
    return cmocka_run_group_tests_name("json/value", tests, NULL, NULL);
}
