/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn - one client connection: its states, its one timer, its end.
 *
 *     IDLE -> HEAD -> [BODY] -> BUSY -> IDLE ...      keep-alive
 *                        \        \---> LINGER -> CLOSING   a body that nobody read
 *                         \----------------------> CLOSING
 *
 * The timer is armed for the state's next deadline and looks again when it fires; progress itself
 * touches no timer.
 */
#include "server/server_int.h"

#include "base/mem.h"

static struct conn *conn_of(struct sock *s)
{
    return (struct conn *)(void *)s;
}

/* ---- the timer */

static msec body_due(const struct conn *c, msec now)
{
    const struct server_limits *l = &c->server->limits;
    return now < c->since + l->body_grace_ms ? c->since + l->body_grace_ms : now + 1000;
}

void conn_arm(struct conn *c)
{
    const struct server_limits *l = &c->server->limits;
    msec now = loop_now(c->server->loop);
    switch (c->state) {
    case CONN_IDLE:
        timer_set(&c->timer, c->since + l->idle_ms);
        return;
    case CONN_HEAD:
        timer_set(&c->timer, c->since + l->head_ms);
        return;
    case CONN_BODY:
        timer_set(&c->timer, body_due(c, now));
        return;
    case CONN_LINGER:
        timer_set(&c->timer, c->since + LINGER_MS);
        return;
    case CONN_BUSY:
        if (c->half_closed)
            timer_set(&c->timer, now + PROBE_CHECK_MS);
        else if (sock_queued(&c->sock))
            timer_set(&c->timer, now + l->write_ms);
        else
            timer_stop(&c->timer);
        return;
    case CONN_CLOSING:
        timer_stop(&c->timer);
        return;
    }
}

void conn_set_state(struct conn *c, enum conn_state state)
{
    c->state = state;
    c->since = loop_now(c->server->loop);
    c->seen_bytes = state == CONN_BODY ? c->sock.bytes_in : c->sock.bytes_out;
    conn_arm(c);
}

/* D8: below the minimum rate after the grace, or over the total. */
static bool body_too_slow(const struct conn *c, msec now)
{
    const struct server_limits *l = &c->server->limits;
    msec spent = now - c->since;
    if (spent >= l->body_total_ms)
        return true;
    if (spent < l->body_grace_ms)
        return false;
    uint64_t got = c->sock.bytes_in - c->seen_bytes;
    return got < l->body_min_rate * (spent - l->body_grace_ms) / 1000 + l->body_min_rate;
}

/* Send something harmless: a peer that is gone answers with a reset. */
static void probe(struct conn *c)
{
    struct request *r = c->req;
    if (r->head_sent && r->chunked)
        reply_data(r, c->server->ops->ping(r), false);
    else if (!r->replied && r->head->minor > 0)
        conn_continue(c);
}

static void busy_timeout(struct conn *c)
{
    if (c->half_closed) {
        if (sock_is_dead(&c->sock)) {
            conn_close(c);
            return;
        }
        probe(c);
        if (c->state == CONN_BUSY)
            timer_set(&c->timer, loop_now(c->server->loop) + PROBE_EVERY_MS);
        return;
    }
    if (sock_queued(&c->sock) && c->sock.bytes_out == c->seen_bytes) {
        conn_close(c); /* D5: it takes nothing */
        return;
    }
    c->seen_bytes = c->sock.bytes_out;
    conn_arm(c);
}

static void on_timer(struct timer *t)
{
    struct conn *c = (struct conn *)(void *)((char *)t - offsetof(struct conn, timer));
    switch (c->state) {
    case CONN_IDLE:
    case CONN_LINGER:
        conn_close(c);
        return;
    case CONN_HEAD:
        c->unread_body = true;
        conn_refuse(c, REFUSE_TIMEOUT, 408, "the request head took too long");
        return;
    case CONN_BODY:
        if (body_too_slow(c, loop_now(c->server->loop))) {
            c->unread_body = true;
            conn_refuse(c, REFUSE_TIMEOUT, 408, "the request body came too slowly");
        } else {
            conn_arm(c);
        }
        return;
    case CONN_BUSY:
        busy_timeout(c);
        return;
    case CONN_CLOSING:
        return;
    }
}

void conn_continue(struct conn *c)
{
    struct iovec v = str_iov(STR("HTTP/1.1 100 Continue\r\n\r\n"));
    if (sock_write(&c->sock, &v, 1, SOCK_COPY) != RC_OK)
        conn_close(c);
}

/* ---- refusing, ending */

/* Have the handler word a refusal; the connection ends after it. Always false. */
bool conn_refuse(struct conn *c, enum refusal why, unsigned status, const char *text)
{
    struct request *r = c->req;
    if (!r->head) {
        struct h1_head *h = arena_zalloc(&r->arena, sizeof(*h));
        if (!h) {
            conn_close(c);
            return false;
        }
        r->head = h;
    }
    struct h1_head *h;
    memcpy(&h, &r->head, sizeof(h)); /* the server's own copy: const only for the handler */
    h->bad_status = status;
    h->bad_why = text;
    if (!r->began_us)
        r->began_us = loop_now_us();
    c->keep_alive = false;
    conn_set_state(c, CONN_BUSY);
    c->server->ops->on_refuse(r, why);
    return false;
}

void conn_next(struct conn *c)
{
    bool linger = c->unread_body;
    c->req = NULL;
    c->unread_body = false;
    if (c->keep_alive && !linger && !c->half_closed && !c->server->draining) {
        conn_set_state(c, CONN_IDLE);
        if (c->paused) {
            c->paused = false;
            sock_read_start(&c->sock);
        }
        if (buf_size(&c->in) && !c->feeding)
            conn_feed(c, NULL, 0);
        return;
    }
    if (linger &&
        !c->half_closed) { /* let the answer arrive before the RST that unread bytes cause */
        sock_shutdown(&c->sock);
        conn_set_state(c, CONN_LINGER);
        if (c->paused) {
            c->paused = false;
            sock_read_start(&c->sock);
        }
        return;
    }
    conn_close(c);
}

static void maybe_free(struct conn *c)
{
    if (c->handles)
        return;
    buf_fini(&c->in);
    mem_free(c);
}

static void on_timer_closed(struct timer *t)
{
    struct conn *c = (struct conn *)(void *)((char *)t - offsetof(struct conn, timer));
    c->handles--;
    maybe_free(c);
}

static void on_closed(struct sock *s)
{
    struct conn *c = conn_of(s);
    c->handles--;
    maybe_free(c);
}

void conn_close(struct conn *c)
{
    if (c->state == CONN_CLOSING)
        return;
    struct request *r = c->req;
    bool heard = c->state == CONN_BUSY; /* the handler knows of the request */
    c->state = CONN_CLOSING;
    c->req = NULL;
    list_remove(&c->link);
    c->server->nconns--;
    timer_close(&c->timer, on_timer_closed);
    sock_close(&c->sock);
    if (!r)
        return;
    r->gone = true;
    if (heard && !r->draining)
        c->server->ops->on_gone(r);
    else if (heard)
        c->server->ops->on_sent(r); /* D4: all was given; that it closed early is no abort */
    else if (r->user)
        c->server->ops->on_gone(r);
    request_free(r);
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
    if (c->state == CONN_LINGER) {
        c->lingered += n;
        if (c->lingered > LINGER_BYTES)
            conn_close(c);
        return;
    }
    conn_feed(c, p, n);
}

static void on_eof(struct sock *s, bool clean)
{
    struct conn *c = conn_of(s);
    (void)clean;
    if (c->state != CONN_BUSY || c->req->draining) {
        conn_close(c); /* between requests, or in the middle of one: nothing to answer */
        return;
    }
    c->half_closed = true;
    c->keep_alive = false;
    probe(c);
    if (c->state == CONN_BUSY)
        conn_arm(c);
}

static void on_drain(struct sock *s)
{
    struct conn *c = conn_of(s);
    struct request *r = c->req;
    if (c->state != CONN_BUSY || !r)
        return;
    if (r->draining) {
        c->server->ops->on_sent(r);
        request_free(r);
        conn_next(c);
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

void server_accept(struct server *s, int fd, struct tls_ctx *tls)
{
    struct conn *c = s->nconns < s->limits.conns_max ? mem_zalloc(sizeof(*c)) : NULL;
    if (!c) { /* D11: constant cost, no answer */
        uv_fs_t req;
        uv_fs_close(NULL, &req, fd, NULL);
        uv_fs_req_cleanup(&req);
        return;
    }
    c->server = s;
    c->in = BUF_INIT(PIPELINE_MAX + 2 * LOOP_READ_SIZE);
    c->handles = 2;
    list_push_back(&s->conns, &c->link);
    s->nconns++;
    timer_init(&c->timer, s->loop, on_timer);
    conn_set_state(c, CONN_IDLE);
    if (sock_accept(&c->sock, s->loop, fd, tls, &conn_sock_ops) != RC_OK) {
        c->handles = 1; /* the fd is closed already */
        c->state = CONN_CLOSING;
        list_remove(&c->link);
        s->nconns--;
        timer_close(&c->timer, on_timer_closed);
    }
}
