/* SPDX-License-Identifier: Apache-2.0 */
/* simulate_table - the results of simulations side by side, for people and as JSON. */
#pragma once
#include "sim/sim.h"

/* One run: a scenario under a configuration. */
struct simulated {
    const struct sim_scenario *scenario;
    const char *config;   /* as it was named */
    const char *strategy; /* that was put in the place of the configuration's; NULL: its own */
    struct sim_result result;
};

/* All runs of one scenario, one line each, and the shares of the targets. */
void simulate_print(const struct simulated *runs, size_t n);
void simulate_write_json(const struct simulated *runs, size_t n, struct buf *to);
