/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn - one client connection: its states and its end.
 *
 *     IDLE -> [HEAD] -> [BODY] -> BUSY -> IDLE ...      keep-alive
 *                \         \        \---> LINGER -> CLOSING   bytes that nobody wants may come
 *                 \---------\-----------> CLOSING
 *
 * HEAD and BODY are states only while bytes are missing: a request that comes whole goes from IDLE
 * to BUSY in one step. The handler may end a request inside any of its callbacks; so nothing here
 * touches a request after it has called the handler, and the connection itself is freed only when
 * the loop has closed its handles.
 */
#include "server/server_int.h"

#include <unistd.h>

#include "base/mem.h"

static struct conn *conn_of(struct sock *s)
{
    return (struct conn *)(void *)s;
}

void conn_set_state(struct conn *c, enum conn_state state)
{
    /* or the next request's bytes would go into the last one's answer */
    CHECK((state == CONN_BODY || state == CONN_BUSY) == (c->req != NULL));
    c->state = state;
    c->since = loop_now(c->server->loop);
    if (state == CONN_BODY)
        c->mark = c->sock.bytes_in;
    if (state == CONN_BUSY && sock_queued(&c->sock)) /* an interim response that it does not take */
        conn_queue_began(c);
    else
        conn_arm(c);
}

void conn_continue(struct conn *c)
{
    struct iovec v = str_iov(STR("HTTP/1.1 100 Continue\r\n\r\n"));
    if (sock_write(&c->sock, &v, 1, SOCK_COPY) != RC_OK)
        conn_close(c);
    else if (sock_queued(&c->sock))
        conn_queue_began(c);
}

/* ---- refusing, ending */

/* A request to hang the refusal on, with a head of the server's own. */
static struct h1_head *refused_head(struct conn *c)
{
    if (!c->req)
        c->req = request_new(c);
    struct request *r = c->req;
    if (!r)
        return NULL;
    if (!r->own_head)
        r->head = r->own_head = arena_zalloc(&r->arena, offsetof(struct h1_head, headers));
    return r->own_head;
}

bool conn_refuse(struct conn *c, enum refusal why, unsigned status, const char *text)
{
    struct h1_head *h = refused_head(c);
    if (!h) {
        conn_close(c);
        return false;
    }
    struct request *r = c->req;
    h->bad_status = status;
    h->bad_why = text;
    if (!r->began_us)
        r->began_us = loop_now_us();
    c->keep_alive = false;
    c->unread_body = true;
    r->known = true;
    conn_set_state(c, CONN_BUSY);
    c->server->ops->on_refuse(r, why);
    ASSERT(c->req != r || r->replied);
    return false;
}

static void linger(struct conn *c)
{
    sock_shutdown(&c->sock);
    conn_set_state(c, CONN_LINGER);
    c->paused = false;
    sock_read_start(&c->sock);
}

void conn_next(struct conn *c)
{
    if (c->state == CONN_CLOSING)
        return;
    bool more = buf_size(&c->in) > 0;
    c->blank = false;
    if (c->keep_alive && !c->unread_body && !c->server->draining && (more || !c->half_closed)) {
        conn_set_state(c, CONN_IDLE);
        if (more) /* not now: the handler is still in the call that ended the last one */
            loop_defer(c->server->loop, &c->resume);
    } else if ((more || c->unread_body) && !c->half_closed) {
        linger(c); /* a close with unread bytes is a reset, which may overtake the answer */
    } else {
        conn_close(c);
    }
}

static void maybe_free(struct conn *c)
{
    CHECK(c->handles > 0);
    if (--c->handles)
        return;
    ASSERT(!c->req && c->state == CONN_CLOSING);
    buf_fini(&c->in);
    mem_free(c);
}

static void on_timer_closed(struct timer *t)
{
    maybe_free(list_entry(t, struct conn, timer));
}

static void on_closed(struct sock *s)
{
    maybe_free(conn_of(s));
}

static void forget(struct conn *c)
{
    CHECK(c->server->nconns > 0);
    c->state = CONN_CLOSING;
    list_remove(&c->link);
    c->server->nconns--;
    deferred_cancel(&c->resume);
    timer_close(&c->timer, on_timer_closed);
}

void conn_close(struct conn *c)
{
    if (c->state == CONN_CLOSING)
        return;
    struct request *r = c->req;
    c->req = NULL;
    forget(c);
    if (c->cut)
        sock_abort(&c->sock);
    else
        sock_close(&c->sock);
    if (!r)
        return;
    r->gone = true;
    if (r->known)
        c->server->ops->on_gone(r);
    if (r->kept)
        r->conn = NULL; /* which is freed once it has closed */
    else
        request_free(r);
}

void conn_cut(struct conn *c)
{
    c->cut = true;
    conn_close(c);
}

/* ---- the socket's callbacks */

static void on_open(struct sock *s, enum rc rc)
{
    struct conn *c = conn_of(s);
    if (rc != RC_OK) {
        conn_close(c);
        return;
    }
    conn_set_state(c, CONN_IDLE);
    sock_read_start(s);
}

static struct iovec on_alloc(struct sock *s)
{
    return conn_alloc(conn_of(s));
}

static void on_read(struct sock *s, char *p, size_t n)
{
    struct conn *c = conn_of(s);
    if (c->state != CONN_LINGER) {
        conn_feed(c, str_of(p, n));
        return;
    }
    c->lingered += n;
    if (c->lingered > LINGER_BYTES)
        conn_close(c);
}

/* In the middle of a message, and between two, there is nothing to answer. */
static void on_eof(struct sock *s, bool clean)
{
    struct conn *c = conn_of(s);
    (void)clean;
    c->half_closed = true;
    if (c->state == CONN_BUSY)
        conn_on_fin(c);
    else if (!deferred_is_waiting(&c->resume)) /* else whole requests may be waiting */
        conn_close(c);
}

static void on_drain(struct sock *s)
{
    struct conn *c = conn_of(s);
    struct request *r = c->req;
    if (c->state != CONN_BUSY)
        return;
    if (r->draining) {
        reply_over(r);
        return;
    }
    conn_arm(c);
    c->server->ops->on_drain(r);
}

static void on_error(struct sock *s, enum rc rc)
{
    (void)rc;
    conn_close(conn_of(s));
}

static const struct sock_ops conn_sock_ops = {
    .on_open = on_open,
    .on_alloc = on_alloc,
    .on_read = on_read,
    .on_eof = on_eof,
    .on_drain = on_drain,
    .on_error = on_error,
    .on_closed = on_closed,
};

static void on_resume(struct deferred *d)
{
    conn_feed(list_entry(d, struct conn, resume), STR(""));
}

void server_accept(struct server *s, int fd, struct tls_ctx *tls)
{
    struct conn *c = s->nconns < s->limits.conns_max ? mem_zalloc(sizeof(*c)) : NULL;
    if (!c) { /* D11: constant cost, no answer */
        close(fd);
        return;
    }
    c->server = s;
    c->in = BUF_INIT(PIPELINE_MAX + LOOP_READ_SIZE);
    c->handles = 2;
    c->resume.fn = on_resume;
    list_push_back(&s->conns, &c->link);
    s->nconns++;
    timer_init(&c->timer, s->loop, conn_on_timer);
    conn_set_state(c, CONN_IDLE);
    if (sock_accept(&c->sock, s->loop, fd, tls, &conn_sock_ops) != RC_OK) {
        c->handles = 1; /* no sock, and the fd is closed already */
        forget(c);
    }
}
