/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine - the load itself: connections, calls, phases, figures.
 *
 * A run has four phases. RAMP brings up what must stand before measuring (LOAD_HOLD and LOAD_IDLE
 * only); WARMUP is load that is not counted; WINDOW is what is measured; DRAIN lets calls under way
 * end. CPU time is read at both ends of the window, memory before the ramp and at the window's end.
 *
 * Closed loop: every connection sends its next call when the last is answered; a call counts when
 * it ends inside the window. Open loop (`rate`): calls are due at fixed times whatever the answers
 * do, and a latency runs from the time the call was *due*, so a stall is charged to every call it
 * delays (no coordinated omission); a call counts when it was due inside the window. Errors count
 * whenever they happen, before and after the window too.
 */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "answer.h"
#include "hist.h"
#include "proc.h"

enum load_mode {
    LOAD_CALLS, /* closed loop, or open with a rate */
    LOAD_HOLD,  /* open `conns` endless streams and watch them */
    LOAD_IDLE   /* one call on each of `conns` connections, then silence */
};

struct load_options {
    enum load_mode mode;
    struct sockaddr_in to;
    unsigned conns, sources;
    uint64_t calls; /* end the window after so many calls; 0: by time */
    uint64_t window_ns, warmup_ns, timeout_ns, progress_ns;
    uint64_t rate; /* calls a second; 0: closed loop */
    struct answer_rules rules;
    struct text request; /* head and body, the same bytes for every call */
    pid_t pids[PROC_MAX], upstream_pids[PROC_MAX];
    size_t pid_count, upstream_pid_count;
};

struct load_figures {
    uint64_t calls, errors, events, reconnects, ready;
    uint64_t faults[FAULTS];
    char first_error[ANSWER_SAMPLE_MAX + 64];
    uint64_t window_ns, cpu_ns, upstream_cpu_ns, own_cpu_ns;
    struct proc_memory before, after;
    struct hist latency, first, event; /* whole call; first content; one event's way */
};

/* Run to the end, or die. */
void load_run(const struct load_options *o, struct load_figures *ret);
