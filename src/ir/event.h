/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ir_event - an answer in canonical form: a sequence of small events.
 *
 * Back dialects decode both streams and whole bodies into this one sequence, front dialects write a
 * stream or a whole body (ir/response.h collects) from it. So JSON → stream, stream → JSON and
 * every translation are the same path.
 *
 *     START  { BLOCK_START  DELTA*  BLOCK_STOP }*  FINISH(per choice)  END
 *     USAGE and PING may stand anywhere after START; ERROR instead of the rest, nothing after it.
 *
 * What a decoder promises, whatever the provider sends:
 *   - exactly one START, first; at most one END, last, and none after ERROR;
 *   - in one choice, block indices count from 0 and a block is closed before the next opens;
 *   - DELTAs only inside their open block (log probabilities anywhere in their choice);
 *   - FINISH after all blocks of its choice;
 *   - the last USAGE before END is the final one; each is a whole snapshot;
 *   - the slices of an event live until the sink returns.
 */
#pragma once
#include "ir/request.h"
#include "ir/usage.h"

enum ir_event_type {
    IR_EV_START,
    IR_EV_BLOCK_START,
    IR_EV_DELTA,
    IR_EV_BLOCK_STOP,
    IR_EV_USAGE,
    IR_EV_FINISH,
    IR_EV_PING,
    IR_EV_ERROR,
    IR_EV_END,
};

enum ir_delta {
    IR_D_TEXT,      /* more of the block's text (text, thinking, refusal): jtext */
    IR_D_ARGS,      /* more of a call's arguments: jtext, a piece of JSON text as a JSON string */
    IR_D_INPUT,     /* all of a call's arguments at once, as plain JSON text */
    IR_D_SIGNATURE, /* more of the block's signature (thinking; of a text: Gemini's): jtext */
    IR_D_CITATION,  /* one citation: JSON text, Anthropic's form */
    IR_D_LOGPROBS,  /* JSON text of the dialect's logprobs object */
};

enum ir_finish {
    IR_FIN_STOP,
    IR_FIN_SEQUENCE, /* a stop sequence of the client's */
    IR_FIN_LENGTH,
    IR_FIN_CONTEXT, /* the model's window is full */
    IR_FIN_TOOL,
    IR_FIN_FILTER,  /* the provider's filter stopped it */
    IR_FIN_REFUSAL, /* the model declined */
    IR_FIN_PAUSE,   /* the provider wants the turn sent back to go on */
    IR_FIN_BROKEN,  /* what the model wrote could not be read by its own provider: no answer */
    IR_FIN_OTHER,
};

struct ir_event {
    enum ir_event_type type;
    enum ir_kind kind; /* BLOCK_START, DELTA, BLOCK_STOP: of the block */
    uint32_t choice;
    uint32_t block;
    union {
        struct {
            jtext id, model;  /* as the provider gave them; may be absent */
            uint64_t created; /* unix seconds; 0: unsaid */
        } start;
        struct {
            jtext id, name;               /* TOOL_USE (and server tools in OPAQUE) */
            jtext sealed;                 /* TOOL_USE: ir_block.use.sealed */
            jtext data;                   /* REDACTED: the sealed data; OPAQUE: the block's type */
            jtext format;                 /* THINKING, REDACTED: who signed, when known */
            str family;                   /* OPAQUE: whose words, when known */
            str raw;                      /* OPAQUE: the block's whole JSON */
            bool is_signed;               /* THINKING: a signature will or may follow */
            bool is_custom;               /* TOOL_USE: arguments are free text */
            const struct ir_media *media; /* IMAGE, DOCUMENT, AUDIO made by the model */
        } open;
        struct {
            enum ir_delta what;
            str text;
        } delta;
        struct {
            enum ir_finish reason;
            jtext sequence; /* the stop sequence met, where said */
            jtext raw;      /* the provider's own word */
            str details;    /* JSON text: Anthropic's stop_details */
        } finish;
        const struct usage *usage;
        const struct fail *fail;
    };
};

typedef void (*ir_sink_fn)(void *ctx, const struct ir_event *ev);

struct ir_sink {
    ir_sink_fn fn;
    void *ctx;
};

static inline void ir_emit(struct ir_sink s, const struct ir_event *ev)
{
    s.fn(s.ctx, ev);
}

/* Does this event bring the client something it can see (the commit point of DESIGN.md)? START,
 * PING, USAGE and empty deltas do not. */
bool ir_event_is_content(const struct ir_event *ev);
str ir_finish_name(enum ir_finish f); /* for logs: "stop", "tool" … */
