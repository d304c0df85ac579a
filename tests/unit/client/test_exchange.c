/* SPDX-License-Identifier: Apache-2.0 */
/* test_exchange - what goes well: bodies of all kinds, pauses, cancels, the pool and its rules. */
#include "fake.h"

#include "client/client_int.h"

#include <stdlib.h>

static void test_bodies(void **state)
{
    (void)state;
    static const struct {
        const char *reply, *body;
        unsigned status;
        bool keeps;
    } cases[] = {
        {OK_HELLO, "hello", 200, true},
        {"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "", 200, true},
        {"HTTP/1.1 204 No Content\r\n\r\n", "", 204, true},
        {"HTTP/1.1 200 OK\r\ntransfer-encoding: "
         "chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
         "hello", 200, true},
        {"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", "", 200, true},
        {"HTTP/1.1 429 Too Many\r\nretry-after: 1\r\ncontent-length: 2\r\n\r\n{}", "{}", 429, true},
        {"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}", "{}", 200, false},
        {"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}", "{}", 200, false},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" OK_HELLO,
         "hello", 200, true},
        {"HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\ncontent-length: 2\r\n\r\n{}", "{}", 200,
         false},
        {"HTTP/1.1 200 OK\r\nkeep-alive: max=9, timeout=5\r\ncontent-length: 2\r\n\r\n{}", "{}",
         200, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct scene s;
        struct probe p;
        scene_init(&s);
        s.f.reply = cases[i].reply;
        probe_init(&p, s.o, "ping", 4);
        scene_run(&s, &p);
        assert_int_equal(p.fails, 0);
        assert_int_equal(p.ends, 1);
        assert_int_equal(p.status, cases[i].status);
        assert_str(buf_str(&p.body), cases[i].body);
        assert_false(p.by_close);
        assert_int_equal(origin_idle(s.o), cases[i].keeps);
        assert_int_equal(origin_busy(s.o), 0);
        probe_fini(&p);
        scene_fini(&s);
    }
}

/* Every reply of test_bodies' kinds, one byte at a time. */
static void test_trickle(void **state)
{
    (void)state;
    static const char *const replies[] = {
        "HTTP/1.1 100 Continue\r\n\r\n" OK_HELLO,
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
        struct scene s;
        struct probe p;
        scene_init(&s);
        probe_init(&p, s.o, "ping", 4);
        exchange_start(s.c, &p.x);
        RUN_UNTIL(s.l, s.f.requests == 1, 1000);
        for (const char *r = replies[i]; *r; r++) {
            assert_false(probe_is_over(&p));
            assert_int_equal(end_send(&s.f.conns[0].end, r, 1, SOCK_COPY), RC_OK);
            run_for(s.l, 1);
        }
        RUN_UNTIL(s.l, p.ends, 1000);
        assert_str(buf_str(&p.body), "hello");
        assert_int_equal(origin_idle(s.o), 1);
        probe_fini(&p);
        scene_fini(&s);
    }
}

/* U35: a body that ends with the connection. */
static void test_until_close(void **state)
{
    (void)state;
    struct scene s;
    struct probe p;
    scene_init(&s);
    s.f.reply = "HTTP/1.1 200 OK\r\n\r\nall there is";
    s.f.close_after = 1;
    probe_init(&p, s.o, "ping", 4);
    scene_run(&s, &p);
    assert_int_equal(p.ends, 1);
    assert_true(p.by_close);
    assert_str(buf_str(&p.body), "all there is");
    assert_int_equal(origin_idle(s.o), 0);
    probe_fini(&p);
    scene_fini(&s);
}

static void test_head_request(void **state)
{
    (void)state;
    struct scene s;
    struct probe p;
    scene_init(&s);
    s.f.reply = "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n";
    probe_init(&p, s.o, NULL, 0);
    p.x.to_head = true;
    scene_run(&s, &p);
    assert_int_equal(p.ends, 1);
    assert_int_equal(buf_size(&p.body), 0);
    assert_int_equal(origin_idle(s.o), 1);
    probe_fini(&p);
    scene_fini(&s);
}

static void test_reuse(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s);
    s.f.reply = OK_HELLO;
    assert_false(scene_hello(&s));
    for (int i = 0; i < 20; i++)
        assert_true(scene_hello(&s));
    assert_int_equal(s.f.nconns, 1);
    assert_int_equal(s.f.requests, 21);
    scene_fini(&s);
}

/* The next exchange, started in on_end with the same struct, takes the same connection. */
struct chain {
    struct scene *s;
    unsigned left;
};

static void go_on(struct probe *p)
{
    struct chain *c = p->arg;
    assert_str(buf_str(&p->body), "hello");
    if (c->left == 0)
        return;
    c->left--;
    buf_clear(&p->body);
    p->ends = p->heads = 0;
    exchange_start(c->s->c, &p->x);
}

static void test_chain(void **state)
{
    (void)state;
    struct scene s;
    struct probe p;
    scene_init(&s);
    struct chain c = {&s, 100};
    s.f.reply = OK_HELLO;
    probe_init(&p, s.o, "ping", 4);
    p.on_end = go_on;
    p.arg = &c;
    exchange_start(s.c, &p.x);
    RUN_UNTIL(s.l, c.left == 0 && p.ends, 2000);
    assert_int_equal(s.f.nconns, 1);
    assert_int_equal(s.f.requests, 101);
    probe_fini(&p);
    scene_fini(&s);
}

static void test_many_at_once(void **state)
{
    (void)state;
    struct scene s;
    static struct probe p[64];
    scene_init(&s);
    s.f.reply = OK_HELLO;
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < ARRAY_LEN(p); i++) {
            probe_init(&p[i], s.o, "ping", 4);
            exchange_start(s.c, &p[i].x);
        }
        assert_int_equal(origin_busy(s.o), ARRAY_LEN(p));
        for (size_t i = 0; i < ARRAY_LEN(p); i++) {
            RUN_UNTIL(s.l, probe_is_over(&p[i]), 2000);
            assert_str(buf_str(&p[i].body), "hello");
            probe_fini(&p[i]);
        }
        assert_int_equal(origin_idle(s.o), ARRAY_LEN(p));
    }
    assert_int_equal(s.f.nconns, ARRAY_LEN(p));
    scene_fini(&s);
}

/* ---- the pool */

static void test_idle_closed_by_peer(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s);
    s.f.reply = OK_HELLO;
    (void)scene_hello(&s);
    assert_int_equal(origin_idle(s.o), 1);
    sock_close(&s.f.conns[0].end.s);
    RUN_UNTIL(s.l, origin_idle(s.o) == 0, 1000); /* seen without being used */
    assert_false(scene_hello(&s));
    fake_reset(&s.f.conns[1]);
    RUN_UNTIL(s.l, origin_idle(s.o) == 0, 1000);
    scene_fini(&s);
}

/* U10: bytes that nobody asked for. Behind a response, or on an idle connection, they poison it. */
static void test_poison(void **state)
{
    (void)state;
    static const char *const behind[] = {
        OK_HELLO "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil",
        OK_HELLO "x",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nH",
    };
    for (size_t i = 0; i < ARRAY_LEN(behind); i++) {
        struct scene s;
        scene_init(&s);
        s.f.reply = behind[i];
        assert_false(scene_hello(&s)); /* the first answer is good */
        assert_int_equal(origin_idle(s.o), 0);
        assert_false(scene_hello(&s)); /* and the next comes over a new connection */
        assert_int_equal(s.f.nconns, 2);
        scene_fini(&s);
    }
    struct scene s;
    scene_init(&s);
    s.f.reply = OK_HELLO;
    (void)scene_hello(&s);
    fake_say(&s.f.conns[0], "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil");
    RUN_UNTIL(s.l, origin_idle(s.o) == 0, 1000);
    assert_false(scene_hello(&s));
    scene_fini(&s);
}

static void test_idle_ttl(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s);
    s.f.reply = "HTTP/1.1 200 OK\r\nkeep-alive: timeout=5\r\ncontent-length: 5\r\n\r\nhello";
    (void)scene_hello(&s);
    msec now = loop_now(s.l);
    client_tick(s.c, now + 3900);
    assert_int_equal(origin_idle(s.o), 1);
    client_tick(s.c, now + 4100); /* one second before the provider would */
    assert_int_equal(origin_idle(s.o), 0);
    s.f.reply = OK_HELLO;
    (void)scene_hello(&s);
    client_tick(s.c, loop_now(s.l) + 59000);
    assert_int_equal(origin_idle(s.o), 1);
    client_tick(s.c, loop_now(s.l) + 61000);
    assert_int_equal(origin_idle(s.o), 0);
    scene_fini(&s);
}

static void test_origins(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s);
    struct origin_spec spec = {.host = STR("a.example"), .port = 443, .tls = true};
    struct origin *o = client_origin(s.c, &spec);
    assert_ptr_equal(client_origin(s.c, &spec), o);
    struct origin_spec others[8];
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        others[i] = spec;
    others[0].port = 444;
    others[1].tls = false;
    others[2].tls_no_verify = true;
    others[3].ca_file = STR("/x");
    others[4].proxy_host = STR("proxy");
    others[5].sni = STR("");
    others[6].host = STR("a.exampl");
    others[7].proxy_auth = STR("Basic eA==");
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        struct origin *other = client_origin(s.c, &others[i]);
        assert_non_null(other);
        assert_ptr_not_equal(other, o);
        assert_ptr_equal(client_origin(s.c, &others[i]), other);
        for (size_t k = 0; k < i; k++)
            assert_ptr_not_equal(client_origin(s.c, &others[k]), other);
    }
    static char longest[10000];
    memset(longest, 'a', sizeof(longest));
    spec.host = str_of(longest, sizeof(longest));
    assert_null(client_origin(s.c, &spec));
    scene_fini(&s);
}

/* ---- pause, cancel */

#define BIG (4u << 20)

static void test_pause(void **state)
{
    (void)state;
    struct scene s;
    struct probe p;
    scene_init(&s);
    probe_init(&p, s.o, "ping", 4);
    p.pause_in_body = true;
    char *data = malloc(BIG);
    for (size_t i = 0; i < BIG; i++)
        data[i] = (char)(i * 7 + i / 251);
    exchange_start(s.c, &p.x);
    RUN_UNTIL(s.l, s.f.requests == 1, 1000);
    char head[100];
    snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\ncontent-length: %u\r\n\r\n", BIG);
    fake_say(&s.f.conns[0], head);
    assert_int_equal(end_send(&s.f.conns[0].end, data, BIG, SOCK_REF), RC_OK);
    RUN_UNTIL(s.l, p.x.paused, 1000);
    size_t got = buf_size(&p.body);
    run_for(s.l, 50);
    assert_int_equal(buf_size(&p.body), got);          /* quiet while paused */
    assert_true(sock_queued(&s.f.conns[0].end.s) > 0); /* and the provider has to wait */
    for (unsigned i = 0; !probe_is_over(&p); i++) {
        assert_true(i < 20000);
        exchange_resume(&p.x);
        loop_turn(s.l, false);
    }
    assert_int_equal(p.ends, 1);
    assert_int_equal(buf_size(&p.body), BIG);
    assert_memory_equal(p.body.p, data, BIG);
    s.f.reply = OK_HELLO;
    assert_true(scene_hello(&s));
    free(data);
    probe_fini(&p);
    scene_fini(&s);
}

/* Many chunks in one read, a pause at each: held, and given one by one. */
static void test_pause_in_chunks(void **state)
{
    (void)state;
    struct scene s;
    struct probe p;
    scene_init(&s);
    s.f.reply = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
                "1\r\nh\r\n1\r\ne\r\n1\r\nl\r\n1\r\nl\r\n1\r\no\r\n0\r\n\r\n";
    probe_init(&p, s.o, "ping", 4);
    p.pause_in_body = true;
    exchange_start(s.c, &p.x);
    for (size_t n = 1; n <= 5; n++) {
        RUN_UNTIL(s.l, p.x.paused, 1000);
        assert_int_equal(buf_size(&p.body), n);
        run_for(s.l, 3);
        assert_int_equal(buf_size(&p.body), n);
        assert_false(probe_is_over(&p));
        exchange_resume(&p.x);
        assert_int_equal(buf_size(&p.body), n); /* never inside */
    }
    RUN_UNTIL(s.l, p.ends, 1000);
    assert_str(buf_str(&p.body), "hello");
    s.f.reply = OK_HELLO;
    assert_true(scene_hello(&s)); /* the connection reads again after the pauses */
    probe_fini(&p);
    scene_fini(&s);
}

static void test_cancel(void **state)
{
    (void)state;
    for (int where = 0; where < 5; where++) {
        struct scene s;
        struct probe p;
        scene_init(&s);
        probe_init(&p, s.o, "ping", 4);
        exchange_cancel(&p.x); /* not started: nothing */
        s.f.reply = where >= 3 ? OK_HELLO : NULL;
        p.cancel_in_head = where == 3;
        p.cancel_in_body = where == 4;
        exchange_start(s.c, &p.x);
        if (where == 0) {
            exchange_cancel(&p.x); /* before anything */
        } else if (where == 1) {
            loop_turn(s.l, false); /* while connecting */
            exchange_cancel(&p.x);
        } else if (where == 2) {
            RUN_UNTIL(s.l, s.f.requests == 1, 1000);
            exchange_cancel(&p.x);
        } else {
            RUN_UNTIL(s.l, p.heads, 1000);
        }
        exchange_cancel(&p.x); /* idempotent */
        run_for(s.l, 20);
        assert_false(probe_is_over(&p));
        assert_int_equal(p.heads, where >= 3);
        assert_int_equal(origin_busy(s.o), 0);
        assert_int_equal(origin_idle(s.o), 0); /* closed, never pooled */
        if (s.f.nconns)
            RUN_UNTIL(s.l, s.f.conns[0].end.closes, 1000); /* and the provider sees it */
        s.f.reply = OK_HELLO;
        assert_false(scene_hello(&s));
        probe_fini(&p);
        scene_fini(&s);
    }
}

/* ---- batches: an owner that copies nothing until the read is used up */

struct batcher {
    struct probe p; /* first */
    struct iovec seen[64];
    unsigned n, batches;
};

static void batch_body(struct exchange *x, char *b, size_t n)
{
    struct batcher *t = (struct batcher *)x;
    assert_true(t->n < ARRAY_LEN(t->seen));
    t->seen[t->n++] = (struct iovec){b, n};
    if (t->p.pause_in_body)
        exchange_pause(x);
}

static void batch_gather(struct batcher *t)
{
    for (unsigned i = 0; i < t->n; i++)
        buf_add(&t->p.body, str_of(t->seen[i].iov_base, t->seen[i].iov_len));
    t->n = 0;
}

static void batch_over(struct exchange *x)
{
    struct batcher *t = (struct batcher *)x;
    t->batches++;
    batch_gather(t);
}

static void batch_end(struct exchange *x, bool by_close)
{
    batch_gather((struct batcher *)x);
    probe_end(x, by_close);
}

static void batch_fail(struct exchange *x, const struct exchange_fail *f)
{
    assert_int_equal(((struct batcher *)x)->n, 0); /* all was passed on before */
    probe_fail(x, f);
}

static const struct exchange_ops batch_ops = {probe_head, batch_body, batch_over, batch_end,
                                              batch_fail};

static void test_batches(void **state)
{
    (void)state;
    static const char start[] = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
                                "1\r\nh\r\n1\r\ne\r\n1\r\nl\r\n";
    static const char *const rests[] = {"1\r\nl\r\n1\r\no\r\n0\r\n\r\n", "1\r\nl\r\n1\r\no\r\nX"};
    for (size_t i = 0; i < 4; i++) {
        struct scene s;
        static struct batcher t;
        scene_init(&s);
        probe_init(&t.p, s.o, "ping", 4);
        t.batches = t.n = 0;
        t.p.x.ops = &batch_ops;
        t.p.pause_in_body = i >= 2;
        exchange_start(s.c, &t.p.x);
        RUN_UNTIL(s.l, s.f.requests == 1, 1000);
        fake_say(&s.f.conns[0], start);
        RUN_UNTIL(s.l, t.batches, 1000);
        if (i < 2)
            assert_str(buf_str(&t.p.body), "hel");
        fake_say(&s.f.conns[0], rests[i % 2]);
        for (int k = 0; k < 10000 && !probe_is_over(&t.p); k++) {
            exchange_resume(&t.p.x);
            loop_turn(s.l, false);
        }
        assert_int_equal(t.p.fails, i % 2);
        assert_int_equal(t.p.ends, 1 - i % 2);
        assert_str(buf_str(&t.p.body), "hello");
        probe_fini(&t.p);
        scene_fini(&s);
    }
}

/* U40: a connection that has served for long enough is not kept, however busy it is. */
static void test_u40_a_busy_connection_retires(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s);
    s.f.reply = OK_HELLO;
    (void)scene_hello(&s);
    struct up_conn *c = list_entry(s.o->idle.next, struct up_conn, link);
    assert_true(c->retire_at >= loop_now(s.l) + AGE_MAX_MS - 1000);
    assert_true(scene_hello(&s));
    c->retire_at = loop_now(s.l);
    assert_true(scene_hello(&s)); /* this one is still served */
    assert_int_equal(origin_idle(s.o), 0);
    assert_false(scene_hello(&s));
    scene_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_trickle),
        cmocka_unit_test(test_until_close),
        cmocka_unit_test(test_head_request),
        cmocka_unit_test(test_reuse),
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_idle_closed_by_peer),
        cmocka_unit_test(test_poison),
        cmocka_unit_test(test_idle_ttl),
        cmocka_unit_test(test_origins),
        cmocka_unit_test(test_pause),
        cmocka_unit_test(test_pause_in_chunks),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_u40_a_busy_connection_retires),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
