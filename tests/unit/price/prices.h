/* SPDX-License-Identifier: Apache-2.0 */
/* prices - cards and catalogues out of a line of JSON, for the tests of price/. */
#pragma once
#include "../json/files.h"
#include "../unit.h"

#include "price/catalogue.h"
#include "price/cost.h"

#define DAY_MS UINT64_C(86400000)

/* Milliseconds of a UTC day and minute. 20454 is 2026-01-01. */
static inline uint64_t at(unsigned day, unsigned hour, unsigned minute)
{
    return day * DAY_MS + (hour * 60 + minute) * UINT64_C(60000);
}

/* The card of one JSON object with ' for ". Fails the test where it cannot be read. */
static inline struct card card_of(struct arena *a, const char *text)
{
    struct json_doc *doc = arena_new(a, struct json_doc);
    struct json_error err;
    struct card_fault fault = {"?"};
    struct card card;
    str copy = arena_dup(a, str_c(text));
    for (char *p = (char *)(uintptr_t)copy.p; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    if (json_parse(a, copy, doc, &err) != RC_OK)
        fail_msg("not JSON: %s", err.what);
    if (card_read(json_root(doc), a, &card, &fault) != RC_OK)
        fail_msg("%s", fault.text);
    return card;
}

/* The catalogue that is built in. */
static inline struct catalogue *built_in(struct buf *text)
{
    struct catalogue *c = NULL;
    struct catalogue_fault fault;
    if (!file_read(SOURCE_ROOT "/data/models.json", text))
        fail_msg("data/models.json is not there");
    if (catalogue_new(buf_str(text), false, &c, &fault) != RC_OK)
        fail_msg("%s", fault.text);
    return c;
}
