/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1_check - what every test of a head checks besides its own point: the result is the same when
 * the head comes whole, cut once at any byte, and byte by byte; and no cut decides too early or too
 * late. All inputs lie flush against a guard page.
 */
#pragma once
#include "guard.h"

#include "http/h1.h"

enum h1_side { H1_REQUEST, H1_RESPONSE, H1_RESPONSE_TO_HEAD };

static inline enum h1_result h1_parse_side(enum h1_side side, struct h1_head *h, str in,
                                           size_t tried, size_t *used)
{
    if (side == H1_REQUEST)
        return h1_request(h, in, tried, used);
    return h1_response(h, in, tried, side == H1_RESPONSE_TO_HEAD, used);
}

static inline bool h1_same_slice(str a, str b)
{
    return a.p == b.p && a.n == b.n;
}

/* The same parse of the same bytes in the same place? */
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

/* A prefix may be good so far, or be refused for the reason for which the whole is refused. */
static inline void h1_check_prefix(enum h1_side side, struct guard g, str in, size_t n,
                                   enum h1_result want, const struct h1_head *whole)
{
    struct h1_head h;
    size_t used = 0;
    enum h1_result r = h1_parse_side(side, &h, guard_put(g, str_head(in, n)), 0, &used);
    if (r == H1_BAD && want == H1_BAD && h.bad_status == whole->bad_status &&
        h.bad_why == whole->bad_why)
        return;
    if (r != H1_MORE)
        fail_msg("prefix of %zu bytes gives %d (%s), whole gives %d: " STR_FMT, n, (int)r,
                 r == H1_BAD ? h.bad_why : "", (int)want, STR_ARG(in));
    h1_parse_side(side, &h, guard_put(g, in), n, &used);
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

/* Parse `in` in all ways; the whole parse comes back in *h, its slices in guarded memory. */
static inline enum h1_result h1_check_all(enum h1_side side, struct guard g, str in,
                                          struct h1_head *h, size_t *ret_used)
{
    size_t used = 0, again = 0;
    str at = guard_put(g, in);
    struct h1_head piece;
    enum h1_result want = h1_parse_side(side, h, at, 0, &used);
    size_t end = want == H1_DONE ? used : in.n, stride = in.n > 2000 ? 97 : 1;
    for (size_t n = 0; n < end; n += stride) {
        h1_check_prefix(side, g, in, n, want, h);
        guard_put(g, in);
        enum h1_result r = h1_parse_side(side, &piece, at, n, &again);
        if (r == want && r == H1_BAD && piece.bad_why == h->bad_why)
            continue;
        if (r == H1_MORE && want == H1_BAD && !h1_is_ripe(in))
            continue;
        if (r != want || (r == H1_DONE && (again != used || !h1_same_head(h, &piece))))
            fail_msg("cut at %zu differs (%d, not %d): " STR_FMT, n, (int)r, (int)want,
                     STR_ARG(in));
    }
    enum h1_result r = H1_MORE;
    for (size_t n = 1; n <= end && r == H1_MORE; n++)
        r = h1_parse_side(side, &piece, str_head(at, n), n - 1, &again);
    if (r == H1_MORE && want == H1_BAD && !h1_is_ripe(in))
        r = H1_BAD, piece.bad_status = h->bad_status;
    if (end && (r != want || (r == H1_BAD && piece.bad_status != h->bad_status) ||
                (r == H1_DONE && !h1_same_head(h, &piece))))
        fail_msg("byte by byte gives %d, not %d: " STR_FMT, (int)r, (int)want, STR_ARG(in));
    *ret_used = used;
    return want;
}
