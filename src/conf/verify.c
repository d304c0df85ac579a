/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify - what snapshot.h promises, looked at once before a generation is published.
 *
 * The data path believes a snapshot without a look: an index is used as it stands, a limit of zero
 * would end every call at once, a path goes to open(2) as a C string. Twelve files fill the struct,
 * and each of them may leave early with a fault noted; that nothing half built gets past the report
 * is a property of all of them together, which no single one can check. So it is checked here.
 *
 * None of this is about what an operator wrote: whatever was written ends in the report, long
 * before. What fails here is a mistake of ours. CHECK where it would send a request or a key to the
 * wrong provider, let a stranger in, read behind a text, or end every call; ASSERT for the rest.
 */
#include "conf/build_int.h"
#include "conf/fetch.h"

/* Absent, or fit for a C function. */
static bool is_terminated(str s)
{
    return !s.p || s.p[s.n] == '\0';
}

static bool timeouts_are_set(const struct conf_timeouts *t)
{
    return t->connect && t->tls && t->first_byte && t->idle && t->total;
}

/* F12 once more, on what will be listened on rather than on what was written. */
static void verify_doors(const struct snapshot *s)
{
    CHECK(s->nlistens > 0 && s->nlistens <= CONF_LISTENS_MAX);
    for (uint32_t i = 0; i < s->nlistens; i++) {
        CHECK(s->listens[i].loopback || s->nkeys > 0);
        ASSERT(s->listens[i].port && s->listens[i].host.n);
        CHECK(is_terminated(s->listens[i].host));
    }
    /* a key without a text would be the digest of nothing, which anyone can show */
    for (uint32_t i = 0; i < s->nkeys; i++)
        CHECK(secret_is_set(&s->keys[i].plain) && s->keys[i].name.n);
    CHECK(s->has_admin_key == secret_is_set(&s->admin_plain));
    ASSERT(!s->tls.cert_file.n == !s->tls.key_file.n);
    CHECK(is_terminated(s->tls.cert_file) && is_terminated(s->tls.key_file));
}

static void verify_provider(const struct snapshot *s, uint32_t i)
{
    const struct conf_provider *p = &s->providers[i];
    CHECK(p->index == i);
    /* rows of served models are some of the models, those that say more */
    ASSERT(p->nserved <= p->nmodels || p->models_open);
    if (!p->enabled || p->demo)
        return;
    ASSERT(p->name.n && p->dialect.n);
    ASSERT(p->origin.text.n && p->origin.port);
    CHECK(is_terminated(p->origin.host) && is_terminated(p->ca_file));
    /* "/v1" and the dialect's "/chat/completions" are put together as they stand */
    ASSERT(!p->base_path.n ||
           (p->base_path.p[0] == '/' && p->base_path.p[p->base_path.n - 1] != '/'));
    ASSERT(!p->endpoint.p || p->endpoint.p[0] == '/');
    CHECK(timeouts_are_set(&p->timeouts));
    CHECK(!p->fetch || (p->fetch->n && p->fetch->one && is_terminated(p->fetch->ca_file)));
    /* an empty key would be sent as "Bearer ", and answered with a 401 for each call */
    for (uint32_t k = 0; k < p->nkeys; k++)
        CHECK(secret_is_set(&p->keys[k]));
}

static void verify_route(const struct snapshot *s, const struct conf_route *r)
{
    ASSERT(r->name.n && r->ntargets > 0);
    for (uint32_t i = 0; i < r->ntargets; i++) {
        CHECK(r->targets[i].provider < s->nproviders);
        ASSERT(s->providers[r->targets[i].provider].enabled);
        ASSERT(r->targets[i].model.n);
    }
    /* a list is walked once and its members' own lists are not, so a loop is no danger; a route
     * that is its own fallback would be tried twice */
    for (uint32_t i = 0; i < r->nfallback; i++)
        ASSERT(r->fallback[i] && r->fallback[i] != r);
}

static void verify_routes(const struct snapshot *s)
{
    for (uint32_t i = 0; i < s->nmodels; i++) {
        CHECK(s->models[i]->index == i);
        ASSERT(s->models[i]->logical);
        verify_route(s, s->models[i]);
    }
    for (int i = 0; i < CONF_SCENARIO_COUNT; i++)
        if (s->routing.scenarios[i])
            verify_route(s, s->routing.scenarios[i]);
    ASSERT(s->routing.strategy < CONF_STRATEGY_COUNT);
    ASSERT(s->routing.attempts > 0);
}

void conf_verify(const struct snapshot *s)
{
    const struct conf_client_timeouts *c = &s->client_timeouts;
    verify_doors(s);
    CHECK(s->nproviders > 0);
    for (uint32_t i = 0; i < s->nproviders; i++)
        verify_provider(s, i);
    verify_routes(s);
    ASSERT(c->header && c->body_grace && c->body_total && c->keep_alive && c->write &&
           c->handshake);
    CHECK(timeouts_are_set(&s->timeouts));
    ASSERT(s->log.to != CONF_LOG_FILE || (s->log.path.n && is_terminated(s->log.path)));
    ASSERT(s->log.access_to != CONF_LOG_FILE ||
           (s->log.access_path.n && is_terminated(s->log.access_path)));
    ASSERT(s->data_dir.p);
    CHECK(is_terminated(s->data_dir) && is_terminated(s->catalogue_file));
}
