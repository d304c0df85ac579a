/* SPDX-License-Identifier: Apache-2.0 */
/* URLs of the configuration, and paths as in D23, F4 and A4. */
#include "guard.h"

#include "base/check.h"
#include "base/mem.h"
#include "http/url.h"

static struct guard page;

static void test_parse(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool tls, ipv6;
        unsigned port;
        const char *authority, *host, *path, *query;
    } rows[] = {
        {"https://api.openai.com/v1", 1, 0, 443, "api.openai.com", "api.openai.com", "/v1", NULL},
        {"http://localhost:11434", 0, 0, 11434, "localhost:11434", "localhost", "", NULL},
        {"HTTPS://A", 1, 0, 443, "A", "A", "", NULL},
        {"http://a/", 0, 0, 80, "a", "a", "/", NULL},
        {"http://a?x=1", 0, 0, 80, "a", "a", "", "x=1"},
        {"http://a/b?", 0, 0, 80, "a", "a", "/b", ""},
        {"http://[::1]:8080/v1/", 0, 1, 8080, "[::1]:8080", "::1", "/v1/", NULL},
        {"https://[2001:db8::a]", 1, 1, 443, "[2001:db8::a]", "2001:db8::a", "", NULL},
        {"http://10.0.0.1:65535/x", 0, 0, 65535, "10.0.0.1:65535", "10.0.0.1", "/x", NULL},
        {"http://my_host.internal./x", 0, 0, 80, "my_host.internal.", "my_host.internal.", "/x",
         NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct url u;
        const char *why = NULL;
        enum rc rc = url_parse(guard_put(page, str_c(rows[i].text)), &u, &why);
        if (rc != RC_OK)
            fail_msg("%s: %s", rows[i].text, why);
        assert_int_equal(u.tls, rows[i].tls);
        assert_int_equal(u.is_ipv6, rows[i].ipv6);
        assert_int_equal(u.port, rows[i].port);
        assert_str(u.authority, rows[i].authority);
        assert_str(u.host, rows[i].host);
        assert_str(u.path, rows[i].path);
        if (rows[i].query)
            assert_str(u.query, rows[i].query);
        else
            assert_null(u.query.p);
    }
}

static void test_parse_bad(void **state)
{
    (void)state;
    static const str bad[] = {
        STR(""),
        STR("a"),
        STR("api.openai.com/v1"),
        STR("//a"),
        STR("ftp://a"),
        STR("ws://a"),
        STR("http:a"),
        STR("http:/a"),
        STR("http://"),
        STR("http:///x"),
        STR("https://:443"),
        STR("http://a:"),
        STR("http://a:0"),
        STR("http://a:65536"),
        STR("http://a:99999999999"),
        STR("http://a:-1"),
        STR("http://a:http"),
        STR("http://a:80:80"),
        STR("http://user@a"),
        STR("http://user:pass@a/"),
        STR("http://a@b@c/"),
        STR("http://a/#f"),
        STR("http://a#f"),
        STR("http://a b"),
        STR(" http://a"),
        STR("http://a "),
        STR("http://a\n"),
        STR("http://a/\0"),
        STR("http://a/\x7f"),
        STR("http://\xc3\xa4.de"),
        STR("http://a/\xc3\xa4"),
        STR("http://a\\b"),
        STR("http://a/\\b"),
        STR("http://[::1"),
        STR("http://[]"),
        STR("http://[1]"),
        STR("http://[::g]"),
        STR("http://[::1]x"),
        STR("http://[::1]:"),
        STR("http://[::1%25eth0]"),
        STR("http://[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]"),
        STR("http://.a"),
        STR("http://a..b"),
        STR("http://."),
        STR("http://a%2eb"),
        STR("http://a,b"),
        STR("http://a*b"),
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct url u;
        const char *why = NULL;
        if (url_parse(guard_put(page, bad[i]), &u, &why) != RC_SYNTAX)
            fail_msg("accepted: " STR_FMT, STR_ARG(bad[i]));
        assert_non_null(why);
    }
    char name[300];
    memset(name, 'a', sizeof(name));
    assert_true(url_authority_is_valid(str_of(name, 253)));
    assert_false(url_authority_is_valid(str_of(name, 255)));
}

static void test_d23_path(void **state)
{
    (void)state;
    static const str good[] = {
        STR("/"),
        STR("/v1/messages"),
        STR("/v1/messages/"),
        STR("/v1beta/models/gemini-2.5-pro:streamGenerateContent"),
        STR("/v1/models/llama3.1:8b"),
        STR("/a.b"),
        STR("/..."),
        STR("/.a"),
        STR("/a."),
        STR("/..a/b.."),
        STR("/a;x=1"),
        STR("/a%20b"),
        STR("/a%3Ab%3ac%40"),
        STR("/%E5%BF%AB"),            /* three bytes */
        STR("/%c3%a4%F0%9F%98%80/x"), /* two, then four */
        STR("/a!$&'()*+,=~_-|^`{}<>\""),
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (!url_path_is_canonical(guard_put(page, good[i])))
            fail_msg("refused: " STR_FMT, STR_ARG(good[i]));
    static const str bad[] = {
        STR(""),
        STR("v1"),
        STR("*"),
        STR("//"),
        STR("//v1"),
        STR("/v1//"),
        STR("/v1//x"),
        STR("/v1/x//"),
        STR("/."),
        STR("/.."),
        STR("/./"),
        STR("/../"),
        STR("/v1/./x"),
        STR("/v1/../x"),
        STR("/v1/."),
        STR("/v1/.."),
        STR("/v1/%2e"),
        STR("/v1/%2E%2e/x"),
        STR("/v1/.%2e"),
        STR("/%2e./x"),
        STR("/a%2eb"),
        STR("/v1%2fx"),
        STR("/v1%2Fx"),
        STR("/%2f"),
        STR("/%5c"),
        STR("/%5Cx"),
        STR("/a\\b"),
        STR("\\a"),
        STR("/..\\x"),
        STR("/%00"),
        STR("/a%00b"),
        STR("/%0a"),
        STR("/%0d%0a"),
        STR("/%1f"),
        STR("/%7f"),
        STR("/%7F"),
        STR("/%25"),
        STR("/%252e"),
        STR("/%252f"),
        STR("/%"),
        STR("/%4"),
        STR("/%g1"),
        STR("/%1g"),
        STR("/%%41"),
        STR("/%u0041"),
        STR("/a\0"),
        STR("/a\x01"),
        STR("/a\t"),
        STR("/a b"),
        STR("/a\x7f"),
        STR("/\xc3\xa4"),
        STR("/\xff"),
        STR("/a?x"),
        STR("/a#x"),
        /* overlong and otherwise broken UTF-8 in escapes */
        STR("/%c0%af"),
        STR("/%C0%AE%C0%AE/x"),
        STR("/%e0%80%af"),
        STR("/%f0%80%80%af"),
        STR("/%c3"),
        STR("/%c3x"),
        STR("/%c3%41"),
        STR("/%ed%a0%80"),
        STR("/%ff"),
        STR("/%80"),
        STR("/%f5%80%80%80"),
        STR("/%e5%bf"),
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (url_path_is_canonical(guard_put(page, bad[i])))
            fail_msg("accepted: " STR_FMT, STR_ARG(bad[i]));
}

static void test_decode(void **state)
{
    (void)state;
    static const struct {
        str in;
        enum rc rc;
        const char *out;
    } rows[] = {
        {STR(""), RC_OK, ""},
        {STR("abc"), RC_OK, "abc"},
        {STR("a%20b+c%3A"), RC_OK, "a b+c:"},
        {STR("%e5%BF%ab"), RC_OK, "\xe5\xbf\xab"},
        {STR("meta%2Fllama"), RC_OK, "meta/llama"},
        {STR("%"), RC_SYNTAX, NULL},
        {STR("a%4"), RC_SYNTAX, NULL},
        {STR("%zz"), RC_SYNTAX, NULL},
        {STR("abc%2"), RC_SYNTAX, NULL},
    };
    struct buf b = BUF_INIT(100);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_clear(&b);
        assert_int_equal(url_decode(guard_put(page, rows[i].in), &b), rows[i].rc);
        if (rows[i].out)
            assert_str(buf_str(&b), rows[i].out);
    }
    buf_fini(&b);
    mem_fail_after(1);
    assert_int_equal(url_decode(STR("abc"), &b), RC_NOMEM);
    mem_fail_after(0);
    buf_fini(&b);
}

static void test_encode_decode(void **state)
{
    (void)state;
    struct buf a = BUF_INIT(2000), b = BUF_INIT(2000);
    char all[256];
    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    url_encode(str_of(all, sizeof(all)), &a);
    assert_int_equal(url_decode(buf_str(&a), &b), RC_OK);
    assert_true(str_eq(buf_str(&b), str_of(all, sizeof(all))));
    buf_clear(&a);
    url_encode(STR("a/b c~-._Z9\xc3\xa4"), &a);
    assert_str(buf_str(&a), "a%2Fb%20c~-._Z9%C3%A4");
    buf_fini(&a);
    buf_fini(&b);
}

static void test_query(void **state)
{
    (void)state;
    static const struct {
        str query;
        enum rc rc;
        const char *value;
    } rows[] = {
        {STR_NONE, RC_NOTFOUND, NULL},
        {STR(""), RC_NOTFOUND, NULL},
        {STR("key=1"), RC_OK, "1"},
        {STR("alt=sse&key=a%20b&x"), RC_OK, "a%20b"},
        {STR("key"), RC_OK, ""},
        {STR("key="), RC_OK, ""},
        {STR("key==a=b"), RC_OK, "=a=b"},
        {STR("&&key=1&&"), RC_OK, "1"},
        {STR("xkey=1&key2=2&KEY=3&key%3D=4"), RC_NOTFOUND, NULL},
        {STR("key=1&key=1"), RC_DUPLICATE, NULL},
        {STR("key&a=b&key=2"), RC_DUPLICATE, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        str value = STR("untouched");
        str query = rows[i].query.p ? guard_put(page, rows[i].query) : STR_NONE;
        assert_int_equal(url_query(query, STR("key"), &value), rows[i].rc);
        assert_str(value, rows[i].value ? rows[i].value : "untouched");
    }
}

static int setup(void **state)
{
    (void)state;
    page = guard_new(4096);
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
        cmocka_unit_test(test_parse),         cmocka_unit_test(test_parse_bad),
        cmocka_unit_test(test_d23_path),      cmocka_unit_test(test_decode),
        cmocka_unit_test(test_encode_decode), cmocka_unit_test(test_query),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
