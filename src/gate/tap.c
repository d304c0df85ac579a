/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tap - every canonical event of an answer passes here: usage, finish, failure and the first
 * content are learned, then the event goes where the client's form needs it: to the stream encoder,
 * to the collector of a whole body, or nowhere (the same dialect on both sides: raw bytes travel).
 */
#include "gate/mirror.h"
#include "gate/recovery.h"

static str keep(struct call *c, str s)
{
    return s.n ? arena_dup(&c->req->arena, s) : s;
}

/* What went along with this attempt: its key or token, and AWS's session token. */
static str secret_at(const struct call *c, unsigned i)
{
    const struct conf_provider *p = c->cand->provider;
    if (i)
        return p->aws ? secret_reveal(&p->aws[c->cand->key].session_token) : STR_NONE;
    return p->nkeys ? secret_reveal(&p->keys[c->cand->key]) : token_of(c);
}

str call_secret(const struct call *c)
{
    str a = secret_at(c, 0), b = secret_at(c, 1);
    return a.n >= b.n ? a : b;
}

str call_without_key(struct call *c, str text)
{
    for (unsigned i = 0; i < 2; i++) {
        str key = secret_at(c, i);
        while (key.n >= 4) { /* shorter ones would take words apart */
            size_t at = str_find(text, key);
            if (at == SIZE_MAX)
                break;
            text = arena_strf(&c->req->arena, STR_FMT "***" STR_FMT, STR_ARG(str_head(text, at)),
                              STR_ARG(str_from(text, at + key.n)));
        }
    }
    return text;
}

static void learn_fail(struct call *c, const struct fail *f)
{
    c->fail = *f;
    c->fail.message = call_without_key(c, keep(c, f->message)); /* the event's slices die with it */
    c->fail.param = keep(c, f->param);
    c->fail.code = keep(c, f->code);
    c->failed = true;
}

/* Nothing came of the answer, which a client of another language would take for a plain stop and an
 * agent for the end of its task. As a failure it can be tried again, here or by the client. One of
 * the provider's own language gets its words, and knows them. */
static void learn_finish(struct call *c, const struct ir_event *ev)
{
    static const struct fail broken = {
        .kind = ERR_UPSTREAM,
        .message = STR("The model's tool call could not be read by its provider; try again.")};

    if (ev->finish.reason == IR_FIN_BROKEN && ev->choice == 0 && !c->same)
        learn_fail(c, &broken);
}

static void learn(struct call *c, const struct ir_event *ev)
{
    switch (ev->type) {
    case IR_EV_USAGE:
        usage_merge(&c->usage, ev->usage);
        return;
    case IR_EV_ERROR:
        learn_fail(c, ev->fail);
        return;
    case IR_EV_FINISH:
        learn_finish(c, ev);
        return;
    case IR_EV_DELTA:
        if (ev->delta.what <= IR_D_INPUT) /* text and arguments, in either form */
            *(ev->kind == IR_THINKING ? &c->thought : &c->said) += ev->delta.text.n;
        return;
    case IR_EV_BLOCK_START:
    case IR_EV_START:
    case IR_EV_BLOCK_STOP:
    case IR_EV_PING:
    case IR_EV_END:
        return;
    }
}

/* Gemini, and some that imitate others, give a call no id. A client of another language needs one
 * for its result, and the thought before the call is found by it in the next turn (ir/recall.h): so
 * it is made here, once for all that read the event. Without memory each encoder makes its own. */
static void give_id(struct call *c, struct ir_event *ev)
{
    str id =
        arena_strf(&c->req->arena, "call_" STR_FMT "_%u", STR_ARG(str_from(c->id, 4)), ++c->ids);
    if (id.p)
        ev->open.id = id;
}

static bool lacks_id(const struct call *c, const struct ir_event *ev)
{
    return ev->type == IR_EV_BLOCK_START && ev->kind == IR_TOOL_USE && !ev->open.id.n && !c->same &&
           !str_eq(c->front->family, STR("gemini")); /* whose clients know calls by their names */
}

/* To where the client's form needs it. What a filter holds back is no content yet. */
void tap_emit(struct call *c, const struct ir_event *ev)
{
    struct ir_event with_id;
    if (lacks_id(c, ev)) {
        with_id = *ev;
        give_id(c, &with_id);
        ev = &with_id;
    }
    if (!c->content && ir_event_is_content(ev))
        attempt_content(c);
    if (c->peek.has_tools && !c->mirror)
        thoughts_event(c, ev);
    if (c->ear)
        mirror_hear(c, ev);
    if (c->collect)
        ir_collect_event(c->collect, ev);
    else if (c->encoder && (!c->reframes || ev->type == IR_EV_END || ev->type == IR_EV_ERROR))
        c->front->front->encode_event(c->encoder, ev, &c->gate->out);
}

static void deliver(void *ctx, const struct ir_event *ev)
{
    struct call *c = ctx;
    if (c->rescue)
        rescue_event(c, ev);
    else
        tap_emit(c, ev);
}

static void on_event(void *ctx, const struct ir_event *ev)
{
    struct call *c = ctx;
    learn(c, ev);
    if (c->failed)
        return;
    if (c->chain)
        ir_emit(chain_sink(c->chain), ev);
    else
        deliver(c, ev);
}

/* The filters that the operator asked for stand between the decoder and the client's form. */
bool tap_prepare(struct call *c)
{
    struct ir_filter_setup setup = {.kinds = transform_filters(c),
                                    .tools = c->ir ? c->ir->tools : NULL,
                                    .id = str_from(c->id, 4)};
    chain_fini(c->chain);
    c->chain = NULL;
    mirror_listen(c);
    if (!setup.kinds)
        return true;
    c->chain = chain_new(&c->req->arena, &setup, (struct ir_sink){deliver, c});
    return c->chain != NULL;
}

struct ir_sink call_tap(struct call *c)
{
    return (struct ir_sink){on_event, c};
}
