/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openai_chat_say.c - events to a Chat Completions stream.
 *
 * The order that OpenAI's own streams have, which clients lean on: the role in the first chunk
 * (with the first tool call in that same chunk), one chunk per delta, the finish reason in a chunk
 * with an empty delta, then, only where the client asked for it, one chunk with choices [] and the
 * usage, and [DONE]. With usage asked for, every other chunk says "usage":null.
 *
 * Thoughts are `reasoning_content`. Where they are signed they stand in `reasoning_details` too,
 * the form that OpenRouter's clients keep and send back, so that a signature survives the way
 * through a Chat client. The thought signature of a call stands where Google's own Chat endpoint
 * has it, in extra_content of the call.
 *
 * Mistral sends a call whole, and the parsers of its SDKs refuse a chunk with arguments and without
 * a name, and "usage":null. For them (front_opts.as_mistral) a call is gathered, and said when it
 * is complete.
 *
 * What never changes within a stream, from `data: {"id":` to `"index":`, is built once; an event
 * costs a few appends.
 */
#include "dialect/citation.h"
#include "dialect/media.h"
#include "dialect/openai_chat_say_int.h"
#include "dialect/seal.h"

_Static_assert(sizeof(struct chat_stream) <= CHAT_STREAM_SIZE, "CHAT_STREAM_SIZE is too small");

void chat_stream_init(void *state, const struct front_opts *o)
{
    struct chat_stream *st = state;

    *st = (struct chat_stream){.include_usage = o->include_usage,
                               .created = o->created,
                               .as_mistral = o->as_mistral,
                               .arena = o->arena,
                               .request = o->request};
    st->own_n = dialect_keep(st->own_id, CHAT_ID_MAX, o->id);
    st->model_n = dialect_keep(st->model, CHAT_MODEL_MAX, o->model);
}

/* ---- chunks -------------------------------------------------------------------------------------
 */

static void make_head(struct chat_stream *st, jtext id, jtext model, uint64_t created)
{
    struct buf b = {.p = st->head, .cap = CHAT_HEAD_MAX, .max = CHAT_HEAD_MAX};

    buf_lit(&b, "data: {\"id\":\"");
    if (id.n && id.n < CHAT_ID_MAX) {
        buf_add(&b, id);
    } else {
        buf_lit(&b, "chatcmpl-");
        buf_add(&b, str_of(st->own_id, st->own_n));
    }
    buf_lit(&b, "\",\"object\":\"chat.completion.chunk\",\"created\":");
    buf_add_u64(&b, created ? created : st->created);
    buf_lit(&b, ",\"model\":\"");
    buf_add(&b, model.n && model.n < CHAT_MODEL_MAX ? model : str_of(st->model, st->model_n));
    buf_lit(&b, "\",\"choices\":[");
    ASSERT(!b.failed); /* it stands before every chunk: half of one would spoil them all */
    st->head_n = (uint16_t)buf_size(&b);
    st->has_head = true;
}

static void put_head(struct chat_stream *st, struct buf *out)
{
    if (!st->has_head)
        make_head(st, STR_NONE, STR_NONE, 0);
    buf_add(out, str_of(st->head, st->head_n));
}

/* Everything before the members of the delta … */
void chat_begin_chunk(struct chat_stream *st, uint32_t choice, struct buf *out)
{
    ASSERT(!st->over && choice < CHAT_CHOICES_MAX);
    put_head(st, out);
    buf_lit(out, "{\"index\":");
    buf_add_u64(out, choice);
    buf_lit(out, ",\"delta\":{");
}

/* … and after them. */
void chat_end_chunk(struct chat_stream *st, str tail, struct buf *out)
{
    buf_add(out, tail);
    if (st->include_usage && !st->as_mistral)
        buf_lit(out, ",\"usage\":null}\n\n");
    else
        buf_lit(out, "}\n\n");
}

/* The role, and what stands beside it in OpenAI's own first chunks. */
void chat_put_role(struct saying *c, str content, struct buf *out)
{
    ASSERT(!c->role_sent); /* OpenAI's clients join the roles of a choice */
    c->role_sent = true;
    buf_lit(out, "\"role\":\"assistant\",\"content\":");
    buf_add(out, content);
    buf_lit(out, ",\"refusal\":null");
}

static void need_role(struct chat_stream *st, struct saying *c, uint32_t choice, struct buf *out)
{
    if (c->role_sent)
        return;
    chat_begin_chunk(st, choice, out);
    chat_put_role(c, STR("\"\""), out);
    chat_end_chunk(st, CHAT_TAIL, out);
}

static void put_member(struct chat_stream *st, uint32_t choice, str key, jtext text,
                       struct buf *out)
{
    chat_begin_chunk(st, choice, out);
    buf_add_char(out, '"');
    buf_add(out, key);
    buf_lit(out, "\":\"");
    buf_add(out, text);
    buf_add_char(out, '"');
    chat_end_chunk(st, CHAT_TAIL, out);
}

/* ---- thoughts -----------------------------------------------------------------------------------
 */

static void put_detail(const struct saying *c, str type, str key, jtext value, str format,
                       struct buf *out)
{
    buf_lit(out, "\"reasoning_details\":[{\"type\":\"");
    buf_add(out, type);
    buf_lit(out, "\",\"");
    buf_add(out, key);
    buf_lit(out, "\":\"");
    buf_add(out, value);
    if (format.n) {
        buf_lit(out, "\",\"format\":\"");
        buf_add(out, format);
    }
    buf_lit(out, "\",\"index\":");
    buf_add_u64(out, c->thoughts ? c->thoughts - 1 : 0);
    buf_lit(out, "}]");
}

static str format_of(const struct saying *c)
{
    return str_of(c->format, c->format_n);
}

static void open_thought(struct chat_stream *st, struct saying *c, const struct ir_event *ev,
                         struct buf *out)
{
    c->thoughts++;
    c->is_signed = ev->open.is_signed;
    c->format_n = (uint8_t)dialect_keep(c->format, CHAT_FORMAT_MAX, ev->open.format);
    if (ev->kind != IR_REDACTED)
        return;
    chat_begin_chunk(st, ev->choice, out);
    put_detail(c, STR("reasoning.encrypted"), STR("data"), ev->open.data, format_of(c), out);
    chat_end_chunk(st, CHAT_TAIL, out);
}

static void say_thought(struct chat_stream *st, const struct saying *c, const struct ir_event *ev,
                        struct buf *out)
{
    chat_begin_chunk(st, ev->choice, out);
    if (ev->kind == IR_TEXT) {
        put_detail(c, STR("reasoning.encrypted"), STR("data"), ev->delta.text, STR(SEAL_GEMINI),
                   out);
    } else if (ev->delta.what == IR_D_SIGNATURE) {
        put_detail(c, STR("reasoning.text"), STR("signature"), ev->delta.text, format_of(c), out);
    } else {
        buf_lit(out, "\"reasoning_content\":\"");
        buf_add(out, ev->delta.text);
        buf_add_char(out, '"');
        if (c->is_signed) {
            buf_add_char(out, ',');
            put_detail(c, STR("reasoning.text"), STR("text"), ev->delta.text, format_of(c), out);
        }
    }
    chat_end_chunk(st, CHAT_TAIL, out);
}

/* ---- the rest of a delta ------------------------------------------------------------------------
 */

uint64_t chat_count_chars(jtext text)
{
    uint64_t n = 0;

    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\\' && i + 1 < text.n)
            i += text.p[i + 1] == 'u' ? 5 : 1;
        n += ((unsigned char)text.p[i] & 0xc0) != 0x80;
    }
    return n;
}

static void say_citation(struct chat_stream *st, const struct saying *c, const struct ir_event *ev,
                         struct buf *out)
{
    jtext url, title;

    if (!citation_url(ev->delta.text, &url, &title))
        return;
    chat_begin_chunk(st, ev->choice, out);
    buf_lit(out, "\"annotations\":[{\"type\":\"url_citation\",\"url_citation\":{\"start_index\":");
    buf_add_u64(out, c->block_at);
    buf_lit(out, ",\"end_index\":");
    buf_add_u64(out, c->chars);
    buf_lit(out, ",\"url\":\"");
    buf_add(out, url);
    buf_lit(out, "\",\"title\":\"");
    buf_add(out, title);
    buf_lit(out, "\"}}]");
    chat_end_chunk(st, CHAT_TAIL, out);
}

static void say_logprobs(struct chat_stream *st, const struct ir_event *ev, struct buf *out)
{
    chat_begin_chunk(st, ev->choice, out);
    buf_lit(out, "},\"logprobs\":");
    dialect_add_line(out, ev->delta.text);
    chat_end_chunk(st, STR(",\"finish_reason\":null}]"), out);
}

static void say_delta(struct chat_stream *st, struct saying *c, const struct ir_event *ev,
                      struct buf *out)
{
    switch (ev->delta.what) {
    case IR_D_TEXT:
        if (ev->delta.text.n == 0)
            break;
        if (ev->kind == IR_THINKING) {
            say_thought(st, c, ev, out);
            break;
        }
        c->chars += chat_count_chars(ev->delta.text);
        put_member(st, ev->choice, ev->kind == IR_REFUSAL ? STR("refusal") : STR("content"),
                   ev->delta.text, out);
        break;
    case IR_D_ARGS:
    case IR_D_INPUT:
        if (ev->kind == IR_TOOL_USE)
            chat_say_arguments(st, c, ev, ev->delta.what == IR_D_INPUT, out);
        break;
    case IR_D_SIGNATURE:
        say_thought(st, c, ev, out);
        break;
    case IR_D_CITATION:
        say_citation(st, c, ev, out);
        break;
    case IR_D_LOGPROBS:
        say_logprobs(st, ev, out);
        break;
    }
}

static void say_image(struct chat_stream *st, const struct ir_event *ev, struct buf *out)
{
    const struct ir_media *m = ev->open.media;

    if (!m || m->src == IR_MEDIA_FILE_ID)
        return;
    chat_begin_chunk(st, ev->choice, out);
    buf_lit(out, "\"images\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"");
    if (m->src == IR_MEDIA_BASE64) {
        buf_lit(out, "data:");
        buf_add(out, m->media_type.n ? m->media_type : STR("image/png"));
        buf_lit(out, ";base64,");
    }
    buf_add(out, m->data);
    buf_lit(out, "\"}}]");
    chat_end_chunk(st, CHAT_TAIL, out);
}

static void open_block(struct chat_stream *st, struct saying *c, const struct ir_event *ev,
                       struct buf *out)
{
    c->block_at = c->chars;
    if (ev->kind == IR_TOOL_USE) {
        chat_open_call(st, c, ev, out);
        return;
    }
    need_role(st, c, ev->choice, out);
    if (ev->kind == IR_THINKING || ev->kind == IR_REDACTED)
        open_thought(st, c, ev, out);
    else if (ev->kind == IR_IMAGE)
        say_image(st, ev, out);
}

/* ---- ends ---------------------------------------------------------------------------------------
 */

str chat_finish_word(enum ir_finish f)
{
    switch (f) {
    case IR_FIN_STOP:
    case IR_FIN_SEQUENCE:
    case IR_FIN_PAUSE:
    case IR_FIN_BROKEN:
    case IR_FIN_OTHER:
        return STR("stop");
    case IR_FIN_LENGTH:
    case IR_FIN_CONTEXT:
        return STR("length");
    case IR_FIN_TOOL:
        return STR("tool_calls");
    case IR_FIN_FILTER:
    case IR_FIN_REFUSAL:
        return STR("content_filter");
    }
    return STR("stop");
}

static void say_finish(struct chat_stream *st, struct saying *c, const struct ir_event *ev,
                       struct buf *out)
{
    need_role(st, c, ev->choice, out);
    chat_begin_chunk(st, ev->choice, out);
    buf_lit(out, "},\"finish_reason\":\"");
    buf_add(out, chat_finish_word(ev->finish.reason));
    chat_end_chunk(st, STR("\"}]"), out);
}

static void say_end(struct chat_stream *st, struct buf *out)
{
    st->over = true;
    if (st->include_usage) {
        put_head(st, out);
        buf_lit(out, "],\"usage\":");
        chat_write_usage(&st->usage, out);
        buf_lit(out, "}\n\n");
    }
    buf_lit(out, "data: [DONE]\n\n");
}

void chat_encode_event(void *state, const struct ir_event *ev, struct buf *out)
{
    struct chat_stream *st = state;
    struct saying *c = &st->choices[ev->choice < CHAT_CHOICES_MAX ? ev->choice : 0];

    if (st->over || ev->choice >= CHAT_CHOICES_MAX)
        return;
    switch (ev->type) {
    case IR_EV_START:
        make_head(st, ev->start.id, ev->start.model, ev->start.created);
        break;
    case IR_EV_BLOCK_START:
        open_block(st, c, ev, out);
        break;
    case IR_EV_DELTA:
        say_delta(st, c, ev, out);
        break;
    case IR_EV_BLOCK_STOP:
        if (ev->kind == IR_TOOL_USE)
            chat_close_call(st, c, ev, out);
        break;
    case IR_EV_USAGE:
        usage_merge(&st->usage, ev->usage);
        break;
    case IR_EV_FINISH:
        say_finish(st, c, ev, out);
        break;
    case IR_EV_PING:
        buf_lit(out, ": ping\n\n");
        break;
    case IR_EV_ERROR:
        st->over = true;
        chat_encode_stream_error(ev->fail, STR_NONE, out);
        break;
    case IR_EV_END:
        say_end(st, out);
        break;
    }
}
