/* SPDX-License-Identifier: Apache-2.0 */
/* tls - contexts: see tls.h. Connections are in tls_sock.c. */
#include "io/tls.h"

#include <limits.h>
#include <openssl/err.h>

#include "base/mem.h"
#include "io/tls_int.h"

/* ALPN's wire form: a length byte, then the name. */
static const unsigned char alpn_http11[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

/* A static text for the newest OpenSSL error, and a clean error queue. */
static const char *take_why(const char *otherwise)
{
    const char *text = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return text ? text : otherwise;
}

static enum rc config_error(struct tls_ctx *c, const char **ret_why, const char *otherwise)
{
    const char *why = take_why(otherwise);
    if (ret_why)
        *ret_why = why;
    tls_ctx_unref(c);
    return RC_CONFIG;
}

/* A path as OpenSSL wants it. False: too long. */
static bool path_z(char *to, size_t cap, str path)
{
    if (path.n >= cap)
        return false;
    memcpy(to, path.p, path.n);
    to[path.n] = '\0';
    return true;
}

static enum rc ctx_new(const SSL_METHOD *method, struct tls_ctx **ret)
{
    struct tls_ctx *c = mem_zalloc(sizeof(*c));
    if (!c)
        return RC_NOMEM;
    atomic_init(&c->refs, 1);
    c->handshake_ms = TLS_SERVER_HANDSHAKE_MS;
    c->ssl = SSL_CTX_new(method);
    c->bio = tls_sock_bio_method();
    if (!c->ssl || !c->bio) {
        tls_ctx_unref(c);
        return RC_NOMEM;
    }
    SSL_CTX_set_min_proto_version(c->ssl, TLS1_2_VERSION);
    SSL_CTX_set_options(c->ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    /* RELEASE_BUFFERS: an idle connection gives its 33 KiB back. */
    SSL_CTX_set_mode(c->ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    *ret = c;
    return RC_OK;
}

enum rc tls_ctx_new_client(str ca_file, bool verify, struct tls_ctx **ret, const char **ret_why)
{
    struct tls_ctx *c;
    char path[PATH_MAX];
    ERR_clear_error();
    TRY(ctx_new(TLS_client_method(), &c));
    c->verify = verify;
    SSL_CTX_set_verify(c->ssl, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_session_cache_mode(c->ssl,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(c->ssl, tls_sock_new_session);
    if (SSL_CTX_set_alpn_protos(c->ssl, alpn_http11, sizeof(alpn_http11)) != 0)
        return config_error(c, ret_why, "ALPN could not be set");
    if (ca_file.p && !path_z(path, sizeof(path), ca_file))
        return config_error(c, ret_why, "the CA file's path is too long");
    if (ca_file.p ? SSL_CTX_load_verify_file(c->ssl, path) != 1
                  : SSL_CTX_set_default_verify_paths(c->ssl) != 1)
        return config_error(c, ret_why, "the CA file could not be read");
    *ret = c;
    return RC_OK;
}

/* A client that speaks ALPN must offer http/1.1; one that does not speak it is taken as that. */
static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *outlen,
                       const unsigned char *in, unsigned inlen, void *arg)
{
    (void)ssl;
    (void)arg;
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, outlen, alpn_http11, sizeof(alpn_http11), in, inlen) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

enum rc tls_ctx_new_server(str cert_file, str key_file, struct tls_ctx **ret, const char **ret_why)
{
    struct tls_ctx *c;
    char cert[PATH_MAX], key[PATH_MAX];
    ERR_clear_error();
    TRY(ctx_new(TLS_server_method(), &c));
    if (!path_z(cert, sizeof(cert), cert_file) || !path_z(key, sizeof(key), key_file))
        return config_error(c, ret_why, "a path is too long");
    if (SSL_CTX_use_certificate_chain_file(c->ssl, cert) != 1)
        return config_error(c, ret_why, "the certificate file could not be read");
    if (SSL_CTX_use_PrivateKey_file(c->ssl, key, SSL_FILETYPE_PEM) != 1)
        return config_error(c, ret_why, "the key file could not be read");
    if (SSL_CTX_check_private_key(c->ssl) != 1)
        return config_error(c, ret_why, "the key does not belong to the certificate");
    SSL_CTX_set_options(c->ssl, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_alpn_select_cb(c->ssl, select_alpn, NULL);
    /* Sessions live in tickets: no state here, whatever strangers open. */
    SSL_CTX_set_session_cache_mode(c->ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_id_context(c->ssl, (const unsigned char *)"weir", 4);
    *ret = c;
    return RC_OK;
}

void tls_ctx_set_handshake_ms(struct tls_ctx *c, msec ms)
{
    c->handshake_ms = ms;
}

#define TICKET_KEYS_MAX 128 /* OpenSSL 3 has 80: a name and two keys */

void tls_ctx_keep_tickets(struct tls_ctx *c, const struct tls_ctx *old)
{
    unsigned char keys[TICKET_KEYS_MAX];
    const X509 *was = SSL_CTX_get0_certificate(old->ssl), *is = SSL_CTX_get0_certificate(c->ssl);
    if (!was || !is || X509_cmp(was, is) != 0)
        return;
    long n = SSL_CTX_get_tlsext_ticket_keys(old->ssl, NULL, 0);
    if (n <= 0 || n > TICKET_KEYS_MAX)
        return;
    if (SSL_CTX_get_tlsext_ticket_keys(old->ssl, keys, n) == 1)
        (void)SSL_CTX_set_tlsext_ticket_keys(c->ssl, keys, n);
    OPENSSL_cleanse(keys, sizeof(keys));
}

struct tls_ctx *tls_ctx_ref(struct tls_ctx *c)
{
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

void tls_ctx_unref(struct tls_ctx *c)
{
    if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
        return;
    SSL_CTX_free(c->ssl);
    BIO_meth_free(c->bio);
    mem_free(c);
}

void tls_slot_fini(struct tls_slot *slot)
{
    SSL_SESSION_free(slot->session);
    slot->session = NULL;
}
