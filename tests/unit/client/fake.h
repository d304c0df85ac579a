/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake - a provider on loopback that does what a test says, and a caller that records what it is
 * told. Both live on the test's own loop, so every interleaving is the test's choice.
 */
#pragma once
#include "../io/net.h"

#include <stdio.h>

#include "client/client.h"

#define FAKE_CONNS 80

struct fake;

struct fake_conn {
    struct end end; /* first */
    struct fake *fake;
    unsigned requests;                /* whole ones seen */
    char target[100], proxy_auth[50]; /* of the last */
};

struct fake {
    struct loop *l;
    struct acceptor *acceptor;
    uint16_t port;
    struct tls_ctx *tls;
    const char *reply; /* to every whole request; NULL: the test speaks */
    unsigned requests, nconns;
    unsigned close_after; /* requests on one connection; 0: never */
    bool deaf;            /* accept, and never read */
    void (*on_request)(struct fake_conn *c);
    struct fake_conn conns[FAKE_CONNS];
};

static inline void fake_say(struct fake_conn *c, const char *text)
{
    (void)end_send(&c->end, text, strlen(text), SOCK_COPY);
}

/* A whole request is a head and Content-Length bytes (or none). */
static inline bool fake_take_request(struct fake_conn *c)
{
    struct h1_head h;
    size_t used;
    str in = buf_str(&c->end.got);
    if (in.n == 0 || h1_request(&h, in, 0, &used) != H1_DONE)
        return false;
    size_t body = h.body == H1_BODY_LENGTH ? (size_t)h.content_length : 0;
    if (in.n < used + body)
        return false;
    snprintf(c->target, sizeof(c->target), STR_FMT, STR_ARG(h.target));
    str auth = h1_find(&h, STR("proxy-authorization"));
    snprintf(c->proxy_auth, sizeof(c->proxy_auth), STR_FMT, STR_ARG(auth));
    buf_consume(&c->end.got, used + body);
    c->requests++;
    c->fake->requests++;
    return true;
}

static inline void fake_any(struct end *e, const char *what)
{
    struct fake_conn *c = (struct fake_conn *)e;
    if (strcmp(what, "read") != 0) {
        if (strcmp(what, "eof") == 0 || strcmp(what, "error") == 0)
            sock_close(&e->s);
        return;
    }
    while (!e->s.closing && fake_take_request(c)) {
        if (c->fake->on_request)
            c->fake->on_request(c);
        else if (c->fake->reply)
            fake_say(c, c->fake->reply);
        if (c->fake->close_after && c->requests == c->fake->close_after)
            sock_shutdown(&e->s);
    }
}

static inline void fake_accept(void *arg, int fd)
{
    struct fake *f = arg;
    assert_true(f->nconns < FAKE_CONNS);
    struct fake_conn *c = &f->conns[f->nconns++];
    *c = (struct fake_conn){.fake = f};
    end_init(&c->end);
    c->end.no_read = f->deaf;
    c->end.on_any = fake_any;
    assert_int_equal(sock_accept(&c->end.s, f->l, fd, f->tls, &end_ops), RC_OK);
    c->end.was_open = true;
}

static inline void fake_open(struct fake *f, struct loop *l, struct tls_ctx *tls)
{
    int fd;
    *f = (struct fake){.l = l, .tls = tls};
    assert_int_equal(listen_open(STR("127.0.0.1"), 0, 64, &fd, &f->port, NULL), RC_OK);
    assert_int_equal(acceptor_new(l, fd, fake_accept, f, &f->acceptor), RC_OK);
}

static inline void fake_close(struct fake *f)
{
    acceptor_free(f->acceptor);
    for (unsigned i = 0; i < f->nconns; i++)
        end_fini(f->l, &f->conns[i].end);
}

/* Close with a reset. */
static inline void fake_reset(struct fake_conn *c)
{
    struct linger now = {.l_onoff = 1};
    uv_os_fd_t fd;
    assert_int_equal(uv_fileno((uv_handle_t *)&c->end.s.tcp, &fd), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
    c->end.s.write_failed = true; /* TLS: not even a close_notify */
    sock_close(&c->end.s);
}

/* ---- the caller */

struct probe {
    struct exchange x; /* first */
    struct iovec iov[2];
    unsigned heads, ends, fails;
    unsigned status;
    struct buf body;
    bool by_close, reused;
    struct exchange_fail fail;
    char head[512];
    /* knobs: what to do where */
    bool cancel_in_head, cancel_in_body, pause_in_body;
    void (*on_end)(struct probe *p);
    void *arg;
};

static inline bool probe_is_over(const struct probe *p)
{
    return p->ends || p->fails;
}

static inline void probe_head(struct exchange *x, const struct h1_head *h)
{
    struct probe *p = (struct probe *)x;
    assert_false(probe_is_over(p));
    p->heads++;
    p->status = h->status;
    p->reused = exchange_is_reused(x);
    if (p->cancel_in_head)
        exchange_cancel(x);
}

static inline void probe_body(struct exchange *x, char *b, size_t n)
{
    struct probe *p = (struct probe *)x;
    assert_int_equal(p->heads, 1);
    assert_false(probe_is_over(p));
    assert_true(n > 0);
    assert_false(x->paused);
    buf_add(&p->body, str_of(b, n));
    if (p->pause_in_body)
        exchange_pause(x);
    if (p->cancel_in_body)
        exchange_cancel(x);
}

static inline void probe_end(struct exchange *x, bool by_close)
{
    struct probe *p = (struct probe *)x;
    assert_false(probe_is_over(p));
    p->ends++;
    p->by_close = by_close;
    if (p->on_end)
        p->on_end(p);
}

static inline void probe_fail(struct exchange *x, const struct exchange_fail *f)
{
    struct probe *p = (struct probe *)x;
    assert_false(probe_is_over(p));
    assert_non_null(f->what);
    p->fails++;
    p->fail = *f;
}

static const struct exchange_ops probe_ops = {
    .on_head = probe_head, .on_body = probe_body, .on_end = probe_end, .on_fail = probe_fail};

static const struct exchange_limits probe_limits = {
    .connect_ms = 20000, .tls_ms = 20000, .first_byte_ms = 20000, .idle_ms = 20000};

/* What probes say in Host. */
static const char *probe_host = "fake";

/* POST with n bytes of body (may be NULL). */
static inline void probe_init(struct probe *p, struct origin *o, const char *body, size_t n)
{
    *p = (struct probe){.body = BUF_INIT(64 << 20)};
    int len =
        snprintf(p->head, sizeof(p->head),
                 "POST /v1/x HTTP/1.1\r\nhost: %s\r\ncontent-length: %zu\r\n\r\n", probe_host, n);
    p->iov[0] = (struct iovec){p->head, (size_t)len};
    p->iov[1] = (struct iovec){(char *)(uintptr_t)body, n};
    p->x.ops = &probe_ops;
    p->x.origin = o;
    p->x.iov = p->iov;
    p->x.niov = n ? 2 : 1;
    p->x.limits = probe_limits;
}

static inline void probe_fini(struct probe *p)
{
    buf_fini(&p->body);
}

/* ---- a client and a fake */

struct scene {
    struct loop *l;
    struct client *c;
    struct fake f;
    struct origin *o;
};

static inline struct origin *scene_origin(struct scene *s, const char *host)
{
    struct origin_spec spec = {.host = str_c(host), .port = s->f.port};
    struct origin *o = client_origin(s->c, &spec);
    assert_non_null(o);
    return o;
}

static inline void scene_init(struct scene *s)
{
    s->l = need_loop();
    fake_open(&s->f, s->l, NULL);
    assert_int_equal(client_new(s->l, &s->c), RC_OK);
    s->o = scene_origin(s, "127.0.0.1");
}

static inline void scene_fini(struct scene *s)
{
    client_free(s->c);
    fake_close(&s->f);
    loop_free(s->l);
}

#define OK_HELLO "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"

/* One exchange to its end; the probe is the caller's to look at and to fini. */
static inline void scene_run(struct scene *s, struct probe *p)
{
    exchange_start(s->c, &p->x);
    assert_false(probe_is_over(p)); /* never inside */
    RUN_UNTIL(s->l, probe_is_over(p), 5000);
}

/* The same, expecting `hello`. */
static inline bool scene_hello(struct scene *s)
{
    struct probe p;
    probe_init(&p, s->o, "ping", 4);
    scene_run(s, &p);
    assert_int_equal(p.ends, 1);
    assert_int_equal(p.status, 200);
    assert_str(buf_str(&p.body), "hello");
    bool reused = p.reused;
    probe_fini(&p);
    return reused;
}
