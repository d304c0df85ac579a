/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gemini_body.c - a collected answer as one generateContent response.
 *
 * The parts are those that a stream of the same answer says (gemini_say.c), but each block is one
 * part here: its text whole, its signature beside it. Order is the model's; what is said of the
 * whole candidate (why it ended, its sources) stands behind the parts.
 */
#include "base/auto.h"
#include "dialect/gemini_ground.h"
#include "dialect/gemini_int.h"

static void put_text(struct json_writer *w, jtext text, bool thought, str mark, jtext seal)
{
    json_begin_object(w);
    json_key(w, "text");
    json_put_raw_str(w, text);
    if (thought) {
        json_key(w, "thought");
        json_put_bool(w, true);
    }
    if (seal.n) {
        json_key(w, "thoughtSignature");
        json_open_str(w);
        json_add_raw(w, mark);
        json_add_raw(w, seal);
        json_close_str(w);
    }
    json_end(w);
}

static void put_sealed(struct json_writer *w, const struct ir_block *b)
{
    str mark = seal_mark(b->thinking.format, STR(SEAL_GEMINI));

    if (mark.n || str_eq(b->thinking.format, STR(SEAL_GEMINI)))
        put_text(w, STR(""), false, mark, b->thinking.text);
}

static void put_call(struct json_writer *w, const struct ir_block *b, struct arena *a)
{
    json_begin_object(w);
    json_key(w, "functionCall");
    json_begin_object(w);
    if (b->use.id.n) {
        json_key(w, "id");
        json_put_raw_str(w, b->use.id);
    }
    json_key(w, "name");
    json_put_raw_str(w, b->use.name);
    json_key(w, "args");
    json_put_text(w, b->is_custom ? STR("{}") : gemini_object_of(a, b->use.args));
    json_end(w);
    if (b->use.sealed.n) {
        json_key(w, "thoughtSignature");
        json_put_raw_str(w, b->use.sealed);
    }
    json_end(w);
}

/* A picture, or code with its result: parts that are written as text. */
static void put_other(struct json_writer *w, const struct ir_block *b, struct arena *a)
{
    AUTO(buf_fini) struct buf part = BUF_INIT(b->media.data.n + 1024);
    str text = STR_NONE;

    if (b->kind == IR_OPAQUE) {
        text = gemini_opaque_part(a, b->raw, STR_NONE);
    } else if (b->media.data.n && b->media.src != IR_MEDIA_FILE_ID) {
        gemini_put_media(&part, &b->media);
        text = part.failed ? STR_NONE : arena_dup(a, buf_str(&part));
    }
    if (text.n)
        json_put_text(w, text);
}

static void put_part(struct json_writer *w, const struct ir_block *b, struct arena *a)
{
    switch (b->kind) {
    case IR_TEXT:
        put_text(w, b->text.text, false, STR(""), b->text.sealed);
        break;
    case IR_REFUSAL:
        put_text(w, b->text.text, false, STR(""), STR_NONE);
        break;
    case IR_THINKING:
        put_text(w, b->thinking.text, true, seal_mark(b->thinking.format, STR(SEAL_GEMINI)),
                 b->thinking.signature);
        break;
    case IR_REDACTED:
        put_sealed(w, b);
        break;
    case IR_TOOL_USE:
        put_call(w, b, a);
        break;
    case IR_IMAGE:
    case IR_DOCUMENT:
    case IR_AUDIO:
    case IR_OPAQUE:
        put_other(w, b, a);
        break;
    case IR_TOOL_RESULT:
        break; /* no word for it in an answer */
    }
}

/* Blocks of the text are counted as they stand in it: a citation is of all of its block. */
static void put_grounding(struct json_writer *w, const struct ir_answer *an, struct arena *a)
{
    AUTO(buf_fini) struct buf text = BUF_INIT(1u << 20);
    struct grounding *g = NULL;
    uint64_t at = 0;

    for (const struct ir_block *b = an->blocks; b; b = b->next) {
        if (b->kind == IR_OPAQUE)
            ground_search(&g, a, b->raw, STR_NONE);
        if (b->kind != IR_TEXT)
            continue;
        uint64_t end = at + ground_bytes(b->text.text);
        for (const struct ir_cite *c = b->text.citations; c; c = c->next)
            ground_cite(&g, a, c->json);
        ground_support(g, a, at, end);
        at = end;
    }
    ground_write(g, &text);
    str json = text.failed ? STR_NONE : arena_dup(a, buf_str(&text));
    if (json.n) {
        json_key(w, "groundingMetadata");
        json_put_text(w, json);
    }
}

static void put_candidate(struct json_writer *w, const struct ir_answer *an, struct arena *a)
{
    str word = gemini_finish_word(an->finish);

    json_begin_object(w);
    if (an->blocks || !str_eq(word, STR("SAFETY"))) {
        json_key(w, "content");
        json_begin_object(w);
        json_key(w, "role");
        json_put_lit(w, "model");
        json_key(w, "parts");
        json_begin_array(w);
        for (const struct ir_block *b = an->blocks; b; b = b->next)
            put_part(w, b, a);
        if (!an->blocks) /* an empty answer is an answer */
            put_text(w, STR(""), false, STR(""), STR_NONE);
        json_end(w);
        json_end(w);
    }
    json_key(w, "finishReason");
    json_put_raw_str(w, word);
    json_key(w, "index");
    json_put_u64(w, an->choice);
    put_grounding(w, an, a);
    json_end(w);
}

void gemini_encode_body(const struct ir_response *r, const struct front_opts *o, struct rope *out)
{
    static const struct ir_answer none = {.finish = IR_FIN_STOP};
    char room[GEMINI_USAGE_MAX];
    struct buf usage = {.p = room, .cap = sizeof room, .max = sizeof room};
    const struct ir_answer *an = r->answers ? r->answers : &none;
    struct json_writer w;

    json_writer_init(&w, out);
    json_begin_object(&w);
    json_key(&w, "candidates");
    json_begin_array(&w);
    for (; an; an = an->next)
        put_candidate(&w, an, o->arena);
    json_end(&w);
    gemini_write_usage(&r->usage, &usage);
    if (buf_size(&usage)) {
        json_key(&w, "usageMetadata");
        json_put_text(&w, str_from(buf_str(&usage), sizeof "\"usageMetadata\":" - 1));
    }
    json_key(&w, "modelVersion");
    json_put_raw_str(&w, r->model.n ? r->model : o->model);
    json_key(&w, "responseId");
    json_put_raw_str(&w, r->id.n ? r->id : o->id);
    json_end(&w);
    if (arena_is_full(o->arena))
        out->own.failed = true;
}
