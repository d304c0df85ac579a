/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ir_filter - an answer's events, changed on their way from the decoder to the writer.
 *
 *     decoder ─ events ─> filter ─> filter ─> writer or collector
 *
 * Remedies for models that do not keep to the forms their API has words for; all are asked for by
 * the operator, none is in the way of other calls:
 *
 *     think    <think>…</think> at the beginning of the text becomes a thinking block
 *     repair   arguments of calls that are no JSON are mended as they come (json/mend.h)
 *     recover  a call of a declared tool that came as text becomes a call
 *     exit     a call of the exit tool, which was given to a model that must call something,
 * becomes text
 *
 * A filter keeps what ir/event.h promises: blocks are numbered anew where it makes or joins some.
 * Choices from IR_FILTER_CHOICES on pass unchanged. Text that is held back is bounded; over the
 * bound it is text as it came.
 *
 * Memory: the chain is the caller's (the call's arena); what grows is in buffers that chain_fini
 * frees.
 */
#pragma once
#include "ir/event.h"

#define IR_FILTER_CHOICES 8
/* Bytes of text held back while it may be a call; and of a call's arguments. */
#define IR_FILTER_HOLD (256u << 10)

enum ir_filter_kind {
    IR_FILTER_THINK = 1u << 0,     /* <think> */
    IR_FILTER_REASONING = 1u << 1, /* <reasoning_content> */
    IR_FILTER_RECOVER = 1u << 2,
    IR_FILTER_REPAIR = 1u << 3,
    IR_FILTER_EXIT = 1u << 4,
};

/* The tool that a model calls to say its last words, when it must call one. */
#define IR_EXIT_TOOL "ExitTool"

struct ir_filter_setup {
    unsigned kinds;              /* enum ir_filter_kind */
    const struct ir_tool *tools; /* declared ones: the only ones that are recovered */
    jtext id;                    /* of the call: made-up tool ids begin with it */
};

struct ir_chain;

/* The filters asked for, in the order above. NULL: the arena is full. */
struct ir_chain *chain_new(struct arena *a, const struct ir_filter_setup *setup,
                           struct ir_sink out);
void chain_fini(struct ir_chain *c); /* accepts NULL */
struct ir_sink chain_sink(struct ir_chain *c);
