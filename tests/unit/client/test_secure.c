/* SPDX-License-Identifier: Apache-2.0 */
/* test_secure - exchanges under TLS (RELIABILITY U38) and through proxies. */
#include "../io/certs.h"
#include "fake.h"

#include <stdlib.h>

static struct {
    struct certs certs;
    char ca[CERTS_PATH];
    struct tls_ctx *good, *expired;
} all;

static struct tls_ctx *server_of(const char *name)
{
    char cert[CERTS_PATH], key[CERTS_PATH];
    struct tls_ctx *c;
    certs_path(&all.certs, name, "pem", cert);
    certs_path(&all.certs, name, "key", key);
    assert_int_equal(tls_ctx_new_server(str_c(cert), str_c(key), &c, NULL), RC_OK);
    return c;
}

static int set_up(void **state)
{
    (void)state;
    certs_init(&all.certs);
    certs_path(&all.certs, "ca", "pem", all.ca);
    certs_leaf(&all.certs, &(struct leaf){"good", "DNS:api.localhost,IP:127.0.0.1", -1, 10, false});
    certs_leaf(&all.certs, &(struct leaf){"expired", "DNS:api.localhost", -10, -1, false});
    all.good = server_of("good");
    all.expired = server_of("expired");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tls_ctx_unref(all.good);
    tls_ctx_unref(all.expired);
    certs_remove(&all.certs, "good");
    certs_remove(&all.certs, "expired");
    certs_fini(&all.certs);
    return 0;
}

static struct origin_spec secure_spec(const struct scene *s)
{
    return (struct origin_spec){
        .tls = true, .host = STR("api.localhost"), .port = s->f.port, .ca_file = str_c(all.ca)};
}

static void secure_init(struct scene *s, struct tls_ctx *server)
{
    s->l = need_loop();
    fake_open(&s->f, s->l, server);
    assert_int_equal(client_new(s->l, &s->c), RC_OK);
    struct origin_spec spec = secure_spec(s);
    s->o = client_origin(s->c, &spec);
}

static void expect_fail(struct scene *s, enum rc rc, enum exchange_phase phase, const char *what)
{
    struct probe p;
    probe_init(&p, s->o, "ping", 4);
    scene_run(s, &p);
    if (p.fails != 1 || p.fail.rc != rc || p.fail.phase != phase)
        fail_msg("%s in phase %d: %s", rc_name(p.fail.rc), p.fail.phase, p.fail.what);
    if (what)
        assert_string_equal(p.fail.what, what);
    assert_int_equal(origin_busy(s->o) + origin_idle(s->o), 0);
    probe_fini(&p);
}

/* ---- TLS */

static void test_kept(void **state)
{
    (void)state;
    struct scene s;
    secure_init(&s, all.good);
    s.f.reply = OK_HELLO;
    assert_false(scene_hello(&s));
    for (int i = 0; i < 5; i++)
        assert_true(scene_hello(&s));
    assert_int_equal(s.f.nconns, 1);
    scene_fini(&s);
}

/* A new connection of the same origin takes up the session of the last. */
static void test_resumed(void **state)
{
    (void)state;
    struct scene s;
    secure_init(&s, all.good);
    s.f.reply = OK_HELLO;
    (void)scene_hello(&s);
    assert_false(sock_tls_resumed(&s.f.conns[0].end.s));
    client_tick(s.c, loop_now(s.l) + 100000); /* all idle ones go */
    (void)scene_hello(&s);
    assert_int_equal(s.f.nconns, 2);
    assert_true(sock_tls_resumed(&s.f.conns[1].end.s));
    scene_fini(&s);
}

static void test_u38_certificates(void **state)
{
    (void)state;
    struct scene s;
    secure_init(&s, all.expired);
    expect_fail(&s, RC_TLS, EXCHANGE_CONNECT, "certificate has expired");
    scene_fini(&s);

    secure_init(&s, all.good);
    struct origin_spec spec = secure_spec(&s);
    spec.host = STR("other.localhost");
    s.o = client_origin(s.c, &spec);
    expect_fail(&s, RC_TLS, EXCHANGE_CONNECT, "hostname mismatch");
    spec.sni = STR("api.localhost"); /* the name to expect may be another than the one to resolve */
    s.o = client_origin(s.c, &spec);
    s.f.reply = OK_HELLO;
    (void)scene_hello(&s);
    spec = secure_spec(&s);
    spec.ca_file = STR_NONE; /* the system's CAs do not know ours */
    s.o = client_origin(s.c, &spec);
    expect_fail(&s, RC_TLS, EXCHANGE_CONNECT, NULL);
    spec.tls_no_verify = true;
    s.o = client_origin(s.c, &spec);
    (void)scene_hello(&s);
    spec.ca_file = STR("/nonexistent.pem");
    s.o = client_origin(s.c, &spec);
    expect_fail(&s, RC_TLS, EXCHANGE_CONNECT, NULL);
    scene_fini(&s);
}

static void test_u38_not_tls(void **state)
{
    (void)state;
    struct scene s;
    secure_init(&s, NULL); /* speaks no TLS: closes, or is silent */
    s.f.on_request = NULL;
    struct probe p;
    probe_init(&p, s.o, "ping", 4);
    p.x.limits.tls_ms = 60;
    usec t0 = fresh_now(s.l);
    exchange_start(s.c, &p.x);
    RUN_UNTIL(s.l, probe_is_over(&p), 2000);
    assert_int_equal(p.fail.rc, RC_TIMEOUT);
    assert_int_equal(p.fail.phase, EXCHANGE_CONNECT);
    assert_string_equal(p.fail.what, "the TLS handshake took too long");
    assert_true(loop_now_us() - t0 >= 55000);
    exchange_start(s.c, &p.x);
    p.fails = 0;
    RUN_UNTIL(s.l, s.f.nconns == 2 && buf_size(&s.f.conns[1].end.got), 1000);
    sock_close(&s.f.conns[1].end.s);
    RUN_UNTIL(s.l, probe_is_over(&p), 2000);
    assert_true(p.fail.rc == RC_TLS || p.fail.rc == RC_RESET);
    assert_false(p.fail.sent_any);
    probe_fini(&p);
    scene_fini(&s);
}

/* Close without close_notify: in a body delimited by close that is a truncation; in one with a
 * length it is as any other loss; between messages it is nothing. */
static void shut_bare(struct fake_conn *c)
{
    uv_os_fd_t fd;
    fake_say(c, c->fake->reply);
    assert_int_equal(uv_fileno((uv_handle_t *)&c->end.s.tcp, &fd), 0);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
}

static void test_u38_no_close_notify(void **state)
{
    (void)state;
    struct scene s;
    secure_init(&s, all.good);
    s.f.on_request = shut_bare;
    s.f.reply = "HTTP/1.1 200 OK\r\n\r\nhello";
    expect_fail(&s, RC_TLS, EXCHANGE_BODY, "the peer closed without a TLS close_notify");
    s.f.reply = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello";
    expect_fail(&s, RC_RESET, EXCHANGE_BODY, NULL);
    s.f.reply = OK_HELLO;
    (void)scene_hello(&s);
    RUN_UNTIL(s.l, origin_idle(s.o) == 0, 1000);
    /* With it, all is well. */
    s.f.on_request = NULL;
    s.f.reply = "HTTP/1.1 200 OK\r\n\r\nhello";
    s.f.close_after = 1;
    struct probe p;
    probe_init(&p, s.o, "ping", 4);
    scene_run(&s, &p);
    assert_int_equal(p.ends, 1);
    assert_true(p.by_close);
    probe_fini(&p);
    scene_fini(&s);
}

static void second_dies(struct fake_conn *c)
{
    if (c->requests == 1)
        fake_say(c, OK_HELLO);
    else
        fake_reset(c);
}

static void test_u5_idle_race(void **state)
{
    (void)state;
    struct scene s;
    secure_init(&s, all.good);
    s.f.on_request = second_dies;
    for (int i = 0; i < 4; i++)
        (void)scene_hello(&s);
    assert_int_equal(s.f.nconns, 4);
    scene_fini(&s);
}

#define BIG (6u << 20)

static void answer_big(struct fake_conn *c)
{
    char head[100];
    snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\ncontent-length: %u\r\n\r\n", BIG);
    fake_say(c, head);
    assert_int_equal(end_send(&c->end, c->end.arg, BIG, SOCK_REF), RC_OK);
}

static void test_big(void **state)
{
    (void)state;
    struct scene s;
    struct probe p;
    char *data = malloc(BIG);
    for (size_t i = 0; i < BIG; i++)
        data[i] = (char)(i * 13 + i / 257);
    secure_init(&s, all.good);
    s.f.on_request = answer_big;
    probe_init(&p, s.o, data, BIG);
    p.pause_in_body = true;
    exchange_start(s.c, &p.x);
    RUN_UNTIL(s.l, s.f.nconns == 1, 1000);
    s.f.conns[0].end.arg = data;
    for (unsigned i = 0; !probe_is_over(&p); i++) {
        assert_true(i < 200000);
        if (i % 2)
            exchange_resume(&p.x);
        loop_turn(s.l, false);
    }
    assert_int_equal(p.ends, 1);
    assert_int_equal(buf_size(&p.body), BIG);
    assert_memory_equal(p.body.p, data, BIG);
    assert_int_equal(origin_idle(s.o), 1);
    probe_fini(&p);
    free(data);
    scene_fini(&s);
}

/* ---- a proxy that tunnels: each connection is piped to the TLS fake */

struct tunnel {
    struct end out; /* first: towards the origin */
    struct fake_conn *in;
};

struct proxy {
    struct fake f; /* first: it takes the CONNECTs */
    uint16_t to;
    const char *says; /* to CONNECT; NULL: 200 */
    struct tunnel tunnels[8];
    unsigned n;
};

static void pipe_in(struct end *e, char *p, size_t n)
{
    struct tunnel *t = e->arg;
    (void)end_send(&t->out, p, n, SOCK_COPY);
}

static void pipe_out(struct end *e, char *p, size_t n)
{
    (void)end_send(&((struct tunnel *)e)->in->end, p, n, SOCK_COPY);
}

static void on_tunnel(void *arg, enum rc rc, int fd, const char *why)
{
    struct tunnel *t = arg;
    (void)why;
    assert_int_equal(rc, RC_OK);
    end_init(&t->out);
    assert_int_equal(sock_connected(&t->out.s, t->in->fake->l, fd, &end_ops), RC_OK);
    t->out.was_open = true;
    t->out.on_read = pipe_out;
    t->in->end.on_read = pipe_in;
    t->in->end.on_any = NULL;
    t->in->end.arg = t;
    sock_read_start(&t->out.s);
    fake_say(t->in, "HTTP/1.1 200 Connection established\r\n\r\n");
}

static void on_connect(struct fake_conn *c)
{
    struct proxy *p = (struct proxy *)c->fake;
    if (p->says) {
        fake_say(c, p->says);
        return;
    }
    struct tunnel *t = &p->tunnels[p->n++];
    t->in = c;
    union dns_addr a = need_addr("127.0.0.1");
    assert_non_null(dial_start(c->fake->l, &a, 1, p->to, on_tunnel, t));
}

static void proxy_init(struct scene *s, struct proxy *p, bool tls)
{
    secure_init(s, tls ? all.good : NULL);
    *p = (struct proxy){.to = s->f.port};
    fake_open(&p->f, s->l, NULL);
    p->f.on_request = on_connect;
    struct origin_spec spec = secure_spec(s);
    spec.tls = tls;
    spec.proxy_host = STR("127.0.0.1");
    spec.proxy_port = p->f.port;
    spec.proxy_auth = STR("Basic dTpw");
    s->o = client_origin(s->c, &spec);
}

static void proxy_fini(struct scene *s, struct proxy *p)
{
    for (unsigned i = 0; i < p->n; i++)
        end_fini(s->l, &p->tunnels[i].out);
    fake_close(&p->f);
    scene_fini(s);
}

static void test_tunnel(void **state)
{
    (void)state;
    struct scene s;
    static struct proxy p;
    proxy_init(&s, &p, true);
    s.f.reply = OK_HELLO;
    assert_false(scene_hello(&s));
    assert_true(scene_hello(&s));
    assert_int_equal(p.f.requests, 1);
    char target[64];
    snprintf(target, sizeof(target), "api.localhost:%u", s.f.port);
    assert_string_equal(p.f.conns[0].target, target);
    assert_string_equal(p.f.conns[0].proxy_auth, "Basic dTpw");
    proxy_fini(&s, &p);
}

static void test_proxy_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        enum rc rc;
        const char *what;
    } cases[] = {
        {"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n", RC_CONNECT,
         "the proxy wants other credentials"},
        {"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 3\r\n\r\nno!", RC_CONNECT,
         "the proxy refused"},
        {"garbage\r\n\r\n", RC_PROTOCOL, "the proxy broke the protocol"},
        {"HTTP/1.1 200 OK\r\n\r\n\x16\x03\x01", RC_PROTOCOL, "the proxy broke the protocol"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct scene s;
        static struct proxy p;
        proxy_init(&s, &p, true);
        p.says = cases[i].says;
        expect_fail(&s, cases[i].rc, EXCHANGE_CONNECT, cases[i].what);
        proxy_fini(&s, &p);
    }
}

static void test_proxy_silent(void **state)
{
    (void)state;
    struct scene s;
    static struct proxy p;
    struct probe pr;
    proxy_init(&s, &p, true);
    p.says = "HTTP/1.1 2"; /* and no more */
    probe_init(&pr, s.o, "ping", 4);
    pr.x.limits.connect_ms = 60;
    exchange_start(s.c, &pr.x);
    RUN_UNTIL(s.l, probe_is_over(&pr), 1000);
    assert_int_equal(pr.fail.rc, RC_TIMEOUT);
    assert_string_equal(pr.fail.what, "the proxy took too long");
    probe_fini(&pr);
    proxy_fini(&s, &p);
}

/* An http origin: the request itself, with an absolute target and the credentials. */
static void test_absolute_form(void **state)
{
    (void)state;
    struct scene s;
    static struct proxy p;
    char host[64];
    proxy_init(&s, &p, false);
    snprintf(host, sizeof(host), "api.localhost:%u", s.f.port);
    probe_host = host;
    p.says = OK_HELLO;
    assert_false(scene_hello(&s));
    assert_true(scene_hello(&s)); /* the connection to the proxy is kept */
    char target[64];
    snprintf(target, sizeof(target), "http://api.localhost:%u/v1/x", s.f.port);
    assert_string_equal(p.f.conns[0].target, target);
    assert_string_equal(p.f.conns[0].proxy_auth, "Basic dTpw");
    struct probe big;
    size_t n = 3u << 20;
    char *body = calloc(1, n);
    probe_init(&big, s.o, body, n);
    scene_run(&s, &big);
    assert_int_equal(big.ends, 1);
    assert_int_equal(p.f.requests, 3);
    free(body);
    probe_host = "fake";
    probe_fini(&big);
    proxy_fini(&s, &p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_resumed),
        cmocka_unit_test(test_u38_certificates),
        cmocka_unit_test(test_u38_not_tls),
        cmocka_unit_test(test_u38_no_close_notify),
        cmocka_unit_test(test_u5_idle_race),
        cmocka_unit_test(test_big),
        cmocka_unit_test(test_tunnel),
        cmocka_unit_test(test_proxy_refuses),
        cmocka_unit_test(test_proxy_silent),
        cmocka_unit_test(test_absolute_form),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
