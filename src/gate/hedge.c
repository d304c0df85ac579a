/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hedge - a second attempt beside one that is slow to begin: the first with content wins.
 *
 * An opt-in of the route (models[].hedge), for it costs: what the loser was asked is paid for. When
 * no content has come after a while (a time, or the target's own 95th percentile), the next target
 * of the plan is asked the same. Whoever brings content first is the call's answer; the other's
 * connection is closed, which stops the bill at most providers (RELIABILITY §7, Cancellation).
 *
 * Two attempts need two of everything that an attempt has: an exchange, a decoder, an encoder, the
 * buffers of a request. So the second one is a *call* of its own, born in the arena of the first: a
 * copy that shares the request, its document and the snapshot, and begins with empty hands. Each
 * runs through attempt.c, answer.c and stream.c as any call does and knows of the other by `twin`.
 * They meet in four places only:
 *
 *     content comes          hedge_won      the other is let go (stream_commit, attempt_served)
 *     one fails              hedge_failed   the other goes on alone, and inherits the plan
 *     one cannot be written  hedge_yields   the same
 *     the client leaves      hedge_end      both are let go
 *
 * The server knows one call of a request, the *front* one (request.user, gate->calls, the
 * generation's reference). When the other one survives it becomes the front. An exchange can't move
 * in memory, its connection points to it; a call's place at the front can.
 *
 * The other design, a struct for the attempt apart from the call, would have put an indirection
 * into each line that reads an answer, for all the calls that never hedge.
 *
 * What the loser was asked is booked as the hedge's, beside the call's own charge and never in it:
 * the caller pays for one answer, the operator sees what the other one cost.
 *
 * Budgeted twice: as a retry of the route, and as a share of its calls (route/budget.h). Never for
 * an operation (dialect/op.h), the demo, a call for which pictures were fetched, or behind the
 * commit point.
 */
#include "gate/recovery.h"

#define DELAY_MIN_MS 50 /* a target that is usually faster is not hurried */

/* ---- when */

static struct call *call_of_alarm(struct alarm *a)
{
    return (struct call *)(void *)((char *)a - offsetof(struct call, hedge));
}

/* 0: not at all. */
static msec delay_of(const struct call *c)
{
    const struct conf_hedge *h = &c->found.route->hedge;
    const msec ms = h->percentile ? figures_slow_ms(&c->cand->health->figures) : h->after;
    return ms && ms < DELAY_MIN_MS ? DELAY_MIN_MS : ms;
}

static void on_slow(struct alarm *a);

void hedge_arm(struct call *c)
{
    const msec ms = c->hedged || c->twin || c->op || rescue_is_on(c) ? 0 : delay_of(c);
    if (!ms)
        return;
    c->hedge.fn = on_slow;
    if (alarm_set(c->gate->alarms, &c->hedge, c->attempt_began + ms) != RC_OK)
        return; /* no memory: it stays one */
}

/* Nothing the client could see has come: a body is read whole, so there its head is a sign. */
static bool is_silent(const struct call *c)
{
    if (!c->on_wire || c->committed || c->content || c->twin)
        return false;
    return c->mode == ANSWER_UNKNOWN || c->mode == ANSWER_STREAM;
}

/* ---- the second one */

/* All that belongs to an attempt, as in a call that has made none. */
static void empty_hands(struct call *s)
{
    s->x = (struct exchange){0};
    list_init(&s->link);
    s->cand = NULL;
    s->bind = NULL;
    s->known = NULL;
    s->reader = NULL;
    s->wire = NULL;
    s->ear = NULL; /* what a mirror hears is one answer's */
    s->share = (struct meter_share){0};
    s->attempts = s->same_tries = s->left_out = 0;
    s->attempt_began = s->attempt_content = 0;
    s->on_wire = s->record_open = s->retrying = s->sent_once = s->token_renewed = false;
    s->replay = 0;
    s->token_wait = (struct oauth_waiter){0};
    s->alarm = s->keepalive = s->hedge = (struct alarm){0};
    s->mode = ANSWER_UNKNOWN;
    s->frames = (struct frame_parser){0};
    s->inflate = (struct decoder){0};
    s->inflating = s->batch = s->content = s->ended = s->paused = s->raw = s->failed = false;
    s->decoder = s->encoder = NULL;
    s->held = BUF_INIT(GATE_PRELUDE_MAX);
    s->whole = BUF_INIT(GATE_ANSWER_MAX);
    s->collect = NULL;
    s->gather = NULL;
    s->rescue = NULL;
    s->chain = NULL;
    s->run = s->first_events = STR_NONE;
    s->usage = (struct usage){0};
    s->own_us = s->mark_us = 0;
    s->bytes_answer = s->said = s->thought = 0;
    plan_clear(&s->plan);
    ir_lossy_clear(&s->lossy);
}

static struct call *second_of(struct call *c)
{
    struct call *s = arena_alloc(&c->req->arena, sizeof(*s));
    if (!s)
        return NULL;
    memcpy(s, c, sizeof(*s)); /* found.route stays where it points: the arena outlives both */
    empty_hands(s);
    return s;
}

/* Another key of the same target would be as slow; and the demo answers at once or never. What was
 * fetched for one (images.c) is put into the request that both share: not where that is done. */
static bool has_another(const struct call *c)
{
    const struct plan *p = &c->plan;
    if (p->next >= p->n || c->images || c->sent_once)
        return false;
    if (p->c[p->next].provider->fetch && (c->peek.has_images || c->peek.has_documents))
        return false;
    const struct conf_target *t = p->c[p->next].target;
    return t != c->cand->target && c->gen->bindings[t->provider].dialect;
}

static void on_slow(struct alarm *a)
{
    struct call *c = call_of_alarm(a);
    const msec now = loop_now(c->gate->loop);
    struct retry_budget *b = call_budget(c);
    const uint32_t max = c->found.route->hedge.max;
    if (!is_silent(c) || !has_another(c) || !retry_budget_hedge(b, max, now))
        return;
    if (!attempt_may_follow(c)) {
        retry_budget_unhedge(b);
        return;
    }
    struct candidate *next = ask_plan_next(c);
    struct call *s = next ? second_of(c) : NULL;
    if (!s) { /* nobody can serve by now, or there is no memory */
        retry_budget_return(b);
        retry_budget_unhedge(b);
        return;
    }
    candidate_take(&s->chosen, next);
    s->cand = &s->chosen;
    s->same_tries = 1;
    s->hedged = c->hedged = s->second = s->retrying = true;
    s->twin = c;
    c->twin = s;
    metric_count(c->gate->set.metrics, HEDGES);
    attempt_resume(s);
}

/* ---- one is left */

/* Stop all that an attempt owns: call_release without what is the call's. */
static void let_go(struct call *c)
{
    CHECK(!c->record_open && !c->committed);
    c->twin = NULL;
    call_stop(c);
    c->phase = CALL_OVER;
}

/* The attempts of both, in the log's order; the survivor's last one is last, for that is the one
 * under way. What does not fit is an early one's. */
static void merge_records(struct call *to, const struct call *from)
{
    struct attempt_record own[GATE_ATTEMPTS_MAX];
    const unsigned n = to->attempts;
    unsigned at = 0;
    memcpy(own, to->tried, n * sizeof(*own));
    const struct attempt_record *lists[2] = {to->second ? from->tried : own,
                                             to->second ? own : from->tried};
    const unsigned counts[2] = {to->second ? from->attempts : n, to->second ? n : from->attempts};
    struct attempt_record all[2 * GATE_ATTEMPTS_MAX];
    for (unsigned k = 0; k < 2; k++)
        for (unsigned i = 0; i < counts[k]; i++)
            if (lists[k] != own || i + 1 < n)
                all[at++] = lists[k][i];
    const unsigned most = n ? GATE_ATTEMPTS_MAX - 1 : GATE_ATTEMPTS_MAX;
    const unsigned skip = at > most ? at - most : 0;
    memcpy(to->tried, all + skip, (at - skip) * sizeof(*all));
    to->attempts = at - skip;
    if (n)
        to->tried[to->attempts++] = own[n - 1];
}

/* The second one steps to the front: all that is the call's and not an attempt's. */
static void step_forward(struct call *s, struct call *c)
{
    CHECK(s->second && c->req->user == c);
    s->second = false;
    c->req->user = s;
    list_insert_after(&c->link, &s->link);
    list_remove(&c->link);
    plan_release(&s->plan);
    s->plan = c->plan;
    plan_clear(&c->plan);
    s->route = c->route;
    s->next_fallback = c->next_fallback;
    s->last_resort = c->last_resort;
    s->stream_out = c->stream_out;
    s->reply_status = c->reply_status;
    s->last_out = c->last_out;
    s->own_us += c->own_us;
    if (c->keepalive.at)
        stream_keepalive(s);
}

/* Both may have put kept reasoning back into the one canonical request (thoughts.c): who goes on
 * must know that it is there, or it would send a client's own bytes, which have none. */
static void share_decoded(struct call *c, const struct call *other)
{
    CHECK(c->req == other->req);
    if (!other->ir || (c->ir && c->ir != other->ir) || c->continued != other->continued)
        return; /* each has one of its own */
    c->ir = other->ir;
    c->restored |= other->restored;
    c->recalled |= other->recalled;
}

/* `c` alone goes on; the record of the other one has ended. */
static void alone(struct call *c)
{
    struct call *other = c->twin;
    alarm_stop(c->gate->alarms, &c->hedge);
    merge_records(c, other);
    if (other->retry_after_ms && (!c->retry_after_ms || other->retry_after_ms < c->retry_after_ms))
        c->retry_after_ms = other->retry_after_ms;
    c->hedge_tokens += other->hedge_tokens;
    c->hedge_usd = usd_add(c->hedge_usd, other->hedge_usd);
    c->hedge_unpriced |= other->hedge_unpriced;
    share_decoded(c, other);
    if (c->second)
        step_forward(c, other);
    c->twin = NULL;
    let_go(other);
}

/* What is paid for although nobody reads the answer: the prompt as its provider counted it, where
 * it got so far, else by its bytes; what it would have answered is known by none. */
static void book_waste(struct call *loser)
{
    struct pricing *p = &loser->gen->pricing;
    struct usage u = loser->usage;
    if (!loser->record_open)
        return; /* it never left, or said no */
    if (!(u.has & USAGE_HAS_INPUT))
        u = (struct usage){.input_uncached = tokens_estimate(loser)};
    u.has |= USAGE_HAS_INPUT | USAGE_HAS_OUTPUT;
    const struct attempt_record *t = attempt_record_of(loser);
    struct known *k = known_of_attempt(loser);
    const struct charge ch =
        pricing_charge(p, t->provider->index, k, &u, loop_unix_ms(loser->gate->loop));
    const uint64_t tokens = usage_prompt(&u) + u.output;
    struct metric_model *m = k ? k->series : NULL;
    loser->hedge_tokens += tokens;
    loser->hedge_usd = usd_add(loser->hedge_usd, ch.cost.usd);
    loser->hedge_unpriced |= ch.source == PRICE_BY_NOBODY || ch.cost.missing;
    metric_add(&loser->gate->set.metrics->counter[METRIC_HEDGE_TOKENS], tokens);
    if (!m)
        m = metric_model(loser->gate->set.metrics, t->provider->name, t->model);
    if (m)
        metric_add(&m->counter[METRIC_M_HEDGE_COST], (uint64_t)ch.cost.usd);
}

/* The other one was too slow: that much is known of its time, whatever it would have been. */
static void lose(struct call *loser)
{
    book_waste(loser);
    if (loser->record_open) {
        if (!loser->second && !loser->attempt_content)
            attempt_content(loser);
        attempt_record_of(loser)->why = "hedged: another target answered first";
        attempt_record_of(loser)->lost = true;
        settle_waste(loser);
    }
    attempt_drop(loser, ERR_COUNT);
}

void hedge_won(struct call *c)
{
    if (c->second)
        metric_count(c->gate->set.metrics, HEDGES_WON);
    lose(c->twin);
    alone(c);
}

bool hedge_failed(struct call *c, const struct attempt_failure *f)
{
    struct attempt_failure seen = *f;
    if (retry_decide(&seen, &c->gate->rand).where == RETRY_NOWHERE) {
        lose(c->twin); /* what one says of the request the other would say too */
        alone(c);
        return false;
    }
    attempt_learn(c, f);
    alone(c->twin);
    return true;
}

void hedge_yields(struct call *c)
{
    attempt_drop(c, ERR_INTERNAL);
    alone(c->twin);
}

void hedge_end(struct call *c, enum err why)
{
    if (!c->twin)
        return;
    book_waste(c->twin);
    attempt_drop(c->twin, why);
    alone(c);
}
