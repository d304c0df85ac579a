/* SPDX-License-Identifier: Apache-2.0 */
/* offline - one gate, one loop, no listener; see the header. */
#include "app/offline.h"

enum rc offline_begin(struct offline *o, struct snapshot *s, struct catalogue *models)
{
    *o = (struct offline){0};
    o->shard = metric_shard_new();
    if (!o->shard)
        return RC_NOMEM;
    o->world.shards = &o->shard;
    o->world.nworkers = 1;
    TRY(loop_new(&o->loop));
    struct gate_setup g = {
        .loop = o->loop, .world = &o->world, .metrics = o->shard, .seed = loop_now_us()};
    return gate_new(&g, s, models, &o->gate);
}

void offline_end(struct offline *o)
{
    if (o->gate)
        gate_close(o->gate);
    loop_free(o->loop);
    if (o->gate)
        gate_free(o->gate);
    metric_shard_free(o->shard);
}
