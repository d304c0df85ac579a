/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sock - one TCP connection, plain or TLS, and the only way bytes leave or enter the process.
 *
 * The owner embeds struct sock first in its own struct and gives a table of callbacks. Above sock
 * nobody can tell plain from TLS. Callbacks never run inside a sock_* call, except that on_read may
 * follow on_read; the owner may close the sock inside any callback.
 *
 * Reading: bytes are delivered in on_read and are valid only there. Before each read on_alloc may
 *   offer the owner's own memory (a request body is read to where it stays); without one the loop's
 *   shared buffer is used, so an idle connection owns no buffer. sock_pause stops reading: that is
 *   backpressure, the kernel's window does the rest.
 * Writing: sock_write tries the kernel at once. What it does not take is either copied into the
 *   sock's queue (SOCK_COPY: small things) or remembered by reference (SOCK_REF: the caller keeps
 *   the memory until on_drain or close). sock_queued tells how much waits; the owner bounds it.
 * Closing: sock_close is asynchronous; on_closed runs when the memory may go, always exactly once.
 *
 * Owns: the handle, the TLS session, the queue.   Thread: one loop.
 */
#pragma once
#include <sys/uio.h>

#include "base/buf.h"
#include "io/loop.h"

struct sock;
struct tls_ctx; /* io/tls.h */
struct tls;

enum sock_mode { SOCK_COPY, SOCK_REF };

struct sock_ops {
    /* Connected, and with TLS the handshake is done (RC_OK); else RC_CONNECT, RC_TLS, RC_TIMEOUT… */
    void (*on_open)(struct sock *s, enum rc rc);
    /* Where the next read goes; NULL or a result of size 0: the loop's buffer. */
    struct iovec (*on_alloc)(struct sock *s);
    void (*on_read)(struct sock *s, char *p, size_t n);
    /* The peer sent FIN (TLS: close_notify or FIN; `clean` is false for a bare FIN under TLS). Writing
     * still works. No further on_read. */
    void (*on_eof)(struct sock *s, bool clean);
    /* The queue went empty after something had to wait. */
    void (*on_drain)(struct sock *s);
    /* The connection broke (RC_RESET, RC_TLS, RC_IO). The owner should sock_close. */
    void (*on_error)(struct sock *s, enum rc rc);
    void (*on_closed)(struct sock *s);
};

struct sock {
    uv_tcp_t tcp;
    struct loop *loop;
    const struct sock_ops *ops;
    struct tls *tls; /* NULL: plain */
    struct buf queue; /* SOCK_COPY bytes that wait */
    uv_write_t write;
    size_t in_flight; /* bytes handed to uv_write and not done */
    uint64_t bytes_in, bytes_out;
    bool reading, writing, closing, eof, failed;
    /* … the implementation may add fields */
};

#define SOCK_QUEUE_MAX (8u << 20) /* a copied queue never grows past it: RC_LIMIT, owners stop long before */

/* Server side: take an accepted fd (non-blocking). tls may be NULL. on_open follows (later). */
enum rc sock_accept(struct sock *s, struct loop *l, int fd, struct tls_ctx *tls, const struct sock_ops *ops) MUST_CHECK;

void sock_read_start(struct sock *s);
void sock_pause(struct sock *s);
/* RC_OK: sent or queued. RC_LIMIT, RC_NOMEM, RC_CLOSED: nothing more can be sent; close it. A write
 * error shows later as on_error, never inside. */
enum rc sock_write(struct sock *s, const struct iovec *iov, size_t n, enum sock_mode mode) MUST_CHECK;
size_t sock_queued(const struct sock *s);
void sock_close(struct sock *s); /* idempotent; drops what is queued */
/* Half of a FIN: flush the queue, then send FIN (TLS: close_notify). */
void sock_shutdown(struct sock *s);
/* After on_eof: has the peer gone altogether (reset seen, or nothing can be written)? A cheap look
 * at the kernel's state, for telling a half-close from a close once something was written. */
bool sock_is_dead(const struct sock *s);
void sock_set_keepalive(struct sock *s, unsigned idle_s, unsigned user_timeout_ms);
