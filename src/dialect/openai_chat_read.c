/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openai_chat_read.c - a Chat Completions request to canonical form, and the glance at one.
 *
 * Besides OpenAI's own fields those are read that compatible servers share: `reasoning`
 * (OpenRouter), `thinking` (DeepSeek, GLM), `top_k`, `min_p`, `repetition_penalty`,
 * `enable_thinking` (Qwen), and the legacy `functions`. Every other member is noted as unknown: it
 * survives where the bytes are spliced and is named as lost where they are translated.
 */
#include "dialect/openai_chat_int.h"
#include "dialect/server_tool.h"
#include "http/url.h"

/* ---- tools --------------------------------------------------------------------------------------
 */

struct tool {
    jtext type;
    jval function, custom;
    str cache;
};

static enum rc add_tool(struct decoding *d, enum ir_tool_kind kind, jval raw, struct ir_tool **ret)
{
    struct ir_tool *t = arena_new(d->arena, struct ir_tool);

    if (!t)
        return field_nomem(d);
    t->kind = kind;
    t->raw = json_text(raw);
    *d->tools = t;
    d->tools = &t->next;
    *ret = t;
    return RC_OK;
}

static enum rc read_function(struct decoding *d, jval v, const struct field_at *at,
                             struct ir_tool *t)
{
    static const struct field rows[] = {
        FIELD(name, FIELD_TEXT, struct ir_tool, name),
        FIELD(description, FIELD_TEXT, struct ir_tool, description),
        FIELD(parameters, FIELD_OBJECT, struct ir_tool, schema),
        FIELD(strict, FIELD_TRI, struct ir_tool, strict),
        FIELD_SKIP(format), /* of custom tools: stays in raw */
    };
    struct field_at here = {.up = at, .name = "function", .index = -1};

    TRY(field_walk(d, v, rows, ARRAY_LEN(rows), t, &here));
    if (!t->name.n)
        return field_bad(d, &here, "a tool needs a name", "missing_required_parameter");
    return RC_OK;
}

static enum rc read_tool(struct decoding *d, jval v, const struct field_at *at)
{
    static const struct field rows[] = {
        FIELD(type, FIELD_TEXT, struct tool, type),
        FIELD(function, FIELD_VALUE, struct tool, function),
        FIELD(custom, FIELD_VALUE, struct tool, custom),
        FIELD(cache_control, FIELD_JSON, struct tool, cache),
    };
    enum ir_tool_kind kind = IR_TOOL_FUNCTION;
    struct tool t = {0};
    struct ir_tool *to;

    if (!json_is(v, JSON_OBJECT))
        return field_bad(d, at, "must be an object", "invalid_type");
    t.type = json_raw(json_get_lit(v, "type"));
    if (str_eq(t.type, STR("custom")))
        kind = IR_TOOL_CUSTOM;
    else if (t.type.n && !str_eq(t.type, STR("function")))
        kind = IR_TOOL_SERVER; /* a dialect's own: carried whole, no member of it is looked at */
    TRY(add_tool(d, kind, v, &to));
    to->type = t.type;
    if (kind == IR_TOOL_SERVER) {
        to->server = server_tool_what(STR(CHAT_FAMILY), t.type);
        return RC_OK;
    }
    TRY(field_walk(d, v, rows, ARRAY_LEN(rows), &t, at));
    to->cache = t.cache;
    return read_function(d, kind == IR_TOOL_CUSTOM ? t.custom : t.function, at, to);
}

static enum rc read_tools(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    struct field_at here = {.up = at};
    struct json_iter it = json_iter(v);

    (void)to;
    if (!json_is(v, JSON_ARRAY))
        return field_bad(d, at, "must be an array", "invalid_type");
    for (; json_next(&it); here.index++)
        TRY(read_tool(d, it.val, &here));
    return RC_OK;
}

/* A search is not declared among the tools here, but it is one. */
static enum rc read_search(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    struct ir_tool *t;

    (void)to;
    if (!json_is(v, JSON_OBJECT))
        return field_bad(d, at, "must be an object", "invalid_type");
    TRY(add_tool(d, IR_TOOL_SERVER, v, &t));
    t->type = STR(CHAT_SEARCH);
    t->server = IR_SERVER_SEARCH;
    return RC_OK;
}

static enum rc read_functions(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    struct field_at here = {.up = at};
    struct json_iter it = json_iter(v);
    struct ir_tool *t;

    (void)to;
    if (!json_is(v, JSON_ARRAY))
        return field_bad(d, at, "must be an array", "invalid_type");
    for (; json_next(&it); here.index++) {
        TRY(add_tool(d, IR_TOOL_FUNCTION, it.val, &t));
        TRY(read_function(d, it.val, &here, t));
    }
    return field_unknown(d, NULL, STR("functions"), v); /* the answer comes as tool_calls: a loss */
}

static enum rc read_choice(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    struct ir_tool_choice *c = &((struct ir_request *)to)->choice;
    jtext name;

    if (json_str_is(v, STR("auto"))) {
        c->kind = IR_CHOICE_AUTO;
    } else if (json_str_is(v, STR("none"))) {
        c->kind = IR_CHOICE_NONE;
    } else if (json_str_is(v, STR("required")) || json_str_is(v, STR("any"))) {
        c->kind = IR_CHOICE_ANY;
    } else if (json_is(v, JSON_OBJECT)) {
        name = json_raw(json_path(v, "function", "name", NULL));
        if (!name.n)
            name = json_raw(json_path(v, "custom", "name", NULL));
        if (!name.n)
            name = json_raw(json_get_lit(v, "name")); /* legacy function_call */
        if (!name.n)                                  /* allowed_tools and what comes next */
            return field_unknown(d, NULL, STR("tool_choice"), v);
        c->kind = IR_CHOICE_NAMED;
        c->name = name;
    } else {
        return field_bad(d, at, "must be none, auto, required or an object naming a tool",
                         "invalid_value");
    }
    return RC_OK;
}

/* ---- reasoning, format, the rest ----------------------------------------------------------------
 */

static enum rc read_effort(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    struct ir_reasoning *r = &((struct ir_request *)to)->reasoning;
    jtext effort;

    TRY(field_text(d, v, at, &effort));
    if (str_eq(effort, STR("none"))) {
        r->mode = IR_THINK_OFF;
    } else {
        r->mode = IR_THINK_ON;
        r->effort = effort;
    }
    return RC_OK;
}

struct reasoning {
    jtext effort, summary;
    uint64_t max_tokens;
    enum ir_tri enabled;
};

static enum rc read_reasoning(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    static const struct field rows[] = {
        FIELD(effort, FIELD_TEXT, struct reasoning, effort),
        FIELD(summary, FIELD_TEXT, struct reasoning, summary),
        FIELD(max_tokens, FIELD_COUNT, struct reasoning, max_tokens),
        FIELD(enabled, FIELD_TRI, struct reasoning, enabled),
    };
    struct ir_reasoning *r = &((struct ir_request *)to)->reasoning;
    struct reasoning o = {0};

    TRY(field_walk(d, v, rows, ARRAY_LEN(rows), &o, at));
    r->mode = o.enabled == IR_NO || str_eq(o.effort, STR("none")) ? IR_THINK_OFF : IR_THINK_ON;
    if (r->mode == IR_THINK_ON)
        r->effort = o.effort;
    r->budget = o.max_tokens;
    r->summary = o.summary;
    return RC_OK;
}

struct thinking {
    jtext type;
    uint64_t budget;
};

static enum rc read_thinking(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    static const struct field rows[] = {
        FIELD(type, FIELD_TEXT, struct thinking, type),
        FIELD(budget_tokens, FIELD_COUNT, struct thinking, budget),
    };
    struct ir_reasoning *r = &((struct ir_request *)to)->reasoning;
    struct thinking t = {0};

    TRY(field_walk(d, v, rows, ARRAY_LEN(rows), &t, at));
    if (str_eq(t.type, STR("disabled")))
        r->mode = IR_THINK_OFF;
    else
        r->mode = str_eq(t.type, STR("adaptive")) ? IR_THINK_ADAPTIVE : IR_THINK_ON;
    r->budget = t.budget;
    return RC_OK;
}

static enum rc read_enable(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    bool yes;

    if (json_bool(v, &yes) != RC_OK)
        return field_bad(d, at, "must be true or false", "invalid_type");
    ((struct ir_request *)to)->reasoning.mode = yes ? IR_THINK_ON : IR_THINK_OFF;
    return RC_OK;
}

static enum rc read_format(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    static const struct field rows[] = {
        FIELD(name, FIELD_TEXT, struct ir_format, name),
        FIELD(description, FIELD_TEXT, struct ir_format, description),
        FIELD(schema, FIELD_VALUE, struct ir_format, schema),
        FIELD(strict, FIELD_TRI, struct ir_format, strict),
    };
    struct field_at here = {.up = at, .name = "json_schema", .index = -1};
    struct ir_format *f = &((struct ir_request *)to)->format;
    jval type = json_get_lit(v, "type");

    if (json_str_is(type, STR("text"))) {
        f->kind = IR_FORMAT_TEXT;
    } else if (json_str_is(type, STR("json_object"))) {
        f->kind = IR_FORMAT_JSON;
    } else if (json_str_is(type, STR("json_schema"))) {
        f->kind = IR_FORMAT_SCHEMA;
        TRY(field_walk(d, json_get_lit(v, "json_schema"), rows, ARRAY_LEN(rows), f, &here));
        if (!json_is(f->schema, JSON_OBJECT))
            return field_bad(d, &here, "schema must be an object", "missing_required_parameter");
    } else if (json_is(type, JSON_STRING)) {
        return field_unknown(d, NULL, STR("response_format"), v);
    } else {
        return field_bad(d, at, "needs a type", "missing_required_parameter");
    }
    return RC_OK;
}

static enum rc read_stop(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    return field_list(d, v, at, &((struct ir_request *)to)->stop);
}

static enum rc read_stream_options(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    static const struct field rows[] = {
        FIELD(include_usage, FIELD_BOOL, struct ir_request, include_usage),
        FIELD_SKIP(include_obfuscation),
    };

    return field_walk(d, v, rows, ARRAY_LEN(rows), to, at);
}

/* Members whose default says nothing: `store: false`, `modalities: ["text"]`. */
static enum rc read_store(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    (void)to;
    (void)at;
    return json_is(v, JSON_FALSE) ? RC_OK : field_unknown(d, NULL, STR("store"), v);
}

static enum rc read_modalities(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    struct json_iter it = json_iter(v);

    (void)to;
    (void)at;
    while (json_next(&it))
        if (!json_str_is(it.val, STR("text")))
            return field_unknown(d, NULL, STR("modalities"), v);
    return RC_OK;
}

static enum rc read_model(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    if (!json_is(v, JSON_STRING))
        return field_bad(d, at, "must be a string", "invalid_type");
    return json_str(v, d->arena, &((struct ir_request *)to)->model) == RC_OK ? RC_OK
                                                                             : field_nomem(d);
}

#define R struct ir_request
static const struct field request_rows[] = {
    FIELD_WITH(model, read_model),
    FIELD_WITH(messages, chat_read_messages),
    FIELD_WITH(tools, read_tools),
    FIELD_WITH(functions, read_functions),
    FIELD_WITH(web_search_options, read_search),
    FIELD_WITH(tool_choice, read_choice),
    FIELD_WITH(function_call, read_choice),
    FIELD(parallel_tool_calls, FIELD_TRI, R, choice.parallel),
    FIELD(stream, FIELD_BOOL, R, stream),
    FIELD_WITH(stream_options, read_stream_options),
    FIELD_SKIP(max_tokens), /* both below: the newer name wins */
    FIELD_SKIP(max_completion_tokens),
    FIELD(n, FIELD_COUNT, R, n),
    FIELD(temperature, FIELD_NUMBER, R, temperature),
    FIELD(top_p, FIELD_NUMBER, R, top_p),
    FIELD(top_k, FIELD_NUMBER, R, top_k),
    FIELD(min_p, FIELD_NUMBER, R, min_p),
    FIELD(frequency_penalty, FIELD_NUMBER, R, frequency_penalty),
    FIELD(presence_penalty, FIELD_NUMBER, R, presence_penalty),
    FIELD(repetition_penalty, FIELD_NUMBER, R, repetition_penalty),
    FIELD(seed, FIELD_NUMBER, R, seed),
    FIELD(logprobs, FIELD_TRI, R, logprobs),
    FIELD(top_logprobs, FIELD_NUMBER, R, top_logprobs),
    FIELD(logit_bias, FIELD_JSON, R, logit_bias),
    FIELD_WITH(stop, read_stop),
    FIELD_WITH(response_format, read_format),
    FIELD_WITH(reasoning_effort, read_effort),
    FIELD_WITH(reasoning, read_reasoning),
    FIELD_WITH(thinking, read_thinking),
    FIELD_WITH(enable_thinking, read_enable),
    FIELD(user, FIELD_TEXT, R, user),
    FIELD(safety_identifier, FIELD_TEXT, R, user),
    FIELD(metadata, FIELD_JSON, R, metadata),
    FIELD(service_tier, FIELD_TEXT, R, service_tier),
    FIELD(verbosity, FIELD_TEXT, R, verbosity),
    FIELD(prompt_cache_key, FIELD_TEXT, R, cache_key),
    FIELD_WITH(store, read_store),
    FIELD_WITH(modalities, read_modalities),
};
#undef R

/* ---- peek ---------------------------------------------------------------------------------------
 */

static bool asks_reasoning(jval root)
{
    jval effort = json_get_lit(root, "reasoning_effort"), r = json_get_lit(root, "reasoning");
    jtext type = json_raw(json_path(root, "thinking", "type", NULL));

    return (json_is(effort, JSON_STRING) && !json_str_is(effort, STR("none"))) ||
           (json_is(r, JSON_OBJECT) && !json_is(json_get_lit(r, "enabled"), JSON_FALSE) &&
            !json_str_is(json_get_lit(r, "effort"), STR("none"))) ||
           (type.n && !str_eq(type, STR("disabled")));
}

static enum rc peek_model(const struct field_peek *in, jval root, const struct front_route *route,
                          str *ret)
{
    struct buf b = {.max = route->model.n};

    if (route->model.n) { /* the path's, decoded: never longer */
        b.p = arena_alloc(in->a, route->model.n);
        b.cap = b.p ? route->model.n : 0;
        if (!b.p || url_decode(route->model, &b) != RC_OK)
            return fail_set(in->f, ERR_BAD_REQUEST, STR("The deployment's name is malformed."),
                            STR("model"), STR("invalid_value"));
        *ret = buf_str(&b);
        return RC_OK;
    }
    return field_peek_model(in, root, ret);
}

/* What a glance at the members of the whole says and refuses; the messages are not looked into. */
static enum rc peek_members(jval root, const struct front_route *route, struct arena *a,
                            struct ir_peek *p, struct fail *f)
{
    const struct field_peek in = {.a = a, .f = f, .voice = FIELD_VOICE_OPENAI};
    jval messages = json_get_lit(root, "messages");

    *p = (struct ir_peek){.n = 1};
    if (!json_is(root, JSON_OBJECT))
        return fail_set(f, ERR_BAD_REQUEST, STR("The body must be a JSON object."), STR_NONE,
                        STR("invalid_type"));
    TRY(peek_model(&in, root, route, &p->model));
    if (!json_is(messages, JSON_ARRAY))
        return field_peek_refuse(&in, "messages", FIELD_WANT_OBJECTS, messages);
    TRY(field_peek_bool(&in, root, "stream", &p->stream));
    TRY(field_peek_count(&in, root, "max_tokens", &p->max_tokens));
    TRY(field_peek_count(&in, root, "max_completion_tokens", &p->max_tokens));
    TRY(field_peek_count(&in, root, "n", &p->n));
    return field_peek_bool(&in, json_get_lit(root, "stream_options"), "include_usage",
                           &p->include_usage);
}

enum rc chat_peek(jval root, const struct front_route *route, struct arena *a, struct ir_peek *ret,
                  struct fail *f)
{
    struct json_iter it = json_iter(json_get_lit(root, "messages"));
    struct ir_peek p;

    TRY(peek_members(root, route, a, &p, f));
    for (; json_next(&it); p.messages++)
        field_peek_parts(json_get_lit(it.val, "content"), STR("image_url"), STR("file"), &p);
    p.has_tools = json_len(json_get_lit(root, "tools")) > 0;
    p.has_web_search = json_is(json_get_lit(root, "web_search_options"), JSON_OBJECT);
    p.thinks = asks_reasoning(root);
    p.user = json_raw(json_get_lit(root, "user"));
    *ret = p;
    return RC_OK;
}

/* ---- the whole ----------------------------------------------------------------------------------
 */

enum rc chat_decode_request(jval root, const struct front_route *route, struct arena *a,
                            struct ir_request *ret, struct fail *f)
{
    struct ir_request r;
    struct ir_peek peek;
    struct decoding d;

    TRY(peek_members(root, route, a, &peek, f));
    decoding_init(&d, a, &r, f);
    TRY(field_walk(&d, root, request_rows, ARRAY_LEN(request_rows), &r, NULL));
    r.family = STR(CHAT_FAMILY);
    r.max_tokens = peek.max_tokens;
    *ret = r;
    return RC_OK;
}
