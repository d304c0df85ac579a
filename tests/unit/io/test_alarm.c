/* SPDX-License-Identifier: Apache-2.0 */
/* test_alarm - many one-shot times on one handle, against a plain list of them. */
#include "net.h"

#include "base/rand.h"
#include "io/alarm.h"

#define N 300

struct bell {
    struct alarm a; /* first */
    struct loop *l;
    unsigned rung;
    msec at;
    struct bell *stops; /* when it rings */
    msec again;
    struct alarms *set;
};

static void ring(struct alarm *a)
{
    struct bell *b = (struct bell *)a;
    b->rung++;
    b->at = loop_now(b->l);
    assert_int_equal(a->at, 0); /* off by now: it may be set anew */
    if (b->stops)
        alarm_stop(b->set, &b->stops->a);
    if (b->again) {
        assert_int_equal(alarm_set(b->set, a, b->at + b->again), RC_OK);
        b->again = 0;
    }
}

static void test_order(void **state)
{
    (void)state;
    static struct bell bells[N];
    struct loop *l = need_loop();
    struct alarms *set;
    struct rand r;
    msec due[N] = {0};
    rand_init(&r, 7);
    assert_int_equal(alarms_new(l, &set), RC_OK);
    msec t0 = loop_now(l);
    for (size_t i = 0; i < N; i++)
        bells[i] = (struct bell){.a.fn = ring, .l = l, .set = set};
    for (unsigned step = 0; step < 2000; step++) { /* set, move and stop at random */
        size_t i = (size_t)rand_below(&r, N);
        if (rand_below(&r, 3) == 0) {
            alarm_stop(set, &bells[i].a);
            due[i] = 0;
        } else {
            due[i] = t0 + 1 + rand_below(&r, 60);
            assert_int_equal(alarm_set(set, &bells[i].a, due[i]), RC_OK);
        }
    }
    run_for(l, 80);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(bells[i].rung, due[i] != 0);
        assert_true(bells[i].at >= due[i]);
        assert_true(due[i] == 0 || bells[i].at < due[i] + 40);
    }
    alarms_free(set);
    loop_free(l);
}

static void test_in_callbacks(void **state)
{
    (void)state;
    struct loop *l = need_loop();
    struct alarms *set;
    assert_int_equal(alarms_new(l, &set), RC_OK);
    struct bell a = {.a.fn = ring, .l = l, .set = set}, b = a;
    a.stops = &b;
    a.again = 5;
    msec now = loop_now(l);
    assert_int_equal(alarm_set(set, &a.a, now + 2), RC_OK);
    assert_int_equal(alarm_set(set, &b.a, now + 2), RC_OK);
    RUN_UNTIL(l, a.rung == 2, 1000);
    run_for(l, 10);
    assert_int_equal(a.rung, 2);
    assert_int_equal(b.rung, 0); /* stopped by the other in the same moment */
    assert_int_equal(alarm_set(set, &b.a, loop_now(l) + 10000), RC_OK);
    alarms_free(set); /* with one set: nothing rings */
    loop_free(l);
    assert_int_equal(b.rung, 0);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct loop *l = need_loop();
    struct alarms *set = NULL;
    mem_fail_after(1);
    assert_int_equal(alarms_new(l, &set), RC_NOMEM);
    mem_fail_after(0);
    assert_int_equal(alarms_new(l, &set), RC_OK);
    struct bell b = {.a.fn = ring, .l = l, .set = set};
    mem_fail_after(1);
    assert_int_equal(alarm_set(set, &b.a, loop_now(l) + 1), RC_NOMEM);
    mem_fail_after(0);
    run_for(l, 5);
    assert_int_equal(b.rung, 0);
    assert_int_equal(alarm_set(set, &b.a, loop_now(l) + 1), RC_OK);
    RUN_UNTIL(l, b.rung, 1000);
    alarms_free(set);
    alarms_free(NULL);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_in_callbacks),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
