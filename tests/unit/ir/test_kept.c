/* SPDX-License-Identifier: Apache-2.0 */
/* Conversations kept by the id of their last answer: whose they are, how much, how long. */
#include "../unit.h"

#include <stdio.h>

#include "base/mem.h"
#include "ir/kept.h"

#define MOST (1u << 20)

static const struct hash_key key = {1, 2};

struct fixture {
    struct arena arena;
    struct kept *kept;
};

static void set_up(struct fixture *f)
{
    arena_init(&f->arena, 32u << 20);
    f->kept = kept_new(key);
    assert_non_null(f->kept);
}

static void tear_down(struct fixture *f)
{
    kept_free(f->kept);
    arena_fini(&f->arena);
}

static void put(struct fixture *f, const char *owner, const char *id, const char *previous,
                const char *items, size_t most, msec now)
{
    struct kept_link l = {.owner = str_c(owner),
                          .id = str_c(id),
                          .previous = previous ? str_c(previous) : STR_NONE,
                          .asked = str_c(items),
                          .before = STR("["),
                          .output = STR(""),
                          .after = STR("]")};
    kept_put(f->kept, &l, most, now);
}

/* What stands behind an id; NULL: nothing. */
static const char *get(struct fixture *f, const char *owner, const char *id, msec now)
{
    str s;
    enum rc rc = kept_get(f->kept, str_c(owner), str_c(id), KEPT_ALL, &f->arena, now, &s);
    if (rc == RC_NOTFOUND)
        return NULL;
    assert_int_equal(rc, RC_OK);
    return arena_strf(&f->arena, STR_FMT "%c", STR_ARG(s), 0).p;
}

static void test_a_chain_is_told_from_its_beginning(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    assert_true(kept_is_empty(f.kept));
    put(&f, "k", "r1", NULL, "1,2", MOST, 10);
    put(&f, "k", "r2", "r1", "3", MOST, 20);
    put(&f, "k", "r3", "r2", "", MOST, 30); /* an empty answer to an empty question */
    put(&f, "k", "r4", "r3", "4", MOST, 40);
    put(&f, "k", "b2", "r1", "other", MOST, 50); /* another branch of the same */
    assert_string_equal(get(&f, "k", "r1", 60), "1,2");
    assert_string_equal(get(&f, "k", "r4", 60), "1,2,3,4");
    assert_string_equal(get(&f, "k", "b2", 60), "1,2,other");
    put(&f, "k", "r2", "r1", "new", MOST, 70); /* said again: the newer counts */
    assert_string_equal(get(&f, "k", "r4", 80), "1,2,new,4");
    assert_null(get(&f, "k", "r5", 80));
    assert_null(get(&f, "k", "", 80));
    tear_down(&f);
}

/* A23: another client's answers do not exist, however names and ids are cut. */
static void test_A23_owners_never_meet(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    put(&f, "team-a", "r1", NULL, "secret", MOST, 1);
    put(&f, "", "r2", NULL, "nobody's", MOST, 1);
    assert_null(get(&f, "team-b", "r1", 2));
    assert_null(get(&f, "team-", "ar1", 2));
    assert_null(get(&f, "team-ar", "1", 2));
    assert_null(get(&f, "", "r1", 2));
    assert_null(get(&f, "team-a", "r2", 2));
    /* nor can one go on from another's */
    put(&f, "team-b", "r3", "r1", "mine", MOST, 3);
    assert_null(get(&f, "team-b", "r3", 4));
    assert_string_equal(get(&f, "team-a", "r1", 4), "secret");
    tear_down(&f);
}

static void test_the_oldest_go_first(void **state)
{
    struct fixture f;
    char id[16], items[1001] = {0};
    (void)state;
    set_up(&f);
    memset(items, 'x', 1000);
    put(&f, "k", "root", NULL, items, 20000, 0);
    for (unsigned i = 0; i < 100; i++) {
        snprintf(id, sizeof id, "r%u", i);
        put(&f, "k", id, i % 10 == 0 ? "root" : NULL, items, 20000, i);
    }
    assert_non_null(get(&f, "k", "r99", 100));
    assert_null(get(&f, "k", "r20", 100));
    /* renewed with every answer that rests on it */
    assert_non_null(get(&f, "k", "r90", 100));
    assert_non_null(get(&f, "k", "root", 100));
    /* a chain with a hole is none */
    for (unsigned i = 0; i < 30; i++) {
        snprintf(id, sizeof id, "s%u", i);
        put(&f, "k", id, NULL, items, 20000, 200);
    }
    put(&f, "k", "late", "r90", items, 20000, 201);
    assert_null(get(&f, "k", "late", 202));
    /* less memory is left: what is over goes with the next one */
    put(&f, "k", "last", NULL, "1", 2000, 300);
    assert_string_equal(get(&f, "k", "last", 301), "1");
    assert_null(get(&f, "k", "s28", 301));
    tear_down(&f);
}

static void test_limits(void **state)
{
    struct fixture f;
    char name[KEPT_NAME_MAX + 2] = {0};
    (void)state;
    set_up(&f);
    put(&f, "k", "r1", NULL, "1", MOST, 1000);
    assert_non_null(get(&f, "k", "r1", 1000 + KEPT_FOR_MS - 1));
    assert_null(get(&f, "k", "r1", 1000 + KEPT_FOR_MS));
    put(&f, "k", "r2", NULL, "1", 0, 1000); /* switched off */
    assert_null(get(&f, "k", "r2", 1000));
    memset(name, 'n', KEPT_NAME_MAX);
    put(&f, name, "r", NULL, "1", MOST, 1000);
    assert_non_null(get(&f, name, "r", 1000));
    name[KEPT_NAME_MAX] = 'n';
    put(&f, name, "r", NULL, "1", MOST, 1000);
    assert_null(get(&f, name, "r", 1000));
    put(&f, "k", "r", name, "1", MOST, 1000); /* what it goes on from can't be named */
    assert_null(get(&f, "k", "r", 1000));
    /* one that goes on from itself would never end */
    put(&f, "k", "loop", "loop", "1", MOST, 1000);
    assert_null(get(&f, "k", "loop", 1000));
    tear_down(&f);
}

/* An answer is read as it was given, and what it was an answer to without it. */
static void test_an_answer_is_read_and_deleted(void **state)
{
    struct fixture f;
    struct kept_link l;
    str s;
    (void)state;
    set_up(&f);
    put(&f, "k", "r1", NULL, "1", MOST, 1);
    const struct kept_link in = {.owner = STR("k"),
                                 .id = STR("r2"),
                                 .previous = STR("r1"),
                                 .asked = STR("2"),
                                 .before = STR("{\"output\":["),
                                 .output = STR("3"),
                                 .after = STR("]}")};
    kept_put(f.kept, &in, MOST, 2);
    assert_string_equal(get(&f, "k", "r2", 3), "1,2,3");
    assert_int_equal(kept_get(f.kept, STR("k"), STR("r2"), KEPT_ASKED, &f.arena, 3, &s), RC_OK);
    assert_true(str_eq(s, STR("1,2")));
    assert_int_equal(kept_find(f.kept, STR("k"), STR("r2"), 3, &l), RC_OK);
    assert_true(str_eq(l.previous, STR("r1")) && str_eq(l.before, in.before) &&
                str_eq(l.output, in.output) && str_eq(l.after, in.after) && !l.provider.n);
    assert_int_equal(kept_find(f.kept, STR("j"), STR("r2"), 3, &l), RC_NOTFOUND);
    assert_int_equal(kept_find(f.kept, STR("k"), STR("r2"), 2 + KEPT_FOR_MS, &l), RC_NOTFOUND);
    kept_forget(f.kept, STR("j"), STR("r1")); /* another's */
    kept_forget(f.kept, STR("k"), STR("r9")); /* nobody's */
    assert_non_null(get(&f, "k", "r2", 3));
    kept_forget(f.kept, STR("k"), STR("r1"));
    assert_int_equal(kept_find(f.kept, STR("k"), STR("r1"), 3, &l), RC_NOTFOUND);
    assert_null(get(&f, "k", "r2", 3)); /* half a conversation is none */
    assert_int_equal(kept_find(f.kept, STR("k"), STR("r2"), 3, &l), RC_OK);
    tear_down(&f);
}

/* Of some only their provider is known: they can be asked for there, and not gone on from here. */
static void test_who_keeps_an_answer_is_known(void **state)
{
    struct fixture f;
    struct kept_link l;
    (void)state;
    set_up(&f);
    kept_put(f.kept,
             &(struct kept_link){.owner = STR("k"), .id = STR("r1"), .provider = STR("openai")},
             MOST, 1);
    put(&f, "k", "r2", "r1", "2", MOST, 2);
    assert_int_equal(kept_find(f.kept, STR("k"), STR("r1"), 3, &l), RC_OK);
    assert_true(str_eq(l.provider, STR("openai")) && !l.asked.p && !l.before.p);
    assert_null(get(&f, "k", "r1", 3));
    assert_null(get(&f, "k", "r2", 3));
    tear_down(&f);
}

static void test_without_memory_nothing_is_kept(void **state)
{
    (void)state;
    for (long n = 0; n < 8; n++) {
        struct fixture f;
        set_up(&f);
        mem_fail_after(n);
        put(&f, "k", "r1", NULL, "1", MOST, 1);
        mem_fail_after(-1);
        const char *got = get(&f, "k", "r1", 2);
        assert_true(!got || strcmp(got, "1") == 0);
        tear_down(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_chain_is_told_from_its_beginning),
        cmocka_unit_test(test_A23_owners_never_meet),
        cmocka_unit_test(test_the_oldest_go_first),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_an_answer_is_read_and_deleted),
        cmocka_unit_test(test_who_keeps_an_answer_is_known),
        cmocka_unit_test(test_without_memory_nothing_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
