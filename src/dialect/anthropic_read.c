/* SPDX-License-Identifier: Apache-2.0 */
/*
 * anthropic_read.c - a Messages request to canonical form, and the glance at one.
 *
 * Both API versions (2023-06-01, 2026-10-21) have one body. `system` becomes the first message, and
 * messages of role system in mid-conversation, which Claude Code sends, stay where they are. Claude
 * Code's first system block, "x-anthropic-billing-header: …", is for Anthropic's eyes only and
 * never translated.
 */
#include "dialect/anthropic_int.h"
#include "dialect/server_tool.h"

#define MESSAGES_MAX 1000000
#define BILLING      "x-anthropic-billing-header:"

/* ---- messages -----------------------------------------------------------------------------------
 */

static enum rc read_system(struct decoding *d, jval v)
{
    struct field_at at = {.name = "system", .index = -1};
    struct ir_message *m;
    struct ir_block **b;

    if (json_is_nothing(v))
        return RC_OK;
    m = ir_add_message(d->arena, &d->messages, IR_SYSTEM);
    if (!m)
        return field_nomem(d);
    TRY(anthropic_read_content(d, v, &at, &m->tail));
    for (b = &m->blocks; *b; b = &(*b)->next)
        if ((*b)->kind == IR_TEXT && str_has_prefix((*b)->text.text, STR(BILLING))) {
            *b = (*b)->next;
            break;
        }
    if (!m->blocks) { /* nothing was said after all */
        d->messages = &d->request->messages;
        d->request->messages = NULL;
    }
    return RC_OK;
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
    enum ir_role role;

    TRY(field_walk(d, v, rows, ARRAY_LEN(rows), &m, at));
    if (str_eq(m.role, STR("user")))
        role = IR_USER;
    else if (str_eq(m.role, STR("assistant")))
        role = IR_ASSISTANT;
    else if (str_eq(m.role, STR("system")))
        role = IR_SYSTEM;
    else
        return field_bad(d, at, "the role must be user or assistant", "invalid_value");
    to = ir_add_message(d->arena, &d->messages, role);
    if (!to)
        return field_nomem(d);
    if (!json_has(m.content))
        return field_bad(d, &content_at, "a field is missing", "missing_required_parameter");
    return anthropic_read_content(d, m.content, &content_at, &to->tail);
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
    if (here.index == 0)
        return field_bad(d, at, "at least one message is required", "empty_array");
    return RC_OK;
}

/* ---- tools --------------------------------------------------------------------------------------
 */

static enum rc read_tool(struct decoding *d, jval v, const struct field_at *at)
{
    static const struct field rows[] = {
        FIELD(name, FIELD_TEXT, struct ir_tool, name),
        FIELD(description, FIELD_TEXT, struct ir_tool, description),
        FIELD(input_schema, FIELD_OBJECT, struct ir_tool, schema),
        FIELD(strict, FIELD_TRI, struct ir_tool, strict),
        FIELD(cache_control, FIELD_JSON, struct ir_tool, cache),
        FIELD_SKIP(type),
    };
    jtext type = json_raw(json_get_lit(v, "type"));
    struct ir_tool *t = arena_new(d->arena, struct ir_tool);

    if (!t)
        return field_nomem(d);
    t->raw = json_text(v);
    t->type = type;
    *d->tools = t;
    d->tools = &t->next;
    if (type.n && !str_eq(type, STR("custom"))) { /* the vendor's own: nothing in it is looked at */
        t->kind = IR_TOOL_SERVER;
        t->server = server_tool_what(STR(ANTHROPIC_FAMILY), type);
        t->name = json_raw(json_get_lit(v, "name"));
        return RC_OK;
    }
    TRY(field_walk(d, v, rows, ARRAY_LEN(rows), t, at));
    if (!t->name.n)
        return field_bad(d, at, "a tool needs a name", "missing_required_parameter");
    return RC_OK;
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

struct choice {
    jtext type, name;
    enum ir_tri disable;
};

static enum rc read_choice(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    static const struct field rows[] = {
        FIELD(type, FIELD_TEXT, struct choice, type),
        FIELD(name, FIELD_TEXT, struct choice, name),
        FIELD(disable_parallel_tool_use, FIELD_TRI, struct choice, disable),
    };
    struct ir_tool_choice *c = &((struct ir_request *)to)->choice;
    struct choice t = {0};

    TRY(field_walk(d, v, rows, ARRAY_LEN(rows), &t, at));
    if (str_eq(t.type, STR("auto")))
        c->kind = IR_CHOICE_AUTO;
    else if (str_eq(t.type, STR("any")))
        c->kind = IR_CHOICE_ANY;
    else if (str_eq(t.type, STR("none")))
        c->kind = IR_CHOICE_NONE;
    else if (str_eq(t.type, STR("tool")) && t.name.n)
        c->kind = IR_CHOICE_NAMED;
    else
        return field_bad(d, at, "type must be auto, any, none, or tool with a name",
                         "invalid_value");
    c->name = t.name;
    if (t.disable == IR_YES)
        c->parallel = IR_NO;
    return RC_OK;
}

/* ---- reasoning, format, the rest ----------------------------------------------------------------
 */

struct thinking {
    jtext type, display;
    uint64_t budget;
};

static enum rc read_thinking(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    static const struct field rows[] = {
        FIELD(type, FIELD_TEXT, struct thinking, type),
        FIELD(display, FIELD_TEXT, struct thinking, display),
        FIELD(budget_tokens, FIELD_COUNT, struct thinking, budget),
    };
    struct ir_reasoning *r = &((struct ir_request *)to)->reasoning;
    struct thinking t = {0};

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
    return RC_OK;
}

struct format {
    jtext type;
    jval schema;
};

static enum rc read_format(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    static const struct field rows[] = {
        FIELD(type, FIELD_TEXT, struct format, type),
        FIELD(schema, FIELD_VALUE, struct format, schema),
    };
    struct ir_format *f = &d->request->format;
    struct format t = {0};

    (void)to;
    TRY(field_walk(d, v, rows, ARRAY_LEN(rows), &t, at));
    if (!str_eq(t.type, STR("json_schema")) || !json_is(t.schema, JSON_OBJECT))
        return field_bad(d, at, "must be a json_schema with its schema", "invalid_value");
    f->kind = IR_FORMAT_SCHEMA;
    f->schema = t.schema;
    return RC_OK;
}

static enum rc read_output(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    static const struct field rows[] = {
        FIELD(effort, FIELD_TEXT, struct ir_request, reasoning.effort),
        FIELD_WITH(format, read_format),
    };

    return field_walk(d, v, rows, ARRAY_LEN(rows), to, at);
}

static enum rc read_metadata(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    static const struct field rows[] = {
        FIELD(user_id, FIELD_TEXT, struct ir_request, user),
    };

    return field_walk(d, v, rows, ARRAY_LEN(rows), to, at);
}

static enum rc read_stop(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    return field_list(d, v, at, &((struct ir_request *)to)->stop);
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
    FIELD_WITH(messages, read_messages),
    FIELD_SKIP(system), /* read first, wherever it stands */
    FIELD(max_tokens, FIELD_COUNT, R, max_tokens),
    FIELD_WITH(tools, read_tools),
    FIELD_WITH(tool_choice, read_choice),
    FIELD(stream, FIELD_BOOL, R, stream),
    FIELD(temperature, FIELD_NUMBER, R, temperature),
    FIELD(top_p, FIELD_NUMBER, R, top_p),
    FIELD(top_k, FIELD_NUMBER, R, top_k),
    FIELD_WITH(stop_sequences, read_stop),
    FIELD_WITH(thinking, read_thinking),
    FIELD_WITH(output_config, read_output),
    FIELD_WITH(output_format, read_format), /* its name while it was in beta */
    FIELD_WITH(metadata, read_metadata),
    FIELD(service_tier, FIELD_TEXT, R, service_tier),
    FIELD(context_management, FIELD_JSON, R, context_management),
    FIELD(cache_control, FIELD_JSON, R, cache),
};
#undef R

/* ---- peek ---------------------------------------------------------------------------------------
 */

static void peek_blocks(jval content, struct ir_peek *p, unsigned depth)
{
    struct json_iter it = json_iter(content);

    if (!json_is(content, JSON_ARRAY))
        return;
    while (json_next(&it)) {
        jtext type = json_raw(json_get_lit(it.val, "type"));

        p->has_images |= str_eq(type, STR("image"));
        p->has_documents |= str_eq(type, STR("document"));
        if (depth == 0 && str_eq(type, STR("tool_result")))
            peek_blocks(json_get_lit(it.val, "content"), p, depth + 1);
    }
}

static void peek_tools(jval tools, struct ir_peek *p)
{
    struct json_iter it = json_iter(tools);

    while (json_next(&it)) {
        p->has_tools = true;
        p->has_web_search |=
            str_has_prefix(json_raw(json_get_lit(it.val, "type")), STR("web_search_"));
    }
}

/* What a glance at the members of the whole says and refuses; the messages are not looked into. */
static enum rc peek_members(jval root, const struct front_route *route, struct arena *a,
                            struct ir_peek *p, struct fail *f)
{
    const struct field_peek in = {.a = a, .f = f, .voice = FIELD_VOICE_ANTHROPIC};
    jval messages = json_get_lit(root, "messages");

    *p = (struct ir_peek){.n = 1, .include_usage = true};
    if (!json_is(root, JSON_OBJECT))
        return fail_set(f, ERR_BAD_REQUEST, STR("The body must be a JSON object."), STR_NONE,
                        STR("invalid_type"));
    TRY(field_peek_model(&in, root, &p->model));
    if (!json_is(messages, JSON_ARRAY))
        return field_peek_refuse(&in, "messages", FIELD_WANT_OBJECTS, messages);
    TRY(field_peek_bool(&in, root, "stream", &p->stream));
    TRY(field_peek_count(&in, root, "max_tokens", &p->max_tokens));
    if (!p->max_tokens && route->op != FRONT_COUNT)
        return field_peek_refuse(&in, "max_tokens", FIELD_WANT_COUNT, JVAL_NONE);
    return RC_OK;
}

enum rc anthropic_peek(jval root, const struct front_route *route, struct arena *a,
                       struct ir_peek *ret, struct fail *f)
{
    struct json_iter it = json_iter(json_get_lit(root, "messages"));
    struct ir_peek p;
    jtext type;

    TRY(peek_members(root, route, a, &p, f));
    for (; json_next(&it); p.messages++)
        peek_blocks(json_get_lit(it.val, "content"), &p, 0);
    peek_tools(json_get_lit(root, "tools"), &p);
    type = json_raw(json_path(root, "thinking", "type", NULL));
    p.thinks = str_eq(type, STR("enabled")) || str_eq(type, STR("adaptive"));
    p.user = json_raw(json_path(root, "metadata", "user_id", NULL));
    *ret = p;
    return RC_OK;
}

/* ---- the whole ----------------------------------------------------------------------------------
 */

enum rc anthropic_decode_request(jval root, const struct front_route *route, struct arena *a,
                                 struct ir_request *ret, struct fail *f)
{
    struct ir_request r;
    struct ir_peek peek;
    struct decoding d;

    TRY(peek_members(root, route, a, &peek, f));
    decoding_init(&d, a, &r, f);
    TRY(read_system(&d, json_get_lit(root, "system")));
    TRY(field_walk(&d, root, request_rows, ARRAY_LEN(request_rows), &r, NULL));
    r.family = STR(ANTHROPIC_FAMILY);
    r.include_usage = true;
    *ret = r;
    return RC_OK;
}
