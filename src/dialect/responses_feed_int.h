/* SPDX-License-Identifier: Apache-2.0 */
/* responses_feed_int - what the readers of answers share: responses_feed.c, responses_take.c. */
#pragma once
#include "dialect/responses_int.h"

/* What the item under way is, which says what its events mean. */
enum responses_what {
    WHAT_NOTHING, /* none, or one that nobody announced */
    WHAT_MESSAGE,
    WHAT_REASONING,
    WHAT_CALL, /* function_call, custom_tool_call */
    WHAT_HOSTED,
};

struct responses_decoder {
    bool started, over;
    bool open; /* a block is */
    enum ir_kind kind;
    uint32_t block; /* of the open block, or the next one */
    int64_t item;   /* output_index of the item under way or the last one; -1: none yet */
    int64_t part;   /* content_index or summary_index of what was said last; -1: none yet */
    enum responses_what what;
    bool done;    /* the item under way was ended */
    bool spoke;   /* the item brought text or arguments */
    bool said;    /* … in this part */
    bool noted;   /* … and annotations */
    bool sealed;  /* its reasoning will bring a seal */
    bool content; /* its reasoning is told as content, not as a summary */
    bool has_calls;
    uint32_t searches; /* made by the provider */
    struct usage usage;
};

struct responses_feeding {
    struct responses_decoder *st;
    struct dialect_scratch *scratch;
    struct ir_sink sink;
};

/* responses_feed.c */
/* Ends the answer as the provider's fault; false. */
bool responses_broke(struct responses_feeding *f, str message);

/* responses_take.c */
struct ir_event responses_begin_block(struct responses_feeding *f, enum ir_kind kind);
void responses_delta(struct responses_feeding *f, enum ir_delta what, str text);
void responses_close_block(struct responses_feeding *f);
/* output_item.added: an item begins. False: the answer is over by an error. */
bool responses_take_added(struct responses_feeding *f, jval item, int64_t index);
/* output_item.done, or an item of a body: what no event brought is taken from it. */
bool responses_take_done(struct responses_feeding *f, jval item, int64_t index);
/* A piece of text of the part `part`, of kind IR_TEXT, IR_REFUSAL or IR_THINKING. */
void responses_take_text(struct responses_feeding *f, enum ir_kind kind, int64_t part, jtext text);
void responses_take_thought(struct responses_feeding *f, bool content, int64_t part, jtext text);
bool responses_take_arguments(struct responses_feeding *f, jtext text);
void responses_take_logprobs(struct responses_feeding *f, jval list);
void responses_take_annotation(struct responses_feeding *f, jval note);
/* The part as it is when it is done: what no event brought is taken from it. */
void responses_take_part(struct responses_feeding *f, jval part, int64_t index);

/* responses_hosted.c */
void responses_open_hosted(struct responses_feeding *f, jval item, jtext type);
void responses_end_hosted(struct responses_feeding *f, jval item, jtext type);
