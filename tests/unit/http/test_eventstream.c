/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS event streams: the specification's own vectors, every cut, every corrupted byte, lengths that
 * lie, and messages of our own writing read back.
 */
#include "guard.h"

#include <stdio.h>

#include "base/check.h"
#include "http/eventstream.h"
#include "http/frame.h"

/* Vectors that AWS's implementations share. */
#define EMPTY STR("\0\0\0\x10\0\0\0\0\x05\xc2\x48\xeb\x7d\x98\xc8\xff")
#define PLAIN                                \
    STR("\0\0\0\x1d\0\0\0\0\xfd\x52\x8c\x5a" \
        "{'foo':'bar'}"                      \
        "\xc3"                               \
        "e96")
#define TYPED               \
    STR("\0\0\0-\0\0\0\x10" \
        "A\xc4$\xb8\n"      \
        "event-type\x04\0\0\xa0\x0c{'foo':'bar'}6\xf4\x80\xa0")
#define TYPES                                                                            \
    STR("\0\0\0\x62\0\0\0\x52\x03\xb5\xcb\x9c"                                           \
        "\1\x30\0\1\x31\1\1\x32\2\2\1\x33\3\0\3\1\x34\4\0\0\0\4\1\x35\5\0\0\0\0\0\0\0\5" \
        "\1\x36\6\0\5bytes\1\x37\7\0\4utf8\1\x38\10\0\0\0\0\0\0\0\10\1\x39\t"            \
        "0123456789abcdef\x63\x35\x36\x71")

static void note(struct buf *out, str s)
{
    buf_addf(out, "%s%lu:" STR_FMT " ", s.p ? "" : "-", (unsigned long)s.n, STR_ARG(s));
}

/* All events as text; what is left at the end behind a '+'. */
static void read_all(str in, size_t first, size_t step, size_t max, struct buf *out)
{
    struct guard g = guard_new(in.n ? in.n : 1);
    struct frame_parser p;
    struct sse_event e;
    str raws = in, rest = in;
    enum sse_result r = SSE_MORE;
    frame_init(&p, FRAME_AWS, max);
    for (size_t n = first; rest.n && r != SSE_TOO_BIG; n = step) {
        str piece = guard_put(g, str_head(rest, n));
        rest = str_from(rest, n);
        while ((r = frame_next(&p, &piece, &e)) == SSE_EVENT) {
            buf_add_char(out, e.fault ? '!' : ' ');
            note(out, e.event);
            note(out, e.data);
            assert_true(e.raw.n <= raws.n && !e.bare);
            assert_memory_equal(raws.p, e.raw.p, e.raw.n);
            raws = str_from(raws, e.raw.n);
        }
        assert_true(r == SSE_TOO_BIG || piece.n == 0);
    }
    if (r == SSE_TOO_BIG) {
        buf_lit(out, "bad");
        assert_int_equal(frame_next(&p, &raws, &e), SSE_TOO_BIG); /* stays so */
    } else {
        buf_addf(out, "+%lu", (unsigned long)frame_pending(&p));
        assert_int_equal(frame_rest(&p).n, frame_pending(&p));
    }
    frame_fini(&p);
    guard_free(g);
}

static void check(str in, size_t max, const char *want)
{
    for (size_t first = 1; first <= in.n + 1; first++) {
        struct buf out = BUF_INIT(1u << 20);
        read_all(in, first == in.n + 1 ? 1 : first, first == in.n + 1 ? 1 : in.n, max, &out);
        assert_str(buf_str(&out), want);
        buf_fini(&out);
    }
}

static void put(struct buf *to, enum eventstream_kind kind, const char *type, const char *payload)
{
    size_t at = eventstream_begin(to, kind, str_c(type));
    buf_add(to, str_c(payload));
    eventstream_end(to, at);
}

static void test_vectors_of_the_specification(void **state)
{
    (void)state;
    check(EMPTY, 4096, " -0: -0: +0");
    check(PLAIN, 4096, " -0: 13:{'foo':'bar'} +0");
    check(TYPED, 4096, " -0: 13:{'foo':'bar'} +0");
    check(TYPES, 4096, " -0: -0: +0");
}

static void test_every_header_type(void **state)
{
    static const uint8_t sizes[] = {0, 0, 1, 2, 4, 8, 5, 4, 8, 16};
    struct eventstream_message m;
    struct eventstream_header h;
    (void)state;
    assert_int_equal(eventstream_open(TYPES, &m), EVENTSTREAM_OK);
    assert_int_equal(m.payload.n, 0);
    for (unsigned i = 0; i < EVENTSTREAM_TYPES; i++) {
        assert_int_equal(eventstream_header(&m.headers, &h), EVENTSTREAM_OK);
        assert_int_equal(h.type, i);
        assert_int_equal(h.value.n, sizes[i]);
        assert_int_equal(h.name.p[0], '0' + (int)i);
    }
    assert_int_equal(eventstream_header(&m.headers, &h), EVENTSTREAM_MORE);
}

static void test_header_that_runs_over(void **state)
{
    static const str bad[] = {
        STR("\0"), /* no name */
        STR("\x05"
            "abc"), /* a name that is cut */
        STR("\x03"
            "abc"), /* no type */
        STR("\x03"
            "abc\n"), /* type 10 is none */
        STR("\x03"
            "abc\xff"),
        STR("\x03"
            "abc\x02"), /* values that are cut */
        STR("\x03"
            "abc\x04\0\0\0"),
        STR("\x03"
            "abc\x09"
            "0123456789abcde"),
        STR("\x03"
            "abc\x07"),
        STR("\x03"
            "abc\x07\0"),
        STR("\x03"
            "abc\x07\0\x03ok"),
        STR("\x03"
            "abc\x06\xff\xffok"),
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct guard g = guard_new(bad[i].n);
        str in = guard_put(g, bad[i]), was = in;
        struct eventstream_header h = {.type = EVENTSTREAM_UUID};
        assert_int_equal(eventstream_header(&in, &h), EVENTSTREAM_BAD);
        assert_true(in.p == was.p && h.type == EVENTSTREAM_UUID); /* outputs only on success */
        guard_free(g);
    }
}

/* The whole message is right, only its headers are not: no event. */
static void test_bad_headers_in_a_sound_message(void **state)
{
    struct buf b = BUF_INIT(4096);
    (void)state;
    size_t at = eventstream_begin(&b, EVENTSTREAM_EVENT, STR("x"));
    b.p[4 + 3] = (char)(b.p[4 + 3] - 1); /* the last header loses a byte to the payload */
    eventstream_end(&b, at);
    check(buf_str(&b), 4096, "bad");
    buf_fini(&b);
}

static void test_events_exceptions_and_errors(void **state)
{
    struct buf b = BUF_INIT(4096);
    str error = STR("\0\0\0\0\0\0\0\0\0\0\0\0"
                    "\x0d:message-type\x07\0\x05"
                    "error"
                    "\x0b:error-code\x07\0\x03"
                    "Bad"
                    "\x0e:error-message\x07\0\x05"
                    "words");
    (void)state;
    put(&b, EVENTSTREAM_EVENT, "messageStart", "{\"role\":\"assistant\"}");
    put(&b, EVENTSTREAM_EXCEPTION, "throttlingException", "{\"message\":\"slow\"}");
    size_t at = buf_size(&b);
    buf_add(&b, error);
    b.p[at + 7] = (char)(error.n - EVENTSTREAM_PRELUDE);
    eventstream_end(&b, at);
    check(buf_str(&b), 4096,
          " 12:messageStart 20:{\"role\":\"assistant\"} "
          "!19:throttlingException 18:{\"message\":\"slow\"} "
          "!3:Bad 5:words +0");
    buf_fini(&b);
}

/* Whatever byte is wrong, in whatever way, the message is not taken for another one. */
static void test_every_byte_corrupted(void **state)
{
    struct buf b = BUF_INIT(4096);
    (void)state;
    put(&b, EVENTSTREAM_EVENT, "contentBlockDelta", "{\"delta\":{\"text\":\"hello\"}}");
    for (size_t i = 0; i < buf_size(&b); i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            struct buf out = BUF_INIT(4096);
            b.p[i] = (char)(b.p[i] ^ 1 << bit);
            read_all(buf_str(&b), buf_size(&b), 1, SSE_EVENT_MAX, &out);
            assert_str(buf_str(&out), "bad");
            b.p[i] = (char)(b.p[i] ^ 1 << bit);
            buf_fini(&out);
        }
    check(buf_str(&b), 4096, " 17:contentBlockDelta 26:{\"delta\":{\"text\":\"hello\"}} +0");
    buf_fini(&b);
}

static void test_cut_off_at_every_byte(void **state)
{
    struct buf b = BUF_INIT(4096);
    (void)state;
    put(&b, EVENTSTREAM_EVENT, "a", "{}");
    size_t one = buf_size(&b);
    put(&b, EVENTSTREAM_EVENT, "b", "{}");
    for (size_t n = one; n < buf_size(&b); n++) {
        char want[64];
        snprintf(want, sizeof want, " 1:a 2:{} +%lu", (unsigned long)(n - one));
        check(str_head(buf_str(&b), n), 4096, want);
    }
    buf_fini(&b);
}

static void test_u32_message_over_the_maximum(void **state)
{
    struct buf b = BUF_INIT(1u << 20);
    char payload[2048];
    (void)state;
    memset(payload, 'x', sizeof payload - 1);
    payload[sizeof payload - 1] = 0;
    put(&b, EVENTSTREAM_EVENT, "a", payload);
    struct buf out = BUF_INIT(1u << 20);
    read_all(buf_str(&b), 7, 61, buf_size(&b), &out); /* exactly so much is allowed */
    assert_true(str_has_suffix(buf_str(&out), STR("+0")));
    buf_fini(&out);
    /* one byte less: known from the prelude, nothing is gathered */
    check(str_head(buf_str(&b), 40), buf_size(&b) - 1, "bad");
    buf_fini(&b);
}

/* Lengths that lie under a CRC that is right. */
static void test_lengths_that_lie(void **state)
{
    static const struct {
        uint32_t total, headers;
    } lies[] = {{0, 0},          {15, 0}, {16, 1}, {UINT32_MAX, 0}, {200, 185}, {1u << 20, 131073},
                {16, UINT32_MAX}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
        struct buf b = BUF_INIT(4096);
        size_t at = eventstream_begin(&b, EVENTSTREAM_EVENT, STR("a"));
        eventstream_end(&b, at);
        /* a message whose own first eight bytes are the lie, with their CRC */
        for (int k = 0; k < 4; k++) {
            b.p[k] = (char)(lies[i].total >> (24 - 8 * k));
            b.p[4 + k] = (char)(lies[i].headers >> (24 - 8 * k));
        }
        uint32_t crc = 0xffffffffu;
        for (int k = 0; k < 8; k++) {
            crc ^= (uint8_t)b.p[k];
            for (int bit = 0; bit < 8; bit++)
                crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
        }
        for (int k = 0; k < 4; k++)
            b.p[8 + k] = (char)(~crc >> (24 - 8 * k));
        check(buf_str(&b), SSE_EVENT_MAX, "bad");
        buf_fini(&b);
    }
}

static void test_writer_without_memory_or_room(void **state)
{
    struct buf b = BUF_INIT(64);
    (void)state;
    put(&b, EVENTSTREAM_EVENT, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "{}");
    assert_true(b.failed);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors_of_the_specification),
        cmocka_unit_test(test_every_header_type),
        cmocka_unit_test(test_header_that_runs_over),
        cmocka_unit_test(test_bad_headers_in_a_sound_message),
        cmocka_unit_test(test_events_exceptions_and_errors),
        cmocka_unit_test(test_every_byte_corrupted),
        cmocka_unit_test(test_cut_off_at_every_byte),
        cmocka_unit_test(test_u32_message_over_the_maximum),
        cmocka_unit_test(test_lengths_that_lie),
        cmocka_unit_test(test_writer_without_memory_or_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
