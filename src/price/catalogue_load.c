/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalogue_load - a text becomes a catalogue, or a word about what is wrong with it (P12-P14).
 *
 * Two passes over the parsed document: one counts names, so that the index is made in one piece;
 * the other fills it and reads every card once, to throw it away. Everything a look-up relies on
 * later is checked here: names without escapes that are short enough, lines of few enough values.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/auto.h"
#include "base/mem.h"
#include "price/catalogue_int.h"

#define INDEX_MAX    (64u << 20) /* of memory; a text of 8 MiB takes a fifth of it */
#define DOCUMENT_MAX (1u << 28)
#define LINE_NODES   (CAT_LINE_NODES / 2) /* the reader borrows the other half */

struct loader {
    struct catalogue *c;
    struct arena work; /* the document, and one card after the other */
    struct json_doc doc;
    struct catalogue_fault *fault;
    size_t at; /* byte of the text that is looked at; SIZE_MAX: none */
    bool built_in;
    int last; /* provider found last: models of one stand together */
    uint32_t rule_at[CATALOGUE_PROVIDERS_MAX];
};

static void find_line(struct loader *l)
{
    str before = str_head(l->c->text, l->at);
    size_t newline = str_rfind_char(before, '\n');
    l->fault->line = 1;
    for (size_t i = 0; i < before.n; i++)
        l->fault->line += before.p[i] == '\n';
    l->fault->column = (uint32_t)(newline == SIZE_MAX ? before.n : before.n - newline - 1) + 1;
}

static enum rc PRINTF_LIKE(3, 4) fault(struct loader *l, enum rc rc, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(l->fault->text, sizeof(l->fault->text), fmt, ap);
    va_end(ap);
    l->fault->line = l->fault->column = 0;
    if (l->at != SIZE_MAX)
        find_line(l);
    return l->fault->rc = rc;
}

static void look_at(struct loader *l, jval v)
{
    l->at = (size_t)(json_text(v).p - l->c->text.p);
}

/* ---- lists of texts */

static enum rc read_texts(struct loader *l, jval v, str where, const str **ret, uint32_t *ret_n)
{
    uint32_t n = json_len(v), i = 0;
    if (json_is_nothing(v))
        return RC_OK;
    if (!json_is(v, JSON_ARRAY))
        return fault(l, RC_TYPE, "providers: " STR_FMT ": lists must be lists", STR_ARG(where));
    str *all = arena_array(&l->c->arena, str, n);
    if (!all)
        return RC_NOMEM;
    struct json_iter it = json_iter(v);
    for (; json_next(&it); i++) {
        all[i] = json_raw(it.val);
        if (!all[i].n || json_is_escaped(it.val))
            return fault(l, RC_TYPE, "providers: " STR_FMT ": a name must be a plain text",
                         STR_ARG(where));
    }
    *ret = all;
    *ret_n = n;
    return RC_OK;
}

/* ---- providers */

static enum rc read_provider(struct loader *l, jval v, struct cat_provider *p)
{
    jval id = json_get_lit(v, "id");
    p->id = json_raw(id);
    if (!p->id.n || json_is_escaped(id) || str_find_char(p->id, '/') != SIZE_MAX)
        return fault(l, RC_MISSING, "providers: each needs an id, a plain text without '/'");
    if (catalogue_provider(l->c, p->id) >= 0)
        return fault(l, RC_DUPLICATE, "providers: " STR_FMT " is there twice", STR_ARG(p->id));
    p->maker = json_is(json_get_lit(v, "maker"), JSON_TRUE);
    p->tells = json_is(json_get_lit(v, "tells"), JSON_TRUE);
    TRY(read_texts(l, json_get_lit(v, "also"), p->id, &p->also, &p->nalso));
    return read_texts(l, json_get_lit(v, "hosts"), p->id, &p->hosts, &p->nhosts);
}

/* After all are known: `like` may name any of them. One step only, so there is no circle. */
static enum rc read_like(struct loader *l, jval v, struct cat_provider *p)
{
    const str *names = NULL;
    uint32_t n = 0;
    TRY(read_texts(l, json_get_lit(v, "like"), p->id, &names, &n));
    uint8_t *like = arena_zalloc_array(&l->c->arena, n, 1);
    if (!like)
        return RC_NOMEM;
    for (uint32_t i = 0; i < n; i++) {
        int other = catalogue_provider(l->c, names[i]);
        if (other < 0)
            return fault(l, RC_NOTFOUND, "providers: " STR_FMT ": like: no provider " STR_FMT,
                         STR_ARG(p->id), STR_ARG(names[i]));
        like[i] = (uint8_t)other;
    }
    p->like = like;
    p->nlike = n;
    return RC_OK;
}

static enum rc read_providers(struct loader *l, jval v)
{
    struct catalogue *c = l->c;
    uint32_t n = json_len(v);
    if (!json_is(v, JSON_ARRAY) || !n || n > CATALOGUE_PROVIDERS_MAX)
        return fault(l, RC_TYPE, "providers must be a list of 1 to %d", CATALOGUE_PROVIDERS_MAX);
    c->providers = arena_array(&c->arena, struct cat_provider, n);
    if (!c->providers)
        return RC_NOMEM;
    struct json_iter it = json_iter(v);
    while (json_next(&it)) {
        look_at(l, it.val);
        TRY(read_provider(l, it.val, &c->providers[c->nproviders]));
        c->nproviders++; /* only now: it is not twice there because of itself */
    }
    it = json_iter(v);
    for (uint32_t i = 0; json_next(&it); i++) {
        look_at(l, it.val);
        TRY(read_like(l, it.val, &c->providers[i]));
    }
    l->at = SIZE_MAX;
    return RC_OK;
}

/* ---- models */

static const struct {
    str key;
    enum cat_kind kind;
} name_lists[] = {{{"also", 4}, CAT_EXACT},
                  {{"starts", 6}, CAT_STARTS},
                  {{"contains", 8}, CAT_CONTAINS},
                  {{"ends", 4}, CAT_ENDS}};

static int kind_of(str key)
{
    for (size_t i = 0; i < ARRAY_LEN(name_lists); i++)
        if (str_eq(key, name_lists[i].key))
            return (int)name_lists[i].kind;
    return -1;
}

/* The provider of a model and what the model is called there. */
static enum rc split_id(struct loader *l, str id, uint8_t *ret_provider, str *ret_model)
{
    str model = id, head = str_cut(&model, '/');
    int provider = l->last;
    if (!str_eq(l->c->providers[provider].id, head))
        provider = catalogue_provider(l->c, head);
    if (!model.n || provider < 0 || !str_eq_nocase(l->c->providers[provider].id, head))
        return fault(l, RC_NOTFOUND,
                     "models: " STR_FMT ": an id is provider/model, of a provider "
                     "in the list",
                     STR_ARG(str_head(id, 100)));
    l->last = provider;
    *ret_provider = (uint8_t)provider;
    *ret_model = model;
    return RC_OK;
}

static enum rc count_model(struct loader *l, jval v)
{
    struct catalogue *c = l->c;
    jval id = json_get_lit(v, "id");
    uint8_t provider;
    str model;
    TRY(split_id(l, json_raw(id), &provider, &model));
    if (l->doc.nodes[v.at].next - v.at > LINE_NODES)
        return fault(l, RC_LIMIT, "models: " STR_FMT " has more than %d values",
                     STR_ARG(str_head(json_raw(id), 100)), LINE_NODES);
    c->nrows++;
    c->nnames++;
    struct json_iter it = json_iter(v);
    while (json_next(&it)) {
        int kind = kind_of(json_raw(it.key));
        uint32_t n = kind < 0 ? 0 : json_len(it.val);
        if (kind == CAT_EXACT)
            c->nnames += n;
        else {
            c->nrules += n;
            c->providers[provider].nrules += n;
        }
    }
    return RC_OK;
}

static enum rc make_index(struct loader *l)
{
    struct catalogue *c = l->c;
    uint32_t slots = 16;
    while (slots < 2 * c->nnames)
        slots *= 2;
    c->mask = slots - 1;
    c->rows = arena_array(&c->arena, struct cat_row, c->nrows);
    c->names = arena_array(&c->arena, struct cat_name, c->nnames);
    c->rules = arena_array(&c->arena, struct cat_name, c->nrules);
    c->slots = arena_array(&c->arena, uint32_t, slots);
    if (!c->rows || !c->names || !c->rules || !c->slots)
        return RC_NOMEM;
    uint32_t at = 0;
    for (uint32_t i = 0; i < c->nproviders; i++) {
        c->providers[i].first_rule = l->rule_at[i] = at;
        at += c->providers[i].nrules;
    }
    c->nrows = c->nnames = 0; /* from here on: how many are in */
    return RC_OK;
}

static enum rc add_exact(struct loader *l, const struct cat_name *n, str name)
{
    struct catalogue *c = l->c;
    if (cat_exact(c, n->provider, name) >= 0)
        return fault(l, RC_DUPLICATE, "models: " STR_FMT "/" STR_FMT " is there twice",
                     STR_ARG(c->providers[n->provider].id), STR_ARG(name));
    uint32_t at = cat_hash(n->provider, name);
    while (c->slots[at & c->mask])
        at++;
    c->names[c->nnames] = *n;
    c->slots[at & c->mask] = ++c->nnames;
    return RC_OK;
}

static enum rc add_name(struct loader *l, uint8_t provider, enum cat_kind kind, str name)
{
    struct catalogue *c = l->c;
    if (!name.n || name.n > CATALOGUE_NAME_MAX)
        return fault(l, RC_RANGE, "models: a name of " STR_FMT " must have 1 to %d bytes",
                     STR_ARG(c->providers[provider].id), CATALOGUE_NAME_MAX);
    struct cat_name n = {.off = (uint32_t)(name.p - c->text.p),
                         .row = c->nrows,
                         .len = (uint16_t)name.n,
                         .provider = provider,
                         .kind = (uint8_t)kind};
    if (kind == CAT_EXACT)
        return add_exact(l, &n, name);
    c->rules[l->rule_at[provider]++] = n;
    return RC_OK;
}

static enum rc add_list(struct loader *l, jval list, enum cat_kind kind, uint8_t provider)
{
    str id = l->c->providers[provider].id;
    struct json_iter it = json_iter(list);
    if (!json_is_nothing(list) && !json_is(list, JSON_ARRAY))
        return fault(l, RC_TYPE, "models: " STR_FMT ": names must be lists", STR_ARG(id));
    while (json_next(&it)) {
        if (!json_is(it.val, JSON_STRING) || json_is_escaped(it.val))
            return fault(l, RC_TYPE, "models: " STR_FMT ": a name must be a plain text",
                         STR_ARG(id));
        TRY(add_name(l, provider, kind, json_raw(it.val)));
    }
    return RC_OK;
}

static enum rc add_names(struct loader *l, jval v, uint8_t provider)
{
    struct json_iter it = json_iter(v);
    while (json_next(&it)) {
        int kind = kind_of(json_raw(it.key));
        if (kind >= 0)
            TRY(add_list(l, it.val, (enum cat_kind)kind, provider));
    }
    return RC_OK;
}

/* Read once, to be refused now and not when a call has used it. */
static enum rc check_card(struct loader *l, jval v)
{
    struct arena_mark mark = arena_mark(&l->work);
    struct card card;
    struct card_fault why;
    enum rc rc = card_read(v, &l->work, &card, &why);
    arena_reset_to(&l->work, mark);
    if (rc == RC_OK || rc == RC_NOMEM)
        return rc;
    return fault(l, rc, "models: " STR_FMT ": %s",
                 STR_ARG(str_head(json_raw(json_get_lit(v, "id")), 100)), why.text);
}

static enum rc add_model(struct loader *l, jval v)
{
    struct catalogue *c = l->c;
    str model, line = json_text(v);
    uint8_t provider;
    if (!l->built_in)
        TRY(check_card(l, v));
    TRY(split_id(l, json_raw(json_get_lit(v, "id")), &provider, &model));
    TRY(add_name(l, provider, CAT_EXACT, model));
    TRY(add_names(l, v, provider));
    c->rows[c->nrows++] = (struct cat_row){(uint32_t)(line.p - c->text.p), (uint32_t)line.n};
    return RC_OK;
}

static enum rc read_models(struct loader *l, jval v)
{
    if (!json_is(v, JSON_ARRAY) || !json_len(v))
        return fault(l, RC_TYPE, "models must be a list of at least one");
    struct json_iter it = json_iter(v);
    while (json_next(&it)) {
        look_at(l, it.val);
        TRY(count_model(l, it.val));
    }
    TRY(make_index(l));
    it = json_iter(v);
    while (json_next(&it)) {
        look_at(l, it.val);
        TRY(add_model(l, it.val));
    }
    return RC_OK;
}

/* ---- the whole */

static enum rc load(struct loader *l)
{
    struct json_error err;
    enum rc rc = json_parse(&l->work, l->c->text, &l->doc, &err);
    if (rc == RC_NOMEM)
        return rc;
    if (rc != RC_OK) {
        l->at = err.offset;
        return fault(l, rc, "not JSON%s%s: %s", *err.path ? " at " : "", err.path, err.what);
    }
    jval root = json_root(&l->doc);
    if (!json_is(root, JSON_OBJECT))
        return fault(l, RC_TYPE, "a catalogue is an object with providers and models");
    l->c->date = json_raw(json_path(root, "about", "date", NULL));
    TRY(read_providers(l, json_get_lit(root, "providers")));
    return read_models(l, json_get_lit(root, "models"));
}

enum rc catalogue_new(str text, bool built_in, struct catalogue **ret, struct catalogue_fault *why)
{
    struct loader l = {.fault = why, .at = SIZE_MAX, .built_in = built_in};
    if (text.n > CATALOGUE_TEXT_MAX)
        return fault(&l, RC_LIMIT, "larger than %u MiB", CATALOGUE_TEXT_MAX >> 20);
    l.c = mem_zalloc(sizeof(*l.c));
    if (!l.c)
        return fault(&l, RC_NOMEM, "out of memory");
    atomic_init(&l.c->refs, 1);
    arena_init(&l.c->arena, INDEX_MAX);
    arena_init(&l.work, DOCUMENT_MAX);
    l.c->text = built_in ? text : arena_dup(&l.c->arena, text);
    enum rc rc = l.c->text.p || !text.n ? load(&l) : RC_NOMEM;
    arena_fini(&l.work);
    if (rc != RC_OK) {
        catalogue_unref(l.c);
        return rc == RC_NOMEM ? fault(&l, RC_NOMEM, "out of memory") : rc;
    }
    *ret = l.c;
    return RC_OK;
}
