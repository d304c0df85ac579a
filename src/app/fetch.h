/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch - one small document over HTTP(S), from somewhere or to it, on the loop of the main thread.
 *
 * A GET or a POST on a connection of its own, with a limit for the bytes and for the time of all of
 * it. Only 200 with the whole body counts, for a POST any 2xx; redirects are not followed, for
 * where they lead was not configured. One at a time.
 *
 * Owns:  its client and buffers; the target is only read, and must live until the end of the fetch.
 * Trust: what comes is the network's word: the caller checks it.
 */
#pragma once
#include "conf/snapshot.h"
#include "io/loop.h"

struct fetch;

/* The end of a fetch, later, never inside of fetch_start. `why` NULL: `body` is all of it, valid
 * here. Else what went wrong, for the log. It may not start the next one: a clock may. */
typedef void (*fetch_fn)(void *arg, str body, const char *why);

enum rc fetch_new(struct loop *l, size_t max, fetch_fn fn, void *arg,
                  struct fetch **ret) MUST_CHECK;
/* Ends one under way. Without memory nothing is asked and no fn follows. */
void fetch_start(struct fetch *f, const struct conf_remote *from);
/* The same with a POST of some kilobytes, which are copied. False: it was not begun, no fn follows.
 */
bool fetch_post(struct fetch *f, const struct conf_remote *to, str json);
void fetch_cancel(struct fetch *f); /* no fn follows */
/* Handles close while the loop runs on. Accepts NULL. */
void fetch_free(struct fetch *f);
