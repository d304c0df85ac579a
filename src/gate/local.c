/* SPDX-License-Identifier: Apache-2.0 */
/*
 * local - what the gateway answers by itself: probes, figures, the list of models. One table.
 */
#include "gate/targets.h"

#include <stdio.h>
#include <unistd.h>

#include "base/fmt.h"
#include "base/num.h"
#include "gate/outs.h"
#include "json/write.h"

struct local_endpoint {
    str path; /* with a slash at its end: whatever stands below, as one name */
    void (*serve)(struct call *c);
    /* Behind targets_ask, which serve called: what all workers know. */
    void (*figures)(struct call *c, const struct records *all, unsigned workers);
    bool admins; /* figures of everyone's calls: where there is an admin key, for its holder */
    bool api;    /* and where there is none, for callers on this machine */
    bool posts;  /* takes a body */
};

#define BODY_MAX (4u << 20)

static void answer(struct call *c, unsigned status, str type, struct buf *body)
{
    str text = arena_dup(&c->req->arena, buf_str(body));
    bool ok = !body->failed && text.p;
    buf_fini(body);
    c->reply_status = ok ? status : 503;
    call_reply_lines(c, type, &c->gate->lines);
    buf_lit(&c->gate->lines, "cache-control: no-store\r\n");
    reply_text(c->req, c->reply_status, buf_str(&c->gate->lines),
               ok ? text : STR("out of memory\n"));
}

void local_answer_text(struct call *c, unsigned status, str type, struct buf *body)
{
    answer(c, status, type, body);
}

void local_answer_json(struct call *c, unsigned status, struct rope *r)
{
    struct buf flat = BUF_INIT(BODY_MAX);
    rope_flatten(r, &flat);
    flat.failed |= rope_failed(r);
    rope_fini(r);
    buf_add_char(&flat, '\n');
    answer(c, status, STR("application/json"), &flat);
}

/* ---- /livez, /readyz */

static void serve_livez(struct call *c)
{
    struct buf b = BUF_INIT(64);
    buf_lit(&b, "ok\n");
    answer(c, 200, STR("text/plain"), &b);
}

/* Details only for who may see them (A29): the admin, where there is one; else a caller with a key,
 * or, where none is asked for, one from this machine. */
static bool may_see(const struct call *c)
{
    if (c->gen->snap->has_admin_key)
        return c->admin;
    return c->key || (!c->gen->snap->nkeys && request_peer_is_loopback(c->req));
}

static void serve_readyz(struct call *c)
{
    struct gate_world *w = c->gate->set.world;
    struct buf b = BUF_INIT(BODY_MAX);
    const char *bad = atomic_load(&w->reload_error), *models = atomic_load(&w->models_error),
               *tls = atomic_load(&w->tls_error);
    if (atomic_load(&w->draining)) {
        buf_lit(&b, "draining\n");
        answer(c, 503, STR("text/plain"), &b);
        return;
    }
    buf_lit(&b, "ready\n");
    if (bad)
        buf_addf(&b, "the last reload was refused, the configuration before it is in force: %s\n",
                 may_see(c) ? bad : "the log says why");
    if (models)
        buf_addf(&b, "the new catalogue was refused, the one before it is in force: %s\n",
                 may_see(c) ? models : "the log says why");
    if (tls)
        buf_addf(&b, "the new certificate was refused, the one before it is in force: %s\n",
                 may_see(c) ? tls : "the log says why");
    answer(c, 200, STR("text/plain"), &b);
}

/* ---- /health */

static uint64_t rss_bytes(void)
{
    uint64_t pages = 0;
    char line[128];
    FILE *f = fopen("/proc/self/statm", "re");
    if (f && fgets(line, sizeof(line), f)) { /* "size resident shared ..." */
        str rest = str_c(line);
        str_cut(&rest, ' ');
        if (num_u64(str_cut(&rest, ' '), &pages) != RC_OK)
            pages = 0;
    }
    if (f)
        fclose(f);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void put_double(struct json_writer *w, double v)
{
    char text[32];
    int n = snprintf(text, sizeof(text), "%.4f", v);
    json_put_text(w, str_of(text, (size_t)n));
}

/* How many providers there are, fail often, and are out altogether. */
struct health_sum {
    unsigned all, failing, open;
};

/* US dollars, of the calls so far whose cost is known. */
static void put_cost_per_token(struct json_writer *w, const struct metric_summary *m)
{
    char text[FMT_USD_MAX];
    if (m->priced_tokens)
        json_put_text(w, str_of(text, fmt_usd(text, m->cost / (nanousd)m->priced_tokens)));
    else
        json_put_null(w);
}

static void health_provider(struct call *c, struct json_writer *w, const struct conf_provider *p,
                            struct health_sum *sum)
{
    struct gate_world *world = c->gate->set.world;
    struct metric_summary m;
    metric_summarise(world->shards, world->nworkers, p->name, loop_now(c->gate->loop), &m);
    double rate = m.window_calls ? (double)m.window_errors / (double)m.window_calls : 0;
    bool failing = m.open || (m.window_calls >= 10 && rate > 0.5);
    sum->all++;
    sum->failing += failing;
    sum->open += m.open;
    json_key_str(w, p->name);
    json_begin_object(w);
    json_key(w, "status");
    json_put_str(w, failing ? STR("unhealthy") : rate > 0.1 ? STR("degraded") : STR("healthy"));
    json_key(w, "circuit");
    json_put_str(w, m.open ? STR("open") : STR("closed"));
    json_key(w, "error_rate");
    put_double(w, rate);
    json_key(w, "errors_by_class"); /* of the last minute's attempts, as the rate */
    json_begin_object(w);
    for (unsigned i = 0; i < FAULT_COUNT; i++) {
        if (!m.window_fault[i])
            continue;
        json_key_str(w, fault_name(i));
        json_put_u64(w, m.window_fault[i]);
    }
    json_end(w);
    json_key(w, "p50_ms");
    json_put_u64(w, m.p50_ms);
    json_key(w, "p95_ms");
    json_put_u64(w, m.p95_ms);
    json_key(w, "ttft_ms");
    json_put_u64(w, m.ttft_ms);
    json_key(w, "cost_per_token"); /* unknown is said, never zero */
    put_cost_per_token(w, &m);
    json_key(w, "in_flight");
    json_put_u64(w, m.in_flight);
    json_key(w, "requests");
    json_put_u64(w, m.calls);
    json_key(w, "errors");
    json_put_u64(w, m.errors);
    json_end(w);
}

static void health_system(struct call *c, struct json_writer *w)
{
    struct gate_world *world = c->gate->set.world;
    uint64_t conns = 0, streams = 0, in_flight = 0;
    for (unsigned i = 0; i < world->nworkers; i++) {
        conns += metric_get(&world->shards[i]->connections);
        streams += metric_get(&world->shards[i]->streams);
        in_flight += metric_get(&world->shards[i]->in_flight);
    }
    json_key(w, "system");
    json_begin_object(w);
    json_key(w, "rss_bytes");
    json_put_u64(w, rss_bytes());
    uv_rusage_t ru;
    double cpu = 0;
    double up = (double)(loop_now(c->gate->loop) - world->started) / 1000.0;
    if (uv_getrusage(&ru) == 0 && up > 0)
        cpu = 100.0 *
              ((double)ru.ru_utime.tv_sec + (double)ru.ru_stime.tv_sec +
               (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6) /
              up;
    json_key(w, "cpu_percent");
    put_double(w, cpu);
    json_key(w, "connections");
    json_put_u64(w, conns);
    json_key(w, "streams");
    json_put_u64(w, streams);
    json_key(w, "in_flight");
    json_put_u64(w, in_flight);
    json_key(w, "workers");
    json_put_u64(w, world->nworkers);
    json_end(w);
}

static void put_error(struct json_writer *w, const char *key, const char *text)
{
    if (!text)
        return;
    json_key_str(w, str_c(key));
    json_put_str(w, str_c(text));
}

/* `all` NULL: nobody asked for the figures of targets. */
static void answer_health(struct call *c, const struct records *all, unsigned workers)
{
    struct gate_world *world = c->gate->set.world;
    const struct snapshot *s = c->gen->snap;
    struct rope r = ROPE_INIT(BODY_MAX), inner = ROPE_INIT(BODY_MAX);
    struct json_writer w, pw;
    struct health_sum sum = {0};
    json_writer_init(&pw, &inner);
    json_begin_object(&pw);
    for (uint32_t i = 0; i < s->nproviders; i++)
        if (s->providers[i].enabled)
            health_provider(c, &pw, &s->providers[i], &sum);
    json_end(&pw);
    /* Unhealthy, and 503: it cannot serve now. While one circuit is closed it can. */
    bool unhealthy = atomic_load(&world->draining) || (sum.all && sum.open == sum.all);
    char time[FMT_TIME_MAX];
    json_writer_init(&w, &r);
    json_begin_object(&w);
    json_key(&w, "status");
    json_put_str(&w, unhealthy ? STR("unhealthy") : sum.failing ? STR("degraded") : STR("healthy"));
    json_key(&w, "timestamp");
    json_put_str(&w, str_of(time, fmt_time(time, loop_unix_ms(c->gate->loop))));
    if (may_see(c)) {
        json_key(&w, "version");
        json_put_lit(&w, WEIR_VERSION);
        json_key(&w, "uptime_s");
        json_put_u64(&w, (loop_now(c->gate->loop) - world->started) / 1000);
        json_key(&w, "providers");
        json_put_text(&w, buf_str(&inner.own));
        outs_write(c, &w);
        health_system(c, &w);
        put_error(&w, "config_error", atomic_load(&world->reload_error));
        put_error(&w, "catalogue_error", atomic_load(&world->models_error));
        put_error(&w, "certificate_error", atomic_load(&world->tls_error));
        if (all) {
            json_key(&w, "figures"); /* as /api/v1/targets */
            targets_write(c, all, workers, &w);
        }
    }
    json_end(&w);
    local_answer_json(c, unhealthy ? 503 : 200, &r); /* `r` may refer to what is in `inner` */
    rope_fini(&inner);
}

/* A probe must be answered whatever the other workers do: they are asked only for who wants it. */
static void serve_health(struct call *c)
{
    if (may_see(c) && str_eq(c->req->head->query, STR("targets")))
        targets_ask(c);
    else
        answer_health(c, NULL, 0);
}

/* ---- /metrics */

static void serve_metrics(struct call *c)
{
    struct gate_world *w = c->gate->set.world;
    struct buf b = BUF_INIT(BODY_MAX);
    metric_write(w->shards, w->nworkers, &b);
    rules_metrics(c->gate, &b);
    if (c->gate->board)
        buf_add(&b, c->gate->board->metrics);
    answer(c, 200, STR("text/plain; version=0.0.4"), &b);
}

/* ---- / : agents look here at start */

static void serve_root(struct call *c)
{
    struct buf b = BUF_INIT(512);
    buf_lit(&b, "{\"name\":\"weir\",\"version\":\"" WEIR_VERSION
                "\",\"endpoints\":[\"/v1/chat/completions\",\"/v1/messages\",\"/v1/models\",\"/"
                "health\",\"/metrics\"]}\n");
    answer(c, 200, STR("application/json"), &b);
}

static const struct local_endpoint endpoints[] = {
    {STR("/"), serve_root},
    {STR("/api/tags"), models_serve},
    {STR("/api/v1/alerts"), alerts_serve, .admins = true, .api = true},
    {STR("/api/v1/explain"), explain_serve, .admins = true, .api = true, .posts = true},
    {STR("/api/v1/targets"), targets_ask, targets_answer, .admins = true, .api = true},
    {STR("/health"), serve_health, answer_health},
    {STR("/livez"), serve_livez},
    {STR("/metrics"), serve_metrics, .admins = true},
    {STR("/models"), models_serve},
    {STR("/models/"), models_serve},
    {STR("/readyz"), serve_readyz},
    {STR("/v1/models"), models_serve},
    {STR("/v1/models/"), models_serve},
    {STR("/v1beta/models"), models_serve},
    {STR("/v1beta/models/"), models_serve},
};

static bool takes_name(str path)
{
    return path.n > 1 && path.p[path.n - 1] == '/';
}

const struct local_endpoint *local_find(str path)
{
    for (size_t i = 0; i < ARRAY_LEN(endpoints); i++) {
        const struct local_endpoint *e = &endpoints[i];
        if (str_eq(e->path, path) ? !takes_name(e->path)
                                  : takes_name(e->path) && str_has_prefix(path, e->path))
            return e;
    }
    return NULL;
}

bool local_takes_name(const struct local_endpoint *e)
{
    return takes_name(e->path);
}

bool local_is_admins(const struct local_endpoint *e)
{
    return e->admins;
}

bool local_is_api(const struct local_endpoint *e)
{
    return e->api;
}

bool local_takes_body(const struct local_endpoint *e)
{
    return e->posts;
}

void local_figures(struct call *c, const struct records *all, unsigned workers)
{
    CHECK(c->local && c->local->figures && !c->answered);
    c->local->figures(c, all, workers);
}

void local_serve(struct call *c)
{
    CHECK(c->local && !c->answered);
    c->local->serve(c);
}
