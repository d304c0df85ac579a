/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eventstream - AWS's binary framing of streams (application/vnd.amazon.eventstream), read and
 * written.
 *
 *     0            4             8            12               12+H        total-4      total
 *     | total, u32 | H, u32      | CRC of 0-8 | headers, H     | payload   | CRC of all |
 *
 *     header:  | name length, u8 | name | type, u8 | value |      strings and bytes: u16 length
 * first
 *
 * All numbers are big-endian, both CRCs are zlib's CRC-32; the second is over everything before it.
 * A message tells its length in its first four bytes, guarded by a CRC of their own, so a corrupt
 * stream is known before anything is waited for. Nothing is resynchronised: behind a broken message
 * there is no next one.
 *
 * As events (http/frame.h), a message is one sse_event: `data` is the payload, `raw` the message.
 *
 *     :message-type  event          event = :event-type
 *                    exception      event = :exception-type, fault: the call failed, payload says
 * how error          event = :error-code,     fault: data = :error-message, plain text
 *
 * A message without :message-type is an event. Header types: those of the specification, sizes by
 * table; a type that is none, a header that runs over its bounds and one without a name are BAD.
 *
 * Source: AWS, "Amazon Transcribe: Event stream encoding", the same as of the Smithy specification
 * (smithy.io/2.0/aws/amazon-eventstream).
 */
#pragma once
#include "http/sse.h"

#define EVENTSTREAM_PRELUDE     12u
#define EVENTSTREAM_MIN         16u           /* a message of nothing: prelude and CRC */
#define EVENTSTREAM_HEADERS_MAX (128u << 10u) /* the specification's */

/* ---- reading */

enum eventstream_result {
    EVENTSTREAM_OK,
    EVENTSTREAM_MORE, /* fewer than EVENTSTREAM_PRELUDE bytes */
    EVENTSTREAM_BAD,  /* a CRC or a length is wrong */
};

/* How long is the message that begins here? */
enum eventstream_result eventstream_length(str head, uint32_t *ret) MUST_CHECK;

struct eventstream_message {
    str headers; /* for eventstream_header */
    str payload;
};

/* Take apart a message that is there whole: raw.n is its length. OK or BAD. */
enum eventstream_result eventstream_open(str raw, struct eventstream_message *ret) MUST_CHECK;

enum eventstream_type {
    EVENTSTREAM_TRUE,
    EVENTSTREAM_FALSE,
    EVENTSTREAM_INT8,
    EVENTSTREAM_INT16,
    EVENTSTREAM_INT32,
    EVENTSTREAM_INT64,
    EVENTSTREAM_BYTES,
    EVENTSTREAM_STRING,
    EVENTSTREAM_TIME, /* milliseconds since the epoch, i64 */
    EVENTSTREAM_UUID,
    EVENTSTREAM_TYPES
};

struct eventstream_header {
    str name;
    enum eventstream_type type;
    str value; /* as it stands, without the length of strings and bytes */
};

/* The next header off the front of *headers; MORE when there is none, BAD. */
enum eventstream_result eventstream_header(str *headers, struct eventstream_header *ret) MUST_CHECK;

/* For http/frame.c: the next message as an event, with the parser's `held` and `lent`. SSE_TOO_BIG
 * also for what is malformed. */
enum sse_result eventstream_next(struct sse_parser *p, str *in, struct sse_event *ret);

/* ---- writing */

enum eventstream_kind { EVENTSTREAM_EVENT, EVENTSTREAM_EXCEPTION };

/* Begin a message with the headers AWS sends with a JSON payload, append the payload to `to`, end
 * it: lengths and CRCs are put in then. Nothing may be consumed from `to` in between. Returns what
 * the end wants. Failures stay in the buf. */
size_t eventstream_begin(struct buf *to, enum eventstream_kind kind, str type);
void eventstream_end(struct buf *to, size_t begun);
