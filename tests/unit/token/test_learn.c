/* SPDX-License-Identifier: Apache-2.0 */
/* Learned ratios: they come near, stay within bounds, and keep models apart. */
#include "../unit.h"

#include "base/check.h"
#include "base/mem.h"
#include "token/learn.h"

static void test_nothing_is_learned_from_nothing(void **state)
{
    struct learned_ratio r = {0};
    (void)state;
    assert_int_equal(ratio_apply(&r, 1234), 1234);
    ratio_learn(&r, 0, 10);
    ratio_learn(&r, 10, 0);
    ratio_learn(&r, 10, UINT64_MAX);
    assert_int_equal(r.seen, 0);
    assert_int_equal(ratio_apply(&r, UINT64_MAX), UINT64_MAX);
}

static void test_the_first_teaches_at_once(void **state)
{
    struct learned_ratio r = {0};
    (void)state;
    ratio_learn(&r, 1000, 1200);
    assert_int_equal(ratio_apply(&r, 500), 600);
    ratio_learn(&r, 1000, 1000); /* the mean of both */
    assert_int_equal(ratio_apply(&r, 1000), 1100);
}

static void test_it_comes_near(void **state)
{
    struct learned_ratio r = {0};
    (void)state;
    for (int i = 0; i < 100; i++)
        ratio_learn(&r, 1000, 800);
    assert_int_equal(ratio_apply(&r, 1000), 800);
    for (int i = 0; i < 60; i++)
        ratio_learn(&r, 1000, 1300);
    assert_in_range(ratio_apply(&r, 1000), 1290, 1300);
}

/* One absurd report, or many, bends it no further than the bounds. */
static void test_bounds(void **state)
{
    struct learned_ratio r = {0};
    (void)state;
    for (int i = 0; i < 20; i++)
        ratio_learn(&r, 1, 1000000);
    assert_int_equal(ratio_apply(&r, 1000), LEARN_MOST);
    for (int i = 0; i < 200; i++)
        ratio_learn(&r, 1000000, 1);
    assert_in_range(ratio_apply(&r, 1000), LEARN_LEAST, LEARN_LEAST + 8);
    r = (struct learned_ratio){0};
    for (int i = 0; i < 8; i++)
        ratio_learn(&r, 1000, 1000);
    ratio_learn(&r, 10, 1000000);
    assert_in_range(ratio_apply(&r, 1000), 1100, 1200);
}

static void test_models_are_apart(void **state)
{
    struct lessons *l = mem_need(sizeof(*l));
    (void)state;
    lessons_init(l, (struct hash_key){3, 4});
    ratio_learn(&lesson_of(l, STR("a"), STR("m"))->bytes, 100, 150);
    assert_int_equal(ratio_apply(&lesson_of(l, STR("a"), STR("m"))->bytes, 100), 150);
    assert_int_equal(ratio_apply(&lesson_of(l, STR("b"), STR("m"))->bytes, 100), 100);
    assert_int_equal(ratio_apply(&lesson_of(l, STR("a"), STR("n"))->bytes, 100), 100);
    assert_int_equal(ratio_apply(&lesson_of(l, STR("am"), STR(""))->bytes, 100), 100);
    mem_free(l);
}

/* Many models: those in use are kept. */
static void test_bounded(void **state)
{
    struct lessons *l = mem_need(sizeof(*l));
    (void)state;
    lessons_init(l, (struct hash_key){5, 6});
    ratio_learn(&lesson_of(l, STR("a"), STR("kept"))->bytes, 100, 150);
    for (uint32_t i = 0; i < 10000; i++) {
        char name[4];
        memcpy(name, &i, 4);
        ratio_learn(&lesson_of(l, STR("x"), str_of(name, 4))->bytes, 100, 90);
        assert_int_equal(ratio_apply(&lesson_of(l, STR("a"), STR("kept"))->bytes, 100), 150);
    }
    mem_free(l);
}

/* Of a count that is good to begin with, one report says little. */
static void test_a_count_is_trusted_at_first(void **state)
{
    struct lessons *l = mem_need(sizeof(*l));
    (void)state;
    lessons_init(l, (struct hash_key){7, 8});
    struct lesson *of = lesson_of(l, STR("a"), STR("m"));
    assert_int_equal(ratio_apply(&of->prompt, 1000), 1000);
    ratio_learn(&of->prompt, 1000, 1500);
    assert_int_equal(ratio_apply(&of->prompt, 1000), 1100);
    mem_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_learned_from_nothing),
        cmocka_unit_test(test_the_first_teaches_at_once),
        cmocka_unit_test(test_it_comes_near),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_models_are_apart),
        cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_a_count_is_trusted_at_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
