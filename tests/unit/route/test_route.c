/* SPDX-License-Identifier: Apache-2.0 */
/* The plan, the health of targets and the rules of retrying, under a clock that the test moves. */
#include "../unit.h"

#include <stdio.h>

#include "route/alive.h"
#include "route/order.h"
#include "route/plan.h"
#include "route/retry.h"

static struct secret keys_a[2], keys_b[1];
static struct conf_provider providers[3];
static struct snapshot snap;
static struct route_state state;
static struct rand dice;
static const struct plan_ask ask = {.rand = &dice};

static int setup(void **unused)
{
    (void)unused;
    keys_a[0] = secret_of(STR("ka0"));
    keys_a[1] = secret_of(STR("ka1"));
    keys_b[0] = secret_of(STR("kb"));
    memset(providers, 0, sizeof(providers));
    providers[0] = (struct conf_provider){
        .name = STR("a"), .origin = {.text = STR("http://a")}, .keys = keys_a, .nkeys = 2};
    providers[1] = (struct conf_provider){
        .name = STR("b"), .origin = {.text = STR("http://b")}, .keys = keys_b, .nkeys = 1};
    providers[2] = (struct conf_provider){.name = STR("c"), .origin = {.text = STR("http://c")}};
    memset(&snap, 0, sizeof(snap));
    snap.providers = providers;
    snap.nproviders = 3;
    return route_state_init(&state, (struct hash_key){1, 2}) == RC_OK ? 0 : -1;
}

static int teardown(void **unused)
{
    (void)unused;
    route_state_fini(&state);
    return 0;
}

#define ROUTE(list)       \
    ((struct conf_route){ \
        .name = STR("r"), .logical = true, .targets = (list), .ntargets = ARRAY_LEN(list)})

/* A plan that is not held: enough where no record has to give way. */
static void build(struct plan *p, const struct conf_route *r, msec now)
{
    plan_build(p, &state, &snap, r, &ask, now);
    for (unsigned i = 0; i < p->n; i++)
        candidate_release(&p->c[i]);
}

static void test_weights_are_honoured(void **unused)
{
    (void)unused;
    struct conf_target t[] = {{0, 70, STR("m")}, {1, 20, STR("m")}, {2, 10, STR("m")}};
    struct conf_route r = ROUTE(t);
    unsigned seen[3] = {0};
    for (int i = 0; i < 10000; i++) {
        struct plan p;
        build(&p, &r, 1000);
        assert_int_equal(p.n, 4); /* a has two keys */
        seen[p.c[0].target->provider]++;
    }
    assert_int_equal(seen[0], 7000);
    assert_int_equal(seen[1], 2000);
    assert_int_equal(seen[2], 1000);
}

static void test_smooth(void **unused)
{
    (void)unused;
    struct conf_target t[] = {{0, 2, STR("m")}, {1, 1, STR("m")}};
    struct conf_route r = ROUTE(t);
    char order[7] = {0};
    for (int i = 0; i < 6; i++) {
        struct plan p;
        build(&p, &r, 1000);
        order[i] = p.c[0].provider->name.p[0];
    }
    assert_string_equal(order, "abaaba"); /* never all of one, then all of the other */
}

static void test_weight_zero_is_a_reserve(void **unused)
{
    (void)unused;
    struct conf_target t[] = {{0, 0, STR("m")}, {1, 1, STR("m")}};
    struct conf_route r = ROUTE(t);
    for (int i = 0; i < 10; i++) {
        struct plan p;
        build(&p, &r, 1000);
        assert_str(p.c[0].provider->name, "b");
        assert_str(p.c[1].provider->name, "a");
    }
}

static char home_of(const struct conf_route *r, uint64_t session)
{
    struct plan p;
    const struct plan_ask with = {.rand = &dice, .session = session};
    plan_build(&p, &state, &snap, r, &with, 1000);
    const char name = p.c[0].provider->name.p[0];
    plan_release(&p);
    return name;
}

/* A session's home is a provider of that name, wherever the file puts it; one that is taken out
 * moves its own sessions and no others. */
static void test_sticky_goes_by_names(void **unused)
{
    (void)unused;
    struct conf_target t[] = {{0, 1, STR("m")}, {1, 1, STR("m")}, {2, 1, STR("m")}};
    struct conf_target turned[] = {{2, 1, STR("m")}, {0, 1, STR("m")}, {1, 1, STR("m")}};
    struct conf_route r = ROUTE(t);
    char homes[300];
    unsigned of_b = 0, moved = 0;
    r.strategy = CONF_STRATEGY_STICKY;
    for (unsigned i = 0; i < 300; i++) {
        homes[i] = home_of(&r, i * 0x9e3779b97f4a7c15 + 1);
        of_b += homes[i] == 'b';
    }
    assert_in_range(of_b, 70, 130);
    struct conf_provider swapped = providers[0];
    providers[0] = providers[2], providers[2] = swapped;
    snap.generation++;
    r.targets = turned;
    for (unsigned i = 0; i < 300; i++)
        assert_int_equal(home_of(&r, i * 0x9e3779b97f4a7c15 + 1), homes[i]);
    r.ntargets = 2; /* without b, which stands last in this order */
    for (unsigned i = 0; i < 300; i++) {
        const char home = home_of(&r, i * 0x9e3779b97f4a7c15 + 1);
        moved += home != homes[i];
        assert_true(home == homes[i] || homes[i] == 'b');
    }
    assert_int_equal(moved, of_b);
}

static void test_keys_take_turns(void **unused)
{
    (void)unused;
    struct conf_target t[] = {{0, 1, STR("m")}};
    struct conf_route r = ROUTE(t);
    struct plan p;
    build(&p, &r, 1000);
    uint32_t first = p.c[0].key;
    assert_int_equal(p.n, 2);
    assert_int_equal(p.c[1].key, 1 - first);
    build(&p, &r, 1000);
    assert_int_equal(p.c[0].key, 1 - first);
}

/* U11: a limited key cools until its Retry-After, clamped; then it serves again. */
static void test_u11_cooling(void **unused)
{
    (void)unused;
    struct conf_target t[] = {{1, 1, STR("m")}};
    struct conf_route r = ROUTE(t);
    struct plan p;
    build(&p, &r, 1000);
    struct candidate *c = plan_next(&p, 1000);
    health_cool(c->health, 1000, 5000);
    build(&p, &r, 2000);
    assert_int_equal(p.n, 0);
    assert_int_equal(p.why, ERR_RATE_LIMITED);
    assert_int_equal(p.ready_at, 6000);
    build(&p, &r, 6000);
    assert_int_equal(p.n, 1);
    health_cool(c->health, 6000, UINT64_MAX);
    assert_int_equal(health_ready_at(c->health, 6000), 6000 + HEALTH_COOL_MAX_MS);
    health_cool(c->health, 6000, 0);
    assert_int_equal(health_ready_at(c->health, 6000), 6000 + HEALTH_COOL_MIN_MS);
}

/* U12, U18: a refused credential is out for all its models; the other key of the provider serves.
 */
static void test_u18_refused_credential(void **unused)
{
    (void)unused;
    struct conf_target t[] = {{0, 1, STR("m")}}, other[] = {{0, 1, STR("n")}};
    struct conf_route r = ROUTE(t), r2 = ROUTE(other);
    struct plan p;
    build(&p, &r, 1000);
    uint32_t bad = p.c[0].key;
    health_refuse(p.c[0].credential, 1000);
    build(&p, &r2, 1001);
    assert_int_equal(p.n, 1);
    assert_int_equal(p.c[0].key, 1 - bad);
    health_refuse(p.c[0].credential, 1001);
    build(&p, &r, 1002);
    assert_int_equal(p.n, 0);
    assert_int_equal(p.why, ERR_UPSTREAM_AUTH);
    build(&p, &r, 1002 + HEALTH_REFUSED_MS);
    assert_int_equal(p.n, 2); /* looked at again, … */
    assert_true(p.c[0].probe && p.c[1].probe);
    struct candidate *first = plan_next(&p, 1002 + HEALTH_REFUSED_MS);
    assert_non_null(first);
    health_probe_begin(p.c[1].health, 1002 + HEALTH_REFUSED_MS);
    struct plan next;
    build(&next, &r, 1003 + HEALTH_REFUSED_MS);
    assert_int_equal(next.n, 0); /* … by one call at a time */
    health_probe_end(p.c[1].health);
    health_answers(first->credential, 1004 + HEALTH_REFUSED_MS);
    build(&next, &r, 1005 + HEALTH_REFUSED_MS);
    assert_int_equal(next.n, 2);
    assert_true(next.c[0].probe != next.c[1].probe); /* one key is well, the other as it was */
}

/* U18: a probe that shows the provider's first key brings that key back to be tried, and no other;
 * one that shows no key says nothing of keys. */
static void test_u18_a_probe_brings_the_first_key_back(void **unused)
{
    (void)unused;
    struct conf_target t[] = {{0, 1, STR("m")}};
    struct conf_route r = ROUTE(t);
    struct plan p;
    build(&p, &r, 1000);
    health_refuse(p.c[0].credential, 1000);
    health_refuse(p.c[1].credential, 1000);
    assert_false(alive_is_wanted(&state, &providers[0], 1001));
    assert_false(alive_key(&state, &providers[0], 1001));
    providers[0].probe.path = STR("/v1/models");
    assert_true(alive_is_wanted(&state, &providers[0], 1001));
    assert_true(alive_key(&state, &providers[0], 1001));
    assert_false(alive_key(&state, &providers[0], 1001));
    build(&p, &r, 1002);
    assert_int_equal(p.n, 1);
    assert_int_equal(p.c[0].key, 0);
    assert_true(p.c[0].probe);
}

/* ---- what alerts ask of single targets and keys */

static unsigned planned(const struct plan *p, uint32_t provider, str model, uint32_t key)
{
    for (unsigned i = 0; i < p->n; i++)
        if (p->c[i].target->provider == provider && str_eq(p->c[i].target->model, model) &&
            p->c[i].key == key)
            return 1 + (p->c[i].probe ? 1 : 0);
    return 0;
}

struct part_case {
    struct alert_part part;
    /* of a/m with its two keys, a/n with the same, and b/m: 0 out, 1 in, 2 in on trial */
    unsigned want[5];
    bool degraded;
};

/* A target that is out takes no other model of its provider along, and a key no other key. */
static void test_parts_of_providers(void **unused)
{
    (void)unused;
    const struct part_case cases[] = {
        {{0, ALERT_NO_KEY, STR("m"), ALERT_OUT}, {0, 0, 1, 1, 1}, false},
        {{0, ALERT_NO_KEY, STR("m"), ALERT_FALLBACK}, {0, 0, 1, 1, 1}, true},
        {{0, ALERT_NO_KEY, STR("m"), ALERT_OUT | ALERT_TRIAL}, {2, 2, 1, 1, 1}, false},
        {{0, ALERT_NO_KEY, STR("x"), ALERT_OUT}, {1, 1, 1, 1, 1}, false},
        {{0, 1, STR_NONE, ALERT_OUT}, {1, 0, 1, 0, 1}, false},
        {{0, 1, STR_NONE, ALERT_FALLBACK}, {1, 0, 1, 0, 1}, true},
        {{0, 0, STR_NONE, ALERT_FALLBACK | ALERT_TRIAL}, {2, 1, 2, 1, 1}, false},
        {{1, 0, STR_NONE, ALERT_OUT}, {1, 1, 1, 1, 0}, false},
    };
    struct conf_target t[] = {{0, 1, STR("m")}, {0, 1, STR("n")}, {1, 1, STR("m")}};
    struct conf_route r = ROUTE(t);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t of[] = {0, 0, 0};
        struct plan p;
        of[cases[i].part.provider] = ALERT_PARTS;
        const struct plan_ask with = {
            .rand = &dice, .alerts = of, .parts = &cases[i].part, .nparts = 1};
        plan_build(&p, &state, &snap, &r, &with, 1000);
        const unsigned got[] = {planned(&p, 0, STR("m"), 0), planned(&p, 0, STR("m"), 1),
                                planned(&p, 0, STR("n"), 0), planned(&p, 0, STR("n"), 1),
                                planned(&p, 1, STR("m"), 0)};
        for (size_t k = 0; k < ARRAY_LEN(got); k++)
            if (got[k] != cases[i].want[k])
                fail_msg("case %zu, candidate %zu: %u for %u", i, k, got[k], cases[i].want[k]);
        assert_int_equal(p.degraded, cases[i].degraded);
        plan_release(&p);
    }
}

/* A trial is one only where nothing else keeps it out; and the last one serves all the same. */
static void test_orders_add_up(void **unused)
{
    (void)unused;
    assert_int_equal(order_add(0, ALERT_OUT | ALERT_TRIAL), ALERT_OUT | ALERT_TRIAL);
    assert_int_equal(order_add(ALERT_OUT | ALERT_TRIAL, ALERT_FALLBACK),
                     ALERT_OUT | ALERT_FALLBACK);
    assert_int_equal(order_add(ALERT_OUT | ALERT_TRIAL, ALERT_FALLBACK | ALERT_TRIAL),
                     ALERT_OUT | ALERT_FALLBACK | ALERT_TRIAL);
    struct conf_target t[] = {{1, 1, STR("m")}};
    struct conf_route r = ROUTE(t);
    const uint8_t of[] = {0, ALERT_PARTS | ALERT_OUT | ALERT_TRIAL, 0};
    const struct alert_part part = {1, 0, STR_NONE, ALERT_OUT};
    const struct plan_ask with = {.rand = &dice, .alerts = of, .parts = &part, .nparts = 1};
    struct plan p;
    assert_int_equal(order_of(&with, t, 0), ALERT_OUT);
    assert_int_equal(order_of(&with, t, 1), ALERT_OUT | ALERT_TRIAL);
    plan_build(&p, &state, &snap, &r, &with, 1000);
    assert_int_equal(p.n, 1);
    assert_true(p.reluctant);
    plan_release(&p);
}

/* U14: five failures open the breaker; the others serve; half-open lets one probe through. */
static void test_u14_breaker(void **unused)
{
    (void)unused;
    struct conf_target t[] = {{1, 1, STR("m")}, {2, 1, STR("m")}};
    struct conf_route r = ROUTE(t);
    struct plan p;
    build(&p, &r, 1000);
    struct health *b = NULL;
    for (unsigned i = 0; i < p.n; i++)
        if (p.c[i].target->provider == 1)
            b = p.c[i].health;
    for (int i = 0; i < HEALTH_FAIL_MAX; i++)
        health_failure(b, false, 1000);
    assert_int_equal(health_state(b, 1001), HEALTH_OPEN);
    for (int i = 0; i < 4; i++) {
        build(&p, &r, 1001);
        assert_int_equal(p.n, 1);
        assert_str(p.c[0].provider->name, "c");
    }
    msec later = 1000 + HEALTH_OPEN_MS;
    build(&p, &r, later);
    assert_int_equal(p.n, 2);
    struct candidate *c = plan_next(&p, later);
    while (c && c->target->provider != 1)
        c = plan_next(&p, later);
    assert_non_null(c);
    assert_true(c->health->probing);
    build(&p, &r, later);
    assert_int_equal(p.n, 1); /* the probe is under way */
    health_failure(c->health, false, later);
    assert_int_equal(health_ready_at(c->health, later), later + 2 * HEALTH_OPEN_MS);
    health_success(c->health, later);
    assert_int_equal(health_state(c->health, later), HEALTH_OK);
}

/* RELIABILITY §7, "Outlier ejection": five of a kind in a row, and the kinds are counted apart.
 * What it says proves that it is reached; that it was not reached says nothing of what it says. */
static void test_s7_kinds_of_failure_are_counted_apart(void **unused)
{
    (void)unused;
    struct conf_target t[] = {{1, 1, STR("m")}, {2, 1, STR("m")}};
    struct conf_route r = ROUTE(t);
    struct plan p;
    build(&p, &r, 1000);
    struct health *h = p.c[0].health;
    for (int i = 0; i < HEALTH_FAIL_MAX - 1; i++) {
        health_failure(h, true, 1000);
        health_failure(h, false, 1000);
    }
    assert_int_equal(health_state(h, 1001), HEALTH_OK);
    health_failure(h, true, 1000);
    assert_int_equal(health_state(h, 1001), HEALTH_OK); /* one in a row of that kind */
    health_failure(h, false, 1000);
    assert_int_equal(health_state(h, 1001), HEALTH_OPEN); /* five of this one */
    health_success(h, 2000);
    for (int i = 0; i < HEALTH_FAIL_MAX; i++)
        health_failure(h, true, 2000);
    assert_int_equal(health_state(h, 2001), HEALTH_OPEN);
}

/* 429 and refusals cool and retire a key; they never open, and never eject. */
static void test_s7_429_never_ejects(void **unused)
{
    (void)unused;
    struct conf_target t[] = {{1, 1, STR("m")}, {2, 1, STR("m")}};
    struct conf_route r = ROUTE(t);
    struct plan p;
    build(&p, &r, 1000);
    struct health *h = p.c[0].health;
    for (int i = 0; i < 200; i++)
        health_cool(h, 1000, 0);
    assert_int_equal(health_state(h, 1001), HEALTH_COOLING);
    assert_int_equal(health_state(h, 1000 + HEALTH_COOL_MIN_MS), HEALTH_OK);
    assert_int_equal(h->outlier.count[OUTLIER_SAID].n + h->outlier.count[OUTLIER_OURS].n, 0);
    for (unsigned status = 400; status < 500; status++) {
        const struct attempt_failure f = {
            .end = ATTEMPT_STATUS, .kind = err_of_status(status), .status = status};
        if (status != 408) /* the provider's own timeout, whatever its class */
            assert_false(retry_is_failure(&f));
    }
}

/* U15: when all are broken one is tried all the same, one at a time. */
static void test_u15_panic(void **unused)
{
    (void)unused;
    struct conf_target t[] = {{1, 1, STR("m")}};
    struct conf_route r = ROUTE(t);
    struct plan p;
    build(&p, &r, 1000);
    for (int i = 0; i < HEALTH_FAIL_MAX; i++)
        health_failure(p.c[0].health, false, 1000);
    build(&p, &r, 1001);
    assert_int_equal(p.n, 1);
    assert_non_null(plan_next(&p, 1001));
    build(&p, &r, 1002);
    assert_int_equal(p.n, 0);
    assert_int_equal(p.why, ERR_UNAVAILABLE);
}

/* A plan with what alerts and limits say; held, so that probes stay under way. */
static void build_asking(struct plan *p, const struct conf_route *r, const uint8_t *alerts,
                         const struct quota_need *need, struct meter *const *meters, msec now)
{
    const struct plan_ask with = {.rand = &dice, .alerts = alerts, .need = need, .meters = meters};
    plan_build(p, &state, &snap, r, &with, now);
}

/* While the one call that is to show whether an alert is over is under way, nobody else may be
 * there: then it serves the others too, as while the alert fired. */
static void test_on_trial_alone(void **unused)
{
    (void)unused;
    struct conf_target t[] = {{2, 1, STR("m")}};
    struct conf_route r = ROUTE(t);
    const uint8_t trial[] = {0, 0, ALERT_OUT | ALERT_TRIAL};
    struct plan p, q;
    build_asking(&p, &r, trial, NULL, NULL, 1000);
    assert_non_null(plan_next(&p, 1000));
    build_asking(&q, &r, trial, NULL, NULL, 1001);
    assert_int_equal(q.n, 1);
    assert_true(q.reluctant);
    assert_non_null(plan_next(&q, 1001));
    plan_release(&q);
    plan_release(&p);
}

/* An alert and limits that seem to be used up: each prefers others, and both together refuse
 * nobody where there are no others. */
static void test_alerted_and_used_up(void **unused)
{
    (void)unused;
    struct conf_target t[] = {{2, 1, STR("m")}};
    struct conf_route r = ROUTE(t);
    const uint8_t out[] = {0, 0, ALERT_OUT};
    const struct quota_need need = {10, 10};
    struct quota_said none = {.left = 1u << QUOTA_REQUESTS, .limit = 1u << QUOTA_REQUESTS};
    struct plan p;
    none.of[QUOTA_REQUESTS].limit = 10;
    none.of[QUOTA_REQUESTS].window_ms = 60000;
    build(&p, &r, 1000);
    quota_learn(&p.c[0].health->quota, &none, 1000);
    build_asking(&p, &r, out, &need, NULL, 1001);
    assert_int_equal(p.n, 1);
    assert_true(p.reluctant && p.doubts);
    plan_release(&p);
}

/* An ejected target serves where nobody else can, but not more than its operator allows. */
static void test_recalled_within_limits(void **unused)
{
    (void)unused;
    struct conf_target t[] = {{2, 1, STR("m")}};
    struct conf_route r = ROUTE(t);
    const struct quota_need need = {10, 10};
    struct meter m = {0};
    struct meter *const meters[] = {NULL, NULL, &m};
    struct meter_share share = {0};
    struct plan p;
    providers[2].rates.rpm = 1;
    build(&p, &r, 1000);
    p.c[0].health->outlier.ejected_until = 9000;
    build_asking(&p, &r, NULL, &need, meters, 1001);
    assert_int_equal(p.n, 1);
    plan_release(&p);
    meter_begin(&m, 20, 1001, &share);
    build_asking(&p, &r, NULL, &need, meters, 1002);
    assert_int_equal(p.n, 0);
    assert_int_equal(p.why, ERR_RATE_LIMITED);
    assert_true(p.ready_at > 9000); /* when the minute is over, not the ejection */
    plan_release(&p);
}

static struct retry_rule decide(struct attempt_failure f)
{
    struct rand r;
    rand_init(&r, 1);
    return retry_decide(&f, &r);
}

static void test_retry_table(void **unused)
{
    (void)unused;
    struct attempt_failure f = {.end = ATTEMPT_STATUS, .kind = ERR_BAD_REQUEST, .status = 400};
    assert_int_equal(decide(f).where, RETRY_NOWHERE); /* U17 */
    f = (struct attempt_failure){.end = ATTEMPT_STATUS, .kind = ERR_INTERNAL, .status = 500};
    assert_int_equal(decide(f).where, RETRY_ANYWHERE); /* U13 */
    f.same_tried = true;
    assert_int_equal(decide(f).where, RETRY_ELSEWHERE); /* at most once at the same */
    f = (struct attempt_failure){
        .end = ATTEMPT_STATUS, .kind = ERR_RATE_LIMITED, .status = 429, .retry_after_ms = 1500};
    assert_int_equal(decide(f).where, RETRY_ANYWHERE); /* U11: short enough to wait in line */
    assert_in_range(decide(f).wait_ms, 1500, 1500 + RETRY_BACKOFF_MS);
    f.retry_after_ms = 30000;
    assert_int_equal(decide(f).where, RETRY_ELSEWHERE);
    f = (struct attempt_failure){.end = ATTEMPT_STATUS, .kind = ERR_UPSTREAM_AUTH, .status = 401};
    assert_int_equal(decide(f).where, RETRY_ELSEWHERE); /* U18 */
    assert_true(retry_is_refusal(&f));
    assert_false(retry_is_failure(&f));
    f = (struct attempt_failure){.end = ATTEMPT_NO_ANSWER, .kind = ERR_UPSTREAM};
    assert_int_equal(decide(f).where, RETRY_NOWHERE); /* U4 with replay: never */
    f.replay = true;
    assert_int_equal(decide(f).where, RETRY_ELSEWHERE);
    f = (struct attempt_failure){.end = ATTEMPT_NOT_SENT, .kind = ERR_UNAVAILABLE};
    assert_int_equal(decide(f).where, RETRY_ANYWHERE); /* U1 */
    f.kind = ERR_TIMEOUT;
    assert_int_equal(decide(f).where, RETRY_ELSEWHERE); /* U2 */
    assert_true(retry_is_failure(&f));
    f = (struct attempt_failure){.end = ATTEMPT_STATUS, .kind = ERR_RATE_LIMITED, .status = 429};
    assert_false(retry_is_failure(&f)); /* 429 cools, it does not eject */
}

/* RELIABILITY §7: what is seen on this side of the wire is told apart from what a provider says. */
static void test_s7_classes_of_faults(void **unused)
{
    (void)unused;
    static const struct {
        enum attempt_end end;
        enum err kind;
        enum fault is;
    } rows[] = {
        {ATTEMPT_NOT_SENT, ERR_UNAVAILABLE, FAULT_CONNECT},
        {ATTEMPT_NOT_SENT, ERR_TIMEOUT, FAULT_CONNECT},
        {ATTEMPT_NO_ANSWER, ERR_UPSTREAM, FAULT_CONNECT},
        {ATTEMPT_TIMED_OUT, ERR_TIMEOUT, FAULT_TIMEOUT},
        {ATTEMPT_PRELUDE, ERR_TIMEOUT, FAULT_TIMEOUT},
        {ATTEMPT_STATUS, ERR_TIMEOUT, FAULT_SERVER}, /* a 504 of its own */
        {ATTEMPT_STATUS, ERR_INTERNAL, FAULT_SERVER},
        {ATTEMPT_STATUS, ERR_UPSTREAM, FAULT_SERVER},
        {ATTEMPT_PRELUDE, ERR_OVERLOADED, FAULT_SERVER},
        {ATTEMPT_PRELUDE, ERR_UPSTREAM, FAULT_BROKEN},
        {ATTEMPT_BAD_ANSWER, ERR_UPSTREAM, FAULT_BROKEN},
        {ATTEMPT_BAD_ANSWER, ERR_TIMEOUT, FAULT_TIMEOUT}, /* silent in its middle */
        {ATTEMPT_STATUS, ERR_RATE_LIMITED, FAULT_LIMITED},
        {ATTEMPT_PRELUDE, ERR_RATE_LIMITED, FAULT_LIMITED},
        {ATTEMPT_STATUS, ERR_UPSTREAM_AUTH, FAULT_AUTH},
        {ATTEMPT_STATUS, ERR_BUDGET, FAULT_AUTH},
        {ATTEMPT_STATUS, ERR_BAD_REQUEST, FAULT_REQUEST},
        {ATTEMPT_STATUS, ERR_CONTEXT_LENGTH, FAULT_REQUEST},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct attempt_failure f = {.end = rows[i].end, .kind = rows[i].kind};
        assert_int_equal(retry_fault(&f), rows[i].is);
        assert_int_equal(retry_is_failure(&f), fault_counts(rows[i].is));
    }
    assert_true(fault_is_ours(FAULT_CONNECT) && fault_is_ours(FAULT_TIMEOUT));
    assert_false(fault_is_ours(FAULT_SERVER) || fault_is_ours(FAULT_BROKEN));
    assert_false(fault_counts(FAULT_LIMITED) || fault_counts(FAULT_AUTH));
}

/* A Retry-After binds whatever status it comes with; beyond the patience it means elsewhere. */
static void test_retry_after_is_a_minimum(void **unused)
{
    (void)unused;
    struct attempt_failure f = {
        .end = ATTEMPT_STATUS, .kind = ERR_INTERNAL, .status = 500, .retry_after_ms = 1200};
    assert_int_equal(decide(f).where, RETRY_ANYWHERE);
    assert_in_range(decide(f).wait_ms, 1200, 1200 + RETRY_BACKOFF_MS);
    f.retry_after_ms = RETRY_MAX_WAIT_MS + 1;
    assert_int_equal(decide(f).where, RETRY_ELSEWHERE);
    f = (struct attempt_failure){.end = ATTEMPT_STATUS, .kind = ERR_OVERLOADED, .status = 529};
    assert_int_equal(decide(f).where, RETRY_ELSEWHERE); /* U16: unasked, never at once again */
    f.retry_after_ms = 1000;
    assert_int_equal(decide(f).where, RETRY_ANYWHERE);
}

/* What is our fault or the client's is neither repeated nor held against the provider. */
static void test_no_fault_of_the_provider(void **unused)
{
    (void)unused;
    struct attempt_failure f = {.end = ATTEMPT_OURS, .kind = ERR_OVERLOADED};
    assert_int_equal(decide(f).where, RETRY_NOWHERE);
    assert_false(retry_is_failure(&f));
    f = (struct attempt_failure){.end = ATTEMPT_CLIENT, .kind = ERR_TIMEOUT};
    assert_int_equal(decide(f).where, RETRY_NOWHERE);
    assert_false(retry_is_failure(&f));
}

/* Routes are compared once a window each, however many there are; one of no logical model too. */
static void test_judged_once_a_window(void **unused)
{
    (void)unused;
    const struct snapshot many = {.nmodels = 600, .generation = 7};
    const struct conf_route first = {.logical = true, .index = 1},
                            far = {.logical = true, .index = 257 + 256}, other = {.index = 1},
                            another = {.index = 1};
    route_state_follow(&state, &many);
    for (msec window = 10; window < 13; window++) {
        assert_true(route_state_judges(&state, &first, window));
        assert_true(route_state_judges(&state, &far, window));
        assert_true(route_state_judges(&state, &other, window));
        for (unsigned i = 0; i < 3; i++) {
            assert_false(route_state_judges(&state, &first, window));
            assert_false(route_state_judges(&state, &far, window));
            assert_false(route_state_judges(&state, &other, window));
        }
    }
    assert_true(route_state_judges(&state, &another, 12)); /* there is one place for all of those */
    state.limits_of = NULL;
}

/* One that begins every answer and ends none opens the breaker all the same. */
static void test_answers_that_never_end(void **unused)
{
    (void)unused;
    struct health *h = health_get(&state.health, STR("x"));
    for (int i = 0; i < HEALTH_FAIL_MAX; i++) {
        assert_int_equal(health_state(h, 1000), HEALTH_OK);
        health_answers(h, 1000);
        health_failure(h, false, 1000);
    }
    assert_int_equal(health_state(h, 1000), HEALTH_OPEN);
}

static void test_records_are_bounded(void **unused)
{
    (void)unused;
    char id[32];
    for (int i = 0; i < 3 * HEALTH_RECORDS_MAX; i++) {
        memset(id, 0, sizeof(id));
        memcpy(id, &i, sizeof(i));
        assert_non_null(health_get(&state.health, str_of(id, sizeof(id))));
    }
    assert_true(state.health.map.count <= HEALTH_RECORDS_MAX);
}

/* A plan points into the table: other calls' records must not take the place of its own. */
static void test_records_of_a_plan_stay(void **unused)
{
    (void)unused;
    struct conf_target t[] = {{0, 1, STR("m")}, {1, 1, STR("m")}};
    struct conf_route r = ROUTE(t);
    struct plan p, again;
    plan_build(&p, &state, &snap, &r, &ask, 1000);
    test_records_are_bounded(unused);
    plan_build(&again, &state, &snap, &r, &ask, 1000);
    for (unsigned i = 0; i < p.n; i++)
        for (unsigned k = 0; k < again.n; k++)
            if (p.c[i].target == again.c[k].target && p.c[i].key == again.c[k].key) {
                assert_ptr_equal(p.c[i].health, again.c[k].health);
                assert_ptr_equal(p.c[i].credential, again.c[k].credential);
            }
    plan_release(&p);
    plan_release(&again);
    plan_release(&again); /* idempotent */
}

/* The records of a target are the same from call to call, whatever else is called between, and none
 * that gave way is used again. */
static void test_records_are_found_again(void **unused)
{
    (void)unused;
    struct conf_target a[] = {{1, 1, STR("m1")}}, b[] = {{1, 1, STR("n1")}},
                       c[] = {{2, 1, STR("m1")}};
    struct conf_route ra = ROUTE(a), rb = ROUTE(b), rc = ROUTE(c);
    struct plan p, q;
    plan_build(&p, &state, &snap, &ra, &ask, 1000);
    build(&q, &rb, 1000); /* its name is as long, and ends alike */
    assert_ptr_equal(q.c[0].credential, p.c[0].credential);
    assert_ptr_not_equal(q.c[0].health, p.c[0].health);
    build(&q, &rc, 1000);
    assert_ptr_not_equal(q.c[0].credential, p.c[0].credential);
    build(&q, &ra, 1000);
    assert_ptr_equal(q.c[0].health, p.c[0].health);
    health_refuse(p.c[0].credential, 1000);
    build(&q, &ra, 1001);
    assert_int_equal(q.n, 0);
    plan_release(&p);

    for (unsigned i = 0; i < HEALTH_RECORDS_MAX + 10; i++) { /* nobody holds the first any more */
        char name[16];
        size_t n = (size_t)snprintf(name, sizeof(name), "x%u", i);
        struct conf_target x[] = {{2, 1, str_of(name, n)}};
        struct conf_route rx = ROUTE(x);
        build(&q, &rx, 1002);
        assert_int_equal(q.n, 1);
    }
    build(&q, &ra, 1003); /* so what was said of it is forgotten */
    assert_int_equal(q.n, 1);
    assert_true(state.health.dropped > 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_weights_are_honoured),
        TEST(test_records_are_found_again),
        TEST(test_smooth),
        TEST(test_weight_zero_is_a_reserve),
        TEST(test_sticky_goes_by_names),
        TEST(test_keys_take_turns),
        TEST(test_u11_cooling),
        TEST(test_u18_refused_credential),
        TEST(test_u18_a_probe_brings_the_first_key_back),
        TEST(test_parts_of_providers),
        TEST(test_orders_add_up),
        TEST(test_u14_breaker),
        TEST(test_s7_kinds_of_failure_are_counted_apart),
        TEST(test_s7_429_never_ejects),
        TEST(test_u15_panic),
        TEST(test_on_trial_alone),
        TEST(test_alerted_and_used_up),
        TEST(test_recalled_within_limits),
        TEST(test_retry_table),
        TEST(test_judged_once_a_window),
        TEST(test_s7_classes_of_faults),
        TEST(test_retry_after_is_a_minimum),
        TEST(test_no_fault_of_the_provider),
        TEST(test_answers_that_never_end),
        TEST(test_records_are_bounded),
        TEST(test_records_of_a_plan_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
