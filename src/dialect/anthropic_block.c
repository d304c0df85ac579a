/* SPDX-License-Identifier: Apache-2.0 */
/*
 * anthropic_block.c - content blocks of a Messages request to canonical form.
 *
 * The canonical blocks were modelled on these, so most is a matter of names. Blocks of server tools
 * and whatever comes next are carried whole (IR_OPAQUE): nothing in them is looked at.
 */
#include "dialect/anthropic_int.h"

#define NESTING_MAX 4

/* ---- images and documents -----------------------------------------------------------------------
 */

struct source {
    jtext type, media_type, data, url, file_id;
    jval content;
};

struct document {
    jval source;
    jtext title, context;
    str citations, cache;
};

static enum rc read_source(struct decoding *d, jval v, const struct field_at *up,
                           struct ir_media *to)
{
    static const struct field rows[] = {
        FIELD(type, FIELD_TEXT, struct source, type),
        FIELD(media_type, FIELD_TEXT, struct source, media_type),
        FIELD(data, FIELD_TEXT, struct source, data),
        FIELD(url, FIELD_TEXT, struct source, url),
        FIELD(file_id, FIELD_TEXT, struct source, file_id),
        FIELD(content, FIELD_VALUE, struct source, content),
    };
    struct field_at at = {.up = up, .name = "source", .index = -1};
    struct ir_block **tail = &to->blocks;
    struct source s = {0};

    TRY(field_walk(d, v, rows, ARRAY_LEN(rows), &s, &at));
    ASSERT(!to->data.p && !to->blocks); /* a block has one source */
    to->media_type = s.media_type;
    to->data = s.data;
    if (str_eq(s.type, STR("base64"))) {
        to->src = IR_MEDIA_BASE64;
    } else if (str_eq(s.type, STR("text"))) {
        to->src = IR_MEDIA_TEXT;
    } else if (str_eq(s.type, STR("url"))) {
        to->src = IR_MEDIA_URL;
        to->data = s.url;
    } else if (str_eq(s.type, STR("file"))) {
        to->src = IR_MEDIA_FILE_ID;
        to->data = s.file_id;
    } else if (str_eq(s.type, STR("content"))) {
        to->src = IR_MEDIA_BLOCKS;
        return anthropic_read_content(d, s.content, &at, &tail);
    } else {
        return field_bad(d, &at, "type must be base64, url, text, file or content",
                         "invalid_value");
    }
    if (!to->data.p)
        return field_bad(d, &at, "needs its data", "missing_required_parameter");
    return RC_OK;
}

static enum rc read_media(struct decoding *d, jval v, const struct field_at *at, struct ir_block *b)
{
    static const struct field rows[] = {
        FIELD(source, FIELD_VALUE, struct document, source),
        FIELD(title, FIELD_TEXT, struct document, title),
        FIELD(context, FIELD_TEXT, struct document, context),
        FIELD(citations, FIELD_JSON, struct document, citations),
        FIELD(cache_control, FIELD_JSON, struct document, cache),
        FIELD_SKIP(type),
    };
    struct document doc = {0};

    TRY(field_walk(d, v, rows, ARRAY_LEN(rows), &doc, at));
    b->cache = doc.cache;
    b->media.title = doc.title;
    b->media.context = doc.context;
    b->media.citations = doc.citations;
    return read_source(d, doc.source, at, &b->media);
}

/* ---- text and thoughts --------------------------------------------------------------------------
 */

struct text {
    jtext text;
    str cache;
    jval citations;
};

static enum rc read_text(struct decoding *d, jval v, const struct field_at *at, struct ir_block *b)
{
    static const struct field rows[] = {
        FIELD(text, FIELD_TEXT, struct text, text),
        FIELD(cache_control, FIELD_JSON, struct text, cache),
        FIELD(citations, FIELD_VALUE, struct text, citations),
        FIELD_SKIP(type),
    };
    struct ir_cite **tail = &b->text.citations;
    struct text t = {0};
    struct json_iter it;

    TRY(field_walk(d, v, rows, ARRAY_LEN(rows), &t, at));
    if (!t.text.p)
        return field_bad(d, at, "text: a field is missing", "missing_required_parameter");
    b->text.text = t.text;
    b->cache = t.cache;
    for (it = json_iter(t.citations); json_next(&it); tail = &(*tail)->next) {
        *tail = arena_new(d->arena, struct ir_cite);
        if (!*tail)
            return field_nomem(d);
        (*tail)->json = json_text(it.val);
    }
    return RC_OK;
}

static enum rc read_thinking(struct decoding *d, jval v, const struct field_at *at,
                             struct ir_block *b)
{
    static const struct field rows[] = {
        FIELD(thinking, FIELD_TEXT, struct ir_block, thinking.text),
        FIELD(data, FIELD_TEXT, struct ir_block, thinking.text),
        FIELD(signature, FIELD_TEXT, struct ir_block, thinking.signature),
        FIELD_SKIP(type),
        FIELD_SKIP(cache_control),
    };

    TRY(field_walk(d, v, rows, ARRAY_LEN(rows), b, at));
    if (!b->thinking.text.p)
        b->thinking.text = STR("");
    b->thinking.format =
        seal_maker(b->kind == IR_REDACTED ? &b->thinking.text : &b->thinking.signature);
    return RC_OK;
}

/* ---- tools --------------------------------------------------------------------------------------
 */

struct use {
    jtext id, name;
    jval input;
    str cache;
};

static enum rc read_use(struct decoding *d, jval v, const struct field_at *at, struct ir_block *b)
{
    static const struct field rows[] = {
        FIELD(id, FIELD_TEXT, struct use, id),
        FIELD(name, FIELD_TEXT, struct use, name),
        FIELD(input, FIELD_VALUE, struct use, input),
        FIELD(cache_control, FIELD_JSON, struct use, cache),
        FIELD_SKIP(type),
        FIELD_SKIP(caller), /* "direct": says who called, which a translation repeats */
    };
    struct use u = {0};

    TRY(field_walk(d, v, rows, ARRAY_LEN(rows), &u, at));
    if (!u.id.n || !u.name.n)
        return field_bad(d, at, "a tool_use needs id and name", "missing_required_parameter");
    b->use.id = u.id;
    b->use.name = u.name;
    b->use.args = json_is(u.input, JSON_OBJECT) ? json_text(u.input) : STR("{}");
    b->cache = u.cache;
    return RC_OK;
}

struct result {
    jtext id;
    jval content;
    bool is_error;
    str cache;
};

static enum rc read_result(struct decoding *d, jval v, const struct field_at *up,
                           struct ir_block *b)
{
    static const struct field rows[] = {
        FIELD(tool_use_id, FIELD_TEXT, struct result, id),
        FIELD(content, FIELD_VALUE, struct result, content),
        FIELD(is_error, FIELD_BOOL, struct result, is_error),
        FIELD(cache_control, FIELD_JSON, struct result, cache),
        FIELD_SKIP(type),
    };
    struct field_at at = {.up = up, .name = "content", .index = -1};
    struct ir_block **tail = &b->result.content;
    struct result r = {0};

    TRY(field_walk(d, v, rows, ARRAY_LEN(rows), &r, up));
    if (!r.id.n)
        return field_bad(d, up, "a tool_result needs tool_use_id", "missing_required_parameter");
    b->result.id = r.id;
    b->is_error = r.is_error;
    b->cache = r.cache;
    return anthropic_read_content(d, r.content, &at, &tail);
}

/* ---- blocks -------------------------------------------------------------------------------------
 */

typedef enum rc (*block_fn)(struct decoding *d, jval v, const struct field_at *at,
                            struct ir_block *b);

static const struct {
    str type;
    enum ir_kind kind;
    block_fn read;
} kinds[] = {
    {STR("text"), IR_TEXT, read_text},
    {STR("tool_use"), IR_TOOL_USE, read_use},
    {STR("tool_result"), IR_TOOL_RESULT, read_result},
    {STR("thinking"), IR_THINKING, read_thinking},
    {STR("redacted_thinking"), IR_REDACTED, read_thinking},
    {STR("image"), IR_IMAGE, read_media},
    {STR("document"), IR_DOCUMENT, read_media},
};

static enum rc read_block(struct decoding *d, jval v, const struct field_at *at,
                          struct ir_block ***tail)
{
    jtext type = json_raw(json_get_lit(v, "type"));
    struct ir_block *b = NULL;

    if (!type.n)
        return field_bad(d, at, "a content block needs a type", "missing_required_parameter");
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_eq(type, kinds[i].type)) {
            TRY(field_add_block(d, tail, kinds[i].kind, v, &b));
            return kinds[i].read(d, v, at, b);
        }
    TRY(field_add_block(d, tail, IR_OPAQUE, v, &b));
    b->opaque.type = type;
    b->opaque.id = json_raw(json_get_lit(v, "id"));
    if (!b->opaque.id.n) /* a result names the call it answers */
        b->opaque.id = json_raw(json_get_lit(v, "tool_use_id"));
    b->opaque.name = json_raw(json_get_lit(v, "name"));
    return RC_OK;
}

/* Blocks nest (documents in results, text in documents), but not without end: the writer's depth is
 * bounded, too. */
enum rc anthropic_read_content(struct decoding *d, jval v, const struct field_at *at,
                               struct ir_block ***tail)
{
    struct field_at here = {.up = at};
    struct json_iter it = json_iter(v);
    struct ir_block *b = NULL;

    if (json_is_nothing(v))
        return RC_OK;
    if (json_is(v, JSON_STRING)) {
        TRY(field_add_block(d, tail, IR_TEXT, JVAL_NONE, &b));
        b->text.text = json_raw(v);
        return RC_OK;
    }
    if (!json_is(v, JSON_ARRAY))
        return field_bad(d, at, "must be a string or an array of blocks", "invalid_type");
    if (++d->nesting > NESTING_MAX)
        return field_bad(d, at, "content is nested too deep", "invalid_value");
    for (; json_next(&it); here.index++)
        TRY(read_block(d, it.val, &here, tail));
    d->nesting--;
    return RC_OK;
}
