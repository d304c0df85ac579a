/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build_oauth - a provider's `serviceAccount` or `entra`, read and checked whole, so that a wrong
 * file is a fault of the configuration and not of the first call.
 */
#include "base/rsa.h"
#include "conf/build_int.h"
#include "conf/oauth.h"
#include "conf/read.h"
#include "conf/url.h"
#include "json/json.h"

#define ACCOUNT_MAX  (64u << 10) /* bytes of the file; real ones have 2.4 KB */
#define GOOGLE_SCOPE "https://www.googleapis.com/auth/cloud-platform"
#define GOOGLE_TOKEN "https://oauth2.googleapis.com/token"
#define ENTRA_HOST   "https://login.microsoftonline.com"
#define ENTRA_SCOPE  "https://cognitiveservices.azure.com/.default"

static enum rc set_endpoint(struct builder *b, struct place at, str url, struct conf_oauth *o)
{
    struct conf_url u;
    const char *bad = conf_url_parse(b->arena, url, &u);
    if (!bad && !u.origin.https && !conf_host_is_loopback(u.origin.host))
        bad = "must be https: a secret is sent there";
    if (bad) {
        BUILD_FAULT(b, at, "the token address %s", bad);
        return RC_OK;
    }
    o->origin = u.origin;
    o->path = u.path.n ? u.path : STR("/");
    return RC_OK;
}

/* ---- Google */

static str member(struct builder *b, jval root, const char *key)
{
    str s;
    jval v = json_get(root, str_c(key));
    if (!json_is(v, JSON_STRING) || json_str(v, b->arena, &s) != RC_OK)
        return STR_NONE;
    return s;
}

/* The file's bytes, or the text itself where it is JSON. Absent: noted. */
static str account_text(struct builder *b, struct place at, str given)
{
    str text;
    if (given.p[0] == '{')
        return given;
    str path = build_readable(b, at, "serviceAccount", given);
    if (!path.p || conf_read_file(b->arena, path.p, ACCOUNT_MAX, b->report, &text) != RC_OK)
        return STR_NONE;
    return text;
}

static struct conf_oauth google_of(str client, str key, str url)
{
    return (struct conf_oauth){.kind = CONF_OAUTH_GOOGLE,
                               .client = client,
                               .audience = url.n ? url : STR(GOOGLE_TOKEN),
                               .scope = STR(GOOGLE_SCOPE),
                               .secret = secret_of(key)};
}

/* Why it is no key of a service account; NULL: it is one. */
static const char *google_fault(const struct conf_oauth *o)
{
    if (!o->client.n)
        return "it has no client_email";
    return rsa_key_is_good(secret_reveal(&o->secret)) ? NULL : "its private_key cannot be read";
}

static enum rc build_google(struct builder *b, const struct raw_provider *raw, struct conf_oauth *o)
{
    struct place at = place_of(raw->at.node, "serviceAccount");
    struct json_doc *doc = arena_new(b->arena, struct json_doc);
    str text = account_text(b, at, secret_reveal(&raw->service_account));
    if (!doc)
        return RC_NOMEM;
    if (!text.p)
        return arena_is_full(b->arena) ? RC_NOMEM : RC_OK;
    if (json_parse(b->arena, text, doc, NULL) != RC_OK) {
        BUILD_FAULT(b, at, "serviceAccount is neither a file's path nor the JSON of one");
        return RC_OK;
    }
    jval root = json_root(doc);
    str key = member(b, root, "private_key"), url = member(b, root, "token_uri");
    *o = google_of(member(b, root, "client_email"), key, url);
    o->key_id = member(b, root, "private_key_id");
    const char *bad = google_fault(o);
    if (!bad)
        return set_endpoint(b, at, o->audience, o);
    BUILD_FAULT(b, at,
                "serviceAccount: this is no key of a service account (%s); create one of type JSON "
                "for it",
                bad);
    return RC_OK;
}

static str option(const struct conf_node *options, const char *key)
{
    const struct conf_node *n = conf_get(options, str_c(key));
    return conf_is(n, CONF_SCALAR) ? n->text : STR_NONE;
}

/* A key that went through an environment variable often has backslash and n for its line ends. */
static str whole_lines(struct arena *a, str key)
{
    char *p = arena_alloc(a, key.n + 1);
    size_t n = 0;
    for (size_t i = 0; p && i < key.n; i++) {
        bool end = key.p[i] == '\\' && i + 1 < key.n && key.p[i + 1] == 'n';
        p[n++] = end ? '\n' : key.p[i];
        i += end;
    }
    return p ? str_of(p, n) : STR_NONE;
}

/* claude-code-router's `vertex-openai`: the account's address and key among its options; the
 * provider's own api_key is not sent. There a bad one fails call by call, so it is no fault here.
 */
static enum rc build_ccr(struct builder *b, const struct conf_node *options, struct conf_oauth *o,
                         const struct conf_oauth **ret)
{
    str key = whole_lines(b->arena, option(options, "private_key"));
    struct place at = place_of(options, "private_key");
    if (!key.p)
        return RC_NOMEM;
    *o = google_of(option(options, "client_email"), key, option(options, "token_uri"));
    const char *bad = google_fault(o);
    if (!bad)
        return set_endpoint(b, at, o->audience, o);
    BUILD_WARN(b, at,
               "'vertex-openai' names no key of a service account (%s), so no tokens are asked "
               "for; copy client_email and private_key from its JSON file",
               bad);
    *ret = NULL;
    return RC_OK;
}

/* ---- Microsoft */

static enum rc build_entra(struct builder *b, const struct raw_provider *raw, struct conf_oauth *o)
{
    const struct raw_entra *e = &raw->entra;
    struct place at = place_of(raw->at.node, "entra");
    str host = e->authority.n ? e->authority : STR(ENTRA_HOST);
    if (!e->tenant.n || !e->client.n || !secret_is_set(&e->secret)) {
        BUILD_FAULT(b, at, "entra needs tenantId, clientId and clientSecret; add what is missing");
        return RC_OK;
    }
    while (host.n && host.p[host.n - 1] == '/')
        host.n--;
    str url = arena_strf(b->arena, STR_FMT "/" STR_FMT "/oauth2/v2.0/token", STR_ARG(host),
                         STR_ARG(e->tenant));
    if (!url.p)
        return RC_NOMEM;
    *o = (struct conf_oauth){.kind = CONF_OAUTH_ENTRA,
                             .client = e->client,
                             .scope = e->scope.n ? e->scope : STR(ENTRA_SCOPE),
                             .secret = e->secret};
    return set_endpoint(b, at, url, o);
}

enum rc build_oauth(struct builder *b, const struct raw_provider *raw,
                    const struct conf_node *account, const struct conf_oauth **ret)
{
    bool google = secret_is_set(&raw->service_account), entra = raw->entra.at.node != NULL;
    *ret = NULL;
    if (!google && !entra && !account)
        return RC_OK;
    if (google && entra) {
        BUILD_FAULT(b, place_of(raw->at.node, "entra"),
                    "a provider has a serviceAccount or entra; remove one");
        return RC_OK;
    }
    struct conf_oauth *o = arena_new(b->arena, struct conf_oauth);
    if (!o)
        return RC_NOMEM;
    *ret = o;
    if (!google && !entra)
        return build_ccr(b, account, o, ret);
    return google ? build_google(b, raw, o) : build_entra(b, raw, o);
}
