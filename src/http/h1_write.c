/* SPDX-License-Identifier: Apache-2.0 */
/* h1_write - see the header. Small appends; the caller looks at b->failed once. */
#include "http/h1_write.h"

#include "http/scan_int.h"
#include "http/status.h"

static bool is_token(str s)
{
    return s.n && scan_token(s.p, s.p + s.n) == s.p + s.n;
}

static bool is_value(str s)
{
    return s.n == 0 || scan_value(s.p, s.p + s.n) == s.p + s.n;
}

void h1_write_status(struct buf *b, unsigned status)
{
    ASSERT(status >= 100 && status <= 599);
    buf_lit(b, "HTTP/1.1 ");
    buf_add_u64(b, status);
    buf_add_char(b, ' ');
    buf_add(b, status_reason(status));
    buf_lit(b, "\r\n");
}

void h1_write_request(struct buf *b, str method, str target)
{
    ASSERT(is_token(method));
    if (target.n == 0 || scan_target(target.p, target.p + target.n) != target.p + target.n) {
        b->failed = true;
        return;
    }
    buf_add(b, method);
    buf_add_char(b, ' ');
    buf_add(b, target);
    buf_lit(b, " HTTP/1.1\r\n");
}

/* A value with a line end in it would be two fields to who reads it, or a body: refused, whoever
 * asks for it. */
bool h1_write_header(struct buf *b, str name, str value)
{
    ASSERT(is_token(name));
    if (!is_value(value))
        return false;
    buf_add(b, name);
    buf_lit(b, ": ");
    buf_add(b, value);
    buf_lit(b, "\r\n");
    return true;
}

void h1_write_header_u64(struct buf *b, str name, uint64_t value)
{
    ASSERT(is_token(name));
    buf_add(b, name);
    buf_lit(b, ": ");
    buf_add_u64(b, value);
    buf_lit(b, "\r\n");
}

void h1_write_length(struct buf *b, uint64_t n)
{
    h1_write_header_u64(b, STR("content-length"), n);
}

void h1_write_end(struct buf *b)
{
    buf_lit(b, "\r\n");
}

size_t h1_chunk_prefix(char to[H1_CHUNK_PREFIX_MAX], size_t n)
{
    static const char digits[] = "0123456789abcdef";
    size_t len = 1;
    for (size_t v = n >> 4; v; v >>= 4)
        len++;
    for (size_t i = len; i-- > 0; n >>= 4)
        to[i] = digits[n & 15];
    ASSERT(len + 2 <= H1_CHUNK_PREFIX_MAX);
    to[len] = '\r';
    to[len + 1] = '\n';
    return len + 2;
}

void h1_write_chunk(struct buf *b, str data)
{
    if (data.n == 0)
        return; /* would end the body */
    char prefix[H1_CHUNK_PREFIX_MAX];
    buf_add(b, str_of(prefix, h1_chunk_prefix(prefix, data.n)));
    buf_add(b, data);
    buf_add(b, H1_CHUNK_END);
}
