/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalogue - which model a name means, and its card: prices, limits, capabilities.
 *
 * Made of one JSON text (docs/prices.md; the built-in one is data/models.json):
 *
 *     {"about":{"date":…},
 *      "providers":[{"id":"vertex","hosts":["aiplatform.googleapis.com"],"like":["gemini"]}, …],
 *      "models":[{"id":"gemini/gemini-2.5-pro","starts":["gemini-2.5-pro"], …}, …]}
 *
 * The text is checked whole when it is loaded, every number of it; then only an index of its names
 * is kept (a hash of whole names, a short list of rules), and a card is read from its line when it
 * is asked for. So 3,000 models cost the text, which is part of the program, and 200 KiB of index,
 * and nobody pays for the cards of models that are not used. A table of cards made at load (1.5
 * MiB) and a binary form made at build time (a second format, for the built-in one only) were
 * rejected.
 *
 * A name is looked up the way providers spell it (name.h): as it is, then without what providers
 * add to names, then by the longest rule that fits, then in the lists of those the provider is
 * `like`.
 *
 * Owns:    a copy of the text unless it is built in. Counted; the last unref frees.
 * Threads: immutable once loaded; the count is atomic. One thread loads, all look up.
 * Trust:   the text may come over the network: any text is refused or understood, never believed.
 */
#pragma once
#include "price/card.h"

#define CATALOGUE_TEXT_MAX      (8u << 20)
#define CATALOGUE_PROVIDERS_MAX 255
#define CATALOGUE_NAME_MAX      256 /* bytes of a model's name; a longer one is unknown */

struct catalogue;

struct catalogue_fault {
    enum rc rc;
    uint32_t line, column; /* from 1; 0: the text as a whole */
    char text[320];        /* what is wrong, NUL-terminated */
};

/* Check a text and index it. `built_in`: the text is part of the program; it is not copied, and its
 * cards were checked by the project's tests, not at every start. On failure *ret is untouched:
 * RC_NOMEM, or what the fault says. */
enum rc catalogue_new(str text, bool built_in, struct catalogue **ret,
                      struct catalogue_fault *why) MUST_CHECK;
struct catalogue *catalogue_ref(struct catalogue *c);   /* returns c */
struct catalogue *catalogue_unref(struct catalogue *c); /* returns NULL; accepts NULL */

uint32_t catalogue_models(const struct catalogue *c);
str catalogue_date(const struct catalogue *c); /* of the data, as the text says: "2026-09-25" */

uint32_t catalogue_providers(const struct catalogue *c);
/* A provider by its name or another one it goes by ("xai", "x-ai"); -1: unknown. */
int catalogue_provider(const struct catalogue *c, str name);
/* … by the host it is asked at; -1: unknown. */
int catalogue_provider_at(const struct catalogue *c, str host);
str catalogue_provider_id(const struct catalogue *c, int provider);
/* Do its answers say what they cost, in US dollars? Others may say a number, of whatever. */
bool catalogue_provider_tells(const struct catalogue *c, int provider);

/* The card of a model at a provider; the card's arrays live in `a`, its texts in the catalogue.
 * RC_NOTFOUND, RC_NOMEM. */
enum rc catalogue_find(const struct catalogue *c, int provider, str model, struct arena *a,
                       struct card *ret) MUST_CHECK;
/* By the catalogue's own name, "provider/model". */
enum rc catalogue_get(const struct catalogue *c, str id, struct arena *a,
                      struct card *ret) MUST_CHECK;
/* Limits and capabilities (no price) of a model by its name alone, wherever it runs: from those who
 * made it. RC_NOTFOUND, RC_NOMEM. */
enum rc catalogue_find_limits(const struct catalogue *c, str model, struct arena *a,
                              struct card *ret) MUST_CHECK;
