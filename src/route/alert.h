/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alert - one rule of the operator's about one provider, logical model or all: is it so, since
 * when, and what is to be done.
 *
 *        value above the threshold        … for as long as `for`
 *     OK ------------------------> PENDING ---------------------> FIRING <------------.
 *      ^                              |                             |                  |
 *      `------------------------------'         below `clear` and   | `hold` is over   | bad again:
 *      ^                                        nothing was done    v                  | `hold`
 * doubles
 *      |<-------------------------------------------------------- (OK)                 |
 *      |                                                            |  an action       |
 *      `------- the first calls again are good ---------------- RECOVERING ------------'
 *
 * An action takes the traffic away, and with it all that would show that the trouble is over. So
 * after a while a little traffic is let back, measured from nothing, and decides.
 *
 * A share (errors, 429s) is above its threshold when it is so beyond chance: one failure among five
 * calls says little about a threshold of 5 %, three say enough. That is the lower end of Wilson's
 * interval (1927; one-sided, 95 %), which holds for few calls too. Times are a quantile of those in
 * the window, the median unless the rule says otherwise.
 *
 * What is compared are sums since the start at two times (obs/outcome.h). The window moves in
 * ALERT_SLICES steps.
 *
 * Pure: the clock comes as an argument.
 */
#pragma once
#include "conf/snapshot.h"
#include "obs/outcome.h"

#define ALERT_SLICES      12
#define ALERT_HOLD_MAX_MS 300000
#define ALERT_TRIAL_CALLS 3 /* that must end before a recovery is believed */

enum alert_state { ALERT_OK, ALERT_PENDING, ALERT_FIRING, ALERT_RECOVERING, ALERT_STATES };
str alert_state_name(enum alert_state s);

/* What firing alerts ask of a provider's or a model's calls. */
#define ALERT_OUT         1u /* other targets first */
#define ALERT_FALLBACK    2u /* fallback models first, then other targets */
#define ALERT_TRIAL       4u /* … but for a few calls, which are to show whether it is over */
#define ALERT_TRIAL_SHARE 10 /* of a model: one call in so many. Of a provider: one at a time */

/* The sums at one time; times as counts by bucket, of which a window never has more than 2^32. */
struct alert_mark {
    msec at;
    uint64_t ended, failed, limited, tokens;
    nanousd usd;
    uint32_t cell[HIST_BUCKETS]; /* of the times that the metric is about */
};

struct alert_watch {
    const struct conf_alert *rule; /* of the snapshot that the owner holds */
    enum alert_state state;
    msec since;       /* it is in that state */
    msec bad_since;   /* above the threshold without a break; 0: it is not */
    msec hold;        /* as it is now */
    double value;     /* as last looked at; negative: not known */
    uint64_t samples; /* … of so many */
    unsigned n, newest;
    struct alert_mark mark[ALERT_SLICES + 1];
};

/* The first look stands as the beginning: what was before it counts for nothing. */
void alert_begin(struct alert_watch *w, const struct conf_alert *rule,
                 const struct outcome_sums *sums, msec now);
/* Look again: true when the state is another one now. */
bool alert_look(struct alert_watch *w, const struct outcome_sums *sums, msec now);
