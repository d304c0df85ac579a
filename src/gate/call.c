/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call - one client request, from its head to its settlement.
 *
 *     on_head ── access ──> body ──> on_request ──> decode -> resolve -> plan -> attempt ──┐
 *                  │                     │            (stages.def)          ^ └─ retry ─┐  │ WAIT
 *                  └ refused             └ local endpoints                  └───────────┘  v
 *     on_sent / on_gone  <──────────────── reply <──────────── the answer (stream.c, body.c)
 *          └─> settle, release: once
 */
#include "gate/pass.h"
#include "gate/recovery.h"

#include "base/fmt.h"
#include "base/num.h"

struct call *call_of(struct request *r)
{
    struct call *c = r->user;
    CHECK(!c || c->req == r); /* one client's call must not answer another's request */
    return c;
}

typedef enum step (*stage_fn)(struct call *c);

static const stage_fn stages[] = {
#define STAGE(name) stage_##name,
#include "gate/stages.def"
#undef STAGE
};

/* Run the steps from `stage` on, until one waits or the call is over. */
void call_resume(struct call *c, unsigned stage)
{
    while (stage < STAGE_COUNT) {
        CHECK(c->phase == CALL_READING || c->phase == CALL_SENDING);
        if (stages[stage](c) != STEP_NEXT)
            return;
        stage++;
    }
}

/* 128 bits: milliseconds, worker, counter and chance, so that ids are unique and sort by time. */
static str new_id(struct gate *g, struct arena *a)
{
    char *p = arena_alloc(a, 36);
    if (!p)
        return STR("req_0");
    memcpy(p, "req_", 4);
    g->id_high = loop_unix_ms(g->loop) << 16 | (g->set.worker & 0xff) << 8;
    g->id_low += 1 + rand_below(&g->rand, 1u << 20);
    fmt_hex64(p + 4, g->id_high);
    fmt_hex64(p + 20, g->id_low);
    return str_of(p, 36);
}

static struct call *call_new(struct gate *g, struct request *r)
{
    struct call *c = arena_alloc(&r->arena, sizeof(*c));
    if (!c)
        return NULL;
    memset(c, 0, offsetof(struct call, tried));
    c->found.route = NULL;
    c->found.how = CONF_BY_MODEL;
    plan_clear(&c->plan);
    ir_lossy_clear(&c->lossy);
    c->gate = g;
    c->req = r;
    CHECK(!r->user && g->gen);
    c->gen = g->gen;
    c->gen->refs++;
    c->mark_us = r->began_us;
    c->reply_error = ERR_COUNT;
    c->held = BUF_INIT(GATE_PRELUDE_MAX);
    c->whole = BUF_INIT(GATE_ANSWER_MAX);
    c->id = new_id(g, &r->arena);
    c->phase = CALL_READING;
    list_push_back(&g->calls, &c->link);
    g->ncalls++;
    r->user = c;
    return c;
}

void call_stop(struct call *c)
{
    struct gate *g = c->gate;
    if (c->on_wire)
        exchange_cancel(&c->x);
    c->on_wire = false;
    oauth_unwait(&c->token_wait);
    room_leave(c);
    alarm_stop(g->alarms, &c->alarm);
    alarm_stop(g->alarms, &c->keepalive);
    alarm_stop(g->alarms, &c->hedge);
    attempt_release(c);
    replay_release(c);
    wire_return_answer(c);
    wire_give(g, c->wire);
    c->wire = NULL;
    images_release(c); /* the wire's body referred to them */
    if (call_passes(c))
        pass_stop(c);
    frame_fini(&c->frames);
    chain_fini(c->chain);
    c->chain = NULL;
    thoughts_forget(c);
    rescue_stop(c);
    if (c->inflating)
        decode_fini(&c->inflate);
    c->inflating = false;
    buf_fini(&c->held);
}

/* Give back all that is not the request's arena. Idempotent. After call_settle. */
void call_release(struct call *c)
{
    struct gate *g = c->gate;
    if (c->phase == CALL_OVER)
        return;
    CHECK(!c->record_open && !c->twin);
    c->phase = CALL_OVER;
    call_stop(c);
    list_remove(&c->link);
    g->ncalls--;
    gen_unref(c->gen);
}

/* ---- what the server tells us */

static bool on_head(struct request *r)
{
    struct gate *g = server_user(request_server(r));
    struct call *c = call_new(g, r);
    if (!c) {
        reply_text(r, 503, STR(""), STR("out of memory\n"));
        return false;
    }
    c->front = dialect_route(r->head->path, r->head->query, &c->froute);
    if (!c->front)
        op_find(c);
    return access_admit(c);
}

static void on_request(struct request *r)
{
    struct call *c = call_of(r);
    if (c->local)
        local_serve(c);
    else if (c->froute.op == FRONT_STORED)
        stored_serve(c);
    else
        call_resume(c, 0);
}

static void on_refuse(struct request *r, enum refusal why)
{
    struct gate *g = server_user(request_server(r));
    struct call *c = call_of(r);
    if (!c)
        c = call_new(g, r);
    if (!c) {
        reply_text(r, 503, STR(""), STR("out of memory\n"));
        return;
    }
    if (!c->front && r->head->path.n) {
        c->front = dialect_route(r->head->path, r->head->query, &c->froute);
        if (!c->front)
            op_find(c);
    }
    str text = str_c(r->head->bad_why);
    unsigned status = r->head->bad_status;
    switch (why) {
    case REFUSE_TOO_LARGE:
        call_fail_kind(c, ERR_TOO_LARGE, text, STR_NONE);
        return;
    case REFUSE_TIMEOUT:
        c->mark_us = 0; /* the client's time, not ours */
        call_fail_kind(c, ERR_REQUEST_TIMEOUT, text, STR_NONE);
        return;
    case REFUSE_NO_MEMORY:
    case REFUSE_OVERLOADED:
        call_fail_kind(c, ERR_OVERLOADED, text, STR_NONE);
        return;
    case REFUSE_EXPECTATION:
    case REFUSE_BAD:
        break;
    }
    if (status == 400 && c->front) {
        call_fail_kind(c, ERR_BAD_REQUEST, text, STR_NONE);
        return;
    }
    c->reply_status = status; /* no dialect has a word for it: plain */
    buf_clear(&g->lines);
    buf_lit(&g->lines, "content-type: text/plain\r\n");
    call_weir_lines(c, &g->lines);
    reply_text(r, status, buf_str(&g->lines), arena_strf(&r->arena, STR_FMT "\n", STR_ARG(text)));
}

static void on_gone(struct request *r)
{
    struct call *c = call_of(r);
    if (!c || drain_begin(c))
        return;
    call_settle(c, true);
    call_release(c);
}

static void on_sent(struct request *r)
{
    struct call *c = call_of(r);
    if (!c)
        return; /* there was no memory for one */
    call_settle(c, false);
    call_release(c);
}

static void on_drain(struct request *r)
{
    struct call *c = call_of(r);
    if (!c || !c->paused)
        return;
    c->paused = false;
    if (c->on_wire)
        exchange_resume(&c->x);
}

static str ping(struct request *r)
{
    struct call *c = call_of(r);
    if (c && c->raw)
        return STR(""); /* nothing means nothing in a sound */
    return c && c->front && c->front->front ? c->front->front->ping : STR(": ping\n\n");
}

const struct server_ops gate_server_ops = {
    .on_head = on_head,
    .on_request = on_request,
    .on_refuse = on_refuse,
    .on_gone = on_gone,
    .on_drain = on_drain,
    .on_sent = on_sent,
    .ping = ping,
};

/* ---- the steps before the first attempt */

enum step call_bad_json(struct call *c, const struct json_error *e)
{
    str code = e->rc == RC_DUPLICATE ? STR("duplicate_key") : STR("invalid_json");
    if (e->rc == RC_NOMEM) {
        call_fail_kind(c, ERR_TOO_LARGE, STR("The request body has too many parts."), STR_NONE);
        return STEP_DONE;
    }
    str text = arena_strf(&c->req->arena, "The request body is not valid JSON: %s at byte %zu%s%s.",
                          e->what, e->offset, e->path[0] ? ", in " : "", e->path);
    struct fail f = {.kind = ERR_BAD_REQUEST, .message = text, .code = code};
    f.param = arena_dup(&c->req->arena, str_c(e->path));
    if (!f.param.n)
        f.param = STR_NONE;
    call_fail(c, &f);
    return STEP_DONE;
}

/* J6: what no model reads must not cost us. */
static enum step too_many(struct call *c, str what)
{
    str text = arena_strf(&c->req->arena, "The request has too many " STR_FMT ".", STR_ARG(what));
    call_fail_kind(c, ERR_BAD_REQUEST, text, STR("too_many"));
    return STEP_DONE;
}

/* What a conversation changed in the request is looked at; what the client named stays known. */
static bool peek_again(struct call *c, struct fail *f)
{
    jtext previous = c->peek.previous;
    CHECK(c->continued);
    if (c->front->front->peek(json_root(&c->doc), &c->froute, &c->req->arena, &c->peek, f) != RC_OK)
        return false;
    c->peek.previous = previous;
    return true;
}

static const struct fail too_long = {
    .kind = ERR_TOO_LARGE, .message = STR("The conversation so far and this turn are too large.")};

bool call_put_before(struct call *c, struct fail *f)
{
    *f = too_long;
    return turns_put_before(c) && (!c->continued || peek_again(c, f));
}

/* The conversation that the client names by an id, put before what it sent. */
static bool go_on(struct call *c, struct fail *f)
{
    *f = too_long;
    return turns_go_on(c) && (!c->continued || peek_again(c, f));
}

/* Mistral's SDKs speak Chat with two habits of Mistral's: a streamed call comes whole, and the
 * usage unasked (its API knows no stream_options). Nothing else tells them from other clients of
 * Chat. */
static void heed_maker(struct call *c)
{
    if (!str_has_prefix_nocase(h1_get(c->req->head, H1_USER_AGENT), STR("mistral-client-")))
        return;
    c->as_mistral = c->peek.stream && str_eq(c->front->name, STR("openai"));
    c->peek.include_usage |= c->as_mistral;
}

enum step stage_decode(struct call *c)
{
    struct arena *a = &c->req->arena;
    struct json_error e;
    if (c->op)
        return op_decode(c);
    if (json_parse(a, c->req->body, &c->doc, &e) != RC_OK)
        return call_bad_json(c, &e);
    struct fail f = {.kind = ERR_TOO_LARGE};
    if (c->doc.count > GATE_NODES_MAX)
        return too_many(c, STR("values"));
    if (c->front->front->peek(json_root(&c->doc), &c->froute, a, &c->peek, &f) != RC_OK) {
        call_fail(c, &f);
        return STEP_DONE;
    }
    if (!go_on(c, &f)) {
        call_fail(c, &f);
        return STEP_DONE;
    }
    heed_maker(c);
    if (c->peek.messages > GATE_MESSAGES_MAX)
        return too_many(c, STR("messages"));
    if (!c->shadow && !c->mirror)
        metric_add(&c->gate->set.metrics->counter[METRIC_BYTES_IN], c->req->body.n);
    if (c->froute.op == FRONT_COUNT && !count_at_provider(c)) {
        count_serve(c);
        return STEP_DONE;
    }
    return STEP_NEXT;
}

void call_fail_unknown_model(struct call *c, str model)
{
    struct arena *a = &c->req->arena;
    str near = conf_nearest_model(c->gen->snap, c->key, model);
    str text =
        c->op && c->op->row->default_model.p == model.p
            ? arena_strf(a,
                         "The request names no model, and there is no \"" STR_FMT
                         "\" here, which is the usual one. Send \"model\": GET /v1/models lists "
                         "them.",
                         STR_ARG(model))
        : near.n
            ? arena_strf(a,
                         "There is no model \"" STR_FMT "\" here. Did you mean \"" STR_FMT
                         "\"? GET /v1/models lists them.",
                         STR_ARG(model), STR_ARG(near))
            : arena_strf(a, "There is no model \"" STR_FMT "\" here. GET /v1/models lists them.",
                         STR_ARG(model));
    call_fail_kind(c, ERR_NOT_FOUND, text, STR_NONE);
}

/* Milliseconds from a header of the client's (seconds, or with a unit), where it gives one. */
static msec client_patience(const struct call *c, enum h1_name name)
{
    uint64_t ms;
    double seconds;
    str v = h1_get(c->req->head, name);
    if (!v.n)
        return UINT64_MAX;
    if (num_double(v, &seconds) == RC_OK)
        return seconds > 0 && seconds < UINT32_MAX ? (msec)(seconds * 1000) : UINT64_MAX;
    return num_duration(v, &ms) == RC_OK ? ms : UINT64_MAX;
}

/* RELIABILITY §7, Deadlines: the shortest of what the client, its key, the model and the operator
 * for all say. What the SDKs of Stainless tell is how long they bear *silence* (of a read): it caps
 * the wait for the first byte and between two, not the whole. */
static void set_deadline(struct call *c)
{
    const struct snapshot *snap = c->gen->snap;
    const msec said[] = {c->key ? c->key->timeout : 0, c->found.route->timeouts.total,
                         snap->timeouts.firm ? snap->timeouts.total : 0};
    const msec patience = client_patience(c, H1_X_REQUEST_TIMEOUT);
    const msec silence = client_patience(c, H1_X_STAINLESS_READ_TIMEOUT);
    msec total = 0;
    for (size_t i = 0; i < ARRAY_LEN(said); i++)
        if (said[i] && (!total || said[i] < total))
            total = said[i];
    c->firm = total != 0;
    if (!total)
        total = snap->timeouts.total;
    c->impatient = patience < total;
    c->deadline = c->req->began + (c->impatient ? patience : total);
    c->silence = silence && silence != UINT64_MAX ? silence : 0;
}

/* Where the request goes: c->found. It touches nothing but the call, so that it can be asked
 * without a call being made of it (explain.c). */
bool call_find_route(struct call *c)
{
    if (c->peek.model.n > GATE_MODEL_MAX) {
        call_fail_kind(c, ERR_NOT_FOUND, STR("No model has a name as long as that."), STR_NONE);
        return false;
    }
    if (!rules_resolve(c))
        return false;
    if (call_passes(c)) {
        pass_resolve(c);
    } else if (c->found.how != CONF_BY_RULE && !scenario_resolve(c)) {
        call_fail_unknown_model(c, c->peek.model);
        return false;
    }
    return policy_take(c);
}

enum step stage_resolve(struct call *c)
{
    if (!call_find_route(c))
        return STEP_DONE;
    c->route = c->found.route;
    set_deadline(c);
    c->phase = CALL_SENDING;
    metric_add(&c->gate->set.metrics->in_flight, 1);
    c->counted = true;
    retry_budget_call(call_budget(c), loop_now(c->gate->loop));
    return STEP_NEXT;
}
