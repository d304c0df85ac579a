/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1 - HTTP/1.1 heads and bodies (RFC 9112), pure and strict.
 *
 * A head is parsed in one piece: the caller gathers bytes until H1_MORE turns into H1_DONE, passing
 * the count it tried last time so that a head that trickles in costs linear time. All slices point
 * into the input. A head that is wrong from its first byte is refused at once when it comes in one
 * piece; one that trickles may be MORE until its blank line, a bare LF or the limit is there. All
 * ways of cutting it end in the same result.
 *
 * Strict means: CRLF only, no obs-fold, no space before the colon, tokens are tokens, one valid
 * Host (and the target's authority, when it has one, is the same), Content-Length is 1*DIGIT and
 * comes once, Transfer-Encoding is exactly "chunked" and never beside Content-Length, both without
 * blanks but the usual one behind the colon. Anything else is H1_BAD and the connection must close.
 *
 * Limits: H1_HEAD_MAX, H1_TARGET_MAX, H1_HEADERS_MAX.      Memory: none.
 * Refused requests: 400; 414 and 431 for the limits; 417 for an unknown expectation; 501 for a
 * method over 32 bytes; 505 for HTTP/d.d other than 1.0 and 1.1. Refused responses: always 502.
 */
#pragma once
#include "base/str.h"

#define H1_HEADERS_MAX 100
#define H1_HEAD_MAX    (16 * 1024) /* bytes of a whole head: RELIABILITY D12, U7 */
#define H1_TARGET_MAX  (8 * 1024)

enum h1_result { H1_DONE, H1_MORE, H1_BAD };

/* Headers that weir itself looks at have a name for the lookup; all others are H1_OTHER. */
enum h1_name {
    H1_OTHER,
#define H1_NAME(id, text) H1_##id,
#include "http/h1_names.def"
#undef H1_NAME
    H1_NAME_COUNT
};

struct h1_header {
    str name, value; /* value trimmed */
    enum h1_name id;
};

enum h1_method {
    H1_GET,
    H1_HEAD,
    H1_POST,
    H1_PUT,
    H1_PATCH,
    H1_DELETE,
    H1_OPTIONS,
    H1_CONNECT,
    H1_TRACE,
    H1_METHOD_OTHER
};

enum h1_body { H1_BODY_NONE, H1_BODY_LENGTH, H1_BODY_CHUNKED, H1_BODY_UNTIL_CLOSE };

struct h1_head {
    /* request */
    enum h1_method method;
    str method_text;
    str target; /* as sent */
    str path;   /* absolute-form reduced; before '?'; not decoded; empty for CONNECT */
    str query;  /* after '?', absent when there is none */
    str host;   /* "name[:port]", valid: of the target, else the Host field; absent only in 1.0 */
    /* response */
    unsigned status;
    str reason;
    /* both */
    unsigned minor; /* HTTP/1.minor, 0 or 1 */
    bool keep_alive;
    bool expect_continue;
    bool upgrade; /* an Upgrade field is there */
    enum h1_body body;
    uint64_t content_length; /* H1_BODY_LENGTH, may be 0; at most INT64_MAX */
    unsigned nheaders;
    uint8_t first[H1_NAME_COUNT]; /* index + 1 of the first header with that id; 0 = none */
    /* H1_BAD: what to answer (400 414 431 501 505 …) and why; static text */
    unsigned bad_status;
    const char *bad_why;
    struct h1_header headers[H1_HEADERS_MAX]; /* last: a copy may stop after nheaders of them */
};

/* Parse a request head at the start of `in`; one empty line before it is skipped. `tried` is the
 * size that was MORE last time, else 0. H1_DONE: *ret_used is the head's size with its blank line.
 * The body is NONE, LENGTH or CHUNKED whatever the method is. */
enum h1_result h1_request(struct h1_head *h, str in, size_t tried, size_t *ret_used);
/* Parse a response head; `to_head` when it answers a HEAD request (no body). 1xx heads are returned
 * like others, with body NONE as 204 and 304. Without a length: UNTIL_CLOSE, and no keep_alive. */
enum h1_result h1_response(struct h1_head *h, str in, size_t tried, bool to_head, size_t *ret_used);

/* Value of the first header with this id, or an absent slice. */
static inline str h1_get(const struct h1_head *h, enum h1_name id)
{
    return h->first[id] ? h->headers[h->first[id] - 1].value : STR_NONE;
}
/* By any name, ASCII case-insensitive. */
str h1_find(const struct h1_head *h, str name);

/* ---- chunked bodies (RFC 9112 §7.1): sizes of 1 to 16 digits and no blanks; extensions up to 4
 * KiB a body and trailers up to 8 KiB are checked for form and dropped. */
struct chunk_decoder {
    uint64_t left; /* of the current chunk */
    uint8_t state;
    uint8_t digits;
    uint32_t ext_bytes, trailer_bytes; /* running totals, capped */
};

void chunk_init(struct chunk_decoder *d);
/* Take bytes from the front of *in. H1_DONE: the body is over and *in stands behind it. H1_MORE
 * with ret_data->n > 0: that much body data (a slice of *in), call again; with n == 0: all was
 * taken. H1_BAD: close. */
enum h1_result chunk_next(struct chunk_decoder *d, str *in, str *ret_data);
