/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alert_history - the last changes of alerts, kept over a restart: DATA/alerts.history.
 *
 * One JSON object a line, the newest last. The file is small and changes are rare, so it is written
 * anew each time (data_file.h). A line that is no JSON object is dropped when it is read: a file
 * that was cut or edited costs what is wrong in it and no more.
 *
 * Best effort: a place that cannot be written costs the memory over restarts and nothing else.
 */
#pragma once
#include "base/buf.h"
#include "conf/snapshot.h"

#define ALERT_HISTORY_MAX 200  /* changes */
#define ALERT_LINE_MAX    2048 /* bytes of one */

struct alert_history {
    struct {
        char *p;
        size_t n;
    } line[ALERT_HISTORY_MAX]; /* a ring; each owned */
    unsigned n, newest;
};

void alert_history_read(struct alert_history *h, const struct snapshot *s);
/* Copied. False: it is not on the disk. */
bool alert_history_add(struct alert_history *h, const struct snapshot *s, str line);
str alert_history_at(const struct alert_history *h, unsigned i); /* 0: the newest; i < h->n */
void alert_history_fini(struct alert_history *h);
