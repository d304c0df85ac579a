/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan - what it costs to put a call's targets in order, by strategy and number of targets.
 *
 * Every target has figures of many calls, none is broken: the common case. The goal is 3 us at 20
 * targets, whatever the strategy.
 */
#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "route/plan.h"
#include "stopwatch.h"

enum { TARGETS = 20, TIMES = 20000, ROUNDS = 7 };

static struct conf_provider providers[TARGETS];
static struct conf_target targets[TARGETS];
static struct snapshot snap = {
    .providers = providers,
    .nproviders = TARGETS,
    .routing = {.weight_response_time = 0.4, .weight_error_rate = 0.4, .weight_cost = 0.2}};

static double usd_of(void *unused, const struct conf_target *t, double tokens, double cached)
{
    (void)unused;
    return (1e5 + 1e4 * t->provider) * (1 - 0.9 * cached) + 100 * tokens;
}

static void world(void)
{
    static char names[TARGETS][16];
    for (uint32_t i = 0; i < TARGETS; i++) {
        snprintf(names[i], sizeof(names[i]), "provider-%u", i);
        providers[i] = (struct conf_provider){.name = str_c(names[i]),
                                              .origin = {.text = STR("https://api.example.com")},
                                              .index = i};
        targets[i] =
            (struct conf_target){.provider = i, .weight = 1 + i % 3, .model = STR("gpt-5-mini")};
    }
}

/* A call of its own every 20 ms, each answered after 400 ms and some: the clock moves. */
static void one(struct route_state *s, const struct conf_route *r, struct plan_ask *ask, msec now)
{
    struct plan p;
    plan_build(&p, s, &snap, r, ask, now);
    struct candidate *c = plan_next(&p, now);
    CHECK(c);
    figures_begin(&c->health->figures, now);
    figures_first(&c->health->figures, now + 400 + c->target->provider, now);
    figures_end(&c->health->figures, now + 2000, now, now + 400 + c->target->provider,
                FIGURES_SERVED, 100);
    plan_release(&p);
}

static double measure(enum conf_strategy strategy, uint32_t n, double *instructions)
{
    struct route_state *s = mem_need(sizeof(*s));
    struct rand dice;
    struct plan_ask ask = {.rand = &dice, .usd = usd_of};
    const struct conf_route r = {
        .name = STR("smart"), .strategy = strategy, .targets = targets, .ntargets = n};
    struct stopwatch m;
    double best = 1e18;
    msec now = 1000;
    stopwatch_init(&m);
    rand_init(&dice, 1);
    CHECK(route_state_init(s, (struct hash_key){1, 2}) == RC_OK);
    for (int round = 0; round < ROUNDS; round++) {
        stopwatch_start(&m);
        for (int i = 0; i < TIMES; i++)
            one(s, &r, &ask, now += 20);
        stopwatch_stop(&m);
        if ((double)m.ns / TIMES < best) {
            best = (double)m.ns / TIMES;
            *instructions = (double)m.instructions / TIMES;
        }
    }
    route_state_fini(s);
    mem_free(s);
    stopwatch_fini(&m);
    return best;
}

int main(void)
{
    static const char *const names[CONF_STRATEGY_COUNT] = {
#define STRATEGY(id, name, active, help) [CONF_STRATEGY_##id] = name,
#include "conf/strategies.def"
#undef STRATEGY
    };
    static const uint32_t counts[] = {1, 2, 4, TARGETS};
    world();
    printf("%-22s", "ns a plan, targets:");
    for (size_t k = 0; k < ARRAY_LEN(counts); k++)
        printf("%8u", counts[k]);
    printf("   instructions at %d\n", TARGETS);
    for (int i = 0; i < CONF_STRATEGY_COUNT; i++) {
        double instructions = 0;
        printf("%-22s", names[i]);
        for (size_t k = 0; k < ARRAY_LEN(counts); k++)
            printf("%8.0f", measure((enum conf_strategy)i, counts[k], &instructions));
        printf("%12.0f\n", instructions);
    }
    return 0;
}
