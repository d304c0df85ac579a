/* SPDX-License-Identifier: Apache-2.0 */
#include "reader.h"

#include <math.h>
#include <sys/wait.h>

#include "base/rand.h"
#include "base/utf8.h"
#include "rewrite.h"
#include "json/write.h"

/* What the rope holds, in one piece; `flat` keeps it. */
static str flat_of(const struct rope *r, struct buf *flat)
{
    assert_false(rope_failed(r));
    buf_clear(flat);
    rope_flatten(r, flat);
    return buf_str(flat);
}

static void write_all(struct json_writer *w)
{
    json_begin_object(w);
    json_key(w, "model");
    json_put_str(w, STR("m \"5\"\n"));
    json_key(w, "none");
    json_begin_array(w);
    json_end(w);
    json_key(w, "list");
    json_begin_array(w);
    json_put_u64(w, UINT64_MAX);
    json_put_i64(w, INT64_MIN);
    json_put_bool(w, true);
    json_put_bool(w, false);
    json_put_null(w);
    json_put_lit(w, "lit");
    json_put_raw_str(w, STR("still\\nescaped"));
    json_put_text(w, STR("1e999"));
    json_begin_object(w);
    json_end(w);
    json_open_str(w);
    json_add_raw(w, STR("a\\n"));
    json_add_plain(w, STR("b\n"));
    json_add_plain(w, STR_NONE);
    json_close_str(w);
    json_end(w);
    json_key_str(w, STR("last"));
    json_put_str(w, STR_NONE);
    json_end(w);
}

static const char written[] =
    "{\"model\":\"m \\\"5\\\"\\n\",\"none\":[],\"list\":[18446744073709551615,"
    "-9223372036854775808,true,false,null,\"lit\",\"still\\nescaped\",1e999,{},\"a\\nb\\n\"],"
    "\"last\":\"\"}";

static void test_writer(void **state)
{
    (void)state;
    struct rope r = ROPE_INIT(4096);
    struct buf flat = BUF_INIT(4096);
    struct json_writer w;
    json_writer_init(&w, &r);
    write_all(&w);
    assert_str(flat_of(&r, &flat), written);
    assert_int_equal(w.depth, 0);
    accept(buf_str(&flat), 19);
    buf_fini(&flat);
    rope_fini(&r);
}

/* Members: what is not known is null, never zero, and never what JSON has no word for. */
static void test_members(void **state)
{
    (void)state;
    struct rope r = ROPE_INIT(4096);
    struct buf flat = BUF_INIT(4096);
    struct json_writer w;
    json_writer_init(&w, &r);
    json_begin_object(&w);
    json_member_text(&w, "text", STR("a \"b\""));
    json_member_u64(&w, "count", UINT64_MAX);
    json_member_known(&w, "share", 0.25, 3);
    json_member_known(&w, "whole", 7.6, 0);
    json_member_known(&w, "zero", 0, 1);
    json_member_known(&w, "unknown", -1, 3);
    json_member_known(&w, "nan", (double)NAN, 3);
    json_member_known(&w, "inf", (double)INFINITY, 3);
    json_key(&w, "below");
    json_put_fixed(&w, -1.5, 2);
    json_end(&w);
    assert_str(flat_of(&r, &flat),
               "{\"text\":\"a \\\"b\\\"\",\"count\":18446744073709551615,\"share\":0.250,"
               "\"whole\":8,\"zero\":0.0,\"unknown\":null,\"nan\":null,\"inf\":null,"
               "\"below\":-1.50}");
    rope_fini(&r);
    r = (struct rope)ROPE_INIT(4096);
    buf_clear(&flat);
    json_writer_init(&w, &r);
    json_put_fixed(&w, -1.7976931348623157e308, 9); /* the longest there is */
    assert_int_equal(flat_of(&r, &flat).n, 1 + 309 + 1 + 9);
    buf_fini(&flat);
    rope_fini(&r);
}

/* A value alone, of each kind. */
static void test_single_values(void **state)
{
    (void)state;
    struct rope r = ROPE_INIT(4096);
    struct buf flat = BUF_INIT(4096);
    struct json_writer w;
    json_writer_init(&w, &r);
    json_put_null(&w);
    assert_str(flat_of(&r, &flat), "null");
    rope_clear(&r);
    json_put_str(&w, STR("x"));
    assert_str(flat_of(&r, &flat), "\"x\"");
    buf_fini(&flat);
    rope_fini(&r);
}

/* Long text from another document is referred to, not copied. */
static void test_borrows(void **state)
{
    (void)state;
    char big[5000];
    memset(big, 'x', sizeof(big));
    struct rope r = ROPE_INIT(256);
    struct buf flat = BUF_INIT(1 << 16);
    struct json_writer w;
    json_writer_init(&w, &r);
    json_begin_array(&w);
    json_put_raw_str(&w, str_of(big, sizeof(big)));
    json_put_raw_str(&w, str_of(big, sizeof(big)));
    json_end(&w);
    assert_int_equal(buf_size(&r.own), 7);
    assert_int_equal(rope_size(&r), 7 + 2 * sizeof(big));
    str s = flat_of(&r, &flat);
    assert_true(str_has_prefix(s, STR("[\"xx")) && str_has_suffix(s, STR("xx\"]")));
    accept(s, 3);
    buf_fini(&flat);
    rope_fini(&r);
}

static void test_depth(void **state)
{
    (void)state;
    struct rope r = ROPE_INIT(4096);
    struct json_writer w;
    json_writer_init(&w, &r);
    for (int i = 0; i < JSON_WRITE_DEPTH; i++) {
        if (i % 2) {
            json_begin_array(&w);
        } else {
            json_begin_object(&w);
            json_key(&w, "k");
        }
    }
    json_put_u64(&w, 1);
    json_put_u64(&w, 2);
    for (int i = 0; i < JSON_WRITE_DEPTH; i++)
        json_end(&w);
    accept(buf_str(&r.own), 32 * 2 + 32 + 2);
    rope_fini(&r);
}

static void escaped(str s, const char *want)
{
    struct guard g = guard_new(s);
    struct buf b = BUF_INIT(4096);
    json_escape(&b, g.text);
    assert_str(buf_str(&b), want);
    buf_fini(&b);
    guard_free(&g);
}

static void test_escape(void **state)
{
    (void)state;
    escaped(STR(""), "");
    escaped(STR("plain / text \x7F"), "plain / text \x7F");
    escaped(STR("\"\\\b\f\n\r\t"), "\\\"\\\\\\b\\f\\n\\r\\t");
    escaped(str_of("\0\x01\x1F", 3), "\\u0000\\u0001\\u001f");
    escaped(STR("\xC3\xA9\xE6\x97\xA5\xF0\x9F\x98\x80"), "\xC3\xA9\xE6\x97\xA5\xF0\x9F\x98\x80");
    escaped(STR("\xE2\x80\xA8"), "\xE2\x80\xA8"); /* U+2028 is ordinary text in JSON */
}

#define FFFD "\xEF\xBF\xBD"

/* J4: each byte that belongs to no character becomes U+FFFD. */
static void test_escape_invalid_J4(void **state)
{
    (void)state;
    escaped(STR("\x80"), FFFD);
    escaped(STR("a\xFFz"), "a" FFFD "z");
    escaped(STR("\xC3"), FFFD);
    escaped(STR("\xC3\""), FFFD "\\\"");
    escaped(STR("\xC0\xAF"), FFFD FFFD);
    escaped(STR("\xED\xA0\x80"), FFFD FFFD FFFD);
    escaped(STR("\xF0\x9F\x98"), FFFD FFFD FFFD);
    escaped(STR("\xF0\x9F\x98\xF0\x9F\x98\x80"), FFFD FFFD FFFD "\xF0\x9F\x98\x80");
    escaped(STR("\xC3\xA9\xFF\xC3\xA9"), "\xC3\xA9" FFFD "\xC3\xA9");
}

/* Random bytes and random text survive, at all lengths and places of what must be escaped. */
static void test_escape_random(void **state)
{
    (void)state;
    struct rand rnd;
    rand_init(&rnd, 7);
    for (int i = 0; i < 3000; i++) {
        char s[200];
        size_t n = rand_below(&rnd, sizeof(s));
        bool ascii = rand_below(&rnd, 2);
        for (size_t k = 0; k < n; k++)
            s[k] = (char)(rand_below(&rnd, 6) ? 'a' + (char)rand_below(&rnd, 26)
                                              : (char)rand_below(&rnd, ascii ? 128 : 256));
        struct rope r = ROPE_INIT(4096);
        struct json_writer w;
        json_writer_init(&w, &r);
        json_put_str(&w, str_of(s, n));
        struct reading got;
        read_text(&got, buf_str(&r.own));
        str back;
        assert_int_equal(got.rc, RC_OK);
        assert_int_equal(json_str(json_root(&got.doc), &got.arena, &back), RC_OK);
        assert_true(utf8_is_valid(back));
        if (utf8_is_valid(str_of(s, n)))
            assert_true(str_eq(back, str_of(s, n)));
        read_done(&got);
        rope_fini(&r);
    }
}

static void test_rewrite(void **state)
{
    (void)state;
    struct reading r;
    struct rope out = ROPE_INIT(4096);
    struct json_writer w;
    read_text(&r, STR(" { \"a\" : [ 1 , { } , [ ] , \"x\\n\" ] , \"b\\n\" : null } "));
    json_writer_init(&w, &out);
    assert_true(rewrite(&w, json_root(&r.doc)));
    assert_str(buf_str(&out.own), "{\"a\":[1,{},[],\"x\\n\"],\"b\\n\":null}");
    rope_clear(&out);
    json_writer_init(&w, &out);
    assert_true(rewrite(&w, json_get_lit(json_root(&r.doc), "a")));
    assert_str(buf_str(&out.own), "[1,{},[],\"x\\n\"]");
    rope_fini(&out);
    read_done(&r);
}

static void too_deep(struct json_writer *w)
{
    for (int i = 0; i <= JSON_WRITE_DEPTH; i++)
        json_begin_array(w);
}

static void key_of_nothing(struct json_writer *w)
{
    json_key(w, "k");
}

/* What only a mistake of ours can do ends the program, in every build. */
static void test_contract(void **state)
{
    (void)state;
    static void (*const mistakes[])(struct json_writer *) = {json_end, too_deep, key_of_nothing};
    for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
        int status = 0;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct rope r = ROPE_INIT(4096);
            struct json_writer w;
            close(STDERR_FILENO);
            json_writer_init(&w, &r);
            mistakes[i](&w);
            _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) || (WIFEXITED(status) && WEXITSTATUS(status) != 0));
    }
}

/* P19: without memory, or room, at any step: the rope says so, and nothing else happens. */
static void test_no_memory_P19(void **state)
{
    (void)state;
    char big[2000];
    memset(big, 'x', sizeof(big));
    bool failed = true;
    for (size_t n = 1; failed; n++) {
        struct rope r = ROPE_INIT(1 << 20);
        struct json_writer w;
        json_writer_init(&w, &r);
        mem_fail_after(n);
        json_begin_array(&w);
        for (int i = 0; i < 40; i++) {
            write_all(&w);
            json_put_raw_str(&w, str_of(big, sizeof(big)));
        }
        json_end(&w);
        mem_fail_after(0);
        failed = rope_failed(&r);
        if (!failed) {
            assert_true(n > 5); /* it did fail, at several places */
            assert_int_equal(rope_size(&r), 2 + 40 * (sizeof(written) + 2 + sizeof(big)) + 39);
        }
        rope_fini(&r);
    }
    for (size_t max = 0; max < sizeof(written) - 1; max++) {
        struct rope r = ROPE_INIT(max);
        struct json_writer w;
        json_writer_init(&w, &r);
        write_all(&w);
        assert_true(rope_failed(&r) && buf_size(&r.own) <= max);
        rope_fini(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writer),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_single_values),
        cmocka_unit_test(test_borrows),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_escape),
        cmocka_unit_test(test_escape_invalid_J4),
        cmocka_unit_test(test_escape_random),
        cmocka_unit_test(test_rewrite),
        cmocka_unit_test(test_contract),
        cmocka_unit_test(test_no_memory_P19),
    };
    return cmocka_run_group_tests_name("json/write", tests, NULL, NULL);
}
