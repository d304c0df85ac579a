/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of targets: of all workers together, and over a restart. */
#include "../unit.h"

#include "base/arena.h"
#include <stdio.h>

#include "base/mem.h"
#include "route/record.h"

#define NEAR(a, b, by) assert_true((a) > (b) - (by) && (a) < (b) + (by))

static const struct hash_key key = {1, 2};

/* As candidate.c makes it. */
static const char id_text[] = "\1\2\3\4\5\6\7\10openai\0https://api.openai.com\0gpt-5";
#define ID str_of(id_text, sizeof(id_text))

static struct health *target(struct health_table *t, str id)
{
    struct health *h = health_get(t, id);
    assert_non_null(h);
    if (!h->window)
        h->window = mem_zalloc(sizeof(*h->window));
    return h;
}

static void serve(struct health *h, msec at, msec first, msec whole, unsigned tokens)
{
    figures_begin(&h->figures, at);
    figures_first(&h->figures, at + first, at);
    health_end(h, at + whole, at, at + first, FIGURES_SERVED, tokens);
}

static void lose(struct health *h, msec at)
{
    figures_begin(&h->figures, at);
    health_end(h, at + 10, at, 0, FIGURES_FAILED, 0);
    health_fault(h, at + 10, FAULT_TIMEOUT);
}

/* What is written is read again, `age` later, by a process whose clock has just begun. */
static void restart(struct records *from, msec now, msec then, uint64_t age, struct records *to)
{
    static struct arena a;
    struct rope r = ROPE_INIT(1u << 20);
    struct buf flat = BUF_INIT(1u << 20);
    struct json_writer w;
    struct json_doc doc;
    json_writer_init(&w, &r);
    records_write(from, &w, now);
    rope_flatten(&r, &flat);
    arena_init(&a, 1u << 20);
    assert_int_equal(json_parse(&a, buf_str(&flat), &doc, NULL), RC_OK);
    records_init(to, key);
    assert_true(records_read(to, json_root(&doc), then, age));
    arena_fini(&a);
    rope_fini(&r);
    buf_fini(&flat);
}

static void test_names(void **unused)
{
    (void)unused;
    struct record_name n;
    assert_true(record_name(ID, &n));
    assert_true(str_eq(n.provider, STR("openai")) && str_eq(n.model, STR("gpt-5")));
    assert_true(str_eq(n.origin, STR("https://api.openai.com")));
    for (size_t i = 0; i < ID.n; i++)
        assert_false(record_name(str_head(ID, i), &n)); /* cut anywhere it is none */
}

static void test_workers_add_up(void **unused)
{
    (void)unused;
    struct health_table a, b;
    struct records all;
    health_init(&a, key);
    health_init(&b, (struct hash_key){3, 4}); /* each worker has a table of its own */
    records_init(&all, key);
    for (unsigned i = 0; i < 10; i++)
        serve(target(&a, ID), 1000 + i, 100, 600, 51);
    for (unsigned i = 0; i < 10; i++)
        serve(target(&b, ID), 1000 + i, 300, 800, 51);
    lose(target(&b, ID), 2000);
    target(&b, ID)->open_until = 9000;
    figures_begin(&target(&a, ID)->figures, 2900);
    records_add_table(&all, &a, 3000);
    records_add_table(&all, &b, 3000);
    const struct record *r = records_find(&all, ID);
    assert_non_null(r);
    const struct reading seen = figures_read(&r->figures, 3000);
    NEAR(seen.first_ms, 200, 2);
    NEAR(1000 / seen.token_ms, 100, 1);
    NEAR(figures_answer_ms(&r->figures), 700, 5);
    assert_int_equal(r->figures.in_flight, 1);
    assert_int_equal(r->workers, 2);
    assert_int_equal(r->out, 1); /* one of them has broken with it */
    assert_int_equal(window_read(&r->window, 3000).attempts, 21);
    assert_true(record_is_target(r));
    records_fini(&all);
    health_fini(&a);
    health_fini(&b);
}

static void test_p5_a_restart_remembers(void **unused)
{
    (void)unused;
    struct health_table t, next;
    struct records all, kept;
    const struct quota_said said = {
        .limit = 2,
        .left = 2,
        .reset = 2,
        .of = {[QUOTA_TOKENS] = {.limit = 1000, .left = 10, .reset_ms = 40000}}};
    const msec now = 500000;
    health_init(&t, key);
    health_init(&next, key);
    records_init(&all, key);
    struct health *h = target(&t, ID);
    for (unsigned i = 0; i < 60; i++)
        serve(h, now - 2000 + i, 250, 250, 1);
    for (unsigned i = 0; i < 20; i++)
        lose(h, now - 1000 + i);
    figures_bill(&h->figures, &(struct figures_bill){.usd = 3e6, .prompt = 100, .cached = 40});
    h->open_until = now + 20000;
    h->openings = 3;
    h->outlier.ejections = 4;
    h->cool_until = now + 3000;
    h->outlier.ejected_until = now - 1; /* is over, and no matter */
    quota_learn(&h->quota, &said, now);
    records_add_table(&all, &t, now);

    /* Five seconds later, on a machine that has just begun to count its own time. */
    restart(&all, now, 700, 5000, &kept);
    struct health *h2 = target(&next, ID);
    record_restore(records_find(&kept, ID), h2);
    const double errors = figures_read(&h->figures, now).error_rate;
    NEAR(figures_read(&h2->figures, 700).error_rate, errors, 0.1);
    assert_true(errors > 0.4);
    NEAR(figures_read(&h2->figures, 700).first_ms, 250, 5);
    NEAR(figures_cached(&h2->figures), 0.4, 0.01);
    assert_true(h2->figures.n <= FIGURES_REMEMBERED + 0.01); /* new calls soon outweigh it */
    assert_int_equal(h2->figures.in_flight, 0);
    assert_int_equal(h2->open_until, 700 + 15000);
    assert_int_equal(health_state(h2, 700), HEALTH_OPEN);
    assert_int_equal(health_state(h2, 16000), HEALTH_HALF_OPEN); /* and then one call finds out */
    assert_int_equal(h2->openings, 3);
    assert_int_equal(h2->outlier.ejections, 4);
    assert_true(h2->cool_until <= 700);
    assert_int_equal(h2->outlier.ejected_until, 0);
    assert_int_equal(quota_ready_at(&h2->quota, &(struct quota_need){100, 1}, 700), 700 + 35000);
    records_fini(&kept);

    /* A day later: nothing is out any more, but who was broken is tried by one call first; what it
     * usually takes is still known. */
    restart(&all, now, 700, 24 * 3600000, &kept);
    health_fini(&next);
    health_init(&next, key);
    h2 = target(&next, ID);
    record_restore(records_find(&kept, ID), h2);
    assert_int_equal(health_state(h2, 701), HEALTH_HALF_OPEN);
    assert_int_equal(h2->openings, 0);
    assert_int_equal(h2->outlier.ejections, 0);
    assert_true(figures_read(&h2->figures, 700).error_rate < 0.001);
    NEAR(h2->figures.usual_ms, 250, 1);
    assert_int_equal(quota_ready_at(&h2->quota, &(struct quota_need){100, 1}, 700), 0);
    records_fini(&kept);

    /* Two weeks later it is nobody's any more. */
    restart(&all, now, 700, UINT64_C(14) * 24 * 3600000, &kept);
    assert_null(records_find(&kept, ID));
    records_fini(&kept);
    records_fini(&all);
    health_fini(&t);
    health_fini(&next);
}

/* What broke often last week has as much credit today as it would have without a restart. */
static void test_openings_become_fewer(void **unused)
{
    (void)unused;
    static const struct {
        msec closed;  /* so long before the file was written; 0: half-open */
        uint64_t age; /* of the file */
        unsigned openings;
    } rows[] = {
        {1, 0, 4},       {1, 25000, 2},   {15000, 5000, 3}, {15000, 25000, 1},
        {1, 3600000, 0}, {3600000, 0, 0}, {0, 0, 4}, /* nobody has found out yet */
        {0, 15000, 3},
    };
    const msec now = 5000000, then = 700;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct health_table t, next;
        struct records all, kept;
        health_init(&t, key);
        health_init(&next, key);
        records_init(&all, key);
        struct health *h = target(&t, ID);
        serve(h, now - 10, 1, 2, 1);
        h->openings = 4;
        h->closed_at = rows[i].closed ? now - rows[i].closed : 0;
        h->open_until = rows[i].closed ? 0 : now - 1;
        records_add_table(&all, &t, now);
        restart(&all, now, then, rows[i].age, &kept);
        h = target(&next, ID);
        record_restore(records_find(&kept, ID), h);
        assert_int_equal(h->openings, rows[i].openings);
        assert_int_equal(h->closed_at, rows[i].closed ? then : 0);
        const msec at = then + HEALTH_CALM_MS - 1; /* one second more, and it had one less */
        for (unsigned n = 0; n < HEALTH_FAIL_MAX && !(h->open_until > at); n++)
            health_failure(h, false, at);
        assert_int_equal(h->open_until, at + (rows[i].openings + 1) * (msec)HEALTH_OPEN_MS);
        records_fini(&kept);
        records_fini(&all);
        health_fini(&t);
        health_fini(&next);
    }
}

/* A limit of the day that is full in ten hours is full in six when four have gone by, however often
 * the process was started meanwhile and whether the target was called or not. */
static void test_limits_end_in_their_time(void **unused)
{
    (void)unused;
    enum { HOUR = 3600000 };
    struct records said, kept, next, last;
    records_init(&said, key);
    struct record *r = records_take(&said, ID);
    r->said = (struct quota_said){
        .limit = 6,
        .left = 6,
        .reset = 6,
        .refills = 1 << QUOTA_INPUT,
        .of = {[QUOTA_TOKENS] = {.limit = 1000, .left = 10, .reset_ms = 10 * HOUR},
               [QUOTA_INPUT] = {.limit = 1000, .left = 0, .reset_ms = 10 * HOUR}}};
    r->said_at = r->heard = 5;
    restart(&said, 5, 700, HOUR, &kept); /* an hour between the two */
    records_init(&next, key);
    records_inherit(&next, &kept, 700 + 3 * HOUR); /* three hours in which nobody called it */
    restart(&next, 700 + 3 * HOUR, 900, 0, &last);
    assert_non_null(r = records_find(&last, ID));
    assert_int_equal(r->said.of[QUOTA_TOKENS].reset_ms, 6 * HOUR);
    assert_int_equal(r->said.of[QUOTA_TOKENS].left, 10);
    assert_int_equal(r->said.of[QUOTA_INPUT].reset_ms, 6 * HOUR);
    assert_in_range(r->said.of[QUOTA_INPUT].left, 395, 405); /* a bucket fills all the time */
    records_fini(&last);
    restart(&next, 700 + 12 * HOUR, 900, 0, &last);
    assert_non_null(r = records_find(&last, ID));
    assert_int_equal(r->said.of[QUOTA_TOKENS].left, 1000);
    records_fini(&last);
    records_fini(&next);
    records_fini(&kept);
    records_fini(&said);
}

/* Who was not called since the start stays remembered; who was is known anew. */
static void test_untouched_ones_are_carried_on(void **unused)
{
    (void)unused;
    struct records old, all;
    struct record *r;
    records_init(&old, key);
    records_init(&all, key);
    records_take(&old, ID)->figures =
        (struct figures){.at = 1000, .n = 8, .failed = 2, .usual_n = 1};
    records_take(&old, STR("x"))->figures.n = 1;
    records_take(&all, STR("x"))->figures.n = 5;
    records_inherit(&all, &old, 1000);
    assert_non_null(r = records_find(&all, ID));
    NEAR(r->figures.n, 8, 0.1);
    assert_int_equal(r->workers, 0);
    NEAR(records_find(&all, STR("x"))->figures.n, 5, 0.01);
    records_fini(&old);
    records_fini(&all);
}

/* Whatever stands there: nothing is believed that makes no sense. */
static void test_nonsense_is_left_out(void **unused)
{
    (void)unused;
    static const char *const good =
        "[{\"key\":\"0102030405060708\",\"provider\":\"p\",\"origin\":\"o\",\"model\":\"m\",";
    static const struct {
        const char *rest;
        bool there;
    } rows[] = {
        {"\"n\":3,\"failed\":9}]", true}, /* more failed than there were */
        {"\"n\":-3,\"first_ms\":1e300,\"usual_n\":99999999999}]", true},
        {"\"open_ms\":18446744073709551615,\"cool_ms\":-1,\"refused_ms\":\"x\"}]", true},
        {"\"quota\":[{\"slot\":\"tokens\",\"limit\":5,\"left\":9,\"refills\":false},7,{}]}]", true},
        {"\"quota\":{\"slot\":\"tokens\"},\"faults\":[1,2]}]", true},
        {"\"idle_ms\":99999999999}]", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct records s;
        struct arena a;
        struct json_doc doc;
        struct health h = {0};
        char text[512];
        snprintf(text, sizeof(text), "%s%s", good, rows[i].rest);
        arena_init(&a, 1u << 16);
        records_init(&s, key);
        assert_int_equal(json_parse(&a, str_c(text), &doc, NULL), RC_OK);
        assert_true(records_read(&s, json_root(&doc), 1000, 0));
        assert_int_equal(s.map.count, rows[i].there);
        if (rows[i].there) {
            record_restore(list_entry(s.all.next, struct record, link), &h);
            assert_true(figures_read(&h.figures, 1000).error_rate <= 1);
            assert_int_equal(health_state(&h, 1000), HEALTH_OK);
        }
        records_fini(&s);
        arena_fini(&a);
    }
    static const char *const none[] = {"{}", "7", "[7,null,{}]", "[{\"key\":\"zz\"}]",
                                       "[{\"key\":\"01\",\"provider\":1}]"};
    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        struct records s;
        struct arena a;
        struct json_doc doc;
        arena_init(&a, 1u << 16);
        records_init(&s, key);
        assert_int_equal(json_parse(&a, str_c(none[i]), &doc, NULL), RC_OK);
        assert_int_equal(records_read(&s, json_root(&doc), 1000, 0), none[i][0] == '[');
        assert_int_equal(s.map.count, 0);
        records_fini(&s);
        arena_fini(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_workers_add_up),
        cmocka_unit_test(test_p5_a_restart_remembers),
        cmocka_unit_test(test_openings_become_fewer),
        cmocka_unit_test(test_limits_end_in_their_time),
        cmocka_unit_test(test_untouched_ones_are_carried_on),
        cmocka_unit_test(test_nonsense_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
