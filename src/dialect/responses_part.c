/* SPDX-License-Identifier: Apache-2.0 */
/*
 * responses_part.c - content of Responses items: the string that clients may say, or the list of
 * parts, in messages and in the outputs of tools.
 *
 * One table says which part is which kind of block. Parts of an earlier answer (output_text,
 * refusal) come back in the same list, with annotations and log probabilities that say nothing to a
 * model. What no row knows is kept in its own words, for a provider of the same language.
 */
#include "dialect/media.h"
#include "dialect/responses_int.h"

struct part { /* the members of any part, before its type sorts them */
    jtext type, text, refusal, detail, file_id, file_data, file_url, filename, image_url;
    jval audio;
};

static enum rc fill_text(struct decoding *d, const struct part *p, const struct field_at *at,
                         struct ir_block *b)
{
    if (!p->text.p)
        return field_bad(d, at, "a text part needs its text", "missing_required_parameter");
    b->text.text = p->text;
    return RC_OK;
}

static enum rc fill_refusal(struct decoding *d, const struct part *p, const struct field_at *at,
                            struct ir_block *b)
{
    if (!p->refusal.p)
        return field_bad(d, at, "a refusal part needs its text", "missing_required_parameter");
    b->text.text = p->refusal;
    return RC_OK;
}

/* image_url is a string here, not Chat's object; file_id names a file of the Files API. */
static enum rc fill_image(struct decoding *d, const struct part *p, const struct field_at *at,
                          struct ir_block *b)
{
    if (p->image_url.n) {
        media_of_url(&b->media, p->image_url);
    } else if (p->file_id.n) {
        b->media.src = IR_MEDIA_FILE_ID;
        b->media.data = p->file_id;
    } else {
        return field_bad(d, at, "an image needs image_url or file_id",
                         "missing_required_parameter");
    }
    b->media.detail = p->detail;
    return RC_OK;
}

static enum rc fill_file(struct decoding *d, const struct part *p, const struct field_at *at,
                         struct ir_block *b)
{
    if (p->file_data.n) {
        media_of_url(&b->media, p->file_data);
        if (b->media.src == IR_MEDIA_URL && !media_is_web_url(p->file_data))
            b->media.src = IR_MEDIA_BASE64; /* bare base64, as some clients send it */
    } else if (p->file_url.n) {
        media_of_url(&b->media, p->file_url);
    } else if (p->file_id.n) {
        b->media.src = IR_MEDIA_FILE_ID;
        b->media.data = p->file_id;
    } else {
        return field_bad(d, at, "a file needs file_data, file_url or file_id",
                         "missing_required_parameter");
    }
    b->media.title = p->filename;
    return RC_OK;
}

static enum rc fill_audio(struct decoding *d, const struct part *p, const struct field_at *at,
                          struct ir_block *b)
{
    media_of_sound(&b->media, json_raw(json_get_lit(p->audio, "data")),
                   json_raw(json_get_lit(p->audio, "format")));
    if (!b->media.data.n)
        return field_bad(d, at, "a sound needs its data", "missing_required_parameter");
    return RC_OK;
}

static const struct {
    str type;
    enum ir_kind kind;
    enum rc (*fill)(struct decoding *d, const struct part *p, const struct field_at *at,
                    struct ir_block *b);
} kinds[] = {
    {STR("input_text"), IR_TEXT, fill_text},
    {STR("output_text"), IR_TEXT, fill_text},
    {STR("text"), IR_TEXT, fill_text},
    {STR("summary_text"), IR_TEXT, fill_text},
    {STR("refusal"), IR_REFUSAL, fill_refusal},
    {STR("input_image"), IR_IMAGE, fill_image},
    {STR("computer_screenshot"), IR_IMAGE, fill_image},
    {STR("input_file"), IR_DOCUMENT, fill_file},
    {STR("input_audio"), IR_AUDIO, fill_audio},
};

static enum rc read_part(struct decoding *d, jval v, const struct field_at *at,
                         struct ir_block ***tail)
{
    static const struct field rows[] = {
        FIELD(type, FIELD_TEXT, struct part, type),
        FIELD(text, FIELD_TEXT, struct part, text),
        FIELD(refusal, FIELD_TEXT, struct part, refusal),
        FIELD(image_url, FIELD_TEXT, struct part, image_url),
        FIELD(detail, FIELD_TEXT, struct part, detail),
        FIELD(file_id, FIELD_TEXT, struct part, file_id),
        FIELD(file_data, FIELD_TEXT, struct part, file_data),
        FIELD(file_url, FIELD_TEXT, struct part, file_url),
        FIELD(filename, FIELD_TEXT, struct part, filename),
        FIELD(input_audio, FIELD_VALUE, struct part, audio),
        FIELD_SKIP(annotations), /* of an earlier answer: where its sentences came from */
        FIELD_SKIP(logprobs),
    };
    struct ir_block *b = NULL;
    struct part p = {0};

    TRY(field_walk(d, v, rows, ARRAY_LEN(rows), &p, at));
    if (!p.type.n)
        return field_bad(d, at, "a content part needs a type", "missing_required_parameter");
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_eq(p.type, kinds[i].type)) {
            TRY(field_add_block(d, tail, kinds[i].kind, v, &b));
            return kinds[i].fill(d, &p, at, b);
        }
    TRY(field_add_block(d, tail, IR_OPAQUE, v, &b));
    b->opaque.type = p.type;
    return RC_OK;
}

enum rc responses_read_content(struct decoding *d, jval v, const struct field_at *at,
                               struct ir_block ***tail)
{
    struct field_at here = {.up = at};
    struct json_iter it = json_iter(v);
    struct ir_block *b = NULL;

    if (json_is_nothing(v))
        return RC_OK;
    if (json_is(v, JSON_STRING)) {
        TRY(field_add_block(d, tail, IR_TEXT, JVAL_NONE, &b));
        b->text.text = json_raw(v);
        return RC_OK;
    }
    if (!json_is(v, JSON_ARRAY))
        return field_bad(d, at, "must be a string or an array of parts", "invalid_type");
    for (; json_next(&it); here.index++)
        TRY(read_part(d, it.val, &here, tail));
    return RC_OK;
}
