/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gemini_contents.c - contents of a generateContent request to canonical messages.
 *
 * Clients send an answer back as the chunks it came in, each a content of its own: neighbours of
 * the model's become one message, and their texts one text. Calls need no id in this language, for
 * name and order tie a response to its call; every other needs one. So calls without are numbered
 * through the whole conversation (a turn's ids stay the same in every later request, which
 * providers' prompt caches lean on), and a response takes the id of the first call of its name that
 * has none yet.
 */
#include "dialect/gemini_int.h"

#include "base/auto.h"

#define CONTENTS_MAX 1000000
#define TEXT_MAX     (64u << 20) /* of one answer's joined chunks */
#define LOOK_AHEAD   1024        /* calls of one turn that are looked at for a response's */

struct part { /* the members of any part, before they say what it is */
    jtext text, signature;
    bool thought;
    jval inline_data, file_data, call, response;
    jval opaque; /* what only Google can read … */
    str type;    /* … and its name */
};

static enum rc add_block(struct gemini_reading *r, struct ir_block ***tail, enum ir_kind kind,
                         jval v, struct ir_block **ret)
{
    struct ir_block *b = ir_add_block(r->d.arena, tail, kind);

    if (!b)
        return field_nomem(&r->d);
    r->open = NULL;
    if (json_has(v))
        b->raw = json_text(v);
    *ret = b;
    return RC_OK;
}

/* ---- text and thoughts --------------------------------------------------------------------------
 */

/* More of the model's words go into the block of their kind that its last chunk began, while that
 * is unsigned: a signature is of one part, and stands on the last chunk of it. */
static enum rc add_words(struct gemini_reading *r, struct ir_block ***tail, enum ir_kind kind,
                         const struct part *p, struct ir_block **ret)
{
    struct ir_block *b = r->open && r->open->kind == kind ? r->open : NULL;
    bool is_new = !b;
    jtext *words;

    if (is_new)
        TRY(add_block(r, tail, kind, JVAL_NONE, &b));
    words = kind == IR_THINKING ? &b->thinking.text : &b->text.text;
    if (is_new) {
        *words = p->text.p ? p->text : STR("");
        r->text = (struct gather){0};
    } else if (p->text.n) {
        if (!r->text.n)
            gather_add(&r->text, r->d.arena, TEXT_MAX, *words);
        gather_add(&r->text, r->d.arena, TEXT_MAX, p->text);
        if (r->text.failed)
            return field_nomem(&r->d);
        *words = gather_str(&r->text);
    }
    r->open = p->signature.n ? NULL : b;
    *ret = b;
    return RC_OK;
}

/* Parts of the user's are texts of their own. */
static enum rc add_text(struct gemini_reading *r, struct ir_block ***tail, const struct part *p,
                        bool model)
{
    struct ir_block *b;

    if (!model)
        r->open = NULL;
    TRY(add_words(r, tail, IR_TEXT, p, &b));
    b->text.sealed = p->signature;
    return RC_OK;
}

static enum rc add_thought(struct gemini_reading *r, struct ir_block ***tail, const struct part *p)
{
    struct ir_block *b;

    TRY(add_words(r, tail, IR_THINKING, p, &b));
    b->thinking.signature = p->signature;
    if (!p->signature.n)
        return RC_OK;
    b->thinking.format = seal_maker(&b->thinking.signature);
    if (!b->thinking.format.n)
        b->thinking.format = STR(SEAL_GEMINI);
    return RC_OK;
}

/* A seal of another maker's that stands where a signature of the text would: a block of its own. */
static enum rc add_foreign(struct gemini_reading *r, struct ir_block ***tail, struct part *p)
{
    jtext seal = p->signature, maker = seal_maker(&seal);
    struct ir_block *b;

    if (!maker.n || str_eq(maker, STR(SEAL_GEMINI)))
        return RC_OK;
    p->signature = STR_NONE;
    TRY(add_block(r, tail, IR_REDACTED, JVAL_NONE, &b));
    b->thinking.text = seal;
    b->thinking.format = maker;
    return RC_OK;
}

/* ---- media --------------------------------------------------------------------------------------
 */

struct blob {
    jtext mime, data, uri, name;
};

static enum ir_kind kind_of(str mime)
{
    if (str_has_prefix(mime, STR("image")))
        return IR_IMAGE;
    if (str_has_prefix(mime, STR("audio")))
        return IR_AUDIO;
    return str_has_prefix(mime, STR("video")) ? IR_OPAQUE : IR_DOCUMENT;
}

/* Only Google reads gs:// and what was uploaded to it; a page of the web anybody may. */
static enum ir_media_src src_of(const struct blob *b)
{
    if (b->data.p)
        return IR_MEDIA_BASE64;
    if (str_find(b->uri, STR("googleapis.com/")) != SIZE_MAX ||
        !(str_has_prefix(b->uri, STR("https:")) || str_has_prefix(b->uri, STR("http:"))))
        return IR_MEDIA_FILE_ID;
    return IR_MEDIA_URL;
}

/* The inlineData or fileData of a part; nothing where it has neither. */
static enum rc add_media(struct gemini_reading *r, struct ir_block ***tail, jval part,
                         const struct field_at *up)
{
    static const struct field rows[] = {
        FIELD(mimeType, FIELD_TEXT, struct blob, mime),
        FIELD(data, FIELD_TEXT, struct blob, data),
        FIELD(fileUri, FIELD_TEXT, struct blob, uri),
        FIELD(displayName, FIELD_TEXT, struct blob, name),
    };
    struct field_at at = {.up = up, .name = "inlineData", .index = -1};
    jval v = gemini_get_lit(part, "inlineData");
    struct blob blob = {0};
    struct ir_block *b;
    enum ir_kind kind;

    if (json_is_nothing(v)) {
        v = gemini_get_lit(part, "fileData");
        at.name = "fileData";
    }
    if (json_is_nothing(v))
        return RC_OK;
    TRY(field_walk(&r->d, v, rows, ARRAY_LEN(rows), &blob, &at));
    if (!blob.data.p && !blob.uri.n)
        return field_bad(&r->d, &at, "needs its data", "missing_required_parameter");
    kind = kind_of(blob.mime);
    TRY(add_block(r, tail, kind, part, &b));
    if (kind == IR_OPAQUE) {
        b->opaque.type = STR("video");
        return RC_OK;
    }
    b->media = (struct ir_media){.src = src_of(&blob),
                                 .data = blob.data.p ? blob.data : blob.uri,
                                 .media_type = blob.mime,
                                 .title = blob.name};
    return RC_OK;
}

/* ---- calls --------------------------------------------------------------------------------------
 */

struct call {
    jtext id, name;
    jval args;
};

/* A call that has no response yet. */
struct gemini_call {
    struct gemini_call *next;
    jtext id, name;
};

static enum rc await_response(struct gemini_reading *r, jtext id, jtext name)
{
    struct gemini_call *c = arena_new(r->d.arena, struct gemini_call);

    if (!c)
        return field_nomem(&r->d);
    c->id = id;
    c->name = name;
    *r->pending_tail = c;
    r->pending_tail = &c->next;
    return RC_OK;
}

/* The id of the call that a response answers; absent: there is none. */
static jtext answered_id(struct gemini_reading *r, jtext id, jtext name)
{
    struct gemini_call **at = &r->pending, *c;

    for (unsigned n = 0; *at && n < LOOK_AHEAD; at = &(*at)->next, n++) {
        c = *at;
        if (id.n ? !str_eq(c->id, id) : !str_eq(c->name, name))
            continue;
        *at = c->next;
        if (!*at)
            r->pending_tail = at;
        return c->id;
    }
    return STR_NONE;
}

static enum rc add_call(struct gemini_reading *r, struct ir_block ***tail, const struct part *p,
                        const struct field_at *up)
{
    static const struct field rows[] = {
        FIELD(id, FIELD_TEXT, struct call, id),
        FIELD(name, FIELD_TEXT, struct call, name),
        FIELD(args, FIELD_VALUE, struct call, args),
    };
    struct field_at at = {.up = up, .name = "functionCall", .index = -1};
    struct call c = {0};
    struct ir_block *b;

    TRY(field_walk(&r->d, p->call, rows, ARRAY_LEN(rows), &c, &at));
    if (!c.name.n)
        return field_bad(&r->d, &at, "a call needs a name", "missing_required_parameter");
    TRY(add_block(r, tail, IR_TOOL_USE, p->call, &b));
    r->ncalls++;
    b->use.id = c.id.n ? c.id : arena_strf(r->d.arena, "call_%u", r->ncalls);
    if (!b->use.id.p)
        return field_nomem(&r->d);
    b->use.name = c.name;
    b->use.args = json_is(c.args, JSON_OBJECT) ? json_text(c.args) : STR("{}");
    b->use.sealed = p->signature;
    return await_response(r, b->use.id, b->use.name);
}

static jtext escaped(struct arena *a, str json)
{
    AUTO(buf_fini) struct buf b = BUF_INIT(2 * json.n + 2);

    json_escape(&b, json);
    return b.failed ? STR_NONE : arena_dup(a, buf_str(&b));
}

/* {"output": "text"} and {"error": "text"} are that text, all else is JSON. */
static enum rc add_output(struct gemini_reading *r, struct ir_block *b, struct ir_block ***tail,
                          jval response)
{
    static const str words[] = {STR("output"), STR("result"), STR("error"), STR("content")};
    struct json_iter it = json_iter(response);
    struct ir_block *text;
    jtext said = STR_NONE;

    if (json_is_nothing(response))
        return RC_OK;
    b->is_error = json_len(response) == 1 && json_has(json_get_lit(response, "error"));
    if (json_len(response) == 1 && json_next(&it) && json_is(it.val, JSON_STRING))
        for (size_t i = 0; i < ARRAY_LEN(words); i++)
            if (json_str_is(it.key, words[i]))
                said = json_raw(it.val).p ? json_raw(it.val) : STR("");
    TRY(add_block(r, tail, IR_TEXT, JVAL_NONE, &text));
    text->text.text = said.p ? said : escaped(r->d.arena, json_text(response));
    return text->text.text.p ? RC_OK : field_nomem(&r->d);
}

struct response {
    jtext id, name;
    jval response, parts;
};

static enum rc add_response(struct gemini_reading *r, struct ir_block ***tail, jval v,
                            const struct field_at *up)
{
    static const struct field rows[] = {
        FIELD(id, FIELD_TEXT, struct response, id),
        FIELD(name, FIELD_TEXT, struct response, name),
        FIELD(response, FIELD_VALUE, struct response, response),
        FIELD(parts, FIELD_VALUE, struct response, parts),
    };
    struct field_at at = {.up = up, .name = "functionResponse", .index = -1};
    struct response p = {0};
    struct ir_block *b, **in;
    struct gemini_list l;
    jval part;
    jtext id;

    TRY(field_walk(&r->d, v, rows, ARRAY_LEN(rows), &p, &at));
    if (!p.name.n && !p.id.n)
        return field_bad(&r->d, &at, "a response needs a name", "missing_required_parameter");
    id = answered_id(r, p.id, p.name);
    TRY(add_block(r, tail, IR_TOOL_RESULT, JVAL_NONE, &b));
    b->result.id = id.n ? id : p.id.n ? p.id : p.name;
    b->result.name = p.name;
    in = &b->result.content;
    TRY(add_output(r, b, &in, p.response));
    for (l = gemini_list_of(p.parts); gemini_list_next(&l, &part);)
        TRY(add_media(r, &in, part, &at));
    return RC_OK;
}

/* ---- parts --------------------------------------------------------------------------------------
 */

static enum rc read_opaque(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    struct part *p = to;

    (void)d;
    p->opaque = v;
    p->type = str_c(at->name);
    return RC_OK;
}

static enum rc read_part(struct gemini_reading *r, jval v, const struct field_at *at,
                         struct ir_block ***tail, bool model)
{
    static const struct field rows[] = {
        FIELD(text, FIELD_TEXT, struct part, text),
        FIELD(thought, FIELD_BOOL, struct part, thought),
        FIELD(thoughtSignature, FIELD_TEXT, struct part, signature),
        FIELD(inlineData, FIELD_VALUE, struct part, inline_data),
        FIELD(fileData, FIELD_VALUE, struct part, file_data),
        FIELD(functionCall, FIELD_VALUE, struct part, call),
        FIELD(functionResponse, FIELD_VALUE, struct part, response),
        FIELD_WITH(executableCode, read_opaque),
        FIELD_WITH(codeExecutionResult, read_opaque),
        FIELD_WITH(toolCall, read_opaque),
        FIELD_WITH(toolResponse, read_opaque),
    };
    struct part p = {0};
    struct ir_block *b;

    TRY(field_walk(&r->d, v, rows, ARRAY_LEN(rows), &p, at));
    if (str_eq(p.signature, STR(GEMINI_UNSIGNED)))
        p.signature = STR_NONE; /* so Gemini CLI says that it has none */
    if (p.thought)
        return add_thought(r, tail, &p);
    TRY(add_foreign(r, tail, &p));
    if (json_has(p.call))
        return add_call(r, tail, &p, at);
    if (json_has(p.response))
        return add_response(r, tail, p.response, at);
    if (json_has(p.inline_data) || json_has(p.file_data))
        return add_media(r, tail, v, at);
    if (json_has(p.opaque)) {
        TRY(add_block(r, tail, IR_OPAQUE, v, &b));
        b->opaque.type = p.type;
        return RC_OK;
    }
    return p.text.p || p.signature.n ? add_text(r, tail, &p, model) : RC_OK;
}

static enum rc read_parts(struct gemini_reading *r, jval v, const struct field_at *up,
                          struct ir_block ***tail, bool model)
{
    struct field_at here = {.up = up, .name = "parts", .index = -1};
    struct gemini_list l = gemini_list_of(v);
    jval part;

    if (json_has(v) && !json_is(v, JSON_ARRAY) && !json_is(v, JSON_OBJECT))
        return field_bad(&r->d, &here, "must be an array", "invalid_type");
    for (here.index = 0; gemini_list_next(&l, &part); here.index++)
        TRY(read_part(r, part, &here, tail, model));
    return RC_OK;
}

/* ---- contents -----------------------------------------------------------------------------------
 */

enum rc gemini_read_system(struct gemini_reading *r, jval v)
{
    struct field_at at = {.name = "systemInstruction", .index = -1};
    struct ir_message *m;
    struct ir_block *b;

    if (json_is_nothing(v))
        return RC_OK;
    m = ir_add_message(r->d.arena, &r->d.messages, IR_SYSTEM);
    if (!m)
        return field_nomem(&r->d);
    if (json_is(v, JSON_STRING)) { /* as SDKs have it before they send it */
        TRY(add_block(r, &m->tail, IR_TEXT, JVAL_NONE, &b));
        b->text.text = json_raw(v);
    } else if (json_is(v, JSON_OBJECT)) {
        TRY(read_parts(r, json_get_lit(v, "parts"), &at, &m->tail, false));
    } else {
        return field_bad(&r->d, &at, "must be a content with parts", "invalid_type");
    }
    if (!m->blocks) { /* nothing was said after all */
        r->d.messages = &r->d.request->messages;
        r->d.request->messages = NULL;
    }
    return RC_OK;
}

struct content {
    jtext role;
    jval parts;
};

static enum rc role_of(struct gemini_reading *r, jtext role, const struct field_at *at,
                       enum ir_role *ret)
{
    if (!role.n || str_eq(role, STR("user")) || str_eq(role, STR("function")) ||
        str_eq(role, STR("tool")))
        *ret = IR_USER;
    else if (str_eq(role, STR("model")) || str_eq(role, STR("assistant")))
        *ret = IR_ASSISTANT;
    else if (str_eq(role, STR("system")))
        *ret = IR_SYSTEM;
    else
        return field_bad(&r->d, at, "Please use a valid role: user, model.", "invalid_value");
    return RC_OK;
}

static enum rc read_content(struct gemini_reading *r, jval v, const struct field_at *at,
                            struct ir_message **last)
{
    static const struct field rows[] = {
        FIELD(role, FIELD_TEXT, struct content, role),
        FIELD(parts, FIELD_VALUE, struct content, parts),
    };
    struct content c = {0};
    enum ir_role role;

    TRY(field_walk(&r->d, v, rows, ARRAY_LEN(rows), &c, at));
    TRY(role_of(r, c.role, at, &role));
    if (!*last || (*last)->role != role || role != IR_ASSISTANT) {
        *last = ir_add_message(r->d.arena, &r->d.messages, role);
        if (!*last)
            return field_nomem(&r->d);
        r->open = NULL;
        if (role == IR_ASSISTANT) { /* a new turn: what was not answered will not be */
            r->pending = NULL;
            r->pending_tail = &r->pending;
        }
    }
    return read_parts(r, c.parts, at, &(*last)->tail, role == IR_ASSISTANT);
}

enum rc gemini_read_contents(struct decoding *d, jval v, void *to, const struct field_at *at)
{
    struct gemini_reading *r = (struct gemini_reading *)(void *)d;
    struct field_at here = {.up = at};
    struct gemini_list l = gemini_list_of(v);
    struct ir_message *last = NULL;
    jval content;

    (void)to;
    if (!json_is(v, JSON_ARRAY) && !json_is(v, JSON_OBJECT))
        return field_bad(d, at, "must be an array", "invalid_type");
    for (; gemini_list_next(&l, &content); here.index++) {
        if (here.index == CONTENTS_MAX)
            return field_bad(d, at, "has too many contents", "array_above_max_length");
        TRY(read_content(r, content, &here, &last));
    }
    if (here.index == 0)
        return field_bad(d, at, "contents is not specified", "empty_array");
    return RC_OK;
}
