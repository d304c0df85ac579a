/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signal - see signal.h.
 *
 * In a handler of signal(7) next to nothing is allowed. libuv's handler writes the number to a
 * pipe, and the loop that reads it calls us like any other callback.
 */
#include "io/signal.h"

static void on_closed(uv_handle_t *h)
{
    struct signal_watch *w = h->data;
    if (w->closed)
        w->closed(w);
}

static void on_signal(uv_signal_t *h, int signum)
{
    struct signal_watch *w = h->data;
    w->fn(w, signum);
}

static bool is_watchable(int signum)
{
    return signum > 0 && signum < 65 && signum != 9 && signum != 19; /* not SIGKILL, not SIGSTOP */
}

enum rc signal_watch_init(struct signal_watch *w, struct loop *l, int signum,
                          void (*fn)(struct signal_watch *w, int signum))
{
    *w = (struct signal_watch){.fn = fn};
    if (!is_watchable(signum) || uv_signal_init(loop_uv(l), &w->uv) != 0)
        return RC_IO;
    w->uv.data = w;
    /* With the number checked this fails only for want of memory in the first call of a process. */
    CHECK(uv_signal_start(&w->uv, on_signal, signum) == 0);
    return RC_OK;
}

void signal_watch_close(struct signal_watch *w, void (*done)(struct signal_watch *w))
{
    w->closed = done;
    uv_close((uv_handle_t *)&w->uv, on_closed);
}
