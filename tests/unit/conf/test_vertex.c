/* SPDX-License-Identifier: Apache-2.0 */
/* Providers on Vertex AI: the address that project and region make, and what each refusal says. */
#include <stdio.h>

#include "conf_check.h"

static const char *const backs[] = {"openai", "anthropic", "vertex", "vertex-anthropic", NULL};

static void load(struct loaded *l, const char *text, const char *const *env)
{
    load_source(
        l, (struct conf_source){
               .path = "/etc/weir/weir.yaml", .text = str_c(text), .env = env, .backs = backs});
}

#define P(more)   "providers: [ { name: v, apiKey: t, " more " } ]"
#define GEMINI(m) P("dialect: vertex" m)
#define CLAUDE(m) P("dialect: vertex-anthropic" m)
#define ADC       "GOOGLE_CLOUD_PROJECT=env-project", "GOOGLE_CLOUD_LOCATION=europe-west4"

static void test_project_and_region_make_the_address(void **state)
{
    static const struct {
        const char *text, *host, *path, *region;
        bool env;
    } rows[] = {
        {GEMINI(", project: my-p, region: us-central1"), "us-central1-aiplatform.googleapis.com",
         "/v1/projects/my-p/locations/us-central1", "us-central1", false},
        {CLAUDE(", project: my-p"), "aiplatform.googleapis.com",
         "/v1/projects/my-p/locations/global", "global", false},
        {CLAUDE(", project: \"example.com:my-p\", region: eu"), "aiplatform.eu.rep.googleapis.com",
         "/v1/projects/example.com:my-p/locations/eu", "eu", false},
        {CLAUDE(""), "europe-west4-aiplatform.googleapis.com",
         "/v1/projects/env-project/locations/europe-west4", "europe-west4", true},
        {GEMINI(", region: us-east5"), "us-east5-aiplatform.googleapis.com",
         "/v1/projects/env-project/locations/us-east5", "us-east5", true},
        {GEMINI(", project: p, region: r, baseURL: \"https://proxy.example/\""), "proxy.example",
         "/v1/projects/p/locations/r", "r", false},
        /* a path says it all */
        {GEMINI(", baseURL: \"http://h/v1/projects/a/locations/b/publishers/google\""), "h",
         "/v1/projects/a/locations/b/publishers/google", "", true},
        {GEMINI(", baseURL: \"http://h/v1/projects/a/locations/b/publishers/google/models\""), "h",
         "/v1/projects/a/locations/b/publishers/google", "", false},
        /* the express door */
        {GEMINI(""), "aiplatform.googleapis.com", "", "global", false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct loaded l;
        load(&l, rows[i].text, rows[i].env ? ENV(ADC) : ENV("HOME=/nowhere"));
        assert_loads(&l);
        const struct conf_provider *p = &l.s->providers[0];
        assert_str(p->origin.host, rows[i].host);
        assert_str(p->base_path, rows[i].path);
        assert_str(p->region, rows[i].region);
        loaded_fini(&l);
    }
}

/* claude-code-router's files say the host alone in `api_base_url`, which is the whole address for
 * every other transformer. */
static void test_transformers_at_a_bare_host(void **state)
{
    static const struct {
        const char *url, *use, *dialect, *path, *endpoint;
    } rows[] = {
        {"https://us-east5-aiplatform.googleapis.com", "vertex-claude", "vertex-anthropic",
         "/v1/projects/p/locations/us-east5", ""},
        {"https://us-east5-aiplatform.googleapis.com/", "vertex-gemini", "vertex",
         "/v1/projects/p/locations/us-east5", ""},
        {"https://us-east5-aiplatform.googleapis.com", "vertex-openai", "openai",
         "/v1/projects/p/locations/us-east5/endpoints/openapi", ""},
        {"http://h/v1beta1/projects/a/locations/b/endpoints/openapi/chat/completions",
         "vertex-openai", "openai", "/v1beta1/projects/a/locations/b/endpoints/openapi", ""},
        {"http://h/generate", "OpenAI", "openai", "/generate", "/generate"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct loaded l;
        char text[512];
        snprintf(text, sizeof text,
                 "{\"Providers\": [{\"name\": \"v\", \"api_base_url\": \"%s\", "
                 "\"api_key\": \"t\", \"models\": [\"m\"], "
                 "\"transformer\": {\"use\": [\"%s\"]}}]}",
                 rows[i].url, rows[i].use);
        load(&l, text, ENV("GOOGLE_CLOUD_PROJECT=p"));
        assert_loads(&l);
        const struct conf_provider *p = &l.s->providers[0];
        assert_str(p->dialect, rows[i].dialect);
        assert_str(p->base_path, rows[i].path);
        assert_str(p->endpoint, rows[i].endpoint);
        loaded_fini(&l);
    }
}

static void test_what_is_refused(void **state)
{
    static const struct {
        const char *text, *part;
    } rows[] = {
        {CLAUDE(""), "add `project: my-project`"},
        {"providers: [ { name: vertex } ]", "set GOOGLE_CLOUD_PROJECT"},
        {GEMINI(", project: \"a/b\""), "no project's id"},
        {GEMINI(", project: p, region: \"us east\""), "no location"},
        {P("dialect: openai, project: p"), "is none of Vertex AI; remove `project`"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct loaded l;
        load(&l, rows[i].text, ENV("HOME=/nowhere"));
        assert_int_equal(l.rc, RC_CONFIG);
        assert_says(&l, rows[i].part);
        loaded_fini(&l);
    }
}

/* Vertex can be asked for its counts, a Chat provider cannot: then weir counts, and says so. */
static void test_who_can_be_asked_to_count(void **state)
{
    (void)state;
    struct loaded l;
    load(&l, GEMINI(", project: p, countTokens: provider"), ENV("HOME=/nowhere"));
    assert_loads(&l);
    assert_int_equal(l.report.of[CONF_WARNING].count, 0);
    loaded_fini(&l);
    load(&l, P("dialect: openai, countTokens: provider"), ENV("HOME=/nowhere"));
    assert_loads(&l);
    assert_says(&l,
                "its language (openai) has no count_tokens that could be asked, so weir counts; "
                "remove countTokens");
    loaded_fini(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_project_and_region_make_the_address),
        cmocka_unit_test(test_transformers_at_a_bare_host),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_who_can_be_asked_to_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
