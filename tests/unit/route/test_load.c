/* SPDX-License-Identifier: Apache-2.0 */
/* How times are read for what is under way. */
#include "../unit.h"

#include <math.h>

#include "route/load.h"

static void test_what_was_carried_costs_nothing(void **unused)
{
    (void)unused;
    const struct reading quiet = {.load = 75, .usual_load = 75, .first_ms = 400, .usual_ms = 400};
    assert_true(load_factor(&quiet, 0, 0) == 1); /* and who is idle is no faster */
    assert_true(load_factor(&quiet, 75, 0) == 1);
    assert_true(load_factor(&quiet, 90, 0) == 1); /* by chance */
    const struct reading slow = {.load = 75, .usual_load = 75, .first_ms = 4000, .usual_ms = 400};
    assert_true(load_factor(&slow, 2, 0) == 1); /* slow by itself: with few calls, too */
}

static void test_beyond_is_unsafe(void **unused)
{
    (void)unused;
    const struct reading r = {.load = 75, .usual_load = 75, .first_ms = 400, .usual_ms = 400};
    double last = 1;
    for (uint32_t n = 100; n < 400; n += 10) {
        const double f = load_factor(&r, n, 0);
        assert_true(f >= last);
        last = f;
    }
    assert_true(last > 3);
    /* A crowd's fair share is carried by each, also by who was never called. */
    const struct reading idle = {.first_ms = 400, .usual_ms = 400};
    assert_true(load_factor(&r, 200, 200) == 1);
    assert_true(load_factor(&idle, 50, 60) == 1);
    assert_true(load_factor(&idle, 4, 0) == 1);
    assert_true(load_factor(&idle, 50, 10) > 2);
}

/* Slow by its load: with half of it twice as fast, but not faster than usual. */
static void test_a_crowd_passes(void **unused)
{
    (void)unused;
    const struct reading r = {.load = 399, .usual_load = 99, .first_ms = 800, .usual_ms = 400};
    assert_true(fabs(load_factor(&r, 399, 100) - 1) < 1e-9);
    assert_true(fabs(load_factor(&r, 299, 100) - 0.75) < 1e-9);
    assert_true(fabs(load_factor(&r, 599, 100) - 1.5) < 1e-9);
    assert_true(fabs(load_factor(&r, 9, 100) - 0.5) < 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_carried_costs_nothing),
        cmocka_unit_test(test_beyond_is_unsafe),
        cmocka_unit_test(test_a_crowd_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
