/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1_request - the request line and the rules only requests have (RFC 9112 §3, RFC 9110 §7.2).
 *
 *     method SP target SP HTTP/1.x CRLF *( field-line CRLF ) CRLF
 *
 * One empty line before it is skipped (RFC 9112 §2.2: old clients end a body with one). The target
 * has four forms; path, query and host come out the same for the two that carry a path:
 *
 *     origin-form     /v1/messages?beta=true
 *     absolute-form   http://host:port/v1/messages    the authority must equal the Host field
 *     asterisk-form   *                               OPTIONS only
 *     authority-form  host:port                       CONNECT only, so that it can be refused
 *
 * What a path means (dots, escapes) is not decided here: url.h does, once, for routing and rights.
 */
#include "base/check.h"
#include "http/h1_int.h"
#include "http/scan_int.h"
#include "http/url.h"

#define METHOD_MAX 32 /* no registered method is longer than 17 (UPDATEREDIRECTREF) */

static enum h1_result bad(struct h1_parse *ps, unsigned status, const char *why)
{
    return h1_int_bad(ps->h, status, why);
}

static enum h1_method method_of(str m)
{
    static const struct {
        enum h1_method method;
        str text;
    } methods[] = {
        {H1_POST, STR("POST")},       {H1_GET, STR("GET")},         {H1_HEAD, STR("HEAD")},
        {H1_OPTIONS, STR("OPTIONS")}, {H1_DELETE, STR("DELETE")},   {H1_PUT, STR("PUT")},
        {H1_PATCH, STR("PATCH")},     {H1_CONNECT, STR("CONNECT")}, {H1_TRACE, STR("TRACE")},
    };
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (str_eq(m, methods[i].text))
            return methods[i].method;
    return H1_METHOD_OTHER;
}

static enum h1_result method(struct h1_parse *ps)
{
    const char *start = ps->p, *p = scan_token(start, ps->end);
    if (p - start > METHOD_MAX)
        return bad(ps, 501, "method too long");
    if (p == ps->end)
        return H1_MORE;
    if (p == start || *p != ' ')
        return bad(ps, 400, "bad method");
    ps->h->method_text = str_of(start, (size_t)(p - start));
    ps->h->method = method_of(ps->h->method_text);
    ps->p = p + 1;
    return H1_DONE;
}

/* The preface of HTTP/2 looks like a request with the method PRI. */
static bool is_h2_preface(const struct h1_head *h)
{
    return str_eq(h->method_text, STR("PRI")) && str_eq(h->target, STR("*"));
}

static enum h1_result target(struct h1_parse *ps)
{
    const char *start = ps->p, *p = scan_target(start, ps->end);
    if (p - start > H1_TARGET_MAX)
        return bad(ps, 414, "request target too long");
    if (p == ps->end)
        return H1_MORE;
    if (p == start || *p != ' ')
        return bad(ps, 400, "bad byte in the request target");
    ps->h->target = str_of(start, (size_t)(p - start));
    ps->p = p + 1;
    return is_h2_preface(ps->h) ? bad(ps, 400, "HTTP/2 is not spoken here") : H1_DONE;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Letter for letter: "http/1.1" or a blank too many is read by some servers and not by others. */
static enum h1_result version(struct h1_parse *ps)
{
    static const char shape[] = "HTTP/d.d\r\n";
    const char *p = ps->p;
    for (size_t i = 0; i < sizeof(shape) - 1; i++) {
        if (p + i == ps->end)
            return H1_MORE;
        if (shape[i] == 'd' ? !is_digit(p[i]) : p[i] != shape[i])
            return bad(ps, 400, p[i] == '\n' ? "bare LF" : "bad HTTP version");
    }
    if (p[5] != '1' || p[7] > '1')
        return bad(ps, 505, "HTTP version not supported");
    ps->h->minor = (unsigned)(p[7] - '0');
    ps->p = p + sizeof(shape) - 1;
    return H1_DONE;
}

/* At most one empty line. The first step: there is a byte to look at. */
static enum h1_result empty_line(struct h1_parse *ps)
{
    return *ps->p == '\r' || *ps->p == '\n' ? h1_int_eol(ps) : H1_DONE;
}

static void split_path(struct h1_head *h, str t)
{
    size_t at = str_find_char(t, '?');
    h->path = str_head(t, at);
    h->query = at == SIZE_MAX ? STR_NONE : str_from(t, at + 1);
}

/* http://authority[/path][?query]; h->host becomes the authority. */
static enum h1_result absolute_form(struct h1_parse *ps)
{
    struct h1_head *h = ps->h;
    size_t scheme = str_has_prefix_nocase(h->target, STR("http://"))    ? 7
                    : str_has_prefix_nocase(h->target, STR("https://")) ? 8
                                                                        : 0;
    if (!scheme)
        return bad(ps, 400, "bad request target");
    str rest = str_from(h->target, scheme);
    size_t n = 0;
    while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
        n++;
    h->host = str_head(rest, n);
    split_path(h, str_from(rest, n));
    if (h->path.n == 0)
        h->path = STR("/");
    return H1_DONE;
}

static enum h1_result split_target(struct h1_parse *ps)
{
    struct h1_head *h = ps->h;
    if (str_find_char(h->target, '#') != SIZE_MAX)
        return bad(ps, 400, "fragment in the request target");
    h->host = h->path = h->query = STR_NONE;
    if (h->method == H1_CONNECT) {
        h->path = str_head(h->target, 0);
        return H1_DONE;
    }
    if (h->target.p[0] == '/') {
        split_path(h, h->target);
        return H1_DONE;
    }
    if (str_eq(h->target, STR("*"))) {
        h->path = h->target;
        return h->method == H1_OPTIONS ? H1_DONE : bad(ps, 400, "* is for OPTIONS only");
    }
    return absolute_form(ps);
}

/* RFC 9112, section 3.2: exactly one in 1.1. Two of them, or one that differs from the target,
 * would let a request be routed by one and admitted by the other. */
static enum h1_result host(struct h1_parse *ps)
{
    struct h1_head *h = ps->h;
    if (ps->twice & 1u << H1_HOST)
        return bad(ps, 400, "more than one Host");
    str field = h1_get(h, H1_HOST);
    if (!field.p) {
        if (h->minor == 1)
            return bad(ps, 400, "no Host");
    } else if (!h->host.p) {
        h->host = field;
    } else if (!str_eq_nocase(h->host, field)) {
        return bad(ps, 400, "Host differs from the request target");
    }
    if (h->host.p && !url_authority_is_valid(h->host))
        return bad(ps, 400, "bad Host");
    return H1_DONE;
}

/* curl asks so before a long body. An expectation that is not understood may not be ignored. */
static enum h1_result expect(struct h1_parse *ps)
{
    struct h1_head *h = ps->h;
    if (!h->first[H1_EXPECT] || h->minor == 0) /* RFC 9110 §10.1.1: ignored in a 1.0 request */
        return H1_DONE;
    if (ps->twice & 1u << H1_EXPECT || !str_eq_nocase(h1_get(h, H1_EXPECT), STR("100-continue")))
        return bad(ps, 417, "unknown expectation");
    h->expect_continue = true;
    return H1_DONE;
}

static enum h1_result meaning(struct h1_parse *ps)
{
    enum h1_result r = split_target(ps);
    if (r == H1_DONE)
        r = host(ps);
    if (r == H1_DONE)
        r = h1_int_framing(ps, true);
    if (r == H1_DONE)
        r = expect(ps);
    if (r == H1_DONE)
        h1_int_connection(ps->h);
    return r;
}

static enum h1_result parse(struct h1_parse *ps)
{
    static enum h1_result (*const steps[])(struct h1_parse *) = {
        empty_line, method, target, version, h1_int_fields, meaning,
    };
    enum h1_result r = H1_DONE;
    for (size_t i = 0; r == H1_DONE && i < ARRAY_LEN(steps); i++)
        r = steps[i](ps);
    return r;
}

enum h1_result h1_request(struct h1_head *h, str in, size_t tried, size_t *ret_used)
{
    h1_int_start(h);
    if (in.n == 0 || (tried && !h1_int_may_be_whole(in, tried)))
        return H1_MORE;
    size_t n = in.n < H1_HEAD_MAX ? in.n : H1_HEAD_MAX;
    struct h1_parse ps = {.h = h, .p = in.p, .end = in.p + n};
    enum h1_result r = parse(&ps);
    if (r == H1_MORE && in.n >= H1_HEAD_MAX)
        return bad(&ps, 431, "header fields too large");
    if (r == H1_DONE) {
        ASSERT(ps.p <= ps.end && h->path.p && h->nheaders <= H1_HEADERS_MAX);
        *ret_used = (size_t)(ps.p - in.p);
    }
    return r;
}
