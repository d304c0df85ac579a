/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refusal - a provider that does not take our key (U12, U18): 401, 403, or an exhausted quota.
 *
 * The key is left alone for a while, others of the provider and other targets serve. Nothing mends
 * it but the operator, who is told: a metric counts, and a line says so once for each time that it
 * is left alone. Which key it is, is said by its place; the key itself is in no log.
 */
#include "gate/recovery.h"

void refusal(struct call *c, const struct attempt_failure *f)
{
    const msec now = loop_now(c->gate->loop);
    const struct conf_provider *p = c->cand->provider;
    const struct gate_setup *set = &c->gate->set;
    const bool is_known = c->cand->credential->refused_until > now;
    CHECK(retry_is_refusal(f));
    metric_add(&c->bind->metric->counter[METRIC_P_REFUSED], 1);
    health_refuse(c->cand->credential, now);
    if (is_known || !set->tell)
        return;
    const str line = arena_strf(
        &c->req->arena,
        "provider " STR_FMT
        " refuses %s (key %u of %u, status %u): left alone for %u s, then tried "
        "again; check it at the provider",
        STR_ARG(p->name), f->kind == ERR_BUDGET ? "the key, whose quota is used up" : "the key",
        c->cand->key + 1, p->nkeys ? p->nkeys : 1, f->status, HEALTH_REFUSED_MS / 1000);
    if (line.p)
        set->tell(set->want_arg, line);
}
