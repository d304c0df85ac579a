/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cohere_write.c - a canonical request for Cohere's v2 chat.
 *
 *   - a choice is REQUIRED or NONE; one tool is forced by offering no other;
 *   - top_p is p and must be below 1, top_k is k; penalties are within 0 and 1;
 *   - a schema stands in json_object mode, which the API refuses beside tools and documents: then
 * it is asked for in words;
 *   - strict_tools binds all tools or none.
 *
 * A Chat client may send Cohere's own members along: citation_options, safety_mode, priority.
 */
#include "base/num.h"
#include "dialect/cohere_int.h"
#include "dialect/kin.h"
#include "dialect/seal.h"

#define STOP_MAX 5 /* the API's own limit */

void cohere_lose(struct cohere_writer *cw, str name)
{
    ir_lossy_add(cw->lossy, name);
}

static void put_number(struct cohere_writer *cw, str key, str number)
{
    if (number.n) {
        json_key_str(&cw->w, key);
        json_put_text(&cw->w, number);
    }
}

/* ---- sampling -----------------------------------------------------------------------------------
 */

/* p is at most 0.99; 1 changes nothing, and nothing is nearest to it. */
static void put_top_p(struct cohere_writer *cw)
{
    double v;

    if (num_double(cw->r->top_p, &v) == RC_OK && v > 0.99)
        put_number(cw, STR("p"), STR("0.99"));
    else
        put_number(cw, STR("p"), cw->r->top_p);
}

static void put_penalty(struct cohere_writer *cw, str key, str number)
{
    double v;

    if (num_double(number, &v) != RC_OK || (v >= 0 && v <= 1)) {
        put_number(cw, key, number);
        return;
    }
    cohere_lose(cw, key);
    if (v > 1)
        put_number(cw, key, STR("1"));
}

static void put_sampling(struct cohere_writer *cw)
{
    const struct ir_request *r = cw->r;
    struct json_writer *w = &cw->w;

    if (r->max_tokens) {
        json_key(w, "max_tokens");
        json_put_u64(w, r->max_tokens);
    }
    put_number(cw, STR("temperature"), r->temperature);
    put_top_p(cw);
    put_number(cw, STR("k"), r->top_k);
    put_number(cw, STR("seed"), r->seed);
    put_penalty(cw, STR("frequency_penalty"), r->frequency_penalty);
    put_penalty(cw, STR("presence_penalty"), r->presence_penalty);
    if (!r->stop.n)
        return;
    json_key(w, "stop_sequences");
    json_begin_array(w);
    for (size_t i = 0; i < r->stop.n && i < STOP_MAX; i++)
        json_put_raw_str(w, r->stop.v[i]);
    json_end(w);
    if (r->stop.n > STOP_MAX)
        cohere_lose(cw, STR("stop"));
}

static void put_thinking(struct cohere_writer *cw)
{
    const struct ir_reasoning *r = &cw->r->reasoning;
    struct json_writer *w = &cw->w;
    bool on = r->mode != IR_THINK_OFF && !str_eq(r->effort, STR("none"));

    if (r->mode == IR_THINK_UNSET && !r->effort.n)
        return;
    if (cw->c->opts->effort != EFFORT_THINKING) { /* only the reasoning models know it */
        if (on)
            cohere_lose(cw, STR("thinking"));
        return;
    }
    json_key(w, "thinking");
    json_begin_object(w);
    json_key(w, "type");
    json_put_raw_str(w, on ? STR("enabled") : STR("disabled"));
    if (on && r->budget) {
        json_key(w, "token_budget");
        json_put_u64(w, r->budget);
    }
    json_end(w);
    if (on && r->effort.n && !r->budget)
        cohere_lose(cw, STR("effort"));
}

/* ---- tools --------------------------------------------------------------------------------------
 */

static bool is_offered(const struct cohere_writer *cw, const struct ir_tool *t)
{
    const struct ir_tool_choice *c = &cw->r->choice;

    return t->kind == IR_TOOL_FUNCTION && (c->kind != IR_CHOICE_NAMED || str_eq(c->name, t->name));
}

static void put_tool(struct cohere_writer *cw, const struct ir_tool *t)
{
    struct json_writer *w = &cw->w;

    kin_open_function(w, t);
    json_end(w);
    json_end(w);
    if (t->cache.n)
        cohere_lose(cw, STR("cache_control"));
}

static void put_choice(struct cohere_writer *cw)
{
    const struct ir_tool_choice *c = &cw->r->choice;

    if (c->kind == IR_CHOICE_ANY || c->kind == IR_CHOICE_NAMED) {
        json_key(&cw->w, "tool_choice");
        json_put_lit(&cw->w, "REQUIRED");
    } else if (c->kind == IR_CHOICE_NONE) {
        json_key(&cw->w, "tool_choice");
        json_put_lit(&cw->w, "NONE");
    }
    if (c->parallel == IR_NO)
        cohere_lose(cw, STR("parallel_tool_calls"));
}

/* How many functions are offered, and how many of them are strict. */
static unsigned count_tools(struct cohere_writer *cw, unsigned *ret_strict)
{
    unsigned n = 0, strict = 0;

    for (const struct ir_tool *t = cw->r->tools; t; t = t->next) {
        if (t->kind != IR_TOOL_FUNCTION) {
            str name = arena_strf(cw->arena, "tools." STR_FMT, STR_ARG(t->type));

            cohere_lose(cw, name.p ? name : STR("tools"));
        }
        if (!is_offered(cw, t))
            continue;
        n++;
        strict += t->strict == IR_YES;
    }
    *ret_strict = strict;
    return n;
}

/* True: there are some. */
static bool put_tools(struct cohere_writer *cw)
{
    unsigned strict, n = count_tools(cw, &strict);

    if (!n)
        return false;
    json_key(&cw->w, "tools");
    json_begin_array(&cw->w);
    for (const struct ir_tool *t = cw->r->tools; t; t = t->next)
        if (is_offered(cw, t))
            put_tool(cw, t);
    json_end(&cw->w);
    put_choice(cw);
    if (strict == n && !cw->c->opts->no_strict) {
        json_key(&cw->w, "strict_tools");
        json_put_bool(&cw->w, true);
    } else if (strict) {
        cohere_lose(cw, STR("tools.strict"));
    }
    return true;
}

/* ---- the rest -----------------------------------------------------------------------------------
 */

static void put_format(struct cohere_writer *cw, bool has_tools)
{
    const struct ir_format *f = &cw->r->format;
    struct json_writer *w = &cw->w;

    if (f->kind != IR_FORMAT_JSON && f->kind != IR_FORMAT_SCHEMA)
        return;
    if (has_tools) {
        cohere_lose(cw, STR("response_format"));
        cw->schema_in_words = f->kind == IR_FORMAT_SCHEMA;
        return;
    }
    json_key(w, "response_format");
    json_begin_object(w);
    json_key(w, "type");
    json_put_lit(w, "json_object");
    if (f->kind == IR_FORMAT_SCHEMA) {
        json_key(w, "json_schema");
        json_put_text(w, json_text(f->schema));
    }
    json_end(w);
}

static bool is_own(const struct cohere_writer *cw, str name)
{
    static const str own[] = {STR("citation_options"), STR("safety_mode"), STR("priority")};

    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        if (str_eq(name, own[i]))
            return str_has_prefix(cw->r->family, STR("openai"));
    return false;
}

static void put_rest(struct cohere_writer *cw)
{
    const struct ir_request *r = cw->r;
    const struct {
        str name;
        bool there;
    } gone[] = {
        {STR("n"), r->n > 1},
        {STR("min_p"), r->min_p.n > 0},
        {STR("repetition_penalty"), r->repetition_penalty.n > 0},
        {STR("logprobs"), r->logprobs == IR_YES || r->top_logprobs.n > 0},
        {STR("logit_bias"), r->logit_bias.n > 0},
        {STR("user"), r->user.n > 0},
        {STR("metadata"), r->metadata.n > 0},
        {STR("service_tier"), r->service_tier.n && !str_eq(r->service_tier, STR("auto"))},
        {STR("verbosity"), r->verbosity.n > 0},
        {STR("prompt_cache_key"), r->cache_key.n > 0},
        {STR("context_management"), r->context_management.n > 0},
        {STR("cache_control"), r->cache.n > 0},
        {STR("thinking"), seal_stands_on(r, IR_TEXT) || seal_stands_on(r, IR_TOOL_USE)},
    };

    for (size_t i = 0; i < ARRAY_LEN(gone); i++)
        if (gone[i].there)
            cohere_lose(cw, gone[i].name);
    for (const struct ir_field *f = r->unknown; f; f = f->next) {
        if (is_own(cw, f->name))
            put_number(cw, f->name, f->json);
        else
            cohere_lose(cw, f->name);
    }
}

enum rc cohere_encode_request(const struct ir_request *r, const struct back_call *c,
                              struct arena *a, struct rope *out, struct ir_lossy *lossy,
                              struct fail *f)
{
    struct cohere_writer cw = {.r = r, .c = c, .arena = a, .lossy = lossy};

    (void)f;
    json_writer_init(&cw.w, out);
    json_begin_object(&cw.w);
    json_key(&cw.w, "model");
    json_put_str(&cw.w, c->model);
    json_key(&cw.w, "stream");
    json_put_bool(&cw.w, c->stream);
    put_sampling(&cw);
    put_thinking(&cw);
    put_rest(&cw);
    put_format(&cw, put_tools(&cw));
    cohere_put_documents(&cw);
    json_key(&cw.w, "messages");
    cohere_put_messages(&cw);
    json_end(&cw.w);
    ASSERT(cw.w.depth == 0); /* all that was begun was ended */
    if (arena_is_full(a))
        return RC_NOMEM;
    return rope_failed(out) ? RC_LIMIT : RC_OK;
}
