/* SPDX-License-Identifier: Apache-2.0 */
#include "stopwatch.h"

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static uint64_t thread_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t count(const struct stopwatch *m)
{
    uint64_t n = 0;
    if (m->fd < 0 || read(m->fd, &n, sizeof(n)) != sizeof(n))
        return 0;
    return n;
}

void stopwatch_init(struct stopwatch *m)
{
    struct perf_event_attr attr = {.type = PERF_TYPE_HARDWARE,
                                   .size = sizeof(attr),
                                   .config = PERF_COUNT_HW_INSTRUCTIONS,
                                   .exclude_kernel = 1,
                                   .exclude_hv = 1};
    *m = (struct stopwatch){.fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0)};
}

void stopwatch_fini(struct stopwatch *m)
{
    if (m->fd >= 0)
        close(m->fd);
}

void stopwatch_start(struct stopwatch *m)
{
    m->instructions = count(m);
    m->ns = thread_ns();
}

void stopwatch_stop(struct stopwatch *m)
{
    m->ns = thread_ns() - m->ns;
    m->instructions = count(m) - m->instructions;
}
