/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json - reader: one strict pass over the text, then a flat table of nodes that point into it.
 *
 * RFC 8259, strictly: valid UTF-8 only, no duplicate keys in any object, depth and node caps, no
 * recursion. Nothing is copied: a string node is the slice between its quotes, still escaped; a
 * number keeps its source text, so nothing is lost. The source must outlive the document.
 *
 *     {"a":[1,"x"]}    node 0 OBJECT  off 0  len 13  next 5
 *                      node 1 STRING  "a" (a key)    next 2
 *                      node 2 ARRAY   off 5  len 7   next 5   next = first node after the subtree
 *                      node 3 NUMBER  1
 *                      node 4 STRING  x
 *
 * What is wrong is told with its place, as an offset and as a path: messages[3].content.
 *
 * Lone surrogate escapes (\ud800) and \u0000 are accepted here; unescaping turns a lone surrogate
 * into U+FFFD.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/rc.h"
#include "json/print.h"

enum json_type {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

#define JSON_F_ESCAPED 1 /* the string has backslash escapes */
#define JSON_F_KEY     2 /* an object's key; the next node is its value */

#define JSON_DEPTH_MAX 128
#define JSON_NODES_MAX (8u << 20)
#define JSON_PATH_MAX  128

struct json_node {
    uint32_t off, len; /* string: between the quotes; else the whole text */
    uint32_t next;     /* index of the first node after this value */
    uint8_t type, flags;
    uint16_t print; /* of a key's text, so that looking for one reads this table alone */
};

struct json_doc {
    const char *src;
    const struct json_node *nodes;
    uint32_t count;
};

struct json_error {
    enum rc rc;       /* RC_SYNTAX RC_UTF8 RC_DUPLICATE RC_DEPTH RC_LIMIT RC_NOMEM */
    size_t offset;    /* byte at which it was seen */
    const char *what; /* static text: "expected ':' after the key" */
    /* Where it was, NUL-terminated and cut where it is too long; "" is the outermost value. Keys
     * stand as in the source, still escaped. Of a duplicate key, the path with that key. */
    char path[JSON_PATH_MAX];
};

/* Parse exactly one document (blanks around it allowed). Nodes live in `a`. src.n < 4 GiB.
 * On failure returns err->rc; *ret is untouched. err may be NULL. */
enum rc json_parse(struct arena *a, str src, struct json_doc *ret,
                   struct json_error *err) MUST_CHECK;
/* The same over caller-owned nodes, for small texts on hot paths (stream events): no allocation;
 * RC_LIMIT when `cap` nodes do not do (an object of more than 32 keys borrows free ones at its end,
 * about as many as it has keys). */
enum rc json_parse_into(struct json_node *nodes, uint32_t cap, str src, struct json_doc *ret,
                        struct json_error *err) MUST_CHECK;

/* A value of a document, by value. doc == NULL: absent. */
typedef struct jval {
    const struct json_doc *doc;
    uint32_t at;
} jval;

#define JVAL_NONE ((jval){NULL, 0})

static inline jval json_root(const struct json_doc *d)
{
    return (jval){d, 0};
}
static inline bool json_has(jval v)
{
    return v.doc != NULL;
}
static inline enum json_type json_type(jval v) /* v must be there */
{
    return (enum json_type)v.doc->nodes[v.at].type;
}
static inline bool json_is(jval v, enum json_type t)
{
    return v.doc && v.doc->nodes[v.at].type == t;
}
/* Absent or null: in requests the two mean the same (WIRE.md). */
static inline bool json_is_nothing(jval v)
{
    return !v.doc || v.doc->nodes[v.at].type == JSON_NULL;
}

/* Member by (unescaped) key; absent when there is none or v is no object. */
jval json_get(jval v, str key);
jval json_get_printed(jval v, str key, uint16_t print); /* print: json_print(key) */
#define json_get_lit(v, lit) json_get_printed((v), STR(lit), json_print(STR(lit)))
/* Follow keys: json_path(v, "usage", "prompt_tokens", NULL). */
jval json_path(jval v, ...) __attribute__((sentinel));

/* Walk an array or object in order. */
struct json_iter {
    const struct json_doc *doc;
    uint32_t at, end;
    bool object;
    jval key; /* objects: the key node */
    jval val;
};
/* Anything else: walks nothing. */
static inline struct json_iter json_iter(jval v)
{
    struct json_iter it = {.doc = v.doc};
    if (!json_is(v, JSON_ARRAY) && !json_is(v, JSON_OBJECT))
        return it;
    it.at = v.at + 1;
    it.end = v.doc->nodes[v.at].next;
    it.object = json_type(v) == JSON_OBJECT;
    return it;
}
static inline bool json_next(struct json_iter *it)
{
    if (it->at >= it->end)
        return false;
    if (it->object)
        it->key = (jval){it->doc, it->at++};
    it->val = (jval){it->doc, it->at};
    it->at = it->doc->nodes[it->at].next;
    return true;
}
uint32_t json_len(jval v); /* elements or members; O(n) */

/* The text of the value as it stands in the source; strings with their quotes. */
str json_text(jval v);
/* A string's bytes between the quotes, still escaped. Empty slice when v is no string. */
static inline str json_raw(jval v)
{
    if (!json_is(v, JSON_STRING))
        return str_of("", 0);
    const struct json_node *n = &v.doc->nodes[v.at];
    return str_of(v.doc->src + n->off, n->len);
}
static inline bool json_is_escaped(jval v)
{
    return v.doc && (v.doc->nodes[v.at].flags & JSON_F_ESCAPED);
}
/* Unescaped string; no copy where nothing is escaped. RC_TYPE, RC_NOMEM. */
enum rc json_str(jval v, struct arena *a, str *ret) MUST_CHECK;
/* v is a string equal to `s` after unescaping. */
bool json_str_is(jval v, str s);
enum rc json_u64(jval v, uint64_t *ret) MUST_CHECK; /* integers only: RC_TYPE, RC_RANGE */
enum rc json_i64(jval v, int64_t *ret) MUST_CHECK;
enum rc json_double(jval v, double *ret) MUST_CHECK;
enum rc json_bool(jval v, bool *ret) MUST_CHECK;

/* Unescape the body of a JSON string (text between quotes) onto `to`. RC_SYNTAX, RC_LIMIT. */
enum rc json_unescape(struct buf *to, str raw) MUST_CHECK;
