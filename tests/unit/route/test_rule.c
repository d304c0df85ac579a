/* SPDX-License-Identifier: Apache-2.0 */
/* An operator's rules: read from a file, asked by a view that the test makes up. */
#include "../unit.h"

#include <stdio.h>
#include <unistd.h>

#include "conf/load.h"
#include "route/rule.h"

static struct snapshot *snap;
static struct conf_report report;
static struct rule_dice dice[32];
static uint32_t share; /* of every canary */
static struct rand chance;
static struct rule_view view;
static struct rule_outcome out;
static uint64_t tokens, who;
static bool allowed;

static str header(void *arg, str name)
{
    (void)arg;
    return str_eq_nocase(name, STR("x-tag")) ? STR("Beta-1") : STR_NONE;
}

static str metadata(void *arg, str name)
{
    (void)arg;
    return str_eq(name, STR("tier")) ? STR("gold") : STR_NONE;
}

static uint64_t count(void *arg, uint64_t mark)
{
    (void)arg;
    assert_true(mark > 0);
    return tokens;
}

static uint64_t identity(void *arg, const struct conf_sticky *by)
{
    (void)arg;
    (void)by;
    return who;
}

static str user = {0};
static unsigned traits, asked;

static str user_now(void *arg)
{
    (void)arg;
    return user;
}

static bool trait_now(void *arg, unsigned trait)
{
    (void)arg;
    asked++;
    return (traits & trait) != 0;
}

static uint32_t share_now(void *arg, const struct conf_canary *canary)
{
    (void)arg;
    assert_non_null(canary->route);
    return share;
}

static bool may(void *arg, const struct conf_route *r)
{
    (void)arg;
    return allowed || !str_eq(r->name, STR("n"));
}

static void unload(void)
{
    snap = snapshot_unref(snap);
    conf_report_fini(&report);
}

static void load(const char *rules)
{
    static const char *const env[] = {"HOME=/nowhere", NULL}, *const dialects[] = {"openai", NULL};
    char text[4096];
    snprintf(
        text, sizeof(text),
        "providers: [ { name: a, dialect: openai, baseURL: \"http://h/v1\", models: [ up ] } ]\n"
        "models: [ { name: m, targets: [ a/up ] }, { name: n, targets: [ a/up ] } ]\n"
        "routing:\n  rules:\n%s",
        rules);
    conf_report_init(&report);
    if (conf_load(
            &(struct conf_source){
                .path = "t.yaml", .text = str_c(text), .env = env, .backs = dialects},
            &report, &snap) != RC_OK) {
        struct buf b = BUF_INIT(65536);
        conf_report_write(&report, &b);
        fail_msg(STR_FMT, STR_ARG(buf_str(&b)));
    }
    memset(dice, 0, sizeof(dice));
    memset(&out, 0, sizeof(out));
    rand_init(&chance, 7);
    share = 100000;
    assert_true(snap->routing.rules.throws <= 32);
    tokens = 100;
    user = (str){0};
    traits = CONF_TRAIT_TOOLS;
    who = 0;
    allowed = true;
    view = (struct rule_view){.header = header,
                              .metadata = metadata,
                              .tokens = count,
                              .identity = identity,
                              .may = may,
                              .key = STR("team-a"),
                              .path = STR("/v1/chat/completions"),
                              .model = STR("claude-opus"),
                              .front = STR("openai"),
                              .user = user_now,
                              .trait = trait_now,
                              .dice = dice,
                              .share = share_now,
                              .rand = &chance};
}

/* The model that the rules choose: "m", "n" or "". */
static const char *apply(void)
{
    rules_apply(&snap->routing.rules, &view, &out);
    return !out.route ? "" : out.route->name.p[0] == 'm' ? "m" : "n";
}

static bool matches(const char *when)
{
    char rule[1024];
    snprintf(rule, sizeof(rule), "    - { when: { %s }, use: n }\n", when);
    load(rule);
    const bool yes = strcmp(apply(), "n") == 0;
    unload();
    return yes;
}

static void test_conditions(void **unused)
{
    (void)unused;
    static const char *const met[] = {
        "header.x-tag: beta-1",
        "header.X-Tag: 'beta*'",
        "header.x-tag: [ no, '*-1' ]",
        "header.x-tag: 'b?ta-*'",
        "header.x-tag: '*'",
        "metadata.tier: gold",
        "key: 'team-*'",
        "path: '/v1/chat/*'",
        "model: 'claude*opus'",
        "front: openai",
        "tools: true",
        "images: false",
        "tokens: '>= 100'",
        "tokens: '< 101'",
        "tokens: '100-100'",
        "tokens: '> 99'",
        "tokens: '<= 100'",
        "not: { images: true }",
        "any: [ { images: true }, { tools: true } ]",
        "all: [ { tools: true }, { key: '*' } ]",
        "not: [ { images: true }, { key: no } ]",
        "share: 100%",
        "any: { not: { any: { images: true } } }",
    };
    static const char *const missed[] = {
        "header.x-tag: beta",       "header.x-other: '*'", "metadata.tier: silver",
        "metadata.other: '*'",      "key: team",           "model: 'claude?opus?'",
        "front: anthropic",         "tools: false",        "images: true",
        "tokens: '> 100'",          "tokens: '< 100'",     "tokens: '101-1M'",
        "not: { tools: true }",     "share: 0%",           "tag: x",
        "tools: true, key: nobody", "user: '*'",
    };
    for (size_t i = 0; i < ARRAY_LEN(met); i++)
        if (!matches(met[i]))
            fail_msg("should match: %s", met[i]);
    for (size_t i = 0; i < ARRAY_LEN(missed); i++)
        if (matches(missed[i]))
            fail_msg("should not match: %s", missed[i]);
}

#define HOUR UINT64_C(3600000)
#define DAY  (24 * HOUR)
/* 2026-11-23, a Monday, midnight in UTC. */
#define MONDAY UINT64_C(1795392000000)

static void test_time(void **unused)
{
    (void)unused;
    static const struct {
        const char *time;
        uint64_t at;
        bool is;
    } rows[] = {
        {"hours: '09:00-18:00'", MONDAY + 9 * HOUR, true},
        {"hours: '09:00-18:00'", MONDAY + 18 * HOUR, false},
        {"hours: '09:30-18:00'", MONDAY + 9 * HOUR, false},
        {"hours: '9-18', weekdays: mon-fri", MONDAY + 10 * HOUR, true},
        {"hours: '9-18', weekdays: mon-fri", MONDAY + 5 * DAY + 10 * HOUR, false},
        {"weekdays: [ sat, sunday ]", MONDAY + 6 * DAY, true},
        {"weekdays: fri-mon", MONDAY + DAY, false},
        {"weekdays: fri-mon", MONDAY, true},
        {"hours: '22:00-06:00', weekdays: mon", MONDAY + 23 * HOUR, true},
        {"hours: '22:00-06:00', weekdays: mon", MONDAY + DAY + 5 * HOUR, true},
        {"hours: '22:00-06:00', weekdays: mon", MONDAY + 5 * HOUR, false}, /* Sunday's night */
        {"hours: '22:00-06:00', weekdays: mon", MONDAY + DAY + 6 * HOUR, false},
        {"hours: '00:00-24:00', weekdays: mon", MONDAY + 12 * HOUR, true},
        {"weekdays: mon, timezone: '+02:00'", MONDAY - HOUR, true},
        {"weekdays: mon, timezone: '-01:00'", MONDAY, false},
        {"hours: '09:00-10:00', timezone: '+05:30'", MONDAY + 4 * HOUR, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char rule[256];
        snprintf(rule, sizeof(rule), "    - { when: { time: { %s } }, use: n }\n", rows[i].time);
        load(rule);
        view.unix_ms = rows[i].at;
        if ((strcmp(apply(), "n") == 0) != rows[i].is)
            fail_msg("row %zu: %s", i, rows[i].time);
        unload();
    }
}

/* What costs more is not asked where something cheaper says no, in whatever order it is written;
 * and a share counts among the calls that meet all the rest. */
static void test_the_cheapest_first(void **unused)
{
    (void)unused;
    load("    - { when: { share: 50%, tools: true, key: nobody }, use: n }\n");
    asked = 0;
    assert_string_equal(apply(), "");
    assert_int_equal(asked, 0);
    assert_int_equal(dice[0].thrown, 0);
    unload();
    load("    - { when: { any: [ { tools: true }, { key: team-a } ], model: claude-opus }, use: n "
         "}\n");
    asked = 0;
    assert_string_equal(apply(), "n");
    assert_int_equal(asked, 0);
    unload();
}

/* Where the machine knows the zone: nine o'clock is another hour of UTC in summer. */
static void test_time_of_a_place(void **unused)
{
    (void)unused;
    const uint64_t summer = MONDAY - 126 * DAY; /* 2026-07-20, a Monday too */
    if (access("/usr/share/zoneinfo/Europe/Berlin", R_OK) != 0)
        skip();
    load(
        "    - { when: { time: { hours: '09:00-10:00', weekdays: mon, timezone: Europe/Berlin } }, "
        "use: n }\n");
    for (unsigned hour = 0; hour < 24; hour++) {
        view.unix_ms = MONDAY + hour * HOUR;
        assert_int_equal(strcmp(apply(), "n") == 0, hour == 8);
        view.unix_ms = summer + hour * HOUR;
        assert_int_equal(strcmp(apply(), "n") == 0, hour == 7);
    }
    unload();
}

static void test_first_match(void **unused)
{
    (void)unused;
    load("    - { when: { images: true }, use: n, tag: no }\n"
         "    - { use: n, tag: [ one, x ], continue: true }\n"
         "    - { when: { tag: one }, use: m, tag: [ x, two ] }\n"
         "    - { use: m, tag: never }\n");
    assert_string_equal(apply(), "n");
    assert_int_equal(out.n, 2);
    assert_int_equal(out.ntags, 3);
    assert_str(out.tags[2], "two");
    assert_str(out.by->name, "rule 2");
    out.ntags = 0;
    allowed = false; /* nobody may go to n: the rule is passed over, tags and all */
    assert_string_equal(apply(), "m");
    assert_int_equal(out.ntags, 1);
    assert_str(out.tags[0], "never");
    unload();
}

static void test_deny(void **unused)
{
    (void)unused;
    load("    - { when: { tools: true }, deny: { status: 429, message: slow } }\n"
         "    - { use: n }\n");
    assert_string_equal(apply(), "");
    assert_non_null(out.deny);
    assert_int_equal(out.deny->status, 429);
    traits = 0;
    assert_string_equal(apply(), "n");
    assert_null(out.deny);
    unload();
}

static unsigned share_of_n(unsigned calls)
{
    unsigned n = 0;
    for (unsigned i = 0; i < calls; i++)
        n += strcmp(apply(), "n") == 0;
    return n;
}

/* §7: weights within 1 % over 10,000; the dice do much better. */
static void test_split_is_exact(void **unused)
{
    (void)unused;
    static const unsigned weights[] = {1, 5, 10, 33, 50, 90, 99};
    for (size_t i = 0; i < ARRAY_LEN(weights); i++) {
        char rule[128];
        snprintf(rule, sizeof(rule), "    - split: { m: %u, n: %u }\n", 100 - weights[i],
                 weights[i]);
        load(rule);
        const int n = (int)share_of_n(10000), want = (int)weights[i] * 100;
        assert_in_range(n, want - 25, want + 25);
        unload();
    }
}

/* Each side once a round, and half of them never stays away for long: a trial of 50 % that begins
 * with forty calls elsewhere would be no trial. */
static void test_dice_come_well_mixed(void **unused)
{
    (void)unused;
    struct rule_dice d = {0};
    struct rand r;
    unsigned longest = 0;
    rand_init(&r, 5);
    for (unsigned round = 0; round < 4000; round++) {
        bool seen[DICE_SIDES] = {false};
        unsigned run = 0;
        for (unsigned i = 0; i < DICE_SIDES; i++) {
            const uint32_t part = dice_throw(&d, &r);
            const uint32_t side = part * DICE_SIDES / CONF_MILLION;
            if ((part * DICE_SIDES + DICE_SIDES - 1) / CONF_MILLION != side)
                continue; /* on a border: rounding hides which it was */
            assert_true(side < DICE_SIDES && !seen[side]);
            seen[side] = true;
            run = side < DICE_SIDES / 2 ? 0 : run + 1;
            longest = run > longest ? run : longest;
        }
    }
    assert_in_range(longest, 4, 20);
}

/* A share and a split of the same calls must not fall into step: each arm gets its share of both.
 */
static void test_dice_are_independent(void **unused)
{
    (void)unused;
    load("    - { when: { share: 50% }, tag: x, continue: true }\n"
         "    - split: { m: 50, n: 50 }\n");
    unsigned both = 0, tagged = 0, n = 0;
    for (unsigned i = 0; i < 20000; i++) {
        out.ntags = 0;
        const bool is_n = strcmp(apply(), "n") == 0;
        n += is_n;
        tagged += out.ntags;
        both += is_n && out.ntags;
    }
    assert_in_range(tagged, 9950, 10050);
    assert_in_range(n, 9950, 10050);
    assert_in_range(both, 4700, 5300);
    unload();
}

static void test_sticky(void **unused)
{
    (void)unused;
    load("    - { name: one, split: { m: 80, n: 20 }, sticky: user }\n");
    unsigned n = 0;
    for (unsigned i = 1; i <= 10000; i++) {
        who = i * UINT64_C(0x9e3779b97f4a7c15);
        const bool first = strcmp(apply(), "n") == 0;
        assert_true((strcmp(apply(), "n") == 0) == first);
        n += first;
    }
    assert_in_range(n, 1900, 2100); /* people are not spread by us: by chance */
    unload();
}

/* Who is in the canary at 10 % is in it at 50 %. */
static void test_a_share_that_grows_keeps_who_it_had(void **unused)
{
    (void)unused;
    load("    - { canary: { use: n, percent: 10, steps: [ 50 ] }, sticky: session }\n");
    unsigned early = 0;
    for (unsigned i = 1; i <= 1000; i++) {
        who = i * UINT64_C(0x9e3779b97f4a7c15);
        share = 100000;
        const bool before = strcmp(apply(), "n") == 0;
        assert_true(out.trial && out.is_canary == before);
        share = 500000;
        assert_true(!before || strcmp(apply(), "n") == 0);
        early += before;
    }
    assert_in_range(early, 70, 130);
    share = 0;
    assert_int_equal(share_of_n(100), 0);
    unload();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_time_of_a_place),
        cmocka_unit_test(test_the_cheapest_first),
        cmocka_unit_test(test_first_match),
        cmocka_unit_test(test_deny),
        cmocka_unit_test(test_split_is_exact),
        cmocka_unit_test(test_dice_are_independent),
        cmocka_unit_test(test_dice_come_well_mixed),
        cmocka_unit_test(test_sticky),
        cmocka_unit_test(test_a_share_that_grows_keeps_who_it_had),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
