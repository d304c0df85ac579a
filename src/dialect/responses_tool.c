/* SPDX-License-Identifier: Apache-2.0 */
/*
 * responses_tool.c - tools of a Responses request, and what a model's call of one was.
 *
 * Functions are flat here: {"type":"function","name":…,"parameters":…}. A namespace, which Codex
 * uses, groups functions under a name; other languages have flat names only, so a tool inside goes
 * out as "space__name", and the encoder finds it again in the client's request when the model calls
 * it. Hosted tools (web_search, mcp …) are carried whole: only their own service runs them.
 */
#include "dialect/responses_int.h"
#include "dialect/server_tool.h"

#define NAME_MAX_LENGTH 64 /* of a tool, at OpenAI and most others */
#define SPACE_GAP       "__"

/* ---- names --------------------------------------------------------------------------------------
 */

static bool fits(jtext space, jtext name)
{
    return space.n && space.n + sizeof SPACE_GAP - 1 + name.n <= NAME_MAX_LENGTH;
}

jtext responses_flat_name(struct arena *a, jtext space, jtext name)
{
    return fits(space, name)
               ? arena_strf(a, STR_FMT SPACE_GAP STR_FMT, STR_ARG(space), STR_ARG(name))
               : name;
}

static bool is_flat_name(jtext flat, jtext space, jtext name)
{
    if (!fits(space, name))
        return str_eq(flat, name);
    return flat.n == space.n + sizeof SPACE_GAP - 1 + name.n && str_has_prefix(flat, space) &&
           str_has_suffix(flat, name) && str_has_prefix(str_from(flat, space.n), STR(SPACE_GAP));
}

static bool find_among(jval tools, jtext space, jtext flat, struct responses_called *ret)
{
    struct json_iter it = json_iter(tools);

    while (json_next(&it)) {
        jval type = json_get_lit(it.val, "type");
        jtext name = json_raw(json_get_lit(it.val, "name"));

        if (!space.n && json_str_is(type, STR("namespace"))) {
            if (name.n && find_among(json_get_lit(it.val, "tools"), name, flat, ret))
                return true;
        } else if (name.n && is_flat_name(flat, space, name)) {
            *ret = (struct responses_called){space, name, true, json_str_is(type, STR("custom"))};
            return true;
        }
    }
    return false;
}

struct responses_called responses_find_tool(jval request, jtext flat)
{
    struct responses_called found = {.name = flat};
    struct json_iter it = json_iter(json_get_lit(request, "input"));

    if (find_among(json_get_lit(request, "tools"), STR_NONE, flat, &found))
        return found;
    while (json_next(&it)) /* tools that were added on the way */
        if (json_str_is(json_get_lit(it.val, "type"), STR("additional_tools")) &&
            find_among(json_get_lit(it.val, "tools"), STR_NONE, flat, &found))
            return found;
    return found;
}

/* ---- declarations -------------------------------------------------------------------------------
 */

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

/* A function or a free-text tool. */
static enum rc read_own_tool(struct decoding *d, jval v, jtext space, const struct field_at *at,
                             struct ir_tool *t)
{
    static const struct field rows[] = {
        FIELD(type, FIELD_TEXT, struct ir_tool, type),
        FIELD(name, FIELD_TEXT, struct ir_tool, name),
        FIELD(description, FIELD_TEXT, struct ir_tool, description),
        FIELD(parameters, FIELD_OBJECT, struct ir_tool, schema),
        FIELD(strict, FIELD_TRI, struct ir_tool, strict),
        FIELD_SKIP(format),        /* of free-text tools: stays in raw */
        FIELD_SKIP(defer_loading), /* where tools are searched for: here all are told at once */
    };

    TRY(field_walk(d, v, rows, ARRAY_LEN(rows), t, at));
    if (!t->name.n)
        return field_bad(d, at, "a tool needs a name", "missing_required_parameter");
    t->name = responses_flat_name(d->arena, space, t->name);
    return t->name.p ? RC_OK : field_nomem(d);
}

static enum rc read_tool(struct decoding *d, jval v, jtext space, const struct field_at *at);

static enum rc read_list(struct decoding *d, jval v, jtext space, const struct field_at *at)
{
    struct field_at here = {.up = at};
    struct json_iter it = json_iter(v);

    if (!json_is(v, JSON_ARRAY))
        return field_bad(d, at, "must be an array", "invalid_type");
    for (; json_next(&it); here.index++)
        TRY(read_tool(d, it.val, space, &here));
    return RC_OK;
}

static enum rc read_space(struct decoding *d, jval v, const struct field_at *at)
{
    struct field_at tools_at = {.up = at, .name = "tools", .index = -1};
    jtext name = json_raw(json_get_lit(v, "name"));

    if (!name.n)
        return field_bad(d, at, "a namespace needs a name", "missing_required_parameter");
    return read_list(d, json_get_lit(v, "tools"), name, &tools_at);
}

static enum rc read_tool(struct decoding *d, jval v, jtext space, const struct field_at *at)
{
    jtext type = json_raw(json_get_lit(v, "type"));
    struct ir_tool *t;

    if (!json_is(v, JSON_OBJECT))
        return field_bad(d, at, "must be an object", "invalid_type");
    if (!type.n)
        return field_bad(d, at, "a tool needs a type", "missing_required_parameter");
    if (str_eq(type, STR("namespace")) && !space.n)
        return read_space(d, v, at);
    if (str_eq(type, STR("function")) || str_eq(type, STR("custom"))) {
        TRY(add_tool(d, str_eq(type, STR("custom")) ? IR_TOOL_CUSTOM : IR_TOOL_FUNCTION, v, &t));
        return read_own_tool(d, v, space, at, t);
    }
    TRY(add_tool(d, IR_TOOL_SERVER, v, &t)); /* the vendor's own: carried whole */
    t->type = type;
    if (!json_is(json_get_lit(v, "external_web_access"), JSON_FALSE)) /* others would go online */
        t->server = server_tool_what(STR(RESPONSES_FAMILY), type);
    return RC_OK;
}

enum rc responses_read_tools(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    (void)to;
    return read_list(d, v, STR_NONE, at);
}

/* ---- the choice ---------------------------------------------------------------------------------
 */

enum rc responses_read_choice(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    struct ir_tool_choice *c = &((struct ir_request *)to)->choice;
    jval type = json_get_lit(v, "type");

    if (json_str_is(v, STR("auto"))) {
        c->kind = IR_CHOICE_AUTO;
    } else if (json_str_is(v, STR("none"))) {
        c->kind = IR_CHOICE_NONE;
    } else if (json_str_is(v, STR("required"))) {
        c->kind = IR_CHOICE_ANY;
    } else if (json_is(v, JSON_OBJECT)) {
        c->name = json_raw(json_get_lit(v, "name"));
        if (server_tool_what(STR(RESPONSES_FAMILY), json_raw(type)) != IR_SERVER_OTHER) {
            c->kind = IR_CHOICE_NAMED; /* these have no name but their type */
            c->name = json_raw(type);
            return RC_OK;
        }
        if (!c->name.n ||
            (!json_str_is(type, STR("function")) && !json_str_is(type, STR("custom")))) {
            c->name = STR_NONE; /* another hosted tool, allowed_tools, and what comes next */
            return field_unknown(d, NULL, STR("tool_choice"), v);
        }
        c->kind = IR_CHOICE_NAMED;
        c->name = responses_flat_name(d->arena, json_raw(json_get_lit(v, "namespace")), c->name);
        return c->name.p ? RC_OK : field_nomem(d);
    } else {
        return field_bad(d, at, "must be none, auto, required or an object naming a tool",
                         "invalid_value");
    }
    return RC_OK;
}
