/* SPDX-License-Identifier: Apache-2.0 */
/*
 * targets - figures of every target, and of all targets of a provider and of a region: GET
 * /api/v1/targets, and GET /health?targets beside the rest of that.
 *
 * Of all workers together: they are asked when somebody wants to know (gate/census.h), never on a
 * call's way. A worker that is too busy to answer within TARGETS_WAIT_MS is left out, and so are
 * all others but the one that was asked: `workers` says of how many the answer tells.
 */
#pragma once
#include "gate/gate_int.h"
#include "json/write.h"

#define TARGETS_WAIT_MS 2000
#define TARGETS_MOST    2000 /* shown of the targets: those that were called last */

/* Ask all workers; local_figures follows, on this thread, maybe at once. */
void targets_ask(struct call *c);
void local_figures(struct call *c, const struct records *all, unsigned workers); /* local.c */

/* targets_write.c: `workers`: whose records those are. */
void targets_answer(struct call *c, const struct records *all, unsigned workers);
void targets_write(struct call *c, const struct records *all, unsigned workers,
                   struct json_writer *w);
