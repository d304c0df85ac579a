/* SPDX-License-Identifier: Apache-2.0 */
/* rules - the operator's rules on the way of a call; see the header. */
#include "gate/rules.h"

#include "base/mem.h"
#include "gate/feature.h"
#include "gate/gate_int.h"
#include "http/h1_write.h"
#include "json/write.h"

#define CALLER_TAGS_MAX 8

enum rc rules_bind(struct gate *g, struct gen *gen)
{
    const struct conf_rules *rules = &gen->snap->routing.rules;
    if (!rules->n)
        return RC_OK;
    gen->rules.dice = mem_zalloc((rules->throws + 1) * sizeof(*gen->rules.dice));
    gen->rules.trials = mem_zalloc((rules->canaries + 1) * sizeof(struct trial *));
    if (!gen->rules.dice || !gen->rules.trials)
        return RC_NOMEM;
    for (uint32_t i = 0; i < rules->n; i++) {
        const struct conf_rule *r = &rules->v[i];
        if (!r->canary || !r->canary->route)
            continue;
        CHECK(r->canary->index < rules->canaries);
        gen->rules.trials[r->canary->index] =
            trial_of(&g->set.world->trials, r->name, r->canary->route->name, loop_now(g->loop));
    }
    return RC_OK;
}

void rules_unbind(struct gen *gen)
{
    mem_free(gen->rules.dice);
    mem_free(gen->rules.trials);
}

/* ---- what the conditions look at */

static str header_of(void *arg, str name)
{
    const struct call *c = arg;
    return h1_find(c->req->head, name);
}

static str metadata_of(void *arg, str name)
{
    return features_metadata(arg, name);
}

static uint64_t tokens_of(void *arg, uint64_t mark)
{
    struct call *c = arg;
    return features_tokens(c, NULL, c->peek.model, mark);
}

static uint64_t identity_of(void *arg, const struct conf_sticky *by)
{
    return features_identity(arg, by);
}

static uint32_t share_of(void *arg, const struct conf_canary *canary)
{
    const struct call *c = arg;
    const struct trial *t = c->gen->rules.trials[canary->index];
    return t ? trial_share(t, canary) : canary->steps[0];
}

static bool key_may(void *arg, const struct conf_route *r)
{
    const struct call *c = arg;
    return conf_key_allows(c->key, r);
}

/* What a front sees at a glance. */
static unsigned glance(const struct ir_peek *p)
{
    return (p->has_tools ? CONF_TRAIT_TOOLS : 0) | (p->has_images ? CONF_TRAIT_IMAGES : 0) |
           (p->has_documents ? CONF_TRAIT_DOCUMENTS : 0) | (p->thinks ? CONF_TRAIT_THINKING : 0) |
           (p->has_web_search ? CONF_TRAIT_WEB_SEARCH : 0);
}

/* … and what the decoded request says. */
static unsigned traits_of(struct call *c)
{
    const struct ir_traits *t = features_traits(c);
    if (!t)
        return glance(&c->peek);
    return (t->tools ? CONF_TRAIT_TOOLS : 0) | (t->images ? CONF_TRAIT_IMAGES : 0) |
           (t->documents ? CONF_TRAIT_DOCUMENTS : 0) | (t->audio ? CONF_TRAIT_AUDIO : 0) |
           (t->thinks ? CONF_TRAIT_THINKING : 0) | (t->web_search ? CONF_TRAIT_WEB_SEARCH : 0) |
           (t->structured ? CONF_TRAIT_STRUCTURED : 0);
}

static bool has_trait(void *arg, unsigned trait)
{
    struct call *c = arg;
    if (trait == CONF_TRAIT_STREAM)
        return c->peek.stream;
    return (traits_of(c) & trait) != 0;
}

static str user_of(void *arg)
{
    return features_user(arg);
}

/* What the caller calls it; a word that is no tag is nobody's. */
static void take_tags(const struct call *c, struct rule_outcome *out)
{
    str all = h1_find(c->req->head, STR(RULES_CALLER_TAGS));
    while (all.n && out->ntags < CALLER_TAGS_MAX) {
        str tag = str_trim(str_cut(&all, ','));
        if (conf_tag_ok(tag))
            out->tags[out->ntags++] = tag;
    }
}

/* A call that is only asked about throws copies: nobody's turn is over by it. */
static struct rule_dice *dice_of(struct call *c)
{
    struct rule_dice *own = c->gen->rules.dice, *copies;
    const size_t n = c->gen->snap->routing.rules.throws;
    if (!c->shadow || !(copies = arena_array(&c->req->arena, struct rule_dice, n + 1)))
        return own;
    memcpy(copies, own, n * sizeof(*own));
    return copies;
}

/* … and with dice of its own: the next real call must not fall otherwise for it. */
static struct rand *rand_of(struct call *c)
{
    struct rand *copy = c->shadow ? arena_new(&c->req->arena, struct rand) : NULL;
    if (copy)
        *copy = c->gate->rand;
    return copy ? copy : &c->gate->rand;
}

static void view_of(struct call *c, struct rule_view *v)
{
    *v = (struct rule_view){
        .arg = c,
        .header = header_of,
        .metadata = metadata_of,
        .tokens = tokens_of,
        .identity = identity_of,
        .may = key_may,
        .key = c->key ? c->key->name : STR_NONE,
        .path = c->req->head->path,
        .model = c->peek.model,
        .front = c->front ? c->front->name : STR_NONE,
        .user = user_of,
        .trait = has_trait,
        .unix_ms = loop_unix_ms(c->gate->loop),
        .dice = dice_of(c),
        .share = share_of,
        .rand = rand_of(c),
    };
}

/* ---- what follows */

static void deny(struct call *c, const struct conf_deny *d)
{
    static const struct {
        uint32_t status;
        enum err kind;
    } kinds[] = {
        {400, ERR_BAD_REQUEST}, {401, ERR_AUTH},      {403, ERR_FORBIDDEN},
        {404, ERR_NOT_FOUND},   {413, ERR_TOO_LARGE}, {429, ERR_RATE_LIMITED},
        {503, ERR_UNAVAILABLE},
    };
    size_t i = 0;
    while (i < ARRAY_LEN(kinds) && kinds[i].status != d->status)
        i++;
    CHECK(i < ARRAY_LEN(kinds)); /* conf/ takes no other */
    call_fail_kind(c, kinds[i].kind,
                   d->message.n ? d->message : STR("This request is refused by a rule here."),
                   STR("refused_by_rule"));
}

/* Where the call would go if nothing were on trial: the rule's `use`, or what its model's name says
 * (which is asked of the very function that would have been). */
static const struct conf_route *find_usual(struct call *c, const struct conf_rule *trial)
{
    const struct conf_route *usual = trial->use;
    if (!usual && scenario_resolve(c))
        usual = c->found.route;
    return usual && conf_key_allows(c->key, usual) ? usual : NULL;
}

const struct conf_route *rules_usual(const struct call *c)
{
    return c->rules ? c->rules->usual : NULL;
}

bool rules_owe_usual(const struct call *c)
{
    return c->next_fallback == 0 && rules_usual(c);
}

bool rules_resolve(struct call *c)
{
    const struct conf_rules *rules = &c->gen->snap->routing.rules;
    struct rule_view v;
    if (!rules->n)
        return true;
    c->rules = arena_new(&c->req->arena, struct call_rules);
    if (!c->rules) {
        call_fail_kind(c, ERR_OVERLOADED, STR_NONE, STR_NONE);
        return false;
    }
    struct rule_outcome *out = &c->rules->out;
    take_tags(c, out);
    view_of(c, &v);
    rules_apply(rules, &v, out);
    if (out->trial)
        c->rules->trial = c->gen->rules.trials[out->trial->canary->index];
    if (c->rules->trial)
        c->rules->trial_place = trial_place(c->rules->trial);
    if (call_passes(c)) { /* the client chose its provider: no rule leads elsewhere, or tries it */
        out->route = NULL;
        out->trial = NULL;
        out->by = out->deny ? out->by : NULL;
    }
    if (out->trial && out->is_canary && !out->deny)
        c->rules->usual = find_usual(c, out->trial);
    if (out->by)
        c->routed_by = (struct routed){ROUTED_BY_RULE, out->by->name};
    if (out->deny) {
        deny(c, out->deny);
        return false;
    }
    if (out->route) {
        c->found.how = CONF_BY_RULE;
        c->found.route = out->route;
    }
    return true;
}

const struct conf_transforms *rules_transforms(const struct call *c, unsigned i)
{
    return c->rules && i < c->rules->out.n ? &c->rules->out.matched[i]->transforms : NULL;
}

void rules_write_headers(const struct call *c, struct buf *b)
{
    if (!c->rules || !c->rules->out.ntags)
        return;
    const struct rule_outcome *out = &c->rules->out;
    buf_lit(b, RULES_CALLER_TAGS ": ");
    for (uint32_t i = 0; i < out->ntags; i++) {
        if (i)
            buf_lit(b, ", ");
        buf_add(b, out->tags[i]); /* letters, digits and -_.:/ alone (conf_tag_ok) */
    }
    buf_lit(b, "\r\n");
}

void rules_log(const struct call *c, struct buf *b)
{
    if (!c->rules)
        return;
    const struct rule_outcome *out = &c->rules->out;
    for (uint32_t i = 0; i < out->ntags; i++) {
        buf_add(b, i ? STR(",\"") : STR(",\"tags\":[\""));
        buf_add(b, out->tags[i]);
        buf_add_char(b, '"');
    }
    if (out->ntags)
        buf_add_char(b, ']');
    if (!out->trial)
        return;
    buf_add(b, out->is_canary ? STR(",\"canary\":{\"served\":true")
                              : STR(",\"canary\":{\"served\":false"));
    if (c->rules->trial_news.n) {
        buf_lit(b, ",\"news\":\"");
        json_escape(b, c->rules->trial_news);
        buf_add_char(b, '"');
    }
    buf_add_char(b, '}');
}

/* For who only asks: which rules it met, and what they ask besides a model. */
void rules_explain(const struct call *c, struct json_writer *w)
{
    const struct rule_outcome *out = c->rules ? &c->rules->out : NULL;
    if (!out || !out->n)
        return;
    json_key(w, "rules");
    json_begin_array(w);
    for (uint32_t i = 0; i < out->n; i++)
        json_put_str(w, out->matched[i]->name);
    json_end(w);
    if (out->ntags) {
        json_key(w, "tags");
        json_begin_array(w);
        for (uint32_t i = 0; i < out->ntags; i++)
            json_put_str(w, out->tags[i]);
        json_end(w);
    }
    if (out->trial) {
        json_key(w, "canary");
        json_put_bool(w, out->is_canary);
    }
    if (out->mirror) {
        json_key(w, "mirror");
        json_put_str(w, out->mirror->mirror->route->name);
    }
}

/* ---- the end: who chose, and which words it carried */

static void count_one(struct call *c, enum series_family f, str word, str second, bool failed)
{
    struct series *s = series_of(&c->gate->set.metrics->series, f, word, second);
    if (!s)
        return;
    series_add(s, SERIES_CALLS, 1);
    series_add(s, SERIES_FAILED, failed);
    series_add(s, SERIES_TOKENS, usage_prompt(&c->usage) + c->usage.output);
    if (c->charged && c->charge.source != PRICE_BY_NOBODY)
        series_add(s, SERIES_USD, (uint64_t)c->charge.cost.usd);
}

/* A caller's own words are no labels: anybody could fill the table with them. */
static bool is_of_a_rule(const struct rule_outcome *out, str tag)
{
    for (uint32_t i = 0; i < out->n; i++)
        for (uint32_t k = 0; k < out->matched[i]->ntags; k++)
            if (str_eq(out->matched[i]->tags[k], tag))
                return true;
    return false;
}

void rules_count(struct call *c, unsigned status)
{
    const bool broke =
        c->committed && c->reply_error != ERR_COUNT && c->reply_error != ERR_CLIENT_GONE;
    const bool failed = status == 429 || status >= 500 || broke;
    if (c->routed_by.kind != ROUTED_BY_MODEL)
        count_one(c, SERIES_ROUTED, routed_kind(c->routed_by.kind), c->routed_by.name, failed);
    const struct rule_outcome *out = c->rules ? &c->rules->out : NULL;
    for (uint32_t i = 0; out && i < out->ntags; i++)
        if (is_of_a_rule(out, out->tags[i]))
            count_one(c, SERIES_TAGGED, out->tags[i], STR_NONE, failed);
}

/* ---- the end of a trial's call */

static str news_of(struct call *c, enum canary_event event, enum canary_fault fault)
{
    switch (event) {
    case CANARY_NO_NEWS:
        break;
    case CANARY_STEPPED:
        return STR("the next step");
    case CANARY_PROMOTED_NOW:
        return STR("promoted");
    case CANARY_ROLLED_BACK_NOW:
        return arena_strf(&c->req->arena, "rolled back: %s", canary_fault_text(fault));
    }
    return STR_NONE;
}

void rules_settle(struct call *c, unsigned status, bool gone, uint64_t ms)
{
    const struct conf_rule *r = c->rules ? c->rules->out.trial : NULL;
    struct trial *t = r ? c->rules->trial : NULL;
    const bool theirs = status >= 500 || status == 429;
    if (!t || gone || (status >= 400 && !theirs))
        return; /* what a client did wrong says nothing of a model */
    if (c->unfit_route == c->found.route && c->route != c->found.route)
        return; /* nor does a request that it was not asked, for it cannot serve such */
    const bool failed = theirs || c->route != c->found.route; /* a fallback had to serve it */
    enum canary_fault fault = CANARY_NO_FAULT;
    const enum canary_event event =
        trial_note(&c->gate->set.world->trials, t, r->canary, c->rules->trial_place,
                   c->rules->out.is_canary, failed, ms, loop_now(c->gate->loop), &fault);
    c->rules->trial_news = news_of(c, event, fault);
}

/* ---- how trials stand, for /metrics */

static void put_gauge(struct buf *to, const char *name, const struct trial *t, const char *more,
                      double v)
{
    buf_addf(to, "%s{rule=\"", name);
    metric_label(to, t->rule);
    buf_lit(to, "\",model=\"");
    metric_label(to, t->model);
    buf_addf(to, "\"%s} %g\n", more, v);
}

/* One figure of all canaries of the configuration in force: a metric's lines stand together. */
static void put_canaries(const struct gate *g, unsigned figure, struct buf *to)
{
    const struct conf_rules *rules = &g->gen->snap->routing.rules;
    struct canary c;
    for (uint32_t i = 0; i < rules->n; i++) {
        const struct conf_canary *conf = rules->v[i].canary;
        const struct trial *t = conf && conf->route ? g->gen->rules.trials[conf->index] : NULL;
        if (!t)
            continue;
        trial_read(t, &c);
        if (figure == 0) {
            put_gauge(to, "weir_canary_share", t, "", trial_share(t, conf) / (double)CONF_MILLION);
            continue;
        }
        for (unsigned arm = 0; arm < 2; arm++)
            put_gauge(to, figure == 1 ? "weir_canary_step_calls" : "weir_canary_step_failed", t,
                      arm ? ",arm=\"canary\"" : ",arm=\"others\"",
                      figure == 1 ? c.arms[arm].calls : c.arms[arm].failed);
    }
}

void rules_metrics(const struct gate *g, struct buf *to)
{
    if (!g->gen->snap->routing.rules.canaries)
        return;
    metric_head(to, "weir_canary_share", "the share of its rule's calls that a canary gets now",
                "gauge");
    put_canaries(g, 0, to);
    metric_head(to, "weir_canary_step_calls", "calls of its step so far, its own and the others'",
                "gauge");
    put_canaries(g, 1, to);
    metric_head(to, "weir_canary_step_failed", "… of them those that failed", "gauge");
    put_canaries(g, 2, to);
}
