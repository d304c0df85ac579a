/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alert_subject - what an alert of each scope watches, by name.
 *
 * A name is all that a subject is: the main thread watches by it, workers count by it, and a reload
 * finds the same again. So both sides make the list with the function below, and take a name apart
 * with the same one.
 */
#include "base/check.h"
#include "base/num.h"
#include "conf/snapshot.h"

/* ---- names and parts */

enum rc conf_alert_part(const struct snapshot *s, enum conf_alert_scope scope, str name,
                        uint32_t *ret_provider, str *ret_model, uint32_t *ret_key)
{
    CHECK(scope == CONF_ALERT_TARGET || scope == CONF_ALERT_KEY);
    /* No provider's name has a slash in it; a '#' it may have. */
    const size_t at =
        scope == CONF_ALERT_TARGET ? str_find_char(name, '/') : str_rfind_char(name, '#');
    uint64_t key = 1;
    if (at == SIZE_MAX)
        return RC_NOTFOUND;
    const struct conf_provider *p = conf_find_provider(s, str_head(name, at));
    if (!p || !str_eq(p->name, str_head(name, at)) ||
        (scope == CONF_ALERT_KEY && num_u64(str_from(name, at + 1), &key) != RC_OK))
        return RC_NOTFOUND;
    if (key < 1 || key > (p->nkeys ? p->nkeys : 1))
        return RC_NOTFOUND;
    *ret_provider = p->index;
    *ret_model = scope == CONF_ALERT_TARGET ? str_from(name, at + 1) : STR_NONE;
    *ret_key = (uint32_t)key - 1;
    return RC_OK;
}

bool conf_alert_means(const struct conf_alert *a, str name)
{
    const size_t hash = a->scope == CONF_ALERT_KEY ? str_rfind_char(name, '#') : SIZE_MAX;
    for (uint32_t i = 0; i < a->nonly; i++)
        if (str_eq(a->only[i], name) ||
            (hash != SIZE_MAX && str_eq(a->only[i], str_head(name, hash))))
            return true;
    return a->nonly == 0;
}

/* ---- all of a scope */

/* Names as they are collected; those of targets only once, for models share them. */
struct subjects {
    str *p;
    uint32_t n, cap;
};

static void add(struct subjects *to, str name)
{
    for (uint32_t i = 0; i < to->n; i++)
        if (str_eq(to->p[i], name))
            return;
    if (name.p && to->n < to->cap)
        to->p[to->n++] = name;
}

static void add_targets(struct subjects *to, const struct snapshot *s, const struct conf_route *r,
                        struct arena *a)
{
    for (uint32_t i = 0; i < r->ntargets; i++)
        add(to,
            arena_strf(a, STR_FMT "/" STR_FMT, STR_ARG(s->providers[r->targets[i].provider].name),
                       STR_ARG(r->targets[i].model)));
}

/* Of logical models, and what they fall back to. */
static void all_targets(struct subjects *to, const struct snapshot *s, struct arena *a)
{
    for (uint32_t i = 0; i < s->nmodels; i++) {
        const struct conf_route *r = s->models[i];
        add_targets(to, s, r, a);
        for (uint32_t k = 0; k < r->nfallback; k++)
            add_targets(to, s, r->fallback[k], a);
    }
    for (unsigned i = 0; i < CONF_SCENARIO_COUNT; i++)
        if (s->routing.scenarios[i])
            add_targets(to, s, s->routing.scenarios[i], a);
}

static void all_keys(struct subjects *to, const struct conf_provider *p, struct arena *a)
{
    const uint32_t n = p->nkeys ? p->nkeys : 1; /* a token that is fetched counts as one */
    for (uint32_t i = 0; i < n; i++)
        add(to, arena_strf(a, STR_FMT "#%u", STR_ARG(p->name), i + 1));
}

uint32_t conf_alert_subjects(const struct snapshot *s, enum conf_alert_scope scope, struct arena *a,
                             const str **ret)
{
    struct subjects all = {.cap = CONF_ALERT_SUBJECTS_MAX};
    all.p = arena_array(a, str, all.cap);
    *ret = all.p;
    if (!all.p)
        return 0;
    if (scope == CONF_ALERT_TARGET)
        all_targets(&all, s, a);
    for (uint32_t i = 0; scope == CONF_ALERT_MODEL && i < s->nmodels; i++)
        add(&all, s->models[i]->name);
    for (uint32_t i = 0; i < s->nproviders; i++) {
        if (!s->providers[i].enabled)
            continue;
        if (scope == CONF_ALERT_PROVIDER)
            add(&all, s->providers[i].name);
        if (scope == CONF_ALERT_KEY)
            all_keys(&all, &s->providers[i], a);
    }
    if (scope == CONF_ALERT_ALL)
        all.p[all.n++] = STR_NONE;
    return all.n;
}
