/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alarm - a binary min-heap over one lazily moved timer.
 *
 * The timer stays armed for the earliest alarm there was: when that one is stopped it fires into
 * nothing, which costs less than moving it at every stop.
 */
#include "io/alarm.h"

#include "base/mem.h"

struct alarms {
    struct timer timer; /* first */
    struct loop *loop;
    struct alarm **heap;
    size_t n, cap;
    msec ringing; /* while alarms go off: the time they are due by */
};

static void place(struct alarms *s, size_t i, struct alarm *a)
{
    s->heap[i] = a;
    a->at = i + 1;
}

static void sift_up(struct alarms *s, size_t i)
{
    struct alarm *a = s->heap[i];
    while (i && s->heap[(i - 1) / 2]->due > a->due) {
        place(s, i, s->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    place(s, i, a);
}

static void sift_down(struct alarms *s, size_t i)
{
    struct alarm *a = s->heap[i];
    for (;;) {
        size_t k = 2 * i + 1;
        if (k >= s->n)
            break;
        if (k + 1 < s->n && s->heap[k + 1]->due < s->heap[k]->due)
            k++;
        if (s->heap[k]->due >= a->due)
            break;
        place(s, i, s->heap[k]);
        i = k;
    }
    place(s, i, a);
}

static void take_out(struct alarms *s, struct alarm *a)
{
    size_t i = a->at - 1;
    CHECK(i < s->n &&
          s->heap[i] == a); /* else it is of another heap, or was freed while it was set */
    struct alarm *last = s->heap[--s->n];
    a->at = 0;
    if (last == a)
        return;
    place(s, i, last);
    sift_down(s, i);
    sift_up(s, last->at - 1);
}

static void rearm(struct alarms *s)
{
    if (s->n)
        timer_set(&s->timer, s->heap[0]->due);
    else
        timer_stop(&s->timer);
}

static void on_timer(struct timer *t)
{
    struct alarms *s = (struct alarms *)(void *)t;
    s->ringing = loop_now(s->loop);
    while (s->n && s->heap[0]->due <= s->ringing) {
        struct alarm *a = s->heap[0];
        take_out(s, a);
        a->fn(a); /* may set, stop and free alarms, and free all of them */
    }
    s->ringing = 0;
    rearm(s);
}

enum rc alarms_new(struct loop *l, struct alarms **ret)
{
    struct alarms *s = mem_zalloc(sizeof(*s));
    if (!s)
        return RC_NOMEM;
    s->loop = l;
    timer_init(&s->timer, l, on_timer);
    *ret = s;
    return RC_OK;
}

static void on_closed(struct timer *t)
{
    mem_free(t);
}

void alarms_free(struct alarms *s)
{
    if (!s)
        return;
    /* what is set still is forgotten, not called; on_timer may be the one who got us here, and
     * finds an empty heap */
    mem_free(s->heap);
    s->heap = NULL;
    s->n = 0;
    timer_close(&s->timer, on_closed);
}

enum rc alarm_set(struct alarms *s, struct alarm *a, msec due)
{
    alarm_stop(s, a);
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 64;
        struct alarm **heap = mem_realloc(s->heap, cap * sizeof(struct alarm *));
        if (!heap)
            return RC_NOMEM;
        s->heap = heap;
        s->cap = cap;
    }
    a->due = due > s->ringing ? due : s->ringing + 1; /* or two would hold the loop for ever */
    place(s, s->n++, a);
    sift_up(s, s->n - 1);
    if (s->heap[0] == a)
        rearm(s);
    return RC_OK;
}

void alarm_stop(struct alarms *s, struct alarm *a)
{
    if (a->at)
        take_out(s, a);
}
