/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay - an access log of weir's as a scenario.
 *
 * A line of it says when a call ended and how long it took, so it says when it came; what model it
 * asked for, how many tokens it had, and what each attempt did. Of the attempts a target's nature
 * is made: the median time to the first token, the pace, the share that failed. How a target would
 * have done that was never called nobody knows: it does as the median of the others.
 */
#include <math.h>
#include <stdlib.h>

#include "base/day.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/num.h"
#include "sim/scenario.h"
#include "json/json.h"

#define LINE_NODES 512

/* What the attempts at one target were like. */
struct seen {
    str provider, model;
    uint64_t attempts, failed, limited;
    double *first, *pace;
    size_t nfirst, npace, cap;
};

struct replay {
    struct arena *arena;
    struct sim_scenario *to;
    struct sim_call *calls;
    uint32_t ncalls, cap, skipped;
    struct seen seen[SIM_PLACES_MAX];
    uint32_t nseen;
    uint64_t first_ms; /* Unix time of the earliest arrival */
    bool failed;
};

static double number_at(jval v, const char *key, double otherwise)
{
    double d;
    return json_double(json_get(v, str_c(key)), &d) == RC_OK && isfinite(d) && d >= 0 ? d
                                                                                      : otherwise;
}

static str text_at(struct replay *r, jval v, const char *key)
{
    return json_is(json_get(v, str_c(key)), JSON_STRING)
               ? arena_dup(r->arena, json_raw(json_get(v, str_c(key))))
               : STR_NONE;
}

/* "2026-11-23T02:20:30.123Z" as Unix milliseconds; 0: it is none. */
static uint64_t time_of(str s)
{
    static const struct {
        size_t at, n;
    } parts[7] = {{0, 4}, {5, 2}, {8, 2}, {11, 2}, {14, 2}, {17, 2}, {20, 3}};
    uint64_t v[7];
    if (s.n < 23)
        return 0;
    for (size_t i = 0; i < 7; i++)
        if (num_u64(str_head(str_from(s, parts[i].at), parts[i].n), &v[i]) != RC_OK)
            return 0;
    int32_t day;
    if (!day_of((uint32_t)v[0], (uint32_t)v[1], (uint32_t)v[2], &day))
        return 0;
    return (((uint64_t)day * 24 + v[3]) * 60 + v[4]) * 60000 + v[5] * 1000 + v[6];
}

/* ---- targets */

static struct seen *seen_of(struct replay *r, jval attempt)
{
    const str provider = json_raw(json_get_lit(attempt, "provider")),
              model = json_raw(json_get_lit(attempt, "model"));
    if (!provider.n)
        return NULL;
    for (uint32_t i = 0; i < r->nseen; i++)
        if (str_eq(r->seen[i].provider, provider) && str_eq(r->seen[i].model, model))
            return &r->seen[i];
    if (r->nseen == SIM_PLACES_MAX - 1) /* the last place is for those that were never called */
        return NULL;
    struct seen *s = &r->seen[r->nseen++];
    *s = (struct seen){.provider = arena_dup(r->arena, provider),
                       .model = arena_dup(r->arena, model)};
    return s;
}

static bool room(struct seen *s)
{
    if (s->nfirst < s->cap)
        return true;
    const size_t cap = s->cap ? s->cap * 2 : 64;
    double *first = mem_realloc(s->first, cap * sizeof(*first));
    if (first)
        s->first = first;
    double *pace = mem_realloc(s->pace, cap * sizeof(*pace));
    if (pace)
        s->pace = pace;
    if (!first || !pace)
        return false;
    s->cap = cap;
    return true;
}

static void see_attempts(struct replay *r, jval line)
{
    struct json_iter it = json_iter(json_get_lit(line, "attempts"));
    const double latency = number_at(line, "latency_ms", 0), ttft = number_at(line, "ttft_ms", -1),
                 output = number_at(json_get_lit(line, "usage"), "output_tokens", 0);
    while (json_next(&it)) {
        struct seen *s = seen_of(r, it.val);
        const double status = number_at(it.val, "status", 0), ms = number_at(it.val, "ms", 0);
        if (!s)
            continue;
        s->attempts++;
        s->limited += status == 429;
        if (json_has(json_get_lit(it.val, "error"))) {
            s->failed++;
            continue;
        }
        /* The one that served, so the last: what was before it is no time of its own. */
        const double before = latency > ms ? latency - ms : 0;
        const double first = ttft > before ? ttft - before : ms;
        if (!room(s)) {
            r->failed = true;
            return;
        }
        s->first[s->nfirst++] = first;
        if (output > 1 && ms > first)
            s->pace[s->npace++] = (ms - first) / (output - 1);
    }
}

/* ---- calls */

static void take_call(struct replay *r, jval line)
{
    jval usage = json_get_lit(line, "usage");
    const uint64_t ended = time_of(json_raw(json_get_lit(line, "time")));
    const double latency = number_at(line, "latency_ms", 0);
    if (!ended || !json_has(json_get_lit(line, "attempts")) || ended < (uint64_t)latency) {
        r->skipped++;
        return;
    }
    if (r->ncalls == r->cap) {
        const uint32_t cap = r->cap ? r->cap * 2 : 1024;
        struct sim_call *calls =
            arena_grow(r->arena, r->calls, r->cap * sizeof(*calls), cap * sizeof(*calls));
        if (!calls) {
            r->failed = true;
            return;
        }
        r->calls = calls, r->cap = cap;
    }
    const uint64_t at = ended - (uint64_t)latency;
    r->first_ms = !r->first_ms || at < r->first_ms ? at : r->first_ms;
    str session = json_raw(json_get_lit(line, "session"));
    r->calls[r->ncalls++] =
        (struct sim_call){.at = at,
                          .model = text_at(r, line, "model"),
                          .session = session.n ? hash_fnv(HASH_FNV, session) : 0,
                          .prompt = number_at(usage, "input_tokens", 0),
                          .output = number_at(usage, "output_tokens", 0)};
    see_attempts(r, line);
}

static int by_time(const void *a, const void *b)
{
    const struct sim_call *x = a, *y = b;
    return x->at < y->at ? -1 : x->at > y->at;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *list, size_t n, double otherwise)
{
    if (!n)
        return otherwise;
    qsort(list, n, sizeof(*list), by_size);
    return list[n / 2];
}

static void make_places(struct replay *r)
{
    double firsts[SIM_PLACES_MAX], paces[SIM_PLACES_MAX];
    size_t n = 0;
    for (uint32_t i = 0; i < r->nseen; i++) {
        struct seen *s = &r->seen[i];
        const double share = s->attempts ? (double)s->failed / (double)s->attempts : 0;
        const bool limits = s->failed && s->limited * 2 > s->failed;
        struct sim_nature is = {.first_ms = median(s->first, s->nfirst, 1000),
                                .token_ms = median(s->pace, s->npace, 10),
                                .errors = share,
                                .fault = limits ? SIM_LIMIT : SIM_ERROR,
                                .price = 1,
                                .tells = 1,
                                .spread = 0.35};
        r->to->places[r->to->nplaces++] =
            (struct sim_place){.provider = s->provider, .model = s->model, .is = is};
        if (s->nfirst)
            firsts[n] = is.first_ms, paces[n] = is.token_ms, n++;
        mem_free(s->first);
        mem_free(s->pace);
    }
    const double pace = median(paces, n, 10);
    r->to->places[r->to->nplaces++] = (struct sim_place){.is = {.first_ms = median(firsts, n, 1000),
                                                                .token_ms = pace,
                                                                .price = 1,
                                                                .tells = 1,
                                                                .spread = 0.35}};
}

enum rc sim_replay_read(struct arena *a, str log, struct sim_scenario *ret, uint32_t *ret_skipped)
{
    struct replay r = {.arena = a, .to = ret};
    struct json_node nodes[LINE_NODES];
    *ret = (struct sim_scenario){.name = STR("replay"), .rate = 1, .seed = 1};
    while (log.n && !r.failed) {
        struct json_doc doc;
        str line = str_trim(str_cut(&log, '\n'));
        if (!line.n)
            continue;
        if (json_parse_into(nodes, LINE_NODES, line, &doc, NULL) == RC_OK)
            take_call(&r, json_root(&doc));
        else
            r.skipped++;
    }
    make_places(&r);
    if (r.failed)
        return RC_NOMEM;
    if (!r.ncalls)
        return RC_NOTFOUND;
    qsort(r.calls, r.ncalls, sizeof(*r.calls), by_time); /* lines stand in the order of ends */
    for (uint32_t i = 0; i < r.ncalls; i++)
        r.calls[i].at -= r.first_ms;
    ret->calls = r.calls;
    ret->ncalls = r.ncalls;
    ret->duration = r.calls[r.ncalls - 1].at + 1000;
    *ret_skipped = r.skipped;
    return RC_OK;
}
