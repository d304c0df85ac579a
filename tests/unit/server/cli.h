/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli - raw clients of a site, on the same thread: each turn the loop runs once and every client
 * moves what it can. What came is kept as it is; cli_next takes answers off it, strictly.
 */
#pragma once
#include "site.h"

#include <errno.h>
#include <netinet/in.h>

#include "http/h1.h"

#define SMALL_BUF 16384

struct cli {
    struct site *site;
    int fd;
    const char *out; /* what is still to be sent; borrowed */
    size_t out_n;
    size_t step; /* send at most so much a turn; 0: all */
    char *got;
    size_t n, cap, taken;
    size_t read_max; /* stop reading at so many bytes */
    bool stopped;    /* does not read */
    bool eof, reset;
};

struct answer {
    unsigned status, interim; /* interim: 100s before it */
    str head, body;
    bool keep_alive;
    bool whole; /* to its proper end */
};

static inline void cli_init(struct cli *c, struct site *s)
{
    *c = (struct cli){.site = s, .fd = -1, .read_max = SIZE_MAX};
}

static inline void fd_int(int fd, int level, int name, int value)
{
    assert_int_equal(setsockopt(fd, level, name, &value, sizeof(value)), 0);
}

/* Connect, and hand the other end to the server. small: with little room in the kernel. */
static inline void cli_open_as(struct cli *c, struct site *s, bool small)
{
    cli_init(c, s);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(c->fd >= 0);
    s->kernel_buf = small ? SMALL_BUF : 0;
    if (small) {
        fd_int(c->fd, SOL_SOCKET, SO_RCVBUF, SMALL_BUF);
        fd_int(c->fd, SOL_SOCKET, SO_SNDBUF, SMALL_BUF);
    }
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(s->port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(c->fd, (struct sockaddr *)&to, sizeof(to)), 0);
    assert_int_equal(fcntl(c->fd, F_SETFL, O_NONBLOCK), 0);
    fd_int(c->fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, 1);
    int fd = -1;
    for (int i = 0; i < 1000 && fd < 0; i++)
        fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(fd >= 0);
    if (s->kernel_buf) {
        fd_int(fd, SOL_SOCKET, SO_SNDBUF, s->kernel_buf);
        fd_int(fd, SOL_SOCKET, SO_RCVBUF, s->kernel_buf);
    }
    server_accept(s->server, fd, s->tls);
}

static inline void cli_open(struct cli *c, struct site *s)
{
    cli_open_as(c, s, false);
}

static inline void cli_open_small(struct cli *c, struct site *s)
{
    cli_open_as(c, s, true);
}

static inline void cli_fin(struct cli *c)
{
    shutdown(c->fd, SHUT_WR);
}

static inline void cli_close(struct cli *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    free(c->got);
    c->got = NULL;
    c->n = c->cap = c->taken = 0;
}

static inline void cli_reset(struct cli *c)
{
    struct linger none = {.l_onoff = 1};
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
    cli_close(c);
}

static inline void cli_pump_out(struct cli *c)
{
    while (c->out_n && !c->reset) {
        size_t n = c->step && c->step < c->out_n ? c->step : c->out_n;
        ssize_t k = send(c->fd, c->out, n, MSG_NOSIGNAL);
        if (k < 0) {
            if (errno != EAGAIN)
                c->out_n = 0; /* the server refuses more; its words may still be read */
            return;
        }
        c->out += k;
        c->out_n -= (size_t)k;
        if (c->step)
            return;
    }
}

static inline void cli_pump_in(struct cli *c)
{
    while (!c->stopped && !c->eof && c->n < c->read_max) {
        if (c->cap - c->n < 65536) {
            c->cap = c->cap ? c->cap * 2 : 131072;
            c->got = realloc(c->got, c->cap);
            assert_non_null(c->got);
        }
        size_t room = c->cap - c->n, most = c->read_max - c->n;
        ssize_t k = recv(c->fd, c->got + c->n, room < most ? room : most, 0);
        if (k < 0 && errno == EAGAIN)
            return;
        c->reset = k < 0;
        c->eof = k <= 0;
        c->n += k > 0 ? (size_t)k : 0;
    }
}

static inline void cli_turn(struct cli *c)
{
    if (c->fd < 0)
        return;
    cli_pump_out(c);
    cli_pump_in(c);
}

/* One turn of the loop and of one client (NULL: none). */
static inline void turn(struct site *s, struct cli *c)
{
    if (c)
        cli_turn(c);
    loop_turn(s->l, false);
    if (c)
        cli_turn(c);
}

/* Until cond holds, at most 10 seconds: machines may be slow, but nothing here takes so long. */
#define UNTIL(s, c, cond)                                           \
    do {                                                            \
        usec end_ = loop_now_us() + 10000000;                       \
        for (unsigned i_ = 0; !(cond); i_++) {                      \
            if (loop_now_us() > end_)                               \
                fail_msg("not within 10 s: %s", #cond);             \
            turn((s), (c));                                         \
            if (i_ % 8 == 7)                                        \
                nanosleep(&(struct timespec){.tv_nsec = 20000}, 0); \
        }                                                           \
    } while (0)

static inline void run_for(struct site *s, struct cli *c, unsigned ms)
{
    usec end = loop_now_us() + (usec)ms * 1000;
    while (loop_now_us() < end) {
        turn(s, c);
        nanosleep(&(struct timespec){.tv_nsec = 100000}, 0);
    }
}

static inline void cli_send(struct cli *c, const void *p, size_t n)
{
    assert_int_equal(c->out_n, 0);
    c->out = p;
    c->out_n = n;
}

/* Send all of it, turning the loop. */
static inline void cli_put(struct cli *c, const char *text)
{
    cli_send(c, text, strlen(text));
    UNTIL(c->site, c, c->out_n == 0);
}

/* ---- answers */

/* The chunks at the front of *in, moved together at `to`. */
static inline enum h1_result unchunk(str *in, char *to, size_t *ret_n)
{
    struct chunk_decoder d;
    str data;
    *ret_n = 0;
    chunk_init(&d);
    for (;;) {
        enum h1_result r = chunk_next(&d, in, &data);
        if (r != H1_MORE || data.n == 0)
            return r;
        memmove(to + *ret_n, data.p, data.n);
        *ret_n += data.n;
    }
}

/* Take one final answer off what came (to_head: to a HEAD request). False: not yet whole. The
 * slices point into c->got: valid until the next turn. At the end of the connection also one that
 * is not whole is taken, if its head is there. */
static inline bool cli_next(struct cli *c, bool to_head, struct answer *a)
{
    struct h1_head h;
    size_t at = c->taken, used = 0;
    unsigned interim = 0;
    for (;;) {
        if (at == c->n)
            return false;
        enum h1_result r = h1_response(&h, str_of(c->got + at, c->n - at), 0, to_head, &used);
        if (r == H1_BAD)
            fail_msg("bad answer (%s): %.*s", h.bad_why, (int)(c->n - at), c->got + at);
        if (r == H1_MORE)
            return false;
        if (h.status != 100)
            break;
        at += used;
        interim++;
    }
    *a = (struct answer){.status = h.status,
                         .interim = interim,
                         .head = str_of(c->got + at, used),
                         .keep_alive = h.keep_alive};
    at += used;
    str rest = str_of(c->got + at, c->n - at);
    size_t n = 0;
    switch (h.body) {
    case H1_BODY_NONE:
        a->whole = true;
        break;
    case H1_BODY_LENGTH:
        n = rest.n < h.content_length ? rest.n : (size_t)h.content_length;
        a->whole = n == h.content_length;
        a->body = str_head(rest, n);
        rest = str_from(rest, n);
        break;
    case H1_BODY_UNTIL_CLOSE:
        a->body = rest;
        a->whole = c->eof && !c->reset;
        rest = str_from(rest, rest.n);
        break;
    case H1_BODY_CHUNKED: {
        if (!c->eof) { /* decoding moves bytes: only when it is all there */
            struct chunk_decoder d;
            str in = rest, data;
            chunk_init(&d);
            enum h1_result r;
            do
                r = chunk_next(&d, &in, &data);
            while (r == H1_MORE && data.n);
            assert_int_not_equal(r, H1_BAD);
            if (r == H1_MORE)
                return false;
        }
        char *to = c->got + at;
        a->whole = unchunk(&rest, to, &n) == H1_DONE;
        a->body = str_of(to, n);
        break;
    }
    }
    if (!a->whole && !c->eof)
        return false;
    c->taken = c->n - rest.n;
    return true;
}

/* Wait for an answer, and check its status. */
#define EXPECT(c, a, code)                              \
    do {                                                \
        UNTIL((c)->site, (c), cli_next((c), false, a)); \
        assert_int_equal((a)->status, (code));          \
    } while (0)

/* Wait for the end of the connection; nothing may come that was not taken yet. */
#define EXPECT_END(c)                         \
    do {                                      \
        UNTIL((c)->site, (c), (c)->eof);      \
        assert_int_equal((c)->n, (c)->taken); \
    } while (0)

/* Everything that was begun has ended, and the client is not there any more. */
static inline void expect_quiet(struct site *s)
{
    UNTIL(s, NULL, server_conns(s->server) == 0);
    assert_int_equal(server_requests(s->server), 0);
    assert_int_equal(s->known, s->sent + s->gone); /* each ended, once */
    assert_int_equal(s->depth, 0);
    assert_true(s->deepest <= 1); /* the handler was never called inside the handler */
    assert_true(list_is_empty(&s->waiting));
}

/* As after a request, the server still serves others. */
static inline void expect_alive(struct site *s)
{
    struct cli c;
    struct answer a;
    cli_open(&c, s);
    cli_put(&c, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nalive");
    EXPECT(&c, &a, 200);
    assert_str(a.body, "alive");
    assert_true(a.keep_alive);
    cli_close(&c);
}

/* The end of most tests. */
static inline void all_quiet(struct site *s, struct cli *c)
{
    cli_close(c);
    expect_quiet(s);
    site_close(s);
}
