/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_sock - what a sock promises, plain and (built with WEIR_TEST_TLS) under TLS: the layer above
 * must not be able to tell them apart, so it is the same tests.
 */
#include "net.h"

#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef WEIR_TEST_TLS
#include "certs.h"

static struct {
    struct certs certs;
    struct tls_ctx *server;
    struct tls_client client;
    struct tls_slot slot;
} tls;

static int set_up(void **state)
{
    (void)state;
    char cert[CERTS_PATH], key[CERTS_PATH], ca[CERTS_PATH];
    certs_init(&tls.certs);
    certs_leaf(&tls.certs, &(struct leaf){"good", "DNS:good.example,IP:127.0.0.1", -1, 10, false});
    certs_path(&tls.certs, "good", "pem", cert);
    certs_path(&tls.certs, "good", "key", key);
    certs_path(&tls.certs, "ca", "pem", ca);
    assert_int_equal(tls_ctx_new_server(str_c(cert), str_c(key), &tls.server, NULL), RC_OK);
    assert_int_equal(tls_ctx_new_client(str_c(ca), true, &tls.client.ctx, NULL), RC_OK);
    tls.client.host = STR("good.example");
    tls.client.slot = &tls.slot;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tls_slot_fini(&tls.slot);
    tls_ctx_unref(tls.server);
    tls_ctx_unref(tls.client.ctx);
    certs_remove(&tls.certs, "good");
    certs_fini(&tls.certs);
    return 0;
}
#define SERVER_TLS tls.server
static const struct tls_client *client_tls(void)
{
    return &tls.client;
}
#else
#define set_up     NULL
#define tear_down  NULL
#define SERVER_TLS NULL
static const struct tls_client *client_tls(void)
{
    return NULL;
}
#endif

static void open_pair(struct pair *p)
{
    pair_open(p, SERVER_TLS, client_tls());
}

static char *pattern(size_t n)
{
    char *p = malloc(n);
    uint32_t x = 12345;
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525 + 1013904223;
        p[i] = (char)(x >> 24);
    }
    return p;
}

/* ---- bytes */

static void echo(struct end *e, char *p, size_t n)
{
    assert_int_equal(end_send(e, p, n, SOCK_COPY), RC_OK);
}

static void test_echo_bytewise(void **state)
{
    (void)state;
    struct pair p;
    open_pair(&p);
    p.server.on_read = echo;
    char *data = pattern(500);
    for (size_t i = 0; i < 500; i++) {
        assert_int_equal(end_send(&p.client, data + i, 1, SOCK_COPY), RC_OK);
        if (i % 3 == 0)
            loop_turn(p.l, false);
    }
    RUN_UNTIL(p.l, buf_size(&p.client.got) == 500, 2000);
    assert_memory_equal(p.client.got.p, data, 500);
    assert_true(p.client.s.bytes_out >= 500);
    assert_true(p.client.s.bytes_in >= 500);
    free(data);
    pair_close(&p);
}

static void test_iovecs(void **state)
{
    (void)state;
    struct pair p;
    open_pair(&p);
    /* Lengths around those that TLS gathers, with empty ones between. */
    static const size_t lengths[] = {1, 0, 40, 16384, 0, 16383, 1, 16385, 3, 40000, 0};
    size_t total = 0, at = 0;
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++)
        total += lengths[i];
    char *data = pattern(total);
    struct iovec iov[ARRAY_LEN(lengths)];
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        iov[i] = (struct iovec){data + at, lengths[i]};
        at += lengths[i];
    }
    assert_int_equal(sock_write(&p.client.s, iov, ARRAY_LEN(iov), SOCK_REF), RC_OK);
    assert_int_equal(sock_write(&p.client.s, iov, 0, SOCK_REF), RC_OK);
    assert_int_equal(sock_write(&p.client.s, iov + 1, 1, SOCK_COPY), RC_OK);
    RUN_UNTIL(p.l, buf_size(&p.server.got) == total, 2000);
    assert_memory_equal(p.server.got.p, data, total);
    free(data);
    pair_close(&p);
}

/* ---- backpressure */

#define BIG (8u << 20)

static void pause_now_and_then(struct end *e, char *p, size_t n)
{
    assert_true(e->s.reading);
    buf_add(&e->got, str_of(p, n));
    if (e->reads % 3 == 0)
        sock_pause(&e->s);
}

static void test_big_with_pauses(void **state)
{
    (void)state;
    struct pair p;
    open_pair(&p);
    char *data = pattern(BIG);
    p.server.on_read = pause_now_and_then;
    assert_int_equal(end_send(&p.client, data, BIG, SOCK_REF), RC_OK);
    assert_true(sock_queued(&p.client.s) > 0);
    size_t queued = sock_queued(&p.client.s);
    for (unsigned i = 0; buf_size(&p.server.got) < BIG; i++) {
        assert_true(i < 20000);
        loop_turn(p.l, false);
        if (i % 4 == 0)
            sock_read_start(&p.server.s);
        assert_true(sock_queued(&p.client.s) <=
                    queued + 65536 + 2048); /* TLS: records add a little */
    }
    assert_memory_equal(p.server.got.p, data, BIG);
    RUN_UNTIL(p.l, p.client.drains, 1000);
    assert_int_equal(p.client.drains, 1);
    assert_int_equal(sock_queued(&p.client.s), 0);
    free(data);
    pair_close(&p);
}

/* The peer does not read: memory must not grow, and nothing is delivered while paused. */
static void test_paused(void **state)
{
    (void)state;
    struct pair p;
    open_pair(&p);
    char *data = pattern(BIG);
    sock_pause(&p.server.s);
    assert_int_equal(end_send(&p.client, data, BIG, SOCK_REF), RC_OK);
    run_for(p.l, 50);
    assert_int_equal(p.server.reads, 0);
    assert_false(p.server.s.armed); /* bytes wait: libuv no longer looks at the socket */
    assert_true(sock_queued(&p.client.s) > 0);
    sock_read_start(&p.server.s);
    RUN_UNTIL(p.l, buf_size(&p.server.got) == BIG, 5000);
    assert_memory_equal(p.server.got.p, data, BIG);
    free(data);
    pair_close(&p);
}

/* A pause that ends before bytes come leaves the registration as it is. */
static void test_pause_is_free(void **state)
{
    (void)state;
    struct pair p;
    open_pair(&p);
    run_for(p.l, 5); /* TLS: the tickets */
    assert_true(p.server.s.armed);
    for (int i = 0; i < 3; i++) {
        sock_pause(&p.server.s);
        loop_turn(p.l, false);
        assert_true(p.server.s.armed);
        sock_read_start(&p.server.s);
        assert_int_equal(end_send(&p.client, "x", 1, SOCK_COPY), RC_OK);
        RUN_UNTIL(p.l, buf_size(&p.server.got) == (size_t)i + 1, 1000);
    }
    pair_close(&p);
}

static void test_order_of_modes(void **state)
{
    (void)state;
    struct pair p;
    open_pair(&p);
    char *data = pattern(4u << 20);
    sock_pause(&p.server.s);
    size_t at = 0;
    for (unsigned i = 0; at < (4u << 20); i++) {
        size_t n = i % 2 ? 70001 : 37 + i * 13 % 900;
        if (n > (4u << 20) - at)
            n = (4u << 20) - at;
        /* A copied piece may be overwritten at once, one by reference not. */
        if (i % 2) {
            assert_int_equal(end_send(&p.client, data + at, n, SOCK_REF), RC_OK);
        } else {
            char copy[1000];
            memcpy(copy, data + at, n);
            assert_int_equal(end_send(&p.client, copy, n, SOCK_COPY), RC_OK);
            memset(copy, 'X', n);
        }
        at += n;
    }
    sock_read_start(&p.server.s);
    RUN_UNTIL(p.l, buf_size(&p.server.got) == (4u << 20), 5000);
    assert_memory_equal(p.server.got.p, data, 4u << 20);
    free(data);
    pair_close(&p);
}

static void test_queue_limit(void **state)
{
    (void)state;
    struct pair p;
    open_pair(&p);
    char *data = pattern(1u << 20);
    sock_pause(&p.server.s);
    enum rc rc = RC_OK;
    unsigned n = 0;
    while (rc == RC_OK && n < 100) {
        rc = end_send(&p.client, data, 1u << 20, SOCK_COPY);
        n++;
    }
    assert_int_equal(rc, RC_LIMIT);
    assert_true(sock_queued(&p.client.s) <= SOCK_QUEUE_MAX + (1u << 20));
    free(data);
    pair_close(&p);
}

/* One write is never cut by the limit, an event with a picture in it: it counts what waits. */
static void test_queue_limit_and_one_large_write(void **state)
{
    (void)state;
    struct pair p;
    open_pair(&p);
    const size_t n = SOCK_QUEUE_MAX + (4u << 20);
    char *data = pattern(n);
    sock_pause(&p.server.s);
    assert_int_equal(end_send(&p.client, data, n, SOCK_COPY), RC_OK);
    assert_true(sock_queued(&p.client.s) >= SOCK_QUEUE_MAX);
    assert_int_equal(end_send(&p.client, data, 1, SOCK_COPY), RC_LIMIT);
    sock_read_start(&p.server.s);
    RUN_UNTIL(p.l, buf_size(&p.server.got) == n, 5000);
    assert_memory_equal(p.server.got.p, data, n);
    free(data);
    pair_close(&p);
}

static void test_drop_queued(void **state)
{
    (void)state;
    struct pair p;
    open_pair(&p);
    char *data = pattern(BIG);
    sock_pause(&p.server.s);
    assert_int_equal(end_send(&p.client, data, BIG, SOCK_REF), RC_OK);
    size_t before = sock_queued(&p.client.s);
    sock_drop_queued(&p.client.s);
    assert_true(sock_queued(&p.client.s) < before);
    assert_true(sock_queued(&p.client.s) <= 256 * 1024 + 2048);
    sock_read_start(&p.server.s);
    RUN_UNTIL(p.l, sock_queued(&p.client.s) == 0, 2000);
    sock_shutdown(&p.client.s);
    RUN_UNTIL(p.l, p.server.eofs, 2000);
    assert_true(buf_size(&p.server.got) < BIG);
    assert_memory_equal(p.server.got.p, data, buf_size(&p.server.got)); /* a prefix, unharmed */
    sock_drop_queued(&p.client.s); /* nothing waits: nothing happens */
    free(data);
    pair_close(&p);
}

static void test_own_memory(void **state)
{
    (void)state;
    struct pair p;
    static char into[64];
    open_pair(&p);
    p.server.into = into;
    p.server.into_n = sizeof(into);
    char *data = pattern(1000);
    assert_int_equal(end_send(&p.client, data, 1000, SOCK_COPY), RC_OK);
    RUN_UNTIL(p.l, buf_size(&p.server.got) == 1000, 1000);
    assert_true(p.server.reads >= 1000 / 64);
    assert_memory_equal(p.server.got.p, data, 1000);
    free(data);
    pair_close(&p);
}

/* ---- ends */

static void test_half_close(void **state)
{
    (void)state;
    struct pair p;
    open_pair(&p);
    char *data = pattern(3u << 20);
    assert_int_equal(end_send(&p.client, data, 3u << 20, SOCK_REF), RC_OK);
    sock_shutdown(&p.client.s); /* after the queue */
    assert_int_equal(end_send(&p.client, "x", 1, SOCK_COPY), RC_CLOSED);
    RUN_UNTIL(p.l, p.server.eofs, 5000);
    assert_true(p.server.eof_clean);
    assert_int_equal(buf_size(&p.server.got), 3u << 20);
    assert_false(sock_is_dead(&p.server.s));
    assert_int_equal(end_send(&p.server, "late words", 10, SOCK_COPY), RC_OK);
    RUN_UNTIL(p.l, buf_size(&p.client.got) == 10, 1000);
    assert_int_equal(p.server.errors, 0);
    free(data);
    pair_close(&p);
}

static void close_hard(struct end *e)
{
    struct linger now = {.l_onoff = 1};
    uv_os_fd_t fd;
    assert_int_equal(uv_fileno((uv_handle_t *)&e->s.tcp, &fd), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
    sock_close(&e->s);
}

static void test_reset(void **state)
{
    (void)state;
    struct pair p;
    open_pair(&p);
    p.client.s.write_failed = true; /* no close_notify: the reset is all the peer sees */
    close_hard(&p.client);
    RUN_UNTIL(p.l, p.server.errors || p.server.eofs, 1000);
    assert_int_equal(p.server.errors, 1);
    assert_int_equal(p.server.error_rc, RC_RESET);
    assert_true(p.server.s.eof);
    pair_close(&p);
}

/* What was sent in vain must not look whole: the peer sees a reset, under TLS no close_notify. */
static void test_abort(void **state)
{
    (void)state;
    struct pair p;
    struct sockaddr_storage peer;
    open_pair(&p);
    assert_true(sock_peer(&p.server.s, &peer));
    assert_int_equal(peer.ss_family, AF_INET);
    sock_pause(&p.server.s);
    char *data = pattern(BIG);
    assert_int_equal(end_send(&p.client, data, BIG, SOCK_REF), RC_OK);
    run_for(p.l, 5);
    assert_true(sock_unacked(&p.client.s) >= sock_queued(&p.client.s));
    sock_abort(&p.client.s);
    free(data);
    RUN_UNTIL(p.l, p.client.closes, 1000);
    sock_read_start(&p.server.s);
    RUN_UNTIL(p.l, p.server.errors || p.server.eofs, 1000);
    assert_int_equal(p.server.errors, 1);
    assert_int_equal(p.server.error_rc, RC_RESET);
    assert_true(sock_is_dead(&p.server.s));
    pair_close(&p);
}

/* Gone altogether shows once something was written to it. */
static void test_dead(void **state)
{
    (void)state;
    struct pair p;
    open_pair(&p);
    run_for(p.l, 5);
    sock_close(&p.client.s);
    RUN_UNTIL(p.l, p.server.eofs, 1000);
    enum rc rc = RC_OK;
    for (int i = 0; i < 100 && rc == RC_OK && !sock_is_dead(&p.server.s); i++) {
        rc = end_send(&p.server, "x", 1, SOCK_COPY);
        run_for(p.l, 2);
    }
    assert_true(sock_is_dead(&p.server.s));
    rc = RC_OK;
    for (int i = 0; i < 3 && rc == RC_OK; i++) {
        rc = end_send(&p.server, "x", 1, SOCK_COPY);
        run_for(p.l, 2);
    }
    assert_int_equal(rc, RC_CLOSED);
    assert_int_equal(p.server.errors, 1);
    assert_int_equal(p.server.error_rc, RC_RESET);
    pair_close(&p);
}

static void close_here(struct end *e, const char *what)
{
    if (strcmp(what, e->arg) == 0) {
        sock_close(&e->s);
        sock_close(&e->s);
        assert_int_equal(end_send(e, "x", 1, SOCK_COPY), RC_CLOSED);
        sock_read_start(&e->s);
        sock_shutdown(&e->s);
    }
}

static void test_close_in_callbacks(void **state)
{
    (void)state;
    static const char *const where[] = {"open", "read", "eof"};
    char *data = pattern(200000);
    for (size_t i = 0; i < ARRAY_LEN(where); i++) {
        struct pair p;
        pair_connect(&p);
        p.server.on_any = close_here;
        p.server.arg = (void *)(uintptr_t)where[i];
        pair_start(&p, SERVER_TLS, client_tls());
        if (!client_tls())
            (void)end_send(&p.client, data, 200000, SOCK_COPY);
        run_for(p.l, 20);
        if (!p.client.s.closing && !p.client.s.write_failed) {
            (void)end_send(&p.client, data, 1, SOCK_COPY);
            sock_shutdown(&p.client.s);
        }
        RUN_UNTIL(p.l, p.server.closes, 2000);
        run_for(p.l, 5);
        assert_int_equal(p.server.closes, 1);
        assert_true(p.server.reads <= 1 || strcmp(where[i], "eof") == 0);
        pair_close(&p);
    }
    free(data);
}

/* Close with much in the queue: on_closed comes once, and the referenced memory is free at once. */
static void test_close_full(void **state)
{
    (void)state;
    struct pair p;
    open_pair(&p);
    char *data = pattern(BIG);
    sock_pause(&p.server.s);
    assert_int_equal(end_send(&p.client, data, BIG, SOCK_REF), RC_OK);
    loop_turn(p.l, false);
    sock_close(&p.client.s);
    memset(data, 0, BIG);
    free(data);
    RUN_UNTIL(p.l, p.client.closes, 1000);
    assert_int_equal(p.client.drains, 0);
    assert_int_equal(p.client.errors, 0);
    pair_close(&p);
}

static void test_close_before_open(void **state)
{
    (void)state;
    struct pair p;
    pair_connect(&p);
    pair_start(&p, SERVER_TLS, client_tls());
    sock_close(&p.server.s);
    RUN_UNTIL(p.l, p.server.closes, 1000);
    assert_int_equal(p.server.opens, 0);
    pair_close(&p);
}

static void test_keepalive(void **state)
{
    (void)state;
    struct pair p;
    open_pair(&p);
    sock_set_keepalive(&p.client.s, 30, 20000);
    uv_os_fd_t fd;
    int on = 0;
    socklen_t n = sizeof(on);
    assert_int_equal(uv_fileno((uv_handle_t *)&p.client.s.tcp, &fd), 0);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, &n), 0);
    assert_int_equal(on, 1);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &on, &n), 0);
    assert_int_equal(on, 20000);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &n), 0);
    assert_true(on);
    pair_close(&p);
}

/* ---- memory runs out: at every allocation in turn, nothing leaks, hangs or is told twice */

static void test_no_memory(void **state)
{
    (void)state;
    char *data = pattern(BIG);
    bool whole = false;
    for (size_t n = 1; n < 40 && !whole; n++) {
        struct pair p;
        pair_connect(&p);
        mem_fail_after(n);
        p.server.was_open =
            sock_accept(&p.server.s, p.l, p.accepted, SERVER_TLS, &end_ops) == RC_OK;
        p.client.was_open = sock_connected(&p.client.s, p.l, p.dialed, &end_ops) == RC_OK;
        assert_true(p.client.was_open);
        enum rc rc = client_tls() ? sock_start_tls(&p.client.s, client_tls()) : RC_OK;
        assert_true(rc == RC_OK || rc == RC_NOMEM);
        for (int i = 0; i < 20; i++)
            loop_turn(p.l, false);
        if (rc == RC_OK)
            rc = end_send(&p.client, data, BIG, SOCK_REF);
        for (int i = 0; i < 20; i++)
            loop_turn(p.l, false);
        mem_fail_after(0);
        assert_true(p.server.opens <= 1 && p.client.opens <= 1);
        whole = rc == RC_OK && p.server.opens == 1 && p.server.open_rc == RC_OK &&
                !p.client.errors && !p.server.errors && !p.server.got.failed;
        pair_close(&p);
    }
    assert_true(whole);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo_bytewise),
        cmocka_unit_test(test_iovecs),
        cmocka_unit_test(test_big_with_pauses),
        cmocka_unit_test(test_paused),
        cmocka_unit_test(test_pause_is_free),
        cmocka_unit_test(test_order_of_modes),
        cmocka_unit_test(test_queue_limit),
        cmocka_unit_test(test_queue_limit_and_one_large_write),
        cmocka_unit_test(test_drop_queued),
        cmocka_unit_test(test_own_memory),
        cmocka_unit_test(test_half_close),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_dead),
        cmocka_unit_test(test_abort),
        cmocka_unit_test(test_close_in_callbacks),
        cmocka_unit_test(test_close_full),
        cmocka_unit_test(test_close_before_open),
        cmocka_unit_test(test_keepalive),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
