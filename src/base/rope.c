/* SPDX-License-Identifier: Apache-2.0 */
/* rope - own bytes and borrowed slices; see the header. */
#include "base/rope.h"

#include "base/mem.h"

void rope_fini(struct rope *r)
{
    buf_fini(&r->own);
    mem_free(r->refs);
    *r = ROPE_INIT(r->own.max);
}

void rope_clear(struct rope *r)
{
    buf_clear(&r->own);
    r->nrefs = 0;
    r->ref_bytes = 0;
}

void rope_ref_slow(struct rope *r, str s)
{
    if (r->nrefs == r->cap_refs) {
        size_t cap = r->cap_refs ? r->cap_refs * 2 : 8;
        struct rope_ref *refs = mem_realloc(r->refs, cap * sizeof(*refs));
        if (!refs) {
            r->own.failed = true;
            return;
        }
        r->refs = refs;
        r->cap_refs = cap;
    }
    ASSERT(r->nrefs == 0 || r->refs[r->nrefs - 1].at <= buf_size(&r->own));
    r->refs[r->nrefs++] = (struct rope_ref){buf_size(&r->own), s};
    r->ref_bytes += s.n;
}

/* Own bytes and slices in turn, as they were written: the slices stay where they lie. */
size_t rope_iov(const struct rope *r, struct iovec *iov)
{
    str own = buf_str(&r->own);
    size_t n = 0, at = 0;
    for (size_t i = 0; i < r->nrefs; i++) {
        CHECK(r->refs[i].at <= own.n);
        if (r->refs[i].at > at)
            iov[n++] = str_iov(str_of(own.p + at, r->refs[i].at - at));
        at = r->refs[i].at;
        iov[n++] = str_iov(r->refs[i].s);
    }
    if (own.n > at)
        iov[n++] = str_iov(str_of(own.p + at, own.n - at));
    ASSERT(n <= 2 * r->nrefs + 1); /* what callers make room for */
    return n;
}

void rope_flatten(const struct rope *r, struct buf *to)
{
    str own = buf_str(&r->own);
    size_t at = 0;
    for (size_t i = 0; i < r->nrefs; i++) {
        buf_add(to, str_of(own.p + at, r->refs[i].at - at));
        at = r->refs[i].at;
        buf_add(to, r->refs[i].s);
    }
    buf_add(to, str_of(own.p + at, own.n - at));
}
