/* SPDX-License-Identifier: Apache-2.0 */
/* recovery - evidence, added up; see the header. */
#include "route/recovery.h"

#include <math.h>

#include "base/check.h"

#define WELL   0.01 /* share of attempts that fail of a target that is well */
#define SPREAD 0.5  /* sigma of the logarithm of times to the first token */
#define HINT   0.5  /* of evidence that is worth another call soon: two in a row at 30 % errors */

/* How much an answer speaks for a recovery; negative: it speaks against one. */
static double evidence_of(const struct recovery_known *k, double ms)
{
    const bool faster = k->first_ms > ms * RECOVERY_FASTER;
    double sum = 0;
    if (k->error_rate <= RECOVERY_FAILS && !faster)
        return -1;
    if (k->error_rate > RECOVERY_FAILS)
        sum += log((1 - WELL) / (1 - fmin(k->error_rate, 1 - WELL)));
    if (faster && k->in_doubt) {
        const double x = log(k->first_ms / (ms < 1 ? 1 : ms));
        sum += x * x / (2 * SPREAD * SPREAD);
    }
    return sum;
}

static void begin_anew(struct recovery *r, msec since, msec now, uint32_t waiting,
                       msec waiting_since)
{
    *r = (struct recovery){.since = since,
                           .heard = now,
                           .old_waiting = waiting,
                           .old_since = waiting_since,
                           .wanted = 2};
}

/* While it is on trial, each good answer asks for two more. */
static void confirm(struct recovery *r)
{
    if (!r->since || r->answers >= RECOVERY_ANSWERS)
        return;
    r->answers++;
    r->wanted = r->answers == RECOVERY_ANSWERS    ? 0
                : r->wanted + 2 < RECOVERY_WANTED ? r->wanted + 2
                                                  : RECOVERY_WANTED;
}

bool recovery_answer(struct recovery *r, const struct recovery_known *k, double ms, msec began,
                     msec now, uint32_t waiting, msec waiting_since)
{
    const double more = evidence_of(k, ms);
    ASSERT(!recovery_is_old(r, began));
    confirm(r);
    if (more < 0) {
        r->evidence = 0;
        return false;
    }
    r->evidence += more;
    if (r->evidence < RECOVERY_ENOUGH) {
        r->wanted = r->wanted < 1 && r->evidence > HINT ? 1 : r->wanted;
        return false;
    }
    begin_anew(r, began, now, waiting, waiting_since);
    return true;
}

void recovery_declare(struct recovery *r, msec now, uint32_t waiting, msec waiting_since)
{
    begin_anew(r, now, now, waiting, waiting_since);
}

void recovery_failed(struct recovery *r)
{
    r->evidence = 0;
    r->wanted = 0;
}

double recovery_trial(const struct recovery *r, msec now)
{
    if (!r->since || r->answers >= RECOVERY_ANSWERS || now >= r->heard + RECOVERY_TRIAL_MS)
        return 0;
    return 1 - (1.0 + r->answers) / (1 + RECOVERY_ANSWERS);
}

void recovery_waited(struct recovery *r, msec began)
{
    if (began > r->heard || !r->heard)
        return;
    CHECK(r->old_waiting > 0 && r->old_since >= began);
    r->old_waiting--;
    r->old_since -= began;
}
