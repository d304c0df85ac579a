/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retry - may a failed attempt be followed by another one, and where. RELIABILITY §7 is the
 * specification; this is its table as a pure function. How many there may be: budget.h.
 */
#pragma once
#include "base/rand.h"
#include "base/time.h"
#include "ir/error.h"
#include "obs/fault.h"

#define RETRY_MAX_WAIT_MS 2000 /* a call waits no longer in line: U11 */
#define RETRY_BACKOFF_MS  100  /* base of the full-jitter backoff */

/* Where an attempt ended. */
enum attempt_end {
    ATTEMPT_NOT_SENT,   /* no connection, or no request byte left */
    ATTEMPT_NO_ANSWER,  /* request sent, connection lost before a byte of the answer: U4 */
    ATTEMPT_TIMED_OUT,  /* no first byte in time: U28 */
    ATTEMPT_BAD_ANSWER, /* a head or body that cannot be used: U6-U9, U34, U45 */
    ATTEMPT_STATUS,     /* a whole answer that is an error */
    ATTEMPT_PRELUDE,    /* a 200 that failed before its first content: U20, U25 */
    ATTEMPT_OURS,       /* our own memory or limits: it would be no better elsewhere */
    ATTEMPT_CLIENT,     /* the client's own deadline came: says nothing of the provider */
};

struct attempt_failure {
    enum attempt_end end;
    enum err kind;
    unsigned status; /* of the provider; 0: none */
    uint64_t retry_after_ms;
    bool replay;     /* config: what got no answer may be sent again */
    bool same_tried; /* this target was already tried twice */
};

enum retry_where {
    RETRY_NOWHERE,
    RETRY_ELSEWHERE,
    RETRY_ANYWHERE /* elsewhere, else the same again */
};

struct retry_rule {
    enum retry_where where;
    uint64_t wait_ms; /* before trying the same target again */
};

struct retry_rule retry_decide(const struct attempt_failure *f, struct rand *r);

/* Its class. Neither ATTEMPT_OURS nor ATTEMPT_CLIENT: those are no failure of the provider's. */
enum fault retry_fault(const struct attempt_failure *f);
/* Does the failure count against the target (breaker)? 429, 4xx and our own limits do not. */
bool retry_is_failure(const struct attempt_failure *f);
/* It was sent whole and the provider may have worked on it, for which most ask money; of what it
 * refused with a status, or an error at the beginning, nobody does. */
bool retry_is_paid(const struct attempt_failure *f);
/* The credential is no good: U12, U18. */
bool retry_is_refusal(const struct attempt_failure *f);
