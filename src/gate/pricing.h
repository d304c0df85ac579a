/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pricing - what the catalogue and the configuration say of the models this worker calls.
 *
 * A model at a provider is looked up once in a generation and then remembered: a call costs one
 * look into a table. Names are clients' where a provider takes any, so only so many are remembered;
 * the others are looked up each time.
 *
 * The same place keeps what else is found out once about a model: how it wants to be asked (the
 * quirks that match its name) and its place among the lessons, so that a call pays one look for
 * all.
 */
#pragma once
#include "base/arena.h"
#include "base/map.h"
#include "conf/snapshot.h"
#include "dialect/dialect.h"
#include "ir/usage.h"
#include "obs/metric.h"
#include "price/catalogue.h"
#include "price/cost.h"

#define PRICING_MODELS_MAX 1024 /* remembered in a generation */

/* Who said the price. */
enum price_source { PRICE_BY_NOBODY, PRICE_BY_CATALOGUE, PRICE_BY_CONFIG, PRICE_BY_PROVIDER };

struct pricing {
    struct catalogue *catalogue;
    const struct snapshot *snap;
    int *provider;       /* of the catalogue, by index of the snapshot's; -1: not in it */
    struct map *seen;    /* by provider: name -> struct known */
    struct arena memory; /* names and cards */
    uint32_t nseen;
    struct hash_key key;
};

/* What is known of a model at a provider. */
struct known {
    struct card card;
    enum price_source source;    /* of the card's prices: BY_NOBODY, BY_CATALOGUE or BY_CONFIG */
    struct metric_model *series; /* of what was charged for it; NULL before the first time */
    /* For gate/wire.c and gate/tokens.c, who fill it in; zero before the first time. */
    bool has_opts;
    struct dialect_opts opts; /* the configuration's word and the quirks of this model */
    uint64_t lesson;          /* lesson_name */
};

/* What a call costs. */
struct charge {
    struct cost cost;
    enum price_source source;
};

/* Takes a reference to the catalogue. `snap` must live as long. RC_NOMEM. */
enum rc pricing_init(struct pricing *p, struct catalogue *c, const struct snapshot *snap,
                     struct hash_key key) MUST_CHECK;
void pricing_fini(struct pricing *p); /* accepts a zeroed one */

/* What is known of a model at a provider; NULL: nothing, or no memory. Valid until `a` dies or the
 * pricing does, whichever is first: where it is not remembered it lies in `a`. */
struct known *pricing_find(struct pricing *p, uint32_t provider, str model, struct arena *a);
/* The charge for `u` of a model at a time. The configuration's word counts most, then the
 * provider's own where that is known to be dollars, then the catalogue's. */
struct charge pricing_charge(const struct pricing *p, uint32_t provider, const struct known *k,
                             const struct usage *u, uint64_t unix_ms);
