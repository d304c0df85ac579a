/* SPDX-License-Identifier: Apache-2.0 */
/* outs - how many targets and keys are out of the plans, and why: for /metrics and /health. */
#pragma once
#include "gate/gate_int.h"
#include "json/write.h"

void outs_tick(struct gate *g); /* once a second: this worker's figures */
/* Two members of an object: `out` of all workers, and `regions` of this one. */
void outs_write(struct call *c, struct json_writer *w);
