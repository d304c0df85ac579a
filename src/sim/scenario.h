/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scenario - a made-up world for the router: who calls, how the providers do, and what befalls
 * them.
 *
 *     duration: 3m                # of arrivals; what is under way then is served to its end
 *     rate: 50                    # calls a second, as a Poisson process
 *     traffic:                    # by share; without a model the first logical one is called
 *       - { model: smart, share: 1, prompt: 1000, output: 100, spread: 0.2 }
 *       - { prompt: 2000, output: 400, sessions: 30, grows: 3000, turns: 20 }
 *     targets:                    # in the order the configuration names them; the last is for the
 * rest
 *       - { ttft: 500ms, token: 10ms, errors: 0.001 }
 *     events:
 *       - { from: 60s, until: 120s, target: 1, ttft: 5s, token: 50ms }
 *       - { from: 60s, until: 120s, region: first, fault: down }
 *       - { from: 60s, target: 2, price: 0.2 }            # of what the catalogue says
 *       - { from: 60s, until: 70s, rate: 300 }
 *
 * `prompt` and `output` are medians, `ttft` and `token` (each token behind the first) too; what a
 * call gets is drawn around them. `prefill` is the time for a thousand tokens of prompt that the
 * target has not cached. `errors` is the share of attempts that end in `fault`: error (500), limit
 * (429 with `retryAfter`), down (no connection), hang (nothing until the timeout), cut (in the
 * middle of the answer). `rpm`, `tpm` and `concurrency` are the target's own limits: above them it
 * answers 429, and unless `tells` is false the heads of its answers say what is left of the first
 * two; from `capacity` calls at once on it slows down.
 *
 * Pure; all of it lives in an arena. Errors are told as those of a configuration, with their place.
 */
#pragma once
#include "base/time.h"
#include "conf/node.h"

#define SIM_TRAFFIC_MAX 16
#define SIM_PLACES_MAX  32
#define SIM_EVENTS_MAX  256

enum sim_fault { SIM_ERROR, SIM_LIMIT, SIM_DOWN, SIM_HANG, SIM_CUT, SIM_FAULTS };

/* How a target behaves. Negative: as before (in an event). */
struct sim_nature {
    double first_ms, token_ms, prefill_ms;
    double errors;                          /* share */
    double fault;                           /* enum sim_fault */
    double price;                           /* times the usual */
    double rpm, tpm, concurrency, capacity; /* 0: without limit */
    double tells;                           /* 1: its answers say what is left of rpm and tpm */
    double retry_after_ms;                  /* of its 429s; 0: says none */
    double spread;                          /* sigma of the logarithm */
};

struct sim_traffic {
    str model; /* absent: the first logical model */
    double share;
    double prompt, output, spread;
    double sessions; /* conversations at once; 0: each call is one of its own */
    double grows;    /* tokens that each turn adds */
    double turns;    /* of a conversation, then a new one begins */
};

struct sim_event {
    msec from, until;    /* until: 0, the end */
    uint32_t target;     /* place, from 1; 0: all of them, or those below */
    str provider, model; /* the model: of that provider; absent: each of it */
    str region;          /* "first": where the first target is; absent: not by it */
    double rate;         /* of the arrivals; negative: as before */
    struct sim_nature set;
};

/* One recorded call. */
struct sim_call {
    msec at;
    str model;
    uint64_t session; /* 0: none is known */
    double prompt, output;
};

/* How a target did, as recorded. */
struct sim_place {
    str provider, model; /* absent: by its place */
    struct sim_nature is;
};

struct sim_scenario {
    str name, about;
    msec duration;
    double rate;
    uint64_t seed;
    uint32_t ntraffic, nplaces, nevents;
    bool names_targets; /* else its one place is what is usual */
    struct sim_traffic traffic[SIM_TRAFFIC_MAX];
    struct sim_place places[SIM_PLACES_MAX];
    struct sim_event events[SIM_EVENTS_MAX];
    /* Instead of traffic: calls as they were recorded, by time. */
    const struct sim_call *calls;
    uint32_t ncalls;
};

/* Read one. RC_CONFIG: the report says what is wrong. RC_NOMEM. */
enum rc sim_scenario_read(struct arena *a, str text, struct conf_report *report,
                          struct sim_scenario *ret) MUST_CHECK;

/* Those that are part of the program: by name ("slow-provider"), and all of them. Absent: none. */
str sim_builtin(str name);
str sim_builtin_name(size_t i); /* absent: no more */

/* An event changes nothing but what it says. */
extern const struct sim_nature sim_unsaid;

/* What befalls the world of one scenario in that of another: its events, and its targets where it
 * has some. Too many events: the last ones are left out, and false is returned. */
bool sim_script(struct sim_scenario *to, const struct sim_scenario *script);

/* weir's own access log (JSON lines) as traffic: arrivals, models and tokens as they were, and how
 * each target did, usually and in its troubles. Lines that are no calls are passed over and
 * counted. RC_NOTFOUND: no call is in it. RC_NOMEM. */
enum rc sim_replay_read(struct arena *a, str log, struct sim_scenario *ret,
                        uint32_t *ret_skipped) MUST_CHECK;
