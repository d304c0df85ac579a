/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop - one thread's event loop: libuv, a clock, a mailbox, and work put off to the next turn.
 *
 * Everything below io/ is pure; here the clock is read and the world is touched. A loop and all
 * that hangs on it belong to one thread. The only call that another thread may make is loop_post.
 *
 * Owns: its libuv handles and the read buffers that sockets share.   Fails: RC_NOMEM, RC_IO.
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

/* The first loop of a process also sets SIGPIPE to be ignored, unless it is handled already. */
enum rc loop_new(struct loop **ret) MUST_CHECK;
/* Every handle on the loop must be closing: this runs the loop until they are closed, runs what
 * mail is left, and frees. Accepts NULL. */
void loop_free(struct loop *l);
void loop_run(struct loop *l);  /* until loop_stop */
void loop_stop(struct loop *l); /* from the loop's own thread */
/* One turn: waits for events if `wait` and nothing is due. For tests and tools. */
void loop_turn(struct loop *l, bool wait);
uv_loop_t *loop_uv(struct loop *l);

msec loop_now(const struct loop *l);   /* monotonic, cached per iteration, never 0 */
usec loop_now_us(void);                /* monotonic, read now */
uint64_t loop_unix_ms(struct loop *l); /* wall clock, cached per iteration */

/* ---- mail: a message to another thread's loop. The sender gives `m` away; `fn` runs exactly once
 * on the loop's thread, in order of posting from one sender. Lock-free: many producers, one
 * consumer. The loop must outlive every sender's last call. */
struct mail {
    struct mail *next;
    void (*fn)(struct mail *m);
};
void loop_post(struct loop *l, struct mail *m);

/* ---- deferred: run fn once, later in this turn or in the next, for callbacks that must not be
 * re-entrant. Initialise with {0} and fn. fn may defer again, cancel others, and free its own. */
struct deferred {
    struct list link; /* next == NULL: never queued */
    void (*fn)(struct deferred *d);
};
void loop_defer(struct loop *l, struct deferred *d); /* no-op if already waiting */
void deferred_cancel(struct deferred *d);            /* no-op if not waiting */
bool deferred_is_waiting(const struct deferred *d);

/* ---- timers: made for deadlines that move at every byte.
 * Setting a deadline later than the armed one only stores a number: when the libuv timer fires too
 * early it re-arms itself. So a deadline that moves on each read costs a store, not a heap change.
 */
struct timer {
    uv_timer_t uv;
    msec due;   /* 0 = off */
    msec armed; /* when the libuv timer fires; 0 = it does not */
    void (*fn)(struct timer *t);
    void (*closed)(struct timer *t);
    struct loop *loop;
};
void timer_init(struct timer *t, struct loop *l, void (*fn)(struct timer *t));
void timer_set(struct timer *t,
               msec due); /* absolute, loop_now based; fn runs once at or after it */
void timer_stop(struct timer *t);
/* The uv handle closes asynchronously: `done` (may be NULL) runs when the memory may go. */
void timer_close(struct timer *t, void (*done)(struct timer *t));
