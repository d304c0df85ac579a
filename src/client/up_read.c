/* SPDX-License-Identifier: Apache-2.0 */
/*
 * up_read - the bytes of a response, from the first to the one that ends it.
 *
 * In the good case the head is parsed where the kernel's bytes lie and the body goes to the owner
 * as slices of the same memory: nothing is copied, nothing allocated. Bytes are held only while a
 * head is not whole, or the owner has paused with more of the same read behind.
 *
 * The owner may do anything in a callback: cancel, pause, end its own life and start another
 * exchange which takes this very connection. So after each callback is_ours() asks whether `x` is
 * still being served here; if not, the rest of the bytes is nobody's.
 *
 * A connection is kept only if the message ended where HTTP says it does and not a byte stands
 * behind it: what does might be taken for the answer to somebody else's next request (RELIABILITY
 * U10).
 */
#include "client/client_int.h"

static bool is_ours(const struct up_conn *c, const struct exchange *x)
{
    return c->x == x && c->state == UP_BUSY;
}

void up_read_begin(struct up_conn *c)
{
    buf_clear(&c->held);
    c->tried = 0;
    c->interim = 0;
    c->in_body = false;
    c->keep = true;
}

/* ---- the end of the message */

/* `Keep-Alive: timeout=5`: after so long the provider closes, and we had better be first. */
static msec idle_ttl(const struct h1_head *h)
{
    str v = h1_find(h, STR("keep-alive"));
    while (v.p) {
        str part = str_trim(str_cut(&v, ','));
        uint64_t s = 0;
        if (!str_has_prefix_nocase(part, STR("timeout=")))
            continue;
        for (size_t i = 8; i < part.n && part.p[i] >= '0' && part.p[i] <= '9' && s < 1000; i++)
            s = s * 10 + (uint64_t)(part.p[i] - '0');
        msec ms = s * 1000 > IDLE_MARGIN_MS ? s * 1000 - IDLE_MARGIN_MS : IDLE_NONE;
        return ms < IDLE_TTL_MS ? ms : IDLE_TTL_MS;
    }
    return IDLE_TTL_MS;
}

static void finish(struct up_conn *c, bool clean, bool by_close)
{
    struct exchange *x = c->x;
    CHECK(x && x->conn == c);
    bool sent = sock_queued(&c->sock) == 0 && !c->sock.write_failed;
    struct buf held = c->held; /* what the owner was given may lie in it until on_end */
    c->held = BUF_INIT(HELD_MAX);
    x->conn = NULL;
    c->x = NULL;
    if (c->keep && clean && sent && !c->sock.eof) {
        timer_stop(&c->timer);
        sock_read_start(&c->sock);
        pool_put(c);
    } else {
        up_conn_close(c);
    }
    exchange_ended(x, by_close);
    buf_fini(&held);
}

/* ---- the head */

/* A final head: what the body will be. False: the exchange is over or gone. */
static bool take_head(struct up_conn *c, const struct h1_head *h, size_t behind)
{
    struct exchange *x = c->x;
    c->in_body = true;
    c->keep = h->keep_alive;
    c->body = h->body;
    c->left = h->content_length;
    if (c->idle_ttl == 0) /* the first answer says it for all */
        c->idle_ttl = idle_ttl(h);
    if (h->body == H1_BODY_CHUNKED)
        chunk_init(&c->chunk);
    if (WEIR_UNLIKELY(sock_queued(&c->sock))) {
        /* Answered before we were done (U37): the rest of the request is not wanted. */
        c->keep = false;
        sock_drop_queued(&c->sock);
    }
    x->phase = EXCHANGE_BODY;
    x->ops->on_head(x, h);
    if (!is_ours(c, x))
        return false;
    if (h->body == H1_BODY_NONE || (h->body == H1_BODY_LENGTH && c->left == 0)) {
        finish(c, behind == 0, false);
        return false;
    }
    return true;
}

/* Parse a head at the start of *in and step behind it. False: stop reading for now (it is not
 * whole, or the exchange is over or gone). */
static bool read_head(struct up_conn *c, str *in)
{
    struct h1_head *h = &c->origin->client->head;
    size_t used;
    c->x->phase = EXCHANGE_HEAD;
    enum h1_result r = h1_response(h, *in, c->tried, c->x->to_head, &used);
    if (r == H1_MORE) {
        c->tried = in->n;
        return false;
    }
    if (r == H1_BAD) {
        up_conn_lost(c, RC_PROTOCOL, h->bad_why);
        return false;
    }
    c->tried = 0;
    *in = str_from(*in, used);
    if (h->status >= 200)
        return take_head(c, h, in->n);
    if (h->status == 101 || ++c->interim > INTERIM_MAX) {
        up_conn_lost(c, RC_PROTOCOL,
                     h->status == 101 ? "101 without a request to upgrade"
                                      : "too many 1xx responses");
        return false;
    }
    /* Still waiting for the answer, with the patience that is meant for that. But the provider has
     * begun: whatever comes now is no idle race. */
    c->x->replayed = true;
    c->x->phase = EXCHANGE_WAIT;
    up_conn_moved(c);
    return true;
}

/* ---- the body; each is false when the exchange is over or gone */

static bool give(struct up_conn *c, str data)
{
    struct exchange *x = c->x;
    x->ops->on_body(x, (char *)(uintptr_t)data.p, data.n);
    return is_ours(c, x);
}

/* Tell the owner that a read is used up. False: the exchange is over or gone. */
static bool end_batch(struct up_conn *c)
{
    struct exchange *x = c->x;
    if (!c->in_body || !x->ops->on_batch)
        return true;
    x->ops->on_batch(x);
    return is_ours(c, x);
}

static bool read_length(struct up_conn *c, str *in)
{
    str data = str_head(*in, in->n < c->left ? in->n : (size_t)c->left);
    *in = str_from(*in, data.n);
    c->left -= data.n;
    if (!give(c, data))
        return false;
    if (c->left)
        return true;
    finish(c, in->n == 0, false);
    return false;
}

static bool read_chunks(struct up_conn *c, str *in)
{
    str data = STR_NONE;
    switch (chunk_next(&c->chunk, in, &data)) {
    case H1_MORE:
        return data.n == 0 || give(c, data);
    case H1_DONE:
        finish(c, in->n == 0, false);
        return false;
    case H1_BAD:
        break;
    }
    if (end_batch(c))
        up_conn_lost(c, RC_PROTOCOL, "bad chunk");
    return false;
}

static bool read_body(struct up_conn *c, str *in)
{
    switch (c->body) {
    case H1_BODY_LENGTH:
        return read_length(c, in);
    case H1_BODY_CHUNKED:
        return read_chunks(c, in);
    case H1_BODY_UNTIL_CLOSE: {
        str data = *in;
        *in = STR_NONE;
        return give(c, data);
    }
    case H1_BODY_NONE:
        break;
    }
    CHECK(false); /* take_head has ended it */
    return false;
}

/* ---- bytes */

/* Go through *in; what is left of it is to be held. False: the exchange is over or gone, and what
 * is left is nobody's. */
static bool step_through(struct up_conn *c, str *in)
{
    struct exchange *x = c->x;
    while (in->n && !x->paused) {
        bool more = c->in_body ? read_body(c, in) : read_head(c, in);
        if (more)
            continue;
        /* Held bytes stay for a head that is not whole; x may be gone, so ask before looking. */
        return is_ours(c, x) && !c->in_body && c->tried;
    }
    return true;
}

static void go_through_held(struct up_conn *c)
{
    struct exchange *x = c->x;
    str in = buf_str(&c->held);
    size_t before = in.n;
    if (!step_through(c, &in) || !end_batch(c))
        return;
    buf_consume(&c->held, before - in.n);
    if (buf_size(&c->held) == 0)
        buf_fini(&c->held);
    if (!x->paused)
        sock_read_start(&c->sock);
}

void up_read(struct up_conn *c, char *p, size_t n)
{
    str in = str_of(p, n);
    ASSERT(c->x && c->x->conn == c && n > 0);
    if (c->x->phase < EXCHANGE_HEAD)
        c->x->phase = EXCHANGE_HEAD;
    up_conn_moved(c);
    if (WEIR_LIKELY(buf_size(&c->held) == 0)) {
        if (!step_through(c, &in) || !end_batch(c))
            return;
        buf_add(&c->held, in);
    } else {
        buf_add(&c->held, in);
        if (!c->held.failed)
            go_through_held(c);
    }
    if (c->state == UP_BUSY && c->held.failed)
        up_conn_lost(c, RC_NOMEM, "out of memory");
}

void up_read_held(struct up_conn *c)
{
    if (c->state == UP_BUSY && !c->x->paused)
        go_through_held(c);
}

void up_read_eof(struct up_conn *c, bool clean)
{
    if (!c->in_body) {
        up_conn_lost(c, RC_RESET,
                     c->x->phase == EXCHANGE_HEAD ? "the peer closed in the response's head"
                                                  : "the peer closed without a response");
    } else if (c->body != H1_BODY_UNTIL_CLOSE) {
        up_conn_lost(c, RC_RESET, "the peer closed before the end of the body");
    } else if (!clean) {
        up_conn_lost(c, RC_TLS, "the peer closed without a TLS close_notify");
    } else {
        finish(c, false, true);
    }
}
