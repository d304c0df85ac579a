/* SPDX-License-Identifier: Apache-2.0 */
/*
 * anthropic_feed.c - answers of the Messages API to events.
 *
 * The wire's own blocks are the canonical ones, so this is a watchful copy: it closes a block that
 * was left open, opens one for a delta that came without (some compatible servers), and ends with
 * an error where a delta belongs to no block it could belong to. stop_reason and the final usage
 * come in message_delta, the end is message_stop; whatever follows is dropped.
 */
#include "dialect/anthropic_int.h"
#include "dialect/feed_fail.h"

struct anthropic_decoder {
    bool started, over, finished;
    bool open, whole_input;
    enum ir_kind kind;
    uint32_t block; /* of the open block, or the next one */
    uint64_t wire;  /* its index on the wire */
    struct usage usage;
};

_Static_assert(sizeof(struct anthropic_decoder) <= ANTHROPIC_DECODER_SIZE,
               "ANTHROPIC_DECODER_SIZE is too small");

struct feeding {
    struct anthropic_decoder *st;
    struct ir_sink sink;
};

void anthropic_decoder_init(void *state, bool client_usage)
{
    struct anthropic_decoder *st = state;

    (void)client_usage;
    *st = (struct anthropic_decoder){0};
}

/* ---- blocks -------------------------------------------------------------------------------------
 */

static struct ir_event event_of(const struct feeding *f, enum ir_event_type type)
{
    return (struct ir_event){.type = type, .kind = f->st->kind, .block = f->st->block};
}

static void close_block(struct feeding *f)
{
    struct ir_event ev;

    if (!f->st->open)
        return;
    ev = event_of(f, IR_EV_BLOCK_STOP);
    ir_emit(f->sink, &ev);
    f->st->open = false;
    f->st->block++;
}

/* The caller fills the event and emits it: before any delta of the block. */
static struct ir_event begin_block(struct feeding *f, enum ir_kind kind)
{
    close_block(f);
    ASSERT(f->st->started && !f->st->over && !f->st->open);
    f->st->open = true;
    f->st->kind = kind;
    f->st->whole_input = false;
    return event_of(f, IR_EV_BLOCK_START);
}

static void delta(struct feeding *f, enum ir_delta what, str text)
{
    struct ir_event ev = event_of(f, IR_EV_DELTA);

    ASSERT(f->st->open); /* ir/event.h: a delta belongs to the open block */
    if (!text.n)
        return;
    ev.delta.what = what;
    ev.delta.text = text;
    ir_emit(f->sink, &ev);
}

static void put_citations(struct feeding *f, jval list)
{
    struct json_iter it = json_iter(list);

    while (json_next(&it))
        delta(f, IR_D_CITATION, json_text(it.val));
}

static void open_text(struct feeding *f, jval b)
{
    struct ir_event ev = begin_block(f, IR_TEXT);

    ir_emit(f->sink, &ev);
    delta(f, IR_D_TEXT, json_raw(json_get_lit(b, "text")));
    put_citations(f, json_get_lit(b, "citations"));
}

static void open_thought(struct feeding *f, jval b)
{
    struct ir_event ev = begin_block(f, IR_THINKING);

    ev.open.format = STR(ANTHROPIC_FORMAT);
    ev.open.is_signed = true;
    ir_emit(f->sink, &ev);
    delta(f, IR_D_TEXT, json_raw(json_get_lit(b, "thinking")));
    delta(f, IR_D_SIGNATURE, json_raw(json_get_lit(b, "signature")));
}

static void open_sealed(struct feeding *f, jval b)
{
    struct ir_event ev = begin_block(f, IR_REDACTED);

    ev.open.format = STR(ANTHROPIC_FORMAT);
    ev.open.data = json_raw(json_get_lit(b, "data"));
    ir_emit(f->sink, &ev);
}

static void open_use(struct feeding *f, jval b)
{
    struct ir_event ev = begin_block(f, IR_TOOL_USE);
    jval input = json_get_lit(b, "input");

    ev.open.id = json_raw(json_get_lit(b, "id"));
    ev.open.name = json_raw(json_get_lit(b, "name"));
    ir_emit(f->sink, &ev);
    if (!json_is(input, JSON_OBJECT) || json_len(input) == 0)
        return;
    delta(f, IR_D_INPUT, json_text(input));
    f->st->whole_input = true;
}

static void open_opaque(struct feeding *f, jval b, jtext type)
{
    struct ir_event ev = begin_block(f, IR_OPAQUE);

    ev.open.data = type;
    ev.open.id = json_raw(json_get_lit(b, "id"));
    ev.open.name = json_raw(json_get_lit(b, "name"));
    ev.open.raw = json_text(b);
    ir_emit(f->sink, &ev);
}

static void open_block(struct feeding *f, jval b)
{
    jtext type = json_raw(json_get_lit(b, "type"));

    if (str_eq(type, STR("text")))
        open_text(f, b);
    else if (str_eq(type, STR("thinking")))
        open_thought(f, b);
    else if (str_eq(type, STR("redacted_thinking")))
        open_sealed(f, b);
    else if (str_eq(type, STR("tool_use")))
        open_use(f, b);
    else
        open_opaque(f, b, type);
}

#define NAMELESS "The provider sent a tool call without a name."

static bool is_nameless(jval b)
{
    return json_str_is(json_get_lit(b, "type"), STR("tool_use")) &&
           !json_raw(json_get_lit(b, "name")).n;
}

/* ---- errors and ends ----------------------------------------------------------------------------
 */

static enum feed_result broke(struct feeding *f, str message)
{
    return feed_unusable(&f->st->over, f->sink, message);
}

static enum feed_result provider_failed(struct feeding *f, jval root)
{
    return feed_said_error(&f->st->over, f->sink, root);
}

static void start(struct feeding *f, jval message)
{
    struct ir_event ev = {.type = IR_EV_START};
    jtext id = json_raw(json_get_lit(message, "id"));
    jtext model = json_raw(json_get_lit(message, "model"));

    if (f->st->started)
        return;
    f->st->started = true;
    ev.start.id = id.n ? id : STR_NONE;
    ev.start.model = model.n ? model : STR_NONE;
    ir_emit(f->sink, &ev);
}

static void take_usage(struct feeding *f, jval usage)
{
    struct ir_event ev = {.type = IR_EV_USAGE, .usage = &f->st->usage};

    if (anthropic_read_usage(usage, &f->st->usage))
        ir_emit(f->sink, &ev);
}

static enum ir_finish finish_of(jtext word)
{
    static const struct {
        str word;
        enum ir_finish finish;
    } rows[] = {
        {STR("end_turn"), IR_FIN_STOP},     {STR("stop_sequence"), IR_FIN_SEQUENCE},
        {STR("max_tokens"), IR_FIN_LENGTH}, {STR("model_context_window_exceeded"), IR_FIN_CONTEXT},
        {STR("tool_use"), IR_FIN_TOOL},     {STR("refusal"), IR_FIN_REFUSAL},
        {STR("pause_turn"), IR_FIN_PAUSE},  {STR("stop"), IR_FIN_STOP},
        {STR("length"), IR_FIN_LENGTH},     {STR("tool_calls"), IR_FIN_TOOL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (str_eq(word, rows[i].word))
            return rows[i].finish;
    return IR_FIN_OTHER;
}

/* `d` has stop_reason, stop_sequence and stop_details: a message_delta's delta, or a message. */
static void take_stop(struct feeding *f, jval d)
{
    jtext word = json_raw(json_get_lit(d, "stop_reason"));
    jval sequence = json_get_lit(d, "stop_sequence"), details = json_get_lit(d, "stop_details");
    struct ir_event ev = {.type = IR_EV_FINISH};

    if (!word.n || f->st->finished)
        return;
    close_block(f);
    ASSERT(f->st->started && !f->st->open); /* FINISH comes after the last block */
    f->st->finished = true;
    ev.finish.reason = finish_of(word);
    ev.finish.raw = word;
    ev.finish.sequence = json_is(sequence, JSON_STRING) ? json_raw(sequence) : STR_NONE;
    ev.finish.details = json_is(details, JSON_OBJECT) ? json_text(details) : STR_NONE;
    ir_emit(f->sink, &ev);
}

static void finish(struct feeding *f)
{
    struct ir_event ev = {.type = IR_EV_FINISH, .finish = {.reason = IR_FIN_STOP}};

    start(f, JVAL_NONE);
    close_block(f);
    ASSERT(!f->st->over);
    if (!f->st->finished)
        ir_emit(f->sink, &ev);
    f->st->over = true;
    ev = (struct ir_event){.type = IR_EV_END};
    ir_emit(f->sink, &ev);
}

/* ---- deltas -------------------------------------------------------------------------------------
 */

static void need_block(struct feeding *f, enum ir_kind kind, uint64_t wire)
{
    struct ir_event ev;

    if (f->st->open && f->st->kind == kind)
        return;
    ev = begin_block(f, kind);
    f->st->wire = wire;
    ir_emit(f->sink, &ev);
    ASSERT(f->st->open && f->st->kind == kind);
}

static enum feed_result take_delta(struct feeding *f, jval root)
{
    jval d = json_get_lit(root, "delta");
    jtext type = json_raw(json_get_lit(d, "type"));
    uint64_t wire = 0;

    start(f, JVAL_NONE);
    if (json_u64(json_get_lit(root, "index"), &wire) != RC_OK)
        wire = f->st->wire;
    if (f->st->open && wire != f->st->wire)
        close_block(f); /* the provider went on without closing it */
    if (str_eq(type, STR("text_delta"))) {
        need_block(f, IR_TEXT, wire);
        delta(f, IR_D_TEXT, json_raw(json_get_lit(d, "text")));
    } else if (str_eq(type, STR("thinking_delta"))) {
        need_block(f, IR_THINKING, wire);
        delta(f, IR_D_TEXT, json_raw(json_get_lit(d, "thinking")));
    } else if (str_eq(type, STR("signature_delta"))) {
        need_block(f, IR_THINKING, wire);
        delta(f, IR_D_SIGNATURE, json_raw(json_get_lit(d, "signature")));
    } else if (str_eq(type, STR("citations_delta"))) {
        need_block(f, IR_TEXT, wire);
        delta(f, IR_D_CITATION, json_text(json_get_lit(d, "citation")));
    } else if (str_eq(type, STR("input_json_delta"))) {
        if (!f->st->open || (f->st->kind != IR_TOOL_USE && f->st->kind != IR_OPAQUE))
            return broke(f, STR("The provider sent arguments that belong to no tool call."));
        if (!f->st->whole_input)
            delta(f, IR_D_ARGS, json_raw(json_get_lit(d, "partial_json")));
    }
    return FEED_FORWARD;
}

/* ---- the stream ---------------------------------------------------------------------------------
 */

static enum feed_result take_event(struct feeding *f, jval root, str name)
{
    jtext type = json_raw(json_get_lit(root, "type"));
    struct ir_event ping = {.type = IR_EV_PING};

    if (str_eq(type, STR("error")) || str_eq(name, STR("error")) ||
        (!type.n && !json_is_nothing(json_get_lit(root, "error"))))
        return provider_failed(f, root);
    if (f->st->finished && str_has_prefix(type, STR("content_block")))
        return FEED_DROP; /* content after the stop reason is nobody's */
    if (str_eq(type, STR("content_block_delta")))
        return take_delta(f, root);
    if (str_eq(type, STR("content_block_start"))) {
        start(f, JVAL_NONE);
        if (is_nameless(json_get_lit(root, "content_block")))
            return broke(f, STR(NAMELESS));
        open_block(f, json_get_lit(root, "content_block"));
        if (json_u64(json_get_lit(root, "index"), &f->st->wire) != RC_OK)
            f->st->wire = f->st->block;
    } else if (str_eq(type, STR("content_block_stop"))) {
        close_block(f);
    } else if (str_eq(type, STR("message_start"))) {
        start(f, json_get_lit(root, "message"));
        take_usage(f, json_path(root, "message", "usage", NULL));
    } else if (str_eq(type, STR("message_delta"))) {
        start(f, JVAL_NONE);
        take_usage(f, json_get_lit(root, "usage"));
        take_stop(f, json_get_lit(root, "delta"));
    } else if (str_eq(type, STR("message_stop"))) {
        finish(f);
        return FEED_END;
    } else {
        ir_emit(f->sink, &ping); /* ping, or an event of a later version */
    }
    return FEED_FORWARD;
}

enum feed_result anthropic_feed(void *state, struct dialect_scratch *s, const struct sse_event *ev,
                                struct ir_sink sink)
{
    struct feeding f = {.st = state, .sink = sink};
    struct ir_event ping = {.type = IR_EV_PING};
    jval root;

    if (f.st->over)
        return FEED_DROP;
    if (!ev->data.p || !str_trim(ev->data).n || str_eq(str_trim(ev->data), STR("[DONE]"))) {
        ir_emit(sink, &ping);
        return FEED_FORWARD;
    }
    if (scratch_parse(s, ev->data, &root) != RC_OK || !json_is(root, JSON_OBJECT))
        return broke(&f, STR("The provider sent an event that is no JSON object."));
    return take_event(&f, root, ev->event);
}

bool anthropic_is_over(const void *state)
{
    return ((const struct anthropic_decoder *)state)->over;
}

void anthropic_give_up(void *state)
{
    ((struct anthropic_decoder *)state)->over = true;
}

bool anthropic_end(void *state, struct ir_sink sink)
{
    struct feeding f = {.st = state, .sink = sink};

    if (f.st->over)
        return true;
    if (!f.st->finished)
        return false;
    finish(&f);
    return true;
}

/* ---- a whole body -------------------------------------------------------------------------------
 */

void anthropic_decode_body(jval root, struct dialect_scratch *s, struct ir_sink sink)
{
    struct anthropic_decoder st = {0};
    struct feeding f = {.st = &st, .sink = sink};
    struct json_iter it = json_iter(json_get_lit(root, "content"));
    jval error = json_get_lit(root, "error");

    (void)s;
    if (json_str_is(json_get_lit(root, "type"), STR("error")) || json_is(error, JSON_OBJECT) ||
        json_raw(error).n) {
        (void)provider_failed(&f, root);
        return;
    }
    if (!json_is(json_get_lit(root, "content"), JSON_ARRAY)) {
        (void)broke(&f, STR("The provider's answer holds no content."));
        return;
    }
    start(&f, root);
    while (json_next(&it)) {
        if (is_nameless(it.val)) {
            (void)broke(&f, STR(NAMELESS));
            return;
        }
        open_block(&f, it.val);
        close_block(&f);
    }
    take_usage(&f, json_get_lit(root, "usage"));
    take_stop(&f, root);
    finish(&f);
}
