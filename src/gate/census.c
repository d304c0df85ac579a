/* SPDX-License-Identifier: Apache-2.0 */
/* census - a message that goes round; see the header. */
#include "gate/census.h"

#include "base/mem.h"
#include "gate/gate_int.h"

struct census *census_new(struct gate_world *world, struct loop *home,
                          void (*done)(struct census *c), void *arg)
{
    struct census *c = mem_zalloc(sizeof(*c));
    if (!c)
        return NULL;
    c->world = world;
    c->home = home;
    c->done = done;
    c->arg = arg;
    records_init(&c->all, world->identity);
    return c;
}

void census_free(struct census *c)
{
    if (!c)
        return;
    records_fini(&c->all);
    mem_free(c);
}

void census_take(struct gate *g, struct records *to)
{
    records_add_table(to, &g->route.health, loop_now(g->loop));
    records_add_warm(to, g->warm, loop_now(g->loop));
}

static void on_home(struct mail *m)
{
    struct census *c = (struct census *)(void *)m;
    c->done(c);
}

static void on_worker(struct mail *m);

static void pass_on(struct census *c)
{
    struct gate_world *w = c->world;
    CHECK(w->nworkers <= GATE_WORKERS_MAX);
    for (; c->next < w->nworkers; c->next++) {
        struct gate *g = atomic_load(&w->gates[c->next]);
        if (!g)
            continue;
        c->mail = (struct mail){.fn = on_worker};
        loop_post(g->loop, &c->mail);
        return;
    }
    c->mail = (struct mail){.fn = on_home};
    loop_post(c->home, &c->mail);
}

static void on_worker(struct mail *m)
{
    struct census *c = (struct census *)(void *)m;
    struct gate *g = atomic_load(&c->world->gates[c->next]);
    if (!g->client) { /* closing: the loops of those before it may be gone already */
        census_free(c);
        return;
    }
    census_take(g, &c->all);
    c->next++;
    pass_on(c);
}

void census_start(struct census *c)
{
    c->next = 0;
    pass_on(c);
}
