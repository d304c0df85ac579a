/* SPDX-License-Identifier: Apache-2.0 */
/*
 * responses_say.c - events to a Responses stream, and a collected answer to a body.
 *
 *     response.created, response.in_progress, the events of each item (responses_out.c), and at the
 *     end response.completed or response.incomplete with everything once more
 *
 * Every event is numbered from 0 without gaps and named like its type; there is no [DONE]. A
 * failure is response.failed where response.created was sent, else an event "error", which also
 * holds the object that the official clients look for.
 *
 * A body is the object of the last event. So a collected answer is played through the same code,
 * with its events thrown away, and what was gathered is the body: one way to write an item.
 */
#include "dialect/responses_int.h"

void responses_stream_init(void *state, const struct front_opts *o)
{
    struct responses_stream *st = state;

    CHECK(o->arena);
    *st = (struct responses_stream){.arena = o->arena,
                                    .request = o->request,
                                    .created = o->created,
                                    .kept = o->kept,
                                    .finish = IR_FIN_STOP};
    st->own_n = dialect_keep(st->own_id, RESPONSES_ID_MAX, o->id);
    st->model_n = dialect_keep(st->model, RESPONSES_MODEL_MAX, o->model);
    responses_make_echo(st);
}

void responses_begin_event(struct responses_stream *st, str head, struct buf *out)
{
    buf_add(out, head);
    buf_add_u64(out, st->seq++);
}

static void put_on_buf(void *to, str s)
{
    buf_add(to, s);
}

static void say_response(struct responses_stream *st, str head, str status, const struct fail *fail,
                         struct buf *out)
{
    bool early = str_eq(status, STR("in_progress"));

    ASSERT(st->started && st->item == ITEM_NONE); /* an item in flight is no part of a response */
    ASSERT(!early || !st->json.n);

    responses_begin_event(st, head, out);
    buf_lit(out, ",\"response\":");
    responses_put_object(st, (struct responses_put){put_on_buf, out}, status,
                         early ? st->early : st->echo, fail);
    buf_lit(out, "}\n\n");
}

/* The provider's id stays where it is one of this language: its own service knows it. */
static void take_start(struct responses_stream *st, const struct ir_event *ev)
{
    ASSERT(!st->started); /* the id was told in the first event */
    uint16_t n = dialect_keep(st->model, RESPONSES_MODEL_MAX, ev->start.model);

    if (str_has_prefix(ev->start.id, STR("resp_")))
        st->id_n = dialect_keep(st->id, RESPONSES_ID_MAX, ev->start.id);
    if (n)
        st->model_n = n;
    if (ev->start.created)
        st->created = ev->start.created;
}

static void say_start(struct responses_stream *st, struct buf *out)
{
    if (st->started)
        return;
    st->started = true;
    say_response(st, RESPONSES_EVENT("response.created"), STR("in_progress"), NULL, out);
    say_response(st, RESPONSES_EVENT("response.in_progress"), STR("in_progress"), NULL, out);
}

static bool is_incomplete(enum ir_finish f)
{
    return f == IR_FIN_LENGTH || f == IR_FIN_CONTEXT || f == IR_FIN_FILTER || f == IR_FIN_REFUSAL;
}

static str status_of(enum ir_finish f)
{
    return is_incomplete(f) ? STR("incomplete") : STR("completed");
}

static void take_finish(struct responses_stream *st, const struct ir_event *ev, struct buf *out)
{
    st->finish = ev->finish.reason;
    responses_close_item(st, status_of(st->finish), out);
}

static void say_end(struct responses_stream *st, struct buf *out)
{
    responses_close_item(st, STR("completed"), out);
    say_response(st,
                 is_incomplete(st->finish) ? RESPONSES_EVENT("response.incomplete")
                                           : RESPONSES_EVENT("response.completed"),
                 status_of(st->finish), NULL, out);
    responses_give_kept(st, status_of(st->finish));
    st->over = true;
}

/* ---- failures -----------------------------------------------------------------------------------
 */

/* Flat, as OpenAI documents it, and with the nested object that its servers send and its clients
 * raise on. */
static void put_error_event(const struct fail *f, uint64_t seq, struct buf *out)
{
    buf_add(out, RESPONSES_EVENT("error"));
    buf_add_u64(out, seq);
    buf_lit(out, ",\"code\":\"");
    json_escape(out, fail_code(f));
    buf_lit(out, "\",\"message\":\"");
    json_escape(out, fail_message(f));
    buf_lit(out, "\",\"param\":null,\"error\":{\"type\":\"");
    buf_add(out, err_row(f->kind)->openai_type);
    buf_lit(out, "\",\"code\":\"");
    json_escape(out, fail_code(f));
    buf_lit(out, "\",\"message\":\"");
    json_escape(out, fail_message(f));
    buf_lit(out, "\",\"param\":null}}\n\n");
}

void responses_encode_stream_error(const struct fail *f, str request_id, struct buf *out)
{
    (void)request_id;
    put_error_event(f, 0, out);
}

/* The item in flight is dropped: it never became one. */
static void say_failure(struct responses_stream *st, const struct fail *f, struct buf *out)
{
    st->over = true;
    if (!st->started) {
        put_error_event(f, st->seq++, out);
        return;
    }
    if (st->item != ITEM_NONE)
        st->json.n = st->item_at ? st->item_at - 1 : 0;
    st->item = ITEM_NONE;
    say_response(st, RESPONSES_EVENT("response.failed"), STR("failed"), f, out);
}

/* ---- events -------------------------------------------------------------------------------------
 */

void responses_encode_event(void *state, const struct ir_event *ev, struct buf *out)
{
    struct responses_stream *st = state;

    if (st->over || ev->choice > 0) /* there is one answer in this language */
        return;
    switch (ev->type) {
    case IR_EV_START:
        take_start(st, ev);
        say_start(st, out);
        break;
    case IR_EV_BLOCK_START:
        responses_open_block(st, ev, out);
        break;
    case IR_EV_DELTA:
        responses_add_delta(st, ev, out);
        break;
    case IR_EV_BLOCK_STOP:
        break; /* the item ends with the next one, or with the answer */
    case IR_EV_USAGE:
        usage_merge(&st->usage, ev->usage);
        break;
    case IR_EV_FINISH:
        take_finish(st, ev, out);
        break;
    case IR_EV_PING:
        buf_lit(out, ": ping\n\n");
        break;
    case IR_EV_ERROR:
        say_failure(st, ev->fail, out);
        break;
    case IR_EV_END:
        say_end(st, out);
        break;
    }
    out->failed |= st->failed; /* what can't be repeated can't be ended properly */
}

/* ---- a body -------------------------------------------------------------------------------------
 */

struct playing {
    struct responses_stream st;
    struct buf nowhere; /* of no size: what is said falls through */
    uint32_t block;
};

static void play(struct playing *p, const struct ir_event *ev)
{
    responses_encode_event(&p->st, ev, &p->nowhere);
}

static void play_delta(struct playing *p, const struct ir_block *b, enum ir_delta what, str text)
{
    play(p, &(struct ir_event){.type = IR_EV_DELTA,
                               .kind = b->kind,
                               .block = p->block,
                               .delta = {.what = what, .text = text}});
}

static void play_content(struct playing *p, const struct ir_block *b)
{
    switch (b->kind) {
    case IR_TEXT:
    case IR_REFUSAL:
        play_delta(p, b, IR_D_TEXT, b->text.text);
        for (const struct ir_cite *c = b->text.citations; c; c = c->next)
            play_delta(p, b, IR_D_CITATION, c->json);
        break;
    case IR_THINKING:
        play_delta(p, b, IR_D_TEXT, b->thinking.text);
        play_delta(p, b, IR_D_SIGNATURE, b->thinking.signature);
        break;
    case IR_TOOL_USE:
        play_delta(p, b, b->is_custom ? IR_D_ARGS : IR_D_INPUT, b->use.args);
        break;
    case IR_REDACTED:
    case IR_IMAGE:
    case IR_DOCUMENT:
    case IR_AUDIO:
    case IR_TOOL_RESULT:
    case IR_OPAQUE:
        break;
    }
}

static void play_block(struct playing *p, const struct ir_block *b)
{
    struct ir_event ev = {.type = IR_EV_BLOCK_START, .kind = b->kind, .block = p->block};

    if (b->kind == IR_TOOL_USE) {
        ev.open.id = b->use.id;
        ev.open.name = b->use.name;
        ev.open.sealed = b->use.sealed;
        ev.open.is_custom = b->is_custom;
    } else if (b->kind == IR_THINKING || b->kind == IR_REDACTED) {
        ev.open.format = b->thinking.format;
        ev.open.data = b->thinking.text;
    } else if (b->kind == IR_IMAGE) {
        ev.open.media = &b->media;
    } else if (b->kind == IR_OPAQUE) {
        ev.open.data = b->opaque.type;
        ev.open.name = b->opaque.name;
        ev.open.family = b->opaque.family;
        ev.open.raw = b->raw;
    }
    play(p, &ev);
    play_content(p, b);
}

/* The whole answer's log probabilities came as one: they are the first text's. */
static void play_logprobs(struct playing *p, const struct ir_answer *an, const struct ir_block *b)
{
    if (b->kind == IR_TEXT && an->logprobs.n && !p->st.probs.n)
        play_delta(p, b, IR_D_LOGPROBS, an->logprobs);
}

static void put_on_rope(void *to, str s)
{
    rope_put(to, s); /* what is long lies in the call's arena */
}

void responses_encode_body(const struct ir_response *r, const struct front_opts *o,
                           struct rope *out)
{
    const struct ir_answer *an = ir_response_first(r);
    struct playing p = {.nowhere = BUF_INIT(0)};

    responses_stream_init(&p.st, o);
    play(&p, &(struct ir_event){.type = IR_EV_START,
                                .start = {.id = r->id, .model = r->model, .created = r->created}});
    for (const struct ir_block *b = an ? an->blocks : NULL; b; b = b->next, p.block++) {
        play_block(&p, b);
        play_logprobs(&p, an, b);
    }
    play(&p, &(struct ir_event){.type = IR_EV_USAGE, .usage = &r->usage});
    play(&p, &(struct ir_event){.type = IR_EV_FINISH,
                                .finish = {.reason = an ? an->finish : IR_FIN_STOP}});
    responses_put_object(&p.st, (struct responses_put){put_on_rope, out}, status_of(p.st.finish),
                         p.st.echo, NULL);
    responses_give_kept(&p.st, status_of(p.st.finish));
    out->own.failed |= p.st.failed;
}
