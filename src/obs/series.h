/* SPDX-License-Identifier: Apache-2.0 */
/*
 * series - counters with labels whose words somebody chose: rules, scenarios, tags, mirrors.
 *
 *     struct series *s = series_of(&shard->series, SERIES_TAGGED, STR("beta"), STR_NONE);
 *     if (s) series_add(s, 0, 1);
 *
 * What is counted stands in series.def. As the other lists of a shard (metric.h): written by one
 * worker, read by whoever sums up, entries are published whole and freed with the shard. Each
 * family holds SERIES_MAX pairs of words; what comes later is counted as "other", so that no
 * configuration, and no caller, can make a scrape grow without end.
 */
#pragma once
#include <stdatomic.h>

#include "base/buf.h"

#define SERIES_MAX     128 /* of a family, "other" not counted */
#define SERIES_FIGURES 4   /* the most that a family has */

enum series_family {
#define FAMILY(id, label, second, open) SERIES_##id,
#define FIGURE(id, name, unit, help)
#include "obs/series.def"
#undef FAMILY
#undef FIGURE
    SERIES_FAMILIES
};

/* The places of what is counted, in the order of series.def. */
enum series_call_figure { SERIES_CALLS, SERIES_FAILED, SERIES_TOKENS, SERIES_USD };
enum series_side_figure { SERIES_SIDE_CALLS, SERIES_SIDE_MS, SERIES_SIDE_TOKENS, SERIES_SIDE_USD };

struct series {
    struct series *_Atomic next;
    enum series_family family;
    str words[2]; /* the second is absent where the family has one label */
    _Atomic uint64_t figure[SERIES_FIGURES];
};

/* Of one worker. Zeroed at first. */
struct series_list {
    struct series *_Atomic first;
    unsigned n[SERIES_FAMILIES];
};

/* Found or made. NULL: no memory. */
struct series *series_of(struct series_list *l, enum series_family f, str word, str second);
void series_free(struct series_list *l);

static inline void series_add(struct series *s, unsigned figure, uint64_t by)
{
    const uint64_t was = atomic_load_explicit(&s->figure[figure], memory_order_relaxed);
    atomic_store_explicit(&s->figure[figure], was + by, memory_order_relaxed);
}

/* The sum over all lists; 0 where none has it. */
uint64_t series_sum(struct series_list *const *lists, unsigned n, enum series_family f, str word,
                    str second, unsigned figure);
/* As the Prometheus text format wants it. */
void series_write(struct series_list *const *lists, unsigned n, struct buf *to);
