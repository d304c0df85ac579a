/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_refusals - what a client gets that sends too much, or something else than a request: rows
 * D11 to D21 of the fault matrix. What counts besides the status: the answer arrives although the
 * client goes on sending, the connection ends, and nothing behind the refused bytes is taken for a
 * request. The parsers' own cases are in tests/unit/http; here is one of each kind.
 */
#include "cli.h"

/* Send `text`, expect a refusal with this status, and the end. */
static void refused(struct site *s, const char *text, unsigned status)
{
    struct cli c;
    struct answer a;
    unsigned heads = s->heads, requests = s->requests;
    cli_open(&c, s);
    cli_put(&c, text);
    UNTIL(s, &c, cli_next(&c, false, &a));
    if (a.status != status)
        fail_msg("status %u, want %u, for %.200s", a.status, status, text);
    assert_int_equal(a.interim, 0);
    assert_true(str_find(a.head, STR("x-refused: yes")) != SIZE_MAX);
    assert_true(a.body.n > 0);
    assert_false(a.keep_alive);
    cli_send(&c, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n", 32);
    EXPECT_END(&c);
    assert_true(s->heads <= heads + 1);
    assert_int_equal(s->requests, requests);
    cli_close(&c);
    expect_quiet(s);
}

static void done(struct site *s)
{
    expect_alive(s);
    expect_quiet(s);
    site_close(s);
}

/* ---- D11 */

static void test_d11_connections(void **state)
{
    (void)state;
    struct site s;
    struct cli in[4], over;
    struct answer a;
    site_open(&s);
    struct server_limits l = s.limits;
    l.conns_max = 4;
    site_set(&s, l);
    for (int i = 0; i < 4; i++)
        cli_open(&in[i], &s);
    for (int i = 0; i < 20; i++) {
        cli_open(&over, &s);
        UNTIL(&s, &over, over.eof);
        cli_close(&over);
        assert_int_equal(server_conns(s.server), 4);
    }
    cli_put(&in[2], "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"); /* those inside notice nothing */
    EXPECT(&in[2], &a, 200);
    for (int i = 0; i < 4; i++)
        cli_close(&in[i]);
    UNTIL(&s, NULL, server_conns(s.server) == 0);
    done(&s);
}

/* ---- D12 */

static void test_d12_head_too_large(void **state)
{
    (void)state;
    struct site s;
    site_open(&s);
    char *text = malloc(64 * 1024);
    size_t n = (size_t)snprintf(text, 1000, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    memset(text + n, 'x', 17000);
    memcpy(text + n + 17000, "\r\n\r\n", 5);
    refused(&s, text, 431);
    text[n + 17000] = '\0'; /* and without an end */
    refused(&s, text, 431);
    n = (size_t)snprintf(text, 1000, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < 100; i++)
        n += (size_t)snprintf(text + n, 100, "X%d: y\r\n", i);
    memcpy(text + n, "\r\n", 3);
    refused(&s, text, 431);
    n = (size_t)snprintf(text, 1000, "GET /");
    memset(text + n, 'y', 9000);
    snprintf(text + n + 9000, 100, " HTTP/1.1\r\nHost: a\r\n\r\n");
    refused(&s, text, 414);
    free(text);
    assert_int_equal(s.refused[REFUSE_BAD], 4);
    done(&s);
}

/* ---- D13 */

static void test_d13_refused_from_the_head(void **state)
{
    (void)state;
    static const char *const paths[] = {"/deny", "/denylater"};
    struct site s;
    struct cli c;
    struct answer a;
    site_open(&s);
    for (int k = 0; k < 2; k++) {
        char head[128];
        snprintf(head, sizeof(head),
                 "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000000\r\n\r\n", paths[k]);
        cli_open(&c, &s);
        cli_put(&c, head);
        EXPECT(&c, &a, 401);
        assert_false(a.keep_alive);
        cli_send(&c, s.pattern, 512 * 1024); /* it has not looked yet */
        UNTIL(&s, &c, c.eof);
        assert_false(c.reset);
        assert_int_equal(c.n, c.taken);
        cli_close(&c);
        expect_quiet(&s);
    }
    assert_int_equal(s.requests, 0);
    assert_int_equal(s.sent, 2);
    /* Without a body the connection stays. */
    cli_open(&c, &s);
    cli_put(&c, "GET /deny HTTP/1.1\r\nHost: a\r\n\r\nGET /denylater HTTP/1.1\r\nHost: a\r\n\r\n"
                "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(&c, &a, 401);
    assert_true(a.keep_alive);
    EXPECT(&c, &a, 401);
    EXPECT(&c, &a, 200);
    cli_close(&c);
    done(&s);
}

/* ---- D14 */

static void too_large(struct site *s, const char *head, size_t send_n, const char *then)
{
    struct cli c;
    struct answer a;
    cli_open(&c, s);
    cli_put(&c, head);
    char *body = malloc(send_n + 64);
    size_t n = (size_t)snprintf(body, 32, "%s", then);
    memset(body + n, 'b', send_n);
    cli_send(&c, body, n + send_n);
    EXPECT(&c, &a, 413);
    assert_false(a.keep_alive);
    UNTIL(s, &c, c.eof);
    assert_false(c.reset); /* the answer was not overtaken */
    assert_int_equal(c.n, c.taken);
    free(body);
    cli_close(&c);
    expect_quiet(s);
}

static void test_d14_body_too_large(void **state)
{
    (void)state;
    struct site s;
    struct cli c;
    struct answer a;
    site_open(&s);
    struct server_limits l = s.limits;
    l.body_max = 100000;
    site_set(&s, l);
    too_large(&s, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100001\r\n\r\n", 100001, "");
    too_large(&s, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 300000,
              "493E0\r\n"); /* 300000 */
    too_large(&s, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 300000,
              "FFFFFFFFFFFFFFFF\r\n");
    too_large(&s, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 0,
              "1\r\nx\r\n186A0\r\n"); /* known before it is here */
    assert_int_equal(s.refused[REFUSE_TOO_LARGE], 4);
    assert_int_equal(s.requests, 0);
    cli_open(&c, &s); /* just fits; what it needs is a power of two at most above it */
    cli_put(&c, "POST /wait HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n186A0\r\n");
    cli_send(&c, s.pattern, 100000);
    UNTIL(&s, &c, c.out_n == 0);
    cli_put(&c, "\r\n0\r\n\r\n");
    UNTIL(&s, &c, s.requests == 1);
    assert_true(site_conn(&s)->req->body_cap <= 131072);
    l.body_max = 10; /* a reload in between */
    site_set(&s, l);
    site_answer(&s);
    EXPECT(&c, &a, 200);
    assert_int_equal(a.body.n, 100000);
    cli_put(&c,
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0123456789");
    l.body_max = 5; /* and in the middle of a body */
    site_set(&s, l);
    cli_put(&c, "\r\n1\r\nx");
    EXPECT(&c, &a, 413);
    cli_close(&c);
    done(&s);
}

/* ---- D16, D17 */

static void test_d16_d17_not_a_request(void **state)
{
    (void)state;
    static const struct {
        unsigned status;
        const char *text;
    } cases[] = {
        {400,
         "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello"},
        {400, "GET / HTTP/1.1\nHost: a\n\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\x01\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\n: empty\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\nX\xe9: b\r\n\r\n"},
        {505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"},
        {400, "GET / HTTX/1.1\r\nHost: a\r\n\r\n"},
        {400, "G=T / HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n\r\n"},
        {400, "\x16\x03\x01\x02"},
        {400, "\rX"},
        {400, "\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
    };
    struct site s;
    site_open(&s);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        refused(&s, cases[i].text, cases[i].status);
    assert_int_equal(s.heads, 0);
    assert_int_equal(s.refused[REFUSE_BAD], ARRAY_LEN(cases));
    done(&s);
}

/* What of a bad head could be read, the handler may look at to the end. */
static void test_refused_head_lives(void **state)
{
    (void)state;
    struct site s;
    site_open(&s);
    refused(&s, "GET /some/where HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400);
    assert_string_equal(s.last_target, "/some/where");
    refused(&s, "GET /else HTTP/1.1\r\nHost\r\n\r\n", 400);
    assert_string_equal(s.last_target, "/else");
    refused(&s, "GET\r\n\r\n", 400);
    assert_string_equal(s.last_target, "");
    done(&s);
}

/* ---- D18 */

static void test_d18_chunks(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "0x1\r\na\r\n", "+1\r\na\r\n",  "-1\r\na\r\n",
        " 1\r\na\r\n",  "1_0\r\na\r\n", "\r\na\r\n",
        "1\rXa\r\n",    "1\na\n",       "00000000000000001\r\na\r\n",
        "1\r\nabc\r\n", "1 \r\na\r\n",  "5\r\nhello\r\n0\r\nbad trailer\r\n\r\n",
    };
    struct site s;
    struct cli c;
    struct answer a;
    site_open(&s);
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        char text[256];
        snprintf(text, sizeof(text),
                 "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%s",
                 bodies[i]);
        refused(&s, text, 400);
    }
    char *text = malloc(2u << 20);
    size_t n = (size_t)snprintf(
        text, 200, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;");
    memset(text + n, 'e', 1u << 20);
    cli_open(&c, &s);
    cli_send(&c, text, n + (1u << 20));
    EXPECT(&c, &a, 400);
    UNTIL(&s, &c, c.eof);
    cli_close(&c);
    free(text);
    assert_int_equal(s.requests, 0);
    done(&s);
}

/* ---- D20 */

#define EXPECTING "POST %s HTTP/1.%d\r\nHost: a\r\nExpect: %s\r\nContent-Length: 5\r\n\r\n"

static const char *expecting(char *to, size_t cap, const char *path, int minor, const char *what)
{
    snprintf(to, cap, EXPECTING, path, minor, what);
    return to;
}

static void test_d20_expect(void **state)
{
    (void)state;
    struct site s;
    struct cli c;
    struct answer a;
    char text[256];
    site_open(&s);
    cli_open(&c, &s);
    cli_put(&c, expecting(text, sizeof(text), "/echo", 1, "100-continue"));
    UNTIL(&s, &c, c.n == 25);
    assert_memory_equal(c.got, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    run_for(&s, &c, 5);
    assert_int_equal(c.n, 25); /* once */
    cli_put(&c, "hello");
    EXPECT(&c, &a, 200);
    assert_int_equal(a.interim, 1);
    assert_str(a.body, "hello");
    /* A client that does not wait. */
    expecting(text, sizeof(text), "/echo", 1, "100-Continue");
    memcpy(text + strlen(text), "hello", 6);
    cli_put(&c, text);
    EXPECT(&c, &a, 200);
    assert_int_equal(a.interim, 0);
    /* HTTP/1.0 knows no such thing. */
    cli_put(&c, expecting(text, sizeof(text), "/echo", 0, "100-continue"));
    run_for(&s, &c, 5);
    assert_int_equal(c.n, c.taken);
    cli_put(&c, "hello");
    EXPECT(&c, &a, 200);
    EXPECT_END(&c);
    cli_close(&c);
    done(&s);
}

static void test_d20_refused(void **state)
{
    (void)state;
    struct site s;
    struct cli c;
    struct answer a;
    char text[256];
    site_open(&s);
    cli_open(&c, &s);
    cli_put(&c, expecting(text, sizeof(text), "/deny", 1, "100-continue"));
    EXPECT(&c, &a, 401);
    assert_int_equal(a.interim, 0);
    assert_false(a.keep_alive);
    EXPECT_END(&c);
    cli_close(&c);
    refused(&s, expecting(text, sizeof(text), "/echo", 1, "200-maybe"), 417);
    assert_int_equal(s.refused[REFUSE_EXPECTATION], 1);
    assert_int_equal(s.requests, 0);
    done(&s);
}

/* ---- D21 */

static void test_d21_no_tunnels(void **state)
{
    (void)state;
    struct site s;
    struct cli c;
    struct answer a;
    site_open(&s);
    cli_open(&c, &s);
    cli_put(&c, "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: foo\r\n"
                "Content-Length: 31\r\n\r\nGET /smug HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT(&c, &a, 200);
    assert_int_equal(a.body.n, 31);
    assert_int_equal(s.heads, 1);
    cli_put(&c, "GET /echo HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n");
    EXPECT(&c, &a, 200);
    assert_true(a.keep_alive);
    cli_close(&c);
    static const char *const last[] = {
        "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\nGET /echo HTTP/1.1\r\nHost: a\r\n\r\n",
        "TRACE /echo HTTP/1.1\r\nHost: a\r\n\r\nGET /echo HTTP/1.1\r\nHost: a\r\n\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(last); i++) {
        unsigned heads = s.heads;
        cli_open(&c, &s);
        cli_put(&c, last[i]);
        EXPECT(&c, &a, 200); /* what it says is the handler's affair */
        assert_false(a.keep_alive);
        EXPECT_END(&c);
        assert_int_equal(s.heads, heads + 1);
        cli_close(&c);
    }
    refused(&s, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400);
    done(&s);
}

/* An answer must reach a client that is still sending, and one that sends for ever is cut off. */
static void test_linger_is_bounded(void **state)
{
    (void)state;
    struct site s;
    struct cli c;
    struct answer a;
    site_open(&s);
    cli_open(&c, &s);
    cli_put(&c, "POST /deny HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n");
    EXPECT(&c, &a, 401);
    size_t sent = 0;
    while (server_conns(s.server)) {
        if (c.out_n == 0) {
            cli_send(&c, s.pattern, 64 * 1024);
            sent += 64 * 1024;
        }
        turn(&s, &c);
        assert_true(sent < (16u << 20)); /* LINGER_BYTES, and what the kernel holds */
    }
    cli_close(&c);
    cli_open(&c, &s); /* and one that says nothing: after two seconds */
    cli_put(&c, "POST /deny HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
    EXPECT(&c, &a, 401);
    usec from = loop_now_us();
    UNTIL(&s, NULL, server_conns(s.server) == 0);
    assert_in_range(loop_now_us() - from, 1500000, 9000000);
    cli_close(&c);
    done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_d11_connections),
        cmocka_unit_test(test_d12_head_too_large),
        cmocka_unit_test(test_d13_refused_from_the_head),
        cmocka_unit_test(test_d14_body_too_large),
        cmocka_unit_test(test_d16_d17_not_a_request),
        cmocka_unit_test(test_refused_head_lives),
        cmocka_unit_test(test_d18_chunks),
        cmocka_unit_test(test_d20_expect),
        cmocka_unit_test(test_d20_refused),
        cmocka_unit_test(test_d21_no_tunnels),
        cmocka_unit_test(test_linger_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
