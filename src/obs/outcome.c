/* SPDX-License-Identifier: Apache-2.0 */
/* outcome - see the header. */
#include "obs/outcome.h"

#include "base/check.h"

static void bump(_Atomic uint64_t *cell)
{
    atomic_store_explicit(cell, atomic_load_explicit(cell, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

void outcome_add(struct outcomes *o, enum outcome_end how, msec ms, bool first)
{
    bump(&o->ended);
    switch (how) {
    case OUTCOME_LIMITED:
        bump(&o->limited);
        return;
    case OUTCOME_FAILED:
        bump(&o->failed);
        break;
    case OUTCOME_SERVED:
        break;
    }
    hist_add(&o->response_ms, ms);
    if (first)
        hist_add(&o->first_ms, ms);
}

static uint64_t get(const _Atomic uint64_t *cell)
{
    return atomic_load_explicit(cell, memory_order_relaxed);
}

/* The parts before the whole: an outcome that ends in between is missing from both or from the
 * parts, so a share never exceeds one. */
void outcome_read(const struct outcomes *o, struct outcome_sums *sum)
{
    sum->failed += get(&o->failed);
    sum->limited += get(&o->limited);
    sum->ended += get(&o->ended);
    hist_view_add(&sum->response_ms, &o->response_ms);
    hist_view_add(&sum->first_ms, &o->first_ms);
}
