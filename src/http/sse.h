/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sse - server-sent events (WHATWG HTML §9.2), byte by byte.
 *
 * Pull parser: feed a piece, take events until SSE_MORE. An event whose bytes lie wholly in the fed
 * piece is not copied; one that is cut lies in the parser's own buffer, bounded by the maximum
 * given at init. CR, LF and CRLF end lines, also when cut in the middle. `raw` is the event with
 * its blank line exactly as it came, so that a relay can pass whole events on: all raws in a row
 * are the bytes of the stream.
 *
 * Every block that a blank line ends is one SSE_EVENT, also one that the standard would not
 * dispatch (comments only, a blank line alone): data is then absent. A cut of the stream anywhere,
 * once or between all bytes, changes no event. The last block without its blank line is never an
 * event; at the end of the stream sse_pending and sse_rest tell of it.
 */
#pragma once
#include "base/buf.h"

#define SSE_EVENT_MAX (4u << 20) /* RELIABILITY U32 */

enum sse_result { SSE_EVENT, SSE_MORE, SSE_TOO_BIG };

struct sse_event {
    str event; /* the last event field, absent when there was none */
    str data; /* all data lines joined with LF; absent when there was none (comments, blank line) */
    str raw;  /* the bytes as they came, blank line included */
    /* No data line, but one that begins with '{' or '[', so no SSE field (some providers send bare
     * JSON errors): then data is from there to the end of the block, without its line ends. */
    bool bare;
    bool fault; /* AWS event streams only: this is no event but a failure (http/eventstream.h) */
};

struct sse_parser {
    struct buf held;    /* the cut event */
    struct buf data;    /* joined data of a multi-line event */
    uint8_t line_end;   /* kind of the last line end seen */
    bool line_is_empty; /* no byte of the current line seen yet */
    bool cr;            /* the last byte was a CR: whether an LF follows is not known */
    bool cr_blank;      /* … and it ends a blank line */
    bool started;       /* the first event is out: no byte order mark any more */
    bool lent;          /* the last event lies in held */
    bool broken;        /* SSE_TOO_BIG was returned */
};

void sse_init(struct sse_parser *p, size_t max_event);
void sse_fini(struct sse_parser *p);
/* Take bytes from the front of *in. Slices in *ret are valid until the next call with this parser,
 * and no longer than *in's bytes. SSE_MORE: all was taken. SSE_TOO_BIG: the event is over the
 * maximum, or there is no memory for it; the parser stays so. */
enum sse_result sse_next(struct sse_parser *p, str *in, struct sse_event *ret);
/* Bytes held of an event that never ended (the stream broke off inside it). */
size_t sse_pending(const struct sse_parser *p);
/* Those bytes: a provider may have ended the stream with a bare JSON error. Valid until the next
 * call with this parser. */
str sse_rest(const struct sse_parser *p);
