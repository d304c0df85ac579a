/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1_check - what every test of a head checks besides its own point: the result is the same when
 * the head comes whole, cut once at any byte, and byte by byte; and no cut decides too early or too
 * late. All inputs lie flush against a guard page.
 */
#pragma once
#include "guard.h"

#include "h1_same.h"

enum h1_side { H1_REQUEST, H1_RESPONSE, H1_RESPONSE_TO_HEAD };

static inline enum h1_result h1_parse_side(enum h1_side side, struct h1_head *h, str in,
                                           size_t tried, size_t *used)
{
    if (side == H1_REQUEST)
        return h1_request(h, in, tried, used);
    return h1_response(h, in, tried, side == H1_RESPONSE_TO_HEAD, used);
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
        if (!h1_same_result(want, h, used, r, &piece, again, in))
            fail_msg("cut at %zu differs (%d, not %d): " STR_FMT, n, (int)r, (int)want,
                     STR_ARG(in));
    }
    enum h1_result r = H1_MORE;
    for (size_t n = 1; n <= end && r == H1_MORE; n++)
        r = h1_parse_side(side, &piece, str_head(at, n), n - 1, &again);
    if (end && !h1_same_result(want, h, used, r, &piece, again, in))
        fail_msg("byte by byte gives %d, not %d: " STR_FMT, (int)r, (int)want, STR_ARG(in));
    *ret_used = used;
    return want;
}
