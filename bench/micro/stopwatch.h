/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stopwatch - what a piece of code costs: processor time of this thread and, where the kernel lets
 * us count them, instructions (user space only).
 *
 * Time varies with the neighbours on the machine, instructions do not; so the best of several
 * rounds is reported, and the rounds of all contenders are taken in turn.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct stopwatch {
    int fd; /* of the instruction counter; -1 when there is none */
    uint64_t ns, instructions;
};

void stopwatch_init(struct stopwatch *m);
void stopwatch_fini(struct stopwatch *m);
void stopwatch_start(struct stopwatch *m);
void stopwatch_stop(struct stopwatch *m); /* ns and instructions since stopwatch_start */
