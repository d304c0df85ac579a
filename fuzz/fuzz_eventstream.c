/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS event streams: whole, byte by byte and in steps (the low bits of the first byte) give the
 * same events; the raws in a row are the stream; each payload, written anew, reads the same. Bit 7
 * of the first byte takes a small maximum. Since no chance finds a CRC, bit 6 puts the right ones
 * into the input first: then headers and lengths are what is fuzzed.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/check.h"
#include "http/eventstream.h"
#include "http/frame.h"

static void note(struct buf *log, str s)
{
    buf_add(log, str_of(s.p ? "<" : "-", 1));
    buf_add_u64(log, s.n);
    buf_add(log, s);
}

static void read_again(const struct sse_event *e)
{
    struct buf b = BUF_INIT(e->data.n + e->event.n + 256);
    struct frame_parser p;
    struct sse_event back;
    size_t at = eventstream_begin(&b, EVENTSTREAM_EVENT, str_head(e->event, 1000));
    buf_add(&b, e->data);
    eventstream_end(&b, at);
    str in = buf_str(&b);
    frame_init(&p, FRAME_AWS, SSE_EVENT_MAX + 4096u);
    if (e->event.n <= 1000) {
        CHECK(!b.failed && frame_next(&p, &in, &back) == SSE_EVENT && in.n == 0);
        CHECK(str_eq(back.event, e->event) && str_eq(back.data, e->data) && !back.fault);
    }
    frame_fini(&p);
    buf_fini(&b);
}

static void parse(str in, size_t step, size_t max, struct buf *log, struct buf *raw)
{
    struct frame_parser p;
    struct sse_event e;
    enum sse_result r = SSE_MORE;
    frame_init(&p, FRAME_AWS, max);
    buf_clear(log);
    buf_clear(raw);
    while (in.n && r != SSE_TOO_BIG) {
        str piece = str_head(in, step);
        in = str_from(in, piece.n);
        while ((r = frame_next(&p, &piece, &e)) == SSE_EVENT) {
            CHECK(e.raw.n >= EVENTSTREAM_MIN && e.raw.n <= max && !e.bare);
            note(log, e.event);
            note(log, e.data);
            note(log, e.raw);
            buf_add_char(log, e.fault ? 'f' : 'e');
            buf_add(raw, e.raw);
            if (step > 1)
                read_again(&e);
        }
        CHECK(r == SSE_TOO_BIG || piece.n == 0);
    }
    if (r == SSE_TOO_BIG) {
        buf_lit(log, "too big");
    } else {
        CHECK(frame_rest(&p).n == frame_pending(&p));
        note(log, frame_rest(&p));
        buf_add(raw, frame_rest(&p));
    }
    frame_fini(&p);
}

static uint32_t word_at(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put_crc(uint8_t *p, size_t n)
{
    uint32_t crc = (uint32_t)crc32_z(0, p, n);
    for (int i = 0; i < 4; i++)
        p[n + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
}

static void mend(uint8_t *p, size_t n)
{
    while (n >= EVENTSTREAM_PRELUDE) {
        size_t total = word_at(p);
        put_crc(p, 8);
        if (total < EVENTSTREAM_MIN || total > n)
            return;
        put_crc(p, total - 4);
        p += total;
        n -= total;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    size_t n = size - 1, max = data[0] & 0x80 ? 64 : SSE_EVENT_MAX, step = (data[0] & 0x3f) + 1u;
    uint8_t *own = malloc(n ? n : 1);
    CHECK(own != NULL);
    memcpy(own, data + 1, n);
    if (data[0] & 0x40)
        mend(own, n);
    str in = str_of((const char *)own, n);
    struct buf a = BUF_INIT(64 * size + 4096), b = BUF_INIT(64 * size + 4096),
               raw = BUF_INIT(2 * size + 4096);
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
    free(own);
    return 0;
}
