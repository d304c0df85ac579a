/* SPDX-License-Identifier: Apache-2.0 */
/* loop_int - what sockets need to see of the loop: its shared buffers. For io/ only. */
#pragma once
#include <stdatomic.h>

#include "base/buf.h"
#include "io/loop.h"

#define LOOP_RECORD_SIZE (16 * 1024) /* the largest plaintext of one TLS record */

/* The buffers are shared by all sockets of the loop, which is sound because each is used between
 * two points of one call chain and no callback runs a second read meanwhile. */
struct loop {
    uv_loop_t uv;
    uv_prepare_t prepare; /* before the poll: what was deferred by timers and close callbacks */
    uv_check_t check;     /* after the poll: what was deferred by sockets */
    uv_idle_t idle; /* running only while something deferred must keep the poll from blocking */
    uv_async_t async;
    _Atomic(struct mail *) inbox; /* a stack, newest first */
    struct list deferred;
    unsigned handles_open; /* of the loop's own handles: counts down in loop_free */
    bool stopped;
    msec unix_at; /* the loop_now for which unix_ms was read */
    uint64_t unix_ms;
    char *read_buf;    /* LOOP_READ_SIZE: bytes as they come from the kernel */
    char *plain_buf;   /* LOOP_READ_SIZE: what TLS made of them; NULL until the first TLS socket */
    char *record;      /* LOOP_RECORD_SIZE: small writes gathered into one TLS record; idem */
    struct buf cipher; /* what TLS wants to send, between SSL_write and the write that follows */
};

/* Allocate the TLS buffers once. RC_NOMEM. */
enum rc loop_need_tls(struct loop *l) MUST_CHECK;
