/* SPDX-License-Identifier: Apache-2.0 */
/*
 * turns - a client that sends only what is new, and the id of the answer it goes on from, gets the
 * whole conversation put before it (ir/kept.h).
 *
 *     {"previous_response_id":"resp_2","input":"And then?"}
 *     → {"input":[…what resp_1 and resp_2 were asked and answered…, {…"And then?"}]}
 *
 * An answer that we wrote ourselves is kept here, for its provider knows nothing of its id. Where
 * both sides speak Responses, the provider usually keeps its own: then the link says who that is,
 * it is asked first and gets the client's bytes as they are, and only another one, when it fails,
 * gets the whole. What is needed for that is kept where the route has another one at all; it is cut
 * out of the last event, for that repeats the answer, so the events before pass as fast as ever.
 *
 * An id that is not here goes on to a provider of Responses as it is, and is refused in OpenAI's
 * words by the front when the request must be translated.
 *
 * Kept on every worker, for the next turn may come in on another one's connection. It is posted
 * before the client gets the end of the answer, and so is a deletion: a worker hears of an answer
 * before anybody can know its id.
 */
#include "gate/feature.h"
#include "gate/gate_int.h"

#include "base/mem.h"
#include "dialect/splice.h"
#include "ir/kept.h"

str turns_owner(const struct call *c)
{
    return c->key ? c->key->name : STR("");
}

/* ---- going on */

/* printf goes through a text byte by byte, and these are as long as prompts are. */
str turns_join(struct arena *a, const str *part, size_t n)
{
    size_t size = 0;
    for (size_t i = 0; i < n; i++)
        size += part[i].n;
    char *p = arena_alloc(a, size + 1), *to = p;
    if (!p)
        return STR_NONE;
    for (size_t i = 0; i < n; i++) {
        if (part[i].n)
            memcpy(to, part[i].p, part[i].n);
        to += part[i].n;
    }
    ASSERT((size_t)(to - p) == size);
    return str_of(p, size);
}

/* What the client sent as new, as items without the brackets around them. */
static str own_items(struct arena *a, jval input)
{
    str text = json_text(input);
    if (json_is(input, JSON_STRING)) {
        const str part[] = {STR("{\"type\":\"message\",\"role\":\"user\",\"content\":"), text,
                            STR("}")};
        return turns_join(a, part, ARRAY_LEN(part));
    }
    if (!json_is(input, JSON_ARRAY))
        return STR("");
    return str_trim(str_head(str_from(text, 1), text.n - 2));
}

static bool is_previous(void *ctx, jval key, jval value)
{
    (void)ctx;
    (void)value;
    return json_str_is(key, STR("previous_response_id"));
}

/* The client's body with the whole conversation in it. Absent: no memory. */
static str write_whole(struct call *c, str before, str own)
{
    struct arena *a = &c->req->arena;
    jval root = json_root(&c->doc), input = json_get_lit(root, "input");
    const str part[] = {STR("["), before, before.n && own.n ? STR(",") : STR(""), own, STR("]")};
    str all = turns_join(a, part, ARRAY_LEN(part));
    struct rope r = ROPE_INIT(GATE_REQUEST_MAX);
    struct buf flat = BUF_INIT(GATE_REQUEST_MAX);
    struct splice s;
    splice_init(&s, root);
    splice_cut(&s, root, is_previous, NULL);
    if (json_has(input))
        splice_replace(&s, input, all);
    else
        splice_into(&s, root, turns_join(a, (const str[]){STR("\"input\":"), all}, 2), a);
    splice_write(&s, &r);
    rope_flatten(&r, &flat);
    str text = rope_failed(&r) || flat.failed || !all.p ? STR_NONE : arena_dup(a, buf_str(&flat));
    rope_fini(&r);
    buf_fini(&flat);
    return text;
}

bool turns_put_before(struct call *c)
{
    struct arena *a = &c->req->arena;
    struct json_error e;
    str before;
    CHECK(c->peek.previous.n && !c->continued);
    enum rc rc = kept_get(c->gate->kept, turns_owner(c), c->peek.previous, KEPT_ALL, a,
                          loop_now(c->gate->loop), &before);
    if (rc == RC_NOTFOUND)
        return true; /* the provider may know it */
    str own = own_items(a, json_get_lit(json_root(&c->doc), "input"));
    str text = rc == RC_OK && own.p ? write_whole(c, before, own) : STR_NONE;
    if (!text.n)
        return false;
    c->asked = c->doc;
    c->continued = true;
    if (json_parse(a, text, &c->doc, &e) != RC_OK)
        return false; /* too many parts, for each half was JSON */
    return c->doc.count <= GATE_NODES_MAX;
}

/* A provider that still is there and speaks the client's language. */
const struct conf_provider *turns_keeper(const struct call *c, str name)
{
    const struct conf_provider *p = name.n ? conf_find_provider(c->gen->snap, name) : NULL;
    const struct dialect *d = p && p->enabled ? c->gen->bindings[p->index].dialect : NULL;
    return d && dialect_is_same(c->front, d) ? p : NULL;
}

bool turns_go_on(struct call *c)
{
    struct kept_link l;
    CHECK(!c->keeper && !c->continued);
    if (!c->peek.previous.n || kept_is_empty(c->gate->kept) ||
        kept_find(c->gate->kept, turns_owner(c), c->peek.previous, loop_now(c->gate->loop), &l) !=
            RC_OK)
        return true;
    c->keeper = turns_keeper(c, l.provider);
    return c->keeper || turns_put_before(c);
}

/* ---- keeping */

struct note {
    struct mail mail; /* first */
    struct gate *to;
    bool forget;           /* only the link's owner and id count */
    struct kept_link link; /* into `bytes` */
    size_t size;
    char bytes[];
};

static void take_note(struct gate *g, const struct kept_link *l, bool is_gone)
{
    CHECK(g->gen); /* mail stops before the last configuration goes */
    if (is_gone)
        kept_forget(g->kept, l->owner, l->id);
    else
        kept_put(g->kept, l, g->gen->snap->limits.responses, loop_now(g->loop));
}

static void on_note(struct mail *mail)
{
    struct note *m = (struct note *)(void *)mail;
    take_note(m->to, &m->link, m->forget);
    mem_free(m);
}

/* An absent text stays absent, an empty one empty. */
static str lay(struct note *m, str s)
{
    char *at = m->bytes + m->size;
    if (s.n)
        memcpy(at, s.p, s.n);
    m->size += s.n;
    return s.n ? str_of(at, s.n) : s.p ? STR("") : STR_NONE;
}

static void post(struct gate *to, const struct kept_link *l, bool is_gone)
{
    size_t size = l->owner.n + l->id.n + l->previous.n + l->provider.n + l->asked.n + l->before.n +
                  l->output.n + l->after.n;
    struct note *m = mem_alloc(sizeof(*m) + size);
    if (!m)
        return; /* that worker will not know the conversation */
    *m = (struct note){.mail = {.fn = on_note}, .to = to, .forget = is_gone};
    m->link = (struct kept_link){.session = l->session,
                                 .owner = lay(m, l->owner),
                                 .id = lay(m, l->id),
                                 .previous = lay(m, l->previous),
                                 .provider = lay(m, l->provider),
                                 .asked = lay(m, l->asked),
                                 .before = lay(m, l->before),
                                 .output = lay(m, l->output),
                                 .after = lay(m, l->after)};
    CHECK(m->size == size);
    loop_post(to->loop, &m->mail);
}

/* Here at once, on the other workers as soon as they look. */
static void tell_everyone(struct call *c, const struct kept_link *l, bool is_gone)
{
    struct gate_world *w = c->gate->set.world;
    take_note(c->gate, l, is_gone);
    for (unsigned i = 0; i < w->nworkers; i++) {
        struct gate *to = i == c->gate->set.worker ? NULL : atomic_load(&w->gates[i]);
        if (to)
            post(to, l, is_gone);
    }
}

static bool wants_kept(const struct call *c)
{
    return c->peek.keep && c->gen->snap->limits.responses && c->front->front->stored;
}

/* The event's bytes die when it has passed, so what is kept of them is copied. */
void turns_hear(struct call *c, jval last)
{
    struct arena *a = &c->req->arena;
    struct front_kept k;
    if (!c->same || c->op || !wants_kept(c))
        return;
    c->front->front->stored->hear(last, &k);
    if (!k.id.n)
        return;
    c->kept = (struct front_kept){.id = arena_dup(a, k.id), .elsewhere = k.elsewhere};
    const struct conf_route *r = c->found.route;
    if (!k.before.p || (k.elsewhere && r->ntargets + r->nfallback < 2))
        return; /* only its provider can go on from it */
    c->kept.before = arena_dup(a, k.before);
    c->kept.output = arena_dup(a, k.output);
    c->kept.after = arena_dup(a, k.after);
}

/* Is all known that the answer rests on? */
static bool rests_on_known(const struct call *c)
{
    struct kept_link l;
    return !c->peek.previous.n || kept_find(c->gate->kept, turns_owner(c), c->peek.previous,
                                            loop_now(c->gate->loop), &l) == RC_OK;
}

void turns_keep(struct call *c)
{
    struct arena *a = &c->req->arena;
    const struct front_kept *k = &c->kept;
    if (!k->id.n || !c->gen->snap->limits.responses)
        return;
    struct kept_link l = {.owner = turns_owner(c),
                          .id = k->id,
                          .session = features_session_seen(c),
                          .previous = c->peek.previous};
    if (k->elsewhere)
        l.provider = c->cand->provider->name;
    if (k->before.p && k->output.p && k->after.p && rests_on_known(c)) {
        jval asked = json_root(c->continued ? &c->asked : &c->doc);
        l.asked = own_items(a, json_get_lit(asked, "input"));
        l.before = k->before;
        l.output = k->output;
        l.after = k->after;
    }
    if (!l.asked.p || l.asked.n + l.before.n + l.output.n + l.after.n > KEPT_LINK_MAX)
        l.asked = l.before = l.output = l.after = STR_NONE;
    if (l.asked.p || l.provider.n)
        tell_everyone(c, &l, false);
    c->kept.id = STR_NONE; /* once */
}

void turns_forget(struct call *c, str id)
{
    tell_everyone(c, &(struct kept_link){.owner = turns_owner(c), .id = id}, true);
}
