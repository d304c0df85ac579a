/* SPDX-License-Identifier: Apache-2.0 */
/*
 * anthropic_say.c - events to a Messages stream.
 *
 * Every event is named, blocks are numbered from 0 without gaps, and message_delta brings the stop
 * reason together with the final usage, so both are held until the end. message_start wants the
 * prompt's tokens, which other providers tell last: our own estimate stands in, and message_delta
 * corrects it.
 *
 * A refusal, a part of its own in Chat, is text here, and the stop reason says refusal. Arguments
 * of a custom tool, free text, are wrapped as {"input": "…"}, for a tool_use has an object. A call
 * that another maker sealed (Gemini's thought signature) has its seal in a redacted_thinking block
 * before it: clients of this language send such blocks back unread, and a tool_use has no member
 * for it.
 */
#include "dialect/anthropic_int.h"

#define ID_MAX       96
#define MODEL_MAX    160
#define SEQUENCE_MAX 256
#define DETAILS_MAX  768

struct anthropic_stream {
    bool started, over, open, refused;
    bool mute;      /* the open call is of a custom tool */
    str mark;       /* of a foreign maker, before the open thought's signature; static */
    uint32_t block; /* of the open block, or the next one */
    uint32_t calls;
    enum ir_finish finish;
    uint16_t own_n, model_n, sequence_n, details_n;
    uint64_t estimate;
    struct usage usage;
    uint16_t id_n;
    char own_id[ID_MAX];
    char id[ID_MAX]; /* the provider's */
    char model[MODEL_MAX];
    char sequence[SEQUENCE_MAX];
    char details[DETAILS_MAX];
};

_Static_assert(sizeof(struct anthropic_stream) <= ANTHROPIC_STREAM_SIZE,
               "ANTHROPIC_STREAM_SIZE is too small");

void anthropic_stream_init(void *state, const struct front_opts *o)
{
    struct anthropic_stream *st = state;

    *st = (struct anthropic_stream){.estimate = o->input_estimate};
    st->own_n = dialect_keep(st->own_id, ID_MAX, o->id);
    st->model_n = dialect_keep(st->model, MODEL_MAX, o->model);
}

/* ---- start --------------------------------------------------------------------------------------
 */

static void take_start(struct anthropic_stream *st, const struct ir_event *ev)
{
    uint16_t n = dialect_keep(st->model, MODEL_MAX, ev->start.model);

    st->id_n = dialect_keep(st->id, ID_MAX, ev->start.id);
    if (n)
        st->model_n = n;
}

/* message_start waits for the first event that says something: by then the provider may have told
 * the tokens of the prompt. */
static void say_start(struct anthropic_stream *st, struct buf *out)
{
    struct usage u = st->usage;

    if (st->started)
        return;
    st->started = true;
    if (!(u.has & USAGE_HAS_INPUT))
        u.input_uncached = st->estimate;
    buf_lit(out, "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"");
    if (st->id_n) {
        buf_add(out, str_of(st->id, st->id_n));
    } else {
        buf_lit(out, "msg_");
        buf_add(out, str_of(st->own_id, st->own_n));
    }
    buf_lit(out, "\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"");
    buf_add(out, str_of(st->model, st->model_n));
    buf_lit(out, "\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{");
    anthropic_write_usage(&u, true, out);
    buf_lit(out, "}}}\n\n");
}

/* ---- blocks -------------------------------------------------------------------------------------
 */

/* One block at a time, and none outside a message: clients count on both. */
static void begin_start(struct anthropic_stream *st, struct buf *out)
{
    ASSERT(st->started && !st->over && !st->open);
    st->open = true;
    buf_lit(out, "event: content_block_start\n"
                 "data: {\"type\":\"content_block_start\",\"index\":");
    buf_add_u64(out, st->block);
    buf_lit(out, ",\"content_block\":");
}

static void begin_delta(struct anthropic_stream *st, struct buf *out)
{
    ASSERT(st->open && !st->over);
    buf_lit(out, "event: content_block_delta\n"
                 "data: {\"type\":\"content_block_delta\",\"index\":");
    buf_add_u64(out, st->block);
    buf_lit(out, ",\"delta\":{\"type\":\"");
}

static void put_delta(struct anthropic_stream *st, str head, str text, struct buf *out)
{
    begin_delta(st, out);
    buf_add(out, head);
    buf_add(out, text);
    buf_lit(out, "\"}}\n\n");
}

static void close_block(struct anthropic_stream *st, struct buf *out)
{
    if (!st->open)
        return;
    st->open = false;
    buf_lit(out, "event: content_block_stop\n"
                 "data: {\"type\":\"content_block_stop\",\"index\":");
    buf_add_u64(out, st->block++);
    buf_lit(out, "}\n\n");
}

static void open_sealed(struct anthropic_stream *st, jtext format, jtext data, struct buf *out)
{
    begin_start(st, out);
    buf_lit(out, "{\"type\":\"redacted_thinking\",\"data\":\"");
    buf_add(out, seal_mark(format, STR(ANTHROPIC_FORMAT)));
    buf_add(out, data);
    buf_lit(out, "\"}}\n\n");
}

static void open_use(struct anthropic_stream *st, const struct ir_event *ev, struct buf *out)
{
    ASSERT(ev->open.name.n); /* decoders end an answer with a nameless call: nobody could run it */
    if (ev->open.sealed.n) {
        open_sealed(st, STR(SEAL_GEMINI), ev->open.sealed, out);
        close_block(st, out);
    }
    begin_start(st, out);
    st->calls++;
    st->mute = ev->open.is_custom;
    buf_lit(out, "{\"type\":\"tool_use\",\"id\":\"");
    if (ev->open.id.n) {
        buf_add(out, ev->open.id);
    } else {
        buf_lit(out, "toolu_");
        buf_add(out, str_of(st->own_id, st->own_n));
        buf_add_char(out, '_');
        buf_add_u64(out, st->calls);
    }
    buf_lit(out, "\",\"name\":\"");
    buf_add(out, ev->open.name);
    buf_lit(out, "\",\"input\":{}}}\n\n");
}

bool anthropic_knows(str family)
{
    return !family.n || str_eq(family, STR(ANTHROPIC_FAMILY));
}

static void open_block(struct anthropic_stream *st, const struct ir_event *ev, struct buf *out)
{
    switch (ev->kind) {
    case IR_REFUSAL:
        st->refused = true;
        begin_start(st, out);
        buf_lit(out, "{\"type\":\"text\",\"text\":\"\"}}\n\n");
        break;
    case IR_TEXT:
        begin_start(st, out);
        buf_lit(out, "{\"type\":\"text\",\"text\":\"\"}}\n\n");
        break;
    case IR_THINKING:
        begin_start(st, out);
        st->mark = seal_mark(ev->open.format, STR(ANTHROPIC_FORMAT));
        buf_lit(out, "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n");
        break;
    case IR_REDACTED:
        open_sealed(st, ev->open.format, ev->open.data, out);
        break;
    case IR_TOOL_USE:
        open_use(st, ev, out);
        break;
    case IR_OPAQUE: /* Anthropic's own blocks, by way of another of its doors */
        if (!ev->open.raw.n || !anthropic_knows(ev->open.family))
            break;
        begin_start(st, out);
        dialect_add_line(out, ev->open.raw);
        buf_lit(out, "}\n\n");
        break;
    case IR_IMAGE:
    case IR_DOCUMENT:
    case IR_AUDIO:
    case IR_TOOL_RESULT:
        break; /* no words for them in an answer */
    }
}

static void say_arguments(struct anthropic_stream *st, const struct ir_event *ev, struct buf *out)
{
    if (st->mute)
        return;
    begin_delta(st, out);
    buf_lit(out, "input_json_delta\",\"partial_json\":\"");
    if (ev->delta.what == IR_D_INPUT)
        json_escape(out, ev->delta.text);
    else
        buf_add(out, ev->delta.text);
    buf_lit(out, "\"}}\n\n");
}

static void say_delta(struct anthropic_stream *st, const struct ir_event *ev, struct buf *out)
{
    if (!st->open || !ev->delta.text.n)
        return;
    switch (ev->delta.what) {
    case IR_D_TEXT:
        if (ev->kind == IR_THINKING)
            put_delta(st, STR("thinking_delta\",\"thinking\":\""), ev->delta.text, out);
        else
            put_delta(st, STR("text_delta\",\"text\":\""), ev->delta.text, out);
        break;
    case IR_D_ARGS:
    case IR_D_INPUT:
        say_arguments(st, ev, out);
        break;
    case IR_D_SIGNATURE:
        if (ev->kind != IR_THINKING) /* of a text: no word for it */
            break;
        begin_delta(st, out);
        buf_lit(out, "signature_delta\",\"signature\":\"");
        buf_add(out, st->mark);
        st->mark = STR("");
        buf_add(out, ev->delta.text);
        buf_lit(out, "\"}}\n\n");
        break;
    case IR_D_CITATION:
        begin_delta(st, out);
        buf_lit(out, "citations_delta\",\"citation\":");
        dialect_add_line(out, ev->delta.text);
        buf_lit(out, "}}\n\n");
        break;
    case IR_D_LOGPROBS:
        break;
    }
}

/* ---- ends ---------------------------------------------------------------------------------------
 */

str anthropic_stop_word(enum ir_finish f, bool refused)
{
    switch (f) {
    case IR_FIN_STOP:
    case IR_FIN_BROKEN:
    case IR_FIN_OTHER:
        return refused ? STR("refusal") : STR("end_turn");
    case IR_FIN_SEQUENCE:
        return STR("stop_sequence");
    case IR_FIN_LENGTH:
        return STR("max_tokens");
    case IR_FIN_CONTEXT:
        return STR("model_context_window_exceeded");
    case IR_FIN_TOOL:
        return STR("tool_use");
    case IR_FIN_FILTER:
    case IR_FIN_REFUSAL:
        return STR("refusal");
    case IR_FIN_PAUSE:
        return STR("pause_turn");
    }
    return STR("end_turn");
}

static void hold_finish(struct anthropic_stream *st, const struct ir_event *ev)
{
    st->finish = ev->finish.reason;
    st->sequence_n = dialect_keep(st->sequence, SEQUENCE_MAX, ev->finish.sequence);
    st->details_n = dialect_keep(st->details, DETAILS_MAX, ev->finish.details);
}

static void say_end(struct anthropic_stream *st, struct buf *out)
{
    say_start(st, out);
    close_block(st, out);
    ASSERT(st->started && !st->open && !st->over);
    st->over = true;
    buf_lit(out, "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{"
                 "\"stop_reason\":\"");
    buf_add(out, anthropic_stop_word(st->finish, st->refused));
    buf_lit(out, "\",\"stop_sequence\":");
    if (st->sequence_n) {
        buf_add_char(out, '"');
        buf_add(out, str_of(st->sequence, st->sequence_n));
        buf_add_char(out, '"');
    } else {
        buf_lit(out, "null");
    }
    if (st->details_n) {
        buf_lit(out, ",\"stop_details\":");
        dialect_add_line(out, str_of(st->details, st->details_n));
    }
    buf_lit(out, "},\"usage\":{");
    anthropic_write_usage(&st->usage, false, out);
    buf_lit(out, "}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
}

void anthropic_encode_event(void *state, const struct ir_event *ev, struct buf *out)
{
    struct anthropic_stream *st = state;

    if (st->over || ev->choice > 0) /* there is one answer in this language */
        return;
    switch (ev->type) {
    case IR_EV_START:
        take_start(st, ev);
        break;
    case IR_EV_BLOCK_START:
        say_start(st, out);
        close_block(st, out);
        open_block(st, ev, out);
        break;
    case IR_EV_DELTA:
        say_delta(st, ev, out);
        break;
    case IR_EV_BLOCK_STOP:
        close_block(st, out);
        break;
    case IR_EV_USAGE:
        usage_merge(&st->usage, ev->usage);
        break;
    case IR_EV_FINISH:
        hold_finish(st, ev);
        break;
    case IR_EV_PING:
        buf_lit(out, "event: ping\ndata: {\"type\": \"ping\"}\n\n");
        break;
    case IR_EV_ERROR:
        st->over = true;
        anthropic_encode_stream_error(ev->fail, str_of(st->own_id, st->own_n), out);
        break;
    case IR_EV_END:
        say_end(st, out);
        break;
    }
}
