/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signal - Unix signals as callbacks on a loop.
 *
 * For the main loop only: SIGTERM and SIGINT to drain, SIGHUP to reload. The callback runs as any
 * other on the loop's thread, so it may do anything.
 */
#pragma once
#include "io/loop.h"

struct signal_watch {
    uv_signal_t uv;
    void (*fn)(struct signal_watch *w, int signum);
    void (*closed)(struct signal_watch *w);
};

/* RC_IO. On failure nothing was begun and `w` needs no close. */
enum rc signal_watch_init(struct signal_watch *w, struct loop *l, int signum,
                          void (*fn)(struct signal_watch *w, int signum)) MUST_CHECK;
/* Asynchronous: `done` (may be NULL) runs when the memory may go. */
void signal_watch_close(struct signal_watch *w, void (*done)(struct signal_watch *w));
