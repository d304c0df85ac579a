/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attempt - one try at one target, and what follows a failed one.
 *
 * A request is written once per attempt, into pooled buffers: the head by us from nothing (no
 * header of the client's travels on but what the dialect asks for), the body spliced or translated.
 * Until the commit point a failure goes to retry_decide: another candidate, the same again after a
 * wait, the next fallback model, or the client.
 */
#include "gate/feature.h"
#include "gate/mirror.h"
#include "gate/pass.h"
#include "gate/recovery.h"
#include "route/trace.h"

/* ---- starting */

struct attempt_record *attempt_record_of(struct call *c)
{
    CHECK(c->attempts > 0 && c->attempts <= GATE_ATTEMPTS_MAX);
    return &c->tried[c->attempts - 1];
}

static unsigned attempts_left(const struct call *c)
{
    const unsigned most = c->gen->snap->routing.attempts;
    const unsigned max = most < GATE_ATTEMPTS_MAX ? most : GATE_ATTEMPTS_MAX;
    return c->attempts < max ? max - c->attempts : 0;
}

static bool out_of_attempts(const struct call *c)
{
    return attempts_left(c) == 0;
}

void attempt_begin(struct call *c)
{
    CHECK(!c->record_open && c->attempts < GATE_ATTEMPTS_MAX);
    c->attempt_began = loop_now(c->gate->loop);
    c->tried[c->attempts++] = (struct attempt_record){
        .provider = c->cand->provider,
        .model = call_passes(c) && c->peek.model.n ? c->peek.model : c->cand->target->model,
        .error = ERR_COUNT,
        .key = (uint16_t)c->cand->key};
    if (!c->mirror) /* counted apart, with what came of it */
        metric_add(&c->bind->metric->counter[METRIC_P_CALLS], 1);
    metric_add(&c->bind->metric->in_flight, 1);
    figures_begin(&c->cand->health->figures, c->attempt_began);
    quota_begin(&c->cand->health->quota, &c->need, c->attempt_began);
    if (c->bind->meter)
        meter_begin(c->bind->meter, c->need.input + c->need.output, c->attempt_began, &c->share);
    c->attempt_content = 0;
    c->record_open = true;
    if (c->attempts > 1)
        metric_count(c->gate->set.metrics, RETRIES);
}

void attempt_content(struct call *c)
{
    const msec now = loop_now(c->gate->loop);
    if (!c->content)
        c->ttft_ms = now - c->req->began;
    c->content = true;
    if (!c->record_open || c->attempt_content)
        return;
    c->attempt_content = now;
    figures_first(&c->cand->health->figures, now, c->attempt_began);
}

static void retry_over(struct call *c)
{
    if (c->retrying)
        retry_budget_over(call_budget(c));
    c->retrying = false;
}

static void end_record(struct call *c, enum err error, enum figures_end how)
{
    struct attempt_record *t = attempt_record_of(c);
    const msec now = loop_now(c->gate->loop);
    CHECK(c->record_open);
    health_end(c->cand->health, now, c->attempt_began, c->attempt_content, how,
               how == FIGURES_SERVED ? c->usage.output : 0);
    if (!c->mirror)
        alerts_attempt(c, error, how, now);
    if (c->share.of && c->gate->room.n)
        room_freed(c->gate);
    meter_end(&c->share, usage_prompt(&c->usage) + c->usage.output);
    t->error = error;
    t->status = c->status;
    t->ms = (uint32_t)(now - c->attempt_began);
    metric_add(&c->bind->metric->in_flight, (uint64_t)-1);
    candidate_probe_over(c->cand);
    retry_over(c);
    c->record_open = false;
}

void attempt_drop(struct call *c, enum err why)
{
    if (c->record_open)
        end_record(c, why, FIGURES_VOID);
}

void attempt_release(struct call *c)
{
    retry_over(c); /* one that waited, or could not be sent */
    if (c->cand)
        candidate_release(c->cand);
    c->cand = NULL;
    plan_release(&c->plan);
}

/* A fallback model that this call may still go to. */
static bool fallback_left(const struct call *c)
{
    const struct conf_route *r;
    for (unsigned i = c->next_fallback; (r = policy_fallback(c, i)) != NULL; i++)
        if (conf_key_allows(c->key, r))
            return true;
    return false;
}

/* Is there, as far as can be seen, anybody to try after this one? */
static bool somebody_left(const struct call *c)
{
    return !c->mirror && !out_of_attempts(c) && c->gen->snap->routing.fallback &&
           (c->plan.next < c->plan.n || c->last_resort || fallback_left(c));
}

static void send_request(struct call *c)
{
    c->x.ops = &gate_exchange_ops;
    c->x.origin = c->bind->origin;
    attempt_limit(c);
    replay_hold(c);
    c->x.once = false;
    if (call_passes(c))
        pass_limit_exchange(c);
    else if (somebody_left(c))
        alerts_limit_exchange(c);
    c->on_wire = true;
    own_time_stop(c);
    exchange_start(c->gate->client, &c->x);
}

/* Forget what an earlier attempt left of its answer. */
static void clean_slate(struct call *c)
{
    CHECK(!c->on_wire);
    frame_fini(&c->frames);
    if (c->inflating)
        decode_fini(&c->inflate);
    c->inflating = c->failed = c->ended = c->batch = c->paused = c->raw = false;
    c->run = c->first_events = STR_NONE;
    ir_lossy_clear(&c->lossy);
    buf_clear(&c->whole);
    c->decoder = NULL;
    c->mode = ANSWER_UNKNOWN;
    c->status = 0;
    c->usage = (struct usage){0};
    if (rescue_is_on(c))
        return; /* what the client has of the answer stands, and who writes it goes on */
    CHECK(!c->committed);
    rescue_stop(c); /* the next answer's filters may bar it: stream.c asks anew */
    c->rescue = NULL;
    chain_fini(c->chain);
    c->chain = NULL;
    thoughts_forget(c);
    c->content = c->reframes = false;
    buf_clear(&c->held);
    c->collect = NULL;
    c->encoder = NULL;
    c->kept = (struct front_kept){.id = STR_NONE};
}

/* The same language on both sides. But a remedy works on what is understood, and what stands before
 * a turn that we put together was told by several makers; Mistral's clients want calls whole. */
static bool bytes_may_pass(const struct call *c)
{
    return !c->remedies && !c->continued && !c->as_mistral && !rescue_is_on(c) &&
           c->bind->dialect && dialect_is_same(c->front, c->bind->dialect);
}

/* A turn that goes on from an answer by its id: who keeps that one knows the id, all others need
 * the whole conversation. One that isn't here goes as it is, for whoever it is sent to may know it.
 * False: the call is over. */
static bool tell_conversation(struct call *c)
{
    struct fail f;
    if (!c->keeper || c->continued || (c->same && c->keeper == c->cand->provider))
        return true;
    if (!call_put_before(c, &f)) {
        call_fail(c, &f);
        return false;
    }
    c->same &= !c->continued;
    return true;
}

/* What must be had before the request can be written: the bytes of images, an access token. */
static enum step gather_needs(struct call *c)
{
    enum step images = c->op ? STEP_NEXT : images_fetch(c);
    if (images != STEP_NEXT)
        return images;
    return token_await(c) ? STEP_WAIT : STEP_NEXT;
}

static enum step start_elsewhere(struct call *c);

/* The answer is waited for: a rival may come, and pings. */
static void watch(struct call *c)
{
    if (c->mirror)
        return;
    if (c->found.route->hedge.on)
        hedge_arm(c);
    if (c->op || c->second) /* of operations it is known when they answer */
        return;
    if (c->peek.stream && !c->keepalive.at)
        stream_keepalive(c);
}

static enum step start(struct call *c)
{
    c->phase = CALL_SENDING;
    c->bind = &c->gen->bindings[c->cand->target->provider];
    c->remedies = c->op ? 0 : transform_remedies(c);
    c->same = bytes_may_pass(c);
    if (!tell_conversation(c))
        return STEP_DONE;
    c->reader = c->bind->dialect ? c->bind->dialect->back : NULL;
    if (c->op)
        op_start(c);
    else if (c->bind->dialect && thoughts_restore(c))
        c->same = false;
    clean_slate(c);
    if (!c->bind->dialect) {
        attempt_begin(c);
        own_time_stop(c);
        demo_start(c);
        return STEP_WAIT;
    }
    enum step had = gather_needs(c);
    if (had != STEP_NEXT)
        return had;
    enum wire_end end = wire_write(c);
    if (end != WIRE_READY) /* a call that is over must not be touched: it may be freed */
        return end == WIRE_WITHHELD ? start_elsewhere(c) : STEP_DONE;
    attempt_begin(c);
    send_request(c);
    watch(c);
    return STEP_WAIT;
}

void attempt_start(struct call *c)
{
    start(c);
}

void attempt_resume(struct call *c)
{
    own_time_start(c);
    start(c);
}

static void go_route(struct call *c, const struct conf_route *r)
{
    struct plan_ask ask;
    struct plan *p = &c->plan;
    call_ask(c, r, &ask);
    c->trace = r->ntargets > 1 ? arena_new(&c->req->arena, struct plan_trace) : NULL;
    if (c->trace)
        *c->trace = (struct plan_trace){.arena = &c->req->arena, .light = true};
    ask.trace = c->trace;
    plan_release(p);
    plan_build(p, &c->gate->route, c->gen->snap, r, &ask, loop_now(c->gate->loop));
    if (c->keeper && !c->continued)
        plan_prefer(p, c->keeper);
    if (p->n == 0 && p->unfit != REASON_FITS) {
        ask_note_unfit(c, r, p->unfit);
    } else if ((p->n == 0 || p->panic) && (!c->ready_at || p->ready_at < c->ready_at)) {
        c->why = p->why;
        c->ready_at = p->ready_at;
    }
    c->crowded |= p->n == 0 && p->busy;
}

/* The next fallback model, where the configuration has one. */
static bool next_route(struct call *c)
{
    const struct conf_route *r;
    while ((r = policy_fallback(c, c->next_fallback)) != NULL) {
        c->next_fallback++;
        if (!conf_key_allows(c->key, r))
            continue;
        go_route(c, r);
        return true;
    }
    r = c->last_resort ? c->found.route : ask_go_lenient(c);
    c->last_resort = false;
    if (r)
        go_route(c, r);
    return r != NULL;
}

/* A canary's last attempt is not its own. */
static bool is_turn_of_usual(const struct call *c)
{
    return c->attempts && attempts_left(c) == 1 && rules_owe_usual(c);
}

bool attempt_next(struct call *c)
{
    const struct conf_route *was = c->route;
    struct candidate *next;
    if (c->second) /* the plan is the other one's, until that is gone */
        return false;
    do {
        next = is_turn_of_usual(c) ? NULL : c->op ? op_plan_next(c) : ask_plan_next(c);
    } while (!next && next_route(c));
    if (!next) {
        c->route = was;
        return false;
    }
    if (c->cand)
        candidate_release(c->cand);
    candidate_take(&c->chosen, next);
    c->cand = &c->chosen;
    c->known = NULL;
    c->same_tries = 1;
    return true;
}

/* The caller wants no target that would not be told all of his request (`require_parameters`), and
 * what this one would not be told stands in c->lossy: the next one. Nothing was sent. */
static enum step start_elsewhere(struct call *c)
{
    struct buf names = BUF_INIT(1024);
    ir_lossy_print(&c->lossy, &names);
    str lost = arena_dup(&c->req->arena, buf_str(&names));
    buf_fini(&names);
    if (!c->mirror && attempt_next(c)) /* a copy has one target, or none */
        return start(c);
    struct fail f = {.kind = ERR_UNSUPPORTED, .code = STR("unsupported_parameter")};
    f.message = arena_strf(&c->req->arena,
                           "No target can be told all of this request, as require_parameters "
                           "asks: the last one has no words for " STR_FMT ".",
                           STR_ARG(lost));
    call_fail(c, c->attempts ? &c->fail : &f);
    return STEP_DONE;
}

enum step stage_plan(struct call *c)
{
    go_route(c, c->found.route);
    c->last_resort =
        (c->plan.panic || c->plan.reluctant || alerts_degrade(c)) && policy_fallback(c, 0) != NULL;
    if (c->last_resort)
        plan_release(&c->plan);
    return STEP_NEXT;
}

enum step stage_attempt(struct call *c)
{
    if (attempt_next(c))
        return start(c);
    if (room_wait(c))
        return STEP_WAIT;
    if (c->op && op_fail_no_way(c))
        return STEP_DONE;
    if (c->unfit != REASON_FITS && !c->ready_at) {
        ask_fail_unfit(c);
        return STEP_DONE;
    }
    msec now = loop_now(c->gate->loop);
    struct fail f = {.kind = c->why};
    if (c->ready_at > now)
        f.retry_after_ms = c->ready_at - now;
    call_fail(c, &f);
    return STEP_DONE;
}

/* ---- after a failure */

void attempt_learn(struct call *c, const struct attempt_failure *f)
{
    struct metric_provider *m = c->bind->metric;
    msec now = loop_now(c->gate->loop);
    struct health *h = c->cand->health;
    bool bad = retry_is_failure(f);
    end_record(c, f->kind, bad ? FIGURES_FAILED : FIGURES_VOID);
    if (f->end == ATTEMPT_CLIENT || f->end == ATTEMPT_OURS)
        return;
    const enum fault how = retry_fault(f);
    metric_provider_failed(m, now, how);
    health_fault(h, now, how);
    attempt_record_of(c)->broke = bad;
    if (!c->committed && retry_is_paid(f))
        settle_waste(c);
    if (f->end == ATTEMPT_STATUS && call_passes(c))
        return; /* of a path that the client chose: no news of anything else */
    if (retry_is_refusal(f)) {
        refusal(c, f);
    } else if (f->kind == ERR_RATE_LIMITED) {
        health_cool(h, now, f->retry_after_ms);
        metric_add(&m->counter[METRIC_P_RATE_LIMITED], 1);
        if (f->retry_after_ms && (!c->retry_after_ms || f->retry_after_ms < c->retry_after_ms))
            c->retry_after_ms = f->retry_after_ms;
    } else if (bad) {
        health_failure(h, fault_is_ours(how), now);
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

bool attempt_may_follow(struct call *c)
{
    const msec now = loop_now(c->gate->loop);
    return !out_of_attempts(c) && !c->sent_once && c->gen->snap->routing.fallback &&
           attempt_has_time(c, now) && retry_budget_take(call_budget(c), c->plan.panic, now);
}

static bool try_elsewhere(struct call *c)
{
    if (out_of_attempts(c) || !attempt_next(c))
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

/* What the budget granted is sent, or given back. */
static bool try_more(struct call *c, const struct retry_rule *rule)
{
    CHECK(!c->retrying);
    c->retrying = true;
    if (try_elsewhere(c) || try_again_here(c, rule))
        return true;
    c->retrying = false;
    attempt_gave_up(c);
    return false;
}

static bool may_retry(const struct call *c, enum retry_where where, const struct fail *fail)
{
    /* A provider's "do not retry" is about this credential, where it is about the credential. */
    bool final = fail->stop_retry && fail->kind != ERR_UPSTREAM_AUTH && fail->kind != ERR_BUDGET &&
                 fail->kind != ERR_CONTEXT_LENGTH;
    return where != RETRY_NOWHERE && (!final || rules_owe_usual(c)) &&
           c->gen->snap->routing.fallback && attempt_has_time(c, loop_now(c->gate->loop));
}

/* U12: that the provider's account is empty is no matter of the client's budget, and nothing that
 * waiting mends. */
void fail_for_client(struct fail *f)
{
    if (f->kind == ERR_BUDGET)
        *f = (struct fail){.kind = ERR_UNAVAILABLE, .stop_retry = true};
}

/* What the call itself adds to the rule. */
static enum retry_where where_after(struct call *c, const struct attempt_failure *f,
                                    enum retry_where where)
{
    if ((call_passes(c) && !pass_may_repeat(c, f)) || !replay_is_possible(c, f->end))
        return RETRY_NOWHERE;
    if (rules_owe_usual(c) && (f->end == ATTEMPT_STATUS || f->end == ATTEMPT_PRELUDE))
        return RETRY_ELSEWHERE; /* what a canary refuses may be the canary's fault */
    return ask_move_up(c, f) ? RETRY_ELSEWHERE : where; /* U17: whoever has more room for it */
}

/* The budget keeps an outage from being doubled. Who leaves a canary goes where all went before the
 * trial: that is no more load than without one. */
static bool may_afford(struct call *c)
{
    const msec now = loop_now(c->gate->loop);
    if (retry_budget_take(call_budget(c), c->plan.panic, now))
        return true;
    if (!rules_owe_usual(c))
        return false;
    retry_budget_owe(call_budget(c), now);
    return true;
}

void attempt_failed(struct call *c, const struct attempt_failure *f, const struct fail *fail)
{
    struct gate *g = c->gate;
    struct attempt_failure seen = *f;
    CHECK(!c->on_wire);
    if (c->mirror) { /* one try, and no word to anybody's health */
        mirror_failed(c, fail);
        return;
    }
    if (rescue_is_on(c)) {
        rescue_failed(c, f);
        return;
    }
    CHECK(!c->committed);
    if (c->twin && hedge_failed(c, f))
        return;
    alarm_stop(g->alarms, &c->hedge);
    if (replay_is_possible(c, f->end) && again_otherwise(c, f, fail))
        return;
    seen.same_tried = c->same_tries > 1;
    struct retry_rule rule = retry_decide(&seen, &g->rand);
    attempt_learn(c, f);
    c->fail = *fail;
    if (fail->kind == ERR_RATE_LIMITED) /* U11: the shortest wait of all that were asked */
        c->fail.retry_after_ms = c->retry_after_ms;
    fail_for_client(&c->fail);
    rule.where = where_after(c, f, rule.where);
    if (may_retry(c, rule.where, fail) && may_afford(c)) {
        c->phase = CALL_SENDING;
        if (try_more(c, &rule))
            return;
    }
    if (call_passes(c) && f->end == ATTEMPT_STATUS) {
        c->reply_error = f->kind;
        pass_reply_whole(c, buf_str(&c->whole));
        return;
    }
    call_fail(c, &c->fail);
}

void attempt_answers(struct call *c)
{
    const msec now = loop_now(c->gate->loop);
    candidate_probe_over(c->cand); /* and no other's, however long the answer takes */
    health_answers(c->cand->health, now);
    if (!call_passes(c)) {
        if (c->cand->credential->refused_until)
            refusal_over(c);
        health_answers(c->cand->credential, now);
    }
    atomic_store_explicit(&c->bind->metric->circuit_open_until, 0, memory_order_relaxed);
}

void attempt_served(struct call *c)
{
    if (c->twin)
        hedge_won(c);
    if (c->mirror) {
        end_record(c, ERR_COUNT, FIGURES_SERVED);
        return;
    }
    thoughts_keep(c);
    thoughts_forget(c);
    end_record(c, ERR_COUNT, FIGURES_SERVED);
    attempt_answers(c);
    const msec now = loop_now(c->gate->loop);
    health_success(c->cand->health, now);
    if (!call_passes(c))
        health_success(c->cand->credential, now);
    metric_provider_served(c->bind->metric, now);
}

void attempt_broke(struct call *c)
{
    CHECK(c->committed);
    bool ours = attempt_cut_by_client(c, c->fail.kind, false);
    attempt_learn(c, &(struct attempt_failure){.end = ours ? ATTEMPT_CLIENT : ATTEMPT_BAD_ANSWER,
                                               .kind = c->fail.kind});
}
