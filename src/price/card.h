/* SPDX-License-Identifier: Apache-2.0 */
/*
 * card - what is known of one model: its prices and since when, its limits, what it can do.
 *
 *     card -- periods[]   of validity, the last one that holds at a time counts
 *               +-- base  a price for each class (base/price.h)
 *               +-- tiers[] the same for prompts longer than `above`: all of the call costs that
 *
 * A card is read from one JSON object (data/models.json has one a line, docs/prices.md says what
 * each field means) or made from the configuration. What is not said stays unknown: a limit of 0,
 * a class that is not in `has`, no period at all. Nothing unknown ever turns into a price of zero.
 *
 * Owns:   nothing; all of it lives in the caller's arena.
 * Trust:  a catalogue that came over the network: every number is range-checked.
 */
#pragma once
#include "base/price.h"
#include "base/time.h"
#include "json/json.h"

#define PRICE_PERIODS_MAX 32
#define PRICE_TIERS_MAX   8

struct price_tier {
    uint64_t above;       /* prompt tokens; a prompt of exactly that many is below it */
    struct price_set set; /* whole: what the tier leaves out is the base's */
};

struct price_period {
    int32_t from_day;         /* days since 1970-01-01 UTC, inclusive; INT32_MIN: always */
    uint16_t minute, minutes; /* of the UTC day, from and how many; 1440: all day */
    struct price_set base;
    const struct price_tier *tiers; /* by `above`, rising */
    uint32_t ntiers;
};

/* CAN(id, word): words of "can". */
#define CARD_CAN(CAN)                \
    CAN(TOOLS, "tools")              \
    CAN(VISION, "vision")            \
    CAN(DOCUMENTS, "documents")      \
    CAN(AUDIO, "audio")              \
    CAN(VIDEO, "video")              \
    CAN(REASONING, "reasoning")      \
    CAN(STRUCTURED, "structured")    \
    CAN(TEMPERATURE, "temperature")  \
    CAN(IMAGE_OUTPUT, "imageOutput") \
    CAN(AUDIO_OUTPUT, "audioOutput")

enum card_can_bit {
#define CAN(id, word) CARD_BIT_##id,
    CARD_CAN(CAN)
#undef CAN
        CARD_BITS
};

#define CARD_HAS(card, id) (((card)->can >> CARD_BIT_##id) & 1)

struct card {
    str id;              /* "anthropic/claude-sonnet-4-5"; absent: from the configuration alone */
    uint64_t context;    /* tokens of prompt and answer; 0: unknown */
    uint64_t max_output; /* tokens of the longest answer; 0: unknown */
    bool knows_can;      /* false: nothing is known of what it can do */
    uint32_t can;        /* bits 1 << enum card_can_bit */
    const struct price_period *periods;
    uint32_t nperiods; /* 0: its price is unknown */
};

/* What was wrong: "price.input: must be a number", NUL-terminated. */
struct card_fault {
    char text[160];
};

/* Read one model. Strings of `ret` are slices of the document's source. Unknown members are left
 * alone, so that a newer catalogue can be read. RC_TYPE RC_RANGE RC_SYNTAX RC_MISSING: see fault;
 * RC_NOMEM. */
enum rc card_read(jval v, struct arena *a, struct card *ret, struct card_fault *fault) MUST_CHECK;

/* A period that is always in force, of one price for prompts of every size. */
struct price_period card_price_always(const struct price_set *set);
/* The prices in force at a time (milliseconds since 1970 UTC); NULL: they are unknown. */
const struct price_period *card_price(const struct card *c, uint64_t unix_ms);
/* … and for a prompt of so many tokens. */
const struct price_set *period_prices(const struct price_period *p, uint64_t prompt);

/* The words of "can", with blanks between, into `to`. */
void card_write_can(const struct card *c, struct buf *to);
