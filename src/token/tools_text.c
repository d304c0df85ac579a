/* SPDX-License-Identifier: Apache-2.0 */
/* tools_text - JSON Schema to TypeScript, and JSON without blanks; see the header. */
#include "token/tools_text.h"

static void say(struct buf *to, str s)
{
    buf_add(to, s);
}

/* The text of a JSON string as the model reads it. What cannot be undone is left as it is. */
static void say_text(struct buf *to, jtext t)
{
    if (str_find_char(t, '\\') == SIZE_MAX || json_unescape(to, t) != RC_OK)
        buf_add(to, t);
}

/* Each line behind two slashes. */
static void say_remark(struct buf *to, jtext text)
{
    struct buf plain = BUF_INIT(to->max);

    say_text(&plain, text);
    for (str rest = buf_str(&plain); rest.p && rest.n;) {
        say(to, STR("// "));
        say(to, str_cut(&rest, '\n'));
        say(to, STR("\n"));
    }
    buf_fini(&plain);
}

static bool is_required(jval schema, str key)
{
    struct json_iter it = json_iter(json_get_lit(schema, "required"));

    while (json_next(&it))
        if (str_eq(json_raw(it.val), key))
            return true;
    return false;
}

static void say_type(jval schema, struct buf *to, unsigned depth);

/* "a" | "b" | 3 */
static void say_values(jval list, struct buf *to)
{
    struct json_iter it = json_iter(list);

    for (bool first = true; json_next(&it); first = false) {
        if (!first)
            say(to, STR(" | "));
        tools_text_squeeze(json_text(it.val), to);
    }
}

static void say_variants(jval list, struct buf *to, unsigned depth)
{
    struct json_iter it = json_iter(list);

    for (bool first = true; json_next(&it); first = false) {
        if (!first)
            say(to, STR(" | "));
        say_type(it.val, to, depth);
    }
}

static str type_name(jval type)
{
    str s = json_raw(type);

    return str_eq(s, STR("integer")) ? STR("number") : s;
}

static void say_default(jval schema, struct buf *to)
{
    jval v = json_get_lit(schema, "default");

    if (!json_has(v))
        return;
    say(to, STR(" // default: "));
    if (json_is(v, JSON_STRING) && json_has(json_get_lit(schema, "enum")))
        say_text(to, json_raw(v));
    else
        tools_text_squeeze(json_text(v), to);
}

static void say_properties(jval schema, struct buf *to, unsigned depth)
{
    struct json_iter it = json_iter(json_get_lit(schema, "properties"));

    while (json_next(&it)) {
        jval title = json_get_lit(it.val, "title"), about = json_get_lit(it.val, "description");

        if (json_is(title, JSON_STRING)) {
            say_remark(to, json_raw(title));
            say(to, STR("//\n"));
        }
        if (json_is(about, JSON_STRING))
            say_remark(to, json_raw(about));
        say_text(to, json_raw(it.key));
        say(to, is_required(schema, json_raw(it.key)) ? STR(": ") : STR("?: "));
        say_type(it.val, to, depth);
        say(to, STR(","));
        say_default(it.val, to);
        say(to, STR("\n"));
    }
}

static void say_object(jval schema, struct buf *to, unsigned depth)
{
    if (json_len(json_get_lit(schema, "properties")) == 0) {
        say(to, STR("object"));
        return;
    }
    say(to, STR("{\n"));
    say_properties(schema, to, depth);
    say(to, STR("}"));
}

static void say_type(jval schema, struct buf *to, unsigned depth)
{
    jval type = json_get_lit(schema, "type"), any = json_get_lit(schema, "anyOf");
    struct json_iter it = json_iter(type);

    any = json_has(any) ? any : json_get_lit(schema, "oneOf");
    if (depth == 0 || !json_is(schema, JSON_OBJECT)) {
        say(to, STR("any"));
    } else if (json_is(any, JSON_ARRAY)) {
        say_variants(any, to, depth - 1);
    } else if (json_is(type, JSON_ARRAY)) {
        for (bool first = true; json_next(&it); first = false) {
            say(to, first ? STR("") : STR(" | "));
            say(to, type_name(it.val));
        }
    } else if (json_is(json_get_lit(schema, "enum"), JSON_ARRAY)) {
        say_values(json_get_lit(schema, "enum"), to);
    } else if (json_has(json_get_lit(schema, "const"))) {
        tools_text_squeeze(json_text(json_get_lit(schema, "const")), to);
    } else if (json_str_is(type, STR("array"))) {
        say_type(json_get_lit(schema, "items"), to, depth - 1);
        say(to, STR("[]"));
    } else if (json_str_is(type, STR("object")) || json_has(json_get_lit(schema, "properties"))) {
        say_object(schema, to, depth - 1);
    } else {
        say(to, json_is(type, JSON_STRING) ? type_name(type) : STR("any"));
    }
}

static void say_function(const struct ir_tool *t, struct buf *to)
{
    if (t->description.n)
        say_remark(to, t->description);
    say(to, STR("type "));
    say_text(to, t->name);
    if (json_len(json_get_lit(t->schema, "properties"))) {
        say(to, STR(" = (_: {\n"));
        say_properties(t->schema, to, TOOLS_TEXT_DEPTH);
        say(to, STR("}) => any;\n\n"));
    } else {
        say(to, STR(" = () => any;\n\n"));
    }
}

void tools_text_ts(const struct ir_tool *tools, struct buf *to)
{
    say(to, STR("namespace functions {\n\n"));
    for (const struct ir_tool *t = tools; t; t = t->next) {
        if (t->kind == IR_TOOL_FUNCTION)
            say_function(t, to);
        else
            tools_text_squeeze(t->raw, to);
    }
    say(to, STR("} // namespace functions"));
}

void tools_text_json(const struct ir_tool *tool, struct buf *to)
{
    if (tool->kind != IR_TOOL_FUNCTION && tool->raw.n) {
        tools_text_squeeze(tool->raw, to);
        return;
    }
    say(to, STR("{\"name\":\""));
    say(to, tool->name);
    say(to, STR("\",\"description\":\""));
    say(to, tool->description);
    say(to, STR("\",\"parameters\":"));
    tools_text_squeeze(json_has(tool->schema) ? json_text(tool->schema) : STR("{}"), to);
    say(to, STR("}"));
}

/* ---- words */

static void say_word(struct buf *to, jtext word)
{
    if (word.n == 0)
        return;
    say_text(to, word);
    buf_add_char(to, '\0');
}

static void say_list(struct buf *to, jval list)
{
    struct json_iter it = json_iter(list);

    while (json_next(&it))
        say_word(to, json_is(it.val, JSON_STRING) ? json_raw(it.val) : json_text(it.val));
}

/* The keywords that models are told of. Others ("additionalProperties", "$schema") are left out on
 * the way. */
static void say_schema_words(jval schema, struct buf *to, unsigned depth)
{
    struct json_iter it = json_iter(json_get_lit(schema, "properties"));

    if (depth == 0 || !json_is(schema, JSON_OBJECT))
        return;
    say_word(to, json_raw(json_get_lit(schema, "description")));
    say_word(to, json_raw(json_get_lit(schema, "type")));
    while (json_next(&it)) {
        say_word(to, json_raw(it.key));
        say_schema_words(it.val, to, depth - 1);
    }
    say_list(to, json_get_lit(schema, "enum"));
    say_list(to, json_get_lit(schema, "required"));
    say_schema_words(json_get_lit(schema, "items"), to, depth - 1);
    for (it = json_iter(json_get_lit(schema, "anyOf")); json_next(&it);)
        say_schema_words(it.val, to, depth - 1);
}

void tools_text_words(const struct ir_tool *tool, struct buf *to)
{
    if (tool->kind != IR_TOOL_FUNCTION && tool->raw.n) {
        tools_text_json_words(tool->raw, to);
        return;
    }
    say_word(to, tool->name);
    say_word(to, tool->description);
    say_schema_words(tool->schema, to, TOOLS_TEXT_DEPTH);
}

static bool is_between_words(char c)
{
    return c == ',' || c == ':' || c == '{' || c == '}' || c == '[' || c == ']' || c == ' ' ||
           c == '\n' || c == '\t' || c == '\r';
}

void tools_text_json_words(str json, struct buf *to)
{
    for (size_t i = 0, n; i < json.n; i += n + 1) {
        bool quoted = json.p[i] == '"';

        i += quoted;
        for (n = 0; i + n < json.n; n++) {
            char c = json.p[i + n];

            if (quoted ? c == '"' : is_between_words(c))
                break;
            n += quoted && c == '\\';
        }
        say_word(to, str_of(json.p + i, n < json.n - i ? n : json.n - i));
    }
}

void tools_text_squeeze(str json, struct buf *to)
{
    bool in_string = false;

    for (size_t i = 0, from = 0; i <= json.n; i++) {
        char c = i < json.n ? json.p[i] : ' ';

        if (in_string && c == '\\') {
            i++;
        } else if (c == '"' && i < json.n) {
            in_string = !in_string;
        } else if (i == json.n ||
                   (!in_string && (c == ' ' || c == '\n' || c == '\t' || c == '\r'))) {
            buf_add(to, str_of(json.p + from, i - from));
            from = i + 1;
        }
    }
}
