/* SPDX-License-Identifier: Apache-2.0 */
/* drive.c - see the header. */
#include "drive.h"

#include <stdio.h>
#include <stdlib.h>

#include "dialect/seal.h"
#include "http/eventstream.h"
#include "json/write.h"

#define TEXT_MAX (256u << 20)

void drive_init(struct drive *d)
{
    *d = (struct drive){0};
    arena_init(&d->arena, 1u << 30);
    scratch_init(&d->scratch);
}

void drive_fini(struct drive *d)
{
    scratch_fini(&d->scratch);
    arena_fini(&d->arena);
}

static str keep(struct drive *d, struct buf *b)
{
    str out;
    assert_false(b->failed);
    out = arena_dup(&d->arena, buf_str(b));
    assert_non_null(out.p);
    buf_fini(b);
    return out;
}

jval drive_json(struct drive *d, str text)
{
    struct json_doc *doc = arena_new(&d->arena, struct json_doc);
    struct json_error err;
    if (json_parse(&d->arena, text, doc, &err) != RC_OK)
        fail_msg("no JSON at %zu: %s in " STR_FMT, err.offset, err.what,
                 STR_ARG(str_head(text, 2000)));
    return json_root(doc);
}

/* ---- the promises of a decoder ------------------------------------------------------------------
 */

struct watch {
    struct ir_sink to;
    bool started, over, ended;
    bool open[16], finished[16];
    uint32_t block[16];
    enum ir_kind kind[16];
};

static void watch_event(void *ctx, const struct ir_event *ev)
{
    struct watch *w = ctx;
    uint32_t c = ev->choice;
    assert_false(w->over); /* nothing after END and ERROR */
    assert_true(c < 16);
    switch (ev->type) {
    case IR_EV_START:
        assert_false(w->started);
        w->started = true;
        break;
    case IR_EV_BLOCK_START:
        assert_true(w->started && !w->open[c] && !w->finished[c]);
        assert_int_equal(ev->block, w->block[c]);
        w->open[c] = true;
        w->kind[c] = ev->kind;
        break;
    case IR_EV_DELTA:
        if (ev->delta.what == IR_D_LOGPROBS)
            break;
        assert_true(w->open[c]);
        assert_int_equal(ev->block, w->block[c]);
        assert_int_equal(ev->kind, w->kind[c]);
        break;
    case IR_EV_BLOCK_STOP:
        assert_true(w->open[c]);
        assert_int_equal(ev->block, w->block[c]);
        w->open[c] = false;
        w->block[c]++;
        break;
    case IR_EV_USAGE:
        assert_true(w->started);
        assert_true(ev->usage->reasoning <= ev->usage->output);
        break;
    case IR_EV_FINISH:
        assert_true(w->started && !w->open[c] && !w->finished[c]);
        w->finished[c] = true;
        break;
    case IR_EV_PING:
        break;
    case IR_EV_ERROR:
        assert_true((unsigned)ev->fail->kind < ERR_COUNT);
        w->over = true;
        break;
    case IR_EV_END:
        assert_true(w->started && w->finished[0]);
        for (size_t i = 0; i < 16; i++)
            assert_false(w->open[i]);
        w->over = w->ended = true;
        break;
    }
    ir_emit(w->to, ev);
}

/* ---- answers ------------------------------------------------------------------------------------
 */

static bool feed_piece(struct drive *d, const struct dialect_back *b, void *state,
                       struct frame_parser *p, str piece, struct ir_sink sink, struct buf *raw)
{
    struct sse_event e;
    enum sse_result r;
    while ((r = frame_next(p, &piece, &e)) == SSE_EVENT) {
        enum feed_result f = b->feed(state, &d->scratch, &e, sink);
        if (raw && (f == FEED_FORWARD || f == FEED_END)) {
            if (b->reframe)
                b->reframe(state, &d->scratch, raw);
            else
                buf_add(raw, e.raw);
        }
        if (f == FEED_ERROR)
            return false;
    }
    assert_int_equal(r, SSE_MORE);
    return true;
}

/* How long the next piece is, `at` bytes into the answer. */
static size_t piece_length(const struct answer *a, size_t at, size_t *next_cut)
{
    if (a->n_cuts)
        return *next_cut < a->n_cuts ? a->cuts[(*next_cut)++] - at : a->bytes.n - at;
    if (at == 0 && a->first)
        return a->first;
    return a->step ? a->step : a->bytes.n - at;
}

static enum answer_end run_stream(struct drive *d, const struct answer *a, struct ir_sink sink,
                                  struct buf *raw)
{
    const struct dialect_back *b = a->dialect->back;
    void *state = arena_alloc(&d->arena, b->decoder_size);
    struct frame_parser p;
    str in = a->bytes;
    size_t next_cut = 0;
    bool ok = true;
    memset(state, 0x5a, b->decoder_size); /* init must not rely on zeroes */
    b->decoder_init(state, a->client_usage);
    frame_init(&p, b->framing, SSE_EVENT_MAX);
    while (ok && in.n) {
        /* a block of its own: ASan sees a read beyond it */
        str piece = str_head(in, piece_length(a, a->bytes.n - in.n, &next_cut));
        char *own = malloc(piece.n);
        memcpy(own, piece.p, piece.n);
        ok = feed_piece(d, b, state, &p, str_of(own, piece.n), sink, raw);
        free(own);
        in = str_from(in, piece.n);
    }
    if (ok && frame_pending(&p)) {
        struct sse_event e = {.data = frame_rest(&p), .raw = frame_rest(&p), .bare = true};
        if (e.data.p[0] == '{' || e.data.p[0] == '[')
            ok = b->feed(state, &d->scratch, &e, sink) != FEED_ERROR;
    }
    frame_fini(&p);
    if (!ok)
        return ANSWER_FAILED;
    return b->end(state, sink) ? ANSWER_WHOLE : ANSWER_CUT_OFF;
}

enum answer_end drive_answer(struct drive *d, const struct answer *a, struct ir_sink sink,
                             struct buf *raw)
{
    struct watch w = {.to = sink};
    struct ir_sink watched = {watch_event, &w};
    enum answer_end end;
    if (a->stream) {
        end = run_stream(d, a, watched, raw);
        assert_int_equal(end == ANSWER_WHOLE, w.ended);
        return end;
    }
    a->dialect->back->decode_body(drive_json(d, a->bytes), &d->scratch, watched);
    assert_true(w.over);
    return w.ended ? ANSWER_WHOLE : ANSWER_FAILED;
}

static const char *const kinds[] = {
    [IR_TEXT] = "text",       [IR_THINKING] = "thinking", [IR_REDACTED] = "redacted",
    [IR_REFUSAL] = "refusal", [IR_IMAGE] = "image",       [IR_DOCUMENT] = "document",
    [IR_AUDIO] = "audio",     [IR_TOOL_USE] = "tool_use", [IR_TOOL_RESULT] = "tool_result",
    [IR_OPAQUE] = "opaque",
};

static const char *const deltas[] = {
    [IR_D_TEXT] = "text",           [IR_D_ARGS] = "args",         [IR_D_INPUT] = "input",
    [IR_D_SIGNATURE] = "signature", [IR_D_CITATION] = "citation", [IR_D_LOGPROBS] = "logprobs",
};

static void usage_line(struct buf *b, const struct usage *u)
{
    buf_addf(b, "in=%lu read=%lu w5m=%lu w1h=%lu out=%lu reason=%lu",
             (unsigned long)u->input_uncached, (unsigned long)u->cache_read,
             (unsigned long)u->cache_write_5m, (unsigned long)u->cache_write_1h,
             (unsigned long)u->output, (unsigned long)u->reasoning);
    if (u->has & USAGE_HAS_AUDIO)
        buf_addf(b, " audio=%lu/%lu", (unsigned long)u->audio_in, (unsigned long)u->audio_out);
    if (u->has & USAGE_HAS_IMAGE)
        buf_addf(b, " image=%lu/%lu", (unsigned long)u->image_in, (unsigned long)u->image_out);
    if (u->has & USAGE_HAS_BILLED)
        buf_addf(b, " billed=%lu/%lu", (unsigned long)u->billed_in, (unsigned long)u->billed_out);
    if (u->audio_ms)
        buf_addf(b, " ms=%lu", (unsigned long)u->audio_ms);
    if (u->suspect)
        buf_lit(b, " suspect");
}

static void line_of(void *ctx, const struct ir_event *ev)
{
    struct buf *b = ctx;
    if (ev->choice)
        buf_addf(b, "#%u ", ev->choice);
    switch (ev->type) {
    case IR_EV_START:
        buf_addf(b, "start " STR_FMT " " STR_FMT, STR_ARG(ev->start.id), STR_ARG(ev->start.model));
        break;
    case IR_EV_BLOCK_START:
        buf_addf(b, "open %u %s", ev->block, kinds[ev->kind]);
        if (ev->kind == IR_TOOL_USE || ev->kind == IR_OPAQUE)
            buf_addf(b, " " STR_FMT " " STR_FMT "%s", STR_ARG(ev->open.id), STR_ARG(ev->open.name),
                     ev->open.is_custom ? " custom" : "");
        if (ev->open.data.n)
            buf_addf(b, " " STR_FMT, STR_ARG(ev->open.data));
        if (ev->open.format.n)
            buf_addf(b, " format=" STR_FMT, STR_ARG(ev->open.format));
        break;
    case IR_EV_DELTA:
        buf_addf(b, "  %s ", deltas[ev->delta.what]);
        buf_add(b, ev->delta.text);
        break;
    case IR_EV_BLOCK_STOP:
        buf_addf(b, "close %u", ev->block);
        break;
    case IR_EV_USAGE:
        buf_lit(b, "usage ");
        usage_line(b, ev->usage);
        break;
    case IR_EV_FINISH:
        buf_addf(b, "finish " STR_FMT " (" STR_FMT ")", STR_ARG(ir_finish_name(ev->finish.reason)),
                 STR_ARG(ev->finish.raw));
        if (ev->finish.sequence.p)
            buf_addf(b, " at " STR_FMT, STR_ARG(ev->finish.sequence));
        break;
    case IR_EV_PING:
        buf_lit(b, "ping");
        break;
    case IR_EV_ERROR:
        buf_addf(b, "error " STR_FMT ": " STR_FMT, STR_ARG(err_row(ev->fail->kind)->name),
                 STR_ARG(fail_message(ev->fail)));
        break;
    case IR_EV_END:
        buf_lit(b, "end");
        break;
    }
    buf_add_char(b, '\n');
}

str drive_lines(struct drive *d, const struct answer *a)
{
    struct buf b = BUF_INIT(TEXT_MAX);
    enum answer_end end = drive_answer(d, a, (struct ir_sink){line_of, &b}, NULL);
    if (end == ANSWER_CUT_OFF)
        buf_lit(&b, "cut off\n");
    return keep(d, &b);
}

struct encoding {
    const struct dialect_front *front;
    void *state;
    struct buf *out;
};

static void encode(void *ctx, const struct ir_event *ev)
{
    struct encoding *e = ctx;
    e->front->encode_event(e->state, ev, e->out);
}

str drive_to_stream(struct drive *d, const struct answer *a, const struct dialect *to,
                    const struct front_opts *o)
{
    struct buf b = BUF_INIT(TEXT_MAX);
    struct encoding e = {to->front, arena_alloc(&d->arena, to->front->stream_size), &b};
    struct front_opts own = *o;
    own.arena = &d->arena;
    memset(e.state, 0xa5, to->front->stream_size);
    to->front->stream_init(e.state, &own);
    (void)drive_answer(d, a, (struct ir_sink){encode, &e}, NULL);
    return keep(d, &b);
}

static str flat(struct drive *d, struct rope *r)
{
    struct buf b = BUF_INIT(TEXT_MAX);
    assert_false(rope_failed(r));
    rope_flatten(r, &b);
    assert_int_equal(buf_size(&b), rope_size(r));
    rope_fini(r);
    return keep(d, &b);
}

str drive_to_body(struct drive *d, const struct answer *a, const struct dialect *to,
                  const struct front_opts *o)
{
    struct ir_collect c;
    struct rope r = ROPE_INIT(TEXT_MAX);
    ir_collect_init(&c, &d->arena, false);
    (void)drive_answer(d, a, ir_collect_sink(&c), NULL);
    if (c.failed)
        return STR_NONE;
    struct front_opts own = *o;
    own.arena = &d->arena;
    to->front->encode_body(&c.response, &own, &r);
    return flat(d, &r);
}

static void texts_of(struct buf *b, const struct ir_answer *an, enum ir_kind kind,
                     enum ir_kind also)
{
    for (const struct ir_block *k = an->blocks; k; k = k->next)
        if (k->kind == kind || k->kind == also)
            buf_add(b, k->kind == IR_THINKING ? k->thinking.text : k->text.text);
    buf_add_char(b, '\n');
}

/* The classes in which finish reasons of different languages can be compared. */
static const char *finish_class(enum ir_finish f)
{
    switch (f) {
    case IR_FIN_LENGTH:
    case IR_FIN_CONTEXT:
        return "length";
    case IR_FIN_TOOL:
        return "tool";
    case IR_FIN_FILTER:
    case IR_FIN_REFUSAL:
        return "filter";
    case IR_FIN_STOP:
    case IR_FIN_SEQUENCE:
    case IR_FIN_PAUSE:
    case IR_FIN_BROKEN:
    case IR_FIN_OTHER:
        break;
    }
    return "stop";
}

/* What only its maker reads: a block of its own in one language, part of the call in another. */
static void tell_seal(struct buf *b, const char *how, jtext seal)
{
    (void)seal_maker(&seal);
    if (seal.n)
        buf_addf(b, "%s " STR_FMT "\n", how, STR_ARG(seal));
}

/* A Responses item holds either kind of seal, and says before it which it is. */
static void tell_signature(struct buf *b, jtext signature)
{
    str whole = STR("cmVkYWN0ZWQ6");
    if (str_has_prefix(signature, whole)) {
        tell_seal(b, "sealed", str_from(signature, whole.n));
        return;
    }
    tell_seal(b, "signed", signature);
}

str drive_meaning(struct drive *d, const struct answer *a)
{
    struct buf b = BUF_INIT(TEXT_MAX);
    struct ir_collect c;
    const struct ir_answer *an;
    bool refused = false, calls = false;
    ir_collect_init(&c, &d->arena, false);
    (void)drive_answer(d, a, ir_collect_sink(&c), NULL);
    if (c.failed) {
        buf_addf(&b, "error " STR_FMT, STR_ARG(err_row(c.fail.kind)->name));
        return keep(d, &b);
    }
    an = ir_response_first(&c.response);
    assert_non_null(an);
    buf_lit(&b, "text ");
    texts_of(&b, an, IR_TEXT, IR_REFUSAL);
    buf_lit(&b, "thoughts ");
    texts_of(&b, an, IR_THINKING, IR_THINKING);
    for (const struct ir_block *k = an->blocks; k; k = k->next) {
        refused |= k->kind == IR_REFUSAL;
        calls |= k->kind == IR_TOOL_USE;
        tell_seal(&b, "sealed",
                  k->kind == IR_REDACTED   ? k->thinking.text
                  : k->kind == IR_TOOL_USE ? k->use.sealed
                  : k->kind == IR_TEXT     ? k->text.sealed
                                           : STR_NONE);
        if (k->kind == IR_THINKING && k->thinking.signature.n)
            tell_signature(&b, k->thinking.signature);
        if (k->kind == IR_TOOL_USE) { /* a custom call's text has no place in a call proper */
            buf_addf(&b, "call " STR_FMT " " STR_FMT " ", STR_ARG(k->use.id), STR_ARG(k->use.name));
            dialect_add_line(&b, k->is_custom ? STR("{}") : k->use.args);
            buf_add_char(&b, '\n');
        }
    }
    /* some say stop where there are calls to answer: to a client that is the same */
    const char *finish = refused ? "filter" : finish_class(an->finish);
    buf_addf(&b, "finish %s\n", calls && strcmp(finish, "stop") == 0 ? "tool" : finish);
    if (c.response.usage.has)
        buf_addf(&b, "prompt %lu read %lu written %lu out %lu reason %lu\n",
                 (unsigned long)usage_prompt(&c.response.usage),
                 (unsigned long)c.response.usage.cache_read,
                 (unsigned long)(c.response.usage.cache_write_5m + c.response.usage.cache_write_1h),
                 (unsigned long)c.response.usage.output, (unsigned long)c.response.usage.reasoning);
    return keep(d, &b);
}

/* ---- requests -----------------------------------------------------------------------------------
 */

enum rc drive_decode(struct drive *d, const struct dialect *from, str body, struct ir_request *ret)
{
    struct front_route route = {.op = FRONT_CHAT};
    if (str_eq(from->family, STR("gemini")) ||
        str_eq(from->family, STR("bedrock"))) /* in the path */
        route.model = STR("m");
    d->fail = (struct fail){0};
    return from->front->decode_request(drive_json(d, body), &route, &d->arena, ret, &d->fail);
}

str drive_request(struct drive *d, const struct dialect *from, str body, const struct dialect *to,
                  const char *model)
{
    struct rope r = ROPE_INIT(TEXT_MAX);
    struct dialect_opts opts = d->opts;
    struct quirk_set quirks;
    struct back_call c = {.opts = &opts, .model = str_c(model)};
    struct ir_request req, shaped;
    str out;
    d->lossy = (struct ir_lossy){0};
    if (drive_decode(d, from, body, &req) != RC_OK)
        return STR_NONE;
    c.stream = req.stream;
    quirk_select(&quirks, str_c(d->preset ? d->preset : ""), to->name);
    quirk_fill(&opts, &quirks, c.model);
    request_shape(&shaped, &req, &opts, &d->lossy);
    if (to->back->encode_request(&shaped, &c, &d->arena, &r, &d->lossy, &d->fail) != RC_OK) {
        rope_fini(&r);
        return STR_NONE;
    }
    out = flat(d, &r);
    (void)drive_json(d, out); /* it must at least be JSON */
    return out;
}

str drive_splice(struct drive *d, const struct dialect *dialect, str body, const char *model,
                 bool stream)
{
    struct rope r = ROPE_INIT(TEXT_MAX);
    struct dialect_opts opts = d->opts;
    struct quirk_set quirks;
    struct back_call c = {
        .opts = &opts, .model = str_c(model), .stream = stream, .same = true, .lossy = &d->lossy};
    d->lossy = (struct ir_lossy){0};
    quirk_select(&quirks, str_c(d->preset ? d->preset : ""), dialect->name);
    quirk_fill(&opts, &quirks, c.model);
    enum rc rc = dialect->back->splice_request(drive_json(d, body), &c, &d->arena, &r);
    assert_int_equal(rc, RC_OK);
    return flat(d, &r);
}

str drive_losses(struct drive *d)
{
    struct buf b = BUF_INIT(4096);
    ir_lossy_print(&d->lossy, &b);
    return keep(d, &b);
}

/* ---- AWS event streams as text ------------------------------------------------------------------
 */

str drive_frames(struct drive *d, str lines)
{
    struct buf b = BUF_INIT(TEXT_MAX);
    while (lines.n) {
        str payload = str_cut(&lines, '\n');
        bool fault = str_has_prefix(payload, STR("!"));
        str type = str_cut(&payload, ' ');
        size_t at = eventstream_begin(&b, fault ? EVENTSTREAM_EXCEPTION : EVENTSTREAM_EVENT,
                                      str_from(type, fault));
        buf_add(&b, payload);
        eventstream_end(&b, at);
    }
    return keep(d, &b);
}

str drive_unframed(struct drive *d, str frames)
{
    struct buf b = BUF_INIT(TEXT_MAX);
    struct frame_parser p;
    struct sse_event e;
    enum sse_result r;
    frame_init(&p, FRAME_AWS, SSE_EVENT_MAX);
    while ((r = frame_next(&p, &frames, &e)) == SSE_EVENT)
        buf_addf(&b, "%s" STR_FMT " " STR_FMT "\n", e.fault ? "!" : "", STR_ARG(e.event),
                 STR_ARG(e.data));
    assert_int_equal(r, SSE_MORE);
    assert_int_equal(frame_pending(&p), 0);
    frame_fini(&p);
    return keep(d, &b);
}

/* ---- files --------------------------------------------------------------------------------------
 */

str drive_file(struct drive *d, const char *path)
{
    FILE *f = fopen(path, "rb");
    struct buf b = BUF_INIT(TEXT_MAX);
    if (!f)
        return STR_NONE;
    for (size_t n = 1; n != 0;) {
        char *to = buf_reserve(&b, 65536);
        n = to ? fread(to, 1, 65536, f) : 0;
        buf_commit(&b, n);
    }
    fclose(f);
    return keep(d, &b);
}

str drive_recorded_request(struct drive *d, const char *path, const struct dialect *front)
{
    if (strstr(path, "/error-") || strstr(path, "/mistral/audio-in-"))
        return STR_NONE;
    str body = drive_file(d, path);
    if (front != &dialect_anthropic || str_find(body, STR("\"anthropic_version\"")) == SIZE_MAX)
        return body;
    size_t at = str_find_char(body, '{');
    assert_true(at != SIZE_MAX && !json_has(json_get_lit(drive_json(d, body), "model")));
    return arena_strf(&d->arena, "{\"model\":\"claude-opus-4-8\"," STR_FMT,
                      STR_ARG(str_from(body, at + 1)));
}

const char *drive_shared_dir(void)
{
    const char *dir = getenv("WEIR_SHARED");
    return dir ? dir : SOURCE_ROOT "/../shared";
}

str drive_shared(struct drive *d, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", drive_shared_dir(), name);
    return drive_file(d, path);
}
