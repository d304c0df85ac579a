/* SPDX-License-Identifier: Apache-2.0 */
#include "guard.h"

#include "http/frame.h"

/* All data of `text` fed `first` bytes and then `step` at a time: "<data>" an event, "-" without.
 */
static void read_lines(str text, size_t first, size_t step, size_t max, struct buf *out)
{
    struct guard g = guard_new(text.n ? text.n : 1);
    struct frame_parser p;
    struct sse_event e;
    str raws = text;
    enum sse_result r = SSE_MORE;
    frame_init(&p, FRAME_LINES, max);
    for (size_t n = first; text.n && r != SSE_TOO_BIG; n = step) {
        str in = guard_put(g, str_head(text, n));
        text = str_from(text, n);
        while ((r = frame_next(&p, &in, &e)) == SSE_EVENT) {
            buf_lit(out, "<");
            buf_add(out, e.data.p ? e.data : STR("-"));
            buf_lit(out, ">");
            assert_memory_equal(raws.p, e.raw.p, e.raw.n);
            raws = str_from(raws, e.raw.n);
            assert_false(e.event.p || e.bare);
        }
    }
    if (r == SSE_TOO_BIG) {
        buf_lit(out, "too big");
        assert_int_equal(frame_next(&p, &text, &e), SSE_TOO_BIG); /* stays so */
    } else {
        buf_lit(out, "+");
        buf_add(out, frame_rest(&p));
        assert_int_equal(frame_rest(&p).n, frame_pending(&p));
    }
    frame_fini(&p);
    guard_free(g);
}

static void same_at_every_cut(str text, size_t max, const char *want)
{
    for (size_t first = 1; first <= text.n; first++) {
        struct buf out = BUF_INIT(65536);
        read_lines(text, first, text.n, max, &out);
        assert_str(buf_str(&out), want);
        buf_fini(&out);
    }
    struct buf out = BUF_INIT(65536);
    read_lines(text, 1, 1, max, &out);
    assert_str(buf_str(&out), want);
    buf_fini(&out);
}

static void test_j10_lines(void **state)
{
    (void)state;
    same_at_every_cut(STR("{\"a\":1}\n{\"b\":2}\r\n\n\r\n{\"c\""), 100,
                      "<{\"a\":1}><{\"b\":2}><-><->+{\"c\"");
    same_at_every_cut(STR("x\ry\n"), 100, "<x\ry>+");
}

static void test_u32_line_too_long(void **state)
{
    (void)state;
    same_at_every_cut(STR("1234567\n12345678\n"), 8, "<1234567>too big");
    same_at_every_cut(STR("123456789"), 8, "too big");
}

/* The other framing behind the same door. */
static void test_sse_is_sse(void **state)
{
    struct frame_parser p;
    struct sse_event e;
    str in = STR("event: a\ndata: b\n\ndata: c");
    (void)state;
    frame_init(&p, FRAME_SSE, SSE_EVENT_MAX);
    assert_int_equal(frame_next(&p, &in, &e), SSE_EVENT);
    assert_str(e.event, "a");
    assert_str(e.data, "b");
    assert_int_equal(frame_next(&p, &in, &e), SSE_MORE);
    assert_str(frame_rest(&p), "data: c");
    frame_fini(&p);
    assert_str(frame_type(FRAME_SSE), "text/event-stream");
    assert_str(frame_type(FRAME_LINES), "application/x-ndjson");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_j10_lines),
        cmocka_unit_test(test_u32_line_too_long),
        cmocka_unit_test(test_sse_is_sse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
