/* SPDX-License-Identifier: Apache-2.0 */
/* fetch - see the header. The list is an operator's and short: it is walked. */
#include "conf/fetch.h"

#include "conf/url.h"

#include <arpa/inet.h>

/* The literal as a resolver's addresses are compared with it; absent: it is a name. */
static str literal(str host)
{
    char text[INET6_ADDRSTRLEN], bytes[sizeof(struct in6_addr)];
    if (host.n >= sizeof(text))
        return STR_NONE;
    memcpy(text, host.p, host.n);
    text[host.n] = '\0';
    return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1 ? host
                                                                                         : STR_NONE;
}

/* What stands before the host is taken off *text, and told. A star stands where a label would. */
static const char *split_entry(str *text, struct conf_fetch_host *h, bool *ret_all)
{
    size_t scheme = str_find(*text, STR("://"));
    h->plain = str_has_prefix_nocase(*text, STR("http://"));
    if (scheme != SIZE_MAX && !h->plain && !str_has_prefix_nocase(*text, STR("https://")))
        return "a host is fetched from by https, or by http where it is written http://HOST";
    if (scheme != SIZE_MAX)
        *text = str_from(*text, scheme + 3);
    *ret_all = str_eq(*text, STR("*")) || str_has_prefix(*text, STR("*:"));
    h->wildcard = *ret_all || str_has_prefix(*text, STR("*."));
    if (h->wildcard)
        *text = str_from(*text, *ret_all ? 1 : 2);
    return NULL;
}

/* The host behind that, read as any URL is, with a label in the place of a lone star. */
static const char *read_host(struct arena *a, str text, bool plain, bool all,
                             struct conf_origin *ret)
{
    struct conf_url u;
    str url =
        arena_strf(a, "%s://%s" STR_FMT, plain ? "http" : "https", all ? "a" : "", STR_ARG(text));
    const char *bad = url.p ? conf_url_parse(a, url, &u) : "out of memory";
    if (bad)
        return bad;
    *ret = u.origin;
    return u.user.p || u.path.n > 1 || u.query.p ? "an entry is a host, without a path" : NULL;
}

const char *conf_fetch_entry(struct arena *a, str text, struct conf_fetch_host *ret,
                             str *ret_address)
{
    struct conf_fetch_host h = {.port = 0};
    struct conf_origin at;
    bool all;
    const char *bad = split_entry(&text, &h, &all);
    if (!bad)
        bad = read_host(a, text, h.plain, all, &at);
    if (bad)
        return bad;
    str address = literal(at.host);
    if (h.wildcard && address.p)
        return "an address has nothing below it; remove the *.";
    h.port = at.port == (h.plain ? 80 : 443) ? 0 : at.port;
    h.host = all ? STR("") : h.wildcard ? arena_strf(a, "." STR_FMT, STR_ARG(at.host)) : at.host;
    if (!h.host.p)
        return "out of memory";
    *ret = h;
    *ret_address = address;
    return NULL;
}

static bool is_host(const struct conf_fetch_host *h, str host)
{
    if (!h->wildcard)
        return str_eq_nocase(h->host, host);
    return host.n > h->host.n && str_eq_nocase(str_from(host, host.n - h->host.n), h->host);
}

const struct conf_fetch_host *conf_fetch_find(const struct conf_fetch *f, bool https, str host,
                                              uint16_t port)
{
    const struct conf_fetch_host *below = NULL;
    uint16_t usual = https ? 443 : 80;
    for (uint32_t i = 0; i < f->n; i++) {
        const struct conf_fetch_host *h = &f->hosts[i];
        if ((!https && !h->plain) || port != (h->port ? h->port : usual) || !is_host(h, host))
            continue;
        if (!h->wildcard)
            return h; /* named: it may do more than one that a star lets in */
        below = h;
    }
    return below;
}
