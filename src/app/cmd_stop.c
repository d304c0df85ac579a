/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_stop - ends the running gateway gracefully, and waits for it.
 *
 * It is found by the pid file of the data folder, so --config and --data must be as they were for
 * `weir serve`. SIGTERM begins the drain; no SIGKILL follows: when the time is over the operator is
 * told, and decides.
 */
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "app/config.h"
#include "app/pidfile.h"

#define LOOK_MS 50
#define MORE_MS 5000 /* beyond what the configuration allows for the drain */

static int run(const struct options *o)
{
    struct snapshot *s = config_load(o, true);
    if (!s)
        return EXIT_USAGE;
    pid_t pid = pidfile_read(s);
    if (!pid || kill(pid, SIGTERM) != 0) {
        printf("weir does not run (no live process in " STR_FMT "/weir.pid)\n",
               STR_ARG(s->data_dir));
        snapshot_unref(s);
        return EXIT_FAILED;
    }
    uint64_t left = s->lame_duck + s->drain + MORE_MS;
    printf("waiting for the calls in flight (at most %llu s) ...\n",
           (unsigned long long)(left / 1000));
    while (left > LOOK_MS && pidfile_read(s) == pid) {
        nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
        left -= LOOK_MS;
    }
    int rc = pidfile_read(s) == pid ? EXIT_FAILED : EXIT_DONE;
    printf(rc == EXIT_DONE ? "weir has ended\n" : "weir (pid %d) has not ended yet\n", (int)pid);
    snapshot_unref(s);
    return rc;
}

const struct command command_stop = {
    .name = "stop",
    .args = "[--config FILE] [--data DIR]",
    .summary = "end the running gateway; calls in flight are finished",
    .help = "Finds it by DATA/weir.pid.",
    .run = run,
};
