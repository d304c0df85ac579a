/* SPDX-License-Identifier: Apache-2.0 */
/* scenario - YAML to a scenario, by tables of keys; see the header. */
#include "sim/scenario.h"

#include <stddef.h>

#include "base/check.h"
#include "base/num.h"
#include "conf/parse.h"

enum kind { NUMBER, SHARE, DURATION, COUNT, TEXT, FAULT, YES };

static const char *const wanted[] = {
    [NUMBER] = "a number",
    [SHARE] = "a share from 0 to 1",
    [DURATION] = "a duration, as 500ms or 2s",
    [COUNT] = "a whole number, as 1000 or 80k",
    [TEXT] = "a text",
    [FAULT] = "error, limit, down, hang or cut",
    [YES] = "true or false",
};

struct key {
    str name;
    enum kind kind;
    size_t offset;
};

#define KEY(struct_, name, kind, member)                  \
    {                                                     \
        STR(name), kind, offsetof(struct struct_, member) \
    }

static const struct key nature_keys[] = {
    KEY(sim_nature, "ttft", DURATION, first_ms),
    KEY(sim_nature, "token", DURATION, token_ms),
    KEY(sim_nature, "prefill", DURATION, prefill_ms),
    KEY(sim_nature, "errors", SHARE, errors),
    KEY(sim_nature, "fault", FAULT, fault),
    KEY(sim_nature, "price", NUMBER, price),
    KEY(sim_nature, "rpm", COUNT, rpm),
    KEY(sim_nature, "tpm", COUNT, tpm),
    KEY(sim_nature, "tells", YES, tells),
    KEY(sim_nature, "concurrency", COUNT, concurrency),
    KEY(sim_nature, "capacity", COUNT, capacity),
    KEY(sim_nature, "retryAfter", DURATION, retry_after_ms),
    KEY(sim_nature, "spread", NUMBER, spread),
};

static const struct key traffic_keys[] = {
    KEY(sim_traffic, "model", TEXT, model),     KEY(sim_traffic, "share", NUMBER, share),
    KEY(sim_traffic, "prompt", COUNT, prompt),  KEY(sim_traffic, "output", COUNT, output),
    KEY(sim_traffic, "spread", NUMBER, spread), KEY(sim_traffic, "sessions", COUNT, sessions),
    KEY(sim_traffic, "grows", COUNT, grows),    KEY(sim_traffic, "turns", COUNT, turns),
};

static const struct {
    str name;
    enum sim_fault is;
} faults[SIM_FAULTS] = {{STR("error"), SIM_ERROR},
                        {STR("limit"), SIM_LIMIT},
                        {STR("down"), SIM_DOWN},
                        {STR("hang"), SIM_HANG},
                        {STR("cut"), SIM_CUT}};

struct reading_of {
    struct arena *arena;
    struct conf_report *report;
    bool failed;
};

static void wrong(struct reading_of *r, const struct conf_node *n, const char *what)
{
    str key = conf_brief(n->key.p ? n->key : STR("this"));
    conf_note(r->report, CONF_ERROR, n->line, n->column, "`" STR_FMT "`: %s", STR_ARG(key), what);
    r->failed = true;
}

/* ---- values */

/* Milliseconds, also as a fraction: "0.5ms" is half of one. */
static bool duration_of(str text, double *ret)
{
    uint64_t ms;
    if (str_has_suffix(text, STR("ms")))
        return num_double(str_head(text, text.n - 2), ret) == RC_OK && *ret >= 0 && *ret < 1e9;
    if (num_duration(text, &ms) != RC_OK)
        return false;
    *ret = (double)ms;
    return true;
}

static void read_number(struct reading_of *r, const struct conf_node *n, enum kind kind,
                        double *ret)
{
    uint64_t count;
    double v = -1;
    bool ok = false;
    switch (kind) {
    case DURATION:
        ok = duration_of(n->text, &v);
        break;
    case COUNT:
        ok = num_count(n->text, &count) == RC_OK && count < (UINT64_C(1) << 40);
        v = ok ? (double)count : v;
        break;
    case FAULT:
        for (size_t i = 0; i < SIM_FAULTS; i++)
            if (str_eq(n->text, faults[i].name))
                v = faults[i].is, ok = true;
        break;
    case NUMBER:
    case SHARE:
        ok = num_double(n->text, &v) == RC_OK && v >= 0 && v <= (kind == SHARE ? 1 : 1e9);
        break;
    case YES:
        ok = str_eq(n->text, STR("true")) || str_eq(n->text, STR("false"));
        v = str_eq(n->text, STR("true"));
        break;
    case TEXT:
        break;
    }
    if (ok)
        *ret = v;
    else
        wrong(r, n, wanted[kind]);
}

/* Put a member where the table says. False: it is not in the table. */
static bool take(struct reading_of *r, const struct conf_node *n, const struct key *keys,
                 size_t nkeys, void *to)
{
    for (size_t i = 0; i < nkeys; i++) {
        if (!str_eq(n->key, keys[i].name))
            continue;
        char *at = (char *)to + keys[i].offset;
        if (!conf_is(n, CONF_SCALAR))
            wrong(r, n, "a single value");
        else if (keys[i].kind == TEXT)
            *(str *)(void *)at = n->text;
        else
            read_number(r, n, keys[i].kind, (double *)(void *)at);
        return true;
    }
    return false;
}

/* ---- rows */

const struct sim_nature sim_unsaid = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};

/* Of a target of which nothing is said. */
static const struct sim_nature usual = {
    .first_ms = 500, .token_ms = 10, .fault = SIM_ERROR, .price = 1, .tells = 1, .spread = 0.35};

static void read_traffic(struct reading_of *r, const struct conf_node *row, struct sim_traffic *t)
{
    *t = (struct sim_traffic){.share = 1, .prompt = 1000, .output = 200, .turns = 20};
    for (const struct conf_node *n = row->child; n; n = n->next)
        if (!take(r, n, traffic_keys, ARRAY_LEN(traffic_keys), t))
            wrong(r, n,
                  "not known in traffic: model, share, prompt, output, spread, sessions, "
                  "grows, turns");
}

static void read_place(struct reading_of *r, const struct conf_node *row, struct sim_place *p)
{
    *p = (struct sim_place){.is = usual};
    for (const struct conf_node *n = row->child; n; n = n->next) {
        if (str_eq(n->key, STR("provider")) && conf_is(n, CONF_SCALAR))
            p->provider = n->text;
        else if (str_eq(n->key, STR("model")) && conf_is(n, CONF_SCALAR))
            p->model = n->text;
        else if (!take(r, n, nature_keys, ARRAY_LEN(nature_keys), &p->is))
            wrong(r, n,
                  "not known of a target: provider, model, ttft, token, prefill, errors, "
                  "fault, price, rpm, tpm, tells, concurrency, capacity, retryAfter, spread");
    }
}

static void read_event(struct reading_of *r, const struct conf_node *row, struct sim_event *e)
{
    double from = 0, until = 0, target = 0;
    *e = (struct sim_event){.rate = -1, .set = sim_unsaid};
    for (const struct conf_node *n = row->child; n; n = n->next) {
        if (!conf_is(n, CONF_SCALAR))
            wrong(r, n, "a single value");
        else if (str_eq(n->key, STR("from")))
            read_number(r, n, DURATION, &from);
        else if (str_eq(n->key, STR("until")))
            read_number(r, n, DURATION, &until);
        else if (str_eq(n->key, STR("target")))
            read_number(r, n, COUNT, &target);
        else if (str_eq(n->key, STR("provider")))
            e->provider = n->text;
        else if (str_eq(n->key, STR("region")))
            e->region = n->text;
        else if (str_eq(n->key, STR("rate")))
            read_number(r, n, NUMBER, &e->rate);
        else if (!take(r, n, nature_keys, ARRAY_LEN(nature_keys), &e->set))
            wrong(r, n,
                  "not known of an event: from, until, target, provider, region, rate, or "
                  "what a target has");
    }
    e->from = (msec)from, e->until = (msec)until, e->target = (uint32_t)target;
    if (until > 0 && until <= from)
        wrong(r, row, "it must end after it began");
}

/* A list of maps, at most so many; returns the next of them. */
static const struct conf_node *rows_of(struct reading_of *r, const struct conf_node *root, str key,
                                       uint32_t most)
{
    const struct conf_node *list = conf_get(root, key);
    if (!list)
        return NULL;
    if (!conf_is(list, CONF_LIST) || list->count > most) {
        wrong(r, list, conf_is(list, CONF_LIST) ? "too many" : "a list");
        return NULL;
    }
    for (const struct conf_node *n = list->child; n; n = n->next) {
        if (!conf_is(n, CONF_MAP)) {
            wrong(r, n, "each is a map: { … }");
            return NULL;
        }
    }
    return list->child;
}

static void read_top(struct reading_of *r, const struct conf_node *root, struct sim_scenario *s)
{
    double duration = 180000, seed = 1;
    for (const struct conf_node *n = root->child; n; n = n->next) {
        const bool scalar = conf_is(n, CONF_SCALAR);
        if (str_eq(n->key, STR("name")) && scalar)
            s->name = n->text;
        else if (str_eq(n->key, STR("about")) && scalar)
            s->about = n->text;
        else if (str_eq(n->key, STR("duration")) && scalar)
            read_number(r, n, DURATION, &duration);
        else if (str_eq(n->key, STR("rate")) && scalar)
            read_number(r, n, NUMBER, &s->rate);
        else if (str_eq(n->key, STR("seed")) && scalar)
            read_number(r, n, COUNT, &seed);
        else if (!str_eq(n->key, STR("traffic")) && !str_eq(n->key, STR("targets")) &&
                 !str_eq(n->key, STR("events")))
            wrong(r, n,
                  "not known of a scenario: name, about, duration, rate, seed, traffic, "
                  "targets, events");
    }
    s->duration = (msec)duration;
    s->seed = (uint64_t)seed;
}

enum rc sim_scenario_read(struct arena *a, str text, struct conf_report *report,
                          struct sim_scenario *ret)
{
    struct conf_node *root = NULL;
    struct reading_of r = {.arena = a, .report = report};
    const struct conf_node *n;
    TRY(conf_parse(a, text, report, &root));
    *ret = (struct sim_scenario){.name = STR("scenario"), .rate = 10, .seed = 1};
    if (!conf_is(root, CONF_MAP)) {
        conf_note(report, CONF_ERROR, 1, 1,
                  "a scenario is a map: duration, rate, traffic, targets, "
                  "events");
        return RC_CONFIG;
    }
    read_top(&r, root, ret);
    for (n = rows_of(&r, root, STR("traffic"), SIM_TRAFFIC_MAX); n; n = n->next)
        read_traffic(&r, n, &ret->traffic[ret->ntraffic++]);
    for (n = rows_of(&r, root, STR("targets"), SIM_PLACES_MAX); n; n = n->next)
        read_place(&r, n, &ret->places[ret->nplaces++]);
    for (n = rows_of(&r, root, STR("events"), SIM_EVENTS_MAX); n; n = n->next)
        read_event(&r, n, &ret->events[ret->nevents++]);
    if (ret->rate <= 0 || ret->rate > 1e5 || ret->duration < 1000 || ret->duration > 86400000) {
        conf_note(report, CONF_ERROR, 1, 1,
                  "rate: more than 0 and at most 100000; duration: from 1s to 24h");
        r.failed = true;
    }
    if (!ret->ntraffic)
        ret->traffic[ret->ntraffic++] =
            (struct sim_traffic){.share = 1, .prompt = 1000, .output = 200, .turns = 20};
    ret->names_targets = ret->nplaces > 0;
    if (!ret->nplaces)
        ret->places[ret->nplaces++] = (struct sim_place){.is = usual};
    return r.failed ? RC_CONFIG : RC_OK;
}

bool sim_script(struct sim_scenario *to, const struct sim_scenario *script)
{
    const uint32_t room = SIM_EVENTS_MAX - to->nevents;
    const uint32_t n = script->nevents < room ? script->nevents : room;
    memcpy(to->events + to->nevents, script->events, n * sizeof(*script->events));
    to->nevents += n;
    if (script->names_targets) {
        memcpy(to->places, script->places, sizeof(to->places));
        to->nplaces = script->nplaces;
    }
    return n == script->nevents;
}
