/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openai_chat_say_call.c - calls in a Chat Completions stream.
 *
 *     {"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":""}}]}
 *     {"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":"}}]}      as often as it takes
 *
 * Two things may not be told as they come. A custom call that another provider made as a function's
 * is one string inside JSON, and only the whole says where that string ends: it is gathered in
 * `wrapper`. And Mistral's clients want a call in one chunk: there what would be said is written,
 * taken back from the output and gathered in `call`, so that both ways share their code.
 */
#include "dialect/free_text.h"
#include "dialect/openai_chat_say_int.h"

/* Where calls are held: take back what was written behind `at`, for it is said with the rest. */
static void hold(struct chat_stream *st, struct saying *c, size_t at, struct buf *out)
{
    str said = str_from(buf_str(out), at);

    ASSERT(st->as_mistral && at <= buf_size(out));
    if (out->failed)
        return;
    gather_add(&c->call, st->arena, CHAT_ARGS_MAX, said);
    out->len -= said.n;
    out->failed = c->call.failed;
}

static void say_held(struct chat_stream *st, struct saying *c, uint32_t choice, struct buf *out)
{
    chat_begin_chunk(st, choice, out);
    buf_add(out, gather_str(&c->call));
    buf_lit(out, "\"}}]");
    chat_end_chunk(st, CHAT_TAIL, out);
    gather_clear(&c->call);
}

/* `"tool_calls":[{…"name":"f","arguments":"` */
static void put_call(struct chat_stream *st, struct saying *c, const struct ir_event *ev,
                     struct buf *out)
{
    bool custom = ev->open.is_custom || chat_is_custom(st->request, ev->open.name);
    str what = custom ? STR("custom") : STR("function");

    ASSERT(ev->open.name.n);

    if (!c->role_sent) {
        chat_put_role(c, STR("null"), out);
        buf_add_char(out, ',');
    }
    buf_lit(out, "\"tool_calls\":[{\"index\":");
    buf_add_u64(out, c->calls++);
    buf_lit(out, ",\"id\":\"");
    if (ev->open.id.n) {
        buf_add(out, ev->open.id);
    } else { /* clients cannot answer a call without an id */
        buf_lit(out, "call_");
        buf_add(out, str_of(st->own_id, st->own_n));
        buf_add_char(out, '_');
        buf_add_u64(out, c->calls);
    }
    if (ev->open.sealed.n) {
        buf_lit(out, "\",\"extra_content\":{\"google\":{\"thought_signature\":\"");
        buf_add(out, ev->open.sealed);
        buf_lit(out, "\"}},\"type\":\"");
    } else {
        buf_lit(out, "\",\"type\":\"");
    }
    buf_add(out, what);
    buf_lit(out, "\",\"");
    buf_add(out, what);
    buf_lit(out, "\":{\"name\":\"");
    buf_add(out, ev->open.name);
    buf_add(out, custom ? STR("\",\"input\":\"") : STR("\",\"arguments\":\""));
    c->args_sent = c->is_custom = custom;
    c->wrapped = custom && !ev->open.is_custom;
    c->plain = false;
    gather_clear(&c->wrapper);
}

void chat_open_call(struct chat_stream *st, struct saying *c, const struct ir_event *ev,
                    struct buf *out)
{
    size_t at = buf_size(out);

    if (st->as_mistral) {
        gather_clear(&c->call);
        put_call(st, c, ev, out);
        hold(st, c, at, out);
        return;
    }
    chat_begin_chunk(st, ev->choice, out);
    put_call(st, c, ev, out);
    buf_lit(out, "\"}}]");
    chat_end_chunk(st, CHAT_TAIL, out);
}

void chat_say_arguments(struct chat_stream *st, struct saying *c, const struct ir_event *ev,
                        bool plain, struct buf *out)
{
    size_t at = buf_size(out);

    if (ev->delta.text.n == 0)
        return;
    if (c->wrapped) {
        c->plain |= plain;
        gather_add(&c->wrapper, st->arena, CHAT_ARGS_MAX, ev->delta.text);
        out->failed |= c->wrapper.failed;
        return;
    }
    c->args_sent = true;
    if (!st->as_mistral) {
        chat_begin_chunk(st, ev->choice, out);
        buf_lit(out, "\"tool_calls\":[{\"index\":");
        buf_add_u64(out, c->calls ? c->calls - 1 : 0);
        buf_add(out, c->is_custom ? STR(",\"custom\":{\"input\":\"")
                                  : STR(",\"function\":{\"arguments\":\""));
    }
    if (plain)
        json_escape(out, ev->delta.text);
    else
        buf_add(out, ev->delta.text);
    if (st->as_mistral) {
        hold(st, c, at, out);
        return;
    }
    buf_lit(out, "\"}}]");
    chat_end_chunk(st, CHAT_TAIL, out);
}

/* The text of a custom call that came as {"input":"…"}; as it is, where it is something else. */
static void unwrap(struct chat_stream *st, struct saying *c, const struct ir_event *ev,
                   struct buf *out)
{
    ASSERT(c->wrapped && c->is_custom);
    str args = gather_str(&c->wrapper);
    jtext input = free_text_unwrap(st->arena, c->plain ? args : ir_unescape(st->arena, args));
    struct ir_event whole = *ev;

    c->wrapped = false;
    whole.delta.what = IR_D_ARGS;
    whole.delta.text = input.p ? input : args;
    chat_say_arguments(st, c, &whole, c->plain && !input.p, out);
    out->failed |= arena_is_full(st->arena);
}

/* A call without arguments is told as "{}", for that is what OpenAI's clients parse. */
void chat_close_call(struct chat_stream *st, struct saying *c, const struct ir_event *ev,
                     struct buf *out)
{
    struct ir_event empty = *ev;

    empty.delta.what = IR_D_INPUT;
    empty.delta.text = STR("{}");
    if (c->wrapped)
        unwrap(st, c, ev, out);
    else if (!c->args_sent)
        chat_say_arguments(st, c, &empty, true, out);
    if (st->as_mistral)
        say_held(st, c, ev->choice, out);
}
