/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include <stdio.h>

#include "base/rand.h"
#include "json/mend.h"

/* Mended, `step` bytes at a time. */
static void mend(str in, size_t step, struct buf *out)
{
    struct json_mend m;
    json_mend_init(&m);
    while (in.n) {
        str piece = str_head(in, step);
        json_mend_feed(&m, piece, out);
        in = str_from(in, piece.n);
    }
    json_mend_end(&m, out);
    assert_int_equal(json_mend_feed(&m, STR("x"), out), 0); /* nothing follows the end */
    json_mend_end(&m, out);
}

static void mends(const char *in, const char *want)
{
    for (size_t step = 1; step < 8; step++) {
        struct buf out = BUF_INIT(1 << 16);
        mend(str_c(in), step, &out);
        if (!str_eq(buf_str(&out), str_c(want)))
            fail_msg("%s\n got: " STR_FMT "\nwant: %s", in, STR_ARG(buf_str(&out)), want);
        buf_fini(&out);
    }
}

static void test_sound_text_stays(void **state)
{
    static const char *const same[] = {
        "{}",
        "{\"a\":1}",
        "{\"a\":[]}",
        "{\"a\":{\"b\":[1,-2.5e3,true,false,null,\"x\"]}}",
        "{\"a\":\"q\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\"}",
        "{\"\":\"\"}",
        "{\"a\":\"// no, /* not */ # a comment\"}",
        "{\"a\":\"{'x': [1,}\"}",
        "{\"a\":[[],[{}]]}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++)
        mends(same[i], same[i]);
    mends(" { \"a\" : [ 1 , 2 ] , \"b\" : \"x y\" } ", "{\"a\":[1,2],\"b\":\"x y\"}");
}

static void test_what_models_write(void **state)
{
    (void)state;
    mends("", "{}");
    mends("none", "{}");
    mends("```json\n{\"a\": 1}\n```", "{\"a\":1}");
    mends("Sure! {\"a\": 1} Done {", "{\"a\":1}");
    mends("{'a': 'it''s', b: True, c: None, d: NaN}",
          "{\"a\":\"it''s\",\"b\":true,\"c\":null,\"d\":null}");
    mends("{'a': \"say \"no\" now\", 'b': 'x\"y'}",
          "{\"a\":\"say \\\"no\\\" now\",\"b\":\"x\\\"y\"}");
    mends("{\"a\": 1, \"b\": [1, 2, ], }", "{\"a\":1,\"b\":[1,2]}");
    mends("{\"a\": 1 \"b\": 2}", "{\"a\":1,\"b\":2}");
    mends("{\"a\": \"x\"\n\"b\": 2}", "{\"a\":\"x\",\"b\":2}");
    mends("{\"a\": [1 2]}", "{\"a\":[1,2]}");
    mends("{\"a\": \"line\none\ttab\"}", "{\"a\":\"line\\none\\ttab\"}");
    mends("{\"a\": \"C:\\Users\\x\"}", "{\"a\":\"C:\\\\Users\\\\x\"}");
    mends("{\"a\": \"\\u12\"}", "{\"a\":\"\\\\u12\"}");
    mends("{\"a\": 'don\\'t'}", "{\"a\":\"don't\"}");
    mends("{command: ls -la /tmp, n: 3}", "{\"command\":\"ls -la /tmp\",\"n\":3}");
    mends("{\"a\": 1, // one\n /* two * / */ \"b\": 2 # three\n}", "{\"a\":1,\"b\":2}");
    mends("{\"a\": {\"b\": [1, {\"c\": \"x", "{\"a\":{\"b\":[1,{\"c\":\"x\"}]}}");
    mends("{\"a\": [1, 2}, \"b\": 3", "{\"a\":[1,2]}");
    mends("{\"a\"", "{\"a\":null}");
    mends("{\"a\":", "{\"a\":null}");
    mends("{\"a\"}", "{\"a\":null}");
    mends("{\"a\":,\"b\":1}", "{\"a\":null,\"b\":1}");
    mends("{\"a\": \"x\\", "{\"a\":\"x\"}");
    mends("{\"a\": tru", "{\"a\":\"tru\"}");
    mends("{\"a\": 007, \"b\": +1, \"c\": .5}", "{\"a\":\"007\",\"b\":\"+1\",\"c\":\".5\"}");
    mends("{\"a\" = 1}", "{\"a\":1}");
    mends("{]}", "{}");
    mends("{a: caf\xc3\xa9 au lait, \"b\\\xc3\xa9\": 1}",
          "{\"a\":\"caf\xc3\xa9 au lait\",\"b\\\\\xc3\xa9\":1}");
}

static void test_a_long_word_is_text(void **state)
{
    char in[300], want[300];
    (void)state;
    memset(in, 'x', sizeof(in));
    memcpy(in, "{\"a\":", 5);
    strcpy(in + 250, "}");
    snprintf(want, sizeof(want), "{\"a\":\"%.*s\"}", 245, in + 5);
    mends(in, want);
}

/* Whatever goes in: one JSON object comes out, the same for every cut. */
static void test_noise(void **state)
{
    static const char letters[] = "{}[]\"':,=\\ua1 \n/*#-e`tN\x01\xc3\xa9";
    struct rand r;
    (void)state;
    rand_init(&r, 20240607);
    for (int round = 0; round < 20000; round++) {
        char text[64];
        size_t n = rand_below(&r, sizeof(text));
        struct buf whole = BUF_INIT(1 << 12), cut = BUF_INIT(1 << 12);
        struct json_node nodes[256];
        struct json_doc doc;
        for (size_t i = 0; i < n; i++)
            text[i] = letters[rand_below(&r, sizeof(letters) - 3)]; /* whole ASCII only */
        mend(str_of(text, n), n + 1, &whole);
        mend(str_of(text, n), 1, &cut);
        assert_true(str_eq(buf_str(&whole), buf_str(&cut)));
        enum rc rc = json_parse_into(nodes, 256, buf_str(&whole), &doc, NULL);
        if (rc != RC_OK && rc != RC_DUPLICATE)
            fail_msg("%s: %.*s gives " STR_FMT, rc_name(rc), (int)n, text,
                     STR_ARG(buf_str(&whole)));
        buf_fini(&whole);
        buf_fini(&cut);
    }
}

static void test_depth(void **state)
{
    char in[2000];
    struct buf out = BUF_INIT(1 << 16);
    struct json_node nodes[2000];
    struct json_doc doc;
    (void)state;
    memset(in, '[', sizeof(in));
    memcpy(in, "{\"a\":", 5);
    mend(str_of(in, sizeof(in)), 7, &out);
    assert_int_equal(json_parse_into(nodes, 2000, buf_str(&out), &doc, NULL), RC_OK);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound_text_stays),
        cmocka_unit_test(test_what_models_write),
        cmocka_unit_test(test_a_long_word_is_text),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
