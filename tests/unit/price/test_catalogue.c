/* SPDX-License-Identifier: Apache-2.0 */
/* catalogue: what is refused and how it is said, how names are found, lifetime, failing memory. */
#include "prices.h"

#include "base/mem.h"

static str text_of(struct arena *a, const char *s)
{
    str copy = arena_dup(a, str_c(s));
    for (char *p = (char *)(uintptr_t)copy.p; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    return copy;
}

static enum rc load(const char *s, struct catalogue **ret, struct catalogue_fault *fault)
{
    struct arena a;
    arena_init(&a, 1 << 24);
    enum rc rc = catalogue_new(text_of(&a, s), false, ret, fault);
    arena_fini(&a); /* the catalogue has its own copy */
    return rc;
}

static void refused(const char *text, const char *want)
{
    struct catalogue *c = NULL;
    struct catalogue_fault fault = {0};
    enum rc rc = load(text, &c, &fault);
    if (rc == RC_OK || rc != fault.rc || c)
        fail_msg("accepted: %s", text);
    if (!strstr(fault.text, want))
        fail_msg("\"%s\" does not say \"%s\"", fault.text, want);
}

#define MODEL(rest) "{'providers':[{'id':'p'}],'models':[{'id':'p/m'" rest "}]}"
#define PRICE(rest) MODEL(",'price':{" rest "}")

static void test_p12_faults_are_named(void **state)
{
    (void)state;
    refused("", "not JSON");
    refused("{'providers':[{'id':'p'}],'models':[{'id':'p/m'}", "not JSON");
    refused("[]", "an object with providers and models");
    refused("{}", "providers must be");
    refused("{'providers':[],'models':[]}", "providers must be");
    refused("{'providers':[{'id':'p'}]}", "models must be");
    refused("{'providers':[{'id':'p'}],'models':[]}", "models must be");
    refused("{'providers':[{'id':''}],'models':[]}", "each needs an id");
    refused("{'providers':[{'id':'a/b'}],'models':[]}", "each needs an id");
    refused("{'providers':[{'id':'p'},{'id':'P'}],'models':[]}", "P is there twice");
    refused("{'providers':[{'id':'p','also':'q'}],'models':[]}", "lists must be lists");
    refused("{'providers':[{'id':'p','hosts':[3]}],'models':[]}", "plain text");
    refused("{'providers':[{'id':'p','like':['q']}],'models':[]}", "like: no provider q");
    refused("{'providers':[{'id':'p'}],'models':[3]}", "an id is provider/model");
    refused("{'providers':[{'id':'p'}],'models':[{'id':'q/m'}]}", "an id is provider/model");
    refused("{'providers':[{'id':'p'}],'models':[{'id':'p/'}]}", "an id is provider/model");
    refused("{'providers':[{'id':'p'}],'models':[{'id':'p/m'},{'id':'p/M'}]}",
            "p/M is there twice");
    refused(MODEL(",'also':['m']"), "p/m is there twice");
    refused(MODEL(",'also':'n'"), "names must be lists");
    refused(MODEL(",'starts':[1]"), "plain text");
    refused(MODEL(",'starts':['']"), "1 to 256 bytes");
    refused(MODEL(",'context':-1"), "context must be a number of tokens");
    refused(MODEL(",'maxOutput':1.5"), "maxOutput must be a number of tokens");
    refused(MODEL(",'can':['tools']"), "can must be a text");
    refused(MODEL(",'price':3"), "price must be an object");
    refused(MODEL(",'prices':3"), "prices must be a list");
    refused(MODEL(",'price':{},'prices':[]"), "exclude each other");
    refused(PRICE("'input':'3'"), "p/m: price.input must be a number");
    refused(PRICE("'input':-3"), "price.input: -3 cannot be a price");
    refused(PRICE("'input':1e7"), "price.input: 1e7 cannot be a price");
    refused(PRICE("'input':null"), "price.input must be a number");
    refused(PRICE("'from':'2026-02-29'"), "price.from");
    refused(PRICE("'from':'26-02-28'"), "price.from");
    refused(PRICE("'hours':'24:00-01:00'"), "price.hours");
    refused(PRICE("'tiers':{}"), "price.tiers");
    refused(PRICE("'tiers':[{'input':3}]"), "price.tiers[0].above");
    refused(PRICE("'tiers':[{'above':9},{'above':9}]"), "price.tiers[1].above");
    refused(PRICE("'tiers':[{'above':9,'output':true}]"), "price.output must be a number");
}

/* P12: no beginning of a catalogue is a catalogue. */
static void test_p12_cut_at_every_byte(void **state)
{
    (void)state;
    const char *whole = "{'about':{'date':'2026-01-01'},'providers':[{'id':'p','hosts':['h']}],"
                        "'models':[{'id':'p/m','also':['n'],'price':{'input':3}}]}";
    struct catalogue *c = NULL;
    struct catalogue_fault fault;
    char part[256];
    for (size_t n = 0; n < strlen(whole); n++) {
        memcpy(part, whole, n);
        part[n] = '\0';
        assert_int_not_equal(load(part, &c, &fault), RC_OK);
        assert_null(c);
    }
    assert_int_equal(load(whole, &c, &fault), RC_OK);
    assert_str(catalogue_date(c), "2026-01-01");
    assert_int_equal(catalogue_models(c), 1);
    catalogue_unref(c);
}

static void test_p13_too_large(void **state)
{
    (void)state;
    struct catalogue *c = NULL;
    struct catalogue_fault fault = {0};
    char *big = mem_alloc(CATALOGUE_TEXT_MAX + 1);
    memset(big, ' ', CATALOGUE_TEXT_MAX + 1);
    assert_int_equal(catalogue_new(str_of(big, CATALOGUE_TEXT_MAX + 1), false, &c, &fault),
                     RC_LIMIT);
    assert_non_null(strstr(fault.text, "larger than 8 MiB"));
    mem_free(big);
}

/* ---- finding */

static const char *const small =
    "{'providers':[{'id':'bedrock','hosts':['.amazonaws.com'],'also':['aws']},"
    "{'id':'openai','hosts':['api.openai.com'],'maker':true},"
    "{'id':'vertex','hosts':['aiplatform.googleapis.com'],'like':['openai']}],'models':["
    "{'id':'openai/gpt-4o','also':['chatgpt-4o'],'starts':['gpt-4o'],'context':128000,"
    "'maxOutput':16384,'can':'tools vision future','price':{'input':2.5,'output':10}},"
    "{'id':'openai/gpt-4o-mini','starts':['gpt-4o-mini'],'price':{'input':0.15,'output':0.6}},"
    "{'id':'openai/tuned','starts':['ft:'],'ends':['-tuned'],'contains':['tune-me']},"
    "{'id':'bedrock/anthropic.claude-x-v1:0','price':{'input':3}},"
    "{'id':'bedrock/global.anthropic.claude-y','price':{'input':3}},"
    "{'id':'bedrock/anthropic.claude-y','price':{'input':3.3}},"
    "{'id':'vertex/own/model','price':{'input':1}}]}";

static struct catalogue *small_catalogue(void)
{
    struct catalogue *c = NULL;
    struct catalogue_fault fault;
    if (load(small, &c, &fault) != RC_OK)
        fail_msg("%s", fault.text);
    return c;
}

static void finds(const struct catalogue *c, const char *provider, const char *model,
                  const char *want)
{
    struct arena a;
    struct card card;
    arena_init(&a, 1 << 20);
    enum rc rc = catalogue_find(c, catalogue_provider(c, str_c(provider)), str_c(model), &a, &card);
    str id = rc == RC_OK ? card.id : STR("nothing");
    if (!str_eq(id, str_c(want)))
        fail_msg("%s at %s: " STR_FMT ", want %s", model, provider, STR_ARG(id), want);
    arena_fini(&a);
}

static void test_spellings(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"openai", "gpt-4o", "openai/gpt-4o"},
        {"openai", "GPT-4o", "openai/gpt-4o"},
        {"OpenAI", "chatgpt-4o-latest", "openai/gpt-4o"},
        {"openai", "gpt-4o-2024-08-06", "openai/gpt-4o"},
        {"openai", "gpt-4o-audio-preview", "openai/gpt-4o"},
        {"openai", "gpt-4o-mini-2024-07-18", "openai/gpt-4o-mini"},
        {"openai", "gpt-4o-mini-search", "openai/gpt-4o-mini"}, /* the longer rule */
        {"openai", "openai/gpt-4o", "openai/gpt-4o"},
        {"openai", "models/gpt-4o", "openai/gpt-4o"},
        {"openai", "ft:gpt-4o:acme", "openai/tuned"},
        {"openai", "mine-TUNED", "openai/tuned"},
        {"openai", "a-tune-me-b", "openai/tuned"},
        {"openai", "gpt-5", "nothing"},
        {"openai", "", "nothing"},
        {"openai", "-2024-08-06", "nothing"},
        {"openai", "@", "nothing"},
        {"openai", "/", "nothing"},
        {"nobody", "gpt-4o", "nothing"},
        {"bedrock", "anthropic.claude-x-v1:0", "bedrock/anthropic.claude-x-v1:0"},
        {"aws", "us.anthropic.claude-x-v1:0", "bedrock/anthropic.claude-x-v1:0"},
        {"aws", "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-x-v1:0",
         "bedrock/anthropic.claude-x-v1:0"},
        {"aws", "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-y-v2:0",
         "bedrock/anthropic.claude-y"},
        /* a region costs more than the world: the world's own row is found first */
        {"aws", "global.anthropic.claude-y-v1:0", "bedrock/global.anthropic.claude-y"},
        {"aws", "eu.anthropic.claude-y-20260101-v1:0", "bedrock/anthropic.claude-y"},
        {"vertex", "own/model@001", "vertex/own/model"},
        {"vertex", "publishers/google/models/gpt-4o@20250929", "openai/gpt-4o"},
        {"vertex", "gpt-4o@default", "openai/gpt-4o"},
        {"vertex", "claude-x", "nothing"}, /* bedrock is not among those it is like */
        {"openai", "llama3:8b", "nothing"},
    };
    struct catalogue *c = small_catalogue();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        finds(c, rows[i][0], rows[i][1], rows[i][2]);
    char longest[CATALOGUE_NAME_MAX + 2];
    memset(longest, 'g', sizeof(longest));
    longest[CATALOGUE_NAME_MAX + 1] = '\0';
    finds(c, "openai", longest, "nothing");
    catalogue_unref(c);
}

static void test_providers_by_host(void **state)
{
    (void)state;
    struct catalogue *c = small_catalogue();
    assert_int_equal(catalogue_provider_at(c, STR("API.openai.com")), 1);
    assert_int_equal(catalogue_provider_at(c, STR("xapi.openai.com")), -1);
    assert_int_equal(catalogue_provider_at(c, STR("api.openai.com.evil.example")), -1);
    assert_int_equal(catalogue_provider_at(c, STR("bedrock-runtime.eu-west-1.amazonaws.com")), 0);
    assert_int_equal(catalogue_provider_at(c, STR("amazonaws.com")), -1);
    assert_int_equal(catalogue_provider_at(c, STR("us-east1-aiplatform.googleapis.com")), 2);
    assert_int_equal(catalogue_provider_at(c, STR("")), -1);
    assert_int_equal(catalogue_provider(c, STR("aws")), 0);
    assert_int_equal(catalogue_provider(c, STR("")), -1);
    assert_str(catalogue_provider_id(c, 0), "bedrock");
    catalogue_unref(c);
}

static void test_cards(void **state)
{
    (void)state;
    struct catalogue *c = small_catalogue();
    struct arena a;
    struct card card;
    arena_init(&a, 1 << 20);
    assert_int_equal(catalogue_get(c, STR("openai/gpt-4o"), &a, &card), RC_OK);
    assert_int_equal(card.context, 128000);
    assert_int_equal(card.max_output, 16384);
    assert_true(card.knows_can && CARD_HAS(&card, TOOLS) && CARD_HAS(&card, VISION));
    assert_false(CARD_HAS(&card, AUDIO));
    assert_int_equal(card.nperiods, 1);
    struct buf b = BUF_INIT(64);
    card_write_can(&card, &b);
    assert_str(buf_str(&b), "tools vision"); /* a word of a later version is left out */
    buf_fini(&b);
    assert_int_equal(catalogue_get(c, STR("openai"), &a, &card), RC_NOTFOUND);
    assert_int_equal(catalogue_get(c, STR("nobody/x"), &a, &card), RC_NOTFOUND);
    /* Limits by the name alone, from those who made it; never a price. */
    assert_int_equal(catalogue_find_limits(c, STR("my/gpt-4o"), &a, &card), RC_OK);
    assert_int_equal(card.max_output, 16384);
    assert_int_equal(card.nperiods, 0);
    assert_int_equal(catalogue_find_limits(c, STR("anthropic.claude-y"), &a, &card), RC_NOTFOUND);
    arena_fini(&a);
    catalogue_unref(catalogue_ref(c));
    catalogue_unref(c);
    assert_null(catalogue_unref(NULL));
}

static void test_failing_memory(void **state)
{
    (void)state;
    struct catalogue *c = NULL;
    struct catalogue_fault fault;
    struct arena a;
    arena_init(&a, 1 << 24);
    str text = text_of(&a, small);
    enum rc rc = RC_NOMEM;
    for (size_t n = 1; rc != RC_OK; n++) {
        mem_fail_after(n);
        rc = catalogue_new(text, false, &c, &fault);
        mem_fail_after(0);
        assert_true(rc == RC_OK || (rc == RC_NOMEM && !c && n < 1000));
    }
    catalogue_unref(c);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_p12_faults_are_named), cmocka_unit_test(test_p12_cut_at_every_byte),
        cmocka_unit_test(test_p13_too_large),        cmocka_unit_test(test_spellings),
        cmocka_unit_test(test_providers_by_host),    cmocka_unit_test(test_cards),
        cmocka_unit_test(test_failing_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
