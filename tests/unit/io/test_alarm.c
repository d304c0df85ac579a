/* SPDX-License-Identifier: Apache-2.0 */
/* test_alarm - one-shot times on one handle: order, stopping, and what callbacks may do. */
#include "net.h"

#include <stdlib.h>

#include "base/rand.h"
#include "io/alarm.h"

struct ring {
    struct alarm a; /* first */
    struct clock *clock;
    unsigned rings;
    msec at;
    int then; /* what its callback does: see on_ring */
    struct ring *other;
};

struct clock {
    struct loop *l;
    struct alarms *alarms;
    unsigned rings;
    msec last;
};

enum { NOTHING, AGAIN_NOW, STOP_OTHER, SET_OTHER, END_ALL };

static void on_ring(struct alarm *a)
{
    struct ring *r = (struct ring *)a;
    struct clock *c = r->clock;
    msec now = loop_now(c->l);
    assert_int_equal(a->at, 0);
    assert_true(now >= a->due);
    assert_true(a->due >= c->last); /* earliest first */
    c->last = a->due;
    c->rings++;
    r->rings++;
    r->at = now;
    switch (r->then) {
    case AGAIN_NOW:
        assert_int_equal(alarm_set(c->alarms, a, now), RC_OK);
        break;
    case STOP_OTHER:
        alarm_stop(c->alarms, &r->other->a);
        break;
    case SET_OTHER:
        assert_int_equal(alarm_set(c->alarms, &r->other->a, now + 3), RC_OK);
        break;
    case END_ALL:
        alarms_free(c->alarms);
        c->alarms = NULL;
        break;
    default:
        break;
    }
}

static void clock_open(struct clock *c)
{
    *c = (struct clock){.l = need_loop()};
    assert_int_equal(alarms_new(c->l, &c->alarms), RC_OK);
}

static void clock_close(struct clock *c)
{
    alarms_free(c->alarms);
    loop_free(c->l);
}

static struct ring ring_of(struct clock *c)
{
    return (struct ring){.a.fn = on_ring, .clock = c};
}

static void set(struct ring *r, msec in)
{
    assert_int_equal(alarm_set(r->clock->alarms, &r->a, loop_now(r->clock->l) + in), RC_OK);
}

static void test_one(void **state)
{
    (void)state;
    struct clock c;
    clock_open(&c);
    struct ring r = ring_of(&c);
    loop_turn(c.l, false);
    msec from = loop_now(c.l);
    set(&r, 20);
    assert_int_equal(r.rings, 0);
    RUN_UNTIL(c.l, r.rings, 2000);
    assert_true(r.at >= from + 20);
    run_for(c.l, 5);
    assert_int_equal(r.rings, 1); /* once */
    set(&r, 0);                   /* and again; due at once, but not inside the call */
    assert_int_equal(r.rings, 1);
    RUN_UNTIL(c.l, r.rings == 2, 2000);
    clock_close(&c);
}

static void test_stop(void **state)
{
    (void)state;
    struct clock c;
    clock_open(&c);
    struct ring a = ring_of(&c), b = ring_of(&c);
    alarm_stop(c.alarms, &a.a); /* never set */
    set(&a, 2);
    set(&b, 6);
    alarm_stop(c.alarms, &a.a);
    alarm_stop(c.alarms, &a.a);
    RUN_UNTIL(c.l, b.rings, 2000);
    assert_int_equal(a.rings, 0);
    clock_close(&c);
}

/* Setting replaces: later, and earlier. */
static void test_replace(void **state)
{
    (void)state;
    struct clock c;
    clock_open(&c);
    struct ring a = ring_of(&c), b = ring_of(&c);
    set(&a, 1);
    set(&a, 30);
    set(&b, 10000);
    set(&b, 2);
    RUN_UNTIL(c.l, b.rings, 2000);
    assert_int_equal(a.rings, 0);
    RUN_UNTIL(c.l, a.rings, 2000);
    run_for(c.l, 5);
    assert_int_equal(c.rings, 2);
    clock_close(&c);
}

/* One that sets itself for now must let the loop go on. */
static void test_again_now(void **state)
{
    (void)state;
    struct clock c;
    clock_open(&c);
    struct ring r = ring_of(&c);
    r.then = AGAIN_NOW;
    set(&r, 1);
    RUN_UNTIL(c.l, r.rings >= 5, 2000);
    assert_true(r.rings < 2000);
    alarm_stop(c.alarms, &r.a);
    clock_close(&c);
}

static void test_callbacks_touch_others(void **state)
{
    (void)state;
    struct clock c;
    clock_open(&c);
    struct ring stopper = ring_of(&c), stopped = ring_of(&c), setter = ring_of(&c),
                late = ring_of(&c);
    stopper.then = STOP_OTHER;
    stopper.other = &stopped;
    setter.then = SET_OTHER;
    setter.other = &late;
    set(&stopper, 3);
    set(&stopped, 4);
    set(&setter, 4);
    usec end = loop_now_us() + 8000; /* so that all are due in one go */
    while (loop_now_us() < end)
        ;
    RUN_UNTIL(c.l, late.rings, 2000);
    assert_int_equal(stopped.rings, 0);
    assert_int_equal(stopper.rings, 1);
    clock_close(&c);
}

static void test_free_inside(void **state)
{
    (void)state;
    struct clock c;
    clock_open(&c);
    struct ring a = ring_of(&c), b = ring_of(&c);
    a.then = END_ALL;
    set(&a, 1);
    set(&b, 2);
    RUN_UNTIL(c.l, a.rings, 2000);
    run_for(c.l, 8);
    assert_int_equal(b.rings, 0);
    clock_close(&c);
    alarms_free(NULL);
}

#define MANY 2000

/* Any mix of setting, moving and stopping: those that stay set ring once, in order. */
static void test_many(void **state)
{
    (void)state;
    struct clock c;
    clock_open(&c);
    struct rand rnd;
    rand_init(&rnd, 7);
    struct ring *r = calloc(MANY, sizeof(*r));
    unsigned live = 0;
    for (unsigned i = 0; i < MANY; i++)
        r[i] = ring_of(&c);
    for (unsigned i = 0; i < 4 * MANY; i++) {
        struct ring *one = &r[rand_below(&rnd, MANY)];
        if (rand_below(&rnd, 3) == 0)
            alarm_stop(c.alarms, &one->a);
        else
            set(one, 1 + rand_below(&rnd, 40));
    }
    for (unsigned i = 0; i < MANY; i++)
        live += r[i].a.at != 0;
    assert_true(live > MANY / 3);
    RUN_UNTIL(c.l, c.rings == live, 5000);
    run_for(c.l, 3);
    assert_int_equal(c.rings, live);
    for (unsigned i = 0; i < MANY; i++)
        assert_true(r[i].rings <= 1);
    free(r);
    clock_close(&c);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct clock c;
    struct alarms *none;
    clock_open(&c);
    struct ring r = ring_of(&c);
    mem_fail_after(1);
    assert_int_equal(alarms_new(c.l, &none), RC_NOMEM);
    assert_int_equal(alarm_set(c.alarms, &r.a, loop_now(c.l) + 1), RC_NOMEM);
    mem_fail_after(0);
    assert_int_equal(r.a.at, 0);
    set(&r, 1);
    RUN_UNTIL(c.l, r.rings, 2000);
    clock_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_replace),
        cmocka_unit_test(test_again_now),
        cmocka_unit_test(test_callbacks_touch_others),
        cmocka_unit_test(test_free_inside),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
