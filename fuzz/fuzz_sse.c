/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event streams: whole, byte by byte and in steps (the first byte) give the same events; the raws
 * in a row are the stream. Bit 7 of the first byte takes a small maximum, so that it is reached.
 */
#include "fuzz.h"

#include "base/buf.h"
#include "base/check.h"
#include "http/sse.h"

static void note(struct buf *log, str s)
{
    buf_add(log, str_of(s.p ? "<" : "-", 1));
    buf_add_u64(log, s.n);
    buf_add(log, s);
}

/* All events as text; *raw collects the raws. */
static void parse(str in, size_t step, size_t max, struct buf *log, struct buf *raw)
{
    struct sse_parser p;
    struct sse_event e;
    enum sse_result r = SSE_MORE;
    sse_init(&p, max);
    buf_clear(log);
    buf_clear(raw);
    while (in.n && r != SSE_TOO_BIG) {
        str piece = str_head(in, step);
        in = str_from(in, piece.n);
        while ((r = sse_next(&p, &piece, &e)) == SSE_EVENT) {
            CHECK(e.raw.n > 0 && e.raw.n <= max && (!e.bare || e.data.p));
            note(log, e.event);
            note(log, e.data);
            note(log, e.raw);
            buf_add_char(log, e.bare ? 'b' : 'e');
            buf_add(raw, e.raw);
        }
        CHECK(r == SSE_TOO_BIG || piece.n == 0);
    }
    if (r == SSE_TOO_BIG) {
        buf_lit(log, "too big");
    } else {
        CHECK(sse_rest(&p).n == sse_pending(&p));
        note(log, sse_rest(&p));
        buf_add(raw, sse_rest(&p));
    }
    sse_fini(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    str in = str_of((const char *)data + 1, size - 1);
    size_t max = data[0] & 0x80 ? 24 : SSE_EVENT_MAX, step = (data[0] & 0x7f) + 1u;
    size_t room = 64 * size + 4096;
    struct buf a = BUF_INIT(room), b = BUF_INIT(room), raw = BUF_INIT(room);
    parse(in, in.n, max, &a, &raw);
    CHECK(str_has_prefix(in, buf_str(&raw)));
    CHECK(str_has_suffix(buf_str(&a), STR("too big")) || buf_size(&raw) == in.n);
    parse(in, 1, max, &b, &raw);
    CHECK(str_eq(buf_str(&a), buf_str(&b)));
    parse(in, step, max, &b, &raw);
    CHECK(str_eq(buf_str(&a), buf_str(&b)));
    CHECK(!a.failed && !b.failed && !raw.failed);
    buf_fini(&a);
    buf_fini(&b);
    buf_fini(&raw);
    return 0;
}
