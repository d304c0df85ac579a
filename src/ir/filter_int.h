/* SPDX-License-Identifier: Apache-2.0 */
/* filter_int - what the filters share: numbering of blocks, and reading of escaped text. */
#pragma once
#include "ir/filter.h"

/* The blocks that leave a filter, by choice. */
struct out_blocks {
    struct {
        uint32_t next; /* index of the open block, else of the next one */
        bool open;
        enum ir_kind kind;
    } choice[IR_FILTER_CHOICES];
};

/* Open a block: `like` is an IR_EV_BLOCK_START, whose index and kind do not count. */
void out_open(struct out_blocks *b, struct ir_sink to, const struct ir_event *like,
              enum ir_kind kind);
void out_close(struct out_blocks *b, struct ir_sink to, uint32_t choice); /* if one is open */
void out_say(struct out_blocks *b, struct ir_sink to, uint32_t choice, enum ir_delta what,
             str text);
/* An event of a block that goes on as it is, under its new number. */
void out_pass(struct out_blocks *b, struct ir_sink to, const struct ir_event *ev);

static inline bool is_block_event(const struct ir_event *ev)
{
    return ev->type == IR_EV_BLOCK_START || ev->type == IR_EV_DELTA || ev->type == IR_EV_BLOCK_STOP;
}

/* Take one character off the front of escaped text: its code below 0x80, else -1 (one byte of a
 * longer character, or an escape of one). *raw is what was taken. *text must not be empty. */
int jtext_next(jtext *text, str *raw);

/* A filter: its state is `size` zeroed bytes in the arena. */
struct ir_filter {
    enum ir_filter_kind kind;
    size_t size;
    void (*init)(void *state, const struct ir_filter_setup *setup, enum ir_filter_kind kind);
    void (*event)(void *state, const struct ir_event *ev, struct ir_sink to);
    void (*fini)(void *state); /* or NULL */
};

extern const struct ir_filter filter_think, filter_reasoning, filter_recover, filter_repair,
    filter_exit;
