/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zone - the files of tzdata; see the header.
 *
 *     "TZif" version 15×0  counts[6]  data with times of 4 bytes   (skipped)
 *     "TZif" version 15×0  counts[6]  data with times of 8 bytes
 *     "\n" rule for the years behind "\n"
 *
 * All numbers are big-endian. Files of version 1 alone end in 2038 and have no rule: no
 * distribution makes them any more, and they are refused.
 */
#include "conf/zone.h"

#include <stdio.h>

#include "base/check.h"
#include "conf/read.h"

#define HEAD_BYTES 44
#define TYPE_BYTES 6

enum count { COUNT_UT, COUNT_STANDARD, COUNT_LEAPS, COUNT_TURNS, COUNT_TYPES, COUNT_CHARS, COUNTS };

/* While a zone is made: turns in order. */
struct making {
    struct conf_turn *v;
    uint32_t n;
    int32_t first; /* the offset before them */
};

int32_t conf_zone_offset(const struct conf_zone *z, int64_t unix_s)
{
    uint32_t low = 0, high = z->n;
    while (low < high) { /* how many turns are over */
        const uint32_t middle = (low + high) / 2;
        if (z->turns[middle].at <= unix_s)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? z->turns[low - 1].offset : z->offset;
}

/* False: there are too many. */
static bool add(struct making *m, int64_t at, int32_t offset)
{
    if (at < ZONE_FROM) {
        m->first = offset;
        return true;
    }
    if (m->n && at <= m->v[m->n - 1].at) /* the rule says again what the list said */
        return true;
    if (m->n == ZONE_TURNS_MAX)
        return false;
    m->v[m->n++] = (struct conf_turn){at, offset};
    return true;
}

/* ---- the list */

static uint64_t number(const char *p, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++)
        v = v << 8 | (uint8_t)p[i];
    return v;
}

/* The counts of the head at the beginning of *in, which is cut off. */
static bool take_head(str *in, uint32_t counts[COUNTS])
{
    if (in->n < HEAD_BYTES || memcmp(in->p, "TZif", 4) != 0 || in->p[4] < '2')
        return false;
    for (unsigned i = 0; i < COUNTS; i++)
        counts[i] = (uint32_t)number(in->p + 20 + 4 * i, 4);
    *in = str_from(*in, HEAD_BYTES);
    return true;
}

static size_t size_of(const uint32_t counts[COUNTS], unsigned time_bytes)
{
    return (size_t)counts[COUNT_TURNS] * (time_bytes + 1) +
           (size_t)counts[COUNT_TYPES] * TYPE_BYTES + counts[COUNT_CHARS] +
           (size_t)counts[COUNT_LEAPS] * (time_bytes + 4) + counts[COUNT_STANDARD] +
           counts[COUNT_UT];
}

static bool read_list(str data, const uint32_t counts[COUNTS], struct making *m)
{
    const uint32_t n = counts[COUNT_TURNS], types = counts[COUNT_TYPES];
    const char *times = data.p, *indices = times + (size_t)n * 8, *rows = indices + n;
    if (!types)
        return false;
    m->first = (int32_t)(uint32_t)number(rows, 4);
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t type = (uint8_t)indices[i];
        if (type >= types)
            return false;
        const int32_t offset = (int32_t)(uint32_t)number(rows + (size_t)type * TYPE_BYTES, 4);
        if (!add(m, (int64_t)number(times + (size_t)i * 8, 8), offset))
            return false;
    }
    return true;
}

/* ---- the rule: std offset [dst [offset] , start [/time] , end [/time]] */

/* Which day a turn is on. */
struct day {
    char form; /* 'M': month.week.weekday; 'J': 1 to 365, no leap day; 'D': 0 to 365 */
    int64_t month, week, weekday, day;
    int64_t seconds; /* of the local clock before the turn; may be of another day */
};

static bool take_digits(str *s, int64_t most, int64_t *ret)
{
    int64_t v = 0;
    size_t i = 0;
    while (i < s->n && s->p[i] >= '0' && s->p[i] <= '9' && v <= most)
        v = v * 10 + (s->p[i++] - '0');
    *ret = v;
    *s = str_from(*s, i);
    return i > 0 && v <= most;
}

static bool take_char(str *s, char c)
{
    if (!s->n || s->p[0] != c)
        return false;
    *s = str_from(*s, 1);
    return true;
}

/* [+-]h[hh][:mm[:ss]] in seconds. */
static bool take_clock(str *s, int64_t *ret)
{
    int64_t h, m = 0, sec = 0;
    const bool minus = take_char(s, '-');
    if (!minus)
        (void)take_char(s, '+');
    if (!take_digits(s, 167, &h) || (take_char(s, ':') && !take_digits(s, 59, &m)) ||
        (take_char(s, ':') && !take_digits(s, 59, &sec)))
        return false;
    *ret = (h * 3600 + m * 60 + sec) * (minus ? -1 : 1);
    return true;
}

/* "CET", or "<+0330>" where it is no word. */
static bool take_name(str *s)
{
    size_t i = 0;
    if (take_char(s, '<')) {
        const size_t end = str_find_char(*s, '>');
        if (end == SIZE_MAX)
            return false;
        *s = str_from(*s, end + 1);
        return true;
    }
    while (i < s->n && ((s->p[i] | 32) >= 'a' && (s->p[i] | 32) <= 'z'))
        i++;
    *s = str_from(*s, i);
    return i >= 3;
}

static bool take_day(str *s, struct day *d)
{
    *d = (struct day){.form = 'D', .seconds = 7200};
    if (take_char(s, 'M')) {
        d->form = 'M';
        if (!take_digits(s, 12, &d->month) || !d->month || !take_char(s, '.') ||
            !take_digits(s, 5, &d->week) || !d->week || !take_char(s, '.') ||
            !take_digits(s, 6, &d->weekday))
            return false;
    } else {
        if (take_char(s, 'J'))
            d->form = 'J';
        if (!take_digits(s, 365, &d->day) || (d->form == 'J' && !d->day))
            return false;
    }
    return !take_char(s, '/') || take_clock(s, &d->seconds);
}

static bool take_turn(str *s, struct day *d)
{
    return take_char(s, ',') && take_day(s, d);
}

static bool is_leap(int64_t y)
{
    return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

/* Days from 1970 to the first of January. */
static int64_t days_to_year(int64_t y)
{
    const int64_t before = y - 1;
    return (y - 1970) * 365 + before / 4 - before / 100 + before / 400 - 477;
}

/* The day of a year, as days since 1970. */
static int64_t day_in(const struct day *d, int64_t y)
{
    static const int starts[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
    const int64_t begin = days_to_year(y), leap = is_leap(y);
    if (d->form == 'D')
        return begin + d->day;
    if (d->form == 'J')
        return begin + d->day - 1 + (d->day >= 60 ? leap : 0);
    const int64_t first = begin + starts[d->month - 1] + (d->month > 2 ? leap : 0);
    const int64_t length = starts[d->month] - starts[d->month - 1] + (d->month == 2 ? leap : 0);
    int64_t day = (d->weekday - (first + 4) % 7 + 7) % 7 + (d->week - 1) * 7; /* 1970: a Thursday */
    if (day >= length) /* the fifth is the last one */
        day -= 7;
    return first + day;
}

static bool add_year(struct making *m, int64_t y, const struct day days[2],
                     const int32_t offsets[2])
{
    /* offsets: standard, summer. Each turn is told by the clock that was in force before it. */
    const int64_t start = day_in(&days[0], y) * 86400 + days[0].seconds - offsets[0];
    const int64_t end = day_in(&days[1], y) * 86400 + days[1].seconds - offsets[1];
    const bool north = start < end;
    return north ? add(m, start, offsets[1]) && add(m, end, offsets[0])
                 : add(m, end, offsets[0]) && add(m, start, offsets[1]);
}

/* "CET-1": POSIX counts westwards. */
static bool take_offset(str *s, int32_t *ret)
{
    int64_t west;
    if (!take_clock(s, &west))
        return false;
    *ret = (int32_t)-west;
    return true;
}

static bool read_rule(str s, struct making *m)
{
    int32_t offsets[2];
    struct day days[2];
    if (!s.n)
        return true; /* nothing changes any more */
    if (!take_name(&s) || !take_offset(&s, &offsets[0]))
        return false;
    if (!s.n) {
        m->first = m->n ? m->first : offsets[0];
        return true;
    }
    offsets[1] = offsets[0] + 3600; /* where the summer's is not told */
    if (!take_name(&s) || (s.n && s.p[0] != ',' && !take_offset(&s, &offsets[1])))
        return false;
    if (!take_turn(&s, &days[0]) || !take_turn(&s, &days[1]) || s.n)
        return false;
    for (int64_t y = 2019; y <= ZONE_YEAR_LAST; y++)
        if (!add_year(m, y, days, offsets))
            return false;
    return true;
}

/* ---- a file */

enum rc conf_zone_parse(struct arena *a, str file, struct conf_zone *ret)
{
    uint32_t counts[COUNTS];
    struct making m = {.v = arena_array(a, struct conf_turn, ZONE_TURNS_MAX)};
    if (!m.v)
        return RC_NOMEM;
    if (file.n > ZONE_FILE_MAX || !take_head(&file, counts) || size_of(counts, 4) > file.n)
        return RC_SYNTAX;
    file = str_from(file, size_of(counts, 4));
    if (!take_head(&file, counts) || size_of(counts, 8) > file.n || !read_list(file, counts, &m))
        return RC_SYNTAX;
    file = str_from(file, size_of(counts, 8));
    const size_t end = file.n > 1 ? str_find_char(str_from(file, 1), '\n') : SIZE_MAX;
    if (file.n < 2 || file.p[0] != '\n' || end == SIZE_MAX ||
        !read_rule(str_head(str_from(file, 1), end), &m))
        return RC_SYNTAX;
    arena_trim(a, m.v, ZONE_TURNS_MAX * sizeof(*m.v), m.n * sizeof(*m.v));
    *ret = (struct conf_zone){m.first, m.n, m.v};
    return RC_OK;
}

/* Letters, digits and what stands between them: no way out of the folder. */
static bool is_name(str name)
{
    bool begins = true;
    for (size_t i = 0; i < name.n; i++) {
        const char c = name.p[i];
        const bool word = ((c | 32) >= 'a' && (c | 32) <= 'z') || (c >= '0' && c <= '9');
        if (begins ? !word : !word && c != '/' && c != '_' && c != '-' && c != '+')
            return false;
        begins = c == '/';
    }
    return name.n > 0 && name.n <= ZONE_NAME_MAX && !begins;
}

enum rc conf_zone_load(struct arena *a, str name, struct conf_zone *ret)
{
    static const char *const folders[] = {"/usr/share/zoneinfo", "/usr/lib/zoneinfo"};
    for (size_t i = 0; is_name(name) && i < ARRAY_LEN(folders); i++) {
        struct conf_report quiet;
        char path[ZONE_NAME_MAX + 32];
        str file;
        conf_report_init(&quiet);
        snprintf(path, sizeof(path), "%s/" STR_FMT, folders[i], STR_ARG(name));
        const enum rc rc = conf_read_file(a, path, ZONE_FILE_MAX, &quiet, &file);
        conf_report_fini(&quiet);
        if (rc != RC_CONFIG)
            return rc == RC_OK ? conf_zone_parse(a, file, ret) : rc;
    }
    return RC_SYNTAX;
}
