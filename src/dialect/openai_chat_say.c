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
#include "dialect/free_text.h"
#include "dialect/gather.h"
#include "dialect/media.h"
#include "dialect/openai_chat_int.h"
#include "dialect/seal.h"

#define HEAD_MAX    512
#define ID_MAX      96
#define MODEL_MAX   160
#define FORMAT_MAX  40
#define CHOICES_MAX 8
#define ARGS_MAX    (64u << 20) /* of a gathered call, as of the answers that the gate reads */

struct saying { /* one choice */
    bool role_sent, args_sent, is_custom;
    bool wrapped;          /* a custom call that came as a function's arguments, which are … */
    bool plain;            /* … JSON, or the body of a JSON string … */
    struct gather wrapper; /* … gathered until they are whole */
    uint32_t calls;        /* begun so far */
    uint32_t thoughts;     /* begun so far */
    uint64_t chars;        /* of text so far */
    uint64_t block_at;     /* chars at which the open block began */
    struct gather call;    /* the open one, where calls are held */
    bool is_signed;
    uint8_t format_n;
    char format[FORMAT_MAX];
};

struct chat_stream {
    bool include_usage, over;
    bool has_head, as_mistral;
    uint64_t created;
    struct arena *arena;
    jval request; /* the client's, for its custom tools */
    struct usage usage;
    uint16_t own_n, model_n, head_n;
    char own_id[ID_MAX];   /* ours: used where the provider gave none */
    char model[MODEL_MAX]; /* the same */
    char head[HEAD_MAX];
    struct saying choices[CHOICES_MAX];
};

_Static_assert(sizeof(struct chat_stream) <= CHAT_STREAM_SIZE, "CHAT_STREAM_SIZE is too small");

/* Copy what fits whole; else, and for what is absent, 0. */
static uint16_t keep(char *to, size_t cap, str s)
{
    if (s.n > cap || !s.n)
        return 0;
    memcpy(to, s.p, s.n);
    return (uint16_t)s.n;
}

void chat_stream_init(void *state, const struct front_opts *o)
{
    struct chat_stream *st = state;

    *st = (struct chat_stream){.include_usage = o->include_usage,
                               .created = o->created,
                               .as_mistral = o->as_mistral,
                               .arena = o->arena,
                               .request = o->request};
    st->own_n = keep(st->own_id, ID_MAX, o->id);
    st->model_n = keep(st->model, MODEL_MAX, o->model);
}

/* ---- chunks -------------------------------------------------------------------------------------
 */

static void make_head(struct chat_stream *st, jtext id, jtext model, uint64_t created)
{
    struct buf b = {.p = st->head, .cap = HEAD_MAX, .max = HEAD_MAX};

    buf_lit(&b, "data: {\"id\":\"");
    if (id.n && id.n < ID_MAX) {
        buf_add(&b, id);
    } else {
        buf_lit(&b, "chatcmpl-");
        buf_add(&b, str_of(st->own_id, st->own_n));
    }
    buf_lit(&b, "\",\"object\":\"chat.completion.chunk\",\"created\":");
    buf_add_u64(&b, created ? created : st->created);
    buf_lit(&b, ",\"model\":\"");
    buf_add(&b, model.n && model.n < MODEL_MAX ? model : str_of(st->model, st->model_n));
    buf_lit(&b, "\",\"choices\":[");
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
static void begin_chunk(struct chat_stream *st, uint32_t choice, struct buf *out)
{
    put_head(st, out);
    buf_lit(out, "{\"index\":");
    buf_add_u64(out, choice);
    buf_lit(out, ",\"delta\":{");
}

/* … and after them. */
static void end_chunk(struct chat_stream *st, str tail, struct buf *out)
{
    buf_add(out, tail);
    if (st->include_usage && !st->as_mistral)
        buf_lit(out, ",\"usage\":null}\n\n");
    else
        buf_lit(out, "}\n\n");
}

#define TAIL STR("},\"finish_reason\":null}]")

/* The role, and what stands beside it in OpenAI's own first chunks. */
static void put_role(struct saying *c, str content, struct buf *out)
{
    c->role_sent = true;
    buf_lit(out, "\"role\":\"assistant\",\"content\":");
    buf_add(out, content);
    buf_lit(out, ",\"refusal\":null");
}

static void need_role(struct chat_stream *st, struct saying *c, uint32_t choice, struct buf *out)
{
    if (c->role_sent)
        return;
    begin_chunk(st, choice, out);
    put_role(c, STR("\"\""), out);
    end_chunk(st, TAIL, out);
}

static void put_member(struct chat_stream *st, uint32_t choice, str key, jtext text,
                       struct buf *out)
{
    begin_chunk(st, choice, out);
    buf_add_char(out, '"');
    buf_add(out, key);
    buf_lit(out, "\":\"");
    buf_add(out, text);
    buf_add_char(out, '"');
    end_chunk(st, TAIL, out);
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
    c->format_n = (uint8_t)keep(c->format, FORMAT_MAX, ev->open.format);
    if (ev->kind != IR_REDACTED)
        return;
    begin_chunk(st, ev->choice, out);
    put_detail(c, STR("reasoning.encrypted"), STR("data"), ev->open.data, format_of(c), out);
    end_chunk(st, TAIL, out);
}

static void say_thought(struct chat_stream *st, const struct saying *c, const struct ir_event *ev,
                        struct buf *out)
{
    begin_chunk(st, ev->choice, out);
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
    end_chunk(st, TAIL, out);
}

/* ---- calls --------------------------------------------------------------------------------------
 */

/* Where calls are held: take back what was written behind `at`, for it is said with the rest. */
static void hold(struct chat_stream *st, struct saying *c, size_t at, struct buf *out)
{
    str said = str_from(buf_str(out), at);

    if (out->failed)
        return;
    gather_add(&c->call, st->arena, ARGS_MAX, said);
    out->len -= said.n;
    out->failed = c->call.failed;
}

static void say_held(struct chat_stream *st, struct saying *c, uint32_t choice, struct buf *out)
{
    begin_chunk(st, choice, out);
    buf_add(out, gather_str(&c->call));
    buf_lit(out, "\"}}]");
    end_chunk(st, TAIL, out);
    gather_clear(&c->call);
}

/* `"tool_calls":[{…"name":"f","arguments":"` */
static void put_call(struct chat_stream *st, struct saying *c, const struct ir_event *ev,
                     struct buf *out)
{
    bool custom = ev->open.is_custom || chat_is_custom(st->request, ev->open.name);
    str what = custom ? STR("custom") : STR("function");

    if (!c->role_sent) {
        put_role(c, STR("null"), out);
        buf_add_char(out, ',');
    }
    buf_lit(out, "\"tool_calls\":[{\"index\":");
    buf_add_u64(out, c->calls++);
    buf_lit(out, ",\"id\":\"");
    if (ev->open.id.n) {
        buf_add(out, ev->open.id);
    } else { /* clients cannot answer a call without an id */
        buf_lit(out, "call_");
        buf_add(out, str_of(st->own_id, st->own_n));
        buf_add_char(out, '_');
        buf_add_u64(out, c->calls);
    }
    if (ev->open.sealed.n) {
        buf_lit(out, "\",\"extra_content\":{\"google\":{\"thought_signature\":\"");
        buf_add(out, ev->open.sealed);
        buf_lit(out, "\"}},\"type\":\"");
    } else {
        buf_lit(out, "\",\"type\":\"");
    }
    buf_add(out, what);
    buf_lit(out, "\",\"");
    buf_add(out, what);
    buf_lit(out, "\":{\"name\":\"");
    buf_add(out, ev->open.name);
    buf_add(out, custom ? STR("\",\"input\":\"") : STR("\",\"arguments\":\""));
    c->args_sent = c->is_custom = custom;
    c->wrapped = custom && !ev->open.is_custom;
    c->plain = false;
    gather_clear(&c->wrapper);
}

static void open_call(struct chat_stream *st, struct saying *c, const struct ir_event *ev,
                      struct buf *out)
{
    size_t at = buf_size(out);

    if (st->as_mistral) {
        gather_clear(&c->call);
        put_call(st, c, ev, out);
        hold(st, c, at, out);
        return;
    }
    begin_chunk(st, ev->choice, out);
    put_call(st, c, ev, out);
    buf_lit(out, "\"}}]");
    end_chunk(st, TAIL, out);
}

static void say_arguments(struct chat_stream *st, struct saying *c, const struct ir_event *ev,
                          bool plain, struct buf *out)
{
    size_t at = buf_size(out);

    if (ev->delta.text.n == 0)
        return;
    if (c->wrapped) {
        c->plain |= plain;
        gather_add(&c->wrapper, st->arena, ARGS_MAX, ev->delta.text);
        out->failed |= c->wrapper.failed;
        return;
    }
    c->args_sent = true;
    if (!st->as_mistral) {
        begin_chunk(st, ev->choice, out);
        buf_lit(out, "\"tool_calls\":[{\"index\":");
        buf_add_u64(out, c->calls ? c->calls - 1 : 0);
        buf_add(out, c->is_custom ? STR(",\"custom\":{\"input\":\"")
                                  : STR(",\"function\":{\"arguments\":\""));
    }
    if (plain)
        json_escape(out, ev->delta.text);
    else
        buf_add(out, ev->delta.text);
    if (st->as_mistral) {
        hold(st, c, at, out);
        return;
    }
    buf_lit(out, "\"}}]");
    end_chunk(st, TAIL, out);
}

/* The text of a custom call that came as {"input":"…"}; as it is, where it is something else. */
static void unwrap(struct chat_stream *st, struct saying *c, const struct ir_event *ev,
                   struct buf *out)
{
    str args = gather_str(&c->wrapper);
    jtext input = free_text_unwrap(st->arena, c->plain ? args : ir_unescape(st->arena, args));
    struct ir_event whole = *ev;

    c->wrapped = false;
    whole.delta.what = IR_D_ARGS;
    whole.delta.text = input.p ? input : args;
    say_arguments(st, c, &whole, c->plain && !input.p, out);
    out->failed |= arena_is_full(st->arena);
}

/* A call without arguments is told as "{}", for that is what OpenAI's clients parse. */
static void close_call(struct chat_stream *st, struct saying *c, const struct ir_event *ev,
                       struct buf *out)
{
    struct ir_event empty = *ev;

    empty.delta.what = IR_D_INPUT;
    empty.delta.text = STR("{}");
    if (c->wrapped)
        unwrap(st, c, ev, out);
    else if (!c->args_sent)
        say_arguments(st, c, &empty, true, out);
    if (st->as_mistral)
        say_held(st, c, ev->choice, out);
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
    begin_chunk(st, ev->choice, out);
    buf_lit(out, "\"annotations\":[{\"type\":\"url_citation\",\"url_citation\":{\"start_index\":");
    buf_add_u64(out, c->block_at);
    buf_lit(out, ",\"end_index\":");
    buf_add_u64(out, c->chars);
    buf_lit(out, ",\"url\":\"");
    buf_add(out, url);
    buf_lit(out, "\",\"title\":\"");
    buf_add(out, title);
    buf_lit(out, "\"}}]");
    end_chunk(st, TAIL, out);
}

static void say_logprobs(struct chat_stream *st, const struct ir_event *ev, struct buf *out)
{
    begin_chunk(st, ev->choice, out);
    buf_lit(out, "},\"logprobs\":");
    dialect_add_line(out, ev->delta.text);
    end_chunk(st, STR(",\"finish_reason\":null}]"), out);
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
            say_arguments(st, c, ev, ev->delta.what == IR_D_INPUT, out);
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
    begin_chunk(st, ev->choice, out);
    buf_lit(out, "\"images\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"");
    if (m->src == IR_MEDIA_BASE64) {
        buf_lit(out, "data:");
        buf_add(out, m->media_type.n ? m->media_type : STR("image/png"));
        buf_lit(out, ";base64,");
    }
    buf_add(out, m->data);
    buf_lit(out, "\"}}]");
    end_chunk(st, TAIL, out);
}

static void open_block(struct chat_stream *st, struct saying *c, const struct ir_event *ev,
                       struct buf *out)
{
    c->block_at = c->chars;
    if (ev->kind == IR_TOOL_USE) {
        open_call(st, c, ev, out);
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
    begin_chunk(st, ev->choice, out);
    buf_lit(out, "},\"finish_reason\":\"");
    buf_add(out, chat_finish_word(ev->finish.reason));
    end_chunk(st, STR("\"}]"), out);
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
    struct saying *c = &st->choices[ev->choice < CHOICES_MAX ? ev->choice : 0];

    if (st->over || ev->choice >= CHOICES_MAX)
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
            close_call(st, c, ev, out);
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
