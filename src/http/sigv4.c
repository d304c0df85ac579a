/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sigv4 - the canonical text, its hash into the text to sign, four HMACs to the day's key, one to
 * the signature.
 *
 * The day's key could be kept per credential; it costs about 3 µs of a call that reads a body of
 * kilobytes and waits for a model, so there is no cache that could go stale.
 */
#include "http/sigv4.h"

#include "base/fmt.h"

#define CANONICAL_MAX (64u << 10) /* a head of ours is at most half of it */
#define SECRET_MAX    256u
#define ALGORITHM     "AWS4-HMAC-SHA256"
#define HEX(digest)   (digest), DIGEST_SHA256

static void add_hex(struct buf *to, const uint8_t *bytes, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        buf_add_char(to, digits[bytes[i] >> 4]);
        buf_add_char(to, digits[bytes[i] & 15]);
    }
}

void sigv4_stamp(uint64_t unix_seconds, char to[SIGV4_STAMP])
{
    char t[FMT_TIME_MAX]; /* 2015-08-30T12:36:00.000Z */
    size_t n = fmt_time(t, unix_seconds * 1000), at = 0;
    for (size_t i = 0; i < n && at < SIGV4_STAMP - 1 && t[i] != '.'; i++)
        if (t[i] != '-' && t[i] != ':')
            to[at++] = t[i];
    ASSERT(at == SIGV4_STAMP - 1);
    to[at] = 'Z';
}

/* ---- the canonical text */

static bool is_unreserved(char c)
{
    char l = (char)(c | 0x20);
    return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' ||
           c == '~';
}

/* Percent-encode what is not unreserved, but for the bytes of `kept`. */
static void add_encoded(struct buf *to, str s, const char *kept)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (is_unreserved(c) || (c && strchr(kept, c))) {
            buf_add_char(to, c);
            continue;
        }
        buf_add_char(to, '%');
        buf_add_char(to, digits[(uint8_t)c >> 4]);
        buf_add_char(to, digits[(uint8_t)c & 15]);
    }
}

struct param {
    str name, value;
};

static int param_order(const struct param *a, const struct param *b)
{
    int by_name = str_cmp(a->name, b->name);
    return by_name ? by_name : str_cmp(a->value, b->value);
}

/* Sorted by name, then by value, as bytes. There are few: each is put in its place as it comes. */
static enum rc add_query(struct buf *to, str query)
{
    struct param all[SIGV4_PARAMS];
    size_t n = 0;
    while (query.n) {
        str value = str_cut(&query, '&');
        struct param p = {.name = str_cut(&value, '='), .value = value};
        size_t at = n;
        if (!p.name.n && !value.p)
            continue; /* "a=1&&b=2" */
        if (n == SIGV4_PARAMS)
            return RC_LIMIT;
        for (; at > 0 && param_order(&all[at - 1], &p) > 0; at--)
            all[at] = all[at - 1];
        all[at] = p;
        n++;
    }
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_add_char(to, '&');
        add_encoded(to, all[i].name, "%");
        buf_add_char(to, '=');
        add_encoded(to, all[i].value, "%");
    }
    return RC_OK;
}

/* Without blanks at the ends, and one for each run of them within. */
static void add_value(struct buf *to, str v)
{
    v = str_trim(v);
    for (size_t i = 0; i < v.n; i++)
        if (v.p[i] != ' ' || v.p[i - 1] != ' ')
            buf_add_char(to, v.p[i]);
}

static void add_names(struct buf *to, const struct sigv4_request *r)
{
    for (size_t i = 0; i < r->nheaders; i++) {
        if (i)
            buf_add_char(to, ';');
        buf_add(to, r->headers[i].name);
    }
}

enum rc sigv4_canonical(const struct sigv4_request *r, struct buf *to)
{
    if (r->nheaders > SIGV4_HEADERS)
        return RC_LIMIT;
    buf_add(to, r->method);
    buf_add_char(to, '\n');
    add_encoded(to, r->path.n ? r->path : STR("/"), "/");
    buf_add_char(to, '\n');
    TRY(add_query(to, r->query));
    buf_add_char(to, '\n');
    for (size_t i = 0; i < r->nheaders; i++) {
        ASSERT(i == 0 || str_cmp(r->headers[i - 1].name, r->headers[i].name) < 0);
        buf_add(to, r->headers[i].name);
        buf_add_char(to, ':');
        add_value(to, r->headers[i].value);
        buf_add_char(to, '\n');
    }
    buf_add_char(to, '\n');
    add_names(to, r);
    buf_add_char(to, '\n');
    add_hex(to, HEX(r->body));
    return to->failed ? RC_LIMIT : RC_OK;
}

/* ---- the signature */

static str bytes_of(const uint8_t digest[DIGEST_SHA256])
{
    return str_of((const char *)digest, DIGEST_SHA256);
}

/* "20150830/us-east-1/bedrock/aws4_request" */
static void add_scope(struct buf *to, const struct sigv4_credential *c, str day)
{
    buf_add(to, day);
    buf_add_char(to, '/');
    buf_add(to, c->region);
    buf_add_char(to, '/');
    buf_add(to, c->service);
    buf_lit(to, "/aws4_request");
}

/* A key that is good for one day, one region and one service, so that one that leaks is worth
 * little; the secret itself signs nothing. */
static enum rc day_key(const struct sigv4_credential *c, str day, uint8_t key[DIGEST_SHA256])
{
    char room[4 + SECRET_MAX];
    struct buf first = {.p = room, .cap = sizeof(room), .max = sizeof(room)};
    if (c->secret.n > SECRET_MAX)
        return RC_LIMIT;
    buf_lit(&first, "AWS4");
    buf_add(&first, c->secret);
    digest_hmac(buf_str(&first), day, key);
    explicit_bzero(room, sizeof(room));
    digest_hmac(bytes_of(key), c->region, key);
    digest_hmac(bytes_of(key), c->service, key);
    digest_hmac(bytes_of(key), STR("aws4_request"), key);
    return RC_OK;
}

static enum rc add_signature(const struct sigv4_request *r, const struct sigv4_credential *c,
                             str stamp, struct buf *work, struct buf *to)
{
    uint8_t hash[DIGEST_SHA256], key[DIGEST_SHA256];
    str day = str_head(stamp, 8);
    TRY(sigv4_canonical(r, work));
    ASSERT(!work->failed);
    digest_sha256(buf_str(work), hash);
    buf_clear(work);
    buf_lit(work, ALGORITHM "\n");
    buf_add(work, stamp);
    buf_add_char(work, '\n');
    add_scope(work, c, day);
    buf_add_char(work, '\n');
    add_hex(work, HEX(hash));
    TRY(day_key(c, day, key));
    digest_hmac(bytes_of(key), buf_str(work), hash);
    explicit_bzero(key, sizeof(key));
    buf_lit(to, ALGORITHM " Credential=");
    buf_add(to, c->access_key_id);
    buf_add_char(to, '/');
    add_scope(to, c, day);
    buf_lit(to, ", SignedHeaders=");
    add_names(to, r);
    buf_lit(to, ", Signature=");
    add_hex(to, HEX(hash));
    return to->failed || work->failed ? RC_LIMIT : RC_OK;
}

enum rc sigv4_sign(const struct sigv4_request *r, const struct sigv4_credential *c,
                   const char stamp[SIGV4_STAMP], struct buf *to)
{
    struct buf work = BUF_INIT(CANONICAL_MAX);
    enum rc rc = add_signature(r, c, str_of(stamp, SIGV4_STAMP), &work, to);
    buf_fini(&work);
    return rc;
}
