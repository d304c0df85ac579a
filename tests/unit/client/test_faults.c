/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_faults - what goes wrong upstream: each scenario by its row of RELIABILITY §3.1, with the
 * phase, the code, and what may be used again afterwards.
 */
#include "fake.h"

#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

/* Run one exchange that must fail so; nothing of it may stay in the pool. */
static void fails(struct scene *s, struct probe *p, enum rc rc, enum exchange_phase phase)
{
    RUN_UNTIL(s->l, probe_is_over(p), 5000);
    run_for(s->l, 3);
    assert_int_equal(p->ends, 0);
    assert_int_equal(p->fails, 1);
    if (p->fail.rc != rc || p->fail.phase != phase)
        fail_msg("%s in phase %d (%s), want %s in %d", rc_name(p->fail.rc), p->fail.phase,
                 p->fail.what, rc_name(rc), phase);
    assert_int_equal(origin_busy(s->o), 0);
    assert_int_equal(origin_idle(s->o), 0);
}

static void start(struct scene *s, struct probe *p)
{
    probe_init(p, s->o, "ping", 4);
    exchange_start(s->c, &p->x);
}

static void start_and_ask(struct scene *s, struct probe *p)
{
    unsigned before = s->f.requests;
    start(s, p);
    RUN_UNTIL(s->l, s->f.requests == before + 1, 2000);
}

/* ---- connecting */

static void test_u1_refused(void **state)
{
    (void)state;
    struct scene s;
    struct probe p;
    scene_init(&s);
    acceptor_free(s.f.acceptor);
    s.f.acceptor = NULL;
    run_for(s.l, 2);
    start(&s, &p);
    fails(&s, &p, RC_CONNECT, EXCHANGE_CONNECT);
    assert_false(p.fail.sent_any);
    assert_string_equal(p.fail.what, "connection refused");
    scene_fini(&s);
}

static void test_u2_black_hole(void **state)
{
    (void)state;
    struct scene s;
    struct probe p;
    int fds[4];
    uint16_t port;
    scene_init(&s);
    /* A backlog that is full and that nobody empties: SYNs are dropped. */
    assert_int_equal(listen_open(STR("127.0.0.1"), 0, 0, &fds[0], &port, NULL), RC_OK);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 1; i < 4; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fds[i], (struct sockaddr *)&a, sizeof(a));
    }
    struct origin_spec spec = {.host = STR("127.0.0.1"), .port = port};
    s.o = client_origin(s.c, &spec);
    probe_init(&p, s.o, "ping", 4);
    p.x.limits.connect_ms = 100;
    usec t0 = fresh_now(s.l);
    exchange_start(s.c, &p.x);
    fails(&s, &p, RC_TIMEOUT, EXCHANGE_CONNECT);
    assert_true(loop_now_us() - t0 >= 95000);
    assert_false(p.fail.sent_any);
    for (int i = 0; i < 4; i++)
        close(fds[i]);
    scene_fini(&s);
}

static size_t no_name(void *arg, const char *host, union dns_addr addrs[DNS_ADDRS_MAX])
{
    (void)arg;
    (void)host;
    (void)addrs;
    return 0;
}

static void test_u39_no_name(void **state)
{
    (void)state;
    struct scene s;
    struct probe p;
    scene_init(&s);
    dns_set_resolver(client_dns(s.c), no_name, NULL);
    s.o = scene_origin(&s, "nowhere.example");
    start(&s, &p);
    fails(&s, &p, RC_DNS, EXCHANGE_CONNECT);
    scene_fini(&s);
}

static size_t moved(void *arg, const char *host, union dns_addr addrs[DNS_ADDRS_MAX])
{
    (void)host;
    assert_true(dns_literal(str_c(arg), &addrs[0]));
    return 1;
}

/* U40: the name leads elsewhere. What is open serves on; what is opened after the TTL goes there.
 */
static void test_u40_a_name_that_moves(void **state)
{
    (void)state;
    struct scene s;
    struct fake there = {.reply = OK_HELLO};
    char old_place[] = "127.0.0.1", new_place[] = "127.0.0.2";
    uint16_t port;
    int fd;
    scene_init(&s);
    s.f.reply = OK_HELLO;
    s.o = scene_origin(&s, "moves.example");
    dns_set_resolver(client_dns(s.c), moved, old_place);
    assert_false(scene_hello(&s));
    there.l = s.l;
    assert_int_equal(listen_open(STR("127.0.0.2"), s.f.port, 64, &fd, &port, NULL), RC_OK);
    assert_int_equal(acceptor_new(s.l, fd, fake_accept, &there, &there.acceptor), RC_OK);
    dns_set_resolver(client_dns(s.c), moved, new_place);
    fake_reset(&s.f.conns[0]);
    RUN_UNTIL(s.l, origin_idle(s.o) == 0, 1000);
    assert_false(scene_hello(&s)); /* within the TTL: where it was */
    assert_int_equal(s.f.requests, 2);
    dns_age(client_dns(s.c), DNS_TTL_MS + 1);
    assert_true(scene_hello(&s)); /* open already */
    assert_int_equal(s.f.requests, 3);
    fake_reset(&s.f.conns[1]);
    RUN_UNTIL(s.l, origin_idle(s.o) == 0, 1000);
    assert_false(scene_hello(&s));
    assert_int_equal(s.f.requests, 3);
    assert_int_equal(there.requests, 1);
    client_free(s.c);
    fake_close(&there);
    fake_close(&s.f);
    loop_free(s.l);
}

/* The first address refuses, the second serves: one exchange, no failure. */
static size_t two_addresses(void *arg, const char *host, union dns_addr addrs[DNS_ADDRS_MAX])
{
    (void)arg;
    (void)host;
    assert_true(dns_literal(STR("127.0.0.9"), &addrs[0]));
    assert_true(dns_literal(STR("127.0.0.1"), &addrs[1]));
    return 2;
}

static void test_u41_next_address(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s);
    dns_set_resolver(client_dns(s.c), two_addresses, NULL);
    s.f.reply = OK_HELLO;
    s.o = scene_origin(&s, "two.example");
    assert_false(scene_hello(&s));
    assert_true(scene_hello(&s));
    scene_fini(&s);
}

/* F2: a name of somebody else's choice must lead to public addresses only, with all of them. */
static size_t public_and_loopback(void *arg, const char *host, union dns_addr addrs[DNS_ADDRS_MAX])
{
    (void)arg;
    (void)host;
    assert_true(dns_literal(STR("127.0.0.1"), &addrs[0]));
    assert_true(dns_literal(STR("93.184.216.34"), &addrs[1]));
    return 2;
}

static void test_F2_a_name_that_leads_inside(void **state)
{
    (void)state;
    static const char *const hosts[] = {"rebind.example", "127.0.0.1", "localhost"};
    struct scene s;
    struct probe p;
    scene_init(&s);
    dns_set_resolver(client_dns(s.c), public_and_loopback, NULL);
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        struct origin_spec spec = {
            .host = str_c(hosts[i]), .port = s.f.port, .public_only = true, .besides = STR("::1")};
        s.o = client_lend(s.c, &spec);
        start(&s, &p);
        fails(&s, &p, RC_CONNECT, EXCHANGE_CONNECT);
        assert_ptr_equal(p.fail.what, CLIENT_NOT_PUBLIC);
        client_give(s.o);
    }
    assert_int_equal(s.f.nconns, 0); /* not one packet */
    scene_fini(&s);
}

/* What the operator names may be reached; a borrowed origin is gone after its last user. */
static void test_named_addresses_and_borrowed_origins(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s);
    s.f.reply = OK_HELLO;
    struct origin_spec spec = {.host = STR("127.0.0.1"),
                               .port = s.f.port,
                               .public_only = true,
                               .besides = STR("10.0.0.7 127.0.0.1")};
    s.o = client_lend(s.c, &spec);
    assert_ptr_equal(client_lend(s.c, &spec), s.o);
    assert_false(scene_hello(&s));
    client_give(s.o);
    assert_true(scene_hello(&s)); /* the other user's: its connection is kept */
    client_give(s.o);
    s.o = client_lend(s.c, &spec);
    assert_false(scene_hello(&s));
    assert_int_equal(s.f.nconns, 2);
    client_give(s.o);
    scene_fini(&s);
}

/* ---- before the first byte */

static void close_at_once(struct fake_conn *c)
{
    fake_reset(c);
}

static void close_softly(struct fake_conn *c)
{
    sock_close(&c->end.s);
}

/* U4: a fresh connection that dies without a word is not repeated: that is for the router to
 * decide. */
static void test_u4_fresh_dies(void **state)
{
    (void)state;
    for (int soft = 0; soft < 2; soft++) {
        struct scene s;
        struct probe p;
        scene_init(&s);
        s.f.on_request = soft ? close_softly : close_at_once;
        start(&s, &p);
        fails(&s, &p, RC_RESET, EXCHANGE_WAIT);
        assert_true(p.fail.sent_any);
        assert_int_equal(s.f.requests, 1);
        scene_fini(&s);
    }
}

/* U5: the same on a reused connection is: once, on a new one. */
static void second_dies(struct fake_conn *c)
{
    if (c->requests == 1)
        fake_say(c, OK_HELLO);
    else
        fake_reset(c);
}

static void test_u5_idle_race(void **state)
{
    (void)state;
    struct scene s;
    struct probe p;
    scene_init(&s);
    s.f.on_request = second_dies;
    for (int i = 0; i < 5; i++)
        (void)scene_hello(&s); /* no failure shows */
    assert_int_equal(s.f.nconns, 5);
    assert_int_equal(s.f.requests, 9);
    /* Closed by the peer in the same moment: our write meets a socket that is gone. */
    s.f.on_request = NULL;
    s.f.reply = OK_HELLO;
    sock_close(&s.f.conns[4].end.s);
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    probe_init(&p, s.o, "ping", 4);
    exchange_start(s.c, &p.x);
    RUN_UNTIL(s.l, probe_is_over(&p), 2000);
    assert_int_equal(p.ends, 1);
    probe_fini(&p);
    scene_fini(&s);
}

static void first_lives(struct fake_conn *c)
{
    if (c->fake->requests == 1)
        fake_say(c, OK_HELLO);
    else
        fake_reset(c);
}

static void test_u5_only_once(void **state)
{
    (void)state;
    struct scene s;
    struct probe p;
    scene_init(&s);
    s.f.on_request = first_lives;
    (void)scene_hello(&s);
    start(&s, &p);
    fails(&s, &p, RC_RESET, EXCHANGE_WAIT);
    assert_int_equal(s.f.requests, 3); /* the race, and one more */
    assert_true(p.fail.sent_any);
    scene_fini(&s);
}

/* The replay has several idle connections at hand, all as old: it must take none of them. */
static void test_u5_never_a_second_reused(void **state)
{
    (void)state;
    struct scene s;
    struct probe p[4];
    scene_init(&s);
    s.f.on_request = second_dies;
    for (int i = 0; i < 4; i++)
        start(&s, &p[i]);
    for (int i = 0; i < 4; i++) {
        RUN_UNTIL(s.l, p[i].ends, 1000);
        probe_fini(&p[i]);
    }
    assert_int_equal(origin_idle(s.o), 4);
    (void)scene_hello(&s);
    assert_int_equal(s.f.nconns, 5);
    assert_int_equal(s.f.requests, 6);
    scene_fini(&s);
}

/* ---- in the head */

static void test_bad_heads(void **state)
{
    (void)state;
    static char much[40000], many[10000];
    static const char *const bad[] = {
        /* U8 */
        "HTTP/2.0 200 OK\r\n\r\n", "HTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 abc OK\r\n\r\n",
        "<html>hello</html>\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 200 OK\n\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        /* U9 */
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: blegh\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 0x10\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1_0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\n",
        /* U36 */
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        /* U7: too long, too many fields */
        much, many};
    size_t n = (size_t)snprintf(much, sizeof(much), "HTTP/1.1 200 OK\r\nx: ");
    memset(much + n, 'a', sizeof(much) - n - 1);
    n = (size_t)snprintf(many, sizeof(many), "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 120; i++)
        n += (size_t)snprintf(many + n, sizeof(many) - n, "x-%d: y\r\n", i);
    snprintf(many + n, sizeof(many) - n, "\r\n");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct scene s;
        struct probe p;
        scene_init(&s);
        s.f.reply = bad[i];
        start(&s, &p);
        fails(&s, &p, RC_PROTOCOL, EXCHANGE_HEAD);
        assert_int_equal(p.heads, 0);
        RUN_UNTIL(s.l, s.f.conns[0].end.closes, 1000); /* closed, not pooled */
        scene_fini(&s);
    }
}

static void test_u6_cut_heads(void **state)
{
    (void)state;
    static const char head[] = "HTTP/1.1 200 OK\r\ncontent-type: x\r\ncontent-length: 5\r\n\r\n";
    for (size_t cut = 1; cut < sizeof(head) - 1; cut += 7) {
        struct scene s;
        struct probe p;
        scene_init(&s);
        start_and_ask(&s, &p);
        assert_int_equal(end_send(&s.f.conns[0].end, head, cut, SOCK_COPY), RC_OK);
        RUN_UNTIL(s.l, p.x.phase == EXCHANGE_HEAD, 1000);
        fake_reset(&s.f.conns[0]);
        fails(&s, &p, RC_RESET, EXCHANGE_HEAD);
        scene_fini(&s);
    }
}

static void test_u36_interim(void **state)
{
    (void)state;
    char reply[1000] = "";
    for (int n = 8; n <= 9; n++) {
        struct scene s;
        struct probe p;
        scene_init(&s);
        size_t at = 0;
        for (int i = 0; i < n; i++)
            at += (size_t)snprintf(reply + at, sizeof(reply) - at, "HTTP/1.1 103 x\r\n\r\n");
        snprintf(reply + at, sizeof(reply) - at, "%s", OK_HELLO);
        s.f.reply = reply;
        start(&s, &p);
        RUN_UNTIL(s.l, probe_is_over(&p), 1000);
        assert_int_equal(p.ends, n == 8);
        if (n == 9)
            fails(&s, &p, RC_PROTOCOL, EXCHANGE_HEAD);
        probe_fini(&p);
        scene_fini(&s);
    }
}

/* ---- in the body */

struct cut {
    const char *reply;
    const char *body;
    enum rc rc;
};

/* After an interim head the wait goes on, with the patience of a wait; and a loss is no idle race.
 */
static void test_u36_then_silence(void **state)
{
    (void)state;
    struct scene s;
    struct probe p;
    scene_init(&s);
    s.f.reply = OK_HELLO;
    (void)scene_hello(&s);
    s.f.reply = "HTTP/1.1 103 x\r\n\r\n";
    probe_init(&p, s.o, "ping", 4);
    p.x.limits.idle_ms = 30;
    p.x.limits.first_byte_ms = 20000;
    exchange_start(s.c, &p.x);
    RUN_UNTIL(s.l, s.f.requests == 2, 1000);
    run_for(s.l, 80);
    assert_false(probe_is_over(&p));
    fake_reset(&s.f.conns[0]);
    fails(&s, &p, RC_RESET, EXCHANGE_WAIT);
    assert_int_equal(s.f.requests, 2);
    scene_fini(&s);
}

static void test_u23_u24_cut_bodies(void **state)
{
    (void)state;
#define CHUNKED "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    static const struct cut cuts[] = {
        {"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello", "hello", RC_RESET},
        {CHUNKED "5\r\nhello\r\n", "hello", RC_RESET},
        {CHUNKED "9\r\nhello", "hello", RC_RESET},
        {CHUNKED "5\r\nhello\r\n0\r\n", "hello", RC_RESET},
        {CHUNKED "5\r\nhello\r\nxyz\r\n", "hello", RC_PROTOCOL},
        {CHUNKED "5\r\nhelloX", "hello", RC_PROTOCOL},
        {CHUNKED "-5\r\nhello\r\n0\r\n\r\n", "", RC_PROTOCOL},
        {CHUNKED "11111111111111111\r\n", "", RC_PROTOCOL},
        {CHUNKED "5\r\nhello\r\n0\r\nbad trailer\r\n\r\n", "hello", RC_PROTOCOL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
        struct scene s;
        struct probe p;
        scene_init(&s);
        s.f.reply = cuts[i].reply;
        s.f.close_after = 1;
        start(&s, &p);
        fails(&s, &p, cuts[i].rc, EXCHANGE_BODY);
        assert_str(buf_str(&p.body), cuts[i].body);
        assert_int_equal(p.heads, 1);
        probe_fini(&p);
        scene_fini(&s);
    }
}

/* A body that ends with its connection, ended by a reset: all of it may have come, but nobody can
 * say so. The bytes and the reset are there before we look: libuv then speaks of an end of file. */
static void answer_and_reset(struct fake_conn *c)
{
    fake_say(c, "HTTP/1.1 200 OK\r\n\r\nhello");
    fake_reset(c);
}

static void test_u35_reset_is_no_end(void **state)
{
    (void)state;
    struct scene s;
    struct probe p;
    scene_init(&s);
    s.f.on_request = answer_and_reset;
    start(&s, &p);
    fails(&s, &p, RC_RESET, EXCHANGE_BODY);
    assert_str(buf_str(&p.body), "hello");
    probe_fini(&p);
    scene_fini(&s);
}

/* U24, the other way: more than Content-Length says is in test_exchange (U10). */

/* Every kind of answer, ended at every byte by a FIN and by a reset: it fails or it is whole, and
 * what was cut is never kept. */
static void test_cut_at_every_byte(void **state)
{
    (void)state;
    static const char *const replies[] = {
        "HTTP/1.1 100 Continue\r\n\r\n" OK_HELLO,
        CHUNKED "3\r\nhel\r\n2\r\nlo\r\n0\r\nx: y\r\n\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
        size_t whole = strlen(replies[i]);
        for (size_t at = 0; at < 2 * whole; at++) {
            struct scene s;
            struct probe p;
            size_t cut = at / 2;
            scene_init(&s);
            start_and_ask(&s, &p);
            struct fake_conn *c = &s.f.conns[0];
            assert_int_equal(end_send(&c->end, replies[i], cut, SOCK_COPY), RC_OK);
            if (at % 2)
                sock_shutdown(&c->end.s);
            else
                fake_reset(c);
            RUN_UNTIL(s.l, probe_is_over(&p), 2000);
            assert_int_equal(p.fails, 1);
            assert_true(p.fail.rc == RC_RESET || p.fail.rc == RC_PROTOCOL);
            assert_true(str_has_prefix(STR("hello"), buf_str(&p.body)));
            assert_int_equal(origin_busy(s.o) + origin_idle(s.o), 0);
            probe_fini(&p);
            scene_fini(&s);
        }
    }
}

/* ---- too late */

static void test_u28_no_answer(void **state)
{
    (void)state;
    struct scene s;
    struct probe p;
    scene_init(&s);
    probe_init(&p, s.o, "ping", 4);
    p.x.limits.first_byte_ms = 60;
    usec t0 = fresh_now(s.l);
    exchange_start(s.c, &p.x);
    fails(&s, &p, RC_TIMEOUT, EXCHANGE_WAIT);
    assert_true(loop_now_us() - t0 >= 55000);
    assert_string_equal(p.fail.what, "no response in time");
    RUN_UNTIL(s.l, s.f.conns[0].end.closes, 1000);
    scene_fini(&s);
}

static void test_u29_stall(void **state)
{
    (void)state;
    for (int in_head = 0; in_head < 2; in_head++) {
        struct scene s;
        struct probe p;
        scene_init(&s);
        probe_init(&p, s.o, "ping", 4);
        p.x.limits.idle_ms = 300;
        exchange_start(s.c, &p.x);
        RUN_UNTIL(s.l, s.f.requests == 1, 1000);
        fake_say(&s.f.conns[0],
                 in_head ? "HTTP/1.1 200" : "HTTP/1.1 200 OK\r\ncontent-length: 19\r\n\r\n");
        for (int i = 0; i < 8; i++) { /* bytes keep it alive */
            run_for(s.l, 50);
            assert_false(probe_is_over(&p));
            fake_say(&s.f.conns[0], in_head && i == 0 ? " " : "x");
        }
        fails(&s, &p, RC_TIMEOUT, in_head ? EXCHANGE_HEAD : EXCHANGE_BODY);
        probe_fini(&p);
        scene_fini(&s);
    }
}

static void test_u30_drip(void **state)
{
    (void)state;
    struct scene s;
    struct probe p;
    scene_init(&s);
    probe_init(&p, s.o, "ping", 4);
    p.x.limits.deadline = loop_now(s.l) + 150;
    exchange_start(s.c, &p.x);
    RUN_UNTIL(s.l, s.f.requests == 1, 1000);
    fake_say(&s.f.conns[0], "HTTP/1.1 200 OK\r\n\r\n");
    for (int i = 0; i < 100 && !probe_is_over(&p); i++) {
        run_for(s.l, 10);
        if (!s.f.conns[0].end.s.closing)
            fake_say(&s.f.conns[0], "x");
    }
    fails(&s, &p, RC_TIMEOUT, EXCHANGE_BODY);
    assert_string_equal(p.fail.what, "the deadline passed");
    probe_fini(&p);
    scene_fini(&s);
}

/* Paused by a slow client: the idle limit rests, the deadline does not. */
static void test_pause_and_limits(void **state)
{
    (void)state;
    struct scene s;
    struct probe p;
    scene_init(&s);
    probe_init(&p, s.o, "ping", 4);
    p.x.limits.idle_ms = 40;
    p.x.limits.deadline = loop_now(s.l) + 1000;
    p.pause_in_body = true;
    exchange_start(s.c, &p.x);
    RUN_UNTIL(s.l, s.f.requests == 1, 1000);
    fake_say(&s.f.conns[0], "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx");
    RUN_UNTIL(s.l, p.x.paused, 1000);
    run_for(s.l, 120);
    assert_false(probe_is_over(&p));
    fails(&s, &p, RC_TIMEOUT, EXCHANGE_BODY);
    probe_fini(&p);
    scene_fini(&s);
}

/* A provider that does not read: no advance for idle_ms ends it; a slow one is let be. */
static void test_send_stalls(void **state)
{
    (void)state;
    struct scene s;
    struct probe p;
    size_t n = 16u << 20;
    char *body = calloc(1, n);
    scene_init(&s);
    s.f.deaf = true;
    probe_init(&p, s.o, body, n);
    p.x.limits.idle_ms = 80;
    exchange_start(s.c, &p.x);
    fails(&s, &p, RC_TIMEOUT, EXCHANGE_SEND);
    assert_true(p.fail.sent_any);
    probe_fini(&p);
    scene_fini(&s);

    scene_init(&s);
    s.f.deaf = true;
    probe_init(&p, s.o, body, n);
    p.x.limits.idle_ms = 400;
    exchange_start(s.c, &p.x);
    for (int i = 0; i < 8; i++) { /* reads a little now and then, for longer than the limit */
        run_for(s.l, 100);
        assert_false(probe_is_over(&p));
        struct end *e = &s.f.conns[0].end;
        sock_read_start(&e->s);
        loop_turn(s.l, false);
        loop_turn(s.l, false);
        sock_pause(&e->s);
    }
    exchange_cancel(&p.x);
    probe_fini(&p);
    scene_fini(&s);
    free(body);
}

/* ---- U37: answered while the request is still being sent */

static void test_u37_early_answer(void **state)
{
    (void)state;
    for (int reset = 0; reset < 2; reset++) {
        struct scene s;
        struct probe p;
        size_t n = 16u << 20;
        char *body = calloc(1, n);
        scene_init(&s);
        s.f.deaf = true;
        probe_init(&p, s.o, body, n);
        exchange_start(s.c, &p.x);
        RUN_UNTIL(s.l, s.f.nconns == 1 && p.x.phase == EXCHANGE_SEND, 1000);
        run_for(s.l, 20);
        fake_say(&s.f.conns[0], "HTTP/1.1 413 Content Too Large\r\ncontent-length: 5\r\n\r\nhello");
        if (reset) /* and hangs up on what we still send */
            sock_close(&s.f.conns[0].end.s);
        RUN_UNTIL(s.l, probe_is_over(&p), 2000);
        assert_int_equal(p.ends, 1);
        assert_int_equal(p.status, 413);
        assert_str(buf_str(&p.body), "hello");
        assert_int_equal(origin_idle(s.o), 0); /* half a request is in it: never again */
        probe_fini(&p);
        free(body);
        scene_fini(&s);
    }
}

/* It hangs up without a word while we send: a failure, soon, in the phase of sending. */
static void test_hangs_up_on_us(void **state)
{
    (void)state;
    struct scene s;
    struct probe p;
    size_t n = 16u << 20;
    char *body = calloc(1, n);
    scene_init(&s);
    s.f.deaf = true;
    probe_init(&p, s.o, body, n);
    exchange_start(s.c, &p.x);
    RUN_UNTIL(s.l, s.f.nconns == 1 && p.x.phase == EXCHANGE_SEND, 1000);
    sock_close(&s.f.conns[0].end.s);
    fails(&s, &p, RC_RESET, EXCHANGE_SEND);
    assert_true(p.fail.sent_any);
    probe_fini(&p);
    free(body);
    scene_fini(&s);
}

/* ---- memory runs out, at every allocation in turn */

static void test_no_memory(void **state)
{
    (void)state;
    bool whole = false;
    for (size_t n = 1; n < 60 && !whole; n++) {
        struct scene s;
        struct probe p;
        scene_init(&s);
        probe_init(&p, s.o, "ping", 4);
        p.x.limits.first_byte_ms = 100;
        mem_fail_after(n);
        exchange_start(s.c, &p.x);
        for (int i = 0; i < 8; i++)
            loop_turn(s.l, false);
        mem_fail_after(0);
        RUN_UNTIL(s.l, probe_is_over(&p) || s.f.requests, 2000);
        if (p.fails) {
            /* The fake uses the same heap: it may have lost the request. */
            bool deaf = s.f.nconns && s.f.conns[0].end.got.failed;
            if (p.fail.rc != RC_NOMEM && p.fail.rc != RC_DNS && p.fail.rc != RC_RESET && !deaf)
                fail_msg("%s: %s", rc_name(p.fail.rc), p.fail.what);
        } else if (!p.ends) {
            static const char slow[] = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n";
            for (size_t i = 0; i < sizeof(slow) - 1 && !s.f.conns[0].end.s.closing; i++) {
                (void)end_send(&s.f.conns[0].end, slow + i, 1, SOCK_COPY);
                mem_fail_after(n);
                loop_turn(s.l, false);
                mem_fail_after(0);
            }
            fake_say(&s.f.conns[0], "hello");
            RUN_UNTIL(s.l, probe_is_over(&p), 2000);
            whole = p.ends;
        }
        assert_int_equal(origin_busy(s.o), 0);
        probe_fini(&p);
        scene_fini(&s);
    }
    assert_true(whole);
    struct loop *l = need_loop();
    struct client *c = NULL;
    for (size_t n = 1; n < 10 && !c; n++) {
        mem_fail_after(n);
        enum rc rc = client_new(l, &c);
        mem_fail_after(0);
        assert_true(rc == RC_OK || rc == RC_NOMEM);
    }
    assert_non_null(c);
    struct origin_spec spec = {.host = STR("a"), .port = 1};
    struct origin *o = NULL;
    for (size_t n = 1; n < 10 && !o; n++) {
        mem_fail_after(n);
        o = client_origin(c, &spec);
        mem_fail_after(0);
    }
    assert_non_null(o);
    client_free(c);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_u1_refused),
        cmocka_unit_test(test_u2_black_hole),
        cmocka_unit_test(test_u39_no_name),
        cmocka_unit_test(test_u41_next_address),
        cmocka_unit_test(test_F2_a_name_that_leads_inside),
        cmocka_unit_test(test_named_addresses_and_borrowed_origins),
        cmocka_unit_test(test_u4_fresh_dies),
        cmocka_unit_test(test_u5_idle_race),
        cmocka_unit_test(test_u5_only_once),
        cmocka_unit_test(test_u5_never_a_second_reused),
        cmocka_unit_test(test_bad_heads),
        cmocka_unit_test(test_u6_cut_heads),
        cmocka_unit_test(test_u36_interim),
        cmocka_unit_test(test_u36_then_silence),
        cmocka_unit_test(test_u23_u24_cut_bodies),
        cmocka_unit_test(test_u35_reset_is_no_end),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_u28_no_answer),
        cmocka_unit_test(test_u29_stall),
        cmocka_unit_test(test_u30_drip),
        cmocka_unit_test(test_pause_and_limits),
        cmocka_unit_test(test_send_stalls),
        cmocka_unit_test(test_u37_early_answer),
        cmocka_unit_test(test_hangs_up_on_us),
        cmocka_unit_test(test_u40_a_name_that_moves),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
