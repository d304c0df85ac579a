/* SPDX-License-Identifier: Apache-2.0 */
/*
 * multipart - the parts of a multipart/form-data body (RFC 7578, RFC 2046 §5.1.1): pure and strict.
 *
 *     content-type: multipart/form-data; boundary=XYZ
 *
 *     --XYZ CRLF                                               the first byte of the body
 *     Content-Disposition: form-data; name="model" CRLF CRLF
 *     whisper-1                                                data: up to the next delimiter
 *     CRLF --XYZ CRLF
 *     Content-Disposition: form-data; name="file"; filename="a.wav" CRLF CRLF
 *     RIFF…
 *     CRLF --XYZ-- CRLF                                        the end
 *
 * A pull parser over a body that lies in memory in one piece. Nothing is copied: names and data are
 * slices of it, so that a form of many megabytes goes on to a provider with one field exchanged.
 *
 * Whatever two readers could understand in two ways is refused, for what the gateway checked must
 * be what the provider reads: no preamble and no epilogue, no blanks behind a delimiter, a line
 * that only begins like a delimiter or whose line end is bare, folded or malformed headers, a
 * second name, `name*`, quoted pairs in a name or before a quote, a Content-Transfer-Encoding that
 * would encode.
 *
 * Time is linear in the body whatever the boundary is: it has at most 70 characters (RFC 2046), and
 * every byte is looked at by one search (RELIABILITY F9).
 *
 * Limits: MULTIPART_*.      Memory: none.      Fails: MULTIPART_BAD with static text.
 */
#pragma once
#include "base/rc.h"
#include "base/str.h"

#define MULTIPART_BOUNDARY_MAX 70          /* RFC 2046 §5.1.1 */
#define MULTIPART_PARTS_MAX    128         /* forms of these APIs have about ten */
#define MULTIPART_HEAD_MAX     (8u * 1024) /* of one part, as of trailers in http/h1.h */

enum multipart_result { MULTIPART_PART, MULTIPART_END, MULTIPART_BAD };

struct multipart_part {
    str name;     /* as written between the quotes; never empty */
    str filename; /* as written; absent when it is a plain field */
    str type;     /* content-type; absent: text/plain */
    str data;
};

struct multipart {
    str body;
    size_t at; /* behind the last delimiter that was taken */
    unsigned parts;
    bool over;       /* the closing delimiter was there */
    const char *why; /* of MULTIPART_BAD; stays */
    size_t mark_n;
    char mark[2 + MULTIPART_BOUNDARY_MAX]; /* "--" boundary */
};

/* Is this the media type of a form, whatever its parameters are? */
bool multipart_is_form(str content_type);
/* The boundary that a content-type names. RC_SYNTAX: it is no form's, the boundary is missing,
 * there twice, longer than 70, or holds what a boundary may not. */
enum rc multipart_boundary(str content_type, str *ret) MUST_CHECK;
/* `boundary` is one that multipart_boundary gave; the body stays where it is while m is in use. */
void multipart_init(struct multipart *m, str boundary, str body);
/* The next part. END: the form is whole. BAD: m->why says what is wrong; it stays so. */
enum multipart_result multipart_next(struct multipart *m, struct multipart_part *ret);
