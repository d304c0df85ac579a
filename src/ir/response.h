/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ir_response - a whole answer, collected from events, for front dialects that write one JSON body.
 *
 *     struct ir_collect c;
 *     ir_collect_init(&c, arena, borrow);
 *     decode(…, ir_collect_sink(&c), …);         any decoder: stream or body
 *     if (c.failed) …  else front->encode_body(&c.response, …)
 *
 * With `borrow`, the slices of the events outlive the response (a decoded body that stays in
 * memory) and are only referred to; else they are copied into the arena.
 */
#pragma once
#include "ir/event.h"

struct ir_answer { /* one choice */
    struct ir_answer *next;
    uint32_t choice;
    struct ir_block *blocks;
    enum ir_finish finish;
    bool finished;
    jtext sequence;
    jtext raw_finish;
    str details;
    str logprobs; /* JSON text of the last event that brought some: whole bodies bring one */
    /* while it is gathered */
    struct ir_block **tail;
    struct ir_block *open;
    struct ir_cite **cite_tail;
    size_t text_cap, sig_cap;
};

struct ir_response {
    jtext id, model;
    uint64_t created;
    struct ir_answer *answers; /* by choice, ascending; NULL: nothing came */
    struct usage usage;
    bool complete; /* END came */
};

struct ir_collect {
    struct arena *arena;
    struct ir_response response;
    struct fail fail; /* valid when failed; its text is in the arena */
    bool failed;      /* ERROR came, or the arena is full */
    bool borrow;
};

void ir_collect_init(struct ir_collect *c, struct arena *a, bool borrow);
void ir_collect_event(void *c, const struct ir_event *ev); /* an ir_sink_fn */

static inline struct ir_sink ir_collect_sink(struct ir_collect *c)
{
    return (struct ir_sink){ir_collect_event, c};
}
/* The first answer, or NULL. */
const struct ir_answer *ir_response_first(const struct ir_response *r);
