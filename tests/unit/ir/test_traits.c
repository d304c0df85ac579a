/* SPDX-License-Identifier: Apache-2.0 */
/* Names within names, and a tag within a text: as clients write them, and as they would be written
 * by somebody who wants to see us fall. */
#include "../unit.h"

#include "ir/traits.h"

static void assert_none(jtext t)
{
    assert_null(t.p);
}

static void test_user_and_session(void **unused)
{
    (void)unused;
    jtext user, session;
    ir_split_user(STR("user_ab_account_cd_session_ef-01"), &user, &session);
    assert_str(user, "user_ab_account_cd");
    assert_str(session, "ef-01");
    ir_split_user(
        STR("{\\\"device_id\\\":\\\"d\\\",\\\"account_uuid\\\":\\\"\\\",\\\"session_id\\\":"
            "\\\"s-1\\\"}"),
        &user, &session);
    assert_str(user, "d");
    assert_str(session, "s-1");
    ir_split_user(STR("{\\\"account_uuid\\\":\\\"a\\\",\\\"session_id\\\":\\\"s\\\"}"), &user,
                  &session);
    assert_str(user, "a");
    assert_str(session, "s");
    ir_split_user(STR("tim"), &user, &session);
    assert_str(user, "tim");
    assert_none(session);
    ir_split_user(STR("user_1_session_"), &user, &session); /* cut off: no session */
    assert_str(user, "user_1_session_");
    assert_none(session);
    ir_split_user(STR("{\\\"session_id\\\":\\\"never ends"), &user, &session);
    assert_none(session);
    ir_split_user(STR_NONE, &user, &session);
    assert_none(user);
    assert_none(session);
}

#define OPEN  "<CCR-SUBAGENT-MODEL>"
#define CLOSE "</CCR-SUBAGENT-MODEL>"

static void test_tag(void **unused)
{
    static const struct {
        const char *text, *whole, *value; /* whole NULL: there is none */
    } rows[] = {
        {OPEN "p,m" CLOSE, OPEN "p,m" CLOSE, "p,m"},
        {"You are. " OPEN " p,m " CLOSE "\\n\\nDo it.", OPEN " p,m " CLOSE "\\n\\n", "p,m"},
        {OPEN "a,b" CLOSE OPEN "c,d" CLOSE, OPEN "a,b" CLOSE, "a,b"},
        {OPEN "" CLOSE, OPEN CLOSE, ""},
        {"\\u003cCCR-SUBAGENT-MODEL\\u003ep,m\\u003c/CCR-SUBAGENT-MODEL\\u003E tail",
         "\\u003cCCR-SUBAGENT-MODEL\\u003ep,m\\u003c/CCR-SUBAGENT-MODEL\\u003E ", "p,m"},
        {OPEN "p,m<\\/CCR-SUBAGENT-MODEL>", OPEN "p,m<\\/CCR-SUBAGENT-MODEL>", "p,m"},
        {"no tag here", NULL, NULL},
        {"CCR-SUBAGENT-MODEL", NULL, NULL},
        {OPEN, NULL, NULL},
        {OPEN "p,m", NULL, NULL},
        {OPEN "p,m<CCR-SUBAGENT-MODEL>", NULL, NULL},
        {OPEN "p,m</CCR-SUBAGENT-MODEL", NULL, NULL},
        {"CCR-SUBAGENT-MODEL>p,m" CLOSE, NULL, NULL},
        {OPEN "p,m/CCR-SUBAGENT-MODEL>", NULL, NULL},
        {"", NULL, NULL},
    };
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct ir_tag tag = ir_find_tag(str_c(rows[i].text));
        if (!rows[i].whole) {
            assert_none(tag.whole);
            continue;
        }
        assert_str(tag.whole, rows[i].whole);
        assert_str(tag.value, rows[i].value);
    }
}

/* A name of a model is short: what is longer is a text that speaks of the tag. */
static void test_a_long_way_between_the_marks(void **unused)
{
    char text[1024];
    (void)unused;
    memset(text, 'x', sizeof(text));
    memcpy(text, OPEN, sizeof(OPEN) - 1);
    memcpy(text + sizeof(text) - sizeof(CLOSE), CLOSE, sizeof(CLOSE));
    assert_none(ir_find_tag(str_c(text)).whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_user_and_session),
        cmocka_unit_test(test_tag),
        cmocka_unit_test(test_a_long_way_between_the_marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
