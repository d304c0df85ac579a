/* SPDX-License-Identifier: Apache-2.0 */
/*
 * card - JSON to cards, strictly: a file with one wrong number is refused whole by whoever loads
 * it, since a price that is nearly right is worse than the one of yesterday.
 */
#include "price/card.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/day.h"
#include "base/num.h"

#define DAY_MINUTES 1440
#define TOKENS_MAX  (UINT64_C(1) << 40)

static const char *const can_words[] = {
#define CAN(id, word) word,
    CARD_CAN(CAN)
#undef CAN
};

_Static_assert(CARD_BITS <= 32, "a set of them is 32 bits");

void card_write_can(const struct card *c, struct buf *to)
{
    bool any = false;
    for (unsigned i = 0; i < CARD_BITS; i++) {
        if (!(c->can >> i & 1))
            continue;
        buf_add(to, any ? STR(" ") : STR(""));
        buf_add(to, str_c(can_words[i]));
        any = true;
    }
}

/* ---- faults */

struct reader {
    struct arena *arena;
    struct card_fault *fault;
};

static enum rc PRINTF_LIKE(3, 4) fault(const struct reader *r, enum rc rc, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(r->fault->text, sizeof(r->fault->text), fmt, ap);
    va_end(ap);
    return rc;
}

/* ---- prices */

static enum rc read_amount(const struct reader *r, str key, jval v, uint64_t *ret)
{
    if (!json_is(v, JSON_NUMBER))
        return fault(r, RC_TYPE, "price." STR_FMT " must be a number", STR_ARG(key));
    if (num_nano(json_text(v), ret) != RC_OK || *ret > PRICE_MAX)
        return fault(r, RC_RANGE, "price." STR_FMT ": " STR_FMT " cannot be a price in US dollars",
                     STR_ARG(key), STR_ARG(str_head(json_text(v), 40)));
    return RC_OK;
}

/* The classes among the members of `v`, over what `set` has already. */
static enum rc read_set(const struct reader *r, jval v, struct price_set *set)
{
    struct json_iter it = json_iter(v);
    while (json_next(&it)) {
        str key = json_raw(it.key);
        enum price_class c = price_class_of(key);
        if (c == PRICE_CLASSES)
            continue; /* tiers, from, hours; or a class of a later version */
        TRY(read_amount(r, key, it.val, &set->of[c]));
        set->has |= 1u << c;
    }
    return RC_OK;
}

/* A tier begins as the base price and says only what is dearer in it. Tiers rise, so that the first
 * one that a prompt does not reach ends the search. */
static enum rc read_tiers(const struct reader *r, jval v, struct price_period *p)
{
    if (json_is_nothing(v))
        return RC_OK;
    uint32_t n = json_len(v);
    if (!json_is(v, JSON_ARRAY) || n > PRICE_TIERS_MAX)
        return fault(r, RC_RANGE, "price.tiers must be a list of at most %d", PRICE_TIERS_MAX);
    struct price_tier *all = arena_array(r->arena, struct price_tier, n);
    if (!all)
        return RC_NOMEM;
    struct json_iter it = json_iter(v);
    for (uint32_t i = 0; json_next(&it); i++) {
        if (json_u64(json_get_lit(it.val, "above"), &all[i].above) != RC_OK ||
            all[i].above > TOKENS_MAX || (i && all[i].above <= all[i - 1].above))
            return fault(r, RC_RANGE, "price.tiers[%u].above must be a rising number of tokens", i);
        all[i].set = p->base;
        TRY(read_set(r, it.val, &all[i].set));
    }
    p->tiers = all;
    p->ntiers = n;
    return RC_OK;
}

static bool two_digits(str s, size_t at, uint32_t max, uint32_t *ret)
{
    uint64_t v;
    if (s.n < at + 2 || num_u64(str_of(s.p + at, 2), &v) != RC_OK || v > max)
        return false;
    *ret = (uint32_t)v;
    return true;
}

/* "2026-03-13". By hand: strptime takes half of what is written as a date, and a locale. */
static bool read_date(str s, int32_t *ret)
{
    uint32_t century, year, month, day;
    if (s.n != 10 || s.p[4] != '-' || s.p[7] != '-' || !two_digits(s, 0, 99, &century) ||
        !two_digits(s, 2, 99, &year) || !two_digits(s, 5, 12, &month) ||
        !two_digits(s, 8, 31, &day))
        return false;
    return day_of(century * 100 + year, month, day, ret);
}

/* "16:30-00:30": from inclusive, to exclusive; over midnight where it ends before it begins. */
static bool read_hours(str s, struct price_period *p)
{
    uint32_t h1, m1, h2, m2;
    if (s.n != 11 || s.p[2] != ':' || s.p[5] != '-' || s.p[8] != ':' ||
        !two_digits(s, 0, 23, &h1) || !two_digits(s, 3, 59, &m1) || !two_digits(s, 6, 23, &h2) ||
        !two_digits(s, 9, 59, &m2))
        return false;
    uint32_t from = h1 * 60 + m1, to = h2 * 60 + m2;
    p->minute = (uint16_t)from;
    p->minutes = (uint16_t)(to > from ? to - from : to + DAY_MINUTES - from);
    return true;
}

/* Prices of a stretch of time: from a day on, and of each day the hours (DeepSeek is cheaper at
 * night). A period without either holds always. */
static enum rc read_period(const struct reader *r, jval v, struct price_period *p)
{
    jval from = json_get_lit(v, "from"), hours = json_get_lit(v, "hours");
    if (!json_is(v, JSON_OBJECT))
        return fault(r, RC_TYPE, "price must be an object");
    p->from_day = INT32_MIN;
    p->minutes = DAY_MINUTES;
    if (json_has(from) && !read_date(json_raw(from), &p->from_day))
        return fault(r, RC_SYNTAX, "price.from must be a date as 2026-03-13");
    if (json_has(hours) && !read_hours(json_raw(hours), p))
        return fault(r, RC_SYNTAX, "price.hours must be of the UTC day, as 16:30-00:30");
    TRY(read_set(r, v, &p->base));
    return read_tiers(r, json_get_lit(v, "tiers"), p);
}

static enum rc read_prices(const struct reader *r, jval v, struct card *c)
{
    jval one = json_get_lit(v, "price"), many = json_get_lit(v, "prices");
    if (json_is_nothing(one) && json_is_nothing(many))
        return RC_OK;
    if (json_has(one) && json_has(many))
        return fault(r, RC_TYPE, "price and prices exclude each other");
    uint32_t n = json_has(one) ? 1 : json_len(many), i = 0;
    if (json_has(many) && (!json_is(many, JSON_ARRAY) || n > PRICE_PERIODS_MAX))
        return fault(r, RC_RANGE, "prices must be a list of at most %d", PRICE_PERIODS_MAX);
    struct price_period *all = arena_array(r->arena, struct price_period, n);
    if (!all)
        return RC_NOMEM;
    struct json_iter it = json_iter(many);
    if (json_has(one))
        TRY(read_period(r, one, &all[0]));
    else
        while (json_next(&it))
            TRY(read_period(r, it.val, &all[i++]));
    c->periods = all;
    c->nperiods = n;
    return RC_OK;
}

/* ---- the rest */

/* Absent and null say nothing; zero says zero (a model of embeddings answers no tokens). */
static enum rc read_limit(const struct reader *r, jval v, const char *key, uint64_t *ret)
{
    jval limit = json_get(v, str_c(key));
    if (json_is_nothing(limit))
        return RC_OK;
    uint64_t n;
    if (json_u64(limit, &n) != RC_OK || n > TOKENS_MAX)
        return fault(r, RC_RANGE, "%s must be a number of tokens", key);
    *ret = n;
    return RC_OK;
}

static void read_can(jval v, struct card *c)
{
    str words = json_raw(v);
    c->knows_can = true;
    while (words.p) {
        str word = str_cut(&words, ' ');
        for (unsigned i = 0; i < CARD_BITS; i++) /* words of a later version say nothing here */
            if (str_eq(word, str_c(can_words[i])))
                c->can |= 1u << i;
    }
}

enum rc card_read(jval v, struct arena *a, struct card *ret, struct card_fault *f)
{
    struct reader r = {a, f};
    struct card c = {0};
    jval id = json_get_lit(v, "id"), can = json_get_lit(v, "can");
    if (!json_is(v, JSON_OBJECT))
        return fault(&r, RC_TYPE, "a model must be an object");
    if (!json_is(id, JSON_STRING) || !json_raw(id).n || json_is_escaped(id))
        return fault(&r, RC_MISSING, "id must be a text without escapes");
    c.id = json_raw(id);
    TRY(read_limit(&r, v, "context", &c.context));
    TRY(read_limit(&r, v, "maxOutput", &c.max_output));
    if (!json_is_nothing(can)) {
        if (!json_is(can, JSON_STRING))
            return fault(&r, RC_TYPE, "can must be a text of words");
        read_can(can, &c);
    }
    TRY(read_prices(&r, v, &c));
    *ret = c;
    return RC_OK;
}

/* ---- at a time */

struct price_period card_price_always(const struct price_set *set)
{
    return (struct price_period){.from_day = INT32_MIN, .minutes = DAY_MINUTES, .base = *set};
}

/* Over midnight the minutes behind it belong to the hours that began the day before, and to the day
 * they are in: a price that begins on a day begins at its midnight. */
static bool holds(const struct price_period *p, int32_t day, uint32_t minute)
{
    ASSERT(minute < DAY_MINUTES && p->minutes <= DAY_MINUTES);
    if (day < p->from_day)
        return false;
    return (minute + DAY_MINUTES - p->minute) % DAY_MINUTES < p->minutes;
}

const struct price_period *card_price(const struct card *c, uint64_t unix_ms)
{
    uint64_t minutes = unix_ms / 60000;
    int32_t day = (int32_t)(minutes / DAY_MINUTES);
    /* The last that holds counts: a file grows at its end, and what was true stays in it. */
    for (uint32_t i = c->nperiods; i-- > 0;)
        if (holds(&c->periods[i], day, (uint32_t)(minutes % DAY_MINUTES)))
            return &c->periods[i];
    return NULL;
}

/* Google and Anthropic charge the whole of a call by the tier its prompt reaches, not what lies
 * above the border. */
const struct price_set *period_prices(const struct price_period *p, uint64_t prompt)
{
    const struct price_set *set = &p->base;
    for (uint32_t i = 0; i < p->ntiers && prompt > p->tiers[i].above; i++)
        set = &p->tiers[i].set;
    return set;
}
