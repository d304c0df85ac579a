/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1 - the part of an HTTP/1 head that requests and responses have in common: field lines, framing,
 * Connection.
 *
 * A head is parsed in one pass once it is there. While it trickles in, h1_int_may_be_whole looks
 * only at the line feeds among the new bytes: a head ends at an empty line, so until one comes (or
 * a line feed that no CR precedes, which is an error that need not wait) nothing is parsed again,
 * and a head that arrives byte by byte costs linear time.
 *
 * Where RFC 9112 lets a recipient repair a message, this one refuses it. Two parsers that repair
 * differently are what request smuggling is made of; weir stands between clients and providers, and
 * every message it passes on is written afresh from what was understood here. The two fields that
 * decide where a message ends are held to their one plain spelling, "Name: value", without the tabs
 * and extra blanks that are legal elsewhere.
 */
#include "base/check.h"
#include "base/num.h"
#include "http/h1_int.h"
#include "http/scan_int.h"

void h1_int_start(struct h1_head *h)
{
    memset(h, 0, offsetof(struct h1_head, headers));
    memset(h->first, 0, sizeof(h->first));
    h->bad_status = 0;
    h->bad_why = NULL;
}

enum h1_result h1_int_bad(struct h1_head *h, unsigned status, const char *why)
{
    h->bad_status = status;
    h->bad_why = why;
    return H1_BAD;
}

bool h1_int_may_be_whole(str in, size_t tried)
{
    if (in.n >= H1_HEAD_MAX)
        return true;
    for (size_t at = tried; at < in.n; at++) {
        const char *lf = memchr(in.p + at, '\n', in.n - at);
        if (!lf)
            return false;
        at = (size_t)(lf - in.p);
        if (at == 0 || in.p[at - 1] != '\r')
            return true;
        if (at >= 2 && in.p[at - 2] == '\n')
            return true;
    }
    return false;
}

enum h1_result h1_int_eol(struct h1_parse *ps)
{
    if (ps->p == ps->end)
        return H1_MORE;
    if (*ps->p != '\r')
        return h1_int_bad(ps->h, 400, *ps->p == '\n' ? "bare LF" : "control byte in the head");
    if (ps->p + 1 == ps->end)
        return H1_MORE;
    if (ps->p[1] != '\n')
        return h1_int_bad(ps->h, 400, "bare CR");
    ps->p += 2;
    return H1_DONE;
}

/* A line that begins with a blank went on with the one before, once (obs-fold); a blank before the
 * colon is how one parser is made to see a field that another does not. */
static enum h1_result bad_name(struct h1_parse *ps, const char *name)
{
    char c = *ps->p;
    if (ps->p == name)
        return h1_int_bad(ps->h, 400,
                          c == ' ' || c == '\t' ? "folded field line" : "empty field name");
    if (c == ' ' || c == '\t')
        return h1_int_bad(ps->h, 400, "blank before the colon of a field");
    return h1_int_bad(ps->h, 400, "bad byte in a field name");
}

static enum h1_result add(struct h1_parse *ps, str name, str value)
{
    struct h1_head *h = ps->h;
    if (h->nheaders == H1_HEADERS_MAX)
        return h1_int_bad(h, 431, "too many header fields");
    struct h1_header *to = &h->headers[h->nheaders++];
    enum h1_name id = h1_int_name(name);
    ASSERT((size_t)id < ARRAY_LEN(h->first) && name.n > 0);
    to->name = name;
    to->value = value;
    to->id = id;
    if (id == H1_OTHER)
        return H1_DONE;
    if (h->first[id])
        ps->twice |= 1u << id;
    else
        h->first[id] = (uint8_t)h->nheaders;
    return H1_DONE;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* One field line; ps->p is at its first byte, which is not CR. */
static enum h1_result field(struct h1_parse *ps)
{
    const char *start = ps->p, *end = ps->end, *p = scan_token(start, end);
    ps->p = p;
    if (p == end)
        return H1_MORE;
    if (*p != ':' || p == start)
        return bad_name(ps, start);
    str name = str_of(start, (size_t)(p - start));
    do
        p++;
    while (p < end && is_blank(*p));
    start = p;
    ps->p = p = scan_value(p, end);
    if (WEIR_LIKELY(end - p >= 2 && p[0] == '\r' && p[1] == '\n')) {
        ps->p += 2;
    } else {
        enum h1_result r = h1_int_eol(ps);
        if (r != H1_DONE)
            return r;
    }
    while (p > start && is_blank(p[-1]))
        p--;
    return add(ps, name, str_of(start, (size_t)(p - start)));
}

enum h1_result h1_int_fields(struct h1_parse *ps)
{
    for (;;) {
        if (ps->p == ps->end)
            return H1_MORE;
        if (*ps->p == '\r')
            return h1_int_eol(ps);
        enum h1_result r = field(ps);
        if (r != H1_DONE)
            return r;
    }
}

/* "Name: value" CR LF or "Name:value" CR LF, no other blanks. The value is a slice of the head, so
 * the bytes around it can be looked at. */
static bool is_plain(str value)
{
    const char *p = value.p;
    CHECK(p != NULL); /* an absent field has nothing around it */
    return (p[-1] == ':' || (p[-1] == ' ' && p[-2] == ':')) && p[value.n] == '\r';
}

static enum h1_result bad_framing(struct h1_parse *ps, const char *why)
{
    return h1_int_bad(ps->h, 400, why);
}

enum h1_result h1_int_framing(struct h1_parse *ps, bool is_request)
{
    struct h1_head *h = ps->h;
    h->body = H1_BODY_NONE;
    if (ps->twice & (1u << H1_CONTENT_LENGTH | 1u << H1_TRANSFER_ENCODING))
        return bad_framing(ps, "Content-Length or Transfer-Encoding more than once");
    if (h->first[H1_TRANSFER_ENCODING]) {
        str te = h1_get(h, H1_TRANSFER_ENCODING);
        if (h->first[H1_CONTENT_LENGTH])
            return bad_framing(ps, "Content-Length beside Transfer-Encoding");
        if (h->minor == 0)
            return bad_framing(ps, "Transfer-Encoding in HTTP/1.0");
        /* Codings ignore case; clients all write it small, a few old servers do not. */
        if (!is_plain(te) ||
            !(is_request ? str_eq(te, STR("chunked")) : str_eq_nocase(te, STR("chunked"))))
            return bad_framing(ps, "Transfer-Encoding is not exactly chunked");
        h->body = H1_BODY_CHUNKED;
    } else if (h->first[H1_CONTENT_LENGTH]) {
        str cl = h1_get(h, H1_CONTENT_LENGTH);
        if (!is_plain(cl) || num_u64(cl, &h->content_length) != RC_OK ||
            h->content_length > INT64_MAX)
            return bad_framing(ps, "bad Content-Length");
        h->body = H1_BODY_LENGTH;
    }
    return H1_DONE;
}

/* RFC 9112, section 9.3: 1.1 goes on unless one side says close, 1.0 ends unless both say
 * keep-alive. Close counts more, wherever in the lists it stands. */
void h1_int_connection(struct h1_head *h)
{
    bool close = false, keep = false;
    unsigned i = h->first[H1_CONNECTION] ? h->first[H1_CONNECTION] - 1u : h->nheaders;
    for (; i < h->nheaders; i++) {
        if (h->headers[i].id != H1_CONNECTION)
            continue;
        for (str rest = h->headers[i].value; rest.p;) {
            str token = str_trim(str_cut(&rest, ','));
            close |= str_eq_nocase(token, STR("close"));
            keep |= str_eq_nocase(token, STR("keep-alive"));
        }
    }
    h->keep_alive = !close && (h->minor == 1 || keep);
    h->upgrade = h->first[H1_UPGRADE] != 0;
}

str h1_find(const struct h1_head *h, str name)
{
    for (unsigned i = 0; i < h->nheaders; i++)
        if (str_eq_nocase(h->headers[i].name, name))
            return h->headers[i].value;
    return STR_NONE;
}
