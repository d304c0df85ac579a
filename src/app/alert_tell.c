/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alert_tell - a change of an alert, in words: on stderr, in the history, to the webhook; and as it
 * stands in the list of GET /api/v1/alerts. All say the same, so that whoever reads one knows all.
 */
#include "app/alerts_int.h"

#include <stdio.h>

#include "base/auto.h"
#include "base/fmt.h"

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

/* What the subject is part of, so that nobody has to take names apart. */
static void put_subject(struct json_writer *w, enum conf_alert_scope scope, str subject)
{
    if (scope == CONF_ALERT_ALL)
        return;
    put_str(w, conf_alert_scope_name(scope).p, subject);
    if (scope == CONF_ALERT_TARGET)
        put_str(w, "provider", str_head(subject, str_find_char(subject, '/')));
    if (scope == CONF_ALERT_KEY)
        put_str(w, "provider", str_head(subject, str_rfind_char(subject, '#')));
}

/* What the list, the history and a webhook say alike. */
void watched_put(struct json_writer *w, const struct watched *x)
{
    const struct conf_alert *rule = x->w.rule;
    put_str(w, "name", rule->name);
    put_str(w, "metric", conf_alert_metric_name(rule->metric));
    put_str(w, "scope", conf_alert_scope_name(rule->scope));
    put_subject(w, rule->scope, x->subject);
    put_str(w, "state", alert_state_name(x->w.state));
    put_time(w, "since", x->since);
    put_number(w, "value", x->w.value);
    put_number(w, "threshold", rule->threshold);
    json_key(w, "samples");
    json_put_u64(w, x->w.samples);
    put_str(w, "action", conf_alert_action_name(rule->action));
    if (x->why.n)
        put_str(w, "why", x->why);
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

static void say_action(struct buf *b, const struct conf_alert *rule)
{
    switch (rule->action) {
    case CONF_ALERT_NOTIFY:
        return;
    case CONF_ALERT_SWITCH_PROVIDER:
        if (rule->scope == CONF_ALERT_KEY)
            buf_lit(b, "; other keys and providers serve");
        else
            buf_lit(b, "; its calls go elsewhere");
        return;
    case CONF_ALERT_FALLBACK:
        buf_lit(b, "; its calls go to fallback models");
        return;
    }
}

static void say_figures(struct buf *b, const struct watched *x)
{
    say_value(b, x->w.rule->metric, x->w.value);
    buf_lit(b, " is above ");
    say_value(b, x->w.rule->metric, x->w.rule->threshold);
    say_action(b, x->w.rule);
}

/* "alert error_rate of provider openai fires: 23 % is above 5 %; other targets come first" */
static void say(struct buf *b, const struct watched *x, enum alert_state was)
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
        buf_add(b, was == ALERT_RECOVERING ? STR(" fires again: ") : STR(" fires: "));
        if (x->why.n)
            buf_add(b, x->why);
        else
            say_figures(b, x);
        return;
    case ALERT_RECOVERING:
        buf_lit(b, " may be over: a few calls will show");
        return;
    case ALERT_OK:
    case ALERT_PENDING:
    case ALERT_STATES:
        buf_lit(b, " is over");
        if (x->why.n)
            buf_addf(b, ": " STR_FMT, STR_ARG(x->why));
        return;
    }
}

static void send_webhook(struct alerts *a, const struct watched *x, str text)
{
    const struct conf_remote *to = &x->w.rule->webhook;
    AUTO(buf_fini) struct buf flat = BUF_INIT(ALERT_JSON_MAX);
    struct rope r = ROPE_INIT(ALERT_JSON_MAX);
    struct json_writer w;
    if (!to->text.n)
        return;
    json_writer_init(&w, &r);
    json_begin_object(&w);
    put_str(&w, "text", text); /* what Slack, Mattermost and their kin show */
    watched_put(&w, x);
    json_end(&w);
    rope_flatten(&r, &flat);
    if (!rope_failed(&r) && !flat.failed)
        webhooks_send(a->webhooks, a->snap, to, buf_str(&flat));
    rope_fini(&r);
}

static void remember(struct alerts *a, const struct watched *x)
{
    AUTO(buf_fini) struct buf flat = BUF_INIT(ALERT_JSON_MAX);
    struct rope r = ROPE_INIT(ALERT_JSON_MAX);
    struct json_writer w;
    json_writer_init(&w, &r);
    json_begin_object(&w);
    put_time(&w, "time", loop_unix_ms(a->set.loop));
    watched_put(&w, x);
    json_end(&w);
    rope_flatten(&r, &flat);
    if (rope_failed(&r) || flat.failed || !alert_history_add(&a->history, a->snap, buf_str(&flat)))
        fprintf(stderr, "weir: the history of alerts cannot be written in " STR_FMT "\n",
                STR_ARG(a->snap->data_dir));
    rope_fini(&r);
}

/* PENDING is shown and not told: most of it comes to nothing. */
void watched_tell(struct alerts *a, const struct watched *x, enum alert_state was)
{
    AUTO(buf_fini) struct buf text = BUF_INIT(ALERT_LINE_MAX);
    if (x->w.state == ALERT_PENDING || (was == ALERT_PENDING && x->w.state == ALERT_OK))
        return;
    say(&text, x, was);
    fprintf(stderr, "weir: " STR_FMT "\n", STR_ARG(buf_str(&text)));
    remember(a, x);
    if (x->w.state != ALERT_RECOVERING)
        send_webhook(a, x, buf_str(&text));
}
