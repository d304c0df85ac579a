/* SPDX-License-Identifier: Apache-2.0 */
/*
 * learned - what targets have said that they refuse, so that they are asked once only.
 *
 * The table of quirks (dialect/quirk.h) knows what is known of providers; a model that came out
 * today is not in it. A 400 that names a parameter (dialect/refused.h) is taken at its word: the
 * parameter is left out, the call tried once more at the same target, and what was learned holds
 * for an hour, for all calls of this worker. A name that the quirks know becomes one of their bits;
 * any other is cut from the request's text.
 *
 * Bounded: LEARNED_TARGETS targets, the oldest goes; LEARNED_NAMES names each.    Thread:
 * worker-local.
 */
#pragma once
#include "base/arena.h"
#include "base/time.h"
#include "dialect/refused.h"
#include "json/edit.h"

#define LEARNED_TARGETS 256
#define LEARNED_NAMES   8
#define LEARNED_FOR_MS  (60 * 60 * 1000u) /* models change, and so do their servers */

struct learned;

struct learned *learned_new(void); /* NULL: no memory */
void learned_free(struct learned *l);

/* A refusal by `target` ("provider/model"). False: nothing new (so another try would end the same),
 * or no room. */
bool learned_add(struct learned *l, str target, const struct refused *r, msec now);
/* The bits for dialect_opts.refused. */
uint64_t learned_bits(const struct learned *l, str target, msec now);
/* The same and the others as edits of the text, *ret_n of them, until the next learned_add; `bit`
 * is 0 for those that no quirk stands for. */
struct learned_edit {
    struct json_edit edit;
    uint64_t bit;
};
const struct learned_edit *learned_edits(const struct learned *l, str target, msec now,
                                         size_t *ret_n);
bool learned_is_empty(const struct learned *l);
