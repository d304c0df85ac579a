/* SPDX-License-Identifier: Apache-2.0 */
/* cost: each class, what stands for one that has no price, tiers, times, and the ends of numbers.
 */
#include "prices.h"

static struct arena arena;

static struct cost cost_at(const char *model, const struct usage *u, uint64_t unix_ms)
{
    struct card card = card_of(&arena, model);
    struct cost c;
    cost_of(card_price(&card, unix_ms), u, &c);
    return c;
}

static struct cost cost(const char *model, const struct usage *u)
{
    return cost_at(model, u, at(20454, 0, 0));
}

static void is(struct cost c, nanousd usd, uint32_t missing)
{
    if (c.usd != usd || c.missing != missing)
        fail_msg("%lld nano, missing %x; want %lld, %x", (long long)c.usd, c.missing,
                 (long long)usd, missing);
}

#define BIT(c) (1u << PRICE_##c)

#define ALL                                                                                \
    "{'id':'p/m','price':{'input':3,'output':15,'cacheRead':0.3,'cacheWrite':3.75,"        \
    "'cacheWrite1h':6,'reasoning':20,'audioInput':40,'audioOutput':80,'audioCacheRead':4," \
    "'imageInput':5,'imageOutput':30,'request':0.005,'search':0.01,'audioHour':0.36,"      \
    "'picture':0.04,'rank':0.002,'character':15}}"
#define TWO "{'id':'p/m','price':{'input':3,'output':15}}"

static void test_each_class_has_its_price(void **state)
{
    (void)state;
    const nanousd call = 5000000; /* each call costs half a cent besides */
    static const struct {
        struct usage u;
        nanousd usd;
    } rows[] = {
        {{.input_uncached = 1000}, 3000000},
        {{.output = 1000}, 15000000},
        {{.cache_read = 1000}, 300000},
        {{.cache_write_5m = 1000}, 3750000},
        {{.cache_write_1h = 1000}, 6000000},
        {{.output = 1000, .reasoning = 400}, 600 * 15000 + 400 * 20000},
        {{.input_uncached = 1000, .audio_in = 400}, 600 * 3000 + 400 * 40000},
        {{.output = 1000, .audio_out = 400}, 600 * 15000 + 400 * 80000},
        {{.input_uncached = 100, .cache_read = 100, .audio_in = 150},
         100 * 40000 + 50 * 4000 + 50 * 300},
        {{.input_uncached = 1000, .image_in = 400}, 600 * 3000 + 400 * 5000},
        {{.output = 1000, .image_out = 400}, 600 * 15000 + 400 * 30000},
        {{.searches = 3}, 30000000},
        {{.audio_ms = 1800000}, 180000000},
        {{.pictures = 2}, 80000000},
        {{.units = 3}, 6000000},
        {{.characters = 1000}, 15000000},
        /* Who reports tokens is paid for tokens. */
        {{.has = USAGE_HAS_INPUT, .input_uncached = 1000, .pictures = 2, .units = 3}, 3000000},
        /* What is billed is not what was read. */
        {{.has = USAGE_HAS_BILLED | USAGE_HAS_INPUT,
          .input_uncached = 100,
          .cache_read = 400,
          .output = 9,
          .billed_in = 10,
          .billed_out = 1},
         10 * 3000 + 15000},
        {{0}, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        is(cost(ALL, &rows[i].u), call + rows[i].usd, 0);
}

/* What is cached, of sound or thought costs as the rest does where no price of its own is known. */
static void test_an_unknown_discount_is_none(void **state)
{
    (void)state;
    struct usage u = {.input_uncached = 10,
                      .cache_read = 20,
                      .cache_write_5m = 30,
                      .cache_write_1h = 40,
                      .output = 100,
                      .reasoning = 50,
                      .audio_in = 5,
                      .audio_out = 5,
                      .image_out = 5};
    is(cost(TWO, &u), 100 * 3000 + 100 * 15000, 0);
    is(cost("{'id':'p/m','price':{'input':3,'cacheWrite':3.75,'output':15}}",
            &(struct usage){.cache_write_1h = 1000}),
       3750000, 0);
}

static void test_p14_what_has_no_price_is_not_free(void **state)
{
    (void)state;
    struct usage u = {.input_uncached = 1000, .output = 1000, .searches = 2};
    struct cost c;
    is(cost(TWO, &u), 18000000, BIT(SEARCH));
    is(cost("{'id':'p/m','price':{'output':15}}", &u), 15000000, BIT(SEARCH) | BIT(INPUT));
    is(cost("{'id':'p/m','price':{}}", &u), 0, BIT(SEARCH) | BIT(INPUT) | BIT(OUTPUT));
    is(cost(TWO, &(struct usage){.pictures = 1, .units = 1, .characters = 1}), 0,
       BIT(PICTURE) | BIT(RANK) | BIT(CHARACTER));
    cost_of(NULL, &u, &c);
    is(c, 0, BIT(SEARCH) | BIT(INPUT) | BIT(OUTPUT) | BIT(REQUEST));
    /* A price of zero is a price. */
    is(cost("{'id':'p/m','price':{'input':0,'output':0,'search':0}}", &u), 0, 0);
}

/* Parts beyond what they are parts of: a provider's numbers may be anything. */
static void test_parts_are_never_more_than_the_whole(void **state)
{
    (void)state;
    struct usage u = {.input_uncached = 10,
                      .output = 10,
                      .reasoning = 8,
                      .audio_out = 8,
                      .audio_in = 1000,
                      .image_out = 1000};
    is(cost(ALL, &u), 5000000 + 10 * 40000 + 8 * 20000 + 2 * 80000, 0);
}

static void test_the_sum_is_rounded_once(void **state)
{
    (void)state;
    const char *m = "{'id':'p/m','price':{'input':0.0004,'output':0.0001}}";
    is(cost(m, &(struct usage){.input_uncached = 1}), 0, 0);              /* 0.4 */
    is(cost(m, &(struct usage){.input_uncached = 1, .output = 1}), 1, 0); /* 0.5, half up */
    is(cost(m, &(struct usage){.input_uncached = 2, .output = 6}), 1, 0); /* 1.4 */
}

static void test_tiers_are_of_the_whole_call(void **state)
{
    (void)state;
    const char *m = "{'id':'p/m','price':{'input':3,'output':15,'cacheRead':0.3,'tiers':["
                    "{'above':200000,'input':6,'output':22.5},{'above':500000,'input':9}]}}";
    is(cost(m, &(struct usage){.input_uncached = 200000, .output = 1}), 600015000, 0);
    is(cost(m, &(struct usage){.input_uncached = 200001, .output = 1}), 1200028500, 0);
    /* Cached input counts for the size; a class that the tier leaves out costs as in the base. */
    is(cost(m, &(struct usage){.input_uncached = 1, .cache_read = 200000}), 6000 + 60000000, 0);
    is(cost(m, &(struct usage){.input_uncached = 500001, .output = 1}), 4500009000 + 15000, 0);
}

static void test_periods_by_date_and_hour(void **state)
{
    (void)state;
    const char *m = "{'id':'p/m','prices':[{'input':1},{'from':'2026-03-13','input':2},"
                    "{'from':'2026-06-01','hours':'23:00-01:30','input':9}]}";
    struct usage u = {.input_uncached = 1000};
    is(cost_at(m, &u, at(20524, 23, 59)), 1000000, 0); /* 2026-03-12 */
    is(cost_at(m, &u, at(20525, 0, 0)), 2000000, 0);
    is(cost_at(m, &u, at(20604, 23, 0)), 2000000, 0); /* 2026-05-31 */
    is(cost_at(m, &u, at(20605, 1, 29)), 9000000, 0);
    is(cost_at(m, &u, at(20605, 1, 30)), 2000000, 0);
    is(cost_at(m, &u, at(20605, 22, 59)), 2000000, 0);
    is(cost_at(m, &u, at(20605, 23, 0)), 9000000, 0);
    /* Before the first there is none: unknown, not the first one. */
    is(cost_at("{'id':'p/m','prices':[{'from':'2026-03-13','input':2}]}", &u, at(20524, 0, 0)), 0,
       BIT(INPUT) | BIT(REQUEST));
}

static void test_nothing_wraps(void **state)
{
    (void)state;
    struct usage all = {UINT64_MAX / 4,        UINT64_MAX / 4,       UINT64_MAX / 4,
                        UINT64_MAX / 4,        .output = UINT64_MAX, .searches = UINT64_MAX,
                        .audio_ms = UINT64_MAX};
    const char *dear = "{'id':'p/m','price':{'input':1000000,'output':1000000,'request':1000000,"
                       "'search':1000000,'audioHour':1000000}}";
    struct cost c = cost(dear, &all);
    assert_true(c.saturated && c.usd == INT64_MAX && !c.missing);
    c = cost(dear, &(struct usage){.input_uncached = USAGE_TOKENS_MAX});
    assert_true(c.saturated && c.usd == INT64_MAX);
    c = cost(dear, &(struct usage){.input_uncached = 9000000000});
    assert_true(!c.saturated &&
                c.usd == 9000000000 * INT64_C(1000000000) + INT64_C(1000000000000000));
    assert_true(usd_add(INT64_MAX - 1, 1) == INT64_MAX && usd_add(INT64_MAX, 1) == INT64_MAX);
    assert_true(usd_add(2, 3) == 5);
}

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 1 << 24);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_class_has_its_price),
        cmocka_unit_test(test_an_unknown_discount_is_none),
        cmocka_unit_test(test_p14_what_has_no_price_is_not_free),
        cmocka_unit_test(test_parts_are_never_more_than_the_whole),
        cmocka_unit_test(test_the_sum_is_rounded_once),
        cmocka_unit_test(test_tiers_are_of_the_whole_call),
        cmocka_unit_test(test_periods_by_date_and_hour),
        cmocka_unit_test(test_nothing_wraps),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
