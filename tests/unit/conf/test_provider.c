/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which language a provider speaks and at which path: presets, hosts, full endpoint URLs, what this
 * build can speak; proxies; and claude-code-router's provider entries.
 */
#include "conf_check.h"

struct expected {
    const char *yaml; /* of one provider */
    const char *preset, *dialect, *origin, *base_path;
    const char *endpoint; /* NULL: none */
    const char *says;     /* part of the report; NULL: it is empty */
};

static void check_one(const struct expected *e)
{
    char text[1024];
    struct loaded l;
    snprintf(text, sizeof(text), "providers:\n  - %s\n", e->yaml);
    load_text(&l, text, ENV("HOME=/nowhere"));
    if (l.rc != RC_OK)
        fail_msg("%s: %s", e->yaml, said(&l));
    const struct conf_provider *p = &l.s->providers[0];
    if (!str_eq(p->dialect, str_c(e->dialect)) || !str_eq(p->origin.text, str_c(e->origin)) ||
        !str_eq(p->base_path, str_c(e->base_path)) || !str_eq(p->endpoint, str_c(e->endpoint)) ||
        !str_eq(p->preset, str_c(e->preset)))
        fail_msg("%s: preset " STR_FMT " dialect " STR_FMT " at " STR_FMT " " STR_FMT
                 " endpoint " STR_FMT,
                 e->yaml, STR_ARG(p->preset), STR_ARG(p->dialect), STR_ARG(p->origin.text),
                 STR_ARG(p->base_path), STR_ARG(p->endpoint));
    if (e->says)
        assert_says(&l, e->says);
    else
        assert_string_equal(said(&l), "");
    loaded_fini(&l);
}

static void languages(void **state)
{
    (void)state;
    static const struct expected all[] = {
        /* by name, by dialect, by host */
        {"{ name: anthropic, apiKey: k }", "anthropic", "anthropic",
         "https://api.anthropic.com:443", "", NULL, NULL},
        {"{ name: OpenAI, apiKey: k }", "openai", "openai", "https://api.openai.com:443", "/v1",
         NULL, NULL},
        {"{ name: x, dialect: deepseek, apiKey: k }", "deepseek", "openai",
         "https://api.deepseek.com:443", "", NULL, NULL},
        {"{ name: x, dialect: anthropic, apiKey: k }", "anthropic", "anthropic",
         "https://api.anthropic.com:443", "", NULL, NULL},
        {"{ name: x, apiKey: k, baseURL: \"https://API.Groq.com/openai/v1/\" }", "groq", "openai",
         "https://api.groq.com:443", "/openai/v1", NULL, NULL},
        {"{ name: ollama }", "ollama", "openai", "http://127.0.0.1:11434", "/v1", NULL,
         "this build cannot speak ollama yet"},
        {"{ name: mistral, apiKey: k }", "mistral", "openai", "https://api.mistral.ai:443", "/v1",
         NULL, NULL},
        /* two ways of one provider */
        {"{ name: deepseek, apiKey: k, baseURL: \"https://api.deepseek.com/anthropic\" }",
         "deepseek", "anthropic", "https://api.deepseek.com:443", "/anthropic", NULL, NULL},
        {"{ name: gemini, apiKey: k }", "gemini", "openai",
         "https://generativelanguage.googleapis.com:443", "/v1beta/openai", NULL,
         "gemini is spoken to through"},
        {"{ name: g, apiKey: k, baseURL: \"https://generativelanguage.googleapis.com/v1beta\" }",
         "gemini", "openai", "https://generativelanguage.googleapis.com:443", "/v1beta/openai",
         NULL, "this build cannot speak gemini yet"},
        {"{ name: o, apiKey: k, baseURL: \"https://api.openai.com/v1/responses\" }", "openai",
         "openai", "https://api.openai.com:443", "/v1", NULL, "cannot speak openai-responses yet"},
        {"{ name: openai, apiKey: k, baseURL: \"https://api.openai.com\" }", "openai", "openai",
         "https://api.openai.com:443", "/v1", NULL,
         "has a path: https://api.openai.com/v1 is used"},
        /* servers of one's own, quirks of a preset */
        {"{ name: l, dialect: openai, baseURL: \"http://h:1/v1\" }", "openai", "openai",
         "http://h:1", "/v1", NULL, NULL},
        {"{ name: l, dialect: openai, baseURL: \"http://[::1]:1\" }", "openai", "openai",
         "http://[::1]:1", "", NULL, NULL},
        {"{ name: l, dialect: anthropic, baseURL: \"http://h/v1/\" }", "anthropic", "anthropic",
         "http://h:80", "", NULL, NULL},
        {"{ name: l, dialect: deepseek, baseURL: \"http://h\" }", "deepseek", "openai",
         "http://h:80", "", NULL, NULL},
        {"{ name: l, dialect: mistral, baseURL: \"http://h/v1\" }", "mistral", "openai",
         "http://h:80", "/v1", NULL, NULL},
        {"{ name: openai, baseURL: \"http://h/v1\" }", "openai", "openai", "http://h:80", "/v1",
         NULL, NULL},
        {"{ name: l, baseURL: \"http://h/v1\" }", "openai", "openai", "http://h:80", "/v1", NULL,
         "openai is assumed"},
        /* full endpoints */
        {"{ name: l, baseURL: \"http://h/a/v1/chat/completions\" }", "openai", "openai",
         "http://h:80", "/a/v1", NULL, NULL},
        {"{ name: l, baseURL: \"http://h/a/v1/messages/\" }", "anthropic", "anthropic",
         "http://h:80", "/a", NULL, NULL},
        {"{ name: l, dialect: openai, api_base_url: \"http://h/own/way\" }", "openai", "openai",
         "http://h:80", "/own/way", "/own/way", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        check_one(&all[i]);
}

/* The languages of the judge's configs that this build has a back for. */
static void every_wire_preset_on_a_foreign_host(void **state)
{
    (void)state;
    static const char *const compat[] = {"deepseek", "groq", "openrouter", "xai", "perplexity"};
    for (size_t i = 0; i < ARRAY_LEN(compat); i++) {
        char yaml[200];
        snprintf(yaml, sizeof(yaml),
                 "{ name: x, dialect: %s, baseURL: \"http://127.0.0.1:7/p\", apiKey: k, "
                 "models: [m] }",
                 compat[i]);
        check_one(
            &(struct expected){yaml, compat[i], "openai", "http://127.0.0.1:7", "/p", NULL, NULL});
    }
    static const char *const later[] = {
        "openai-responses", "gemini",           "bedrock", "azure", "azure-responses",
        "vertex",           "vertex-anthropic", "cohere",  "ollama"};
    for (size_t i = 0; i < ARRAY_LEN(later); i++) {
        char text[200];
        snprintf(text, sizeof(text),
                 "providers:\n  - { name: x, dialect: %s, baseURL: \"http://h/p\", apiKey: k }\n",
                 later[i]);
        assert_refuses(text, "to a provider yet; it can: openai, anthropic", NULL);
    }
}

/* A back that is there is used as it is. */
static void more_backs(void **state)
{
    (void)state;
    static const char *const backs[] = {"openai",  "anthropic",        "gemini",
                                        "mistral", "openai-responses", NULL};
    struct loaded l;
    load_source(&l, (struct conf_source){
                        .path = "w.yaml",
                        .backs = backs,
                        .text = STR("providers:\n"
                                    "  - { name: gemini, apiKey: k }\n"
                                    "  - { name: mistral, apiKey: k }\n"
                                    "  - { name: r, dialect: openai-responses, apiKey: k }\n"
                                    "  - { name: g, dialect: gemini, apiKey: k, baseURL: "
                                    "\"http://h/v1beta/models/\" }\n")});
    assert_loads(&l);
    assert_str(l.s->providers[0].dialect, "gemini");
    assert_str(l.s->providers[0].base_path, "/v1beta");
    assert_str(l.s->providers[1].dialect, "mistral");
    assert_str(l.s->providers[2].dialect, "openai-responses");
    assert_str(l.s->providers[2].base_path, "/v1");
    assert_str(l.s->providers[3].base_path, "/v1beta");
    assert_string_equal(said(&l), "");
    loaded_fini(&l);
}

/* A known provider's key goes to its own host only, and never over plain HTTP. */
static void environment_keys_stay_at_home(void **state)
{
    (void)state;
    struct loaded l;
    load_text(&l,
              "providers:\n  - openai\n"
              "  - { name: a, dialect: openai, baseURL: \"http://elsewhere/v1\" }\n"
              "  - { name: b, dialect: openai, baseURL: \"http://api.openai.com/v1\" }\n"
              "  - { name: c, dialect: openai, baseURL: \"https://api.openai.com/v1\" }\n",
              ENV("OPENAI_API_KEY=k"));
    assert_loads(&l);
    assert_int_equal(l.s->providers[0].nkeys, 1);
    assert_int_equal(l.s->providers[1].nkeys, 0);
    assert_int_equal(l.s->providers[2].nkeys, 0);
    assert_int_equal(l.s->providers[3].nkeys, 1);
    loaded_fini(&l);
}

static void details(void **state)
{
    (void)state;
    struct loaded l;
    load_text(&l,
              "timeouts: { connect: 1s }\nproviders:\n"
              "  one: { dialect: openai, baseURL: \"http://h/v1?api-version=2\", apiKey: [ a, b ], "
              "auth: x-api-key, headers: { X-A: v, x-b: 7 }, timeouts: { idle: 5s }, "
              "tlsVerify: false, anthropicVersion: 2023-06-01, models: m1 }\n"
              "  two: { dialect: openai, baseURL: \"http://h/v1\", enabled: false }\n",
              ENV(NULL));
    assert_loads(&l);
    const struct conf_provider *p = conf_find_provider(l.s, STR("one"));
    assert_non_null(p);
    assert_str(p->query, "api-version=2");
    assert_int_equal(p->auth, CONF_AUTH_X_API_KEY);
    assert_int_equal(p->nkeys, 2);
    assert_int_equal(p->nheaders, 2);
    assert_str(p->headers[1].name, "x-b");
    assert_str(secret_reveal(&p->headers[1].value), "7");
    assert_str(secret_mask(&p->headers[1].value), "***");
    assert_int_equal(p->timeouts.connect, 1000);
    assert_int_equal(p->timeouts.idle, 5000);
    assert_int_equal(p->timeouts.total, 600000);
    assert_str(p->anthropic_version, "2023-06-01");
    assert_int_equal(p->nmodels, 1);
    assert_says(&l, "certificates are not checked");
    assert_false(conf_find_provider(l.s, STR("TWO"))->enabled);
    assert_null(conf_find_provider(l.s, STR("three")));
    loaded_fini(&l);
}

static void proxies(void **state)
{
    (void)state;
    struct loaded l;
    load_text(&l,
              "providers:\n"
              "  - { name: openai, apiKey: k }\n"
              "  - { name: local, dialect: openai, baseURL: \"http://127.0.0.1:1/v1\" }\n"
              "  - { name: lan, dialect: openai, baseURL: \"https://gpu.lan:1/v1\" }\n"
              "  - { name: own, dialect: openai, baseURL: \"https://h/v1\", proxy: "
              "\"http://us%3Aer:p%40ss@proxy:8080\" }\n"
              "  - { name: none, dialect: openai, baseURL: \"https://h/v1\", proxy: none }\n"
              "  - { name: plain, dialect: openai, baseURL: \"http://h/v1\" }\n",
              ENV("HTTPS_PROXY=proxy.corp:3128", "NO_PROXY=x, .lan", "http_proxy=http://p2"));
    assert_loads(&l);
    assert_str(l.s->providers[0].proxy->text, "http://proxy.corp:3128");
    assert_int_equal(l.s->providers[0].proxy->port, 3128);
    assert_null(l.s->providers[1].proxy);
    assert_null(l.s->providers[2].proxy);
    assert_str(l.s->providers[3].proxy->host, "proxy");
    assert_str(secret_reveal(&l.s->providers[3].proxy->authorization), "Basic dXM6ZXI6cEBzcw==");
    assert_null(l.s->providers[4].proxy);
    assert_str(l.s->providers[5].proxy->text, "http://p2:80");
    loaded_fini(&l);
    assert_refuses("providers: [ { name: openai, apiKey: k } ]\n", "HTTPS_PROXY of the environment",
                   "https_proxy=socks5://p:1");
    load_text(&l, "proxy: none\nproviders: [ { name: openai, apiKey: k } ]\n",
              ENV("https_proxy=socks5://p:1"));
    assert_loads(&l);
    assert_null(l.s->providers[0].proxy);
    loaded_fini(&l);
}

/* --- claude-code-router ------------------------------------------------------------------------
 */

static const char ccr[] =
    "{\n"
    "  // JSON5, as people keep it\n"
    "  \"APIKEY\": \"shared\", \"HOST\": \"0.0.0.0\", \"PORT\": \"3999\", \"LOG\": false,\n"
    "  \"PROXY_URL\": \"http://127.0.0.1:7890\", \"API_TIMEOUT_MS\": \"600000\", \"LOG_LEVEL\": "
    "\"trace\",\n"
    "  \"NON_INTERACTIVE_MODE\": false, \"StatusLine\": { \"enabled\": true },\n"
    "  \"CUSTOM_ROUTER_PATH\": \"\", \"transformers\": [],\n"
    "  \"Providers\": [\n"
    "    { \"name\": \"openrouter\", \"api_base_url\": "
    "\"https://openrouter.ai/api/v1/chat/completions\",\n"
    "      \"api_key\": \"$OPENROUTER_KEY\", \"models\": [\"google/gemini-2.5-pro-preview\", "
    "\"anthropic/claude-sonnet-4\"],\n"
    "      \"transformer\": { \"use\": [\"openrouter\"] } },\n"
    "    { \"name\": \"deepseek\", \"api_base_url\": "
    "\"https://api.deepseek.com/chat/completions\",\n"
    "      \"api_key\": \"${DEEPSEEK_KEY}\", \"models\": [\"deepseek-chat\", "
    "\"deepseek-reasoner\"],\n"
    "      \"transformer\": { \"use\": [\"deepseek\", [\"maxtoken\", { \"max_tokens\": 8192 }]],\n"
    "        \"deepseek-chat\": { \"use\": [\"tooluse\"] } } },\n"
    "    { \"name\": \"gemini\", \"api_base_url\": "
    "\"https://generativelanguage.googleapis.com/v1beta/models/\",\n"
    "      \"api_key\": \"g\", \"models\": [\"gemini-2.5-flash\"], \"transformer\": { \"use\": "
    "[\"gemini\"] } },\n"
    "    { \"name\": \"claude\", \"api_base_url\": \"https://relay.example.com/v1/messages\",\n"
    "      \"api_key\": \"c\", \"models\": [\"claude-opus-4\"],\n"
    "      \"transformer\": { \"use\": [[\"Anthropic\", { \"UseBearer\": true }]] } },\n"
    "    { \"name\": \"modelscope\", \"api_base_url\": "
    "\"https://api-inference.modelscope.cn/v1/chat/completions\",\n"
    "      \"api_key\": \"m\", \"models\": [\"Qwen/Qwen3-Coder\"], \"transformer\": { \"use\": "
    "[[\"maxtoken\", { \"max_tokens\": 65536 }], \"enhancetool\"] } },\n"
    "    { \"name\": \"vertex\", \"api_base_url\": \"https://v.example.com/x\", \"api_key\": "
    "\"v\",\n"
    "      \"models\": [\"x\"], \"transformer\": { \"use\": [\"vertex-claude\"] } },\n"
    "    { \"name\": \"ollama\", \"api_base_url\": "
    "\"http://localhost:11434/v1/chat/completions\",\n"
    "      \"api_key\": \"ollama\", \"models\": [\"qwen2.5-coder:latest\"] },\n"
    "  ],\n"
    "  \"Router\": {\n"
    "    \"default\": \"deepseek,deepseek-chat\", \"background\": "
    "\"ollama,qwen2.5-coder:latest\",\n"
    "    \"think\": \"deepseek,deepseek-reasoner\", \"longContext\": "
    "\"openrouter,google/gemini-2.5-pro-preview\",\n"
    "    \"longContextThreshold\": 50000, \"webSearch\": \"gemini,gemini-2.5-flash\", \"image\": "
    "\"\",\n"
    "  },\n"
    "  \"fallback\": { \"default\": [\"openrouter,anthropic/claude-sonnet-4\", \"vertex,x\"] },\n"
    "  \"someKeyOfAnotherVersion\": 1\n"
    "}\n";

#define CCR_ENV ENV("OPENROUTER_KEY=or", "DEEPSEEK_KEY=ds")

static void azure(void **state)
{
    static const char *const backs[] = {"openai", "azure", NULL};
    struct loaded l;
    (void)state;
    load_source(
        &l, (struct conf_source){
                .path = "/etc/weir/weir.yaml",
                .backs = backs,
                .text = STR("providers:\n"
                            "  - { name: azure, apiKey: k, baseURL: 'https://r.openai.azure.com', "
                            "apiVersion: 2024-10-21 }\n"
                            "  - { name: b, dialect: azure, apiKey: k, baseURL: "
                            "'https://r.openai.azure.com/openai/deployments/d/chat/completions"
                            "?api-version=x' }\n")});
    assert_loads(&l);
    const struct conf_provider *p = l.s->providers;
    assert_str(p[0].dialect, "azure");
    assert_str(p[0].base_path, "");
    assert_str(p[0].api_version, "2024-10-21");
    assert_str(p[1].base_path, "/openai/deployments/d");
    assert_str(p[1].query, "api-version=x");
    loaded_fini(&l);
    load_source(&l, (struct conf_source){.path = "/etc/weir/weir.yaml",
                                         .backs = backs,
                                         .text = STR("providers:\n"
                                                     "  - name: azure\n"
                                                     "    apiKey: k\n"
                                                     "    baseURL: https://r.openai.azure.com\n"
                                                     "    apiVersion: 'a b&c'\n")});
    assert_int_equal(l.rc, RC_CONFIG);
    assert_says(&l, "5:17: apiVersion 'a b&c' is no version; write it as 2024-10-21");
    loaded_fini(&l);
}

static void quirks(void **state)
{
    static const char *const params[] = {"top_k", "strict", "cache_control", NULL};
    struct loaded l;
    (void)state;
    load_text(&l,
              "providers:\n"
              "  - name: box\n"
              "    dialect: openai\n"
              "    baseURL: http://gpu1:8000/v1\n"
              "    apiKey: k\n"
              "    quirks: { maxTokens: max_completion_tokens, effort: thinking_and_effort,\n"
              "              thoughts: none, midSystem: user, maxTemperature: 1.5,\n"
              "              refuses: [strict, top_k], accepts: cache_control }\n"
              "  - { name: deepseek, apiKey: k }\n",
              ENV("A=b"));
    assert_loads(&l);
    const struct conf_quirks *q = &l.s->providers[0].quirks;
    assert_int_equal(q->max_tokens, CONF_MAXTOK_NEW);
    assert_int_equal(q->effort, CONF_EFFORT_BOTH);
    assert_int_equal(q->replay, CONF_REPLAY_NONE);
    assert_int_equal(q->mid_system, CONF_MID_USER);
    assert_int_equal(q->temperature_max, 15);
    assert_int_equal(q->nrefuses, 2);
    assert_str(q->refuses[1], "top_k");
    assert_int_equal(q->naccepts, 1);
    assert_str(l.s->providers[0].region, "");
    q = &l.s->providers[1].quirks;
    assert_true(!q->max_tokens && !q->effort && !q->replay && !q->mid_system && !q->nrefuses);
    assert_str(l.s->providers[1].balance, "https://api.deepseek.com/user/balance");
    assert_str(l.s->providers[1].region, "cn");
    loaded_fini(&l);
    load_source(&l, (struct conf_source){.path = "/etc/weir/weir.yaml",
                                         .params = params,
                                         .text = STR("providers:\n"
                                                     "  - name: box\n"
                                                     "    dialect: openai\n"
                                                     "    baseURL: http://gpu1:8000/v1\n"
                                                     "    quirks: { refuses: [strict, topk] }\n")});
    assert_int_equal(l.rc, RC_CONFIG);
    assert_says(&l, "5:33: quirks.refuses: 'topk' is nothing that can be refused (did you "
                    "mean 'top_k'?); docs/providers.md lists the names");
    loaded_fini(&l);
}

static void ccr_providers(void **state)
{
    (void)state;
    struct loaded l;
    load_text(&l, ccr, CCR_ENV);
    assert_loads(&l);
    const struct conf_provider *p = l.s->providers;
    assert_int_equal(l.s->nproviders, 7);
    assert_str(secret_reveal(&p[0].keys[0]), "or");
    assert_str(p[0].base_path, "/api/v1");
    assert_str(p[1].base_path, "");
    assert_str(p[1].preset, "deepseek");
    assert_str(p[2].dialect, "openai");
    assert_str(p[2].base_path, "/v1beta/openai");
    assert_str(p[3].dialect, "anthropic");
    assert_str(p[3].base_path, "");
    assert_int_equal(p[3].auth, CONF_AUTH_BEARER);
    assert_str(p[4].dialect, "openai");
    assert_str(p[4].base_path, "/v1");
    assert_false(p[5].enabled);
    assert_str(p[6].origin.text, "http://localhost:11434");
    assert_int_equal(p[6].nkeys, 1);
    assert_str(p[0].proxy->text, "http://127.0.0.1:7890");
    assert_null(p[6].proxy);
    loaded_fini(&l);
}

static void ccr_routes(void **state)
{
    (void)state;
    struct loaded l;
    load_text(&l, ccr, CCR_ENV);
    assert_loads(&l);
    const struct conf_routing *r = &l.s->routing;
    const struct conf_route *d = r->scenarios[CONF_SCENARIO_DEFAULT];
    assert_str(d->name, "deepseek/deepseek-chat");
    assert_int_equal(d->nfallback, 1); /* vertex is left out */
    assert_str(d->fallback[0]->targets[0].model, "anthropic/claude-sonnet-4");
    assert_str(r->scenarios[CONF_SCENARIO_LONG_CONTEXT]->targets[0].model,
               "google/gemini-2.5-pro-preview");
    assert_null(r->scenarios[CONF_SCENARIO_IMAGE]);
    assert_int_equal(r->long_context_threshold, 50000);
    assert_str(l.s->listens[0].text, "0.0.0.0:3999");
    assert_int_equal(l.s->nkeys, 1);
    assert_int_equal(l.s->timeouts.total, 600000);
    assert_int_equal(l.s->log.access_to, CONF_LOG_OFF);
    assert_int_equal(l.s->log.level, CONF_LOG_DEBUG);
    loaded_fini(&l);
}

/* What cannot be honoured is told, each by name. */
static void ccr_report(void **state)
{
    (void)state;
    struct loaded l;
    load_text(&l, ccr, CCR_ENV);
    assert_loads(&l);
    static const char *const parts[] = {
        "StatusLine: accepted, not active yet: there is no status line yet",
        "NON_INTERACTIVE_MODE: accepted, not active yet",
        "provider 'vertex' is left out",
        "'vertex,x' is left out, as its provider is",
        "unknown key 'someKeyOfAnotherVersion'",
        "gemini is spoken to through",
    };
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        assert_says(&l, parts[i]);
    assert_null(strstr(said(&l), "CUSTOM_ROUTER_PATH")); /* empty: not set */
    loaded_fini(&l);
}

static void ccr_without_a_key(void **state)
{
    (void)state;
    struct loaded l;
    load_text(
        &l,
        "{ \"HOST\": \"0.0.0.0\", \"APIKEY\": \"\", \"Providers\": [ { \"name\": \"openai\", "
        "\"api_base_url\": \"https://api.openai.com/v1/chat/completions\", \"api_key\": \"k\", "
        "\"models\": [\"a\"] }, { \"name\": \"groq\", \"api_base_url\": "
        "\"https://api.groq.com/openai/v1/chat/completions\", \"api_key\": \"\" } ], "
        "\"Router\": { \"default\": \"openai,a\" } }",
        ENV(NULL));
    assert_loads(&l);
    assert_str(l.s->listens[0].text, "127.0.0.1:3456");
    assert_true(l.s->listens[0].loopback);
    assert_says(&l, "HOST is not used without an APIKEY");
    assert_says(&l, "provider 'groq' is left out: it has no api_key");
    assert_false(l.s->providers[1].enabled);
    loaded_fini(&l);
    /* the most reported fault of such files: a slot without its provider */
    assert_refuses(
        "{ \"Providers\": [ { \"name\": \"openai\", \"api_base_url\": "
        "\"https://api.openai.com/v1/chat/completions\", \"api_key\": \"k\", \"models\": "
        "[\"gpt-5\"] } ], \"Router\": { \"default\": \"openia,gpt-5\" } }",
        "no provider is named 'openia'; did you mean 'openai'?", NULL);
    assert_refuses("{ \"Providers\": [ { \"name\": \"a\", \"api_base_url\": \"http://h/v1\", "
                   "\"api_key\": \"$NO_SUCH_KEY\" } ] }",
                   "the environment variable NO_SUCH_KEY is not set", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(languages),     cmocka_unit_test(quirks),
        cmocka_unit_test(azure),         cmocka_unit_test(every_wire_preset_on_a_foreign_host),
        cmocka_unit_test(more_backs),    cmocka_unit_test(environment_keys_stay_at_home),
        cmocka_unit_test(details),       cmocka_unit_test(proxies),
        cmocka_unit_test(ccr_providers), cmocka_unit_test(ccr_routes),
        cmocka_unit_test(ccr_report),    cmocka_unit_test(ccr_without_a_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
