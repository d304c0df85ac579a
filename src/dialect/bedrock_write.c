/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bedrock_write.c - a canonical request as a Converse request.
 *
 * Converse has a few parameters for all models (inferenceConfig) and a pocket for what only some
 * take (bedrock_extra.c). It checks strictly: a text of blanks, a history with calls and no tools,
 * a temperature above 1 are each a 400. So what would be refused is bent or left out here, and
 * named as lost.
 */
#include "dialect/bedrock_int.h"

#include "base/num.h"
#include "dialect/free_text.h"
#include "dialect/model_name.h"
#include "dialect/schema.h"

#define PAST_TOOLS_MAX   128
#define FIRST_STRUCTURED 405 /* Claude 4.5: outputConfig, strict tools */
#define FIRST_ONE_KNOB   401 /* Claude 4.1: temperature or top_p, not both */
#define FIRST_CACHE      305
#define EMPTY_SCHEMA     "{\"type\":\"object\",\"properties\":{}}"

/* ---- models ------------------------------------------------------------------------------------
 */

enum bedrock_maker bedrock_maker(str model)
{
    static const struct {
        str part; /* of the name, the first that is found decides */
        enum bedrock_maker maker;
    } rows[] = {
        {STR("claude"), BEDROCK_CLAUDE},
        {STR("anthropic."), BEDROCK_CLAUDE},
        {STR("nova-2"), BEDROCK_NOVA2},
        {STR("amazon.nova"), BEDROCK_NOVA},
        {STR("openai.gpt-oss"), BEDROCK_GPT_OSS},
        {STR("qwen."), BEDROCK_QWEN},
        {STR("amazon."), BEDROCK_OTHER},
        {STR("meta."), BEDROCK_OTHER},
        {STR("mistral."), BEDROCK_OTHER},
        {STR("cohere."), BEDROCK_OTHER},
        {STR("ai21."), BEDROCK_OTHER},
        {STR("deepseek."), BEDROCK_OTHER},
        {STR("writer."), BEDROCK_OTHER},
        {STR("google."), BEDROCK_OTHER},
        {STR("minimax."), BEDROCK_OTHER},
        {STR("moonshot"), BEDROCK_OTHER},
        {STR("nvidia."), BEDROCK_OTHER},
        {STR("openai."), BEDROCK_OTHER},
        {STR("zai."), BEDROCK_OTHER},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (str_find(model, rows[i].part) != SIZE_MAX)
            return rows[i].maker;
    return BEDROCK_UNKNOWN;
}

static bool knows_cache_points(const struct bedrock_writer *bw)
{
    unsigned version = model_claude_version(bw->a.c->model);

    return bw->maker == BEDROCK_NOVA || bw->maker == BEDROCK_NOVA2 ||
           (bedrock_may_be_claude(bw->maker) && (!version || version >= FIRST_CACHE));
}

static bool knows_structure(const struct bedrock_writer *bw)
{
    return bw->maker == BEDROCK_CLAUDE && model_claude_version(bw->a.c->model) >= FIRST_STRUCTURED;
}

void bedrock_put_cache(struct bedrock_writer *bw, str marker)
{
    struct json_writer *w = &bw->a.w;

    if (!marker.n || !bw->caches)
        return;
    json_begin_object(w);
    json_key(w, "cachePoint");
    json_begin_object(w);
    json_key(w, "type");
    json_put_lit(w, "default");
    if (str_find(marker, STR("\"1h\"")) != SIZE_MAX) {
        json_key(w, "ttl");
        json_put_lit(w, "1h");
    }
    json_end(w);
    json_end(w);
}

/* ---- sampling ----------------------------------------------------------------------------------
 */

static double value_of(str number)
{
    double v;

    return num_double(number, &v) == RC_OK ? v : -1;
}

/* A member of inferenceConfig, which begins with its first. */
static void config_key(struct bedrock_writer *bw, bool *open, str key)
{
    if (!*open) {
        json_key(&bw->a.w, "inferenceConfig");
        json_begin_object(&bw->a.w);
    }
    *open = true;
    json_key_str(&bw->a.w, key);
}

/* 0..1; while Claude thinks only 1, which is the default. */
static void put_temperature(struct bedrock_writer *bw, bool *open)
{
    str t = bw->a.r->temperature;
    double v = value_of(t);
    bool fixed = bw->a.thinks || bedrock_thinks_hard(bw);

    if (!t.n)
        return;
    if (!fixed) {
        config_key(bw, open, STR("temperature"));
        json_put_text(&bw->a.w, v > 1 ? STR("1") : t);
    }
    if (v > 1 || (fixed && v != 1))
        anthropic_lose(&bw->a, STR("temperature"));
}

static void put_top_p(struct bedrock_writer *bw, bool *open)
{
    const struct ir_request *r = bw->a.r;
    bool one_knob = model_claude_version(bw->a.c->model) >= FIRST_ONE_KNOB;
    double v = value_of(r->top_p);

    if (!r->top_p.n)
        return;
    if ((one_knob && r->temperature.n) || (bw->a.thinks && v < 0.95) || bedrock_thinks_hard(bw)) {
        if (v != 1)
            anthropic_lose(&bw->a, STR("top_p"));
        return;
    }
    config_key(bw, open, STR("topP"));
    json_put_text(&bw->a.w, r->top_p);
}

static void put_stops(struct bedrock_writer *bw, bool *open)
{
    const struct ir_str_list *s = &bw->a.r->stop;
    bool any = false;

    for (size_t i = 0; i < s->n; i++) {
        if (anthropic_is_blank(s->v[i])) {
            anthropic_lose(&bw->a, STR("stop"));
            continue;
        }
        if (!any) {
            config_key(bw, open, STR("stopSequences"));
            json_begin_array(&bw->a.w);
            any = true;
        }
        json_put_raw_str(&bw->a.w, s->v[i]);
    }
    if (any)
        json_end(&bw->a.w);
}

/* Without a limit of the client's the model's own holds, which is its greatest. */
static void put_inference(struct bedrock_writer *bw)
{
    bool open = false, limited = bw->a.r->max_tokens || bw->a.budget;

    if (limited && bedrock_thinks_hard(bw)) {
        anthropic_lose(&bw->a, STR("max_tokens"));
    } else if (limited) {
        config_key(bw, &open, STR("maxTokens"));
        json_put_u64(&bw->a.w, bw->a.max_tokens);
    }
    put_temperature(bw, &open);
    put_top_p(bw, &open);
    put_stops(bw, &open);
    if (open)
        json_end(&bw->a.w);
}

/* ---- tools -------------------------------------------------------------------------------------
 */

static void begin_tools(struct bedrock_writer *bw, bool *any)
{
    if (*any)
        return;
    *any = true;
    json_key(&bw->a.w, "toolConfig");
    json_begin_object(&bw->a.w);
    json_key(&bw->a.w, "tools");
    json_begin_array(&bw->a.w);
}

static void begin_spec(struct bedrock_writer *bw, jtext name, jtext description)
{
    struct json_writer *w = &bw->a.w;

    json_begin_object(w);
    json_key(w, "toolSpec");
    json_begin_object(w);
    json_key(w, "name");
    json_put_raw_str(w, name);
    if (description.n) { /* an empty one is refused */
        json_key(w, "description");
        json_put_raw_str(w, description);
    }
    json_key(w, "inputSchema");
    json_begin_object(w);
    json_key(w, "json");
}

static void end_spec(struct bedrock_writer *bw, bool strict)
{
    struct json_writer *w = &bw->a.w;

    json_end(w);
    if (strict) {
        json_key(w, "strict");
        json_put_bool(w, true);
    }
    json_end(w);
    json_end(w);
}

static void put_tool(struct bedrock_writer *bw, const struct ir_tool *t)
{
    bool strict = t->strict == IR_YES && knows_structure(bw) && !bw->a.c->opts->no_strict;

    begin_spec(bw, t->name, t->description);
    if (t->kind == IR_TOOL_CUSTOM) {
        struct free_text f = free_text_of(t, bw->a.arena);

        free_text_put_schema(&bw->a.w, &f);
        anthropic_lose(&bw->a, STR("tools.custom"));
    } else {
        anthropic_put_schema(&bw->a, t->schema);
    }
    end_spec(bw, strict);
    if (t->strict == IR_YES && !strict)
        anthropic_lose(&bw->a, STR("tools.strict"));
    if (bw->maker != BEDROCK_NOVA && bw->maker != BEDROCK_NOVA2) /* those cache no tools */
        bedrock_put_cache(bw, t->cache);
}

static bool is_declared(const struct ir_request *r, jtext name)
{
    for (const struct ir_tool *t = r->tools; t; t = t->next)
        if (t->kind != IR_TOOL_SERVER && str_eq(t->name, name))
            return true;
    return false;
}

static bool was_called_before(const struct ir_request *r, const struct ir_block *call)
{
    for (const struct ir_message *m = r->messages; m; m = m->next)
        for (const struct ir_block *b = m->blocks; b; b = b->next) {
            if (b == call)
                return false;
            if (b->kind == IR_TOOL_USE && str_eq(b->use.name, call->use.name))
                return true;
        }
    return false;
}

/* A history with calls and no toolConfig is refused: the called ones are declared. */
static void put_past_tools(struct bedrock_writer *bw, bool *any)
{
    unsigned n = 0;

    for (const struct ir_message *m = bw->a.r->messages; m; m = m->next)
        for (const struct ir_block *b = m->blocks; b && n < PAST_TOOLS_MAX; b = b->next) {
            if (b->kind != IR_TOOL_USE || is_declared(bw->a.r, b->use.name) ||
                was_called_before(bw->a.r, b))
                continue;
            n++;
            begin_tools(bw, any);
            begin_spec(bw, b->use.name, STR_NONE);
            json_put_text(&bw->a.w, STR(EMPTY_SCHEMA));
            end_spec(bw, false);
        }
}

static bool has_calls(const struct ir_request *r)
{
    for (const struct ir_message *m = r->messages; m; m = m->next)
        for (const struct ir_block *b = m->blocks; b; b = b->next)
            if (b->kind == IR_TOOL_USE || b->kind == IR_TOOL_RESULT)
                return true;
    return false;
}

/* `auto` is the default, and not said: some models know no choice at all. */
static void put_choice(struct bedrock_writer *bw)
{
    const struct ir_tool_choice *c = &bw->a.r->choice;
    struct json_writer *w = &bw->a.w;

    if (c->parallel == IR_NO && c->kind != IR_CHOICE_NONE)
        anthropic_lose(&bw->a, STR("parallel_tool_calls"));
    if (c->kind == IR_CHOICE_NONE)
        anthropic_lose(&bw->a, STR("tool_choice"));
    if (c->kind != IR_CHOICE_ANY && c->kind != IR_CHOICE_NAMED)
        return;
    json_key(w, "toolChoice");
    json_begin_object(w);
    if (c->kind == IR_CHOICE_ANY) {
        json_key(w, "any");
        json_begin_object(w);
    } else {
        json_key(w, "tool");
        json_begin_object(w);
        json_key(w, "name");
        json_put_raw_str(w, c->name);
    }
    json_end(w);
    json_end(w);
}

/* There is no choice `none`: without calls in the history the tools are left out, to the same
 * effect; with calls they must stay. */
static void put_tools(struct bedrock_writer *bw)
{
    const struct ir_request *r = bw->a.r;
    bool any = false, mute = r->choice.kind == IR_CHOICE_NONE && !has_calls(r);

    for (const struct ir_tool *t = r->tools; t; t = t->next) {
        if (t->kind == IR_TOOL_SERVER) {
            str name = arena_strf(bw->a.arena, "tools." STR_FMT, STR_ARG(t->type));

            anthropic_lose(&bw->a, name.p ? name : STR("tools"));
            continue;
        }
        if (mute) {
            anthropic_lose(&bw->a, STR("tools"));
            anthropic_lose(&bw->a, STR("tool_choice"));
            continue;
        }
        begin_tools(bw, &any);
        put_tool(bw, t);
    }
    if (!any)
        put_past_tools(bw, &any);
    if (!any)
        return;
    json_end(&bw->a.w);
    put_choice(bw);
    json_end(&bw->a.w);
}

/* ---- format, tier, the rest --------------------------------------------------------------------
 */

static void put_format(struct bedrock_writer *bw)
{
    const struct ir_format *f = &bw->a.r->format;
    struct json_writer *w = &bw->a.w;

    json_key(w, "outputConfig");
    json_begin_object(w);
    json_key(w, "textFormat");
    json_begin_object(w);
    json_key(w, "type");
    json_put_lit(w, "json_schema");
    json_key(w, "structure");
    json_begin_object(w);
    json_key(w, "jsonSchema");
    json_begin_object(w);
    if (f->name.n) {
        json_key(w, "name");
        json_put_raw_str(w, f->name);
    }
    if (f->description.n) {
        json_key(w, "description");
        json_put_raw_str(w, f->description);
    }
    json_key(w, "schema"); /* the schema's text, as a string */
    json_open_str(w);
    json_add_plain(w, json_text(f->schema));
    json_close_str(w);
    for (int i = 0; i < 4; i++)
        json_end(w);
}

static void plan_format(struct bedrock_writer *bw)
{
    const struct ir_format *f = &bw->a.r->format;

    if (f->kind == IR_FORMAT_SCHEMA && knows_structure(bw) && schema_is_closed(f->schema)) {
        put_format(bw);
        return;
    }
    if (f->kind == IR_FORMAT_JSON || f->kind == IR_FORMAT_SCHEMA)
        anthropic_lose(&bw->a, STR("response_format"));
    bw->a.schema_in_words = f->kind == IR_FORMAT_SCHEMA;
}

static void put_tier(struct bedrock_writer *bw)
{
    jtext tier = bw->a.r->service_tier;
    struct json_writer *w = &bw->a.w;

    if (!tier.n || str_eq(tier, STR("auto")) || str_eq(tier, STR("default")) ||
        str_eq(tier, STR("standard_only")))
        return;
    if (!str_eq(tier, STR("priority")) && !str_eq(tier, STR("flex"))) {
        anthropic_lose(&bw->a, STR("service_tier"));
        return;
    }
    json_key(w, "serviceTier");
    json_begin_object(w);
    json_key(w, "type");
    json_put_raw_str(w, tier);
    json_end(w);
}

/* Members that only Converse knows, from clients that speak another language and know their model
 * is here: guardrailConfig and its like. */
static void put_own_fields(struct bedrock_writer *bw)
{
    for (const struct ir_field *f = bw->a.r->unknown; f; f = f->next) {
        if (!bedrock_is_own_field(f->name)) {
            anthropic_lose(&bw->a, f->name);
        } else if (!str_has_prefix(f->name, STR("additionalModel"))) { /* those are written there */
            json_key_str(&bw->a.w, f->name);
            json_put_text(&bw->a.w, f->json);
        }
    }
}

static void note_losses(struct bedrock_writer *bw)
{
    anthropic_note_losses(&bw->a);
    if (bw->a.r->user.n)
        anthropic_lose(&bw->a, STR("user"));
    if (bw->a.r->context_management.n)
        anthropic_lose(&bw->a, STR("context_management"));
}

enum rc bedrock_encode_request(const struct ir_request *r, const struct back_call *c,
                               struct arena *a, struct rope *out, struct ir_lossy *lossy,
                               struct fail *f)
{
    struct bedrock_writer bw = {.a = {.r = r, .c = c, .arena = a, .lossy = lossy}};
    struct json_writer *w = &bw.a.w;

    (void)f;
    bw.maker = bedrock_maker(c->model);
    bw.caches = knows_cache_points(&bw);
    if (bedrock_may_be_claude(bw.maker))
        anthropic_plan_thinking(&bw.a);
    else
        bw.a.max_tokens = r->max_tokens;
    json_writer_init(w, out);
    json_begin_object(w);
    put_inference(&bw);
    bedrock_put_extra(&bw);
    plan_format(&bw);
    put_tier(&bw);
    put_own_fields(&bw);
    note_losses(&bw);
    put_tools(&bw);
    bedrock_put_system(&bw);
    json_key(w, "messages");
    bedrock_put_messages(&bw);
    json_end(w);
    ASSERT(bw.a.w.depth == 0); /* all that was begun was ended */
    if (arena_is_full(a))
        return RC_NOMEM;
    return rope_failed(out) ? RC_LIMIT : RC_OK;
}
