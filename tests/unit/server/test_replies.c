/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_replies - every way in which an answer leaves: to slow readers, to HEAD and HTTP/1.0, under
 * TLS, broken off, and while the server drains.
 */
#include "cli.h"

#include "../io/certs.h"

#define MB        (1u << 20)
#define BY_REF_AT (16u << 10) /* from here on by reference */

static void test_head_and_204(void **state)
{
    (void)state;
    static const char *const paths[] = {"/echo",     "/big?5000",    "/big?50000",
                                        "/events?5", "/flow?500000", "/none"};
    struct site s;
    struct cli c;
    struct answer a;
    site_open(&s);
    cli_open(&c, &s);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        char req[64];
        snprintf(req, sizeof(req), "HEAD %s HTTP/1.1\r\nHost: a\r\n\r\n", paths[i]);
        cli_put(&c, req);
        UNTIL(&s, &c, cli_next(&c, true, &a));
        assert_true(a.keep_alive);
        run_for(&s, &c, 2);
        assert_int_equal(c.n, c.taken); /* no body */
    }
    cli_put(&c, "GET /none HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(&c, &a, 204);
    assert_true(str_find(a.head, STR("content-length")) == SIZE_MAX);
    assert_int_equal(s.sent, ARRAY_LEN(paths) + 1);
    all_quiet(&s, &c);
}

static void test_date(void **state)
{
    (void)state;
    struct site s;
    struct cli c;
    struct answer a;
    site_open(&s);
    cli_open(&c, &s);
    cli_put(&c, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(&c, &a, 200);
    size_t at = str_find(a.head, STR("\r\ndate: "));
    assert_int_not_equal(at, SIZE_MAX);
    char text[32] = "";
    memcpy(text, a.head.p + at + 8, 29);
    struct tm tm = {0};
    const char *end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    assert_true(end && *end == '\0');
    time_t then = timegm(&tm), now = time(NULL);
    assert_in_range(then, now - 5, now);
    char again[32];
    strftime(again, sizeof(again), "%a, %d %b %Y %H:%M:%S GMT", &tm); /* the day of the week too */
    assert_string_equal(again, text);
    all_quiet(&s, &c);
}

/* By reference, through a small window, to a reader who takes his time. */
static void test_big_reply_slow_reader(void **state)
{
    (void)state;
    struct site s;
    struct cli c;
    struct answer a;
    site_open(&s);
    cli_open_small(&c, &s);
    cli_put(&c, "GET /big?8388608 HTTP/1.1\r\nHost: a\r\n\r\n"
                "GET /big?100 HTTP/1.1\r\nHost: a\r\n\r\n");
    c.stopped = true;
    run_for(&s, &c, 20);
    assert_int_equal(s.sent, 0);
    assert_true(sock_queued(&site_conn(&s)->sock) > 7 * MB);
    c.stopped = false;
    EXPECT(&c, &a, 200);
    assert_int_equal(a.body.n, 8 * MB);
    assert_memory_equal(a.body.p, s.pattern, 8 * MB);
    EXPECT(&c, &a, 200);
    assert_int_equal(a.body.n, 100);
    assert_int_equal(s.sent, 2);
    all_quiet(&s, &c);
}

static void test_flow(void **state)
{
    (void)state;
    struct site s;
    struct cli c;
    struct answer a;
    site_open(&s);
    cli_open_small(&c, &s);
    cli_put(&c, "GET /flow?8000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(&c, &a, 200);
    assert_int_equal(a.body.n, 8000000);
    assert_memory_equal(a.body.p, s.pattern, 8000000);
    assert_true(s.drains > 5);
    assert_true(s.most_queued < FLOW_QUEUE + 40000);
    all_quiet(&s, &c);
}

/* The end of a stream, larger than any queue: it waits once, by reference, and comes as the reader
 * takes it (D5); one that the kernel takes at once costs nothing. */
static void test_d5_last_bytes_of_a_stream(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        bool waits;
    } cases[] = {{20 * MB, true}, {0, false}, {100, false}, {BY_REF_AT, false}};
    struct site s;
    struct cli c;
    struct answer a;
    site_open(&s);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char req[64];
        if (cases[i].waits)
            cli_open_small(&c, &s);
        else
            cli_open(&c, &s);
        snprintf(req, sizeof(req), "GET /last?%zu HTTP/1.1\r\nHost: a\r\n\r\n", cases[i].n);
        cli_put(&c, req);
        c.stopped = true;
        run_for(&s, &c, 20);
        assert_int_equal(s.taken_over, cases[i].waits);
        assert_int_equal(s.sent, cases[i].waits ? i : i + 1);
        c.stopped = false;
        EXPECT(&c, &a, 200);
        assert_true(a.whole);
        assert_int_equal(a.body.n, 6 + cases[i].n);
        assert_memory_equal(a.body.p, "first\n", 6);
        assert_memory_equal(a.body.p + 6, s.pattern, cases[i].n);
        cli_close(&c);
    }
    cli_open(&c, &s);
    all_quiet(&s, &c);
}

/* Its memory goes also when the client does, and a HEAD request is owed none of it. */
static void test_d5_last_bytes_nobody_takes(void **state)
{
    (void)state;
    struct site s;
    struct cli c;
    struct answer a;
    site_open(&s);
    cli_open_small(&c, &s);
    cli_put(&c, "GET /last?20000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    c.stopped = true;
    run_for(&s, &c, 20);
    assert_true(s.taken_over);
    cli_reset(&c);
    UNTIL(&s, NULL, s.gone == 1);
    cli_open(&c, &s);
    cli_put(&c, "HEAD /last?20000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    UNTIL(&s, &c, cli_next(&c, true, &a));
    run_for(&s, &c, 2);
    assert_int_equal(c.n, c.taken);
    assert_int_equal(s.sent, 1);
    cli_put(&c, "GET /last?3000000 HTTP/1.0\r\n\r\n");
    EXPECT(&c, &a, 200);
    assert_int_equal(a.body.n, 6 + 3000000);
    all_quiet(&s, &c);
}

/* A stream that breaks off must not look whole: without its last chunk, or by a reset. */
static void test_abort(void **state)
{
    (void)state;
    struct site s;
    struct cli c;
    struct answer a;
    site_open(&s);
    cli_open(&c, &s);
    cli_put(&c, "GET /abort HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(&c, &a, 200);
    assert_str(a.body, "data: 1\n\n");
    assert_false(a.whole);
    EXPECT_END(&c);
    cli_close(&c);
    cli_open(&c, &s);
    cli_put(&c, "GET /abort HTTP/1.0\r\n\r\n");
    UNTIL(&s, &c, c.eof);
    assert_true(c.reset);
    assert_int_equal(s.gone, 2);
    all_quiet(&s, &c);
}

static void test_close_all_inside(void **state)
{
    (void)state;
    struct site s;
    struct cli c, other;
    site_open(&s);
    cli_open(&other, &s);
    cli_put(&other, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    UNTIL(&s, &other, s.requests == 1);
    cli_open(&c, &s);
    cli_put(&c, "POST /closeall HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET / ");
    UNTIL(&s, &c, c.eof);
    assert_int_equal(s.gone, 2);
    assert_int_equal(server_conns(s.server), 0);
    cli_close(&other);
    all_quiet(&s, &c);
}

/* Idle connections end, the others with their answer, and requests already here are answered. */
static void test_drain(void **state)
{
    (void)state;
    struct site s;
    struct cli idle, busy, half;
    struct answer a;
    site_open(&s);
    cli_open(&idle, &s);
    cli_open(&busy, &s);
    cli_open(&half, &s);
    cli_put(&busy, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    cli_put(&half, "GET /echo HTTP/1.1\r\nHo");
    UNTIL(&s, &idle, s.requests == 1 && site_conn(&s)->state == CONN_HEAD);
    server_drain(s.server);
    EXPECT_END(&idle);
    site_answer(&s);
    EXPECT(&busy, &a, 200);
    assert_false(a.keep_alive);
    EXPECT_END(&busy);
    cli_put(&half, "st: a\r\n\r\n");
    EXPECT(&half, &a, 200);
    assert_false(a.keep_alive);
    EXPECT_END(&half);
    cli_close(&idle);
    cli_close(&busy);
    all_quiet(&s, &half);
}

/* A request that is here when the drain begins is answered, even if its turn has not come. */
static void test_drain_behind_a_reply(void **state)
{
    (void)state;
    struct site s;
    struct cli c;
    struct answer a;
    site_open(&s);
    cli_open(&c, &s);
    cli_put(&c, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\nGET /big?7 HTTP/1.1\r\nHost: a\r\n\r\n");
    UNTIL(&s, &c, s.requests == 1);
    site_answer(&s);
    server_drain(s.server);
    EXPECT(&c, &a, 200);
    EXPECT(&c, &a, 200);
    assert_int_equal(a.body.n, 7);
    assert_false(a.keep_alive);
    EXPECT_END(&c);
    all_quiet(&s, &c);
}

/* ---- TLS: the same, seen through a record layer */

struct tls_cli {
    struct sock s; /* first */
    struct buf got;
    bool open, eof, clean, closed;
};

static void t_open(struct sock *s, enum rc rc)
{
    assert_int_equal(rc, RC_OK);
    ((struct tls_cli *)s)->open = true;
    sock_read_start(s);
}

static void t_read(struct sock *s, char *p, size_t n)
{
    buf_add(&((struct tls_cli *)s)->got, str_of(p, n));
}

static void t_eof(struct sock *s, bool clean)
{
    ((struct tls_cli *)s)->eof = true;
    ((struct tls_cli *)s)->clean = clean;
}

static void t_error(struct sock *s, enum rc rc)
{
    (void)rc;
    ((struct tls_cli *)s)->eof = true;
}

static void t_closed(struct sock *s)
{
    ((struct tls_cli *)s)->closed = true;
}

static const struct sock_ops t_ops = {.on_open = t_open,
                                      .on_read = t_read,
                                      .on_eof = t_eof,
                                      .on_error = t_error,
                                      .on_closed = t_closed};

static void t_put(struct site *s, struct tls_cli *t, const char *text)
{
    struct iovec iov = {(void *)(uintptr_t)text, strlen(text)};
    assert_int_equal(sock_write(&t->s, &iov, 1, SOCK_COPY), RC_OK);
    turn(s, NULL);
}

static void tls_talk(struct site *s, struct tls_cli *t)
{
    UNTIL(s, NULL, t->open);
    t_put(s, t, "POST /echo HTTP/1.1\r\nHost: good.example\r\nContent-Le");
    t_put(s, t, "ngth: 5\r\n\r\nhello");
    UNTIL(s, NULL, str_has_suffix(buf_str(&t->got), STR("\r\n\r\nhello")));
    buf_clear(&t->got);
    char head[128];
    snprintf(head, sizeof(head), "POST /sum HTTP/1.1\r\nHost: a\r\nContent-Length: %u\r\n\r\n",
             3 * MB);
    t_put(s, t, head);
    struct iovec iov = {s->pattern, 3 * MB};
    assert_int_equal(sock_write(&t->s, &iov, 1, SOCK_REF), RC_OK);
    char want[64];
    snprintf(want, sizeof(want), "%u %llx\n", 3 * MB,
             (unsigned long long)hash_of(s->pattern, 3 * MB));
    UNTIL(s, NULL, str_has_suffix(buf_str(&t->got), str_c(want)));
    buf_clear(&t->got);
    t_put(s, t, "GET /big?3000000 HTTP/1.0\r\nHost: a\r\n\r\n");
    UNTIL(s, NULL, t->eof);
    assert_true(t->clean); /* close_notify: a stream of 1.0 ends with it */
    assert_true(buf_size(&t->got) > 3000000);
    assert_memory_equal(t->got.p + t->got.len - 3000000, s->pattern, 3000000);
}

static void test_tls(void **state)
{
    (void)state;
    struct site s;
    struct cli c;
    struct certs certs;
    char cert[CERTS_PATH], key[CERTS_PATH], ca[CERTS_PATH];
    struct tls_client how = {.host = STR("good.example")};
    site_open(&s);
    certs_init(&certs);
    certs_leaf(&certs, &(struct leaf){"good", "DNS:good.example", -1, 10, false});
    certs_path(&certs, "good", "pem", cert);
    certs_path(&certs, "good", "key", key);
    certs_path(&certs, "ca", "pem", ca);
    assert_int_equal(tls_ctx_new_server(str_c(cert), str_c(key), &s.tls, NULL), RC_OK);
    assert_int_equal(tls_ctx_new_client(str_c(ca), true, &how.ctx, NULL), RC_OK);
    cli_open(&c, &s);
    struct tls_cli t = {.got = BUF_INIT(16 * MB)};
    assert_int_equal(sock_connected(&t.s, s.l, c.fd, &t_ops), RC_OK);
    assert_int_equal(sock_start_tls(&t.s, &how), RC_OK);
    tls_talk(&s, &t);
    assert_int_equal(s.sent, 3);
    sock_close(&t.s);
    UNTIL(&s, NULL, t.closed);
    c.fd = -1;
    cli_open(&c, &s); /* no TLS at all */
    cli_put(&c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    UNTIL(&s, &c, c.eof);
    assert_int_equal(s.heads, 3);
    buf_fini(&t.got);
    tls_ctx_unref(s.tls);
    tls_ctx_unref(how.ctx);
    certs_remove(&certs, "good");
    certs_fini(&certs);
    all_quiet(&s, &c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_head_and_204),
        cmocka_unit_test(test_date),
        cmocka_unit_test(test_big_reply_slow_reader),
        cmocka_unit_test(test_flow),
        cmocka_unit_test(test_d5_last_bytes_of_a_stream),
        cmocka_unit_test(test_d5_last_bytes_nobody_takes),
        cmocka_unit_test(test_abort),
        cmocka_unit_test(test_close_all_inside),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_drain_behind_a_reply),
        cmocka_unit_test(test_tls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
