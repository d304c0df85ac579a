/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build_price - the models of a provider, and what the file says of their prices and limits.
 *
 * The names become the list that all others read; what a row says besides its name is kept apart,
 * for only the pricing asks for it. Whether a price list of that name exists is not known here: the
 * catalogue lies above (app/models.c looks).
 */
#include "conf/build_int.h"
#include "conf/nearest.h"
#include "conf/url.h"

static void set_price(const struct raw_prices *raw, struct conf_served *to)
{
    to->has_price = raw->at.node != NULL;
    for (unsigned i = 0; to->has_price && i < PRICE_CLASSES; i++) {
        const struct conf_node *n =
            conf_get(raw->at.node, str_c(price_class_key((enum price_class)i)));
        if (!n || n->kind == CONF_NULL)
            continue; /* `cached: ` with nothing is as if left out; 0 would be "free" */
        to->price.of[i] = (uint64_t)raw->of[i];
        to->price.has |= 1u << i;
    }
}

static void set_prices(const struct raw_provider *raw, struct conf_provider *p)
{
    struct place at = place_of(raw->at.node, "prices");
    if (!raw->prices.n)
        p->prices = CONF_PRICES_OWN;
    else if (str_eq_nocase(raw->prices, STR("free")))
        p->prices = CONF_PRICES_FREE;
    else if (str_eq_nocase(raw->prices, STR("unknown")))
        p->prices = CONF_PRICES_UNKNOWN;
    else
        p->prices = CONF_PRICES_OF;
    p->prices_of = raw->prices;
    p->prices_line = at.line;
    p->prices_column = at.column;
}

/* `can: none` is a list that says that there is nothing. */
static void set_can(struct builder *b, const struct raw_texts *raw, struct conf_served *to)
{
    static const char *const words[] = {
#define CAN(id, word) word,
        CONF_CAN(CAN)
#undef CAN
    };
    to->knows_can = raw->n > 0;
    for (uint32_t i = 0; i < raw->n; i++) {
        struct nearest near;
        unsigned k = 0;
        if (str_eq(raw->p[i], STR("none")) && raw->n == 1)
            return;
        nearest_init(&near, raw->p[i]);
        while (k < ARRAY_LEN(words) && !str_eq(raw->p[i], str_c(words[k])))
            nearest_offer(&near, str_c(words[k++]));
        if (k < ARRAY_LEN(words))
            to->can |= 1u << k;
        else
            BUILD_FAULT(b, place_of_item(raw, i),
                        "'" STR_FMT "' is no word of `can`; %s" STR_FMT "%s",
                        STR_ARG(conf_brief(raw->p[i])), near.best.p ? "did you mean '" : "",
                        STR_ARG(near.best.p ? near.best
                                            : STR("it knows tools, images, documents, audio, "
                                                  "structured and reasoning")),
                        near.best.p ? "'?" : "");
    }
}

enum rc build_served(struct builder *b, const struct raw_provider *raw, struct conf_provider *p)
{
    const struct raw_served *rows = raw->models.p;
    str *names = arena_array(b->arena, str, raw->models.n);
    struct conf_served *all = arena_array(b->arena, struct conf_served, raw->models.n);
    if (!names || !all)
        return RC_NOMEM;
    for (uint32_t i = 0; i < raw->models.n; i++) {
        if (!rows[i].name.n)
            continue; /* it was noted */
        struct conf_served s = {.name = rows[i].name,
                                .as = rows[i].as,
                                .context = rows[i].context,
                                .max_output = rows[i].max_output};
        set_price(&rows[i].price, &s);
        set_can(b, &rows[i].can, &s);
        names[p->nmodels++] = s.name;
        if (s.as.n || s.has_price || s.context || s.max_output || s.knows_can)
            all[p->nserved++] = s;
    }
    p->models = names;
    p->served = all;
    p->models_open = p->nmodels == 0;
    set_prices(raw, p);
    return RC_OK;
}

/* ---- the catalogue */

enum rc build_catalogue(struct builder *b)
{
    const struct raw_catalogue *raw = &b->raw->catalogue;
    if (raw->file.n && secret_is_set(&raw->url))
        BUILD_FAULT(b, place_of(raw->at.node, "url"), "catalogue: file and url exclude each other");
    if (raw->file.n)
        b->s->catalogue_file =
            build_readable(b, place_of(raw->at.node, "file"), "catalogue.file", raw->file);
    b->s->catalogue_every = raw->every;
    struct conf_remote *to = &b->s->catalogue_url;
    const struct place at = place_of(raw->at.node, "url");
    if (!secret_is_set(&raw->url))
        return RC_OK;
    TRY(build_remote(b, at, "catalogue.url", &raw->url, to));
    if (to->text.n && !to->origin.https && !conf_host_is_loopback(to->origin.host))
        BUILD_WARN(b, at, "catalogue.url: anyone in between can change prices; use https");
    return RC_OK;
}
