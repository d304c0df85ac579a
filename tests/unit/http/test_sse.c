/* SPDX-License-Identifier: Apache-2.0 */
#include "guard.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/rand.h"
#include "http/sse.h"

/* Events as text, one line an event: kind, event, data and raw, each in <> or - when absent. */
static void print_slice(struct buf *b, str s)
{
    if (!s.p) {
        buf_lit(b, "-");
        return;
    }
    buf_lit(b, "<");
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\n')
            buf_lit(b, "\\n");
        else if (s.p[i] == '\r')
            buf_lit(b, "\\r");
        else
            buf_add_char(b, s.p[i]);
    }
    buf_lit(b, ">");
}

static void print_event(struct buf *b, const struct sse_event *e)
{
    buf_lit(b, "[");
    print_slice(b, e->event);
    print_slice(b, e->data);
    print_slice(b, e->raw);
    if (e->bare)
        buf_lit(b, "bare");
    buf_lit(b, "]");
}

static bool feed(struct sse_parser *p, struct guard g, str piece, struct buf *out)
{
    struct sse_event e;
    str in = guard_put(g, piece);
    enum sse_result r;
    while ((r = sse_next(p, &in, &e)) == SSE_EVENT)
        print_event(out, &e);
    if (r == SSE_TOO_BIG)
        buf_lit(out, "[too big]");
    else
        assert_int_equal(in.n, 0);
    return r == SSE_MORE;
}

static void finish(struct sse_parser *p, struct buf *out)
{
    if (!p->broken) {
        buf_addf(out, "+%zu", sse_pending(p));
        print_slice(out, sse_rest(p));
    }
    sse_fini(p);
}

/* `in` cut into pieces of `step` bytes; step 0 is whole. */
static void run(struct buf *out, struct guard g, str in, size_t max, size_t step)
{
    struct sse_parser p;
    sse_init(&p, max);
    buf_clear(out);
    while (in.n) {
        str piece = str_head(in, step ? step : in.n);
        in = str_from(in, piece.n);
        if (!feed(&p, g, piece, out))
            break;
    }
    finish(&p, out);
}

/* Cut at a and b. */
static void run_cut(struct buf *out, struct guard g, str in, size_t max, size_t a, size_t b)
{
    struct sse_parser p;
    sse_init(&p, max);
    buf_clear(out);
    if (feed(&p, g, str_head(in, a), out) && feed(&p, g, str_of(in.p + a, b - a), out))
        feed(&p, g, str_from(in, b), out);
    finish(&p, out);
}

/* J10: whole, byte by byte, in steps, and cut at every pair of places: the same events. */
static void check_all_cuts(str in, size_t max, const char *want)
{
    struct guard g = guard_new(in.n + 1);
    struct buf out = BUF_INIT(1 << 20);
    run(&out, g, in, max, 0);
    if (want)
        assert_str(buf_str(&out), want);
    struct buf again = BUF_INIT(1 << 20);
    for (size_t step = 1; step < 20; step++) {
        run(&again, g, in, max, step);
        if (!str_eq(buf_str(&again), buf_str(&out)))
            fail_msg("step %zu: " STR_FMT "\nwhole: " STR_FMT, step, STR_ARG(buf_str(&again)),
                     STR_ARG(buf_str(&out)));
    }
    for (size_t a = 0; a <= in.n; a++)
        for (size_t b = a; b <= in.n; b += in.n > 400 ? 37 : 1) {
            run_cut(&again, g, in, max, a, b);
            if (!str_eq(buf_str(&again), buf_str(&out)))
                fail_msg("cut %zu %zu: " STR_FMT "\nwhole: " STR_FMT, a, b,
                         STR_ARG(buf_str(&again)), STR_ARG(buf_str(&out)));
        }
    buf_fini(&out);
    buf_fini(&again);
    guard_free(g);
}

static const struct {
    const char *in, *want;
} cases[] = {
    {"", "+0-"},
    {"data: x\n\n", "[-<x><data: x\\n\\n>]+0-"},
    {"data:x\n\n", "[-<x><data:x\\n\\n>]+0-"},
    {"data:  x \n\n", "[-< x ><data:  x \\n\\n>]+0-"},
    {"data\n\n", "[-<><data\\n\\n>]+0-"},
    {"data:\n\n", "[-<><data:\\n\\n>]+0-"},
    {"data\ndata\n\n", "[-<\\n><data\\ndata\\n\\n>]+0-"},
    {"data: a\ndata: b\ndata:c\n\n", "[-<a\\nb\\nc><data: a\\ndata: b\\ndata:c\\n\\n>]+0-"},
    {"data: a\ndata\n\ndata: b\n\n", "[-<a\\n><data: a\\ndata\\n\\n>][-<b><data: b\\n\\n>]+0-"},
    {"event: ping\ndata: {}\n\n", "[<ping><{}><event: ping\\ndata: {}\\n\\n>]+0-"},
    {"data: {}\nevent:x\nevent: y\n\n", "[<y><{}><data: {}\\nevent:x\\nevent: y\\n\\n>]+0-"},
    {"event: only\n\n", "[<only>-<event: only\\n\\n>]+0-"},
    {"event\n\n", "[<>-<event\\n\\n>]+0-"},
    /* Comments, unknown and ignored fields. */
    {": ping\n\n", "[--<: ping\\n\\n>]+0-"},
    {":\n\ndata: x\n\n", "[--<:\\n\\n>][-<x><data: x\\n\\n>]+0-"},
    {"id: 7\nretry: 10\nfoo: bar\nhello\ndata: x\n\n",
     "[-<x><id: 7\\nretry: 10\\nfoo: bar\\nhello\\ndata: x\\n\\n>]+0-"},
    {"database: x\nDATA: y\n data: z\n\n", "[--<database: x\\nDATA: y\\n data: z\\n\\n>]+0-"},
    /* Blank lines alone. */
    {"\n", "[--<\\n>]+0-"},
    {"\n\n\n", "[--<\\n>][--<\\n>][--<\\n>]+0-"},
    {"data: x\n\n\n", "[-<x><data: x\\n\\n>][--<\\n>]+0-"},
    /* CRLF, CR, and mixes of them. */
    {"data: x\r\n\r\n", "[-<x><data: x\\r\\n\\r\\n>]+0-"},
    {"data: x\r\n\r\ndata: y\r\n\r\n", "[-<x><data: x\\r\\n\\r\\n>][-<y><data: y\\r\\n\\r\\n>]+0-"},
    {"data: a\r\ndata: b\r\n\r\n", "[-<a\\nb><data: a\\r\\ndata: b\\r\\n\\r\\n>]+0-"},
    {"data: x\r\r", "[-<x><data: x\\r\\r>]+0-"},
    {"data: x\r\rdata: y\r\r\r", "[-<x><data: x\\r\\r>][-<y><data: y\\r\\r>][--<\\r>]+0-"},
    {"data: x\r\r\n", "[-<x><data: x\\r\\r>][--<\\n>]+0-"},
    {"data: x\n\r\n", "[-<x><data: x\\n\\r\\n>]+0-"},
    {"data: x\n\r\rdata: y\n\n", "[-<x><data: x\\n\\r>][--<\\r>][-<y><data: y\\n\\n>]+0-"},
    {"data: x\r\n\n", "[-<x><data: x\\r\\n\\n>]+0-"},
    {"data: x\r\n\rdata: y\r\n\r\n", "[-<x><data: x\\r\\n\\r>][-<y><data: y\\r\\n\\r\\n>]+0-"},
    {"data: a\rdata: b\ndata: c\r\n\r\n",
     "[-<a\\nb\\nc><data: a\\rdata: b\\ndata: c\\r\\n\\r\\n>]+0-"},
    /* The last event without its blank line is no event. */
    {"data: x", "+7<data: x>"},
    {"data: x\n", "+8<data: x\\n>"},
    {"data: x\r\n", "+9<data: x\\r\\n>"},
    {"data: x\r\n\r", "+10<data: x\\r\\n\\r>"},
    {"data: x\n\ndata: [DO", "[-<x><data: x\\n\\n>]+9<data: [DO>"},
    /* A byte order mark at the start only. */
    {"\xef\xbb\xbf"
     "data: x\n\n",
     "[-<x><\xef\xbb\xbf"
     "data: x\\n\\n>]+0-"},
    {"\xef\xbb\xbf\ndata: x\n\n", "[-<x><\xef\xbb\xbf\\ndata: x\\n\\n>]+0-"},
    {"data: x\n\n\xef\xbb\xbf"
     "data: y\n\n",
     "[-<x><data: x\\n\\n>][--<\xef\xbb\xbf"
     "data: y\\n\\n>]+0-"},
    {"\xef\xbb"
     "data: x\n\n",
     "[--<\xef\xbb"
     "data: x\\n\\n>]+0-"},
    /* U26: bare JSON. */
    {"{\"error\":{\"code\":429}}\n\n",
     "[-<{\"error\":{\"code\":429}}><{\"error\":{\"code\":429}}\\n\\n>bare]+0-"},
    {"{\r\n  \"error\": 1\r\n}\r\n\r\n",
     "[-<{\\r\\n  \"error\": 1\\r\\n}><{\\r\\n  \"error\": 1\\r\\n}\\r\\n\\r\\n>bare]+0-"},
    {"[{\"error\":1}]\n\n", "[-<[{\"error\":1}]><[{\"error\":1}]\\n\\n>bare]+0-"},
    {"event: error\n{\"a\":1}\n\n", "[<error><{\"a\":1}><event: error\\n{\"a\":1}\\n\\n>bare]+0-"},
    {"data: x\n{\"a\":1}\n\n", "[-<x><data: x\\n{\"a\":1}\\n\\n>]+0-"},
    {"data: x\n\n{\"error\":1}\n", "[-<x><data: x\\n\\n>]+12<{\"error\":1}\\n>"},
};

static void test_j10_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_all_cuts(str_c(cases[i].in), 1000, cases[i].want);
}

static void test_j10_nul_and_garbage(void **state)
{
    (void)state;
    check_all_cuts(STR("data: a\0b\n\n\0\n\ndata\0: x\n\n"), 1000, NULL);
    struct sse_parser p;
    struct sse_event e;
    sse_init(&p, 1000);
    str in = STR("data: a\0b\xff\n\n");
    assert_int_equal(sse_next(&p, &in, &e), SSE_EVENT);
    assert_true(str_eq(e.data, STR("a\0b\xff")));
    sse_fini(&p);
    /* Any bytes: the same events for all cuts, and the raws are the stream. */
    static const char letters[] = "\n\r:d{ \0\xef";
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct rand r;
        rand_init(&r, seed);
        char bytes[40];
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = letters[rand_below(&r, sizeof(letters) - 1)];
        check_all_cuts(str_of(bytes, sizeof(bytes)), 1000, NULL);
        check_all_cuts(str_of(bytes, sizeof(bytes)), 7, NULL);
        size_t total = 0;
        sse_init(&p, 1000);
        in = str_of(bytes, sizeof(bytes));
        while (sse_next(&p, &in, &e) == SSE_EVENT) {
            assert_memory_equal(e.raw.p, bytes + total, e.raw.n);
            total += e.raw.n;
        }
        assert_int_equal(total + sse_pending(&p), sizeof(bytes));
        sse_fini(&p);
    }
}

/* A stream as a provider sends it, longer than a SIMD step everywhere. */
static void test_j10_stream(void **state)
{
    (void)state;
    static const char *const ends[] = {"\n", "\r\n", "\r"};
    for (size_t k = 0; k < ARRAY_LEN(ends); k++) {
        struct buf b = BUF_INIT(1 << 16);
        const char *n = ends[k];
        for (int i = 0; i < 3; i++)
            buf_addf(
                &b,
                "event: content_block_delta%sdata: {\"type\":\"content_block_delta\","
                "\"index\":%d,\"delta\":{\"type\":\"text_delta\",\"text\":\"\xe5\xbf\xab\"}}%s%s"
                ": OPENROUTER PROCESSING%s%s",
                n, i, n, n, n, n);
        buf_addf(&b, "data: [DONE]%s%s", n, n);
        check_all_cuts(buf_str(&b), 1000, NULL);
        struct sse_parser p;
        struct sse_event e;
        sse_init(&p, 1000);
        str in = buf_str(&b);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(sse_next(&p, &in, &e), SSE_EVENT);
            assert_str(e.event, "content_block_delta");
            assert_true(str_has_prefix(e.data, STR("{\"type\"")));
            assert_true(str_has_suffix(e.data, STR("}}")));
            assert_int_equal(sse_next(&p, &in, &e), SSE_EVENT);
            assert_null(e.data.p);
        }
        assert_int_equal(sse_next(&p, &in, &e), SSE_EVENT);
        assert_str(e.data, "[DONE]");
        assert_int_equal(sse_next(&p, &in, &e), SSE_MORE);
        assert_int_equal(sse_pending(&p), 0);
        sse_fini(&p);
        buf_fini(&b);
    }
}

/* An event that lies in one piece is not copied. */
static void test_no_copy(void **state)
{
    (void)state;
    struct sse_parser p;
    struct sse_event e;
    sse_init(&p, 1000);
    str in = STR("event: a\ndata: b\n\ndata: c\n\n");
    const char *start = in.p;
    mem_fail_after(1);
    assert_int_equal(sse_next(&p, &in, &e), SSE_EVENT);
    assert_ptr_equal(e.raw.p, start);
    assert_ptr_equal(e.data.p, start + 15);
    assert_int_equal(sse_next(&p, &in, &e), SSE_EVENT);
    assert_ptr_equal(e.data.p, start + 24);
    assert_int_equal(sse_next(&p, &in, &e), SSE_MORE);
    mem_fail_after(0);
    sse_fini(&p);
}

/* U32: the maximum counts the whole event, and cuts do not change it. */
static void test_u32_too_big(void **state)
{
    (void)state;
    check_all_cuts(STR("data: 34\n\n"), 10, "[-<34><data: 34\\n\\n>]+0-");
    check_all_cuts(STR("data: 345\n\n"), 10, "[too big]");
    check_all_cuts(STR("data: x\n\ndata: 345\n\ndata: x\n\n"), 10,
                   "[-<x><data: x\\n\\n>][too big]");
    check_all_cuts(STR("data: 34567"), 10, "[too big]");
    check_all_cuts(STR(":\n:\n:\n:\n:\n:\n"), 10, "[too big]");
    check_all_cuts(STR("data: 34\r\n\r\n"), 12, "[-<34><data: 34\\r\\n\\r\\n>]+0-");
    check_all_cuts(STR("data: 34\r\n\r\n"), 11, "[too big]");
}

/* U32: 64 MiB without a blank line; the parser stops at its maximum and holds no more than that. */
static void test_u32_endless(void **state)
{
    (void)state;
    static char piece[65536];
    memset(piece, 'x', sizeof(piece));
    struct sse_parser p;
    struct sse_event e;
    sse_init(&p, SSE_EVENT_MAX);
    size_t fed = 0;
    enum sse_result r = SSE_MORE;
    while (fed < 64u << 20 && r == SSE_MORE) {
        str in = str_of(piece, sizeof(piece));
        r = sse_next(&p, &in, &e);
        fed += sizeof(piece);
        assert_true(p.held.cap <= SSE_EVENT_MAX);
    }
    assert_int_equal(r, SSE_TOO_BIG);
    assert_int_equal(fed, SSE_EVENT_MAX + sizeof(piece));
    str more = STR("\n\ndata: x\n\n");
    assert_int_equal(sse_next(&p, &more, &e), SSE_TOO_BIG);
    sse_fini(&p);
}

/* A big event leaves no big buffer behind. */
static void test_memory_is_given_back(void **state)
{
    (void)state;
    struct sse_parser p;
    struct sse_event e;
    sse_init(&p, SSE_EVENT_MAX);
    struct buf b = BUF_INIT(4 << 20);
    for (int i = 0; i < 2000; i++)
        buf_addf(&b, "data: %0500d\n", i);
    buf_lit(&b, "\n");
    str in = str_head(buf_str(&b), buf_size(&b) - 1);
    assert_int_equal(sse_next(&p, &in, &e), SSE_MORE);
    in = str_from(buf_str(&b), buf_size(&b) - 1);
    assert_int_equal(sse_next(&p, &in, &e), SSE_EVENT);
    assert_int_equal(e.data.n, 2000 * 501 - 1);
    assert_int_equal(sse_next(&p, &in, &e), SSE_MORE);
    assert_int_equal(p.held.cap, 0);
    assert_int_equal(p.data.cap, 0);
    sse_fini(&p);
    buf_fini(&b);
}

static void test_no_memory(void **state)
{
    (void)state;
    str in = STR("data: a\ndata: b\n\n");
    for (size_t n = 1; n <= 3; n++) {
        struct sse_parser p;
        struct sse_event e;
        sse_init(&p, 1000);
        mem_fail_after(n);
        str a = str_head(in, 10), b = str_from(in, 10);
        enum sse_result r = sse_next(&p, &a, &e);
        if (r == SSE_MORE)
            r = sse_next(&p, &b, &e);
        assert_int_equal(r, n == 3 ? SSE_EVENT : SSE_TOO_BIG);
        mem_fail_after(0);
        sse_fini(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_j10_table),
        cmocka_unit_test(test_j10_nul_and_garbage),
        cmocka_unit_test(test_j10_stream),
        cmocka_unit_test(test_no_copy),
        cmocka_unit_test(test_u32_too_big),
        cmocka_unit_test(test_u32_endless),
        cmocka_unit_test(test_memory_is_given_back),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
