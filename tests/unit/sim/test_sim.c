/* SPDX-License-Identifier: Apache-2.0 */
/* The simulation itself: it repeats, it counts each call once, and each kind of failure does what
 * it does in the world. */
#include "world.h"

#include <math.h>

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

static struct sim_result run_with(const char *conf, const char *text)
{
    struct arena a;
    struct conf_report report;
    struct sim_scenario s;
    struct sim_result r = {0};
    struct snapshot *with = conf_of(conf);
    arena_init(&a, 1u << 20);
    conf_report_init(&report);
    assert_int_equal(sim_scenario_read(&a, str_c(text), &report, &s), RC_OK);
    const struct sim_setup set = {.snap = with, .scenario = &s, .usd = usd_of};
    assert_int_equal(sim_run(&set, &r), RC_OK);
    assert_int_equal(r.calls, r.served + r.failed);
    conf_report_fini(&report);
    arena_fini(&a);
    for (uint32_t i = 0; i < r.nparts; i++)
        r.parts[i].provider = NULL; /* it goes with its snapshot */
    snapshot_unref(with);
    return r;
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

/* What is compared is asked the same: at the same times, by the same conversations, as much. */
static void test_lines_get_the_same_calls(void **unused)
{
    (void)unused;
    static const char text[] =
        "duration: 60s\nrate: 50\n"
        "traffic: [ { prompt: 1000, output: 50, sessions: 9, grows: 100, turns: 5 }, { } ]\n"
        "targets: [ { } ]\nevents: [ { from: 20s, until: 30s, rate: 200 } ]\n";
    /* What the second does to its calls takes dice: answers that fail, and as many again. */
    static const char bad[] =
        "duration: 60s\nrate: 50\n"
        "traffic: [ { prompt: 1000, output: 50, sessions: 9, grows: 100, turns: 5 }, { } ]\n"
        "targets: [ { errors: 0.01 }, { ttft: 9s } ]\n"
        "events: [ { from: 20s, until: 30s, rate: 200 } ]\n";
    struct sim_result a = run_text(text, RC_OK), b = run_text(bad, RC_OK);
    assert_int_equal(a.calls, a.served);
    assert_int_equal(b.calls, b.served);
    assert_true(b.wasted > 0);
    assert_int_equal(a.calls, b.calls);
    assert_true(fabs(a.prompt - b.prompt) < 1);
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

/* Lost while a target was well: those that fail three calls of ten for now are not, and one that
 * always does is as it is. */
static void test_needless_failures(void **unused)
{
    (void)unused;
    static const char one[] = FOUR_PROVIDERS
        "models: [ { name: s, targets: [ { use: a/m }, { use: b/m } ], strategy: priority } ]\n"
        "routing: { attempts: 1 }\n";
    struct sim_result r =
        run_with(one, "duration: 60s\nevents: [ { from: 0s, until: 90s, errors: 0.3 } ]\n");
    assert_true(r.failed > 50);
    assert_int_equal(r.needless, 0);
    sim_result_fini(&r);
    r = run_with(one, "duration: 60s\n"
                      "events: [ { from: 0s, until: 90s, target: 1, errors: 0.3 } ]\n");
    assert_true(r.failed > 10);
    assert_int_equal(r.needless, r.failed);
    sim_result_fini(&r);
    r = run_with(one, "duration: 60s\ntargets: [ { errors: 0.3 } ]\n");
    assert_int_equal(r.needless, r.failed);
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

#define TWO(more)                                                                                 \
    FOUR_PROVIDERS                                                                                \
    "models: [ { name: s, targets: [ { use: a/m }, { use: b/m } ], strategy: priority" more " } " \
    "]\n"

/* 429s that a provider's own words foretell are not asked for. */
static void test_what_providers_say(void **unused)
{
    (void)unused;
    struct sim_result told =
        run_with(TWO(""), "duration: 60s\nrate: 20\ntargets: [ { rpm: 60 }, { } ]\n");
    struct sim_result untold =
        run_with(TWO(""), "duration: 60s\nrate: 20\ntargets: [ { rpm: 60, tells: false }, { } ]\n");
    assert_true(told.parts[0].attempts > 50 && untold.parts[0].attempts > 50);
    assert_true(told.parts[0].failed <= 1); /* of tokens it has said nothing */
    assert_true(untold.parts[0].failed > 10);
    sim_result_fini(&told);
    sim_result_fini(&untold);
    told = run_with(TWO(""), "duration: 60s\nrate: 20\ntargets: [ { tpm: 60k }, { } ]\n");
    assert_true(told.parts[0].attempts > 40 && told.parts[0].attempts < 80);
    assert_true(told.parts[0].failed <= 5);
    sim_result_fini(&told);
    /* A limit that ends, and with it all words of it: the callers are back
     * when two have been answered, of those that the limit had let through one a second. */
    told = run_with(TWO(""), "duration: 60s\nrate: 20\ntargets: [ { } ]\n"
                             "events: [ { from: 10s, until: 30s, target: 1, rpm: 60 } ]\n");
    assert_true(sim_attempts(&told, 0, 15000, 30000) < 30);
    assert_true(sim_attempts(&told, 0, 34000, 60000) > 400);
    assert_int_equal(sim_attempts(&told, 1, 34000, 60000), 0);
    sim_result_fini(&told);
}

/* What the configuration allows a provider is never exceeded; who finds nobody with room is told
 * so. */
static void test_configured_limits(void **unused)
{
    (void)unused;
    static const char limited[] =
        "providers: [ { name: a, dialect: openai, baseURL: 'http://a.invalid/v1', "
        "limits: { rpm: 120, concurrency: 3 } } ]\n"
        "models: [ { name: s, targets: [ { use: a/m } ] } ]\n";
    struct sim_result r =
        run_with(limited, "duration: 60s\nrate: 20\ntargets: [ { concurrency: 3 } ]\n");
    assert_true(r.served >= 55 && r.served <= 120);
    assert_int_equal(r.wasted, 0);
    assert_int_equal(r.failed, r.ends[SIM_END_LIMITED]);
    sim_result_fini(&r);
}

/* A call that meets a full provider for a moment waits for room, where the file lets it. */
static void test_waiting_for_room(void **unused)
{
    (void)unused;
#define LIMITED(more)                                                          \
    "providers: [ { name: a, dialect: openai, baseURL: 'http://a.invalid/v1'," \
    "limits: { concurrency: 3 } } ]\n"                                         \
    "models: [ { name: s, targets: [ { use: a/m } ] } ]\n" more
    static const char text[] =
        "duration: 120s\nrate: 4\ntargets: [ { ttft: 200ms, token: 1ms } ]\n";
    struct sim_result waits = run_with(LIMITED(""), text);
    struct sim_result refuses = run_with(LIMITED("routing: { wait: 0 }\n"), text);
    assert_true(refuses.ends[SIM_END_LIMITED] > 10);
    assert_true(waits.ends[SIM_END_LIMITED] * 4 < refuses.ends[SIM_END_LIMITED]);
    assert_int_equal(waits.served + waits.failed, waits.calls);
    sim_result_fini(&waits);
    sim_result_fini(&refuses);
}

static void test_hedges(void **unused)
{
    (void)unused;
    static const char text[] = "duration: 120s\nrate: 20\n"
                               "targets: [ { errors: 0.015, fault: hang }, { } ]\n";
    struct sim_result alone = run_with(TWO(""), text);
    struct sim_result hedged = run_with(TWO(", hedge: 3s"), text);
    assert_int_equal(alone.hedges, 0);
    assert_true(alone.all.p99 > 30000);
    assert_true(hedged.hedges > 10 && hedged.hedges_won > 10);
    assert_true(hedged.hedges * 100 <= hedged.calls * 3);
    assert_true(hedged.all.p99 < 10000);
    assert_true(hedged.parts[0].usd > 0); /* the losers' prompts, too */
    sim_result_fini(&alone);
    sim_result_fini(&hedged);
}

static void test_alerts(void **unused)
{
    (void)unused;
    static const char text[] = "duration: 180s\nrate: 20\ntargets: [ { errors: 0.001 } ]\n"
                               "events: [ { from: 30s, until: 90s, target: 1, errors: 0.25 } ]\n";
    static const char out[] = TWO(
        "") "alerts: { error_rate: { threshold: 0.05, action: switch_provider, window: 10s } }\n";
    struct sim_result quiet = run_with(TWO(""), text), loud = run_with(out, text);
    assert_int_equal(quiet.alerts, 0);
    assert_true(loud.alerts > 0);
    assert_true(sim_attempts(&quiet, 0, 50000, 90000) > 300);
    assert_true(sim_attempts(&loud, 0, 50000, 60000) < 20);
    assert_true(sim_attempts(&loud, 0, 150000, 180000) > 400); /* it is over, and that was found */
    sim_result_fini(&quiet);
    sim_result_fini(&loud);
    /* Who has not begun to answer by the threshold is not waited for, then its fallback serves. */
    static const char slow[] =
        "duration: 60s\nrate: 10\ntargets: [ { ttft: 20s }, { ttft: 20s }, { } ]\n";
    static const char fall[] =
        CONFIG "alerts: { response_time: { threshold: 3000, action: fallback } }\n";
    struct sim_result r = run_with(CONFIG, slow);
    assert_true(r.all.p50 > 15000);
    sim_result_fini(&r);
    r = run_with(fall, slow);
    assert_true(r.all.p50 < 8000 && r.parts[2].attempts > r.calls / 2);
    sim_result_fini(&r);
}

/* A breaker waits for half a minute; a probe finds out sooner, and costs no call. */
static void test_probes(void **unused)
{
    (void)unused;
    static const char text[] = "duration: 60s\nrate: 20\n"
                               "events: [ { from: 10s, until: 15s, target: 1, fault: down } ]\n";
    static const char probed[] =
        "providers: [ { name: a, dialect: openai, baseURL: 'http://a.invalid/v1', probe: 1s }, "
        "{ name: b, dialect: openai, baseURL: 'http://b.invalid/v1' } ]\n"
        "models: [ { name: s, targets: [ { use: a/m }, { use: b/m } ], strategy: priority } ]\n";
    struct sim_result without = run_with(TWO(""), text), with = run_with(probed, text);
    assert_true(sim_attempts(&without, 0, 16000, 38000) < 5);
    assert_true(sim_attempts(&with, 0, 17000, 38000) > 300);
    sim_result_fini(&without);
    sim_result_fini(&with);
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
    struct snapshot *all =
        conf_of(TWO(", hedge: 50ms") "alerts: { error_rate: { threshold: 0.05 } }\n");
    const struct sim_setup set = {.snap = all, .scenario = &s, .usd = usd_of};
    for (size_t n = 1; n < 200; n++) {
        struct sim_result r;
        mem_fail_after(n);
        const enum rc rc = sim_run(&set, &r);
        mem_fail_after(0);
        assert_true(rc == RC_OK || rc == RC_NOMEM);
        sim_result_fini(&r);
    }
    snapshot_unref(all);
    conf_report_fini(&report);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_repeats),
        cmocka_unit_test(test_lines_get_the_same_calls),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_needless_failures),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_sessions_are_cached),
        cmocka_unit_test(test_unknown_models_are_told),
        cmocka_unit_test(test_what_providers_say),
        cmocka_unit_test(test_configured_limits),
        cmocka_unit_test(test_waiting_for_room),
        cmocka_unit_test(test_hedges),
        cmocka_unit_test(test_alerts),
        cmocka_unit_test(test_probes),
        cmocka_unit_test(test_memory_runs_out),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
