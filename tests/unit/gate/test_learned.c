/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include <stdio.h>

#include "base/mem.h"
#include "dialect/quirk.h"
#include "gate/learned.h"

static bool add(struct learned *l, const char *target, const char *name, const char *instead,
                msec now)
{
    struct refused r = {str_c(name), instead ? str_c(instead) : STR_NONE};
    return learned_add(l, str_c(target), &r, now);
}

static void test_once(void **state)
{
    struct learned *l = learned_new();
    size_t n;
    (void)state;
    assert_true(learned_is_empty(l));
    assert_true(add(l, "a/m", "temperature", NULL, 1000));
    assert_false(add(l, "a/m", "temperature", NULL, 1001)); /* another try would end the same */
    assert_true(add(l, "a/m", "foo.bar", NULL, 1002));
    assert_true(add(l, "a/m", "old", "new", 1003));
    assert_true(add(l, "b/m", "temperature", NULL, 1004));
    assert_false(learned_is_empty(l));
    assert_int_equal(learned_bits(l, STR("a/m"), 2000), REFUSES(TEMPERATURE));
    assert_int_equal(learned_bits(l, STR("c/m"), 2000), 0);
    const struct learned_edit *e = learned_edits(l, STR("a/m"), 2000, &n);
    assert_int_equal(n, 3);
    assert_int_equal(e[0].bit, REFUSES(TEMPERATURE));
    assert_str(e[1].edit.path, "foo.bar");
    assert_int_equal(e[1].edit.op, JSON_EDIT_DELETE);
    assert_int_equal(e[2].edit.op, JSON_EDIT_RENAME);
    assert_str(e[2].edit.value, "new");
    learned_free(l);
}

static void test_for_an_hour(void **state)
{
    struct learned *l = learned_new();
    size_t n;
    (void)state;
    assert_true(add(l, "a/m", "seed", NULL, 1000));
    assert_true(learned_bits(l, STR("a/m"), 1000 + LEARNED_FOR_MS - 1) != 0);
    assert_int_equal(learned_bits(l, STR("a/m"), 1000 + LEARNED_FOR_MS), 0);
    assert_null(learned_edits(l, STR("a/m"), 1000 + LEARNED_FOR_MS, &n));
    assert_int_equal(n, 0);
    assert_true(add(l, "a/m", "seed", NULL, 1000 + LEARNED_FOR_MS)); /* asked again */
    learned_edits(l, STR("a/m"), 1000 + LEARNED_FOR_MS, &n);
    assert_int_equal(n, 1);
    learned_free(l);
}

static void test_bounds(void **state)
{
    struct learned *l = learned_new();
    char name[REFUSED_NAME_MAX + 8], long_target[400];
    size_t n;
    (void)state;
    for (int i = 0; i < LEARNED_NAMES + 3; i++) {
        snprintf(name, sizeof(name), "p%d", i);
        assert_int_equal(add(l, "a/m", name, NULL, 1000), i < LEARNED_NAMES);
    }
    for (int i = 0; i < LEARNED_TARGETS + 10; i++) {
        snprintf(name, sizeof(name), "t/%d", i);
        assert_true(add(l, name, "seed", NULL, 2000u + (unsigned)i));
    }
    learned_edits(l, STR("a/m"), 3000, &n);
    assert_int_equal(n, 0); /* the oldest went */
    learned_edits(l, STR("t/265"), 3000, &n);
    assert_int_equal(n, 1);
    memset(long_target, 'x', sizeof(long_target));
    long_target[sizeof(long_target) - 1] = 0;
    assert_false(add(l, long_target, "seed", NULL, 3000));
    learned_free(l);
    learned_free(NULL);
}

static void test_no_memory(void **state)
{
    struct learned *l = learned_new();
    (void)state;
    mem_fail_after(1);
    assert_false(add(l, "a/m", "seed", NULL, 1));
    mem_fail_after(0);
    assert_true(add(l, "a/m", "seed", NULL, 1));
    learned_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_once),
        cmocka_unit_test(test_for_an_hour),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
