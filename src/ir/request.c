/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.c - building the canonical request's lists, and naming what a translation lost.
 *
 * Lists are built by a pointer to their last `next`: an append is two stores, and an empty list is
 * no special case. What was lost is a set of names and no text, because it goes into a header: what
 * does not fit one is called "other", and beyond IR_LOSSY_MAX it only says that there is more.
 */
#include "ir/request.h"

struct ir_message *ir_add_message(struct arena *a, struct ir_message ***tail, enum ir_role role)
{
    struct ir_message *m = arena_new(a, struct ir_message);

    if (!m)
        return NULL;
    ASSERT(!**tail); /* or the rest of the list would be lost */
    m->role = role;
    m->tail = &m->blocks;
    **tail = m;
    *tail = &m->next;
    return m;
}

struct ir_block *ir_add_block(struct arena *a, struct ir_block ***tail, enum ir_kind kind)
{
    struct ir_block *b = arena_new(a, struct ir_block);

    if (!b)
        return NULL;
    ASSERT(!**tail);
    b->kind = kind;
    **tail = b;
    *tail = &b->next;
    return b;
}

static bool fits_header(str s)
{
    if (s.n == 0 || s.n > IR_LOSSY_NAME_MAX)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i], low = (char)(c | 0x20);

        if (!(low >= 'a' && low <= 'z') && !(c >= '0' && c <= '9') && !memchr("_.-[]", c, 5))
            return false;
    }
    return true;
}

bool ir_lossy_has(const struct ir_lossy *l, str name)
{
    for (unsigned i = 0; i < l->n; i++)
        if (str_eq(l->names[i], name))
            return true;
    return false;
}

void ir_lossy_add(struct ir_lossy *l, str name)
{
    if (!fits_header(name))
        name = STR("other");
    if (ir_lossy_has(l, name))
        return;
    CHECK(l->n <= IR_LOSSY_MAX);
    if (l->n == IR_LOSSY_MAX)
        l->more = true;
    else
        l->names[l->n++] = name;
}

void ir_lossy_print(const struct ir_lossy *l, struct buf *to)
{
    for (unsigned i = 0; i < l->n; i++) {
        if (i)
            buf_lit(to, ", ");
        buf_add(to, l->names[i]);
    }
    if (l->more)
        buf_lit(to, ", ...");
}

str ir_unescape(struct arena *a, jtext t)
{
    CHECK(t.n <= UINT32_MAX); /* a body is at most a gigabyte */
    struct json_node node = {.len = (uint32_t)t.n, .type = JSON_STRING, .flags = JSON_F_ESCAPED};
    struct json_doc doc = {.src = t.p, .nodes = &node, .count = 1};
    str out;

    if (t.n == 0 || !memchr(t.p, '\\', t.n))
        return t;
    return json_str(json_root(&doc), a, &out) == RC_OK ? out : STR_NONE;
}
