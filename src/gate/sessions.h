/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sessions - how long the last prompt of a session was, as its provider reported it.
 *
 * One table for all workers, for the next turn may come in on another one's connection: a word per
 * slot, written and read whole, no lock and no mail. A word is 40 bits of the session's hash and 24
 * of tokens, so a reader never sees one session's tokens under another's name. Two sessions of one
 * slot push each other out: what is lost is a hint, and the next answer brings it back.
 */
#pragma once
#include <stdatomic.h>
#include <stdint.h>

#define SESSIONS_MAX 4096 /* slots: 32 KiB */

struct sessions {
    _Atomic uint64_t slot[SESSIONS_MAX];
};

void sessions_note(struct sessions *s, uint64_t session, uint64_t tokens);
uint64_t sessions_last(const struct sessions *s, uint64_t session); /* tokens; 0: not known */
