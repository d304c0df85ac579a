/* SPDX-License-Identifier: Apache-2.0 */
/* mirror - a copy of a call for another model; see the header. */
#include "gate/mirror.h"

#include "base/mem.h"
#include "gate/feature.h"
#include "gate/recovery.h"

#define ARENA_BASE (8u << 20)
#define ARENA_BODY 12 /* times the body: as the server gives to a call (gate.c) */

/* All of this worker's. */
struct mirrors {
    struct list all;
    unsigned n;
    size_t bytes;
};

/* ---- the caller's answer */

/* In an arena of its own: what is kept for a comparison must never fill the caller's. */
struct mirror_ear {
    struct arena arena;
    struct ir_collect collect;
};

static void free_ear(void *arg)
{
    struct mirror_ear *ear = arg;
    arena_fini(&ear->arena);
}

void mirror_listen(struct call *c)
{
    if (!c->rules || !c->rules->out.mirror || c->op)
        return;
    if (!c->ear) {
        struct mirror_ear *ear = arena_new(&c->req->arena, struct mirror_ear);
        if (!ear)
            return;
        arena_init(&ear->arena, MIRROR_ANSWER_MAX);
        if (!arena_hook(&c->req->arena, free_ear, ear))
            return;
        c->ear = ear;
    }
    if (rescue_is_on(c)) /* what was heard of the answer stands */
        return;
    arena_reset(&c->ear->arena); /* an earlier attempt may have said something */
    ir_collect_init(&c->ear->collect, &c->ear->arena, false);
}

void mirror_hear(struct call *c, const struct ir_event *ev)
{
    if (!c->ear->collect.failed)
        ir_collect_event(&c->ear->collect, ev);
}

static void sum_up(struct mirror_side *to, const struct ir_collect *from, struct arena *scratch)
{
    if (from->failed || !likeness_of(&from->response, scratch, &to->like))
        to->like.whole = false;
}

/* What an attempt was like, on either side: the times are the attempt's, for a caller who reads
 * slowly, or one who waited for another target first, says nothing of the model. */
static void note_attempt(struct mirror_side *to, const struct call *c)
{
    if (!c->attempts)
        return;
    const struct attempt_record *t = &c->tried[c->attempts - 1];
    to->provider = t->provider;
    to->model = t->model;
    to->ms = t->ms;
    if (c->attempt_content)
        to->ttft_ms = c->attempt_content - c->attempt_began;
    to->usage = c->usage;
    to->charge = c->charge;
    to->charged = c->charged;
}

/* ---- the copy */

/* A head's slices point into bytes of the connection. Credentials stay behind: nobody asks a copy
 * who sent it. */
static struct h1_head *copy_head(struct arena *a, const struct h1_head *h)
{
    const size_t n = offsetof(struct h1_head, headers) + h->nheaders * sizeof(h->headers[0]);
    struct h1_head *to = arena_alloc(a, sizeof(*to));
    if (!to)
        return NULL;
    memcpy(to, h, n);
    str *const words[] = {&to->method_text, &to->target, &to->path, &to->query, &to->host};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        *words[i] = words[i]->p ? arena_dup(a, *words[i]) : STR_NONE;
    to->reason = STR_NONE;
    for (unsigned i = 0; i < to->nheaders; i++) {
        struct h1_header *x = &to->headers[i];
        const bool secret = x->id == H1_AUTHORIZATION || x->id == H1_API_KEY ||
                            x->id == H1_X_API_KEY || x->id == H1_X_GOOG_API_KEY ||
                            str_eq_nocase(x->name, STR("cookie"));
        x->name = arena_dup(a, x->name);
        x->value = secret ? STR("") : arena_dup(a, x->value);
    }
    return to;
}

/* The edits and tags of the caller's rules go along; no trial, and no copy of a copy. */
static struct call_rules *copy_rules(struct arena *a, const struct call_rules *r)
{
    struct call_rules *to = arena_new(a, struct call_rules);
    if (!to)
        return NULL;
    to->out = r->out;
    to->out.mirror = to->out.trial = NULL;
    for (uint32_t i = 0; i < to->out.ntags; i++)
        to->out.tags[i] = arena_dup(a, to->out.tags[i]); /* a caller's stands in his head */
    return to;
}

static void on_start(struct alarm *a);

/* False: no memory. */
static bool fill(struct mirror *m, const struct call *c)
{
    struct call *k = &m->call;
    struct arena *a = &m->req.arena;
    m->req.head = copy_head(a, c->req->head);
    m->req.body = arena_dup(a, c->req->body);
    m->id = arena_dup(a, c->id);
    k->rules = copy_rules(a, c->rules);
    if (!m->req.head || !m->req.body.p || !k->rules || arena_is_full(a))
        return false;
    k->mirror = m;
    k->gate = c->gate;
    k->req = &m->req;
    k->gen = c->gen;
    k->gen->refs++;
    k->key = c->key;
    k->id = m->id;
    k->phase = CALL_READING;
    k->reply_error = ERR_COUNT;
    k->held = BUF_INIT(GATE_PRELUDE_MAX);
    k->whole = BUF_INIT(GATE_ANSWER_MAX);
    k->alarm.fn = on_start;
    list_init(&k->link);
    plan_clear(&k->plan);
    ir_lossy_clear(&k->lossy);
    k->front = dialect_route(m->req.head->path, m->req.head->query, &k->froute);
    return k->front != NULL;
}

static void destroy(struct mirror *m)
{
    arena_fini(&m->req.arena);
    mem_free(m);
}

/* It is recorded, and all it holds is given back. */
static void over(struct mirror *m, enum mirror_outcome how)
{
    struct call *k = &m->call;
    struct mirrors *all = k->gate->mirrors;
    CHECK(k->phase != CALL_OVER && all->n > 0 && all->bytes >= m->bytes);
    attempt_drop(k, k->reply_error);
    note_attempt(&m->own, k);
    m->outcome = how;
    mirror_record(m);
    call_stop(k);
    k->phase = CALL_OVER;
    list_remove(&m->link);
    all->n--;
    all->bytes -= m->bytes;
    gen_unref(k->gen);
    destroy(m);
}

/* ---- its attempt */

static bool choose(struct call *k)
{
    struct gate *g = k->gate;
    const msec now = loop_now(g->loop);
    struct plan_ask ask;
    call_ask(k, k->route, &ask);
    plan_build(&k->plan, &g->route, k->gen->snap, k->route, &ask, now);
    struct candidate *next = k->plan.panic || k->plan.reluctant ? NULL : ask_plan_next(k);
    if (next && (next->probing || !k->gen->bindings[next->target->provider].dialect)) {
        candidate_probe_over(next); /* a caller is to find out; and the demo copies nothing */
        next = NULL;
    }
    if (!next)
        return false;
    candidate_take(&k->chosen, next);
    k->cand = &k->chosen;
    k->same_tries = 1;
    return true;
}

/* In the loop's own turn: whoever settled the caller's call may have been deep in an answer. Each
 * step that fails ends in mirror_failed, and the copy is gone. */
static void on_start(struct alarm *a)
{
    struct call *k = (struct call *)(void *)((char *)a - offsetof(struct call, alarm));
    struct mirror *m = k->mirror;
    const struct conf_route *r = m->rule->mirror->route;
    if (k->gate->draining) {
        over(m, MIRROR_CANCELLED);
        return;
    }
    m->req.began = loop_now(k->gate->loop);
    if (stage_decode(k) != STEP_NEXT)
        return;
    k->found = (struct conf_found){.how = CONF_BY_RULE, .route = r};
    k->route = r;
    k->deadline = m->req.began + k->gen->snap->timeouts.total;
    if (!policy_take(k)) /* whom the caller rules out gets no copy either */
        return;
    k->phase = CALL_SENDING;
    if (choose(k))
        attempt_start(k);
    else
        over(m, MIRROR_NO_TARGET);
}

void mirror_served(struct call *k)
{
    struct mirror *m = k->mirror;
    CHECK(k->collect && k->attempts == 1);
    k->committed = true; /* in the sense of the accounts: there is an answer */
    settle_usage(k);
    if (k->usage.source != USAGE_NONE) {
        k->charge = pricing_charge(&k->gen->pricing, k->cand->provider->index, known_of_attempt(k),
                                   &k->usage, loop_unix_ms(k->gate->loop));
        k->charged = true;
    }
    sum_up(&m->own, k->collect, &m->req.arena);
    m->own.status = k->status;
    m->own.error = ERR_COUNT;
    over(m, mirror_compare(m));
}

void mirror_failed(struct call *k, const struct fail *f)
{
    struct mirror *m = k->mirror;
    k->reply_error = f->kind;
    m->own.status = k->status;
    m->own.error = f->kind;
    over(m, mirror_compare(m));
}

/* ---- when it is made */

static struct mirrors *mirrors_of(struct gate *g)
{
    if (!g->mirrors && (g->mirrors = mem_zalloc(sizeof(*g->mirrors))) != NULL)
        list_init(&g->mirrors->all);
    return g->mirrors;
}

/* By name: those of the generation before count too. */
static unsigned of_rule(const struct mirrors *all, const struct conf_rule *r)
{
    unsigned n = 0;
    list_each(it, &all->all) n += str_eq(list_entry(it, struct mirror, link)->rule->name, r->name);
    return n;
}

static bool has_room(const struct mirrors *all, const struct conf_rule *r, size_t bytes)
{
    return all && all->n < MIRROR_MAX && bytes <= MIRROR_BYTES_MAX - all->bytes &&
           of_rule(all, r) < r->mirror->at_once;
}

/* MIRROR_OUTCOMES: it is on its way. */
static enum mirror_outcome make(struct call *c, const struct conf_rule *r, unsigned status)
{
    struct gate *g = c->gate;
    struct mirrors *all = mirrors_of(g);
    const size_t bytes = c->req->body.n;
    if (g->draining)
        return MIRROR_CANCELLED;
    struct mirror *m = has_room(all, r, bytes) ? mem_zalloc(sizeof(*m)) : NULL;
    if (!m)
        return MIRROR_OVER_CAP;
    arena_init(&m->req.arena, ARENA_BASE + bytes * ARENA_BODY);
    m->rule = r;
    m->bytes = bytes;
    if (!fill(m, c) || alarm_set(g->alarms, &m->call.alarm, loop_now(g->loop)) != RC_OK) {
        if (m->call.gen)
            gen_unref(m->call.gen);
        destroy(m);
        return MIRROR_OVER_CAP;
    }
    note_attempt(&m->theirs, c);
    m->theirs.model = arena_dup(&m->req.arena, m->theirs.model);
    m->theirs.status = status;
    m->theirs.error = c->reply_error;
    if (c->ear)
        sum_up(&m->theirs, &c->ear->collect, &c->ear->arena);
    list_push_back(&all->all, &m->link);
    all->n++;
    all->bytes += bytes;
    return MIRROR_OUTCOMES;
}

void mirror_settle(struct call *c, unsigned status, bool gone)
{
    const struct conf_rule *r = c->rules ? c->rules->out.mirror : NULL;
    if (!r || !c->route || !c->gate->alarms)
        return; /* a rule refused it, or the gate is closing */
    enum mirror_outcome how = MIRROR_UNFIT;
    if (!c->op && c->froute.op == FRONT_CHAT && !gone)
        how = make(c, r, status);
    if (how != MIRROR_OUTCOMES)
        mirror_count(c->gate, r, how);
}

void mirrors_stop(struct gate *g)
{
    if (!g->mirrors)
        return;
    list_each_safe(it, tmp, &g->mirrors->all)
    {
        struct mirror *m = list_entry(it, struct mirror, link);
        m->call.reply_error = m->own.error = ERR_UNAVAILABLE;
        over(m, MIRROR_CANCELLED);
    }
}

void mirrors_free(struct gate *g)
{
    CHECK(!g->mirrors || list_is_empty(&g->mirrors->all));
    mem_free(g->mirrors);
    g->mirrors = NULL;
}
