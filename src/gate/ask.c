/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask - what a plan asks about this call: can a target serve it, what would it cost there.
 *
 * What a model can is looked up for each target, and what the request needs is read, only when
 * somebody could be left out: a generation remembers of each logical model what any of its targets
 * is known to lack (struct route_able), and most requests need nothing of that. So a call without
 * tools, pictures or a long prompt pays a few comparisons, and one whose route gives no choice
 * (one target, no fallback) nothing: its provider says itself what it cannot do, and says it
 * better.
 *
 * Where it may be served is another matter: that holds also where there is no choice. The lists of
 * the key, of the model asked for, of the model tried (a fallback widens nothing) and of
 * `routing` must all have the provider's region.
 */
#include "gate/feature.h"
#include "gate/gate_int.h"

#define BYTES_A_TOKEN 4 /* good enough to compare costs, which all are of the same prompt */

/* ---- what targets can */

static unsigned can_of(const struct card *card)
{
    return (CARD_HAS(card, TOOLS) ? FILTER_TOOLS : 0) |
           (CARD_HAS(card, VISION) ? FILTER_IMAGES : 0) |
           (CARD_HAS(card, AUDIO) ? FILTER_AUDIO : 0) |
           (CARD_HAS(card, DOCUMENTS) ? FILTER_DOCUMENTS : 0) |
           (CARD_HAS(card, STRUCTURED) ? FILTER_STRUCTURED : 0);
}

static struct filter_able able_of(struct call *c, const struct conf_target *t)
{
    const struct known *k = pricing_find(&c->gen->pricing, t->provider, t->model, &c->req->arena);
    if (!k || c->gen->snap->providers[t->provider].demo) /* the demo answers everything */
        return (struct filter_able){0};
    return (struct filter_able){.knows_can = k->card.knows_can,
                                .can = can_of(&k->card),
                                .context = k->card.context,
                                .max_output = k->card.max_output};
}

static uint64_t lower(uint64_t least, uint64_t n)
{
    return n && (!least || n < least) ? n : least;
}

static void sum_up(struct call *c, const struct conf_route *r, struct route_able *to)
{
    *to = (struct route_able){.made = true};
    for (uint32_t i = 0; i < r->ntargets; i++) {
        const struct filter_able able = able_of(c, &r->targets[i]);
        to->lacking |= able.knows_can ? ~able.can : 0;
        to->context = lower(to->context, able.context);
        to->max_output = lower(to->max_output, able.max_output);
    }
}

/* ---- what the call needs */

/* Is an answer by a schema asked for? Each front has a place of its own for it; where the request
 * is decoded already, that says it. */
static bool asks_structured(const struct call *c)
{
    const jval root = json_root(&c->doc);
    if (c->ir)
        return c->ir->format.kind == IR_FORMAT_SCHEMA;
    const jval at[] = {
        json_path(root, "response_format", "json_schema", NULL),     /* Chat */
        json_path(root, "text", "format", "schema", NULL),           /* Responses */
        json_path(root, "output_config", "format", NULL),            /* Anthropic … */
        json_path(root, "output_format", "schema", NULL),            /* … in beta */
        json_path(root, "outputConfig", "textFormat", NULL),         /* Converse */
        json_path(root, "generationConfig", "responseSchema", NULL), /* Gemini */
        json_path(root, "generationConfig", "responseJsonSchema", NULL),
    };
    for (size_t i = 0; i < ARRAY_LEN(at); i++)
        if (!json_is_nothing(at[i]))
            return true;
    return false;
}

/* `able`: what its targets lack, so that nothing is worked out that cannot matter. */
static const struct filter_needs *needs_of(struct call *c, const struct route_able *able)
{
    struct filter_needs *n = &c->needs;
    const struct ir_peek *p = &c->peek;
    n->can = (p->has_tools ? FILTER_TOOLS : 0) | (p->has_images ? FILTER_IMAGES : 0) |
             (p->has_audio ? FILTER_AUDIO : 0) | (p->has_documents ? FILTER_DOCUMENTS : 0);
    if (able->lacking & FILTER_STRUCTURED && asks_structured(c))
        n->can |= FILTER_STRUCTURED;
    n->output = p->max_tokens;
    /* No prompt has more tokens than bytes. */
    if (!n->prompt && able->context && c->req->body.n + n->output > able->context)
        n->prompt = features_tokens(c, NULL, c->peek.model, able->context);
    return n;
}

/* Could one of the route's targets be left out for what the call needs? c->needs is ready then. */
static bool may_lack(struct call *c, const struct conf_route *r)
{
    struct route_able own, *able = r->logical ? &c->gen->able[r->index] : &own;
    if (!r->logical || !able->made)
        sum_up(c, r, able);
    const struct filter_needs *n = needs_of(c, able);
    return n->can & able->lacking || (able->max_output && n->output > able->max_output) ||
           (able->context && n->prompt + n->output > able->context);
}

/* ---- the answers */

static bool has_regions(const struct call *c, const struct conf_route *r)
{
    return c->gen->snap->routing.regions.n || (c->key && c->key->regions.n) || r->regions.n ||
           (c->found.route && c->found.route->regions.n);
}

static bool may_run_at(const struct call *c, str region)
{
    return filter_region(&c->gen->snap->routing.regions, region) &&
           (!c->key || filter_region(&c->key->regions, region)) &&
           filter_region(&c->route->regions, region) &&
           filter_region(&c->found.route->regions, region);
}

static enum plan_reason fits(void *arg, const struct conf_target *t)
{
    struct call *c = arg;
    if (!may_run_at(c, c->gen->snap->providers[t->provider].region))
        return REASON_REGION;
    const enum plan_reason asked = policy_fits(c, t);
    if (asked != REASON_FITS || !c->chooses)
        return asked;
    const struct filter_able able = able_of(c, t);
    if (c->window_over && able.context <= c->window_over)
        return REASON_CONTEXT;
    const enum plan_reason why = filter_able(&able, &c->needs);
    return c->lenient && filter_is_soft(why) ? REASON_FITS : why;
}

#define ANSWER_USUAL 256  /* tokens, where no limit is said … */
#define ANSWER_MOST  4096 /* … or a very high one: few answers come near it */
#define MEDIA_TOKENS 4000 /* of a prompt with pictures, whose bytes say nothing */

/* Limits are looked at for every call, so this must be cheap and is rough. */
static struct quota_need need_of(const struct call *c)
{
    const struct ir_peek *p = &c->peek;
    struct quota_need n = {c->req->body.n / BYTES_A_TOKEN, ANSWER_USUAL};
    if ((p->has_images || p->has_documents || p->has_audio) && n.input > MEDIA_TOKENS)
        n.input = MEDIA_TOKENS;
    if (p->max_tokens)
        n.output = p->max_tokens < ANSWER_MOST ? p->max_tokens : ANSWER_MOST;
    return n;
}

static double warm(void *arg, const struct conf_target *t, uint32_t *ret_key)
{
    return warmth_at(arg, t, ret_key);
}

/* The share of its prompt that is probably cached there: of a prompt that is known there that much,
 * of any other as much as usually turns out to be. */
static double cached_at(struct call *c, const struct conf_target *t, double usual)
{
    const double share = c->counts_warmth ? warmth_at(c, t, NULL) : 0;
    return share > 0 || c->req->body.n < WARM_LEAST ? share : usual;
}

/* What the call would cost at a target, as far as prices are known: what is cached there is
 * cheaper.
 */
static double quote(void *arg, const struct conf_target *t, double tokens, double usual)
{
    struct call *c = arg;
    struct pricing *p = &c->gen->pricing;
    const uint64_t prompt = c->req->body.n / BYTES_A_TOKEN;
    const uint64_t cached = (uint64_t)((double)prompt * cached_at(c, t, usual));
    const struct usage u = {.input_uncached = prompt - cached,
                            .cache_read = cached,
                            .output = (uint64_t)tokens,
                            .has = USAGE_HAS_INPUT | USAGE_HAS_OUTPUT};
    const struct known *k = pricing_find(p, t->provider, t->model, &c->req->arena);
    const struct charge ch = pricing_charge(p, t->provider, k, &u, loop_unix_ms(c->gate->loop));
    return ch.source == PRICE_BY_NOBODY || ch.cost.missing ? -1 : (double)ch.cost.usd;
}

/* All that a plan of `r` may want to know of this call. `weir explain` asks the same. */
void call_ask(struct call *c, const struct conf_route *r, struct plan_ask *ret)
{
    const bool choice = r->ntargets > 1 || policy_fallback(c, 0) != NULL;
    c->need = need_of(c);
    c->counts_warmth = r->ntargets > 1 && strategy_needs(r->strategy) & STRATEGY_WARM;
    *ret = (struct plan_ask){.rand = &c->gate->rand,
                             .usd = quote,
                             .arg = c,
                             .need = &c->need,
                             .meters = c->gen->meters,
                             .warm = warm,
                             .alerts = c->gen->alerts.provider,
                             .parts = c->gen->alerts.parts,
                             .nparts = c->gen->alerts.nparts};
    if (r->ntargets > 1 && strategy_needs(r->strategy) & STRATEGY_SESSION)
        ret->session = features_sticky(c, r);
    c->route = r;
    c->chooses = choice && !c->op && (may_lack(c, r) || c->window_over);
    ret->policy = c->policy;
    if (c->chooses || c->policy || has_regions(c, r))
        ret->fits = fits;
}

/* ---- what follows of them */

void ask_note_unfit(struct call *c, const struct conf_route *r, enum plan_reason why)
{
    if (c->unfit == REASON_FITS || (filter_is_soft(why) && !filter_is_soft(c->unfit))) {
        c->unfit = why;
        c->unfit_route = r;
    }
}

/* Nobody was left but those of whom it is not sure that they cannot: their provider decides. */
const struct conf_route *ask_go_lenient(struct call *c)
{
    if (c->lenient || c->attempts || !filter_is_soft(c->unfit) || c->window_over)
        return NULL;
    c->lenient = true;
    return c->unfit_route;
}

bool ask_move_up(struct call *c, const struct attempt_failure *f)
{
    if (f->kind != ERR_CONTEXT_LENGTH || c->op ||
        (f->end != ATTEMPT_STATUS && f->end != ATTEMPT_PRELUDE))
        return false;
    /* Where nothing is known of its window, any that is known is a way up. */
    const uint64_t window = able_of(c, c->cand->target).context;
    c->window_over = window > c->window_over ? window : c->window_over;
    c->window_over += c->window_over == 0;
    return true;
}

struct candidate *ask_plan_next(struct call *c)
{
    struct candidate *next;
    while ((next = plan_next(&c->plan, loop_now(c->gate->loop))) && c->window_over &&
           able_of(c, next->target).context <= c->window_over)
        candidate_probe_over(next);
    return next;
}

void ask_fail_unfit(struct call *c)
{
    struct arena *a = &c->req->arena;
    CHECK(c->unfit != REASON_FITS && c->attempts == 0);
    if (c->unfit == REASON_REGION) {
        str text = arena_strf(a,
                              "No provider of the model \"" STR_FMT
                              "\" runs in a region where this call may be served.",
                              STR_ARG(c->peek.model));
        call_fail_kind(c, ERR_FORBIDDEN, text, STR("region_not_allowed"));
        return;
    }
    if (c->unfit >= REASON_NOT_IN_ONLY && c->unfit <= REASON_MAX_TTFT) {
        policy_fail(c);
        return;
    }
    str text = arena_strf(a, "No provider of the model \"" STR_FMT "\"%s takes " STR_FMT ".",
                          STR_ARG(c->peek.model),
                          policy_fallback(c, 0) ? ", nor of its fallback models," : "",
                          STR_ARG(filter_word(c->unfit)));
    call_fail_kind(c, ERR_UNSUPPORTED, text, reason_name(c->unfit));
}
