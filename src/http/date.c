/* SPDX-License-Identifier: Apache-2.0 */
/* date - three patterns over one walker; see the header. */
#include "http/date.h"

#include "base/day.h"

static const char days[7][10] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                 "Friday", "Saturday", "Sunday"};
static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct parts {
    uint32_t year, month, day, hour, minute, second;
    bool short_year;
};

static bool take(str *s, str what)
{
    if (!str_has_prefix(*s, what))
        return false;
    *s = str_from(*s, what.n);
    return true;
}

/* Exactly so many digits; with `blank` the first may be one, as asctime writes days below ten. */
static bool take_digits(str *s, size_t n, bool blank, uint32_t *ret)
{
    uint32_t v = 0;
    if (s->n < n)
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = s->p[i];
        if (blank && i == 0 && c == ' ')
            continue;
        if (c < '0' || c > '9')
            return false;
        v = v * 10 + (uint32_t)(c - '0');
    }
    *s = str_from(*s, n);
    *ret = v;
    return true;
}

static bool take_month(str *s, uint32_t *ret)
{
    for (uint32_t i = 0; i < ARRAY_LEN(months); i++) {
        if (!take(s, str_c(months[i])))
            continue;
        *ret = i + 1;
        return true;
    }
    return false;
}

static bool take_time(str *s, struct parts *p)
{
    return take_digits(s, 2, false, &p->hour) && take(s, STR(":")) &&
           take_digits(s, 2, false, &p->minute) && take(s, STR(":")) &&
           take_digits(s, 2, false, &p->second);
}

/* "06 Nov 1994 08:49:37 GMT", "06-Nov-94 08:49:37 GMT" */
static bool day_first(str s, str between, size_t year_digits, struct parts *p)
{
    p->short_year = year_digits == 2;
    return take_digits(&s, 2, false, &p->day) && take(&s, between) && take_month(&s, &p->month) &&
           take(&s, between) && take_digits(&s, year_digits, false, &p->year) &&
           take(&s, STR(" ")) && take_time(&s, p) && str_eq(s, STR(" GMT"));
}

/* "Nov  6 08:49:37 1994" */
static bool month_first(str s, struct parts *p)
{
    return take_month(&s, &p->month) && take(&s, STR(" ")) && take_digits(&s, 2, true, &p->day) &&
           take(&s, STR(" ")) && take_time(&s, p) && take(&s, STR(" ")) &&
           take_digits(&s, 4, false, &p->year) && s.n == 0;
}

/* The form shows in how the day of the week is written. */
static bool read_parts(str s, struct parts *p)
{
    for (size_t i = 0; i < ARRAY_LEN(days); i++) {
        str whole = str_c(days[i]), rest = s;
        if (take(&rest, whole))
            return take(&rest, STR(", ")) && day_first(rest, STR("-"), 2, p);
        if (take(&rest, str_head(whole, 3)))
            return take(&rest, STR(", ")) ? day_first(rest, STR(" "), 4, p)
                                          : take(&rest, STR(" ")) && month_first(rest, p);
    }
    return false;
}

#define DAY_S         86400u
#define MEAN_YEAR_S   31556952u /* of the Gregorian calendar */
#define YEARS_AHEAD_S (50ull * MEAN_YEAR_S)

static bool seconds_of(const struct parts *p, uint32_t year, uint64_t *ret)
{
    int32_t day;
    if (p->hour > 23 || p->minute > 59 || p->second > 60 || !day_of(year, p->month, p->day, &day))
        return false;
    *ret = (uint64_t)day * DAY_S + p->hour * 3600u + p->minute * 60u + p->second;
    return true;
}

/* "…that appears to be more than 50 years in the future … the most recent year in the past that had
 * the same last two digits": begin as late as possible and step back. */
static bool short_year(const struct parts *p, uint64_t now, uint64_t *ret)
{
    uint32_t last = 1970 + (uint32_t)((now + YEARS_AHEAD_S) / MEAN_YEAR_S) + 1;
    uint32_t year = last - last % 100 + p->year;
    for (; year >= 1970; year -= 100) {
        uint64_t at;
        if (!seconds_of(p, year, &at) || at > now + YEARS_AHEAD_S)
            continue; /* 29 February may be in one century only */
        *ret = at;
        return true;
    }
    return false;
}

enum rc http_date(str s, uint64_t now_unix_s, uint64_t *ret_unix_s)
{
    struct parts p = {0};
    if (!read_parts(s, &p))
        return RC_SYNTAX;
    bool ok =
        p.short_year ? short_year(&p, now_unix_s, ret_unix_s) : seconds_of(&p, p.year, ret_unix_s);
    return ok ? RC_OK : RC_SYNTAX;
}
