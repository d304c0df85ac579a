/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refusal - a provider that does not take our key (U12, U18): 401, 403, or an exhausted quota.
 *
 *     served --401, 403, quota--> out for HEALTH_REFUSED_MS --> half-open: one call at a time
 *        ^                            ^   |                        |             |
 *        |                            |   | probe.path answers     | refused     | served
 *        |                            |   `---------------------->-'             |
 *        |                            `-----------------------------'            |
 *        `-----------------------------------------------------------------------'
 *
 * The key is left alone for a while, others of the provider and other targets serve. Only the
 * operator can mend it, so he is told: the built-in alert `key_refused` (app/alert_keys.c) fires
 * with the first refusal, and ends with the first call that the key serves. Each refusal is sent to
 * it: what this worker remembers may be older than the process, and another worker may have been
 * served meanwhile.
 * A reload with another key in its place is a new record (route/candidate.c): it is asked at once.
 * One that keeps the key changes nothing, for nothing says that it was mended.
 *
 * Which key it is, is said by its place and a keyed hash; the key itself is in no log.
 */
#include "base/hash.h"
#include "gate/recovery.h"

static void tell(struct call *c, const struct attempt_failure *f)
{
    const struct gate_setup *set = &c->gate->set;
    const struct conf_provider *p = c->cand->provider;
    struct gate_key_news news = {.provider = p->name,
                                 .nkeys = p->nkeys ? p->nkeys : 1,
                                 .retry_ms = HEALTH_REFUSED_MS,
                                 .taken = f == NULL};
    if (!set->key_news)
        return;
    if (p->nkeys)
        news.hash = hash_bytes(set->world->recall_key, secret_reveal(&p->keys[c->cand->key]));
    if (f) {
        news.status = f->status;
        news.used_up = f->kind == ERR_BUDGET;
    }
    set->key_news(set->want_arg, &news);
}

void refusal(struct call *c, const struct attempt_failure *f)
{
    struct health *key = c->cand->credential;
    CHECK(retry_is_refusal(f));
    metric_add(&c->bind->metric->counter[METRIC_P_REFUSED], 1);
    health_refuse(key, loop_now(c->gate->loop));
    tell(c, f);
}

void refusal_over(struct call *c)
{
    CHECK(c->cand->credential->refused_until);
    tell(c, NULL);
}
