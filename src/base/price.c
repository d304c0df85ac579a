/* SPDX-License-Identifier: Apache-2.0 */
/* price - the classes by name. */
#include "base/price.h"

#include "base/check.h"

static const char *const keys[] = {
#define CLASS(id, key, unit, otherwise, help) key,
#include "base/price_class.def"
#undef CLASS
};

_Static_assert(PRICE_CLASSES <= 32, "a set of them is 32 bits");

const char *price_class_key(enum price_class c)
{
    ASSERT(c < PRICE_CLASSES);
    return keys[c];
}

enum price_class price_class_of(str key)
{
    for (unsigned i = 0; i < PRICE_CLASSES; i++)
        if (str_eq(key, str_c(keys[i])))
            return (enum price_class)i;
    return PRICE_CLASSES;
}
