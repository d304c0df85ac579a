/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_sock - TLS on a sock: OpenSSL between two memory ends.
 *
 * OpenSSL never sees the socket. Ciphertext that came is a slice (`in`) which a small BIO reads
 * from; what OpenSSL writes gathers in the loop's shared cipher buffer and is sent when the step is
 * over. So both directions cost one system call for many records, and an idle connection owns no
 * buffer of ours (nor of OpenSSL's: SSL_MODE_RELEASE_BUFFERS).
 *
 *     kernel -> read_buf -> in -> SSL_read -> owner's memory or plain_buf -> on_read
 *     sock_write -> (small pieces gathered in `record`) -> SSL_write -> cipher -> kernel
 *
 * When the owner pauses, or closes, in the middle of a batch, the ciphertext that is left is held
 * in `held` until it resumes: at most one read of the kernel's, for reading is off meanwhile.
 */
#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/mem.h"
#include "io/loop_int.h"
#include "io/sock_int.h"
#include "io/tls_int.h"

#define CIPHER_BATCH (64 * 1024) /* send when so much ciphertext has gathered */
#define HELD_MAX     (2 * LOOP_READ_SIZE)
#define HOST_MAX     256 /* RFC 1035: 253 and a NUL */

struct tls {
    SSL *ssl;
    struct tls_ctx *ctx;
    struct sock *sock;
    struct tls_slot *slot;
    str in;
    struct buf held;
    const char *why;
    struct timer deadline; /* server side only */
    bool server;
    bool ready;    /* handshake done */
    bool fin;      /* TCP's FIN came */
    bool eof_told; /* on_eof was called */
    bool pending;  /* SSL_read may have more although `held` is empty */
    bool broken;   /* no more SSL calls */
    bool notified; /* our close_notify is out */
};

/* ---- the BIO */

static int bio_read(BIO *b, char *to, size_t cap, size_t *ret_n)
{
    struct tls *t = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    size_t n = t->in.n < cap ? t->in.n : cap;
    *ret_n = n;
    if (n == 0) {
        BIO_set_retry_read(b);
        return 0;
    }
    memcpy(to, t->in.p, n);
    t->in = str_from(t->in, n);
    return 1;
}

static int bio_write(BIO *b, const char *p, size_t n, size_t *ret_n)
{
    struct tls *t = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    buf_add(&t->sock->loop->cipher, str_of(p, n));
    *ret_n = n;
    return !t->sock->loop->cipher.failed;
}

static long bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
    (void)b;
    (void)num;
    (void)ptr;
    return cmd == BIO_CTRL_FLUSH;
}

BIO_METHOD *tls_sock_bio_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weir sock");
    if (!m)
        return NULL;
    BIO_meth_set_read_ex(m, bio_read);
    BIO_meth_set_write_ex(m, bio_write);
    BIO_meth_set_ctrl(m, bio_ctrl);
    return m;
}

/* ---- errors */

/* Remember why, for logs: the certificate check's own words if that is what failed. */
static void note_why(struct tls *t, const char *otherwise)
{
    long verify = SSL_get_verify_result(t->ssl);
    const char *text = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    if (!t->ready && !t->server && verify != X509_V_OK && t->ctx->verify)
        text = X509_verify_cert_error_string(verify);
    if (!t->why) /* the first error is the cause */
        t->why = text ? text : otherwise;
    t->broken = true;
}

const char *tls_sock_why(const struct sock *s)
{
    return s->tls->why;
}

/* ---- life */

static void tls_free(struct tls *t)
{
    SSL_free(t->ssl);
    tls_ctx_unref(t->ctx);
    buf_fini(&t->held);
    mem_free(t);
}

static enum rc tls_new(struct sock *s, struct tls_ctx *ctx, struct tls **ret)
{
    TRY(loop_need_tls(s->loop));
    struct tls *t = mem_zalloc(sizeof(*t));
    if (!t)
        return RC_NOMEM;
    t->sock = s;
    t->ctx = tls_ctx_ref(ctx);
    buf_init(&t->held, HELD_MAX);
    t->ssl = SSL_new(ctx->ssl);
    BIO *bio = BIO_new(ctx->bio);
    if (!t->ssl || !bio) {
        BIO_free(bio);
        tls_free(t);
        ERR_clear_error();
        return RC_NOMEM;
    }
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(t->ssl, bio, bio);
    SSL_set_app_data(t->ssl, t);
    *ret = t;
    return RC_OK;
}

static void on_deadline_closed(struct timer *timer)
{
    tls_free(list_entry(timer, struct tls, deadline));
}

void tls_sock_free(struct sock *s)
{
    struct tls *t = s->tls;
    s->tls = NULL;
    if (t->server)
        timer_close(&t->deadline, on_deadline_closed);
    else
        tls_free(t);
}

static void on_deadline(struct timer *timer)
{
    struct tls *t = list_entry(timer, struct tls, deadline);
    if (t->ready || t->broken || t->sock->closing)
        return;
    t->why = "the handshake took too long";
    t->broken = true;
    sock_opened(t->sock, RC_TIMEOUT);
}

enum rc tls_sock_accept(struct sock *s, struct tls_ctx *ctx)
{
    TRY(tls_new(s, ctx, &s->tls));
    struct tls *t = s->tls;
    t->server = true;
    timer_init(&t->deadline, s->loop, on_deadline);
    timer_set(&t->deadline, loop_now(s->loop) + ctx->handshake_ms);
    SSL_set_accept_state(t->ssl);
    return RC_OK;
}

/* Whom we expect at the other end: SNI for names (RFC 6066 forbids it for addresses), and the name
 * or address that the certificate must be for. */
static bool expect_host(struct tls *t, str host)
{
    char name[HOST_MAX];
    unsigned char addr[16];
    if (host.n == 0 || host.n >= sizeof(name) || memchr(host.p, 0, host.n))
        return false;
    memcpy(name, host.p, host.n);
    name[host.n] = '\0';
    if (inet_pton(AF_INET, name, addr) == 1 || inet_pton(AF_INET6, name, addr) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(t->ssl), name) == 1;
    SSL_set_hostflags(t->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set_tlsext_host_name(t->ssl, name) == 1 && SSL_set1_host(t->ssl, name) == 1;
}

enum rc sock_start_tls(struct sock *s, const struct tls_client *tc)
{
    CHECK(!s->tls && !s->closing);
    struct tls *t;
    TRY(tls_new(s, tc->ctx, &t));
    if (!expect_host(t, tc->host)) {
        ERR_clear_error();
        tls_free(t);
        return RC_TLS;
    }
    t->slot = tc->slot;
    if (t->slot && t->slot->session && SSL_SESSION_is_resumable(t->slot->session))
        SSL_set_session(t->ssl, t->slot->session);
    SSL_set_connect_state(t->ssl);
    s->tls = t;
    tls_sock_start(s);
    return RC_OK;
}

int tls_sock_new_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls *t = SSL_get_app_data(ssl);
    if (!t || !t->slot)
        return 0;
    SSL_SESSION_free(t->slot->session);
    t->slot->session = session;
    return 1; /* the reference is ours now */
}

bool sock_tls_resumed(const struct sock *s)
{
    return s->tls && SSL_session_reused(s->tls->ssl);
}

bool tls_sock_is_ready(const struct sock *s)
{
    return s->tls->ready;
}

bool tls_sock_has_bytes(const struct sock *s)
{
    const struct tls *t = s->tls;
    return t->ready && (buf_size(&t->held) || t->pending || (t->fin && !t->eof_told));
}

/* ---- sending */

/* Send what OpenSSL has written; what the kernel does not take goes to the queue. False: it is full
 * (or the sock failed): encrypt no more for now. */
static bool flush_cipher(struct sock *s)
{
    struct buf *c = &s->loop->cipher;
    size_t done = 0;
    ASSERT(!s->closing);
    bool lost = c->failed;
    if (lost)
        sock_fail_write(s, RC_NOMEM);
    if (buf_size(c) && !s->write_failed) {
        str all = buf_str(c);
        struct iovec iov = {c->p + c->off, all.n};
        if (sock_wire_is_empty(s))
            sock_try(s, &iov, 1, all.n, &done);
        buf_consume(c, done);
    }
    bool took_all = buf_size(c) == 0;
    if (!took_all && !s->write_failed && sock_enqueue_wire(s, c) != RC_OK)
        sock_fail_write(s, RC_NOMEM);
    buf_clear(c);
    return took_all && !s->write_failed;
}

/* The next piece of the iovecs that makes one record: in place when it is long, else gathered. */
static str next_record(struct loop *l, const struct iovec *iov, size_t n, size_t at)
{
    size_t left = iov->iov_len - at;
    const char *p = (const char *)iov->iov_base + at;
    if (left >= LOOP_RECORD_SIZE || n == 1)
        return str_of(p, left < LOOP_RECORD_SIZE ? left : LOOP_RECORD_SIZE);
    size_t fill = 0;
    for (size_t i = 0; i < n && fill < LOOP_RECORD_SIZE; i++, at = 0) {
        size_t part = iov[i].iov_len - at;
        if (part > LOOP_RECORD_SIZE - fill)
            part = LOOP_RECORD_SIZE - fill;
        if (part)
            memcpy(l->record + fill, (const char *)iov[i].iov_base + at, part);
        fill += part;
    }
    return str_of(l->record, fill);
}

void tls_sock_write(struct sock *s, const struct iovec *iov, size_t n, size_t *ret_done)
{
    struct tls *t = s->tls;
    size_t i = 0, at = 0, done = 0;
    ASSERT(buf_size(&s->loop->cipher) == 0); /* nobody else's bytes */
    *ret_done = 0;
    if (!t->ready || t->broken)
        return;
    while (i < n) {
        if (at == iov[i].iov_len) {
            i++;
            at = 0;
            continue;
        }
        str piece = next_record(s->loop, &iov[i], n - i, at);
        size_t k = 0;
        ERR_clear_error();
        if (SSL_write_ex(t->ssl, piece.p, piece.n, &k) != 1) {
            note_why(t, "encryption failed");
            buf_clear(&s->loop->cipher);
            sock_fail_write(s, RC_TLS);
            return;
        }
        ASSERT(k <= piece.n);
        done += k;
        while (k) { /* step over what was taken */
            size_t part = iov[i].iov_len - at;
            part = part < k ? part : k;
            k -= part;
            at += part;
            if (at == iov[i].iov_len && i + 1 < n) {
                i++;
                at = 0;
            }
        }
        if (buf_size(&s->loop->cipher) >= CIPHER_BATCH && !flush_cipher(s))
            break;
    }
    flush_cipher(s);
    *ret_done = done;
}

void tls_sock_notify_close(struct sock *s)
{
    struct tls *t = s->tls;
    if (!t->ready || t->broken || t->notified || s->write_failed)
        return;
    t->notified = true;
    ERR_clear_error();
    SSL_shutdown(t->ssl);
    ERR_clear_error();
    flush_cipher(s);
}

/* ---- receiving */

static void handshake(struct tls *t)
{
    struct sock *s = t->sock;
    ERR_clear_error();
    int r = SSL_do_handshake(t->ssl);
    int err = r == 1 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, r);
    if (r == 1) {
        t->ready = true;
    } else if (err != SSL_ERROR_WANT_READ) {
        note_why(t, "the handshake failed");
        flush_cipher(s); /* the alert */
        sock_pump(s);
        sock_opened(s, RC_TLS);
        return;
    }
    flush_cipher(s);
    sock_pump(s);
    if (!t->ready)
        return;
    if (t->server)
        timer_stop(&t->deadline);
    sock_opened(s, RC_OK);
}

static void tell_eof(struct tls *t, bool clean)
{
    if (t->eof_told || t->sock->closing)
        return;
    t->eof_told = true;
    sock_pause(t->sock);
    if (t->sock->ops->on_eof)
        t->sock->ops->on_eof(t->sock, clean);
}

/* Fill [p, p+cap) with plaintext; *ret_err is why it stopped short. */
static size_t decrypt(struct tls *t, char *p, size_t cap, int *ret_err)
{
    size_t got = 0;
    *ret_err = SSL_ERROR_NONE;
    while (got < cap) {
        size_t k = 0;
        ERR_clear_error();
        int r = SSL_read_ex(t->ssl, p + got, cap - got, &k);
        if (r != 1) {
            *ret_err = SSL_get_error(t->ssl, r);
            break;
        }
        got += k;
    }
    if (*ret_err == SSL_ERROR_SSL || *ret_err == SSL_ERROR_SYSCALL)
        note_why(t, "the peer broke the TLS protocol");
    return got;
}

/* One batch to the owner. False: there is nothing more for now. */
static bool deliver(struct tls *t)
{
    struct sock *s = t->sock;
    struct iovec to = {NULL, 0};
    int err;
    if (s->ops->on_alloc)
        to = s->ops->on_alloc(s);
    if (to.iov_len == 0)
        to = (struct iovec){s->loop->plain_buf, LOOP_READ_SIZE};
    size_t n = decrypt(t, to.iov_base, to.iov_len, &err);
    flush_cipher(s);
    sock_pump(s);
    t->pending = err != SSL_ERROR_WANT_READ;
    if (n)
        s->ops->on_read(s, to.iov_base, n);
    if (s->closing || (n && !s->reading) || err == SSL_ERROR_NONE)
        return !s->closing && s->reading;
    if (err == SSL_ERROR_WANT_READ)
        return false;
    t->pending = false;
    if (err == SSL_ERROR_ZERO_RETURN)
        tell_eof(t, true);
    else
        sock_fail_read(s, RC_TLS);
    return false;
}

static void receive(struct tls *t)
{
    struct sock *s = t->sock;
    if (!t->ready && !t->broken)
        handshake(t);
    while (t->ready && !t->eof_told && !s->closing && s->reading && (!t->broken || t->pending)) {
        if (!deliver(t))
            break;
    }
}

void tls_sock_feed(struct sock *s, char *p, size_t n)
{
    struct tls *t = s->tls;
    if (buf_size(&t->held)) {
        buf_add(&t->held, str_of(p, n));
        tls_sock_resume(s);
        return;
    }
    t->in = str_of(p, n);
    receive(t);
    if (t->in.n && !s->closing && !t->broken && !t->eof_told)
        buf_add(&t->held, t->in);
    t->in = STR_NONE;
    if (t->held.failed)
        sock_fail_read(s, RC_NOMEM);
}

void tls_sock_resume(struct sock *s)
{
    struct tls *t = s->tls;
    if (t->ready && !s->reading)
        return;
    t->in = buf_str(&t->held);
    size_t before = t->in.n;
    receive(t);
    buf_consume(&t->held, before - t->in.n);
    t->in = STR_NONE;
    if (buf_size(&t->held) == 0)
        buf_fini(&t->held);
    if (t->held.failed)
        sock_fail_read(s, RC_NOMEM);
    else if (t->fin && s->reading && buf_size(&t->held) == 0)
        tell_eof(t, false);
}

void tls_sock_eof(struct sock *s)
{
    struct tls *t = s->tls;
    t->fin = true;
    if (t->ready) {
        if (buf_size(&t->held) == 0 && !t->pending)
            tell_eof(t, false);
        return;
    }
    if (t->broken)
        return;
    t->broken = true;
    t->why = "the peer closed during the handshake";
    sock_opened(s, RC_TLS);
}

void tls_sock_start(struct sock *s)
{
    sock_arm(s);
    loop_defer(s->loop, &s->later); /* the first step: see tls_sock_resume */
}
