/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scenario files and access logs: refused with a place, or understood, and then lived through for a
 * few seconds under a configuration that has all the simulation knows of. Whatever a scenario says
 * of its world, each call ends once, and what is counted adds up.
 */
#include "fuzz.h"

#include <math.h>

#include "base/check.h"
#include "conf/load.h"
#include "sim/sim.h"

#define LIVED_MS  3000
#define CALLS_MAX 200

static const char config[] =
    "providers:\n"
    "  - { name: a, dialect: openai, baseURL: 'http://a.invalid/v1', region: x, probe: 1s }\n"
    "  - { name: b, dialect: openai, baseURL: 'http://b.invalid/v1', region: x,\n"
    "      limits: { rpm: 300, concurrency: 8 } }\n"
    "  - { name: c, dialect: openai, baseURL: 'http://c.invalid/v1', region: y }\n"
    "models:\n"
    "  - { name: smart, targets: [ { use: a/m }, { use: b/m } ], strategy: balanced, hedge: 1s,\n"
    "      fallback: [ small ] }\n"
    "  - { name: small, targets: [ { use: c/m } ] }\n"
    "alerts:\n"
    "  error_rate: { threshold: 0.1, action: switch_provider }\n"
    "  response_time: { threshold: 2000, action: fallback }\n";

static double usd_of(void *arg, const struct conf_provider *p, str model, const struct sim_usage *u)
{
    (void)arg, (void)p, (void)model;
    return u->prompt * 1e3 - u->cached * 9e2 + u->output * 1e4;
}

/* One for all inputs: what a run learns is its own. */
static struct snapshot *the_snapshot(void)
{
    static const char *const backs[] = {"openai", NULL};
    static struct snapshot *s;
    struct conf_source src = {.path = "f", .text = str_c(config), .backs = backs};
    struct conf_report report;
    if (s)
        return s;
    conf_report_init(&report);
    CHECK(conf_load(&src, &report, &s) == RC_OK);
    conf_report_fini(&report);
    return s;
}

/* Small enough for thousands of lives a second. */
static void shorten(struct sim_scenario *s)
{
    s->duration = s->duration < LIVED_MS ? s->duration : LIVED_MS;
    s->rate = fmin(s->rate, 50);
    for (uint32_t i = 0; i < s->nevents; i++)
        s->events[i].rate = fmin(s->events[i].rate, 50);
    for (uint32_t i = 0; i < s->ntraffic; i++)
        s->traffic[i].sessions = fmin(s->traffic[i].sessions, 100);
    s->ncalls = s->ncalls < CALLS_MAX ? s->ncalls : CALLS_MAX;
    while (s->ncalls && s->calls[s->ncalls - 1].at > LIVED_MS)
        s->ncalls--;
}

static void check_spread(const struct sim_spread *s)
{
    CHECK(s->p50 >= 0 && s->p50 <= s->p95 && s->p95 <= s->p99 && isfinite(s->p99));
}

static void live(struct sim_scenario *s, bool oracle)
{
    struct sim_result r;
    shorten(s);
    const struct sim_setup set = {
        .snap = the_snapshot(), .scenario = s, .oracle = oracle, .usd = usd_of};
    CHECK(sim_run(&set, &r) == RC_OK);
    CHECK(r.calls == r.served + r.failed && r.unknown <= r.failed);
    CHECK(r.attempts == r.served + r.wasted && r.hedges_won <= r.hedges);
    CHECK(isfinite(r.usd) && r.usd >= 0 && r.cached <= r.prompt);
    check_spread(&r.all);
    check_spread(&r.first);
    uint64_t of_parts = 0;
    for (uint32_t i = 0; i < r.nparts; i++)
        of_parts += r.parts[i].attempts;
    CHECK(of_parts == r.attempts);
    sim_result_fini(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const str text = str_of((const char *)data, size);
    struct arena a;
    struct conf_report report;
    struct sim_scenario s;
    uint32_t skipped;
    arena_init(&a, 16u << 20);
    conf_report_init(&report);
    const enum rc rc = sim_scenario_read(&a, text, &report, &s);
    CHECK(rc == RC_OK || (rc == RC_CONFIG && report.of[CONF_ERROR].note[0].line > 0));
    if (rc == RC_OK) {
        live(&s, false);
        live(&s, true);
    }
    if (sim_replay_read(&a, text, &s, &skipped) == RC_OK)
        live(&s, false);
    conf_report_fini(&report);
    arena_fini(&a);
    return 0;
}
