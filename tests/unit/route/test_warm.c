/* SPDX-License-Identifier: Apache-2.0 */
/* Chains of prompts that grow turn by turn, and where they are warm. */
#include "../unit.h"

#include <stdio.h>

#include "route/warm.h"

#define TURNS_MAX 100

static const struct hash_key key = {3, 4};
static struct warm *w;

/* A conversation: one system prompt, then turns by user and assistant in turn. */
static struct ir_message messages[TURNS_MAX + 1];
static struct ir_block blocks[TURNS_MAX + 1];
static char texts[TURNS_MAX + 1][300];
static struct ir_request request;

static const struct ir_request *talk(const char *system, unsigned turns, char who)
{
    memset(texts, 'x', sizeof(texts));
    for (unsigned i = 0; i <= turns; i++) {
        const int n = snprintf(texts[i], 64, "%s %c %u", i ? "turn" : system, i ? who : ' ', i);
        texts[i][n] = ' ';
        messages[i] = (struct ir_message){.next = i < turns ? &messages[i + 1] : NULL,
                                          .role = !i      ? IR_SYSTEM
                                                  : i & 1 ? IR_USER
                                                          : IR_ASSISTANT,
                                          .blocks = &blocks[i]};
        blocks[i] =
            (struct ir_block){.kind = IR_TEXT, .text.text = str_of(texts[i], sizeof(texts[i]))};
    }
    request = (struct ir_request){.messages = messages};
    return &request;
}

static struct warm_chain chain_of(const char *system, unsigned turns, char who)
{
    struct warm_chain c;
    warm_chain(&c, talk(system, turns, who), key);
    return c;
}

static int setup(void **unused)
{
    (void)unused;
    w = warm_new();
    return w ? 0 : -1;
}

static int teardown(void **unused)
{
    (void)unused;
    warm_free(w);
    return 0;
}

static void put(const struct warm_chain *c, unsigned at, uint64_t place, double share, msec now)
{
    const struct warm_note n = {
        .hash = c->hash[at], .place = place, .key = 1, .share = share, .ttl = 300000};
    warm_put(w, &n, now);
}

static double share_at(const struct warm_chain *c, uint64_t place, msec now)
{
    struct warm_hit hits[WARM_HITS];
    const unsigned n = warm_look(w, c, now, hits);
    for (unsigned i = 0; i < n; i++)
        if (hits[i].place == place)
            return hits[i].share;
    return -1;
}

static void test_a_chain_grows(void **unused)
{
    (void)unused;
    const struct warm_chain a = chain_of("agent", 3, 'a'), b = chain_of("agent", 5, 'a');
    assert_int_equal(a.n, 4);
    assert_int_equal(b.n, 6);
    assert_memory_equal(a.hash, b.hash, a.n * sizeof(*a.hash));
    const struct warm_chain c = chain_of("agent", 5, 'c'), d = chain_of("other", 5, 'a');
    assert_int_equal(c.hash[0], b.hash[0]); /* another session of the same agent */
    assert_int_not_equal(c.hash[1], b.hash[1]);
    assert_int_not_equal(d.hash[0], b.hash[0]);
}

static void test_long_conversations_keep_their_end(void **unused)
{
    (void)unused;
    const struct warm_chain a = chain_of("agent", TURNS_MAX - 1, 'a'),
                            b = chain_of("agent", TURNS_MAX, 'a');
    assert_int_equal(a.n, WARM_DEPTH);
    assert_int_equal(b.n, WARM_DEPTH);
    assert_int_equal(a.hash[0], b.hash[0]);
    assert_int_equal(a.hash[WARM_DEPTH - 1], b.hash[WARM_DEPTH - 2]);
    put(&a, a.n - 1, 7, 1, 1000);
    assert_true(share_at(&b, 7, 1000) > 0.98);
}

static void test_the_next_turn_is_warm(void **unused)
{
    (void)unused;
    const struct warm_chain one = chain_of("agent", 9, 'a'), two = chain_of("agent", 10, 'a'),
                            other = chain_of("agent", 4, 'b');
    put(&one, one.n - 1, 7, 0.5, 1000);
    put(&one, 0, 7, 1, 1000);
    const double half = share_at(&two, 7, 1000);
    assert_true(half > 0.44 && half < 0.47); /* half of ten elevenths */
    const double begin = share_at(&other, 7, 1000);
    assert_true(begin > 0.19 && begin < 0.21); /* one of five */
    assert_true(share_at(&two, 8, 1000) < 0);
    assert_true(share_at(&two, 7, 301000) < 0); /* it is over */
}

/* What was learned last of the longest prefix counts, also that it is cold. */
static void test_cold_is_known(void **unused)
{
    (void)unused;
    const struct warm_chain one = chain_of("agent", 9, 'a'), two = chain_of("agent", 11, 'a');
    put(&one, one.n - 1, 7, 1, 1000);
    put(&two, two.n - 1, 7, 0, 2000);
    assert_true(share_at(&two, 7, 2000) == 0.0);
}

static void test_many_places(void **unused)
{
    (void)unused;
    const struct warm_chain one = chain_of("agent", 3, 'a');
    for (uint64_t place = 1; place <= 2 * WARM_WAYS; place++)
        put(&one, one.n - 1, place, 1, 1000 + place);
    struct warm_hit hits[WARM_HITS];
    assert_int_equal(warm_look(w, &one, 2000, hits), WARM_WAYS); /* the oldest gave way */
    assert_true(share_at(&one, 2 * WARM_WAYS, 2000) == 1.0);
}

static void test_how_long(void **unused)
{
    (void)unused;
    assert_int_equal(warm_ttl_of(STR("deepseek"), STR("openai")).ttl, 3600000);
    assert_int_equal(warm_ttl_of(STR_NONE, STR("anthropic")).ttl, 300000);
    assert_true(warm_ttl_of(STR_NONE, STR("anthropic")).tells_writes);
    assert_int_equal(warm_ttl_of(STR("nobody"), STR("nothing")).least, 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_chain_grows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_conversations_keep_their_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_next_turn_is_warm, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cold_is_known, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_places, setup, teardown),
        cmocka_unit_test_setup_teardown(test_how_long, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
