/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recovery - what is done when a provider is slow, gone, or does not take what it was sent.
 *
 *     before the commit point   again.c    the same target, asked otherwise
 *                               attempt.c  another one (route/retry.h decides)
 *                               hedge.c    another one beside it
 *     behind it                 rescue*.c  another one goes on with the answer
 *                               replay.c   … while there is memory to send it again
 *     when its client is gone   drain.c    it is read to its end, for its usage
 *     apart from calls          probe.c    is somebody there again?
 *                               refusal.c  the operator is told of a bad key
 */
#pragma once
#include "gate/gate_int.h"

/* attempt.c, for those below */
void attempt_start(struct call *c); /* of c->cand; the call may be over */
/* The next candidate of this route, else of its fallbacks, is c->cand. False: nobody is left, and
 * c->cand is who it was. */
bool attempt_next(struct call *c);
/* One more may follow: attempts, time and the route's budget allow it. Takes from the budget: who
 * sends it is `retrying`, or gives it back. */
bool attempt_may_follow(struct call *c);
/* The call has an end even where its answer flows: somebody said how long it may take. */
static inline bool attempt_is_bounded(const struct call *c)
{
    return c->firm || c->impatient || c->cand->provider->timeouts.firm;
}
/* The next attempt of `c` has been granted, and was not sent. */
static inline void attempt_gave_up(struct call *c)
{
    CHECK(!c->retrying);
    retry_budget_return(call_budget(c));
}
/* patience.c: c->x.limits of an attempt at c->cand; is what is left of the deadline, a quarter of
 * it at least, enough for one more? */
void attempt_limit(struct call *c);
bool attempt_has_time(const struct call *c, msec now);
/* attempt.c: it failed; health is told, and the record ends. */
void attempt_learn(struct call *c, const struct attempt_failure *f);

/* refusal.c: a key of the provider's is no good */
void refusal(struct call *c, const struct attempt_failure *f);
void refusal_over(struct call *c); /* … and serves again: before its record is told */

/* again.c: true: the same target is asked anew, with a request it will like better */
bool again_otherwise(struct call *c, const struct attempt_failure *f, const struct fail *fail);

/* replay.c: the request may be sent again until its answer begins, if there is room for it */
void replay_hold(struct call *c);    /* before c->wire is sent */
void replay_release(struct call *c); /* it will not be again; idempotent */
/* May it be sent again after an attempt that ended so? */
bool replay_is_possible(const struct call *c, enum attempt_end end);

/* drain.c: an answer whose client has left */
bool drain_begin(struct call *c); /* in on_gone; true: the call and its request live on */
void drain_cut(struct call *c);   /* it is not waited for any longer; no-op for others */
void drains_cut(struct gate *g);  /* all of them */

/* hedge.c: a second attempt beside a slow one */
void hedge_arm(struct call *c); /* after an attempt has left */
/* Of one that has a twin. Content came: the other is let go, and this is the call. */
void hedge_won(struct call *c);
/* It failed. True: the other goes on alone, and c is over; false: the failure is the call's. */
bool hedge_failed(struct call *c, const struct attempt_failure *f);
void hedge_yields(struct call *c);            /* it could not be sent: c is over */
void hedge_end(struct call *c, enum err why); /* the call is over for both; accepts one alone */

/* probe.c: a look at providers that are out */
struct probe;
bool probes_new(struct gen *gen); /* false: no memory */
void probes_tick(struct gen *gen, msec now);
void probes_stop(struct gen *gen); /* idempotent; before the client goes */

/* rescue.c: an answer that broke off is gone on with by another target */
bool call_may_be_rescued(const struct call *c); /* the route wants it, and the answer is a stream */
bool rescue_prepare(struct call *c);            /* of an answer that begins; false: no memory */
void rescue_event(struct call *c, const struct ir_event *ev); /* what the client is to see of it */
/* The answer broke behind the commit point, its record has ended. True: somebody goes on with it,
 * or the call is over. `cut`: it broke off; else the provider said that it failed. */
bool rescue_try(struct call *c, bool cut);
void rescue_failed(struct call *c,
                   const struct attempt_failure *f); /* who was to go on could not */
jtext rescue_text(const struct call *c); /* what it goes on with; absent where it is not on */
/* rescue_request.c: … without the white space at its end, which is not sent */
jtext rescue_trim(jtext s);
/* … with the answer so far in it; nothing where it is not on. False: no memory. */
bool rescue_request(struct call *c, struct ir_request *r);
void rescue_settle(struct call *c);        /* usage and charge of all parts */
void rescue_stop(struct call *c);          /* idempotent */
bool rescue_is_on(const struct call *c);   /* others go on with the answer */
bool rescue_is_paid(const struct call *c); /* the last attempt's usage is settled */
unsigned rescue_times(const struct call *c);
