/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply - the head of an answer, and every way to say no.
 *
 * Headers are an allow-list written here from nothing: what a provider sends as headers never
 * reaches a client (F7).
 */
#include "gate/mirror.h"
#include "gate/pass.h"
#include "gate/recovery.h"

#include "http/h1_write.h"

#define RETRY_AFTER_MAX 3600000u /* ms */

/* The language of a caller whose path is no call's: that of the path's beginning, or of who sends
 * Anthropic's version header; else OpenAI's. */
static const struct dialect_front *words_of(const struct call *c)
{
    static const struct {
        str path, dialect;
    } rows[] = {
        {STR("/v1/messages"), STR("anthropic")},
        {STR("/v1beta/"), STR("gemini")},
        {STR("/api/"), STR("ollama")},
        {STR("/api/v1/"), STR("openai")}, /* ours */
    };
    if (c->front && c->front->front)
        return c->front->front;
    str name = h1_find(c->req->head, STR("anthropic-version")).n ? STR("anthropic") : STR("openai");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (str_has_prefix(c->req->head->path, rows[i].path))
            name = rows[i].dialect;
    const struct dialect *d = dialect_find(name);
    if (!d || !d->front) /* this build has no front for it */
        d = dialect_find(STR("openai"));
    return d->front;
}

/* The model that the caller asked for, where its name can stand in a header: it is the caller's own
 * text, and what clients make of bytes beyond ASCII there differs (RFC 9110, 5.5). */
static str asked_model(const struct call *c)
{
    str name = c->peek.model.n ? c->peek.model : c->froute.model;
    bool fits = name.n > 0 && name.n <= GATE_MODEL_MAX;
    for (size_t i = 0; fits && i < name.n; i++)
        fits = name.p[i] >= 0x20 && name.p[i] < 0x7f;
    return fits ? name : STR_NONE;
}

str routed_kind(enum routed_kind kind)
{
    static const str kinds[ROUTED_KINDS] = {
        [ROUTED_BY_MODEL] = STR("model"),
        [ROUTED_BY_SCENARIO] = STR("scenario"),
        [ROUTED_BY_SUBAGENT] = STR("subagent"),
        [ROUTED_BY_RULE] = STR("rule"),
    };
    return kinds[kind];
}

str routed_text(const struct call *c)
{
    const struct routed *by = &c->routed_by;
    if (by->kind == ROUTED_BY_MODEL)
        return STR_NONE;
    str kind = routed_kind(by->kind);
    return by->name.n
               ? arena_strf(&c->req->arena, STR_FMT ":" STR_FMT, STR_ARG(kind), STR_ARG(by->name))
               : kind;
}

/* What stands on each reply, those that reached no provider among them: then the model is the one
 * asked for, once it is known, and no provider is named. */
void call_weir_lines(struct call *c, struct buf *b)
{
    h1_write_header(b, STR("x-weir-request-id"), c->id);
    str own = words_of(c)->id_header;
    h1_write_header(b, own.n ? own : STR("x-request-id"), c->id);
    ASSERT(c->attempts <= GATE_ATTEMPTS_MAX);
    if (c->attempts) {
        const struct attempt_record *t = &c->tried[c->attempts - 1];
        h1_write_header(b, STR("x-weir-provider"), t->provider->name);
        h1_write_header(b, STR("x-weir-model"), t->model);
    } else {
        str model = asked_model(c);
        if (model.n)
            h1_write_header(b, STR("x-weir-model"), model);
        own_time_stop(c); /* an answer of ours alone: all of its time was ours */
    }
    if (c->routed_by.kind != ROUTED_BY_MODEL)
        h1_write_header(b, STR("x-weir-route"), routed_text(c));
    h1_write_header_u64(b, STR("x-weir-attempts"), c->attempts);
    h1_write_header_u64(b, STR("x-weir-overhead-us"), c->own_us);
}

void call_reply_lines(struct call *c, str content_type, struct buf *b)
{
    buf_clear(b);
    buf_lit(b, "content-type: ");
    buf_add(b, content_type);
    buf_lit(b, "\r\n");
    if (c->peek.stream && c->route)
        buf_lit(b, "cache-control: no-cache\r\nx-accel-buffering: no\r\n");
    call_weir_lines(c, b);
    if (c->rescue && c->req->head->minor > 0) /* RFC 9110, 6.6.2 */
        buf_lit(b, "trailer: x-weir-rescued, x-weir-fallback\r\n");
    if (c->lossy.n) {
        buf_lit(b, "x-weir-lossy: ");
        ir_lossy_print(&c->lossy, b);
        buf_lit(b, "\r\n");
    }
    if (c->route && c->route != c->found.route)
        h1_write_header(b, STR("x-weir-fallback"), c->route->name);
    if (call_passes(c))
        pass_reply_lines(c, b);
}

/* The head of a stream, once: with the first content, or with the first ping of a long wait. */
bool stream_reply_begin(struct call *c)
{
    if (c->stream_out)
        return true;
    own_time_stop(c);
    call_reply_lines(c, c->op ? c->op->answer_type : c->front->front->stream_type, &c->gate->lines);
    c->reply_status = call_passes(c) ? c->status : 200;
    c->stream_out = true;
    metric_add(&c->gate->set.metrics->streams, 1);
    return reply_start(c->req, c->reply_status, buf_str(&c->gate->lines));
}

static void error_lines(struct call *c, const struct fail *f, const struct front_error *e,
                        struct buf *b)
{
    buf_clear(b);
    buf_lit(b, "content-type: application/json\r\n");
    call_weir_lines(c, b);
    if (e->retry_after_s) {
        h1_write_header_u64(b, STR("retry-after"), e->retry_after_s);
        h1_write_header_u64(b, STR("retry-after-ms"), e->retry_after_ms);
    }
    if (e->should_retry_no)
        buf_lit(b, "x-should-retry: false\r\n");
    if (e->aws_type.n)
        h1_write_header(b, STR("x-amzn-errortype"), e->aws_type);
    if (f->kind == ERR_UPGRADE) /* RFC 9110, 15.5.22: what may be spoken instead */
        buf_lit(b, "upgrade: HTTP/1.1\r\n");
    if (f->kind == ERR_METHOD)
        buf_add(b, call_passes(c) ? STR("allow: GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE\r\n")
                   : c->front     ? (c->froute.op == FRONT_STORED ? STR("allow: GET, DELETE\r\n")
                                                                  : STR("allow: POST\r\n"))
                                  : STR("allow: GET, HEAD\r\n"));
}

void call_answered(struct call *c)
{
    CHECK(!c->answered);
    c->answered = true;
    turns_keep(c); /* before the client can ask for it */
    oauth_unwait(&c->token_wait);
    alarm_stop(c->gate->alarms, &c->alarm);
    alarm_stop(c->gate->alarms, &c->keepalive);
}

static void reply_error(struct call *c, const struct fail *f)
{
    struct arena *a = &c->req->arena;
    struct front_error e = {0};
    struct buf body = BUF_INIT(GATE_ERROR_BODY_MAX);
    words_of(c)->encode_error(f, c->id, &e, &body);
    str text = arena_dup(a, buf_str(&body));
    buf_fini(&body);
    own_time_stop(c);
    call_answered(c);
    error_lines(c, f, &e, &c->gate->lines);
    c->reply_status = e.status;
    c->reply_error = f->kind;
    reply_text(c->req, e.status, buf_str(&c->gate->lines), text.p ? text : STR("{}"));
}

/* At most an hour (U11), and not the same for all that were turned away together (D28): later,
 * never sooner. Full seconds stay so: clients see no finer ones. */
static uint64_t spread(struct call *c, uint64_t ms)
{
    ms += rand_below(&c->gate->rand,
                     (uint32_t)((ms < RETRY_AFTER_MAX ? ms : RETRY_AFTER_MAX) / 4 + 1));
    return ms < RETRY_AFTER_MAX ? ms : RETRY_AFTER_MAX;
}

/* Our own guess of how long to wait, where nobody said: spread too (D28), and downwards, so that it
 * still reads as the full seconds of the table. */
static uint64_t usual_wait(struct call *c, enum err kind)
{
    uint64_t ms = 1000ull * err_row(kind)->retry_after_s;
    return ms - (ms ? rand_below(&c->gate->rand, (uint32_t)(ms / 4)) : 0);
}

void call_fail(struct call *c, const struct fail *f)
{
    struct fail said = *f;
    if (c->shadow) {
        explain_fail(c, f);
        return;
    }
    if (c->mirror) {
        mirror_failed(c, f);
        return;
    }
    CHECK(!c->answered && c->phase != CALL_OVER);
    if (c->twin) { /* one of two that cannot go on: the other does */
        hedge_yields(c);
        return;
    }
    alarm_stop(c->gate->alarms, &c->alarm);
    room_leave(c);
    if (said.retry_after_ms)
        said.retry_after_ms = spread(c, said.retry_after_ms);
    else
        said.retry_after_ms = usual_wait(c, said.kind);
    if (c->on_wire)
        exchange_cancel(&c->x);
    c->on_wire = false;
    if (!c->stream_out) {
        reply_error(c, &said);
        return;
    }
    buf_clear(&c->gate->out);
    buf_clear(&c->held);
    c->run = STR_NONE;
    if (!c->committed)
        c->encoder = NULL; /* nothing of its stream was sent */
    stream_say_error(c, &said);
}

void call_fail_kind(struct call *c, enum err kind, str message, str code)
{
    call_fail(c, &(struct fail){.kind = kind, .message = message, .code = code});
}
