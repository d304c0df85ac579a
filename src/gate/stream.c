/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream - a provider's event stream on its way to the client.
 *
 * Events are decoded one by one as their bytes come. With the same dialect on both sides the raw
 * bytes of whole events travel on (a run of neighbours as one slice, uncopied) and decoding only
 * taps; else each event is encoded anew into the worker's buffer. One read of the provider makes at
 * most one write to the client.
 *
 * The commit point: nothing leaves before the first content. What comes earlier (the start event, a
 * role, a ping) is held, so that a failure up to there may still be repaired elsewhere, unseen
 * (U20, U25). After it a failure becomes the dialect's own error event, and the stream ends without
 * its terminal event (U21, U22). The terminal event is held until the provider's message is over,
 * so that it shares a write with the last chunk.
 */
#include "gate/excerpt.h"
#include "gate/pass.h"
#include "gate/recovery.h"

#define OP_EVENT_MAX (32u << 20) /* a picture in base64 */
#define LAST_WAIT_MS 1000        /* for the end of a message whose terminal event has come */

/* Whoever takes the events of an answer that begins. */
static bool prepare_writer(struct call *c)
{
    if (!tap_prepare(c))
        return false;
    if (!c->peek.stream || c->mirror)
        return collect_prepare(c, false);
    if (call_may_be_rescued(c)) /* only what is understood can be gone on with */
        return rescue_prepare(c) && encoder_prepare(c);
    c->reframes = c->same && c->front->front->encode_raw;
    return (c->same && !c->reframes) || encoder_prepare(c);
}

bool stream_listen(struct call *c)
{
    const struct dialect_back *b = c->reader;
    CHECK(!c->decoder);
    frame_init(&c->frames, b->framing, c->op ? OP_EVENT_MAX : SSE_EVENT_MAX);
    c->decoder = arena_alloc(&c->req->arena, b->decoder_size);
    if (c->decoder)
        b->decoder_init(c->decoder, c->peek.include_usage);
    return c->decoder != NULL;
}

bool stream_begin(struct call *c)
{
    const bool goes_on = rescue_is_on(c); /* then what the client has of the answer stands */
    CHECK(goes_on || (!c->encoder && !buf_size(&c->held)));
    if (!stream_listen(c))
        return false;
    if (c->op) {
        if (!c->raw)
            stream_keepalive(c);
        return true;
    }
    return goes_on ? tap_prepare(c) : prepare_writer(c);
}

/* ---- raw events that lie side by side in what was read: one slice, not copied */

static void flush_run(struct call *c)
{
    if (c->run.n)
        buf_add(&c->gate->out, c->run);
    c->run = STR_NONE;
}

/* `stays`: the bytes are there until stream_bytes returns. */
static void forward(struct call *c, str raw, bool stays)
{
    if (c->run.n && c->run.p + c->run.n == raw.p && stays) {
        c->run.n += raw.n;
        return;
    }
    flush_run(c);
    c->run = raw;
    if (!stays)
        flush_run(c);
}

/* ---- to the client */

/* What is held, what was encoded, and the run: one write. False: the call is over. */
static bool give(struct call *c, bool last)
{
    struct buf *out = &c->gate->out;
    CHECK(c->stream_out && !c->answered);
    c->last_out = loop_now(c->gate->loop);
    if (last)
        call_answered(c);
    if (buf_size(&c->held)) {
        flush_run(c);
        buf_add(&c->held, buf_str(out));
        bool whole = !c->held.failed; /* else it did not fit: two writes */
        if (!reply_data(c->req, buf_str(&c->held), last && whole))
            return false;
        buf_fini(&c->held);
        if (whole)
            return true;
    }
    if (buf_size(out))
        flush_run(c);
    if (out->failed) { /* no memory, and bytes of the stream are lost: no proper end for it */
        reply_abort(c->req);
        return false;
    }
    str bytes = buf_size(out) ? buf_str(out) : c->run;
    c->run = STR_NONE;
    return reply_data(c->req, bytes, last);
}

static void hold(struct call *c)
{
    flush_run(c);
    buf_add(&c->held, buf_str(&c->gate->out));
}

bool stream_commit(struct call *c)
{
    CHECK(!c->answered && !c->failed);
    if (c->committed)
        return true;
    if (c->twin)
        hedge_won(c);
    if (c->hedge.at)
        alarm_stop(c->gate->alarms, &c->hedge);
    c->committed = true;
    if (c->record_open)
        attempt_answers(c);
    if (c->on_wire && !attempt_is_bounded(c))
        exchange_set_deadline(&c->x, 0); /* slow, but alive: its silence is watched */
    replay_release(c);
    wire_give(c->gate, c->wire);
    c->wire = NULL;
    return stream_reply_begin(c);
}

bool stream_flush(struct call *c)
{
    c->batch = false;
    if (!c->run.n && !buf_size(&c->gate->out) && !buf_size(&c->held))
        return true;
    return give(c, false);
}

void stream_last(struct call *c)
{
    c->batch = false;
    give(c, true);
}

/* Before the commit point: somebody else may try. After it: so they may where the answer can be
 * gone on with (rescue.c); else say so in the stream, and end it. */
static void stream_fail(struct call *c, bool cut)
{
    struct gate *g = c->gate;
    if (c->on_wire)
        exchange_cancel(&c->x);
    c->on_wire = false;
    alarm_stop(g->alarms, &c->alarm);
    if (!c->committed) {
        struct attempt_failure f = {
            .end = ATTEMPT_PRELUDE, .kind = c->fail.kind, .retry_after_ms = c->fail.retry_after_ms};
        struct fail fail = c->fail;
        attempt_failed(c, &f, &fail);
        return;
    }
    attempt_broke(c); /* a cut stream counts against the target */
    if (rescue_try(c, cut))
        return;
    fail_for_client(&c->fail);
    flush_run(c);
    stream_say_error(c, &c->fail);
}

void stream_say_error(struct call *c, const struct fail *f)
{
    const struct dialect_front *front = c->front->front;
    struct ir_event ev = {.type = IR_EV_ERROR, .fail = f};
    c->reply_error = f->kind;
    metric_count(c->gate->set.metrics, STREAMS_BROKEN);
    if (c->raw) { /* there is no way to say it but to break off */
        c->cut = true;
        reply_abort(c->req);
        return;
    }
    if (c->encoder)
        front->encode_event(c->encoder, &ev, &c->gate->out);
    else
        front->encode_stream_error(f, c->id, &c->gate->out);
    give(c, true);
}

static void set_fail(struct call *c, enum err kind, str why)
{
    if (c->failed)
        return;
    c->fail = (struct fail){.kind = kind, .message = why};
    c->failed = true;
}

/* ---- bytes to events */

static void take_event(struct call *c, const struct sse_event *ev, bool stays)
{
    bool raw = !c->encoder && !c->collect;
    switch (c->reader->feed(c->decoder, &c->gate->scratch, ev, call_tap(c))) {
    case FEED_END:
        c->ended = true;
        turns_hear(c, json_root(&c->gate->scratch.doc));
        __attribute__((fallthrough));
    case FEED_FORWARD:
        if (raw && c->reader->reframe)
            c->reader->reframe(c->decoder, &c->gate->scratch, &c->gate->out);
        else if (raw)
            forward(c, ev->raw, stays);
        else if (c->reframes)
            c->front->front->encode_raw(c->encoder, ev, &c->gate->out);
        return;
    case FEED_DROP:
        return;
    case FEED_ERROR:
        if (!c->failed)
            excerpt_keep(c, ev->raw);
        set_fail(c, ERR_UPSTREAM, STR_NONE);
        return;
    }
}

/* Bytes that are no events: the first of them is content. */
static void take_raw(struct call *c, str piece, bool stays)
{
    if (!c->content && piece.n)
        attempt_content(c);
    forward(c, piece, stays);
    if (call_passes(c))
        pass_hear(c, piece);
}

static void take_events(struct call *c, str piece, bool stays)
{
    struct sse_event ev;
    str in = piece;
    if (c->raw) {
        take_raw(c, piece, stays);
        return;
    }
    while (!c->failed && !c->ended) { /* what follows the end is of no interest (U48) */
        switch (frame_next(&c->frames, &in, &ev)) {
        case SSE_EVENT:
            take_event(c, &ev, stays && ev.raw.p >= piece.p && ev.raw.p < piece.p + piece.n);
            break;
        case SSE_MORE:
            return;
        case SSE_TOO_BIG:
            set_fail(c, ERR_UPSTREAM,
                     STR("The provider sent an event that is too large or broken."));
            return;
        }
    }
}

static void take_compressed(struct call *c, str in)
{
    struct buf plain = BUF_INIT(2 * DECODE_STEP);
    enum rc rc;
    do {
        buf_clear(&plain);
        rc = decode_feed(&c->inflate, &in, &plain);
        if (rc == RC_OK || rc == RC_AGAIN)
            take_events(c, buf_str(&plain), false);
        else
            set_fail(c, ERR_UPSTREAM, STR("The provider's compressed answer is malformed."));
    } while (rc == RC_AGAIN && !c->failed);
    buf_fini(&plain);
}

static void on_last_wait(struct alarm *a)
{
    struct call *c = (struct call *)(void *)((char *)a - offsetof(struct call, alarm));
    if (c->on_wire)
        exchange_cancel(&c->x);
    c->on_wire = false;
    stream_end(c);
}

/* Nothing goes out now: before the commit point, or the end that waits for the message's end. */
static void keep_back(struct call *c)
{
    struct gate *g = c->gate;
    hold(c);
    if (c->held.failed && !c->committed) {
        set_fail(c, ERR_UPSTREAM, STR("The provider sends everything but an answer."));
        stream_fail(c, false);
        return;
    }
    if (c->held.failed && !give(c, false)) /* too much to wait with */
        return;
    if (!c->ended || c->alarm.at)
        return;
    c->alarm.fn = on_last_wait;
    if (alarm_set(g->alarms, &c->alarm, loop_now(g->loop) + LAST_WAIT_MS) != RC_OK)
        on_last_wait(&c->alarm);
}

static void begin_batch(struct call *c)
{
    if (c->batch)
        return;
    c->batch = true;
    c->run = STR_NONE;
    buf_clear(&c->gate->out);
}

void stream_bytes(struct call *c, const char *p, size_t n)
{
    begin_batch(c);
    if (c->inflating)
        take_compressed(c, str_of(p, n));
    else
        take_events(c, str_of(p, n), true);
    if (c->gate->out.failed)
        set_fail(c, ERR_OVERLOADED, STR("Out of memory."));
    if (c->failed)
        stream_fail(c, false);
}

/* A client that takes less than the provider gives: the provider waits (D5), on_drain resumes. */
static void spare_client(struct call *c)
{
    if (!c->on_wire || c->paused || reply_queued(c->req) <= GATE_PAUSE_AT)
        return;
    c->paused = true;
    exchange_pause(&c->x);
}

void stream_batch(struct call *c)
{
    if (!c->content || c->collect)
        own_time_stop(c); /* the provider's turn again */
    if (!c->batch)
        return; /* the read brought framing only: what gate->out holds is somebody else's */
    c->batch = false;
    if (c->collect)
        return;
    if (c->content && !stream_commit(c))
        return;
    if (!c->committed || c->ended) {
        keep_back(c);
        return;
    }
    if ((c->run.n || buf_size(&c->gate->out) || buf_size(&c->held)) && !give(c, false))
        return;
    spare_client(c);
}

/* ---- silence (U27): a ping now and then keeps client and proxies patient. The first one fixes the
 * status 200, so it comes late; until content follows, a failed attempt may still be replaced. */

static void on_silence(struct alarm *a)
{
    struct call *c = (struct call *)(void *)((char *)a - offsetof(struct call, keepalive));
    msec now = loop_now(c->gate->loop);
    CHECK(!c->answered);
    if (now - c->last_out >= GATE_PING_MS) {
        c->last_out = now;
        if (!stream_reply_begin(c) || !reply_data(c->req, c->front->front->ping, false))
            return;
    }
    stream_keepalive(c);
}

void stream_keepalive(struct call *c)
{
    if (!c->last_out)
        c->last_out = loop_now(c->gate->loop);
    c->keepalive.fn = on_silence;
    if (alarm_set(c->gate->alarms, &c->keepalive, c->last_out + GATE_PING_MS) != RC_OK)
        return; /* no memory: no pings, and the call goes on */
}

/* ---- the end */

/* U26: a bare JSON error that no blank line ended. */
static void take_rest(struct call *c)
{
    str rest = frame_rest(&c->frames);
    if (rest.n && rest.p[0] == '{' && !c->ended)
        take_event(c, &(struct sse_event){.data = rest, .raw = rest, .bare = true}, false);
}

void stream_end(struct call *c)
{
    alarm_stop(c->gate->alarms, &c->alarm);
    begin_batch(c);
    take_rest(c);
    if (c->failed) {
        stream_fail(c, false);
        return;
    }
    /* Half an event at the end: cut, and `end` must not write a proper end for it. */
    bool whole =
        (c->ended || !frame_pending(&c->frames)) && c->reader->end(c->decoder, call_tap(c));
    if (c->failed || (!c->ended && !whole)) {
        stream_broken(c, ERR_UPSTREAM);
        return;
    }
    if (c->collect) {
        attempt_served(c);
        collect_reply(c);
        return;
    }
    if (call_passes(c))
        pass_heard_all(c);
    if (c->status == 204 || c->status == 205) { /* of a provider's own API: there is no body */
        c->committed = true;
        attempt_served(c);
        pass_reply_whole(c, STR(""));
        return;
    }
    if (!stream_commit(c)) /* an empty answer is an answer */
        return;
    attempt_served(c);
    give(c, true);
}

void stream_broken(struct call *c, enum err kind)
{
    if (c->ended) { /* all that matters had come */
        stream_end(c);
        return;
    }
    const bool cut = !c->failed;
    begin_batch(c);
    set_fail(c, kind,
             kind == ERR_TIMEOUT ? STR("The provider stopped in the middle of its answer.")
                                 : STR("The provider's answer was cut off."));
    stream_fail(c, cut);
}
