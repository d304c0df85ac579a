/* SPDX-License-Identifier: Apache-2.0 */
/* fmt - two digits at a time from a table; dates by Howard Hinnant's civil-from-days. */
#include "base/fmt.h"

static const char pairs[] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536"
    "37383940414243444546474849505152535455565758596061626364656667686970717273"
    "7475767778798081828384858687888990919293949596979899";

size_t fmt_u64(char *to, uint64_t v)
{
    char tmp[FMT_U64_MAX];
    size_t at = sizeof(tmp);
    if (v < 10) { /* most of what is counted */
        to[0] = (char)('0' + v);
        return 1;
    }
    while (v >= 100) {
        at -= 2;
        memcpy(tmp + at, pairs + 2 * (v % 100), 2);
        v /= 100;
    }
    if (v >= 10) {
        at -= 2;
        memcpy(tmp + at, pairs + 2 * v, 2);
    } else {
        tmp[--at] = (char)('0' + v);
    }
    memcpy(to, tmp + at, sizeof(tmp) - at);
    return sizeof(tmp) - at;
}

/* All digits of nano-dollars, without zeroes behind the last: what is billed must add up exactly,
 * so nothing is rounded for being shown. */
size_t fmt_usd(char *to, nanousd v)
{
    uint64_t abs = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    uint64_t part = abs % 1000000000;
    size_t n = 0, places = 9;
    if (v < 0)
        to[n++] = '-';
    n += fmt_u64(to + n, abs / 1000000000);
    if (!part)
        return n;
    to[n++] = '.';
    for (; part % 10 == 0; places--)
        part /= 10;
    for (size_t i = places; i-- > 0; part /= 10)
        to[n + i] = (char)('0' + part % 10);
    return n + places;
}

size_t fmt_hex64(char *to, uint64_t v)
{
    for (int i = 0; i < 16; i++)
        to[i] = "0123456789abcdef"[(v >> (60 - 4 * i)) & 15];
    return 16;
}

static void two(char *to, unsigned v)
{
    memcpy(to, pairs + 2 * (v % 100), 2);
}

/*
 * RFC 3339 in UTC. The year is taken to begin in March, so that the day of February that comes and
 * goes is its last: then months follow from days by one multiplication (153 days are five months),
 * and eras of 400 years have 146,097 days each. No table, no locale, no time zone of the machine.
 */
size_t fmt_time(char *to, uint64_t unix_ms)
{
    uint64_t secs = unix_ms / 1000;
    int64_t z = (int64_t)(secs / 86400) + 719468;
    unsigned day_secs = (unsigned)(secs % 86400);
    int64_t era = z / 146097;
    unsigned doe = (unsigned)(z - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned mp = (5 * doy + 2) / 153;
    unsigned day = doy - (153 * mp + 2) / 5 + 1, month = mp < 10 ? mp + 3 : mp - 9;
    unsigned year = (unsigned)(yoe + era * 400) + (month <= 2);
    two(to, year / 100);
    two(to + 2, year);
    to[4] = to[7] = '-';
    two(to + 5, month);
    two(to + 8, day);
    to[10] = 'T';
    two(to + 11, day_secs / 3600);
    to[13] = to[16] = ':';
    two(to + 14, day_secs / 60 % 60);
    two(to + 17, day_secs % 60);
    to[19] = '.';
    unsigned ms = (unsigned)(unix_ms % 1000);
    to[20] = (char)('0' + ms / 100);
    two(to + 21, ms);
    to[23] = 'Z';
    return FMT_TIME_MAX;
}
