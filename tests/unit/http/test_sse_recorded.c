/* SPDX-License-Identifier: Apache-2.0 */
/*
 * J10, U24 - every recorded stream of real providers: whole, byte by byte, and cut at each byte,
 * the same events; each ends complete; each data is the text behind its `data: `. The recordings
 * are not part of the source ($WEIR_SHARED, or beside the tree); without them the test is skipped.
 */
#include "guard.h"

#include <glob.h>

#include "../json/files.h"
#include "base/check.h"
#include "http/sse.h"

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

static void take(struct sse_parser *p, str in, struct seen *s)
{
    struct sse_event e;
    enum sse_result r;
    while ((r = sse_next(p, &in, &e)) == SSE_EVENT) {
        s->events++;
        s->with_data += e.data.p != NULL;
        digest(s, e.event);
        digest(s, e.data);
        digest(s, e.raw);
    }
    s->ok &= r == SSE_MORE && in.n == 0;
}

static struct seen feed(str in, size_t first, size_t step)
{
    struct seen s = {.ok = true};
    struct sse_parser p;
    sse_init(&p, SSE_EVENT_MAX);
    for (size_t n = first; in.n; n = step) {
        take(&p, str_head(in, n), &s);
        in = str_from(in, n);
    }
    s.ok &= sse_pending(&p) == 0;
    sse_fini(&p);
    return s;
}

/* Lines that begin a data field, counted without the parser. */
static size_t data_lines(str in)
{
    size_t n = 0;
    bool start = true;
    for (size_t i = 0; i < in.n; start = in.p[i] == '\n' || in.p[i] == '\r', i++)
        n += start && str_has_prefix(str_from(in, i), STR("data:"));
    return n;
}

static void check(const char *path)
{
    struct buf b;
    assert_true(file_read(path, &b));
    str in = buf_str(&b);
    struct seen whole = feed(in, in.n, 1);
    if (!whole.ok || whole.with_data == 0 || whole.with_data != data_lines(in))
        fail_msg("%s: %zu events, %zu with data, %zu data lines, %s", path, whole.events,
                 whole.with_data, data_lines(in), whole.ok ? "complete" : "broken off");
    size_t stride = in.n / 250 + 1;
    for (size_t first = 1; first < in.n; first += stride) {
        struct seen cut = feed(in, first, in.n);
        if (!cut.ok || cut.digest != whole.digest)
            fail_msg("%s: cut at %zu differs", path, first);
    }
    for (size_t step = 1; step <= 64; step += 21) {
        struct seen cut = feed(in, step, step);
        if (!cut.ok || cut.digest != whole.digest)
            fail_msg("%s: steps of %zu differ", path, step);
    }
    buf_fini(&b);
}

static void test_j10_recordings(void **state)
{
    (void)state;
    const char *dir = getenv("WEIR_SHARED");
    char pattern[4096];
    snprintf(pattern, sizeof(pattern), "%s/fixtures/wire/*/*/response.sse",
             dir ? dir : SOURCE_ROOT "/../shared");
    glob_t g;
    if (glob(pattern, 0, NULL, &g) != 0)
        skip();
    for (size_t i = 0; i < g.gl_pathc; i++)
        check(g.gl_pathv[i]);
    globfree(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_j10_recordings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
