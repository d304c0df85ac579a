/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scenario - a call's facts gathered, route/scenario.h asked, and the sub-agent's tag taken out.
 *
 * Scenarios speak where a client has left the choice to its operator. It has chosen itself when it
 * names a provider ("provider/model", "provider,model"), or the logical model of a scenario other
 * than `default`: who asks for the cheap one by name gets the cheap one, also with a picture.
 *
 * Nothing is looked at that no slot asks for, and the cheap things first: the request is decoded
 * for pictures only where the front has seen some, for the tag only where its name stands in the
 * bytes.
 *
 * In a file of claude-code-router's, what Claude's clients ask for goes to `default` also where a
 * provider lists it, for there a name without a provider was never looked at; and `default`'s list
 * of fallbacks stands behind a model that was named explicitly, or by the tag.
 */
#include "route/scenario.h"

#include "dialect/splice.h"
#include "gate/feature.h"
#include "gate/gate_int.h"

/* ---- the tag */

/* The array or object that a node of the document stands in. */
static uint32_t around(const struct json_doc *d, uint32_t at)
{
    for (uint32_t i = at; i-- > 0;) {
        const struct json_node *n = &d->nodes[i];
        if ((n->type == JSON_ARRAY || n->type == JSON_OBJECT) && n->next > at)
            return i;
    }
    return 0;
}

/* The text that the tag stands in. Absent: it is none of this document's. */
static jval text_with(const struct json_doc *d, jtext tag)
{
    if (tag.p < d->src) /* a text that a decoder put together */
        return JVAL_NONE;
    const size_t at = (size_t)(tag.p - d->src);
    for (uint32_t i = 0; i < d->count; i++) {
        const struct json_node *n = &d->nodes[i];
        if (n->type == JSON_STRING && n->off <= at && at + tag.n <= (size_t)n->off + n->len)
            return (jval){d, i};
    }
    return JVAL_NONE;
}

static bool is_part(void *ctx, jval key, jval value)
{
    (void)key;
    return value.at == *(const uint32_t *)ctx;
}

/* The body without the tag. Where nothing else stood in that part of the content, the part goes
 * with it, for providers refuse empty ones. Absent: no memory. */
static str body_without(struct call *c, jtext tag)
{
    struct arena *a = &c->req->arena;
    const struct json_doc *d = &c->doc;
    const jval text = text_with(d, tag);
    struct rope r = ROPE_INIT(GATE_REQUEST_MAX);
    struct buf flat = BUF_INIT(GATE_REQUEST_MAX);
    struct splice s;
    if (!json_has(text))
        return STR_NONE;
    const str all = json_raw(text);
    const size_t before = (size_t)(tag.p - all.p);
    uint32_t part = around(d, text.at);
    const jval list = {d, around(d, part)};
    splice_init(&s, json_root(d));
    if (tag.n == all.n && json_is(list, JSON_ARRAY) && json_len(list) > 1)
        splice_cut(&s, list, is_part, &part);
    else
        splice_replace(&s, text,
                       arena_strf(a, "\"" STR_FMT STR_FMT "\"", STR_ARG(str_head(all, before)),
                                  STR_ARG(str_from(all, before + tag.n))));
    splice_write(&s, &r);
    rope_flatten(&r, &flat);
    str out = rope_failed(&r) || flat.failed ? STR_NONE : arena_dup(a, buf_str(&flat));
    rope_fini(&r);
    buf_fini(&flat);
    return out;
}

/* No provider is to read what was meant for us. The call goes on as if it had come without. */
static void take_out(struct call *c, jtext tag)
{
    str text = body_without(c, tag);
    struct json_doc without;
    if (!text.n || json_parse(&c->req->arena, text, &without, NULL) != RC_OK)
        return; /* it stays in, and does no harm */
    c->doc = without;
    c->ir = NULL;
    features_forget(c);
}

/* The model that the tag names, plain; absent: there is no tag. */
static str take_tag(struct call *c)
{
    const struct json_node *root = &c->doc.nodes[0];
    const str body = str_of(c->doc.src + root->off, root->len);
    if (str_find(body, STR(IR_TAG_NAME)) == SIZE_MAX)
        return STR_NONE;
    const struct ir_traits *t = features_traits(c);
    if (!t || !t->subagent.whole.n)
        return STR_NONE;
    const struct ir_tag tag = t->subagent;
    str name = ir_unescape(&c->req->arena, tag.value);
    take_out(c, tag.whole);
    return name.n ? name : STR_NONE;
}

/* Where the tag leads; NULL: there is none, or it names nothing that is known here. In the arena.
 */
static const struct conf_found *find_tagged(struct call *c)
{
    str name = take_tag(c);
    struct conf_found *f =
        name.n && name.n <= GATE_MODEL_MAX ? arena_new(&c->req->arena, struct conf_found) : NULL;
    if (!f || conf_resolve(c->gen->snap, c->key, name, f) != RC_OK || f->how == CONF_BY_DEFAULT)
        return NULL;
    return f;
}

/* ---- facts */

/* The scenarios of this call's session, else of its project; NULL: the configuration's own count. A
 * session has to be named by the client: what stands for one elsewhere is known to no disk. */
static const struct conf_project *project_of(struct call *c)
{
    const struct conf_routing *r = &c->gen->snap->routing;
    const struct conf_project *found = NULL;
    if (!r->nprojects)
        return NULL;
    const struct features_session *s = features_session(c);
    if (s->by != SESSION_BY_HEADER && s->by != SESSION_BY_BODY)
        return NULL;
    const uint64_t tag = sessions_find(&c->gate->set.world->projects, sessions_hash(s->text));
    for (uint32_t i = 0; i < r->nprojects; i++) {
        const struct conf_project *p = &r->projects[i];
        if (p->session.n && str_eq(p->session, s->text))
            return p;
        if (!p->session.n && tag && tag == sessions_tag(p->name))
            found = p;
    }
    return found;
}

/* One route for each scenario that is set and that this caller may call. */
static void slots_for(const struct call *c, const struct conf_project *project,
                      const struct conf_route *slots[CONF_SCENARIO_COUNT])
{
    const struct conf_route *const *set =
        project ? project->scenarios : c->gen->snap->routing.scenarios;
    for (unsigned i = 0; i < CONF_SCENARIO_COUNT; i++)
        slots[i] = set[i] && conf_key_allows(c->key, set[i]) ? set[i] : NULL;
}

/* Has the client chosen by itself? */
static bool is_explicit(const struct conf_found *f, scenario_slots slots)
{
    if (f->how == CONF_BY_PROVIDER)
        return true;
    for (unsigned i = 0; f->how == CONF_BY_MODEL && i < CONF_SCENARIO_COUNT; i++)
        if (i != CONF_SCENARIO_DEFAULT && slots[i] && str_eq(slots[i]->name, f->route->name)) {
            const struct conf_route *usual = slots[CONF_SCENARIO_DEFAULT];
            return !usual || !str_eq(usual->name, f->route->name);
        }
    return false;
}

/* Who would serve it without a scenario; NULL: nobody. */
static const struct conf_target *usual_target(const struct call *c, bool known)
{
    return known ? &c->found.route->targets[0] : NULL;
}

static bool is_blind(struct call *c, const struct conf_target *t)
{
    const struct known *k =
        t ? pricing_find(&c->gen->pricing, t->provider, t->model, &c->req->arena) : NULL;
    return k && k->card.knows_can && !(k->card.can >> CARD_BIT_VISION & 1);
}

static bool is_long(struct call *c, const struct conf_target *t, uint64_t threshold)
{
    const struct snapshot *snap = c->gen->snap;
    const uint64_t last = sessions_find(&c->gate->set.world->sessions, features_session(c)->hash);
    const uint64_t from = scenario_long_from(threshold, last);
    const struct conf_provider *p = t ? &snap->providers[t->provider] : NULL;
    return features_tokens(c, p, t ? t->model : c->peek.model, from) > from;
}

static void gather(struct call *c, const struct conf_target *t, scenario_slots slots,
                   uint64_t threshold, struct scenario_facts *f)
{
    *f = (struct scenario_facts){.model = c->peek.model, .thinks = c->peek.thinks};
    if (slots[CONF_SCENARIO_IMAGE] && c->peek.has_images) {
        const struct ir_traits *traits = features_traits(c);
        f->images_now = !traits || traits->images_now;
        f->images_blind = !f->images_now && is_blind(c, t);
    }
    if (slots[CONF_SCENARIO_WEB_SEARCH] && c->peek.has_web_search) {
        const struct ir_traits *traits = features_traits(c);
        f->web_search = !traits || traits->web_search; /* Codex declares one that may not search */
    }
    if (slots[CONF_SCENARIO_LONG_CONTEXT] && !f->images_now && !f->images_blind)
        f->is_long = is_long(c, t, threshold);
}

/* ---- the choice */

static void go_by(struct call *c, const struct conf_route *r, enum routed_kind kind, str name)
{
    c->found.how = CONF_BY_SCENARIO;
    c->found.route = r;
    c->routed_by = (struct routed){kind, name};
}

static void go_by_slot(struct call *c, scenario_slots slots, enum conf_scenario which)
{
    CHECK(which < CONF_SCENARIO_COUNT && slots[which]); /* else the call would go nowhere */
    go_by(c, slots[which], ROUTED_BY_SCENARIO, conf_scenario_name(which));
}

/* claude-code-router: explicit models and tagged ones fall back as `default` does. */
static void lend_fallback(struct call *c, scenario_slots slots)
{
    const struct conf_route *usual = slots[CONF_SCENARIO_DEFAULT], *r = c->found.route;
    if (!c->gen->snap->routing.ccr || !usual || r->logical || r->nfallback || !usual->nfallback)
        return;
    if (r != &c->found.own)
        c->found.own = *r;
    c->found.own.fallback = usual->fallback;
    c->found.own.nfallback = usual->nfallback;
    c->found.route = &c->found.own;
}

/* The model that was asked for, or the default's. False: nobody knows it. */
static bool go_usual(struct call *c, bool known, scenario_slots slots)
{
    const bool claudes = c->front && str_eq(c->front->name, STR("anthropic"));
    const bool habit =
        known && c->found.how == CONF_BY_BARE_NAME && claudes && c->gen->snap->routing.ccr;
    const bool unknown = !known || c->found.how == CONF_BY_DEFAULT;
    if (slots[CONF_SCENARIO_DEFAULT] && (unknown || habit)) {
        go_by_slot(c, slots, CONF_SCENARIO_DEFAULT);
        return true;
    }
    if (known && unknown) /* of a project that has no default of its own */
        go_by(c, c->found.route, ROUTED_BY_SCENARIO, conf_scenario_name(CONF_SCENARIO_DEFAULT));
    return known;
}

bool scenario_resolve(struct call *c)
{
    const struct snapshot *snap = c->gen->snap;
    const bool known = conf_resolve(snap, c->key, c->peek.model, &c->found) == RC_OK;
    const struct conf_route *slots[CONF_SCENARIO_COUNT];
    struct scenario_facts facts;
    if (!(snap->routing.needs & ROUTING_NEEDS_SCENARIO))
        return known;
    if (c->op) { /* no chat, so no other scenario is meant for it */
        if (known && c->found.how == CONF_BY_DEFAULT)
            go_by(c, c->found.route, ROUTED_BY_SCENARIO, conf_scenario_name(CONF_SCENARIO_DEFAULT));
        return known;
    }
    const struct conf_project *project = project_of(c);
    slots_for(c, project, slots);
    const struct conf_found *tagged = find_tagged(c);
    if (known && is_explicit(&c->found, slots)) {
        lend_fallback(c, slots);
        return true;
    }
    gather(c, usual_target(c, known), slots,
           project ? project->long_context_threshold : snap->routing.long_context_threshold,
           &facts);
    facts.subagent = tagged != NULL;
    const struct scenario_choice choice = scenario_choose(&facts, slots);
    switch (choice.kind) {
    case SCENARIO_SLOT:
        go_by_slot(c, slots, choice.which);
        return true;
    case SCENARIO_SUBAGENT:
        go_by(c, tagged->route, ROUTED_BY_SUBAGENT, STR_NONE);
        lend_fallback(c, slots);
        return true;
    case SCENARIO_NONE:
        break;
    }
    return go_usual(c, known, slots);
}

void scenario_note(struct call *c)
{
    if (!(c->gen->snap->routing.needs & ROUTING_NEEDS_TOKENS) || c->op || !c->committed ||
        !(c->usage.has & USAGE_HAS_INPUT))
        return;
    sessions_note(&c->gate->set.world->sessions, features_session(c)->hash,
                  usage_prompt(&c->usage));
}
