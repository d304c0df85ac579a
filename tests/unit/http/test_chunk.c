/* SPDX-License-Identifier: Apache-2.0 */
/* Chunked bodies: D18, D19, U10, U23. */
#include "guard.h"

#include <time.h>

#include "base/buf.h"
#include "base/check.h"
#include "http/h1.h"

static struct guard page;

/* Decode one piece; data goes to `out`. What was not taken comes back in *in. */
static enum h1_result feed(struct chunk_decoder *d, str *in, struct buf *out)
{
    enum h1_result r;
    str data;
    while ((r = chunk_next(d, in, &data)) == H1_MORE && data.n)
        buf_add(out, data);
    assert_int_equal(data.n, 0);
    if (r == H1_MORE)
        assert_int_equal(in->n, 0);
    return r;
}

/* In pieces of `step`; *ret_left is what stands behind the body. */
static enum h1_result run(str in, size_t step, struct buf *out, size_t *ret_left)
{
    struct chunk_decoder d;
    chunk_init(&d);
    buf_clear(out);
    enum h1_result r = H1_MORE;
    while (in.n && r == H1_MORE) {
        str piece = guard_put(page, str_head(in, step));
        size_t n = piece.n;
        r = feed(&d, &piece, out);
        in = str_from(in, n - piece.n);
    }
    *ret_left = in.n;
    if (r != H1_MORE) { /* it stays so, and takes nothing any more */
        str more = STR("1\r\nx\r\n0\r\n\r\n"), data;
        assert_int_equal(chunk_next(&d, &more, &data), r);
        assert_int_equal(more.n, r == H1_DONE ? 11 : more.n);
        assert_int_equal(data.n, 0);
    }
    return r;
}

static void check(str in, enum h1_result want, const char *data, size_t left)
{
    struct buf out = BUF_INIT(1 << 20);
    for (size_t step = 1; step <= in.n + 1; step += in.n > 1000 ? 501 : 1) {
        size_t got_left = 0;
        enum h1_result r = run(in, step, &out, &got_left);
        if (r != want)
            fail_msg("%d instead of %d in steps of %zu: " STR_FMT, (int)r, (int)want, step,
                     STR_ARG(str_head(in, 100)));
        if (want != H1_DONE)
            continue;
        assert_str(buf_str(&out), data);
        assert_int_equal(got_left, left);
    }
    buf_fini(&out);
}

static void test_good(void **state)
{
    (void)state;
    check(STR("0\r\n\r\n"), H1_DONE, "", 0);
    check(STR("5\r\nhello\r\n0\r\n\r\n"), H1_DONE, "hello", 0);
    check(STR("5\r\nhello\r\n1\r\n,\r\nC\r\nhello world!\r\n0\r\n\r\n"), H1_DONE,
          "hello,hello world!", 0);
    check(STR("0000000000000005\r\nhello\r\n0000\r\n\r\n"), H1_DONE, "hello", 0);
    check(STR("a\r\n0123456789\r\n0\r\n\r\n"), H1_DONE, "0123456789", 0);
    check(STR("4\r\n\r\n\r\n\r\n0\r\n\r\n"), H1_DONE, "\r\n\r\n", 0);
    check(STR("3;x\r\nabc\r\n0;y=\"z;\xff\t\"\r\n\r\n"), H1_DONE, "abc", 0);
    check(STR("3;\r\nabc\r\n0\r\n\r\n"), H1_DONE, "abc", 0);
    check(STR("3\r\nabc\r\n0\r\nX-Sum: 1\r\nEmpty:\r\n\r\n"), H1_DONE, "abc", 0);
}

/* U10: the next bytes belong to somebody else. */
static void test_u10_leftover(void **state)
{
    (void)state;
    check(STR("2\r\nhi\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n"), H1_DONE, "hi", 17);
    check(STR("0\r\n\r\n\r\n"), H1_DONE, "", 2);
}

static void test_d18_bad(void **state)
{
    (void)state;
    static const str bad[] = {
        STR("0x1\r\nx\r\n"),
        STR("+1\r\nx\r\n"),
        STR("-1\r\nx\r\n"),
        STR(" 1\r\nx\r\n"),
        STR("\t1\r\nx\r\n"),
        STR("1 \r\nx\r\n"),
        STR("1\t\r\nx\r\n"),
        STR("1 ;x\r\nx\r\n"),
        STR("1_0\r\nx\r\n"),
        STR("1.\r\nx\r\n"),
        STR("1,\r\nx\r\n"),
        STR("g\r\nx\r\n"),
        STR("0x\r\n\r\n"),
        STR("\r\nx\r\n"),
        STR("\n"),
        STR(";x\r\nx\r\n"),
        STR("\0001\r\nx\r\n"),
        STR("1\0\r\nx\r\n"),
        STR("\xef\xbc\x91\r\nx\r\n"),
        STR("\"1\"\r\nx\r\n"),
        /* 17 digits, one over 64 bits and one that is small */
        STR("10000000000000000\r\nx\r\n"),
        STR("00000000000000001\r\nx\r\n"),
        STR("fffffffffffffffff\r\nx\r\n"),
        /* ends of lines */
        STR("1\nx\r\n"),
        STR("1\rXx\r\n"),
        STR("1\r\rx\r\n"),
        STR("1\r\nx\rX"),
        STR("1\r\nxX\n"),
        STR("1\r\nx\n0\r\n\r\n"),
        STR("1\r\nx\r\r\n"),
        STR("1\r\nx0\r\n\r\n"),
        STR("1\r\nxy\r\n"),
        STR("1\r\nx\r\n\r\n"),
        STR("1;x\nx\r\n"),
        STR("1;x\rXx\r\n"),
        STR("1;\0\r\nx\r\n"),
        STR("1;a\x7f\r\nx\r\n"),
        STR("0\r\n\n"),
        STR("0\r\n\rX"),
        STR("0\n\n"),
        STR("0\r\n\r\r\n"),
        /* trailers */
        STR("0\r\n: x\r\n\r\n"),
        STR("0\r\n a: x\r\n\r\n"),
        STR("0\r\na : x\r\n\r\n"),
        STR("0\r\na: x\r\n y\r\n\r\n"),
        STR("0\r\na\r\n\r\n"),
        STR("0\r\na: x\n\r\n"),
        STR("0\r\na: \x01\r\n\r\n"),
        STR("0\r\na\xff: x\r\n\r\n"),
        STR("0\r\na: x\r\n\n"),
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        check(bad[i], H1_BAD, NULL, 0);
}

/* U23: a body that stops anywhere is not over. */
static void test_u23_truncated(void **state)
{
    (void)state;
    str in = STR("5;x=y\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\nA: b\r\n\r\n");
    struct buf out = BUF_INIT(100);
    for (size_t n = 0; n < in.n; n++) {
        size_t left;
        assert_int_equal(run(str_head(in, n), n + 1, &out, &left), H1_MORE);
    }
    buf_fini(&out);
}

static void repeat(struct buf *b, const char *s, size_t n)
{
    while (n--)
        buf_add(b, str_c(s));
}

static void test_d18_limits(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(1 << 20);
    for (size_t over = 0; over < 2; over++) {
        enum h1_result want = over ? H1_BAD : H1_DONE;
        /* One long extension; many short ones: 4 KiB a body. */
        buf_clear(&b);
        buf_lit(&b, "1;");
        repeat(&b, "e", 4096 + over);
        buf_lit(&b, "\r\nx\r\n0\r\n\r\n");
        check(buf_str(&b), want, "x", 0);
        buf_clear(&b);
        repeat(&b, "1;ab\r\nx\r\n", 2048);
        buf_add(&b, over ? STR("0;a\r\n\r\n") : STR("0\r\n\r\n"));
        size_t left;
        struct buf out = BUF_INIT(1 << 16);
        assert_int_equal(run(buf_str(&b), 1000, &out, &left), want);
        buf_fini(&out);
        /* Trailers: 8 KiB of names, colons and values. */
        buf_clear(&b);
        buf_lit(&b, "0\r\na:");
        repeat(&b, "v", 8190 + over);
        buf_lit(&b, "\r\n\r\n");
        check(buf_str(&b), want, "", 0);
        buf_clear(&b);
        buf_lit(&b, "0\r\n");
        repeat(&b, "a:bc\r\n", 2048);
        buf_add(&b, over ? STR("x:\r\n\r\n") : STR("\r\n"));
        check(buf_str(&b), want, "", 0);
        buf_clear(&b);
        buf_lit(&b, "0\r\n");
        repeat(&b, "n", 8191 + over);
        buf_lit(&b, ":\r\n\r\n");
        check(buf_str(&b), want, "", 0);
    }
    /* 1 MB of extension in pieces: refused long before its end. */
    buf_clear(&b);
    buf_lit(&b, "1;");
    repeat(&b, "e", 1000000);
    struct chunk_decoder d;
    chunk_init(&d);
    str in = buf_str(&b), data;
    assert_int_equal(chunk_next(&d, &in, &data), H1_BAD);
    buf_fini(&b);
}

/* Sizes beyond the input: data is lent as it comes, and the count does not wrap. */
static void test_huge_size(void **state)
{
    (void)state;
    struct chunk_decoder d;
    chunk_init(&d);
    str in = STR("ffffffffffffffff\r\nabc"), data;
    assert_int_equal(chunk_next(&d, &in, &data), H1_MORE);
    assert_str(data, "abc");
    assert_true(d.left == UINT64_MAX - 3);
    assert_int_equal(chunk_next(&d, &in, &data), H1_MORE);
    assert_int_equal(data.n, 0);
}

/* Data is not copied. */
static void test_slices(void **state)
{
    (void)state;
    struct chunk_decoder d;
    chunk_init(&d);
    str in = STR("5\r\nhello\r\n"), data;
    const char *start = in.p;
    assert_int_equal(chunk_next(&d, &in, &data), H1_MORE);
    assert_ptr_equal(data.p, start + 3);
    assert_int_equal(data.n, 5);
}

/* D19: 32 MiB as chunks of one byte. Linear, and fast enough not to matter. */
static void test_d19_one_byte_chunks(void **state)
{
    (void)state;
    static char piece[6 * 16384];
    for (size_t i = 0; i < sizeof(piece); i += 6)
        memcpy(piece + i, "1\r\nX\r\n", 6);
    struct chunk_decoder d;
    struct timespec a, b;
    chunk_init(&d);
    uint64_t total = 0;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
    while (total < 32u << 20) {
        str in = str_of(piece, sizeof(piece)), data;
        while (in.n) {
            assert_int_equal(chunk_next(&d, &in, &data), H1_MORE);
            total += data.n;
        }
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
    assert_int_equal(total, 32u << 20);
    assert_true(b.tv_sec - a.tv_sec < 20); /* 0.4 s, and ten times that with sanitizers */
    str in = STR("0\r\n\r\n"), data;
    assert_int_equal(chunk_next(&d, &in, &data), H1_DONE);
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
        cmocka_unit_test(test_good),       cmocka_unit_test(test_u10_leftover),
        cmocka_unit_test(test_d18_bad),    cmocka_unit_test(test_u23_truncated),
        cmocka_unit_test(test_d18_limits), cmocka_unit_test(test_huge_size),
        cmocka_unit_test(test_slices),     cmocka_unit_test(test_d19_one_byte_chunks),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
