/* SPDX-License-Identifier: Apache-2.0 */
/* What providers say their answers cost; numbers that cannot be money were not given. */
#include "../unit.h"

#include "dialect/usage_cost.h"

static void test_p14_costs_as_providers_spell_them(void **state)
{
    static const struct {
        const char *usage;
        nanousd want; /* -1: none */
    } rows[] = {
        {"{\"cost\":0.00129}", 1290000},
        {"{\"cost\":0}", 0},
        {"{\"cost\":0.00014399999999999998}", 144000},
        {"{\"cost\":1e-7,\"is_byok\":false}", 100},
        {"{\"cost\":0.0001,\"is_byok\":true,\"cost_details\":{\"upstream_inference_cost\":0.002}}",
         2100000},
        {"{\"cost\":0,\"is_byok\":true,\"cost_details\":{\"upstream_inference_cost\":null}}", -1},
        {"{\"cost\":0,\"is_byok\":true}", -1},
        {"{\"cost\":{\"total_cost\":0.00621,\"request_cost\":0.006}}", 6210000},
        {"{\"cost\":{}}", -1},
        {"{\"cost_in_usd_ticks\":4389405}", 438941},
        {"{\"cost_in_usd_ticks\":0,\"cost\":3}", 0},
        {"{\"cost_in_usd_ticks\":-5}", -1},
        {"{\"cost_in_usd_ticks\":18446744073709551615}", -1},
        {"{\"cost\":-1}", -1},
        {"{\"cost\":\"0.1\"}", -1},
        {"{\"cost\":1000001}", -1},
        {"{\"cost\":1e99}", -1},
        {"{\"cost\":null}", -1},
        {"{}", -1},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct json_node nodes[64];
        struct json_doc doc;
        struct usage u = {.cost = -1};
        assert_int_equal(json_parse_into(nodes, 64, str_c(rows[i].usage), &doc, NULL), RC_OK);
        usage_read_cost(json_root(&doc), &u);
        if (u.cost != rows[i].want || !!(u.has & USAGE_HAS_COST) != (rows[i].want >= 0))
            fail_msg("%s: %lld", rows[i].usage, (long long)u.cost);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_p14_costs_as_providers_spell_them)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
