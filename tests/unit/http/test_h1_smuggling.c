/* SPDX-License-Identifier: Apache-2.0 */
/* D16 - CL.TE, TE.CL, TE.TE, CL.0 and their disguises: none may leave two opinions on the length.
 */
#include "h1_check.h"

#include "base/buf.h"
#include "base/check.h"

static struct guard page;

/* BAD: refused. FIELD: a field of another name, which decides nothing. */
enum verdict { BAD, FIELD };

#define TE "Transfer-Encoding"

static const struct {
    enum verdict want;
    str lines;
} disguises[] = {
    /* Blanks and control bytes around the name. */
    {BAD, STR(" " TE ": chunked\r\n")},
    {BAD, STR("\t" TE ": chunked\r\n")},
    {BAD, STR("\v" TE ": chunked\r\n")},
    {BAD, STR("\f" TE ": chunked\r\n")},
    {BAD, STR("\r" TE ": chunked\r\n")},
    {BAD, STR("\n" TE ": chunked\r\n")},
    {BAD, STR("\0" TE ": chunked\r\n")},
    {BAD, STR("\xa0" TE ": chunked\r\n")},
    {BAD, STR("\xff" TE ": chunked\r\n")},
    {BAD, STR(TE " : chunked\r\n")},
    {BAD, STR(TE "\t: chunked\r\n")},
    {BAD, STR(TE "\v: chunked\r\n")},
    {BAD, STR(TE "\0: chunked\r\n")},
    {BAD, STR(TE "\r: chunked\r\n")},
    {BAD, STR(TE "\n: chunked\r\n")},
    {BAD, STR(TE "\r\n: chunked\r\n")},
    {BAD, STR(TE "\xa0: chunked\r\n")},
    {BAD, STR("Transfer Encoding: chunked\r\n")},
    {BAD, STR("Transfer-\tEncoding: chunked\r\n")},
    {BAD, STR("Transfer-Enco\0ding: chunked\r\n")},
    {BAD, STR("Tr\xc3\xa0nsfer-Encoding: chunked\r\n")},
    {BAD, STR("\xef\xbb\xbf" TE ": chunked\r\n")},
    {BAD, STR("(" TE "): chunked\r\n")},
    {BAD, STR("\"" TE "\": chunked\r\n")},
    {BAD, STR(TE "=chunked\r\n")},
    {BAD, STR(TE "\r\n")},
    {BAD, STR(TE "\r\n: chunked\r\n")},
    {BAD, STR(": " TE ": chunked\r\n")},
    {BAD, STR(":" TE ": chunked\r\n")},
    /* Blanks and control bytes around the value. */
    {BAD, STR(TE ":  chunked\r\n")},
    {BAD, STR(TE ":\tchunked\r\n")},
    {BAD, STR(TE ": \tchunked\r\n")},
    {BAD, STR(TE ":\vchunked\r\n")},
    {BAD, STR(TE ": \vchunked\r\n")},
    {BAD, STR(TE ": \fchunked\r\n")},
    {BAD, STR(TE ":\0chunked\r\n")},
    {BAD, STR(TE ": chunked\0\r\n")},
    {BAD, STR(TE ": chunked \r\n")},
    {BAD, STR(TE ": chunked\t\r\n")},
    {BAD, STR(TE ": chunked\v\r\n")},
    {BAD, STR(TE ": chunked\r\r\n")},
    {BAD, STR(TE ": chunked\xa0\r\n")},
    {BAD, STR(TE ": \xff"
                 "chunked\r\n")},
    {BAD, STR(TE ": \xe2\x80\x8b"
                 "chunked\r\n")},
    {BAD, STR(TE ":\r\n chunked\r\n")},
    {BAD, STR(TE ":\r\n\tchunked\r\n")},
    {BAD, STR(TE ":\n chunked\r\n")},
    {BAD, STR(TE ":\n\tchunked\r\n")},
    {BAD, STR(TE ":\r chunked\r\n")},
    {BAD, STR(TE ": x\r\n chunked\r\n")},
    {BAD, STR(TE ": chunked\r\n , identity\r\n")},
    {BAD, STR(TE ": ch\r\n unked\r\n")},
    {BAD, STR(TE ": chunked\n\r\n")},
    {BAD, STR(TE ": chunked\n")},
    {BAD, STR(TE ": chunked\r")},
    /* Values that are not exactly the one coding. */
    {BAD, STR(TE ":\r\n")},
    {BAD, STR(TE ": \r\n")},
    {BAD, STR(TE ": Chunked\r\n")},
    {BAD, STR(TE ": CHUNKED\r\n")},
    {BAD, STR(TE ": chunKed\r\n")},
    {BAD, STR(TE ": \"chunked\"\r\n")},
    {BAD, STR(TE ": 'chunked'\r\n")},
    {BAD, STR(TE ": chunked,\r\n")},
    {BAD, STR(TE ": ,chunked\r\n")},
    {BAD, STR(TE ": , chunked\r\n")},
    {BAD, STR(TE ": chunked;q=1\r\n")},
    {BAD, STR(TE ": chunked;foo=bar\r\n")},
    {BAD, STR(TE ": chunked, chunked\r\n")},
    {BAD, STR(TE ": chunked, identity\r\n")},
    {BAD, STR(TE ": identity, chunked\r\n")},
    {BAD, STR(TE ": identity\r\n")},
    {BAD, STR(TE ": gzip, chunked\r\n")},
    {BAD, STR(TE ": gzip\r\n")},
    {BAD, STR(TE ": cow\r\n")},
    {BAD, STR(TE ": chunked cow\r\n")},
    {BAD, STR(TE ": chunk\r\n")},
    {BAD, STR(TE ": chunkedd\r\n")},
    {BAD, STR(TE ": x-chunked\r\n")},
    {BAD, STR(TE ": c\\hunked\r\n")},
    {BAD, STR(TE ": %63hunked\r\n")},
    {BAD, STR(TE ": ch\xc3\xbcnked\r\n")},
    {BAD, STR(TE ": =?iso-8859-1?B?Y2h1bmtlZA==?=\r\n")},
    {BAD, STR(TE ": blegh\r\n")},
    /* More than one line. */
    {BAD, STR(TE ": chunked\r\n" TE ": chunked\r\n")},
    {BAD, STR(TE ": chunked\r\n" TE ": identity\r\n")},
    {BAD, STR(TE ": identity\r\n" TE ": chunked\r\n")},
    {BAD, STR(TE ": chunked\r\n" TE ":\r\n")},
    {BAD, STR("transfer-encoding: chunked\r\nTRANSFER-ENCODING: x\r\n")},
    {BAD, STR(TE ": x\r\nFoo: bar\r\n" TE ": chunked\r\n")},
    {BAD, STR("Foo: bar\n" TE ": chunked\r\n")},
    {BAD, STR("Foo: bar\r" TE ": chunked\r\n")},
    {BAD, STR("Foo: bar\n\n" TE ": chunked\r\n")},
    /* Other names: weir does not look at them, and passes none of them on. */
    {FIELD, STR("Transfer_Encoding: chunked\r\n")},
    {FIELD, STR("Transfer.Encoding: chunked\r\n")},
    {FIELD, STR("TransferEncoding: chunked\r\n")},
    {FIELD, STR("X-Transfer-Encoding: chunked\r\n")},
    {FIELD, STR("Transfer-Encodin: chunked\r\n")},
    {FIELD, STR("Transfer-Encodings: chunked\r\n")},
    {FIELD, STR("Transfer-Encodinf: chunked\r\n")},
    {FIELD, STR("Transfer%2dEncoding: chunked\r\n")},
    {FIELD, STR("Content-Encoding: chunked\r\n")},
    {FIELD, STR("TE: chunked\r\n")},
    {FIELD, STR("Foo: Transfer-Encoding: chunked\r\n")},
};

static void expect_bad(str in, unsigned status)
{
    struct h1_head h;
    size_t used;
    enum h1_result r = h1_check_all(H1_REQUEST, page, in, &h, &used);
    if (r != H1_BAD || h.bad_status != status)
        fail_msg("%d %u instead of BAD %u: " STR_FMT, (int)r, h.bad_status, status, STR_ARG(in));
}

static void expect_body(str in, enum h1_body body, uint64_t length)
{
    struct h1_head h;
    size_t used;
    enum h1_result r = h1_check_all(H1_REQUEST, page, in, &h, &used);
    if (r != H1_DONE)
        fail_msg("%d (%s) instead of DONE: " STR_FMT, (int)r, h.bad_why, STR_ARG(in));
    assert_int_equal(h.body, body);
    assert_int_equal(h.content_length, length);
}

static str build(struct buf *b, const char *before, str lines, const char *after)
{
    buf_clear(b);
    buf_add(b, str_c(before));
    buf_add(b, lines);
    buf_add(b, str_c(after));
    return buf_str(b);
}

#define POST "POST /v1/messages HTTP/1.1\r\nHost: a\r\n"

static void test_d16_disguises(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(4096);
    assert_true(ARRAY_LEN(disguises) >= 80);
    for (size_t i = 0; i < ARRAY_LEN(disguises); i++) {
        str lines = disguises[i].lines;
        if (disguises[i].want == BAD) {
            expect_bad(build(&b, POST, lines, "\r\n"), 400);
            expect_bad(build(&b, POST, lines, "Content-Length: 4\r\n\r\n"), 400);
            expect_bad(build(&b, POST "Content-Length: 4\r\n", lines, "\r\n"), 400);
            expect_bad(build(&b, POST "Transfer-Encoding: chunked\r\n", lines, "\r\n"), 400);
        } else {
            expect_body(build(&b, POST, lines, "\r\n"), H1_BODY_NONE, 0);
            expect_body(build(&b, POST, lines, "Content-Length: 4\r\n\r\n"), H1_BODY_LENGTH, 4);
            expect_body(build(&b, POST "Transfer-Encoding: chunked\r\n", lines, "\r\n"),
                        H1_BODY_CHUNKED, 0);
        }
    }
    buf_fini(&b);
}

static void test_d16_framing_accepted(void **state)
{
    (void)state;
    expect_body(STR(POST "\r\n"), H1_BODY_NONE, 0);
    expect_body(STR(POST "Transfer-Encoding: chunked\r\n\r\n"), H1_BODY_CHUNKED, 0);
    expect_body(STR(POST "transfer-ENCODING:chunked\r\n\r\n"), H1_BODY_CHUNKED, 0);
    expect_body(STR(POST "Content-Length: 0\r\n\r\n"), H1_BODY_LENGTH, 0);
    expect_body(STR(POST "Content-Length:5\r\n\r\n"), H1_BODY_LENGTH, 5);
    expect_body(STR(POST "Content-Length: 0000000000000000000005\r\n\r\n"), H1_BODY_LENGTH, 5);
    expect_body(STR(POST "Content-Length: 9223372036854775807\r\n\r\n"), H1_BODY_LENGTH, INT64_MAX);
    /* Also where a body is unusual: CL.0 lives from servers that skip it there. */
    expect_body(STR("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"), H1_BODY_LENGTH, 5);
    expect_body(STR("HEAD / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"),
                H1_BODY_CHUNKED, 0);
    expect_body(STR("POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\n"), H1_BODY_LENGTH, 5);
}

static void test_d16_content_length(void **state)
{
    (void)state;
    static const str values[] = {
        STR(""),
        STR(" "),
        STR(" -1"),
        STR(" +1"),
        STR(" 0x10"),
        STR(" 1_0"),
        STR("  1"),
        STR("\t1"),
        STR(" 1 "),
        STR(" 1\t"),
        STR(" 1,1"),
        STR(" 1, 1"),
        STR(" 1,2"),
        STR(" 1;"),
        STR(" 1.0"),
        STR(" 1e1"),
        STR(" 1 1"),
        STR(" '1'"),
        STR(" \"1\""),
        STR(" 10b"),
        STR(" b"),
        STR(" ,1"),
        STR(" 1,"),
        STR(" \xef\xbc\x91"),
        STR(" 9223372036854775808"),
        STR(" 18446744073709551616"),
        STR(" 99999999999999999999999999"),
        STR(" \v1"),
        STR(" 1\0"),
        STR("\0"),
        STR("\r\n 1"),
        STR(" 1\r\n 1"),
        STR("\n 1"),
        STR(" NaN"),
        STR(" Infinity"),
    };
    struct buf b = BUF_INIT(4096);
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        expect_bad(build(&b, POST "Content-Length:", values[i], "\r\n\r\n"), 400);
    static const str lines[] = {
        STR("Content-Length: 1\r\nContent-Length: 1\r\n"),
        STR("Content-Length: 1\r\ncontent-length: 2\r\n"),
        STR("Content-Length: 0\r\nFoo: bar\r\nCONTENT-LENGTH: 44\r\n"),
        STR("Content-Length : 1\r\n"),
        STR("Content-Length\t: 1\r\n"),
        STR(" Content-Length: 1\r\n"),
        STR("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
        STR("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n"),
        STR("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"),
        STR("Content-Length\r\n"),
        STR("Content-Length\x00: 1\r\n"),
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        expect_bad(build(&b, POST, lines[i], "\r\n"), 400);
    expect_body(build(&b, POST, STR("Content_Length: 7\r\n"), "\r\n"), H1_BODY_NONE, 0);
    buf_fini(&b);
}

static void test_d16_http10(void **state)
{
    (void)state;
    expect_bad(STR("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
    expect_bad(STR("POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n"
                   "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"),
               400);
}

/* D22: Connection may name fields, and nothing happens to them. */
static void test_d22_connection_names_fields(void **state)
{
    (void)state;
    static const char *const names[] = {"content-length", "transfer-encoding",     "authorization",
                                        "x-api-key",      "close, content-length", "host"};
    struct buf b = BUF_INIT(4096);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct h1_head h;
        size_t used;
        buf_clear(&b);
        buf_addf(&b, POST "Connection: %s\r\nx-api-key: k\r\nContent-Length: 3\r\n\r\n", names[i]);
        assert_int_equal(h1_check_all(H1_REQUEST, page, buf_str(&b), &h, &used), H1_DONE);
        assert_int_equal(h.body, H1_BODY_LENGTH);
        assert_int_equal(h.content_length, 3);
        assert_str(h1_get(&h, H1_X_API_KEY), "k");
        assert_int_equal(h.keep_alive, i != 4);
    }
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
        cmocka_unit_test(test_d16_disguises),
        cmocka_unit_test(test_d16_framing_accepted),
        cmocka_unit_test(test_d16_content_length),
        cmocka_unit_test(test_d16_http10),
        cmocka_unit_test(test_d22_connection_names_fields),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
