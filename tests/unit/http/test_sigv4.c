/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signature Version 4 against what AWS has published: the suite of its SDKs (credentials, date and
 * service are the suite's) and the example of the IAM User Guide, canonical text included.
 */
#include "../unit.h"

#include <stdio.h>

#include "base/check.h"
#include "http/sigv4.h"

#define STAMP "20150830T123600Z"

static const struct sigv4_credential suite = {
    .access_key_id = {"AKIDEXAMPLE", 11},
    .secret = {"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", 40},
    .region = {"us-east-1", 9},
    .service = {"service", 7},
};

#define HOST                                      \
    {                                             \
        STR("host"), STR("example.amazonaws.com") \
    }
#define DATE                          \
    {                                 \
        STR("x-amz-date"), STR(STAMP) \
    }

static const struct vector {
    const char *name, *method, *path, *query, *body;
    struct sigv4_header headers[4];
    size_t n;
    const char *signature;
} vectors[] = {
    {"get-vanilla",
     "GET",
     "/",
     "",
     "",
     {HOST, DATE},
     2,
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"get-vanilla-query-order-key-case",
     "GET",
     "/",
     "Param2=value2&Param1=value1",
     "",
     {HOST, DATE},
     2,
     "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
    {"get-vanilla-query-unreserved",
     "GET",
     "/",
     "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz="
     "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
     "",
     {HOST, DATE},
     2,
     "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
    {"get-utf8",
     "GET",
     "/\xe1\x88\xb4",
     "",
     "",
     {HOST, DATE},
     2,
     "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
    {"get-header-value-trim",
     "GET",
     "/",
     "",
     "",
     {HOST, {STR("my-header1"), STR(" value1")}, {STR("my-header2"), STR(" \"a   b   c\"")}, DATE},
     4,
     "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
    {"post-vanilla",
     "POST",
     "/",
     "",
     "",
     {HOST, DATE},
     2,
     "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
    {"post-vanilla-query",
     "POST",
     "/",
     "Param1=value1",
     "",
     {HOST, DATE},
     2,
     "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"},
    {"post-x-www-form-urlencoded",
     "POST",
     "/",
     "",
     "Param1=value1",
     {{STR("content-type"), STR("application/x-www-form-urlencoded")}, HOST, DATE},
     3,
     "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
};

static struct sigv4_request request_of(const struct vector *v)
{
    struct sigv4_request r = {.method = str_c(v->method),
                              .path = str_c(v->path),
                              .query = str_c(v->query),
                              .headers = v->headers,
                              .nheaders = v->n};
    digest_sha256(str_c(v->body), r.body);
    return r;
}

static void test_published_suite(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        struct sigv4_request r = request_of(&vectors[i]);
        struct buf b = BUF_INIT(4096);
        assert_int_equal(sigv4_sign(&r, &suite, STAMP, &b), RC_OK);
        if (!str_has_suffix(buf_str(&b), str_c(vectors[i].signature)))
            fail_msg("%s: " STR_FMT, vectors[i].name, STR_ARG(buf_str(&b)));
        assert_true(str_has_prefix(
            buf_str(&b), STR("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/"
                             "aws4_request, SignedHeaders=")));
        buf_fini(&b);
    }
}

static void test_example_of_the_guide(void **state)
{
    struct sigv4_header headers[] = {
        {STR("content-type"), STR("application/x-www-form-urlencoded; charset=utf-8")},
        {STR("host"), STR("iam.amazonaws.com")},
        DATE,
    };
    struct sigv4_request r = {.method = STR("GET"),
                              .path = STR("/"),
                              .query = STR("Version=2010-05-08&Action=ListUsers"),
                              .headers = headers,
                              .nheaders = 3};
    struct sigv4_credential c = suite;
    struct buf b = BUF_INIT(4096);
    (void)state;
    c.service = STR("iam");
    digest_sha256(STR(""), r.body);
    assert_int_equal(sigv4_canonical(&r, &b), RC_OK);
    assert_str(buf_str(&b), "GET\n/\nAction=ListUsers&Version=2010-05-08\n"
                            "content-type:application/x-www-form-urlencoded; charset=utf-8\n"
                            "host:iam.amazonaws.com\nx-amz-date:20150830T123600Z\n\n"
                            "content-type;host;x-amz-date\n"
                            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    buf_clear(&b);
    assert_int_equal(sigv4_sign(&r, &c, STAMP, &b), RC_OK);
    assert_str(buf_str(&b),
               "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
               "SignedHeaders=content-type;host;x-amz-date, "
               "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
    buf_fini(&b);
}

static str canonical(struct buf *b, const char *path, const char *query)
{
    struct sigv4_header headers[] = {{STR("host"), STR("h")}};
    struct sigv4_request r = {.method = STR("POST"),
                              .path = str_c(path),
                              .query = str_c(query),
                              .headers = headers,
                              .nheaders = 1};
    buf_clear(b);
    assert_int_equal(sigv4_canonical(&r, b), RC_OK);
    return str_head(buf_str(b), str_find(buf_str(b), STR("host:")));
}

/* What is encoded on the wire is encoded again, but for slashes; a query is as it is sent. */
static void test_paths_and_queries(void **state)
{
    struct buf b = BUF_INIT(4096);
    (void)state;
    assert_str(canonical(&b, "/model/a.b-v1%3A0/converse", ""),
               "POST\n/model/a.b-v1%253A0/converse\n\n");
    assert_str(canonical(&b, "", ""), "POST\n/\n\n");
    assert_str(canonical(&b, "/a b", "b=2&a=&&c&a=%20x"), "POST\n/a%20b\na=&a=%20x&b=2&c=\n");
    buf_fini(&b);
}

static void test_stamps(void **state)
{
    static const struct {
        uint64_t unix_seconds;
        const char *stamp;
    } rows[] = {{0, "19700101T000000Z"},
                {1440938160, STAMP},
                {951782399, "20000228T235959Z"},
                {951782400, "20000229T000000Z"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char to[SIGV4_STAMP + 1] = {0};
        sigv4_stamp(rows[i].unix_seconds, to);
        assert_string_equal(to, rows[i].stamp);
    }
}

static void test_limits(void **state)
{
    struct vector v = vectors[0];
    struct sigv4_header many[SIGV4_HEADERS + 1];
    struct buf b = BUF_INIT(4096), none = BUF_INIT(16);
    char query[4 * SIGV4_PARAMS + 8] = "", secret[300];
    (void)state;
    for (size_t i = 0; i <= SIGV4_HEADERS; i++)
        many[i] = (struct sigv4_header){str_of(&"abcdefghijklmnopqrs"[i], 1), STR("v")};
    struct sigv4_request r = request_of(&v);
    r.headers = many;
    r.nheaders = SIGV4_HEADERS;
    assert_int_equal(sigv4_sign(&r, &suite, STAMP, &b), RC_OK);
    r.nheaders++;
    assert_int_equal(sigv4_sign(&r, &suite, STAMP, &b), RC_LIMIT);
    r.nheaders = 1;
    for (size_t i = 0; i < SIGV4_PARAMS; i++)
        strcat(query, "a=1&");
    r.query = str_c(query);
    assert_int_equal(sigv4_sign(&r, &suite, STAMP, &b), RC_OK);
    memcpy(query + strlen(query), "b", 2);
    r.query = str_c(query);
    assert_int_equal(sigv4_sign(&r, &suite, STAMP, &b), RC_LIMIT);
    r.query = STR_NONE;
    assert_int_equal(sigv4_sign(&r, &suite, STAMP, &none), RC_LIMIT);
    struct sigv4_credential c = suite;
    c.secret = str_of(memset(secret, 'x', sizeof secret), sizeof secret);
    assert_int_equal(sigv4_sign(&r, &c, STAMP, &b), RC_LIMIT);
    buf_fini(&b);
    buf_fini(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_suite),
        cmocka_unit_test(test_example_of_the_guide),
        cmocka_unit_test(test_paths_and_queries),
        cmocka_unit_test(test_stamps),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
