/* SPDX-License-Identifier: Apache-2.0 */
/* A key that was found is found again by its text, and by no other. */
#include "../unit.h"

#include <stdio.h>

#include "conf/snapshot.h"
#include "gate/known_keys.h"

static void test_found_again(void **unused)
{
    (void)unused;
    struct rand dice;
    struct known_keys k;
    struct conf_key a = {0}, b = {0};
    rand_init(&dice, 7);
    known_keys_init(&k, &dice);
    const struct known_tag of_a = known_keys_tag(&k, STR("sk-a")),
                           of_b = known_keys_tag(&k, STR("sk-b"));
    assert_null(known_keys_find(&k, of_a));
    assert_null(known_keys_find(&k, (struct known_tag){{0, 0}})); /* a free slot is nobody's */
    known_keys_add(&k, of_a, &a);
    assert_ptr_equal(known_keys_find(&k, of_a), &a);
    assert_null(known_keys_find(&k, of_b));
    for (int half = 0; half < 2; half++) { /* one half of a tag is not enough */
        struct known_tag near = of_a;
        near.part[half] += KNOWN_KEYS;
        assert_null(known_keys_find(&k, near));
    }
    known_keys_add(&k, of_b, &b);
    assert_ptr_equal(known_keys_find(&k, of_b), &b);
}

/* More than there are slots: the last ones are known, and none is taken for another. */
static void test_more_than_slots(void **unused)
{
    (void)unused;
    struct rand dice;
    struct known_keys k;
    static struct conf_key keys[4 * KNOWN_KEYS];
    rand_init(&dice, 8);
    known_keys_init(&k, &dice);
    char text[16];
    for (unsigned i = 0; i < 4 * KNOWN_KEYS; i++) {
        const int n = snprintf(text, sizeof(text), "sk-%u", i);
        known_keys_add(&k, known_keys_tag(&k, str_of(text, (size_t)n)), &keys[i]);
    }
    unsigned known = 0;
    for (unsigned i = 0; i < 4 * KNOWN_KEYS; i++) {
        const int n = snprintf(text, sizeof(text), "sk-%u", i);
        const struct conf_key *key =
            known_keys_find(&k, known_keys_tag(&k, str_of(text, (size_t)n)));
        assert_true(key == NULL || key == &keys[i]);
        known += key != NULL;
    }
    assert_true(known > KNOWN_KEYS / 2 && known <= KNOWN_KEYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found_again),
        cmocka_unit_test(test_more_than_slots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
