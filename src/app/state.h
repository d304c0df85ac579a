/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state - what this gateway has learned, kept over a restart: DATA/state.kept.
 *
 *     weir-state-1 SHA256-OF-THE-TEXT\n
 *     {"saved_unix_ms":…,"identity":…,"targets":[…],…}       a member for each section
 *
 * The main thread writes it each `routing.remember` (a minute) in which there were attempts, and at
 * the end; and reads it before the first worker begins. What workers know comes by a census
 * (gate/census.h), so nothing of it is on a call's way. A kill -9 or a power cut costs what was
 * learned since the last writing: the old file or the new one is there, never half of one
 * (data_file.h).
 *
 * To keep one thing more: a row in the table of state.c, with two functions.
 *   write  puts one JSON value. Main thread. All durations in it relative to now, for wall clocks
 *          jump and the loop's begins anew with the machine.
 *   read   gets that value back, before there are workers. False: it is of no use, which is said,
 *          and all else goes on. Trust nothing in it: the checksum tells that it is whole, not that
 *          it makes sense; and members of other versions may be there, or missing.
 *   What workers hold must be here when `write` runs: let census_take (gate/census.c) collect it
 *   into a member of struct records or beside it; give it back through struct gate_world, which
 *   every worker sees before its first call.
 * Sections whose name is not in the table (a newer weir's) are dropped.
 *
 * No key, prompt or answer stands in it: keys of providers, and beginnings of prompts that are
 * warm, are hashes there, made with a random key that is kept beside them, so that they are the
 * same identities after a restart (route/record.h, route/warm.h). So whoever can read the file can
 * find out whether a prompt that he guesses word for word was sent; it is its owner's alone (0600).
 *
 * A file that is damaged or no state of this version is set aside as state.kept.bad, said, and the
 * gateway starts without it. A place that cannot be written costs the memory over restarts and
 * nothing else; that is said once, and once more when it works again.
 */
#pragma once
#include "base/arena.h"
#include "io/loop.h"
#include "route/record.h"
#include "json/write.h"

struct process;

/* The moment of writing, or of reading. */
struct state_moment {
    msec now; /* of the loop's clock */
    uint64_t unix_ms;
    uint64_t age;              /* reading: milliseconds since it was written */
    const struct records *all; /* writing: what the workers know; else NULL */
    struct arena *arena;       /* reading: for texts, until read returns */
};

struct state {
    struct timer clock;
    bool counting;    /* a census is under way */
    bool failed;      /* it could not be written last time, and that was said */
    uint64_t written; /* attempts there had been when it was */
    struct records remembered;
};

/* Before the workers: world.identity and world.remembered are set. */
void state_load(struct process *p);
void state_begin(struct process *p); /* its clock */
/* The workers' threads have ended, and they are not freed yet: written for the last time. */
void state_end(struct process *p);
void state_fini(struct process *p); /* after the workers */
