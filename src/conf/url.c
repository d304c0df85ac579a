/* SPDX-License-Identifier: Apache-2.0 */
/*
 * url - one strict reader of authority and path; listeners and proxies add their own rules.
 *
 * Every byte that is not plainly allowed is refused, so that nothing in a request line or a Host
 * header can come from a slip of the configuration.
 *
 *     https://user:pw@api.example.com:8443/v1?api-version=1
 *             `-user-' `-----host----' port path `-query--'      (RFC 3986 section 3)
 *
 * The user ends at the last '@' before the path: a password may hold one, a host cannot. Who sees
 * it differently (some clients take the first) could be led to another host; so what is left must
 * be a plain host name, and most callers refuse a user at all.
 */
#include "conf/url.h"

#include <arpa/inet.h>

#include "base/auto.h"
#include "base/b64.h"
#include "base/num.h"

#define HOST_MAX        253 /* a name in text, and */
#define LABEL_MAX       63  /* one label of it: RFC 1035 section 2.3.4 */
#define PATH_MAX_BYTES  1024
#define CREDENTIALS_MAX 1024 /* bytes of "user:password" */

static const char no_memory[] = "out of memory";

/* "host[:port]" in pieces. */
struct authority {
    str host; /* without brackets */
    bool v6;
    uint16_t port; /* 0: none was written */
};

static bool is_address(int family, str host)
{
    char tmp[INET6_ADDRSTRLEN], bytes[sizeof(struct in6_addr)];
    if (host.n >= sizeof(tmp))
        return false;
    memcpy(tmp, host.p, host.n);
    tmp[host.n] = '\0';
    return inet_pton(family, tmp, bytes) == 1;
}

static bool is_number(str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n != 0;
}

static bool is_label(str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i], l = (char)(c | 32);
        if (!(l >= 'a' && l <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_')
            return false;
    }
    return s.n > 0 && s.n <= LABEL_MAX;
}

/* A name, or an IPv4 address in full. inet_aton(3) reads "1" and "0x7f.1" as addresses, and so do
 * some resolvers: such a host would pass every look at names and arrive at loopback. '_' is in no
 * host name of RFC 952, but in those of Docker's and Kubernetes' own networks. */
static bool is_host(str host)
{
    str rest = host, label = STR_NONE;
    if (!host.n || host.n > HOST_MAX)
        return false;
    while (rest.p) {
        label = str_cut(&rest, '.');
        if (!is_label(label))
            return false;
    }
    bool numeric = is_number(label) || str_has_prefix_nocase(label, STR("0x"));
    return !numeric || is_address(AF_INET, host);
}

/* What follows the host: nothing, or ":port". */
static bool split_port(str text, uint16_t *ret)
{
    uint64_t v = 0;
    if (text.n && (text.p[0] != ':' || num_u64(str_from(text, 1), &v) != RC_OK || !v || v > 65535))
        return false;
    *ret = (uint16_t)v;
    return true;
}

static const char *split_authority(str text, struct authority *ret)
{
    struct authority a = {.v6 = str_has_prefix(text, STR("["))};
    size_t end = str_find_char(text, a.v6 ? ']' : ':');
    if (a.v6 && end == SIZE_MAX)
        return "the ']' of the address is missing";
    a.host = a.v6 ? str_of(text.p + 1, end - 1) : str_head(text, end);
    if (a.v6 && !is_address(AF_INET6, a.host))
        return "the brackets hold no IPv6 address";
    if (!a.v6 && !is_host(a.host))
        return a.host.n ? "this is no host name and no address" : "the host is missing";
    if (!split_port(end == SIZE_MAX ? STR("") : str_from(text, end + a.v6), &a.port))
        return "the port must be a number from 1 to 65535";
    *ret = a;
    return NULL;
}

static bool is_path_char(char c)
{
    return c > ' ' && c < 0x7f && !strchr("\"<>\\^`{}|#", c);
}

static const char *split_path(str text, struct conf_url *ret)
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

static bool set_origin(struct arena *a, const struct authority *from, bool https,
                       struct conf_origin *ret)
{
    ASSERT(from->host.n); /* split_authority refuses an empty one */
    const char *open = from->v6 ? "[" : "", *close = from->v6 ? "]" : "";
    uint16_t usual = https ? 443 : 80, port = from->port ? from->port : usual;
    str host = dup_lower(a, from->host);
    str text = arena_strf(a, "%s://%s" STR_FMT "%s:%u", https ? "https" : "http", open,
                          STR_ARG(host), close, (unsigned)port);
    str authority = arena_strf(a, "%s" STR_FMT "%s", open, STR_ARG(host), close);
    if (port != usual)
        authority = arena_strf(a, STR_FMT ":%u", STR_ARG(authority), (unsigned)port);
    *ret = (struct conf_origin){https, port, host, authority, text};
    return !arena_is_full(a);
}

const char *conf_url_parse(struct arena *a, str text, struct conf_url *ret)
{
    struct conf_url u = {.user = STR_NONE};
    struct authority authority;
    bool https = str_has_prefix_nocase(text, STR("https://"));
    if (!https && !str_has_prefix_nocase(text, STR("http://")))
        return "a URL must begin with https:// or http://";
    str rest = str_from(text, https ? 8 : 7);
    size_t end = 0;
    while (end < rest.n && !strchr("/?#", rest.p[end]))
        end++;
    str host = str_head(rest, end);
    size_t at = str_rfind_char(host, '@');
    if (at != SIZE_MAX) {
        u.user = str_head(host, at);
        host = str_from(host, at + 1);
    }
    const char *bad = split_authority(host, &authority);
    if (!bad)
        bad = split_path(str_from(rest, end), &u);
    if (!bad && !set_origin(a, &authority, https, &u.origin))
        bad = no_memory;
    if (!bad)
        *ret = u;
    return bad;
}

bool conf_host_is_loopback(str host)
{
    str tail = str_from(host, host.n > 10 ? host.n - 10 : host.n);
    return str_eq_nocase(host, STR("localhost")) || str_eq_nocase(tail, STR(".localhost")) ||
           (is_address(AF_INET, host) && str_has_prefix(host, STR("127."))) ||
           str_eq(host, STR("::1"));
}

const char *conf_url_listen(struct arena *a, str text, struct conf_listen *ret)
{
    struct authority at = {.host = STR("127.0.0.1")};
    str port = is_number(text) ? arena_strf(a, "127.0.0.1:" STR_FMT, STR_ARG(text)) : text;
    if (str_has_prefix(text, STR(":")) || str_has_prefix(text, STR("*")))
        return "say which address: 127.0.0.1:PORT for this machine, 0.0.0.0:PORT for all others "
               "too";
    const char *bad = port.p ? split_authority(port, &at) : no_memory;
    if (bad)
        return bad;
    if (!at.port)
        return "the port is missing; write address:port";
    if (str_eq_nocase(at.host, STR("localhost")))
        at.host = STR("127.0.0.1");
    if (!at.v6 && !is_address(AF_INET, at.host))
        return "weir listens on addresses, not on names; write 127.0.0.1:PORT, or 0.0.0.0:PORT";
    struct conf_listen l = {.port = at.port, .loopback = conf_host_is_loopback(at.host)};
    l.host = arena_dup(a, at.host);
    l.text = arena_strf(a, at.v6 ? "[" STR_FMT "]:%u" : STR_FMT ":%u", STR_ARG(at.host),
                        (unsigned)at.port);
    if (!l.host.p || !l.text.p)
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
    AUTO(buf_fini) struct buf plain = BUF_INIT(CREDENTIALS_MAX);
    AUTO(buf_fini) struct buf coded = BUF_INIT(2 * CREDENTIALS_MAX);
    if (user.n > CREDENTIALS_MAX)
        return "user and password are too long";
    if (!percent_decode(user, &plain))
        return "a '%' of the user or password is not followed by two hex digits";
    buf_lit(&coded, "Basic ");
    b64_encode(&coded, buf_str(&plain));
    str value = plain.failed || coded.failed ? STR_NONE : arena_dup(a, buf_str(&coded));
    if (!value.p)
        return no_memory;
    *ret = secret_of(value);
    return NULL;
}

const char *conf_url_proxy(struct arena *a, str text, struct conf_proxy *ret)
{
    struct conf_url u;
    const char *bad = conf_url_parse(a, text, &u);
    if (bad)
        return bad;
    if (u.origin.https)
        return "only http:// proxies are supported";
    if (u.path.n > 1 || u.query.p)
        return "a proxy URL has no path";
    struct conf_proxy p = {.host = u.origin.host, .port = u.origin.port, .text = u.origin.text};
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

bool conf_no_proxy(str list, str host, uint16_t port)
{
    while (list.p) {
        str entry = str_trim(str_cut(&list, ','));
        if (entry.n && matches(entry, host, port))
            return true;
    }
    return false;
}
