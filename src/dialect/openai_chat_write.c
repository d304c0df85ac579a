/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openai_chat_write.c - a canonical request as Chat Completions.
 *
 * Which of several spellings a provider wants (max_tokens or max_completion_tokens, how reasoning
 * is asked for) is in dialect_opts. What the target refuses altogether has been taken out of the
 * request before it comes here (dialect/quirk.h).
 */
#include "dialect/kin.h"
#include "dialect/openai_chat_int.h"
#include "dialect/schema.h"
#include "dialect/seal.h"

#define STOP_MAX      4 /* OpenAI's own limit */
#define EFFORT_LOW_TO 4096
#define EFFORT_MED_TO 16384

/* ---- reasoning ----------------------------------------------------------------------------------
 */

/* An effort word that Chat knows; absent: leave it to the model. */
static str effort_word(struct chat_writer *cw)
{
    const struct ir_reasoning *r = &cw->r->reasoning;

    if (cw->c->opts->effort == EFFORT_BOTH && r->effort.n)
        return r->effort; /* such servers know more words, and take the nearest of others */
    if (str_eq(r->effort, STR("max")) ||
        (str_eq(r->effort, STR("xhigh")) && !chat_is_kin(cw->r->family))) {
        chat_lose(cw, STR("effort")); /* few models know more than high */
        return STR("high");
    }
    if (r->effort.n)
        return r->effort;
    if (!r->budget || r->mode == IR_THINK_ADAPTIVE) /* as hard as it sees fit */
        return cw->c->opts->told_effort ? STR("medium") : STR_NONE;
    if (r->budget <= EFFORT_LOW_TO)
        return STR("low");
    return r->budget <= EFFORT_MED_TO ? STR("medium") : STR("high");
}

static void put_effort_field(struct chat_writer *cw)
{
    str word = effort_word(cw);

    if (word.n) {
        json_key(&cw->w, "reasoning_effort");
        json_put_raw_str(&cw->w, word);
    }
}

static void put_thinking(struct json_writer *w, bool on)
{
    json_key(w, "thinking");
    json_begin_object(w);
    json_key(w, "type");
    json_put_raw_str(w, on ? STR("enabled") : STR("disabled"));
    json_end(w);
}

static void put_effort_object(struct chat_writer *cw, bool on)
{
    struct json_writer *w = &cw->w;
    str word = on ? effort_word(cw) : STR_NONE;

    json_key(w, "reasoning");
    json_begin_object(w);
    if (on && cw->r->reasoning.budget && !cw->r->reasoning.effort.n) {
        json_key(w, "max_tokens");
        json_put_u64(w, cw->r->reasoning.budget);
    } else if (word.n) {
        json_key(w, "effort");
        json_put_raw_str(w, word);
    } else {
        json_key(w, "enabled");
        json_put_bool(w, on);
    }
    json_end(w);
}

/* Thinking can be switched on, and how hard is the model's own affair: what was said of it is lost.
 */
static void lose_level(struct chat_writer *cw, bool takes_budget)
{
    const struct ir_reasoning *r = &cw->r->reasoning;

    if (r->mode != IR_THINK_OFF && (r->budget ? !takes_budget : r->effort.n > 0))
        chat_lose(cw, STR("effort"));
}

static void put_reasoning(struct chat_writer *cw)
{
    struct json_writer *w = &cw->w;
    bool on = cw->r->reasoning.mode != IR_THINK_OFF;

    if (cw->r->reasoning.mode == IR_THINK_UNSET && !cw->r->reasoning.effort.n)
        return;
    switch (cw->c->opts->effort) {
    case EFFORT_AUTO:
    case EFFORT_NONE: /* most open models think, or not, by themselves */
        if (on)
            chat_lose(cw, STR("thinking"));
        break;
    case EFFORT_FIELD:
        if (on)
            put_effort_field(cw);
        break;
    case EFFORT_OBJECT:
        put_effort_object(cw, on);
        break;
    case EFFORT_THINKING:
        put_thinking(w, on);
        lose_level(cw, false);
        break;
    case EFFORT_BOTH:
        put_thinking(w, on);
        if (on)
            put_effort_field(cw);
        break;
    case EFFORT_SWITCH:
        json_key(w, "reasoning_effort");
        json_put_raw_str(w, on ? STR("high") : STR("none"));
        if (!str_eq(cw->r->reasoning.effort, STR("high")))
            lose_level(cw, false);
        break;
    case EFFORT_EITHER:
        put_thinking(w, on);
        __attribute__((fallthrough));
    case EFFORT_ENABLE:
        json_key(w, "enable_thinking");
        json_put_bool(w, on);
        if (on && cw->r->reasoning.budget) {
            json_key(w, "thinking_budget");
            json_put_u64(w, cw->r->reasoning.budget);
        }
        lose_level(cw, true);
        break;
    }
}

/* ---- parameters ---------------------------------------------------------------------------------
 */

static void put_number(struct chat_writer *cw, str key, str number)
{
    if (number.n) {
        json_key_str(&cw->w, key);
        json_put_text(&cw->w, number);
    }
}

static void put_text(struct chat_writer *cw, str key, jtext text)
{
    if (text.n) {
        json_key_str(&cw->w, key);
        json_put_raw_str(&cw->w, text);
    }
}

static void put_sampling(struct chat_writer *cw)
{
    const struct ir_request *r = cw->r;

    put_number(cw, STR("temperature"), r->temperature);
    put_number(cw, STR("top_p"), r->top_p);
    put_number(cw, STR("frequency_penalty"), r->frequency_penalty);
    put_number(cw, STR("presence_penalty"), r->presence_penalty);
    put_number(cw, STR("top_k"), r->top_k);
    put_number(cw, STR("min_p"), r->min_p);
    put_number(cw, STR("repetition_penalty"), r->repetition_penalty);
    put_number(cw, cw->ways->seed.n ? cw->ways->seed : STR("seed"), r->seed);
    if (r->logprobs != IR_UNSET) {
        json_key(&cw->w, "logprobs");
        json_put_bool(&cw->w, r->logprobs == IR_YES);
    }
    put_number(cw, STR("top_logprobs"), r->top_logprobs);
    put_number(cw, STR("logit_bias"), r->logit_bias);
}

static void put_limits(struct chat_writer *cw)
{
    const struct ir_request *r = cw->r;
    struct json_writer *w = &cw->w;
    bool new_name = cw->c->opts->max_tokens == MAXTOK_NEW;
    size_t stop_max = cw->c->opts->stop_max ? cw->c->opts->stop_max : STOP_MAX;

    if (r->max_tokens) {
        json_key_str(w, new_name ? STR("max_completion_tokens") : STR("max_tokens"));
        json_put_u64(w, r->max_tokens);
    }
    if (r->n > 1) {
        json_key(w, "n");
        json_put_u64(w, r->n);
    }
    if (!r->stop.n)
        return;
    json_key(w, "stop");
    json_begin_array(w);
    for (size_t i = 0; i < r->stop.n && i < stop_max; i++)
        json_put_raw_str(w, r->stop.v[i]);
    json_end(w);
    if (r->stop.n > stop_max)
        chat_lose(cw, STR("stop"));
}

static void put_format(struct chat_writer *cw)
{
    const struct ir_format *f = &cw->r->format;
    struct json_writer *w = &cw->w;
    enum ir_tri binding = f->strict;

    if (binding == IR_UNSET && !chat_is_kin(cw->r->family) && schema_is_strict(f->schema))
        binding = IR_YES; /* elsewhere a schema always binds */
    if (f->kind == IR_FORMAT_UNSET || f->kind == IR_FORMAT_TEXT)
        return;
    json_key(w, "response_format");
    json_begin_object(w);
    json_key(w, "type");
    if (f->kind == IR_FORMAT_JSON || chat_schema_in_words(cw)) {
        json_put_lit(w, "json_object");
        json_end(w);
        return;
    }
    json_put_lit(w, "json_schema");
    json_key(w, "json_schema");
    json_begin_object(w);
    json_key(w, "name");
    json_put_raw_str(w, f->name.n ? f->name : STR("response"));
    put_text(cw, STR("description"), f->description);
    if (binding != IR_UNSET && !cw->c->opts->no_strict) {
        json_key(w, "strict");
        json_put_bool(w, binding == IR_YES);
    }
    json_key(w, "schema");
    json_put_text(w, json_text(f->schema));
    json_end(w);
    json_end(w);
}

/* A member of a Chat client's that OpenAI does not know, and this server does. */
static bool is_extra(const struct chat_ways *ways, str name)
{
    for (const str *e = ways->extras; e && e->p; e++)
        if (str_eq(name, *e))
            return true;
    return false;
}

/* Fields that travel between Chat servers and Responses only, or need a word changed. */
static void put_rest(struct chat_writer *cw)
{
    const struct ir_request *r = cw->r;
    bool kin = chat_is_kin(r->family);

    kin_put_caller(&cw->w, r, kin, cw->lossy);
    put_text(cw, STR("verbosity"), r->verbosity);
    if (seal_stands_on(r, IR_TEXT))
        chat_lose(cw, STR("thinking"));
    put_text(cw, STR("prompt_cache_key"), r->cache_key);
    if (kin)
        put_number(cw, STR("metadata"), r->metadata);
    else if (r->metadata.n)
        chat_lose(cw, STR("metadata"));
    if (r->context_management.n)
        chat_lose(cw, STR("context_management"));
    if (r->cache.n)
        chat_lose(cw, STR("cache_control"));
    for (const struct ir_field *f = r->unknown; f; f = f->next) {
        if (kin && is_extra(cw->ways, f->name))
            put_number(cw, f->name, f->json);
        else
            chat_lose(cw, f->name);
    }
}

enum rc chat_encode_as(const struct chat_ways *ways, const struct ir_request *r,
                       const struct back_call *c, struct arena *a, struct rope *out,
                       struct ir_lossy *lossy)
{
    struct chat_writer cw = {
        .r = r, .c = c, .arena = a, .lossy = lossy, .ways = ways, .replay = c->opts->replay};

    if (cw.replay == REPLAY_AUTO)
        cw.replay = REPLAY_CONTENT;
    json_writer_init(&cw.w, out);
    json_begin_object(&cw.w);
    json_key(&cw.w, "model");
    json_put_str(&cw.w, c->model);
    if (c->stream) {
        json_key(&cw.w, "stream");
        json_put_bool(&cw.w, true);
        if (!c->opts->no_stream_options) {
            json_key(&cw.w, "stream_options");
            json_put_text(&cw.w, STR("{\"include_usage\":true}"));
        }
    }
    put_limits(&cw);
    put_sampling(&cw);
    put_reasoning(&cw);
    put_format(&cw);
    put_rest(&cw);
    if (c->opts->extra.n) {
        json_key_str(&cw.w, c->opts->extra);
        json_put_text(&cw.w, c->opts->extra_value);
    }
    chat_put_tools(&cw);
    json_key(&cw.w, "messages");
    chat_put_messages(&cw);
    json_end(&cw.w);
    ASSERT(cw.w.depth == 0); /* all that was begun was ended */
    if (arena_is_full(a))
        return RC_NOMEM;
    return rope_failed(out) ? RC_LIMIT : RC_OK;
}

enum rc chat_encode_request(const struct ir_request *r, const struct back_call *c, struct arena *a,
                            struct rope *out, struct ir_lossy *lossy, struct fail *f)
{
    static const struct chat_ways openai = {.prefix = false};

    (void)f;
    return chat_encode_as(&openai, r, c, a, out, lossy);
}
