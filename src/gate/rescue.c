/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rescue - an answer that breaks off in mid-text is gone on with by another target.
 *
 * Behind the commit point nothing can be retried: the client has half an answer. But a model that
 * is given that half as its own last message goes on where it ends ("prefill"), and the client sees
 * one answer with a pause in it. An opt-in of the route (models[].rescue), for the joint is a guess
 * of another model, or of the same one with other dice.
 *
 *     client   START  text ──────────────┐ … ┌──────────── text  STOP FINISH END
 *     first    START  "The capital of Fr"x   │
 *     second                      START  "ance is Paris."  STOP FINISH END
 *
 * Only where it can be done cleanly: the open block is text, or the last one was and has ended; no
 * call or other block was begun; one choice. An answer that broke off behind its own last word is
 * ended here, whatever is in it. Behind a text that has ended the second one begins a
 * block of its own: more text, a call, or none and the answer was whole. An answer that is nothing
 * but thoughts so far is not gone on with: they are signed by who thought them, and the next turn
 * would show one provider the signature of another, which refuses it. The stream is decoded and
 * encoded anew from its beginning, also where both sides speak one language, for only an encoder
 * that has seen the beginning can write the rest: one start, block indices without a gap, one end.
 * What the second one thinks about its first words is dropped: it would stand in the middle of a
 * text.
 *
 * The operator's filters stand before all of this: what is repeated is what the client got, and who
 * goes on has filters of its own from its first word. All but one, IR_FILTER_EXIT: there the text
 * is an argument of a call, and no model goes on with half a call.
 *
 * Whether a target goes on with a message is dialect_opts.prefill, and a back that cannot say it
 * tells by the loss "messages.prefill". White space at the end is not sent (Anthropic refuses it),
 * and what the second one begins with is dropped then.
 *
 * The parts are attempts of their own, in the log and for the breakers; each is paid for at its own
 * target, and the call's usage is their sum. The client is told in the trailer of the stream, whose
 * head said who began; a stream whose pings are comments says so in one, too.
 */
#include "gate/recovery.h"

#include "http/h1_write.h"

#define TEXT_MAX    (1u << 20) /* of an answer; a longer one is not gone on with */
#define TRAILER_MAX 8192

struct rescue {
    struct buf text; /* of the answer so far, as the client got it: a jtext */
    uint32_t block;  /* of the client's: the open one, else the next to be opened */
    bool open;       /* … is a text that is open */
    bool between;    /* … was a text, and has ended; nothing was begun since */
    bool barred;     /* there is more to the answer than text */
    bool finished;   /* why it ends was said: all of it is there */
    unsigned times;  /* that others began to go on */
    unsigned paid;   /* attempts whose usage is in `usage` */
    struct usage usage;
    struct charge charge;
    /* the events of who goes on */
    bool joined;   /* his first text has found its place */
    bool dropping; /* in a block that the client does not get */
    bool trimmed;  /* white space was cut from the end: his own at the beginning goes too */
    bool opening;  /* his first text begins a block, with its first word: he may have none */
    str told;      /* who went on, for the trailer: "b/large, c/small" */
};

bool call_may_be_rescued(const struct call *c)
{
    return c->peek.stream && !c->op && c->found.route->rescue &&
           !(transform_filters(c) & IR_FILTER_EXIT);
}

bool rescue_is_on(const struct call *c)
{
    return c->rescue && c->rescue->times;
}

bool rescue_is_paid(const struct call *c)
{
    return c->rescue && c->rescue->paid == c->attempts;
}

unsigned rescue_times(const struct call *c)
{
    return c->rescue ? c->rescue->times : 0;
}

bool rescue_prepare(struct call *c)
{
    CHECK(!c->committed && !rescue_is_on(c));
    if (!c->rescue)
        c->rescue = arena_new(&c->req->arena, struct rescue);
    if (!c->rescue)
        return false;
    buf_fini(&c->rescue->text);
    *c->rescue = (struct rescue){.text = BUF_INIT(TEXT_MAX)};
    return true;
}

void rescue_stop(struct call *c)
{
    if (c->rescue)
        buf_fini(&c->rescue->text);
}

/* ---- what the client gets */

/* Watched on its way: what would have to be repeated, and whether it can be. */
static void note(struct rescue *r, const struct ir_event *ev)
{
    switch (ev->type) {
    case IR_EV_BLOCK_START:
        r->open = ev->kind == IR_TEXT;
        r->between = false;
        r->block = ev->block;
        r->barred |= ev->kind != IR_TEXT && ev->kind != IR_THINKING && ev->kind != IR_REDACTED;
        break;
    case IR_EV_BLOCK_STOP:
        r->between = r->open;
        r->open = false;
        r->block = ev->block + 1;
        break;
    case IR_EV_DELTA:
        if (ev->kind == IR_TEXT && ev->delta.what == IR_D_TEXT)
            buf_add(&r->text, ev->delta.text);
        break;
    case IR_EV_FINISH:
        r->barred = r->finished = true;
        break;
    case IR_EV_START:
    case IR_EV_USAGE:
    case IR_EV_PING:
    case IR_EV_ERROR:
    case IR_EV_END:
        return;
    }
    r->barred |= ev->choice > 0 || r->text.failed;
}

static void emit(struct call *c, const struct ir_event *ev)
{
    note(c->rescue, ev);
    tap_emit(c, ev);
}

/* The bytes of white space that a jtext begins with. */
static size_t leading_space(jtext s)
{
    size_t n = 0;
    while (n < s.n) {
        const bool escaped = n + 1 < s.n && s.p[n] == '\\' &&
                             (s.p[n + 1] == 'n' || s.p[n + 1] == 't' || s.p[n + 1] == 'r');
        if (s.p[n] != ' ' && !escaped)
            break;
        n += escaped ? 2 : 1;
    }
    return n;
}

/* Behind the stream, in any language: who else wrote at it, and under which model's name where that
 * is not the one asked for. No memory: the log has it. */
static void tell_behind(struct call *c, const struct attempt_record *t)
{
    struct rescue *r = c->rescue;
    struct arena *a = &c->req->arena;
    const str one =
        arena_strf(a, STR_FMT "/" STR_FMT, STR_ARG(t->provider->name), STR_ARG(t->model));
    const str all =
        r->told.n ? arena_strf(a, STR_FMT ", " STR_FMT, STR_ARG(r->told), STR_ARG(one)) : one;
    struct buf b = BUF_INIT(TRAILER_MAX);
    if (all.n && h1_write_header(&b, STR("x-weir-rescued"), all))
        r->told = all;
    if (c->route != c->found.route)
        h1_write_header(&b, STR("x-weir-fallback"), c->route->name);
    const str lines = b.failed ? STR_NONE : arena_dup(a, buf_str(&b));
    if (lines.n)
        reply_trailer(c->req, lines);
    buf_fini(&b);
}

/* A client that knows comments is told at the joint. */
static void announce(struct call *c)
{
    const struct attempt_record *t = attempt_record_of(c);
    const struct dialect_front *front = c->front->front;
    tell_behind(c, t);
    const bool comments = front->ping.p[0] == ':' || str_has_prefix(front->ping, STR("event:"));
    if (!comments || !str_has_prefix(front->stream_type, STR("text/event-stream")))
        return;
    struct buf *out = &c->gate->out;
    buf_lit(out, ": weir-rescued ");
    buf_add(out, t->provider->name); /* of the configuration, which allows no line end in it */
    buf_lit(out, "\n\n");
}

/* The client's text ends here: what comes is something else. */
static void close_text(struct call *c)
{
    struct rescue *r = c->rescue;
    struct ir_event stop = {.type = IR_EV_BLOCK_STOP, .kind = IR_TEXT, .block = r->block};
    r->joined = true;
    if (r->open)
        emit(c, &stop);
}

static void join_start(struct call *c, struct ir_event *ev)
{
    struct rescue *r = c->rescue;
    if (!r->joined && (ev->kind == IR_THINKING || ev->kind == IR_REDACTED)) {
        r->dropping = true;
        return;
    }
    if (!r->joined && ev->kind == IR_TEXT) {
        r->joined = true; /* it goes on in the client's own block, where that is open */
        r->opening = !r->open;
        return;
    }
    close_text(c);
    ev->block = r->block;
    emit(c, ev);
}

static void join_delta(struct call *c, struct ir_event *ev)
{
    struct rescue *r = c->rescue;
    if (r->dropping)
        return;
    if (r->trimmed && ev->delta.what == IR_D_TEXT) {
        ev->delta.text = str_from(ev->delta.text, leading_space(ev->delta.text));
        if (!ev->delta.text.n)
            return;
        r->trimmed = false;
    }
    attempt_content(c);
    ev->block = r->block;
    if (r->opening && ev->delta.text.n) {
        struct ir_event start = {.type = IR_EV_BLOCK_START, .kind = IR_TEXT, .block = r->block};
        r->opening = false;
        emit(c, &start);
    }
    if (!r->opening)
        emit(c, ev);
}

/* The end of a block. One that was never begun for the client has none. */
static void join_stop(struct call *c, struct ir_event *ev)
{
    struct rescue *r = c->rescue;
    const bool unseen = r->dropping || r->opening;
    r->dropping = r->opening = false;
    ev->block = r->block;
    if (!unseen)
        emit(c, ev);
}

/* One event of who goes on, as the next one of the answer that the client has begun to read. */
static void join(struct call *c, struct ir_event *ev)
{
    struct rescue *r = c->rescue;
    struct usage sum;
    const struct usage *told;
    if (ev->choice > 0)
        return; /* one was asked for */
    switch (ev->type) {
    case IR_EV_START:
        announce(c);
        return;
    case IR_EV_BLOCK_START:
        join_start(c, ev);
        return;
    case IR_EV_DELTA:
        join_delta(c, ev);
        return;
    case IR_EV_BLOCK_STOP:
        join_stop(c, ev);
        return;
    case IR_EV_USAGE:
        sum = r->usage;
        usage_add(&sum, &c->usage);
        told = ev->usage;
        ev->usage = &sum;
        emit(c, ev);
        ev->usage = told; /* `sum` ends here */
        return;
    case IR_EV_FINISH:
        close_text(c);
        emit(c, ev);
        return;
    case IR_EV_PING:
    case IR_EV_ERROR:
    case IR_EV_END:
        emit(c, ev);
        return;
    }
}

void rescue_event(struct call *c, const struct ir_event *ev)
{
    struct ir_event copy = *ev;
    if (rescue_is_on(c))
        join(c, &copy);
    else
        emit(c, ev);
}

jtext rescue_text(const struct call *c)
{
    return rescue_is_on(c) ? buf_str(&c->rescue->text) : STR_NONE;
}

/* ---- who goes on */

/* A failure of theirs, that another may not have. */
static bool is_worth_it(const struct call *c)
{
    const enum err kind = c->fail.kind;
    const struct attempt_failure f = {.end = ATTEMPT_STATUS, .kind = kind};
    return (retry_is_failure(&f) || kind == ERR_RATE_LIMITED) &&
           !attempt_cut_by_client(c, kind, false);
}

static bool can_go_on(struct call *c)
{
    const struct binding *b = &c->gen->bindings[c->cand->target->provider];
    struct dialect_opts opts = b->opts;
    if (!b->dialect || !b->dialect->back)
        return false;
    if (transform_remedies(c) & CONF_REMEDY_TOOL_USE)
        return false;
    quirk_fill(&opts, &b->quirks, c->cand->target->model);
    switch (opts.prefill) {
    case PREFILL_PLAIN:
        return true;
    case PREFILL_PREFIX:
    case PREFILL_PARTIAL:
        return str_has_prefix(b->dialect->family, STR("openai")) ||
               str_eq(b->dialect->name, STR("mistral"));
    case PREFILL_AUTO:
    case PREFILL_NONE:
        break;
    }
    return false;
}

/* The next target that goes on with an answer, is c->cand; false: there is none, and it is who it
 * was. Those that cannot are passed over: they leave no trace, not even of a fallback model's. */
static bool somebody_else(struct call *c)
{
    const struct conf_route *was = c->route;
    struct candidate broke;
    bool found = false;
    candidate_take(&broke, c->cand);
    while (!found && attempt_next(c))
        found = can_go_on(c);
    if (found) {
        candidate_release(&broke);
        return true;
    }
    candidate_release(c->cand);
    c->chosen = broke;
    c->route = was;
    c->known = NULL;
    return false;
}

/* Somebody else, or the same once more where nobody else is: its breaker is not open yet. */
static bool go_on(struct call *c)
{
    struct rescue *r = c->rescue;
    const msec now = loop_now(c->gate->loop);
    bool found = somebody_else(c);
    if (!found && !r->times)
        found = can_go_on(c) && health_state(c->cand->health, now) == HEALTH_OK;
    if (!found)
        return false;
    CHECK(c->cand == &c->chosen);
    r->times++;
    r->joined = r->dropping = r->opening = false;
    r->trimmed = rescue_trim(buf_str(&r->text)).n < buf_size(&r->text);
    metric_count(c->gate->set.metrics, RESCUES);
    c->retrying = true;
    attempt_start(c);
    return true;
}

/* What the part that broke has cost. Its last word on the answer's length was said before the end,
 * so what came is counted. */
static void pay(struct call *c)
{
    struct rescue *r = c->rescue;
    c->usage.has &= ~USAGE_HAS_OUTPUT;
    settle_attempt(c, c->usage.output);
    usage_add(&r->usage, &c->usage);
    if (c->charged) {
        r->charge.cost.usd += c->charge.cost.usd;
        r->charge.cost.missing |= c->charge.cost.missing;
        r->charge.source = c->charge.source;
    }
    c->usage = (struct usage){0};
    c->charged = false;
    c->said = c->thought = 0;
    r->paid = c->attempts;
}

/* All of the answer came, and why it ended: what broke off is the stream's own end mark, and that
 * we can write. Nobody is asked. */
static bool end_whole(struct call *c)
{
    const struct fail why = c->fail;
    c->failed = false;
    if (c->rescue->finished) {
        emit(c, &(struct ir_event){.type = IR_EV_END});
    } else if (frame_pending(&c->frames) || !c->reader->end(c->decoder, call_tap(c))) {
        c->failed = true;
        c->fail = why;
        return false;
    }
    attempt_record_of(c)->why = "the connection broke behind the answer's end";
    stream_last(c);
    return true;
}

bool rescue_try(struct call *c, bool cut)
{
    struct rescue *r = c->rescue;
    if (!r || !is_worth_it(c))
        return false;
    if (cut && end_whole(c))
        return true;
    if (r->barred || !(r->open || r->between) || !rescue_trim(buf_str(&r->text)).n ||
        !attempt_may_follow(c))
        return false;
    c->retrying = true; /* the call may be over in there, and gives back what it holds */
    if (!stream_flush(c))
        return true;
    c->retrying = false;
    pay(c);
    c->failed = false;
    if (go_on(c))
        return true;
    attempt_gave_up(c);
    buf_clear(&c->gate->out); /* what was in it went already */
    return false;
}

void rescue_failed(struct call *c, const struct attempt_failure *f)
{
    struct rescue *r = c->rescue;
    CHECK(c->committed && r->times);
    attempt_learn(c, f);
    r->paid = c->attempts; /* it brought nothing */
    if (is_worth_it(c) && attempt_may_follow(c)) {
        if (go_on(c))
            return;
        attempt_gave_up(c);
    }
    buf_clear(&c->gate->out);
    stream_say_error(c, &c->fail); /* of the one who broke off: the client saw that one */
}

void rescue_settle(struct call *c)
{
    struct rescue *r = c->rescue;
    if (!r->paid)
        return;
    usage_add(&c->usage, &r->usage);
    if (!c->charged) {
        c->charge = r->charge;
        c->charged = r->usage.source != USAGE_NONE;
        return;
    }
    c->charge.cost.usd += r->charge.cost.usd;
    c->charge.cost.missing |= r->charge.cost.missing;
    if (r->charge.source == PRICE_BY_NOBODY) /* then the sum is known to be no less */
        c->charge.cost.missing |= 1;
}
