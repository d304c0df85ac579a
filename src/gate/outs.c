/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outs - what keeps targets out of this worker's plans, counted once a second for /metrics, and
 * shown in /health.
 *
 * The router's state is its worker's own and has no locks, so others can't look at it; nor need a
 * call pay for keeping count. A walk over the records (there are as many as targets and keys were
 * asked for) says how many are out at this moment and why, and what was ever opened or ejected.
 */
#include "gate/outs.h"

static void publish(_Atomic uint64_t *cell, uint64_t v)
{
    atomic_store_explicit(cell, v, memory_order_relaxed);
}

static enum metric_out reason_of(enum health_state state)
{
    switch (state) {
    case HEALTH_COOLING:
        return METRIC_OUT_COOLING;
    case HEALTH_OPEN:
        return METRIC_OUT_OPEN;
    case HEALTH_REGION_OPEN:
        return METRIC_OUT_REGION;
    case HEALTH_EJECTED:
        return METRIC_OUT_EJECTED;
    case HEALTH_REFUSED:
        return METRIC_OUT_REFUSED;
    case HEALTH_OK:
    case HEALTH_HALF_OPEN:
        break;
    }
    return METRIC_OUT_COUNT;
}

void outs_tick(struct gate *g)
{
    struct metric_shard *m = g->set.metrics;
    const struct route_state *s = &g->route;
    const msec now = loop_now(g->loop);
    uint64_t out[METRIC_OUT_COUNT + 1] = {0}; /* the last: who is not out */
    list_each(it, &s->health.used)
    {
        out[reason_of(health_state(list_entry(it, struct health, link), now))]++;
    }
    for (unsigned i = 0; i < METRIC_OUT_COUNT; i++)
        publish(&m->out[i], out[i]);
    publish(&m->counter[METRIC_BREAKERS_OPENED], s->health.opened);
    publish(&m->counter[METRIC_REGIONS_OPENED], s->regions.opened);
    publish(&m->counter[METRIC_EJECTED], s->ejected);
}

static str word_of(enum region_state state)
{
    return state == REGION_OPEN        ? STR("open")
           : state == REGION_HALF_OPEN ? STR("half_open")
                                       : STR("closed");
}

/* "preset region", or " region" of providers that are not known by name: as it stands in the file.
 */
static void write_region(const struct region *r, msec now, struct json_writer *w)
{
    json_begin_object(w);
    json_key(w, "region");
    json_put_str(w, str_trim(r->name));
    json_key(w, "circuit");
    json_put_str(w, word_of(region_state(r, now)));
    json_key(w, "opened");
    json_put_u64(w, r->opened);
    if (r->open_until > now) {
        json_key(w, "open_for_ms");
        json_put_u64(w, r->open_until - now);
    }
    json_end(w);
}

void outs_write(struct call *c, struct json_writer *w)
{
    struct gate_world *world = c->gate->set.world;
    const struct regions *regions = &c->gate->route.regions;
    const struct map_slot *slot;
    size_t pos = 0;
    outs_tick(c->gate); /* what this worker says is of now */
    json_key(w, "out");
    json_begin_object(w);
    for (unsigned k = 0; k < METRIC_OUT_COUNT; k++) {
        uint64_t sum = 0;
        for (unsigned i = 0; i < world->nworkers; i++)
            sum += metric_get(&world->shards[i]->out[k]);
        json_key_str(w, metric_out_name((enum metric_out)k));
        json_put_u64(w, sum);
    }
    json_end(w);
    json_key(w, "regions"); /* as this worker has learned of them */
    json_begin_array(w);
    while ((slot = map_next(&regions->by_name, &pos)))
        write_region(slot->value, loop_now(c->gate->loop), w);
    json_end(w);
}
