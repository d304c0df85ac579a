/* SPDX-License-Identifier: Apache-2.0 */
/* Who fails more than its neighbours is left out, within bounds, under a clock that the test moves.
 * Rows of RELIABILITY §7, "Outlier ejection". */
#include "../unit.h"

#include "route/outlier.h"

#define HOSTS 12

static const struct outlier_limits usual = {.rate_calls = OUTLIER_RATE_CALLS,
                                            .sigmas = OUTLIER_SIGMAS,
                                            .share_calls = OUTLIER_SHARE_CALLS,
                                            .share = OUTLIER_SHARE,
                                            .base_ms = OUTLIER_BASE_MS,
                                            .max_ms = OUTLIER_MAX_MS,
                                            .max_percent = OUTLIER_MAX_PERCENT};
static struct outlier o[HOSTS];
static msec now; /* the beginning of a window */

static int setup(void **unused)
{
    (void)unused;
    memset(o, 0, sizeof(o));
    now = 100 * OUTLIER_INTERVAL_MS;
    return 0;
}

static void calls(struct outlier *x, unsigned n, unsigned failed)
{
    for (unsigned i = 0; i < n; i++)
        if (i < failed)
            outlier_failed(x, OUTLIER_SAID, now);
        else
            outlier_served(x, now);
}

/* The window ends, and n of the hosts are compared. */
static unsigned judge(size_t n)
{
    struct outlier_member m[HOSTS];
    now += OUTLIER_INTERVAL_MS;
    for (size_t i = 0; i < n; i++)
        m[i] = (struct outlier_member){.of = &o[i]};
    return outlier_judge(m, n, &usual, now);
}

static void test_success_rate_is_compared_with_the_mean(void **unused)
{
    (void)unused;
    for (int i = 0; i < 6; i++)
        calls(&o[i], 100, i == 3 ? 30 : 1);
    assert_int_equal(judge(6), 1);
    assert_true(outlier_is_ejected(&o[3], now));
    assert_false(outlier_is_ejected(&o[3], now + OUTLIER_BASE_MS));
}

static void test_a_bad_day_for_all_is_nobodys_fault(void **unused)
{
    (void)unused;
    for (int i = 0; i < 6; i++)
        calls(&o[i], 100, 30 + (unsigned)i % 2);
    assert_int_equal(judge(6), 0);
}

/* Four hosts are too few for the one way, and 40 % too few failures for the other. */
static void test_too_little_to_tell(void **unused)
{
    (void)unused;
    for (int i = 0; i < 4; i++)
        calls(&o[i], 100, i == 0 ? 40 : 0);
    assert_int_equal(judge(4), 0);
    calls(&o[0], OUTLIER_SHARE_CALLS - 1, OUTLIER_SHARE_CALLS - 1);
    calls(&o[1], 100, 0);
    assert_int_equal(judge(2), 0);
    calls(&o[0], 100, 90); /* nobody beside it */
    assert_int_equal(judge(1), 0);
}

static void test_failure_percentage(void **unused)
{
    (void)unused;
    calls(&o[0], OUTLIER_SHARE_CALLS, OUTLIER_SHARE_CALLS / 2);
    calls(&o[1], OUTLIER_SHARE_CALLS, 0);
    assert_int_equal(judge(2), 1);
    assert_true(outlier_is_ejected(&o[0], now));
}

/* One may always go, however few they are; ten per cent of many; the worst first. */
static void test_max_ejection_percent(void **unused)
{
    (void)unused;
    for (int i = 0; i < 10; i++)
        calls(&o[i], 50, i == 2 ? 30 : i == 7 ? 45 : 0);
    assert_int_equal(judge(10), 1);
    assert_true(outlier_is_ejected(&o[7], now));
    assert_false(outlier_is_ejected(&o[2], now));
    for (int i = 0; i < 10; i++)
        calls(&o[i], 50, i == 2 ? 30 : 0);
    assert_int_equal(judge(10), 0); /* one of ten is out already */
}

/* Half of them must remain, whatever took the others out. */
static void test_panic_threshold(void **unused)
{
    (void)unused;
    struct outlier_member m[3];
    for (int i = 0; i < 3; i++) {
        calls(&o[i], 50, i == 1 ? 40 : 0);
        m[i] = (struct outlier_member){.of = &o[i], .out = i == 0}; /* its breaker is open */
    }
    now += OUTLIER_INTERVAL_MS;
    assert_int_equal(outlier_judge(m, 3, &usual, now), 0);
    assert_false(outlier_is_ejected(&o[1], now));
}

static void one_more_ejection(msec want)
{
    calls(&o[0], 50, 40);
    calls(&o[1], 50, 0);
    assert_int_equal(judge(2), 1);
    assert_int_equal(o[0].ejected_until, now + want);
    now = o[0].ejected_until;
}

static void test_ejections_grow_and_decay(void **unused)
{
    (void)unused;
    one_more_ejection(OUTLIER_BASE_MS);
    one_more_ejection(2 * OUTLIER_BASE_MS);
    one_more_ejection(3 * OUTLIER_BASE_MS);
    for (int i = 0; i < 2; i++) { /* two windows without one */
        calls(&o[0], 50, 0);
        calls(&o[1], 50, 0);
        assert_int_equal(judge(2), 0);
    }
    one_more_ejection(2 * OUTLIER_BASE_MS);
    for (int i = 0; i < 20; i++) {
        calls(&o[0], 50, 40);
        calls(&o[1], 50, 0);
        judge(2);
        if (outlier_is_ejected(&o[0], now)) {
            assert_true(o[0].ejected_until <= now + OUTLIER_MAX_MS);
            now = o[0].ejected_until;
        }
    }
}

/* "local-origin errors (connect, TLS, reset, timeout) counted apart from 5xx": one that answers 500
 * is no better for its good connections, and one that cannot be reached is found by that alone. */
static void test_what_cannot_be_reached_is_counted_apart(void **unused)
{
    (void)unused;
    calls(&o[0], 30, 0);
    for (int i = 0; i < 20; i++)
        outlier_failed(&o[0], OUTLIER_OURS, now); /* 40 % of all, which is no half */
    calls(&o[1], 50, 0);
    assert_int_equal(judge(2), 0);
    calls(&o[0], 20, 0);
    for (int i = 0; i < 30; i++)
        outlier_failed(&o[0], OUTLIER_OURS, now);
    calls(&o[1], 50, 0);
    assert_int_equal(judge(2), 1);
    setup(NULL);
    /* half of what it answers is an error, though it was reached in most calls */
    calls(&o[0], 40, 20);
    for (int i = 0; i < 30; i++)
        outlier_failed(&o[0], OUTLIER_OURS, now);
    calls(&o[1], 70, 0);
    assert_int_equal(judge(2), 1);
    assert_true(outlier_is_ejected(&o[0], now));
}

static void test_limits_are_the_operators(void **unused)
{
    (void)unused;
    struct outlier_member m[2] = {{.of = &o[0]}, {.of = &o[1]}};
    struct outlier_limits own = usual;
    own.share_calls = 4, own.share = 25, own.base_ms = 1000, own.off = true;
    calls(&o[0], 4, 1);
    calls(&o[1], 4, 0);
    assert_int_equal(outlier_judge(m, 2, &own, now + OUTLIER_INTERVAL_MS), 0);
    own.off = false;
    assert_int_equal(outlier_judge(m, 2, &own, now + OUTLIER_INTERVAL_MS), 1);
    assert_int_equal(o[0].ejected_until, now + OUTLIER_INTERVAL_MS + 1000);
}

/* Within one window nothing new is found, and what lies longer back is not looked at. */
static void test_windows(void **unused)
{
    (void)unused;
    struct outlier_member m[2] = {{.of = &o[0]}, {.of = &o[1]}};
    calls(&o[0], 50, 50);
    calls(&o[1], 50, 0);
    assert_int_equal(outlier_judge(m, 2, &usual, now + 1), 0); /* it is not over */
    assert_int_equal(outlier_judge(m, 2, &usual, now + 2 * OUTLIER_INTERVAL_MS), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_success_rate_is_compared_with_the_mean, setup),
        cmocka_unit_test_setup(test_a_bad_day_for_all_is_nobodys_fault, setup),
        cmocka_unit_test_setup(test_too_little_to_tell, setup),
        cmocka_unit_test_setup(test_failure_percentage, setup),
        cmocka_unit_test_setup(test_max_ejection_percent, setup),
        cmocka_unit_test_setup(test_panic_threshold, setup),
        cmocka_unit_test_setup(test_ejections_grow_and_decay, setup),
        cmocka_unit_test_setup(test_windows, setup),
        cmocka_unit_test_setup(test_what_cannot_be_reached_is_counted_apart, setup),
        cmocka_unit_test_setup(test_limits_are_the_operators, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
