/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alarm - any number of one-shot times on one timer handle.
 *
 * For waits that live in arena memory: an alarm needs no asynchronous close, so the call that waits
 * may die at once. A binary heap of pointers; each alarm knows its place in it.
 * Thread: one loop.
 */
#pragma once
#include "io/loop.h"

struct alarm { /* zeroed at first, but for fn */
    msec due;
    size_t at; /* place in the heap + 1; 0: not set */
    void (*fn)(struct alarm *a);
};

struct alarms;

enum rc alarms_new(struct loop *l, struct alarms **ret) MUST_CHECK;
/* Alarms that are still set never run. Asynchronous: the loop must run on until its handles are
 * closed. Accepts NULL. */
void alarms_free(struct alarms *s);
/* Run a->fn once, at or after `due` (loop time), never inside this call; those that are due
 * together run earliest first. Replaces an earlier setting. RC_NOMEM: it is not set, nor is the
 * earlier. */
enum rc alarm_set(struct alarms *s, struct alarm *a, msec due) MUST_CHECK;
void alarm_stop(struct alarms *s, struct alarm *a); /* no-op when not set */
