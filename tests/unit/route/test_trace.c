/* SPDX-License-Identifier: Apache-2.0 */
/* A plan says how it came about, and asking for that changes nothing. */
#include "../unit.h"

#include "route/trace.h"

static struct secret keys_a[2];
static struct conf_provider providers[3];
static struct conf_target targets[3];
static struct snapshot snap;
static struct route_state state;
static struct rand dice;
static struct arena arena;

static int setup(void **unused)
{
    static const char *const names[] = {"a", "b", "c"};
    (void)unused;
    keys_a[0] = secret_of(STR("ka0"));
    keys_a[1] = secret_of(STR("ka1"));
    for (uint32_t i = 0; i < 3; i++) {
        providers[i] = (struct conf_provider){
            .name = str_c(names[i]), .origin = {.text = str_c(names[i])}, .index = i};
        targets[i] = (struct conf_target){i, 1, STR("m")};
    }
    providers[0].keys = keys_a;
    providers[0].nkeys = 2;
    snap = (struct snapshot){
        .providers = providers,
        .nproviders = 3,
        .routing = {.weight_response_time = 0.4, .weight_error_rate = 0.4, .weight_cost = 0.2}};
    rand_init(&dice, 7);
    arena_init(&arena, 1 << 20);
    return route_state_init(&state, (struct hash_key){1, 2}) == RC_OK ? 0 : -1;
}

static int teardown(void **unused)
{
    (void)unused;
    route_state_fini(&state);
    arena_fini(&arena);
    return 0;
}

static struct conf_route route_of(enum conf_strategy s)
{
    return (struct conf_route){.name = STR("r"), .targets = targets, .ntargets = 3, .strategy = s};
}

static double price(void *arg, const struct conf_target *t, double tokens, double cached)
{
    (void)arg;
    return (t->provider + 1) * tokens * 1000 * (1 - cached);
}

static void explain(const struct conf_route *r, struct plan *p, struct plan_trace *t)
{
    struct rand copy = dice;
    const struct plan_ask ask = {.rand = &copy, .usd = price, .trace = t};
    *t = (struct plan_trace){.arena = &arena};
    plan_explain(p, &state, &snap, r, &ask, 1000);
}

static struct health *health_of(const struct plan *p, uint32_t provider)
{
    for (unsigned i = 0; i < p->n; i++)
        if (p->c[i].target->provider == provider)
            return p->c[i].health;
    fail_msg("provider %u is not in the plan", provider);
    return NULL;
}

static void test_places_and_scores(void **unused)
{
    (void)unused;
    const struct conf_route r = route_of(CONF_STRATEGY_BALANCED);
    struct plan p = {0};
    struct plan_trace t;
    explain(&r, &p, &t);
    assert_int_equal(t.n, 3);
    assert_int_equal(p.n, 4); /* a has two keys */
    for (unsigned i = 0; i < p.n; i++) {
        const struct trace_target *row = &t.targets[p.c[i].target->provider];
        assert_int_equal(row->keys[p.c[i].key].place, i);
        assert_int_equal(row->why, REASON_FITS);
    }
    /* b costs twice what a does: it would save half, of a weight of 0.2. */
    assert_true(t.targets[0].parts.cost == 0);
    assert_true(t.targets[1].parts.cost > 0.099 && t.targets[1].parts.cost < 0.101);
    assert_true(t.targets[0].call_ms < 0); /* nobody was tried yet */
    plan_release(&p);
}

static void test_who_is_left_out(void **unused)
{
    (void)unused;
    const struct conf_route r = route_of(CONF_STRATEGY_PRIORITY);
    struct plan p = {0};
    struct plan_trace t;
    explain(&r, &p, &t);
    health_cool(health_of(&p, 1), 1000, 5000);
    for (int i = 0; i < HEALTH_FAIL_MAX; i++)
        health_failure(health_of(&p, 2), false, 1000);
    health_refuse(p.c[0].credential, 1000);
    plan_release(&p);
    explain(&r, &p, &t);
    assert_int_equal(p.n, 1); /* the other key of a */
    assert_int_equal(t.targets[0].why, REASON_FITS);
    assert_int_equal(t.targets[0].keys[0].why, REASON_REFUSED);
    assert_int_equal(t.targets[0].keys[1].why, REASON_FITS);
    assert_int_equal(t.targets[0].keys[1].place, 0);
    assert_int_equal(t.targets[1].why, REASON_COOLING);
    assert_int_equal(t.targets[1].keys[0].ready_at, 6000);
    assert_int_equal(t.targets[1].rank, TRACE_NOWHERE);
    assert_int_equal(t.targets[2].why, REASON_OPEN);
    assert_int_equal(t.targets[2].keys[0].ready_at, 1000 + HEALTH_OPEN_MS);
    plan_release(&p);
}

static void test_a_full_plan_says_so(void **unused)
{
    (void)unused;
    static struct secret many[PLAN_MAX + 2];
    const struct conf_route r = route_of(CONF_STRATEGY_PRIORITY);
    struct plan p = {0};
    struct plan_trace t;
    for (unsigned i = 0; i < ARRAY_LEN(many); i++)
        many[i] = secret_of(str_of(&"0123456789abcdefghij"[i], 1));
    providers[0].keys = many;
    providers[0].nkeys = ARRAY_LEN(many);
    explain(&r, &p, &t);
    assert_int_equal(p.n, PLAN_MAX);
    assert_int_equal(t.targets[0].keys[PLAN_MAX].why, REASON_ROOM);
    assert_int_equal(t.targets[1].why, REASON_ROOM);
    plan_release(&p);
}

/* The next real plan is what it would have been without the question. */
static void test_asking_takes_no_turn(void **unused)
{
    (void)unused;
    const struct conf_route r = route_of(CONF_STRATEGY_ROUND_ROBIN);
    const struct plan_ask ask = {.rand = &dice};
    for (uint32_t i = 0; i < 6; i++) {
        struct plan asked = {0}, real = {0};
        struct plan_trace t;
        explain(&r, &asked, &t);
        plan_release(&asked);
        explain(&r, &asked, &t);
        plan_build(&real, &state, &snap, &r, &ask, 1000);
        assert_int_equal(real.c[0].target->provider, i % 3);
        assert_ptr_equal(real.c[0].target, asked.c[0].target);
        assert_int_equal(real.c[0].key, asked.c[0].key);
        plan_release(&asked);
        plan_release(&real);
    }
}

/* The turn of a window comes with the first call of it, and an explanation is none. */
static void test_asking_ejects_nobody(void **unused)
{
    (void)unused;
    const struct conf_route r = route_of(CONF_STRATEGY_PRIORITY);
    const struct plan_ask plain = {.rand = &dice};
    struct plan p = {0};
    struct plan_trace t;
    plan_build(&p, &state, &snap, &r, &plain, 1000);
    struct health *bad = health_of(&p, 0), *good = health_of(&p, 1);
    for (unsigned i = 0; i < 40; i++) {
        outlier_failed(&bad->outlier, OUTLIER_SAID, 1000);
        outlier_served(&good->outlier, 1000);
    }
    plan_release(&p);
    t = (struct plan_trace){.arena = &arena};
    const struct plan_ask ask = {.rand = &dice, .trace = &t};
    const msec next = 1000 + OUTLIER_INTERVAL_MS;
    plan_explain(&p, &state, &snap, &r, &ask, next);
    assert_false(outlier_is_ejected(&bad->outlier, next));
    plan_release(&p);
    plan_build(&p, &state, &snap, &r, &plain, next);
    assert_true(outlier_is_ejected(&bad->outlier, next));
    plan_release(&p);
}

static void test_every_reason_has_words(void **unused)
{
    (void)unused;
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        assert_true(reason_name((enum plan_reason)i).n > 0);
        assert_true(reason_help((enum plan_reason)i).n > 0);
        for (unsigned k = 0; k < i; k++)
            assert_false(
                str_eq(reason_name((enum plan_reason)i), reason_name((enum plan_reason)k)));
    }
}

static void test_no_memory_is_told(void **unused)
{
    (void)unused;
    const struct conf_route r = route_of(CONF_STRATEGY_BALANCED);
    struct arena tiny;
    struct plan p = {0};
    struct plan_trace t = {.arena = &tiny};
    struct rand copy = dice;
    const struct plan_ask ask = {.rand = &copy, .trace = &t};
    arena_init(&tiny, 1);
    plan_explain(&p, &state, &snap, &r, &ask, 1000);
    assert_true(t.cut);
    assert_int_equal(p.n, 4); /* the plan is whole */
    plan_release(&p);
    arena_fini(&tiny);
}

/* What it costs is what is paid there in the end: with attempts in vain, and with what its cache
 * saves of prompts of which nothing was expected. */
static void test_effective_price(void **unused)
{
    (void)unused;
    const struct conf_route r = route_of(CONF_STRATEGY_LOWEST_COST);
    struct plan p = {0};
    struct plan_trace t;
    explain(&r, &p, &t);
    assert_int_equal(p.c[0].target->provider, 0);
    struct figures *a = &health_of(&p, 0)->figures, *c = &health_of(&p, 2)->figures;
    const double list = t.targets[0].as.usd;
    plan_release(&p);

    /* A third of all that a got was paid in vain: its price is half as much again. */
    for (unsigned i = 0; i < 20; i++)
        figures_bill(a, &(struct figures_bill){.usd = 1000, .expected = true});
    for (unsigned i = 0; i < 21; i++)
        figures_bill(a, &(struct figures_bill){.usd = 500, .expected = true, .in_vain = true});
    explain(&r, &p, &t);
    assert_true(t.targets[0].as.usd > 1.4 * list && t.targets[0].as.usd < 1.6 * list);
    assert_int_equal(p.c[0].target->provider, 0); /* and still the best */
    plan_release(&p);

    /* c costs three times as much, and its cache takes away nine tenths of that. */
    for (unsigned i = 0; i < 20; i++)
        figures_bill(c, &(struct figures_bill){.usd = 300, .prompt = 1000, .cached = 900});
    explain(&r, &p, &t);
    assert_int_equal(p.c[0].target->provider, 2);
    plan_release(&p);
    *a = *c = (struct figures){0};
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_effective_price, setup, teardown),
        cmocka_unit_test_setup_teardown(test_places_and_scores, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_is_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_full_plan_says_so, setup, teardown),
        cmocka_unit_test_setup_teardown(test_asking_takes_no_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(test_asking_ejects_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_reason_has_words, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_memory_is_told, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
