/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alerts - what firing alerts ask of calls, and what calls bring to be watched.
 *
 * The main thread decides (app/alerts.c) and sends a board; a generation of the configuration has
 * it by index, so that a call looks at bytes, and at nothing where nothing fires. What an alert of
 * scope `target` or `key` watches is counted apart, and only where the file has such an alert.
 */
#pragma once
#include "gate/board.h"
#include "ir/error.h"
#include "obs/metric.h"
#include "route/figures.h"
#include "route/order.h"

struct call;
struct gen;

/* A target or a key that some alert watches. */
struct alert_place {
    uint32_t provider, key; /* ALERT_NO_KEY: a target */
    str model;
    struct metric_route *sums;
    msec patience; /* as binding.patience, of alerts of that scope */
};

#define ALERT_NAMES_MAX (4u << 20)

struct gen_alerts {
    uint8_t *provider;        /* what they ask of each; NULL: nothing of any */
    uint8_t *route;           /* … of each logical model; of the same allocation */
    struct alert_part *parts; /* … of single targets and keys; of the same allocation */
    uint32_t nparts;
    struct alert_place *places; /* nplaces; NULL: no alert watches any */
    uint32_t nplaces;
    struct arena names;  /* of places */
    struct board *board; /* those of parts stand in it; NULL: none yet */
};

enum rc alerts_new_places(struct gen *gen) MUST_CHECK; /* once, for what the file has */
void alerts_bind(struct gen *gen, struct board *b);    /* b may be NULL; one reference more */
void alerts_unbind(struct gen *gen);                   /* also of one that was made by half */
/* Do they want this call at fallback models, if it has any? */
bool alerts_degrade(struct call *c);
void alerts_serve(struct call *c);
/* An alert about response times that answers from fallback models also rescues the call that meets
 * it: it waits no longer than the threshold, where somebody else can be asked. */
void alerts_limit_exchange(struct call *c);
msec alerts_patience(const struct snapshot *s, enum conf_alert_scope scope, str name); /* 0: any */
/* Their figures of a provider: an attempt has ended. */
void alerts_attempt(struct call *c, enum err error, enum figures_end how, msec now);
/* … and this is what the last one cost, of so many tokens. */
void alerts_charge(struct call *c, uint64_t tokens, nanousd usd);
