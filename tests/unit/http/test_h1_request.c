/* SPDX-License-Identifier: Apache-2.0 */
/* Requests: D12, D15, D17, D20, D21, D23 as far as the parser decides them. D16: test_h1_smuggling.
 */
#include "h1_check.h"

#include <stdio.h>
#include <time.h>

#include "base/buf.h"
#include "base/check.h"

static struct guard page;

static void parse_ok(str in, struct h1_head *h)
{
    size_t used;
    enum h1_result r = h1_check_all(H1_REQUEST, page, in, h, &used);
    if (r != H1_DONE)
        fail_msg("%d %u %s: " STR_FMT, (int)r, h->bad_status, h->bad_why ? h->bad_why : "",
                 STR_ARG(in));
    assert_int_equal(used, in.n);
}

static void expect_bad(str in, unsigned status)
{
    struct h1_head h;
    size_t used;
    enum h1_result r = h1_check_all(H1_REQUEST, page, in, &h, &used);
    if (r != H1_BAD || h.bad_status != status)
        fail_msg("%d %u instead of BAD %u: " STR_FMT, (int)r, h.bad_status, status,
                 STR_ARG(str_head(in, 200)));
    assert_non_null(h.bad_why);
}

static void expect_all_bad(const str *in, size_t n, unsigned status)
{
    for (size_t i = 0; i < n; i++)
        expect_bad(in[i], status);
}

static void test_typical(void **state)
{
    (void)state;
    struct h1_head h;
    parse_ok(STR("POST /v1/messages?beta=true HTTP/1.1\r\nHost: gateway.local:3456\r\n"
                 "Content-Type:application/json\r\nX-Api-Key: \t k \t\r\nX-Empty:\r\n"
                 "X-Blank:  \t \r\nX-High: \xe4\xbd\xa0 tab\there\r\n"
                 "CONTENT-LENGTH: 12\r\n\r\n"),
             &h);
    assert_int_equal(h.method, H1_POST);
    assert_str(h.method_text, "POST");
    assert_str(h.target, "/v1/messages?beta=true");
    assert_str(h.path, "/v1/messages");
    assert_str(h.query, "beta=true");
    assert_str(h.host, "gateway.local:3456");
    assert_str(h1_get(&h, H1_CONTENT_TYPE), "application/json");
    assert_str(h1_get(&h, H1_X_API_KEY), "k");
    assert_null(h1_get(&h, H1_AUTHORIZATION).p);
    assert_str(h1_find(&h, STR("x-EMPTY")), "");
    assert_str(h1_find(&h, STR("x-blank")), "");
    assert_str(h1_find(&h, STR("x-high")), "\xe4\xbd\xa0 tab\there");
    assert_null(h1_find(&h, STR("x-none")).p);
    assert_int_equal(h.nheaders, 7);
    assert_int_equal(h.body, H1_BODY_LENGTH);
    assert_int_equal(h.content_length, 12);
    assert_int_equal(h.minor, 1);
    assert_true(h.keep_alive);
    assert_false(h.expect_continue || h.upgrade);
}

/* Every name of the table is found in any case, and its neighbours are not. */
static void test_names(void **state)
{
    (void)state;
    static const char *const names[] = {
#define H1_NAME(id, text) [H1_##id] = text,
#include "http/h1_names.def"
#undef H1_NAME
    };
    struct buf b = BUF_INIT(4096);
    for (unsigned id = 1; id < H1_NAME_COUNT; id++) {
        if (id == H1_HOST || id == H1_CONTENT_LENGTH || id == H1_TRANSFER_ENCODING)
            continue; /* their values are checked; test_typical and the D16 table have them */
        size_t n = strlen(names[id]);
        for (size_t at = 0; at <= n; at++) {
            char name[64];
            memcpy(name, names[id], n + 1);
            for (size_t i = at; i < n; i += 2)
                name[i] = name[i] >= 'a' ? (char)(name[i] - 32) : name[i];
            struct h1_head h;
            buf_clear(&b);
            buf_addf(&b, "GET / HTTP/1.0\r\n%s: 100-continue\r\n", name);
            name[at ? at - 1 : 0]++; /* another name */
            if (name[at ? at - 1 : 0] != '[' && name[at ? at - 1 : 0] != '{')
                buf_addf(&b, "%s: b\r\n", name);
            buf_addf(&b, "x%s: b\r\n%sx: b\r\n\r\n", names[id], names[id]);
            parse_ok(buf_str(&b), &h);
            assert_int_equal(h.headers[0].id, id);
            assert_str(h1_get(&h, (enum h1_name)id), "100-continue");
            for (unsigned i = 1; i < h.nheaders; i++)
                assert_int_equal(h.headers[i].id, H1_OTHER);
        }
    }
    buf_fini(&b);
}

static void test_methods(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum h1_method method;
    } rows[] = {
        {"GET", H1_GET},           {"HEAD", H1_HEAD},          {"POST", H1_POST},
        {"PUT", H1_PUT},           {"PATCH", H1_PATCH},        {"DELETE", H1_DELETE},
        {"OPTIONS", H1_OPTIONS},   {"TRACE", H1_TRACE},        {"get", H1_METHOD_OTHER},
        {"Post", H1_METHOD_OTHER}, {"QUERY", H1_METHOD_OTHER}, {"M-SEARCH", H1_METHOD_OTHER},
        {"GE", H1_METHOD_OTHER},   {"GETT", H1_METHOD_OTHER},  {"!#$%&'*+-.^_`|~", H1_METHOD_OTHER},
    };
    struct buf b = BUF_INIT(4096);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct h1_head h;
        buf_clear(&b);
        buf_addf(&b, "%s /x HTTP/1.1\r\nHost: a\r\n\r\n", rows[i].text);
        parse_ok(buf_str(&b), &h);
        assert_int_equal(h.method, rows[i].method);
        assert_str(h.method_text, rows[i].text);
    }
    buf_fini(&b);
}

static void test_connection(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        bool keep_alive;
    } rows[] = {
        {"HTTP/1.1\r\nHost: a\r\n", true},
        {"HTTP/1.1\r\nHost: a\r\nConnection: close\r\n", false},
        {"HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n", false},
        {"HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n", true},
        {"HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, close\r\n", false},
        {"HTTP/1.1\r\nHost: a\r\nConnection: x ,\tclose , y\r\n", false},
        {"HTTP/1.1\r\nHost: a\r\nConnection: x\r\nFoo: b\r\nConnection: close\r\n", false},
        {"HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n", true},
        {"HTTP/1.1\r\nHost: a\r\nConnection:\r\n", true},
        {"HTTP/1.0\r\n", false},
        {"HTTP/1.0\r\nConnection: keep-alive\r\n", true},
        {"HTTP/1.0\r\nConnection: Keep-Alive, foo\r\n", true},
        {"HTTP/1.0\r\nConnection: keep-alive, close\r\n", false},
    };
    struct buf b = BUF_INIT(4096);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct h1_head h;
        buf_clear(&b);
        buf_addf(&b, "GET / %s\r\n", rows[i].head);
        parse_ok(buf_str(&b), &h);
        if (h.keep_alive != rows[i].keep_alive)
            fail_msg("keep_alive is %d: %s", h.keep_alive, rows[i].head);
    }
    buf_fini(&b);
}

static void test_targets(void **state)
{
    (void)state;
    static const struct {
        const char *target, *host, *path, *query;
    } rows[] = {
        {"/", "a", "/", NULL},
        {"/?", "a", "/", ""},
        {"/x?y?z", "a", "/x", "y?z"},
        {"//x/../y", "a", "//x/../y", NULL}, /* url_path_is_canonical refuses it */
        {"/%2e%2E", "a", "/%2e%2E", NULL},
        {"/x\"<>\\^`{|}", "a", "/x\"<>\\^`{|}", NULL},
        {"http://a/", "a", "/", NULL},
        {"HTTP://a", "a", "/", NULL},
        {"http://a?x", "a", "/", "x"},
        {"https://a/v1/models?key=1", "a", "/v1/models", "key=1"},
        {"http://h.example:8080/v1", "h.example:8080", "/v1", NULL},
        {"http://[::1]:80/v1", "[::1]:80", "/v1", NULL},
    };
    struct buf b = BUF_INIT(4096);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct h1_head h;
        buf_clear(&b);
        buf_addf(&b, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", rows[i].target, rows[i].host);
        parse_ok(buf_str(&b), &h);
        assert_str(h.target, rows[i].target);
        assert_str(h.host, rows[i].host);
        assert_str(h.path, rows[i].path);
        if (rows[i].query)
            assert_str(h.query, rows[i].query);
        else
            assert_null(h.query.p);
    }
    struct h1_head h;
    parse_ok(STR("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), &h);
    assert_str(h.path, "*");
    parse_ok(STR("GET http://A.example/ HTTP/1.1\r\nHost: a.EXAMPLE\r\n\r\n"), &h);
    assert_str(h.host, "A.example");
    parse_ok(STR("GET http://a/ HTTP/1.0\r\n\r\n"), &h);
    assert_str(h.host, "a");
    parse_ok(STR("GET / HTTP/1.0\r\n\r\n"), &h);
    assert_null(h.host.p);
    parse_ok(STR("\r\nGET / HTTP/1.0\r\n\r\n"), &h); /* RFC 9112 §2.2 */
    assert_str(h.path, "/");
    buf_fini(&b);
}

static void test_d12_target_too_long(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(1 << 20);
    for (size_t n = H1_TARGET_MAX; n <= H1_TARGET_MAX + 1; n++) {
        struct h1_head h;
        buf_clear(&b);
        buf_lit(&b, "GET ");
        for (size_t i = 0; i < n; i++)
            buf_add_char(&b, '/');
        buf_lit(&b, " HTTP/1.1\r\nHost: a\r\n\r\n");
        if (n == H1_TARGET_MAX) {
            parse_ok(buf_str(&b), &h);
            assert_int_equal(h.path.n, n);
        } else {
            expect_bad(buf_str(&b), 414);
        }
    }
    buf_fini(&b);
}

static void test_d12_head_too_large(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(1 << 21);
    for (size_t n = H1_HEAD_MAX - 1; n <= H1_HEAD_MAX + 1; n++) {
        struct h1_head h;
        buf_clear(&b);
        buf_lit(&b, "GET / HTTP/1.1\r\nHost: a\r\nFoo: ");
        while (buf_size(&b) < n - 4)
            buf_add_char(&b, 'x');
        buf_lit(&b, "\r\n\r\n");
        if (n <= H1_HEAD_MAX)
            parse_ok(buf_str(&b), &h);
        else
            expect_bad(buf_str(&b), 431);
    }
    /* One field of 1 MiB, and a head that never ends. */
    struct guard g = guard_new(1 << 21);
    buf_clear(&b);
    buf_lit(&b, "GET / HTTP/1.1\r\nHost: a\r\nFoo: ");
    for (size_t i = 0; i < 1 << 20; i++)
        buf_add_char(&b, 'x');
    struct h1_head h;
    size_t used;
    assert_int_equal(h1_request(&h, guard_put(g, buf_str(&b)), 0, &used), H1_BAD);
    assert_int_equal(h.bad_status, 431);
    assert_int_equal(h1_request(&h, buf_str(&b), H1_HEAD_MAX - 1, &used), H1_BAD);
    assert_int_equal(h.bad_status, 431);
    guard_free(g);
    buf_fini(&b);
}

static void test_d12_too_many_fields(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(1 << 20);
    for (unsigned n = H1_HEADERS_MAX; n <= H1_HEADERS_MAX + 1; n++) {
        struct h1_head h;
        buf_clear(&b);
        buf_lit(&b, "GET / HTTP/1.1\r\nHost: a\r\n");
        for (unsigned i = 1; i < n; i++)
            buf_addf(&b, "f%u: %u\r\n", i, i);
        buf_lit(&b, "\r\n");
        if (n == H1_HEADERS_MAX) {
            parse_ok(buf_str(&b), &h);
            assert_str(h1_find(&h, STR("F99")), "99");
        } else {
            expect_bad(buf_str(&b), 431);
        }
    }
    buf_fini(&b);
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* D12: a head that trickles in must not cost a parse a byte: twenty heads of 16 KiB, byte by byte,
 * are 330,000 calls; parsed anew in each they would be 2.6 GB to look at, and take seconds. */
static void test_d12_trickle_is_linear(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(1 << 20);
    buf_lit(&b, "GET / HTTP/1.1\r\nHost: a\r\n");
    while (buf_size(&b) < H1_HEAD_MAX - 300)
        buf_addf(&b, "f: %0250d\r\n", 7);
    buf_lit(&b, "\r\n");
    double start = cpu_seconds();
    for (int round = 0; round < 20; round++) {
        struct h1_head h;
        size_t used;
        for (size_t n = 1; n < buf_size(&b); n++)
            assert_int_equal(h1_request(&h, str_head(buf_str(&b), n), n - 1, &used), H1_MORE);
        assert_int_equal(h1_request(&h, buf_str(&b), buf_size(&b) - 1, &used), H1_DONE);
    }
    assert_true(cpu_seconds() - start < 0.7);
    buf_fini(&b);
}

static void test_d15_pipelined(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(1 << 20);
    for (int i = 0; i < 1000; i++)
        buf_addf(&b, "POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi", i);
    str rest = buf_str(&b);
    for (int i = 0; i < 1000; i++) {
        struct h1_head h;
        size_t used = 0;
        char want[16];
        snprintf(want, sizeof(want), "/%d", i);
        assert_int_equal(h1_request(&h, rest, 0, &used), H1_DONE);
        assert_str(h.path, want);
        assert_int_equal(h.content_length, 2);
        rest = str_from(rest, used + 2);
    }
    assert_int_equal(rest.n, 0);
    buf_fini(&b);
}

#define AFTER "Host: a\r\n\r\n"

static void test_d17_lines(void **state)
{
    (void)state;
    static const str bad[] = {
        /* bare LF, bare CR */
        STR("GET / HTTP/1.1\nHost: a\r\n\r\n"),
        STR("GET / HTTP/1.1\r\nHost: a\n\r\n"),
        STR("GET / HTTP/1.1\r\nHost: a\r\n\n"),
        STR("GET / HTTP/1.1\nHost: a\n\n"),
        STR("\nGET / HTTP/1.1\r\n" AFTER),
        STR("GET / HTTP/1.1\rHost: a\r\n\r\n"),
        STR("GET / HTTP/1.1\r\nHost: a\rFoo: b\r\n\r\n"),
        STR("GET / HTTP/1.1\r\nFoo: b\r\r\n" AFTER),
        STR("GET / HTTP/1.1\r\nHost: a\r\n\rX"),
        STR("GET / HTTP/1.1\r\r\n" AFTER),
        STR("\rGET / HTTP/1.1\r\n" AFTER),
        STR("\r\n\r\nGET / HTTP/1.1\r\n" AFTER),
        /* folded lines */
        STR("GET / HTTP/1.1\r\nFoo: a\r\n b\r\n" AFTER),
        STR("GET / HTTP/1.1\r\nFoo: a\r\n\tb\r\n" AFTER),
        STR("GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
        STR("GET / HTTP/1.1\r\nHost: a\r\n \r\n\r\n"),
        /* field names */
        STR("GET / HTTP/1.1\r\nFoo : b\r\n" AFTER),
        STR("GET / HTTP/1.1\r\nFoo\t: b\r\n" AFTER),
        STR("GET / HTTP/1.1\r\nFo o: b\r\n" AFTER),
        STR("GET / HTTP/1.1\r\n: b\r\n" AFTER),
        STR("GET / HTTP/1.1\r\nFoo\r\n" AFTER),
        STR("GET / HTTP/1.1\r\nFoo;: b\r\n" AFTER),
        STR("GET / HTTP/1.1\r\nFo\xf6: b\r\n" AFTER),
        STR("GET / HTTP/1.1\r\n\x80\x81: b\r\n" AFTER),
        STR("GET / HTTP/1.1\r\nFo\0o: b\r\n" AFTER),
        STR("GET / HTTP/1.1\r\nFoo@: b\r\n" AFTER),
        STR("GET / HTTP/1.1\r\n{x}: b\r\n" AFTER),
        STR("GET / HTTP/1.1\r\nA-very-long-name-of-a-field-with-a-\x7f: b\r\n" AFTER),
        /* field values */
        STR("GET / HTTP/1.1\r\nFoo: a\0b\r\n" AFTER),
        STR("GET / HTTP/1.1\r\nFoo: a\x01"
            "b\r\n" AFTER),
        STR("GET / HTTP/1.1\r\nFoo: a\x7f"
            "b\r\n" AFTER),
        STR("GET / HTTP/1.1\r\nFoo: a\x1b[31m\r\n" AFTER),
        STR("GET / HTTP/1.1\r\nFoo: 0123456789abcdef0123456789abcdef\0\r\n" AFTER),
        /* request lines */
        STR("GET  / HTTP/1.1\r\n" AFTER),
        STR("GET /  HTTP/1.1\r\n" AFTER),
        STR(" GET / HTTP/1.1\r\n" AFTER),
        STR("GET\t/ HTTP/1.1\r\n" AFTER),
        STR("GET /\tHTTP/1.1\r\n" AFTER),
        STR("GET / HTTP/1.1 \r\n" AFTER),
        STR("GET /a b HTTP/1.1\r\n" AFTER),
        STR("GET / \r\n" AFTER),
        STR("GET /\r\n" AFTER),
        STR("GET /\r\n\r\n"),
        STR("GET\r\n\r\n"),
        STR("GET \r\n\r\n"),
        STR("/ HTTP/1.1\r\n" AFTER),
        STR("HTTP/1.1 200 OK\r\n\r\n"),
        STR("G\xc3\x89T / HTTP/1.1\r\n" AFTER),
        STR("GET( / HTTP/1.1\r\n" AFTER),
        STR("G\0T / HTTP/1.1\r\n" AFTER),
        STR("\"GET\" / HTTP/1.1\r\n" AFTER),
        STR("GET: / HTTP/1.1\r\n" AFTER),
        STR("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), /* TLS on a plain port */
        STR("\0\0\0\0"),
        STR("{\"model\":\"x\"}"),
    };
    expect_all_bad(bad, ARRAY_LEN(bad), 400);
}

static void test_d17_versions(void **state)
{
    (void)state;
    static const str malformed[] = {
        STR("GET / HTTP/1\r\n" AFTER),      STR("GET / HTTP/11\r\n" AFTER),
        STR("GET / HTTP/1.\r\n" AFTER),     STR("GET / HTTP/.1\r\n" AFTER),
        STR("GET / HTTP/1.10\r\n" AFTER),   STR("GET / HTTP/01.1\r\n" AFTER),
        STR("GET / HTTP/1,1\r\n" AFTER),    STR("GET / HTTP/1.1x\r\n" AFTER),
        STR("GET / HTTP /1.1\r\n" AFTER),   STR("GET / HTTP/ 1.1\r\n" AFTER),
        STR("GET / http/1.1\r\n" AFTER),    STR("GET / Http/1.1\r\n" AFTER),
        STR("GET / HTTPS/1.1\r\n" AFTER),   STR("GET / HTTP/-1.1\r\n" AFTER),
        STR("GET / HTTP/1.\xb2\r\n" AFTER), STR("GET / ICE/1.0\r\n" AFTER),
        STR("GET / HTTP/\r\n" AFTER),       STR("GET / H\r\n\r\n"),
    };
    expect_all_bad(malformed, ARRAY_LEN(malformed), 400);
    static const str other[] = {
        STR("GET / HTTP/0.9\r\n" AFTER), STR("GET / HTTP/1.2\r\n" AFTER),
        STR("GET / HTTP/1.9\r\n" AFTER), STR("GET / HTTP/2.0\r\n" AFTER),
        STR("GET / HTTP/3.0\r\n" AFTER), STR("GET / HTTP/9.9\r\n" AFTER),
    };
    expect_all_bad(other, ARRAY_LEN(other), 505);
    expect_bad(STR("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\n" AFTER), 501);
}

static void test_d17_host(void **state)
{
    (void)state;
    static const str bad[] = {
        STR("GET / HTTP/1.1\r\n\r\n"),
        STR("GET / HTTP/1.1\r\nFoo: b\r\n\r\n"),
        STR("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        STR("GET / HTTP/1.1\r\nHost: a\r\nFoo: b\r\nhOST: b\r\n\r\n"),
        STR("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"),
        STR("GET http://a/ HTTP/1.1\r\n\r\n"),
        STR("OPTIONS * HTTP/1.1\r\n\r\n"),
        STR("CONNECT a:443 HTTP/1.1\r\n\r\n"),
    };
    expect_all_bad(bad, ARRAY_LEN(bad), 400);
    static const char *const values[] = {
        "",         "a b",    "a,b",    "a/b",     "a?b",        "a#b",      "u@a",  "u:p@a",
        "http://a", "a:",     "a:0",    "a:65536", "a:1:2",      "a:+1",     "a:8a", ":80",
        ".",        ".a",     "a..b",   "a%00",    "a%2eb",      "[::1",     "::1",  "[]",
        "[:::g]",   "[::1]x", "[::1]:", "[a]",     "a\\b",       "\xc3\xa4", "a;b",  "*",
        "a$b",      "(a)",    "a\tb",   "[v1.a]",  "[::1%eth0]",
    };
    struct buf b = BUF_INIT(4096);
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        buf_clear(&b);
        buf_addf(&b, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", values[i]);
        expect_bad(buf_str(&b), 400);
    }
    static const char *const good[] = {
        "a",
        "a.",
        "A-b_c.9",
        "127.0.0.1",
        "127.0.0.1:3456",
        "localhost:1",
        "[::1]",
        "[2001:db8::1]:65535",
        "[::ffff:1.2.3.4]",
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct h1_head h;
        buf_clear(&b);
        buf_addf(&b, "GET / HTTP/1.1\r\nHost:%s \r\n\r\n", good[i]);
        parse_ok(buf_str(&b), &h);
        assert_str(h.host, good[i]);
    }
    buf_fini(&b);
}

static void test_d20_expect(void **state)
{
    (void)state;
    struct h1_head h;
    parse_ok(STR("POST / HTTP/1.1\r\nExpect: 100-Continue\r\n" AFTER), &h);
    assert_true(h.expect_continue);
    parse_ok(STR("POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n"), &h);
    assert_false(h.expect_continue);
    static const str bad[] = {
        STR("POST / HTTP/1.1\r\nExpect: 200-ok\r\n" AFTER),
        STR("POST / HTTP/1.1\r\nExpect:\r\n" AFTER),
        STR("POST / HTTP/1.1\r\nExpect: 100-continue, x\r\n" AFTER),
        STR("POST / HTTP/1.1\r\nExpect: 100-continue\r\nExpect: 100-continue\r\n" AFTER),
    };
    expect_all_bad(bad, ARRAY_LEN(bad), 417);
}

/* D21: what the server must be able to recognise and refuse, or to ignore. */
static void test_d21_tunnels(void **state)
{
    (void)state;
    struct h1_head h;
    parse_ok(
        STR("GET / HTTP/1.1\r\nUpgrade: foo\r\nConnection: upgrade\r\nContent-Length: 9\r\n" AFTER),
        &h);
    assert_true(h.upgrade && h.keep_alive);
    assert_int_equal(h.body, H1_BODY_LENGTH);
    parse_ok(STR("CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test:443\r\n\r\n"), &h);
    assert_int_equal(h.method, H1_CONNECT);
    assert_int_equal(h.path.n, 0);
    assert_non_null(h.path.p);
    parse_ok(STR("CONNECT /v1/messages HTTP/1.1\r\n" AFTER), &h);
    assert_int_equal(h.path.n, 0);
    parse_ok(STR("TRACE /v1/messages HTTP/1.1\r\n" AFTER), &h);
    assert_int_equal(h.method, H1_TRACE);
    expect_bad(STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 400);
}

static void test_d23_targets(void **state)
{
    (void)state;
    static const str bad[] = {
        STR("GET /a#b HTTP/1.1\r\n" AFTER),
        STR("GET /?x#y HTTP/1.1\r\n" AFTER),
        STR("GET http://a/#f HTTP/1.1\r\n" AFTER),
        STR("GET http://b/ HTTP/1.1\r\n" AFTER),
        STR("GET http://a:80/ HTTP/1.1\r\n" AFTER),
        STR("GET http://u@a/ HTTP/1.1\r\nHost: u@a\r\n\r\n"),
        STR("GET http://u:p@a/ HTTP/1.1\r\n" AFTER),
        STR("GET http:/// HTTP/1.1\r\nHost: a\r\n\r\n"),
        STR("GET http:///x HTTP/1.1\r\nHost:\r\n\r\n"),
        STR("GET http://a\\/x HTTP/1.1\r\n" AFTER),
        STR("GET http:/a HTTP/1.1\r\n" AFTER),
        STR("GET http:a HTTP/1.1\r\n" AFTER),
        STR("GET ftp://a/ HTTP/1.1\r\n" AFTER),
        STR("GET file:///etc/passwd HTTP/1.1\r\n" AFTER),
        STR("GET a HTTP/1.1\r\n" AFTER),
        STR("GET a:80 HTTP/1.1\r\n" AFTER),
        STR("GET ?x HTTP/1.1\r\n" AFTER),
        STR("GET * HTTP/1.1\r\n" AFTER),
        STR("OPTIONS ** HTTP/1.1\r\n" AFTER),
        STR("GET \\ HTTP/1.1\r\n" AFTER),
        STR("GET /\xc0\xaf HTTP/1.1\r\n" AFTER),
        STR("GET /\xc3\xa4 HTTP/1.1\r\n" AFTER),
        STR("GET /a\0b HTTP/1.1\r\n" AFTER),
        STR("GET /a\x7f HTTP/1.1\r\n" AFTER),
        STR("GET /a\x01 HTTP/1.1\r\n" AFTER),
        STR("GET /0123456789abcdef0123456789\xff HTTP/1.1\r\n" AFTER),
    };
    expect_all_bad(bad, ARRAY_LEN(bad), 400);
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
        cmocka_unit_test(test_typical),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_connection),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_d12_target_too_long),
        cmocka_unit_test(test_d12_head_too_large),
        cmocka_unit_test(test_d12_too_many_fields),
        cmocka_unit_test(test_d12_trickle_is_linear),
        cmocka_unit_test(test_d15_pipelined),
        cmocka_unit_test(test_d17_lines),
        cmocka_unit_test(test_d17_versions),
        cmocka_unit_test(test_d17_host),
        cmocka_unit_test(test_d20_expect),
        cmocka_unit_test(test_d21_tunnels),
        cmocka_unit_test(test_d23_targets),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
