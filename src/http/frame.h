/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame - the events of a streamed answer, whatever marks their ends on the wire.
 *
 *     FRAME_SSE    server-sent events (http/sse.h)
 *     FRAME_LINES  one JSON document a line (application/x-ndjson): Ollama
 *     FRAME_AWS    AWS's binary messages (http/eventstream.h): Bedrock
 *
 * One pull parser for all, with the events of http/sse.h, so that who reads an answer does not know
 * how it was cut into events. Feed a piece, take events until SSE_MORE. An event whose bytes lie
 * wholly in the fed piece is not copied; one that is cut lies in the parser's own buffer, bounded
 * by the maximum given at init. All raws in a row are the bytes of the stream.
 *
 * Of a line, `data` is the line without its end, `event` is absent; empty lines are events without
 * data. The last line need not be ended: frame_rest gives it.
 */
#pragma once
#include "http/sse.h"

enum frame_kind { FRAME_SSE, FRAME_LINES, FRAME_AWS };

struct frame_parser {
    enum frame_kind kind;
    struct sse_parser sse; /* FRAME_SSE; its `held` and marks serve the other kinds too */
};

void frame_init(struct frame_parser *p, enum frame_kind kind, size_t max_event);
void frame_fini(struct frame_parser *p);
/* As sse_next. SSE_TOO_BIG: the event is over the maximum, there is no memory for it, or the frame
 * is malformed; the parser stays so. */
enum sse_result frame_next(struct frame_parser *p, str *in, struct sse_event *ret);
/* Bytes held of an event that never ended, and these bytes, valid until the next call. */
size_t frame_pending(const struct frame_parser *p);
str frame_rest(const struct frame_parser *p);

/* The media type of such an answer, without parameters. */
str frame_type(enum frame_kind kind);
