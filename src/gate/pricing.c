/* SPDX-License-Identifier: Apache-2.0 */
/* pricing - see the header. */
#include "gate/pricing.h"

#include "base/check.h"
#include "base/mem.h"

#define MEMORY_MAX (8u << 20)

/* By the host that is asked; else by its name, where that is a known provider's: a proxy in between
 * changes no price. One that only speaks a known provider's language has no prices of it. */
static int provider_of(const struct catalogue *c, const struct conf_provider *p)
{
    if (p->prices == CONF_PRICES_OF)
        return catalogue_provider(c, p->prices_of);
    if (p->prices != CONF_PRICES_OWN)
        return -1;
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

/* ---- what is known */

/* Of one price, always in force. */
static enum rc own_price(const struct price_set *set, struct arena *a, struct known *k)
{
    struct price_period *period = arena_new(a, struct price_period);
    if (!period)
        return RC_NOMEM;
    *period = card_price_always(set);
    k->card.periods = period;
    k->card.nperiods = 1;
    k->source = PRICE_BY_CONFIG;
    return RC_OK;
}

/* The catalogue's card, under the name the file gives it; limits also from whoever made the model,
 * wherever it runs. */
static enum rc from_catalogue(struct pricing *p, uint32_t provider, str model, str as,
                              struct arena *a, struct card *ret)
{
    enum rc rc = as.n ? catalogue_get(p->catalogue, as, a, ret) : RC_NOTFOUND;
    if (as.n)
        model = as;
    if (rc == RC_NOTFOUND)
        rc = catalogue_find(p->catalogue, p->provider[provider], model, a, ret);
    if (rc == RC_NOTFOUND)
        rc = catalogue_find_limits(p->catalogue, model, a, ret);
    return rc;
}

/* The file has the word about all that it can speak of; the rest stays the catalogue's. */
static void set_can(const struct conf_served *served, struct card *to)
{
    static const unsigned bits[] = {
        [CONF_CAN_TOOLS] = 1u << CARD_BIT_TOOLS,
        [CONF_CAN_IMAGES] = 1u << CARD_BIT_VISION,
        [CONF_CAN_DOCUMENTS] = 1u << CARD_BIT_DOCUMENTS,
        [CONF_CAN_AUDIO] = 1u << CARD_BIT_AUDIO,
        [CONF_CAN_STRUCTURED] = 1u << CARD_BIT_STRUCTURED,
        [CONF_CAN_REASONING] = 1u << CARD_BIT_REASONING,
    };
    to->knows_can = true;
    for (unsigned i = 0; i < ARRAY_LEN(bits); i++) {
        ASSERT(bits[i]);
        to->can = served->can >> i & 1 ? to->can | bits[i] : to->can & ~bits[i];
    }
}

static enum rc look_up(struct pricing *p, uint32_t provider, str model, struct arena *a,
                       struct known *ret)
{
    static const struct price_set nothing_asked = {.has = (1u << PRICE_CLASSES) - 1};
    const struct conf_provider *from = &p->snap->providers[provider];
    const struct conf_served *served = conf_find_served(from, model);
    struct known k = {0};
    enum rc rc = from_catalogue(p, provider, model, served ? served->as : STR_NONE, a, &k.card);
    if (rc != RC_OK && rc != RC_NOTFOUND)
        return rc;
    if (k.card.nperiods)
        k.source = PRICE_BY_CATALOGUE;
    if (served && served->context)
        k.card.context = served->context;
    if (served && served->max_output)
        k.card.max_output = served->max_output;
    if (served && served->knows_can)
        set_can(served, &k.card);
    if (served && served->has_price)
        TRY(own_price(&served->price, a, &k));
    else if (from->demo || from->prices == CONF_PRICES_FREE)
        TRY(own_price(&nothing_asked, a, &k));
    *ret = k;
    return RC_OK;
}

static struct known *remember(struct pricing *p, uint32_t provider, str model)
{
    struct known *k = arena_new(&p->memory, struct known);
    str name = arena_dup(&p->memory, model);
    if (!k || !name.p || look_up(p, provider, name, &p->memory, k) != RC_OK ||
        map_put(&p->seen[provider], name, k, NULL) != RC_OK)
        return NULL;
    p->nseen++;
    return k;
}

struct known *pricing_find(struct pricing *p, uint32_t provider, str model, struct arena *a)
{
    CHECK(provider < p->snap->nproviders);
    struct known *k = map_get(&p->seen[provider], model);
    if (!k && p->nseen < PRICING_MODELS_MAX)
        k = remember(p, provider, model);
    if (k)
        return k;
    struct known *own = arena_new(a, struct known);
    return own && look_up(p, provider, model, a, own) == RC_OK ? own : NULL;
}

/* ---- charges */

struct charge pricing_charge(const struct pricing *p, uint32_t provider, const struct known *k,
                             const struct usage *u, uint64_t unix_ms)
{
    struct charge c = {.source = k ? k->source : PRICE_BY_NOBODY};
    CHECK(provider < p->snap->nproviders);
    if (c.source != PRICE_BY_CONFIG && u->has & USAGE_HAS_COST &&
        catalogue_provider_tells(p->catalogue, p->provider[provider])) {
        c.source = PRICE_BY_PROVIDER;
        c.cost.usd = u->cost;
        return c;
    }
    const struct price_period *period = k ? card_price(&k->card, unix_ms) : NULL;
    if (!period)
        c.source = PRICE_BY_NOBODY;
    cost_of(period, u, &c.cost);
    return c;
}
