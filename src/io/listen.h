/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listen - listening sockets, and an acceptor that never spins.
 *
 * Every worker opens its own socket on the same address (SO_REUSEPORT), so the kernel spreads
 * connections and nobody hands fds about. Accepted sockets are non-blocking and close-on-exec, and
 * inherit TCP_NODELAY from the listener, which saves a system call each.
 *
 * Out of file descriptors (RELIABILITY D10): a reserve fd is given up for a moment to take one
 * waiting connection and close it, so that its client learns at once; then accepting rests for
 * LISTEN_REST_MS instead of being woken for ever by what it cannot take.
 *
 * Thread: one loop each.
 */
#pragma once
#include "io/loop.h"

struct acceptor;

#define LISTEN_BACKLOG 4096 /* the kernel cuts it to net.core.somaxconn */
#define LISTEN_BATCH   16   /* connections taken per wake-up: the rest of the loop gets its turn */
#define LISTEN_REST_MS 75   /* out of fds: no accept for so long */

/* host: an IPv4 or IPv6 literal, brackets allowed, or "localhost" (127.0.0.1); empty: every address
 * of both families. Port 0 takes a free one. *ret_port is the port in use. RC_CONFIG: not an
 * address; RC_BUSY: in use by another program; RC_IO, with a static text in *ret_why (may be NULL).
 */
enum rc listen_open(str host, uint16_t port, int backlog, int *ret_fd, uint16_t *ret_port,
                    const char **ret_why) MUST_CHECK;

/* Would another program's listener be in the way? SO_REUSEPORT hides it, so this asks without.
 * Port 0 is always free. RC_BUSY, else as above. */
enum rc listen_check(str host, uint16_t port, const char **ret_why) MUST_CHECK;

/* Take connections of `fd` (owned from now on) and give each to on_accept, which owns it then. */
enum rc acceptor_new(struct loop *l, int fd, void (*on_accept)(void *arg, int fd), void *arg,
                     struct acceptor **ret) MUST_CHECK;
/* Stop taking; what waits in the backlog stays there. Also under overload: see acceptor_resume. */
void acceptor_pause(struct acceptor *a);
void acceptor_resume(struct acceptor *a);
/* Connections refused for want of file descriptors so far. */
uint64_t acceptor_refused(const struct acceptor *a);
/* Closes the socket; memory goes when the loop has run on. Accepts NULL. */
void acceptor_free(struct acceptor *a);
