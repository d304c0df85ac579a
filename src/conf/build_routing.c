/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build_routing - the settings of `routing` that are no names of models, and what all of it needs.
 *
 * What must be known of a call is worked out here, once a generation: the call's way asks a bit
 * (snapshot.h, ROUTING_NEEDS_*) and else nothing.
 */
#include "conf/build_int.h"

#define HEADER_MARK   "header:"
#define METADATA_MARK "metadata:"
#define BODY_MARK     "body:"
#define POINTER_MAX   16 /* segments */

static const struct {
    const char *word;
    enum conf_sticky_by by;
} sticky_words[] = {
    {"session", CONF_STICKY_SESSION}, {"user", CONF_STICKY_USER}, {"key", CONF_STICKY_KEY}};

/* "~1" is a slash and "~0" a tilde, and no other follows a tilde. Absent: it is no segment. */
static str pointer_segment(struct arena *a, str raw)
{
    char *to = arena_alloc(a, raw.n + 1);
    size_t n = 0;
    for (size_t i = 0; to && i < raw.n; i++) {
        char c = raw.p[i];
        if (c == '~') {
            if (++i == raw.n || (raw.p[i] != '0' && raw.p[i] != '1'))
                return STR_NONE;
            c = raw.p[i] == '1' ? '/' : '~';
        }
        to[n++] = c;
    }
    return to ? str_of(to, n) : STR_NONE;
}

/* "/a/b/0". False: it is no pointer, or names all of the body. */
static bool read_pointer(struct arena *a, str text, struct conf_sticky *to)
{
    str *path = arena_array(a, str, POINTER_MAX);
    *to = (struct conf_sticky){.by = CONF_STICKY_BODY, .path = path};
    if (!path || !str_has_prefix(text, STR("/")))
        return false;
    str rest = str_from(text, 1);
    while (rest.p && to->npath < POINTER_MAX) {
        path[to->npath] = pointer_segment(a, str_cut(&rest, '/'));
        if (!path[to->npath++].p)
            return false;
    }
    return !rest.p;
}

static bool read_mark(struct builder *b, str text, struct conf_sticky *to)
{
    const str header = str_trim(str_from(text, sizeof(HEADER_MARK) - 1));
    const str metadata = str_trim(str_from(text, sizeof(METADATA_MARK) - 1));
    if (str_has_prefix(text, STR(BODY_MARK)))
        return read_pointer(b->arena, str_trim(str_from(text, sizeof(BODY_MARK) - 1)), to);
    if (str_has_prefix(text, STR(METADATA_MARK)))
        *to = (struct conf_sticky){.by = CONF_STICKY_METADATA, .name = metadata};
    else
        *to = (struct conf_sticky){.by = CONF_STICKY_HEADER, .name = header};
    return to->by == CONF_STICKY_METADATA
               ? metadata.n > 0
               : str_has_prefix(text, STR(HEADER_MARK)) && !build_header_fault(header, STR("x"));
}

enum rc build_sticky(struct builder *b, struct place at, str text, struct conf_sticky *to)
{
    struct conf_sticky read;
    if (!text.n)
        return RC_OK;
    for (size_t i = 0; i < ARRAY_LEN(sticky_words); i++)
        if (str_eq(text, str_c(sticky_words[i].word))) {
            *to = (struct conf_sticky){.by = sticky_words[i].by};
            return RC_OK;
        }
    if (read_mark(b, text, &read))
        *to = read;
    else
        BUILD_FAULT(b, at,
                    "'" STR_FMT "' is nothing to hold calls together by; write session, user, key, "
                    "header:NAME, metadata:NAME or body:/a/json/pointer",
                    STR_ARG(conf_brief(text)));
    return RC_OK;
}

/* What takes targets out of plans. */
static void build_limits(const struct raw_routing *raw, struct conf_routing *r)
{
    const struct raw_breaker *one = &raw->breaker, *all = &raw->region_breaker;
    const struct raw_ejection *e = &raw->ejection;
    r->breaker = (struct conf_breaker){one->failures, one->open, one->max};
    r->region_breaker = (struct conf_region_breaker){all->on, all->open, all->max};
    r->ejection = (struct conf_ejection){.on = e->on,
                                         .calls = e->calls,
                                         .min_calls = e->min_calls,
                                         .share = e->share,
                                         .max_percent = e->max_percent,
                                         .deviations = e->deviations,
                                         .open = e->open,
                                         .max = e->max};
}

enum rc build_routing(struct builder *b)
{
    const struct raw_routing *raw = &b->raw->routing;
    struct conf_routing *r = &b->s->routing;
    r->strategy = (enum conf_strategy)raw->strategy;
    r->latency = (enum conf_latency)raw->latency;
    r->fallback = raw->fallback;
    r->ccr = b->ccr;
    r->caller_policy = raw->caller_policy;
    r->wait = raw->wait;
    r->remember = raw->remember;
    r->attempts = raw->fallback ? raw->attempts : 1;
    r->replay = raw->replay == RAW_REPLAY_ONCE;
    r->weight_response_time = raw->weights.response_time;
    r->weight_error_rate = raw->weights.error_rate;
    r->weight_cost = raw->weights.cost;
    r->regions = build_regions(b, &raw->regions);
    build_limits(raw, r);
    const struct raw_scenarios *ccr = &b->raw->ccr.router;
    bool own = conf_get(raw->scenarios.at.node, STR("longContextThreshold")) != NULL;
    r->long_context_threshold =
        own || !ccr->at.node ? raw->scenarios.long_context_threshold : ccr->long_context_threshold;
    return build_sticky(b, place_of(raw->at.node, "stickyBy"), raw->sticky_by, &r->sticky);
}

/* Strategies that ask which calls belong together. */
static unsigned needs_of(const struct conf_route *r)
{
    const bool asks =
        r->strategy == CONF_STRATEGY_STICKY || r->strategy == CONF_STRATEGY_CACHE_AWARE;
    return asks && r->ntargets > 1 ? ROUTING_NEEDS_SESSION : 0;
}

/* Any slot: with nothing but `default`, a sub-agent's tag is still to be obeyed and taken out. But
 * where no file speaks, none is meant. */
static unsigned needs_of_scenarios(const struct conf_route *const *slots)
{
    unsigned needs = 0;
    for (unsigned i = 0; i < CONF_SCENARIO_COUNT; i++)
        needs |= slots[i] ? ROUTING_NEEDS_SCENARIO | ROUTING_NEEDS_TRAITS : 0;
    if (slots[CONF_SCENARIO_LONG_CONTEXT])
        needs |= ROUTING_NEEDS_TOKENS | ROUTING_NEEDS_SESSION;
    return needs;
}

void build_needs(struct builder *b)
{
    struct conf_routing *r = &b->s->routing;
    /* beside those of rules */
    r->needs |= b->no_file ? 0 : needs_of_scenarios(r->scenarios);
    if (b->ccr) /* a sub-agent's tag counts there whatever the Router has */
        r->needs |= ROUTING_NEEDS_SCENARIO | ROUTING_NEEDS_TRAITS;
    for (uint32_t i = 0; i < r->nprojects; i++)
        r->needs |= ROUTING_NEEDS_SESSION | needs_of_scenarios(r->projects[i].scenarios);
    for (uint32_t i = 0; i < b->s->nmodels; i++)
        r->needs |= needs_of(b->s->models[i]);
}
