/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bedrock_read.c - a Converse request to canonical form, and the glance at one.
 *
 * The model and whether to stream stand in the path. What only Claude or Nova take has its place in
 * additionalModelRequestFields; of that, what other languages can say is understood, under the
 * names that clients use for it.
 */
#include "dialect/bedrock_int.h"
#include "dialect/server_tool.h"

#include "http/url.h"

#define MESSAGES_MAX 1000000

/* ---- messages -----------------------------------------------------------------------------------
 */

static enum rc read_system(struct decoding *d, jval v)
{
    struct field_at at = {.name = "system", .index = -1};
    struct ir_message *m;

    if (json_is_nothing(v) || (json_is(v, JSON_ARRAY) && json_len(v) == 0))
        return RC_OK;
    m = ir_add_message(d->arena, &d->messages, IR_SYSTEM);
    if (!m)
        return field_nomem(d);
    return bedrock_read_content(d, v, &at, &m->tail);
}

struct message {
    jtext role;
    jval content;
};

static enum rc read_message(struct decoding *d, jval v, const struct field_at *at)
{
    static const struct field rows[] = {
        FIELD(role, FIELD_TEXT, struct message, role),
        FIELD(content, FIELD_VALUE, struct message, content),
    };
    struct field_at content_at = {.up = at, .name = "content", .index = -1};
    struct message m = {0};
    struct ir_message *to;
    bool assistant;

    TRY(field_walk(d, v, rows, ARRAY_LEN(rows), &m, at));
    assistant = str_eq(m.role, STR("assistant"));
    if (!assistant && !str_eq(m.role, STR("user")))
        return field_bad(d, at, "the role must be user or assistant", "invalid_value");
    to = ir_add_message(d->arena, &d->messages, assistant ? IR_ASSISTANT : IR_USER);
    if (!to)
        return field_nomem(d);
    return bedrock_read_content(d, m.content, &content_at, &to->tail);
}

static enum rc read_messages(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    struct field_at here = {.up = at};
    struct json_iter it = json_iter(v);

    (void)to;
    if (!json_is(v, JSON_ARRAY))
        return field_bad(d, at, "must be an array", "invalid_type");
    for (; json_next(&it); here.index++) {
        if (here.index == MESSAGES_MAX)
            return field_bad(d, at, "has too many messages", "array_above_max_length");
        TRY(read_message(d, it.val, &here));
    }
    return RC_OK;
}

/* ---- tools --------------------------------------------------------------------------------------
 */

struct spec {
    jtext name, description;
    jval schema;
    enum ir_tri strict;
};

static enum rc read_schema(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    static const struct field rows[] = {FIELD(json, FIELD_OBJECT, struct spec, schema)};

    return field_walk(d, v, rows, ARRAY_LEN(rows), to, at);
}

static enum rc read_spec(struct decoding *d, jval v, const struct field_at *at, struct ir_tool *t)
{
    static const struct field rows[] = {
        FIELD(name, FIELD_TEXT, struct spec, name),
        FIELD(description, FIELD_TEXT, struct spec, description),
        FIELD_WITH(inputSchema, read_schema),
        FIELD(strict, FIELD_TRI, struct spec, strict),
    };
    struct spec s = {0};

    TRY(field_walk(d, v, rows, ARRAY_LEN(rows), &s, at));
    if (!s.name.n)
        return field_bad(d, at, "a tool needs a name", "missing_required_parameter");
    t->name = s.name;
    t->description = s.description;
    t->schema = s.schema;
    t->strict = s.strict;
    return RC_OK;
}

static enum rc read_tool(struct decoding *d, jval v, const struct field_at *at,
                         struct ir_tool **last)
{
    jval spec = json_get_lit(v, "toolSpec"), point = json_get_lit(v, "cachePoint");
    struct ir_tool *t;

    if (!json_is(v, JSON_OBJECT))
        return field_bad(d, at, "must be an object", "invalid_type");
    if (json_is(point, JSON_OBJECT)) {
        if (*last)
            (*last)->cache = bedrock_read_cache(point);
        return RC_OK;
    }
    t = arena_new(d->arena, struct ir_tool);
    if (!t)
        return field_nomem(d);
    t->raw = json_text(v);
    *d->tools = *last = t;
    d->tools = &t->next;
    if (json_is(spec, JSON_OBJECT))
        return read_spec(d, spec, at, t);
    jval system = json_get_lit(v, "systemTool"); /* the provider runs it */
    t->kind = IR_TOOL_SERVER;
    if (json_is(system, JSON_OBJECT))
        t->raw = json_text(system); /* its options, where others look for theirs */
    t->name = json_raw(json_get_lit(system, "name"));
    t->type = t->name.n ? t->name : STR("systemTool");
    t->server = server_tool_what(STR("bedrock"), t->name);
    return RC_OK;
}

static enum rc read_tools(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    struct field_at here = {.up = at};
    struct json_iter it = json_iter(v);
    struct ir_tool *last = NULL;

    (void)to;
    if (!json_is(v, JSON_ARRAY))
        return field_bad(d, at, "must be an array", "invalid_type");
    for (; json_next(&it); here.index++)
        TRY(read_tool(d, it.val, &here, &last));
    return RC_OK;
}

static enum rc read_choice(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    struct ir_tool_choice *c = &((struct ir_request *)to)->choice;
    jtext name = json_raw(json_path(v, "tool", "name", NULL));

    if (json_is(json_get_lit(v, "auto"), JSON_OBJECT))
        c->kind = IR_CHOICE_AUTO;
    else if (json_is(json_get_lit(v, "any"), JSON_OBJECT))
        c->kind = IR_CHOICE_ANY;
    else if (name.n)
        c->kind = IR_CHOICE_NAMED;
    else
        return field_bad(d, at, "must be auto, any, or tool with a name", "invalid_value");
    c->name = name;
    return RC_OK;
}

static enum rc read_tool_config(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    static const struct field rows[] = {
        FIELD_WITH(tools, read_tools),
        FIELD_WITH(toolChoice, read_choice),
    };

    return field_walk(d, v, rows, ARRAY_LEN(rows), to, at);
}

/* ---- parameters ---------------------------------------------------------------------------------
 */

static enum rc read_stop(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    return field_list(d, v, at, &((struct ir_request *)to)->stop);
}

static enum rc read_inference(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    static const struct field rows[] = {
        FIELD(maxTokens, FIELD_COUNT, struct ir_request, max_tokens),
        FIELD(temperature, FIELD_NUMBER, struct ir_request, temperature),
        FIELD(topP, FIELD_NUMBER, struct ir_request, top_p),
        FIELD_WITH(stopSequences, read_stop),
    };

    return field_walk(d, v, rows, ARRAY_LEN(rows), to, at);
}

struct thinking {
    jtext type, display, effort;
    uint64_t budget;
};

/* Claude's thinking, Nova's reasoningConfig, and reasoning_config, which is an object or a word. */
static enum rc read_thinking(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    static const struct field rows[] = {
        FIELD(type, FIELD_TEXT, struct thinking, type),
        FIELD(display, FIELD_TEXT, struct thinking, display),
        FIELD(budget_tokens, FIELD_COUNT, struct thinking, budget),
        FIELD(maxReasoningEffort, FIELD_TEXT, struct thinking, effort),
    };
    struct ir_reasoning *r = &((struct ir_request *)to)->reasoning;
    struct thinking t = {0};

    if (json_is(v, JSON_STRING)) {
        r->mode = IR_THINK_ON;
        r->effort = json_raw(v);
        return RC_OK;
    }
    TRY(field_walk(d, v, rows, ARRAY_LEN(rows), &t, at));
    if (str_eq(t.type, STR("enabled")))
        r->mode = IR_THINK_ON;
    else if (str_eq(t.type, STR("adaptive")))
        r->mode = IR_THINK_ADAPTIVE;
    else if (str_eq(t.type, STR("disabled")))
        r->mode = IR_THINK_OFF;
    else
        return field_bad(d, at, "type must be enabled, adaptive or disabled", "invalid_value");
    r->budget = t.budget;
    r->summary = t.display;
    if (t.effort.n)
        r->effort = t.effort;
    return RC_OK;
}

static enum rc read_nova(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    static const struct field rows[] = {FIELD(topK, FIELD_NUMBER, struct ir_request, top_k)};

    return field_walk(d, v, rows, ARRAY_LEN(rows), to, at);
}

static enum rc read_output(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    static const struct field rows[] = {
        FIELD(effort, FIELD_TEXT, struct ir_request, reasoning.effort)};

    return field_walk(d, v, rows, ARRAY_LEN(rows), to, at);
}

static enum rc read_extra(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    static const struct field rows[] = {
        FIELD_WITH(thinking, read_thinking),
        FIELD_WITH(reasoning_config, read_thinking),
        FIELD_WITH(reasoningConfig, read_thinking),
        FIELD_WITH(output_config, read_output),
        FIELD_WITH(inferenceConfig, read_nova),
        FIELD(reasoning_effort, FIELD_TEXT, struct ir_request, reasoning.effort),
        FIELD(top_k, FIELD_NUMBER, struct ir_request, top_k),
    };

    return field_walk(d, v, rows, ARRAY_LEN(rows), to, at);
}

/* The schema is a string here; elsewhere it is a value, so it gets a document of its own. */
static enum rc read_format(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    jval schema = json_path(v, "textFormat", "structure", "jsonSchema", NULL);
    struct ir_format *f = &((struct ir_request *)to)->format;
    struct json_doc *doc = arena_new(d->arena, struct json_doc);
    str text;

    if (!json_is(json_get_lit(v, "textFormat"), JSON_OBJECT))
        return RC_OK;
    if (!doc || json_str(json_get_lit(schema, "schema"), d->arena, &text) == RC_NOMEM)
        return field_nomem(d);
    if (!json_is(json_get_lit(schema, "schema"), JSON_STRING) ||
        json_parse(d->arena, text, doc, NULL) != RC_OK || !json_is(json_root(doc), JSON_OBJECT))
        return field_bad(d, at, "textFormat needs a jsonSchema whose schema is the text of one",
                         "invalid_value");
    f->kind = IR_FORMAT_SCHEMA;
    f->name = json_raw(json_get_lit(schema, "name"));
    f->description = json_raw(json_get_lit(schema, "description"));
    f->schema = json_root(doc);
    return RC_OK;
}

static enum rc read_tier(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    static const struct field rows[] = {FIELD(type, FIELD_TEXT, struct ir_request, service_tier)};

    return field_walk(d, v, rows, ARRAY_LEN(rows), to, at);
}

#define R struct ir_request
static const struct field request_rows[] = {
    FIELD_WITH(messages, read_messages),
    FIELD_SKIP(system), /* read first, wherever it stands */
    FIELD_WITH(inferenceConfig, read_inference),
    FIELD_WITH(toolConfig, read_tool_config),
    FIELD_WITH(additionalModelRequestFields, read_extra),
    FIELD_WITH(outputConfig, read_format),
    FIELD_WITH(serviceTier, read_tier),
    FIELD(requestMetadata, FIELD_JSON, R, metadata),
};
#undef R

enum rc bedrock_decode_request(jval root, const struct front_route *route, struct arena *a,
                               struct ir_request *ret, struct fail *f)
{
    struct ir_request r;
    struct ir_peek peek;
    struct decoding d;

    TRY(bedrock_peek(root, route, a, &peek, f));
    decoding_init(&d, a, &r, f);
    TRY(read_system(&d, json_get_lit(root, "system")));
    TRY(field_walk(&d, root, request_rows, ARRAY_LEN(request_rows), &r, NULL));
    r.family = STR(BEDROCK_FAMILY);
    r.model = peek.model;
    r.stream = peek.stream;
    r.include_usage = true;
    *ret = r;
    return RC_OK;
}

/* ---- peek ---------------------------------------------------------------------------------------
 */

/* The path's model, percent-decoded. */
static enum rc peek_model(str encoded, struct arena *a, str *ret, struct fail *f)
{
    struct buf b = {.p = arena_alloc(a, encoded.n + 1), .cap = encoded.n, .max = encoded.n};

    if (!b.p)
        return RC_NOMEM;
    if (!encoded.n || url_decode(encoded, &b) != RC_OK || !buf_size(&b))
        return fail_set(f, ERR_BAD_REQUEST, STR("The path names no model: /model/MODEL/converse."),
                        STR("modelId"), STR("missing_required_parameter"));
    *ret = buf_str(&b);
    return RC_OK;
}

static void peek_blocks(jval content, struct ir_peek *p, unsigned depth)
{
    struct json_iter it = json_iter(content);

    if (!json_is(content, JSON_ARRAY))
        return;
    while (json_next(&it)) {
        p->has_images |= json_is(json_get_lit(it.val, "image"), JSON_OBJECT);
        p->has_documents |= json_is(json_get_lit(it.val, "document"), JSON_OBJECT);
        if (depth == 0)
            peek_blocks(json_path(it.val, "toolResult", "content", NULL), p, depth + 1);
    }
}

static bool peek_thinks(jval extra)
{
    static const char *const names[] = {"thinking", "reasoning_config", "reasoningConfig",
                                        "reasoning_effort"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        jval v = json_get(extra, str_c(names[i]));

        if (json_is(v, JSON_STRING) ||
            (json_is(v, JSON_OBJECT) && !json_str_is(json_get_lit(v, "type"), STR("disabled"))))
            return true;
    }
    return false;
}

enum rc bedrock_peek(jval root, const struct front_route *route, struct arena *a,
                     struct ir_peek *ret, struct fail *f)
{
    struct ir_peek p = {.n = 1, .include_usage = true, .stream = route->stream};
    const struct field_peek in = {.a = a, .f = f, .voice = FIELD_VOICE_ANTHROPIC};
    jval messages = json_get_lit(root, "messages");
    struct json_iter it = json_iter(messages);

    if (!json_is(root, JSON_OBJECT))
        return fail_set(f, ERR_BAD_REQUEST, STR("The body must be a JSON object."), STR_NONE,
                        STR("invalid_type"));
    TRY(peek_model(route->model, a, &p.model, f));
    if (!json_is_nothing(messages) && !json_is(messages, JSON_ARRAY))
        return field_peek_refuse(&in, "messages", FIELD_WANT_OBJECTS, messages);
    if (json_len(messages) == 0)
        return fail_set(f, ERR_BAD_REQUEST, STR("messages: at least one message is required"),
                        STR("messages"), STR("missing_required_parameter"));
    TRY(field_peek_count(&in, json_get_lit(root, "inferenceConfig"), "maxTokens", &p.max_tokens));
    for (; json_next(&it); p.messages++)
        peek_blocks(json_get_lit(it.val, "content"), &p, 0);
    for (it = json_iter(json_path(root, "toolConfig", "tools", NULL)); json_next(&it);) {
        p.has_tools = true;
        p.has_web_search |=
            json_str_is(json_path(it.val, "systemTool", "name", NULL), STR("nova_grounding"));
    }
    p.thinks = peek_thinks(json_get_lit(root, "additionalModelRequestFields"));
    *ret = p;
    return RC_OK;
}
