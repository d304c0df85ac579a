/* SPDX-License-Identifier: Apache-2.0 */
/* test_tls - who is let in: certificates (RELIABILITY U38), versions, ALPN, sessions, deadlines. */
#include "certs.h"
#include "net.h"

#include <openssl/ssl.h>
#include <stdlib.h>

static struct {
    struct certs certs;
    char ca[CERTS_PATH];
    struct tls_ctx *good;
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

static const struct leaf leaves[] = {
    {"good", "DNS:good.example,DNS:*.wild.example,IP:127.0.0.1,IP:::1", -1, 10, false},
    {"expired", "DNS:good.example", -10, -1, false},
    {"early", "DNS:good.example", 2, 10, false},
    {"selfsigned", "DNS:good.example", -1, 10, true},
};

static int set_up(void **state)
{
    (void)state;
    certs_init(&all.certs);
    certs_path(&all.certs, "ca", "pem", all.ca);
    for (size_t i = 0; i < ARRAY_LEN(leaves); i++)
        certs_leaf(&all.certs, &leaves[i]);
    all.good = server_of("good");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tls_ctx_unref(all.good);
    for (size_t i = 0; i < ARRAY_LEN(leaves); i++)
        certs_remove(&all.certs, leaves[i].name);
    certs_fini(&all.certs);
    return 0;
}

static struct tls_ctx *client_ctx(const char *ca, bool verify)
{
    struct tls_ctx *c;
    assert_int_equal(tls_ctx_new_client(ca ? str_c(ca) : STR_NONE, verify, &c, NULL), RC_OK);
    return c;
}

/* One handshake; both ends' rc. */
static void shake(struct tls_ctx *server, struct tls_ctx *client, const char *host, enum rc *ret_rc,
                  const char **ret_why)
{
    struct pair p;
    struct tls_client tc = {.ctx = client, .host = str_c(host)};
    pair_connect(&p);
    pair_start(&p, server, &tc);
    RUN_UNTIL(p.l, p.client.opens, 5000);
    *ret_rc = p.client.open_rc;
    *ret_why = sock_tls_why(&p.client.s);
    if (p.client.open_rc != RC_OK) {
        RUN_UNTIL(p.l, p.server.opens || p.server.errors, 5000);
        assert_int_not_equal(p.server.opens ? p.server.open_rc : p.server.error_rc, RC_OK);
    }
    run_for(p.l, 2);
    assert_int_equal(p.client.opens, 1);
    assert_int_equal(p.client.reads, 0);
    pair_close(&p);
}

struct check {
    const char *server, *host;
    bool own_ca;
    const char *why; /* NULL: let in */
};

static void test_certificates(void **state)
{
    (void)state;
    static const struct check checks[] = {
        {"good", "good.example", true, NULL},
        {"good", "GOOD.example", true, NULL},
        {"good", "a.wild.example", true, NULL},
        {"good", "127.0.0.1", true, NULL},
        {"good", "::1", true, NULL},
        {"good", "other.example", true, "hostname mismatch"},
        {"good", "a.b.wild.example", true, "hostname mismatch"},
        {"good", "127.0.0.2", true, "IP address mismatch"},
        {"expired", "good.example", true, "certificate has expired"},
        {"early", "good.example", true, "certificate is not yet valid"},
        {"selfsigned", "good.example", true, "self-signed certificate"},
        {"good", "good.example", false, "unable to get local issuer certificate"},
    };
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        const struct check *k = &checks[i];
        struct tls_ctx *server = server_of(k->server);
        struct tls_ctx *client = client_ctx(k->own_ca ? all.ca : NULL, true);
        enum rc rc;
        const char *why;
        shake(server, client, k->host, &rc, &why);
        if (k->why) {
            assert_int_equal(rc, RC_TLS);
            assert_non_null(why);
            assert_string_equal(why, k->why);
        } else {
            assert_int_equal(rc, RC_OK);
        }
        tls_ctx_unref(server);
        tls_ctx_unref(client);
    }
}

static void test_no_verify(void **state)
{
    (void)state;
    struct tls_ctx *client = client_ctx(NULL, false), *server = server_of("selfsigned");
    enum rc rc;
    const char *why;
    shake(server, client, "whatever.example", &rc, &why);
    assert_int_equal(rc, RC_OK);
    tls_ctx_unref(server);
    tls_ctx_unref(client);
}

static void test_bad_hosts(void **state)
{
    (void)state;
    struct tls_ctx *client = client_ctx(all.ca, true);
    char longest[400];
    memset(longest, 'a', sizeof(longest));
    const str hosts[] = {STR(""), str_of("a\0b", 3), str_of(longest, sizeof(longest))};
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        struct pair p;
        struct tls_client tc = {.ctx = client, .host = hosts[i]};
        pair_open(&p, NULL, NULL);
        assert_int_equal(sock_start_tls(&p.client.s, &tc), RC_TLS);
        pair_close(&p);
    }
    tls_ctx_unref(client);
}

static void test_context_errors(void **state)
{
    (void)state;
    char good[CERTS_PATH], key[CERTS_PATH], other[CERTS_PATH];
    struct tls_ctx *c = NULL;
    const char *why = NULL;
    certs_path(&all.certs, "good", "pem", good);
    certs_path(&all.certs, "good", "key", key);
    certs_path(&all.certs, "expired", "key", other);
    assert_int_equal(tls_ctx_new_client(STR("/nonexistent/ca.pem"), true, &c, &why), RC_CONFIG);
    assert_non_null(why);
    assert_int_equal(tls_ctx_new_client(str_c(key), true, &c, NULL), RC_CONFIG);
    assert_int_equal(tls_ctx_new_server(STR("/nonexistent"), str_c(key), &c, &why), RC_CONFIG);
    assert_int_equal(tls_ctx_new_server(str_c(good), STR("/nonexistent"), &c, &why), RC_CONFIG);
    assert_int_equal(tls_ctx_new_server(str_c(good), str_c(other), &c, &why), RC_CONFIG);
    assert_string_equal(why, "key values mismatch");
    assert_null(c);
}

/* ---- sessions */

static void test_resumption(void **state)
{
    (void)state;
    struct tls_ctx *client = client_ctx(all.ca, true);
    struct tls_slot slot = {0};
    struct tls_client tc = {.ctx = client, .host = STR("good.example"), .slot = &slot};
    for (int i = 0; i < 3; i++) {
        struct pair p;
        pair_open(&p, all.good, &tc);
        assert_int_equal(p.client.open_rc, RC_OK);
        assert_int_equal(sock_tls_resumed(&p.client.s), i > 0);
        assert_int_equal(sock_tls_resumed(&p.server.s), i > 0);
        RUN_UNTIL(p.l, slot.session, 1000);
        run_for(p.l, 5);
        pair_close(&p);
    }
    tls_slot_fini(&slot);
    tls_ctx_unref(client);
}

/* ---- peers that do not play by the rules: raw TCP at the other end */

static void test_plain_to_server(void **state)
{
    (void)state;
    struct pair p;
    pair_connect(&p);
    pair_start(&p, all.good, NULL);
    assert_int_equal(end_send(&p.client, "GET / HTTP/1.1\r\n\r\n", 18, SOCK_COPY), RC_OK);
    RUN_UNTIL(p.l, p.server.opens, 1000);
    assert_int_equal(p.server.open_rc, RC_TLS);
    assert_string_equal(sock_tls_why(&p.server.s), "http request");
    pair_close(&p);
}

static void test_plain_to_client(void **state)
{
    (void)state;
    struct tls_ctx *client = client_ctx(all.ca, true);
    struct tls_client tc = {.ctx = client, .host = STR("good.example")};
    struct pair p;
    pair_connect(&p);
    pair_start(&p, NULL, &tc);
    RUN_UNTIL(p.l, p.server.opens, 1000);
    assert_int_equal(end_send(&p.server, "HTTP/1.1 400 Bad Request\r\n\r\n", 28, SOCK_COPY), RC_OK);
    RUN_UNTIL(p.l, p.client.opens, 1000);
    assert_int_equal(p.client.open_rc, RC_TLS);
    assert_non_null(sock_tls_why(&p.client.s));
    pair_close(&p);
    tls_ctx_unref(client);
}

static void test_cut_handshake(void **state)
{
    (void)state;
    struct tls_ctx *client = client_ctx(all.ca, true);
    struct tls_client tc = {.ctx = client, .host = STR("good.example")};
    for (int half = 0; half < 2; half++) {
        struct pair p;
        pair_connect(&p);
        pair_start(&p, NULL, &tc);
        RUN_UNTIL(p.l, buf_size(&p.server.got), 1000);
        if (half) /* the beginning of a ServerHello record */
            assert_int_equal(end_send(&p.server, "\x16\x03\x03\x00\x7a\x02", 6, SOCK_COPY), RC_OK);
        sock_close(&p.server.s);
        RUN_UNTIL(p.l, p.client.opens || p.client.errors, 1000);
        assert_int_equal(p.client.opens + p.client.errors, 1);
        assert_int_not_equal(p.client.opens ? p.client.open_rc : p.client.error_rc, RC_OK);
        pair_close(&p);
    }
    tls_ctx_unref(client);
}

static void test_handshake_deadline(void **state)
{
    (void)state;
    struct tls_ctx *server = server_of("good");
    tls_ctx_set_handshake_ms(server, 30);
    struct pair p;
    pair_connect(&p);
    pair_start(&p, server, NULL); /* a client that says nothing */
    RUN_UNTIL(p.l, p.server.opens, 1000);
    assert_int_equal(p.server.open_rc, RC_TIMEOUT);
    pair_close(&p);
    tls_ctx_unref(server);
}

/* A FIN without close_notify may be a truncation attack: it is told apart. */
static void test_unclean_eof(void **state)
{
    (void)state;
    struct tls_ctx *client = client_ctx(all.ca, true);
    struct tls_client tc = {.ctx = client, .host = STR("good.example")};
    for (int clean = 0; clean < 2; clean++) {
        struct pair p;
        pair_open(&p, all.good, &tc);
        assert_int_equal(end_send(&p.server, "part", 4, SOCK_COPY), RC_OK);
        if (clean) {
            sock_shutdown(&p.server.s);
        } else {
            uv_os_fd_t fd;
            assert_int_equal(uv_fileno((uv_handle_t *)&p.server.s.tcp, &fd), 0);
            assert_int_equal(shutdown(fd, SHUT_WR), 0);
        }
        RUN_UNTIL(p.l, p.client.eofs, 1000);
        assert_int_equal(p.client.eof_clean, clean);
        assert_str(buf_str(&p.client.got), "part");
        run_for(p.l, 5);
        assert_int_equal(p.client.eofs, 1);
        pair_close(&p);
    }
    tls_ctx_unref(client);
}

/* Damaged records: an error, and not one byte of them. */
static void test_damaged_record(void **state)
{
    (void)state;
    struct tls_ctx *client = client_ctx(all.ca, true);
    struct tls_client tc = {.ctx = client, .host = STR("good.example")};
    struct pair p;
    pair_open(&p, all.good, &tc);
    run_for(p.l, 5);
    uv_os_fd_t fd;
    assert_int_equal(uv_fileno((uv_handle_t *)&p.server.s.tcp, &fd), 0);
    static const char junk[] = "\x17\x03\x03\x00\x20"
                               "0123456789abcdef0123456789abcdef";
    assert_int_equal(send(fd, junk, sizeof(junk) - 1, 0), sizeof(junk) - 1);
    RUN_UNTIL(p.l, p.client.errors, 1000);
    assert_int_equal(p.client.error_rc, RC_TLS);
    assert_int_equal(p.client.reads, 0);
    pair_close(&p);
    tls_ctx_unref(client);
}

/* ---- versions and ALPN: a bare OpenSSL client in memory against our server on a socket */

/* Feed what a foreign client says, until the server has opened. */
static enum rc foreign(SSL_CTX *ctx)
{
    struct pair p;
    pair_connect(&p);
    pair_start(&p, all.good, NULL);
    SSL *ssl = SSL_new(ctx);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, in, out);
    SSL_set_connect_state(ssl);
    for (int i = 0; i < 200 && !p.server.opens; i++) {
        char buf[4096];
        (void)SSL_do_handshake(ssl);
        for (int n = BIO_read(out, buf, sizeof(buf)); n > 0; n = BIO_read(out, buf, sizeof(buf)))
            (void)end_send(&p.client, buf, (size_t)n, SOCK_COPY);
        run_for(p.l, 2);
        str got = buf_str(&p.client.got);
        if (got.n)
            BIO_write(in, got.p, (int)got.n);
        buf_consume(&p.client.got, got.n);
    }
    assert_int_equal(p.server.opens, 1);
    enum rc rc = p.server.open_rc;
    SSL_free(ssl);
    pair_close(&p);
    return rc;
}

static void test_versions(void **state)
{
    (void)state;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(ctx, TLS1_1_VERSION);
    assert_int_equal(foreign(ctx), RC_TLS);
    SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
    assert_int_equal(foreign(ctx), RC_OK);
    SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION);
    assert_int_equal(foreign(ctx), RC_OK);
    SSL_CTX_free(ctx);
}

static void test_alpn(void **state)
{
    (void)state;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_alpn_protos(ctx, (const unsigned char *)"\x02h2\x08http/1.1", 12);
    assert_int_equal(foreign(ctx), RC_OK);
    SSL_CTX_set_alpn_protos(ctx, (const unsigned char *)"\x02h2", 3);
    assert_int_equal(foreign(ctx), RC_TLS);
    SSL_CTX_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_certificates),
        cmocka_unit_test(test_no_verify),
        cmocka_unit_test(test_bad_hosts),
        cmocka_unit_test(test_context_errors),
        cmocka_unit_test(test_resumption),
        cmocka_unit_test(test_plain_to_server),
        cmocka_unit_test(test_plain_to_client),
        cmocka_unit_test(test_cut_handshake),
        cmocka_unit_test(test_handshake_deadline),
        cmocka_unit_test(test_unclean_eof),
        cmocka_unit_test(test_damaged_record),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_alpn),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
