/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bedrock_say.c - events to a ConverseStream answer: binary messages with JSON in them.
 *
 * Blocks are numbered without gaps; only calls are begun with a message of their own, text and
 * thoughts by their first delta, so a block that says nothing is not there. The usage comes in
 * `metadata` behind the stop, which is the order of events anyway.
 *
 * What another maker sealed goes as redactedContent with the maker's mark in front
 * (dialect/seal.h), a call's seal before the call.
 */
#include "dialect/bedrock_int.h"

#include "dialect/seal.h"
#include "http/eventstream.h"

#define SEQUENCE_MAX 256
#define OWN_ID_MAX   64

struct bedrock_stream {
    bool started, over, refused;
    bool open;      /* a block is open that the client has heard of */
    bool mute;      /* the block is none that the client hears of: a free-text call's arguments */
    uint32_t block; /* of the open block, or the next one */
    uint32_t calls;
    enum ir_finish finish;
    str mark; /* of the open thought's maker; static */
    struct usage usage;
    uint16_t sequence_n, own_n;
    char sequence[SEQUENCE_MAX];
    char own_id[OWN_ID_MAX];
};

_Static_assert(sizeof(struct bedrock_stream) <= BEDROCK_STREAM_SIZE,
               "BEDROCK_STREAM_SIZE is too small");

void bedrock_stream_init(void *state, const struct front_opts *o)
{
    struct bedrock_stream *st = state;

    *st = (struct bedrock_stream){0};
    st->own_n = dialect_keep(st->own_id, OWN_ID_MAX, o->id);
}

/* ---- messages ----------------------------------------------------------------------------------
 */

static void say_start(struct bedrock_stream *st, struct buf *out)
{
    size_t at;

    if (st->started)
        return;
    st->started = true;
    at = eventstream_begin(out, EVENTSTREAM_EVENT, STR("messageStart"));
    buf_lit(out, "{\"role\":\"assistant\"}");
    eventstream_end(out, at);
}

static size_t begin(struct bedrock_stream *st, str event, struct buf *out)
{
    ASSERT(st->started && !st->over); /* all that names a block stands within the message */
    size_t at = eventstream_begin(out, EVENTSTREAM_EVENT, event);

    buf_lit(out, "{\"contentBlockIndex\":");
    buf_add_u64(out, st->block);
    return at;
}

static void put_delta(struct bedrock_stream *st, str head, str text, str tail, struct buf *out)
{
    size_t at = begin(st, STR("contentBlockDelta"), out);

    buf_lit(out, ",\"delta\":{");
    buf_add(out, head);
    buf_add(out, text);
    buf_add(out, tail);
    buf_lit(out, "}}");
    eventstream_end(out, at);
    st->open = true;
}

static void close_block(struct bedrock_stream *st, struct buf *out)
{
    size_t at;

    st->mute = false;
    if (!st->open)
        return;
    ASSERT(st->block < UINT32_MAX);
    at = begin(st, STR("contentBlockStop"), out);
    buf_add_char(out, '}');
    eventstream_end(out, at);
    st->open = false;
    st->block++;
}

/* ---- blocks ------------------------------------------------------------------------------------
 */

static void put_sealed(struct bedrock_stream *st, str mark, jtext data, struct buf *out)
{
    size_t at = begin(st, STR("contentBlockDelta"), out);

    buf_lit(out, ",\"delta\":{\"reasoningContent\":{\"redactedContent\":\"");
    bedrock_seal(mark, data, out);
    buf_lit(out, "\"}}}");
    eventstream_end(out, at);
    st->open = true;
}

static void open_use(struct bedrock_stream *st, const struct ir_event *ev, struct buf *out)
{
    size_t at;

    ASSERT(!st->open && ev->open.name.n);

    if (ev->open.sealed.n) {
        put_sealed(st, seal_mark(STR(SEAL_GEMINI), STR(ANTHROPIC_FORMAT)), ev->open.sealed, out);
        close_block(st, out);
    }
    st->calls++;
    st->mute = ev->open.is_custom;
    at = begin(st, STR("contentBlockStart"), out);
    buf_lit(out, ",\"start\":{\"toolUse\":{\"toolUseId\":\"");
    if (ev->open.id.n) {
        buf_add(out, ev->open.id);
    } else {
        buf_lit(out, "tooluse_");
        buf_add(out, str_of(st->own_id, st->own_n));
        buf_add_char(out, '_');
        buf_add_u64(out, st->calls);
    }
    buf_lit(out, "\",\"name\":\"");
    buf_add(out, ev->open.name);
    buf_lit(out, "\"}}}");
    eventstream_end(out, at);
    st->open = true;
}

static void put_image(struct bedrock_stream *st, const struct ir_media *m, struct buf *out)
{
    str type = m && m->src == IR_MEDIA_BASE64 ? m->media_type : STR_NONE;

    size_t at;

    if (!m || m->src != IR_MEDIA_BASE64)
        return;
    at = begin(st, STR("contentBlockStart"), out);
    buf_lit(out, ",\"start\":{\"image\":{\"format\":\"");
    buf_add(out, str_eq(type, STR("image/jpeg")) ? STR("jpeg") : STR("png"));
    buf_lit(out, "\"}}}");
    eventstream_end(out, at);
    put_delta(st, STR("\"image\":{\"source\":{\"bytes\":\""), m->data, STR("\"}}"), out);
}

static void open_block(struct bedrock_stream *st, const struct ir_event *ev, struct buf *out)
{
    ASSERT(!st->open && !st->mute); /* the one before was closed */
    st->mark = STR("");
    switch (ev->kind) {
    case IR_REFUSAL:
        st->refused = true;
        break;
    case IR_THINKING:
        st->mark = seal_mark(ev->open.format, STR(ANTHROPIC_FORMAT));
        break;
    case IR_REDACTED:
        put_sealed(st, seal_mark(ev->open.format, STR(ANTHROPIC_FORMAT)), ev->open.data, out);
        break;
    case IR_TOOL_USE:
        open_use(st, ev, out);
        break;
    case IR_IMAGE:
        put_image(st, ev->open.media, out);
        break;
    case IR_OPAQUE: /* somebody else's words */
        st->mute = true;
        break;
    case IR_TEXT:
    case IR_DOCUMENT:
    case IR_AUDIO:
    case IR_TOOL_RESULT:
        break;
    }
}

static void say_arguments(struct bedrock_stream *st, const struct ir_event *ev, struct buf *out)
{
    size_t at = begin(st, STR("contentBlockDelta"), out);

    buf_lit(out, ",\"delta\":{\"toolUse\":{\"input\":\"");
    if (ev->delta.what == IR_D_INPUT)
        json_escape(out, ev->delta.text);
    else
        buf_add(out, ev->delta.text);
    buf_lit(out, "\"}}}");
    eventstream_end(out, at);
}

static void say_citation(struct bedrock_stream *st, const struct ir_event *ev, struct buf *out)
{
    size_t at = begin(st, STR("contentBlockDelta"), out);

    buf_lit(out, ",\"delta\":{\"citation\":");
    if (!bedrock_write_citation(ev->delta.text, out))
        buf_lit(out, "{}");
    buf_lit(out, "}}");
    eventstream_end(out, at);
    st->open = true;
}

/* A signature may come in pieces, and the mark stands before the first. */
static void say_signature(struct bedrock_stream *st, const struct ir_event *ev, struct buf *out)
{
    if (st->mark.n)
        put_delta(st, STR("\"reasoningContent\":{\"signature\":\""), st->mark, STR("\"}"), out);
    st->mark = STR("");
    put_delta(st, STR("\"reasoningContent\":{\"signature\":\""), ev->delta.text, STR("\"}"), out);
}

static void say_delta(struct bedrock_stream *st, const struct ir_event *ev, struct buf *out)
{
    if (st->mute || !ev->delta.text.n)
        return;
    switch (ev->delta.what) {
    case IR_D_TEXT:
        if (ev->kind == IR_THINKING)
            put_delta(st, STR("\"reasoningContent\":{\"text\":\""), ev->delta.text, STR("\"}"),
                      out);
        else
            put_delta(st, STR("\"text\":\""), ev->delta.text, STR("\""), out);
        break;
    case IR_D_ARGS:
    case IR_D_INPUT:
        say_arguments(st, ev, out);
        break;
    case IR_D_SIGNATURE:
        if (ev->kind == IR_THINKING) /* a text's is Gemini's, which has no place here */
            say_signature(st, ev, out);
        break;
    case IR_D_CITATION:
        say_citation(st, ev, out);
        break;
    case IR_D_LOGPROBS:
        break;
    }
}

/* ---- ends --------------------------------------------------------------------------------------
 */

str bedrock_stop_word(enum ir_finish f, bool refused)
{
    switch (f) {
    case IR_FIN_STOP:
    case IR_FIN_PAUSE:
    case IR_FIN_OTHER:
        return refused ? STR("content_filtered") : STR("end_turn");
    case IR_FIN_BROKEN:
        return STR("malformed_tool_use");
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
        return STR("content_filtered");
    }
    return STR("end_turn");
}

static void say_end(struct bedrock_stream *st, struct buf *out)
{
    size_t at;

    say_start(st, out);
    close_block(st, out);
    ASSERT(st->started && !st->open && !st->over);
    st->over = true;
    at = eventstream_begin(out, EVENTSTREAM_EVENT, STR("messageStop"));
    buf_lit(out, "{\"stopReason\":\"");
    buf_add(out, bedrock_stop_word(st->finish, st->refused));
    buf_add_char(out, '"');
    if (st->sequence_n) {
        buf_lit(out, ",\"additionalModelResponseFields\":{\"delta\":{\"stop_sequence\":\"");
        buf_add(out, str_of(st->sequence, st->sequence_n));
        buf_lit(out, "\"}}");
    }
    buf_add_char(out, '}');
    eventstream_end(out, at);
    at = eventstream_begin(out, EVENTSTREAM_EVENT, STR("metadata"));
    buf_lit(out, "{\"usage\":");
    bedrock_write_usage(&st->usage, out);
    buf_lit(out, ",\"metrics\":{\"latencyMs\":0}}");
    eventstream_end(out, at);
}

void bedrock_encode_event(void *state, const struct ir_event *ev, struct buf *out)
{
    struct bedrock_stream *st = state;

    if (st->over || ev->choice > 0) /* there is one answer in this language */
        return;
    switch (ev->type) {
    case IR_EV_START:
        say_start(st, out);
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
        st->finish = ev->finish.reason;
        st->sequence_n = dialect_keep(st->sequence, SEQUENCE_MAX, ev->finish.sequence);
        break;
    case IR_EV_PING:
        break;
    case IR_EV_ERROR:
        st->over = true;
        bedrock_encode_stream_error(ev->fail, STR_NONE, out);
        break;
    case IR_EV_END:
        say_end(st, out);
        break;
    }
}
