/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange - one request and its answer, as the owner sees it: see client.h.
 *
 * The idle race (RELIABILITY U5, RFC 9112 §9.3.1): a provider may close a kept connection at the
 * very moment we send on it. That shows as a connection that has served before and dies without a
 * response byte; then the request goes once more, on a fresh connection, never on a second kept
 * one. We accept that the provider may have begun on the first copy.
 */
#include "client/client_int.h"

static void on_later(struct deferred *d)
{
    struct exchange *x = list_entry(d, struct exchange, later);
    if (x->fail.what) {
        struct exchange_fail fail = x->fail; /* the owner may reuse x inside */
        x->active = false;
        x->ops->on_fail(x, &fail);
    } else if (x->conn) {
        up_read_held(x->conn);
    }
}

static struct loop *loop_of(const struct exchange *x)
{
    return x->origin->client->loop;
}

void exchange_failed(struct exchange *x, enum rc rc, const char *what)
{
    ASSERT(x->active && !x->conn);
    x->fail = (struct exchange_fail){
        .rc = rc, .phase = x->phase, .sent_any = x->sent_before, .what = what ? what : rc_text(rc)};
    loop_defer(loop_of(x), &x->later);
}

void exchange_lost(struct exchange *x, enum rc rc, const char *what)
{
    bool race = x->reused && !x->replayed && !x->once && rc == RC_RESET && x->phase < EXCHANGE_HEAD;
    if (!race) {
        exchange_failed(x, rc, what);
        return;
    }
    x->replayed = true;
    rc = up_conn_start(x->origin, x);
    if (rc != RC_OK)
        exchange_failed(x, rc, "no new connection could be opened");
}

void exchange_ended(struct exchange *x, bool by_close)
{
    CHECK(x->active && !x->conn);
    x->active = false;
    deferred_cancel(&x->later);
    x->ops->on_end(x, by_close);
}

void exchange_start(struct client *c, struct exchange *x)
{
    ASSERT(!x->active && x->origin->client == c && x->niov > 0);
    CHECK(x->ops->on_head && x->ops->on_body && x->ops->on_end && x->ops->on_fail);
    (void)c;
    x->later.fn = on_later;
    x->active = true;
    x->reused = x->replayed = x->paused = x->sent_before = false;
    x->phase = EXCHANGE_CONNECT;
    x->fail = (struct exchange_fail){0};
    struct up_conn *kept = pool_take(x->origin);
    if (kept) {
        up_conn_use(kept, x);
        return;
    }
    enum rc rc = up_conn_start(x->origin, x);
    if (rc != RC_OK)
        exchange_failed(x, rc, "no new connection could be opened");
}

void exchange_cancel(struct exchange *x)
{
    if (!x->active)
        return;
    x->active = false;
    deferred_cancel(&x->later);
    if (x->conn)
        up_conn_close(x->conn);
}

void exchange_pause(struct exchange *x)
{
    if (!x->active || x->paused)
        return;
    x->paused = true;
    if (x->conn && x->conn->state == UP_BUSY) {
        sock_pause(&x->conn->sock);
        up_conn_moved(x->conn);
    }
}

void exchange_set_deadline(struct exchange *x, msec deadline)
{
    x->limits.deadline = deadline;
    if (x->active && x->conn)
        up_conn_moved(x->conn);
}

void exchange_resume(struct exchange *x)
{
    if (!x->active || !x->paused)
        return;
    x->paused = false;
    if (!x->conn || x->conn->state != UP_BUSY)
        return;
    up_conn_moved(x->conn);
    if (buf_size(&x->conn->held))
        loop_defer(loop_of(x), &x->later);
    else
        sock_read_start(&x->conn->sock);
}

bool exchange_waits(const struct exchange *x)
{
    return x->active && (x->phase == EXCHANGE_WAIT || x->phase == EXCHANGE_HEAD);
}

bool exchange_is_reused(const struct exchange *x)
{
    return x->reused;
}
