/* SPDX-License-Identifier: Apache-2.0 */
/*
 * count - how many tokens a prompt has: the count_tokens endpoints, and a rough figure for where a
 * dialect must name one before the provider has.
 */
#include "gate/gate_int.h"

#include "token/estimate.h"

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
    front->encode_count(estimate_request(c->ir, c->peek.model), &body);
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
