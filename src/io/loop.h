/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop - one thread's event loop: libuv, a clock, timers, and a mailbox.
 *
 * Everything below io/ is pure; here the clock is read and the world is touched. A loop and all that
 * hangs on it belong to one thread. The only call that another thread may make is loop_post.
 */
#pragma once
#include <stddef.h>
#include <uv.h>

#include "base/list.h"
#include "base/rc.h"
#include "base/str.h"
#include "base/time.h"

#define LOOP_READ_SIZE (64 * 1024) /* the shared read buffer of sockets whose owner has none */

struct loop;

/* RC_NOMEM, RC_IO. */
enum rc loop_new(struct loop **ret) MUST_CHECK;
void loop_free(struct loop *l); /* every handle must be closed: runs the loop until they are */
void loop_run(struct loop *l);  /* until loop_stop */
void loop_stop(struct loop *l); /* from the loop's own thread */
uv_loop_t *loop_uv(struct loop *l);

msec loop_now(const struct loop *l);     /* monotonic, cached per iteration, never 0 */
usec loop_now_us(void);                  /* monotonic, read now */
uint64_t loop_unix_ms(const struct loop *l); /* wall clock, cached per iteration */

/* A message to another thread's loop. The sender gives `m` away; `fn` runs on the loop's thread, in
 * order of posting from one sender. Lock-free multi-producer queue and one uv_async. */
struct mail {
    struct mail *next;
    void (*fn)(struct mail *m);
};
void loop_post(struct loop *l, struct mail *m);

/* Run fn once, later in this iteration or in the next: for callbacks that must not be re-entrant. */
struct deferred {
    struct list link;
    void (*fn)(struct deferred *d);
};
void loop_defer(struct loop *l, struct deferred *d); /* no-op if already waiting */
void deferred_cancel(struct deferred *d);

/* ---- timers: made for deadlines that move at every byte.
 * Moving a deadline later only stores a number; the underlying uv timer is re-armed when it fires
 * too early. */
struct timer {
    uv_timer_t uv;
    msec due; /* 0 = off */
    void (*fn)(struct timer *t);
    struct loop *loop;
};
void timer_init(struct timer *t, struct loop *l, void (*fn)(struct timer *t));
void timer_set(struct timer *t, msec due); /* absolute, loop_now based; fn runs once at or after it */
void timer_stop(struct timer *t);
/* The uv handle closes asynchronously: `done` runs when the memory may go. */
void timer_close(struct timer *t, void (*done)(struct timer *t));
