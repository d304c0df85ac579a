/* SPDX-License-Identifier: Apache-2.0 */
/*
 * anthropic_body.c - a collected answer as one message object.
 *
 * The same that a stream tells (anthropic_say.c), for clients that did not ask for one: blocks in
 * their order, the arguments of calls as objects, foreign seals with their maker's mark, a call's
 * own in a block before it.
 */
#include "base/auto.h"
#include "base/fmt.h"
#include "dialect/anthropic_int.h"

static void begin(struct json_writer *w, str type)
{
    json_begin_object(w);
    json_key(w, "type");
    json_put_raw_str(w, type);
}

static void put_text(struct json_writer *w, const struct ir_block *b)
{
    begin(w, STR("text"));
    json_key(w, "text");
    json_put_raw_str(w, b->text.text);
    if (b->text.citations) {
        json_key(w, "citations");
        json_begin_array(w);
        for (const struct ir_cite *c = b->text.citations; c; c = c->next)
            json_put_text(w, c->json);
        json_end(w);
    }
    json_end(w);
}

/* dialect/seal.h: another maker's seal has a mark in front, for whoever gets it back. */
static void put_seal(struct json_writer *w, jtext format, jtext seal)
{
    json_open_str(w);
    if (seal.n)
        json_add_raw(w, seal_mark(format, STR(ANTHROPIC_FORMAT)));
    json_add_raw(w, seal);
    json_close_str(w);
}

static void put_thought(struct json_writer *w, const struct ir_block *b)
{
    begin(w, STR("thinking"));
    json_key(w, "thinking");
    json_put_raw_str(w, b->thinking.text);
    json_key(w, "signature");
    put_seal(w, b->thinking.format, b->thinking.signature);
    json_end(w);
}

static void put_sealed(struct json_writer *w, jtext format, jtext data)
{
    begin(w, STR("redacted_thinking"));
    json_key(w, "data");
    put_seal(w, format, data);
    json_end(w);
}

/* The arguments must be an object here. A call that was cut off in the middle has none that parse,
 * a custom tool's are free text. */
static void put_input(struct json_writer *w, const struct ir_block *b, struct dialect_scratch *s)
{
    jval root;

    json_key(w, "input");
    if (!b->is_custom && scratch_parse(s, b->use.args, &root) == RC_OK &&
        json_is(root, JSON_OBJECT))
        json_put_text(w, b->use.args);
    else
        json_put_text(w, STR("{}"));
}

static void put_use(struct json_writer *w, const struct ir_block *b, struct dialect_scratch *s,
                    str own_id, uint64_t nth)
{
    char digits[FMT_U64_MAX];

    ASSERT(b->kind == IR_TOOL_USE && nth > 0);
    begin(w, STR("tool_use"));
    json_key(w, "id");
    if (b->use.id.n) {
        json_put_raw_str(w, b->use.id);
    } else {
        json_open_str(w);
        json_add_raw(w, STR("toolu_"));
        json_add_raw(w, own_id);
        json_add_raw(w, STR("_"));
        json_add_raw(w, str_of(digits, fmt_u64(digits, nth)));
        json_close_str(w);
    }
    json_key(w, "name");
    json_put_raw_str(w, b->use.name);
    put_input(w, b, s);
    json_end(w);
}

/* True: the model refused, which this language says in the stop reason. */
static bool put_content(struct json_writer *w, const struct ir_answer *an, str own_id)
{
    AUTO(scratch_fini) struct dialect_scratch scratch;
    bool refused = false;
    uint64_t calls = 0;

    scratch_init(&scratch);
    json_begin_array(w);
    for (const struct ir_block *b = an->blocks; b; b = b->next) {
        switch (b->kind) {
        case IR_REFUSAL:
            refused = true;
            put_text(w, b);
            break;
        case IR_TEXT:
            put_text(w, b);
            break;
        case IR_THINKING:
            put_thought(w, b);
            break;
        case IR_REDACTED:
            put_sealed(w, b->thinking.format, b->thinking.text);
            break;
        case IR_TOOL_USE:
            if (b->use.sealed.n) /* as in a stream */
                put_sealed(w, STR(SEAL_GEMINI), b->use.sealed);
            put_use(w, b, &scratch, own_id, ++calls);
            break;
        case IR_OPAQUE:
            if (b->raw.n && anthropic_knows(b->opaque.family))
                json_put_text(w, b->raw);
            break;
        case IR_IMAGE:
        case IR_DOCUMENT:
        case IR_AUDIO:
        case IR_TOOL_RESULT:
            break; /* no words for them in an answer */
        }
    }
    json_end(w);
    return refused;
}

static void put_stop(struct json_writer *w, const struct ir_answer *an, bool refused)
{
    json_key(w, "stop_reason");
    json_put_raw_str(w, anthropic_stop_word(an->finish, refused));
    json_key(w, "stop_sequence");
    if (an->sequence.n)
        json_put_raw_str(w, an->sequence);
    else
        json_put_null(w);
    if (an->details.n) {
        json_key(w, "stop_details");
        json_put_text(w, an->details);
    }
}

static void put_usage(struct json_writer *w, const struct ir_response *r,
                      const struct front_opts *o)
{
    struct usage u = r->usage;
    char room[ANTHROPIC_USAGE_MAX];
    struct buf b = {.p = room, .cap = sizeof room, .max = sizeof room};

    if (!(u.has & USAGE_HAS_INPUT))
        u.input_uncached = o->input_estimate;
    buf_add_char(&b, '{');
    anthropic_write_usage(&u, true, &b);
    buf_add_char(&b, '}');
    ASSERT(!b.failed);
    json_key(w, "usage");
    json_put_text(w, buf_str(&b)); /* short, so it is copied */
}

void anthropic_encode_body(const struct ir_response *r, const struct front_opts *o,
                           struct rope *out)
{
    static const struct ir_answer none = {.finish = IR_FIN_STOP};
    const struct ir_answer *an = r->answers ? r->answers : &none;
    struct json_writer w;
    bool refused;

    json_writer_init(&w, out);
    json_begin_object(&w);
    json_key(&w, "id");
    json_open_str(&w);
    if (!r->id.n)
        json_add_raw(&w, STR("msg_"));
    json_add_raw(&w, r->id.n ? r->id : o->id);
    json_close_str(&w);
    json_key(&w, "type");
    json_put_lit(&w, "message");
    json_key(&w, "role");
    json_put_lit(&w, "assistant");
    json_key(&w, "model");
    json_put_raw_str(&w, r->model.n ? r->model : o->model);
    json_key(&w, "content");
    refused = put_content(&w, an, o->id);
    put_stop(&w, an, refused);
    put_usage(&w, r, o);
    json_end(&w);
    ASSERT(w.depth == 0);
}
