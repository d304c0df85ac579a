/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain - a shadow of a call goes the way of the real ones, up to the first attempt.
 *
 * The shadow is a struct call with a request of its own that no connection carries: it is decoded,
 * its route is found and its plans are made by the very functions that serve (stage_decode,
 * call_find_route, call_ask, plan_explain), so an explanation cannot drift from what happens.
 * Where a real call would be answered with an error, call_fail leaves it here. Nothing is counted,
 * nobody's turn is over, and no byte is sent.
 *
 * Each worker has learned its own figures: it tells those of the one that was asked.
 */
#include "gate/explain.h"

#include "base/mem.h"
#include "gate/past.h"
#include "http/url.h"

#define ARENA_MAX  (256u << 20)
#define ANSWER_MAX (8u << 20)

/* ---- the shadow */

void explain_fail(struct call *c, const struct fail *f)
{
    CHECK(c->shadow && c->shadow->call == c);
    c->shadow->failed = true;
    c->shadow->fail = *f;
}

static bool make_head(struct request *r, const struct explain_ask *q, struct fail *f)
{
    struct h1_head *head = arena_alloc(&r->arena, sizeof(*head));
    str text = arena_strf(&r->arena,
                          "POST " STR_FMT " HTTP/1.1\r\nhost: localhost\r\ncontent-type: "
                          "application/json\r\n" STR_FMT "\r\n",
                          STR_ARG(q->path), STR_ARG(q->headers));
    size_t used;
    if (!head || !text.p) {
        *f = (struct fail){.kind = ERR_OVERLOADED};
        return false;
    }
    if (h1_request(head, text, 0, &used) != H1_DONE) {
        *f = (struct fail){.kind = ERR_BAD_REQUEST,
                           .message = STR("path or headers: no HTTP request can be made of them.")};
        return false;
    }
    r->head = head;
    r->body = q->body;
    return true;
}

static const struct conf_key *key_named(const struct snapshot *s, str name)
{
    for (uint32_t i = 0; i < s->nkeys; i++)
        if (str_eq(s->keys[i].name, name))
            return &s->keys[i];
    return NULL;
}

static struct explain *shadow_new(struct gate *g, struct request *r)
{
    struct explain *e = arena_zalloc(&r->arena, sizeof(*e));
    struct call *c = arena_zalloc(&r->arena, sizeof(*c));
    if (!e || !c)
        return NULL;
    e->call = c;
    c->shadow = e;
    c->gate = g;
    c->req = r;
    c->gen = g->gen; /* nothing waits here, so it stays without a reference */
    c->reply_error = ERR_COUNT;
    c->phase = CALL_READING;
    c->id = STR("req_0");
    c->held = BUF_INIT(GATE_PRELUDE_MAX);
    c->whole = BUF_INIT(GATE_ANSWER_MAX);
    plan_clear(&c->plan);
    ir_lossy_clear(&c->lossy);
    return e;
}

/* As on_head does: which front it is, and whose key. */
static bool place(struct explain *e, const struct explain_ask *q, struct fail *f)
{
    struct call *c = e->call;
    const struct h1_head *h = c->req->head;
    c->front = dialect_route(h->path, h->query, &c->froute);
    if (!c->front)
        op_find(c);
    if (!c->front || c->froute.op == FRONT_ABSENT || call_passes(c)) {
        *f = (struct fail){.kind = ERR_NOT_FOUND,
                           .message = STR("No model is asked at that path, or none is chosen.")};
        return false;
    }
    if (c->froute.op == FRONT_COUNT)
        c->froute.op = FRONT_CHAT; /* it is the call to come that one wants to know of */
    if (q->key.n && !(c->key = key_named(c->gen->snap, q->key))) {
        *f = (struct fail){.kind = ERR_NOT_FOUND, .message = STR("There is no key of that name.")};
        return false;
    }
    return true;
}

/* ---- its plans */

/* As the plan reckons it, also for strategies that do not ask. */
static double cost_at(const struct plan_ask *ask, const struct explain_route *r, uint32_t i)
{
    const struct reading *seen = &r->trace.targets[i].as.seen;
    return reading_usd(seen,
                       ask->usd(ask->arg, &r->route->targets[i], r->trace.tokens, seen->cached));
}

static void plan_route(struct explain *e, const struct conf_route *r)
{
    struct call *c = e->call;
    if (e->nroutes == EXPLAIN_ROUTES_MAX)
        return;
    struct explain_route *to = &e->routes[e->nroutes++];
    struct rand dice = c->gate->rand; /* a copy: the next real plan must not be another one */
    struct plan_ask ask;
    c->route = r;
    call_ask(c, r, &ask);
    ask.rand = &dice;
    ask.trace = &to->trace;
    to->route = r;
    to->trace.arena = &c->req->arena;
    plan_explain(&to->plan, &c->gate->route, c->gen->snap, r, &ask, loop_now(c->gate->loop));
    if (c->keeper && !c->continued) /* as attempt.c: who keeps the conversation goes first */
        plan_prefer(&to->plan, c->keeper);
    if (to->plan.n == 0 && to->plan.unfit != REASON_FITS)
        ask_note_unfit(c, r, to->plan.unfit);
    to->lenient = c->lenient;
    for (uint32_t i = 0; i < ARRAY_LEN(to->usd); i++)
        to->usd[i] = i < to->trace.n ? cost_at(&ask, to, i) : -1;
}

/* Nobody is left, but of some it is not sure that they cannot: the second pass, as in attempt.c. */
static void plan_leniently(struct explain *e)
{
    for (unsigned i = 0; i < e->nroutes; i++)
        if (e->routes[i].plan.n)
            return;
    const struct conf_route *r = ask_go_lenient(e->call);
    if (r)
        plan_route(e, r);
}

static void find_out(struct explain *e)
{
    struct call *c = e->call;
    if (stage_decode(c) != STEP_NEXT || !call_find_route(c))
        return;
    const struct conf_route *r = c->found.route;
    plan_route(e, r);
    const struct conf_route *next; /* the caller may have named others */
    for (unsigned i = 0; (next = policy_fallback(c, i)) != NULL; i++)
        if (conf_key_allows(c->key, next))
            plan_route(e, next);
    plan_leniently(e);
    c->route = r;
    c->plan.degraded = e->routes[0].plan.degraded; /* as stage_plan */
    e->last_resort = e->nroutes > 1 &&
                     (e->routes[0].plan.panic || e->routes[0].plan.reluctant || alerts_degrade(c));
}

enum rc gate_explain(struct gate *g, str question, str query, struct arena *a, struct buf *to,
                     struct fail *f)
{
    struct request *r = mem_zalloc(sizeof(*r));
    struct explain_ask q;
    struct rope rope = ROPE_INIT(ANSWER_MAX);
    struct json_writer w;
    *f = (struct fail){.kind = ERR_OVERLOADED};
    if (!r)
        return RC_NOMEM;
    arena_init(&r->arena, ARENA_MAX);
    r->began = loop_now(g->loop);
    enum rc rc = explain_read(&r->arena, question, query, &q, f);
    struct explain *e = NULL;
    if (rc == RC_OK && make_head(r, &q, f))
        e = shadow_new(g, r);
    if (e && place(e, &q, f)) {
        find_out(e);
        json_writer_init(&w, &rope);
        explain_write(e, &w);
        rope_flatten(&rope, to); /* it refers to what dies with the arena */
        to->failed |= rope_failed(&rope);
        rc = to->failed ? RC_NOMEM : RC_OK;
    } else {
        rc = RC_SYNTAX;
    }
    for (unsigned i = 0; e && i < e->nroutes; i++)
        plan_release(&e->routes[i].plan);
    f->message = f->message.p ? arena_dup(a, f->message) : STR_NONE;
    rope_fini(&rope);
    arena_fini(&r->arena);
    mem_free(r);
    return rc;
}

/* ---- /api/v1/explain */

void explain_serve(struct call *c)
{
    struct fail f;
    struct buf b = BUF_INIT(ANSWER_MAX);
    str id;
    if (c->req->head->method != H1_POST) {
        if (url_query(c->req->head->query, STR("call"), &id) == RC_OK)
            past_serve(c, id);
        else
            call_fail_kind(c, ERR_BAD_REQUEST,
                           STR("Ask for a call that is over with ?call=ID (x-weir-request-id), or "
                               "POST a request."),
                           STR_NONE);
        return;
    }
    enum rc rc = gate_explain(c->gate, c->req->body, c->req->head->query, &c->req->arena, &b, &f);
    if (rc == RC_OK)
        local_answer_text(c, 200, STR("application/json"), &b);
    else
        call_fail(c, &f);
    buf_fini(&b);
}
