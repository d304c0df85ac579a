/* SPDX-License-Identifier: Apache-2.0 */
/* build_alert - alerts: words become numbers, and what could never fire or never act is refused. */
#include "base/check.h"
#include "conf/build_int.h"
#include "conf/nearest.h"

static bool find_metric(str name, enum conf_alert_metric *ret, struct nearest *near)
{
    nearest_init(near, name);
    for (unsigned i = 0; i < CONF_ALERT_METRICS; i++) {
        const str known = conf_alert_metric_name((enum conf_alert_metric)i);
        *ret = (enum conf_alert_metric)i;
        if (str_eq(known, name))
            return true;
        nearest_offer(near, known);
    }
    return false;
}

static bool is_share(enum conf_alert_metric m)
{
    return m == CONF_ALERT_ERROR_RATE || m == CONF_ALERT_RATE_LIMITED;
}

static str name_at(const struct builder *b, bool models, uint32_t i)
{
    return models ? b->s->models[i]->name : b->s->providers[i].name;
}

/* Is there such a thing? `near`: the name that is most like it. */
static bool is_watched(const struct builder *b, enum conf_alert_scope scope, str name,
                       struct nearest *near)
{
    const bool models = scope == CONF_ALERT_MODEL;
    const uint32_t n = models ? b->s->nmodels : b->s->nproviders;
    str model;
    uint32_t at, key;
    nearest_init(near, name);
    if (scope == CONF_ALERT_TARGET || scope == CONF_ALERT_KEY)
        if (conf_alert_part(b->s, scope, name, &at, &model, &key) == RC_OK)
            return true;
    for (uint32_t i = 0; scope != CONF_ALERT_TARGET && i < n; i++) {
        if (str_eq(name_at(b, models, i), name))
            return true;
        nearest_offer(near, name_at(b, models, i));
    }
    return false;
}

static void check_only(struct builder *b, const struct raw_alert *raw, const struct conf_alert *a)
{
    for (uint32_t i = 0; i < a->nonly; i++) {
        struct nearest near;
        if (a->scope == CONF_ALERT_ALL) {
            BUILD_FAULT(b, place_of_item(&raw->only, i),
                        "alerts: 'only' needs a 'scope' of provider, model, target or key");
            return;
        }
        if (!is_watched(b, a->scope, a->only[i], &near))
            BUILD_FAULT(b, place_of_item(&raw->only, i),
                        "alerts: there is no " STR_FMT " '" STR_FMT "'%s" STR_FMT "%s",
                        STR_ARG(conf_alert_scope_name(a->scope)), STR_ARG(conf_brief(a->only[i])),
                        near.best.p ? "; did you mean '" : "", STR_ARG(near.best),
                        near.best.p                     ? "'?"
                        : a->scope == CONF_ALERT_TARGET ? "; write provider/model"
                        : a->scope == CONF_ALERT_KEY
                            ? "; write provider, or provider#2 for the second of its keys"
                            : "; 'providers' and 'models' name them");
    }
}

static void check_numbers(struct builder *b, const struct raw_alert *raw,
                          const struct conf_alert *a)
{
    const struct conf_node *at = raw->at.node;
    if (a->metric == CONF_ALERT_KEY_REFUSED)
        return;
    if (!conf_get(at, STR("threshold")))
        BUILD_FAULT(b, place_of(at, "metric"),
                    "alerts: " STR_FMT " needs a 'threshold': above it the alert fires",
                    STR_ARG(conf_alert_metric_name(a->metric)));
    else if (!(a->threshold >= 0))
        BUILD_FAULT(b, place_of(at, "threshold"), "alerts: a threshold is no less than 0");
    else if (is_share(a->metric) && a->threshold >= 1)
        BUILD_FAULT(b, place_of(at, "threshold"),
                    "alerts: " STR_FMT " is a share, so 1 is never passed; write 0.05 for 5 %%",
                    STR_ARG(conf_alert_metric_name(a->metric)));
    else if (a->clear > a->threshold)
        BUILD_FAULT(b, place_of(at, "clear"),
                    "alerts: 'clear' is above the threshold; it would end before it began");
}

static void check_action(struct builder *b, const struct raw_alert *raw, const struct conf_alert *a)
{
    const struct place at = place_of(raw->at.node, "action");
    const bool takes_out = a->action == CONF_ALERT_SWITCH_PROVIDER;
    if (a->metric == CONF_ALERT_KEY_REFUSED && a->action != CONF_ALERT_NOTIFY)
        BUILD_FAULT(b, at, "alerts: a refused key is out already; key_refused can only `notify`");
    else if (takes_out && (a->scope == CONF_ALERT_MODEL || a->scope == CONF_ALERT_ALL))
        BUILD_FAULT(b, at,
                    "alerts: switch_provider needs `scope: provider`, `target` or `key`: it must "
                    "know which");
    else if (a->action == CONF_ALERT_FALLBACK && a->scope == CONF_ALERT_ALL)
        BUILD_FAULT(b, at, "alerts: fallback needs `scope: provider`, `model`, `target` or `key`");
    else if (a->action != CONF_ALERT_NOTIFY && a->metric == CONF_ALERT_SPEND)
        BUILD_WARN(b, at,
                   "alerts: money that is spent comes back only with the window: " STR_FMT
                   " will let a few calls through and end again and again",
                   STR_ARG(conf_alert_action_name(a->action)));
}

static enum rc build_alert(struct builder *b, const struct raw_alert *raw, struct conf_alert *ret)
{
    struct nearest near;
    const bool clears = conf_get(raw->at.node, STR("clear")) != NULL;
    *ret = (struct conf_alert){.name = raw->name.n ? raw->name : raw->metric,
                               .scope = (enum conf_alert_scope)raw->scope,
                               .action = (enum conf_alert_action)raw->action,
                               .threshold = raw->threshold,
                               .clear = clears ? raw->clear : raw->threshold * 0.8,
                               .quantile = raw->percentile / 100.0,
                               .min_calls = raw->min_calls,
                               .window = raw->window,
                               .duration = raw->duration,
                               .hold = raw->hold,
                               .only = raw->only.p,
                               .nonly = raw->only.n};
    if (!find_metric(raw->metric, &ret->metric, &near)) {
        BUILD_FAULT(b, place_of(raw->at.node, "metric"),
                    "alerts: '" STR_FMT "' is no metric; %s" STR_FMT "%s",
                    STR_ARG(conf_brief(raw->metric)), near.best.p ? "did you mean '" : "",
                    STR_ARG(near.best.p ? near.best : STR("docs/config.md lists them")),
                    near.best.p ? "'?" : "");
        return RC_OK;
    }
    if (ret->metric == CONF_ALERT_KEY_REFUSED) { /* of what else? */
        ret->scope = CONF_ALERT_KEY;
        ret->threshold = ret->clear = 0;
    }
    check_numbers(b, raw, ret);
    check_only(b, raw, ret);
    check_action(b, raw, ret);
    if (!secret_is_set(&raw->webhook))
        return RC_OK;
    TRY(build_remote(b, place_of(raw->at.node, "webhook"), "alerts: webhook", &raw->webhook,
                     &ret->webhook));
    if (ret->webhook.text.n) /* the path of a hook is what gives access to it */
        ret->webhook.text = ret->webhook.origin.text;
    return RC_OK;
}

enum rc build_alerts(struct builder *b)
{
    const struct raw_list *lists[] = {&b->raw->alerts, &b->raw->metrics.alerts};
    const uint32_t n = lists[0]->n + lists[1]->n;
    struct conf_alert *all = arena_array(b->arena, struct conf_alert, n);
    uint32_t count = 0;
    if (!all)
        return RC_NOMEM;
    for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
        const struct raw_alert *rows = lists[l]->p;
        for (uint32_t i = 0; i < lists[l]->n; i++)
            if (rows[i].metric.n)
                TRY(build_alert(b, &rows[i], &all[count++]));
    }
    ASSERT(count <= n);
    if (!b->raw->metrics.enabled)
        BUILD_WARN(b, place_of(b->raw->metrics.at.node, "enabled"),
                   "metrics.enabled: false has no effect: weir always measures");
    b->s->alerts = all;
    b->s->nalerts = count;
    return RC_OK;
}
