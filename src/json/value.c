/* SPDX-License-Identifier: Apache-2.0 */
/* value - walking a parsed document; see json.h. All of it is arithmetic on the node table. */
#include <stdarg.h>

#include "base/num.h"
#include "json/json.h"
#include "json/text_int.h"

static const struct json_node *node_of(jval v)
{
    ASSERT(v.at < v.doc->count);
    return &v.doc->nodes[v.at];
}

static str slice(const struct json_doc *d, const struct json_node *n)
{
    return str_of(d->src + n->off, n->len);
}

static bool is_key(const struct json_doc *d, const struct json_node *n, str key)
{
    if (WEIR_LIKELY(!(n->flags & JSON_F_ESCAPED)))
        return n->len == key.n && (key.n == 0 || memcmp(d->src + n->off, key.p, key.n) == 0);
    return json_text_eq(slice(d, n), true, key, false);
}

/*
 * Members are a key's node and its value's, side by side; the next key stands where the value ends.
 * Of 65,536 keys one has the wanted print by chance, so the bytes are hardly ever compared in vain.
 */
jval json_get_printed(jval v, str key, uint16_t print)
{
    if (!json_is(v, JSON_OBJECT))
        return JVAL_NONE;
    const struct json_node *nodes = v.doc->nodes;
    uint32_t end = nodes[v.at].next;
    ASSERT(end > v.at && end <= v.doc->count);
    for (uint32_t k = v.at + 1; k < end; k = nodes[k + 1].next)
        if (nodes[k].print == print && is_key(v.doc, &nodes[k], key))
            return (jval){v.doc, k + 1};
    return JVAL_NONE;
}

jval json_get(jval v, str key)
{
    return json_get_printed(v, key, json_print(key));
}

/* What is missing on the way is JVAL_NONE, of which every member is JVAL_NONE again. */
jval json_path(jval v, ...)
{
    va_list ap;
    va_start(ap, v);
    for (const char *key; (key = va_arg(ap, const char *)) != NULL;)
        v = json_get(v, str_c(key));
    va_end(ap);
    return v;
}

uint32_t json_len(jval v)
{
    uint32_t n = 0;
    struct json_iter it = json_iter(v);
    while (json_next(&it))
        n++;
    return n;
}

str json_text(jval v)
{
    if (!v.doc)
        return STR_NONE;
    str s = slice(v.doc, node_of(v)); /* of a string: without its quotes, which stand beside it */
    return json_is(v, JSON_STRING) ? str_of(s.p - 1, s.n + 2) : s;
}

enum rc json_str(jval v, struct arena *a, str *ret)
{
    if (!json_is(v, JSON_STRING))
        return RC_TYPE;
    str raw = json_raw(v);
    if (!json_is_escaped(v)) {
        *ret = raw;
        return RC_OK;
    }
    char *p = arena_alloc(a, raw.n);
    if (!p)
        return RC_NOMEM;
    size_t n = json_text_undo(p, raw);
    CHECK(n <= raw.n); /* the reader has checked the escapes */
    *ret = str_of(p, n);
    return RC_OK;
}

bool json_str_is(jval v, str s)
{
    return json_is(v, JSON_STRING) && json_text_eq(json_raw(v), json_is_escaped(v), s, false);
}

/* The text of an integer, or RC_TYPE: 1.0 and 1e3 are numbers, but nobody writes a count so. */
static enum rc integer(jval v, str *ret)
{
    if (!json_is(v, JSON_NUMBER))
        return RC_TYPE;
    str s = json_text(v);
    for (size_t i = s.p[0] == '-'; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return RC_TYPE;
    *ret = s;
    return RC_OK;
}

#define FEW_DIGITS 19 /* as many fit into 64 bits whatever they are */

enum rc json_u64(jval v, uint64_t *ret)
{
    if (!json_is(v, JSON_NUMBER))
        return RC_TYPE;
    str s = json_text(v);
    if (s.n <= FEW_DIGITS) { /* nearly always, and then one look at each byte is enough */
        uint64_t n = 0;
        size_t i = 0;
        for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
            n = n * 10 + (uint64_t)(s.p[i] - '0');
        if (i == s.n) {
            *ret = n;
            return RC_OK;
        }
    }
    TRY(integer(v, &s));
    if (str_eq(s, STR("-0")))
        s = STR("0");
    return s.p[0] == '-' ? RC_RANGE : num_u64(s, ret);
}

enum rc json_i64(jval v, int64_t *ret)
{
    str s;
    TRY(integer(v, &s));
    return num_i64(s, ret);
}

enum rc json_double(jval v, double *ret)
{
    return json_is(v, JSON_NUMBER) ? num_double(json_text(v), ret) : RC_TYPE;
}

enum rc json_bool(jval v, bool *ret)
{
    if (!json_is(v, JSON_TRUE) && !json_is(v, JSON_FALSE))
        return RC_TYPE;
    *ret = json_is(v, JSON_TRUE);
    return RC_OK;
}

enum rc json_unescape(struct buf *to, str raw)
{
    size_t need = raw.n;
    if (need > to->max - buf_size(to)) /* it may fit all the same, once undone */
        need = json_text_size(raw);
    if (need == SIZE_MAX)
        return RC_SYNTAX;
    char *p = buf_reserve(to, need);
    if (!p)
        return RC_LIMIT;
    size_t n = json_text_undo(p, raw);
    if (n == SIZE_MAX)
        return RC_SYNTAX;
    CHECK(n <= need); /* it is written already */
    buf_commit(to, n);
    return RC_OK;
}
