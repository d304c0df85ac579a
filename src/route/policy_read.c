/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy_read - a table of what may be said, and one reader for each kind of value.
 *
 * A header and a member of the object are the same row: `x-weir-max-price` is `max_price`. Both
 * ways end in the same setters, which take plain text, so that they cannot come to differ; where
 * JSON has a form of its own (lists, {"prompt": 3}) it is taken apart first.
 *
 * Rejected: taking unknown members for granted. A caller who writes `ingore` would learn from the
 * bill where his prompts went.
 */
#include "route/policy.h"

#include "base/check.h"
#include "base/num.h"
#include "conf/nearest.h"
#include "conf/report.h"

enum kind {
    NAMES,   /* a list */
    SORT,    /* a word */
    YES_NO,  /* true or false */
    PRICE,   /* dollars for a million tokens, of prompt and completion */
    TTFT,    /* a duration */
    ALLOW,   /* "allow" says nothing; all else would be a promise that weir cannot keep */
    OFF,     /* the same of false */
    UNKNOWN, /* weir knows nothing of it */
};

static const struct row {
    str name; /* in the object; of a header with '-' for '_' */
    enum kind kind;
    bool header_only;
    uint16_t offset; /* NAMES, YES_NO: in struct route_policy */
} rows[] = {
#define AT(field) offsetof(struct route_policy, field)
    {STR("order"), NAMES, false, AT(order)},
    {STR("only"), NAMES, false, AT(only)},
    {STR("ignore"), NAMES, false, AT(ignore)},
    {STR("fallback"), NAMES, true, AT(fallback)},
    {STR("sort"), SORT, false, 0},
    {STR("allow_fallbacks"), YES_NO, false, AT(no_fallbacks)},
    {STR("require_parameters"), YES_NO, false, AT(require_parameters)},
    {STR("max_price"), PRICE, false, 0},
    {STR("max_ttft"), TTFT, false, 0},
    {STR("data_collection"), ALLOW, false, 0},
    {STR("zdr"), OFF, false, 0},
    {STR("enforce_distillable_text"), OFF, false, 0},
    {STR("quantizations"), UNKNOWN, false, 0},
    {STR("preferred_min_throughput"), UNKNOWN, false, 0},
    {STR("preferred_max_latency"), UNKNOWN, false, 0},
#undef AT
};

/* One value while it is read. */
struct reading_of {
    struct route_policy *p;
    const struct row *row;
    struct arena *arena;
    struct fail *fail;
    bool header;
};

/* ---- what is wrong */

/* "x-weir-max-price" or "provider.max_price". */
static str param_of(const struct reading_of *x)
{
    if (!x->header)
        return arena_strf(x->arena, POLICY_MEMBER "." STR_FMT, STR_ARG(x->row->name));
    str prefix = STR(POLICY_HEADER), name = x->row->name;
    char *p = arena_alloc(x->arena, prefix.n + name.n);
    if (!p)
        return STR_NONE;
    memcpy(p, prefix.p, prefix.n);
    for (size_t i = 0; i < name.n; i++)
        p[prefix.n + i] = name.p[i] == '_' ? '-' : name.p[i];
    return str_of(p, prefix.n + name.n);
}

static enum rc bad(const struct reading_of *x, const char *must)
{
    str param = param_of(x);
    str text = arena_strf(x->arena, STR_FMT " %s.", STR_ARG(param), must);
    if (!text.p)
        return RC_NOMEM;
    return fail_set(x->fail, ERR_BAD_REQUEST, text, param, STR("invalid_value"));
}

static enum rc unsupported(const struct reading_of *x)
{
    return bad(x, "is not supported: nothing is known of that here. Name the providers you trust "
                  "in `only`, or leave it out");
}

/* ---- values as text */

/* Letters of ASCII and what names are made of; a name goes into messages and comparisons. */
static enum rc add_name(const struct reading_of *x, str name)
{
    struct policy_names *to = (void *)((char *)x->p + x->row->offset);
    name = str_trim(name);
    if (!name.n)
        return bad(x, "must be a list of names, and one of them is empty");
    if (to->n == POLICY_NAMES_MAX)
        return bad(x, "has too many names: sixteen are enough");
    to->v[to->n++] = name;
    return RC_OK;
}

static enum rc set_sort(const struct reading_of *x, str word)
{
    static const struct {
        str word;
        enum policy_sort sort;
    } words[] = {
        {STR("price"), POLICY_SORT_PRICE},
        {STR("latency"), POLICY_SORT_LATENCY},
        {STR("throughput"), POLICY_SORT_PACE},
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq_nocase(word, words[i].word)) {
            x->p->sort = words[i].sort;
            return RC_OK;
        }
    return bad(x, "must be price, latency or throughput");
}

static enum rc set_yes_no(const struct reading_of *x, str word)
{
    bool yes = str_eq_nocase(word, STR("true"));
    bool *to = (void *)((char *)x->p + x->row->offset);
    if (!yes && !str_eq_nocase(word, STR("false")))
        return bad(x, "must be true or false");
    /* the one that is kept the other way around, so that a zeroed policy asks for nothing */
    *to = to == &x->p->no_fallbacks ? !yes : yes;
    return RC_OK;
}

#define PRICE_WANTED "must be dollars for a million tokens: {\"prompt\": 3, \"completion\": 15}"

/* `of`: prompt or completion; absent: both. */
static enum rc set_price(const struct reading_of *x, str of, str number)
{
    uint64_t usd;
    bool prompt = !of.p || str_eq(of, STR("prompt")),
         completion = !of.p || str_eq(of, STR("completion"));
    if ((!prompt && !completion) || num_nano(number, &usd) != RC_OK)
        return bad(x, x->header ? "must be dollars for a million tokens: 3, or prompt=3, "
                                  "completion=15"
                                : PRICE_WANTED);
    if (prompt) {
        x->p->has_max_prompt = true;
        x->p->max_prompt = usd;
    }
    if (completion) {
        x->p->has_max_completion = true;
        x->p->max_completion = usd;
    }
    return RC_OK;
}

static enum rc set_ttft(const struct reading_of *x, str text)
{
    uint64_t ms;
    if (num_duration(text, &ms) != RC_OK || ms == 0)
        return bad(x, "must be a duration: 800ms, 2s, or a number of milliseconds");
    x->p->max_ttft = ms;
    return RC_OK;
}

/* A whole value, as a header has it or as a scalar of JSON. */
static enum rc take_text(const struct reading_of *x, str text)
{
    str rest = text;
    switch (x->row->kind) {
    case NAMES:
        while (rest.n)
            TRY(add_name(x, str_cut(&rest, ',')));
        return RC_OK;
    case SORT:
        return set_sort(x, text);
    case YES_NO:
        return set_yes_no(x, text);
    case PRICE:
        if (str_find_char(text, '=') == SIZE_MAX)
            return set_price(x, STR_NONE, text);
        while (rest.n) {
            str one = str_cut(&rest, ','), of = str_trim(str_cut(&one, '='));
            TRY(set_price(x, of, str_trim(one)));
        }
        return RC_OK;
    case TTFT:
        return set_ttft(x, text);
    case ALLOW:
        return str_eq_nocase(text, STR("allow")) ? RC_OK : unsupported(x);
    case OFF:
        return str_eq_nocase(text, STR("false")) ? RC_OK : unsupported(x);
    case UNKNOWN:
        return unsupported(x);
    }
    return RC_INTERNAL;
}

/* ---- headers */

/* Is `name`, behind the prefix, the row's name with dashes? */
static bool is_header_of(str name, str row)
{
    if (name.n != row.n)
        return false;
    for (size_t i = 0; i < row.n; i++) {
        char c = name.p[i];
        c = c == '-' ? '_' : c >= 'A' && c <= 'Z' ? (char)(c | 32) : c;
        if (c != row.p[i])
            return false;
    }
    return true;
}

bool policy_is_header(str name)
{
    if (!str_has_prefix_nocase(name, STR(POLICY_HEADER)))
        return false;
    name = str_from(name, sizeof(POLICY_HEADER) - 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (is_header_of(name, rows[i].name))
            return true;
    return false;
}

str policy_word(size_t i)
{
    return i < ARRAY_LEN(rows) ? rows[i].name : STR_NONE;
}

enum rc policy_header(struct route_policy *p, str name, str value, struct arena *a, bool *ret_took,
                      struct fail *f)
{
    *ret_took = false;
    if (!str_has_prefix_nocase(name, STR(POLICY_HEADER)))
        return RC_OK;
    name = str_from(name, sizeof(POLICY_HEADER) - 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!is_header_of(name, rows[i].name))
            continue;
        struct reading_of x = {p, &rows[i], a, f, true};
        p->said |= 1u << i;
        *ret_took = true;
        return value.n ? take_text(&x, value) : bad(&x, "is empty: give a value, or leave it out");
    }
    return RC_OK;
}

/* ---- the object */

static enum rc take_names(const struct reading_of *x, jval v)
{
    struct json_iter it = json_iter(v);
    str name;
    while (json_next(&it)) {
        if (!json_is(it.val, JSON_STRING))
            return bad(x, "must be a list of names");
        TRY(json_str(it.val, x->arena, &name));
        TRY(add_name(x, name));
    }
    return RC_OK;
}

/* The text of a string, number or truth value; a string that is only a number does for one, as
 * OpenRouter has it. False: it is none of them. */
static bool scalar(jval v, struct arena *a, str *ret)
{
    if (json_is(v, JSON_STRING))
        return json_str(v, a, ret) == RC_OK;
    *ret = json_text(v);
    return json_is(v, JSON_NUMBER) || json_is(v, JSON_TRUE) || json_is(v, JSON_FALSE);
}

static enum rc take_price(const struct reading_of *x, jval v)
{
    struct json_iter it = json_iter(v);
    str number;
    while (json_next(&it)) {
        str of = json_raw(it.key);
        if (json_is_nothing(it.val))
            continue;
        if (str_eq(of, STR("request")) || str_eq(of, STR("image")) || str_eq(of, STR("audio")))
            return bad(x, "has a limit of requests, images or audio, which is not supported; "
                          "prompt and completion are");
        if (!scalar(it.val, x->arena, &number))
            return bad(x, PRICE_WANTED);
        TRY(set_price(x, of, number));
    }
    return RC_OK;
}

/* {"by": "price", "partition": "model"}: targets are always those of one model at a time. */
static enum rc take_sort(const struct reading_of *x, jval v)
{
    jval by = json_get_lit(v, "by"), partition = json_get_lit(v, "partition");
    str word;
    if (!json_is_nothing(partition) && !json_str_is(partition, STR("model")))
        return bad(x, "can order the targets of one model: leave out partition");
    if (!json_is(by, JSON_STRING))
        return bad(x, "must be price, latency or throughput");
    TRY(json_str(by, x->arena, &word));
    return set_sort(x, word);
}

static enum rc take_value(const struct reading_of *x, jval v)
{
    str text;
    if (x->row->kind == NAMES && json_is(v, JSON_ARRAY))
        return take_names(x, v);
    if (x->row->kind == NAMES && !json_is(v, JSON_STRING))
        return bad(x, "must be a list of names");
    if (x->row->kind == PRICE && json_is(v, JSON_OBJECT))
        return take_price(x, v);
    if (x->row->kind == SORT && json_is(v, JSON_OBJECT))
        return take_sort(x, v);
    if (x->row->kind == UNKNOWN)
        return unsupported(x);
    if (x->row->kind == YES_NO && !json_is(v, JSON_TRUE) && !json_is(v, JSON_FALSE))
        return bad(x, "must be true or false");
    if (!scalar(v, x->arena, &text))
        return arena_is_full(x->arena) ? RC_NOMEM : bad(x, "has a value of the wrong type");
    return take_text(x, text);
}

static enum rc unknown_member(str key, struct arena *a, struct fail *f)
{
    struct nearest near;
    nearest_init(&near, key);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (!rows[i].header_only)
            nearest_offer(&near, rows[i].name);
    str shown = conf_brief(key);
    str text =
        near.best.p
            ? arena_strf(a,
                         POLICY_MEMBER "." STR_FMT " is not known. Did you mean \"" STR_FMT "\"?",
                         STR_ARG(shown), STR_ARG(near.best))
            : arena_strf(a, POLICY_MEMBER "." STR_FMT " is not known.", STR_ARG(shown));
    str param = arena_strf(a, POLICY_MEMBER "." STR_FMT, STR_ARG(shown));
    if (!text.p || !param.p)
        return RC_NOMEM;
    return fail_set(f, ERR_BAD_REQUEST, text, param, STR("unknown_parameter"));
}

enum rc policy_object(struct route_policy *p, jval object, struct arena *a, struct fail *f)
{
    struct json_iter it = json_iter(object);
    ASSERT(json_is(object, JSON_OBJECT));
    while (json_next(&it)) {
        str key;
        size_t i = 0;
        TRY(json_str(it.key, a, &key));
        while (i < ARRAY_LEN(rows) && (rows[i].header_only || !str_eq(key, rows[i].name)))
            i++;
        if (i == ARRAY_LEN(rows))
            return unknown_member(key, a, f);
        if (json_is_nothing(it.val) || (p->said >> i & 1))
            continue;
        TRY(take_value(&(struct reading_of){p, &rows[i], a, f, false}, it.val));
    }
    return RC_OK;
}

/* ---- names against the configuration */

static bool is_known(const struct snapshot *s, str name, struct nearest *near)
{
    str provider = str_head(name, str_find_char(name, '/'));
    for (uint32_t i = 0; i < s->nproviders; i++) {
        const struct conf_provider *p = &s->providers[i];
        if (p->enabled && (policy_names_provider(name, p) || policy_names_provider(provider, p)))
            return true;
        if (p->enabled)
            nearest_offer(near, p->name);
    }
    return false;
}

static enum rc check_names(const struct reading_of *x, const struct snapshot *s)
{
    const struct policy_names *list = (const void *)((const char *)x->p + x->row->offset);
    struct arena *a = x->arena;
    for (uint32_t i = 0; i < list->n; i++) {
        struct nearest near;
        nearest_init(&near, list->v[i]);
        if (is_known(s, list->v[i], &near))
            continue;
        str shown = conf_brief(list->v[i]);
        str text =
            near.best.p
                ? arena_strf(
                      a, "No provider is named \"" STR_FMT "\" here. Did you mean \"" STR_FMT "\"?",
                      STR_ARG(shown), STR_ARG(near.best))
                : arena_strf(a, "No provider is named \"" STR_FMT "\" here.", STR_ARG(shown));
        return text.p
                   ? fail_set(x->fail, ERR_BAD_REQUEST, text, param_of(x), STR("unknown_provider"))
                   : RC_NOMEM;
    }
    return RC_OK;
}

enum rc policy_check(struct route_policy *p, const struct snapshot *s, struct arena *a,
                     struct fail *f)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const bool by_header = p->said >> i & 1;
        if (rows[i].kind == NAMES && !rows[i].header_only) /* that one has names of models */
            TRY(check_names(&(struct reading_of){p, &rows[i], a, f, by_header}, s));
    }
    return RC_OK;
}
