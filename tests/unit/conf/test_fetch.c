/* SPDX-License-Identifier: Apache-2.0 */
/* test_fetch - fetchImages: what an entry means, and whose list counts. */
#include "conf/fetch.h"
#include "conf_check.h"

#define FILE_WITH(list) "fetchImages: " list "\nproviders: [ { name: anthropic, apiKey: k } ]\n"

static const struct conf_fetch *load(struct loaded *l, const char *text)
{
    load_text(l, text, ENV("HOME=/nowhere"));
    if (l->rc != RC_OK)
        fail_msg("%s: %s", text, said(l));
    return l->s->providers[0].fetch;
}

static void test_who_may_be_fetched_from(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        bool https;
        const char *host;
        uint16_t port;
        bool may;
    } cases[] = {
        {"[ images.example.com ]", true, "images.example.com", 443, true},
        {"images.example.com", true, "IMAGES.Example.com", 443, true},
        {"[ images.example.com ]", false, "images.example.com", 80, false},
        {"[ images.example.com ]", true, "images.example.com", 8443, false},
        {"[ images.example.com ]", true, "x.images.example.com", 443, false},
        {"[ images.example.com ]", true, "images.example.com.evil.net", 443, false},
        {"[ \"*.example.com\" ]", true, "a.b.example.com", 443, true},
        {"[ \"*.example.com\" ]", true, "example.com", 443, false},
        {"[ \"*.example.com\" ]", true, "evilexample.com", 443, false},
        {"[ \"*.example.com\" ]", true, ".example.com", 443, false},
        {"[ \"*\" ]", true, "anything.net", 443, true},
        {"[ \"*\" ]", false, "anything.net", 80, false},
        {"[ \"*\" ]", true, "anything.net", 22, false},
        {"[ \"*:8443\" ]", true, "anything.net", 8443, true},
        {"[ \"*:8443\" ]", true, "anything.net", 443, false},
        {"[ \"http://old.net\" ]", false, "old.net", 80, true},
        {"[ \"http://old.net\" ]", true, "old.net", 443, true},
        {"[ \"http://*.old.net\" ]", false, "a.old.net", 80, true},
        {"[ \"https://a.net:8443\" ]", true, "a.net", 8443, true},
        {"[ \"https://a.net:8443\" ]", true, "a.net", 443, false},
        {"[ \"http://127.0.0.1:8080\" ]", false, "127.0.0.1", 8080, true},
        {"[ \"http://127.0.0.1:8080\" ]", false, "127.0.0.1", 80, false},
        {"[ \"[fd00::7]:8443\" ]", true, "fd00::7", 8443, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[256];
        struct loaded l;
        snprintf(text, sizeof(text), FILE_WITH("%s"), cases[i].list);
        const struct conf_fetch *f = load(&l, text);
        bool may = conf_fetch_find(f, cases[i].https, str_c(cases[i].host), cases[i].port) != NULL;
        if (may != cases[i].may)
            fail_msg("%s: %s:%u is %d", cases[i].list, cases[i].host, cases[i].port, may);
        loaded_fini(&l);
    }
}

/* An entry that names a host goes before one that lets it in with others. */
static void test_a_named_host_goes_before_a_star(void **state)
{
    (void)state;
    struct loaded l;
    const struct conf_fetch *f =
        load(&l, FILE_WITH("[ \"*\", images.corp.net, 10.0.0.7, localhost ]"));
    assert_true(conf_fetch_find(f, true, STR("a.net"), 443)->wildcard);
    assert_false(conf_fetch_find(f, true, STR("images.corp.net"), 443)->wildcard);
    assert_str(f->besides, "10.0.0.7 127.0.0.1 ::1");
    assert_int_equal(f->one, 10 << 20);
    assert_int_equal(f->all, 32 << 20);
    loaded_fini(&l);
}

static void test_whose_list_counts(void **state)
{
    (void)state;
    struct loaded l;
    assert_null(load(&l, "providers: [ { name: anthropic, apiKey: k } ]\n"));
    loaded_fini(&l);
    load(&l, "fetchImages: [ a.net ]\n"
             "limits: { image: 1MiB, images: 2MiB }\n"
             "providers:\n"
             "  - { name: anthropic, apiKey: k }\n"
             "  - { name: openai, apiKey: k, fetchImages: [] }\n"
             "  - { name: groq, apiKey: k, fetchImages: [ b.net ] }\n");
    const struct conf_provider *p = l.s->providers;
    assert_non_null(conf_fetch_find(p[0].fetch, true, STR("a.net"), 443));
    assert_int_equal(p[0].fetch->one, 1 << 20);
    assert_int_equal(p[0].fetch->all, 2 << 20);
    assert_null(p[1].fetch);
    assert_null(conf_fetch_find(p[2].fetch, true, STR("a.net"), 443));
    assert_non_null(conf_fetch_find(p[2].fetch, true, STR("b.net"), 443));
    loaded_fini(&l);
}

static void test_slips_are_told(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"[ \"a.net/images\" ]", "an entry is a host, without a path"},
        {"[ \"ftp://a.net\" ]", "by https, or by http where it is written http://HOST"},
        {"[ \"*.10.0.0.7\" ]", "an address has nothing below it"},
        {"[ \"a.*.net\" ]", "this is no host name and no address"},
        {"[ \"127.1\" ]", "this is no host name and no address"},
        {"[ \"\" ]", "fetchImages"},
        {"[ \"user@a.net\" ]", "an entry is a host, without a path"},
        {"[ \"a.net:0\" ]", "the port must be a number from 1 to 65535"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[256];
        struct loaded l;
        snprintf(text, sizeof(text), FILE_WITH("%s"), cases[i][0]);
        load_text(&l, text, ENV("HOME=/nowhere"));
        assert_int_not_equal(l.rc, RC_OK);
        assert_says(&l, cases[i][1]);
        loaded_fini(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_may_be_fetched_from),
        cmocka_unit_test(test_a_named_host_goes_before_a_star),
        cmocka_unit_test(test_whose_list_counts),
        cmocka_unit_test(test_slips_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
