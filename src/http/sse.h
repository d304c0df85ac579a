/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sse - server-sent events (WHATWG HTML §9.2), byte by byte.
 *
 * Pull parser: feed a piece, take events until SSE_MORE. An event whose bytes lie wholly in the fed
 * piece is not copied; one that is cut lies in the parser's own buffer, bounded by the maximum given
 * at init. CR, LF and CRLF end lines, also when cut in the middle. `raw` is the event with its blank
 * line exactly as it came, so that a relay can pass whole events on.
 */
#pragma once
#include "base/buf.h"

#define SSE_EVENT_MAX (4u << 20) /* RELIABILITY U32 */

enum sse_result { SSE_EVENT, SSE_MORE, SSE_TOO_BIG };

struct sse_event {
    str event; /* the event field, absent when there was none */
    str data;  /* all data lines joined with LF; absent when there was none (comments only, or a bare line) */
    str raw;   /* the bytes as they came, blank line included */
    bool bare; /* a line that is no SSE field (some providers send bare JSON errors): then data is that line */
};

struct sse_parser {
    struct buf held; /* the cut event, or joined data lines */
    struct buf data; /* joined data of a multi-line event */
    size_t scanned;  /* bytes of the pending event already searched */
    /* … the implementation may add fields */
};

void sse_init(struct sse_parser *p, size_t max_event);
void sse_fini(struct sse_parser *p);
/* Slices in *ret are valid until the next call with this parser, and no longer than *in's bytes. */
enum sse_result sse_next(struct sse_parser *p, str *in, struct sse_event *ret);
/* Bytes held of an event that never ended (the stream broke off inside it). */
size_t sse_pending(const struct sse_parser *p);
