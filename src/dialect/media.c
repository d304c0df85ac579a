/* SPDX-License-Identifier: Apache-2.0 */
/*
 * media.c - data URLs and first bytes. In escaped text a slash may stand as "\/"; nothing else that
 * matters here is ever escaped by a sane client, and an odd one's URL simply stays a URL.
 */
#include "dialect/media.h"

static const struct {
    str head; /* base64 of the format's first bytes, as far as it does not depend on the rest */
    str type;
} magics[] = {
    {STR("iVBORw0KGgo"), STR("image/png")},   {STR("/9j/"), STR("image/jpeg")},
    {STR("R0lGOD"), STR("image/gif")},        {STR("UklGR"), STR("image/webp")},
    {STR("JVBERi0"), STR("application/pdf")},
};

/* Sounds apart, for RIFF and others hold both: "UklGR" is a WebP among pictures. */
static const struct {
    str head, format;
} sounds[] = {
    {STR("UklGR"), STR("wav")},  {STR("SUQz"), STR("mp3")},    {STR("//"), STR("mp3")},
    {STR("T2dnUw"), STR("ogg")}, {STR("ZkxhQw"), STR("flac")},
};

void media_of_url(struct ir_media *m, jtext url)
{
    size_t comma, semi;
    str head;

    m->src = IR_MEDIA_URL;
    m->data = url;
    if (!str_has_prefix(url, STR("data:")))
        return;
    comma = str_find_char(url, ',');
    if (comma == SIZE_MAX)
        return;
    head = str_of(url.p + 5, comma - 5);
    if (!str_has_suffix(head, STR(";base64")))
        return;
    semi = str_find_char(head, ';');
    m->src = IR_MEDIA_BASE64;
    m->media_type = semi ? str_head(head, semi) : STR_NONE;
    m->data = str_from(url, comma + 1);
}

void media_of_sound(struct ir_media *m, jtext data, jtext format)
{
    media_of_url(m, data);
    if (m->src == IR_MEDIA_URL && !media_is_web_url(data))
        m->src = IR_MEDIA_BASE64;
    for (size_t i = 0; !format.n && !m->media_type.n && i < ARRAY_LEN(sounds); i++)
        if (m->src == IR_MEDIA_BASE64 && str_has_prefix(m->data, sounds[i].head))
            m->media_type = sounds[i].format;
    if (format.n)
        m->media_type = format;
}

bool media_is_web_url(jtext url)
{
    return str_has_prefix_nocase(url, STR("https:")) || str_has_prefix_nocase(url, STR("http:"));
}

bool media_refuses_url(const struct dialect_opts *opts, enum ir_kind kind, const struct ir_media *m)
{
    uint64_t bit = kind == IR_IMAGE ? REFUSES(IMAGE_URL) : REFUSES(DOCUMENT_URL);

    return m->src == IR_MEDIA_URL && (opts->refused & bit);
}

bool media_wants_bytes(const struct dialect_back *back, const struct dialect_opts *opts,
                       const struct ir_block *b)
{
    if ((b->kind != IR_IMAGE && b->kind != IR_DOCUMENT) || b->media.src != IR_MEDIA_URL ||
        !media_is_web_url(b->media.data) || (opts->refused & REFUSES(PARTS)))
        return false;
    return media_refuses_url(opts, b->kind, &b->media) ||
           (back->wants_bytes && back->wants_bytes(b));
}

void media_put_url(struct json_writer *w, const struct ir_media *m, str type)
{
    if (m->src != IR_MEDIA_BASE64) {
        json_put_raw_str(w, m->data);
        return;
    }
    json_open_str(w);
    json_add_raw(w, STR("data:"));
    json_add_raw(w, m->media_type.n ? m->media_type : type);
    json_add_raw(w, STR(";base64,"));
    json_add_raw(w, m->data);
    json_close_str(w);
}

str media_sniff(jtext base64)
{
    char head[12];
    size_t n = 0;

    for (size_t i = 0; i < base64.n && n < sizeof head; i++)
        if (base64.p[i] != '\\')
            head[n++] = base64.p[i];
    for (size_t i = 0; i < ARRAY_LEN(magics); i++)
        if (str_has_prefix(str_of(head, n), magics[i].head))
            return magics[i].type;
    return STR_NONE;
}
