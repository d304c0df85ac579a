/* SPDX-License-Identifier: Apache-2.0 */
/* past - a ring of calls that are over; see the header. */
#include "gate/past.h"

#include <math.h>
#include <stdio.h>

#include "base/fmt.h"
#include "base/mem.h"
#include "base/num.h"
#include "gate/explain.h"
#include "route/trace.h"

#define ANSWER_MAX (256u << 10)

/* ---- keeping */

static uint16_t name(struct past_call *p, str s)
{
    if (!s.n || p->used + s.n + 1 > PAST_TEXT)
        return 0; /* text[0] is the empty name */
    const uint16_t at = p->used;
    memcpy(p->text + at, s.p, s.n);
    p->text[at + s.n] = '\0';
    p->used = (uint16_t)(at + s.n + 1);
    return at;
}

static void keep_target(struct past_call *p, const struct trace_target *t)
{
    struct past_target *to = &p->targets[p->ntargets++];
    *to = (struct past_target){.why = (uint8_t)t->why,
                               .rank = t->rank < 255 ? (uint8_t)(t->rank + 1) : 0,
                               .score = (float)t->as.score,
                               .first_ms = (float)t->first_ms,
                               .call_ms = (float)t->call_ms,
                               .error_rate = (float)t->as.seen.error_rate,
                               .usd = t->as.usd};
    to->provider = name(p, t->provider->name);
    to->model = name(p, t->target->model);
}

static void keep_attempt(struct past_call *p, const struct attempt_record *t)
{
    struct past_attempt *to = &p->attempts[p->nattempts++];
    *to = (struct past_attempt){
        .status = (uint16_t)t->status, .error = (uint8_t)t->error, .ms = t->ms};
    to->provider = name(p, t->provider->name);
    to->model = name(p, t->model);
}

static bool is_worth_it(const struct call *c)
{
    const bool failed = c->attempts > 1 || (c->route && c->reply_error != ERR_COUNT);
    return (c->trace || failed) && c->id.n == PAST_ID;
}

static void keep_plan(struct past_call *p, const struct plan_trace *t)
{
    p->strategy = (uint8_t)t->route->strategy;
    p->explored = t->explored;
    p->panic = t->panic;
    for (uint32_t i = 0; i < t->n && i < PAST_TARGETS; i++)
        keep_target(p, &t->targets[i]);
}

void past_keep(struct call *c, unsigned status, uint64_t ms)
{
    struct gate *g = c->gate;
    if (!is_worth_it(c))
        return;
    if (!g->past && !(g->past = mem_zalloc(sizeof(*g->past))))
        return;
    struct past_call *p = &g->past->calls[g->past->next++ % PAST_CALLS];
    p->ntargets = p->nattempts = 0;
    p->used = 1; /* the empty name */
    memcpy(p->id, c->id.p, PAST_ID);
    p->status = (uint16_t)status;
    p->ms = (uint32_t)ms;
    p->unix_ms = loop_unix_ms(g->loop);
    p->asked = name(p, c->peek.model);
    p->route = c->route ? name(p, c->route->name) : 0;
    p->routed_by = name(p, routed_text(c));
    p->strategy = CONF_STRATEGY_COUNT; /* there was no choice */
    p->explored = p->panic = false;
    if (c->trace)
        keep_plan(p, c->trace);
    for (unsigned i = 0; i < c->attempts; i++)
        keep_attempt(p, &c->tried[i]);
}

/* ---- telling */

static void key_name(struct json_writer *w, const char *key, const struct past_call *p, uint16_t at)
{
    json_key_str(w, str_c(key));
    json_put_str(w, at < PAST_TEXT ? str_c(p->text + at) : STR(""));
}

static void write_target(const struct past_call *p, const struct past_target *t,
                         struct json_writer *w)
{
    const enum plan_reason why = t->why < REASON_COUNT ? (enum plan_reason)t->why : REASON_FITS;
    json_begin_object(w);
    key_name(w, "route", p, p->route);
    key_name(w, "provider", p, t->provider);
    key_name(w, "model", p, t->model);
    json_key(w, "eligible");
    json_put_bool(w, why == REASON_FITS);
    json_key(w, "reason");
    json_put_str(w, reason_name(why));
    json_key(w, "why");
    json_put_str(w, reason_help(why));
    if (t->rank) {
        json_key(w, "rank");
        json_put_u64(w, t->rank);
        json_key(w, "score");
        char text[48];
        const int n = snprintf(text, sizeof(text), "%.6g", (double)t->score);
        json_put_text(w, isfinite(t->score) ? str_of(text, (size_t)n) : STR("null"));
    }
    json_key(w, "expected");
    json_begin_object(w);
    json_member_known(w, "ttft_ms", (double)t->first_ms, 0);
    json_member_known(w, "latency_ms", (double)t->call_ms, 0);
    json_member_known(w, "cost_usd", t->usd < 0 ? -1 : t->usd * 1e-9, 9);
    json_end(w);
    json_key(w, "figures");
    json_begin_object(w);
    json_member_known(w, "error_rate", (double)t->error_rate, 4);
    json_member_known(w, "ttft_ms", (double)t->first_ms, 0);
    json_end(w);
    json_end(w);
}

static void write_attempt(const struct past_call *p, const struct past_attempt *a,
                          struct json_writer *w)
{
    json_begin_object(w);
    key_name(w, "provider", p, a->provider);
    key_name(w, "model", p, a->model);
    json_key(w, "status");
    json_put_u64(w, a->status);
    if (a->error < ERR_COUNT) {
        json_key(w, "error");
        json_put_str(w, err_row((enum err)a->error)->name);
    }
    json_key(w, "ms");
    json_put_u64(w, a->ms);
    json_end(w);
}

static void write_past(const struct past_call *p, struct json_writer *w)
{
    char time[FMT_TIME_MAX];
    json_begin_object(w);
    json_key(w, "call");
    json_put_str(w, str_of(p->id, PAST_ID));
    json_key(w, "time");
    json_put_str(w, str_of(time, fmt_time(time, p->unix_ms)));
    json_key(w, "request");
    json_begin_object(w);
    key_name(w, "model", p, p->asked);
    json_end(w);
    json_key(w, "resolved");
    json_begin_object(w);
    key_name(w, "route", p, p->route);
    json_key(w, "by");
    json_put_str(w, p->routed_by ? str_c(p->text + p->routed_by) : STR("model"));
    json_end(w);
    if (p->strategy < CONF_STRATEGY_COUNT) {
        json_key(w, "strategy");
        json_put_str(w, explain_strategy((enum conf_strategy)p->strategy));
    }
    json_key(w, "explores");
    json_put_bool(w, p->explored);
    json_key(w, "last_resort");
    json_put_bool(w, p->panic);
    json_key(w, "status");
    json_put_u64(w, p->status);
    json_key(w, "latency_ms");
    json_put_u64(w, p->ms);
    json_key(w, "candidates"); /* as they were when the last plan was made */
    json_begin_array(w);
    for (unsigned i = 0; i < p->ntargets; i++)
        write_target(p, &p->targets[i], w);
    json_end(w);
    json_key(w, "attempts");
    json_begin_array(w);
    for (unsigned i = 0; i < p->nattempts; i++)
        write_attempt(p, &p->attempts[i], w);
    json_end(w);
    json_end(w);
}

static const struct past_call *find(const struct gate *g, const char *id)
{
    for (unsigned i = 0; g->past && i < PAST_CALLS; i++)
        if (memcmp(g->past->calls[i].id, id, PAST_ID) == 0)
            return &g->past->calls[i];
    return NULL;
}

static void answer(struct call *c, const struct past_call *p)
{
    struct rope r = ROPE_INIT(ANSWER_MAX);
    struct json_writer w;
    if (!p) {
        call_fail_kind(c, ERR_NOT_FOUND,
                       STR("No such call is remembered: of the last ones those are that had a "
                           "choice or met a failure."),
                       STR("not_found"));
        return;
    }
    json_writer_init(&w, &r);
    write_past(p, &w);
    local_answer_json(c, 200, &r);
}

/* ---- from another worker */

struct question {
    struct mail mail; /* first */
    struct gate *from, *to;
    char id[PAST_ID], asked_by[PAST_ID];
    bool found;
    struct past_call call;
};

/* The one that asked may have left; its id tells. */
static void on_answer(struct mail *m)
{
    struct question *q = (struct question *)(void *)m;
    if (q->from->client) /* else it is closing */
        list_each_safe(it, tmp, &q->from->calls)
        {
            struct call *c = list_entry(it, struct call, link);
            if (c->local && c->id.n == PAST_ID && memcmp(c->id.p, q->asked_by, PAST_ID) == 0) {
                answer(c, q->found ? &q->call : NULL);
                break;
            }
        }
    mem_free(q);
}

static void on_question(struct mail *m)
{
    struct question *q = (struct question *)(void *)m;
    const struct past_call *p = q->to->client ? find(q->to, q->id) : NULL;
    if (!q->to->client) {
        mem_free(q); /* all are closing */
        return;
    }
    q->found = p != NULL;
    if (p)
        q->call = *p;
    q->mail = (struct mail){.fn = on_answer};
    loop_post(q->from->loop, &q->mail);
}

/* Whose it is stands in the id: gate/call.c, new_id. */
static struct gate *owner_of(struct call *c, str id)
{
    struct gate_world *w = c->gate->set.world;
    uint64_t high;
    if (id.n != PAST_ID || !str_has_prefix(id, STR("req_")) ||
        num_hex(str_head(str_from(id, 4), 16), &high) != RC_OK)
        return NULL;
    const unsigned worker = high >> 8 & 0xff;
    return worker < w->nworkers && worker < GATE_WORKERS_MAX ? atomic_load(&w->gates[worker])
                                                             : NULL;
}

void past_serve(struct call *c, str id)
{
    struct gate *to = owner_of(c, id);
    if (!to || to == c->gate || c->id.n != PAST_ID) {
        answer(c, to ? find(to == c->gate ? to : c->gate, id.p) : NULL);
        return;
    }
    struct question *q = mem_zalloc(sizeof(*q));
    if (!q) {
        call_fail_kind(c, ERR_OVERLOADED, STR_NONE, STR_NONE);
        return;
    }
    q->mail = (struct mail){.fn = on_question};
    q->from = c->gate, q->to = to;
    memcpy(q->id, id.p, PAST_ID);
    memcpy(q->asked_by, c->id.p, PAST_ID);
    own_time_stop(c);
    loop_post(to->loop, &q->mail);
}
