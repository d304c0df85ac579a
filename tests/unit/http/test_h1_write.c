/* SPDX-License-Identifier: Apache-2.0 */
/* Writing heads and chunks; D24: no value splits a head. */
#include "guard.h"

#include "base/check.h"
#include "base/mem.h"
#include "http/h1.h"
#include "http/h1_write.h"
#include "http/status.h"

static void test_heads(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(4096);
    h1_write_status(&b, 200);
    assert_true(h1_write_header(&b, STR("content-type"), STR("text/plain; x=\"\xc3\xa4\"\t")));
    assert_true(h1_write_header(&b, STR("x-empty"), STR("")));
    assert_true(h1_write_header(&b, STR("x-none"), STR_NONE));
    h1_write_header_u64(&b, STR("retry-after"), 3600);
    h1_write_length(&b, UINT64_MAX);
    h1_write_end(&b);
    assert_str(buf_str(&b), "HTTP/1.1 200 OK\r\ncontent-type: text/plain; x=\"\xc3\xa4\"\t\r\n"
                            "x-empty: \r\nx-none: \r\nretry-after: 3600\r\n"
                            "content-length: 18446744073709551615\r\n\r\n");
    buf_clear(&b);
    h1_write_request(&b, STR("POST"), STR("/v1/messages?beta=true"));
    assert_true(h1_write_header(&b, STR("host"), STR("a:1")));
    h1_write_end(&b);
    assert_str(buf_str(&b), "POST /v1/messages?beta=true HTTP/1.1\r\nhost: a:1\r\n\r\n");
    buf_fini(&b);
}

/* What is written can be read. */
static void test_round_trip(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(4096);
    struct h1_head h;
    size_t used;
    for (unsigned status = 200; status < 600; status++) {
        buf_clear(&b);
        h1_write_status(&b, status);
        h1_write_length(&b, 5);
        h1_write_end(&b);
        assert_int_equal(h1_response(&h, buf_str(&b), 0, false, &used), H1_DONE);
        assert_int_equal(h.status, status);
        assert_true(str_eq(h.reason, status_reason(status)));
        assert_true(h.reason.n > 0);
    }
    buf_fini(&b);
}

static void test_d24_bad_values(void **state)
{
    (void)state;
    static const str bad[] = {
        STR("a\r\nx-evil: 1"), STR("a\rb"),
        STR("a\nb"),           STR("\n"),
        STR("a\0b"),           STR("\x7f"),
        STR("\x1b[0m"),        STR("0123456789abcdef0123456789abcdef\r"),
    };
    struct buf b = BUF_INIT(4096);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(h1_write_header(&b, STR("x-test"), bad[i]));
        assert_int_equal(buf_size(&b), 0);
        assert_false(b.failed);
    }
    static const str targets[] = {STR(""),    STR("/a b"),      STR("/a\r\nHost: b"),
                                  STR("/\0"), STR("/\xc3\xa4"), STR("/\x7f")};
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        buf_clear(&b);
        h1_write_request(&b, STR("GET"), targets[i]);
        assert_true(b.failed);
        assert_int_equal(buf_size(&b), 0);
    }
    buf_fini(&b);
}

static void test_chunks(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        const char *prefix;
    } rows[] = {
        {0, "0\r\n"},
        {1, "1\r\n"},
        {9, "9\r\n"},
        {10, "a\r\n"},
        {15, "f\r\n"},
        {16, "10\r\n"},
        {500, "1f4\r\n"},
        {0xabcdef0, "abcdef0\r\n"},
        {SIZE_MAX, "ffffffffffffffff\r\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char to[H1_CHUNK_PREFIX_MAX];
        assert_str(str_of(to, h1_chunk_prefix(to, rows[i].n)), rows[i].prefix);
    }
    struct buf b = BUF_INIT(4096), all = BUF_INIT(4096);
    h1_write_chunk(&b, STR("hello "));
    h1_write_chunk(&b, STR("")); /* must not end the body */
    h1_write_chunk(&b, STR("a world of chunks"));
    buf_add(&b, H1_CHUNK_LAST);
    assert_str(buf_str(&b), "6\r\nhello \r\n11\r\na world of chunks\r\n0\r\n\r\n");
    struct chunk_decoder d;
    chunk_init(&d);
    str in = buf_str(&b), data;
    while (chunk_next(&d, &in, &data) == H1_MORE && data.n)
        buf_add(&all, data);
    assert_str(buf_str(&all), "hello a world of chunks");
    assert_int_equal(in.n, 0);
    buf_fini(&b);
    buf_fini(&all);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(4096);
    mem_fail_after(1);
    h1_write_status(&b, 200);
    h1_write_length(&b, 1);
    h1_write_chunk(&b, STR("x"));
    h1_write_end(&b);
    mem_fail_after(0);
    assert_true(b.failed);
    buf_fini(&b);
}

static void test_status(void **state)
{
    (void)state;
    assert_str(status_reason(429), "Too Many Requests");
    assert_str(status_reason(529), "Overloaded");
    assert_str(status_reason(418), "Client Error");
    assert_str(status_reason(299), "Success");
    assert_str(status_reason(599), "Server Error");
    assert_str(status_reason(0), "Unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads),          cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_d24_bad_values), cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_no_memory),      cmocka_unit_test(test_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
