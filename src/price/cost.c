/* SPDX-License-Identifier: Apache-2.0 */
/* cost - quantities from usage, then one sum of products over the classes. */
#include "price/cost.h"

#include "base/check.h"

typedef unsigned __int128 u128;

enum unit { MEGA, EACH, HOUR };

#define NONE PRICE_CLASSES /* of `otherwise`: unknown */
#define FREE (PRICE_CLASSES + 1)

static const struct {
    uint8_t unit, otherwise;
} classes[] = {
#define INPUT                                 PRICE_INPUT
#define OUTPUT                                PRICE_OUTPUT
#define CACHE_READ                            PRICE_CACHE_READ
#define CACHE_WRITE                           PRICE_CACHE_WRITE
#define CLASS(id, key, unit, otherwise, help) {unit, otherwise},
#include "base/price_class.def"
#undef CLASS
#undef INPUT
#undef OUTPUT
#undef CACHE_READ
#undef CACHE_WRITE
};

bool price_of_class(const struct price_set *set, enum price_class c, uint64_t *ret)
{
    unsigned at = c;
    for (unsigned hops = 0; at < PRICE_CLASSES && !(set->has >> at & 1); hops++) {
        ASSERT(hops < PRICE_CLASSES); /* the table leads downward */
        at = classes[at].otherwise;
    }
    if (at == NONE)
        return false;
    *ret = at == FREE ? 0 : set->of[at];
    return true;
}

static uint64_t take(uint64_t *from, uint64_t n)
{
    uint64_t got = n < *from ? n : *from;
    *from -= got;
    return got;
}

static void token_quantities(const struct usage *u, uint64_t q[PRICE_CLASSES])
{
    uint64_t input = u->input_uncached, cached = u->cache_read, output = u->output;
    q[PRICE_AUDIO_IN] = take(&input, u->audio_in);
    q[PRICE_AUDIO_CACHE_READ] = take(&cached, u->audio_in - q[PRICE_AUDIO_IN]);
    q[PRICE_IMAGE_IN] = take(&input, u->image_in);
    q[PRICE_INPUT] = input;
    q[PRICE_CACHE_READ] = cached;
    q[PRICE_CACHE_WRITE] = u->cache_write_5m;
    q[PRICE_CACHE_WRITE_1H] = u->cache_write_1h;
    q[PRICE_REASONING] = take(&output, u->reasoning);
    q[PRICE_AUDIO_OUT] = take(&output, u->audio_out);
    q[PRICE_IMAGE_OUT] = take(&output, u->image_out);
    q[PRICE_OUTPUT] = output;
    ASSERT(q[PRICE_INPUT] <= u->input_uncached && q[PRICE_OUTPUT] <= u->output);
}

/* How much of each class; for HOUR in milliseconds. Parts are clamped to what they are parts of. */
static void quantities(const struct usage *u, uint64_t q[PRICE_CLASSES])
{
    memset(q, 0, PRICE_CLASSES * sizeof(*q));
    if (u->has & USAGE_HAS_BILLED) {
        q[PRICE_INPUT] = u->billed_in;
        q[PRICE_OUTPUT] = u->billed_out;
    } else {
        token_quantities(u, q);
    }
    /* One model makes pictures for so much each, another for their tokens: who reports tokens is
     * paid for tokens. So with rankings and with speech. */
    if (!(u->has & (USAGE_HAS_INPUT | USAGE_HAS_OUTPUT))) {
        q[PRICE_PICTURE] = u->pictures;
        q[PRICE_RANK] = u->units;
        q[PRICE_CHARACTER] = u->characters;
    }
    q[PRICE_REQUEST] = 1;
    q[PRICE_SEARCH] = u->searches;
    q[PRICE_AUDIO_HOUR] = u->audio_ms;
}

/*
 * In 10^-15 dollars. Of an EACH class at most 2^53 * PRICE_MAX * 10^6 < 2^123, of the others
 * 2^53 * PRICE_MAX < 2^103. So eight EACH classes and as many others as there may ever be stay
 * below 2^127.
 */
static u128 product(unsigned c, uint64_t quantity, uint64_t price)
{
    u128 v = (u128)(quantity < USAGE_TOKENS_MAX ? quantity : USAGE_TOKENS_MAX) * price;
    ASSERT(price <= PRICE_MAX);
    switch ((enum unit)classes[c].unit) {
    case MEGA:
        return v;
    case EACH:
        return v * 1000000;
    case HOUR:
        return v * 5 / 18; /* * 10^6 / 3,600,000 ms */
    }
    return v;
}

#define CLASS(id, key, unit, otherwise, help) +((unit) == EACH)
enum {
    EACH_CLASSES = 0
#include "base/price_class.def"
};
#undef CLASS
_Static_assert(EACH_CLASSES <= 8 && PRICE_CLASSES <= 32, "the sum of their products fits 128 bits");

static void settle(u128 sum, struct cost *ret)
{
    u128 usd = sum / 1000000 + (sum % 1000000 >= 500000);
    ret->saturated = usd > INT64_MAX;
    ret->usd = ret->saturated ? INT64_MAX : (nanousd)usd;
}

void cost_of(const struct price_period *p, const struct usage *u, struct cost *ret)
{
    uint64_t q[PRICE_CLASSES], price;
    const struct price_set *set = p ? period_prices(p, usage_prompt(u)) : NULL;
    u128 sum = 0;
    *ret = (struct cost){0};
    quantities(u, q);
    for (unsigned c = 0; c < PRICE_CLASSES; c++) {
        if (!q[c])
            continue;
        if (!set || !price_of_class(set, (enum price_class)c, &price))
            ret->missing |= 1u << c;
        else
            sum += product(c, q[c], price);
    }
    if (p)
        settle(sum, ret);
}

nanousd usd_add(nanousd a, nanousd b)
{
    nanousd sum;
    ASSERT(a >= 0 && b >= 0);
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}
