/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real router in a made-up world: plans, health and figures as they run in production, under a
 * clock, providers and dice of this test. Each scenario lasts three minutes, with fifty calls a
 * second, and something happens in the middle one. The strategy is measured beside an oracle, which
 * knows at each moment how every target behaves and what it costs. Both see the same dice. Times
 * are of calls behind the first ten seconds: there the router knows nothing yet, and the oracle
 * all.
 *
 * The table it prints (as TAP comments) is the one of docs/routing.md.
 */
#include "../unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "route/plan.h"
#include "route/retry.h"

enum {
    TARGETS = 4,
    RATE = 50,
    END = 180000,
    WARM = 10000,
    FROM = 60000,
    UNTIL = 120000,
    CALLS_MAX = 12000
};
#define OUTPUT 100 /* tokens of every answer */

/* How a target behaves at a moment. */
struct nature {
    double first_ms, token_ms; /* medians; each call draws around them */
    double errors;             /* share of attempts that fail, at the time of the first token */
    double usd;                /* nano-dollars of a call */
};

typedef void (*script)(msec now, struct nature *n);

static void alike(struct nature *n)
{
    for (int i = 0; i < TARGETS; i++)
        n[i] = (struct nature){500, 10, 0.001, 1e6};
}

static void steady(msec now, struct nature *n)
{
    (void)now;
    n[0] = (struct nature){400, 8, 0.001, 2e6};
    n[1] = (struct nature){600, 25, 0.001, 1.8e6};
    n[2] = (struct nature){1500, 40, 0.001, 1e6};
    n[3] = (struct nature){2000, 30, 0.002, 3e6};
}

static bool trouble(msec now)
{
    return now >= FROM && now < UNTIL;
}

static void slow_provider(msec now, struct nature *n)
{
    alike(n);
    if (trouble(now))
        n[0].first_ms = 5000, n[0].token_ms = 50;
}

static void brownout(msec now, struct nature *n)
{
    alike(n);
    if (trouble(now))
        n[1].errors = 0.3;
}

static void fast_with_errors(msec now, struct nature *n)
{
    alike(n);
    if (trouble(now))
        n[2] = (struct nature){20, 0.1, 0.9, 1e6};
}

static void regional_outage(msec now, struct nature *n)
{
    alike(n);
    if (trouble(now))
        n[0].errors = n[1].errors = 1;
}

static void price_change(msec now, struct nature *n)
{
    alike(n);
    if (now >= FROM)
        n[3].usd = 2e5;
}

/* ---- the world */

static struct conf_provider providers[TARGETS];
static struct conf_target targets[TARGETS];
static struct snapshot snap;
static struct route_state state;
static struct rand router_dice, world_dice;
static struct nature nature[TARGETS];

struct call {
    msec began;
    unsigned attempts;
    struct plan plan;
};

enum kind { ARRIVES, BEGINS, ENDS, FAILS };
struct happening {
    msec at;
    enum kind kind;
    struct call *call;
    struct candidate by;
    msec began, first;
};

/* A heap by time; more than ever happens at once. */
static struct happening queue[CALLS_MAX];
static unsigned queued;

static void push(struct happening h)
{
    unsigned i = queued++;
    assert_true(queued < CALLS_MAX);
    for (; i > 0 && queue[(i - 1) / 2].at > h.at; i = (i - 1) / 2)
        queue[i] = queue[(i - 1) / 2];
    queue[i] = h;
}

static struct happening pop(void)
{
    const struct happening first = queue[0], last = queue[--queued];
    unsigned i = 0, k;
    while ((k = 2 * i + 1) < queued) {
        if (k + 1 < queued && queue[k + 1].at < queue[k].at)
            k++;
        if (queue[k].at >= last.at)
            break;
        queue[i] = queue[k];
        i = k;
    }
    queue[i] = last;
    return first;
}

static double uniform(void)
{
    return (double)((rand_u64(&world_dice) >> 11) + 1) * 0x1p-53;
}

/* Around a median, skewed as times of answers are: log-normal. */
static msec around(double median, double sigma)
{
    const double z = sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform());
    return (msec)(median * exp(sigma * z)) + 1;
}

static double usd_of(void *unused, const struct conf_target *t, double tokens)
{
    (void)unused;
    (void)tokens;
    return nature[t->provider].usd;
}

struct score {
    double took[CALLS_MAX];
    unsigned served, failed, attempts, timed;
    double usd;
    unsigned by[TARGETS][END / 1000 + 60]; /* attempts at a target, by second */
};

static bool oracle; /* instead of the strategy */

/* The best by the same three weights, on the truth. */
static int best_now(void)
{
    double ms[TARGETS], least_ms = 1e9, least_usd = 1e18, least_score = 1e9;
    int best = 0;
    for (int i = 0; i < TARGETS; i++) {
        ms[i] = nature[i].first_ms + OUTPUT * nature[i].token_ms;
        if (nature[i].errors < 0.5 && ms[i] < least_ms)
            least_ms = ms[i];
        if (nature[i].usd < least_usd)
            least_usd = nature[i].usd;
    }
    for (int i = 0; i < TARGETS; i++) {
        const double slow = ms[i] > least_ms ? 1 - least_ms / ms[i] : 0;
        const double s = 0.4 * slow + 4 * nature[i].errors + 0.2 * (1 - least_usd / nature[i].usd);
        if (s < least_score)
            least_score = s, best = i;
    }
    return best;
}

static struct candidate *oracles_choice(struct plan *p)
{
    for (unsigned i = p->next; i < p->n; i++)
        if (p->c[i].target->provider == (uint32_t)best_now())
            return &p->c[i];
    return p->next < p->n ? &p->c[p->next++] : NULL;
}

static void attempt(struct call *c, msec now, struct score *s)
{
    struct candidate *next = oracle ? oracles_choice(&c->plan) : plan_next(&c->plan, now);
    if (!next || c->attempts == 3) {
        s->failed++;
        plan_release(&c->plan);
        return;
    }
    const struct nature *n = &nature[next->target->provider];
    struct happening h = {.call = c, .began = now};
    candidate_take(&h.by, next);
    c->attempts++;
    s->attempts++;
    s->by[next->target->provider][now / 1000]++;
    figures_begin(&next->health->figures, now);
    h.kind = uniform() < n->errors ? FAILS : BEGINS;
    h.at = now + around(n->first_ms, 0.35);
    push(h);
}

static void arrive(struct call *c, const struct conf_route *r, msec now, struct score *s)
{
    static const struct plan_ask ask = {.rand = &router_dice, .usd = usd_of};
    c->began = now;
    c->attempts = 0;
    plan_build(&c->plan, &state, &snap, r, &ask, now);
    attempt(c, now, s);
}

static void happen(struct happening *h, struct score *s)
{
    struct health *at = h->by.health;
    switch (h->kind) {
    case ARRIVES:
        return;
    case BEGINS:
        figures_first(&at->figures, h->at, h->began);
        health_answers(at, h->at);
        h->first = h->at;
        h->kind = ENDS;
        h->at += around(nature[h->by.target->provider].token_ms * OUTPUT, 0.2);
        s->usd += nature[h->by.target->provider].usd;
        push(*h);
        return;
    case ENDS:
        figures_end(&at->figures, h->at, h->began, h->first, FIGURES_SERVED, OUTPUT);
        health_success(at, h->at);
        candidate_probe_over(&h->by);
        if (h->call->began >= WARM)
            s->took[s->timed++] = (double)(h->at - h->call->began);
        s->served++;
        plan_release(&h->call->plan);
        break;
    case FAILS:
        figures_end(&at->figures, h->at, h->began, 0, FIGURES_FAILED, 0);
        health_failure(at, h->at);
        candidate_probe_over(&h->by);
        attempt(h->call, h->at, s);
        break;
    }
    candidate_release(&h->by);
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double percentile(const struct score *s, unsigned percent)
{
    return s->took[s->timed * percent / 100];
}

static void live(script what, enum conf_strategy strategy, struct score *s)
{
    static struct call calls[CALLS_MAX];
    const struct conf_route route = {.name = STR("r"),
                                     .logical = true,
                                     .strategy = strategy,
                                     .targets = targets,
                                     .ntargets = TARGETS};
    unsigned ncalls = 0;
    memset(s, 0, sizeof(*s));
    rand_init(&router_dice, 1);
    rand_init(&world_dice, 2);
    assert_int_equal(route_state_init(&state, (struct hash_key){1, 2}), RC_OK);
    push((struct happening){.at = 1, .kind = ARRIVES});
    while (queued) {
        struct happening h = pop();
        what(h.at, nature);
        if (h.kind != ARRIVES) {
            happen(&h, s);
        } else if (h.at < END) {
            push((struct happening){.at = h.at + (msec)(-log(uniform()) * 1000 / RATE) + 1});
            arrive(&calls[ncalls++], &route, h.at, s);
            assert_true(ncalls < CALLS_MAX);
        }
    }
    route_state_fini(&state);
    qsort(s->took, s->timed, sizeof(*s->took), by_size);
}

static int setup(void **unused)
{
    static const char *const names[TARGETS] = {"a", "b", "c", "d"};
    (void)unused;
    for (uint32_t i = 0; i < TARGETS; i++) {
        providers[i] = (struct conf_provider){
            .name = str_c(names[i]), .origin = {.text = str_c(names[i])}, .index = i};
        targets[i] = (struct conf_target){.provider = i, .weight = 1, .model = STR("m")};
    }
    snap = (struct snapshot){
        .providers = providers,
        .nproviders = TARGETS,
        .routing = {.weight_response_time = 0.4, .weight_error_rate = 0.4, .weight_cost = 0.2}};
    return 0;
}

/* ---- scenarios */

static struct score got, ideal;

static void print(const char *scenario, const char *who, const struct score *s)
{
    print_message("# %-17s %-21s %7.3f %% served, p50 %5.0f ms, p95 %5.0f ms, p99 %5.0f ms, "
                  "%.2f m$ a call, %.3f attempts\n",
                  scenario, who, 100.0 * s->served / (s->served + s->failed), percentile(s, 50),
                  percentile(s, 95), percentile(s, 99), s->usd / s->served / 1e6,
                  (double)s->attempts / (s->served + s->failed));
}

/* balanced is within a tenth of the oracle in time and cost, and loses nothing. */
static void measure(const char *scenario, script what)
{
    static const struct {
        enum conf_strategy is;
        const char *name;
    } others[] = {{CONF_STRATEGY_ROUND_ROBIN, "round_robin"},
                  {CONF_STRATEGY_RANDOM, "random"},
                  {CONF_STRATEGY_LEAST_BUSY, "least_busy"},
                  {CONF_STRATEGY_LOWEST_LATENCY, "lowest_latency"},
                  {CONF_STRATEGY_LOWEST_COST, "lowest_cost"}};
    for (unsigned i = 0; i < ARRAY_LEN(others); i++) {
        live(what, others[i].is, &got);
        print(scenario, others[i].name, &got);
    }
    oracle = true;
    live(what, CONF_STRATEGY_PRIORITY, &ideal);
    oracle = false;
    live(what, CONF_STRATEGY_BALANCED, &got);
    print(scenario, "balanced", &got);
    print(scenario, "oracle", &ideal);
    assert_true(got.served >= 999 * (got.served + got.failed) / 1000);
    assert_true(percentile(&got, 95) <= 1.1 * percentile(&ideal, 95));
    assert_true(got.usd / got.served <= 1.1 * ideal.usd / ideal.served);
}

static unsigned attempts_in(const struct score *s, unsigned target, msec from, msec until)
{
    unsigned n = 0;
    for (msec t = from / 1000; t < until / 1000; t++)
        n += s->by[target][t];
    return n;
}

static void test_steady(void **unused)
{
    (void)unused;
    measure("steady", steady);
    /* No oscillation: the best one has nearly all calls, in every ten seconds. */
    for (msec t = 20000; t < END; t += 10000)
        assert_true(attempts_in(&got, 0, t, t + 10000) > 10 * RATE * 0.8);
}

static void test_slow_provider(void **unused)
{
    (void)unused;
    measure("slow provider", slow_provider);
    assert_true(attempts_in(&got, 0, FROM + 10000, UNTIL) < 60 * RATE * 0.04);
    /* Seen to be well again within two seconds after its answers begin to come fast. */
    assert_true(attempts_in(&got, 0, UNTIL, UNTIL + 2000) > 0);
    assert_true(attempts_in(&got, 0, UNTIL + 3000, END) > 0.02 * RATE * 57);
}

static void test_brownout(void **unused)
{
    (void)unused;
    measure("brownout 30 %", brownout);
    assert_true(attempts_in(&got, 1, FROM + 10000, UNTIL) < 50 * RATE * 0.05);
}

static void test_fast_with_errors(void **unused)
{
    (void)unused;
    measure("fast, with errors", fast_with_errors);
    assert_true(attempts_in(&got, 2, FROM + 10000, UNTIL) < 50 * RATE * 0.05);
}

static void test_regional_outage(void **unused)
{
    (void)unused;
    measure("regional outage", regional_outage);
}

static void test_price_change(void **unused)
{
    (void)unused;
    measure("price change", price_change);
    assert_true(attempts_in(&got, 3, FROM + 5000, END) > 115 * RATE * 0.8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_steady, setup),
        cmocka_unit_test_setup(test_slow_provider, setup),
        cmocka_unit_test_setup(test_brownout, setup),
        cmocka_unit_test_setup(test_fast_with_errors, setup),
        cmocka_unit_test_setup(test_regional_outage, setup),
        cmocka_unit_test_setup(test_price_change, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
