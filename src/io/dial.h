/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dial - from a list of addresses to one connected socket (happy eyeballs, RFC 8305).
 *
 * The addresses are taken alternately from the two families, starting with the first one's. A try
 * that fails starts the next at once; one that says nothing for DIAL_STEP_MS gets company. The
 * first connection wins, the others are closed. So an IPv6 black hole costs 250 ms, not a connect
 * timeout.
 *
 * There is no deadline here: who dials has one of its own and cancels.
 * Owns: itself and its sockets, until fn or dial_cancel.   Thread: one loop.
 */
#pragma once
#include "io/dns.h"

#define DIAL_STEP_MS 250 /* RFC 8305 §5: the recommended connection attempt delay */

struct dial;

/* fn, later and once: RC_OK and a connected, non-blocking, close-on-exec fd with TCP_NODELAY, which
 * is the caller's; or RC_CONNECT and -1 when no address would have us, with a static text. `addrs`
 * (1 to DNS_ADDRS_MAX) are copied. NULL: out of memory. */
typedef void dial_fn(void *arg, enum rc rc, int fd, const char *why);
struct dial *dial_start(struct loop *l, const union dns_addr *addrs, size_t n, uint16_t port,
                        dial_fn *fn, void *arg);
void dial_cancel(struct dial *d); /* fn will not be called */
