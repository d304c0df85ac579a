/* SPDX-License-Identifier: Apache-2.0 */
/*
 * excerpt - the first bytes of an answer that is of no use, for the log (U45).
 *
 * "The provider's answer is of a kind that is not expected here" does not tell an operator that a
 * hotel's login page stands in the way; its first line does. So of an answer that could not be
 * understood the beginning goes into the access record of its attempt: without the credentials that
 * it was sent, without anything that looks like one, and escaped as all of the log is.
 *
 * An answer whose head says already that it is of no use is read on for that: until there is
 * enough, or for STRANGE_WAIT_MS, so that whoever comes next need not wait for a page that stalls.
 */
#include "gate/excerpt.h"
#include "dialect/provider_error.h"

#define EXCERPT_MAX     200 /* bytes */
#define HALF_KEY_MIN    4   /* so much of a key at the excerpt's end gives it away */
#define STRANGE_WAIT_MS 200

/* The text may end within a key that was echoed: what precedes it is all that may be told. */
static str without_half(str text, str secret)
{
    size_t n = secret.n < text.n ? secret.n : text.n;
    for (; n >= HALF_KEY_MIN; n--)
        if (str_has_suffix(text, str_head(secret, n)))
            return str_head(text, text.n - n);
    return text;
}

void excerpt_keep(struct call *c, str bytes)
{
    struct arena *a = &c->req->arena;
    str key = call_secret(c);
    if (!bytes.n || !c->gate->set.access)
        return;
    /* First masked, then cut: so much more is looked at that no key lies across the end. */
    char *text = arena_alloc(a, EXCERPT_MAX + key.n);
    str seen = str_head(bytes, EXCERPT_MAX + key.n);
    if (!text)
        return; /* a line of the log has less to tell */
    memcpy(text, seen.p, seen.n);
    str open = call_without_key(c, str_of(text, seen.n));
    open = without_half(str_head(open, EXCERPT_MAX), key);
    char *own = arena_alloc(a, open.n + 1);
    if (!own)
        return;
    memcpy(own, open.p, open.n);
    attempt_record_of(c)->answer = provider_text_mask(own, open.n);
}

/* ---- an answer of a kind that is not expected */

void strange_over(struct call *c)
{
    CHECK(c->mode == ANSWER_STRANGE);
    struct fail f = {.kind = ERR_UPSTREAM,
                     .message =
                         STR("The provider's answer is of a kind that is not expected here."),
                     .upstream_status = c->status};
    alarm_stop(c->gate->alarms, &c->alarm);
    if (c->on_wire)
        exchange_cancel(&c->x);
    c->on_wire = false;
    excerpt_keep(c, buf_str(&c->whole));
    attempt_failed(c,
                   &(struct attempt_failure){
                       .end = ATTEMPT_BAD_ANSWER, .kind = ERR_UPSTREAM, .status = c->status},
                   &f);
}

static void on_long_enough(struct alarm *a)
{
    struct call *c = (struct call *)(void *)((char *)a - offsetof(struct call, alarm));
    if (!c->mark_us)
        own_time_start(c);
    strange_over(c);
}

void strange_begin(struct call *c, str type)
{
    struct gate *g = c->gate;
    CHECK(c->on_wire && !c->alarm.at);
    const char *why = arena_printf(&c->req->arena, "unexpected content-type " STR_FMT,
                                   STR_ARG(call_without_key(c, type)));
    attempt_record_of(c)->why = why ? why : "unexpected content-type";
    c->mode = ANSWER_STRANGE;
    c->alarm.fn = on_long_enough;
    if (alarm_set(g->alarms, &c->alarm, loop_now(g->loop) + STRANGE_WAIT_MS) != RC_OK)
        strange_over(c);
}

void strange_bytes(struct call *c, const char *p, size_t n)
{
    if (!body_bytes(c, p, n) || buf_size(&c->whole) >= EXCERPT_MAX + call_secret(c).n)
        strange_over(c);
}
