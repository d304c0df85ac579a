/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe - a look at providers that costs no tokens: is somebody there again?
 *
 * An opt-in of the provider (providers[].probe). While one of its breakers, or its region's, is
 * open or a target of it is ejected, a small request goes to its origin every so often; `always`
 * asks in good times too. It calls no model:
 *
 *     without a path   HEAD /, no credential: that anything answers is what is to be known (name,
 *                      TCP, TLS, and an HTTP server behind it)
 *     with a path      GET of it with the provider's first key, as "/v1/models": that the API
 *                      answers this key
 *
 * A good answer makes what is open half-open, and with a path the first key where it was refused
 * (route/alive.h): the next call is the judge, seconds later instead of half a minute. Two bad ones
 * in a row, where it is asked in good times, open the provider's breakers before a call has to find
 * out.
 *
 * One exchange at a time for a provider and worker, with short limits, in the pool that calls use;
 * calls never wait for it. A probe belongs to a generation of the configuration, and stops with it.
 */
#include "gate/recovery.h"

#include "base/mem.h"
#include "http/h1_write.h"
#include "route/alive.h"

#define PROBE_MS   5000         /* for an answer's head */
#define PROBE_BODY (256u << 10) /* a list of models; a longer one is not read to its end */
#define PROBE_HEAD (8u << 10)
#define PROBE_BAD  2 /* answers in a row that open the breakers */

struct probe {
    struct exchange x; /* first */
    struct gen *gen;
    const struct conf_provider *provider;
    struct buf head;
    struct iovec iov;
    msec next;
    size_t read;
    unsigned status;
    unsigned bad; /* in a row */
    bool on_wire;
};

static struct probe *probe_of(struct exchange *x)
{
    return (struct probe *)(void *)x;
}

/* ---- what it says */

/* A key that is refused or limited is nothing that a probe can mend, and no sign of trouble. */
static void judge(struct probe *p)
{
    struct gate *g = p->gen->gate;
    const msec now = loop_now(g->loop);
    const bool keys = p->status == 401 || p->status == 403 || p->status == 429;
    p->on_wire = false;
    if (p->provider->probe.path.n && keys)
        return;
    if (p->status && p->status < 500) {
        p->bad = 0;
        if (p->status < 300)
            alive_key(&g->route, p->provider, now);
        alive_yes(&g->route, p->provider, now);
        return;
    }
    metric_count(g->set.metrics, PROBES_FAILED);
    if (++p->bad >= PROBE_BAD && p->provider->probe.always)
        alive_no(&g->route, p->provider, now);
}

static void on_head(struct exchange *x, const struct h1_head *h)
{
    probe_of(x)->status = h->status;
}

static void on_body(struct exchange *x, char *bytes, size_t n)
{
    struct probe *p = probe_of(x);
    (void)bytes;
    p->read += n;
    if (p->read <= PROBE_BODY)
        return;
    exchange_cancel(x);
    judge(p);
}

static void on_end(struct exchange *x, bool by_close)
{
    (void)by_close;
    judge(probe_of(x));
}

/* A head that came counts, whatever became of its body. */
static void on_fail(struct exchange *x, const struct exchange_fail *f)
{
    (void)f;
    judge(probe_of(x));
}

static const struct exchange_ops ops = {
    .on_head = on_head, .on_body = on_body, .on_end = on_end, .on_fail = on_fail};

/* ---- asking */

static void add_header(void *ctx, str name, str value)
{
    h1_write_header(ctx, name, value);
}

static void write_head(struct probe *p, const struct binding *b)
{
    const struct conf_provider *c = p->provider;
    struct buf *to = &p->head;
    buf_clear(to);
    h1_write_request(to, c->probe.path.n ? STR("GET") : STR("HEAD"),
                     c->probe.path.n ? c->probe.path : STR("/"));
    h1_write_header(to, STR("host"), c->origin.authority);
    h1_write_header(to, STR("user-agent"), STR("weir/" WEIR_VERSION));
    if (c->probe.path.n) {
        const struct back_call bc = {
            .opts = &b->opts,
            .model = STR(""),
            .query = c->query,
            .key = c->nkeys   ? secret_reveal(&c->keys[0])
                   : b->oauth ? oauth_token(b->oauth)
                              : STR_NONE,
        };
        b->dialect->back->request_headers(&bc, add_header, to);
        for (uint32_t i = 0; i < c->nheaders; i++)
            h1_write_header(to, c->headers[i].name, secret_reveal(&c->headers[i].value));
    }
    h1_write_end(to);
}

static void ask(struct probe *p, msec now)
{
    struct gate *g = p->gen->gate;
    const struct conf_timeouts *t = &p->provider->timeouts;
    const struct binding *b = &p->gen->bindings[p->provider->index];
    write_head(p, b);
    if (p->head.failed)
        return;
    p->iov = (struct iovec){p->head.p + p->head.off, buf_size(&p->head)};
    p->x.ops = &ops;
    p->x.origin = b->origin;
    p->x.iov = &p->iov;
    p->x.niov = 1;
    p->x.to_head = !p->provider->probe.path.n;
    p->x.limits = (struct exchange_limits){.connect_ms = t->connect,
                                           .tls_ms = t->tls,
                                           .first_byte_ms = PROBE_MS,
                                           .idle_ms = PROBE_MS,
                                           .deadline = now + 2 * PROBE_MS};
    p->status = 0;
    p->read = 0;
    p->on_wire = true;
    metric_count(g->set.metrics, PROBES);
    exchange_start(g->client, &p->x);
}

/* ---- all of a generation */

bool probes_new(struct gen *gen)
{
    const struct snapshot *s = gen->snap;
    struct gate *g = gen->gate;
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->nproviders; i++)
        n += s->providers[i].probe.every && gen->bindings[i].origin;
    gen->probes = n ? mem_zalloc(n * sizeof(*gen->probes)) : NULL;
    if (n && !gen->probes)
        return false;
    for (uint32_t i = 0; i < s->nproviders; i++) {
        const struct conf_provider *c = &s->providers[i];
        if (!c->probe.every || !gen->bindings[i].origin)
            continue;
        CHECK(gen->nprobes < n);
        struct probe *p = &gen->probes[gen->nprobes++];
        p->gen = gen;
        p->provider = c;
        p->head = BUF_INIT(PROBE_HEAD);
        /* Workers and providers do not ask all at the same moment. */
        p->next = loop_now(g->loop) + rand_below(&g->rand, (uint32_t)c->probe.every) + 1;
    }
    return true;
}

void probes_tick(struct gen *gen, msec now)
{
    for (uint32_t i = 0; i < gen->nprobes; i++) {
        struct probe *p = &gen->probes[i];
        if (p->on_wire || now < p->next)
            continue;
        p->next = now + p->provider->probe.every;
        if (p->provider->probe.always || alive_is_wanted(&gen->gate->route, p->provider, now))
            ask(p, now);
    }
}

void probes_stop(struct gen *gen)
{
    for (uint32_t i = 0; i < gen->nprobes; i++) {
        struct probe *p = &gen->probes[i];
        if (p->on_wire)
            exchange_cancel(&p->x);
        p->on_wire = false;
        buf_fini(&p->head);
    }
    mem_free(gen->probes);
    gen->probes = NULL;
    gen->nprobes = 0;
}
