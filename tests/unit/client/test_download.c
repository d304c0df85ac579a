/* SPDX-License-Identifier: Apache-2.0 */
/* test_download - one GET where a stranger points to: how far it goes, how many at a time, and that
 * every failure ends it once. What each refusal says is in tests/it/test_images.py. */
#include "fake.h"

#include "client/download.h"

struct get {
    struct download d; /* first */
    struct buf body;
    unsigned ends;
    const char *why;
    const char *refuse_type, *refuse_bytes;
};

static const char *get_type(struct download *d, str type)
{
    struct get *g = (struct get *)d;
    assert_str(type, "image/png");
    return g->refuse_type;
}

static const char *get_bytes(struct download *d, str bytes)
{
    struct get *g = (struct get *)d;
    buf_add(&g->body, bytes);
    return g->refuse_bytes;
}

static void get_end(struct download *d, const char *why)
{
    struct get *g = (struct get *)d;
    assert_int_equal(g->ends, 0);
    g->ends++;
    g->why = why;
}

static const struct download_ops get_ops = {
    .on_type = get_type, .on_bytes = get_bytes, .on_end = get_end};

struct stage {
    struct loop *l;
    struct downloads *all;
    struct fake f;
    struct conf_fetch_host hosts[2];
    struct conf_fetch from;
    char url[64];
};

#define PICTURE \
    "HTTP/1.1 200 OK\r\ncontent-type: image/png; x=y\r\ncontent-length: 7\r\n\r\npicture"

static void stage_init(struct stage *s)
{
    *s = (struct stage){.l = need_loop()};
    fake_open(&s->f, s->l, NULL);
    s->f.reply = PICTURE;
    assert_int_equal(downloads_new(s->l, &s->all), RC_OK);
    s->hosts[0] = (struct conf_fetch_host){STR("127.0.0.1"), false, true, s->f.port};
    s->hosts[1] = (struct conf_fetch_host){STR(""), true, true, s->f.port};
    s->from = (struct conf_fetch){
        .hosts = s->hosts, .n = 2, .besides = STR("127.0.0.1"), .one = 100, .all = 100};
    snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%u/a b.png#part", s->f.port);
}

static void stage_fini(struct stage *s)
{
    assert_int_equal(downloads_running(s->all), 0);
    downloads_free(s->all);
    fake_close(&s->f);
    loop_free(s->l);
}

static void get_start(struct stage *s, struct get *g, const char *url)
{
    *g = (struct get){.body = BUF_INIT(1 << 20)};
    g->d = (struct download){
        .ops = &get_ops, .from = &s->from, .accept = "x/y", .deadline = loop_now(s->l) + 5000};
    download_start(s->all, &g->d, str_c(url));
    assert_int_equal(g->ends, 0); /* never inside */
}

static void test_whole(void **state)
{
    (void)state;
    struct stage s;
    struct get g;
    stage_init(&s);
    get_start(&s, &g, s.url);
    RUN_UNTIL(s.l, g.ends, 2000);
    assert_null(g.why);
    assert_str(buf_str(&g.body), "picture");
    assert_string_equal(s.f.conns[0].target, "/a%20b.png");
    buf_fini(&g.body);
    stage_fini(&s);
}

static void test_the_owner_says_no(void **state)
{
    (void)state;
    struct stage s;
    struct get g;
    stage_init(&s);
    for (unsigned i = 0; i < 2; i++) {
        get_start(&s, &g, s.url);
        *(i ? &g.refuse_bytes : &g.refuse_type) = "no";
        RUN_UNTIL(s.l, g.ends, 2000);
        assert_string_equal(g.why, "no");
        buf_fini(&g.body);
    }
    stage_fini(&s);
}

static size_t inside(void *arg, const char *host, union dns_addr addrs[DNS_ADDRS_MAX])
{
    (void)arg;
    assert_true(dns_literal(STR("93.184.216.34"), &addrs[0]));
    assert_true(dns_literal(STR("127.0.0.1"), &addrs[1]));
    return strcmp(host, "rebind.example") == 0 ? 2 : 0;
}

/* F2: a star lets in no address of ours, not even one that is listed; nor does a redirect. */
static void test_F2_names_that_lead_inside(void **state)
{
    (void)state;
    struct stage s;
    struct get g;
    char url[64], moved[128];
    stage_init(&s);
    dns_set_resolver(downloads_dns(s.all), inside, NULL);
    snprintf(url, sizeof(url), "http://rebind.example:%u/", s.f.port);
    get_start(&s, &g, url);
    RUN_UNTIL(s.l, g.ends, 2000);
    assert_string_equal(g.why, "its host may not be reached from here");
    assert_int_equal(s.f.nconns, 0);
    snprintf(moved, sizeof(moved),
             "HTTP/1.1 302 Found\r\nlocation: http://rebind.example.:%u/x\r\ncontent-length: "
             "0\r\n\r\n",
             s.f.port);
    s.f.reply = moved;
    get_start(&s, &g, s.url);
    RUN_UNTIL(s.l, g.ends, 2000);
    assert_string_equal(g.why, "its host may not be reached from here");
    assert_int_equal(s.f.nconns, 1);
    stage_fini(&s);
}

/* More than may run wait in order; one that ends, or is no longer wanted, lets the next one in. */
static void test_so_many_at_a_time(void **state)
{
    (void)state;
    enum { MORE = 6 };
    static struct get gets[DOWNLOADS_MAX + MORE];
    struct stage s;
    stage_init(&s);
    s.f.reply = NULL;
    for (unsigned i = 0; i < ARRAY_LEN(gets); i++)
        get_start(&s, &gets[i], s.url);
    RUN_UNTIL(s.l, s.f.requests == DOWNLOADS_MAX, 2000);
    run_for(s.l, 5);
    assert_int_equal(downloads_running(s.all), DOWNLOADS_MAX);
    assert_int_equal(s.f.nconns, DOWNLOADS_MAX);
    download_cancel(&gets[DOWNLOADS_MAX].d); /* one that waits */
    download_cancel(&gets[DOWNLOADS_MAX].d);
    download_cancel(&gets[0].d); /* one that runs */
    RUN_UNTIL(s.l, s.f.requests == DOWNLOADS_MAX + 1, 2000);
    fake_say(&s.f.conns[1], PICTURE);
    RUN_UNTIL(s.l, s.f.requests == DOWNLOADS_MAX + 2, 2000);
    for (unsigned i = 0; i < ARRAY_LEN(gets); i++) {
        download_cancel(&gets[i].d);
        buf_fini(&gets[i].body);
    }
    stage_fini(&s);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct stage s;
    unsigned served = 0;
    stage_init(&s);
    for (size_t n = 1; n < 40 && served < 3; n++) {
        struct get g;
        mem_fail_after(n);
        get_start(&s, &g, s.url);
        for (unsigned turn = 0; turn < 2000 && !g.ends; turn++)
            loop_turn(s.l, false);
        mem_fail_after(0);
        RUN_UNTIL(s.l, g.ends, 6000);
        served += !g.why && str_eq(buf_str(&g.body), STR("picture"));
        buf_fini(&g.body);
    }
    assert_true(served > 0);
    stage_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_the_owner_says_no),
        cmocka_unit_test(test_F2_names_that_lead_inside),
        cmocka_unit_test(test_so_many_at_a_time),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
