/* SPDX-License-Identifier: Apache-2.0 */
/* room - see the header. */
#include "gate/room.h"

#include "gate/gate_int.h"

static struct call *call_at(struct list *l)
{
    struct room_place *p = list_entry(l, struct room_place, link);
    return list_entry(p, struct call, room);
}

void room_leave(struct call *c)
{
    if (!c->room.waiting)
        return;
    CHECK(c->gate->room.n > 0);
    list_remove(&c->room.link);
    c->room.waiting = false;
    c->gate->room.n--;
}

/* As before its first plan: what that one found is old. */
static void go(struct call *c)
{
    CHECK(c->attempts == 0 && !c->on_wire && !c->committed);
    room_leave(c);
    c->room.ended = loop_now(c->gate->loop);
    own_time_start(c);
    c->next_fallback = 0;
    c->lenient = c->last_resort = c->crowded = false;
    c->unfit = REASON_FITS;
    c->ready_at = 0;
    call_resume(c, STAGE_plan);
}

void room_order(struct list *calls, msec now, struct list *ret)
{
    list_init(ret);
    if (list_is_empty(calls))
        return;
    const struct room_place *oldest = list_entry(calls->next, struct room_place, link);
    ASSERT(now >= oldest->since && oldest->until >= oldest->since);
    const bool late = now - oldest->since >= (oldest->until - oldest->since) / 2;
    while (!list_is_empty(calls)) {
        struct list *l = calls->next;
        list_remove(l);
        if (late)
            list_push_front(ret, l);
        else
            list_push_back(ret, l);
    }
}

/* Each once; who finds no room stands in line again. */
static void look(struct gate *g)
{
    struct list now;
    room_order(&g->room.calls, loop_now(g->loop), &now);
    while (!list_is_empty(&now)) /* a call that ends takes itself out, wherever it stands */
        go(call_at(now.next));
}

static void look_again(struct gate *g)
{
    if (g->room.n && alarm_set(g->alarms, &g->room.look, loop_now(g->loop) + ROOM_LOOK_MS) != RC_OK)
        loop_defer(g->loop, &g->room.freed);
}

static void on_look(struct alarm *a)
{
    struct gate *g = list_entry(a, struct gate, room.look);
    look(g);
    look_again(g);
}

static void on_freed(struct deferred *d)
{
    look(list_entry(d, struct gate, room.freed));
}

void room_init(struct gate *g)
{
    list_init(&g->room.calls);
    g->room.look.fn = on_look;
    g->room.freed.fn = on_freed;
}

void room_fini(struct gate *g)
{
    deferred_cancel(&g->room.freed);
}

/* In the place that its age gives it: who is planned again in vain is no newcomer. */
static void enqueue(struct gate *g, struct call *c)
{
    struct list *at = g->room.calls.prev;
    while (at != &g->room.calls && call_at(at)->room.since > c->room.since)
        at = at->prev;
    list_insert_after(at, &c->room.link);
    c->room.waiting = true;
    g->room.n++;
}

bool room_wait(struct call *c)
{
    struct gate *g = c->gate;
    const msec now = loop_now(g->loop), most = c->gen->snap->routing.wait;
    if (!c->room.since) {
        c->room.since = now;
        c->room.until = now + most < c->deadline ? now + most : c->deadline;
    }
    if (!c->crowded || c->attempts || now >= c->room.until || g->room.n >= ROOM_MAX)
        return false;
    enqueue(g, c);
    if (!c->room.ended)
        metric_count(g->set.metrics, WAITED);
    if (g->room.n == 1)
        look_again(g);
    own_time_stop(c);
    return true;
}

void room_freed(struct gate *g)
{
    loop_defer(g->loop, &g->room.freed);
}
