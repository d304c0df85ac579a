/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema - the option table as a JSON Schema, indented, so that a change reads well as a diff.
 *
 * Values may come from the environment, so wherever a number, a switch or a word is expected a text
 * with "${" in it is right too. Sections nest at most four deep, which bounds the recursion.
 */
#include "conf/describe.h"
#include "conf/raw.h"
#include "json/write.h"

struct emitter {
    struct buf *to;
    unsigned depth;
    bool has_items;
};

static void indent(struct emitter *e)
{
    if (e->has_items)
        buf_add_char(e->to, ',');
    buf_add_char(e->to, '\n');
    for (unsigned i = 0; i < e->depth; i++)
        buf_lit(e->to, "  ");
    e->has_items = true;
}

static void put_text(struct emitter *e, str s)
{
    buf_add_char(e->to, '"');
    json_escape(e->to, s);
    buf_add_char(e->to, '"');
}

static void key(struct emitter *e, const char *k)
{
    indent(e);
    put_text(e, str_c(k));
    buf_lit(e->to, ": ");
}

static void open(struct emitter *e, char c)
{
    buf_add_char(e->to, c);
    e->depth++;
    e->has_items = false;
}

static void close(struct emitter *e, char c)
{
    bool empty = !e->has_items;
    ASSERT(e->depth > 0);
    e->depth--;
    e->has_items = false;
    if (!empty)
        indent(e);
    e->has_items = true;
    buf_add_char(e->to, c);
}

static void pair(struct emitter *e, const char *k, const char *v)
{
    key(e, k);
    put_text(e, str_c(v));
}

static void raw_pair(struct emitter *e, const char *k, const char *json)
{
    key(e, k);
    buf_add(e->to, str_c(json));
}

static void put_object(struct emitter *e, const struct section *s);

/* An element of an array of schemas: {"type": "string"} and the like. */
static void one_liner(struct emitter *e, const char *json)
{
    indent(e);
    buf_add(e->to, str_c(json));
}

static void put_bounds(struct emitter *e, const struct option *row)
{
    if (row->type != OPTION_U32 && row->type != OPTION_DOUBLE)
        return;
    key(e, "minimum");
    buf_add_u64(e->to, row->min);
    if (row->max) {
        key(e, "maximum");
        buf_add_u64(e->to, row->max);
    }
}

static void put_number(struct emitter *e, const struct option *row, const char *pattern)
{
    raw_pair(e, "type", "[\"number\", \"string\"]");
    put_bounds(e, row);
    pair(e, "pattern", pattern);
}

static void put_words(struct emitter *e, const struct option *row)
{
    key(e, "anyOf");
    open(e, '[');
    indent(e);
    buf_lit(e->to, "{\"enum\": [");
    for (const struct option_word *w = row->words; w->name; w++) {
        if (w != row->words)
            buf_lit(e->to, ", ");
        put_text(e, str_c(w->name));
    }
    buf_lit(e->to, "]}");
    one_liner(e, "{\"type\": \"string\", \"pattern\": \"\\\\$\\\\{\"}");
    close(e, ']');
}

static void put_section(struct emitter *e, const struct option *row)
{
    if (!row->sub->scalar_key) {
        put_object(e, row->sub);
        return;
    }
    key(e, "anyOf");
    open(e, '[');
    one_liner(e, "{\"type\": [\"string\", \"number\"]}");
    indent(e);
    open(e, '{');
    put_object(e, row->sub);
    close(e, '}');
    close(e, ']');
}

static void put_list(struct emitter *e, const struct option *row)
{
    key(e, "anyOf");
    open(e, '[');
    if (row->sub->scalar_key) /* one alone needs no list */
        one_liner(e, "{\"type\": \"string\"}");
    indent(e);
    open(e, '{');
    pair(e, "type", "array");
    key(e, "items");
    open(e, '{');
    put_section(e, row);
    close(e, '}');
    close(e, '}');
    indent(e);
    open(e, '{');
    if (row->sub->name_key) { /* the names are keys */
        pair(e, "type", "object");
        key(e, "additionalProperties");
        open(e, '{');
        put_section(e, row);
        close(e, '}');
    } else { /* just one */
        put_section(e, row);
    }
    close(e, '}');
    close(e, ']');
}

#define TEXT_OR_LIST \
    "[{\"type\": \"string\"}, {\"type\": \"array\", \"items\": {\"type\": \"string\"}}]"

static void put_type(struct emitter *e, const struct option *row)
{
    switch (row->type) {
    case OPTION_TEXT:
    case OPTION_SECRET:
        pair(e, "type", "string");
        break;
    case OPTION_BOOL:
        raw_pair(e, "type", "[\"boolean\", \"string\"]");
        pair(e, "pattern", "^(true|false)$|\\$\\{");
        break;
    case OPTION_U32:
        put_number(e, row, "^[0-9]+$|\\$\\{");
        break;
    case OPTION_COUNT:
        put_number(e, row, "^[0-9]+(\\.[0-9]+)? *[kKmMgG]?$|\\$\\{");
        break;
    case OPTION_BYTES:
        put_number(e, row, "^[0-9]+(\\.[0-9]+)? *([kKmMgG](i?[bB])?|[bB])?$|\\$\\{");
        break;
    case OPTION_MSEC:
        put_number(e, row, "^[0-9]+(\\.[0-9]+)? *(ms|s|m|h|d)?$|\\$\\{");
        break;
    case OPTION_DOUBLE:
    case OPTION_USD:
        put_number(e, row, "^[0-9.eE+-]+$|\\$\\{");
        break;
    case OPTION_WORD:
        put_words(e, row);
        break;
    case OPTION_TEXTS:
    case OPTION_SECRETS:
        raw_pair(e, "anyOf", TEXT_OR_LIST);
        break;
    case OPTION_SECTION:
        put_section(e, row);
        break;
    case OPTION_SECTIONS:
        put_list(e, row);
        break;
    case OPTION_PAIRS:
        pair(e, "type", "object");
        raw_pair(e, "additionalProperties", "{\"anyOf\": " TEXT_OR_LIST "}");
        break;
    case OPTION_RAW:
        break;
    }
}

static void put_row(struct emitter *e, const struct option *row)
{
    key(e, row->key);
    open(e, '{');
    key(e, "description");
    buf_add_char(e->to, '"');
    json_escape(e->to, str_c(row->help));
    if (row->flags & OPTION_LATER)
        buf_lit(e->to, " (accepted, not active yet)");
    buf_add_char(e->to, '"');
    put_type(e, row);
    if (row->initial)
        pair(e, "default", row->initial);
    close(e, '}');
}

static void put_required(struct emitter *e, const struct section *s)
{
    bool any = false;
    for (const struct option *row = s->rows; row < s->rows + s->count; row++) {
        /* what a map's own key can name is not always in the value */
        bool by_key = s->name_key && strcmp(s->name_key, row->key) == 0;
        if (!(row->flags & OPTION_REQUIRED) || by_key)
            continue;
        if (!any) {
            key(e, "required");
            buf_add_char(e->to, '[');
        } else {
            buf_lit(e->to, ", ");
        }
        put_text(e, str_c(row->key));
        any = true;
    }
    if (any)
        buf_add_char(e->to, ']');
}

static void put_object(struct emitter *e, const struct section *s)
{
    pair(e, "type", "object");
    raw_pair(e, "additionalProperties", "false");
    put_required(e, s);
    key(e, "properties");
    open(e, '{');
    for (const struct option *row = s->rows; row < s->rows + s->count; row++)
        if (!(row->flags & (OPTION_CCR | OPTION_HIDDEN)))
            put_row(e, row);
    close(e, '}');
}

void conf_write_schema(struct buf *to)
{
    struct emitter e = {.to = to};
    open(&e, '{');
    pair(&e, "$schema", "https://json-schema.org/draft/2020-12/schema");
    pair(&e, "title", "weir configuration");
    put_object(&e, &option_root);
    close(&e, '}');
    ASSERT(e.depth == 0); /* all that was opened was closed: the text is JSON */
    buf_add_char(to, '\n');
}
