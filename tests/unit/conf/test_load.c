/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole configurations: DESIGN's own file, the three shapes of the original description, files of
 * claude-code-router, no file at all; and what each of them comes to.
 */
#include "conf_check.h"

#include <unistd.h>

#include "base/digest.h"

static str provider_name(const struct loaded *l, uint32_t i)
{
    assert_true(i < l->s->nproviders);
    return l->s->providers[i].name;
}

static const char design[] =
    "listen: 127.0.0.1:3456\n"
    "providers:\n"
    "  - name: openai\n"
    "    apiKey: ${OPENAI_API_KEY}          # a list makes a key pool\n"
    "    baseURL: https://api.openai.com/v1 # known names need none\n"
    "    region: us-east                    # for region-level failover\n"
    "    limits: { rpm: 500, tpm: 2M, concurrency: 64 }\n"
    "    timeouts: { connect: 3s, firstByte: 60s, idle: 60s, total: 10m }\n"
    "  - { name: anthropic, apiKey: \"${ANTHROPIC_API_KEY}\" }\n"
    "  - { name: local, dialect: openai, baseURL: http://gpu1:8000/v1, models: [qwen3] }\n"
    "models:                                # logical models\n"
    "  - name: smart\n"
    "    targets: [ { use: anthropic/claude-sonnet-4-5, weight: 70 }, { use: openai/gpt-5, weight: "
    "30 } ]\n"
    "    strategy: balanced\n"
    "    fallback: [ cheap ]                # model-level degradation, in order\n"
    "  - { name: cheap, targets: [ { use: local/qwen3 } ] }\n"
    "routing:\n"
    "  strategy: weighted_round_robin       # default for models without one\n"
    "  weights: { response_time: 0.4, error_rate: 0.4, cost: 0.2 }   # for `balanced`\n"
    "  fallback: true\n"
    "  scenarios: { default: smart, background: cheap, think: smart, longContext: smart, "
    "longContextThreshold: 60000, webSearch: smart, image: smart }\n"
    "  rules: [ { when: { header.x-tag: beta }, split: { smart: 95, cheap: 5 } } ]\n"
    "alerts:\n"
    "  error_rate: { threshold: 0.05, action: switch_provider }\n"
    "  response_time: { threshold: 5000, action: fallback }\n"
    "keys:\n"
    "  - { name: team-a, key: \"${TEAM_A_KEY}\", models: [smart], budget: { usd: 200, per: month "
    "}, "
    "limits: { rpm: 60, tpm: 1M, concurrency: 8 } }\n"
    "admin: { key: \"${WEIR_ADMIN_KEY}\" }\n";

#define DESIGN_ENV \
    ENV("OPENAI_API_KEY=sk-o", "ANTHROPIC_API_KEY=sk-a", "TEAM_A_KEY=team", "WEIR_ADMIN_KEY=adm")

/* Nothing of how it deviates was written: quirks.def decides, not the first word of each row. */
static void assert_quirks_unsaid(const struct conf_quirks *q)
{
    assert_int_equal(q->max_tokens, CONF_MAXTOK_UNSAID);
    assert_int_equal(q->effort, CONF_EFFORT_UNSAID);
    assert_int_equal(q->replay, CONF_REPLAY_UNSAID);
    assert_int_equal(q->mid_system, CONF_MID_UNSAID);
}

static void design_providers(void **state)
{
    (void)state;
    struct loaded l;
    load_text(&l, design, DESIGN_ENV);
    assert_loads(&l);
    const struct conf_provider *p = &l.s->providers[0];
    assert_str(p->name, "openai");
    assert_str(p->preset, "openai");
    assert_str(p->dialect, "openai");
    assert_str(p->origin.text, "https://api.openai.com:443");
    assert_str(p->origin.authority, "api.openai.com");
    assert_str(p->base_path, "/v1");
    assert_null(p->endpoint.p);
    assert_str(secret_reveal(&p->keys[0]), "sk-o");
    assert_str(p->region, "us-east");
    assert_int_equal(p->rates.tpm, 2000000);
    assert_int_equal(p->timeouts.total, 600000);
    assert_int_equal(p->timeouts.tls, 5000);
    assert_true(p->models_open);
    assert_true(p->tls_verify && p->enabled && !p->demo);
    assert_str(l.s->providers[1].dialect, "anthropic");
    assert_str(l.s->providers[1].base_path, "");
    assert_str(l.s->providers[1].origin.host, "api.anthropic.com");
    p = &l.s->providers[2];
    assert_str(p->origin.authority, "gpu1:8000");
    assert_false(p->origin.https);
    assert_int_equal(p->nkeys, 0);
    assert_false(p->models_open);
    loaded_fini(&l);
}

static void design_routes(void **state)
{
    (void)state;
    struct loaded l;
    load_text(&l, design, DESIGN_ENV);
    assert_loads(&l);
    const struct conf_route *smart = l.s->models[0], *cheap = l.s->models[1];
    assert_int_equal(l.s->nmodels, 2);
    assert_int_equal(smart->ntargets, 2);
    assert_int_equal(smart->targets[0].provider, 1);
    assert_int_equal(smart->targets[0].weight, 70);
    assert_str(smart->targets[1].model, "gpt-5");
    assert_int_equal(smart->strategy, CONF_STRATEGY_BALANCED);
    assert_int_equal(cheap->strategy, CONF_STRATEGY_WEIGHTED_ROUND_ROBIN);
    assert_ptr_equal(smart->fallback[0], cheap);
    assert_ptr_equal(l.s->routing.scenarios[CONF_SCENARIO_DEFAULT], smart);
    assert_ptr_equal(l.s->routing.scenarios[CONF_SCENARIO_BACKGROUND], cheap);
    assert_int_equal(l.s->routing.long_context_threshold, 60000);
    assert_int_equal(l.s->routing.rules.n, 1);
    assert_int_equal(l.s->nalerts, 2);
    assert_int_equal(l.s->alerts[0].action, CONF_ALERT_SWITCH_PROVIDER);
    loaded_fini(&l);
}

static void design_keys(void **state)
{
    (void)state;
    struct loaded l;
    load_text(&l, design, DESIGN_ENV);
    assert_loads(&l);
    uint8_t hash[CONF_SHA256];
    digest_sha256(STR("team"), hash);
    const struct conf_key *k = conf_find_key(l.s, hash);
    assert_non_null(k);
    assert_str(k->name, "team-a");
    assert_true(k->budget.usd == INT64_C(200000000000));
    assert_str(k->budget.per, "month");
    assert_int_equal(k->rates.concurrency, 8);
    digest_sha256(STR("Team"), hash);
    assert_null(conf_find_key(l.s, hash));
    assert_true(l.s->has_admin_key);
    /* nothing of it is silent */
    assert_says(&l, "keys[0].budget: accepted, not active yet");
    assert_null(strstr(said(&l), "balanced"));
    assert_null(strstr(said(&l), "sk-o"));
    loaded_fini(&l);
}

static void defaults(void **state)
{
    (void)state;
    struct loaded l;
    load_text(&l, "providers: [ openai ]\n", ENV("OPENAI_API_KEY=k"));
    assert_loads(&l);
    const struct snapshot *s = l.s;
    assert_int_equal(s->nlistens, 1);
    assert_str(s->listens[0].text, "127.0.0.1:3456");
    assert_true(s->listens[0].loopback);
    assert_int_equal(s->limits.body, 32 << 20);
    assert_int_equal(s->timeouts.connect, 3000);
    assert_int_equal(s->timeouts.tls, 5000);
    assert_int_equal(s->timeouts.first_byte, 60000);
    assert_int_equal(s->timeouts.idle, 60000);
    assert_int_equal(s->timeouts.total, 600000);
    assert_int_equal(s->client_timeouts.header, 10000);
    assert_int_equal(s->drain, 30000);
    assert_int_equal(s->lame_duck, 1000);
    assert_int_equal(s->log.to, CONF_LOG_STDERR);
    assert_int_equal(s->log.access_to, CONF_LOG_STDOUT);
    assert_int_equal(s->log.format, CONF_LOG_JSON);
    assert_int_equal(s->routing.attempts, 3);
    assert_true(s->routing.fallback && s->routing.replay);
    assert_int_equal(s->nkeys, 0);
    assert_false(s->has_admin_key);
    assert_str(s->file, "/etc/weir/weir.yaml");
    assert_str(s->data_dir, "/etc/weir");
    assert_str(secret_reveal(&s->providers[0].keys[0]), "k");
    loaded_fini(&l);
}

/* --- the three shapes of the original description ----------------------------------------------
 */

static void shape_providers(void **state)
{
    (void)state;
    struct loaded l;
    load_text(&l,
              "providers:\n"
              "  - name: \"openai\"\n    apiKey: \"your-openai-key\"\n"
              "    baseURL: \"https://api.openai.com/v1\"\n"
              "  - name: \"anthropic\"\n    apiKey: \"your-anthropic-key\"\n"
              "    baseURL: \"https://api.anthropic.com\"\n"
              "  - name: \"mine\"\n    apiKey: \"x\"\n    baseURL: \"http://10.0.0.1:9000/v1\"\n",
              ENV(NULL));
    assert_loads(&l);
    assert_int_equal(l.s->nproviders, 3);
    assert_str(l.s->providers[1].dialect, "anthropic");
    assert_str(l.s->providers[2].dialect, "openai");
    assert_says(&l, "openai is assumed; write `dialect: openai`");
    loaded_fini(&l);
}

static void shape_security(void **state)
{
    (void)state;
    struct loaded l;
    load_text(
        &l,
        "{\n \"security\": {\"apiKeys\": {\"openai\": \"sk-1\", \"anthropic\": [\"a\", \"b\"], "
        "\"groq\": \"${GROQ}\"}},\n"
        " \"routing\": {\"strategy\": \"weighted_round_robin\", \"fallback\": true}\n}\n",
        ENV("GROQ=g"));
    assert_loads(&l);
    assert_int_equal(l.s->nproviders, 3);
    assert_str(provider_name(&l, 0), "openai");
    assert_int_equal(l.s->providers[1].nkeys, 2);
    assert_str(secret_reveal(&l.s->providers[2].keys[0]), "g");
    assert_str(l.s->providers[2].origin.host, "api.groq.com");
    assert_str(l.s->providers[2].base_path, "/openai/v1");
    assert_quirks_unsaid(&l.s->providers[0].quirks);
    assert_int_equal(l.report.of[CONF_WARNING].count, 0);
    loaded_fini(&l);
}

/* A key there for a provider that is described elsewhere. */
static void shape_security_adds_a_key(void **state)
{
    (void)state;
    struct loaded l;
    load_text(&l,
              "security: { apiKeys: { mine: k1 } }\n"
              "providers: [ { name: Mine, dialect: openai, baseURL: \"http://h:1/v1\" } ]\n",
              ENV(NULL));
    assert_loads(&l);
    assert_int_equal(l.s->nproviders, 1);
    assert_str(secret_reveal(&l.s->providers[0].keys[0]), "k1");
    loaded_fini(&l);
    assert_refuses("security: { apiKeys: { unheard-of: k } }\n", "is none that is known", NULL);
}

static void shape_metrics(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "providers: [ openai ]\nmetrics: [ response_time, error_rate, cost_per_token ]\n"
        "alerts:\n  error_rate: { threshold: 0.05, action: \"switch_provider\" }\n"
        "  response_time: { threshold: 5000, action: \"fallback\" }\n",
        "providers: [ openai ]\nmetrics:\n  enabled: true\n  alerts:\n"
        "    - { metric: error_rate, threshold: 0.05, action: switch_provider }\n"
        "    - { metric: response_time, threshold: 5000, action: fallback }\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct loaded l;
        load_text(&l, texts[i], ENV("OPENAI_API_KEY=k"));
        assert_loads(&l);
        assert_int_equal(l.s->nalerts, 2);
        assert_int_equal(l.s->alerts[0].metric, CONF_ALERT_ERROR_RATE);
        assert_true(l.s->alerts[0].threshold > 0.049 && l.s->alerts[0].threshold < 0.051);
        assert_int_equal(l.s->alerts[1].action, CONF_ALERT_FALLBACK);
        loaded_fini(&l);
    }
}

/* What an alert watches must be there, and what it does must be possible. */
static void shape_alert_scopes(void **state)
{
    (void)state;
    struct loaded l;
    load_text(
        &l,
        "providers: [ { name: a, dialect: openai, baseURL: \"http://h/v1\", "
        "apiKey: [x, y], models: [m] } ]\n"
        "models: [ { name: s, targets: [ { use: a/m } ] } ]\n"
        "alerts:\n"
        "  - { metric: ttft, threshold: 9, scope: target, only: [a/m], action: fallback }\n"
        "  - { metric: ttft, threshold: 9, scope: key, only: [a#2], action: switch_provider }\n"
        "  - { metric: key_refused, only: [a] }\n",
        NULL);
    assert_loads(&l);
    assert_int_equal(l.s->nalerts, 3);
    assert_int_equal(l.s->alerts[0].scope, CONF_ALERT_TARGET);
    assert_int_equal(l.s->alerts[2].scope, CONF_ALERT_KEY);
    assert_true(conf_alert_means(&l.s->alerts[2], STR("a#1")));
    assert_false(conf_alert_means(&l.s->alerts[1], STR("a#1")));
    const str *names;
    struct arena a;
    arena_init(&a, 1 << 20);
    assert_int_equal(conf_alert_subjects(l.s, CONF_ALERT_TARGET, &a, &names), 1);
    assert_str(names[0], "a/m");
    assert_int_equal(conf_alert_subjects(l.s, CONF_ALERT_KEY, &a, &names), 2);
    assert_str(names[1], "a#2");
    arena_fini(&a);
    loaded_fini(&l);
    static const char *const bad[][2] = {
        {"ttft: { threshold: 9, scope: target, only: [a] } }\n", "write provider/model"},
        {"ttft: { threshold: 9, scope: target, only: [b/m] } }\n", "there is no target 'b/m'"},
        {"ttft: { threshold: 9, scope: key, only: [a#3] } }\n", "there is no key 'a#3'"},
        {"ttft: { threshold: 9, scope: model, action: switch_provider } }\n", "must know which"},
        {"ttft: { threshold: 9, scope: all, action: fallback } }\n", "fallback needs"},
        {"ttft: { scope: key } }\n", "ttft needs a 'threshold'"},
        {"key_refused: { action: fallback } }\n", "can only `notify`"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char text[512];
        snprintf(text, sizeof(text),
                 "providers: [ { name: a, dialect: openai, baseURL: \"http://h/v1\", "
                 "apiKey: [x, y], models: [m] } ]\nalerts: { %s",
                 bad[i][0]);
        assert_refuses(text, bad[i][1], NULL);
    }
}

/* --- no file -----------------------------------------------------------------------------------
 */

static void load_nothing(struct loaded *l, const char *const *env)
{
    assert_int_equal(chdir("/"), 0); /* away from a ./config/weir.yaml */
    load_source(l, (struct conf_source){.env = env});
}

static void listens_have_a_bound(void **state)
{
    (void)state;
    assert_refuses("listen: [ 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009 ]\n"
                   "providers: [ { name: openai, apiKey: k } ]\n",
                   "1:59: listen: at most 8 addresses", NULL);
}

static void no_file_keys(void **state)
{
    (void)state;
    struct loaded l;
    load_nothing(&l, ENV("HOME=/nowhere", "OPENAI_API_KEY=o", "GOOGLE_API_KEY=g", "GROQ_API_KEY="));
    assert_loads(&l);
    assert_int_equal(l.s->nproviders, 2);
    assert_str(provider_name(&l, 0), "openai");
    assert_str(provider_name(&l, 1), "gemini");
    assert_str(l.s->providers[1].dialect, "openai");
    assert_str(l.s->providers[1].base_path, "/v1beta/openai");
    assert_says(&l, "environment: warning: gemini is spoken to through");
    assert_false(l.s->demo);
    assert_null(l.s->file.p);
    assert_str(l.s->data_dir, "/nowhere/.config/weir");
    assert_str(l.s->routing.scenarios[CONF_SCENARIO_DEFAULT]->name, "openai/gpt-5");
    assert_quirks_unsaid(&l.s->providers[0].quirks);
    assert_int_equal(l.s->providers[0].auth, CONF_AUTH_DIALECT);
    assert_true(l.s->providers[0].tls_verify);
    loaded_fini(&l);
}

static void no_file_no_keys(void **state)
{
    (void)state;
    struct loaded l;
    load_nothing(&l, NULL);
    assert_loads(&l);
    assert_true(l.s->demo);
    assert_int_equal(l.s->nproviders, 1);
    assert_true(l.s->providers[0].demo);
    struct conf_found found;
    assert_int_equal(conf_resolve(l.s, NULL, STR("claude-sonnet-4-5"), &found), RC_OK);
    assert_str(found.route->name, "demo/demo");
    assert_int_equal(conf_resolve(l.s, NULL, STR("demo"), &found), RC_OK);
    loaded_fini(&l);
}

/* --- places ------------------------------------------------------------------------------------
 */

static void data_dirs(void **state)
{
    (void)state;
    struct loaded l;
    load_text(&l, "providers: [ openai ]\n", ENV("OPENAI_API_KEY=k", "WEIR_DATA=/var/w"));
    assert_str(l.s->data_dir, "/var/w");
    loaded_fini(&l);
    load_source(&l, (struct conf_source){.path = "/x/y.yaml",
                                         .text = STR("providers: [ openai ]"),
                                         .data_dir = "/given",
                                         .listen = "127.0.0.1:99",
                                         .env = ENV("OPENAI_API_KEY=k", "WEIR_DATA=/var/w")});
    assert_loads(&l);
    assert_str(l.s->data_dir, "/given");
    assert_str(l.s->listens[0].text, "127.0.0.1:99");
    loaded_fini(&l);
}

static void listeners(void **state)
{
    (void)state;
    struct loaded l;
    load_text(&l,
              "listen: [ 8080, localhost:1, \"[::1]:2\", 0.0.0.0:3, \"[::]:4\" ]\n"
              "keys: [ secret ]\nproviders: [ openai ]\n"
              "log: { access: logs/a.log, to: \"off\", level: debug, format: text }\ndrain: 5s\n",
              ENV("OPENAI_API_KEY=k"));
    assert_loads(&l);
    static const char *const want[] = {"127.0.0.1:8080", "127.0.0.1:1", "[::1]:2", "0.0.0.0:3",
                                       "[::]:4"};
    for (uint32_t i = 0; i < 5; i++) {
        assert_str(l.s->listens[i].text, want[i]);
        assert_int_equal(l.s->listens[i].loopback, i < 3);
    }
    assert_str(l.s->listens[2].host, "::1");
    assert_str(l.s->keys[0].name, "key-1");
    assert_int_equal(l.s->log.access_to, CONF_LOG_FILE);
    assert_str(l.s->log.access_path, "/etc/weir/logs/a.log");
    assert_int_equal(l.s->log.to, CONF_LOG_OFF);
    assert_int_equal(l.s->drain, 5000);
    loaded_fini(&l);
}

/* A18-like: the reference count, and that nothing is left behind (LeakSanitizer watches). */
static void references(void **state)
{
    (void)state;
    struct loaded l;
    load_text(&l, "providers: [ openai ]\n", ENV("OPENAI_API_KEY=k"));
    struct snapshot *second = snapshot_ref(l.s);
    assert_ptr_equal(second, l.s);
    assert_null(snapshot_unref(l.s));
    assert_str(second->providers[0].name, "openai");
    l.s = second;
    loaded_fini(&l);
    assert_null(snapshot_unref(NULL));
}

static void variables(void **state)
{
    (void)state;
    struct loaded l;
    load_text(&l,
              "providers:\n  - name: openai\n    apiKey: \"a-${MID}-${NONE:-dflt}-$${X}-$LIT-$\"\n"
              "workers: ${N}\ntimeouts: { idle: \"${T:-7}s\" }\nrouting: { fallback: \"${F}\" }\n",
              ENV("MID=m", "N=3", "F=false", "LIT=no"));
    assert_loads(&l);
    assert_str(secret_reveal(&l.s->providers[0].keys[0]), "a-m-dflt-${X}-$LIT-$");
    assert_int_equal(l.s->workers, 3);
    assert_int_equal(l.s->timeouts.idle, 7000);
    assert_false(l.s->routing.fallback);
    assert_int_equal(l.s->routing.attempts, 1);
    loaded_fini(&l);
    /* a value is text: it can never become a key or a line */
    load_text(&l, "providers: [ { name: openai, apiKey: \"${K}\" } ]\n",
              ENV("K=x } ], workers: 99, z: [ {"));
    assert_loads(&l);
    assert_int_equal(l.s->workers, 0);
    loaded_fini(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(design_providers),
        cmocka_unit_test(design_routes),
        cmocka_unit_test(design_keys),
        cmocka_unit_test(defaults),
        cmocka_unit_test(shape_providers),
        cmocka_unit_test(shape_security),
        cmocka_unit_test(shape_security_adds_a_key),
        cmocka_unit_test(shape_metrics),
        cmocka_unit_test(shape_alert_scopes),
        cmocka_unit_test(listens_have_a_bound),
        cmocka_unit_test(no_file_keys),
        cmocka_unit_test(no_file_no_keys),
        cmocka_unit_test(data_dirs),
        cmocka_unit_test(listeners),
        cmocka_unit_test(references),
        cmocka_unit_test(variables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
