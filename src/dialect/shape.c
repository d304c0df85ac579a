/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shape.c - a canonical request cut to what one target takes (request_shape of quirk.h).
 *
 * One place for all backs, before any of them writes. The copy is shallow: messages, tools and
 * schemas are shared with the original, which the next target may need whole.
 */
#include "base/num.h"
#include "dialect/quirk.h"

struct shaping {
    struct ir_request *r;
    uint64_t refused;
    bool searches; /* this target does, when asked */
    struct ir_lossy *lossy;
};

static bool refuses(const struct shaping *s, enum dialect_param p)
{
    return (s->refused >> p & 1) != 0;
}

static void lose(struct shaping *s, enum dialect_param p)
{
    ir_lossy_add(s->lossy, str_c(quirk_param_name(p)));
}

/* ---- numbers and texts --------------------------------------------------------------------------
 */

static void shape_numbers(struct shaping *s)
{
    static const struct {
        enum dialect_param p;
        uint16_t at;
        int8_t plain; /* the value that changes nothing; -1: there is none */
    } fields[] = {
        {PARAM_TEMPERATURE, offsetof(struct ir_request, temperature), 1},
        {PARAM_TOP_P, offsetof(struct ir_request, top_p), 1},
        {PARAM_TOP_K, offsetof(struct ir_request, top_k), 0},
        {PARAM_MIN_P, offsetof(struct ir_request, min_p), 0},
        {PARAM_FREQUENCY, offsetof(struct ir_request, frequency_penalty), 0},
        {PARAM_PRESENCE, offsetof(struct ir_request, presence_penalty), 0},
        {PARAM_REPETITION, offsetof(struct ir_request, repetition_penalty), 1},
        {PARAM_SEED, offsetof(struct ir_request, seed), -1},
        {PARAM_TOP_LOGPROBS, offsetof(struct ir_request, top_logprobs), 0},
        {PARAM_LOGIT_BIAS, offsetof(struct ir_request, logit_bias), -1},
        {PARAM_USER, offsetof(struct ir_request, user), -1},
        {PARAM_METADATA, offsetof(struct ir_request, metadata), -1},
        {PARAM_SERVICE_TIER, offsetof(struct ir_request, service_tier), -1},
        {PARAM_VERBOSITY, offsetof(struct ir_request, verbosity), -1},
        {PARAM_CACHE_KEY, offsetof(struct ir_request, cache_key), -1},
    };

    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        str *field = (str *)(void *)((char *)s->r + fields[i].at);
        double v;

        if (!field->n || !refuses(s, fields[i].p))
            continue;
        if (num_double(*field, &v) != RC_OK || v != fields[i].plain)
            lose(s, fields[i].p);
        *field = STR_NONE;
    }
}

/* Above its range a temperature is refused: the hottest allowed is nearest to what was meant. */
static void shape_temperature(struct shaping *s, const struct dialect_opts *opts)
{
    double v;

    if (!opts->temperature_max || num_double(s->r->temperature, &v) != RC_OK ||
        v * 10 <= opts->temperature_max)
        return;
    s->r->temperature = quirk_temperature(opts);
    lose(s, PARAM_TEMPERATURE);
}

/* ---- the rest -----------------------------------------------------------------------------------
 */

static void shape_flags(struct shaping *s, unsigned stop_max)
{
    struct ir_request *r = s->r;

    if (r->logprobs != IR_UNSET && refuses(s, PARAM_LOGPROBS)) {
        if (r->logprobs == IR_YES)
            lose(s, PARAM_LOGPROBS);
        r->logprobs = IR_UNSET;
        r->top_logprobs = STR_NONE;
    }
    if (r->n && refuses(s, PARAM_N)) {
        if (r->n > 1)
            lose(s, PARAM_N);
        r->n = 0;
    }
    if (refuses(s, PARAM_STOP))
        stop_max = 0;
    if (r->stop.n > stop_max) {
        ir_lossy_add(s->lossy, STR("stop_sequences"));
        r->stop.n = stop_max;
    }
}

static bool asks_to_think(const struct ir_reasoning *r)
{
    return r->mode == IR_THINK_ON || r->mode == IR_THINK_ADAPTIVE ||
           (r->mode == IR_THINK_UNSET && r->effort.n);
}

static void shape_choice(struct shaping *s)
{
    struct ir_tool_choice *c = &s->r->choice;
    bool forced = c->kind == IR_CHOICE_ANY || c->kind == IR_CHOICE_NAMED;

    if (c->parallel != IR_UNSET && refuses(s, PARAM_PARALLEL)) {
        if (c->parallel == IR_NO)
            lose(s, PARAM_PARALLEL);
        c->parallel = IR_UNSET;
    }
    if (c->kind == IR_CHOICE_NAMED && refuses(s, PARAM_NAMED)) {
        c->kind = IR_CHOICE_ANY;
        lose(s, PARAM_NAMED);
    }
    if (c->kind == IR_CHOICE_ANY && refuses(s, PARAM_FORCED)) {
        c->kind = IR_CHOICE_AUTO;
        lose(s, PARAM_FORCED);
    }
    forced = forced && c->kind != IR_CHOICE_AUTO;
    if (!forced || !s->r->tools || !refuses(s, PARAM_FORCED_THINKING))
        return;
    /* Of the two the call is what the client's program waits for. */
    if (asks_to_think(&s->r->reasoning))
        ir_lossy_add(s->lossy, STR("thinking"));
    s->r->reasoning = (struct ir_reasoning){.mode = IR_THINK_OFF};
}

static void shape_format(struct shaping *s)
{
    enum ir_format_kind kind = s->r->format.kind;

    if (kind == IR_FORMAT_JSON && refuses(s, PARAM_JSON)) {
        s->r->format.kind = IR_FORMAT_UNSET;
        ir_lossy_add(s->lossy, STR("response_format"));
    }
}

static void shape_tools(struct shaping *s)
{
    const struct ir_tool *t = s->r->tools;

    if (!t || !refuses(s, PARAM_TOOLS))
        return;
    s->r->choice = (struct ir_tool_choice){0};
    while (t && t->kind == IR_TOOL_SERVER)
        t = t->next;
    if (t)
        lose(s, PARAM_TOOLS);
    if (!s->searches) /* a search is no tool there; the back leaves the functions out */
        s->r->tools = NULL;
}

void request_shape(struct ir_request *ret, const struct ir_request *r,
                   const struct dialect_opts *opts, struct ir_lossy *lossy)
{
    struct shaping s = {.r = ret,
                        .refused = opts->refused,
                        .searches = opts->search != SEARCH_AUTO,
                        .lossy = lossy};

    *ret = *r;
    shape_flags(&s, opts->stop_max ? opts->stop_max : UINT32_MAX);
    shape_numbers(&s);
    shape_temperature(&s, opts);
    shape_tools(&s);
    shape_choice(&s);
    shape_format(&s);
}
