/* SPDX-License-Identifier: Apache-2.0 */
/*
 * url - one reader for authority and path; the four kinds of URL add their own rules.
 *
 * Strict on purpose: every byte that is not plainly allowed is refused, so that nothing in a
 * request line or a Host header can come from a slip of the configuration.
 */
#include "conf/url.h"

#include <arpa/inet.h>

#include "base/auto.h"
#include "base/b64.h"
#include "base/num.h"

#define HOST_MAX       253
#define PATH_MAX_BYTES 1024

static const char no_memory[] = "out of memory";

static bool is_alnum(char c)
{
    char l = (char)(c | 32);
    return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9');
}

static bool is_v4(str host)
{
    char tmp[INET_ADDRSTRLEN];
    struct in_addr a;
    if (host.n >= sizeof(tmp))
        return false;
    memcpy(tmp, host.p, host.n);
    tmp[host.n] = '\0';
    return inet_pton(AF_INET, tmp, &a) == 1;
}

static bool is_v6(str host)
{
    char tmp[INET6_ADDRSTRLEN];
    struct in6_addr a;
    if (host.n >= sizeof(tmp))
        return false;
    memcpy(tmp, host.p, host.n);
    tmp[host.n] = '\0';
    return inet_pton(AF_INET6, tmp, &a) == 1;
}

/* Letters, digits, '-', '_' in labels of 1 to 63. A last label of digits alone must be an address:
 * "1.2.3" and "127.1" are names to nobody. */
static bool is_name(str host)
{
    str rest = host, label = STR_NONE;
    if (!host.n || host.n > HOST_MAX)
        return false;
    while (rest.p) {
        label = str_cut(&rest, '.');
        if (!label.n || label.n > 63)
            return false;
        for (size_t i = 0; i < label.n; i++)
            if (!is_alnum(label.p[i]) && label.p[i] != '-' && label.p[i] != '_')
                return false;
    }
    uint64_t ignored;
    return num_u64(label, &ignored) != RC_OK || is_v4(host);
}

static const char *parse_port(str text, uint16_t *ret)
{
    uint64_t v;
    if (num_u64(text, &v) != RC_OK || v == 0 || v > 65535)
        return "the port must be a number from 1 to 65535";
    *ret = (uint16_t)v;
    return NULL;
}

static str dup_lower(struct arena *a, str s)
{
    char *p = arena_alloc(a, s.n + 1);
    if (!p)
        return STR_NONE;
    for (size_t i = 0; i < s.n; i++)
        p[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] + 32) : s.p[i];
    p[s.n] = '\0';
    return str_of(p, s.n);
}

/* "host", "host:port", "[v6]", "[v6]:port"; *port is left alone where there is none. */
static const char *parse_authority(struct arena *a, str text, str *host, bool *v6, uint16_t *port)
{
    str h, rest;
    *v6 = text.n && text.p[0] == '[';
    if (*v6) {
        size_t end = str_find_char(text, ']');
        if (end == SIZE_MAX)
            return "the ']' of the address is missing";
        h = str_of(text.p + 1, end - 1);
        rest = str_from(text, end + 1);
        if (!is_v6(h))
            return "the brackets hold no IPv6 address";
    } else {
        size_t end = str_find_char(text, ':');
        h = end == SIZE_MAX ? text : str_head(text, end);
        rest = end == SIZE_MAX ? STR("") : str_from(text, end);
        if (!is_name(h))
            return h.n ? "this is no host name or address" : "the host is missing";
    }
    if (rest.n) {
        if (rest.p[0] != ':')
            return "only ':port' may follow the address";
        const char *bad = parse_port(str_from(rest, 1), port);
        if (bad)
            return bad;
    }
    *host = dup_lower(a, h);
    return host->p ? NULL : no_memory;
}

static bool is_path_char(char c)
{
    return c > ' ' && c < 0x7f && c != '"' && c != '<' && c != '>' && c != '\\' && c != '^' &&
           c != '`' && c != '{' && c != '}' && c != '|' && c != '#';
}

static const char *parse_path(str text, struct url *ret)
{
    if (text.n > PATH_MAX_BYTES)
        return "the path is longer than 1024 bytes";
    for (size_t i = 0; i < text.n; i++)
        if (!is_path_char(text.p[i]))
            return text.p[i] == '#' ? "a '#' part is never sent; remove it"
                                    : "a character that no URL may hold; write it as %XX";
    str rest = text;
    ret->path = str_cut(&rest, '?');
    ret->query = rest.n ? rest : STR_NONE;
    return NULL;
}

const char *conf_url_parse(struct arena *a, str text, struct url *ret)
{
    struct url u = {.https = true, .port = 443};
    str rest;
    if (str_has_prefix_nocase(text, STR("https://"))) {
        rest = str_from(text, 8);
    } else if (str_has_prefix_nocase(text, STR("http://"))) {
        rest = str_from(text, 7);
        u.https = false;
        u.port = 80;
    } else {
        return "a URL must begin with https:// or http://";
    }
    size_t end = 0;
    while (end < rest.n && rest.p[end] != '/' && rest.p[end] != '?' && rest.p[end] != '#')
        end++;
    str authority = str_head(rest, end);
    size_t at = str_rfind_char(authority, '@');
    if (at != SIZE_MAX) {
        u.user = str_head(authority, at);
        authority = str_from(authority, at + 1);
    }
    const char *bad = parse_authority(a, authority, &u.host, &u.is_v6, &u.port);
    if (!bad)
        bad = parse_path(str_from(rest, end), &u);
    if (!bad)
        *ret = u;
    return bad;
}

bool url_origin(struct arena *a, const struct url *u, struct conf_origin *ret)
{
    const char *open = u->is_v6 ? "[" : "", *close = u->is_v6 ? "]" : "";
    bool usual = u->port == (u->https ? 443 : 80);
    str authority = usual ? arena_strf(a, "%s" STR_FMT "%s", open, STR_ARG(u->host), close)
                          : arena_strf(a, "%s" STR_FMT "%s:%u", open, STR_ARG(u->host), close,
                                       (unsigned)u->port);
    str text = arena_strf(a, "%s://%s" STR_FMT "%s:%u", u->https ? "https" : "http", open,
                          STR_ARG(u->host), close, (unsigned)u->port);
    *ret = (struct conf_origin){u->https, u->port, u->host, authority, text};
    return authority.p && text.p;
}

bool url_host_is_loopback(str host)
{
    return str_eq_nocase(host, STR("localhost")) ||
           (host.n > 10 && str_eq_nocase(str_from(host, host.n - 10), STR(".localhost"))) ||
           (is_v4(host) && str_has_prefix(host, STR("127."))) || str_eq(host, STR("::1"));
}

const char *url_parse_listen(struct arena *a, str text, struct conf_listen *ret)
{
    struct conf_listen l = {.port = 0};
    bool v6 = false, only_port = text.n > 0;
    for (size_t i = 0; i < text.n; i++)
        only_port = only_port && text.p[i] >= '0' && text.p[i] <= '9';
    const char *bad;
    if (only_port) {
        bad = parse_port(text, &l.port);
        l.host = STR("127.0.0.1");
    } else if (str_has_prefix(text, STR(":")) || str_has_prefix(text, STR("*:"))) {
        return "say which address: 127.0.0.1:PORT for this machine, 0.0.0.0:PORT for all others "
               "too";
    } else {
        bad = parse_authority(a, text, &l.host, &v6, &l.port);
    }
    if (bad)
        return bad;
    if (!l.port)
        return "the port is missing; write address:port";
    if (str_eq(l.host, STR("localhost")))
        l.host = STR("127.0.0.1");
    if (!v6 && !is_v4(l.host))
        return "weir listens on addresses, not on names; write 127.0.0.1:PORT, or 0.0.0.0:PORT";
    l.loopback = url_host_is_loopback(l.host);
    l.text =
        arena_strf(a, v6 ? "[" STR_FMT "]:%u" : STR_FMT ":%u", STR_ARG(l.host), (unsigned)l.port);
    if (!l.text.p)
        return no_memory;
    *ret = l;
    return NULL;
}

/* Undo %XX; false where two hex digits do not follow. */
static bool percent_decode(str s, struct buf *to)
{
    for (size_t i = 0; i < s.n; i++) {
        uint64_t v;
        if (s.p[i] != '%') {
            buf_add_char(to, s.p[i]);
            continue;
        }
        if (s.n - i < 3 || num_hex(str_of(s.p + i + 1, 2), &v) != RC_OK)
            return false;
        buf_add_char(to, (char)v);
        i += 2;
    }
    return true;
}

static const char *basic_auth(struct arena *a, str user, struct secret *ret)
{
    AUTO(buf_fini) struct buf plain = BUF_INIT(1024);
    AUTO(buf_fini) struct buf coded = BUF_INIT(2048);
    if (!percent_decode(user, &plain))
        return "a '%' of the user or password is not followed by two hex digits";
    buf_lit(&coded, "Basic ");
    b64_encode(&coded, buf_str(&plain));
    if (plain.failed || coded.failed)
        return "user and password are too long";
    str value = arena_dup(a, buf_str(&coded));
    if (!value.p)
        return no_memory;
    *ret = secret_of(value);
    return NULL;
}

const char *url_parse_proxy(struct arena *a, str text, struct conf_proxy *ret)
{
    struct url u;
    const char *bad = conf_url_parse(a, text, &u);
    if (bad)
        return bad;
    if (u.https)
        return "only http:// proxies are supported";
    if (u.path.n > 1 || u.query.p)
        return "a proxy URL has no path";
    struct conf_origin o;
    struct conf_proxy p = {.host = u.host, .port = u.port};
    if (!url_origin(a, &u, &o))
        return no_memory;
    p.text = o.text;
    bad = u.user.n ? basic_auth(a, u.user, &p.authorization) : NULL;
    if (!bad)
        *ret = p;
    return bad;
}

/* One entry of a NO_PROXY list. */
static bool matches(str entry, str host, uint16_t port)
{
    size_t colon = str_rfind_char(entry, ':');
    uint64_t only;
    if (colon != SIZE_MAX && str_find_char(entry, ':') == colon &&
        num_u64(str_from(entry, colon + 1), &only) == RC_OK) {
        if (only != port)
            return false;
        entry = str_head(entry, colon);
    }
    if (str_has_prefix(entry, STR("*.")))
        entry = str_from(entry, 1);
    if (str_eq(entry, STR("*")) || str_eq_nocase(entry, host))
        return true;
    str domain = str_has_prefix(entry, STR(".")) ? str_from(entry, 1) : entry;
    if (!domain.n || host.n <= domain.n)
        return domain.n && str_eq_nocase(domain, host);
    str tail = str_from(host, host.n - domain.n);
    return host.p[host.n - domain.n - 1] == '.' && str_eq_nocase(tail, domain);
}

bool url_no_proxy(str list, str host, uint16_t port)
{
    while (list.p) {
        str entry = str_trim(str_cut(&list, ','));
        if (entry.n && matches(entry, host, port))
            return true;
    }
    return false;
}
