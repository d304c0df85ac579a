/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bedrock_int - the parts of the Bedrock dialects, for their own files only.
 *
 * Converse is one language for all models of Bedrock; its messages are Claude's in other words, so
 * what Claude refuses is asked of the Anthropic dialect (anthropic_int.h), not written twice.
 *
 *     bedrock.c            the table of `bedrock`: paths, headers, errors
 *     bedrock_write.c      back: canonical → request; bedrock_extra.c: what models take besides;
 *                          bedrock_history.c: messages; bedrock_media.c: images and documents
 *     bedrock_feed.c       back: answer → events; bedrock_cite.c: citations; bedrock_usage.c
 *     bedrock_read.c       front: request → canonical; bedrock_block.c: its content blocks
 *     bedrock_say.c        front: events → stream; bedrock_body.c: a collected answer → body
 *     bedrock_invoke.c     the table of `bedrock-invoke`: Claude's own language through InvokeModel
 */
#pragma once
#include "dialect/anthropic_int.h"

#define BEDROCK_FAMILY "bedrock"

/* ---- models ------------------------------------------------------------------------------------
 */

/* Who made it decides what a model takes besides Converse's own parameters. UNKNOWN: the name does
 * not tell (an inference profile's ARN); it is taken for a Claude, which most are. */
enum bedrock_maker {
    BEDROCK_UNKNOWN,
    BEDROCK_CLAUDE,
    BEDROCK_NOVA,
    BEDROCK_NOVA2,   /* thinks */
    BEDROCK_GPT_OSS, /* reasoning_effort */
    BEDROCK_QWEN,
    BEDROCK_OTHER
};
enum bedrock_maker bedrock_maker(str model);

static inline bool bedrock_may_be_claude(enum bedrock_maker m)
{
    return m == BEDROCK_CLAUDE || m == BEDROCK_UNKNOWN;
}

/* ---- requests ----------------------------------------------------------------------------------
 */

struct bedrock_name { /* of a document that was written: no two may be called the same */
    struct bedrock_name *next;
    str name;
};

struct bedrock_writer {
    struct anthropic_writer a; /* the JSON writer, the request, losses, and Claude's thinking */
    enum bedrock_maker maker;
    bool caches; /* the model knows cache points */
    struct bedrock_name *names;
    bool said_text, said_document; /* in the turn that is being written */
};

/* bedrock_write.c */
enum rc bedrock_encode_request(const struct ir_request *r, const struct back_call *c,
                               struct arena *a, struct rope *out, struct ir_lossy *lossy,
                               struct fail *f) MUST_CHECK;
/* {"cachePoint":…}, where `marker` (a block's cache marker) is there and the model knows them. */
void bedrock_put_cache(struct bedrock_writer *bw, str marker);

/* bedrock_extra.c: additionalModelRequestFields and additionalModelResponseFieldPaths */
void bedrock_put_extra(struct bedrock_writer *bw);
/* Is this member of the client's, unknown elsewhere, one of Converse's own? */
bool bedrock_is_own_field(str name);
bool bedrock_thinks_hard(const struct bedrock_writer *bw); /* Nova: then nothing may be limited */

/* bedrock_history.c */
void bedrock_put_system(struct bedrock_writer *bw);
void bedrock_put_messages(struct bedrock_writer *bw);
/* `blocks` of text, pictures and documents, as a result or a document holds them. */
void bedrock_put_nested(struct bedrock_writer *bw, const struct ir_block *b);
void bedrock_put_text(struct bedrock_writer *bw, jtext text); /* nothing when blank: refused */
void bedrock_put_note(struct bedrock_writer *bw, str text, str loss);

/* bedrock_media.c */
bool bedrock_wants_bytes(const struct ir_block *b); /* dialect_back.wants_bytes */
void bedrock_put_image(struct bedrock_writer *bw, const struct ir_block *b);
void bedrock_put_document(struct bedrock_writer *bw, const struct ir_block *b);

/* ---- answers -----------------------------------------------------------------------------------
 */

/* bedrock_usage.c: false: nothing usable in it */
bool bedrock_read_usage(jval usage, struct usage *to);
#define BEDROCK_USAGE_MAX 320
void bedrock_write_usage(const struct usage *u, struct buf *out); /* the object */

/* bedrock_cite.c: a citation of Converse's in the canonical form (Anthropic's). False: it says not
 * where. */
bool bedrock_read_citation(jval citation, struct buf *to);
/* … and the way back. False: it is none that Converse has words for. */
bool bedrock_write_citation(str canonical, struct buf *to);

/* bedrock_feed.c */
#define BEDROCK_DECODER_SIZE 256 /* checked against the struct there */
void bedrock_decoder_init(void *state, bool client_usage);
enum feed_result bedrock_feed(void *state, struct dialect_scratch *s, const struct sse_event *ev,
                              struct ir_sink sink) MUST_CHECK;
bool bedrock_end(void *state, struct ir_sink sink) MUST_CHECK;
void bedrock_decode_body(jval root, struct dialect_scratch *s, struct ir_sink sink);

/* Sealed thoughts are a blob here, which JSON holds as base64: what Claude's own API calls `data`
 * is the blob. One that is no text keeps its base64 behind this mark. */
#define BEDROCK_BLOB "bedrock:"
/* redactedContent to canonical data, and the way back with another maker's mark (dialect/seal.h) in
 * front; both append to `to`. */
void bedrock_unseal(jtext base64, struct buf *to);
void bedrock_seal(str mark, jtext data, struct buf *to);

/* ---- front -------------------------------------------------------------------------------------
 */

/* bedrock_read.c */
enum rc bedrock_peek(jval root, const struct front_route *route, struct arena *a,
                     struct ir_peek *ret, struct fail *f) MUST_CHECK;
enum rc bedrock_decode_request(jval root, const struct front_route *route, struct arena *a,
                               struct ir_request *ret, struct fail *f) MUST_CHECK;

/* bedrock_block.c: an array of blocks, appended at *tail; a cache point as the marker it is
 * elsewhere */
enum rc bedrock_read_content(struct decoding *d, jval v, const struct field_at *at,
                             struct ir_block ***tail) MUST_CHECK;
str bedrock_read_cache(jval point);

/* bedrock_say.c */
#define BEDROCK_STREAM_SIZE 544 /* checked against the struct there */
void bedrock_stream_init(void *state, const struct front_opts *o);
void bedrock_encode_event(void *state, const struct ir_event *ev, struct buf *out);
str bedrock_stop_word(enum ir_finish f, bool refused);

/* bedrock_body.c */
void bedrock_encode_body(const struct ir_response *r, const struct front_opts *o, struct rope *out);

/* bedrock.c */
void bedrock_encode_stream_error(const struct fail *f, str request_id, struct buf *out);
