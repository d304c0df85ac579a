/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alerts_int - what the files of the alerts share: alerts.c (what is watched, the board, the
 * clock), alert_keys.c (keys that are refused) and alert_tell.c (words); not for others. Main
 * thread only.
 */
#pragma once
#include "app/alert_history.h"
#include "app/alerts.h"
#include "app/webhook.h"
#include "base/list.h"
#include "route/alert.h"
#include "json/write.h"

#define ALERT_JSON_MAX (1u << 20)

/* One alert on one provider, model, target or key, or on all calls. */
struct watched {
    struct alert_watch w;
    str subject;    /* of the snapshot or of `names`; absent: all */
    uint64_t since; /* Unix ms: for people */
    str why;        /* instead of figures, where it has none: of a refused key */
};

struct alerts {
    struct alerts_setup set;
    struct timer clock;
    struct webhooks *webhooks;
    struct snapshot *snap; /* NULL: before the first */
    struct arena names;    /* of targets and keys */
    struct watched *all;
    uint32_t n;
    struct list refused; /* keys, the newest first */
    struct alert_history history;
    struct board *board; /* as the workers have it; NULL: none yet */
};

/* alert_tell.c */
void watched_put(struct json_writer *w, const struct watched *x); /* members of an object */
void watched_tell(struct alerts *a, const struct watched *x, enum alert_state was);

/* alert_keys.c */
const struct watched *alert_keys_next(const struct alerts *a,
                                      const struct watched *x); /* NULL: first */
/* A new configuration: who is not in it any more is no matter of anybody's. Before a->snap is it.
 */
void alert_keys_follow(struct alerts *a, struct snapshot *next);
void alert_keys_fini(struct alerts *a);

/* alerts.c: what has changed goes to the workers */
void alerts_publish(struct alerts *a);
