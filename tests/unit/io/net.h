/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net - what the tests of io/ and client/ share: turning a loop until something holds, and pairs of
 * connected sockets whose owners record what they are told.
 */
#pragma once
#include "../unit.h"

#include <sys/socket.h>
#include <time.h>

#include "base/buf.h"
#include "base/mem.h"
#include "io/dial.h"
#include "io/listen.h"
#include "io/sock.h"
#include "io/tls.h"

/* How much longer than on a quiet machine a test waits before it gives up: a loaded one, or
 * valgrind, must not fail it. Costs nothing where all is well. */
#define PATIENCE 10

/* Turn `l` until cond holds; fail the test when it does not within ms, on a quiet machine. */
#define RUN_UNTIL(l, cond, ms)                                          \
    do {                                                                \
        usec end_ = loop_now_us() + (usec)(ms)*1000 * PATIENCE;         \
        while (!(cond)) {                                               \
            if (loop_now_us() > end_)                                   \
                fail_msg("not within %d ms: %s", (ms)*PATIENCE, #cond); \
            loop_turn((l), false);                                      \
            nanosleep(&(struct timespec){.tv_nsec = 50000}, 0);         \
        }                                                               \
    } while (0)

static inline void run_for(struct loop *l, unsigned ms)
{
    usec end = loop_now_us() + (usec)ms * 1000;
    while (loop_now_us() < end) {
        loop_turn(l, false);
        nanosleep(&(struct timespec){.tv_nsec = 100000}, 0);
    }
}

/* The time, with the loop's cached one brought up to it: where a limit is to be measured from. */
static inline usec fresh_now(struct loop *l)
{
    loop_turn(l, false);
    return loop_now_us();
}

static inline struct loop *need_loop(void)
{
    struct loop *l;
    assert_int_equal(loop_new(&l), RC_OK);
    return l;
}

static inline union dns_addr need_addr(const char *text)
{
    union dns_addr a;
    assert_true(dns_literal(str_c(text), &a));
    return a;
}

/* ---- one end of a connection, which records */

struct end {
    struct sock s; /* first */
    struct buf got;
    unsigned opens, eofs, errors, drains, closes, reads;
    enum rc open_rc, error_rc;
    bool eof_clean;
    bool was_open; /* the sock was handed over */
    /* knobs */
    bool no_read; /* do not start reading at once */
    char *into;   /* on_alloc: this memory, size into_n */
    size_t into_n;
    void (*on_read)(struct end *e, char *p, size_t n); /* instead of recording */
    void (*on_open)(struct end *e);
    void (*on_any)(struct end *e, const char *what); /* after each callback */
    void *arg;
};

static inline void end_any(struct end *e, const char *what)
{
    if (e->on_any)
        e->on_any(e, what);
}

static inline void end_open(struct sock *s, enum rc rc)
{
    struct end *e = (struct end *)s;
    e->opens++;
    e->open_rc = rc;
    if (rc == RC_OK && !e->no_read)
        sock_read_start(s);
    if (e->on_open)
        e->on_open(e);
    end_any(e, "open");
}

static inline struct iovec end_alloc(struct sock *s)
{
    struct end *e = (struct end *)s;
    return (struct iovec){e->into, e->into_n};
}

static inline void end_read(struct sock *s, char *p, size_t n)
{
    struct end *e = (struct end *)s;
    assert_true(n > 0);
    assert_int_equal(e->eofs, 0);
    assert_int_equal(e->closes, 0);
    e->reads++;
    if (e->on_read)
        e->on_read(e, p, n);
    else
        buf_add(&e->got, str_of(p, n));
    end_any(e, "read");
}

static inline void end_eof(struct sock *s, bool clean)
{
    struct end *e = (struct end *)s;
    e->eofs++;
    e->eof_clean = clean;
    end_any(e, "eof");
}

static inline void end_drain(struct sock *s)
{
    struct end *e = (struct end *)s;
    e->drains++;
    end_any(e, "drain");
}

static inline void end_error(struct sock *s, enum rc rc)
{
    struct end *e = (struct end *)s;
    e->errors++;
    e->error_rc = rc;
    end_any(e, "error");
}

static inline void end_closed(struct sock *s)
{
    struct end *e = (struct end *)s;
    e->closes++;
}

static const struct sock_ops end_ops = {end_open,  end_alloc, end_read,  end_eof,
                                        end_drain, end_error, end_closed};

static inline void end_init(struct end *e)
{
    *e = (struct end){.got = BUF_INIT(64 << 20)};
}

static inline void end_fini(struct loop *l, struct end *e)
{
    if (e->was_open) {
        sock_close(&e->s);
        RUN_UNTIL(l, e->closes, 1000);
        assert_int_equal(e->closes, 1);
    }
    buf_fini(&e->got);
}

static inline enum rc end_send(struct end *e, const void *p, size_t n, enum sock_mode mode)
{
    struct iovec iov = {(void *)(uintptr_t)p, n};
    return sock_write(&e->s, &iov, 1, mode);
}

/* ---- a connected pair */

struct pair {
    struct loop *l;
    struct acceptor *acceptor;
    uint16_t port;
    int accepted, dialed; /* fds; -1: not yet */
    struct end server, client;
};

static inline void pair_accepted(void *arg, int fd)
{
    struct pair *p = arg;
    assert_int_equal(p->accepted, -1);
    p->accepted = fd;
}

static inline void pair_dialed(void *arg, enum rc rc, int fd, const char *why)
{
    struct pair *p = arg;
    (void)why;
    assert_int_equal(rc, RC_OK);
    p->dialed = fd;
}

/* Two TCP sockets, connected but not yet owned by ends. */
static inline void pair_connect(struct pair *p)
{
    int fd;
    *p = (struct pair){.accepted = -1, .dialed = -1};
    end_init(&p->server);
    end_init(&p->client);
    p->l = need_loop();
    assert_int_equal(listen_open(STR("127.0.0.1"), 0, 8, &fd, &p->port, NULL), RC_OK);
    assert_int_equal(acceptor_new(p->l, fd, pair_accepted, p, &p->acceptor), RC_OK);
    union dns_addr a = need_addr("127.0.0.1");
    assert_non_null(dial_start(p->l, &a, 1, p->port, pair_dialed, p));
    RUN_UNTIL(p->l, p->accepted >= 0 && p->dialed >= 0, 1000);
}

/* Both ends as socks; under TLS (server, client given) the handshake is started. */
static inline void pair_start(struct pair *p, struct tls_ctx *server,
                              const struct tls_client *client)
{
    assert_int_equal(sock_accept(&p->server.s, p->l, p->accepted, server, &end_ops), RC_OK);
    assert_int_equal(sock_connected(&p->client.s, p->l, p->dialed, &end_ops), RC_OK);
    p->server.was_open = p->client.was_open = true;
    if (client)
        assert_int_equal(sock_start_tls(&p->client.s, client), RC_OK);
    else if (!p->client.no_read)
        sock_read_start(&p->client.s);
}

static inline void pair_open(struct pair *p, struct tls_ctx *server,
                             const struct tls_client *client)
{
    pair_connect(p);
    pair_start(p, server, client);
    RUN_UNTIL(p->l, p->server.opens && (!client || p->client.opens), 5000);
    assert_int_equal(p->server.open_rc, RC_OK);
}

static inline void pair_close(struct pair *p)
{
    end_fini(p->l, &p->server);
    end_fini(p->l, &p->client);
    acceptor_free(p->acceptor);
    loop_free(p->l);
}
