/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dialect.c - the registry, and the scratch in which events are parsed.
 */
#include "dialect/dialect.h"

#include "base/mem.h"
#include "base/num.h"
#include "base/utf8.h"
#include "dialect/provider_error.h"
#include "http/date.h"

#define SCRATCH_NODES_MIN  256u
#define SCRATCH_NODES_KEEP (1u << 16) /* 1 MiB: a monstrous event must not cost memory for ever */
#define SCRATCH_TEXT_MAX   (8u << 20) /* twice SSE_EVENT_MAX: an event's text, escaped once more */

#define RETRY_AFTER_MAX 3600.0 /* seconds; more is taken for so much (U11) */

static const struct dialect *const dialects[] = {
#define DIALECT(c_name, config_name) &dialect_##c_name,
#include "dialect/registry.def"
#undef DIALECT
};

const struct dialect *dialect_at(size_t i)
{
    return i < ARRAY_LEN(dialects) ? dialects[i] : NULL;
}

const struct dialect *dialect_find(str name)
{
    for (size_t i = 0; i < ARRAY_LEN(dialects); i++)
        if (str_eq(dialects[i]->name, name))
            return dialects[i];
    return NULL;
}

const struct dialect *dialect_route(str path, str query, struct front_route *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(dialects); i++)
        if (dialects[i]->front && dialects[i]->front->route(path, query, ret))
            return dialects[i];
    return NULL;
}

/* One family can also be one that only reads (a front at other paths) or only writes. */
bool dialect_is_same(const struct dialect *front, const struct dialect *back)
{
    ASSERT(front && back);
    return front == back ||
           (str_eq(front->family, back->family) && back->back && back->back->splice_request);
}

uint16_t dialect_keep(char *to, size_t cap, str s)
{
    ASSERT(cap <= UINT16_MAX); /* its length must fit */
    if (s.n > cap || !s.n)
        return 0;
    memcpy(to, s.p, s.n);
    return (uint16_t)s.n;
}

void dialect_add_line(struct buf *out, str json)
{
    while (json.n) {
        size_t n = 0;

        while (n < json.n && json.p[n] != '\n' && json.p[n] != '\r')
            n++;
        buf_add(out, str_head(json, n));
        if (n < json.n)
            buf_add_char(out, ' ');
        json = str_from(json, n + 1);
    }
}

void dialect_error_head(const struct fail *f, unsigned status, struct front_error *ret)
{
    *ret = (struct front_error){
        .status = status,
        .retry_after_s = fail_retry_after_s(f),
        .retry_after_ms = f->retry_after_ms,
        .should_retry_no = f->stop_retry || err_row(f->kind)->should_retry == ERR_RETRY_NO,
    };
}

/* A date says when, not how long: from the provider's own Date where it sends one, for its clock
 * need not agree with ours. What has passed already asks for nothing. */
static uint64_t wait_until(const struct reply_facts *r, str when)
{
    uint64_t at, now;
    if (http_date(str_trim(r->date), r->unix_s, &now) != RC_OK)
        now = r->unix_s;
    if (!now || http_date(when, now, &at) != RC_OK || at <= now)
        return 0;
    return (at - now < (uint64_t)RETRY_AFTER_MAX ? at - now : (uint64_t)RETRY_AFTER_MAX) * 1000;
}

static uint64_t retry_after_ms(const struct reply_facts *r)
{
    double v;

    if (num_double(str_trim(r->retry_after_ms), &v) == RC_OK && v > 0)
        return (uint64_t)(v < RETRY_AFTER_MAX * 1e3 ? v : RETRY_AFTER_MAX * 1e3);
    if (num_double(str_trim(r->retry_after), &v) == RC_OK && v > 0)
        return (uint64_t)((v < RETRY_AFTER_MAX ? v : RETRY_AFTER_MAX) * 1e3);
    return wait_until(r, str_trim(r->retry_after));
}

void dialect_decode_error(const struct reply_facts *r, str body, struct arena *a, struct fail *ret)
{
    struct provider_error e = {0};
    struct json_doc doc;

    if (body.n && json_parse(a, body, &doc, NULL) == RC_OK)
        (void)provider_error_read(json_root(&doc), &e);
    dialect_fail_of(r, &e, a, ret);
}

void dialect_fail_of(const struct reply_facts *r, const struct provider_error *e, struct arena *a,
                     struct fail *ret)
{
    struct provider_text text;

    provider_error_fail(e, r->status, &text, ret);
    ret->message = ret->message.n ? arena_dup(a, ret->message) : STR_NONE;
    ret->param = ret->param.n ? arena_dup(a, ret->param) : STR_NONE;
    ret->code = ret->code.n ? arena_dup(a, ret->code) : STR_NONE;
    ret->retry_after_ms = retry_after_ms(r);
    ret->stop_retry |= str_eq_nocase(str_trim(r->should_retry), STR("false"));
}

#define BEARER_MAX 8192

void dialect_put_auth(const struct back_call *c, enum dialect_auth usual, header_fn fn, void *ctx)
{
    enum dialect_auth auth = c->opts->auth == AUTH_DEFAULT ? usual : c->opts->auth;
    char value[BEARER_MAX];
    struct buf b = {.p = value, .cap = sizeof value, .max = sizeof value};

    if (!c->key.n || auth == AUTH_NONE || auth == AUTH_DEFAULT)
        return;
    switch (auth) {
    case AUTH_X_API_KEY:
        fn(ctx, STR("x-api-key"), c->key);
        break;
    case AUTH_API_KEY:
        fn(ctx, STR("api-key"), c->key);
        break;
    case AUTH_GOOG:
        fn(ctx, STR("x-goog-api-key"), c->key);
        break;
    case AUTH_BEARER:
    case AUTH_DEFAULT:
    case AUTH_NONE:
        buf_lit(&b, "Bearer ");
        buf_add(&b, c->key);
        if (!b.failed)
            fn(ctx, STR("authorization"), buf_str(&b));
        break;
    }
}

void scratch_init(struct dialect_scratch *s)
{
    *s = (struct dialect_scratch){.text = BUF_INIT(SCRATCH_TEXT_MAX),
                                  .clean = BUF_INIT(3 * SCRATCH_TEXT_MAX)};
}

void scratch_fini(struct dialect_scratch *s)
{
    mem_free(s->nodes);
    buf_fini(&s->text);
    buf_fini(&s->clean);
    *s = (struct dialect_scratch){0};
}

/* Every node takes at least one byte of text, so cap == src.n + 1 always does. */
static bool grow(struct dialect_scratch *s, size_t most)
{
    uint32_t cap = s->cap ? s->cap * 4 : SCRATCH_NODES_MIN;
    struct json_node *p;

    if (s->cap > most || s->cap >= JSON_NODES_MAX)
        return false;
    p = mem_realloc(s->nodes, cap * sizeof *p);
    if (!p)
        return false;
    s->nodes = p;
    s->cap = cap;
    ASSERT(s->cap >= SCRATCH_NODES_MIN);
    return true;
}

static enum rc parse(struct dialect_scratch *s, str src, jval *ret)
{
    enum rc rc;

    if (s->cap > SCRATCH_NODES_KEEP && src.n < SCRATCH_NODES_KEEP) {
        mem_free(s->nodes);
        s->nodes = NULL;
        s->cap = 0;
    }
    if (!s->cap && !grow(s, src.n))
        return RC_NOMEM;
    while ((rc = json_parse_into(s->nodes, s->cap, src, &s->doc, NULL)) == RC_LIMIT)
        if (!grow(s, src.n))
            return RC_LIMIT;
    TRY(rc);
    *ret = json_root(&s->doc);
    return RC_OK;
}

/* Copy with every byte that is no UTF-8 replaced. */
static str repair(struct buf *to, str s)
{
    buf_clear(to);
    while (s.n) {
        size_t good = utf8_valid_prefix(s);

        buf_add(to, str_head(s, good));
        if (good < s.n) {
            buf_lit(to, "\xef\xbf\xbd");
            good++;
        }
        ASSERT(good > 0); /* each round takes a byte at least */
        s = str_from(s, good);
    }
    return buf_str(to);
}

enum rc scratch_parse(struct dialect_scratch *s, str src, jval *ret)
{
    enum rc rc = parse(s, src, ret);
    str clean;

    if (rc != RC_UTF8)
        return rc;
    clean = repair(&s->clean, src);
    return s->clean.failed ? RC_LIMIT : parse(s, clean, ret);
}
