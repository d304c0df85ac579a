/* SPDX-License-Identifier: Apache-2.0 */
/*
 * models - the list of models, and single ones of it, in the shape the asking client knows.
 *
 *     GET /v1/models[/ID]        OpenAI's; Anthropic's for who sends anthropic-version; Google's
 *                                for who brings Google's key header
 *     GET /v1beta/models[/ID]    Google's
 *     GET /api/tags              Ollama's
 *
 * Only what the key may call is there: the logical models in the order written, then
 * "provider/model" of each provider that lists its models. A single one may also be a name that
 * resolves without being listed. Limits come from the catalogue, where it knows them; all is one
 * page, whatever page size was asked for.
 */
#include "gate/gate_int.h"

#include <stdio.h>

#include "dialect/model_name.h"
#include "http/url.h"
#include "json/write.h"

#define BODY_MAX  (4u << 20)
#define PER_TOKEN UINT64_C(1000000000000000) /* 10^9 times a million */
#define NO_DATE   "1970-01-01T00:00:00Z"     /* nobody says when a model was made */

enum shape { SHAPE_OPENAI, SHAPE_ANTHROPIC, SHAPE_GEMINI, SHAPE_OLLAMA };

struct entry {
    str name, owner;
    const struct conf_target *target; /* the first: whose limits are told */
};

struct model_list {
    struct call *c;
    struct json_writer *w;
    enum shape shape;
    str first, last;
    unsigned n;
    str wanted; /* only this one; absent: all */
};

/* ---- one model */

static void put_count(struct json_writer *w, const char *key, uint64_t value)
{
    if (!value)
        return;
    json_key_str(w, str_c(key));
    json_put_u64(w, value);
}

/* Dollars for one token, as text: OpenRouter's way. A price is nano-dollars for a million. */
static void put_price(struct json_writer *w, const char *key, const struct price_set *set,
                      enum price_class class)
{
    char text[48];
    uint64_t v;
    if (!price_of_class(set, class, &v))
        return;
    int n = snprintf(text, sizeof(text), "%u.%015llu", (unsigned)(v / PER_TOKEN),
                     (unsigned long long)(v % PER_TOKEN));
    while (text[n - 1] == '0' && text[n - 2] != '.')
        n--;
    json_member_text(w, key, str_of(text, (size_t)n));
}

/* What OpenAI's list has no place for stands where OpenRouter's has it: agents look there. */
static void put_facts(struct model_list *l, const struct card *card)
{
    const struct price_period *now = card_price(card, loop_unix_ms(l->c->gate->loop));
    struct json_writer *w = l->w;
    put_count(w, "context_length", card->context);
    put_count(w, "max_completion_tokens", card->max_output);
    if (!now)
        return;
    json_key(w, "pricing");
    json_begin_object(w);
    put_price(w, "prompt", &now->base, PRICE_INPUT);
    put_price(w, "completion", &now->base, PRICE_OUTPUT);
    put_price(w, "input_cache_read", &now->base, PRICE_CACHE_READ);
    put_price(w, "input_cache_write", &now->base, PRICE_CACHE_WRITE);
    json_end(w);
}

static void put_openai(struct json_writer *w, const struct entry *e)
{
    json_member_text(w, "id", e->name);
    json_member_text(w, "object", STR("model"));
    json_key(w, "created");
    json_put_u64(w, 0);
    json_member_text(w, "owned_by", e->owner);
}

static void put_anthropic(struct json_writer *w, const struct entry *e, const struct card *card)
{
    json_member_text(w, "type", STR("model"));
    json_member_text(w, "id", e->name);
    json_member_text(w, "display_name", e->name);
    json_member_text(w, "created_at", STR(NO_DATE));
    put_count(w, "max_input_tokens", card->context);
    put_count(w, "max_tokens", card->max_output);
}

static void put_gemini(struct model_list *l, const struct entry *e, const struct card *card)
{
    struct json_writer *w = l->w;
    json_member_text(w, "name", arena_strf(&l->c->req->arena, "models/" STR_FMT, STR_ARG(e->name)));
    json_member_text(w, "version", STR("001"));
    json_member_text(w, "displayName", e->name);
    put_count(w, "inputTokenLimit", card->context);
    put_count(w, "outputTokenLimit", card->max_output);
    json_key(w, "supportedGenerationMethods");
    json_put_text(w, model_embeds(e->target ? e->target->model : e->name)
                         ? STR("[\"embedContent\",\"countTokens\"]")
                         : STR("[\"generateContent\",\"countTokens\"]"));
}

static void put_ollama(struct json_writer *w, const struct entry *e)
{
    json_member_text(w, "name", e->name);
    json_member_text(w, "model", e->name);
    json_member_text(w, "modified_at", STR(NO_DATE));
    json_key(w, "size");
    json_put_u64(w, 0);
    json_member_text(w, "digest", STR(""));
    json_key(w, "details");
    json_put_text(w, STR("{\"parent_model\":\"\",\"format\":\"\",\"family\":\"\",\"families\":[],"
                         "\"parameter_size\":\"\",\"quantization_level\":\"\"}"));
}

static void put_model(struct model_list *l, const struct entry *e)
{
    static const struct card unknown = {0};
    struct call *c = l->c;
    const struct known *k = e->target ? pricing_find(&c->gen->pricing, e->target->provider,
                                                     e->target->model, &c->req->arena)
                                      : NULL;
    const struct card *card = k ? &k->card : &unknown;
    json_begin_object(l->w);
    switch (l->shape) {
    case SHAPE_OPENAI:
        put_openai(l->w, e);
        put_facts(l, card);
        break;
    case SHAPE_ANTHROPIC:
        put_anthropic(l->w, e, card);
        break;
    case SHAPE_GEMINI:
        put_gemini(l, e, card);
        break;
    case SHAPE_OLLAMA:
        put_ollama(l->w, e);
        break;
    }
    json_end(l->w);
}

/* ---- which there are */

static void offer(struct model_list *l, const struct entry *e)
{
    if (l->wanted.p ? !str_eq(l->wanted, e->name) || l->n : false)
        return;
    put_model(l, e);
    if (!l->n++)
        l->first = e->name;
    l->last = e->name;
}

static void list_models(struct model_list *l)
{
    const struct snapshot *s = l->c->gen->snap;
    for (uint32_t i = 0; i < s->nmodels; i++) {
        const struct conf_route *r = s->models[i];
        if (conf_key_allows(l->c->key, r))
            offer(l, &(struct entry){r->name, STR("weir"), r->targets});
    }
    for (uint32_t i = 0; i < s->nproviders; i++) {
        const struct conf_provider *p = &s->providers[i];
        for (uint32_t k = 0; p->enabled && k < p->nmodels; k++) {
            struct conf_target target = {.provider = i, .model = p->models[k]};
            str name = arena_strf(&l->c->req->arena, STR_FMT "/" STR_FMT, STR_ARG(p->name),
                                  STR_ARG(p->models[k]));
            struct conf_route route = {.name = name};
            if (name.p && conf_key_allows(l->c->key, &route))
                offer(l, &(struct entry){name, p->name, &target});
        }
    }
}

/* A name that is on no list but would be served. */
static void offer_unlisted(struct model_list *l)
{
    struct conf_found found;
    const struct snapshot *s = l->c->gen->snap;
    if (conf_resolve(s, l->c->key, l->wanted, &found) != RC_OK || found.how == CONF_BY_DEFAULT)
        return;
    const struct conf_target *t = found.route->targets;
    str owner = found.how == CONF_BY_MODEL ? STR("weir") : s->providers[t->provider].name;
    offer(l, &(struct entry){l->wanted, owner, t});
}

/* ---- the whole answer */

static enum shape shape_of(const struct call *c)
{
    const struct h1_head *h = c->req->head;
    if (str_has_prefix(h->path, STR("/v1beta/")))
        return SHAPE_GEMINI;
    if (str_has_prefix(h->path, STR("/api/")))
        return SHAPE_OLLAMA;
    if (h1_find(h, STR("anthropic-version")).n)
        return SHAPE_ANTHROPIC;
    return h1_get(h, H1_X_GOOG_API_KEY).n ? SHAPE_GEMINI : SHAPE_OPENAI;
}

static void put_page(const struct model_list *l)
{
    struct json_writer *w = l->w;
    if (l->shape != SHAPE_ANTHROPIC)
        return;
    json_key(w, "has_more");
    json_put_bool(w, false);
    json_key(w, "first_id");
    l->n ? json_put_str(w, l->first) : json_put_null(w);
    json_key(w, "last_id");
    l->n ? json_put_str(w, l->last) : json_put_null(w);
}

static void serve_list(struct model_list *l)
{
    bool google = l->shape == SHAPE_GEMINI || l->shape == SHAPE_OLLAMA;
    json_begin_object(l->w);
    if (l->shape == SHAPE_OPENAI)
        json_member_text(l->w, "object", STR("list"));
    json_key_str(l->w, google ? STR("models") : STR("data"));
    json_begin_array(l->w);
    list_models(l);
    json_end(l->w);
    put_page(l);
    json_end(l->w);
}

/* What follows ".../models/" in the path, decoded; absent: the list is meant. */
static str wanted_of(struct call *c)
{
    struct buf b = BUF_INIT(GATE_MODEL_MAX);
    str mark = STR("/models/"), path = c->req->head->path;
    size_t at = str_find(path, mark);
    if (at == SIZE_MAX)
        return STR_NONE;
    bool ok = url_decode(str_from(path, at + mark.n), &b) == RC_OK;
    str name = ok ? arena_dup(&c->req->arena, buf_str(&b)) : STR_NONE;
    buf_fini(&b);
    return name.p ? name : STR("");
}

void models_serve(struct call *c)
{
    struct rope r = ROPE_INIT(BODY_MAX);
    struct json_writer w;
    struct model_list l = {.c = c, .w = &w, .shape = shape_of(c), .wanted = wanted_of(c)};
    json_writer_init(&w, &r);
    if (!l.wanted.p) {
        serve_list(&l);
    } else {
        list_models(&l);
        if (!l.n && l.wanted.n)
            offer_unlisted(&l);
        if (!l.n) {
            rope_fini(&r);
            call_fail_unknown_model(c, l.wanted);
            return;
        }
    }
    local_answer_json(c, 200, &r);
}
