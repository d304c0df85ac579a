/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sock - one TCP connection, plain or TLS, and the only way bytes leave or enter the process.
 *
 * The owner embeds struct sock first in its own struct and gives a table of callbacks. Above sock
 * nobody can tell plain from TLS. Callbacks never run inside a sock_* call; the owner may close the
 * sock inside any callback, and free it in on_closed only.
 *
 * Reading: bytes are delivered in on_read and are valid only there. Before each read on_alloc may
 *   offer the owner's own memory (a request body is read to where it stays); without one the loop's
 *   shared buffer is used, so an idle connection owns no buffer. sock_pause stops reading: that is
 *   backpressure, the kernel's window does the rest. A pause that ends before more bytes come costs
 *   no system call, so pausing between two requests is free.
 * Writing: sock_write tries the kernel at once. What it does not take is either copied into the
 *   sock's queue (SOCK_COPY: small things) or remembered by reference (SOCK_REF: the caller keeps
 *   the bytes until on_drain or sock_close; the iovec array itself is never kept). sock_queued
 * tells how much waits; the owner bounds it. Closing: sock_close is asynchronous; on_closed runs
 * when the memory may go, always exactly once. A close with unread bytes in the kernel makes it
 * send a reset, which may overtake what was just written: whoever refuses a message half-way does
 * sock_shutdown and reads on for a while first.
 *
 * Owns: the handle, the TLS session, the queue.   Thread: one loop.   Trust: bytes are hostile.
 */
#pragma once
#include <sys/uio.h>

#include "io/loop.h"

struct sock;
struct tls;
struct tls_ctx;    /* io/tls.h */
struct tls_client; /* io/tls.h */
struct sock_queue;

enum sock_mode { SOCK_COPY, SOCK_REF };

/* Slots may be NULL where the owner has no use for the news. */
struct sock_ops {
    /* Ready: with TLS the handshake is done (RC_OK); else RC_TLS, RC_TIMEOUT, RC_RESET, RC_NOMEM,
     * RC_IO, and the owner should sock_close. Once after sock_accept, once after sock_start_tls. */
    void (*on_open)(struct sock *s, enum rc rc);
    /* Where the next read goes; NULL or a result of size 0: the loop's buffer. */
    struct iovec (*on_alloc)(struct sock *s);
    void (*on_read)(struct sock *s, char *p, size_t n);
    /* The peer sent FIN (TLS: close_notify or FIN; `clean` is false for a bare FIN under TLS).
     * Writing still works. No further on_read. */
    void (*on_eof)(struct sock *s, bool clean);
    /* The queue went empty after something had to wait. */
    void (*on_drain)(struct sock *s);
    /* The connection broke (RC_RESET, RC_TIMEOUT, RC_TLS, RC_NOMEM, RC_IO). At most once for each
     * direction: after a failed write (write_failed) reading goes on, for the peer's last words may
     * explain it; after a failed read `eof` is set. Simple owners close at the first. Before
     * on_open it stands in for it. */
    void (*on_error)(struct sock *s, enum rc rc);
    void (*on_closed)(struct sock *s);
};

struct sock {
    uv_tcp_t tcp;
    struct loop *loop;
    const struct sock_ops *ops;
    struct tls *tls;        /* NULL: plain */
    struct sock_queue *out; /* what waits to be sent; NULL when nothing does */
    struct deferred later;
    uint64_t bytes_in, bytes_out; /* on the wire */
    enum rc open_rc, error_rc;    /* what `later` will report */
    bool reading;                 /* the owner wants bytes */
    bool armed;                   /* libuv reads: may stay set a while after `reading` has gone */
    bool closing, eof, write_failed, shut;
    bool tell_open, tell_error; /* set while `later` waits */
};

/* With so many copied bytes in the queue no more are taken; owners stop long before. One write is
 * never cut by it: a picture in one event may be larger, and it is the owner who bounds events. */
#define SOCK_QUEUE_MAX (8u << 20)

/* Server side: take an accepted fd (non-blocking). tls may be NULL. on_open follows (later). The fd
 * is taken also on failure (RC_NOMEM, RC_IO), after which `s` needs no close. */
enum rc sock_accept(struct sock *s, struct loop *l, int fd, struct tls_ctx *tls,
                    const struct sock_ops *ops) MUST_CHECK;
/* Client side: take a connected, non-blocking fd (io/dial.h makes them). No on_open: it is open. As
 * above on failure. */
enum rc sock_connected(struct sock *s, struct loop *l, int fd,
                       const struct sock_ops *ops) MUST_CHECK;
/* Start TLS as a client on an open, quiet sock. on_open follows. `tc` is used only here, except its
 * session slot: see io/tls.h. RC_NOMEM, RC_TLS: nothing was started. */
enum rc sock_start_tls(struct sock *s, const struct tls_client *tc) MUST_CHECK;

void sock_read_start(struct sock *s); /* idempotent */
void sock_pause(struct sock *s);      /* idempotent */
/* RC_OK: sent or queued. RC_LIMIT, RC_NOMEM, RC_CLOSED: nothing more can be sent; close it. A write
 * error shows later as on_error, never inside. n may be 0. */
enum rc sock_write(struct sock *s, const struct iovec *iov, size_t n,
                   enum sock_mode mode) MUST_CHECK;
size_t sock_queued(const struct sock *s); /* bytes the kernel has not taken */
/* Bytes the peer has not acknowledged: those queued, and the kernel's own. A system call. This is
 * what a limit on progress should watch: the kernel takes nothing for a long while and then much at
 * once, however steadily a slow link carries. */
size_t sock_unacked(const struct sock *s);
/* Forget what waits, but for the part in the hands of the kernel or of libuv (some 256 KiB at
 * most). The message is then cut: only good before sock_close. SOCK_REF memory must still stay. */
void sock_drop_queued(struct sock *s);
/* Idempotent; drops what is queued; SOCK_REF memory is free at once. */
void sock_close(struct sock *s);
/* As sock_close, but the peer gets a reset: it cannot take what it has for the whole, and the
 * kernel keeps nothing of what it has not sent. */
void sock_abort(struct sock *s);
bool sock_is_closing(const struct sock *s);
/* Half of a close: flush the queue, then send FIN (TLS: close_notify before it). No more writes. */
void sock_shutdown(struct sock *s);
/* After on_eof: has the peer gone altogether (reset seen, or nothing can be written)? A cheap look
 * at the kernel's state, for telling a half-close from a close once something was written. */
bool sock_is_dead(const struct sock *s);
/* The peer's address; false when there is none (any more). */
bool sock_peer(const struct sock *s, struct sockaddr_storage *ret);
/* TCP keepalive after idle_s seconds of silence; user_timeout_ms: how long sent bytes may go
 * without an acknowledgement (0: the system's). */
void sock_set_keepalive(struct sock *s, unsigned idle_s, unsigned user_timeout_ms);
/* A static English text on what went wrong under TLS, or NULL: for logs. */
const char *sock_tls_why(const struct sock *s);
/* The TLS handshake took up an earlier session. */
bool sock_tls_resumed(const struct sock *s);
