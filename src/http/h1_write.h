/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1_write - heads and chunk framing onto a buf. The counterpart of h1.h.
 *
 *     h1_write_status(b, 200);                          h1_write_request(b, STR("POST"), target);
 *     h1_write_header(b, STR("content-type"), type);    h1_write_header(b, STR("host"), host);
 *     h1_write_length(b, body.n);                       h1_write_header(b,
 * STR("transfer-encoding"), …); h1_write_end(b);                                  h1_write_end(b);
 *
 * Always HTTP/1.1. A field whose value holds a control byte (CR, LF, NUL …; HTAB is allowed) is
 * left out and false returned: a value may come from a peer, and one bad field must neither split
 * the head nor fail the whole message. A request line with such a byte or a blank sets b->failed,
 * for without it there is no message. Field names and methods are ours and must be tokens: CHECK in
 * debug builds. No memory: b->failed, as with every append.
 */
#pragma once
#include "base/buf.h"

void h1_write_status(struct buf *b, unsigned status); /* with the usual reason phrase */
void h1_write_request(struct buf *b, str method, str target);
bool h1_write_header(struct buf *b, str name, str value);
void h1_write_header_u64(struct buf *b, str name, uint64_t value);
void h1_write_length(struct buf *b, uint64_t n); /* Content-Length */
void h1_write_end(struct buf *b);                /* the blank line */

/* Chunks: the prefix ("1f4\r\n"), then n > 0 bytes of data, then H1_CHUNK_END; H1_CHUNK_LAST ends
 * the body. */
#define H1_CHUNK_PREFIX_MAX 18
#define H1_CHUNK_END        STR("\r\n")
#define H1_CHUNK_LAST       STR("0\r\n\r\n")
size_t h1_chunk_prefix(char to[H1_CHUNK_PREFIX_MAX], size_t n); /* returns the bytes written */
void h1_write_chunk(struct buf *b, str data);                   /* all three; nothing for n == 0 */
