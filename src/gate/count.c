/* SPDX-License-Identifier: Apache-2.0 */
/*
 * count - the count_tokens endpoints: how many tokens a prompt would be where it would be sent.
 *
 * The model is the first target that the name leads to, for it decides whose tokens they are; a
 * name that leads nowhere is taken for a model's own. `x-weir-tokens` says whether it was counted
 * or estimated (token/prompt.h). The first count of a worker waits until the encodings are here.
 *
 * Where the configuration says so (countTokens: provider), the provider of that target is asked
 * itself, in the client's own words: then the call is an operation like embeddings (dialect/op.h).
 */
#include "gate/gate_int.h"

#include "http/h1_write.h"

bool count_at_provider(struct call *c)
{
    const struct snapshot *snap = c->gen->snap;
    const struct dialect *front = c->front;
    if (c->peek.model.n > GATE_MODEL_MAX ||
        conf_resolve(snap, c->key, c->peek.model, &c->found) != RC_OK)
        return false;
    const struct conf_provider *p = &snap->providers[c->found.route->targets[0].provider];
    if (!p->counts_tokens || p->endpoint.n) /* of one endpoint alone no other is known */
        return false;
    op_find(c);
    const struct op_way *way = c->op ? op_way_of(c->op->row, p->dialect) : NULL;
    if (way && c->op->row->kind == OP_COUNT && op_is_same(c->op->row, way)) {
        c->peek.stream = false;
        return true;
    }
    c->op = NULL; /* it speaks another language: counted here */
    c->front = front;
    return false;
}

static struct token_count count_of(struct call *c)
{
    const struct snapshot *snap = c->gen->snap;
    if (c->peek.model.n <= GATE_MODEL_MAX &&
        conf_resolve(snap, c->key, c->peek.model, &c->found) == RC_OK) {
        const struct conf_target *t = &c->found.route->targets[0];
        return tokens_of_prompt(c, &snap->providers[t->provider], t->model);
    }
    return tokens_of_prompt(c, NULL, c->peek.model);
}

static void answer(struct call *c)
{
    struct buf body = BUF_INIT(4096), *lines = &c->gate->lines;
    if (!decode_canonical(c))
        return;
    struct token_count n = count_of(c);
    c->front->front->encode_count(n.tokens, &body);
    str text = arena_dup(&c->req->arena, buf_str(&body));
    buf_fini(&body);
    if (!text.p) {
        call_fail_kind(c, ERR_OVERLOADED, STR_NONE, STR_NONE);
        return;
    }
    c->reply_status = 200;
    call_reply_lines(c, STR("application/json"), lines);
    h1_write_header(lines, STR("x-weir-tokens"),
                    n.source == USAGE_COUNTED ? STR("counted") : STR("estimated"));
    reply_text(c->req, 200, buf_str(lines), text);
}

void count_serve(struct call *c)
{
    if (!c->front->front->encode_count) {
        call_fail_kind(c, ERR_NOT_FOUND, STR_NONE, STR_NONE);
        return;
    }
    c->counting = tokens_want_ranks(c->gate);
    if (!c->counting)
        answer(c);
}

/* The encodings are here, or never will be: those that waited are answered. */
void count_go_on(struct gate *g)
{
    list_each_safe(it, tmp, &g->calls)
    {
        struct call *c = list_entry(it, struct call, link);
        if (c->counting) {
            c->counting = false;
            answer(c);
        }
    }
}
