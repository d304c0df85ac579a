/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openai_chat_parts.c - blocks of canonical content as the content of a Chat message.
 *
 * Text that is only text becomes one string, the one form that every compatible server takes; with
 * pictures, files or kept cache markers among it, an array of parts. What has no words in Chat is
 * named in the lossy set.
 */
#include "dialect/kin.h"
#include "dialect/media.h"
#include "dialect/openai_chat_int.h"
#include "dialect/search_result.h"

#define TEXT_GAP "\\n\\n" /* between blocks that become one string; escaped */

bool chat_is_kin(str family)
{
    return str_has_prefix(family, STR("openai"));
}

void chat_lose(struct chat_writer *cw, str name)
{
    ir_lossy_add(cw->lossy, name);
}

bool chat_is_text(const struct ir_block *b)
{
    return b->kind == IR_TEXT || b->kind == IR_REFUSAL ||
           (b->kind == IR_DOCUMENT && b->media.src == IR_MEDIA_TEXT);
}

bool chat_is_media(const struct ir_block *b)
{
    return b->kind == IR_IMAGE || b->kind == IR_AUDIO ||
           (b->kind == IR_DOCUMENT && b->media.src != IR_MEDIA_TEXT);
}

void chat_add_about(struct json_writer *w, const struct ir_media *m)
{
    const jtext said[] = {m->title, m->context};

    for (size_t i = 0; i < ARRAY_LEN(said); i++) {
        if (!said[i].n)
            continue;
        json_add_raw(w, said[i]);
        json_add_raw(w, STR(TEXT_GAP));
    }
}

bool chat_add_text(struct json_writer *w, const struct ir_block *b, str gap)
{
    bool document = b->kind == IR_DOCUMENT;
    jtext text = document ? b->media.data : b->text.text;

    if (!text.n)
        return false;
    json_add_raw(w, gap);
    if (document)
        chat_add_about(w, &b->media);
    json_add_raw(w, text);
    return true;
}

/* ---- media --------------------------------------------------------------------------------------
 */

/* Pictures are fetched by the provider, files are not. */
bool chat_wants_bytes(const struct ir_block *b)
{
    return b->kind == IR_DOCUMENT;
}

/* Mistral's form of a file: fetched from the web, or given as a data URL. */
static void put_document_url(struct json_writer *w, const struct ir_media *m)
{
    json_begin_object(w);
    json_key(w, "type");
    json_put_lit(w, "document_url");
    json_key(w, "document_url");
    media_put_url(w, m, STR("application/pdf"));
    if (m->title.n) {
        json_key(w, "document_name");
        json_put_raw_str(w, m->title);
    }
    json_end(w);
}

static void put_file(struct chat_writer *cw, const struct ir_media *m)
{
    struct json_writer *w = &cw->w;

    if (cw->ways->document_url && m->src != IR_MEDIA_FILE_ID) {
        put_document_url(w, m);
        return;
    }
    json_begin_object(w);
    json_key(w, "type");
    json_put_lit(w, "file");
    json_key(w, "file");
    json_begin_object(w);
    if (m->src == IR_MEDIA_FILE_ID) {
        json_key(w, "file_id");
        json_put_raw_str(w, m->data);
    } else {
        json_key(w, "filename");
        json_put_raw_str(w, m->title.n ? m->title : STR("document.pdf"));
        json_key(w, "file_data");
        media_put_url(w, m, STR("application/pdf"));
    }
    json_end(w);
    json_end(w);
}

/* A document that is text: its title and context, then its words. */
static void put_text_document(struct json_writer *w, const struct ir_media *m, jtext text)
{
    json_begin_object(w);
    json_key(w, "type");
    json_put_lit(w, "text");
    json_key(w, "text");
    json_open_str(w);
    chat_add_about(w, m);
    json_add_raw(w, text);
    json_close_str(w);
    json_end(w);
}

static void put_parts(struct chat_writer *cw, const struct ir_block *b);

/* What is told of a file and has no field here stands before it as text: the title has one where
 * the bytes are sent along (`filename`), and in Mistral's form. */
static void put_about(struct chat_writer *cw, const struct ir_media *m)
{
    bool named = m->src == IR_MEDIA_BASE64 || (m->src == IR_MEDIA_URL && cw->ways->document_url);
    struct ir_media about = {.context = m->context, .title = named ? STR_NONE : m->title};

    if (about.title.n || about.context.n)
        put_text_document(&cw->w, &about, STR(""));
}

static void put_document(struct chat_writer *cw, const struct ir_media *m)
{
    switch (m->src) {
    case IR_MEDIA_BASE64:
        put_about(cw, m);
        put_file(cw, m);
        break;
    case IR_MEDIA_FILE_ID:
        put_about(cw, m);
        if (chat_is_kin(cw->r->family)) {
            put_file(cw, m);
            break;
        }
        kin_put_text(&cw->w, STR("[a document was here that only its own provider can read]"));
        chat_lose(cw, STR("document.file_id"));
        break;
    case IR_MEDIA_TEXT:
        put_text_document(&cw->w, m, m->data);
        break;
    case IR_MEDIA_URL: /* OpenAI fetches pictures only */
        if (cw->ways->document_url) {
            put_about(cw, m);
            put_document_url(&cw->w, m);
            break;
        }
        chat_lose(cw, STR("document.url"));
        put_text_document(&cw->w, m, m->data);
        break;
    case IR_MEDIA_BLOCKS:
        put_about(cw, m);
        put_parts(cw, m->blocks);
        break;
    }
}

static str audio_format(jtext type)
{
    size_t slash = str_rfind_char(type, '/');
    str f = slash == SIZE_MAX ? type : str_from(type, slash + 1);

    if (str_eq(f, STR("mpeg")))
        return STR("mp3");
    return f.n ? f : STR("wav");
}

static void put_audio(struct chat_writer *cw, const struct ir_media *m)
{
    struct json_writer *w = &cw->w;

    if (m->src == IR_MEDIA_URL && !cw->ways->document_url) { /* only Mistral fetches sounds */
        kin_put_text(w, STR("[a sound was here, which this model can't fetch]"));
        chat_lose(cw, STR("input_audio"));
        return;
    }
    json_begin_object(w);
    json_key(w, "type");
    json_put_lit(w, "input_audio");
    json_key(w, "input_audio");
    if (cw->ways->document_url) {
        json_put_raw_str(w, m->data);
        json_end(w);
        return;
    }
    json_begin_object(w);
    json_key(w, "data");
    json_put_raw_str(w, m->data);
    json_key(w, "format");
    json_put_raw_str(w, audio_format(m->media_type));
    json_end(w);
    json_end(w);
}

/* ---- content ------------------------------------------------------------------------------------
 */

/* A block of the source dialect's own. Search results are text in all but name. */
static void put_opaque(struct chat_writer *cw, const struct ir_block *b)
{
    struct search_result found;

    if (!search_result_read(b, cw->arena, &found)) {
        chat_lose(cw, b->opaque.type);
        return;
    }
    kin_put_text(&cw->w, found.title);
    kin_put_text(&cw->w, found.source);
    while (json_next(&found.content))
        kin_put_text(&cw->w, json_raw(json_get_lit(found.content.val, "text")));
}

void chat_put_part(struct chat_writer *cw, const struct ir_block *b)
{
    struct json_writer *w = &cw->w;

    switch (b->kind) {
    case IR_TEXT:
    case IR_REFUSAL:
        json_begin_object(w);
        json_key(w, "type");
        json_put_lit(w, "text");
        json_key(w, "text");
        json_put_raw_str(w, b->text.text);
        if (b->cache.n && cw->c->opts->cache_markers) {
            json_key(w, "cache_control");
            json_put_text(w, b->cache);
        }
        json_end(w);
        break;
    case IR_IMAGE:
        kin_put_image(&cw->w, &b->media, cw->c->opts, cw->lossy);
        break;
    case IR_DOCUMENT:
        put_document(cw, &b->media);
        break;
    case IR_AUDIO:
        put_audio(cw, &b->media);
        break;
    case IR_OPAQUE:
        put_opaque(cw, b);
        break;
    case IR_THINKING:
    case IR_REDACTED:
    case IR_TOOL_USE:
    case IR_TOOL_RESULT:
        break;
    }
}

static void put_parts(struct chat_writer *cw, const struct ir_block *b)
{
    for (; b; b = b->next)
        chat_put_part(cw, b);
}

/* Must the blocks stand as an array of parts? */
static bool needs_parts(const struct chat_writer *cw, const struct ir_block *b)
{
    for (; b; b = b->next)
        if (chat_is_media(b) ||
            (b->kind == IR_OPAQUE && str_eq(b->opaque.type, STR("search_result"))) ||
            (b->cache.n && cw->c->opts->cache_markers))
            return !cw->c->opts->text_only_parts;
    return false;
}

bool chat_has_text(const struct ir_block *b)
{
    for (; b; b = b->next)
        if (chat_is_text(b))
            return true;
    return false;
}

/* A note in the place of what this model can't be shown, so that it knows. */
static void put_absence(struct chat_writer *cw, const struct ir_block *b, bool *any)
{
    bool image = b->kind == IR_IMAGE;

    json_add_raw(&cw->w, image ? STR("[an image was here, which this model can't see]")
                               : STR("[a file was here, which this model can't read]"));
    chat_lose(cw, image ? STR("image") : STR("document"));
    *any = true;
}

void chat_put_joined(struct chat_writer *cw, const struct ir_block *b, str gap)
{
    bool any = false;

    json_open_str(&cw->w);
    for (; b; b = b->next) {
        if (chat_is_text(b)) {
            any |= chat_add_text(&cw->w, b, any ? gap : STR(""));
        } else if (chat_is_media(b)) {
            if (any)
                json_add_raw(&cw->w, gap);
            put_absence(cw, b, &any);
        } else if (b->kind == IR_OPAQUE) {
            chat_lose(cw, b->opaque.type);
        }
    }
    json_close_str(&cw->w);
}

void chat_put_content(struct chat_writer *cw, const struct ir_block *b)
{
    json_key(&cw->w, "content");
    if (!needs_parts(cw, b)) {
        chat_put_joined(cw, b, STR(TEXT_GAP));
        return;
    }
    json_begin_array(&cw->w);
    put_parts(cw, b);
    json_end(&cw->w);
}

void chat_put_thinking_parts(struct chat_writer *cw, const struct ir_block *b)
{
    struct json_writer *w = &cw->w;

    json_begin_array(w);
    for (; b; b = b->next) {
        if (chat_is_text(b)) {
            chat_put_part(cw, b);
        } else if (b->kind == IR_THINKING && b->thinking.text.n) {
            json_begin_object(w);
            json_key(w, "type");
            json_put_lit(w, "thinking");
            json_key(w, "thinking");
            json_begin_array(w);
            kin_put_text(w, b->thinking.text);
            json_end(w);
            json_end(w);
        } else if (b->kind == IR_REDACTED) {
            chat_lose(cw, STR("thinking"));
        } else if (b->kind == IR_OPAQUE) {
            chat_lose(cw, b->opaque.type);
        }
    }
    json_end(w);
}
