/* SPDX-License-Identifier: Apache-2.0 */
/*
 * again - the same target once more, with a request that differs in what it did not like.
 *
 * Some refusals say what is wrong with the request and not with who was asked: a parameter that the
 * model does not know, a conversation that the provider has forgotten, an access token that was
 * withdrawn. Mended, the same target serves; so neither its health nor the route's budget of
 * retries is touched, and each mend has a bound of its own.
 */
#include "gate/recovery.h"

#define LEFT_OUT_MAX 3 /* parameters left out of one call: more, and the model is the wrong one */

/* A 400 that names a parameter: the same again without it, once for each. Nothing is wrong with the
 * target, so neither its health nor the budget of retries is touched. */
static bool try_without(struct call *c, const struct attempt_failure *f, const struct fail *fail)
{
    struct gate *g = c->gate;
    struct refused r;
    if (f->end != ATTEMPT_STATUS || c->left_out >= LEFT_OUT_MAX ||
        c->attempts >= GATE_ATTEMPTS_MAX || !refused_read(fail, &r) ||
        !learned_add(g->learned, transform_target(c), &r, loop_now(g->loop)))
        return false;
    const char *why = arena_printf(&c->req->arena, "it refuses " STR_FMT, STR_ARG(r.name));
    attempt_record_of(c)->why = why ? why : "it refuses a parameter";
    attempt_learn(c, f);
    c->left_out++;
    attempt_start(c);
    return true;
}

/* The provider that kept the conversation does so no longer, but we do. */
static bool try_whole(struct call *c, const struct attempt_failure *f, const struct fail *fail)
{
    struct fail too_much;
    if (f->end != ATTEMPT_STATUS || c->continued || !c->peek.previous.n ||
        c->attempts >= GATE_ATTEMPTS_MAX ||
        !str_eq(fail->code, STR("previous_response_not_found")) || !call_put_before(c, &too_much) ||
        !c->continued)
        return false;
    attempt_record_of(c)->why = "it has forgotten the conversation";
    attempt_learn(c, f);
    attempt_start(c);
    return true;
}

/* An access token may have been withdrawn before its time: once more, with a new one. */
static bool try_new_token(struct call *c, const struct attempt_failure *f)
{
    if (f->end != ATTEMPT_STATUS || c->attempts >= GATE_ATTEMPTS_MAX || !token_renew(c, f->kind))
        return false;
    attempt_record_of(c)->why = "its access token was refused";
    attempt_drop(c, f->kind);
    attempt_start(c);
    return true;
}

bool again_otherwise(struct call *c, const struct attempt_failure *f, const struct fail *fail)
{
    CHECK(!c->committed && !c->on_wire);
    if (!c->op && (try_without(c, f, fail) || try_whole(c, f, fail)))
        return true;
    return try_new_token(c, f);
}
