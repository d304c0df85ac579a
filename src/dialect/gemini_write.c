/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gemini_write.c - a canonical request as generateContent.
 *
 * The model and whether to stream are in the path. Schemas go into the fields that take JSON
 * Schema. What Gemini is known to refuse is left out or put in other words, and named as lost:
 * before Gemini 3 a bound answer beside functions, and Google's own tools beside functions.
 */
#include "base/num.h"
#include "dialect/free_text.h"
#include "dialect/gemini_int.h"
#include "dialect/model_name.h"
#include "dialect/server_tool.h"

#define STOP_MAX    5   /* stop sequences in one request */
#define FIRST_BOTH  300 /* Gemini 3: functions together with a bound answer */
#define TEMPERATURE 2.0

void gemini_lose(struct gemini_writer *gw, str name)
{
    ir_lossy_add(gw->lossy, name);
}

/* ---- tools --------------------------------------------------------------------------------------
 */

static void put_function(struct gemini_writer *gw, const struct ir_tool *t)
{
    struct json_writer *w = &gw->w;

    json_begin_object(w);
    json_key(w, "name");
    json_put_raw_str(w, t->name);
    if (t->description.n) {
        json_key(w, "description");
        json_put_raw_str(w, t->description);
    }
    if (t->kind == IR_TOOL_CUSTOM) { /* free text, as the one string of an object */
        struct free_text f = free_text_of(t, gw->arena);

        json_key(w, "parametersJsonSchema");
        free_text_put_schema(w, &f);
        gemini_lose(gw, STR("tools.custom"));
    } else if (json_is(t->schema, JSON_OBJECT)) {
        json_key(w, "parametersJsonSchema");
        json_put_text(w, json_text(t->schema));
    }
    json_end(w);
    if (t->cache.n)
        gemini_lose(gw, STR("cache_control"));
    if (t->strict == IR_YES)
        gemini_lose(gw, STR("tools.strict"));
}

/* Google runs what it declares, and has a counterpart to what others declare. */
static bool is_known(const struct gemini_writer *gw, const struct ir_tool *t)
{
    return str_eq(gw->r->family, STR(GEMINI_FAMILY)) ||
           server_tool_has(t, STR(GEMINI_FAMILY), gw->c->opts);
}

static void put_server(struct gemini_writer *gw, const struct ir_tool *t)
{
    if (!str_eq(gw->r->family, STR(GEMINI_FAMILY))) {
        CHECK(server_tool_put(&gw->w, t, STR(GEMINI_FAMILY), gw->arena, gw->lossy));
        return;
    }
    json_begin_object(&gw->w);
    json_key_str(&gw->w, t->type);
    json_put_text(&gw->w, t->raw);
    json_end(&gw->w);
}

static void put_choice(struct gemini_writer *gw)
{
    const struct ir_tool_choice *c = &gw->r->choice;
    struct json_writer *w = &gw->w;
    static const str modes[] = {
        [IR_CHOICE_UNSET] = STR("AUTO"), [IR_CHOICE_AUTO] = STR("AUTO"),
        [IR_CHOICE_NONE] = STR("NONE"),  [IR_CHOICE_ANY] = STR("ANY"),
        [IR_CHOICE_NAMED] = STR("ANY"),
    };

    if (c->parallel == IR_NO)
        gemini_lose(gw, STR("parallel_tool_calls"));
    if (c->kind == IR_CHOICE_UNSET)
        return;
    if (server_tool_chosen(gw->r)) { /* lost beside the functions that brought us here */
        gemini_lose(gw, STR("tool_choice"));
        return;
    }
    json_key(w, "toolConfig");
    json_begin_object(w);
    json_key(w, "functionCallingConfig");
    json_begin_object(w);
    json_key(w, "mode");
    json_put_raw_str(w, modes[c->kind]);
    if (c->kind == IR_CHOICE_NAMED) {
        json_key(w, "allowedFunctionNames");
        json_begin_array(w);
        json_put_raw_str(w, c->name);
        json_end(w);
    }
    json_end(w);
    json_end(w);
}

static void put_tools(struct gemini_writer *gw)
{
    struct json_writer *w = &gw->w;
    const struct ir_tool *t;
    bool open = false;

    for (t = gw->r->tools; t; t = t->next) {
        bool server = t->kind == IR_TOOL_SERVER;

        if (server && (gw->has_functions || !is_known(gw, t))) {
            server_tool_lose(t, gw->arena, gw->lossy);
            continue;
        }
        if (!open) {
            json_key(w, "tools");
            json_begin_array(w);
            open = true;
        }
        if (server)
            put_server(gw, t);
    }
    if (gw->has_functions) {
        json_begin_object(w);
        json_key(w, "functionDeclarations");
        json_begin_array(w);
        for (t = gw->r->tools; t; t = t->next)
            if (t->kind != IR_TOOL_SERVER)
                put_function(gw, t);
        json_end(w);
        json_end(w);
    }
    if (open)
        json_end(w);
    if (gw->has_functions)
        put_choice(gw);
}

/* ---- generationConfig ---------------------------------------------------------------------------
 */

static void put_number(struct gemini_writer *gw, str key, str number)
{
    if (number.n) {
        json_key_str(&gw->w, key);
        json_put_text(&gw->w, number);
    }
}

static double value_of(str number)
{
    double v;

    return num_double(number, &v) == RC_OK ? v : -1;
}

static void put_sampling(struct gemini_writer *gw)
{
    const struct ir_request *r = gw->r;
    bool hot = value_of(r->temperature) > TEMPERATURE;

    put_number(gw, STR("temperature"), hot ? STR("2") : r->temperature);
    if (hot)
        gemini_lose(gw, STR("temperature"));
    put_number(gw, STR("topP"), r->top_p);
    put_number(gw, STR("topK"), r->top_k);
    put_number(gw, STR("seed"), r->seed);
    put_number(gw, STR("presencePenalty"), r->presence_penalty);
    put_number(gw, STR("frequencyPenalty"), r->frequency_penalty);
    if (r->logprobs == IR_YES) {
        json_key(&gw->w, "responseLogprobs");
        json_put_bool(&gw->w, true);
        put_number(gw, STR("logprobs"), r->top_logprobs);
    }
}

static void put_limits(struct gemini_writer *gw)
{
    const struct ir_request *r = gw->r;
    struct json_writer *w = &gw->w;

    if (r->max_tokens) {
        json_key(w, "maxOutputTokens");
        json_put_u64(w, r->max_tokens);
    }
    if (r->n > 1) {
        json_key(w, "candidateCount");
        json_put_u64(w, r->n);
    }
    if (!r->stop.n)
        return;
    json_key(w, "stopSequences");
    json_begin_array(w);
    for (size_t i = 0; i < r->stop.n && i < STOP_MAX; i++)
        json_put_raw_str(w, r->stop.v[i]);
    json_end(w);
    if (r->stop.n > STOP_MAX)
        gemini_lose(gw, STR("stop"));
}

static void put_format(struct gemini_writer *gw)
{
    const struct ir_format *f = &gw->r->format;
    struct json_writer *w = &gw->w;

    if (f->kind != IR_FORMAT_JSON && f->kind != IR_FORMAT_SCHEMA)
        return;
    if (gw->has_functions && gw->version && gw->version < FIRST_BOTH) {
        gemini_lose(gw, STR("response_format"));
        gw->schema_in_words = f->kind == IR_FORMAT_SCHEMA;
        return;
    }
    json_key(w, "responseMimeType");
    json_put_lit(w, "application/json");
    if (f->kind == IR_FORMAT_SCHEMA) {
        json_key(w, "responseJsonSchema");
        json_put_text(w, json_text(f->schema));
    }
}

static bool wants_config(const struct ir_request *r)
{
    return r->temperature.n || r->top_p.n || r->top_k.n || r->seed.n || r->presence_penalty.n ||
           r->frequency_penalty.n || r->logprobs == IR_YES || r->max_tokens || r->n > 1 ||
           r->stop.n || r->format.kind > IR_FORMAT_TEXT || r->reasoning.mode != IR_THINK_UNSET ||
           r->reasoning.effort.n;
}

static void put_config(struct gemini_writer *gw)
{
    if (!wants_config(gw->r))
        return;
    json_key(&gw->w, "generationConfig");
    json_begin_object(&gw->w);
    put_limits(gw);
    put_sampling(gw);
    put_format(gw);
    gemini_put_thinking(gw);
    json_end(&gw->w);
}

/* ---- the rest -----------------------------------------------------------------------------------
 */

static void put_tier(struct gemini_writer *gw)
{
    jtext tier = gw->r->service_tier;

    if (str_eq(tier, STR("flex")) || str_eq(tier, STR("priority"))) {
        json_key(&gw->w, "serviceTier");
        json_put_raw_str(&gw->w, tier);
    } else if (tier.n && !str_eq(tier, STR("auto")) && !str_eq(tier, STR("default")) &&
               !str_eq(tier, STR("standard_only"))) {
        gemini_lose(gw, STR("service_tier"));
    }
}

static void note_losses(struct gemini_writer *gw)
{
    const struct ir_request *r = gw->r;
    const struct {
        str name;
        bool lost;
    } rows[] = {
        {STR("logit_bias"), r->logit_bias.n > 2},
        {STR("min_p"), r->min_p.n > 0},
        {STR("repetition_penalty"),
         r->repetition_penalty.n && value_of(r->repetition_penalty) != 1},
        {STR("metadata"), r->metadata.n > 2},
        {STR("verbosity"), r->verbosity.n > 0},
        {STR("prompt_cache_key"), r->cache_key.n > 0},
        {STR("user"), r->user.n > 0},
        {STR("context_management"), r->context_management.n > 0},
        {STR("cache_control"), r->cache.n > 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].lost)
            gemini_lose(gw, rows[i].name);
    for (const struct ir_field *f = r->unknown; f; f = f->next)
        gemini_lose(gw, f->name);
}

enum rc gemini_encode_request(const struct ir_request *r, const struct back_call *c,
                              struct arena *a, struct rope *out, struct ir_lossy *lossy,
                              struct fail *f)
{
    struct gemini_writer gw = {
        .r = r, .c = c, .arena = a, .lossy = lossy, .version = model_gemini_version(c->model)};

    (void)f;
    for (const struct ir_tool *t = r->tools; t; t = t->next)
        gw.has_functions |= t->kind != IR_TOOL_SERVER;
    json_writer_init(&gw.w, out);
    json_begin_object(&gw.w);
    put_config(&gw);
    put_tier(&gw);
    note_losses(&gw);
    put_tools(&gw);
    gemini_put_system(&gw);
    json_key(&gw.w, "contents");
    gemini_put_contents(&gw);
    json_end(&gw.w);
    ASSERT(gw.w.depth == 0); /* all that was begun was ended */
    if (arena_is_full(a))
        return RC_NOMEM;
    return rope_failed(out) ? RC_LIMIT : RC_OK;
}
