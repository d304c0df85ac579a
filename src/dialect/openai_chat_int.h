/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openai_chat_int - the parts of the Chat Completions dialect, for its own files only.
 *
 *     openai_chat.c         the table, paths, headers, errors
 *     openai_chat_read.c    front: request bytes → canonical; openai_chat_message.c: its messages
 *     openai_chat_write.c   back:  canonical → request bytes; openai_chat_history.c: its messages,
 *                           openai_chat_parts.c: their content, openai_chat_tools.c: its tools
 *     openai_chat_splice.c  back:  the client's own bytes, where both sides speak Chat
 *     openai_chat_feed.c    back:  answer bytes → events; openai_chat_delta.c: what a delta says,
 *                           openai_chat_usage.c: token counts, both ways
 *     openai_chat_say.c     front: events → stream; openai_chat_body.c: a collected answer → body,
 *                           openai_chat_custom.c: calls of tools that take free text
 */
#pragma once
#include "dialect/dialect.h"
#include "dialect/field.h"
#include "json/write.h"

#define CHAT_CHOICES_MAX 8 /* of `n`: further ones pass in the same dialect, but make no events */
#define CHAT_FAMILY      "openai-chat"
#define CHAT_SEARCH      "web_search_options" /* the member of a request that asks for a search */

/* openai_chat_read.c */
enum rc chat_peek(jval root, const struct front_route *route, struct arena *a, struct ir_peek *ret,
                  struct fail *f) MUST_CHECK;
enum rc chat_decode_request(jval root, const struct front_route *route, struct arena *a,
                            struct ir_request *ret, struct fail *f) MUST_CHECK;
/* openai_chat_message.c; a field_fn */
enum rc chat_read_messages(struct decoding *d, jval v, void *to,
                           const struct field_at *at) MUST_CHECK;

/* openai_chat_write.c */
enum rc chat_encode_request(const struct ir_request *r, const struct back_call *c, struct arena *a,
                            struct rope *out, struct ir_lossy *lossy, struct fail *f) MUST_CHECK;

/* openai_chat_tools.c */
struct chat_writer;
void chat_put_tools(struct chat_writer *cw);
/* Does this provider know tools that take free text? */
bool chat_takes_custom(const struct chat_writer *cw);

/* openai_chat_history.c: one canonical message as the Chat messages that say the same */
/* How a language that is Chat but for some words says them. All zero: as OpenAI. */
struct chat_ways {
    str seed;     /* "random_seed" */
    str required; /* the choice of tools that forces a call */
    const str
        *extras; /* names of Chat clients' members that are its own; ends with an absent one */
    bool prefix; /* a started answer is gone on with: "prefix":true */
    bool document_url; /* files are parts of that name; sounds are plain base64 */
    bool never_null;   /* content beside calls is "" */
    bool plain_tools;  /* functions only: no custom tools, none of OpenAI's own */
};

struct chat_writer {
    struct json_writer w;
    const struct ir_request *r;
    const struct back_call *c;
    struct arena *arena;
    struct ir_lossy *lossy;
    const struct chat_ways *ways;
    enum dialect_replay replay; /* never AUTO */
};
enum rc chat_encode_as(const struct chat_ways *ways, const struct ir_request *r,
                       const struct back_call *c, struct arena *a, struct rope *out,
                       struct ir_lossy *lossy) MUST_CHECK;
void chat_put_messages(struct chat_writer *cw);
/* A call's thought signature as Google's Chat endpoint has it: extra_content. */
void chat_put_seal(struct json_writer *w, jtext seal);
/* A schema is asked for that this target can't be bound to: it is said in words. */
bool chat_schema_in_words(const struct chat_writer *cw);

/* openai_chat_parts.c */
bool chat_is_kin(str family); /* OpenAI's words: Chat or Responses */
void chat_lose(struct chat_writer *cw, str name);
bool chat_is_text(const struct ir_block *b); /* text, or a document that is text */
bool chat_is_media(const struct ir_block *b);
bool chat_has_text(const struct ir_block *list);
/* A document's title and context, each with a blank line behind it, into an open string. */
void chat_add_about(struct json_writer *w, const struct ir_media *m);
bool chat_wants_bytes(const struct ir_block *b); /* dialect_back.wants_bytes */
/* Add the block's text to an open string, with `gap` before it; false when it is empty. */
bool chat_add_text(struct json_writer *w, const struct ir_block *b, str gap);
void chat_put_part(struct chat_writer *cw, const struct ir_block *b);
/* An assistant's thoughts and text as parts (REPLAY_PARTS). */
void chat_put_thinking_parts(struct chat_writer *cw, const struct ir_block *b);
/* All text as one string with `gap` between; what is not text is lost. */
void chat_put_joined(struct chat_writer *cw, const struct ir_block *b, str gap);
/* "content": the string or the parts. */
void chat_put_content(struct chat_writer *cw, const struct ir_block *b);

/* openai_chat_feed.c */
#define CHAT_DECODER_SIZE 1024 /* checked against the struct there */
void chat_decoder_init(void *state, bool client_usage);
enum feed_result chat_feed(void *state, struct dialect_scratch *s, const struct sse_event *ev,
                           struct ir_sink sink) MUST_CHECK;
bool chat_end(void *state, struct ir_sink sink) MUST_CHECK;
void chat_decode_body(jval root, struct dialect_scratch *s, struct ir_sink sink);

/* openai_chat_usage.c */
#define CHAT_USAGE_MAX 512
/* A usage object of any of the compatible providers. False: nothing usable in it. */
bool chat_read_usage(jval usage, struct usage *ret);
void chat_write_usage(const struct usage *u, struct buf *out); /* at most CHAT_USAGE_MAX bytes */

/* openai_chat_custom.c */
/* Does the client's request declare the tool as one that takes free text? */
bool chat_is_custom(jval request, jtext name);

/* openai_chat_say.c */
#define CHAT_STREAM_SIZE 2304 /* checked against the struct there */
void chat_stream_init(void *state, const struct front_opts *o);
void chat_encode_event(void *state, const struct ir_event *ev, struct buf *out);
str chat_finish_word(enum ir_finish f);
uint64_t chat_count_chars(jtext text); /* code points, as OpenAI counts indices */

/* openai_chat_body.c */
void chat_encode_body(const struct ir_response *r, const struct front_opts *o, struct rope *out);

/* openai_chat_splice.c */
enum rc chat_splice_request(jval root, const struct back_call *c, struct arena *a,
                            struct rope *out) MUST_CHECK;

/* openai_chat.c */
void chat_put_error(const struct fail *f, struct buf *out); /* OpenAI's error object */
void chat_encode_stream_error(const struct fail *f, str request_id, struct buf *out);
