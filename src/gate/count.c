/* SPDX-License-Identifier: Apache-2.0 */
/*
 * count - how many tokens a prompt has: the count_tokens endpoints, and a rough figure for where a
 * dialect must name one before the provider has.
 */
#include "gate/gate_int.h"

#include "token/prompt.h"

#define BYTES_PER_TOKEN 4

/* Rough on purpose: it is asked for on every translated stream, and the provider's own number
 * follows. */
uint64_t count_estimate(struct call *c)
{
    return c->req->body.n / BYTES_PER_TOKEN + 1;
}

void count_serve(struct call *c)
{
    struct arena *a = &c->req->arena;
    const struct dialect_front *front = c->front->front;
    struct buf body = BUF_INIT(4096);
    if (!front->encode_count) {
        call_fail_kind(c, ERR_NOT_FOUND, STR_NONE, STR_NONE);
        return;
    }
    if (!decode_canonical(c))
        return;
    struct buf scratch = BUF_INIT(GATE_ANSWER_MAX);
    struct token_counter counter = {.text = &scratch};
    struct token_target target = {.model = c->peek.model};
    front->encode_count(token_prompt(&counter, c->ir, &target).tokens, &body);
    buf_fini(&scratch);
    str text = arena_dup(a, buf_str(&body));
    buf_fini(&body);
    if (!text.p) {
        call_fail_kind(c, ERR_OVERLOADED, STR_NONE, STR_NONE);
        return;
    }
    c->reply_status = 200;
    call_reply_lines(c, STR("application/json"), &c->gate->lines);
    reply_text(c->req, 200, buf_str(&c->gate->lines), text);
}
