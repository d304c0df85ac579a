/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answer - what comes back of an attempt: the exchange's callbacks.
 *
 * The head says which kind of answer it is: events, one body, or an error; a redirect, a page of
 * some portal, or a coding nobody asked for is a failure of the attempt. From there on bytes go to
 * stream.c or body.c, and every way to fail becomes one struct attempt_failure for attempt.c.
 */
#include "gate/excerpt.h"

#include "http/date.h"

static struct call *call_of_exchange(struct exchange *x)
{
    struct call *c = (struct call *)(void *)x;
    CHECK(c->on_wire && c->phase != CALL_OVER && !c->answered);
    return c;
}

static bool type_is(str type, str want)
{
    return str_has_prefix_nocase(type, want) &&
           (type.n == want.n || type.p[want.n] == ';' || type.p[want.n] == ' ');
}

bool type_is_json(str type)
{
    str t = str_trim(str_head(type, str_find_char(type, ';')));
    return str_eq_nocase(t, STR("application/json")) ||
           (t.n > 5 && str_eq_nocase(str_from(t, t.n - 5), STR("+json")));
}

/* Read no more of this answer. The call may be over afterwards. */
static void cut_off(struct call *c, enum attempt_end end, enum err kind, str why)
{
    struct fail f = {.kind = kind, .message = why, .upstream_status = c->status};
    exchange_cancel(&c->x);
    c->on_wire = false;
    attempt_failed(c, &(struct attempt_failure){.end = end, .kind = kind, .status = c->status}, &f);
}

static void bad_answer(struct call *c, str why)
{
    cut_off(c, ATTEMPT_BAD_ANSWER, ERR_UPSTREAM, why);
}

static void out_of_memory(struct call *c)
{
    cut_off(c, ATTEMPT_OURS, ERR_OVERLOADED, STR("The gateway is out of memory."));
}

static bool start_inflate(struct call *c, str coding)
{
    enum decode_kind kind;
    if (decode_kind_of(coding, &kind) != RC_OK)
        return false;
    if (kind == DECODE_IDENTITY)
        return true;
    c->inflating = decode_init(&c->inflate, kind, DECODE_OUT_MAX, DECODE_RATIO_MAX) == RC_OK;
    return c->inflating;
}

enum answer_mode answer_mode_of(const struct call *c, const struct h1_head *h)
{
    str type = h1_get(h, H1_CONTENT_TYPE);
    if (h->status < 200 || h->status >= 300)
        return ANSWER_ERROR;
    if (type_is(type, frame_type(c->reader->framing)))
        return ANSWER_STREAM;
    if (type_is_json(type))
        return ANSWER_BODY;
    if (!type.n)
        return c->peek.stream ? ANSWER_STREAM : ANSWER_BODY;
    return ANSWER_UNKNOWN; /* U45: a captive portal's page */
}

/* For an answer that is read whole, where its length is known. */
static void make_room(struct call *c, const struct h1_head *h)
{
    bool known = h->body == H1_BODY_LENGTH && h->content_length < GATE_ANSWER_MAX;
    wire_lend_answer(c);
    if (known && h->content_length && !c->inflating &&
        !buf_reserve(&c->whole, (size_t)h->content_length))
        out_of_memory(c);
}

/* The provider's clock: a reset that is told as a time is told by it. */
static uint64_t clock_of(const struct call *c, const struct h1_head *h)
{
    const uint64_t ours = loop_unix_ms(c->gate->loop);
    uint64_t at;
    str date = h1_find(h, STR("date"));
    return date.n && http_date(str_trim(date), ours / 1000, &at) == RC_OK ? at * 1000 : ours;
}

/* What it says of its rate limits. Most providers say something in each answer. */
static void hear_limits(struct call *c, const struct h1_head *h)
{
    struct quota *q = &c->cand->health->quota;
    struct quota_said said = {0};
    uint64_t unix_ms = 0;
    for (unsigned i = 0; i < h->nheaders; i++) {
        if (!quota_is_likely(h->headers[i].name))
            continue;
        unix_ms = unix_ms ? unix_ms : clock_of(c, h);
        quota_header(&said, h->headers[i].name, h->headers[i].value, unix_ms);
    }
    quota_learn(q, &said, loop_now(c->gate->loop));
    if (h->status / 100 == 2 && !(c->op && c->op->row->kind == OP_COUNT))
        quota_good(q, &said, c->attempt_began, loop_now(c->gate->loop));
}

static void on_head(struct exchange *x, const struct h1_head *h)
{
    struct call *c = call_of_exchange(x);
    struct arena *a = &c->req->arena;
    own_time_start(c);
    c->status = h->status;
    c->phase = CALL_ANSWER;
    if (c->sent_once) { /* nothing refers to its request any more, and nothing will */
        wire_give(c->gate, c->wire);
        c->wire = NULL;
    }
    quota_answered(&c->cand->health->quota, &c->need, c->attempt_began);
    if (h->status == 429 || quota_is_due(&c->cand->health->quota, loop_now(c->gate->loop)))
        hear_limits(c, h);
    if (h->status >= 300 && h->status < 400) {
        bad_answer(c, STR("The provider answered with a redirect, which is never followed."));
        return;
    }
    c->mode = c->op ? op_mode(c, h) : answer_mode_of(c, h);
    if (!start_inflate(c, h1_get(h, H1_CONTENT_ENCODING))) {
        bad_answer(c, STR("The provider's answer has an unknown content-encoding."));
        return;
    }
    if (c->mode == ANSWER_UNKNOWN) {
        strange_begin(c, h1_get(h, H1_CONTENT_TYPE));
        return;
    }
    if (c->mode == ANSWER_ERROR)
        c->facts = (struct reply_facts){
            .status = h->status,
            .content_type = arena_dup(a, h1_get(h, H1_CONTENT_TYPE)),
            .retry_after = arena_dup(a, h1_get(h, H1_RETRY_AFTER)),
            .retry_after_ms = arena_dup(a, h1_get(h, H1_RETRY_AFTER_MS)),
            .should_retry = arena_dup(a, h1_get(h, H1_X_SHOULD_RETRY)),
            .error_type = arena_dup(a, h1_find(h, STR("x-amzn-errortype"))),
            .date = arena_dup(a, h1_find(h, STR("date"))),
            .unix_s = loop_unix_ms(c->gate->loop) / 1000,
        };
    else if (c->mode == ANSWER_STREAM && !stream_begin(c))
        out_of_memory(c);
    else if (c->mode != ANSWER_STREAM)
        make_room(c, h);
}

static void answer_error(struct call *c)
{
    struct fail f = {.kind = err_of_status(c->status), .upstream_status = c->status};
    c->bind->dialect->back->decode_error(&c->facts, buf_str(&c->whole), &c->req->arena, &f);
    f.upstream_status = c->status;
    f.message = call_without_key(c, f.message);
    if (!type_is_json(c->facts.content_type)) /* a page of whoever stands between */
        excerpt_keep(c, buf_str(&c->whole));
    attempt_failed(c,
                   &(struct attempt_failure){.end = ATTEMPT_STATUS,
                                             .kind = f.bad_key ? ERR_UPSTREAM_AUTH : f.kind,
                                             .status = c->status,
                                             .retry_after_ms = f.retry_after_ms},
                   &f);
}

static void on_body(struct exchange *x, char *p, size_t n)
{
    struct call *c = call_of_exchange(x);
    if (!c->mark_us)
        own_time_start(c);
    c->bytes_answer += n;
    if (c->mode == ANSWER_STREAM) {
        stream_bytes(c, p, n);
    } else if (c->mode == ANSWER_STRANGE) {
        strange_bytes(c, p, n);
    } else if (!body_bytes(c, p, n)) {
        excerpt_keep(c, buf_size(&c->whole) ? buf_str(&c->whole) : str_of(p, n));
        bad_answer(c, STR("The provider's answer is too large or not as it is labelled."));
    } else if (c->mode == ANSWER_ERROR && buf_size(&c->whole) >= GATE_ERROR_BODY_MAX) {
        exchange_cancel(x); /* an error that does not end says no more than its beginning */
        c->on_wire = false;
        answer_error(c);
    }
}

static void on_batch(struct exchange *x)
{
    struct call *c = call_of_exchange(x);
    if (c->mode == ANSWER_STREAM)
        stream_batch(c);
    else
        own_time_stop(c); /* the provider's turn again */
}

static void on_end(struct exchange *x, bool by_close)
{
    struct call *c = call_of_exchange(x);
    (void)by_close; /* U35: what counts is whether the answer is whole, looked at below */
    c->on_wire = false;
    if (!c->mark_us)
        own_time_start(c);
    if (c->mode == ANSWER_STRANGE) {
        strange_over(c);
        return;
    }
    if (c->inflating && !decode_is_complete(&c->inflate) && c->mode != ANSWER_ERROR) {
        if (c->mode == ANSWER_STREAM)
            stream_broken(c, ERR_UPSTREAM);
        else
            bad_answer(c, STR("The provider's answer was cut off."));
        return;
    }
    if (c->mode == ANSWER_STREAM)
        stream_end(c);
    else if (c->mode == ANSWER_BODY)
        body_end(c);
    else
        answer_error(c);
}

static enum err kind_of_rc(enum rc rc)
{
    return rc == RC_TIMEOUT                                    ? ERR_TIMEOUT
           : rc == RC_DNS || rc == RC_CONNECT || rc == RC_BUSY ? ERR_UNAVAILABLE
                                                               : ERR_UPSTREAM;
}

static str words_for(const struct exchange_fail *f)
{
    switch (f->phase) {
    case EXCHANGE_CONNECT:
        return f->rc == RC_TIMEOUT ? STR("No connection to the provider could be made in time.")
               : f->rc == RC_DNS   ? STR("The provider's name could not be resolved.")
               : f->rc == RC_TLS   ? STR("No secure connection to the provider could be made.")
                                   : STR("The provider could not be reached.");
    case EXCHANGE_SEND:
    case EXCHANGE_WAIT:
        return f->rc == RC_TIMEOUT ? STR("The provider did not begin to answer in time.")
                                   : STR("The provider closed the connection without an answer.");
    case EXCHANGE_HEAD:
        return STR("The provider's answer is malformed.");
    case EXCHANGE_BODY:
        return f->rc == RC_TIMEOUT ? STR("The provider stopped in the middle of its answer.")
                                   : STR("The provider's answer was cut off.");
    }
    return STR("The provider failed.");
}

static enum attempt_end end_of(const struct call *c, const struct exchange_fail *f)
{
    if (attempt_cut_by_client(c, kind_of_rc(f->rc), f->phase == EXCHANGE_CONNECT))
        return ATTEMPT_CLIENT;
    if (f->rc == RC_NOMEM)
        return ATTEMPT_OURS;
    if (f->phase == EXCHANGE_CONNECT || !f->sent_any)
        return ATTEMPT_NOT_SENT;
    if (f->rc == RC_TIMEOUT)
        return ATTEMPT_TIMED_OUT;
    return f->phase == EXCHANGE_SEND || f->phase == EXCHANGE_WAIT ? ATTEMPT_NO_ANSWER
                                                                  : ATTEMPT_BAD_ANSWER;
}

static void on_fail(struct exchange *x, const struct exchange_fail *xf)
{
    struct call *c = call_of_exchange(x);
    c->on_wire = false;
    own_time_start(c);
    if (c->mode == ANSWER_STRANGE) { /* it was no good before it broke */
        strange_over(c);
        return;
    }
    attempt_record_of(c)->why = xf->what;
    if (c->phase == CALL_ANSWER && c->mode == ANSWER_STREAM) {
        stream_broken(c, kind_of_rc(xf->rc));
        return;
    }
    if (c->phase == CALL_ANSWER && c->mode == ANSWER_ERROR) {
        answer_error(c); /* its status stands, whatever became of the words */
        return;
    }
    struct fail f = {.kind = kind_of_rc(xf->rc), .message = words_for(xf)};
    attempt_failed(c,
                   &(struct attempt_failure){.end = end_of(c, xf),
                                             .kind = f.kind,
                                             .replay = c->gen->snap->routing.replay},
                   &f);
}

const struct exchange_ops gate_exchange_ops = {
    .on_head = on_head,
    .on_body = on_body,
    .on_batch = on_batch,
    .on_end = on_end,
    .on_fail = on_fail,
};
