/* SPDX-License-Identifier: Apache-2.0 */
/* What a caller may ask of the choice: how it is read, what is refused, what it does to a plan. */
#include "../unit.h"

#include "route/plan.h"
#include "route/policy.h"

static struct arena arena;
static struct conf_provider providers[3];
static struct snapshot snap;
static struct route_state state;
static struct rand dice;
static struct fail fail;
static struct json_doc doc;

static int setup(void **unused)
{
    (void)unused;
    arena_init(&arena, 1 << 20);
    memset(providers, 0, sizeof(providers));
    for (unsigned i = 0; i < 3; i++)
        providers[i].enabled = true;
    providers[0].name = STR("a");
    providers[0].origin.text = STR("http://a");
    providers[1].name = STR("b");
    providers[1].preset = STR("groq");
    providers[1].origin.text = STR("http://b");
    providers[2].name = STR("gamma");
    providers[2].origin.text = STR("http://c");
    memset(&snap, 0, sizeof(snap));
    snap.providers = providers;
    snap.nproviders = 3;
    rand_init(&dice, 1);
    return route_state_init(&state, (struct hash_key){1, 2}) == RC_OK ? 0 : -1;
}

static int teardown(void **unused)
{
    (void)unused;
    route_state_fini(&state);
    arena_fini(&arena);
    return 0;
}

static enum rc object(struct route_policy *p, const char *text)
{
    fail = (struct fail){0};
    assert_int_equal(json_parse(&arena, str_c(text), &doc, NULL), RC_OK);
    return policy_object(p, json_root(&doc), &arena, &fail);
}

static enum rc header(struct route_policy *p, const char *name, const char *value)
{
    bool took;
    fail = (struct fail){0};
    enum rc rc = policy_header(p, str_c(name), str_c(value), &arena, &took, &fail);
    assert_true(took);
    return rc;
}

static void test_object(void **unused)
{
    (void)unused;
    struct route_policy p = {0};
    assert_int_equal(object(&p, "{\"order\":[\"a\",\"b/m\"],\"only\":\"gamma\",\"ignore\":[],"
                                "\"sort\":\"throughput\",\"allow_fallbacks\":false,"
                                "\"require_parameters\":true,\"data_collection\":\"allow\","
                                "\"zdr\":false,\"quantizations\":null,"
                                "\"max_price\":{\"prompt\":1.5,\"completion\":\"6\"}}"),
                     RC_OK);
    assert_int_equal(p.order.n, 2);
    assert_str(p.order.v[1], "b/m");
    assert_int_equal(p.only.n, 1);
    assert_int_equal(p.ignore.n, 0);
    assert_int_equal(p.sort, POLICY_SORT_PACE);
    assert_true(p.no_fallbacks && p.require_parameters);
    assert_true(p.has_max_prompt && p.max_prompt == 1500000000);
    assert_true(p.has_max_completion && p.max_completion == 6000000000);
    struct route_policy q = {0};
    assert_int_equal(object(&q, "{\"sort\":{\"by\":\"price\",\"partition\":\"model\"}}"), RC_OK);
    assert_int_equal(q.sort, POLICY_SORT_PRICE);
    assert_int_equal(object(&q, "{}"), RC_OK);
}

static void test_headers(void **unused)
{
    (void)unused;
    struct route_policy p = {0};
    bool took;
    assert_int_equal(header(&p, "x-weir-order", "a, b"), RC_OK);
    assert_int_equal(header(&p, "X-Weir-Ignore", "gamma"), RC_OK);
    assert_int_equal(header(&p, "x-weir-max-price", "2"), RC_OK);
    assert_true(p.max_prompt == 2000000000 && p.max_completion == 2000000000);
    assert_int_equal(header(&p, "x-weir-max-price", "prompt=3, completion=15"), RC_OK);
    assert_true(p.max_prompt == 3000000000 && p.max_completion == 15000000000);
    assert_int_equal(header(&p, "x-weir-max-ttft", "800ms"), RC_OK);
    assert_int_equal(p.max_ttft, 800);
    assert_int_equal(header(&p, "x-weir-allow-fallbacks", "False"), RC_OK);
    assert_int_equal(header(&p, "x-weir-fallback", "cheap,a/m"), RC_OK);
    assert_int_equal(p.fallback.n, 2);
    assert_str(p.order.v[1], "b");
    /* what a header says is not said again by the body */
    assert_int_equal(object(&p, "{\"order\":[\"gamma\"],\"sort\":\"price\"}"), RC_OK);
    assert_int_equal(p.order.n, 2);
    assert_int_equal(p.sort, POLICY_SORT_PRICE);
    /* what is none of ours is left alone */
    assert_int_equal(policy_header(&p, STR("x-weir-session"), STR("1"), &arena, &took, &fail),
                     RC_OK);
    assert_false(took);
}

/* Each is refused with the place that is at fault, and no word stands for another. */
static void test_wrong_values(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *param, *message;
    } rows[] = {
        {"{\"ingore\":[\"a\"]}", "provider.ingore",
         "provider.ingore is not known. Did you mean \"ignore\"?"},
        {"{\"only\":7}", "provider.only", "provider.only must be a list of names."},
        {"{\"only\":[7]}", "provider.only", "provider.only must be a list of names."},
        {"{\"only\":[\"\"]}", "provider.only",
         "provider.only must be a list of names, and one of them is empty."},
        {"{\"sort\":\"cheap\"}", "provider.sort",
         "provider.sort must be price, latency or throughput."},
        {"{\"sort\":{\"by\":\"price\",\"partition\":\"none\"}}", "provider.sort",
         "provider.sort can order the targets of one model: leave out partition."},
        {"{\"allow_fallbacks\":\"no\"}", "provider.allow_fallbacks",
         "provider.allow_fallbacks must be true or false."},
        {"{\"allow_fallbacks\":1}", "provider.allow_fallbacks",
         "provider.allow_fallbacks must be true or false."},
        {"{\"max_price\":{\"prompt\":-1}}", "provider.max_price",
         "provider.max_price must be dollars for a million tokens: {\"prompt\": 3, "
         "\"completion\": 15}."},
        {"{\"max_price\":{\"request\":1}}", "provider.max_price", NULL},
        {"{\"max_price\":[3]}", "provider.max_price", NULL},
        {"{\"max_ttft\":\"soon\"}", "provider.max_ttft", NULL},
        {"{\"data_collection\":\"deny\"}", "provider.data_collection",
         "provider.data_collection is not supported: nothing is known of that here. Name the "
         "providers you trust in `only`, or leave it out."},
        {"{\"zdr\":true}", "provider.zdr", NULL},
        {"{\"quantizations\":[\"fp8\"]}", "provider.quantizations", NULL},
        {"{\"fallback\":[\"m\"]}", "provider.fallback", NULL}, /* a header's alone */
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct route_policy p = {0};
        assert_int_equal(object(&p, rows[i].text), RC_SYNTAX);
        assert_int_equal(fail.kind, ERR_BAD_REQUEST);
        assert_str(fail.param, rows[i].param);
        if (rows[i].message)
            assert_str(fail.message, rows[i].message);
    }
    struct route_policy p = {0};
    assert_int_equal(header(&p, "x-weir-max-ttft", "0"), RC_SYNTAX);
    assert_str(fail.param, "x-weir-max-ttft");
    assert_int_equal(header(&p, "x-weir-sort", ""), RC_SYNTAX);
    assert_int_equal(header(&p, "x-weir-only", "a,,b"), RC_SYNTAX);
    assert_int_equal(header(&p, "x-weir-only", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17"),
                     RC_SYNTAX);
}

static void test_names_are_checked(void **unused)
{
    (void)unused;
    struct route_policy p = {0};
    assert_int_equal(object(&p, "{\"order\":[\"GROQ\",\"a/x\"],\"ignore\":[\"gama\"]}"), RC_OK);
    assert_int_equal(policy_check(&p, &snap, &arena, &fail), RC_SYNTAX);
    assert_str(fail.message, "No provider is named \"gama\" here. Did you mean \"gamma\"?");
    assert_str(fail.param, "provider.ignore");
    p.ignore.n = 0;
    assert_int_equal(policy_check(&p, &snap, &arena, &fail), RC_OK);
    providers[0].enabled = false;
    assert_int_equal(policy_check(&p, &snap, &arena, &fail), RC_SYNTAX);
}

/* ---- plans */

static const struct conf_target targets[] = {{0, 1, STR("m")}, {1, 1, STR("m")}, {2, 1, STR("m")}};
static const struct conf_route route = {.name = STR("r"),
                                        .logical = true,
                                        .strategy = CONF_STRATEGY_PRIORITY,
                                        .targets = targets,
                                        .ntargets = 3};

static const struct route_policy *asked;

/* What the gate answers, who knows prices. */
static enum plan_reason fits(void *arg, const struct conf_target *t)
{
    (void)arg;
    const uint64_t usd = (t->provider + 1) * UINT64_C(1000000000);
    const struct policy_target as = {.provider = &providers[t->provider],
                                     .target = t,
                                     .priced = t->provider != 2,
                                     .prompt = usd,
                                     .completion = usd * 4};
    return policy_judge(asked, &as);
}

static double usd(void *arg, const struct conf_target *t, double tokens, double cached)
{
    (void)arg;
    (void)tokens, (void)cached;
    return t->provider == 2 ? -1 : 10.0 - t->provider;
}

/* The providers of the plan, in order. */
static const char *plan(const struct route_policy *p, struct plan *out)
{
    static char names[8];
    const struct plan_ask ask = {.rand = &dice, .usd = usd, .policy = p, .fits = fits};
    asked = p;
    plan_build(out, &state, &snap, &route, &ask, 1000);
    for (unsigned i = 0; i < out->n; i++)
        names[i] = out->c[i].provider->name.p[0];
    names[out->n] = 0;
    plan_release(out);
    return names;
}

static void test_plans(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *plan;
    } rows[] = {
        {"{}", "abg"},
        {"{\"order\":[\"gamma\"]}", "gab"},
        {"{\"order\":[\"groq\",\"a\"]}", "bag"},
        {"{\"order\":[\"gamma\",\"b\"],\"allow_fallbacks\":false}", "gb"},
        {"{\"allow_fallbacks\":false}", "a"},
        {"{\"only\":[\"b\",\"gamma/m\"]}", "bg"},
        {"{\"only\":[\"gamma/other\"]}", ""},
        {"{\"ignore\":[\"A\"]}", "bg"},
        {"{\"only\":[\"a\"],\"ignore\":[\"a\"]}", ""},
        {"{\"sort\":\"price\"}", "bag"}, /* gamma's is not known */
        {"{\"sort\":\"price\",\"order\":[\"gamma\"]}", "gba"},
        {"{\"sort\":\"latency\"}", "abg"}, /* nothing is known: the strategy's order */
        {"{\"max_price\":{\"prompt\":1}}", "a"},
        {"{\"max_price\":{\"prompt\":2,\"completion\":8}}", "ab"},
        {"{\"max_price\":{\"prompt\":9,\"completion\":3.9}}", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct route_policy p = {0};
        struct plan out = {0};
        assert_int_equal(object(&p, rows[i].text), RC_OK);
        assert_string_equal(plan(&p, &out), rows[i].plan);
        if (!*rows[i].plan) {
            assert_int_not_equal(out.unfit, REASON_FITS);
        }
    }
}

/* Attempts whose first token came after so long. */
static void serve(unsigned provider, unsigned times, msec first, msec now)
{
    struct plan p = {0};
    const struct conf_route one = {
        .name = STR("one"), .targets = &targets[provider], .ntargets = 1};
    plan_build(&p, &state, &snap, &one, &(struct plan_ask){.rand = &dice}, now);
    struct figures *f = &p.c[0].health->figures;
    for (unsigned i = 0; i < times; i++) {
        figures_begin(f, now);
        figures_first(f, now + first, now);
        figures_end(f, now + first, now, now + first, FIGURES_SERVED, 10);
    }
    plan_release(&p);
}

static void test_time_to_the_first_token(void **unused)
{
    (void)unused;
    struct route_policy p = {.max_ttft = 500}, sorted = {.sort = POLICY_SORT_LATENCY};
    struct plan out = {0};
    serve(0, 10, 900, 10);
    serve(1, 10, 100, 10);
    serve(2, 2, 1200, 10); /* too few to speak against it */
    assert_string_equal(plan(&p, &out), "bg");
    assert_string_equal(plan(&sorted, &out), "bag");
    p.only = (struct policy_names){1, {STR("a")}};
    assert_string_equal(plan(&p, &out), "");
    assert_int_not_equal(out.unfit, REASON_FITS);
}

/* A target that the caller left out is no last resort either. */
static void test_panic_keeps_out(void **unused)
{
    (void)unused;
    struct route_policy p = {.ignore = {2, {STR("a"), STR("b")}}};
    struct plan out = {0};
    for (unsigned provider = 0; provider < 3; provider++) {
        const struct conf_route one = {
            .name = STR("one"), .targets = &targets[provider], .ntargets = 1};
        plan_build(&out, &state, &snap, &one, &(struct plan_ask){.rand = &dice}, 1);
        for (int i = 0; i < HEALTH_FAIL_MAX; i++)
            health_failure(out.c[0].health, false, 1);
        plan_release(&out);
    }
    assert_string_equal(plan(&p, &out), "g");
    assert_true(out.panic);
}

/* ---- the body without the member */

static void test_cut(void **unused)
{
    (void)unused;
    static const char *const rows[][2] = {
        {"{\"provider\":{\"a\":1}}", "{}"},
        {"{ \"provider\" : {} , \"model\":\"m\"}", "{ \"model\":\"m\"}"},
        {"{\"model\":\"m\", \"provider\":{}}", "{\"model\":\"m\"}"},
        {"{\"model\":\"m\",\"provider\":{\"x\":[1,2]},\"n\":1}", "{\"model\":\"m\",\"n\":1}"},
        {"{\"model\":\"m\"}", "{\"model\":\"m\"}"},
        {"{\"a\":{\"provider\":{}}}", "{\"a\":{\"provider\":{}}}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        str body = str_c(rows[i][0]);
        assert_int_equal(json_parse(&arena, body, &doc, NULL), RC_OK);
        str cut = policy_cut(body, json_root(&doc), &arena);
        assert_str(cut, rows[i][1]);
        assert_int_equal(json_parse(&arena, cut, &doc, NULL), RC_OK);
    }
}

static void test_slips_of_headers(void **unused)
{
    static const struct {
        const char *name, *said; /* NULL: it may stand */
    } rows[] = {
        {"x-weir-order", NULL},
        {"X-Weir-Max-Price", NULL},
        {"x-weir-tags", NULL},
        {"x-weir-session", NULL},
        {"X-WEIR-REQUEST-ID", NULL},
        {"x-weirdo", NULL},
        {"x-weird-order", NULL},
        {"content-type", NULL},
        {"x-weir-ordr", "Did you mean x-weir-order?"},
        {"x-weir-ignroe", "Did you mean x-weir-ignore?"},
        {"x-weir-max-prices", "Did you mean x-weir-max-price?"},
        {"x-weir-tag", "Did you mean x-weir-tags?"},
        {"X-Weir-Allow-Fallback", "Did you mean x-weir-allow-fallbacks?"},
        {"x-weir-", "names with x-weir- are its own; remove it"},
        {"x-weir-something-else", "remove it. It knows x-weir-order"},
        {"x-weir-provider", "send x-weir-only or x-weir-order."},
        {"x-weir-Model", "the model is chosen by the request itself."},
    };
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        fail = (struct fail){0};
        const bool may = policy_may_stand(str_c(rows[i].name), &arena, &fail);
        assert_int_equal(may, rows[i].said == NULL);
        if (!may && str_find(fail.message, str_c(rows[i].said)) == SIZE_MAX)
            fail_msg("%s: " STR_FMT, rows[i].name, STR_ARG(fail.message));
        assert_true(may || fail.kind == ERR_BAD_REQUEST);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_object, setup, teardown),
        cmocka_unit_test_setup_teardown(test_headers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names_are_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(test_plans, setup, teardown),
        cmocka_unit_test_setup_teardown(test_time_to_the_first_token, setup, teardown),
        cmocka_unit_test_setup_teardown(test_panic_keeps_out, setup, teardown),
        cmocka_unit_test(test_slips_of_headers),
        cmocka_unit_test_setup_teardown(test_cut, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
