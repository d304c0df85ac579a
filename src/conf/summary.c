/* SPDX-License-Identifier: Apache-2.0 */
/* summary - what a configuration amounts to, in a few lines for eyes. It is made of the snapshot
 * and not of the file: an operator sees what weir understood, defaults and guesses included. */
#include "conf/describe.h"

#define SHOWN_MAX 12 /* lines of one kind; the rest is counted */

static void put_listens(const struct snapshot *s, struct buf *to)
{
    buf_lit(to, "listen     ");
    for (uint32_t i = 0; i < s->nlistens; i++)
        buf_addf(to, "%s" STR_FMT, i ? ", " : "", STR_ARG(s->listens[i].text));
    buf_addf(to, "%s, %u key%s\n", s->tls.cert_file.n ? " (TLS)" : "", s->nkeys,
             s->nkeys == 1 ? "" : "s");
}

static void put_provider(const struct conf_provider *p, struct buf *to)
{
    buf_addf(to, "provider   " STR_FMT ": ", STR_ARG(p->name));
    if (p->demo)
        buf_lit(to, "built in, answers offline");
    else if (!p->enabled)
        buf_lit(to, "switched off");
    else
        buf_addf(to, STR_FMT " at %s://" STR_FMT STR_FMT ", %u key%s, ", STR_ARG(p->dialect),
                 p->origin.https ? "https" : "http", STR_ARG(p->origin.authority),
                 STR_ARG(p->endpoint.p ? p->endpoint : p->base_path), p->nkeys,
                 p->nkeys == 1 ? "" : "s");
    if (p->enabled && !p->demo && p->models_open)
        buf_lit(to, "any model");
    else if (p->enabled && !p->demo)
        buf_addf(to, "%u model%s", p->nmodels, p->nmodels == 1 ? "" : "s");
    if (p->proxy)
        buf_addf(to, ", through " STR_FMT, STR_ARG(p->proxy->text));
    buf_add_char(to, '\n');
}

static void put_route(const struct snapshot *s, const struct conf_route *r, struct buf *to)
{
    buf_addf(to, "model      " STR_FMT ":", STR_ARG(r->name));
    for (uint32_t i = 0; i < r->ntargets && i < SHOWN_MAX; i++)
        buf_addf(to, "%s " STR_FMT "/" STR_FMT " (%u)", i ? "," : "",
                 STR_ARG(s->providers[r->targets[i].provider].name), STR_ARG(r->targets[i].model),
                 r->targets[i].weight);
    for (uint32_t i = 0; i < r->nfallback && i < SHOWN_MAX; i++)
        buf_addf(to, "%s " STR_FMT, i ? "," : "; else", STR_ARG(r->fallback[i]->name));
    buf_add_char(to, '\n');
}

static void put_rest(uint32_t n, const char *what, struct buf *to)
{
    if (n > SHOWN_MAX)
        buf_addf(to, "           ... and %u more %s\n", n - SHOWN_MAX, what);
}

void conf_write_summary(const struct snapshot *s, struct buf *to)
{
    put_listens(s, to);
    for (uint32_t i = 0; i < s->nproviders && i < SHOWN_MAX; i++)
        put_provider(&s->providers[i], to);
    put_rest(s->nproviders, "providers", to);
    for (uint32_t i = 0; i < s->nmodels && i < SHOWN_MAX; i++)
        put_route(s, s->models[i], to);
    put_rest(s->nmodels, "models", to);
    for (int i = 0; i < CONF_SCENARIO_COUNT; i++)
        if (s->routing.scenarios[i])
            buf_addf(to, "scenario   " STR_FMT ": " STR_FMT "\n",
                     STR_ARG(conf_scenario_name((enum conf_scenario)i)),
                     STR_ARG(s->routing.scenarios[i]->name));
}
