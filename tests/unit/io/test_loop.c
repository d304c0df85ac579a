/* SPDX-License-Identifier: Apache-2.0 */
#include "net.h"

#include <pthread.h>
#include <stdlib.h>

/* ---- timers */

struct clocked {
    struct timer t; /* first */
    struct loop *l;
    unsigned fired, closed;
    msec at, again;
};

static void on_clocked(struct timer *t)
{
    struct clocked *c = (struct clocked *)t;
    c->fired++;
    c->at = loop_now(c->l);
    if (c->again) {
        timer_set(t, c->at + c->again);
        c->again = 0;
    }
}

static void on_clocked_closed(struct timer *t)
{
    ((struct clocked *)t)->closed++;
}

static void clocked_init(struct clocked *c, struct loop *l)
{
    *c = (struct clocked){.l = l};
    timer_init(&c->t, l, on_clocked);
}

static void test_timer_moves(void **state)
{
    (void)state;
    struct loop *l = need_loop();
    struct clocked a, b;
    clocked_init(&a, l);
    clocked_init(&b, l);
    loop_turn(l, false);
    msec t0 = loop_now(l);
    timer_set(&a.t, t0 + 10);
    msec armed = a.t.armed;
    timer_set(&a.t, t0 + 300); /* later: only a store */
    assert_int_equal(a.t.armed, armed);
    timer_set(&b.t, t0 + 400);
    timer_set(&b.t, t0 + 5); /* earlier: armed anew */
    RUN_UNTIL(l, b.fired, 1000);
    assert_true(b.at >= t0 + 5 && b.at < t0 + 300);
    assert_int_equal(a.fired, 0);
    RUN_UNTIL(l, a.fired, 1000);
    assert_true(a.at >= t0 + 300);
    run_for(l, 150);
    assert_int_equal(a.fired, 1);
    assert_int_equal(b.fired, 1);
    timer_close(&a.t, on_clocked_closed);
    timer_close(&b.t, on_clocked_closed);
    loop_free(l);
    assert_int_equal(a.closed + b.closed, 2);
}

static void test_timer_stops(void **state)
{
    (void)state;
    struct loop *l = need_loop();
    struct clocked a;
    clocked_init(&a, l);
    timer_set(&a.t, loop_now(l) + 5);
    timer_stop(&a.t);
    run_for(l, 15);
    assert_int_equal(a.fired, 0);
    a.again = 5;
    timer_set(&a.t, loop_now(l) + 1); /* and a callback may set it again */
    RUN_UNTIL(l, a.fired == 2, 1000);
    timer_set(&a.t, loop_now(l) + 1);
    timer_close(&a.t, on_clocked_closed); /* closed while set: never fires */
    run_for(l, 10);
    assert_int_equal(a.fired, 2);
    assert_int_equal(a.closed, 1);
    loop_free(l);
}

/* ---- deferred */

struct step {
    struct deferred d; /* first */
    struct loop *l;
    unsigned ran;
    bool again;
    struct step *cancel;
};

static void on_step(struct deferred *d)
{
    struct step *s = (struct step *)d;
    s->ran++;
    if (s->again)
        loop_defer(s->l, d);
    if (s->cancel)
        deferred_cancel(&s->cancel->d);
}

static void test_deferred(void **state)
{
    (void)state;
    struct loop *l = need_loop();
    struct step a = {.d.fn = on_step, .l = l}, b = a, c = a;
    a.cancel = &b;
    assert_false(deferred_is_waiting(&a.d));
    deferred_cancel(&a.d); /* never queued: nothing */
    loop_defer(l, &a.d);
    loop_defer(l, &a.d);
    loop_defer(l, &b.d);
    loop_defer(l, &c.d);
    assert_int_equal(a.ran, 0); /* never inside */
    assert_true(deferred_is_waiting(&b.d));
    loop_turn(l, false);
    assert_int_equal(a.ran, 1);
    assert_int_equal(b.ran, 0); /* cancelled by one of its own batch */
    assert_int_equal(c.ran, 1);
    loop_free(l);
}

static void on_stop(struct timer *t)
{
    loop_stop(t->loop);
}

/* One that defers itself for ever neither starves timers nor lets the poll block. */
static void test_deferred_again(void **state)
{
    (void)state;
    struct loop *l = need_loop();
    struct step a = {.d.fn = on_step, .l = l, .again = true};
    struct timer t;
    timer_init(&t, l, on_stop);
    timer_set(&t, loop_now(l) + 20);
    loop_defer(l, &a.d);
    loop_run(l);
    assert_true(a.ran > 10);
    deferred_cancel(&a.d);
    timer_close(&t, NULL);
    loop_free(l);
}

/* ---- mail */

#define SENDERS 4
#define LETTERS 5000

struct letter {
    struct mail m; /* first */
    struct box *box;
    unsigned sender, number;
};

struct box {
    struct loop *l;
    unsigned next[SENDERS]; /* read and written on the loop's thread */
    unsigned got;
};

static void on_letter(struct mail *m)
{
    struct letter *x = (struct letter *)m;
    struct box *b = x->box;
    assert_int_equal(b->next[x->sender], x->number);
    b->next[x->sender]++;
    free(x);
    if (++b->got == SENDERS * LETTERS)
        loop_stop(b->l);
}

struct sender {
    struct box *box;
    unsigned id;
};

static void *send_letters(void *arg)
{
    struct sender *s = arg;
    for (unsigned i = 0; i < LETTERS; i++) {
        struct letter *x = malloc(sizeof(*x));
        *x = (struct letter){.m.fn = on_letter, .box = s->box, .sender = s->id, .number = i};
        loop_post(s->box->l, &x->m);
    }
    return NULL;
}

static void test_mail_from_threads(void **state)
{
    (void)state;
    struct box b = {.l = need_loop()};
    struct sender senders[SENDERS];
    pthread_t threads[SENDERS];
    for (unsigned i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){&b, i};
        assert_int_equal(pthread_create(&threads[i], NULL, send_letters, &senders[i]), 0);
    }
    loop_run(b.l);
    for (unsigned i = 0; i < SENDERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(b.next[i], LETTERS);
    }
    loop_free(b.l);
}

struct late {
    struct mail m; /* first */
    unsigned ran;
};

static void on_late(struct mail *m)
{
    ((struct late *)m)->ran++;
}

static void test_mail_at_the_end(void **state)
{
    (void)state;
    struct loop *l = need_loop();
    struct late a = {.m.fn = on_late}, b = a;
    loop_post(l, &a.m);
    loop_post(l, &b.m);
    loop_free(l); /* mail is delivered exactly once, also now */
    assert_int_equal(a.ran, 1);
    assert_int_equal(b.ran, 1);
}

static void test_clocks(void **state)
{
    (void)state;
    struct loop *l = need_loop();
    assert_true(loop_now(l) > 0);
    uint64_t unix_ms = loop_unix_ms(l), real = (uint64_t)time(NULL) * 1000;
    assert_true(unix_ms + 2000 > real && unix_ms < real + 2000);
    usec a = loop_now_us(), b = loop_now_us();
    assert_true(b >= a);
    loop_free(l);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct loop *l = NULL;
    for (size_t n = 1; n < 10 && !l; n++) {
        mem_fail_after(n);
        enum rc rc = loop_new(&l);
        mem_fail_after(0);
        assert_true(rc == RC_OK || (rc == RC_NOMEM && !l));
    }
    assert_non_null(l);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timer_moves),
        cmocka_unit_test(test_timer_stops),
        cmocka_unit_test(test_deferred),
        cmocka_unit_test(test_deferred_again),
        cmocka_unit_test(test_mail_from_threads),
        cmocka_unit_test(test_mail_at_the_end),
        cmocka_unit_test(test_clocks),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
