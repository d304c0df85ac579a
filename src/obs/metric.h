/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metric - counters, gauges and histograms of the process.
 *
 * Each worker has a shard that it alone writes, with relaxed stores and no lock prefix; whoever
 * reads sums the shards. Per-provider series are found by name once per config generation and then
 * kept as pointers; a shard's list of them only grows, so readers walk it without a lock. The
 * number of names is capped, so that labels stay bounded.
 */
#pragma once
#include "base/buf.h"
#include "base/time.h"
#include "obs/fault.h"
#include "obs/hist.h"
#include "obs/outcome.h"
#include "obs/series.h"

#define METRIC_SHARDS_MAX    256 /* one a worker */
#define METRIC_PROVIDERS_MAX 256
#define METRIC_MODELS_MAX    512
#define METRIC_ROUTES_MAX    512
#define METRIC_PLACES_MAX    1024
#define METRIC_WINDOW_SLOTS  6
#define METRIC_WINDOW_MS     10000 /* of a slot: error rates look at the last minute */

enum metric_counter {
#define COUNTER(id, name, help) METRIC_##id,
#define PROVIDER(id, name, help)
#define MODEL(id, name, help)
#define MODEL_USD(id, name, help)
#include "obs/metric.def"
#undef COUNTER
#undef PROVIDER
#undef MODEL
#undef MODEL_USD
    METRIC_COUNT
};

enum metric_provider_counter {
#define COUNTER(id, name, help)
#define PROVIDER(id, name, help) METRIC_P_##id,
#define MODEL(id, name, help)
#define MODEL_USD(id, name, help)
#include "obs/metric.def"
#undef COUNTER
#undef PROVIDER
#undef MODEL
#undef MODEL_USD
    METRIC_P_COUNT
};

enum metric_model_counter {
#define COUNTER(id, name, help)
#define PROVIDER(id, name, help)
#define MODEL(id, name, help)     METRIC_M_##id,
#define MODEL_USD(id, name, help) METRIC_M_##id,
#include "obs/metric.def"
#undef COUNTER
#undef PROVIDER
#undef MODEL
#undef MODEL_USD
    METRIC_M_COUNT
};

struct metric_window {
    _Atomic uint64_t slot; /* time / METRIC_WINDOW_MS it counts for */
    _Atomic uint64_t calls, errors;
    _Atomic uint64_t fault[FAULT_COUNT];
};

struct metric_provider {
    struct metric_provider *_Atomic next;
    str name;
    _Atomic uint64_t counter[METRIC_P_COUNT];
    _Atomic uint64_t in_flight;
    _Atomic uint64_t circuit_open_until; /* loop time; 0 = closed */
    _Atomic uint64_t fault[FAULT_COUNT]; /* attempts that failed, by class */
    struct hist total_ms, ttft_ms;
    struct metric_window window[METRIC_WINDOW_SLOTS];
    struct outcomes attempts;
};

struct metric_model {
    struct metric_model *_Atomic next;
    str provider, model;
    _Atomic uint64_t counter[METRIC_M_COUNT];
};

/* A logical model, as the configuration names it. */
struct metric_route {
    struct metric_route *_Atomic next;
    str name;
    struct outcomes calls;
    _Atomic uint64_t tokens,
        usd; /* of calls whose cost is known: prompt and answer; nano-dollars */
};

/* Why a target, or a key, is out of a worker's plans at this moment. */
enum metric_out {
    METRIC_OUT_COOLING,
    METRIC_OUT_OPEN,
    METRIC_OUT_REGION,
    METRIC_OUT_EJECTED,
    METRIC_OUT_REFUSED,
    METRIC_OUT_COUNT
};
str metric_out_name(enum metric_out o);

struct metric_shard {
    _Atomic uint64_t counter[METRIC_COUNT];
    _Atomic uint64_t out[METRIC_OUT_COUNT];           /* gauges, as of the last second */
    _Atomic uint64_t connections, streams, in_flight; /* gauges */
    struct hist total_ms, ttft_ms, overhead_us;
    struct metric_provider *_Atomic providers;
    struct metric_model *_Atomic models;
    struct metric_route *_Atomic routes;
    struct metric_route *_Atomic places; /* targets and keys that an alert watches, by name */
    unsigned nproviders, nmodels, nroutes, nplaces;
    struct outcomes calls;
    struct series_list series; /* by rule, scenario and tag */
};

struct metric_shard *metric_shard_new(void);
void metric_shard_free(struct metric_shard *m);

static inline void metric_add(_Atomic uint64_t *cell, uint64_t by)
{
    atomic_store_explicit(cell, atomic_load_explicit(cell, memory_order_relaxed) + by,
                          memory_order_relaxed);
}

static inline uint64_t metric_get(const _Atomic uint64_t *cell)
{
    return atomic_load_explicit(cell, memory_order_relaxed);
}

#define metric_count(shard, id) metric_add(&(shard)->counter[METRIC_##id], 1)

/* The shard's series for a provider: found or made. Past the cap all share one named "other".
 * NULL without memory. */
struct metric_provider *metric_provider(struct metric_shard *m, str name);
/* … for a model of it; past the cap all of all providers share one. */
struct metric_model *metric_model(struct metric_shard *m, str provider, str model);
/* … for a logical model. */
struct metric_route *metric_route(struct metric_shard *m, str name);
/* … for a target or a key (conf_alert_subjects): `calls` are attempts. NULL also where there are
 * METRIC_PLACES_MAX: nobody could tell apart what they all share. */
struct metric_route *metric_place(struct metric_shard *m, str name);
void metric_provider_served(struct metric_provider *p, msec now);
void metric_provider_failed(struct metric_provider *p, msec now, enum fault how);

/* What all shards say of one provider. */
struct metric_summary {
    uint64_t calls, errors, in_flight;
    uint64_t window_calls, window_errors, window_fault[FAULT_COUNT];
    uint64_t p50_ms, p95_ms, ttft_ms;
    uint64_t priced_tokens;
    nanousd cost; /* of these tokens */
    bool open;
};
void metric_summarise(struct metric_shard *const *shards, unsigned n, str name, msec now,
                      struct metric_summary *ret);

/* How it went since the start, all shards together: what alerts compare at two times. */
void metric_read_provider(struct metric_shard *const *shards, unsigned n, str name,
                          struct outcome_sums *ret);
void metric_read_route(struct metric_shard *const *shards, unsigned n, str name,
                       struct outcome_sums *ret);
void metric_read_place(struct metric_shard *const *shards, unsigned n, str name,
                       struct outcome_sums *ret);
void metric_read_all(struct metric_shard *const *shards, unsigned n, struct outcome_sums *ret);

/* The Prometheus text format, version 0.0.4. */
void metric_write(struct metric_shard *const *shards, unsigned n, struct buf *to);
/* Its pieces, for what is not counted in shards: HELP and TYPE of a series, a label's value. */
void metric_head(struct buf *to, const char *name, const char *help, const char *type);
void metric_label(struct buf *to, str v);
