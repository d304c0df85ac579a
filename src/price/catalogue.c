/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalogue - the index over the text, and the look-up in it.
 *
 *     slots[]  open addressing, by (provider, name in lower case) -> names[]
 *     names[]  where a whole name stands in the text, and the row it belongs to
 *     rules[]  starts, contains, ends: parts of names, each with its row
 *     rows[]   where a model's object stands in the text
 *
 * All names come from the text, which was checked; a client only chooses what to look for. So a
 * plain hash will do, and a look-up never writes.
 */
#include "price/catalogue.h"

#include "base/mem.h"
#include "price/catalogue_int.h"
#include "price/name.h"

struct catalogue *catalogue_ref(struct catalogue *c)
{
    unsigned before = atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    CHECK(before > 0 && before < UINT32_MAX / 2);
    return c;
}

struct catalogue *catalogue_unref(struct catalogue *c)
{
    if (!c)
        return NULL;
    unsigned before = atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel);
    CHECK(before > 0);
    if (before == 1) {
        arena_fini(&c->arena);
        mem_free(c);
    }
    return NULL;
}

uint32_t catalogue_models(const struct catalogue *c)
{
    return c->nrows;
}

str catalogue_date(const struct catalogue *c)
{
    return c->date;
}

/* ---- providers */

uint32_t catalogue_providers(const struct catalogue *c)
{
    return c->nproviders;
}

int catalogue_provider(const struct catalogue *c, str name)
{
    for (uint32_t i = 0; i < c->nproviders; i++) {
        const struct cat_provider *p = &c->providers[i];
        if (str_eq_nocase(p->id, name))
            return (int)i;
        for (uint32_t k = 0; k < p->nalso; k++)
            if (str_eq_nocase(p->also[k], name))
                return (int)i;
    }
    return -1;
}

/* The operator wrote the host, so this need not be strict: it decides about prices only, nothing is
 * sent by it. */
static bool is_at(str host, str end)
{
    if (end.n && end.p[0] == '.') /* any host below it */
        return host.n > end.n && str_eq_nocase(str_from(host, host.n - end.n), end);
    if (str_eq_nocase(host, end))
        return true;
    /* "us-central1-aiplatform.googleapis.com": Vertex puts the region before its name. */
    return host.n > end.n + 1 && host.p[host.n - end.n - 1] == '-' &&
           str_eq_nocase(str_from(host, host.n - end.n), end);
}

int catalogue_provider_at(const struct catalogue *c, str host)
{
    for (uint32_t i = 0; host.n && i < c->nproviders; i++)
        for (uint32_t k = 0; k < c->providers[i].nhosts; k++)
            if (is_at(host, c->providers[i].hosts[k]))
                return (int)i;
    return -1;
}

str catalogue_provider_id(const struct catalogue *c, int provider)
{
    CHECK(provider >= 0 && (uint32_t)provider < c->nproviders);
    return c->providers[provider].id;
}

bool catalogue_provider_tells(const struct catalogue *c, int provider)
{
    CHECK(provider < (int)c->nproviders);
    return provider >= 0 && c->providers[provider].tells;
}

/* ---- names */

static char lower(char ch)
{
    return ch >= 'A' && ch <= 'Z' ? (char)(ch | 32) : ch;
}

uint32_t cat_hash(uint32_t provider, str name)
{
    uint32_t h = UINT32_C(2166136261) ^ provider; /* FNV-1a */
    for (size_t i = 0; i < name.n; i++)
        h = (h ^ (uint8_t)lower(name.p[i])) * UINT32_C(16777619);
    return h ^ h >> 15;
}

/* The row, or -1. At least half of the slots are free, so the search ends. */
int64_t cat_exact(const struct catalogue *c, uint32_t provider, str name)
{
    for (uint32_t i = cat_hash(provider, name);; i++) {
        uint32_t slot = c->slots[i & c->mask];
        if (!slot)
            return -1;
        ASSERT(slot <= c->nnames);
        const struct cat_name *n = &c->names[slot - 1];
        if (n->provider == provider && str_eq_nocase(str_of(c->text.p + n->off, n->len), name))
            return (int64_t)n->row;
    }
}

static bool contains_nocase(str s, str part)
{
    for (size_t i = 0; i + part.n <= s.n; i++)
        if (str_has_prefix_nocase(str_from(s, i), part))
            return true;
    return false;
}

static bool rule_fits(const struct cat_name *rule, str part, str name)
{
    switch (rule->kind) {
    case CAT_STARTS:
        return str_has_prefix_nocase(name, part);
    case CAT_ENDS:
        return name.n >= part.n && str_eq_nocase(str_from(name, name.n - part.n), part);
    case CAT_CONTAINS:
        return contains_nocase(name, part);
    case CAT_EXACT:
        break;
    }
    return false;
}

/* The longest part of a name that fits decides: "gpt-4o-mini" before "gpt-4o". The row, or -1. */
static int64_t by_rule(const struct catalogue *c, uint32_t provider, str name)
{
    const struct cat_provider *p = &c->providers[provider];
    const struct cat_name *best = NULL;
    for (uint32_t i = p->first_rule; i < p->first_rule + p->nrules; i++) {
        const struct cat_name *rule = &c->rules[i];
        if ((!best || rule->len > best->len) &&
            rule_fits(rule, str_of(c->text.p + rule->off, rule->len), name))
            best = rule;
    }
    return best ? (int64_t)best->row : -1;
}

static int64_t by_name(const struct catalogue *c, uint32_t provider, str name)
{
    unsigned step = 0;
    int64_t row;
    do
        row = cat_exact(c, provider, name);
    while (row < 0 && name_shorten(&name, &step));
    return row;
}

/* Whole names first, however they are spelled; only then parts of names. */
static int64_t by_any(const struct catalogue *c, uint32_t provider, str model)
{
    str tail = name_tail(model);
    int64_t row = by_name(c, provider, model);
    if (row < 0 && tail.n != model.n)
        row = by_name(c, provider, tail);
    if (row < 0)
        row = by_rule(c, provider, model);
    if (row < 0 && tail.n != model.n)
        row = by_rule(c, provider, tail);
    return row;
}

static int64_t find_row(const struct catalogue *c, uint32_t provider, str model)
{
    if (!model.n || model.n > CATALOGUE_NAME_MAX)
        return -1;
    str home = name_at_home(name_tail(model));
    int64_t row = by_any(c, provider, model);
    /* Last, since what runs in a region of one's choice may cost more than what runs anywhere. */
    return row < 0 && home.n != model.n ? by_any(c, provider, home) : row;
}

/* ---- cards */

#define LINE_NODES 512 /* of one model: checked when the text was loaded */

_Static_assert(LINE_NODES == CAT_LINE_NODES, "what load.c promises");

static enum rc read_row(const struct catalogue *c, uint32_t row, struct arena *a, struct card *ret)
{
    struct json_node nodes[LINE_NODES];
    struct json_doc doc;
    struct card_fault fault;
    str line = str_of(c->text.p + c->rows[row].off, c->rows[row].len);
    enum rc rc = json_parse_into(nodes, LINE_NODES, line, &doc, NULL);
    if (rc == RC_OK)
        rc = card_read(json_root(&doc), a, ret, &fault);
    CHECK(rc == RC_OK || rc == RC_NOMEM); /* it was read once, when the text was checked */
    return rc;
}

enum rc catalogue_find(const struct catalogue *c, int provider, str model, struct arena *a,
                       struct card *ret)
{
    if (provider < 0)
        return RC_NOTFOUND;
    CHECK((uint32_t)provider < c->nproviders);
    const struct cat_provider *p = &c->providers[provider];
    int64_t row = find_row(c, (uint32_t)provider, model);
    for (uint32_t i = 0; row < 0 && i < p->nlike; i++)
        row = find_row(c, p->like[i], model);
    return row < 0 ? RC_NOTFOUND : read_row(c, (uint32_t)row, a, ret);
}

enum rc catalogue_get(const struct catalogue *c, str id, struct arena *a, struct card *ret)
{
    str model = id, head = str_cut(&model, '/');
    int provider = model.n ? catalogue_provider(c, head) : -1;
    return catalogue_find(c, provider, model, a, ret);
}

enum rc catalogue_find_limits(const struct catalogue *c, str model, struct arena *a,
                              struct card *ret)
{
    for (uint32_t i = 0; i < c->nproviders; i++) {
        if (!c->providers[i].maker)
            continue;
        int64_t row = find_row(c, i, model);
        if (row < 0)
            continue;
        TRY(read_row(c, (uint32_t)row, a, ret));
        ret->periods = NULL; /* what it costs elsewhere says nothing of here */
        ret->nperiods = 0;
        return RC_OK;
    }
    return RC_NOTFOUND;
}
