/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gemini_say.c - events to a stream of generateContent chunks.
 *
 * Each chunk is a whole answer's object with the part that is new, the token counts so far, and the
 * model and id again. A call is told whole: its arguments are an object here, so the pieces are
 * gathered until the block ends. So is the signature of a thought. The finish reason waits for the
 * end, for the last chunk has the final counts; for a call it is STOP, too.
 *
 * The same encoder serves both framings: server-sent events, and one JSON array, into
 * which it also puts the raw chunks of a provider that speaks Gemini.
 */
#include "dialect/gemini_ground.h"
#include "dialect/gemini_int.h"

#define ID_MAX    96
#define MODEL_MAX 160
#define TAIL_MAX  320        /* both of them, and what stands between */
#define ARGS_MAX  (8u << 20) /* of one call */
#define SEAL_MAX  (4u << 20)

struct saying { /* one choice */
    bool seen;
    enum ir_finish finish;
    uint64_t bytes;           /* of text so far, unescaped: the places of citations */
    uint64_t block_at;        /* bytes at which the open block began */
    bool is_custom;           /* the open call's arguments are free text */
    size_t mark_n;            /* of the open thought: bytes of its maker's mark in `text` */
    bool is_plain;            /* … came whole, as JSON text, not as an escaped string */
    struct gather head;       /* of the open call: what stands before its arguments … */
    struct gather text;       /* … the arguments (also of an opaque block), or a signature … */
    struct gather behind;     /* … and what follows; of an opaque block: its JSON */
    struct grounding *ground; /* NULL: nothing was cited or searched */
};

struct gemini_stream {
    struct arena *arena;
    bool over, array, begun, raw;
    struct usage usage;
    uint16_t own_n, model_n, tail_n;
    char own_id[ID_MAX];
    char model[MODEL_MAX];
    char tail[TAIL_MAX]; /* what ends every chunk */
    struct saying choices[GEMINI_CHOICES_MAX];
};

_Static_assert(sizeof(struct gemini_stream) <= GEMINI_STREAM_SIZE,
               "GEMINI_STREAM_SIZE is too small");
_Static_assert(ID_MAX + MODEL_MAX + 40 <= TAIL_MAX, "the tail of a chunk must fit whole");

static void stream_init(void *state, const struct front_opts *o, bool array)
{
    struct gemini_stream *st = state;

    *st = (struct gemini_stream){.arena = o->arena, .array = array};
    st->own_n = dialect_keep(st->own_id, ID_MAX, o->id);
    st->model_n = dialect_keep(st->model, MODEL_MAX, o->model);
}

void gemini_stream_init(void *state, const struct front_opts *o)
{
    stream_init(state, o, false);
}

void gemini_stream_init_array(void *state, const struct front_opts *o)
{
    stream_init(state, o, true);
}

/* ---- chunks -------------------------------------------------------------------------------------
 */

static void make_tail(struct gemini_stream *st, jtext id, jtext model)
{
    struct buf b = {.p = st->tail, .cap = TAIL_MAX, .max = TAIL_MAX};

    buf_lit(&b, "\"modelVersion\":\"");
    buf_add(&b, model.n && model.n < MODEL_MAX ? model : str_of(st->model, st->model_n));
    buf_lit(&b, "\",\"responseId\":\"");
    buf_add(&b, id.n && id.n < ID_MAX ? id : str_of(st->own_id, st->own_n));
    buf_lit(&b, "\"}");
    CHECK(!b.failed); /* half a tail would spoil every chunk */
    st->tail_n = (uint16_t)buf_size(&b);
}

/* What stands before an element of the stream, and after it. */
static void begin_frame(struct gemini_stream *st, struct buf *out)
{
    if (!st->array)
        buf_lit(out, "data: ");
    else
        buf_add(out, st->begun ? STR(",\r\n") : STR("["));
    st->begun = true;
}

static void end_frame(const struct gemini_stream *st, struct buf *out)
{
    if (!st->array)
        buf_lit(out, GEMINI_EOL);
}

static void end_chunk(struct gemini_stream *st, struct buf *out)
{
    size_t before;

    if (!st->tail_n)
        make_tail(st, STR_NONE, STR_NONE);
    buf_lit(out, "],");
    before = buf_size(out);
    gemini_write_usage(&st->usage, out);
    if (buf_size(out) > before)
        buf_add_char(out, ',');
    buf_add(out, str_of(st->tail, st->tail_n));
    end_frame(st, out);
}

/* Everything before a part … */
static void begin_part(struct gemini_stream *st, struct buf *out)
{
    begin_frame(st, out);
    buf_lit(out, "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[");
}

/* … and after it. */
static void end_part(struct gemini_stream *st, struct saying *c, uint32_t choice, struct buf *out)
{
    c->seen = true;
    buf_lit(out, "]},\"index\":");
    buf_add_u64(out, choice);
    buf_add_char(out, '}');
    end_chunk(st, out);
}

static void put_text(struct gemini_stream *st, struct saying *c, const struct ir_event *ev,
                     jtext text, struct buf *out)
{
    begin_part(st, out);
    buf_lit(out, "{\"text\":\"");
    buf_add(out, text);
    buf_add(out, ev->kind == IR_THINKING ? STR("\",\"thought\":true}") : STR("\"}"));
    end_part(st, c, ev->choice, out);
}

/* A part that holds a signature and no words. */
static void put_seal(struct gemini_stream *st, struct saying *c, const struct ir_event *ev,
                     str mark, jtext seal, struct buf *out)
{
    begin_part(st, out);
    buf_lit(out, "{\"text\":\"\",");
    if (ev->kind == IR_THINKING) /* it signs the thought before it */
        buf_lit(out, "\"thought\":true,");
    buf_lit(out, "\"thoughtSignature\":\"");
    buf_add(out, mark);
    buf_add(out, seal);
    buf_lit(out, "\"}");
    end_part(st, c, ev->choice, out);
}

/* ---- calls --------------------------------------------------------------------------------------
 */

static void keep_all(struct gemini_stream *st, struct gather *to, const str *pieces, size_t n)
{
    for (size_t i = 0; i < n; i++)
        gather_add(to, st->arena, SEAL_MAX, pieces[i]);
}

static void open_call(struct gemini_stream *st, struct saying *c, const struct ir_event *ev)
{
    const str with_id[] = {STR("\"id\":\""), ev->open.id, STR("\",")};
    const str name[] = {STR("\"name\":\""), ev->open.name, STR("\",\"args\":")};
    const str sealed[] = {STR("},\"thoughtSignature\":\""), ev->open.sealed, STR("\"}")};

    c->is_custom = ev->open.is_custom;
    gather_add(&c->head, st->arena, SEAL_MAX, STR("{\"functionCall\":{"));
    if (ev->open.id.n)
        keep_all(st, &c->head, with_id, ARRAY_LEN(with_id));
    keep_all(st, &c->head, name, ARRAY_LEN(name));
    if (ev->open.sealed.n)
        keep_all(st, &c->behind, sealed, ARRAY_LEN(sealed));
}

/* The gathered arguments as an object, in one line. */
static void close_call(struct gemini_stream *st, struct saying *c, const struct ir_event *ev,
                       struct buf *out)
{
    struct arena_mark mark = arena_mark(st->arena);
    str args = gather_str(&c->text);

    if (c->is_custom)
        args = STR("{}");
    else if (!c->is_plain)
        args = ir_unescape(st->arena, args);
    begin_part(st, out);
    buf_add(out, gather_str(&c->head));
    dialect_add_line(out, gemini_object_of(st->arena, args));
    buf_add(out, c->behind.n ? gather_str(&c->behind) : STR("}}"));
    end_part(st, c, ev->choice, out);
    arena_reset_to(st->arena, mark);
}

static void say_error(struct gemini_stream *st, const struct fail *f, struct buf *out)
{
    st->over = true;
    begin_frame(st, out);
    gemini_put_error(f, err_row(f->kind)->gemini_status, out);
    if (st->array)
        buf_add_char(out, ']');
    end_frame(st, out);
}

/* ---- blocks -------------------------------------------------------------------------------------
 */

static void open_block(struct gemini_stream *st, struct saying *c, const struct ir_event *ev,
                       struct buf *out)
{
    str mark = seal_mark(ev->open.format, STR(SEAL_GEMINI));

    gather_clear(&c->head);
    gather_clear(&c->text);
    gather_clear(&c->behind);
    c->is_custom = c->is_plain = false;
    c->block_at = c->bytes;
    switch (ev->kind) {
    case IR_TOOL_USE:
        open_call(st, c, ev);
        break;
    case IR_THINKING:
        gather_add(&c->text, st->arena, SEAL_MAX, mark);
        c->mark_n = mark.n;
        break;
    case IR_REDACTED:
        if (mark.n || str_eq(ev->open.format, STR(SEAL_GEMINI)))
            put_seal(st, c, ev, mark, ev->open.data, out);
        break;
    case IR_IMAGE:
    case IR_DOCUMENT:
    case IR_AUDIO:
        if (!ev->open.media || ev->open.media->src == IR_MEDIA_FILE_ID)
            break;
        begin_part(st, out);
        gemini_put_media(out, ev->open.media);
        end_part(st, c, ev->choice, out);
        break;
    case IR_OPAQUE:
        gather_add(&c->behind, st->arena, ARGS_MAX, ev->open.raw);
        break;
    case IR_TEXT:
    case IR_REFUSAL:
    case IR_TOOL_RESULT:
        break;
    }
}

static void close_opaque(struct gemini_stream *st, struct saying *c, const struct ir_event *ev,
                         struct buf *out)
{
    ground_search(&c->ground, st->arena, gather_str(&c->behind), gather_str(&c->text));
    struct arena_mark mark = arena_mark(st->arena);
    str part = gemini_opaque_part(st->arena, gather_str(&c->behind), gather_str(&c->text));

    if (part.n) {
        begin_part(st, out);
        dialect_add_line(out, part);
        end_part(st, c, ev->choice, out);
    }
    arena_reset_to(st->arena, mark);
}

/* What was gathered of a block is said when it is whole. */
static void close_block(struct gemini_stream *st, struct saying *c, const struct ir_event *ev,
                        struct buf *out)
{
    if (c->head.failed || c->text.failed || c->behind.failed) {
        out->failed = true;
        return;
    }
    if (ev->kind == IR_TOOL_USE)
        close_call(st, c, ev, out);
    else if (ev->kind == IR_OPAQUE)
        close_opaque(st, c, ev, out);
    else if ((ev->kind == IR_THINKING || ev->kind == IR_TEXT) &&
             c->text.n > c->mark_n) /* a signature came, behind the mark of its maker */
        put_seal(st, c, ev, STR(""), gather_str(&c->text), out);
    ground_support(c->ground, st->arena, c->block_at, c->bytes);
    c->mark_n = 0;
}

static void say_delta(struct gemini_stream *st, struct saying *c, const struct ir_event *ev,
                      struct buf *out)
{
    switch (ev->delta.what) {
    case IR_D_TEXT:
        if (!ev->delta.text.n)
            break;
        if (ev->kind == IR_TEXT)
            c->bytes += ground_bytes(ev->delta.text);
        put_text(st, c, ev, ev->delta.text, out);
        break;
    case IR_D_INPUT:
        c->is_plain = true;
        __attribute__((fallthrough));
    case IR_D_ARGS:
        gather_add(&c->text, st->arena, ARGS_MAX, ev->delta.text);
        break;
    case IR_D_SIGNATURE:
        gather_add(&c->text, st->arena, SEAL_MAX, ev->delta.text);
        break;
    case IR_D_CITATION:
        ground_cite(&c->ground, st->arena, ev->delta.text);
        break;
    case IR_D_LOGPROBS: /* Google's form has other figures; see docs/dialects/gemini.md */
        break;
    }
}

/* ---- ends ---------------------------------------------------------------------------------------
 */

str gemini_finish_word(enum ir_finish f)
{
    switch (f) {
    case IR_FIN_STOP:
    case IR_FIN_SEQUENCE:
    case IR_FIN_TOOL:
    case IR_FIN_PAUSE:
        return STR("STOP");
    case IR_FIN_LENGTH:
    case IR_FIN_CONTEXT:
        return STR("MAX_TOKENS");
    case IR_FIN_FILTER:
    case IR_FIN_REFUSAL:
        return STR("SAFETY");
    case IR_FIN_BROKEN:
        return STR("MALFORMED_FUNCTION_CALL");
    case IR_FIN_OTHER:
        return STR("OTHER");
    }
    return STR("STOP");
}

/* The last chunk: every choice's finish. Content without a part is what SDKs call invalid, so an
 * empty text stands there, as in Google's own last chunks; but a filtered answer has none. */
static void say_end(struct gemini_stream *st, struct buf *out)
{
    bool any = false;

    st->over = true;
    begin_frame(st, out);
    buf_lit(out, "{\"candidates\":[");
    for (uint32_t i = 0; i < GEMINI_CHOICES_MAX; i++) {
        const struct saying *c = &st->choices[i];
        str word = gemini_finish_word(c->finish);

        if (i > 0 && !c->seen)
            continue;
        if (any)
            buf_add_char(out, ',');
        any = true;
        buf_add_char(out, '{');
        if (c->seen || !str_eq(word, STR("SAFETY")))
            buf_lit(out, "\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"\"}]},");
        buf_lit(out, "\"finishReason\":\"");
        buf_add(out, word);
        buf_lit(out, "\",\"index\":");
        buf_add_u64(out, i);
        if (c->ground)
            buf_lit(out, ",\"groundingMetadata\":");
        ground_write(c->ground, out);
        buf_add_char(out, '}');
    }
    end_chunk(st, out);
}

void gemini_encode_event(void *state, const struct ir_event *ev, struct buf *out)
{
    struct gemini_stream *st = state;
    struct saying *c = &st->choices[ev->choice < GEMINI_CHOICES_MAX ? ev->choice : 0];

    if (st->over || ev->choice >= GEMINI_CHOICES_MAX)
        return;
    switch (ev->type) {
    case IR_EV_START:
        make_tail(st, ev->start.id, ev->start.model);
        break;
    case IR_EV_BLOCK_START:
        open_block(st, c, ev, out);
        break;
    case IR_EV_DELTA:
        say_delta(st, c, ev, out);
        break;
    case IR_EV_BLOCK_STOP:
        close_block(st, c, ev, out);
        break;
    case IR_EV_USAGE:
        usage_merge(&st->usage, ev->usage);
        break;
    case IR_EV_FINISH:
        c->finish = ev->finish.reason;
        break;
    case IR_EV_PING:
        buf_lit(out, GEMINI_PING);
        break;
    case IR_EV_ERROR:
        say_error(st, ev->fail, out);
        break;
    case IR_EV_END:
        if (!st->raw)
            say_end(st, out);
        st->over = true;
        if (st->array)
            buf_add_char(out, ']');
        break;
    }
}

/* A chunk as a Gemini provider sent it, as an element of the array. */
void gemini_encode_raw(void *state, const struct sse_event *ev, struct buf *out)
{
    struct gemini_stream *st = state;

    ASSERT(st->array);
    if (!ev->data.p || !str_trim(ev->data).n || st->over)
        return;
    st->raw = true;
    begin_frame(st, out);
    buf_add(out, ev->data); /* line ends are blanks in JSON */
}
