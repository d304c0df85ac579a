/* SPDX-License-Identifier: Apache-2.0 */
/*
 * J10, U24 - every recorded stream of real providers: whole, byte by byte, and cut at each byte,
 * the same events; each ends complete; each data is the text behind its `data: `, or the payload of
 * a binary message. The recordings are not part of the source ($WEIR_SHARED, or beside the tree);
 * without them the test is skipped.
 */
#include "guard.h"

#include <glob.h>

#include "../json/files.h"
#include "base/check.h"
#include "http/frame.h"

/* What one way of feeding gave: the number of events and a digest of all their slices. */
struct seen {
    size_t events, with_data;
    uint64_t digest;
    bool ok;
};

static void digest(struct seen *s, str slice)
{
    uint64_t h = 1469598103934665603u ^ slice.n ^ (slice.p ? 0 : 77);
    for (size_t i = 0; i < slice.n; i++)
        h = (h ^ (uint8_t)slice.p[i]) * 1099511628211u;
    s->digest = s->digest * 31 + h;
}

static void take(struct frame_parser *p, str in, struct seen *s)
{
    struct sse_event e;
    enum sse_result r;
    while ((r = frame_next(p, &in, &e)) == SSE_EVENT) {
        s->events++;
        s->with_data += e.data.p != NULL;
        digest(s, e.event);
        digest(s, e.data);
        digest(s, e.raw);
    }
    s->ok &= r == SSE_MORE && in.n == 0;
}

static struct seen feed(enum frame_kind kind, str in, size_t first, size_t step)
{
    struct seen s = {.ok = true};
    struct frame_parser p;
    frame_init(&p, kind, SSE_EVENT_MAX);
    for (size_t n = first; in.n; n = step) {
        take(&p, str_head(in, n), &s);
        in = str_from(in, n);
    }
    s.ok &= frame_pending(&p) == 0;
    frame_fini(&p);
    return s;
}

/* Lines that begin a data field, and binary messages, counted without the parser. */
static size_t count(enum frame_kind kind, str in)
{
    size_t n = 0;
    if (kind == FRAME_AWS) {
        for (size_t len; in.n >= 4; in = str_from(in, len), n++)
            len = (size_t)(uint8_t)in.p[1] << 16 | (size_t)(uint8_t)in.p[2] << 8 | (uint8_t)in.p[3];
        return n;
    }
    bool start = true;
    for (size_t i = 0; i < in.n; start = in.p[i] == '\n' || in.p[i] == '\r', i++)
        n += start && str_has_prefix(str_from(in, i), STR("data:"));
    return n;
}

static void check(enum frame_kind kind, const char *path)
{
    struct buf b;
    assert_true(file_read(path, &b));
    str in = buf_str(&b);
    struct seen whole = feed(kind, in, in.n, 1);
    if (!whole.ok || whole.with_data == 0 || whole.with_data != count(kind, in))
        fail_msg("%s: %zu events, %zu with data, %zu expected, %s", path, whole.events,
                 whole.with_data, count(kind, in), whole.ok ? "complete" : "broken off");
    size_t stride = in.n / 250 + 1;
    for (size_t first = 1; first < in.n; first += stride) {
        struct seen cut = feed(kind, in, first, in.n);
        if (!cut.ok || cut.digest != whole.digest)
            fail_msg("%s: cut at %zu differs", path, first);
    }
    for (size_t step = 1; step <= 64; step += 21) {
        struct seen cut = feed(kind, in, step, step);
        if (!cut.ok || cut.digest != whole.digest)
            fail_msg("%s: steps of %zu differ", path, step);
    }
    buf_fini(&b);
}

static void check_all(enum frame_kind kind, const char *file)
{
    const char *dir = getenv("WEIR_SHARED");
    char pattern[4096];
    snprintf(pattern, sizeof(pattern), "%s/fixtures/wire/*/*/%s",
             dir ? dir : SOURCE_ROOT "/../shared", file);
    glob_t g;
    if (glob(pattern, 0, NULL, &g) != 0)
        skip();
    for (size_t i = 0; i < g.gl_pathc; i++)
        check(kind, g.gl_pathv[i]);
    globfree(&g);
}

static void test_j10_recordings(void **state)
{
    (void)state;
    check_all(FRAME_SSE, "response.sse");
}

static void test_j10_binary_recordings(void **state)
{
    (void)state;
    check_all(FRAME_AWS, "response.eventstream");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_j10_recordings),
        cmocka_unit_test(test_j10_binary_recordings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
