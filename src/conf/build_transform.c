/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build_transform - `transforms` of a provider or model, and claude-code-router's transformers.
 *
 * Values of edits become JSON text here, once: a plain scalar that is a JSON number, true or false
 * is that, any other text is a string, and quotes make a string of anything. This is the one place
 * where the look of a scalar decides what it is (node.h), for no row of a table knows the type.
 *
 * An entry may be a name, a map of edits, or claude-code-router's [name, {options}]; each becomes
 * one struct conf_transform. A call then only walks the list: what a transformer meant was decided
 * when the file was read.
 */
#include "conf/build_int.h"
#include "conf/nearest.h"
#include "json/write.h"

#define VALUE_MAX (1u << 20) /* JSON text of one value */

/* One entry while it is read; arrays grow in the snapshot's arena. */
struct entry {
    struct builder *b;
    struct json_edit *edits;
    struct conf_header *headers;
    struct conf_transform t;
};

/* ---- values as JSON text */

static bool is_json_scalar(const struct conf_node *n)
{
    struct json_node nodes[1];
    struct json_doc doc;
    return !n->quoted && json_parse_into(nodes, 1, n->text, &doc, NULL) == RC_OK &&
           nodes[0].type != JSON_STRING;
}

static void put_text(struct buf *to, str s)
{
    buf_add_char(to, '"');
    json_escape(to, s);
    buf_add_char(to, '"');
}

/* The tree is at most CONF_DEPTH_MAX deep. */
static void put_node(struct buf *to, const struct conf_node *n)
{
    const char *open = n->kind == CONF_MAP ? "{}" : "[]";
    switch (n->kind) {
    case CONF_NULL:
        buf_lit(to, "null");
        return;
    case CONF_SCALAR:
        is_json_scalar(n) ? buf_add(to, n->text) : put_text(to, n->text);
        return;
    case CONF_LIST:
    case CONF_MAP:
        break;
    }
    buf_add_char(to, open[0]);
    for (const struct conf_node *it = n->child; it; it = it->next) {
        if (it != n->child)
            buf_add_char(to, ',');
        if (n->kind == CONF_MAP) {
            put_text(to, it->key);
            buf_add_char(to, ':');
        }
        put_node(to, it);
    }
    buf_add_char(to, open[1]);
}

static str json_of(struct builder *b, const struct conf_node *n)
{
    struct buf text = BUF_INIT(VALUE_MAX);
    put_node(&text, n);
    str copy = text.failed ? STR_NONE : arena_dup(b->arena, buf_str(&text));
    buf_fini(&text);
    return copy;
}

/* ---- edits */

static enum rc add_edit(struct entry *x, const struct conf_node *at, struct json_edit e)
{
    const char *bad = json_edit_check(&e);
    size_t n = x->t.nedits;
    if (bad) {
        BUILD_FAULT(x->b, (place_of(at, NULL)), "'" STR_FMT "': %s", STR_ARG(conf_brief(e.path)),
                    bad);
        return RC_OK;
    }
    struct json_edit *grown = arena_grow(x->b->arena, x->edits, n * sizeof(e), (n + 1) * sizeof(e));
    if (!grown)
        return RC_NOMEM;
    grown[n] = e;
    x->edits = grown;
    x->t.edits = grown;
    x->t.nedits++;
    return RC_OK;
}

static enum rc wrong_kind(struct entry *x, const struct conf_node *n, const char *want)
{
    BUILD_FAULT(x->b, place_of(n, NULL), "'" STR_FMT "' takes %s, not %s", STR_ARG(n->key), want,
                conf_kind_name(n));
    return RC_OK;
}

/* {path: value, …}: set, replace, default, atMost, rename. */
static enum rc read_map(struct entry *x, const struct conf_node *n, enum json_edit_op op)
{
    if (n->kind != CONF_MAP)
        return wrong_kind(x, n, "a map from paths to values");
    for (const struct conf_node *it = n->child; it; it = it->next) {
        struct json_edit e = {.op = op, .path = it->key};
        if (op == JSON_EDIT_RENAME && it->kind != CONF_SCALAR) {
            BUILD_FAULT(x->b, place_of(it, NULL), "'" STR_FMT "': the new name is missing",
                        STR_ARG(conf_brief(it->key)));
            continue;
        }
        e.value = op == JSON_EDIT_RENAME ? it->text : json_of(x->b, it);
        if (!e.value.p)
            return RC_NOMEM;
        TRY(add_edit(x, it, e));
    }
    return RC_OK;
}

static enum rc read_set(struct entry *x, const struct conf_node *n)
{
    return read_map(x, n, JSON_EDIT_SET);
}

static enum rc read_replace(struct entry *x, const struct conf_node *n)
{
    return read_map(x, n, JSON_EDIT_REPLACE);
}

static enum rc read_default(struct entry *x, const struct conf_node *n)
{
    return read_map(x, n, JSON_EDIT_DEFAULT);
}

static enum rc read_at_most(struct entry *x, const struct conf_node *n)
{
    return read_map(x, n, JSON_EDIT_AT_MOST);
}

static enum rc read_rename(struct entry *x, const struct conf_node *n)
{
    return read_map(x, n, JSON_EDIT_RENAME);
}

static enum rc read_delete(struct entry *x, const struct conf_node *n)
{
    const struct conf_node *one = n->kind == CONF_LIST ? n->child : n;
    for (const struct conf_node *it = one; it; it = n->kind == CONF_LIST ? it->next : NULL) {
        if (it->kind != CONF_SCALAR)
            return wrong_kind(x, n, "a path, or a list of paths");
        TRY(add_edit(x, it, (struct json_edit){.op = JSON_EDIT_DELETE, .path = it->text}));
    }
    return RC_OK;
}

static enum rc read_headers(struct entry *x, const struct conf_node *n)
{
    if (n->kind != CONF_MAP)
        return wrong_kind(x, n, "a map from names to values");
    for (const struct conf_node *it = n->child; it; it = it->next) {
        const char *bad = build_header_fault(it->key, it->text);
        size_t have = x->t.nheaders, size = sizeof(*x->headers);
        if (bad || it->kind != CONF_SCALAR) {
            BUILD_FAULT(x->b, place_of(it, NULL), "header '" STR_FMT "' %s",
                        STR_ARG(conf_brief(it->key)), bad ? bad : "takes one value");
            continue;
        }
        struct conf_header *grown =
            arena_grow(x->b->arena, x->headers, have * size, (have + 1) * size);
        if (!grown)
            return RC_NOMEM;
        grown[have] = (struct conf_header){it->key, secret_of(it->text)};
        x->headers = grown;
        x->t.headers = grown;
        x->t.nheaders++;
    }
    return RC_OK;
}

static enum rc read_models(struct entry *x, const struct conf_node *n)
{
    uint32_t count = n->kind == CONF_LIST ? n->count : 1;
    str *v = arena_array(x->b->arena, str, count + 1);
    const struct conf_node *it = n->kind == CONF_LIST ? n->child : n;
    if (!v)
        return RC_NOMEM;
    for (uint32_t i = 0; i < count; i++, it = it->next) {
        CHECK(it);
        if (it->kind != CONF_SCALAR)
            return wrong_kind(x, n, "a model, or a list of models");
        v[i] = it->text;
    }
    x->t.models = v;
    x->t.nmodels = count;
    return RC_OK;
}

/* ---- names */

static const struct {
    const char *name;
    unsigned bit;
} remedies[] = {
#define REMEDY(bit, id, name, help) {name, CONF_REMEDY_##id},
#include "conf/remedies.def"
#undef REMEDY
};

static const struct {
    const char *name;
    enum rc (*read)(struct entry *x, const struct conf_node *n);
} keys[] = {
    {"models", read_models},   {"set", read_set},         {"replace", read_replace},
    {"default", read_default}, {"atMost", read_at_most},  {"rename", read_rename},
    {"delete", read_delete},   {"headers", read_headers},
};

/* Edits of claude-code-router's transformers. VALUE: the option of that name; absent, the row has
 * no effect unless `value` is given, its value otherwise. */
static const struct {
    const char *name;
    enum json_edit_op op;
    const char *path, *option, *value;
} transformer_edits[] = {
#define TRANSFORMER_EDIT(name, op, path, option, value) {name, JSON_EDIT_##op, path, option, value},
#define TRANSFORMER_REMEDY(name, remedy)
#define TRANSFORMER_OPTIONS(name, op)
#include "conf/transformers.def"
#undef TRANSFORMER_EDIT
#undef TRANSFORMER_REMEDY
#undef TRANSFORMER_OPTIONS
};

/* Those that are remedies of ours, and those whose options all go into the request. */
static const struct {
    const char *name;
    unsigned remedy;
    bool options;
    enum json_edit_op op;
} transformer_others[] = {
#define TRANSFORMER_EDIT(name, op, path, option, value)
#define TRANSFORMER_REMEDY(name, remedy) {name, CONF_REMEDY_##remedy, false, JSON_EDIT_SET},
#define TRANSFORMER_OPTIONS(name, op)    {name, 0, true, JSON_EDIT_##op},
#include "conf/transformers.def"
#undef TRANSFORMER_EDIT
#undef TRANSFORMER_REMEDY
#undef TRANSFORMER_OPTIONS
};

static const struct conf_node *option_of(const struct conf_node *options, const char *name)
{
    for (const struct conf_node *it = conf_is(options, CONF_MAP) ? options->child : NULL; it;
         it = it->next)
        if (str_eq_nocase(it->key, str_c(name)))
            return it;
    return NULL;
}

/* Is the option what the row waits for? A row with both an option and a value is for that value. */
static bool row_applies(const struct conf_node *given, const char *option, const char *value)
{
    if (!option)
        return true;
    if (!value)
        return conf_is(given, CONF_SCALAR);
    return conf_is(given, CONF_SCALAR) && str_eq(given->text, STR("false"));
}

static enum rc add_transformer_edits(struct entry *x, str name, const struct conf_node *options,
                                     const struct conf_node *at, bool *found)
{
    for (size_t i = 0; i < ARRAY_LEN(transformer_edits); i++) {
        if (!str_eq_nocase(name, str_c(transformer_edits[i].name)))
            continue;
        *found = true;
        const char *option = transformer_edits[i].option, *value = transformer_edits[i].value;
        const struct conf_node *given = option ? option_of(options, option) : NULL;
        struct json_edit e = {transformer_edits[i].op, str_c(transformer_edits[i].path), STR_NONE};
        if (!row_applies(given, option, value))
            continue;
        e.value = value ? str_c(value) : given ? json_of(x->b, given) : STR_NONE;
        if (given && !e.value.p)
            return RC_NOMEM;
        TRY(add_edit(x, at, e));
    }
    return RC_OK;
}

/* One of claude-code-router's by name; *found says whether there is one. */
static enum rc add_transformer(struct entry *x, str name, const struct conf_node *options,
                               const struct conf_node *at, bool *found)
{
    TRY(add_transformer_edits(x, name, options, at, found));
    for (size_t i = 0; i < ARRAY_LEN(transformer_others); i++) {
        if (!str_eq_nocase(name, str_c(transformer_others[i].name)))
            continue;
        *found = true;
        const struct conf_node *off = option_of(options, "enable");
        bool is_off = conf_is(off, CONF_SCALAR) && str_eq(off->text, STR("false"));
        if (!is_off && transformer_others[i].remedy)
            x->t.remedies |= transformer_others[i].remedy;
        if (transformer_others[i].options && conf_is(options, CONF_MAP))
            TRY(read_map(x, options, transformer_others[i].op));
    }
    return RC_OK;
}

static enum rc add_named(struct entry *x, str name, const struct conf_node *options,
                         const struct conf_node *at)
{
    struct nearest near;
    bool found = false;
    nearest_init(&near, name);
    for (size_t i = 0; i < ARRAY_LEN(remedies); i++) {
        if (str_eq_nocase(name, str_c(remedies[i].name))) {
            x->t.remedies |= remedies[i].bit;
            return RC_OK;
        }
        nearest_offer(&near, str_c(remedies[i].name));
    }
    TRY(add_transformer(x, name, options, at, &found));
    if (found)
        return RC_OK;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        nearest_offer(&near, str_c(keys[i].name));
    BUILD_FAULT(x->b, place_of(at, NULL), "there is no transform '" STR_FMT "'%s" STR_FMT "%s",
                STR_ARG(conf_brief(name)),
                near.best.p ? "; did you mean '" : "; docs/transforms.md lists them",
                STR_ARG(near.best), near.best.p ? "'?" : "");
    return RC_OK;
}

/* ---- entries */

static enum rc read_member(struct entry *x, const struct conf_node *n)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (str_eq(n->key, str_c(keys[i].name)))
            return keys[i].read(x, n);
    return add_named(x, n->key, n, n);
}

static enum rc read_entry(struct entry *x, const struct conf_node *n)
{
    switch (n->kind) {
    case CONF_NULL:
        return RC_OK;
    case CONF_SCALAR:
        return add_named(x, n->text, NULL, n);
    case CONF_LIST: /* claude-code-router's ["name", {options}] */
        if (conf_is(n->child, CONF_SCALAR))
            return add_named(x, n->child->text, n->child->next, n);
        BUILD_FAULT(x->b, place_of(n, NULL), "a transform is a name, a map or [name, {options}]");
        return RC_OK;
    case CONF_MAP:
        break;
    }
    for (const struct conf_node *it = n->child; it; it = it->next)
        TRY(read_member(x, it));
    return RC_OK;
}

/* The list is copied for each entry, of which there are few: *to may be shared with the language's
 * own (build_provider copies l.transforms), so it is never changed in place. */
static enum rc add_entry(struct entry *x, struct conf_transforms *to)
{
    size_t size = sizeof(*to->v);
    struct conf_transform *v = arena_alloc(x->b->arena, (to->n + 1) * size);
    if (!v)
        return RC_NOMEM;
    if (to->n)
        memcpy(v, to->v, to->n * size);
    ASSERT(!x->t.nedits == !x->t.edits && !x->t.nheaders == !x->t.headers);
    v[to->n++] = x->t;
    to->v = v;
    return RC_OK;
}

enum rc build_transforms(struct builder *b, const struct conf_node *n, struct conf_transforms *to)
{
    const struct conf_node *one = conf_is(n, CONF_LIST) ? n->child : n;
    for (const struct conf_node *it = one; it; it = conf_is(n, CONF_LIST) ? it->next : NULL) {
        struct entry x = {.b = b};
        TRY(read_entry(&x, it));
        TRY(add_entry(&x, to));
    }
    return RC_OK;
}

enum rc build_transform_members(struct builder *b, const struct conf_node *map,
                                struct conf_transforms *to)
{
    struct entry x = {.b = b};
    for (const struct conf_node *it = conf_is(map, CONF_MAP) ? map->child : NULL; it; it = it->next)
        for (size_t i = 0; i < ARRAY_LEN(keys); i++)
            if (str_eq(it->key, str_c(keys[i].name)) && keys[i].read != read_models)
                TRY(keys[i].read(&x, it));
    return x.t.nedits || x.t.nheaders ? add_entry(&x, to) : RC_OK;
}

enum rc build_transformer(struct builder *b, str name, const struct conf_node *options,
                          const struct conf_node *at, str model, struct conf_transforms *to,
                          bool *ret_found)
{
    struct entry x = {.b = b};
    *ret_found = false;
    TRY(add_transformer(&x, name, options, at, ret_found));
    if (!*ret_found || (!x.t.nedits && !x.t.remedies))
        return RC_OK;
    if (model.n) {
        str *only = arena_new(b->arena, str);
        if (!only)
            return RC_NOMEM;
        *only = model;
        x.t.models = only;
        x.t.nmodels = 1;
    }
    return add_entry(&x, to);
}

bool conf_transform_is_for(const struct conf_transform *t, str model)
{
    for (uint32_t i = 0; i < t->nmodels; i++) {
        str p = t->models[i];
        bool open = p.n && p.p[p.n - 1] == '*';
        if (open ? str_has_prefix(model, str_head(p, p.n - 1)) : str_eq(model, p))
            return true;
    }
    return !t->nmodels;
}
