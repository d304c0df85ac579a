/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_edit - from paths to byte ranges, and the text between them copied.
 *
 * An edit is looked for in the parsed text; what it finds becomes a list of changes, each a range
 * of the source and what shall stand there. Changes are sorted, and one that lies in another falls
 * away (of a deleted value nothing below is of interest), so no order of finding can do harm.
 */
#include "json/edit.h"

#include <stdlib.h>

#include "base/num.h"
#include "json/edit_path.h"
#include "json/write.h"

#define KEY_MAX (64u << 10) /* of one added member's text around its value */

struct change {
    size_t at, len; /* of the source */
    str text;
};

/* One edit on its way over one text. */
struct editing {
    const struct json_edit *e;
    struct edit_path path;
    struct arena *arena;
    str src;
    struct change *v;
    size_t n, cap;
};

static void change(struct editing *ed, const char *at, size_t len, str text)
{
    size_t off = (size_t)(at - ed->src.p);
    CHECK(off <= ed->src.n && len <= ed->src.n - off);
    if (ed->n == ed->cap) {
        size_t cap = ed->cap ? 2 * ed->cap : 16;
        struct change *v = arena_grow(ed->arena, ed->v, ed->cap * sizeof(*v), cap * sizeof(*v));
        if (!v)
            return; /* the arena says so at the end */
        ed->v = v;
        ed->cap = cap;
    }
    ed->v[ed->n++] = (struct change){off, len, text};
}

static void replace(struct editing *ed, jval v, str text)
{
    str old = json_text(v);
    change(ed, old.p, old.n, text);
}

/* ---- deleting: the comma that goes along is the one before, of a first member the one behind */

static void delete_child(struct editing *ed, jval parent, jval child)
{
    struct json_iter it = json_iter(parent);
    str gone = json_text(child);
    const char *before = NULL, *end = gone.p + gone.n;
    while (json_next(&it)) {
        str head = json_text(it.object ? it.key : it.val), val = json_text(it.val);
        if (it.val.at != child.at) {
            before = val.p + val.n;
            continue;
        }
        const char *from = before ? before : head.p;
        if (!before && json_next(&it))
            end = json_text(it.object ? it.key : it.val).p;
        change(ed, from, (size_t)(end - from), STR_NONE);
        return;
    }
}

/* ---- adding members */

static void put_key(struct buf *b, str key)
{
    buf_add_char(b, '"');
    json_escape(b, key);
    buf_lit(b, "\":");
}

static void add_members(struct editing *ed, jval object, struct buf *members)
{
    if (json_len(object))
        buf_add_char(members, ',');
    str text = members->failed ? STR_NONE : arena_dup(ed->arena, buf_str(members));
    if (!text.p)
        ed->arena->full = true;
    else
        change(ed, json_text(object).p + 1, 0, text);
}

/* The member of `object` that segment k names is not there: it comes with all that the rest of the
 * path wants below it. */
static void add_path(struct editing *ed, jval object, unsigned k)
{
    struct buf b = BUF_INIT(KEY_MAX + ed->e->value.n);
    unsigned open = 0;
    for (unsigned i = k; i < ed->path.n; i++)
        if (ed->path.seg[i].kind != SEGMENT_KEY) {
            buf_fini(&b);
            return; /* nothing there to be found by a place or a star */
        }
    for (unsigned i = k; i < ed->path.n; i++) {
        put_key(&b, ed->path.seg[i].key);
        if (i + 1 < ed->path.n) {
            buf_add_char(&b, '{');
            open++;
        }
    }
    buf_add(&b, ed->e->value);
    while (open--)
        buf_add_char(&b, '}');
    add_members(ed, object, &b);
    buf_fini(&b);
}

/* Members of `more` that `object` has not, and those of the objects that both have. */
static void merge(struct editing *ed, jval object, jval more)
{
    struct json_iter it = json_iter(more);
    struct buf b = BUF_INIT(KEY_MAX + ed->e->value.n);
    while (json_next(&it)) {
        str key;
        if (json_str(it.key, ed->arena, &key) != RC_OK)
            break;
        jval have = json_get(object, key);
        if (json_is(have, JSON_OBJECT) && json_is(it.val, JSON_OBJECT)) {
            merge(ed, have, it.val);
        } else if (json_is(have, JSON_NULL)) {
            replace(ed, have, json_text(it.val));
        } else if (!json_has(have)) {
            if (buf_size(&b))
                buf_add_char(&b, ',');
            put_key(&b, key);
            buf_add(&b, json_text(it.val));
        }
    }
    if (buf_size(&b))
        add_members(ed, object, &b);
    buf_fini(&b);
}

/* ---- what is done where the path ends */

static void give_default(struct editing *ed, jval v)
{
    struct json_doc *more = arena_new(ed->arena, struct json_doc);
    if (json_is(v, JSON_NULL))
        replace(ed, v, ed->e->value);
    else if (more && json_is(v, JSON_OBJECT) &&
             json_parse(ed->arena, ed->e->value, more, NULL) == RC_OK)
        merge(ed, v, json_root(more));
}

static void lower(struct editing *ed, jval v)
{
    double have, most;
    if (json_is(v, JSON_NUMBER) && json_double(v, &have) == RC_OK &&
        num_double(ed->e->value, &most) == RC_OK && have > most)
        replace(ed, v, ed->e->value);
}

static void rename_member(struct editing *ed, jval parent, jval v)
{
    struct json_iter it = json_iter(parent);
    struct buf b = BUF_INIT(KEY_MAX);
    if (json_has(json_get(parent, ed->e->value))) {
        delete_child(ed, parent, v);
        return;
    }
    while (json_next(&it) && it.val.at != v.at)
        ;
    json_escape(&b, ed->e->value);
    str name = arena_dup(ed->arena, buf_str(&b));
    str old = json_raw(it.key);
    if (name.p && !b.failed)
        change(ed, old.p, old.n, name);
    buf_fini(&b);
}

static void apply(struct editing *ed, jval parent, jval v)
{
    switch (ed->e->op) {
    case JSON_EDIT_SET:
    case JSON_EDIT_REPLACE:
        replace(ed, v, ed->e->value);
        break;
    case JSON_EDIT_DEFAULT:
        give_default(ed, v);
        break;
    case JSON_EDIT_AT_MOST:
        lower(ed, v);
        break;
    case JSON_EDIT_RENAME:
        rename_member(ed, parent, v);
        break;
    case JSON_EDIT_DELETE:
        delete_child(ed, parent, v);
        break;
    }
}

/* ---- along the path. The recursion is as deep as the path has segments. */

static void walk(struct editing *ed, jval v, unsigned k);

/* Segment k has led from parent to child. */
static void step(struct editing *ed, jval parent, jval child, unsigned k)
{
    if (k + 1 == ed->path.n)
        apply(ed, parent, child);
    else
        walk(ed, child, k + 1);
}

static void walk_key(struct editing *ed, jval v, unsigned k)
{
    bool adds = ed->e->op == JSON_EDIT_SET || ed->e->op == JSON_EDIT_DEFAULT;
    bool looked_for = k && ed->path.seg[k - 1].kind == SEGMENT_DEEP;
    if (!json_is(v, JSON_OBJECT))
        return;
    jval child = json_get(v, ed->path.seg[k].key);
    if (json_has(child))
        step(ed, v, child, k);
    else if (adds && !looked_for) /* ** finds what is there, it does not plant it everywhere */
        add_path(ed, v, k);
}

static void walk_places(struct editing *ed, jval v, unsigned k)
{
    const struct edit_segment *s = &ed->path.seg[k];
    bool all = s->kind == SEGMENT_EVERY;
    if (all && k + 1 == ed->path.n && ed->e->op == JSON_EDIT_DELETE) {
        if (json_is(v, JSON_OBJECT) || json_is(v, JSON_ARRAY))
            replace(ed, v, json_is(v, JSON_OBJECT) ? STR("{}") : STR("[]"));
        return;
    }
    struct json_iter it = json_iter(v);
    for (uint32_t i = 0; json_next(&it); i++)
        if (all || (!it.object && i == s->index))
            step(ed, v, it.val, k);
}

/* The nodes of a subtree lie side by side, so "everything below" needs no recursion. */
static void walk_deep(struct editing *ed, jval v, unsigned k)
{
    uint32_t end = v.doc->nodes[v.at].next;
    for (uint32_t i = v.at; i < end; i++) {
        jval below = {v.doc, i};
        if (!(v.doc->nodes[i].flags & JSON_F_KEY) &&
            (json_is(below, JSON_OBJECT) || json_is(below, JSON_ARRAY)))
            walk(ed, below, k + 1);
    }
}

static void walk(struct editing *ed, jval v, unsigned k)
{
    CHECK(k < ed->path.n);
    switch (ed->path.seg[k].kind) {
    case SEGMENT_KEY:
        walk_key(ed, v, k);
        break;
    case SEGMENT_INDEX:
    case SEGMENT_EVERY:
        walk_places(ed, v, k);
        break;
    case SEGMENT_DEEP:
        walk_deep(ed, v, k);
        break;
    }
}

/* ---- writing */

/* By place; of two at one place the longer first, which swallows the other. */
static int by_place(const void *a, const void *b)
{
    const struct change *x = a, *y = b;
    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    return x->len == y->len ? 0 : x->len > y->len ? -1 : 1;
}

static void write_changes(struct editing *ed, struct buf *out)
{
    size_t at = 0;
    if (ed->n > 1)
        qsort(ed->v, ed->n, sizeof(*ed->v), by_place);
    for (size_t i = 0; i < ed->n; i++) {
        const struct change *c = &ed->v[i];
        if (c->at < at || (i && c->at == c[-1].at && c->at + c->len == at))
            continue; /* inside of one before, or the same found twice */
        CHECK(c->at + c->len <= ed->src.n);
        buf_add(out, str_of(ed->src.p + at, c->at - at));
        buf_add(out, c->text);
        at = c->at + c->len;
    }
    buf_add(out, str_from(ed->src, at));
}

static enum rc edit_one(struct arena *a, str text, const struct json_edit *e, struct buf *out)
{
    struct arena_mark mark = arena_mark(a);
    struct editing ed = {.e = e, .arena = a, .src = text};
    struct json_doc doc;
    const char *bad = edit_path_parse(e->path, &ed.path);
    CHECK(!bad); /* json_edit_check was asked */
    enum rc rc = json_parse(a, text, &doc, NULL);
    if (rc == RC_OK) {
        walk(&ed, json_root(&doc), 0);
        write_changes(&ed, out);
        rc = arena_is_full(a) || out->failed ? RC_NOMEM : RC_OK;
    }
    arena_reset_to(a, mark);
    return rc;
}

enum rc json_edit(struct arena *a, str text, const struct json_edit *edits, size_t n,
                  struct buf *out)
{
    struct buf work[2] = {BUF_INIT(out->max), BUF_INIT(out->max)};
    enum rc rc = RC_OK;
    /* Each edit sees what the one before has made, as the configuration reads: two buffers take
     * turns. */
    for (size_t i = 0; i < n && rc == RC_OK; i++) {
        struct buf *to = i + 1 == n ? out : &work[i & 1];
        if (to != out)
            buf_clear(to);
        rc = edit_one(a, text, &edits[i], to);
        text = buf_str(to);
    }
    if (!n)
        buf_add(out, text);
    buf_fini(&work[0]);
    buf_fini(&work[1]);
    return rc != RC_OK ? rc : out->failed ? RC_NOMEM : RC_OK;
}

const char *json_edit_check(const struct json_edit *e)
{
    struct edit_path path;
    const char *bad = edit_path_parse(e->path, &path);
    double most;
    if (bad)
        return bad;
    if (e->op == JSON_EDIT_AT_MOST && num_double(e->value, &most) != RC_OK)
        return "the limit is no number";
    if (e->op == JSON_EDIT_RENAME && path.seg[path.n - 1].kind != SEGMENT_KEY)
        return "only a member can be renamed: the path must end in a key";
    return NULL;
}
