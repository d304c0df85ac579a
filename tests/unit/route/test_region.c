/* SPDX-License-Identifier: Apache-2.0 */
/* Targets of one region fail together and come back together, under a clock that the test moves:
 * the breaker alone, then in plans of the real router. */
#include "../unit.h"

#include "route/alive.h"
#include "route/plan.h"

static struct conf_provider providers[5];
static struct snapshot snap;
static struct route_state state;
static struct rand dice;
static const struct plan_ask ask = {.rand = &dice};
static struct conf_target targets[5];
static struct conf_route route;

/* Three targets in "east", two in "west". */
static int setup(void **unused)
{
    static const char *const names[] = {"e1", "e2", "e3", "w1", "w2"};
    (void)unused;
    memset(&snap, 0, sizeof(snap));
    for (uint32_t i = 0; i < 5; i++) {
        providers[i] = (struct conf_provider){.name = str_c(names[i]),
                                              .index = i,
                                              .origin = {.text = str_c(names[i])},
                                              .region = i < 3 ? STR("east") : STR("west")};
        targets[i] = (struct conf_target){i, 1, STR("m")};
    }
    snap.providers = providers;
    snap.nproviders = 5;
    route = (struct conf_route){.name = STR("r"),
                                .logical = true,
                                .strategy = CONF_STRATEGY_PRIORITY,
                                .targets = targets,
                                .ntargets = 5};
    return route_state_init(&state, (struct hash_key){1, 2}) == RC_OK ? 0 : -1;
}

static int teardown(void **unused)
{
    (void)unused;
    route_state_fini(&state); /* checks that no region has a member left */
    return 0;
}

static void build(struct plan *p, msec now)
{
    plan_build(p, &state, &snap, &route, &ask, now);
}

static struct health *health_of(uint32_t provider)
{
    struct plan p;
    struct health *h = NULL;
    struct conf_route one = route;
    one.targets = &targets[provider];
    one.ntargets = 1;
    plan_build(&p, &state, &snap, &one, &ask, 1);
    if (p.n)
        h = p.c[0].health;
    plan_release(&p);
    return h;
}

/* Which providers a plan has, in its order. */
static void assert_plan(msec now, const char *want)
{
    struct plan p;
    char got[64] = "";
    build(&p, now);
    for (unsigned i = 0; i < p.n; i++) {
        strncat(got, p.c[i].provider->name.p, 2);
        strcat(got, i + 1 < p.n ? " " : "");
    }
    plan_release(&p);
    assert_string_equal(got, want);
}

static struct health *h[5];

static void find_all(void)
{
    for (uint32_t i = 0; i < 5; i++)
        assert_non_null(h[i] = health_of(i));
}

static void fails(uint32_t i, unsigned times, msec now)
{
    while (times--)
        health_failure(h[i], false, now);
}

/* Two of three are bad: the third is left out before it has failed once, and traffic moves. */
static void test_opens_when_most_are_bad(void **unused)
{
    (void)unused;
    find_all();
    health_success(h[2], 900);
    fails(0, 2, 1000);
    assert_plan(1000, "e1 e2 e3 w1 w2");
    fails(1, 2, 1000);
    assert_int_equal(health_state(h[2], 1000), HEALTH_REGION_OPEN);
    assert_plan(1000, "w1 w2");
    assert_int_equal(health_ready_at(h[2], 1000), 1000 + REGION_OPEN_MS);
}

static void test_one_bad_target_closes_no_region(void **unused)
{
    (void)unused;
    find_all();
    for (int i = 1; i < 3; i++)
        health_success(h[i], 900);
    fails(0, HEALTH_FAIL_MAX, 1000);
    assert_plan(1000, "e2 e3 w1 w2");
}

/* Nobody else was called lately: then it is all there is to know, but one target is not a region.
 */
static void test_a_lonely_target_is_no_region(void **unused)
{
    (void)unused;
    find_all();
    fails(0, HEALTH_FAIL_MAX, 1000);
    assert_int_equal(health_state(h[1], 1000), HEALTH_OK);
}

/* Every second call served is a brownout, and no outage. */
static void test_brownout_is_no_outage(void **unused)
{
    (void)unused;
    find_all();
    for (msec t = 1000; t < 1020; t++)
        for (uint32_t i = 0; i < 3; i++) {
            fails(i, 1, t);
            health_success(h[i], t);
        }
    assert_plan(1020, "e1 e2 e3 w1 w2");
}

static void take_down(msec now)
{
    find_all();
    for (uint32_t i = 0; i < 3; i++)
        fails(i, HEALTH_FAIL_MAX, now);
    assert_plan(now, "w1 w2");
}

/* A retry goes to another region first; a limited key's neighbour is next as ever. */
static void test_retries_leave_the_region(void **unused)
{
    (void)unused;
    struct plan p;
    static const char *const want[] = {"e1", "w1", "e2", "w2", "e3"};
    find_all();
    build(&p, 1000);
    for (int i = 0; i < 5; i++) {
        struct candidate *c = plan_next(&p, 1000);
        assert_non_null(c);
        assert_str(c->provider->name, want[i]);
        health_failure(c->health, false, 1000);
    }
    plan_release(&p);
    find_all();
    build(&p, 100000);
    struct candidate *c = plan_next(&p, 100000);
    health_success(c->health, 100000);
    health_cool(c->health, 100000, 1000);
    assert_str(plan_next(&p, 100000)->provider->name, "e2");
    plan_release(&p);
}

/* Half-open it is one probe for all of it; served, all of it is back, and each member's breaker is
 * half-open at once. */
static void test_probe_and_return(void **unused)
{
    (void)unused;
    struct plan p, q;
    const msec later = 1000 + REGION_OPEN_MS;
    take_down(1000);
    assert_plan(later - 1, "w1 w2");
    build(&p, later);
    build(&q, later);
    struct candidate *c = plan_next(&p, later);
    assert_non_null(c);
    assert_str(c->provider->name, "e1");
    assert_true(c->probe);
    struct candidate *d = plan_next(&q, later); /* not a second probe of the same region */
    assert_str(d->provider->name, "w1");
    assert_plan(later, "w1 w2");
    health_answers(c->health, later + 1);
    plan_release(&p);
    plan_release(&q);
    assert_plan(later + 1, "e1 e2 e3 w1 w2");
    assert_int_equal(health_state(h[0], later + 1), HEALTH_OK);
    assert_int_equal(health_state(h[1], later + 1), HEALTH_HALF_OPEN);
}

static void test_failed_probe_opens_for_longer(void **unused)
{
    (void)unused;
    msec now = 1000;
    take_down(now);
    for (unsigned n = 2; n < 20; n++) {
        now += n - 1 < REGION_OPEN_MAX_MS / REGION_OPEN_MS ? REGION_OPEN_MS * (n - 1)
                                                           : REGION_OPEN_MAX_MS;
        struct plan p;
        build(&p, now);
        struct candidate *c = plan_next(&p, now);
        assert_true(c && c->probe);
        health_failure(c->health, false, now);
        plan_release(&p);
        assert_plan(now, "w1 w2");
        assert_true(health_ready_at(c->health, now) <= now + REGION_OPEN_MAX_MS);
    }
}

/* A probe that ends without a verdict (the client left) leaves its place to the next one. */
static void test_probe_without_a_verdict(void **unused)
{
    (void)unused;
    struct plan p;
    const msec later = 1000 + REGION_OPEN_MS;
    take_down(1000);
    build(&p, later);
    assert_true(plan_next(&p, later)->probe);
    assert_plan(later, "w1 w2");
    plan_release(&p);
    assert_plan(later, "e1 e2 e3 w1 w2");
}

/* The plan of a call that is its probe dies, and the call holds a copy: the mark goes along. */
static void test_taken_probe(void **unused)
{
    (void)unused;
    struct plan p;
    struct candidate mine;
    const msec later = 1000 + REGION_OPEN_MS;
    take_down(1000);
    build(&p, later);
    candidate_take(&mine, plan_next(&p, later));
    plan_release(&p);
    assert_plan(later, "w1 w2");
    candidate_release(&mine);
    assert_plan(later, "e1 e2 e3 w1 w2");
}

/* An answer to a call from before the outage says nothing of now; an active probe does. */
static void test_late_answers_and_active_probes(void **unused)
{
    (void)unused;
    take_down(1000);
    health_answers(h[1], 1500);
    assert_plan(1500, "w1 w2");
    health_seems_well(h[0], 2000);
    assert_plan(2000, "e1 e2 e3 w1 w2");
    assert_int_equal(health_state(h[2], 2000), HEALTH_HALF_OPEN); /* one call will find out */
}

/* Both regions are down: one call at a time tries all the same. */
static void test_all_regions_down(void **unused)
{
    (void)unused;
    struct plan p;
    take_down(1000);
    for (uint32_t i = 3; i < 5; i++)
        fails(i, 2, 1000);
    build(&p, 1000);
    assert_int_equal(p.n, 1);
    assert_true(p.panic);
    assert_non_null(plan_next(&p, 1000));
    plan_release(&p);
}

/* A reload may move a provider: the record goes to its new region, and begins anew there. */
static void test_moves_with_a_reload(void **unused)
{
    (void)unused;
    find_all();
    providers[0].region = STR("west");
    snap.generation++;
    assert_ptr_equal(health_of(0), h[0]);
    assert_ptr_equal(h[0]->in_region.region, h[3]->in_region.region);
    providers[0].region = STR_NONE;
    snap.generation++;
    assert_ptr_equal(health_of(0), h[0]);
    assert_null(h[0]->in_region.region);
}

/* "us" of one known provider is not "us" of another. */
static void test_companies_have_their_own(void **unused)
{
    (void)unused;
    for (uint32_t i = 0; i < 3; i++)
        providers[i].preset = i < 2 ? STR("openai") : STR("anthropic");
    snap.generation++;
    find_all();
    assert_ptr_equal(h[0]->in_region.region, h[1]->in_region.region);
    assert_ptr_not_equal(h[0]->in_region.region, h[2]->in_region.region);
    fails(0, 2, 1000);
    fails(1, 2, 1000);
    assert_plan(1000, "e3 w1 w2");
}

/* What an active probe finds holds for all of a provider's records, and for no other's. */
static void test_active_probes(void **unused)
{
    (void)unused;
    find_all();
    assert_false(alive_is_wanted(&state, &providers[3], 1000));
    assert_int_equal(alive_no(&state, &providers[3], 1000), 1); /* its target, not its credential */
    assert_int_equal(alive_no(&state, &providers[3], 1000), 0);
    assert_plan(1000, "e1 e2 e3 w2");
    assert_true(alive_is_wanted(&state, &providers[3], 1000));
    assert_false(alive_is_wanted(&state, &providers[4], 1000));
    assert_int_equal(alive_yes(&state, &providers[4], 2000), 0);
    assert_plan(2000, "e1 e2 e3 w2");
    assert_int_equal(alive_yes(&state, &providers[3], 2000), 1);
    assert_int_equal(health_state(h[3], 2000), HEALTH_HALF_OPEN);
    assert_plan(2000, "e1 e2 e3 w1 w2");
    assert_false(alive_is_wanted(&state, &providers[3], 2000));
}

/* Fails half of its calls, never five in a row: ejected, and serves when nobody else is left. */
static void test_ejected_from_plans_but_not_from_the_last(void **unused)
{
    (void)unused;
    find_all();
    msec now = 10 * OUTLIER_INTERVAL_MS;
    for (int i = 0; i < 60; i++)
        for (uint32_t k = 0; k < 5; k++) {
            if (k == 3 && i % 2)
                health_failure(h[k], false, now);
            else
                health_success(h[k], now);
        }
    assert_plan(now, "e1 e2 e3 w1 w2");
    now += OUTLIER_INTERVAL_MS;
    assert_plan(now, "e1 e2 e3 w2");
    assert_int_equal(health_state(h[3], now), HEALTH_EJECTED);
    for (uint32_t k = 0; k < 5; k++)
        if (k != 3)
            health_cool(h[k], now, 5000);
    assert_plan(now, "w1");
    assert_plan(now + OUTLIER_BASE_MS, "e1 e2 e3 w1 w2");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_opens_when_most_are_bad),
        TEST(test_one_bad_target_closes_no_region),
        TEST(test_a_lonely_target_is_no_region),
        TEST(test_brownout_is_no_outage),
        TEST(test_retries_leave_the_region),
        TEST(test_probe_and_return),
        TEST(test_failed_probe_opens_for_longer),
        TEST(test_probe_without_a_verdict),
        TEST(test_taken_probe),
        TEST(test_late_answers_and_active_probes),
        TEST(test_all_regions_down),
        TEST(test_moves_with_a_reload),
        TEST(test_companies_have_their_own),
        TEST(test_active_probes),
        TEST(test_ejected_from_plans_but_not_from_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
