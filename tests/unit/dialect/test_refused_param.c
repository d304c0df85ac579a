/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences of real providers: does one name a parameter that may be left out? */
#include "../unit.h"

#include "dialect/refused.h"

static void test_sentences(void **state)
{
    static const struct {
        const char *message, *name, *instead; /* name NULL: it says something else */
    } rows[] = {
        {"Unsupported parameter: 'max_tokens' is not supported with this model. Use "
         "'max_completion_tokens' instead.",
         "max_tokens", "max_completion_tokens"},
        {"Unsupported value: 'temperature' does not support 0.2 with this model. Only the default "
         "(1) value is supported.",
         "temperature", NULL},
        {"Unknown parameter: 'thinking.budget_tokens'.", "thinking.budget_tokens", NULL},
        {"Unrecognized request argument supplied: seed", "seed", NULL},
        {"Unrecognized request arguments supplied: seed, user", "seed", NULL},
        {"Invalid JSON payload received. Unknown name \"foo\" at 'generation_config': Cannot find "
         "field.",
         "foo", NULL},
        {"property 'logprobs' is unsupported", "logprobs", NULL},
        {"store: Extra inputs are not permitted", "store", NULL},
        {"`temperature` is deprecated for this model.", "temperature", NULL},
        {"reasoning_effort is not supported with this model", "reasoning_effort", NULL},
        {"The model does not support parameter top_k.", "top_k", NULL},
        /* what a request is about */
        {"Unsupported parameter: 'messages'", NULL, NULL},
        {"tools.0.custom.input_schema: Extra inputs are not permitted", NULL, NULL},
        {"Unknown parameter: 'input[0].content'.", NULL, NULL},
        /* something else */
        {"Invalid value for 'temperature': expected a number", NULL, NULL},
        {"prompt is too long: 10 tokens > 5 maximum", NULL, NULL},
        {"Image input is not supported with this model", "input", NULL},
        {"", NULL, NULL},
        {"Unsupported parameter: ", NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct fail f = {.kind = ERR_BAD_REQUEST, .message = str_c(rows[i].message)};
        struct refused r = {STR_NONE, STR_NONE};
        bool got = refused_read(&f, &r);
        bool kept = rows[i].name && strcmp(rows[i].name, "input") == 0;
        if (got != (rows[i].name && !kept))
            fail_msg("%s: %s", rows[i].message, got ? "taken for a refusal" : "not understood");
        if (!got)
            continue;
        assert_str(r.name, rows[i].name);
        assert_true(rows[i].instead ? str_eq(r.instead, str_c(rows[i].instead)) : !r.instead.n);
    }
}

static void test_codes(void **state)
{
    struct fail f = {.kind = ERR_BAD_REQUEST,
                     .message = STR("no"),
                     .param = STR("top_p"),
                     .code = STR("unsupported_parameter")};
    struct refused r;
    (void)state;
    assert_true(refused_read(&f, &r));
    assert_str(r.name, "top_p");
    f.code = STR("invalid_value"); /* the value is wrong, not the parameter */
    assert_false(refused_read(&f, &r));
    f.code = STR("unsupported_parameter");
    f.kind = ERR_RATE_LIMITED;
    assert_false(refused_read(&f, &r));
    f.kind = ERR_BAD_REQUEST;
    f.param = STR("model");
    assert_false(refused_read(&f, &r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sentences),
        cmocka_unit_test(test_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
