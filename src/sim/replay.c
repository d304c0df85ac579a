/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay - an access log of weir's as a scenario.
 *
 * A line of it says when a call ended and how long it took, so it says when it came; what model it
 * asked for, how many tokens it had, and what each attempt did. Of the attempts a target's nature
 * is made: the median time to the first token, the pace, the share that failed. How a target would
 * have done that was never called nobody knows: it does as the median of the others.
 *
 * Trouble is told from the usual by time: the log is cut into SLICES, and where a target failed
 * beyond chance, or began its answers half as fast or twice as fast as it usually does, the slice
 * is an event. So an outage of the log is one of the scenario, and not a thin rain of errors.
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

#define MS_MOST      1e9 /* an attempt that is said to have taken longer took that long */
#define SLICES       24
#define SLICE_MIN_MS 10000
#define SLICE_CALLS  8   /* fewer attempts say nothing */
#define SLICE_ERRORS 0.1 /* more failures than usual, as a share … */
#define SLICE_SIGMAS 3   /* … and beyond so many standard deviations */
#define SLICE_FASTER 1.5 /* times the usual; or as much slower */

/* An attempt that was logged. */
struct tried {
    uint64_t at;        /* Unix time; near enough */
    double first, pace; /* negative: not known */
    bool failed, limited;
};

/* The attempts at one target. */
struct seen {
    str provider, model;
    struct tried *tried;
    size_t n, cap;
};

struct replay {
    struct arena *arena;
    struct sim_scenario *to;
    struct sim_call *calls;
    uint32_t ncalls, cap, skipped;
    struct seen seen[SIM_PLACES_MAX];
    uint32_t nseen;
    uint64_t first_ms, last_ms; /* Unix time of the earliest and the latest arrival */
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

static struct tried *add_tried(struct replay *r, struct seen *s)
{
    if (s->n == s->cap) {
        const size_t cap = s->cap ? s->cap * 2 : 64;
        struct tried *more = mem_realloc(s->tried, cap * sizeof(*more));
        if (!more) {
            r->failed = true;
            return NULL;
        }
        s->tried = more;
        s->cap = cap;
    }
    return &s->tried[s->n++];
}

static void see_attempts(struct replay *r, jval line, uint64_t began)
{
    struct json_iter it = json_iter(json_get_lit(line, "attempts"));
    const double latency = number_at(line, "latency_ms", 0), ttft = number_at(line, "ttft_ms", -1),
                 output = number_at(json_get_lit(line, "usage"), "output_tokens", 0);
    double before = 0; /* the attempts that came before this one took so long */
    while (json_next(&it)) {
        struct seen *s = seen_of(r, it.val);
        const double ms = fmin(number_at(it.val, "ms", 0), MS_MOST);
        struct tried *t = s ? add_tried(r, s) : NULL;
        if (!t && s)
            return;
        if (t) {
            *t = (struct tried){.at = began + (uint64_t)before,
                                .first = -1,
                                .pace = -1,
                                .failed = json_has(json_get_lit(it.val, "error")),
                                .limited = (int)number_at(it.val, "status", 0) == 429};
            /* The one that served is the last; what was before it is no time of its own. */
            const double lost = latency > ms ? latency - ms : 0;
            if (!t->failed)
                t->first = ttft > lost ? ttft - lost : ms;
            if (!t->failed && output > 1 && ms > t->first)
                t->pace = (ms - t->first) / (output - 1);
        }
        before = fmin(before + ms, MS_MOST);
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
    r->last_ms = at > r->last_ms ? at : r->last_ms;
    str session = json_raw(json_get_lit(line, "session"));
    r->calls[r->ncalls++] =
        (struct sim_call){.at = at,
                          .model = text_at(r, line, "model"),
                          .session = session.n ? hash_fnv(HASH_FNV, session) : 0,
                          .prompt = number_at(usage, "input_tokens", 0),
                          .output = number_at(usage, "output_tokens", 0)};
    see_attempts(r, line, at);
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

/* ---- how they did */

/* Of the attempts within a time. `room` for as many numbers as there are attempts. */
struct summary {
    size_t n;
    double errors, limited; /* shares of all; of the failed */
    double first, pace;     /* medians; negative: not known */
};

static struct summary sum_up(const struct seen *s, uint64_t from, uint64_t until, double *room)
{
    struct summary sum = {.first = -1, .pace = -1};
    size_t nfirst = 0, npace = 0, failed = 0, limited = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct tried *t = &s->tried[i];
        if (t->at < from || t->at >= until)
            continue;
        sum.n++;
        failed += t->failed;
        limited += t->failed && t->limited;
        if (t->first >= 0)
            room[nfirst++] = t->first;
    }
    sum.first = median(room, nfirst, -1);
    for (size_t i = 0; i < s->n; i++)
        if (s->tried[i].at >= from && s->tried[i].at < until && s->tried[i].pace >= 0)
            room[npace++] = s->tried[i].pace;
    sum.pace = median(room, npace, -1);
    sum.errors = sum.n ? (double)failed / (double)sum.n : 0;
    sum.limited = failed ? (double)limited / (double)failed : 0;
    return sum;
}

static bool is_trouble(const struct summary *s, const struct sim_nature *usual)
{
    const double e = fmax(usual->errors, 0.01), chance = sqrt(e * (1 - e) / (double)s->n);
    const double more = s->errors - usual->errors;
    const bool slow = s->first >= 0 && (s->first > SLICE_FASTER * usual->first_ms ||
                                        s->first * SLICE_FASTER < usual->first_ms);
    return s->n >= SLICE_CALLS && (slow || (more > SLICE_ERRORS && more > SLICE_SIGMAS * chance));
}

static void add_event(struct sim_scenario *to, const struct seen *s, const struct summary *sum,
                      msec from, msec until)
{
    if (to->nevents == SIM_EVENTS_MAX)
        return;
    struct sim_event *e = &to->events[to->nevents++];
    *e = (struct sim_event){
        .from = from, .until = until, .provider = s->provider, .model = s->model, .rate = -1};
    e->set = sim_unsaid;
    e->set.errors = sum->errors;
    if (sum->errors > 0)
        e->set.fault = sum->limited > 0.5 ? SIM_LIMIT : SIM_ERROR;
    e->set.first_ms = sum->first;
    e->set.token_ms = sum->pace;
}

/* Slices in trouble become events; the usual is what is left. */
static struct sim_nature nature_of(struct replay *r, const struct seen *s, uint64_t span,
                                   double *room)
{
    const uint64_t slice = span / SLICES > SLICE_MIN_MS ? span / SLICES + 1 : SLICE_MIN_MS;
    const struct summary all = sum_up(s, 0, UINT64_MAX, room);
    struct sim_nature is = {.first_ms = all.first < 0 ? 1000 : all.first,
                            .token_ms = all.pace < 0 ? 10 : all.pace,
                            .errors = all.errors,
                            .fault = all.limited > 0.5 ? SIM_LIMIT : SIM_ERROR,
                            .price = 1,
                            .tells = 1,
                            .spread = 0.35};
    double shares[SLICES + 1];
    size_t n = 0;
    for (uint64_t t = 0; t <= span && n <= SLICES; t += slice) {
        const struct summary sum = sum_up(s, r->first_ms + t, r->first_ms + t + slice, room);
        if (sum.n >= SLICE_CALLS)
            shares[n++] = sum.errors;
    }
    is.errors = median(shares, n, all.errors);
    for (uint64_t t = 0; t <= span; t += slice) {
        const struct summary sum = sum_up(s, r->first_ms + t, r->first_ms + t + slice, room);
        if (is_trouble(&sum, &is))
            add_event(r->to, s, &sum, t, t + slice);
    }
    return is;
}

static void make_places(struct replay *r, uint64_t last_ms)
{
    double firsts[SIM_PLACES_MAX], paces[SIM_PLACES_MAX];
    size_t n = 0, most = 1;
    for (uint32_t i = 0; i < r->nseen; i++)
        most = r->seen[i].n > most ? r->seen[i].n : most;
    double *room = mem_alloc(most * sizeof(*room));
    r->failed |= !room;
    for (uint32_t i = 0; i < r->nseen; i++) {
        struct seen *s = &r->seen[i];
        if (!r->failed) {
            const struct sim_nature is = nature_of(r, s, last_ms - r->first_ms, room);
            r->to->places[r->to->nplaces++] =
                (struct sim_place){.provider = s->provider, .model = s->model, .is = is};
            if (is.errors < 0.5)
                firsts[n] = is.first_ms, paces[n] = is.token_ms, n++;
        }
        mem_free(s->tried);
    }
    mem_free(room);
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
    make_places(&r, r.last_ms);
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
