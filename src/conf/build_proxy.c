/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build_proxy - the forward proxy on the way to a provider.
 *
 *   the provider's `proxy`     always, `none` for none
 *   the file's `proxy`         not for loopback hosts nor those in NO_PROXY
 *   HTTPS_PROXY / http_proxy   likewise, by the provider's scheme (HTTP_PROXY in capitals is not
 *                              read: in a CGI it is a request's header)
 *
 * A proxy that is set and cannot be used is a fault: silently going direct would break a rule that
 * someone made on purpose.
 */
#include "conf/build_int.h"
#include "conf/env.h"
#include "conf/url.h"

static enum rc parse(struct builder *b, struct place at, const char *what, str text,
                     const struct conf_proxy **ret)
{
    *ret = NULL;
    if (str_eq_nocase(text, STR("none")) || !text.n)
        return RC_OK;
    if (str_find(text, STR("://")) == SIZE_MAX)
        text = arena_strf(b->arena, "http://" STR_FMT, STR_ARG(text));
    struct conf_proxy *p = arena_new(b->arena, struct conf_proxy);
    if (!p || !text.p)
        return RC_NOMEM;
    const char *bad = conf_url_proxy(b->arena, text, p);
    if (arena_is_full(b->arena))
        return RC_NOMEM;
    if (bad)
        BUILD_FAULT(b, at, "%s: %s; write http://host:port", what, bad);
    else
        *ret = p;
    return RC_OK;
}

/* curl's order: the lower-case name is looked at first. */
static str env_of_either(const struct builder *b, str lower, str upper)
{
    str v = conf_getenv_set(b->src->env, lower);
    return v.n ? v : conf_getenv_set(b->src->env, upper);
}

enum rc build_proxy(struct builder *b, const struct raw_provider *raw,
                    const struct conf_origin *origin, const struct conf_proxy **ret)
{
    const struct raw_root *root = b->raw;
    if (secret_is_set(&raw->proxy))
        return parse(b, place_of(raw->at.node, "proxy"), "proxy", secret_reveal(&raw->proxy), ret);
    *ret = NULL;
    str no = env_of_either(b, STR("no_proxy"), STR("NO_PROXY"));
    if (conf_host_is_loopback(origin->host) || conf_no_proxy(no, origin->host, origin->port))
        return RC_OK;
    if (secret_is_set(&root->proxy))
        return parse(b, place_of(root->at.node, "proxy"), "proxy", secret_reveal(&root->proxy),
                     ret);
    if (secret_is_set(&root->ccr.proxy_url))
        return parse(b, place_of(root->at.node, "PROXY_URL"), "PROXY_URL",
                     secret_reveal(&root->ccr.proxy_url), ret);
    str env = origin->https ? env_of_either(b, STR("https_proxy"), STR("HTTPS_PROXY"))
                            : conf_getenv_set(b->src->env, STR("http_proxy"));
    if (!env.n)
        return RC_OK;
    str copy = arena_dup(b->arena, env);
    if (!copy.p)
        return RC_NOMEM;
    return parse(b, (struct place){0, 0},
                 origin->https ? "HTTPS_PROXY of the environment" : "http_proxy of the environment",
                 copy, ret);
}
