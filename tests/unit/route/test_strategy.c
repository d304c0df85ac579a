/* SPDX-License-Identifier: Apache-2.0 */
/* Which target each strategy puts first, for contenders made up here. */
#include "../unit.h"

#include "route/strategy.h"

#define N 4
static struct conf_target targets[N];
static int64_t account[N];
static struct looks looks;
static struct rand dice;
static const struct conf_routing routing = {
    .weight_response_time = 0.4, .weight_error_rate = 0.4, .weight_cost = 0.2};

static int setup(void **unused)
{
    (void)unused;
    rand_init(&dice, 42);
    memset(account, 0, sizeof(account));
    for (uint32_t i = 0; i < N; i++)
        targets[i] = (struct conf_target){.provider = i, .weight = 1, .model = STR("m")};
    return 0;
}

static struct contender even(uint32_t i)
{
    return (struct contender){
        .target = &targets[i],
        .index = i,
        .place = 1000 + i * 7919,
        .seen = {.n = 20, .first_ms = 400, .token_ms = 10},
        .usd = 1000000,
        .room = 1,
    };
}

static struct choice choice_of(enum conf_strategy s)
{
    return (struct choice){.strategy = s,
                           .routing = &routing,
                           .tokens = 100,
                           .account = account,
                           .looks = &looks,
                           .rand = &dice};
}

/* How often each of `c` comes first in so many choices. */
static void shares(enum conf_strategy s, const struct contender *c, uint32_t n, unsigned rounds,
                   unsigned *first)
{
    memset(first, 0, N * sizeof(*first));
    for (unsigned i = 0; i < rounds; i++) {
        struct choice x = choice_of(s);
        struct contender copy[N];
        memcpy(copy, c, n * sizeof(*c));
        strategy_rank(&x, copy, n);
        first[copy[0].index]++;
    }
}

static void all(struct contender *c)
{
    for (uint32_t i = 0; i < N; i++)
        c[i] = even(i);
}

/* Weights are honoured within 1 % over 10,000 calls. */
static void test_weights(void **unused)
{
    (void)unused;
    struct contender c[N];
    unsigned got[N];
    targets[0].weight = 70, targets[1].weight = 20, targets[2].weight = 10, targets[3].weight = 0;
    all(c);
    shares(CONF_STRATEGY_WEIGHTED_ROUND_ROBIN, c, N, 10000, got);
    assert_in_range(got[0], 6990, 7010);
    assert_in_range(got[1], 1990, 2010);
    assert_in_range(got[2], 990, 1010);
    assert_int_equal(got[3], 0);
    shares(CONF_STRATEGY_RANDOM, c, N, 10000, got);
    assert_in_range(got[0], 6900, 7100);
    assert_in_range(got[1], 1900, 2100);
    assert_in_range(got[2], 900, 1100);
    assert_int_equal(got[3], 0);
    memset(account, 0, sizeof(account));
    shares(CONF_STRATEGY_ROUND_ROBIN, c, N, 9999, got);
    assert_int_equal(got[0], 3333);
    assert_int_equal(got[1], 3333);
    assert_int_equal(got[2], 3333);
    /* The last resort serves where nobody else can, whatever the strategy. */
    for (int s = 0; s < CONF_STRATEGY_COUNT; s++) {
        struct choice x = choice_of((enum conf_strategy)s);
        struct contender two[2] = {even(3), even(2)};
        strategy_rank(&x, two, 2);
        assert_int_equal(two[0].index, 2);
        strategy_rank(&x, &two[1], 1);
        assert_int_equal(two[1].index, 3);
    }
}

static void test_priority_is_the_written_order(void **unused)
{
    (void)unused;
    struct contender c[3] = {even(3), even(1), even(2)};
    struct choice x = choice_of(CONF_STRATEGY_PRIORITY);
    strategy_rank(&x, c, 3);
    assert_int_equal(c[0].index, 1);
    assert_int_equal(c[1].index, 2);
    assert_int_equal(c[2].index, 3);
}

static void test_one_figure(void **unused)
{
    (void)unused;
    struct contender c[N];
    unsigned got[N];
    all(c);
    c[0].in_flight = 5, c[1].in_flight = 2, c[2].in_flight = 9, c[3].in_flight = 3;
    shares(CONF_STRATEGY_LEAST_BUSY, c, N, 100, got);
    assert_int_equal(got[1], 100);
    targets[2].weight = 10; /* nine calls on ten times the weight are the fewest */
    shares(CONF_STRATEGY_LEAST_BUSY, c, N, 100, got);
    assert_int_equal(got[2], 100);
    c[3].usd = 10, c[1].usd = -1; /* no price is no bargain */
    shares(CONF_STRATEGY_LOWEST_COST, c, N, 100, got);
    assert_int_equal(got[3], 100);
    c[0].room = 0.1, c[1].room = 0.9, c[2].room = 0.5, c[3].room = 0;
    shares(CONF_STRATEGY_USAGE, c, N, 100, got);
    assert_int_equal(got[1], 100);
    c[2].seen.first_ms = 100; /* and one call in EXPLORE_EVERY looks at another */
    shares(CONF_STRATEGY_LOWEST_LATENCY, c, N, 10000, got);
    assert_in_range(got[2], 9600, 9900);
}

/* Slow to begin and quick to write, or the other way round: which is the quicker one is a matter of
 * what is asked. */
static void test_latency_by_its_beginning_or_all(void **unused)
{
    (void)unused;
    struct contender c[2] = {even(0), even(1)};
    c[0].seen.first_ms = 900, c[0].seen.token_ms = 2;
    c[1].seen.first_ms = 200, c[1].seen.token_ms = 20;
    for (unsigned by = 0; by < 2; by++) {
        unsigned got[N] = {0};
        for (unsigned i = 0; i < 1000; i++) {
            struct choice x = choice_of(CONF_STRATEGY_LOWEST_LATENCY);
            struct contender copy[2];
            x.latency = by ? CONF_LATENCY_TTFT : CONF_LATENCY_TOTAL;
            memcpy(copy, c, sizeof(copy));
            strategy_rank(&x, copy, 2);
            got[copy[0].index]++;
        }
        assert_in_range(got[by], 960, 1000); /* but for the looks at the other one */
    }
}

/* What costs least in all, not in one figure, is chosen. */
static void test_balanced(void **unused)
{
    (void)unused;
    struct contender c[N];
    unsigned got[N];
    all(c);
    shares(CONF_STRATEGY_BALANCED, c, N, 10000, got); /* equals share */
    for (uint32_t i = 0; i < N; i++)
        assert_in_range(got[i], 2200, 2800);
    c[0].seen.first_ms = 4000;
    c[1].seen.error_rate = 0.3;
    c[2].usd *= 5;
    shares(CONF_STRATEGY_BALANCED, c, N, 10000, got);
    assert_true(got[3] > 9600);
    assert_true(got[0] + got[1] + got[2] > 100); /* the others are looked at */
}

/* A provider that answers fast, with errors, gets no more than looks. */
static void test_fast_errors_do_not_win(void **unused)
{
    (void)unused;
    struct contender c[N];
    unsigned got[N];
    all(c);
    c[2].seen = (struct reading){.n = 20, .first_ms = 5, .token_ms = 0.1, .error_rate = 0.9};
    shares(CONF_STRATEGY_BALANCED, c, N, 10000, got);
    assert_true(got[2] < 400);
    /* 0.9 of the attempts fail: ten of them take longer than one that answers */
    c[2].seen.first_ms = 400, c[2].seen.token_ms = 10;
    shares(CONF_STRATEGY_LOWEST_LATENCY, c, N, 10000, got);
    assert_true(got[2] < 400);
}

/* By one figure alone the one that fails would be the best: it is idle, cheap, and where it was. It
 * is tried now and then, and others that are only busier or dearer are not. */
static void test_the_ill_stand_behind(void **unused)
{
    (void)unused;
    static const enum conf_strategy by_one[] = {
        CONF_STRATEGY_LEAST_BUSY, CONF_STRATEGY_LOWEST_LATENCY, CONF_STRATEGY_LOWEST_COST,
        CONF_STRATEGY_STICKY, CONF_STRATEGY_CACHE_AWARE};
    struct contender c[N];
    unsigned got[N];
    all(c);
    for (uint32_t i = 0; i < N; i++)
        c[i].in_flight = 5, c[i].seen.n = 30;
    c[1].seen = (struct reading){
        .n = 30, .first_ms = 5, .token_ms = 0.1, .error_rate = 0.4, .troubled = true};
    c[1].in_flight = 0, c[1].usd = 10, c[1].warm = 0.9;
    for (size_t i = 0; i < ARRAY_LEN(by_one); i++) {
        shares(by_one[i], c, N, 10000, got);
        assert_in_range(got[1], 100, 260);
        c[1].seen.error_rate = 0;
        looks = (struct looks){0, 0};
        shares(by_one[i], c, N, 10000, got);
        assert_true(got[1] > 2200);
        c[1].seen.error_rate = 0.4;
    }
    c[1].seen.n = 1, c[1].seen.error_rate = 0.5; /* its first call failed, and that was one */
    shares(CONF_STRATEGY_LOWEST_COST, c, N, 1000, got);
    assert_int_equal(got[1], 1000);
    c[1].seen.n = 30, c[1].seen.error_rate = 0.4;
    for (uint32_t i = 0; i < N; i++) /* where all fail alike, nobody is */
        c[i].seen = c[1].seen;
    shares(CONF_STRATEGY_LOWEST_COST, c, N, 1000, got);
    assert_int_equal(got[1], 1000);
}

static void test_recovery_is_confirmed(void **unused)
{
    (void)unused;
    struct contender c[N];
    unsigned got[N];
    all(c);
    for (uint32_t i = 1; i < N; i++)
        c[i].seen.first_ms = 4000, c[i].last = 1000 * i;
    shares(CONF_STRATEGY_BALANCED, c, N, 10000, got);
    assert_in_range(got[1], 150, 350); /* the one heard of longest ago */
    assert_true(got[2] + got[3] < 20);
    c[2].seen.troubled = true; /* it may be over by now */
    shares(CONF_STRATEGY_BALANCED, c, N, 10000, got);
    assert_in_range(got[2], 240, 260);
    c[3].news = true;
    shares(CONF_STRATEGY_BALANCED, c, N, 10000, got);
    assert_in_range(got[3], 2200, 2800);
}

/* Who is on trial gets the part of its share that it has won back, and its few answers make nobody
 * else look slow. */
static void test_trials_are_slow_starts(void **unused)
{
    (void)unused;
    struct contender c[N];
    unsigned got[N];
    all(c);
    c[1].trial = 0.75, c[1].seen.first_ms = 40, c[1].seen.n = 1;
    shares(CONF_STRATEGY_BALANCED, c, N, 10000, got);
    assert_in_range(got[1], 500, 1100); /* a quarter of a fair share is 770; and looks */
    assert_in_range(got[0], 2600, 3400);
    shares(CONF_STRATEGY_LOWEST_LATENCY, c, 2, 10000, got);
    assert_in_range(got[0], 9600, 9900);
    c[1].trial = 0;
    shares(CONF_STRATEGY_LOWEST_LATENCY, c, 2, 10000, got);
    assert_in_range(got[1], 9600, 9900);
}

/* A look waits for a call that costs little more there, and comes late where all cost more. */
static void test_looks_have_their_price(void **unused)
{
    (void)unused;
    struct contender c[2], cold[2];
    unsigned warm_looks = 0, cold_looks = 0;
    c[0] = cold[0] = even(0), c[1] = cold[1] = even(1);
    c[1].usd *= 5; /* what c[0] has of the prompt in its cache */
    looks = (struct looks){0, 0};
    for (unsigned i = 0; i < 10000; i++) {
        struct choice x = choice_of(CONF_STRATEGY_BALANCED);
        struct contender now[2];
        memcpy(now, i % 25 ? c : cold, sizeof(now));
        strategy_rank(&x, now, 2);
        *(i % 25 ? &warm_looks : &cold_looks) += x.explored;
    }
    assert_int_equal(warm_looks, 0);
    assert_in_range(cold_looks, 190, 250);
    unsigned got[N];
    shares(CONF_STRATEGY_BALANCED, c, 2, 10000, got);
    assert_in_range(got[1], 48, 52); /* five times as dear: each 200th */
}

static uint32_t home_of(enum conf_strategy s, uint64_t session, struct contender *c, uint32_t n)
{
    struct choice x = choice_of(s);
    struct contender copy[N];
    x.session = session;
    memcpy(copy, c, n * sizeof(*c));
    strategy_rank(&x, copy, n);
    return copy[0].index;
}

/* A session stays; without one target only its own sessions move; load beyond the share moves. */
static void test_sticky(void **unused)
{
    (void)unused;
    struct contender c[N];
    unsigned got[N] = {0}, moved = 0;
    all(c);
    for (uint64_t s = 1; s <= 4000; s++) {
        const uint32_t home = home_of(CONF_STRATEGY_STICKY, s, c, N);
        got[home]++;
        assert_int_equal(home_of(CONF_STRATEGY_STICKY, s, c, N), home);
        if (home_of(CONF_STRATEGY_STICKY, s, c, 3) != home) {
            assert_int_equal(home, 3);
            moved++;
        }
    }
    for (uint32_t i = 0; i < N; i++)
        assert_in_range(got[i], 900, 1100);
    assert_int_equal(moved, got[3]);
    const uint32_t home = home_of(CONF_STRATEGY_STICKY, 7, c, N);
    for (uint32_t i = 0; i < N; i++)
        c[i].in_flight = 4;
    assert_int_equal(home_of(CONF_STRATEGY_STICKY, 7, c, N), home);
    c[home].in_flight = 40;
    assert_int_not_equal(home_of(CONF_STRATEGY_STICKY, 7, c, N), home);
    /* A line that is added above moves nobody: names count, not places in the file. */
    all(c);
    for (uint32_t i = 0; i < N; i++)
        targets[i].provider += 3;
    assert_int_equal(home_of(CONF_STRATEGY_STICKY, 7, c, N), home);
}

static void test_cache_aware(void **unused)
{
    (void)unused;
    struct contender c[N];
    all(c);
    c[2].warm = 0.9, c[2].usd = 300000;
    for (uint64_t s = 1; s < 100; s++)
        assert_int_equal(home_of(CONF_STRATEGY_CACHE_AWARE, s, c, N), 2);
    c[2].seen.error_rate = 0.8; /* warm, and broken: it is looked at */
    unsigned there = 0;
    for (uint64_t s = 1; s <= 80; s++)
        there += home_of(CONF_STRATEGY_CACHE_AWARE, s, c, N) == 2;
    assert_in_range(there, 1, 3);
    all(c); /* nothing is warm: each session has its place */
    const uint32_t home = home_of(CONF_STRATEGY_CACHE_AWARE, 5, c, N);
    assert_int_equal(home_of(CONF_STRATEGY_CACHE_AWARE, 5, c, N), home);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_weights, setup),
        cmocka_unit_test_setup(test_priority_is_the_written_order, setup),
        cmocka_unit_test_setup(test_one_figure, setup),
        cmocka_unit_test_setup(test_latency_by_its_beginning_or_all, setup),
        cmocka_unit_test_setup(test_balanced, setup),
        cmocka_unit_test_setup(test_fast_errors_do_not_win, setup),
        cmocka_unit_test_setup(test_the_ill_stand_behind, setup),
        cmocka_unit_test_setup(test_recovery_is_confirmed, setup),
        cmocka_unit_test_setup(test_trials_are_slow_starts, setup),
        cmocka_unit_test_setup(test_looks_have_their_price, setup),
        cmocka_unit_test_setup(test_sticky, setup),
        cmocka_unit_test_setup(test_cache_aware, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
