/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "base/b64.h"
#include "base/buf.h"
#include "base/fmt.h"
#include "base/mem.h"
#include "base/rope.h"

static void test_max(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(10);
    buf_lit(&b, "12345");
    buf_lit(&b, "67890");
    assert_false(b.failed);
    buf_add_char(&b, 'x');
    assert_true(b.failed);
    assert_str(buf_str(&b), "1234567890");
    buf_fini(&b);
}

static void test_slide(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(256);
    for (int i = 0; i < 1000; i++) {
        buf_lit(&b, "abcdefgh");
        buf_consume(&b, buf_size(&b) > 100 ? 50 : 0);
    }
    assert_false(b.failed);
    assert_true(b.cap <= 256);
    buf_fini(&b);
}

static void test_numbers(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(1000);
    buf_add_u64(&b, 0);
    buf_add_char(&b, ' ');
    buf_add_u64(&b, UINT64_MAX);
    buf_add_char(&b, ' ');
    buf_add_i64(&b, INT64_MIN);
    buf_addf(&b, " %s=%d", "x", 7);
    assert_str(buf_str(&b), "0 18446744073709551615 -9223372036854775808 x=7");
    char t[FMT_TIME_MAX]; /* as long as FMT_USD_MAX */
    assert_str(str_of(t, fmt_time(t, 1795400430123ULL)), "2026-11-23T02:20:30.123Z");
    assert_str(str_of(t, fmt_time(t, 951782400000ULL)), "2000-02-29T00:00:00.000Z");
    assert_str(str_of(t, fmt_usd(t, 0)), "0");
    assert_str(str_of(t, fmt_usd(t, 1)), "0.000000001");
    assert_str(str_of(t, fmt_usd(t, 123000)), "0.000123");
    assert_str(str_of(t, fmt_usd(t, 1500000000)), "1.5");
    assert_str(str_of(t, fmt_usd(t, -2000000000)), "-2");
    assert_str(str_of(t, fmt_usd(t, INT64_MIN)), "-9223372036.854775808");
    buf_fini(&b);
}

static void test_b64(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}};
    struct buf b = BUF_INIT(100);
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        buf_clear(&b);
        b64_encode(&b, str_c(pairs[i][0]));
        assert_str(buf_str(&b), pairs[i][1]);
        buf_clear(&b);
        assert_int_equal(b64_decode(&b, str_c(pairs[i][1])), RC_OK);
        assert_str(buf_str(&b), pairs[i][0]);
    }
    assert_int_equal(b64_decode(&b, STR("Zg=")), RC_SYNTAX);
    assert_int_equal(b64_decode(&b, STR("Z===")), RC_SYNTAX);
    assert_int_equal(b64_decode(&b, STR("Zg==Zg==")), RC_SYNTAX);
    buf_fini(&b);
}

static void test_rope(void **state)
{
    (void)state;
    char big[2000];
    memset(big, 'B', sizeof(big));
    struct rope r = ROPE_INIT(4096);
    rope_put(&r, STR("{"));
    rope_put(&r, str_of(big, sizeof(big)));
    rope_put(&r, str_of(big, sizeof(big)));
    rope_put(&r, STR("}"));
    assert_int_equal(rope_size(&r), 4002);
    struct iovec iov[5];
    assert_int_equal(rope_iov_count(&r), 5);
    assert_int_equal(rope_iov(&r, iov), 4);
    assert_ptr_equal(iov[1].iov_base, big);
    struct buf flat = BUF_INIT(5000);
    rope_flatten(&r, &flat);
    assert_int_equal(buf_size(&flat), 4002);
    assert_int_equal(flat.p[0], '{');
    assert_int_equal(flat.p[4001], '}');
    rope_clear(&r);
    assert_int_equal(rope_size(&r), 0);
    rope_fini(&r);
    buf_fini(&flat);
}

static void test_p19_no_memory(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(1000);
    mem_fail_after(1);
    buf_lit(&b, "x");
    mem_fail_after(0);
    assert_true(b.failed);
    buf_clear(&b);
    buf_lit(&b, "x");
    assert_str(buf_str(&b), "x");
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_max),     cmocka_unit_test(test_slide),
        cmocka_unit_test(test_numbers), cmocka_unit_test(test_b64),
        cmocka_unit_test(test_rope),    cmocka_unit_test(test_p19_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
