/* SPDX-License-Identifier: Apache-2.0 */
/*
 * download - one GET of a URL that a stranger chose, as far as the operator allows (conf/fetch.h).
 *
 * Each step of the way is looked at: the URL and each redirect against the list, scheme and port
 * included; each name's addresses before one of them is dialed (origin_spec.public_only); the bytes
 * against a maximum while they come, also where the head promised fewer. Nothing of the client's
 * goes along: no header, no credential. Never through a proxy, which would resolve the name itself.
 *
 * A worker's downloads have a client of their own, with its own cache of names: what strangers name
 * pushes out nothing of a provider's. Their origins live as long as they are used, so a million
 * hosts leave nothing behind. DOWNLOADS_MAX run at a time, the others wait in order.
 *
 * Fails: on_end says why, in words for the client's eyes: they complete "The image cannot be
 * fetched: …". Callbacks never run inside download_start.   Thread: one loop.
 */
#pragma once
#include "base/buf.h"
#include "client/client.h"
#include "conf/fetch.h"

#define DOWNLOADS_MAX      32 /* of a worker at a time */
#define DOWNLOAD_HOPS      3  /* redirects that are followed */
#define DOWNLOAD_URL_BYTES 8192

struct downloads;
struct download;

struct download_ops {
    /* The media type of a 200. NULL: go on; else why it is not wanted, static. */
    const char *(*on_type)(struct download *d, str type);
    /* Bytes of the body. NULL: go on; else why no more of it is wanted. */
    const char *(*on_bytes)(struct download *d, str bytes);
    /* Over: whole when why is NULL. It is the owner's again. */
    void (*on_end)(struct download *d, const char *why);
};

/* The owner zeroes it, sets the first block, and keeps it where it is until on_end or cancel. */
struct download {
    const struct download_ops *ops;
    const struct conf_fetch *from;
    const char *accept; /* value of Accept */
    msec deadline;      /* loop time, for all of it */
    /* private */
    struct exchange x;
    struct downloads *all;
    struct list link; /* waits for its turn; next NULL: does not */
    struct deferred later;
    struct origin *origin;
    struct iovec iov;
    struct buf url, head; /* where it is now; the request */
    uint64_t got;
    unsigned hops;
    bool active, running;
    bool moved; /* `url` is where a redirect leads */
    const char *why;
    char reason[64]; /* room for a `why` with a number in it */
};

enum rc downloads_new(struct loop *l, struct downloads **ret) MUST_CHECK;
void downloads_free(struct downloads *all);       /* all are over. Accepts NULL */
struct dns *downloads_dns(struct downloads *all); /* for tests */
unsigned downloads_running(const struct downloads *all);
void download_start(struct downloads *all, struct download *d, str url); /* plain; copied */
void download_cancel(struct download *d); /* no callback follows; no-op when over */
