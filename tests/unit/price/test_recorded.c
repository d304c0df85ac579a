/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The built-in catalogue itself, and against recorded traffic: every model that was asked for is
 * found or known to be missing, and what OpenRouter and xAI said a call cost is what we say.
 */
#include "prices.h"

#include <glob.h>

#include "dialect/openai_chat_int.h"

struct world {
    struct arena arena;
    struct buf text;
    struct catalogue *catalogue;
};

static int setup(void **state)
{
    static struct world w;
    arena_init(&w.arena, 64 << 20);
    w.catalogue = built_in(&w.text);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    catalogue_unref(w->catalogue);
    buf_fini(&w->text);
    arena_fini(&w->arena);
    return 0;
}

/* ---- the file */

/* It is trusted at start-up: here every line of it is read. */
static void test_the_built_in_catalogue_is_sound(void **state)
{
    struct world *w = *state;
    struct catalogue_fault fault;
    struct catalogue *trusting = NULL;
    struct json_doc doc;
    struct card card;
    str text = buf_str(&w->text), before = STR_NONE;
    unsigned priced = 0, limited = 0, n = 0;
    assert_int_equal(catalogue_new(text, true, &trusting, &fault), RC_OK);
    assert_int_equal(catalogue_models(trusting), catalogue_models(w->catalogue));
    assert_true(text.n < 600 * 1024);
    assert_int_equal(json_parse(&w->arena, text, &doc, NULL), RC_OK);
    struct json_iter it = json_iter(json_get_lit(json_root(&doc), "models"));
    for (; json_next(&it); n++) {
        str id = json_raw(json_get_lit(it.val, "id")), line = json_text(it.val);
        if (catalogue_get(trusting, id, &w->arena, &card) != RC_OK || !str_eq(card.id, id))
            fail_msg(STR_FMT " is not found by its own name", STR_ARG(id));
        assert_true(line.p[-1] == '\n'); /* one a line */
        if (before.n && strncasecmp(before.p, id.p, before.n < id.n ? before.n : id.n) > 0)
            fail_msg(STR_FMT " stands behind " STR_FMT, STR_ARG(id), STR_ARG(before));
        before = id;
        priced += card.nperiods > 0;
        limited += card.knows_can && card.context > 0;
    }
    assert_int_equal(n, catalogue_models(trusting));
    assert_true(priced > n * 8 / 10);
    assert_true(limited > n * 6 / 10);
    catalogue_unref(trusting);
}

static void costs(struct world *w, const char *id, uint64_t unix_ms, nanousd want)
{
    struct usage u = {.input_uncached = 1000, .cache_read = 1000, .output = 1000};
    struct card card;
    struct cost c;
    if (catalogue_get(w->catalogue, str_c(id), &w->arena, &card) != RC_OK)
        fail_msg("%s is not found", id);
    cost_of(card_price(&card, unix_ms), &u, &c);
    if (c.usd != want || c.missing)
        fail_msg("%s: %lld, want %lld", id, (long long)c.usd, (long long)want);
}

/* From the providers' own price lists. */
static void test_prices_as_published(void **state)
{
    struct world *w = *state;
    uint64_t day = at(20720, 12, 0); /* 2026-09-24 */
    costs(w, "anthropic/claude-sonnet-4-5", day, 3000000 + 300000 + 15000000);
    costs(w, "anthropic/claude-haiku-4-5", day, 1000000 + 100000 + 5000000);
    costs(w, "openai/gpt-4o", day, 2500000 + 1250000 + 10000000);
    costs(w, "openai/gpt-5", day, 1250000 + 125000 + 10000000);
    costs(w, "gemini/gemini-2.5-pro", day, 1250000 + 125000 + 10000000);
    costs(w, "openai/o3", at(20248, 23, 0), 10000000 + 500000 + 40000000); /* until 2025-06-10 */
    costs(w, "openai/o3", at(20249, 0, 0), 2000000 + 500000 + 8000000);
    costs(w, "deepseek/deepseek-v4-flash", at(20720, 2, 0), 440000 + 14000 + 1320000);
    costs(w, "deepseek/deepseek-v4-flash", at(20720, 5, 0), 220000 + 7000 + 660000);
}

/* ---- recorded traffic */

static bool shared(struct world *w, const char *name, str *ret)
{
    struct buf b;
    if (!shared_read(name, &b))
        return false;
    *ret = arena_dup(&w->arena, buf_str(&b));
    buf_fini(&b);
    return true;
}

/* Recorder's name of a provider, and ours where it is another one. */
static const char *const names[][2] = {
    {"aws-bedrock", "bedrock"},      {"google", "gemini"},
    {"google-vertex", "vertex"},     {"cloudflare-workers-ai", "cloudflare"},
    {"vercel-ai-gateway", "vercel"}, {"copilot", "github-copilot"},
    {"chatgpt", "openai"},
};

static int provider_of(struct world *w, str recorded)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq(recorded, str_c(names[i][0])))
            recorded = str_c(names[i][1]);
    return catalogue_provider(w->catalogue, recorded);
}

/* Names that no catalogue has: made up to fail, retired before 2025, one's own, or not priced by
 * use anywhere we know. A name that comes to be found must leave this list. */
static const char *const unknown[] = {
    "anthropic/claude-nonexistent-model-for-error-edge",
    "anthropic/claude-sonet-4-5",
    "azure/databricks-claude-3-7-sonnet",
    "azure/gpt-5.2_2025-12-11",
    "azure/us.anthropic.claude-3-7-sonnet-20250219-v1:0",
    "bedrock//opt/ml/model",
    "bedrock/anthropic.claude-instant-v1",
    "bedrock/anthropic.claude-v2",
    "bedrock/arn:aws:sagemaker:us-east-1:767398002385:endpoint%2Fendpoint-quick-start-idr7y",
    "bedrock/cohere.command-light-text-v14",
    "bedrock/invalid-streaming-model-id",
    "cohere/nonexistent",
    "cohere/rerank-v3.5",
    "doubleword/Qwen/Qwen3.5-397B-A17B-FP8",
    "gemini/gemini-nonexistent-model-for-identity-edge",
    "gemini/gemini-nonexistent-rig-test",
    "gemini/no-such-embedding-model",
    "groq/compound-beta",
    "groq/groq-nonexistent-model-for-identity-edge",
    "huggingface/meta-llama/Llama-4-Scout-17B-16E-Instruct",
    "mistral/codestral-embed",
    "openai/Qwen/Qwen3-0.6B",
    "openai/dall-e-2",
    "openai/gpt-4o-mini-nonexistent-rig-test",
    "openai/palmyra-x4",
    "openai/this-model-does-not-exist",
    "openrouter/hexgrad/kokoro-82m",
    "openrouter/minimax/minimax-m2:free",
    "openrouter/openai/text-embedding-3-small",
    "openrouter/openai/whisper-1",
    "openrouter/rerank-2.5-lite",
    "openrouter/text-embedding-3-small",
    "openrouter/voyageai/rerank-2.5-lite",
    "openrouter/x-ai/grok-4.1-fast",
    "perplexity/pplx-embed-v1-0.6b",
    "vercel/google/gemini-3-pro-preview",
};

static bool is_known_unknown(str id)
{
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
        if (str_eq(id, str_c(unknown[i])))
            return true;
    return false;
}

/* "amazon.nova-lite-v1%3A0": as it stood in a path. */
static str decoded(struct arena *a, str s)
{
    str copy = arena_dup(a, s);
    char *p = (char *)(uintptr_t)copy.p;
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        bool colon = str_has_prefix(str_from(s, i), STR("%3A"));
        p[n++] = colon ? ':' : s.p[i];
        i += colon ? 2 : 0;
    }
    return str_of(p, n);
}

static unsigned look_up(struct world *w, str provider, str model)
{
    struct card card;
    int at = provider_of(w, provider);
    if (!model.n || at < 0)
        return 0;
    str name = decoded(&w->arena, model);
    str id = arena_strf(&w->arena, STR_FMT "/" STR_FMT,
                        STR_ARG(catalogue_provider_id(w->catalogue, at)), STR_ARG(name));
    bool found = catalogue_find(w->catalogue, at, name, &w->arena, &card) == RC_OK;
    if (found == is_known_unknown(id))
        print_error("%s: " STR_FMT "\n", found ? "found, yet listed as unknown" : "not found",
                    STR_ARG(id));
    return found == is_known_unknown(id);
}

static void test_every_recorded_model_is_found_or_listed(void **state)
{
    struct world *w = *state;
    struct json_doc doc;
    unsigned bad = 0, n = 0;
    str text;
    if (!shared(w, "fixtures/wire/index.json", &text))
        skip();
    assert_int_equal(json_parse(&w->arena, text, &doc, NULL), RC_OK);
    struct json_iter it = json_iter(json_root(&doc));
    for (; json_next(&it); n++) {
        str provider = json_raw(json_get_lit(it.val, "provider"));
        bad += look_up(w, provider, json_raw(json_get_lit(it.val, "model_requested")));
        bad += look_up(w, provider, json_raw(json_get_lit(it.val, "model_responded")));
    }
    assert_true(n > 400);
    assert_int_equal(bad, 0);
}

/* The last usage object of a body, plain or a stream. */
static bool last_usage(struct world *w, str body, jval *ret)
{
    static const str key = {"\"usage\":", 8};
    struct json_doc *doc = arena_new(&w->arena, struct json_doc);
    bool found = false;
    if (json_parse(&w->arena, body, doc, NULL) == RC_OK) {
        *ret = json_get_lit(json_root(doc), "usage");
        return json_is(*ret, JSON_OBJECT);
    }
    while (body.p) {
        str line = str_cut(&body, '\n');
        if (!str_has_prefix(line, STR("data: {")) || str_find(line, key) == SIZE_MAX)
            continue;
        doc = arena_new(&w->arena, struct json_doc);
        if (json_parse(&w->arena, str_trim(str_from(line, 6)), doc, NULL) != RC_OK)
            continue;
        jval usage = json_get_lit(json_root(doc), "usage");
        if (json_is(usage, JSON_OBJECT)) {
            *ret = usage;
            found = true;
        }
    }
    return found;
}

static bool read_body(const char *folder, struct buf *ret)
{
    static const char *const files[] = {"response.json", "response.sse"};
    char path[4200];
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        snprintf(path, sizeof(path), "%s%s", folder, files[i]);
        if (file_read(path, ret))
            return true;
    }
    return false;
}

/* Not of tokens at a known price: a web search made by a plug-in, and names that were retired. */
static const char *const incomparable[] = {
    "citations-reasoning-document-gpt-5-1-codex-mini",
    "citations-stream-deepseek-chat",
    "paralleltools-reasoning-cache-usage-grok-4-1-fast",
    "stream-error-reasoning-fin-length-stream-minimax-m2-free",
};

static bool is_comparable(const char *folder)
{
    for (size_t i = 0; i < ARRAY_LEN(incomparable); i++)
        if (strstr(folder, incomparable[i]))
            return false;
    return true;
}

static bool read_json(struct world *w, const char *folder, const char *file, jval *ret)
{
    char path[4200];
    struct buf raw;
    struct json_doc *doc = arena_new(&w->arena, struct json_doc);
    snprintf(path, sizeof(path), "%s%s", folder, file);
    if (!file_read(path, &raw))
        return false;
    str text = arena_dup(&w->arena, buf_str(&raw));
    buf_fini(&raw);
    assert_int_equal(json_parse(&w->arena, text, doc, NULL), RC_OK);
    *ret = json_root(doc);
    return true;
}

static nanousd our_cost(struct world *w, const char *provider, jval meta, const struct usage *u)
{
    struct card card;
    struct cost c;
    str model = json_raw(json_get_lit(meta, "model_requested"));
    if (!model.n)
        model = json_raw(json_get_lit(meta, "model_responded"));
    if (catalogue_find(w->catalogue, catalogue_provider(w->catalogue, str_c(provider)), model,
                       &w->arena, &card) != RC_OK)
        fail_msg("%s/" STR_FMT " is not found", provider, STR_ARG(model));
    cost_of(card_price(&card, at(20720, 12, 0)), u, &c);
    assert_int_equal(c.missing, 0);
    return c.usd;
}

/* 1: compared. */
static unsigned compare(struct world *w, const char *provider, const char *folder)
{
    struct usage u = {0};
    struct buf raw;
    jval usage, meta;
    if (!is_comparable(folder) || !read_body(folder, &raw))
        return 0;
    str body = arena_dup(&w->arena, buf_str(&raw));
    buf_fini(&raw);
    if (!last_usage(w, body, &usage) || !chat_read_usage(usage, &u) || !(u.has & USAGE_HAS_COST) ||
        !read_json(w, folder, "meta.json", &meta))
        return 0;
    nanousd ours = our_cost(w, provider, meta, &u);
    if (ours != u.cost)
        fail_msg("%s: %lld was said, we make it %lld", folder, (long long)u.cost, (long long)ours);
    return 1;
}

static void test_costs_as_the_providers_say_them(void **state)
{
    struct world *w = *state;
    static const char *const folders[] = {"xai", "openrouter"};
    const char *dir = getenv("WEIR_SHARED");
    unsigned n = 0;
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        char pattern[4096];
        glob_t found;
        snprintf(pattern, sizeof(pattern), "%s/fixtures/wire/%s/*/",
                 dir ? dir : SOURCE_ROOT "/../shared", folders[i]);
        if (glob(pattern, 0, NULL, &found) != 0)
            skip();
        for (size_t k = 0; k < found.gl_pathc; k++)
            n += compare(w, folders[i], found.gl_pathv[k]);
        globfree(&found);
    }
    assert_true(n >= 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_built_in_catalogue_is_sound),
        cmocka_unit_test(test_prices_as_published),
        cmocka_unit_test(test_every_recorded_model_is_found_or_listed),
        cmocka_unit_test(test_costs_as_the_providers_say_them),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
