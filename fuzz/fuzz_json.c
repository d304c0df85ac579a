/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON: whatever the bytes are, both entrances of the reader agree; what is accepted has every node
 * inside the text, reads the same after being written again, and keeps its strings when they are
 * undone and escaped once more. And any bytes at all can be put into a string and come back, but
 * for what is no UTF-8. The scanners must agree on every input too.
 */
#include "fuzz.h"

#include "../tests/unit/json/rewrite.h"
#include "base/arena.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "json/json.h"
#include "json/scan_int.h"
#include "json/write.h"

/* For documents above this size the checks that are quadratic are left out. */
#define SMALL 256

static void check_node(const struct json_doc *d, uint32_t i, size_t size)
{
    const struct json_node *n = &d->nodes[i];
    CHECK((size_t)n->off + n->len <= size && n->type <= JSON_OBJECT);
    CHECK(n->next > i && n->next <= d->count);
    bool many = n->type == JSON_ARRAY || n->type == JSON_OBJECT;
    CHECK(many || n->next == i + 1);
    if (n->type == JSON_STRING) {
        CHECK(n->off >= 1 && d->src[n->off - 1] == '"' && d->src[n->off + n->len] == '"');
        CHECK(utf8_is_valid(str_of(d->src + n->off, n->len)));
    }
}

/* Walking finds every node once; every member is found by its key. */
static uint32_t walk(jval v)
{
    struct json_iter its[JSON_DEPTH_MAX + 1];
    unsigned depth = 0;
    uint32_t seen = 1;
    its[0] = json_iter(v);
    for (;;) {
        struct json_iter *it = &its[depth];
        if (!json_next(it)) {
            if (depth-- == 0)
                return seen;
            continue;
        }
        seen += it->object ? 2 : 1;
        if (it->object && !json_is_escaped(it->key) && v.doc->count < SMALL) {
            jval parent = {it->doc, depth ? its[depth - 1].val.at : v.at};
            CHECK(json_get(parent, json_raw(it->key)).at == it->val.at);
        }
        if (json_is(it->val, JSON_ARRAY) || json_is(it->val, JSON_OBJECT)) {
            CHECK(depth < JSON_DEPTH_MAX);
            its[++depth] = json_iter(it->val);
        }
    }
}

static void check_same(const struct json_doc *a, const struct json_doc *b)
{
    CHECK(a->count == b->count);
    for (uint32_t i = 0; i < a->count; i++) {
        const struct json_node *x = &a->nodes[i], *y = &b->nodes[i];
        CHECK(x->type == y->type && x->flags == y->flags && x->next == y->next);
        if (x->type != JSON_ARRAY && x->type != JSON_OBJECT)
            CHECK(str_eq(json_text((jval){a, i}), json_text((jval){b, i})));
    }
}

static void check_rewritten(struct arena *a, const struct json_doc *d)
{
    struct rope r = ROPE_INIT(1u << 28);
    struct buf flat = BUF_INIT(1u << 28);
    struct json_writer w;
    struct json_doc again;
    json_writer_init(&w, &r);
    if (rewrite(&w, json_root(d))) { /* else too deep for the writer */
        CHECK(!rope_failed(&r));
        rope_flatten(&r, &flat);
        CHECK(json_parse(a, buf_str(&flat), &again, NULL) == RC_OK);
        check_same(d, &again);
    }
    buf_fini(&flat);
    rope_fini(&r);
}

/* Undone, escaped, read and undone again: the same. */
static void check_string(struct arena *a, jval v)
{
    struct rope r = ROPE_INIT(1u << 28);
    struct json_writer w;
    struct json_doc d;
    str plain, again;
    CHECK(json_str(v, a, &plain) == RC_OK && utf8_is_valid(plain) && json_str_is(v, plain));
    json_writer_init(&w, &r);
    json_put_str(&w, plain);
    CHECK(json_parse(a, buf_str(&r.own), &d, NULL) == RC_OK && d.count == 1);
    CHECK(json_str(json_root(&d), a, &again) == RC_OK && str_eq(plain, again));
    rope_fini(&r);
}

static void check_numbers(jval v)
{
    uint64_t u;
    int64_t i;
    double f;
    bool b;
    if (json_u64(v, &u) == RC_OK && u <= INT64_MAX)
        CHECK(json_i64(v, &i) == RC_OK && (uint64_t)i == u);
    if (json_i64(v, &i) == RC_OK)
        CHECK(json_double(v, &f) == RC_OK);
    CHECK((json_bool(v, &b) == RC_OK) == (json_is(v, JSON_TRUE) || json_is(v, JSON_FALSE)));
}

static void check_document(struct arena *a, const struct json_doc *d, size_t size)
{
    CHECK(d->count > 0 && d->nodes[0].next == d->count);
    for (uint32_t i = 0; i < d->count; i++)
        check_node(d, i, size);
    CHECK(walk(json_root(d)) == d->count);
    check_rewritten(a, d);
    for (uint32_t i = 0; i < d->count && i < SMALL; i++) {
        jval v = {d, i};
        check_numbers(v);
        if (json_is(v, JSON_STRING))
            check_string(a, v);
    }
}

/* Any bytes as the text of a string. */
static void check_any_bytes(struct arena *a, str s)
{
    struct buf b = BUF_INIT(1u << 28), undone = BUF_INIT(1u << 28);
    struct json_doc d;
    str back;
    buf_lit(&b, "\"");
    json_escape(&b, s);
    buf_lit(&b, "\"");
    CHECK(json_parse(a, buf_str(&b), &d, NULL) == RC_OK && d.count == 1);
    CHECK(json_str(json_root(&d), a, &back) == RC_OK);
    CHECK(str_eq(back, s) || !utf8_is_valid(s));
    if (json_unescape(&undone, s) == RC_OK)
        CHECK(buf_size(&undone) <= s.n);
    else
        CHECK(buf_size(&undone) == 0);
    buf_fini(&undone);
    buf_fini(&b);
}

/* The wide scanners accept what the exact one accepts, and nothing else. */
static void check_scanners(str s)
{
    const json_scan_fn wide[] = {json_scan_with_avx2(), json_scan_with_avx512()};
    struct json_flaw flaw;
    bool one = false;
    if (s.n == 0)
        return;
    const char *end = s.p + s.n, *e = json_scan_exact(s.p, end, &one, &flaw);
    CHECK(e || (flaw.at >= s.p && flaw.at <= end));
    for (size_t i = 0; i < ARRAY_LEN(wide); i++) {
        bool two = false;
        if (!wide[i])
            continue;
        CHECK(wide[i](s.p, end, &two) == e);
        CHECK(!e || one == two);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str text = str_of((const char *)data, size);
    struct arena a;
    struct json_doc d = {0}, e = {0};
    struct json_error one, two;
    arena_init(&a, 1u << 28);
    uint32_t cap = (uint32_t)size + 256;
    struct json_node *nodes = mem_need(cap * sizeof(*nodes));
    enum rc rc = json_parse(&a, text, &d, &one);
    CHECK(json_parse_into(nodes, cap, text, &e, &two) == rc);
    if (rc == RC_OK) {
        check_same(&d, &e);
        check_document(&a, &d, size);
    } else {
        CHECK(!d.nodes && rc == one.rc && one.offset <= size && one.offset == two.offset);
        CHECK(strcmp(one.what, two.what) == 0 && strcmp(one.path, two.path) == 0);
    }
    check_any_bytes(&a, text);
    check_scanners(text);
    mem_free(nodes);
    arena_fini(&a);
    return 0;
}
