/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy - what this call's caller asks of the choice among targets (route/policy.h).
 *
 * Looked for when the call's route is known. A call without any of it pays a walk over its header
 * names and the miss of one lookup among the body's outermost members. With a `provider` object
 * the body is copied without it and parsed again: it is weir's then, and no provider's.
 *
 * At OpenRouter the member has a meaning of its own. Where all that the model leads to is there,
 * it is OpenRouter's to read, and goes there as it came; headers are always for us.
 */
#include "gate/gate_int.h"

#include "route/policy.h"

static bool is_openrouter(const struct conf_provider *p)
{
    return str_eq(p->preset, STR("openrouter")) || str_eq(p->origin.host, STR("openrouter.ai"));
}

static bool leads_to_openrouter(const struct call *c)
{
    const struct conf_route *r = c->found.route;
    for (uint32_t i = 0; i < r->ntargets; i++)
        if (!is_openrouter(&c->gen->snap->providers[r->targets[i].provider]))
            return false;
    return true;
}

/* One policy a call, made when the first word of it is found. */
static struct route_policy *policy_of(struct call *c)
{
    if (!c->policy)
        c->policy = arena_new(&c->req->arena, struct route_policy);
    return c->policy;
}

static enum rc read_headers(struct call *c, struct fail *f)
{
    const struct h1_head *h = c->req->head;
    bool took;
    for (unsigned i = 0; i < h->nheaders; i++) {
        const struct h1_header *it = &h->headers[i];
        if (it->id != H1_OTHER || !str_has_prefix_nocase(it->name, STR(POLICY_HEADER)))
            continue;
        if (!policy_may_stand(it->name, &c->req->arena, f))
            return RC_SYNTAX;
        if (!policy_is_header(it->name))
            continue;
        if (!policy_of(c))
            return RC_NOMEM;
        TRY(policy_header(c->policy, it->name, it->value, &c->req->arena, &took, f));
    }
    return RC_OK;
}

/* From now on nobody sees the member. */
static enum rc cut_object(struct call *c, jval root)
{
    struct arena *a = &c->req->arena;
    str text = policy_cut(json_text(root), root, a);
    return text.p ? json_parse(a, text, &c->doc, NULL) : RC_NOMEM;
}

static enum rc read_object(struct call *c, struct fail *f)
{
    jval root = json_root(&c->doc), object = JVAL_NONE;
    if (c->doc.count) /* a form has none */
        object = json_get_lit(root, POLICY_MEMBER);
    if (!json_is(object, JSON_OBJECT) || leads_to_openrouter(c))
        return RC_OK; /* a text of that name is some other provider's own */
    if (!policy_of(c))
        return RC_NOMEM;
    TRY(policy_object(c->policy, object, &c->req->arena, f));
    return cut_object(c, root);
}

/* The caller's own list of models, each as far as his key may use it. */
static enum rc find_fallbacks(struct call *c, struct fail *f)
{
    const struct policy_names *list = &c->policy->fallback;
    struct arena *a = &c->req->arena;
    if (!list->n)
        return RC_OK;
    const struct conf_route **v = arena_array(a, const struct conf_route *, list->n);
    for (uint32_t i = 0; v && i < list->n; i++) {
        struct conf_found *found = arena_new(a, struct conf_found);
        if (!found)
            return RC_NOMEM;
        if (list->v[i].n > GATE_MODEL_MAX ||
            conf_resolve(c->gen->snap, c->key, list->v[i], found) != RC_OK)
            return fail_set(f, ERR_BAD_REQUEST,
                            arena_strf(a,
                                       "x-weir-fallback: there is no model \"" STR_FMT "\" here.",
                                       STR_ARG(str_head(list->v[i], GATE_MODEL_MAX))),
                            STR("x-weir-fallback"), STR("model_not_found"));
        v[i] = found->route;
    }
    c->own_fallback = v;
    return v ? RC_OK : RC_NOMEM;
}

static enum rc read_policy(struct call *c, struct fail *f)
{
    TRY(read_headers(c, f));
    TRY(read_object(c, f));
    if (!c->policy)
        return RC_OK;
    TRY(policy_check(c->policy, c->gen->snap, &c->req->arena, f));
    return find_fallbacks(c, f);
}

bool policy_take(struct call *c)
{
    struct fail f = {.kind = ERR_TOO_LARGE};
    CHECK(c->found.route && !c->policy);
    if (!c->gen->snap->routing.caller_policy || call_passes(c) || read_policy(c, &f) == RC_OK)
        return true;
    call_fail(c, &f);
    return false;
}

/* ---- while the call is planned */

#define BYTES_A_TOKEN 4 /* good enough to tell which tier of prices the prompt is in */

/* What a million tokens cost there now; false: that is not known. */
static bool price(struct call *c, const struct conf_target *t, uint64_t *ret_prompt,
                  uint64_t *ret_completion)
{
    const struct known *k = pricing_find(&c->gen->pricing, t->provider, t->model, &c->req->arena);
    const struct price_period *now = k ? card_price(&k->card, loop_unix_ms(c->gate->loop)) : NULL;
    const unsigned both = 1u << PRICE_INPUT | 1u << PRICE_OUTPUT;
    if (!now)
        return false;
    const struct price_set *set = period_prices(now, c->req->body.n / BYTES_A_TOKEN);
    if ((set->has & both) != both)
        return false;
    *ret_prompt = set->of[PRICE_INPUT];
    *ret_completion = set->of[PRICE_OUTPUT];
    return true;
}

/* Behind a canary stands what the caller would have got without it, and then what stands behind
 * that; also for one that wants no fallback, for it is what was asked for. */
const struct conf_route *policy_fallback(const struct call *c, unsigned i)
{
    const struct conf_route *usual = rules_usual(c), *r = usual ? usual : c->found.route;
    if (!c->gen->snap->routing.fallback)
        return NULL; /* the operator wants none: not for callers to say */
    if (usual && i-- == 0)
        return usual;
    if (c->own_fallback)
        return i < c->policy->fallback.n ? c->own_fallback[i] : NULL;
    if (c->policy && c->policy->no_fallbacks)
        return NULL;
    return i < r->nfallback ? r->fallback[i] : NULL;
}

enum plan_reason policy_fits(struct call *c, const struct conf_target *t)
{
    struct policy_target as = {.provider = &c->gen->snap->providers[t->provider], .target = t};
    if (!c->policy)
        return REASON_FITS;
    if (policy_needs_price(c->policy))
        as.priced = price(c, t, &as.prompt, &as.completion);
    return policy_judge(c->policy, &as);
}

void policy_fail(struct call *c)
{
    str text = arena_strf(&c->req->arena,
                          "No target of the model \"" STR_FMT
                          "\" is left by what the request asks for: of one of them, " STR_FMT ".",
                          STR_ARG(c->peek.model), STR_ARG(reason_help(c->unfit)));
    call_fail_kind(c, ERR_NOT_FOUND, text, STR("no_allowed_target"));
}
