/* SPDX-License-Identifier: Apache-2.0 */
/* targets - asks all workers, and answers when they have; see the header. */
#include "gate/targets.h"

#include "gate/census.h"
#include "gate/past.h"

_Static_assert(PAST_ID <= CENSUS_ASKER, "an id fits");

/* Who was known before the start and was not called since is in no worker's table yet. */
static void answer(struct call *c, struct records *all, unsigned workers)
{
    const struct records *before = c->gate->set.world->remembered;
    if (before)
        records_inherit(all, before, loop_now(c->gate->loop));
    local_figures(c, all, workers);
}

/* It may have left, or have been answered with less, for it was tired of waiting. */
static struct call *asker_of(struct gate *g, const struct census *k)
{
    list_each(it, &g->calls)
    {
        struct call *c = list_entry(it, struct call, link);
        if (c->local && !c->answered && c->id.n == PAST_ID &&
            memcmp(c->id.p, k->asker, PAST_ID) == 0)
            return c;
    }
    return NULL;
}

static void on_counted(struct census *k)
{
    struct gate *g = k->arg;
    struct call *c = g->client ? asker_of(g, k) : NULL; /* without one it is closing */
    if (c) {
        alarm_stop(g->alarms, &c->alarm);
        answer(c, &k->all, k->world->nworkers);
    }
    census_free(k);
}

static void answer_alone(struct call *c)
{
    struct records own;
    records_init(&own, c->gate->set.world->identity);
    census_take(c->gate, &own);
    answer(c, &own, 1);
    records_fini(&own);
}

static void on_tired(struct alarm *a)
{
    answer_alone((struct call *)(void *)((char *)a - offsetof(struct call, alarm)));
}

/* While the process ends, workers do so one after the other, and whom to ask is not sure. */
void targets_ask(struct call *c)
{
    struct gate *g = c->gate;
    struct gate_world *w = g->set.world;
    const bool all = w->nworkers > 1 && c->id.n == PAST_ID && !atomic_load(&w->draining);
    struct census *k = all ? census_new(w, g->loop, on_counted, g) : NULL;
    c->alarm.fn = on_tired;
    if (!k || alarm_set(g->alarms, &c->alarm, loop_now(g->loop) + TARGETS_WAIT_MS) != RC_OK) {
        census_free(k);
        answer_alone(c);
        return;
    }
    memcpy(k->asker, c->id.p, PAST_ID);
    own_time_stop(c);
    census_start(k);
}
