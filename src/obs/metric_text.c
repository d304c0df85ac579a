/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metric_text - the Prometheus text format (version 0.0.4) of all shards together.
 *
 *     # HELP weir_requests_total …
 *     # TYPE weir_requests_total counter
 *     weir_requests_total 17
 *
 * Names and help stand in metric.def, once; here only what has a form of its own is written out.
 * The same provider is in as many shards as there are workers: the first shard that has it says it,
 * with the sum of all. That is quadratic in workers and linear in providers, some thousand steps a
 * scrape.
 *
 * Numbers are written as they are read, one after the other: two figures of one answer may be a
 * moment apart, which scrapers expect.
 */
#include "base/check.h"
#include "base/fmt.h"
#include "obs/metric.h"

struct row {
    const char *name, *help;
    bool usd; /* counted in nano-dollars */
};

#define NO_ROW(id, name, help)
#define ROW(id, name, help)     {name, help, false},
#define ROW_USD(id, name, help) {name, help, true},

static const struct row counters[] = {
#define COUNTER   ROW
#define PROVIDER  NO_ROW
#define MODEL     NO_ROW
#define MODEL_USD NO_ROW
#include "obs/metric.def"
#undef COUNTER
#undef PROVIDER
#undef MODEL
#undef MODEL_USD
};

static const struct row provider_counters[] = {
#define COUNTER   NO_ROW
#define PROVIDER  ROW
#define MODEL     NO_ROW
#define MODEL_USD NO_ROW
#include "obs/metric.def"
#undef COUNTER
#undef PROVIDER
#undef MODEL
#undef MODEL_USD
};

static const struct row model_counters[] = {
#define COUNTER   NO_ROW
#define PROVIDER  NO_ROW
#define MODEL     ROW
#define MODEL_USD ROW_USD
#include "obs/metric.def"
#undef COUNTER
#undef PROVIDER
#undef MODEL
#undef MODEL_USD
};

_Static_assert(ARRAY_LEN(counters) == METRIC_COUNT &&
                   ARRAY_LEN(provider_counters) == METRIC_P_COUNT,
               "metric.def has a row for each counter");
_Static_assert(ARRAY_LEN(model_counters) == METRIC_M_COUNT, "… and for each of a model");

/* From a cache's answer to a model that thinks for ten minutes; rough enough that a scrape of a
 * hundred providers stays small. */
static const uint64_t ms_limits[] = {5,    10,   25,    50,    100,   250,    500,    1000,
                                     2500, 5000, 10000, 30000, 60000, 120000, 300000, 600000};
static const uint64_t us_limits[] = {10, 25, 50, 100, 250, 500, 1000, 5000, 25000, 100000};

void metric_head(struct buf *to, const char *name, const char *help, const char *type)
{
    buf_addf(to, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void head(struct buf *to, const struct row *r, const char *type)
{
    metric_head(to, r->name, r->help, type);
}

/* A label's value: backslash, quote and newline escaped, as the format asks. */
void metric_label(struct buf *to, str v)
{
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] == '\\' || v.p[i] == '"')
            buf_add_char(to, '\\');
        if (v.p[i] == '\n')
            buf_lit(to, "\\n");
        else
            buf_add_char(to, v.p[i]);
    }
}

/* Cumulative, as the format wants it: each `le` counts all below. Our buckets are finer than these
 * limits, and the limits lie on their borders or a bucket's width beside. */
static void histogram(struct buf *to, const struct row *r, const struct hist_view *v,
                      const uint64_t *limits, size_t n, double unit)
{
    head(to, r, "histogram");
    for (size_t i = 0; i < n; i++)
        buf_addf(to, "%s_bucket{le=\"%g\"} %llu\n", r->name, (double)limits[i] / unit,
                 (unsigned long long)hist_count_to(v, limits[i]));
    buf_addf(to, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum %g\n%s_count %llu\n", r->name,
             (unsigned long long)v->count, r->name, (double)v->sum / unit, r->name,
             (unsigned long long)v->count);
}

static void write_counters(struct metric_shard *const *shards, unsigned n, struct buf *to)
{
    for (unsigned c = 0; c < METRIC_COUNT; c++) {
        uint64_t sum = 0;
        for (unsigned i = 0; i < n; i++)
            sum += metric_get(&shards[i]->counter[c]);
        head(to, &counters[c], "counter");
        buf_addf(to, "%s %llu\n", counters[c].name, (unsigned long long)sum);
    }
}

/* What is now, where counters are what ever was. */
static void gauge(struct buf *to, const char *name, const char *help, uint64_t v)
{
    head(to, &(struct row){name, help}, "gauge");
    buf_addf(to, "%s %llu\n", name, (unsigned long long)v);
}

static void write_gauges(struct metric_shard *const *shards, unsigned n, struct buf *to)
{
    uint64_t conns = 0, streams = 0, in_flight = 0;
    for (unsigned i = 0; i < n; i++) {
        conns += metric_get(&shards[i]->connections);
        streams += metric_get(&shards[i]->streams);
        in_flight += metric_get(&shards[i]->in_flight);
    }
    gauge(to, "weir_connections", "open client connections", conns);
    gauge(to, "weir_streams", "open streams", streams);
    gauge(to, "weir_requests_in_flight", "model calls being served", in_flight);
}

str metric_out_name(enum metric_out o)
{
    static const struct {
        str name;
    } rows[METRIC_OUT_COUNT] = {
        [METRIC_OUT_COOLING] = {STR("cooling")}, [METRIC_OUT_OPEN] = {STR("open")},
        [METRIC_OUT_REGION] = {STR("region")},   [METRIC_OUT_EJECTED] = {STR("ejected")},
        [METRIC_OUT_REFUSED] = {STR("refused")},
    };
    CHECK(o < METRIC_OUT_COUNT);
    return rows[o].name;
}

static void write_outs(struct metric_shard *const *shards, unsigned n, struct buf *to)
{
    const struct row r = {"weir_targets_out",
                          "targets and keys that are left out now, by reason; each worker's count",
                          false};
    head(to, &r, "gauge");
    for (unsigned k = 0; k < METRIC_OUT_COUNT; k++) {
        uint64_t sum = 0;
        for (unsigned i = 0; i < n; i++)
            sum += metric_get(&shards[i]->out[k]);
        buf_addf(to, "%s{reason=\"" STR_FMT "\"} %llu\n", r.name,
                 STR_ARG(metric_out_name((enum metric_out)k)), (unsigned long long)sum);
    }
}

/* Is this the first shard that knows the name? Each provider is written once. */
static bool first_sight(struct metric_shard *const *shards, unsigned at, str name)
{
    for (unsigned i = 0; i < at; i++) {
        struct metric_provider *p =
            atomic_load_explicit(&shards[i]->providers, memory_order_acquire);
        for (; p; p = atomic_load_explicit(&p->next, memory_order_acquire))
            if (str_eq(p->name, name))
                return false;
    }
    return true;
}

/* What all shards say of one provider: of a counter, or (c from METRIC_P_COUNT on) of a fault. */
static uint64_t provider_sum(struct metric_shard *const *shards, unsigned n, str name, unsigned c)
{
    CHECK(c < METRIC_P_COUNT + FAULT_COUNT);
    uint64_t sum = 0;
    for (unsigned i = 0; i < n; i++) {
        struct metric_provider *p =
            atomic_load_explicit(&shards[i]->providers, memory_order_acquire);
        for (; p; p = atomic_load_explicit(&p->next, memory_order_acquire))
            if (str_eq(p->name, name))
                sum +=
                    metric_get(c < METRIC_P_COUNT ? &p->counter[c] : &p->fault[c - METRIC_P_COUNT]);
    }
    return sum;
}

static void write_providers(struct metric_shard *const *shards, unsigned n, struct buf *to)
{
    for (unsigned c = 0; c < METRIC_P_COUNT; c++) {
        head(to, &provider_counters[c], "counter");
        for (unsigned i = 0; i < n; i++) {
            struct metric_provider *p =
                atomic_load_explicit(&shards[i]->providers, memory_order_acquire);
            for (; p; p = atomic_load_explicit(&p->next, memory_order_acquire)) {
                if (!first_sight(shards, i, p->name))
                    continue;
                buf_addf(to, "%s{provider=\"", provider_counters[c].name);
                metric_label(to, p->name);
                buf_addf(to, "\"} %llu\n", (unsigned long long)provider_sum(shards, n, p->name, c));
            }
        }
    }
}

/* Failed attempts by class. A class that a provider never showed has no line. */
static void write_faults(struct metric_shard *const *shards, unsigned n, struct buf *to)
{
    const struct row r = {"weir_provider_faults_total", "attempts that failed, by class", false};
    head(to, &r, "counter");
    for (unsigned i = 0; i < n; i++) {
        struct metric_provider *p =
            atomic_load_explicit(&shards[i]->providers, memory_order_acquire);
        for (; p; p = atomic_load_explicit(&p->next, memory_order_acquire)) {
            if (!first_sight(shards, i, p->name))
                continue;
            for (unsigned f = 0; f < FAULT_COUNT; f++) {
                const uint64_t sum = provider_sum(shards, n, p->name, METRIC_P_COUNT + f);
                if (!sum)
                    continue;
                buf_addf(to, "%s{provider=\"", r.name);
                metric_label(to, p->name);
                buf_addf(to, "\",class=\"" STR_FMT "\"} %llu\n", STR_ARG(fault_name(f)),
                         (unsigned long long)sum);
            }
        }
    }
}

/* ---- models: what one shard says of a pair of names, the first one that has it says for all */

static const struct metric_model *next_model(const struct metric_model *k)
{
    return atomic_load_explicit(&k->next, memory_order_acquire);
}

static const struct metric_model *first_model(const struct metric_shard *m)
{
    return atomic_load_explicit(&m->models, memory_order_acquire);
}

/* Of shards from `from` to before `to`; *ret_seen: whether any has the pair. */
static uint64_t model_sum(struct metric_shard *const *shards, unsigned from, unsigned to,
                          const struct metric_model *like, unsigned c, bool *ret_seen)
{
    uint64_t sum = 0;
    *ret_seen = false;
    for (unsigned i = from; i < to; i++)
        for (const struct metric_model *k = first_model(shards[i]); k; k = next_model(k))
            if (str_eq(k->model, like->model) && str_eq(k->provider, like->provider)) {
                sum += metric_get(&k->counter[c]);
                *ret_seen = true;
            }
    return sum;
}

static void value(struct buf *to, const struct row *r, uint64_t v)
{
    char text[FMT_USD_MAX];
    if (r->usd)
        buf_add(to, str_of(text, fmt_usd(text, v < INT64_MAX ? (nanousd)v : INT64_MAX)));
    else
        buf_add_u64(to, v);
    buf_add_char(to, '\n');
}

static void write_model(struct metric_shard *const *shards, unsigned n, unsigned at,
                        const struct metric_model *k, unsigned c, struct buf *to)
{
    bool seen;
    (void)model_sum(shards, 0, at, k, c, &seen);
    if (seen)
        return;
    buf_addf(to, "%s{provider=\"", model_counters[c].name);
    metric_label(to, k->provider);
    buf_lit(to, "\",model=\"");
    metric_label(to, k->model);
    buf_lit(to, "\"} ");
    value(to, &model_counters[c], model_sum(shards, at, n, k, c, &seen));
}

static void write_models(struct metric_shard *const *shards, unsigned n, struct buf *to)
{
    for (unsigned c = 0; c < METRIC_M_COUNT; c++) {
        head(to, &model_counters[c], "counter");
        for (unsigned i = 0; i < n; i++)
            for (const struct metric_model *k = first_model(shards[i]); k; k = next_model(k))
                write_model(shards, n, i, k, c, to);
    }
}

static void write_series(struct metric_shard *const *shards, unsigned n, struct buf *to)
{
    struct series_list *lists[METRIC_SHARDS_MAX];
    CHECK(n <= METRIC_SHARDS_MAX);
    for (unsigned i = 0; i < n; i++)
        lists[i] = &shards[i]->series;
    series_write(lists, n, to);
}

void metric_write(struct metric_shard *const *shards, unsigned n, struct buf *to)
{
    struct hist_view total = {0}, ttft = {0}, overhead = {0};
    for (unsigned i = 0; i < n; i++) {
        hist_view_add(&total, &shards[i]->total_ms);
        hist_view_add(&ttft, &shards[i]->ttft_ms);
        hist_view_add(&overhead, &shards[i]->overhead_us);
    }
    write_counters(shards, n, to);
    write_gauges(shards, n, to);
    write_outs(shards, n, to);
    write_providers(shards, n, to);
    write_faults(shards, n, to);
    write_models(shards, n, to);
    write_series(shards, n, to);
    histogram(to, &(struct row){"gen_ai_server_request_duration_seconds", "model call duration"},
              &total, ms_limits, ARRAY_LEN(ms_limits), 1e3);
    histogram(
        to, &(struct row){"gen_ai_server_time_to_first_token_seconds", "time to the first content"},
        &ttft, ms_limits, ARRAY_LEN(ms_limits), 1e3);
    histogram(to,
              &(struct row){"weir_overhead_seconds",
                            "time spent in weir itself, up to the first content"},
              &overhead, us_limits, ARRAY_LEN(us_limits), 1e6);
}
