/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay - how much may be waiting to be sent again, perhaps.
 *
 * A retry needs the request once more, so all of it is kept until the answer begins to reach the
 * client. When a provider hangs or fails in front of ten thousand clients with prompts of a
 * megabyte, all of them would be sent once more, to the others at the same time. So there is one
 * pool for the whole process (limits.replay), of which each body that is not small takes its size
 * while it waits. What does not fit, or is larger than REPLAY_BODY_MAX by itself, is sent all the
 * same, once: HAProxy's rule for requests that exceed its buffer. When the head of its answer is
 * there its buffers go at once, not with the first byte for its client.
 *
 * That is less than a bound of memory. While a provider hangs, the bytes of a request that is sent
 * once lie there as well: the client's own body, for the decoded request is slices of it
 * (ARCHITECTURE.md, Memory), and what was made of it for the wire, for a kept connection may turn
 * out to have been closed (U5), which is no retry and is repeated for all. What bounds memory is
 * limits.connections times limits.body, and how long a silent provider is waited for (firstByte).
 *
 * Small bodies are not counted: as many as there may be connections are still little, and nearly
 * every call would have to touch a cache line that all workers write.
 */
#include "gate/recovery.h"

#define REPLAY_SMALL    (64u << 10)
#define REPLAY_BODY_MAX (32u << 20)

static void give_back(struct call *c)
{
    _Atomic uint64_t *held = &c->gate->set.world->replay;
    const uint64_t before = atomic_fetch_sub_explicit(held, c->replay, memory_order_relaxed);
    CHECK(before >= c->replay);
    c->replay = 0;
}

void replay_release(struct call *c)
{
    if (c->replay)
        give_back(c);
}

/* Of concurrent callers that together do not fit, one may be turned away that alone would have. */
static bool take(struct call *c, uint64_t size)
{
    _Atomic uint64_t *held = &c->gate->set.world->replay;
    const uint64_t before = atomic_fetch_add_explicit(held, size, memory_order_relaxed);
    c->replay = size;
    if (before + size <= c->gen->snap->limits.replay)
        return true;
    give_back(c);
    return false;
}

void replay_hold(struct call *c)
{
    const uint64_t size = rope_size(&c->wire->body);
    replay_release(c); /* what an earlier attempt held: another target's may be longer */
    if (c->mirror)     /* it is never sent again; what it holds is MIRROR_BYTES_MAX's matter */
        return;
    c->sent_once = false;
    if (size < REPLAY_SMALL || (size <= REPLAY_BODY_MAX && take(c, size)))
        return;
    c->sent_once = true;
    metric_count(c->gate->set.metrics, UNREPLAYABLE);
}

bool replay_is_possible(const struct call *c, enum attempt_end end)
{
    return !c->sent_once || end == ATTEMPT_NOT_SENT;
}
