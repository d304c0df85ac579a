/* SPDX-License-Identifier: Apache-2.0 */
/* buf - see the header for the picture. Growth doubles from 256 bytes up to the maximum. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/fmt.h"
#include "base/mem.h"

#define FIRST_SIZE 256

void buf_init(struct buf *b, size_t max)
{
    *b = BUF_INIT(max);
}

void buf_fini(struct buf *b)
{
    mem_free(b->p);
    *b = BUF_INIT(b->max);
}

void buf_clear(struct buf *b)
{
    b->off = b->len = 0;
    b->failed = false;
}

/* Room for `need` more bytes: by sliding what is live to the front where that is enough, else in a
 * new block of twice the size. Never beyond the maximum the buffer was born with. */
static bool grow(struct buf *b, size_t need)
{
    ASSERT(b->off <= b->len && b->len <= b->cap);
    size_t live = b->len - b->off;
    if (need > b->max || live > b->max - need) {
        b->failed = true;
        return false;
    }
    if (b->off && b->cap - live >= need) { /* sliding is enough */
        memmove(b->p, b->p + b->off, live);
        b->off = 0;
        b->len = live;
        return true;
    }
    size_t cap = b->cap ? b->cap : FIRST_SIZE;
    while (cap < live + need)
        cap *= 2;
    if (cap > b->max)
        cap = b->max;
    char *p = mem_alloc(cap);
    if (!p) {
        b->failed = true;
        return false;
    }
    if (live)
        memcpy(p, b->p + b->off, live);
    mem_free(b->p);
    b->p = p;
    b->off = 0;
    b->len = live;
    b->cap = cap;
    return true;
}

char *buf_reserve(struct buf *b, size_t n)
{
    if (b->off == b->len)
        b->off = b->len = 0;
    if (b->cap - b->len < n && !grow(b, n))
        return NULL;
    return b->p + b->len;
}

void buf_commit(struct buf *b, size_t n)
{
    CHECK(n <= b->cap - b->len);
    b->len += n;
}

void buf_consume(struct buf *b, size_t n)
{
    CHECK(n <= buf_size(b));
    b->off += n;
    if (b->off == b->len)
        b->off = b->len = 0;
}

/* A buffer that is full takes nothing more, also no small piece that would fit: what is in it is a
 * beginning, never a text with a hole. */
void buf_add_slow(struct buf *b, const char *p, size_t n)
{
    if (b->failed || !n)
        return;
    char *to = buf_reserve(b, n);
    if (!to)
        return;
    memcpy(to, p, n);
    b->len += n;
    ASSERT(buf_size(b) <= b->max);
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    char *to = n < 0 || b->failed ? NULL : buf_reserve(b, (size_t)n + 1);
    if (to) {
        vsnprintf(to, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
    va_end(ap);
}

void buf_add_u64(struct buf *b, uint64_t v)
{
    char tmp[FMT_U64_MAX];
    if (WEIR_LIKELY(b->cap - b->len >= FMT_U64_MAX))
        b->len += fmt_u64(b->p + b->len, v);
    else
        buf_add(b, str_of(tmp, fmt_u64(tmp, v)));
}

void buf_add_i64(struct buf *b, int64_t v)
{
    if (v < 0)
        buf_add_char(b, '-');
    buf_add_u64(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}
