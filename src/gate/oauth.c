/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oauth - see the header. The exchange with the token endpoint is one like any other of client/;
 * its answer is small and read whole.
 */
#include "gate/oauth.h"

#include "base/arena.h"
#include "base/b64.h"
#include "base/mem.h"
#include "base/rsa.h"
#include "http/h1_write.h"
#include "http/url.h"
#include "json/write.h"

#define ANSWER_MAX   (64u << 10)
#define FORM_MAX     (32u << 10)
#define TOKEN_MAX    (16u << 10)
#define FETCH_MS     15000u
#define LIFE_DEFAULT 3600u /* seconds, where the answer does not say */
#define LIFE_MAX     (24u * 3600u)

struct oauth {
    struct exchange x; /* first */
    struct loop *loop;
    struct client *client;
    struct conf_oauth conf; /* slices in the arena */
    struct arena arena;
    struct list waiting;
    struct buf head, form, answer, token;
    struct iovec iov[2];
    struct deferred tell; /* waiters who came during a pause */
    bool fetching, good;  /* good: the answer under way is a 200 */
    msec expires, pause_until;
};

/* ---- what is said */

static void put_b64url(struct buf *to, str bytes)
{
    size_t at = buf_size(to);
    b64_encode(to, bytes);
    if (to->failed)
        return;
    char *p = to->p + to->off + at, *end = to->p + to->len;
    for (; p != end; p++)
        *p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
    while (to->len > to->off + at && to->p[to->len - 1] == '=') /* RFC 7515 §2: no padding */
        to->len--;
}

/* RFC 7515: header and claims, signed. */
static bool put_jwt(const struct conf_oauth *c, uint64_t now, struct buf *to)
{
    struct buf part = BUF_INIT(FORM_MAX), signed_part = BUF_INIT(FORM_MAX), sig = BUF_INIT(4096);
    buf_lit(&part, "{\"alg\":\"RS256\",\"typ\":\"JWT\"");
    if (c->key_id.n) {
        buf_lit(&part, ",\"kid\":\"");
        json_escape(&part, c->key_id);
        buf_add_char(&part, '"');
    }
    buf_add_char(&part, '}');
    put_b64url(&signed_part, buf_str(&part));
    buf_add_char(&signed_part, '.');
    buf_clear(&part);
    buf_lit(&part, "{\"iss\":\"");
    json_escape(&part, c->client);
    buf_lit(&part, "\",\"scope\":\"");
    json_escape(&part, c->scope);
    buf_lit(&part, "\",\"aud\":\"");
    json_escape(&part, c->audience);
    buf_addf(&part, "\",\"iat\":%llu,\"exp\":%llu}", (unsigned long long)now,
             (unsigned long long)now + LIFE_DEFAULT);
    put_b64url(&signed_part, buf_str(&part));
    bool ok = !part.failed && !signed_part.failed &&
              rsa_sign_sha256(secret_reveal(&c->secret), buf_str(&signed_part), &sig) == RC_OK;
    buf_add(to, buf_str(&signed_part));
    buf_add_char(to, '.');
    put_b64url(to, buf_str(&sig));
    buf_fini(&part);
    buf_fini(&signed_part);
    buf_fini(&sig);
    return ok && !to->failed;
}

static void field(struct buf *to, const char *name, str value)
{
    buf_addf(to, "&%s=", name);
    url_encode(value, to);
}

bool oauth_form(const struct conf_oauth *c, uint64_t now, struct buf *to)
{
    switch (c->kind) {
    case CONF_OAUTH_GOOGLE:
        buf_lit(to, "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=");
        return put_jwt(c, now, to);
    case CONF_OAUTH_ENTRA:
        buf_lit(to, "grant_type=client_credentials");
        field(to, "client_id", c->client);
        field(to, "client_secret", secret_reveal(&c->secret));
        field(to, "scope", c->scope);
        return !to->failed;
    }
    return false;
}

/* ---- the fetch */

static void tell_all(struct oauth *o, bool ok)
{
    while (!list_is_empty(&o->waiting)) {
        struct oauth_waiter *w = list_entry(o->waiting.next, struct oauth_waiter, link);
        oauth_unwait(w);
        w->fn(w, ok);
    }
}

static void finish(struct oauth *o, bool ok)
{
    o->fetching = false;
    if (!ok)
        o->pause_until = loop_now(o->loop) + OAUTH_PAUSE_MS;
    buf_fini(&o->answer);
    buf_fini(&o->form); /* it holds the secret */
    tell_all(o, ok || oauth_token(o).n != 0);
}

static struct oauth *of(struct exchange *x)
{
    return (struct oauth *)(void *)x;
}

static void on_head(struct exchange *x, const struct h1_head *h)
{
    of(x)->good = h->status == 200;
}

static void on_body(struct exchange *x, char *p, size_t n)
{
    buf_add(&of(x)->answer, str_of(p, n));
    if (!of(x)->answer.failed)
        return;
    exchange_cancel(x);
    finish(of(x), false);
}

/* {"access_token": "…", "expires_in": 3599}. Some write the number as text. */
static bool take_answer(struct oauth *o)
{
    struct arena a;
    struct json_doc doc;
    str token = STR_NONE;
    uint64_t life = 0;
    arena_init(&a, 8 * ANSWER_MAX);
    bool ok = o->good && json_parse(&a, buf_str(&o->answer), &doc, NULL) == RC_OK &&
              json_str(json_get_lit(json_root(&doc), "access_token"), &a, &token) == RC_OK &&
              token.n && token.n <= TOKEN_MAX;
    for (size_t i = 0; ok && i < token.n; i++)
        ok = token.p[i] > ' ' && token.p[i] < 0x7f; /* it goes into a header */
    if (ok && json_u64(json_get_lit(json_root(&doc), "expires_in"), &life) != RC_OK)
        life = LIFE_DEFAULT;
    if (ok) {
        buf_clear(&o->token);
        buf_add(&o->token, token);
        o->expires = loop_now(o->loop) + (life < LIFE_MAX ? life : LIFE_MAX) * 1000;
        ok = !o->token.failed;
    }
    arena_fini(&a);
    return ok;
}

static void on_end(struct exchange *x, bool by_close)
{
    (void)by_close; /* half an answer is no JSON */
    finish(of(x), take_answer(of(x)));
}

static void on_fail(struct exchange *x, const struct exchange_fail *f)
{
    (void)f; /* the call that waited says that its provider's credentials could not be had */
    finish(of(x), false);
}

static const struct exchange_ops ops = {
    .on_head = on_head, .on_body = on_body, .on_end = on_end, .on_fail = on_fail};

static void write_request(struct oauth *o)
{
    struct buf *b = &o->head;
    buf_clear(b);
    buf_lit(b, "POST ");
    buf_add(b, o->conf.path);
    buf_lit(b, " HTTP/1.1\r\nhost: ");
    buf_add(b, o->conf.origin.authority);
    buf_lit(b, "\r\nuser-agent: weir/" WEIR_VERSION
               "\r\naccept: application/json\r\naccept-encoding: identity\r\n"
               "content-type: application/x-www-form-urlencoded\r\n");
    h1_write_length(b, buf_size(&o->form));
    h1_write_end(b);
}

static void fetch(struct oauth *o)
{
    msec now = loop_now(o->loop);
    if (o->fetching || now < o->pause_until)
        return;
    o->form = BUF_INIT(FORM_MAX);
    o->answer = BUF_INIT(ANSWER_MAX);
    bool ok = oauth_form(&o->conf, loop_unix_ms(o->loop) / 1000, &o->form);
    write_request(o);
    if (!ok || o->head.failed) {
        o->pause_until = now + OAUTH_PAUSE_MS;
        buf_fini(&o->form);
        return;
    }
    o->fetching = true;
    o->good = false;
    o->iov[0] = str_iov(buf_str(&o->head));
    o->iov[1] = str_iov(buf_str(&o->form));
    o->x.ops = &ops;
    o->x.iov = o->iov;
    o->x.niov = 2;
    o->x.limits = (struct exchange_limits){.connect_ms = FETCH_MS,
                                           .tls_ms = FETCH_MS,
                                           .first_byte_ms = FETCH_MS,
                                           .idle_ms = FETCH_MS,
                                           .deadline = now + FETCH_MS};
    exchange_start(o->client, &o->x);
}

/* ---- for the calls */

str oauth_token(struct oauth *o)
{
    msec now = loop_now(o->loop);
    if (!buf_size(&o->token) || now + OAUTH_LEFT_MS >= o->expires)
        return STR_NONE;
    if (now + OAUTH_FRESH_MS >= o->expires)
        fetch(o);
    return buf_str(&o->token);
}

static void on_tell(struct deferred *d)
{
    struct oauth *o = list_entry(d, struct oauth, tell);
    if (!o->fetching)
        tell_all(o, oauth_token(o).n != 0);
}

void oauth_wait(struct oauth *o, struct oauth_waiter *w)
{
    CHECK(!w->link.next);
    list_push_back(&o->waiting, &w->link);
    fetch(o);
    if (!o->fetching)
        loop_defer(o->loop, &o->tell);
}

void oauth_unwait(struct oauth_waiter *w)
{
    if (w->link.next)
        list_remove(&w->link);
    w->link.next = NULL;
}

void oauth_reject(struct oauth *o, str token)
{
    if (str_eq(token, buf_str(&o->token)))
        o->expires = 0;
}

/* ---- life */

struct oauth *oauth_new(struct loop *l, struct client *c, const struct conf_oauth *conf,
                        const struct origin_spec *spec)
{
    struct oauth *o = mem_zalloc(sizeof(*o));
    if (!o)
        return NULL;
    o->loop = l;
    o->client = c;
    o->tell.fn = on_tell;
    list_init(&o->waiting);
    o->head = BUF_INIT(8192);
    o->token = BUF_INIT(TOKEN_MAX);
    arena_init(&o->arena, 1u << 20);
    o->conf = *conf;
    str *texts[] = {&o->conf.path,        &o->conf.client,     &o->conf.key_id,
                    &o->conf.audience,    &o->conf.scope,      &o->conf.origin.authority,
                    &o->conf.origin.host, &o->conf.origin.text};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (texts[i]->p)
            *texts[i] = arena_dup(&o->arena, *texts[i]);
    o->conf.secret = secret_of(arena_dup(&o->arena, secret_reveal(&conf->secret)));
    o->x.origin = client_origin(c, spec);
    if (o->x.origin && !arena_is_full(&o->arena))
        return o;
    oauth_free(o);
    return NULL;
}

void oauth_close(struct oauth *o)
{
    exchange_cancel(&o->x);
    deferred_cancel(&o->tell);
    o->fetching = false;
    o->pause_until = UINT64_MAX;
}

void oauth_free(struct oauth *o)
{
    if (!o)
        return;
    CHECK(list_is_empty(&o->waiting));
    buf_fini(&o->head);
    buf_fini(&o->form);
    buf_fini(&o->answer);
    buf_fini(&o->token);
    arena_fini(&o->arena);
    mem_free(o);
}

bool oauth_is_for(const struct oauth *o, const struct conf_oauth *c)
{
    return o->conf.kind == c->kind && str_eq(o->conf.origin.text, c->origin.text) &&
           str_eq(o->conf.path, c->path) && str_eq(o->conf.client, c->client) &&
           str_eq(o->conf.scope, c->scope) &&
           str_eq(secret_reveal(&o->conf.secret), secret_reveal(&c->secret));
}
