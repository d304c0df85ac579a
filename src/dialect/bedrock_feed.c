/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bedrock_feed.c - answers of Converse and ConverseStream to events.
 *
 *     messageStart  { contentBlockStart?  contentBlockDelta*  contentBlockStop }*
 *     messageStop{stopReason}  metadata{usage}
 *
 * Only calls have a contentBlockStart; text and thoughts begin with their first delta. The usage
 * comes behind the stop, so the end waits for it. One wire block may change its kind under way (a
 * citation before its text does not, thoughts before text of some models do): each kind is a block
 * of its own here.
 *
 * A call that the provider has answered itself (`type` server_tool_use, its result a block of the
 * same answer) is no call of the client's: it is carried as Anthropic's server_tool_use, its result
 * left out. But an answer that waits for results names all of them in its whole form, for the
 * client's history must hold every call of a turn that has any.
 */
#include "dialect/bedrock_int.h"

#include "base/b64.h"
#include "base/utf8.h"
#include "dialect/aws.h"

struct bedrock_decoder {
    bool started, over, finished, open;
    enum ir_kind kind;
    uint32_t block; /* of the open block, or the next one */
    uint64_t wire;  /* its contentBlockIndex */
    str image_type; /* of the picture that is to come; static */
    struct usage usage;
};

_Static_assert(sizeof(struct bedrock_decoder) <= BEDROCK_DECODER_SIZE,
               "BEDROCK_DECODER_SIZE is too small");

struct feeding {
    struct bedrock_decoder *st;
    struct dialect_scratch *scratch;
    struct ir_sink sink;
};

void bedrock_decoder_init(void *state, bool client_usage)
{
    struct bedrock_decoder *st = state;

    (void)client_usage;
    *st = (struct bedrock_decoder){0};
}

/* ---- blocks ------------------------------------------------------------------------------------
 */

static struct ir_event event_of(const struct feeding *f, enum ir_event_type type)
{
    return (struct ir_event){.type = type, .kind = f->st->kind, .block = f->st->block};
}

static void start(struct feeding *f)
{
    struct ir_event ev = {.type = IR_EV_START};

    if (f->st->started)
        return;
    f->st->started = true; /* Converse tells neither an id nor the model */
    ir_emit(f->sink, &ev);
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

static struct ir_event begin_block(struct feeding *f, enum ir_kind kind, uint64_t wire)
{
    start(f);
    close_block(f);
    ASSERT(!f->st->over && !f->st->finished && !f->st->open);
    f->st->open = true;
    f->st->kind = kind;
    f->st->wire = wire;
    return event_of(f, IR_EV_BLOCK_START);
}

static void need_block(struct feeding *f, enum ir_kind kind, uint64_t wire)
{
    struct ir_event ev;

    if (f->st->open && f->st->kind == kind && f->st->wire == wire)
        return;
    ev = begin_block(f, kind, wire);
    if (kind == IR_THINKING) {
        ev.open.is_signed = true; /* of Claude's it is; what others think comes without */
        ev.open.format = STR(ANTHROPIC_FORMAT);
    }
    ir_emit(f->sink, &ev);
}

static void delta(struct feeding *f, enum ir_delta what, str text)
{
    struct ir_event ev = event_of(f, IR_EV_DELTA);

    CHECK(f->st->open);
    if (!text.n)
        return;
    ev.delta.what = what;
    ev.delta.text = text;
    ir_emit(f->sink, &ev);
}

/* ---- sealed thoughts ---------------------------------------------------------------------------
 */

static bool is_base64_text(str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i], l = (char)(c | 0x20);

        if (!(l >= 'a' && l <= 'z') && !(c >= '0' && c <= '9') && !strchr("+/=-_", c))
            return false;
    }
    return s.n > 0;
}

void bedrock_unseal(jtext base64, struct buf *to)
{
    size_t at = buf_size(to);
    bool readable = b64_decode(to, base64) == RC_OK;

    if (readable && is_base64_text(str_from(buf_str(to), at)))
        return;
    if (to->failed)
        return;
    to->len -= buf_size(to) - at;
    buf_lit(to, BEDROCK_BLOB);
    buf_add(to, base64);
}

void bedrock_seal(str mark, jtext data, struct buf *to)
{
    char group[3]; /* base64 goes by three bytes, and there are two pieces */
    unsigned n = 0;

    if (str_has_prefix(data, STR(BEDROCK_BLOB))) {
        buf_add(to, str_from(data, sizeof BEDROCK_BLOB - 1));
        return;
    }
    for (size_t i = 0; i < mark.n + data.n; i++) {
        char c = i < mark.n ? mark.p[i] : data.p[i - mark.n];

        if (c != '\\') /* "\/" is the one escape that base64 may have */
            group[n++] = c;
        if (n == sizeof group) {
            b64_encode(to, str_of(group, n));
            n = 0;
        }
    }
    b64_encode(to, str_of(group, n));
}

static void put_sealed(struct feeding *f, jtext blob, uint64_t wire)
{
    struct buf *b = &f->scratch->text;
    struct ir_event ev;

    buf_clear(b);
    bedrock_unseal(blob, b);
    ev = begin_block(f, IR_REDACTED, wire);
    ev.open.format = STR(ANTHROPIC_FORMAT);
    ev.open.data = buf_str(b);
    ir_emit(f->sink, &ev);
}

/* ---- calls -------------------------------------------------------------------------------------
 */

static bool is_servers(jval use)
{
    return json_str_is(json_get_lit(use, "type"), STR("server_tool_use"));
}

static void open_use(struct feeding *f, jval use, uint64_t wire)
{
    struct ir_event ev = begin_block(f, IR_TOOL_USE, wire);

    ev.open.id = json_raw(json_get_lit(use, "toolUseId"));
    ev.open.name = json_raw(json_get_lit(use, "name"));
    ir_emit(f->sink, &ev);
}

static void open_servers_use(struct feeding *f, jval use, str input, uint64_t wire)
{
    struct buf *b = &f->scratch->text;
    struct ir_event ev = begin_block(f, IR_OPAQUE, wire);

    ev.open.data = STR("server_tool_use");
    ev.open.family = STR(ANTHROPIC_FAMILY);
    ev.open.id = json_raw(json_get_lit(use, "toolUseId"));
    ev.open.name = json_raw(json_get_lit(use, "name"));
    buf_clear(b);
    buf_lit(b, "{\"type\":\"server_tool_use\",\"id\":\"");
    buf_add(b, ev.open.id);
    buf_lit(b, "\",\"name\":\"");
    buf_add(b, ev.open.name);
    buf_lit(b, "\",\"input\":");
    buf_add(b, input);
    buf_add_char(b, '}');
    ev.open.raw = buf_str(b);
    ir_emit(f->sink, &ev);
}

/* ---- errors and ends ---------------------------------------------------------------------------
 */

#define NAMELESS "The provider sent a tool call without a name."

static enum feed_result emit_fail(struct feeding *f, const struct fail *fail)
{
    struct ir_event ev = {.type = IR_EV_ERROR, .fail = fail};

    f->st->over = true;
    ir_emit(f->sink, &ev);
    return FEED_ERROR;
}

static enum feed_result broke(struct feeding *f, str message)
{
    struct fail fail = {.kind = ERR_UPSTREAM, .message = message};

    return emit_fail(f, &fail);
}

static enum feed_result provider_failed(struct feeding *f, str type, str payload)
{
    struct aws_fault fault;

    aws_read_fault(type, payload, f->scratch, &fault);
    return emit_fail(f, &fault.fail);
}

static enum ir_finish finish_of(jtext word)
{
    static const struct {
        str word;
        enum ir_finish finish;
    } rows[] = {
        {STR("end_turn"), IR_FIN_STOP},
        {STR("tool_use"), IR_FIN_TOOL},
        {STR("max_tokens"), IR_FIN_LENGTH},
        {STR("stop_sequence"), IR_FIN_SEQUENCE},
        {STR("guardrail_intervened"), IR_FIN_FILTER},
        {STR("content_filtered"), IR_FIN_FILTER},
        {STR("model_context_window_exceeded"), IR_FIN_CONTEXT},
        {STR("refusal"), IR_FIN_REFUSAL},
        {STR("pause_turn"), IR_FIN_PAUSE},
        {STR("malformed_model_output"), IR_FIN_BROKEN},
        {STR("malformed_tool_use"), IR_FIN_BROKEN},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (str_eq(word, rows[i].word))
            return rows[i].finish;
    return IR_FIN_OTHER;
}

/* Which stop sequence it was comes only when it was asked for, and in streams a step deeper. */
static jtext sequence_of(jval root)
{
    jval more = json_get_lit(root, "additionalModelResponseFields");
    jval at = json_get_lit(more, "stop_sequence");

    if (!json_is(at, JSON_STRING))
        at = json_path(more, "delta", "stop_sequence", NULL);
    return json_is(at, JSON_STRING) ? json_raw(at) : STR_NONE;
}

static void take_stop(struct feeding *f, jval root)
{
    struct ir_event ev = {.type = IR_EV_FINISH};

    start(f);
    close_block(f);
    if (f->st->finished)
        return;
    f->st->finished = true;
    ev.finish.raw = json_raw(json_get_lit(root, "stopReason"));
    ev.finish.reason = ev.finish.raw.n ? finish_of(ev.finish.raw) : IR_FIN_STOP;
    ev.finish.sequence = sequence_of(root);
    ir_emit(f->sink, &ev);
}

static void take_usage(struct feeding *f, jval root)
{
    struct ir_event ev = {.type = IR_EV_USAGE, .usage = &f->st->usage};

    start(f);
    if (bedrock_read_usage(json_get_lit(root, "usage"), &f->st->usage))
        ir_emit(f->sink, &ev);
}

static void finish(struct feeding *f)
{
    struct ir_event ev = {.type = IR_EV_END};

    CHECK(f->st->started && f->st->finished && !f->st->open);
    f->st->over = true;
    ir_emit(f->sink, &ev);
}

/* ---- the stream --------------------------------------------------------------------------------
 */

static uint64_t wire_index(const struct feeding *f, jval root)
{
    uint64_t wire = 0;

    if (json_u64(json_get_lit(root, "contentBlockIndex"), &wire) != RC_OK)
        wire = f->st->wire; /* some compatible servers number nothing */
    return wire;
}

/* The media type of an image's format word; `otherwise` where there is none. */
static str image_type(jval format, str otherwise)
{
    static const struct {
        str format, type;
    } rows[] = {{STR("png"), STR("image/png")},
                {STR("jpeg"), STR("image/jpeg")},
                {STR("gif"), STR("image/gif")},
                {STR("webp"), STR("image/webp")}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (json_str_is(format, rows[i].format))
            return rows[i].type;
    return otherwise;
}

static enum feed_result on_block_start(struct feeding *f, jval root)
{
    jval begin = json_get_lit(root, "start"), use = json_get_lit(begin, "toolUse");
    uint64_t wire = wire_index(f, root);

    close_block(f);
    if (!json_is(use, JSON_OBJECT))
        return FEED_FORWARD; /* a server tool's result, a picture: its deltas say more, or nothing
                              */
    if (!json_raw(json_get_lit(use, "name")).n)
        return broke(f, STR(NAMELESS));
    if (is_servers(use))
        open_servers_use(f, use, STR("{}"), wire);
    else
        open_use(f, use, wire);
    return FEED_FORWARD;
}

static void take_thought(struct feeding *f, jval r, uint64_t wire)
{
    jval text = json_get_lit(r, "text"), signature = json_get_lit(r, "signature");
    jval sealed = json_get_lit(r, "redactedContent");

    if (json_is(sealed, JSON_STRING))
        put_sealed(f, json_raw(sealed), wire);
    if (!json_is(text, JSON_STRING) && !json_is(signature, JSON_STRING))
        return;
    need_block(f, IR_THINKING, wire);
    delta(f, IR_D_TEXT, json_raw(text));
    delta(f, IR_D_SIGNATURE, json_raw(signature));
}

static void take_citation(struct feeding *f, jval citation)
{
    struct buf *b = &f->scratch->text;

    buf_clear(b);
    if (bedrock_read_citation(citation, b))
        delta(f, IR_D_CITATION, buf_str(b));
}

/* In a stream the format stands in the block's start. */
static void put_image(struct feeding *f, jval image, uint64_t wire)
{
    str known = f->st->image_type.n ? f->st->image_type : STR("image/png");
    struct ir_media m = {.src = IR_MEDIA_BASE64};
    struct ir_event ev;

    m.data = json_raw(json_path(image, "source", "bytes", NULL));
    m.media_type = image_type(json_get_lit(image, "format"), known);
    if (!m.data.n)
        return;
    ev = begin_block(f, IR_IMAGE, wire);
    ev.open.media = &m;
    ir_emit(f->sink, &ev);
    close_block(f);
}

static enum feed_result on_block_delta(struct feeding *f, jval root)
{
    jval d = json_get_lit(root, "delta"), text = json_get_lit(d, "text");
    jval use = json_get_lit(d, "toolUse"), thought = json_get_lit(d, "reasoningContent");
    jval citation = json_get_lit(d, "citation");
    uint64_t wire = wire_index(f, root);

    if (json_is(text, JSON_STRING)) {
        need_block(f, IR_TEXT, wire);
        delta(f, IR_D_TEXT, json_raw(text));
    } else if (json_is(thought, JSON_OBJECT)) {
        take_thought(f, thought, wire);
    } else if (json_is(citation, JSON_OBJECT)) {
        need_block(f, IR_TEXT, wire);
        take_citation(f, citation);
    } else if (json_is(use, JSON_OBJECT)) {
        if (!f->st->open || f->st->wire != wire ||
            (f->st->kind != IR_TOOL_USE && f->st->kind != IR_OPAQUE))
            return broke(f, STR("The provider sent arguments that belong to no tool call."));
        delta(f, IR_D_ARGS, json_raw(json_get_lit(use, "input")));
    } else {
        put_image(f, json_get_lit(d, "image"), wire);
    }
    return FEED_FORWARD;
}

static enum feed_result on_block_stop(struct feeding *f, jval root)
{
    if (wire_index(f, root) == f->st->wire)
        close_block(f);
    return FEED_FORWARD;
}

static enum feed_result on_message_start(struct feeding *f, jval root)
{
    (void)root;
    start(f);
    return FEED_FORWARD;
}

static enum feed_result on_message_stop(struct feeding *f, jval root)
{
    take_stop(f, root);
    return FEED_FORWARD;
}

static enum feed_result on_metadata(struct feeding *f, jval root)
{
    take_usage(f, root);
    if (!f->st->finished)
        return FEED_FORWARD;
    finish(f);
    return FEED_END;
}

static const struct {
    str name;
    bool content; /* behind the stop reason it is nobody's */
    enum feed_result (*on)(struct feeding *f, jval root);
} events[] = {
    {STR("contentBlockDelta"), true, on_block_delta},
    {STR("contentBlockStart"), true, on_block_start},
    {STR("contentBlockStop"), true, on_block_stop},
    {STR("messageStart"), true, on_message_start},
    {STR("messageStop"), true, on_message_stop},
    {STR("metadata"), false, on_metadata},
};

enum feed_result bedrock_feed(void *state, struct dialect_scratch *s, const struct sse_event *ev,
                              struct ir_sink sink)
{
    struct feeding f = {.st = state, .scratch = s, .sink = sink};
    struct ir_event ping = {.type = IR_EV_PING};
    jval root;

    if (f.st->over)
        return FEED_DROP;
    if (ev->fault || str_has_suffix(ev->event, STR("Exception")))
        return provider_failed(&f, ev->event, ev->data);
    if (!ev->data.n) {
        ir_emit(sink, &ping);
        return FEED_FORWARD;
    }
    if (scratch_parse(s, ev->data, &root) != RC_OK || !json_is(root, JSON_OBJECT))
        return broke(&f, STR("The provider sent an event that is no JSON object."));
    for (size_t i = 0; i < ARRAY_LEN(events); i++)
        if (str_eq(ev->event, events[i].name))
            return events[i].content && f.st->finished ? FEED_DROP : events[i].on(&f, root);
    ir_emit(sink, &ping); /* an event of a later version */
    return FEED_FORWARD;
}

bool bedrock_end(void *state, struct ir_sink sink)
{
    struct feeding f = {.st = state, .sink = sink};

    if (f.st->over)
        return true;
    if (!f.st->finished)
        return false;
    finish(&f); /* without metadata: the usage is not known, the answer is whole */
    return true;
}

/* ---- a whole body ------------------------------------------------------------------------------
 */

static void body_text(struct feeding *f, jval text)
{
    need_block(f, IR_TEXT, f->st->block);
    delta(f, IR_D_TEXT, json_raw(text));
}

static void body_cited(struct feeding *f, jval cited)
{
    struct json_iter it = json_iter(json_get_lit(cited, "content"));

    need_block(f, IR_TEXT, f->st->block);
    while (json_next(&it))
        delta(f, IR_D_TEXT, json_raw(json_get_lit(it.val, "text")));
    for (it = json_iter(json_get_lit(cited, "citations")); json_next(&it);)
        take_citation(f, it.val);
}

static void body_thought(struct feeding *f, jval r)
{
    jval inner = json_get_lit(r, "reasoningText");

    take_thought(f, json_is(inner, JSON_OBJECT) ? inner : r, f->st->block);
}

static void body_use(struct feeding *f, jval use, bool waits)
{
    jval input = json_get_lit(use, "input");
    str args = json_is(input, JSON_OBJECT) ? json_text(input) : STR("{}");

    if (is_servers(use) && !waits) {
        open_servers_use(f, use, args, f->st->block);
        return;
    }
    open_use(f, use, f->st->block);
    delta(f, IR_D_INPUT, args);
}

/* False: the answer cannot be used, and that was said. */
static bool body_block(struct feeding *f, jval b, bool waits)
{
    jval text = json_get_lit(b, "text"), use = json_get_lit(b, "toolUse");
    jval thought = json_get_lit(b, "reasoningContent"), cited = json_get_lit(b, "citationsContent");
    jval image = json_get_lit(b, "image");

    if (json_is(use, JSON_OBJECT)) {
        if (!json_raw(json_get_lit(use, "name")).n) {
            (void)broke(f, STR(NAMELESS));
            return false;
        }
        body_use(f, use, waits);
    } else if (json_is(thought, JSON_OBJECT)) {
        body_thought(f, thought);
    } else if (json_is(cited, JSON_OBJECT)) {
        body_cited(f, cited);
    } else if (json_is(image, JSON_OBJECT)) {
        put_image(f, image, f->st->block);
    } else if (json_is(text, JSON_STRING)) { /* last: looser answers say text and type */
        body_text(f, text);
    }
    close_block(f);
    return true;
}

void bedrock_decode_body(jval root, struct dialect_scratch *s, struct ir_sink sink)
{
    struct bedrock_decoder st = {0};
    struct feeding f = {.st = &st, .scratch = s, .sink = sink};
    jval content = json_path(root, "output", "message", "content", NULL);
    bool waits = json_str_is(json_get_lit(root, "stopReason"), STR("tool_use"));
    struct json_iter it = json_iter(content);

    if (!json_is(content, JSON_ARRAY)) {
        (void)broke(&f, STR("The provider's answer holds no message."));
        return;
    }
    start(&f);
    while (json_next(&it))
        if (!body_block(&f, it.val, waits))
            return;
    take_usage(&f, root);
    take_stop(&f, root);
    finish(&f);
}
