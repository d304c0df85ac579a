/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy - what is said to an HTTP proxy (RFC 9110 §9.3.6, RFC 9112 §3.2).
 *
 * For https origins a tunnel: CONNECT host:port, then TLS with the origin through it, so the proxy
 * sees neither request nor key. For http origins the request itself goes to the proxy with its
 * target in absolute-form. Only such requests are touched; the owner's bytes stay as they are and
 * the new beginning is sent in front of the rest of them.
 */
#include "client/client_int.h"
#include "http/h1_write.h"

static void add_host(struct buf *b, const struct origin_spec *s)
{
    bool v6 = str_find_char(s->host, ':') != SIZE_MAX && s->host.p[0] != '[';
    if (v6)
        buf_add_char(b, '[');
    buf_add(b, s->host);
    if (v6)
        buf_add_char(b, ']');
}

static void add_authority(struct buf *b, const struct origin_spec *s)
{
    add_host(b, s);
    buf_add_char(b, ':');
    buf_add_u64(b, s->port);
}

static void add_auth(struct buf *b, const struct origin_spec *s)
{
    if (s->proxy_auth.p)
        (void)h1_write_header(b, STR("proxy-authorization"), s->proxy_auth);
}

enum rc proxy_connect_head(const struct origin *o, struct buf *to)
{
    buf_lit(to, "CONNECT ");
    add_authority(to, &o->spec);
    buf_lit(to, " HTTP/1.1\r\nhost: ");
    add_authority(to, &o->spec);
    buf_lit(to, "\r\n");
    add_auth(to, &o->spec);
    h1_write_end(to);
    return to->failed ? RC_NOMEM : RC_OK;
}

enum rc proxy_rewrite(const struct origin *o, const struct exchange *x, struct buf *head,
                      size_t *ret_skip)
{
    /* "POST /path HTTP/1.1\r\n": the origin goes before the target, the credentials behind the
     * line. */
    str first = str_of(x->iov[0].iov_base, x->iov[0].iov_len);
    size_t space = str_find_char(first, ' ');
    size_t line = str_find(first, STR("\r\n"));
    if (space == SIZE_MAX || line == SIZE_MAX || space > line)
        return RC_INTERNAL;
    buf_add(head, str_head(first, space + 1));
    buf_lit(head, "http://");
    add_host(head, &o->spec);
    if (o->spec.port != 80) {
        buf_add_char(head, ':');
        buf_add_u64(head, o->spec.port);
    }
    buf_add(head, str_of(first.p + space + 1, line + 2 - space - 1));
    add_auth(head, &o->spec);
    *ret_skip = line + 2;
    return head->failed ? RC_NOMEM : RC_OK;
}
