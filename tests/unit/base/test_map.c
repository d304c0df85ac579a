/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include <stdio.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/rand.h"

#define N 2000

/* SipHash-2-4 test vectors of the authors: key 00..0f, input 00 01 02 … */
static void test_siphash_vectors(void **state)
{
    (void)state;
    struct hash_key k = {0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};
    char in[15];
    for (int i = 0; i < 15; i++)
        in[i] = (char)i;
    assert_true(hash_bytes(k, str_of(in, 0)) == 0x726fdb47dd0e0e31ULL);
    assert_true(hash_bytes(k, str_of(in, 15)) == 0xa129ca6149be45e5ULL);
}

static void test_against_model(void **state)
{
    (void)state;
    static char names[N][16];
    static int values[N];
    static int in[N];
    struct map m;
    struct rand r;
    rand_init(&r, 7);
    map_init(&m, (struct hash_key){1, 2});
    for (int i = 0; i < N; i++)
        snprintf(names[i], sizeof(names[i]), "key-%d", i);
    memset(in, 0, sizeof(in));
    for (int step = 0; step < 20000; step++) {
        int i = (int)rand_below(&r, N);
        str key = str_c(names[i]);
        if (rand_below(&r, 2)) {
            assert_int_equal(map_put(&m, key, &values[i], NULL), RC_OK);
            in[i] = 1;
        } else {
            assert_ptr_equal(map_take(&m, key), in[i] ? &values[i] : NULL);
            in[i] = 0;
        }
    }
    size_t count = 0, walked = 0, pos = 0;
    for (int i = 0; i < N; i++) {
        assert_ptr_equal(map_get(&m, str_c(names[i])), in[i] ? &values[i] : NULL);
        count += (size_t)in[i];
    }
    while (map_next(&m, &pos))
        walked++;
    assert_int_equal(m.count, count);
    assert_int_equal(walked, count);
    map_fini(&m);
}

static void test_p19_no_memory(void **state)
{
    (void)state;
    struct map m;
    int v;
    map_init(&m, (struct hash_key){1, 2});
    mem_fail_after(1);
    assert_int_equal(map_put(&m, STR("a"), &v, NULL), RC_NOMEM);
    mem_fail_after(0);
    assert_null(map_get(&m, STR("a")));
    map_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_siphash_vectors),
        cmocka_unit_test(test_against_model),
        cmocka_unit_test(test_p19_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
