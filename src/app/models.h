/* SPDX-License-Identifier: Apache-2.0 */
/*
 * models - the catalogue of models the process goes by: the built-in one, or the file or URL that
 * the configuration names (reload.c fetches).
 *
 * A file is taken whole or not at all: at start a bad one ends the process, later the one in force
 * stays (P12, P13). It stands instead of the built-in one, so that what counts stands in one place.
 */
#pragma once
#include "base/buf.h"
#include "conf/snapshot.h"
#include "price/catalogue.h"

/* One reference. Never NULL: it is part of the program, and without memory for its index at
 * start-up the process ends. */
struct catalogue *models_built_in(void);

/* Has the catalogue all price lists that a configuration names? RC_CONFIG: `why` tells. */
enum rc models_check(const struct snapshot *s, const struct catalogue *c,
                     struct buf *why) MUST_CHECK;
/* The catalogue for a configuration, and whether all price lists it names are in there. `base`
 * is used where it names no file. RC_CONFIG: `why` tells, each line as "file:line:column: error:
 * …". RC_NOMEM. */
enum rc models_load(const struct snapshot *s, struct catalogue *base, struct buf *why,
                    struct catalogue **ret) MUST_CHECK;
/* The same for a command: NULL after a word on stderr. */
struct catalogue *models_need(const struct snapshot *s);
