/* SPDX-License-Identifier: Apache-2.0 */
/* Retries stay a small share of the calls of their route, under a clock that the test moves. */
#include "../unit.h"

#include "route/budget.h"

static struct budgets table;

static int setup(void **unused)
{
    (void)unused;
    budgets_init(&table, (struct hash_key){1, 2});
    return 0;
}

static int teardown(void **unused)
{
    (void)unused;
    budgets_fini(&table); /* checks that all were given back */
    return 0;
}

static struct retry_budget *model(const char *name)
{
    struct retry_budget *b = budget_ref(&table, BUDGET_MODEL, str_c(name));
    assert_non_null(b);
    return b;
}

/* What its share lets go out while as many are under way as may be in any case; all end at once. */
static unsigned take_all(struct retry_budget *b, msec now)
{
    unsigned n = 0;
    b->active += RETRY_FLOOR;
    while (n < 1000 && retry_budget_take(b, false, now))
        n++;
    b->active -= RETRY_FLOOR;
    for (unsigned i = 0; i < n; i++)
        retry_budget_over(b);
    return n;
}

/* U15: retries stay a small share of the calls. */
static void test_u15_share_and_floor(void **unused)
{
    (void)unused;
    struct retry_budget b = {0};
    unsigned got = 0;
    for (int i = 0; i < 1000; i++) { /* none of them ends */
        retry_budget_call(&b, 5000);
        got += retry_budget_take(&b, false, 5000);
    }
    assert_true(got <= 1000 / RETRY_SHARE + RETRY_FLOOR);
    assert_true(got >= 1000 / RETRY_SHARE);
    assert_false(
        retry_budget_take(&b, false, 5000 + 2 * RETRY_WINDOW_MS)); /* they are still under way */
}

/* A route that is seldom called has no share to speak of: a few at one time may go all the same,
 * as long as each of them ends. */
static void test_u15_a_few_at_one_time(void **unused)
{
    (void)unused;
    struct retry_budget b = {0};
    for (int i = 0; i < 20; i++) { /* one call after the other, each with a retry */
        retry_budget_call(&b, 5000);
        assert_true(retry_budget_take(&b, false, 5000));
        retry_budget_over(&b);
    }
    for (int i = 0; i < RETRY_FLOOR; i++)
        assert_true(retry_budget_take(&b, false, 5000));
    assert_false(retry_budget_take(&b, false, 5000));
    retry_budget_over(&b);                           /* one has ended: the next one may go */
    assert_false(retry_budget_take(&b, true, 5000)); /* all are broken: it would hardly help */
    assert_true(retry_budget_take(&b, false, 5000));
    assert_false(retry_budget_take(&b, false, 5000));
    retry_budget_owe(&b, 5000); /* … but what is owed goes, and counts */
    assert_int_equal(b.active, RETRY_FLOOR + 1);
    for (int i = 0; i <= RETRY_FLOOR; i++)
        retry_budget_over(&b);
    assert_int_equal(b.active, 0);
}

/* The window slides: what was spent and what was earned before it leave it together, evenly. */
static void test_u15_window(void **unused)
{
    (void)unused;
    struct retry_budget b = {0};
    const msec begin = 7 * RETRY_WINDOW_MS, end = begin + RETRY_WINDOW_MS;
    for (int i = 0; i < 10 * RETRY_SHARE; i++)
        retry_budget_call(&b, begin);
    assert_int_equal(take_all(&b, end - 1), 10);
    assert_int_equal(take_all(&b, end), 0); /* all that was taken is still within reach */
    for (int i = 0; i < 5 * RETRY_SHARE; i++)
        retry_budget_call(&b, end);
    assert_int_equal(take_all(&b, end + RETRY_WINDOW_MS / 2), 5);
    assert_int_equal(take_all(&b, end + 100 * RETRY_WINDOW_MS), 0);
}

static void test_u15_what_was_not_needed_comes_back(void **unused)
{
    (void)unused;
    struct retry_budget b = {0};
    for (int i = 0; i < 3 * RETRY_SHARE; i++)
        retry_budget_call(&b, 5000);
    for (int i = 0; i < 10; i++) { /* nobody was left to try: nothing is spent */
        assert_true(retry_budget_take(&b, false, 5000));
        retry_budget_return(&b);
    }
    assert_int_equal(take_all(&b, 5000), 3);
}

/* §7: two in a hundred calls, and one in any window. */
static void test_hedges_are_few(void **unused)
{
    (void)unused;
    struct retry_budget b = {0};
    unsigned got = 0;
    assert_true(retry_budget_hedge(&b, 20000, 5000));
    assert_false(retry_budget_hedge(&b, 20000, 5000));
    retry_budget_unhedge(&b);
    for (int i = 0; i < 1000; i++) {
        retry_budget_call(&b, 5000);
        got += retry_budget_hedge(&b, 20000, 5000);
    }
    assert_int_equal(got, 1000 * 2 / 100 + HEDGE_FLOOR);
    assert_true(retry_budget_hedge(&b, 20000, 5000 + RETRY_WINDOW_MS)); /* a new window */
}

/* §7: per route. One that spends all it has leaves the others what is theirs. */
static void test_u15_routes_are_apart(void **unused)
{
    (void)unused;
    struct retry_budget *a = model("a"), *b = model("b"),
                        *p = budget_ref(&table, BUDGET_PROVIDER, STR("a"));
    assert_ptr_not_equal(a, b);
    assert_ptr_not_equal(a, p); /* the model `a` is not the provider `a` */
    for (int i = 0; i < 5 * RETRY_SHARE; i++)
        retry_budget_call(a, 1000);
    for (int i = 0; i < 2 * RETRY_SHARE; i++)
        retry_budget_call(b, 1000);
    assert_int_equal(take_all(a, 1000), 5);
    assert_int_equal(take_all(a, 1000), 0);
    assert_int_equal(take_all(b, 1000), 2);
    assert_int_equal(take_all(p, 1000), 0);
    budget_unref(&table, a);
    budget_unref(&table, b);
    budget_unref(&table, p);
}

/* P3: the next generation refers to its names before the last one lets go. */
static void test_p3_a_reload_keeps_the_counts(void **unused)
{
    (void)unused;
    char name[] = "stays"; /* of a snapshot that goes */
    struct retry_budget *old = budget_ref(&table, BUDGET_MODEL, str_c(name)), *gone = model("gone");
    for (int i = 0; i < 4 * RETRY_SHARE; i++)
        retry_budget_call(old, 1000);
    assert_true(retry_budget_take(old, false, 1000));
    retry_budget_over(old);
    struct retry_budget *next = model("stays"), *fresh = model("new");
    memset(name, 'x', sizeof(name) - 1);
    budget_unref(&table, old);
    budget_unref(&table, gone);
    budget_unref(&table, NULL);
    assert_ptr_equal(next, old);
    assert_int_equal(take_all(next, 1001), 3);
    assert_int_equal(table.by_name[BUDGET_MODEL].count, 2); /* what nobody names is gone */
    budget_unref(&table, fresh);
    budget_unref(&table, next);
    next = model("stays"); /* it was away for a while: a new account */
    assert_int_equal(take_all(next, 1002), 0);
    budget_unref(&table, next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_u15_share_and_floor),
        cmocka_unit_test(test_u15_a_few_at_one_time),
        cmocka_unit_test(test_u15_window),
        cmocka_unit_test(test_u15_what_was_not_needed_comes_back),
        cmocka_unit_test(test_hedges_are_few),
        cmocka_unit_test_setup_teardown(test_u15_routes_are_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_p3_a_reload_keeps_the_counts, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
