/* SPDX-License-Identifier: Apache-2.0 */
/*
 * anthropic_media.c - pictures and documents of a history as Messages' blocks.
 *
 *     image      {source: base64 | url | file}
 *     document   {source: base64 (PDF) | text | content (blocks) | url | file, title, context,
 * citations}
 *
 * Claude looks at the bytes and refuses a picture whose media_type is another's, which clients get
 * wrong often: what the bytes say counts. A text file that came in base64 is told as the text that
 * it is, for as base64 only PDFs are taken.
 */
#include "base/b64.h"
#include "dialect/anthropic_int.h"
#include "dialect/media.h"

static void put_source(struct anthropic_writer *aw, const struct ir_media *m, str type)
{
    struct json_writer *w = &aw->w;

    ASSERT(m->src != IR_MEDIA_TEXT && m->src != IR_MEDIA_BLOCKS); /* documents say those */
    json_key(w, "source");
    json_begin_object(w);
    json_key(w, "type");
    if (m->src == IR_MEDIA_URL) {
        json_put_lit(w, "url");
        json_key(w, "url");
        json_put_raw_str(w, m->data);
    } else if (m->src == IR_MEDIA_FILE_ID) {
        json_put_lit(w, "file");
        json_key(w, "file_id");
        json_put_raw_str(w, m->data);
    } else {
        json_put_lit(w, "base64");
        json_key(w, "media_type");
        json_put_raw_str(w, type);
        json_key(w, "data");
        json_put_raw_str(w, m->data);
    }
    json_end(w);
}

void anthropic_put_image(struct anthropic_writer *aw, const struct ir_block *b)
{
    const struct ir_media *m = &b->media;

    ASSERT(b->kind == IR_IMAGE);
    str sniffed = m->src == IR_MEDIA_BASE64 ? media_sniff(m->data) : STR_NONE;

    if (m->src == IR_MEDIA_FILE_ID && !anthropic_own_words(aw)) {
        anthropic_put_note(aw, STR("[an image was here that only its own provider can read]"),
                           STR("image.file_id"));
        return;
    }
    if (media_refuses_url(aw->c->opts, IR_IMAGE, m)) {
        anthropic_put_note(aw, STR("[an image was here that this model can't fetch]"),
                           STR("image.url"));
        return;
    }
    if (m->detail.n && !str_eq(m->detail, STR("auto")))
        anthropic_lose(aw, STR("image.detail"));
    anthropic_begin_block(aw, STR("image"));
    put_source(aw, m, sniffed.n ? sniffed : m->media_type.n ? m->media_type : STR("image/png"));
    anthropic_end_block(aw, b);
}

/* A text file as the text that it is: base64 undone. False: it was none. */
static bool put_decoded(struct anthropic_writer *aw, const struct ir_media *m)
{
    str raw = ir_unescape(aw->arena, m->data);
    size_t cap = raw.n / 4 * 3 + 3;
    struct buf b = {.p = arena_alloc(aw->arena, cap), .cap = cap, .max = cap};

    if (!b.p || !raw.p || b64_decode(&b, raw) != RC_OK)
        return false;
    json_key(&aw->w, "source");
    json_begin_object(&aw->w);
    json_key(&aw->w, "type");
    json_put_lit(&aw->w, "text");
    json_key(&aw->w, "media_type");
    json_put_lit(&aw->w, "text/plain");
    json_key(&aw->w, "data");
    json_put_str(&aw->w, buf_str(&b));
    json_end(&aw->w);
    return true;
}

static void put_document_source(struct anthropic_writer *aw, const struct ir_media *m)
{
    struct json_writer *w = &aw->w;

    if (m->src == IR_MEDIA_BASE64 && str_has_prefix(m->media_type, STR("text")) &&
        put_decoded(aw, m))
        return;
    if (m->src != IR_MEDIA_TEXT && m->src != IR_MEDIA_BLOCKS) {
        put_source(aw, m, m->media_type.n ? m->media_type : STR("application/pdf"));
        return;
    }
    json_key(w, "source");
    json_begin_object(w);
    json_key(w, "type");
    if (m->src == IR_MEDIA_TEXT) {
        json_put_lit(w, "text");
        json_key(w, "media_type");
        json_put_lit(w, "text/plain");
        json_key(w, "data");
        json_put_raw_str(w, m->data);
    } else {
        json_put_lit(w, "content");
        json_key(w, "content");
        json_begin_array(w);
        anthropic_put_nested(aw, m->blocks);
        json_end(w);
    }
    json_end(w);
}

void anthropic_put_document(struct anthropic_writer *aw, const struct ir_block *b)
{
    const struct ir_media *m = &b->media;

    ASSERT(b->kind == IR_DOCUMENT);
    if (m->src == IR_MEDIA_FILE_ID && !anthropic_own_words(aw)) {
        anthropic_put_note(aw, STR("[a document was here that only its own provider can read]"),
                           STR("document.file_id"));
        return;
    }
    if (media_refuses_url(aw->c->opts, IR_DOCUMENT, m)) {
        anthropic_put_note(aw, STR("[a document was here that this model can't fetch]"),
                           STR("document.url"));
        return;
    }
    anthropic_begin_block(aw, STR("document"));
    put_document_source(aw, m);
    if (m->title.n) {
        json_key(&aw->w, "title");
        json_put_raw_str(&aw->w, m->title);
    }
    if (m->context.n) {
        json_key(&aw->w, "context");
        json_put_raw_str(&aw->w, m->context);
    }
    if (m->citations.n) {
        json_key(&aw->w, "citations");
        json_put_text(&aw->w, m->citations);
    }
    anthropic_end_block(aw, b);
}
