/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dial - see dial.h.
 *
 * Works on bare descriptors under libuv poll handles, because the winner must end up in a stream
 * handle that somebody else owns, and libuv cannot move a stream from one handle to another.
 */
#include "io/dial.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

struct attempt {
    uv_poll_t poll;
    struct dial *dial;
    int fd; /* -1: over */
};

struct dial {
    struct loop *loop;
    struct timer step;
    struct deferred later; /* failures that come at once */
    dial_fn *fn;           /* NULL: told, or cancelled */
    void *arg;
    union dns_addr addrs[DNS_ADDRS_MAX];
    size_t n, next; /* next: the address to try */
    struct attempt tries[DNS_ADDRS_MAX];
    unsigned running;
    unsigned open_handles;
    int last_errno;
};

static void go_on(struct dial *d);

/* ---- the end */

static void closed_one(struct dial *d)
{
    if (--d->open_handles == 0)
        mem_free(d);
}

static void on_poll_closed(uv_handle_t *h)
{
    struct attempt *a = h->data;
    closed_one(a->dial);
}

static void on_step_closed(struct timer *t)
{
    closed_one(list_entry(t, struct dial, step));
}

/* Let go of the socket; returns it. libuv forgets it before the handle is closed. */
static int release(struct attempt *a)
{
    int fd = a->fd;
    ASSERT(fd >= 0 && a->dial->running > 0);
    a->fd = -1;
    a->dial->running--;
    uv_poll_stop(&a->poll);
    uv_close((uv_handle_t *)&a->poll, on_poll_closed);
    return fd;
}

void dial_cancel(struct dial *d)
{
    if (!d->fn)
        return;
    d->fn = NULL;
    for (size_t i = 0; i < d->next; i++) {
        if (d->tries[i].fd >= 0)
            close(release(&d->tries[i]));
    }
    deferred_cancel(&d->later);
    timer_close(&d->step, on_step_closed);
}

static void finish(struct dial *d, enum rc rc, int fd)
{
    dial_fn *fn = d->fn;
    ASSERT(fn != NULL);
    const char *why = rc == RC_OK ? NULL : uv_strerror(uv_translate_sys_error(d->last_errno));
    dial_cancel(d);
    fn(d->arg, rc, fd, why);
}

/* ---- one try */

static void on_connected(uv_poll_t *h, int status, int events)
{
    struct attempt *a = h->data;
    struct dial *d = a->dial;
    int err = 0;
    socklen_t n = sizeof(err);
    (void)events;
    /* libuv turns the error condition into a code of its own; the socket knows better. */
    if (getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &err, &n) != 0)
        err = errno;
    else if (err == 0 && status < 0)
        err = -status;
    int fd = release(a);
    if (err == 0) {
        finish(d, RC_OK, fd);
        return;
    }
    close(fd);
    d->last_errno = err;
    go_on(d);
}

static int open_connecting(const union dns_addr *to)
{
    int one = 1;
    int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    socklen_t len = to->any.sa_family == AF_INET6 ? sizeof(to->v6) : sizeof(to->v4);
    if (connect(fd, &to->any, len) == 0 || errno == EINPROGRESS)
        return fd;
    int err = errno;
    close(fd);
    errno = err;
    return -1;
}

/* Start the try of the next address. False: it failed at once. */
static bool start(struct dial *d)
{
    CHECK(d->next < d->n && d->n <= DNS_ADDRS_MAX);
    struct attempt *a = &d->tries[d->next];
    int fd = open_connecting(&d->addrs[d->next++]);
    *a = (struct attempt){.dial = d, .fd = -1};
    if (fd < 0 || uv_poll_init(loop_uv(d->loop), &a->poll, fd) != 0) {
        d->last_errno = fd < 0 ? errno : EMFILE;
        if (fd >= 0)
            close(fd);
        return false;
    }
    a->fd = fd;
    a->poll.data = a;
    d->open_handles++;
    d->running++;
    uv_poll_start(&a->poll, UV_WRITABLE, on_connected);
    return true;
}

/* Start the next address that does not fail at once; with none left and none running, it is over.
 */
static void go_on(struct dial *d)
{
    while (d->next < d->n) {
        if (!start(d))
            continue;
        if (d->next < d->n)
            timer_set(&d->step, loop_now(d->loop) + DIAL_STEP_MS);
        return;
    }
    if (d->running == 0)
        loop_defer(d->loop, &d->later);
}

static void on_step(struct timer *t)
{
    go_on(list_entry(t, struct dial, step));
}

static void on_failed(struct deferred *later)
{
    finish(list_entry(later, struct dial, later), RC_CONNECT, -1);
}

/* ---- the start */

/* RFC 8305 §4: alternate the families, keeping the resolver's order within each. */
static void interleave(struct dial *d, const union dns_addr *addrs, size_t n, uint16_t port)
{
    size_t at[2] = {0, 0}; /* the next of the first address's family, and of the other */
    for (d->n = 0; d->n < n;) {
        for (unsigned other = 0; other < 2; other++) {
            size_t *i = &at[other];
            while (*i < n && (addrs[*i].any.sa_family != addrs[0].any.sa_family) != other)
                ++*i;
            if (*i < n)
                d->addrs[d->n++] = addrs[(*i)++];
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (d->addrs[i].any.sa_family == AF_INET6)
            d->addrs[i].v6.sin6_port = htons(port);
        else
            d->addrs[i].v4.sin_port = htons(port);
    }
}

struct dial *dial_start(struct loop *l, const union dns_addr *addrs, size_t n, uint16_t port,
                        dial_fn *fn, void *arg)
{
    CHECK(n > 0 && n <= DNS_ADDRS_MAX);
    struct dial *d = mem_zalloc(sizeof(*d));
    if (!d)
        return NULL;
    d->loop = l;
    d->fn = fn;
    d->arg = arg;
    d->later.fn = on_failed;
    d->open_handles = 1;
    timer_init(&d->step, l, on_step);
    interleave(d, addrs, n, port);
    go_on(d);
    return d;
}
