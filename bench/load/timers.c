/* SPDX-License-Identifier: Apache-2.0 */
#include "timers.h"

#include <stdlib.h>

#include "tool.h"

static void put(struct timers *h, size_t place, struct timer *t)
{
    h->at[place] = t;
    t->place = place;
}

static void sift_up(struct timers *h, struct timer *t)
{
    size_t i = t->place;
    for (; i > 1 && h->at[i / 2]->due > t->due; i /= 2)
        put(h, i, h->at[i / 2]);
    put(h, i, t);
}

static void sift_down(struct timers *h, struct timer *t)
{
    size_t i = t->place;
    for (size_t child; (child = i * 2) <= h->n; i = child) {
        if (child < h->n && h->at[child + 1]->due < h->at[child]->due)
            child++;
        if (h->at[child]->due >= t->due)
            break;
        put(h, i, h->at[child]);
    }
    put(h, i, t);
}

void timers_set(struct timers *h, struct timer *t, uint64_t due)
{
    t->due = due;
    if (t->place == 0) {
        if (h->n + 1 >= h->cap) {
            h->cap = h->cap ? h->cap * 2 : 256;
            h->at = realloc(h->at, h->cap * sizeof *h->at);
            if (!h->at)
                die("out of memory");
        }
        put(h, ++h->n, t);
    }
    sift_up(h, t);
    sift_down(h, t);
}

void timers_cancel(struct timers *h, struct timer *t)
{
    if (t->place == 0)
        return;
    struct timer *last = h->at[h->n--];
    if (last != t) {
        put(h, t->place, last);
        sift_up(h, last);
        sift_down(h, last);
    }
    t->place = 0;
}

struct timer *timers_first(const struct timers *h)
{
    return h->n ? h->at[1] : NULL;
}
