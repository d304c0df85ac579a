/* SPDX-License-Identifier: Apache-2.0 */
/*
 * field.c - the walk over one object and the checks of single values.
 *
 * Tables are short (at most some forty rows) and lengths and first letters differ, so a linear
 * search by those, and then the bytes, beats anything clever.
 */
#include "dialect/field.h"

#define PATH_MAX_PARTS 16

void decoding_init(struct decoding *d, struct arena *a, struct ir_request *r, struct fail *f)
{
    ASSERT(a && f); /* a refusal needs a place */
    *r = (struct ir_request){0};
    *d = (struct decoding){.arena = a, .request = r, .fail = f};
    d->messages = &r->messages;
    d->tools = &r->tools;
    d->unknown = &r->unknown;
}

/* "messages[2].content" in the arena; without indices when `plain`. Absent when full. */
static str path_of(struct arena *a, const struct field_at *at, bool plain)
{
    const struct field_at *parts[PATH_MAX_PARTS];
    size_t n = 0;
    str out = STR("");

    for (; at && n < PATH_MAX_PARTS; at = at->up)
        if (at->name || !plain)
            parts[n++] = at;
    while (n-- > 0) { /* they were found from the inside out */
        const struct field_at *p = parts[n];
        const char *dot = out.n && p->name ? "." : "", *name = p->name ? p->name : "";

        if (p->index >= 0 && !plain)
            out = arena_strf(a, STR_FMT "%s%s[%ld]", STR_ARG(out), dot, name, p->index);
        else
            out = arena_strf(a, STR_FMT "%s%s", STR_ARG(out), dot, name);
    }
    return out;
}

enum rc field_bad(struct decoding *d, const struct field_at *at, const char *message,
                  const char *code)
{
    str path = path_of(d->arena, at, false);
    str text =
        path.n ? arena_strf(d->arena, STR_FMT ": %s", STR_ARG(path), message) : str_c(message);

    return fail_set(d->fail, ERR_BAD_REQUEST, text.p ? text : str_c(message), path, str_c(code));
}

enum rc field_nomem(struct decoding *d)
{
    (void)fail_set(d->fail, ERR_TOO_LARGE, STR("The request is too large to be read."), STR_NONE,
                   STR_NONE);
    return RC_NOMEM;
}

/* A list by name, each once: tools[0].x and tools[7].x are the same loss. A client with a thousand
 * members of its own must cost no more than one with a few, so there is a last name for the rest.
 */
enum rc field_unknown(struct decoding *d, const struct field_at *at, str key, jval value)
{
    struct arena_mark mark = arena_mark(d->arena);
    struct ir_field *f;
    str path, name;

    if (d->nunknown > FIELD_UNKNOWN_MAX)
        return RC_OK;
    path = path_of(d->arena, at, true);
    name = path.n ? arena_strf(d->arena, STR_FMT "." STR_FMT, STR_ARG(path), STR_ARG(key)) : key;
    if (d->nunknown == FIELD_UNKNOWN_MAX)
        name = STR("other");
    for (f = d->request->unknown; f; f = f->next)
        if (str_eq(f->name, name)) {
            arena_reset_to(d->arena, mark);
            return RC_OK;
        }
    f = arena_new(d->arena, struct ir_field);
    if (!f || !name.p)
        return field_nomem(d);
    f->name = name;
    f->json = json_text(value);
    ASSERT(!*d->unknown); /* the tail */
    *d->unknown = f;
    d->unknown = &f->next;
    d->nunknown++;
    return RC_OK;
}

enum rc field_add_block(struct decoding *d, struct ir_block ***tail, enum ir_kind kind, jval v,
                        struct ir_block **ret)
{
    struct ir_block *b;

    ASSERT(!**tail); /* the end of its list, or blocks would be lost */
    b = ir_add_block(d->arena, tail, kind);
    if (!b)
        return field_nomem(d);
    if (json_has(v))
        b->raw = json_text(v);
    *ret = b;
    return RC_OK;
}

enum rc field_text(struct decoding *d, jval v, const struct field_at *at, jtext *ret)
{
    if (!json_is(v, JSON_STRING))
        return field_bad(d, at, "must be a string", "invalid_type");
    *ret = json_raw(v);
    return RC_OK;
}

enum rc field_list(struct decoding *d, jval v, const struct field_at *at, struct ir_str_list *ret)
{
    struct ir_str_list list = {0};
    struct json_iter it = json_iter(v);

    if (json_is(v, JSON_STRING)) {
        list.v = arena_array(d->arena, jtext, 1);
        if (!list.v)
            return field_nomem(d);
        list.v[list.n++] = json_raw(v);
        *ret = list;
        return RC_OK;
    }
    if (!json_is(v, JSON_ARRAY))
        return field_bad(d, at, "must be a string or an array of strings", "invalid_type");
    list.v = arena_array(d->arena, jtext, json_len(v) + 1u);
    if (!list.v)
        return field_nomem(d);
    while (json_next(&it))
        TRY(field_text(d, it.val, at, &list.v[list.n++]));
    CHECK(list.n == json_len(v));
    *ret = list;
    return RC_OK;
}

static enum rc read_count(struct decoding *d, jval v, const struct field_at *at, uint64_t *ret)
{
    uint64_t n;

    if (json_u64(v, &n) != RC_OK || n > INT32_MAX)
        return field_bad(d, at, "must be an integer", "invalid_type");
    if (n == 0)
        return field_bad(d, at, "must be at least 1", "integer_below_min_value");
    *ret = n;
    return RC_OK;
}

/* `to` is the struct that the row's table was made for; the row knows where in it. Types were
 * checked when the table was compiled (offsetof), so what is checked here is the client's. */
static enum rc read_value(struct decoding *d, const struct field *f, jval v, void *to,
                          const struct field_at *at)
{
    char *into = to ? (char *)to + f->offset : NULL;
    bool yes;

    CHECK(into || f->type == FIELD_CALL || f->type == FIELD_KNOWN);
    ASSERT((f->type == FIELD_CALL) == (f->call != NULL));

    switch ((enum field_type)f->type) {
    case FIELD_NUMBER:
        if (!json_is(v, JSON_NUMBER))
            return field_bad(d, at, "must be a number", "invalid_type");
        *(str *)(void *)into = json_text(v);
        return RC_OK;
    case FIELD_COUNT:
        return read_count(d, v, at, (uint64_t *)(void *)into);
    case FIELD_TEXT:
        return field_text(d, v, at, (jtext *)(void *)into);
    case FIELD_BOOL:
    case FIELD_TRI:
        if (json_bool(v, &yes) != RC_OK)
            return field_bad(d, at, "must be true or false", "invalid_type");
        if (f->type == FIELD_BOOL)
            *(bool *)into = yes;
        else
            *(enum ir_tri *)(void *)into = yes ? IR_YES : IR_NO;
        return RC_OK;
    case FIELD_JSON:
        *(str *)(void *)into = json_text(v);
        return RC_OK;
    case FIELD_OBJECT:
        if (!json_is(v, JSON_OBJECT))
            return field_bad(d, at, "must be an object", "invalid_type");
        *(jval *)(void *)into = v;
        return RC_OK;
    case FIELD_VALUE:
        *(jval *)(void *)into = v;
        return RC_OK;
    case FIELD_CALL:
        return f->call(d, v, to, at);
    case FIELD_KNOWN:
        return RC_OK;
    }
    return RC_OK;
}

/* "top_p" for "topP": each capital of the name is an underscore and its small letter. */
bool field_is_snake_of(str key, str name)
{
    size_t at = 0;

    for (size_t i = 0; i < name.n; i++) {
        bool capital = name.p[i] >= 'A' && name.p[i] <= 'Z';

        if (key.n - at < 1u + capital)
            return false;
        if (capital && (key.p[at] != '_' || key.p[at + 1] != (name.p[i] | 0x20)))
            return false;
        if (!capital && key.p[at] != name.p[i])
            return false;
        at += 1u + capital;
    }
    return at == key.n;
}

static const struct field *find(const struct field *rows, size_t n, str key, bool proto)
{
    for (size_t i = 0; key.n && i < n; i++) {
        if (rows[i].len != key.n && !proto) /* most end here, by the row alone */
            continue;
        if (rows[i].name[0] != key.p[0])
            continue;
        if (rows[i].len == key.n && memcmp(rows[i].name, key.p, key.n) == 0)
            return &rows[i];
        if (proto && field_is_snake_of(key, str_of(rows[i].name, rows[i].len)))
            return &rows[i];
    }
    return NULL;
}

enum rc field_walk(struct decoding *d, jval object, const struct field *rows, size_t n, void *to,
                   const struct field_at *at)
{
    struct json_iter it = json_iter(object);

    if (!json_is(object, JSON_OBJECT))
        return field_bad(d, at, "must be an object", "invalid_type");
    while (json_next(&it)) {
        const struct field *f;
        str key;

        if (json_is(it.val, JSON_NULL))
            continue;
        if (json_str(it.key, d->arena, &key) != RC_OK)
            return field_nomem(d);
        f = find(rows, n, key, d->proto);
        if (f) {
            struct field_at here = {.up = at, .name = f->name, .index = -1};

            TRY(read_value(d, f, it.val, to, &here));
        } else {
            TRY(field_unknown(d, at, key, it.val));
        }
    }
    return RC_OK;
}
