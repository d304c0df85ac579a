/* SPDX-License-Identifier: Apache-2.0 */
/* The simulation itself: it repeats, it counts each call once, and each kind of failure does what
 * it does in the world. */
#include "world.h"

#include "base/mem.h"

#define CONFIG                                                                                   \
    FOUR_PROVIDERS                                                                               \
    "models:\n"                                                                                  \
    "  - { name: s, targets: [ { use: a/m }, { use: b/m } ], strategy: priority, fallback: [t] " \
    "}\n"                                                                                        \
    "  - { name: t, targets: [ { use: c/m } ] }\n"

static struct snapshot *snap;

static int setup(void **unused)
{
    (void)unused;
    snap = conf_of(CONFIG);
    return 0;
}

static int teardown(void **unused)
{
    (void)unused;
    snapshot_unref(snap);
    return 0;
}

static struct sim_result run_text(const char *text, enum rc want)
{
    struct arena a;
    struct conf_report report;
    struct sim_scenario s;
    struct sim_result r = {0};
    arena_init(&a, 1u << 20);
    conf_report_init(&report);
    assert_int_equal(sim_scenario_read(&a, str_c(text), &report, &s), RC_OK);
    const struct sim_setup set = {.snap = snap, .scenario = &s, .usd = usd_of};
    assert_int_equal(sim_run(&set, &r), want);
    conf_report_fini(&report);
    arena_fini(&a);
    return r;
}

static void test_it_repeats(void **unused)
{
    (void)unused;
    static const char text[] = "duration: 20s\nrate: 50\ntargets: [ { errors: 0.2 } ]\n";
    struct sim_result a = run_text(text, RC_OK), b = run_text(text, RC_OK);
    assert_true(a.calls > 900 && a.calls < 1100);
    assert_int_equal(a.calls, a.served + a.failed);
    assert_int_equal(a.calls, b.calls);
    assert_int_equal(a.attempts, b.attempts);
    assert_true(a.usd == b.usd && a.all.p99 == b.all.p99);
    assert_int_equal(a.attempts, a.served + a.wasted);
    sim_result_fini(&a);
    sim_result_fini(&b);
}

/* What is in a call's way, and what comes of it. */
static void test_faults(void **unused)
{
    (void)unused;
    struct sim_result r =
        run_text("duration: 20s\ntargets: [ { fault: down, errors: 1 }, { } ]\n", RC_OK);
    assert_true(r.failed <= 2); /* b serves, but for the first ones: retries are few at the start */
    assert_true(r.parts[0].failed >= 5 && r.parts[0].attempts < 20); /* a's breaker opens */
    sim_result_fini(&r);
    r = run_text("duration: 20s\ntargets: [ { fault: hang, errors: 1 }, { } ]\n", RC_OK);
    /* All that hang give up together: more than a route may retry at once (U15). */
    assert_int_equal(r.failed, r.ends[SIM_END_BUDGET]);
    assert_true(r.served > 0);
    assert_true(r.all.p99 >= 60000); /* as long as the configuration waits for a first byte */
    sim_result_fini(&r);
    r = run_text("duration: 20s\ntargets: [ { fault: cut, errors: 0.5 } ]\n", RC_OK);
    assert_int_equal(r.failed, r.ends[SIM_END_CUT]);
    assert_true(r.failed > r.calls / 5);
    sim_result_fini(&r);
    r = run_text("duration: 20s\ntargets: [ { errors: 1 }, { errors: 1 }, { } ]\n", RC_OK);
    assert_true(r.parts[2].attempts > r.calls / 2); /* the fallback model */
    sim_result_fini(&r);
    r = run_text("duration: 20s\ntargets: [ { errors: 1 } ]\n", RC_OK);
    assert_int_equal(r.served, 0);
    assert_int_equal(r.needless, 0);
    sim_result_fini(&r);
}

static void test_limits(void **unused)
{
    (void)unused;
    /* 60 a minute, and ten a second want in: the others go to b. */
    struct sim_result r =
        run_text("duration: 60s\ntargets: [ { rpm: 60, retryAfter: 2s }, { } ]\n", RC_OK);
    const uint64_t served = r.parts[0].attempts - r.parts[0].failed;
    assert_true(served >= 50 && served <= 75);
    assert_int_equal(r.failed, 0);
    sim_result_fini(&r);
    r = run_text("duration: 60s\ntargets: [ { concurrency: 2, ttft: 1s, retryAfter: 1s }, { } ]\n",
                 RC_OK);
    assert_true(r.parts[0].failed > 0 && r.parts[1].attempts > 0);
    sim_result_fini(&r);
}

static void test_sessions_are_cached(void **unused)
{
    (void)unused;
    struct sim_result r =
        run_text("duration: 60s\ntraffic: [ { prompt: 1000, output: 10, sessions: "
                 "3, grows: 100, turns: 50 } ]\n",
                 RC_OK);
    assert_true(r.cached > 0.7 * r.prompt); /* priority: all at a */
    sim_result_fini(&r);
}

static void test_unknown_models_are_told(void **unused)
{
    (void)unused;
    struct sim_result r = run_text("duration: 5s\ntraffic: [ { model: nix } ]\n", RC_OK);
    assert_int_equal(r.unknown, r.calls);
    assert_int_equal(r.failed, r.calls);
    sim_result_fini(&r);
}

/* The n-th allocation fails, for every n up to some hundred: no crash, no leak. */
static void test_memory_runs_out(void **unused)
{
    (void)unused;
    struct arena a;
    struct conf_report report;
    struct sim_scenario s;
    arena_init(&a, 1u << 20);
    conf_report_init(&report);
    assert_int_equal(
        sim_scenario_read(&a, STR("duration: 2s\ntraffic: [ { sessions: 2 } ]\n"), &report, &s),
        RC_OK);
    const struct sim_setup set = {.snap = snap, .scenario = &s, .usd = usd_of};
    for (size_t n = 1; n < 120; n++) {
        struct sim_result r;
        mem_fail_after(n);
        const enum rc rc = sim_run(&set, &r);
        mem_fail_after(0);
        assert_true(rc == RC_OK || rc == RC_NOMEM);
        sim_result_fini(&r);
    }
    conf_report_fini(&report);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_repeats),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_sessions_are_cached),
        cmocka_unit_test(test_unknown_models_are_told),
        cmocka_unit_test(test_memory_runs_out),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
