/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sock - see sock.h. This file: life, reading, and the write that the kernel takes at once.
 *
 * Reading is armed in libuv once and then left so. sock_pause only clears a flag; if bytes come
 * while it is clear, the allocation callback refuses memory, libuv reports that without having
 * read, and only then is the epoll registration dropped. So neither an idle pooled connection nor a
 * pause between two messages costs a system call.
 *
 * All news that arises inside a sock_* call (a failed write, a handshake that ends at once) is told
 * through one deferred, so that no callback runs inside a call.
 */
#include "io/sock.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/loop_int.h"
#include "io/sock_int.h"

_Static_assert(sizeof(uv_buf_t) == sizeof(struct iovec), "uv_buf_t is an iovec on Unix");
_Static_assert(offsetof(uv_buf_t, base) == offsetof(struct iovec, iov_base), "in the same order");

static void on_uv_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *ret);
static void on_uv_read(uv_stream_t *h, ssize_t nread, const uv_buf_t *b);

static uv_stream_t *stream_of(struct sock *s)
{
    return (uv_stream_t *)&s->tcp;
}

static int fd_of(const struct sock *s)
{
    uv_os_fd_t fd;
    return uv_fileno((const uv_handle_t *)&s->tcp, &fd) == 0 ? fd : -1;
}

enum rc sock_rc_of_uv(int err)
{
    switch (err) {
    case UV_ECONNRESET:
    case UV_EPIPE:
    case UV_ECONNABORTED:
    case UV_ENOTCONN:
        return RC_RESET;
    case UV_ETIMEDOUT:
    case UV_EHOSTUNREACH: /* what TCP_USER_TIMEOUT may end with */
    case UV_ENETUNREACH:
        return RC_TIMEOUT;
    case UV_ENOMEM:
    case UV_ENOBUFS:
        return RC_NOMEM;
    default:
        return RC_IO;
    }
}

/* ---- news told later */

static void on_later(struct deferred *d)
{
    struct sock *s = list_entry(d, struct sock, later);
    if (s->tell_open) {
        s->tell_open = false;
        sock_opened(s, s->open_rc);
    }
    if (s->tell_error && !s->closing) {
        s->tell_error = false;
        if (s->ops->on_error)
            s->ops->on_error(s, s->error_rc);
    }
    if (s->tls && !s->closing)
        tls_sock_resume(s);
}

void sock_opened(struct sock *s, enum rc rc)
{
    ASSERT(!s->tell_open);
    if (!s->closing && s->ops->on_open)
        s->ops->on_open(s, rc);
}

void sock_fail_write(struct sock *s, enum rc rc)
{
    if (s->write_failed || s->closing)
        return;
    s->write_failed = s->tell_error = true;
    s->error_rc = rc;
    loop_defer(s->loop, &s->later);
}

void sock_fail_read(struct sock *s, enum rc rc)
{
    s->reading = s->armed = false;
    s->eof = true;
    uv_read_stop(stream_of(s));
    if (!s->closing && s->ops->on_error)
        s->ops->on_error(s, rc);
}

/* ---- life */

/* Give the fd to libuv. An error here is one of the kernel's moods: it is told as any other. */
static void open_fd(struct sock *s, int fd)
{
    int err = uv_tcp_open(&s->tcp, fd);
    if (err == 0)
        return;
    close(fd);
    s->tell_open = true;
    s->open_rc = RC_IO;
    s->write_failed = s->eof = true;
}

static enum rc sock_init(struct sock *s, struct loop *l, int fd, const struct sock_ops *ops)
{
    CHECK(fd >= 0 && ops->on_read && ops->on_closed);
    *s = (struct sock){.loop = l, .ops = ops, .later = {.fn = on_later}};
    if (uv_tcp_init(loop_uv(l), &s->tcp) != 0) {
        close(fd);
        return RC_IO;
    }
    s->tcp.data = s;
    return RC_OK;
}

enum rc sock_accept(struct sock *s, struct loop *l, int fd, struct tls_ctx *tls,
                    const struct sock_ops *ops)
{
    TRY(sock_init(s, l, fd, ops));
    s->tell_open = true;
    s->open_rc = RC_OK;
    open_fd(s, fd);
    if (tls && s->open_rc == RC_OK) {
        s->open_rc = tls_sock_accept(s, tls);
        s->tell_open = s->open_rc != RC_OK; /* else when the handshake is over */
    }
    if (s->tell_open)
        loop_defer(l, &s->later);
    else
        tls_sock_start(s);
    return RC_OK;
}

enum rc sock_connected(struct sock *s, struct loop *l, int fd, const struct sock_ops *ops)
{
    TRY(sock_init(s, l, fd, ops));
    open_fd(s, fd);
    if (s->tell_open) { /* no on_open here: it failed after all */
        s->tell_open = false;
        s->write_failed = false;
        sock_fail_write(s, RC_IO);
    }
    return RC_OK;
}

static void on_uv_closed(uv_handle_t *h)
{
    struct sock *s = h->data;
    if (s->tls)
        tls_sock_free(s);
    s->ops->on_closed(s);
}

void sock_close(struct sock *s)
{
    if (s->closing)
        return;
    if (s->tls)
        tls_sock_notify_close(s);
    s->closing = true;
    s->reading = s->armed = false;
    deferred_cancel(&s->later);
    sock_queue_drop(s);
    uv_close((uv_handle_t *)&s->tcp, on_uv_closed);
}

void sock_abort(struct sock *s)
{
    struct linger none = {.l_onoff = 1};
    int fd = fd_of(s);
    if (fd >= 0) /* best effort: without it this is a close */
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
    s->write_failed = true; /* TLS: no close_notify, which would say that this is the end */
    sock_close(s);
}

bool sock_is_closing(const struct sock *s)
{
    return s->closing;
}

bool sock_is_dead(const struct sock *s)
{
    if (s->closing || s->write_failed)
        return true;
    struct tcp_info info;
    socklen_t n = sizeof(info);
    int fd = fd_of(s);
    if (fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) != 0)
        return true;
    return info.tcpi_state == TCP_CLOSE;
}

size_t sock_unacked(const struct sock *s)
{
    int in_kernel = 0, fd = fd_of(s);
    if (fd < 0 || ioctl(fd, SIOCOUTQ, &in_kernel) != 0)
        in_kernel = 0;
    return sock_queued(s) + (size_t)in_kernel;
}

bool sock_peer(const struct sock *s, struct sockaddr_storage *ret)
{
    int n = sizeof(*ret);
    return uv_tcp_getpeername(&s->tcp, (struct sockaddr *)ret, &n) == 0;
}

static void set_int(int fd, int level, int name, unsigned v)
{
    int value = (int)v;
    /* Best effort: a kernel without the option still has the deadlines of the layers above. */
    (void)setsockopt(fd, level, name, &value, sizeof(value));
}

void sock_set_keepalive(struct sock *s, unsigned idle_s, unsigned user_timeout_ms)
{
    int fd = fd_of(s);
    if (fd < 0)
        return;
    set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle_s);
    set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, idle_s / 4 + 1);
    set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
    if (user_timeout_ms)
        set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, user_timeout_ms);
}

const char *sock_tls_why(const struct sock *s)
{
    return s->tls ? tls_sock_why(s) : NULL;
}

/* ---- reading */

/* Under TLS the handshake reads whether or not the owner wants bytes yet. */
static bool wants_bytes(const struct sock *s)
{
    return s->reading || (s->tls && !tls_sock_is_ready(s));
}

static void on_uv_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *ret)
{
    (void)suggested;
    struct sock *s = h->data;
    struct iovec own = {NULL, 0};
    if (WEIR_UNLIKELY(!wants_bytes(s))) {
        *ret = (uv_buf_t){NULL, 0}; /* libuv answers with ENOBUFS and reads nothing */
        return;
    }
    if (!s->tls && s->ops->on_alloc)
        own = s->ops->on_alloc(s);
    if (own.iov_len == 0)
        own = (struct iovec){s->loop->read_buf, LOOP_READ_SIZE};
    *ret = (uv_buf_t){own.iov_base, own.iov_len};
}

static void on_bytes(struct sock *s, char *p, size_t n)
{
    s->bytes_in += n;
    if (s->tls)
        tls_sock_feed(s, p, n);
    else
        s->ops->on_read(s, p, n);
}

/* When bytes and a reset are found in one look at the socket, libuv delivers the bytes and then
 * calls the hang-up an end of file. That would make a body that ends with its connection look
 * whole, so an end is believed only if the kernel knows of no error. */
static int error_behind_eof(const struct sock *s)
{
    int err = 0, fd = fd_of(s);
    socklen_t n = sizeof(err);
    if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &n) != 0 || err == 0)
        return 0;
    return uv_translate_sys_error(err);
}

static void on_eof(struct sock *s)
{
    int err = error_behind_eof(s);
    if (err) {
        sock_fail_read(s, sock_rc_of_uv(err));
        return;
    }
    s->eof = true;
    s->armed = false;
    if (s->tls) {
        tls_sock_eof(s);
        return;
    }
    s->reading = false;
    if (s->ops->on_eof)
        s->ops->on_eof(s, true);
}

static void on_uv_read(uv_stream_t *h, ssize_t nread, const uv_buf_t *b)
{
    struct sock *s = h->data;
    if (WEIR_LIKELY(nread > 0)) {
        ASSERT(!s->closing && (size_t)nread <= b->len);
        on_bytes(s, b->base, (size_t)nread);
    } else if (nread == 0 || s->closing) {
        return;
    } else if (nread == UV_ENOBUFS && !wants_bytes(s)) {
        s->armed = false; /* paused, and now there is something to wait with: stop in earnest */
        uv_read_stop(h);
    } else if (nread == UV_EOF) {
        on_eof(s);
    } else {
        sock_fail_read(s, sock_rc_of_uv((int)nread));
    }
}

void sock_arm(struct sock *s)
{
    if (s->armed || s->eof || s->closing)
        return;
    s->armed = true;
    int err = uv_read_start(stream_of(s), on_uv_alloc, on_uv_read);
    if (err != 0)
        sock_fail_write(s, sock_rc_of_uv(err));
}

void sock_read_start(struct sock *s)
{
    if (s->closing || s->reading)
        return;
    s->reading = true;
    if (s->tls && tls_sock_has_bytes(s))
        loop_defer(s->loop, &s->later);
    sock_arm(s);
}

void sock_pause(struct sock *s)
{
    s->reading = false;
}

/* ---- writing */

void sock_try(struct sock *s, const struct iovec *iov, size_t n, size_t total, size_t *ret_done)
{
    ASSERT(n > 0 && total > 0);
    int sent = uv_try_write(stream_of(s), (const uv_buf_t *)(const void *)iov, (unsigned)n);
    if (WEIR_LIKELY(sent >= 0)) {
        ASSERT((size_t)sent <= total);
        s->bytes_out += (size_t)sent;
        *ret_done = (size_t)sent;
    } else if (sent == UV_EAGAIN) {
        *ret_done = 0;
    } else {
        sock_fail_write(s, sock_rc_of_uv(sent));
        *ret_done = total;
    }
}

enum rc sock_write(struct sock *s, const struct iovec *iov, size_t n, enum sock_mode mode)
{
    if (s->closing || s->write_failed || s->shut)
        return RC_CLOSED;
    size_t total = 0, done = 0;
    for (size_t i = 0; i < n; i++)
        total += iov[i].iov_len;
    if (total == 0)
        return RC_OK;
    if (!sock_has_queue(s)) {
        if (s->tls)
            tls_sock_write(s, iov, n, &done);
        else
            sock_try(s, iov, n, total, &done);
    }
    if (WEIR_UNLIKELY(done < total))
        TRY(sock_enqueue(s, iov, n, done, mode));
    if (WEIR_UNLIKELY(sock_has_queue(s)))
        sock_pump(s);
    return RC_OK;
}

void sock_shutdown(struct sock *s)
{
    if (s->closing || s->write_failed)
        return;
    s->shut = true;
    if (sock_has_queue(s))
        return; /* comes again when all has left */
    if (s->tls) {
        tls_sock_notify_close(s);
        sock_pump(s);
    }
    int fd = fd_of(s);
    if (!sock_has_queue(s) && fd >= 0)
        (void)shutdown(fd, SHUT_WR);
}
