/* SPDX-License-Identifier: Apache-2.0 */
/*
 * patience - how long an attempt may take, and whose patience it was that ended.
 *
 * RELIABILITY §7, "Deadlines": one absolute deadline a call; each stage of an exchange takes what
 * is left of it, and no more than the provider's, or the model's own, limit of that stage. A client
 * may bear less silence than that (x-stainless-read-timeout): this caps the wait for a byte, never
 * the whole. When it is the client who gave up, nobody is to blame, or anybody could close a
 * provider to all others by giving it a millisecond.
 */
#include "gate/recovery.h"

static msec least(msec a, msec b)
{
    return a < b ? a : b;
}

/* How long the provider may be silent, whatever the client says: before the answer, and in it. */
static msec first_limit(const struct call *c)
{
    const msec own = c->route->timeouts.first_byte;
    return own ? own : c->cand->provider->timeouts.first_byte;
}

static msec idle_limit(const struct call *c)
{
    const msec own = c->route->timeouts.idle;
    return own ? own : c->cand->provider->timeouts.idle;
}

void attempt_limit(struct call *c)
{
    const struct conf_timeouts *t = &c->cand->provider->timeouts;
    const msec silence = c->silence ? c->silence : (msec)-1;
    const msec total = loop_now(c->gate->loop) + t->total;
    const bool flows = c->committed && !attempt_is_bounded(c); /* it is rescued */
    c->x.limits = (struct exchange_limits){
        .connect_ms = t->connect,
        .tls_ms = t->tls,
        .first_byte_ms = least(first_limit(c), silence),
        .idle_ms = least(idle_limit(c), silence),
        .deadline = flows ? total : least(total, c->deadline),
    };
}

bool attempt_has_time(const struct call *c, msec now)
{
    msec all = c->deadline - c->req->began;
    if (c->committed && !attempt_is_bounded(c))
        return true; /* a stream that flows has no end, and who goes on with it has a new one */
    return now < c->deadline && (c->deadline - now) * 4 >= all;
}

bool attempt_cut_by_client(const struct call *c, enum err kind, bool connecting)
{
    const struct exchange_limits *l = &c->x.limits;
    const msec limit = c->phase == CALL_ANSWER ? l->idle_ms : l->first_byte_ms;
    if (kind != ERR_TIMEOUT)
        return false;
    if (c->impatient && loop_now(c->gate->loop) >= c->deadline)
        return true;
    /* a silence that the provider's own limit forbids as well is the provider's fault */
    const msec allowed = c->phase == CALL_ANSWER ? idle_limit(c) : first_limit(c);
    return !connecting && c->silence && limit == c->silence && c->silence < allowed;
}
