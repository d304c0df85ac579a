/* SPDX-License-Identifier: Apache-2.0 */
/* pricing - see the header. */
#include "gate/pricing.h"

#include "base/mem.h"

#define MEMORY_MAX (8u << 20)

/* A card that says nothing, so that an unknown name is remembered too. */
static const struct card nothing;

/* By the host that is asked; else by its name, where that is a known provider's: a proxy in between
 * changes no price. One that only speaks a known provider's language has no prices of it. */
static int provider_of(const struct catalogue *c, const struct conf_provider *p)
{
    int at = catalogue_provider_at(c, p->origin.host);
    if (at < 0 && p->preset.n && str_eq_nocase(p->name, p->preset))
        at = catalogue_provider(c, p->preset);
    return at;
}

enum rc pricing_init(struct pricing *p, struct catalogue *c, const struct snapshot *snap,
                     struct hash_key key)
{
    *p = (struct pricing){.snap = snap, .key = key};
    p->provider = mem_alloc((snap->nproviders + 1) * sizeof(*p->provider));
    p->seen = mem_zalloc((snap->nproviders + 1) * sizeof(*p->seen));
    if (!p->provider || !p->seen) {
        mem_free(p->provider);
        mem_free(p->seen);
        *p = (struct pricing){0};
        return RC_NOMEM;
    }
    arena_init(&p->memory, MEMORY_MAX);
    for (uint32_t i = 0; i < snap->nproviders; i++) {
        p->provider[i] = provider_of(c, &snap->providers[i]);
        map_init(&p->seen[i], key);
    }
    p->catalogue = catalogue_ref(c);
    return RC_OK;
}

void pricing_fini(struct pricing *p)
{
    if (!p->catalogue)
        return;
    for (uint32_t i = 0; i < p->snap->nproviders; i++)
        map_fini(&p->seen[i]);
    arena_fini(&p->memory);
    mem_free(p->provider);
    mem_free(p->seen);
    p->catalogue = catalogue_unref(p->catalogue);
}

/* ---- cards */

/* From the catalogue; limits also from whoever made the model, wherever it runs. */
static enum rc look_up(struct pricing *p, uint32_t provider, str model, struct arena *a,
                       struct card *ret)
{
    enum rc rc = catalogue_find(p->catalogue, p->provider[provider], model, a, ret);
    if (rc == RC_NOTFOUND)
        rc = catalogue_find_limits(p->catalogue, model, a, ret);
    if (rc != RC_NOTFOUND)
        return rc;
    *ret = nothing;
    return RC_OK;
}

static const struct card *remember(struct pricing *p, uint32_t provider, str model)
{
    struct card *card = arena_new(&p->memory, struct card);
    str name = arena_dup(&p->memory, model);
    if (!card || !name.p || look_up(p, provider, name, &p->memory, card) != RC_OK ||
        map_put(&p->seen[provider], name, card, NULL) != RC_OK)
        return NULL;
    p->nseen++;
    return card;
}

const struct card *pricing_card(struct pricing *p, uint32_t provider, str model, struct arena *a)
{
    CHECK(provider < p->snap->nproviders);
    const struct card *card = map_get(&p->seen[provider], model);
    if (!card && p->nseen < PRICING_MODELS_MAX)
        card = remember(p, provider, model);
    if (card)
        return card;
    struct card *own = arena_new(a, struct card);
    return own && look_up(p, provider, model, a, own) == RC_OK ? own : NULL;
}

/* ---- charges */

struct charge pricing_charge(const struct pricing *p, uint32_t provider, const struct card *card,
                             const struct usage *u, uint64_t unix_ms)
{
    struct charge c = {0};
    if (p->snap->providers[provider].demo) {
        c.source = PRICE_BY_CONFIG; /* nobody is asked: it costs nothing */
        return c;
    }
    if (u->has & USAGE_HAS_COST && catalogue_provider_tells(p->catalogue, p->provider[provider])) {
        c.source = PRICE_BY_PROVIDER;
        c.cost.usd = u->cost;
        return c;
    }
    const struct price_period *period = card ? card_price(card, unix_ms) : NULL;
    cost_of(period, u, &c.cost);
    c.source = period ? PRICE_BY_CATALOGUE : PRICE_BY_NOBODY;
    return c;
}
