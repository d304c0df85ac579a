/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve - from the model of a request to a route (the order stands in snapshot.h).
 *
 * claude-code-router's comma form means the same as the slash form, but with its own care for
 * letter case made symmetric: provider and model match in any case, and the configured spelling is
 * what goes to the provider. A model a provider does not list goes to it as it was asked for.
 *
 * What a key may not call is as if it were not there, at every step, so that "unknown" and "not
 * allowed" cannot be told apart.
 */
#include "conf/build_int.h"
#include "conf/nearest.h"

/* --- provider and model ----------------------------------------------------------------------- */

/* The provider's own spelling of a model. */
static str spelling(const struct conf_provider *p, str model)
{
    str other_case = STR_NONE;
    for (uint32_t i = 0; i < p->nmodels; i++) {
        if (str_eq(p->models[i], model))
            return p->models[i];
        if (!other_case.p && str_eq_nocase(p->models[i], model))
            other_case = p->models[i];
    }
    return other_case.p ? other_case : model;
}

static bool lists(const struct conf_provider *p, str model, bool any_case)
{
    for (uint32_t i = 0; i < p->nmodels; i++)
        if (any_case ? str_eq_nocase(p->models[i], model) : str_eq(p->models[i], model))
            return true;
    return false;
}

/* Is it of the names this known provider gives its own models? */
static bool claims(const struct conf_provider *p, str model)
{
    str prefixes = p->serves;
    while (prefixes.n) {
        str prefix = str_cut(&prefixes, ' ');
        if (prefix.n && str_has_prefix_nocase(model, prefix))
            return true;
    }
    return false;
}

enum bare_rule { BARE_LISTED, BARE_LISTED_ANY_CASE, BARE_CLAIMED, BARE_ONLY_ONE };

static bool fits(const struct conf_provider *p, str model, enum bare_rule rule)
{
    switch (rule) {
    case BARE_LISTED:
        return lists(p, model, false);
    case BARE_LISTED_ANY_CASE:
        return lists(p, model, true);
    case BARE_CLAIMED:
        return p->models_open && claims(p, model);
    case BARE_ONLY_ONE:
        return p->models_open;
    }
    return false;
}

/* A bare model: the first rule that any provider fits decides, and exactly one must fit it. The
 * last rule holds only where there is but one provider at all.
 *
 * Two that fit are no guess but an error: a model of that name at another provider has another
 * price, another owner of the data, and maybe another mind. */
static enum direct find_bare(const struct snapshot *s, str model, enum bare_rule last,
                             struct conf_target *ret)
{
    for (int rule = 0; rule <= (int)last; rule++) {
        const struct conf_provider *only = NULL;
        uint32_t fitting = 0, enabled = 0;
        for (uint32_t i = 0; i < s->nproviders; i++) {
            const struct conf_provider *p = &s->providers[i];
            enabled += p->enabled;
            if (!p->enabled || !fits(p, model, (enum bare_rule)rule))
                continue;
            only = p;
            fitting++;
        }
        if (!fitting || (rule == BARE_ONLY_ONE && enabled != 1))
            continue;
        if (fitting > 1)
            return DIRECT_AMBIGUOUS;
        CHECK(only->index < s->nproviders);
        *ret = (struct conf_target){only->index, 1, spelling(only, model)};
        return DIRECT_FOUND;
    }
    return DIRECT_UNKNOWN;
}

enum direct conf_find_direct(const struct snapshot *s, str name, enum direct_trust trust,
                             struct conf_target *ret)
{
    size_t comma = str_find_char(name, ','), slash = str_find_char(name, '/');
    size_t at = comma != SIZE_MAX ? comma : slash;
    enum bare_rule last = trust == DIRECT_KNOWN ? BARE_CLAIMED : BARE_ONLY_ONE;
    if (at == SIZE_MAX)
        return find_bare(s, name, last, ret);
    const struct conf_provider *p = conf_find_provider(s, str_head(name, at));
    if (p) {
        *ret = (struct conf_target){p->index, 1, spelling(p, str_trim(str_from(name, at + 1)))};
        return DIRECT_FOUND;
    }
    if (comma != SIZE_MAX)
        return DIRECT_NO_PROVIDER;
    /* "meta-llama/llama-3" may be a model's own name */
    enum direct found = find_bare(s, name, trust == DIRECT_WRITTEN ? BARE_LISTED : last, ret);
    return found == DIRECT_UNKNOWN ? DIRECT_NO_PROVIDER : found;
}

/* --- keys ------------------------------------------------------------------------------------- */

/* Case does not count in names of requests, so it must not count here: or "GPT-5" would reach what
 * a list without "gpt-5" keeps from the key. */
static bool matches(str pattern, str name)
{
    if (str_has_suffix(pattern, STR("*")))
        return str_has_prefix_nocase(name, str_head(pattern, pattern.n - 1));
    return str_eq_nocase(pattern, name);
}

bool conf_key_allows(const struct conf_key *key, const struct conf_route *route)
{
    if (!key || !key->nmodels)
        return true;
    for (uint32_t i = 0; i < key->nmodels; i++)
        if (matches(key->models[i], route->name) ||
            (!route->logical && route->ntargets &&
             matches(key->models[i], route->targets[0].model)))
            return true;
    return false;
}

/* Claude Code's mark of a long context, behind the model's name. */
#define LONG_CONTEXT_MARK "[1m]"

/* --- one request ------------------------------------------------------------------------------ */

static const struct conf_route *find_logical(const struct snapshot *s, str name, bool any_case)
{
    for (uint32_t i = 0; i < s->nmodels; i++) {
        const struct conf_route *r = s->models[i];
        if (any_case ? str_eq_nocase(r->name, name) : str_eq(r->name, name))
            return r;
    }
    return NULL;
}

static bool try_logical(const struct snapshot *s, const struct conf_key *key, str name,
                        struct conf_found *ret)
{
    const struct conf_route *r = find_logical(s, name, false);
    if (!r)
        r = find_logical(s, name, true);
    if (!r || !conf_key_allows(key, r))
        return false;
    ret->how = CONF_BY_MODEL;
    ret->route = r;
    return true;
}

/* Describe one target as a route of its own, inside of ret. */
static void set_own(const struct snapshot *s, struct conf_target t, struct conf_found *ret)
{
    CHECK(t.provider < s->nproviders);
    const struct conf_provider *p = &s->providers[t.provider];
    ret->own_target = t;
    /* the name is for logs and for the key's list of models; one that is longer is cut, which can
     * only make a pattern fail that would have matched its end */
    size_t room = sizeof(ret->own_name) - 1;
    size_t n = p->name.n < room ? p->name.n : room;
    memcpy(ret->own_name, p->name.p, n);
    ret->own_name[n++] = '/';
    str model = str_head(t.model, sizeof(ret->own_name) - n);
    CHECK(n + model.n <= sizeof(ret->own_name));
    memcpy(ret->own_name + n, model.p, model.n);
    ret->own = (struct conf_route){.name = str_of(ret->own_name, n + model.n),
                                   .strategy = s->routing.strategy,
                                   .targets = &ret->own_target,
                                   .ntargets = 1};
    ret->route = &ret->own;
}

void conf_found_provider(const struct snapshot *s, const struct conf_provider *p, str model,
                         struct conf_found *ret)
{
    /* of this generation: an index of another one would take the call to a stranger */
    CHECK(p->index < s->nproviders && &s->providers[p->index] == p);
    set_own(s, (struct conf_target){p->index, 1, model}, ret);
    ret->how = CONF_BY_PROVIDER;
}

static bool try_direct(const struct snapshot *s, const struct conf_key *key, str name,
                       enum direct_trust trust, struct conf_found *ret)
{
    struct conf_target t;
    if (conf_find_direct(s, name, trust, &t) != DIRECT_FOUND || !t.model.n)
        return false;
    const struct conf_provider *p = &s->providers[t.provider];
    if (!p->enabled)
        return false;
    set_own(s, t, ret);
    bool bare =
        str_find_char(name, ',') == SIZE_MAX &&
        !(str_has_prefix_nocase(name, p->name) && name.n > p->name.n && name.p[p->name.n] == '/');
    ret->how = bare ? CONF_BY_BARE_NAME : CONF_BY_PROVIDER;
    return conf_key_allows(key, ret->route);
}

static bool try_name(const struct snapshot *s, const struct conf_key *key, str name,
                     struct conf_found *ret)
{
    return try_logical(s, key, name, ret) || try_direct(s, key, name, DIRECT_KNOWN, ret);
}

enum rc conf_resolve(const struct snapshot *s, const struct conf_key *key, str model,
                     struct conf_found *ret)
{
    if (try_name(s, key, model, ret))
        return RC_OK;
    /* only now without the mark: an operator may have a logical model of the marked name */
    bool marked = str_has_suffix(model, STR(LONG_CONTEXT_MARK));
    str plain = marked ? str_head(model, model.n - (sizeof(LONG_CONTEXT_MARK) - 1)) : model;
    if (marked && try_name(s, key, plain, ret))
        return RC_OK;
    const struct conf_route *r = s->routing.scenarios[CONF_SCENARIO_DEFAULT];
    if (r && conf_key_allows(key, r)) {
        ret->how = CONF_BY_DEFAULT;
        ret->route = r;
        return RC_OK;
    }
    return try_direct(s, key, plain, DIRECT_GUESSED, ret) ? RC_OK : RC_NOTFOUND;
}

/* Any caller can ask for names that do not exist, so looking for a near one must stay cheap. */
#define NEAREST_OFFERS_MAX 200

/* A name that this key could call. */
static void offer(struct nearest *n, const struct snapshot *s, const struct conf_key *key, str name,
                  unsigned *offers)
{
    struct conf_found found;
    if (++*offers > NEAREST_OFFERS_MAX)
        return;
    if (!key || (conf_resolve(s, key, name, &found) == RC_OK && found.how != CONF_BY_DEFAULT))
        nearest_offer(n, name);
}

str conf_nearest_model(const struct snapshot *s, const struct conf_key *key, str model)
{
    struct nearest n;
    unsigned offers = 0;
    nearest_init(&n, model);
    for (uint32_t i = 0; i < s->nmodels; i++)
        offer(&n, s, key, s->models[i]->name, &offers);
    for (uint32_t i = 0; i < s->nproviders; i++)
        for (uint32_t k = 0; s->providers[i].enabled && k < s->providers[i].nmodels; k++)
            offer(&n, s, key, s->providers[i].models[k], &offers);
    return n.best;
}
