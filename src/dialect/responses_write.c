/* SPDX-License-Identifier: Apache-2.0 */
/*
 * responses_write.c - a canonical request as Responses.
 *
 * Nothing is stored at the provider (store: false): the client keeps the conversation, as its own
 * language has it, and sends all of it with every turn. Then reasoning survives only sealed
 * (include: reasoning.encrypted_content), which other than reasoning models refuse.
 *
 * The language has few sampling parameters: what it has no words for is left out here and named as
 * lost. What one provider or model refuses has been taken out of the request before
 * (dialect/quirk.h).
 */
#include "base/num.h"
#include "dialect/free_text.h"
#include "dialect/kin.h"
#include "dialect/openai_chat_int.h"
#include "dialect/responses_int.h"
#include "dialect/schema.h"
#include "dialect/seal.h"
#include "dialect/server_tool.h"

#define TOKENS_MIN    16 /* of max_output_tokens: fewer are refused */
#define EFFORT_LOW_TO 4096
#define EFFORT_MED_TO 16384
#define SCHEMA_ROOT   "{\"type\":\"object\",\"properties\":{}}"

void responses_lose(struct responses_writer *rw, str name)
{
    ir_lossy_add(rw->lossy, name);
}

static void put_text(struct responses_writer *rw, str key, jtext text)
{
    if (text.n) {
        json_key_str(&rw->w, key);
        json_put_raw_str(&rw->w, text);
    }
}

static void put_json(struct responses_writer *rw, str key, str json)
{
    if (json.n) {
        json_key_str(&rw->w, key);
        json_put_text(&rw->w, json);
    }
}

/* ---- tools --------------------------------------------------------------------------------------
 */

static void put_function(struct responses_writer *rw, const struct ir_tool *t)
{
    struct json_writer *w = &rw->w;

    json_begin_object(w);
    json_key(w, "type");
    json_put_lit(w, "function");
    put_text(rw, STR("name"), t->name);
    put_text(rw, STR("description"), t->description);
    json_key(w, "parameters");
    json_put_text(w, json_is(t->schema, JSON_OBJECT) ? json_text(t->schema) : STR(SCHEMA_ROOT));
    if (!rw->c->opts->no_strict) {
        json_key(w, "strict"); /* unsaid it is true here, and false in every other language */
        json_put_bool(w, t->strict == IR_YES);
    }
    json_end(w);
    if (t->cache.n)
        responses_lose(rw, STR("cache_control"));
}

static void put_custom(struct responses_writer *rw, const struct ir_tool *t)
{
    struct json_writer *w = &rw->w;
    struct free_text f = free_text_of(t, rw->arena);

    json_begin_object(w);
    json_key(w, "type");
    json_put_lit(w, "custom");
    put_text(rw, STR("name"), t->name);
    put_text(rw, STR("description"), t->description);
    if (f.definition.n) {
        json_key(w, "format");
        json_begin_object(w);
        json_key(w, "type");
        json_put_lit(w, "grammar");
        put_text(rw, STR("syntax"), f.syntax);
        put_text(rw, STR("definition"), f.definition);
        json_end(w);
    }
    json_end(w);
}

static bool own_words(const struct responses_writer *rw)
{
    return str_eq(rw->r->family, STR(RESPONSES_FAMILY));
}

static bool is_taken(const struct responses_writer *rw, const struct ir_tool *t)
{
    return t->kind != IR_TOOL_SERVER || own_words(rw) ||
           server_tool_has(t, STR(RESPONSES_FAMILY), rw->c->opts);
}

/* What was found and printed is told elsewhere without being asked for: then it is asked for. */
static void put_hosted(struct responses_writer *rw, const struct ir_tool *t)
{
    rw->searches |= t->server == IR_SERVER_SEARCH && !own_words(rw);
    rw->computes |= t->server == IR_SERVER_CODE && !own_words(rw);
    if (own_words(rw) || !server_tool_put(&rw->w, t, STR(RESPONSES_FAMILY), rw->arena, rw->lossy))
        json_put_text(&rw->w, t->raw);
}

static str hosted_type(const struct responses_writer *rw, const struct ir_tool *t)
{
    return own_words(rw) ? t->type : server_tool_type(STR(RESPONSES_FAMILY), t->server);
}

static void put_choice(struct responses_writer *rw)
{
    const struct ir_tool_choice *c = &rw->r->choice;
    const struct ir_tool *hosted = server_tool_chosen(rw->r);
    struct json_writer *w = &rw->w;
    bool custom = false;

    if (hosted && !is_taken(rw, hosted)) { /* it went with the tool */
        responses_lose(rw, STR("tool_choice"));
        return;
    }
    for (const struct ir_tool *t = rw->r->tools; t; t = t->next)
        custom |= t->kind == IR_TOOL_CUSTOM && str_eq(t->name, c->name);
    if (c->kind != IR_CHOICE_UNSET)
        json_key(w, "tool_choice");
    switch (c->kind) {
    case IR_CHOICE_UNSET:
        break;
    case IR_CHOICE_AUTO:
        json_put_lit(w, "auto");
        break;
    case IR_CHOICE_NONE:
        json_put_lit(w, "none");
        break;
    case IR_CHOICE_ANY:
        json_put_lit(w, "required");
        break;
    case IR_CHOICE_NAMED:
        json_begin_object(w);
        json_key(w, "type");
        if (hosted) {
            json_put_raw_str(w, hosted_type(rw, hosted));
        } else {
            json_put_raw_str(w, custom ? STR("custom") : STR("function"));
            put_text(rw, STR("name"), c->name);
        }
        json_end(w);
        break;
    }
    if (c->parallel != IR_UNSET) {
        json_key(w, "parallel_tool_calls");
        json_put_bool(w, c->parallel == IR_YES);
    }
}

static void put_tools(struct responses_writer *rw)
{
    bool any = false;

    for (const struct ir_tool *t = rw->r->tools; t; t = t->next) {
        if (!is_taken(rw, t)) {
            server_tool_lose(t, rw->arena, rw->lossy);
            continue;
        }
        if (!any) {
            json_key(&rw->w, "tools");
            json_begin_array(&rw->w);
            any = true;
        }
        if (t->kind == IR_TOOL_SERVER)
            put_hosted(rw, t);
        else if (t->kind == IR_TOOL_CUSTOM)
            put_custom(rw, t);
        else
            put_function(rw, t);
    }
    if (!any)
        return; /* a choice without tools is refused */
    json_end(&rw->w);
    put_choice(rw);
}

/* ---- reasoning and text -------------------------------------------------------------------------
 */

/* An effort word that OpenAI knows; absent: leave it to the model. */
static str effort_word(struct responses_writer *rw)
{
    const struct ir_reasoning *r = &rw->r->reasoning;

    if (str_eq(r->effort, STR("max")) ||
        (str_eq(r->effort, STR("xhigh")) && !chat_is_kin(rw->r->family))) {
        responses_lose(rw, STR("effort")); /* few models know more than high */
        return STR("high");
    }
    if (r->effort.n)
        return r->effort;
    if (!r->budget || r->mode == IR_THINK_ADAPTIVE) /* as hard as it sees fit */
        return rw->c->opts->told_effort ? STR("medium") : STR_NONE;
    if (r->budget <= EFFORT_LOW_TO)
        return STR("low");
    return r->budget <= EFFORT_MED_TO ? STR("medium") : STR("high");
}

/* Chat never showed OpenAI's thoughts, and summaries are for verified organisations only: asked for
 * where the client said so, or where its language always shows what was thought. */
static bool wants_summary(const struct responses_writer *rw)
{
    jtext summary = rw->r->reasoning.summary;

    if (summary.n)
        return !str_eq(summary, STR("omitted")) && !str_eq(summary, STR("none"));
    return !chat_is_kin(rw->r->family);
}

/* A reasoning model for sure. Of others it is not known, but of OpenAI's older ones that they are
 * none (EFFORT_NONE). */
static bool reasons(const struct responses_writer *rw)
{
    return rw->c->opts->effort > EFFORT_NONE;
}

static bool is_thinking(const struct responses_writer *rw)
{
    const struct ir_reasoning *r = &rw->r->reasoning;

    return r->mode != IR_THINK_OFF && (r->mode != IR_THINK_UNSET || r->effort.n);
}

static void put_reasoning(struct responses_writer *rw)
{
    struct json_writer *w = &rw->w;
    str word;

    if (!is_thinking(rw))
        return;
    if (rw->c->opts->effort == EFFORT_NONE) {
        responses_lose(rw, STR("thinking"));
        return;
    }
    word = effort_word(rw);
    if (!word.n && !wants_summary(rw))
        return;
    json_key(w, "reasoning");
    json_begin_object(w);
    put_text(rw, STR("effort"), word);
    if (wants_summary(rw)) {
        json_key(w, "summary");
        json_put_lit(w, "auto");
    }
    json_end(w);
}

static void put_format(struct responses_writer *rw, const struct ir_format *f)
{
    struct json_writer *w = &rw->w;
    enum ir_tri binding = f->strict;

    if (binding == IR_UNSET && !chat_is_kin(rw->r->family) && schema_is_strict(f->schema))
        binding = IR_YES; /* elsewhere a schema always binds */
    json_key(w, "format");
    json_begin_object(w);
    json_key(w, "type");
    if (f->kind == IR_FORMAT_JSON) {
        json_put_lit(w, "json_object");
        json_end(w);
        return;
    }
    json_put_lit(w, "json_schema");
    json_key(w, "name");
    json_put_raw_str(w, f->name.n ? f->name : STR("response"));
    put_text(rw, STR("description"), f->description);
    if (binding != IR_UNSET && !rw->c->opts->no_strict) {
        json_key(w, "strict");
        json_put_bool(w, binding == IR_YES);
    }
    json_key(w, "schema");
    json_put_text(w, json_text(f->schema));
    json_end(w);
}

static void put_text_options(struct responses_writer *rw)
{
    const struct ir_format *f = &rw->r->format;
    bool format = f->kind == IR_FORMAT_JSON || f->kind == IR_FORMAT_SCHEMA;

    if (!format && !rw->r->verbosity.n)
        return;
    json_key(&rw->w, "text");
    json_begin_object(&rw->w);
    if (format)
        put_format(rw, f);
    put_text(rw, STR("verbosity"), rw->r->verbosity);
    json_end(&rw->w);
}

/* ---- parameters ---------------------------------------------------------------------------------
 */

static bool number_is(str number, double want)
{
    double v;

    return num_double(number, &v) == RC_OK && v == want;
}

static void put_sampling(struct responses_writer *rw)
{
    const struct ir_request *r = rw->r;
    const struct {
        str key, number;
        double plain; /* the value that changes nothing */
    } strange[] = {
        {STR("frequency_penalty"), r->frequency_penalty, 0},
        {STR("presence_penalty"), r->presence_penalty, 0},
        {STR("repetition_penalty"), r->repetition_penalty, 1},
        {STR("top_k"), r->top_k, 0},
        {STR("min_p"), r->min_p, 0},
        {STR("seed"), r->seed, -1},
    };

    put_json(rw, STR("temperature"), r->temperature);
    put_json(rw, STR("top_p"), r->top_p);
    if (!reasons(rw))
        put_json(rw, STR("top_logprobs"), r->top_logprobs);
    else if (r->logprobs == IR_YES)
        responses_lose(rw, STR("logprobs"));
    for (size_t i = 0; i < ARRAY_LEN(strange); i++)
        if (strange[i].number.n && !number_is(strange[i].number, strange[i].plain))
            responses_lose(rw, strange[i].key);
    if (r->logit_bias.n > 2)
        responses_lose(rw, STR("logit_bias"));
    if (r->stop.n)
        responses_lose(rw, STR("stop"));
    if (r->n > 1)
        responses_lose(rw, STR("n"));
}

static void put_limit(struct responses_writer *rw)
{
    uint64_t n = rw->r->max_tokens;

    if (!n)
        return;
    if (n < TOKENS_MIN)
        responses_lose(rw, STR("max_tokens"));
    json_key(&rw->w, "max_output_tokens");
    json_put_u64(&rw->w, n < TOKENS_MIN ? TOKENS_MIN : n);
}

/* Fields that travel between OpenAI's languages only, or need a word changed. */
static void put_rest(struct responses_writer *rw)
{
    const struct ir_request *r = rw->r;
    bool kin = chat_is_kin(r->family);

    kin_put_caller(&rw->w, r, kin, rw->lossy);
    put_text(rw, STR("prompt_cache_key"), r->cache_key);
    if (kin)
        put_json(rw, STR("metadata"), r->metadata);
    else if (r->metadata.n > 2)
        responses_lose(rw, STR("metadata"));
    if (r->context_management.n)
        responses_lose(rw, STR("context_management"));
    if (r->cache.n)
        responses_lose(rw, STR("cache_control"));
    if (seal_stands_on(r, IR_TEXT))
        responses_lose(rw, STR("thinking"));
    for (const struct ir_field *f = r->unknown; f; f = f->next)
        responses_lose(rw, f->name);
}

/* After the history, for it may hold sealed reasoning: who gave it can give more. */
static void put_include(struct responses_writer *rw)
{
    struct json_writer *w = &rw->w;
    bool sealed =
        reasons(rw) || rw->seals || (is_thinking(rw) && rw->c->opts->effort != EFFORT_NONE);
    bool logprobs = rw->r->logprobs == IR_YES && !reasons(rw);

    if (!sealed && !logprobs && !rw->searches && !rw->computes)
        return;
    json_key(w, "include");
    json_begin_array(w);
    if (sealed)
        json_put_lit(w, "reasoning.encrypted_content");
    if (logprobs)
        json_put_lit(w, "message.output_text.logprobs");
    if (rw->searches)
        json_put_lit(w, "web_search_call.action.sources");
    if (rw->computes)
        json_put_lit(w, "code_interpreter_call.outputs");
    json_end(w);
}

enum rc responses_encode_request(const struct ir_request *r, const struct back_call *c,
                                 struct arena *a, struct rope *out, struct ir_lossy *lossy,
                                 struct fail *f)
{
    struct responses_writer rw = {.r = r, .c = c, .arena = a, .lossy = lossy};

    (void)f;
    json_writer_init(&rw.w, out);
    json_begin_object(&rw.w);
    json_key(&rw.w, "model");
    json_put_str(&rw.w, c->model);
    if (c->stream) {
        json_key(&rw.w, "stream");
        json_put_bool(&rw.w, true);
    }
    json_key(&rw.w, "store");
    json_put_bool(&rw.w, false);
    put_limit(&rw);
    put_sampling(&rw);
    put_reasoning(&rw);
    put_text_options(&rw);
    put_rest(&rw);
    put_tools(&rw);
    json_key(&rw.w, "input");
    responses_put_input(&rw);
    put_include(&rw);
    json_end(&rw.w);
    ASSERT(rw.w.depth == 0); /* all that was begun was ended */
    if (arena_is_full(a))
        return RC_NOMEM;
    return rope_failed(out) ? RC_LIMIT : RC_OK;
}
