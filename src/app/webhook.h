/* SPDX-License-Identifier: Apache-2.0 */
/*
 * webhook - messages of alerts on their way to where the configuration wants them.
 *
 * One at a time, in order; each is tried WEBHOOK_TRIES times, with a growing wait between. A place
 * that is away for longer has missed them: the log and the history have them too. At most
 * WEBHOOK_QUEUE wait, and then the oldest gives way, for what is newest is what somebody must know.
 *
 * Main thread only.
 */
#pragma once
#include "conf/snapshot.h"
#include "io/loop.h"

#define WEBHOOK_TRIES 4
#define WEBHOOK_QUEUE 64

struct webhooks;

enum rc webhooks_new(struct loop *l, struct webhooks **ret) MUST_CHECK;
/* `to` is of `s`, of which a reference is taken; `json` is copied. */
void webhooks_send(struct webhooks *w, struct snapshot *s, const struct conf_remote *to, str json);
/* Handles close while the loop runs on. What waits is dropped. Accepts NULL. */
void webhooks_free(struct webhooks *w);
