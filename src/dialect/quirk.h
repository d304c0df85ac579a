/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quirk - how providers and models deviate from the language they speak: a table, and what comes of
 * it.
 *
 * quirks.def has a row per provider (by its preset's name, or its dialect's) and per pattern of
 * model names. For one call the rows that match are laid over each other, the first that says
 * something wins: what the configuration says, then the provider's rows in their order, then those
 * for any provider. The result is a struct dialect_opts, which is all that a back dialect looks at.
 *
 *     quirk_select(&set, preset, dialect)        once per provider: which rows may concern it
 *     quirk_fill(&opts, &set, model)             once per attempt: some string compares
 *     request_shape(&shaped, r, &opts, lossy)    once per translated attempt: what the target is
 *                                                known to refuse is left out, and named
 *
 * So no back has to know that Mistral wants no logprobs; it only writes what it is given. What
 * depends on how a dialect spells a thing (max_tokens or max_completion_tokens) stays with the
 * dialect. Rejected: a function per provider, which is where such knowledge goes to be forgotten.
 *
 * A pattern of model names is a list of words. A model matches when one word does and no word that
 * begins with '!' does. In a word '*' stands for anything; "claude>=4.6" is Claude by its version.
 * Names are looked at without the vendor in front ("openai/gpt-5") and in lower case.
 */
#pragma once
#include "dialect/dialect.h"

#define QUIRK_ROWS_MAX 96 /* rows of the table that may concern one provider */

struct quirk_set {
    uint8_t n;
    uint8_t rows[QUIRK_ROWS_MAX];
};

/* The rows for a provider. Either name may be absent. */
void quirk_select(struct quirk_set *s, str preset, str dialect);
/* Fill what *opts leaves open. Done last of all: the short flags are set from `refused`. */
void quirk_fill(struct dialect_opts *opts, const struct quirk_set *s, str model);

bool quirk_model_matches(const char *patterns, str model);

/* Names of what can be refused (param.def), in the order of the bits; NULL past the end. */
const char *quirk_param_name(size_t i);
/* The bit of a name; false: there is none. */
bool quirk_param_find(str name, uint64_t *ret);

/* opts->temperature_max as a JSON number. */
str quirk_temperature(const struct dialect_opts *opts);

/* The rows themselves, for the documents: false past the end. */
struct quirk_row {
    const char *presets, *models; /* separated by blanks; "": any */
    struct dialect_opts opts;
};
bool quirk_row_at(size_t i, struct quirk_row *ret);

/* *ret becomes the request as this target takes it: a shallow copy of *r without what opts->refused
 * names, the temperature within its range. What is left out is named in *lossy, but for values that
 * change nothing (temperature 1). The same for a client's own Chat bytes: openai_chat_splice.c. */
void request_shape(struct ir_request *ret, const struct ir_request *r,
                   const struct dialect_opts *opts, struct ir_lossy *lossy);
