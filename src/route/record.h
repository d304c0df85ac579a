/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record - what is known of one target or credential, as a copy that may leave its worker.
 *
 * A worker's health records (health.h) are its own, and nobody else may look at them. Whoever wants
 * to know of all workers together (the operator, the file that outlives a restart) has each of them
 * add copies to a set of records: what is of one identity adds up. Sums, windows and attempts under
 * way are added; of what keeps a target out, the longest counts, for the file must not forget the
 * one worker that knows better; a provider's word on its limits is the youngest one.
 *
 * An identity is that of the health record: a hash of the key, the names of provider, address and
 * model. The hash's key is the process's (route_state.identity), so it is the same on all workers.
 * The provider's key itself is nowhere in it.
 *
 *     workers' health  --record_add-->  records  --records_write-->  file
 *                                                                      | restart
 *     a new health record  <--record_restore--  records  <--records_read
 *
 * What comes back is less sure than it was: sums count for FIGURES_REMEMBERED calls at most and
 * have faded by the time that went by; a breaker that was open is open for the rest of its time,
 * and afterwards half-open, so that one call finds out whether the target recovered meanwhile; its
 * openings of before have become fewer, as they do while a process runs; a key cools and a target
 * stays ejected for the rest of theirs. Windows are not kept: they say
 * nothing after a minute.
 *
 * Pure: clocks come as arguments. records_take allocates; all of a set is freed by records_fini.
 * Trust: what records_read reads may be anything: figures that make no sense are left out.
 */
#pragma once
#include "route/health.h"
#include "route/warm.h"
#include "json/write.h"

#define RECORDS_MAX       (2 * HEALTH_RECORDS_MAX)
#define RECORD_ID_MAX     512
#define RECORD_AGE_MAX_MS (UINT64_C(7) * 24 * 3600 * 1000) /* not called for so long: forgotten */

struct record {
    struct list link; /* in the order they were found */
    str id;
    struct figures figures;
    struct window window;
    struct quota_said said; /* of its limits, as it is at `said_at` */
    msec said_at;           /* 0: nothing was said … */
    msec heard;             /* … and when it was */
    msec cool_until, open_until, refused_until, ejected_until;
    unsigned openings, ejections;
    msec closed_at;        /* since when health takes back openings; 0: the breaker is not closed */
    unsigned workers, out; /* who know of it, and those of them that keep it out now */
    unsigned targets;      /* that were merged into this one */
};

struct records {
    struct map map;
    struct list all;
    bool failed; /* no memory, or too many: some are missing */
    /* Prompts in providers' caches, which all workers know alike; WARM_MOST at most. */
    struct warm_note *warm;
    unsigned nwarm;
};

void records_init(struct records *s, struct hash_key key);
void records_fini(struct records *s);
struct record *records_find(const struct records *s, str id); /* NULL: not there */
/* Find or make. NULL: s->failed. */
struct record *records_take(struct records *s, str id);

/* What one worker knows. */
void record_add(struct record *r, const struct health *h, msec now);
void records_add_table(struct records *s, const struct health_table *t, msec now);
/* Another record, of another target: for sums of a provider, of a region. */
void record_merge(struct record *to, const struct record *from, msec now);
/* What `from` knows, and `s` does not. */
void records_inherit(struct records *s, const struct records *from, msec now);
/* NULL `w`, or a set that has some: nothing. */
void records_add_warm(struct records *s, const struct warm *w, msec now);
/* The worst of what the workers make of it; a region that is down is not seen here. */
enum health_state record_state(const struct record *r, msec now);
/* Into a health record that is new. `r` may be NULL. */
void record_restore(const struct record *r, struct health *h);

/* The parts of an identity. False: it is none. */
struct record_name {
    uint64_t key; /* hash; 0: the provider has no keys */
    str provider, origin, model;
};
bool record_name(str id, struct record_name *ret);
bool record_is_target(const struct record *r); /* else it is a credential's */

/* record_text.c: the set as a JSON array; what there is nothing to say of is left out. */
void records_write(const struct records *s, struct json_writer *w, msec now);
/* … and back. `age`: milliseconds since it was written. False: it is no such array. Elements that
 * make no sense are left out. */
bool records_read(struct records *s, jval v, msec now, uint64_t age);
