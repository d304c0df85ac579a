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

#define LEFT_OUT_MAX 3 /* parameters left out of one call: more, and the model is the wrong one */

/* ---- the exchange's callbacks */

static struct call *call_of_exchange(struct exchange *x)
{
    struct call *c = (struct call *)(void *)x;
    CHECK(c->on_wire && c->phase != CALL_OVER && !c->answered);
    return c;
}

static struct attempt_record *record_of(struct call *c)
{
    CHECK(c->attempts > 0 && c->attempts <= GATE_ATTEMPTS_MAX);
    return &c->tried[c->attempts - 1];
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

/* Which kind of answer is this? UNKNOWN: none that can be used. */
static enum answer_mode mode_of(const struct call *c, const struct h1_head *h)
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
    c->mode = c->op ? op_mode(c, h) : mode_of(c, h);
    if (c->mode == ANSWER_UNKNOWN) {
        bad_answer(c, STR("The provider's answer is of a kind that is not expected here."));
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
        out_of_memory(c);
    else if (h->body == H1_BODY_LENGTH && h->content_length &&
             h->content_length < GATE_ANSWER_MAX && !c->inflating)
        if (!buf_reserve(&c->whole, (size_t)h->content_length))
            out_of_memory(c);
}

static void answer_error(struct call *c)
{
    struct fail f = {.kind = err_of_status(c->status), .upstream_status = c->status};
    c->bind->dialect->back->decode_error(&c->facts, buf_str(&c->whole), &c->req->arena, &f);
    f.upstream_status = c->status;
    f.message = call_without_key(c, f.message);
    attempt_failed(c,
                   &(struct attempt_failure){.end = ATTEMPT_STATUS,
                                             .kind = f.kind,
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
    } else if (!body_bytes(c, p, n)) {
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

/* The client's own deadline has come: that is nobody's fault, or anybody could close a provider to
 * all others by giving it a millisecond. */
static bool cut_by_client(const struct call *c, enum err kind)
{
    return kind == ERR_TIMEOUT && c->impatient && loop_now(c->gate->loop) >= c->deadline;
}

static enum attempt_end end_of(const struct call *c, const struct exchange_fail *f)
{
    if (cut_by_client(c, kind_of_rc(f->rc)))
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
    record_of(c)->why = xf->what;
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
    CHECK(!c->record_open && c->attempts < GATE_ATTEMPTS_MAX);
    c->attempt_began = loop_now(c->gate->loop);
    c->tried[c->attempts++] = (struct attempt_record){
        .provider = c->cand->provider, .model = c->cand->target->model, .error = ERR_COUNT};
    metric_add(&c->bind->metric->counter[METRIC_P_CALLS], 1);
    metric_add(&c->bind->metric->in_flight, 1);
    c->record_open = true;
    if (c->attempts > 1)
        metric_count(c->gate->set.metrics, RETRIES);
}

static void end_record(struct call *c, enum err error)
{
    struct attempt_record *t = record_of(c);
    CHECK(c->record_open);
    t->error = error;
    t->status = c->status;
    t->ms = (uint32_t)(loop_now(c->gate->loop) - c->attempt_began);
    metric_add(&c->bind->metric->in_flight, (uint64_t)-1);
    if (c->cand->probe)
        c->cand->health->probing = false;
    c->record_open = false;
}

void attempt_drop(struct call *c, enum err why)
{
    if (c->record_open)
        end_record(c, why);
}

void attempt_release(struct call *c)
{
    if (c->cand)
        candidate_release(c->cand);
    c->cand = NULL;
    plan_release(&c->plan);
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
    CHECK(!c->committed && !c->on_wire);
    frame_fini(&c->frames);
    chain_fini(c->chain);
    c->chain = NULL;
    if (c->inflating)
        decode_fini(&c->inflate);
    c->inflating = c->failed = c->ended = c->content = c->batch = c->paused = c->raw = false;
    buf_clear(&c->held);
    buf_clear(&c->whole);
    c->run = c->first_events = STR_NONE;
    c->lossy = (struct ir_lossy){0};
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
    c->remedies = c->op ? 0 : transform_remedies(c);
    /* A remedy works on what is understood: then bytes cannot just pass. */
    c->same = !c->remedies && c->bind->dialect && dialect_is_same(c->front, c->bind->dialect);
    c->reader = c->bind->dialect ? c->bind->dialect->back : NULL;
    if (c->op)
        op_start(c);
    clean_slate(c);
    if (!c->bind->dialect) {
        attempt_begin(c);
        own_time_stop(c);
        demo_start(c);
        return STEP_WAIT;
    }
    struct health *probed = c->cand->health; /* the call may end in wire_write */
    bool probe = c->cand->probe;
    if (!wire_write(c)) {
        if (probe)
            probed->probing = false;
        return STEP_DONE;
    }
    attempt_begin(c);
    send_request(c);
    if (c->peek.stream && !c->keepalive.at && !c->op) /* of those it is known when they answer */
        stream_keepalive(c);
    return STEP_WAIT;
}

static void go_route(struct call *c, const struct conf_route *r)
{
    struct plan *p = &c->plan;
    c->route = r;
    plan_release(p);
    plan_build(p, &c->gate->route, c->gen->snap, r, loop_now(c->gate->loop));
    if ((p->n == 0 || p->panic) && (!c->ready_at || p->ready_at < c->ready_at)) {
        c->why = p->why;
        c->ready_at = p->ready_at;
    }
}

/* The next fallback model, where the configuration has one. */
static bool next_route(struct call *c)
{
    const struct conf_route *r = c->found.route;
    while (c->gen->snap->routing.fallback && c->next_fallback < r->nfallback) {
        const struct conf_route *next = r->fallback[c->next_fallback++];
        if (!conf_key_allows(c->key, next))
            continue;
        go_route(c, next);
        return true;
    }
    if (!c->last_resort)
        return false;
    c->last_resort = false;
    go_route(c, r);
    return true;
}

/* The next candidate of this route, else of its fallbacks. False: nobody is left, and c->cand is
 * who it was. */
static bool next_candidate(struct call *c)
{
    const struct conf_route *was = c->route;
    struct candidate *next;
    do {
        next = c->op ? op_plan_next(c) : plan_next(&c->plan, loop_now(c->gate->loop));
    } while (!next && next_route(c));
    if (!next) {
        c->route = was;
        return false;
    }
    candidate_hold(next);
    if (c->cand)
        candidate_release(c->cand);
    c->chosen = *next;
    c->cand = &c->chosen;
    c->same_tries = 1;
    return true;
}

enum step stage_plan(struct call *c)
{
    go_route(c, c->found.route);
    c->last_resort = c->plan.panic && c->found.route->nfallback > 0;
    if (c->last_resort)
        plan_release(&c->plan);
    return STEP_NEXT;
}

enum step stage_attempt(struct call *c)
{
    if (next_candidate(c))
        return start(c);
    if (c->op && op_fail_no_way(c))
        return STEP_DONE;
    msec now = loop_now(c->gate->loop);
    struct fail f = {.kind = c->why};
    if (c->ready_at > now)
        f.retry_after_ms = c->ready_at - now;
    call_fail(c, &f);
    return STEP_DONE;
}

/* ---- after a failure */

static void learn(struct call *c, const struct attempt_failure *f)
{
    struct metric_provider *m = c->bind->metric;
    msec now = loop_now(c->gate->loop);
    struct health *h = c->cand->health;
    bool bad = retry_is_failure(f);
    end_record(c, f->kind);
    if (f->end == ATTEMPT_CLIENT || f->end == ATTEMPT_OURS)
        return;
    metric_add(&m->counter[METRIC_P_ERRORS], 1);
    metric_provider_done(m, now, bad);
    if (retry_is_refusal(f)) {
        health_refuse(c->cand->credential, now);
    } else if (f->kind == ERR_RATE_LIMITED) {
        health_cool(h, now, f->retry_after_ms);
        metric_add(&m->counter[METRIC_P_RATE_LIMITED], 1);
        if (f->retry_after_ms && (!c->retry_after_ms || f->retry_after_ms < c->retry_after_ms))
            c->retry_after_ms = f->retry_after_ms;
    } else if (bad) {
        health_failure(h, now);
        atomic_store_explicit(&m->circuit_open_until, h->open_until, memory_order_relaxed);
    }
}

static void on_wait_over(struct alarm *a)
{
    struct call *c = (struct call *)(void *)((char *)a - offsetof(struct call, alarm));
    CHECK(c->phase == CALL_SENDING && !c->on_wire && !c->record_open);
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
    if (out_of_attempts(c) || !next_candidate(c))
        return false;
    start(c);
    return true;
}

static bool try_again_here(struct call *c, const struct retry_rule *rule)
{
    struct gate *g = c->gate;
    msec at = loop_now(g->loop) + rule->wait_ms;
    if (rule->where != RETRY_ANYWHERE || out_of_attempts(c) || at >= c->deadline)
        return false;
    c->alarm.fn = on_wait_over;
    if (alarm_set(g->alarms, &c->alarm, at) != RC_OK)
        return false;
    c->same_tries++;
    own_time_stop(c);
    return true;
}

static bool may_retry(const struct call *c, enum retry_where where, const struct fail *fail)
{
    /* A provider's "do not retry" is about this credential, where it is about the credential. */
    bool final = fail->stop_retry && fail->kind != ERR_UPSTREAM_AUTH && fail->kind != ERR_BUDGET;
    return where != RETRY_NOWHERE && !final && c->gen->snap->routing.fallback &&
           enough_time(c, loop_now(c->gate->loop));
}

/* U12: that the provider's account is empty is no matter of the client's budget, and nothing that
 * waiting mends. */
void fail_for_client(struct fail *f)
{
    if (f->kind == ERR_BUDGET)
        *f = (struct fail){.kind = ERR_UNAVAILABLE, .stop_retry = true};
}

/* A 400 that names a parameter: the same again without it, once for each. Nothing is wrong with the
 * target, so neither its health nor the budget of retries is touched. */
static bool try_without(struct call *c, const struct attempt_failure *f, const struct fail *fail)
{
    struct gate *g = c->gate;
    struct refused r;
    if (f->end != ATTEMPT_STATUS || c->left_out >= LEFT_OUT_MAX ||
        c->attempts >= GATE_ATTEMPTS_MAX || !refused_read(fail, &r) ||
        !learned_add(g->learned, transform_target(c), &r, loop_now(g->loop)))
        return false;
    const char *why = arena_printf(&c->req->arena, "it refuses " STR_FMT, STR_ARG(r.name));
    record_of(c)->why = why ? why : "it refuses a parameter";
    learn(c, f);
    c->left_out++;
    start(c);
    return true;
}

void attempt_failed(struct call *c, const struct attempt_failure *f, const struct fail *fail)
{
    struct gate *g = c->gate;
    struct attempt_failure seen = *f;
    CHECK(!c->committed && !c->on_wire);
    if (try_without(c, f, fail))
        return;
    seen.same_tried = c->same_tries > 1;
    struct retry_rule rule = retry_decide(&seen, &g->rand);
    learn(c, f);
    c->fail = *fail;
    if (fail->kind == ERR_RATE_LIMITED) /* U11: the shortest wait of all that were asked */
        c->fail.retry_after_ms = c->retry_after_ms;
    fail_for_client(&c->fail);
    if (may_retry(c, rule.where, fail) && retry_budget_take(&g->budget, loop_now(g->loop))) {
        c->phase = CALL_SENDING;
        if (try_elsewhere(c) || try_again_here(c, &rule))
            return;
        retry_budget_return(&g->budget);
    }
    call_fail(c, &c->fail);
}

void attempt_answers(struct call *c)
{
    health_answers(c->cand->health);
    health_answers(c->cand->credential);
    atomic_store_explicit(&c->bind->metric->circuit_open_until, 0, memory_order_relaxed);
}

void attempt_served(struct call *c)
{
    end_record(c, ERR_COUNT);
    attempt_answers(c);
    health_success(c->cand->health);
    health_success(c->cand->credential);
    metric_provider_done(c->bind->metric, loop_now(c->gate->loop), false);
}

void attempt_broke(struct call *c)
{
    CHECK(c->committed);
    bool ours = cut_by_client(c, c->fail.kind);
    learn(c, &(struct attempt_failure){.end = ours ? ATTEMPT_CLIENT : ATTEMPT_BAD_ANSWER,
                                       .kind = c->fail.kind});
}
