/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_clients - clients that go away, half-close, stall or dawdle: rows D1 to D9 of the fault
 * matrix, with limits of a tenth of a second where a user would set ten.
 */
#include "cli.h"

/* The loop's clock stands still between two turns: what begins there begins a little early. */
#define STALE 50

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static void start(struct site *s, struct cli *c, const char *request)
{
    unsigned requests = s->requests;
    cli_open(c, s);
    cli_put(c, request);
    UNTIL(s, c, s->requests == requests + 1);
}

static void done(struct site *s)
{
    expect_alive(s);
    expect_quiet(s);
    site_close(s);
}

static unsigned ms_since(usec from)
{
    return (unsigned)((loop_now_us() - from) / 1000);
}

/* ---- D1, D2: gone in the middle, and before the answer */

static void leaves(const char *request, bool reset, bool read_first)
{
    struct site s;
    struct cli c;
    site_open(&s);
    start(&s, &c, request);
    run_for(&s, read_first ? &c : NULL, 10);
    usec from = loop_now_us();
    if (reset)
        cli_reset(&c);
    else
        cli_close(&c);
    UNTIL(&s, NULL, s.gone == 1);
    assert_true(ms_since(from) < 1000);
    assert_int_equal(s.sent, 0);
    assert_int_equal(server_requests(s.server), 0);
    done(&s);
}

static void test_d1_gone_in_mid_stream(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        leaves(GET("/open"), i & 1, i & 2);
}

static void test_d2_gone_before_the_answer(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        leaves(GET("/wait"), i & 1, true);
}

/* Nothing may be written to a client whose connection is kept busy by its own pipeline: the reset
 * must be noticed all the same. */
static void test_d2_gone_while_paused(void **state)
{
    (void)state;
    struct site s;
    struct cli c;
    site_open(&s);
    start(&s, &c, GET("/wait"));
    cli_send(&c, s.pattern, 1u << 20);
    UNTIL(&s, &c, site_conn(&s)->paused);
    cli_reset(&c);
    UNTIL(&s, NULL, s.gone == 1);
    done(&s);
}

/* ---- D3: half-closed, and waiting */

static void half_closed(const char *request, const char *want, unsigned ms)
{
    struct site s;
    struct cli c;
    struct answer a;
    site_open(&s);
    start(&s, &c, request);
    cli_fin(&c);
    run_for(&s, &c, ms);
    assert_int_equal(s.gone, 0);
    site_answer(&s);
    EXPECT(&c, &a, 200);
    assert_true(a.whole);
    assert_true(a.interim <= PROBE_INTERIM);
    if (str_find(a.body, str_c(want)) == SIZE_MAX)
        fail_msg("no \"%s\" in \"%.*s\"", want, (int)a.body.n, a.body.p);
    EXPECT_END(&c);
    assert_int_equal(s.sent, 1);
    cli_close(&c);
    done(&s);
}

static void test_d3_half_close(void **state)
{
    (void)state;
    half_closed("POST /wait HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", "hello", 500);
    half_closed("POST /wait HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello", "hello", 200);
    half_closed(GET("/open"), "data: 0\n\n: ping\n\n", 300);
    half_closed(GET("/open"), "data: 0\n\n: ping\n\ndata: end\n\n", 10);
    half_closed("GET /open HTTP/1.0\r\n\r\n", "data: 0\n\n: ping\n\ndata: end\n\n", 10);
}

/* The FIN finds a reply that is all given and not all taken: whole, by reference and in a stream.
 */
static void half_closed_reader(const char *request, size_t n)
{
    struct site s;
    struct cli c;
    struct answer a;
    site_open(&s);
    cli_open_small(&c, &s);
    c.stopped = true;
    cli_put(&c, request);
    UNTIL(&s, &c, s.requests == 1 && site_conn(&s)->req->draining);
    cli_fin(&c);
    run_for(&s, &c, 250); /* probes are due */
    c.stopped = false;
    EXPECT(&c, &a, 200);
    assert_true(a.whole);
    assert_int_equal(a.body.n, n);
    assert_memory_equal(a.body.p, s.pattern, n);
    EXPECT_END(&c);
    assert_int_equal(s.sent, 1);
    assert_int_equal(s.gone, 0);
    cli_close(&c);
    done(&s);
}

static void test_d3_half_close_while_reading(void **state)
{
    (void)state;
    half_closed_reader(GET("/big?4000000"), 4000000);
    half_closed_reader(GET("/flow?250000"), 250000); /* less than the handler's bound: all queued */
    half_closed_reader("GET /flow?250000 HTTP/1.0\r\n\r\n", 250000);
}

static void test_d3_half_close_behind_a_pipeline(void **state)
{
    (void)state;
    static const char *const paths[] = {"/echo", "/later"};
    struct site s;
    struct cli c;
    struct answer a;
    char text[1024];
    site_open(&s);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        unsigned sent = s.sent;
        size_t n = 0;
        for (int k = 0; k < 4; k++)
            n += (size_t)snprintf(text + n, sizeof(text) - n, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n",
                                  k == 1 ? "/wait" : paths[i]);
        cli_open(&c, &s);
        cli_put(&c, text);
        cli_fin(&c);
        EXPECT(&c, &a, 200);
        UNTIL(&s, &c, !list_is_empty(&s.waiting));
        run_for(&s, &c, 10);
        site_answer(&s);
        for (int k = 0; k < 3; k++)
            EXPECT(&c, &a, 200);
        EXPECT_END(&c);
        assert_false(c.reset);
        assert_int_equal(s.sent, sent + 4);
        cli_close(&c);
    }
    assert_int_equal(s.gone, 0);
    cli_open(&c, &s); /* but a message that stops in the middle is none */
    cli_put(&c, GET("/echo") "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhell");
    EXPECT(&c, &a, 200);
    cli_fin(&c);
    EXPECT_END(&c);
    cli_close(&c);
    done(&s);
}

/* Half-closed first, and dead later: only the next probe can tell. */
static void test_d3_dies_later(void **state)
{
    (void)state;
    struct site s;
    struct cli c;
    site_open(&s);
    start(&s, &c, GET("/wait"));
    cli_fin(&c);
    run_for(&s, &c, 300);
    assert_int_equal(s.gone, 0);
    cli_close(&c);
    UNTIL(&s, NULL, s.gone == 1);
    done(&s);
}

/* ---- D4 */

static void test_d4_closes_after_the_last_byte(void **state)
{
    (void)state;
    struct site s;
    struct cli c;
    struct answer a;
    site_open(&s);
    for (int i = 0; i < 20; i++) {
        cli_open(&c, &s);
        cli_put(&c, i & 1 ? GET("/events?5") : GET("/big?60000"));
        EXPECT(&c, &a, 200);
        if (i & 2)
            cli_reset(&c);
        else
            cli_close(&c);
        expect_quiet(&s);
    }
    assert_int_equal(s.sent, 20);
    assert_int_equal(s.gone, 0);
    cli_open_small(&c, &s); /* but with most of it still here it was an abort */
    cli_put(&c, GET("/big?8000000"));
    UNTIL(&s, &c, c.n > 10000);
    cli_close(&c);
    expect_quiet(&s);
    assert_int_equal(s.sent, 20);
    assert_int_equal(s.gone, 1);
    done(&s);
}

/* ---- D5 */

static void set_write_ms(struct site *s, msec ms)
{
    struct server_limits l = s->limits;
    l.write_ms = ms;
    site_set(s, l);
}

static void stalls(const char *request, bool fin)
{
    struct site s;
    struct cli c;
    site_open(&s);
    set_write_ms(&s, 200);
    cli_open_small(&c, &s);
    c.stopped = true;
    cli_put(&c, request);
    UNTIL(&s, &c, s.requests == 1);
    if (fin)
        cli_fin(&c);
    usec from = loop_now_us();
    UNTIL(&s, &c, s.gone == 1);
    assert_in_range(ms_since(from), 150, 3000);
    assert_true(s.most_queued < FLOW_QUEUE + 40000);
    assert_int_equal(s.sent, 0);
    c.stopped = false;
    UNTIL(&s, &c, c.eof);
    assert_true(c.reset); /* the kernel keeps nothing for it */
    cli_close(&c);
    done(&s);
}

static void test_d5_stalled_reader(void **state)
{
    (void)state;
    stalls(GET("/flow?100000000"), false);
    stalls(GET("/flow?100000000"), true);
    stalls(GET("/flow?250000"), false);
    stalls(GET("/big?8000000"), false);
    stalls(GET("/big?8000000"), true);
}

/* Slow is not stalled: it takes far longer than the limit, in steps smaller than what is in flight.
 */
static void test_d5_slow_reader(void **state)
{
    (void)state;
    struct site s;
    struct cli c;
    struct answer a;
    site_open(&s);
    set_write_ms(&s, 300);
    cli_open_small(&c, &s);
    c.read_max = 0;
    cli_put(&c, GET("/big?400000"));
    for (int i = 0; i < 20; i++) {
        c.read_max += 8192;
        run_for(&s, &c, 60);
        assert_int_equal(s.gone, 0);
    }
    assert_int_equal(s.sent, 0);
    c.read_max = SIZE_MAX;
    EXPECT(&c, &a, 200);
    assert_int_equal(a.body.n, 400000);
    assert_memory_equal(a.body.p, s.pattern, 400000);
    cli_close(&c);
    done(&s);
}

/* ---- D6 */

#define CROWD 100

static void test_d6_stalled_among_others(void **state)
{
    (void)state;
    struct site s;
    struct cli *stalled = calloc(CROWD, sizeof(*stalled)), c;
    struct answer a;
    site_open(&s);
    for (int i = 0; i < CROWD; i++) {
        cli_open_small(&stalled[i], &s);
        stalled[i].stopped = true;
        cli_put(&stalled[i], GET("/flow?100000000"));
    }
    UNTIL(&s, NULL, s.requests == CROWD);
    usec slowest = 0;
    for (int i = 0; i < CROWD; i++) {
        usec from = loop_now_us();
        cli_open(&c, &s);
        cli_put(&c, GET("/big?20000"));
        EXPECT(&c, &a, 200);
        usec took = loop_now_us() - from;
        slowest = took > slowest ? took : slowest;
        cli_close(&c);
    }
    assert_true(slowest < 1000000);
    assert_int_equal(s.gone, 0);
    for (int i = 0; i < CROWD; i++)
        cli_close(&stalled[i]);
    free(stalled);
    expect_quiet(&s);
    assert_int_equal(s.gone, CROWD);
    done(&s);
}

/* ---- D7 */

/* One byte every few milliseconds, until an answer comes: the deadline is for the whole. */
static void dawdle(struct site *s, struct cli *c, const char *text, struct answer *a)
{
    size_t at = 0;
    while (!cli_next(c, false, a)) {
        assert_true(at < strlen(text)); /* or it is done before it is refused */
        cli_send(c, text + at++, 1);
        run_for(s, c, 4);
    }
}

static void test_d7_slow_head(void **state)
{
    (void)state;
    struct site s;
    struct cli c, other;
    struct answer a;
    site_open(&s);
    struct server_limits l = s.limits;
    l.head_ms = 200;
    site_set(&s, l);
    cli_open(&other, &s);
    for (int i = 0; i < 2; i++) {
        cli_open(&c, &s);
        if (i) { /* also the second one of a connection */
            cli_put(&c, GET("/echo"));
            EXPECT(&c, &a, 200);
        }
        usec from = loop_now_us();
        dawdle(&s, &c, GET("/dawdling-dawdling-dawdling-dawdling-dawdling-dawdling-dawdling"), &a);
        assert_int_equal(a.status, 408);
        assert_false(a.keep_alive);
        assert_in_range(ms_since(from), 200 - STALE, 3000);
        assert_int_equal(s.refused[REFUSE_TIMEOUT], i + 1);
        cli_put(&other, GET("/big?1000"));
        EXPECT(&other, &a, 200);
        cli_fin(&c);
        EXPECT_END(&c);
        cli_close(&c);
    }
    cli_close(&other);
    done(&s);
}

/* ---- D8 */

static void slow_body(struct server_limits l, const char *head, unsigned least)
{
    struct site s;
    struct cli c;
    struct answer a;
    site_open(&s);
    site_set(&s, l);
    cli_open(&c, &s);
    cli_put(&c, head);
    usec from = loop_now_us();
    dawdle(&s, &c,
           "1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n1"
           "\r\nx\r\n1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n",
           &a);
    assert_int_equal(a.status, 408);
    assert_false(a.keep_alive);
    assert_in_range(ms_since(from), least - STALE, 4000);
    assert_int_equal(s.refused[REFUSE_TIMEOUT], 1);
    assert_int_equal(s.requests, 0);
    cli_fin(&c);
    EXPECT_END(&c);
    cli_close(&c);
    done(&s);
}

static void test_d8_slow_body(void **state)
{
    (void)state;
    struct server_limits l = site_limits();
    l.body_grace_ms = 150;
    l.body_min_rate = 10000;
    slow_body(l, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n", 150);
    slow_body(l, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 150);
    l = site_limits();
    l.body_total_ms = 250; /* fast enough, and yet too long */
    l.body_grace_ms = 50;
    l.body_min_rate = 0;
    slow_body(l, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n", 250);
}

static void test_d8_fast_enough(void **state)
{
    (void)state;
    struct site s;
    struct cli c;
    struct answer a;
    site_open(&s);
    struct server_limits l = s.limits;
    l.body_grace_ms = 50;
    l.body_min_rate = 50;
    site_set(&s, l);
    cli_open(&c, &s);
    cli_put(&c, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 6000\r\n\r\n");
    usec from = loop_now_us();
    for (size_t at = 0; at < 6000; at += 40) {
        cli_send(&c, s.pattern + at, 40);
        run_for(&s, &c, 2);
        assert_int_equal(s.refused[REFUSE_TIMEOUT], 0);
    }
    EXPECT(&c, &a, 200);
    assert_true(ms_since(from) > 150);
    cli_close(&c);
    done(&s);
}

/* ---- D9 */

static void test_d9_idle(void **state)
{
    (void)state;
    struct site s;
    struct cli *idle = calloc(CROWD, sizeof(*idle)), blank;
    struct answer a;
    site_open(&s);
    struct server_limits l = s.limits;
    l.idle_ms = 300;
    site_set(&s, l);
    usec from = loop_now_us();
    for (int i = 0; i < CROWD; i++) {
        cli_open(&idle[i], &s);
        if (i % 2) {
            cli_put(&idle[i], GET("/echo"));
            EXPECT(&idle[i], &a, 200);
        }
    }
    cli_open(&blank, &s);
    run_for(&s, &blank, 150);
    cli_put(&blank, "\r\n"); /* an empty line is nothing, and buys no time */
    EXPECT_END(&blank);
    assert_in_range(ms_since(from), 300 - STALE, 9000);
    for (int i = 0; i < CROWD; i++) {
        EXPECT_END(&idle[i]); /* without a word */
        assert_false(idle[i].reset);
        cli_close(&idle[i]);
    }
    free(idle);
    cli_close(&blank);
    expect_quiet(&s);
    done(&s);
}

/* ---- gone at every byte */

static void leave(struct cli *c, size_t k)
{
    if (k % 3 == 0)
        cli_reset(c);
    else if (k % 3 == 1)
        cli_close(c);
    else {
        cli_fin(c);
        run_for(c->site, c, 1);
        cli_close(c);
    }
}

static void test_gone_at_every_byte_of_a_request(void **state)
{
    (void)state;
    static const char *const requests[] = {
        "POST /wait?a HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world",
        ("POST /later HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
         "5\r\nhello\r\n0\r\n\r\n"),
        "POST /deny HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world",
    };
    struct site s;
    struct cli c;
    site_open(&s);
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        for (size_t k = 0; k <= strlen(requests[i]); k++) {
            cli_open(&c, &s);
            cli_send(&c, requests[i], k);
            turn(&s, &c);
            turn(&s, &c);
            leave(&c, k);
            UNTIL(&s, NULL, server_conns(s.server) == 0);
            assert_int_equal(server_requests(s.server), 0);
        }
    }
    assert_true(s.gone > 20 && s.sent > 2);
    done(&s);
}

static void gone_in_reply(const char *request, size_t step, bool small)
{
    struct site s;
    struct cli c;
    struct answer a;
    site_open(&s);
    start(&s, &c, request);
    EXPECT(&c, &a, 200);
    size_t most = c.n; /* large ones: the last part is in the kernel's hands, and sent */
    cli_close(&c);
    for (size_t k = 0; k <= most; k += step) {
        cli_open_as(&c, &s, small);
        c.read_max = k;
        cli_put(&c, request);
        UNTIL(&s, &c, c.n == k && s.requests == k / step + 2);
        leave(&c, k / step);
        UNTIL(&s, NULL, server_conns(s.server) == 0);
        assert_int_equal(server_requests(s.server), 0);
    }
    assert_int_equal(s.requests, s.sent + s.gone);
    if (small)
        assert_true(s.gone > 0);
    done(&s);
}

static void test_gone_at_every_byte_of_a_reply(void **state)
{
    (void)state;
    gone_in_reply(GET("/events?5"), 1, false);
    gone_in_reply(GET("/big?50"), 1, false);
    gone_in_reply(GET("/flow?400000"), 30011, true);
    gone_in_reply(GET("/big?400000"), 30011, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_d1_gone_in_mid_stream),
        cmocka_unit_test(test_d2_gone_before_the_answer),
        cmocka_unit_test(test_d2_gone_while_paused),
        cmocka_unit_test(test_d3_half_close),
        cmocka_unit_test(test_d3_half_close_while_reading),
        cmocka_unit_test(test_d3_half_close_behind_a_pipeline),
        cmocka_unit_test(test_d3_dies_later),
        cmocka_unit_test(test_d4_closes_after_the_last_byte),
        cmocka_unit_test(test_d5_stalled_reader),
        cmocka_unit_test(test_d5_slow_reader),
        cmocka_unit_test(test_d6_stalled_among_others),
        cmocka_unit_test(test_d7_slow_head),
        cmocka_unit_test(test_d8_slow_body),
        cmocka_unit_test(test_d8_fast_enough),
        cmocka_unit_test(test_d9_idle),
        cmocka_unit_test(test_gone_at_every_byte_of_a_request),
        cmocka_unit_test(test_gone_at_every_byte_of_a_reply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
