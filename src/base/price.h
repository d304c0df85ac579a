/* SPDX-License-Identifier: Apache-2.0 */
/*
 * price - what providers ask money for, and a set of such prices.
 *
 * Money is nano-dollars per unit of the class, as integers: 10^-9 US dollars for a million tokens
 * holds every price in use exactly ($0.0028 is 2,800,000). It stands here because the configuration
 * and the catalogue both speak of prices, and neither may see the other.
 */
#pragma once
#include "base/str.h"

enum price_class {
#define CLASS(id, key, unit, otherwise, help) PRICE_##id,
#include "base/price_class.def"
#undef CLASS
    PRICE_CLASSES
};

/* More than any price there is, and small enough that 2^53 tokens times it fit 128 bits. */
#define PRICE_MAX_USD UINT64_C(1000000)
#define PRICE_MAX     (PRICE_MAX_USD * 1000000000)

struct price_set {
    uint64_t of[PRICE_CLASSES]; /* nano-dollars per unit, at most PRICE_MAX */
    uint32_t has;               /* bits 1 << enum price_class: what is not in it is unknown */
};

const char *price_class_key(enum price_class c);
/* The class of a key, or PRICE_CLASSES. */
enum price_class price_class_of(str key);
