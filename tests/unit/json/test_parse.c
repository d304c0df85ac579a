/* SPDX-License-Identifier: Apache-2.0 */
#include "reader.h"

static void test_shape(void **state)
{
    (void)state;
    struct reading r;
    read_text(&r, STR(" {\"a\":[1,\"x\"], \"b\" : { } } "));
    assert_int_equal(r.rc, RC_OK);
    const struct json_node want[] = {
        {.off = 1, .len = 25, .next = 7, .type = JSON_OBJECT},
        {3, 1, 2, JSON_STRING, JSON_F_KEY, json_print(STR("a"))},
        {.off = 6, .len = 7, .next = 5, .type = JSON_ARRAY},
        {.off = 7, .len = 1, .next = 4, .type = JSON_NUMBER},
        {.off = 10, .len = 1, .next = 5, .type = JSON_STRING},
        {16, 1, 6, JSON_STRING, JSON_F_KEY, json_print(STR("b"))},
        {.off = 21, .len = 3, .next = 7, .type = JSON_OBJECT},
    };
    assert_int_equal(r.doc.count, ARRAY_LEN(want));
    assert_memory_equal(r.doc.nodes, want, sizeof(want));
    read_done(&r);
}

/* J1: duplicate keys, at any depth, however they are spelt. */
static void test_duplicates_J1(void **state)
{
    (void)state;
    refuse(STR("{\"model\":1,\"model\":2}"), RC_DUPLICATE, 11);
    refuse(STR("{\"model\":1,\"mo\\u0064el\":2}"), RC_DUPLICATE, 11);
    refuse(STR("{\"\\u006dodel\":1,\"x\":0,\"model\":2}"), RC_DUPLICATE, 22);
    refuse(STR("{\"messages\":[{\"role\":\"user\",\"role\":\"system\"}]}"), RC_DUPLICATE, 28);
    refuse(STR("{\"\":1,\"\":2}"), RC_DUPLICATE, 6);
    refuse(STR("{\"a\\/b\":1,\"a/b\":2}"), RC_DUPLICATE, 10);
    refuse(STR("{\"\\ud83d\\ude00\":1,\"\xF0\x9F\x98\x80\":2}"), RC_DUPLICATE, 18);
    refuse(STR("{\"\\ud800\":1,\"\\udfff\":2}"), RC_DUPLICATE,
           12); /* both are U+FFFD when undone */
    accept(STR("{\"a\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":2}],\"A\":3}"), 15);
    accept(STR("{\"a\":1,\"aa\":2,\"\":3,\"a\\u0000\":4,\"\\u0000\":5}"), 11);
}

/* J1: every key of an object of n, as long as it likes, is found again when it is repeated. */
static void test_duplicates_all_sizes_J1(void **state)
{
    (void)state;
    static const unsigned sizes[] = {2, 8, 15, 16, 17, 31, 32, 33, 34, 64, 100, 257};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        for (unsigned again = 0; again<sizes[i]; again += sizes[i]> 40 ? 13 : 1) {
            for (int escaped = 0; escaped < 2; escaped++) {
                struct buf b = BUF_INIT(1 << 20);
                buf_lit(&b, "{\"first\":{\"k1\":0}");
                for (unsigned k = 0; k < sizes[i]; k++)
                    buf_addf(&b, ", \"k%u%s\":[%u]", k, k % 3 ? "" : "-a-longer-name-to-end-it", k);
                size_t at = buf_size(&b) + 1;
                buf_addf(&b, ",\"%s%u%s\":0}", escaped ? "\\u006b" : "k", again,
                         again % 3 ? "" : "-a-longer-name-to-end-it");
                refuse(buf_str(&b), RC_DUPLICATE, at);
                b.len = at - 1; /* the same without the repeated key */
                buf_lit(&b, "}");
                accept(buf_str(&b), 1 + 4 + sizes[i] * 3);
                buf_fini(&b);
            }
        }
    }
}

/* J2: keys are compared byte for byte. */
static void test_case_J2(void **state)
{
    (void)state;
    struct reading r;
    read_text(&r, STR("{\"Model\":1,\"MODEL\":2,\"model\":3}"));
    assert_int_equal(r.rc, RC_OK);
    assert_str(json_text(json_get_lit(json_root(&r.doc), "model")), "3");
    assert_str(json_text(json_get_lit(json_root(&r.doc), "Model")), "1");
    assert_false(json_has(json_get_lit(json_root(&r.doc), "mODEL")));
    read_done(&r);
}

/* J3: the grammar of numbers, and their text as it came. */
static void test_numbers_J3(void **state)
{
    (void)state;
    static const char *const good[] = {
        "0",       "-0",      "1e999",
        "1E400",   "-1e-999", "18446744073709551616",
        "0.0e+0",  "1.5",     "-12.5",
        "123e456", "0e1",     "0.1000000000000000055511151231257827021181583404541015625"};
    static const struct {
        const char *text;
        size_t offset;
    } bad[] = {{"NaN", 0},   {"Infinity", 0}, {"-Infinity", 1}, {"+1", 0},  {"01", 1},
               {"-01", 2},   {"0x10", 1},     {".5", 0},        {"1.", 2},  {"1.e5", 2},
               {"1e", 2},    {"1e+", 3},      {"-", 1},         {"--1", 1}, {"1.2.3", 3},
               {"1_000", 1}, {"1e1.5", 3},    {"0e", 2},        {"1a", 1},  {"-a", 1}};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct reading r;
        read_text(&r, str_c(good[i]));
        assert_int_equal(r.rc, RC_OK);
        assert_str(json_text(json_root(&r.doc)), good[i]);
        read_done(&r);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        refuse(str_c(bad[i].text), RC_SYNTAX, bad[i].offset);
}

/* J4: what stands in strings. */
static void test_strings_J4(void **state)
{
    (void)state;
    accept(STR("\"\\ud800\""), 1);
    accept(STR("\"\\udc00\\ud800x\""), 1);
    accept(STR("\"\\u0000\""), 1);
    accept(STR("\"\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF\""), 1);
    refuse(STR("\xEF\xBB\xBF{}"), RC_SYNTAX, 0);
    refuse(str_of("\"a\0b\"", 5), RC_SYNTAX, 2);
    refuse(STR("\"a\nb\""), RC_SYNTAX, 2);
    refuse(STR("\"\\u12g4\""), RC_SYNTAX, 1);
    refuse(STR("\"\\x\""), RC_SYNTAX, 1);
    refuse(STR("\"\xC0\xAF\""), RC_UTF8, 1);
    refuse(STR("\"ab\xE0\x80\xAF\""), RC_UTF8, 3);
    refuse(STR("\"\xED\xA0\x80\""), RC_UTF8, 1);
    refuse(STR("\"\xF4\x90\x80\x80\""), RC_UTF8, 1);
    refuse(STR("\"\xC3\""), RC_UTF8, 1);
    refuse(STR("{\"ok\":\"\xC3\xA9\",\"\xFF\":1}"), RC_UTF8, 12);
}

/* J9: what is nearly JSON. */
static void test_near_misses_J9(void **state)
{
    (void)state;
    refuse(STR(""), RC_SYNTAX, 0);
    refuse(STR_NONE, RC_SYNTAX, 0);
    refuse(STR(" \t\r\n "), RC_SYNTAX, 5);
    refuse(STR("{}{}"), RC_SYNTAX, 2);
    refuse(STR("{} x"), RC_SYNTAX, 3);
    refuse(str_of("{}\0", 3), RC_SYNTAX, 2);
    refuse(STR("[1]//c"), RC_SYNTAX, 3);
    refuse(STR("/*c*/[1]"), RC_SYNTAX, 0);
    refuse(STR("{'a':1}"), RC_SYNTAX, 1);
    refuse(STR("{a:1}"), RC_SYNTAX, 1);
    refuse(STR("[1,]"), RC_SYNTAX, 3);
    refuse(STR("[1 2]"), RC_SYNTAX, 3);
    refuse(STR("[1}"), RC_SYNTAX, 2);
    refuse(STR("{\"a\":1]"), RC_SYNTAX, 6);
    refuse(STR("{\"a\":1,}"), RC_SYNTAX, 7);
    refuse(STR("{\"a\" 1}"), RC_SYNTAX, 5);
    refuse(STR("{\"a\":}"), RC_SYNTAX, 5);
    refuse(STR("{,}"), RC_SYNTAX, 1);
    refuse(STR("]"), RC_SYNTAX, 0);
    refuse(STR("nul"), RC_SYNTAX, 0);
    refuse(STR("nulll"), RC_SYNTAX, 4);
    refuse(STR("True"), RC_SYNTAX, 0);
    refuse(STR("[\f]"), RC_SYNTAX, 1);
    refuse(STR("[\xC2\xA0]"), RC_SYNTAX, 1);
}

static const char rich[] =
    "{ \"model\" : \"gpt-\\u0035\", \"stream\":true,\"stop\":null,\"n\":-1.5e+10,\"no\":false,\n"
    "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a longer text, "
    "beyond sixty-four bytes, with \\\"quotes\\\", \\n newlines, \xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA"
    "\x9E and \xF0\x9F\x98\x80 and \\ud83d\\ude00\"},[],{},[[0],\"\"]]}] }";

/* J9: every text that only lacks its end is refused, and never at another place than its end or
 * where the cut left half of something. */
static void test_truncated_J9(void **state)
{
    (void)state;
    accept(str_c(rich), 29);
    for (size_t n = 0; n < sizeof(rich) - 1; n++) {
        struct reading r;
        read_text(&r, str_of(rich, n));
        assert_true(r.rc == RC_SYNTAX || r.rc == RC_UTF8);
        assert_true(r.err.offset + 12 > n);
        read_done(&r);
    }
}

/* A byte changed anywhere: whatever the verdict, it is reached without reading what is not there,
 * and both entrances agree. */
static void test_changed_bytes(void **state)
{
    (void)state;
    static const char bytes[] = {'"', '\\', '{', '}', '[', ']',        ',',
                                 ':', '0',  'u', ' ', 0,   (char)0x80, (char)0xFF};
    char text[sizeof(rich)];
    unsigned refused = 0;
    for (size_t i = 0; i + 1 < sizeof(rich); i++) {
        for (size_t k = 0; k < sizeof(bytes); k++) {
            memcpy(text, rich, sizeof(rich));
            text[i] = bytes[k];
            struct reading r;
            read_text(&r, str_of(text, sizeof(rich) - 1));
            refused += r.rc != RC_OK;
            read_done(&r);
        }
    }
    assert_true(refused > sizeof(rich) * sizeof(bytes) / 2);
}

static void check_error(const char *text, const char *what, const char *path)
{
    struct reading r;
    read_text(&r, str_c(text));
    assert_int_not_equal(r.rc, RC_OK);
    assert_string_equal(r.err.what, what);
    assert_string_equal(r.err.path, path);
    read_done(&r);
}

static void test_errors(void **state)
{
    (void)state;
    check_error("", "the text ends too early", "");
    check_error("x", "expected a value", "");
    check_error("[1,2", "the text ends too early", "[2]");
    check_error("[1,[2,x]]", "expected a value", "[1][1]");
    check_error("{\"a\":1,\"b\":{\"c\":[0,{\"d\":tru}]}}", "expected a value", "b.c[1].d");
    check_error("{\"a\":{\"b\":1},\"c\":\"\\q\"}", "bad escape in a string", "c");
    check_error("{\"a\":\"\x01\"}", "control character in a string", "a");
    check_error("{\"a\":\"x", "a string without an end", "a");
    check_error("{\"a\":[\"\xFF\"]}", "invalid UTF-8", "a[0]");
    check_error("{\"a\":{\"b\":1} x", "expected ',' or '}'", "");
    check_error("{\"a\" 1}", "expected ':' after the key", "a");
    check_error("{\"a\":1,x}", "expected a key in double quotes", "");
    check_error("{} {}", "more text behind the value", "");
    check_error("[-]", "expected a digit", "[0]");
    check_error("[1.]", "expected a digit behind the point", "[0]");
    check_error("[1e]", "expected a digit in the exponent", "[0]");
    check_error("{\"messages\":[{},{\"role\":\"user\",\"role\":\"x\"}]}", "duplicate key",
                "messages[1].role");
    check_error("{\"a\":{\"mo\\u0064el\":1,\"model\":1}}", "duplicate key", "a.model");
}

/* A path that has no room ends behind a whole character. */
static void test_long_path(void **state)
{
    (void)state;
    for (size_t n = JSON_PATH_MAX - 8; n < JSON_PATH_MAX + 8; n++) {
        struct buf b = BUF_INIT(1 << 16);
        buf_lit(&b, "{\"");
        for (size_t i = 0; i < n; i++)
            buf_lit(&b, "k");
        buf_lit(&b, "\xE6\x97\xA5\":[{\"\xE6\x97\xA5\":x");
        struct reading r;
        read_text(&r, buf_str(&b));
        assert_int_equal(r.rc, RC_SYNTAX);
        size_t len = strlen(r.err.path);
        assert_true(len < JSON_PATH_MAX && len >= (n < JSON_PATH_MAX ? n : JSON_PATH_MAX - 1));
        unsigned char last = (unsigned char)r.err.path[len - 1];
        assert_true(last < 0x80 || last == 0xA5); /* the last byte of that character */
        read_done(&r);
        buf_fini(&b);
    }
}

/* Any number of nodes too few is a limit, not an overrun. */
static void test_into_limits(void **state)
{
    (void)state;
    struct json_doc d;
    for (uint32_t cap = 0; cap < 29; cap++) {
        struct json_node *nodes = mem_need(cap * sizeof(*nodes) + 1);
        struct json_error err;
        assert_int_equal(json_parse_into(nodes, cap, str_c(rich), &d, &err), RC_LIMIT);
        mem_free(nodes);
    }
    struct json_node nodes[29];
    assert_int_equal(json_parse_into(nodes, 29, str_c(rich), &d, NULL), RC_OK);
    assert_int_equal(d.count, 29);
}

/* A large object needs free nodes for its check, inside the caller's table only. */
static void test_into_many_keys(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(1 << 16);
    buf_lit(&b, "{\"k\":0");
    for (int i = 0; i < 39; i++)
        buf_addf(&b, ",\"k%d\":%d", i, i);
    buf_lit(&b, "}");
    struct json_doc d;
    bool ok = false;
    for (uint32_t cap = 81; cap < 200; cap++) {
        struct json_node *nodes = mem_need(cap * sizeof(*nodes));
        enum rc rc = json_parse_into(nodes, cap, buf_str(&b), &d, NULL);
        assert_true(rc == RC_OK || (rc == RC_LIMIT && !ok));
        ok = rc == RC_OK;
        mem_free(nodes);
        if (cap > 81 + 80)
            assert_true(ok);
    }
    buf_fini(&b);
}

/* P19: every allocation of a parse that may fail, failing. */
static void test_no_memory_P19(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(1 << 20);
    buf_lit(&b, "{\"k\":[");
    for (int i = 0; i < 3000; i++)
        buf_lit(&b, "0,");
    buf_lit(&b, "0]");
    for (int i = 0; i < 500; i++)
        buf_addf(&b, ",\"k%d\":%d", i, i);
    buf_lit(&b, "}");
    for (size_t n = 1;; n++) {
        struct arena a;
        struct json_doc d = {0};
        struct json_error err;
        arena_init(&a, 1 << 24);
        mem_fail_after(n);
        enum rc rc = json_parse(&a, buf_str(&b), &d, &err);
        mem_fail_after(0);
        if (rc == RC_OK)
            assert_int_equal(d.count, 2 + 1 + 3001 + 1000);
        else
            assert_true(rc == RC_NOMEM && err.rc == RC_NOMEM && !d.nodes && arena_is_full(&a));
        arena_fini(&a);
        if (rc == RC_OK) {
            assert_true(n > 2);
            break;
        }
    }
    for (size_t cap = 0; cap < 200000; cap += 997) {
        struct arena a;
        struct json_doc d;
        arena_init(&a, cap);
        enum rc rc = json_parse(&a, buf_str(&b), &d, NULL);
        assert_true(rc == RC_OK || rc == RC_NOMEM);
        assert_true(a.taken <= cap);
        arena_fini(&a);
    }
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shape),
        cmocka_unit_test(test_duplicates_J1),
        cmocka_unit_test(test_duplicates_all_sizes_J1),
        cmocka_unit_test(test_case_J2),
        cmocka_unit_test(test_numbers_J3),
        cmocka_unit_test(test_strings_J4),
        cmocka_unit_test(test_near_misses_J9),
        cmocka_unit_test(test_truncated_J9),
        cmocka_unit_test(test_changed_bytes),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_long_path),
        cmocka_unit_test(test_into_limits),
        cmocka_unit_test(test_into_many_keys),
        cmocka_unit_test(test_no_memory_P19),
    };
    return cmocka_run_group_tests_name("json/parse", tests, NULL, NULL);
}
