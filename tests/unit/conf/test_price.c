/* SPDX-License-Identifier: Apache-2.0 */
/* What a file says of models' prices and limits, and where the catalogue is. */
#include "conf_check.h"

#include "base/price.h"

static void load_one(struct loaded *l, const char *rest)
{
    char text[2048];
    snprintf(text, sizeof(text),
             "providers:\n  - { name: p, dialect: openai, baseURL: 'http://h/v1', %s }\n", rest);
    load_text(l, text, ENV("HOME=/nowhere"));
}

static void test_models_in_every_form(void **state)
{
    (void)state;
    static const char *const forms[] = {
        "models: [ a, { name: b, context: 128k } ]",
        "models: { a: {}, b: { context: 128k } }",
        "models: [ { name: a }, { name: b, context: 128000 } ]",
    };
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct loaded l;
        load_one(&l, forms[i]);
        assert_loads(&l);
        const struct conf_provider *p = &l.s->providers[0];
        assert_int_equal(p->nmodels, 2);
        assert_str(p->models[0], "a");
        assert_str(p->models[1], "b");
        assert_false(p->models_open);
        assert_null(conf_find_served(p, STR("a"))); /* nothing but its name is known */
        assert_int_equal(conf_find_served(p, STR("b"))->context, 128000);
        loaded_fini(&l);
    }
    struct loaded l;
    load_one(&l, "models: a");
    assert_loads(&l);
    assert_int_equal(l.s->providers[0].nmodels, 1);
    loaded_fini(&l);
    load_one(&l, "models: []");
    assert_loads(&l);
    assert_true(l.s->providers[0].models_open);
    loaded_fini(&l);
}

static void test_prices_are_exact(void **state)
{
    (void)state;
    struct loaded l;
    load_one(&l, "models: [ { name: a, as: openai/gpt-5, maxOutput: 8k, price: { input: 0.27, "
                 "cacheRead: 0.0028, output: 0, search: 0.01 } } ]");
    assert_loads(&l);
    const struct conf_served *s = conf_find_served(&l.s->providers[0], STR("a"));
    assert_str(s->as, "openai/gpt-5");
    assert_int_equal(s->max_output, 8000);
    assert_true(s->has_price);
    assert_int_equal(s->price.of[PRICE_INPUT], 270000000);
    assert_int_equal(s->price.of[PRICE_CACHE_READ], 2800000);
    assert_int_equal(s->price.of[PRICE_SEARCH], 10000000);
    assert_int_equal(s->price.of[PRICE_OUTPUT], 0);
    /* zero is a price; what is not there is none */
    assert_int_equal(s->price.has, 1u << PRICE_INPUT | 1u << PRICE_CACHE_READ | 1u << PRICE_OUTPUT |
                                       1u << PRICE_SEARCH);
    loaded_fini(&l);
}

static void test_whose_prices(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum conf_prices want;
    } rows[] = {{"enabled: true", CONF_PRICES_OWN},
                {"prices: free", CONF_PRICES_FREE},
                {"prices: unknown", CONF_PRICES_UNKNOWN},
                {"prices: openai", CONF_PRICES_OF}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct loaded l;
        load_one(&l, rows[i].text);
        assert_loads(&l);
        const struct conf_provider *p = &l.s->providers[0];
        assert_int_equal(p->prices, rows[i].want);
        assert_true(p->prices != CONF_PRICES_OF || p->prices_line == 2);
        loaded_fini(&l);
    }
}

static void test_p12_faults(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"models: [ { context: 1k } ]", "'name' is missing"},
        {"models: [ { name: a, price: { input: -1 } } ]", "price.input: '-1' is out of range"},
        {"models: [ { name: a, price: { input: 1000001 } } ]", "out of range"},
        {"models: [ { name: a, price: { input: '1 EUR' } } ]", "is not an amount in US dollars"},
        {"models: [ { name: a, price: { inptu: 1 } } ]", "did you mean 'input'?"},
        {"models: [ { name: a, price: 3 } ]", "must be a map"},
        {"models: [ { name: a, context: lots } ]", "models[0].context"},
        {"models: [ [ a ] ]", "must be a map"},
        {"models: [ '' ]", "is empty"},
        {"models: 'a', catalogue: x", "unknown key 'catalogue'"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct loaded l;
        load_one(&l, rows[i][0]);
        assert_int_equal(l.rc, RC_CONFIG);
        assert_says(&l, rows[i][1]);
        loaded_fini(&l);
    }
}

static void test_the_catalogue_must_be_there(void **state)
{
    (void)state;
    struct loaded l;
    load_text(&l, "providers: [ { name: openai, apiKey: k } ]\ncatalogue: no-such.json\n",
              ENV("HOME=/nowhere"));
    assert_int_equal(l.rc, RC_CONFIG);
    assert_says(&l, "catalogue.file");
    loaded_fini(&l);
    /* the other spelling; a path from the file's own folder */
    load_text(&l, "providers: [ { name: openai, apiKey: k } ]\ncatalog: { file: /dev/null }\n",
              ENV("HOME=/nowhere"));
    assert_loads(&l);
    assert_str(l.s->catalogue_file, "/dev/null");
    loaded_fini(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_models_in_every_form),
        cmocka_unit_test(test_prices_are_exact),
        cmocka_unit_test(test_whose_prices),
        cmocka_unit_test(test_p12_faults),
        cmocka_unit_test(test_the_catalogue_must_be_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
