/* SPDX-License-Identifier: Apache-2.0 */
/* Who is next when calls wait for room: the oldest, and under overload the newest. */
#include "../unit.h"

#include "gate/room.h"

#define ALL 4

static void test_order(void **unused)
{
    (void)unused;
    static const struct {
        msec since, until, now; /* of the oldest; the others came 10 ms after each other */
        bool late;
    } rows[] = {
        {1000, 2000, 1000, false},
        {1000, 2000, 1499, false},
        {1000, 2000, 1500, true}, /* half of what it may */
        {1000, 2000, 2000, true},
        {1000, 1200, 1099, false}, /* its client's deadline is nearer than `wait` */
        {1000, 1200, 1100, true},
        {1000, 1000, 1000, true}, /* it may not wait at all */
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct room_place p[ALL] = {0};
        struct list calls, now;
        unsigned n = 0;
        list_init(&calls);
        for (unsigned k = 0; k < ALL; k++) {
            p[k].since = rows[i].since + 10 * k;
            p[k].until = rows[i].until + (k ? 1000 : 0);
            list_push_back(&calls, &p[k].link);
        }
        room_order(&calls, rows[i].now, &now);
        assert_true(list_is_empty(&calls));
        list_each(it, &now)
        {
            assert_ptr_equal(it, &p[rows[i].late ? ALL - 1 - n : n].link);
            n++;
        }
        assert_int_equal(n, ALL); /* none is lost */
    }
}

static void test_nobody(void **unused)
{
    (void)unused;
    struct list calls, now;
    list_init(&calls);
    room_order(&calls, 5, &now);
    assert_true(list_is_empty(&now));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
