/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot - lifetime and look-ups.
 *
 * The struct lives in its own arena, so that one free takes all; the last unref copies the arena
 * out first. Look-ups are linear over short arrays: a configuration has tens of names, and
 * comparing lengths first makes each miss a nanosecond.
 */
#include "conf/snapshot.h"

#include "base/digest.h"

struct snapshot *snapshot_ref(struct snapshot *s)
{
    /* relaxed: who takes a reference holds one already, so nothing is learnt from the count */
    unsigned before = atomic_fetch_add_explicit(&s->refs_, 1, memory_order_relaxed);
    CHECK(before > 0 && before < UINT32_MAX / 2);
    return s;
}

struct snapshot *snapshot_unref(struct snapshot *s)
{
    if (!s)
        return NULL;
    /* acq_rel: what each worker last read of it happens before the one that frees it */
    unsigned before = atomic_fetch_sub_explicit(&s->refs_, 1, memory_order_acq_rel);
    CHECK(before > 0);
    if (before == 1) {
        struct arena a = s->arena_;
        arena_fini(&a);
    }
    return NULL;
}

const struct conf_served *conf_find_served(const struct conf_provider *p, str model)
{
    for (uint32_t i = 0; i < p->nserved; i++)
        if (str_eq(p->served[i].name, model))
            return &p->served[i];
    return NULL;
}

const struct conf_key *conf_find_key(const struct snapshot *s, const uint8_t sha256[CONF_SHA256])
{
    const struct conf_key *found = NULL;
    /* no break: how long it takes must not tell which key was nearly right, nor how many there are
     * before it */
    for (uint32_t i = 0; i < s->nkeys; i++)
        if (digest_eq(s->keys[i].sha256, sha256, CONF_SHA256))
            found = &s->keys[i];
    return found;
}

const struct conf_provider *conf_find_provider(const struct snapshot *s, str name)
{
    const struct conf_provider *other_case = NULL;
    for (uint32_t i = 0; i < s->nproviders; i++) {
        if (str_eq(s->providers[i].name, name))
            return &s->providers[i];
        if (!other_case && str_eq_nocase(s->providers[i].name, name))
            other_case = &s->providers[i];
    }
    return other_case;
}

str conf_alert_metric_name(enum conf_alert_metric v)
{
    static const char *const names[] = {
#define ALERT_METRIC(id, name, unit, help) name,
#include "conf/alerts.def"
#undef ALERT_METRIC
    };
    CHECK(v < ARRAY_LEN(names));
    return str_c(names[v]);
}

str conf_alert_scope_name(enum conf_alert_scope v)
{
    static const char *const names[] = {"provider", "model", "all", "target", "key"};
    CHECK(v < ARRAY_LEN(names));
    return str_c(names[v]);
}

str conf_alert_action_name(enum conf_alert_action v)
{
    static const char *const names[] = {"notify", "switch_provider", "fallback"};
    CHECK(v < ARRAY_LEN(names));
    return str_c(names[v]);
}

str conf_scenario_name(enum conf_scenario v)
{
    static const char *const names[] = {
#define SCENARIO(id, key, active, help) key,
#include "conf/scenarios.def"
#undef SCENARIO
    };
    CHECK(v < ARRAY_LEN(names));
    return str_c(names[v]);
}
