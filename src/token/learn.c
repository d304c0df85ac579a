/* SPDX-License-Identifier: Apache-2.0 */
/* learn - running ratios; see the header. */
#include "token/learn.h"

#include "base/check.h"

#define MILLI 1000
#define PACE  8

void lessons_init(struct lessons *l, struct hash_key key)
{
    memset(l, 0, sizeof(*l));
    l->key = key;
}

uint64_t lesson_name(const struct lessons *l, str provider, str model)
{
    struct hash_key mixed = {l->key.k0 ^ hash_bytes(l->key, provider), l->key.k1};
    return hash_bytes(mixed, model) | 1;
}

struct lesson *lesson_named(struct lessons *l, uint64_t hash)
{
    CHECK(hash & 1); /* else it would be a free place's */
    struct lesson *set = l->set[hash >> 8 & (LEARN_SETS - 1)], found;
    size_t at = 0;

    while (at < LEARN_WAYS - 1 && set[at].hash != 0 && set[at].hash != hash)
        at++;
    found = set[at].hash == hash ? set[at] : (struct lesson){.hash = hash, .prompt = LEARN_PRIOR};
    ASSERT(at < LEARN_WAYS);
    memmove(set + 1, set, at * sizeof(*set));
    set[0] = found;
    return &set[0];
}

struct lesson *lesson_of(struct lessons *l, str provider, str model)
{
    return lesson_named(l, lesson_name(l, provider, model));
}

static uint64_t within(uint64_t mille)
{
    return mille < LEARN_LEAST ? LEARN_LEAST : mille > LEARN_MOST ? LEARN_MOST : mille;
}

void ratio_learn(struct learned_ratio *r, uint64_t ours, uint64_t theirs)
{
    if (ours == 0 || theirs == 0 || theirs > UINT64_MAX / MILLI)
        return;
    uint64_t now = within((theirs * MILLI + ours / 2) / ours);

    if (r->seen < PACE)
        r->seen++;
    /* The mean of the first ones, then an eighth of the way each time. */
    uint64_t before = (uint64_t)r->mille * (r->seen - 1u);

    r->mille = (uint16_t)((before + now + r->seen / 2u) / r->seen);
    ASSERT(r->mille >= LEARN_LEAST && r->mille <= LEARN_MOST);
}

uint64_t ratio_apply(const struct learned_ratio *r, uint64_t ours)
{
    if (r->mille == 0 || ours > UINT64_MAX / LEARN_MOST)
        return ours;
    return (ours * r->mille + MILLI / 2) / MILLI;
}
