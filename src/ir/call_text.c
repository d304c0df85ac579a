/* SPDX-License-Identifier: Apache-2.0 */
/* call_text - see the header. */
#include "ir/call_text.h"

#include "base/mem.h"
#include "json/mend.h"
#include "json/write.h"

#define ARGS_MAX (1u << 20)

void call_text_init(struct call_reading *r)
{
    *r = (struct call_reading){.mended = BUF_INIT(ARGS_MAX), .args = BUF_INIT(ARGS_MAX)};
}

void call_text_fini(struct call_reading *r)
{
    mem_free(r->nodes);
    buf_fini(&r->mended);
    buf_fini(&r->args);
    r->nodes = NULL;
}

static const struct ir_tool *find_tool(const struct ir_tool *tools, str name)
{
    for (const struct ir_tool *t = tools; t; t = t->next)
        if (t->kind == IR_TOOL_FUNCTION && str_eq(t->name, name))
            return t;
    return NULL;
}

static bool has_required(const struct ir_tool *t, jval args)
{
    struct json_iter it = json_iter(json_get_lit(t->schema, "required"));
    while (json_next(&it)) {
        struct json_iter have = json_iter(args);
        bool found = false;
        while (!found && json_next(&have))
            found = str_eq(json_raw(have.key), json_raw(it.val));
        if (!found)
            return false;
    }
    return true;
}

/* ---- JSON */

/* Mend the object at the front of *text, and parse it. */
static bool next_object(struct call_reading *r, str *text, struct json_doc *doc)
{
    struct json_mend m;
    json_mend_init(&m);
    buf_clear(&r->mended);
    size_t n = json_mend_feed(&m, *text, &r->mended);
    json_mend_end(&m, &r->mended);
    *text = str_from(*text, n);
    if (!r->nodes)
        r->nodes = mem_alloc(CALL_TEXT_NODES * sizeof(*r->nodes));
    return r->nodes && !r->mended.failed &&
           json_parse_into(r->nodes, CALL_TEXT_NODES, buf_str(&r->mended), doc, NULL) == RC_OK;
}

static jval first_of(jval v, const char *const *keys)
{
    jval found = JVAL_NONE;
    for (; *keys && !json_has(found); keys++)
        found = json_get(v, str_c(*keys));
    return found;
}

/* Put JSON text of an object onto r->args and check it against the tool. */
static bool take_args(struct call_reading *r, const struct ir_tool *t, jval args)
{
    struct call_text *c = &r->calls[r->n];
    if (r->n == CALL_TEXT_CALLS || !json_is(args, JSON_OBJECT) || !has_required(t, args))
        return false;
    *c = (struct call_text){.tool = t, .at = buf_size(&r->args)};
    buf_add(&r->args, json_text(args));
    c->len = buf_size(&r->args) - c->at;
    r->n++;
    return !r->args.failed;
}

/* Arguments in a string: JSON within JSON. The nodes are used anew. */
static bool take_string(struct call_reading *r, const struct ir_tool *t, jval v)
{
    struct buf plain = BUF_INIT(ARGS_MAX);
    struct json_doc doc;
    bool ok = json_unescape(&plain, json_raw(v)) == RC_OK;
    str text = buf_str(&plain);
    ok = ok && next_object(r, &text, &doc) && take_args(r, t, json_root(&doc));
    buf_fini(&plain);
    return ok;
}

static bool take_object(struct call_reading *r, jval v, const struct ir_tool *tools)
{
    static const char *const name_keys[] = {"name", "tool_name", "tool", NULL};
    static const char *const args_keys[] = {"arguments", "parameters", "input", "args", NULL};
    jval inner = json_get_lit(v, "function");
    jval call = json_is(inner, JSON_OBJECT) ? inner : v;
    jval name = json_is(inner, JSON_STRING) ? inner : first_of(call, name_keys);
    const struct ir_tool *t = find_tool(tools, json_raw(name));
    jval args = first_of(call, args_keys);
    if (!t || !json_is(name, JSON_STRING))
        return false;
    if (json_is(args, JSON_STRING))
        return take_string(r, t, args);
    if (json_has(args))
        return take_args(r, t, args);
    struct json_doc none;
    str empty = STR("{}");
    return next_object(r, &empty, &none) && take_args(r, t, json_root(&none));
}

/* ---- <function=name> */

static const char *type_of(const struct ir_tool *t, str key)
{
    jval type = json_get_lit(json_get(json_get_lit(t->schema, "properties"), key), "type");
    return json_str_is(type, STR("string")) ? "string" : "";
}

static bool is_json(str text)
{
    struct json_node nodes[256];
    struct json_doc doc;
    return json_parse_into(nodes, 256, text, &doc, NULL) == RC_OK;
}

/* <parameter=key>\nvalue\n</parameter>, again and again, as an object. */
static bool take_parameters(struct call_reading *r, const struct ir_tool *t, str body)
{
    struct buf object = BUF_INIT(ARGS_MAX);
    struct json_doc doc;
    size_t at;
    buf_add_char(&object, '{');
    while ((at = str_find(body, STR("<parameter="))) != SIZE_MAX) {
        body = str_from(body, at + 11);
        size_t gt = str_find_char(body, '>'), end = str_find(body, STR("</parameter>"));
        if (gt == SIZE_MAX || end == SIZE_MAX || gt > end)
            break;
        str key = call_text_trim(str_head(body, gt)),
            value = call_text_trim(str_of(body.p + gt + 1, end - gt - 1));
        if (buf_size(&object) > 1)
            buf_add_char(&object, ',');
        buf_add_char(&object, '"');
        json_escape(&object, key);
        buf_lit(&object, "\":");
        bool raw = !*type_of(t, key) && is_json(value);
        if (!raw)
            buf_add_char(&object, '"');
        raw ? buf_add(&object, value) : json_escape(&object, value);
        if (!raw)
            buf_add_char(&object, '"');
        body = str_from(body, end + 12);
    }
    buf_add_char(&object, '}');
    str text = buf_str(&object);
    bool ok = !object.failed && next_object(r, &text, &doc) && take_args(r, t, json_root(&doc));
    buf_fini(&object);
    return ok;
}

static bool take_function(struct call_reading *r, str *text, const struct ir_tool *tools)
{
    str rest = str_from(*text, STR("<function=").n);
    size_t gt = str_find_char(rest, '>'), end = str_find(rest, STR("</function>"));
    struct json_doc doc;
    if (gt == SIZE_MAX || (end != SIZE_MAX && gt > end))
        return false;
    str body = end == SIZE_MAX ? str_from(rest, gt + 1) : str_of(rest.p + gt + 1, end - gt - 1);
    str name = call_text_trim(str_head(rest, gt));
    const struct ir_tool *t = find_tool(tools, name);
    *text = end == SIZE_MAX ? STR("") : str_from(rest, end + STR("</function>").n);
    if (!t)
        return false;
    body = call_text_trim(body);
    if (!body.n || body.p[0] != '{')
        return take_parameters(r, t, body);
    return next_object(r, &body, &doc) && take_args(r, t, json_root(&doc));
}

/* ---- all of it */

bool call_text_read(struct call_reading *r, str text, const struct ir_tool *tools)
{
    static const char between[] = " \t\r\n,;[]`";
    r->n = 0;
    buf_clear(&r->args);
    while (text.n) {
        struct json_doc doc;
        if (strchr(between, text.p[0]) && text.p[0]) {
            text = str_from(text, 1);
        } else if (str_has_prefix(text, STR("json")) && !r->n) { /* of a fence */
            text = str_from(text, 4);
        } else if (str_has_prefix(text, STR("<function="))) {
            if (!take_function(r, &text, tools))
                return false;
        } else if (text.p[0] == '{') {
            if (!next_object(r, &text, &doc) || !take_object(r, json_root(&doc), tools))
                return false;
        } else {
            return false;
        }
    }
    return r->n != 0;
}
