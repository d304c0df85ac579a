/* SPDX-License-Identifier: Apache-2.0 */
/* The reasoning of an answer, gathered, kept, and put back into the request that forgot it. */
#include "../unit.h"

#include <stdio.h>

#include "base/mem.h"
#include "ir/recall.h"

static const struct hash_key key = {1, 2};

struct fixture {
    struct arena arena;
    struct recall_gather g;
    struct recall *store;
    struct ir_request q;
    struct ir_message **tail;
};

static void set_up(struct fixture *f)
{
    *f = (struct fixture){.store = recall_new(key)};
    arena_init(&f->arena, 8u << 20);
    gather_init(&f->g);
    f->tail = &f->q.messages;
    assert_non_null(f->store);
}

static void tear_down(struct fixture *f)
{
    recall_free(f->store);
    gather_fini(&f->g);
    arena_fini(&f->arena);
}

static void block(struct fixture *f, struct ir_event open, const char *text, const char *signature)
{
    struct ir_event ev = open;
    ev.type = IR_EV_BLOCK_START;
    gather_event(&f->g, &f->arena, &ev);
    ev = (struct ir_event){
        .type = IR_EV_DELTA, .kind = open.kind, .delta = {IR_D_TEXT, str_c(text)}};
    gather_event(&f->g, &f->arena, &ev);
    ev.delta.what = IR_D_SIGNATURE;
    ev.delta.text = str_c(signature);
    gather_event(&f->g, &f->arena, &ev);
    ev = (struct ir_event){.type = IR_EV_BLOCK_STOP, .kind = open.kind};
    gather_event(&f->g, &f->arena, &ev);
}

static void call(struct fixture *f, const char *id, const char *seal)
{
    struct ir_event ev = {.kind = IR_TOOL_USE};
    ev.open.id = str_c(id);
    ev.open.name = STR("look");
    ev.open.sealed = seal ? str_c(seal) : STR_NONE;
    block(f, ev, "", "");
}

static void thought(struct fixture *f, const char *text, const char *signature)
{
    struct ir_event ev = {.kind = IR_THINKING};
    ev.open.format = STR("maker-v1");
    block(f, ev, text, signature);
}

static void user(struct fixture *f, const char *text)
{
    struct ir_message *m = ir_add_message(&f->arena, &f->tail, IR_USER);
    ir_add_block(&f->arena, &m->tail, IR_TEXT)->text.text = str_c(text);
}

static struct ir_message *calls(struct fixture *f, const char *id)
{
    struct ir_message *m = ir_add_message(&f->arena, &f->tail, IR_ASSISTANT);
    struct ir_block *b = ir_add_block(&f->arena, &m->tail, IR_TOOL_USE);
    b->use.id = str_c(id);
    b->use.name = STR("look");
    b->use.args = STR("{}");
    return m;
}

static void keep(struct fixture *f, const char *client)
{
    str thoughts = gather_end(&f->g);
    uint64_t scope = recall_scope(key, str_c(client), &f->q);
    assert_true(thoughts.n != 0);
    for (unsigned i = 0; i < f->g.ncalls; i++)
        recall_put(f->store, recall_key(key, scope, f->g.ids[i], f->g.names[i]), thoughts, 1000);
}

static unsigned restore(struct fixture *f, const char *client, msec now)
{
    unsigned n;
    uint64_t scope = recall_scope(key, str_c(client), &f->q);
    assert_int_equal(recall_restore(f->store, key, scope, &f->q, &f->arena, now, &n), RC_OK);
    return n;
}

static void test_put_back(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    thought(&f, "a \\\"b\\\"", "sig");
    struct ir_event sealed = {.kind = IR_REDACTED};
    sealed.open.data = STR("box");
    block(&f, sealed, "", "");
    call(&f, "c1", "seal1");
    call(&f, "c2", NULL);
    user(&f, "go");
    keep(&f, "team");
    struct ir_message *m = calls(&f, "c1");
    assert_int_equal(restore(&f, "team", 2000), 1);
    const struct ir_block *b = m->blocks;
    assert_int_equal(b->kind, IR_THINKING);
    assert_str(b->thinking.text, "a \\\"b\\\"");
    assert_str(b->thinking.signature, "sig");
    assert_str(b->thinking.format, "maker-v1");
    b = b->next;
    assert_int_equal(b->kind, IR_REDACTED);
    assert_str(b->thinking.text, "box");
    b = b->next;
    assert_int_equal(b->kind, IR_TOOL_USE);
    assert_str(b->use.sealed, "seal1");
    assert_int_equal(restore(&f, "team", 2000), 0); /* it has them now */
    tear_down(&f);
}

/* A client of Chat has the words and no place for the seal: it gets its own words back, sealed.
 * Other words are believed; so are words that nobody sealed. */
static void test_words_without_their_seal(void **state)
{
    static const struct {
        const char *signature, *words;
        unsigned restored;
    } rows[] = {
        {"sig", "caf\u00e9", 1},   {"sig", "  caf\\u00e9\\n", 1}, /* spelt otherwise, trimmed */
        {"sig", "other words", 0}, {"sig", "caf", 0},
        {"", "caf\u00e9", 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fixture f;
        set_up(&f);
        thought(&f, "caf\u00e9", rows[i].signature);
        call(&f, "c1", NULL);
        user(&f, "go");
        keep(&f, "team");
        struct ir_message *m = ir_add_message(&f.arena, &f.tail, IR_ASSISTANT);
        ir_add_block(&f.arena, &m->tail, IR_THINKING)->thinking.text = str_c(rows[i].words);
        struct ir_block *b = ir_add_block(&f.arena, &m->tail, IR_TOOL_USE);
        b->use.id = STR("c1");
        b->use.name = STR("look");
        assert_int_equal(restore(&f, "team", 2000), rows[i].restored);
        assert_int_equal(m->blocks->kind, IR_THINKING);
        assert_int_equal(m->blocks->next->kind, IR_TOOL_USE); /* one thought, not two */
        if (rows[i].restored)
            assert_str(m->blocks->thinking.signature, "sig");
        else
            assert_int_equal(m->blocks->thinking.signature.n, 0);
        tear_down(&f);
    }
}

/* One client's thoughts never reach another, nor another conversation of the same. */
static void test_only_in_its_conversation(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    thought(&f, "mine", "");
    call(&f, "functions.look:0", NULL);
    user(&f, "go");
    keep(&f, "team-a");
    calls(&f, "functions.look:0");
    assert_int_equal(restore(&f, "team-b", 2000), 0);
    assert_int_equal(restore(&f, "", 2000), 0);
    f.q.messages->blocks->text.text = STR("other");
    assert_int_equal(restore(&f, "team-a", 2000), 0);
    f.q.messages->blocks->text.text = STR("go");
    assert_int_equal(restore(&f, "team-a", 2000), 1);
    tear_down(&f);
}

static void test_what_is_not_kept(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    thought(&f, "no call follows", "");
    assert_false(gather_end(&f.g).p);
    tear_down(&f);
    set_up(&f);
    call(&f, "c1", NULL); /* no thought before */
    assert_false(gather_end(&f.g).p);
    tear_down(&f);
    set_up(&f);
    thought(&f, "", "");
    call(&f, "c1", NULL);
    assert_false(gather_end(&f.g).p);
    tear_down(&f);
    set_up(&f);
    for (int i = 0; i < 300; i++) { /* too long to be kept */
        char text[1025];
        memset(text, 'x', 1024);
        text[1024] = 0;
        thought(&f, text, "");
    }
    call(&f, "c1", NULL);
    assert_false(gather_end(&f.g).p);
    tear_down(&f);
}

static void test_bounds(void **state)
{
    static char text[100000];
    struct recall *r = recall_new(key);
    (void)state;
    assert_true(recall_is_empty(r));
    for (uint64_t i = 1; i <= 1000; i++)
        recall_put(r, i, str_of(text, sizeof(text)), 1000 + i);
    assert_false(recall_get(r, 1, 2000).p); /* the oldest went */
    assert_true(recall_get(r, 1000, 2000).n == sizeof(text));
    uint64_t kept = 0;
    for (uint64_t i = 1; i <= 1000; i++)
        kept += recall_get(r, i, 2000).n;
    assert_true(kept <= RECALL_MAX && kept > RECALL_MAX / 2);
    assert_false(recall_get(r, 1000, 2000 + RECALL_FOR_MS).p);
    recall_put(r, 5000, STR("x"), 2001 + RECALL_FOR_MS); /* and what is too old goes as well */
    assert_false(recall_get(r, 999, 2001).p);
    recall_put(r, 5000, STR("yy"), 2002 + RECALL_FOR_MS);
    assert_str(recall_get(r, 5000, 2003 + RECALL_FOR_MS), "yy");
    recall_free(r);
    recall_free(NULL);
}

static void test_no_memory(void **state)
{
    (void)state;
    mem_fail_after(1);
    assert_null(recall_new(key));
    mem_fail_after(0);
    for (size_t n = 1; n < 6; n++) {
        struct recall *r = recall_new(key);
        mem_fail_after(n);
        recall_put(r, 1, STR("x"), 1);
        mem_fail_after(0);
        recall_put(r, 1, STR("z"), 2);
        assert_str(recall_get(r, 1, 3), "z");
        recall_free(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put_back),
        cmocka_unit_test(test_words_without_their_seal),
        cmocka_unit_test(test_only_in_its_conversation),
        cmocka_unit_test(test_what_is_not_kept),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
