/* SPDX-License-Identifier: Apache-2.0 */
/* options_price - rows about what models cost and can take; see options.c for all the others. */
#include <stddef.h>

#include "conf/raw.h"

#define HOURS(n)   ((n)*3600ull * 1000)
#define ROWS(rows) (rows), sizeof(rows) / sizeof((rows)[0])

#define UNIT_MEGA " (US dollars for a million)"
#define UNIT_EACH " (US dollars each)"
#define UNIT_HOUR " (US dollars)"

static const struct option price_rows[] = {
#define CLASS(id, key, unit, otherwise, help_)    \
    {key,                                         \
     OPTION_USD,                                  \
     0,                                           \
     offsetof(struct raw_prices, of[PRICE_##id]), \
     NULL,                                        \
     0,                                           \
     PRICE_MAX_USD,                               \
     .help = help_ UNIT_##unit},
#include "base/price_class.def"
#undef CLASS
};

static const struct section price_section = {
    "providers[].models[].price",
    "What a model costs, instead of what the catalogue says. What is left out costs as "
    "[prices](prices.md) tells",
    sizeof(struct raw_prices), ROWS(price_rows)};

#define AT(field) offsetof(struct raw_served, field)
static const struct option served_rows[] = {
    {"name", OPTION_TEXT, OPTION_REQUIRED, AT(name), .help = "what the provider calls it"},
    {"as", OPTION_TEXT, 0, AT(as),
     .help = "the model it is, for prices and limits: `gpt-5`, or with the provider whose prices "
             "count, `openai/gpt-5`"},
    {"price", OPTION_SECTION, 0, AT(price), .sub = &price_section,
     .help = "what it costs, instead of what the catalogue says"},
    {"context", OPTION_COUNT, 0, AT(context), NULL, 1, 1ull << 40,
     .help = "tokens it can hold, prompt and answer together"},
    {"maxOutput", OPTION_COUNT, 0, AT(max_output), NULL, 1, 1ull << 40,
     .help = "tokens of its longest answer"},
    {"can", OPTION_TEXTS, 0, AT(can),
     .help = "all that it takes and does beside text, instead of what the catalogue says: `tools`, "
             "`images`, `documents`, `audio`, `structured` (answers by a schema), `reasoning`; "
             "`none`: nothing of it"},
};
#undef AT

const struct section option_served = {"providers[].models[]",
                                      "A model that a provider serves, and what the catalogue does "
                                      "not know of it. A plain text is its "
                                      "`name`; a list, or a map from name to the rest",
                                      sizeof(struct raw_served),
                                      ROWS(served_rows),
                                      "name",
                                      "name"};

#define AT(field) offsetof(struct raw_catalogue, field)
static const struct option catalogue_rows[] = {
    {"file", OPTION_TEXT, 0, AT(file),
     .help = "a catalogue instead of the built-in one; read again when it changes"},
    {"url", OPTION_SECRET, 0, AT(url),
     .help = "where to fetch one, at start and then regularly; the one in force stays where that "
             "fails; nothing is fetched when left out"},
    {"every", OPTION_MSEC, 0, AT(every), "24h", 60000, HOURS(24 * 30),
     .help = "how often it is fetched"},
};
#undef AT

const struct section option_catalogue = {
    "catalogue",
    "Where prices, limits and capabilities of models come from ([prices](prices.md)); a plain text "
    "is its `file`",
    sizeof(struct raw_catalogue), ROWS(catalogue_rows), "file"};
