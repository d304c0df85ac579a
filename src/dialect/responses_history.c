/* SPDX-License-Identifier: Apache-2.0 */
/*
 * responses_history.c - canonical turns as the items of a Responses request.
 *
 *     assistant [ thought, text, call A, call B ]  →  reasoning, message, function_call A, … B
 *     user      [ result A, result B, text ]       →  function_call_output A, … B, message
 *
 * The richer language: results hold pictures and files, system text stands anywhere, free-text
 * calls are items of their own. Reasoning goes back only where this language's own provider sealed
 * it: it has no place for anybody else's thoughts.
 */
#include "dialect/media.h"
#include "dialect/openai_chat_int.h"
#include "dialect/responses_int.h"
#include "dialect/seal.h"

static void begin_typed(struct responses_writer *rw, str type)
{
    json_begin_object(&rw->w);
    json_key(&rw->w, "type");
    json_put_raw_str(&rw->w, type);
}

static void put_text_part(struct responses_writer *rw, str type, jtext text)
{
    begin_typed(rw, type);
    json_key(&rw->w, "text");
    json_put_raw_str(&rw->w, text);
    json_end(&rw->w);
}

static void put_note(struct responses_writer *rw, str text, str loss)
{
    put_text_part(rw, STR("input_text"), text);
    responses_lose(rw, loss);
}

/* ---- pictures and files -------------------------------------------------------------------------
 */

static bool is_kin(const struct responses_writer *rw)
{
    return chat_is_kin(
        rw->r->family); /* an id of OpenAI's files means the same to both of its APIs */
}

static void put_image(struct responses_writer *rw, const struct ir_media *m)
{
    struct json_writer *w = &rw->w;

    if (m->src == IR_MEDIA_FILE_ID && !is_kin(rw)) {
        put_note(rw, STR("[an image was here that only its own provider can read]"),
                 STR("image.file_id"));
        return;
    }
    if (media_refuses_url(rw->c->opts, IR_IMAGE, m)) {
        put_note(rw, STR("[an image was here that this model can't fetch]"), STR("image.url"));
        return;
    }
    begin_typed(rw, STR("input_image"));
    if (m->src == IR_MEDIA_FILE_ID) {
        json_key(w, "file_id");
        json_put_raw_str(w, m->data);
    } else {
        json_key(w, "image_url");
        media_put_url(w, m, STR("image/png"));
    }
    json_key(w, "detail"); /* a required field in OpenAI's own types */
    json_put_raw_str(w, m->detail.n ? m->detail : STR("auto"));
    json_end(w);
}

static void put_file(struct responses_writer *rw, const struct ir_media *m)
{
    struct json_writer *w = &rw->w;

    begin_typed(rw, STR("input_file"));
    if (m->src == IR_MEDIA_FILE_ID) {
        json_key(w, "file_id");
        json_put_raw_str(w, m->data);
    } else if (m->src == IR_MEDIA_URL) {
        json_key(w, "file_url");
        json_put_raw_str(w, m->data);
    } else {
        json_key(w, "filename");
        json_put_raw_str(w, m->title.n ? m->title : STR("document.pdf"));
        json_key(w, "file_data");
        media_put_url(w, m, STR("application/pdf"));
    }
    json_end(w);
}

/* A document that is text, under its title. */
static void put_text_file(struct responses_writer *rw, const struct ir_media *m, jtext text)
{
    struct json_writer *w = &rw->w;

    begin_typed(rw, STR("input_text"));
    json_key(w, "text");
    json_open_str(w);
    chat_add_about(w, m);
    json_add_raw(w, text);
    json_close_str(w);
    json_end(w);
}

static void put_parts(struct responses_writer *rw, const struct ir_block *b);

/* What is told of a file and has no field here stands before it as text. A title is the file's name
 * only where the bytes are sent along. */
static void put_about(struct responses_writer *rw, const struct ir_media *m)
{
    struct ir_media about = {.context = m->context};

    if (m->src != IR_MEDIA_BASE64)
        about.title = m->title;
    if (about.title.n || about.context.n)
        put_text_file(rw, &about, STR(""));
}

static void put_document(struct responses_writer *rw, const struct ir_media *m)
{
    switch (m->src) {
    case IR_MEDIA_TEXT:
        put_text_file(rw, m, m->data);
        break;
    case IR_MEDIA_BLOCKS:
        put_about(rw, m);
        put_parts(rw, m->blocks);
        break;
    case IR_MEDIA_FILE_ID:
        put_about(rw, m);
        if (!is_kin(rw)) {
            put_note(rw, STR("[a document was here that only its own provider can read]"),
                     STR("document.file_id"));
            break;
        }
        put_file(rw, m);
        break;
    case IR_MEDIA_URL:
    case IR_MEDIA_BASE64:
        put_about(rw, m);
        if (media_refuses_url(rw->c->opts, IR_DOCUMENT, m))
            put_note(rw, STR("[a document was here that this model can't fetch]"),
                     STR("document.url"));
        else
            put_file(rw, m);
        break;
    }
}

static void put_audio(struct responses_writer *rw, const struct ir_media *m)
{
    (void)m;
    put_note(rw, STR("[a sound was here, which this model can't hear]"), STR("input_audio"));
}

/* ---- content ------------------------------------------------------------------------------------
 */

static void put_part(struct responses_writer *rw, const struct ir_block *b)
{
    switch (b->kind) {
    case IR_TEXT:
    case IR_REFUSAL:
        put_text_part(rw, STR("input_text"), b->text.text);
        break;
    case IR_IMAGE:
        put_image(rw, &b->media);
        break;
    case IR_DOCUMENT:
        put_document(rw, &b->media);
        break;
    case IR_AUDIO:
        put_audio(rw, &b->media);
        break;
    case IR_OPAQUE:
        put_note(rw, STR("[a part was here that this model can't read]"), b->opaque.type);
        break;
    case IR_THINKING:
    case IR_REDACTED:
    case IR_TOOL_USE:
    case IR_TOOL_RESULT:
        break;
    }
}

static void put_parts(struct responses_writer *rw, const struct ir_block *b)
{
    for (; b; b = b->next)
        put_part(rw, b);
}

static bool is_one_text(const struct ir_block *b)
{
    return b && !b->next && (b->kind == IR_TEXT || b->kind == IR_REFUSAL);
}

/* One text as a string, the form every server takes; else parts. */
static void put_content(struct responses_writer *rw, const struct ir_block *b)
{
    if (is_one_text(b)) {
        json_put_raw_str(&rw->w, b->text.text);
        return;
    }
    json_begin_array(&rw->w);
    put_parts(rw, b);
    json_end(&rw->w);
}

/* ---- results ------------------------------------------------------------------------------------
 */

/* Was the call that this answers one of a free-text tool? Looked for only where there are any. */
static bool answers_custom(const struct responses_writer *rw, jtext id)
{
    for (const struct ir_message *m = rw->r->messages; rw->custom_calls && m; m = m->next)
        for (const struct ir_block *b = m->blocks; b; b = b->next)
            if (b->kind == IR_TOOL_USE && b->is_custom && str_eq(b->use.id, id))
                return true;
    return false;
}

static void put_result(struct responses_writer *rw, const struct ir_block *b)
{
    begin_typed(rw, answers_custom(rw, b->result.id) ? STR("custom_tool_call_output")
                                                     : STR("function_call_output"));
    json_key(&rw->w, "call_id");
    json_put_raw_str(&rw->w, b->result.id);
    json_key(&rw->w, "output");
    if (b->result.content)
        put_content(rw, b->result.content);
    else
        json_put_lit(&rw->w, "");
    json_end(&rw->w);
    if (b->is_error)
        responses_lose(rw, STR("tool_result.is_error"));
    if (b->cache.n)
        responses_lose(rw, STR("cache_control"));
}

/* ---- what an assistant did ----------------------------------------------------------------------
 */

bool responses_keeps_thought(const struct ir_block *b)
{
    if (!str_eq(b->thinking.format, STR(SEAL_OPENAI)))
        return false;
    return b->kind == IR_REDACTED ? b->thinking.text.n > 0 : b->thinking.signature.n > 0;
}

static void put_thought(struct responses_writer *rw, const struct ir_block *b)
{
    struct json_writer *w = &rw->w;
    bool redacted = b->kind == IR_REDACTED;

    if (!responses_keeps_thought(b)) {
        responses_lose(rw, STR("thinking"));
        return;
    }
    rw->seals = true;
    begin_typed(rw, STR("reasoning"));
    json_key(w, "summary");
    json_begin_array(w);
    if (!redacted && b->thinking.text.n)
        put_text_part(rw, STR("summary_text"), b->thinking.text);
    json_end(w);
    json_key(w, "encrypted_content");
    json_put_raw_str(w, redacted ? b->thinking.text : b->thinking.signature);
    json_end(w);
}

static void put_call(struct responses_writer *rw, const struct ir_block *b)
{
    struct json_writer *w = &rw->w;

    begin_typed(rw, b->is_custom ? STR("custom_tool_call") : STR("function_call"));
    json_key(w, "call_id");
    json_put_raw_str(w, b->use.id);
    json_key(w, "name");
    json_put_raw_str(w, b->use.name);
    if (b->is_custom) {
        json_key(w, "input");
        json_put_raw_str(w, b->use.args);
    } else {
        json_key(w, "arguments");
        json_open_str(w);
        json_add_plain(w, b->use.args);
        json_close_str(w);
    }
    json_end(w);
    if (b->use.sealed.n)
        responses_lose(rw, STR("thinking"));
}

static bool is_speech(const struct ir_block *b)
{
    return (b->kind == IR_TEXT || b->kind == IR_REFUSAL) && b->text.text.n;
}

/* Neighbouring texts are one message. Returns the first block behind them. */
static const struct ir_block *put_speech(struct responses_writer *rw, const struct ir_block *b)
{
    struct json_writer *w = &rw->w;

    begin_typed(rw, STR("message"));
    json_key(w, "role");
    json_put_lit(w, "assistant");
    json_key(w, "content");
    json_begin_array(w);
    for (; b && is_speech(b); b = b->next) {
        if (b->kind == IR_TEXT) {
            put_text_part(rw, STR("output_text"), b->text.text);
            continue;
        }
        begin_typed(rw, STR("refusal"));
        json_key(w, "refusal");
        json_put_raw_str(w, b->text.text);
        json_end(w);
    }
    json_end(w);
    json_end(w);
    return b;
}

static void put_assistant(struct responses_writer *rw, const struct ir_message *m)
{
    const struct ir_block *b = m->blocks;

    while (b) {
        if (is_speech(b)) {
            b = put_speech(rw, b);
            continue;
        }
        if (b->kind == IR_THINKING || b->kind == IR_REDACTED)
            put_thought(rw, b);
        else if (b->kind == IR_TOOL_USE)
            put_call(rw, b);
        else if (b->kind == IR_IMAGE || b->kind == IR_DOCUMENT)
            responses_lose(rw, STR("messages.image")); /* an assistant says nothing but text here */
        else if (b->kind == IR_OPAQUE)
            responses_lose(rw, b->opaque.type);
        b = b->next;
    }
}

/* ---- messages -----------------------------------------------------------------------------------
 */

static void put_message(struct responses_writer *rw, const struct ir_message *m, str role)
{
    const struct ir_block *b;
    bool only_text = true;

    for (b = m->blocks; b; b = b->next)
        only_text &= b->kind == IR_TEXT || b->kind == IR_REFUSAL;
    begin_typed(rw, STR("message"));
    json_key(&rw->w, "role");
    json_put_raw_str(&rw->w, role);
    json_key(&rw->w, "content");
    if (only_text && !m->blocks)
        json_put_lit(&rw->w, "");
    else
        put_content(rw, m->blocks);
    json_end(&rw->w);
    if (m->name.n)
        responses_lose(rw, STR("messages.name"));
}

static void put_user(struct responses_writer *rw, const struct ir_message *m)
{
    bool results = false, others = false;

    for (const struct ir_block *b = m->blocks; b; b = b->next) {
        results |= b->kind == IR_TOOL_RESULT;
        others |= b->kind != IR_TOOL_RESULT;
        if (b->kind == IR_TOOL_RESULT)
            put_result(rw, b);
    }
    if (others || !results)
        put_message(rw, m, STR("user"));
}

/* Marks on blocks that have no place here, wherever the block itself goes. */
static void note_marks(struct responses_writer *rw, const struct ir_message *m)
{
    for (const struct ir_block *b = m->blocks; b; b = b->next) {
        if (b->cache.n)
            responses_lose(rw, STR("cache_control"));
        if (b->kind == IR_DOCUMENT && str_find(b->media.citations, STR("true")) != SIZE_MAX)
            responses_lose(rw, STR("citations"));
        rw->custom_calls |= b->kind == IR_TOOL_USE && b->is_custom;
    }
}

void responses_put_input(struct responses_writer *rw)
{
    json_begin_array(&rw->w);
    for (const struct ir_message *m = rw->r->messages; m; m = m->next) {
        note_marks(rw, m);
        switch (m->role) {
        case IR_SYSTEM:
            put_message(rw, m, STR("system"));
            break;
        case IR_DEVELOPER:
            put_message(rw, m,
                        rw->c->opts->refused & REFUSES(DEVELOPER) ? STR("system")
                                                                  : STR("developer"));
            break;
        case IR_ASSISTANT:
            put_assistant(rw, m);
            if (!m->next && !is_kin(rw)) /* a start of the answer, to be gone on with */
                responses_lose(rw, STR("messages.prefill"));
            break;
        case IR_USER:
        case IR_TOOL:
            put_user(rw, m);
            break;
        }
    }
    json_end(&rw->w);
}
