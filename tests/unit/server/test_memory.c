/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_memory - P19 and its kin: every allocation fails once, and clients leave at random. Whatever
 * happens, the connection ends or answers, every request that was heard of ends once, the counters
 * come back to nothing, and the next client is served. Leaks and touched corpses are ASan's to
 * find.
 */
#include "cli.h"

#include "base/rand.h"

static char *long_request(const char *path, size_t n, bool chunked)
{
    char *text = malloc(n + 256);
    size_t at =
        (size_t)(chunked ? snprintf(text, 256,
                                    "POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                                    "\r\n%zx\r\n",
                                    path, n)
                         : snprintf(text, 256,
                                    "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n",
                                    path, n));
    memset(text + at, 'b', n);
    memcpy(text + at + n, chunked ? "\r\n0\r\n\r\n" : "", chunked ? 8 : 1);
    return text;
}

/* ---- every allocation fails once, and all after it, until the connection is over or answered */

struct walk {
    const char *request;
    bool small;   /* the kernel takes little: what is sent must queue */
    size_t step;  /* of sending */
    unsigned ask; /* answers to wait for */
};

static void one_failure(const struct walk *w, size_t n, size_t *ret_used, unsigned *refusals)
{
    struct site s;
    struct cli c;
    struct answer a;
    site_open(&s);
    mem_fail_after(n);
    cli_open_as(&c, &s, w->small);
    c.step = w->step;
    cli_send(&c, w->request, strlen(w->request));
    unsigned got = 0;
    UNTIL(&s, &c, ({
        if (cli_next(&c, false, &a)) {
            got++;
            *refusals += a.status == 503;
        }
        c.eof || got == w->ask;
    }));
    *ret_used = mem_count();
    mem_fail_after(0);
    if (*ret_used < n && got != w->ask) /* nothing failed */
        fail_msg("%u answers of %u to %.60s", got, w->ask, w->request);
    cli_close(&c);
    expect_quiet(&s);
    expect_alive(&s);
    expect_quiet(&s);
    site_close(&s);
}

/* Returns how many failures there were to try. */
static size_t walk(const struct walk *w, bool refuses)
{
    size_t used = 0, n = 0;
    unsigned refusals = 0;
    do
        one_failure(w, ++n, &used, &refusals);
    while (used >= n);
    assert_true(n > 2);
    if (refuses)
        assert_true(refusals > 0); /* not only closed: told, where there was memory for that */
    return n - 1;
}

static void test_p19_no_memory(void **state)
{
    (void)state;
    char *body = long_request("/sum", 100000, false), *chunked = long_request("/sum", 100000, true),
         *split = long_request("/echo", 20000, false);
    const struct walk small[] = {
        {"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n", false, 0, 1},
        {"POST /later HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", false, 7, 1},
        {"GET /events?30 HTTP/1.1\r\nHost: a\r\n\r\n", false, 0, 1},
        {"GET /later HTTP/1.1\r\nHost: a\r\n\r\nGET /echo HTTP/1.1\r\nHost: a\r\n\r\n", false, 0,
         2},
        {"GET /bad HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", false, 0, 1},
        {"POST /deny HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", false, 0, 1},
        {"GET /big?300000 HTTP/1.1\r\nHost: a\r\n\r\n", true, 0, 1},
        {"GET /flow?300000 HTTP/1.1\r\nHost: a\r\n\r\n", true, 0, 1},
    };
    const struct walk large[] = {
        {body, false, 0, 1}, {chunked, false, 0, 1}, {split, false, 999, 1}};
    size_t failures = 0;
    for (size_t i = 0; i < ARRAY_LEN(small); i++)
        failures += walk(&small[i], false);
    for (size_t i = 0; i < ARRAY_LEN(large); i++)
        failures += walk(&large[i], true);
    assert_true(failures > 40);
    free(body);
    free(chunked);
    free(split);
}

/* A full arena is the client's doing, not a lack of memory: same rule. */
static void test_full_arena(void **state)
{
    (void)state;
    struct site s;
    struct cli c;
    struct answer a;
    site_open(&s);
    for (size_t most = 16; most < 12000; most += 400) {
        struct server_limits l = s.limits;
        l.arena_max = most;
        site_set(&s, l);
        cli_open(&c, &s);
        cli_put(&c, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4000\r\n\r\n");
        cli_send(&c, s.pattern, 4000);
        UNTIL(&s, &c, c.eof || cli_next(&c, false, &a));
        cli_close(&c);
        expect_quiet(&s);
    }
    assert_int_equal(a.status, 200);
    assert_true(s.refused[REFUSE_NO_MEMORY] > 0);
    site_set(&s, site_limits());
    expect_alive(&s);
    expect_quiet(&s);
    site_close(&s);
}

/* ---- clients that leave at random */

#define CANCELS 10000
#define AT_ONCE 64

static const char *const wishes[] = {
    "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /open HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /open HTTP/1.0\r\n\r\n",
    "GET /events?100 HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /flow?10000000 HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /big?3000000 HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /abort HTTP/1.1\r\nHost: a\r\n\r\n",
    ("GET /later HTTP/1.1\r\nHost: a\r\n\r\nGET /big?3000000 HTTP/1.1\r\nHost: a\r\n\r\n"
     "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"),
    "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "POST /denylater HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nhello",
    "POST /deny HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nhello",
    "POST /sum HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 90000\r\n\r\nhello",
    "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
};

static void begin_one(struct site *s, struct cli *c, struct rand *r)
{
    const char *wish = wishes[rand_below(r, ARRAY_LEN(wishes))];
    size_t n = strlen(wish);
    cli_open(c, s);
    c->stopped = rand_below(r, 2);
    c->step = rand_below(r, 3) ? 0 : 9;
    cli_send(c, wish, rand_below(r, 3) ? n : 1 + rand_below(r, n));
}

static void end_one(struct cli *c, struct rand *r)
{
    switch (rand_below(r, 8)) {
    case 0:
        cli_close(c);
        break;
    case 1:
        cli_fin(c); /* and stays for a while */
        break;
    default:
        cli_reset(c);
        break;
    }
}

static void test_random_cancels(void **state)
{
    (void)state;
    struct site s;
    struct rand r;
    struct cli *c = calloc(AT_ONCE, sizeof(*c));
    site_open(&s);
    rand_init(&r, 42);
    for (size_t i = 0; i < AT_ONCE; i++)
        c[i].fd = -1;
    for (unsigned cancelled = 0; cancelled < CANCELS;) {
        size_t i = rand_below(&r, AT_ONCE);
        if (c[i].fd < 0) {
            begin_one(&s, &c[i], &r);
        } else {
            end_one(&c[i], &r);
            cancelled++;
        }
        if (rand_below(&r, 4) == 0)
            loop_turn(s.l, false);
        cli_turn(&c[rand_below(&r, AT_ONCE)]);
        if (!list_is_empty(&s.waiting) && rand_below(&r, 64) == 0)
            site_answer(&s);
    }
    for (size_t i = 0; i < AT_ONCE; i++)
        cli_reset(&c[i]);
    free(c);
    expect_quiet(&s);
    assert_true(s.heads > CANCELS / 5 && s.gone > CANCELS / 20 && s.sent > CANCELS / 20);
    expect_alive(&s);
    expect_quiet(&s);
    site_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_p19_no_memory),
        cmocka_unit_test(test_full_arena),
        cmocka_unit_test(test_random_cancels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
