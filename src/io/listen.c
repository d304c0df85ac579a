/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listen - see listen.h.
 *
 * The acceptor uses a poll handle and accept4 itself rather than libuv's stream listener: that one
 * accepts a single connection per callback, has no word for EMFILE but an endless loop or a trick
 * of its own that may not be asked about, and sets options call by call.
 */
#include "io/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

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

static bool parse_address(str host, uint16_t port, struct sockaddr_storage *ret, socklen_t *ret_len)
{
    char text[INET6_ADDRSTRLEN + 1];
    struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
    *ret = (struct sockaddr_storage){0};
    if (host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = str_of(host.p + 1, host.n - 2);
    if (str_eq_nocase(host, STR("localhost")))
        host = STR("127.0.0.1");
    if (host.n == 0 || str_eq(host, STR("*")))
        host = STR("::");
    if (host.n >= sizeof(text))
        return false;
    memcpy(text, host.p, host.n);
    text[host.n] = '\0';
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        *ret_len = sizeof(*v4);
        return true;
    }
    if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        *ret_len = sizeof(*v6);
        return true;
    }
    return false;
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
    struct sockaddr_storage a;
    socklen_t n = sizeof(a);
    if (getsockname(fd, (struct sockaddr *)&a, &n) != 0)
        return 0;
    return ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&a)->sin6_port
                                         : ((struct sockaddr_in *)&a)->sin_port);
}

static int open_bound(const struct sockaddr_storage *a, socklen_t len, bool both, int backlog)
{
    int fd = socket(a->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    bool ok = set_on(fd, SOL_SOCKET, SO_REUSEADDR, 1) && set_on(fd, SOL_SOCKET, SO_REUSEPORT, 1) &&
              set_on(fd, IPPROTO_TCP, TCP_NODELAY, 1) &&
              (a->ss_family != AF_INET6 || set_on(fd, IPPROTO_IPV6, IPV6_V6ONLY, !both)) &&
              bind(fd, (const struct sockaddr *)a, len) == 0 && listen(fd, backlog) == 0;
    if (ok)
        return fd;
    int err = errno;
    close(fd);
    errno = err;
    return -1;
}

enum rc listen_open(str host, uint16_t port, int backlog, int *ret_fd, uint16_t *ret_port,
                    const char **ret_why)
{
    struct sockaddr_storage a;
    socklen_t len;
    if (!parse_address(host, port, &a, &len)) {
        if (ret_why)
            *ret_why = "not an IP address";
        return RC_CONFIG;
    }
    bool both = host.n == 0 || str_eq(host, STR("*"));
    int fd = open_bound(&a, len, both, backlog);
    if (fd < 0 && both && errno == EAFNOSUPPORT) { /* a kernel without IPv6 */
        (void)parse_address(STR("0.0.0.0"), port, &a, &len);
        fd = open_bound(&a, len, false, backlog);
    }
    if (fd < 0)
        return rc_of_errno(errno, ret_why);
    *ret_fd = fd;
    *ret_port = port_of(fd);
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
    timer_set(&a->rest, loop_now(a->loop) + LISTEN_REST_MS);
    watch(a);
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
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            out_of_fds(a);
        /* EAGAIN: all taken. Others belong to the connection that failed (ECONNABORTED…): the next
         * wake-up goes on with the next one. */
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
