/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drain - an answer whose client has left is read to its end, for its usage (RELIABILITY §7,
 * Cancellation).
 *
 * Closing the connection stops the bill at most providers, and that is what is done by default.
 * Some bill all of the answer whoever reads it; there the close saves nothing, and the call's usage
 * would be a guess. `onDisconnect: drain` of a provider reads on: nothing is encoded, only the
 * usage is looked for, and the call is settled with what the provider reported. Of a stream nothing
 * is kept; a body is gathered, for its usage may stand anywhere in it. It is an option and no
 * preset's default, for it holds a connection and waits for an answer that nobody gets; and a
 * provider that stops billing would be made to finish.
 *
 * The call goes on as it is, but for its exchange, which answers to the functions below: they tell
 * nobody. Its request is kept by the server without a connection (request_keep), for all of the
 * call lies in the request's arena. Bounded: DRAINS_MAX of a worker at once, DRAIN_MS each, bodies
 * of DRAIN_BODY_MAX (the usual answer has a hundredth of it; more is closed), and none once the
 * process is to end. Behind the terminal event only the message's end is waited for, for a second.
 */
#include "gate/recovery.h"

#define DRAINS_MAX     64
#define DRAIN_MS       60000
#define DRAIN_LAST_MS  1000
#define DRAIN_BODY_MAX (1u << 20)

/* ---- the end */

static void finish(struct call *c)
{
    struct request *r = c->req;
    CHECK(c->draining && c->gate->ndrains > 0);
    c->draining = false;
    c->drained = true;
    c->gate->ndrains--;
    if (c->on_wire)
        exchange_cancel(&c->x);
    c->on_wire = false;
    if (c->usage.source == USAGE_REPORTED) /* in the sense of the accounts: it has an answer */
        c->committed = true;
    call_settle(c, true);
    call_release(c);
    request_done(r);
}

void drain_cut(struct call *c)
{
    if (c->draining)
        finish(c);
}

void drains_cut(struct gate *g)
{
    list_each_safe(it, tmp, &g->calls) drain_cut(list_entry(it, struct call, link));
    CHECK(g->ndrains == 0);
}

/* ---- what is heard */

static void on_event(void *ctx, const struct ir_event *ev)
{
    struct call *c = ctx;
    if (ev->type == IR_EV_USAGE)
        usage_merge(&c->usage, ev->usage);
    else if (ev->type == IR_EV_DELTA && ev->delta.what <= IR_D_INPUT)
        *(ev->kind == IR_THINKING ? &c->thought : &c->said) += ev->delta.text.n;
    else if (ev->type == IR_EV_ERROR)
        c->failed = true;
}

static struct ir_sink sink_of(struct call *c)
{
    return (struct ir_sink){on_event, c};
}

static struct call *call_of_exchange(struct exchange *x)
{
    struct call *c = (struct call *)(void *)x;
    CHECK(c->on_wire && c->draining);
    return c;
}

/* False: no more of it is wanted. */
static bool hear_events(struct call *c, str in)
{
    struct sse_event ev;
    while (!c->failed && !c->ended) {
        switch (frame_next(&c->frames, &in, &ev)) {
        case SSE_EVENT:
            break;
        case SSE_MORE:
            return true;
        case SSE_TOO_BIG:
            return false;
        }
        const enum feed_result r = c->reader->feed(c->decoder, &c->gate->scratch, &ev, sink_of(c));
        c->failed |= r == FEED_ERROR;
        if (r == FEED_END) { /* all is known; with the message's end the connection can serve on */
            c->ended = true;
            exchange_set_deadline(&c->x, loop_now(c->gate->loop) + DRAIN_LAST_MS);
        }
    }
    return !c->failed;
}

/* False: it is longer than its usage is worth. */
static bool gather(struct call *c, const char *p, size_t n)
{
    return n <= DRAIN_BODY_MAX && buf_size(&c->whole) <= DRAIN_BODY_MAX - n && body_bytes(c, p, n);
}

static void hear_body(struct call *c)
{
    struct json_doc doc;
    if (json_parse(&c->req->arena, buf_str(&c->whole), &doc, NULL) == RC_OK)
        c->reader->decode_body(json_root(&doc), &c->gate->scratch, sink_of(c));
}

/* ---- the exchange */

/* It had not begun to answer when its client left. */
static void on_head(struct exchange *x, const struct h1_head *h)
{
    struct call *c = call_of_exchange(x);
    c->status = h->status;
    c->phase = CALL_ANSWER;
    quota_answered(&c->cand->health->quota, &c->need, c->attempt_began);
    c->mode = answer_mode_of(c, h);
    const bool known = c->mode == ANSWER_STREAM || c->mode == ANSWER_BODY;
    if (!known || h1_get(h, H1_CONTENT_ENCODING).n ||
        (c->mode == ANSWER_STREAM && !stream_listen(c)))
        finish(c); /* a refusal has no usage; what was coded unasked is not worth the trouble */
}

static void on_body(struct exchange *x, char *p, size_t n)
{
    struct call *c = call_of_exchange(x);
    c->bytes_answer += n;
    if (c->mode == ANSWER_STREAM ? !hear_events(c, str_of(p, n)) : !gather(c, p, n))
        finish(c);
}

static void on_end(struct exchange *x, bool by_close)
{
    struct call *c = call_of_exchange(x);
    (void)by_close;
    c->on_wire = false;
    if (c->mode == ANSWER_BODY)
        hear_body(c);
    else if (!c->ended && !frame_pending(&c->frames)) /* its usage may come with the end */
        c->failed |= !c->reader->end(c->decoder, sink_of(c));
    finish(c);
}

static void on_fail(struct exchange *x, const struct exchange_fail *f)
{
    struct call *c = call_of_exchange(x);
    (void)f;
    c->on_wire = false;
    finish(c);
}

static const struct exchange_ops drain_ops = {
    .on_head = on_head,
    .on_body = on_body,
    .on_end = on_end,
    .on_fail = on_fail,
};

/* ---- the beginning */

/* Is there something to wait for, and may it be waited for? */
static bool is_worth_it(const struct call *c)
{
    const struct gate *g = c->gate;
    if (!c->on_wire || !c->record_open || c->twin || c->op || c->ended || c->failed || c->inflating)
        return false;
    if (!c->cand->provider->drains || g->draining || !g->alarms || g->ndrains >= DRAINS_MAX)
        return false;
    if (c->phase == CALL_SENDING) /* what did not leave whole is not answered */
        return exchange_waits(&c->x);
    return c->mode == ANSWER_STREAM ||
           (c->mode == ANSWER_BODY && buf_size(&c->whole) <= DRAIN_BODY_MAX);
}

bool drain_begin(struct call *c)
{
    struct gate *g = c->gate;
    if (!is_worth_it(c))
        return false;
    const msec until = loop_now(g->loop) + DRAIN_MS, own = c->x.limits.deadline;
    request_keep(c->req);
    c->draining = true;
    g->ndrains++;
    metric_count(g->set.metrics, DRAINS);
    alarm_stop(g->alarms, &c->alarm);
    alarm_stop(g->alarms, &c->keepalive);
    alarm_stop(g->alarms, &c->hedge);
    replay_release(c);
    c->x.ops = &drain_ops;
    exchange_set_deadline(&c->x, own && own < until ? own : until);
    if (c->paused)
        exchange_resume(&c->x);
    c->paused = false;
    return true;
}
