/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cohere_history.c - canonical messages as Cohere's, and the documents they are to be answered
 * from.
 *
 *     user [ document(cited), text, image ]  →  documents [ {data} ]   user [ text, image_url ]
 *     assistant [ text, call ]               →  assistant { tool_plan, tool_calls }
 *     user [ result A, text ]                →  tool A   user "text"
 *
 * What a model said before its calls is its plan. Documents whose citation was asked for become the
 * request's, so that the answer cites them, and so do search results; other texts stand where they
 * stood.
 */
#include "dialect/cohere_int.h"
#include "dialect/kin.h"
#include "dialect/media.h"
#include "dialect/search_result.h"

#define GAP "\\n\\n" /* between blocks that become one text; escaped */

static void begin_message(struct cohere_writer *cw, str role)
{
    json_begin_object(&cw->w);
    json_key(&cw->w, "role");
    json_put_raw_str(&cw->w, role);
}

static bool is_cited(const struct ir_block *b)
{
    return b->kind == IR_DOCUMENT && b->media.src == IR_MEDIA_TEXT &&
           str_find(b->media.citations, STR("true")) != SIZE_MAX;
}

/* Did the block go among the documents? Only those of a message itself do, not those of results. */
static bool is_taken(const struct ir_block *b)
{
    return is_cited(b) || (b->kind == IR_OPAQUE && str_eq(b->opaque.type, STR("search_result")));
}

static bool has_thought(const struct ir_block *b)
{
    for (; b; b = b->next)
        if (b->kind == IR_THINKING && b->thinking.text.n)
            return true;
    return false;
}

/* ---- documents ----------------------------------------------------------------------------------
 */

static void begin_document(struct cohere_writer *cw, uint64_t *n)
{
    struct json_writer *w = &cw->w;

    if (!*n) {
        json_key(w, "documents");
        json_begin_array(w);
    }
    json_begin_object(w);
    json_key(w, "id");
    json_open_str(w);
    json_add_raw(w, STR("doc:"));
    json_add_raw(w, arena_strf(cw->arena, "%llu", (unsigned long long)(*n)++));
    json_close_str(w);
    json_key(w, "data");
    json_begin_object(w);
}

static void put_title(struct json_writer *w, jtext title)
{
    if (title.n) {
        json_key(w, "title");
        json_put_raw_str(w, title);
    }
}

static void put_document(struct cohere_writer *cw, const struct ir_media *m, uint64_t *n)
{
    begin_document(cw, n);
    put_title(&cw->w, m->title);
    if (m->context.n) { /* a document's members are anything that the model is to know of it */
        json_key(&cw->w, "context");
        json_put_raw_str(&cw->w, m->context);
    }
    json_key(&cw->w, "text");
    json_put_raw_str(&cw->w, m->data);
    json_end(&cw->w);
    json_end(&cw->w);
}

static void put_found(struct cohere_writer *cw, struct search_result *found, uint64_t *n)
{
    bool any = false;

    begin_document(cw, n);
    put_title(&cw->w, found->title);
    json_key(&cw->w, "url");
    json_put_raw_str(&cw->w, found->source);
    json_key(&cw->w, "text");
    json_open_str(&cw->w);
    while (json_next(&found->content)) {
        json_add_raw(&cw->w, any ? STR(GAP) : STR(""));
        json_add_raw(&cw->w, json_raw(json_get_lit(found->content.val, "text")));
        any = true;
    }
    json_close_str(&cw->w);
    json_end(&cw->w);
    json_end(&cw->w);
}

void cohere_put_documents(struct cohere_writer *cw)
{
    uint64_t n = 0;

    for (const struct ir_message *m = cw->r->messages; m; m = m->next)
        for (const struct ir_block *b = m->blocks; b; b = b->next) {
            struct search_result found;

            if (is_cited(b))
                put_document(cw, &b->media, &n);
            else if (search_result_read(b, cw->arena, &found))
                put_found(cw, &found, &n);
        }
    if (n)
        json_end(&cw->w);
}

/* ---- content ------------------------------------------------------------------------------------
 */

/* Text of one block onto an open string; what has none leaves a note. */
static void add_text(struct cohere_writer *cw, const struct ir_block *b, bool *any);

static void add_piece(struct cohere_writer *cw, jtext text, bool *any)
{
    if (!text.n)
        return;
    if (*any)
        json_add_raw(&cw->w, STR(GAP));
    json_add_raw(&cw->w, text);
    *any = true;
}

static void add_document(struct cohere_writer *cw, const struct ir_media *m, bool *any)
{
    switch (m->src) {
    case IR_MEDIA_TEXT:
    case IR_MEDIA_BLOCKS:
        add_piece(cw, m->title, any);
        add_piece(cw, m->context, any);
        if (m->src == IR_MEDIA_TEXT)
            add_piece(cw, m->data, any);
        for (const struct ir_block *b = m->src == IR_MEDIA_BLOCKS ? m->blocks : NULL; b;
             b = b->next)
            add_text(cw, b, any);
        break;
    case IR_MEDIA_URL:
        add_piece(cw, m->data, any);
        cohere_lose(cw, STR("document.url"));
        break;
    case IR_MEDIA_BASE64:
    case IR_MEDIA_FILE_ID:
        add_piece(cw, STR("[a file was here, which this model can't read]"), any);
        cohere_lose(cw, STR("document"));
        break;
    }
}

static void add_opaque(struct cohere_writer *cw, const struct ir_block *b, bool *any)
{
    struct search_result found;

    if (!search_result_read(b, cw->arena, &found)) {
        cohere_lose(cw, b->opaque.type);
        return;
    }
    add_piece(cw, found.title, any);
    add_piece(cw, found.source, any);
    while (json_next(&found.content))
        add_piece(cw, json_raw(json_get_lit(found.content.val, "text")), any);
}

static void add_text(struct cohere_writer *cw, const struct ir_block *b, bool *any)
{
    switch (b->kind) {
    case IR_TEXT:
    case IR_REFUSAL:
        add_piece(cw, b->text.text, any);
        break;
    case IR_DOCUMENT:
        add_document(cw, &b->media, any);
        break;
    case IR_IMAGE:
        add_piece(cw, STR("[an image was here, which this model can't see]"), any);
        cohere_lose(cw, STR("image"));
        break;
    case IR_AUDIO:
        add_piece(cw, STR("[a sound was here, which this model can't hear]"), any);
        cohere_lose(cw, STR("input_audio"));
        break;
    case IR_OPAQUE:
        add_opaque(cw, b, any);
        break;
    case IR_THINKING:
    case IR_REDACTED:
    case IR_TOOL_USE:
    case IR_TOOL_RESULT:
        break;
    }
}

/* All of it as one text; of a message, without what became documents. */
static void put_joined(struct cohere_writer *cw, const struct ir_block *b, bool message)
{
    bool any = false;

    json_open_str(&cw->w);
    for (; b; b = b->next)
        if (!message || !is_taken(b))
            add_text(cw, b, &any);
    json_close_str(&cw->w);
}

static bool has_image(const struct ir_block *b)
{
    for (; b; b = b->next)
        if (b->kind == IR_IMAGE)
            return true;
    return false;
}

/* Will put_joined write anything for it? */
static bool says_something(const struct ir_block *b)
{
    return (b->kind == IR_TEXT && b->text.text.n) || b->kind == IR_REFUSAL || b->kind == IR_AUDIO ||
           (b->kind == IR_DOCUMENT && !is_cited(b));
}

/* A user's: text alone as one string, with pictures among it as parts. */
static void put_content(struct cohere_writer *cw, const struct ir_block *b)
{
    json_key(&cw->w, "content");
    if (!has_image(b)) {
        put_joined(cw, b, true);
        return;
    }
    json_begin_array(&cw->w);
    for (; b; b = b->next) {
        struct ir_block one = *b;

        one.next = NULL;
        if (b->kind == IR_IMAGE) {
            kin_put_image(&cw->w, &b->media, cw->c->opts, cw->lossy);
        } else if (says_something(b)) {
            json_begin_object(&cw->w);
            json_key(&cw->w, "type");
            json_put_lit(&cw->w, "text");
            json_key(&cw->w, "text");
            put_joined(cw, &one, true);
            json_end(&cw->w);
        } else if (b->kind == IR_OPAQUE && !is_taken(b)) {
            cohere_lose(cw, b->opaque.type);
        }
    }
    json_end(&cw->w);
}

/* ---- an assistant's -----------------------------------------------------------------------------
 */

static bool has_kind(const struct ir_block *b, enum ir_kind kind)
{
    for (; b; b = b->next)
        if (b->kind == kind)
            return true;
    return false;
}

static void put_call(struct cohere_writer *cw, const struct ir_block *b)
{
    struct json_writer *w = &cw->w;

    json_begin_object(w);
    json_key(w, "id");
    json_put_raw_str(w, b->use.id);
    json_key(w, "type");
    json_put_lit(w, "function");
    json_key(w, "function");
    json_begin_object(w);
    json_key(w, "name");
    json_put_raw_str(w, b->use.name);
    json_key(w, "arguments");
    json_open_str(w);
    if (b->is_custom) {
        cohere_lose(cw, STR("tool_calls.custom"));
        json_add_plain(w, STR("{\"input\":\""));
        json_add_plain(w, b->use.args);
        json_add_plain(w, STR("\"}"));
    } else {
        json_add_plain(w, b->use.args);
    }
    json_close_str(w);
    json_end(w);
    json_end(w);
}

/* Thoughts as parts before the text, for models that think; others never had any. */
static void put_thoughts(struct cohere_writer *cw, const struct ir_block *b, bool text)
{
    struct json_writer *w = &cw->w;

    json_key(w, "content");
    json_begin_array(w);
    for (; b; b = b->next) {
        if (b->kind == IR_THINKING && b->thinking.text.n) {
            json_begin_object(w);
            json_key(w, "type");
            json_put_lit(w, "thinking");
            json_key(w, "thinking");
            json_put_raw_str(w, b->thinking.text);
            json_end(w);
        } else if (text && (b->kind == IR_TEXT || b->kind == IR_REFUSAL) && b->text.text.n) {
            kin_put_text(w, b->text.text);
        } else if (b->kind == IR_OPAQUE) {
            cohere_lose(cw, b->opaque.type);
        }
    }
    json_end(w);
}

static void put_assistant(struct cohere_writer *cw, const struct ir_message *m)
{
    struct json_writer *w = &cw->w;
    bool calls = has_kind(m->blocks, IR_TOOL_USE);
    bool thoughts = has_thought(m->blocks) && cw->c->opts->replay == REPLAY_PARTS;

    begin_message(cw, STR("assistant"));
    if (has_kind(m->blocks, IR_REDACTED) || (!thoughts && has_kind(m->blocks, IR_THINKING)))
        cohere_lose(cw, STR("thinking"));
    if (thoughts)
        put_thoughts(cw, m->blocks, !calls);
    if (!thoughts && !calls) {
        json_key(w, "content");
        put_joined(cw, m->blocks, true);
    }
    if (calls && has_kind(m->blocks, IR_TEXT)) {
        json_key(w, "tool_plan");
        put_joined(cw, m->blocks, true);
    }
    if (calls) {
        json_key(w, "tool_calls");
        json_begin_array(w);
        for (const struct ir_block *b = m->blocks; b; b = b->next)
            if (b->kind == IR_TOOL_USE)
                put_call(cw, b);
        json_end(w);
    }
    json_end(w);
    if (!m->next)
        cohere_lose(cw, STR("messages.prefill"));
}

/* ---- the others' --------------------------------------------------------------------------------
 */

static void put_result(struct cohere_writer *cw, const struct ir_block *b)
{
    begin_message(cw, STR("tool"));
    json_key(&cw->w, "tool_call_id");
    json_put_raw_str(&cw->w, b->result.id);
    json_key(&cw->w, "content");
    put_joined(cw, b->result.content, false);
    json_end(&cw->w);
    if (b->is_error)
        cohere_lose(cw, STR("tool_result.is_error"));
}

static void put_user(struct cohere_writer *cw, const struct ir_message *m)
{
    bool results = false, others = false;

    for (const struct ir_block *b = m->blocks; b; b = b->next) {
        results |= b->kind == IR_TOOL_RESULT;
        others |= b->kind != IR_TOOL_RESULT;
        if (b->kind == IR_TOOL_RESULT)
            put_result(cw, b);
    }
    if (m->name.n)
        cohere_lose(cw, STR("messages.name"));
    if (results && !others)
        return;
    begin_message(cw, STR("user"));
    put_content(cw, m->blocks);
    json_end(&cw->w);
}

/* System text among the turns, which the model knows at the front only. */
static void put_system(struct cohere_writer *cw, const struct ir_message *m, bool leading)
{
    bool any = false, moved = !leading && cw->c->opts->mid_system != MID_SYSTEM_KEEP;

    begin_message(cw, moved ? STR("user") : STR("system"));
    json_key(&cw->w, "content");
    json_open_str(&cw->w);
    if (moved)
        json_add_raw(&cw->w, STR("<system>\\n"));
    for (const struct ir_block *b = m->blocks; b; b = b->next)
        add_text(cw, b, &any);
    if (moved)
        json_add_raw(&cw->w, STR("\\n</system>"));
    json_close_str(&cw->w);
    json_end(&cw->w);
    if (moved)
        cohere_lose(cw, STR("messages.role"));
}

static void put_schema_text(struct cohere_writer *cw)
{
    begin_message(cw, STR("system"));
    json_key(&cw->w, "content");
    json_open_str(&cw->w);
    json_add_raw(&cw->w, STR("Answer only with a JSON document that matches this JSON Schema:\\n"));
    json_add_plain(&cw->w, json_text(cw->r->format.schema));
    json_close_str(&cw->w);
    json_end(&cw->w);
}

static void note_marks(struct cohere_writer *cw, const struct ir_block *b)
{
    for (; b; b = b->next)
        if (b->cache.n)
            cohere_lose(cw, STR("cache_control"));
}

void cohere_put_messages(struct cohere_writer *cw)
{
    bool leading = true;

    json_begin_array(&cw->w);
    if (cw->schema_in_words)
        put_schema_text(cw);
    for (const struct ir_message *m = cw->r->messages; m; m = m->next) {
        note_marks(cw, m->blocks);
        leading &= m->role == IR_SYSTEM || m->role == IR_DEVELOPER;
        switch (m->role) {
        case IR_SYSTEM:
        case IR_DEVELOPER:
            put_system(cw, m, leading);
            break;
        case IR_ASSISTANT:
            put_assistant(cw, m);
            break;
        case IR_USER:
        case IR_TOOL:
            put_user(cw, m);
            break;
        }
    }
    json_end(&cw->w);
}
