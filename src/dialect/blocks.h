/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blocks - the blocks of an answer with one choice, for decoders of languages that do not mark them
 * all: the first text, thought or call opens one, another kind closes it (ir/event.h).
 *
 *     blocks_start(&b, sink, id, model);      once; later calls do nothing
 *     blocks_say(&b, sink, IR_TEXT, text);    opens a text block where none is open
 *     ev = blocks_begin(&b, sink, IR_TOOL_USE);  ev.open.… = …;  ir_emit(sink, &ev);
 *     blocks_delta(&b, sink, IR_D_INPUT, args);
 *     blocks_close(&b, sink);
 *
 * The struct is part of a decoder's state; all zero is the beginning. Emits nothing by itself but
 * what the functions say.
 */
#pragma once
#include "ir/event.h"

struct blocks {
    bool started, open, has_calls;
    enum ir_kind kind;
    uint32_t block; /* of the open block, or the next one */
};

void blocks_start(struct blocks *b, struct ir_sink s, jtext id, jtext model);
void blocks_close(struct blocks *b, struct ir_sink s);
/* Closes what is open; the caller fills the event and emits it. */
struct ir_event blocks_begin(struct blocks *b, struct ir_sink s, enum ir_kind kind);
void blocks_need(struct blocks *b, struct ir_sink s, enum ir_kind kind);
/* More of the open block. LOGPROBS may stand anywhere. */
void blocks_delta(const struct blocks *b, struct ir_sink s, enum ir_delta what, str text);
void blocks_say(struct blocks *b, struct ir_sink s, enum ir_kind kind,
                jtext text); /* "": nothing */
/* FINISH and END, with the open block closed. STOP after calls is TOOL. */
void blocks_end(struct blocks *b, struct ir_sink s, enum ir_finish reason, jtext word);
