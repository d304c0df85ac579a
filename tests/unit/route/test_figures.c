/* SPDX-License-Identifier: Apache-2.0 */
/* What a target's figures say after calls that the test makes up, under a clock that it moves. */
#include "../unit.h"

#include "route/figures.h"

#define NEAR(a, b, by) assert_true((a) > (b) - (by) && (a) < (b) + (by))

/* One call that was answered: `first` ms to its content, `pace` ms a token behind it. */
static void serve(struct figures *f, msec at, msec first, msec pace, unsigned tokens)
{
    const msec begun = at + first, over = begun + pace * (tokens - 1);
    figures_begin(f, at);
    figures_first(f, begun, at);
    figures_end(f, over, at, begun, FIGURES_SERVED, tokens);
}

static void lose(struct figures *f, msec at)
{
    figures_begin(f, at);
    figures_end(f, at + 10, at, 0, FIGURES_FAILED, 0);
}

static void test_nothing_known(void **unused)
{
    (void)unused;
    const struct figures f = {0};
    const struct reading r = figures_read(&f, 1000);
    assert_true(r.n == 0 && r.error_rate == 0);
    assert_true(r.first_ms < 0 && r.token_ms < 0);
    assert_true(reading_call_ms(&r, 100) < 0);
}

static void test_time_of_a_call(void **unused)
{
    (void)unused;
    struct figures f = {0};
    for (unsigned i = 0; i < 100; i++)
        serve(&f, 1000 + i * 100, 400, 10, 51);
    const struct reading r = figures_read(&f, 11000);
    NEAR(r.first_ms, 400, 1);
    NEAR(r.token_ms, 10, 0.1);
    NEAR(reading_call_ms(&r, 200), 2400, 20);
    assert_int_equal(f.in_flight, 0);
    assert_int_equal(f.waiting, 0);
}

/* A busy target's change shows within some FIGURES_SAMPLES calls. */
/* Of a hundred answers that take 100 to 199 ms in some order, 95 begin within 194 or so; and it
 * follows when the target becomes slower. */
static void test_the_slow_ones(void **unused)
{
    (void)unused;
    struct figures f = {0};
    msec now = 1000;
    for (unsigned i = 0; i < FIGURES_SLOW_N - 1; i++)
        serve(&f, now += 1000, 100 + i * 37 % 100, 1, 2);
    assert_int_equal(figures_slow_ms(&f), 0); /* too few to tell */
    for (unsigned i = 0; i < 2000; i++)
        serve(&f, now += 1000, 100 + i * 37 % 100, 1, 2);
    assert_in_range(figures_slow_ms(&f), 180, 215);
    for (unsigned i = 0; i < 200; i++)
        serve(&f, now += 1000, 500 + i * 37 % 100, 1, 2);
    assert_in_range(figures_slow_ms(&f), 540, 680);
}

static void test_follows_a_change(void **unused)
{
    (void)unused;
    struct figures f = {0};
    for (unsigned i = 0; i < 500; i++)
        serve(&f, 1000 + i * 20, 400, 0, 1);
    for (unsigned i = 0; i < 2 * FIGURES_SAMPLES; i++)
        serve(&f, 12000 + i * 20, 4000, 0, 1);
    assert_true(figures_read(&f, 20000).first_ms > 3400);
}

static void test_errors_fade_and_do_not_jump(void **unused)
{
    (void)unused;
    struct figures f = {0};
    lose(&f, 1000);
    NEAR(figures_read(&f, 1100).error_rate, 0.5, 0.01); /* one failure alone is no 100 % */
    for (unsigned i = 0; i < 200; i++)
        lose(&f, 2000 + i * 20);
    assert_true(figures_read(&f, 7000).error_rate > 0.9);
    assert_true(figures_read(&f, 7000 + 5 * FIGURES_FADE_MS).error_rate < 0.2);
}

/* U28 before its timeout: a target that hangs looks slow while it hangs. */
static void test_u28_what_hangs_is_slow(void **unused)
{
    (void)unused;
    struct figures f = {0};
    for (unsigned i = 0; i < 20; i++)
        serve(&f, 1000 + i * 50, 300, 0, 1);
    for (unsigned i = 0; i < 20; i++)
        figures_begin(&f, 3000);
    NEAR(figures_read(&f, 3100).first_ms, 300, 1); /* younger than the average: nothing to say */
    assert_true(figures_read(&f, 13000).first_ms > 4000);
    for (unsigned i = 0; i < 20; i++)
        figures_end(&f, 13000, 3000, 0, FIGURES_VOID, 0);
    NEAR(figures_read(&f, 13000).first_ms, 300, 1);
    assert_int_equal(f.waiting, 0);
}

/* Calls come evenly, and from one moment on no answer: how long the first of them has waited is
 * seen, and who is late is expected to be later still. */
static void test_who_is_late(void **unused)
{
    (void)unused;
    struct figures f = {0};
    for (unsigned i = 0; i < 40; i++)
        serve(&f, 1000 + i * 50, 500, 0, 1);
    for (unsigned i = 0; i < 50; i++)
        figures_begin(&f, 4000 + i * 20);
    assert_true(figures_read(&f, 5000).first_ms > 750 && figures_read(&f, 5000).first_ms < 1000);
    assert_true(figures_read(&f, 5000).late_ms > 400);
    assert_true(figures_read(&f, 4500).late_ms == 0); /* not yet */
    NEAR(reading_call_ms(&(struct reading){.first_ms = 500, .late_ms = 900}, 0), 500, 1);
}

/* What the calls of the times have found under way. */
static void test_load_of_answers(void **unused)
{
    (void)unused;
    struct figures f = {0};
    for (unsigned i = 0; i < 100; i++)
        serve(&f, 1000 + i * 1000, 300, 0, 1);
    assert_true(figures_read(&f, 200000).load == 0);
    for (unsigned i = 0; i < 40; i++)
        figures_begin(&f, 200000);                   /* the first finds none, the last one 39 */
    assert_true(figures_read(&f, 200000).load == 0); /* nobody has answered */
    for (unsigned i = 0; i < 40; i++)
        figures_first(&f, 200300, 200000);
    const struct reading r = figures_read(&f, 200300);
    NEAR(r.load, 19.5, 8);
    assert_true(r.usual_load > 0 && r.usual_load < r.load);
    assert_true(f.waiting_load == 0);
}

/* An answer that comes twenty times faster than all before is news at once, and asks for calls. */
static void test_recovery_is_news(void **unused)
{
    (void)unused;
    struct figures f = {0};
    for (unsigned i = 0; i < 100; i++)
        serve(&f, 1000 + i * 20, 8000, 0, 1);
    assert_false(f.recovery.since);
    serve(&f, 30000, 400, 0, 1);
    assert_int_equal(f.recovery.since, 30000);
    assert_int_equal(f.recovery.wanted, 2);
    assert_true(figures_read(&f, 31000).first_ms < 1500);
    serve(&f, 31000, 400, 0, 1);
    serve(&f, 32000, 400, 0, 1);
    NEAR(figures_read(&f, 32500).first_ms, 400, 250);
    /* Among many calls a quick one is no news. */
    const struct figures busy = {.at = 33000, .n = 20, .firsts = 20, .first_ms = 20 * 8000};
    f = busy;
    serve(&f, 33010, 90, 0, 1);
    assert_false(f.recovery.since);
}

/* Of a target that fails three times in ten, seven answers are good: one of them is no news, many
 * in a row are, and a failure among them begins anew. */
static void test_a_brownout_is_not_over_at_once(void **unused)
{
    (void)unused;
    struct figures f = {0};
    msec now = 1000;
    for (unsigned i = 0; i < 100; i++, now += 1000)
        i % 10 < 7 ? serve(&f, now, 400, 0, 1) : lose(&f, now);
    for (unsigned i = 0; i < 5; i++, now += 1000)
        serve(&f, now, 400, 0, 1);
    lose(&f, now);
    for (unsigned i = 0; i < 5; i++, now += 1000)
        serve(&f, now, 400, 0, 1);
    assert_false(f.recovery.since);
    for (unsigned i = 0; i < 25; i++, now += 1000)
        serve(&f, now, 400, 0, 1);
    assert_true(f.recovery.since);
    assert_true(figures_read(&f, now).error_rate < 0.01);
}

/* What was sent in the bad time says nothing of now, neither while it is waited for nor when it
 * ends. */
static void test_the_bad_time_is_over(void **unused)
{
    (void)unused;
    struct figures f = {0};
    for (unsigned i = 0; i < 50; i++)
        serve(&f, 1000 + i * 20, 8000, 0, 1);
    for (unsigned i = 0; i < 5; i++)
        figures_begin(&f, 20000);
    serve(&f, 27000, 400, 0, 1);
    serve(&f, 27500, 400, 0, 1);
    serve(&f, 27600, 400, 0, 1);
    const double known = figures_read(&f, 28000).first_ms;
    assert_true(known < 700);
    NEAR(figures_read(&f, 40000).first_ms, known, 1); /* the five have waited for 20 s */
    for (unsigned i = 0; i < 4; i++)
        figures_end(&f, 40000, 20000, 0, FIGURES_FAILED, 0);
    figures_first(&f, 40000, 20000);
    figures_end(&f, 60000, 20000, 40000, FIGURES_SERVED, 2);
    const struct reading r = figures_read(&f, 60000);
    NEAR(r.first_ms, known, 1);
    assert_true(r.error_rate < 0.01 && r.token_ms < 0);
    assert_int_equal(f.in_flight + f.waiting + f.recovery.old_waiting, 0);
    assert_int_equal(f.waiting_since + f.recovery.old_since, 0);
}

/* The trial ends with enough good answers, with time, and at once with a failure. */
static void test_on_trial(void **unused)
{
    (void)unused;
    struct figures f = {0};
    for (unsigned i = 0; i < 50; i++)
        lose(&f, 1000 + i * 20);
    figures_recovered(&f, 10000);
    assert_int_equal(f.recovery.wanted, 2);
    double trial = recovery_trial(&f.recovery, 10000);
    assert_true(trial > 0.9 && trial < 1);
    for (unsigned i = 0; i < RECOVERY_ANSWERS; i++) {
        serve(&f, 10100 + i * 100, 400, 0, 1);
        assert_true(recovery_trial(&f.recovery, 11000) < trial);
        trial = recovery_trial(&f.recovery, 11000);
        assert_true(f.recovery.wanted <= RECOVERY_WANTED);
    }
    assert_true(trial == 0 && f.recovery.wanted == 0);
    figures_recovered(&f, 20000);
    assert_true(recovery_trial(&f.recovery, 20000 + RECOVERY_TRIAL_MS - 1) > 0);
    assert_true(recovery_trial(&f.recovery, 20000 + RECOVERY_TRIAL_MS) == 0);
    lose(&f, 20100);
    assert_int_equal(f.recovery.wanted, 0);
}

static void test_aborts_say_nothing(void **unused)
{
    (void)unused;
    struct figures f = {0};
    for (unsigned i = 0; i < 10; i++) {
        figures_begin(&f, 1000);
        figures_end(&f, 60000, 1000, 0, FIGURES_VOID, 0);
    }
    assert_true(figures_read(&f, 60000).n == 0);
    assert_int_equal(f.in_flight, 0);
}

/* In which way: of all attempts, also of those that are held against nobody. */
static void test_errors_by_class(void **unused)
{
    (void)unused;
    struct figures f = {0};
    double rates[FAULT_COUNT];
    for (unsigned i = 0; i < 7; i++)
        serve(&f, 1000, 100, 0, 1);
    for (unsigned i = 0; i < 2; i++) {
        lose(&f, 1000);
        figures_fault(&f, 1000, FAULT_CONNECT);
    }
    figures_begin(&f, 1000);
    figures_end(&f, 1100, 1000, 0, FIGURES_VOID, 0);
    figures_fault(&f, 1100, FAULT_LIMITED);
    figures_faults(&f, 1100, rates);
    NEAR(rates[FAULT_CONNECT], 2.0 / 11, 0.01); /* of ten, and the one that stands in front */
    NEAR(rates[FAULT_LIMITED], 1.0 / 11, 0.01);
    assert_true(rates[FAULT_SERVER] <= 0 && rates[FAULT_AUTH] <= 0);
    NEAR(figures_read(&f, 1100).error_rate, 2.0 / 10, 0.01); /* a 429 is no error */

    /* Two keys together; and what follows makes it fade. */
    struct figures both = {0};
    figures_add(&both, &f, 1100);
    figures_add_faults(&both, &f, 1100);
    figures_add(&both, &f, 1100);
    figures_add_faults(&both, &f, 1100);
    figures_faults(&both, 1100, rates);
    NEAR(rates[FAULT_CONNECT], 4.0 / 21, 0.01);
    for (unsigned i = 0; i < 4 * FIGURES_SAMPLES; i++)
        serve(&f, 1100 + i, 100, 0, 1);
    figures_faults(&f, 1300, rates);
    assert_true(rates[FAULT_CONNECT] < 0.01);
    for (unsigned i = 0; i < 1000; i++)
        figures_fault(&f, 1300, FAULT_LIMITED); /* a storm counts no more than others do */
    assert_true(f.fault[FAULT_LIMITED] <= FIGURES_SAMPLES);
}

/* What is paid in vain makes the rest dearer; and what a cache saves where nobody expected it. */
static void test_effective_price(void **unused)
{
    (void)unused;
    struct figures f = {0};
    assert_true(figures_read(&f, 1000).waste <= 0);
    NEAR(reading_usd(&(struct reading){.waste = 0}, 100), 100, 0.01);
    assert_true(figures_cached(&f) < 0);
    figures_bill(&f, &(struct figures_bill){.usd = 1000, .in_vain = true});
    NEAR(figures_read(&f, 1000).waste, 1, 0.01); /* a first loss: as if one had served beside it */
    f = (struct figures){0};
    for (unsigned i = 0; i < 9; i++)
        figures_bill(&f, &(struct figures_bill){.usd = 1000, .prompt = 100, .cached = 30});
    figures_bill(&f, &(struct figures_bill){.usd = 2000, .in_vain = true, .expected = true});
    struct reading r = figures_read(&f, 1000);
    NEAR(r.waste, 2000.0 / (9000 + 1100), 0.01);
    NEAR(reading_usd(&r, 500), 500 * (1 + 2000.0 / 10100), 1);
    NEAR(r.cached, 0.3, 0.01);
    /* What a warm prefix brought was expected of it, and says nothing of other prompts. */
    figures_bill(&f,
                 &(struct figures_bill){.usd = 10, .prompt = 900, .cached = 900, .expected = true});
    NEAR(figures_read(&f, 1000).cached, 0.3, 0.01);
    NEAR(figures_cached(&f), (270 + 900) / 1800.0, 0.01);
    /* Unknown prices are no zero, a crowd of losses is bounded, and calls make it fade. */
    figures_bill(&f, &(struct figures_bill){.usd = -1, .in_vain = true});
    NEAR(figures_read(&f, 1000).waste, 0.2, 0.02);
    for (unsigned i = 0; i < 1000; i++)
        figures_bill(&f, &(struct figures_bill){.usd = 1000, .in_vain = true});
    assert_true(f.bills <= FIGURES_SAMPLES + 1);
    NEAR(figures_read(&f, 1000).waste, FIGURES_WASTE, 0.01);
    for (unsigned i = 0; i < 10 * FIGURES_SAMPLES; i++) {
        serve(&f, 1000 + i, 10, 0, 1);
        figures_bill(&f, &(struct figures_bill){.usd = 1000});
    }
    assert_true(figures_read(&f, 2000).waste < 0.05);
}

/* Attempts of the very millisecond in which a recovery is heard of: none is counted twice or never,
 * in whichever order they end. */
static void test_the_millisecond_of_a_recovery(void **unused)
{
    (void)unused;
    for (unsigned order = 0; order < 2; order++) {
        struct figures f = {0}, sum = {0};
        figures_begin(&f, 1000);
        figures_begin(&f, 5000); /* before it … */
        figures_recovered(&f, 5000);
        figures_begin(&f, 5000); /* … and behind it */
        figures_begin(&f, 5001);
        figures_add(&sum, &f, 5002);
        assert_int_equal(sum.waiting, 1); /* what was sent since says how long one waits now */
        const msec ends[2][4] = {{1000, 5000, 5000, 5001}, {5001, 5000, 5000, 1000}};
        for (unsigned i = 0; i < 4; i++) {
            figures_end(&f, 6000, ends[order][i], 0, FIGURES_VOID, 0);
            assert_true(f.recovery.old_waiting <= f.waiting);
        }
        assert_int_equal(f.recovery.old_waiting, 0);
        assert_int_equal(f.recovery.old_since, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_known),
        cmocka_unit_test(test_time_of_a_call),
        cmocka_unit_test(test_the_slow_ones),
        cmocka_unit_test(test_follows_a_change),
        cmocka_unit_test(test_errors_fade_and_do_not_jump),
        cmocka_unit_test(test_u28_what_hangs_is_slow),
        cmocka_unit_test(test_who_is_late),
        cmocka_unit_test(test_load_of_answers),
        cmocka_unit_test(test_recovery_is_news),
        cmocka_unit_test(test_a_brownout_is_not_over_at_once),
        cmocka_unit_test(test_the_bad_time_is_over),
        cmocka_unit_test(test_on_trial),
        cmocka_unit_test(test_aborts_say_nothing),
        cmocka_unit_test(test_errors_by_class),
        cmocka_unit_test(test_the_millisecond_of_a_recovery),
        cmocka_unit_test(test_effective_price),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
