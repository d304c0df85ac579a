/* SPDX-License-Identifier: Apache-2.0 */
/* Which targets can serve a request at all, and where. */
#include "../unit.h"

#include "base/check.h"
#include "route/filter.h"

static void test_what_is_not_known_fits(void **unused)
{
    (void)unused;
    const struct filter_needs all = {.can = ~0u, .prompt = 1u << 30, .output = 1u << 30};
    const struct filter_able unknown = {0};
    assert_int_equal(filter_able(&unknown, &all), REASON_FITS);
    const struct filter_able window = {.context = 1u << 31};
    assert_int_equal(filter_able(&window, &all), REASON_FITS); /* both fit, to the token */
}

static void test_each_ability(void **unused)
{
    (void)unused;
    static const struct {
        unsigned can;
        enum plan_reason why;
        bool soft;
    } rows[] = {
        {FILTER_TOOLS, REASON_TOOLS, true},           {FILTER_IMAGES, REASON_IMAGES, false},
        {FILTER_AUDIO, REASON_AUDIO, false},          {FILTER_DOCUMENTS, REASON_DOCUMENTS, true},
        {FILTER_STRUCTURED, REASON_STRUCTURED, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct filter_needs needs = {.can = rows[i].can};
        const struct filter_able none = {.knows_can = true}, all = {.knows_can = true, .can = ~0u};
        assert_int_equal(filter_able(&none, &needs), rows[i].why);
        assert_int_equal(filter_able(&all, &needs), REASON_FITS);
        assert_int_equal(filter_is_soft(rows[i].why), rows[i].soft);
        assert_true(filter_word(rows[i].why).n > 0);
    }
    /* Of two that are missing the surer one is told. */
    const struct filter_needs two = {.can = FILTER_STRUCTURED | FILTER_IMAGES};
    const struct filter_able none = {.knows_can = true};
    assert_int_equal(filter_able(&none, &two), REASON_IMAGES);
}

static void test_sizes(void **unused)
{
    (void)unused;
    const struct filter_able able = {.context = 1000, .max_output = 100};
    struct filter_needs needs = {.prompt = 900, .output = 100};
    assert_int_equal(filter_able(&able, &needs), REASON_FITS);
    needs.output = 101;
    assert_int_equal(filter_able(&able, &needs), REASON_OUTPUT);
    needs = (struct filter_needs){.prompt = 901, .output = 100};
    assert_int_equal(filter_able(&able, &needs), REASON_CONTEXT);
    needs.prompt = 0; /* not estimated */
    assert_int_equal(filter_able(&able, &needs), REASON_FITS);
    assert_true(filter_is_soft(REASON_CONTEXT) && filter_is_soft(REASON_OUTPUT));
    assert_false(filter_is_soft(REASON_REGION));
}

static void test_regions(void **unused)
{
    (void)unused;
    static const str names[] = {STR("eu"), STR("europe*"), STR("us-east-1")};
    const struct conf_regions of = {names, ARRAY_LEN(names)}, any = {0};
    assert_true(filter_region(&of, STR("eu")));
    assert_true(filter_region(&of, STR("EU-West-1")));
    assert_true(filter_region(&of, STR("europe-west4")));
    assert_true(filter_region(&of, STR("us-east-1")));
    assert_false(filter_region(&of, STR("us-east-10"))); /* begins so, and is another */
    assert_false(filter_region(&of, STR("eus")));
    assert_false(filter_region(&of, STR("us")));
    assert_false(filter_region(&of, STR_NONE)); /* nobody said where it runs */
    assert_true(filter_region(&any, STR_NONE));
    assert_true(filter_region(NULL, STR("anywhere")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_not_known_fits),
        cmocka_unit_test(test_each_ability),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_regions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
