/* SPDX-License-Identifier: Apache-2.0 */
/* What is remembered of sessions: their own, bounded, never another's. */
#include "../unit.h"

#include "base/rand.h"
#include "gate/sessions.h"

static struct sessions table;

static void test_last_one_counts(void **unused)
{
    (void)unused;
    assert_int_equal(sessions_find(&table, 77), 0);
    sessions_note(&table, UINT64_C(0xabcdef0123456789), 70000);
    sessions_note(&table, UINT64_C(0xabcdef0123456789), 71000);
    assert_int_equal(sessions_find(&table, UINT64_C(0xabcdef0123456789)), 71000);
    assert_int_equal(sessions_find(&table, UINT64_C(0xabcdee0123456789)), 0); /* same slot */
    for (uint64_t i = 1; i <= SESSIONS_WAYS; i++) /* too many of one place: the first gives way */
        sessions_note(&table, UINT64_C(0x1000000123456789) + (i << 40), i);
    assert_int_equal(sessions_find(&table, UINT64_C(0xabcdef0123456789)), 0);
    assert_int_equal(sessions_find(&table, UINT64_C(0x1000000123456789) + (2ull << 40)), 2);
    sessions_note(&table, 0, 5); /* nobody's session is none */
    assert_int_equal(sessions_find(&table, 0), 0);
    sessions_note(&table, 1u << 30, UINT64_MAX); /* as many as fit */
    assert_int_equal(sessions_find(&table, 1u << 30), (1u << 24) - 1);
}

static void test_most_of_many_are_kept(void **unused)
{
    struct rand r;
    uint64_t names[1000];
    unsigned kept = 0;
    (void)unused;
    rand_init(&r, 7);
    for (unsigned i = 0; i < 1000; i++) {
        names[i] = rand_u64(&r);
        sessions_note(&table, names[i], 1000 + i);
    }
    for (unsigned i = 0; i < 1000; i++) {
        const uint64_t n = sessions_find(&table, names[i]);
        assert_true(n == 0 || n == 1000 + i);
        kept += n != 0;
    }
    assert_true(kept > 990);
}

static void test_names(void **unused)
{
    (void)unused;
    assert_true(sessions_hash(STR("a")) != sessions_hash(STR("b")));
    assert_true(sessions_tag(STR("")) != 0 && sessions_tag(STR("x")) < 1u << 24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_last_one_counts),
        cmocka_unit_test(test_most_of_many_are_kept),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
