/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bedrock_body.c - a collected answer as a Converse response.
 *
 * The blocks of Converse have no type: the one member of each says what it is (text, toolUse,
 * reasoningContent, citationsContent). Text with citations is a block of another kind than text
 * without. What is made up here goes through one scratch buffer and is copied out at once, for the
 * rope only refers to what is long.
 */
#include "base/auto.h"
#include "base/fmt.h"
#include "dialect/bedrock_int.h"
#include "dialect/seal.h"

struct body {
    struct json_writer *w;
    const struct front_opts *o;
    struct dialect_scratch scratch;
    bool refused;
    uint64_t calls;
};

/* A member whose text was made up here: copied, for the scratch is used again. */
static void put_made(struct body *b, str key)
{
    json_key_str(b->w, key);
    json_open_str(b->w);
    rope_copy(b->w->to, buf_str(&b->scratch.text));
    json_close_str(b->w);
}

static void put_text(struct body *b, jtext text)
{
    json_begin_object(b->w);
    json_key(b->w, "text");
    json_put_raw_str(b->w, text);
    json_end(b->w);
}

static void put_cited(struct body *b, const struct ir_block *k)
{
    struct buf *made = &b->scratch.text;

    json_begin_object(b->w);
    json_key(b->w, "citationsContent");
    json_begin_object(b->w);
    json_key(b->w, "content");
    json_begin_array(b->w);
    put_text(b, k->text.text);
    json_end(b->w);
    json_key(b->w, "citations");
    json_begin_array(b->w);
    buf_clear(made);
    for (const struct ir_cite *c = k->text.citations; c; c = c->next) {
        size_t before = buf_size(made);

        if (before)
            buf_add_char(made, ',');
        if (!bedrock_write_citation(c->json, made))
            made->len -= buf_size(made) - before;
    }
    rope_copy(b->w->to, buf_str(made)); /* made up here, and the scratch is used again */
    json_end(b->w);
    json_end(b->w);
    json_end(b->w);
}

static void put_sealed(struct body *b, jtext format, jtext data)
{
    ASSERT(data.n);
    buf_clear(&b->scratch.text);
    bedrock_seal(seal_mark(format, STR(ANTHROPIC_FORMAT)), data, &b->scratch.text);
    json_begin_object(b->w);
    json_key(b->w, "reasoningContent");
    json_begin_object(b->w);
    put_made(b, STR("redactedContent"));
    json_end(b->w);
    json_end(b->w);
}

static void put_thought(struct body *b, const struct ir_block *k)
{
    json_begin_object(b->w);
    json_key(b->w, "reasoningContent");
    json_begin_object(b->w);
    json_key(b->w, "reasoningText");
    json_begin_object(b->w);
    json_key(b->w, "text");
    json_put_raw_str(b->w, k->thinking.text);
    if (k->thinking.signature.n) {
        json_key(b->w, "signature");
        json_open_str(b->w);
        json_add_raw(b->w, seal_mark(k->thinking.format, STR(ANTHROPIC_FORMAT)));
        json_add_raw(b->w, k->thinking.signature);
        json_close_str(b->w);
    }
    json_end(b->w);
    json_end(b->w);
    json_end(b->w);
}

static void put_id(struct body *b, jtext id)
{
    char digits[FMT_U64_MAX];

    json_key(b->w, "toolUseId");
    if (id.n) {
        json_put_raw_str(b->w, id);
        return;
    }
    json_open_str(b->w);
    json_add_raw(b->w, STR("tooluse_"));
    json_add_raw(b->w, b->o->id);
    json_add_raw(b->w, STR("_"));
    json_add_raw(b->w, str_of(digits, fmt_u64(digits, b->calls)));
    json_close_str(b->w);
}

/* The arguments must be an object here. A call that was cut off in the middle has none that parse,
 * a custom tool's are free text. */
static void put_use(struct body *b, const struct ir_block *k)
{
    jval root;
    bool fits;

    if (k->use.sealed.n) /* as in a stream */
        put_sealed(b, STR(SEAL_GEMINI), k->use.sealed);
    b->calls++;
    fits = !k->is_custom && scratch_parse(&b->scratch, k->use.args, &root) == RC_OK &&
           json_is(root, JSON_OBJECT);
    json_begin_object(b->w);
    json_key(b->w, "toolUse");
    json_begin_object(b->w);
    put_id(b, k->use.id);
    json_key(b->w, "name");
    json_put_raw_str(b->w, k->use.name);
    json_key(b->w, "input");
    json_put_text(b->w, fits ? k->use.args : STR("{}"));
    json_end(b->w);
    json_end(b->w);
}

static void put_image(struct body *b, const struct ir_media *m)
{
    if (m->src != IR_MEDIA_BASE64)
        return;
    json_begin_object(b->w);
    json_key(b->w, "image");
    json_begin_object(b->w);
    json_key(b->w, "format");
    json_put_raw_str(b->w, str_eq(m->media_type, STR("image/jpeg")) ? STR("jpeg") : STR("png"));
    json_key(b->w, "source");
    json_begin_object(b->w);
    json_key(b->w, "bytes");
    json_put_raw_str(b->w, m->data);
    json_end(b->w);
    json_end(b->w);
    json_end(b->w);
}

static void put_block(struct body *b, const struct ir_block *k)
{
    switch (k->kind) {
    case IR_REFUSAL:
        b->refused = true;
        put_text(b, k->text.text);
        break;
    case IR_TEXT:
        if (k->text.citations)
            put_cited(b, k);
        else if (k->text.text.n)
            put_text(b, k->text.text);
        break;
    case IR_THINKING:
        put_thought(b, k);
        break;
    case IR_REDACTED:
        put_sealed(b, k->thinking.format, k->thinking.text);
        break;
    case IR_TOOL_USE:
        put_use(b, k);
        break;
    case IR_IMAGE:
        put_image(b, &k->media);
        break;
    case IR_OPAQUE:
    case IR_DOCUMENT:
    case IR_AUDIO:
    case IR_TOOL_RESULT:
        break; /* no words for them in an answer */
    }
}

static void put_rest(struct body *b, const struct ir_response *r, const struct ir_answer *an)
{
    char room[BEDROCK_USAGE_MAX];
    struct buf u = {.p = room, .cap = sizeof room, .max = sizeof room};

    json_key(b->w, "stopReason");
    json_put_raw_str(b->w, bedrock_stop_word(an->finish, b->refused));
    if (an->sequence.n) {
        json_key(b->w, "additionalModelResponseFields");
        json_begin_object(b->w);
        json_key(b->w, "stop_sequence");
        json_put_raw_str(b->w, an->sequence);
        json_end(b->w);
    }
    bedrock_write_usage(&r->usage, &u);
    json_key(b->w, "usage");
    json_put_text(b->w, buf_str(&u)); /* short, so it is copied */
    json_key(b->w, "metrics");
    json_put_text(b->w, STR("{\"latencyMs\":0}"));
}

void bedrock_encode_body(const struct ir_response *r, const struct front_opts *o, struct rope *out)
{
    static const struct ir_answer none = {.finish = IR_FIN_STOP};
    const struct ir_answer *an = r->answers ? r->answers : &none;
    struct json_writer w;
    struct body b = {.w = &w, .o = o};

    scratch_init(&b.scratch);
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_key(&w, "output");
    json_begin_object(&w);
    json_key(&w, "message");
    json_begin_object(&w);
    json_key(&w, "role");
    json_put_lit(&w, "assistant");
    json_key(&w, "content");
    json_begin_array(&w);
    for (const struct ir_block *k = an->blocks; k; k = k->next)
        put_block(&b, k);
    json_end(&w);
    json_end(&w);
    json_end(&w);
    put_rest(&b, r, an);
    json_end(&w);
    if (b.scratch.text.failed)
        out->own.failed = true;
    scratch_fini(&b.scratch);
}
