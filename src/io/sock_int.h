/* SPDX-License-Identifier: Apache-2.0 */
/* sock_int - what sock.c, sock_queue.c and tls_sock.c share. For io/ only. */
#pragma once
#include "base/buf.h"
#include "io/sock.h"

/* One wait for the kernel covers at most so much: what is in libuv's hands cannot be taken back. */
#define SOCK_FLIGHT_MAX (256 * 1024)

enum rc sock_rc_of_uv(int err); /* a libuv error: RC_RESET, RC_TIMEOUT, RC_NOMEM, RC_IO */
void sock_fail_write(struct sock *s, enum rc rc); /* on_error later; further writes fail */
void sock_fail_read(struct sock *s, enum rc rc);  /* on_error now; reading ends */
void sock_opened(struct sock *s, enum rc rc);     /* on_open now */
void sock_arm(struct sock *s);                    /* have libuv read, if it does not yet */
/* Try the kernel; how much it took goes to *ret_done. A real error fails the sock and counts all as
 * done, for nobody needs to keep it. */
void sock_try(struct sock *s, const struct iovec *iov, size_t n, size_t total, size_t *ret_done);

/* ---- sock_queue.c: what the kernel did not take */
static inline bool sock_has_queue(const struct sock *s)
{
    return s->out != NULL;
}
/* Queue everything of iov behind its first `skip` bytes. RC_LIMIT, RC_NOMEM. */
enum rc sock_enqueue(struct sock *s, const struct iovec *iov, size_t n, size_t skip,
                     enum sock_mode mode) MUST_CHECK;
void sock_pump(struct sock *s);       /* start sending what waits, if nothing is in flight */
void sock_queue_drop(struct sock *s); /* at close: forget all that is not in flight */
/* TLS: hand `wire` (ciphertext the kernel did not take) to the queue; it goes before anything else.
 * Takes the buffer's memory. RC_NOMEM. */
enum rc sock_enqueue_wire(struct sock *s, struct buf *wire) MUST_CHECK;

/* Nothing encrypted waits: what is sent now stays in order. */
bool sock_wire_is_empty(const struct sock *s);

/* ---- tls_sock.c: the TLS side; all need s->tls */
void tls_sock_feed(struct sock *s, char *p, size_t n); /* ciphertext came */
void tls_sock_eof(struct sock *s);                     /* FIN came */
/* Encrypt and send. *ret_done plaintext bytes were taken; the rest must be queued. */
void tls_sock_write(struct sock *s, const struct iovec *iov, size_t n, size_t *ret_done);
bool tls_sock_is_ready(const struct sock *s);  /* handshake done */
bool tls_sock_has_bytes(const struct sock *s); /* received, not yet delivered */
void tls_sock_resume(struct sock *s);          /* reading was resumed: deliver what is held */
void tls_sock_notify_close(struct sock *s);    /* send close_notify, best effort */
void tls_sock_free(struct sock *s);
const char *tls_sock_why(const struct sock *s);
enum rc tls_sock_accept(struct sock *s, struct tls_ctx *ctx) MUST_CHECK; /* before the fd is open */
void tls_sock_start(struct sock *s);                                     /* begin the handshake */
