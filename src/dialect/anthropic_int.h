/* SPDX-License-Identifier: Apache-2.0 */
/*
 * anthropic_int - the parts of the Anthropic Messages dialect, for its own files, and for the
 * dialects in which others serve Claude (bedrock*.c): its rules are the same behind every door.
 *
 *     anthropic.c          the table, paths, headers, errors
 *     anthropic_read.c     front: request bytes → canonical; anthropic_block.c: its content blocks
 *     anthropic_write.c    back:  canonical → request bytes; anthropic_history.c: its messages,
 *                          anthropic_media.c: their pictures and documents,
 *                          anthropic_think.c: what becomes of reasoning
 *     anthropic_feed.c     back:  answer bytes → events; anthropic_usage.c: token counts, both ways
 *     anthropic_say.c      front: events → stream; anthropic_body.c: a collected answer → body
 */
#pragma once
#include "dialect/dialect.h"
#include "dialect/field.h"
#include "dialect/seal.h"
#include "json/write.h"

#define ANTHROPIC_FAMILY "anthropic"
#define ANTHROPIC_FORMAT SEAL_ANTHROPIC

/* anthropic_read.c */
enum rc anthropic_peek(jval root, const struct front_route *route, struct arena *a,
                       struct ir_peek *ret, struct fail *f) MUST_CHECK;
enum rc anthropic_decode_request(jval root, const struct front_route *route, struct arena *a,
                                 struct ir_request *ret, struct fail *f) MUST_CHECK;

/* anthropic_block.c: a string or an array of blocks, appended at *tail */
enum rc anthropic_read_content(struct decoding *d, jval v, const struct field_at *at,
                               struct ir_block ***tail) MUST_CHECK;

/* What the writing of one request needs everywhere. */
struct anthropic_writer {
    struct json_writer w;
    const struct ir_request *r;
    const struct back_call *c;
    struct arena *arena;
    struct ir_lossy *lossy;
    uint64_t max_tokens;
    bool thinks;   /* `thinking` is written */
    bool adaptive; /* … without a budget */
    uint64_t budget;
    jtext effort;                              /* output_config.effort; absent: none */
    bool schema_in_words;                      /* the response's schema goes into the system text */
    const struct anthropic_envelope *envelope; /* NULL: Anthropic's own API */
};

/* How a cloud wants the body: its version in it, and the model elsewhere. */
struct anthropic_envelope {
    str version; /* "bedrock-2023-05-31" */
    bool stream; /* `stream` stays in the body */
    str betas;   /* the member that names them, JSON text; absent: none, or not in the body */
};

/* anthropic_write.c */
enum rc anthropic_encode_request(const struct ir_request *r, const struct back_call *c,
                                 struct arena *a, struct rope *out, struct ir_lossy *lossy,
                                 struct fail *f) MUST_CHECK;
enum rc anthropic_encode_enveloped(const struct ir_request *r, const struct back_call *c,
                                   const struct anthropic_envelope *e, struct arena *a,
                                   struct rope *out, struct ir_lossy *lossy) MUST_CHECK;
/* anthropic_history.c: a block's beginning, up to its type, and its end with what may stand on any
 * block. */
void anthropic_begin_block(struct anthropic_writer *aw, str type);
void anthropic_end_block(struct anthropic_writer *aw, const struct ir_block *b);
/* Text in the place of what can't be shown, so that the model knows; the loss is named. */
void anthropic_put_note(struct anthropic_writer *aw, str text, str loss);
void anthropic_put_nested(struct anthropic_writer *aw, const struct ir_block *b); /* a list */
/* The client spoke Messages too: what only its provider can read (files, citations) is its own. */
bool anthropic_own_words(const struct anthropic_writer *aw);
/* anthropic_media.c */
void anthropic_put_image(struct anthropic_writer *aw, const struct ir_block *b);
void anthropic_put_document(struct anthropic_writer *aw, const struct ir_block *b);
void anthropic_lose(struct anthropic_writer *aw, str name);
/* A tool's schema as a value: Claude wants a plain object at its root. */
void anthropic_put_schema(struct anthropic_writer *aw, jval schema);
void anthropic_note_losses(
    struct anthropic_writer *aw); /* parameters that Claude has no words for */
bool anthropic_is_blank(jtext t); /* nothing visible in it: refused in stop sequences */

/* anthropic_think.c: fills max_tokens, thinks, adaptive, budget, effort */
void anthropic_plan_thinking(struct anthropic_writer *aw);

/* anthropic_history.c */
void anthropic_put_system(struct anthropic_writer *aw);   /* "system", where there is one */
void anthropic_put_messages(struct anthropic_writer *aw); /* the array */
jtext anthropic_trimmed(jtext t); /* without white space at its end, as the last turn must be */
/* Will this thinking or redacted block be written? */
bool anthropic_keeps_thought(const struct ir_block *b);

/* anthropic_usage.c */
#define ANTHROPIC_USAGE_MAX 512
/* Take over what a usage object says; false: nothing usable in it. */
bool anthropic_read_usage(jval usage, struct usage *to);
/* Members of a usage object without its braces; `whole`: also those that only a whole answer has.
 */
void anthropic_write_usage(const struct usage *u, bool whole, struct buf *out);

/* anthropic_feed.c */
#define ANTHROPIC_DECODER_SIZE 512 /* checked against the struct there */
void anthropic_decoder_init(void *state, bool client_usage);
enum feed_result anthropic_feed(void *state, struct dialect_scratch *s, const struct sse_event *ev,
                                struct ir_sink sink) MUST_CHECK;
bool anthropic_end(void *state, struct ir_sink sink) MUST_CHECK;
bool anthropic_is_over(const void *state); /* everything is FEED_DROP now … */
void anthropic_give_up(void *state);       /* … from here on: an error was emitted for it */
void anthropic_decode_body(jval root, struct dialect_scratch *s, struct ir_sink sink);

/* anthropic_say.c */
#define ANTHROPIC_STREAM_SIZE 2048 /* checked against the struct there */
void anthropic_stream_init(void *state, const struct front_opts *o);
void anthropic_encode_event(void *state, const struct ir_event *ev, struct buf *out);
bool anthropic_knows(str family); /* whose a block of one language's own is; absent: unsaid */
str anthropic_stop_word(enum ir_finish f, bool refused);

/* anthropic_body.c */
void anthropic_encode_body(const struct ir_response *r, const struct front_opts *o,
                           struct rope *out);

/* anthropic.c */
void anthropic_encode_stream_error(const struct fail *f, str request_id, struct buf *out);
