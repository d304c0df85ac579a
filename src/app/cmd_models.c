/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_models - the names a client may put into `model`, from the configuration. */
#include <stdio.h>

#include "app/config.h"

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

static int run(const struct options *o)
{
    struct snapshot *s = config_load(o, true);
    if (!s)
        return EXIT_USAGE;
    for (uint32_t i = 0; i < s->nmodels; i++)
        print_route(s, s->models[i]);
    for (uint32_t i = 0; i < s->nproviders; i++) {
        const struct conf_provider *p = &s->providers[i];
        for (uint32_t k = 0; p->enabled && k < p->nmodels; k++)
            printf(STR_FMT "/" STR_FMT "\n", STR_ARG(p->name), STR_ARG(p->models[k]));
        if (p->enabled && p->models_open)
            printf(STR_FMT "/...  (any model of that provider)\n", STR_ARG(p->name));
    }
    snapshot_unref(s);
    return EXIT_DONE;
}

const struct command command_models = {
    .name = "models",
    .args = "[--config FILE]",
    .summary = "the model names clients may use, and where they lead",
    .help = "A request may name a logical model, provider/model, or a bare model that one provider "
            "serves.",
    .run = run,
};
