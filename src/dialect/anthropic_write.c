/* SPDX-License-Identifier: Apache-2.0 */
/*
 * anthropic_write.c - a canonical request as Anthropic Messages.
 *
 * Claude's API is strict: a parameter it does not know, a temperature above 1 or a schema without
 * type "object" is a 400. So everything is written only in forms that the recorded refusals allow,
 * and what had to be bent or left out is named as lost.
 */
#include "base/num.h"
#include "dialect/anthropic_int.h"
#include "dialect/free_text.h"
#include "dialect/model_name.h"
#include "dialect/schema.h"
#include "dialect/server_tool.h"

#define USER_MAX       256
#define PAST_TOOLS_MAX 128
#define STRICT_MAX     20  /* tools with strict:true in one request */
#define FIRST_SCHEMA   401 /* Claude 4.1: output_config.format */
#define FIRST_ONE_KNOB 401 /* temperature or top_p, not both */
#define FIRST_DISPLAY  407 /* thoughts are hidden unless display is asked for */
#define EMPTY_SCHEMA   "{\"type\":\"object\",\"properties\":{}}"

/* ---- tools --------------------------------------------------------------------------------------
 */

/* Root members that Claude refuses: it wants a plain object there. */
static bool is_refused(str key)
{
    return str_eq(key, STR("type")) || str_eq(key, STR("anyOf")) || str_eq(key, STR("oneOf")) ||
           str_eq(key, STR("allOf")) || str_eq(key, STR("$ref"));
}

void anthropic_put_schema(struct anthropic_writer *aw, jval schema)
{
    struct json_iter it = json_iter(schema);
    struct json_writer *w = &aw->w;
    bool plain = json_str_is(json_get_lit(schema, "type"), STR("object"));

    if (!json_is(schema, JSON_OBJECT)) {
        json_put_text(w, STR(EMPTY_SCHEMA));
        return;
    }
    while (plain && json_next(&it))
        plain = str_eq(json_raw(it.key), STR("type")) || !is_refused(json_raw(it.key));
    if (plain) {
        json_put_text(w, json_text(schema));
        return;
    }
    json_begin_object(w);
    json_key(w, "type");
    json_put_lit(w, "object");
    for (it = json_iter(schema); json_next(&it);) {
        if (!is_refused(json_raw(it.key))) {
            json_key_str(w, json_raw(it.key));
            json_put_text(w, json_text(it.val));
        } else if (!str_eq(json_raw(it.key), STR("type"))) {
            anthropic_lose(aw, STR("tools.parameters"));
        }
    }
    if (!json_has(json_get_lit(schema, "properties"))) {
        json_key(w, "properties");
        json_begin_object(w);
        json_end(w);
    }
    json_end(w);
}

static void put_tool(struct anthropic_writer *aw, const struct ir_tool *t, unsigned *strict)
{
    struct json_writer *w = &aw->w;

    json_begin_object(w);
    json_key(w, "name");
    json_put_raw_str(w, t->name);
    if (t->description.n) {
        json_key(w, "description");
        json_put_raw_str(w, t->description);
    }
    json_key(w, "input_schema");
    if (t->kind == IR_TOOL_CUSTOM) {
        struct free_text f = free_text_of(t, aw->arena);

        free_text_put_schema(w, &f);
        anthropic_lose(aw, STR("tools.custom"));
    } else {
        anthropic_put_schema(aw, t->schema);
    }
    if (t->strict == IR_YES && !aw->c->opts->no_strict) {
        if (++*strict <= STRICT_MAX) {
            json_key(w, "strict");
            json_put_bool(w, true);
        } else {
            anthropic_lose(aw, STR("tools.strict"));
        }
    }
    if (t->cache.n) {
        json_key(w, "cache_control");
        json_put_text(w, t->cache);
    }
    json_end(w);
}

static bool is_among(jtext name, const jtext *seen, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(name, seen[i]))
            return true;
    return false;
}

/* A history with calls and no tools is refused: the called ones are declared, and not to be called.
 */
static void put_past_tools(struct anthropic_writer *aw)
{
    struct json_writer *w = &aw->w;
    jtext seen[PAST_TOOLS_MAX];
    size_t n = 0;

    for (const struct ir_message *m = aw->r->messages; m; m = m->next)
        for (const struct ir_block *b = m->blocks; b && n < PAST_TOOLS_MAX; b = b->next) {
            if (b->kind != IR_TOOL_USE || is_among(b->use.name, seen, n))
                continue;
            if (n == 0) {
                json_key(w, "tools");
                json_begin_array(w);
            }
            seen[n++] = b->use.name;
            json_begin_object(w);
            json_key(w, "name");
            json_put_raw_str(w, b->use.name);
            json_key(w, "input_schema");
            json_put_text(w, STR(EMPTY_SCHEMA));
            json_end(w);
        }
    if (n == 0)
        return;
    json_end(w);
    json_key(w, "tool_choice");
    json_put_text(w, STR("{\"type\":\"none\"}"));
}

static bool own_words(const struct anthropic_writer *aw)
{
    return str_eq(aw->r->family, STR(ANTHROPIC_FAMILY));
}

/* Another vendor's tool has a counterpart here; but a cloud that serves Claude runs none of it. */
static bool is_taken(const struct anthropic_writer *aw, const struct ir_tool *t)
{
    if (t->kind != IR_TOOL_SERVER || own_words(aw))
        return true;
    return !aw->envelope && server_tool_has(t, STR(ANTHROPIC_FAMILY), aw->c->opts);
}

static void put_server(struct anthropic_writer *aw, const struct ir_tool *t)
{
    if (own_words(aw) || !server_tool_put(&aw->w, t, STR(ANTHROPIC_FAMILY), aw->arena, aw->lossy))
        json_put_text(&aw->w, t->raw);
}

/* A tool that the vendor runs is chosen by the name it has here. */
static jtext chosen_name(const struct anthropic_writer *aw)
{
    const struct ir_tool *t = server_tool_chosen(aw->r);

    return t && !own_words(aw) ? server_tool_name(STR(ANTHROPIC_FAMILY), t->server)
                               : aw->r->choice.name;
}

static void put_choice(struct anthropic_writer *aw)
{
    const struct ir_tool_choice *c = &aw->r->choice;
    const struct ir_tool *chosen = server_tool_chosen(aw->r);
    struct json_writer *w = &aw->w;
    static const str types[] = {
        [IR_CHOICE_UNSET] = STR("auto"), [IR_CHOICE_AUTO] = STR("auto"),
        [IR_CHOICE_NONE] = STR("none"),  [IR_CHOICE_ANY] = STR("any"),
        [IR_CHOICE_NAMED] = STR("tool"),
    };

    if (c->kind == IR_CHOICE_UNSET && c->parallel != IR_NO)
        return;
    if (chosen && !is_taken(aw, chosen)) { /* it went with the tool */
        anthropic_lose(aw, STR("tool_choice"));
        return;
    }
    json_key(w, "tool_choice");
    json_begin_object(w);
    json_key(w, "type");
    json_put_raw_str(w, types[c->kind]);
    if (c->kind == IR_CHOICE_NAMED) {
        json_key(w, "name");
        json_put_raw_str(w, chosen_name(aw));
    }
    if (c->parallel == IR_NO && c->kind != IR_CHOICE_NONE) {
        json_key(w, "disable_parallel_tool_use");
        json_put_bool(w, true);
    }
    json_end(w);
}

static void put_tools(struct anthropic_writer *aw)
{
    unsigned strict = 0;
    bool any = false;

    for (const struct ir_tool *t = aw->r->tools; t; t = t->next) {
        if (!is_taken(aw, t)) {
            server_tool_lose(t, aw->arena, aw->lossy);
            continue;
        }
        if (!any) {
            json_key(&aw->w, "tools");
            json_begin_array(&aw->w);
            any = true;
        }
        if (t->kind == IR_TOOL_SERVER)
            put_server(aw, t);
        else
            put_tool(aw, t, &strict);
    }
    if (!any) {
        put_past_tools(aw);
        return;
    }
    json_end(&aw->w);
    put_choice(aw);
}

/* ---- sampling -----------------------------------------------------------------------------------
 */

static void put_number(struct anthropic_writer *aw, str key, str number)
{
    json_key_str(&aw->w, key);
    json_put_text(&aw->w, number);
}

static double value_of(str number)
{
    double v;

    return num_double(number, &v) == RC_OK ? v : -1;
}

/* 0..1; with thinking only 1, which is the default. */
static void put_temperature(struct anthropic_writer *aw)
{
    str t = aw->r->temperature;
    double v = value_of(t);

    if (!aw->thinks)
        put_number(aw, STR("temperature"), v > 1 ? STR("1") : t);
    if (v > 1 || (aw->thinks && v != 1))
        anthropic_lose(aw, STR("temperature"));
}

/* Not beside a temperature, from 4.1 on; with thinking 0.95 at least. */
static void put_top_p(struct anthropic_writer *aw)
{
    bool one_knob = model_claude_version(aw->c->model) >= FIRST_ONE_KNOB;
    double v = value_of(aw->r->top_p);

    if ((aw->r->temperature.n && one_knob) || (aw->thinks && v < 0.95)) {
        if (v != 1)
            anthropic_lose(aw, STR("top_p"));
    } else {
        put_number(aw, STR("top_p"), aw->r->top_p);
    }
}

static void put_sampling(struct anthropic_writer *aw)
{
    const struct ir_request *r = aw->r;

    if (r->temperature.n)
        put_temperature(aw);
    if (r->top_p.n)
        put_top_p(aw);
    if (r->top_k.n && aw->thinks)
        anthropic_lose(aw, STR("top_k"));
    else if (r->top_k.n)
        put_number(aw, STR("top_k"), r->top_k);
}

bool anthropic_is_blank(jtext t)
{
    for (size_t i = 0; i < t.n; i++) {
        if (t.p[i] == '\\' && i + 1 < t.n && strchr("ntr", t.p[i + 1]))
            i++;
        else if (t.p[i] != ' ')
            return false;
    }
    return true;
}

static void put_stops(struct anthropic_writer *aw)
{
    const struct ir_str_list *s = &aw->r->stop;
    bool any = false;

    for (size_t i = 0; i < s->n; i++) {
        if (anthropic_is_blank(s->v[i])) { /* refused: must hold something visible */
            anthropic_lose(aw, STR("stop"));
            continue;
        }
        if (!any) {
            json_key(&aw->w, "stop_sequences");
            json_begin_array(&aw->w);
            any = true;
        }
        json_put_raw_str(&aw->w, s->v[i]);
    }
    if (any)
        json_end(&aw->w);
}

/* ---- format and thinking ------------------------------------------------------------------------
 */

static bool binds_schema(const struct anthropic_writer *aw)
{
    unsigned version = model_claude_version(aw->c->model);

    return aw->r->format.kind == IR_FORMAT_SCHEMA && (!version || version >= FIRST_SCHEMA) &&
           schema_is_closed(aw->r->format.schema);
}

static void put_output(struct anthropic_writer *aw)
{
    struct json_writer *w = &aw->w;
    bool schema = binds_schema(aw);

    if (aw->r->format.kind == IR_FORMAT_JSON)
        anthropic_lose(aw, STR("response_format"));
    if (aw->r->format.kind == IR_FORMAT_SCHEMA && !schema) {
        anthropic_lose(aw, STR("response_format"));
        aw->schema_in_words = true;
    }
    if (!schema && !aw->effort.n)
        return;
    json_key(w, "output_config");
    json_begin_object(w);
    if (aw->effort.n) {
        json_key(w, "effort");
        json_put_raw_str(w, aw->effort);
    }
    if (schema) {
        json_key(w, "format");
        json_begin_object(w);
        json_key(w, "type");
        json_put_lit(w, "json_schema");
        json_key(w, "schema");
        json_put_text(w, json_text(aw->r->format.schema));
        json_end(w);
    }
    json_end(w);
}

static void put_thinking(struct anthropic_writer *aw)
{
    struct json_writer *w = &aw->w;

    if (!aw->thinks)
        return;
    json_key(w, "thinking");
    json_begin_object(w);
    json_key(w, "type");
    if (aw->adaptive) {
        json_put_lit(w, "adaptive");
        if (model_claude_version(aw->c->model) >= FIRST_DISPLAY) {
            json_key(w, "display");
            json_put_lit(w, "summarized");
        }
    } else {
        json_put_lit(w, "enabled");
        json_key(w, "budget_tokens");
        json_put_u64(w, aw->budget);
    }
    json_end(w);
}

/* ---- the rest -----------------------------------------------------------------------------------
 */

static void put_metadata(struct anthropic_writer *aw)
{
    const struct ir_request *r = aw->r;
    struct json_writer *w = &aw->w;

    if (aw->envelope) { /* the clouds refuse them */
        if (r->user.n)
            anthropic_lose(aw, STR("user"));
        if (r->service_tier.n && !str_eq(r->service_tier, STR("auto")) &&
            !str_eq(r->service_tier, STR("default")))
            anthropic_lose(aw, STR("service_tier"));
        return;
    }
    if (r->user.n > USER_MAX) {
        anthropic_lose(aw, STR("user"));
    } else if (r->user.n) {
        json_key(w, "metadata");
        json_begin_object(w);
        json_key(w, "user_id");
        json_put_raw_str(w, r->user);
        json_end(w);
    }
    if (str_eq(r->service_tier, STR("default")) || str_eq(r->service_tier, STR("standard_only"))) {
        json_key(w, "service_tier");
        json_put_lit(w, "standard_only");
    } else if (r->service_tier.n && !str_eq(r->service_tier, STR("auto"))) {
        anthropic_lose(aw, STR("service_tier"));
    }
}

void anthropic_note_losses(struct anthropic_writer *aw)
{
    const struct ir_request *r = aw->r;
    const struct {
        str name;
        bool lost;
    } rows[] = {
        {STR("n"), r->n > 1},
        {STR("logprobs"), r->logprobs == IR_YES},
        {STR("logit_bias"), r->logit_bias.n > 2},
        {STR("seed"), r->seed.n > 0},
        {STR("min_p"), r->min_p.n > 0},
        {STR("frequency_penalty"), r->frequency_penalty.n && value_of(r->frequency_penalty) != 0},
        {STR("presence_penalty"), r->presence_penalty.n && value_of(r->presence_penalty) != 0},
        {STR("repetition_penalty"),
         r->repetition_penalty.n && value_of(r->repetition_penalty) != 1},
        {STR("metadata"), r->metadata.n > 2},
        {STR("verbosity"), r->verbosity.n > 0},
        {STR("prompt_cache_key"), r->cache_key.n > 0},
        {STR("thinking"), seal_stands_on(r, IR_TEXT) || seal_stands_on(r, IR_TOOL_USE)},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].lost)
            anthropic_lose(aw, rows[i].name);
}

/* What says which model and which language: members here, a path and a version in the clouds. */
static void put_head(struct anthropic_writer *aw)
{
    const struct anthropic_envelope *e = aw->envelope;
    struct json_writer *w = &aw->w;

    if (e) {
        json_key(w, "anthropic_version");
        json_put_raw_str(w, e->version);
        if (e->betas.n) {
            json_key(w, "anthropic_beta");
            json_put_text(w, e->betas);
        }
    } else {
        json_key(w, "model");
        json_put_str(w, aw->c->model);
    }
    json_key(w, "max_tokens");
    json_put_u64(w, aw->max_tokens);
    if (aw->c->stream && (!e || e->stream)) {
        json_key(w, "stream");
        json_put_bool(w, true);
    }
}

/* A beta of Anthropic's own API, whose name the clouds want to hear first. */
static void put_context_management(struct anthropic_writer *aw)
{
    str json = aw->r->context_management;

    if (!json.n)
        return;
    if (aw->envelope) {
        anthropic_lose(aw, STR("context_management"));
        return;
    }
    json_key(&aw->w, "context_management");
    json_put_text(&aw->w, json);
}

enum rc anthropic_encode_enveloped(const struct ir_request *r, const struct back_call *c,
                                   const struct anthropic_envelope *e, struct arena *a,
                                   struct rope *out, struct ir_lossy *lossy)
{
    struct anthropic_writer aw = {.r = r, .c = c, .arena = a, .lossy = lossy, .envelope = e};
    struct json_writer *w = &aw.w;

    anthropic_plan_thinking(&aw);
    json_writer_init(w, out);
    json_begin_object(w);
    put_head(&aw);
    put_sampling(&aw);
    put_stops(&aw);
    put_thinking(&aw);
    put_output(&aw);
    put_metadata(&aw);
    put_context_management(&aw);
    if (r->cache.n) {
        json_key(w, "cache_control");
        json_put_text(w, r->cache);
    }
    anthropic_note_losses(&aw);
    for (const struct ir_field *u = r->unknown; u; u = u->next)
        anthropic_lose(&aw, u->name);
    put_tools(&aw);
    anthropic_put_system(&aw);
    json_key(w, "messages");
    anthropic_put_messages(&aw);
    json_end(w);
    ASSERT(aw.w.depth == 0); /* all that was begun was ended */
    if (arena_is_full(a))
        return RC_NOMEM;
    return rope_failed(out) ? RC_LIMIT : RC_OK;
}

enum rc anthropic_encode_request(const struct ir_request *r, const struct back_call *c,
                                 struct arena *a, struct rope *out, struct ir_lossy *lossy,
                                 struct fail *f)
{
    (void)f;
    return anthropic_encode_enveloped(r, c, NULL, a, out, lossy);
}
