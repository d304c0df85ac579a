/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reader - one way for all tests to read a text: flush against a guard page, by both entrances,
 * whose answers must agree, and with every node checked against the text.
 */
#pragma once
#include "guard.h"

#include "base/mem.h"
#include "json/json.h"

struct reading {
    struct guard guard;
    struct arena arena;
    struct json_doc doc;
    struct json_error err;
    enum rc rc;
};

/* A value's subtree ends where its parent's goes on; everything stands inside the text. */
static inline void check_nodes(const struct json_doc *d, size_t text_size)
{
    assert_true(d->count > 0 && d->nodes[0].next == d->count);
    for (uint32_t i = 0; i < d->count; i++) {
        const struct json_node *n = &d->nodes[i];
        assert_true((size_t)n->off + n->len <= text_size);
        assert_true(n->next > i && n->next <= d->count);
        char first = d->src[n->off - (n->type == JSON_STRING)];
        char last = d->src[n->off + n->len - (n->type != JSON_STRING)];
        switch ((enum json_type)n->type) {
        case JSON_ARRAY:
            assert_true(first == '[' && last == ']');
            break;
        case JSON_OBJECT:
            assert_true(first == '{' && last == '}');
            break;
        case JSON_STRING:
            assert_true(first == '"' && last == '"' && n->next == i + 1);
            assert_int_equal(!!memchr(d->src + n->off, '\\', n->len), n->flags & JSON_F_ESCAPED);
            if (n->flags == JSON_F_KEY)
                assert_int_equal(n->print, json_print(str_of(d->src + n->off, n->len)));
            break;
        case JSON_NUMBER:
        case JSON_TRUE:
        case JSON_FALSE:
        case JSON_NULL:
            assert_true(n->next == i + 1 && n->len > 0 && n->flags == 0);
            break;
        }
    }
}

static inline void read_into(const struct reading *r, uint32_t cap)
{
    struct json_node *nodes = mem_need(cap * sizeof(*nodes) + 1);
    struct json_doc d = {0};
    struct json_error err = {0};
    enum rc rc = json_parse_into(nodes, cap, r->guard.text, &d, &err);
    assert_int_equal(rc, r->rc);
    if (rc == RC_OK) {
        assert_int_equal(d.count, r->doc.count);
        assert_memory_equal(nodes, r->doc.nodes, d.count * sizeof(*nodes));
    } else {
        assert_int_equal(err.offset, r->err.offset);
        assert_string_equal(err.what, r->err.what);
        assert_string_equal(err.path, r->err.path);
        assert_null(d.nodes);
    }
    mem_free(nodes);
}

static inline void read_text(struct reading *r, str text)
{
    r->guard = guard_new(text);
    r->doc = (struct json_doc){0};
    memset(&r->err, 0x55, sizeof(r->err));
    arena_init(&r->arena, 1u << 30);
    r->rc = json_parse(&r->arena, r->guard.text, &r->doc, &r->err);
    if (r->rc == RC_OK) {
        check_nodes(&r->doc, text.n);
    } else {
        assert_null(r->doc.nodes);
        assert_int_equal(r->err.rc, r->rc);
        assert_true(r->err.offset <= text.n);
        assert_true(strlen(r->err.what) > 0 && strlen(r->err.path) < JSON_PATH_MAX);
    }
    if (text.n < 1 << 20)
        read_into(r, (uint32_t)text.n + 256);
}

static inline void read_done(struct reading *r)
{
    arena_fini(&r->arena);
    guard_free(&r->guard);
}

/* The text is read, and has so many nodes. */
static inline void accept(str text, uint32_t nodes)
{
    struct reading r;
    read_text(&r, text);
    if (r.rc != RC_OK)
        fail_msg("\"" STR_FMT "\": %s at %zu: %s", STR_ARG(str_head(text, 200)), rc_name(r.rc),
                 r.err.offset, r.err.what);
    assert_int_equal(r.doc.count, nodes);
    read_done(&r);
}

/* The text is refused, for this reason, at this byte. */
static inline void refuse(str text, enum rc rc, size_t offset)
{
    struct reading r;
    read_text(&r, text);
    if (r.rc != rc || r.err.offset != offset)
        fail_msg("\"" STR_FMT "\": %s at %zu (%s), want %s at %zu", STR_ARG(str_head(text, 200)),
                 rc_name(r.rc), r.rc ? r.err.offset : 0, r.rc ? r.err.what : "", rc_name(rc),
                 offset);
    read_done(&r);
}
