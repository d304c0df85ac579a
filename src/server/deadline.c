/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deadline - the one timer of a connection, and the question whether a silent client still lives.
 *
 * The timer is armed for the nearest deadline of the state and looks again when it fires; progress
 * itself touches no timer. While a request is served two clocks may run: a client that takes none
 * of the bytes queued for it is gone after write_ms (D5), and one that sent a FIN is asked.
 *
 * A FIN alone says nothing: who half-closes waits for its answer (D3), who is gone will never read
 * it (D1, D2). Only bytes tell them apart, for a kernel without the socket answers them with a
 * reset. So something harmless is sent at once and its answer looked for a moment later; after that
 * ever more rarely, and TCP's keepalive asks along.
 */
#include "server/server_int.h"

static msec body_due(const struct conn *c, msec now)
{
    msec grace = c->since + c->server->limits.body_grace_ms,
         total = c->since + c->server->limits.body_total_ms,
         next = now < grace ? grace : now + 1000;
    return next < total ? next : total;
}

static bool is_watched(const struct conn *c)
{
    return c->half_closed || c->paused;
}

/* 0: nothing to wait for. */
static msec busy_due(const struct conn *c)
{
    msec due = is_watched(c) ? c->probe_at : 0;
    if (sock_queued(&c->sock) && (!due || c->stall_at < due))
        due = c->stall_at;
    return due;
}

void conn_arm(struct conn *c)
{
    const struct server_limits *l = &c->server->limits;
    msec due = 0;
    switch (c->state) {
    case CONN_IDLE:
        due = c->since + l->idle_ms;
        break;
    case CONN_HEAD:
        due = c->since + l->head_ms;
        break;
    case CONN_BODY:
        due = body_due(c, loop_now(c->server->loop));
        break;
    case CONN_BUSY:
        due = busy_due(c);
        break;
    case CONN_LINGER:
        due = c->since + LINGER_MS;
        break;
    case CONN_CLOSING:
        return;
    }
    if (due)
        timer_set(&c->timer, due);
    else
        timer_stop(&c->timer);
}

/* ---- a body that is too slow */

/* D8: below the minimum rate after the grace, or over the total. */
static bool body_is_too_slow(const struct conn *c, msec now)
{
    const struct server_limits *l = &c->server->limits;
    msec spent = now - c->since;
    if (spent >= l->body_total_ms)
        return true;
    if (spent < l->body_grace_ms)
        return false;
    uint64_t got = c->sock.bytes_in - c->mark;
    return got < l->body_min_rate * (spent - l->body_grace_ms) / 1000 + l->body_min_rate;
}

static void body_timeout(struct conn *c)
{
    if (body_is_too_slow(c, loop_now(c->server->loop)))
        conn_refuse(c, REFUSE_TIMEOUT, 408, "the request body came too slowly");
    else
        conn_arm(c);
}

/* ---- a client that takes nothing */

/* Changes with every byte that the client takes, and with nothing else. */
static uint64_t taken(const struct conn *c)
{
    return c->req->bytes_out - sock_unacked(&c->sock);
}

void conn_queue_began(struct conn *c)
{
    ASSERT(c->req && sock_queued(&c->sock));
    c->mark = taken(c);
    c->stall_at = loop_now(c->server->loop) + c->server->limits.write_ms;
    conn_arm(c);
}

static bool is_stalled(struct conn *c, msec now)
{
    if (!sock_queued(&c->sock) || now < c->stall_at)
        return false;
    if (taken(c) == c->mark)
        return true;
    c->mark = taken(c);
    c->stall_at = now + c->server->limits.write_ms;
    return false;
}

/* ---- a client that may be gone */

/* Send something that means nothing. What is queued already will be answered by a reset as well. */
static void probe(struct conn *c)
{
    struct request *r = c->req;
    if (sock_queued(&c->sock))
        return;
    if (r->head_sent && r->streaming)
        reply_data(r, c->server->ops->ping(r), false);
    else if (!r->head_sent && r->head->minor > 0 && c->probes <= PROBE_INTERIM)
        conn_continue(c);
}

/* One step: send a probe, or look what became of it. */
static void look_for_life(struct conn *c, msec now)
{
    if (sock_is_dead(&c->sock)) {
        conn_close(c);
        return;
    }
    if (!c->half_closed) { /* only paused: a reset shows without being asked for */
        c->probe_at = now + PROBE_EVERY_MS;
        return;
    }
    c->probed = !c->probed;
    if (!c->probed) {
        unsigned shift = c->probes < PROBE_BACKOFF ? c->probes : PROBE_BACKOFF;
        c->probe_at = now + ((msec)PROBE_EVERY_MS << shift >> 1);
        return;
    }
    if (c->probes < UINT8_MAX)
        c->probes++;
    c->probe_at = now + PROBE_CHECK_MS;
    probe(c);
}

void conn_on_fin(struct conn *c)
{
    sock_set_keepalive(&c->sock, PROBE_IDLE_S, 0);
    look_for_life(c, loop_now(c->server->loop));
    if (c->state == CONN_BUSY)
        conn_arm(c);
}

static void busy_timeout(struct conn *c)
{
    msec now = loop_now(c->server->loop);
    if (is_stalled(c, now)) {
        conn_cut(c); /* a mere close would leave the kernel holding what it cannot send */
        return;
    }
    if (is_watched(c) && now >= c->probe_at)
        look_for_life(c, now);
    if (c->state == CONN_BUSY)
        conn_arm(c);
}

void conn_on_timer(struct timer *t)
{
    struct conn *c = list_entry(t, struct conn, timer);
    switch (c->state) {
    case CONN_IDLE:
    case CONN_LINGER:
        conn_close(c);
        return;
    case CONN_HEAD:
        conn_refuse(c, REFUSE_TIMEOUT, 408, "the request head took too long");
        return;
    case CONN_BODY:
        body_timeout(c);
        return;
    case CONN_BUSY:
        busy_timeout(c);
        return;
    case CONN_CLOSING:
        return;
    }
}
