/* SPDX-License-Identifier: Apache-2.0 */
/*
 * twin - a second attempt beside one that is slow to begin, as gate/hedge.c: the first with content
 * wins, the other one's prompt is paid for.
 *
 * The second one is a call of its own here too. The plan stays with the first until that is gone.
 */
#include "base/check.h"
#include "base/mem.h"
#include "sim/run_int.h"

#define DELAY_MIN_MS 50

static msec delay_of(const struct run_call *c)
{
    const struct conf_hedge *h = &c->route->hedge;
    const msec ms = h->percentile ? figures_slow_ms(&c->cand.health->figures) : h->after;
    return ms && ms < DELAY_MIN_MS ? DELAY_MIN_MS : ms;
}

void twin_arm(struct run *r, struct run_call *c)
{
    const msec ms = c->hedged || c->twin || !c->route->hedge.on ? 0 : delay_of(c);
    c->slow_at = ms ? r->now + ms : 0;
    if (ms)
        run_push(r, c->slow_at, HAPPENS_SLOW, c);
}

/* Another key of the same target would be as slow. */
static bool has_another(const struct run_call *c)
{
    return c->plan.next < c->plan.n && c->plan.c[c->plan.next].target != c->cand.target;
}

static struct run_call *second_of(const struct run_call *c)
{
    struct run_call *s = mem_zalloc(sizeof(*s));
    if (!s)
        return NULL;
    s->route = c->route;
    s->budget = c->budget;
    s->usage = c->usage;
    s->need = c->need;
    s->session = c->session;
    s->began = c->began, s->deadline = c->deadline;
    s->second = s->hedged = s->retrying = true;
    s->same_tries = 1;
    return s;
}

void run_slow(struct run *r, struct run_call *c)
{
    const bool silent = c->record_open && !c->attempt_first && c->slow_at == r->now;
    if (!silent || c->twin || !has_another(c) ||
        !retry_budget_hedge(c->budget, c->route->hedge.max, r->now))
        return;
    if (!run_may_follow(r, c)) {
        retry_budget_unhedge(c->budget);
        return;
    }
    struct candidate *next = plan_next(&c->plan, r->now);
    struct run_call *s = next ? second_of(c) : NULL;
    if (!s) {
        r->failed |= next != NULL;
        retry_budget_return(c->budget);
        retry_budget_unhedge(c->budget);
        return;
    }
    candidate_take(&s->cand, next);
    s->has_cand = true;
    s->twin = c, c->twin = s;
    c->hedged = true;
    r->result->hedges++;
    run_start(r, s);
}

/* `c` goes on alone, with all that is the call's; the record of the other one has ended. */
static void alone(struct run_call *c)
{
    struct run_call *other = c->twin;
    CHECK(!other->record_open);
    c->attempts += other->attempts;
    c->twin = other->twin = NULL;
    if (c->second) {
        c->plan = other->plan;
        plan_clear(&other->plan);
        c->next_fallback = other->next_fallback;
        c->last_resort = other->last_resort;
        c->found = other->found;
        c->second = false;
    }
    run_forget(other);
}

static void lose(struct run *r, struct run_call *loser)
{
    const struct sim_usage asked = {.prompt = loser->usage.prompt, .cached = loser->fate.cached};
    if (!loser->record_open)
        return; /* it waits for its turn to try again: nothing was asked */
    if (!loser->second && !loser->attempt_first) /* that much is known of its time */
        figures_first(&loser->cand.health->figures, r->now, loser->attempt_began),
            loser->attempt_first = r->now;
    run_charge(r, loser, &asked);
    run_end_record(r, loser, FIGURES_VOID);
}

void twin_won(struct run *r, struct run_call *c)
{
    r->result->hedges_won += c->second;
    lose(r, c->twin);
    alone(c);
}

bool twin_failed(struct run *r, struct run_call *c, const struct attempt_failure *f)
{
    struct run_call *other = c->twin;
    if (retry_decide(f, &r->dice).where == RETRY_NOWHERE) {
        lose(r, other);
        alone(c);
        return false;
    }
    run_learn(r, c, f);
    alone(other);
    return true;
}
