/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1_int - what the request and the response parser share; not for other folders.
 *
 * Both parse a head from its first byte to the blank line in one pass over [p, end). A step moves
 * *p only when it is done; H1_MORE means that the bytes so far could still begin a good head.
 */
#pragma once
#include "http/h1.h"

/* What is known of a head beyond struct h1_head while it is parsed. */
struct h1_parse {
    struct h1_head *h;
    const char *p, *end;
    uint32_t twice; /* bit per enum h1_name: that field came more than once */
};

/* Forget the last head without touching the array of headers. */
void h1_int_start(struct h1_head *h);

/* Sets bad_status and bad_why; always H1_BAD. */
enum h1_result h1_int_bad(struct h1_head *h, unsigned status, const char *why);

/* False while the bytes from `tried` on hold no end of head and nothing that could not be one:
 * then the head need not be parsed yet. Looks at each byte once. */
bool h1_int_may_be_whole(str in, size_t tried);

/* CR LF. */
enum h1_result h1_int_eol(struct h1_parse *ps);
/* Field lines up to and with the blank line. */
enum h1_result h1_int_fields(struct h1_parse *ps);
/* Content-Length and Transfer-Encoding: sets body and content_length; NONE when neither is there.
 */
enum h1_result h1_int_framing(struct h1_parse *ps, bool is_request);
/* Connection and the version: sets keep_alive. */
void h1_int_connection(struct h1_head *h);

/* The id of a field name that holds tchars only. */
enum h1_name h1_int_name(str name);
