/* SPDX-License-Identifier: Apache-2.0 */
/* retry - RELIABILITY §7 as code. */
#include "route/retry.h"

static uint64_t jitter(struct rand *r)
{
    return rand_below(r, RETRY_BACKOFF_MS) + 1;
}

static struct retry_rule by_status(const struct attempt_failure *f, struct rand *r)
{
    bool again = !f->same_tried;
    switch (f->kind) {
    case ERR_RATE_LIMITED:
        if (again && f->retry_after_ms && f->retry_after_ms <= RETRY_MAX_WAIT_MS)
            return (struct retry_rule){RETRY_ANYWHERE, f->retry_after_ms};
        return (struct retry_rule){RETRY_ELSEWHERE, 0};
    case ERR_UPSTREAM_AUTH:
    case ERR_BUDGET:
    case ERR_OVERLOADED:
        return (struct retry_rule){RETRY_ELSEWHERE, 0};
    case ERR_INTERNAL:
    case ERR_UPSTREAM:
    case ERR_UNAVAILABLE:
    case ERR_TIMEOUT:
        if (f->status >= 500 && again)
            return (struct retry_rule){RETRY_ANYWHERE, jitter(r)};
        return (struct retry_rule){RETRY_ELSEWHERE, 0};
    case ERR_BAD_REQUEST:
    case ERR_UNSUPPORTED:
    case ERR_CONTEXT_LENGTH:
    case ERR_POLICY:
    case ERR_AUTH:
    case ERR_FORBIDDEN:
    case ERR_NOT_FOUND:
    case ERR_METHOD:
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
        return (struct retry_rule){f->same_tried ? RETRY_ELSEWHERE : RETRY_ANYWHERE, jitter(r)};
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
    }
    return (struct retry_rule){RETRY_NOWHERE, 0};
}

bool retry_is_refusal(const struct attempt_failure *f)
{
    return f->end == ATTEMPT_STATUS && (f->kind == ERR_UPSTREAM_AUTH || f->kind == ERR_BUDGET);
}

bool retry_is_failure(const struct attempt_failure *f)
{
    if (f->end != ATTEMPT_STATUS && f->end != ATTEMPT_PRELUDE)
        return true;
    return f->kind == ERR_INTERNAL || f->kind == ERR_UPSTREAM || f->kind == ERR_UNAVAILABLE ||
           f->kind == ERR_TIMEOUT || f->kind == ERR_OVERLOADED;
}

static void roll(struct retry_budget *b, msec now)
{
    if (now / RETRY_WINDOW_MS == b->window)
        return;
    b->window = now / RETRY_WINDOW_MS;
    b->calls = b->retries = 0;
}

void retry_budget_call(struct retry_budget *b, msec now)
{
    roll(b, now);
    b->calls++;
}

bool retry_budget_take(struct retry_budget *b, msec now)
{
    roll(b, now);
    if (b->retries >= b->calls / RETRY_SHARE + RETRY_FLOOR)
        return false;
    b->retries++;
    return true;
}
