/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How good the strategies are, beside an oracle that knows the truth at each moment: the table of
 * docs/routing.md, and what is promised there. UPDATE_GOLDEN=1 writes the table anew.
 *
 * Other machines' mathematics may round another way, and one call that goes elsewhere changes all
 * that follow: so the numbers of the page need only be near.
 */
#include "world.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"

#define CONFIG                                                                                    \
    FOUR_PROVIDERS "models: [ { name: s, targets: [ { use: a/m }, { use: b/m }, { use: c/m }, { " \
                   "use: d/m } ] } ]\n"
#define PAGE   SOURCE_ROOT "/docs/routing.md"
#define RATE   50
#define SECOND 1000

enum who { ROUND_ROBIN, RANDOM, LATENCY, CACHE_AWARE, BALANCED, ORACLE, WHO };

static const enum conf_strategy strategies[WHO] = {
    CONF_STRATEGY_ROUND_ROBIN, CONF_STRATEGY_RANDOM,   CONF_STRATEGY_LOWEST_LATENCY,
    CONF_STRATEGY_CACHE_AWARE, CONF_STRATEGY_BALANCED, CONF_STRATEGY_PRIORITY};

struct lived {
    struct sim_scenario scenario;
    struct sim_result of[WHO];
};

static struct snapshot *snap;
static struct lived *lives;
static size_t nlives;
static struct arena arena;

static void live(struct lived *l)
{
    for (int i = 0; i < WHO; i++) {
        const struct sim_setup setup = {.snap = snap,
                                        .scenario = &l->scenario,
                                        .force = i != ORACLE,
                                        .strategy = strategies[i],
                                        .oracle = i == ORACLE,
                                        .usd = usd_of};
        assert_int_equal(sim_run(&setup, &l->of[i]), RC_OK);
    }
}

static int setup_all(void **unused)
{
    (void)unused;
    struct conf_report report;
    arena_init(&arena, 8u << 20);
    snap = conf_of(CONFIG);
    while (sim_builtin_name(nlives).n)
        nlives++;
    lives = calloc(nlives, sizeof(*lives));
    for (size_t i = 0; i < nlives; i++) {
        conf_report_init(&report);
        assert_int_equal(sim_scenario_read(&arena, sim_builtin(sim_builtin_name(i)), &report,
                                           &lives[i].scenario),
                         RC_OK);
        conf_report_fini(&report);
        live(&lives[i]);
    }
    return 0;
}

static int teardown_all(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < nlives; i++)
        for (int k = 0; k < WHO; k++)
            sim_result_fini(&lives[i].of[k]);
    free(lives);
    snapshot_unref(snap);
    arena_fini(&arena);
    return 0;
}

static const struct lived *named(const char *name)
{
    for (size_t i = 0; i < nlives; i++)
        if (str_eq(sim_builtin_name(i), str_c(name)))
            return &lives[i];
    fail_msg("there is no scenario %s", name);
    return NULL;
}

static double usd_a_call(const struct sim_result *r)
{
    return r->usd / (double)r->priced;
}

/* ---- the promises */

static void test_balanced_is_near_the_oracle(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < nlives; i++) {
        const struct sim_result *b = &lives[i].of[BALANCED], *o = &lives[i].of[ORACLE];
        print_message("# " STR_FMT ": %.3f of the oracle's time, %.3f of its cost\n",
                      STR_ARG(lives[i].scenario.name), b->warm.p95 / o->warm.p95,
                      usd_a_call(b) / usd_a_call(o));
        assert_true(b->warm.p95 <= 1.1 * o->warm.p95);
        assert_true(usd_a_call(b) <= 1.1 * usd_a_call(o));
    }
}

/* In each scenario some target is always well. */
static void test_balanced_serves(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < nlives; i++) {
        const struct sim_result *b = &lives[i].of[BALANCED];
        assert_true(b->served * 1000 >= b->calls * 999);
    }
}

static double share_of(const struct sim_result *r, uint32_t part, msec from, msec until)
{
    uint64_t all = 0;
    for (uint32_t i = 0; i < r->nparts; i++)
        all += sim_attempts(r, i, from, until);
    return all ? (double)sim_attempts(r, part, from, until) / (double)all : 0;
}

/* The slow one is left, and has its callers back soon: of the four it is due a quarter. */
static void test_recovery_is_seen(void **unused)
{
    (void)unused;
    const struct sim_result *b = &named("slow-provider")->of[BALANCED];
    assert_true(share_of(b, 0, 70 * SECOND, 120 * SECOND) < 0.04);
    /* A look is due each 0.8 s, and half a second later it has answered. */
    assert_true(share_of(b, 0, 120 * SECOND, 122 * SECOND) >= 0.25 / 2);
    assert_true(share_of(b, 0, 122 * SECOND, 130 * SECOND) >= 0.25 * 0.7);
    assert_true(share_of(b, 0, 130 * SECOND, 180 * SECOND) >= 0.25 * 0.9);
    b = &named("brownout")->of[BALANCED];
    assert_true(share_of(b, 1, 70 * SECOND, 120 * SECOND) < 0.06);
    assert_true(share_of(b, 1, 124 * SECOND, 180 * SECOND) >= 0.25 * 0.9);
    b = &named("fast-with-errors")->of[BALANCED];
    assert_true(share_of(b, 2, 65 * SECOND, 120 * SECOND) < 0.04);
    b = &named("price-change")->of[BALANCED];
    assert_true(share_of(b, 3, 65 * SECOND, 180 * SECOND) > 0.8);
}

/* Nobody's share jumps about: the best one has nearly all calls, equals have as much each. */
static void test_no_oscillation(void **unused)
{
    (void)unused;
    const struct sim_result *b = &named("steady")->of[BALANCED];
    for (msec t = 20 * SECOND; t < 180 * SECOND; t += 10 * SECOND)
        assert_true(share_of(b, 0, t, t + 10 * SECOND) > 0.8);
    b = &named("flash-crowd")->of[BALANCED];
    for (msec t = 20 * SECOND; t < 60 * SECOND; t += 10 * SECOND)
        for (uint32_t i = 0; i < 4; i++)
            assert_true(fabs(share_of(b, i, t, t + 10 * SECOND) - 0.25) < 0.15);
}

static void test_weights_are_honoured(void **unused)
{
    (void)unused;
    static const char config[] = FOUR_PROVIDERS
        "models: [ { name: s, targets: [ { use: a/m, weight: 60 }, { use: b/m, weight: 25 }, "
        "{ use: c/m, weight: 10 }, { use: d/m, weight: 5 } ] } ]\n";
    static const double wanted[] = {0.6, 0.25, 0.1, 0.05};
    static const enum conf_strategy by_weight[] = {CONF_STRATEGY_WEIGHTED_ROUND_ROBIN,
                                                   CONF_STRATEGY_RANDOM};
    struct snapshot *s = conf_of(config);
    struct sim_scenario calm = {.name = STR("calm"),
                                .duration = 205 * SECOND,
                                .rate = RATE,
                                .seed = 3,
                                .ntraffic = 1,
                                .traffic = {{.share = 1, .prompt = 100, .output = 10}},
                                .nplaces = 1,
                                .places = {{.is = {.first_ms = 200, .token_ms = 5, .price = 1}}}};
    for (size_t i = 0; i < ARRAY_LEN(by_weight); i++) {
        const struct sim_setup setup = {
            .snap = s, .scenario = &calm, .force = true, .strategy = by_weight[i]};
        struct sim_result r;
        assert_int_equal(sim_run(&setup, &r), RC_OK);
        assert_true(r.calls >= 10000);
        for (uint32_t k = 0; k < 4; k++)
            assert_true(fabs((double)r.parts[k].attempts / (double)r.attempts - wanted[k]) < 0.01);
        sim_result_fini(&r);
    }
    snapshot_unref(s);
}

/* ---- the page */

#define BEGIN "<!-- made by tests/unit/sim/test_proof.c -->\n"
#define END   "<!-- end -->\n"

static void write_cell(struct buf *b, const struct sim_result *r)
{
    buf_addf(b, " %.1f s, %.2f", r->warm.p95 / 1000, usd_a_call(r) * 1e-6);
    const double served = 100.0 * (double)r->served / (double)r->calls;
    if (r->served != r->calls)
        buf_addf(b, ", %.2f %%", served);
    buf_lit(b, " |");
}

static void write_table(struct buf *b)
{
    buf_lit(
        b,
        "| scenario | round_robin | random | lowest_latency | cache_aware | balanced | oracle |\n");
    buf_lit(b, "| --- | --- | --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < nlives; i++) {
        buf_addf(b, "| `" STR_FMT "` |", STR_ARG(sim_builtin_name(i)));
        for (int k = 0; k < WHO; k++)
            write_cell(b, &lives[i].of[k]);
        buf_lit(b, "\n");
    }
}

static void read_page(struct buf *to)
{
    char piece[4096];
    size_t n;
    FILE *f = fopen(PAGE, "re");
    assert_non_null(f);
    while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
        buf_add(to, str_of(piece, n));
    fclose(f);
}

static void write_page(str before, str table, str after)
{
    FILE *f = fopen(PAGE, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(before.p, 1, before.n, f), before.n);
    assert_int_equal(fwrite(table.p, 1, table.n, f), table.n);
    assert_int_equal(fwrite(after.p, 1, after.n, f), after.n);
    fclose(f);
}

/* The next number of a text, past it. False: no more. */
static bool next_number(str *s, double *ret)
{
    while (s->n && !isdigit((unsigned char)s->p[0]))
        *s = str_from(*s, 1);
    if (!s->n)
        return false;
    char *end;
    *ret = strtod(s->p, &end);
    *s = str_from(*s, (size_t)(end - s->p));
    return true;
}

static void assert_near(str got, str want)
{
    double a, b;
    while (next_number(&got, &a)) {
        assert_true(next_number(&want, &b));
        if (fabs(a - b) > 0.1 + 0.1 * b)
            fail_msg("%g is not near %g: UPDATE_GOLDEN=1 writes docs/routing.md anew", a, b);
    }
    assert_false(next_number(&want, &b));
}

static void test_the_page_is_true(void **unused)
{
    (void)unused;
    struct buf page = BUF_INIT(1u << 20), table = BUF_INIT(1u << 16);
    read_page(&page);
    write_table(&table);
    const str all = buf_str(&page);
    const size_t begin = str_find(all, STR(BEGIN)), end = str_find(all, STR(END));
    assert_true(begin != SIZE_MAX && end != SIZE_MAX && begin < end);
    const size_t from = begin + sizeof(BEGIN) - 1;
    const str there = str_head(str_from(all, from), end - from);
    if (getenv("UPDATE_GOLDEN"))
        write_page(str_head(all, from), buf_str(&table), str_from(all, end));
    else
        assert_near(buf_str(&table), there);
    buf_fini(&table);
    buf_fini(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_balanced_is_near_the_oracle),
        cmocka_unit_test(test_balanced_serves),
        cmocka_unit_test(test_recovery_is_seen),
        cmocka_unit_test(test_no_oscillation),
        cmocka_unit_test(test_weights_are_honoured),
        cmocka_unit_test(test_the_page_is_true),
    };
    return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
