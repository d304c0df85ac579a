/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Providers at AWS: where the region comes from, the address it makes, AWS keys and pools of them,
 * what the environment lends and to whom, and what each refusal says.
 */
#include "conf_check.h"

static const char *const backs[] = {"openai", "anthropic", "bedrock", "bedrock-invoke", NULL};

static void load(struct loaded *l, const char *text, const char *const *env)
{
    load_source(l, (struct conf_source){.path = text ? "/etc/weir/weir.yaml" : NULL,
                                        .text = text ? str_c(text) : STR_NONE,
                                        .env = env,
                                        .backs = backs});
}

#define KEYS "aws: { accessKeyId: AKIA1, secretAccessKey: hidden-one"

static void refused(const char *text, const char *const *env, const char *part)
{
    struct loaded l;
    load(&l, text, env);
    assert_int_equal(l.rc, RC_CONFIG);
    assert_says(&l, part);
    assert_null(strstr(said(&l), "hidden"));
    loaded_fini(&l);
}

static void test_the_region_makes_the_address(void **state)
{
    static const struct {
        const char *text, *host, *region;
    } rows[] = {
        {"providers: [ { name: bedrock, apiKey: k, region: eu-west-1 } ]",
         "bedrock-runtime.eu-west-1.amazonaws.com", "eu-west-1"},
        {"providers: [ { name: mine, dialect: bedrock, " KEYS ", region: us-west-2 } } ]",
         "bedrock-runtime.us-west-2.amazonaws.com", "us-west-2"},
        {"providers: [ { name: mine, dialect: bedrock-invoke, region: eu-west-3, " KEYS
         ", region: us-west-2 } } ]",
         "bedrock-runtime.us-west-2.amazonaws.com", "us-west-2"},
        {"providers: [ { name: bedrock, apiKey: k } ]", "bedrock-runtime.ap-south-1.amazonaws.com",
         "ap-south-1"},
        {"providers: [ { name: a, baseURL: \"https://bedrock-runtime.eu-north-1.amazonaws.com\", "
         "apiKey: k } ]",
         "bedrock-runtime.eu-north-1.amazonaws.com", "eu-north-1"},
        {"providers: [ { name: a, dialect: bedrock, " KEYS " }, baseURL: "
         "\"https://vpce-1.bedrock-runtime.us-east-2.vpce.amazonaws.com/model\" } ]",
         "vpce-1.bedrock-runtime.us-east-2.vpce.amazonaws.com", "us-east-2"},
        {"providers: [ { name: a, dialect: bedrock, baseURL: \"http://127.0.0.1:9/x\", " KEYS
         " } } ]",
         "127.0.0.1", "ap-south-1"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct loaded l;
        load(&l, rows[i].text, ENV("AWS_DEFAULT_REGION=ap-south-1", "AWS_REGION="));
        assert_loads(&l);
        const struct conf_provider *p = &l.s->providers[0];
        assert_str(p->origin.host, rows[i].host);
        assert_str(p->region, rows[i].region);
        assert_true(str_has_prefix(p->dialect, STR("bedrock")));
        assert_int_equal(p->nkeys, 1);
        loaded_fini(&l);
    }
}

static void test_keys_and_pools(void **state)
{
    struct loaded l;
    (void)state;
    load(&l,
         "providers: [ { name: bedrock, region: us-east-1, aws: [\n"
         "  { accessKeyId: AKIA1, secretAccessKey: one },\n"
         "  { accessKeyId: AKIA2, secretAccessKey: \"${SECOND}\", sessionToken: t } ] } ]",
         ENV("SECOND=two"));
    assert_loads(&l);
    const struct conf_provider *p = &l.s->providers[0];
    assert_int_equal(p->nkeys, 2);
    assert_str(p->aws[0].access_key_id, "AKIA1");
    assert_str(secret_reveal(&p->keys[0]), "one");
    assert_false(secret_is_set(&p->aws[0].session_token));
    assert_str(secret_reveal(&p->keys[1]), "two");
    assert_str(secret_reveal(&p->aws[1].session_token), "t");
    loaded_fini(&l);
}

static void test_what_the_environment_lends(void **state)
{
    const char *const *both =
        ENV("AWS_BEARER_TOKEN_BEDROCK=bearer", "AWS_ACCESS_KEY_ID=AKIA1",
            "AWS_SECRET_ACCESS_KEY=one", "AWS_SESSION_TOKEN=t", "AWS_REGION=us-east-1");
    struct loaded l;
    (void)state;
    load(&l, "providers: [ { name: bedrock } ]", both); /* the token first, as AWS's SDKs do */
    assert_loads(&l);
    assert_null(l.s->providers[0].aws);
    assert_str(secret_reveal(&l.s->providers[0].keys[0]), "bearer");
    loaded_fini(&l);
    load(&l, "providers: [ { name: bedrock, dialect: bedrock-invoke } ]", both + 1);
    assert_loads(&l);
    assert_str(l.s->providers[0].aws[0].access_key_id, "AKIA1");
    assert_str(secret_reveal(&l.s->providers[0].aws[0].session_token), "t");
    loaded_fini(&l);
    /* an address of one's own gets nothing of it */
    load(&l, "providers: [ { name: a, dialect: bedrock, baseURL: \"http://127.0.0.1:9\" } ]", both);
    assert_loads(&l);
    assert_int_equal(l.s->providers[0].nkeys, 0);
    loaded_fini(&l);
}

/* Without a file a token makes the provider, where the region is known; keys for anything at AWS
 * do not. */
static void test_without_a_file(void **state)
{
    struct loaded l;
    (void)state;
    load(&l, NULL, ENV("AWS_BEARER_TOKEN_BEDROCK=t", "AWS_REGION=us-east-1", "HOME=/nowhere"));
    assert_loads(&l);
    assert_str(l.s->providers[0].name, "bedrock");
    assert_str(l.s->providers[0].origin.host, "bedrock-runtime.us-east-1.amazonaws.com");
    loaded_fini(&l);
    load(&l, NULL, ENV("AWS_BEARER_TOKEN_BEDROCK=t", "HOME=/nowhere"));
    assert_loads(&l);
    assert_true(l.s->demo);
    loaded_fini(&l);
    load(&l, NULL,
         ENV("AWS_ACCESS_KEY_ID=AKIA1", "AWS_SECRET_ACCESS_KEY=one", "AWS_REGION=us-east-1",
             "HOME=/nowhere"));
    assert_loads(&l);
    assert_true(l.s->demo);
    loaded_fini(&l);
}

static void test_refusals(void **state)
{
    (void)state;
    refused("providers: [ { name: bedrock, apiKey: k } ]", ENV("X=y"),
            "1:14: provider 'bedrock' needs a region; add `region: us-east-1` (yours), or set "
            "AWS_REGION");
    refused("providers: [ { name: bedrock, apiKey: k, region: \"us east\" } ]", ENV("X=y"),
            "the region of provider 'bedrock' is no AWS region");
    refused("providers: [ { name: bedrock, region: us-east-1 } ]", ENV("X=y"),
            "provider 'bedrock' has no key; add apiKey (a Bedrock API key) or aws: { accessKeyId, "
            "secretAccessKey }, or set AWS_BEARER_TOKEN_BEDROCK or AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY");
    refused("providers: [ { name: bedrock, region: us-east-1, apiKey: k, " KEYS " } } ]",
            ENV("X=y"), "provider 'bedrock' has an apiKey and aws keys; remove one of them");
    refused("providers: [ { name: openai, " KEYS " } } ]", ENV("OPENAI_API_KEY=k"),
            "provider 'openai' speaks 'openai', which takes no AWS keys; use apiKey, or dialect: "
            "bedrock");
    refused("providers: [ { name: bedrock, region: us-east-1, aws: { accessKeyId: AKIA1 } } ]",
            ENV("X=y"), "'secretAccessKey' is missing; add it");
    refused("providers: [ { name: bedrock, region: us-east-1, aws: { accessKeyId: \"AK IA\", "
            "secretAccessKey: hidden } } ]",
            ENV("X=y"),
            "the accessKeyId of provider 'bedrock' has a blank or control character in it");
    refused("providers: [ { name: bedrock, aws: [ { accessKeyId: A, secretAccessKey: hidden, "
            "region: us-east-1 }, { accessKeyId: B, secretAccessKey: hidden, region: us-west-1 } ] "
            "} ]",
            ENV("X=y"), "the keys of provider 'bedrock' are of two regions; make a provider for");
    refused("providers: [ { name: bedrock, region: us-east-1, aws: AKIA } ]", ENV("X=y"),
            "must be a list of maps, not");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_region_makes_the_address),
        cmocka_unit_test(test_keys_and_pools),
        cmocka_unit_test(test_what_the_environment_lends),
        cmocka_unit_test(test_without_a_file),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
