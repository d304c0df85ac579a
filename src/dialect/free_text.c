/* SPDX-License-Identifier: Apache-2.0 */
/*
 * free_text.c - see the header.
 *
 * The two wrappings of the grammar are Chat's {custom:{format:{grammar:{…}}}} and Responses'
 * {format:{…}}. The document is parsed and given back at once: what stays are slices of the tool's
 * own text, which lives as long as the request.
 */
#include "dialect/free_text.h"

struct free_text free_text_of(const struct ir_tool *t, struct arena *a)
{
    struct arena_mark mark = arena_mark(a);
    struct free_text f = {0};
    struct json_doc doc;
    jval format, grammar;

    ASSERT(t->kind == IR_TOOL_CUSTOM && t->raw.n);
    if (json_parse(a, t->raw, &doc, NULL) == RC_OK) {
        format = json_path(json_root(&doc), "custom", "format", NULL);
        if (!json_has(format))
            format = json_get_lit(json_root(&doc), "format");
        grammar = json_get_lit(format, "grammar"); /* Chat wraps it once more */
        if (!json_has(grammar))
            grammar = format;
        f.syntax = json_raw(json_get_lit(grammar, "syntax"));
        f.definition = json_raw(json_get_lit(grammar, "definition"));
    }
    arena_reset_to(a, mark);
    return f;
}

jtext free_text_unwrap(struct arena *a, str args)
{
    struct json_doc doc;
    jval v;

    if (!args.n || json_parse(a, args, &doc, NULL) != RC_OK)
        return STR_NONE;
    v = json_get_lit(json_root(&doc), "input");
    return json_is(v, JSON_STRING) ? json_raw(v) : STR_NONE;
}

/* One string, and the grammar in words: a model that can't be held to it can at least be told. */
void free_text_put_schema(struct json_writer *w, const struct free_text *f)
{
    json_begin_object(w);
    json_key(w, "type");
    json_put_lit(w, "object");
    json_key(w, "properties");
    json_begin_object(w);
    json_key(w, "input");
    json_begin_object(w);
    json_key(w, "type");
    json_put_lit(w, "string");
    json_key(w, "description");
    json_open_str(w);
    json_add_raw(w, STR("The tool's whole input, as free text."));
    if (f->definition.n) {
        json_add_raw(w, STR(" It must match this "));
        json_add_raw(w, f->syntax);
        json_add_raw(w, STR(" grammar:\\n"));
        json_add_raw(w, f->definition);
    }
    json_close_str(w);
    json_end(w);
    json_end(w);
    json_key(w, "required");
    json_begin_array(w);
    json_put_lit(w, "input");
    json_end(w);
    json_end(w);
}
