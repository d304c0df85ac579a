/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "base/mem.h"
#include "json/edit.h"

static void edited(const char *text, const struct json_edit *e, size_t n, const char *want)
{
    struct arena a;
    struct buf out = BUF_INIT(1u << 20);
    arena_init(&a, 1u << 20);
    for (size_t i = 0; i < n; i++)
        assert_null(json_edit_check(&e[i]));
    assert_int_equal(json_edit(&a, str_c(text), e, n, &out), RC_OK);
    assert_str(buf_str(&out), want);
    buf_fini(&out);
    arena_fini(&a);
}

struct row {
    const char *text, *path, *value, *want;
};

static void each_row(enum json_edit_op op, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct json_edit e = {op, str_c(rows[i].path),
                              rows[i].value ? str_c(rows[i].value) : STR_NONE};
        edited(rows[i].text, &e, 1, rows[i].want);
    }
}

static void test_set(void **state)
{
    static const struct row rows[] = {
        {"{}", "a", "1", "{\"a\":1}"},
        {"{ \"b\" : 2 }", "a", "1", "{\"a\":1, \"b\" : 2 }"},
        {"{\"a\": 5 , \"b\":2}", "a", "[1]", "{\"a\": [1] , \"b\":2}"},
        {"{}", "a.b.c", "true", "{\"a\":{\"b\":{\"c\":true}}}"},
        {"{\"a\":{}}", "a.b.c", "true", "{\"a\":{\"b\":{\"c\":true}}}"},
        {"{\"a\":7}", "a.b", "1", "{\"a\":7}"}, /* a number has no members */
        {"{\"m\":[{\"r\":1},{\"r\":2}]}", "m[*].x", "0",
         "{\"m\":[{\"x\":0,\"r\":1},{\"x\":0,\"r\":2}]}"},
        {"{\"m\":[1,2,3]}", "m[1]", "9", "{\"m\":[1,9,3]}"},
        {"{\"m\":[1]}", "m[1]", "9", "{\"m\":[1]}"},
        {"{\"m\":[1]}", "n[0]", "9", "{\"m\":[1]}"},
        {"{\"m\":{\"a\":1,\"b\":2}}", "m.*", "0", "{\"m\":{\"a\":0,\"b\":0}}"},
        {"{\"a\":{\"k\":1,\"b\":[{\"k\":{\"k\":2}}]}}", "**.k", "0",
         "{\"a\":{\"k\":0,\"b\":[{\"k\":0}]}}"},
        {"{}", "**.k", "0", "{}"},
        {"{\"a.b\":1}", "[\"a.b\"]", "2", "{\"a.b\":2}"},
        {"{\"q\\\"\":1}", "q\"", "2", "{\"q\\\"\":2}"},
        {"{}", "[\"q\\\"x\"]", "2", "{\"q\\\\\\\"x\":2}"},
        {"[1,2]", "a", "2", "[1,2]"},
    };
    (void)state;
    each_row(JSON_EDIT_SET, rows, sizeof(rows) / sizeof(*rows));
}

static void test_replace(void **state)
{
    static const struct row rows[] = {
        {"{}", "a", "1", "{}"},
        {"{\"a\":2}", "a", "1", "{\"a\":1}"},
        {"{\"a\":null}", "a", "1", "{\"a\":1}"},
        {"{\"a\":{\"b\":2}}", "a.b", "1", "{\"a\":{\"b\":1}}"},
        {"{\"a\":{}}", "a.b", "1", "{\"a\":{}}"},
    };
    (void)state;
    each_row(JSON_EDIT_REPLACE, rows, sizeof(rows) / sizeof(*rows));
}

static void test_default(void **state)
{
    static const struct row rows[] = {
        {"{}", "a", "1", "{\"a\":1}"},
        {"{\"a\":null}", "a", "1", "{\"a\":1}"},
        {"{\"a\":2}", "a", "1", "{\"a\":2}"},
        {"{\"a\":2}", "a", "{\"b\":1}", "{\"a\":2}"},
        {"{\"a\":{\"x\":1,\"y\":null,\"z\":{\"p\":1}}}", "a",
         "{\"x\":9,\"y\":2,\"z\":{\"p\":9,\"q\":3},\"w\":4,\"v\":5}",
         "{\"a\":{\"w\":4,\"v\":5,\"x\":1,\"y\":2,\"z\":{\"q\":3,\"p\":1}}}"},
        {"{\"a\":{}}", "a", "{\"x\":1}", "{\"a\":{\"x\":1}}"},
    };
    (void)state;
    each_row(JSON_EDIT_DEFAULT, rows, sizeof(rows) / sizeof(*rows));
}

static void test_at_most(void **state)
{
    static const struct row rows[] = {
        {"{\"n\":9000}", "n", "8192", "{\"n\":8192}"},
        {"{\"n\":8192}", "n", "8192", "{\"n\":8192}"},
        {"{\"n\":1}", "n", "8192", "{\"n\":1}"},
        {"{\"n\":\"9000\"}", "n", "8192", "{\"n\":\"9000\"}"},
        {"{}", "n", "8192", "{}"},
    };
    (void)state;
    each_row(JSON_EDIT_AT_MOST, rows, sizeof(rows) / sizeof(*rows));
}

static void test_rename(void **state)
{
    static const struct row rows[] = {
        {"{\"max_tokens\" : 5}", "max_tokens", "max_completion_tokens",
         "{\"max_completion_tokens\" : 5}"},
        {"{\"a\":1,\"b\":2}", "a", "b", "{\"b\":2}"},
        {"{\"b\":2,\"a\":1}", "a", "b", "{\"b\":2}"},
        {"{\"m\":[{\"a\":1},{\"b\":2}]}", "m[*].a", "c", "{\"m\":[{\"c\":1},{\"b\":2}]}"},
        {"{\"a\":1}", "a", "x\"y", "{\"x\\\"y\":1}"},
    };
    (void)state;
    each_row(JSON_EDIT_RENAME, rows, sizeof(rows) / sizeof(*rows));
}

static void test_delete(void **state)
{
    static const struct row rows[] = {
        {"{\"a\":1}", "a", NULL, "{}"},
        {"{ \"a\" : 1 , \"b\":2 }", "a", NULL, "{ \"b\":2 }"},
        {"{\"a\":1,\"b\":2,\"c\":3}", "b", NULL, "{\"a\":1,\"c\":3}"},
        {"{\"a\":1,\"b\":2}", "b", NULL, "{\"a\":1}"},
        {"{\"a\":[1,2,3]}", "a[0]", NULL, "{\"a\":[2,3]}"},
        {"{\"a\":[1,2,3]}", "a[2]", NULL, "{\"a\":[1,2]}"},
        {"{\"a\":[1,2,3]}", "a[*]", NULL, "{\"a\":[]}"},
        {"{\"a\":{\"x\":1}}", "a.*", NULL, "{\"a\":{}}"},
        {"{\"m\":[{\"c\":1,\"t\":[{\"c\":2,\"z\":1}]},{\"c\":{\"c\":1}}],\"c\":0}", "**.c", NULL,
         "{\"m\":[{\"t\":[{\"z\":1}]},{}]}"},
        {"{\"m\":[{\"c\":1}]}", "**.**.c", NULL, "{\"m\":[{}]}"},
        {"{\"a\":1}", "b", NULL, "{\"a\":1}"},
        {"5", "b", NULL, "5"},
    };
    (void)state;
    each_row(JSON_EDIT_DELETE, rows, sizeof(rows) / sizeof(*rows));
}

static void test_one_after_the_other(void **state)
{
    static const struct json_edit e[] = {
        {JSON_EDIT_RENAME, STR("max_tokens"), STR("max_completion_tokens")},
        {JSON_EDIT_AT_MOST, STR("max_completion_tokens"), STR("100")},
        {JSON_EDIT_SET, STR("provider.order"), STR("[\"x\"]")},
        {JSON_EDIT_DEFAULT, STR("provider"), STR("{\"order\":[],\"sort\":\"price\"}")},
        {JSON_EDIT_DELETE, STR("**.cache_control"), STR_NONE},
    };
    (void)state;
    edited("{\"max_tokens\":500,\"m\":[{\"cache_control\":{}, \"t\":1}]}", e, 5,
           "{\"provider\":{\"sort\":\"price\",\"order\":[\"x\"]},\"max_completion_tokens\":100,"
           "\"m\":[{\"t\":1}]}");
    edited("{\"a\":1}", e, 0, "{\"a\":1}");
}

static void test_paths_that_are_wrong(void **state)
{
    static const char *const bad[] = {"",
                                      "a..b",
                                      ".a",
                                      "a.",
                                      "a[",
                                      "a[x]",
                                      "a[1",
                                      "a[\"x]",
                                      "a[0]b",
                                      "**",
                                      "a.**",
                                      "a[4294967296]",
                                      "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a"};
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct json_edit e = {JSON_EDIT_SET, str_c(bad[i]), STR("1")};
        if (!json_edit_check(&e))
            fail_msg("\"%s\" is taken for a path", bad[i]);
    }
    struct json_edit limit = {JSON_EDIT_AT_MOST, STR("a"), STR("\"x\"")};
    struct json_edit place = {JSON_EDIT_RENAME, STR("a[0]"), STR("b")};
    assert_non_null(json_edit_check(&limit));
    assert_non_null(json_edit_check(&place));
}

static void test_no_json_and_no_memory(void **state)
{
    static const struct json_edit e[] = {
        {JSON_EDIT_SET, STR("a.b"), STR("1")},
        {JSON_EDIT_DEFAULT, STR("a"), STR("{\"c\":1}")},
        {JSON_EDIT_DELETE, STR("**.x"), STR_NONE},
    };
    struct arena a;
    (void)state;
    struct buf out = BUF_INIT(100);
    arena_init(&a, 1u << 20);
    assert_int_equal(json_edit(&a, STR("{\"a\":"), e, 1, &out), RC_SYNTAX);
    arena_fini(&a);
    buf_fini(&out);
    for (size_t n = 1;; n++) {
        struct buf to = BUF_INIT(1000);
        arena_init(&a, 1u << 20);
        mem_fail_after(n);
        enum rc rc = json_edit(&a, STR("{\"x\":1,\"z\":2}"), e, 3, &to);
        mem_fail_after(0);
        if (rc == RC_OK)
            assert_str(buf_str(&to), "{\"a\":{\"c\":1,\"b\":1},\"z\":2}");
        else
            assert_int_equal(rc, RC_NOMEM);
        buf_fini(&to);
        arena_fini(&a);
        if (rc == RC_OK)
            break;
        assert_true(n < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_replace),
        cmocka_unit_test(test_default),
        cmocka_unit_test(test_at_most),
        cmocka_unit_test(test_rename),
        cmocka_unit_test(test_delete),
        cmocka_unit_test(test_one_after_the_other),
        cmocka_unit_test(test_paths_that_are_wrong),
        cmocka_unit_test(test_no_json_and_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
