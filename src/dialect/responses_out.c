/* SPDX-License-Identifier: Apache-2.0 */
/*
 * responses_out.c - blocks of an answer to Responses items, in the exact order of OpenAI's own
 * streams:
 *
 *     text      output_item.added, content_part.added, output_text.delta…, output_text.done,
 *               content_part.done, output_item.done
 *     thought   output_item.added, reasoning_summary_part.added, reasoning_summary_text.delta…,
 *               …text.done, …part.done, output_item.done (with encrypted_content)
 *     call      output_item.added, function_call_arguments.delta…, .done, output_item.done
 *     hosted    see responses_out_hosted.c
 *
 * Neighbouring texts are one message with one part, for its clients read content[0]. So, and since
 * only the end tells whether the item in flight is whole, an item is closed when the next one opens
 * or the answer ends, not when its block does.
 */
#include "dialect/responses_out_int.h"
#include "dialect/seal.h"

/* ---- gathering ----------------------------------------------------------------------------------
 */

void responses_out_gather(struct responses_stream *st, struct gather *g, str s)
{
    gather_add(g, st->arena, RESPONSES_GATHER_MAX, s);
    st->failed |= g->failed;
}

void responses_out_add(struct responses_stream *st, str s)
{
    responses_out_gather(st, &st->json, s);
}

str responses_out_text(const struct gather *g)
{
    return str_of(g->p, g->n);
}

/* What was gathered of the items from `at` on. */
str responses_out_since(const struct responses_stream *st, size_t at)
{
    ASSERT(at <= st->json.n); /* places are of what stands there, and that only grows */
    return str_from(str_of(st->json.p, st->json.n), at);
}

static str item_id(const struct responses_stream *st)
{
    return str_of(st->item_id, st->item_id_n);
}

/* ---- items --------------------------------------------------------------------------------------
 */

/* Where in the answer an event stands. */
void responses_out_put_place(const struct responses_stream *st, struct buf *out)
{
    ASSERT(st->item_id_n && st->started && !st->over);
    buf_lit(out, ",\"output_index\":");
    buf_add_u64(out, st->index);
    buf_lit(out, ",\"item_id\":\"");
    buf_add(out, item_id(st));
    buf_add_char(out, '"');
}

void responses_out_put_member(str key, jtext text, struct buf *out)
{
    buf_add(out, key);
    buf_add(out, text);
    buf_add_char(out, '"');
}

static void name_item(struct responses_stream *st, str prefix)
{
    struct buf b = {.p = st->item_id, .cap = sizeof st->item_id, .max = sizeof st->item_id};

    buf_add(&b, prefix);
    buf_add(&b, str_of(st->own_id, st->own_n));
    buf_add_char(&b, '_');
    buf_add_u64(&b, st->index);
    ASSERT(!b.failed); /* half an id would be another item's */
    st->item_id_n = (uint16_t)buf_size(&b);
}

/* Begin an item: its id and type. More members may follow before item_added. */
void responses_out_begin_item(struct responses_stream *st, enum responses_item item, str prefix,
                              str type)
{
    ASSERT(st->item == ITEM_NONE);
    name_item(st, prefix);
    st->item = item;
    st->part = st->nnotes = 0;
    st->part_open = st->spoke = st->wrapped = false;
    st->notes.n = st->probs.n = 0;
    if (st->json.n)
        responses_out_add(st, STR(","));
    st->item_at = st->json.n;
    responses_out_add(st, STR("{\"id\":\""));
    responses_out_add(st, item_id(st));
    responses_out_add(st, STR("\",\"type\":\""));
    responses_out_add(st, type);
}

/* The item as it begins: what was gathered so far, and `tail` in place of what will come. */
void responses_out_say_added(struct responses_stream *st, str tail, struct buf *out)
{
    responses_begin_event(st, RESPONSES_EVENT("response.output_item.added"), out);
    buf_lit(out, ",\"output_index\":");
    buf_add_u64(out, st->index);
    buf_lit(out, ",\"item\":");
    buf_add(out, responses_out_since(st, st->item_at));
    buf_add(out, tail);
    buf_lit(out, "}\n\n");
}

static void end_item(struct responses_stream *st, struct buf *out)
{
    ASSERT(!st->part_open &&
           st->item_at < st->json.n + st->failed); /* nothing of it is left open */
    responses_begin_event(st, RESPONSES_EVENT("response.output_item.done"), out);
    buf_lit(out, ",\"output_index\":");
    buf_add_u64(out, st->index);
    buf_lit(out, ",\"item\":");
    buf_add(out, responses_out_since(st, st->item_at));
    buf_lit(out, "}\n\n");
    st->item = ITEM_NONE;
    st->index++;
}

/* ---- thoughts -----------------------------------------------------------------------------------
 */

static void open_thought(struct responses_stream *st, jtext format, struct buf *out)
{
    responses_close_item(st, STR("completed"), out);
    responses_out_begin_item(st, ITEM_REASONING, STR("rs_"), STR("reasoning\",\"summary\":["));
    responses_out_say_added(st, STR("]}"), out);
    st->mark = seal_mark(format, STR(SEAL_OPENAI));
}

/* One that is sealed altogether says so: an item of this language can't. */
static void say_redacted(struct responses_stream *st, jtext format, jtext data, struct buf *out)
{
    open_thought(st, format, out);
    responses_out_gather(st, &st->notes, STR(RESPONSES_REDACTED));
    responses_out_gather(st, &st->notes, st->mark);
    responses_out_gather(st, &st->notes, data);
}

static void put_summary_place(const struct responses_stream *st, struct buf *out)
{
    ASSERT(st->item == ITEM_REASONING);
    responses_out_put_place(st, out);
    buf_lit(out, ",\"summary_index\":0");
}

static void say_thought(struct responses_stream *st, jtext text, struct buf *out)
{
    if (!st->part_open) {
        st->part_open = true;
        st->part_at = st->json.n;
        responses_out_add(st, STR("{\"type\":\"summary_text\",\"text\":\""));
        st->text_at = st->json.n;
        responses_begin_event(st, RESPONSES_EVENT("response.reasoning_summary_part.added"), out);
        put_summary_place(st, out);
        buf_lit(out, ",\"part\":{\"type\":\"summary_text\",\"text\":\"\"}}\n\n");
    }
    responses_out_add(st, text);
    responses_begin_event(st, RESPONSES_EVENT("response.reasoning_summary_text.delta"), out);
    put_summary_place(st, out);
    responses_out_put_member(STR(",\"delta\":\""), text, out);
    buf_lit(out, "}\n\n");
}

/* The seal comes in pieces, and after the thought: it is told with the end of the item. */
static void take_seal(struct responses_stream *st, jtext piece)
{
    ASSERT(st->item == ITEM_REASONING);
    if (!st->notes.n)
        responses_out_gather(st, &st->notes, st->mark);
    responses_out_gather(st, &st->notes, piece);
}

static void close_thought(struct responses_stream *st, struct buf *out)
{
    if (st->part_open) {
        responses_begin_event(st, RESPONSES_EVENT("response.reasoning_summary_text.done"), out);
        put_summary_place(st, out);
        responses_out_put_member(STR(",\"text\":\""), responses_out_since(st, st->text_at), out);
        buf_lit(out, "}\n\n");
        responses_out_add(st, STR("\"}"));
        responses_begin_event(st, RESPONSES_EVENT("response.reasoning_summary_part.done"), out);
        put_summary_place(st, out);
        buf_lit(out, ",\"part\":");
        buf_add(out, responses_out_since(st, st->part_at));
        buf_lit(out, "}\n\n");
        st->part_open = false;
    }
    responses_out_add(st, STR("]"));
    if (st->notes.n) {
        responses_out_add(st, STR(",\"encrypted_content\":\""));
        responses_out_add(st, responses_out_text(&st->notes));
        responses_out_add(st, STR("\""));
    }
    responses_out_add(st, STR("}"));
}

/* ---- blocks -------------------------------------------------------------------------------------
 */

/* A picture that the model made. One that only has a URL has no place in this language. */
static void say_image(struct responses_stream *st, const struct ir_event *ev, struct buf *out)
{
    const struct ir_media *m = ev->open.media;

    if (!m || m->src != IR_MEDIA_BASE64)
        return;
    responses_close_item(st, STR("completed"), out);
    responses_out_begin_item(st, ITEM_NONE, STR("ig_"), STR("image_generation_call"));
    responses_out_say_added(st, STR("\",\"status\":\"in_progress\",\"result\":null}"), out);
    responses_out_add(st, STR("\",\"status\":\"completed\",\"result\":\""));
    responses_out_add(st, m->data);
    responses_out_add(st, STR("\"}"));
    end_item(st, out);
}

void responses_open_block(struct responses_stream *st, const struct ir_event *ev, struct buf *out)
{
    switch (ev->kind) {
    case IR_TEXT:
    case IR_REFUSAL:
        responses_out_open_text(st, ev->kind == IR_REFUSAL, out);
        break;
    case IR_THINKING:
        open_thought(st, ev->open.format, out);
        break;
    case IR_REDACTED:
        say_redacted(st, ev->open.format, ev->open.data, out);
        break;
    case IR_TOOL_USE:
        if (ev->open.sealed.n) /* a call has no member for it: before it, as an item of its own */
            say_redacted(st, STR(SEAL_GEMINI), ev->open.sealed, out);
        responses_out_open_call(st, ev, out);
        break;
    case IR_IMAGE:
        say_image(st, ev, out);
        break;
    case IR_OPAQUE:
        responses_out_open_hosted(st, ev, out);
        break;
    case IR_DOCUMENT:
    case IR_AUDIO:
    case IR_TOOL_RESULT:
        break; /* no words for them in an answer */
    }
}

void responses_add_delta(struct responses_stream *st, const struct ir_event *ev, struct buf *out)
{
    bool call = st->item == ITEM_CALL || st->item == ITEM_CUSTOM;
    str text = ev->delta.text;

    if (!text.n)
        return;
    switch (ev->delta.what) {
    case IR_D_TEXT:
        if (ev->kind == IR_THINKING && st->item == ITEM_REASONING)
            say_thought(st, text, out);
        else if (ev->kind != IR_THINKING && st->part_open)
            responses_out_say_text(st, text, out);
        break;
    case IR_D_ARGS:
        if (ev->kind == IR_TOOL_USE && call)
            responses_out_take_arguments(st, text, out);
        else if (ev->kind == IR_OPAQUE && st->item == ITEM_HOSTED)
            responses_out_gather(st, &st->notes, text);
        break;
    case IR_D_INPUT:
        if (ev->kind == IR_TOOL_USE && call)
            responses_out_take_plain(st, text, out);
        break;
    case IR_D_SIGNATURE:
        if (st->item == ITEM_REASONING)
            take_seal(st, text);
        break;
    case IR_D_CITATION:
        responses_out_say_citation(st, text, out);
        break;
    case IR_D_LOGPROBS:
        responses_out_take_logprobs(st, text);
        break;
    }
}

void responses_close_item(struct responses_stream *st, str status, struct buf *out)
{
    switch (st->item) {
    case ITEM_NONE:
        return;
    case ITEM_MESSAGE:
        responses_out_close_part(st, out);
        responses_out_add(st, STR("],\"status\":\""));
        responses_out_add(st, status);
        responses_out_add(st, STR("\"}"));
        break;
    case ITEM_REASONING:
        close_thought(st, out);
        break;
    case ITEM_CALL:
    case ITEM_CUSTOM:
        responses_out_close_call(st, status, out);
        break;
    case ITEM_HOSTED:
        responses_out_close_hosted(st, status, out);
        break;
    }
    end_item(st, out);
}
