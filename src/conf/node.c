/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node - the builder behind both parsers, and the few questions asked of a finished tree.
 *
 * The parsers tell what they see (a map opens, a scalar, it closes); what is open is a stack in
 * struct conf_tree, so neither recurses. In a map scalars are key and value by turns: a key waits
 * in `key` until the value comes that takes it.
 *
 * Members are a linked list. A hash for each map was rejected: a file has tens of keys, each is
 * looked up a few times in the life of the process, and the order of the file is needed anyway.
 */
#include "conf/node.h"

#include <stdlib.h>

const char *conf_kind_name(const struct conf_node *n)
{
    switch (n->kind) {
    case CONF_NULL:
        return "nothing";
    case CONF_SCALAR:
        return "a single value";
    case CONF_LIST:
        return "a list";
    case CONF_MAP:
        return "a map";
    }
    return "?";
}

bool conf_is(const struct conf_node *n, enum conf_kind kind)
{
    return n && n->kind == kind;
}

const struct conf_node *conf_get(const struct conf_node *n, str key)
{
    if (!conf_is(n, CONF_MAP))
        return NULL;
    for (const struct conf_node *it = n->child; it; it = it->next) {
        if (str_eq(it->key, key))
            return it;
    }
    return NULL;
}

void tree_init(struct conf_tree *t, struct arena *a, struct conf_report *report)
{
    *t = (struct conf_tree){.arena = a, .report = report};
}

bool tree_wants_key(const struct conf_tree *t)
{
    return t->depth && t->open[t->depth - 1]->kind == CONF_MAP && !t->key.p;
}

static enum rc refuse(struct conf_tree *t, uint32_t line, uint32_t column, const char *what)
{
    conf_note(t->report, CONF_ERROR, line, column, "%s", what);
    return RC_CONFIG;
}

/* A node for the next value, hung where it belongs. */
static enum rc add(struct conf_tree *t, enum conf_kind kind, uint32_t line, uint32_t column,
                   struct conf_node **ret)
{
    if (tree_wants_key(t))
        return refuse(t, line, column, "a key must be plain text");
    struct conf_node *in = t->depth ? t->open[t->depth - 1] : NULL;
    ASSERT(in ? in->kind == CONF_MAP || in->kind == CONF_LIST : !t->root); /* one root */
    /* a key waits in a map, and nowhere else */
    ASSERT((in && in->kind == CONF_MAP) == (t->key.p != NULL));
    if (++t->nodes > CONF_NODES_MAX)
        return refuse(t, line, column,
                      "the file has more than 50000 values; it is no configuration");
    struct conf_node *n = arena_new(t->arena, struct conf_node);
    if (!n)
        return RC_NOMEM;
    n->kind = kind;
    n->line = line;
    n->column = column;
    n->key = t->key;
    n->key_line = t->key_line;
    n->key_column = t->key_column;
    t->key = STR_NONE;
    if (!in) {
        t->root = n;
    } else {
        if (in->last)
            in->last->next = n;
        else
            in->child = n;
        in->last = n;
        in->count++;
    }
    *ret = n;
    return RC_OK;
}

enum rc tree_open(struct conf_tree *t, enum conf_kind kind, uint32_t line, uint32_t column)
{
    if (t->depth == CONF_DEPTH_MAX)
        return refuse(t, line, column, "nested more than 32 deep; flatten it");
    CHECK(t->depth < CONF_DEPTH_MAX);
    ASSERT(kind == CONF_MAP || kind == CONF_LIST);
    struct conf_node *n;
    TRY(add(t, kind, line, column, &n));
    t->open[t->depth++] = n;
    return RC_OK;
}

static int by_key(const void *a, const void *b)
{
    const struct conf_node *x = *(const struct conf_node *const *)a;
    const struct conf_node *y = *(const struct conf_node *const *)b;
    int c = str_cmp(x->key, y->key);
    if (c)
        return c;
    if (x->key_line != y->key_line)
        return x->key_line < y->key_line ? -1 : 1;
    return (x->key_column > y->key_column) - (x->key_column < y->key_column);
}

/* Sorted, equal keys are neighbours: a map of any size costs n log n, where comparing each key with
 * those before it would let a megabyte of keys hold a reload up. Most YAML readers let
 * the last one win in silence: a second, empty `keys:` would then open the gateway. */
static enum rc check_duplicates(struct conf_tree *t, const struct conf_node *map)
{
    if (map->count < 2)
        return RC_OK;
    struct arena_mark mark = arena_mark(t->arena);
    const struct conf_node **all = arena_alloc(t->arena, map->count * sizeof(*all));
    if (!all)
        return RC_NOMEM;
    size_t n = 0;
    for (const struct conf_node *it = map->child; it; it = it->next) {
        CHECK(n < map->count);
        all[n++] = it;
    }
    qsort(all, n, sizeof(*all), by_key);
    bool found = false;
    for (size_t i = 1; i < n; i++) {
        if (!str_eq(all[i]->key, all[i - 1]->key))
            continue;
        conf_note(t->report, CONF_ERROR, all[i]->key_line, all[i]->key_column,
                  "'" STR_FMT "' is given twice (first in line %u); remove one",
                  STR_ARG(conf_brief(all[i]->key)), all[i - 1]->key_line);
        found = true;
    }
    arena_reset_to(t->arena, mark);
    return found ? RC_CONFIG : RC_OK;
}

enum rc tree_close(struct conf_tree *t)
{
    CHECK(t->depth > 0);
    ASSERT(!t->key.p); /* both parsers give a key without a value a null */
    struct conf_node *n = t->open[--t->depth];
    return n->kind == CONF_MAP ? check_duplicates(t, n) : RC_OK;
}

enum rc tree_scalar(struct conf_tree *t, str text, bool quoted, uint32_t line, uint32_t column)
{
    if (str_find_char(text, '\0') != SIZE_MAX)
        return refuse(t, line, column, "the text holds a NUL character; remove it");
    str copy = arena_dup(t->arena, text);
    if (!copy.p)
        return RC_NOMEM;
    if (tree_wants_key(t)) {
        t->key = copy;
        t->key_line = line;
        t->key_column = column;
        return RC_OK;
    }
    struct conf_node *n;
    TRY(add(t, CONF_SCALAR, line, column, &n));
    n->text = copy;
    n->quoted = quoted;
    return RC_OK;
}

enum rc tree_null(struct conf_tree *t, uint32_t line, uint32_t column)
{
    struct conf_node *n;
    return add(t, CONF_NULL, line, column, &n);
}

/* UTF-8 marks all bytes of a character but the first with the bits 10: those do not move the
 * column.
 */
void conf_position(str text, size_t offset, uint32_t *ret_line, uint32_t *ret_column)
{
    uint32_t line = 1, column = 1;
    for (size_t i = 0; i < offset && i < text.n; i++) {
        if (text.p[i] == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)text.p[i] & 0xC0) != 0x80) {
            column++;
        }
    }
    *ret_line = line;
    *ret_column = column;
}
