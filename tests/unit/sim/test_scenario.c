/* SPDX-License-Identifier: Apache-2.0 */
/* Scenarios and recorded calls, read: what is understood, what is refused, and where. */
#include "world.h"

#include "base/buf.h"
#include "base/mem.h"

static struct arena arena;
static struct conf_report report;

static int setup(void **unused)
{
    (void)unused;
    arena_init(&arena, 8u << 20);
    conf_report_init(&report);
    return 0;
}

static int teardown(void **unused)
{
    (void)unused;
    arena_fini(&arena);
    conf_report_fini(&report);
    return 0;
}

static void test_all_that_can_be_said(void **unused)
{
    (void)unused;
    static const char text[] =
        "name: n\nabout: what it is\nduration: 2m\nrate: 12.5\nseed: 7\n"
        "traffic: [ { model: x, share: 2, prompt: 12k, output: 100, spread: 0.2, sessions: 5, "
        "grows: "
        "300, turns: 4 } ]\n"
        "targets: [ { ttft: 500ms, token: 0.5ms, prefill: 20ms, errors: 0.1, fault: cut, price: 2, "
        "rpm: 60, tpm: 90k, tells: false, concurrency: 8, capacity: 4, retryAfter: 3s, spread: 0.1 "
        "}, { provider: p } ]\n"
        "events: [ { from: 10s, until: 20s, region: first, errors: 1 }, { from: 1s, rate: 3 } ]\n";
    struct sim_scenario s;
    assert_int_equal(sim_scenario_read(&arena, str_c(text), &report, &s), RC_OK);
    assert_str(s.name, "n");
    assert_int_equal(s.duration, 120000);
    assert_true(s.rate == 12.5 && s.seed == 7);
    assert_true(s.traffic[0].prompt == 12000 && s.traffic[0].sessions == 5);
    assert_true(s.places[0].is.token_ms == 0.5 && s.places[0].is.fault == SIM_CUT);
    assert_true(s.places[0].is.retry_after_ms == 3000);
    assert_true(s.places[0].is.tpm == 90000 && s.places[0].is.tells == 0);
    assert_str(s.places[1].provider, "p");
    assert_true(s.places[1].is.tells == 1);
    assert_true(s.events[0].set.errors == 1 && s.events[0].set.first_ms < 0);
    assert_true(s.events[1].rate == 3 && s.events[1].until == 0);
}

static void test_faults_have_their_place(void **unused)
{
    (void)unused;
    static const char *const bad[] = {
        "- a\n",
        "rate: 0\n",
        "duration: 1ms\n",
        "rate: fast\n",
        "what: 1\n",
        "targets: { ttft: 1s }\n",
        "targets: [ 1 ]\n",
        "targets: [ { ttft: soon } ]\n",
        "targets: [ { errors: 1.5 } ]\n",
        "targets: [ { fault: sulks } ]\n",
        "targets: [ { tells: nothing } ]\n",
        "targets: [ { ttft: [1s] } ]\n",
        "events: [ { from: 2s, until: 1s } ]\n",
        "events: [ { when: 2s } ]\n",
        "traffic: [ { prompts: 2 } ]\n",
        "traffic: [ { prompt: -2 } ]\n",
        "rate: [\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct sim_scenario s;
        struct conf_report r;
        conf_report_init(&r);
        if (sim_scenario_read(&arena, str_c(bad[i]), &r, &s) != RC_CONFIG)
            fail_msg("accepted: %s", bad[i]);
        assert_true(conf_report_failed(&r) && r.of[CONF_ERROR].note[0].line >= 1);
        conf_report_fini(&r);
    }
}

static void test_every_builtin_is_good(void **unused)
{
    (void)unused;
    str name;
    size_t n = 0;
    for (; (name = sim_builtin_name(n)).n; n++) {
        struct sim_scenario s;
        assert_int_equal(sim_scenario_read(&arena, sim_builtin(name), &report, &s), RC_OK);
        assert_true(s.about.n && s.name.n);
    }
    assert_int_equal(n, 10);
    assert_false(sim_builtin(STR("nix")).n);
}

#define LINE(time, model, provider, extra, ms, ttft)                                              \
    "{\"time\":\"2026-11-23T02:20:" time "Z\",\"id\":\"req_1\",\"status\":200,\"model\":\"" model \
    "\",\"attempts\":[{\"provider\":\"" provider "\",\"model\":\"m\",\"status\":200" extra        \
    ",\"ms\":" ms "}],\"usage\":{\"input_tokens\":1000,\"output_tokens\":101},\"ttft_ms\":" ttft  \
    ",\"latency_ms\":" ms "}\n"

static void test_an_access_log_is_traffic(void **unused)
{
    (void)unused;
    static const char log[] = LINE(
        "10.000", "s", "a", "", "3000",
        "1000") "weir: a line of another kind\n"
                "{\"time\":\"2026-11-23T02:20:11.000Z\",\"path\":\"/nix\",\"status\":404}\n" LINE(
                    "09.000", "s", "a", "", "1000", "500")
                    LINE("12.500", "t", "b", ",\"error\":\"upstream\"", "500", "0");
    struct sim_scenario s;
    uint32_t skipped;
    assert_int_equal(sim_replay_read(&arena, str_c(log), &s, &skipped), RC_OK);
    assert_int_equal(skipped, 2);
    assert_int_equal(s.ncalls, 3);
    assert_int_equal(s.calls[0].at, 0); /* 02:20:07, for it took three seconds */
    assert_int_equal(s.calls[1].at, 1000);
    assert_int_equal(s.calls[2].at, 5000);
    assert_str(s.calls[2].model, "t");
    assert_true(s.calls[0].prompt == 1000 && s.calls[0].output == 101);
    assert_int_equal(s.nplaces, 3); /* a, b, and whoever was never called */
    assert_str(s.places[0].provider, "a");
    assert_true(s.places[0].is.first_ms == 1000 && s.places[0].is.token_ms == 20);
    assert_true(s.places[1].is.errors == 1);
    assert_false(s.places[2].provider.n);
    assert_int_equal(sim_replay_read(&arena, STR("x\n"), &s, &skipped), RC_NOTFOUND);
}

/* Two minutes of two calls a second; from 60 to 80 s the one provider fails and the other is slow.
 */
static void write_log(struct buf *b)
{
    for (unsigned i = 0; i < 240; i++) {
        const unsigned second = i / 2;
        const bool trouble = second >= 60 && second < 80;
        buf_addf(b, "{\"time\":\"2026-11-23T02:%02u:%02u.000Z\",\"status\":200,\"model\":\"s\",",
                 20 + second / 60, second % 60);
        if (i % 2)
            buf_addf(b,
                     "\"attempts\":[{\"provider\":\"b\",\"model\":\"m\",\"status\":200,\"ms\":%u}],"
                     "\"usage\":{\"input_tokens\":10,\"output_tokens\":1},\"latency_ms\":%u}\n",
                     trouble ? 4000 : 500, trouble ? 4000 : 500);
        else
            buf_addf(b,
                     "\"attempts\":[{\"provider\":\"a\",\"model\":\"m\",\"status\":%s,\"ms\":400}],"
                     "\"usage\":{\"input_tokens\":10,\"output_tokens\":1},\"latency_ms\":400}\n",
                     trouble ? "429,\"error\":\"rate_limited\"" : "200");
    }
}

/* Trouble of the log is trouble of the scenario, at its time, and not of the rest. */
static void test_an_outage_of_the_log(void **unused)
{
    (void)unused;
    struct buf log = BUF_INIT(1u << 20);
    struct sim_scenario s, script;
    uint32_t skipped;
    bool limited = false, slow = false;
    write_log(&log);
    assert_false(log.failed);
    assert_int_equal(sim_replay_read(&arena, buf_str(&log), &s, &skipped), RC_OK);
    buf_fini(&log);
    assert_int_equal(s.ncalls, 240);
    assert_true(s.places[0].is.errors < 0.05 && s.places[0].is.first_ms == 400);
    assert_true(s.places[1].is.errors == 0 && s.places[1].is.first_ms == 500);
    assert_true(s.nevents >= 2 && s.nevents <= 8);
    for (uint32_t i = 0; i < s.nevents; i++) {
        const struct sim_event *e = &s.events[i];
        assert_true(e->from >= 50000 && e->until <= 91000);
        limited |=
            str_eq(e->provider, STR("a")) && e->set.errors == 1 && (int)e->set.fault == SIM_LIMIT;
        slow |= str_eq(e->provider, STR("b")) && e->set.first_ms == 4000;
    }
    assert_true(limited && slow);
    /* … and what else might have befallen them. */
    const uint32_t n = s.nevents;
    assert_int_equal(sim_scenario_read(&arena, sim_builtin(STR("brownout")), &report, &script),
                     RC_OK);
    assert_true(sim_script(&s, &script));
    assert_int_equal(s.nevents, n + script.nevents);
    assert_int_equal(s.nplaces, 1); /* the scenario says how they do */
    script.nevents = SIM_EVENTS_MAX;
    assert_false(sim_script(&s, &script));
    assert_int_equal(s.nevents, SIM_EVENTS_MAX);
}

/* Any text is refused or understood. */
static void test_a_log_cut_anywhere(void **unused)
{
    (void)unused;
    static const char log[] = LINE("10.000", "s", "a", "", "3000", "1000");
    for (size_t n = 0; n < sizeof(log); n++) {
        struct sim_scenario s;
        uint32_t skipped;
        const enum rc rc = sim_replay_read(&arena, str_of(log, n), &s, &skipped);
        assert_true(rc == RC_NOTFOUND || (rc == RC_OK && n + 2 >= sizeof(log) - 1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_that_can_be_said, setup, teardown),
        cmocka_unit_test_setup_teardown(test_faults_have_their_place, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_builtin_is_good, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_access_log_is_traffic, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_outage_of_the_log, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_log_cut_anywhere, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
