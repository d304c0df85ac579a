/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hist - bucket i holds [lower(i), lower(i + 1)).
 *
 * The first four buckets are the numbers 0 to 3. From there on a power of two has four, told by the
 * two bits behind the highest one:
 *
 *     1 0 0 x x…   1 0 1 x x…   1 1 0 x x…   1 1 1 x x…
 *
 * so a bucket's number is a shift and an addition, there are 128 for all of 32 bits and more, and a
 * value is known to an eighth of itself. Linear buckets were rejected: latencies lie between a
 * microsecond and ten minutes.
 */
#include "obs/hist.h"

#include "base/check.h"

static uint64_t lower(unsigned i)
{
    ASSERT(i <= HIST_BUCKETS);
    if (i < 4)
        return i;
    unsigned top = i / 4 + 1;
    return (uint64_t)(4 + i % 4) << (top - 2);
}

/* Half the error on either side. */
uint64_t hist_middle(unsigned bucket)
{
    return bucket < 4 ? bucket : (lower(bucket) + lower(bucket + 1) - 1) / 2;
}

/* The only writer reads and stores: an atomic addition would lock the cache line for nobody. */
static void bump(_Atomic uint64_t *cell, uint64_t by)
{
    uint64_t v = atomic_load_explicit(cell, memory_order_relaxed);
    atomic_store_explicit(cell, v + by, memory_order_relaxed);
}

void hist_add(struct hist *h, uint64_t v)
{
    bump(&h->cell[hist_bucket(v)], 1);
    bump(&h->sum, v);
}

void hist_view_add(struct hist_view *to, const struct hist *h)
{
    for (unsigned i = 0; i < HIST_BUCKETS; i++) {
        uint64_t n = atomic_load_explicit(&h->cell[i], memory_order_relaxed);
        to->cell[i] += n;
        to->count += n;
    }
    to->sum += atomic_load_explicit(&h->sum, memory_order_relaxed);
}

uint64_t hist_quantile(const struct hist_view *v, double q)
{
    if (v->count == 0)
        return 0;
    ASSERT(q >= 0 && q <= 1);
    uint64_t rank = (uint64_t)((double)(v->count - 1) * q), seen = 0;
    for (unsigned i = 0; i < HIST_BUCKETS; i++) {
        seen += v->cell[i];
        if (seen > rank)
            return hist_middle(i);
    }
    return lower(HIST_BUCKETS - 1);
}

uint64_t hist_count_to(const struct hist_view *v, uint64_t limit)
{
    uint64_t n = 0;
    for (unsigned i = 0; i + 1 < HIST_BUCKETS && lower(i + 1) <= limit + 1; i++)
        n += v->cell[i];
    return n;
}
