/* SPDX-License-Identifier: Apache-2.0 */
/* num - strict number parsing. num_double leans on the C library for the last bit, after checking
 * the grammar itself, so that "inf", "0x1p3" and locale forms never pass. */
#include "base/num.h"

#include <math.h>
#include <stdlib.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

enum rc num_u64(str s, uint64_t *ret)
{
    if (s.n == 0)
        return RC_SYNTAX;
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (!is_digit(s.p[i]))
            return RC_SYNTAX;
        if (__builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
            return RC_RANGE;
    }
    *ret = v;
    return RC_OK;
}

enum rc num_i64(str s, int64_t *ret)
{
    bool neg = s.n && s.p[0] == '-';
    uint64_t v;
    TRY(num_u64(neg ? str_from(s, 1) : s, &v));
    if (v > (uint64_t)INT64_MAX + neg)
        return RC_RANGE;
    *ret = neg ? (int64_t)(0 - v) : (int64_t)v;
    return RC_OK;
}

static int hex_digit(char c)
{
    if (is_digit(c))
        return c - '0';
    char l = (char)(c | 32);
    return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

enum rc num_hex(str s, uint64_t *ret)
{
    if (s.n == 0)
        return RC_SYNTAX;
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        int d = hex_digit(s.p[i]);
        if (d < 0)
            return RC_SYNTAX;
        if (i >= 16)
            return RC_RANGE;
        v = v << 4 | (uint64_t)d;
    }
    *ret = v;
    return RC_OK;
}

static size_t skip_digits(str s, size_t i)
{
    while (i < s.n && is_digit(s.p[i]))
        i++;
    return i;
}

static bool is_json_number(str s)
{
    size_t i = s.n && s.p[0] == '-' ? 1 : 0, at = i;
    i = skip_digits(s, i);
    if (i == at || (s.p[at] == '0' && i > at + 1))
        return false;
    if (i < s.n && s.p[i] == '.') {
        at = i + 1;
        i = skip_digits(s, at);
        if (i == at)
            return false;
    }
    if (i < s.n && (s.p[i] | 32) == 'e') {
        i++;
        if (i < s.n && (s.p[i] == '+' || s.p[i] == '-'))
            i++;
        at = i;
        i = skip_digits(s, at);
        if (i == at)
            return false;
    }
    return i == s.n;
}

enum rc num_double(str s, double *ret)
{
    char tmp[64];
    if (!is_json_number(s))
        return RC_SYNTAX;
    if (s.n >= sizeof(tmp))
        return RC_RANGE; /* longer than any double we act on */
    memcpy(tmp, s.p, s.n);
    tmp[s.n] = '\0';
    double v = strtod(tmp, NULL);
    if (!isfinite(v))
        return RC_RANGE;
    *ret = v;
    return RC_OK;
}

/* The digits of a decimal, and where its point stands: value = digits * 10^places. */
struct decimal {
    uint64_t digits;
    int64_t places;
};

/* Eighteen digits decide; a digit behind them only moves the point. */
static void decimal_add(struct decimal *d, char c, bool fraction)
{
    bool full = d->digits >= UINT64_C(100000000000000000);
    if (!full)
        d->digits = d->digits * 10 + (uint64_t)(c - '0');
    d->places += fraction ? -!full : full;
}

static int64_t exponent_of(str s)
{
    bool neg = s.n && s.p[0] == '-';
    int64_t e = 0;
    for (size_t i = neg || (s.n && s.p[0] == '+'); i < s.n && e < 1000; i++)
        e = e * 10 + (s.p[i] - '0');
    return neg ? -e : e;
}

enum rc num_nano(str s, uint64_t *ret)
{
    struct decimal d = {0, 9};
    size_t i = 0;
    if (!is_json_number(s))
        return RC_SYNTAX;
    if (s.p[0] == '-')
        return RC_RANGE;
    for (bool fraction = false; i < s.n && (s.p[i] | 32) != 'e'; i++) {
        if (s.p[i] == '.')
            fraction = true;
        else
            decimal_add(&d, s.p[i], fraction);
    }
    d.places += exponent_of(str_from(s, i + 1));
    for (; d.places > 0 && d.digits; d.places--)
        if (__builtin_mul_overflow(d.digits, 10, &d.digits))
            return RC_RANGE;
    for (; d.places < -1 && d.digits; d.places++)
        d.digits /= 10;
    if (d.places == -1)
        d.digits = d.digits / 10 + (d.digits % 10 >= 5);
    *ret = d.digits;
    return RC_OK;
}

struct unit {
    const char *name;
    uint64_t factor;
};

/* A number with an optional fraction, then one of the units (the first one is the default). */
static enum rc with_unit(str s, const struct unit *units, uint64_t *ret)
{
    size_t i = skip_digits(s, 0);
    if (i == 0)
        return RC_SYNTAX;
    size_t num_end = i;
    if (i < s.n && s.p[i] == '.') {
        num_end = skip_digits(s, i + 1);
        if (num_end == i + 1)
            return RC_SYNTAX;
    }
    str unit = str_from(s, num_end);
    while (unit.n && unit.p[0] == ' ')
        unit = str_from(unit, 1);
    for (const struct unit *u = units; u->name; u++) {
        if (!str_eq_nocase(unit, str_c(u->name)))
            continue;
        if (num_end == i) {
            uint64_t v;
            TRY(num_u64(str_head(s, i), &v));
            return __builtin_mul_overflow(v, u->factor, ret) ? RC_RANGE : RC_OK;
        }
        double d;
        TRY(num_double(str_head(s, num_end), &d));
        d *= (double)u->factor;
        if (d >= 9.2e18)
            return RC_RANGE;
        *ret = (uint64_t)(d + 0.5);
        return RC_OK;
    }
    return RC_SYNTAX;
}

enum rc num_count(str s, uint64_t *ret)
{
    static const struct unit units[] = {
        {"", 1}, {"k", 1000}, {"m", 1000000}, {"g", 1000000000}, {NULL, 0}};
    return with_unit(s, units, ret);
}

enum rc num_duration(str s, uint64_t *ret_ms)
{
    static const struct unit units[] = {{"", 1},        {"ms", 1},       {"s", 1000}, {"m", 60000},
                                        {"h", 3600000}, {"d", 86400000}, {NULL, 0}};
    return with_unit(s, units, ret_ms);
}

enum rc num_bytes(str s, uint64_t *ret)
{
    static const struct unit units[] = {{"", 1},         {"b", 1},         {"k", 1 << 10},
                                        {"kb", 1 << 10}, {"kib", 1 << 10}, {"m", 1 << 20},
                                        {"mb", 1 << 20}, {"mib", 1 << 20}, {"g", 1 << 30},
                                        {"gb", 1 << 30}, {"gib", 1 << 30}, {NULL, 0}};
    return with_unit(s, units, ret);
}
