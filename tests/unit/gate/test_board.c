/* SPDX-License-Identifier: Apache-2.0 */
/* What the orders of a board ask together of one provider or model. */
#include "../unit.h"

#include "gate/board.h"
#include "route/order.h"

static void test_orders_about_one(void **unused)
{
    (void)unused;
    struct board *b = board_new();
    assert_non_null(b);
    const struct board_order orders[] = {
        {CONF_ALERT_PROVIDER, STR("a"), CONF_ALERT_SWITCH_PROVIDER, false},
        {CONF_ALERT_PROVIDER, STR("a"), CONF_ALERT_FALLBACK, true},
        {CONF_ALERT_PROVIDER, STR("b"), CONF_ALERT_SWITCH_PROVIDER, true},
        {CONF_ALERT_PROVIDER, STR("b"), CONF_ALERT_FALLBACK, true},
        {CONF_ALERT_MODEL, STR("b"), CONF_ALERT_FALLBACK, false},
        {CONF_ALERT_TARGET, STR("c/m"), CONF_ALERT_SWITCH_PROVIDER, false},
    };
    b->orders = orders;
    b->norders = ARRAY_LEN(orders);
    /* One of two is a trial: the other keeps it out. */
    assert_int_equal(board_asks(b, CONF_ALERT_PROVIDER, STR("a")), ALERT_OUT | ALERT_FALLBACK);
    assert_int_equal(board_asks(b, CONF_ALERT_PROVIDER, STR("b")),
                     ALERT_OUT | ALERT_FALLBACK | ALERT_TRIAL);
    /* Names of two scopes are two names, and a target is no provider. */
    assert_int_equal(board_asks(b, CONF_ALERT_MODEL, STR("b")), ALERT_FALLBACK);
    assert_int_equal(board_asks(b, CONF_ALERT_PROVIDER, STR("c")), 0);
    assert_int_equal(board_asks(NULL, CONF_ALERT_PROVIDER, STR("a")), 0);
    board_unref(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders_about_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
