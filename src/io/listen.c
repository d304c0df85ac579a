/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listen - see listen.h.
 *
 * The acceptor uses a poll handle and accept4 itself rather than libuv's stream listener: that one
 * accepts a single connection per callback, has no word for EMFILE but an endless loop or a trick
 * of its own that may not be asked about, and sets options call by call.
 */
#include "io/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/dns.h"

struct acceptor {
    uv_poll_t poll;
    struct timer rest;
    struct loop *loop;
    int fd;
    int reserve; /* an open fd to give up; -1: none now */
    unsigned open_handles;
    bool paused;
    uint64_t refused;
    void (*on_accept)(void *arg, int fd);
    void *arg;
};

/* ---- opening */

static bool is_every(str host)
{
    return host.n == 0 || str_eq(host, STR("*"));
}

static bool parse_address(str host, uint16_t port, union dns_addr *ret)
{
    if (is_every(host))
        host = STR("::");
    else if (str_eq_nocase(host, STR("localhost")))
        host = STR("127.0.0.1");
    if (!dns_literal(host, ret))
        return false;
    if (ret->any.sa_family == AF_INET6)
        ret->v6.sin6_port = htons(port);
    else
        ret->v4.sin_port = htons(port);
    return true;
}

static enum rc rc_of_errno(int err, const char **ret_why)
{
    if (ret_why)
        *ret_why = uv_strerror(uv_translate_sys_error(err));
    return err == EADDRINUSE ? RC_BUSY : RC_IO;
}

static bool set_on(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

static uint16_t port_of(int fd)
{
    union dns_addr a = {.v6 = {.sin6_family = AF_UNSPEC}};
    socklen_t n = sizeof(a);
    if (getsockname(fd, &a.any, &n) != 0)
        return 0;
    return ntohs(a.any.sa_family == AF_INET6 ? a.v6.sin6_port : a.v4.sin_port);
}

/* Without `share` only the binding is tried: nobody must reach a socket that is closed at once. */
static int open_bound(const union dns_addr *a, bool both, bool share, int backlog)
{
    int family = a->any.sa_family;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    socklen_t len = family == AF_INET6 ? sizeof(a->v6) : sizeof(a->v4);
    bool ok = set_on(fd, SOL_SOCKET, SO_REUSEADDR, 1) &&
              set_on(fd, SOL_SOCKET, SO_REUSEPORT, share) &&
              set_on(fd, IPPROTO_TCP, TCP_NODELAY, 1) &&
              (family != AF_INET6 || set_on(fd, IPPROTO_IPV6, IPV6_V6ONLY, !both)) &&
              bind(fd, &a->any, len) == 0 && (!share || listen(fd, backlog) == 0);
    if (ok)
        return fd;
    int err = errno;
    close(fd);
    errno = err;
    return -1;
}

static enum rc open_address(str host, uint16_t port, bool share, int backlog, int *ret_fd,
                            const char **ret_why)
{
    union dns_addr a;
    if (!parse_address(host, port, &a)) {
        if (ret_why)
            *ret_why = "not an IP address";
        return RC_CONFIG;
    }
    int fd = open_bound(&a, is_every(host), share, backlog);
    if (fd < 0 && is_every(host) && errno == EAFNOSUPPORT) { /* a kernel without IPv6 */
        (void)parse_address(STR("0.0.0.0"), port, &a);
        fd = open_bound(&a, false, share, backlog);
    }
    if (fd < 0)
        return rc_of_errno(errno, ret_why);
    *ret_fd = fd;
    return RC_OK;
}

enum rc listen_open(str host, uint16_t port, int backlog, int *ret_fd, uint16_t *ret_port,
                    const char **ret_why)
{
    TRY(open_address(host, port, true, backlog, ret_fd, ret_why));
    *ret_port = port_of(*ret_fd);
    return RC_OK;
}

enum rc listen_check(str host, uint16_t port, const char **ret_why)
{
    int fd;
    TRY(open_address(host, port, false, 1, &fd, ret_why));
    close(fd);
    return RC_OK;
}

/* ---- accepting */

static void on_ready(uv_poll_t *h, int status, int events);

static int open_reserve(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void watch(struct acceptor *a)
{
    if (!a->paused && a->rest.due == 0)
        uv_poll_start(&a->poll, UV_READABLE, on_ready);
    else
        uv_poll_stop(&a->poll);
}

static void on_rested(struct timer *t)
{
    struct acceptor *a = list_entry(t, struct acceptor, rest);
    if (a->reserve < 0)
        a->reserve = open_reserve();
    watch(a);
}

static void rest(struct acceptor *a)
{
    timer_set(&a->rest, loop_now(a->loop) + LISTEN_REST_MS);
    watch(a);
}

/* No fd left: let one client go with a close instead of leaving all in the dark, then rest. */
static void out_of_fds(struct acceptor *a)
{
    if (a->reserve >= 0) {
        close(a->reserve);
        int fd = accept4(a->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) {
            a->refused++;
            close(fd);
        }
        a->reserve = open_reserve();
    }
    rest(a);
}

static void on_ready(uv_poll_t *h, int status, int events)
{
    struct acceptor *a = h->data;
    (void)status;
    (void)events;
    for (int i = 0; i < LISTEN_BATCH && !a->paused; i++) {
        int fd = accept4(a->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            a->on_accept(a->arg, fd);
            continue;
        }
        if (errno == ECONNABORTED || errno == EPROTO || errno == EINTR || errno == EPERM)
            continue; /* the trouble of that one connection */
        if (errno == EMFILE || errno == ENFILE)
            out_of_fds(a);
        else if (errno != EAGAIN)
            rest(a); /* no memory, or something new: never a loop that spins */
        return;
    }
}

enum rc acceptor_new(struct loop *l, int fd, void (*on_accept)(void *arg, int fd), void *arg,
                     struct acceptor **ret)
{
    struct acceptor *a = mem_zalloc(sizeof(*a));
    if (!a || uv_poll_init(loop_uv(l), &a->poll, fd) != 0) {
        enum rc rc = a ? RC_IO : RC_NOMEM;
        mem_free(a);
        close(fd);
        return rc;
    }
    a->loop = l;
    a->fd = fd;
    a->reserve = open_reserve();
    a->open_handles = 2;
    a->on_accept = on_accept;
    a->arg = arg;
    a->poll.data = a;
    timer_init(&a->rest, l, on_rested);
    watch(a);
    *ret = a;
    return RC_OK;
}

void acceptor_pause(struct acceptor *a)
{
    a->paused = true;
    watch(a);
}

void acceptor_resume(struct acceptor *a)
{
    a->paused = false;
    watch(a);
}

uint64_t acceptor_refused(const struct acceptor *a)
{
    return a->refused;
}

static void closed_one(struct acceptor *a)
{
    ASSERT(a->open_handles > 0);
    if (--a->open_handles == 0)
        mem_free(a);
}

static void on_poll_closed(uv_handle_t *h)
{
    closed_one(h->data);
}

static void on_timer_closed(struct timer *t)
{
    closed_one(list_entry(t, struct acceptor, rest));
}

void acceptor_free(struct acceptor *a)
{
    if (!a)
        return;
    a->paused = true;
    uv_poll_stop(&a->poll);
    uv_close((uv_handle_t *)&a->poll, on_poll_closed);
    timer_close(&a->rest, on_timer_closed);
    close(a->fd); /* libuv has let go of it in uv_poll_stop */
    if (a->reserve >= 0)
        close(a->reserve);
}
