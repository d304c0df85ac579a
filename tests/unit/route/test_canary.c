/* SPDX-License-Identifier: Apache-2.0 */
/* A canary under a clock that the test moves. */
#include "../unit.h"

#include "route/canary.h"

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

static void test_goes_up_by_steps(void **unused)
{
    (void)unused;
    struct canary c;
    canary_init(&c, 0);
    assert_int_equal(canary_share(&c, &conf), 50000);
    serve(&c, false, 100, 0, 100, 10);
    assert_int_equal(serve(&c, true, 100, 0, 120, 20), CANARY_NO_NEWS); /* too soon */
    assert_int_equal(serve(&c, true, 1, 0, 120, 1000), CANARY_STEPPED);
    assert_int_equal(canary_share(&c, &conf), 250000);
    assert_int_equal(serve(&c, true, 19, 0, 120, 2500), CANARY_NO_NEWS); /* too few */
    assert_int_equal(serve(&c, true, 1, 0, 120, 2500), CANARY_STEPPED);
    assert_int_equal(canary_share(&c, &conf), CONF_MILLION);
    assert_int_equal(serve(&c, true, 20, 0, 120, 3600), CANARY_PROMOTED_NOW);
    assert_int_equal(c.state, CANARY_PROMOTED);
    assert_int_equal(canary_share(&c, &conf), CONF_MILLION);
    assert_int_equal(serve(&c, true, 100, 100, 1, 5000), CANARY_NO_NEWS); /* it is the model now */
}

static void test_errors(void **unused)
{
    (void)unused;
    struct canary c;
    /* more than is allowed at all, as soon as nothing can save it */
    canary_init(&c, 0);
    assert_int_equal(serve(&c, true, 4, 4, 100, 10), CANARY_NO_NEWS);
    assert_int_equal(serve(&c, true, 1, 1, 100, 10), CANARY_ROLLED_BACK_NOW);
    assert_int_equal(canary_share(&c, &conf), 0);
    assert_string_equal(c.why, "it failed too often");
    /* more than the others */
    canary_init(&c, 0);
    serve(&c, false, 100, 1, 100, 10);
    assert_int_equal(serve(&c, true, 20, 2, 100, 10), CANARY_ROLLED_BACK_NOW);
    assert_string_equal(c.why, "it failed more often than the others");
    /* no more than the others, whom the same trouble meets */
    canary_init(&c, 0);
    serve(&c, false, 100, 15, 100, 10);
    assert_int_equal(serve(&c, true, 100, 16, 100, 10), CANARY_NO_NEWS);
    /* with too few of the others, only the limit counts */
    canary_init(&c, 0);
    serve(&c, false, 5, 0, 100, 10);
    assert_int_equal(serve(&c, true, 20, 3, 1000, 10), CANARY_NO_NEWS);
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
    assert_int_equal(serve(&c, true, 50, 0, 201, 10), CANARY_ROLLED_BACK_NOW);
    assert_string_equal(c.why, "it was slower than the others");
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
    struct canary c;
    canary_init(&c, 0);
    c.step = 2;
    struct conf_canary less = conf;
    less.nsteps = 1;
    assert_int_equal(canary_share(&c, &less), 50000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goes_up_by_steps),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_slowness),
        cmocka_unit_test(test_fewer_steps_than_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
