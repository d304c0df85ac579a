/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oauth - access tokens for providers that want one instead of a key, fetched and kept fresh.
 *
 * One per credential and worker: a token is asked for when the first call needs it, and again in
 * the background before it expires, while calls go on with the old one. Calls that need one
 * meanwhile wait together for the one fetch. After a failed fetch the next one is OAUTH_PAUSE_MS
 * away; until then calls fail at once.
 *
 * Lives as long as the gate, also over reloads (looked up by what it is asked for with).
 */
#pragma once
#include "base/list.h"
#include "client/client.h"
#include "conf/oauth.h"

#define OAUTH_FRESH_MS (5 * 60 * 1000u) /* so long before its end a new one is fetched */
#define OAUTH_LEFT_MS  30000u           /* … and so long before it is used no more */
#define OAUTH_PAUSE_MS 2000u

struct oauth;

struct oauth_waiter {
    struct list link; /* next NULL: not waiting */
    void (*fn)(struct oauth_waiter *w, bool ok);
};

struct oauth *oauth_new(struct loop *l, struct client *c, const struct conf_oauth *conf,
                        const struct origin_spec *spec); /* copies; NULL: no memory */
void oauth_close(struct oauth *o); /* no fetch any more: before its client goes */
void oauth_free(struct oauth *o);  /* accepts NULL; nobody waits */
bool oauth_is_for(const struct oauth *o, const struct conf_oauth *conf);

/* The token, valid now; absent: call oauth_wait. May begin a fetch in the background. */
str oauth_token(struct oauth *o);
/* fn runs later, once, never now: ok says that there is a token. */
void oauth_wait(struct oauth *o, struct oauth_waiter *w);
void oauth_unwait(struct oauth_waiter *w); /* no-op when not waiting */
/* The provider took it for invalid: the next call fetches another. */
void oauth_reject(struct oauth *o, str token);
/* What is said to the token endpoint, for tests: its form body at unix time `now`. */
bool oauth_form(const struct conf_oauth *conf, uint64_t now, struct buf *to);
