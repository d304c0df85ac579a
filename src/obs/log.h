/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log - lines to a file, off the hot path.
 *
 * Each worker owns a ring that only it fills; one side thread empties all rings into the file. A
 * worker never waits: a full ring drops the line and counts it (P11, P29: a full disk or a stalled
 * reader costs log lines, never calls). Reopening (after rotation) may be asked for; a file that
 * was moved away or deleted is made anew before the next line without it. Both are the side
 * thread's.
 *
 *     worker 0 --ring--\
 *     worker 1 --ring---> log thread --write--> file, stdout or stderr
 */
#pragma once
#include <stdatomic.h>

#include "base/rc.h"
#include "base/str.h"

#define LOG_RING_SIZE (1u << 18) /* bytes; a power of two */

struct log;
struct log_ring;

/* path NULL: the given fd (1, 2), which stays open. RC_IO when the file cannot be opened. */
enum rc log_new(const char *path, int fd, unsigned producers, struct log **ret) MUST_CHECK;
/* Stops the thread after all rings are empty (or after 2 s of a stuck file). Accepts NULL. */
void log_free(struct log *l);
struct log_ring *log_ring(struct log *l, unsigned producer);
void log_reopen(struct log *l);

/* Append one line (its newline included). False: dropped, and counted. */
bool log_put(struct log_ring *r, str line);
uint64_t log_dropped(const struct log_ring *r);
