/* SPDX-License-Identifier: Apache-2.0 */
/* URLs, listen addresses, NO_PROXY lists; environment look-ups; edit distance. */
#include "../unit.h"
#include "conf/env.h"
#include "conf/nearest.h"
#include "conf/url.h"

static void urls(void **state)
{
    (void)state;
    struct arena a;
    struct conf_url u;
    arena_init(&a, 1 << 20);
    assert_null(conf_url_parse(&a, STR("https://Example.COM/v1/x?y=1&z"), &u));
    assert_str(u.origin.host, "example.com");
    assert_str(u.origin.authority, "example.com");
    assert_str(u.origin.text, "https://example.com:443");
    assert_str(u.path, "/v1/x");
    assert_str(u.query, "y=1&z");
    assert_null(conf_url_parse(&a, STR("HTTP://[FE80::1]:8080"), &u));
    assert_false(u.origin.https);
    assert_str(u.origin.host, "fe80::1");
    assert_str(u.origin.authority, "[fe80::1]:8080");
    assert_str(u.path, "");
    assert_null(u.query.p);
    assert_null(conf_url_parse(&a, STR("https://us:pw@a"), &u));
    assert_str(u.user, "us:pw");
    static const char *const bad[] = {
        "",
        "https:/x",
        "https://",
        "https://a b",
        "https://a/\x7f",
        "https://a:",
        "https://a:0",
        "https://a:65536",
        "https://[::1",
        "https://[1]/",
        "https://[::1]x",
        "https://a..b",
        "https://.a",
        "https://1.2.3",
        "https://256.1.1.1",
        "https://a/ b",
        "https://a/#f",
        "https://a/\xC3\xA9",
        "https://\xC3\xA9/",
        "//a",
        "https://a%2eb/",
        "https://a\\b",
        "https://0x7f.1/",
        "https://0x7f000001/",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (!conf_url_parse(&a, str_c(bad[i]), &u))
            fail_msg("accepted: %s", bad[i]);
    char longest[400];
    memset(longest, 'a', sizeof(longest));
    memcpy(longest, "https://", 8);
    assert_non_null(conf_url_parse(&a, str_of(longest, sizeof(longest)), &u));
    arena_fini(&a);
}

static void proxies(void **state)
{
    (void)state;
    struct arena a;
    struct conf_proxy p = {0};
    arena_init(&a, 1 << 20);
    assert_null(conf_url_proxy(&a, STR("http://us%3Aer:p%40ss@Proxy:8080/"), &p));
    assert_str(p.host, "proxy");
    assert_int_equal(p.port, 8080);
    assert_str(p.text, "http://proxy:8080");
    assert_str(secret_reveal(&p.authorization), "Basic dXM6ZXI6cEBzcw==");
    static const char *const bad[] = {"http://u:%4@p", "https://p", "http://p/x", "http://p?x",
                                      "socks5://p",    "http://u@", "http://",    "p"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (!conf_url_proxy(&a, str_c(bad[i]), &p))
            fail_msg("accepted: %s", bad[i]);
    arena_fini(&a);
}

static void loopback(void **state)
{
    (void)state;
    static const char *const yes[] = {"127.0.0.1", "127.1.2.3", "::1", "localhost", "a.localhost"};
    static const char *const no[] = {
        "0.0.0.0",    "::", "128.0.0.1", "127.x", "127.0.0.1.example.com", "localhost.example.com",
        ".localhost", "::2"};
    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        assert_true(conf_host_is_loopback(str_c(yes[i])));
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        assert_false(conf_host_is_loopback(str_c(no[i])));
}

static void no_proxy(void **state)
{
    (void)state;
    static const struct {
        const char *list, *host;
        uint16_t port;
        bool want;
    } rows[] = {
        {"", "a", 1, false},
        {"*", "a", 1, true},
        {"a", "a", 1, true},
        {"b,a", "A", 1, true},
        {"x.org", "x.org", 1, true},
        {"x.org", "a.x.org", 1, true},
        {".x.org", "a.x.org", 1, true},
        {".x.org", "x.org", 1, true},
        {"x.org", "ax.org", 1, false},
        {"*.x.org", "a.x.org", 1, true},
        {"a:2", "a", 2, true},
        {"a:2", "a", 1, false},
        {" a , b ", "b", 1, true},
        {"::1", "::1", 1, true},
        {",,", "a", 1, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (conf_no_proxy(str_c(rows[i].list), str_c(rows[i].host), rows[i].port) != rows[i].want)
            fail_msg("'%s' and %s:%u", rows[i].list, rows[i].host, rows[i].port);
}

static void environment(void **state)
{
    (void)state;
    const char *const env[] = {"A=1", "AB=2", "E=", "X=y=z", "JUNK", NULL};
    assert_str(conf_getenv(env, STR("A")), "1");
    assert_str(conf_getenv(env, STR("AB")), "2");
    assert_str(conf_getenv(env, STR("X")), "y=z");
    assert_non_null(conf_getenv(env, STR("E")).p);
    assert_null(conf_getenv_set(env, STR("E")).p);
    assert_null(conf_getenv(env, STR("JUNK")).p);
    assert_null(conf_getenv(env, STR("B")).p);
    assert_null(conf_getenv(NULL, STR("A")).p);
}

static const char *near_to(const char *wanted, const char *offered)
{
    struct nearest n;
    nearest_init(&n, str_c(wanted));
    nearest_offer(&n, str_c(offered));
    return n.best.p;
}

static void edit_distance(void **state)
{
    (void)state;
    assert_non_null(near_to("smrat", "smart"));   /* a swap is one */
    assert_non_null(near_to("APIKEY", "apiKey")); /* case is free */
    assert_non_null(near_to("routng", "routing"));
    assert_non_null(near_to("us", "use"));
    assert_null(near_to("abc", "xyz"));
    assert_null(near_to("listen", "limits"));
    assert_null(near_to("x", ""));
    struct nearest n;
    nearest_init(&n, STR("model"));
    nearest_offer(&n, STR("modes"));
    nearest_offer(&n, STR("models"));
    nearest_offer(&n, STR("model"));
    assert_str(n.best, "model");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls),     cmocka_unit_test(proxies),     cmocka_unit_test(loopback),
        cmocka_unit_test(no_proxy), cmocka_unit_test(environment), cmocka_unit_test(edit_distance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
