/* SPDX-License-Identifier: Apache-2.0 */
/* Events to a whole answer, the lossy set, and unescaping. */
#include "../unit.h"

#include "ir/response.h"

struct fixture {
    struct arena arena;
    struct ir_collect c;
    struct ir_sink sink;
    char moving[256]; /* where the text of events lies: overwritten by the next one */
};

static void start(struct fixture *f, size_t cap, bool borrow)
{
    arena_init(&f->arena, cap);
    ir_collect_init(&f->c, &f->arena, borrow);
    f->sink = ir_collect_sink(&f->c);
}

static void emit(struct fixture *f, struct ir_event ev)
{
    ir_emit(f->sink, &ev);
}

static str moved(struct fixture *f, const char *text)
{
    memset(f->moving, '#', sizeof f->moving);
    memcpy(f->moving, text, strlen(text));
    return str_of(f->moving, strlen(text));
}

static void delta(struct fixture *f, uint32_t choice, enum ir_kind kind, enum ir_delta what,
                  const char *text)
{
    emit(f,
         (struct ir_event){
             .type = IR_EV_DELTA, .choice = choice, .kind = kind, .delta = {what, moved(f, text)}});
}

static void open(struct fixture *f, uint32_t choice, enum ir_kind kind)
{
    emit(f, (struct ir_event){.type = IR_EV_BLOCK_START, .choice = choice, .kind = kind});
}

static void close_(struct fixture *f, uint32_t choice, enum ir_kind kind)
{
    emit(f, (struct ir_event){.type = IR_EV_BLOCK_STOP, .choice = choice, .kind = kind});
}

static void test_text_thoughts_and_calls(void **state)
{
    struct fixture f;
    (void)state;
    start(&f, 1u << 20, false);
    emit(&f,
         (struct ir_event){.type = IR_EV_START, .start = {.id = moved(&f, "id7"), .created = 9}});
    open(&f, 0, IR_THINKING);
    delta(&f, 0, IR_THINKING, IR_D_TEXT, "hm");
    delta(&f, 0, IR_THINKING, IR_D_SIGNATURE, "si");
    delta(&f, 0, IR_THINKING, IR_D_SIGNATURE, "gn");
    close_(&f, 0, IR_THINKING);
    open(&f, 0, IR_TEXT);
    for (int i = 0; i < 500; i++)
        delta(&f, 0, IR_TEXT, IR_D_TEXT, "abc");
    delta(&f, 0, IR_TEXT, IR_D_CITATION, "{\"a\":1}");
    delta(&f, 0, IR_TEXT, IR_D_CITATION, "{\"b\":2}");
    close_(&f, 0, IR_TEXT);
    open(&f, 0, IR_TOOL_USE);
    delta(&f, 0, IR_TOOL_USE, IR_D_ARGS, "{\\\"a\\\":\\\"\\\\u00");
    delta(&f, 0, IR_TOOL_USE, IR_D_ARGS, "e9\\\"}");
    close_(&f, 0, IR_TOOL_USE);
    open(&f, 0, IR_TOOL_USE);
    close_(&f, 0, IR_TOOL_USE);
    emit(&f, (struct ir_event){.type = IR_EV_FINISH, .finish = {.reason = IR_FIN_TOOL}});
    assert_false(f.c.response.complete);
    emit(&f, (struct ir_event){.type = IR_EV_END});
    assert_true(f.c.response.complete && !f.c.failed);
    assert_str(f.c.response.id, "id7");
    const struct ir_answer *an = ir_response_first(&f.c.response);
    const struct ir_block *b = an->blocks;
    assert_str(b->thinking.text, "hm");
    assert_str(b->thinking.signature, "sign");
    b = b->next;
    assert_int_equal(b->text.text.n, 1500);
    assert_str(str_head(b->text.text, 6), "abcabc");
    assert_str(b->text.citations->next->json, "{\"b\":2}");
    b = b->next;
    assert_str(b->use.args, "{\"a\":\"\\u00e9\"}"); /* byte for byte what the model wrote */
    assert_str(b->next->use.args, "{}");
    assert_int_equal(an->finish, IR_FIN_TOOL);
    arena_fini(&f.arena);
}

/* Choices come interleaved; each is gathered by itself. */
static void test_choices(void **state)
{
    struct fixture f;
    (void)state;
    start(&f, 1u << 20, false);
    open(&f, 1, IR_TEXT);
    open(&f, 0, IR_TEXT);
    for (int i = 0; i < 100; i++) {
        delta(&f, 0, IR_TEXT, IR_D_TEXT, "a");
        delta(&f, 1, IR_TEXT, IR_D_TEXT, "b");
    }
    close_(&f, 0, IR_TEXT);
    close_(&f, 1, IR_TEXT);
    const struct ir_answer *an = f.c.response.answers;
    assert_int_equal(an->choice, 0);
    assert_int_equal(an->blocks->text.text.n, 100);
    assert_str(str_head(an->blocks->text.text, 2), "aa");
    assert_int_equal(an->next->choice, 1);
    assert_str(str_head(an->next->blocks->text.text, 2), "bb");
    arena_fini(&f.arena);
}

static void test_borrowed_text_is_not_copied(void **state)
{
    const char *text = "a long text that stays where it is";
    struct fixture f;
    (void)state;
    start(&f, 1u << 20, true);
    open(&f, 0, IR_TEXT);
    emit(&f, (struct ir_event){
                 .type = IR_EV_DELTA, .kind = IR_TEXT, .delta = {IR_D_TEXT, str_c(text)}});
    assert_ptr_equal(f.c.response.answers->blocks->text.text.p, text);
    emit(&f,
         (struct ir_event){.type = IR_EV_DELTA, .kind = IR_TEXT, .delta = {IR_D_TEXT, STR("!")}});
    assert_str(f.c.response.answers->blocks->text.text, "a long text that stays where it is!");
    arena_fini(&f.arena);
}

/* A server tool's input comes in pieces and belongs into its block. */
static void test_server_tools_keep_their_input(void **state)
{
    struct fixture f;
    (void)state;
    start(&f, 1u << 20, false);
    emit(&f,
         (struct ir_event){.type = IR_EV_BLOCK_START,
                           .kind = IR_OPAQUE,
                           .open = {.raw = moved(&f, "{\"type\":\"x\",\"input\":{},\"z\":1}")}});
    delta(&f, 0, IR_OPAQUE, IR_D_ARGS, "{\\\"q\\\":");
    delta(&f, 0, IR_OPAQUE, IR_D_ARGS, "1}");
    close_(&f, 0, IR_OPAQUE);
    assert_str(f.c.response.answers->blocks->raw, "{\"type\":\"x\",\"input\":{\"q\":1},\"z\":1}");
    /* cut off, it is left out: the block must stay JSON */
    emit(&f, (struct ir_event){.type = IR_EV_BLOCK_START,
                               .kind = IR_OPAQUE,
                               .open = {.raw = moved(&f, "{\"type\":\"x\",\"input\":{}}")}});
    delta(&f, 0, IR_OPAQUE, IR_D_ARGS, "{\\\"q\\\":");
    close_(&f, 0, IR_OPAQUE);
    assert_str(f.c.response.answers->blocks->next->raw, "{\"type\":\"x\",\"input\":{}}");
    arena_fini(&f.arena);
}

static void test_errors_end_it(void **state)
{
    struct fixture f;
    struct fail fail = {.kind = ERR_TIMEOUT, .message = STR("late")};
    (void)state;
    start(&f, 1u << 20, false);
    emit(&f, (struct ir_event){.type = IR_EV_ERROR, .fail = &fail});
    assert_true(f.c.failed);
    assert_str(f.c.fail.message, "late");
    open(&f, 0, IR_TEXT);
    assert_null(f.c.response.answers);
    arena_fini(&f.arena);
}

/* Every size of arena, too: an answer that does not fit is a failure, never half an answer. */
static void test_a_full_arena_is_a_failure(void **state)
{
    (void)state;
    for (size_t cap = 0; cap < 32768; cap += 1024) {
        struct fixture f;
        start(&f, cap, false);
        emit(&f, (struct ir_event){.type = IR_EV_START, .start = {.id = moved(&f, "i")}});
        open(&f, 0, IR_TEXT);
        for (int i = 0; i < 4000; i++)
            delta(&f, 0, IR_TEXT, IR_D_TEXT, "0123456789");
        close_(&f, 0, IR_TEXT);
        assert_true(f.c.failed);
        assert_int_equal(f.c.fail.kind, ERR_UPSTREAM);
        arena_fini(&f.arena);
    }
}

static void test_what_counts_as_content(void **state)
{
    struct ir_event text = {.type = IR_EV_DELTA, .kind = IR_TEXT, .delta = {IR_D_TEXT, STR("a")}};
    struct ir_event empty = {.type = IR_EV_DELTA, .kind = IR_TEXT, .delta = {IR_D_TEXT, STR("")}};
    struct ir_event call = {.type = IR_EV_BLOCK_START, .kind = IR_TOOL_USE};
    struct ir_event block = {.type = IR_EV_BLOCK_START, .kind = IR_TEXT};
    struct ir_event ping = {.type = IR_EV_PING}, began = {.type = IR_EV_START};
    struct ir_event done = {.type = IR_EV_FINISH};
    (void)state;
    assert_true(ir_event_is_content(&text) && ir_event_is_content(&call) &&
                ir_event_is_content(&done));
    assert_false(ir_event_is_content(&empty) || ir_event_is_content(&block) ||
                 ir_event_is_content(&ping) || ir_event_is_content(&began));
}

static void test_lossy(void **state)
{
    struct ir_lossy l = {0};
    struct buf b = BUF_INIT(4096);
    (void)state;
    ir_lossy_add(&l, STR("n"));
    ir_lossy_add(&l, STR("tools.web_search-1[0]"));
    ir_lossy_add(&l, STR("n"));
    ir_lossy_add(&l, STR("evil\r\nx: y"));
    ir_lossy_add(&l, STR(""));
    ir_lossy_print(&l, &b);
    assert_str(buf_str(&b), "n, tools.web_search-1[0], other");
    for (unsigned i = 0; i < 100; i++) {
        static const char letters[] = "abcdefghijklmnopqrstuvwxyz_abcdefghijklmnopqrstuvwxyz";
        ir_lossy_add(&l, str_of(letters + i % 26, 2 + i / 26)); /* each a name of its own */
    }
    assert_int_equal(l.n, IR_LOSSY_MAX);
    assert_true(l.more);
    buf_fini(&b);
}

static void test_unescape(void **state)
{
    struct arena a;
    (void)state;
    arena_init(&a, 4096);
    assert_str(ir_unescape(&a, STR("a\\n\\u00e9\\\"")), "a\n\xc3\xa9\"");
    str same = STR("plain");
    assert_ptr_equal(ir_unescape(&a, same).p, (const void *)same.p);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_thoughts_and_calls),
        cmocka_unit_test(test_choices),
        cmocka_unit_test(test_borrowed_text_is_not_copied),
        cmocka_unit_test(test_server_tools_keep_their_input),
        cmocka_unit_test(test_errors_end_it),
        cmocka_unit_test(test_a_full_arena_is_a_failure),
        cmocka_unit_test(test_what_counts_as_content),
        cmocka_unit_test(test_lossy),
        cmocka_unit_test(test_unescape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
