/* SPDX-License-Identifier: Apache-2.0 */
/* world - the providers of a simulation: how each behaves at a moment, and what they have cached.
 */
#pragma once
#include "base/rand.h"
#include "sim/sim.h"

#define WORLD_START    1000 /* the clock's first moment: 0 means never */
#define WORLD_MEMORY   1024 /* conversations that a target has in its prompt cache */
#define WORLD_CACHE_MS 300000

struct world_cache {
    uint64_t session;
    double tokens;
    msec at;
};

/* What is limited a minute. A bucket of each holds ten seconds' worth. */
enum world_limit { WORLD_REQUESTS, WORLD_TOKENS, WORLD_LIMITS };
struct world_bucket {
    bool filled; /* it was used before */
    double left;
    msec at;
};

/* A model at a provider. */
struct server {
    const struct conf_provider *provider;
    str model;
    struct sim_nature usual, now;
    double in_flight;
    struct world_bucket bucket[WORLD_LIMITS];
    struct world_cache *cache; /* WORLD_MEMORY; NULL: nobody has sessions */
};

struct world {
    const struct sim_scenario *scenario;
    struct server *servers;
    uint32_t nservers;
    str first_region;
    msec valid_until; /* natures are those of now, until then */
    double rate;      /* of arrivals */
    struct rand dice; /* of answers only */
};

/* All targets that the configuration names, each once. RC_CONFIG: none. RC_NOMEM. */
enum rc world_init(struct world *w, const struct snapshot *snap,
                   const struct sim_scenario *s) MUST_CHECK;
void world_fini(struct world *w);
struct server *world_server(struct world *w, const struct conf_target *t); /* NULL: none */
void world_turn(struct world *w, msec now); /* events begin and end */

double world_chance(struct rand *dice);                              /* uniform in (0, 1] */
double world_around(struct rand *dice, double median, double sigma); /* log-normal */

/* How an attempt goes that begins now. */
enum fate_end { WORLD_SERVES, WORLD_CUTS, WORLD_FAILS };
struct outcome_of {
    enum fate_end end;
    enum sim_fault fault; /* of what fails */
    double first_ms;      /* until its first token, or until it has failed */
    double rest_ms;       /* from there to its end */
    double cached;        /* tokens of the prompt */
    uint64_t retry_after_ms;
};
/* `patience`: it is given up after so many milliseconds without a first token; 0: never. */
struct outcome_of world_attempt(struct world *w, struct server *s, const struct sim_usage *u,
                                uint64_t session, msec patience, msec now);

/* What a provider knows of its own limit. */
struct world_says {
    double limit, left; /* limit 0: there is none */
    double full_ms;     /* until all of it is there again */
};
struct world_says world_says(struct server *s, enum world_limit which, msec now);
/* Does anything answer at that address? */
bool world_answers(const struct world *w, const struct conf_provider *p);
/* The answer was given: its prompt is warm there. */
void world_warm(struct server *s, uint64_t session, double tokens, msec now);
double world_cached(const struct server *s, uint64_t session, msec now);

/* Would a call there probably be served? */
bool world_serves(const struct server *s, msec now);
/* … and is nothing the matter with it: it fails no more often than it always does? Whoever lost a
 * call while such a one was there lost it needlessly. One that is in trouble and fails three calls
 * of ten probably serves, but is nobody's proof that the call could have been saved. */
bool world_is_well(const struct server *s, msec now);
/* Milliseconds a call would probably take. */
double world_ms(const struct server *s, const struct sim_usage *u, double cached);
