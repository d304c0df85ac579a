/* SPDX-License-Identifier: Apache-2.0 */
/* Two answers to one request: what counts as the same, and what does not. */
#include "../unit.h"

#include "ir/likeness.h"

struct fixture {
    struct arena arena;
    struct ir_collect c;
};

static void start(struct fixture *f)
{
    arena_init(&f->arena, 4u << 20);
    ir_collect_init(&f->c, &f->arena, false);
    ir_collect_event(&f->c, &(struct ir_event){.type = IR_EV_START});
}

static void block(struct fixture *f, struct ir_event open, enum ir_delta what, const char *piece)
{
    open.type = IR_EV_BLOCK_START;
    ir_collect_event(&f->c, &open);
    ir_collect_event(
        &f->c,
        &(struct ir_event){.type = IR_EV_DELTA, .kind = open.kind, .delta = {what, str_c(piece)}});
    ir_collect_event(&f->c, &(struct ir_event){.type = IR_EV_BLOCK_STOP, .kind = open.kind});
}

static void text(struct fixture *f, const char *s)
{
    block(f, (struct ir_event){.kind = IR_TEXT}, IR_D_TEXT, s);
}

static void tool(struct fixture *f, const char *name, const char *input)
{
    struct ir_event ev = {.kind = IR_TOOL_USE};
    ev.open.name = str_c(name);
    block(f, ev, IR_D_INPUT, input);
}

static struct likeness end(struct fixture *f, enum ir_finish reason)
{
    struct likeness sum;
    ir_collect_event(&f->c, &(struct ir_event){.type = IR_EV_FINISH, .finish = {.reason = reason}});
    ir_collect_event(&f->c, &(struct ir_event){.type = IR_EV_END});
    assert_false(f->c.failed);
    assert_true(likeness_of(&f->c.response, &f->arena, &sum));
    arena_fini(&f->arena);
    return sum;
}

static struct likeness of_text(const char *s)
{
    struct fixture f;
    start(&f);
    text(&f, s);
    return end(&f, IR_FIN_STOP);
}

static struct likeness of_tool(const char *name, const char *input)
{
    struct fixture f;
    start(&f);
    tool(&f, name, input);
    return end(&f, IR_FIN_TOOL);
}

static unsigned compare(struct likeness a, struct likeness b)
{
    assert_int_equal(likeness_compare(&a, &b), likeness_compare(&b, &a));
    return likeness_compare(&a, &b);
}

static void test_texts(void **state)
{
    (void)state;
    assert_int_equal(compare(of_text("caf\\u00e9 \\/"), of_text("caf\xc3\xa9 /")), 0);
    assert_int_equal(of_text("caf\\u00e9").bytes, 5);
    assert_int_equal(compare(of_text("a"), of_text("b")), LIKENESS_TEXT);
    assert_int_equal(compare(of_text("a"), of_text("a ")), LIKENESS_TEXT);
    assert_int_equal(compare(of_text(""), of_text("")), 0);
}

/* Providers cut an answer into blocks as they like, and think or not. */
static void test_blocks_and_thoughts_do_not_count(void **state)
{
    struct fixture f;
    (void)state;
    start(&f);
    block(&f, (struct ir_event){.kind = IR_THINKING}, IR_D_TEXT, "hm");
    text(&f, "one ");
    text(&f, "two");
    assert_int_equal(compare(end(&f, IR_FIN_STOP), of_text("one two")), 0);
}

static void test_arguments_are_values(void **state)
{
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        {"{\"a\":1,\"b\":[true,null]}", "{ \"b\" : [ true , null ], \"a\" : 1.0 }", true},
        {"{\"a\":\"\\u00e9\"}", "{\"\\u0061\":\"\xc3\xa9\"}", true},
        {"{\"a\":-0}", "{\"a\":0}", true},
        {"{}", "{ }", true},
        {"{\"a\":1}", "{\"a\":2}", false},
        {"{\"a\":1}", "{\"a\":\"1\"}", false},
        {"{\"a\":[1,2]}", "{\"a\":[2,1]}", false},
        {"{\"a\":[]}", "{\"a\":{}}", false},
        {"{\"a\":1,\"b\":2}", "{\"a\":2,\"b\":1}", false},
        {"{\"a\":{\"b\":1}}", "{\"b\":{\"a\":1}}", false},
        {"{\"a\":true}", "{\"a\":false}", false},
        {"{\"a\":1}", "{\"a\":1,\"b\":null}", false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(compare(of_tool("f", rows[i].a), of_tool("f", rows[i].b)),
                         rows[i].same ? 0 : LIKENESS_ARGS);
}

static void test_tools(void **state)
{
    struct fixture f, g;
    (void)state;
    assert_int_equal(compare(of_tool("f", "{}"), of_tool("g", "{}")), LIKENESS_TOOLS);
    start(&f);
    tool(&f, "f", "{\"x\":1}");
    tool(&f, "g", "{}");
    start(&g);
    tool(&g, "g", "{}");
    tool(&g, "f", "{\"x\":1}");
    const struct likeness a = end(&f, IR_FIN_TOOL), b = end(&g, IR_FIN_TOOL);
    assert_int_equal(a.calls, 2);
    assert_int_equal(compare(a, b), LIKENESS_TOOLS);
    assert_int_equal(compare(a, of_tool("f", "{\"x\":1}")), LIKENESS_TOOLS);
}

/* Free text of a custom tool comes escaped. */
static void test_custom_tools(void **state)
{
    struct fixture f, g;
    struct ir_event ev = {.kind = IR_TOOL_USE};
    (void)state;
    ev.open.name = STR("patch");
    ev.open.is_custom = true;
    start(&f);
    block(&f, ev, IR_D_ARGS, "a\\n\\u0062");
    start(&g);
    block(&g, ev, IR_D_ARGS, "a\\nb");
    assert_int_equal(compare(end(&f, IR_FIN_TOOL), end(&g, IR_FIN_TOOL)), 0);
}

static void test_ends(void **state)
{
    struct fixture f, g;
    struct likeness none;
    (void)state;
    start(&f);
    text(&f, "a");
    assert_int_equal(compare(end(&f, IR_FIN_LENGTH), of_text("a")), LIKENESS_FINISH);
    start(&g); /* cut: it did not finish */
    text(&g, "a");
    assert_true(likeness_of(&g.c.response, &g.arena, &none));
    assert_false(none.whole);
    arena_fini(&g.arena);
}

static void test_more_calls_than_are_kept(void **state)
{
    struct fixture f, g;
    (void)state;
    start(&f);
    start(&g);
    for (int i = 0; i < LIKENESS_CALLS_MAX + 3; i++) {
        tool(&f, "f", "{}");
        tool(&g, "f", i < LIKENESS_CALLS_MAX ? "{}" : "{\"beyond\":1}");
    }
    const struct likeness a = end(&f, IR_FIN_TOOL);
    assert_int_equal(a.calls, LIKENESS_CALLS_MAX + 3);
    assert_int_equal(compare(a, end(&g, IR_FIN_TOOL)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_blocks_and_thoughts_do_not_count),
        cmocka_unit_test(test_arguments_are_values),
        cmocka_unit_test(test_tools),
        cmocka_unit_test(test_custom_tools),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_more_calls_than_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
