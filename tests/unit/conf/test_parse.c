/* SPDX-License-Identifier: Apache-2.0 */
/* YAML and JSON text to one tree: places, tolerance, and what both refuse. */
#include "../unit.h"
#include "base/buf.h"
#include "conf/parse.h"

struct parsed {
    struct arena arena;
    struct conf_report report;
    struct conf_node *root;
    enum rc rc;
};

static void parse(struct parsed *p, str text)
{
    arena_init(&p->arena, 32u << 20);
    conf_report_init(&p->report);
    p->root = NULL;
    p->rc = conf_parse(&p->arena, text, &p->report, &p->root);
}

static void parsed_fini(struct parsed *p)
{
    arena_fini(&p->arena);
    conf_report_fini(&p->report);
}

static void assert_at(const struct conf_node *n, uint32_t line, uint32_t column)
{
    assert_non_null(n);
    assert_int_equal(n->line, line);
    assert_int_equal(n->column, column);
}

/* Refused at this place, with these words in the note. */
static void assert_refused(const char *text, uint32_t line, uint32_t column, const char *words)
{
    struct parsed p;
    parse(&p, str_c(text));
    assert_int_equal(p.rc, RC_CONFIG);
    const struct conf_note *n = &p.report.of[CONF_ERROR].note[0];
    if (str_find(n->text, str_c(words)) == SIZE_MAX)
        fail_msg("no \"%s\" in \"" STR_FMT "\"", words, STR_ARG(n->text));
    if (n->line != line || n->column != column)
        fail_msg("at %u:%u, want %u:%u: " STR_FMT, n->line, n->column, line, column,
                 STR_ARG(n->text));
    parsed_fini(&p);
}

static void yaml_places(void **state)
{
    (void)state;
    struct parsed p;
    parse(&p, STR("a: 1\nlist:\n  - x\n  - { k: \"v\", n: ~ }\n  - \"\xC3\xA9\": z\n"));
    assert_int_equal(p.rc, RC_OK);
    const struct conf_node *list = conf_get(p.root, STR("list"));
    assert_at(conf_get(p.root, STR("a")), 1, 4);
    assert_true(conf_is(list, CONF_LIST));
    assert_int_equal(list->count, 3);
    assert_at(list->child, 3, 5);
    const struct conf_node *map = list->child->next;
    assert_at(conf_get(map, STR("k")), 4, 10);
    assert_true(conf_get(map, STR("k"))->quoted);
    assert_true(conf_is(conf_get(map, STR("n")), CONF_NULL));
    const struct conf_node *accent = map->next->child;
    assert_str(accent->key, "\xC3\xA9");
    assert_int_equal(accent->key_column, 5);
    assert_int_equal(accent->column, 10); /* characters, not bytes */
    parsed_fini(&p);
}

static void json_tolerance(void **state)
{
    (void)state;
    struct parsed p;
    parse(&p, STR("\xEF\xBB\xBF// a comment\n{\n\t\"a\": 1, # another\n\t/* and\n one */ 'b': "
                  "[true, null, -2.5, ],\n\tplain_key: \"x\\u00e9\\ud83d\\ude00\\n\",\n}\n"));
    assert_int_equal(p.rc, RC_OK);
    assert_at(conf_get(p.root, STR("a")), 3, 7);
    const struct conf_node *b = conf_get(p.root, STR("b"));
    assert_at(b, 5, 14);
    assert_int_equal(b->count, 3);
    assert_str(b->child->text, "true");
    assert_true(conf_is(b->child->next, CONF_NULL));
    assert_str(b->child->next->next->text, "-2.5");
    assert_str(conf_get(p.root, STR("plain_key"))->text, "x\xC3\xA9\xF0\x9F\x98\x80\n");
    parsed_fini(&p);
}

static void json_faults(void **state)
{
    (void)state;
    assert_refused("{\"a\": 1 \"b\": 2}", 1, 9, "',' or '}' is missing before this");
    assert_refused("{\"a\" 1}", 1, 6, "the ':' after the key is missing");
    assert_refused("{\"a\": [1 2]}", 1, 10, "',' or ']' is missing before this");
    assert_refused("{\"a\": yes}", 1, 7, "text must stand in quotes");
    assert_refused("{\"a\": ,}", 1, 7, "a value was expected here");
    assert_refused("{,}", 1, 2, "a key was expected here");
    assert_refused("{\"a\": 1}]", 1, 9, "more text after the end");
    assert_refused("{\"a\": 1]", 1, 8, "this ']' closes nothing");
    assert_refused("{\"a\":}", 1, 6, "the value of the last key is missing");
    assert_refused("{\"a\"}", 1, 5, "the value of the last key is missing");
    assert_refused("{\n \"a\": [1,\n", 3, 1, "the file ends too early");
    assert_refused("{\n \"a\": \"x\n\"}", 2, 9, "the closing quote is missing in this line");
    assert_refused("{\"a\": \"\\q\"}", 1, 9, "unknown escape");
    assert_refused("{\"a\": \"\\u12\"}", 1, 10, "four hex digits");
    assert_refused("{\"a\": \"\\ud800\"}", 1, 14, "half of a surrogate pair");
    assert_refused("{\"a\": 1} /* x", 1, 10, "this comment is not closed");
    assert_refused("{\"a\": 1,\n \"a\": 2}", 2, 2, "'a' is given twice (first in line 1)");
    assert_refused("{\"a\": \"x\\u0000y\"}", 1, 7, "NUL character");
}

static void yaml_faults(void **state)
{
    (void)state;
    assert_refused("a: 1\nb: 2\na: 3\n", 3, 1, "'a' is given twice (first in line 1); remove one");
    assert_refused("a: &x 1\n", 1, 4, "anchors");
    assert_refused("a: &x\n  b: 1\n", 1, 4, "anchors");
    assert_refused("a: 1\nb: *a\n", 2, 4, "aliases");
    assert_refused("<<: { a: 1 }\n", 1, 1, "merge keys");
    assert_refused("a: !!str 1\n", 1, 4, "tags");
    assert_refused("a: !x [ ]\n", 1, 4, "tags");
    assert_refused("a: 1\n---\nb: 2\n", 2, 1, "a second document");
    assert_refused("a:\n\t- b\n", 2, 1, "put the text in quotes (and indent with blanks");
    assert_refused("a: b: c\n", 1, 5, "put text that holds ': ' in quotes");
    assert_refused("a: [1, 2\nb: 3\n", 2, 2, "',' or ']' is missing");
    assert_refused("a: \"x\n", 2, 1, "the closing quote is missing");
    assert_refused("? [a]\n: b\n", 1, 3, "a key must be plain text");
    assert_refused("a: x\n b: y\n", 2, 3, "':'");
}

static void both_refuse(void **state)
{
    (void)state;
    assert_refused("", 1, 1, "the file is empty");
    assert_refused("# nothing\n", 1, 1, "the file is empty");
    assert_refused("~\n", 1, 1, "the file is empty");
    assert_refused("a: \"\xFF\"\n", 1, 5, "not valid UTF-8 (byte 0xff)");
    assert_refused("{\n\"a\": \"\xC3(\"}", 2, 7, "not valid UTF-8 (byte 0xc3)");
    assert_refused("a: \x01\n", 1, 4, "control character");
    assert_refused("{\"a\": \"\x01\"}", 1, 8, "control character");
    /* UTF-16 is what some editors save */
    struct parsed p;
    parse(&p, STR("\xFF\xFE"
                  "a\0:\0 \0"
                  "1\0"));
    assert_int_equal(p.rc, RC_CONFIG);
    parsed_fini(&p);
}

static void depth_is_bounded(void **state)
{
    (void)state;
    for (int json = 0; json < 2; json++) {
        struct buf b = BUF_INIT(1 << 22);
        buf_add(&b, json ? STR("{\"a\":") : STR("a: "));
        for (int i = 0; i < 200000; i++)
            buf_add_char(&b, '[');
        struct parsed p;
        parse(&p, buf_str(&b));
        assert_int_equal(p.rc, RC_CONFIG);
        assert_non_null(strstr(p.report.of[CONF_ERROR].note[0].text.p, "32 deep"));
        parsed_fini(&p);
        buf_fini(&b);
    }
}

static void count_is_bounded(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(1 << 22);
    buf_lit(&b, "{\"a\": [");
    for (int i = 0; i < CONF_NODES_MAX; i++)
        buf_lit(&b, "1,");
    buf_lit(&b, "]}");
    struct parsed p;
    parse(&p, buf_str(&b));
    assert_int_equal(p.rc, RC_CONFIG);
    assert_non_null(strstr(p.report.of[CONF_ERROR].note[0].text.p, "more than 50000 values"));
    parsed_fini(&p);
    buf_fini(&b);
}

/* A map of very many keys costs n log n, and finds its one duplicate. */
static void wide_map(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(1 << 22);
    buf_add_char(&b, '{');
    for (int i = 0; i < 40000; i++)
        buf_addf(&b, "\"k%d\":1,", i);
    buf_lit(&b, "\"k77\":2}");
    struct parsed p;
    parse(&p, buf_str(&b));
    assert_int_equal(p.rc, RC_CONFIG);
    assert_non_null(strstr(p.report.of[CONF_ERROR].note[0].text.p, "'k77' is given twice"));
    parsed_fini(&p);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(yaml_places),      cmocka_unit_test(json_tolerance),
        cmocka_unit_test(json_faults),      cmocka_unit_test(yaml_faults),
        cmocka_unit_test(both_refuse),      cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(count_is_bounded), cmocka_unit_test(wide_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
