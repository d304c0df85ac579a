/* SPDX-License-Identifier: Apache-2.0 */
/* retry - RELIABILITY §7 as code. */
#include "route/retry.h"

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

bool retry_is_failure(const struct attempt_failure *f)
{
    if (f->end == ATTEMPT_OURS || f->end == ATTEMPT_CLIENT)
        return false;
    if (f->end != ATTEMPT_STATUS && f->end != ATTEMPT_PRELUDE)
        return true;
    return f->kind == ERR_INTERNAL || f->kind == ERR_UPSTREAM || f->kind == ERR_UNAVAILABLE ||
           f->kind == ERR_TIMEOUT || f->kind == ERR_OVERLOADED;
}
