/* SPDX-License-Identifier: Apache-2.0 */
/* Rate-limit headers as providers send them, and what is left of a limit as time goes by. */
#include "../unit.h"

#include <stdio.h>

#include "base/check.h"

#include "route/quota.h"

#define UNIX_MS UINT64_C(1742043477000) /* 2025-03-15T12:57:57Z */

static const struct quota_need small = {100, 100};

static struct quota_said said;

static bool say(const char *name, const char *value)
{
    return quota_is_likely(str_c(name)) && quota_header(&said, str_c(name), str_c(value), UNIX_MS);
}

static int setup(void **unused)
{
    (void)unused;
    said = (struct quota_said){0};
    return 0;
}

static void expect(enum quota_slot slot, uint64_t limit, uint64_t left, uint64_t reset_ms)
{
    assert_true(said.left >> slot & 1);
    assert_int_equal(said.of[slot].limit, limit);
    assert_int_equal(said.of[slot].left, left);
    assert_int_equal(said.reset >> slot & 1 ? said.of[slot].reset_ms : 0, reset_ms);
}

static void test_openai(void **unused)
{
    (void)unused;
    assert_true(say("x-ratelimit-limit-requests", "10000"));
    assert_true(say("x-ratelimit-remaining-requests", "9999"));
    assert_true(say("X-RateLimit-Reset-Requests", "6ms"));
    assert_true(say("x-ratelimit-limit-tokens", "30000000"));
    assert_true(say("x-ratelimit-remaining-tokens", "29999651"));
    assert_true(say("x-ratelimit-reset-tokens", "1m0.052s"));
    expect(QUOTA_REQUESTS, 10000, 9999, 6);
    expect(QUOTA_TOKENS, 30000000, 29999651, 60052);
    assert_int_equal(said.refills, 1u << QUOTA_REQUESTS | 1u << QUOTA_TOKENS);
    assert_true(say("x-ratelimit-reset-tokens", "6m0s"));
    assert_int_equal(said.of[QUOTA_TOKENS].reset_ms, 360000);
    assert_true(say("x-ratelimit-reset-requests", "2m59.56s")); /* Groq */
    assert_int_equal(said.of[QUOTA_REQUESTS].reset_ms, 179560);
}

static void test_anthropic(void **unused)
{
    (void)unused;
    assert_true(say("anthropic-ratelimit-input-tokens-limit", "200000"));
    assert_true(say("anthropic-ratelimit-input-tokens-remaining", "126000"));
    assert_true(say("anthropic-ratelimit-input-tokens-reset", "2025-03-15T12:58:20Z"));
    assert_true(say("anthropic-ratelimit-output-tokens-limit", "80000"));
    assert_true(say("anthropic-ratelimit-output-tokens-remaining", "59000"));
    assert_true(say("anthropic-ratelimit-output-tokens-reset", "2025-03-15T14:58:13+02:00"));
    assert_true(say("anthropic-ratelimit-requests-limit", "4000"));
    assert_true(say("anthropic-ratelimit-requests-remaining", "3999"));
    assert_true(say("anthropic-ratelimit-requests-reset", "2025-03-15T12:57:56Z")); /* it is past */
    expect(QUOTA_INPUT, 200000, 126000, 23000);
    expect(QUOTA_OUTPUT, 80000, 59000, 16000);
    expect(QUOTA_REQUESTS, 4000, 3999, 0);
    assert_true(say("anthropic-ratelimit-unified-5h-utilization", "0.98"));
    assert_true(say("anthropic-ratelimit-unified-5h-reset", "1742043577")); /* Unix seconds */
    expect(QUOTA_SHARE, QUOTA_WHOLE, QUOTA_WHOLE / 50, 100000);
    assert_true(say("anthropic-ratelimit-unified-7d-utilization", "1.2"));
    expect(QUOTA_SHARE_OTHER, QUOTA_WHOLE, 0, 0);
    assert_false(say("anthropic-ratelimit-unified-status", "allowed"));
}

static void test_others(void **unused)
{
    (void)unused;
    assert_true(say("x-ratelimit-limit-tokens-minute", "100000")); /* Mistral */
    assert_true(say("x-ratelimit-remaining-tokens-minute", "98156"));
    assert_true(say("x-ratelimit-limit-req-minute", "100"));
    assert_true(say("x-ratelimit-remaining-req-minute", "91"));
    assert_false(say("x-ratelimit-tokens-query-cost", "315"));
    expect(QUOTA_TOKENS, 100000, 98156, 0);
    expect(QUOTA_REQUESTS, 100, 91, 0);
    assert_int_equal(said.of[QUOTA_TOKENS].window_ms, 60000);
    assert_int_equal(said.refills, 0);
    assert_true(say("X-RateLimit-Limit", "20")); /* OpenRouter: Unix milliseconds */
    assert_true(say("X-RateLimit-Remaining", "0"));
    assert_true(say("X-RateLimit-Reset", "1742043537000"));
    expect(QUOTA_REQUESTS_OTHER, 20, 0, 60000);
    assert_true(say("x-ratelimit-remaining-tokens-day", "812")); /* Cerebras */
    assert_true(say("x-ratelimit-reset-tokens-day", "33011.382867"));
    expect(QUOTA_TOKENS_OTHER, 0, 812, 33011382);
    assert_false(say("x-ratelimit-renewalperiod-requests", "60")); /* Azure */
    assert_false(say("x-ratelimit-remaining-input-images", "7"));
}

static void test_nonsense_is_left_out(void **unused)
{
    (void)unused;
    static const char *const bad[] = {"",     "-1",  "x",   "1e99", "NaN",
                                      "0x10", "1 2", "--1", "1m2x", "2025-13-15T12:58:20Z"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(say("x-ratelimit-limit-tokens", bad[i]));
        assert_false(say("x-ratelimit-remaining-tokens", bad[i]));
        if (say("x-ratelimit-reset-tokens", bad[i]))
            fail_msg("'%s' is no reset", bad[i]);
        assert_false(say("anthropic-ratelimit-unified-5h-utilization", bad[i]));
    }
    assert_false(
        say("x-ratelimit-limit-requests", "0")); /* no limit at all, says nobody who answers */
    assert_false(say("x-ratelimit-reset-requests", "9999h"));
    assert_false(say("x-ratelimit-", "1"));
    assert_false(say("anthropic-ratelimit-requests-", "1"));
    assert_false(say("x-request-id-and-more", "1"));
    assert_int_equal(said.limit | said.left | said.reset, 0);
}

/* ---- what is left */

static struct quota q;

static void learn(uint64_t limit, uint64_t left, const char *reset, msec began, msec now)
{
    said = (struct quota_said){0};
    char a[32], b[32];
    snprintf(a, sizeof(a), "%llu", (unsigned long long)limit);
    snprintf(b, sizeof(b), "%llu", (unsigned long long)left);
    assert_true(say("x-ratelimit-limit-requests", a));
    assert_true(say("x-ratelimit-remaining-requests", b));
    if (reset)
        assert_true(say("x-ratelimit-reset-requests", reset));
    quota_answered(&q, &small, began);
    quota_learn(&q, &said, now);
}

static int fresh(void **unused)
{
    q = (struct quota){0};
    return setup(unused);
}

static void test_nothing_known_is_all_room(void **unused)
{
    (void)unused;
    quota_begin(&q, &small, 1000);
    assert_true(quota_room(&q, 1000) == 1.0);
    assert_int_equal(quota_ready_at(&q, &small, 1000), 0);
}

/* A bucket fills evenly, and what is sent is gone at once. */
static void test_a_bucket_fills(void **unused)
{
    (void)unused;
    learn(60, 0, "60s", 1000, 10000);
    assert_true(quota_room(&q, 10000) < 0.001);
    const msec at = quota_ready_at(&q, &small, 10000);
    assert_true(at >= 11000 && at <= 11002); /* one a second */
    assert_int_equal(quota_ready_at(&q, &small, at), 0);
    assert_true(quota_room(&q, 40000) > 0.49 && quota_room(&q, 40000) < 0.51);
    for (int i = 0; i < 30; i++)
        quota_begin(&q, &small, 40000);
    assert_true(quota_ready_at(&q, &small, 40000) > 40000);
    assert_true(quota_room(&q, 70000) <= 0.5); /* full again, but for what has gone */
}

/* A window gives nothing before it is over. */
static void test_a_window_waits(void **unused)
{
    (void)unused;
    assert_true(say("x-ratelimit-remaining-req-minute", "0"));
    assert_true(say("x-ratelimit-limit-req-minute", "100"));
    quota_learn(&q, &said, 10000);
    assert_true(quota_room(&q, 69999) == 0.0);
    assert_int_equal(quota_ready_at(&q, &small, 10001), 70000);
    assert_int_equal(quota_ready_at(&q, &small, 70000), 0);
    assert_true(quota_room(&q, 70000) == 1.0);
}

/* Tokens: a prompt that does not fit any more waits, a smaller one goes. */
static void test_tokens_ask_for_their_size(void **unused)
{
    (void)unused;
    const struct quota_need big = {9000, 500};
    assert_true(say("x-ratelimit-limit-tokens", "10000"));
    assert_true(say("x-ratelimit-remaining-tokens", "1000"));
    assert_true(say("x-ratelimit-reset-tokens", "54s"));
    quota_learn(&q, &said, 1000);
    assert_int_equal(quota_ready_at(&q, &small, 1000), 0);
    const msec at = quota_ready_at(&q, &big, 1000);
    assert_true(at > 51000 && at < 53000);     /* 8,500 are missing, at 9,000 in 54 s */
    const struct quota_need huge = {90000, 0}; /* can ask for no more than all */
    assert_int_equal(quota_ready_at(&q, &huge, 1000), 55000);
}

/* What was under way when the head was written may not be in its number; the one it answers is. */
static void test_calls_under_way_count(void **unused)
{
    (void)unused;
    learn(100, 50, "30s", 1000, 1000);
    for (int i = 0; i < 10; i++)
        quota_begin(&q, &small, 2000);
    learn(100, 40, NULL, 2000, 2100);
    assert_true(quota_room(&q, 2100) > 0.30 && quota_room(&q, 2100) < 0.32); /* 40 less 9 */
    learn(100, 40, NULL, 2000, 5000); /* later nothing is in doubt */
    assert_true(quota_room(&q, 5000) > 0.39);
}

/* An old word is doubted, however far away the reset is. */
static void test_an_old_word_is_doubted(void **unused)
{
    (void)unused;
    learn(1000, 0, "24h", 1000, 1000);
    assert_int_equal(quota_ready_at(&q, &small, 1001), 1000 + QUOTA_BELIEVED_MS);
    assert_int_equal(quota_ready_at(&q, &small, 1000 + QUOTA_BELIEVED_MS), 0);
}

/* An attempt, and a good answer that says nothing. */
static void answer_silently(msec began, msec now)
{
    quota_begin(&q, &small, began);
    said = (struct quota_said){0};
    quota_answered(&q, &small, began);
    quota_learn(&q, &said, now);
    quota_good(&q, &said, began, now);
}

/* A provider's limit is lifted, and it tells none any more: nobody is held back for the minute. */
static void test_silence_ends_a_limit(void **unused)
{
    (void)unused;
    learn(5, 0, "1s", 1000, 1000);
    for (int i = 0; i < QUOTA_SILENT - 1; i++)
        answer_silently(2100, 2200);
    assert_true(quota_room(&q, 2200) < 1.0);
    learn(5, 3, "1s", 2200, 2300); /* it was chance: the count begins anew */
    for (int i = 0; i < QUOTA_SILENT - 1; i++)
        answer_silently(2400, 2500);
    assert_true(quota_room(&q, 2500) < 1.0);
    answer_silently(2400, 2500);
    assert_true(quota_room(&q, 2500) == 1.0);
    for (int i = 0; i < 100; i++) { /* twenty a second for five: more than it ever let through */
        const msec now = 2600 + (msec)i * 50;
        assert_int_equal(quota_ready_at(&q, &small, now), 0);
        answer_silently(now, now + 20);
    }
    learn(5, 0, "30s", 8000, 8000); /* and it is believed again */
    assert_true(quota_ready_at(&q, &small, 8001) > 8001);
}

/* Calls that were under way when the word came know nothing of it, nor do failures. */
static void test_old_answers_end_no_limit(void **unused)
{
    (void)unused;
    learn(100, 0, "30s", 1000, 1000);
    for (int i = 0; i < 10; i++) {
        said = (struct quota_said){0};
        quota_good(&q, &said, 900, 1100);
        quota_learn(&q, &said, 1100); /* a 500 */
    }
    assert_true(quota_ready_at(&q, &small, 1200) > 1200);
}

/* Of two limits the one that is named on stays, whatever became of the other. */
static void test_each_limit_ends_by_itself(void **unused)
{
    (void)unused;
    assert_true(say("x-ratelimit-limit-tokens", "1000"));
    assert_true(say("x-ratelimit-remaining-tokens", "0"));
    assert_true(say("x-ratelimit-reset-tokens", "40s"));
    quota_learn(&q, &said, 1000);
    for (msec now = 2000; now < 2000 + QUOTA_SILENT * 1000; now += 1000) {
        learn(100, 90, "6s", now, now + 10);
        quota_good(&q, &said, now, now + 10);
    }
    assert_int_equal(quota_ready_at(&q, &small, 6000), 0); /* of tokens there is no word now … */
    assert_true(quota_room(&q, 5010) < 0.95);              /* … but of requests */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_openai, setup),
        cmocka_unit_test_setup(test_anthropic, setup),
        cmocka_unit_test_setup(test_others, setup),
        cmocka_unit_test_setup(test_nonsense_is_left_out, setup),
        cmocka_unit_test_setup(test_nothing_known_is_all_room, fresh),
        cmocka_unit_test_setup(test_a_bucket_fills, fresh),
        cmocka_unit_test_setup(test_a_window_waits, fresh),
        cmocka_unit_test_setup(test_tokens_ask_for_their_size, fresh),
        cmocka_unit_test_setup(test_calls_under_way_count, fresh),
        cmocka_unit_test_setup(test_an_old_word_is_doubted, fresh),
        cmocka_unit_test_setup(test_silence_ends_a_limit, fresh),
        cmocka_unit_test_setup(test_old_answers_end_no_limit, fresh),
        cmocka_unit_test_setup(test_each_limit_ends_by_itself, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
