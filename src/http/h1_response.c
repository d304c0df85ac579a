/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1_response - the status line and where a response's body ends (RFC 9112 §4, §6.3).
 *
 *     HTTP/1.x SP 3DIGIT [ SP reason ] CRLF *( field-line CRLF ) CRLF
 *
 * The blank after the code may lack, as several servers write it; nothing else is forgiven. Every
 * fault is a 502: what the provider sent is not the client's doing. Bytes behind the head stay in
 * the caller's input; after a response without a body they are the provider's mistake, and the
 * connection that has them is not used again.
 */
#include "base/check.h"
#include "http/h1_int.h"
#include "http/scan_int.h"

static enum h1_result bad(struct h1_parse *ps, const char *why)
{
    return h1_int_bad(ps->h, 502, why);
}

static bool fits(char c, char shape)
{
    switch (shape) {
    case 'x':
        return c == '0' || c == '1';
    case 'd':
        return c >= '0' && c <= '9';
    case 's': /* of the first digit of a status */
        return c >= '1' && c <= '5';
    default:
        return c == shape;
    }
}

static enum h1_result status_line(struct h1_parse *ps)
{
    static const char shape[] = "HTTP/1.x sdd";
    const char *p = ps->p;
    for (size_t i = 0; i < sizeof(shape) - 1; i++) {
        if (p + i == ps->end)
            return H1_MORE;
        if (!fits(p[i], shape[i]))
            return bad(ps, i < 8 ? "not an HTTP/1.1 response" : "bad status line");
    }
    ps->h->minor = (unsigned)(p[7] - '0');
    ps->h->status = (unsigned)((p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0'));
    p += sizeof(shape) - 1;
    if (p == ps->end)
        return H1_MORE;
    if (*p == ' ')
        p++;
    else if (*p != '\r')
        return bad(ps, "bad status line");
    ps->p = scan_value(p, ps->end);
    ps->h->reason = str_of(p, (size_t)(ps->p - p));
    return h1_int_eol(ps);
}

/* Whatever its fields say (RFC 9112, section 6.3): what followed would be read as the next
 * response's head. */
static bool has_no_body(const struct h1_head *h, bool to_head)
{
    return to_head || h->status < 200 || h->status == 204 || h->status == 304;
}

static enum h1_result meaning(struct h1_parse *ps, bool to_head)
{
    struct h1_head *h = ps->h;
    enum h1_result r = h1_int_framing(ps, false);
    if (r != H1_DONE)
        return r;
    h1_int_connection(h);
    if (has_no_body(h, to_head)) {
        h->body = H1_BODY_NONE;
    } else if (h->body == H1_BODY_NONE) {
        h->body = H1_BODY_UNTIL_CLOSE;
        h->keep_alive = false;
    }
    return H1_DONE;
}

static enum h1_result parse(struct h1_parse *ps, bool to_head)
{
    enum h1_result r = status_line(ps);
    if (r == H1_DONE)
        r = h1_int_fields(ps);
    return r == H1_DONE ? meaning(ps, to_head) : r;
}

enum h1_result h1_response(struct h1_head *h, str in, size_t tried, bool to_head, size_t *ret_used)
{
    h1_int_start(h);
    if (in.n == 0 || (tried && !h1_int_may_be_whole(in, tried)))
        return H1_MORE;
    size_t n = in.n < H1_HEAD_MAX ? in.n : H1_HEAD_MAX;
    struct h1_parse ps = {.h = h, .p = in.p, .end = in.p + n};
    enum h1_result r = parse(&ps, to_head);
    if (r == H1_MORE && in.n >= H1_HEAD_MAX)
        r = bad(&ps, "header fields too large");
    if (r == H1_BAD)
        h->bad_status = 502;
    if (r == H1_DONE) {
        ASSERT(ps.p <= ps.end && h->status >= 100 && h->status < 600);
        *ret_used = (size_t)(ps.p - in.p);
    }
    return r;
}
