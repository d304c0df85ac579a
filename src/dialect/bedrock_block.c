/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bedrock_block.c - content blocks of a Converse request to canonical form.
 *
 * A block is an object with one member, whose name is its kind: {"text":"…"}, {"toolUse":{…}}. A
 * cache point is a block of its own, and the canonical form has it on the block before. What
 * nobody else has words for (video, a server tool's call and result, and whatever comes next) is
 * carried whole.
 */
#include "dialect/bedrock_int.h"

#include "dialect/seal.h"

#define NESTING_MAX 4
#define MARKER      "{\"type\":\"ephemeral\"}"
#define MARKER_1H   "{\"type\":\"ephemeral\",\"ttl\":\"1h\"}"

typedef enum rc (*block_fn)(struct decoding *d, jval v, const struct field_at *at,
                            struct ir_block *b);

str bedrock_read_cache(jval point)
{
    return json_str_is(json_get_lit(point, "ttl"), STR("1h")) ? STR(MARKER_1H) : STR(MARKER);
}

/* ---- images and documents -----------------------------------------------------------------------
 */

struct source {
    jtext bytes, text;
    jval s3, content;
};

static enum rc read_source(struct decoding *d, jval v, const struct field_at *at,
                           struct ir_media *to)
{
    static const struct field rows[] = {
        FIELD(bytes, FIELD_TEXT, struct source, bytes),
        FIELD(text, FIELD_TEXT, struct source, text),
        FIELD(content, FIELD_VALUE, struct source, content),
        FIELD(s3Location, FIELD_VALUE, struct source, s3),
    };
    struct ir_block **tail = &to->blocks;
    struct source s = {0};

    TRY(field_walk(d, v, rows, ARRAY_LEN(rows), &s, at));
    if (s.bytes.p) {
        to->src = IR_MEDIA_BASE64;
        to->data = s.bytes;
    } else if (s.text.p) {
        to->src = IR_MEDIA_TEXT;
        to->data = s.text;
    } else if (json_is(s.content, JSON_ARRAY)) {
        to->src = IR_MEDIA_BLOCKS;
        return bedrock_read_content(d, s.content, at, &tail);
    } else if (json_is(s.s3, JSON_OBJECT)) { /* a bucket that only AWS can look into */
        to->src = IR_MEDIA_FILE_ID;
        to->data = json_raw(json_get_lit(s.s3, "uri"));
    } else {
        return field_bad(d, at, "needs bytes, text, content or s3Location",
                         "missing_required_parameter");
    }
    return RC_OK;
}

struct media {
    jtext format, name, context;
    jval source;
    str citations;
};

static const struct {
    str format, type;
} types[] = {
    {STR("png"), STR("image/png")},
    {STR("jpeg"), STR("image/jpeg")},
    {STR("gif"), STR("image/gif")},
    {STR("webp"), STR("image/webp")},
    {STR("pdf"), STR("application/pdf")},
    {STR("csv"), STR("text/csv")},
    {STR("doc"), STR("application/msword")},
    {STR("docx"), STR("application/vnd.openxmlformats-officedocument.wordprocessingml.document")},
    {STR("xls"), STR("application/vnd.ms-excel")},
    {STR("xlsx"), STR("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")},
    {STR("html"), STR("text/html")},
    {STR("txt"), STR("text/plain")},
    {STR("md"), STR("text/markdown")},
};

static enum rc read_media(struct decoding *d, jval v, const struct field_at *at, struct ir_block *b)
{
    static const struct field rows[] = {
        FIELD(format, FIELD_TEXT, struct media, format),
        FIELD(name, FIELD_TEXT, struct media, name),
        FIELD(context, FIELD_TEXT, struct media, context),
        FIELD(source, FIELD_VALUE, struct media, source),
        FIELD(citations, FIELD_JSON, struct media, citations),
    };
    struct field_at source_at = {.up = at, .name = "source", .index = -1};
    struct media m = {0};

    TRY(field_walk(d, v, rows, ARRAY_LEN(rows), &m, at));
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (str_eq(m.format, types[i].format))
            b->media.media_type = types[i].type;
    b->media.title = m.name;
    b->media.context = m.context;
    b->media.citations = m.citations;
    return read_source(d, m.source, &source_at, &b->media);
}

/* ---- text and thoughts --------------------------------------------------------------------------
 */

static enum rc read_text(struct decoding *d, jval v, const struct field_at *at, struct ir_block *b)
{
    return field_text(d, v, at, &b->text.text);
}

/* Text that a guardrail is to look at: the text is the model's as well. */
static enum rc read_guarded(struct decoding *d, jval v, const struct field_at *at,
                            struct ir_block *b)
{
    jval text = json_path(v, "text", "text", NULL);

    if (!json_is(text, JSON_STRING))
        return field_bad(d, at, "guardContent: only text is understood here", "invalid_value");
    b->text.text = json_raw(text);
    return field_unknown(d, NULL, STR("guardContent"), v);
}

/* The joined text of an answer's cited words. */
static enum rc read_cited(struct decoding *d, jval v, const struct field_at *at, struct ir_block *b)
{
    struct buf out = BUF_INIT(json_text(v).n);
    struct json_iter it = json_iter(json_get_lit(v, "content"));

    (void)at;
    while (json_next(&it))
        buf_add(&out, json_raw(json_get_lit(it.val, "text")));
    b->text.text = buf_size(&out) ? arena_dup(d->arena, buf_str(&out)) : STR("");
    buf_fini(&out);
    return b->text.text.p ? RC_OK : field_nomem(d);
}

static enum rc read_sealed(struct decoding *d, jtext blob, struct ir_block *b)
{
    struct buf out = BUF_INIT(blob.n + 64);

    b->kind = IR_REDACTED;
    bedrock_unseal(blob, &out);
    b->thinking.text = out.failed ? STR_NONE : arena_dup(d->arena, buf_str(&out));
    buf_fini(&out);
    if (!b->thinking.text.p)
        return field_nomem(d);
    b->thinking.format = seal_maker(&b->thinking.text);
    return RC_OK;
}

static enum rc read_thought(struct decoding *d, jval v, const struct field_at *up,
                            struct ir_block *b)
{
    static const struct field rows[] = {
        FIELD(text, FIELD_TEXT, struct ir_block, thinking.text),
        FIELD(signature, FIELD_TEXT, struct ir_block, thinking.signature),
    };
    struct field_at at = {.up = up, .name = "reasoningText", .index = -1};
    jval sealed = json_get_lit(v, "redactedContent");

    if (json_is(sealed, JSON_STRING))
        return read_sealed(d, json_raw(sealed), b);
    TRY(field_walk(d, json_get_lit(v, "reasoningText"), rows, ARRAY_LEN(rows), b, &at));
    if (!b->thinking.text.p)
        b->thinking.text = STR("");
    b->thinking.format = seal_maker(&b->thinking.signature);
    return RC_OK;
}

/* ---- calls and results --------------------------------------------------------------------------
 */

struct use {
    jtext id, name;
    jval input;
};

static enum rc read_use(struct decoding *d, jval v, const struct field_at *at, struct ir_block *b)
{
    static const struct field rows[] = {
        FIELD(toolUseId, FIELD_TEXT, struct use, id),
        FIELD(name, FIELD_TEXT, struct use, name),
        FIELD(input, FIELD_VALUE, struct use, input),
        FIELD_SKIP(type),
    };
    struct use u = {0};

    TRY(field_walk(d, v, rows, ARRAY_LEN(rows), &u, at));
    if (!u.id.n || !u.name.n)
        return field_bad(d, at, "needs toolUseId and name", "missing_required_parameter");
    b->use.id = u.id;
    b->use.name = u.name;
    b->use.args = json_is(u.input, JSON_OBJECT) ? json_text(u.input) : STR("{}");
    return RC_OK;
}

struct result {
    jtext id, status;
    jval content;
};

static enum rc read_result(struct decoding *d, jval v, const struct field_at *up,
                           struct ir_block *b)
{
    static const struct field rows[] = {
        FIELD(toolUseId, FIELD_TEXT, struct result, id),
        FIELD(content, FIELD_VALUE, struct result, content),
        FIELD(status, FIELD_TEXT, struct result, status),
        FIELD_SKIP(type),
    };
    struct field_at at = {.up = up, .name = "content", .index = -1};
    struct ir_block **tail = &b->result.content;
    struct result r = {0};

    TRY(field_walk(d, v, rows, ARRAY_LEN(rows), &r, up));
    if (!r.id.n)
        return field_bad(d, up, "needs toolUseId", "missing_required_parameter");
    b->result.id = r.id;
    b->is_error = str_eq(r.status, STR("error"));
    return bedrock_read_content(d, r.content, &at, &tail);
}

/* A result that is JSON: its text. */
static enum rc read_json(struct decoding *d, jval v, const struct field_at *at, struct ir_block *b)
{
    struct buf out = BUF_INIT(6 * json_text(v).n + 1);

    (void)at;
    json_escape(&out, json_text(v));
    b->text.text = out.failed ? STR_NONE : arena_dup(d->arena, buf_str(&out));
    buf_fini(&out);
    return b->text.text.p ? RC_OK : field_nomem(d);
}

/* ---- blocks -------------------------------------------------------------------------------------
 */

static const struct {
    str name;
    enum ir_kind kind;
    block_fn read;
} kinds[] = {
    {STR("text"), IR_TEXT, read_text},
    {STR("toolUse"), IR_TOOL_USE, read_use},
    {STR("toolResult"), IR_TOOL_RESULT, read_result},
    {STR("reasoningContent"), IR_THINKING, read_thought},
    {STR("image"), IR_IMAGE, read_media},
    {STR("document"), IR_DOCUMENT, read_media},
    {STR("json"), IR_TEXT, read_json},
    {STR("citationsContent"), IR_TEXT, read_cited},
    {STR("guardContent"), IR_TEXT, read_guarded},
};

/* The one member that is there; `type` stands beside it in looser clients' requests. */
static bool only_member(jval v, struct json_iter *ret)
{
    *ret = json_iter(v);
    while (json_next(ret))
        if (!json_is(ret->val, JSON_NULL) && !json_str_is(ret->key, STR("type")))
            return true;
    return false;
}

/* A call that the provider has answered itself, and its result, have a type of their own. */
static jtext servers_type(jval member)
{
    jtext type = json_raw(json_get_lit(member, "type"));

    return str_eq(type, STR("tool_use")) || str_eq(type, STR("tool_result")) ? STR_NONE : type;
}

static enum rc read_block(struct decoding *d, jval v, const struct field_at *up,
                          struct ir_block ***tail, struct ir_block **ret)
{
    struct json_iter m;
    struct ir_block *b;

    if (!json_is(v, JSON_OBJECT) || !only_member(v, &m))
        return field_bad(d, up, "a content block needs one member, like text or toolUse",
                         "missing_required_parameter");
    for (size_t i = 0; i < ARRAY_LEN(kinds) && !servers_type(m.val).n; i++) {
        struct field_at at = {.up = up, .name = kinds[i].name.p, .index = -1};

        if (!json_str_is(m.key, kinds[i].name))
            continue;
        *ret = b = ir_add_block(d->arena, tail, kinds[i].kind);
        return b ? kinds[i].read(d, m.val, &at, b) : field_nomem(d);
    }
    *ret = b = ir_add_block(d->arena, tail, IR_OPAQUE);
    if (!b)
        return field_nomem(d);
    b->raw = json_text(v);
    b->opaque.type = servers_type(m.val).n ? servers_type(m.val) : json_raw(m.key);
    return RC_OK;
}

enum rc bedrock_read_content(struct decoding *d, jval v, const struct field_at *at,
                             struct ir_block ***tail)
{
    struct field_at here = {.up = at};
    struct json_iter it = json_iter(v);
    struct ir_block *last = NULL;

    if (json_is_nothing(v))
        return RC_OK;
    if (!json_is(v, JSON_ARRAY))
        return field_bad(d, at, "must be an array of blocks", "invalid_type");
    if (++d->nesting > NESTING_MAX)
        return field_bad(d, at, "content is nested too deep", "invalid_value");
    for (; json_next(&it); here.index++) {
        jval point = json_get_lit(it.val, "cachePoint");

        if (!json_is(point, JSON_OBJECT))
            TRY(read_block(d, it.val, &here, tail, &last));
        else if (last)
            last->cache = bedrock_read_cache(point);
    }
    d->nesting--;
    return RC_OK;
}
