/* SPDX-License-Identifier: Apache-2.0 */
/* claude-code-router's order, row for row, with what was mended in it. */
#include "../unit.h"

#include "base/check.h"
#include "route/scenario.h"

static const struct conf_route route = {.name = STR("r")};

#define SLOT(id)  (1u << CONF_SCENARIO_##id)
#define ALL_SLOTS ((1u << CONF_SCENARIO_COUNT) - 1)

static void assert_goes(const struct scenario_facts *f, unsigned set, enum scenario_kind kind,
                        enum conf_scenario which)
{
    const struct conf_route *slots[CONF_SCENARIO_COUNT];
    for (unsigned i = 0; i < CONF_SCENARIO_COUNT; i++)
        slots[i] = set >> i & 1 ? &route : NULL;
    const struct scenario_choice got = scenario_choose(f, slots);
    assert_int_equal(got.kind, kind);
    if (kind == SCENARIO_SLOT)
        assert_int_equal(got.which, which);
}

#define EVERYTHING                                                                           \
    .model = STR("claude-haiku-4-5"), .images_now = true, .is_long = true, .subagent = true, \
    .web_search = true, .thinks = true

/* With everything true at once, each slot that is taken away uncovers the next of the order. */
static void test_the_order(void **unused)
{
    const struct scenario_facts f = {EVERYTHING};
    struct scenario_facts untagged = f;
    unsigned set = ALL_SLOTS;
    (void)unused;
    untagged.subagent = false;
    assert_goes(&f, set, SCENARIO_SLOT, CONF_SCENARIO_IMAGE);
    set &= ~SLOT(IMAGE);
    assert_goes(&f, set, SCENARIO_SLOT, CONF_SCENARIO_LONG_CONTEXT);
    set &= ~SLOT(LONG_CONTEXT);
    assert_goes(&f, set, SCENARIO_SUBAGENT, CONF_SCENARIO_DEFAULT);
    assert_goes(&untagged, set, SCENARIO_SLOT, CONF_SCENARIO_BACKGROUND);
    set &= ~SLOT(BACKGROUND);
    assert_goes(&untagged, set, SCENARIO_SLOT, CONF_SCENARIO_WEB_SEARCH);
    set &= ~SLOT(WEB_SEARCH);
    assert_goes(&untagged, set, SCENARIO_SLOT, CONF_SCENARIO_THINK);
    set &= ~SLOT(THINK);
    assert_goes(&untagged, set, SCENARIO_NONE, CONF_SCENARIO_DEFAULT);
}

/* Each fact alone. */
static void test_each_alone(void **unused)
{
    static const struct {
        struct scenario_facts f;
        enum scenario_kind kind;
        enum conf_scenario which;
    } cases[] = {
        {{.model = STR("claude-sonnet-4-5")}, SCENARIO_NONE, CONF_SCENARIO_DEFAULT},
        {{.model = STR("m"), .images_now = true}, SCENARIO_SLOT, CONF_SCENARIO_IMAGE},
        {{.model = STR("m"), .images_blind = true}, SCENARIO_SLOT, CONF_SCENARIO_IMAGE},
        {{.model = STR("m"), .is_long = true}, SCENARIO_SLOT, CONF_SCENARIO_LONG_CONTEXT},
        {{.model = STR("m"), .subagent = true}, SCENARIO_SUBAGENT, CONF_SCENARIO_DEFAULT},
        {{.model = STR("claude-haiku-4-5-20251001")}, SCENARIO_SLOT, CONF_SCENARIO_BACKGROUND},
        {{.model = STR("m"), .web_search = true}, SCENARIO_SLOT, CONF_SCENARIO_WEB_SEARCH},
        {{.model = STR("m"), .thinks = true}, SCENARIO_SLOT, CONF_SCENARIO_THINK},
    };
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_goes(&cases[i].f, ALL_SLOTS, cases[i].kind, cases[i].which);
        if (cases[i].kind == SCENARIO_SLOT) /* none is set: the usual model */
            assert_goes(&cases[i].f, 0, SCENARIO_NONE, CONF_SCENARIO_DEFAULT);
    }
}

static void test_errands(void **unused)
{
    (void)unused;
    assert_true(scenario_is_errand(STR("claude-3-5-haiku-20241022")));
    assert_true(scenario_is_errand(STR("Claude-HAIKU-4-5")));
    assert_true(scenario_is_errand(STR("anthropic.claude-haiku-4-5-v1:0")));
    assert_true(scenario_is_errand(STR("gemini-3.5-flash-lite")));
    assert_true(scenario_is_errand(STR("gpt-5-nano")));
    assert_false(scenario_is_errand(STR("claude-sonnet-4-5")));
    assert_false(scenario_is_errand(STR("haiku")));
    assert_false(scenario_is_errand(STR("claude")));
    assert_false(scenario_is_errand(STR("")));
}

/* Above the threshold; or above 20,000 where the session's last prompt was above it. */
static void test_long(void **unused)
{
    (void)unused;
    assert_int_equal(scenario_long_from(60000, 0), 60000);
    assert_int_equal(scenario_long_from(60000, 60000), 60000);
    assert_int_equal(scenario_long_from(60000, 60001), SCENARIO_ERRAND);
    assert_int_equal(scenario_long_from(1000, 90000), 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_order),
        cmocka_unit_test(test_each_alone),
        cmocka_unit_test(test_errands),
        cmocka_unit_test(test_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
