/* SPDX-License-Identifier: Apache-2.0 */
/* retry - RELIABILITY §7 as code. */
#include "route/retry.h"

#include "base/check.h"

static uint64_t jitter(struct rand *r)
{
    return rand_below(r, RETRY_BACKOFF_MS) + 1;
}

/* The same target once more, when what it asked for is short enough to wait in line. Its word is a
 * minimum; the jitter parts the calls that heard it together. */
static struct retry_rule same_again(const struct attempt_failure *f, struct rand *r)
{
    if (f->same_tried || f->retry_after_ms > RETRY_MAX_WAIT_MS)
        return (struct retry_rule){RETRY_ELSEWHERE, 0};
    return (struct retry_rule){RETRY_ANYWHERE, f->retry_after_ms + jitter(r)};
}

static struct retry_rule by_status(const struct attempt_failure *f, struct rand *r)
{
    switch (f->kind) {
    case ERR_RATE_LIMITED:
    case ERR_OVERLOADED: /* only at its own bidding: an overload is not helped by more calls */
        if (f->retry_after_ms)
            return same_again(f, r);
        return (struct retry_rule){RETRY_ELSEWHERE, 0};
    case ERR_UPSTREAM_AUTH:
    case ERR_BUDGET:
        return (struct retry_rule){RETRY_ELSEWHERE, 0};
    case ERR_INTERNAL:
    case ERR_UPSTREAM:
    case ERR_UNAVAILABLE:
    case ERR_TIMEOUT:
        if (f->status >= 500)
            return same_again(f, r);
        return (struct retry_rule){RETRY_ELSEWHERE, 0};
    case ERR_BAD_REQUEST:
    case ERR_UNSUPPORTED:
    case ERR_CONTEXT_LENGTH:
    case ERR_POLICY:
    case ERR_AUTH:
    case ERR_NO_KEY:
    case ERR_FORBIDDEN:
    case ERR_NOT_FOUND:
    case ERR_METHOD:
    case ERR_UPGRADE:
    case ERR_REQUEST_TIMEOUT:
    case ERR_TOO_LARGE:
    case ERR_MEDIA_TYPE:
    case ERR_CLIENT_GONE:
    case ERR_COUNT:
        return (struct retry_rule){RETRY_NOWHERE, 0}; /* the same input fails again */
    }
    return (struct retry_rule){RETRY_NOWHERE, 0};
}

struct retry_rule retry_decide(const struct attempt_failure *f, struct rand *r)
{
    switch (f->end) {
    case ATTEMPT_NOT_SENT:
        if (f->kind == ERR_TIMEOUT) /* U2: a second wait of that length helps nobody */
            return (struct retry_rule){RETRY_ELSEWHERE, 0};
        return same_again(f, r);
    case ATTEMPT_NO_ANSWER:
        return (struct retry_rule){f->replay ? RETRY_ELSEWHERE : RETRY_NOWHERE, 0};
    case ATTEMPT_TIMED_OUT:
    case ATTEMPT_BAD_ANSWER:
        return (struct retry_rule){RETRY_ELSEWHERE, 0};
    case ATTEMPT_PRELUDE:
        if (f->kind == ERR_BAD_REQUEST || f->kind == ERR_CONTEXT_LENGTH || f->kind == ERR_POLICY)
            return (struct retry_rule){RETRY_NOWHERE, 0};
        return (struct retry_rule){RETRY_ELSEWHERE, 0};
    case ATTEMPT_STATUS:
        return by_status(f, r);
    case ATTEMPT_OURS:
    case ATTEMPT_CLIENT:
        break;
    }
    return (struct retry_rule){RETRY_NOWHERE, 0};
}

bool retry_is_refusal(const struct attempt_failure *f)
{
    bool said = f->end == ATTEMPT_STATUS || f->end == ATTEMPT_PRELUDE;
    return said && (f->kind == ERR_UPSTREAM_AUTH || f->kind == ERR_BUDGET);
}

/* What it said: its status, or an error in place of an answer's first content. */
static enum fault fault_said(const struct attempt_failure *f)
{
    const bool status = f->end == ATTEMPT_STATUS;
    switch (f->kind) {
    case ERR_RATE_LIMITED:
        return FAULT_LIMITED;
    case ERR_UPSTREAM_AUTH:
    case ERR_BUDGET:
        return FAULT_AUTH;
    case ERR_INTERNAL:
    case ERR_OVERLOADED:
    case ERR_UNAVAILABLE:
        return FAULT_SERVER;
    case ERR_TIMEOUT: /* a 504, or a stream that fell silent before it said anything */
        return status ? FAULT_SERVER : FAULT_TIMEOUT;
    case ERR_UPSTREAM:
        return status ? FAULT_SERVER : FAULT_BROKEN;
    case ERR_BAD_REQUEST:
    case ERR_UNSUPPORTED:
    case ERR_CONTEXT_LENGTH:
    case ERR_POLICY:
    case ERR_AUTH:
    case ERR_NO_KEY:
    case ERR_FORBIDDEN:
    case ERR_NOT_FOUND:
    case ERR_METHOD:
    case ERR_UPGRADE:
    case ERR_REQUEST_TIMEOUT:
    case ERR_TOO_LARGE:
    case ERR_MEDIA_TYPE:
    case ERR_CLIENT_GONE:
    case ERR_COUNT:
        break;
    }
    return FAULT_REQUEST;
}

enum fault retry_fault(const struct attempt_failure *f)
{
    ASSERT(f->end != ATTEMPT_OURS && f->end != ATTEMPT_CLIENT);
    switch (f->end) {
    case ATTEMPT_NOT_SENT:
    case ATTEMPT_NO_ANSWER:
        return FAULT_CONNECT;
    case ATTEMPT_TIMED_OUT:
        return FAULT_TIMEOUT;
    case ATTEMPT_BAD_ANSWER:
        return f->kind == ERR_TIMEOUT ? FAULT_TIMEOUT : FAULT_BROKEN;
    case ATTEMPT_STATUS:
    case ATTEMPT_PRELUDE:
    case ATTEMPT_OURS:
    case ATTEMPT_CLIENT:
        break;
    }
    return fault_said(f);
}

bool retry_is_paid(const struct attempt_failure *f)
{
    return f->end == ATTEMPT_NO_ANSWER || f->end == ATTEMPT_TIMED_OUT ||
           f->end == ATTEMPT_BAD_ANSWER;
}

bool retry_is_failure(const struct attempt_failure *f)
{
    if (f->end == ATTEMPT_OURS || f->end == ATTEMPT_CLIENT)
        return false;
    return fault_counts(retry_fault(f));
}
