/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cohere_int - the parts of the Cohere dialect, for its own files only.
 *
 *     cohere.c          the table, paths, headers
 *     cohere_write.c    canonical → request bytes; cohere_history.c: its messages and documents
 *     cohere_feed.c     answer bytes → events; cohere_cite.c: its citations
 */
#pragma once
#include "dialect/dialect.h"
#include "json/write.h"

struct cohere_writer {
    struct json_writer w;
    const struct ir_request *r;
    const struct back_call *c;
    struct arena *arena;
    struct ir_lossy *lossy;
    bool schema_in_words;
};

enum rc cohere_encode_request(const struct ir_request *r, const struct back_call *c,
                              struct arena *a, struct rope *out, struct ir_lossy *lossy,
                              struct fail *f) MUST_CHECK;
void cohere_lose(struct cohere_writer *cw, str name);
void cohere_put_messages(struct cohere_writer *cw);
/* "documents": what the answer is to cite. Nothing where there is none. */
void cohere_put_documents(struct cohere_writer *cw);

#define COHERE_DECODER_SIZE 256 /* checked against the struct in cohere_feed.c */
void cohere_decoder_init(void *state, bool client_usage);
enum feed_result cohere_feed(void *state, struct dialect_scratch *s, const struct sse_event *ev,
                             struct ir_sink sink) MUST_CHECK;
bool cohere_end(void *state, struct ir_sink sink) MUST_CHECK;
void cohere_decode_body(jval root, struct dialect_scratch *s, struct ir_sink sink);

/* Onto `to`, cleared first: the citation of one source in canonical form. False: it says nothing.
 */
bool cohere_citation(jval source, jtext answer_text, struct buf *to);
