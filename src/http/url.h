/* SPDX-License-Identifier: Apache-2.0 */
/*
 * url - base URLs of the configuration, and what may be read out of a request's target.
 *
 * All slices point into the input. Nothing here resolves, normalises or repairs: a path either has
 * one meaning or is refused (url_path_is_canonical), so that the check of rights and the choice of
 * the handler cannot see two different paths (RELIABILITY F4, D23).
 */
#pragma once
#include "base/buf.h"

struct url {
    bool tls;      /* https */
    bool is_ipv6;  /* host was written in brackets */
    uint16_t port; /* 443 or 80 when the text names none */
    str authority; /* "host[:port]" as written: for the Host field */
    str host;      /* name or address, without brackets */
    str path;      /* as written: empty, or begins with '/' */
    str query;     /* after '?', absent when there is none */
};

/* http://host[:port][/path][?query], or https. RC_SYNTAX: anything else, also userinfo, a fragment,
 * a bad name or port, control or non-ASCII bytes. *ret_why then says what, in static text. */
enum rc url_parse(str text, struct url *ret, const char **ret_why) MUST_CHECK;

/* "host[:port]" as in a Host field: a DNS name (letters, digits, '-', '_', no empty label but the
 * last), an IPv4 address, or an IPv6 address in brackets; the port 1..65535. */
bool url_authority_is_valid(str authority);

/* Does this path of a request have one meaning only? False for: no '/' in front, an empty segment,
 * a segment "." or "..", a backslash, '#' or '?', a control byte, a blank, a byte above 0x7e, a
 * malformed escape, an escaped '.', '/', '\', '%' or control byte, and escapes that decode to
 * invalid UTF-8. One trailing slash is allowed and stays part of the path. */
bool url_path_is_canonical(str path);

/* Append one path segment or query value with its %XX decoded; '+' stays '+'. RC_SYNTAX: malformed
 * escape (nothing was appended that counts: the caller drops the buffer). RC_NOMEM: b->failed. */
enum rc url_decode(str s, struct buf *b) MUST_CHECK;

/* Append `s` as one path segment or query value: all but unreserved characters as %XX. */
void url_encode(str s, struct buf *b);

/* The undecoded value of `key` in "a=1&b=2"; the key is compared as written. RC_NOTFOUND;
 * RC_DUPLICATE when it is there twice, for then two readers may disagree. A key without '=' has an
 * empty value. */
enum rc url_query(str query, str key, str *ret) MUST_CHECK;
