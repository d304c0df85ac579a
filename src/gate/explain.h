/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain - where a request would go, and why, without sending anything.
 *
 *     explain_ask.c     the question: a request as a client would send it, or flags of one
 *     explain_make.c    … of which a request is made up
 *     explain.c         a shadow of a call takes the first steps of the real ones
 *     explain_write.c   the answer
 *
 * Not for other folders: they ask gate_explain (gate.h).
 */
#pragma once
#include "gate/gate_int.h"
#include "route/trace.h"
#include "json/write.h"

#define EXPLAIN_ROUTES_MAX 16 /* the route and its fallbacks */

/* The request that is asked about, as it would have come over the wire. Slices live in the arena.
 */
struct explain_ask {
    str path; /* with its query */
    str body;
    str headers; /* "name: value\r\n" each */
    str key;     /* name of the client key whose permissions count; absent: anyone's */
};

/* Read a question. RC_SYNTAX, with what is wrong with it in *f. `query` is that of the request that
 * brought it, which may say `path` or `front` beside a bare body. */
enum rc explain_read(struct arena *a, str question, str query, struct explain_ask *ret,
                     struct fail *f) MUST_CHECK;

/* What a request that is made up is to be like. */
struct explain_flags {
    str front, model;
    uint64_t tokens, output; /* 0: hardly any; as many as it likes */
    bool tools, image, document, web_search, thinking, structured, stream;
};

/* Its body, in the words of a front. RC_NOTFOUND: there is no such front; RC_LIMIT: the prompt
 * would be too long; RC_NOMEM. */
enum rc explain_make(struct arena *a, str front, const struct explain_flags *q,
                     str *ret) MUST_CHECK;

/* A plan of one route, and how it came about. */
struct explain_route {
    const struct conf_route *route;
    struct plan plan; /* its candidates are held until explain.c lets go */
    struct plan_trace trace;
    bool lenient;   /* of the second pass: what is not sure was let be */
    double usd[64]; /* of a call at each target, in nano-dollars; negative: not known */
};

/* All that was found out. It hangs on the shadow call, whose failures end here. */
struct explain {
    struct call *call;
    bool failed;
    struct fail fail; /* what the client would be told, before anything is sent */
    bool last_resort; /* the fallbacks go before the route's own targets */
    unsigned nroutes;
    struct explain_route routes[EXPLAIN_ROUTES_MAX];
};

str explain_strategy(enum conf_strategy s); /* its word in the configuration */
void explain_write(const struct explain *e, struct json_writer *w);
