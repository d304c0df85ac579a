/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access_token - a call and the access token of its provider: waiting for one, and for another when
 * the provider no longer takes the one it had.
 *
 * A token endpoint that is down is an unreachable provider, not a refused credential: the next
 * target may serve, and this one is tried again soon.
 */
#include "gate/gate_int.h"

static struct call *call_of_waiter(struct oauth_waiter *w)
{
    return (struct call *)(void *)((char *)w - offsetof(struct call, token_wait));
}

/* A credential's token lives over reloads: it is found by what it is asked for with. */
struct oauth *token_source(struct gate *g, const struct conf_provider *p)
{
    const struct conf_oauth *c = p->oauth;
    struct origin_spec spec = {.tls = c->origin.https,
                               .host = c->origin.host,
                               .port = c->origin.port,
                               .ca_file = p->ca_file,
                               .tls_no_verify = !p->tls_verify};
    for (unsigned i = 0; i < g->noauths; i++)
        if (oauth_is_for(g->oauths[i], c))
            return g->oauths[i];
    if (p->proxy) {
        spec.proxy_host = p->proxy->host;
        spec.proxy_port = p->proxy->port;
        spec.proxy_auth = secret_reveal(&p->proxy->authorization);
    }
    if (g->noauths == GATE_OAUTH_MAX)
        return NULL;
    struct oauth *o = oauth_new(g->loop, g->client, c, &spec);
    if (o)
        g->oauths[g->noauths++] = o;
    return o;
}

str token_of(const struct call *c)
{
    return c->bind && c->bind->oauth ? oauth_token(c->bind->oauth) : STR_NONE;
}

static void cannot_have(struct call *c, enum attempt_end end, enum err kind, str words)
{
    struct fail f = {.kind = kind, .message = words};
    own_time_start(c);
    attempt_begin(c);
    attempt_record_of(c)->why = "no access token could be had";
    attempt_failed(c, &(struct attempt_failure){.end = end, .kind = kind}, &f);
}

static void on_token(struct oauth_waiter *w, bool ok)
{
    struct call *c = call_of_waiter(w);
    CHECK(c->phase == CALL_SENDING && !c->answered && !c->on_wire);
    alarm_stop(c->gate->alarms, &c->alarm);
    if (ok)
        attempt_resume(c);
    else
        cannot_have(c, ATTEMPT_NOT_SENT, ERR_UNAVAILABLE,
                    STR("No access token for the provider could be had."));
}

static void on_late(struct alarm *a)
{
    struct call *c = (struct call *)(void *)((char *)a - offsetof(struct call, alarm));
    oauth_unwait(&c->token_wait);
    cannot_have(c, c->impatient ? ATTEMPT_CLIENT : ATTEMPT_NOT_SENT, ERR_TIMEOUT,
                STR("No access token for the provider could be had in time."));
}

bool token_await(struct call *c)
{
    if (!c->bind->oauth || oauth_token(c->bind->oauth).n)
        return false;
    c->token_wait.fn = on_token;
    c->alarm.fn = on_late;
    if (alarm_set(c->gate->alarms, &c->alarm, c->deadline) != RC_OK)
        return false; /* no memory: the provider will say that it misses a token */
    own_time_stop(c);
    oauth_wait(c->bind->oauth, &c->token_wait);
    return true;
}

bool token_renew(struct call *c, enum err kind)
{
    if (kind != ERR_UPSTREAM_AUTH || !c->bind->oauth || c->token_renewed)
        return false;
    c->token_renewed = true;
    oauth_reject(c->bind->oauth, oauth_token(c->bind->oauth));
    return true;
}
