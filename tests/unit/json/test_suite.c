/* SPDX-License-Identifier: Apache-2.0 */
/*
 * J14: the reader against suites of whole files.
 *
 * Ours, tests/fixtures/json/{accept,refuse}, always runs. JSONTestSuite (Nicolas Seriot) has 318
 * files: 95 y_ to be accepted, 188 n_ to be refused, 35 i_ on which RFC 8259 leaves the choice.
 * What we choose there:
 *
 *     numbers that no double holds           accepted: the text is kept, and whoever wants a number
 *                                            of a certain kind is told that it is out of range
 *     \u escapes that are lone surrogates    accepted: they travel as they are; undone: U+FFFD
 *     bytes that are no UTF-8, UTF-16        refused
 *     a byte order mark                      refused
 *     500 arrays in each other               refused: JSON_DEPTH_MAX
 *
 * And against the suite, on purpose: its two y_ files with a duplicate key are refused (J1).
 */
#include "guard.h"

#include <dirent.h>

#include "base/b64.h"
#include "files.h"
#include "json/json.h"

static enum rc parse(str text)
{
    struct arena a;
    arena_init(&a, 256u << 20);
    struct guard g = guard_new(text);
    struct json_doc d;
    enum rc rc = json_parse(&a, g.text, &d, NULL);
    guard_free(&g);
    arena_fini(&a);
    return rc;
}

static size_t parse_all(const char *dir, bool accept)
{
    size_t n = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.')
            continue;
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        struct buf b;
        assert_true(file_read(path, &b));
        enum rc rc = parse(buf_str(&b));
        if ((rc == RC_OK) != accept)
            fail_msg("%s: %s", path, rc_name(rc));
        buf_fini(&b);
        n++;
    }
    closedir(d);
    return n;
}

static void test_own_J14(void **state)
{
    (void)state;
    assert_true(parse_all(SOURCE_ROOT "/tests/fixtures/json/accept", true) >= 20);
    assert_true(parse_all(SOURCE_ROOT "/tests/fixtures/json/refuse", false) >= 60);
}

/* What is expected of a file, by its name. */
static enum rc verdict(str name)
{
    static const struct {
        const char *prefix;
        enum rc rc;
    } rows[] = {
        {"y_object_duplicated_key", RC_DUPLICATE},
        {"y_", RC_OK},
        {"i_number_", RC_OK},
        {"i_object_key_lone_2nd_surrogate", RC_OK},
        {"i_string_1st_", RC_OK},
        {"i_string_incomplete_surrogate", RC_OK},
        {"i_string_invalid_lonely_surrogate", RC_OK},
        {"i_string_invalid_surrogate", RC_OK},
        {"i_string_inverted_surrogates_U+1D11E", RC_OK},
        {"i_string_lone_second_surrogate", RC_OK},
        {"i_structure_500_nested_arrays", RC_DEPTH},
        {"i_structure_UTF-8_BOM_empty_object", RC_SYNTAX},
        {"i_string_utf16", RC_SYNTAX},
        {"i_string_UTF-16LE_with_BOM", RC_SYNTAX},
        {"i_string_", RC_UTF8},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (str_has_prefix(name, str_c(rows[i].prefix)))
            return rows[i].rc;
    return RC_COUNT; /* n_: refused, whatever for */
}

static void check(str name, str text, size_t counts[3])
{
    enum rc want = verdict(name), got = parse(text);
    bool good = want == RC_COUNT ? got != RC_OK && got != RC_NOMEM : got == want;
    if (!good)
        fail_msg(STR_FMT ": %s", STR_ARG(name), rc_name(got));
    counts[name.p[0] == 'y' ? 0 : name.p[0] == 'n' ? 1 : 2]++;
}

static void test_suite_J14(void **state)
{
    (void)state;
    struct buf file;
    if (!shared_read("fixtures/json/jsontestsuite.json", &file))
        skip();
    struct arena a;
    arena_init(&a, 1 << 20);
    struct json_doc d;
    assert_int_equal(json_parse(&a, buf_str(&file), &d, NULL), RC_OK);
    size_t counts[3] = {0};
    struct buf body = BUF_INIT(1 << 20);
    struct json_iter it = json_iter(json_get_lit(json_root(&d), "cases"));
    while (json_next(&it)) {
        buf_clear(&body);
        assert_int_equal(b64_decode(&body, json_raw(it.val)), RC_OK);
        check(json_raw(it.key), buf_str(&body), counts);
    }
    it = json_iter(json_get_lit(json_root(&d), "repeat"));
    while (json_next(&it)) {
        struct json_iter pair = json_iter(it.val);
        str piece;
        uint64_t times;
        assert_true(json_next(&pair));
        assert_int_equal(json_str(pair.val, &a, &piece), RC_OK);
        assert_true(json_next(&pair));
        assert_int_equal(json_u64(pair.val, &times), RC_OK);
        buf_clear(&body);
        while (times--)
            buf_add(&body, piece);
        check(json_raw(it.key), buf_str(&body), counts);
    }
    assert_int_equal(counts[0], 95);
    assert_int_equal(counts[1], 188);
    assert_int_equal(counts[2], 35);
    buf_fini(&body);
    arena_fini(&a);
    buf_fini(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_J14),
        cmocka_unit_test(test_suite_J14),
    };
    return cmocka_run_group_tests_name("json/suite", tests, NULL, NULL);
}
