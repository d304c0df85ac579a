/* SPDX-License-Identifier: Apache-2.0 */
/* h1_same - do two parses of the same bytes in the same place agree? For unit tests and fuzzers. */
#pragma once
#include "http/h1.h"

static inline bool h1_same_slice(str a, str b)
{
    return a.p == b.p && a.n == b.n;
}

static inline bool h1_same_head(const struct h1_head *a, const struct h1_head *b)
{
    bool same = a->method == b->method && h1_same_slice(a->method_text, b->method_text) &&
                h1_same_slice(a->target, b->target) && h1_same_slice(a->path, b->path) &&
                h1_same_slice(a->query, b->query) && h1_same_slice(a->host, b->host) &&
                a->status == b->status && h1_same_slice(a->reason, b->reason) &&
                a->minor == b->minor && a->keep_alive == b->keep_alive &&
                a->expect_continue == b->expect_continue && a->upgrade == b->upgrade &&
                a->body == b->body && a->content_length == b->content_length &&
                a->nheaders == b->nheaders && memcmp(a->first, b->first, sizeof(a->first)) == 0;
    for (unsigned i = 0; same && i < a->nheaders; i++)
        same = a->headers[i].id == b->headers[i].id &&
               h1_same_slice(a->headers[i].name, b->headers[i].name) &&
               h1_same_slice(a->headers[i].value, b->headers[i].value);
    return same;
}

/* Has the head come to its end, or to a line feed that settles it? Until then a head in pieces may
 * be MORE although a parse of all of it at once would already refuse it. */
static inline bool h1_is_ripe(str in)
{
    for (size_t i = 0; i < in.n; i++)
        if (in.p[i] == '\n' && (i == 0 || in.p[i - 1] != '\r' || (i > 2 && in.p[i - 2] == '\n')))
            return true;
    return in.n >= H1_HEAD_MAX;
}

/* The whole parse against one in pieces. */
static inline bool h1_same_result(enum h1_result want, const struct h1_head *whole, size_t used,
                                  enum h1_result r, const struct h1_head *part, size_t again,
                                  str in)
{
    if (want == H1_BAD && r == H1_MORE)
        return !h1_is_ripe(in);
    if (want != r)
        return false;
    if (r == H1_BAD)
        return whole->bad_status == part->bad_status && whole->bad_why == part->bad_why;
    return r == H1_MORE || (used == again && h1_same_head(whole, part));
}
