/* SPDX-License-Identifier: Apache-2.0 */
/* U44: sums of tokens that can't go wrong. */
#include "../unit.h"

#include "ir/usage.h"

static void test_u44_the_parts_of_a_prompt(void **state)
{
    struct usage u = {0};
    (void)state;
    usage_set_prompt(&u, 100, 30, 20);
    assert_int_equal(u.input_uncached, 50);
    assert_int_equal(u.cache_read, 30);
    assert_int_equal(u.cache_write_5m, 20);
    assert_int_equal(usage_prompt(&u), 100);
    assert_false(u.suspect);
    usage_set_prompt(&u, 100, 300, 20); /* more from the cache than there is */
    assert_int_equal(u.cache_read, 100);
    assert_int_equal(u.cache_write_5m, 0);
    assert_int_equal(usage_prompt(&u), 100);
    assert_true(u.suspect);
    usage_set_prompt(&u, USAGE_TOKENS_MAX, USAGE_TOKENS_MAX, USAGE_TOKENS_MAX);
    assert_true(usage_prompt(&u) == USAGE_TOKENS_MAX);
}

static void test_u44_snapshots_replace(void **state)
{
    struct usage u = {0};
    struct usage a = {.input_uncached = 5,
                      .cache_read = 7,
                      .has = USAGE_HAS_INPUT | USAGE_HAS_CACHE,
                      .source = USAGE_REPORTED};
    struct usage b = {.output = 9,
                      .reasoning = 4,
                      .has = USAGE_HAS_OUTPUT | USAGE_HAS_REASONING,
                      .source = USAGE_ESTIMATED};
    struct usage c = {.output = 3, .has = USAGE_HAS_OUTPUT};
    (void)state;
    usage_merge(&u, &a);
    usage_merge(&u, &b);
    assert_int_equal(usage_prompt(&u), 12);
    assert_int_equal(u.output, 9);
    assert_int_equal(u.source, USAGE_REPORTED);
    usage_merge(&u, &c); /* cumulative: the last one, not the sum; its reasoning is clamped */
    assert_int_equal(u.output, 3);
    assert_int_equal(u.reasoning, 3);
    assert_true(u.suspect);
    struct usage more = {.image_in = 4,
                         .image_out = 5,
                         .cost = 77,
                         .audio_ms = 9,
                         .has = USAGE_HAS_IMAGE | USAGE_HAS_COST};
    usage_merge(&u, &more);
    usage_merge(&u, &(struct usage){.has = 0}); /* who says nothing of it takes nothing away */
    assert_int_equal(u.image_in + u.image_out + u.audio_ms, 18);
    assert_int_equal(u.cost, 77);
    /* an input without a word of the cache leaves what is known of it */
    struct usage d = {.input_uncached = 6, .has = USAGE_HAS_INPUT};
    usage_merge(&u, &d);
    assert_int_equal(u.cache_read, 7);
    assert_int_equal(u.input_uncached, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_u44_the_parts_of_a_prompt),
        cmocka_unit_test(test_u44_snapshots_replace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
