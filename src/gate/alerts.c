/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alerts - what firing alerts ask of calls, and their list for GET /api/v1/alerts.
 *
 * The board speaks of names, a generation of indices: it is translated once, when either changes. A
 * call looks at bytes, and where nothing fires there are none.
 */
#include "gate/gate_int.h"

#include "base/mem.h"
#include "route/alert.h"

void alerts_bind(struct gen *gen, const struct board *b)
{
    const struct snapshot *s = gen->snap;
    mem_free(gen->alerts);
    gen->alerts = gen->route_alerts = NULL;
    if (!b || !b->norders)
        return;
    gen->alerts = mem_zalloc(s->nproviders + s->nmodels);
    if (!gen->alerts)
        return; /* calls go as if nothing fired; the next board tries again */
    gen->route_alerts = gen->alerts + s->nproviders;
    for (uint32_t i = 0; i < s->nproviders; i++)
        gen->alerts[i] = (uint8_t)board_asks(b, CONF_ALERT_PROVIDER, s->providers[i].name);
    for (uint32_t i = 0; i < s->nmodels; i++)
        gen->route_alerts[i] = (uint8_t)board_asks(b, CONF_ALERT_MODEL, s->models[i]->name);
}

static bool watches(const struct conf_alert *a, enum conf_alert_scope scope, str name)
{
    if (a->scope != scope || a->action != CONF_ALERT_FALLBACK ||
        a->metric != CONF_ALERT_RESPONSE_TIME)
        return false;
    for (uint32_t i = 0; i < a->nonly; i++)
        if (str_eq(a->only[i], name))
            return true;
    return a->nonly == 0;
}

msec alerts_patience(const struct snapshot *s, enum conf_alert_scope scope, str name)
{
    msec least = 0;
    for (uint32_t i = 0; i < s->nalerts; i++) {
        const msec ms = (msec)s->alerts[i].threshold;
        if (watches(&s->alerts[i], scope, name) && ms && (!least || ms < least))
            least = ms;
    }
    return least;
}

void alerts_limit_exchange(struct call *c)
{
    struct exchange_limits *l = &c->x.limits;
    msec most = c->bind->patience;
    if (c->found.route->logical && c->gen->snap->nalerts) {
        const msec of_route = alerts_patience(c->gen->snap, CONF_ALERT_MODEL, c->found.route->name);
        most = of_route && (!most || of_route < most) ? of_route : most;
    }
    if (most && most < l->first_byte_ms)
        l->first_byte_ms = most;
}

bool alerts_degrade(struct call *c)
{
    const struct conf_route *r = c->found.route;
    const unsigned asked = c->gen->route_alerts && r->logical ? c->gen->route_alerts[r->index] : 0;
    if (!(asked & ALERT_FALLBACK))
        return c->plan.degraded;
    return !(asked & ALERT_TRIAL) || rand_below(&c->gate->rand, ALERT_TRIAL_SHARE) != 0;
}

void alerts_attempt(struct call *c, enum err error, enum figures_end how, msec now)
{
    const msec first = c->attempt_content;
    const msec ms = (first ? first : now) - c->attempt_began;
    enum outcome_end end = OUTCOME_SERVED;
    if (how == FIGURES_VOID && error != ERR_RATE_LIMITED)
        return; /* the caller's own fault, or his own leaving */
    if (how != FIGURES_SERVED)
        end = how == FIGURES_FAILED ? OUTCOME_FAILED : OUTCOME_LIMITED;
    /* It would have taken longer, and nobody knows how much: but never just what it was given, or
     * an alert that cuts at its threshold would see nothing above it. */
    outcome_add(&c->bind->metric->attempts, end, error == ERR_TIMEOUT ? 2 * ms : ms, first > 0);
}

void alerts_serve(struct call *c)
{
    const struct board *b = c->gate->board;
    struct rope r = ROPE_INIT(BOARD_MAX);
    rope_put(&r, b ? b->json : STR("{\"data\":[],\"history\":[]}"));
    local_answer_json(c, 200, &r);
}
