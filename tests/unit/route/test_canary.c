/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A canary under a clock that the test moves: its steps, its limits, and in many made-up lives how
 * often noise takes a good one back, and how soon a bad one is found.
 */
#include "../unit.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>

#include "base/rand.h"
#include "route/trial_keep.h"

static const struct conf_canary conf = {.steps = {50000, 250000, CONF_MILLION},
                                        .nsteps = 3,
                                        .hold = 1000,
                                        .min_calls = 20,
                                        .max_errors = 0.2,
                                        .more_errors = 0.05,
                                        .slower = 2};

/* So many calls of an arm, some of them failed; the last news. */
static enum canary_event serve(struct canary *c, bool is_canary, unsigned calls, unsigned failed,
                               msec took, msec now)
{
    enum canary_event last = CANARY_NO_NEWS;
    for (unsigned i = 0; i < calls; i++) {
        const enum canary_event e =
            canary_note(c, &conf, is_canary, i >= calls - failed, took, now);
        last = e == CANARY_NO_NEWS ? last : e;
    }
    return last;
}

static uint32_t share(const struct canary *c)
{
    return canary_share(c->state, c->step, &conf);
}

static void test_goes_up_by_steps(void **unused)
{
    (void)unused;
    struct canary c;
    canary_init(&c, 0);
    assert_int_equal(share(&c), 50000);
    serve(&c, false, 100, 0, 100, 10);
    assert_int_equal(serve(&c, true, 100, 0, 120, 20), CANARY_NO_NEWS); /* too soon */
    assert_int_equal(serve(&c, true, 1, 0, 120, 1000), CANARY_STEPPED);
    assert_int_equal(share(&c), 250000);
    assert_int_equal(serve(&c, true, 19, 0, 120, 2500), CANARY_NO_NEWS); /* too few */
    assert_int_equal(serve(&c, true, 1, 0, 120, 2500), CANARY_STEPPED);
    assert_int_equal(share(&c), CONF_MILLION);
    assert_int_equal(serve(&c, true, 20, 0, 120, 3600), CANARY_PROMOTED_NOW);
    assert_int_equal(c.state, CANARY_PROMOTED);
    assert_int_equal(share(&c), CONF_MILLION);
    assert_int_equal(serve(&c, true, 100, 100, 1, 5000), CANARY_NO_NEWS); /* it is the model now */
}

static void test_errors(void **unused)
{
    (void)unused;
    struct canary c;
    /* more than is allowed at all, however few there were */
    canary_init(&c, 0);
    assert_int_equal(serve(&c, true, 3, 3, 100, 10), CANARY_NO_NEWS);
    assert_int_equal(serve(&c, true, 1, 1, 100, 10), CANARY_ROLLED_BACK_NOW);
    assert_int_equal(share(&c), 0);
    assert_int_equal(c.fault, CANARY_FAILED);
    /* more than the others */
    canary_init(&c, 0);
    serve(&c, false, 400, 4, 100, 10);
    assert_int_equal(serve(&c, true, 100, 20, 100, 10), CANARY_ROLLED_BACK_NOW);
    assert_int_equal(c.fault, CANARY_FAILED_MORE);
    /* no more than the others, whom the same trouble meets */
    canary_init(&c, 0);
    serve(&c, false, 100, 15, 100, 10);
    assert_int_equal(serve(&c, true, 100, 16, 100, 10), CANARY_NO_NEWS);
    /* with too few of the others, only the limit counts */
    canary_init(&c, 0);
    serve(&c, false, 5, 0, 100, 10);
    assert_int_equal(serve(&c, true, 20, 3, 1000, 10), CANARY_NO_NEWS);
}

/* Over a limit by what chance could have done: nothing is taken back, and nothing goes up. */
static void test_doubt_waits(void **unused)
{
    (void)unused;
    struct canary c;
    canary_init(&c, 0);
    serve(&c, false, 100, 0, 100, 10);
    assert_int_equal(serve(&c, true, 20, 2, 100, 2000), CANARY_NO_NEWS); /* 10 %, 5 are allowed */
    assert_int_equal(c.step, 0);
    assert_int_equal(serve(&c, true, 20, 0, 100, 3000), CANARY_STEPPED); /* it was chance */
    struct conf_canary strict = conf;
    strict.max_errors = 0;
    canary_init(&c, 0); /* none is allowed: there chance has no say */
    assert_int_equal(canary_note(&c, &strict, true, true, 1, 10), CANARY_ROLLED_BACK_NOW);
}

static void test_slowness(void **unused)
{
    (void)unused;
    struct canary c;
    canary_init(&c, 0);
    serve(&c, false, 50, 0, 100, 10);
    assert_int_equal(serve(&c, true, 50, 0, 199, 10), CANARY_NO_NEWS);
    canary_init(&c, 0);
    serve(&c, false, 50, 0, 100, 10);
    assert_int_equal(serve(&c, true, 50, 0, 260, 10), CANARY_ROLLED_BACK_NOW);
    assert_int_equal(c.fault, CANARY_SLOWER);
    canary_init(&c, 0); /* ten times, and nobody minds */
    serve(&c, false, 50, 0, 3, 10);
    assert_int_equal(serve(&c, true, 50, 0, 30, 10), CANARY_NO_NEWS);
    canary_init(&c, 0); /* some of ten minutes are no median */
    serve(&c, false, 50, 0, 100, 10);
    serve(&c, true, 40, 0, 100, 10);
    assert_int_equal(serve(&c, true, 10, 0, 600000, 10), CANARY_NO_NEWS);
    struct conf_canary patient = conf;
    patient.slower = 0;
    canary_init(&c, 0);
    serve(&c, false, 50, 0, 100, 10);
    for (int i = 0; i < 50; i++)
        assert_int_equal(canary_note(&c, &patient, true, false, 9000, 10), CANARY_NO_NEWS);
}

/* A file that was changed has fewer steps than the trial went up. */
static void test_fewer_steps_than_before(void **unused)
{
    (void)unused;
    struct conf_canary less = conf;
    less.nsteps = 1;
    assert_int_equal(canary_share(CANARY_RUNNING, 2, &less), 50000);
}

static void test_buckets(void **unused)
{
    (void)unused;
    unsigned last = 0;
    for (msec t = 0; t < 4000000; t = t * 21 / 20 + 1) {
        const unsigned b = canary_bucket(t);
        assert_true(b >= last && b < CANARY_BUCKETS);
        last = b;
    }
    assert_int_equal(canary_bucket(0), 0);
    assert_int_equal(canary_bucket(1024), 40);
    assert_int_equal(canary_bucket(1023), 39);
    assert_int_equal(canary_bucket(UINT64_MAX), CANARY_BUCKETS - 1);
}

/* ---- lives: twenty calls a second, 5 %, 25 %, 100 % for a minute each, default limits */

struct nature {
    double errors, ms, spread; /* spread of the logarithm: 0.8 is that of real answers */
};

static double uniform(struct rand *r)
{
    return ((double)rand_below(r, 1u << 30) + 0.5) / (1u << 30);
}

static msec draw_ms(const struct nature *n, struct rand *r)
{
    const double normal = sqrt(-2 * log(uniform(r))) * cos(2 * M_PI * uniform(r));
    return (msec)(n->ms * exp(n->spread * normal));
}

struct lives {
    unsigned back, promoted;
    double calls; /* of the canary's until it was taken back, on the mean */
};

static struct lives live(const struct nature *others, const struct nature *own, unsigned lives)
{
    static const struct conf_canary usual = {.steps = {50000, 250000, 500000, CONF_MILLION},
                                             .nsteps = 4,
                                             .hold = 60000,
                                             .min_calls = 50,
                                             .max_errors = 0.2,
                                             .more_errors = 0.05,
                                             .slower = 2};
    struct lives sum = {0};
    struct rand r;
    rand_init(&r, 11);
    for (unsigned i = 0; i < lives; i++) {
        struct canary c;
        unsigned calls = 0;
        canary_init(&c, 0);
        for (msec now = 0; now < 600000 && c.state == CANARY_RUNNING; now += 50) {
            const bool is = rand_below(&r, CONF_MILLION) < canary_share(c.state, c.step, &usual);
            const struct nature *n = is ? own : others;
            calls += is;
            canary_note(&c, &usual, is, uniform(&r) < n->errors, draw_ms(n, &r), now);
        }
        sum.back += c.state == CANARY_ROLLED_BACK;
        sum.promoted += c.state == CANARY_PROMOTED;
        sum.calls += c.state == CANARY_ROLLED_BACK ? (double)calls / lives : 0;
    }
    return sum;
}

static void test_noise_takes_nothing_back(void **unused)
{
    static const struct {
        struct nature others, own;
    } rows[] = {
        {{0.01, 800, 0.8}, {0.01, 800, 0.8}},   /* the same model */
        {{0.10, 800, 0.8}, {0.10, 800, 0.8}},   /* … in bad times */
        {{0.01, 800, 0.8}, {0.03, 800, 0.8}},   /* more errors, fewer than are allowed */
        {{0.01, 800, 0.8}, {0.01, 1300, 1.2}},  /* slower, less than is allowed, and restless */
        {{0.02, 2000, 1.5}, {0.02, 2000, 1.5}}, /* times all over the place */
    };
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct lives l = live(&rows[i].others, &rows[i].own, 300);
        print_message("row %zu: %u of 300 taken back, %u promoted\n", i, l.back, l.promoted);
        assert_in_range(l.back, 0, 1);
        assert_in_range(l.promoted, 290, 300);
    }
}

static void test_a_bad_one_is_found_soon(void **unused)
{
    static const struct {
        struct nature own;
        double calls; /* at most, on the mean */
    } rows[] = {
        {{1.00, 800, 0.8}, 4.5}, /* dead */
        {{0.50, 800, 0.8}, 30},   {{0.30, 800, 0.8}, 70},
        {{0.15, 800, 0.8}, 250},  {{0.01, 4000, 0.8}, 70}, /* five times as slow */
        {{0.01, 2400, 0.8}, 150},                          /* three times */
    };
    static const struct nature others = {0.01, 800, 0.8};
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct lives l = live(&others, &rows[i].own, 60);
        print_message("row %zu: %u of 60, after %.1f calls\n", i, l.back, l.calls);
        assert_in_range(l.back, 59, 60);
        assert_true(l.calls <= rows[i].calls);
    }
}

/* ---- shared */

static struct trials all;

static void *work(void *arg)
{
    struct trial *t = trial_of(&all, STR("r"), STR("m"), 0);
    enum canary_fault fault;
    unsigned *steps = arg;
    for (unsigned i = 0; i < 20000; i++) {
        const enum canary_event e = trial_note(&all, t, &conf, trial_place(t), i % 4 == 0, false,
                                               100, i < 10000 ? 10 : 5000, &fault);
        *steps += e != CANARY_NO_NEWS;
    }
    return NULL;
}

/* Four workers note at once: each step is taken once, and all counts of a step that lasts are
 * there. */
static void test_workers_share_a_trial(void **unused)
{
    (void)unused;
    pthread_t threads[4];
    unsigned steps[4] = {0}, n = 0;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &steps[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        n += steps[i];
    }
    struct trial *t = trial_of(&all, STR("r"), STR("m"), 0);
    assert_int_equal(n, atomic_load(&all.news));
    struct canary c;
    trial_read(t, &c);
    assert_true(c.step == 1 && n == 1); /* the clock stands still behind it */
    assert_ptr_equal(t, trial_of(&all, STR("r"), STR("m"), 0));
    assert_ptr_not_equal(t, trial_of(&all, STR("r"), STR("other"), 0));
    trials_free(&all);
    memset(&all, 0, sizeof(all));
}

static void test_a_call_of_an_earlier_step_is_nobodys(void **unused)
{
    (void)unused;
    struct trial *t = trial_of(&all, STR("r"), STR("m"), 0);
    enum canary_fault fault = CANARY_NO_FAULT;
    struct canary c;
    const uint32_t first = trial_place(t);
    for (int i = 0; i < 20; i++)
        trial_note(&all, t, &conf, first, true, false, 100, 1000, &fault);
    assert_int_not_equal(trial_place(t), first);
    assert_int_equal(trial_share(t, &conf), 250000);
    for (int i = 0; i < 10; i++) /* they were sent before */
        assert_int_equal(trial_note(&all, t, &conf, first, true, true, 100, 1000, &fault),
                         CANARY_NO_NEWS);
    trial_read(t, &c);
    assert_int_equal(c.arms[1].calls, 0);
    for (int i = 0; i < 4; i++)
        trial_note(&all, t, &conf, trial_place(t), true, true, 100, 1000, &fault);
    assert_int_equal(fault, CANARY_FAILED);
    assert_int_equal(trial_share(t, &conf), 0);
    trials_free(&all);
    memset(&all, 0, sizeof(all));
}

static void take(struct trials *to, str text, unsigned want, msec now)
{
    struct arena a;
    struct json_doc doc;
    arena_init(&a, 1u << 20);
    assert_int_equal(json_parse(&a, text, &doc, NULL), RC_OK);
    assert_int_equal(trials_read(to, json_root(&doc), &a, now), want);
    arena_fini(&a);
}

static void test_it_outlives_the_process(void **unused)
{
    (void)unused;
    static struct trials next;
    enum canary_fault fault;
    struct canary before, after;
    struct trial *t = trial_of(&all, STR("r \"1\""), STR("m"), 100);
    struct trial *bad = trial_of(&all, STR("bad"), STR("m"), 100);
    for (msec i = 0; i < 30; i++) {
        trial_note(&all, t, &conf, trial_place(t), i % 2, i == 7, 100 + 30 * i, 700, &fault);
        trial_note(&all, bad, &conf, trial_place(bad), true, true, 100, 700, &fault);
    }
    struct rope r = ROPE_INIT(1 << 16);
    struct buf text = BUF_INIT(1 << 16);
    struct json_writer w;
    json_writer_init(&w, &r);
    trials_write(&all, &w, 900);
    rope_flatten(&r, &text);
    take(&next, buf_str(&text), 2, 50); /* a clock that began anew: 800 ms before its beginning */
    trial_read(t, &before);
    trial_read(trial_of(&next, STR("r \"1\""), STR("m"), 0), &after);
    assert_memory_equal(before.arms, after.arms, sizeof(before.arms));
    assert_int_equal(before.arms[1].calls, 15);
    assert_int_equal(50 - after.since, 800);
    trial_read(trial_of(&next, STR("bad"), STR("m"), 0), &after);
    assert_int_equal(after.state, CANARY_ROLLED_BACK);
    assert_int_equal(after.fault, CANARY_FAILED);
    trials_free(&next);
    trials_free(&all);
    memset(&all, 0, sizeof(all));
    rope_fini(&r);
    buf_fini(&text);
}

/* The file lies on a disk, where anybody may have edited it. */
static void test_a_broken_record_is_none(void **unused)
{
    (void)unused;
#define ARMS "\"arms\":[{\"failed\":0,\"ms\":[]},{\"failed\":0,\"ms\":[]}]"
#define REST "\"held_ms\":1,\"fault\":\"\"," ARMS "}]"
    static const char *const texts[] = {
        "[]",
        "{}",
        "17",
        "[{}]",
        "[{\"rule\":\"r\"}]",
        "[{\"rule\":\"\",\"model\":\"m\",\"state\":\"running\",\"step\":0," REST,
        "[{\"rule\":7,\"model\":\"m\",\"state\":\"running\",\"step\":0," REST,
        "[{\"rule\":\"r\",\"model\":\"m\",\"state\":\"flying\",\"step\":0," REST,
        "[{\"rule\":\"r\",\"model\":\"m\",\"state\":\"running\",\"step\":99," REST,
        "[{\"rule\":\"r\",\"model\":\"m\",\"state\":\"rolled_back\",\"step\":0," REST,
        "[{\"rule\":\"r\",\"model\":\"m\",\"state\":\"running\",\"step\":0,\"held_ms\":-1,"
        "\"fault\":\"\"," ARMS "}]",
        "[{\"rule\":\"r\",\"model\":\"m\",\"state\":\"running\",\"step\":0,\"held_ms\":1,"
        "\"fault\":\"\",\"arms\":[{\"failed\":0,\"ms\":[[80,1]]},{\"failed\":0,\"ms\":[]}]}]",
        "[{\"rule\":\"r\",\"model\":\"m\",\"state\":\"running\",\"step\":0,\"held_ms\":1,"
        "\"fault\":\"\",\"arms\":[{\"failed\":9999999999,\"ms\":[]},{\"failed\":0,\"ms\":[]}]}]",
        "[{\"rule\":\"r\",\"model\":\"m\",\"state\":\"running\",\"step\":0,\"held_ms\":1,"
        "\"fault\":\"\",\"arms\":[{\"failed\":0,\"ms\":[]}]}]",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        take(&all, str_c(texts[i]), 0, 10);
    take(&all, STR("[{\"rule\":\"r\",\"model\":\"m\",\"state\":\"running\",\"step\":1," REST), 1,
         10);
    trials_free(&all);
    memset(&all, 0, sizeof(all));
}

static void test_the_table_has_an_end(void **unused)
{
    (void)unused;
    char name[16];
    for (int i = 0; i < TRIALS_MAX; i++) {
        const int n = snprintf(name, sizeof(name), "r%d", i);
        assert_non_null(trial_of(&all, str_of(name, (size_t)n), STR("m"), 0));
    }
    assert_null(trial_of(&all, STR("one more"), STR("m"), 0));
    assert_non_null(trial_of(&all, STR("r7"), STR("m"), 0));
    trials_free(&all);
    memset(&all, 0, sizeof(all));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goes_up_by_steps),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_doubt_waits),
        cmocka_unit_test(test_slowness),
        cmocka_unit_test(test_fewer_steps_than_before),
        cmocka_unit_test(test_buckets),
        cmocka_unit_test(test_noise_takes_nothing_back),
        cmocka_unit_test(test_a_bad_one_is_found_soon),
        cmocka_unit_test(test_workers_share_a_trial),
        cmocka_unit_test(test_a_call_of_an_earlier_step_is_nobodys),
        cmocka_unit_test(test_it_outlives_the_process),
        cmocka_unit_test(test_a_broken_record_is_none),
        cmocka_unit_test(test_the_table_has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
