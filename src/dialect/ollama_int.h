/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ollama_int - the parts of the Ollama dialect, for its own files only.
 *
 *     ollama.c          the table, paths, headers
 *     ollama_write.c    canonical → request bytes; ollama_history.c: its messages
 *     ollama_feed.c     answer lines → events
 */
#pragma once
#include "dialect/dialect.h"
#include "json/write.h"

struct ollama_writer {
    struct json_writer w;
    const struct ir_request *r;
    const struct back_call *c;
    struct arena *arena;
    struct ir_lossy *lossy;
    const struct ir_message *calls; /* the last message that called tools */
    unsigned searches;              /* of the whole history for a call's name */
};

enum rc ollama_encode_request(const struct ir_request *r, const struct back_call *c,
                              struct arena *a, struct rope *out, struct ir_lossy *lossy,
                              struct fail *f) MUST_CHECK;
void ollama_put_messages(struct ollama_writer *ow);
bool ollama_wants_bytes(const struct ir_block *b); /* dialect_back.wants_bytes */

#define OLLAMA_DECODER_SIZE 64 /* checked against the struct in ollama_feed.c */
void ollama_decoder_init(void *state, bool client_usage);
enum feed_result ollama_feed(void *state, struct dialect_scratch *s, const struct sse_event *ev,
                             struct ir_sink sink) MUST_CHECK;
bool ollama_end(void *state, struct ir_sink sink) MUST_CHECK;
void ollama_decode_body(jval root, struct dialect_scratch *s, struct ir_sink sink);
