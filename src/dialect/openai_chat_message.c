/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openai_chat_message.c - the messages of a Chat Completions request to canonical form.
 *
 * Also read are the members that compatible servers and their clients added: `reasoning_content`,
 * `reasoning` and `reasoning_details` (DeepSeek, OpenRouter …), `cache_control` on parts, thought
 * signatures on calls (Gemini), and the legacy `function_call`.
 */
#include "dialect/media.h"
#include "dialect/openai_chat_int.h"

#define MESSAGES_MAX 1000000

/* ---- content parts ------------------------------------------------------------------------------
 */

struct part { /* the members of any part, before its type sorts them */
    jtext type, text, refusal;
    jtext document_url, document_name;
    jval image_url, input_audio, file;
    str cache;
};

struct image_url {
    jtext url, detail;
};

struct file {
    jtext data, id, name;
};

struct audio {
    jtext data, format;
};

static enum rc read_image(struct decoding *d, jval v, const struct field_at *at, struct ir_block *b)
{
    static const struct field rows[] = {
        FIELD(url, FIELD_TEXT, struct image_url, url),
        FIELD(detail, FIELD_TEXT, struct image_url, detail),
    };
    struct image_url u = {0};

    if (json_is(v, JSON_STRING)) /* some clients say it short */
        u.url = json_raw(v);
    else
        TRY(field_walk(d, v, rows, ARRAY_LEN(rows), &u, at));
    if (!u.url.n)
        return field_bad(d, at, "an image needs a url", "missing_required_parameter");
    media_of_url(&b->media, u.url);
    b->media.detail = u.detail;
    return RC_OK;
}

static enum rc read_file(struct decoding *d, jval v, const struct field_at *at, struct ir_block *b)
{
    static const struct field rows[] = {
        FIELD(file_data, FIELD_TEXT, struct file, data),
        FIELD(file_id, FIELD_TEXT, struct file, id),
        FIELD(filename, FIELD_TEXT, struct file, name),
    };
    struct file f = {0};

    TRY(field_walk(d, v, rows, ARRAY_LEN(rows), &f, at));
    if (f.data.n) {
        media_of_url(&b->media, f.data);
        if (b->media.src == IR_MEDIA_URL && !media_is_web_url(f.data))
            b->media.src = IR_MEDIA_BASE64; /* bare base64, as some clients send it */
    } else if (f.id.n) {
        b->media.src = IR_MEDIA_FILE_ID;
        b->media.data = f.id;
    } else {
        return field_bad(d, at, "a file needs file_data or file_id", "missing_required_parameter");
    }
    b->media.title = f.name;
    return RC_OK;
}

/* {data, format}; Mistral's clients give the data alone. */
static enum rc read_audio(struct decoding *d, jval v, const struct field_at *at, struct ir_block *b)
{
    static const struct field rows[] = {
        FIELD(data, FIELD_TEXT, struct audio, data),
        FIELD(format, FIELD_TEXT, struct audio, format),
    };
    struct audio au = {.data = json_raw(v)};

    if (!json_is(v, JSON_STRING))
        TRY(field_walk(d, v, rows, ARRAY_LEN(rows), &au, at));
    if (!au.data.n)
        return field_bad(d, at, "a sound needs its data", "missing_required_parameter");
    media_of_sound(&b->media, au.data, au.format);
    return RC_OK;
}

/* Mistral's form of a file: {document_url: "https:…" or "data:…", document_name}. */
static enum rc read_document_url(struct decoding *d, const struct part *p,
                                 const struct field_at *at, struct ir_block *b)
{
    if (!p->document_url.n)
        return field_bad(d, at, "a document needs its URL", "missing_required_parameter");
    media_of_url(&b->media, p->document_url);
    b->media.title = p->document_name;
    return RC_OK;
}

static enum rc read_part(struct decoding *d, jval v, const struct field_at *at,
                         struct ir_block ***tail)
{
    static const struct field rows[] = {
        FIELD(type, FIELD_TEXT, struct part, type),
        FIELD(text, FIELD_TEXT, struct part, text),
        FIELD(refusal, FIELD_TEXT, struct part, refusal),
        FIELD(image_url, FIELD_VALUE, struct part, image_url),
        FIELD(input_audio, FIELD_VALUE, struct part, input_audio),
        FIELD(file, FIELD_VALUE, struct part, file),
        FIELD(document_url, FIELD_TEXT, struct part, document_url),
        FIELD(document_name, FIELD_TEXT, struct part, document_name),
        FIELD(cache_control, FIELD_JSON, struct part, cache),
        FIELD_SKIP(thinking),
    };
    struct part p = {0};
    struct ir_block *b;

    TRY(field_walk(d, v, rows, ARRAY_LEN(rows), &p, at));
    if (str_eq(p.type, STR("text")) && p.text.p) {
        TRY(field_add_block(d, tail, IR_TEXT, v, &b));
        b->text.text = p.text;
    } else if (str_eq(p.type, STR("refusal")) && p.refusal.p) {
        TRY(field_add_block(d, tail, IR_REFUSAL, v, &b));
        b->text.text = p.refusal;
    } else if (str_eq(p.type, STR("image_url"))) {
        TRY(field_add_block(d, tail, IR_IMAGE, v, &b));
        TRY(read_image(d, p.image_url, at, b));
    } else if (str_eq(p.type, STR("input_audio"))) {
        TRY(field_add_block(d, tail, IR_AUDIO, v, &b));
        TRY(read_audio(d, p.input_audio, at, b));
    } else if (str_eq(p.type, STR("file"))) {
        TRY(field_add_block(d, tail, IR_DOCUMENT, v, &b));
        TRY(read_file(d, p.file, at, b));
    } else if (str_eq(p.type, STR("document_url"))) {
        TRY(field_add_block(d, tail, IR_DOCUMENT, v, &b));
        TRY(read_document_url(d, &p, at, b));
    } else if (!p.type.n || str_eq(p.type, STR("text"))) {
        return field_bad(d, at, "a content part needs a type and its content", "invalid_value");
    } else {
        TRY(field_add_block(d, tail, IR_OPAQUE, v, &b));
        b->opaque.type = p.type;
    }
    b->cache = p.cache;
    return RC_OK;
}

static enum rc read_content(struct decoding *d, jval v, const struct field_at *at,
                            struct ir_block ***tail)
{
    struct field_at here = {.up = at};
    struct json_iter it = json_iter(v);
    struct ir_block *b;

    if (json_is_nothing(v))
        return RC_OK;
    if (json_is(v, JSON_STRING)) {
        TRY(field_add_block(d, tail, IR_TEXT, JVAL_NONE, &b));
        b->text.text = json_raw(v);
        return RC_OK;
    }
    if (!json_is(v, JSON_ARRAY))
        return field_bad(d, at, "must be a string or an array of parts", "invalid_type");
    for (; json_next(&it); here.index++) {
        if (json_is(it.val, JSON_STRING)) { /* some clients mix strings into the array */
            TRY(field_add_block(d, tail, IR_TEXT, JVAL_NONE, &b));
            b->text.text = json_raw(it.val);
        } else {
            TRY(read_part(d, it.val, &here, tail));
        }
    }
    return RC_OK;
}

/* ---- calls --------------------------------------------------------------------------------------
 */

struct call {
    jtext id, type;
    jval function, custom, extra;
};

struct call_body {
    jtext name, input;
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

static enum rc read_call_body(struct decoding *d, jval v, const struct field_at *at,
                              struct ir_block *b)
{
    static const struct field rows[] = {
        FIELD(name, FIELD_TEXT, struct call_body, name),
        FIELD(arguments, FIELD_VALUE, struct call_body, arguments),
        FIELD(input, FIELD_TEXT, struct call_body, input),
    };
    struct call_body c = {0};

    TRY(field_walk(d, v, rows, ARRAY_LEN(rows), &c, at));
    if (!c.name.n)
        return field_bad(d, at, "a tool call needs a name", "missing_required_parameter");
    b->use.name = c.name;
    if (b->is_custom) {
        b->use.args = c.input.p ? c.input : STR("");
        return RC_OK;
    }
    return read_arguments(d, c.arguments, at, &b->use.args);
}

static enum rc read_call(struct decoding *d, jval v, const struct field_at *at,
                         struct ir_block ***tail)
{
    static const struct field rows[] = {
        FIELD(id, FIELD_TEXT, struct call, id),
        FIELD(type, FIELD_TEXT, struct call, type),
        FIELD(function, FIELD_VALUE, struct call, function),
        FIELD(custom, FIELD_VALUE, struct call, custom),
        FIELD(extra_content, FIELD_VALUE, struct call, extra),
        FIELD_SKIP(index),
    };
    struct call c = {0};
    struct ir_block *b;

    TRY(field_walk(d, v, rows, ARRAY_LEN(rows), &c, at));
    TRY(field_add_block(d, tail, IR_TOOL_USE, v, &b));
    b->use.id = c.id;
    b->is_custom = json_has(c.custom) && !json_has(c.function);
    b->use.sealed = json_raw(json_path(c.extra, "google", "thought_signature", NULL));
    return read_call_body(d, b->is_custom ? c.custom : c.function, at, b);
}

/* ---- thoughts -----------------------------------------------------------------------------------
 */

struct detail { /* one entry of reasoning_details */
    jtext type, text, summary, signature, data, format, id;
};

/* Pieces of one thought, as a client may have gathered them from a stream, become one block. */
static enum rc join_thought(struct decoding *d, struct ir_block *b, const struct detail *t)
{
    str more = t->text.n ? t->text : t->summary;

    if (more.n) {
        b->thinking.text = b->thinking.text.n ? arena_strf(d->arena, STR_FMT STR_FMT,
                                                           STR_ARG(b->thinking.text), STR_ARG(more))
                                              : more;
        if (!b->thinking.text.p)
            return field_nomem(d);
    }
    if (t->signature.n)
        b->thinking.signature = t->signature;
    if (t->format.n)
        b->thinking.format = t->format;
    return RC_OK;
}

static enum rc read_detail(struct decoding *d, jval v, const struct field_at *at,
                           struct ir_block **open, struct ir_block ***tail)
{
    static const struct field rows[] = {
        FIELD(type, FIELD_TEXT, struct detail, type),
        FIELD(text, FIELD_TEXT, struct detail, text),
        FIELD(summary, FIELD_TEXT, struct detail, summary),
        FIELD(signature, FIELD_TEXT, struct detail, signature),
        FIELD(data, FIELD_TEXT, struct detail, data),
        FIELD(format, FIELD_TEXT, struct detail, format),
        FIELD(id, FIELD_TEXT, struct detail, id),
        FIELD_SKIP(index),
    };
    struct detail t = {0};
    struct ir_block *b = *open;

    TRY(field_walk(d, v, rows, ARRAY_LEN(rows), &t, at));
    if (t.data.n) {
        TRY(field_add_block(d, tail, IR_REDACTED, v, &b));
        b->thinking.text = t.data;
        b->thinking.format = t.format;
        *open = NULL;
        return RC_OK;
    }
    if (!b || b->thinking.signature.n) {
        TRY(field_add_block(d, tail, IR_THINKING, v, &b));
        b->thinking.text = STR("");
        *open = b;
    }
    return join_thought(d, b, &t);
}

/* reasoning_details is the whole record and wins. Where it holds signatures only, the plain text
 * beside it belongs to the first of its thoughts. */
static enum rc read_thoughts(struct decoding *d, jval message, const struct field_at *at,
                             struct ir_block ***tail)
{
    struct field_at here = {.up = at, .name = "reasoning_details"};
    struct json_iter it = json_iter(json_get_lit(message, "reasoning_details"));
    jtext text = json_raw(json_get_lit(message, "reasoning_content"));
    struct ir_block **first = *tail, *open = NULL, *b;

    if (!text.n)
        text = json_raw(json_get_lit(message, "reasoning"));
    for (; json_next(&it); here.index++)
        TRY(read_detail(d, it.val, &here, &open, tail));
    for (b = *first; text.n && b; b = b->next)
        if (b->kind == IR_THINKING) {
            if (!b->thinking.text.n)
                b->thinking.text = text;
            return RC_OK;
        }
    if (text.n) {
        TRY(field_add_block(d, tail, IR_THINKING, JVAL_NONE, &b));
        b->thinking.text = text;
    }
    return RC_OK;
}

/* ---- messages -----------------------------------------------------------------------------------
 */

struct message {
    jtext role, name, call_id, refusal;
    jval content, calls, function_call;
    str cache;
};

static const struct {
    str name;
    enum ir_role role;
} roles[] = {
    {STR("user"), IR_USER},           {STR("assistant"), IR_ASSISTANT}, {STR("system"), IR_SYSTEM},
    {STR("developer"), IR_DEVELOPER}, {STR("tool"), IR_TOOL},           {STR("function"), IR_TOOL},
};

static enum rc read_role(struct decoding *d, const struct message *m, const struct field_at *at,
                         enum ir_role *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(roles); i++)
        if (str_eq(m->role, roles[i].name)) {
            *ret = roles[i].role;
            return RC_OK;
        }
    return field_bad(d, at, "the role must be system, developer, user, assistant or tool",
                     "invalid_value");
}

static enum rc read_tool_message(struct decoding *d, const struct message *m,
                                 const struct field_at *at, struct ir_message *to)
{
    struct ir_block **tail;
    struct ir_block *b;

    TRY(field_add_block(d, &to->tail, IR_TOOL_RESULT, JVAL_NONE, &b));
    b->result.id = m->call_id.n ? m->call_id : m->name; /* legacy functions answer by name */
    b->result.name = m->name;
    b->cache = m->cache;
    tail = &b->result.content;
    return read_content(d, m->content, at, &tail);
}

static enum rc read_assistant(struct decoding *d, jval v, const struct message *m,
                              const struct field_at *at, struct ir_message *to)
{
    struct field_at content_at = {.up = at, .name = "content", .index = -1};
    struct field_at call_at = {.up = at, .name = "tool_calls"};
    struct json_iter it = json_iter(m->calls);
    struct ir_block *b;

    TRY(read_thoughts(d, v, at, &to->tail));
    TRY(read_content(d, m->content, &content_at, &to->tail));
    if (m->refusal.n) {
        TRY(field_add_block(d, &to->tail, IR_REFUSAL, JVAL_NONE, &b));
        b->text.text = m->refusal;
    }
    if (json_has(m->calls) && !json_is(m->calls, JSON_ARRAY))
        return field_bad(d, &call_at, "must be an array", "invalid_type");
    for (; json_next(&it); call_at.index++)
        TRY(read_call(d, it.val, &call_at, &to->tail));
    if (json_has(
            m->function_call)) { /* of before tools: its result names the function, so is its id */
        TRY(field_add_block(d, &to->tail, IR_TOOL_USE, JVAL_NONE, &b));
        TRY(read_call_body(d, m->function_call, at, b));
        b->use.id = b->use.name;
    }
    return RC_OK;
}

/* The thoughts of an earlier answer are read with the assistant's message, for several members say
 * them (openai_chat_history.c has the same list for the way out); here they are only known. */
static enum rc read_message(struct decoding *d, jval v, const struct field_at *at)
{
    static const struct field rows[] = {
        FIELD(role, FIELD_TEXT, struct message, role),
        FIELD(name, FIELD_TEXT, struct message, name),
        FIELD(content, FIELD_VALUE, struct message, content),
        FIELD(refusal, FIELD_TEXT, struct message, refusal),
        FIELD(tool_calls, FIELD_VALUE, struct message, calls),
        FIELD(tool_call_id, FIELD_TEXT, struct message, call_id),
        FIELD(function_call, FIELD_VALUE, struct message, function_call),
        FIELD(cache_control, FIELD_JSON, struct message, cache),
        FIELD_SKIP(reasoning_content),
        FIELD_SKIP(reasoning),
        FIELD_SKIP(reasoning_details),
        FIELD_SKIP(annotations),
    };
    struct field_at content_at = {.up = at, .name = "content", .index = -1};
    struct message m = {0};
    struct ir_message *to;
    enum ir_role role;

    TRY(field_walk(d, v, rows, ARRAY_LEN(rows), &m, at));
    TRY(read_role(d, &m, at, &role));
    to = ir_add_message(d->arena, &d->messages, role);
    if (!to)
        return field_nomem(d);
    to->name = role == IR_TOOL ? STR_NONE : m.name;
    if (role == IR_TOOL)
        return read_tool_message(d, &m, &content_at, to);
    if (role == IR_ASSISTANT)
        return read_assistant(d, v, &m, at, to);
    TRY(read_content(d, m.content, &content_at, &to->tail));
    if (m.cache.n && to->blocks)
        to->blocks->cache = m.cache;
    return RC_OK;
}

enum rc chat_read_messages(struct decoding *d, jval v, void *to, const struct field_at *at)
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
        return field_bad(d, at, "must hold at least one message", "empty_array");
    return RC_OK;
}
