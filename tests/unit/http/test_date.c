/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP-date in its three forms (RFC 9110 §5.6.7), under a clock that the test gives. */
#include "../unit.h"

#include "base/day.h"
#include "base/fmt.h"
#include "guard.h"
#include "http/date.h"

#define NOW 1795824000u /* 2026-11-28 */

static void good(const char *text, uint64_t now, uint64_t want)
{
    uint64_t got = 0;
    struct guard g = guard_new(64);
    if (http_date(guard_put(g, str_c(text)), now, &got) != RC_OK)
        fail_msg("refused: %s", text);
    if (got != want)
        fail_msg("%s: got %llu, want %llu", text, (unsigned long long)got,
                 (unsigned long long)want);
    guard_free(g);
}

static void bad(const char *text)
{
    uint64_t got = 7;
    struct guard g = guard_new(64);
    if (http_date(guard_put(g, str_c(text)), NOW, &got) != RC_SYNTAX || got != 7)
        fail_msg("taken: %s", text);
    guard_free(g);
}

static void test_u11_three_forms(void **state)
{
    (void)state;
    good("Sun, 06 Nov 1994 08:49:37 GMT", NOW, 784111777);
    good("Sunday, 06-Nov-94 08:49:37 GMT", NOW, 784111777);
    good("Sun Nov  6 08:49:37 1994", NOW, 784111777);
    good("Sun Nov 16 08:49:37 1994", NOW, 784975777);
    good("Thu, 01 Jan 1970 00:00:00 GMT", NOW, 0);
    good("Tue, 29 Feb 2000 23:59:59 GMT", NOW, 951868799);
    good("Fri, 31 Dec 9999 23:59:59 GMT", NOW, 253402300799);
    good("Sat, 31 Dec 2016 23:59:60 GMT", NOW, 1483228800); /* a leap second */
}

/* Two digits: not more than fifty years ahead, else the latest such year that was. */
static void test_u11_short_years(void **state)
{
    (void)state;
    good("Sunday, 06-Nov-26 08:49:37 GMT", NOW, 1793954977);
    good("Sunday, 06-Nov-76 08:49:37 GMT", NOW, 3371878177); /* 2076: 49.9 years ahead */
    good("Sunday, 06-Nov-77 08:49:37 GMT", NOW, 247654177);  /* 2077 would be more */
    good("Sunday, 06-Nov-00 08:49:37 GMT", NOW, 973500577);
    good("Saturday, 01-Jan-00 00:00:00 GMT", 946684799, 946684800); /* a second before 2000 */
    good("Friday, 31-Dec-99 23:59:59 GMT", 946684800, 946684799);   /* … and at its beginning */
    good("Tuesday, 29-Feb-00 00:00:00 GMT", 4102444800, 951782400); /* in 2100: there is none */
    bad("Friday, 30-Feb-00 00:00:00 GMT");
}

static void test_u11_no_dates(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "Sun",
        "Sun, ",
        "sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 gmt",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun,06 Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sunday, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 1994 GMT",
        "Sun Nov  6 08:49:37 94",
        "Someday, 06-Nov-94 08:49:37 GMT",
        "Sun, 31 Apr 1994 08:49:37 GMT",
        "Sun, 29 Feb 1995 08:49:37 GMT",
        "Sun, 29 Feb 2100 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 1994 08:49:3x GMT",
        "Sun, 06 Nov 1969 08:49:37 GMT",
        "Sun, +6 Nov 1994 08:49:37 GMT",
        "1994-11-06T08:49:37Z",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        bad(rows[i]);
    for (size_t n = 0; n < strlen("Sun, 06 Nov 1994 08:49:37 GMT"); n++) {
        char cut[32] = "Sun, 06 Nov 1994 08:49:37 GMT";
        cut[n] = '\0';
        bad(cut);
    }
}

/* Every day from 1970 to 2199, against the way back. */
static void test_days(void **state)
{
    (void)state;
    int32_t day = 0;
    for (uint64_t d = 0; d < 84006; d++) {
        char t[FMT_TIME_MAX + 1] = "";
        fmt_time(t, d * 86400000);
        uint32_t year =
            (uint32_t)((t[0] - '0') * 1000 + (t[1] - '0') * 100 + (t[2] - '0') * 10 + (t[3] - '0'));
        uint32_t month = (uint32_t)((t[5] - '0') * 10 + (t[6] - '0'));
        assert_true(day_of(year, month, (uint32_t)((t[8] - '0') * 10 + (t[9] - '0')), &day));
        assert_int_equal(day, d);
    }
    assert_false(day_of(1969, 12, 31, &day));
    assert_false(day_of(2026, 13, 1, &day));
    assert_false(day_of(2026, 2, 29, &day));
    assert_false(day_of(10000, 1, 1, &day));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_u11_three_forms),
        cmocka_unit_test(test_u11_short_years),
        cmocka_unit_test(test_u11_no_dates),
        cmocka_unit_test(test_days),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
