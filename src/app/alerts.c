/* SPDX-License-Identifier: Apache-2.0 */
/* alerts - see the header. */
#include "app/alerts_int.h"

#include <stdio.h>

#include "base/auto.h"
#include "base/check.h"
#include "base/mem.h"

#define LOOK_MS      500
#define WATCHES_MAX  4096 /* alerts times what each watches: half a gigabyte of marks is no use */
#define NAMES_MAX    (8u << 20)
#define HISTORY_SHOW 50

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
    case CONF_ALERT_TARGET:
    case CONF_ALERT_KEY:
        metric_read_place(a->set.shards, a->set.nshards, x->subject, ret);
        return;
    case CONF_ALERT_ALL:
    case CONF_ALERT_SCOPES:
        metric_read_all(a->set.shards, a->set.nshards, ret);
        return;
    }
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
static uint32_t each(const struct alerts *a, const struct snapshot *s, struct arena *names,
                     struct watched *to)
{
    uint32_t n = 0;
    const str *of[CONF_ALERT_SCOPES] = {NULL};
    uint32_t nof[CONF_ALERT_SCOPES];
    for (uint32_t i = 0; i < s->nalerts; i++) {
        const struct conf_alert *rule = &s->alerts[i];
        if (rule->metric == CONF_ALERT_KEY_REFUSED) /* not by figures: alert_keys.c */
            continue;
        if (!of[rule->scope])
            nof[rule->scope] = conf_alert_subjects(s, rule->scope, names, &of[rule->scope]);
        for (uint32_t k = 0; k < nof[rule->scope] && n < WATCHES_MAX; k++) {
            const str subject = of[rule->scope][k];
            if (!conf_alert_means(rule, subject))
                continue;
            if (to)
                watch(a, &to[n], rule, subject);
            n++;
        }
    }
    return n;
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
        watched_put(&w, &a->all[i]);
        json_end(&w);
    }
    for (const struct watched *x = NULL; (x = alert_keys_next(a, x)) != NULL;) {
        json_begin_object(&w);
        watched_put(&w, x);
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

static void put_gauge(struct buf *to, const struct watched *x)
{
    buf_lit(to, "weir_alert_firing{alert=\"");
    metric_label(to, x->w.rule->name);
    buf_addf(to, "\",scope=\"" STR_FMT "\",subject=\"",
             STR_ARG(conf_alert_scope_name(x->w.rule->scope)));
    metric_label(to, x->subject);
    buf_lit(to, "\"} 1\n");
}

/* For /metrics: what fires now, and what is being tried; an alert that is well has no line. */
static bool write_metrics(const struct alerts *a, struct board *b)
{
    AUTO(buf_fini) struct buf text = BUF_INIT(BOARD_MAX);
    metric_head(&text, "weir_alert_firing", "alerts that fire, or whose end is being tried",
                "gauge");
    for (uint32_t i = 0; i < a->n; i++)
        if (a->all[i].w.state == ALERT_FIRING || a->all[i].w.state == ALERT_RECOVERING)
            put_gauge(&text, &a->all[i]);
    for (const struct watched *x = NULL; (x = alert_keys_next(a, x)) != NULL;)
        put_gauge(&text, x);
    b->metrics = text.failed ? STR_NONE : arena_dup(&b->arena_, buf_str(&text));
    return b->metrics.p != NULL;
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

void alerts_publish(struct alerts *a)
{
    struct board *b = board_new();
    if (!b || !write_json(a, b) || !write_metrics(a, b) || !write_orders(a, b)) {
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
        watched_tell(a, x, was);
    }
    alerts_publish(a);
    timer_set(t, now + LOOK_MS);
}

void alerts_follow(struct alerts *a, struct snapshot *s)
{
    struct arena names;
    struct snapshot *old = a->snap;
    arena_init(&names, NAMES_MAX);
    const uint32_t n = each(a, s, &names, NULL);
    struct watched *all = mem_zalloc((n + 1) * sizeof(*all));
    if (!all) {
        fprintf(stderr, "weir: out of memory: alerts stay as they were\n");
        arena_fini(&names);
        return;
    }
    if (n == WATCHES_MAX)
        fprintf(stderr, "weir: alerts watch %u things and no more; name them with `only`\n", n);
    const uint32_t filled = each(a, s, &names, all);
    CHECK(filled <= n);
    mem_free(a->all);
    a->all = all;
    a->n = filled;
    alert_keys_follow(a, s);
    a->snap = snapshot_ref(s);
    if (!old)
        alert_history_read(&a->history, s);
    snapshot_unref(old);   /* names of the old list pointed into it … */
    arena_fini(&a->names); /* … or here */
    a->names = names;
    alerts_publish(a);
    if (filled)
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
    list_init(&a->refused);
    arena_init(&a->names, NAMES_MAX);
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
    alert_keys_fini(a);
    arena_fini(&a->names);
    snapshot_unref(a->snap);
    timer_close(&a->clock, on_closed);
}
