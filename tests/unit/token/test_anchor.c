/* SPDX-License-Identifier: Apache-2.0 */
/* A conversation's next turn finds what was reported of the last one, and no other's does. */
#include "../unit.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/mem.h"
#include "token/anchor.h"

#define MODEL STR("p"), STR("model")

struct fixture {
    struct arena a;
    struct anchors *anchors;
    struct ir_request r;
    struct ir_message **tail;
};

static int setup(void **state)
{
    struct fixture *f = mem_zalloc(sizeof(*f));
    arena_init(&f->a, 4u << 20);
    f->anchors = mem_need(sizeof(*f->anchors));
    anchors_init(f->anchors, (struct hash_key){1, 2});
    f->tail = &f->r.messages;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    arena_fini(&f->a);
    mem_free(f->anchors);
    mem_free(f);
    return 0;
}

static const struct ir_message *say(struct fixture *f, enum ir_role role, const char *text)
{
    struct ir_message *m = ir_add_message(&f->a, &f->tail, role);
    ir_add_block(&f->a, &m->tail, IR_TEXT)->text.text = str_c(text);
    return m;
}

static void test_the_next_turn_begins_with_the_last(void **state)
{
    struct fixture *f = *state;
    struct anchor a;
    assert_false(anchors_find(f->anchors, MODEL, &f->r, &a));
    anchors_put(f->anchors, MODEL, &f->r, 7); /* no messages: nothing to know it by */
    say(f, IR_SYSTEM, "You are brief.");
    const struct ir_message *first = say(f, IR_USER, "Hello");
    assert_false(anchors_find(f->anchors, MODEL, &f->r, &a));
    anchors_put(f->anchors, MODEL, &f->r, 1000);
    assert_true(anchors_find(f->anchors, MODEL, &f->r, &a) && a.tokens == 1000 && a.last == first);
    say(f, IR_ASSISTANT, "Hi.");
    const struct ir_message *second = say(f, IR_USER, "And now?");
    assert_true(anchors_find(f->anchors, MODEL, &f->r, &a) && a.tokens == 1000 && a.last == first);
    anchors_put(f->anchors, MODEL, &f->r, 1100);
    say(f, IR_ASSISTANT, "…");
    assert_true(anchors_find(f->anchors, MODEL, &f->r, &a) && a.tokens == 1100 && a.last == second);
}

static void test_not_those_of_another(void **state)
{
    struct fixture *f = *state;
    struct ir_tool tool = {.name = STR("f")};
    struct anchor a;
    say(f, IR_USER, "Hello");
    const struct ir_message *reply = say(f, IR_ASSISTANT, "Hi.");
    anchors_put(f->anchors, MODEL, &f->r, 1000);
    assert_false(anchors_find(f->anchors, STR("p"), STR("other"), &f->r, &a));
    assert_false(anchors_find(f->anchors, STR("q"), STR("model"), &f->r, &a));
    f->r.tools = &tool;
    assert_false(anchors_find(f->anchors, MODEL, &f->r, &a));
    f->r.tools = NULL;
    reply->blocks->text.text = STR("Ha."); /* another answer was edited in */
    assert_false(anchors_find(f->anchors, MODEL, &f->r, &a));
    reply->blocks->text.text = STR("Hi.");
    f->r.messages->blocks->text.text = STR("Hallo");
    assert_false(anchors_find(f->anchors, MODEL, &f->r, &a));
    f->r.messages->blocks->text.text = STR("Hello");
    assert_true(anchors_find(f->anchors, MODEL, &f->r, &a));
}

/* Of a long text its end and its length count; farther back than ANCHOR_LOOK nobody looks. */
static void test_bounds(void **state)
{
    struct fixture *f = *state;
    static char text[2][5000];
    struct anchor a;
    memset(text, 'x', sizeof(text));
    text[0][4999] = text[1][4999] = '\0';
    text[1][4000] = 'y';
    say(f, IR_USER, text[0]);
    anchors_put(f->anchors, MODEL, &f->r, 5);
    f->r.messages->blocks->text.text = str_of(text[1], 4999);
    assert_true(anchors_find(f->anchors, MODEL, &f->r, &a)); /* the same end: taken for the same */
    f->r.messages->blocks->text.text = str_of(text[1], 4998);
    assert_false(anchors_find(f->anchors, MODEL, &f->r, &a));
    f->r.messages->blocks->text.text = str_of(text[0], 4999);
    for (int i = 1; i < ANCHOR_LOOK; i++)
        say(f, IR_USER, "more");
    assert_true(anchors_find(f->anchors, MODEL, &f->r, &a));
    say(f, IR_USER, "more");
    assert_false(anchors_find(f->anchors, MODEL, &f->r, &a));
}

/* A thousand other conversations later the table has not grown, and one in use is still there. */
static void test_room_is_made(void **state)
{
    struct fixture *f = *state;
    struct anchor a;
    char text[32];
    say(f, IR_USER, "Hello");
    anchors_put(f->anchors, MODEL, &f->r, 1);
    for (unsigned i = 0; i < 4 * ANCHOR_SETS * ANCHOR_WAYS; i++) {
        int n = snprintf(text, sizeof(text), "another %u", i);
        f->r.messages->blocks->text.text = str_of(text, (size_t)n);
        anchors_put(f->anchors, MODEL, &f->r, 2);
        assert_true(anchors_find(f->anchors, MODEL, &f->r, &a) && a.tokens == 2);
        f->r.messages->blocks->text.text = STR("Hello");
        assert_true(anchors_find(f->anchors, MODEL, &f->r, &a) && a.tokens == 1);
    }
}

/* Every kind of block tells requests apart, also an empty message. */
static void test_marks(void **state)
{
    struct fixture *f = *state;
    struct anchor a;
    for (int kind = IR_TEXT; kind <= IR_OPAQUE; kind++) {
        f->r = (struct ir_request){0};
        f->tail = &f->r.messages;
        say(f, IR_USER, "Hello");
        struct ir_message *m = ir_add_message(&f->a, &f->tail, IR_USER);
        struct ir_block *b = ir_add_block(&f->a, &m->tail, (enum ir_kind)kind);
        anchors_put(f->anchors, MODEL, &f->r, (uint64_t)kind + 1);
        assert_true(anchors_find(f->anchors, MODEL, &f->r, &a));
        m->blocks = NULL;
        assert_true(anchors_find(f->anchors, MODEL, &f->r, &a)); /* an empty mark is one too */
        m->blocks = b;
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_the_next_turn_begins_with_the_last),
        TEST(test_not_those_of_another),
        TEST(test_bounds),
        TEST(test_room_is_made),
        TEST(test_marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
