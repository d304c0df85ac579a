/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gemini_media.c - blocks of canonical content as parts: text, pictures, files, sounds. Signatures,
 * calls and results are gemini_history.c's.
 */
#include "dialect/gemini_int.h"
#include "dialect/media.h"

static bool own_words(const struct gemini_writer *gw)
{
    return str_eq(gw->r->family, STR(GEMINI_FAMILY));
}

void gemini_put_text(struct gemini_writer *gw, jtext text, jtext sealed)
{
    struct json_writer *w = &gw->w;

    json_begin_object(w);
    json_key(w, "text");
    json_put_raw_str(w, text);
    if (sealed.n) {
        json_key(w, "thoughtSignature");
        json_put_raw_str(w, sealed);
    }
    json_end(w);
}

void gemini_put_note(struct gemini_writer *gw, str text, str loss)
{
    gemini_put_text(gw, text, STR_NONE);
    gemini_lose(gw, loss);
}

/* What a URL's ending says of the type. */
static str type_of_url(jtext url)
{
    static const struct {
        str ending, type;
    } rows[] = {
        {STR(".png"), STR("image/png")},       {STR(".jpg"), STR("image/jpeg")},
        {STR(".jpeg"), STR("image/jpeg")},     {STR(".webp"), STR("image/webp")},
        {STR(".gif"), STR("image/gif")},       {STR(".heic"), STR("image/heic")},
        {STR(".pdf"), STR("application/pdf")}, {STR(".txt"), STR("text/plain")},
        {STR(".html"), STR("text/html")},      {STR(".mp3"), STR("audio/mp3")},
        {STR(".wav"), STR("audio/wav")},
    };
    str path = str_head(url, str_find_char(url, '?'));

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (str_has_suffix(path, rows[i].ending))
            return rows[i].type;
    return STR_NONE;
}

void gemini_put_member(struct json_writer *w, str key, jtext text)
{
    if (!text.n)
        return;
    json_key_str(w, key);
    json_put_raw_str(w, text);
}

/* Google fetches by https, and wants to be told the type; the gateway fetches where it may. */
bool gemini_wants_bytes(const struct ir_block *b)
{
    return !str_has_prefix_nocase(b->media.data, STR("https:")) ||
           (!b->media.media_type.n && !type_of_url(b->media.data).n);
}

/* "inlineData" or "fileData" with its object: the one member of a part. A URL is Google's to fetch.
 */
static void put_data(struct gemini_writer *gw, const struct ir_media *m, str type)
{
    struct json_writer *w = &gw->w;
    bool file = m->src != IR_MEDIA_BASE64;

    json_begin_object(w);
    json_key_str(w, file ? STR("fileData") : STR("inlineData"));
    json_begin_object(w);
    gemini_put_member(w, STR("mimeType"), file && !m->media_type.n ? type_of_url(m->data) : type);
    json_key_str(w, file ? STR("fileUri") : STR("data"));
    json_put_raw_str(w, m->data);
    json_end(w);
    json_end(w);
}

static str image_type(const struct ir_media *m)
{
    str sniffed = m->src == IR_MEDIA_BASE64 ? media_sniff(m->data) : STR_NONE;

    return sniffed.n ? sniffed : m->media_type.n ? m->media_type : STR("image/png");
}

/* Chat names formats ("mp3"), not types. */
static str audio_type(struct gemini_writer *gw, const struct ir_media *m)
{
    str type = m->media_type.n ? m->media_type : STR("wav");

    if (str_find_char(type, '/') != SIZE_MAX)
        return type;
    type = arena_strf(gw->arena, "audio/" STR_FMT, STR_ARG(type));
    return type.p ? type : STR("audio/wav");
}

static void put_image(struct gemini_writer *gw, const struct ir_media *m)
{
    if (m->src == IR_MEDIA_FILE_ID && !own_words(gw)) {
        gemini_put_note(gw, STR("[an image was here that only its own provider can read]"),
                        STR("image.file_id"));
        return;
    }
    if (media_refuses_url(gw->c->opts, IR_IMAGE, m)) {
        gemini_put_note(gw, STR("[an image was here that this model can't fetch]"),
                        STR("image.url"));
        return;
    }
    if (m->detail.n && !str_eq(m->detail, STR("auto")))
        gemini_lose(gw, STR("image.detail"));
    put_data(gw, m, image_type(m));
}

/* The title and context of a document stand before it, as text. */
static void put_document(struct gemini_writer *gw, const struct ir_media *m)
{
    if (m->src == IR_MEDIA_FILE_ID && !own_words(gw)) {
        gemini_put_note(gw, STR("[a document was here that only its own provider can read]"),
                        STR("document.file_id"));
        return;
    }
    if (media_refuses_url(gw->c->opts, IR_DOCUMENT, m)) {
        gemini_put_note(gw, STR("[a document was here that this model can't fetch]"),
                        STR("document.url"));
        return;
    }
    if (str_find(m->citations, STR("true")) != SIZE_MAX)
        gemini_lose(gw, STR("citations"));
    if (m->title.n)
        gemini_put_text(gw, m->title, STR_NONE);
    if (m->context.n)
        gemini_put_text(gw, m->context, STR_NONE);
    if (m->src == IR_MEDIA_TEXT)
        gemini_put_text(gw, m->data, STR_NONE);
    else if (m->src == IR_MEDIA_BLOCKS)
        gemini_put_blocks(gw, m->blocks);
    else
        put_data(gw, m, m->media_type.n ? m->media_type : STR("application/pdf"));
}

/* A block that neither a signature nor a call is tied to. */
void gemini_put_block(struct gemini_writer *gw, const struct ir_block *b)
{
    if (b->cache.n)
        gemini_lose(gw, STR("cache_control"));
    switch (b->kind) {
    case IR_TEXT:
    case IR_REFUSAL:
        if (b->text.text.n)
            gemini_put_text(gw, b->text.text, STR_NONE);
        break;
    case IR_IMAGE:
        put_image(gw, &b->media);
        break;
    case IR_DOCUMENT:
        put_document(gw, &b->media);
        break;
    case IR_AUDIO:
        put_data(gw, &b->media, audio_type(gw, &b->media));
        break;
    case IR_OPAQUE:
        if (own_words(gw))
            json_put_text(&gw->w, b->raw);
        else
            gemini_put_note(gw, STR("[a part was here that this model can't read]"),
                            b->opaque.type);
        break;
    case IR_THINKING:
    case IR_REDACTED:
    case IR_TOOL_USE:
    case IR_TOOL_RESULT:
        break;
    }
}

void gemini_put_blocks(struct gemini_writer *gw, const struct ir_block *b)
{
    for (; b; b = b->next)
        gemini_put_block(gw, b);
}
