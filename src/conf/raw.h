/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raw - the configuration as written: one struct per section of the option table, one field per
 * row. Names are still names here. build.h makes a snapshot of it.
 *
 * Each struct begins with a struct raw_at. A text that was not given has p == NULL, a number that
 * has no default and was not given is 0, a word OPTION_WORD_UNSET.
 */
#pragma once
#include "base/price.h"
#include "conf/option.h"
#include "conf/snapshot.h"

struct raw_tls {
    struct raw_at at;
    str cert, key;
};

struct raw_limits {
    struct raw_at at;
    uint64_t body, body_rate, responses, image, images, replay;
    uint32_t connections;
};

struct raw_client_timeouts {
    struct raw_at at;
    msec header, body_grace, body_total, keep_alive, write, handshake;
};

struct raw_timeouts {
    struct raw_at at;
    msec connect, tls, first_byte, idle, total;
};

struct raw_drain {
    struct raw_at at;
    msec timeout, lame_duck;
};

struct raw_log {
    struct raw_at at;
    uint32_t level, format;
    str to, access;
};

struct raw_rates {
    struct raw_at at;
    uint64_t rpm, tpm;
    uint32_t concurrency;
};

struct raw_quirks {
    struct raw_at at;
    uint32_t max_tokens, effort, replay, mid_system;
    double max_temperature;
    struct raw_texts refuses, accepts;
};

struct raw_prices {
    struct raw_at at;
    nanousd of[PRICE_CLASSES]; /* of those that the map has */
};

struct raw_served {
    struct raw_at at;
    str name, as;
    struct raw_prices price;
    uint64_t context, max_output;
    struct raw_texts can;
};

struct raw_catalogue {
    struct raw_at at;
    str file;
    struct secret url;
    msec every;
};

struct raw_aws {
    struct raw_at at;
    str access_key_id, region;
    struct secret secret_access_key, session_token;
};

struct raw_entra {
    struct raw_at at;
    str tenant, client, scope, authority;
    struct secret secret;
};

struct raw_probe {
    struct raw_at at;
    msec every;
    str path;
    bool always;
};

struct raw_provider {
    struct raw_at at;
    struct secret service_account;
    struct raw_entra entra;
    str name, dialect, base_url, region, project, ca_file, anthropic_version, api_version, prices;
    str endpoint_url; /* claude-code-router's api_base_url */
    struct secret proxy;
    struct raw_secrets keys, ccr_keys;
    struct raw_list models; /* raw_served */
    struct raw_rates limits;
    struct raw_timeouts timeouts;
    struct raw_probe probe;
    uint32_t on_disconnect;
    struct raw_list headers; /* raw_pair */
    struct raw_list aws;     /* raw_aws */
    struct raw_quirks quirks;
    struct raw_texts fetch_images;
    uint32_t auth, count_tokens;
    bool enabled, tls_verify;
    const struct conf_node *transforms, *transformer, *tokenizer;
};

struct raw_target {
    struct raw_at at;
    str use, provider, model;
    uint32_t weight;
};

struct raw_hedge {
    struct raw_at at;
    str after, max;
};

struct raw_model {
    struct raw_at at;
    str name;
    struct raw_list targets; /* raw_target */
    uint32_t strategy, latency;
    str sticky_by;
    struct raw_texts fallback, regions;
    const struct conf_node *transforms;
    struct raw_timeouts timeouts;
    struct raw_hedge hedge;
    bool rescue;
};

struct raw_slot {
    struct raw_at at;
    str use;
    struct raw_texts fallback;
};

struct raw_scenarios {
    struct raw_at at;
    struct raw_slot slot[CONF_SCENARIO_COUNT];
    uint64_t long_context_threshold;
};

/* claude-code-router's `fallback`. */
struct raw_scenario_fallback {
    struct raw_at at;
    struct raw_texts list[CONF_SCENARIO_COUNT];
};

struct raw_weights {
    struct raw_at at;
    double response_time, error_rate, cost;
};

struct raw_canary {
    struct raw_at at;
    str use;
    double percent, max_error_rate, more_errors, slower;
    struct raw_texts steps;
    msec hold;
    uint32_t min_calls;
};

struct raw_mirror {
    struct raw_at at;
    str use;
    double percent;
    uint32_t at_once;
};

struct raw_deny {
    struct raw_at at;
    uint32_t status;
    str message;
};

struct raw_rule {
    struct raw_at at;
    str name, use, sticky;
    const struct conf_node *when, *split;
    struct raw_canary canary;
    struct raw_mirror mirror;
    struct raw_deny deny;
    struct raw_texts tags;
    const struct conf_node *edit[6]; /* read by build_transform.c, from the rule itself */
    bool goes_on;
};

struct raw_breaker {
    struct raw_at at;
    bool on;
    uint32_t failures;
    msec open, max;
};

struct raw_ejection {
    struct raw_at at;
    bool on;
    uint32_t calls, min_calls, share, max_percent;
    double deviations;
    msec open, max;
};

struct raw_routing {
    struct raw_at at;
    struct raw_breaker breaker, region_breaker;
    struct raw_ejection ejection;
    uint32_t strategy, latency, replay, attempts;
    msec wait;
    struct raw_texts regions;
    str sticky_by, projects;
    struct raw_weights weights;
    bool fallback, caller_policy;
    msec remember;
    struct raw_scenarios scenarios;
    struct raw_list rules; /* raw_rule */
};

struct raw_alert {
    struct raw_at at;
    str metric, name;
    double threshold, clear;
    uint32_t action, scope, min_calls, percentile;
    msec window, duration, hold;
    struct raw_texts only;
    struct secret webhook;
};

struct raw_metrics {
    struct raw_at at;
    bool enabled;
    struct raw_texts collect;
    struct raw_list alerts; /* raw_alert */
};

struct raw_budget {
    struct raw_at at;
    nanousd usd;
    uint32_t per;
};

struct raw_key {
    struct raw_at at;
    str name;
    struct secret key;
    struct raw_texts models, regions;
    struct raw_budget budget;
    struct raw_rates limits;
    msec timeout;
};

struct raw_admin {
    struct raw_at at;
    struct secret key;
};

struct raw_security {
    struct raw_at at;
    struct raw_list api_keys; /* raw_pair */
};

/* claude-code-router's own top-level keys. */
struct raw_ccr {
    str host, log_level;
    uint32_t port;
    struct secret api_key, proxy_url;
    msec api_timeout;
    bool log;
    struct raw_scenarios router;
    struct raw_scenario_fallback fallback;
    struct raw_list providers;       /* raw_provider, under `Providers` */
    const struct conf_node *ignored; /* what only its own runtime could use */
};

struct raw_root {
    struct raw_at at;
    struct raw_texts listen;
    uint32_t workers;
    struct raw_tls tls;
    struct raw_limits limits;
    struct raw_client_timeouts client_timeouts;
    struct raw_timeouts timeouts;
    struct raw_drain drain;
    struct raw_log log;
    struct secret proxy;
    str ca_file;
    struct raw_texts fetch_images;
    struct raw_list providers; /* raw_provider */
    struct raw_list models;    /* raw_model */
    struct raw_routing routing;
    struct raw_catalogue catalogue;
    struct raw_list alerts; /* raw_alert */
    struct raw_metrics metrics;
    struct raw_list keys; /* raw_key */
    struct raw_admin admin;
    struct raw_security security;
    struct raw_ccr ccr;
};

/* The section every other one hangs from. */
extern const struct section option_root;
extern const struct section option_provider;
extern const struct section option_alert;                    /* options_alert.c */
extern const struct section option_served, option_catalogue; /* options_price.c */
extern const struct section option_rule;                     /* options_rule.c */
extern const struct section option_hedge, option_probe, option_model_timeouts, option_breaker,
    option_region_breaker, option_ejection; /* options_recovery.c */
extern const struct section option_model, option_routing, option_scenarios,
    option_scenario_fallback;                         /* options_routing.c */
extern const struct section option_aws, option_entra; /* options_key.c */

/* The words of the table that other files need by index. */
extern const struct option_word option_disconnect_words[]; /* options_recovery.c */
enum raw_disconnect { RAW_DISCONNECT_CANCEL, RAW_DISCONNECT_DRAIN };
enum raw_replay { RAW_REPLAY_ONCE, RAW_REPLAY_NEVER };
