/* SPDX-License-Identifier: Apache-2.0 */
/* world - what the tests of the simulation share: a configuration with prices, and one run. */
#pragma once
#include "../unit.h"

#include "conf/load.h"
#include "sim/sim.h"

static inline struct snapshot *conf_of(const char *text)
{
    static const char *const backs[] = {"openai", NULL};
    struct conf_source src = {.path = "test.yaml", .text = str_c(text), .backs = backs};
    struct conf_report report;
    struct snapshot *s = NULL;
    conf_report_init(&report);
    if (conf_load(&src, &report, &s) != RC_OK)
        fail_msg("the configuration of the test is refused: " STR_FMT,
                 STR_ARG(report.of[CONF_ERROR].note[0].text));
    conf_report_fini(&report);
    return s;
}

/* By the configuration's own prices. */
static inline double usd_of(void *arg, const struct conf_provider *p, str model,
                            const struct sim_usage *u)
{
    (void)arg;
    const struct conf_served *s = conf_find_served(p, model);
    if (!s || !s->has_price)
        return -1;
    const uint64_t *of = s->price.of;
    return ((u->prompt - u->cached) * (double)of[PRICE_INPUT] +
            u->output * (double)of[PRICE_OUTPUT] + u->cached * (double)of[PRICE_CACHE_READ]) *
           1e-6; /* prices are those of a million */
}

#define PROVIDER(name, region)                                      \
    "  - { name: " name ", dialect: openai, baseURL: 'http://" name \
    ".invalid/v1', region: " region                                 \
    ", models: [ { name: m, price: { input: 1, output: 10, cacheRead: 0.1 } } ] }\n"

#define FOUR_PROVIDERS \
    "providers:\n" PROVIDER("a", "x") PROVIDER("b", "x") PROVIDER("c", "y") PROVIDER("d", "y")
