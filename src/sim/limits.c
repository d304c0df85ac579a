/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limits - rate limits as the gate keeps them: what providers say in the heads of their answers
 * (route/quota.h), and what the configuration allows (route/meter.h).
 *
 * The world's providers write OpenAI's headers, so that the real reader reads them. It is those of
 * requests and tokens; how other vendors spell the same is quota's matter and its tests'.
 */
#include <stdio.h>

#include "base/mem.h"
#include "sim/run_int.h"

#define ANSWER_USUAL 256 /* tokens, where the request says no limit: as gate/ask.c */

enum rc limits_init(struct run *r)
{
    const struct snapshot *snap = r->set->snap;
    r->meters = mem_zalloc(sizeof(*r->meters));
    r->meter_of = mem_zalloc((snap->nproviders + 1) * sizeof(struct meter *));
    if (!r->meters || !r->meter_of)
        return RC_NOMEM;
    for (uint32_t i = 0; i < snap->nproviders; i++) {
        const struct conf_rates *limits = &snap->providers[i].rates;
        if (limits->rpm || limits->tpm || limits->concurrency)
            r->meter_of[i] = meter_take(r->meters, i + 1);
    }
    return RC_OK;
}

void limits_fini(struct run *r)
{
    mem_free(r->meters);
    mem_free(r->meter_of);
}

struct quota_need limits_need(const struct sim_usage *u)
{
    return (struct quota_need){(uint64_t)u->prompt, ANSWER_USUAL};
}

void limits_begin(struct run *r, struct run_call *c)
{
    struct meter *m = r->meter_of[c->cand.provider->index];
    quota_begin(&c->cand.health->quota, &c->need, r->now);
    if (m)
        meter_begin(m, c->need.input + c->need.output, r->now, &c->share);
}

void limits_end(struct run_call *c, bool served)
{
    meter_end(&c->share, served ? (uint64_t)(c->usage.prompt + c->usage.output) : 0);
}

/* ---- what the provider says */

static void say(struct quota_said *to, const char *what, const struct world_says *s)
{
    char name[64], value[32];
    const double values[] = {s->limit, s->left};
    static const char *const parts[] = {"limit", "remaining"};
    if (s->limit <= 0)
        return;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        snprintf(name, sizeof(name), "x-ratelimit-%s-%s", parts[i], what);
        snprintf(value, sizeof(value), "%.0f", values[i]);
        (void)quota_header(to, str_c(name), str_c(value), 0);
    }
    snprintf(name, sizeof(name), "x-ratelimit-reset-%s", what);
    snprintf(value, sizeof(value), "%.0fms", s->full_ms);
    (void)quota_header(to, str_c(name), str_c(value), 0);
}

void limits_head(struct run *r, struct run_call *c, enum outcome_end how)
{
    struct quota *q = &c->cand.health->quota;
    struct quota_said said = {0};
    quota_answered(q, &c->need, c->attempt_began);
    if (how != OUTCOME_LIMITED && !quota_is_due(q, r->now))
        return;
    if (c->at->now.tells > 0) {
        const struct world_says requests = world_says(c->at, WORLD_REQUESTS, r->now),
                                tokens = world_says(c->at, WORLD_TOKENS, r->now);
        say(&said, "requests", &requests);
        say(&said, "tokens", &tokens);
    }
    quota_learn(q, &said, r->now);
    if (how == OUTCOME_SERVED)
        quota_good(q, &said, c->attempt_began, r->now);
}
