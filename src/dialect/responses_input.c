/* SPDX-License-Identifier: Apache-2.0 */
/*
 * responses_input.c - the items of a Responses request to turns.
 *
 *     reasoning  message(assistant)  function_call  function_call   →  one assistant turn
 *     function_call_output  function_call_output                    →  a result each
 *     message(user)                                                 →  a user turn
 *
 * What an assistant did lies in neighbouring items; other languages want it in one turn, above all
 * parallel calls. A turn holds one message item at most: a second one begins another turn, as does
 * the reasoning before it, so that what was said apart stays apart.
 *
 * Items of hosted tools are carried whole. An item_reference points to what only OpenAI's service
 * keeps: it can't be translated, and leaving it out would change the conversation, so it is
 * refused.
 */
#include "dialect/responses_int.h"
#include "dialect/seal.h"

#define ITEMS_MAX 1000000
#define GAP       "\\n\\n" /* between the parts of a summary; escaped */

struct turns {
    struct decoding *d;
    struct ir_message *turn; /* the assistant's under way, or NULL */
    bool spoken;             /* it holds a message item already */
};

static enum rc new_message(struct turns *t, enum ir_role role, struct ir_message **ret)
{
    *ret = ir_add_message(t->d->arena, &t->d->messages, role);
    t->turn = role == IR_ASSISTANT ? *ret : NULL;
    t->spoken = false;
    return *ret ? RC_OK : field_nomem(t->d);
}

static enum rc need_turn(struct turns *t, bool again)
{
    struct ir_message *m;

    return !t->turn || again ? new_message(t, IR_ASSISTANT, &m) : RC_OK;
}

static enum rc add_to(struct turns *t, struct ir_message *m, enum ir_kind kind, jval v,
                      struct ir_block **ret)
{
    struct ir_block *b = ir_add_block(t->d->arena, &m->tail, kind);

    if (!b)
        return field_nomem(t->d);
    b->raw = json_text(v);
    *ret = b;
    return RC_OK;
}

/* ---- messages -----------------------------------------------------------------------------------
 */

struct message {
    jtext role;
    jval content;
};

static const struct {
    str name;
    enum ir_role role;
} roles[] = {
    {STR("user"), IR_USER},
    {STR("assistant"), IR_ASSISTANT},
    {STR("system"), IR_SYSTEM},
    {STR("developer"), IR_DEVELOPER},
};

static enum rc read_role(struct decoding *d, jtext role, const struct field_at *at,
                         enum ir_role *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(roles); i++)
        if (str_eq(role, roles[i].name)) {
            *ret = roles[i].role;
            return RC_OK;
        }
    return field_bad(d, at, "the role must be user, assistant, system or developer",
                     "invalid_value");
}

static enum rc read_message(struct turns *t, jval v, const struct field_at *at)
{
    static const struct field rows[] = {
        FIELD(role, FIELD_TEXT, struct message, role),
        FIELD(content, FIELD_VALUE, struct message, content),
        FIELD_SKIP(type),
        FIELD_SKIP(id),
        FIELD_SKIP(status),
    };
    struct field_at content_at = {.up = at, .name = "content", .index = -1};
    struct message m = {0};
    struct ir_message *to;
    enum ir_role role = IR_USER;

    TRY(field_walk(t->d, v, rows, ARRAY_LEN(rows), &m, at));
    TRY(read_role(t->d, m.role, at, &role));
    if (role == IR_ASSISTANT) {
        TRY(need_turn(t, t->spoken));
        t->spoken = true;
        to = t->turn;
    } else {
        TRY(new_message(t, role, &to));
    }
    return responses_read_content(t->d, m.content, &content_at, &to->tail);
}

/* ---- reasoning ----------------------------------------------------------------------------------
 */

/* All texts of a list of parts as one, by reference where there is only one. */
static enum rc join_texts(struct decoding *d, jval list, jtext *ret)
{
    struct json_iter it = json_iter(list);
    jtext all = STR_NONE;

    while (json_next(&it)) {
        jtext text = json_raw(json_get_lit(it.val, "text"));

        if (!text.n)
            continue;
        all = all.n ? arena_strf(d->arena, STR_FMT GAP STR_FMT, STR_ARG(all), STR_ARG(text)) : text;
        if (!all.p)
            return field_nomem(d);
    }
    *ret = all;
    return RC_OK;
}

static enum rc read_reasoning(struct turns *t, jval v, const struct field_at *at)
{
    jtext seal = json_raw(json_get_lit(v, "encrypted_content")), text = STR_NONE, maker;
    bool redacted = str_has_prefix(seal, STR(RESPONSES_REDACTED));
    struct ir_block *b = NULL;

    (void)at;
    TRY(join_texts(t->d, json_get_lit(v, "summary"), &text));
    if (!text.n)
        TRY(join_texts(t->d, json_get_lit(v, "content"), &text));
    if (!text.n && !seal.n)
        return RC_OK; /* an empty one says nothing, and its service alone knows the id */
    if (redacted)
        seal = str_from(seal, sizeof RESPONSES_REDACTED - 1);
    maker = seal_maker(&seal);
    TRY(need_turn(t, t->spoken));
    TRY(add_to(t, t->turn, redacted ? IR_REDACTED : IR_THINKING, v, &b));
    b->thinking.text = redacted ? seal : text.n ? text : STR("");
    if (!seal.n)
        return RC_OK;
    b->thinking.format = maker.n ? maker : STR(SEAL_OPENAI);
    if (!redacted)
        b->thinking.signature = seal;
    return RC_OK;
}

/* ---- calls and results --------------------------------------------------------------------------
 */

struct call {
    jtext id, call_id, name, space, input;
    jval arguments;
};

static enum rc read_arguments(struct decoding *d, jval v, const struct field_at *at, str *ret)
{
    str s;

    if (json_is(v, JSON_OBJECT)) { /* lenient: an object where a string belongs */
        *ret = json_text(v);
        return RC_OK;
    }
    if (json_is_nothing(v)) {
        *ret = STR("{}");
        return RC_OK;
    }
    if (!json_is(v, JSON_STRING))
        return field_bad(d, at, "arguments must be a string", "invalid_type");
    if (json_str(v, d->arena, &s) != RC_OK)
        return field_nomem(d);
    *ret = str_trim(s).n ? s : STR("{}");
    return RC_OK;
}

static enum rc read_call(struct turns *t, jval v, const struct field_at *at)
{
    static const struct field rows[] = {
        FIELD(id, FIELD_TEXT, struct call, id),
        FIELD(call_id, FIELD_TEXT, struct call, call_id),
        FIELD(name, FIELD_TEXT, struct call, name),
        FIELD(namespace, FIELD_TEXT, struct call, space),
        FIELD(input, FIELD_TEXT, struct call, input),
        FIELD(arguments, FIELD_VALUE, struct call, arguments),
        FIELD_SKIP(type),
        FIELD_SKIP(status),
        FIELD_SKIP(caller), /* "direct": says who called, which a translation repeats */
    };
    struct call c = {0};
    struct ir_block *b = NULL;

    TRY(field_walk(t->d, v, rows, ARRAY_LEN(rows), &c, at));
    if (!c.name.n)
        return field_bad(t->d, at, "a call needs a name", "missing_required_parameter");
    TRY(need_turn(t, false));
    TRY(add_to(t, t->turn, IR_TOOL_USE, v, &b));
    b->use.id = c.call_id.n ? c.call_id : c.id;
    b->use.name = responses_flat_name(t->d->arena, c.space, c.name);
    if (!b->use.name.p)
        return field_nomem(t->d);
    b->is_custom = json_str_is(json_get_lit(v, "type"), STR("custom_tool_call"));
    if (!b->is_custom)
        return read_arguments(t->d, c.arguments, at, &b->use.args);
    b->use.args = c.input.p ? c.input : STR("");
    return RC_OK;
}

struct result {
    jtext id;
    jval output;
};

static enum rc read_result(struct turns *t, jval v, const struct field_at *at)
{
    static const struct field rows[] = {
        FIELD(call_id, FIELD_TEXT, struct result, id),
        FIELD(output, FIELD_VALUE, struct result, output),
        FIELD_SKIP(type),
        FIELD_SKIP(id),
        FIELD_SKIP(status),
        FIELD_SKIP(caller),
    };
    struct field_at output_at = {.up = at, .name = "output", .index = -1};
    struct ir_block *b = NULL, **tail;
    struct ir_message *m;
    struct result r = {0};

    TRY(field_walk(t->d, v, rows, ARRAY_LEN(rows), &r, at));
    if (!r.id.n)
        return field_bad(t->d, at, "an output needs the call_id it answers",
                         "missing_required_parameter");
    TRY(new_message(t, IR_TOOL, &m));
    TRY(add_to(t, m, IR_TOOL_RESULT, v, &b));
    b->result.id = r.id;
    tail = &b->result.content;
    return responses_read_content(t->d, r.output, &output_at, &tail);
}

/* ---- items --------------------------------------------------------------------------------------
 */

static enum rc read_reference(struct turns *t, jval v, const struct field_at *at)
{
    (void)v;
    (void)field_bad(t->d, at,
                    "item_reference points to an item that only the provider keeps, and this model "
                    "is served by another API: send the item itself",
                    "unsupported_parameter");
    t->d->fail->kind = ERR_UNSUPPORTED;
    return RC_SYNTAX;
}

static enum rc read_added_tools(struct turns *t, jval v, const struct field_at *at)
{
    struct field_at tools_at = {.up = at, .name = "tools", .index = -1};

    return responses_read_tools(t->d, json_get_lit(v, "tools"), NULL, &tools_at);
}

/* A hosted tool's: what it did, or what came of it. Nothing in it is looked at. */
static enum rc read_hosted(struct turns *t, jval v, const struct field_at *at)
{
    struct ir_block *b = NULL;

    (void)at;
    TRY(need_turn(t, false));
    TRY(add_to(t, t->turn, IR_OPAQUE, v, &b));
    b->opaque.type = json_raw(json_get_lit(v, "type"));
    b->opaque.id = json_raw(json_get_lit(v, "id"));
    b->opaque.name = json_raw(json_get_lit(v, "name"));
    return RC_OK;
}

static const struct {
    str type;
    enum rc (*read)(struct turns *t, jval v, const struct field_at *at);
} items[] = {
    {STR("message"), read_message},
    {STR("function_call"), read_call},
    {STR("function_call_output"), read_result},
    {STR("reasoning"), read_reasoning},
    {STR("custom_tool_call"), read_call},
    {STR("custom_tool_call_output"), read_result},
    {STR("item_reference"), read_reference},
    {STR("additional_tools"), read_added_tools},
};

static enum rc read_item(struct turns *t, jval v, const struct field_at *at)
{
    jtext type = json_raw(json_get_lit(v, "type"));

    if (!json_is(v, JSON_OBJECT))
        return field_bad(t->d, at, "must be an object", "invalid_type");
    if (!type.n && json_has(json_get_lit(v, "role"))) /* the short form of a message */
        return read_message(t, v, at);
    if (!type.n && json_has(json_get_lit(v, "id")))
        return read_reference(t, v, at); /* … and of a reference */
    if (!type.n)
        return field_bad(t->d, at, "an item needs a type", "missing_required_parameter");
    for (size_t i = 0; i < ARRAY_LEN(items); i++)
        if (str_eq(type, items[i].type))
            return items[i].read(t, v, at);
    return read_hosted(t, v, at);
}

enum rc responses_read_input(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    struct turns t = {.d = d};
    struct field_at here = {.up = at};
    struct json_iter it = json_iter(v);
    struct ir_message *m;

    (void)to;
    if (json_is(v, JSON_STRING)) {
        TRY(new_message(&t, IR_USER, &m));
        return responses_read_content(d, v, at, &m->tail);
    }
    if (!json_is(v, JSON_ARRAY))
        return field_bad(d, at, "must be a string or an array of items", "invalid_type");
    for (; json_next(&it); here.index++) {
        if (here.index == ITEMS_MAX)
            return field_bad(d, at, "has too many items", "array_above_max_length");
        TRY(read_item(&t, it.val, &here));
    }
    return RC_OK;
}
