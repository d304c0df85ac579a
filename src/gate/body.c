/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body - a provider's whole answer: read to its end, looked at, then sent.
 *
 * Reading it whole before the first byte leaves is what makes a cut or garbled answer repairable
 * elsewhere. With the same dialect on both sides the bytes go on as they are; else, or when the
 * client asked for a stream (U46), the events of the body are encoded anew.
 */
#include "gate/excerpt.h"
#include "gate/mirror.h"
#include "gate/recovery.h"

#include "json/write.h"

#define OUT_KEEP (1u << 20)

bool body_bytes(struct call *c, const char *p, size_t n)
{
    size_t most = c->mode == ANSWER_ERROR ? GATE_ERROR_BODY_MAX : GATE_ANSWER_MAX;
    if (!c->inflating) {
        if (c->mode == ANSWER_ERROR && buf_size(&c->whole) + n > most)
            n = most - buf_size(&c->whole); /* of an error the beginning will do */
        buf_add(&c->whole, str_of(p, n));
        return !c->whole.failed;
    }
    str in = str_of(p, n);
    enum rc rc;
    do {
        rc = decode_feed(&c->inflate, &in, &c->whole);
    } while (rc == RC_AGAIN && buf_size(&c->whole) < most);
    if (c->mode == ANSWER_ERROR && rc == RC_AGAIN)
        return true; /* of an error the beginning will do */
    return rc == RC_OK && !c->whole.failed;
}

bool collect_prepare(struct call *c, bool borrow)
{
    c->collect = arena_new(&c->req->arena, struct ir_collect);
    if (c->collect)
        ir_collect_init(c->collect, &c->req->arena, borrow);
    return c->collect != NULL;
}

/* The model as it was asked for, for answers that name none: as JSON text again. */
static jtext model_text(struct call *c)
{
    struct buf b = BUF_INIT(6 * GATE_MODEL_MAX);
    json_escape(&b, c->peek.model);
    str text = b.failed ? STR_NONE : arena_dup(&c->req->arena, buf_str(&b));
    buf_fini(&b);
    return text;
}

struct front_opts front_opts_of(struct call *c)
{
    return (struct front_opts){
        .arena = &c->req->arena,
        .request = json_root(c->continued ? &c->asked : &c->doc),
        .kept = c->peek.keep && c->gen->snap->limits.responses ? &c->kept : NULL,
        .id = str_from(c->id, 4),
        .model = model_text(c),
        .created = loop_unix_ms(c->gate->loop) / 1000,
        .include_usage = c->peek.include_usage,
        .as_mistral = c->as_mistral,
        .input_estimate = tokens_estimate(c),
    };
}

bool encoder_prepare(struct call *c)
{
    const struct dialect_front *f = c->front->front;
    struct front_opts o = front_opts_of(c);
    c->encoder = arena_alloc(&c->req->arena, f->stream_size);
    if (c->encoder)
        f->stream_init(c->encoder, &o);
    return c->encoder != NULL;
}

static void bad_body(struct call *c, enum err kind, str why)
{
    struct fail f = {.kind = kind, .message = why};
    if (c->failed)
        f = c->fail;
    bool ours = f.kind == ERR_OVERLOADED && !c->failed;
    struct attempt_failure af = {.end = ours ? ATTEMPT_OURS : ATTEMPT_PRELUDE,
                                 .kind = f.kind,
                                 .retry_after_ms = f.retry_after_ms};
    attempt_failed(c, &af, &f);
}

/* Where our own words for an answer go: the request's, which nobody needs any more. NULL: no
 * memory. */
static struct rope *answer_rope(struct call *c)
{
    if (!c->wire)
        c->wire = wire_take(c->gate);
    CHECK(!c->on_wire); /* the wire is written over */
    if (c->wire)
        rope_clear(&c->wire->body);
    return c->wire ? &c->wire->body : NULL;
}

static void reply_rope(struct call *c, struct rope *r)
{
    struct iovec *iov =
        rope_failed(r) ? NULL : arena_alloc(&c->req->arena, rope_iov_count(r) * sizeof(*iov));
    if (!iov) {
        call_fail_kind(c, ERR_OVERLOADED, STR_NONE, STR_NONE);
        return;
    }
    own_time_stop(c);
    call_answered(c);
    c->reply_status = 200;
    c->committed = true;
    call_reply_lines(c, STR("application/json"), &c->gate->lines);
    reply_full(c->req, 200, buf_str(&c->gate->lines), iov, rope_iov(r, iov));
}

/* A whole reply from what was collected. */
void collect_reply(struct call *c)
{
    if (c->mirror) {
        mirror_served(c);
        return;
    }
    struct front_opts o = front_opts_of(c);
    struct rope *r = answer_rope(c);
    if (!r || c->collect->failed) {
        call_fail_kind(c, ERR_OVERLOADED, STR_NONE, STR_NONE);
        return;
    }
    c->front->front->encode_body(&c->collect->response, &o, r);
    reply_rope(c, r);
}

/* The client asked for a stream and the provider answered with a body: one burst of events. However
 * large it is, it waits only once: the provider's bytes go, and the request takes over what the
 * client does not take at once. */
static void reply_as_stream(struct call *c)
{
    struct buf *out = &c->gate->out;
    if (!stream_commit(c))
        return;
    attempt_served(c);
    call_answered(c);
    buf_fini(&c->whole);
    reply_last(c->req, out);
    if (out->cap > OUT_KEEP) /* the worker's own again, and seldom so large */
        buf_fini(out);
}

static void reply_as_is(struct call *c)
{
    own_time_stop(c);
    call_answered(c);
    c->reply_status = c->status;
    c->committed = true;
    call_reply_lines(c, STR("application/json"), &c->gate->lines);
    reply_text(c->req, c->status, buf_str(&c->gate->lines), buf_str(&c->whole));
}

/* An operation's answer: the provider's bytes, or what was made of them. */
static void op_reply(struct call *c, jval root)
{
    struct rope *r = answer_rope(c);
    bool as_is = false;
    enum rc rc = r ? op_answer(c, root, r, &as_is) : RC_NOMEM;
    if (rc != RC_OK) {
        bad_body(c, rc == RC_SYNTAX ? ERR_UPSTREAM : ERR_OVERLOADED,
                 rc == RC_SYNTAX ? STR("The provider's answer does not hold what was asked for.")
                                 : STR("The gateway is out of memory."));
        return;
    }
    attempt_served(c);
    if (as_is)
        reply_as_is(c);
    else
        reply_rope(c, r);
}

/* Whoever takes the events of a body. What a filter gives does not lie in the body. */
static bool prepare(struct call *c)
{
    if (!tap_prepare(c))
        return false;
    if (rescue_is_on(c)) /* the rest of a stream came as a body */
        return true;
    if (c->mirror)
        return collect_prepare(c, !c->chain);
    return c->peek.stream ? encoder_prepare(c) : c->same || collect_prepare(c, !c->chain);
}

void body_end(struct call *c)
{
    struct gate *g = c->gate;
    struct json_doc doc;
    buf_clear(&g->out);
    if (json_parse(&c->req->arena, buf_str(&c->whole), &doc, NULL) != RC_OK) {
        excerpt_keep(c, buf_str(&c->whole));
        bad_body(c, ERR_UPSTREAM, STR("The provider's answer is not valid JSON."));
        return;
    }
    bool ok = c->op || prepare(c);
    if (ok)
        c->reader->decode_body(json_root(&doc), &g->scratch, call_tap(c));
    if (!ok || c->failed || g->out.failed) {
        bad_body(c, ERR_OVERLOADED, STR("The gateway is out of memory."));
        return;
    }
    if (c->op) {
        op_reply(c, json_root(&doc));
        return;
    }
    if (c->peek.stream && !c->mirror) {
        reply_as_stream(c);
        return;
    }
    attempt_served(c);
    if (c->same && !c->mirror) {
        turns_hear(c, json_root(&doc));
        reply_as_is(c);
    } else {
        collect_reply(c);
    }
}
