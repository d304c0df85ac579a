/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sessions - a number for each of many sessions: how long its last prompt was, as its provider
 * reported it; or which project it belongs to.
 *
 * One table for all threads, for the next turn may come in on another worker's connection: a word a
 * session, written and read whole, no lock and no mail. A word is 40 bits of the session's hash and
 * 24 of the number, so a reader never sees one session's number under another's name. A session may
 * stand in any of SESSIONS_WAYS slots side by side; where all are taken, the first gives way: what
 * is lost is a hint, and the next answer brings it back.
 */
#pragma once
#include <stdatomic.h>

#include "base/str.h"

#define SESSIONS_MAX  4096 /* slots: 32 KiB */
#define SESSIONS_WAYS 4

struct sessions {
    _Atomic uint64_t slot[SESSIONS_MAX];
};

/* Numbers are cut at 24 bits. */
void sessions_note(struct sessions *s, uint64_t session, uint64_t number);
uint64_t sessions_find(const struct sessions *s, uint64_t session); /* 0: not known */

/* Of a name: the same on all workers and nodes; never 0. */
uint64_t sessions_hash(str name);
/* A name as such a number; never 0. */
uint64_t sessions_tag(str name);
