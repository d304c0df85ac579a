/* SPDX-License-Identifier: Apache-2.0 */
/* window - a ring of slices; see the header. */
#include "route/window.h"

#include <string.h>

#include "base/check.h"
#include "obs/hist.h"

_Static_assert(WINDOW_BUCKETS <= HIST_BUCKETS, "its buckets are a histogram's");
_Static_assert(WINDOW_BUCKETS == (20 - 1) * 4 && WINDOW_MOST_MS == 1 << 20,
               "the last one ends where no more is told apart: four a power of two from 4 on");

/* From one on, so that a zeroed slice is of no time. */
static uint32_t number_at(msec now)
{
    return (uint32_t)(now / WINDOW_SLOT_MS) + 1;
}

static struct window_slot *slot_at(struct window *w, msec now)
{
    const uint32_t number = number_at(now);
    struct window_slot *s = &w->slot[number % WINDOW_SLOTS];
    if (s->number != number) {
        memset(s, 0, sizeof(*s));
        s->number = number;
    }
    return s;
}

static void bump(uint16_t *cell)
{
    *cell = (uint16_t)(*cell + (*cell != UINT16_MAX));
}

static unsigned bucket_of(msec ms)
{
    return hist_bucket(ms < WINDOW_MOST_MS ? ms : WINDOW_MOST_MS - 1);
}

void window_served(struct window *w, msec now, const struct window_answer *a)
{
    struct window_slot *s = slot_at(w, now);
    s->served++;
    bump(&s->answer[bucket_of(a->ms)]);
    if (!a->first)
        return;
    bump(&s->first[bucket_of(a->first_ms)]);
    if ((a->tokens | a->tokens_ms) >> 32) /* absurd: a provider's word */
        return;
    s->tokens += a->tokens;
    s->tokens_ms += a->tokens_ms;
}

void window_fault(struct window *w, msec now, enum fault how)
{
    CHECK(how < FAULT_COUNT);
    bump(&slot_at(w, now)->fault[how]);
}

/* ---- reading */

static bool is_recent(const struct window_slot *s, msec now)
{
    const uint32_t number = number_at(now);
    return s->number && s->number <= number && number - s->number < WINDOW_SLOTS;
}

static uint16_t sum16(uint16_t a, uint16_t b)
{
    return (uint16_t)(a + b < UINT16_MAX ? a + b : UINT16_MAX);
}

static uint32_t sum32(uint32_t a, uint32_t b)
{
    return a < UINT32_MAX - b ? a + b : UINT32_MAX;
}

void window_add(struct window *sum, const struct window *w, msec now)
{
    for (unsigned i = 0; i < WINDOW_SLOTS; i++) {
        const struct window_slot *from = &w->slot[i];
        struct window_slot *to = &sum->slot[i];
        if (!is_recent(from, now))
            continue;
        if (to->number != from->number) { /* an older one, or none: both hold it at one place */
            ASSERT(to->number < from->number || !is_recent(to, now));
            *to = *from;
            continue;
        }
        to->served = sum32(to->served, from->served);
        to->tokens += from->tokens;
        to->tokens_ms += from->tokens_ms;
        for (unsigned k = 0; k < FAULT_COUNT; k++)
            to->fault[k] = sum16(to->fault[k], from->fault[k]);
        for (unsigned k = 0; k < WINDOW_BUCKETS; k++) {
            to->answer[k] = sum16(to->answer[k], from->answer[k]);
            to->first[k] = sum16(to->first[k], from->first[k]);
        }
    }
}

static double quantile(const uint64_t cell[WINDOW_BUCKETS], double q)
{
    uint64_t all = 0, seen = 0;
    for (unsigned i = 0; i < WINDOW_BUCKETS; i++)
        all += cell[i];
    if (all == 0)
        return -1;
    const uint64_t rank = (uint64_t)((double)(all - 1) * q);
    for (unsigned i = 0; i < WINDOW_BUCKETS; i++) {
        seen += cell[i];
        if (seen > rank)
            return (double)hist_middle(i);
    }
    return (double)hist_middle(WINDOW_BUCKETS - 1);
}

struct window_reading window_read(const struct window *w, msec now)
{
    uint64_t answer[WINDOW_BUCKETS] = {0}, first[WINDOW_BUCKETS] = {0};
    double tokens = 0, tokens_ms = 0;
    struct window_reading r = {.tokens_per_s = -1};
    for (unsigned i = 0; i < WINDOW_SLOTS; i++) {
        const struct window_slot *s = &w->slot[i];
        if (!is_recent(s, now))
            continue;
        r.served += s->served;
        tokens += (double)s->tokens, tokens_ms += (double)s->tokens_ms;
        for (unsigned k = 0; k < FAULT_COUNT; k++)
            r.fault[k] += s->fault[k];
        for (unsigned k = 0; k < WINDOW_BUCKETS; k++)
            answer[k] += s->answer[k], first[k] += s->first[k];
    }
    r.attempts = r.served;
    for (unsigned k = 0; k < FAULT_COUNT; k++) {
        r.attempts += r.fault[k];
        r.failed += fault_counts(k) ? r.fault[k] : 0;
    }
    r.answer_p50 = quantile(answer, 0.50), r.answer_p95 = quantile(answer, 0.95);
    r.first_p50 = quantile(first, 0.50), r.first_p95 = quantile(first, 0.95);
    if (tokens_ms > 0)
        r.tokens_per_s = tokens * 1000 / tokens_ms;
    return r;
}
