/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blocks.c - see the header.
 *
 * Languages that tell an answer without blocks (Cohere, Ollama) differ in their words alone: what
 * is open, what closes it and how blocks are numbered is here, so that no decoder can send an order
 * of events that a writer would have to guess about.
 */
#include "dialect/blocks.h"

static struct ir_event event_of(const struct blocks *b, enum ir_event_type type)
{
    return (struct ir_event){.type = type, .kind = b->kind, .block = b->block};
}

void blocks_start(struct blocks *b, struct ir_sink s, jtext id, jtext model)
{
    struct ir_event ev = {.type = IR_EV_START};

    if (b->started)
        return;
    b->started = true;
    ev.start.id = id.n ? id : STR_NONE;
    ev.start.model = model.n ? model : STR_NONE;
    ir_emit(s, &ev);
}

void blocks_close(struct blocks *b, struct ir_sink s)
{
    struct ir_event ev = event_of(b, IR_EV_BLOCK_STOP);

    if (!b->open)
        return;
    ASSERT(b->started && b->block < UINT32_MAX);
    ir_emit(s, &ev);
    b->open = false;
    b->block++;
}

struct ir_event blocks_begin(struct blocks *b, struct ir_sink s, enum ir_kind kind)
{
    CHECK(b->started);
    blocks_close(b, s);
    b->open = true;
    b->kind = kind;
    b->has_calls |= kind == IR_TOOL_USE;
    ASSERT(b->open && b->kind == kind);
    return event_of(b, IR_EV_BLOCK_START);
}

/* Pieces of one kind that follow each other are one block, however they were cut. */
void blocks_need(struct blocks *b, struct ir_sink s, enum ir_kind kind)
{
    struct ir_event ev;

    if (b->open && b->kind == kind)
        return;
    ev = blocks_begin(b, s, kind);
    ir_emit(s, &ev);
}

void blocks_delta(const struct blocks *b, struct ir_sink s, enum ir_delta what, str text)
{
    struct ir_event ev = event_of(b, IR_EV_DELTA);

    CHECK(b->open || what == IR_D_LOGPROBS);
    ev.delta.what = what;
    ev.delta.text = text;
    ir_emit(s, &ev);
}

/* Empty pieces are frequent (a role, a heartbeat), and must open nothing. */
void blocks_say(struct blocks *b, struct ir_sink s, enum ir_kind kind, jtext text)
{
    if (!text.n)
        return;
    blocks_need(b, s, kind);
    blocks_delta(b, s, IR_D_TEXT, text);
}

void blocks_end(struct blocks *b, struct ir_sink s, enum ir_finish reason, jtext word)
{
    struct ir_event ev = {.type = IR_EV_FINISH};

    CHECK(b->started);
    blocks_close(b, s);
    ASSERT(!b->open);
    ev.finish.reason = reason == IR_FIN_STOP && b->has_calls ? IR_FIN_TOOL : reason;
    ev.finish.raw = word;
    ir_emit(s, &ev);
    ev = (struct ir_event){.type = IR_EV_END};
    ir_emit(s, &ev);
}
