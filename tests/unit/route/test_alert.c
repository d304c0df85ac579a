/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts: when they fire, how they end, and that few calls prove little. */
#include "../unit.h"

#include "route/alert.h"

struct scene {
    struct conf_alert rule;
    struct alert_watch w;
    struct outcomes sums;
    uint64_t tokens;
    nanousd usd;
    msec now;
};

static struct outcome_sums sums_of(const struct scene *s)
{
    struct outcome_sums x = {.tokens = s->tokens, .usd = s->usd};
    outcome_read(&s->sums, &x);
    return x;
}

static struct conf_alert rule_of(enum conf_alert_metric m, double threshold,
                                 enum conf_alert_action a)
{
    return (struct conf_alert){.name = STR("test"),
                               .metric = m,
                               .action = a,
                               .threshold = threshold,
                               .clear = threshold * 0.8,
                               .quantile = 0.5,
                               .min_calls = 5,
                               .window = 60000,
                               .hold = 30000};
}

static void begin(struct scene *s, struct conf_alert rule)
{
    *s = (struct scene){.rule = rule, .now = 1000};
    const struct outcome_sums x = sums_of(s);
    alert_begin(&s->w, &s->rule, &x, s->now);
}

static void calls(struct scene *s, unsigned good, unsigned bad, unsigned limited, msec ms)
{
    for (unsigned i = 0; i < good; i++)
        outcome_add(&s->sums, OUTCOME_SERVED, ms, true);
    for (unsigned i = 0; i < bad; i++)
        outcome_add(&s->sums, OUTCOME_FAILED, ms, false);
    for (unsigned i = 0; i < limited; i++)
        outcome_add(&s->sums, OUTCOME_LIMITED, ms, false);
}

static bool later(struct scene *s, msec ms)
{
    const struct outcome_sums x = sums_of(s);
    s->now += ms;
    return alert_look(&s->w, &x, s->now);
}

/* Time goes by in ticks, as in life. */
static void pass(struct scene *s, msec ms)
{
    for (msec t = 0; t < ms; t += 500)
        later(s, 500);
}

static void test_one_blip_is_no_outage(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, rule_of(CONF_ALERT_ERROR_RATE, 0.05, CONF_ALERT_SWITCH_PROVIDER));
    calls(&s, 4, 1, 0, 10); /* a fifth of them, and no proof */
    assert_false(later(&s, 500));
    assert_int_equal(s.w.state, ALERT_OK);
    assert_true(s.w.value > 0.19 && s.w.value < 0.21);
    calls(&s, 2, 2, 0, 10);
    assert_true(later(&s, 500));
    assert_int_equal(s.w.state, ALERT_FIRING);
}

static void test_too_few_calls_say_nothing(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, rule_of(CONF_ALERT_ERROR_RATE, 0.05, CONF_ALERT_NOTIFY));
    calls(&s, 0, 4, 0, 10);
    assert_false(later(&s, 500));
    calls(&s, 0, 1, 0, 10);
    assert_true(later(&s, 500));
}

static void test_what_was_before_the_window_is_forgotten(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, rule_of(CONF_ALERT_ERROR_RATE, 0.05, CONF_ALERT_NOTIFY));
    calls(&s, 0, 50, 0, 10);
    later(&s, 500);
    assert_int_equal(s.w.state, ALERT_FIRING);
    pass(&s, 30000);
    assert_int_equal(s.w.state, ALERT_FIRING); /* still in the window */
    pass(&s, 36000);
    assert_int_equal(s.w.state, ALERT_OK);
    calls(&s, 100, 0, 0, 10);
    later(&s, 500);
    assert_true(s.w.value == 0);
}

static void test_it_must_last(void **state)
{
    (void)state;
    struct scene s;
    struct conf_alert r = rule_of(CONF_ALERT_RESPONSE_TIME, 5000, CONF_ALERT_NOTIFY);
    r.duration = 10000;
    r.window = 12000;
    begin(&s, r);
    calls(&s, 9, 0, 0, 7000);
    assert_true(later(&s, 500));
    assert_int_equal(s.w.state, ALERT_PENDING);
    calls(&s, 100, 0, 0, 100); /* and it does not */
    assert_true(later(&s, 1000));
    assert_int_equal(s.w.state, ALERT_OK);
    pass(&s, 14000);
    for (int i = 0; i < 30; i++) {
        calls(&s, 5, 0, 0, 7000);
        later(&s, 500);
    }
    assert_int_equal(s.w.state, ALERT_FIRING);
}

/* Traffic is withdrawn; after `hold` a little comes back, and decides. */
static void test_a_recovery_is_tried(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, rule_of(CONF_ALERT_ERROR_RATE, 0.05, CONF_ALERT_SWITCH_PROVIDER));
    calls(&s, 0, 20, 0, 10);
    later(&s, 500);
    pass(&s, 29500);
    assert_int_equal(s.w.state, ALERT_FIRING);
    pass(&s, 1000);
    assert_int_equal(s.w.state, ALERT_RECOVERING);
    pass(&s, 100000);
    assert_int_equal(s.w.state, ALERT_RECOVERING); /* no traffic at all: nothing is known */
    calls(&s, 0, 3, 0, 10);
    later(&s, 500);
    assert_int_equal(s.w.state, ALERT_FIRING);
    pass(&s, 59000);
    assert_int_equal(s.w.state, ALERT_FIRING); /* twice as long */
    pass(&s, 1500);
    assert_int_equal(s.w.state, ALERT_RECOVERING);
    calls(&s, 3, 0, 0, 10);
    later(&s, 500);
    assert_int_equal(s.w.state, ALERT_OK);
    assert_int_equal(s.w.hold, 30000); /* the next outage begins as the first */
}

static void test_holds_are_bounded(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, rule_of(CONF_ALERT_ERROR_RATE, 0.05, CONF_ALERT_SWITCH_PROVIDER));
    for (int i = 0; i < 10; i++) {
        calls(&s, 0, 20, 0, 10);
        later(&s, 500);
        pass(&s, ALERT_HOLD_MAX_MS + 1000);
    }
    assert_int_equal(s.w.hold, ALERT_HOLD_MAX_MS);
}

static void test_times_are_a_quantile(void **state)
{
    (void)state;
    struct scene s;
    struct conf_alert r = rule_of(CONF_ALERT_RESPONSE_TIME, 5000, CONF_ALERT_NOTIFY);
    begin(&s, r);
    calls(&s, 60, 0, 0, 200);
    calls(&s, 40, 0, 0, 9000);
    later(&s, 500);
    assert_int_equal(s.w.state, ALERT_OK); /* the median is well */
    r.quantile = 0.9;
    begin(&s, r);
    calls(&s, 60, 0, 0, 200);
    calls(&s, 40, 0, 0, 9000);
    later(&s, 500);
    assert_int_equal(s.w.state, ALERT_FIRING);
}

static void test_whole_answers_have_no_first_content(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, rule_of(CONF_ALERT_TTFT, 1000, CONF_ALERT_NOTIFY));
    calls(&s, 0, 50, 0, 9000); /* failures, not streams */
    later(&s, 500);
    assert_int_equal(s.w.state, ALERT_OK);
    assert_true(s.w.value < 0);
    calls(&s, 9, 0, 0, 9000);
    later(&s, 500);
    assert_int_equal(s.w.state, ALERT_FIRING);
}

static void test_limits_are_no_errors(void **state)
{
    (void)state;
    struct scene a, b;
    begin(&a, rule_of(CONF_ALERT_ERROR_RATE, 0.05, CONF_ALERT_NOTIFY));
    begin(&b, rule_of(CONF_ALERT_RATE_LIMITED, 0.05, CONF_ALERT_NOTIFY));
    calls(&a, 10, 0, 30, 10);
    calls(&b, 10, 0, 30, 10);
    later(&a, 500);
    later(&b, 500);
    assert_int_equal(a.w.state, ALERT_OK);
    assert_int_equal(b.w.state, ALERT_FIRING);
}

static void test_money_needs_no_many_calls(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, rule_of(CONF_ALERT_SPEND, 2.0, CONF_ALERT_NOTIFY));
    s.usd = 1900000000;
    later(&s, 500);
    assert_int_equal(s.w.state, ALERT_OK);
    s.usd = 2100000000;
    later(&s, 500);
    assert_int_equal(s.w.state, ALERT_FIRING);
    begin(&s, rule_of(CONF_ALERT_COST_PER_TOKEN, 0.00001, CONF_ALERT_NOTIFY));
    calls(&s, 6, 0, 0, 10);
    s.tokens = 1000;
    s.usd = 20000000; /* 2 cents: twice too dear */
    later(&s, 500);
    assert_int_equal(s.w.state, ALERT_FIRING);
}

/* ---- each metric with each action, over the whole life of an alert */

struct metric_case {
    enum conf_alert_metric metric;
    double threshold, clear;
    void (*bad)(struct scene *s), (*fair)(struct scene *s), (*good)(struct scene *s);
};

static void errors_bad(struct scene *s)
{
    calls(s, 5, 5, 0, 10);
}
static void errors_fair(struct scene *s) /* between `clear` and the threshold */
{
    calls(s, 85, 15, 0, 10);
}
static void all_good(struct scene *s)
{
    calls(s, 10, 0, 0, 10);
}
static void limits_bad(struct scene *s)
{
    calls(s, 5, 0, 5, 10);
}
static void limits_fair(struct scene *s)
{
    calls(s, 85, 0, 15, 10);
}
static void times_bad(struct scene *s)
{
    calls(s, 10, 0, 0, 9000);
}
static void times_fair(struct scene *s)
{
    calls(s, 10, 0, 0, 4500);
}
static void spend(struct scene *s, nanousd usd)
{
    calls(s, 10, 0, 0, 10);
    s->tokens += 1000;
    s->usd += usd;
}
static void dear(struct scene *s)
{
    spend(s, 30000000);
}
static void fair_price(struct scene *s)
{
    spend(s, 18000000);
}
static void cheap(struct scene *s)
{
    spend(s, 1000000);
}

static const struct metric_case metrics[] = {
    {CONF_ALERT_ERROR_RATE, 0.2, 0.1, errors_bad, errors_fair, all_good},
    {CONF_ALERT_RATE_LIMITED, 0.2, 0.1, limits_bad, limits_fair, all_good},
    {CONF_ALERT_RESPONSE_TIME, 5000, 4000, times_bad, times_fair, all_good},
    {CONF_ALERT_TTFT, 5000, 4000, times_bad, times_fair, all_good},
    {CONF_ALERT_COST_PER_TOKEN, 0.00002, 0.00001, dear, fair_price, cheap},
    {CONF_ALERT_SPEND, 0.02, 0.01, dear, fair_price, cheap},
};

static void expect(const struct scene *s, const struct metric_case *m, enum alert_state want,
                   const char *when)
{
    if (s->w.state != want)
        fail_msg(STR_FMT ", action " STR_FMT ", %s: " STR_FMT " (%g) instead of " STR_FMT,
                 STR_ARG(conf_alert_metric_name(m->metric)),
                 STR_ARG(conf_alert_action_name(s->rule.action)), when,
                 STR_ARG(alert_state_name(s->w.state)), s->w.value,
                 STR_ARG(alert_state_name(want)));
}

/* It fires when it was above its threshold for as long as `for`, not for less; stays on what lies
 * between `clear` and threshold; is over when the window has only what is below. */
static void life(const struct metric_case *m, enum conf_alert_action action)
{
    struct scene s;
    struct conf_alert rule = rule_of(m->metric, m->threshold, action);
    rule.clear = m->clear;
    rule.window = 12000;
    rule.duration = 5000;
    rule.hold = 10000;
    begin(&s, rule);
    m->fair(&s);
    pass(&s, 13000);
    expect(&s, m, ALERT_OK, "never above it");
    m->bad(&s);
    later(&s, 500);
    expect(&s, m, ALERT_PENDING, "just above it");
    pass(&s, 4000);
    expect(&s, m, ALERT_PENDING, "shorter than `for`");
    pass(&s, 1500);
    expect(&s, m, ALERT_FIRING, "for as long as `for`");
    if (action == CONF_ALERT_NOTIFY) {
        pass(&s, 12000); /* what was bad has left the window */
        m->bad(&s);
        later(&s, 500);
        pass(&s, 11000);
        expect(&s, m, ALERT_FIRING, "hysteresis: above again");
        m->fair(&s);
        pass(&s, 1500);
        expect(&s, m, ALERT_FIRING, "hysteresis: between clear and threshold");
        pass(&s, 500);
        m->good(&s);
        pass(&s, 13000);
        expect(&s, m, ALERT_OK, "below `clear`");
        return;
    }
    pass(&s, 9000);
    expect(&s, m, ALERT_FIRING, "within `hold`");
    pass(&s, 1500);
    expect(&s, m, ALERT_RECOVERING, "after `hold`");
    m->fair(&s);
    later(&s, 500);
    expect(&s, m, ALERT_RECOVERING, "hysteresis: a trial between clear and threshold");
    m->bad(&s);
    m->bad(&s);
    later(&s, 500);
    expect(&s, m, ALERT_FIRING, "a trial that fails");
    pass(&s, 19000);
    expect(&s, m, ALERT_FIRING, "twice the hold");
    pass(&s, 1500);
    m->good(&s);
    later(&s, 500);
    expect(&s, m, ALERT_OK, "a trial that is good");
}

static void test_each_metric_with_each_action(void **state)
{
    (void)state;
    assert_int_equal(ARRAY_LEN(metrics), CONF_ALERT_METRICS - 1); /* key_refused has no figures */
    for (size_t i = 0; i < ARRAY_LEN(metrics); i++) {
        life(&metrics[i], CONF_ALERT_NOTIFY);
        life(&metrics[i], CONF_ALERT_SWITCH_PROVIDER);
        life(&metrics[i], CONF_ALERT_FALLBACK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_blip_is_no_outage),
        cmocka_unit_test(test_too_few_calls_say_nothing),
        cmocka_unit_test(test_what_was_before_the_window_is_forgotten),
        cmocka_unit_test(test_it_must_last),
        cmocka_unit_test(test_a_recovery_is_tried),
        cmocka_unit_test(test_holds_are_bounded),
        cmocka_unit_test(test_times_are_a_quantile),
        cmocka_unit_test(test_whole_answers_have_no_first_content),
        cmocka_unit_test(test_limits_are_no_errors),
        cmocka_unit_test(test_money_needs_no_many_calls),
        cmocka_unit_test(test_each_metric_with_each_action),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
