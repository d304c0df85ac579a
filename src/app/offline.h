/* SPDX-License-Identifier: Apache-2.0 */
/*
 * offline - a gate that nobody can call: for commands that ask what a gateway with this
 * configuration would do, where none runs. It has learned nothing yet. No socket is opened.
 */
#pragma once
#include "gate/gate.h"

struct offline {
    struct loop *loop;
    struct gate *gate;
    struct metric_shard *shard;
    struct gate_world world;
};

/* RC_NOMEM, RC_CONFIG. References to both are taken. offline_end in any case. */
enum rc offline_begin(struct offline *o, struct snapshot *s, struct catalogue *models) MUST_CHECK;
void offline_end(struct offline *o);
