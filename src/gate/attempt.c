/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attempt - one try at one target, and what follows a failed one.
 *
 * A request is written once per attempt, into pooled buffers: the head by us from nothing (no
 * header of the client's travels on but what the dialect asks for), the body spliced or translated.
 * Until the commit point a failure goes to retry_decide: another candidate, the same again after a
 * wait, the next fallback model, or the client.
 */
#include "gate/gate_int.h"

/* ---- the exchange's callbacks */

static struct call *call_of_exchange(struct exchange *x)
{
    return (struct call *)(void *)x;
}

static bool type_is(str type, str want)
{
    return str_has_prefix_nocase(type, want) &&
           (type.n == want.n || type.p[want.n] == ';' || type.p[want.n] == ' ');
}

static bool type_is_json(str type)
{
    str t = str_trim(str_head(type, str_find_char(type, ';')));
    return str_eq_nocase(t, STR("application/json")) ||
           (t.n > 5 && str_eq_nocase(str_from(t, t.n - 5), STR("+json")));
}

static void bad_answer(struct call *c, str why)
{
    struct fail f = {.kind = ERR_UPSTREAM, .message = why, .upstream_status = c->status};
    exchange_cancel(&c->x);
    c->on_wire = false;
    attempt_failed(c,
                   &(struct attempt_failure){
                       .end = ATTEMPT_BAD_ANSWER, .kind = ERR_UPSTREAM, .status = c->status},
                   &f);
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

/* Which kind of answer is this? UNKNOWN: none that can be used. */
static enum answer_mode mode_of(const struct call *c, const struct h1_head *h)
{
    str type = h1_get(h, H1_CONTENT_TYPE);
    if (h->status < 200 || h->status >= 300)
        return ANSWER_ERROR;
    if (type_is(type, STR("text/event-stream")))
        return ANSWER_STREAM;
    if (type_is_json(type))
        return ANSWER_BODY;
    if (!type.n)
        return c->peek.stream ? ANSWER_STREAM : ANSWER_BODY;
    return ANSWER_UNKNOWN; /* U45: a captive portal's page */
}

static void on_head(struct exchange *x, const struct h1_head *h)
{
    struct call *c = call_of_exchange(x);
    struct arena *a = &c->req->arena;
    own_time_start(c);
    c->status = h->status;
    c->phase = CALL_ANSWER;
    if (h->status >= 300 && h->status < 400) {
        bad_answer(c, STR("The provider answered with a redirect, which is never followed."));
        return;
    }
    c->mode = mode_of(c, h);
    if (c->mode == ANSWER_UNKNOWN) {
        bad_answer(c, STR("The provider's answer is neither JSON nor an event stream."));
        return;
    }
    if (!start_inflate(c, h1_get(h, H1_CONTENT_ENCODING))) {
        bad_answer(c, STR("The provider's answer has an unknown content-encoding."));
        return;
    }
    if (c->mode == ANSWER_ERROR)
        c->facts = (struct reply_facts){
            .status = h->status,
            .content_type = arena_dup(a, h1_get(h, H1_CONTENT_TYPE)),
            .retry_after = arena_dup(a, h1_get(h, H1_RETRY_AFTER)),
            .retry_after_ms = arena_dup(a, h1_get(h, H1_RETRY_AFTER_MS)),
            .should_retry = arena_dup(a, h1_get(h, H1_X_SHOULD_RETRY)),
        };
    else if (c->mode == ANSWER_STREAM && !stream_begin(c))
        bad_answer(c, STR("Out of memory."));
    else if (h->body == H1_BODY_LENGTH && h->content_length < GATE_ANSWER_MAX && !c->inflating)
        if (!buf_reserve(&c->whole, (size_t)h->content_length))
            bad_answer(c, STR("Out of memory."));
}

static void on_body(struct exchange *x, char *p, size_t n)
{
    struct call *c = call_of_exchange(x);
    if (!c->mark_us)
        own_time_start(c);
    c->bytes_answer += n;
    if (c->mode == ANSWER_STREAM)
        stream_bytes(c, p, n);
    else if (!body_bytes(c, p, n))
        bad_answer(c, STR("The provider's answer is too large or not as it is labelled."));
}

static void on_batch(struct exchange *x)
{
    struct call *c = call_of_exchange(x);
    if (c->mode == ANSWER_STREAM)
        stream_batch(c);
}

/* A provider may echo the key it was shown (F7): not to the client. */
static str without_key(struct call *c, str text)
{
    const struct conf_provider *p = c->cand->provider;
    str key = p->nkeys ? secret_reveal(&p->keys[c->cand->key]) : STR_NONE;
    while (key.n >= 4) {
        size_t at = str_find(text, key);
        if (at == SIZE_MAX)
            break;
        text = arena_strf(&c->req->arena, STR_FMT "***" STR_FMT, STR_ARG(str_head(text, at)),
                          STR_ARG(str_from(text, at + key.n)));
    }
    return text;
}

static void answer_error(struct call *c)
{
    struct fail f = {.kind = err_of_status(c->status), .upstream_status = c->status};
    c->bind->dialect->back->decode_error(&c->facts, buf_str(&c->whole), &c->req->arena, &f);
    f.upstream_status = c->status;
    f.message = without_key(c, f.message);
    attempt_failed(c,
                   &(struct attempt_failure){.end = ATTEMPT_STATUS,
                                             .kind = f.kind,
                                             .status = c->status,
                                             .retry_after_ms = f.retry_after_ms},
                   &f);
}

static void on_end(struct exchange *x, bool by_close)
{
    struct call *c = call_of_exchange(x);
    (void)by_close; /* U35: what counts is whether the answer is whole, looked at below */
    c->on_wire = false;
    if (!c->mark_us)
        own_time_start(c);
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

static enum attempt_end end_of(const struct exchange_fail *f)
{
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
    c->tried[c->attempts - 1].why = xf->what;
    if (c->phase == CALL_ANSWER && c->mode == ANSWER_STREAM) {
        stream_broken(c, kind_of_rc(xf->rc));
        return;
    }
    struct fail f = {.kind = kind_of_rc(xf->rc), .message = words_for(xf)};
    attempt_failed(c,
                   &(struct attempt_failure){
                       .end = end_of(xf), .kind = f.kind, .replay = c->gen->snap->routing.replay},
                   &f);
}

static const struct exchange_ops exchange_ops = {
    .on_head = on_head,
    .on_body = on_body,
    .on_batch = on_batch,
    .on_end = on_end,
    .on_fail = on_fail,
};

/* ---- starting */

static bool out_of_attempts(const struct call *c)
{
    return c->attempts >= c->gen->snap->routing.attempts || c->attempts >= GATE_ATTEMPTS_MAX;
}

void attempt_begin(struct call *c)
{
    msec now = loop_now(c->gate->loop);
    c->attempt_began = now;
    c->tried[c->attempts++] = (struct attempt_record){
        .provider = c->cand->provider, .model = c->cand->target->model, .error = ERR_COUNT};
    metric_add(&c->bind->metric->counter[METRIC_P_CALLS], 1);
    metric_add(&c->bind->metric->in_flight, 1);
    c->cand->health->in_flight++;
    c->record_open = true;
    if (c->attempts > 1)
        metric_count(c->gate->set.metrics, RETRIES);
}

static void end_record(struct call *c, enum err error)
{
    struct attempt_record *t = &c->tried[c->attempts - 1];
    msec now = loop_now(c->gate->loop);
    t->error = error;
    t->status = c->status;
    t->ms = (uint32_t)(now - c->attempt_began);
    metric_add(&c->bind->metric->in_flight, (uint64_t)-1);
    c->cand->health->in_flight--;
    c->cand->health->probing = false;
    c->record_open = false;
}

void attempt_drop(struct call *c)
{
    if (c->record_open)
        end_record(c, ERR_CLIENT_GONE);
}

static void send_request(struct call *c)
{
    const struct conf_timeouts *t = &c->cand->provider->timeouts;
    msec now = loop_now(c->gate->loop), total = now + t->total;
    c->x.ops = &exchange_ops;
    c->x.origin = c->bind->origin;
    c->x.limits = (struct exchange_limits){
        .connect_ms = t->connect,
        .tls_ms = t->tls,
        .first_byte_ms = t->first_byte,
        .idle_ms = t->idle,
        .deadline = total < c->deadline ? total : c->deadline,
    };
    c->on_wire = true;
    own_time_stop(c);
    exchange_start(c->gate->client, &c->x);
}

/* Forget what an earlier attempt left of its answer. */
static void clean_slate(struct call *c)
{
    sse_fini(&c->sse);
    if (c->inflating)
        decode_fini(&c->inflate);
    c->inflating = c->failed = c->ended = c->finished = c->content = c->batch = false;
    buf_clear(&c->held);
    buf_clear(&c->whole);
    c->collect = NULL;
    c->encoder = c->decoder = NULL;
    c->mode = ANSWER_UNKNOWN;
    c->status = 0;
    c->usage = (struct usage){0};
}

static enum step start(struct call *c)
{
    c->phase = CALL_SENDING;
    c->bind = &c->gen->bindings[c->cand->target->provider];
    clean_slate(c);
    if (!c->bind->dialect) {
        attempt_begin(c);
        own_time_stop(c);
        demo_start(c);
        return STEP_WAIT;
    }
    c->same = c->bind->dialect == c->front;
    struct health *probed = c->cand->health; /* the call may end in wire_write */
    if (!wire_write(c)) {
        probed->probing = false;
        return STEP_DONE;
    }
    attempt_begin(c);
    send_request(c);
    if (c->peek.stream && !c->keepalive.at)
        stream_keepalive(c);
    return STEP_WAIT;
}

/* The next fallback model, where the configuration has one. */
static bool next_route(struct call *c)
{
    const struct conf_route *r = c->found.route;
    while (c->gen->snap->routing.fallback && c->next_fallback < r->nfallback) {
        const struct conf_route *next = r->fallback[c->next_fallback++];
        if (!conf_key_allows(c->key, next))
            continue;
        c->route = next;
        plan_build(&c->plan, &c->gate->route, c->gen->snap, next, loop_now(c->gate->loop));
        return true;
    }
    return false;
}

/* Nothing is left to try: the last failure, or why nothing could be tried. */
static enum step give_up(struct call *c)
{
    if (c->attempts) {
        call_fail(c, &c->fail);
        return STEP_DONE;
    }
    msec now = loop_now(c->gate->loop);
    struct fail f = {.kind = c->plan.why};
    if (c->plan.ready_at > now)
        f.retry_after_ms = c->plan.ready_at - now;
    call_fail(c, &f);
    return STEP_DONE;
}

enum step stage_attempt(struct call *c)
{
    msec now = loop_now(c->gate->loop);
    if (out_of_attempts(c))
        return give_up(c);
    do {
        c->cand = plan_next(&c->plan, now);
    } while (!c->cand && next_route(c));
    if (!c->cand)
        return give_up(c);
    c->same_tries = 1;
    return start(c);
}

/* ---- after a failure */

static void learn(struct call *c, const struct attempt_failure *f)
{
    msec now = loop_now(c->gate->loop);
    struct health *h = c->cand->health;
    bool bad = retry_is_failure(f);
    end_record(c, f->kind);
    metric_add(&c->bind->metric->counter[METRIC_P_ERRORS], 1);
    metric_provider_done(c->bind->metric, now, bad);
    if (retry_is_refusal(f))
        health_refuse(c->cand->credential, now);
    else if (f->kind == ERR_RATE_LIMITED && f->end == ATTEMPT_STATUS) {
        health_cool(h, now, f->retry_after_ms);
        metric_add(&c->bind->metric->counter[METRIC_P_RATE_LIMITED], 1);
    } else if (bad) {
        health_failure(h, now);
        atomic_store_explicit(&c->bind->metric->circuit_open_until, h->open_until,
                              memory_order_relaxed);
    }
}

static void on_wait_over(struct alarm *a)
{
    struct call *c = (struct call *)(void *)((char *)a - offsetof(struct call, alarm));
    own_time_start(c);
    start(c);
}

static bool enough_time(const struct call *c, msec now)
{
    msec all = c->deadline - c->req->began;
    return now < c->deadline && (c->deadline - now) * 4 >= all; /* a quarter must remain */
}

static bool try_elsewhere(struct call *c)
{
    if (out_of_attempts(c))
        return false;
    struct candidate *next;
    do {
        next = plan_next(&c->plan, loop_now(c->gate->loop));
    } while (!next && next_route(c));
    if (!next)
        return false;
    c->cand = next;
    c->same_tries = 1;
    start(c);
    return true;
}

/* What the client will hear if nothing better comes. An exhausted quota at the provider is the
 * operator's matter (U12); when several were limited, the soonest Retry-After counts (U11). */
static void remember(struct call *c, const struct fail *fail)
{
    uint64_t before = c->fail.kind == ERR_RATE_LIMITED ? c->fail.retry_after_ms : 0;
    c->fail = *fail;
    if (fail->kind == ERR_BUDGET)
        c->fail = (struct fail){
            .kind = ERR_UNAVAILABLE, .upstream_status = fail->upstream_status, .stop_retry = true};
    if (fail->kind == ERR_RATE_LIMITED && before && before < fail->retry_after_ms)
        c->fail.retry_after_ms = before;
}

void attempt_failed(struct call *c, const struct attempt_failure *f, const struct fail *fail)
{
    struct gate *g = c->gate;
    msec now = loop_now(g->loop);
    struct attempt_failure seen = *f;
    seen.same_tried = c->same_tries > 1;
    struct retry_rule rule = retry_decide(&seen, &g->rand);
    CHECK(!c->committed);
    remember(c, fail);
    learn(c, f);
    if (fail->stop_retry && f->kind != ERR_UPSTREAM_AUTH && f->kind != ERR_BUDGET)
        rule.where = RETRY_NOWHERE;
    if (!c->gen->snap->routing.fallback)
        rule.where = RETRY_NOWHERE;
    if (rule.where == RETRY_NOWHERE || !enough_time(c, now) ||
        !retry_budget_take(&g->budget, now)) {
        call_fail(c, &c->fail);
        return;
    }
    c->phase = CALL_SENDING;
    if (try_elsewhere(c))
        return;
    if (rule.where != RETRY_ANYWHERE || out_of_attempts(c) || now + rule.wait_ms >= c->deadline) {
        call_fail(c, &c->fail);
        return;
    }
    c->same_tries++;
    own_time_stop(c);
    c->alarm.fn = on_wait_over;
    if (alarm_set(g->alarms, &c->alarm, now + rule.wait_ms) != RC_OK)
        call_fail(c, &c->fail);
}

void attempt_served(struct call *c)
{
    end_record(c, ERR_COUNT);
    health_success(c->cand->health);
    health_success(c->cand->credential);
    atomic_store_explicit(&c->bind->metric->circuit_open_until, 0, memory_order_relaxed);
    metric_provider_done(c->bind->metric, loop_now(c->gate->loop), false);
}
