/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oracle - the best order there is: what strategies are measured with.
 *
 * It knows how each target behaves at this moment, who is at his limit and what is cached where; it
 * does not know the dice. It weighs as `balanced` does. No breaker, no alert and no word of a
 * provider's keeps it from a target; what the operator allows (`limits`) does.
 *
 * It is greedy: each call goes where that call is served best. Where a call changes what the next
 * ones find (a warm cache, a bucket that empties) a plan for all of them might be better still, so
 * it is a measure and no proof of the optimum. The tests look that nobody beats it by much.
 */
#include <math.h>

#include "sim/run_int.h"

/* As balanced weighs, with what is true now. */
static double truth(struct run *r, const struct run_call *c, const struct candidate *k,
                    double best_ms, double best_usd, double usd)
{
    const struct conf_routing *w = &r->set->snap->routing;
    const struct server *s = world_server(&r->world, k->target);
    const double ms = s ? world_ms(s, &c->usage, world_cached(s, c->session, r->now)) : 1e9;
    double score = s && world_serves(s, r->now) ? 0 : 100;
    score += w->weight_response_time * (ms > best_ms ? 1 - best_ms / ms : 0);
    score += s ? w->weight_error_rate * 10 * s->now.errors : 0;
    score += w->weight_cost * (usd > best_usd && best_usd >= 0 ? 1 - best_usd / usd : 0);
    return score;
}

void oracle_order(struct run *r, struct run_call *c, double *usd)
{
    struct plan *p = &c->plan;
    double ms = HUGE_VAL, least = -1, score[PLAN_MAX];
    for (unsigned i = 0; i < p->n; i++) {
        const struct server *s = world_server(&r->world, p->c[i].target);
        if (!s || !world_serves(s, r->now))
            continue;
        ms = fmin(ms, world_ms(s, &c->usage, world_cached(s, c->session, r->now)));
        least = usd[i] >= 0 && (least < 0 || usd[i] < least) ? usd[i] : least;
    }
    for (unsigned i = 0; i < p->n; i++)
        score[i] = truth(r, c, &p->c[i], ms, least, usd[i]);
    for (unsigned i = 1; i < p->n; i++) /* stable, and there are few */
        for (unsigned k = i; k > 0 && score[k] < score[k - 1]; k--) {
            const struct candidate other = p->c[k];
            const double s = score[k];
            p->c[k] = p->c[k - 1], p->c[k - 1] = other;
            score[k] = score[k - 1], score[k - 1] = s;
        }
}
