/* SPDX-License-Identifier: Apache-2.0 */
/* The configured limits of a provider: never more than so many in any minute, and none lost. */
#include "../unit.h"

#include <pthread.h>

#include "route/meter.h"

#define START UINT64_C(1000003) /* in the middle of a slice */

static struct meters all;
static struct meter *m;

static int setup(void **unused)
{
    (void)unused;
    memset(&all, 0, sizeof(all));
    m = meter_take(&all, 42);
    return m ? 0 : -1;
}

/* Sends as often as it may; how many went out in each millisecond of five minutes. */
static uint16_t sent[300000];

static void storm(const struct conf_rates *limits)
{
    msec at;
    memset(sent, 0, sizeof(sent));
    for (msec t = 0; t < 300000; t++) {
        while (meter_look(m, limits, 100, START + t, &at) == METER_FITS) {
            struct meter_share s = {0};
            meter_begin(m, 100, START + t, &s);
            meter_end(&s, 0);
            sent[t]++;
        }
        assert_true(at > START + t && at <= START + t + 65000); /* when to come again */
    }
}

static void test_no_minute_has_more(void **unused)
{
    (void)unused;
    const struct conf_rates limits = {.rpm = 60};
    storm(&limits);
    unsigned window = 0, most = 0, total = 0;
    for (unsigned t = 0; t < 300000; t++) {
        window += sent[t];
        window -= t >= 60000 ? sent[t - 60000] : 0;
        most = window > most ? window : most;
        total += sent[t];
    }
    assert_int_equal(most, 60);
    assert_true(total >= 60 * 300 / 65 && total <= 300);
}

static void test_tokens_are_set_right(void **unused)
{
    (void)unused;
    const struct conf_rates limits = {.tpm = 1000};
    struct meter_share s = {0};
    msec at;
    meter_begin(m, 900, START, &s);
    assert_int_equal(meter_look(m, &limits, 200, START, &at), METER_LIMITED);
    meter_end(&s, 100); /* it was far less */
    meter_end(&s, 100); /* once */
    assert_int_equal(meter_look(m, &limits, 200, START, &at), METER_FITS);
    assert_true(meter_room(m, &limits, START) > 0.89 && meter_room(m, &limits, START) < 0.91);
    meter_begin(m, 100, START, &s);
    meter_end(&s, 2000); /* or more */
    assert_true(meter_room(m, &limits, START) == 0.0);
    assert_int_equal(meter_look(m, &limits, 5000, START + 70000, &at), METER_FITS); /* all of it */
}

static void test_what_is_over_is_not_touched(void **unused)
{
    (void)unused;
    const struct conf_rates limits = {.tpm = 1000};
    struct meter_share s = {0}, later = {0};
    meter_begin(m, 900, START, &s);
    const msec again = START + METER_SLICES * METER_SLICE_MS; /* the same cell, another slice */
    meter_begin(m, 500, again, &later);
    meter_end(&s, 1);
    assert_true(meter_room(m, &limits, again) == 0.5);
    meter_end(&later, 0);
}

static void test_concurrency(void **unused)
{
    (void)unused;
    const struct conf_rates limits = {.concurrency = 2};
    struct meter_share a = {0}, b = {0};
    msec at;
    meter_begin(m, 1, START, &a);
    assert_int_equal(meter_look(m, &limits, 1, START, &at), METER_FITS);
    meter_begin(m, 1, START, &b);
    assert_int_equal(meter_look(m, &limits, 1, START, &at), METER_BUSY);
    assert_true(at > START);
    meter_end(&a, 0);
    assert_int_equal(meter_look(m, &limits, 1, START, &at), METER_FITS);
    meter_end(&b, 0);
}

/* By identity; and what nobody holds any more makes room, the last of all what has counts. */
static void test_found_by_identity(void **unused)
{
    (void)unused;
    const struct conf_rates limits = {.rpm = 1};
    struct meter *others[METERS_MAX];
    struct meter_share s = {0};
    msec at;
    assert_ptr_equal(meter_take(&all, 42), m); /* held twice by now */
    for (uint64_t i = 0; i < METERS_MAX - 1; i++) {
        others[i] = meter_take(&all, 1000 + i);
        assert_non_null(others[i]);
        assert_ptr_not_equal(others[i], m);
    }
    assert_null(meter_take(&all, 7));
    meter_give(&all, others[0]);
    assert_ptr_equal(meter_take(&all, 7), others[0]);

    meter_begin(m, 10, START, &s);
    meter_end(&s, 0);
    meter_give(&all, m);
    assert_null(meter_take(&all, 8));
    meter_give(&all, m);
    assert_ptr_equal(meter_take(&all, 42), m); /* out and in again within a minute */
    assert_int_equal(meter_look(m, &limits, 1, START + 1000, &at), METER_LIMITED);
    meter_give(&all, m);
    assert_ptr_equal(meter_take(&all, 9), m); /* another's: it begins with nothing */
    assert_int_equal(meter_look(m, &limits, 1, START + 1000, &at), METER_FITS);
    meter_give(&all, NULL);
}

/* ---- workers that hold and let go at once */

enum { RACERS = 4, NAMES = 6, ROUNDS = 20000 };

struct racer {
    pthread_t thread;
    unsigned n, doubles;
    _Atomic(struct meter *) holds[NAMES];
};

static struct racer racers[RACERS];

/* Nearly all places are taken, so the same few change hands all the time. */
static void *race(void *arg)
{
    struct racer *r = arg;
    for (unsigned i = 0; i < ROUNDS; i++) {
        const unsigned name = (i * 7 + r->n * (i / 64)) % NAMES;
        struct meter *mine = meter_take(&all, 5000 + name);
        if (!mine)
            continue;
        atomic_store(&r->holds[name], mine);
        for (unsigned k = 0; k < RACERS; k++) {
            const struct meter *theirs = atomic_load(&racers[k].holds[name]);
            r->doubles += theirs && theirs != mine;
        }
        atomic_store(&r->holds[name], NULL);
        meter_give(&all, mine);
    }
    return NULL;
}

static void test_one_meter_for_all(void **unused)
{
    (void)unused;
    for (unsigned i = 0; i + 1 + RACERS < METERS_MAX; i++)
        assert_non_null(meter_take(&all, 1000 + i));
    for (unsigned i = 0; i < RACERS; i++) {
        racers[i].n = i;
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    for (unsigned i = 0; i < RACERS; i++) {
        pthread_join(racers[i].thread, NULL);
        assert_int_equal(racers[i].doubles, 0);
    }
    /* None was lost: so many can be held, and no more. */
    for (unsigned i = 0; i < RACERS; i++)
        assert_non_null(meter_take(&all, 9000 + i));
    assert_null(meter_take(&all, 10000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_no_minute_has_more, setup),
        cmocka_unit_test_setup(test_tokens_are_set_right, setup),
        cmocka_unit_test_setup(test_what_is_over_is_not_touched, setup),
        cmocka_unit_test_setup(test_concurrency, setup),
        cmocka_unit_test_setup(test_found_by_identity, setup),
        cmocka_unit_test_setup(test_one_meter_for_all, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
