/* SPDX-License-Identifier: Apache-2.0 */
/*
 * option - maps and lists by the table. The recursion follows the table's sections, which nest at
 * most four deep, and the tree's depth, which CONF_DEPTH_MAX bounds.
 *
 * Each take_ function reads one node into one place of a struct. It returns an rc for memory alone:
 * a value that is wrong is noted, the place keeps its default, and the pass goes on.
 *
 * People write the same thing in several shapes, and each is told apart here, by the kind of the
 * node, so that nothing behind this file has to know:
 *
 *     providers: [ openai ]               a scalar stands for the section's scalar_key
 *     providers: [ { name: openai } ]     a list of maps
 *     providers: { openai: { … } }        a map by name: its keys are the rows' name_key
 *     models: { name: x, … }              one map where the section has no names: one row
 *
 * What the table itself gets wrong (a row that points outside of its struct, a default that does
 * not parse) is a mistake of ours, found at the first load of any file: CHECK and ASSERT.
 */
#include "conf/option_int.h"

#include <stdio.h>

#include "conf/nearest.h"

/* Go down one step of the path; what does not fit is left out. */
static size_t path_push(struct option_pass *x, const char *sep, str step)
{
    CHECK(x->path_len < sizeof(x->path));
    size_t before = x->path_len, room = sizeof(x->path) - x->path_len;
    int n = snprintf(x->path + before, room, "%s" STR_FMT, before ? sep : "", STR_ARG(step));
    x->path_len += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
    return before;
}

static size_t path_push_index(struct option_pass *x, uint32_t i)
{
    char tmp[16];
    int n = snprintf(tmp, sizeof(tmp), "[%u]", i);
    return path_push(x, "", str_of(tmp, (size_t)n));
}

/* One text or a list of them, into `all` (an array for every item there may be). */
static uint32_t collect_texts(struct option_pass *x, const struct option_slot *s, str *all)
{
    uint32_t count = 0;
    if (s->n->kind == CONF_SCALAR) {
        if (!s->n->broken && option_is_given(x, s))
            all[count++] = s->n->text;
        return count;
    }
    uint32_t i = 0;
    for (const struct conf_node *it = s->n->child; it; it = it->next) {
        size_t path = path_push_index(x, i++);
        struct option_slot one = {s->row, it, NULL};
        if (it->kind != CONF_SCALAR)
            option_fault(x, it, "must be text, not %s", conf_kind_name(it));
        else if (!it->broken && option_is_given(x, &one))
            all[count++] = it->text;
        x->path_len = path;
    }
    return count;
}

static enum rc take_texts(struct option_pass *x, const struct option_slot *s)
{
    if (s->n->kind == CONF_MAP) {
        option_fault(x, s->n, "must be %s, not a map", option_type_text(s->row->type));
        return RC_OK;
    }
    uint32_t room = s->n->kind == CONF_SCALAR ? 1 : s->n->count;
    str *all = arena_array(x->arena, str, room);
    if (!all)
        return RC_NOMEM;
    uint32_t count = collect_texts(x, s, all);
    CHECK(count <= room);
    if (s->row->type == OPTION_TEXTS) {
        *(struct raw_texts *)s->to = (struct raw_texts){all, s->n, count};
        return RC_OK;
    }
    struct secret *secrets = arena_array(x->arena, struct secret, room);
    if (!secrets)
        return RC_NOMEM;
    for (uint32_t i = 0; i < count; i++)
        secrets[i] = secret_of(all[i]);
    *(struct raw_secrets *)s->to = (struct raw_secrets){secrets, count};
    return RC_OK;
}

static enum rc take_pairs(struct option_pass *x, const struct option_slot *s)
{
    static const struct option value = {.type = OPTION_SECRETS, .flags = OPTION_EMPTY_OK};
    if (s->n->kind != CONF_MAP) {
        option_fault(x, s->n, "must be a map (name: value), not %s", conf_kind_name(s->n));
        return RC_OK;
    }
    struct raw_pair *all = arena_array(x->arena, struct raw_pair, s->n->count);
    if (!all)
        return RC_NOMEM;
    uint32_t count = 0;
    for (const struct conf_node *it = s->n->child; it; it = it->next) {
        CHECK(count < s->n->count);
        size_t path = path_push(x, ".", it->key);
        struct raw_pair *pair = &all[count++];
        pair->node = it;
        pair->name = it->key;
        if (it->kind == CONF_NULL)
            option_fault(x, it, "is empty; give a value or remove it");
        else
            TRY(take_texts(x, &(struct option_slot){&value, it, &pair->values}));
        x->path_len = path;
    }
    *(struct raw_list *)s->to = (struct raw_list){all, count};
    return RC_OK;
}

static const struct option *find_row(const struct section *s, str key)
{
    for (const struct option *row = s->rows; row < s->rows + s->count; row++)
        if (str_eq(key, str_c(row->key)))
            return row;
    return NULL;
}

/* Offsets are made by offsetof with the section's own struct (the AT macro above its rows). */
static void *field(void *section, const struct option *row)
{
    return (char *)section + row->offset;
}

static enum rc take_map(struct option_pass *x, const struct section *s, const struct conf_node *n,
                        str name, void *to);

/* Can this node be read as sections? */
static bool fits_sections(const struct section *sub, const struct conf_node *n)
{
    return n->kind == CONF_LIST || n->kind == CONF_MAP ||
           (n->kind == CONF_SCALAR && sub->scalar_key);
}

static enum rc take_sections(struct option_pass *x, const struct option_slot *s)
{
    const struct section *sub = s->row->sub;
    if (!fits_sections(sub, s->n)) {
        option_fault(x, s->n, "must be %s, not %s", option_type_text(s->row->type),
                     conf_kind_name(s->n));
        return RC_OK;
    }
    bool by_name = s->n->kind == CONF_MAP && sub->name_key;
    bool one = s->n->kind == CONF_SCALAR || (s->n->kind == CONF_MAP && !by_name);
    uint32_t count = one ? 1 : s->n->count, i = 0;
    char *all = arena_zalloc_array(x->arena, count, sub->size);
    if (!all)
        return RC_NOMEM;
    for (const struct conf_node *it = one ? s->n : s->n->child; it; it = one ? NULL : it->next) {
        CHECK(i < count);
        size_t path = one       ? x->path_len
                      : by_name ? path_push(x, ".", it->key)
                                : path_push_index(x, i);
        TRY(take_map(x, sub, it, by_name ? it->key : STR_NONE, all + i * sub->size));
        x->path_len = path;
        i++;
    }
    *(struct raw_list *)s->to = (struct raw_list){all, count};
    return RC_OK;
}

static enum rc take(struct option_pass *x, const struct option_slot *s)
{
    switch (s->row->type) {
    case OPTION_TEXTS:
    case OPTION_SECRETS:
        return take_texts(x, s);
    case OPTION_SECTION:
        return take_map(x, s->row->sub, s->n, STR_NONE, s->to);
    case OPTION_SECTIONS:
        return take_sections(x, s);
    case OPTION_PAIRS:
        return take_pairs(x, s);
    case OPTION_RAW:
        *(const struct conf_node **)s->to = s->n;
        return RC_OK;
    case OPTION_TEXT:
    case OPTION_SECRET:
    case OPTION_BOOL:
    case OPTION_U32:
    case OPTION_COUNT:
    case OPTION_BYTES:
    case OPTION_MSEC:
    case OPTION_DOUBLE:
    case OPTION_USD:
    case OPTION_WORD:
        if (s->n->kind == CONF_SCALAR && !s->n->broken)
            option_take_scalar(x, s);
        else if (s->n->kind != CONF_SCALAR)
            option_fault(x, s->n, "must be %s, not %s", option_type_text(s->row->type),
                         conf_kind_name(s->n));
        return RC_OK;
    }
    return RC_INTERNAL;
}

/* "key:" with nothing behind it: as if it were not there, unless that would switch a key off. */
static void take_nothing(struct option_pass *x, const struct option_slot *s)
{
    bool secret = s->row->type == OPTION_SECRET || s->row->type == OPTION_SECRETS;
    if ((secret || s->row->flags & OPTION_REQUIRED) && !(s->row->flags & OPTION_EMPTY_OK))
        option_fault(x, s->n, "is empty; give a value or remove it");
}

/* `provders:` hides all the names that stand in it: whoever refers to one of them would be told
 * that it does not exist. */
static bool hides_names(const struct option_pass *x, const struct section *s,
                        const struct nearest *near)
{
    const struct option *row = near->best.p ? find_row(s, near->best) : NULL;
    return x->path_len == 0 && row && row->type == OPTION_SECTIONS;
}

static void note_unknown(struct option_pass *x, const struct section *s, const struct conf_node *n)
{
    struct nearest near;
    enum conf_note_kind kind = x->lenient ? CONF_WARNING : CONF_ERROR;
    /* a megabyte of unknown keys must not cost an edit distance to every row for each of them */
    bool kept = x->report->of[kind].count < CONF_NOTES_MAX;
    nearest_init(&near, n->key);
    for (const struct option *row = s->rows; kept && row < s->rows + s->count; row++)
        if (!(row->flags & OPTION_HIDDEN))
            nearest_offer(&near, str_c(row->key));
    if (kind == CONF_ERROR && !hides_names(x, s, &near))
        x->bearable++;
    str in = x->path_len ? str_of(x->path, x->path_len) : STR("the file"), key = conf_brief(n->key);
    if (near.best.p)
        conf_note(x->report, kind, n->key_line, n->key_column,
                  "unknown key '" STR_FMT "' in " STR_FMT "; did you mean '" STR_FMT "'?",
                  STR_ARG(key), STR_ARG(in), STR_ARG(near.best));
    else
        conf_note(x->report, kind, n->key_line, n->key_column,
                  "unknown key '" STR_FMT "' in " STR_FMT
                  "; remove it (docs/config.md has them all)",
                  STR_ARG(key), STR_ARG(in));
}

static enum rc take_member(struct option_pass *x, const struct section *s,
                           const struct conf_node *n, void *to)
{
    const struct option *row = find_row(s, n->key);
    if (!row) {
        note_unknown(x, s, n);
        return RC_OK;
    }
    size_t path = path_push(x, ".", n->key);
    struct option_slot slot = {row, n, field(to, row)};
    bool empty = n->kind == CONF_SCALAR ? !n->text.n : n->count == 0;
    if (row->flags & OPTION_LATER && !empty)
        conf_note(x->report, CONF_WARNING, n->key_line, n->key_column,
                  "%.*s: accepted, not active yet%s%s", (int)x->path_len, x->path,
                  row->flags & OPTION_CCR ? ": " : "", row->flags & OPTION_CCR ? row->help : "");
    enum rc rc = RC_OK;
    if (n->kind == CONF_NULL)
        take_nothing(x, &slot);
    else
        rc = take(x, &slot);
    x->path_len = path;
    return rc;
}

/* A bare value stands for the one key that matters. */
static enum rc take_shorthand(struct option_pass *x, const struct section *s,
                              const struct conf_node *n, void *to)
{
    const struct option *row = s->scalar_key ? find_row(s, str_c(s->scalar_key)) : NULL;
    bool fits = row && (n->kind == CONF_SCALAR || row->type == OPTION_TEXTS);
    if (fits)
        return take(x, &(struct option_slot){row, n, field(to, row)});
    option_fault(x, n, "must be a map (key: value), not %s", conf_kind_name(n));
    return RC_OK;
}

/* A default goes the way of a written value, as a scalar without a place: it is parsed by the same
 * code, so the text in docs/config.md is the one that is in force. */
static enum rc set_defaults(struct option_pass *x, const struct section *s, void *to)
{
    uint32_t errors = x->report->of[CONF_ERROR].count;
    for (const struct option *row = s->rows; row < s->rows + s->count; row++) {
        CHECK(row->offset < s->size);
        ASSERT((row->type == OPTION_WORD) == (row->words != NULL));
        ASSERT((row->type == OPTION_SECTION || row->type == OPTION_SECTIONS) == (row->sub != NULL));
        if (row->type == OPTION_WORD)
            *(uint32_t *)field(to, row) = OPTION_WORD_UNSET;
        if (row->type == OPTION_SECTION)
            TRY(take_map(x, row->sub, NULL, STR_NONE, field(to, row)));
        if (!row->initial)
            continue;
        struct conf_node *n = arena_new(x->arena, struct conf_node);
        if (!n)
            return RC_NOMEM;
        n->kind = CONF_SCALAR;
        n->text = str_c(row->initial);
        TRY(take(x, &(struct option_slot){row, n, field(to, row)}));
    }
    ASSERT(x->report->of[CONF_ERROR].count == errors); /* the operator wrote none of them */
    return RC_OK;
}

static void check_required(struct option_pass *x, const struct section *s,
                           const struct conf_node *n, bool named)
{
    for (const struct option *row = s->rows; row < s->rows + s->count; row++)
        if (row->flags & OPTION_REQUIRED && !conf_get(n, str_c(row->key)) &&
            !(named && strcmp(row->key, s->name_key) == 0))
            option_fault(x, n, "'%s' is missing; add it", row->key);
}

/* `name`: the key under which the map itself stood, where that is its name. */
static enum rc take_map(struct option_pass *x, const struct section *s, const struct conf_node *n,
                        str name, void *to)
{
    TRY(set_defaults(x, s, to));
    if (!n)
        return RC_OK;
    ((struct raw_at *)to)->node = n;
    if (name.p) {
        const struct option *row = find_row(s, str_c(s->name_key));
        CHECK(row && row->type == OPTION_TEXT);
        *(str *)field(to, row) = name;
    }
    if (n->kind == CONF_SCALAR || n->kind == CONF_LIST)
        return take_shorthand(x, s, n, to);
    for (const struct conf_node *it = n->child; it; it = it->next)
        TRY(take_member(x, s, it, to));
    check_required(x, s, n, name.p != NULL);
    return RC_OK;
}

enum rc option_take(struct option_pass *x, const struct section *s, const struct conf_node *n,
                    void *to)
{
    size_t path = x->path_len;
    enum rc rc = take_map(x, s, n, STR_NONE, to);
    ASSERT(rc != RC_OK || x->path_len == path); /* each push was taken back */
    return rc;
}

enum rc option_defaults(struct arena *a, struct conf_report *report, const struct section *s,
                        void *to)
{
    struct option_pass x = {.arena = a, .report = report};
    memset(to, 0, s->size);
    return set_defaults(&x, s, to);
}
