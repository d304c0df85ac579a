/* SPDX-License-Identifier: Apache-2.0 */
/* The last minute in counts, under a clock that the test moves. */
#include "../unit.h"

#include "route/window.h"

#define NEAR(a, b, by) assert_true((a) > (b) - (by) && (a) < (b) + (by))

static void serve(struct window *w, msec now, msec first, msec ms, uint64_t tokens, msec tokens_ms)
{
    window_served(w, now,
                  &(struct window_answer){.ms = ms,
                                          .first = first > 0,
                                          .first_ms = first,
                                          .tokens = tokens,
                                          .tokens_ms = tokens_ms});
}

static void test_nothing_counted(void **unused)
{
    (void)unused;
    const struct window w = {0};
    const struct window_reading r = window_read(&w, 5);
    assert_int_equal(r.attempts, 0);
    assert_true(r.answer_p50 < 0 && r.first_p95 < 0 && r.tokens_per_s < 0);
}

static void test_percentiles_and_pace(void **unused)
{
    (void)unused;
    struct window w = {0};
    for (unsigned i = 0; i < 100; i++) {
        serve(&w, 1000 + i, 100 + i, i < 90 ? 1000 : 9000, 50, 1000);
    }
    window_fault(&w, 1200, FAULT_TIMEOUT);
    window_fault(&w, 1200, FAULT_LIMITED);
    const struct window_reading r = window_read(&w, 1300);
    assert_int_equal(r.attempts, 102);
    assert_int_equal(r.served, 100);
    assert_int_equal(r.failed, 1); /* a 429 is held against nobody */
    assert_int_equal(r.fault[FAULT_TIMEOUT], 1);
    NEAR(r.answer_p50, 1000, 130); /* within an eighth */
    NEAR(r.answer_p95, 9000, 1150);
    NEAR(r.first_p50, 150, 20);
    NEAR(r.tokens_per_s, 50, 0.01);
}

/* Slice by slice it is forgotten, and a slice begun anew holds nothing of the last round. */
static void test_it_slides(void **unused)
{
    (void)unused;
    struct window w = {0};
    const msec t = 10 * WINDOW_SLOTS * WINDOW_SLOT_MS;
    for (unsigned i = 0; i < WINDOW_SLOTS; i++)
        serve(&w, t + i * WINDOW_SLOT_MS, 0, 10, 0, 0);
    assert_int_equal(window_read(&w, t + (WINDOW_SLOTS - 1) * WINDOW_SLOT_MS).served, WINDOW_SLOTS);
    assert_int_equal(window_read(&w, t + WINDOW_SLOTS * WINDOW_SLOT_MS).served, WINDOW_SLOTS - 1);
    serve(&w, t + WINDOW_SLOTS * WINDOW_SLOT_MS, 0, 10, 0, 0);
    assert_int_equal(window_read(&w, t + WINDOW_SLOTS * WINDOW_SLOT_MS).served, WINDOW_SLOTS);
    assert_int_equal(window_read(&w, t + 3 * WINDOW_SLOTS * WINDOW_SLOT_MS).served, 0);
    assert_int_equal(window_read(&w, t - 1).served, 0); /* nor does it tell of times to come */
}

static void test_they_add_up(void **unused)
{
    (void)unused;
    struct window a = {0}, b = {0}, sum = {0};
    for (unsigned i = 0; i < 10; i++)
        serve(&a, 1000, 10, 100, 10, 100);
    for (unsigned i = 0; i < 30; i++)
        serve(&b, 1000 + WINDOW_SLOT_MS, 10, 3000, 10, 100);
    serve(&b, 1000, 10, 3000, 10, 100);
    window_add(&sum, &a, 1000 + WINDOW_SLOT_MS);
    window_add(&sum, &b, 1000 + WINDOW_SLOT_MS);
    const struct window_reading r = window_read(&sum, 1000 + WINDOW_SLOT_MS);
    assert_int_equal(r.served, 41);
    NEAR(r.answer_p50, 3000, 380); /* of all answers, and no mean of medians */
    NEAR(r.tokens_per_s, 100, 0.01);
}

static void test_counts_do_not_wrap(void **unused)
{
    (void)unused;
    struct window w = {0}, sum = {0};
    for (unsigned i = 0; i < 70000; i++)
        window_fault(&w, 1000, FAULT_SERVER);
    serve(&w, 1000, 1, UINT64_MAX / 2, UINT64_MAX / 2, 1); /* absurd, and counted once */
    window_add(&sum, &w, 1000);
    window_add(&sum, &w, 1000);
    const struct window_reading r = window_read(&sum, 1000);
    assert_int_equal(r.fault[FAULT_SERVER], UINT16_MAX);
    assert_int_equal(r.served, 2);
    assert_true(r.tokens_per_s < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_counted),    cmocka_unit_test(test_percentiles_and_pace),
        cmocka_unit_test(test_it_slides),          cmocka_unit_test(test_they_add_up),
        cmocka_unit_test(test_counts_do_not_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
