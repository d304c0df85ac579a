/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timer - deadlines that are cheap to move: see loop.h.
 *
 * `due` is what the owner wants, `armed` what libuv knows. armed <= due holds while both are set:
 * later deadlines are found out when libuv fires, earlier ones re-arm at once. A stopped timer
 * leaves libuv's armed, for the next timer_set most likely needs it; it fires into nothing at
 * worst.
 */
#include "io/loop.h"

static void arm(struct timer *t, msec due);

static void on_fire(uv_timer_t *uv)
{
    struct timer *t = uv->data;
    ASSERT(t->armed != 0 && !uv_is_closing((uv_handle_t *)uv));
    t->armed = 0;
    if (t->due == 0)
        return;
    if (t->due > loop_now(t->loop)) {
        arm(t, t->due);
        return;
    }
    t->due = 0;
    t->fn(t);
}

static void arm(struct timer *t, msec due)
{
    msec now = loop_now(t->loop);
    ASSERT(t->fn != NULL && due != 0);
    t->armed = due;
    uv_timer_start(&t->uv, on_fire, due > now ? due - now : 0, 0);
}

void timer_init(struct timer *t, struct loop *l, void (*fn)(struct timer *t))
{
    *t = (struct timer){.fn = fn, .loop = l};
    uv_timer_init(loop_uv(l), &t->uv);
    t->uv.data = t;
}

void timer_set(struct timer *t, msec due)
{
    ASSERT(due != 0);
    t->due = due;
    if (t->armed == 0 || due < t->armed)
        arm(t, due);
}

void timer_stop(struct timer *t)
{
    t->due = 0;
}

static void on_close(uv_handle_t *h)
{
    struct timer *t = h->data;
    if (t->closed)
        t->closed(t);
}

void timer_close(struct timer *t, void (*done)(struct timer *t))
{
    t->due = t->armed = 0;
    t->closed = done;
    uv_close((uv_handle_t *)&t->uv, on_close);
}
