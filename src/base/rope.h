/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rope - a message made of own bytes and of borrowed slices, for one writev.
 *
 * Small pieces are copied into one growing buffer; long ones (ROPE_REF_MIN and more) are only
 * referred to, so a 1 MB prompt crosses from one dialect to another without being copied. What is
 * referred to must stay until the rope was sent: request bodies and the call's arena do.
 *
 *     own bytes:  {"model":"m","messages":[{"content":"      "}]}
 *     refs:                                            ^ at=40 -> long slice
 */
#pragma once
#include <sys/uio.h>

#include "base/buf.h"

#define ROPE_REF_MIN 1024

/* For writev, which only reads. */
static inline struct iovec str_iov(str s)
{
    struct iovec v = {.iov_len = s.n};
    memcpy(&v.iov_base, &s.p, sizeof(s.p));
    return v;
}

struct rope_ref {
    size_t at; /* offset in the own bytes at which the slice stands */
    str s;
};

struct rope {
    struct buf own;
    struct rope_ref *refs;
    size_t nrefs, cap_refs;
    size_t ref_bytes;
};

#define ROPE_INIT(max_own) ((struct rope){.own = BUF_INIT(max_own)})

void rope_fini(struct rope *r);
void rope_clear(struct rope *r); /* keeps the memory */

void rope_ref_slow(struct rope *r, str s);
/* Append by reference when long, by copy when short. */
static inline void rope_put(struct rope *r, str s)
{
    if (s.n < ROPE_REF_MIN)
        buf_add(&r->own, s);
    else
        rope_ref_slow(r, s);
}
static inline void rope_copy(struct rope *r, str s)
{
    buf_add(&r->own, s);
}

static inline size_t rope_size(const struct rope *r)
{
    return buf_size(&r->own) + r->ref_bytes;
}

/* Some append failed: the content is not whole and must not be sent. */
static inline bool rope_failed(const struct rope *r)
{
    return r->own.failed;
}

/* How many iovecs rope_iov fills at most. */
static inline size_t rope_iov_count(const struct rope *r)
{
    return 2 * r->nrefs + 1;
}
/* Fill iov[rope_iov_count]; returns how many are used. Valid until the rope changes. */
size_t rope_iov(const struct rope *r, struct iovec *iov);
/* All bytes in one piece, appended to `to` (for tests and for callers that need it flat). */
void rope_flatten(const struct rope *r, struct buf *to);
