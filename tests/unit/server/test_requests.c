/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_server - what a well-meaning client gets: every way of sending a request, every way of
 * taking its answer, byte for byte.
 */
#include "cli.h"

#define MB (1u << 20)

/* ---- requests */

static void test_keep_alive(void **state)
{
    (void)state;
    struct site s;
    struct cli c;
    struct answer a;
    site_open(&s);
    cli_open(&c, &s);
    for (int i = 0; i < 3; i++) {
        cli_put(&c, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
        EXPECT(&c, &a, 200);
        assert_int_equal(a.body.n, 0);
        assert_true(a.keep_alive);
        cli_put(&c, "POST /later?x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
        EXPECT(&c, &a, 200);
        assert_str(a.body, "abc");
    }
    assert_int_equal(s.heads, 6);
    assert_int_equal(s.sent, 6);
    assert_int_equal(s.gone, 0);
    assert_string_equal(s.last_target, "/later?x");
    cli_put(&c, "GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    EXPECT(&c, &a, 200);
    assert_false(a.keep_alive);
    EXPECT_END(&c);
    assert_false(c.reset);
    all_quiet(&s, &c);
}

/* HTTP/1.0: the connection stays only if asked for, and streams are not chunked. */
static void test_http_1_0(void **state)
{
    (void)state;
    struct site s;
    struct cli c;
    struct answer a;
    site_open(&s);
    cli_open(&c, &s);
    cli_put(&c, "GET /big?10 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT(&c, &a, 200);
    assert_true(str_find(a.head, STR("connection: keep-alive\r\n")) != SIZE_MAX);
    cli_put(&c, "GET /big?10 HTTP/1.0\r\n\r\n");
    EXPECT(&c, &a, 200);
    assert_memory_equal(a.body.p, s.pattern, 10);
    assert_true(str_find(a.head, STR("connection: close\r\n")) != SIZE_MAX);
    EXPECT_END(&c);
    cli_close(&c);
    cli_open(&c, &s);
    cli_put(&c, "GET /events?3 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT(&c, &a, 200);
    assert_true(a.whole && !a.keep_alive);
    assert_str(a.body, "data: 1\n\ndata: 2\n\ndata: 3\n\n");
    assert_true(str_find(a.head, STR("chunked")) == SIZE_MAX);
    all_quiet(&s, &c);
}

static const char *const whole_requests[] = {
    "POST /echo?q HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nX-Long: yes\r\n\r\nhello world",
    ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
     "6;e=1\r\nhello \r\n5\r\nworld\r\n0\r\nT: v\r\n\r\n"),
    "\r\n\r\nPOST http://a/later HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world",
};

/* Every request, cut into two at each byte, on one connection: the answer is the same. */
static void test_cut_in_two(void **state)
{
    (void)state;
    struct site s;
    struct cli c;
    struct answer a;
    site_open(&s);
    cli_open(&c, &s);
    for (size_t k = 0; k < ARRAY_LEN(whole_requests); k++) {
        size_t n = strlen(whole_requests[k]);
        for (size_t cut = 1; cut < n; cut++) {
            cli_send(&c, whole_requests[k], cut);
            turn(&s, &c);
            turn(&s, &c);
            assert_false(c.eof || c.n != c.taken);
            cli_send(&c, whole_requests[k] + cut, n - cut);
            EXPECT(&c, &a, 200);
            assert_str(a.body, "hello world");
        }
    }
    assert_int_equal(s.requests, s.sent);
    assert_ptr_equal(site_conn(&s)->in.p, NULL); /* an idle connection owns no buffer */
    all_quiet(&s, &c);
}

static void test_byte_by_byte(void **state)
{
    (void)state;
    struct site s;
    struct cli c;
    struct answer a;
    site_open(&s);
    cli_open(&c, &s);
    c.step = 1;
    for (size_t k = 0; k < ARRAY_LEN(whole_requests); k++) {
        cli_put(&c, whole_requests[k]);
        EXPECT(&c, &a, 200);
        assert_str(a.body, "hello world");
    }
    all_quiet(&s, &c);
}

/* What the handler was given lives as long as the request: the head of one that came together with
 * others, in a buffer that was used again meanwhile. */
static void test_slices_live(void **state)
{
    (void)state;
    struct site s;
    struct cli c, other;
    struct answer a;
    site_open(&s);
    cli_open(&c, &s);
    cli_open(&other, &s);
    cli_put(&c, "POST /wait?long HTTP/1.1\r\nHost: a\r\nX: 1\r\nContent-Length: 3\r\n\r\nabc"
                "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\ndef");
    UNTIL(&s, &c, s.requests == 1);
    for (int i = 0; i < 3; i++) {
        cli_put(&other, "GET /sum HTTP/1.1\r\nHost: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n\r\n");
        EXPECT(&other, &a, 200);
    }
    struct job *j = list_entry(s.waiting.next, struct job, link);
    assert_str(j->r->head->target, "/wait?long");
    assert_str(j->r->head->path, "/wait");
    assert_str(j->r->head->query, "long");
    assert_str(j->r->head->host, "a");
    assert_str(j->r->head->method_text, "POST");
    assert_str(h1_find(j->r->head, STR("x")), "1");
    assert_str(j->r->body, "abc");
    assert_str(request_peer(j->r), "127.0.0.1");
    assert_true(request_peer_is_loopback(j->r));
    site_answer(&s);
    EXPECT(&c, &a, 200);
    assert_str(a.body, "abc");
    EXPECT(&c, &a, 200);
    assert_str(a.body, "def");
    cli_close(&other);
    all_quiet(&s, &c);
}

/* ---- D15 */

#define PIPELINED 1000

/* In order, whether the handler answers at once or later, and never one inside another. */
static void pipeline(const char *path)
{
    struct site s;
    struct cli c;
    struct answer a;
    site_open(&s);
    cli_open(&c, &s);
    char *all = malloc(PIPELINED * 100);
    size_t n = 0;
    for (int i = 0; i < PIPELINED; i++)
        n += (size_t)snprintf(all + n, 100,
                              "POST %s?%d HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n%04d",
                              path, i, i);
    cli_send(&c, all, n);
    for (int i = 0; i < PIPELINED; i++) {
        char want[8];
        snprintf(want, sizeof(want), "%04d", i);
        EXPECT(&c, &a, 200);
        assert_str(a.body, want);
    }
    assert_int_equal(s.requests, PIPELINED);
    free(all);
    all_quiet(&s, &c);
}

static void test_d15_pipelined(void **state)
{
    (void)state;
    pipeline("/echo");
    pipeline("/later");
}

/* While one is served the rest waits in a bounded buffer, and then in the kernel. */
static void test_d15_bounded(void **state)
{
    (void)state;
    static const char one[] = "GET /events?2 HTTP/1.1\r\nHost: a\r\n\r\n";
    struct site s;
    struct cli c;
    struct answer a;
    site_open(&s);
    cli_open_small(&c, &s);
    cli_put(&c, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    UNTIL(&s, &c, s.requests == 1);
    size_t count = MB / (sizeof(one) - 1), n = 0;
    char *all = malloc(count * sizeof(one));
    for (size_t i = 0; i < count; i++, n += sizeof(one) - 1)
        memcpy(all + n, one, sizeof(one) - 1);
    cli_send(&c, all, n);
    struct conn *conn = site_conn(&s);
    UNTIL(&s, &c, conn->paused);
    run_for(&s, &c, 20);
    assert_false(conn->sock.reading);
    assert_in_range(buf_size(&conn->in), PIPELINE_MAX, PIPELINE_MAX + LOOP_READ_SIZE);
    assert_int_equal(s.requests, 1);
    assert_true(c.out_n > 0); /* the client feels it */
    site_answer(&s);
    EXPECT(&c, &a, 200);
    for (size_t i = 0; i < count; i++) {
        EXPECT(&c, &a, 200);
        assert_str(a.body, "data: 1\n\ndata: 2\n\n");
        assert_true(buf_size(&conn->in) <= PIPELINE_MAX + LOOP_READ_SIZE);
    }
    free(all);
    assert_int_equal(s.requests, count + 1);
    all_quiet(&s, &c);
}

/* ---- bodies */

static void sum(struct site *s, struct cli *c, size_t n)
{
    struct answer a;
    char want[64];
    EXPECT(c, &a, 200);
    snprintf(want, sizeof(want), "%zu %llx\n", n, (unsigned long long)hash_of(s->pattern, n));
    assert_str(a.body, want);
}

/* Lengths around the sizes at which the way of a body changes; another request follows at once, in
 * the same read if it can. */
static void test_body_lengths(void **state)
{
    (void)state;
    static const size_t lengths[] = {0,     1,     4095,   4096,   4097,   8192,   8193,   16000,
                                     65000, 65536, 131072, 200000, MB - 1, MB + 1, 32 * MB};
    static const char next[] = "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n";
    struct site s;
    struct cli c;
    struct answer a;
    site_open(&s);
    cli_open(&c, &s);
    char *wire = malloc(32 * MB + 256);
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        size_t n = (size_t)snprintf(
            wire, 128, "POST /sum HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", lengths[i]);
        memcpy(wire + n, s.pattern, lengths[i]);
        memcpy(wire + n + lengths[i], next, sizeof(next) - 1);
        for (int k = 0; k < 2; k++) { /* head and body together, and one after the other */
            if (k) {
                cli_send(&c, wire, n);
                UNTIL(&s, &c, c.out_n == 0);
                turn(&s, &c);
            }
            cli_send(&c, k ? wire + n : wire, (k ? 0 : n) + lengths[i] + sizeof(next) - 1);
            sum(&s, &c, lengths[i]);
            EXPECT(&c, &a, 200);
            assert_int_equal(a.body.n, 0);
        }
    }
    assert_int_equal(s.requests, 4 * ARRAY_LEN(lengths));
    free(wire);
    all_quiet(&s, &c);
}

/* The pattern in chunks of all sizes up to `most`. */
static size_t chunks(const char *from, size_t n, size_t most, char *to)
{
    size_t at = 0, out = 0;
    for (size_t i = 0; at < n; i++) {
        size_t part = 1 + i * 7919 % most;
        if (part > n - at)
            part = n - at;
        out += (size_t)snprintf(to + out, 32, "%zx\r\n", part);
        memcpy(to + out, from + at, part);
        memcpy(to + out + part, "\r\n", 2);
        out += part + 2;
        at += part;
    }
    memcpy(to + out, "0\r\n\r\n", 5);
    return out + 5;
}

static void chunked_body(size_t n, size_t most)
{
    struct site s;
    struct cli c;
    site_open(&s);
    cli_open(&c, &s);
    char *wire = malloc(n * (most == 1 ? 6 : 2) + 1024);
    size_t size = chunks(s.pattern, n, most, wire);
    for (int i = 0; i < 2; i++) { /* the connection is as new after it */
        cli_put(&c, "POST /sum HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        cli_send(&c, wire, size);
        sum(&s, &c, n);
        if (n > 16 * MB)
            break;
    }
    free(wire);
    all_quiet(&s, &c);
}

static void test_chunked_bodies(void **state)
{
    (void)state;
    chunked_body(0, 1);
    chunked_body(5000, 10);
    chunked_body(3 * MB, 100000);
    chunked_body(32 * MB, 70000);
}

static void test_d19_one_byte_chunks(void **state)
{
    (void)state;
    chunked_body(256 * 1024, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keep_alive),     cmocka_unit_test(test_http_1_0),
        cmocka_unit_test(test_cut_in_two),     cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_slices_live),    cmocka_unit_test(test_d15_pipelined),
        cmocka_unit_test(test_d15_bounded),    cmocka_unit_test(test_body_lengths),
        cmocka_unit_test(test_chunked_bodies), cmocka_unit_test(test_d19_one_byte_chunks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
