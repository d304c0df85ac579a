/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outcome - how attempts or calls end, summed up since the start: for whoever compares two moments.
 *
 * One of a provider (of attempts), of a logical model and of all calls (as clients see them: what
 * was retried away is no failure). Alerts take the difference of two readings, so a window of any
 * length costs nothing on a call's way: no slots to turn, no clock to look at.
 *
 * One writer, any readers, as all metrics.
 */
#pragma once
#include "base/price.h"
#include "base/time.h"
#include "obs/hist.h"

enum outcome_end {
    OUTCOME_SERVED,
    OUTCOME_FAILED,  /* it counts against who was asked */
    OUTCOME_LIMITED, /* 429: nobody's failure, and no answer */
};

struct outcomes {
    _Atomic uint64_t ended, failed, limited; /* the last two are among the first */
    struct hist response_ms; /* until the answer began; a whole one begins when it is there */
    struct hist first_ms;    /* … of streams alone: to the first content */
};

/* `first`: the answer was a stream, and this its time to the first content; else `ms` stands for
 * both ends. What was limited brings no time. */
void outcome_add(struct outcomes *o, enum outcome_end how, msec ms, bool first);

/* A reading: of one, or of several added up. */
struct outcome_sums {
    uint64_t ended, failed, limited;
    uint64_t tokens; /* prompt and answer, where the cost is known … */
    nanousd usd;     /* … and that */
    struct hist_view response_ms, first_ms;
};
void outcome_read(const struct outcomes *o, struct outcome_sums *sum);
