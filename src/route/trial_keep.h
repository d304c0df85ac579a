/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trial_keep - canaries as JSON, so that they outlive the process.
 *
 *     [{"rule":"r","model":"m","state":"running","step":1,"held_ms":90000,"fault":"",
 *       "arms":[{"failed":2,"ms":[[38,17],[39,4]]},{"failed":0,"ms":[[40,9]]}]}]
 *
 * `arms` are the others' and the canary's: failed calls, and how many of the others took the time
 * of which bucket (canary.h). `held_ms` is how long it has been at its step: a clock that begins
 * anew with each process tells nothing else, and the time between two processes does not count.
 *
 * The file may have been cut or edited: what cannot be read of a trial is that it does not exist,
 * and no number of it is believed beyond its range. Pure.
 */
#pragma once
#include "route/trial.h"
#include "json/write.h"

void trials_write(const struct trials *all, struct json_writer *w, msec now);
/* Before any call is noted. How many were taken. */
unsigned trials_read(struct trials *all, jval list, struct arena *scratch, msec now);
