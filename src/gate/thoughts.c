/* SPDX-License-Identifier: Apache-2.0 */
/*
 * thoughts - the reasoning that a client drops between two turns is put back (ir/recall.h).
 *
 * What an answer thought before it called a tool is gathered as its events pass, and posted to all
 * workers, for the next turn may come in on another one's connection. A client of Claude's own
 * language in front of Claude keeps its signed thoughts itself, and its bytes pass untouched.
 *
 * Where the client's bytes would pass (the same dialect on both sides), they are looked into only
 * when thoughts of some conversation are kept and the request declares tools; if some are missing
 * in it, it is written anew with them.
 */
#include "gate/gate_int.h"

#include "base/mem.h"

/* One key for the whole process: a hash must mean the same on every worker. */
static struct hash_key key_of(const struct call *c)
{
    return c->gate->set.world->recall_key;
}

static bool is_kept_by_client(const struct call *c)
{
    return c->same && str_eq(c->front->family, STR("anthropic"));
}

static uint64_t scope_of(const struct call *c)
{
    return recall_scope(key_of(c), c->key ? c->key->name : STR_NONE, c->ir);
}

/* ---- keeping */

void thoughts_event(struct call *c, const struct ir_event *ev)
{
    bool first =
        ev->type == IR_EV_BLOCK_START && (ev->kind == IR_THINKING || ev->kind == IR_REDACTED ||
                                          (ev->kind == IR_TOOL_USE && ev->open.sealed.n));
    if (!c->gather) {
        if (!first || !c->peek.has_tools || is_kept_by_client(c))
            return;
        c->gather = arena_new(&c->req->arena, struct recall_gather);
        if (!c->gather)
            return; /* no memory: the next turn goes without */
        gather_init(c->gather);
    }
    gather_event(c->gather, &c->req->arena, ev);
}

void thoughts_forget(struct call *c)
{
    if (c->gather)
        gather_fini(c->gather);
    c->gather = NULL;
}

struct note {
    struct mail mail; /* first */
    struct gate *to;
    unsigned n;
    uint64_t keys[RECALL_CALLS];
    size_t size;
    char text[];
};

static void take_note(struct gate *g, const struct note *m)
{
    for (unsigned i = 0; i < m->n; i++)
        recall_put(g->recall, m->keys[i], str_of(m->text, m->size), loop_now(g->loop));
}

static void on_note(struct mail *mail)
{
    struct note *m = (struct note *)(void *)mail;
    take_note(m->to, m);
    mem_free(m);
}

static struct note *write_note(struct call *c, str thoughts)
{
    struct note *m = mem_zalloc(sizeof(*m) + thoughts.n);
    uint64_t scope = scope_of(c);
    if (!m)
        return NULL;
    m->n = c->gather->ncalls;
    for (unsigned i = 0; i < m->n; i++)
        m->keys[i] = recall_key(key_of(c), scope, c->gather->ids[i], c->gather->names[i]);
    m->size = thoughts.n;
    memcpy(m->text, thoughts.p, thoughts.n);
    return m;
}

static void post_note(struct gate_world *w, unsigned self, const struct note *m)
{
    for (unsigned i = 0; i < w->nworkers; i++) {
        struct gate *to = i == self ? NULL : atomic_load(&w->gates[i]);
        struct note *copy = to ? mem_alloc(sizeof(*m) + m->size) : NULL;
        if (!copy)
            continue; /* not there yet, or no memory */
        memcpy(copy, m, sizeof(*m) + m->size);
        copy->mail = (struct mail){.fn = on_note};
        copy->to = to;
        loop_post(to->loop, &copy->mail);
    }
}

void thoughts_keep(struct call *c)
{
    str thoughts = c->gather ? gather_end(c->gather) : STR_NONE;
    if (!thoughts.n || !thoughts_decode(c))
        return;
    struct note *m = write_note(c, thoughts);
    if (m) {
        take_note(c->gate, m);
        post_note(c->gate->set.world, c->gate->set.worker, m);
    }
    mem_free(m);
}

/* ---- putting back */

/* The canonical request, for its first turn and its calls. False: it cannot be had; nothing is
 * said. */
bool thoughts_decode(struct call *c)
{
    struct arena *a = &c->req->arena;
    struct fail f;
    if (c->ir)
        return true;
    struct ir_request *ir = arena_new(a, struct ir_request);
    if (!ir || c->front->front->decode_request(json_root(&c->doc), &c->froute, a, ir, &f) != RC_OK)
        return false;
    c->ir = ir;
    return true;
}

bool thoughts_restore(struct call *c)
{
    unsigned n = 0;
    if (is_kept_by_client(c))
        return false;
    if (!c->restored && !recall_is_empty(c->gate->recall) && c->peek.has_tools &&
        thoughts_decode(c)) {
        c->restored = true; /* once: c->ir is the same for each attempt */
        if (recall_restore(c->gate->recall, key_of(c), scope_of(c), c->ir, &c->req->arena,
                           loop_now(c->gate->loop), &n) == RC_OK)
            c->recalled = n != 0;
    }
    return c->recalled;
}
