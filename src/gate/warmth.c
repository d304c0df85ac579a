/* SPDX-License-Identifier: Apache-2.0 */
/*
 * warmth - what this worker knows of providers' prompt caches (route/warm.h), asked and learned.
 *
 * Only strategies that look at it make a call's chain, and only of a prompt that is long enough for
 * any cache: then the request is decoded, where that was not done anyway. What an answer's usage
 * says of its prompt is remembered, and posted to all workers: a client's next turn comes in on
 * whichever connection is free. (To hand such connections to one worker by session would need the
 * body before the worker is chosen.)
 */
#include "gate/gate_int.h"

#include "base/mem.h"

#define MISSED_MOST 3        /* in a row: then the place caches nothing of this conversation … */
#define BLOCK       128      /* tokens that caches which nobody marks come in */
#define HOUR_MS     3600000u /* Anthropic's longer cache */

struct warmth {
    struct warm_chain chain;
    unsigned n;
    struct warm_hit hits[WARM_HITS];
};

/* NULL: short, or not to be read. */
static struct warmth *warmth_of(struct call *c)
{
    struct gate *g = c->gate;
    struct fail unused;
    if (c->warmth || c->op || c->req->body.n < WARM_LEAST || c->cold)
        return c->warmth;
    c->cold = true; /* unless it succeeds, and then nobody looks at it */
    struct warmth *w = arena_new(&c->req->arena, struct warmth);
    if (!w || !decode_quietly(c, &unused))
        return NULL;
    warm_chain(&w->chain, c->ir, g->set.world->identity); /* it outlives a restart */
    w->n = g->warm ? warm_look(g->warm, &w->chain, loop_now(g->loop), w->hits) : 0;
    c->warmth = w;
    return w;
}

static const struct warm_hit *hit_at(const struct warmth *w, uint64_t place)
{
    for (unsigned i = 0; i < w->n; i++)
        if (w->hits[i].place == place)
            return &w->hits[i];
    return NULL;
}

double warmth_at(struct call *c, const struct conf_target *t, uint32_t *ret_key)
{
    const struct warmth *w = warmth_of(c);
    const struct warm_hit *hit = w && w->n ? hit_at(w, plan_place(c->gen->snap, t)) : NULL;
    if (hit && ret_key)
        *ret_key = hit->key;
    return hit ? hit->share : 0;
}

bool warmth_is_expected(const struct call *c)
{
    const struct warmth *w = c->warmth;
    return w && w->n && hit_at(w, plan_place(c->gen->snap, c->cand->target)) != NULL;
}

/* ---- learning */

struct note {
    struct mail mail; /* first */
    struct gate *to;
    unsigned n;
    struct warm_note notes[2];
};

static void take_note(struct gate *g, const struct note *m)
{
    if (!g->warm)
        g->warm = warm_new();
    for (unsigned i = 0; g->warm && i < m->n; i++)
        warm_put(g->warm, &m->notes[i], loop_now(g->loop));
}

void warmth_recall(struct gate *g)
{
    const struct records *r = g->set.world->remembered;
    if (!r || !r->nwarm)
        return;
    g->warm = warm_new(); /* no memory: as if nothing was warm */
    for (unsigned i = 0; g->warm && i < r->nwarm; i++)
        warm_put(g->warm, &r->warm[i], loop_now(g->loop));
}

static void on_note(struct mail *mail)
{
    struct note *m = (struct note *)(void *)mail;
    take_note(m->to, m);
    mem_free(m);
}

static void post_note(struct gate_world *w, unsigned self, const struct note *m)
{
    for (unsigned i = 0; i < w->nworkers; i++) {
        struct gate *to = i == self ? NULL : atomic_load(&w->gates[i]);
        struct note *copy = to ? mem_alloc(sizeof(*m)) : NULL;
        if (!copy)
            continue; /* not there yet, or no memory */
        *copy = *m;
        copy->mail = (struct mail){.fn = on_note};
        copy->to = to;
        loop_post(to->loop, &copy->mail);
    }
}

/* The share of its prompt that is in the cache now, as far as the usage tells. */
static double share_of(const struct usage *u, const struct warm_ttl *ttl)
{
    const uint64_t prompt = usage_prompt(u), written = u->cache_write_5m + u->cache_write_1h;
    uint64_t cached = u->cache_read + written;
    if (!ttl->tells_writes)
        cached = prompt >= ttl->least ? prompt - prompt % BLOCK : 0;
    return cached < prompt ? (double)cached / (double)prompt : 1;
}

/* What all sessions begin with, when enough is cached to hold it; false: too little to speak of. */
static bool note_beginning(const struct warm_chain *chain, struct warm_note *n)
{
    const double part = (double)chain->bytes[0] / (double)chain->bytes[chain->n - 1];
    if (chain->n < 2 || chain->bytes[0] < WARM_LEAST || n->share <= 0)
        return false;
    n->hash = chain->hash[0];
    n->share = n->share < part ? n->share / part : 1;
    return true;
}

void warmth_learn(struct call *c)
{
    const struct usage *u = &c->usage;
    const struct warmth *w = c->warmth;
    if (!w || !c->committed || u->source != USAGE_REPORTED || !usage_prompt(u) || c->failed ||
        !w->chain.bytes[w->chain.n - 1])
        return;
    const struct conf_provider *p = c->cand->provider;
    const struct warm_ttl ttl = warm_ttl_of(p->preset, p->dialect);
    const uint64_t place = plan_place(c->gen->snap, c->cand->target);
    const struct warm_hit *hit = hit_at(w, place);
    struct note m = {.n = 1};
    m.notes[0] = (struct warm_note){.hash = w->chain.hash[w->chain.n - 1],
                                    .place = place,
                                    .key = c->cand->key,
                                    .missed = hit && !u->cache_read ? hit->missed + 1 : 0,
                                    .share = share_of(u, &ttl),
                                    .ttl = u->cache_write_1h ? HOUR_MS : ttl.ttl};
    if (m.notes[0].missed >= MISSED_MOST)
        m.notes[0].share = 0;
    m.notes[1] = m.notes[0];
    m.n += note_beginning(&w->chain, &m.notes[1]);
    take_note(c->gate, &m);
    post_note(c->gate->set.world, c->gate->set.worker, &m);
}
