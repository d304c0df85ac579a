/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_models - the names a client may put into `model`, from the configuration, and what is known
 * of each: limits, today's price, capabilities. */
#include <stdio.h>
#include <time.h>

#include "app/config.h"
#include "app/models.h"
#include "base/auto.h"
#include "base/fmt.h"
#include "gate/pricing.h"

#define ROW "%-44s %9s %9s %9s %9s  " STR_FMT "\n"

/* A number of tokens as people say it: 200k, 1M. */
struct shown {
    char text[FMT_USD_MAX + 2];
};

static struct shown tokens(uint64_t n)
{
    struct shown s = {"-"};
    if (n >= 1000000)
        snprintf(s.text, sizeof(s.text), "%.4gM", (double)n / 1e6);
    else if (n)
        snprintf(s.text, sizeof(s.text), "%.4gk", (double)n / 1e3);
    return s;
}

static struct shown dollars(const struct price_period *p, enum price_class c)
{
    struct shown s = {"-"};
    uint64_t nano;
    if (p && price_of_class(&p->base, c, &nano)) {
        s.text[0] = '$';
        s.text[1 + fmt_usd(s.text + 1, (nanousd)nano)] = '\0';
    }
    return s;
}

static void print_model(struct pricing *prices, const struct conf_provider *p, str model)
{
    AUTO(arena_fini) struct arena a;
    AUTO(buf_fini) struct buf can = BUF_INIT(512);
    char name[300];
    arena_init(&a, 1 << 20);
    const struct known *k = pricing_find(prices, p->index, model, &a);
    const struct card *card = k ? &k->card : NULL;
    const struct price_period *now = card ? card_price(card, (uint64_t)time(NULL) * 1000) : NULL;
    snprintf(name, sizeof(name), STR_FMT "/" STR_FMT, STR_ARG(p->name), STR_ARG(model));
    if (card && card->knows_can)
        card_write_can(card, &can);
    printf(ROW, name, tokens(card ? card->context : 0).text,
           tokens(card ? card->max_output : 0).text, dollars(now, PRICE_INPUT).text,
           dollars(now, PRICE_OUTPUT).text, STR_ARG(buf_str(&can)));
}

static void print_targets(struct pricing *prices, const struct snapshot *s)
{
    printf(ROW, "model", "context", "answer", "$/M in", "$/M out", STR_ARG(STR("can")));
    for (uint32_t i = 0; i < s->nproviders; i++) {
        const struct conf_provider *p = &s->providers[i];
        for (uint32_t k = 0; p->enabled && k < p->nmodels; k++)
            print_model(prices, p, p->models[k]);
        if (p->enabled && p->models_open)
            printf(STR_FMT "/...  (any model of that provider)\n", STR_ARG(p->name));
    }
}

static void print_route(const struct snapshot *s, const struct conf_route *r)
{
    printf(STR_FMT, STR_ARG(r->name));
    for (uint32_t i = 0; i < r->ntargets; i++)
        printf("%s" STR_FMT "/" STR_FMT, i ? ", " : "  -> ",
               STR_ARG(s->providers[r->targets[i].provider].name), STR_ARG(r->targets[i].model));
    for (uint32_t i = 0; i < r->nfallback; i++)
        printf("%s" STR_FMT, i ? ", " : "  else ", STR_ARG(r->fallback[i]->name));
    printf("\n");
}

static int show(const struct snapshot *s, struct catalogue *models)
{
    struct pricing prices = {0};
    for (uint32_t i = 0; i < s->nmodels; i++)
        print_route(s, s->models[i]);
    enum rc rc = pricing_init(&prices, models, s, (struct hash_key){0, 0});
    if (rc == RC_OK)
        print_targets(&prices, s);
    pricing_fini(&prices);
    return rc == RC_OK ? EXIT_DONE : EXIT_FAILED;
}

static int run(const struct options *o)
{
    struct catalogue *models = NULL;
    struct snapshot *s = config_load(o, true);
    int status = EXIT_USAGE;
    if (s)
        models = models_need(s);
    if (models)
        status = show(s, models);
    catalogue_unref(models);
    snapshot_unref(s);
    return status;
}

const struct command command_models = {
    .name = "models",
    .args = "[--config FILE]",
    .summary = "the model names clients may use, where they lead, what they cost and can do",
    .help =
        "A request may name a logical model, provider/model, or a bare model that one provider "
        "serves. Prices are US dollars for a million tokens, as they are today; '-' is not known.",
    .run = run,
};
