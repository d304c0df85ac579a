/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proc - what a process under test has used: CPU time and memory, its children included.
 *
 * CPU time comes from the process's own CPU clock (clock_getcpuclockid), which is exact to the
 * nanosecond and includes threads that have ended; /proc/PID/stat counts in ticks of 10 ms. Memory
 * is the proportional share (Pss): pages that nginx's master and workers share are not counted
 * twice. Children are looked up at each sample. A process that has gone counts nothing.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROC_MAX 64

struct proc_memory {
    uint64_t rss_kb, pss_kb, fds;
};

/* All of the `n` processes and their descendants together. */
uint64_t proc_cpu_ns(const pid_t *pids, size_t n);
struct proc_memory proc_memory(const pid_t *pids, size_t n);
