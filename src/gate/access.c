/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access - who may come in, decided from the head alone, before a byte of the body is read (F9).
 *
 * The order matters: a path with one meaning, then the browser's marks (a page of another site must
 * not spend the user's keys: F11), then the key, then method and type. One function finds the
 * credential in every spelling a client may use (F4); keys are compared as SHA-256, in constant
 * time, and known_keys.h remembers those that were found.
 */
#include "gate/pass.h"

#include "base/digest.h"
#include "base/num.h"
#include "http/url.h"

static bool refuse(struct call *c, enum err kind, str text, str code)
{
    call_fail_kind(c, kind, text, code);
    return false;
}

/* ---- browsers */

/* 127.x.y.z, and not a name that only begins like it. */
static bool is_loopback_v4(str s)
{
    uint64_t part[4];
    for (int i = 0; i < 4; i++)
        if (!s.p || num_u64(str_cut(&s, '.'), &part[i]) != RC_OK || part[i] > 255)
            return false;
    return !s.p && part[0] == 127;
}

static bool is_loopback_name(str host)
{
    if (host.n && host.p[0] == '[') {
        size_t end = str_find_char(host, ']');
        return str_eq(str_head(host, end == SIZE_MAX ? 0 : end + 1), STR("[::1]"));
    }
    str name = str_head(host, str_find_char(host, ':'));
    return str_eq_nocase(name, STR("localhost")) || is_loopback_v4(name);
}

/* DNS rebinding: a loopback listener answers loopback names only, when it asks for no key. */
static bool host_is_foreign(const struct call *c)
{
    const struct snapshot *s = c->gen->snap;
    str host = h1_get(c->req->head, H1_HOST);
    if (s->nkeys || !host.n)
        return false;
    for (uint32_t i = 0; i < s->nlistens; i++)
        if (!s->listens[i].loopback)
            return false;
    return !is_loopback_name(host);
}

static bool origin_is_foreign(const struct call *c)
{
    const struct h1_head *h = c->req->head;
    str site = h1_get(h, H1_SEC_FETCH_SITE), origin = h1_get(h, H1_ORIGIN),
        host = h1_get(h, H1_HOST);
    if (str_eq(site, STR("cross-site")))
        return true;
    if (!origin.n)
        return false;
    size_t at = str_find(origin, STR("://"));
    return at == SIZE_MAX || !str_eq_nocase(str_from(origin, at + 3), host);
}

/* ---- keys */

static str credential(const struct h1_head *h)
{
    str v = h1_get(h, H1_AUTHORIZATION), q;
    if (str_has_prefix_nocase(v, STR("bearer ")))
        return str_trim(str_from(v, 7));
    if (v.n)
        return v;
    v = h1_get(h, H1_X_API_KEY);
    if (!v.n)
        v = h1_get(h, H1_X_GOOG_API_KEY);
    if (!v.n) /* Azure's clients */
        v = h1_get(h, H1_API_KEY);
    if (!v.n && url_query(h->query, STR("key"), &q) == RC_OK)
        v = q;
    return v;
}

/* Who is it? c->key, or NULL for a stranger. */
static void recognise(struct call *c)
{
    uint8_t sha[DIGEST_SHA256];
    str secret = credential(c->req->head);
    if (!c->gen->snap->nkeys || !secret.n)
        return;
    struct known_keys *known = &c->gen->known;
    const struct known_tag tag = known_keys_tag(known, secret);
    c->key = known_keys_find(known, tag);
    if (c->key)
        return;
    digest_sha256(secret, sha);
    c->key = conf_find_key(c->gen->snap, sha);
    if (c->key)
        known_keys_add(known, tag, c->key);
}

/* AWS's clients sign unless they have a bearer token. */
static bool is_signed(const struct h1_head *h)
{
    return str_has_prefix(h1_get(h, H1_AUTHORIZATION), STR("AWS4-HMAC-SHA256"));
}

static void recognise_admin(struct call *c)
{
    const struct snapshot *s = c->gen->snap;
    uint8_t sha[DIGEST_SHA256];
    str secret = credential(c->req->head);
    CHECK(c->local && !c->admin);
    if (!s->has_admin_key || !secret.n)
        return;
    digest_sha256(secret, sha);
    c->admin = digest_eq(s->admin_sha256, sha, CONF_SHA256);
}

/* A29: where there is no admin key, the API answers this machine alone, under its own name: a page
 * whose name was bound to this address must not read it. */
static bool admit_local(struct call *c)
{
    if (request_peer_is_loopback(c->req) && is_loopback_name(h1_get(c->req->head, H1_HOST)))
        return true;
    return refuse(
        c, ERR_FORBIDDEN,
        STR("Without an admin key this answers callers on the gateway's own machine only. "
            "Set admin: { key: … } in the configuration."),
        STR_NONE);
}

/* A29: a client's key is no admin's (F5), and an admin's opens no model. */
static bool admit_admin(struct call *c)
{
    if (c->admin)
        return true;
    recognise(c);
    if (c->key)
        return refuse(c, ERR_FORBIDDEN, STR("This takes the admin key."), STR_NONE);
    return refuse(c, ERR_AUTH,
                  credential(c->req->head).n
                      ? STR("The admin key is not valid.")
                      : STR("An admin key is needed: send it as \"Authorization: Bearer KEY\"."),
                  STR_NONE);
}

static bool authenticate(struct call *c)
{
    recognise(c);
    if (c->key || !c->gen->snap->nkeys)
        return true;
    if (is_signed(c->req->head))
        return refuse(
            c, ERR_FORBIDDEN,
            STR("A signature by an AWS key can't be checked here: give the client a key of "
                "this gateway as its Bedrock API key (AWS_BEARER_TOKEN_BEDROCK)."),
            STR_NONE);
    if (credential(c->req->head).n)
        return refuse(c, ERR_AUTH, STR_NONE, STR_NONE);
    return refuse(c, ERR_NO_KEY,
                  STR("An API key is needed: send it as \"Authorization: Bearer KEY\", "
                      "\"x-api-key: KEY\" or \"x-goog-api-key: KEY\"."),
                  STR_NONE);
}

/* Open to everyone: probes of balancers, and the bare address that agents ask for at start. */
static bool is_open(const struct h1_head *h)
{
    bool read = h->method == H1_GET || h->method == H1_HEAD;
    return read && (str_eq(h->path, STR("/livez")) || str_eq(h->path, STR("/readyz")) ||
                    str_eq(h->path, STR("/health")) || str_eq(h->path, STR("/")));
}

/* ---- the body that is announced */

static bool body_is_welcome(struct call *c)
{
    const struct h1_head *h = c->req->head;
    str coding = h1_get(h, H1_CONTENT_ENCODING);
    if (coding.n && !str_eq_nocase(coding, STR("identity")))
        return refuse(c, ERR_MEDIA_TYPE,
                      STR("A compressed request body is not accepted: send it as it is."),
                      STR_NONE);
    str type = h1_get(h, H1_CONTENT_TYPE);
    if (c->op && op_takes_type(c, type))
        return true;
    if ((type.n && !type_is_json(type)) || (c->op && !(c->op->row->bodies & OP_JSON)))
        return refuse(c, ERR_MEDIA_TYPE,
                      c->op && !(c->op->row->bodies & OP_JSON)
                          ? STR("The request body must be a form: send content-type: "
                                "multipart/form-data.")
                          : STR("The request body must be JSON: send content-type: "
                                "application/json."),
                      STR_NONE);
    return true;
}

/* A path with one meaning. A model's name in it is compared and no more, so it may hold an escaped
 * slash ("openai%2Fgpt-5", as SDKs write it): at the end of a local path, or where a front has
 * found one. */
static bool path_is_clear(const struct call *c)
{
    str path = c->req->head->path;
    if (url_path_is_canonical(path))
        return true;
    const struct local_endpoint *local = c->front ? NULL : local_find(path);
    return c->froute.model.n || (c->op && c->op->path_model.n) ||
           (local && local_takes_name(local));
}

/* A path with one meaning, and no page of another site behind it. */
static bool may_knock(struct call *c)
{
    const struct h1_head *h = c->req->head;
    if (h->method == H1_CONNECT || h->method == H1_TRACE)
        return refuse(c, ERR_METHOD, STR_NONE, STR_NONE);
    if (!path_is_clear(c))
        return refuse(c, ERR_BAD_REQUEST, STR("The path is ambiguous."), STR_NONE);
    if (host_is_foreign(c))
        return refuse(c, ERR_FORBIDDEN, STR("This address answers to localhost only."), STR_NONE);
    if (origin_is_foreign(c))
        return refuse(c, ERR_FORBIDDEN,
                      STR("Calls from web pages of other sites are not accepted."), STR_NONE);
    return true;
}

/* A client that would rather have a WebSocket (Codex on its first try) goes on to POST at once when
 * it is told 426, and only after long retries on anything else. */
static bool wants_websocket(const struct h1_head *h)
{
    return h->method == H1_GET && str_eq_nocase(h1_find(h, STR("upgrade")), STR("websocket"));
}

static bool admit_call(struct call *c)
{
    if (call_passes(c) && !pass_admit(c))
        return false;
    if (wants_websocket(c->req->head))
        return refuse(c, ERR_UPGRADE, STR_NONE, STR_NONE);
    if (c->froute.op == FRONT_ABSENT)
        return refuse(c, ERR_NOT_FOUND, c->froute.why, STR("not_found"));
    if (c->froute.op == FRONT_STORED)
        return stored_admit(c);
    if (c->req->head->method != H1_POST && !call_passes(c))
        return refuse(c, ERR_METHOD, STR("Use POST here."), STR_NONE);
    if (!body_is_welcome(c))
        return false;
    if (c->gate->draining)
        return refuse(c, ERR_UNAVAILABLE, STR("The gateway is shutting down."), STR("draining"));
    return true;
}

/* Who it is, as the path wants to know. */
static bool admit_caller(struct call *c)
{
    const struct local_endpoint *e = c->local;
    if (e && local_is_admins(e) && c->gen->snap->has_admin_key)
        return admit_admin(c);
    return e && local_is_api(e) ? admit_local(c) : authenticate(c);
}

static bool admit_to_ours(struct call *c)
{
    const struct h1_head *h = c->req->head;
    if (h->method == H1_POST && local_takes_body(c->local))
        return body_is_welcome(c);
    if (h->method != H1_GET && h->method != H1_HEAD)
        return refuse(c, ERR_METHOD, STR("Use GET here."), STR_NONE);
    return true;
}

bool access_admit(struct call *c)
{
    const struct h1_head *h = c->req->head;
    if (!may_knock(c))
        return false;
    c->local = c->front ? NULL : local_find(h->path);
    if (c->local)
        recognise_admin(c);
    if (c->local && is_open(h)) {
        recognise(c); /* some of it shows more to those it knows */
        return true;
    }
    if (!admit_caller(c))
        return false;
    if (c->front)
        return admit_call(c);
    if (!c->local)
        return refuse(c, ERR_NOT_FOUND, STR("There is nothing at this path."), STR("not_found"));
    return admit_to_ours(c);
}
