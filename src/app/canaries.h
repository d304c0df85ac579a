/* SPDX-License-Identifier: Apache-2.0 */
/*
 * canaries - trials of rules' canaries (route/trial.h), kept over a restart: DATA/canaries.json.
 *
 * The workers count and judge; the main thread looks once a second, writes at once what has
 * stepped, was promoted or was taken back, and the counts each minute and at the end. A crash costs
 * a minute of counts and no verdict.
 *
 * Best effort, as the alerts' history: a place that cannot be written costs the memory over
 * restarts and nothing else. A trial of a rule that no configuration has any more stays in the
 * file, for it may come back: what was taken back stays so.
 */
#pragma once
#include "conf/snapshot.h"
#include "io/loop.h"
#include "route/trial.h"

struct canaries {
    struct loop *loop;
    struct trials *trials;
    struct snapshot *const *snap; /* where DATA is, now */
    struct timer clock;
    uint32_t news; /* written so far */
    msec written;
    bool running, said; /* that it cannot be written */
};

/* What the last process knew. Before the first worker runs. */
void canaries_start(struct canaries *k, struct loop *loop, struct trials *trials,
                    struct snapshot *const *snap);
void canaries_stop(struct canaries *k); /* no worker runs any more; no-op when not started */
