/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bedrock_media.c - images and documents as Converse takes them: bytes with a format from a short
 * list, no URLs, and documents with a neutral name that is nobody else's in the request.
 *
 * Documents that are text are documents to Claude, which can cite them; to other models they are
 * text, which all of them read.
 */
#include "dialect/bedrock_int.h"

#include "dialect/media.h"

#define NAME_MAX_BYTES 100 /* of the 200 that Converse allows; a number may follow */

static bool is_servers(const struct ir_media *m)
{
    return m->src == IR_MEDIA_URL || m->src == IR_MEDIA_FILE_ID;
}

/* Converse reads bytes and its own S3, nothing of the web. */
bool bedrock_wants_bytes(const struct ir_block *b)
{
    return b->media.src == IR_MEDIA_URL;
}

/* The format word of a media type; absent: none that Converse knows. */
struct format {
    str type, word;
};

static str format_of(const struct format *rows, size_t n, jtext type)
{
    for (size_t i = 0; i < n; i++)
        if (str_has_prefix(type, rows[i].type))
            return rows[i].word;
    return STR_NONE;
}

static void put_bytes(struct json_writer *w, jtext base64)
{
    json_key(w, "source");
    json_begin_object(w);
    json_key(w, "bytes");
    json_put_raw_str(w, base64);
    json_end(w);
}

/* ---- images ------------------------------------------------------------------------------------
 */

void bedrock_put_image(struct bedrock_writer *bw, const struct ir_block *b)
{
    static const struct format formats[] = {{STR("image/png"), STR("png")},
                                            {STR("image/jpeg"), STR("jpeg")},
                                            {STR("image/jpg"), STR("jpeg")},
                                            {STR("image/gif"), STR("gif")},
                                            {STR("image/webp"), STR("webp")}};
    const struct ir_media *m = &b->media;
    struct json_writer *w = &bw->a.w;
    str type = media_sniff(m->data), format;

    if (is_servers(m)) {
        bedrock_put_note(bw, STR("[an image was here that this model can't fetch]"),
                         m->src == IR_MEDIA_URL ? STR("image.url") : STR("image.file_id"));
        return;
    }
    format = format_of(formats, ARRAY_LEN(formats), type.n ? type : m->media_type);
    if (m->detail.n && !str_eq(m->detail, STR("auto")))
        anthropic_lose(&bw->a, STR("image.detail"));
    json_begin_object(w);
    json_key(w, "image");
    json_begin_object(w);
    json_key(w, "format");
    json_put_raw_str(w, format.n ? format : STR("png"));
    put_bytes(w, m->data);
    json_end(w);
    json_end(w);
    bedrock_put_cache(bw, b->cache);
}

/* ---- names of documents ------------------------------------------------------------------------
 */

static bool is_name_char(char c)
{
    char l = (char)(c | 0x20);

    return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || (c && strchr("()[]_-", c));
}

/* Letters, digits, brackets, single blanks, and a hyphen for each run of anything else. */
static str tame(struct arena *a, str title)
{
    char *p = arena_alloc(a, NAME_MAX_BYTES);
    size_t n = 0;

    if (!p)
        return STR("document");
    for (size_t i = 0; i < title.n && n < NAME_MAX_BYTES; i++) {
        char c = title.p[i];

        if (is_name_char(c))
            p[n++] = c;
        else if (n && p[n - 1] != '-' && p[n - 1] != ' ')
            p[n++] = c == ' ' ? ' ' : '-';
    }
    while (n && (p[n - 1] == '-' || p[n - 1] == ' '))
        n--;
    return n ? str_of(p, n) : STR("document");
}

static bool is_taken(const struct bedrock_writer *bw, str name)
{
    for (const struct bedrock_name *n = bw->names; n; n = n->next)
        if (str_eq(n->name, name))
            return true;
    return false;
}

static str extension_of(str title)
{
    size_t dot = str_rfind_char(title, '.');

    return dot == SIZE_MAX || title.n - dot > 6 ? STR_NONE : str_from(title, dot + 1);
}

/* "Annual report.pdf" to "Annual report", the second one of that name to "Annual report-2". */
static str name_of(struct bedrock_writer *bw, str title)
{
    str ext = extension_of(title);
    str base = tame(bw->a.arena, str_head(title, title.n - (ext.p ? ext.n + 1 : 0))), name = base;
    struct bedrock_name *n = arena_new(bw->a.arena, struct bedrock_name);

    for (unsigned i = 2; is_taken(bw, name) && name.p; i++)
        name = arena_strf(bw->a.arena, STR_FMT "-%u", STR_ARG(base), i);
    if (!n || !name.p)
        return STR("document");
    *n = (struct bedrock_name){bw->names, name};
    bw->names = n;
    if (title.n && !str_eq(name, title))
        anthropic_lose(&bw->a, STR("document.title"));
    return name;
}

/* ---- documents ---------------------------------------------------------------------------------
 */

static str document_format(const struct ir_media *m, str title)
{
    static const struct format types[] = {
        {STR("application/pdf"), STR("pdf")},
        {STR("text/csv"), STR("csv")},
        {STR("application/msword"), STR("doc")},
        {STR("application/vnd.openxmlformats-officedocument.wordprocessingml"), STR("docx")},
        {STR("application/vnd.ms-excel"), STR("xls")},
        {STR("application/vnd.openxmlformats-officedocument.spreadsheetml"), STR("xlsx")},
        {STR("text/html"), STR("html")},
        {STR("text/markdown"), STR("md")},
        {STR("text/"), STR("txt")},
    };
    static const str words[] = {STR("pdf"),  STR("csv"),  STR("doc"), STR("docx"), STR("xls"),
                                STR("xlsx"), STR("html"), STR("txt"), STR("md")};
    str sniffed = media_sniff(m->data), ext = extension_of(title);
    str word = format_of(types, ARRAY_LEN(types), sniffed.n ? sniffed : m->media_type);

    for (size_t i = 0; !word.n && i < ARRAY_LEN(words); i++)
        if (str_eq_nocase(ext, words[i]))
            word = words[i];
    return word;
}

/* Only Claude is told of a document's context; others read it before the document. */
static void begin_document(struct bedrock_writer *bw, const struct ir_media *m, str format,
                           str title)
{
    struct json_writer *w = &bw->a.w;

    if (!bedrock_may_be_claude(bw->maker))
        bedrock_put_text(bw, m->context);
    json_begin_object(w);
    json_key(w, "document");
    json_begin_object(w);
    json_key(w, "format");
    json_put_raw_str(w, format);
    json_key(w, "name");
    json_put_str(w, name_of(bw, title));
}

static void end_document(struct bedrock_writer *bw, const struct ir_block *b)
{
    const struct ir_media *m = &b->media;
    struct json_writer *w = &bw->a.w;
    bool claude = bedrock_may_be_claude(bw->maker);

    if (claude && m->context.n) {
        json_key(w, "context");
        json_put_raw_str(w, m->context);
    }
    if (claude && m->citations.n) {
        json_key(w, "citations");
        json_put_text(w, m->citations);
    }
    if (!claude && str_find(m->citations, STR("true")) != SIZE_MAX)
        anthropic_lose(&bw->a, STR("citations"));
    json_end(w);
    json_end(w);
    bw->said_document = true;
    bedrock_put_cache(bw, b->cache);
}

/* A document that is text, for a model that is not Claude. */
static void put_as_text(struct bedrock_writer *bw, const struct ir_block *b)
{
    const struct ir_media *m = &b->media;

    bedrock_put_text(bw, m->title);
    bedrock_put_text(bw, m->context);
    if (m->src == IR_MEDIA_TEXT)
        bedrock_put_text(bw, m->data);
    else
        bedrock_put_nested(bw, m->blocks);
    if (str_find(m->citations, STR("true")) != SIZE_MAX)
        anthropic_lose(&bw->a, STR("citations"));
    bedrock_put_cache(bw, b->cache);
}

static void put_text_document(struct bedrock_writer *bw, const struct ir_block *b, str title)
{
    const struct ir_media *m = &b->media;
    struct json_writer *w = &bw->a.w;
    bool said_text = bw->said_text;

    begin_document(bw, m, STR("txt"), title);
    json_key(w, "source");
    json_begin_object(w);
    if (m->src == IR_MEDIA_TEXT) {
        json_key(w, "text");
        json_put_raw_str(w, m->data);
    } else {
        json_key(w, "content");
        json_begin_array(w);
        for (const struct ir_block *in = m->blocks; in; in = in->next) {
            if (in->kind == IR_TEXT)
                bedrock_put_text(bw, in->text.text);
            else
                anthropic_lose(&bw->a, STR("document.content"));
        }
        json_end(w);
        bw->said_text = said_text; /* those words are the document's */
    }
    json_end(w);
    end_document(bw, b);
}

void bedrock_put_document(struct bedrock_writer *bw, const struct ir_block *b)
{
    const struct ir_media *m = &b->media;
    str title = m->title.n ? ir_unescape(bw->a.arena, m->title) : STR_NONE, format;

    if (is_servers(m)) {
        bedrock_put_note(bw, STR("[a document was here that this model can't fetch]"),
                         m->src == IR_MEDIA_URL ? STR("document.url") : STR("document.file_id"));
        return;
    }
    if (m->src == IR_MEDIA_TEXT || m->src == IR_MEDIA_BLOCKS) {
        if (bedrock_may_be_claude(bw->maker))
            put_text_document(bw, b, title);
        else
            put_as_text(bw, b);
        return;
    }
    format = document_format(m, title);
    if (!format.n) {
        bedrock_put_note(bw, STR("[a file was here of a kind that this model can't read]"),
                         STR("document"));
        return;
    }
    begin_document(bw, m, format, title);
    put_bytes(&bw->a.w, m->data);
    end_document(bw, b);
}
