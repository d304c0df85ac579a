/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ollama_write.c - a canonical request for /api/chat.
 *
 * Sampling stands in `options`, the limit as num_predict, a schema as `format` itself. There is no
 * choice of tools: NONE goes without tools, a forced call is lost. A Chat client may send Ollama's
 * own `options` and `keep_alive` along; what weir writes itself goes before its options.
 *
 * Ollama cuts a prompt that is longer than its context, silently, and its usual context is small:
 * docs/dialects/ollama.md says how to raise it. It is not raised from here, for every other size
 * makes the server load the model anew.
 */
#include "dialect/ollama_int.h"
#include "dialect/seal.h"

#define EMPTY_SCHEMA "{\"type\":\"object\",\"properties\":{}}"

static void lose(struct ollama_writer *ow, str name)
{
    ir_lossy_add(ow->lossy, name);
}

/* ---- options ------------------------------------------------------------------------------------
 */

struct option_row {
    str key, text;
};

#define OPTION_ROWS 9

static void list_options(const struct ir_request *r, struct option_row rows[OPTION_ROWS])
{
    const struct option_row all[OPTION_ROWS] = {
        {STR("temperature"), r->temperature},
        {STR("top_p"), r->top_p},
        {STR("top_k"), r->top_k},
        {STR("min_p"), r->min_p},
        {STR("seed"), r->seed},
        {STR("frequency_penalty"), r->frequency_penalty},
        {STR("presence_penalty"), r->presence_penalty},
        {STR("repeat_penalty"), r->repetition_penalty},
        {STR("num_predict"), STR_NONE},
    };

    memcpy(rows, all, sizeof all);
}

/* The client's own member of that name, as JSON. Absent: none, or not a Chat client's. */
static str extra(const struct ollama_writer *ow, str name)
{
    if (!str_has_prefix(ow->r->family, STR("openai")))
        return STR_NONE;
    for (const struct ir_field *f = ow->r->unknown; f; f = f->next)
        if (str_eq(f->name, name))
            return f->json;
    return STR_NONE;
}

static bool is_written(const struct ollama_writer *ow, const struct option_row *rows, jval key)
{
    for (size_t i = 0; i < OPTION_ROWS; i++)
        if (rows[i].text.n && json_str_is(key, rows[i].key))
            return true;
    return (ow->r->max_tokens && json_str_is(key, STR("num_predict"))) ||
           (ow->r->stop.n && json_str_is(key, STR("stop")));
}

/* Members of the client's `options` that weir does not write itself. */
static void put_client_options(struct ollama_writer *ow, const struct option_row *rows)
{
    str text = extra(ow, STR("options"));
    struct json_doc *doc = text.n ? arena_new(ow->arena, struct json_doc) : NULL;
    struct json_iter it;

    if (!doc || json_parse(ow->arena, text, doc, NULL) != RC_OK)
        return;
    it = json_iter(json_root(doc));
    if (!json_is(json_root(doc), JSON_OBJECT))
        return;
    while (json_next(&it))
        if (!is_written(ow, rows, it.key)) {
            json_key_str(&ow->w, json_raw(it.key));
            json_put_text(&ow->w, json_text(it.val));
        }
}

static bool has_options(const struct ollama_writer *ow, const struct option_row *rows)
{
    bool any = ow->r->max_tokens || ow->r->stop.n || extra(ow, STR("options")).n;

    for (size_t i = 0; i < OPTION_ROWS; i++)
        any |= rows[i].text.n > 0;
    return any;
}

static void put_options(struct ollama_writer *ow)
{
    struct json_writer *w = &ow->w;
    struct option_row rows[OPTION_ROWS];

    list_options(ow->r, rows);
    if (!has_options(ow, rows))
        return;
    json_key(w, "options");
    json_begin_object(w);
    if (ow->r->max_tokens) {
        json_key(w, "num_predict");
        json_put_u64(w, ow->r->max_tokens);
    }
    for (size_t i = 0; i < OPTION_ROWS; i++)
        if (rows[i].text.n) {
            json_key_str(w, rows[i].key);
            json_put_text(w, rows[i].text);
        }
    if (ow->r->stop.n) {
        json_key(w, "stop");
        json_begin_array(w);
        for (size_t i = 0; i < ow->r->stop.n; i++)
            json_put_raw_str(w, ow->r->stop.v[i]);
        json_end(w);
    }
    put_client_options(ow, rows);
    json_end(w);
}

/* ---- thinking, format, tools --------------------------------------------------------------------
 */

/* gpt-oss takes a word, others a switch; a model that can't think refuses the asking. */
static void put_think(struct ollama_writer *ow)
{
    const struct ir_reasoning *r = &ow->r->reasoning;
    enum dialect_effort style = ow->c->opts->effort;
    bool on = r->mode != IR_THINK_OFF;
    bool known = str_eq(r->effort, STR("low")) || str_eq(r->effort, STR("medium")) ||
                 str_eq(r->effort, STR("high"));

    if (r->mode == IR_THINK_UNSET && !r->effort.n)
        return;
    if (style == EFFORT_AUTO || style == EFFORT_NONE) {
        if (on)
            lose(ow, STR("thinking"));
        return;
    }
    json_key(&ow->w, "think");
    if (on && style == EFFORT_FIELD && known) {
        json_put_raw_str(&ow->w, r->effort);
        return;
    }
    json_put_bool(&ow->w, on);
    if (on && (r->effort.n || r->budget)) /* it thinks, but as hard as it likes */
        lose(ow, STR("effort"));
}

static void put_format(struct ollama_writer *ow)
{
    const struct ir_format *f = &ow->r->format;

    if (f->kind == IR_FORMAT_JSON) {
        json_key(&ow->w, "format");
        json_put_lit(&ow->w, "json");
    } else if (f->kind == IR_FORMAT_SCHEMA) {
        json_key(&ow->w, "format");
        json_put_text(&ow->w, json_text(f->schema));
    }
}

static void put_tool(struct ollama_writer *ow, const struct ir_tool *t)
{
    struct json_writer *w = &ow->w;

    json_begin_object(w);
    json_key(w, "type");
    json_put_lit(w, "function");
    json_key(w, "function");
    json_begin_object(w);
    json_key(w, "name");
    json_put_raw_str(w, t->name);
    json_key(w, "description");
    json_put_raw_str(w, t->description.n ? t->description : STR(""));
    json_key(w, "parameters");
    json_put_text(w, json_is(t->schema, JSON_OBJECT) ? json_text(t->schema) : STR(EMPTY_SCHEMA));
    json_end(w);
    json_end(w);
    if (t->cache.n)
        lose(ow, STR("cache_control"));
    if (t->strict == IR_YES)
        lose(ow, STR("tools.strict"));
}

static void put_tools(struct ollama_writer *ow)
{
    const struct ir_tool_choice *c = &ow->r->choice;
    bool any = false;

    if (c->kind == IR_CHOICE_NONE)
        return; /* the one way to say it */
    for (const struct ir_tool *t = ow->r->tools; t; t = t->next) {
        if (t->kind != IR_TOOL_FUNCTION) {
            str name = arena_strf(ow->arena, "tools." STR_FMT, STR_ARG(t->type));

            lose(ow, name.p ? name : STR("tools"));
            continue;
        }
        if (!any) {
            json_key(&ow->w, "tools");
            json_begin_array(&ow->w);
            any = true;
        }
        put_tool(ow, t);
    }
    if (any)
        json_end(&ow->w);
    if (any && (c->kind == IR_CHOICE_ANY || c->kind == IR_CHOICE_NAMED))
        lose(ow, STR("tool_choice"));
    if (any && c->parallel == IR_NO)
        lose(ow, STR("parallel_tool_calls"));
}

/* ---- the rest -----------------------------------------------------------------------------------
 */

static void put_rest(struct ollama_writer *ow)
{
    const struct ir_request *r = ow->r;
    const struct {
        str name;
        bool there;
    } gone[] = {
        {STR("n"), r->n > 1},
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

    if (r->logprobs != IR_UNSET) {
        json_key(&ow->w, "logprobs");
        json_put_bool(&ow->w, r->logprobs == IR_YES);
    }
    if (r->top_logprobs.n) {
        json_key(&ow->w, "top_logprobs");
        json_put_text(&ow->w, r->top_logprobs);
    }
    if (extra(ow, STR("keep_alive")).n) {
        json_key(&ow->w, "keep_alive");
        json_put_text(&ow->w, extra(ow, STR("keep_alive")));
    }
    for (size_t i = 0; i < ARRAY_LEN(gone); i++)
        if (gone[i].there)
            lose(ow, gone[i].name);
    for (const struct ir_field *f = r->unknown; f; f = f->next) {
        bool kept = extra(ow, f->name).n &&
                    (str_eq(f->name, STR("options")) || str_eq(f->name, STR("keep_alive")));

        if (!kept)
            lose(ow, f->name);
    }
}

enum rc ollama_encode_request(const struct ir_request *r, const struct back_call *c,
                              struct arena *a, struct rope *out, struct ir_lossy *lossy,
                              struct fail *f)
{
    struct ollama_writer ow = {.r = r, .c = c, .arena = a, .lossy = lossy};

    (void)f;
    json_writer_init(&ow.w, out);
    json_begin_object(&ow.w);
    json_key(&ow.w, "model");
    json_put_str(&ow.w, c->model);
    json_key(&ow.w, "stream"); /* it streams when it is not told */
    json_put_bool(&ow.w, c->stream);
    put_think(&ow);
    put_format(&ow);
    put_options(&ow);
    put_rest(&ow);
    put_tools(&ow);
    json_key(&ow.w, "messages");
    ollama_put_messages(&ow);
    json_end(&ow.w);
    ASSERT(ow.w.depth == 0); /* all that was begun was ended */
    if (arena_is_full(a))
        return RC_NOMEM;
    return rope_failed(out) ? RC_LIMIT : RC_OK;
}
