/* SPDX-License-Identifier: Apache-2.0 */
/* trial - canaries shared by the workers; see the header. */
#include "route/trial.h"

#include "base/check.h"
#include "base/mem.h"

#define STEP_BITS 8

static uint32_t load(const _Atomic uint32_t *cell)
{
    return atomic_load_explicit(cell, memory_order_relaxed);
}

static void store(_Atomic uint32_t *cell, uint32_t v)
{
    atomic_store_explicit(cell, v, memory_order_relaxed);
}

static uint32_t place_of(enum canary_state state, uint32_t step)
{
    return (uint32_t)state << STEP_BITS | step;
}

static enum canary_state state_at(uint32_t place)
{
    return (enum canary_state)(place >> STEP_BITS);
}

static uint32_t step_at(uint32_t place)
{
    return place & ((1u << STEP_BITS) - 1);
}

/* ---- the table */

static struct trial *make(str rule, str model, msec now)
{
    struct trial *t = mem_zalloc(sizeof(*t) + rule.n + model.n);
    if (!t)
        return NULL;
    char *names = (char *)(t + 1);
    memcpy(names, rule.p, rule.n);
    memcpy(names + rule.n, model.p, model.n);
    t->rule = str_of(names, rule.n);
    t->model = str_of(names + rule.n, model.n);
    atomic_store_explicit(&t->since, now, memory_order_relaxed);
    return t;
}

struct trial *trial_of(struct trials *all, str rule, str model, msec now)
{
    struct trial *own = NULL;
    rule = str_head(rule, TRIAL_NAME_MAX);
    model = str_head(model, TRIAL_NAME_MAX);
    for (unsigned i = 0; i < TRIALS_MAX; i++) {
        struct trial *t = atomic_load_explicit(&all->slot[i], memory_order_acquire);
        if (!t && !own && !(own = make(rule, model, now)))
            return NULL;
        if (!t && atomic_compare_exchange_strong(&all->slot[i], &t, own))
            return own;
        CHECK(t); /* found, or another worker was faster: it may have made the same */
        if (str_eq(t->rule, rule) && str_eq(t->model, model)) {
            mem_free(own);
            return t;
        }
    }
    mem_free(own);
    return NULL;
}

void trials_free(struct trials *all)
{
    for (unsigned i = 0; i < TRIALS_MAX; i++)
        mem_free(atomic_load(&all->slot[i]));
}

/* ---- one trial */

uint32_t trial_share(const struct trial *t, const struct conf_canary *conf)
{
    const uint32_t place = trial_place(t);
    return canary_share(state_at(place), step_at(place), conf);
}

static void read_arm(const struct trial_arm *from, struct canary_arm *to)
{
    uint32_t good = 0;
    for (unsigned i = 0; i < CANARY_BUCKETS; i++)
        good += to->ms[i] = load(&from->ms[i]);
    /* Others add meanwhile: what is read must fit together, or medians and ranks would not. */
    to->failed = load(&from->failed);
    to->calls = good + to->failed;
}

static void write_arm(struct trial_arm *to, const struct canary_arm *from)
{
    for (unsigned i = 0; i < CANARY_BUCKETS; i++)
        store(&to->ms[i], from->ms[i]);
    store(&to->failed, from->failed);
    store(&to->calls, from->calls);
}

void trial_read(const struct trial *t, struct canary *ret)
{
    const uint32_t place = trial_place(t);
    *ret = (struct canary){.state = state_at(place),
                           .step = step_at(place),
                           .since = atomic_load_explicit(&t->since, memory_order_relaxed),
                           .fault = (enum canary_fault)load(&t->fault)};
    for (unsigned i = 0; i < 2; i++)
        read_arm(&t->arms[i], &ret->arms[i]);
}

void trial_restore(struct trial *t, const struct canary *c)
{
    for (unsigned i = 0; i < 2; i++)
        write_arm(&t->arms[i], &c->arms[i]);
    atomic_store_explicit(&t->since, c->since, memory_order_relaxed);
    store(&t->fault, c->fault);
    store(&t->place, place_of(c->state, c->step));
}

static void add(struct trial_arm *arm, bool failed, msec took)
{
    atomic_fetch_add_explicit(failed ? &arm->failed : &arm->ms[canary_bucket(took)], 1,
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&arm->calls, 1, memory_order_relaxed);
}

enum canary_event trial_note(struct trials *all, struct trial *t, const struct conf_canary *conf,
                             uint32_t place, bool is_canary, bool failed, msec took, msec now,
                             enum canary_fault *ret_fault)
{
    struct canary c;
    if (state_at(place) != CANARY_RUNNING || place != trial_place(t))
        return CANARY_NO_NEWS;
    add(&t->arms[is_canary], failed, took);
    if (!is_canary || atomic_exchange_explicit(&t->judged, true, memory_order_acquire))
        return CANARY_NO_NEWS;
    trial_read(t, &c);
    const enum canary_event event = canary_judge(&c, conf, now);
    if (event != CANARY_NO_NEWS) {
        trial_restore(t, &c);
        atomic_fetch_add_explicit(&all->news, 1, memory_order_relaxed);
        *ret_fault = c.fault;
    }
    atomic_store_explicit(&t->judged, false, memory_order_release);
    return event;
}
