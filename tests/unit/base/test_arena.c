/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "base/arena.h"
#include "base/mem.h"

static void test_cap(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 8192);
    assert_non_null(arena_alloc(&a, 100));
    assert_null(arena_alloc(&a, 100000));
    assert_true(arena_is_full(&a));
    assert_null(arena_zalloc_array(&a, SIZE_MAX / 2, 16));
    arena_fini(&a);
}

/* What fits into the first chunk costs no other, again and again. */
static void test_first_chunk(void **state)
{
    (void)state;
    struct arena a;
    arena_init_with(&a, 1 << 20, 12 << 10);
    char *first = NULL;
    for (int i = 0; i < 3; i++) {
        char *p = arena_alloc(&a, 3000);
        assert_non_null(arena_alloc(&a, 8000));
        assert_true(a.taken < 12 << 10);
        assert_true(!first || p == first);
        first = p;
        arena_reset(&a);
    }
    arena_fini(&a);
}

static void test_mark(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    char *first = arena_alloc(&a, 10);
    memset(first, 'x', 10);
    struct arena_mark m = arena_mark(&a);
    for (int i = 0; i < 1000; i++)
        assert_non_null(arena_alloc(&a, 100));
    arena_reset_to(&a, m);
    assert_memory_equal(first, "xxxxxxxxxx", 10);
    assert_true(a.taken < 8192);
    arena_fini(&a);
}

static void test_grow(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    char *p = arena_alloc(&a, 16);
    memcpy(p, "0123456789abcdef", 16);
    char *q = arena_grow(&a, p, 16, 64);
    assert_ptr_equal(p, q); /* it was the newest: in place */
    arena_alloc(&a, 16);
    char *r = arena_grow(&a, q, 64, 10000);
    assert_ptr_not_equal(q, r);
    assert_memory_equal(r, "0123456789abcdef", 16);
    arena_fini(&a);
}

/* An allocation with a chunk of its own grows without leaving its old self behind. */
static void test_grow_alone(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    char *small = arena_alloc(&a, 16);
    memcpy(small, "0123456789abcdef", 16);
    struct arena_mark m = arena_mark(&a);
    size_t before = a.taken, n = 10000;
    char *p = arena_alloc(&a, n);
    memset(p, 'x', n);
    for (; n < 600000; n *= 2) {
        p = arena_grow(&a, p, n, n * 2);
        assert_non_null(p);
        memset(p + n, 'x', n);
        assert_true(a.taken <= before + n * 2 + 16);
    }
    assert_null(arena_grow(&a, p, n, 2 << 20)); /* the cap */
    assert_true(arena_is_full(&a));
    for (size_t i = 0; i < n; i++)
        assert_true(p[i] == 'x');
    arena_reset_to(&a, m);
    assert_int_equal(a.taken, before);
    assert_memory_equal(small, "0123456789abcdef", 16);
    arena_fini(&a);
}

/* A chunk that a mark knows must stay where it is. */
static void test_grow_marked(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    assert_non_null(arena_alloc(&a, 100));
    arena_reset(&a);
    struct arena_mark m = arena_mark(&a);
    char *p = arena_alloc(&a, 100);
    p = arena_grow(&a, p, 100, 100000);
    assert_non_null(p);
    memset(p, 'x', 100000);
    arena_reset_to(&a, m);
    p = arena_alloc(&a, 100);
    m = arena_mark(&a);
    assert_non_null(arena_grow(&a, p, 100, 100000));
    arena_reset_to(&a, m);
    assert_true(a.taken < 10000);
    arena_fini(&a);
}

static void test_trim(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    char *p = arena_alloc(&a, 1000);
    arena_trim(&a, p, 1000, 100);
    char *q = arena_alloc(&a, 16);
    assert_ptr_equal(q, p + 112);
    arena_trim(&a, p, 100, 0); /* not the newest any more */
    assert_ptr_equal(arena_alloc(&a, 16), q + 16);
    arena_fini(&a);
}

static int order[3], calls;

static void hook(void *arg)
{
    order[calls++] = *(int *)arg;
}

static void test_hooks(void **state)
{
    (void)state;
    struct arena a;
    int one = 1, two = 2;
    arena_init(&a, 1 << 16);
    calls = 0;
    assert_true(arena_hook(&a, hook, &one));
    assert_true(arena_hook(&a, hook, &two));
    arena_fini(&a);
    assert_int_equal(calls, 2);
    assert_int_equal(order[0], 2); /* last in, first out */
    assert_int_equal(order[1], 1);
}

/* P19: an allocation that fails is reported, never used. */
static void test_p19_no_memory(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 16);
    mem_fail_after(1);
    assert_null(arena_alloc(&a, 10));
    assert_null(arena_dup(&a, STR("x")).p);
    assert_false(arena_hook(&a, hook, NULL));
    mem_fail_after(0);
    assert_true(arena_is_full(&a));
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cap),           cmocka_unit_test(test_mark),
        cmocka_unit_test(test_first_chunk),   cmocka_unit_test(test_grow),
        cmocka_unit_test(test_grow_alone),    cmocka_unit_test(test_grow_marked),
        cmocka_unit_test(test_trim),          cmocka_unit_test(test_hooks),
        cmocka_unit_test(test_p19_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
