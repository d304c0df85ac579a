/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf - bytes that grow at the end and are consumed at the front, in one piece.
 *
 *     p                off            len              cap
 *     |--- consumed ---|--- live data --|--- free space -|
 *
 * Born with its maximum. Consuming moves `off`; the live part slides to the front only when room is
 * needed. Appending past the maximum, or without memory, fails and sets `failed`, which stays: a
 * writer may append many times and look once.
 */
#pragma once
#include "base/rc.h"
#include "base/str.h"

struct buf {
    char *p;
    size_t off, len; /* live bytes are p[off .. len) */
    size_t cap, max;
    bool failed;
};

#define BUF_INIT(maximum) ((struct buf){.max = (maximum)})

void buf_init(struct buf *b, size_t max);
void buf_fini(struct buf *b);  /* frees; usable again */
void buf_clear(struct buf *b); /* forgets the bytes and `failed`, keeps the memory */

static inline size_t buf_size(const struct buf *b)
{
    return b->len - b->off;
}

static inline str buf_str(const struct buf *b)
{
    return str_of(b->off ? b->p + b->off : b->p, b->len - b->off); /* p may be NULL */
}

/* Room for n more bytes behind the live part: where to write them, or NULL (then failed). */
char *buf_reserve(struct buf *b, size_t n) MUST_CHECK;
/* n of the reserved bytes were written. */
void buf_commit(struct buf *b, size_t n);
void buf_consume(struct buf *b, size_t n); /* n <= buf_size */
void buf_add_slow(struct buf *b, const char *p, size_t n);
PRINTF_LIKE(2, 3) void buf_addf(struct buf *b, const char *fmt, ...);
void buf_add_u64(struct buf *b, uint64_t v);
void buf_add_i64(struct buf *b, int64_t v);

static inline void buf_add(struct buf *b, str s)
{
    if (WEIR_LIKELY(b->cap - b->len >= s.n && s.n != 0 && s.p)) {
        memcpy(b->p + b->len, s.p, s.n);
        b->len += s.n;
    } else if (s.n) {
        buf_add_slow(b, s.p, s.n);
    }
}

static inline void buf_add_char(struct buf *b, char c)
{
    if (WEIR_LIKELY(b->len < b->cap))
        b->p[b->len++] = c;
    else
        buf_add_slow(b, &c, 1);
}

#define buf_lit(b, lit) buf_add((b), STR(lit))
