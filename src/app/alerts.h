/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alerts - the configuration's alerts, watched by the main thread.
 *
 * Twice a second each alert looks at the figures of what it watches, summed over the workers'
 * shards (obs/metric.h); route/alert.h decides. A change is said on stderr, written to
 * DATA/alerts.history, sent to the alert's webhook, and put on a new board (gate/board.h) that goes
 * to all workers: these do what it asks.
 *
 * A key that its provider refuses is the built-in alert `key_refused`: no figure is watched for it,
 * a worker says when it happens and when the key is taken again (alert_keys.c). Without other
 * alerts no clock runs. A reload keeps the state of every alert whose rule is as it was.
 */
#pragma once
#include "conf/snapshot.h"
#include "gate/board.h"
#include "gate/gate.h"
#include "io/loop.h"
#include "obs/metric.h"

struct alerts;

struct alerts_setup {
    struct loop *loop;
    struct metric_shard *const *shards;
    unsigned nshards;
    /* A new board, borrowed: on this thread, for all workers. */
    void (*publish)(void *arg, struct board *b);
    void *arg;
    struct hash_key key; /* of the hashes in gate_key_news */
};

enum rc alerts_new(const struct alerts_setup *set, struct alerts **ret) MUST_CHECK;
/* Watch what this one says from now on; a reference is taken. What is kept of its history is read
 * at the first one. */
void alerts_follow(struct alerts *a, struct snapshot *s);
/* A worker says that a provider does not take a key, or takes it again. */
void alerts_key(struct alerts *a, const struct gate_key_news *news);
void alerts_free(struct alerts *a); /* handles close while the loop runs on; accepts NULL */
