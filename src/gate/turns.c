/* SPDX-License-Identifier: Apache-2.0 */
/*
 * turns - a client that sends only what is new, and the id of the answer it goes on from, gets the
 * whole conversation put before it (ir/kept.h).
 *
 *     {"previous_response_id":"resp_2","input":"And then?"}
 *     → {"input":[…what resp_1 and resp_2 were asked and answered…, {…"And then?"}]}
 *
 * An answer is kept when we wrote it ourselves: where both sides speak Responses, the provider
 * keeps its own, and knows its ids. So an id that is not here goes on to such a provider as it is,
 * and is refused in OpenAI's words by the front when the request must be translated. One that is
 * here is resolved here, whatever the target: it need not be the one that answered before.
 *
 * Kept on every worker, for the next turn may come in on another one's connection. It is posted
 * before the client gets the end of the answer.
 */
#include "gate/gate_int.h"

#include "base/mem.h"
#include "dialect/splice.h"
#include "ir/kept.h"

static str owner_of(const struct call *c)
{
    return c->key ? c->key->name : STR("");
}

/* ---- going on */

/* What the client sent as new, as items without the brackets around them. */
static str own_items(struct arena *a, jval input)
{
    str text = json_text(input);
    if (json_is(input, JSON_STRING))
        return arena_strf(a, "{\"type\":\"message\",\"role\":\"user\",\"content\":" STR_FMT "}",
                          STR_ARG(text));
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
    str all = arena_strf(a, "[" STR_FMT "%s" STR_FMT "]", STR_ARG(before),
                         before.n && own.n ? "," : "", STR_ARG(own));
    struct rope r = ROPE_INIT(GATE_REQUEST_MAX);
    struct buf flat = BUF_INIT(GATE_REQUEST_MAX);
    struct splice s;
    splice_init(&s, root);
    splice_cut(&s, root, is_previous, NULL);
    if (json_has(input))
        splice_replace(&s, input, all);
    else
        splice_into(&s, root, arena_strf(a, "\"input\":" STR_FMT, STR_ARG(all)), a);
    splice_write(&s, &r);
    rope_flatten(&r, &flat);
    str text = rope_failed(&r) || flat.failed || !all.p ? STR_NONE : arena_dup(a, buf_str(&flat));
    rope_fini(&r);
    buf_fini(&flat);
    return text;
}

bool turns_go_on(struct call *c)
{
    struct arena *a = &c->req->arena;
    struct json_error e;
    str before;
    if (!c->peek.previous.n || kept_is_empty(c->gate->kept))
        return true;
    enum rc rc =
        kept_get(c->gate->kept, owner_of(c), c->peek.previous, a, loop_now(c->gate->loop), &before);
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

/* ---- keeping */

struct note {
    struct mail mail; /* first */
    struct gate *to;
    struct kept_link link; /* into `bytes` */
    size_t size;
    char bytes[];
};

static void take_note(struct gate *g, const struct kept_link *l)
{
    CHECK(g->gen); /* mail stops before the last configuration goes */
    kept_put(g->kept, l, g->gen->snap->limits.responses, loop_now(g->loop));
}

static void on_note(struct mail *mail)
{
    struct note *m = (struct note *)(void *)mail;
    take_note(m->to, &m->link);
    mem_free(m);
}

static str lay(struct note *m, str s)
{
    char *at = m->bytes + m->size;
    if (s.n)
        memcpy(at, s.p, s.n);
    m->size += s.n;
    return s.n ? str_of(at, s.n) : s;
}

static void post(struct gate *to, const struct kept_link *l)
{
    struct note *m = mem_alloc(sizeof(*m) + l->owner.n + l->id.n + l->previous.n + l->items.n);
    if (!m)
        return; /* that worker will not know the conversation */
    *m = (struct note){.mail = {.fn = on_note}, .to = to};
    m->link = (struct kept_link){.owner = lay(m, l->owner),
                                 .id = lay(m, l->id),
                                 .previous = lay(m, l->previous),
                                 .items = lay(m, l->items)};
    loop_post(to->loop, &m->mail);
}

void turns_keep(struct call *c)
{
    struct gate_world *w = c->gate->set.world;
    struct arena *a = &c->req->arena;
    if (!c->kept.id.n || !c->gen->snap->limits.responses)
        return;
    jval asked = json_root(c->continued ? &c->asked : &c->doc);
    str own = own_items(a, json_get_lit(asked, "input"));
    str items = arena_strf(a, STR_FMT "%s" STR_FMT, STR_ARG(own),
                           own.n && c->kept.items.n ? "," : "", STR_ARG(c->kept.items));
    if (!items.p || items.n > KEPT_LINK_MAX)
        return;
    struct kept_link l = {.owner = owner_of(c),
                          .id = c->kept.id,
                          .previous = c->continued ? c->peek.previous : STR_NONE,
                          .items = items};
    take_note(c->gate, &l);
    for (unsigned i = 0; i < w->nworkers; i++) {
        struct gate *to = i == c->gate->set.worker ? NULL : atomic_load(&w->gates[i]);
        if (to)
            post(to, &l);
    }
    c->kept.id = STR_NONE; /* once */
}
