/* SPDX-License-Identifier: Apache-2.0 */
/*
 * up_conn - one connection towards a provider, from its name to its end.
 *
 * Each step of connecting ends in a callback that starts the next; whatever goes wrong ends in
 * up_conn_lost,
 * which closes the connection and tells its exchange. One timer serves all states: it is set to the
 * nearest of the state's own limit and the exchange's absolute deadline, and moving it costs a
 * store (io/loop.h), so a busy connection touches no timer heap and an idle one has none.
 *
 * On a kept connection an exchange costs one writev and one read: reading stays armed from the
 * first request to the close, TCP_NODELAY and keepalive are set when the connection is made.
 */
#include "base/mem.h"
#include "client/client_int.h"
#include "io/addr.h"

static struct up_conn *conn_of(struct sock *s)
{
    return (struct up_conn *)(void *)s; /* the first member */
}

static struct loop *loop_of(const struct up_conn *c)
{
    return c->origin->client->loop;
}

/* ---- deadlines */

/* We can say no more, and the peer has said nothing yet. */
static bool is_mute(const struct up_conn *c)
{
    return c->sock.write_failed && c->x->phase < EXCHANGE_HEAD;
}

/* The state's own limit, as a duration; 0: none. */
static msec limit_of(const struct up_conn *c)
{
    const struct exchange_limits *l = &c->x->limits;
    switch (c->state) {
    case UP_RESOLVE:
    case UP_DIAL:
    case UP_PROXY:
        return l->connect_ms;
    case UP_TLS:
        return l->tls_ms;
    case UP_BUSY:
        if (is_mute(c))
            return LAST_WORDS_MS;
        if (c->x->paused)
            return 0;
        return c->x->phase == EXCHANGE_WAIT ? l->first_byte_ms : l->idle_ms;
    case UP_IDLE:
    case UP_CLOSING:
        break;
    }
    return 0;
}

void up_conn_moved(struct up_conn *c)
{
    ASSERT(c->x != NULL && c->state <= UP_BUSY);
    msec limit = limit_of(c), deadline = c->x->limits.deadline;
    msec due = limit ? loop_now(loop_of(c)) + limit : 0;
    if (deadline && (due == 0 || deadline < due))
        due = deadline;
    if (due)
        timer_set(&c->timer, due);
    else
        timer_stop(&c->timer);
}

static const char *what_is_late(const struct up_conn *c)
{
    switch (c->state) {
    case UP_RESOLVE:
        return "name resolution took too long";
    case UP_DIAL:
        return "connecting took too long";
    case UP_PROXY:
        return "the proxy took too long";
    case UP_TLS:
        return "the TLS handshake took too long";
    case UP_BUSY:
        if (c->x->phase == EXCHANGE_SEND)
            return "the request could not be sent in time";
        if (c->x->phase == EXCHANGE_WAIT)
            return "no response in time";
        return "the response stalled";
    case UP_IDLE:
    case UP_CLOSING:
        break;
    }
    return "too late";
}

static void on_timer(struct timer *t)
{
    struct up_conn *c = list_entry(t, struct up_conn, timer);
    if (!c->x)
        return;
    msec deadline = c->x->limits.deadline;
    if (deadline && loop_now(loop_of(c)) >= deadline) {
        up_conn_lost(c, RC_TIMEOUT, "the deadline passed");
        return;
    }
    if (c->state == UP_BUSY && is_mute(c)) {
        up_conn_lost(c, RC_RESET, "the peer closed while the request was being sent");
        return;
    }
    if (c->state == UP_BUSY && c->x->phase == EXCHANGE_SEND) {
        size_t now = sock_unacked(&c->sock);
        if (now != c->unacked_seen) { /* slow, but it moves */
            c->unacked_seen = now;
            up_conn_moved(c);
            return;
        }
    }
    up_conn_lost(c, RC_TIMEOUT, what_is_late(c));
}

/* ---- busy and idle */

static enum rc write_request(struct up_conn *c, struct exchange *x)
{
    if (!c->origin->spec.proxy_host.p || c->origin->spec.tls)
        return sock_write(&c->sock, x->iov, x->niov, SOCK_REF);
    /* A plain proxy: the head is small and comes again by copy, the rest goes by reference. */
    size_t skip;
    buf_clear(&c->rewritten);
    TRY(proxy_rewrite(c->origin, x, &c->rewritten, &skip));
    str head = buf_str(&c->rewritten);
    struct iovec first[2] = {{c->rewritten.p + c->rewritten.off, head.n},
                             {(char *)x->iov[0].iov_base + skip, x->iov[0].iov_len - skip}};
    TRY(sock_write(&c->sock, first, 2, SOCK_REF));
    return sock_write(&c->sock, x->iov + 1, x->niov - 1, SOCK_REF);
}

static void send_request(struct up_conn *c)
{
    struct exchange *x = c->x;
    CHECK(x && x->conn == c && x->active);
    c->state = UP_BUSY;
    c->out_before = c->sock.bytes_out;
    up_read_begin(c);
    enum rc rc = write_request(c, x);
    if (rc != RC_OK) {
        up_conn_close(c);
        exchange_failed(x, rc == RC_CLOSED ? RC_RESET : rc, "the request could not be sent");
        return;
    }
    x->phase = sock_queued(&c->sock) ? EXCHANGE_SEND : EXCHANGE_WAIT;
    c->unacked_seen = SIZE_MAX;
    up_conn_moved(c);
}

void up_conn_use(struct up_conn *c, struct exchange *x)
{
    CHECK(c->state == UP_IDLE && !c->x && !sock_is_closing(&c->sock)); /* one answer, one caller */
    list_push_back(&c->origin->busy, &c->link);
    c->origin->nbusy++;
    c->x = x;
    x->conn = c;
    x->reused = true;
    send_request(c);
}

static void on_drain(struct sock *s)
{
    struct up_conn *c = conn_of(s);
    if (c->state != UP_BUSY || c->x->phase != EXCHANGE_SEND)
        return;
    c->x->phase = EXCHANGE_WAIT;
    up_conn_moved(c);
}

/* ---- connecting, step by step */

static void established(struct up_conn *c)
{
    sock_read_start(&c->sock); /* for all its life */
    send_request(c);
}

static void start_tls(struct up_conn *c)
{
    const struct origin_spec *spec = &c->origin->spec;
    struct tls_client tc = {.host = spec->sni.p ? spec->sni : spec->host, .slot = &c->origin->slot};
    const char *why;
    enum rc rc = origin_tls(c->origin, &tc.ctx, &why);
    if (rc == RC_OK) {
        why = "TLS could not be started";
        rc = sock_start_tls(&c->sock, &tc);
    }
    if (rc != RC_OK) {
        up_conn_lost(c, rc, why);
        return;
    }
    c->state = UP_TLS;
    up_conn_moved(c);
}

static void on_open(struct sock *s, enum rc rc)
{
    struct up_conn *c = conn_of(s);
    if (rc == RC_OK) {
        established(c);
        return;
    }
    const char *why = sock_tls_why(s);
    up_conn_lost(c, rc, why ? why : "the TLS handshake failed");
}

static void start_proxy(struct up_conn *c)
{
    c->state = UP_PROXY;
    buf_clear(&c->rewritten);
    enum rc rc = proxy_connect_head(c->origin, &c->rewritten);
    if (rc == RC_OK) {
        str head = buf_str(&c->rewritten);
        struct iovec iov = {c->rewritten.p + c->rewritten.off, head.n};
        rc = sock_write(&c->sock, &iov, 1, SOCK_REF);
    }
    if (rc != RC_OK) {
        up_conn_lost(c, rc, "the proxy could not be asked");
        return;
    }
    sock_read_start(&c->sock);
}

/* The proxy's answer to CONNECT. Nothing may stand behind it: under TLS the client speaks first. */
static void read_proxy(struct up_conn *c, char *p, size_t n)
{
    struct h1_head *h = &c->origin->client->head;
    size_t used;
    buf_add(&c->held, str_of(p, n));
    if (c->held.failed) {
        up_conn_lost(c, RC_NOMEM, "out of memory");
        return;
    }
    str in = buf_str(&c->held);
    enum h1_result r = h1_response(h, in, c->tried, true, &used);
    c->tried = in.n;
    if (r == H1_MORE)
        return;
    if (r == H1_DONE && h->status >= 300) {
        up_conn_lost(c, RC_CONNECT,
                     h->status == 407 ? "the proxy wants other credentials" : "the proxy refused");
        return;
    }
    if (r == H1_BAD || used != in.n || h->status < 200) {
        up_conn_lost(c, RC_PROTOCOL, "the proxy broke the protocol");
        return;
    }
    buf_fini(&c->held);
    c->tried = 0;
    sock_pause(&c->sock);
    start_tls(c);
}

/* ---- what the socket tells */

static void on_read(struct sock *s, char *p, size_t n)
{
    struct up_conn *c = conn_of(s);
    ASSERT(c->state >= UP_PROXY && c->state != UP_CLOSING);
    if (WEIR_LIKELY(c->state == UP_BUSY))
        up_read(c, p, n);
    else if (c->state == UP_PROXY)
        read_proxy(c, p, n);
    else
        up_conn_close(c); /* idle: nobody asked for these bytes */
}

static void on_eof(struct sock *s, bool clean)
{
    struct up_conn *c = conn_of(s);
    if (c->state == UP_BUSY)
        up_read_eof(c, clean);
    else
        up_conn_lost(c, RC_RESET, "the peer closed before the request");
}

static const char *what_broke(const struct up_conn *c, enum rc rc)
{
    const char *why = sock_tls_why(&c->sock);
    if (rc == RC_TLS && why)
        return why;
    if (c->state != UP_BUSY)
        return "the connection broke before the request";
    return c->in_body ? "the connection broke in the response" : "the connection broke";
}

static void on_error(struct sock *s, enum rc rc)
{
    struct up_conn *c = conn_of(s);
    if (c->state == UP_BUSY && !s->eof) {
        /* The request could not be sent to its end, but the peer may have said why before it
         * closed (RELIABILITY U37). */
        c->keep = false;
        up_conn_moved(c);
        return;
    }
    up_conn_lost(c, rc, what_broke(c, rc));
}

static void closed_one(struct up_conn *c)
{
    CHECK(c->state == UP_CLOSING && !c->x && c->open_handles > 0);
    if (--c->open_handles)
        return;
    buf_fini(&c->held);
    buf_fini(&c->rewritten);
    mem_free(c);
}

static void on_closed(struct sock *s)
{
    closed_one(conn_of(s));
}

static void on_timer_closed(struct timer *t)
{
    closed_one(list_entry(t, struct up_conn, timer));
}

static const struct sock_ops sock_ops = {
    .on_open = on_open,
    .on_read = on_read,
    .on_eof = on_eof,
    .on_drain = on_drain,
    .on_error = on_error,
    .on_closed = on_closed,
};

/* ---- the beginning and the end */

static void on_dialed(void *arg, enum rc rc, int fd, const char *why)
{
    struct up_conn *c = arg;
    c->dial = NULL;
    if (rc == RC_OK)
        rc = sock_connected(&c->sock, loop_of(c), fd, &sock_ops);
    if (rc != RC_OK) {
        up_conn_lost(c, rc, why ? why : "out of memory");
        return;
    }
    c->sock_open = true;
    c->open_handles++;
    sock_set_keepalive(&c->sock, KEEPALIVE_S, USER_TIMEOUT_MS);
    /* A prime stride through the spread: no randomness needed, only difference. */
    c->retire_at =
        loop_now(loop_of(c)) + AGE_MAX_MS + c->origin->client->made++ * 7919 % AGE_SPREAD_MS;
    if (!c->origin->spec.tls)
        established(c);
    else if (c->origin->spec.proxy_host.p)
        start_proxy(c);
    else
        start_tls(c);
}

const char CLIENT_NOT_PUBLIC[] = "its name leads to an address that is not public";

static void on_resolved(struct dns_query *q, enum rc rc, const union dns_addr *addrs, size_t n)
{
    struct up_conn *c = list_entry(q, struct up_conn, query);
    const struct origin_spec *spec = &c->origin->spec;
    if (rc != RC_OK) {
        up_conn_lost(c, rc, "the name could not be resolved");
        return;
    }
    /* F2: the addresses looked at are those that are dialed; nobody asks again in between. */
    if (spec->public_only && !addr_all_public(addrs, n, spec->besides)) {
        up_conn_lost(c, RC_CONNECT, CLIENT_NOT_PUBLIC);
        return;
    }
    c->state = UP_DIAL;
    c->dial = dial_start(loop_of(c), addrs, n, spec->proxy_host.p ? spec->proxy_port : spec->port,
                         on_dialed, c);
    if (!c->dial)
        up_conn_lost(c, RC_NOMEM, "out of memory");
}

enum rc up_conn_start(struct origin *o, struct exchange *x)
{
    if (o->nbusy >= ORIGIN_CONNS_MAX)
        return RC_BUSY;
    struct up_conn *c = mem_zalloc(sizeof(*c));
    if (!c)
        return RC_NOMEM;
    c->origin = o;
    c->x = x;
    c->state = UP_RESOLVE;
    c->open_handles = 1;
    buf_init(&c->held, HELD_MAX);
    buf_init(&c->rewritten, REWRITTEN_MAX);
    timer_init(&c->timer, o->client->loop, on_timer);
    list_push_back(&o->busy, &c->link);
    o->nbusy++;
    x->conn = c;
    x->reused = false;
    x->phase = EXCHANGE_CONNECT;
    c->query.fn = on_resolved;
    dns_lookup(o->client->dns, &c->query, o->spec.proxy_host.p ? o->spec.proxy_host : o->spec.host);
    up_conn_moved(c);
    return RC_OK;
}

void up_conn_close(struct up_conn *c)
{
    if (c->state == UP_CLOSING)
        return;
    list_remove(&c->link);
    if (c->state == UP_IDLE)
        c->origin->nidle--;
    else
        c->origin->nbusy--;
    if (c->x)
        c->x->conn = NULL;
    c->x = NULL;
    c->state = UP_CLOSING;
    dns_cancel(&c->query);
    if (c->dial)
        dial_cancel(c->dial);
    timer_close(&c->timer, on_timer_closed);
    if (c->sock_open)
        sock_close(&c->sock);
}

void up_conn_lost(struct up_conn *c, enum rc rc, const char *what)
{
    struct exchange *x = c->x;
    if (x && c->state == UP_BUSY && c->sock.bytes_out > c->out_before)
        x->sent_before = true;
    up_conn_close(c);
    if (x)
        exchange_lost(x, rc, what);
}
