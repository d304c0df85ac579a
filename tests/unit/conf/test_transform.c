/* SPDX-License-Identifier: Apache-2.0 */
/* Transforms as they are written, and claude-code-router's transformers, as the edits they become.
 */
#include "conf_check.h"

/* "set temperature 0.2; rename a b; [m1,m2] header x y; remedies 4", entry by entry. */
static void print_transforms(struct buf *to, const struct conf_transforms *all)
{
    static const char *const ops[] = {"set", "replace", "default", "atMost", "rename", "delete"};
    for (uint32_t i = 0; i < all->n; i++) {
        const struct conf_transform *t = &all->v[i];
        for (uint32_t k = 0; k < t->nmodels; k++)
            buf_addf(to, "[" STR_FMT "] ", STR_ARG(t->models[k]));
        for (uint32_t k = 0; k < t->nedits; k++)
            buf_addf(to, "%s " STR_FMT " " STR_FMT "; ", ops[t->edits[k].op],
                     STR_ARG(t->edits[k].path), STR_ARG(t->edits[k].value));
        for (uint32_t k = 0; k < t->nheaders; k++)
            buf_addf(to, "header " STR_FMT " " STR_FMT "; ", STR_ARG(t->headers[k].name),
                     STR_ARG(secret_reveal(&t->headers[k].value)));
        if (t->remedies)
            buf_addf(to, "remedies %u; ", t->remedies);
    }
}

struct row {
    const char *yaml, *want;
};

static void each(const char *before, const char *behind, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct loaded l;
        char text[2048];
        struct buf got = BUF_INIT(1 << 16);
        snprintf(text, sizeof(text), "%s%s%s", before, rows[i].yaml, behind);
        load_text(&l, text, ENV("T=title"));
        assert_loads(&l);
        print_transforms(&got, &l.s->providers[0].transforms);
        if (!str_eq(buf_str(&got), str_c(rows[i].want)))
            fail_msg("%s\n got: " STR_FMT "\nwant: %s", rows[i].yaml, STR_ARG(buf_str(&got)),
                     rows[i].want);
        buf_fini(&got);
        loaded_fini(&l);
    }
}

static void as_written(void **state)
{
    static const struct row rows[] = {
        {"[ set: { temperature: 0.2, a.b: [x, 1, \"1\", true, null], c: \"\" } ]",
         "set temperature 0.2; set a.b [\"x\",1,\"1\",true,null]; set c \"\"; "},
        {"{ default: { provider: { order: [a], allow: false } } }",
         "default provider {\"order\":[\"a\"],\"allow\":false}; "},
        {"[ atMost: { max_tokens: 8192 }, rename: { max_tokens: max_completion_tokens } ]",
         "atMost max_tokens 8192; rename max_tokens max_completion_tokens; "},
        {"[ delete: store, delete: [ \"messages[*].cache_control\", seed ] ]",
         "delete store ; delete messages[*].cache_control ; delete seed ; "},
        {"[ headers: { x-title: \"${T}\" } ]", "header x-title title; "},
        {"[ { models: [\"qwen*\", q], set: { a: 1.0 } }, thinkTag ]",
         "[qwen*] [q] set a 1.0; remedies 1; "},
        {"[ { models: m, maxtoken: { max_tokens: 5 } } ]",
         "[m] atMost max_tokens 5; atMost max_completion_tokens 5; atMost max_output_tokens 5; "
         "atMost generationConfig.maxOutputTokens 5; atMost inferenceConfig.maxTokens 5; "},
        {"~", ""},
        {"[ [openrouter, { provider: { only: [x] }, a.b: 01 }], ~ ]",
         "set provider {\"only\":[\"x\"]}; set a.b \"01\"; "},
    };
    (void)state;
    each("providers: [ { name: x, dialect: openai, baseURL: \"http://h\", transforms: ", " } ]\n",
         rows, sizeof(rows) / sizeof(*rows));
}

/* CCR.md's list of built-in transformers, each by its name with its options. */
static void transformers(void **state)
{
    static const struct row rows[] = {
        {"\"use\": [\"OpenAI\"]", ""},
        {"\"use\": [[\"maxtoken\", {\"max_tokens\": 9}]]",
         "atMost max_tokens 9; atMost max_completion_tokens 9; atMost max_output_tokens 9; "
         "atMost generationConfig.maxOutputTokens 9; atMost inferenceConfig.maxTokens 9; "},
        {"\"use\": [\"maxtoken\"]", ""},
        {"\"use\": [\"MaxCompletionTokens\"]", "rename max_tokens max_completion_tokens; "},
        {"\"use\": [[\"sampling\", {\"temperature\": 0.1, \"top_k\": 3}]]",
         "set temperature 0.1; set top_k 3; "},
        {"\"use\": [[\"sampling\", {\"max_tokens\": 5}]]",
         "replace max_tokens 5; replace max_completion_tokens 5; replace max_output_tokens 5; "
         "replace generationConfig.maxOutputTokens 5; "},
        {"\"use\": [[\"customparams\", {\"a\": {\"b\": 1}}]]", "default a {\"b\":1}; "},
        {"\"use\": [[\"openrouter\", {\"provider\": {\"order\": [\"x\"]}}]]",
         "set provider {\"order\":[\"x\"]}; "},
        {"\"use\": [[\"vercel\", {\"v\": 1}]]", "set v 1; "},
        {"\"use\": [\"deepseek\"]", "atMost max_tokens 8192; "},
        {"\"use\": [\"groq\"]", "delete **.cache_control ; delete tools.**.$schema ; "},
        {"\"use\": [\"cerebras\"]", "delete reasoning ; "},
        {"\"use\": [\"cleancache\"]",
         "delete messages.**.cache_control ; delete system.**.cache_control ; "},
        {"\"use\": [\"streamoptions\"]", ""},
        {"\"use\": [\"reasoning\"]", "remedies 32; "},
        {"\"use\": [[\"reasoning\", {\"enable\": true}]]", "remedies 32; "},
        {"\"use\": [[\"reasoning\", {\"enable\": false}]]",
         "set thinking {\"type\":\"disabled\"}; set enable_thinking false; "},
        {"\"use\": [\"tooluse\", \"enhancetool\"]", "remedies 4; remedies 8; "},
        {"\"use\": [\"forcereasoning\", \"extrathinktag\"]", "remedies 2; remedies 1; "},
        {"\"use\": [\"OpenAI\"], \"m-1\": {\"use\": [\"enhancetool\"]}", "[m-1] remedies 8; "},
    };
    (void)state;
    each("{\"Providers\": [{\"name\": \"x\", \"api_base_url\": \"http://h/v1/chat/completions\", "
         "\"api_key\": \"k\", \"models\": [\"m-1\", \"m-2\"], \"transformer\": {",
         "}}]}", rows, sizeof(rows) / sizeof(*rows));
}

static void what_is_wrong(void **state)
{
    static const struct row rows[] = {
        {"[ sett: { a: 1 } ]", "there is no transform 'sett'; did you mean 'set'?"},
        {"[ nonsense ]", "there is no transform 'nonsense'; docs/transforms.md lists them"},
        {"[ set: { a..b: 1 } ]", "'a..b': the path has an empty key"},
        {"[ set: [ a ] ]", "'set' takes a map from paths to values, not a list"},
        {"[ atMost: { a: many } ]", "'a': the limit is no number"},
        {"[ rename: { a: [b] } ]", "'a': the new name is missing"},
        {"[ delete: { a: 1 } ]", "'delete' takes a path, or a list of paths"},
        {"[ headers: { authorization: x } ]", "carries a key; use apiKey and auth"},
        {"[ headers: { x-a: ~ } ]", "header 'x-a' takes one value"},
        {"[ headers: { x-a: \"a\\nb\" } ]", "has a control character"},
        {"[ [ { a: 1 } ] ]", "a transform is a name, a map or [name, {options}]"},
        {"[ { models: { a: 1 }, set: { b: 1 } } ]", "'models' takes a model, or a list of models"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct loaded l;
        char text[512];
        snprintf(
            text, sizeof(text),
            "providers: [ { name: x, dialect: openai, baseURL: \"http://h\", transforms: %s } ]",
            rows[i].yaml);
        load_text(&l, text, ENV("HOME=/"));
        assert_int_equal(l.rc, RC_CONFIG);
        assert_says(&l, rows[i].want);
        loaded_fini(&l);
    }
}

static void of_a_logical_model(void **state)
{
    struct loaded l;
    struct buf got = BUF_INIT(1000);
    (void)state;
    load_text(&l,
              "providers: [ { name: x, dialect: openai, baseURL: \"http://h\" } ]\n"
              "models: [ { name: m, targets: [ x/y ], transforms: [ set: { a: 1 } ] } ]\n",
              ENV("HOME=/"));
    assert_loads(&l);
    print_transforms(&got, &l.s->models[0]->transforms);
    assert_str(buf_str(&got), "set a 1; ");
    buf_fini(&got);
    loaded_fini(&l);
}

static void which_models(void **state)
{
    const str models[] = {STR("qwen*"), STR("m")};
    struct conf_transform t = {.models = models, .nmodels = 2}, all = {.nmodels = 0};
    (void)state;
    assert_true(conf_transform_is_for(&t, STR("qwen3")));
    assert_true(conf_transform_is_for(&t, STR("m")));
    assert_false(conf_transform_is_for(&t, STR("m2")));
    assert_false(conf_transform_is_for(&t, STR("qwe")));
    assert_true(conf_transform_is_for(&all, STR("x")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_written),    cmocka_unit_test(transformers),
        cmocka_unit_test(what_is_wrong), cmocka_unit_test(of_a_logical_model),
        cmocka_unit_test(which_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
