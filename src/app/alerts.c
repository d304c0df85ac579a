/* SPDX-License-Identifier: Apache-2.0 */
/* alerts - see the header. */
#include "app/alerts.h"

#include <stdio.h>

#include "app/alert_history.h"
#include "app/webhook.h"
#include "base/auto.h"
#include "base/check.h"
#include "base/fmt.h"
#include "base/mem.h"
#include "route/alert.h"
#include "json/write.h"

#define LOOK_MS      500
#define WATCHES_MAX  4096 /* alerts times what each watches: half a gigabyte of marks is no use */
#define JSON_MAX     (1u << 20)
#define HISTORY_SHOW 50

/* One alert on one provider, one model, or all calls. */
struct watched {
    struct alert_watch w;
    str subject;    /* of the snapshot; absent: all */
    uint64_t since; /* Unix ms: for people */
};

struct alerts {
    struct alerts_setup set;
    struct timer clock;
    struct webhooks *webhooks;
    struct snapshot *snap; /* NULL: before the first */
    struct watched *all;
    uint32_t n;
    struct alert_history history;
    struct board *board; /* as the workers have it; NULL: none yet */
};

/* ---- what is watched */

static void read_figures(const struct alerts *a, const struct watched *x, struct outcome_sums *ret)
{
    switch (x->w.rule->scope) {
    case CONF_ALERT_PROVIDER:
        metric_read_provider(a->set.shards, a->set.nshards, x->subject, ret);
        return;
    case CONF_ALERT_MODEL:
        metric_read_route(a->set.shards, a->set.nshards, x->subject, ret);
        return;
    case CONF_ALERT_ALL:
        metric_read_all(a->set.shards, a->set.nshards, ret);
        return;
    }
}

static bool is_meant(const struct conf_alert *rule, str subject)
{
    for (uint32_t i = 0; i < rule->nonly; i++)
        if (str_eq(rule->only[i], subject))
            return true;
    return rule->nonly == 0;
}

static bool same_rule(const struct conf_alert *a, const struct conf_alert *b)
{
    return a->metric == b->metric && a->scope == b->scope && a->action == b->action &&
           a->threshold == b->threshold && a->clear == b->clear && a->quantile == b->quantile &&
           a->min_calls == b->min_calls && a->window == b->window && a->duration == b->duration &&
           a->hold == b->hold && str_eq(a->name, b->name);
}

/* As it was watched so far, if it was. */
static const struct watched *before(const struct alerts *a, const struct conf_alert *rule,
                                    str subject)
{
    for (uint32_t i = 0; i < a->n; i++)
        if (same_rule(a->all[i].w.rule, rule) && str_eq(a->all[i].subject, subject))
            return &a->all[i];
    return NULL;
}

static void watch(const struct alerts *a, struct watched *x, const struct conf_alert *rule,
                  str subject)
{
    const struct watched *old = before(a, rule, subject);
    struct outcome_sums sums;
    if (old) {
        *x = *old;
        x->w.rule = rule;
        x->subject = subject;
        return;
    }
    x->w.rule = rule;
    x->subject = subject;
    x->since = loop_unix_ms(a->set.loop);
    read_figures(a, x, &sums);
    alert_begin(&x->w, rule, &sums, loop_now(a->set.loop));
}

/* Each alert with each of its subjects: called once to count, once to fill. */
static uint32_t each(const struct alerts *a, const struct snapshot *s, struct watched *to)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->nalerts; i++) {
        const struct conf_alert *rule = &s->alerts[i];
        const uint32_t of = rule->scope == CONF_ALERT_PROVIDER ? s->nproviders
                            : rule->scope == CONF_ALERT_MODEL  ? s->nmodels
                                                               : 1;
        for (uint32_t k = 0; k < of && n < WATCHES_MAX; k++) {
            const str subject = rule->scope == CONF_ALERT_PROVIDER ? s->providers[k].name
                                : rule->scope == CONF_ALERT_MODEL  ? s->models[k]->name
                                                                   : STR_NONE;
            if (rule->scope == CONF_ALERT_PROVIDER && !s->providers[k].enabled)
                continue;
            if (!is_meant(rule, subject))
                continue;
            if (to)
                watch(a, &to[n], rule, subject);
            n++;
        }
    }
    return n;
}

/* ---- telling */

static void put_number(struct json_writer *w, const char *key, double v)
{
    char text[32];
    json_key_str(w, str_c(key));
    if (v < 0) {
        json_put_null(w);
        return;
    }
    const int n = snprintf(text, sizeof(text), "%.9g", v);
    json_put_text(w, str_of(text, (size_t)n));
}

static void put_str(struct json_writer *w, const char *key, str v)
{
    json_key_str(w, str_c(key));
    json_put_str(w, v);
}

static void put_time(struct json_writer *w, const char *key, uint64_t unix_ms)
{
    char text[FMT_TIME_MAX];
    put_str(w, key, str_of(text, fmt_time(text, unix_ms)));
}

/* What the list, the history and a webhook say alike. */
static void put_watched(struct json_writer *w, const struct watched *x)
{
    const struct conf_alert *rule = x->w.rule;
    put_str(w, "name", rule->name);
    put_str(w, "metric", conf_alert_metric_name(rule->metric));
    put_str(w, "scope", conf_alert_scope_name(rule->scope));
    if (rule->scope != CONF_ALERT_ALL)
        put_str(w, rule->scope == CONF_ALERT_MODEL ? "model" : "provider", x->subject);
    put_str(w, "state", alert_state_name(x->w.state));
    put_time(w, "since", x->since);
    put_number(w, "value", x->w.value);
    put_number(w, "threshold", rule->threshold);
    json_key(w, "samples");
    json_put_u64(w, x->w.samples);
    put_str(w, "action", conf_alert_action_name(rule->action));
}

static const char *unit_of(enum conf_alert_metric m)
{
    static const char *const units[] = {
#define ALERT_METRIC(id, name, unit, help) unit,
#include "conf/alerts.def"
#undef ALERT_METRIC
    };
    return units[m];
}

static void say_value(struct buf *b, enum conf_alert_metric m, double v)
{
    const char *unit = unit_of(m);
    if (v < 0)
        buf_lit(b, "unknown");
    else if (unit[0] == 's') /* a share */
        buf_addf(b, "%.3g %%", v * 100);
    else
        buf_addf(b, "%.6g %s", v, unit[0] == 'm' ? "ms" : "USD");
}

/* "alert error_rate of provider openai fires: 23 % is above 5 %; other targets come first" */
static void say(struct buf *b, const struct watched *x)
{
    const struct conf_alert *rule = x->w.rule;
    buf_addf(b, "alert " STR_FMT, STR_ARG(rule->name));
    if (rule->scope == CONF_ALERT_ALL)
        buf_lit(b, " of all calls");
    else
        buf_addf(b, " of " STR_FMT " " STR_FMT, STR_ARG(conf_alert_scope_name(rule->scope)),
                 STR_ARG(x->subject));
    switch (x->w.state) {
    case ALERT_FIRING:
        buf_lit(b, " fires: ");
        say_value(b, rule->metric, x->w.value);
        buf_lit(b, " is above ");
        say_value(b, rule->metric, rule->threshold);
        if (rule->action == CONF_ALERT_SWITCH_PROVIDER)
            buf_lit(b, "; its calls go elsewhere");
        if (rule->action == CONF_ALERT_FALLBACK)
            buf_lit(b, "; its calls go to fallback models");
        return;
    case ALERT_RECOVERING:
        buf_lit(b, " may be over: a few calls will show");
        return;
    case ALERT_OK:
    case ALERT_PENDING:
    case ALERT_STATES:
        buf_lit(b, " is over");
        return;
    }
}

static void send_webhook(struct alerts *a, const struct watched *x, str text)
{
    const struct conf_remote *to = &x->w.rule->webhook;
    AUTO(buf_fini) struct buf flat = BUF_INIT(JSON_MAX);
    struct rope r = ROPE_INIT(JSON_MAX);
    struct json_writer w;
    if (!to->text.n)
        return;
    json_writer_init(&w, &r);
    json_begin_object(&w);
    put_str(&w, "text", text); /* what Slack, Mattermost and their kin show */
    put_watched(&w, x);
    json_end(&w);
    rope_flatten(&r, &flat);
    if (!rope_failed(&r) && !flat.failed)
        webhooks_send(a->webhooks, a->snap, to, buf_str(&flat));
    rope_fini(&r);
}

static void remember(struct alerts *a, const struct watched *x)
{
    AUTO(buf_fini) struct buf flat = BUF_INIT(JSON_MAX);
    struct rope r = ROPE_INIT(JSON_MAX);
    struct json_writer w;
    json_writer_init(&w, &r);
    json_begin_object(&w);
    put_time(&w, "time", loop_unix_ms(a->set.loop));
    put_watched(&w, x);
    json_end(&w);
    rope_flatten(&r, &flat);
    if (rope_failed(&r) || flat.failed || !alert_history_add(&a->history, a->snap, buf_str(&flat)))
        fprintf(stderr, "weir: the history of alerts cannot be written in " STR_FMT "\n",
                STR_ARG(a->snap->data_dir));
    rope_fini(&r);
}

/* PENDING is shown and not told: most of it comes to nothing. */
static void tell(struct alerts *a, const struct watched *x, enum alert_state was)
{
    AUTO(buf_fini) struct buf text = BUF_INIT(ALERT_LINE_MAX);
    if (x->w.state == ALERT_PENDING || (was == ALERT_PENDING && x->w.state == ALERT_OK))
        return;
    say(&text, x);
    fprintf(stderr, "weir: " STR_FMT "\n", STR_ARG(buf_str(&text)));
    remember(a, x);
    if (x->w.state != ALERT_RECOVERING)
        send_webhook(a, x, buf_str(&text));
}

/* ---- the board */

static void put_history(struct json_writer *w, const struct alert_history *h)
{
    json_key(w, "history"); /* the newest first */
    json_begin_array(w);
    for (unsigned i = 0; i < h->n && i < HISTORY_SHOW; i++)
        json_put_text(w, alert_history_at(h, i));
    json_end(w);
}

static bool write_json(const struct alerts *a, struct board *b)
{
    AUTO(buf_fini) struct buf flat = BUF_INIT(BOARD_MAX);
    struct rope r = ROPE_INIT(BOARD_MAX);
    struct json_writer w;
    json_writer_init(&w, &r);
    json_begin_object(&w);
    json_key(&w, "data");
    json_begin_array(&w);
    for (uint32_t i = 0; i < a->n; i++) {
        json_begin_object(&w);
        put_watched(&w, &a->all[i]);
        json_end(&w);
    }
    json_end(&w);
    put_history(&w, &a->history);
    json_end(&w);
    rope_flatten(&r, &flat);
    const bool ok = !rope_failed(&r) && !flat.failed;
    rope_fini(&r);
    b->json = ok ? arena_dup(&b->arena_, buf_str(&flat)) : STR_NONE;
    return b->json.p != NULL;
}

static bool is_order(const struct watched *x)
{
    return x->w.rule->action != CONF_ALERT_NOTIFY &&
           (x->w.state == ALERT_FIRING || x->w.state == ALERT_RECOVERING);
}

static bool write_orders(const struct alerts *a, struct board *b)
{
    struct board_order *to = arena_array(&b->arena_, struct board_order, a->n);
    for (uint32_t i = 0; to && i < a->n; i++) {
        const struct watched *x = &a->all[i];
        if (!is_order(x))
            continue;
        const str name = arena_dup(&b->arena_, x->subject); /* the board outlives the snapshot */
        if (!name.p)
            return false;
        to[b->norders++] = (struct board_order){.scope = x->w.rule->scope,
                                                .name = name,
                                                .action = x->w.rule->action,
                                                .trial = x->w.state == ALERT_RECOVERING};
    }
    b->orders = to;
    return to != NULL;
}

/* Nothing new: nobody is woken. */
static bool is_news(const struct board *old, const struct board *b)
{
    return !old || !str_eq(old->json, b->json);
}

static void publish(struct alerts *a)
{
    struct board *b = board_new();
    if (!b || !write_json(a, b) || !write_orders(a, b)) {
        fprintf(stderr, "weir: out of memory: what alerts ask reaches no worker now\n");
    } else if (is_news(a->board, b)) {
        struct board *old = a->board;
        a->board = board_ref(b);
        a->set.publish(a->set.arg, b);
        board_unref(old);
    }
    board_unref(b);
}

/* ---- the clock */

static void on_clock(struct timer *t)
{
    struct alerts *a = (struct alerts *)(void *)((char *)t - offsetof(struct alerts, clock));
    const msec now = loop_now(a->set.loop);
    struct outcome_sums sums;
    for (uint32_t i = 0; i < a->n; i++) {
        struct watched *x = &a->all[i];
        const enum alert_state was = x->w.state;
        read_figures(a, x, &sums);
        if (!alert_look(&x->w, &sums, now))
            continue;
        x->since = loop_unix_ms(a->set.loop);
        tell(a, x, was);
    }
    publish(a);
    timer_set(t, now + LOOK_MS);
}

void alerts_follow(struct alerts *a, struct snapshot *s)
{
    const uint32_t n = each(a, s, NULL);
    struct watched *all = mem_zalloc((n + 1) * sizeof(*all));
    struct snapshot *old = a->snap;
    if (!all) {
        fprintf(stderr, "weir: out of memory: alerts stay as they were\n");
        return;
    }
    if (n == WATCHES_MAX)
        fprintf(stderr, "weir: alerts watch %u things and no more; name them with `only`\n", n);
    (void)each(a, s, all);
    mem_free(a->all);
    a->all = all;
    a->n = n;
    a->snap = snapshot_ref(s);
    if (!old)
        alert_history_read(&a->history, s);
    snapshot_unref(old); /* names of the old list pointed into it */
    publish(a);
    if (n)
        timer_set(&a->clock, loop_now(a->set.loop) + LOOK_MS);
    else
        timer_stop(&a->clock);
}

enum rc alerts_new(const struct alerts_setup *set, struct alerts **ret)
{
    struct alerts *a = mem_zalloc(sizeof(*a));
    if (!a)
        return RC_NOMEM;
    a->set = *set;
    enum rc rc = webhooks_new(set->loop, &a->webhooks);
    if (rc != RC_OK) {
        mem_free(a);
        return rc;
    }
    timer_init(&a->clock, set->loop, on_clock);
    *ret = a;
    return RC_OK;
}

static void on_closed(struct timer *t)
{
    mem_free((char *)t - offsetof(struct alerts, clock));
}

void alerts_free(struct alerts *a)
{
    if (!a)
        return;
    webhooks_free(a->webhooks);
    alert_history_fini(&a->history);
    board_unref(a->board);
    mem_free(a->all);
    snapshot_unref(a->snap);
    timer_close(&a->clock, on_closed);
}
