/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stored - an answer that its client asks for again by its id: to read it, to see what it was
 * asked, to delete it.
 *
 *     GET /v1/responses/resp_1 ── kept here (ir/kept.h), by the caller's key
 *                  │                   └─ its provider keeps it itself: asked there, as a
 *                  │                      pass-through (pass.c)
 *                  └ else 404
 *
 * A provider's answers are all its account's, whoever of our clients they were given to. So no id
 * goes to a provider unless it was this caller who got it: another one's is as unknown as one that
 * never was (A23).
 */
#include "gate/pass.h"

#define PATH_MAX_BYTES (8u << 10)

bool stored_admit(struct call *c)
{
    enum h1_method m = c->req->head->method;
    bool fits = c->froute.want == FRONT_WANT_CANCEL ? m == H1_POST
                : m == H1_DELETE                    ? c->froute.want == FRONT_WANT_ANSWER
                                                    : m == H1_GET || m == H1_HEAD;
    CHECK(c->front->front->stored && c->froute.id.n);
    if (!fits)
        call_fail_kind(c, ERR_METHOD,
                       c->froute.want == FRONT_WANT_CANCEL ? STR("Use POST here.")
                                                           : STR("Use GET or DELETE here."),
                       STR_NONE);
    else if (c->gate->draining)
        call_fail_kind(c, ERR_UNAVAILABLE, STR("The gateway is shutting down."), STR("draining"));
    else
        return true;
    return false;
}

static void answer(struct call *c, str text)
{
    if (!text.p) {
        call_fail_kind(c, ERR_OVERLOADED, STR_NONE, STR_NONE);
        return;
    }
    call_answered(c);
    c->reply_status = 200;
    call_reply_lines(c, STR("application/json"), &c->gate->lines);
    reply_text(c->req, 200, buf_str(&c->gate->lines), text);
}

/* Moves what was written into the arena. */
static void answer_buf(struct call *c, struct buf *b)
{
    str text = b->failed ? STR_NONE : arena_dup(&c->req->arena, buf_str(b));
    buf_fini(b);
    answer(c, text);
}

static void not_found(struct call *c)
{
    str text = arena_strf(&c->req->arena,
                          "Response with id '" STR_FMT
                          "' not found: it was not stored, is kept no longer, or is not yours.",
                          STR_ARG(c->froute.id));
    call_fail_kind(c, ERR_NOT_FOUND, text, STR("response_not_found"));
}

static void delete_it(struct call *c)
{
    struct buf b = BUF_INIT(PATH_MAX_BYTES);
    turns_forget(c, c->froute.id);
    c->front->front->stored->put_deleted(c->froute.id, &b);
    answer_buf(c, &b);
}

/* All that it was an answer to, from the beginning of the conversation on. */
static void list_items(struct call *c)
{
    struct arena *a = &c->req->arena;
    struct buf b = BUF_INIT(GATE_ANSWER_MAX);
    struct fail f = {.kind = ERR_OVERLOADED};
    struct json_doc doc;
    str items = STR_NONE;
    enum rc rc = kept_get(c->gate->kept, turns_owner(c), c->froute.id, KEPT_ASKED, a,
                          loop_now(c->gate->loop), &items);
    if (rc == RC_NOTFOUND) { /* an answer that it rests on was deleted, or has grown too old */
        not_found(c);
        return;
    }
    const str part[] = {STR("["), items, STR("]")};
    str text = rc == RC_OK ? turns_join(a, part, ARRAY_LEN(part)) : STR_NONE;
    if (!text.p || json_parse(a, text, &doc, NULL) != RC_OK ||
        c->front->front->stored->put_items(json_root(&doc), c->froute.id, c->req->head->query, &b,
                                           &f) != RC_OK) {
        buf_fini(&b);
        call_fail(c, &f);
        return;
    }
    answer_buf(c, &b);
}

/* As the provider's chat, with the id behind it: so Azure's ways of spelling addresses and an
 * operator's own path hold here too. Absent: no memory. */
static str path_at(struct call *c, const struct conf_provider *p)
{
    static const str ends[] = {[FRONT_WANT_ANSWER] = STR(""),
                               [FRONT_WANT_ITEMS] = STR("/input_items"),
                               [FRONT_WANT_CANCEL] = STR("/cancel")};
    const struct binding *at = &c->gen->bindings[p->index];
    const struct back_call bc = {.opts = &at->opts, .model = STR("*"), .query = p->query};
    struct buf b = BUF_INIT(PATH_MAX_BYTES);
    if (p->endpoint.n)
        buf_add(&b, p->endpoint);
    else
        at->dialect->back->request_path(&bc, p->base_path, &b);
    str all = buf_str(&b), path = str_head(all, str_find_char(all, '?'));
    str whole = arena_strf(&c->req->arena, STR_FMT "/" STR_FMT STR_FMT STR_FMT, STR_ARG(path),
                           STR_ARG(c->froute.id), STR_ARG(ends[c->froute.want]),
                           STR_ARG(str_from(all, path.n)));
    bool ok = !b.failed;
    buf_fini(&b);
    return ok ? whole : STR_NONE;
}

static void ask_provider(struct call *c, const struct conf_provider *p)
{
    str path = path_at(c, p);
    if (!path.n || !pass_to(c, p, path)) {
        call_fail_kind(c, ERR_OVERLOADED, STR_NONE, STR_NONE);
        return;
    }
    call_resume(c, STAGE_decode);
}

static void serve_kept(struct call *c, const struct kept_link *l)
{
    if (c->froute.want == FRONT_WANT_CANCEL)
        call_fail_kind(c, ERR_BAD_REQUEST, STR("Cannot cancel a synchronous response."),
                       STR("invalid_value"));
    else if (c->req->head->method == H1_DELETE)
        delete_it(c);
    else if (c->froute.want == FRONT_WANT_ITEMS)
        list_items(c);
    else
        answer(c, turns_join(&c->req->arena, (const str[]){l->before, l->output, l->after}, 3));
}

void stored_serve(struct call *c)
{
    struct kept_link l;
    CHECK(!c->answered && c->froute.op == FRONT_STORED);
    if (kept_find(c->gate->kept, turns_owner(c), c->froute.id, loop_now(c->gate->loop), &l) !=
        RC_OK) {
        not_found(c);
        return;
    }
    const struct conf_provider *p = turns_keeper(c, l.provider);
    if (p)
        ask_provider(c, p);
    else if (l.asked.p)
        serve_kept(c, &l);
    else
        not_found(c); /* whoever kept it is not asked any more */
}
