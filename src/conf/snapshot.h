/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot - one generation of the configuration: resolved, checked and immutable.
 *
 * Everything the data path asks of the configuration stands here ready to use: names are indices,
 * durations are milliseconds, URLs are in pieces, keys are hashes, defaults are filled in. A reload
 * builds the next snapshot whole (conf/load.h) and swaps it in; a call keeps the one it began with.
 *
 *     snapshot
 *       +- listens[]  keys[] (SHA-256)  timeouts  limits  log  alerts[]
 *       +- providers[]  origin, keys, quirks, timeouts  <-----------+ index
 *       +- models[] ----+                                           |
 *       +- scenarios[] -+-> route: targets[] {provider, model, weight}
 *                                  fallback[] -> route
 *
 * Owns:    one arena with all of it; every pointer and slice below lives exactly as long.
 * Threads: read by all without locks. Only the reference count changes, atomically.
 * Trust:   the file is the operator's, yet every value was range-checked before it got here.
 */
#pragma once
#include <stdatomic.h>

#include "base/arena.h"
#include "base/price.h"
#include "base/rc.h"
#include "base/time.h"
#include "conf/rule.h"
#include "conf/transform.h"

struct conf_oauth;
struct conf_fetch;
struct conf_node; /* conf/node.h: raw parts that a later layer interprets */

#define CONF_SHA256      32
#define CONF_NAME_MAX    128 /* bytes of a provider's, model's or key's name */
#define CONF_LISTENS_MAX 8   /* addresses; each worker has a socket and an acceptor for each */

enum conf_strategy {
#define STRATEGY(id, name, active, help) CONF_STRATEGY_##id,
#include "conf/strategies.def"
#undef STRATEGY
    CONF_STRATEGY_COUNT
};

enum conf_scenario {
#define SCENARIO(id, key, active, help) CONF_SCENARIO_##id,
#include "conf/scenarios.def"
#undef SCENARIO
    CONF_SCENARIO_COUNT
};

/* What `lowest_latency` compares: the whole answer, or its beginning. */
enum conf_latency { CONF_LATENCY_TOTAL, CONF_LATENCY_TTFT };

/* How a provider wants its key. DIALECT: as its wire dialect does by itself. */
enum conf_auth { CONF_AUTH_DIALECT, CONF_AUTH_BEARER, CONF_AUTH_X_API_KEY, CONF_AUTH_API_KEY };

/* How a provider deviates from its dialect, where the configuration says so; else UNSAID, and
 * dialect/quirks.def decides. */
enum conf_max_tokens { CONF_MAXTOK_UNSAID, CONF_MAXTOK_OLD, CONF_MAXTOK_NEW };
enum conf_effort {
    CONF_EFFORT_UNSAID,
    CONF_EFFORT_NONE,
    CONF_EFFORT_FIELD,
    CONF_EFFORT_OBJECT,
    CONF_EFFORT_THINKING,
    CONF_EFFORT_ENABLE,
    CONF_EFFORT_BOTH,
    CONF_EFFORT_SWITCH
};
enum conf_replay {
    CONF_REPLAY_UNSAID,
    CONF_REPLAY_NONE,
    CONF_REPLAY_CONTENT,
    CONF_REPLAY_REASONING,
    CONF_REPLAY_DETAILS,
    CONF_REPLAY_PARTS
};
enum conf_mid_system { CONF_MID_UNSAID, CONF_MID_KEEP, CONF_MID_USER };

struct conf_quirks {
    enum conf_max_tokens max_tokens;
    enum conf_effort effort;
    enum conf_replay replay;
    enum conf_mid_system mid_system;
    uint8_t temperature_max;      /* tenths; 0: unsaid */
    const str *refuses, *accepts; /* names of dialect/param.def, checked */
    uint32_t nrefuses, naccepts;
};

enum conf_log_to { CONF_LOG_OFF, CONF_LOG_STDOUT, CONF_LOG_STDERR, CONF_LOG_FILE };
enum conf_log_level { CONF_LOG_ERROR, CONF_LOG_WARN, CONF_LOG_INFO, CONF_LOG_DEBUG };
enum conf_log_format { CONF_LOG_JSON, CONF_LOG_TEXT };

enum conf_alert_metric {
#define ALERT_METRIC(id, name, unit, help) CONF_ALERT_##id,
#include "conf/alerts.def"
#undef ALERT_METRIC
    CONF_ALERT_METRICS
};
enum conf_alert_action { CONF_ALERT_NOTIFY, CONF_ALERT_SWITCH_PROVIDER, CONF_ALERT_FALLBACK };
/* A target is a model at a provider ("openai/gpt-4o"), a key one of a provider's by its place in
 * the file, from one ("openai#2"): a name that gives nothing away. */
enum conf_alert_scope {
    CONF_ALERT_PROVIDER,
    CONF_ALERT_MODEL,
    CONF_ALERT_ALL,
    CONF_ALERT_TARGET,
    CONF_ALERT_KEY,
    CONF_ALERT_SCOPES
};

struct conf_listen {
    str text; /* "127.0.0.1:3456", as it was understood */
    str host; /* an address without brackets, or a name; NUL behind it */
    uint16_t port;
    bool loopback; /* 127/8, ::1 or localhost */
};

struct conf_tls {
    str cert_file; /* PEM chain; absent: the listener speaks plain HTTP. NUL behind both */
    str key_file;
};

/* Towards clients. What a head may hold is fixed (http/h1.h). */
struct conf_limits {
    uint64_t body;        /* bytes of the longest request body */
    uint64_t body_rate;   /* bytes a second a body must bring after client_timeouts.body_grace */
    uint32_t connections; /* client connections of the process; 0: as many as descriptors allow */
    uint64_t responses;   /* bytes of answers that a worker keeps for previous_response_id */
    uint64_t replay;      /* bytes of requests that all workers keep to send them again */
};

/* Milliseconds. Never 0. */
struct conf_client_timeouts {
    msec header;     /* first byte to the end of the head */
    msec body_grace; /* how long a body may be slower than limits.body_rate */
    msec body_total; /* the whole body */
    msec keep_alive; /* idle between two requests */
    msec write;      /* without any progress towards the client */
    msec handshake;  /* TLS with the client */
};

/* Milliseconds. Never 0. */
struct conf_timeouts {
    msec connect;
    msec tls;
    msec first_byte; /* request sent to the first byte of the answer */
    msec idle;       /* between two bytes of the answer */
    msec total;      /* the whole call, all attempts together */
    bool firm;       /* somebody said so: then it ends a stream that flows, too */
};

/* 0: no limit. */
struct conf_rates {
    uint64_t rpm, tpm; /* requests, tokens per minute */
    uint32_t concurrency;
};

struct conf_origin {
    bool https;
    uint16_t port;
    str host;      /* a name in lower case, or an address without brackets; NUL behind it */
    str authority; /* for the Host header: host[:port], brackets where needed, no default port */
    str text;      /* "https://host:port": the identity of pools and health */
};

struct conf_proxy {
    str host; /* NUL behind it */
    uint16_t port;
    struct secret authorization; /* value of Proxy-Authorization ("Basic ..."), or not set */
    str text;                    /* "http://host:port", without credentials */
};

/* A document that weir fetches for itself. */
struct conf_remote {
    str text; /* for the log and as its identity: without query */
    struct conf_origin origin;
    str target;                     /* path and query */
    const struct conf_proxy *proxy; /* NULL: direct */
    str ca_file;                    /* as a provider's */
};

/* Words of `can`: what a model takes or does beside text. */
#define CONF_CAN(CAN)             \
    CAN(TOOLS, "tools")           \
    CAN(IMAGES, "images")         \
    CAN(DOCUMENTS, "documents")   \
    CAN(AUDIO, "audio")           \
    CAN(STRUCTURED, "structured") \
    CAN(REASONING, "reasoning")
enum conf_can {
#define CAN(id, word) CONF_CAN_##id,
    CONF_CAN(CAN)
#undef CAN
};

/* What the file says of a model that a provider serves. Absent, 0 or not in the set: nothing. */
struct conf_served {
    str name;
    str as; /* what the catalogue calls it */
    bool has_price;
    struct price_set price; /* instead of the catalogue's */
    uint64_t context, max_output;
    bool knows_can;
    unsigned can; /* 1 << CONF_CAN_…: all that it can, where the file says it */
};

/* Where calls may be served: names of regions, each meaning all that begin with it (`eu`:
 * `eu-west-1`), or exactly what a trailing '*' says. None: anywhere. */
struct conf_regions {
    const str *names;
    uint32_t n;
};

/* Whose prices a provider asks. */
enum conf_prices { CONF_PRICES_OWN, CONF_PRICES_OF, CONF_PRICES_FREE, CONF_PRICES_UNKNOWN };

/* What an AWS key has beside its secret, which is the provider's key. */
struct conf_aws {
    str access_key_id;
    struct secret session_token; /* of temporary credentials, or not set */
};

/* A look at a provider that costs no tokens. */
struct conf_probe {
    msec every;  /* 0: none */
    str path;    /* asked for with the key; absent: the origin alone is, without one */
    bool always; /* also while all is well */
};

/* One origin and what is needed to speak to it. Where the file names one that cannot be served
 * (switched off, or in a claude-code-router file without a key) it stays in the list with `enabled`
 * false and may lack all but its name, so that indices and messages hold. */
struct conf_provider {
    str name;
    str preset;  /* the known provider it stands on ("deepseek"), or absent */
    str dialect; /* wire dialect by name: "openai", "anthropic"; "demo" for the built-in one */
    struct conf_origin origin;
    /* What stands before the dialect's own path ("/chat/completions", "/v1/messages"): "" or
     * "/v1" or "/openai/v1"; never ends in a slash. */
    str base_path;
    str query; /* to be appended to every path ("api-version=1"), without '?', or absent */
    /* A full endpoint URL that does not end in the dialect's path: where chat requests go, exactly
     * (begins with a slash). Absent otherwise. */
    str endpoint;
    uint32_t index; /* in snapshot.providers */
    enum conf_auth auth;
    bool enabled;     /* false: no route leads here */
    bool demo;        /* answered by gate/ itself, without an origin or a key */
    bool models_open; /* no list was given: it may serve any name */
    bool tls_verify;
    bool counts_tokens; /* it is asked itself for count_tokens */
    bool drains;        /* an answer whose client has left is read to its end, for its usage */
    bool bills_on;      /* … and is paid for in full, whoever reads it */
    uint32_t nkeys, nmodels, nheaders;
    const struct conf_oauth *oauth;   /* its key is a token to be fetched (conf/oauth.h); or NULL */
    const struct secret *keys;        /* the key pool; none for servers that want none */
    const struct conf_aws *aws;       /* for each key; NULL: the keys are no AWS keys */
    const str *models;                /* as declared, or as other parts of the file name them */
    const struct conf_served *served; /* those of them the file says more of */
    uint32_t nserved;
    enum conf_prices prices;
    str prices_of;                       /* PRICES_OF: a provider of the catalogue … */
    uint32_t prices_line, prices_column; /* … and where the file names it */
    const struct conf_header *headers;   /* set on every request, after ours */
    const struct conf_proxy *proxy;      /* NULL: direct */
    const struct conf_fetch *fetch; /* where its images are fetched from (conf/fetch.h); NULL */
    struct conf_transforms transforms;
    str serves; /* beginnings of model names known to be its own, separated by blanks */
    str region;
    str balance;     /* URL that tells the key's credit (GET, bearer); absent: none is known */
    str ca_file;     /* PEM; absent: the system's. NUL behind it */
    str api_version; /* of the dialect's API, fit for a URL; absent: the dialect's choice */
    str anthropic_version; /* absent: the dialect's own choice */
    struct conf_rates rates;
    struct conf_timeouts timeouts;
    struct conf_probe probe;
    struct conf_quirks quirks;
};

struct conf_target {
    uint32_t provider; /* index; always an enabled one */
    uint32_t weight;   /* 0: only when nothing else can serve */
    str model;         /* what the provider calls it */
};

/* A second attempt beside one that is slow to begin. */
struct conf_hedge {
    bool on;
    bool percentile; /* after the target's own 95th percentile; else … */
    msec after;
    uint32_t max; /* of the route's calls, in millionths */
};

/* A name and where it leads: a logical model, or one target that a scenario or list names. */
struct conf_route {
    str name; /* "smart", or "provider/model" */
    bool logical;
    uint32_t index; /* of a logical one: its place in snapshot.models */
    enum conf_strategy strategy;
    enum conf_latency latency;
    struct conf_sticky sticky;
    const struct conf_target *targets; /* at least one, in the order written */
    uint32_t ntargets;
    uint32_t nfallback;
    /* Tried in order when no target served; their own fallback lists do not count. Empty when
     * routing.fallback is off. */
    const struct conf_route *const *fallback;
    struct conf_timeouts timeouts; /* of this model; 0: its providers' */
    struct conf_hedge hedge;
    bool rescue; /* an answer that breaks off is gone on with by another target */
    struct conf_transforms transforms; /* behind those of the provider */
    struct conf_regions regions;
};

struct conf_budget {
    nanousd usd; /* 0: none */
    str per;     /* "day", "week", "month", "total" */
};

/* What a client must show. */
struct conf_key {
    str name;
    uint8_t sha256[CONF_SHA256];
    struct secret plain; /* for `weir env` and `weir code` on this machine; never compared */
    const str *models;   /* names it may call, a trailing '*' matches the rest; none: all */
    uint32_t nmodels;
    struct conf_budget budget;
    struct conf_rates rates;
    struct conf_regions regions;
    msec timeout; /* of each call; 0: as for all */
};

struct conf_alert {
    str name;
    enum conf_alert_metric metric;
    enum conf_alert_scope scope;
    enum conf_alert_action action;
    double threshold, clear; /* fires above the one, ends at or below the other */
    double quantile;         /* of times */
    uint32_t min_calls;
    msec window, duration, hold;
    const str *only; /* names of its scope; none: all. Of keys also "openai": all of its own */
    uint32_t nonly;
    struct conf_remote webhook; /* text absent: none */
};
str conf_alert_metric_name(enum conf_alert_metric v);
str conf_alert_scope_name(enum conf_alert_scope v);
str conf_alert_action_name(enum conf_alert_action v);

/* Scenarios of one project, or of one session of Claude Code, in the place of the whole set
 * (build_projects.c). What is not set there is not set. */
struct conf_project {
    str name;    /* as Claude Code names the folder of its conversations */
    str session; /* absent: the project's every session */
    uint64_t long_context_threshold;
    const struct conf_route *scenarios[CONF_SCENARIO_COUNT];
};

#define CONF_PROJECTS_MAX 128 /* files of both kinds */

/* What must be known of a call, so that a plain configuration works nothing out. */
#define ROUTING_NEEDS_TRAITS   1u /* what kind of request it is */
#define ROUTING_NEEDS_TOKENS   2u /* how long its session's last prompt was: to be remembered */
#define ROUTING_NEEDS_SESSION  4u /* which calls belong together */
#define ROUTING_NEEDS_SCENARIO 8u /* scenarios are to be asked */

/* What takes a target out: the defaults stand in route/health.h, outlier.h and region.h. */
struct conf_breaker {
    uint32_t failures;
    msec open, max;
};
struct conf_ejection {
    bool on;
    uint32_t calls, min_calls, share, max_percent;
    double deviations;
    msec open, max;
};
struct conf_region_breaker {
    bool on;
    msec open, max;
};

struct conf_routing {
    struct conf_breaker breaker;
    struct conf_ejection ejection;
    struct conf_region_breaker region_breaker;
    enum conf_strategy strategy; /* for models without one */
    enum conf_latency latency;   /* the same */
    struct conf_sticky sticky;   /* the same */
    unsigned needs;              /* ROUTING_NEEDS_*: what some part of the file asks of calls */
    bool fallback;               /* false: one attempt, no other target, no other model */
    bool ccr;                    /* the file is claude-code-router's: see gate/scenario.c */
    msec wait;          /* of a call for room at a provider, where nobody has any; 0: none */
    uint32_t attempts;  /* tries of one call, all kinds together */
    bool caller_policy; /* callers may narrow and order the choice (route/policy.h) */
    bool replay;        /* send again elsewhere what got no byte of an answer */
    msec remember;      /* what was learned is kept on the disk so often; 0: it is not */
    double weight_response_time, weight_error_rate, weight_cost; /* for `balanced` */
    uint64_t long_context_threshold;                             /* tokens */
    const struct conf_route *scenarios[CONF_SCENARIO_COUNT];     /* NULL: not set */
    str projects_dir; /* where projects' routing is looked for; absent: nowhere. NUL behind both */
    str sessions_dir; /* where Claude Code keeps its conversations, a folder a project */
    const struct conf_project *projects;
    uint32_t nprojects;
    struct conf_regions regions;
    struct conf_rules rules;
};

struct conf_log {
    enum conf_log_level level;
    enum conf_log_format format;
    enum conf_log_to to; /* the program's own log */
    str path;            /* for FILE; NUL behind it */
    enum conf_log_to access_to;
    str access_path;
};

struct snapshot {
    uint64_t generation;              /* set by whoever publishes it */
    str file;                         /* absolute path of the master; absent: none was found */
    str data_dir;                     /* absolute or as given; NUL behind it */
    uint8_t text_sha256[CONF_SHA256]; /* of the file's bytes; zeros without a file */
    bool demo;                        /* nothing configured: providers[0] is the demo */

    const struct conf_listen *listens;
    uint32_t nlistens;
    uint32_t workers; /* 0: one a core */
    struct conf_tls tls;
    struct conf_limits limits;
    struct conf_client_timeouts client_timeouts;
    struct conf_timeouts timeouts;
    msec drain;     /* from SIGTERM to the end of the last call */
    msec lame_duck; /* from "not ready" to the close of the listener */
    struct conf_log log;

    const struct conf_provider *providers;
    uint32_t nproviders;
    const struct conf_route *const *models; /* logical models, in the order written */
    uint32_t nmodels;
    struct conf_routing routing;

    str catalogue_file;               /* absent: the built-in one. NUL behind it */
    struct conf_remote catalogue_url; /* instead of either; text absent: none */
    msec catalogue_every;

    const struct conf_key *keys; /* none: every caller is let in (loopback listeners only) */
    uint32_t nkeys;
    bool has_admin_key; /* one is configured: /metrics and all details are its holder's alone */
    uint8_t admin_sha256[CONF_SHA256];
    struct secret admin_plain; /* for `weir status` on this machine; never compared */

    const struct conf_alert *alerts;
    uint32_t nalerts;

    struct arena arena_;
    atomic_uint refs_;
};

/* From any thread that holds a reference, or is handed one. The last unref frees the whole. */
struct snapshot *snapshot_ref(struct snapshot *s);   /* returns s */
struct snapshot *snapshot_unref(struct snapshot *s); /* returns NULL; accepts NULL */

/* How a name was understood, for logs and `weir explain`. */
enum conf_how {
    CONF_BY_MODEL,
    CONF_BY_PROVIDER,
    CONF_BY_BARE_NAME,
    CONF_BY_DEFAULT,
    CONF_BY_RULE,     /* gate/rules.c */
    CONF_BY_SCENARIO, /* not by conf_resolve: gate/scenario.c */
};

/* Where a request's model leads. When it is no named route, `own` describes it and `route` points
 * to it, so the struct must not be copied. Slices point into the snapshot or into the request. */
struct conf_found {
    enum conf_how how;
    const struct conf_route *route;
    struct conf_route own;
    struct conf_target own_target;
    char own_name[256]; /* "provider/model", cut where it is longer */
};

/* Resolve the model of a request, in this order: a logical model; "provider/model" or
 * "provider,model"; a bare model that exactly one provider serves; the `default` scenario; the only
 * provider there is, if it lists no models. Exact case wins over another case. A trailing "[1m]"
 * (Claude Code's mark of a long context) is dropped when the name is not known with it. `key` may
 * be NULL; a route it may not call is not found. No allocation, no lock. RC_NOTFOUND. */
enum rc conf_resolve(const struct snapshot *s, const struct conf_key *key, str model,
                     struct conf_found *ret) MUST_CHECK;
/* One provider, without a choice: its own API is meant. `model` must outlive ret. */
void conf_found_provider(const struct snapshot *s, const struct conf_provider *p, str model,
                         struct conf_found *ret);
/* May this key (NULL: anyone) call the route? To be asked for each fallback route. */
bool conf_key_allows(const struct conf_key *key, const struct conf_route *route);
/* The known name nearest to `model`, for a "not found" answer; absent when none is near. */
str conf_nearest_model(const struct snapshot *s, const struct conf_key *key, str model);

/* What the file says of a model; NULL: nothing. */
const struct conf_served *conf_find_served(const struct conf_provider *p, str model);

/* NULL: unknown. The time does not depend on which key it is. */
const struct conf_key *conf_find_key(const struct snapshot *s, const uint8_t sha256[CONF_SHA256]);
const struct conf_provider *conf_find_provider(const struct snapshot *s, str name); /* NULL */

str conf_scenario_name(enum conf_scenario v);

/* "openai/gpt-4o" and "openai#2" in their parts; RC_NOTFOUND: there is no such provider or key. */
enum rc conf_alert_part(const struct snapshot *s, enum conf_alert_scope scope, str name,
                        uint32_t *ret_provider, str *ret_model, uint32_t *ret_key) MUST_CHECK;
/* Does the alert's `only` leave this one in? */
bool conf_alert_means(const struct conf_alert *a, str name);
#define CONF_ALERT_SUBJECTS_MAX 1024
/* All that an alert of that scope watches, by name; of `all` the one that has none. In `a`; 0 also
 * without memory. */
uint32_t conf_alert_subjects(const struct snapshot *s, enum conf_alert_scope scope, struct arena *a,
                             const str **ret);
