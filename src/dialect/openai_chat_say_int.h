/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openai_chat_say_int - the state of a Chat stream that is written, for the two files that do.
 *
 *     openai_chat_say.c        chunks, texts, thoughts, ends
 *     openai_chat_say_call.c   calls, which may have to be gathered first
 *
 * One struct, of a size that the table promises (CHAT_STREAM_SIZE); what must outlast an event is
 * copied into it, or gathered in the call's arena. All zero but for what chat_stream_init sets.
 */
#pragma once
#include "dialect/gather.h"
#include "dialect/openai_chat_int.h"

#define CHAT_HEAD_MAX   512
#define CHAT_ID_MAX     96
#define CHAT_MODEL_MAX  160
#define CHAT_FORMAT_MAX 40
#define CHAT_ARGS_MAX   (64u << 20) /* of a gathered call, as of the answers that the gate reads */

struct saying { /* one choice */
    bool role_sent, args_sent, is_custom;
    bool wrapped;          /* a custom call that came as a function's arguments, which are … */
    bool plain;            /* … JSON, or the body of a JSON string … */
    struct gather wrapper; /* … gathered until they are whole */
    uint32_t calls;        /* begun so far */
    uint32_t thoughts;     /* begun so far */
    uint64_t chars;        /* of text so far */
    uint64_t block_at;     /* chars at which the open block began */
    struct gather call;    /* the open one, where calls are held */
    bool is_signed;
    uint8_t format_n;
    char format[CHAT_FORMAT_MAX];
};

struct chat_stream {
    bool include_usage, over;
    bool has_head, as_mistral;
    uint64_t created;
    struct arena *arena;
    jval request; /* the client's, for its custom tools */
    struct usage usage;
    uint16_t own_n, model_n, head_n;
    char own_id[CHAT_ID_MAX];   /* ours: used where the provider gave none */
    char model[CHAT_MODEL_MAX]; /* the same */
    char head[CHAT_HEAD_MAX];
    struct saying choices[CHAT_CHOICES_MAX];
};

/* Everything before the members of a delta, and after them; `tail` begins with what closes it. */
void chat_begin_chunk(struct chat_stream *st, uint32_t choice, struct buf *out);
void chat_end_chunk(struct chat_stream *st, str tail, struct buf *out);
#define CHAT_TAIL STR("},\"finish_reason\":null}]")
/* The role with the content that stands beside it (JSON text), as members of an open delta. */
void chat_put_role(struct saying *c, str content, struct buf *out);

/* openai_chat_say_call.c: a call begins, brings arguments (`plain`: not escaped yet), ends. */
void chat_open_call(struct chat_stream *st, struct saying *c, const struct ir_event *ev,
                    struct buf *out);
void chat_say_arguments(struct chat_stream *st, struct saying *c, const struct ir_event *ev,
                        bool plain, struct buf *out);
void chat_close_call(struct chat_stream *st, struct saying *c, const struct ir_event *ev,
                     struct buf *out);
