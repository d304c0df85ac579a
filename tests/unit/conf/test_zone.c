/* SPDX-License-Identifier: Apache-2.0 */
/* Time zones: made-up files byte by byte, and the machine's own beside what the C library says. */
#include "../unit.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "conf/zone.h"

static struct arena arena;
static struct conf_zone zone;

static int setup(void **unused)
{
    (void)unused;
    arena_init(&arena, 8u << 20);
    return 0;
}

static int teardown(void **unused)
{
    (void)unused;
    arena_fini(&arena);
    return 0;
}

static void be(struct buf *b, uint64_t v, unsigned bytes)
{
    for (unsigned i = bytes; i-- > 0;)
        buf_add_char(b, (char)(v >> (8 * i)));
}

static void head(struct buf *b, uint32_t turns, uint32_t types)
{
    buf_lit(b, "TZif2");
    for (int i = 0; i < 15 + 12; i++) /* unused; and no counts of ut, standard, leaps */
        buf_add_char(b, '\0');
    be(b, turns, 4);
    be(b, types, 4);
    be(b, 4, 4);
}

/* Two types: an hour and two hours east; turns to the second one and back. */
static void file(struct buf *b, const int64_t *turns, uint32_t n, const char *rule)
{
    head(b, 0, 1);
    be(b, 0, 6);
    buf_lit(b, "UTC");
    buf_add_char(b, '\0');
    head(b, n, 2);
    for (uint32_t i = 0; i < n; i++)
        be(b, (uint64_t)turns[i], 8);
    for (uint32_t i = 0; i < n; i++)
        be(b, (i + 1) % 2, 1);
    for (uint32_t i = 1; i <= 2; i++) {
        be(b, i * 3600, 4);
        be(b, 0, 2);
    }
    buf_lit(b, "LMT");
    buf_add_char(b, '\0');
    buf_add_char(b, '\n');
    buf_add(b, str_c(rule));
    buf_add_char(b, '\n');
}

static enum rc parse(const int64_t *turns, uint32_t n, const char *rule)
{
    struct buf b = BUF_INIT(1 << 16);
    file(&b, turns, n, rule);
    const enum rc rc = conf_zone_parse(&arena, buf_str(&b), &zone);
    buf_fini(&b);
    return rc;
}

static void test_a_list_of_turns(void **unused)
{
    (void)unused;
    const int64_t turns[] = {ZONE_FROM - 1000, ZONE_FROM + 1000, ZONE_FROM + 2000};
    assert_int_equal(parse(turns, 3, ""), RC_OK);
    assert_int_equal(zone.n, 2);
    assert_int_equal(conf_zone_offset(&zone, 0), 7200); /* the first was forgotten, not undone */
    assert_int_equal(conf_zone_offset(&zone, ZONE_FROM + 999), 7200);
    assert_int_equal(conf_zone_offset(&zone, ZONE_FROM + 1000), 3600);
    assert_int_equal(conf_zone_offset(&zone, ZONE_FROM + 2000), 7200);
    assert_int_equal(conf_zone_offset(&zone, INT64_C(1) << 40), 7200);
    assert_int_equal(parse(NULL, 0, "UTC0"), RC_OK);
    assert_int_equal(conf_zone_offset(&zone, ZONE_FROM), 0);
}

/* 2026-03-29 01:00 UTC and 2026-10-25 01:00 UTC, by the rule alone. */
static void test_a_rule(void **unused)
{
    (void)unused;
    assert_int_equal(parse(NULL, 0, "CET-1CEST,M3.5.0,M10.5.0/3"), RC_OK);
    assert_int_equal(conf_zone_offset(&zone, 1774746000 - 1), 3600);
    assert_int_equal(conf_zone_offset(&zone, 1774746000), 7200);
    assert_int_equal(conf_zone_offset(&zone, 1792890000 - 1), 7200);
    assert_int_equal(conf_zone_offset(&zone, 1792890000), 3600);
    assert_int_equal(parse(NULL, 0, "<+0330>-3:30"), RC_OK);
    assert_int_equal(conf_zone_offset(&zone, 1774746000), 12600);
    assert_int_equal(parse(NULL, 0, "AAA5BBB4,J60/0,300/-1"), RC_OK);
}

static void test_broken_files(void **unused)
{
    static const char *const rules[] = {
        "C",
        "CET",
        "CET-1CEST",
        "CET-1CEST,M3.5.0",
        "CET-1CEST,M13.5.0,M10.5.0",
        "CET-1CEST,M3.6.0,M10.5.0",
        "CET-1CEST,M3.5.7,M10.5.0",
        "CET-1CEST,M0.5.0,M10.5.0",
        "CET-1CEST,J0,J300",
        "CET-1CEST,366,1",
        "CET-999,M3.5.0,M10.5.0",
        "CET-1CEST,M3.5.0,M10.5.0x",
        "<+03",
    };
    struct buf b = BUF_INIT(1 << 16);
    const int64_t turns[] = {ZONE_FROM + 1000, ZONE_FROM + 2000};
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        if (parse(NULL, 0, rules[i]) != RC_SYNTAX)
            fail_msg("%s", rules[i]);
    file(&b, turns, 2, "CET-1");
    str whole = buf_str(&b);
    for (size_t n = 0; n < whole.n; n++) { /* cut at each byte, flush against the end */
        char *copy = malloc(n ? n : 1);
        assert_non_null(copy);
        memcpy(copy, whole.p, n);
        assert_int_equal(conf_zone_parse(&arena, str_of(copy, n), &zone), RC_SYNTAX);
        free(copy);
    }
    buf_fini(&b);
}

static void test_names(void **unused)
{
    static const char *const names[] = {
        "",    "../passwd",        "/etc/passwd",  "Europe/", "Europe//Berlin",
        "a b", "Europe/../Berlin", "No/Such_Place"};
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_int_equal(conf_zone_load(&arena, str_c(names[i]), &zone), RC_SYNTAX);
}

/* Every half hour around each turn, and a sample of all else, as the C library has it. */
static void test_beside_the_c_library(void **unused)
{
    static const char *const names[] = {
        "Europe/Berlin",     "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata",
        "America/Sao_Paulo", "Europe/Dublin",    "Pacific/Auckland",    "Africa/Casablanca",
        "America/St_Johns",  "Asia/Tehran",      "Etc/GMT+5",           "UTC"};
    (void)unused;
    if (access("/usr/share/zoneinfo/Europe/Berlin", R_OK) != 0)
        skip();
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_int_equal(conf_zone_load(&arena, str_c(names[i]), &zone), RC_OK);
        setenv("TZ", names[i], 1);
        tzset();
        for (int64_t t = ZONE_FROM; t < INT64_C(4070908800); t += 86400 * 3 + 1801) { /* to 2099 */
            const time_t at = (time_t)t;
            struct tm tm;
            assert_non_null(localtime_r(&at, &tm));
            if (tm.tm_gmtoff != conf_zone_offset(&zone, t))
                fail_msg("%s at %lld: %d, not %ld", names[i], (long long)t,
                         conf_zone_offset(&zone, t), tm.tm_gmtoff);
        }
        for (uint32_t k = 0; k < zone.n; k++)
            for (int64_t t = zone.turns[k].at - 3600; t <= zone.turns[k].at + 3600; t += 1800) {
                const time_t at = (time_t)t;
                struct tm tm;
                assert_non_null(localtime_r(&at, &tm));
                assert_int_equal(tm.tm_gmtoff, conf_zone_offset(&zone, t));
            }
    }
    unsetenv("TZ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_list_of_turns),      cmocka_unit_test(test_a_rule),
        cmocka_unit_test(test_broken_files),         cmocka_unit_test(test_names),
        cmocka_unit_test(test_beside_the_c_library),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
