/* SPDX-License-Identifier: Apache-2.0 */
/* Responses: U6-U10, U35, U36 as far as the parser decides them. */
#include "h1_check.h"

#include "base/buf.h"
#include "base/check.h"

static struct guard page;

static size_t parse_side(enum h1_side side, str in, struct h1_head *h)
{
    size_t used = 0;
    enum h1_result r = h1_check_all(side, page, in, h, &used);
    if (r != H1_DONE)
        fail_msg("%d %s: " STR_FMT, (int)r, h->bad_why ? h->bad_why : "", STR_ARG(in));
    return used;
}

static void parse_ok(str in, struct h1_head *h)
{
    assert_int_equal(parse_side(H1_RESPONSE, in, h), in.n);
}

static void expect_bad(str in)
{
    struct h1_head h;
    size_t used;
    enum h1_result r = h1_check_all(H1_RESPONSE, page, in, &h, &used);
    if (r != H1_BAD || h.bad_status != 502)
        fail_msg("%d %u instead of BAD 502: " STR_FMT, (int)r, h.bad_status,
                 STR_ARG(str_head(in, 200)));
    assert_non_null(h.bad_why);
}

static void test_typical(void **state)
{
    (void)state;
    struct h1_head h;
    parse_ok(STR("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nRetry-After-Ms: 20\r\n"
                 "request-id: req_1\r\nTransfer-Encoding: chunked\r\n\r\n"),
             &h);
    assert_int_equal(h.status, 200);
    assert_str(h.reason, "OK");
    assert_str(h1_get(&h, H1_CONTENT_TYPE), "text/event-stream");
    assert_str(h1_get(&h, H1_RETRY_AFTER_MS), "20");
    assert_str(h1_get(&h, H1_REQUEST_ID), "req_1");
    assert_int_equal(h.body, H1_BODY_CHUNKED);
    assert_true(h.keep_alive);
    parse_ok(STR("HTTP/1.1 599 \r\nContent-Length: 0\r\nConnection: Close\r\n\r\n"), &h);
    assert_int_equal(h.status, 599);
    assert_str(h.reason, "");
    assert_int_equal(h.body, H1_BODY_LENGTH);
    assert_false(h.keep_alive);
    parse_ok(STR("HTTP/1.1 404\r\nContent-Length: 3\r\n\r\n"), &h); /* no blank before CRLF */
    assert_int_equal(h.status, 404);
    assert_str(h.reason, "");
    parse_ok(STR("HTTP/1.1 429 Trop de requ\xeates\t!\r\nTransfer-Encoding: Chunked\r\n\r\n"), &h);
    assert_str(h.reason, "Trop de requ\xeates\t!");
    assert_int_equal(h.body, H1_BODY_CHUNKED);
}

/* U6: a head that breaks off is never a head. */
static void test_u6_half_head(void **state)
{
    (void)state;
    str in = STR("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX: y\r\n\r\n");
    for (size_t n = 0; n < in.n; n++) {
        struct h1_head h;
        size_t used;
        assert_int_equal(h1_response(&h, guard_put(page, str_head(in, n)), 0, false, &used),
                         H1_MORE);
    }
}

static void test_u7_limits(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(1 << 21);
    for (size_t n = H1_HEAD_MAX - 1; n <= H1_HEAD_MAX + 1; n++) {
        struct h1_head h;
        buf_clear(&b);
        buf_lit(&b, "HTTP/1.1 200 OK\r\nFoo: ");
        while (buf_size(&b) < n - 4)
            buf_add_char(&b, 'x');
        buf_lit(&b, "\r\n\r\n");
        if (n <= H1_HEAD_MAX)
            parse_ok(buf_str(&b), &h);
        else
            expect_bad(buf_str(&b));
    }
    for (unsigned n = H1_HEADERS_MAX; n <= H1_HEADERS_MAX + 1; n++) {
        struct h1_head h;
        buf_clear(&b);
        buf_lit(&b, "HTTP/1.1 200 OK\r\n");
        for (unsigned i = 0; i < n; i++)
            buf_lit(&b, "Set-Cookie: a\r\n");
        buf_lit(&b, "\r\n");
        if (n == H1_HEADERS_MAX)
            parse_ok(buf_str(&b), &h);
        else
            expect_bad(buf_str(&b));
    }
    /* A reason, a name and a value without end. */
    static const char *const starts[] = {"HTTP/1.1 200 ", "HTTP/1.1 200 OK\r\n",
                                         "HTTP/1.1 200 OK\r\nA: "};
    struct guard g = guard_new(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
        struct h1_head h;
        size_t used;
        buf_clear(&b);
        buf_add(&b, str_c(starts[i]));
        while (buf_size(&b) < 1 << 20)
            buf_lit(&b, "x");
        assert_int_equal(h1_response(&h, guard_put(g, buf_str(&b)), 0, false, &used), H1_BAD);
        assert_int_equal(h.bad_status, 502);
    }
    guard_free(g);
    buf_fini(&b);
}

static void test_u8_status_lines(void **state)
{
    (void)state;
    static const str bad[] = {
        STR("<html>hello</html>"), /* HTTP/0.9 */
        STR("{\"error\":1}"),
        STR("\0\0\x12\x04\0\0\0\0\0"),     /* HTTP/2 SETTINGS */
        STR("\x15\x03\x01\0\x02\x02\x46"), /* a TLS alert */
        STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        STR("HTTP/2.0 200 OK\r\n\r\n"),
        STR("HTTP/2 200\r\n\r\n"),
        STR("HTTP/0.9 200 OK\r\n\r\n"),
        STR("HTTP/1.2 200 OK\r\n\r\n"),
        STR("HTTP/1.10 200 OK\r\n\r\n"),
        STR("HTTP/11 200 OK\r\n\r\n"),
        STR("HTTP/1 200 OK\r\n\r\n"),
        STR("http/1.1 200 OK\r\n\r\n"),
        STR("HTTPS/1.1 200 OK\r\n\r\n"),
        STR("ICY 200 OK\r\n\r\n"),
        STR(" HTTP/1.1 200 OK\r\n\r\n"),
        STR("\r\nHTTP/1.1 200 OK\r\n\r\n"),
        STR("\nHTTP/1.1 200 OK\r\n\r\n"),
        STR("\xef\xbb\xbfHTTP/1.1 200 OK\r\n\r\n"),
        STR("HTTP/1.1  200 OK\r\n\r\n"),
        STR("HTTP/1.1\t200 OK\r\n\r\n"),
        STR("HTTP/1.1 \r\n\r\n"),
        STR("HTTP/1.1\r\n\r\n"),
        STR("HTTP/1.1 20 OK\r\n\r\n"),
        STR("HTTP/1.1 2000 OK\r\n\r\n"),
        STR("HTTP/1.1 200OK\r\n\r\n"),
        STR("HTTP/1.1 200\tOK\r\n\r\n"),
        STR("HTTP/1.1 200.5 OK\r\n\r\n"),
        STR("HTTP/1.1 0x1 OK\r\n\r\n"),
        STR("HTTP/1.1 -20 OK\r\n\r\n"),
        STR("HTTP/1.1 000 OK\r\n\r\n"),
        STR("HTTP/1.1 099 OK\r\n\r\n"),
        STR("HTTP/1.1 600 OK\r\n\r\n"),
        STR("HTTP/1.1 999 OK\r\n\r\n"),
        STR("HTTP/1.1 OK 200\r\n\r\n"),
        STR("HTTP/1.1 200 O\0K\r\n\r\n"),
        STR("HTTP/1.1 200 O\x7fK\r\n\r\n"),
        STR("HTTP/1.1 200 OK\n\r\n"),
        STR("HTTP/1.1 200 OK\r\r\n\r\n"),
        STR("HTTP/1.1 200 OK\n\n"),
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        expect_bad(bad[i]);
}

static void test_u8_fields(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "A: b\n",     "A : b\r\n",  " A: b\r\n",   "A: b\r\n c\r\n", "A: b\r\n\tc\r\n",
        ": b\r\n",    "A\r\n",      "A: b\rc\r\n", "A: \x01\r\n",    "A\x80: b\r\n",
        "A b: c\r\n", "A: b\r\n\n", "A: b\r\r\n",
    };
    struct buf b = BUF_INIT(4096);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        buf_clear(&b);
        buf_addf(&b, "HTTP/1.1 200 OK\r\n%sContent-Length: 0\r\n\r\n", bad[i]);
        expect_bad(buf_str(&b));
    }
    buf_fini(&b);
}

static void test_u9_framing(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
        "Content-Length: 3\r\nContent-Length: 3\r\n",
        "Content-Length: 3\r\ncontent-length: 4\r\n",
        "Content-Length: 3, 3\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: +1\r\n",
        "Content-Length: 0x10\r\n",
        "Content-Length: 1_0\r\n",
        "Content-Length:  1\r\n",
        "Content-Length: 1 \r\n",
        "Content-Length:\r\n",
        "Content-Length: \r\n",
        "Content-Length: 1.5\r\n",
        "Content-Length: 18446744073709551616\r\n",
        "Content-Length: 9223372036854775808\r\n",
        "Transfer-Encoding: blegh\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding:\r\n",
        "Transfer-Encoding:\tchunked\r\n",
        "Transfer-Encoding: chunked \r\n",
        "Transfer-Encoding: \"chunked\"\r\n",
    };
    static const char *const statuses[] = {"200 OK", "204 No Content", "304 Not Modified",
                                           "103 Early Hints"};
    struct buf b = BUF_INIT(4096);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        for (size_t k = 0; k < ARRAY_LEN(statuses); k++) {
            buf_clear(&b);
            buf_addf(&b, "HTTP/1.1 %s\r\n%s\r\n", statuses[k], bad[i]);
            expect_bad(buf_str(&b));
        }
    buf_fini(&b);
}

/* U10: what comes behind a head is left in the input, whatever it is. */
static void test_u10_leftover(void **state)
{
    (void)state;
    struct h1_head h;
    str head = STR("HTTP/1.1 204 No Content\r\n\r\n");
    str in =
        STR("HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nevil!");
    assert_int_equal(parse_side(H1_RESPONSE, in, &h), head.n);
    assert_int_equal(h.body, H1_BODY_NONE);
    assert_int_equal(h.nheaders, 0);
    in = STR("HTTP/1.1 204 No Content\r\n\r\n\r\n\0\x01");
    assert_int_equal(parse_side(H1_RESPONSE, in, &h), head.n);
}

static void test_u35_until_close(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        enum h1_body body;
        bool keep_alive;
    } rows[] = {
        {"HTTP/1.0 200 OK\r\n", H1_BODY_UNTIL_CLOSE, false},
        {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n", H1_BODY_UNTIL_CLOSE, false},
        {"HTTP/1.1 200 OK\r\n", H1_BODY_UNTIL_CLOSE, false},
        {"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n", H1_BODY_UNTIL_CLOSE, false},
        {"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n", H1_BODY_LENGTH, false},
        {"HTTP/1.0 200 OK\r\nContent-Length: 3\r\nConnection: Keep-Alive\r\n", H1_BODY_LENGTH,
         true},
        {"HTTP/1.0 204 No Content\r\nConnection: keep-alive\r\n", H1_BODY_NONE, true},
    };
    struct buf b = BUF_INIT(4096);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct h1_head h;
        buf_clear(&b);
        buf_addf(&b, "%s\r\n", rows[i].head);
        parse_ok(buf_str(&b), &h);
        assert_int_equal(h.body, rows[i].body);
        assert_int_equal(h.keep_alive, rows[i].keep_alive);
    }
    buf_fini(&b);
    expect_bad(STR("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"));
    expect_bad(STR("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"));
}

static void test_u36_no_body(void **state)
{
    (void)state;
    static const char *const statuses[] = {"100 Continue",    "101 Switching Protocols",
                                           "103 Early Hints", "199 x",
                                           "204 No Content",  "304 Not Modified"};
    static const char *const framings[] = {"", "Content-Length: 5\r\n",
                                           "Transfer-Encoding: chunked\r\n"};
    struct buf b = BUF_INIT(4096);
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        for (size_t k = 0; k < ARRAY_LEN(framings); k++) {
            struct h1_head h;
            buf_clear(&b);
            buf_addf(&b, "HTTP/1.1 %s\r\n%s\r\n", statuses[i], framings[k]);
            parse_ok(buf_str(&b), &h);
            assert_int_equal(h.body, H1_BODY_NONE);
            assert_true(h.keep_alive);
        }
    for (size_t k = 0; k < ARRAY_LEN(framings); k++) {
        struct h1_head h;
        buf_clear(&b);
        buf_addf(&b, "HTTP/1.1 200 OK\r\n%s\r\n", framings[k]);
        parse_side(H1_RESPONSE_TO_HEAD, buf_str(&b), &h);
        assert_int_equal(h.body, H1_BODY_NONE);
        assert_true(h.keep_alive);
    }
    /* Many 1xx in a row: each is a head of its own. */
    str in = STR("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                 "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    unsigned seen[3] = {0};
    for (size_t i = 0; i < 3; i++) {
        struct h1_head h;
        size_t used = 0;
        assert_int_equal(h1_response(&h, in, 0, false, &used), H1_DONE);
        seen[i] = h.status;
        in = str_from(in, used);
    }
    assert_true(seen[0] == 100 && seen[1] == 103 && seen[2] == 200 && in.n == 0);
    buf_fini(&b);
}

static int setup(void **state)
{
    (void)state;
    page = guard_new(1 << 16);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    guard_free(page);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_typical),      cmocka_unit_test(test_u6_half_head),
        cmocka_unit_test(test_u7_limits),    cmocka_unit_test(test_u8_status_lines),
        cmocka_unit_test(test_u8_fields),    cmocka_unit_test(test_u9_framing),
        cmocka_unit_test(test_u10_leftover), cmocka_unit_test(test_u35_until_close),
        cmocka_unit_test(test_u36_no_body),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
