/* SPDX-License-Identifier: Apache-2.0 */
/*
 * room - calls that wait until a provider has room for them.
 *
 * Where every target that could serve has as many calls under way as `limits.concurrency` of its
 * provider allows, a call does not fail at once: one of those may end in a moment. It waits, for
 * `routing.wait` (a second) at most and never beyond its client's deadline, and is planned anew, by
 * the same functions as before, whenever a call of this worker ends at such a provider, and each
 * ROOM_LOOK_MS, for other workers' calls count too. What is over then is refused with 429, as it
 * would have been at first.
 *
 * The queue is short (ROOM_MAX a worker): a long one only makes everybody late. Who comes to a full
 * one is refused. The oldest goes first; but when the oldest has waited for half of what it may,
 * more comes than is served, and then the newest does: its client is still there, and waiting
 * longer for all (RELIABILITY §7: first come first served under overload serves only those who have
 * given up).
 *
 * A client that leaves takes its call out (D2: it was never sent). One worker's; no locks.
 */
#pragma once
#include "base/list.h"
#include "io/alarm.h"
#include "io/loop.h"

#define ROOM_MAX     128
#define ROOM_LOOK_MS 25

struct call;
struct gate;

struct room {
    struct list calls; /* the oldest first */
    unsigned n;
    struct alarm look;
    struct deferred freed; /* an attempt has ended: look soon, but in nobody's callback */
};

/* Of one call; zeroed: it has never waited. */
struct room_place {
    struct list link;
    msec since, until; /* 0: never waited */
    msec ended;        /* when it was planned last */
    bool waiting;
};

/* All of `calls`, the oldest first, in the order in which they are served; `calls` is empty then.
 */
void room_order(struct list *calls, msec now, struct list *ret);

void room_init(struct gate *g);
void room_fini(struct gate *g); /* nobody waits any more; idempotent */
/* Nobody had room for it. True: it waits, and is planned again or refused later. */
bool room_wait(struct call *c);
void room_leave(struct call *c); /* idempotent */
/* A call has ended at a provider that limits them. */
void room_freed(struct gate *g);
