/* SPDX-License-Identifier: Apache-2.0 */
/* Model names of requests: the order of DESIGN.md §2, letter case, keys, suggestions. */
#include "base/digest.h"
#include "conf_check.h"

static const char config[] =
    "providers:\n"
    "  - { name: openai, apiKey: k }\n"    /* open, claims gpt- */
    "  - { name: anthropic, apiKey: k }\n" /* open, claims claude- */
    "  - { name: Local, dialect: openai, baseURL: \"http://h/v1\", models: [ Qwen3, shared, org/m "
    "] }\n"
    "  - { name: other, dialect: openai, baseURL: \"http://o/v1\", models: [ shared ] }\n"
    "  - { name: off, dialect: openai, baseURL: \"http://x/v1\", models: [ only-off ], enabled: "
    "false }\n"
    "models:\n"
    "  - { name: smart, targets: [ anthropic/claude-a, openai/custom-b ], fallback: [ cheap ] }\n"
    "  - { name: cheap, targets: [ local/qwen3 ] }\n"
    "  - { name: openai/gpt-4o, targets: [ local/qwen3 ] }\n"
    "keys:\n"
    "  - { name: all, key: a }\n"
    "  - { name: few, key: f, models: [ cheap, \"openai,gpt-*\", shared ] }\n"
    "  - { name: one, key: o, models: [ smart ] }\n";

static const char with_default[] = "routing: { scenarios: { default: smart } }\n";

/* What `model` leads to: "route -> provider/model". Absent route: not found. */
static void expect(const struct loaded *l, const struct conf_key *key, const char *model,
                   enum conf_how how, const char *route, const char *target)
{
    struct conf_found f;
    enum rc rc = conf_resolve(l->s, key, str_c(model), &f);
    if (!route) {
        assert_int_equal(rc, RC_NOTFOUND);
        return;
    }
    if (rc != RC_OK)
        fail_msg("%s: %s", model, rc_name(rc));
    const struct conf_target *t = &f.route->targets[0];
    char got[300];
    snprintf(got, sizeof(got), STR_FMT "/" STR_FMT, STR_ARG(l->s->providers[t->provider].name),
             STR_ARG(t->model));
    if (f.how != how || !str_eq(f.route->name, str_c(route)) || strcmp(got, target) != 0)
        fail_msg("%s: how %d, " STR_FMT " -> %s", model, f.how, STR_ARG(f.route->name), got);
}

static const struct conf_key *key_of(const struct loaded *l, const char *secret)
{
    uint8_t hash[CONF_SHA256];
    digest_sha256(str_c(secret), hash);
    const struct conf_key *k = conf_find_key(l->s, hash);
    assert_non_null(k);
    return k;
}

static void order(void **state)
{
    (void)state;
    struct loaded l;
    load_text(&l, config, ENV(NULL));
    assert_loads(&l);
    expect(&l, NULL, "smart", CONF_BY_MODEL, "smart", "anthropic/claude-a");
    /* a logical model's name wins over provider/model */
    expect(&l, NULL, "openai/gpt-4o", CONF_BY_MODEL, "openai/gpt-4o", "Local/Qwen3");
    expect(&l, NULL, "openai/gpt-4o-mini", CONF_BY_PROVIDER, "openai/gpt-4o-mini",
           "openai/gpt-4o-mini");
    expect(&l, NULL, "openai,gpt-4o", CONF_BY_PROVIDER, "openai/gpt-4o", "openai/gpt-4o");
    /* bare: listed, claimed by name, named by a target */
    expect(&l, NULL, "Qwen3", CONF_BY_BARE_NAME, "Local/Qwen3", "Local/Qwen3");
    expect(&l, NULL, "gpt-9", CONF_BY_BARE_NAME, "openai/gpt-9", "openai/gpt-9");
    expect(&l, NULL, "claude-x", CONF_BY_BARE_NAME, "anthropic/claude-x", "anthropic/claude-x");
    expect(&l, NULL, "custom-b", CONF_BY_BARE_NAME, "openai/custom-b", "openai/custom-b");
    expect(&l, NULL, "org/m", CONF_BY_BARE_NAME, "Local/org/m", "Local/org/m");
    /* more than one, none, switched off */
    expect(&l, NULL, "shared", CONF_BY_BARE_NAME, NULL, NULL);
    expect(&l, NULL, "unheard-of", CONF_BY_BARE_NAME, NULL, NULL);
    expect(&l, NULL, "only-off", CONF_BY_BARE_NAME, NULL, NULL);
    expect(&l, NULL, "off/only-off", CONF_BY_PROVIDER, NULL, NULL);
    expect(&l, NULL, "nobody/x", CONF_BY_PROVIDER, NULL, NULL);
    expect(&l, NULL, "", CONF_BY_MODEL, NULL, NULL);
    expect(&l, NULL, "openai/", CONF_BY_PROVIDER, NULL, NULL);
    expect(&l, NULL, "/", CONF_BY_PROVIDER, NULL, NULL);
    expect(&l, NULL, ",", CONF_BY_PROVIDER, NULL, NULL);
    loaded_fini(&l);
}

/* claude-code-router's comma form, with its care for letter case made whole. */
static void letter_case(void **state)
{
    (void)state;
    struct loaded l;
    load_text(&l, config, ENV(NULL));
    assert_loads(&l);
    expect(&l, NULL, "local,qwen3", CONF_BY_PROVIDER, "Local/Qwen3", "Local/Qwen3");
    expect(&l, NULL, "LOCAL,QWEN3", CONF_BY_PROVIDER, "Local/Qwen3", "Local/Qwen3");
    expect(&l, NULL, "local, qwen3", CONF_BY_PROVIDER, "Local/Qwen3", "Local/Qwen3");
    expect(&l, NULL, "local,NewModel", CONF_BY_PROVIDER, "Local/NewModel", "Local/NewModel");
    expect(&l, NULL, "local,a/b,c", CONF_BY_PROVIDER, "Local/a/b,c", "Local/a/b,c");
    expect(&l, NULL, "SMART", CONF_BY_MODEL, "smart", "anthropic/claude-a");
    expect(&l, NULL, "qwen3", CONF_BY_BARE_NAME, "Local/Qwen3", "Local/Qwen3");
    expect(&l, NULL, "smart[1m]", CONF_BY_MODEL, "smart", "anthropic/claude-a");
    expect(&l, NULL, "unheard-of[1m]", CONF_BY_MODEL, NULL, NULL);
    expect(&l, NULL, "[1m]", CONF_BY_MODEL, NULL, NULL);
    loaded_fini(&l);
}

static void default_scenario(void **state)
{
    (void)state;
    char text[2048];
    struct loaded l;
    snprintf(text, sizeof(text), "%s%s", config, with_default);
    load_text(&l, text, ENV(NULL));
    assert_loads(&l);
    expect(&l, NULL, "unheard-of", CONF_BY_DEFAULT, "smart", "anthropic/claude-a");
    expect(&l, NULL, "nobody,x", CONF_BY_DEFAULT, "smart", "anthropic/claude-a");
    expect(&l, NULL, "shared", CONF_BY_DEFAULT, "smart", "anthropic/claude-a");
    expect(&l, NULL, "gpt-5", CONF_BY_BARE_NAME, "openai/gpt-5", "openai/gpt-5");
    expect(&l, NULL, "cheap", CONF_BY_MODEL, "cheap", "Local/Qwen3");
    loaded_fini(&l);
}

/* One provider and nothing said of its models: any name goes there, unless a default is set. */
static void only_provider(void **state)
{
    (void)state;
    struct loaded l;
    load_text(&l, "providers: [ { name: up, dialect: openai, baseURL: \"http://h/v1\" } ]\n",
              ENV(NULL));
    assert_loads(&l);
    expect(&l, NULL, "anything", CONF_BY_BARE_NAME, "up/anything", "up/anything");
    expect(&l, NULL, "meta/llama[1m]", CONF_BY_BARE_NAME, "up/meta/llama", "up/meta/llama");
    loaded_fini(&l);
    load_text(&l,
              "providers: [ { name: up, dialect: openai, baseURL: \"http://h/v1\" } ]\n"
              "routing: { scenarios: { default: up/big } }\n",
              ENV(NULL));
    assert_loads(&l);
    expect(&l, NULL, "claude-haiku-4-5", CONF_BY_DEFAULT, "up/big", "up/big");
    expect(&l, NULL, "big", CONF_BY_BARE_NAME, "up/big", "up/big");
    loaded_fini(&l);
    load_text(
        &l,
        "providers: [ { name: up, dialect: openai, baseURL: \"http://h/v1\", models: [ a ] } ]\n",
        ENV(NULL));
    assert_loads(&l);
    expect(&l, NULL, "anything", CONF_BY_BARE_NAME, NULL, NULL);
    loaded_fini(&l);
}

/* What a key may not call does not exist for it. */
static void keys(void **state)
{
    (void)state;
    char text[2048];
    struct loaded l;
    snprintf(text, sizeof(text), "%s%s", config, with_default);
    load_text(&l, text, ENV(NULL));
    assert_loads(&l);
    const struct conf_key *all = key_of(&l, "a"), *few = key_of(&l, "f"), *one = key_of(&l, "o");
    expect(&l, all, "smart", CONF_BY_MODEL, "smart", "anthropic/claude-a");
    expect(&l, few, "cheap", CONF_BY_MODEL, "cheap", "Local/Qwen3");
    expect(&l, few, "smart", CONF_BY_MODEL, NULL, NULL);
    expect(&l, few, "unheard-of", CONF_BY_DEFAULT, NULL, NULL);
    expect(&l, few, "gpt-5", CONF_BY_BARE_NAME, "openai/gpt-5", "openai/gpt-5");
    expect(&l, few, "openai/o3", CONF_BY_PROVIDER, NULL, NULL);
    expect(&l, few, "local/shared", CONF_BY_PROVIDER, "Local/shared", "Local/shared");
    expect(&l, few, "other/shared", CONF_BY_PROVIDER, "other/shared", "other/shared");
    expect(&l, one, "cheap", CONF_BY_DEFAULT, "smart", "anthropic/claude-a");
    assert_false(conf_key_allows(one, l.s->models[0]->fallback[0]));
    assert_true(conf_key_allows(NULL, l.s->models[0]));
    loaded_fini(&l);
}

static void suggestions(void **state)
{
    (void)state;
    struct loaded l;
    load_text(&l, config, ENV(NULL));
    assert_loads(&l);
    assert_str(conf_nearest_model(l.s, NULL, STR("smrat")), "smart");
    assert_str(conf_nearest_model(l.s, NULL, STR("qwen-3")), "Qwen3");
    assert_null(conf_nearest_model(l.s, NULL, STR("something-else")).p);
    assert_null(conf_nearest_model(l.s, key_of(&l, "f"), STR("smrat")).p);
    assert_str(conf_nearest_model(l.s, key_of(&l, "f"), STR("cheep")), "cheap");
    loaded_fini(&l);
    load_text(&l,
              "providers: [ { name: openai, apiKey: k } ]\nkeys: [ { key: a, models: [ smrt, "
              "gpt-5 ] } ]\n"
              "models: [ { name: smart, targets: [ openai/gpt-5 ] } ]\n",
              ENV(NULL));
    assert_loads(&l);
    assert_says(&l, ":2:29: warning: no model is named 'smrt'; did you mean 'smart'?");
    loaded_fini(&l);
}

/* F5: two planes, two kinds of keys. */
static void one_key_for_both_planes(void **state)
{
    (void)state;
    struct loaded l;
    load_text(&l,
              "providers: [ { name: openai, apiKey: k } ]\nkeys: [ { name: a, key: same } ]\n"
              "admin: { key: same }\n",
              ENV(NULL));
    assert_loads(&l);
    assert_true(l.s->has_admin_key);
    assert_says(&l, ":3:15: warning: the admin key is also the key 'a' of a client");
    loaded_fini(&l);
}

/* A name longer than the buffer of the answer: its label is cut, what is sent is not. */
static void long_names(void **state)
{
    (void)state;
    struct loaded l;
    load_text(&l, config, ENV(NULL));
    assert_loads(&l);
    char model[2000];
    memset(model, 'm', sizeof(model));
    memcpy(model, "openai/", 7);
    struct conf_found f;
    assert_int_equal(conf_resolve(l.s, NULL, str_of(model, sizeof(model)), &f), RC_OK);
    assert_int_equal(f.route->targets[0].model.n, sizeof(model) - 7);
    assert_true(f.route->name.n <= sizeof(f.own_name));
    assert_null(conf_nearest_model(l.s, NULL, str_of(model, sizeof(model))).p);
    loaded_fini(&l);
}

static void no_fallback(void **state)
{
    (void)state;
    struct loaded l;
    char text[2048];
    snprintf(text, sizeof(text), "%srouting: { fallback: false }\n", config);
    load_text(&l, text, ENV(NULL));
    assert_loads(&l);
    assert_int_equal(l.s->models[0]->nfallback, 0);
    assert_int_equal(l.s->routing.attempts, 1);
    loaded_fini(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order),
        cmocka_unit_test(letter_case),
        cmocka_unit_test(default_scenario),
        cmocka_unit_test(only_provider),
        cmocka_unit_test(keys),
        cmocka_unit_test(suggestions),
        cmocka_unit_test(one_key_for_both_planes),
        cmocka_unit_test(long_names),
        cmocka_unit_test(no_fallback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
