/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build_rule - routing.rules: models by name become routes, shares become parts of a million.
 *
 * A rule that can do nothing is a slip and refused, and so is one that could never have its turn:
 * behind a rule without conditions that does not let others have theirs.
 */
#include "base/hash.h"
#include "base/num.h"
#include "conf/build_int.h"

#define TAGS_MAX 8  /* of one rule */
#define TAG_MAX  64 /* bytes: it goes into a header and a log */
#define USUAL_STEPS                  \
    {                                \
        250000, 500000, CONF_MILLION \
    }

/* What all of them share while they are read. */
struct rules {
    struct builder *b;
    struct routes *routes;
    struct conf_rules *to;
    unsigned needs;
};

/* ---- where to */

static enum rc find(struct rules *x, const struct conf_node *at, const char *key, str name,
                    const struct conf_route **ret)
{
    struct conf_route *r = NULL;
    TRY(build_find_route(x->routes, place_of(at, key), name, &r));
    *ret = r;
    return RC_OK;
}

static enum rc read_split(struct rules *x, const struct conf_node *n, struct conf_rule *rule)
{
    struct builder *b = x->b;
    if (n->kind != CONF_MAP || !n->count) {
        BUILD_FAULT(b, place_of(n, NULL),
                    "`split` takes models and their weights: { smart: 95, cheap: 5 }");
        return RC_OK;
    }
    struct conf_split *s = arena_new(b->arena, struct conf_split);
    struct conf_arm *v = arena_array(b->arena, struct conf_arm, n->count);
    if (!s || !v)
        return RC_NOMEM;
    *s = (struct conf_split){.arms = v, .throw = x->to->throws++};
    for (const struct conf_node *it = n->child; it; it = it->next) {
        struct conf_route *r = NULL;
        uint64_t weight = 0;
        str text = it->kind == CONF_SCALAR ? it->text : STR("");
        if (str_has_suffix(text, STR("%")))
            text = str_head(text, text.n - 1);
        if (num_u64(text, &weight) != RC_OK || weight > CONF_MILLION)
            BUILD_FAULT(b, place_of(it, NULL), "the weight of '" STR_FMT "' must be a whole number",
                        STR_ARG(conf_brief(it->key)));
        TRY(build_find_route(x->routes, (struct place){it->key_line, it->key_column}, it->key, &r));
        if (!r)
            continue; /* noted: there is none, or its provider is switched off */
        v[s->n++] = (struct conf_arm){r, (uint32_t)weight};
        s->total += weight;
    }
    if (!s->n)
        return RC_OK;
    if (!s->total)
        BUILD_FAULT(b, place_of(n, NULL), "all weights of `split` are 0; give one a weight");
    rule->split = s;
    return RC_OK;
}

static void read_steps(struct rules *x, const struct raw_canary *raw, struct conf_canary *c)
{
    static const uint32_t usual[] = USUAL_STEPS;
    c->steps[0] = (uint32_t)(raw->percent * (CONF_MILLION / 100.0) + 0.5);
    c->nsteps = 1;
    for (size_t i = 0; !raw->steps.n && i < ARRAY_LEN(usual); i++)
        if (usual[i] > c->steps[c->nsteps - 1])
            c->steps[c->nsteps++] = usual[i];
    for (uint32_t i = 0; i < raw->steps.n; i++) {
        uint32_t share;
        const struct place at = place_of_item(&raw->steps, i);
        if (c->nsteps == CONF_CANARY_STEPS) {
            BUILD_FAULT(x->b, at, "at most %d steps", CONF_CANARY_STEPS - 1);
            return;
        }
        if (!build_percent(raw->steps.p[i], &share) || share <= c->steps[c->nsteps - 1]) {
            BUILD_FAULT(x->b, at, "steps are shares in percent, each larger than the one before");
            return;
        }
        c->steps[c->nsteps++] = share;
    }
}

static enum rc read_canary(struct rules *x, const struct raw_canary *raw, struct conf_rule *rule)
{
    struct conf_canary *c = arena_new(x->b->arena, struct conf_canary);
    if (!c)
        return RC_NOMEM;
    *c = (struct conf_canary){.hold = raw->hold,
                              .min_calls = raw->min_calls,
                              .max_errors = raw->max_error_rate,
                              .more_errors = raw->more_errors,
                              .slower = raw->slower,
                              .throw = x->to->throws++,
                              .index = x->to->canaries++};
    read_steps(x, raw, c);
    rule->canary = c;
    return raw->use.n ? find(x, raw->at.node, "use", raw->use, &c->route) : RC_OK;
}

static enum rc read_mirror(struct rules *x, const struct raw_mirror *raw, struct conf_rule *rule)
{
    struct conf_mirror *m = arena_new(x->b->arena, struct conf_mirror);
    if (!m)
        return RC_NOMEM;
    m->share = (uint32_t)(raw->percent * (CONF_MILLION / 100.0) + 0.5);
    m->throw = x->to->throws++;
    m->at_once = raw->at_once;
    rule->mirror = m;
    return raw->use.n ? find(x, raw->at.node, "use", raw->use, &m->route) : RC_OK;
}

static enum rc read_where(struct rules *x, const struct raw_rule *raw, struct conf_rule *rule)
{
    if (raw->use.n)
        TRY(find(x, raw->at.node, "use", raw->use, &rule->use));
    if (raw->split)
        TRY(read_split(x, raw->split, rule));
    if (raw->canary.at.node)
        TRY(read_canary(x, &raw->canary, rule));
    if (raw->mirror.at.node)
        TRY(read_mirror(x, &raw->mirror, rule));
    if (raw->split && (raw->use.n || raw->canary.at.node))
        BUILD_FAULT(x->b, place_of(raw->at.node, "split"),
                    "a rule has either `split`, or `use` and `canary`; remove one");
    if (raw->sticky.n && !raw->split && !raw->canary.at.node)
        BUILD_FAULT(x->b, place_of(raw->at.node, "sticky"),
                    "`sticky` is for `split` and `canary`; for targets of a model see stickyBy");
    rule->is_sticky = raw->sticky.n > 0;
    if (rule->is_sticky)
        x->needs |= ROUTING_NEEDS_SESSION;
    return build_sticky(x->b, place_of(raw->at.node, "sticky"), raw->sticky, &rule->sticky);
}

/* ---- what else */

bool conf_tag_ok(str tag)
{
    for (size_t i = 0; i < tag.n; i++) {
        const char c = tag.p[i];
        if (!((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '-' ||
              c == '_' || c == '.' || c == ':' || c == '/'))
            return false;
    }
    return tag.n > 0 && tag.n <= TAG_MAX;
}

static void read_tags(struct rules *x, const struct raw_rule *raw, struct conf_rule *rule)
{
    for (uint32_t i = 0; i < raw->tags.n; i++)
        if (!conf_tag_ok(raw->tags.p[i]))
            BUILD_FAULT(x->b, place_of_item(&raw->tags, i),
                        "the tag '" STR_FMT "' may hold letters, digits and -_.:/ only, at most %d",
                        STR_ARG(conf_brief(raw->tags.p[i])), TAG_MAX);
    if (raw->tags.n > TAGS_MAX)
        BUILD_FAULT(x->b, place_of_item(&raw->tags, TAGS_MAX), "a rule has at most %d tags",
                    TAGS_MAX);
    rule->tags = raw->tags.p;
    rule->ntags = raw->tags.n;
}

static void read_deny(struct rules *x, const struct raw_rule *raw, struct conf_rule *rule)
{
    static const uint32_t known[] = {400, 401, 403, 404, 413, 429, 503};
    size_t i = 0;
    if (!raw->deny.at.node)
        return;
    while (i < ARRAY_LEN(known) && known[i] != raw->deny.status)
        i++;
    if (i == ARRAY_LEN(known))
        BUILD_FAULT(x->b, place_of(raw->deny.at.node, "status"),
                    "a refusal has status 400, 401, 403, 404, 413, 429 or 503");
    rule->deny = (struct conf_deny){raw->deny.status, raw->deny.message};
    if (rule->use || rule->split || rule->canary || rule->mirror || raw->goes_on)
        BUILD_FAULT(x->b, place_of(raw->at.node, "deny"),
                    "a rule that refuses the call can do nothing else with it; remove `%s`",
                    raw->goes_on ? "continue" : "deny");
}

static bool does_something(const struct conf_rule *r)
{
    return r->use || r->split || r->canary || r->mirror || r->ntags || r->transforms.n ||
           r->deny.status;
}

/* ---- one rule */

static enum rc read_rule(struct rules *x, const struct raw_rule *raw, uint32_t i,
                         struct conf_rule *rule)
{
    struct builder *b = x->b;
    const uint32_t faults = b->report->of[CONF_ERROR].count,
                   warnings = b->report->of[CONF_WARNING].count;
    rule->name = raw->name.n ? raw->name : arena_strf(b->arena, "rule %u", i + 1);
    if (!rule->name.p)
        return RC_NOMEM;
    build_name_ok(b, place_of(raw->at.node, "name"), "the rule's name", rule->name, "");
    rule->goes_on = raw->goes_on;
    rule->salt = hash_fnv(HASH_FNV, rule->name);
    TRY(build_when(b, raw->when, x->to, &x->needs, &rule->when));
    TRY(read_where(x, raw, rule));
    TRY(build_transform_members(b, raw->at.node, &rule->transforms));
    read_tags(x, raw, rule);
    read_deny(x, raw, rule);
    if (!does_something(rule) && b->report->of[CONF_ERROR].count == faults &&
        b->report->of[CONF_WARNING].count == warnings)
        BUILD_FAULT(b, place_of(raw->at.node, NULL),
                    "'" STR_FMT "' does nothing; give it `use`, `split`, `canary`, `mirror`, "
                    "`tag`, `set`, `headers` or `deny`",
                    STR_ARG(conf_brief(rule->name)));
    return RC_OK;
}

enum rc build_rules(struct builder *b, struct routes *routes)
{
    const struct raw_list *list = &b->raw->routing.rules;
    const struct raw_rule *rows = list->p;
    struct rules x = {.b = b, .routes = routes, .to = &b->s->routing.rules};
    struct conf_rule *v = arena_array(b->arena, struct conf_rule, list->n);
    const struct conf_rule *last = NULL;
    if (!v)
        return RC_NOMEM;
    for (uint32_t i = 0; i < list->n; i++) {
        TRY(read_rule(&x, &rows[i], i, &v[i]));
        if (last)
            BUILD_WARN(b, place_of(rows[i].at.node, NULL),
                       "'" STR_FMT "' never has its turn: '" STR_FMT
                       "' before it matches every call; give that one a `when`, or `continue`",
                       STR_ARG(conf_brief(v[i].name)), STR_ARG(conf_brief(last->name)));
        else if (!v[i].goes_on && (!v[i].when || !v[i].when->nsub))
            last = &v[i];
    }
    x.to->v = v;
    x.to->n = list->n;
    b->s->routing.needs |= x.needs;
    return RC_OK;
}

void build_rule_targets(const struct conf_rules *rules, build_target_fn *fn, void *arg)
{
    for (uint32_t i = 0; i < rules->n; i++) {
        const struct conf_rule *r = &rules->v[i];
        const struct conf_route *one[] = {r->use, r->canary ? r->canary->route : NULL,
                                          r->mirror ? r->mirror->route : NULL};
        for (size_t k = 0; k < ARRAY_LEN(one); k++)
            if (one[k] && !one[k]->logical)
                fn(&one[k]->targets[0], arg);
        for (uint32_t k = 0; r->split && k < r->split->n; k++)
            if (r->split->arms[k].route && !r->split->arms[k].route->logical)
                fn(&r->split->arms[k].route->targets[0], arg);
    }
}
