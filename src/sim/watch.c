/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch - the configuration's alerts in a simulation: what app/alerts.c and gate/alerts.c do, with
 * one list for both, for there is one worker and one thread.
 *
 * Each watch counts for itself what it is about. Of `key_refused` there is nothing to see: nobody
 * refuses a key here.
 */
#include <math.h>

#include "base/check.h"
#include "base/mem.h"
#include "route/order.h"
#include "sim/run_int.h"

#define WATCHES_MAX 1024
#define NAMES_MAX   (1u << 20)
#define USD_MOST    1e12 /* of one call, in nano-dollars: no sum of them overflows */

struct run_watch {
    struct alert_watch w;
    enum conf_alert_scope scope;
    str subject;
    uint32_t provider, key; /* of a provider, target or key */
    str model;              /* of a target */
    struct outcomes outcomes;
    uint64_t tokens;
    nanousd usd;
};

/* ---- what is watched */

static void read_sums(const struct run_watch *x, struct outcome_sums *ret)
{
    *ret = (struct outcome_sums){.tokens = x->tokens, .usd = x->usd};
    outcome_read(&x->outcomes, ret);
}

/* Whom a name means. False: the configuration names it no more, or never did. */
static bool place(const struct snapshot *snap, struct run_watch *x)
{
    x->key = ALERT_NO_KEY;
    if (x->scope == CONF_ALERT_TARGET || x->scope == CONF_ALERT_KEY) {
        uint32_t key;
        if (conf_alert_part(snap, x->scope, x->subject, &x->provider, &x->model, &key) != RC_OK)
            return false;
        x->key = x->scope == CONF_ALERT_KEY ? key : ALERT_NO_KEY;
    }
    if (x->scope == CONF_ALERT_PROVIDER) {
        const struct conf_provider *p = conf_find_provider(snap, x->subject);
        if (!p)
            return false;
        x->provider = p->index;
    }
    return true;
}

static enum rc add_watch(struct run *r, const struct conf_alert *rule, str subject)
{
    struct run_watch *x = mem_zalloc(sizeof(*x));
    struct outcome_sums sums;
    if (!x)
        return RC_NOMEM;
    x->scope = rule->scope;
    x->subject = subject;
    if (!place(r->set->snap, x)) {
        mem_free(x);
        return RC_OK;
    }
    read_sums(x, &sums);
    alert_begin(&x->w, rule, &sums, WORLD_START);
    r->watches[r->nwatches++] = x;
    return RC_OK;
}

enum rc watch_init(struct run *r)
{
    const struct snapshot *snap = r->set->snap;
    arena_init(&r->names, NAMES_MAX);
    if (!snap->nalerts)
        return RC_OK;
    r->watches = mem_zalloc(WATCHES_MAX * sizeof(struct run_watch *));
    r->asked = mem_zalloc(snap->nproviders + snap->nmodels + 1);
    r->parts = mem_zalloc(WATCHES_MAX * sizeof(*r->parts));
    if (!r->watches || !r->asked || !r->parts)
        return RC_NOMEM;
    for (uint32_t i = 0; i < snap->nalerts; i++) {
        const struct conf_alert *rule = &snap->alerts[i];
        const str *subjects;
        if (rule->metric == CONF_ALERT_KEY_REFUSED)
            continue;
        const uint32_t n = conf_alert_subjects(snap, rule->scope, &r->names, &subjects);
        for (uint32_t k = 0; k < n && r->nwatches < WATCHES_MAX; k++)
            if (conf_alert_means(rule, subjects[k]))
                TRY(add_watch(r, rule, subjects[k]));
    }
    return RC_OK;
}

void watch_fini(struct run *r)
{
    for (uint32_t i = 0; i < r->nwatches; i++)
        mem_free(r->watches[i]);
    mem_free(r->watches);
    mem_free(r->asked);
    mem_free(r->parts);
    arena_fini(&r->names);
}

/* ---- what happens */

static bool is_about_attempt(const struct run_watch *x, const struct run_call *c)
{
    switch (x->scope) {
    case CONF_ALERT_PROVIDER:
        return x->provider == c->cand.provider->index;
    case CONF_ALERT_TARGET:
        return x->provider == c->cand.provider->index && str_eq(x->model, c->cand.target->model);
    case CONF_ALERT_KEY:
        return x->provider == c->cand.provider->index && x->key == c->cand.key;
    case CONF_ALERT_MODEL:
    case CONF_ALERT_ALL:
    case CONF_ALERT_SCOPES:
        break;
    }
    return false;
}

static bool is_about_call(const struct run_watch *x, const struct run_call *c)
{
    return x->scope == CONF_ALERT_ALL || (x->scope == CONF_ALERT_MODEL && c->route->logical &&
                                          str_eq(x->subject, c->route->name));
}

static void charge(struct run_watch *x, const struct sim_usage *u, double usd)
{
    if (usd < 0)
        return;
    x->tokens += (uint64_t)(u->prompt + u->output);
    x->usd += (nanousd)fmin(usd, USD_MOST);
}

void watch_attempt(struct run *r, const struct run_call *c, enum outcome_end how, double usd)
{
    const msec first = c->attempt_first;
    msec ms = (first ? first : r->now) - c->attempt_began;
    if (c->fate.end == WORLD_FAILS && c->fate.fault == SIM_HANG)
        ms *= 2; /* nobody knows how much longer it would have taken: as gate/alerts.c */
    for (uint32_t i = 0; i < r->nwatches; i++) {
        struct run_watch *x = r->watches[i];
        if (!is_about_attempt(x, c))
            continue;
        outcome_add(&x->outcomes, how, ms, first > 0);
        charge(x, &c->usage, usd);
    }
}

void watch_call(struct run *r, const struct run_call *c, enum outcome_end how, double usd)
{
    const msec ms = (c->first ? c->first : r->now) - c->began;
    for (uint32_t i = 0; i < r->nwatches; i++) {
        struct run_watch *x = r->watches[i];
        if (!is_about_call(x, c))
            continue;
        outcome_add(&x->outcomes, how, ms, c->first > 0);
        charge(x, &c->usage, usd);
    }
}

/* ---- what is asked */

static unsigned asks(const struct run_watch *x)
{
    const bool trial = x->w.state == ALERT_RECOVERING;
    if (x->w.rule->action == CONF_ALERT_NOTIFY || (x->w.state != ALERT_FIRING && !trial))
        return 0;
    return (x->w.rule->action == CONF_ALERT_FALLBACK ? ALERT_FALLBACK : ALERT_OUT) |
           (trial ? ALERT_TRIAL : 0);
}

static void ask_of(uint8_t *of, unsigned asked)
{
    *of = (uint8_t)order_add(*of, asked);
}

static void write_orders(struct run *r)
{
    const struct snapshot *snap = r->set->snap;
    memset(r->asked, 0, snap->nproviders + snap->nmodels);
    r->nparts = 0;
    for (uint32_t i = 0; i < r->nwatches; i++) {
        const struct run_watch *x = r->watches[i];
        const unsigned asked = asks(x);
        if (!asked)
            continue;
        if (x->scope == CONF_ALERT_PROVIDER)
            ask_of(&r->asked[x->provider], asked);
        for (uint32_t k = 0; x->scope == CONF_ALERT_MODEL && k < snap->nmodels; k++)
            if (str_eq(snap->models[k]->name, x->subject))
                ask_of(&r->asked[snap->nproviders + k], asked);
        if (x->scope == CONF_ALERT_TARGET || x->scope == CONF_ALERT_KEY)
            r->parts[r->nparts++] = (struct alert_part){
                .provider = x->provider, .key = x->key, .model = x->model, .asked = asked};
    }
    for (uint32_t i = 0; i < r->nparts; i++)
        r->asked[r->parts[i].provider] |= ALERT_PARTS;
}

void watch_look(struct run *r)
{
    bool news = false;
    for (uint32_t i = 0; i < r->nwatches; i++) {
        struct run_watch *x = r->watches[i];
        struct outcome_sums sums;
        read_sums(x, &sums);
        if (!alert_look(&x->w, &sums, r->now))
            continue;
        news = true;
        r->result->alerts += x->w.state == ALERT_FIRING;
    }
    if (news)
        write_orders(r);
}

bool watch_degrades(struct run *r, const struct run_call *c)
{
    const unsigned asked =
        r->asked && c->route->logical ? r->asked[r->set->snap->nproviders + c->route->index] : 0;
    if (!(asked & ALERT_FALLBACK))
        return c->plan.degraded;
    return !(asked & ALERT_TRIAL) || rand_below(&r->dice, ALERT_TRIAL_SHARE) != 0;
}

msec watch_patience(const struct run *r, const struct run_call *c)
{
    msec least = 0;
    for (uint32_t i = 0; i < r->nwatches; i++) {
        const struct run_watch *x = r->watches[i];
        const struct conf_alert *rule = x->w.rule;
        const msec ms = (msec)rule->threshold;
        if (rule->action == CONF_ALERT_FALLBACK && rule->metric == CONF_ALERT_RESPONSE_TIME && ms &&
            (is_about_attempt(x, c) || (x->scope == CONF_ALERT_MODEL && is_about_call(x, c))))
            least = !least || ms < least ? ms : least;
    }
    return least;
}
