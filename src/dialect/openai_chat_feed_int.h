/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openai_chat_feed_int - state of the Chat decoder, shared by openai_chat_feed.c (the stream) and
 * openai_chat_delta.c (what one delta or message says).
 */
#pragma once
#include "dialect/openai_chat_int.h"

#define CHAT_FINISH_MAX 24
#define CHAT_LEGACY     (-2) /* function_call: there is only one */

struct chat_choice {
    bool seen, open, has_calls, finished;
    bool sealed;       /* the open thought has its signature */
    uint64_t thought;  /* index of the detail that came last */
    enum ir_kind kind; /* of the open block */
    uint32_t block;    /* of the open block, or the next one */
    int64_t call;      /* index of the open call */
    uint64_t call_id;  /* hash of its id */
    enum ir_finish finish;
    uint8_t finish_n;
    char finish_word[CHAT_FINISH_MAX];
};

struct chat_decoder {
    bool client_usage;
    bool started, over;
    bool body;  /* a whole body, not a stream */
    bool cited; /* the sources beside the choices were told */
    struct usage usage;
    struct chat_choice choices[CHAT_CHOICES_MAX];
};

/* One chunk at work. */
struct chat_feeding {
    struct chat_decoder *st;
    struct dialect_scratch *scratch;
    struct ir_sink sink;
    struct chat_choice *c;
    uint32_t index; /* of c */
};

/* Events of one delta or message. False: it was unusable, ERROR is out, the stream is over. */
bool chat_take_message(struct chat_feeding *f, jval v) MUST_CHECK;
void chat_take_sources(struct chat_feeding *f, jval results, jval urls);
void chat_take_finish(struct chat_choice *c, jtext word);
void chat_close_block(struct chat_feeding *f);
/* Emit ERROR and end the stream. Returns false. */
bool chat_upstream_broke(struct chat_feeding *f, str message);
