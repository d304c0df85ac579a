/* SPDX-License-Identifier: Apache-2.0 */
/* catalogue_int - the index of a catalogue, between the file that makes it and the one that looks
 * things up; not for other folders. */
#pragma once
#include <stdatomic.h>

#include "price/catalogue.h"

#define CAT_LINE_NODES 512 /* JSON values of one model */

enum cat_kind { CAT_EXACT, CAT_STARTS, CAT_CONTAINS, CAT_ENDS };

/* A name or a part of one, as a slice of the text. */
struct cat_name {
    uint32_t off;
    uint32_t row;
    uint16_t len;
    uint8_t provider;
    uint8_t kind; /* enum cat_kind */
};

struct cat_row {
    uint32_t off, len;
};

struct cat_provider {
    str id;
    const str *also, *hosts;
    const uint8_t *like; /* providers whose rows count too, in this order */
    uint32_t nalso, nhosts, nlike;
    uint32_t first_rule, nrules;
    bool maker; /* it makes models: what it says of one is true wherever that runs */
    bool tells; /* its answers say what they cost, in US dollars */
};

struct catalogue {
    str text;
    str date;
    struct cat_provider *providers;
    struct cat_row *rows;
    struct cat_name *names; /* CAT_EXACT */
    struct cat_name *rules; /* the others, by provider */
    uint32_t *slots;        /* index in names + 1; 0: free */
    uint32_t nproviders, nrows, nnames, nrules;
    uint32_t mask; /* slots - 1; at most half of them are used */
    atomic_uint refs;
    struct arena arena; /* all of the above, and the text where it is ours */
};

uint32_t cat_hash(uint32_t provider, str name);
int64_t cat_exact(const struct catalogue *c, uint32_t provider, str name);
